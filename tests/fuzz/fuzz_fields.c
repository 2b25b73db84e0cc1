// Any JSON against a table with every type: no crash, and what is accepted comes out again the
// same.
#include "core/base/fields.h"

#include "core/base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const words[] = {"note", "fact", "decision", NULL};

struct leaf {
    int64_t n;
    struct text name;
    uint64_t present;
};
static const struct field leaf_fields[] = {
    {.name = "n",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct leaf, n),
     .min = -5,
     .max = 5},
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .offset = offsetof(struct leaf, name),
     .max = 10,
     .presence = 1,
     .presence_offset = offsetof(struct leaf, present)},
    {0},
};
struct root {
    struct text text;
    int64_t limit;
    double weight;
    bool all;
    int kind;
    struct leaf leaf;
    struct text_array tags;
    struct object_array leaves;
    json_t *any;
    uint64_t present;
};
static const struct field root_fields[] = {
    {.name = "text", .type = FIELD_STRING, .offset = offsetof(struct root, text), .min = 1},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct root, limit),
     .presence = 1,
     .presence_offset = offsetof(struct root, present)},
    {.name = "weight",
     .type = FIELD_REAL,
     .offset = offsetof(struct root, weight),
     .presence = 2,
     .presence_offset = offsetof(struct root, present)},
    {.name = "all", .type = FIELD_BOOL, .offset = offsetof(struct root, all)},
    {.name = "kind", .type = FIELD_ENUM, .offset = offsetof(struct root, kind), .values = words},
    {.name = "leaf",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct root, leaf),
     .object = leaf_fields,
     .presence = 3,
     .presence_offset = offsetof(struct root, present)},
    {.name = "tags", .type = FIELD_STRING_ARRAY, .offset = offsetof(struct root, tags), .max = 16},
    {.name = "leaves",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct root, leaves),
     .object = leaf_fields,
     .object_size = sizeof(struct leaf)},
    {.name = "any", .type = FIELD_JSON, .offset = offsetof(struct root, any)},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    json_t *v = json_loadb((const char *)data, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct root first = {0};
    struct err err = {0};
    if (v && fields_decode(root_fields, v, &first, &err) == 0) {
        json_t *once;
        json_t *twice;
        struct root second = {0};
        if (fields_encode(root_fields, &first, &once, NULL) < 0 ||
            fields_decode(root_fields, once, &second, NULL) < 0 ||
            fields_encode(root_fields, &second, &twice, NULL) < 0 || !json_equal(once, twice))
            abort();
        fields_release(root_fields, &second);
        json_decref(once);
        json_decref(twice);
        fields_release(root_fields, &first);
    } else if (v && !err.message[0]) {
        abort(); // every refusal says why
    }
    json_decref(v);
    return 0;
}
