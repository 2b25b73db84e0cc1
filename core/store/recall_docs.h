// Second stage of recall, reading: the candidates' words against the concepts of the question.
#pragma once

#include "core/store/recall_pool.h"

struct doc {
    int64_t id, prev_id, next_id, thread, created_ms;
    uint32_t source; // hash of the source's first term
    unsigned state;  // enum note_state
    bool shown;      // passes the query's filters; else it only lends its words to neighbours
    bool spare;      // read because it lay beside another; as good as not there until it is needed
    float words;     // length
    float near;      // pairs of concepts that stand as in the question
    float tf[CONCEPTS_MAX];
    float own;   // score of its own words and those beside it
    float score; // the final one
};
enum { DOCS_LEADING_MAX = 64 };
struct docs {
    struct doc *items;
    size_t count, cap;
    uint32_t *slots; // open addressing over items, index + 1
    size_t slot_count;
    int64_t leading[DOCS_LEADING_MAX]; // the most promising ones: their neighbours are read too
    size_t leading_count;
};

void docs_done(struct docs *d);                          // accepts a zeroed one
struct doc *docs_find(const struct docs *d, int64_t id); // NULL: not loaded, or id is 0
// Every note of the scope (few of them).
int docs_scan(struct db *db, const struct scope *scope, const struct question *q, struct docs *d,
              struct err *err);
// The newest `max` notes that pass the filters; *ret_whole: there are no others.
int docs_walk(struct db *db, const struct scope *scope, const struct question *q, size_t max,
              struct docs *d, bool *ret_whole, struct err *err);
// df and idf of the concepts, of these documents alone.
void docs_idf(const struct docs *d, struct question *q);
// The best of the pool that pass the filters, at most `max`.
int docs_load(struct db *db, const struct scope *scope, const struct question *q,
              const struct pool *pool, size_t max, struct docs *d, struct err *err);
// The notes before and after those that are loaded, in their threads.
int docs_load_neighbours(struct db *db, const struct scope *scope, const struct question *q,
                         struct docs *d, struct err *err);
