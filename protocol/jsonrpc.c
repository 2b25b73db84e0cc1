#include "protocol/jsonrpc.h"

#include "core/base/utf.h"
#include "protocol/chars.h"

#include <stdint.h>
#include <string.h>

// The scanner is a loop over values with one bit of state per open bracket, so that depth costs no
// stack. Everything it learns about the envelope it notes while passing by.

enum member {
    ENVELOPE_VERSION,
    ENVELOPE_ID,
    ENVELOPE_METHOD,
    ENVELOPE_PARAMS,
    ENVELOPE_RESULT,
    ENVELOPE_ERROR,
    ENVELOPE_COUNT,
    ENVELOPE_OTHER = ENVELOPE_COUNT
};

static const struct {
    const char *name;
    size_t len;
} envelope[ENVELOPE_COUNT] = {
    [ENVELOPE_VERSION] = {"jsonrpc", 7}, [ENVELOPE_ID] = {"id", 2},
    [ENVELOPE_METHOD] = {"method", 6},   [ENVELOPE_PARAMS] = {"params", 6},
    [ENVELOPE_RESULT] = {"result", 6},   [ENVELOPE_ERROR] = {"error", 5},
};
// Longest envelope name with every character written as \uXXXX.
enum { ENVELOPE_KEY_BYTES_MAX = 7 * 6 };

struct scan {
    const char *begin, *p, *end;
    size_t depth;
    size_t members, members_max;
    uint64_t arrays[JSONRPC_DEPTH_MAX / 64]; // bit set: the bracket at this depth is an array
    struct span value[ENVELOPE_COUNT];       // raw values of the envelope's members
    enum member current;                     // member whose value is being read at depth 1
    const char *current_begin;
    bool duplicate;
    bool batch;
    struct span longest; // of the strings
    struct buf *decoded; // for the text, or NULL
    struct span text;
    bool at_text;    // the value that is due is that of "text"
    size_t elements; // of the outermost array
};

enum { C_SPACE = 1, C_DIGIT = 2, C_HEX = 4, C_ESCAPE = 8 };

static const unsigned char classes[256] = {
    [' '] = C_SPACE,         ['\t'] = C_SPACE,
    ['\n'] = C_SPACE,        ['\r'] = C_SPACE,
    ['0'] = C_DIGIT | C_HEX, ['1'] = C_DIGIT | C_HEX,
    ['2'] = C_DIGIT | C_HEX, ['3'] = C_DIGIT | C_HEX,
    ['4'] = C_DIGIT | C_HEX, ['5'] = C_DIGIT | C_HEX,
    ['6'] = C_DIGIT | C_HEX, ['7'] = C_DIGIT | C_HEX,
    ['8'] = C_DIGIT | C_HEX, ['9'] = C_DIGIT | C_HEX,
    ['a'] = C_HEX,           ['b'] = C_HEX | C_ESCAPE,
    ['c'] = C_HEX,           ['d'] = C_HEX,
    ['e'] = C_HEX,           ['f'] = C_HEX | C_ESCAPE,
    ['A'] = C_HEX,           ['B'] = C_HEX,
    ['C'] = C_HEX,           ['D'] = C_HEX,
    ['E'] = C_HEX,           ['F'] = C_HEX,
    ['"'] = C_ESCAPE,        ['\\'] = C_ESCAPE,
    ['/'] = C_ESCAPE,        ['n'] = C_ESCAPE,
    ['r'] = C_ESCAPE,        ['t'] = C_ESCAPE,
};

static bool is(char c, unsigned char class) {
    return (classes[(unsigned char)c] & class) != 0;
}

static int bad(const struct scan *s, struct err *err, const char *what) {
    if (s->p >= s->end)
        return err_set(err, ERR_PARSE, "not JSON: the text ends too early");
    return err_set(err, ERR_PARSE, "not JSON at byte %zu: %s", (size_t)(s->p - s->begin), what);
}

static void skip_space(struct scan *s) {
    while (s->p < s->end && is(*s->p, C_SPACE))
        s->p++;
}

// Length of the sequence at p, which starts with a byte of 0x80 or above; 0 when it is none. The
// common two and three byte forms without a call.
static inline size_t sequence_bytes(const char *text, const char *end) {
    const unsigned char *p = (const unsigned char *)text;
    if (end - text >= 3) {
        if (p[0] >= 0xC2 && p[0] <= 0xDF && (p[1] & 0xC0) == 0x80)
            return 2;
        if (p[0] >= 0xE1 && p[0] <= 0xEC && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80)
            return 3;
    }
    return utf_sequence_bytes(text, (size_t)(end - text));
}

// Runs of other scripts: stays here while it lasts.
static inline int skip_sequences(struct scan *s, struct err *err) {
    while (s->p < s->end && (unsigned char)*s->p >= 0x80) {
        size_t step = sequence_bytes(s->p, s->end);
        if (!step)
            return bad(s, err, "not UTF-8");
        s->p += step;
    }
    return 0;
}

static int read_escape(struct scan *s, struct err *err) {
    if (chars_unicode_escape(s->p, s->end) >= 0) {
        s->p += 6;
        return 0;
    }
    s->p++; // the backslash
    if (s->p < s->end && is(*s->p, C_ESCAPE)) {
        s->p++;
        return 0;
    }
    if (s->p >= s->end || *s->p != 'u')
        return bad(s, err, "unknown escape in a string");
    s->p++;
    for (int i = 0; i < 4; i++, s->p++)
        if (s->p >= s->end || !is(*s->p, C_HEX))
            return bad(s, err, "\\u needs four hexadecimal digits");
    return 0;
}

static void note_string(struct scan *s, const char *begin) {
    size_t n = (size_t)(s->p - begin);
    if (n >= JSONRPC_LONG_BYTES && n > s->longest.len)
        s->longest = (struct span){begin, n};
}

// At the opening quote; leaves p behind the closing one.
static int read_string(struct scan *s, struct err *err) {
    const char *begin = s->p++;
    for (;;) {
        s->p = chars_skip_plain(s->p, s->end);
        if (s->p >= s->end)
            return bad(s, err, "");
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            note_string(s, begin);
            return 0;
        }
        if (c == '\\') {
            int r = read_escape(s, err);
            if (r < 0)
                return r;
            continue;
        }
        if (c < 0x20)
            return bad(s, err, "control character in a string");
        int r = skip_sequences(s, err);
        if (r < 0)
            return r;
    }
}

// read_string() for the text, which is decoded on the way.
static int read_text(struct scan *s, struct err *err) {
    const char *begin = s->p;
    // Neither a sequence nor an escape is shorter than what it stands for.
    if (buf_reserve(s->decoded, (size_t)(s->end - s->p)) < 0)
        return read_string(s, err); // whoever needs it asks again, and may say so
    char *to = s->decoded->data;
    for (s->p++;;) {
        s->p = chars_copy_plain(&to, s->p, s->end);
        if (s->p >= s->end)
            return bad(s, err, "");
        unsigned char c = (unsigned char)*s->p;
        if (c == '"')
            break;
        if (c == '\\') {
            s->p = chars_put_escapes(&to, s->p, s->end);
            int r = s->p < s->end && *s->p == '\\' ? read_escape(s, err) : 0; // says what is wrong
            if (r < 0)
                return r;
            continue;
        }
        if (c < 0x20)
            return bad(s, err, "control character in a string");
        const char *run = s->p;
        int r = skip_sequences(s, err);
        if (r < 0)
            return r;
        memcpy(to, run, (size_t)(s->p - run));
        to += s->p - run;
    }
    s->p++;
    *to = '\0';
    s->decoded->len = (size_t)(to - s->decoded->data);
    s->text = (struct span){begin, (size_t)(s->p - begin)};
    note_string(s, begin);
    return 0;
}

static int read_digits(struct scan *s, struct err *err) {
    if (s->p >= s->end || !is(*s->p, C_DIGIT))
        return bad(s, err, "a digit is missing in a number");
    while (s->p < s->end && is(*s->p, C_DIGIT))
        s->p++;
    return 0;
}

// RFC 8259 §6: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?
static int read_number(struct scan *s, struct err *err) {
    int r = 0;
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else
        r = read_digits(s, err);
    if (r == 0 && s->p < s->end && *s->p == '.') {
        s->p++;
        r = read_digits(s, err);
    }
    if (r == 0 && s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        r = read_digits(s, err);
    }
    return r;
}

static int read_word(struct scan *s, const char *word, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++, s->p++)
        if (s->p >= s->end || *s->p != word[i])
            return bad(s, err, "unknown word");
    return 0;
}

static int read_scalar(struct scan *s, struct err *err) {
    switch (*s->p) {
    case '"':
        return s->at_text && !s->text.data ? read_text(s, err) : read_string(s, err);
    case 't':
        return read_word(s, "true", 4, err);
    case 'f':
        return read_word(s, "false", 5, err);
    case 'n':
        return read_word(s, "null", 4, err);
    case '-':
        return read_number(s, err);
    default:
        return is(*s->p, C_DIGIT) ? read_number(s, err) : bad(s, err, "a value is missing");
    }
}

static bool in_array(const struct scan *s) {
    size_t i = s->depth - 1;
    return (s->arrays[i / 64] >> (i % 64)) & 1U;
}

static int open_bracket(struct scan *s, struct err *err) {
    if (s->depth == JSONRPC_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "nested deeper than %d levels", JSONRPC_DEPTH_MAX);
    size_t i = s->depth++;
    uint64_t bit = UINT64_C(1) << (i % 64);
    if (*s->p == '[')
        s->arrays[i / 64] |= bit;
    else
        s->arrays[i / 64] &= ~bit;
    s->p++;
    return 0;
}

static int count_member(struct scan *s, struct err *err) {
    if (++s->members > s->members_max)
        return err_set(err, ERR_LIMIT, "more than %zu members in one message", s->members_max);
    if (s->batch && s->depth == 1)
        s->elements++;
    return 0;
}

// An envelope name may be written with escapes ("\u0069d" is id): a parser behind us would see a
// duplicate that we had not. Returns the length, or 0 when it cannot be an envelope name.
static size_t unescape_key(const char *key, size_t n, char out[ENVELOPE_KEY_BYTES_MAX]) {
    size_t len = 0;
    for (size_t i = 0; i < n; len++) {
        if (key[i] != '\\') {
            out[len] = key[i++];
            continue;
        }
        if (key[i + 1] != 'u')
            return 0;
        unsigned code = 0;
        for (size_t k = 2; k < 6; k++)
            code = code << 4 | chars_hex_value(key[i + k]);
        if (code < 0x20 || code > 0x7E)
            return 0;
        out[len] = (char)code;
        i += 6;
    }
    return len;
}

static enum member find_member(const char *key, size_t n) {
    char plain[ENVELOPE_KEY_BYTES_MAX];
    if (n > sizeof plain)
        return ENVELOPE_OTHER;
    if (memchr(key, '\\', n)) {
        n = unescape_key(key, n, plain);
        key = plain;
    }
    for (size_t i = 0; i < ENVELOPE_COUNT; i++)
        if (n == envelope[i].len && memcmp(key, envelope[i].name, n) == 0)
            return (enum member)i;
    return ENVELOPE_OTHER;
}

// At a key; leaves p at the value.
static int read_key(struct scan *s, struct err *err) {
    skip_space(s);
    if (s->p >= s->end || *s->p != '"')
        return bad(s, err, "a member's name is missing");
    const char *key = s->p + 1;
    int r = count_member(s, err);
    if (r == 0)
        r = read_string(s, err);
    if (r < 0)
        return r;
    if (s->depth == 1)
        s->current = find_member(key, (size_t)(s->p - 1 - key));
    s->at_text = s->decoded && s->p - key == 5 && memcmp(key, "text", 4) == 0;
    skip_space(s);
    if (s->p >= s->end || *s->p != ':')
        return bad(s, err, "a colon is missing after a member's name");
    s->p++;
    return 0;
}

// A value ended at p. At the very end of the text it may have been cut: 12 of 1234.
static void note_value(struct scan *s) {
    if (s->depth != 1 || s->batch || s->current == ENVELOPE_OTHER || s->p == s->end)
        return;
    struct span *slot = &s->value[s->current];
    s->duplicate |= slot->data != NULL;
    *slot = (struct span){s->current_begin, (size_t)(s->p - s->current_begin)};
}

// Behind a value: closes what closes, until another value is due (1), the text is whole (0), or it
// is wrong.
static int read_after_value(struct scan *s, struct err *err) {
    for (;;) {
        note_value(s);
        if (s->depth == 0)
            return 0;
        skip_space(s);
        bool array = in_array(s);
        if (s->p >= s->end)
            return bad(s, err, "");
        if (*s->p == ',') {
            s->p++;
            int r = array ? count_member(s, err) : read_key(s, err);
            return r < 0 ? r : 1;
        }
        if (*s->p != (array ? ']' : '}'))
            return bad(s, err, "a comma or a closing bracket is missing");
        s->p++;
        s->depth--;
    }
}

// At a bracket. 1: its first value is due; 0: it is empty and closed.
static int read_open(struct scan *s, struct err *err) {
    bool array = *s->p == '[';
    s->at_text = false;
    int r = open_bracket(s, err);
    if (r < 0)
        return r;
    skip_space(s);
    if (s->p < s->end && *s->p == (array ? ']' : '}')) {
        s->p++;
        s->depth--;
        return 0;
    }
    r = array ? count_member(s, err) : read_key(s, err);
    return r < 0 ? r : 1;
}

static int scan_value(struct scan *s, struct err *err) {
    for (;;) {
        skip_space(s);
        if (s->p >= s->end)
            return bad(s, err, "");
        if (s->depth == 1)
            s->current_begin = s->p;
        int r;
        if (*s->p == '{' || *s->p == '[') {
            r = read_open(s, err);
            if (r < 0)
                return r;
            if (r == 1)
                continue;
        } else {
            r = read_scalar(s, err);
            if (r < 0)
                return r;
        }
        r = read_after_value(s, err);
        if (r <= 0)
            return r;
    }
}

static struct scan scan_begin(const char *bytes, size_t n) {
    struct scan s = {.begin = bytes,
                     .p = bytes,
                     .end = bytes + n,
                     .members_max = JSONRPC_MEMBERS_MAX,
                     .current = ENVELOPE_OTHER};
    skip_space(&s);
    s.batch = s.p < s.end && *s.p == '[';
    return s;
}

static bool id_kind_ok(struct span id) {
    return id.data && (id.data[0] == '"' || id.data[0] == '-' || is(id.data[0], C_DIGIT));
}

static bool is_null(struct span value) {
    return value.len == 4 && value.data[0] == 'n';
}

static int invalid(struct jsonrpc_message *m, const char *why) {
    m->kind = JSONRPC_INVALID;
    m->why = why;
    return 0;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// The method's name without escapes; ASCII only, as names are. false: it is none.
static bool undo_escapes(struct jsonrpc_message *m) {
    const char *p = m->method.data, *end = p + m->method.len;
    size_t n = 0;
    if (!memchr(p, '\\', m->method.len))
        return true;
    while (p < end && n < sizeof m->plain) {
        if (*p != '\\') {
            m->plain[n++] = *p++;
        } else if (end - p >= 2 && p[1] != 'u') {
            m->plain[n++] = p[1]; // \/ \" \\ and what no name has
            p += 2;
        } else if (end - p >= 6 && p[2] == '0' && p[3] == '0' && hex_digit(p[4]) < 8) {
            m->plain[n++] = (char)(hex_digit(p[4]) * 16 + hex_digit(p[5]));
            p += 6;
        } else {
            return false;
        }
    }
    m->method = (struct span){m->plain, n};
    return p == end;
}

// JSON-RPC 2.0 §4: which of the messages an object is.
static int classify(const struct scan *s, struct jsonrpc_message *m) {
    struct span version = s->value[ENVELOPE_VERSION], id = s->value[ENVELOPE_ID];
    struct span method = s->value[ENVELOPE_METHOD];
    bool id_given = id.data != NULL;
    if (id_kind_ok(id) && id.len <= JSONRPC_ID_BYTES_MAX)
        m->id = id;
    m->params = s->value[ENVELOPE_PARAMS];
    m->result = s->value[ENVELOPE_RESULT];
    m->error = s->value[ENVELOPE_ERROR];
    if (method.len >= 2 && method.data[0] == '"')
        m->method = (struct span){method.data + 1, method.len - 2};

    if (s->duplicate) {
        m->id = (struct span){0}; // which of two ids was meant is not for us to say
        return invalid(m, "a member of the message is given twice");
    }
    if (version.len != 5 || memcmp(version.data, "\"2.0\"", 5) != 0)
        return invalid(m, "\"jsonrpc\" must be \"2.0\"");
    if (id_given && !m->id.data && !is_null(id))
        return invalid(m, id_kind_ok(id) ? "\"id\" is too long"
                                         : "\"id\" must be a string or a number");
    if (!method.data) {
        if (!m->result.data == !m->error.data)
            return invalid(m, m->result.data ? "a response has a result or an error, not both"
                                             : "\"method\" is missing");
        if (!id_given)
            return invalid(m, "a response needs an \"id\"");
        m->id = id;
        m->kind = JSONRPC_RESPONSE;
        return 0;
    }
    if (!m->method.data || !undo_escapes(m))
        return invalid(m, "\"method\" must be a plain string");
    if (m->result.data || m->error.data)
        return invalid(m, "a request has no \"result\" or \"error\"");
    if (id_given && !m->id.data)
        return invalid(m, "\"id\" must be a string or a number");
    // §4.2 wants an object or an array; some editors write null where they mean "absent".
    if (m->params.data && is_null(m->params))
        m->params = (struct span){0};
    if (m->params.data && m->params.data[0] != '{' && m->params.data[0] != '[')
        return invalid(m, "\"params\" must be an object or an array");
    m->kind = m->id.data ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
    return 0;
}

int jsonrpc_read_text(const char *bytes, size_t n, size_t members_max, struct jsonrpc_message *ret,
                      struct buf *text, struct err *err) {
    struct scan s = scan_begin(bytes, n);
    s.decoded = text;
    s.members_max = members_max;
    *ret = (struct jsonrpc_message){.kind = JSONRPC_INVALID};
    bool object = s.p < s.end && *s.p == '{';
    int r = scan_value(&s, err);
    if (r == 0) {
        skip_space(&s);
        if (s.p < s.end)
            r = bad(&s, err, "text behind the message");
    }
    if (r < 0) {
        struct span id = s.value[ENVELOPE_ID];
        if (!s.duplicate && id_kind_ok(id) && id.len <= JSONRPC_ID_BYTES_MAX)
            ret->id = id;
        return r;
    }
    ret->members = s.members;
    ret->longest = s.longest;
    ret->text = s.text;
    if (s.batch) {
        if (s.elements == 0)
            return invalid(ret, "an empty batch");
        ret->kind = JSONRPC_BATCH;
        return 0;
    }
    return object ? classify(&s, ret) : invalid(ret, "a message must be an object");
}

int jsonrpc_read_up_to(const char *bytes, size_t n, size_t members_max, struct jsonrpc_message *ret,
                       struct err *err) {
    return jsonrpc_read_text(bytes, n, members_max, ret, NULL, err);
}

int jsonrpc_read(const char *bytes, size_t n, struct jsonrpc_message *ret, struct err *err) {
    return jsonrpc_read_up_to(bytes, n, JSONRPC_MEMBERS_MAX, ret, err);
}

struct span jsonrpc_find_id(const char *head, size_t n) {
    struct scan s = scan_begin(head, n);
    (void)scan_value(&s, NULL); // fails at the cut, or before
    struct span id = s.value[ENVELOPE_ID];
    if (s.duplicate || !id_kind_ok(id) || id.len > JSONRPC_ID_BYTES_MAX)
        return (struct span){0};
    return id;
}

bool jsonrpc_read_head(const char *head, size_t n, struct jsonrpc_message *ret) {
    struct scan s = scan_begin(head, n);
    s.members_max = JSONRPC_MEMBERS_PULL_MAX;
    *ret = (struct jsonrpc_message){.kind = JSONRPC_INVALID};
    // A scan that was cut short stands at the end of the bytes; one that met a fault stands on it.
    // An escape or a sequence of UTF-8 that is cut counts as a fault here.
    if (scan_value(&s, NULL) >= 0 || s.p < s.end || s.batch || s.depth < 2 ||
        s.current != ENVELOPE_PARAMS)
        return false;
    s.value[ENVELOPE_PARAMS] = (struct span){s.current_begin, (size_t)(s.end - s.current_begin)};
    (void)classify(&s, ret);
    return ret->kind == JSONRPC_NOTIFICATION || ret->kind == JSONRPC_REQUEST;
}

int jsonrpc_each(const char *batch, size_t n, int (*fn)(void *ctx, const char *element, size_t n),
                 void *ctx) {
    struct scan s = scan_begin(batch, n);
    if (!s.batch)
        return ERR_INVAL;
    s.p++;
    for (;;) {
        // Each element is scanned as a text of its own, its depth counted from zero.
        struct scan element = {.begin = s.p,
                               .p = s.p,
                               .end = s.end,
                               .members_max = JSONRPC_MEMBERS_MAX,
                               .current = ENVELOPE_OTHER};
        skip_space(&element);
        if (s.elements == 0 && element.p < element.end && *element.p == ']')
            return 0;
        const char *begin = element.p;
        int r = scan_value(&element, NULL);
        if (r == 0)
            r = fn(ctx, begin, (size_t)(element.p - begin));
        if (r < 0)
            return r;
        s.elements++;
        s.p = element.p;
        skip_space(&s);
        if (s.p >= s.end || (*s.p != ',' && *s.p != ']'))
            return ERR_PARSE;
        if (*s.p++ == ']')
            return 0;
    }
}
