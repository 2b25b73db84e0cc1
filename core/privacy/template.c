#include "core/privacy/template.h"

#include "core/base/mem.h"

#include <string.h>

enum { DEPTH_MAX = 32, ERRORS_FEW = 3, ERRORS_ONE_IN = 100 /* nodes */ };

struct known { // a text and its number, by kind
    uint32_t start, end;
};
struct making {
    struct syntax *s;
    enum lang lang;
    struct buf *out;
    bool bodies;
    struct known *known[4]; // A S N C
    uint32_t count[4], capacity[4];
    uint32_t last;   // byte behind the last token
    unsigned breaks; // lines between it and the next one, as far as seen
    bool blank;
    bool fresh; // at the beginning of a line
    uint32_t brackets;
    uint32_t columns[DEPTH_MAX]; // Python: of the blocks that are open
    uint32_t depth;
    int failed;
};

// --------------------------------------------------------------------------------------------
// layout

static void see_gap(struct making *m, uint32_t from, uint32_t to) {
    unsigned breaks = 0;
    for (uint32_t i = from; i < to; i++) {
        breaks += m->s->text[i] == '\n';
        m->blank = m->blank || m->s->text[i] == ' ' || m->s->text[i] == '\t';
    }
    if (breaks > m->breaks)
        m->breaks = breaks > 2 ? 2 : breaks;
}

static uint32_t column_of(const struct syntax *s, uint32_t at) {
    uint32_t column = 0, line = at;
    while (line > 0 && s->text[line - 1] != '\n')
        line--;
    for (; line < at; line++)
        column = s->text[line] == '\t' ? (column | 7) + 1 : column + 1;
    return column;
}

// Python: a block is deeper than the one around it, by whatever its author indents. Others: by
// open brackets.
static uint32_t level_of(struct making *m, uint32_t at, bool closes) {
    if (m->lang != LANG_PYTHON)
        return m->brackets - (closes && m->brackets);
    if (m->brackets)
        return m->depth + m->brackets - closes;
    uint32_t column = column_of(m->s, at);
    while (m->depth && m->columns[m->depth] > column)
        m->depth--;
    if (column > m->columns[m->depth] && m->depth + 1 < DEPTH_MAX)
        m->columns[++m->depth] = column;
    return m->depth;
}

static void begin_token(struct making *m, uint32_t at, bool closes) {
    bool first = m->out->len == 0;
    if (m->breaks || first) {
        uint32_t level = level_of(m, at, closes);
        for (unsigned i = 0; !first && i < m->breaks; i++)
            (void)buf_putc(m->out, '\n');
        for (uint32_t i = 0; i < level && i < DEPTH_MAX; i++)
            (void)buf_puts(m->out, "    ");
    } else if (m->blank) {
        (void)buf_putc(m->out, ' ');
    }
    m->breaks = 0;
    m->blank = false;
}

// ---------------------------------------------------------------------------------------------
// holes

static void put_hole(struct making *m, unsigned kind, uint32_t start, uint32_t end) {
    uint32_t i = 0, n = end - start;
    for (; i < m->count[kind]; i++) {
        const struct known *k = &m->known[kind][i];
        if (k->end - k->start == n && memcmp(m->s->text + k->start, m->s->text + start, n) == 0)
            break;
    }
    if (i == m->count[kind]) {
        void *list = m->known[kind];
        int r = mem_grow(&list, m->count[kind], &m->capacity[kind], sizeof(struct known),
                         TEMPLATE_HOLES_MAX);
        m->known[kind] = list;
        if (r < 0) {
            m->failed = r;
            return;
        }
        m->known[kind][m->count[kind]++] = (struct known){start, end};
    }
    (void)buf_printf(m->out, "$%c%u", "ASNC"[kind], i + 1);
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_sign(const char *s, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!strchr("+-*/%&|^!~<>=?:.;,()[]{}@#", s[i]) || !s[i])
            return false;
    return n > 0;
}

// 'a of Rust: a name, whatever its first sign.
static bool is_lifetime(const struct syntax *s, uint32_t i) {
    return s->lang == LANG_RUST && syntax_type_is(s, i, "lifetime");
}

static bool stays(const struct making *m, const struct node *t, const char *s, uint32_t n) {
    if (n == 2 && s[0] == s[1] && (s[0] == '"' || s[0] == '\''))
        return true; // empty
    if (n == 1 && (*s == '0' || *s == '1'))
        return true;
    if (is_sign(s, n) || (n == 2 && memcmp(s, "-1", 2) == 0))
        return true;
    return is_letter(*s) && t->role != ROLE_STRING && template_word_is_public(m->lang, s, n);
}

// What could not be read may have a word right behind a hole.
static void put_plain(struct making *m, const char *s, uint32_t n) {
    char before = m->out->len ? m->out->data[m->out->len - 1] : ' ';
    bool word = is_letter(*s) || (*s >= '0' && *s <= '9');
    if (word && (is_letter(before) || (before >= '0' && before <= '9')))
        (void)buf_putc(m->out, ' ');
    (void)buf_append(m->out, s, n);
}

static void put_token(struct making *m, uint32_t i) {
    const struct node *t = &m->s->nodes[i];
    const char *s = m->s->text + t->start;
    uint32_t n = t->end - t->start;
    bool opens = n && strchr("([{", s[n - 1]), closes = n == 1 && strchr(")]}", s[0]);
    if (!n || (n == 1 && s[0] == '\n'))
        return;
    see_gap(m, m->last, t->start);
    begin_token(m, t->start, closes);
    m->last = t->end;
    m->brackets -= closes && m->brackets;
    m->brackets += opens && is_sign(s, n);
    if (stays(m, t, s, n))
        put_plain(m, s, n);
    else if (is_lifetime(m->s, i))
        put_hole(m, 0, t->start, t->end);
    else if (t->role == ROLE_NUMBER || (*s >= '0' && *s <= '9'))
        put_hole(m, 2, t->start, t->end);
    else if (t->role == ROLE_CHARACTER)
        put_hole(m, 3, t->start, t->end);
    else if (is_letter(*s) && t->role != ROLE_STRING && !memchr(s, ' ', n))
        put_hole(m, 0, t->start, t->end);
    else
        put_hole(m, 1, t->start, t->end);
}

// ----------------------------------------------------------------------------------------------
// walk

// A statement that is a string alone is a comment of Python's.
static bool is_left_out(const struct syntax *s, uint32_t i) {
    enum role role = (enum role)s->nodes[i].role;
    bool says = s->lang == LANG_PYTHON && role == ROLE_EXPRESSION_STATEMENT &&
                s->nodes[i + 1 < s->count ? i + 1 : i].role == ROLE_STRING &&
                s->nodes[i + 1].next == s->nodes[i].next;
    return role == ROLE_COMMENT || role == ROLE_IMPORT || role == ROLE_MACRO || says;
}

static bool is_whole(const struct syntax *s, uint32_t i) {
    enum role role = (enum role)s->nodes[i].role;
    return role == ROLE_STRING || role == ROLE_CHARACTER || role == ROLE_NUMBER ||
           s->nodes[i].next == i + 1 || is_lifetime(s, i);
}

// The block of a function becomes one hole in its brackets.
static bool put_body(struct making *m, uint32_t i) {
    const struct node *b = &m->s->nodes[i];
    if (m->bodies || b->role != ROLE_BLOCK || b->field != FIELD_ROLE_BODY ||
        m->s->nodes[b->parent].role != ROLE_FUNCTION)
        return false;
    bool braces = m->s->text[b->start] == '{';
    see_gap(m, m->last, b->start);
    begin_token(m, b->start, false);
    (void)buf_puts(m->out, braces ? "{ $... }" : "$...");
    m->last = b->end;
    // A block that ends with its line's break would put what follows on its line.
    if (!braces)
        m->breaks = 1;
    return true;
}

static int walk(struct making *m) {
    const struct syntax *s = m->s;
    for (uint32_t i = 1; i < s->count && !m->failed;) {
        const struct node *t = &s->nodes[i];
        if (is_left_out(s, i)) {
            see_gap(m, m->last, t->start);
            m->last = t->end > m->last ? t->end : m->last;
            if (t->end > t->start && s->text[t->end - 1] == '\n' && !m->breaks)
                m->breaks = 1;
            i = t->next;
        } else if (put_body(m, i)) {
            i = t->next;
        } else if (is_whole(s, i)) {
            put_token(m, i);
            i = t->next;
        } else {
            i++;
        }
    }
    return m->failed;
}

// Directives are lines of another language. Blanks in their place keep what is around where it is.
static char *without_directives(enum lang lang, const char *text, size_t n) {
    char *copy = mem_strndup(text, n);
    bool continued = false;
    for (size_t i = 0, stop; copy && i < n && (lang == LANG_C || lang == LANG_CPP); i = stop + 1) {
        const char *end = memchr(copy + i, '\n', n - i);
        size_t first = i;
        stop = end ? (size_t)(end - copy) : n;
        while (first < stop && (copy[first] == ' ' || copy[first] == '\t'))
            first++;
        bool directive = continued || (first < stop && copy[first] == '#');
        continued = directive && stop > i && copy[stop - 1] == '\\';
        if (directive)
            memset(copy + i, ' ', stop - i);
    }
    return copy;
}

int template_make(struct syntax *s, enum lang lang, const char *text, size_t n, bool bodies,
                  struct buf *out, struct err *err) {
    struct making m = {.s = s, .lang = lang, .bodies = bodies};
    struct buf made = BUF_INIT(TEMPLATE_BYTES_MAX);
    if (!lang || !language_has_tree(lang) || lang == LANG_BASH || lang == LANG_RUBY)
        return err_set(err, ERR_UNSUPPORTED,
                       "templates are made of files of C, C++, Go, Rust, Java, "
                       "JavaScript, TypeScript and Python");
    AUTO_FREE char *code = without_directives(lang, text, n);
    if (!code)
        return err_set(err, ERR_NOMEM, "out of memory");
    m.out = &made;
    int r = syntax_parse(s, lang, code, n, NULL, err);
    // Macros of C seldom read as C. What cannot be read becomes holes like everything else.
    if (r == 0 && s->errors > ERRORS_FEW + s->count / ERRORS_ONE_IN)
        r = err_set(err, ERR_PARSE, "the file does not read as %s", language_name(lang));
    if (r == 0)
        r = walk(&m);
    if (r == 0 && made.len)
        (void)buf_putc(&made, '\n');
    if (r == 0 && made.failed)
        r = err_set(err, ERR_LIMIT, "the file is too large for a template");
    else if (r == ERR_LIMIT && m.failed)
        r = err_set(err, r, "over %d different names or literals", TEMPLATE_HOLES_MAX);
    else if (r == 0 && !made.len)
        r = err_set(err, ERR_NOT_FOUND, "nothing is left of the file");
    if (r == 0)
        r = template_check(lang, made.data, made.len, err);
    if (r == 0 && buf_append(out, made.data, made.len) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    for (int k = 0; k < 4; k++)
        mem_free(m.known[k]);
    buf_done(&made);
    return r;
}
