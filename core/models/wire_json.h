// Takes values out of JSON text without building a tree: a stream sends one small document per
// token. What is skipped is checked as well, so foreign bytes need no look beforehand. Borrows; no
// I/O. Any thread. Source: RFC 8259.
#pragma once

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_JSON_DEPTH_MAX = 256 };

struct wire_json { // one value with its quotes or brackets, no blanks around it
    const char *p; // NULL: absent
    size_t n;
};
struct wire_name {
    const char *text;
    size_t n;
};
#define WIRE_NAME(s)                                                                               \
    { (s), sizeof(s) - 1 }

// The one value that the text holds, blanks around it; p == NULL when it is not JSON.
struct wire_json wire_json_document(const char *text, size_t n);
// The same without a look at what is between: for wire_json_members, which looks.
struct wire_json wire_json_trim(const char *text, size_t n);
// The members of an object by name, in one pass; absent ones and null become p == NULL, of a name
// that stands twice the last one counts. Names written with escapes are not found. false: not an
// object, or not JSON (then `ret` holds nothing).
bool wire_json_members(struct wire_json object, const struct wire_name *names,
                       struct wire_json *ret, size_t count);
// The next element of an array: *at begins with 0. false: no more, or not an array.
bool wire_json_each(struct wire_json array, size_t *at, struct wire_json *ret);
// The value of a string as valid UTF-8 (what is not becomes U+FFFD): borrowed from the text when
// it stands there as it is, else written into `scratch`, which is emptied first. ERR_INVAL: not a
// string; ERR_NOMEM, ERR_LIMIT.
int wire_json_text(struct wire_json value, struct buf *scratch, const char **ret, size_t *ret_n);
int wire_json_append(struct wire_json value, struct buf *out); // the same, appended
// The same for pieces of one text: some senders cut between the halves of a surrogate pair. The
// first half at the end is left out and kept in *high (0: none) for the next piece.
int wire_json_append_piece(struct wire_json value, unsigned *high, struct buf *out);
bool wire_json_ends_in_half(struct wire_json value);
// A number's whole part, cut to what fits; 0 when it is none.
int64_t wire_json_int(struct wire_json value);
double wire_json_real(struct wire_json value);               // 0 when it is no number
bool wire_json_is(struct wire_json value, const char *text); // this string, without escapes?

static inline bool wire_json_is_string(struct wire_json v) {
    return v.p && *v.p == '"';
}
static inline bool wire_json_is_object(struct wire_json v) {
    return v.p && *v.p == '{';
}
static inline bool wire_json_is_array(struct wire_json v) {
    return v.p && *v.p == '[';
}
