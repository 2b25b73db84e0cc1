// How many model tokens a text costs. A linear estimator for now (the exact o200k counter joins
// with the code index); everything that has a token budget asks here. Any thread.
#pragma once

#include <stddef.h>

size_t tokens_count(const char *text, size_t n);
// Longest prefix of at most `budget` tokens, cut on a UTF-8 and, where near, a word border.
size_t tokens_prefix(const char *text, size_t n, size_t budget);
