// What can be read line by line: shells, documents, make, CMake, SQL, style sheets, HTML, TOML.
#include "core/code/lexical_impl.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

struct span {
    uint32_t at, end;
};

static struct span this_line(const struct lex *x) {
    const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
    struct span s = {x->at, eol ? (uint32_t)(eol - x->t) : x->n};
    while (s.at < s.end && is_space(x->t[s.at]))
        s.at++;
    while (s.end > s.at && is_space(x->t[s.end - 1]))
        s.end--;
    return s;
}

static void next_line(struct lex *x) {
    lex_skip_line(x);
    if (x->at < x->n) {
        x->at++;
        x->line++;
    }
    x->line_start = x->at;
}

static uint32_t define(struct lex *x, uint32_t start, uint32_t name, uint32_t name_end,
                       uint32_t end, enum symbol_kind kind, uint8_t flags) {
    return lex_define(x, &(struct lex_definition){.kind = kind,
                                                  .flags = flags,
                                                  .start = start,
                                                  .end = end,
                                                  .line = x->line,
                                                  .name = x->t + name,
                                                  .n = name_end - name});
}

static uint32_t word_end(const struct lex *x, uint32_t at, uint32_t end) {
    while (at < end &&
           (lex_is_word(x->t[at]) || x->t[at] == '-' || x->t[at] == '.' || x->t[at] == ':'))
        at++;
    return at;
}

static bool starts(const struct lex *x, struct span s, const char *with) {
    size_t n = strlen(with);
    return s.end - s.at >= n && memcmp(x->t + s.at, with, n) == 0;
}

static bool seen(struct lex *x, uint32_t name, uint32_t end) {
    uint32_t pooled = make_name(x->m, x->t + name, end - name);
    if (make_has_ref(x->m, pooled, REF_SEEN, 0))
        return true;
    make_ref(x->m, pooled, REF_SEEN, 0, x->line);
    return false;
}

// --- Markdown, reStructuredText: a section holds what follows up to one of its level.

static void open_section(struct lex *x, uint32_t start, uint32_t name, uint32_t end,
                         uint32_t level) {
    while (x->depth > 1 && lex_scope(x)->depth >= level)
        lex_close(x, start, x->line - (x->line > 1));
    while (end > name && (x->t[end - 1] == '#' || is_space(x->t[end - 1])))
        end--;
    uint32_t symbol = define(x, start, name, end, end, SYMBOL_SECTION, SYMBOL_EXPORTED),
             depth = x->depth;
    lex_open(x, symbol, level, 0);
    if (x->depth > depth && symbol) {
        x->m->symbols[symbol - 1].body = end;
        x->m->symbols[symbol - 1].end = x->n;
    }
}

static bool is_rule(const struct lex *x, struct span s) { // =====, -----
    if (s.end - s.at < 3 || !strchr("=-~^\"'*+#", x->t[s.at]))
        return false;
    for (uint32_t i = s.at; i < s.end; i++)
        if (x->t[i] != x->t[s.at])
            return false;
    return true;
}

static void read_document(struct lex *x) {
    bool fenced = false;
    char levels[8] = {0}; // of underlines, in order of appearance
    const char *dot = strrchr(x->path, '.');
    bool rst = dot && strcmp(dot, ".rst") == 0;
    struct span before = {0, 0};
    uint32_t before_line = 0;
    for (; x->at < x->n; next_line(x)) {
        struct span s = this_line(x);
        if (starts(x, s, "```") || starts(x, s, "~~~"))
            fenced = !fenced;
        if (fenced && !rst)
            continue;
        uint32_t hashes = s.at;
        while (hashes < s.end && x->t[hashes] == '#')
            hashes++;
        if (!rst && hashes > s.at && hashes - s.at <= 6 && hashes < s.end &&
            is_space(x->t[hashes])) {
            uint32_t name = hashes;
            while (name < s.end && is_space(x->t[name]))
                name++;
            open_section(x, s.at, name, s.end, hashes - s.at);
        } else if (is_rule(x, s) && before.end > before.at && before_line + 1 == x->line &&
                   (rst ? s.end - s.at >= before.end - before.at
                        : x->t[s.at] == '=' ||
                              (x->t[s.at] == '-' && before.end - before.at < 80))) {
            uint32_t level = 0;
            while (level < 7 && levels[level] && levels[level] != x->t[s.at])
                level++;
            levels[level] = x->t[s.at];
            if (!rst)
                level = x->t[s.at] == '=' ? 0 : 1;
            uint32_t line = x->line--; // the title stands on the line before
            open_section(x, before.at, before.at, before.end, level + 1);
            x->line = line;
            before.end = before.at;
            continue;
        }
        before = is_rule(x, s) ? (struct span){0, 0} : s;
        before_line = x->line;
    }
}

// --- shells

static void shell_function(struct lex *x, uint32_t start, uint32_t name, uint32_t end) {
    bool test = end - name > 5 && memcmp(x->t + name, "test_", 5) == 0;
    uint32_t symbol =
        define(x, start, name, end, end, test ? SYMBOL_TEST : SYMBOL_FUNCTION,
               SYMBOL_EXPORTED |
                   (end - name == 4 && memcmp(x->t + name, "main", 4) == 0 ? SYMBOL_ENTRY : 0));
    uint32_t depth = x->depth;
    // name() { …; } in one line
    const char *eol = memchr(x->t + end, '\n', x->n - end);
    uint32_t to = eol ? (uint32_t)(eol - x->t) : x->n;
    while (to > end && is_space(x->t[to - 1]))
        to--;
    if (symbol && to > end && (x->t[to - 1] == '}' || x->t[to - 1] == ')') &&
        memchr(x->t + end, '{', to - end)) {
        x->m->symbols[symbol - 1].end = to;
        return;
    }
    lex_open(x, symbol, start - x->line_start, 1);
    if (x->depth > depth && symbol) {
        x->m->symbols[symbol - 1].body = end;
        x->m->symbols[symbol - 1].end = x->n;
    }
}

static bool shell_definition(struct lex *x, struct span s) {
    uint32_t name = s.at;
    bool word = starts(x, s, "function ") || starts(x, s, "function\t");
    if (word) {
        name += 9;
        while (name < s.end && is_space(x->t[name]))
            name++;
    }
    uint32_t end = word_end(x, name, s.end), at = end;
    if (end == name)
        return false;
    while (at < s.end && is_space(x->t[at]))
        at++;
    bool brackets = at + 1 < s.end && x->t[at] == '(' && x->t[at + 1] == ')';
    if (!brackets && !(word && (at == s.end || x->t[at] == '{' || x->t[at] == '(')))
        return false;
    shell_function(x, s.at, name, end);
    return true;
}

static void shell_line(struct lex *x, struct span s) {
    static const char *const words[] = {"export ", "readonly ", "declare ", "typeset "};
    uint32_t start = s.at;
    uint32_t column = s.at - x->line_start;
    bool exported = starts(x, s, "export "),
         constant = starts(x, s, "readonly ") || starts(x, s, "declare -r");
    if (x->depth > 1 && column <= lex_scope(x)->depth && s.at < s.end &&
        (x->t[s.at] == '}' || x->t[s.at] == ')')) {
        lex_close(x, s.at + 1, x->line);
        return;
    }
    if (shell_definition(x, s))
        return;
    if (starts(x, s, "source ") || starts(x, s, ". ")) {
        uint32_t at = s.at + (x->t[s.at] == '.' ? 2 : 7), end;
        while (at < s.end && is_space(x->t[at]))
            at++;
        if (at < s.end && (x->t[at] == '"' || x->t[at] == '\''))
            at++;
        for (end = at; end < s.end && !strchr("\"' ;|&", x->t[end]);)
            end++;
        lex_import(x, x->t + at, end - at, x->line, true);
        return;
    }
    if (starts(x, s, "@test ")) {
        uint32_t at = s.at + 6;
        while (at < s.end && x->t[at] != '"' && x->t[at] != '\'')
            at++;
        uint32_t end = at + 1;
        while (end < s.end && x->t[end] != x->t[at])
            end++;
        if (end < s.end) {
            uint32_t depth = x->depth, symbol = define(x, start, at + 1, end, end, SYMBOL_TEST, 0);
            lex_open(x, symbol, column, 1);
            if (x->depth > depth && symbol)
                x->m->symbols[symbol - 1].end = x->n;
        }
        return;
    }
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (starts(x, s, words[k])) {
            s.at += (uint32_t)strlen(words[k]);
            while (s.at + 1 < s.end && x->t[s.at] == '-') { // options
                while (s.at < s.end && !is_space(x->t[s.at]))
                    s.at++;
                while (s.at < s.end && is_space(x->t[s.at]))
                    s.at++;
            }
        }
    uint32_t end = s.at;
    while (end < s.end && lex_is_word(x->t[end]))
        end++;
    bool assigns =
        end > s.at && end < s.end &&
        (x->t[end] == '=' || (x->t[end] == '+' && end + 1 < s.end && x->t[end + 1] == '=')) &&
        !(x->t[s.at] >= '0' && x->t[s.at] <= '9');
    if (assigns && x->depth == 1) {
        uint32_t at = end + 1; // VAR=x command sets it for the command alone
        char quote = 0;
        while (at < s.end && (quote || !is_space(x->t[at]))) {
            if (quote ? x->t[at] == quote : x->t[at] == '"' || x->t[at] == '\'')
                quote = quote ? 0 : x->t[at];
            else if (!quote && (x->t[at] == '$' || x->t[at] == '('))
                at = s.end - 1;
            at++;
        }
        while (at < s.end && is_space(x->t[at]))
            at++;
        bool alone =
            at >= s.end || x->t[at] == '#' || x->t[at] == ';' || x->t[at] == '&' || x->t[at] == '|';
        if (alone && !seen(x, s.at, end))
            (void)define(x, start, s.at, end, s.end, constant ? SYMBOL_CONSTANT : SYMBOL_VARIABLE,
                         exported ? SYMBOL_EXPORTED : 0);
    }
}

// << WORD on this line: the lines up to WORD are data.
static void skip_here(struct lex *x, struct span s) {
    for (uint32_t i = s.at; i + 2 < s.end; i++) {
        if (x->t[i] != '<' || x->t[i + 1] != '<' || x->t[i + 2] == '<' ||
            (i && x->t[i - 1] == '<') || (i && x->t[i - 1] == '('))
            continue;
        uint32_t at = i + 2;
        while (at < s.end && (x->t[at] == '-' || is_space(x->t[at]) || x->t[at] == '"' ||
                              x->t[at] == '\'' || x->t[at] == '\\'))
            at++;
        uint32_t word = at;
        while (at < s.end && lex_is_word(x->t[at]))
            at++;
        uint32_t n = at - word;
        if (!n || (x->t[word] >= '0' && x->t[word] <= '9'))
            continue;
        for (next_line(x); x->at < x->n; next_line(x)) {
            struct span l = this_line(x);
            if (l.end - l.at == n && memcmp(x->t + l.at, x->t + word, n) == 0)
                return;
        }
        return;
    }
}

// A string that is not closed on its line goes on, and so does what is in it.
static char open_quote(const struct lex *x, struct span s, char quote) {
    for (uint32_t i = s.at; i < s.end; i++) {
        char c = x->t[i];
        if (c == '\\' && quote != '\'')
            i++;
        else if (quote) {
            if (c == quote)
                quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '#' && (i == s.at || is_space(x->t[i - 1]))) {
            break;
        }
    }
    return quote;
}

static void read_shell(struct lex *x) {
    char quote = 0;
    for (; x->at < x->n; next_line(x)) {
        struct span s = this_line(x);
        if (!quote && s.at < s.end && x->t[s.at] == '#') {
            x->doc_end = s.end;
            x->m->comment_lines++;
            continue;
        }
        if (!quote)
            shell_line(x, s);
        quote = open_quote(x, s, quote);
        if (!quote)
            skip_here(x, s);
    }
}

// --- make, CMake, TOML

static void read_make(struct lex *x) {
    for (; x->at < x->n; next_line(x)) {
        if (x->t[x->at] == '\t')
            continue;
        struct span s = this_line(x);
        uint32_t end = s.at;
        if (s.at < s.end && x->t[s.at] == '#') {
            x->doc_end = s.end;
            x->m->comment_lines++;
            continue;
        }
        while (end < s.end && (lex_is_word(x->t[end]) || strchr("-./%", x->t[end])))
            end++;
        uint32_t at = end;
        while (at < s.end && is_space(x->t[at]))
            at++;
        if (end == s.at || at >= s.end)
            continue;
        bool sets = x->t[at] == '=' || ((x->t[at] == ':' || x->t[at] == '?' || x->t[at] == '+') &&
                                        at + 1 < s.end && x->t[at + 1] == '=');
        if (sets && !seen(x, s.at, end))
            (void)define(x, s.at, s.at, end, s.end, SYMBOL_VARIABLE, SYMBOL_EXPORTED);
        else if (!sets && x->t[at] == ':' && x->t[s.at] != '.')
            (void)define(x, s.at, s.at, end, s.end, SYMBOL_FUNCTION, SYMBOL_EXPORTED);
    }
}

static void read_cmake(struct lex *x) {
    static const struct {
        const char *word;
        uint8_t kind;
    } words[] = {{"function(", SYMBOL_FUNCTION},       {"macro(", SYMBOL_MACRO},
                 {"add_library(", SYMBOL_CLASS},       {"add_executable(", SYMBOL_CLASS},
                 {"add_custom_target(", SYMBOL_CLASS}, {"option(", SYMBOL_VARIABLE},
                 {"add_test(NAME ", SYMBOL_TEST},      {"set(", SYMBOL_VARIABLE}};
    for (; x->at < x->n; next_line(x)) {
        struct span s = this_line(x);
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            if (!starts(x, s, words[k].word))
                continue;
            uint32_t name = s.at + (uint32_t)strlen(words[k].word), end;
            while (name < s.end && is_space(x->t[name]))
                name++;
            end = word_end(x, name, s.end);
            if (end > name && !(words[k].kind == SYMBOL_VARIABLE && seen(x, name, end)))
                (void)define(x, s.at, name, end, s.end, (enum symbol_kind)words[k].kind,
                             SYMBOL_EXPORTED);
            break;
        }
    }
}

static void read_toml(struct lex *x) {
    for (; x->at < x->n; next_line(x)) {
        struct span s = this_line(x);
        uint32_t end = s.at + 1;
        if (s.at >= s.end || x->t[s.at] != '[')
            continue;
        while (end < s.end && x->t[end] == '[')
            end++;
        uint32_t name = end;
        while (end < s.end && x->t[end] != ']')
            end++;
        if (end < s.end && end > name)
            (void)define(x, s.at, name, end, s.end, SYMBOL_SECTION, SYMBOL_EXPORTED);
    }
}

// --- SQL, style sheets, HTML

static bool same_word(const struct lex *x, const struct lex_token *t, const char *lower) {
    size_t n = strlen(lower);
    if (t->end - t->start != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((x->t[t->start + i] | 0x20) != lower[i])
            return false;
    return true;
}

static void read_sql(struct lex *x) {
    static const struct {
        const char *word;
        uint8_t kind;
    } things[] = {{"table", SYMBOL_CLASS},       {"view", SYMBOL_CLASS},
                  {"function", SYMBOL_FUNCTION}, {"procedure", SYMBOL_FUNCTION},
                  {"trigger", SYMBOL_FUNCTION},  {"index", SYMBOL_VARIABLE},
                  {"type", SYMBOL_TYPE},         {"schema", SYMBOL_NAMESPACE},
                  {"sequence", SYMBOL_VARIABLE}};
    bool creating = false;
    uint32_t start = 0;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (t.kind == '-' && x->at < x->n && x->t[x->at] == '-') {
            lex_skip_line(x);
            continue;
        }
        if (t.kind == ';')
            creating = false;
        if (t.kind != LEX_WORD)
            continue;
        if (same_word(x, &t, "create")) {
            creating = true;
            start = t.start;
            continue;
        }
        for (size_t k = 0; creating && k < sizeof things / sizeof *things; k++) {
            if (!same_word(x, &t, things[k].word))
                continue;
            t = lex_next(x);
            while (t.kind == LEX_WORD &&
                   (same_word(x, &t, "if") || same_word(x, &t, "not") ||
                    same_word(x, &t, "exists") || same_word(x, &t, "concurrently")))
                t = lex_next(x);
            while (x->at < x->n && x->t[x->at] == '.') { // schema.name
                (void)lex_next(x);
                t = lex_next(x);
            }
            uint32_t quote = t.kind == LEX_STRING && t.end - t.start > 2;
            if (t.kind == LEX_WORD || quote)
                (void)lex_define(x,
                                 &(struct lex_definition){.kind = (enum symbol_kind)things[k].kind,
                                                          .flags = SYMBOL_EXPORTED,
                                                          .start = start,
                                                          .line = t.line,
                                                          .name = x->t + t.start + quote,
                                                          .n = t.end - t.start - 2 * quote});
            creating = false;
        }
    }
}

// .name and #name of selectors: before a '{', outside of blocks.
static void read_css(struct lex *x) {
    unsigned depth = 0;
    for (; x->at < x->n; x->at++) {
        char c = x->t[x->at];
        if (c == '\n') {
            x->line++;
            x->line_start = x->at + 1;
        } else if (c == '/' && x->at + 1 < x->n && x->t[x->at + 1] == '*') {
            const char *end = memmem(x->t + x->at + 2, x->n - x->at - 2, "*/", 2);
            uint32_t to = end ? (uint32_t)(end - x->t) + 1 : x->n - 1;
            for (; x->at < to; x->at++)
                x->line += x->t[x->at] == '\n';
        } else if (c == '{') {
            depth++;
        } else if (c == '}') {
            depth -= depth > 0;
        } else if ((c == '.' || c == '#') && depth == 0 && x->at + 1 < x->n &&
                   lex_is_word(x->t[x->at + 1]) &&
                   !(x->t[x->at + 1] >= '0' && x->t[x->at + 1] <= '9')) {
            uint32_t end = x->at + 1;
            while (end < x->n && (lex_is_word(x->t[end]) || x->t[end] == '-'))
                end++;
            if (!seen(x, x->at, end))
                (void)define(x, x->at, x->at, end, end, SYMBOL_CLASS, SYMBOL_EXPORTED);
            x->at = end - 1;
        }
    }
}

static void read_html(struct lex *x) {
    for (; x->at < x->n; next_line(x)) {
        struct span s = this_line(x);
        for (uint32_t i = s.at; i + 5 < s.end; i++) {
            char quote = x->t[i + 4];
            if (memcmp(x->t + i, " id=", 4) != 0 || (quote != '"' && quote != '\''))
                continue;
            uint32_t name = i + 5, end = name;
            while (end < s.end && x->t[end] != quote)
                end++;
            if (end < s.end && end > name && end - name < 80 && !seen(x, name, end))
                (void)define(x, i + 1, name, end, end + 1, SYMBOL_VARIABLE, SYMBOL_EXPORTED);
            i = end;
        }
    }
}

void lex_lines(struct lex *x) {
    switch (x->lang) {
    case LANG_MARKDOWN:
        read_document(x);
        break;
    case LANG_BASH:
        read_shell(x);
        break;
    case LANG_MAKE:
        read_make(x);
        break;
    case LANG_CMAKE:
        read_cmake(x);
        break;
    case LANG_TOML:
        read_toml(x);
        break;
    case LANG_SQL:
        read_sql(x);
        break;
    case LANG_CSS:
        read_css(x);
        break;
    default:
        read_html(x);
    }
}
