// textDocument/inlayHint: at the end of a function's first line what its complexity has become, or
// that it is high. Off unless asked for (setting inlayHints): the language's own server has hints
// too. Sources: LSP 3.17 "Inlay Hint Request", "Inlay Hint Resolve Request".
#include "core/base/mem.h"
#include "core/workspace/workspace.h"
#include "server/lsp_knowledge.h"

#include <string.h>

enum { HINTS_MAX = 500, HIGH_COMPLEXITY = 15, NAME_BYTES_MAX = 200 };

struct hints_data {
    struct lsp_knowledge *known;
    struct lsp_functions_cache *functions;
    struct lsp_range range;
    bool resolves;
};

static bool is_on(const struct lsp_face *f) {
    return lsp_setting_bool(f, "inlayHints", false);
}

static bool resolves(const struct lsp_face *f) {
    return lsp_client_lists(f, "textDocument.inlayHint.resolveSupport.properties", "tooltip");
}

static void put_hint(struct lsp_job *job, const struct facts *now, const struct fact_symbol *s,
                     const struct fact_symbol *was, bool first) {
    const struct hints_data *data = job->data;
    const struct lsp_copy *c = job->copy;
    struct buf *out = &job->result;
    size_t from = lsp_text_line_start(c->lines, s->line - 1);
    const char *eol = memchr(c->text + from, '\n', c->bytes - from);
    size_t end = eol ? (size_t)(eol - c->text) : c->bytes;
    if (end > from && c->text[end - 1] == '\r')
        end--;
    struct lsp_position at = lsp_text_position(c->lines, c->encoding, end);
    (void)buf_printf(out, "%s{\"position\":{\"line\":%u,\"character\":%u},\"label\":\"",
                     first ? "" : ",", at.line, at.character);
    if (was && was->cyclomatic != s->cyclomatic)
        (void)buf_printf(out, "complexity %u → %u", was->cyclomatic, s->cyclomatic);
    else
        (void)buf_printf(out, "complexity %u", s->cyclomatic);
    (void)buf_puts(out, "\",\"paddingLeft\":true");
    if (data->resolves) {
        const char *name = facts_text(now, s->name);
        (void)buf_puts(out, ",\"data\":{\"uri\":");
        (void)buf_put_json_string(out, c->uri, strlen(c->uri));
        (void)buf_puts(out, ",\"name\":");
        (void)buf_put_json_string(out, name, strlen(name));
        (void)buf_printf(out, ",\"cognitive\":%u,\"nesting\":%u}", s->cognitive, s->nesting);
    }
    (void)buf_putc(out, '}');
}

static int make_hints(struct lsp_job *job, struct err *err) {
    const struct hints_data *data = job->data;
    struct lsp_functions *functions = NULL;
    int r = lsp_functions_of(data->functions, job->copy, &functions, err);
    unsigned count = 0;
    if (r < 0)
        return r;
    const struct facts *now = functions->facts;
    (void)buf_putc(&job->result, '[');
    for (uint32_t i = 0; i < now->symbol_count && count < HINTS_MAX; i++) {
        const struct fact_symbol *s = facts_symbol(now, i), *was = NULL;
        if (!s->line || s->line - 1 < data->range.start.line ||
            s->line - 1 > data->range.end.line || !lsp_is_function(s))
            continue;
        const struct facts *base = data->known ? data->known->base : NULL;
        bool changed = base && lsp_function_changed(base, now, s, &was) && was &&
                       was->cyclomatic != s->cyclomatic;
        if (changed || s->cyclomatic >= HIGH_COMPLEXITY)
            put_hint(job, now, s, was, count++ == 0);
    }
    (void)buf_putc(&job->result, ']');
    lsp_functions_put(functions);
    return job->result.failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static void free_data(void *ctx) {
    struct hints_data *data = ctx;
    lsp_knowledge_put(data->known);
    lsp_functions_cache_put(data->functions);
    mem_free(data);
}

static void on_hints(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_range range;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    if (!lsp_read_range(json_object_get(params, "range"), &range)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "range: expected a Range", NULL);
        return;
    }
    struct hints_data *data =
        is_on(f) && language_is_code(d->lang) ? mem_zalloc(sizeof *data) : NULL;
    if (!data) {
        rpc_reply_raw(req, "[]", 2);
        return;
    }
    *data = (struct hints_data){.known = lsp_knowledge_hold(lsp_knowledge_of(d)),
                                .functions = lsp_functions_cache_hold(d),
                                .range = range,
                                .resolves = resolves(f)};
    lsp_work_start(f, req, d, LSP_FRESH, make_hints, data, free_data);
}

// --- what stands behind a hint -------------------------------------------------------------------

struct tip_data {
    json_t *hint;
    char name[NAME_BYTES_MAX];
    json_int_t cognitive, nesting;
};

static int make_tip(struct lsp_job *job, struct err *err) {
    struct tip_data *data = job->data;
    struct workspace *ws = NULL;
    struct lsp_uses uses = {0};
    AUTO_BUF text = BUF_INIT(4096);
    if (job->root && workspaces_get(job->services->workspaces, job->root, &ws, NULL) == 0) {
        struct snapshot *s = index_newest(workspace_index(ws));
        if (s)
            lsp_uses_of(s, data->name, &uses);
        snapshot_put(s);
    }
    workspace_put(ws);
    (void)buf_printf(&text, "Ways through the function; cognitive complexity %lld, nesting %lld.",
                     (long long)data->cognitive, (long long)data->nesting);
    if (uses.calls)
        (void)buf_printf(&text, " Called %u time%s in %u file%s, %u of tests.", uses.calls,
                         uses.calls == 1 ? "" : "s", uses.files, uses.files == 1 ? "" : "s",
                         uses.tests);
    if (text.failed ||
        json_object_set_new(data->hint, "tooltip", json_stringn(text.data, text.len)) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return buf_put_json(&job->result, data->hint, JSON_COMPACT) < 0
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

static void free_tip(void *ctx) {
    struct tip_data *data = ctx;
    json_decref(data->hint);
    mem_free(data);
}

static void on_resolve(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    const json_t *about = json_object_get(params, "data");
    const char *uri = json_string_value(json_object_get(about, "uri"));
    const char *name = json_string_value(json_object_get(about, "name"));
    struct lsp_document *d = uri ? lsp_document_find(f, uri, strlen(uri)) : NULL;
    struct tip_data *data =
        d && name && strlen(name) < NAME_BYTES_MAX ? mem_zalloc(sizeof *data) : NULL;
    if (!data) { // none of ours, or its document was closed: it is whole as it is
        rpc_reply(req, json_incref(params));
        return;
    }
    data->hint = json_copy(params);
    data->cognitive = json_integer_value(json_object_get(about, "cognitive"));
    data->nesting = json_integer_value(json_object_get(about, "nesting"));
    memcpy(data->name, name, strlen(name) + 1);
    if (!data->hint) {
        free_tip(data);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    lsp_work_start(f, req, d, 0, make_tip, data, free_tip);
}

// --- refreshing ----------------------------------------------------------------------------------

struct hints { // of one session
    bool on;
};

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    (void)f;
    *ret = mem_zalloc(sizeof(struct hints));
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void close_state(struct lsp_face *f, void *state) {
    (void)f;
    mem_free(state);
}

static void configured(struct lsp_face *f) {
    struct hints *h = lsp_state(f, &lsp_feature_hints);
    bool on = is_on(f);
    if (h->on != on)
        lsp_refresh(f, "workspace.inlayHint.refreshSupport", "workspace/inlayHint/refresh");
    h->on = on;
}

static bool can_show(const struct lsp_face *f) {
    return lsp_client_can(f, "textDocument.inlayHint");
}

static bool can_resolve(const struct lsp_face *f) {
    return can_show(f) && resolves(f);
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    return json_object_set_new(capabilities, "inlayHintProvider",
                               json_pack("{s:b}", "resolveProvider", resolves(f))) < 0
               ? ERR_NOMEM
               : 0;
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/inlayHint",
     .request = on_hints,
     .advertise = advertise,
     .wanted = can_show},
    {.name = "inlayHint/resolve", .request = on_resolve, .wanted = can_resolve},
    {0},
};
const struct lsp_feature lsp_feature_hints = {.name = "hints",
                                              .methods = methods,
                                              .open = open_state,
                                              .close = close_state,
                                              .configured = configured};
