// Python, Ruby and Lua, by lines: what begins a definition and how far it is indented. Scopes end
// with the next line that is indented no deeper (Python), or at the `end` under their first line.
#include "core/code/lexical_impl.h"

#define IN(x, t, list) lex_in(x, t, list, sizeof(list) / sizeof *(list))

enum scope_kind { SCOPE_FILE, SCOPE_CLASS, SCOPE_BODY };

static uint32_t column_of(const struct lex *x, uint32_t at) {
    uint32_t column = 0;
    for (uint32_t i = x->line_start; i < at; i++)
        column += x->t[i] == '\t' ? 8 - column % 8 : 1;
    return column;
}

static struct lex_token peek(struct lex *x) {
    uint32_t at = x->at, line = x->line, start = x->line_start, doc = x->doc_end,
             comments = x->m->comment_lines;
    struct lex_token t = lex_next(x);
    x->at = at;
    x->line = line;
    x->line_start = start;
    x->doc_end = doc;
    x->m->comment_lines = comments;
    return t;
}

static uint32_t define(struct lex *x, const struct lex_token *t, enum symbol_kind kind,
                       uint8_t flags, uint32_t start) {
    return lex_define(x, &(struct lex_definition){.kind = kind,
                                                  .flags = flags,
                                                  .start = start,
                                                  .line = t->line,
                                                  .name = x->t + t->start,
                                                  .n = t->end - t->start});
}

static void open_scope(struct lex *x, uint32_t symbol, uint32_t column, enum scope_kind kind) {
    uint32_t depth = x->depth;
    lex_open(x, symbol, column, (uint8_t)kind);
    if (x->depth > depth && symbol) {
        x->m->symbols[symbol - 1].body = x->at < x->n ? x->at : x->n;
        x->m->symbols[symbol - 1].end = x->n; // until it is closed
    }
}

// --- Python

static bool is_private(const struct lex *x, const struct lex_token *t) {
    return x->t[t->start] == '_';
}

static bool is_dunder(const struct lex *x, const struct lex_token *t) {
    return t->end - t->start > 4 && x->t[t->start] == '_' && x->t[t->start + 1] == '_' &&
           x->t[t->end - 1] == '_' && x->t[t->end - 2] == '_';
}

// Behind a definition's ':' of depth 0, or at the end of the logical line.
static void python_header(struct lex *x) {
    unsigned depth = 0;
    for (;;) {
        struct lex_token t = peek(x);
        if (t.kind == LEX_END)
            return;
        if (depth == 0 && t.kind == ':') {
            (void)lex_next(x);
            return;
        }
        if (t.kind == '(' || t.kind == '[' || t.kind == '{')
            depth++;
        else if (t.kind == ')' || t.kind == ']' || t.kind == '}')
            depth -= depth > 0;
        (void)lex_next(x);
    }
}

static void python_function(struct lex *x, uint32_t start, uint32_t column, bool decorated) {
    struct lex_token t = lex_next(x);
    const struct lex_scope *scope = lex_scope(x);
    bool member = scope->kind == SCOPE_CLASS, local = scope->kind == SCOPE_BODY;
    if (t.kind != LEX_WORD)
        return;
    enum symbol_kind kind = member ? SYMBOL_METHOD : SYMBOL_FUNCTION;
    size_t n = t.end - t.start;
    const char *name = x->t + t.start;
    uint8_t flags = !local && (is_dunder(x, &t) || !is_private(x, &t)) ? SYMBOL_EXPORTED : 0;
    if (!local &&
        ((n >= 5 && memcmp(name, "test_", 5) == 0) || (n == 4 && memcmp(name, "test", 4) == 0) ||
         (member && n > 4 && memcmp(name, "test", 4) == 0 && strstr(x->path, "test"))))
        kind = SYMBOL_TEST;
    if (decorated || (member && is_dunder(x, &t)) || (n == 4 && memcmp(name, "main", 4) == 0))
        flags |= SYMBOL_ENTRY;
    uint32_t symbol = define(x, &t, kind, flags, start);
    python_header(x);
    open_scope(x, symbol, column, SCOPE_BODY);
}

static void python_class(struct lex *x, uint32_t start, uint32_t column) {
    struct lex_token t = lex_next(x);
    bool local = lex_scope(x)->kind == SCOPE_BODY;
    if (t.kind != LEX_WORD)
        return;
    uint32_t symbol =
        define(x, &t, SYMBOL_CLASS, !local && !is_private(x, &t) ? SYMBOL_EXPORTED : 0, start);
    python_header(x);
    open_scope(x, symbol, column, SCOPE_CLASS);
}

static bool defined_before(struct lex *x, const struct lex_token *t) {
    uint32_t name = make_name(x->m, x->t + t->start, t->end - t->start), scope = lex_symbol(x);
    if (make_has_ref(x->m, name, REF_SEEN, scope))
        return true;
    make_ref(x->m, name, REF_SEEN, scope, t->line);
    return false;
}

static void python_variable(struct lex *x, const struct lex_token *t, uint32_t start) {
    bool member = lex_scope(x)->kind == SCOPE_CLASS;
    if (defined_before(x, t))
        return;
    uint8_t flags = !is_private(x, t) || is_dunder(x, t) ? SYMBOL_EXPORTED : 0;
    (void)define(x, t,
                 lex_is_caps(x, t) ? SYMBOL_CONSTANT
                 : member          ? SYMBOL_FIELD
                                   : SYMBOL_VARIABLE,
                 flags, start);
}

// a = …, a: type = …, a, b = …, a = b = … outside of functions.
static void python_assignment(struct lex *x, struct lex_token t) {
    struct lex_token names[16];
    unsigned count = 0;
    uint32_t start = t.start;
    while (t.kind == LEX_WORD && count < 16) {
        names[count++] = t;
        if (peek(x).line > t.line) // the next line is another statement
            return;
        t = lex_next(x);
        if (t.kind == '=' && x->at < x->n && x->t[x->at] != '=') {
            for (unsigned i = 0; i < count; i++)
                python_variable(x, &names[i], start);
            count = 0;
            t = peek(x); // a = b = …
            if (t.kind != LEX_WORD)
                return;
            t = lex_next(x);
            continue;
        }
        if (t.kind == ':' && count == 1) {
            static const char *const words[] = {"else", "try", "finally", "except"};
            if (IN(x, &names[0], words))
                return;
            python_variable(x, &names[0], start);
            return;
        }
        if (t.kind != ',')
            return;
        t = lex_next(x);
    }
}

static void python_import(struct lex *x, bool from, uint32_t line) {
    uint32_t at = x->at;
    while (at < x->n && x->t[at] == ' ')
        at++;
    for (;;) { // import a.b as c, d
        uint32_t start = at;
        while (at < x->n && (lex_is_word(x->t[at]) || x->t[at] == '.'))
            at++;
        if (at == start)
            break;
        lex_import(x, x->t + start, at - start, line, x->t[start] == '.');
        if (from)
            break;
        while (at < x->n && x->t[at] != ',' && x->t[at] != '\n')
            at++;
        if (at >= x->n || x->t[at] != ',')
            break;
        at++;
        while (at < x->n && x->t[at] == ' ')
            at++;
    }
    x->at = at;
}

// self.a = … in a method: a field of the class, once.
static void python_field(struct lex *x, uint32_t start) {
    uint32_t depth = x->depth;
    if (x->at >= x->n || x->t[x->at] != '.')
        return;
    (void)lex_next(x);
    struct lex_token t = lex_next(x), next = peek(x);
    bool sets = (next.kind == '=' && next.end < x->n && x->t[next.end] != '=') || next.kind == ':';
    while (depth > 1 && x->scopes[depth - 1].kind != SCOPE_CLASS)
        depth--;
    if (t.kind != LEX_WORD || !sets || next.line > t.line || depth <= 1)
        return;
    uint32_t scope = x->scopes[depth - 1].symbol;
    uint32_t name = make_name(x->m, x->t + t.start, t.end - t.start);
    if (make_has_ref(x->m, name, REF_SEEN, scope))
        return;
    make_ref(x->m, name, REF_SEEN, scope, t.line);
    uint32_t symbol = define(x, &t, SYMBOL_FIELD, is_private(x, &t) ? 0 : SYMBOL_EXPORTED, start);
    if (symbol)
        x->m->symbols[symbol - 1].scope = scope;
}

static void python_line(struct lex *x, struct lex_token t, uint32_t column, uint32_t *decorated) {
    while (x->depth > 1 && column <= lex_scope(x)->depth) {
        uint32_t end = t.start;
        while (end && strchr(" \t\r\n", x->t[end - 1]))
            end--;
        uint32_t back = 0;
        for (uint32_t i = end; i < t.start; i++)
            back += x->t[i] == '\n';
        lex_close(x, end, t.line - back);
    }
    uint32_t start = *decorated ? *decorated - 1 : t.start;
    bool was = *decorated != 0;
    *decorated = 0;
    if (t.kind == '@') {
        *decorated = start + 1;
        return;
    }
    if (t.kind != LEX_WORD)
        return;
    if (lex_is(x, &t, "async"))
        t = lex_next(x);
    if (lex_is(x, &t, "type") && peek(x).kind == LEX_WORD) {
        t = lex_next(x);
        if (lex_scope(x)->kind != SCOPE_BODY)
            (void)define(x, &t, SYMBOL_TYPE, SYMBOL_EXPORTED, start);
    } else if (lex_is(x, &t, "def"))
        python_function(x, start, column, was);
    else if (lex_is(x, &t, "class"))
        python_class(x, start, column);
    else if (lex_is(x, &t, "import"))
        python_import(x, false, t.line);
    else if (lex_is(x, &t, "from"))
        python_import(x, true, t.line);
    else if (lex_scope(x)->kind != SCOPE_BODY)
        python_assignment(x, t);
    else if (lex_is(x, &t, "self"))
        python_field(x, start);
}

static void read_python(struct lex *x) {
    unsigned depth = 0;
    uint32_t decorated = 0, line = 0;
    bool continued = false;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        bool fresh = depth == 0 && t.line > line && !continued;
        if (fresh && t.kind != LEX_STRING) {
            python_line(x, t, column_of(x, t.start), &decorated);
            line = x->line;
            if (t.kind == LEX_WORD || t.kind == '@')
                continue;
        }
        line = x->line;
        continued = t.kind == '\\';
        if (t.kind == '(' || t.kind == '[' || t.kind == '{')
            depth++;
        else if (t.kind == ')' || t.kind == ']' || t.kind == '}')
            depth -= depth > 0;
    }
}

// --- Ruby and Lua

static bool rest_of_name(const struct lex *x, uint32_t at) {
    return at < x->n &&
           (x->t[at] == '?' || x->t[at] == '!' ||
            (x->t[at] == '=' && at + 1 < x->n && (x->t[at + 1] == '(' || x->t[at + 1] == ' ')));
}

static void ruby_method(struct lex *x, uint32_t start, uint32_t column) {
    static const char operators[] = "+-*/%<>=!~^&|[]`";
    struct lex_token t = lex_next(x);
    bool singleton = false;
    while (x->at < x->n && x->t[x->at] == '.' && t.kind == LEX_WORD) {
        (void)lex_next(x);
        t = lex_next(x);
        singleton = true;
    }
    if (t.kind == LEX_WORD && rest_of_name(x, t.end)) {
        t.end++;
        x->at = t.end;
    } else if (t.kind != LEX_WORD && strchr(operators, t.kind)) {
        while (t.end < x->n && strchr(operators, x->t[t.end]) && x->t[t.end])
            t.end++;
        x->at = t.end;
    } else if (t.kind != LEX_WORD) {
        return;
    }
    bool member = lex_scope(x)->kind == SCOPE_CLASS;
    uint8_t flags = lex_scope(x)->access ? 0 : SYMBOL_EXPORTED;
    enum symbol_kind kind = member || singleton ? SYMBOL_METHOD : SYMBOL_FUNCTION;
    if (member && t.end - t.start > 5 && memcmp(x->t + t.start, "test_", 5) == 0)
        kind = SYMBOL_TEST;
    uint32_t symbol = define(x, &t, kind, flags, start);
    // def a = 1 and def a; end are whole in their line
    uint32_t at = x->at;
    while (at < x->n && x->t[at] == ' ')
        at++;
    const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
    uint32_t end = eol ? (uint32_t)(eol - x->t) : x->n;
    bool closed = end - x->at >= 5 && memmem(x->t + x->at, end - x->at, "; end", 5);
    if (at < end && x->t[at] == '(') {
        const char *close = memchr(x->t + at, ')', end - at);
        at = close ? (uint32_t)(close - x->t) + 1 : at;
        while (at < end && x->t[at] == ' ')
            at++;
    }
    bool endless = at + 1 < end && x->t[at] == '=' && x->t[at + 1] == ' ';
    if (closed || endless) {
        if (symbol)
            x->m->symbols[symbol - 1].end = end;
        lex_skip_line(x);
        return;
    }
    open_scope(x, symbol, column, SCOPE_BODY);
}

static void ruby_class(struct lex *x, uint32_t start, uint32_t column, bool module) {
    struct lex_token t = lex_next(x);
    if (t.kind == '<') { // class << self
        lex_skip_line(x);
        open_scope(x, 0, column, SCOPE_CLASS);
        return;
    }
    if (t.kind != LEX_WORD)
        return;
    while (x->at + 1 < x->n && x->t[x->at] == ':' && x->t[x->at + 1] == ':') {
        (void)lex_next(x);
        (void)lex_next(x);
        t = lex_next(x);
    }
    uint32_t symbol =
        define(x, &t, module ? SYMBOL_NAMESPACE : SYMBOL_CLASS, SYMBOL_EXPORTED, start);
    const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
    uint32_t end = eol ? (uint32_t)(eol - x->t) : x->n;
    if (end - x->at >= 5 && memmem(x->t + x->at, end - x->at, "; end", 5)) {
        lex_skip_line(x);
        return;
    }
    open_scope(x, symbol, column, SCOPE_CLASS);
}

static void ruby_attributes(struct lex *x, uint32_t start,
                            enum symbol_kind kind) { // attr_reader :a, :b
    bool first = true, bracket = x->at < x->n && x->t[x->at] == '(';
    if (bracket)
        (void)lex_next(x);
    for (;;) {
        struct lex_token t = peek(x);
        if (t.kind == LEX_STRING) {
            (void)lex_next(x);
            t.start++;
            t.end--;
        } else if (t.kind == ':') {
            (void)lex_next(x);
            t = lex_next(x);
            if (t.kind != LEX_WORD)
                return;
            if (rest_of_name(x, t.end) && x->t[t.end] != '=')
                x->at = ++t.end;
        } else {
            return;
        }
        if (t.end > t.start)
            (void)define(x, &t, kind, lex_scope(x)->access ? 0 : SYMBOL_EXPORTED,
                         first ? start : t.start);
        first = false;
        if (kind != SYMBOL_FIELD || peek(x).kind != ',')
            return;
        (void)lex_next(x);
    }
}

static void ruby_test(struct lex *x, const struct lex_token *word, uint32_t column) {
    uint32_t at = x->at;
    while (at < x->n && (x->t[at] == ' ' || x->t[at] == '('))
        at++;
    const char *eol = memchr(x->t + at, '\n', x->n - at);
    uint32_t end = eol ? (uint32_t)(eol - x->t) : x->n;
    while (end > at && (x->t[end - 1] == ' ' || x->t[end - 1] == '\r'))
        end--;
    bool opens = end - at > 3 && (memcmp(x->t + end - 3, " do", 3) == 0 || x->t[end - 1] == '{');
    bool whole = !opens && end > at && x->t[end - 1] == '}' && memchr(x->t + at, '{', end - at);
    if ((!opens && !whole) || at >= end)
        return;
    struct lex_token name = {.start = at, .end = at, .line = word->line, .kind = LEX_WORD};
    char quote = x->t[at];
    if (quote == '"' || quote == '\'') {
        uint32_t to = at + 1;
        while (to < end && x->t[to] != quote)
            to += x->t[to] == '\\' ? 2 : 1;
        name.start = at + 1;
        name.end = to < end ? to : end;
    } else {
        if (quote == ':')
            name.start = ++at;
        while (at < end && (lex_is_word(x->t[at]) || x->t[at] == ':' || x->t[at] == '.'))
            at++;
        if (at < end && (x->t[at] == '?' || x->t[at] == '!'))
            at++;
        name.end = at;
    }
    if (name.end <= name.start)
        return;
    uint32_t symbol = define(x, &name, SYMBOL_TEST, 0, word->start);
    lex_skip_line(x);
    if (opens)
        open_scope(x, symbol, column, lex_scope(x)->kind == SCOPE_BODY ? SCOPE_BODY : SCOPE_FILE);
}

static void ruby_constant(struct lex *x, const struct lex_token *t) {
    struct lex_token next = peek(x);
    char c = x->t[t->start];
    if (c < 'A' || c > 'Z' || next.kind != '=' || next.line != t->line ||
        (next.end < x->n && strchr("=~>", x->t[next.end])))
        return;
    const char *value = x->t + next.end;
    size_t left = x->n - next.end;
    while (left && *value == ' ') {
        value++;
        left--;
    }
    bool is_class =
        left > 11 && (memcmp(value, "Struct.new", 10) == 0 || memcmp(value, "Class.new", 9) == 0 ||
                      memcmp(value, "Data.define", 11) == 0);
    (void)define(x, t, is_class ? SYMBOL_CLASS : SYMBOL_CONSTANT,
                 lex_scope(x)->access ? 0 : SYMBOL_EXPORTED, t->start);
}

// @a = … once for each class
static void ruby_field(struct lex *x, const struct lex_token *at_sign) {
    uint32_t start = at_sign->start;
    struct lex_token t = lex_next(x);
    if (t.kind == '@')
        t = lex_next(x);
    struct lex_token next = peek(x);
    bool assigns = next.kind == '=' && next.end < x->n && !strchr("=~>", x->t[next.end]);
    if (t.kind != LEX_WORD || !assigns)
        return;
    uint32_t depth = x->depth;
    while (depth > 1 && x->scopes[depth - 1].kind != SCOPE_CLASS)
        depth--;
    if (depth <= 1)
        return;
    struct lex_token name = {.start = start, .end = t.end, .line = t.line, .kind = LEX_WORD};
    uint32_t pooled = make_name(x->m, x->t + start, t.end - start),
             scope = x->scopes[depth - 1].symbol;
    if (make_has_ref(x->m, pooled, REF_SEEN, scope))
        return;
    make_ref(x->m, pooled, REF_SEEN, scope, t.line);
    uint32_t symbol = define(x, &name, SYMBOL_FIELD, 0, start);
    if (symbol)
        x->m->symbols[symbol - 1].scope = scope;
}

static void ruby_word(struct lex *x, struct lex_token t, uint32_t column) {
    static const char *const attributes[] = {"attr_accessor", "attr_reader", "attr_writer", "attr"};
    static const char *const makers[] = {"define_method", "scope", "alias_method"};
    static const char *const tests[] = {"describe", "context",  "it",      "specify", "test",
                                        "feature",  "scenario", "example", "should"};
    static const char *const hides[] = {"private", "protected", "public", "module_function"};
    uint32_t start = t.start;
    if (IN(x, &t, hides)) {
        struct lex_token next = peek(x);
        if (next.line > t.line) {
            lex_scope(x)->access = !lex_is(x, &t, "public") && !lex_is(x, &t, "module_function");
            return;
        }
        if (next.kind != LEX_WORD)
            return;
        t = lex_next(x); // private def a
    }
    if (lex_is(x, &t, "RSpec") && x->at < x->n && x->t[x->at] == '.') {
        (void)lex_next(x);
        t = lex_next(x);
        t.start = start;
        if (x->n - x->at > 1 && memcmp(x->t + t.end - 8, "describe", 8) == 0)
            ruby_test(x, &t, column);
        return;
    }
    bool body = lex_scope(x)->kind == SCOPE_BODY;
    if (lex_is(x, &t, "def")) {
        ruby_method(x, start, column);
    } else if (lex_is(x, &t, "class") || lex_is(x, &t, "module")) {
        ruby_class(x, start, column, x->t[t.start] == 'm');
    } else if (!body && IN(x, &t, attributes)) {
        ruby_attributes(x, start, SYMBOL_FIELD);
    } else if (!body && IN(x, &t, makers)) {
        ruby_attributes(x, start, SYMBOL_METHOD);
    } else if (IN(x, &t, tests)) {
        ruby_test(x, &t, column);
    } else if (lex_is(x, &t, "require") || lex_is(x, &t, "require_relative")) {
        struct lex_token next = peek(x);
        if (next.kind == LEX_STRING && next.end - next.start > 2)
            lex_import(x, x->t + next.start + 1, next.end - next.start - 2, t.line,
                       t.end - t.start > 7);
    } else if (!body) {
        ruby_constant(x, &t);
    }
}

static void lua_word(struct lex *x, struct lex_token t, uint32_t column) {
    uint32_t start = t.start;
    bool local = lex_is(x, &t, "local");
    if (local)
        t = lex_next(x);
    if (!lex_is(x, &t, "function"))
        return;
    t = lex_next(x);
    bool method = false;
    while (t.kind == LEX_WORD && x->at < x->n && (x->t[x->at] == '.' || x->t[x->at] == ':')) {
        (void)lex_next(x);
        t = lex_next(x);
        method = true;
    }
    if (t.kind != LEX_WORD)
        return;
    uint32_t symbol =
        define(x, &t, method ? SYMBOL_METHOD : SYMBOL_FUNCTION, local ? 0 : SYMBOL_EXPORTED, start);
    const char *eol = memchr(x->t + x->at, '\n', x->n - x->at);
    uint32_t end = eol ? (uint32_t)(eol - x->t) : x->n;
    if (end - x->at > 4 && memmem(x->t + x->at, end - x->at, " end", 4))
        return;
    open_scope(x, symbol, column, SCOPE_BODY);
}

static void end_scopes(struct lex *x, const struct lex_token *t, uint32_t column) {
    bool end = t->kind == LEX_WORD && lex_is(x, t, "end");
    bool brace = t->kind == '}';
    while (x->depth > 1 &&
           (column < lex_scope(x)->depth || ((end || brace) && column == lex_scope(x)->depth))) {
        bool here = column == lex_scope(x)->depth;
        lex_close(x, here ? t->end : t->start, here ? t->line : t->line - (t->line > 1));
        if (here)
            break;
    }
}

static void read_ended(struct lex *x) {
    uint32_t line = 0;
    bool ruby = x->lang == LANG_RUBY;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        // =begin … =end
        if (ruby && t.kind == '=' && t.start == x->line_start && x->n - t.start > 6 &&
            memcmp(x->t + t.start, "=begin", 6) == 0) {
            const char *end = memmem(x->t + t.start, x->n - t.start, "\n=end", 5);
            uint32_t to = end ? (uint32_t)(end - x->t) + 5 : x->n;
            for (; x->at < to; x->at++)
                x->line += x->t[x->at] == '\n';
            continue;
        }
        if (ruby && t.kind == LEX_WORD && lex_is(x, &t, "__END__") && t.start == x->line_start)
            return;
        if (t.line > line) {
            uint32_t column = column_of(x, t.start);
            end_scopes(x, &t, column);
            if (t.kind == LEX_WORD) {
                if (ruby)
                    ruby_word(x, t, column);
                else
                    lua_word(x, t, column);
            } else if (ruby && t.kind == '@') {
                ruby_field(x, &t);
            }
        } else if (ruby && t.kind == '@') {
            ruby_field(x, &t);
        }
        line = x->line;
    }
}

void lex_indent(struct lex *x) {
    if (x->lang == LANG_PYTHON)
        read_python(x);
    else
        read_ended(x);
}
