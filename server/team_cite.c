#include "server/team_cite.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <string.h>

enum { DEPTH_MAX = 8, LINE_MAX_NUMBER = 100000000, WORDS_MIN = 4 };

// --- what was shown ------------------------------------------------------------------------------

void team_seen_done(struct team_seen *s) {
    for (uint32_t i = 0; i < s->count; i++)
        mem_free(s->spans[i].path);
    mem_free(s->spans);
    *s = (struct team_seen){0};
}

int team_seen_add(struct team_seen *s, const char *path, size_t n, int64_t from, int64_t to) {
    if (!n || from < 1 || to < from || to > LINE_MAX_NUMBER)
        return 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->spans[i].from <= from && to <= s->spans[i].to && strlen(s->spans[i].path) == n &&
            memcmp(s->spans[i].path, path, n) == 0)
            return 0;
    int r = mem_grow((void **)&s->spans, s->count, &s->room, sizeof *s->spans, TEAM_SPANS_MAX);
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    char *copy = mem_strndup(path, n);
    if (!copy)
        return ERR_NOMEM;
    s->spans[s->count++] = (struct team_span){copy, (uint32_t)from, (uint32_t)to};
    return 0;
}

static int add_object(struct team_seen *s, const json_t *object) {
    const json_t *path = json_object_get(object, "path");
    int64_t line = json_integer_value(json_object_get(object, "line"));
    int64_t end = json_integer_value(json_object_get(object, "end_line"));
    return json_is_string(path)
               ? team_seen_add(s, json_string_value(path), json_string_length(path), line,
                               end > line ? end : line)
               : 0;
}

// One level of the walk: an array's next element, an object's next member.
struct level {
    const json_t *value;
    size_t at;
    void *iter;
};

static const json_t *next_of(struct level *l) {
    if (json_is_array(l->value))
        return json_array_get(l->value, l->at++);
    if (!l->iter)
        return NULL;
    const json_t *value = json_object_iter_value(l->iter);
    l->iter = json_object_iter_next((json_t *)(uintptr_t)l->value, l->iter);
    return value;
}

static struct level level_of(const json_t *value) {
    void *iter = json_is_object(value) ? json_object_iter((json_t *)(uintptr_t)value) : NULL;
    return (struct level){.value = value, .iter = iter};
}

int team_seen_answer(struct team_seen *s, const json_t *answer) {
    struct level stack[DEPTH_MAX] = {level_of(answer)};
    size_t depth = answer ? 1 : 0;
    int r = add_object(s, answer);
    while (r == 0 && depth) {
        const json_t *next = next_of(&stack[depth - 1]);
        if (!next) {
            depth--;
            continue;
        }
        if (json_is_object(next))
            r = add_object(s, next);
        if ((json_is_object(next) || json_is_array(next)) && depth < DEPTH_MAX)
            stack[depth++] = level_of(next);
    }
    return r;
}

static bool same_path(const char *known, const char *path, size_t n) {
    size_t m = strlen(known);
    return m >= n && memcmp(known + m - n, path, n) == 0 && (m == n || known[m - n - 1] == '/');
}

static bool line_shown(const struct team_seen *s, const char *path, size_t n, int64_t line) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->spans[i].from <= line && line <= s->spans[i].to &&
            same_path(s->spans[i].path, path, n))
            return true;
    return false;
}

bool team_seen_holds(const struct team_seen *s, const char *path, size_t n, int64_t from,
                     int64_t to) {
    while (n > 2 && path[0] == '.' && path[1] == '/') {
        path += 2;
        n -= 2;
    }
    return n && line_shown(s, path, n, from) && line_shown(s, path, n, to);
}

json_t *team_seen_json(const struct team_seen *s) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->count; i++)
        if (json_array_append_new(list, json_pack("[s, i, i]", s->spans[i].path,
                                                  (int)s->spans[i].from, (int)s->spans[i].to)) <
            0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int team_seen_read(struct team_seen *s, const json_t *kept) {
    size_t i;
    const json_t *one;
    int r = 0;
    json_array_foreach(kept, i, one) {
        const json_t *path = json_array_get(one, 0);
        if (r == 0 && json_is_string(path))
            r = team_seen_add(s, json_string_value(path), json_string_length(path),
                              json_integer_value(json_array_get(one, 1)),
                              json_integer_value(json_array_get(one, 2)));
    }
    return r;
}

// --- places in a text ----------------------------------------------------------------------------

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_of(char c, const char *set) {
    return c && strchr(set, c);
}
static bool in_path(char c) {
    return is_letter(c) || is_digit(c) || is_of(c, "_./-+@$");
}

struct place_in {
    size_t at, path_bytes, end; // in the text: path, then ":12" or ":12-14" up to `end`
    int64_t from, to;
};

static size_t read_number(const char *text, size_t n, size_t at, int64_t *ret) {
    size_t begin = at;
    for (*ret = 0; at < n && is_digit(text[at]) && at - begin < 9; at++)
        *ret = *ret * 10 + (text[at] - '0');
    return at - begin;
}

// Could that be the name of a file? "10:30" and "Note:3" are none.
static bool names_file(const char *path, size_t n) {
    bool letter = false, mark = false;
    for (size_t i = 0; i < n; i++) {
        letter |= is_letter(path[i]);
        mark |= path[i] == '.' || path[i] == '/';
    }
    return letter && mark && !(n > 1 && path[0] == '/' && path[1] == '/');
}

// The next place at or behind `from`.
static bool next_place(const char *text, size_t n, size_t from, struct place_in *ret) {
    for (size_t i = from; i < n; i++) {
        const char *colon = memchr(text + i, ':', n - i);
        if (!colon)
            return false;
        size_t at = (size_t)(colon - text), begin = at, digits;
        i = at;
        while (begin > from && in_path(text[begin - 1]))
            begin--;
        if (!names_file(text + begin, at - begin) ||
            !(digits = read_number(text, n, at + 1, &ret->from)) || ret->from == 0)
            continue;
        *ret = (struct place_in){begin, at - begin, at + 1 + digits, ret->from, ret->from};
        size_t dash = 0, more;
        if (ret->end < n && text[ret->end] == '-')
            dash = 1;
        else if (n - ret->end > 3 && memcmp(text + ret->end, "\xE2\x80\x93", 3) == 0)
            dash = 3; // U+2013
        int64_t to;
        if (dash && (more = read_number(text, n, ret->end + dash, &to)) && to >= ret->from) {
            ret->to = to;
            ret->end += dash + more;
        }
        return true;
    }
    return false;
}

// --- statements ----------------------------------------------------------------------------------

struct verdict {
    struct team_verdict *ret;
    const struct team_seen *seen;
};

static unsigned words_in(const char *text, size_t n) {
    unsigned words = 0;
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        bool letter = is_letter(text[i]);
        words += letter && !inside;
        inside = letter || (inside && is_digit(text[i]));
    }
    return words;
}

// A sentence without a place is one that nobody can look up, unless it states nothing.
static int judge_statement(struct verdict *v, const char *text, size_t n) {
    struct place_in place;
    while (n && is_of(text[0], " \t\r\n*_#>-")) {
        text++;
        n--;
    }
    while (n && is_of(text[n - 1], " \t\r\n*_"))
        n--;
    if (!n || text[n - 1] == '?' || text[n - 1] == ':' || words_in(text, n) < WORDS_MIN ||
        next_place(text, n, 0, &place))
        return 0;
    if (v->ret->uncited_count++ >= TEAM_UNCITED_MAX)
        return 0;
    size_t shown = utf_cut(text, n, TEAM_UNCITED_BYTES);
    AUTO_BUF line = BUF_INIT(0);
    for (size_t i = 0; i < shown; i++)
        (void)buf_putc(&line, (unsigned char)text[i] < ' ' ? ' ' : text[i]);
    if (shown < n)
        (void)buf_puts(&line, " \xE2\x80\xA6");
    json_t *one = line.failed ? NULL : json_stringn(line.data ? line.data : "", line.len);
    return json_array_append_new(v->ret->uncited, one) < 0 ? ERR_NOMEM : 0;
}

// Ends after '.', '!' or '?' (and what closes it) before a blank and no small letter.
static int judge_paragraph(struct verdict *v, const char *text, size_t n) {
    size_t begin = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i + 1 < n; i++) {
        if (!is_of(text[i], ".!?"))
            continue;
        size_t end = i + 1;
        while (end < n && is_of(text[end], ")\"'`*_"))
            end++;
        if (end < n && text[end] != ' ' && text[end] != '\n')
            continue;
        size_t next = end;
        while (next < n && (text[next] == ' ' || text[next] == '\n'))
            next++;
        if (next < n && text[next] >= 'a' && text[next] <= 'z')
            continue;
        r = judge_statement(v, text + begin, end - begin);
        begin = end;
        i = end - 1;
    }
    return r == 0 ? judge_statement(v, text + begin, n - begin) : r;
}

static bool is_blank(const char *line, size_t n) {
    size_t i = 0;
    while (i < n && is_of(line[i], " \t\r"))
        i++;
    return i == n;
}

static bool begins_item(const char *line, size_t n) {
    size_t i = 0;
    while (i < n && line[i] == ' ')
        i++;
    if (i < n && is_of(line[i], "-*+|>"))
        return true;
    size_t digits = i;
    while (digits < n && is_digit(line[digits]))
        digits++;
    return digits > i && digits < n && (line[digits] == '.' || line[digits] == ')');
}

static size_t after_bullet(const char *line, size_t n) {
    size_t i = 0;
    while (i < n && (line[i] == ' ' || is_digit(line[i])))
        i++;
    return i < n && is_of(line[i], "-*+|>.)") ? i + 1 : 0;
}

// Paragraphs and items of lists; headings and code state nothing.
static int judge_text(struct verdict *v, const char *text, size_t n) {
    size_t begin = 0, held = 0;
    bool code = false;
    int r = 0;
    for (size_t at = 0; r == 0 && at <= n;) {
        const char *eol = at < n ? memchr(text + at, '\n', n - at) : NULL;
        size_t end = eol ? (size_t)(eol - text) : n, length = end - at;
        bool fence = length >= 3 && memcmp(text + at, "```", 3) == 0;
        bool blank = is_blank(text + at, length);
        bool item = begins_item(text + at, length), heading = length && text[at] == '#';
        if (held && (fence || blank || item || heading || end == n + 1)) {
            r = judge_paragraph(v, text + begin, held - begin);
            held = 0;
        }
        if (fence)
            code = !code;
        else if (!code && !blank && !heading) {
            if (!held)
                begin = at + (item ? after_bullet(text + at, length) : 0);
            held = end;
        }
        at = end + 1;
    }
    return r == 0 && held ? judge_paragraph(v, text + begin, held - begin) : r;
}

// --- all of it -----------------------------------------------------------------------------------

static int put_citation(struct verdict *v, const char *text, const struct place_in *p, bool shown) {
    json_t *one = json_pack("{s:s%, s:I, s:b}", "path", text + p->at, p->path_bytes, "line",
                            (json_int_t)p->from, "checked", shown);
    if (one && p->to > p->from)
        (void)json_object_set_new(one, "end_line", json_integer(p->to));
    v->ret->checked += shown;
    v->ret->unchecked += !shown;
    return json_array_append_new(v->ret->citations, one) < 0 ? ERR_NOMEM : 0;
}

static int mark_places(struct verdict *v, const char *text, size_t n) {
    struct buf *out = &v->ret->text;
    struct place_in p;
    size_t done = 0;
    int r = 0;
    for (size_t at = 0; r == 0 && next_place(text, n, at, &p); at = p.end) {
        if (json_array_size(v->ret->citations) >= TEAM_CITATIONS_MAX) {
            v->ret->left_out++;
            continue;
        }
        bool shown = team_seen_holds(v->seen, text + p.at, p.path_bytes, p.from, p.to);
        r = put_citation(v, text, &p, shown);
        size_t end = p.end;
        while (end < n && is_of(text[end], "`*)]"))
            end++;
        if (!shown) {
            (void)buf_append(out, text + done, end - done);
            (void)buf_puts(out, " (not checked)");
            done = end;
        }
    }
    (void)buf_append(out, text + done, n - done);
    return r < 0 ? r : out->failed ? ERR_NOMEM : 0;
}

int team_verdict_make(const char *text, size_t n, const struct team_seen *seen,
                      struct team_verdict *ret) {
    struct verdict v = {ret, seen};
    *ret = (struct team_verdict){.citations = json_array(), .uncited = json_array()};
    if (!ret->citations || !ret->uncited)
        return ERR_NOMEM;
    int r = mark_places(&v, text, n);
    return r == 0 ? judge_text(&v, text, n) : r;
}

void team_verdict_done(struct team_verdict *v) {
    buf_done(&v->text);
    json_decref(v->citations);
    json_decref(v->uncited);
    *v = (struct team_verdict){0};
}
