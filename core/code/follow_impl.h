// Inside of follow*.c.
#pragma once

#include "core/code/clones_lex.h"
#include "core/code/follow.h"

enum { FOLLOW_TOKENS_MAX = 64, FOLLOW_BREAK = 0 };

struct follow_token {
    const char *text;
    uint32_t hash; // of the text
    uint16_t bytes;
    uint8_t kind; // enum clone_token_kind
    bool kept;    // its text belongs to the form: keywords, called names, members, signs
    bool spaced;  // white space before it
};
struct follow_line_tokens {
    struct follow_token list[FOLLOW_TOKENS_MAX];
    uint32_t count;
};
// Of one line without its indentation. False: too many, or it has none.
bool follow_tokens(enum lang lang, const char *text, size_t bytes, struct follow_line_tokens *ret);
uint32_t follow_form(const struct follow_line_tokens *t, enum lang lang);
uint32_t follow_family(enum lang lang); // languages whose lines are alike have the same

struct follow_text { // one of the different lines
    uint32_t at;     // in the pool
    uint32_t form;   // hash of its form; 0 only for FOLLOW_BREAK
    uint32_t count;  // how often it stands anywhere
    uint16_t bytes;
    uint8_t lang;
    uint8_t tokens;
};
struct follow_line {
    uint32_t text; // index; FOLLOW_BREAK: what is before it and behind do not belong together
    uint16_t file;
    uint8_t indent; // columns, at most 255
};
struct follow {
    char *pool;
    uint32_t pool_bytes, pool_capacity;
    struct follow_text *texts;
    uint32_t text_count, text_capacity;
    uint32_t *table; // 1 + index of a text, by its bytes
    uint32_t table_slots;
    struct follow_line *lines;
    uint32_t line_count, line_capacity;
    uint32_t *order; // lines by the forms before them, nearest first
    uint32_t order_count;
    uint32_t files;
    size_t bytes; // of the texts
};

static inline uint32_t follow_form_at(const struct follow *f, uint32_t line) {
    return f->texts[f->lines[line].text].form;
}
