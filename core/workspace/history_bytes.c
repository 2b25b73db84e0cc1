// The list of commits as bytes and back. Numbers are LEB128, signed ones zigzag; paths are written
// in order and share their beginnings with the one before:
//   "PHIS" version id_bytes commits_max shallow_hash(8) head(id, or none: 0)
//   people: n, then address and name each as length and bytes
//   paths:  n, then shared bytes, length of the rest, rest
//   commits: n, then id, time before the one above, written before that, person, flags, subject,
//            parents and what it undoes (1 + number in this list, or 0 and an id), files in all,
//            files listed: path * 4 + status, a rename's older path
//   "END."
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "PHIS"
#define END_MARK   "END."
#define STATUSES   "MADR"
#define NOMEM(e)   err_set(e, ERR_NOMEM, "out of memory")
#define DAMAGED(e) err_set(e, ERR_CORRUPT, "the kept history cannot be read; it is read again")

enum { VERSION = 1, MAGIC_BYTES = 4 };

// --- writing

static void put(struct buf *b, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        (void)buf_putc(b, (char)(v | 0x80));
    (void)buf_putc(b, (char)v);
}

static void put_signed(struct buf *b, int64_t v) {
    put(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static void put_bytes(struct buf *b, const char *s, size_t n) {
    put(b, n);
    (void)buf_append(b, s, n);
}

struct sorted {
    const char *path;
    uint32_t number; // in the log
};

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct sorted *)a)->path, ((const struct sorted *)b)->path);
}

// Only those that a kept commit names; place[number in the log] = number in the bytes.
static int put_paths(const struct history *h, struct buf *b, uint32_t *place, struct err *err) {
    const struct log *l = &h->log;
    AUTO_FREE struct sorted *sorted = mem_alloc((l->paths.count + 1U) * sizeof *sorted);
    if (!sorted)
        return NOMEM(err);
    memset(place, 0, l->paths.count * sizeof *place);
    for (uint32_t i = 0; i < l->commit_count; i++)
        for (uint32_t k = 0; k < l->commits[i].change_count; k++) {
            const struct log_change *x = &l->changes[l->commits[i].first_change + k];
            place[x->path] = 1;
            if (x->from != HISTORY_NONE)
                place[x->from] = 1;
        }
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->paths.count; i++)
        if (place[i])
            sorted[n++] = (struct sorted){log_name(&l->paths, i), i};
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, by_path);
    put(b, n);
    const char *before = "";
    for (uint32_t i = 0; i < n; i++) {
        size_t shared = 0;
        while (before[shared] && before[shared] == sorted[i].path[shared])
            shared++;
        put(b, shared);
        put_bytes(b, sorted[i].path + shared, strlen(sorted[i].path + shared));
        before = sorted[i].path;
        place[sorted[i].number] = i;
    }
    return 0;
}

static void put_commit(const struct history *h, struct buf *b, const uint32_t *place, uint32_t i) {
    const struct log *l = &h->log;
    const struct log_commit *c = &l->commits[i];
    int64_t above = i ? l->commits[i - 1].time : 0;
    (void)buf_append(b, c->id, l->id_bytes);
    put_signed(b, (int64_t)((uint64_t)above - (uint64_t)c->time));
    put_signed(b, (int64_t)((uint64_t)c->time - (uint64_t)c->author_time));
    put(b, c->author);
    put(b, (uint64_t)c->flags << 1 | c->has_revert);
    put_bytes(b, l->text + c->subject, c->subject_bytes);
    put(b, c->parent_count);
    for (uint32_t k = 0; k < c->parent_count + c->has_revert; k++) {
        const struct log_link *link = &l->links[c->first_link + k];
        put(b, link->commit == HISTORY_NONE ? 0 : (uint64_t)link->commit + 1);
        if (link->commit == HISTORY_NONE)
            (void)buf_append(b, link->id, l->id_bytes);
    }
    put(b, c->file_total);
    put(b, c->change_count);
    for (uint32_t k = 0; k < c->change_count; k++) {
        const struct log_change *x = &l->changes[c->first_change + k];
        put(b, (uint64_t)place[x->path] << 2 | (uint64_t)(strchr(STATUSES, x->status) - STATUSES));
        if (x->status == 'R')
            put(b, place[x->from]);
    }
}

static int save(const struct history *h, struct buf *b, struct err *err) {
    const struct log *l = &h->log;
    uint8_t head[HISTORY_ID_BYTES_MAX];
    AUTO_FREE uint32_t *place = mem_alloc((l->paths.count + 1U) * sizeof *place);
    if (!place)
        return NOMEM(err);
    (void)buf_append(b, MAGIC, MAGIC_BYTES);
    (void)buf_putc(b, VERSION);
    (void)buf_putc(b, (char)l->id_bytes);
    put(b, h->commits_max);
    (void)buf_append(b, &h->shallow_hash, sizeof h->shallow_hash);
    bool has_head = h->head[0] && log_id_parse(h->head, l->id_bytes, head);
    (void)buf_putc(b, has_head);
    if (has_head)
        (void)buf_append(b, head, l->id_bytes);
    put(b, l->people.count);
    for (uint32_t i = 0; i < l->people.count; i++) {
        const char *address = log_name(&l->people, i), *name = l->text + l->person_names[i];
        put_bytes(b, address, strlen(address));
        put_bytes(b, name, strlen(name));
    }
    int r = put_paths(h, b, place, err);
    if (r < 0)
        return r;
    put(b, l->commit_count);
    for (uint32_t i = 0; i < l->commit_count; i++)
        put_commit(h, b, place, i);
    (void)buf_append(b, END_MARK, MAGIC_BYTES);
    return b->failed ? err_set(err, ERR_LIMIT, "the history is too large to be kept") : 0;
}

int history_save(const struct history *h, struct buf *ret, struct err *err) {
    size_t before = ret->len;
    int r = save(h, ret, err);
    if (r < 0 && ret->data) {
        ret->len = before;
        ret->data[before] = '\0';
    }
    return r;
}

// --- reading

struct reader {
    const uint8_t *at, *end;
    bool bad; // sticky
};

static uint64_t get(struct reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at >= r->end)
            break;
        uint8_t byte = *r->at++;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static int64_t get_signed(struct reader *r) {
    uint64_t v = get(r);
    return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}

static const uint8_t *get_bytes(struct reader *r, uint64_t n) {
    if (r->bad || n > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        return (const uint8_t *)"";
    }
    const uint8_t *s = r->at;
    r->at += n;
    return s;
}

static void get_into(struct reader *r, void *ret, size_t n) {
    const uint8_t *s = get_bytes(r, n);
    if (!r->bad)
        memcpy(ret, s, n);
}

static uint32_t get_below(struct reader *r, uint64_t bound) {
    uint64_t v = get(r);
    r->bad |= v >= bound;
    return r->bad ? 0 : (uint32_t)v;
}

// A count of things of at least `each` bytes: no more than there are bytes for.
static uint32_t get_count(struct reader *r, uint64_t max, size_t each) {
    uint64_t v = get(r);
    r->bad |= v > max || v > (uint64_t)(r->end - r->at) / each;
    return r->bad ? 0 : (uint32_t)v;
}

static int get_people(struct reader *r, struct log *l, struct err *err) {
    uint32_t n = get_count(r, HISTORY_AUTHORS_MAX, 2);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        uint64_t n_address = get(r);
        const uint8_t *address = get_bytes(r, n_address);
        uint64_t n_name = get(r);
        const uint8_t *name = get_bytes(r, n_name);
        char name_text[HISTORY_NAME_BYTES_MAX + 1];
        if (r->bad || n_address > HISTORY_NAME_BYTES_MAX || n_name > HISTORY_NAME_BYTES_MAX ||
            memchr(address, '\0', n_address) || memchr(name, '\0', n_name))
            return DAMAGED(err);
        memcpy(name_text, name, n_name);
        name_text[n_name] = '\0';
        uint32_t person;
        int e = log_add_person(l, (const char *)address, n_address, name_text, &person, err);
        if (e < 0)
            return e;
        if (person != i)
            return DAMAGED(err);
    }
    return r->bad ? DAMAGED(err) : 0;
}

static int get_paths(struct reader *r, struct log *l, struct err *err) {
    uint32_t n = get_count(r, HISTORY_PATHS_MAX, 2);
    char path[GIT_PATH_BYTES_MAX + 1] = "";
    size_t before = 0;
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        uint64_t shared = get(r), rest = get(r);
        const uint8_t *s = get_bytes(r, rest);
        if (r->bad || shared > before || shared + rest > GIT_PATH_BYTES_MAX || shared + rest == 0 ||
            memchr(s, '\0', rest))
            return DAMAGED(err);
        memcpy(path + shared, s, rest);
        before = shared + rest;
        uint32_t number;
        int e = log_intern(&l->paths, path, before, &number, err);
        if (e < 0)
            return e;
        if (number != i)
            return DAMAGED(err);
    }
    return r->bad ? DAMAGED(err) : 0;
}

static int get_changes(struct reader *r, struct log *l, struct log_commit *c, struct err *err) {
    c->file_total = get_below(r, HISTORY_NONE);
    c->change_count = get_count(r, HISTORY_COMMIT_FILES_MAX, 1);
    for (uint32_t k = 0; k < c->change_count && !r->bad; k++) {
        uint64_t v = get(r);
        struct log_change *x;
        int e = log_add_change(l, &x, err);
        if (e < 0)
            return e;
        *x = (struct log_change){.from = HISTORY_NONE, .status = STATUSES[v & 3]};
        r->bad |= v >> 2 >= l->paths.count;
        x->path = r->bad ? 0 : (uint32_t)(v >> 2);
        if (x->status == 'R')
            x->from = get_below(r, l->paths.count);
    }
    return r->bad ? DAMAGED(err) : 0;
}

static int get_links(struct reader *r, struct log *l, struct log_commit *c, uint32_t total,
                     struct err *err) {
    c->parent_count = get_below(r, HISTORY_PARENTS_MAX + 1);
    for (uint32_t k = 0; k < c->parent_count + c->has_revert && !r->bad; k++) {
        struct log_link *link;
        int e = log_add_link(l, &link, err);
        if (e < 0)
            return e;
        link->commit = get_below(r, (uint64_t)total + 1);
        if (link->commit == 0)
            get_into(r, link->id, l->id_bytes);
    }
    return r->bad ? DAMAGED(err) : 0;
}

static int get_commit(struct reader *r, struct log *l, uint32_t total, int64_t *above,
                      struct err *err) {
    struct log_commit *c;
    int e = log_add_commit(l, &c, err);
    if (e < 0)
        return e;
    get_into(r, c->id, l->id_bytes);
    c->time = (int64_t)((uint64_t)*above - (uint64_t)get_signed(r));
    c->author_time = (int64_t)((uint64_t)c->time - (uint64_t)get_signed(r));
    *above = c->time;
    c->author = get_below(r, l->people.count);
    uint32_t flags = get_below(r, 512);
    c->has_revert = flags & 1;
    c->flags = (uint8_t)(flags >> 1);
    uint64_t n = get(r);
    const char *subject = (const char *)get_bytes(r, n);
    if (r->bad || n > HISTORY_SUBJECT_BYTES_MAX || memchr(subject, '\0', n))
        return DAMAGED(err);
    if ((e = log_set_subject(l, c, subject, n, err)) < 0 ||
        (e = get_links(r, l, c, total, err)) < 0)
        return e;
    return get_changes(r, l, c, err);
}

// A number in the list stood for the id.
static void fill_links(struct log *l) {
    for (uint32_t i = 0; i < l->link_count; i++) {
        struct log_link *link = &l->links[i];
        uint32_t number = link->commit; // + 1; 0: an id that is not in the list
        if (number > 0)
            memcpy(link->id, l->commits[number - 1].id, sizeof link->id);
        link->commit = number > 0 ? number - 1 : HISTORY_NONE;
    }
    l->linked = true;
}

static int load(struct history *fresh, struct reader *r, struct err *err) {
    struct log *l = &fresh->log;
    fresh->commits_max = get_below(r, (uint64_t)HISTORY_COMMITS_MAX + 1);
    get_into(r, &fresh->shallow_hash, sizeof fresh->shallow_hash);
    const uint8_t *has_head = get_bytes(r, 1);
    if (r->bad || *has_head > 1)
        return DAMAGED(err);
    if (*has_head) {
        const uint8_t *id = get_bytes(r, l->id_bytes);
        if (r->bad)
            return DAMAGED(err);
        log_id_format(id, l->id_bytes, fresh->head);
    }
    int e = get_people(r, l, err);
    if (e < 0 || (e = get_paths(r, l, err)) < 0)
        return e;
    uint32_t n = get_count(r, HISTORY_COMMITS_MAX, l->id_bytes + 8U);
    int64_t above = 0;
    for (uint32_t i = 0; i < n && e == 0; i++)
        e = get_commit(r, l, n, &above, err);
    if (e < 0)
        return e;
    const uint8_t *mark = get_bytes(r, MAGIC_BYTES);
    if (r->bad || memcmp(mark, END_MARK, MAGIC_BYTES) != 0 || r->at != r->end)
        return DAMAGED(err);
    fill_links(l);
    return history_derive(fresh, err);
}

int history_load(struct history *h, const void *bytes, size_t n, struct err *err) {
    struct reader r = {bytes, (const uint8_t *)bytes + n, false};
    if (n > HISTORY_BLOB_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the kept history is too large");
    const uint8_t *magic = get_bytes(&r, MAGIC_BYTES + 2);
    if (r.bad || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        return DAMAGED(err);
    if (magic[MAGIC_BYTES] != VERSION)
        return err_set(err, ERR_VERSION, "the kept history is of another version");
    unsigned id_bytes = magic[MAGIC_BYTES + 1];
    if (id_bytes != 20 && id_bytes != HISTORY_ID_BYTES_MAX)
        return DAMAGED(err);
    struct history *fresh = mem_zalloc(sizeof *fresh);
    if (!fresh)
        return NOMEM(err);
    log_init(&fresh->log, id_bytes);
    int e = load(fresh, &r, err);
    if (e == 0) {
        struct history old = *h;
        *h = *fresh;
        *fresh = old;
    }
    history_free(fresh);
    return e;
}
