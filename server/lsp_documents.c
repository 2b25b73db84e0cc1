// The documents that the editor has open, and what of them workers may hold.
#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <string.h>

// Two spellings of one file are one document: "%3A" and ":", "file:/x" and "file:///x".
struct lsp_document *lsp_document_find_any(const struct lsp_face *f, const char *uri, size_t n) {
    for (struct lsp_document *d = f->documents; d; d = d->next)
        if (strncmp(d->uri, uri, n) == 0 && d->uri[n] == '\0')
            return d;
    AUTO_FREE char *path = lsp_uri_path(uri, n);
    for (struct lsp_document *d = path ? f->documents : NULL; d; d = d->next)
        if (d->path && strcmp(d->path, path) == 0)
            return d;
    return NULL;
}

struct lsp_document *lsp_document_find(const struct lsp_face *f, const char *uri, size_t n) {
    struct lsp_document *d = lsp_document_find_any(f, uri, n);
    return d && !d->lost ? d : NULL;
}

struct lsp_document *lsp_document_of(struct lsp_face *f, struct rpc_request *req,
                                     const json_t *params) {
    const json_t *uri = json_object_get(json_object_get(params, "textDocument"), "uri");
    if (!json_is_string(uri)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "textDocument.uri: expected string", NULL);
        return NULL;
    }
    struct lsp_document *d = lsp_document_find(f, json_string_value(uri), json_string_length(uri));
    if (!d)
        lsp_reply_null(req);
    return d;
}

void **lsp_document_state(struct lsp_document *d, const struct lsp_feature *feature) {
    return &d->states[lsp_feature_index(feature)];
}

// --- where it is ---------------------------------------------------------------------------------

static size_t below(const char *folder, const char *path) {
    size_t n = strlen(folder);
    return strncmp(folder, path, n) == 0 && (path[n] == '/' || (n == 1 && *folder == '/')) ? n : 0;
}

int lsp_document_place(struct lsp_face *f, struct lsp_document *d) {
    const struct lsp_folder *best = NULL;
    size_t most = 0;
    for (size_t i = 0; d->path && i < f->folder_count; i++) {
        size_t n = f->folders[i].root ? below(f->folders[i].path, d->path) : 0;
        if (n > most) {
            best = &f->folders[i];
            most = n;
        }
    }
    AUTO_BUF relative = BUF_INIT(0);
    char *root = best ? mem_strdup(best->root) : NULL;
    if (best) {
        const char *rest = d->path + most;
        rest += *rest == '/';
        (void)buf_printf(&relative, "%s%s%s", best->below, *best->below ? "/" : "", rest);
        if (relative.failed || !root) {
            mem_free(root);
            return ERR_NOMEM;
        }
    }
    lsp_copy_put(d->copy); // it says where it was
    d->copy = NULL;
    mem_free(d->root);
    mem_free(d->relative);
    d->root = root;
    d->relative = best ? buf_take(&relative) : NULL;
    return 0;
}

// --- life ----------------------------------------------------------------------------------------

static enum lang language(const char *id, const char *path, const struct lsp_text *text) {
    // What editors call it, where it is not our name.
    static const struct {
        const char *id;
        enum lang lang;
    } others[] = {{"javascriptreact", LANG_JAVASCRIPT},
                  {"typescriptreact", LANG_TSX},
                  {"shellscript", LANG_BASH},
                  {"sh", LANG_BASH},
                  {"plaintext", LANG_TEXT},
                  {"makefile", LANG_MAKE},
                  {"objective-c", LANG_NONE},
                  {"jsonc", LANG_JSON},
                  {"scss", LANG_CSS},
                  {"less", LANG_CSS},
                  {"c++", LANG_CPP},
                  {"csharp", LANG_CSHARP}};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(others[i].id, id) == 0)
            return others[i].lang;
    enum lang lang = language_by_name(id, strlen(id));
    if (lang != LANG_NONE || !path)
        return lang;
    AUTO_BUF head = BUF_INIT(0);
    (void)lsp_text_copy(text, 0, 256, &head);
    return language_of(path, head.data ? head.data : "", head.len);
}

static void document_free(struct lsp_document *d) {
    lsp_copy_put(d->copy);
    lsp_text_free(d->text);
    mem_free(d->uri);
    mem_free(d->path);
    mem_free(d->root);
    mem_free(d->relative);
    mem_free(d->language);
    mem_free(d);
}

int lsp_document_open(struct lsp_face *f, const struct lsp_opening *o, struct lsp_document **ret,
                      struct err *err) {
    struct lsp_document *d = NULL;
    if (f->document_count >= LSP_DOCUMENTS_MAX ||
        o->text->len > LSP_DOCUMENTS_BYTES_MAX - f->document_bytes)
        return err_set(err, ERR_LIMIT, "%zu documents with %zu MB are open: this one is left alone",
                       f->document_count, f->document_bytes / (1024 * 1024));
    d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = lsp_text_take(o->text, &d->text, err);
    d->uri = mem_strdup(o->uri);
    d->language = mem_strdup(o->language);
    d->path = lsp_uri_path(o->uri, strlen(o->uri));
    if (r == 0 && (!d->uri || !d->language || lsp_document_place(f, d) < 0))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        document_free(d);
        return r;
    }
    d->lang = language(d->language, d->path, d->text);
    d->id = ++f->last_document;
    d->version = o->version;
    d->saved_edits = UINT64_MAX; // an editor may open what it kept unsaved
    d->counted = lsp_text_bytes(d->text);
    f->document_bytes += d->counted;
    f->document_count++;
    d->next = f->documents;
    if (d->next)
        d->next->prev = d;
    f->documents = d;
    *ret = d;
    return 0;
}

void lsp_document_edited(struct lsp_face *f, struct lsp_document *d) {
    size_t bytes = lsp_text_bytes(d->text);
    f->document_bytes += bytes - d->counted; // unsigned: a negative difference subtracts
    d->counted = bytes;
    d->edits++;
    d->changed_ns = f->arrival_ns;
    lsp_work_changed(f, d);
    lsp_copy_put(d->copy);
    d->copy = NULL;
}

void lsp_document_lose(struct lsp_face *f, struct lsp_document *d) {
    if (d->lost)
        return;
    lsp_tell_document(f, d, LSP_CLOSED);
    memset(d->states, 0, sizeof d->states);
    d->lost = true;
}

void lsp_document_recover(struct lsp_face *f, struct lsp_document *d) {
    d->lost = false;
    d->id = ++f->last_document; // for the features it is another one
    lsp_tell_document(f, d, LSP_OPENED);
}

void lsp_document_close(struct lsp_face *f, struct lsp_document *d) {
    if (!d->lost)
        lsp_tell_document(f, d, LSP_CLOSED);
    *(d->prev ? &d->prev->next : &f->documents) = d->next;
    if (d->next)
        d->next->prev = d->prev;
    f->document_count--;
    f->document_bytes -= d->counted;
    document_free(d);
}

// --- for workers ---------------------------------------------------------------------------------

void lsp_copy_put(struct lsp_copy *c) {
    if (!c || atomic_fetch_sub(&c->holders, 1) != 1)
        return;
    lsp_text_free((struct lsp_text *)c->lines);
    mem_free(c->uri);
    mem_free(c->path);
    mem_free(c->root);
    mem_free(c->relative);
    mem_free(c->language);
    mem_free(c);
}

struct lsp_copy *lsp_copy_hold(struct lsp_copy *c) {
    atomic_fetch_add(&c->holders, 1);
    return c;
}

static char *copy_of(const char *s, bool *failed) {
    char *copy = s ? mem_strdup(s) : NULL;
    *failed |= s && !copy;
    return copy;
}

struct lsp_copy *lsp_document_copy(struct lsp_face *f, struct lsp_document *d) {
    if (d->copy)
        return lsp_copy_hold(d->copy);
    struct lsp_copy *c = mem_zalloc(sizeof *c);
    struct lsp_text *text = NULL;
    bool failed = false;
    size_t n;
    if (!c)
        return NULL;
    atomic_init(&c->holders, 1);
    const char *bytes = lsp_text_flat(d->text, &n);
    failed = lsp_text_new(bytes, n, &text, NULL) < 0;
    c->lines = text;
    c->uri = copy_of(d->uri, &failed);
    c->path = copy_of(d->path, &failed);
    c->root = copy_of(d->root, &failed);
    c->relative = copy_of(d->relative, &failed);
    c->language = copy_of(d->language, &failed);
    if (failed) {
        lsp_copy_put(c);
        return NULL;
    }
    c->text = lsp_text_flat(text, &c->bytes);
    c->lang = d->lang;
    c->version = d->version;
    c->edits = d->edits;
    c->encoding = f->encoding;
    d->copy = c;
    return lsp_copy_hold(c);
}

// --- JSON of positions ---------------------------------------------------------------------------

static bool read_uint(const json_t *value, uint32_t *ret) {
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0)
        return false;
    *ret = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return true;
}

bool lsp_read_position(const json_t *value, struct lsp_position *ret) {
    return read_uint(json_object_get(value, "line"), &ret->line) &&
           read_uint(json_object_get(value, "character"), &ret->character);
}

bool lsp_read_range(const json_t *value, struct lsp_range *ret) {
    return lsp_read_position(json_object_get(value, "start"), &ret->start) &&
           lsp_read_position(json_object_get(value, "end"), &ret->end);
}

json_t *lsp_position_json(struct lsp_position p) {
    return json_pack("{s:I, s:I}", "line", (json_int_t)p.line, "character",
                     (json_int_t)p.character);
}

void lsp_put_range(struct buf *out, struct lsp_range r) {
    (void)buf_printf(out,
                     "{\"start\":{\"line\":%u,\"character\":%u},\"end\":{\"line\":%u,"
                     "\"character\":%u}}",
                     r.start.line, r.start.character, r.end.line, r.end.character);
}

json_t *lsp_range_json(struct lsp_range r) {
    json_t *start = lsp_position_json(r.start), *end = lsp_position_json(r.end);
    return json_pack("{s:o, s:o}", "start", start, "end", end);
}

json_t *lsp_copy_range_json(const struct lsp_copy *c, size_t from, size_t to) {
    return lsp_range_json((struct lsp_range){lsp_text_position(c->lines, c->encoding, from),
                                             lsp_text_position(c->lines, c->encoding, to)});
}

// --- words ---------------------------------------------------------------------------------------

bool lsp_is_word(char c) {
    return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c & 0x80);
}

size_t lsp_word_at(const struct lsp_face *f, const struct lsp_document *d, struct lsp_position at,
                   char ret[LSP_WORD_BYTES_MAX + 1], struct lsp_range *ret_range) {
    enum { SPAN = LSP_WORD_BYTES_MAX + 1 }; // one more: to see that it is longer
    AUTO_BUF near = BUF_INIT(0);
    size_t offset = lsp_text_offset(d->text, f->encoding, at);
    size_t low = offset > SPAN ? offset - SPAN : 0, line = lsp_text_line_start(d->text, at.line);
    low = low < line ? line : low;
    if (lsp_text_copy(d->text, low, offset + SPAN, &near) < 0)
        return 0;
    size_t from = offset - low, to = from;
    while (from && lsp_is_word(near.data[from - 1]))
        from--;
    while (to < near.len && lsp_is_word(near.data[to]))
        to++;
    if (to - from > LSP_WORD_BYTES_MAX)
        return 0;
    if (to > from)
        memcpy(ret, near.data + from, to - from);
    ret[to - from] = '\0';
    *ret_range = (struct lsp_range){lsp_text_position(d->text, f->encoding, low + from),
                                    lsp_text_position(d->text, f->encoding, low + to)};
    return to - from;
}
