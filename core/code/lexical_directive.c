// Preprocessor lines of C: macros, includes, and the ways between #if and #endif.
#include "core/code/lexical_impl.h"

static uint32_t directive_word(struct lex *x, const char **ret) {
    while (x->at < x->n && (x->t[x->at] == ' ' || x->t[x->at] == '\t'))
        x->at++;
    uint32_t start = x->at;
    while (x->at < x->n && lex_is_word(x->t[x->at]))
        x->at++;
    *ret = x->t + start;
    return x->at - start;
}

// To the line break that ends the directive, over continued lines and comments.
static void directive_end(struct lex *x) {
    while (x->at < x->n) {
        char c = x->t[x->at];
        char next = x->at + 1 < x->n ? x->t[x->at + 1] : 0;
        if (c == '\n')
            return;
        if (c == '\\' && (next == '\n' || (next == '\r' && x->at + 2 < x->n))) {
            x->at += next == '\n' ? 2 : 3;
            x->line++;
            x->line_start = x->at;
        } else if (c == '/' && next == '*') {
            x->at += 2;
            while (x->at + 1 < x->n && !(x->t[x->at] == '*' && x->t[x->at + 1] == '/')) {
                if (x->t[x->at++] == '\n') {
                    x->line++;
                    x->line_start = x->at;
                }
            }
            x->at = x->at + 2 < x->n ? x->at + 2 : x->n;
        } else if (c == '/' && next == '/') {
            lex_skip_line(x);
        } else {
            x->at++;
        }
    }
}

static bool is_guard(const struct lex *x, const char *name, uint32_t n, uint32_t start) {
    // #ifndef NAME stands on the line before.
    uint32_t at = start;
    while (at && x->t[at - 1] != '#')
        at--;
    while (at && (x->t[at - 1] == '#' || lex_classes[(unsigned char)x->t[at - 1]] & LEX_IS_SPACE ||
                  x->t[at - 1] == '\n'))
        at--;
    if (at < n || memcmp(x->t + at - n, name, n) != 0)
        return false;
    at -= n;
    while (at && (x->t[at - 1] == ' ' || x->t[at - 1] == '\t'))
        at--;
    return at >= 6 && memcmp(x->t + at - 6, "ifndef", 6) == 0;
}

static void define_macro(struct lex *x, uint32_t start) {
    const char *name;
    uint32_t line = x->line, n = directive_word(x, &name), at = x->at;
    if (!n || x->lang == LANG_CSHARP) {
        directive_end(x);
        return;
    }
    directive_end(x);
    uint32_t value = at;
    while (value < x->at && lex_classes[(unsigned char)x->t[value]] & LEX_IS_SPACE)
        value++;
    uint32_t end = x->at;
    if (end > start && x->t[end - 1] == '\r')
        end--;
    if (value >= end && is_guard(x, name, n, (uint32_t)(name - x->t)))
        return;
    (void)lex_define(x, &(struct lex_definition){.kind = SYMBOL_MACRO,
                                                 .flags = x->is_header ? SYMBOL_EXPORTED : 0,
                                                 .start = start,
                                                 .end = end,
                                                 .line = line,
                                                 .name = name,
                                                 .n = n});
}

static void include(struct lex *x) {
    uint32_t line = x->line;
    while (x->at < x->n && (x->t[x->at] == ' ' || x->t[x->at] == '\t'))
        x->at++;
    uint32_t start = x->at;
    char open = x->at < x->n ? x->t[x->at] : 0, close = open == '<' ? '>' : '"';
    directive_end(x);
    if (open != '<' && open != '"')
        return;
    const char *end = memchr(x->t + start + 1, close, x->at - start - 1);
    if (end)
        lex_import(x, x->t + start + 1, (size_t)(end - (x->t + start + 1)), line, open == '"');
}

// What #if and #else hold are two ways to say one thing: each begins at the same brace.
static void branch(struct lex *x, const char *word, uint32_t n) {
    if (n >= 2 && memcmp(word, "if", 2) == 0) {
        if (x->branch_depth < LEX_BRANCHES_MAX)
            x->branches[x->branch_depth] = x->brace;
        x->branch_depth++;
    } else if (n >= 4 && memcmp(word, "el", 2) == 0) {
        if (x->branch_depth && x->branch_depth <= LEX_BRANCHES_MAX)
            x->brace = x->branches[x->branch_depth - 1];
    } else if (n == 5 && memcmp(word, "endif", 5) == 0) {
        x->branch_depth -= x->branch_depth > 0;
    }
}

void lex_directive(struct lex *x) {
    const char *word;
    uint32_t start = x->at++, n = directive_word(x, &word);
    if (n == 6 && memcmp(word, "define", 6) == 0)
        define_macro(x, start);
    else if (n == 7 && memcmp(word, "include", 7) == 0)
        include(x);
    else
        directive_end(x);
    branch(x, word, n);
}
