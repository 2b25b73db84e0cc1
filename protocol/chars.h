// Bytes of JSON strings: what the message reader and the tree builder share. Not for others.
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// First byte at or after p that is not plain: a quote, a backslash, a control character or the
// start of a longer sequence. Eight bytes at a time; in each test the lowest marked byte is exact
// (a borrow can only mark bytes above a true hit), so the lowest of all is.
static inline const char *chars_skip_plain(const char *p, const char *end) {
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

// Value of a hexadecimal digit that is known to be one.
static inline unsigned chars_hex_value(char c) {
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}
