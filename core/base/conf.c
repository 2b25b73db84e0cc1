#include "core/base/conf.h"

#include "core/base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORIGINS = CONF_FLAG + 1 };

// One value of one option from one source. Every source keeps its own, so that the answer does not
// depend on the order in which they were read.
struct value {
    bool set;
    int64_t number; // CONF_INT, CONF_BOOL, index of CONF_ENUM
    char *text;     // as conf_string gives it
    char *where;    // "…/config.json:3", "PAIRED_LOG_LEVEL", or NULL
};

struct conf {
    size_t count;
    struct value values[][ORIGINS];
};

static const struct conf_option *option_at(size_t i) {
    return &conf_options[i];
}

const struct conf_option *conf_find(const char *key) {
    for (size_t i = 0; option_at(i)->key; i++)
        if (strcmp(option_at(i)->key, key) == 0)
            return option_at(i);
    return NULL;
}

// --- one value ---------------------------------------------------------------------------------

static void value_done(struct value *v) {
    mem_free(v->text);
    mem_free(v->where);
    *v = (struct value){0};
}

int conf_refuse(const struct conf_option *o, struct err *err) {
    const char *unit = o->unit ? o->unit : "";
    switch (o->type) {
    case CONF_BOOL:
        return err_set(err, ERR_INVAL, "expected true or false");
    case CONF_INT:
        return err_set(err, ERR_INVAL, "expected a whole number from %lld to %lld%s%s",
                       (long long)o->min, (long long)o->max, *unit ? ", in " : "", unit);
    case CONF_ENUM: {
        char known[128] = "";
        size_t n = 0;
        for (size_t i = 0; o->values[i] && n < sizeof known; i++)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", o->values[i]);
        return err_set(err, ERR_INVAL, "expected one of %s", known);
    }
    case CONF_LIST:
        return err_set(err, ERR_INVAL, "expected a list");
    case CONF_STRING:
        break;
    }
    return err_set(err, ERR_INVAL, "expected text");
}

static bool parse_number(const struct conf_option *o, const char *text, int64_t *ret) {
    switch (o->type) {
    case CONF_BOOL:
        *ret = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        return *ret || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
    case CONF_INT: {
        char *end;
        errno = 0;
        *ret = strtoll(text, &end, 10);
        return errno == 0 && end != text && *end == '\0' && !isspace((unsigned char)text[0]) &&
               *ret >= o->min && *ret <= o->max;
    }
    case CONF_ENUM:
        for (*ret = 0; o->values[*ret]; ++*ret)
            if (strcmp(o->values[*ret], text) == 0)
                return true;
        return false;
    case CONF_STRING:
    case CONF_LIST:
        *ret = 0;
        return true;
    }
    return false;
}

static int value_parse(const struct conf_option *o, const char *text, const char *where,
                       struct value *ret, struct err *err) {
    struct value v = {.set = true};
    if (!parse_number(o, text, &v.number))
        return conf_refuse(o, err);
    int r = o->valid && strcmp(text, o->fallback) != 0 ? o->valid(text, err) : 0;
    if (r < 0)
        return r;
    v.text = o->type == CONF_BOOL  ? mem_strdup(v.number ? "true" : "false")
             : o->type == CONF_INT ? mem_format("%lld", (long long)v.number)
                                   : mem_strdup(text);
    v.where = where ? mem_strdup(where) : NULL;
    if (!v.text || (where && !v.where)) {
        value_done(&v);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = v;
    return 0;
}

// --- the whole ---------------------------------------------------------------------------------

static struct conf *conf_alloc(void) {
    size_t count = 0;
    while (option_at(count)->key)
        count++;
    struct conf *c = mem_zalloc(sizeof *c + count * sizeof c->values[0]);
    if (c)
        c->count = count;
    return c;
}

int conf_new(struct conf **ret, struct err *err) {
    struct conf *c = conf_alloc();
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->count; i++) {
        int r = value_parse(option_at(i), option_at(i)->fallback, NULL, &c->values[i][CONF_DEFAULT],
                            err);
        assert(r != ERR_INVAL); // the table's own default
        if (r < 0) {
            conf_free(c);
            return r;
        }
    }
    *ret = c;
    return 0;
}

void conf_free(struct conf *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        for (size_t origin = 0; origin < ORIGINS; origin++)
            value_done(&c->values[i][origin]);
    mem_free(c);
}

static bool value_copy(struct value *to, const struct value *from) {
    *to = (struct value){.set = from->set, .number = from->number};
    if (from->text && !(to->text = mem_strdup(from->text)))
        return false;
    return !from->where || (to->where = mem_strdup(from->where));
}

struct conf *conf_clone(const struct conf *c) {
    struct conf *copy = conf_alloc();
    if (!copy)
        return NULL;
    for (size_t i = 0; i < c->count; i++) {
        for (size_t origin = 0; origin < ORIGINS; origin++) {
            if (!value_copy(&copy->values[i][origin], &c->values[i][origin])) {
                conf_free(copy);
                return NULL;
            }
        }
    }
    return copy;
}

static bool tighter(const struct conf_option *o, int64_t now, int64_t wanted) {
    return o->type == CONF_INT ? wanted <= now : wanted >= now;
}

static const struct value *effective(const struct conf *c, size_t i, enum conf_origin limit,
                                     enum conf_origin *ret_origin) {
    const struct conf_option *o = option_at(i);
    const struct value *best = &c->values[i][CONF_DEFAULT];
    enum conf_origin from = CONF_DEFAULT;
    for (int at = CONF_USER; at <= (int)limit; at++) {
        const struct value *v = &c->values[i][at];
        if (!v->set)
            continue;
        // Checked again here: the user's file may have been read after the workspace's.
        if (at == CONF_WORKSPACE && !tighter(o, best->number, v->number))
            continue;
        best = v;
        from = (enum conf_origin)at;
    }
    if (ret_origin)
        *ret_origin = from;
    return best;
}

int conf_set(struct conf *c, const char *key, const char *value, enum conf_origin origin,
             const char *where, struct err *err) {
    const struct conf_option *o = conf_find(key);
    if (!o)
        return err_set(err, ERR_NOT_FOUND, "%.64s: no such setting", key);
    size_t i = (size_t)(o - conf_options);
    struct value v;
    if (o->users_own && origin != CONF_USER)
        return err_set(
            err, ERR_PERM,
            "%s: only your own settings (paired config path) may say this; it is ignored "
            "here",
            key);
    int r = value_parse(o, value, where, &v, err);
    if (r < 0)
        return err_context(err, r, "%s", key);
    if (origin == CONF_WORKSPACE) {
        const struct value *now = effective(c, i, CONF_USER, NULL);
        if (!o->workspace || !tighter(o, now->number, v.number)) {
            value_done(&v);
            return err_set(err, ERR_PERM,
                           o->workspace ? "%s: a workspace may only tighten it (it is %s)"
                                        : "%s: not for a workspace to set (it is %s)",
                           key, now->text);
        }
    }
    value_done(&c->values[i][origin]);
    c->values[i][origin] = v;
    return 0;
}

static const struct value *lookup(const struct conf *c, const char *key, enum conf_type type,
                                  enum conf_origin *ret_origin) {
    const struct conf_option *o = conf_find(key);
    assert(o); // code asks only for keys of the table
    assert(o->type == type || type == CONF_STRING);
    return effective(c, (size_t)(o - conf_options), CONF_FLAG, ret_origin);
}

bool conf_bool(const struct conf *c, const char *key) {
    return lookup(c, key, CONF_BOOL, NULL)->number != 0;
}

int64_t conf_int(const struct conf *c, const char *key) {
    return lookup(c, key, CONF_INT, NULL)->number;
}

const char *conf_string(const struct conf *c, const char *key) {
    return lookup(c, key, CONF_STRING, NULL)->text;
}

enum conf_origin conf_origin_of(const struct conf *c, const char *key, const char **ret_where) {
    enum conf_origin origin;
    const struct value *v = lookup(c, key, CONF_STRING, &origin);
    if (ret_where)
        *ret_where = v->where;
    return origin;
}

// --- environment -------------------------------------------------------------------------------

// "store.auto_lock_minutes" → "PAIRED_STORE_AUTO_LOCK_MINUTES"
static void variable_name(const char *key, char out[64]) {
    size_t n = (size_t)snprintf(out, 64, "PAIRED_");
    for (; *key && n < 63; key++)
        out[n++] = *key == '.' ? '_' : (char)toupper((unsigned char)*key);
    out[n] = '\0';
}

int conf_load_environment(struct conf *c, char *const *environ_list, struct err *err) {
    int result = 0;
    for (size_t i = 0; i < c->count; i++) {
        char name[64];
        variable_name(option_at(i)->key, name);
        size_t n = strlen(name);
        for (char *const *e = environ_list; e && *e; e++) {
            if (strncmp(*e, name, n) != 0 || (*e)[n] != '=')
                continue;
            struct err why = {0};
            int r = conf_set(c, option_at(i)->key, *e + n + 1, CONF_ENVIRONMENT, name, &why);
            if (r < 0 && result == 0)
                result = err_set(err, r, "%s: %s", name, err_text(&why));
            break;
        }
    }
    return result;
}

// --- schema ------------------------------------------------------------------------------------

static json_t *list_schema(const struct conf_option *o) {
    json_t *s = o->schema();
    if (s && json_object_set_new(s, "description", json_string(o->help)) == 0)
        return s;
    json_decref(s);
    return NULL;
}

static json_t *option_schema(const struct conf_option *o) {
    if (o->type == CONF_LIST)
        return list_schema(o);
    const char *type = o->type == CONF_BOOL  ? "boolean"
                       : o->type == CONF_INT ? "integer"
                                             : "string";
    json_t *s = json_pack("{ss ss}", "type", type, "description", o->help);
    json_t *fallback = o->type == CONF_BOOL  ? json_boolean(strcmp(o->fallback, "true") == 0)
                       : o->type == CONF_INT ? json_integer(strtoll(o->fallback, NULL, 10))
                                             : json_string(o->fallback);
    bool ok = json_object_set_new(s, "default", fallback) == 0;
    if (o->type == CONF_INT)
        ok = ok && json_object_set_new(s, "minimum", json_integer(o->min)) == 0 &&
             json_object_set_new(s, "maximum", json_integer(o->max)) == 0;
    if (o->type == CONF_ENUM) {
        json_t *words = json_array();
        for (size_t i = 0; ok && o->values[i]; i++)
            ok = json_array_append_new(words, json_string(o->values[i])) == 0;
        ok = json_object_set_new(s, "enum", words) == 0 && ok;
    }
    if (ok)
        return s;
    json_decref(s);
    return NULL;
}

static json_t *new_object_schema(void) {
    return json_pack("{ss s{} sb}", "type", "object", "properties", "additionalProperties", 0);
}

// The "properties" of the object that holds the last part of `key`, created on the way.
static json_t *properties_for(json_t *root, const char *key, const char **ret_last) {
    json_t *object = root;
    const char *dot;
    while ((dot = strchr(key, '.'))) {
        json_t *properties = json_object_get(object, "properties");
        AUTO_FREE char *part = mem_strndup(key, (size_t)(dot - key));
        if (!part)
            return NULL;
        json_t *next = json_object_get(properties, part);
        if (!next && json_object_set_new(properties, part, next = new_object_schema()) < 0)
            return NULL;
        object = next;
        key = dot + 1;
    }
    *ret_last = key;
    return json_object_get(object, "properties");
}

int conf_schema(struct buf *out) {
    json_t *root = json_pack("{ss ss ss s{s{ss}} sb}", "$schema",
                             "https://json-schema.org/draft/2020-12/schema", "title",
                             "Settings of paired (config.json)", "type", "object", "properties",
                             "$schema", "type", "string", "additionalProperties", 0);
    bool ok = root != NULL;
    for (size_t i = 0; ok && option_at(i)->key; i++) {
        const char *last = NULL;
        json_t *properties = properties_for(root, option_at(i)->key, &last);
        ok = properties && json_object_set_new(properties, last, option_schema(option_at(i))) == 0;
    }
    int r = ok ? buf_put_json(out, root, JSON_INDENT(2)) : ERR_NOMEM;
    json_decref(root);
    return r < 0 ? r : buf_putc(out, '\n');
}
