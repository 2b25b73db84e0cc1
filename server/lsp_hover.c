// textDocument/hover: only where paired knows what the language's own server does not: notes of the
// memory that name the word, and for a function's own name its complexity, its callers and what the
// commits of its file say. Else null: editors join the hovers of all servers. Source: LSP 3.17
// "Hover Request".
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "core/workspace/workspace.h"
#include "server/asked.h"
#include "server/lsp_knowledge.h"

#include <string.h>
#include <time.h>

enum { WORD_BYTES_MIN = 3, NOTES_MAX = 2, NOTE_BYTES_MAX = 400, PLACES = 16 };

struct hover_data {
    struct lsp_knowledge *known;
    char word[LSP_WORD_BYTES_MAX + 1];
    uint32_t line; // from 1
    struct lsp_range range;
    int64_t now_ms;
};

// --- what is known -------------------------------------------------------------------------------

// Markdown in a note or a name must not act: each special letter gets its backslash.
static void put_plain(struct buf *out, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strchr("\\`*_{}[]<>#+!|~$&", text[i]) && text[i])
            (void)buf_putc(out, '\\');
        (void)buf_putc(out, text[i] == '\n' ? ' ' : text[i]);
    }
}

static bool names_word(const char *text, size_t n, const char *word) {
    size_t w = strlen(word);
    for (const char *p = text, *end = text + n; (p = memmem(p, (size_t)(end - p), word, w)); p++)
        if ((p == text || !lsp_is_word(p[-1])) && (p + w == end || !lsp_is_word(p[w])))
            return true;
    return false;
}

static void put_notes(struct lsp_job *job, struct store *store, struct buf *out) {
    const struct hover_data *data = job->data;
    struct db *db = NULL;
    struct recall_result found = {0};
    const struct recall_query q = {.text = data->word,
                                   .text_bytes = strlen(data->word),
                                   .workspace = job->root,
                                   .kind = -1,
                                   .now_ms = data->now_ms,
                                   .limit = 8};
    if (store_reader_get(store, &db, NULL) < 0)
        return;
    int r = memory_recall(db, &q, &found, NULL);
    store_reader_put(store, db);
    unsigned shown = 0;
    for (size_t i = 0; r == 0 && i < found.count && shown < NOTES_MAX; i++) {
        const struct note *n = &found.hits[i].note;
        if (!names_word(n->text, n->text_bytes, data->word))
            continue;
        size_t bytes = n->text_bytes < NOTE_BYTES_MAX ? n->text_bytes : NOTE_BYTES_MAX;
        while (bytes && bytes < n->text_bytes && ((unsigned char)n->text[bytes] & 0xC0) == 0x80)
            bytes--;
        (void)buf_puts(out, shown++ ? "\n\n" : "");
        put_plain(out, n->text, bytes);
        (void)buf_puts(out, bytes < n->text_bytes ? " … _(noted" : " _(noted");
        if (n->source) {
            (void)buf_puts(out, " from ");
            put_plain(out, n->source, strlen(n->source));
        }
        (void)buf_puts(out, ")_");
    }
    recall_result_done(&found);
}

static void put_date(struct buf *out, int64_t s) {
    struct tm tm;
    time_t t = (time_t)s;
    if (gmtime_r(&t, &tm))
        (void)buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void put_history(const struct lsp_knowledge *k, struct buf *out) {
    if (!k || !k->commits)
        return;
    (void)buf_printf(out, "\n\nThis file: %u commit%s", k->commits, k->commits == 1 ? "" : "s");
    if (k->fixes)
        (void)buf_printf(out, ", %u of them fixes", k->fixes);
    (void)buf_puts(out, ", the last on ");
    put_date(out, k->last_s);
    if (k->with) {
        (void)buf_puts(out, "; changes with ");
        put_plain(out, k->with, strlen(k->with));
        (void)buf_printf(out, " (%u %% of %u times)", k->with_percent,
                         k->with_support * 100 / (k->with_percent ? k->with_percent : 1));
    }
    if (k->main_author) {
        (void)buf_puts(out, "; most of it by ");
        put_plain(out, k->main_author, strlen(k->main_author));
        (void)buf_printf(out, " (%u %%)", k->main_percent);
    }
    (void)buf_putc(out, '.');
}

// The word is the name of a function that begins on this line.
static const struct fact_symbol *defined_here(struct lsp_job *job, const struct snapshot *s) {
    const struct hover_data *data = job->data;
    const struct lsp_copy *c = job->copy;
    struct place places[PLACES];
    uint32_t n = snapshot_definitions(s, data->word, strlen(data->word), places, PLACES);
    for (uint32_t i = 0; c->relative && i < n && i < PLACES; i++) {
        const struct snapshot_file *f = snapshot_file(s, places[i].file);
        const struct fact_symbol *symbol = facts_symbol(f->facts, places[i].symbol);
        if (strcmp(f->path, c->relative) == 0 && symbol->line == data->line &&
            (symbol->kind == SYMBOL_FUNCTION || symbol->kind == SYMBOL_METHOD))
            return symbol;
    }
    return NULL;
}

static void put_function(struct lsp_job *job, const struct snapshot *s, struct buf *out) {
    const struct hover_data *data = job->data;
    const struct fact_symbol *f = defined_here(job, s);
    if (!f)
        return;
    struct lsp_uses uses;
    lsp_uses_of(s, data->word, &uses);
    (void)buf_printf(out, "%sComplexity %u (cognitive %u), %u lines; ", out->len ? "\n\n" : "",
                     f->cyclomatic, f->cognitive, f->code_lines);
    if (uses.calls)
        (void)buf_printf(out, "called %u time%s in %u file%s, %u of tests.", uses.calls,
                         uses.calls == 1 ? "" : "s", uses.files, uses.files == 1 ? "" : "s",
                         uses.tests);
    else
        (void)buf_puts(out, "no call is known.");
    put_history(data->known, out);
}

// What was asked about it in another tool, lately: the same question need not be asked twice.
static void put_asked(struct lsp_job *job, struct buf *out) {
    enum { SHOWN = 2 };
    const struct hover_data *data = job->data;
    struct asked list[SHOWN];
    size_t n =
        job->root ? asked_find(job->root, NULL, data->word, job->session, data->now_ms, list, SHOWN)
                  : 0;
    for (size_t i = 0; i < n; i++) {
        AUTO_BUF line = BUF_INIT(1024);
        asked_put(&line, &list[i], data->now_ms);
        (void)buf_puts(out, out->len ? "\n\n" : "");
        put_plain(out, line.data ? line.data : "", line.len);
        (void)buf_putc(out, '.');
    }
}

// --- the request ---------------------------------------------------------------------------------

static int make_hover(struct lsp_job *job, struct err *err) {
    const struct hover_data *data = job->data;
    AUTO_BUF text = BUF_INIT(16 * 1024);
    struct store *store = job->services->store(job->services, NULL);
    struct workspace *ws = NULL;
    if (store && store_state(store) == STORE_OPEN)
        put_notes(job, store, &text);
    if (job->root && workspaces_get(job->services->workspaces, job->root, &ws, NULL) == 0) {
        struct snapshot *s = index_newest(workspace_index(ws));
        if (s)
            put_function(job, s, &text);
        snapshot_put(s);
    }
    workspace_put(ws);
    put_asked(job, &text);
    if (!text.len && !text.failed)
        return 0; // null
    (void)buf_puts(&job->result, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
    AUTO_BUF whole = BUF_INIT(0);
    (void)buf_puts(&whole, "**paired**  \n");
    (void)buf_append(&whole, text.data, text.len);
    (void)buf_put_json_string(&job->result, whole.data, whole.len);
    (void)buf_puts(&job->result, "},\"range\":");
    lsp_put_range(&job->result, data->range);
    (void)buf_putc(&job->result, '}');
    return job->result.failed || text.failed || whole.failed
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

static void free_data(void *ctx) {
    struct hover_data *data = ctx;
    lsp_knowledge_put(data->known);
    mem_free(data);
}

static void on_hover(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_position at;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    if (!lsp_read_position(json_object_get(params, "position"), &at)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "position: expected a Position", NULL);
        return;
    }
    struct hover_data *data = mem_zalloc(sizeof *data);
    if (!data || !lsp_setting_bool(f, "hover.enable", true) ||
        lsp_word_at(f, d, at, data->word, &data->range) < WORD_BYTES_MIN) {
        mem_free(data);
        lsp_reply_null(req);
        return;
    }
    data->line = data->range.start.line + 1;
    data->now_ms = env_wall_ms(session_env(f->session));
    data->known = lsp_knowledge_hold(lsp_knowledge_of(d));
    lsp_work_start(f, req, d, 0, make_hover, data, free_data);
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    return json_object_set_new(capabilities, "hoverProvider", json_true()) < 0 ? ERR_NOMEM : 0;
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/hover", .request = on_hover, .advertise = advertise},
    {0},
};
const struct lsp_feature lsp_feature_hover = {.name = "hover", .methods = methods};
