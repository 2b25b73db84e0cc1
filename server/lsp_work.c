// Requests that a worker answers.
#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <string.h>

struct lsp_work {
    struct lsp_work *next, *prev;
    struct lsp_face *face;   // NULL: the session is over
    struct rpc_request *req; // NULL: answered already (cancelled)
    unsigned flags;
    uint64_t document, edits; // the text that it is about; 0: none
    lsp_work_fn *fn;
    void (*free_data)(void *data);
    struct lsp_copy *copy;
    json_t *params;
    char *root, *client;
    struct job *job;
    struct lsp_job in;
    int r;
    struct err err;
};

bool lsp_job_cancelled(void *job) {
    return job_cancelled(((struct lsp_job *)job)->job);
}

void lsp_reply_null(struct rpc_request *req) {
    rpc_reply_raw(req, "null", 4);
}

void lsp_reply_buf(struct rpc_request *req, const struct buf *text) {
    if (text->failed)
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
    else if (text->len)
        rpc_reply_raw(req, text->data, text->len);
    else
        lsp_reply_null(req);
}

void lsp_fail(struct rpc_request *req, int code, const struct err *err) {
    rpc_fail(req, code, err_text(err), NULL);
}

static void work_free(struct lsp_work *w) {
    if (w->prev)
        w->prev->next = w->next;
    else if (w->face)
        w->face->works = w->next;
    if (w->next)
        w->next->prev = w->prev;
    if (w->free_data)
        w->free_data(w->in.data);
    buf_done(&w->in.result);
    lsp_copy_put(w->copy);
    json_decref(w->params);
    mem_free(w->root);
    mem_free(w->client);
    mem_free(w);
}

static void work_run(void *ctx, struct job *job) {
    struct lsp_work *w = ctx;
    w->in.job = job;
    w->r = w->fn(&w->in, &w->err);
}

static bool stale(const struct lsp_work *w) {
    if (!(w->flags & LSP_FRESH) || !w->document)
        return false;
    for (const struct lsp_document *d = w->face->documents; d; d = d->next)
        if (d->id == w->document)
            return d->edits != w->edits;
    return true;
}

static void work_done(void *ctx, bool cancelled) {
    struct lsp_work *w = ctx;
    struct rpc_request *req = w->face ? w->req : NULL;
    if (!req) {
        work_free(w);
        return;
    }
    if (cancelled) // the engine is going: the next one is asked again
        rpc_drop(req);
    else if (stale(w))
        rpc_fail(req, LSP_CONTENT_MODIFIED, "The text has changed meanwhile", NULL);
    else if (w->r < 0)
        lsp_fail(req, w->r == ERR_INVAL ? JSONRPC_INVALID_PARAMS : LSP_REQUEST_FAILED, &w->err);
    else
        lsp_reply_buf(req, &w->in.result);
    work_free(w);
}

static void work_cancel(void *data) {
    struct lsp_work *w = data;
    struct rpc_request *req = w->req;
    w->req = NULL;
    rpc_fail(req, LSP_REQUEST_CANCELLED, "Cancelled", NULL);
    job_cancel(w->job); // w may be gone
}

// What is asked about a text is worth nothing once it is another: the answer comes at once, and the
// worker is free for what is asked next.
void lsp_work_changed(struct lsp_face *f, const struct lsp_document *d) {
    for (struct lsp_work *w = f->works, *next; w; w = next) {
        next = w->next;
        if (!w->req || !(w->flags & LSP_FRESH) || w->document != d->id)
            continue;
        rpc_fail(TAKE(w->req), LSP_CONTENT_MODIFIED, "The text has changed meanwhile", NULL);
        job_cancel(w->job); // w may be gone
    }
}

static struct lsp_work *work_new(struct lsp_face *f, struct rpc_request *req,
                                 struct lsp_document *d) {
    struct lsp_work *w = mem_zalloc(sizeof *w);
    const char *root = d && d->root ? d->root : lsp_root(f);
    if (!w)
        return NULL;
    w->copy = d ? lsp_document_copy(f, d) : NULL;
    w->root = root ? mem_strdup(root) : NULL;
    w->client = mem_strdup(session_client(f->session));
    w->params = json_incref(rpc_request_params(req));
    if ((d && !w->copy) || (root && !w->root) || !w->client) {
        work_free(w);
        return NULL;
    }
    w->document = d ? d->id : 0;
    w->edits = d ? d->edits : 0;
    w->in = (struct lsp_job){.services = session_services(f->session),
                             .copy = w->copy,
                             .root = w->root,
                             .params = w->params,
                             .client = w->client,
                             .seq = rpc_request_seq(req),
                             .result = BUF_INIT(0)};
    memcpy(w->in.session, session_id(f->session), sizeof w->in.session);
    return w;
}

void lsp_work_start(struct lsp_face *f, struct rpc_request *req, struct lsp_document *d,
                    unsigned flags, lsp_work_fn *fn, void *data, void (*free_data)(void *data)) {
    struct lsp_work *w = work_new(f, req, d);
    if (!w) {
        if (free_data)
            free_data(data);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    w->in.data = data;
    w->free_data = free_data;
    w->fn = fn;
    w->flags = flags;
    int r = pool_submit(session_pool(f->session),
                        flags & LSP_BACKGROUND ? POOL_BACKGROUND : POOL_INTERACTIVE, work_run,
                        work_done, w, &w->job);
    if (r < 0) {
        work_free(w);
        rpc_fail(req, LSP_REQUEST_FAILED, "paired is busy; ask again", NULL);
        return;
    }
    w->face = f;
    w->req = req;
    w->next = f->works;
    if (w->next)
        w->next->prev = w;
    f->works = w;
    rpc_request_set_data(req, w, work_cancel);
}

void lsp_work_close(struct lsp_face *f) {
    for (struct lsp_work *w = f->works, *next; w; w = next) {
        next = w->next;
        if (w->req)
            rpc_drop(w->req);
        w->req = NULL;
        w->face = NULL;
        w->next = w->prev = NULL;
        job_cancel(w->job); // w may be gone
    }
    f->works = NULL;
}
