// Capabilities behind MCP resources and completion. They are no tools: other clients never see
// them. run() is on a pool worker and may block on the store.
#include "server/dispatch.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/memory.h"

#include <string.h>
#include <time.h>

enum { RECENT_NOTES = 20, RECENT_TEXT_BYTES = 400, COMPLETE_MAX = 100 };

// --- text of things
static void put_time(struct buf *out, int64_t ms) {
    char text[40];
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    (void)buf_printf(out, "%s UTC", text);
}

static const char *kind_name(enum note_kind kind) {
    return kind == NOTE_DECISION ? "decision" : kind == NOTE_FACT ? "fact" : "note";
}

static void put_tags(struct buf *out, const char *tags) {
    (void)buf_puts(out, " · tags: ");
    for (const char *p = tags; *p; p++)
        (void)(*p == '\n' ? buf_puts(out, ", ") : buf_putc(out, *p));
}

static void put_note(struct buf *out, const struct note *n, size_t text_max) {
    (void)buf_printf(out, "%s %s · ", kind_name(n->kind), n->uid);
    put_time(out, n->created_ms);
    if (n->subject && *n->subject)
        (void)buf_printf(out, " · subject: %s", n->subject);
    if (n->tags && *n->tags)
        put_tags(out, n->tags);
    if (n->workspace && *n->workspace)
        (void)buf_printf(out, " · workspace: %s", n->workspace);
    else
        (void)buf_puts(out, " · global");
    if (n->source && *n->source)
        (void)buf_printf(out, " · from: %s", n->source);
    if (n->superseded_by[0])
        (void)buf_printf(out, " · superseded by %s", n->superseded_by);
    size_t shown = utf_cut(n->text, n->text_bytes, text_max);
    (void)buf_puts(out, "\n\n");
    (void)buf_append(out, n->text, shown);
    if (shown < n->text_bytes)
        (void)buf_printf(out, " … (%zu more bytes: memory://note/%s)", n->text_bytes - shown,
                         n->uid);
    (void)buf_putc(out, '\n');
}

static void put_handoff(struct buf *out, const struct handoff *h) {
    (void)buf_printf(out, "# %s\n\nhandoff %s · ", h->title, h->uid);
    put_time(out, h->created_ms);
    if (h->workspace && *h->workspace)
        (void)buf_printf(out, " · workspace: %s", h->workspace);
    if (h->source && *h->source)
        (void)buf_printf(out, " · from: %s", h->source);
    (void)buf_putc(out, '\n');
    if (h->summary && *h->summary)
        (void)buf_printf(out, "\n%s\n", h->summary);
    if (h->question && *h->question)
        (void)buf_printf(out, "\nOpen question: %s\n", h->question);
    if (h->next && *h->next)
        (void)buf_printf(out, "\nNext: %s\n", h->next);
    if (h->files && *h->files) {
        (void)buf_puts(out, "\nFiles:\n- ");
        for (const char *p = h->files; *p; p++)
            (void)(*p == '\n' ? buf_puts(out, "\n- ") : buf_putc(out, *p));
        (void)buf_putc(out, '\n');
    }
}

// --- mcp.read
struct read_input {
    struct text uri;
};
static const struct field read_fields[] = {
    {.name = "uri",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct read_input, uri),
     .max = 4096},
    {0},
};

// What stands behind `prefix` in the URI, percent-decoded and terminated. False: another prefix,
// too long, or a broken escape.
static bool uri_rest(struct text uri, const char *prefix, char *out, size_t max) {
    size_t n = strlen(prefix), used = 0;
    if (uri.len <= n || memcmp(uri.data, prefix, n) != 0)
        return false;
    for (size_t i = n; i < uri.len; i++) {
        unsigned value = (unsigned char)uri.data[i];
        if (value == '%') {
            char hex[3] = {0};
            if (i + 2 >= uri.len)
                return false;
            memcpy(hex, uri.data + i + 1, 2);
            if (strspn(hex, "0123456789abcdefABCDEF") != 2)
                return false;
            value = (unsigned)strtoul(hex, NULL, 16);
            i += 2;
        }
        if (value == 0 || used + 1 >= max)
            return false;
        out[used++] = (char)value;
    }
    out[used] = '\0';
    return true;
}

static int read_notes(struct call *call, struct db *db, const char *tag, struct buf *out,
                      struct err *err) {
    struct recall_result found = {0};
    struct recall_query q = {.text = "",
                             .workspace = call->caller->workspace,
                             .tag = tag,
                             .kind = -1,
                             .now_ms = call->now_ms,
                             .limit = RECENT_NOTES};
    int r = memory_recall(db, &q, &found, err);
    if (r < 0)
        return r;
    if (tag && found.count == 0)
        r = err_set(err, ERR_NOT_FOUND, "no note of this workspace has this tag");
    if (!tag && found.count == 0)
        (void)buf_puts(out, "Nothing has been noted for this workspace yet.\n");
    for (size_t i = 0; i < found.count; i++) {
        (void)buf_puts(out, i ? "\n---\n\n" : "");
        put_note(out, &found.hits[i].note, RECENT_TEXT_BYTES);
    }
    recall_result_done(&found);
    return r;
}

static int read_note(struct db *db, const char *uid, struct buf *out, struct err *err) {
    struct recall_result found = {0};
    int r = memory_get(db, uid, &found, err);
    if (r < 0)
        return r;
    put_note(out, &found.hits[0].note, NOTE_TEXT_BYTES_MAX);
    recall_result_done(&found);
    return 0;
}

static int read_handoff(struct call *call, struct db *db, const char *uid, struct buf *out,
                        struct err *err) {
    struct handoff_result found = {0};
    int r = handoff_load(db, call->caller->workspace, uid, 1, &found, err);
    if (r < 0)
        return r;
    if (found.count)
        put_handoff(out, &found.items[0]);
    else
        (void)buf_puts(out, "No session has handed over in this workspace yet.\n");
    handoff_result_done(&found);
    return 0;
}

static int read_stored(struct call *call, struct text uri, struct buf *out, struct err *err) {
    char rest[NOTE_TAG_BYTES_MAX + 1];
    struct db *db = NULL;
    bool recent = text_is(uri, "memory://recent"), latest = text_is(uri, "memory://handoff/latest");
    bool note = !recent && uri_rest(uri, "memory://note/", rest, sizeof rest);
    bool tag = !recent && !note && uri_rest(uri, "memory://tag/", rest, sizeof rest);
    bool handoff = !recent && !note && !tag && !latest &&
                   uri_rest(uri, "memory://handoff/", rest, sizeof rest);
    if (!recent && !latest && !note && !tag && !handoff)
        return err_set(err, ERR_NOT_FOUND, "no such resource");
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    int r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    if (recent || tag)
        r = read_notes(call, db, tag ? rest : NULL, out, err);
    else if (note)
        r = read_note(db, rest, out, err);
    else
        r = read_handoff(call, db, handoff ? rest : NULL, out, err);
    store_reader_put(store, db);
    return r;
}

static int dump_chunk(const char *bytes, size_t n, void *out) {
    return buf_append(out, bytes, n) < 0 ? -1 : 0;
}

static int run_read(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct read_input *in = input;
    const char *mime = "text/markdown";
    int r = 0;
    if (text_is(in->uri, "paired://status")) {
        json_t *status = call->services->status(call->services);
        if (!status || json_dump_callback(status, dump_chunk, &answer->text, JSON_INDENT(2)) < 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
        json_decref(status);
        mime = "application/json";
    } else {
        r = read_stored(call, in->uri, &answer->text, err);
    }
    if (r < 0)
        return r;
    answer->structured = json_pack("{s:s}", "mimeType", mime);
    return answer->structured && !answer->text.failed ? 0
                                                      : err_set(err, ERR_NOMEM, "out of memory");
}

// --- mcp.list
struct list_input {
    struct text after; // uid, "" = from the newest
    int64_t limit;
};
static const struct field list_fields[] = {
    {.name = "after",
     .type = FIELD_STRING,
     .offset = offsetof(struct list_input, after),
     .max = NOTE_UID_BYTES},
    {.name = "limit",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct list_input, limit),
     .min = 1,
     .max = RECALL_LIMIT_MAX},
    {0},
};

// First line of a note, short enough for a menu.
static json_t *note_title(const struct note *n) {
    enum { TITLE_BYTES = 80 };
    const char *line_end = memchr(n->text, '\n', n->text_bytes);
    size_t len = line_end ? (size_t)(line_end - n->text) : n->text_bytes;
    bool cut = len > TITLE_BYTES;
    len = cut ? utf_cut(n->text, len, TITLE_BYTES) : len;
    return json_pack("s%+", n->text, len, cut ? "…" : "");
}

static json_t *note_resource(const struct note *n) {
    char when[40];
    struct tm tm;
    time_t s = (time_t)(n->created_ms / 1000);
    gmtime_r(&s, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_pack("{s:s+, s:s, s:o, s:s, s:s, s:I, s:{s:s}}", "uri", "memory://note/", n->uid,
                     "name", n->uid, "title", note_title(n), "description", kind_name(n->kind),
                     "mimeType", "text/markdown", "size", (json_int_t)n->text_bytes, "annotations",
                     "lastModified", when);
}

static int run_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct list_input *in = input;
    char after[NOTE_UID_BYTES + 1] = "";
    struct recall_result found = {0};
    struct db *db = NULL;
    memcpy(after, in->after.len ? in->after.data : "", in->after.len);
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    int r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    r = memory_list(db, call->caller->workspace, false, *after ? after : NULL, (size_t)in->limit,
                    &found, err);
    store_reader_put(store, db);
    if (r < 0)
        return r;
    json_t *list = json_array();
    for (size_t i = 0; i < found.count; i++)
        (void)json_array_append_new(list, note_resource(&found.hits[i].note));
    answer->structured = json_pack("{s:o, s:b, s:s}", "resources", list, "more", found.more, "last",
                                   found.count ? found.hits[found.count - 1].note.uid : "");
    recall_result_done(&found);
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- mcp.complete
struct complete_input {
    int what;
    struct text prefix;
};
static const char *const complete_kinds[] = {"tag", "note", "handoff", NULL};
static const struct field complete_fields[] = {
    {.name = "what",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct complete_input, what),
     .values = complete_kinds},
    {.name = "prefix",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct complete_input, prefix),
     .max = 4096},
    {0},
};

static int complete_handoffs(struct call *call, struct db *db, const char *prefix, struct buf *out,
                             struct err *err) {
    struct handoff_result found = {0};
    int r = handoff_load(db, call->caller->workspace, NULL, COMPLETE_MAX, &found, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < found.count; i++)
        if (strncmp(found.items[i].uid, prefix, strlen(prefix)) == 0)
            (void)buf_printf(out, "%s\n", found.items[i].uid);
    handoff_result_done(&found);
    return 0;
}

static int run_complete(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    const struct complete_input *in = input;
    char prefix[NOTE_TAG_BYTES_MAX + 1];
    struct db *db = NULL;
    AUTO_BUF lines = BUF_INIT(64 * 1024);
    json_t *values = json_array();
    answer->structured = json_pack("{s:o}", "values", values);
    if (!answer->structured)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (in->prefix.len >= sizeof prefix)
        return 0; // nothing is that long
    memcpy(prefix, in->prefix.data, in->prefix.len);
    prefix[in->prefix.len] = '\0';
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    int r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    if (in->what == 0)
        r = memory_tags(db, prefix, COMPLETE_MAX, &lines, err);
    else if (in->what == 1)
        r = memory_uids(db, prefix, COMPLETE_MAX, &lines, err);
    else
        r = complete_handoffs(call, db, prefix, &lines, err);
    store_reader_put(store, db);
    if (r < 0 || !lines.len)
        return r;
    char *rest = lines.data;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            (void)json_array_append_new(values, json_string(line));
    return 0;
}

const struct capability capabilities_mcp[] = {
    {.name = "mcp.read",
     .title = "Read a resource",
     .description = "Content of a memory:// or paired:// resource",
     .flags = CAP_READ_ONLY,
     .input = read_fields,
     .input_size = sizeof(struct read_input),
     .run = run_read},
    {.name = "mcp.list",
     .title = "List notes",
     .description = "A page of notes as MCP resources",
     .flags = CAP_READ_ONLY,
     .input = list_fields,
     .input_size = sizeof(struct list_input),
     .run = run_list},
    {.name = "mcp.complete",
     .title = "Complete a value",
     .description = "Tags, notes or handoffs that begin with a prefix",
     .flags = CAP_READ_ONLY,
     .input = complete_fields,
     .input_size = sizeof(struct complete_input),
     .run = run_complete},
    {0},
};
