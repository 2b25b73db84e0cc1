// A value to JSON text at once, without a tree in between: what an answer of many parts costs is
// mostly the tree.
#include "core/base/fields_impl.h"

#include "core/base/utf.h"

#include <math.h>
#include <string.h>

// Marks what JSON cannot say; fields_encode then tells where it is.
static void refuse(struct buf *out) {
    out->failed = true;
}

static void put_text(struct buf *out, struct text t) {
    const char *data = t.data ? t.data : "";
    if (!utf_valid(data, t.len))
        refuse(out);
    else
        (void)buf_put_json_string(out, data, t.len);
}

static void put_texts(struct buf *out, const struct text_array *a) {
    (void)buf_putc(out, '[');
    for (size_t i = 0; i < a->count && !out->failed; i++) {
        if (i)
            (void)buf_putc(out, ',');
        put_text(out, a->items[i]);
    }
    (void)buf_putc(out, ']');
}

static void put_enum(struct buf *out, const struct field *f, int chosen) {
    for (int i = 0; f->values[i]; i++)
        if (i == chosen) {
            put_text(out, (struct text){f->values[i], strlen(f->values[i])});
            return;
        }
    refuse(out);
}

static void put_tree(struct buf *out, json_t *value, bool owned) {
    if (!value)
        refuse(out);
    else
        (void)buf_put_json(out, value, JSON_COMPACT);
    if (owned)
        json_decref(value);
}

static void put_object(struct buf *out, const struct field *table, const void *value,
                       unsigned depth);

static void put_objects(struct buf *out, const struct field *f, const struct object_array *a,
                        unsigned depth) {
    (void)buf_putc(out, '[');
    for (size_t i = 0; i < a->count && !out->failed; i++) {
        if (i)
            (void)buf_putc(out, ',');
        put_object(out, f->object, (const char *)a->items + i * f->object_size, depth + 1);
    }
    (void)buf_putc(out, ']');
}

static void put_value(struct buf *out, const struct field *f, const void *p, unsigned depth) {
    switch (f->type) {
    case FIELD_STRING:
        put_text(out, *(const struct text *)p);
        break;
    case FIELD_INT:
        (void)buf_printf(out, "%lld", (long long)*(const int64_t *)p);
        break;
    case FIELD_REAL: // with the digits that the tree's text has
        put_tree(out, isfinite(*(const double *)p) ? json_real(*(const double *)p) : NULL, true);
        break;
    case FIELD_BOOL:
        (void)buf_puts(out, *(const bool *)p ? "true" : "false");
        break;
    case FIELD_ENUM:
        put_enum(out, f, *(const int *)p);
        break;
    case FIELD_OBJECT:
        put_object(out, f->object, p, depth + 1);
        break;
    case FIELD_STRING_ARRAY:
        put_texts(out, p);
        break;
    case FIELD_OBJECT_ARRAY:
        put_objects(out, f, p, depth);
        break;
    case FIELD_JSON:
        if (*(json_t *const *)p)
            put_tree(out, *(json_t *const *)p, false);
        else
            (void)buf_puts(out, "null");
        break;
    case FIELD_END:
        break;
    }
}

static void put_object(struct buf *out, const struct field *table, const void *value,
                       unsigned depth) {
    bool first = true;
    if (depth > FIELDS_DEPTH_MAX) {
        refuse(out);
        return;
    }
    (void)buf_putc(out, '{');
    for (const struct field *f = table; f->type != FIELD_END && !out->failed; f++) {
        if (field_left_out(f, value))
            continue;
        if (!first)
            (void)buf_putc(out, ',');
        first = false;
        (void)buf_put_json_string(out, f->name, strlen(f->name));
        (void)buf_putc(out, ':');
        put_value(out, f, field_slot(f, value), depth);
    }
    (void)buf_putc(out, '}');
}

int fields_write(const struct field *table, const void *value, struct buf *out, struct err *err) {
    put_object(out, table, value, 0);
    if (!out->failed)
        return 0;
    json_t *tree = NULL;
    int r = fields_encode(table, value, &tree, err);
    json_decref(tree);
    return r < 0 ? r : err_set(err, ERR_NOMEM, "out of memory");
}
