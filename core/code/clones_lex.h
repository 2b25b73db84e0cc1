// Inside of clones*.c: a lexer that serves all languages alike, at some hundred MB a second. It
// needs to be consistent, not right: equal text has to give equal tokens. Comments and layout give
// none, nor do import statements, which are alike in files that have nothing else in common.
#pragma once

#include "core/code/language.h"

enum clone_token_kind { CLONE_WORD, CLONE_LITERAL, CLONE_SIGN };

struct clone_token {
    uint32_t hash; // of a word's or a sign's text, of a literal's class
    uint32_t line : 30;
    uint32_t kind : 2; // enum clone_token_kind
};

struct clone_lexer {
    const char *at, *end;
    const char *from;                  // where the last token begins; it ends at `at`
    const struct clone_syntax *syntax; // of the language
    uint32_t line;                     // of `at`, from 1
    bool line_start;                   // no token on this line yet
    bool value_before;                 // the last token ends an expression: `/` divides
    bool imports;                      // import statements give tokens like any other
};

// False when the language has no code that could be copied.
bool clone_lexer_start(struct clone_lexer *x, enum lang lang, const char *text, size_t bytes);
bool clone_lexer_next(struct clone_lexer *x, struct clone_token *ret); // false at the end
