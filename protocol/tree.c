#include "protocol/tree.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "protocol/chars.h"
#include "protocol/jsonrpc.h"

#include <assert.h>

struct reader {
    const char *p, *end;
    const char *why;
    struct buf scratch; // the last string that had escapes
    size_t depth;
    bool mend; // half a surrogate pair becomes U+FFFD
};

static json_t *read_value(struct reader *r);

static void skip_space(struct reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

static unsigned read_hex4(const char *p) {
    unsigned code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | chars_hex_value(p[i]);
    return code;
}

static char *put_code_point(char *out, uint32_t c) {
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

// At the hexadecimal digits of \uXXXX. NULL: half a surrogate pair.
static char *read_unicode(struct reader *r, char *out) {
    uint32_t code = read_hex4(r->p);
    r->p += 4;
    if (code >= 0xDC00 && code <= 0xDFFF)
        return r->mend ? put_code_point(out, 0xFFFD) : NULL;
    if (code >= 0xD800 && code <= 0xDBFF) {
        uint32_t low =
            r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' ? read_hex4(r->p + 2) : 0;
        if (low < 0xDC00 || low > 0xDFFF)
            return r->mend ? put_code_point(out, 0xFFFD) : NULL;
        r->p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_code_point(out, code);
}

// Behind the backslash.
static char *read_escape(struct reader *r, char *out) {
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char c = *r->p++;
    if (c == 'u')
        return read_unicode(r, out);
    *out++ = plain[(unsigned char)c];
    return out;
}

// The byte that ends a run of unescaped text: a quote or a backslash.
static const char *skip_text(const char *p, const char *end) {
    for (;;) {
        p = chars_skip_plain(p, end);
        if (p >= end || *p == '"' || *p == '\\')
            return p;
        p++;
    }
}

// At the first escape of a string that began at `begin`. What an escape stands for is never longer
// than the escape, so room for all that is left of the text is room enough, for later strings too.
static bool read_escaped(struct reader *r, const char *begin, struct span *ret) {
    buf_clear(&r->scratch);
    if (buf_reserve(&r->scratch, (size_t)(r->end - begin)) < 0)
        return false;
    char *out = r->scratch.data;
    while (r->p < r->end) {
        if (r->p > begin) {
            memcpy(out, begin, (size_t)(r->p - begin));
            out += r->p - begin;
        }
        if (*r->p++ == '"') {
            *ret = (struct span){r->scratch.data, (size_t)(out - r->scratch.data)};
            return true;
        }
        out = read_escape(r, out);
        if (!out) {
            r->why = "half a surrogate pair";
            return false;
        }
        begin = r->p;
        if (*begin != '\\')
            r->p = skip_text(begin, r->end);
    }
    return false;
}

// At the opening quote. *ret borrows from the text, or from the scratch buffer when it had escapes.
static bool read_string(struct reader *r, struct span *ret) {
    const char *begin = ++r->p;
    r->p = skip_text(r->p, r->end);
    if (r->p < r->end && *r->p == '\\')
        return read_escaped(r, begin, ret);
    *ret = (struct span){begin, (size_t)(r->p - begin)};
    r->p++;
    return true;
}

static json_t *read_number(struct reader *r) {
    const char *begin = r->p;
    bool negative = *r->p == '-';
    bool whole = true, fits = true;
    uint64_t value = 0;
    for (r->p += negative; r->p < r->end; r->p++) {
        unsigned digit = (unsigned char)*r->p - (unsigned)'0';
        if (digit > 9) {
            if (*r->p != '.' && *r->p != 'e' && *r->p != 'E' && *r->p != '+' && *r->p != '-')
                break;
            whole = false;
        } else if (whole) {
            fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
                   !__builtin_add_overflow(value, digit, &value);
        }
    }
    if (!whole) {             // rare: jansson knows how strtod and locales go together
        json_error_t e = {0}; // jansson leaves the code unset when it is out of memory
        json_t *real = json_loadb(begin, (size_t)(r->p - begin), JSON_DECODE_ANY, &e);
        if (!real && json_error_code(&e) == json_error_numeric_overflow)
            r->why = "a number does not fit into 64 bits";
        return real;
    }
    if (!fits || value > (uint64_t)INT64_MAX + negative) {
        r->why = "a number does not fit into 64 bits";
        return NULL;
    }
    return json_integer(negative ? (json_int_t)(0 - value) : (json_int_t)value);
}

static json_t *read_text(struct reader *r) {
    struct span s;
    return read_string(r, &s) ? json_stringn_nocheck(s.data, s.len) : NULL;
}

static bool read_member(struct reader *r, json_t *object) {
    AUTO_FREE char *copy = NULL;
    struct span name;
    skip_space(r);
    if (!read_string(r, &name))
        return false;
    if (memchr(name.data, '\0', name.len)) {
        r->why = "NUL in a member's name";
        return false;
    }
    if (name.data == r->scratch.data) { // the value may need the scratch buffer too
        copy = mem_strndup(name.data, name.len);
        if (!copy)
            return false;
        name.data = copy;
    }
    skip_space(r);
    r->p++; // the colon
    json_t *value = read_value(r);
    return value && json_object_setn_new_nocheck(object, name.data, name.len, value) == 0;
}

// At an opening bracket.
static json_t *read_container(struct reader *r) {
    bool array = *r->p++ == '[';
    json_t *all = array ? json_array() : json_object();
    if (!all || ++r->depth > JSONRPC_DEPTH_MAX)
        goto fail;
    skip_space(r);
    if (r->p < r->end && *r->p != ']' && *r->p != '}') {
        do {
            json_t *value = array ? read_value(r) : NULL;
            if (array ? !value || json_array_append_new(all, value) < 0 : !read_member(r, all))
                goto fail;
            skip_space(r);
        } while (r->p < r->end && *r->p++ == ',');
    } else {
        r->p++;
    }
    r->depth--;
    return all;
fail:
    json_decref(all);
    return NULL;
}

// Recursion is bounded by JSONRPC_DEPTH_MAX.
static json_t *read_value(struct reader *r) { // NOLINT(misc-no-recursion)
    skip_space(r);
    if (r->p >= r->end)
        return NULL;
    switch (*r->p) {
    case '{':
    case '[':
        return read_container(r);
    case '"':
        return read_text(r);
    case 't':
        r->p += 4;
        return json_true();
    case 'f':
        r->p += 5;
        return json_false();
    case 'n':
        r->p += 4;
        return json_null();
    default:
        return read_number(r);
    }
}

static json_t *build(const char *text, size_t n, bool mend, const char **ret_why) {
    struct reader r = {.p = text, .end = text + n, .scratch = BUF_INIT(n + 1), .mend = mend};
    json_t *tree = read_value(&r);
    if (r.scratch.data) // the string may have been a passphrase
        explicit_bzero(r.scratch.data, r.scratch.cap);
    buf_done(&r.scratch);
    *ret_why = r.why;
    return tree;
}

json_t *tree_build(const char *text, size_t n, const char **ret_why) {
    return build(text, n, false, ret_why);
}

json_t *tree_build_mended(const char *text, size_t n, const char **ret_why) {
    return build(text, n, true, ret_why);
}
