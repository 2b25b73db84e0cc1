// Copied code: fingerprints of token runs by winnowing (Schleimer, Wilkerson, Aiken 2003) over a
// fast lexer, so that no tree is needed. Any thread.
#pragma once

#include "core/base/err.h"
#include "core/code/facts.h"

enum { CLONES_TOKENS_MIN = 50 }; // shortest run that counts as a copy

// Fingerprints of one text in order of position; names as they are, literals by class, comments
// and layout left out. *ret of *ret_count: mem_free; *ret_tokens: tokens of the file.
int clones_fingerprint(enum lang lang, const char *text, size_t bytes, struct fact_clone **ret,
                       uint32_t *ret_count, uint32_t *ret_tokens, struct err *err);

struct clone_source { // one file's share
    const struct fact_clone *clones;
    uint32_t count;
    uint32_t file; // the caller's number
};
struct clone_pair { // the same code in two places
    uint32_t file_a, line_a, end_line_a;
    uint32_t file_b, line_b, end_line_b; // (file_a, line_a) < (file_b, line_b)
    uint32_t tokens;
};
// The text of a file that was fingerprinted, borrowed until the next call. Negative: not to be had.
typedef int clone_text_fn(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                          size_t *ret_bytes);
struct clone_options {
    uint32_t tokens_min; // 0 = CLONES_TOKENS_MIN
    uint32_t pairs_max;  // 0 = 10,000: longest first
    int64_t only_file;   // < 0: all against all; else pairs that touch this file
    clone_text_fn *text; // may be NULL: then a copy's borders are only known to about 12 tokens
    void *ctx;
};
// Maximal pairs, longest first, ties by place. *ret: mem_free. Left out: what occurs in more than
// 64 places, runs with few different tokens or few names (tables of numbers), and a pair inside of
// a longer one of the same two files. Copies within one file do not overlap.
int clones_match(const struct clone_source *sources, uint32_t count, const struct clone_options *o,
                 struct clone_pair **ret, uint32_t *ret_count, struct err *err);
