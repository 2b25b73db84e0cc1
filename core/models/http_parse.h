// HTTP/1.1 requests as bytes: a head, and a body in chunks. Pure. Stricter than RFC 9112 has to be:
// what two readers could understand differently (both lengths, folded lines, space before a colon,
// a bare CR) is refused. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/models/http_client.h" // struct http_header

#include <stdbool.h>
#include <sys/types.h>

enum { HTTP_HEAD_BYTES_MAX = 64 << 10, HTTP_HEADERS_MAX = 100 };

struct http_head {
    const char *method, *path, *query; // terminated; path begins with '/', query without '?', or ""
    struct http_header headers[HTTP_HEADERS_MAX]; // names in lower case
    size_t count;
    int minor;              // 1: HTTP/1.1
    int64_t content_length; // -1: not told, no body
    bool chunked, keep_alive, expects_continue;
};
// Looks for a whole head at the front of `bytes` and cuts it in place: what `ret` points to. Its
// length; 0: more is needed (nothing was changed). ERR_PARSE; ERR_LIMIT: longer than the maximum,
// or more headers.
ssize_t http_parse_head(char *bytes, size_t n, struct http_head *ret, struct err *err);
const char *http_head_value(const struct http_head *head, const char *name); // NULL: none

struct http_chunks { // zeroed at first
    int state;
    uint64_t left;
    unsigned trailer_bytes;
};
// Appends to `body` what the bytes say. 1: the body is whole, 0: more is needed; *ret_used of the
// bytes belonged to it. ERR_PARSE, ERR_LIMIT (body's maximum), ERR_NOMEM.
int http_chunks_read(struct http_chunks *c, const char *bytes, size_t n, size_t *ret_used,
                     struct buf *body);
