// Growable byte buffer with a maximum. One owner at a time; no I/O.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;  // NULL while empty and never grown; data[len] is always '\0' once grown
    size_t len;  // bytes in use
    size_t cap;  // bytes allocated
    size_t max;  // largest len allowed; 0 means BUF_BYTES_MAX
    bool failed; // an append failed; sticky, so that a chain of appends is checked once at its end
};

enum { BUF_BYTES_MAX = 256 * 1024 * 1024 };

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_done(struct buf *b);  // frees; the buffer is empty and usable again
void buf_clear(struct buf *b); // len = 0, memory kept, failed reset

// 0, ERR_NOMEM or ERR_LIMIT; on failure nothing is appended and b->failed is set.
int buf_append(struct buf *b, const void *bytes, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_reserve(struct buf *b, size_t more); // room for `more` bytes beyond len

// Removes n bytes (n <= len) from the front.
void buf_consume(struct buf *b, size_t n);

// Leading bytes, in eights, that JSON shows as they are; others may follow.
size_t buf_json_plain(const char *s, size_t n);
// Appends `n` bytes as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
int buf_put_json_string(struct buf *b, const char *s, size_t n);

// Appends a value as JSON; `flags` are jansson's (JSON_COMPACT …). Prefer it to json_dumps(), which
// returns a text that lacks its end when its last growth fails (jansson 2.14).
struct json_t;
int buf_put_json(struct buf *b, const struct json_t *value, size_t flags);

// Gives the terminated bytes to the caller (mem_free), buffer becomes empty; NULL when failed or
// out of memory.
char *buf_take(struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_done))) struct buf
