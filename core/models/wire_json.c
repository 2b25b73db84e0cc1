#include "core/models/wire_json.h"

#include "core/base/utf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *blanks(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

// The bits 0x80 of those of eight bytes that end the plain run of a string: quote, backslash,
// control. Bytes above one that is marked may be marked in vain.
static uint64_t run_ends(uint64_t word) {
    const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
            ((word - ones * 0x20) & ~word)) &
           highs;
}

static bool is_hex(const char *p) {
    for (unsigned i = 0; i < 4; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')))
            return false;
    return true;
}

// The first byte that is not of the plain run; `end` at most.
static const char *skip_run(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i last = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, last), x); // x <= last
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), control), _mm_cmpeq_epi8(x, slash));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word, ends;
    for (; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
        memcpy(&word, p, sizeof word);
        if ((ends = run_ends(word)))
            return p + __builtin_ctzll(ends) / 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static const char *skip_escape(const char *p, const char *end) {
    if (end - p < 2)
        return NULL;
    if (p[1] == 'u')
        return end - p >= 6 && is_hex(p + 2) ? p + 6 : NULL;
    return p[1] && strchr("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
}

// p is behind the opening quote; behind the closing one afterwards. NULL: not a string.
static inline const char *skip_string(const char *p, const char *end) {
    for (;;) {
        p = skip_run(p, end);
        if (p >= end || (unsigned char)*p < 0x20)
            return NULL;
        if (*p == '"')
            return p + 1;
        if (!(p = skip_escape(p, end)))
            return NULL;
    }
}

static const char *skip_digits(const char *p, const char *end) {
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > start ? p : NULL;
}

static const char *skip_number(const char *p, const char *end) {
    if (*p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = skip_digits(p, end);
    if (p && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word) {
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && !memcmp(p, word, n) ? p + n : NULL;
}

static const char *skip_simple(const char *p, const char *end) {
    switch (*p) {
    case '"':
        return skip_string(p + 1, end);
    case 't':
        return skip_word(p, end, "true");
    case 'f':
        return skip_word(p, end, "false");
    case 'n':
        return skip_word(p, end, "null");
    default:
        return *p == '-' || (*p >= '0' && *p <= '9') ? skip_number(p, end) : NULL;
    }
}

// Behind the colon and blanks, before the value.
static inline const char *skip_colon(const char *p, const char *end) {
    p = blanks(p, end);
    return p < end && *p == ':' ? blanks(p + 1, end) : NULL;
}

// Behind `"name" :`, before the value.
static const char *skip_key(const char *p, const char *end) {
    if (p >= end || *p != '"')
        return NULL;
    p = skip_string(p + 1, end);
    return p ? skip_colon(p, end) : NULL;
}

// Behind the value that begins at p (p < end). Iterates: the depth is the sender's choice.
static const char *skip_value(const char *p, const char *end) {
    unsigned char objects[WIRE_JSON_DEPTH_MAX / 8] = {0}; // which of the open brackets are braces
    unsigned depth = 0;
    for (;;) {
        if (p >= end)
            return NULL;
        if (*p == '{' || *p == '[') {
            bool object = *p == '{';
            if (depth == WIRE_JSON_DEPTH_MAX)
                return NULL;
            p = blanks(p + 1, end);
            if (p < end && *p == (object ? '}' : ']')) {
                p++;
            } else {
                unsigned char bit = (unsigned char)(1U << depth % 8);
                objects[depth / 8] =
                    (unsigned char)(object ? objects[depth / 8] | bit : objects[depth / 8] & ~bit);
                depth++;
                if (object && !(p = skip_key(p, end)))
                    return NULL;
                continue;
            }
        } else if (!(p = skip_simple(p, end))) {
            return NULL;
        }
        for (;; p++) { // a value has ended: and whatever ends with it
            if (!depth)
                return p;
            bool object = objects[(depth - 1) / 8] >> (depth - 1) % 8 & 1;
            p = blanks(p, end);
            if (p >= end)
                return NULL;
            if (*p == ',') {
                p = blanks(p + 1, end);
                if (object && !(p = skip_key(p, end)))
                    return NULL;
                break;
            }
            if (*p != (object ? '}' : ']'))
                return NULL;
            depth--;
        }
    }
}

struct wire_json wire_json_trim(const char *text, size_t n) {
    const char *start = n ? blanks(text, text + n) : text, *end = text + n;
    while (end > start && strchr(" \n\r\t", end[-1]) && end[-1])
        end--;
    return (struct wire_json){start < end ? start : NULL, (size_t)(end - start)};
}

struct wire_json wire_json_document(const char *text, size_t n) {
    const char *end = text + n, *start = n ? blanks(text, end) : text;
    const char *behind = start < end ? skip_value(start, end) : NULL;
    if (!behind || blanks(behind, end) != end)
        return (struct wire_json){0};
    return (struct wire_json){start, (size_t)(behind - start)};
}

static void keep_member(const char *name, size_t name_n, struct wire_json value,
                        const struct wire_name *names, struct wire_json *ret, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (names[i].n == name_n && !memcmp(names[i].text, name, name_n)) {
            ret[i] = *value.p == 'n' ? (struct wire_json){0} : value;
            return;
        }
}

static bool members(const char *p, const char *end, const struct wire_name *names,
                    struct wire_json *ret, size_t count) {
    p = blanks(p + 1, end);
    if (p < end && *p == '}')
        return p + 1 == end;
    while (p < end && *p == '"') {
        const char *name = p + 1, *behind = skip_string(name, end), *value;
        if (!behind || !(value = skip_colon(behind, end)) || value >= end ||
            !(p = skip_value(value, end)))
            return false;
        keep_member(name, (size_t)(behind - 1 - name),
                    (struct wire_json){value, (size_t)(p - value)}, names, ret, count);
        p = blanks(p, end);
        if (p >= end)
            return false;
        if (*p == '}')
            return p + 1 == end;
        if (*p != ',')
            return false;
        p = blanks(p + 1, end);
    }
    return false;
}

bool wire_json_members(struct wire_json object, const struct wire_name *names,
                       struct wire_json *ret, size_t count) {
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct wire_json){0};
    if (!wire_json_is_object(object))
        return false;
    if (members(object.p, object.p + object.n, names, ret, count))
        return true;
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct wire_json){0};
    return false;
}

bool wire_json_each(struct wire_json array, size_t *at, struct wire_json *ret) {
    if (!wire_json_is_array(array))
        return false;
    const char *end = array.p + array.n, *p = blanks(array.p + (*at ? *at : 1), end);
    if (*at && p < end && *p == ',')
        p = blanks(p + 1, end);
    else if (*at)
        return false;
    if (p >= end || *p == ']')
        return false;
    const char *behind = skip_value(p, end);
    if (!behind)
        return false;
    *ret = (struct wire_json){p, (size_t)(behind - p)};
    *at = (size_t)(behind - array.p);
    return true;
}

static unsigned hex4(const char *p) {
    unsigned v = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void put_code(struct buf *out, unsigned c) {
    char utf[4];
    if (c < 0x80) {
        (void)buf_putc(out, (char)c);
        return;
    }
    unsigned n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned i = n; --i > 0; c >>= 6)
        utf[i] = (char)(0x80 | (c & 0x3F));
    utf[0] = (char)((0xF00U >> n & 0xF0) | c);
    (void)buf_append(out, utf, n);
}

// `p` is behind `\u`; behind all that the character took afterwards. Half a pair is no character.
static const char *put_escaped_code(struct buf *out, const char *p, const char *end) {
    unsigned c = hex4(p);
    p += 4;
    if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        unsigned low = hex4(p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            put_code(out, 0x10000 + ((c & 0x3FF) << 10) + (low & 0x3FF));
            return p + 6;
        }
    }
    put_code(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    return p;
}

static const char *put_escape(struct buf *out, const char *p, const char *end) {
    static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (p[1] == 'u')
        return put_escaped_code(out, p + 2, end);
    (void)buf_putc(out, meant[strchr(written, p[1]) - written]);
    return p + 2;
}

// How many leading bytes stand for themselves: no escape, valid UTF-8.
static size_t plain_bytes(const char *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        i += buf_json_plain(p + i, n - i);
        if (i >= n || p[i] == '\\')
            break;
        size_t step = (unsigned char)p[i] < 0x80 ? 1 : utf_sequence_bytes(p + i, n - i);
        if (!step)
            break;
        i += step;
    }
    return i;
}

static int append_text(const char *p, size_t n, struct buf *out) {
    const char *end = p + n;
    while (p < end) {
        size_t plain = plain_bytes(p, (size_t)(end - p));
        (void)buf_append(out, p, plain);
        p += plain;
        if (p >= end)
            break;
        if (*p == '\\') {
            p = put_escape(out, p, end);
        } else {
            put_code(out, 0xFFFD);
            p++;
        }
    }
    return buf_reserve(out, 0) < 0 || out->failed ? ERR_NOMEM : 0;
}

int wire_json_append(struct wire_json value, struct buf *out) {
    if (!wire_json_is_string(value))
        return ERR_INVAL;
    size_t max = out->max ? out->max : (size_t)BUF_BYTES_MAX;
    if (value.n > max - out->len) // decoded it may fit, but nobody is that near the maximum
        return ERR_LIMIT;
    return append_text(value.p + 1, value.n - 2, out);
}

bool wire_json_ends_in_half(struct wire_json value) {
    if (!wire_json_is_string(value) || value.n < 8)
        return false;
    const char *p = value.p + value.n - 7; // six characters and the quote
    size_t slashes = 0;
    while (p - slashes > value.p && p[-(ptrdiff_t)slashes] == '\\')
        slashes++;
    return slashes % 2 && p[1] == 'u' && is_hex(p + 2) && hex4(p + 2) >> 10 == 0xD800 >> 10;
}

int wire_json_append_piece(struct wire_json value, unsigned *high, struct buf *out) {
    if (!wire_json_is_string(value))
        return ERR_INVAL;
    const char *p = value.p + 1, *end = value.p + value.n - 1;
    bool half = wire_json_ends_in_half(value);
    if (half)
        end -= 6;
    if (*high && p < end) {
        bool pair =
            end - p >= 6 && p[0] == '\\' && p[1] == 'u' && hex4(p + 2) >> 10 == 0xDC00 >> 10;
        put_code(out, pair ? 0x10000 + ((*high & 0x3FF) << 10) + (hex4(p + 2) & 0x3FF) : 0xFFFD);
        p += pair ? 6 : 0;
        *high = 0;
    }
    if (*high && half)
        put_code(out, 0xFFFD);
    if (half)
        *high = hex4(end + 2);
    return append_text(p, (size_t)(end - p), out);
}

int wire_json_text(struct wire_json value, struct buf *scratch, const char **ret, size_t *ret_n) {
    if (!wire_json_is_string(value))
        return ERR_INVAL;
    size_t n = value.n - 2;
    if (plain_bytes(value.p + 1, n) == n) {
        *ret = value.p + 1;
        *ret_n = n;
        return 0;
    }
    buf_clear(scratch);
    int r = wire_json_append(value, scratch);
    if (r < 0)
        return r;
    *ret = scratch->data;
    *ret_n = scratch->len;
    return 0;
}

double wire_json_real(struct wire_json value) {
    char text[64];
    if (!value.p || !(*value.p == '-' || (*value.p >= '0' && *value.p <= '9')) ||
        value.n >= sizeof text)
        return 0;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    double real = strtod(text, NULL);
    return isfinite(real) ? real : 0;
}

// Counts and indexes: nearly every event has some.
static bool short_count(struct wire_json value, int64_t *ret) {
    int64_t n = 0;
    if (!value.p || value.n > 15)
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        n = n * 10 + (value.p[i] - '0');
    }
    *ret = n;
    return true;
}

int64_t wire_json_int(struct wire_json value) {
    const double most = 9007199254740992.0; // 2^53: what any sender can mean
    int64_t n;
    if (short_count(value, &n))
        return n;
    double real = wire_json_real(value);
    return (int64_t)(real > most ? most : real < -most ? -most : real);
}

bool wire_json_is(struct wire_json value, const char *text) {
    size_t n = strlen(text);
    return wire_json_is_string(value) && value.n == n + 2 && !memcmp(value.p + 1, text, n);
}
