#include "server/mcp_call.h"

#include "core/base/mem.h"

#include <string.h>

enum { ASK_DEADLINE_MS = 10 * 60 * 1000 }; // people think; the client's own limit comes first

static void maybe_free(struct mcp_call *c) {
    if (!c->dead || c->handle || c->asking)
        return;
    if (c->timer)
        env_timer_cancel(c->env, c->timer);
    json_decref(c->params);
    json_decref(c->view.token);
    json_decref(c->owned);
    json_decref(c->notes);
    mem_free(c->client);
    mem_free(c->workspace);
    mem_free(c);
}

static void leave_face(struct mcp_call *c) {
    if (!c->face)
        return;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->face = NULL;
    c->session = NULL;
    c->next = NULL;
}

static void end(struct mcp_call *c) {
    leave_face(c);
    c->dead = true;
    env_timer_cancel(c->env, c->timer);
    c->timer = NULL;
    maybe_free(c);
}

struct mcp_call *mcp_call_new(struct mcp_face *f, struct rpc_request *req, json_t *params) {
    struct mcp_call *c = mem_zalloc(sizeof *c);
    const char *workspace = session_workspace(f->session);
    if (c) {
        c->client = mem_strdup(session_client(f->session));
        c->workspace = workspace ? mem_strdup(workspace) : NULL;
    }
    if (!c || !c->client || (workspace && !c->workspace)) {
        if (c) {
            mem_free(c->client);
            mem_free(c->workspace);
            mem_free(c);
        }
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return NULL;
    }
    c->face = f;
    c->shared = f->shared;
    c->session = f->session;
    c->dispatch = session_dispatch(f->session);
    c->env = session_env(f->session);
    snprintf(c->session_id, sizeof c->session_id, "%s", session_id(f->session));
    c->req = req;
    c->params = json_incref(params);
    c->view = f->now;
    c->view.token = json_incref(f->now.token);
    c->origin = mcp_origin(f);
    c->progress = -1;
    c->next = f->calls;
    c->link = &f->calls;
    if (c->next)
        c->next->link = &c->next;
    f->calls = c;
    rpc_request_set_data(req, c, NULL);
    return c;
}

// --- running a capability
static void dispatch_progress(void *ctx, double done, double total, const char *message) {
    struct mcp_call *c = ctx;
    if (!c->dead)
        mcp_call_progress(c, done, total, message);
}

static void dispatch_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct mcp_call *c = ctx;
    c->handle = 0;
    if (c->dead)
        maybe_free(c);
    else
        c->finish(c, r, answer, err);
}

int mcp_call_dispatch(struct mcp_call *c, const char *capability, json_t *arguments, bool confirmed,
                      mcp_call_finish_fn *finish, struct err *err) {
    struct dispatch_request req = {
        .capability = capability,
        .arguments = arguments,
        .caller = {.face = "mcp", .seq = c->origin, .client = c->client, .workspace = c->workspace},
        .confirmed = confirmed,
        .render = c->render,
        .progress = dispatch_progress,
        .done = dispatch_done,
        .ctx = c,
    };
    memcpy(req.caller.session, c->session_id, sizeof req.caller.session);
    c->finish = finish;
    int64_t handle = dispatch_call(c->dispatch, &req, err);
    if (handle < 0)
        return (int)handle;
    c->handle = handle;
    return 0;
}

// --- asking the client (legacy)
static void asked(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct mcp_call *c = ctx;
    c->asking = false;
    if (c->dead) {
        maybe_free(c);
        return;
    }
    const char *why = NULL;
    if (!result) {
        why = json_string_value(json_object_get(error, "message"));
        if (!why)
            why = error ? "the client refused" : err_text(err);
    }
    c->reply(c, result, why);
}

void mcp_call_ask(struct mcp_call *c, const char *method, json_t *params,
                  mcp_call_reply_fn *reply) {
    struct err err = {0};
    c->reply = reply;
    c->asking = true;
    int64_t call = params ? rpc_call(c->face->rpc, method, params, ASK_DEADLINE_MS, asked, c, &err)
                          : err_set(&err, ERR_NOMEM, "out of memory");
    if (call < 0) {
        c->asking = false;
        reply(c, NULL, err_text(&err));
    }
}

// --- time, progress, log
static void ticked(void *ctx) {
    struct mcp_call *c = ctx;
    c->timer = NULL;
    c->tick(c);
}

void mcp_call_after(struct mcp_call *c, uint64_t ms, mcp_call_tick_fn *tick) {
    c->tick = tick;
    c->timer = env_timer_start(c->env, ms, ticked, c);
    if (!c->timer)
        mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
}

void mcp_call_progress(struct mcp_call *c, double done, double total, const char *message) {
    if (c->task)
        mcp_task_status(c->task, message);
    // "The progress value MUST increase with each notification", and stop with the request.
    if (!c->face || !c->req || !c->view.token || done <= c->progress)
        return;
    c->progress = done;
    json_t *params = json_pack("{s:O, s:f}", "progressToken", c->view.token, "progress", done);
    if (params && total >= 0)
        (void)json_object_set_new(params, "total", json_real(total));
    if (params && message)
        (void)json_object_set_new(params, "message", json_string(message));
    (void)rpc_notify(c->face->rpc, "notifications/progress", params);
}

void mcp_call_log(struct mcp_call *c, int level, const char *text) {
    if (c->face && c->req)
        mcp_log(c->face, &c->view, level, text);
}

// --- the end
void mcp_call_result(struct mcp_call *c, json_t *result) {
    struct rpc_request *req = c->req;
    c->req = NULL;
    if (c->task)
        mcp_task_end(c->task, result, NULL, false);
    else if (req)
        mcp_reply(req, c->view.era, result);
    else
        json_decref(result);
    end(c);
}

void mcp_call_raw(struct mcp_call *c, struct buf *text) {
    if (c->task) {
        json_t *result = text->failed ? NULL : mcp_tree(text->data, text->len);
        mcp_call_result(c, result);
        return;
    }
    struct rpc_request *req = c->req;
    c->req = NULL;
    if (req)
        mcp_reply_buf(req, text);
    end(c);
}

void mcp_call_fail(struct mcp_call *c, int code, const char *message, json_t *data) {
    struct rpc_request *req = c->req;
    c->req = NULL;
    if (c->task) {
        json_t *error =
            json_pack("{s:i, s:s, s:o*}", "code", code, "message", message, "data", data);
        mcp_task_end(c->task, NULL, error, false);
    } else if (req) {
        rpc_fail(req, code, message, data);
    } else {
        json_decref(data);
    }
    end(c);
}

void mcp_call_cancel(struct mcp_call *c) {
    struct rpc_request *req = c->req;
    int64_t handle = c->handle;
    struct dispatch *dispatch = c->dispatch;
    c->req = NULL;
    if (req)
        rpc_drop(req);
    if (c->task)
        mcp_task_end(c->task, NULL, NULL, true);
    end(c); // c lives on only while dispatch or rpc still refer to it
    if (handle)
        dispatch_cancel(dispatch, handle);
}

void mcp_call_detach(struct mcp_call *c) {
    leave_face(c);
}

void mcp_call_abandon(struct mcp_call *c) {
    c->task = NULL;
    c->timer = NULL; // freed with its loop
    c->handle = 0;
    c->asking = false;
    c->dead = true;
    maybe_free(c);
}

json_t *mcp_text_result(const char *text, bool is_error) {
    return json_pack("{s:[{s:s, s:s}], s:b}", "content", "type", "text", "text", text, "isError",
                     is_error);
}
