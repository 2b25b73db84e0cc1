#include "core/base/fields.h"

#include "core/base/buf.h"
#include "core/base/fields_impl.h"
#include "core/base/mem.h"
#include "core/base/utf.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STRING_BYTES_DEFAULT_MAX = 64 * 1024, ARRAY_ITEMS_DEFAULT_MAX = 1000, PATH_BYTES_MAX = 200 };

// Where we are: a chain through the C stack, written out only when something is wrong.
struct place {
    const struct place *up;
    const char *name; // NULL: an element of an array
    size_t index;
    unsigned depth;
};

static void put_place(struct buf *out, const struct place *p) {
    if (!p || !p->up) // the root has no name
        return;
    put_place(out, p->up);
    if (p->name)
        (void)buf_printf(out, "%s%s", out->len ? "." : "", p->name);
    else
        (void)buf_printf(out, "[%zu]", p->index);
}

static int __attribute__((format(printf, 4, 5)))
offence(struct err *err, int code, const struct place *at, const char *format, ...) {
    if (!err)
        return code;
    char why[ERR_MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    AUTO_BUF path = BUF_INIT(PATH_BYTES_MAX);
    put_place(&path, at);
    if (!path.len)
        return err_set(err, code, "%s", why);
    return err_set(err, code, "%s: %s", path.data, why);
}

static void *slot(const struct field *f, void *value) {
    return (char *)value + f->offset;
}

static size_t items_max(const struct field *f) {
    return f->max > 0 ? (size_t)f->max : (size_t)ARRAY_ITEMS_DEFAULT_MAX;
}
static size_t string_max(const struct field *f) {
    return f->max > 0 ? (size_t)f->max : (size_t)STRING_BYTES_DEFAULT_MAX;
}

static bool has_max(const struct field *f) { // FIELD_INT; min without max is a lower bound only
    return f->max != 0 || f->min < 0;
}

// --- decode ------------------------------------------------------------------------------------

static int decode_object(const struct field *table, const json_t *object, void *out,
                         const struct place *at, struct err *err);

static int decode_string(const struct field *f, const json_t *v, struct text *out,
                         const struct place *at, struct err *err) {
    if (!json_is_string(v))
        return offence(err, ERR_INVAL, at, "expected string");
    // In an array, min and max count its items; its strings have the default maximum.
    bool scalar = f->type == FIELD_STRING;
    size_t max = scalar ? string_max(f) : (size_t)STRING_BYTES_DEFAULT_MAX;
    size_t n = json_string_length(v);
    if (n > max)
        return offence(err, ERR_LIMIT, at, "expected at most %zu bytes, got %zu", max, n);
    if (scalar && f->min > 0 && n < (size_t)f->min)
        return f->min == 1
                   ? offence(err, ERR_INVAL, at, "must not be empty")
                   : offence(err, ERR_INVAL, at, "expected at least %lld bytes", (long long)f->min);
    *out = (struct text){json_string_value(v), n};
    return 0;
}

static int decode_int(const struct field *f, const json_t *v, int64_t *out, const struct place *at,
                      struct err *err) {
    int64_t n;
    if (json_is_integer(v)) {
        n = (int64_t)json_integer_value(v);
    } else if (json_is_real(v)) { // JSON Schema: 20.0 is an integer too
        double d = json_real_value(v);
        bool exact = d >= -9007199254740992.0 && d <= 9007199254740992.0; // ±2^53
        n = exact ? (int64_t)d : 0;
        if (!exact || (double)n < d || (double)n > d)
            return offence(err, ERR_INVAL, at, "expected integer");
    } else {
        return offence(err, ERR_INVAL, at, "expected integer");
    }
    bool bounded = f->min != 0 || f->max != 0;
    if (bounded && n < f->min)
        return offence(err, ERR_INVAL, at, "expected at least %lld", (long long)f->min);
    if (bounded && has_max(f) && n > f->max)
        return offence(err, ERR_LIMIT, at, "expected at most %lld", (long long)f->max);
    *out = n;
    return 0;
}

static int decode_enum(const struct field *f, const json_t *v, int *out, const struct place *at,
                       struct err *err) {
    struct text word = {json_string_value(v), json_string_length(v)};
    AUTO_BUF known = BUF_INIT(256);
    for (int i = 0; f->values[i]; i++) {
        if (json_is_string(v) && text_is(word, f->values[i])) {
            *out = i;
            return 0;
        }
        (void)buf_printf(&known, "%s\"%s\"", i ? ", " : "", f->values[i]);
    }
    return offence(err, ERR_INVAL, at, "expected one of %s", known.data ? known.data : "");
}

static int check_items(const struct field *f, const json_t *v, const struct place *at,
                       struct err *err) {
    if (!json_is_array(v))
        return offence(err, ERR_INVAL, at, "expected array");
    size_t n = json_array_size(v);
    if (n > items_max(f))
        return offence(err, ERR_LIMIT, at, "expected at most %zu items, got %zu", items_max(f), n);
    if (f->min > 0 && n < (size_t)f->min)
        return offence(err, ERR_INVAL, at, "expected at least %lld items", (long long)f->min);
    return 0;
}

static int decode_strings(const struct field *f, const json_t *v, struct text_array *out,
                          const struct place *at, struct err *err) {
    int r = check_items(f, v, at, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(v);
    AUTO_FREE struct text *items = mem_zalloc(n * sizeof *items);
    if (!items)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct place here = {.up = at, .index = i, .depth = at->depth};
        r = decode_string(f, json_array_get(v, i), &items[i], &here, err);
        if (r < 0)
            return r;
    }
    *out = (struct text_array){TAKE(items), n};
    return 0;
}

static int decode_objects(const struct field *f, const json_t *v, struct object_array *out,
                          const struct place *at, struct err *err) {
    int r = check_items(f, v, at, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(v);
    if (n > SIZE_MAX / (f->object_size ? f->object_size : 1))
        return offence(err, ERR_LIMIT, at, "too many items");
    AUTO_FREE char *items = mem_zalloc(n * f->object_size);
    if (!items)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct place here = {.up = at, .index = i, .depth = at->depth + 1};
        r = decode_object(f->object, json_array_get(v, i), items + i * f->object_size, &here, err);
        if (r < 0) {
            while (i-- > 0)
                fields_release(f->object, items + i * f->object_size);
            return r;
        }
    }
    *out = (struct object_array){TAKE(items), n};
    return 0;
}

static int decode_value(const struct field *f, json_t *v, void *out, const struct place *at,
                        struct err *err) {
    switch (f->type) {
    case FIELD_STRING:
        return decode_string(f, v, out, at, err);
    case FIELD_INT:
        return decode_int(f, v, out, at, err);
    case FIELD_REAL:
        if (!json_is_number(v))
            return offence(err, ERR_INVAL, at, "expected number");
        *(double *)out = json_number_value(v);
        return 0;
    case FIELD_BOOL:
        if (!json_is_boolean(v))
            return offence(err, ERR_INVAL, at, "expected boolean");
        *(bool *)out = json_is_true(v);
        return 0;
    case FIELD_ENUM:
        return decode_enum(f, v, out, at, err);
    case FIELD_OBJECT: {
        struct place deeper = *at;
        deeper.depth++;
        return decode_object(f->object, v, out, &deeper, err);
    }
    case FIELD_STRING_ARRAY:
        return decode_strings(f, v, out, at, err);
    case FIELD_OBJECT_ARRAY:
        return decode_objects(f, v, out, at, err);
    case FIELD_JSON:
        *(json_t **)out = v;
        return 0;
    case FIELD_END:
        break;
    }
    assert(false); // the table is ours
    return ERR_INVAL;
}

static void release_until(const struct field *table, const struct field *end, void *value);

static int decode_object(const struct field *table, const json_t *object, void *out,
                         const struct place *at, struct err *err) {
    if (!json_is_object(object))
        return offence(err, ERR_INVAL, at, "expected object");
    if (at->depth > FIELDS_DEPTH_MAX)
        return offence(err, ERR_LIMIT, at, "nested too deeply");
    for (const struct field *f = table; f->type != FIELD_END; f++) {
        struct place here = {.up = at, .name = f->name, .depth = at->depth};
        json_t *v = json_object_get(object, f->name);
        int r = 0;
        if (!v || (json_is_null(v) && (f->flags & FIELD_NULLABLE))) {
            if (!v && (f->flags & FIELD_REQUIRED))
                r = offence(err, ERR_INVAL, &here, "missing, it is required");
        } else {
            r = decode_value(f, v, slot(f, out), &here, err);
            if (r == 0 && f->presence)
                *(uint64_t *)((char *)out + f->presence_offset) |= UINT64_C(1) << f->presence;
        }
        if (r < 0) {
            release_until(table, f, out);
            return r;
        }
    }
    return 0;
}

int fields_decode(const struct field *table, const json_t *object, void *out, struct err *err) {
    struct place root = {0};
    return decode_object(table, object, out, &root, err);
}

static void release_until(const struct field *table, const struct field *end, void *value) {
    for (const struct field *f = table; f != end && f->type != FIELD_END; f++) {
        if (f->type == FIELD_OBJECT) {
            fields_release(f->object, slot(f, value));
        } else if (f->type == FIELD_STRING_ARRAY) {
            struct text_array *a = slot(f, value);
            mem_free(a->items);
            *a = (struct text_array){0};
        } else if (f->type == FIELD_OBJECT_ARRAY) {
            struct object_array *a = slot(f, value);
            for (size_t i = 0; i < a->count; i++)
                fields_release(f->object, (char *)a->items + i * f->object_size);
            mem_free(a->items);
            *a = (struct object_array){0};
        }
    }
}

void fields_release(const struct field *table, void *value) {
    release_until(table, NULL, value);
}

// --- encode ------------------------------------------------------------------------------------

static int encode_object(const struct field *table, const void *value, json_t **ret,
                         const struct place *at, struct err *err);

static int no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

static int encode_text(struct text t, json_t **ret, const struct place *at, struct err *err) {
    if (!t.data)
        t = (struct text){"", 0};
    if (!utf_valid(t.data, t.len))
        return offence(err, ERR_INVAL, at, "not valid UTF-8");
    *ret = json_stringn_nocheck(t.data, t.len);
    return *ret ? 0 : no_memory(err);
}

static int encode_strings(const struct text_array *a, json_t **ret, const struct place *at,
                          struct err *err) {
    json_t *list = json_array();
    int r = list ? 0 : no_memory(err);
    for (size_t i = 0; r == 0 && i < a->count; i++) {
        struct place here = {.up = at, .index = i, .depth = at->depth};
        json_t *item;
        r = encode_text(a->items[i], &item, &here, err);
        if (r == 0 && json_array_append_new(list, item) < 0)
            r = no_memory(err);
    }
    if (r < 0)
        json_decref(list);
    else
        *ret = list;
    return r;
}

static int encode_objects(const struct field *f, const struct object_array *a, json_t **ret,
                          const struct place *at, struct err *err) {
    json_t *list = json_array();
    int r = list ? 0 : no_memory(err);
    for (size_t i = 0; r == 0 && i < a->count; i++) {
        struct place here = {.up = at, .index = i, .depth = at->depth + 1};
        json_t *item;
        r = encode_object(f->object, (const char *)a->items + i * f->object_size, &item, &here,
                          err);
        if (r == 0 && json_array_append_new(list, item) < 0)
            r = no_memory(err);
    }
    if (r < 0)
        json_decref(list);
    else
        *ret = list;
    return r;
}

static int encode_enum(const struct field *f, int chosen, json_t **ret, const struct place *at,
                       struct err *err) {
    for (int i = 0; f->values[i]; i++) {
        if (i == chosen) {
            *ret = json_string(f->values[i]);
            return *ret ? 0 : no_memory(err);
        }
    }
    return offence(err, ERR_INVAL, at, "%d is no value of the enumeration", chosen);
}

static int encode_real(double d, json_t **ret, const struct place *at, struct err *err) {
    if (!isfinite(d))
        return offence(err, ERR_INVAL, at, "not a finite number");
    *ret = json_real(d);
    return *ret ? 0 : no_memory(err);
}

bool field_left_out(const struct field *f, const void *value) {
    if (f->presence) {
        uint64_t present = *(const uint64_t *)((const char *)value + f->presence_offset);
        return !(present & (UINT64_C(1) << f->presence));
    }
    if (f->flags & FIELD_REQUIRED)
        return false;
    const void *p = field_slot(f, value);
    switch (f->type) {
    case FIELD_STRING:
        return !((const struct text *)p)->data;
    case FIELD_STRING_ARRAY:
        return !((const struct text_array *)p)->items;
    case FIELD_OBJECT_ARRAY:
        return !((const struct object_array *)p)->items;
    case FIELD_JSON:
        return !*(json_t *const *)p;
    default:
        return false;
    }
}

static int encode_value(const struct field *f, const void *p, json_t **ret, const struct place *at,
                        struct err *err) {
    switch (f->type) {
    case FIELD_STRING:
        return encode_text(*(const struct text *)p, ret, at, err);
    case FIELD_INT:
        *ret = json_integer(*(const int64_t *)p);
        return *ret ? 0 : no_memory(err);
    case FIELD_REAL:
        return encode_real(*(const double *)p, ret, at, err);
    case FIELD_BOOL:
        *ret = json_boolean(*(const bool *)p);
        return 0;
    case FIELD_ENUM:
        return encode_enum(f, *(const int *)p, ret, at, err);
    case FIELD_OBJECT: {
        struct place deeper = *at;
        deeper.depth++;
        return encode_object(f->object, p, ret, &deeper, err);
    }
    case FIELD_STRING_ARRAY:
        return encode_strings(p, ret, at, err);
    case FIELD_OBJECT_ARRAY:
        return encode_objects(f, p, ret, at, err);
    case FIELD_JSON: {
        json_t *v = *(json_t *const *)p;
        *ret = v ? json_incref(v) : json_null();
        return 0;
    }
    case FIELD_END:
        break;
    }
    assert(false); // the table is ours
    return ERR_INVAL;
}

static int encode_object(const struct field *table, const void *value, json_t **ret,
                         const struct place *at, struct err *err) {
    if (at->depth > FIELDS_DEPTH_MAX)
        return offence(err, ERR_LIMIT, at, "nested too deeply");
    json_t *object = json_object();
    int r = object ? 0 : no_memory(err);
    for (const struct field *f = table; r == 0 && f->type != FIELD_END; f++) {
        if (field_left_out(f, value))
            continue;
        struct place here = {.up = at, .name = f->name, .depth = at->depth};
        json_t *v;
        r = encode_value(f, field_slot(f, value), &v, &here, err);
        if (r == 0 && json_object_set_new(object, f->name, v) < 0)
            r = no_memory(err);
    }
    if (r < 0)
        json_decref(object);
    else
        *ret = object;
    return r;
}

int fields_encode(const struct field *table, const void *value, json_t **ret, struct err *err) {
    struct place root = {0};
    return encode_object(table, value, ret, &root, err);
}

// --- schema ------------------------------------------------------------------------------------
// Members are set into objects one by one; the first that fails makes the whole NULL.

static json_t *schema_of(const struct field *table, unsigned depth);

static bool put(json_t *object, const char *name, json_t *v) {
    return json_object_set_new(object, name, v) == 0; // also false when v is NULL
}

static const char *schema_type(enum field_type type) {
    switch (type) {
    case FIELD_STRING:
    case FIELD_ENUM:
        return "string";
    case FIELD_INT:
        return "integer";
    case FIELD_REAL:
        return "number";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_OBJECT:
        return "object";
    case FIELD_STRING_ARRAY:
    case FIELD_OBJECT_ARRAY:
        return "array";
    default:
        return NULL;
    }
}

static bool put_type(json_t *s, const struct field *f) {
    const char *name = schema_type(f->type);
    if (!name)
        return true; // FIELD_JSON: anything
    if (!(f->flags & FIELD_NULLABLE))
        return put(s, "type", json_string(name));
    return put(s, "type", json_pack("[ss]", name, "null"));
}

static bool put_values(json_t *s, const struct field *f) {
    json_t *list = json_array();
    bool ok = list != NULL;
    for (int i = 0; ok && f->values[i]; i++)
        ok = json_array_append_new(list, json_string(f->values[i])) == 0;
    if (ok && (f->flags & FIELD_NULLABLE))
        ok = json_array_append_new(list, json_null()) == 0;
    if (!ok) {
        json_decref(list);
        return false;
    }
    return put(s, "enum", list);
}

static bool put_string_bounds(json_t *s, const struct field *f) {
    // The schema counts characters, we count bytes, of which a character has one to four.
    return (f->min <= 0 || put(s, "minLength", json_integer((f->min + 3) / 4))) &&
           (f->max <= 0 || put(s, "maxLength", json_integer(f->max)));
}

static bool put_items(json_t *s, const struct field *f, unsigned depth) {
    json_t *items = f->type == FIELD_STRING_ARRAY ? json_pack("{ss}", "type", "string")
                                                  : schema_of(f->object, depth + 1);
    return put(s, "items", items) && (f->min <= 0 || put(s, "minItems", json_integer(f->min))) &&
           (f->max <= 0 || put(s, "maxItems", json_integer(f->max)));
}

static bool put_constraints(json_t *s, const struct field *f, unsigned depth) {
    switch (f->type) {
    case FIELD_STRING:
        return put_string_bounds(s, f);
    case FIELD_INT:
        if (f->min == 0 && f->max == 0)
            return true;
        return put(s, "minimum", json_integer(f->min)) &&
               (!has_max(f) || put(s, "maximum", json_integer(f->max)));
    case FIELD_ENUM:
        return put_values(s, f);
    case FIELD_STRING_ARRAY:
    case FIELD_OBJECT_ARRAY:
        return put_items(s, f, depth);
    default:
        return true;
    }
}

static bool put_default(json_t *s, const struct field *f) {
    if (!f->default_json)
        return true;
    json_t *v = json_loads(f->default_json, JSON_DECODE_ANY, NULL);
    return put(s, "default", v);
}

static json_t *property(const struct field *f, unsigned depth) {
    json_t *s = f->type == FIELD_OBJECT ? schema_of(f->object, depth + 1) : json_object();
    if (s && put_type(s, f) &&
        (!f->description || put(s, "description", json_string(f->description))) &&
        put_constraints(s, f, depth) && put_default(s, f))
        return s;
    json_decref(s);
    return NULL;
}

static json_t *schema_of(const struct field *table, unsigned depth) {
    json_t *schema = json_pack("{ss}", "type", "object");
    if (depth > FIELDS_DEPTH_MAX / 4) // a table that contains itself: any object from here on
        return schema;
    json_t *properties = json_object();
    json_t *required = json_array();
    bool ok = schema && properties && required;
    for (const struct field *f = table; ok && f->type != FIELD_END; f++) {
        if (f->flags & FIELD_HIDDEN)
            continue;
        ok = put(properties, f->name, property(f, depth)) &&
             (!(f->flags & FIELD_REQUIRED) ||
              json_array_append_new(required, json_string(f->name)) == 0);
    }
    ok = ok && json_object_set(schema, "properties", properties) == 0 &&
         (json_array_size(required) == 0 || json_object_set(schema, "required", required) == 0);
    json_decref(properties);
    json_decref(required);
    if (ok)
        return schema;
    json_decref(schema);
    return NULL;
}

json_t *fields_schema(const struct field *table) {
    return schema_of(table, 0);
}
