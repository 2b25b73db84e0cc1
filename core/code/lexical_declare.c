// What a run of tokens up to ';' or '{' declares, by its shape.
#include "core/code/lexical_c_impl.h"

// Index of the token behind the bracket that closes the one at `i`.
uint32_t lex_behind(const struct lex *x, uint32_t i, uint8_t open, uint8_t close) {
    unsigned depth = 0;
    for (; i < x->count; i++) {
        if (x->tokens[i].kind == open)
            depth++;
        else if (x->tokens[i].kind == close && --depth == 0)
            return i + 1;
    }
    return x->count;
}

static bool has_word(const struct lex *x, const char *word) {
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->tokens[i].kind == '(' || x->tokens[i].kind == '=')
            break;
        if (lex_has_word(x, i) && lex_is(x, &x->tokens[i], word))
            return true;
    }
    return false;
}

static bool is_type_word(const struct lex *x, uint32_t i) {
    static const char *const words[] = {
        "int",  "char",  "void",   "long",   "short",  "unsigned", "signed",   "float", "double",
        "bool", "const", "static", "inline", "extern", "volatile", "register", "auto"};
    return lex_has_word(x, i) && IN(x, &x->tokens[i], words);
}

static bool is_no_function(const struct lex *x, uint32_t i) {
    static const char *const words[] = {
        "__attribute__", "__attribute", "__declspec", "__asm__", "asm",        "alignas",
        "decltype",      "noexcept",    "throw",      "if",      "for",        "while",
        "switch",        "return",      "sizeof",     "defined", "_Alignas",   "_Static_assert",
        "static_assert", "requires",    "explicit",   "typeof",  "__typeof__", "__extension__"};
    return IN(x, &x->tokens[i], words);
}

// operator==, ~Foo, Foo::bar: where the name that ends before `i` begins.
static void take_name(const struct lex *x, uint32_t i, struct lex_shape *s) {
    s->name_end = i;
    s->name = i - 1;
    if (x->lang != LANG_CPP)
        return;
    for (uint32_t k = i; k-- > 0 && i - k <= 4;)
        if (lex_has_word(x, k) && lex_is(x, &x->tokens[k], "operator")) {
            s->name = k;
            return;
        }
    if (s->name && x->tokens[s->name - 1].kind == '~')
        s->name--;
}

bool lex_is_operator_name(const struct lex *x, uint32_t i) { // tokens before '('
    for (uint32_t k = i; k-- > 0 && i - k <= 4;)
        if (lex_has_word(x, k) && lex_is(x, &x->tokens[k], "operator"))
            return true;
    return false;
}

// int a GUARDED_BY(m): a macro behind what is declared, which has a type and a name already.
static bool is_suffix_macro(const struct lex *x, uint32_t i) {
    static const char *const more[] = {"const",  "static",  "inline",    "extern",  "struct",
                                       "enum",   "union",   "class",     "virtual", "typename",
                                       "public", "mutable", "constexpr", "volatile"};
    uint32_t words = 0;
    if (lex_is_managed(x) || i < 2 || !lex_is_caps(x, &x->tokens[i]) || !lex_has_word(x, i - 1) ||
        is_type_word(x, i - 1))
        return false;
    for (uint32_t k = 0; k < i; k++) {
        if (x->tokens[k].kind == '(')
            return false;
        words += lex_has_word(x, k) && !IN(x, &x->tokens[k], more);
    }
    return words >= 2;
}

// The parameter list of what is declared. Attributes look like calls, macros that stand in front
// have lists of their own: the last list wins unless a macro's name in capitals stands before it.
bool lex_find_shape(const struct lex *x, struct lex_shape *ret) {
    bool found = false;
    for (uint32_t i = 0; i < x->count; i++) {
        uint8_t kind = x->tokens[i].kind;
        if (kind == '<' && i && x->lang != LANG_C) { // template arguments
            uint32_t end = lex_behind(x, i, '<', '>');
            if (end < x->count || x->tokens[x->count - 1].kind == '>') {
                i = end - 1;
                continue;
            }
        }
        if (kind == '[' && x->lang != LANG_C)
            i = lex_behind(x, i, '[', ']') - 1;
        if (kind == '@' && lex_has_word(x, i + 1)) { // annotations
            i++;
            while (i + 2 < x->count && x->tokens[i + 1].kind == '.')
                i += 2;
            if (i + 1 < x->count && x->tokens[i + 1].kind == '(')
                i = lex_behind(x, i + 1, '(', ')') - 1;
            continue;
        }
        if (kind == '=' && !(x->lang == LANG_CPP && lex_is_operator_name(x, i)))
            break;
        if (kind != '(' || !i)
            continue;
        struct lex_shape s = {.list = i};
        uint32_t end = lex_behind(x, i, '(', ')');
        if (x->lang == LANG_CPP && lex_is_operator_name(x, i) && end < x->count &&
            x->tokens[end].kind == '(' && end == i + 2) { // operator()(…)
            take_name(x, i + 2, &s);
            s.list = end;
            end = lex_behind(x, end, '(', ')');
        } else if (x->lang == LANG_CPP && lex_is_operator_name(x, i)) {
            take_name(x, i, &s);
        } else if (!lex_has_word(x, i - 1) || (i + 1 < x->count && x->tokens[i + 1].kind == '*') ||
                   (i + 3 < x->count && lex_has_word(x, i + 1) && x->tokens[i + 2].kind == ')' &&
                    x->tokens[i + 3].kind == '(')) {
            // int (*name)(…), int (*name(int))(char), void *(*name)(…)
            uint32_t k = i + 1;
            while (k < x->count &&
                   (x->tokens[k].kind == '*' || (lex_has_word(x, k) && lex_has_word(x, k + 1))))
                k++;
            if (!lex_has_word(x, k) ||
                (k == i + 1 && !(k + 2 < x->count && x->tokens[k + 1].kind == ')' &&
                                 x->tokens[k + 2].kind == '('))) {
                i = end - 1;
                continue;
            }
            s.name = k;
            s.name_end = k + 1;
            s.pointer = !(k + 1 < x->count && x->tokens[k + 1].kind == '(');
            s.list = k + 1;
            *ret = s;
            return true;
        } else if (is_no_function(x, i - 1) || is_suffix_macro(x, i - 1)) {
            i = end - 1;
            continue;
        } else {
            take_name(x, i, &s);
        }
        bool caps = lex_is_caps(x, &x->tokens[s.name]);
        if (!found || !caps)
            *ret = s;
        found = true;
        i = end - 1;
        // Foo::Foo(int a) : b(a) — what follows is no name
        if (i + 1 < x->count && x->tokens[i + 1].kind == ':')
            break;
        if (i + 1 < x->count && x->tokens[i + 1].kind == '-') // -> type
            break;
    }
    return found;
}

static uint32_t statement_start(const struct lex *x) {
    return x->count ? x->tokens[0].start : x->at;
}

uint8_t lex_visibility(struct lex *x) {
    const struct lex_scope *s = lex_scope(x);
    if (s->hidden || (s->kind == SCOPE_CLASS && s->access == ACCESS_HIDDEN))
        return 0;
    if (lex_is_managed(x))
        return has_word(x, "private") ? 0 : SYMBOL_EXPORTED;
    if (x->is_header || s->kind == SCOPE_CLASS)
        return SYMBOL_EXPORTED;
    return has_word(x, "static") ? 0 : SYMBOL_EXPORTED;
}

static bool is_test_macro(const struct lex *x, const struct lex_token *t) {
    static const char *const names[] = {"TEST",
                                        "TEST_F",
                                        "TEST_P",
                                        "TYPED_TEST",
                                        "TYPED_TEST_P",
                                        "START_TEST",
                                        "Test",
                                        "CTEST",
                                        "UTEST",
                                        "BOOST_AUTO_TEST_CASE",
                                        "TEST_CASE",
                                        "SCENARIO",
                                        "TEST_GROUP",
                                        "BOOST_FIXTURE_TEST_CASE",
                                        "MU_TEST",
                                        "UTEST_F",
                                        "TEST_METHOD",
                                        "DEFINE_TEST",
                                        "TEST_CASE_METHOD",
                                        "RC_GTEST_PROP"};
    return IN(x, t, names);
}

static bool has_annotation(const struct lex *x, const char *ending) {
    size_t n = strlen(ending);
    for (uint32_t i = 0; i + 1 < x->count; i++) {
        const struct lex_token *t = &x->tokens[i + 1];
        if (x->tokens[i].kind == '@' && lex_has_word(x, i + 1) && t->end - t->start >= n &&
            memcmp(x->t + t->end - n, ending, n) == 0)
            return true;
    }
    return false;
}

// MACRO(name) { … }: called by its first argument, a test by all of them.
static bool name_by_macro(const struct lex *x, const struct lex_shape *s,
                          struct lex_definition *d) {
    uint32_t end = lex_behind(x, s->list, '(', ')');
    const struct lex_token *first = &x->tokens[s->list + 1];
    if (s->name != 0 || end != x->count || lex_is_managed(x) || s->list + 2 > x->count)
        return false;
    bool test = is_test_macro(x, &x->tokens[0]);
    if (first->kind == LEX_STRING && first->end - first->start > 2) {
        d->name = x->t + first->start + 1;
        d->n = first->end - first->start - 2;
    } else if (test && first->kind == LEX_WORD) {
        d->name = x->t + first->start;
        d->n = x->tokens[end - 1].start - first->start;
    } else if (first->kind == LEX_WORD &&
               (x->tokens[s->list + 2].kind == ')' || x->tokens[s->list + 2].kind == ',')) {
        d->name = x->t + first->start;
        d->n = first->end - first->start;
    } else {
        return false;
    }
    d->kind = test ? SYMBOL_TEST : SYMBOL_FUNCTION;
    d->line = x->tokens[0].line;
    return true;
}

static bool is_cmocka(const struct lex *x, const struct lex_shape *s) {
    return s->list + 4 < x->count && lex_is(x, &x->tokens[s->list + 1], "void") &&
           x->tokens[s->list + 2].kind == '*' && x->tokens[s->list + 3].kind == '*';
}

bool lex_judge_function(struct lex *x, bool body, uint32_t *ret_symbol) {
    struct lex_shape s;
    if (!lex_find_shape(x, &s))
        return false;
    const struct lex_token *name = &x->tokens[s.name], *last = &x->tokens[s.name_end - 1];
    bool qualified = s.name >= 2 && x->tokens[s.name - 1].kind == ':';
    bool member = lex_scope(x)->kind == SCOPE_CLASS;
    if (s.pointer && body)
        return false;
    struct lex_definition d = {.kind = member || qualified ? SYMBOL_METHOD : SYMBOL_FUNCTION,
                               .flags = lex_visibility(x),
                               .start = statement_start(x),
                               .line = name->line,
                               .name = x->t + name->start,
                               .n = last->end - name->start,
                               .body = body ? x->at - 1 : 0};
    if (s.pointer) {
        d.kind = member ? SYMBOL_FIELD : SYMBOL_VARIABLE;
        (void)lex_define(x, &d);
        return true;
    }
    if (!body) {
        // A prototype has a type; `CALL(x);` and `Foo::bar(y);` at file scope are uses of macros.
        if (s.name == 0 && !member)
            return true;
        d.flags |= SYMBOL_DECLARATION;
    } else if (!name_by_macro(x, &s, &d) && is_cmocka(x, &s)) {
        d.kind = SYMBOL_TEST;
    }
    if (lex_is_managed(x) && has_annotation(x, "Test"))
        d.kind = SYMBOL_TEST;
    if ((d.n == 4 && memcmp(d.name, "main", 4) == 0) ||
        (lex_is_managed(x) && has_annotation(x, "")) || last != name)
        d.flags |= SYMBOL_ENTRY;
    *ret_symbol = lex_define(x, &d);
    return true;
}

// Index of `class`, `struct` … when it is what is declared.
static bool class_word(const struct lex *x, uint32_t *ret) {
    static const char *const c_words[] = {"struct", "union", "class", "enum", "namespace"};
    static const char *const managed[] = {"class",  "interface", "enum",
                                          "record", "struct",    "namespace"};
    for (uint32_t i = 0; i < x->count; i++) {
        uint8_t kind = x->tokens[i].kind;
        if (kind == '(' && !(i && x->tokens[i - 1].kind == LEX_WORD &&
                             (is_no_function(x, i - 1) || x->tokens[0].kind == '@')))
            return false;
        if (kind == '(')
            i = lex_behind(x, i, '(', ')') - 1;
        if (kind == '<')
            i = lex_behind(x, i, '<', '>') - 1;
        if (kind == '=')
            return false;
        if (kind != LEX_WORD || (i && x->tokens[i - 1].kind == '.'))
            continue;
        if (lex_is_managed(x) ? IN(x, &x->tokens[i], managed) : IN(x, &x->tokens[i], c_words)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

// typedef struct { … } name; — a look at the text, strings and comments taken lightly.
static bool name_behind(const struct lex *x, struct lex_token *ret) {
    uint32_t at = x->at, line = x->line, depth = 1;
    for (; at < x->n && depth && at - x->at < 64 * 1024; at++) {
        char c = x->t[at];
        line += c == '\n';
        if (c == '/' && at + 1 < x->n && x->t[at + 1] == '*') {
            for (at += 2; at + 1 < x->n && !(x->t[at] == '*' && x->t[at + 1] == '/'); at++)
                line += x->t[at] == '\n';
        } else if (c == '/' && at + 1 < x->n && x->t[at + 1] == '/') {
            while (at + 1 < x->n && x->t[at + 1] != '\n')
                at++;
        } else {
            depth += c == '{';
            depth -= c == '}';
        }
    }
    while (at < x->n && !lex_is_word(x->t[at]) && x->t[at] != ';' && x->t[at] != '(')
        line += x->t[at++] == '\n';
    uint32_t start = at;
    while (at < x->n && lex_is_word(x->t[at]))
        at++;
    *ret = (struct lex_token){.start = start, .end = at, .line = line, .kind = LEX_WORD};
    return !depth && at > start;
}

// struct a *f(int b) { is no struct.
static bool has_list(const struct lex *x, uint32_t i) {
    for (; i < x->count; i++) {
        if (x->tokens[i].kind == '<')
            i = lex_behind(x, i, '<', '>') - 1;
        else if (x->tokens[i].kind == '(') {
            if (!lex_has_word(x, i - 1) || !is_no_function(x, i - 1))
                return true;
            i = lex_behind(x, i, '(', ')') - 1;
        }
    }
    return false;
}

bool lex_opens_class(struct lex *x) {
    uint32_t at = 0;
    if (!class_word(x, &at) || (!lex_is_managed(x) && has_list(x, at + 1)))
        return false;
    bool space = lex_is(x, &x->tokens[at], "namespace"),
         is_enum = lex_is(x, &x->tokens[at], "enum");
    uint32_t name = at + 1, end;
    if (is_enum && lex_has_word(x, name) &&
        (lex_is(x, &x->tokens[name], "class") || lex_is(x, &x->tokens[name], "struct")))
        name++;
    while (name < x->count && x->tokens[name].kind == '[') // [[attribute]]
        name = lex_behind(x, name, '[', ']');
    while (lex_has_word(x, name) && is_no_function(x, name) && name + 1 < x->count)
        name = lex_behind(x, name + 1, '(', ')');
    // class EXPORT Name: the last word before what follows the name
    while (lex_has_word(x, name) && lex_has_word(x, name + 1) && !lex_is_managed(x) &&
           !lex_is(x, &x->tokens[name + 1], "final"))
        name++;
    end = name + 1;
    while (end + 2 < x->count && x->tokens[end].kind == ':' && x->tokens[end + 1].kind == ':' &&
           lex_has_word(x, end + 2)) {
        if (!space)
            name = end + 2;
        end += 3;
    }
    while (space && lex_is_managed(x) && end + 1 < x->count && x->tokens[end].kind == '.')
        end += 2;
    uint32_t symbol = 0;
    struct lex_token later;
    bool named = lex_has_word(x, name) && name < x->count;
    bool late = !named && x->depth < LEX_SCOPES_MAX && lex_is(x, &x->tokens[0], "typedef") &&
                name_behind(x, &later);
    if (named || late) {
        const struct lex_token *t = named ? &x->tokens[name] : &later;
        uint32_t to = space && named ? x->tokens[end - 1].end : t->end;
        bool shown = space || (lex_is_managed(x) ? !has_word(x, "private") : x->is_header);
        symbol = lex_define(x, &(struct lex_definition){
                                   .kind = space ? SYMBOL_NAMESPACE : SYMBOL_CLASS,
                                   .flags = shown && !lex_scope(x)->hidden ? SYMBOL_EXPORTED : 0,
                                   .start = statement_start(x),
                                   .body = x->at - 1,
                                   .line = t->line,
                                   .name = x->t + t->start,
                                   .n = to - t->start});
    }
    bool hides = x->lang == LANG_CPP && lex_is(x, &x->tokens[at], "class");
    uint8_t kind = space ? SCOPE_FILE : is_enum ? SCOPE_ENUM : SCOPE_CLASS;
    lex_open(x, symbol, 0, kind);
    lex_scope(x)->access = hides ? ACCESS_HIDDEN : ACCESS_PUBLIC;
    if (space && !named)
        lex_scope(x)->hidden = true;
    return true;
}

// Names before '=', ',', '[', ':' and the end: int a, *b = 1, c[3];
void lex_judge_variables(struct lex *x) {
    bool member = lex_scope(x)->kind == SCOPE_CLASS, first = true;
    uint32_t i = 0;
    bool is_typedef = has_word(x, "typedef"), is_extern = has_word(x, "extern");
    bool constant = lex_is_managed(x) ? has_word(x, "final") && has_word(x, "static")
                                      : has_word(x, "constexpr") || has_word(x, "const");
    if (x->lang == LANG_CSHARP)
        constant = has_word(x, "const");
    static const char *const none[] = {"using",    "friend",  "return",   "goto",
                                       "import",   "package", "template", "break",
                                       "continue", "case",    "extern",   "asm"};
    if (!x->count || (IN(x, &x->tokens[0], none) && !(is_extern && x->count > 2)))
        return;
    for (uint32_t words = 0; i < x->count; i++) {
        const struct lex_token *t = &x->tokens[i];
        if (t->kind == '<' && i)
            i = lex_behind(x, i, '<', '>') - 1;
        if (t->kind == '@' && lex_has_word(x, i + 1)) {
            i += 1;
            if (i + 1 < x->count && x->tokens[i + 1].kind == '(')
                i = lex_behind(x, i + 1, '(', ')') - 1;
            continue;
        }
        if (t->kind == '(')
            i = lex_behind(x, i, '(', ')') - 1;
        words += t->kind == LEX_WORD;
        uint8_t next = i + 1 < x->count ? x->tokens[i + 1].kind : ';';
        bool ends = next == '=' || next == ',' || next == ';' ||
                    (next == '[' && !lex_is_managed(x)) || next == '{' ||
                    (next == LEX_WORD && is_suffix_macro(x, i + 1)) ||
                    (next == ':' && !(i + 2 < x->count && x->tokens[i + 2].kind == ':'));
        if (t->kind != LEX_WORD || !ends || (first && words < 2))
            continue;
        if (is_no_function(x, i) || is_type_word(x, i))
            continue;
        bool pointer = i && x->tokens[i - 1].kind == '*';
        struct lex_definition d = {.kind = is_typedef             ? SYMBOL_TYPE
                                           : constant && !pointer ? SYMBOL_CONSTANT
                                           : member               ? SYMBOL_FIELD
                                                                  : SYMBOL_VARIABLE,
                                   .flags = lex_visibility(x),
                                   .start = first ? statement_start(x) : t->start,
                                   .end = x->at,
                                   .line = t->line,
                                   .name = x->t + t->start,
                                   .n = t->end - t->start};
        if (member && !lex_is_managed(x))
            d.kind = is_typedef ? SYMBOL_TYPE : SYMBOL_FIELD;
        if (is_extern)
            d.flags |= SYMBOL_DECLARATION;
        if (!is_typedef || make_name(x->m, d.name, d.n) != x->closed_name)
            (void)lex_define(x, &d);
        first = false;
        // over the value to the next name
        unsigned depth = 0;
        for (i++; i < x->count; i++) {
            uint8_t k = x->tokens[i].kind;
            if (k == '(' || k == '[' || k == '{')
                depth++;
            else if (k == ')' || k == ']' || k == '}')
                depth -= depth > 0;
            else if (k == ',' && depth == 0)
                break;
        }
    }
}

static void judge_typedef(struct lex *x) {
    struct lex_shape s;
    if (lex_find_shape(x, &s) && s.name_end <= x->count) {
        const struct lex_token *t = &x->tokens[s.name];
        (void)lex_define(x, &(struct lex_definition){.kind = SYMBOL_TYPE,
                                                     .flags = x->is_header ? SYMBOL_EXPORTED : 0,
                                                     .start = statement_start(x),
                                                     .line = t->line,
                                                     .name = x->t + t->start,
                                                     .n = t->end - t->start});
        return;
    }
    lex_judge_variables(x);
}

static void judge_using(struct lex *x) { // using A = …;
    if (x->count > 2 && lex_has_word(x, 1) && x->tokens[2].kind == '=')
        (void)lex_define(x, &(struct lex_definition){.kind = SYMBOL_TYPE,
                                                     .flags = lex_visibility(x),
                                                     .start = statement_start(x),
                                                     .line = x->tokens[1].line,
                                                     .name = x->t + x->tokens[1].start,
                                                     .n = x->tokens[1].end - x->tokens[1].start});
    else if (x->lang == LANG_CSHARP && x->count > 1)
        lex_import(x, x->t + x->tokens[1].start, x->tokens[x->count - 1].end - x->tokens[1].start,
                   x->tokens[1].line, false);
}

static void judge_import(struct lex *x) { // import [static] a.b.C;
    uint32_t first = x->count > 1 && lex_is(x, &x->tokens[1], "static") ? 2 : 1;
    uint32_t last = x->count - 1, line = x->tokens[0].line;
    if (first >= x->count)
        return;
    const char *text = x->t + x->tokens[first].start;
    size_t n = x->tokens[last].end - x->tokens[first].start;
    struct fact_import f = {.line = line};
    if (last > first + 1 && x->tokens[last - 1].kind == '.') {
        f.module = make_name(x->m, text, x->tokens[last - 1].start - x->tokens[first].start);
        if (x->tokens[last].kind == LEX_WORD)
            f.name = make_name(x->m, x->t + x->tokens[last].start,
                               x->tokens[last].end - x->tokens[last].start);
    } else {
        f.module = make_name(x->m, text, n);
    }
    make_import(x->m, &f);
}

void lex_judge_statement(struct lex *x) { // at ';'
    uint32_t symbol, at;
    if (!x->count)
        return;
    if (lex_is(x, &x->tokens[0], "typedef"))
        judge_typedef(x);
    else if (lex_is(x, &x->tokens[0], "using"))
        judge_using(x);
    else if (x->lang == LANG_JAVA && lex_is(x, &x->tokens[0], "import"))
        judge_import(x);
    else if (class_word(x, &at) &&
             x->count <= at + 2 +
                             (uint32_t)(lex_is(x, &x->tokens[at], "enum") &&
                                        lex_is(x, &x->tokens[at + 1], "class")))
        ; // struct a; — a name told in advance
    else if (!lex_judge_function(x, false, &symbol))
        lex_judge_variables(x);
    x->count = 0;
    x->closed_name = 0;
}
