// The lexical tier: what a file defines, by the shape of its text.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/lexical_impl.h"

// clang-format off
const uint8_t lex_classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};
// clang-format on

static bool is_hash_comment(enum lang lang) {
    return lang == LANG_PYTHON || lang == LANG_RUBY || lang == LANG_BASH || lang == LANG_PERL ||
           lang == LANG_PHP;
}

static bool is_c(enum lang lang) {
    return lang == LANG_C || lang == LANG_CPP || lang == LANG_CSHARP;
}

void lex_skip_line(struct lex *x) {
    const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
    x->at = eol ? (uint32_t)(eol - x->t) : x->n;
}

// Lines up to the one that says what the << said.
static void skip_heredoc(struct lex *x) {
    const char *word = x->t + x->heredoc;
    uint32_t n = x->heredoc_bytes;
    x->heredoc_bytes = 0;
    while (x->at < x->n) {
        uint32_t start = x->at;
        const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
        uint32_t end = eol ? (uint32_t)(eol - x->t) : x->n;
        while (start < end && (x->t[start] == ' ' || x->t[start] == '\t'))
            start++;
        bool last = end - start >= n && memcmp(x->t + start, word, n) == 0 &&
                    (start + n == end || !lex_is_word(x->t[start + n]));
        if (last) { // what stands behind the word on its line is code
            x->line_start = x->at;
            x->at = start + n;
            return;
        }
        x->at = eol ? end + 1 : end;
        x->line += eol != NULL;
    }
    x->line_start = x->at;
}

static void new_line(struct lex *x) { // at a '\n'
    x->at++;
    x->line++;
    x->line_start = x->at;
    if (x->heredoc_bytes)
        skip_heredoc(x);
}

// <<~WORD, <<-'WORD', <<WORD of Ruby, shells, Perl and PHP. `a << b` and `class << self` are none.
static void note_heredoc(struct lex *x) { // at the first '<'
    uint32_t at = x->at + 2;
    bool marked = false;
    char quote = 0;
    if (x->at + 3 >= x->n || x->t[x->at + 1] != '<')
        return;
    if (x->t[at] == '<' && x->lang == LANG_PHP)
        at++;
    if (x->t[at] == '-' || x->t[at] == '~') {
        marked = true;
        at++;
    }
    while (x->lang == LANG_BASH && at < x->n && x->t[at] == ' ')
        at++;
    if (at < x->n && (x->t[at] == '"' || x->t[at] == '\''))
        quote = x->t[at++];
    uint32_t start = at;
    while (at < x->n && lex_is_word(x->t[at]))
        at++;
    bool capital = at > start && x->t[start] >= 'A' && x->t[start] <= 'Z';
    if (at == start || (!marked && !quote && !capital && x->lang != LANG_BASH) ||
        (x->t[start] >= '0' && x->t[start] <= '9'))
        return;
    x->heredoc = start;
    x->heredoc_bytes = at - start;
}

static bool stands_alone(const struct lex *x, uint32_t start) {
    if (start - x->line_start > 200) // nobody indents that far; and lines may be endless
        return false;
    for (uint32_t i = x->line_start; i < start; i++)
        if (x->t[i] != ' ' && x->t[i] != '\t')
            return false;
    return true;
}

static void skip_line_comment(struct lex *x) {
    bool alone = stands_alone(x, x->at);
    lex_skip_line(x);
    if (alone) {
        x->doc_end = x->at;
        x->m->comment_lines++;
    }
}

static void skip_block_comment(struct lex *x) {
    bool alone = stands_alone(x, x->at);
    uint32_t first = x->line;
    x->at += 2;
    while (x->at < x->n) {
        char c = x->t[x->at];
        if (c == '\n') {
            new_line(x);
        } else if (c == '*' && x->at + 1 < x->n && x->t[x->at + 1] == '/') {
            x->at += 2;
            break;
        } else {
            x->at++;
        }
    }
    if (alone) {
        x->doc_end = x->at;
        x->m->comment_lines += x->line - first + 1;
    }
}

// Strings that may go over lines: `…` of JavaScript and Go, """…""", R"x(…)x", @"…", '…' of shells.
static bool spans_lines(const struct lex *x, char quote) {
    return quote == '`' || x->lang == LANG_BASH || x->lang == LANG_RUBY || x->lang == LANG_PERL ||
           x->lang == LANG_PHP || x->lang == LANG_RUST || x->lang == LANG_SQL;
}

static void skip_triple(struct lex *x, char quote) {
    x->at += 3;
    while (x->at < x->n) {
        char c = x->t[x->at];
        if (c == '\n') {
            new_line(x);
        } else if (c == '\\') {
            x->at++;
            if (x->at < x->n && x->t[x->at] != '\n')
                x->at++;
        } else if (c == quote && x->at + 2 < x->n && x->t[x->at + 1] == quote &&
                   x->t[x->at + 2] == quote) {
            x->at += 3;
            return;
        } else {
            x->at++;
        }
    }
}

void lex_skip_string(struct lex *x, char quote) {
    bool raw = quote == '`' && x->lang == LANG_GO, spans = spans_lines(x, quote);
    if (x->at + 2 < x->n && x->t[x->at + 1] == quote && x->t[x->at + 2] == quote &&
        (x->lang == LANG_PYTHON || x->lang == LANG_KOTLIN || x->lang == LANG_SWIFT ||
         x->lang == LANG_SCALA || x->lang == LANG_JAVA)) {
        skip_triple(x, quote);
        return;
    }
    x->at++;
    while (x->at < x->n) {
        char c = x->t[x->at];
        if (c == quote) {
            x->at++;
            return;
        }
        if (c == '\n') {
            if (!spans)
                return; // not closed: a mistake, or not a string
            new_line(x);
        } else if (c == '\\' && !raw) {
            x->at++;
            if (x->at < x->n && x->t[x->at] == '\n')
                new_line(x);
            else
                x->at++;
        } else {
            x->at++;
        }
    }
    x->at = x->n;
}

// R"x(…)x" of C++, r#"…"# of Rust: at the quote, `hashes` of them before it.
static void skip_raw(struct lex *x, char close, uint32_t from, uint32_t bytes) {
    const char *mark = x->t + from;
    while (x->at < x->n) {
        char c = x->t[x->at];
        if (c == '\n') {
            new_line(x);
            continue;
        }
        x->at++;
        if (c != close || x->n - x->at < bytes)
            continue;
        if (close == ')' && (x->n - x->at < bytes + 1 || x->t[x->at + bytes] != '"'))
            continue;
        if (memcmp(x->t + x->at, mark, bytes) == 0) {
            x->at += bytes + (close == ')');
            return;
        }
    }
}

static bool raw_string(struct lex *x, uint32_t word) { // a quote stands at x->at, a word before it
    if (x->lang == LANG_CPP && x->t[x->at - 1] == 'R' && x->at - word <= 3 && x->t[x->at] == '"') {
        uint32_t from = x->at + 1, at = from;
        while (at < x->n && at - from < 17 && x->t[at] != '(' && x->t[at] != '\n')
            at++;
        if (at >= x->n || x->t[at] != '(')
            return false;
        x->at = at + 1;
        skip_raw(x, ')', from, at - from);
        return true;
    }
    if (x->lang == LANG_RUST && (x->t[x->at - 1] == 'r') && x->at - word <= 2) {
        uint32_t from = x->at, at = from;
        while (at < x->n && at - from < 16 && x->t[at] == '#')
            at++;
        if (at >= x->n || x->t[at] != '"')
            return false;
        x->at = at + 1;
        skip_raw(x, '"', from, at - from);
        return true;
    }
    return false;
}

// 'a, 'static of Rust are lifetimes, 'x' and '\n' are characters.
static bool is_lifetime(const struct lex *x) {
    uint32_t at = x->at + 1;
    if (x->lang != LANG_RUST || at >= x->n || x->t[at] == '\\')
        return false;
    at++;
    while (at < x->n && ((unsigned char)x->t[at] & 0xC0) == 0x80)
        at++;
    return at < x->n && x->t[at] != '\'';
}

// A '/' after a value divides, elsewhere it begins a regular expression.
static bool skip_regex(struct lex *x) {
    uint32_t at = x->at + 1;
    bool set = false;
    bool ruby = x->lang == LANG_RUBY && x->at && x->t[x->at - 1] == ' ' && at < x->n &&
                x->t[at] != ' ' && x->t[at] != '=';
    if ((x->previous == LEX_WORD && !ruby) || x->previous == LEX_NUMBER ||
        x->previous == LEX_STRING || x->previous == ')' || x->previous == ']' || x->previous == '}')
        return false;
    for (; at < x->n && x->t[at] != '\n' && at - x->at < 1000; at++) {
        char c = x->t[at];
        if (c == '\\')
            at++;
        else if (c == '[')
            set = true;
        else if (c == ']')
            set = false;
        else if (c == '/' && !set) {
            x->at = at + 1;
            while (x->at < x->n && lex_is_word(x->t[x->at]))
                x->at++;
            return true;
        }
    }
    return false;
}

static bool has_slash_comments(enum lang lang) {
    return lang != LANG_PYTHON && lang != LANG_RUBY && lang != LANG_BASH && lang != LANG_PERL &&
           lang != LANG_LUA;
}

static bool skip_comment(struct lex *x, char c) {
    char next = x->at + 1 < x->n ? x->t[x->at + 1] : 0;
    if (c == '#' && is_hash_comment(x->lang)) {
        if (x->lang == LANG_PHP && next == '[')
            return false; // an attribute
        skip_line_comment(x);
        return true;
    }
    if (c == '#' && is_c(x->lang) && stands_alone(x, x->at)) {
        lex_directive(x);
        return true;
    }
    if (c == '-' || !has_slash_comments(x->lang)) {
        if (c != '-' || next != '-' || x->lang != LANG_LUA)
            return false;
        if (x->n - x->at > 3 && memcmp(x->t + x->at, "--[[", 4) == 0) {
            const char *end = memmem(x->t + x->at, x->n - x->at, "]]", 2);
            uint32_t to = end ? (uint32_t)(end - x->t) + 2 : x->n;
            while (x->at < to)
                if (x->t[x->at] == '\n')
                    new_line(x);
                else
                    x->at++;
            return true;
        }
        skip_line_comment(x);
        return true;
    }
    if (c == '/' && next == '/') {
        skip_line_comment(x);
        return true;
    }
    if (c == '/' && next == '*') {
        skip_block_comment(x);
        return true;
    }
    return false;
}

static struct lex_token word_token(struct lex *x) {
    struct lex_token t = {.start = x->at, .line = x->line, .kind = LEX_WORD};
    if (lex_classes[(unsigned char)x->t[x->at]] & LEX_IS_DIGIT)
        t.kind = LEX_NUMBER;
    while (x->at < x->n && lex_is_word(x->t[x->at]))
        x->at++;
    if (t.kind == LEX_WORD && x->at < x->n && (x->t[x->at] == '"' || x->t[x->at] == '#') &&
        raw_string(x, t.start))
        t.kind = LEX_STRING;
    t.end = x->at;
    return t;
}

struct lex_token lex_next(struct lex *x) {
    while (x->at < x->n) {
        char c = x->t[x->at];
        uint8_t is = lex_classes[(unsigned char)c];
        if (c == '\n') {
            new_line(x);
            continue;
        }
        if (is & LEX_IS_SPACE) {
            x->at++;
            continue;
        }
        struct lex_token t = {.start = x->at, .line = x->line, .kind = (uint8_t)c};
        if (is & (LEX_IS_WORD | LEX_IS_DIGIT)) {
            t = word_token(x);
        } else if (c == '"' || c == '`' || (c == '\'' && !is_lifetime(x))) {
            lex_skip_string(x, c);
            t.kind = LEX_STRING;
            t.end = x->at;
        } else if ((c == '/' || c == '#' || c == '-') && skip_comment(x, c)) {
            continue;
        } else if (c == '/' &&
                   ((x->lang >= LANG_JAVASCRIPT && x->lang <= LANG_TSX) || x->lang == LANG_RUBY) &&
                   skip_regex(x)) {
            t.kind = LEX_STRING;
            t.end = x->at;
        } else {
            if (c == '<' &&
                (x->lang == LANG_RUBY || x->lang == LANG_BASH || x->lang == LANG_PERL ||
                 x->lang == LANG_PHP) &&
                !x->heredoc_bytes)
                note_heredoc(x);
            if (c == '\\' && x->at + 1 < x->n && x->t[x->at + 1] == '\n') {
                x->at++;
                continue;
            }
            t.end = ++x->at;
        }
        x->previous = t.kind;
        return t;
    }
    return (struct lex_token){.start = x->n, .end = x->n, .line = x->line, .kind = LEX_END};
}

bool lex_skip_block(struct lex *x, char open, char close) {
    unsigned depth = 1;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return false;
        if (t.kind == (uint8_t)open)
            depth++;
        else if (t.kind == (uint8_t)close && --depth == 0)
            return true;
    }
}

bool lex_in(const struct lex *x, const struct lex_token *t, const char *const *words,
            size_t count) {
    for (size_t k = 0; k < count; k++)
        if (words[k][0] == x->t[t->start] && lex_is(x, t, words[k]))
            return true;
    return false;
}

bool lex_is_caps(const struct lex *x, const struct lex_token *t) {
    bool letter = false;
    for (uint32_t i = t->start; i < t->end; i++) {
        if (x->t[i] >= 'a' && x->t[i] <= 'z')
            return false;
        letter = letter || (x->t[i] >= 'A' && x->t[i] <= 'Z');
    }
    return letter;
}

static bool is_documented(const struct lex *x, uint32_t start) {
    unsigned breaks = 0;
    if (!x->doc_end || start < x->doc_end || start - x->doc_end > 400)
        return false;
    for (uint32_t i = x->doc_end; i < start; i++) {
        breaks += x->t[i] == '\n';
        if (breaks > 1 || !(lex_classes[(unsigned char)x->t[i]] & LEX_IS_SPACE || x->t[i] == '\n'))
            return false;
    }
    return true;
}

uint32_t lex_define(struct lex *x, const struct lex_definition *d) {
    struct fact_symbol f = {.name = make_name(x->m, d->name, d->n),
                            .scope = lex_symbol(x),
                            .start = d->start,
                            .end = d->end ? d->end : x->at,
                            .line = d->line,
                            .end_line = x->line < d->line ? d->line : x->line,
                            .kind = (uint8_t)d->kind,
                            .flags = d->flags};
    if (f.end > x->n)
        f.end = x->n;
    if (f.start > f.end)
        f.start = f.end;
    f.body = d->body >= f.start && d->body && d->body <= f.end ? d->body : f.end;
    if (is_documented(x, f.start))
        f.flags |= SYMBOL_DOCUMENTED;
    uint32_t index = make_symbol(x->m, &f);
    return index == UINT32_MAX ? 0 : index + 1;
}

void lex_open(struct lex *x, uint32_t symbol, uint32_t depth, uint8_t kind) {
    const struct lex_scope *around = lex_scope(x);
    if (x->depth == LEX_SCOPES_MAX)
        return;
    x->scopes[x->depth++] = (struct lex_scope){.symbol = symbol ? symbol : around->symbol,
                                               .depth = depth,
                                               .kind = kind,
                                               .hidden = around->hidden};
}

void lex_close(struct lex *x, uint32_t at, uint32_t line) {
    const struct lex_scope *s = lex_scope(x);
    if (x->depth <= 1)
        return;
    if (s->symbol && s->symbol != x->scopes[x->depth - 2].symbol) {
        struct fact_symbol *f = &x->m->symbols[s->symbol - 1];
        bool had_body = f->body < f->end;
        f->end = at > f->start ? at : f->start;
        f->end_line = line > f->line ? line : f->line;
        if (!had_body || f->body > f->end)
            f->body = f->end;
    }
    x->depth--;
}

void lex_import(struct lex *x, const char *module, size_t n, uint32_t line, bool local) {
    make_import(x->m, &(struct fact_import){
                          .module = make_name(x->m, module, n), .line = line, .local = local});
}

static void (*family(enum lang lang))(struct lex *) {
    switch (lang) {
    case LANG_C:
    case LANG_CPP:
    case LANG_JAVA:
    case LANG_CSHARP:
        return lex_c;
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        return lex_script;
    case LANG_GO:
    case LANG_RUST:
    case LANG_KOTLIN:
    case LANG_SWIFT:
    case LANG_SCALA:
    case LANG_PHP:
    case LANG_PERL:
        return lex_keyword;
    case LANG_PYTHON:
    case LANG_RUBY:
    case LANG_LUA:
        return lex_indent;
    case LANG_BASH:
    case LANG_MARKDOWN:
    case LANG_SQL:
    case LANG_CSS:
    case LANG_HTML:
    case LANG_MAKE:
    case LANG_CMAKE:
    case LANG_TOML:
        return lex_lines;
    default:
        return NULL;
    }
}

static bool is_header_path(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && (dot[1] == 'h' || dot[1] == 'H');
}

void make_from_part(struct maker *m, const char *path, uint32_t start, uint32_t end, uint32_t line,
                    uint32_t scope) {
    void (*read)(struct lex *) = family(m->lang);
    struct lex *x = read && !m->failed ? mem_zalloc(sizeof *x) : NULL;
    uint32_t comments = m->comment_lines;
    if (!x) {
        m->failed = read ? ERR_NOMEM : m->failed;
        return;
    }
    *x = (struct lex){.m = m, .t = m->text, .n = end, .at = start, .line = line, .lang = m->lang};
    x->path = path;
    x->is_header = is_header_path(path);
    x->depth = 1;
    x->line_start = start;
    x->scopes[0].symbol = scope;
    read(x);
    while (x->depth > 1)
        lex_close(x, x->n, x->line);
    m->comment_lines = comments;
    mem_free(x);
}

static uint32_t count_lines(const char *text, size_t bytes, uint32_t *ret_blank) {
    uint32_t lines = 1, blank = 0;
    for (const char *at = text, *end = text + bytes; at < end; lines++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol)
            break;
        blank += eol == at || (eol == at + 1 && *at == '\r');
        at = eol + 1;
    }
    *ret_blank = blank;
    return lines;
}

int facts_from_text(enum lang lang, const char *text, size_t bytes, const struct facts_options *o,
                    struct facts **ret, struct err *err) {
    static const struct facts_options none = {0};
    struct maker m;
    uint32_t blank;
    if (!o)
        o = &none;
    if (bytes > INT32_MAX)
        return err_set(err, ERR_LIMIT, "larger than 2 GB");
    make_start(&m, lang, text, bytes);
    m.lines = count_lines(text, bytes, &blank);
    m.flags |= utf_valid(text, bytes) ? 0 : FACTS_INVALID_UTF8;
    m.flags |= make_is_generated(text, bytes, m.lines) ? FACTS_GENERATED : 0;
    void (*read)(struct lex *) = family(lang);
    struct lex *x = read ? mem_zalloc(sizeof *x) : NULL;
    if (read && !x)
        m.failed = ERR_NOMEM;
    if (x && !m.failed) {
        *x = (struct lex){.m = &m, .t = text, .n = (uint32_t)bytes, .line = 1, .lang = lang};
        x->path = o->path ? o->path : "";
        x->is_header = is_header_path(x->path);
        x->depth = 1;
        read(x);
        uint32_t end = x->n, line = m.lines; // of what is still open: the last text there is
        while (end &&
               (x->t[end - 1] == '\n' || lex_classes[(unsigned char)x->t[end - 1]] == LEX_IS_SPACE))
            line -= x->t[--end] == '\n';
        while (x->depth > 1)
            lex_close(x, end, line);
    }
    mem_free(x);
    if (m.comment_lines > m.lines)
        m.comment_lines = m.lines;
    m.code_lines = m.lines > m.comment_lines + blank ? m.lines - m.comment_lines - blank : 0;
    if (!o->no_clones)
        make_clones(&m);
    if (!o->no_words)
        make_words(&m);
    int r = make_finish(&m, TIER_LEXICAL, ret, err);
    make_end(&m);
    return r;
}
