// Lines of grants and backends in an export.
#include "core/base/mem.h"
#include "core/store/export.h"

#include <string.h>

#define TIME_MS_MAX 253402300799999 // year 9999

static const char *const directions[] = {"out", "in", NULL};

#define TEXT(owner, member, minimum, maximum, bits)                                                \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING, .flags = (bits), .offset = offsetof(owner, member), \
        .min = (minimum), .max = (maximum)                                                         \
    }
#define NUMBER(owner, member, maximum, bits)                                                       \
    {                                                                                              \
        .name = #member, .type = FIELD_INT, .flags = (bits), .offset = offsetof(owner, member),    \
        .max = (maximum)                                                                           \
    }
#define WORD(owner, member, words)                                                                 \
    {                                                                                              \
        .name = #member, .type = FIELD_ENUM, .flags = FIELD_REQUIRED,                              \
        .offset = offsetof(owner, member), .values = (words)                                       \
    }

static int line_end(struct buf *out) {
    (void)buf_puts(out, "}\n");
    return out->failed ? ERR_NOMEM : 0;
}

// --- grants -------------------------------------------------------------------------------------

struct grant_line {
    struct text kind, audience, url, workspace, given_by;
    int direction;
    int64_t given_ms, expires_ms, text_version;
};

static const struct field grant_fields[] = {
    TEXT(struct grant_line, kind, 1, CONSENT_WORD_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct grant_line, audience, 1, CONSENT_AUDIENCE_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct grant_line, url, 1, BACKEND_URL_BYTES_MAX, 0),
    WORD(struct grant_line, direction, directions),
    TEXT(struct grant_line, workspace, 1, CONSENT_PATH_BYTES_MAX, 0),
    TEXT(struct grant_line, given_by, 0, CONSENT_WORD_BYTES_MAX, FIELD_REQUIRED),
    NUMBER(struct grant_line, given_ms, TIME_MS_MAX, FIELD_REQUIRED),
    NUMBER(struct grant_line, expires_ms, TIME_MS_MAX, 0),
    NUMBER(struct grant_line, text_version, INT32_MAX, FIELD_REQUIRED),
    {0},
};

int export_grant_encode(const struct consent_row *grant, struct buf *out) {
    (void)buf_puts(out, "{\"kind\":");
    (void)buf_put_json_string(out, grant->kind, strlen(grant->kind));
    export_put_text(out, "audience", grant->audience);
    export_put_text(out, "url", grant->url);
    export_put_text(out, "direction", consent_direction_name(grant->direction));
    export_put_text(out, "workspace", grant->workspace);
    export_put_text(out, "given_by", grant->given_by);
    (void)buf_printf(out, ",\"given_ms\":%lld", (long long)grant->given_ms);
    if (grant->expires_ms)
        (void)buf_printf(out, ",\"expires_ms\":%lld", (long long)grant->expires_ms);
    (void)buf_printf(out, ",\"text_version\":%lld", (long long)grant->text_version);
    return line_end(out);
}

int export_grant_decode(const char *bytes, size_t n, struct export_record *ret, struct err *err) {
    struct export_record out = {0};
    struct grant_line line = {0};
    int r = export_parse(bytes, n, "the line", &out.json, err);
    if (r == 0)
        r = fields_decode(grant_fields, out.json, &line, err);
    if (r == 0 && line.workspace.data && line.workspace.data[0] != '/')
        r = err_set(err, ERR_INVAL, "workspace: not an absolute path");
    if (r < 0) {
        export_record_done(&out);
        return r;
    }
    out.grant = (struct consent_row){.kind = line.kind.data,
                                     .audience = line.audience.data,
                                     .url = line.url.data,
                                     .direction = (enum consent_direction)line.direction,
                                     .workspace = line.workspace.data,
                                     .given_by = line.given_by.data,
                                     .given_ms = line.given_ms,
                                     .expires_ms = line.expires_ms,
                                     .text_version = line.text_version};
    *ret = out;
    return 0;
}

// --- backends -----------------------------------------------------------------------------------

struct model_line {
    struct text name, price;
};
struct backend_line {
    struct text name, url, account, key_env;
    int family, key, fim;
    struct object_array models;
};

static const struct field model_fields[] = {
    TEXT(struct model_line, name, 1, BACKEND_MODEL_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct model_line, price, 1, BACKEND_MODEL_BYTES_MAX, 0),
    {0},
};
static const struct field backend_fields[] = {
    TEXT(struct backend_line, name, 1, BACKEND_NAME_BYTES_MAX, FIELD_REQUIRED),
    WORD(struct backend_line, family, backend_family_names),
    {.name = "fim",
     .type = FIELD_ENUM,
     .offset = offsetof(struct backend_line, fim),
     .values = backend_fim_names},
    TEXT(struct backend_line, url, 1, BACKEND_URL_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct backend_line, account, 1, BACKEND_NAME_BYTES_MAX, 0),
    WORD(struct backend_line, key, backend_key_names),
    TEXT(struct backend_line, key_env, 1, BACKEND_ENV_BYTES_MAX, 0),
    {.name = "models",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct backend_line, models),
     .max = BACKEND_MODELS_MAX,
     .object = model_fields,
     .object_size = sizeof(struct model_line)},
    {0},
};

int export_backend_encode(const struct backend *b, struct buf *out) {
    (void)buf_puts(out, "{\"name\":");
    (void)buf_put_json_string(out, b->name, strlen(b->name));
    export_put_text(out, "family", backend_family_names[b->family]);
    if (b->fim != BACKEND_FIM_NONE) // what older builds read, too
        export_put_text(out, "fim", backend_fim_names[b->fim]);
    export_put_text(out, "url", b->url);
    export_put_text(out, "account", b->account[0] ? b->account : NULL);
    export_put_text(out, "key", backend_key_names[b->key]);
    export_put_text(out, "key_env", b->key_env[0] ? b->key_env : NULL);
    for (size_t i = 0; i < b->model_count; i++) {
        (void)buf_puts(out, i ? ",{\"name\":" : ",\"models\":[{\"name\":");
        (void)buf_put_json_string(out, b->models[i].name, strlen(b->models[i].name));
        export_put_text(out, "price", b->models[i].price[0] ? b->models[i].price : NULL);
        (void)buf_putc(out, '}');
    }
    if (b->model_count)
        (void)buf_putc(out, ']');
    return line_end(out);
}

// The tables have checked the lengths.
static void copy(char *out, struct text t) {
    if (t.len)
        memcpy(out, t.data, t.len);
    out[t.len] = '\0';
}

static int fill_backend(const struct backend_line *line, struct export_record *out,
                        struct err *err) {
    const struct model_line *models = line->models.items;
    struct backend *b = &out->backend;
    out->models = mem_zalloc((line->models.count + 1) * sizeof *out->models);
    if (!out->models)
        return err_set(err, ERR_NOMEM, "out of memory");
    b->family = (enum backend_family)line->family;
    b->fim = (enum backend_fim)line->fim;
    b->key = (enum backend_key)line->key;
    b->models = out->models;
    b->model_count = line->models.count;
    copy(b->name, line->name);
    copy(b->url, line->url);
    copy(b->account, line->account);
    copy(b->key_env, line->key_env);
    for (size_t i = 0; i < line->models.count; i++) {
        copy(out->models[i].name, models[i].name);
        copy(out->models[i].price, models[i].price);
    }
    return 0;
}

int export_backend_decode(const char *bytes, size_t n, struct export_record *ret, struct err *err) {
    struct export_record out = {0};
    struct backend_line line = {0};
    int r = export_parse(bytes, n, "the line", &out.json, err);
    if (r == 0)
        r = fields_decode(backend_fields, out.json, &line, err);
    if (r == 0) {
        r = fill_backend(&line, &out, err);
        fields_release(backend_fields, &line);
    }
    if (r < 0)
        export_record_done(&out);
    else
        *ret = out;
    return r;
}
