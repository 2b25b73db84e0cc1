#include "core/base/tomledit.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MEMBERS_MAX = 8, RANGES_MAX = 64 };

struct part { // of a key, quotes included
    size_t from, to;
};

struct key {
    struct part parts[TOMLEDIT_PARTS_MAX];
    size_t count;
};

struct scan {
    const char *text;
    size_t n, at;
    const char *problem;
};

static int fail(struct scan *s, const char *problem) {
    s->problem = problem;
    return ERR_PARSE;
}

static size_t line_of(const struct scan *s, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at && i < s->n; i++)
        line += s->text[i] == '\n';
    return line;
}

static char peek(const struct scan *s) {
    return s->at < s->n ? s->text[s->at] : '\0';
}

static bool starts(const struct scan *s, const char *with) {
    size_t n = strlen(with);
    return s->n - s->at >= n && memcmp(s->text + s->at, with, n) == 0;
}

static void skip_spaces(struct scan *s) {
    while (peek(s) == ' ' || peek(s) == '\t')
        s->at++;
}

static void skip_to_line_end(struct scan *s) {
    while (s->at < s->n && s->text[s->at] != '\n')
        s->at++;
}

// --- tokens ------------------------------------------------------------------------------------

static int skip_long_string(struct scan *s, const char *quotes) {
    bool escapes = *quotes == '"';
    for (s->at += 3; s->at < s->n; s->at++) {
        if (escapes && s->text[s->at] == '\\') {
            s->at++;
        } else if (starts(s, quotes)) {
            s->at += 3;
            for (int extra = 0; extra < 2 && peek(s) == *quotes; extra++)
                s->at++; // up to two quotes may stand before the closing three
            return 0;
        }
    }
    return fail(s, "a text without its end");
}

static int skip_string(struct scan *s) {
    char quote = peek(s);
    if (starts(s, "\"\"\"") || starts(s, "'''"))
        return skip_long_string(s, quote == '"' ? "\"\"\"" : "'''");
    for (s->at++; s->at < s->n && s->text[s->at] != '\n'; s->at++) {
        if (s->text[s->at] == quote) {
            s->at++;
            return 0;
        }
        if (quote == '"' && s->text[s->at] == '\\')
            s->at++;
    }
    return fail(s, "a text without its end");
}

static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static int read_key(struct scan *s, struct key *key) {
    key->count = 0;
    for (;;) {
        skip_spaces(s);
        struct part part = {.from = s->at};
        if (peek(s) == '"' || peek(s) == '\'') {
            int r = skip_string(s);
            if (r < 0)
                return r;
        } else {
            while (is_bare(peek(s)))
                s->at++;
        }
        part.to = s->at;
        if (part.to == part.from)
            return fail(s, "expected a key");
        if (key->count == TOMLEDIT_PARTS_MAX)
            return fail(s, "a key of too many parts");
        key->parts[key->count++] = part;
        skip_spaces(s);
        if (peek(s) != '.')
            return 0;
        s->at++;
    }
}

// A value, to its last character. Brackets are counted, not matched by kind.
static int skip_value(struct scan *s) {
    size_t depth = 0, end = s->at, start = s->at;
    while (s->at < s->n) {
        char c = s->text[s->at];
        if (c == '"' || c == '\'') {
            int r = skip_string(s);
            if (r < 0)
                return r;
            end = s->at;
            continue;
        }
        if (c == '#' || c == '\n') {
            if (!depth)
                break;
            skip_to_line_end(s);
            s->at += s->at < s->n;
            continue;
        }
        s->at++;
        if (c == '[' || c == '{') {
            if (++depth > TOMLEDIT_DEPTH_MAX)
                return fail(s, "nested too deeply");
        } else if (c == ']' || c == '}') {
            if (!depth--)
                return fail(s, "a bracket that nothing opened");
        }
        if (c != ' ' && c != '\t' && c != '\r')
            end = s->at;
    }
    if (depth)
        return fail(s, "a bracket that nothing closed");
    if (end == start)
        return fail(s, "expected a value");
    s->at = end;
    return 0;
}

// --- statements --------------------------------------------------------------------------------

enum kind { BLANK, TABLE, LIST, PAIR };

struct statement {
    enum kind kind;
    struct key key;
    size_t start, end; // its lines
    size_t value_from, value_to;
};

static int read_header(struct scan *s, struct statement *st) {
    st->kind = starts(s, "[[") ? LIST : TABLE;
    s->at += st->kind == LIST ? 2 : 1;
    int r = read_key(s, &st->key);
    if (r == 0 && !starts(s, st->kind == LIST ? "]]" : "]"))
        r = fail(s, "expected ']'");
    if (r == 0)
        s->at += st->kind == LIST ? 2 : 1;
    return r;
}

static int read_pair(struct scan *s, struct statement *st) {
    st->kind = PAIR;
    int r = read_key(s, &st->key);
    if (r == 0 && peek(s) != '=')
        r = fail(s, "expected '='");
    if (r < 0)
        return r;
    s->at++;
    skip_spaces(s);
    st->value_from = s->at;
    r = skip_value(s);
    st->value_to = s->at;
    return r;
}

static int read_statement(struct scan *s, struct statement *st) {
    *st = (struct statement){.kind = BLANK, .start = s->at};
    skip_spaces(s);
    char c = peek(s);
    int r = 0;
    if (c == '[')
        r = read_header(s, st);
    else if (s->at < s->n && c != '#' && c != '\n' && c != '\r')
        r = read_pair(s, st);
    if (r < 0)
        return r;
    skip_spaces(s);
    if (peek(s) == '#')
        skip_to_line_end(s);
    if (starts(s, "\r\n"))
        s->at++;
    if (s->at < s->n && s->text[s->at] != '\n')
        return fail(s, "something behind the end of a line's statement");
    s->at += s->at < s->n;
    st->end = s->at;
    return 0;
}

// --- strings ------------------------------------------------------------------------------------

static size_t put_utf8(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(0xFF << (8 - n) | (int)c);
    return n;
}

// The character behind a backslash at text[0]: its bytes to `out`, *ret_used those that stood for
// it. 0: no such escape.
static size_t unescape(const char *text, size_t n, char out[4], size_t *ret_used) {
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    const char *simple = n && text[0] ? strchr(names, text[0]) : NULL;
    size_t digits = n && text[0] == 'u' ? 4 : n && text[0] == 'U' ? 8 : 0;
    uint32_t c = 0;
    *ret_used = 1 + digits;
    if (simple) {
        out[0] = values[simple - names];
        return 1;
    }
    if (!digits || n < 1 + digits)
        return 0;
    for (size_t i = 1; i <= digits; i++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, text[i] | 0x20);
        if (!text[i] || !at || (text[i] < '0' || (text[i] > '9' && text[i] < 'A')))
            return 0;
        c = c << 4 | (uint32_t)(at - hex);
    }
    return c <= 0x10FFFF ? put_utf8(c, out) : 0;
}

// Is the string of one line in quotes at [from, to) that text?
static bool quoted_is(const char *text, size_t from, size_t to, const char *want, size_t n) {
    bool plain = text[from] == '\'';
    if (to - from >= 6 &&
        (memcmp(text + from, "\'\'\'", 3) == 0 || memcmp(text + from, "\"\"\"", 3) == 0))
        return false;
    size_t at = from + 1, done = 0;
    while (at < to - 1) {
        char bytes[4] = {text[at]};
        size_t used = 1, count = 1;
        if (text[at] == '\\' && !plain) {
            count = unescape(text + at + 1, to - 2 - at, bytes, &used);
            used++;
        }
        if (!count || n - done < count || memcmp(want + done, bytes, count) != 0)
            return false;
        done += count;
        at += used;
    }
    return done == n;
}

static bool part_is(const struct scan *s, const struct part *p, const char *name) {
    size_t n = strlen(name);
    char c = s->text[p->from];
    if (c == '"' || c == '\'')
        return quoted_is(s->text, p->from, p->to, name, n);
    return n == p->to - p->from && memcmp(s->text + p->from, name, n) == 0;
}

// --- finding the table -------------------------------------------------------------------------

struct range {
    size_t from, to;
};

struct place {
    bool there;
    size_t header_end;                // of the table itself
    size_t members_end;               // of its last pair, or its header
    struct range values[MEMBERS_MAX]; // of the members asked for; to == 0: not there
    struct range tables[RANGES_MAX];  // it and those below it, with what stands in them
    size_t count;
};

// How far `key`, behind `done` parts, goes along the table's name: all parts of both that can be
// compared are equal. *ret_parts is done + those of the key.
static bool along(const struct scan *s, const struct key *key, const char *const *table,
                  size_t parts, size_t done, size_t *ret_parts) {
    size_t total = done + key->count;
    for (size_t i = done; i < total && i < parts; i++)
        if (!part_is(s, &key->parts[i - done], table[i]))
            return false;
    *ret_parts = total;
    return true;
}

static int other_form(const struct scan *s, const struct statement *st, struct err *err) {
    return err_set(err, ERR_UNSUPPORTED,
                   "line %zu: it is written there in another form than a table of its own",
                   line_of(s, st->start));
}

struct finder {
    struct scan *s;
    const char *const *table;
    const json_t *members;
    size_t parts;
    size_t matched; // parts of the current header along the table; 0 for another
    bool aside;     // the current header leads elsewhere
    struct place *place;
};

static int at_header(struct finder *f, const struct statement *st, struct err *err) {
    size_t total = 0;
    struct place *p = f->place;
    f->aside = !along(f->s, &st->key, f->table, f->parts, 0, &total);
    f->matched = f->aside ? 0 : total;
    if (f->aside)
        return 0;
    if (st->kind == LIST && total <= f->parts)
        return other_form(f->s, st, err);
    if (total < f->parts)
        return 0;
    if (total == f->parts && p->there)
        return err_set(err, ERR_PARSE, "line %zu: the table is there twice",
                       line_of(f->s, st->start));
    if (p->count == RANGES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d tables below it", RANGES_MAX);
    if (total == f->parts) {
        p->there = true;
        p->header_end = p->members_end = st->end;
    }
    p->tables[p->count++] = (struct range){st->start, st->end};
    return 0;
}

static int at_pair(struct finder *f, const struct statement *st, struct err *err) {
    struct place *p = f->place;
    size_t total, i = 0;
    if (f->aside)
        return 0;
    if (f->matched < f->parts) {
        bool same = along(f->s, &st->key, f->table, f->parts, f->matched, &total);
        return same ? other_form(f->s, st, err) : 0;
    }
    p->tables[p->count - 1].to = st->end;
    if (f->matched > f->parts)
        return 0;
    p->members_end = st->end;
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)f->members, name, v) {
        if (i < MEMBERS_MAX && part_is(f->s, &st->key.parts[0], name)) {
            if (st->key.count > 1)
                return other_form(f->s, st, err);
            p->values[i] = (struct range){st->value_from, st->value_to};
        }
        i++;
    }
    return 0;
}

static int find(struct scan *s, const char *const *table, const json_t *members, struct place *ret,
                struct err *err) {
    *ret = (struct place){0};
    struct finder f = {.s = s, .table = table, .members = members, .place = ret};
    while (table[f.parts])
        f.parts++;
    if (s->n > TOMLEDIT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "larger than %d MiB", TOMLEDIT_BYTES_MAX >> 20);
    if (starts(s, "\xef\xbb\xbf"))
        s->at += 3;
    while (s->at < s->n) {
        struct statement st;
        int r = read_statement(s, &st);
        if (r < 0)
            return err_set(err, r, "line %zu: %s", line_of(s, s->at), s->problem);
        if (st.kind == PAIR)
            r = at_pair(&f, &st, err);
        else if (st.kind != BLANK)
            r = at_header(&f, &st, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// --- values ------------------------------------------------------------------------------------

static bool string_is(const struct scan *s, size_t from, size_t to, const json_t *v) {
    return json_is_string(v) && (s->text[from] == '"' || s->text[from] == '\'') && to - from >= 2 &&
           quoted_is(s->text, from, to, json_string_value(v), json_string_length(v));
}

static void skip_list_blank(struct scan *s) {
    while (s->at < s->n && strchr(" \t\r\n#", s->text[s->at])) {
        if (s->text[s->at] == '#')
            skip_to_line_end(s);
        else
            s->at++;
    }
}

static bool value_is(const struct scan *whole, struct range at, const json_t *v) {
    if (!json_is_array(v))
        return string_is(whole, at.from, at.to, v);
    struct scan s = {.text = whole->text, .n = at.to, .at = at.from + 1};
    if (whole->text[at.from] != '[')
        return false;
    for (size_t i = 0;; i++) {
        skip_list_blank(&s);
        if (peek(&s) == ']')
            return i == json_array_size(v);
        size_t from = s.at;
        if ((peek(&s) != '"' && peek(&s) != '\'') || skip_string(&s) < 0 ||
            !string_is(whole, from, s.at, json_array_get(v, i)))
            return false;
        skip_list_blank(&s);
        if (peek(&s) == ',')
            s.at++;
    }
}

static void put_text(struct buf *out, const json_t *v) {
    (void)buf_put_json_string(out, json_string_value(v), json_string_length(v));
}

static void put_value(struct buf *out, const json_t *v) {
    if (json_is_string(v)) {
        put_text(out, v);
        return;
    }
    (void)buf_putc(out, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        (void)buf_puts(out, i ? ", " : "");
        put_text(out, json_array_get(v, i));
    }
    (void)buf_putc(out, ']');
}

static void put_pair(struct buf *out, const char *name, const json_t *v, const char *eol) {
    (void)buf_printf(out, "%s = ", name);
    put_value(out, v);
    (void)buf_puts(out, eol);
}

// --- changing ----------------------------------------------------------------------------------

static const char *eol_of(const char *text, size_t n) {
    const char *eol = memchr(text, '\n', n);
    return eol && eol > text && eol[-1] == '\r' ? "\r\n" : "\n";
}

static void append_table(const struct scan *s, const char *const *table, const json_t *members,
                         const char *eol, struct buf *out) {
    const char *name;
    json_t *v;
    (void)buf_append(out, s->text, s->n);
    if (s->n && s->text[s->n - 1] != '\n')
        (void)buf_puts(out, eol);
    if (s->n)
        (void)buf_puts(out, eol);
    (void)buf_putc(out, '[');
    for (size_t i = 0; table[i]; i++)
        (void)buf_printf(out, "%s%s", i ? "." : "", table[i]);
    (void)buf_printf(out, "]%s", eol);
    json_object_foreach((json_t *)(uintptr_t)members, name, v) put_pair(out, name, v, eol);
}

// Values that differ are replaced where they stand, the missing ones follow the last pair.
static void update_table(const struct scan *s, const struct place *p, const json_t *members,
                         const char *eol, struct buf *out) {
    size_t done = 0;
    for (;;) { // the members stand in any order
        const char *name;
        json_t *v, *next = NULL;
        struct range at = {s->n, s->n};
        size_t i = 0;
        json_object_foreach((json_t *)(uintptr_t)members, name, v) {
            const struct range *r = &p->values[i++];
            if (r->to && r->from >= done && r->from < at.from && !value_is(s, *r, v)) {
                at = *r;
                next = v;
            }
        }
        if (!next)
            break;
        (void)buf_append(out, s->text + done, at.from - done);
        put_value(out, next);
        done = at.to;
    }
    (void)buf_append(out, s->text + done, p->members_end - done);
    if (s->text[p->members_end - 1] != '\n')
        (void)buf_puts(out, eol);
    const char *name;
    json_t *v;
    size_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)members, name, v) {
        if (!p->values[i++].to)
            put_pair(out, name, v, eol);
    }
    (void)buf_append(out, s->text + p->members_end, s->n - p->members_end);
}

static size_t count_same(const struct scan *s, const struct place *p, const json_t *members) {
    const char *name;
    json_t *v;
    size_t i = 0, same = 0;
    json_object_foreach((json_t *)(uintptr_t)members, name, v) {
        same += p->values[i].to && value_is(s, p->values[i], v);
        i++;
    }
    return same;
}

int tomledit_count(const char *text, size_t n, const char *const *table, const json_t *members,
                   size_t *ret_count, bool *ret_table, struct err *err) {
    struct scan s = {.text = text, .n = n};
    struct place p;
    int r = find(&s, table, members, &p, err);
    if (r < 0)
        return r;
    *ret_count = count_same(&s, &p, members);
    *ret_table = p.there;
    return 0;
}

int tomledit_set(const char *text, size_t n, const char *const *table, const json_t *members,
                 struct buf *out, struct err *err) {
    struct scan s = {.text = text, .n = n};
    struct place p;
    int r = find(&s, table, members, &p, err);
    if (r < 0)
        return r;
    bool same = p.there && count_same(&s, &p, members) == json_object_size(members);
    if (same)
        (void)buf_append(out, text, n);
    else if (p.there)
        update_table(&s, &p, members, eol_of(text, n), out);
    else
        append_table(&s, table, members, eol_of(text, n), out);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : !same;
}

// Is the line that ends at `at` blank? Then its start, else `at`.
static size_t before_blank_line(const char *text, size_t at) {
    size_t start = at;
    if (!start || text[start - 1] != '\n')
        return at;
    start--;
    if (start && text[start - 1] == '\r')
        start--;
    return start && text[start - 1] == '\n' ? start : at;
}

int tomledit_remove(const char *text, size_t n, const char *const *table, struct buf *out,
                    struct err *err) {
    struct scan s = {.text = text, .n = n};
    struct place p;
    int r = find(&s, table, NULL, &p, err);
    if (r < 0)
        return r;
    size_t done = 0;
    for (size_t i = 0; i < p.count; i++) {
        struct range range = p.tables[i];
        bool alone = range.to == n || text[range.to] == '\n' || text[range.to] == '\r';
        size_t from = alone ? before_blank_line(text, range.from) : range.from;
        if (from > done)
            (void)buf_append(out, text + done, from - done);
        done = range.to;
    }
    (void)buf_append(out, text + done, n - done);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : p.count > 0;
}
