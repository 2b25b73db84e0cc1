#include "core/models/wire_models.h"

#include <stdio.h>
#include <string.h>

static bool is_name(const char *name, size_t n) {
    if (n == 0 || n > WIRE_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    return true;
}

static const char *name_of(const json_t *model) {
    static const char *const members[] = {"id", "name", "model"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(model, members[i]);
        const char *name = json_string_value(value);
        if (!name || !is_name(name, json_string_length(value)))
            continue;
        return strncmp(name, "models/", 7) == 0 && name[7] ? name + 7 : name; // Gemini's
    }
    return NULL;
}

static int each(const json_t *list, wire_model_fn *fn, void *ctx, struct wire_models *ret) {
    const json_t *model;
    size_t i, told = 0;
    int r = 0;
    json_array_foreach(list, i, model) {
        const char *name = name_of(model);
        if (!name)
            continue;
        const char *owner = json_string_value(json_object_get(model, "owned_by"));
        if (ret->count++ == 0 && owner && is_name(owner, strlen(owner)))
            (void)snprintf(ret->owner, sizeof ret->owner, "%s", owner);
        if (told++ < WIRE_MODELS_MAX && r == 0 && fn)
            r = fn(ctx, name);
    }
    return r;
}

int wire_read_models(const char *body, size_t n, wire_model_fn *fn, void *ctx,
                     struct wire_models *ret, struct err *err) {
    *ret = (struct wire_models){0};
    if (n > WIRE_MODELS_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a list of models has at most %d MB",
                       WIRE_MODELS_BYTES_MAX >> 20);
    json_error_t why;
    json_t *root = json_loadb(body, n, 0, &why);
    if (!root && json_error_code(&why) == json_error_out_of_memory)
        return err_set(err, ERR_NOMEM, "out of memory");
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "data");
    if (!json_is_array(list))
        list = json_object_get(root, "models");
    int r = json_is_array(list) ? each(list, fn, ctx, ret)
                                : err_set(err, ERR_PARSE, "this is not a list of models");
    json_decref(root);
    return r;
}

int wire_models_path(enum wire_family family, struct buf *out) {
    static const char *const paths[WIRE_FAMILIES] = {[WIRE_ANTHROPIC] = "/v1/models?limit=1000",
                                                     [WIRE_CHAT] = "/v1/models",
                                                     [WIRE_RESPONSES] = "/v1/models",
                                                     [WIRE_GEMINI] =
                                                         "/v1beta/models?pageSize=1000"};
    return buf_puts(out, paths[family]);
}
