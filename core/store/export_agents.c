// What the user told the agents, in an export: what is muted and what a review takes for known.
// Conversations and what an agent noted for itself stay here.
#include "core/base/mem.h"
#include "core/store/export.h"

#include <string.h>

enum { WORD_BYTES_MAX = 64, PATH_BYTES_MAX = 4096 };
#define TIME_MS_MAX 253402300799999 // year 9999

struct agent_line {
    struct text workspace, agent, key;
    json_t *value;
    int64_t changed_ms;
};

#define TEXT(member, maximum)                                                                      \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING, .flags = FIELD_REQUIRED,                            \
        .offset = offsetof(struct agent_line, member), .min = 1, .max = (maximum)                  \
    }

static const struct field agent_fields[] = {
    TEXT(workspace, PATH_BYTES_MAX),
    TEXT(agent, WORD_BYTES_MAX),
    TEXT(key, WORD_BYTES_MAX),
    {.name = "value",
     .type = FIELD_JSON,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct agent_line, value)},
    {.name = "changed_ms",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct agent_line, changed_ms),
     .max = TIME_MS_MAX},
    {0},
};

int export_agent_encode(const struct export_agent *a, struct buf *out) {
    (void)buf_puts(out, "{\"workspace\":");
    (void)buf_put_json_string(out, a->workspace, strlen(a->workspace));
    export_put_text(out, "agent", a->agent);
    export_put_text(out, "key", a->key);
    (void)buf_puts(out, ",\"value\":");
    (void)buf_append(out, a->value, a->value_bytes); // JSON already
    (void)buf_printf(out, ",\"changed_ms\":%lld}\n", (long long)a->changed_ms);
    return out->failed ? ERR_NOMEM : 0;
}

static int fill(const struct agent_line *line, struct export_record *out, struct err *err) {
    AUTO_BUF value = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    if (line->workspace.data[0] != '/')
        return err_set(err, ERR_INVAL, "workspace: not an absolute path");
    if (!agent_store_exported(line->agent.data, line->key.data))
        return err_set(err, ERR_INVAL, "agent, key: %s %s is nothing that an export holds",
                       line->agent.data, line->key.data);
    if (!json_is_array(line->value) && !json_is_object(line->value))
        return err_set(err, ERR_INVAL, "value: neither an array nor an object");
    int r = buf_put_json(&value, line->value, JSON_COMPACT | JSON_SORT_KEYS);
    if (r < 0 && value.len + 1 >= AGENT_VALUE_BYTES_MAX / 2)
        return err_set(err, ERR_LIMIT, "value: more than %d bytes", AGENT_VALUE_BYTES_MAX);
    size_t n = value.len;
    if (r < 0 || !(out->value = buf_take(&value)))
        return err_set(err, ERR_NOMEM, "out of memory");
    out->agent = (struct export_agent){.workspace = line->workspace.data,
                                       .agent = line->agent.data,
                                       .key = line->key.data,
                                       .value = out->value,
                                       .value_bytes = n,
                                       .changed_ms = line->changed_ms};
    return 0;
}

int export_agent_decode(const char *bytes, size_t n, struct export_record *ret, struct err *err) {
    struct export_record out = {0};
    struct agent_line line = {0};
    int r = export_parse(bytes, n, "the line", &out.json, err);
    if (r == 0)
        r = fields_decode(agent_fields, out.json, &line, err);
    if (r == 0)
        r = fill(&line, &out, err);
    if (r < 0)
        export_record_done(&out);
    else
        *ret = out;
    return r;
}
