#include "core/base/buf.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_done(struct buf *b) {
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

static int fail(struct buf *b, int code) {
    b->failed = true;
    return code;
}

int buf_reserve(struct buf *b, size_t more) {
    size_t max = b->max ? b->max : (size_t)BUF_BYTES_MAX;
    if (b->len > max || more > max - b->len)
        return fail(b, ERR_LIMIT);
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    char *data = mem_realloc(b->data, cap);
    if (!data)
        return fail(b, ERR_NOMEM);
    b->data = data;
    b->cap = cap;
    data[b->len] = '\0';
    return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t n) {
    int r = buf_reserve(b, n);
    if (r < 0)
        return r;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

int buf_puts(struct buf *b, const char *s) {
    return buf_append(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c) {
    return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    size_t room = b->cap ? b->cap - b->len : 0; // mostly enough: then it is formatted once
    va_start(args, format);
    int n = vsnprintf(room ? b->data + b->len : NULL, room, format, args);
    va_end(args);
    int r = n < 0 ? fail(b, ERR_INVAL) : buf_reserve(b, (size_t)n);
    if (r == 0 && (size_t)n < room) {
        b->len += (size_t)n;
        return 0;
    }
    if (room)
        b->data[b->len] = '\0';
    if (r < 0)
        return r;
    va_start(args, format);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
    return 0;
}

void buf_consume(struct buf *b, size_t n) {
    if (!n)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

static int put_escaped(struct buf *b, unsigned char c) {
    switch (c) {
    case '"':
        return buf_append(b, "\\\"", 2);
    case '\\':
        return buf_append(b, "\\\\", 2);
    case '\n':
        return buf_append(b, "\\n", 2);
    case '\r':
        return buf_append(b, "\\r", 2);
    case '\t':
        return buf_append(b, "\\t", 2);
    default:
        return buf_printf(b, "\\u%04x", c);
    }
}

// The bits 0x80 of those of eight bytes that may need more than being copied: controls, quotes,
// backslashes, anything that is not ASCII. A neighbour of one may be marked in vain.
static uint64_t special_bytes(uint64_t word) {
    const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return (word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs;
}

size_t buf_json_plain(const char *s, size_t n) {
    uint64_t word;
    size_t i = 0;
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s + i, sizeof word);
        if (special_bytes(word))
            break;
    }
    return i;
}

int buf_put_json_string(struct buf *b, const char *s, size_t n) {
    size_t start = 0;
    (void)buf_putc(b, '"');
    for (size_t i = 0; i < n;) {
        i += buf_json_plain(s + i, n - i);
        if (i >= n)
            break;
        unsigned char c = (unsigned char)s[i];
        size_t step = 1;
        bool plain = c >= 0x20 && c != '"' && c != '\\';
        if (plain && c >= 0x80) {
            step = utf_sequence_bytes(s + i, n - i);
            plain = step != 0;
        }
        if (plain) {
            i += step;
            continue;
        }
        (void)buf_append(b, s + start, i - start);
        if (c >= 0x80)
            (void)buf_append(b, "\xEF\xBF\xBD", 3);
        else
            (void)put_escaped(b, c);
        start = ++i;
    }
    (void)buf_append(b, s + start, n - start);
    int r = buf_putc(b, '"');
    return b->failed ? (r < 0 ? r : ERR_NOMEM) : 0;
}

static int append_dumped(const char *bytes, size_t n, void *ctx) {
    return buf_append(ctx, bytes, n) < 0 ? -1 : 0;
}

int buf_put_json(struct buf *b, const struct json_t *value, size_t flags) {
    size_t len = b->len;
    int r = json_dump_callback(value, append_dumped, b, flags | JSON_ENCODE_ANY);
    if (r == 0 && !b->failed)
        return 0;
    b->failed = true;
    if (b->data) {
        b->len = len;
        b->data[len] = '\0';
    }
    return ERR_NOMEM;
}

char *buf_take(struct buf *b) {
    if (b->failed || buf_reserve(b, 0) < 0) {
        buf_done(b);
        return NULL;
    }
    b->data[b->len] = '\0';
    char *data = b->data;
    *b = (struct buf){.max = b->max};
    return data;
}
