// Text of any language to the terms that are indexed, stored and looked for: folded, stemmed,
// identifiers both whole and in their parts, scripts without blanks in pairs of characters.
// Bytes that are no UTF-8, control characters and punctuation separate; nothing fails. Any thread.
#pragma once

#include "core/base/buf.h"

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORD_BYTES_MAX = 64, // of a term; what is longer is cut
    WORDS_MAX = 4096,    // of a text kept in order; of what follows, each new term once
    WORDS_HEAD_MAX = 255 // the same of subject and tags together
};

enum word_flags {
    WORD_NAME = 1, // begins with a capital and does not begin a sentence
    WORD_EXTRA =
        2, // stands at the place of the term before it (whole identifier, single character)
    WORD_FLAGS = 3
};

struct word {
    const char *term; // borrowed until the callback returns; ASCII letters, digits, bytes from 0x80
    size_t len;
    const char *plain; // the same before stemming; equal to `term` when nothing was stemmed
    size_t plain_len;
    uint32_t hash; // of term; the low bits (WORD_FLAGS) are zero
    unsigned flags;
    size_t at; // offset in the text
};
typedef void word_fn(void *ctx, const struct word *w);
void words_each(const char *text, size_t n, word_fn *fn, void *ctx);

uint32_t word_hash(const char *term, size_t n);
// Too frequent in English to tell notes apart ("the", "what", "did").
bool word_is_stop(const char *plain, size_t n);

// What `note_rank.words` holds: little-endian 32-bit values, each hash | flags. Value 0: number of
// values of subject and tags. Value 1: hash of the source's first term, or 0. Then those, then the
// text's.
struct words_packed {
    const uint8_t *bytes;
    size_t head, total; // counts, beginning after the two leading values
    uint32_t source;
};
bool words_unpack(const void *blob, size_t n, struct words_packed *ret); // false: damaged
static inline uint32_t words_at(const struct words_packed *p, size_t i) {
    uint32_t v;
    __builtin_memcpy(&v, p->bytes + 4 * i, sizeof v);
    return le32toh(v);
}

struct words_of_note {
    struct buf packed; // the blob
    struct buf terms;  // for the full-text index: each term once, one blank between
    unsigned traits;   // enum word_traits
};
enum word_traits { TRAIT_QUESTION = 1, TRAIT_TEMPORAL = 2, TRAIT_NUMBER = 4 };
// Makes both; `tags` '\n'-separated; any may be NULL. ERR_NOMEM. Release with words_of_note_done.
struct words_source {
    const char *text, *subject, *tags, *source;
    size_t text_bytes;
};
int words_of_note(const struct words_source *from, struct words_of_note *ret, struct err *err);
void words_of_note_done(struct words_of_note *w);
