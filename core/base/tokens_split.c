#include "core/base/tokens_split.h"

#include "core/base/mem.h"

// The classes of the pattern: UPPER is [\p{Lu}\p{Lt}], LOWER \p{Ll}, BOTH [\p{Lm}\p{Lo}], which may
// stand on either side of a word's change from upper to lower case; so may MARK (\p{M}), but a mark
// is no letter, so it may also be the character before a word.
enum class {
    OTHER,
    UPPER,
    LOWER,
    BOTH,
    MARK,
    NUMBER,
    SPACE, // but \r and \n
    ALTERNATING,
    NEWLINE,
    END
};

// The lowest of a run of characters of one class << 3 | the class.
static const uint32_t runs[] = {
#include "core/base/tokens_classes.inc"
};

static enum class class_of_point(uint32_t point) {
    size_t low = 0, high = COUNT_OF(runs); while (high - low > 1){
        size_t mid = (low + high) / 2; if (runs[mid] >> 3 <= point) low = mid; else high = mid;}
enum class class = runs[low] & 7U;
if (class == ALTERNATING)
    return (point - (runs[low] >> 3)) % 2 ? LOWER : UPPER;
return class;
}

// clang-format off
#define O OTHER
#define U UPPER
#define L LOWER
#define D NUMBER
#define S SPACE
#define N NEWLINE
static const uint8_t ascii[128] = {
    O, O, O, O, O, O, O, O, O, S, N, S, S, N, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, D, D, D, D, D, D, D, D, D, D, O, O, O, O, O, O,
    O, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
};
#undef O
#undef U
#undef L
#undef D
#undef S
#undef N
// clang-format on

struct ch {
    enum class class;
    uint32_t bytes; // 0 at the end
    bool odd;
};

// Maximal part of a sequence that begins well: a first byte and those continuations that may follow
// it. RFC 3629 allows fewer second bytes after E0, ED, F0 and F4.
static struct ch wide_char(const uint8_t *s, size_t n) {
    uint8_t first = s[0];
    struct ch bad = {.class = OTHER, .bytes = 1, .odd = true};
    uint32_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4)
        return bad;
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    uint32_t point = first & (0xFFU >> (need + 1));
    for (uint32_t i = 1; i < need; i++) {
        if (i >= n || s[i] < low || s[i] > high) {
            bad.bytes = i;
            return bad;
        }
        point = point << 6 | (s[i] & 0x3FU);
        low = 0x80;
        high = 0xBF;
    }
    return (struct ch){.class = class_of_point(point), .bytes = need};
}

static inline struct ch char_at(const uint8_t *s, size_t n, size_t at) {
    if (at >= n)
        return (struct ch){.class = END};
    if (s[at] < 0x80)
        return (struct ch){.class = ascii[s[at]], .bytes = 1};
    return wide_char(s + at, n - at);
}

size_t split_char(const uint8_t *s, size_t n, bool *ret_odd) {
    struct ch c = char_at(s, n, 0);
    *ret_odd = c.odd;
    return c.bytes;
}

// ('s|'t|'re|'ve|'m|'ll|'d)? in any case: bytes of it at `at`.
static size_t contraction(const uint8_t *s, size_t n, size_t at) {
    if (n - at < 2 || s[at] != '\'')
        return 0;
    uint8_t a = s[at + 1] | 0x20, b = n - at > 2 ? s[at + 2] | 0x20 : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// End of the word at `at`, 0 when there is none. The pattern tries "upper* lower+" first: where no
// lower-case letter follows the upper-case ones, it gives characters back until one can stand for a
// lower-case letter, the last BOTH or MARK. *ret_second: only "upper+ lower*" matched.
static size_t word_end(const uint8_t *s, size_t n, size_t at, bool *ret_second) {
    size_t pos = at, after_both = 0;
    *ret_second = false;
    struct ch c = char_at(s, n, pos);
    for (; c.class == UPPER || c.class == BOTH || c.class == MARK; c = char_at(s, n, pos)) {
        pos += c.bytes;
        if (c.class != UPPER)
            after_both = pos;
    }
    if (c.class == LOWER) {
        do {
            pos += c.bytes;
            c = char_at(s, n, pos);
        } while (c.class == LOWER || c.class == BOTH || c.class == MARK);
        return pos;
    }
    if (after_both)
        return after_both;
    *ret_second = pos > at;
    return pos > at ? pos : 0;
}

static size_t try_word(const uint8_t *s, size_t n, size_t at, struct ch first) {
    bool second;
    size_t end = 0;
    if (first.class == OTHER || first.class == SPACE || first.class == MARK) {
        end = word_end(s, n, at + first.bytes, &second);
        // A mark is a word by itself, and that form goes first.
        if (first.class == MARK && (!end || second))
            end = at + first.bytes;
    } else if (first.class == UPPER || first.class == LOWER || first.class == BOTH) {
        end = word_end(s, n, at, &second);
    }
    return end ? end + contraction(s, n, end) : 0;
}

static size_t numbers_end(const uint8_t *s, size_t n, size_t at) {
    for (int i = 0; i < 3; i++) {
        struct ch c = char_at(s, n, at);
        if (c.class != NUMBER)
            break;
        at += c.bytes;
    }
    return at;
}

//  ?[^\s\p{L}\p{N}]+[\r\n/]*
static size_t punctuation_end(const uint8_t *s, size_t n, size_t at, bool *odd) {
    struct ch c = char_at(s, n, at);
    for (; c.class == OTHER || c.class == MARK; c = char_at(s, n, at)) {
        at += c.bytes;
        *odd |= c.odd;
    }
    while (at < n && (s[at] == '\r' || s[at] == '\n' || s[at] == '/'))
        at++;
    return at;
}

// \s*[\r\n]+|\s+(?!\S)|\s+
static size_t blanks_end(const uint8_t *s, size_t n, size_t at) {
    size_t pos = at, last = at, after_newline = 0;
    struct ch c = char_at(s, n, pos);
    for (; c.class == SPACE || c.class == NEWLINE; c = char_at(s, n, pos)) {
        last = pos;
        pos += c.bytes;
        if (c.class == NEWLINE)
            after_newline = pos;
    }
    if (after_newline)
        return after_newline;
    return c.class == END || last == at ? pos : last; // the last blank goes with what follows
}

size_t split_next(const uint8_t *s, size_t n, size_t at, bool *ret_odd) {
    struct ch first = char_at(s, n, at);
    *ret_odd = first.odd;
    size_t end = try_word(s, n, at, first);
    if (end)
        return end;
    if (first.class == NUMBER)
        return numbers_end(s, n, at);
    if (first.class == OTHER)
        return punctuation_end(s, n, at, ret_odd);
    if (s[at] == ' ') {
        end = punctuation_end(s, n, at + 1, ret_odd);
        struct ch next = char_at(s, n, at + 1);
        if (next.class == OTHER || next.class == MARK)
            return end;
        *ret_odd = false;
    }
    return blanks_end(s, n, at);
}
