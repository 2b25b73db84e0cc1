// Who wants to hear of changes: resources/subscribe of the legacy era, subscriptions/listen of the
// modern one. Source: MCP 2025-11-25 "Resources, Subscriptions"; 2026-07-28 "Subscriptions".
#include "server/mcp_call.h"

#include "core/base/mem.h"

#include <string.h>

// --- legacy
static bool read_uri(struct rpc_request *req, json_t *params, struct mcp_uri *ret) {
    struct err err = {0};
    if (fields_decode(mcp_uri_fields, params, ret, &err) == 0)
        return true;
    mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
    return false;
}

void mcp_subscribe(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_uri in = {0};
    if (!read_uri(req, params, &in))
        return;
    const char *uri = json_string_value(json_object_get(params, "uri"));
    if (!json_object_get(f->legacy_uris, uri) &&
        json_object_size(f->legacy_uris) >= MCP_SUBSCRIPTIONS_MAX) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "too many subscriptions: 256 at most", NULL);
        return;
    }
    if (json_object_set_new(f->legacy_uris, uri, json_true()) < 0)
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
    else
        rpc_reply_raw(req, "{}", 2);
}

void mcp_unsubscribe(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_uri in = {0};
    if (!read_uri(req, params, &in))
        return;
    (void)json_object_del(f->legacy_uris, json_string_value(json_object_get(params, "uri")));
    rpc_reply_raw(req, "{}", 2);
}

// --- modern
static json_t *stream_meta(const struct mcp_listen_stream *l) {
    return json_pack("{s:O}", MCP_KEY_SUBSCRIPTION, l->id);
}

static void stream_notify(struct mcp_face *f, const struct mcp_listen_stream *l, const char *method,
                          const char *uri) {
    json_t *params = json_pack("{s:o}", "_meta", stream_meta(l));
    if (params && uri)
        (void)json_object_set_new(params, "uri", json_string(uri));
    (void)rpc_notify(f->rpc, method, params);
}

static void stream_free(struct mcp_listen_stream *l) {
    json_decref(l->id);
    json_decref(l->uris);
    json_decref(l->task_ids);
    mem_free(l);
}

static void acknowledge(struct mcp_face *f, const struct mcp_listen_stream *l) {
    json_t *agreed = json_object();
    if (l->lists & MCP_LISTEN_TOOLS)
        (void)json_object_set_new(agreed, "toolsListChanged", json_true());
    if (l->lists & MCP_LISTEN_PROMPTS)
        (void)json_object_set_new(agreed, "promptsListChanged", json_true());
    if (l->lists & MCP_LISTEN_RESOURCES)
        (void)json_object_set_new(agreed, "resourcesListChanged", json_true());
    if (l->uris)
        (void)json_object_set(agreed, "resourceSubscriptions", l->uris);
    if (l->task_ids)
        (void)json_object_set(agreed, "taskIds", l->task_ids);
    (void)rpc_notify(f->rpc, "notifications/subscriptions/acknowledged",
                     json_pack("{s:o, s:o}", "_meta", stream_meta(l), "notifications", agreed));
}

void mcp_listen(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_listen in;
    struct err err = {0};
    if (mcp_listen_read(params, &in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    if (in.tasks && !(f->now.can & MCP_CAN_TASKS)) {
        mcp_fail_missing(req, MCP_EXT_TASKS, "taskIds needs the tasks extension");
        return;
    }
    if (f->listen_count >= MCP_LISTENS_MAX) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "too many open subscriptions: 64 at most", NULL);
        return;
    }
    struct mcp_listen_stream *l = mem_zalloc(sizeof *l);
    struct span id = rpc_request_id(req);
    if (l) {
        l->id = mcp_tree(id.data, id.len);
        l->uris = in.uris ? json_deep_copy(in.uris) : NULL;
        l->task_ids = in.tasks ? json_deep_copy(in.tasks) : NULL;
    }
    if (!l || !l->id || (in.uris && !l->uris) || (in.tasks && !l->task_ids)) {
        if (l)
            stream_free(l);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    l->req = req;
    // Without fixtures the lists of tools and prompts never change; only what can happen is
    // promised.
    l->lists = f->fixtures ? in.lists : in.lists & MCP_LISTEN_RESOURCES;
    l->next = f->listens;
    f->listens = l;
    f->listen_count++;
    // A subscription that the front end brings over to a new engine is acknowledged again: whether
    // the old one came to do it cannot be known, and clients wait for it.
    acknowledge(f, l);
}

static void stream_unlink(struct mcp_face *f, struct mcp_listen_stream *l) {
    struct mcp_listen_stream **link = &f->listens;
    while (*link != l)
        link = &(*link)->next;
    *link = l->next;
    f->listen_count--;
}

bool mcp_listen_cancel(struct mcp_face *f, struct rpc_request *req) {
    for (struct mcp_listen_stream *l = f->listens; l; l = l->next)
        if (l->req == req) {
            stream_unlink(f, l);
            stream_free(l);
            rpc_drop(req);
            return true;
        }
    return false;
}

// 2026-07-28 "Graceful Closure": the answer to the request ends the subscription.
static void stream_close(struct mcp_listen_stream *l) {
    json_t *result = json_pack("{s:s, s:{s:O, s:o}}", "resultType", "complete", "_meta",
                               MCP_KEY_SUBSCRIPTION, l->id, MCP_KEY_SERVER_INFO, mcp_server_info());
    mcp_reply(l->req, MCP_MODERN, result);
}

void mcp_listen_finish(struct mcp_face *f) {
    while (f->listens) {
        struct mcp_listen_stream *l = f->listens;
        stream_unlink(f, l);
        stream_close(l);
        stream_free(l);
    }
}

void mcp_listen_free(struct mcp_face *f) {
    while (f->listens) {
        struct mcp_listen_stream *l = f->listens;
        stream_unlink(f, l);
        rpc_drop(l->req);
        stream_free(l);
    }
}

// --- changes
static bool has_string(const json_t *list, const char *s) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), s) == 0)
            return true;
    return false;
}

static void uri_changed(struct mcp_face *f, const char *uri) {
    if (json_object_get(f->legacy_uris, uri))
        (void)rpc_notify(f->rpc, "notifications/resources/updated", json_pack("{s:s}", "uri", uri));
    for (const struct mcp_listen_stream *l = f->listens; l; l = l->next)
        if (has_string(l->uris, uri))
            stream_notify(f, l, "notifications/resources/updated", uri);
}

void mcp_changed(struct mcp_face *f, const json_t *uris, bool list_changed) {
    bool notes = false, handoffs = false, recent = false, latest = false;
    for (size_t i = 0; i < json_array_size(uris); i++) {
        const char *uri = json_string_value(json_array_get(uris, i));
        if (!uri)
            continue;
        notes |= strncmp(uri, "memory://note/", 14) == 0;
        handoffs |= strncmp(uri, "memory://handoff/", 17) == 0;
        recent |= strcmp(uri, "memory://recent") == 0;
        latest |= strcmp(uri, "memory://handoff/latest") == 0;
        uri_changed(f, uri);
    }
    // What is made of notes changes with them, whether or not the writer has said so.
    if (notes && !recent)
        uri_changed(f, "memory://recent");
    if (handoffs && !latest)
        uri_changed(f, "memory://handoff/latest");
    if (!list_changed)
        return;
    if (f->legacy)
        (void)rpc_notify(f->rpc, "notifications/resources/list_changed", NULL);
    for (const struct mcp_listen_stream *l = f->listens; l; l = l->next)
        if (l->lists & MCP_LISTEN_RESOURCES)
            stream_notify(f, l, "notifications/resources/list_changed", NULL);
}

void mcp_list_changed(struct mcp_shared *s, unsigned listen_bit, const char *method) {
    for (struct mcp_face *f = s->faces; f; f = f->next) {
        if (!f->fixtures)
            continue;
        if (f->legacy)
            (void)rpc_notify(f->rpc, method, NULL);
        for (const struct mcp_listen_stream *l = f->listens; l; l = l->next)
            if (l->lists & listen_bit)
                stream_notify(f, l, method, NULL);
    }
}

void mcp_task_changed(struct mcp_shared *s, const char *id, const json_t *state) {
    for (struct mcp_face *f = s->faces; f; f = f->next)
        for (const struct mcp_listen_stream *l = f->listens; l; l = l->next) {
            if (!has_string(l->task_ids, id))
                continue;
            json_t *params = json_deep_copy(state);
            if (params)
                (void)json_object_set_new(params, "_meta", stream_meta(l));
            (void)rpc_notify(f->rpc, "notifications/tasks", params);
        }
}
