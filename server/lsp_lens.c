// textDocument/codeLens: above each function that is not as it was at HEAD, what the change did and
// what hangs on it. Off unless asked for (setting lens.enable): the language's own server has
// lenses too. Source: LSP 3.17 "Code Lens Request".
#include "core/base/mem.h"
#include "core/workspace/workspace.h"
#include "server/asked.h"
#include "server/lsp_knowledge.h"

#include <string.h>

enum { LENSES_MAX = 200 };

struct lens_data {
    struct lsp_knowledge *known; // NULL: not yet, or there are no commits
    struct lsp_functions_cache *functions;
    int64_t now_ms;
};

static void put_title(struct buf *out, const struct fact_symbol *was, const struct fact_symbol *is,
                      const struct lsp_uses *uses, const struct lsp_knowledge *known) {
    if (!was)
        (void)buf_printf(out, "new, complexity %u", is->cyclomatic);
    else if (was->cyclomatic != is->cyclomatic)
        (void)buf_printf(out, "complexity %u → %u", was->cyclomatic, is->cyclomatic);
    else
        (void)buf_printf(out, "changed, complexity %u", is->cyclomatic);
    if (uses->calls)
        (void)buf_printf(out, " · %u call%s in %u file%s", uses->calls, uses->calls == 1 ? "" : "s",
                         uses->files, uses->files == 1 ? "" : "s");
    if (uses->tests)
        (void)buf_printf(out, ", %u of tests", uses->tests);
    if (known->with)
        (void)buf_printf(out, " · changes with %s", known->with);
}

static void put_lens(struct lsp_job *job, const struct facts *now, const struct fact_symbol *s,
                     const struct fact_symbol *was, const struct snapshot *snapshot, bool first) {
    const struct lens_data *data = job->data;
    struct lsp_uses uses = {0};
    AUTO_BUF title = BUF_INIT(1024);
    struct buf *out = &job->result;
    if (snapshot)
        lsp_uses_of(snapshot, facts_text(now, s->name), &uses);
    put_title(&title, was, s, &uses, data->known);
    struct lsp_position line = {s->line ? s->line - 1 : 0, 0};
    (void)buf_puts(out, first ? "{\"range\":" : ",{\"range\":");
    lsp_put_range(out, (struct lsp_range){line, line});
    (void)buf_puts(out, ",\"command\":{\"title\":");
    (void)buf_put_json_string(out, title.data, title.len);
    (void)buf_puts(out, ",\"command\":\"paired.leonardo.impact\",\"arguments\":[{\"symbol\":");
    const char *name = facts_text(now, s->name);
    (void)buf_put_json_string(out, name, strlen(name));
    (void)buf_puts(out, ",\"show\":true}]}}");
}

// --- what others asked
// -----------------------------------------------------------------------------

static void put_asked_lens(struct lsp_job *job, const struct asked *a, uint32_t line,
                           unsigned *count) {
    const struct lens_data *data = job->data;
    AUTO_BUF title = BUF_INIT(1024);
    struct buf *out = &job->result;
    struct lsp_position at = {line, 0};
    asked_put(&title, a, data->now_ms);
    (void)buf_puts(out, (*count)++ ? ",{\"range\":" : "{\"range\":");
    lsp_put_range(out, (struct lsp_range){at, at});
    (void)buf_puts(out, ",\"command\":{\"title\":");
    (void)buf_put_json_string(out, title.data ? title.data : "", title.len);
    (void)buf_puts(out, ",\"command\":\"paired.resume\",\"arguments\":[{\"show\":true}]}}");
    out->failed |= title.failed;
}

// In another tool, about this file or one of its functions: the newest of each.
static void put_asked(struct lsp_job *job, const struct facts *now, unsigned *count) {
    const struct lens_data *data = job->data;
    struct asked a;
    if (!job->root || !job->copy->relative ||
        !asked_find(job->root, NULL, NULL, job->session, data->now_ms, &a, 1))
        return;
    if (asked_find(job->root, job->copy->relative, NULL, job->session, data->now_ms, &a, 1))
        put_asked_lens(job, &a, 0, count);
    for (uint32_t i = 0; i < now->symbol_count && *count < LENSES_MAX; i++) {
        const struct fact_symbol *s = facts_symbol(now, i);
        if (lsp_is_function(s) && asked_find(job->root, NULL, facts_text(now, s->name),
                                             job->session, data->now_ms, &a, 1))
            put_asked_lens(job, &a, s->line ? s->line - 1 : 0, count);
    }
}

static struct snapshot *newest(struct lsp_job *job, struct workspace **ret_ws) {
    struct snapshot *s = NULL;
    *ret_ws = NULL;
    if (job->root && workspaces_get(job->services->workspaces, job->root, ret_ws, NULL) == 0)
        s = index_newest(workspace_index(*ret_ws));
    return s;
}

static int make_lenses(struct lsp_job *job, struct err *err) {
    const struct lens_data *data = job->data;
    const struct lsp_copy *c = job->copy;
    struct workspace *ws = NULL;
    struct lsp_functions *functions = NULL;
    int r = lsp_functions_of(data->functions, c, &functions, err);
    if (r < 0)
        return r;
    const struct facts *now = functions->facts;
    struct snapshot *snapshot = newest(job, &ws);
    unsigned count = 0;
    (void)buf_putc(&job->result, '[');
    put_asked(job, now, &count);
    for (uint32_t i = 0; data->known && i < now->symbol_count && count < LENSES_MAX; i++) {
        const struct fact_symbol *s = facts_symbol(now, i), *was;
        if (lsp_is_function(s) && lsp_function_changed(data->known->base, now, s, &was))
            put_lens(job, now, s, was, snapshot, count++ == 0);
    }
    (void)buf_putc(&job->result, ']');
    snapshot_put(snapshot);
    workspace_put(ws);
    lsp_functions_put(functions);
    return job->result.failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static void free_data(void *ctx) {
    struct lens_data *data = ctx;
    lsp_knowledge_put(data->known);
    lsp_functions_cache_put(data->functions);
    mem_free(data);
}

static void on_lens(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    struct lsp_knowledge *known = lsp_knowledge_of(d);
    struct lens_data *data = NULL;
    if (!lsp_setting_bool(f, "lens.enable", false) || !language_is_code(d->lang) ||
        !(data = mem_zalloc(sizeof *data))) {
        rpc_reply_raw(req, "[]", 2);
        return;
    }
    // Without commits everything would be new: that is no news.
    data->known = lsp_knowledge_hold(known && known->tracked ? known : NULL);
    data->functions = lsp_functions_cache_hold(d);
    data->now_ms = env_wall_ms(session_env(f->session));
    lsp_work_start(f, req, d, LSP_FRESH, make_lenses, data, free_data);
}

struct lenses { // of one session
    bool on;
};

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    (void)f;
    *ret = mem_zalloc(sizeof(struct lenses));
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void close_state(struct lsp_face *f, void *state) {
    (void)f;
    mem_free(state);
}

static void configured(struct lsp_face *f) {
    struct lenses *l = lsp_state(f, &lsp_feature_lens);
    bool on = lsp_setting_bool(f, "lens.enable", false);
    if (l->on != on)
        lsp_refresh(f, "workspace.codeLens.refreshSupport", "workspace/codeLens/refresh");
    l->on = on;
}

// Somebody asked something elsewhere.
static void changed(struct lsp_face *f, json_t *uris, bool list_changed) {
    size_t i;
    const json_t *uri;
    (void)list_changed;
    json_array_foreach(uris, i, uri) {
        if (strcmp(json_string_value(uri), ASKED_URI) == 0 &&
            lsp_setting_bool(f, "lens.enable", false))
            lsp_refresh(f, "workspace.codeLens.refreshSupport", "workspace/codeLens/refresh");
    }
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    return json_object_set_new(capabilities, "codeLensProvider",
                               json_pack("{s:b}", "resolveProvider", 0)) < 0
               ? ERR_NOMEM
               : 0;
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/codeLens", .request = on_lens, .advertise = advertise},
    {0},
};
const struct lsp_feature lsp_feature_lens = {.name = "lens",
                                             .methods = methods,
                                             .open = open_state,
                                             .close = close_state,
                                             .configured = configured,
                                             .changed = changed};
