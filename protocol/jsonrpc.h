// Reading JSON-RPC 2.0 envelopes without building a tree: one pass over the bytes checks the
// grammar (RFC 8259), UTF-8, depth and member counts, and marks where id, method, params, result
// and error stand, so that an id can be answered byte for byte and a relay needs no parser. No
// allocation, no I/O. Any thread. Source: JSON-RPC 2.0, sections 4-6.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    JSONRPC_DEPTH_MAX = 128,
    JSONRPC_MEMBERS_MAX = 20000, // members and elements in one message
    // … where they are taken one by one (json_pull.h): LSP sends all edits of "replace all" at once
    JSONRPC_MEMBERS_PULL_MAX = 2000000,
    JSONRPC_ID_BYTES_MAX = 1024,
    JSONRPC_LONG_BYTES = 4096,
    JSONRPC_METHOD_BYTES_MAX = 128 // of one with escapes
};
enum {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_INTERNAL_ERROR = -32603
};

struct span {
    const char *data; // NULL when the member is absent
    size_t len;
};

enum jsonrpc_kind {
    JSONRPC_REQUEST,      // method and id
    JSONRPC_NOTIFICATION, // method, no id
    JSONRPC_RESPONSE,     // id and result or error
    JSONRPC_BATCH,        // a non-empty array
    JSONRPC_INVALID       // valid JSON, but none of these; `why` says it
};

struct jsonrpc_message {
    enum jsonrpc_kind kind;
    struct span id; // raw bytes: 1, "a\u0062", 1e3 …; null counts as an id of a response only
    // Between the quotes. Escapes are undone into `plain` (Neovim 0.7 writes
    // "textDocument\/hover"): then it points there, so a message is not to be copied. Longer or
    // other ones: INVALID.
    struct span method;
    struct span params; // an object or an array; null is taken for absent
    struct span result, error;
    const char *why; // JSONRPC_INVALID: static text
    size_t members;  // members and elements
    // The longest string value or name, with its quotes, of those of JSONRPC_LONG_BYTES and more:
    // who looks for something behind it need not read it again.
    struct span longest;
    struct span text; // jsonrpc_read_text
    char plain[JSONRPC_METHOD_BYTES_MAX];
};

// 0; ERR_PARSE (not JSON, not UTF-8: answer -32700), ERR_LIMIT (too deep, too many members: answer
// -32600). On failure ret->id is filled when it had been passed already. Duplicate members of the
// envelope are INVALID.
int jsonrpc_read(const char *bytes, size_t n, struct jsonrpc_message *ret, struct err *err);
// With another limit than JSONRPC_MEMBERS_MAX.
int jsonrpc_read_up_to(const char *bytes, size_t n, size_t members_max, struct jsonrpc_message *ret,
                       struct err *err);

// Best effort on a cut-off head (a message over the size limit): top-level id if it stands before
// the cut.
struct span jsonrpc_find_id(const char *head, size_t n);

// With the value of the first member "text", at whatever depth, decoded into `text` (empty before)
// on the way, if it is a string: an opened document is read once. ret->text is where it stands;
// unset when there is none or no memory for it. On failure of the whole, `text` may hold some.
int jsonrpc_read_text(const char *bytes, size_t n, size_t members_max, struct jsonrpc_message *ret,
                      struct buf *text, struct err *err);

// What the head of a message says of it, where it ends within "params" (an object) and all before
// was right: kind is NOTIFICATION or REQUEST, by whether an id stands before params; params go to
// the cut, and may be wrong behind it. false: the head does not say it.
bool jsonrpc_read_head(const char *head, size_t n, struct jsonrpc_message *ret);

// Calls fn for each element of a batch. Stops at a negative return.
int jsonrpc_each(const char *batch, size_t n, int (*fn)(void *ctx, const char *element, size_t n),
                 void *ctx);
