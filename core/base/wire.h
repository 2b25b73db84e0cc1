// Numbers and texts one after the other in a buffer, and read back: what a module keeps of its own
// in the cache. Little-endian hosts and others alike write the host's order: bytes never leave the
// machine. Reading past the end, or a text that is not terminated, sets `failed` and gives zeros.
#pragma once

#include "core/base/buf.h"

#include <string.h>

static inline void wire_put_u32(struct buf *b, uint32_t v) {
    (void)buf_append(b, &v, sizeof v);
}
static inline void wire_put_u64(struct buf *b, uint64_t v) {
    (void)buf_append(b, &v, sizeof v);
}
// Terminated; its length in front.
static inline void wire_put_text(struct buf *b, const char *s, size_t n) {
    wire_put_u32(b, (uint32_t)n);
    (void)buf_append(b, s, n);
    (void)buf_putc(b, '\0');
}
static inline void wire_put_string(struct buf *b, const char *s) {
    wire_put_text(b, s, strlen(s));
}

struct wire {
    const char *at, *end;
    bool failed;
};
static inline struct wire wire_of(const void *bytes, size_t n) {
    const char *at = bytes ? bytes : "";
    return (struct wire){.at = at, .end = at + (bytes ? n : 0)};
}
static inline void wire_take(struct wire *w, void *ret, size_t n) {
    if (w->failed || (size_t)(w->end - w->at) < n) {
        w->failed = true;
        memset(ret, 0, n);
        return;
    }
    memcpy(ret, w->at, n);
    w->at += n;
}
static inline uint32_t wire_u32(struct wire *w) {
    uint32_t v;
    wire_take(w, &v, sizeof v);
    return v;
}
static inline uint64_t wire_u64(struct wire *w) {
    uint64_t v;
    wire_take(w, &v, sizeof v);
    return v;
}
// Borrowed from the bytes; terminated. *ret_n may be NULL.
static inline const char *wire_text(struct wire *w, size_t *ret_n) {
    size_t n = wire_u32(w);
    const char *s = w->at;
    bool ok = !w->failed && (size_t)(w->end - w->at) > n && s[n] == '\0';
    w->failed |= !ok;
    if (ok)
        w->at += n + 1;
    if (ret_n)
        *ret_n = ok ? n : 0;
    return ok ? s : "";
}
static inline bool wire_done(const struct wire *w) { // all was read, and nothing was missing
    return !w->failed && w->at == w->end;
}
