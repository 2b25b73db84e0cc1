// JSON Canonicalization Scheme: the one text that a JSON value has, so that it can be signed.
// Members by their names' UTF-16 code units, numbers as ECMAScript writes them, no white space.
// Pure; any thread. Source: RFC 8785.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>

enum { JCS_DEPTH_MAX = 64, JCS_MEMBERS_MAX = 16384 /* of one object */ };

// Appends. Integers beyond 2^53 are written as the double that they are for others (RFC 8785
// 3.2.2.3). ERR_LIMIT: nested too deeply, or beyond out->max; ERR_INVAL: a number that is not
// finite; ERR_NOMEM. `out` is undefined then.
int jcs_write(const json_t *value, struct buf *out, struct err *err);

// A double as ECMAScript 2019 says it (Number::toString): at most 25 bytes and the end.
enum { JCS_NUMBER_BYTES = 32 };
int jcs_number(double value, char ret[JCS_NUMBER_BYTES]); // ERR_INVAL: not finite
