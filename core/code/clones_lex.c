#include "core/code/clones_lex.h"

#include <string.h>

enum syntax_flags {
    HASH_COMMENT = 1,      // # to the end of the line
    SLASH_COMMENT = 2,     // // to the end of the line
    DASH_COMMENT = 4,      // -- to the end of the line; --[[ ]] of Lua
    BLOCK_COMMENT = 8,     // /* */
    NESTED_COMMENT = 16,   // /* /* */ */
    TRIPLE_QUOTES = 32,    // """ and '''
    BACKTICK = 64,         // `…` over lines
    LINES_IN_QUOTES = 128, // "…" may go over lines
    REGEX = 256,           // /…/ where an operand is expected
    RAW_HASH = 512,        // r#"…"#
    RAW_PAREN = 1024,      // R"x(…)x"
    LIFETIMES = 2048,      // 'a is no character
    PREPROCESSOR = 4096,   // #include
    EQUALS_COMMENT = 8192, // =begin … =end
    DOLLAR_WORDS = 16384,  // $ belongs to names
    SPACED_HASH = 32768,   // # begins a comment only after a space: `$#`, `${#x}`, `a#b`
};

struct clone_syntax {
    uint32_t flags;
    const char *const *imports; // words that begin an import statement
};

static const char *const imports_of_c[] = {NULL};
static const char *const imports_of_python[] = {"import", "from", NULL};
static const char *const imports_of_js[] = {"import", NULL};
static const char *const imports_of_go[] = {"import", "package", NULL};
static const char *const imports_of_rust[] = {"use", "mod", "extern", NULL};
static const char *const imports_of_jvm[] = {"import", "package", NULL};
static const char *const imports_of_csharp[] = {"using", NULL};
static const char *const imports_of_ruby[] = {"require", "require_relative", "import", NULL};
static const char *const imports_of_shell[] = {"source", NULL};
static const char *const imports_of_php[] = {"use", "require", "require_once", "include", NULL};
static const char *const imports_of_perl[] = {"use", "package", "require", NULL};

enum {
    LIKE_C = SLASH_COMMENT | BLOCK_COMMENT,
    LIKE_JS = LIKE_C | BACKTICK | REGEX | DOLLAR_WORDS,
};

static const struct clone_syntax syntaxes[LANG_COUNT] = {
    [LANG_C] = {LIKE_C | PREPROCESSOR, imports_of_c},
    [LANG_CPP] = {LIKE_C | PREPROCESSOR | RAW_PAREN, imports_of_c},
    [LANG_PYTHON] = {HASH_COMMENT | TRIPLE_QUOTES, imports_of_python},
    [LANG_JAVASCRIPT] = {LIKE_JS, imports_of_js},
    [LANG_TYPESCRIPT] = {LIKE_JS, imports_of_js},
    [LANG_TSX] = {LIKE_JS, imports_of_js},
    [LANG_GO] = {LIKE_C | BACKTICK, imports_of_go},
    [LANG_RUST] = {LIKE_C | NESTED_COMMENT | RAW_HASH | LIFETIMES | LINES_IN_QUOTES,
                   imports_of_rust},
    [LANG_JAVA] = {LIKE_C | TRIPLE_QUOTES, imports_of_jvm},
    [LANG_BASH] = {HASH_COMMENT | SPACED_HASH | LINES_IN_QUOTES, imports_of_shell},
    [LANG_RUBY] = {HASH_COMMENT | LINES_IN_QUOTES | EQUALS_COMMENT, imports_of_ruby},
    [LANG_CSHARP] = {LIKE_C | TRIPLE_QUOTES, imports_of_csharp},
    [LANG_PHP] = {LIKE_C | HASH_COMMENT | LINES_IN_QUOTES | DOLLAR_WORDS, imports_of_php},
    [LANG_KOTLIN] = {LIKE_C | TRIPLE_QUOTES, imports_of_jvm},
    [LANG_SWIFT] = {LIKE_C | NESTED_COMMENT | TRIPLE_QUOTES, imports_of_jvm},
    [LANG_SCALA] = {LIKE_C | TRIPLE_QUOTES, imports_of_jvm},
    [LANG_LUA] = {DASH_COMMENT, imports_of_c},
    [LANG_PERL] = {HASH_COMMENT | SPACED_HASH | LINES_IN_QUOTES | DOLLAR_WORDS, imports_of_perl},
    [LANG_SQL] = {DASH_COMMENT | BLOCK_COMMENT | LINES_IN_QUOTES, imports_of_c},
};

enum class { SIGN, SPACE, WORD, DIGIT, QUOTE };
static const uint8_t classes[256] = {
    // clang-format off
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 0, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0,
    0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 2,
    4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 1,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    // clang-format on
};

static enum class class_of(char c) { return (enum class)classes[(unsigned char)c]; }

static bool is_word(const struct clone_lexer *x, char c) {
    enum class k = class_of(c);
    return k == WORD || k == DIGIT || (c == '$' && x->syntax->flags & DOLLAR_WORDS);
}

static bool looking_at(const struct clone_lexer *x, const char *text) {
    size_t n = strlen(text);
    return (size_t)(x->end - x->at) >= n && memcmp(x->at, text, n) == 0;
}

bool clone_lexer_start(struct clone_lexer *x, enum lang lang, const char *text, size_t bytes) {
    if (!language_is_code(lang) || !syntaxes[lang].flags)
        return false;
    *x = (struct clone_lexer){
        .at = text, .end = text + bytes, .syntax = &syntaxes[lang], .line = 1, .line_start = true};
    return true;
}

static void new_line(struct clone_lexer *x) {
    x->line++;
    x->line_start = true;
}

static void skip_line(struct clone_lexer *x) { // up to the line break, over "\" at the line's end
    for (;;) {
        const char *eol = memchr(x->at, '\n', (size_t)(x->end - x->at));
        if (!eol) {
            x->at = x->end;
            return;
        }
        bool more = eol > x->at && eol[-1] == '\\' && x->syntax->flags & PREPROCESSOR;
        x->at = more ? eol + 1 : eol;
        if (!more)
            return;
        x->line++;
    }
}

// Past `close`, or to the end. `nested`: another /* opens one more.
static void skip_block(struct clone_lexer *x, const char *close, bool nested) {
    unsigned depth = 1;
    while (x->at < x->end) {
        if (*x->at == '\n')
            new_line(x);
        if (*x->at == *close && looking_at(x, close)) {
            x->at += strlen(close);
            if (--depth == 0)
                return;
        } else if (nested && looking_at(x, "/*")) {
            x->at += 2;
            depth++;
        } else {
            x->at++;
        }
    }
}

static bool skip_comment(struct clone_lexer *x) {
    uint32_t flags = x->syntax->flags;
    switch (*x->at) {
    case '#':
        if (!(flags & HASH_COMMENT) ||
            (flags & SPACED_HASH && !x->line_start && class_of(x->at[-1]) != SPACE))
            return false;
        skip_line(x);
        return true;
    case '/':
        if (flags & SLASH_COMMENT && looking_at(x, "//")) {
            skip_line(x);
            return true;
        }
        if (!(flags & BLOCK_COMMENT) || !looking_at(x, "/*"))
            return false;
        x->at += 2;
        skip_block(x, "*/", flags & NESTED_COMMENT);
        return true;
    case '-':
        if (!(flags & DASH_COMMENT) || !looking_at(x, "--"))
            return false;
        if (looking_at(x, "--[["))
            skip_block(x, "]]", false);
        else
            skip_line(x);
        return true;
    case '=':
        if (!(flags & EQUALS_COMMENT) || !x->line_start || !looking_at(x, "=begin"))
            return false;
        skip_block(x, "\n=end", false);
        skip_line(x);
        return true;
    default:
        return false;
    }
}

static void skip_quoted(struct clone_lexer *x, char quote, bool lines) {
    while (x->at < x->end) {
        char c = *x->at;
        if (c == '\n') {
            if (!lines)
                return; // never closed: the line's end is the best guess
            new_line(x);
        } else if (c == '\\' && x->end - x->at > 1) {
            x->at++;
            if (*x->at == '\n')
                new_line(x);
        } else if (c == quote) {
            x->at++;
            return;
        }
        x->at++;
    }
}

static void skip_raw_hash(struct clone_lexer *x) { // at the hashes of r##"…"##
    size_t hashes = 0;
    while (x->at < x->end && *x->at == '#') {
        hashes++;
        x->at++;
    }
    x->at += x->at < x->end; // the quote
    while (x->at < x->end) {
        char c = *x->at++;
        if (c == '\n')
            new_line(x);
        size_t seen = 0;
        if (c == '"')
            while (seen < hashes && x->at + seen < x->end && x->at[seen] == '#')
                seen++;
        if (c == '"' && seen == hashes) {
            x->at += hashes;
            return;
        }
    }
}

static void skip_raw_paren(struct clone_lexer *x) { // behind the quote of R"x(…)x"
    char close[20] = ")";
    size_t n = 1;
    while (x->at < x->end && *x->at != '(' && *x->at != '\n' && n < 18)
        close[n++] = *x->at++;
    close[n++] = '"';
    close[n] = '\0';
    skip_block(x, close, false);
}

static uint32_t finish(uint32_t h) { // finaliser of MurmurHash3
    h ^= h >> 16;
    h *= 0x85EBCA6BU;
    h ^= h >> 13;
    h *= 0xC2B2AE35U;
    return h ^ (h >> 16);
}

static void put(struct clone_lexer *x, struct clone_token *t, enum clone_token_kind kind,
                uint32_t hash) {
    t->hash = finish(hash);
    t->kind = kind;
    x->value_before = kind != CLONE_SIGN;
    x->line_start = false;
}

static void lex_quote(struct clone_lexer *x, struct clone_token *t) {
    uint32_t flags = x->syntax->flags;
    char quote = *x->at;
    char triple[4] = {quote, quote, quote, '\0'};
    if (quote == '\'' && flags & LIFETIMES && x->end - x->at > 2 && x->at[1] != '\\' &&
        x->at[2] != '\'') {
        x->at++;
        put(x, t, CLONE_SIGN, '\'');
        return;
    }
    if (flags & TRIPLE_QUOTES && looking_at(x, triple)) {
        x->at += 3;
        skip_block(x, triple, false);
    } else {
        x->at++;
        skip_quoted(x, quote, flags & LINES_IN_QUOTES || (quote == '`' && flags & BACKTICK));
    }
    put(x, t, CLONE_LITERAL, 'S');
}

// A prefix of a string literal: r"…", u'…', L"…".
static bool is_prefix(const struct clone_lexer *x, const char *start, size_t n) {
    if (n > 2 || x->at == x->end)
        return false;
    bool letters = true;
    for (size_t k = 0; k < n; k++)
        letters = letters && memchr("rRbBuUfFLc", start[k], 10) != NULL;
    return letters && (*x->at == '"' || *x->at == '\'' ||
                       (*x->at == '#' && x->syntax->flags & RAW_HASH && x->end - x->at > 1 &&
                        (x->at[1] == '"' || x->at[1] == '#')));
}

static void lex_prefixed(struct clone_lexer *x, struct clone_token *t, const char *start,
                         size_t n) {
    uint32_t flags = x->syntax->flags;
    bool raw = memchr(start, 'r', n) || memchr(start, 'R', n);
    if (flags & RAW_HASH && raw) {
        skip_raw_hash(x);
        put(x, t, CLONE_LITERAL, 'S');
    } else if (flags & RAW_PAREN && raw && *x->at == '"') {
        x->at++;
        skip_raw_paren(x);
        put(x, t, CLONE_LITERAL, 'S');
    } else {
        lex_quote(x, t);
    }
}

static bool is_text(const char *word, size_t n, const char *text) {
    return strlen(text) == n && memcmp(word, text, n) == 0;
}

static bool begins_import(const struct clone_lexer *x, const char *word, size_t n) {
    for (const char *const *k = x->syntax->imports; *k; k++)
        if (is_text(word, n, *k))
            return x->at < x->end && *x->at != '(' && *x->at != '.';
    return false;
}

// const x = require("y"): the imports of JavaScript before it had any.
static bool is_require(const struct clone_lexer *x, const char *word, size_t n) {
    if (x->syntax->imports != imports_of_js ||
        !(is_text(word, n, "const") || is_text(word, n, "var") || is_text(word, n, "let")))
        return false;
    const char *eol = memchr(x->at, '\n', (size_t)(x->end - x->at));
    size_t rest = (size_t)((eol ? eol : x->end) - x->at);
    return memmem(x->at, rest, "= require(", 10) != NULL;
}

// To the statement's end: `;`, or a line break outside of brackets.
static void skip_import(struct clone_lexer *x) {
    unsigned depth = 0;
    while (x->at < x->end) {
        char c = *x->at;
        struct clone_token unused;
        if (c == '(' || c == '{')
            depth++;
        else if ((c == ')' || c == '}') && depth)
            depth--;
        else if (c == ';' || (c == '\n' && !depth)) {
            x->at += c == ';';
            return;
        }
        if (class_of(c) == QUOTE) {
            lex_quote(x, &unused);
        } else if (!skip_comment(x)) {
            if (c == '\n')
                new_line(x);
            x->at++;
            x->line_start = x->line_start && class_of(c) == SPACE;
        }
    }
}

// False: it was an import, and nothing came of it.
static bool lex_word(struct clone_lexer *x, struct clone_token *t) {
    const char *start = x->at;
    uint32_t h = 2166136261U;
    while (x->at < x->end && is_word(x, *x->at))
        h = (h ^ (unsigned char)*x->at++) * 16777619U;
    size_t n = (size_t)(x->at - start);
    if (is_prefix(x, start, n)) {
        lex_prefixed(x, t, start, n);
        return true;
    }
    if (x->line_start && !x->imports && (begins_import(x, start, n) || is_require(x, start, n))) {
        skip_import(x);
        return false;
    }
    put(x, t, CLONE_WORD, h);
    if (is_text(start, n, "return"))
        x->value_before = false;
    return true;
}

static void lex_number(struct clone_lexer *x, struct clone_token *t) {
    while (x->at < x->end && (class_of(*x->at) == WORD || class_of(*x->at) == DIGIT ||
                              (*x->at == '.' && x->end - x->at > 1 && class_of(x->at[1]) == DIGIT)))
        x->at++;
    put(x, t, CLONE_LITERAL, 'N');
}

static bool lex_regex(struct clone_lexer *x, struct clone_token *t) {
    const char *at = x->at + 1;
    bool in_class = false;
    for (; at < x->end && *at != '\n' && (*at != '/' || in_class); at++) {
        if (*at == '[')
            in_class = true;
        else if (*at == ']')
            in_class = false;
        else if (*at == '\\' && x->end - at > 1)
            at++;
    }
    if (at >= x->end || *at != '/')
        return false;
    x->at = at + 1;
    put(x, t, CLONE_LITERAL, 'R');
    return true;
}

// One character each: `->` and `- >` need not be told apart to find copies, and a copy's length in
// tokens is then the one that other detectors count.
static void lex_sign(struct clone_lexer *x, struct clone_token *t) {
    char c = *x->at++;
    put(x, t, CLONE_SIGN, (unsigned char)c);
    x->value_before = c == ')' || c == ']' || c == '}';
}

static bool skip_include(struct clone_lexer *x) {
    const char *at = x->at + 1;
    while (at < x->end && (*at == ' ' || *at == '\t'))
        at++;
    if ((size_t)(x->end - at) < 7 || memcmp(at, "include", 7) != 0)
        return false;
    skip_line(x);
    return true;
}

static void skip_space(struct clone_lexer *x) {
    for (; x->at < x->end && class_of(*x->at) == SPACE; x->at++)
        if (*x->at == '\n')
            new_line(x);
}

bool clone_lexer_next(struct clone_lexer *x, struct clone_token *t) {
    for (;;) {
        skip_space(x);
        if (x->at >= x->end)
            return false;
        char c = *x->at;
        x->from = x->at;
        t->line = x->line & 0x3FFFFFFFU;
        switch (class_of(c)) {
        case WORD:
            if (lex_word(x, t))
                return true;
            continue;
        case DIGIT:
            lex_number(x, t);
            return true;
        case QUOTE:
            lex_quote(x, t);
            return true;
        default:
            break;
        }
        if (c == '$' && x->syntax->flags & DOLLAR_WORDS) {
            if (lex_word(x, t))
                return true;
            continue;
        }
        if (skip_comment(x) ||
            (c == '#' && x->line_start && x->syntax->flags & PREPROCESSOR && skip_include(x)))
            continue;
        if (c == '/' && x->syntax->flags & REGEX && !x->value_before && lex_regex(x, t))
            return true;
        lex_sign(x, t);
        return true;
    }
}
