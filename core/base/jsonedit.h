// Changes one value of a JSON text in place: every other byte stays as it was, comments, order,
// indentation, line ends, a byte order mark and trailing commas included (JSON with comments, as
// editors keep their settings). For files that are somebody else's. Any thread; no I/O; looks at
// text iteratively, whatever its depth.
// Source: RFC 8259; "JSON with Comments" (jsonc.org) for comments and trailing commas.
//
// A path names members from the root on and ends with NULL. A part "=name" is the element of an
// array whose member "id" is the string "name".
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    JSONEDIT_BYTES_MAX = 16 * 1024 * 1024, // of a text
    JSONEDIT_DEPTH_MAX = 256,              // of arrays and objects in it
    JSONEDIT_PATH_MAX = 6                  // parts of a path
};

// All of them: ERR_PARSE with line and column where the text is not JSON, its root is no object, a
// part of the path is written twice or leads through something else; ERR_LIMIT; ERR_NOMEM. A text
// of blanks and comments alone is an empty object.

// *ret is the value, which the caller owns, or NULL where there is none.
int jsonedit_get(const char *text, size_t n, const char *const *path, json_t **ret,
                 struct err *err);
// The text with that value goes to `out` (appended). 1 changed, 0 it was there already. Missing
// objects on the way are made; *ret_made (may be NULL) is how many.
int jsonedit_set(const char *text, size_t n, const char *const *path, const json_t *value,
                 struct buf *out, size_t *ret_made, struct err *err);
// The text without that value, and without up to `made` objects around it that are empty then.
// 1 changed, 0 it was not there.
int jsonedit_remove(const char *text, size_t n, const char *const *path, size_t made,
                    struct buf *out, struct err *err);
