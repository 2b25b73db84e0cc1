// English words to their stems, in place: a table of irregular forms, then Porter's algorithm
// (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980). Any thread.
#pragma once

#include <stddef.h>

// `word`: `n` lower-case ASCII letters with room for two more bytes. Returns the new length.
size_t recall_stem(char *word, size_t n);
