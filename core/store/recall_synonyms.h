// A small thesaurus of everyday English and of software work, our own. Words of one group stand for
// each other with a lower weight than the word itself. Any thread.
#pragma once

#include <stddef.h>

typedef void synonym_fn(void *ctx, const char *term, size_t n);
// Calls fn for the terms (stemmed) that may stand for this one.
void synonyms_each(const char *term, size_t n, synonym_fn *fn, void *ctx);
