#include "protocol/jcs.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17, INTEGER_DIGITS = 21, ZEROS_MAX = 6 };

// --- numbers -----------------------------------------------------------------------------------

struct decimal { // 0.DIGITS times 10 to the power of `point`
    char digits[DIGITS_MAX + 1];
    int count, point;
};

static bool decimal_is(const struct decimal *d, double value) {
    char text[DIGITS_MAX + 16];
    (void)snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->count);
    double read = strtod(text, NULL);
    return !(read < value) && !(read > value);
}

static struct decimal decimal_round(double value, int count) {
    char text[DIGITS_MAX + 16];
    struct decimal d = {.count = count};
    (void)snprintf(text, sizeof text, "%.*e", count - 1, value);
    d.digits[0] = text[0];
    if (count > 1) // after whatever the decimal point is here
        memcpy(d.digits + 1, text + 2, (size_t)count - 1);
    d.point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
    return d;
}

static void decimal_next(struct decimal *d) { // the next larger one of as many digits
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->point++;
    }
}

// The fewest digits that mean this number, of these the nearest. At powers of two the numbers above
// lie further apart than those below: the nearest decimal may miss where the one above it hits.
static struct decimal decimal_of(double value) {
    struct decimal d = {{0}, 0, 0};
    for (int n = 1; n <= DIGITS_MAX; n++) {
        d = decimal_round(value, n);
        if (decimal_is(&d, value))
            break;
        struct decimal above = d;
        decimal_next(&above);
        if (decimal_is(&above, value)) {
            d = above;
            break;
        }
    }
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.digits[--d.count] = 0;
    return d;
}

int jcs_number(double value, char ret[JCS_NUMBER_BYTES]) {
    if (!isfinite(value))
        return ERR_INVAL;
    if (!(value < 0) && !(value > 0)) { // also -0
        memcpy(ret, "0", 2);
        return 0;
    }
    const char *minus = value < 0 ? "-" : "";
    struct decimal d = decimal_of(fabs(value));
    const char *s = d.digits;
    int k = d.count, n = d.point;
    // ECMA-262, Number::toString, in its order.
    if (k <= n && n <= INTEGER_DIGITS)
        (void)snprintf(ret, JCS_NUMBER_BYTES, "%s%s%.*s", minus, s, n - k, "00000000000000000000");
    else if (0 < n && n <= INTEGER_DIGITS)
        (void)snprintf(ret, JCS_NUMBER_BYTES, "%s%.*s.%s", minus, n, s, s + n);
    else if (-ZEROS_MAX < n && n <= 0)
        (void)snprintf(ret, JCS_NUMBER_BYTES, "%s0.%.*s%s", minus, -n, "000000", s);
    else
        (void)snprintf(ret, JCS_NUMBER_BYTES, "%s%c%s%se%+d", minus, s[0], k > 1 ? "." : "", s + 1,
                       n - 1);
    return 0;
}

struct sink { // keeps why the first of its appends failed
    struct buf *out;
    int code;
};

static void put(struct sink *s, const char *bytes, size_t n) {
    int r = s->code ? s->code : buf_append(s->out, bytes, n);
    s->code = r < 0 ? r : 0;
}

static int put_number(struct sink *s, double value, struct err *err) {
    char text[JCS_NUMBER_BYTES];
    if (jcs_number(value, text) < 0)
        return err_set(err, ERR_INVAL, "a number that is not finite has no JSON");
    put(s, text, strlen(text));
    return 0;
}

// --- texts -------------------------------------------------------------------------------------

static void put_escape(struct sink *out, unsigned char c) {
    static const char shorts[] = "btn\0fr"; // of 8 … 13
    char text[8] = {'\\', (char)c};
    if (c >= 8 && c <= 13 && shorts[c - 8])
        text[1] = shorts[c - 8];
    else if (c < 0x20)
        (void)snprintf(text, sizeof text, "\\u%04x", c);
    put(out, text, strlen(text));
}

static void put_string(struct sink *out, const char *s, size_t n) {
    put(out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(out, s + from, i - from);
        from = i + 1;
        put_escape(out, c);
    }
    put(out, s + from, n - from);
    put(out, "\"", 1);
}

struct member {
    const char *name;
    size_t bytes;
    const json_t *value;
};

// UTF-16 code units in the order of UTF-8 bytes, but for what needs two of them: those begin with
// 0xD800 to 0xDBFF, below U+E000 to U+FFFF (lead bytes 0xEE and 0xEF).
static int lead_rank(unsigned char c) {
    return c >= 0xF0 ? 0xED * 32 + (c - 0xF0 + 1) : c * 32;
}
static int compare_members(const void *x, const void *y) {
    const struct member *a = x, *b = y;
    size_t n = a->bytes < b->bytes ? a->bytes : b->bytes;
    for (size_t i = 0; i < n; i++) {
        int ra = lead_rank((unsigned char)a->name[i]), rb = lead_rank((unsigned char)b->name[i]);
        if (ra != rb)
            return ra - rb;
    }
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

// --- trees, without recursion ------------------------------------------------------------------

struct level {
    const json_t *value; // an object or an array
    struct member *members;
    size_t count, next;
};
struct writer {
    struct level levels[JCS_DEPTH_MAX];
    size_t depth;
    struct sink out;
};

static int enter(struct writer *w, const json_t *value, struct err *err) {
    if (w->depth == JCS_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "JSON is nested deeper than %d", JCS_DEPTH_MAX);
    struct level l = {.value = value};
    if (json_is_array(value)) {
        l.count = json_array_size(value);
    } else {
        size_t n = json_object_size(value);
        if (n > JCS_MEMBERS_MAX)
            return err_set(err, ERR_LIMIT, "an object of JSON has over %d members",
                           JCS_MEMBERS_MAX);
        l.members = mem_alloc(n * sizeof *l.members);
        if (!l.members)
            return err_set(err, ERR_NOMEM, "out of memory");
        const char *name;
        size_t bytes;
        json_t *v;
        json_object_keylen_foreach((json_t *)value, name, bytes, v) l.members[l.count++] =
            (struct member){name, bytes, v};
        qsort(l.members, l.count, sizeof *l.members, compare_members);
    }
    put(&w->out, l.members ? "{" : "[", 1);
    w->levels[w->depth++] = l;
    return 0;
}

static void leave(struct writer *w) {
    struct level *l = &w->levels[--w->depth];
    put(&w->out, l->members ? "}" : "]", 1);
    mem_free(l->members);
}

static int put_value(struct writer *w, const json_t *v, struct err *err) {
    switch (json_typeof(v)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return enter(w, v, err);
    case JSON_STRING:
        put_string(&w->out, json_string_value(v), json_string_length(v));
        return 0;
    case JSON_INTEGER: {
        json_int_t i = json_integer_value(v);
        if (i < -9007199254740992 || i > 9007199254740992)
            return put_number(&w->out, (double)i, err);
        char text[24];
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, i);
        put(&w->out, text, strlen(text));
        return 0;
    }
    case JSON_REAL:
        return put_number(&w->out, json_real_value(v), err);
    case JSON_TRUE:
        put(&w->out, "true", 4);
        return 0;
    case JSON_FALSE:
        put(&w->out, "false", 5);
        return 0;
    case JSON_NULL:
        put(&w->out, "null", 4);
        return 0;
    }
    return err_set(err, ERR_INVAL, "a value that JSON does not have");
}

static int put_next(struct writer *w, struct err *err) {
    struct level *l = &w->levels[w->depth - 1];
    if (l->next == l->count) {
        leave(w);
        return 0;
    }
    if (l->next)
        put(&w->out, ",", 1);
    size_t i = l->next++;
    if (!l->members)
        return put_value(w, json_array_get(l->value, i), err);
    put_string(&w->out, l->members[i].name, l->members[i].bytes);
    put(&w->out, ":", 1);
    return put_value(w, l->members[i].value, err);
}

int jcs_write(const json_t *value, struct buf *out, struct err *err) {
    struct writer w = {.out.out = out};
    int r = value ? put_value(&w, value, err) : err_set(err, ERR_INVAL, "no value");
    while (r == 0 && w.depth && !w.out.code)
        r = put_next(&w, err);
    while (w.depth)
        mem_free(w.levels[--w.depth].members);
    if (r < 0 || !w.out.code)
        return r;
    return w.out.code == ERR_LIMIT ? err_set(err, ERR_LIMIT, "JSON is over %zu bytes", out->max)
                                   : err_set(err, ERR_NOMEM, "out of memory");
}
