// Engine side of the command line: a session with role "cli". Two methods on JSON-RPC:
//   paired/call {capability, arguments, confirmed, deadline_ms} → {structured, text, ask}
//   paired/capabilities {} → {capabilities: [{name, title, description, input}]}
// and the notification paired/progress {done, total, message} while a call runs. A failure carries
// the engine's own code (ERR_*) and its name in error.data. Main loop only.
#include "core/base/mem.h"
#include "protocol/hop.h"
#include "protocol/rpc.h"
#include "server/session.h"

#include <string.h>

struct cli_face {
    struct session *session;
    struct rpc *rpc;
    struct cli_call *calls;
};

struct cli_call { // lives until dispatch has told its end, also when the session is gone
    struct cli_call *prev, *next;
    struct cli_face *face; // NULL: nobody waits any more
    struct rpc_request *req;
    int64_t handle;
};

struct call_params {
    struct text capability;
    json_t *arguments;
    bool confirmed;
    int64_t deadline_ms;
};
static const struct field call_fields[] = {
    {.name = "capability",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct call_params, capability),
     .min = 1,
     .max = 64},
    {.name = "arguments", .type = FIELD_JSON, .offset = offsetof(struct call_params, arguments)},
    {.name = "confirmed", .type = FIELD_BOOL, .offset = offsetof(struct call_params, confirmed)},
    {.name = "deadline_ms",
     .type = FIELD_INT,
     .offset = offsetof(struct call_params, deadline_ms),
     .min = 1,
     .max = 24 * 3600 * 1000},
    {0},
};

static void fail(struct rpc_request *req, int rpc_code, int code, const struct err *err) {
    rpc_fail(req, rpc_code, err_text(err),
             json_pack("{si ss}", "code", code, "name", err_name(code)));
}

static void call_free(struct cli_call *c) {
    if (c->prev)
        c->prev->next = c->next;
    else if (c->face)
        c->face->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    mem_free(c);
}

// Passphrases come in here and recovery words go out: freed memory is to hold neither.
static void wipe_strings(json_t *value) { // NOLINT(misc-no-recursion): depth is limited
    const char *key;
    size_t i;
    json_t *part;
    json_object_foreach(value, key, part) wipe_strings(part);
    json_array_foreach(value, i, part) wipe_strings(part);
    if (json_is_string(value))
        explicit_bzero((char *)json_string_value(value), json_string_length(value));
}

static void on_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct cli_call *c = ctx;
    // After its time limit a call may still be at work, with these arguments.
    if (c->face && r != ERR_TIMEOUT)
        wipe_strings(rpc_request_params(c->req));
    if (c->face && r < 0)
        fail(c->req, JSONRPC_INTERNAL_ERROR, r, err);
    else if (c->face)
        rpc_reply(c->req, json_pack("{sO? ss% sO?}", "structured", answer->structured, "text",
                                    answer->text.data ? answer->text.data : "", answer->text.len,
                                    "ask", answer->ask));
    wipe_strings(answer->structured);
    call_free(c);
}

static void on_progress(void *ctx, double done, double total, const char *message) {
    struct cli_call *c = ctx;
    if (c->face)
        (void)rpc_notify(c->face->rpc, "paired/progress",
                         json_pack("{sf sf ss}", "done", done, "total", total, "message",
                                   message ? message : ""));
}

static void on_cancelled(void *data) {
    struct cli_call *c = data;
    if (c->face)
        dispatch_cancel(session_dispatch(c->face->session), c->handle);
}

static void start_call(struct cli_face *f, struct rpc_request *req, const struct call_params *p) {
    struct err err = {0};
    struct cli_call *c = mem_zalloc(sizeof *c);
    AUTO_FREE char *name = mem_strndup(p->capability.data, p->capability.len);
    if (!c || !name) {
        mem_free(c);
        fail(req, JSONRPC_INTERNAL_ERROR, err_set(&err, ERR_NOMEM, "out of memory"), &err);
        return;
    }
    struct dispatch_request call = {
        .capability = name,
        .arguments = p->arguments,
        .caller = {.face = "cli",
                   .seq = rpc_request_seq(req),
                   .client = session_client(f->session),
                   .workspace = session_workspace(f->session)},
        .deadline_ms = (uint64_t)p->deadline_ms,
        .confirmed = p->confirmed,
        .progress = on_progress,
        .done = on_done,
        .ctx = c,
    };
    const char *id = session_id(f->session);
    memcpy(call.caller.session, id, strlen(id) + 1);
    *c = (struct cli_call){.face = f, .req = req, .next = f->calls};
    if (c->next)
        c->next->prev = c;
    f->calls = c;
    c->handle = dispatch_call(session_dispatch(f->session), &call, &err);
    if (c->handle < 0) {
        int code = (int)c->handle;
        call_free(c);
        wipe_strings(rpc_request_params(req));
        fail(req, code == ERR_INVAL ? JSONRPC_INVALID_PARAMS : JSONRPC_INTERNAL_ERROR, code, &err);
        return;
    }
    rpc_request_set_data(req, c, on_cancelled);
}

static void on_call(void *ctx, struct rpc_request *req, json_t *params) {
    struct call_params p = {0};
    struct err err = {0};
    int r = fields_decode(call_fields, params, &p, &err);
    if (r < 0)
        fail(req, JSONRPC_INVALID_PARAMS, r, &err);
    else
        start_call(ctx, req, &p);
}

static void on_capabilities(void *ctx, struct rpc_request *req, json_t *params) {
    struct cli_face *f = ctx;
    const struct dispatch *d = session_dispatch(f->session);
    json_t *list = json_array();
    (void)params;
    const struct capability *c;
    for (size_t i = 0; (c = dispatch_at(d, i)); i++)
        (void)json_array_append_new(list, json_pack("{ss ss ss so?}", "name", c->name, "title",
                                                    c->title ? c->title : "", "description",
                                                    c->description ? c->description : "", "input",
                                                    c->input ? fields_schema(c->input) : NULL));
    rpc_reply(req, json_pack("{so}", "capabilities", list));
}

static const struct rpc_method methods[] = {
    {.name = "paired/call", .request = on_call},
    {.name = "paired/capabilities", .request = on_capabilities},
    {0},
};

static void send_message(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct cli_face *f = ctx;
    session_send(f->session, json, n, seq);
}

static int face_open(struct session *s, void **ret, struct err *err) {
    struct cli_face *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->session = s;
    struct rpc_config config = {.methods = methods,
                                .send = send_message,
                                .ctx = f,
                                .env = session_env(s),
                                .id_prefix = session_engine_id(s),
                                .secret = true};
    int r = rpc_new(&config, &f->rpc, err);
    if (r < 0) {
        mem_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

static void face_message(void *face, const char *body, size_t n, uint64_t seq, unsigned flags) {
    struct cli_face *f = face;
    rpc_receive(f->rpc, body, n, seq, (flags & HOP_SILENT) != 0);
}

static void face_oversize(void *face, const char *head, size_t n, size_t total, uint64_t seq) {
    struct cli_face *f = face;
    rpc_receive_oversize(f->rpc, head, n, total, HOP_BODY_BYTES_MAX, seq);
}

static size_t face_open_requests(void *face) {
    struct cli_face *f = face;
    return rpc_open_requests(f->rpc);
}

static void face_finish(void *face) {
    (void)face; // nothing waits for ever here
}

static void face_close(void *face) {
    struct cli_face *f = face;
    for (struct cli_call *c = f->calls, *next; c; c = next) {
        next = c->next;
        rpc_drop(c->req);
        dispatch_cancel(session_dispatch(f->session), c->handle);
        *c = (struct cli_call){.handle = c->handle};
    }
    rpc_free(f->rpc);
    mem_free(f);
}

const struct session_face session_face_cli = {
    .role = "cli",
    .secret = true,
    .open = face_open,
    .message = face_message,
    .oversize = face_oversize,
    .open_requests = face_open_requests,
    .finish = face_finish,
    .close = face_close,
};
