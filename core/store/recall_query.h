// A question in words to what recall looks for: concepts (a term and what counts as it). Any
// thread.
#pragma once

#include "core/store/recall_words.h"

enum {
    CONCEPTS_MAX = 32,
    ALTERNATIVES_MAX = 8, // of one concept, the term itself among them
    LOOKUP_SLOTS = 1024,  // power of two, over 2 * CONCEPTS_MAX * ALTERNATIVES_MAX
    FILTER_SLOTS = 1024   // power of two
};

struct alternative {
    char term[WORD_BYTES_MAX + 8];
    size_t len;
    uint32_t hash;
    float weight; // 1 for the term itself
};
struct concept {
    struct alternative alternatives[ALTERNATIVES_MAX];
    size_t count;
    bool stop;    // a stop word; kept only when there is nothing else
    bool name;    // written with a capital inside a sentence
    bool whole;   // an identifier of several parts, as one term
    size_t place; // position in the query
    int64_t df;   // notes that have it, estimated
    double idf;
};
struct lookup_slot {
    uint32_t hash; // 0: empty
    float weight;
    uint32_t concept;
};
enum question_cues { CUE_WHEN = 1 };
struct question {
    struct concept concepts[CONCEPTS_MAX];
    size_t count;
    unsigned cues;
    bool may_have[FILTER_SLOTS]; // by some bits of each hash that is in slots
    struct lookup_slot slots[LOOKUP_SLOTS];
};

// Deterministic. Words beyond CONCEPTS_MAX are left out.
void question_parse(const char *text, size_t n, struct question *ret);
// Another term that counts as the concept; ignored when known or when there is no room.
void question_add(struct question *q, size_t concept, const char *term, size_t n, float weight);

// Sets df and, from it, idf as in BM25 (never negative).
void concept_set_df(struct concept *c, int64_t df, int64_t notes);

// False for nearly every hash that is not looked for; its low bits (WORD_FLAGS) do not matter.
static inline bool question_may_have(const struct question *q, uint32_t hash) {
    return q->may_have[hash >> 2 & (FILTER_SLOTS - 1)];
}

static inline const struct lookup_slot *question_find(const struct question *q, uint32_t hash) {
    for (size_t k = hash >> 2;; k++) {
        const struct lookup_slot *s = &q->slots[k & (LOOKUP_SLOTS - 1)];
        if (s->hash == hash)
            return s;
        if (!s->hash)
            return NULL;
    }
}
