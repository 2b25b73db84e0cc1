#include "protocol/mcp.h"

#include <string.h>

const struct mcp_version mcp_versions[] = {
    {"2026-07-28", MCP_MODERN, false}, {"2025-11-25", MCP_LEGACY, false},
    {"2025-06-18", MCP_LEGACY, false}, {"2025-03-26", MCP_LEGACY, true},
    {"2024-11-05", MCP_LEGACY, false}, {0},
};

const struct mcp_version *mcp_version_find(const char *name) {
    for (const struct mcp_version *v = mcp_versions; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const struct mcp_version *mcp_version_latest(enum mcp_era era) {
    const struct mcp_version *v = mcp_versions;
    while (v->era != era)
        v++;
    return v;
}

unsigned mcp_capabilities_read(const json_t *capabilities) {
    unsigned can = 0;
    const json_t *elicit = json_object_get(capabilities, "elicitation");
    if (json_is_object(elicit)) {
        // 2025-11-25 "Elicitation": an empty object means form mode.
        if (json_object_size(elicit) == 0 || json_object_get(elicit, "form"))
            can |= MCP_CAN_ELICIT;
        if (json_object_get(elicit, "url"))
            can |= MCP_CAN_ELICIT_URL;
    }
    if (json_is_object(json_object_get(capabilities, "sampling")))
        can |= MCP_CAN_SAMPLE;
    if (json_is_object(json_object_get(capabilities, "roots")))
        can |= MCP_CAN_ROOTS;
    if (json_is_object(json_object_get(json_object_get(capabilities, "extensions"), MCP_EXT_TASKS)))
        can |= MCP_CAN_TASKS;
    return can;
}

static const char *const log_levels[] = {"debug", "info",     "notice", "warning",
                                         "error", "critical", "alert",  "emergency"};

int mcp_log_level_read(const json_t *name) {
    const char *s = json_string_value(name);
    for (int i = 0; s && i < (int)(sizeof log_levels / sizeof *log_levels); i++)
        if (strcmp(s, log_levels[i]) == 0)
            return i;
    return -1;
}

const char *mcp_log_level_name(int level) {
    return log_levels[level];
}

// 2026-07-28, "Per-request protocol fields": version and capabilities are both required.
static int meta_modern(const json_t *meta, struct mcp_meta *m, struct err *err) {
    const json_t *version = json_object_get(meta, MCP_KEY_VERSION);
    const json_t *level = json_object_get(meta, MCP_KEY_LOG_LEVEL);
    if (!json_is_string(version))
        return err_set(err, ERR_INVAL,
                       "params._meta[\"" MCP_KEY_VERSION
                       "\"]: expected string, for example \"2026-07-28\"");
    m->version = json_string_value(version);
    if (!json_is_object(m->capabilities))
        return err_set(err, ERR_INVAL,
                       "params._meta[\"" MCP_KEY_CLIENT_CAPABILITIES
                       "\"]: expected object, {} for none");
    if (m->client_info && !json_is_object(m->client_info))
        return err_set(err, ERR_INVAL,
                       "params._meta[\"" MCP_KEY_CLIENT_INFO "\"]: expected object");
    if (!level)
        return 0;
    m->log_level = mcp_log_level_read(level);
    if (m->log_level < 0)
        return err_set(err, ERR_INVAL,
                       "params._meta[\"" MCP_KEY_LOG_LEVEL
                       "\"]: expected one of debug, info, notice, warning, error, critical, "
                       "alert, emergency");
    return 0;
}

int mcp_meta_read(const json_t *params, struct mcp_meta *ret, struct err *err) {
    struct mcp_meta m = {.log_level = -1};
    if (params && !json_is_object(params))
        return err_set(err, ERR_INVAL, "params: expected object");
    json_t *meta = json_object_get(params, "_meta");
    if (!meta) {
        *ret = m;
        return 0;
    }
    if (!json_is_object(meta))
        return err_set(err, ERR_INVAL, "params._meta: expected object");

    json_t *token = json_object_get(meta, "progressToken");
    if (token && !json_is_string(token) && !json_is_integer(token) && !json_is_null(token))
        return err_set(err, ERR_INVAL, "params._meta.progressToken: expected string or integer");
    m.progress_token = json_is_null(token) ? NULL : token;

    m.capabilities = json_object_get(meta, MCP_KEY_CLIENT_CAPABILITIES);
    m.client_info = json_object_get(meta, MCP_KEY_CLIENT_INFO);
    m.modern = m.capabilities || json_object_get(meta, MCP_KEY_VERSION);
    int r = m.modern ? meta_modern(meta, &m, err) : 0;
    if (r < 0)
        return r;
    *ret = m;
    return 0;
}

// --- parameters
enum { NAME_BYTES_MAX = 1024, URI_BYTES_MAX = 4096, VALUE_BYTES_MAX = 4096 };

const struct field mcp_initialize_fields[] = {
    {.name = "protocolVersion",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct mcp_initialize, version),
     .max = 64},
    {.name = "capabilities",
     .type = FIELD_JSON,
     .offset = offsetof(struct mcp_initialize, capabilities)},
    {.name = "clientInfo",
     .type = FIELD_JSON,
     .offset = offsetof(struct mcp_initialize, client_info)},
    {0},
};

const struct field mcp_named_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct mcp_named, name),
     .max = NAME_BYTES_MAX},
    {.name = "arguments", .type = FIELD_JSON, .offset = offsetof(struct mcp_named, arguments)},
    {0},
};

const struct field mcp_uri_fields[] = {
    {.name = "uri",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct mcp_uri, uri),
     .max = URI_BYTES_MAX},
    {.name = "cursor", .type = FIELD_JSON, .offset = offsetof(struct mcp_uri, cursor)},
    {0},
};

const struct field mcp_task_fields[] = {
    {.name = "taskId",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct mcp_task_ref, id),
     .max = NAME_BYTES_MAX},
    {.name = "inputResponses",
     .type = FIELD_JSON,
     .offset = offsetof(struct mcp_task_ref, input_responses)},
    {0},
};

static int member_text(const json_t *object, const char *path, const char *name, size_t max,
                       bool required, struct text *ret, struct err *err) {
    const json_t *v = json_object_get(object, name);
    if (!v && !required)
        return 0;
    if (!json_is_string(v))
        return err_set(err, ERR_INVAL, "%s.%s: expected string", path, name);
    if (json_string_length(v) > max)
        return err_set(err, ERR_INVAL, "%s.%s: longer than %zu bytes", path, name, max);
    *ret = (struct text){json_string_value(v), json_string_length(v)};
    return 0;
}

int mcp_complete_read(const json_t *params, struct mcp_complete *ret, struct err *err) {
    struct mcp_complete c = {0};
    const json_t *ref = json_object_get(params, "ref");
    const json_t *argument = json_object_get(params, "argument");
    if (!json_is_object(ref))
        return err_set(err, ERR_INVAL, "ref: expected object");
    if (!json_is_object(argument))
        return err_set(err, ERR_INVAL, "argument: expected object");
    int r = member_text(ref, "ref", "type", NAME_BYTES_MAX, true, &c.ref_type, err);
    if (r < 0)
        return r;
    bool prompt = text_is(c.ref_type, "ref/prompt");
    if (!prompt && !text_is(c.ref_type, "ref/resource"))
        return err_set(err, ERR_INVAL, "ref.type: expected \"ref/prompt\" or \"ref/resource\"");
    r = member_text(ref, "ref", "name", NAME_BYTES_MAX, prompt, &c.ref_name, err);
    if (r == 0)
        r = member_text(ref, "ref", "uri", URI_BYTES_MAX, !prompt, &c.ref_uri, err);
    if (r == 0)
        r = member_text(argument, "argument", "name", NAME_BYTES_MAX, true, &c.argument, err);
    if (r == 0)
        r = member_text(argument, "argument", "value", VALUE_BYTES_MAX, true, &c.value, err);
    if (r < 0)
        return r;
    c.context = json_object_get(params, "context");
    *ret = c;
    return 0;
}

static int string_array(const json_t *filter, const char *name, const json_t **ret,
                        struct err *err) {
    const json_t *list = json_object_get(filter, name);
    if (!list)
        return 0;
    if (!json_is_array(list))
        return err_set(err, ERR_INVAL, "notifications.%s: expected array of strings", name);
    if (json_array_size(list) > MCP_SUBSCRIPTIONS_MAX)
        return err_set(err, ERR_INVAL, "notifications.%s: more than %d entries", name,
                       MCP_SUBSCRIPTIONS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || json_string_length(item) > URI_BYTES_MAX)
            return err_set(err, ERR_INVAL,
                           "notifications.%s[%zu]: expected a string of at most %d bytes", name, i,
                           URI_BYTES_MAX);
    }
    *ret = list;
    return 0;
}

int mcp_listen_read(const json_t *params, struct mcp_listen *ret, struct err *err) {
    static const struct {
        const char *name;
        unsigned bit;
    } lists[] = {{"toolsListChanged", MCP_LISTEN_TOOLS},
                 {"promptsListChanged", MCP_LISTEN_PROMPTS},
                 {"resourcesListChanged", MCP_LISTEN_RESOURCES}};
    struct mcp_listen l = {0};
    const json_t *filter = json_object_get(params, "notifications");
    if (!json_is_object(filter))
        return err_set(err, ERR_INVAL, "notifications: expected object");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *v = json_object_get(filter, lists[i].name);
        if (v && !json_is_boolean(v))
            return err_set(err, ERR_INVAL, "notifications.%s: expected boolean", lists[i].name);
        if (json_is_true(v))
            l.lists |= lists[i].bit;
    }
    int r = string_array(filter, "resourceSubscriptions", &l.uris, err);
    if (r == 0)
        r = string_array(filter, "taskIds", &l.tasks, err);
    if (r < 0)
        return r;
    *ret = l;
    return 0;
}
