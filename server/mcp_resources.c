// resources/list, resources/templates/list, resources/read. Source: MCP "Resources".
#include "server/mcp_call.h"

#include <string.h>

enum {
    NOTES_PAGE = 50,
    NOTES_LISTED_MAX = 200, // clients read every page; older notes are found by recall
    NOTE_TTL_MS = 5000
};

void mcp_resources_templates(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct err err = {0};
    if (mcp_cursor_read(json_object_get(params, "cursor"), 'm', NULL, 0, &err) != 0)
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
    else
        mcp_reply_buf(req,
                      mcp_catalog_list(f->shared, f->fixtures, MCP_LIST_TEMPLATES, f->now.era));
}

// --- list
static json_t *fixed_resources(const struct mcp_face *f) {
    json_t *list = json_array();
    for (const struct mcp_template *t = mcp_resources; t->uri; t++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "uri", t->uri, "name", t->name, "title",
                            t->title, "description", t->description, "mimeType", t->mime));
    json_t *more = mcp_skills_resources();
    (void)json_array_extend(list, more);
    json_decref(more);
    if (f->fixtures) {
        more = mcp_fixture_resources();
        (void)json_array_extend(list, more);
        json_decref(more);
    }
    return list;
}

static void put_caching(json_t *result, enum mcp_era era, int ttl_ms, const char *scope) {
    if (era != MCP_MODERN)
        return;
    (void)json_object_set_new(result, "ttlMs", json_integer(ttl_ms));
    (void)json_object_set_new(result, "cacheScope", json_string(scope));
}

// `step` counts the notes listed before this page; `notes` keeps the fixed part of the first page.
static void list_done(struct mcp_call *c, int r, struct answer *answer, const struct err *err) {
    json_t *list = c->notes ? json_incref(c->notes) : json_array();
    json_t *result = json_pack("{s:o}", "resources", list);
    if (r == ERR_CANCELLED || r == ERR_TIMEOUT) {
        json_decref(result);
        mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, err_text(err), NULL);
        return;
    }
    // A store that cannot be read now (locked, for example) takes nothing away from the fixed
    // resources.
    if (r < 0)
        mcp_call_log(c, MCP_LOG_WARNING, err_text(err));
    const json_t *page = r < 0 ? NULL : answer->structured;
    json_t *notes = json_object_get(page, "resources");
    (void)json_array_extend(list, notes);
    c->step += (int)json_array_size(notes);
    if (json_is_true(json_object_get(page, "more")) && c->step < NOTES_LISTED_MAX) {
        char position[64];
        snprintf(position, sizeof position, "%d.%.32s", c->step,
                 json_string_value(json_object_get(page, "last")));
        (void)json_object_set_new(result, "nextCursor", mcp_cursor_new('r', position));
    }
    put_caching(result, c->view.era, NOTE_TTL_MS, "private");
    mcp_call_result(c, result);
}

void mcp_resources_list(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct err err = {0};
    char position[64] = "", *after = position;
    long before = 0;
    int r =
        mcp_cursor_read(json_object_get(params, "cursor"), 'r', position, sizeof position, &err);
    if (r > 0) {
        before = strtol(position, &after, 10);
        if (before < 1 || before >= NOTES_LISTED_MAX || *after++ != '.')
            r = err_set(&err, ERR_INVAL, "cursor: not one that this list has given out");
    }
    if (r < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    struct mcp_call *c = mcp_call_new(f, req, params);
    if (!c)
        return;
    c->step = (int)before;
    if (r == 0)
        c->notes = fixed_resources(f);
    c->owned = json_pack("{s:s, s:i}", "after", after, "limit", NOTES_PAGE);
    r = mcp_call_dispatch(c, "mcp.list", c->owned, false, list_done, &err);
    if (r < 0)
        list_done(c, r, NULL, &err);
}

// --- read
static void read_done(struct mcp_call *c, int r, struct answer *answer, const struct err *err) {
    const json_t *uri = json_object_get(c->params, "uri");
    if (r == ERR_NOT_FOUND || r == ERR_INVAL) {
        mcp_call_fail(
            c, c->view.era == MCP_MODERN ? JSONRPC_INVALID_PARAMS : MCP_ERROR_RESOURCE_NOT_FOUND,
            "Resource not found", json_pack("{s:O}", "uri", uri));
        return;
    }
    if (r < 0) {
        mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, err_text(err), NULL);
        return;
    }
    json_t *result = json_pack("{s:[{s:O, s:O, s:s%}]}", "contents", "uri", uri, "mimeType",
                               json_object_get(answer->structured, "mimeType"), "text",
                               answer->text.len ? answer->text.data : "", answer->text.len);
    if (result)
        put_caching(result, c->view.era, NOTE_TTL_MS, "private");
    mcp_call_result(c, result);
}

static bool read_skill(struct mcp_face *f, struct rpc_request *req, struct text uri) {
    const char *mime = NULL;
    const char *text = mcp_skills_read(uri.data, uri.len, &mime);
    if (!text)
        return false;
    json_t *result = json_pack("{s:[{s:s%, s:s, s:s}]}", "contents", "uri", uri.data, uri.len,
                               "mimeType", mime, "text", text);
    if (result)
        put_caching(result, f->now.era, 3600 * 1000, "public");
    mcp_reply(req, f->now.era, result);
    return true;
}

void mcp_resources_read(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_uri in = {0};
    struct err err = {0};
    if (fields_decode(mcp_uri_fields, params, &in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    if (read_skill(f, req, in.uri))
        return;
    if (f->fixtures &&
        mcp_fixture_read(f, req, f->now.era, json_string_value(json_object_get(params, "uri"))))
        return;
    bool ours = (in.uri.len > 9 && memcmp(in.uri.data, "memory://", 9) == 0) ||
                text_is(in.uri, "paired://status");
    if (!ours) {
        mcp_fail_resource(req, f->now.era, in.uri.data, in.uri.len);
        return;
    }
    struct mcp_call *c = mcp_call_new(f, req, params);
    if (!c)
        return;
    c->owned = json_pack("{s:O}", "uri", json_object_get(params, "uri"));
    int r = mcp_call_dispatch(c, "mcp.read", c->owned, false, read_done, &err);
    if (r < 0)
        read_done(c, r, NULL, &err);
}
