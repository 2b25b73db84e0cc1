// What a generated lexer does for each character, without calls: forced into the parser.c of every
// grammar (-include) and nowhere else. The core's own functions answer whatever is not usual here:
// line ends, characters beyond ASCII, the end of the text.
//
// Holds where the text comes as one chunk of UTF-8 without included ranges, which is the only way
// core/code/syntax.c gives it.
//
// Source: tree-sitter 0.25, lib/src/lexer.c (what has to come out), tree_sitter/parser.h (macros).
#pragma once

#include "tree_sitter/parser.h" // the grammar's

#include "third_party/tree_sitter/lexer_view.h"

static inline __attribute__((always_inline)) void lexing_advance(TSLexer *lexer, bool skip) {
    struct lexer_view *l = (struct lexer_view *)lexer;
    uint32_t next = l->at.bytes + 1 - l->chunk_start;
    if (next < l->chunk_size && l->lookahead_size == 1 && l->lookahead != '\n') {
        unsigned char c = (unsigned char)l->chunk[next];
        if (c < 0x80) {
            l->at.bytes++;
            l->at.column++;
            l->column_value += l->column_valid;
            l->lookahead = c;
            if (skip)
                l->token_start = l->at;
            return;
        }
    }
    lexer->advance(lexer, skip);
}

static inline __attribute__((always_inline)) void lexing_mark_end(TSLexer *lexer) {
    struct lexer_view *l = (struct lexer_view *)lexer;
    l->token_end = l->at;
}

// Ranges stand in ascending order; those of ASCII are the first few of some hundred.
static inline bool lexing_set_contains(const TSCharacterRange *ranges, uint32_t count,
                                       int32_t lookahead) {
    if (lookahead >= 0x80)
        return set_contains((TSCharacterRange *)ranges, count, lookahead);
    for (uint32_t i = 0; i < count && ranges[i].start <= lookahead; i++)
        if (lookahead <= ranges[i].end)
            return true;
    return false;
}
#define set_contains lexing_set_contains

// First state for a character in a list of (character, state): remembered for ASCII, 0 = not yet
// asked. Threads may race for an element, but all write the same.
enum { LEXING_NONE = UINT16_MAX };
static inline uint16_t lexing_find(const uint16_t *map, uint32_t count, int32_t lookahead) {
    for (uint32_t i = 0; i < count; i += 2)
        if (map[i] == lookahead)
            return map[i + 1];
    return LEXING_NONE;
}
static inline uint16_t lexing_map(const uint16_t *map, uint32_t count, uint16_t *known,
                                  int32_t lookahead) {
    if ((uint32_t)lookahead >= 0x80)
        return lexing_find(map, count, lookahead);
    uint16_t state = __atomic_load_n(&known[lookahead], __ATOMIC_RELAXED);
    if (!state) {
        state = lexing_find(map, count, lookahead);
        state = state == LEXING_NONE ? state : (uint16_t)(state + 1);
        __atomic_store_n(&known[lookahead], state, __ATOMIC_RELAXED);
    }
    return state == LEXING_NONE ? state : (uint16_t)(state - 1);
}
#undef ADVANCE_MAP
#define ADVANCE_MAP(...)                                                                           \
    {                                                                                              \
        static const uint16_t map[] = {__VA_ARGS__};                                               \
        static uint16_t known[0x80];                                                               \
        uint16_t found = lexing_map(map, sizeof map / sizeof map[0], known, lookahead);            \
        if (found != LEXING_NONE) {                                                                \
            state = found;                                                                         \
            goto next_state;                                                                       \
        }                                                                                          \
    }

// `eof = lexer->eof(lexer)`: at the end the lookahead is 0, so that others need not ask.
#define eof(l) lookahead == 0 && (l)->eof(l)

#undef START_LEXER
#define START_LEXER()                                                                              \
    bool result = false;                                                                           \
    bool skip = false;                                                                             \
    bool eof __attribute__((unused)) = false;                                                      \
    int32_t lookahead;                                                                             \
    goto start;                                                                                    \
    next_state:                                                                                    \
    lexing_advance(lexer, skip);                                                                   \
    start:                                                                                         \
    skip = false;                                                                                  \
    lookahead = lexer->lookahead;

#undef ACCEPT_TOKEN
#define ACCEPT_TOKEN(symbol_value)                                                                 \
    result = true;                                                                                 \
    lexer->result_symbol = symbol_value;                                                           \
    lexing_mark_end(lexer);

// Generated parsers switch the optimiser off for themselves (#pragma GCC optimize ("O0") and the
// like), to compile in an instant; that makes their lexers three times slower. Every header that
// they include has been read above.
#undef __GNUC__
#undef __clang__
#undef _MSC_VER
