#include "server/lsp_status.h"

#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "core/workspace/workspace.h"
#include "server/lsp_findings.h"
#include "server/lsp_rhythm.h"

#include <stdio.h>

// What the loop knows of the session, for the worker that adds the rest.
static json_t *session_figures(struct lsp_face *f) {
    struct lsp_rhythm_figures rhythm;
    struct lsp_quiet_figures quiet;
    json_int_t findings = 0;
    lsp_rhythm_figures(lsp_state(f, &lsp_feature_rhythm), &rhythm);
    lsp_quiet_figures(f->quiet, &quiet);
    for (struct lsp_document *d = f->documents; d; d = d->next) {
        const struct lsp_findings *now = d->lost ? NULL : lsp_findings_of(f, d);
        findings += now ? now->count : 0;
    }
    return json_pack("{s:i, s:b, s:I, s:{s:b, s:i, s:i}, s:{s:I, s:I, s:i}}", "documents",
                     (int)f->document_count, "live", f->live, "findings", findings, "quiet", "on",
                     lsp_setting_bool(f, "quiet.enable", true), "held", (int)quiet.waiting,
                     "pause_ms", (int)quiet.pause_ms, "rhythm", "seen", (json_int_t)rhythm.seen,
                     "told", (json_int_t)rhythm.told, "kept", (int)rhythm.kept);
}

static json_t *index_figures_of(struct lsp_job *job) {
    struct workspace *ws = NULL;
    struct index_figures g = {0};
    if (!job->root || workspaces_get(job->services->workspaces, job->root, &ws, NULL) < 0)
        return NULL;
    index_figures(workspace_index(ws), &g);
    workspace_put(ws);
    return json_pack("{s:I, s:I, s:I, s:b}", "files", (json_int_t)g.files, "code_files",
                     (json_int_t)g.code_files, "symbols", (json_int_t)g.symbols, "busy",
                     g.background);
}

static int make_status(struct lsp_job *job, struct err *err) {
    json_t *status = job->data;
    json_t *engine = job->services->status(job->services), *index = index_figures_of(job);
    if (engine)
        (void)json_object_set_new(status, "engine", engine);
    if (index)
        (void)json_object_set_new(status, "index", index);
    return buf_put_json(&job->result, status, JSON_COMPACT) < 0
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

static void free_status(void *status) {
    json_decref(status);
}

void lsp_status_answer(struct lsp_face *f, struct rpc_request *req) {
    json_t *status = session_figures(f);
    if (status)
        lsp_work_start(f, req, NULL, 0, make_status, status, free_status);
    else
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
}

// --- a document ----------------------------------------------------------------------------------

static int make_document(struct lsp_job *job, struct err *err) {
    enum { HASH_BYTES = 16 };
    const struct lsp_copy *c = job->copy;
    uint8_t hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    digest_bytes(c->text, c->bytes, hash, sizeof hash);
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    (void)buf_printf(&job->result, "{\"version\":%lld,\"bytes\":%zu,\"lines\":%u,\"hash\":\"%s\"}",
                     (long long)c->version, c->bytes, lsp_text_lines(c->lines), hex);
    return job->result.failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

void lsp_document_answer(struct lsp_face *f, struct rpc_request *req, struct lsp_document *d) {
    lsp_work_start(f, req, d, 0, make_document, NULL, NULL);
}
