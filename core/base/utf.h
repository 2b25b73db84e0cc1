// UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes (1-4) of the valid sequence at s, or 0 when there is none (or n == 0).
size_t utf_sequence_bytes(const char *s, size_t n);
bool utf_valid(const char *s, size_t n);
// Largest m <= max such that s[0..m) ends on a sequence border; for cutting text without breaking
// it.
size_t utf_cut(const char *s, size_t n, size_t max);
// Code point of the valid sequence at s; *ret_bytes its length. U+FFFD with length 1 when invalid.
uint32_t utf_decode(const char *s, size_t n, size_t *ret_bytes);

// Shows nothing, or changes how what stands around it is shown: controls, marks without width, and
// what turns the direction of text. Texts that strangers wrote are better without.
bool utf_hides(uint32_t c);
