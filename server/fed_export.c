// What of federation goes into an export: friends, what was shared and what came, who confirmed
// what. Nothing secret: no key, no paired secret; it is for people to read, and is not imported.
#include "core/base/mem.h"
#include "server/cap_fed.h"
#include "server/fed_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 200, PAGE_BYTES_MAX = 32 * 1024 * 1024 };

struct page {
    struct fed_core *core;
    struct buf text;
    int64_t after, lines;
    bool failed, more;
};

static void put_line(struct page *p, json_t *line) {
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    p->failed |= !text || buf_puts(&p->text, text) < 0 || buf_putc(&p->text, '\n') < 0;
    p->lines++;
    mem_free(text);
    json_decref(line);
}

static void put_friend(void *ctx, const struct peersdb_peer *peer) {
    char device[FED_HEX_BYTES], identity[FED_HEX_BYTES];
    fed_hex(peer->device, sizeof peer->device, device);
    fed_hex(peer->identity, sizeof peer->identity, identity);
    put_line(ctx, json_pack("{ss ss ss ss sI sI}", "type", "friend", "name", peer->name, "identity",
                            identity, "device", device, "paired_ms", (json_int_t)peer->paired_ms,
                            "seen_ms", (json_int_t)peer->seen_ms));
}

static int list_friends(struct fed_core *core, void *arg, struct err *err) {
    return peersdb_peers(core->peersdb, put_friend, arg, err);
}

static void put_receipt(void *ctx, const struct peersdb_receipt *r) {
    char device[FED_HEX_BYTES];
    fed_hex(r->device, sizeof r->device, device);
    (void)json_array_append_new(
        ctx, json_pack("{ss sI}", "device", device, "time_ms", (json_int_t)r->created_ms));
}

static int put_record(void *ctx, const struct peersdb_row *row) {
    static const char *const states[] = {[PEERSDB_QUARANTINED] = "quarantined",
                                         [PEERSDB_OFFERED] = "offered",
                                         [PEERSDB_ACCEPTED] = "accepted",
                                         [PEERSDB_REJECTED] = "rejected",
                                         [PEERSDB_DELETED] = "deleted"};
    struct page *p = ctx;
    char id[FED_HEX_BYTES], author[FED_HEX_BYTES];
    struct record r = {0};
    json_t *receipts = json_array();
    bool own = memcmp(row->author, identity_key(p->core->id), sizeof row->author) == 0;
    fed_hex(row->id, sizeof row->id, id);
    fed_hex(row->author, sizeof row->author, author);
    bool open = row->bytes && record_parse(row->bytes, row->n, &r, NULL) == 0;
    (void)peersdb_receipts(p->core->peersdb, row->id, put_receipt, receipts, NULL);
    put_line(p, json_pack("{ss ss ss ss sb ss sI so* so}", "type", "record", "id", id, "kind",
                          record_kind_name(row->kind), "state", states[row->state], "own", own,
                          "author", author, "arrived_ms", (json_int_t)row->arrived_ms, "body",
                          open ? json_stringn((const char *)r.body, r.body_bytes) : NULL,
                          "confirmed", receipts));
    p->after = row->seq;
    p->more = true;
    return p->text.len > PAGE_BYTES_MAX / 2;
}

static int list_records(struct fed_core *core, void *arg, struct err *err) {
    struct page *p = arg;
    struct peersdb_filter filter = {.after = p->after, .max = ROWS_AT_ONCE};
    p->core = core;
    p->more = false;
    int r = peersdb_list(core->peersdb, &filter, put_record, p, err);
    if (r >= 0 && p->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    return r < 0 ? r : 0;
}

static int write_page(int fd, struct page *p, struct err *err) {
    for (size_t done = 0; done < p->text.len;) {
        ssize_t n = write(fd, p->text.data + done, p->text.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, errno, "friends.jsonl cannot be written");
        done += (size_t)n;
    }
    buf_clear(&p->text);
    return 0;
}

static int write_lines(struct services *s, int fd, struct page *p, struct err *err) {
    int r = fed_visit(s, list_friends, p, err);
    if (r >= 0)
        r = write_page(fd, p, err);
    for (p->more = true; r >= 0 && p->more;) {
        r = fed_visit(s, list_records, p, err);
        if (r >= 0)
            r = write_page(fd, p, err);
    }
    if (r >= 0 && fsync(fd) < 0)
        r = err_errno(err, errno, "friends.jsonl cannot be synced");
    return r < 0 ? r : 0;
}

static int look(struct fed_core *core, void *arg, struct err *err) {
    (void)core, (void)arg, (void)err;
    return 0;
}

int fed_export(struct services *s, const char *folder, int64_t *ret_lines, struct err *err) {
    AUTO_FREE char *path = mem_format("%s/friends.jsonl", folder);
    struct page p = {.text = BUF_INIT(PAGE_BYTES_MAX)};
    *ret_lines = 0;
    int r = path ? fed_visit(s, look, NULL, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == ERR_NOT_FOUND)
        return 0;
    int fd = r < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (r == 0 && fd < 0)
        r = err_errno(err, errno, "%s cannot be made", path);
    if (r == 0)
        r = write_lines(s, fd, &p, err);
    buf_done(&p.text);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0 && fd >= 0)
        (void)unlink(path);
    *ret_lines = p.lines;
    return r;
}
