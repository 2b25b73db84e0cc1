// Languages whose definitions begin with a word: Go, Rust, Kotlin, Swift, Scala, PHP, Perl. Bodies
// of functions are passed over.
#include "core/code/lexical_impl.h"

#define IN(x, t, list) lex_in(x, t, list, sizeof(list) / sizeof *(list))

enum scope_kind { SCOPE_FILE, SCOPE_CLASS, SCOPE_FIELDS, SCOPE_VARIANTS };

static void forget(struct lex *x, const struct lex_token *t) { // reads `t` again
    x->at = t->start;
    x->line = t->line;
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

static void set_end(struct lex *x, uint32_t symbol, uint32_t body) {
    if (!symbol)
        return;
    struct fact_symbol *f = &x->m->symbols[symbol - 1];
    f->end = x->at > f->start ? x->at : f->start;
    f->end_line = x->line > f->line ? x->line : f->line;
    f->body = body && body < f->end ? body : f->end;
}

// From behind a name to the body's '{' (true, behind it) or the end of what has no body.
static bool find_body(struct lex *x, uint32_t line) {
    unsigned depth = 0;
    uint8_t previous = LEX_WORD;
    bool by_line = x->lang != LANG_RUST && x->lang != LANG_PHP && x->lang != LANG_PERL;
    for (;;) {
        struct lex_token t = lex_next(x);
        bool ends = t.kind == LEX_END || (depth == 0 && (t.kind == ';' || t.kind == '}'));
        if (by_line && depth == 0 && t.line > line && t.kind == LEX_WORD && previous != ',' &&
            previous != ':' && previous != '>' && previous != '=')
            ends = true; // the next line begins something else
        if (depth == 0 && t.kind == '=' && x->lang != LANG_RUST && x->lang != LANG_GO)
            ends = true; // fun f() = …
        if (ends) {
            if (t.kind != ';')
                forget(x, &t);
            return false;
        }
        if (t.kind == '(' || t.kind == '[')
            depth++;
        else if (t.kind == ')' || t.kind == ']')
            depth -= depth > 0;
        else if (t.kind == '{' && depth == 0) {
            // func f() interface{} { … }, struct{}: types of Go
            if (x->lang == LANG_GO && previous == 'T') {
                (void)lex_skip_block(x, '{', '}');
                previous = '}';
                continue;
            }
            return true;
        }
        previous = t.kind;
        if (x->lang == LANG_GO && t.kind == LEX_WORD &&
            (lex_is(x, &t, "interface") || lex_is(x, &t, "struct")))
            previous = 'T';
        if (t.kind == LEX_WORD && depth == 0)
            line = t.line;
    }
}

static void pass_function(struct lex *x, uint32_t symbol, uint32_t line) {
    uint32_t body = 0;
    if (find_body(x, line)) {
        body = x->at - 1;
        (void)lex_skip_block(x, '{', '}');
    } else if (symbol) {
        x->m->symbols[symbol - 1].flags |= SYMBOL_DECLARATION;
    }
    set_end(x, symbol, body);
}

static void open_class(struct lex *x, uint32_t symbol, enum scope_kind kind, uint32_t line) {
    if (!find_body(x, line)) {
        set_end(x, symbol, 0);
        return;
    }
    if (symbol)
        x->m->symbols[symbol - 1].body = x->at - 1;
    uint32_t depth = x->depth;
    lex_open(x, symbol, ++x->brace, (uint8_t)kind);
    if (x->depth > depth && symbol)
        x->m->symbols[symbol - 1].end = x->n; // until it is closed
}

static void close_brace(struct lex *x, const struct lex_token *t) {
    if (x->depth > 1 && lex_scope(x)->depth == x->brace)
        lex_close(x, t->end, t->line);
    x->brace -= x->brace > 0;
}

// --- Go

static uint8_t go_exported(const struct lex *x, const struct lex_token *t) {
    return x->t[t->start] >= 'A' && x->t[t->start] <= 'Z' ? SYMBOL_EXPORTED : 0;
}

static bool go_is_test(const struct lex *x, const struct lex_token *t) {
    static const char *const starts[] = {"Test", "Benchmark", "Fuzz", "Example"};
    size_t length = strlen(x->path), n = t->end - t->start;
    if (length && (length < 8 || strcmp(x->path + length - 8, "_test.go") != 0))
        return false;
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        size_t m = strlen(starts[k]);
        if (n >= m && memcmp(x->t + t->start, starts[k], m) == 0 &&
            !(n > m && x->t[t->start + m] >= 'a' && x->t[t->start + m] <= 'z'))
            return true;
    }
    return false;
}

static void go_function(struct lex *x, const struct lex_token *word) {
    struct lex_token t = lex_next(x);
    bool method = t.kind == '(';
    if (method) {
        (void)lex_skip_block(x, '(', ')');
        t = lex_next(x);
    }
    if (t.kind != LEX_WORD) {
        forget(x, &t);
        return;
    }
    enum symbol_kind kind = method              ? SYMBOL_METHOD
                            : go_is_test(x, &t) ? SYMBOL_TEST
                                                : SYMBOL_FUNCTION;
    uint8_t flags = go_exported(x, &t);
    if (!method && (lex_is(x, &t, "main") || lex_is(x, &t, "init")))
        flags |= SYMBOL_ENTRY;
    pass_function(x, define(x, &t, kind, flags, word->start), t.line);
}

// a, b type; a line with a type alone embeds it.
static void go_names(struct lex *x, struct lex_token t, enum symbol_kind kind, uint32_t start) {
    struct lex_token names[16];
    unsigned count = 0;
    uint32_t line = t.line;
    while (t.kind == LEX_WORD && count < 16) {
        names[count++] = t;
        t = lex_next(x);
        if (t.kind != ',')
            break;
        t = lex_next(x);
    }
    bool embedded =
        kind == SYMBOL_FIELD && count == 1 &&
        (t.line > line || t.kind == '.' || t.kind == '}' || t.kind == LEX_STRING || t.kind == ';');
    x->at = names[count - 1].end; // the caller passes over the rest
    x->line = names[count - 1].line;
    for (unsigned i = 0; i < count && !embedded; i++)
        if (!lex_is(x, &names[i], "_"))
            (void)define(x, &names[i], kind, go_exported(x, &names[i]), i ? names[i].start : start);
}

static void go_skip_value(struct lex *x, uint32_t line) { // to the end of the line, brackets whole
    unsigned depth = 0;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END ||
            (depth == 0 && (t.line > line || t.kind == ')' || t.kind == '}'))) {
            forget(x, &t);
            return;
        }
        if (t.kind == '(' || t.kind == '[' || t.kind == '{')
            depth++;
        else if (t.kind == ')' || t.kind == ']' || t.kind == '}')
            depth--;
        if (depth == 0)
            line = t.line;
        if (t.kind == ',' || t.kind == '+' || t.kind == '|' || t.kind == '=' || t.kind == '&' ||
            t.kind == '.')
            line++; // goes on behind it
    }
}

static void go_members(struct lex *x, bool interface) {
    uint32_t line = 0;
    unsigned depth = 1;
    while (depth) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (t.kind == '}') {
            depth--;
            line = t.line;
            continue;
        }
        if (t.kind == '{') {
            depth++;
            continue;
        }
        if (t.kind == '(') {
            (void)lex_skip_block(x, '(', ')');
            line = x->line;
            continue;
        }
        if (t.kind != LEX_WORD || t.line == line) {
            line = t.line;
            continue;
        }
        line = t.line;
        if (!interface) {
            go_names(x, t, SYMBOL_FIELD, t.start);
            continue;
        }
        struct lex_token next = lex_next(x);
        if (next.kind == '(' && depth == 1) {
            uint32_t symbol = define(x, &t, SYMBOL_METHOD,
                                     (uint8_t)(SYMBOL_DECLARATION | go_exported(x, &t)), t.start);
            (void)lex_skip_block(x, '(', ')');
            set_end(x, symbol, 0);
            line = x->line;
        } else {
            forget(x, &next);
        }
    }
}

static void go_type(struct lex *x, struct lex_token t, uint32_t start) {
    struct lex_token next = lex_next(x);
    if (next.kind == '[') { // type parameters, or an array
        (void)lex_skip_block(x, '[', ']');
        next = lex_next(x);
    }
    if (next.kind == '=')
        next = lex_next(x);
    bool is_struct = next.kind == LEX_WORD && lex_is(x, &next, "struct");
    bool interface = next.kind == LEX_WORD && lex_is(x, &next, "interface");
    if (!is_struct && !interface) {
        (void)define(x, &t, SYMBOL_TYPE, go_exported(x, &t), start);
        forget(x, &next);
        go_skip_value(x, t.line);
        return;
    }
    uint32_t symbol = define(x, &t, SYMBOL_CLASS, go_exported(x, &t), start);
    struct lex_token open = lex_next(x);
    if (open.kind != '{') {
        forget(x, &open);
        return;
    }
    lex_open(x, symbol, 0, SCOPE_FIELDS);
    go_members(x, interface);
    lex_close(x, x->at, x->line);
    if (symbol)
        x->m->symbols[symbol - 1].body = open.start;
}

static void go_group(struct lex *x, const struct lex_token *word, enum symbol_kind kind) {
    struct lex_token t = lex_next(x);
    if (t.kind == LEX_WORD) {
        if (kind == SYMBOL_TYPE) {
            go_type(x, t, word->start);
        } else {
            go_names(x, t, kind, word->start);
            go_skip_value(x, t.line);
        }
        return;
    }
    if (t.kind != '(')
        return;
    for (;;) {
        t = lex_next(x);
        if (t.kind == LEX_END || t.kind == ')')
            return;
        if (t.kind != LEX_WORD)
            continue;
        if (kind == SYMBOL_TYPE) {
            go_type(x, t, t.start);
        } else {
            go_names(x, t, kind, t.start);
            go_skip_value(x, t.line);
        }
    }
}

static void go_import(struct lex *x) {
    struct lex_token t = lex_next(x);
    bool group = t.kind == '(';
    do {
        if (group)
            t = lex_next(x);
        else if (t.kind == LEX_WORD || t.kind == '.')
            t = lex_next(x);
        if (t.kind == LEX_STRING && t.end - t.start > 2)
            lex_import(x, x->t + t.start + 1, t.end - t.start - 2, t.line, false);
    } while (group && t.kind != ')' && t.kind != LEX_END);
}

static void read_go(struct lex *x) {
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (t.kind == '{' && !lex_skip_block(x, '{', '}'))
            return;
        if (t.kind != LEX_WORD)
            continue;
        if (lex_is(x, &t, "func"))
            go_function(x, &t);
        else if (lex_is(x, &t, "type"))
            go_group(x, &t, SYMBOL_TYPE);
        else if (lex_is(x, &t, "const"))
            go_group(x, &t, SYMBOL_CONSTANT);
        else if (lex_is(x, &t, "var"))
            go_group(x, &t, SYMBOL_VARIABLE);
        else if (lex_is(x, &t, "import"))
            go_import(x);
    }
}

// --- the others

struct keyword {
    const char *word;
    uint8_t kind, scope; // scope of a class
};
static const struct keyword rust_words[] = {{"fn", SYMBOL_FUNCTION, 0},
                                            {"struct", SYMBOL_CLASS, SCOPE_FIELDS},
                                            {"enum", SYMBOL_CLASS, SCOPE_VARIANTS},
                                            {"union", SYMBOL_CLASS, SCOPE_FIELDS},
                                            {"trait", SYMBOL_CLASS, SCOPE_CLASS},
                                            {"mod", SYMBOL_NAMESPACE, SCOPE_FILE},
                                            {"const", SYMBOL_CONSTANT, 0},
                                            {"static", SYMBOL_VARIABLE, 0},
                                            {"type", SYMBOL_TYPE, 0},
                                            {"macro_rules", SYMBOL_MACRO, 0},
                                            {NULL, 0, 0}};
static const struct keyword kotlin_words[] = {{"fun", SYMBOL_FUNCTION, 0},
                                              {"class", SYMBOL_CLASS, SCOPE_CLASS},
                                              {"interface", SYMBOL_CLASS, SCOPE_CLASS},
                                              {"object", SYMBOL_CLASS, SCOPE_CLASS},
                                              {"val", SYMBOL_CONSTANT, 0},
                                              {"var", SYMBOL_VARIABLE, 0},
                                              {"typealias", SYMBOL_TYPE, 0},
                                              {NULL, 0, 0}};
static const struct keyword swift_words[] = {{"func", SYMBOL_FUNCTION, 0},
                                             {"class", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"struct", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"enum", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"protocol", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"extension", SYMBOL_NAMESPACE, SCOPE_CLASS},
                                             {"actor", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"let", SYMBOL_CONSTANT, 0},
                                             {"var", SYMBOL_VARIABLE, 0},
                                             {"typealias", SYMBOL_TYPE, 0},
                                             {NULL, 0, 0}};
static const struct keyword scala_words[] = {{"def", SYMBOL_FUNCTION, 0},
                                             {"class", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"trait", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"object", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"enum", SYMBOL_CLASS, SCOPE_CLASS},
                                             {"val", SYMBOL_CONSTANT, 0},
                                             {"var", SYMBOL_VARIABLE, 0},
                                             {"type", SYMBOL_TYPE, 0},
                                             {NULL, 0, 0}};
static const struct keyword php_words[] = {{"function", SYMBOL_FUNCTION, 0},
                                           {"class", SYMBOL_CLASS, SCOPE_CLASS},
                                           {"interface", SYMBOL_CLASS, SCOPE_CLASS},
                                           {"trait", SYMBOL_CLASS, SCOPE_CLASS},
                                           {"enum", SYMBOL_CLASS, SCOPE_CLASS},
                                           {"namespace", SYMBOL_NAMESPACE, SCOPE_FILE},
                                           {"const", SYMBOL_CONSTANT, 0},
                                           {NULL, 0, 0}};
static const struct keyword perl_words[] = {
    {"sub", SYMBOL_FUNCTION, 0}, {"package", SYMBOL_NAMESPACE, SCOPE_FILE}, {NULL, 0, 0}};

static const struct keyword *words_of(enum lang lang) {
    switch (lang) {
    case LANG_RUST:
        return rust_words;
    case LANG_KOTLIN:
        return kotlin_words;
    case LANG_SWIFT:
        return swift_words;
    case LANG_SCALA:
        return scala_words;
    case LANG_PHP:
        return php_words;
    default:
        return perl_words;
    }
}

struct items { // what stands before a keyword
    const struct keyword *words;
    uint32_t start;
    bool shown, hidden, test, fresh;
};

static uint8_t flags_of(const struct lex *x, const struct items *s) {
    if (x->lang == LANG_RUST)
        return s->shown ? SYMBOL_EXPORTED : 0;
    return s->hidden ? 0 : SYMBOL_EXPORTED;
}

// impl<T> Trait for a::Type<T> where … {
static void rust_impl(struct lex *x, struct items *s, const struct lex_token *word) {
    struct lex_token name = {0}, t;
    unsigned depth = 0;
    for (;;) {
        t = lex_next(x);
        if (t.kind == LEX_END || t.kind == ';')
            return;
        if (t.kind == '<')
            depth++;
        else if (t.kind == '>' && x->t[t.start - 1] != '-')
            depth -= depth > 0;
        else if (t.kind == '{' || (t.kind == LEX_WORD && lex_is(x, &t, "where")))
            break;
        else if (t.kind == LEX_WORD && depth == 0 && !lex_is(x, &t, "for") &&
                 !lex_is(x, &t, "dyn") && !lex_is(x, &t, "mut"))
            name = t;
    }
    forget(x, &t);
    if (!name.end)
        return;
    name.line = word->line;
    open_class(x, define(x, &name, SYMBOL_NAMESPACE, 0, s->start), SCOPE_CLASS, word->line);
}

static void rust_use(struct lex *x) {
    struct lex_token t = lex_next(x);
    uint32_t start = t.start, end = start, line = t.line;
    while (t.kind != ';' && t.kind != '{' && t.kind != LEX_END && t.kind != '*' &&
           !(t.kind == LEX_WORD && lex_is(x, &t, "as"))) {
        end = t.end;
        t = lex_next(x);
    }
    while (end > start && x->t[end - 1] == ':')
        end--;
    bool local = end - start >= 4 &&
                 (memcmp(x->t + start, "self", 4) == 0 || memcmp(x->t + start, "crat", 4) == 0 ||
                  memcmp(x->t + start, "supe", 4) == 0);
    if (end > start)
        lex_import(x, x->t + start, end - start, line, local);
    while (t.kind != ';' && t.kind != LEX_END)
        t = lex_next(x);
}

// False: the word stands before another keyword, `const fn`.
static bool read_item(struct lex *x, struct items *s, const struct keyword *k) {
    struct lex_token t = lex_next(x);
    uint8_t kind = k->kind, flags = flags_of(x, s);
    bool member = lex_scope(x)->kind == SCOPE_CLASS;
    if (kind == SYMBOL_MACRO ||
        (x->lang == LANG_RUST && t.kind == LEX_WORD && lex_is(x, &t, "mut")) ||
        (t.kind == '&' && x->lang == LANG_PHP))
        t = lex_next(x); // '!', mut, &
    if (x->lang == LANG_RUST && kind == SYMBOL_CONSTANT && t.kind == LEX_WORD &&
        (lex_is(x, &t, "fn") || lex_is(x, &t, "unsafe") || lex_is(x, &t, "extern"))) {
        forget(x, &t);
        return false;
    }
    if (x->lang == LANG_KOTLIN && t.kind == '<') { // fun <T> name
        (void)lex_skip_block(x, '<', '>');
        t = lex_next(x);
    }
    while (x->lang == LANG_KOTLIN && kind == SYMBOL_FUNCTION && x->at < x->n &&
           x->t[x->at] == '.') {
        (void)lex_next(x); // fun Type.name
        t = lex_next(x);
    }
    if (t.kind != LEX_WORD) {
        forget(x, &t);
        return true;
    }
    uint32_t end = t.end;
    while (kind == SYMBOL_NAMESPACE && x->at < x->n &&
           (x->t[x->at] == ':' || x->t[x->at] == '\\' || x->t[x->at] == '.')) {
        struct lex_token part = lex_next(x);
        end = part.end;
        if (x->at < x->n && lex_is_word(x->t[x->at]))
            end = lex_next(x).end;
    }
    struct lex_token name = t;
    name.end = end;
    switch (kind) {
    case SYMBOL_FUNCTION:
        if (member || lex_scope(x)->kind == SCOPE_FIELDS)
            kind = SYMBOL_METHOD;
        if (s->test)
            kind = SYMBOL_TEST;
        if (lex_is(x, &t, "main"))
            flags |= SYMBOL_ENTRY;
        pass_function(x, define(x, &name, kind, flags, s->start), t.line);
        break;
    case SYMBOL_MACRO: {
        uint32_t symbol = define(x, &name, kind, flags, s->start);
        pass_function(x, symbol, t.line);
        if (symbol)
            x->m->symbols[symbol - 1].flags &= (uint8_t)~SYMBOL_DECLARATION;
        break;
    }
    case SYMBOL_CLASS:
        open_class(x, define(x, &name, kind, flags, s->start), (enum scope_kind)k->scope, t.line);
        break;
    case SYMBOL_NAMESPACE:
        if (x->lang == LANG_RUST) {
            struct lex_token next = lex_next(x);
            forget(x, &next);
            if (next.kind == ';') {
                lex_import(x, x->t + t.start, t.end - t.start, t.line, true);
                break;
            }
        }
        open_class(x, define(x, &name, kind, flags, s->start), (enum scope_kind)k->scope, t.line);
        break;
    default:
        if (member && kind == SYMBOL_VARIABLE)
            kind = SYMBOL_FIELD;
        (void)define(x, &name, kind, flags, s->start);
    }
    return true;
}

// #[…] of Rust and PHP, @… of others; false when it is none.
static bool read_attribute(struct lex *x, struct items *s, const struct lex_token *t) {
    bool hash = x->lang == LANG_RUST || x->lang == LANG_PHP;
    if (t->kind == '@' && x->lang != LANG_RUST) {
        struct lex_token name = lex_next(x);
        s->test =
            s->test || (name.end - name.start >= 4 && memcmp(x->t + name.end - 4, "Test", 4) == 0);
        if (x->at < x->n && x->t[x->at] == '(') {
            (void)lex_next(x);
            (void)lex_skip_block(x, '(', ')');
        }
        return true;
    }
    if (t->kind != '#' || !hash)
        return false;
    struct lex_token open = lex_next(x);
    if (open.kind == '!')
        open = lex_next(x);
    if (open.kind == '[') {
        uint32_t from = x->at, end = from;
        (void)lex_skip_block(x, '[', ']');
        while (end < x->at && x->t[end] != '(' && x->t[end] != ']')
            end++;
        s->test = s->test || (end - from >= 4 && memcmp(x->t + end - 4, "test", 4) == 0);
        if (x->doc_end && x->doc_end <= t->start)
            x->doc_end = x->at;
    }
    s->fresh = true;
    return true;
}

static void reset(struct items *s, bool fresh) {
    s->fresh = fresh;
    s->shown = s->hidden = s->test = false;
}

// Words that go before a definition; true when `t` is one.
static bool read_modifier(struct lex *x, struct items *s, const struct lex_token *t) {
    static const char *const before[] = {
        "unsafe",   "async",       "extern",  "default",   "static",   "final",  "abstract",
        "open",     "override",    "inline",  "suspend",   "data",     "sealed", "inner",
        "lateinit", "const",       "public",  "internal",  "implicit", "lazy",   "mutating",
        "indirect", "readonly",    "case",    "companion", "operator", "infix",  "tailrec",
        "crate",    "fileprivate", "required"};
    if (lex_is(x, t, "pub")) {
        s->shown = true;
        if (x->at < x->n && x->t[x->at] == '(') {
            (void)lex_next(x);
            (void)lex_skip_block(x, '(', ')');
        }
    } else if (lex_is(x, t, "private") || lex_is(x, t, "protected")) {
        s->hidden = true;
    } else if (!IN(x, t, before)) {
        return false;
    }
    s->fresh = false;
    return true;
}

// Fields and variants: false when the word is neither.
static bool read_part(struct lex *x, struct items *s, const struct lex_token *t) {
    uint8_t inside = lex_scope(x)->kind;
    bool field = inside == SCOPE_FIELDS && x->at < x->n && x->t[x->at] == ':' &&
                 !(x->at + 1 < x->n && x->t[x->at + 1] == ':');
    bool variant = inside == SCOPE_VARIANTS && s->fresh;
    if (!field && !variant)
        return false;
    (void)define(x, t, variant ? SYMBOL_ENUMERATOR : SYMBOL_FIELD,
                 s->shown || variant ? SYMBOL_EXPORTED : 0, s->start);
    reset(s, false);
    return true;
}

static void read_word(struct lex *x, struct items *s, const struct lex_token *t) {
    bool rust = x->lang == LANG_RUST;
    uint8_t inside = lex_scope(x)->kind;
    const struct keyword *k = s->words;
    while (k->word && !lex_is(x, t, k->word))
        k++;
    if (rust && t->start && x->t[t->start - 1] == '\'')
        return; // 'static
    if (inside >= SCOPE_FIELDS && read_part(x, s, t))
        return;
    if (inside < SCOPE_FIELDS && rust && lex_is(x, t, "impl")) {
        rust_impl(x, s, t);
    } else if (rust && lex_is(x, t, "use")) {
        rust_use(x);
    } else if (inside < SCOPE_FIELDS && k->word) {
        if (!read_item(x, s, k)) {
            s->fresh = false; // const fn
            return;
        }
    } else if (read_modifier(x, s, t)) {
        return;
    } else if (inside >= SCOPE_FIELDS) {
        s->fresh = false;
        return;
    }
    reset(s, true);
}

static void read_bracket(struct lex *x, struct items *s, const struct lex_token *t) {
    uint8_t inside = lex_scope(x)->kind;
    switch (t->kind) {
    case '{':
        if (inside == SCOPE_VARIANTS) // fields of a variant
            lex_open(x, 0, ++x->brace, SCOPE_FIELDS);
        else if (x->lang == LANG_RUST && inside == SCOPE_FILE && !s->fresh) // extern "C" { … }
            lex_open(x, 0, ++x->brace, SCOPE_FILE);
        else
            (void)lex_skip_block(x, '{', '}');
        s->fresh = true;
        break;
    case '}':
        close_brace(x, t);
        reset(s, lex_scope(x)->kind != SCOPE_VARIANTS);
        break;
    case '(':
        (void)lex_skip_block(x, '(', ')');
        break;
    case ',':
    case ';':
        reset(s, true);
        break;
    default:
        if (t->kind != LEX_STRING && inside < SCOPE_FIELDS)
            s->fresh = true;
    }
}

static void read_words(struct lex *x) {
    struct items s = {.words = words_of(x->lang), .fresh = true};
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (s.fresh)
            s.start = t.start;
        if (read_attribute(x, &s, &t))
            continue;
        if (t.kind == LEX_WORD)
            read_word(x, &s, &t);
        else
            read_bracket(x, &s, &t);
    }
}

void lex_keyword(struct lex *x) {
    if (x->lang == LANG_GO)
        read_go(x);
    else
        read_words(x);
}
