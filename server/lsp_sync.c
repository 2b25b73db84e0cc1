// Documents come, change and go. didOpen and didChange are read from the message's bytes, without a
// tree: a document may be 10 MB, and "replace all" ten thousand edits in one message. Source: LSP
// 3.17 "Text Document Synchronization".
#include "core/base/mem.h"
#include "protocol/json_pull.h"
#include "server/lsp_impl.h"

#include <string.h>

enum {
    // The front end's messages about a document are put together when those after its opening come
    // to so much and half of it: it keeps them in its own memory.
    STATE_BYTES_MIN = 256 * 1024,
    STATE_OVERHEAD = 64 // of one kept message
};

// --- opening -------------------------------------------------------------------------------------

static char *string_of(struct span value) {
    struct buf text = BUF_INIT(LSP_URI_BYTES_MAX);
    if (json_pull_string(value, &text) < 0 || (text.len && memchr(text.data, '\0', text.len))) {
        buf_done(&text);
        return NULL;
    }
    char *string = text.len ? buf_take(&text) : mem_strdup("");
    buf_done(&text);
    return string;
}

// What a didOpen says; the text is taken.
static void open_text(struct lsp_face *f, struct lsp_opening *o, struct span text) {
    struct lsp_document *old = lsp_document_find_any(f, o->uri, strlen(o->uri)), *d = NULL;
    struct err err = {0};
    if (old) {
        // "An open notification must not be sent more than once without a corresponding close."
        lsp_log(f, LSP_WARNING, "opened twice without a close; the newer text counts");
        lsp_document_close(f, old);
    }
    int r = 0;
    if (text.data) { // not decoded yet
        buf_done(o->text);
        r = json_pull_string(text, o->text);
        if (r < 0)
            (void)err_set(&err, r, "its text cannot be kept");
    }
    if (r == 0)
        r = lsp_document_open(f, o, &d, &err);
    if (r < 0) {
        lsp_log(f, LSP_WARNING, "a document was not taken: %s", err_text(&err));
        return;
    }
    lsp_tell_document(f, d, LSP_OPENED);
}

static void did_open(struct lsp_face *f, const struct jsonrpc_message *m, struct buf *text) {
    static const char *const outer[] = {"textDocument"};
    static const char *const inner[] = {"uri", "languageId", "version", "text"};
    struct span document = {0}, v[4] = {{0}};
    int64_t version = 0;
    if (json_pull_members_past(m->params, m->longest, outer, &document, 1))
        (void)json_pull_members_past(document, m->longest, inner, v, COUNT_OF(v));
    AUTO_FREE char *uri = string_of(v[0]);
    AUTO_FREE char *language = string_of(v[1]);
    (void)json_pull_int(v[2], &version); // some clients leave it out
    if (!uri || !*uri || !v[3].data || *v[3].data != '"') {
        lsp_log(f, LSP_ERROR, "textDocument/didOpen: expected textDocument.uri and .text");
        return;
    }
    struct lsp_opening o = {
        .uri = uri, .language = language ? language : "", .version = version, .text = text};
    bool decoded = v[3].data == m->text.data;
    open_text(f, &o, decoded ? (struct span){0} : v[3]);
}

// --- changing ------------------------------------------------------------------------------------

static bool pull_position(struct span value, struct lsp_position *ret) {
    static const char *const names[] = {"line", "character"};
    struct span v[2] = {{0}};
    int64_t line, character;
    if (!json_pull_members(value, names, v, 2) || !json_pull_int(v[0], &line) ||
        !json_pull_int(v[1], &character) || line < 0 || character < 0)
        return false;
    ret->line = line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
    ret->character = character > UINT32_MAX ? UINT32_MAX : (uint32_t)character;
    return true;
}

static bool pull_range(struct span value, struct lsp_range *ret) {
    static const char *const names[] = {"start", "end"};
    struct span v[2] = {{0}};
    return json_pull_members(value, names, v, 2) && pull_position(v[0], &ret->start) &&
           pull_position(v[1], &ret->end);
}

// Where a change put its text.
struct applied {
    bool whole; // all of the text was replaced
    size_t start, end;
    size_t removed; // bytes
};

// One of contentChanges: a range and its text, or a whole text.
static int apply(struct lsp_face *f, struct lsp_document *d, struct span change, struct buf *text,
                 struct applied *ret, struct err *err) {
    static const char *const names[] = {"range", "text"};
    struct span v[2] = {{0}};
    struct lsp_range range;
    buf_clear(text);
    if (!json_pull_members(change, names, v, 2) || json_pull_string(v[1], text) < 0)
        return err_set(err, text->failed ? ERR_LIMIT : ERR_INVAL, "a change without a text");
    const char *bytes = text->data ? text->data : "";
    if (!v[0].data || *v[0].data == 'n') { // null, as some write "absent"
        *ret = (struct applied){true, 0, text->len, lsp_text_bytes(d->text)};
        return lsp_text_replace(d->text, 0, lsp_text_bytes(d->text), bytes, text->len, err);
    }
    if (!pull_range(v[0], &range))
        return err_set(err, ERR_INVAL, "a change whose range is none");
    bool forward =
        range.start.line < range.end.line ||
        (range.start.line == range.end.line && range.start.character <= range.end.character);
    size_t start = lsp_text_offset(d->text, f->encoding, forward ? range.start : range.end);
    size_t end = lsp_text_offset(d->text, f->encoding, forward ? range.end : range.start);
    *ret = (struct applied){false, start, start + text->len, end - start};
    return lsp_text_edit(d->text, f->encoding, range, bytes, text->len, err);
}

// After an edit that could not be applied the text is not the editor's: nothing is said about it,
// and nothing offered to write into it, until a change replaces all of it.
static void apply_all(struct lsp_face *f, struct lsp_document *d, struct span changes) {
    AUTO_BUF text = BUF_INIT(LSP_TEXT_BYTES_MAX);
    struct span change;
    struct applied last = {0};
    size_t inserted = 0, removed = 0;
    struct err err = {0};
    size_t at = 0, count = 0, done = 0;
    bool lost = d->lost;
    for (; json_pull_each(changes, &at, &change); count++) {
        struct applied one = {0};
        if (apply(f, d, change, &text, &one, &err) == 0) {
            lost = lost && !one.whole;
            last = one;
            inserted += one.end - one.start;
            removed += one.removed;
            done++;
            continue;
        }
        lost = true;
        lsp_log(f, LSP_ERROR, "an edit was not applied: %s", err_text(&err));
    }
    if (done) {
        d->edited = (struct lsp_range){lsp_text_position(d->text, f->encoding, last.start),
                                       lsp_text_position(d->text, f->encoding, last.end)};
        d->typed = count == 1 && last.end - last.start <= LSP_TYPED_BYTES_MAX;
        d->inserted = inserted;
        d->removed = removed;
        lsp_document_edited(f, d);
    }
    if (lost)
        lsp_document_lose(f, d);
    else if (d->lost)
        lsp_document_recover(f, d);
    else if (done)
        lsp_tell_document(f, d, LSP_CHANGED);
}

static void did_change(struct lsp_face *f, struct span params, size_t message_bytes) {
    static const char *const outer[] = {"textDocument", "contentChanges"};
    static const char *const inner[] = {"uri", "version"};
    struct span v[2] = {{0}}, id[2] = {{0}};
    int64_t version;
    if (json_pull_members(params, outer, v, 2))
        (void)json_pull_members(v[0], inner, id, 2);
    AUTO_FREE char *uri = string_of(id[0]);
    struct lsp_document *d = uri ? lsp_document_find_any(f, uri, strlen(uri)) : NULL;
    if (!d || !v[1].data || *v[1].data != '[') {
        lsp_log(f, LSP_WARNING, "textDocument/didChange: %s",
                !uri ? "expected textDocument.uri"
                : !d ? "a document that is not open"
                     : "expected an array contentChanges");
        return;
    }
    // "The version number points to the version after all provided content changes have been
    // applied", and it grows. One that does not is the client's mistake; the edits are real.
    if (json_pull_int(id[1], &version)) {
        if (version <= d->version)
            lsp_log(f, LSP_WARNING, "version %lld of a document after %lld", (long long)version,
                    (long long)d->version);
        d->version = version;
    }
    apply_all(f, d, v[1]);
    d->journaled += message_bytes + STATE_OVERHEAD;
    lsp_sync_state(f, d);
}

// --- what the front end keeps --------------------------------------------------------------------

void lsp_sync_state(struct lsp_face *f, struct lsp_document *d) {
    size_t bytes;
    if (d->lost || d->journaled < STATE_BYTES_MIN + lsp_text_bytes(d->text) / 2)
        return;
    const char *text = lsp_text_flat(d->text, &bytes);
    AUTO_BUF m = BUF_INIT(0);
    (void)buf_reserve(&m, bytes + bytes / 16 + 512);
    (void)buf_puts(&m, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/didOpen\",\"params\":{"
                       "\"textDocument\":{\"uri\":");
    (void)buf_put_json_string(&m, d->uri, strlen(d->uri));
    (void)buf_puts(&m, ",\"languageId\":");
    (void)buf_put_json_string(&m, d->language, strlen(d->language));
    (void)buf_printf(&m, ",\"version\":%lld,\"text\":", (long long)d->version);
    (void)buf_put_json_string(&m, text, bytes);
    (void)buf_puts(&m, "}}}");
    if (m.failed)
        return; // it keeps what it has
    session_send_state(f->session, f->seq, d->uri, strlen(d->uri), m.data, m.len);
    d->journaled = 0;
}

// --- rows ----------------------------------------------------------------------------------------

bool lsp_sync_take(struct lsp_face *f, const struct jsonrpc_message *m, struct buf *text,
                   size_t message_bytes) {
    static const char open[] = "textDocument/didOpen", change[] = "textDocument/didChange";
    bool opens =
        m->method.len == sizeof open - 1 && memcmp(m->method.data, open, m->method.len) == 0;
    bool changes =
        m->method.len == sizeof change - 1 && memcmp(m->method.data, change, m->method.len) == 0;
    if (opens)
        did_open(f, m, text);
    else if (changes)
        did_change(f, m->params, message_bytes);
    return opens || changes;
}

static struct lsp_document *named(struct lsp_face *f, const json_t *params) {
    const json_t *uri = json_object_get(json_object_get(params, "textDocument"), "uri");
    struct lsp_document *d = json_is_string(uri) ? lsp_document_find_any(f, json_string_value(uri),
                                                                         json_string_length(uri))
                                                 : NULL;
    if (!d)
        lsp_log(f, LSP_WARNING, "a notification for a document that is not open");
    return d;
}

static void did_save(void *face, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_document *d = named(f, params);
    if (!d)
        return;
    d->saved_ns = f->arrival_ns;
    d->saved_edits = d->edits;
    if (!d->lost)
        lsp_tell_document(f, d, LSP_SAVED);
}

static void did_close(void *face, json_t *params) {
    struct lsp_document *d = named(face, params);
    if (d)
        lsp_document_close(face, d);
}

static void ignored(void *face, json_t *params) {
    (void)face;
    (void)params;
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    enum { INCREMENTAL = 2 };
    (void)f;
    return json_object_set_new(capabilities, "textDocumentSync",
                               json_pack("{s:b, s:i, s:{s:b}}", "openClose", 1, "change",
                                         INCREMENTAL, "save", "includeText", 0)) < 0
               ? ERR_NOMEM
               : 0;
}

static const struct lsp_method methods[] = {
    // The first two are taken before (lsp_sync_take); here for what is advertised.
    {.name = "textDocument/didOpen", .notification = ignored, .advertise = advertise},
    {.name = "textDocument/didChange", .notification = ignored},
    {.name = "textDocument/didSave", .notification = did_save},
    {.name = "textDocument/didClose", .notification = did_close},
    {.name = "textDocument/willSave", .notification = ignored},
    {0},
};
const struct lsp_feature lsp_feature_sync = {.name = "sync", .methods = methods};
