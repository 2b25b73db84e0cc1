// Words for search in code: identifiers are split (camelCase, snake_case, digits), folded to lower
// case and lightly stemmed (plurals, -ing, -ed), in the index and in questions alike. ASCII is
// folded; other bytes are letters as they are. Pure; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORD_BYTES_MAX = 40 }; // longer runs are cut

// One folded word: not terminated, valid during the call. A negative return stops.
typedef int word_fn(void *ctx, const char *word, size_t n);
// Words of an identifier; the whole one, folded, comes first when it has more than one part. Parts
// of one byte and stop words are left out where there are other parts.
int words_of_identifier(const char *text, size_t n, word_fn *on_word, void *ctx);
// Words of prose or code: identifiers inside are treated as above; stop words and numbers (but for
// those of three or four digits: status codes, standards) are left out.
int words_of_text(const char *text, size_t n, word_fn *on_word, void *ctx);
// Next run of letters, digits and underscores that words_of_text would split, from *at on; false at
// the end. *at moves behind it.
bool words_next(const char *text, size_t n, size_t *at, size_t *ret_start, size_t *ret_n);
bool words_stop(const char *folded, size_t n); // "the", "of", "is" …
