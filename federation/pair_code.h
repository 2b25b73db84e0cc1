// The code that two people tell each other: "7-orbit-maple-canoe". The number finds the other side
// and is no secret; the words are 30 bits of it. Pure functions; any thread.
#pragma once

#include "core/base/env.h"
#include "core/base/err.h"

#include <stdint.h>

enum {
    PAIR_WORDS = 1024,
    PAIR_CODE_WORDS = 3,
    PAIR_WORD_LETTERS_MAX = 7,
    PAIR_NUMBER_MAX = 999,     // from 1
    PAIR_CODE_BYTES_MAX = 32,  // as written, with NUL
    PAIR_TYPED_BYTES_MAX = 128 // as typed
};
extern const char *const pair_words[PAIR_WORDS]; // sorted; for completion, too

struct pair_code { // secret but for the number
    uint16_t number;
    uint16_t words[PAIR_CODE_WORDS];
};
void pair_code_draw(struct env *env, struct pair_code *ret);
void pair_code_format(const struct pair_code *c, char ret[PAIR_CODE_BYTES_MAX]);
// Any case; dashes, spaces, dots or commas between. ERR_INVAL names the word that is none of ours
// and the one that may be meant: a slip costs no guess. ERR_LIMIT.
int pair_code_parse(const char *text, size_t n, struct pair_code *ret, struct err *err);
