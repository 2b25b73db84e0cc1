// What the client said about itself in initialize, and what we answer to that.
#include "core/base/build.h"
#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <string.h>

static const json_t *at_path(const json_t *value, const char *path) {
    while (value && *path) {
        size_t n = strcspn(path, ".");
        value = json_object_getn(value, path, n);
        path += n + (path[n] == '.');
    }
    return value;
}

const json_t *lsp_client_value(const struct lsp_face *f, const char *path) {
    return at_path(json_object_get(f->params, "capabilities"), path);
}

bool lsp_client_can(const struct lsp_face *f, const char *path) {
    const json_t *value = lsp_client_value(f, path);
    return value && !json_is_false(value) && !json_is_null(value);
}

bool lsp_client_lists(const struct lsp_face *f, const char *path, const char *text) {
    const json_t *list = lsp_client_value(f, path), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        const char *s = json_string_value(one);
        if (s && strcmp(s, text) == 0)
            return true;
    }
    return false;
}

const char *lsp_client_name(const struct lsp_face *f) {
    const char *name = json_string_value(at_path(f->params, "clientInfo.name"));
    return name ? name : "";
}

// --- settings ------------------------------------------------------------------------------------

const json_t *lsp_setting(const struct lsp_face *f, const char *path) {
    const json_t *value = at_path(f->settings, path);
    return value ? value : at_path(json_object_get(f->params, "initializationOptions"), path);
}

bool lsp_setting_bool(const struct lsp_face *f, const char *path, bool otherwise) {
    const json_t *value = lsp_setting(f, path);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int64_t lsp_setting_int(const struct lsp_face *f, const char *path, int64_t otherwise) {
    const json_t *value = lsp_setting(f, path);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

// --- initialize ----------------------------------------------------------------------------------

static const char *const encodings[] = {
    [LSP_UTF16] = "utf-16", [LSP_UTF8] = "utf-8", [LSP_UTF32] = "utf-32"};

const char *lsp_encoding_name(enum lsp_encoding e) {
    return encodings[e];
}

// LSP 3.17: the first one that the client offers and the server knows; nothing offered is UTF-16.
static enum lsp_encoding choose_encoding(const struct lsp_face *f) {
    const json_t *offered = lsp_client_value(f, "general.positionEncodings"), *one;
    size_t i;
    json_array_foreach(offered, i, one) {
        const char *name = json_string_value(one);
        for (size_t k = 0; name && k < COUNT_OF(encodings); k++)
            if (strcmp(name, encodings[k]) == 0)
                return (enum lsp_encoding)k;
    }
    return LSP_UTF16;
}

int lsp_client_read(struct lsp_face *f, const json_t *params, struct err *err) {
    const json_t *capabilities = json_object_get(params, "capabilities");
    // Missing ones are taken for none: old clients leave them out.
    if (!json_is_object(params) || (capabilities && !json_is_object(capabilities)))
        return err_set(err, ERR_INVAL, "initialize: expected params with an object capabilities");
    f->params = json_incref((json_t *)params);
    f->encoding = choose_encoding(f);
    const char *name = lsp_client_name(f);
    if (*name)
        session_set_client(f->session, name);
    return 0;
}

void lsp_client_done(struct lsp_face *f) {
    json_decref(f->params);
    json_decref(f->settings);
    f->params = f->settings = NULL;
}

// Everything follows from the rows of the features' tables.
static int advertise(struct lsp_face *f, json_t *capabilities) {
    for (size_t i = 0; lsp_features[i]; i++) {
        for (const struct lsp_method *m = lsp_features[i]->methods; m && m->name; m++) {
            int r =
                m->advertise && (!m->wanted || m->wanted(f)) ? m->advertise(f, capabilities) : 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

json_t *lsp_client_welcome(struct lsp_face *f) {
    json_t *capabilities = json_object();
    // Said only to who offered some: others may not know the member.
    if (lsp_client_can(f, "general.positionEncodings") &&
        json_object_set_new(capabilities, "positionEncoding",
                            json_string(lsp_encoding_name(f->encoding))) < 0) {
        json_decref(capabilities);
        return NULL;
    }
    if (!capabilities || advertise(f, capabilities) < 0) {
        json_decref(capabilities);
        return NULL;
    }
    return json_pack("{s:o, s:{s:s, s:s}}", "capabilities", capabilities, "serverInfo", "name",
                     "paired", "version", paired_version);
}
