// Takes single values out of JSON text without building a tree: for messages whose texts are large
// (an opened document) or many (a thousand edits at once). Only for text that jsonrpc_read has
// accepted: what was checked there is not checked again. No I/O, no allocation but for decoded
// strings. Any thread. Source: RFC 8259.
#pragma once

#include "core/base/buf.h"
#include "protocol/jsonrpc.h"

#include <stdbool.h>
#include <stdint.h>

// Values of an object's members by name, in one pass; absent ones are left as they are. Of a name
// that stands twice the last one counts. Names with escapes are not found. false: not an object.
bool json_pull_members(struct span object, const char *const *names, struct span *ret, size_t n);
// The same. `known`: a string in it whose end is known (jsonrpc_message.longest), or none. The
// object may be cut (jsonrpc_read_head): then a value that reaches to its end is cut too.
bool json_pull_members_past(struct span object, struct span known, const char *const *names,
                            struct span *ret, size_t n);
// The next member of an object as it stands (name: between its quotes, escapes and all): *at begins
// with 0. false: no more, or not an object.
bool json_pull_each_member(struct span object, size_t *at, struct span *ret_name,
                           struct span *ret_value);
// The next element of an array: *at begins with 0. false: no more, or not an array.
bool json_pull_each(struct span array, size_t *at, struct span *ret);
// Appends the string's value. Half a surrogate pair becomes U+FFFD; NUL stays. ERR_INVAL: not a
// string; ERR_NOMEM, ERR_LIMIT.
int json_pull_string(struct span value, struct buf *out);
// A whole number. false: none, or it does not fit.
bool json_pull_int(struct span value, int64_t *ret);
bool json_pull_is(struct span value, const char *string); // is it this string, without escapes?
