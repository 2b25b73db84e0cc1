// JavaScript and TypeScript: functions are values here, so bodies are read too. What brackets stand
// open is kept with what each belongs to; a name that something is assigned to waits until it is
// known whether that is a function.
#include "core/code/lexical_impl.h"

#define IN(x, t, list) lex_in(x, t, list, sizeof(list) / sizeof *(list))

enum { BRACKETS_MAX = 512 };
enum bracket_kind { IN_FILE, IN_BLOCK, IN_BODY, IN_CLASS, IN_TYPE, IN_ENUM, IN_OBJECT, IN_LIST };

struct candidate { // a name that a function may be assigned to
    uint32_t start, end, line, statement;
    uint32_t symbol; // 1 + index, when it is one already
    uint8_t kind;    // of the symbol if it is a function
    uint8_t flags;
};
struct bracket {
    uint8_t kind, close;
    bool scope, arrow_ready; // arrow_ready: its ')' may be followed by =>
    bool function;           // inside of a function
    struct candidate candidate;
    uint32_t declaration; // line of `const`, `let`, `var` whose names go on behind commas; 0 none
    bool constant;
};
struct script {
    struct lex *x;
    struct bracket stack[BRACKETS_MAX];
    uint32_t depth, lost; // lost: brackets deeper than that
    struct lex_token prev, prev2;
    struct candidate candidate; // after '=' or ':'
    struct candidate arrow;     // of the list that was closed last
    uint32_t pending;           // symbol whose '{' is awaited
    uint32_t pending_depth;
    uint8_t pending_kind;
    uint32_t statement; // start of what is being read
    bool fresh;         // at the beginning of a statement or member
    bool exported, test;
    bool label; // behind `case` or `default`, up to its ':'
    uint32_t test_start, test_line;
};

static struct bracket *top(struct script *s) {
    return &s->stack[s->depth];
}

static bool in_function(struct script *s) {
    return top(s)->function;
}

static uint32_t define(struct script *s, const struct lex_token *t, uint8_t kind, uint8_t flags,
                       uint32_t start) {
    const char *name = s->x->t + t->start;
    size_t n = t->end - t->start;
    if (t->kind == LEX_STRING && n > 2) {
        name++;
        n -= 2;
    }
    return lex_define(s->x, &(struct lex_definition){.kind = (enum symbol_kind)kind,
                                                     .flags = flags,
                                                     .start = start,
                                                     .line = t->line,
                                                     .name = name,
                                                     .n = n});
}

static void await_body(struct script *s, uint32_t symbol, uint8_t kind) {
    s->pending = symbol;
    s->pending_depth = s->depth;
    s->pending_kind = kind;
}

static uint32_t become_function(struct script *s, const struct candidate *c) {
    struct lex_token t = {.start = c->start, .end = c->end, .line = c->line, .kind = LEX_WORD};
    if (s->x->t[c->start] == '"' || s->x->t[c->start] == '\'')
        t.kind = LEX_STRING;
    if (!c->end)
        return 0;
    if (!c->symbol)
        return define(s, &t, c->kind, c->flags, c->statement);
    s->x->m->symbols[c->symbol - 1].kind = c->kind;
    return c->symbol;
}

// --- brackets

static bool is_object_brace(struct script *s) {
    static const char *const words[] = {"return", "default", "in", "of", "yield", "await", "case"};
    uint8_t k = s->prev.kind;
    if (k == LEX_WORD)
        return IN(s->x, &s->prev, words);
    if (k == ':' && s->label)
        return false;
    return k == '=' || k == '(' || k == ',' || k == ':' || k == '[' || k == '?' || k == '&' ||
           k == '|' || k == '.';
}

static void push_bracket(struct script *s, uint8_t kind, uint8_t close) {
    bool function = top(s)->function;
    if (s->depth + 1 == BRACKETS_MAX) {
        s->lost++;
        return;
    }
    s->stack[++s->depth] = (struct bracket){.kind = kind, .close = close, .function = function};
}

static void open_brace(struct script *s, const struct lex_token *t) {
    struct lex *x = s->x;
    bool arrow = s->prev.kind == '>' && s->prev2.kind == '=';
    bool waits = s->pending_kind && s->pending_depth == s->depth;
    if (waits && s->pending && x->m->symbols[s->pending - 1].kind == SYMBOL_TYPE &&
        s->prev.kind != '=') { // type A = B & { … }: nobody's members
        push_bracket(s, IN_LIST, '}');
    } else if (waits) {
        uint8_t kind = s->pending_kind;
        uint32_t symbol = s->pending;
        s->pending_kind = 0;
        push_bracket(s, kind, '}');
        if (symbol && x->m->symbols[symbol - 1].body == x->m->symbols[symbol - 1].end) {
            struct fact_symbol *f = &x->m->symbols[symbol - 1];
            f->body = t->start;
            f->end = t->start;
            f->flags &= (uint8_t)~SYMBOL_DECLARATION;
        }
        if (symbol) {
            uint32_t depth = x->depth;
            lex_open(x, symbol, 0, 0);
            if (symbol && x->depth > depth) {
                x->m->symbols[symbol - 1].end = x->n; // until it is closed
                top(s)->scope = true;
            }
        }
        top(s)->function = kind == IN_BODY ? true : false;
    } else if (arrow) {
        push_bracket(s, IN_BODY, '}');
        top(s)->function = true;
    } else {
        push_bracket(s, is_object_brace(s) ? IN_OBJECT : IN_BLOCK, '}');
        s->label = false;
        if (s->prev.kind == ')' && s->stack[s->depth - 1].kind != IN_FILE)
            top(s)->function = true;
    }
    s->fresh = true;
}

static void close_bracket(struct script *s, const struct lex_token *t) {
    struct lex *x = s->x;
    if (s->lost) {
        s->lost--;
        return;
    }
    // A bracket that does not fit is a mistake of the text, or of ours: brackets of its kind count.
    uint32_t at = s->depth;
    while (at && s->stack[at].close != t->kind)
        at--;
    if (!at || (t->kind != '}' && at != s->depth))
        return;
    for (; s->depth >= at && s->depth; s->depth--)
        if (top(s)->scope) {
            lex_close(x, t->end, t->line);
        }
    struct bracket *was = &s->stack[at];
    s->arrow = (struct candidate){0};
    if (t->kind == ')' && was->arrow_ready)
        s->arrow = was->candidate;
    if (s->pending_kind && s->pending_depth > s->depth)
        s->pending_kind = 0;
    s->candidate = (struct candidate){0};
    s->fresh = t->kind == '}' && was->kind != IN_OBJECT;
}

static void open_list(struct script *s, const struct lex_token *t) {
    struct candidate c = s->candidate;
    bool direct = s->prev.kind == '=' || s->prev.kind == ':' || s->prev.kind == '>' ||
                  (s->prev.kind == LEX_WORD && lex_is(s->x, &s->prev, "async"));
    push_bracket(s, IN_LIST, t->kind == '(' ? ')' : ']');
    top(s)->candidate = direct ? c : (struct candidate){0};
    top(s)->arrow_ready = direct && c.end;
    s->candidate = (struct candidate){0};
    s->fresh = false;
}

// --- words

static struct lex_token peek(struct script *s) {
    struct lex *x = s->x;
    uint32_t at = x->at, line = x->line, start = x->line_start, doc = x->doc_end,
             previous = x->previous, comments = x->m->comment_lines;
    struct lex_token t = lex_next(x);
    x->at = at;
    x->line = line;
    x->line_start = start;
    x->doc_end = doc;
    x->previous = previous;
    x->m->comment_lines = comments;
    return t;
}

static uint8_t shown(struct script *s) {
    return s->exported ? SYMBOL_EXPORTED : 0;
}

static void read_function(struct script *s, const struct lex_token *word) {
    struct lex *x = s->x;
    struct lex_token t = peek(s);
    bool expression = !s->fresh;
    struct candidate c = s->candidate;
    s->candidate = (struct candidate){0};
    if (t.kind == '*') {
        (void)lex_next(x);
        t = peek(s);
    }
    if (expression) {
        if (t.kind == LEX_WORD)
            (void)lex_next(x);
        await_body(s, c.end ? become_function(s, &c) : 0, IN_BODY);
        return;
    }
    if (t.kind != LEX_WORD)
        return;
    (void)lex_next(x);
    (void)word;
    await_body(
        s, define(s, &t, SYMBOL_FUNCTION, (uint8_t)(shown(s) | SYMBOL_DECLARATION), s->statement),
        IN_BODY);
    s->fresh = false;
}

static void read_class(struct script *s, uint8_t kind, uint8_t inside, bool is_class) {
    struct lex *x = s->x;
    struct lex_token t = peek(s);
    struct candidate c = s->candidate;
    bool named = (t.kind == LEX_WORD && !lex_is(x, &t, "extends")) || t.kind == LEX_STRING;
    uint32_t symbol = 0;
    if (named) {
        (void)lex_next(x);
        struct lex_token end = t;
        while (kind == SYMBOL_NAMESPACE && peek(s).kind == '.') {
            (void)lex_next(x);
            end = lex_next(x);
        }
        struct lex_token whole = t;
        whole.end = end.end;
        if (!(is_class && c.end && !s->fresh))
            symbol = define(s, &whole, kind, shown(s), s->statement);
    }
    if (is_class && c.end && !s->fresh) {
        c.kind = SYMBOL_CLASS;
        symbol = become_function(s, &c);
    }
    s->candidate = (struct candidate){0};
    await_body(s, symbol, inside);
    s->fresh = false;
}

// const a = …, b = …: names of a declaration.
static void read_declarator(struct script *s, const struct lex_token *t, uint32_t start) {
    struct bracket *b = top(s);
    struct lex_token next = peek(s);
    struct candidate c = {.start = t->start,
                          .end = t->end,
                          .line = t->line,
                          .statement = start,
                          .kind = SYMBOL_FUNCTION,
                          .flags = shown(s)};
    bool valued = next.kind == '=' || next.kind == ':' || next.kind == ',' || next.kind == ';' ||
                  next.line > t->line || next.kind == LEX_END || next.kind == '!';
    if (!valued &&
        !(next.kind == LEX_WORD && (lex_is(s->x, &next, "of") || lex_is(s->x, &next, "in"))))
        return;
    if (next.kind == LEX_WORD && next.line == t->line)
        return; // for (const a of …)
    if (!b->function && b->kind != IN_LIST) {
        // const a = require("m") is an import
        const char *text = s->x->t + next.end;
        size_t left = s->x->n - next.end, skip = 0;
        while (skip < left && (text[skip] == ' ' || text[skip] == '\n' || text[skip] == '\t'))
            skip++;
        bool import =
            next.kind == '=' && left - skip > 8 && memcmp(text + skip, "require(", 8) == 0;
        if (!import)
            c.symbol =
                define(s, t, b->constant ? SYMBOL_CONSTANT : SYMBOL_VARIABLE, shown(s), start);
    }
    s->candidate = c;
}

static void read_declaration(struct script *s, bool constant) {
    struct bracket *b = top(s);
    struct lex_token t = peek(s);
    if (constant && t.kind == LEX_WORD && lex_is(s->x, &t, "enum"))
        return;
    b->declaration = s->x->line;
    b->constant = constant;
    s->fresh = false;
    if (t.kind != LEX_WORD)
        return;
    (void)lex_next(s->x);
    s->prev2 = s->prev;
    s->prev = t;
    read_declarator(s, &t, s->statement);
}

static bool is_test_word(struct script *s, const struct lex_token *t) {
    static const char *const names[] = {"it",        "test",      "describe", "suite",
                                        "specify",   "context",   "fit",      "xit",
                                        "xdescribe", "fdescribe", "bench"};
    return IN(s->x, t, names);
}

// function …, async …, (…) => …, x => … — or options in front of one.
static bool begins_function(const struct lex *x, uint32_t at) {
    while (at < x->n && (x->t[at] == ' ' || x->t[at] == '\n' || x->t[at] == '\t'))
        at++;
    if (at >= x->n)
        return false;
    if (x->t[at] == '(' || x->t[at] == '{')
        return true;
    if (x->n - at > 8 &&
        (memcmp(x->t + at, "function", 8) == 0 || memcmp(x->t + at, "async", 5) == 0))
        return true;
    while (at < x->n && lex_is_word(x->t[at]))
        at++;
    while (at < x->n && x->t[at] == ' ')
        at++;
    return at + 1 < x->n && x->t[at] == '=' && x->t[at + 1] == '>';
}

static void open_test(struct script *s) { // at the '(' just pushed
    struct lex_token t = peek(s);
    s->test = false;
    if (t.kind != LEX_STRING || t.end >= s->x->n || s->x->t[t.end] != ',' ||
        !begins_function(s->x, t.end + 1))
        return;
    t.line = s->test_line;
    uint32_t symbol = define(s, &t, SYMBOL_TEST, 0, s->test_start);
    uint32_t depth = s->x->depth;
    lex_open(s->x, symbol, 0, 0);
    if (symbol && s->x->depth > depth) {
        s->x->m->symbols[symbol - 1].body = t.end;
        s->x->m->symbols[symbol - 1].end = s->x->n;
        top(s)->scope = true;
    }
}

// --- members of classes, interfaces and objects

static bool is_modifier(struct script *s, const struct lex_token *t) {
    static const char *const words[] = {"public",   "private",  "protected", "static",
                                        "async",    "get",      "set",       "readonly",
                                        "abstract", "override", "declare",   "accessor"};
    struct lex_token next = peek(s);
    return IN(s->x, t, words) && (next.kind == LEX_WORD || next.kind == '*' || next.kind == '#' ||
                                  next.kind == '[' || next.kind == LEX_STRING);
}

// '<' of a generic method: is what follows its '>' a list?
static bool is_generic_list(const struct lex *x, uint32_t at) {
    unsigned depth = 0;
    for (uint32_t i = at; i < x->n && i - at < 300; i++) {
        depth += x->t[i] == '<';
        if (x->t[i] == '>' && i && x->t[i - 1] != '=' && --depth == 0)
            return i + 1 < x->n && x->t[i + 1] == '(';
        if (x->t[i] == ';' || x->t[i] == '{')
            return false;
    }
    return false;
}

static void read_member(struct script *s, struct lex_token t, bool is_private) {
    static const char *const statements[] = {"if",     "for",  "while",    "switch",
                                             "return", "with", "function", "catch"};
    struct lex *x = s->x;
    if (t.kind == LEX_WORD && IN(x, &t, statements)) {
        s->fresh = false;
        return;
    }
    struct bracket *b = top(s);
    struct lex_token next = peek(s);
    uint8_t flags = is_private ? 0 : SYMBOL_EXPORTED;
    bool optional = next.kind == '?' || next.kind == '!';
    uint8_t after = next.kind;
    if (optional && next.end < x->n)
        after = (uint8_t)x->t[next.end];
    if (after == '(' || (after == '<' && is_generic_list(x, optional ? next.end : next.start))) {
        if (b->kind == IN_OBJECT)
            flags = in_function(s) ? 0 : SYMBOL_EXPORTED;
        await_body(
            s, define(s, &t, SYMBOL_METHOD, (uint8_t)(flags | SYMBOL_DECLARATION), s->statement),
            IN_BODY);
    } else if (b->kind != IN_OBJECT && (after == '=' || after == ':' || after == ';' ||
                                        after == '}' || after == ',' || next.line > t.line)) {
        uint32_t symbol = define(s, &t, SYMBOL_FIELD, flags, s->statement);
        s->candidate = (struct candidate){.start = t.start,
                                          .end = t.end,
                                          .line = t.line,
                                          .symbol = symbol,
                                          .kind = SYMBOL_METHOD};
        if (b->kind == IN_TYPE)
            s->candidate = (struct candidate){0};
    } else if (b->kind == IN_OBJECT && after == ':') {
        s->candidate = (struct candidate){.start = t.start,
                                          .end = t.end,
                                          .line = t.line,
                                          .statement = t.start,
                                          .kind = SYMBOL_METHOD,
                                          .flags = in_function(s) ? 0 : SYMBOL_EXPORTED};
    }
    s->fresh = false;
}

// --- statements

static void read_import(struct script *s, bool export) {
    struct lex *x = s->x;
    uint32_t line = x->line;
    struct lex_token t = peek(s);
    if (t.kind == '(' || t.kind == '.' || (export && t.kind != '{' && t.kind != '*'))
        return;
    for (int step = 0; step < 400; step++) { // to the string that names the module
        t = peek(s);
        if (t.kind == ';' || t.kind == LEX_END || t.kind == '=' || t.kind == '(')
            return;
        if (export && t.line > line && t.kind == LEX_WORD && s->prev.kind == '}' &&
            !lex_is(x, &t, "from"))
            return;
        (void)lex_next(x);
        if (t.kind == LEX_STRING && t.end - t.start > 2) {
            const char *text = x->t + t.start + 1;
            lex_import(x, text, t.end - t.start - 2, line, *text == '.' || *text == '/');
            return;
        }
        if (export && t.kind == '}') {
            struct lex_token next = peek(s);
            if (next.kind != LEX_WORD || !lex_is(x, &next, "from"))
                return;
        }
    }
}

// exports.a = b; names something of the file, exports.a = 3 is something.
static bool is_plain_value(struct script *s, uint32_t at) {
    const struct lex *x = s->x;
    while (at < x->n && (x->t[at] == ' ' || x->t[at] == '\n' || x->t[at] == '\t'))
        at++;
    uint32_t start = at;
    while (at < x->n && lex_is_word(x->t[at]))
        at++;
    if (at == start)
        return false;
    size_t n = at - start;
    const char *word = x->t + start;
    if ((n == 8 && memcmp(word, "function", 8) == 0) || (n == 5 && memcmp(word, "async", 5) == 0) ||
        (n == 5 && memcmp(word, "class", 5) == 0))
        return true; // decided later
    while (at < x->n && (x->t[at] == ' ' || x->t[at] == '\t'))
        at++;
    return at >= x->n || x->t[at] == ';' || x->t[at] == '\n' || x->t[at] == '=';
}

static void after_member_access(struct script *s, const struct lex_token *t) { // a.b = …
    struct lex_token next = peek(s);
    if (next.kind != '=' || (next.end < s->x->n && s->x->t[next.end] == '=') || top(s)->declaration)
        return;
    const char *before = s->x->t + s->statement;
    size_t left = s->x->n - s->statement;
    bool exports = (left > 8 && memcmp(before, "exports.", 8) == 0) ||
                   (left > 15 && memcmp(before, "module.exports.", 15) == 0);
    s->candidate = (struct candidate){.start = t->start,
                                      .end = t->end,
                                      .line = t->line,
                                      .statement = s->statement,
                                      .kind = exports ? SYMBOL_FUNCTION : SYMBOL_METHOD,
                                      .flags = exports || !in_function(s) ? SYMBOL_EXPORTED : 0};
    if (!exports && lex_is(s->x, t, "exports") && left > 7 && memcmp(before, "module.", 7) == 0)
        s->candidate = (struct candidate){0};
    else if (exports && !in_function(s) && !is_plain_value(s, next.end))
        s->candidate.symbol = define(s, t, SYMBOL_VARIABLE, SYMBOL_EXPORTED, s->statement);
}

static bool read_keyword(struct script *s, const struct lex_token *t) {
    struct lex *x = s->x;
    bool typed = x->lang != LANG_JAVASCRIPT, fresh = s->fresh;
    struct lex_token next;
    if (lex_is(x, t, "function")) {
        read_function(s, t);
        return true;
    }
    if (lex_is(x, t, "class")) {
        next = peek(s);
        if (next.kind == LEX_WORD || next.kind == '{')
            read_class(s, SYMBOL_CLASS, IN_CLASS, true);
        return true;
    }
    if (!fresh)
        return false;
    if (lex_is(x, t, "const") || lex_is(x, t, "let") || lex_is(x, t, "var")) {
        read_declaration(s, t->end - t->start == 5);
        return true;
    }
    if (lex_is(x, t, "import")) {
        read_import(s, false);
        s->fresh = false;
        return true;
    }
    if (lex_is(x, t, "export")) {
        s->exported = true;
        read_import(s, true);
        return true; // still fresh
    }
    if (lex_is(x, t, "default") || lex_is(x, t, "async") || lex_is(x, t, "declare") ||
        lex_is(x, t, "abstract"))
        return peek(s).kind == LEX_WORD;
    next = peek(s);
    if (!typed || next.kind != LEX_WORD || next.line != t->line) {
        if (!(typed && next.kind == LEX_STRING && lex_is(x, t, "module")))
            return false;
    }
    if (lex_is(x, t, "interface"))
        read_class(s, SYMBOL_CLASS, IN_TYPE, false);
    else if (lex_is(x, t, "enum"))
        read_class(s, SYMBOL_CLASS, IN_ENUM, false);
    else if (lex_is(x, t, "namespace") || lex_is(x, t, "module"))
        read_class(s, SYMBOL_NAMESPACE, IN_BLOCK, false);
    else if (lex_is(x, t, "type"))
        read_class(s, SYMBOL_TYPE, IN_TYPE, false);
    else
        return false;
    return true;
}

static void read_word(struct script *s, const struct lex_token *t) {
    struct bracket *b = top(s);
    if (s->fresh && b->kind == IN_ENUM) {
        (void)define(s, t, SYMBOL_ENUMERATOR, 0, t->start);
        s->fresh = false;
        return;
    }
    if (s->fresh && (b->kind == IN_CLASS || b->kind == IN_TYPE || b->kind == IN_OBJECT)) {
        if (s->prev.kind != '#')
            s->statement =
                s->prev.kind == LEX_WORD && s->prev.line == t->line ? s->statement : t->start;
        if (t->kind == LEX_WORD && is_modifier(s, t))
            return;
        bool hidden = s->prev.kind == LEX_WORD &&
                      (lex_is(s->x, &s->prev, "private") || lex_is(s->x, &s->prev, "protected"));
        struct lex_token name = *t;
        if (s->prev.kind == '#' && s->prev.end == t->start)
            name.start = s->prev.start;
        read_member(s, name, hidden || name.start != t->start);
        return;
    }
    if (t->kind != LEX_WORD) {
        s->fresh = false;
        return;
    }
    if (s->prev.kind == '.') {
        after_member_access(s, t);
        s->fresh = false;
        return;
    }
    if (s->fresh)
        s->statement =
            s->exported ||
                    (s->prev.kind == LEX_WORD && s->prev.line == t->line &&
                     (lex_is(s->x, &s->prev, "async") || lex_is(s->x, &s->prev, "declare") ||
                      lex_is(s->x, &s->prev, "abstract") || lex_is(s->x, &s->prev, "default")))
                ? s->statement
                : t->start;
    if (s->fresh && (lex_is(s->x, t, "case") || lex_is(s->x, t, "default")))
        s->label = true;
    if (read_keyword(s, t))
        return;
    if (s->prev.kind == ',' && b->declaration && b->kind != IN_LIST) {
        read_declarator(s, t, t->start);
        return;
    }
    if (is_test_word(s, t)) {
        s->test = true;
        s->test_start = t->start;
        s->test_line = t->line;
    }
    if (lex_is(s->x, t, "require")) {
        struct lex_token next = peek(s);
        if (next.kind == '(' && next.end + 1 < s->x->n &&
            (s->x->t[next.end] == '"' || s->x->t[next.end] == '\'')) {
            const char *text = s->x->t + next.end + 1;
            const char *end = memchr(text, s->x->t[next.end], s->x->n - next.end - 1);
            if (end && end - text < 200)
                lex_import(s->x, text, (size_t)(end - text), t->line, *text == '.');
        }
    }
    // x => …: one parameter without brackets
    if (s->candidate.end && (s->prev.kind == '=' || s->prev.kind == ':' ||
                             (s->prev.kind == LEX_WORD && lex_is(s->x, &s->prev, "async"))))
        s->arrow = s->candidate;
    if (!lex_is(s->x, t, "async") && s->prev.kind != LEX_WORD)
        s->candidate =
            s->prev.kind == '=' || s->prev.kind == ':' ? (struct candidate){0} : s->candidate;
    s->fresh = false;
    s->exported = false;
}

// A line break ends a statement when what stands before it cannot go on.
static void line_break(struct script *s, const struct lex_token *t) {
    uint8_t k = s->prev.kind;
    struct bracket *b = top(s);
    bool ends = k == LEX_WORD || k == LEX_STRING || k == LEX_NUMBER || k == ')' || k == ']' ||
                k == '}' || k == '>' || k == '+' || k == '-';
    bool goes_on = t->kind != LEX_WORD && t->kind != '#' && t->kind != '@' &&
                   t->kind != LEX_STRING && !(t->kind == '*' && b->kind == IN_CLASS) &&
                   !(t->kind == '[' && b->kind != IN_BLOCK);
    if (k == '>' && s->prev2.kind == '=')
        ends = false;
    if (!ends || goes_on || b->kind == IN_LIST || b->kind == IN_OBJECT || s->fresh)
        return;
    if (s->pending_kind && s->pending_depth == s->depth && s->prev.kind == LEX_WORD &&
        s->pending_kind != IN_BODY)
        return; // class A\n{
    s->fresh = true;
    s->exported = false;
    b->declaration = 0;
    s->candidate = (struct candidate){0};
    if (s->pending_kind == IN_BODY && s->pending_depth == s->depth && t->kind != '{')
        s->pending_kind = 0; // a signature
}

static void arrow(struct script *s) {
    struct candidate c = s->arrow;
    s->arrow = (struct candidate){0};
    if (!c.end || top(s)->kind == IN_TYPE)
        return;
    uint32_t symbol = become_function(s, &c);
    struct lex_token next = peek(s);
    if (next.kind == '{')
        await_body(s, symbol, IN_BODY);
}

static void read_token(struct script *s, const struct lex_token *t) {
    struct lex *x = s->x;
    switch (t->kind) {
    case '{':
        open_brace(s, t);
        s->exported = false;
        break;
    case '(':
    case '[':
        open_list(s, t);
        if (s->test && t->kind == '(')
            open_test(s);
        break;
    case '}':
    case ')':
    case ']':
        close_bracket(s, t);
        break;
    case ';':
        s->fresh = true;
        s->exported = false;
        s->test = s->label = false;
        top(s)->declaration = 0;
        s->candidate = s->arrow = (struct candidate){0};
        if (s->pending_depth == s->depth)
            s->pending_kind = 0;
        break;
    case ',':
        s->candidate = s->arrow = (struct candidate){0};
        if (top(s)->kind == IN_OBJECT || top(s)->kind == IN_ENUM || top(s)->kind == IN_TYPE)
            s->fresh = true;
        break;
    case '=':
        if (x->at < x->n && x->t[x->at] == '>') {
            struct lex_token next = lex_next(x);
            s->prev = *t;
            arrow(s);
            s->prev2 = *t;
            s->prev = next;
            return;
        }
        break;
    case '@': // a decorator
        if (s->fresh) {
            (void)lex_next(x);
            while (x->at < x->n && x->t[x->at] == '.') {
                (void)lex_next(x);
                (void)lex_next(x);
            }
            if (x->at < x->n && x->t[x->at] == '(') {
                (void)lex_next(x);
                (void)lex_skip_block(x, '(', ')');
            }
            return;
        }
        break;
    case '#':
        break;
    case '*':
        break;
    case LEX_WORD:
    case LEX_STRING:
        read_word(s, t);
        break;
    case '.':
        s->fresh = false;
        break;
    default:
        s->fresh = s->fresh && t->kind != LEX_NUMBER;
        if (t->kind != ':' && t->kind != '.' && t->kind != '?' && t->kind != '!' &&
            t->kind != '<' && t->kind != '>' && t->kind != '|' && t->kind != '&')
            s->candidate = (struct candidate){0};
    }
    s->prev2 = s->prev;
    s->prev = *t;
}

void lex_script(struct lex *x) {
    struct script s = {.x = x, .fresh = true};
    uint32_t line = 1;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (t.line > line)
            line_break(&s, &t);
        read_token(&s, &t);
        line = x->line;
    }
}
