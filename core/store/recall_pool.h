// First stage of recall: which notes are worth a second look. Bounded work whatever the words are:
// rare words are followed to their end, frequent ones newest first as far as the budget goes.
#pragma once

#include "core/store/memory.h"
#include "core/store/recall_query.h"

enum {
    POOL_RANGES_MAX = 2,
    POOL_SCAN_MAX = 1024, // a scope of so few notes is looked at whole
    POOL_CANDIDATES_MAX = 16384,
    POOL_ORDERED = 512
};

struct id_range {
    int64_t first, last; // of note ids
    int64_t notes;       // about how many are in it
};
struct scope {
    struct id_range ranges[POOL_RANGES_MAX];
    size_t count;
    int64_t notes;     // about how many in all
    int64_t labels[2]; // a note must have both; the rarer first; 0 = none asked for
    bool nothing;      // a tag that no note has
    const struct recall_query *query;
    struct rank_cache *ranks; // with rows of this snapshot, which is of the epoch; or NULL
    uint64_t epoch;
};
static inline bool scope_filtered(const struct scope *s) {
    return s->labels[0] || s->query->since_ms || s->query->until_ms;
}
// The notes that a query may see.
int scope_resolve(struct db *db, const struct recall_query *query, struct scope *ret,
                  struct err *err);

struct candidate {
    int64_t id;
    uint32_t mask; // concepts it is known to have
    float rough;   // their weight
};
struct pool {
    struct candidate *items; // once gathered: the first `ordered` best first, the rest below them
    size_t count, cap, ordered;
    uint32_t *slots; // open addressing over items, index + 1
    size_t slot_count;
};
// Fills the pool, and df and idf of every concept.
int pool_gather(struct db *db, const struct scope *scope, struct question *q, struct pool *pool,
                struct err *err);
void pool_order_rest(struct pool *pool); // what lies behind `ordered`
void pool_done(struct pool *pool);       // accepts a zeroed one
