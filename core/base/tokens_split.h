// Cuts text into the pieces that the o200k vocabulary encodes one by one, as the vocabulary's own
// regular expression does (words with the character before them, up to three digits, punctuation
// with line ends, blanks), written by hand: one pass, no backtracking, no memory.
// Source: the pattern of o200k_base in tiktoken. Bytes that are not UTF-8 count as U+FFFD, one for
// each maximal part of a sequence (Unicode 15, section 3.9, table 3-8). Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// End of the piece that begins at `at` (< n). *ret_odd: it has bytes that are not UTF-8.
size_t split_next(const uint8_t *s, size_t n, size_t at, bool *ret_odd);

// Bytes of the character at s (n > 0), or of what one U+FFFD stands for: then *ret_odd is set.
size_t split_char(const uint8_t *s, size_t n, bool *ret_odd);
