// Second stage of recall: the candidates' words are read and every note gets its exact score. Own
// words count most; the neighbours in the thread lend theirs.
#pragma once

#include "core/store/recall_pool.h"

struct doc {
    int64_t id, prev_id, next_id, thread, created_ms;
    uint32_t source; // hash of the source's first term
    unsigned state;  // enum note_state
    float words;     // length
    bool shown;      // passes the query's filters
    float near;      // concepts that stand together, weighted
    float score;
    float own;
    float tf[CONCEPTS_MAX];
};
struct docs {
    struct doc *items;
    size_t count, cap;
    uint32_t *slots;
    size_t slot_count;
    double words; // of all
};

void docs_done(struct docs *d); // accepts a zeroed one
struct doc *docs_find(const struct docs *d, int64_t id);
// Every note of the scope (few of them).
int docs_scan(struct db *db, const struct scope *scope, struct question *q, struct docs *d,
              struct err *err);
// The newest `max` notes that pass the filters; *ret_whole: there are no more.
int docs_walk(struct db *db, const struct scope *scope, struct question *q, size_t max,
              struct docs *d, bool *ret_whole, struct err *err);
// df and idf of the concepts, of these documents alone.
void docs_idf(const struct docs *d, struct question *q);
// The best of the pool that pass the filters, at most `max`.
int docs_load(struct db *db, const struct scope *scope, const struct question *q,
              const struct pool *pool, size_t max, struct docs *d, struct err *err);
int docs_load_neighbours(struct db *db, const struct scope *scope, const struct question *q,
                         struct docs *d, struct err *err);
void docs_score(struct docs *d, const struct question *q, const struct recall_query *query);
