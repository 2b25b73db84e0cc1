// The core's `Lexer` as generated lexers see it: unit.c proves at compile time that it is the same.
//
// Source: tree-sitter 0.25, lib/src/lexer.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lexer_place {
    uint32_t bytes, row, column;
};

struct __attribute__((may_alias)) lexer_view {
    int32_t lookahead;
    uint16_t result_symbol;
    void (*calls[6])(void); // … of TSLexer end here
    struct lexer_place at, token_start, token_end;
    void *included_ranges;
    const char *chunk;
    struct {
        void *payload;
        void (*read)(void);
        int encoding;
        void (*decode)(void);
    } input;
    struct {
        void *payload;
        void (*log)(void);
    } logger;
    uint32_t included_range_count, included_range;
    uint32_t chunk_start, chunk_size;
    uint32_t lookahead_size;
    bool did_get_column;
    uint32_t column_value;
    bool column_valid;
};
