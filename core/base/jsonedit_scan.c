#include "core/base/jsonedit_impl.h"

#include "core/base/mem.h"

#include <string.h>

struct scan {
    const char *text;
    size_t n, at;
    size_t stop;    // of the last skip_blank(): end of its last comment, else where it began
    bool stop_line; // that comment goes to the end of its line
    const char *problem;
};

static int fail(struct scan *s, const char *problem) {
    s->problem = problem;
    return ERR_PARSE;
}

static int report(const struct scan *s, int code, struct err *err) {
    size_t line = 1, column = 1;
    if (code != ERR_PARSE || !s->problem)
        return code;
    for (size_t i = 0; i < s->at && i < s->n; i++) {
        column++;
        if (s->text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(err, ERR_PARSE, "line %zu, column %zu: %s", line, column, s->problem);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct scan *s) {
    return s->at < s->n ? s->text[s->at] : '\0';
}

// --- tokens ------------------------------------------------------------------------------------

// At "//" or "/*". Ends behind the comment; that to the end of a line does not take its end.
static int skip_comment(struct scan *s) {
    bool line = s->at + 1 < s->n && s->text[s->at + 1] == '/';
    if (!line && (s->at + 1 >= s->n || s->text[s->at + 1] != '*'))
        return fail(s, "unexpected '/'");
    size_t at = s->at + 2;
    if (line) {
        while (at < s->n && s->text[at] != '\n' && s->text[at] != '\r')
            at++;
    } else {
        const char *end = memmem(s->text + at, s->n - at, "*/", 2);
        if (!end)
            return fail(s, "a comment without its end");
        at = (size_t)(end - s->text) + 2;
    }
    s->at = s->stop = at;
    s->stop_line = line;
    return 0;
}

static int skip_blank(struct scan *s) {
    s->stop = s->at;
    s->stop_line = false;
    for (;;) {
        while (s->at < s->n && is_blank(s->text[s->at]))
            s->at++;
        if (peek(s) != '/')
            return 0;
        int r = skip_comment(s);
        if (r < 0)
            return r;
    }
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int skip_escape(struct scan *s) { // behind the backslash
    char c = peek(s);
    if (c == '\0' || !strchr("\"\\/bfnrtu", c))
        return fail(s, "an escape that JSON does not know");
    s->at++;
    for (int i = 0; c == 'u' && i < 4; i++, s->at++)
        if (!is_hex(peek(s)))
            return fail(s, "\\u needs four hexadecimal digits");
    return 0;
}

static int skip_string(struct scan *s) {
    if (peek(s) != '"')
        return fail(s, "expected a name in quotes");
    for (s->at++; s->at < s->n;) {
        char c = s->text[s->at];
        if ((unsigned char)c < 0x20)
            return fail(s, "a text that does not end on its line");
        s->at++;
        if (c == '"')
            return 0;
        int r = c == '\\' ? skip_escape(s) : 0;
        if (r < 0)
            return r;
    }
    return fail(s, "a text without its end");
}

static size_t digits(struct scan *s) {
    size_t from = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - from;
}

static int skip_number(struct scan *s) {
    size_t from = s->at;
    if (peek(s) == '-')
        s->at++;
    size_t whole = s->at, n = digits(s);
    bool good = n == 1 || (n > 1 && s->text[whole] != '0');
    if (good && peek(s) == '.') {
        s->at++;
        good = digits(s) > 0;
    }
    if (good && (peek(s) == 'e' || peek(s) == 'E')) {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        good = digits(s) > 0;
    }
    if (good)
        return 0;
    s->at = from;
    return fail(s, "expected a value");
}

static int skip_scalar(struct scan *s) {
    static const char *const words[] = {"true", "false", "null"};
    if (peek(s) == '"')
        return skip_string(s);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t n = strlen(words[i]);
        if (s->n - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return 0;
        }
    }
    return skip_number(s);
}

// --- values ------------------------------------------------------------------------------------

enum expect { VALUE, VALUE_OR_CLOSE, NAME_OR_CLOSE, COMMA_OR_CLOSE };

struct nest {
    unsigned char object[JSONEDIT_DEPTH_MAX];
    size_t depth;
    enum expect expect;
};

static int open_box(struct scan *s, struct nest *nest) {
    if (nest->depth == JSONEDIT_DEPTH_MAX)
        return ERR_LIMIT;
    bool object = s->text[s->at++] == '{';
    nest->object[nest->depth++] = object;
    nest->expect = object ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
    return 0;
}

static bool close_box(struct scan *s, struct nest *nest) {
    if (!nest->depth || nest->expect == VALUE ||
        peek(s) != (nest->object[nest->depth - 1] ? '}' : ']'))
        return false;
    s->at++;
    nest->depth--;
    nest->expect = COMMA_OR_CLOSE;
    return true;
}

static int skip_name(struct scan *s) { // and its colon
    int r = skip_string(s);
    r = r < 0 ? r : skip_blank(s);
    if (r == 0 && peek(s) != ':')
        r = fail(s, "expected ':'");
    if (r == 0)
        s->at++;
    return r;
}

static int skip_step(struct scan *s, struct nest *nest) {
    int r = skip_blank(s);
    if (r < 0 || close_box(s, nest))
        return r;
    if (nest->expect == COMMA_OR_CLOSE) {
        if (peek(s) != ',')
            return fail(s, "expected ',' or the closing bracket");
        s->at++;
        nest->expect = nest->object[nest->depth - 1] ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
        return 0;
    }
    if (nest->expect == NAME_OR_CLOSE) {
        nest->expect = VALUE;
        return skip_name(s);
    }
    if (peek(s) == '{' || peek(s) == '[')
        return open_box(s, nest);
    nest->expect = COMMA_OR_CLOSE;
    return skip_scalar(s);
}

static int skip_value(struct scan *s) {
    struct nest nest = {.expect = VALUE};
    do {
        int r = skip_step(s, &nest);
        if (r < 0)
            return r;
    } while (nest.depth);
    return 0;
}

// --- finding -----------------------------------------------------------------------------------

// Is the text in quotes at [from, to) that one?
static bool string_is(const char *text, size_t from, size_t to, const char *s) {
    size_t n = to - from - 2;
    if (!memchr(text + from, '\\', to - from))
        return strlen(s) == n && memcmp(text + from + 1, s, n) == 0;
    json_t *v = json_loadb(text + from, to - from, JSON_DECODE_ANY, NULL);
    bool same = json_is_string(v) && strcmp(json_string_value(v), s) == 0;
    json_decref(v);
    return same;
}

static int read_box(struct scan *s, size_t open, const char *part, struct jsonedit_box *ret);

static int element_is(const struct scan *s, const struct jsonedit_child *c, const char *id) {
    struct jsonedit_box box;
    struct scan inner = *s;
    if (s->text[c->value] != '{')
        return 0;
    int r = read_box(&inner, c->value, "id", &box);
    if (r < 0 || !box.matches || s->text[box.found.value] != '"')
        return r < 0 ? r : 0;
    return string_is(s->text, box.found.value, box.found.end, id);
}

// 1: this child is `part` of the path; 0: it is not.
static int read_child(struct scan *s, bool object, const char *part, struct jsonedit_child *c) {
    int r = 0;
    bool match = false;
    c->start = s->at;
    if (object) {
        r = skip_string(s);
        if (r < 0)
            return r;
        match = *part != '=' && string_is(s->text, c->start, s->at, part);
        s->at = c->start;
        r = skip_name(s);
        r = r < 0 ? r : skip_blank(s);
    }
    c->value = s->at;
    r = r < 0 ? r : skip_value(s);
    c->end = s->at;
    if (r == 0 && !object && *part == '=')
        return element_is(s, c, part + 1);
    return r < 0 ? r : match;
}

// Of a text that was checked.
static int read_box(struct scan *s, size_t open, const char *part, struct jsonedit_box *ret) {
    bool object = s->text[open] == '{';
    struct jsonedit_box box = {.open = open, .last_comma = JSONEDIT_NONE};
    size_t comma = JSONEDIT_NONE;
    s->at = open + 1;
    for (;;) {
        int r = skip_blank(s);
        if (r < 0)
            return r;
        box.inner_end = s->stop;
        if (peek(s) == '}' || peek(s) == ']')
            break;
        struct jsonedit_child c = {.before = s->stop, .after_line = s->stop_line};
        c.comma_before = comma;
        int match = read_child(s, object, part, &c);
        if (match < 0)
            return match;
        if (!box.count++)
            box.first = c.start;
        box.last_end = s->at;
        r = skip_blank(s);
        if (r < 0)
            return r;
        comma = peek(s) == ',' ? s->at++ : JSONEDIT_NONE;
        if (comma == JSONEDIT_NONE)
            s->at = box.last_end; // what stands between is looked at again, as the inner end
        box.last_comma = c.comma_after = comma;
        if (match) {
            box.matches++;
            box.found = c;
        }
    }
    box.close = s->at;
    *ret = box;
    return 0;
}

static int locate_parts(struct scan *s, size_t root, const char *const *path,
                        struct jsonedit_place *p, struct err *err) {
    for (size_t at = root; p->depth < p->parts;) {
        const char *part = path[p->depth];
        if (s->text[at] != (*part == '=' ? '[' : '{')) {
            s->at = at;
            if (p->depth == 0)
                s->problem = "expected an object, {…}";
            else
                return err_set(err, ERR_PARSE, "\"%s\" is not %s", path[p->depth - 1],
                               *part == '=' ? "a list, […]" : "an object, {…}");
            return ERR_PARSE;
        }
        struct jsonedit_box *box = &p->boxes[p->depth];
        int r = read_box(s, at, part, box);
        if (r < 0)
            return r;
        if (box->matches > 1)
            return err_set(err, ERR_PARSE, "\"%s\" stands there more than once", part);
        p->depth++;
        if (!box->matches)
            return 0;
        at = box->found.value;
    }
    return 0;
}

int jsonedit_locate(const char *text, size_t n, const char *const *path, struct jsonedit_place *ret,
                    struct err *err) {
    struct jsonedit_place p = {0};
    struct scan s = {.text = text, .n = n};
    while (path[p.parts])
        if (++p.parts > JSONEDIT_PATH_MAX)
            return err_set(err, ERR_LIMIT, "a path of more than %d parts", JSONEDIT_PATH_MAX);
    if (n > JSONEDIT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "larger than %d MiB", JSONEDIT_BYTES_MAX >> 20);
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        p.start = s.at = 3;
    int r = skip_blank(&s);
    size_t root = s.at;
    p.empty = r == 0 && root == n;
    if (r == 0 && !p.empty) {
        r = skip_value(&s);
        r = r < 0 ? r : skip_blank(&s);
        if (r == 0 && s.at < n)
            r = fail(&s, "something behind the end");
        if (r == 0)
            r = locate_parts(&s, root, path, &p, err);
    }
    if (r == ERR_LIMIT && !s.problem)
        return err_set(err, r, "nested more than %d deep", JSONEDIT_DEPTH_MAX);
    if (r < 0)
        return report(&s, r, err);
    *ret = p;
    return 0;
}

bool jsonedit_found(const struct jsonedit_place *p) {
    return !p->empty && p->depth == p->parts && p->boxes[p->depth - 1].matches;
}

int jsonedit_load(const char *text, size_t from, size_t to, json_t **ret, struct err *err) {
    AUTO_BUF plain = BUF_INIT(JSONEDIT_BYTES_MAX);
    struct scan s = {.text = text, .n = to, .at = from};
    bool comma = false; // seen, and kept back: the last one of a list must go
    while (skip_blank(&s) == 0 && s.at < to) {
        size_t start = s.at;
        char c = peek(&s);
        if (comma && c != '}' && c != ']')
            (void)buf_putc(&plain, ',');
        comma = c == ',';
        if (strchr("{}[],:", c))
            s.at++;
        else if (skip_scalar(&s) < 0)
            break; // cannot be: the text was checked
        if (!comma)
            (void)buf_append(&plain, text + start, s.at - start);
    }
    if (plain.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    json_error_t e;
    *ret =
        json_loadb(plain.data ? plain.data : "", plain.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (*ret)
        return 0;
    // jansson leaves the text empty where an allocation failed before it had looked at anything.
    if (json_error_code(&e) == json_error_out_of_memory || !e.text[0])
        return err_set(err, ERR_NOMEM, "out of memory");
    return err_set(err, ERR_PARSE, "%s", e.text);
}

size_t jsonedit_after_comments(const char *text, size_t n, size_t at) {
    struct scan s = {.text = text, .n = n, .at = at};
    for (;;) {
        while (s.at < n && (text[s.at] == ' ' || text[s.at] == '\t'))
            s.at++;
        size_t from = s.at;
        if (peek(&s) != '/' || skip_comment(&s) < 0 || memchr(text + from, '\n', s.at - from))
            return at;
        at = s.at;
    }
}
