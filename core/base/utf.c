#include "core/base/utf.h"

#include <string.h>

static bool continuation(unsigned char c) {
    return (c & 0xC0U) == 0x80U;
}

size_t utf_sequence_bytes(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    if (s[0] < 0xE0)
        return n >= 2 && continuation(s[1]) ? 2 : 0;
    if (s[0] < 0xF0) {
        if (n < 3 || !continuation(s[1]) || !continuation(s[2]))
            return 0;
        bool overlong = s[0] == 0xE0 && s[1] < 0xA0;
        bool surrogate = s[0] == 0xED && s[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (n < 4 || !continuation(s[1]) || !continuation(s[2]) || !continuation(s[3]))
        return 0;
    bool overlong = s[0] == 0xF0 && s[1] < 0x90;
    bool beyond = s[0] == 0xF4 && s[1] >= 0x90;
    return overlong || beyond ? 0 : 4;
}

bool utf_valid(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        // Eight ASCII bytes at a time: most text is ASCII.
        while (n - i >= sizeof word) {
            memcpy(&word, s + i, sizeof word);
            if (word & 0x8080808080808080U)
                break;
            i += sizeof word;
        }
        if (i >= n)
            break;
        size_t step = utf_sequence_bytes(s + i, n - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

size_t utf_cut(const char *s, size_t n, size_t max) {
    if (n <= max)
        return n;
    size_t m = max;
    while (m > 0 && max - m < 4 && continuation((unsigned char)s[m]))
        m--;
    return m;
}

uint32_t utf_decode(const char *text, size_t n, size_t *ret_bytes) {
    const unsigned char *s = (const unsigned char *)text;
    size_t bytes = utf_sequence_bytes(text, n);
    *ret_bytes = bytes ? bytes : 1;
    switch (bytes) {
    case 1:
        return s[0];
    case 2:
        return ((uint32_t)(s[0] & 0x1FU) << 6) | (s[1] & 0x3FU);
    case 3:
        return ((uint32_t)(s[0] & 0x0FU) << 12) | ((uint32_t)(s[1] & 0x3FU) << 6) | (s[2] & 0x3FU);
    case 4:
        return ((uint32_t)(s[0] & 0x07U) << 18) | ((uint32_t)(s[1] & 0x3FU) << 12) |
               ((uint32_t)(s[2] & 0x3FU) << 6) | (s[3] & 0x3FU);
    default:
        return 0xFFFD;
    }
}

bool utf_hides(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff);
}
