// Bytes of JSON strings: what the readers of messages share. Not for others. Sixteen at a time
// where the processor is known to do that (SSE2, which each x86-64 has), else eight.
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
// One bit for each byte that is not plain.
static inline unsigned chars_special16(__m128i x) {
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
    // Signed: whatever is over 0x7F is below zero.
    hit = _mm_or_si128(hit, _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)));
    return (unsigned)_mm_movemask_epi8(hit);
}
#endif

// First byte at or after p that is not plain: a quote, a backslash, a control character or the
// start of a longer sequence. By eights in each test the lowest marked byte is exact (a borrow can
// only mark bytes above a true hit), so the lowest of all is.
static inline const char *chars_skip_plain(const char *p, const char *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned mask = chars_special16(x);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
    while (end - p >= 8) {
        uint64_t x;
        memcpy(&x, p, sizeof x);
        x = le64toh(x);
        uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
        uint64_t hit =
            x | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((x - ones * 0x20) & ~x);
        hit &= tops;
        if (hit)
            return p + (__builtin_ctzll(hit) >> 3);
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

// The same, copying what it passes to *to, where there is room for all of it.
static inline const char *chars_copy_plain(char **to, const char *p, const char *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16, *to += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)*to, x);
        unsigned mask = chars_special16(x);
        if (mask) {
            *to += __builtin_ctz(mask);
            return p + __builtin_ctz(mask);
        }
    }
#endif
    const char *stop = chars_skip_plain(p, end);
    if (stop > p)
        memcpy(*to, p, (size_t)(stop - p));
    *to += stop - p;
    return stop;
}

// Copies up to the first backslash or the end; gives the place of it. `to` has room for all of it.
static inline const char *chars_copy_to_slash(char **to, const char *p, const char *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16, *to += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)*to, x);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        if (mask) {
            *to += __builtin_ctz(mask);
            return p + __builtin_ctz(mask);
        }
    }
#endif
    const char *slash = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    size_t n = (size_t)((slash ? slash : end) - p);
    if (n)
        memcpy(*to, p, n);
    *to += n;
    return p + n;
}

// First line feed or carriage return at or after p.
static inline const char *chars_find_break(const char *p, const char *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))));
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    return p;
}

// Value of a hexadecimal digit that is known to be one.
static inline unsigned chars_hex_value(char c) {
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

// The value of each hexadecimal digit, and one more so that 0 stands for what is none.
static const unsigned char chars_hex_more[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

// The four digits behind the \u at p, or -1 when it is no whole escape of that kind.
static inline int32_t chars_unicode_escape(const char *p, const char *end) {
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    const unsigned char *digit = (const unsigned char *)p + 2;
    int32_t first = chars_hex_more[digit[0]] - 1, second = chars_hex_more[digit[1]] - 1;
    int32_t third = chars_hex_more[digit[2]] - 1, fourth = chars_hex_more[digit[3]] - 1;
    if ((first | second | third | fourth) < 0)
        return -1;
    return first << 12 | second << 8 | third << 4 | fourth;
}

// What the letter behind a backslash stands for; 0 of u, and of those that stand for nothing.
static const char chars_escapes[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

static inline size_t chars_put_code_point(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

// Writes what the run of escapes at p stands for, as long as they are whole and right: never longer
// than they are; half a surrogate pair is U+FFFD. Gives the place behind them: p itself when the
// first is none.
static inline const char *chars_put_escapes(char **to, const char *p, const char *end) {
    while (end - p >= 2 && *p == '\\') {
        char plain = chars_escapes[(unsigned char)p[1]];
        if (plain) {
            *(*to)++ = plain;
            p += 2;
            continue;
        }
        int32_t code = chars_unicode_escape(p, end);
        if (code < 0)
            break;
        p += 6;
        if (code >> 11 != 0xD800 >> 11) {
            *to += chars_put_code_point(*to, (uint32_t)code);
            continue;
        }
        int32_t low = code < 0xDC00 ? chars_unicode_escape(p, end) : -1;
        bool pair = low >= 0xDC00 && low <= 0xDFFF;
        p += pair ? 6 : 0;
        *to += chars_put_code_point(*to, pair ? 0x10000U + ((uint32_t)(code - 0xD800) << 10) +
                                                    (uint32_t)(low - 0xDC00)
                                              : 0xFFFDU);
    }
    return p;
}
