// Inside of the lexical tier: one pass over bytes, by family of languages. No family recurses; what
// stands open is kept on a small stack, and what lies deeper than it is not looked at.
#pragma once

#include "core/code/facts_make.h"

#include <string.h>

enum { LEX_TOKENS_MAX = 192, LEX_SCOPES_MAX = 48, LEX_LOOK_MAX = 4096, LEX_BRANCHES_MAX = 24 };

enum lex_kind { // of tokens: identifier, literal; anything else is its first byte
    LEX_END = 0,
    LEX_WORD = 'a',
    LEX_STRING = '"',
    LEX_NUMBER = '0',
};
struct lex_token {
    uint32_t start, end, line;
    uint8_t kind;
};

struct lex_scope {
    uint32_t symbol; // 1 + index, 0 = none
    uint32_t depth;  // of braces (or columns of indentation) around what it holds
    uint8_t kind;    // the family's own
    bool hidden;
    uint8_t access;
    struct lex_token lead; // first token of the statement that opened it
};

struct lex {
    struct maker *m;
    const char *t;
    uint32_t n, at, line;
    enum lang lang;
    const char *path;
    bool is_header;
    uint32_t line_start;                     // byte
    uint32_t doc_end;                        // byte behind the last comment that stood alone
    struct lex_scope scopes[LEX_SCOPES_MAX]; // [0] is the file's
    uint32_t depth;                          // scopes that are open, the file's included
    struct lex_token tokens[LEX_TOKENS_MAX]; // of the statement that is being read
    uint32_t count;
    uint32_t previous; // kind of the token before, for regular expressions of JavaScript
    uint32_t brace;    // open braces of C, put back at #else to what they were at #if
    uint32_t heredoc, heredoc_bytes; // word that ends the text behind this line
    uint32_t closed_name;            // of the class that was closed last
    uint32_t branches[LEX_BRANCHES_MAX], branch_depth;
};

// Classes of bytes.
enum { LEX_IS_WORD = 1, LEX_IS_DIGIT = 2, LEX_IS_SPACE = 4 };
extern const uint8_t lex_classes[256];
static inline bool lex_is_word(char c) {
    return (lex_classes[(unsigned char)c] & (LEX_IS_WORD | LEX_IS_DIGIT)) != 0;
}

// The next token; comments and white space are passed over, preprocessor lines too (lex_directive
// is called for those of C).
struct lex_token lex_next(struct lex *x);
// After an opening bracket: behind the one that closes it. False at the end of the text.
bool lex_skip_block(struct lex *x, char open, char close);
void lex_skip_string(struct lex *x, char quote);
void lex_skip_line(struct lex *x);
void lex_directive(struct lex *x); // at a '#' that begins a line of C

static inline bool lex_is(const struct lex *x, const struct lex_token *t, const char *word) {
    size_t n = strlen(word);
    return t->end - t->start == n && memcmp(x->t + t->start, word, n) == 0;
}
bool lex_in(const struct lex *x, const struct lex_token *t, const char *const *words, size_t count);
bool lex_is_caps(const struct lex *x, const struct lex_token *t);

struct lex_definition {
    enum symbol_kind kind;
    uint8_t flags;
    uint32_t start, end; // end 0: set by lex_close
    uint32_t body;       // 0 = none yet
    uint32_t line;
    const char *name;
    size_t n;
};
uint32_t lex_define(struct lex *x, const struct lex_definition *d); // 1 + index
void lex_open(struct lex *x, uint32_t symbol, uint32_t depth, uint8_t kind);
// The innermost scope ends before byte `at`, on line `line`.
void lex_close(struct lex *x, uint32_t at, uint32_t line);
static inline struct lex_scope *lex_scope(struct lex *x) {
    return &x->scopes[x->depth - 1];
}
static inline uint32_t lex_symbol(const struct lex *x) {
    return x->scopes[x->depth - 1].symbol;
}
void lex_import(struct lex *x, const char *module, size_t n, uint32_t line, bool local);

void lex_c(struct lex *x);       // C, C++, Java, C#
void lex_script(struct lex *x);  // JavaScript, TypeScript
void lex_keyword(struct lex *x); // Go, Rust, Kotlin, Swift, Scala, PHP, Perl
void lex_indent(struct lex *x);  // Python, Ruby, Lua
void lex_lines(struct lex *x);   // shells, Markdown, SQL, CSS, HTML, make, CMake, TOML
