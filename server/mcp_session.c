// The MCP face of a session: which era a request belongs to, the life of the conversation, and the
// few methods that need nothing but the face itself. Sources: MCP 2025-11-25 "Lifecycle";
// 2026-07-28 "Versioning and Compatibility", "Discovery", "Cancellation".
#include "server/mcp_call.h"

#include "core/base/mem.h"

#include <assert.h>
#include <string.h>

enum { IN_LEGACY = 1, IN_MODERN = 2, IN_BOTH = 3, IN_FIRST = 4 };

static const struct {
    const char *name;
    unsigned eras; // IN_FIRST: also before initialize
} eras[] = {
    {"initialize", IN_LEGACY | IN_FIRST},
    {"ping", IN_LEGACY | IN_FIRST},
    {"logging/setLevel", IN_LEGACY},
    {"resources/subscribe", IN_LEGACY},
    {"resources/unsubscribe", IN_LEGACY},
    {"server/discover", IN_MODERN},
    {"subscriptions/listen", IN_MODERN},
    {"tasks/get", IN_MODERN},
    {"tasks/update", IN_MODERN},
    {"tasks/cancel", IN_MODERN},
    {"tools/list", IN_BOTH},
    {"tools/call", IN_BOTH},
    {"resources/list", IN_BOTH},
    {"resources/read", IN_BOTH},
    {"resources/templates/list", IN_BOTH},
    {"resources/directory/read", IN_BOTH},
    {"prompts/list", IN_BOTH},
    {"prompts/get", IN_BOTH},
    {"completion/complete", IN_BOTH},
    {"skills/list", IN_BOTH},
    {"skills/get", IN_BOTH},
};

static unsigned method_eras(const char *method) {
    for (size_t i = 0; i < COUNT_OF(eras); i++)
        if (strcmp(eras[i].name, method) == 0)
            return eras[i].eras;
    return 0;
}

// --- answers
static int keep_result_type(json_t *result) {
    return json_object_get(result, "resultType")
               ? 0
               : json_object_set_new(result, "resultType", json_string("complete"));
}

void mcp_reply(struct rpc_request *req, enum mcp_era era, json_t *result) {
    if (era == MCP_MODERN && result) {
        json_t *meta = json_object_get(result, "_meta");
        if (!meta) {
            meta = json_object();
            if (json_object_set_new(result, "_meta", meta) < 0)
                meta = NULL;
        }
        if (!meta || keep_result_type(result) < 0 ||
            json_object_set_new(meta, MCP_KEY_SERVER_INFO, mcp_server_info()) < 0) {
            json_decref(result);
            result = NULL;
        }
    }
    if (result)
        rpc_reply(req, result);
    else
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
}

void mcp_reply_buf(struct rpc_request *req, const struct buf *text) {
    if (text && !text->failed && text->len)
        rpc_reply_raw(req, text->data, text->len);
    else
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
}

void mcp_fail_err(struct rpc_request *req, int code, const struct err *err) {
    rpc_fail(req, code, err_text(err), NULL);
}

json_t *mcp_missing_data(const char *capability) {
    json_t *needed = strchr(capability, '/') ? json_pack("{s:{s:{}}}", "extensions", capability)
                                             : json_pack("{s:{}}", capability);
    return json_pack("{s:o}", "requiredCapabilities", needed);
}

void mcp_fail_missing(struct rpc_request *req, const char *capability, const char *why) {
    rpc_fail(req, MCP_ERROR_MISSING_CAPABILITY, why, mcp_missing_data(capability));
}

void mcp_fail_resource(struct rpc_request *req, enum mcp_era era, const char *uri, size_t n) {
    rpc_fail(req, era == MCP_MODERN ? JSONRPC_INVALID_PARAMS : MCP_ERROR_RESOURCE_NOT_FOUND,
             "Resource not found", json_pack("{s:s%}", "uri", uri, n));
}

void mcp_log(struct mcp_face *f, const struct mcp_view *view, int level, const char *text) {
    if (view->log_level < 0 || level < view->log_level || f->silent)
        return;
    (void)rpc_notify(f->rpc, "notifications/message",
                     json_pack("{s:s, s:s, s:s}", "level", mcp_log_level_name(level), "logger",
                               "paired", "data", text));
}

uint64_t mcp_origin(const struct mcp_face *f) {
    enum { PER_MESSAGE = 1 << 16 };
    static_assert((int)JSONRPC_MEMBERS_MAX < (int)PER_MESSAGE,
                  "a batch has fewer requests than members");
    return f->seq * PER_MESSAGE + f->place;
}

// --- which era
static void fail_version(struct rpc_request *req, const char *requested) {
    json_t *supported = json_array();
    for (const struct mcp_version *v = mcp_versions; v->name; v++)
        if (v->era == MCP_MODERN)
            (void)json_array_append_new(supported, json_string(v->name));
    rpc_fail(req, MCP_ERROR_VERSION, "Unsupported protocol version",
             json_pack("{s:o, s:s}", "supported", supported, "requested", requested));
}

static void fail_method(struct rpc_request *req, const char *method) {
    char text[160];
    snprintf(text, sizeof text, "Method not found: %.100s", method);
    rpc_fail(req, JSONRPC_METHOD_NOT_FOUND, text, NULL);
}

static void note_client(struct mcp_face *f, const json_t *info) {
    const char *name = json_string_value(json_object_get(info, "name"));
    if (name && strcmp(name, session_client(f->session)) != 0)
        session_set_client(f->session, name);
}

static bool modern_before(struct mcp_face *f, struct rpc_request *req, const char *method,
                          const struct mcp_meta *m) {
    const struct mcp_version *version = mcp_version_find(m->version);
    if (!version || version->era != MCP_MODERN) {
        fail_version(req, m->version);
        return true;
    }
    unsigned in = method_eras(method);
    if (in && !(in & IN_MODERN)) {
        fail_method(req, method);
        return true;
    }
    note_client(f, m->client_info);
    f->now = (struct mcp_view){MCP_MODERN, version, mcp_capabilities_read(m->capabilities),
                               m->progress_token, m->log_level};
    return false;
}

static bool legacy_before(struct mcp_face *f, struct rpc_request *req, const char *method,
                          const struct mcp_meta *m) {
    unsigned in = method_eras(method);
    if (strcmp(method, "server/discover") == 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS,
                 "params._meta needs \"" MCP_KEY_VERSION "\" and \"" MCP_KEY_CLIENT_CAPABILITIES
                 "\"",
                 NULL);
        return true;
    }
    if (!in)
        return false; // rpc answers: method not found
    if (!f->legacy && !(in & IN_FIRST)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS,
                 "initialize first (revision 2025-11-25 or older), or put \"" MCP_KEY_VERSION
                 "\" and \"" MCP_KEY_CLIENT_CAPABILITIES
                 "\" into params._meta (revision 2026-07-28)",
                 NULL);
        return true;
    }
    if (!(in & IN_LEGACY)) {
        fail_method(req, method);
        return true;
    }
    f->now =
        (struct mcp_view){MCP_LEGACY, f->legacy, f->legacy_can, m->progress_token, f->legacy_level};
    return false;
}

static bool before(void *ctx, struct rpc_request *req, const char *method, json_t *params) {
    struct mcp_face *f = ctx;
    struct mcp_meta m;
    struct err err = {0};
    f->place = rpc_request_place(req);
    if (f->finishing) { // unanswered: the front end sends it to the next engine
        rpc_drop(req);
        return true;
    }
    if (mcp_meta_read(params, &m, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return true;
    }
    return m.modern ? modern_before(f, req, method, &m) : legacy_before(f, req, method, &m);
}

// --- methods of the conversation itself
static void initialize(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_initialize in = {0};
    struct err err = {0};
    if (fields_decode(mcp_initialize_fields, params, &in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    if ((in.capabilities && !json_is_object(in.capabilities)) ||
        (in.client_info && !json_is_object(in.client_info))) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "capabilities and clientInfo: expected objects",
                 NULL);
        return;
    }
    char name[65];
    memcpy(name, in.version.data, in.version.len);
    name[in.version.len] = '\0';
    const struct mcp_version *version = mcp_version_find(name);
    // 2025-11-25 "Version Negotiation": an unknown version is answered with the latest one we
    // speak.
    if (!version || version->era != MCP_LEGACY)
        version = mcp_version_latest(MCP_LEGACY);
    f->legacy = version;
    f->legacy_can = mcp_capabilities_read(in.capabilities) & ~(unsigned)MCP_CAN_TASKS;
    f->legacy_level = MCP_LOG_INFO;
    note_client(f, in.client_info);
    rpc_set_batches(f->rpc, version->batches);
    json_t *result = mcp_catalog_initialize(version, f->fixtures);
    mcp_reply(req, MCP_LEGACY, result);
}

static void discover(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    (void)params;
    mcp_reply_buf(req, mcp_catalog_discover(f->shared, f->fixtures));
}

static void ping(void *face, struct rpc_request *req, json_t *params) {
    (void)face;
    (void)params;
    rpc_reply_raw(req, "{}", 2);
}

static void set_level(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    int level = mcp_log_level_read(json_object_get(params, "level"));
    if (level < 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS,
                 "level: expected one of debug, info, notice, warning, error, critical, alert, "
                 "emergency",
                 NULL);
        return;
    }
    f->legacy_level = level;
    rpc_reply_raw(req, "{}", 2);
}

// Both eras: work stops, and the request gets no answer.
static void cancelled(void *face, json_t *params) {
    struct mcp_face *f = face;
    struct rpc_request *req = rpc_find(f->rpc, json_object_get(params, "requestId"));
    if (!req || mcp_listen_cancel(f, req))
        return;
    struct mcp_call *c = rpc_request_data(req);
    if (c)
        mcp_call_cancel(c);
}

static void ignored(void *face, json_t *params) {
    (void)face;
    (void)params;
}

static const struct rpc_method methods[] = {
    {"initialize", initialize, NULL},
    {"server/discover", discover, NULL},
    {"ping", ping, NULL},
    {"logging/setLevel", set_level, NULL},
    {"tools/list", mcp_tools_list, NULL},
    {"tools/call", mcp_tools_call, NULL},
    {"resources/list", mcp_resources_list, NULL},
    {"resources/read", mcp_resources_read, NULL},
    {"resources/templates/list", mcp_resources_templates, NULL},
    {"resources/directory/read", mcp_resources_directory, NULL},
    {"resources/subscribe", mcp_subscribe, NULL},
    {"resources/unsubscribe", mcp_unsubscribe, NULL},
    {"prompts/list", mcp_prompts_list, NULL},
    {"prompts/get", mcp_prompts_get, NULL},
    {"completion/complete", mcp_complete, NULL},
    {"skills/list", mcp_skills_list, NULL},
    {"skills/get", mcp_skills_get, NULL},
    {"subscriptions/listen", mcp_listen, NULL},
    {"tasks/get", mcp_tasks_get, NULL},
    {"tasks/update", mcp_tasks_update, NULL},
    {"tasks/cancel", mcp_tasks_cancel, NULL},
    {"notifications/cancelled", NULL, cancelled},
    {"notifications/initialized", NULL, ignored},
    {"notifications/roots/list_changed", NULL, ignored},
    {"notifications/progress", NULL, ignored},
    {0},
};

// --- the face
static void send(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct mcp_face *f = ctx;
    session_send(f->session, json, n, seq);
}

static void face_unlink(struct mcp_face *f) {
    struct mcp_face **link = &f->shared->faces;
    while (*link && *link != f)
        link = &(*link)->next;
    if (*link)
        *link = f->next;
}

static void face_free(struct mcp_face *f) {
    rpc_free(f->rpc);
    if (f->shared) {
        face_unlink(f);
        mcp_shared_put(f->shared);
    }
    json_decref(f->legacy_uris);
    mem_free(f);
}

static int face_open(struct session *s, void **ret, struct err *err) {
    struct mcp_face *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->session = s;
    f->legacy_level = MCP_LOG_INFO;
    const json_t *options = json_object_get(session_hello(s), "options");
    f->fixtures = json_is_true(json_object_get(options, "fixtures"));
    f->read_only = mcp_read_only(s);

    char prefix[48]; // our own requests: an answer meant for an earlier engine must not match
    snprintf(prefix, sizeof prefix, "paired-%.16s-", session_engine_id(s));
    f->legacy_uris = json_object();
    f->shared = mcp_shared_get(session_engine_id(s), session_dispatch(s));
    int r = f->legacy_uris && f->shared ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = rpc_new(&(struct rpc_config){.methods = methods,
                                         .before = before,
                                         .send = send,
                                         .ctx = f,
                                         .env = session_env(s),
                                         .id_prefix = prefix},
                    &f->rpc, err);
    if (r < 0) {
        face_free(f);
        return r;
    }
    f->next = f->shared->faces;
    f->shared->faces = f;
    *ret = f;
    return 0;
}

static void face_message(void *face, const char *body, size_t n, uint64_t seq, unsigned flags) {
    struct mcp_face *f = face;
    f->seq = seq;
    f->silent = (flags & HOP_SILENT) != 0;
    rpc_receive(f->rpc, body, n, seq, f->silent);
    f->silent = false;
}

static void face_oversize(void *face, const char *head, size_t n, size_t total, uint64_t seq) {
    struct mcp_face *f = face;
    rpc_receive_oversize(f->rpc, head, n, total, MCP_MESSAGE_BYTES_MAX, seq);
}

static void face_changed(void *face, json_t *uris, bool list_changed) {
    mcp_changed(face, uris, list_changed);
}

static size_t face_open_requests(void *face) {
    const struct mcp_face *f = face;
    size_t open = rpc_open_requests(f->rpc);
    return open > f->listen_count ? open - f->listen_count : 0;
}

static void face_finish(void *face) {
    struct mcp_face *f = face;
    f->finishing = true;
    mcp_listen_finish(f);
    // A question that the client can no longer answer would hold the session open.
    for (struct mcp_call *c = f->calls, *next; c; c = next) {
        next = c->next;
        if (c->asking)
            mcp_call_cancel(c);
    }
}

static void face_close(void *face) {
    struct mcp_face *f = face;
    f->finishing = true;
    while (f->calls) {
        struct mcp_call *c = f->calls;
        if (c->task)
            mcp_call_detach(c);
        else
            mcp_call_cancel(c);
    }
    mcp_listen_free(f);
    face_free(f);
}

const struct session_face session_face_mcp = {
    .role = "mcp",
    .open = face_open,
    .message = face_message,
    .oversize = face_oversize,
    .changed = face_changed,
    .open_requests = face_open_requests,
    .finish = face_finish,
    .close = face_close,
};
