// JSON by table: one table of fields decodes a json object into a C struct, encodes it back and
// yields the JSON Schema (draft 2020-12) that an MCP tool publishes. Unknown members are ignored;
// null and absent differ by a presence bit. Decoded strings, and FIELD_JSON values, BORROW from the
// json_t, which must outlive the struct. Only arrays are allocated; fields_release frees them. Any
// thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_END = 0,
    FIELD_STRING,       // struct text
    FIELD_INT,          // int64_t
    FIELD_REAL,         // double (integers accepted)
    FIELD_BOOL,         // bool
    FIELD_ENUM,         // int: index into `values`
    FIELD_OBJECT,       // embedded struct described by `object`
    FIELD_STRING_ARRAY, // struct text_array
    FIELD_OBJECT_ARRAY, // struct object_array, elements of `object`, `object_size` bytes each
    FIELD_JSON          // json_t *: any value, borrowed
};

enum field_flags {
    FIELD_REQUIRED = 1,
    FIELD_NULLABLE = 2, // null is accepted and leaves presence bit unset, `was_null` is not kept
    FIELD_HIDDEN = 4    // accepted, but left out of the schema
};

struct text {
    const char *data; // not necessarily terminated; NULL when absent
    size_t len;
};
struct text_array {
    struct text *items;
    size_t count;
};
struct object_array {
    void *items;
    size_t count;
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    size_t offset; // of the value in the struct
    int presence;  // bit number in the uint64_t at `presence_offset` of the table, or 0 for none
                   // (bits from 1)
    const char *description; // for the schema; may be NULL
    int64_t min, max; // FIELD_INT: both 0 = unbounded. FIELD_STRING: length in bytes (max 0 = 64
                      // KiB). arrays: number of items (max 0 = 1000)
    const char *const *values; // FIELD_ENUM: NULL-terminated
    const char *default_json;  // for the schema only, e.g. "20"; NULL for none
    const struct field *object;
    size_t object_size;
    size_t
        presence_offset; // offset of the struct's `uint64_t present`; used only when presence != 0
};

// Fills *out (zero it or preset defaults first) from `object`. 0; ERR_INVAL with the path of the
// first offence
// ("contentChanges[1].range.start.line: expected integer"); ERR_LIMIT for a value beyond its
// maximum; ERR_NOMEM. On failure nothing is left allocated.
int fields_decode(const struct field *table, const json_t *object, void *out, struct err *err);
void fields_release(const struct field *table,
                    void *value); // frees arrays; accepts a zeroed struct

// New json object in *ret (caller owns). Strings with data == NULL and not REQUIRED are left out,
// as are fields whose presence bit is unset, and optional arrays with count 0 whose items are NULL.
int fields_encode(const struct field *table, const void *value, json_t **ret, struct err *err);
// Appends the same as text (compact, table's order). Errors as fields_encode; `out` is failed then.
int fields_write(const struct field *table, const void *value, struct buf *out, struct err *err);

// JSON Schema of the table:
// {"type":"object","properties":{…},"required":[…],"additionalProperties":false?}. Member order is
// the table's order, so that the text is byte-identical from run to run. Caller owns; NULL when out
// of memory.
json_t *fields_schema(const struct field *table);

static inline bool text_is(struct text t, const char *s) {
    return t.data && __builtin_strlen(s) == t.len && __builtin_memcmp(t.data, s, t.len) == 0;
}
