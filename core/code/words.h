// Words for search in code: identifiers are split (camelCase, snake_case, digits), folded to lower
// case and lightly stemmed, in the index and in questions alike. Pure; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { WORD_BYTES_MAX = 40 }; // longer runs are cut

// One folded word: not terminated, valid during the call. A negative return stops.
typedef int word_fn(void *ctx, const char *word, size_t n);
// Words of an identifier; the whole one, folded, comes first when it has more than one part.
int words_of_identifier(const char *text, size_t n, word_fn *on_word, void *ctx);
// Words of prose or code: identifiers inside are treated as above; stop words are left out.
int words_of_text(const char *text, size_t n, word_fn *on_word, void *ctx);
