// The ACP face of a session: the life of the connection, and the methods that need nothing but it.
// Sources: ACP v1 "Initialization", "Authentication", "Cancellation", "Transports".
#include "core/base/build.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "protocol/hop.h"
#include "server/acp_face.h"

#include <stdio.h>
#include <string.h>

// --- answers -------------------------------------------------------------------------------------

void acp_reply(struct rpc_request *req, json_t *result) {
    if (result)
        rpc_reply(req, result);
    else
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
}

void acp_fail(struct rpc_request *req, int code, const struct err *err) {
    rpc_fail(req, code, err_text(err), NULL);
}

json_t *acp_string(const char *text, size_t n) {
    json_t *value = json_stringn(n ? text : "", n);
    if (value)
        return value;
    AUTO_BUF mended = BUF_INIT(0);
    if (buf_put_json_string(&mended, text, n) < 0)
        return NULL;
    return json_loadb(mended.data, mended.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

void acp_one_line(const char *text, size_t n, char *ret, size_t max) {
    size_t from = 0;
    while (from < n && (unsigned char)text[from] <= ' ')
        from++;
    const char *eol = from < n ? memchr(text + from, '\n', n - from) : NULL;
    size_t whole = (eol ? (size_t)(eol - text) : n) - from, cut = utf_cut(text + from, whole, max);
    for (size_t i = 0; i < cut; i++)
        ret[i] = (unsigned char)text[from + i] < ' ' ? ' ' : text[from + i];
    ret[cut] = '\0';
}

static void unheard(void *ctx, int r, struct answer *answer, const struct err *err) {
    (void)ctx;
    (void)answer;
    if (r < 0 && r != ERR_CANCELLED)
        log_line(LOG_WARN, "acp", "not done code=%s", err_name(err->code));
}

void acp_run_unheard(struct acp_chat *chat, const char *capability, json_t *arguments,
                     uint64_t seq) {
    struct session *session = chat->face->session;
    struct dispatch_request d = {.capability = capability,
                                 .arguments = arguments,
                                 .caller = {.face = "acp",
                                            .seq = seq,
                                            .client = session_client(session),
                                            .workspace = chat->root},
                                 .done = unheard};
    (void)snprintf(d.caller.session, sizeof d.caller.session, "%s", session_id(session));
    if (arguments)
        (void)dispatch_call(session_dispatch(session), &d, NULL);
    json_decref(arguments);
}

void acp_update(struct acp_chat *chat, json_t *update) {
    if (!update || chat->face->silent) {
        json_decref(update);
        return;
    }
    (void)rpc_notify(chat->face->rpc, "session/update",
                     json_pack("{s:s, s:o}", "sessionId", chat->id, "update", update));
}

// --- methods of the connection -------------------------------------------------------------------

static bool before(void *ctx, struct rpc_request *req, const char *method, json_t *params) {
    struct acp_face *f = ctx;
    (void)params;
    if (f->finishing) { // unanswered: the front end sends it to the next engine
        rpc_drop(req);
        return true;
    }
    if (!f->started && strcmp(method, "initialize") != 0) {
        rpc_fail(req, JSONRPC_INVALID_REQUEST, "Invalid request: initialize comes first", NULL);
        return true;
    }
    return false;
}

static unsigned read_can(const json_t *capabilities) {
    const json_t *fs = json_object_get(capabilities, "fs");
    const json_t *notices = json_object_get(json_object_get(capabilities, "session"), "notices");
    unsigned can = 0;
    can |= json_is_true(json_object_get(fs, "readTextFile")) ? ACP_CAN_READ : 0;
    can |= json_is_true(json_object_get(fs, "writeTextFile")) ? ACP_CAN_WRITE : 0;
    can |= json_is_object(notices) ? ACP_CAN_NOTICE : 0;
    return can;
}

// One method, since lists of agents want one: there is nothing to sign in to.
static const char auth_local[] = "local";

static json_t *capabilities_json(void) {
    return json_pack("{s:b, s:{s:b, s:b, s:b}, s:{s:b, s:b}, s:{s:{}, s:{}, s:{}, s:{}}}",
                     "loadSession", 1, "promptCapabilities", "image", 0, "audio", 0,
                     "embeddedContext", 1, "mcpCapabilities", "http", 0, "sse", 0,
                     "sessionCapabilities", "list", "resume", "close", "delete");
}

static json_t *welcome(void) {
    return json_pack("{s:i, s:{s:s, s:s, s:s}, s:o, s:[{s:s, s:s, s:s}]}", "protocolVersion",
                     ACP_VERSION, "agentInfo", "name", "paired", "title", "Paired", "version",
                     paired_version, "agentCapabilities", capabilities_json(), "authMethods", "id",
                     auth_local, "name", "On this machine", "description",
                     "Nothing to sign in to: the agents run on this machine, without an account.");
}

// "If the Agent supports the requested version, it MUST respond with the same version. Otherwise …
// the latest version it supports": there is one.
static void on_initialize(void *face, struct rpc_request *req, json_t *params) {
    struct acp_face *f = face;
    const json_t *capabilities = json_object_get(params, "clientCapabilities");
    const json_t *info = json_object_get(params, "clientInfo");
    const char *name = json_string_value(json_object_get(info, "name"));
    if (f->started) {
        rpc_fail(req, JSONRPC_INVALID_REQUEST, "Invalid request: initialize was sent already",
                 NULL);
        return;
    }
    if (!json_is_integer(json_object_get(params, "protocolVersion"))) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "protocolVersion: expected integer", NULL);
        return;
    }
    if (capabilities && !json_is_object(capabilities) && !json_is_null(capabilities)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "clientCapabilities: expected object", NULL);
        return;
    }
    f->can = read_can(capabilities);
    f->started = true;
    if (name)
        session_set_client(f->session, name);
    acp_reply(req, welcome());
}

static void on_authenticate(void *face, struct rpc_request *req, json_t *params) {
    const char *method = json_string_value(json_object_get(params, "methodId"));
    (void)face;
    if (method && strcmp(method, auth_local) == 0)
        rpc_reply_raw(req, "{}", 2);
    else
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "methodId: expected \"local\"", NULL);
}

// "MUST send one of these responses": a prompt ends as cancelled, others have no time to be.
static void on_cancel_request(void *face, json_t *params) {
    struct acp_face *f = face;
    struct rpc_request *req = rpc_find(f->rpc, json_object_get(params, "requestId"));
    if (req)
        rpc_cancel(req);
}

static void on_cancel(void *face, json_t *params) {
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    struct acp_chat *chat = id ? acp_chat_find(face, id) : NULL;
    if (chat && chat->turn)
        acp_turn_cancel(chat->turn);
}

static const struct rpc_method methods[] = {
    {"initialize", on_initialize, NULL},
    {"authenticate", on_authenticate, NULL},
    {"session/new", acp_chat_new, NULL},
    {"session/list", acp_chat_list, NULL},
    {"session/load", acp_chat_load, NULL},
    {"session/resume", acp_chat_resume, NULL},
    {"session/close", acp_chat_close, NULL},
    {"session/delete", acp_chat_delete, NULL},
    {"session/set_config_option", acp_chat_set_option, NULL},
    {"session/set_mode", acp_chat_set_mode, NULL},
    {"session/prompt", acp_prompt, NULL},
    {"session/cancel", NULL, on_cancel},
    {"$/cancel_request", NULL, on_cancel_request},
    {acp_state_method, NULL, acp_state_take},
    {0},
};

// --- the face ------------------------------------------------------------------------------------

static void send(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct acp_face *f = ctx;
    session_send(f->session, json, n, seq);
}

static int face_open(struct session *s, void **ret, struct err *err) {
    char prefix[48]; // our own requests: an answer meant for an earlier engine must not match
    struct acp_face *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->session = s;
    (void)snprintf(prefix, sizeof prefix, "paired-%.16s-", session_engine_id(s));
    int r = rpc_new(&(struct rpc_config){.methods = methods,
                                         .before = before,
                                         .send = send,
                                         .ctx = f,
                                         .env = session_env(s),
                                         .mend = true,
                                         .id_prefix = prefix},
                    &f->rpc, err);
    if (r < 0) {
        mem_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

static void face_message(void *face, const char *body, size_t n, uint64_t seq, unsigned flags) {
    struct acp_face *f = face;
    f->seq = seq;
    f->silent = (flags & HOP_SILENT) != 0;
    rpc_receive(f->rpc, body, n, seq, f->silent);
    f->silent = false;
}

static void face_oversize(void *face, const char *head, size_t n, size_t total, uint64_t seq) {
    struct acp_face *f = face;
    rpc_receive_oversize(f->rpc, head, n, total, HOP_CLIENT_BYTES_MAX, seq);
}

static size_t face_open_requests(void *face) {
    const struct acp_face *f = face;
    return rpc_open_requests(f->rpc);
}

static void face_finish(void *face) {
    struct acp_face *f = face;
    f->finishing = true;
    // A question that the client can no longer answer would hold the session open.
    for (struct acp_chat *chat = f->chats; chat; chat = chat->next)
        if (chat->turn && acp_turn_waits(chat->turn))
            acp_turn_cancel(chat->turn);
}

static void face_close(void *face) {
    struct acp_face *f = face;
    f->finishing = true;
    acp_jobs_free(f);
    acp_chats_free(f);
    rpc_free(f->rpc);
    mem_free(f);
}

const struct session_face session_face_acp = {
    .role = "acp",
    .open = face_open,
    .message = face_message,
    .oversize = face_oversize,
    .open_requests = face_open_requests,
    .finish = face_finish,
    .close = face_close,
};
