// C, C++, Java and C#: outside of functions the tokens of one declaration are collected up to its
// ';' or '{' and judged by shape. Bodies are passed over, but for Java's, where classes without a
// name have methods.
#include "core/code/lexical_c_impl.h"

// Java: new X() { … } within a body is a class whose methods count. The rest of the body is read
// when the class has ended: the scope remembers its open braces.
static void java_body(struct lex *x) {
    unsigned parens = 0;
    bool after_new = false;
    uint8_t previous = 0;
    for (;;) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            return;
        if (t.kind == LEX_WORD && lex_is(x, &t, "new")) {
            after_new = true;
            parens = 0;
        } else if (t.kind == '(') {
            parens++;
        } else if (t.kind == ')') {
            after_new = after_new && parens;
            parens -= parens > 0;
        } else if (t.kind == ';') {
            after_new = false;
        } else if (t.kind == '{' && after_new && previous == ')' && !parens &&
                   x->depth < LEX_SCOPES_MAX - 2) {
            lex_open(x, 0, 0, SCOPE_CLASS);
            lex_scope(x)->hidden = true;
            x->count = 0;
            return;
        } else if (t.kind == '{') {
            lex_scope(x)->depth++;
            after_new = false;
        } else if (t.kind == '}' && --lex_scope(x)->depth == 0) {
            lex_close(x, t.end, t.line);
            x->count = 0;
            return;
        }
        previous = t.kind;
    }
}

// From behind the '{' to behind its '}'. A '}' in the first column ends a function that begins
// there, whatever macros have done to the braces.
static void skip_body(struct lex *x, bool first_column, uint32_t *ret_end, uint32_t *ret_line) {
    uint32_t base = x->brace++;
    *ret_end = x->at;
    *ret_line = x->line;
    while (x->brace > base) {
        struct lex_token t = lex_next(x);
        if (t.kind == LEX_END)
            break;
        if (x->brace <= base) { // #else: the token belongs to what follows
            x->at = t.start;
            return;
        }
        if (t.kind == '{')
            x->brace++;
        else if (t.kind == '}') {
            x->brace--;
            if (first_column && t.start == x->line_start)
                x->brace = base;
        }
        *ret_end = t.end;
        *ret_line = t.line;
    }
}

static void pass_body(struct lex *x, uint32_t symbol) {
    uint32_t end, line;
    const struct lex_token *first = &x->tokens[0];
    bool column = x->count && (first->start == 0 || x->t[first->start - 1] == '\n');
    lex_open(x, symbol, 0, SCOPE_BODY);
    skip_body(x, column && !lex_is_managed(x), &end, &line);
    if (lex_scope(x)->kind == SCOPE_BODY)
        lex_close(x, end, line);
    x->count = 0;
}

static bool has_token(const struct lex *x, uint8_t kind) {
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->tokens[i].kind == '(')
            i = lex_behind(x, i, '(', ')') - 1;
        else if (x->tokens[i].kind == kind)
            return true;
    }
    return false;
}

static void open_scope(struct lex *x) { // what opens_class has pushed
    lex_scope(x)->depth = ++x->brace;
    if (x->count)
        lex_scope(x)->lead = x->tokens[0];
    x->count = 0;
}

static void open_brace(struct lex *x) {
    static const char *const blocks[] = {"static", "get", "set", "init", "add", "remove", "unsafe"};
    uint32_t symbol = 0, end, line, last = x->count ? x->count - 1 : 0;
    struct lex_shape s;
    bool linkage =
        x->count == 2 && lex_is(x, &x->tokens[0], "extern") && x->tokens[1].kind == LEX_STRING;
    if (linkage) {
        lex_open(x, 0, 0, SCOPE_FILE);
        open_scope(x);
        return;
    }
    bool value = has_token(x, '=') &&
                 !(x->lang == LANG_CPP && lex_find_shape(x, &s) && lex_is_operator_name(x, s.list));
    if (value && x->lang == LANG_JAVA && x->tokens[last].kind == ')' && has_token(x, '=')) {
        lex_judge_variables(x); // … = new X() { methods };
        lex_open(x, 0, 0, SCOPE_CLASS);
        lex_scope(x)->hidden = true;
        open_scope(x);
        return;
    }
    if (value) { // an initializer; the declaration goes on behind it
        skip_body(x, false, &end, &line);
        return;
    }
    if (lex_opens_class(x)) {
        open_scope(x);
        return;
    }
    bool initializes = x->lang == LANG_CPP && has_token(x, ':') && lex_find_shape(x, &s) &&
                       (x->tokens[last].kind == LEX_WORD || x->tokens[last].kind == '>') &&
                       lex_behind(x, s.list, '(', ')') < x->count &&
                       x->tokens[lex_behind(x, s.list, '(', ')')].kind == ':';
    if (initializes) { // A::A() : b{1}
        skip_body(x, false, &end, &line);
        if (x->count < LEX_TOKENS_MAX)
            x->tokens[x->count++] =
                (struct lex_token){.start = end, .end = end, .line = line, .kind = ')'};
        return;
    }
    if (lex_judge_function(x, true, &symbol)) {
        if (x->lang == LANG_JAVA) {
            lex_open(x, symbol, 1, SCOPE_BODY);
            x->count = 0;
        } else {
            pass_body(x, symbol);
        }
        return;
    }
    bool property = x->lang == LANG_CSHARP && x->count > 1 && lex_has_word(x, last) &&
                    lex_scope(x)->kind == SCOPE_CLASS && !IN(x, &x->tokens[last], blocks);
    if (property)
        symbol = lex_define(
            x, &(struct lex_definition){.kind = SYMBOL_FIELD,
                                        .flags = lex_visibility(x),
                                        .start = x->tokens[0].start,
                                        .body = x->at - 1,
                                        .line = x->tokens[last].line,
                                        .name = x->t + x->tokens[last].start,
                                        .n = x->tokens[last].end - x->tokens[last].start});
    if (x->lang == LANG_JAVA) {
        lex_open(x, 0, 1, SCOPE_BODY);
        x->count = 0;
        return;
    }
    pass_body(x, symbol);
}

// struct a { … } name; — the names are read as if only the type stood before them.
static void close_brace(struct lex *x, const struct lex_token *t) {
    struct lex_scope s = *lex_scope(x);
    bool own = x->depth > 1 && s.symbol && s.symbol != x->scopes[x->depth - 2].symbol;
    x->brace -= x->brace > 0;
    x->closed_name = own ? x->m->symbols[s.symbol - 1].name : 0;
    lex_close(x, t->end, t->line);
    x->count = 0;
    if (lex_is_managed(x) || (s.kind != SCOPE_CLASS && s.kind != SCOPE_ENUM))
        return;
    x->tokens[0] = s.lead;
    x->tokens[1] = *t;
    x->tokens[1].kind = LEX_WORD;
    x->count = 2;
}

static bool access_label(struct lex *x) {
    static const char *const words[] = {"public",    "private", "protected", "signals",
                                        "Q_SIGNALS", "slots",   "Q_SLOTS"};
    if (x->lang != LANG_CPP || lex_scope(x)->kind != SCOPE_CLASS || !x->count || x->count > 2 ||
        !IN(x, &x->tokens[0], words))
        return false;
    lex_scope(x)->access = lex_is(x, &x->tokens[0], "public") ? ACCESS_PUBLIC : ACCESS_HIDDEN;
    x->count = 0;
    return true;
}

// Names at the start and behind commas; what stands in brackets is passed over.
static bool enum_token(struct lex *x, const struct lex_token *t) {
    bool first = x->count == 0;
    switch (t->kind) {
    case LEX_WORD:
        if (first)
            (void)lex_define(x, &(struct lex_definition){.kind = SYMBOL_ENUMERATOR,
                                                         .flags = lex_is_managed(x) || x->is_header
                                                                      ? SYMBOL_EXPORTED
                                                                      : 0,
                                                         .start = t->start,
                                                         .end = t->end,
                                                         .line = t->line,
                                                         .name = x->t + t->start,
                                                         .n = t->end - t->start});
        x->count = 1;
        return true;
    case '(':
        (void)lex_skip_block(x, '(', ')');
        return true;
    case '[':
        (void)lex_skip_block(x, '[', ']');
        return true;
    case '@':
        (void)lex_next(x); // its name, which is no enumerator
        return true;
    case ',':
        x->count = 0;
        return true;
    case '{': // methods of one constant
        lex_open(x, 0, 0, SCOPE_CLASS);
        lex_scope(x)->hidden = true;
        open_scope(x);
        return true;
    case ';': // Java: members follow
        lex_scope(x)->kind = SCOPE_CLASS;
        x->count = 0;
        return true;
    default:
        x->count = 1;
        return t->kind != '}';
    }
}

static void push(struct lex *x, const struct lex_token *t) {
    if (x->count < LEX_TOKENS_MAX)
        x->tokens[x->count++] = *t;
}

// The brackets of a template's head would look like comparisons.
static void token(struct lex *x, const struct lex_token *t) {
    switch (t->kind) {
    case ';':
        lex_judge_statement(x);
        break;
    case '{':
        open_brace(x);
        break;
    case '}':
        close_brace(x, t);
        break;
    case ':':
        if (!access_label(x))
            push(x, t);
        break;
    default:
        push(x, t);
    }
}

void lex_c(struct lex *x) {
    for (;;) {
        struct lex_scope *scope = lex_scope(x);
        if (scope->kind == SCOPE_BODY && x->lang == LANG_JAVA) {
            uint32_t depth = x->depth;
            java_body(x);
            if (x->depth == depth && x->at >= x->n)
                return;
            continue;
        }
        struct lex_token t = lex_next(x);
        while (x->depth > 1 && lex_scope(x)->depth > x->brace && !lex_is_managed(x)) {
            lex_close(x, t.start, t.line); // #else went back before it
            x->count = 0;
        }
        if (t.kind == LEX_END) {
            if (x->n < x->m->bytes) // a part of a file: the ';' may stand behind it
                lex_judge_statement(x);
            return;
        }
        if (lex_scope(x)->kind == SCOPE_ENUM && enum_token(x, &t))
            continue;
        token(x, &t);
    }
}
