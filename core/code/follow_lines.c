// A line's tokens, and its form: what of it has to be the same for two lines to be alike.
#include "core/code/follow_impl.h"

#include <string.h>

static uint32_t hash_of(const char *text, size_t n) { // FNV-1a
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619U;
    return h;
}

// Words that make a line what it is, in any of the languages; by length.
static bool is_keyword(const char *text, size_t n) {
    static const char *const words[] = {
        "if",        "in",        "is",        "do",         "or",         "fn",       "as",
        "go",        "for",       "int",       "let",        "var",        "try",      "new",
        "and",       "not",       "def",       "end",        "nil",        "del",      "mut",
        "pub",       "use",       "out",       "else",       "case",       "void",     "char",
        "bool",      "long",      "this",      "self",       "true",       "True",     "None",
        "NULL",      "null",      "func",      "elif",       "enum",       "from",     "impl",
        "type",      "with",      "pass",      "then",       "when",       "goto",     "while",
        "break",     "const",     "false",     "False",      "float",      "short",    "class",
        "catch",     "throw",     "raise",     "async",      "await",      "yield",    "super",
        "range",     "defer",     "until",     "begin",      "match",      "trait",    "union",
        "final",     "local",     "return",    "switch",     "static",     "struct",   "sizeof",
        "double",    "public",    "import",    "string",     "lambda",     "except",   "assert",
        "typeof",    "delete",    "inline",    "global",     "default",    "private",  "typedef",
        "finally",   "extends",   "package",   "include",    "require",    "continue", "unsigned",
        "function",  "template",  "register",  "nonlocal",   "unless",     "rescue",   "protected",
        "interface", "namespace", "undefined", "instanceof", "implements",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i][0] == text[0] && strlen(words[i]) == n && memcmp(words[i], text, n) == 0)
            return true;
    return false;
}

uint32_t follow_family(enum lang lang) {
    switch (lang) {
    case LANG_CPP:
        return LANG_C;
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        return LANG_JAVASCRIPT;
    default:
        return lang;
    }
}

bool follow_knows(enum lang lang) {
    struct clone_lexer x;
    return clone_lexer_start(&x, lang, "", 0);
}

static bool is_sign(const struct follow_token *t, char c) {
    return t->kind == CLONE_SIGN && t->bytes == 1 && t->text[0] == c;
}

static bool is_one_of(const struct follow_token *t, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == t->bytes && memcmp(words[i], t->text, t->bytes) == 0)
            return true;
    return false;
}

// Begins a function here? Its name is then its own, as that of a variable is.
static bool is_definition(const struct follow_line_tokens *t) {
    static const char *const begins[] = {"def", "func", "fn", "function"};
    static const char *const controls[] = {"if",   "for",   "while", "switch", "else",
                                           "do",   "try",   "catch", "return", "case",
                                           "elif", "using", "with",  "match",  "foreach"};
    const struct follow_token *first = &t->list[0];
    if (is_one_of(first, begins, sizeof begins / sizeof *begins))
        return true;
    return first->kind == CLONE_WORD && is_sign(&t->list[t->count - 1], '{') &&
           !is_one_of(first, controls, sizeof controls / sizeof *controls);
}

// A called name, a member, a keyword.
static bool is_kept(const struct follow_line_tokens *t, uint32_t i, bool definition) {
    const struct follow_token *x = &t->list[i];
    if (x->kind != CLONE_WORD)
        return true;
    if (i + 1 < t->count && is_sign(&t->list[i + 1], '('))
        return !definition || is_keyword(x->text, x->bytes);
    if (i && is_sign(&t->list[i - 1], '.'))
        return true;
    if (i > 1 && ((is_sign(&t->list[i - 1], '>') && is_sign(&t->list[i - 2], '-')) ||
                  (is_sign(&t->list[i - 1], ':') && is_sign(&t->list[i - 2], ':'))))
        return true;
    return is_keyword(x->text, x->bytes);
}

bool follow_tokens(enum lang lang, const char *text, size_t bytes, struct follow_line_tokens *ret) {
    struct clone_lexer x;
    struct clone_token token;
    const char *behind = text;
    ret->count = 0;
    if (!clone_lexer_start(&x, lang, text, bytes))
        return false;
    x.imports = true;
    while (clone_lexer_next(&x, &token)) {
        size_t n = (size_t)(x.at - x.from);
        if (ret->count == FOLLOW_TOKENS_MAX || n > FOLLOW_LINE_BYTES_MAX)
            return false;
        ret->list[ret->count++] = (struct follow_token){.text = x.from,
                                                        .hash = hash_of(x.from, n),
                                                        .bytes = (uint16_t)n,
                                                        .kind = (uint8_t)token.kind,
                                                        .spaced = x.from > behind};
        behind = x.at;
    }
    bool definition = ret->count && is_definition(ret);
    for (uint32_t i = 0; i < ret->count; i++)
        ret->list[i].kept = is_kept(ret, i, definition);
    return ret->count > 0;
}

uint32_t follow_form(const struct follow_line_tokens *t, enum lang lang) {
    uint32_t h = 2166136261U ^ follow_family(lang);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct follow_token *x = &t->list[i];
        uint32_t part = x->kind == CLONE_LITERAL ? (x->text[0] >= '0' && x->text[0] <= '9' ? 1 : 2)
                        : x->kept                ? x->hash | 4
                                                 : 3;
        h = (h ^ part) * 16777619U;
        h ^= h >> 15;
    }
    return h ? h : 1;
}
