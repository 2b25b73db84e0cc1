// Rows of note_rank in memory, across questions: a recall looks at some 160 of them, and finding
// each in the tree of the table costs more than all that is then done with it. One for a store.
//
// Always what the reader's snapshot holds. The writer's connection tells which rows a transaction
// changes; they are thrown away when it is done. `epoch` counts those transactions and is odd while
// one may be half visible: who reads the same even number before and after the beginning of a
// snapshot has a snapshot of just that epoch, and nobody else uses the cache. Any thread, but for
// what is said to be the writer's.
#pragma once

#include "core/db/db.h"
#include "core/store/recall_words.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    RANK_CACHE_SETS = 4096, // of RANK_CACHE_WAYS rows each
    RANK_CACHE_WAYS = 4,
    RANK_CACHE_BYTES_MAX = 2560 * 1024, // of rows; of longer ones fewer stay
    RANK_CACHE_WORDS_MAX = 1024,        // a row with more is not kept
    RANK_CACHE_CHANGES_MAX = 1024       // rows of one transaction; with more all are thrown away
};

struct rank_row {
    int64_t id, created_ms, expires_ms, thread, prev_id, next_id;
    unsigned state;            // enum note_state
    struct words_packed words; // borrowed
};

struct rank_cache;
struct rank_cache *rank_cache_new(void);    // NULL: out of memory
void rank_cache_free(struct rank_cache *c); // after the connections that know it; accepts NULL

// All accept NULL, for a connection without a cache: nothing is found, nothing is kept.
uint64_t rank_cache_epoch(struct rank_cache *c); // odd also for NULL
// Calls fn with the row of `epoch`, if it is there; the row is borrowed until fn returns, which
// must be soon and must not call the cache.
bool rank_cache_get(struct rank_cache *c, uint64_t epoch, int64_t id,
                    void (*fn)(void *ctx, const struct rank_row *row), void *ctx);
void rank_cache_put(struct rank_cache *c, uint64_t epoch, const struct rank_row *row); // copies
void rank_cache_clear(struct rank_cache *c);
size_t rank_cache_rows(struct rank_cache *c);

// The writer's: its connection tells of its changes from now on, and knows the cache
// (db_companion).
void rank_cache_follow(struct rank_cache *c, struct db *writer);
// The writer's, outside any transaction, after each that may have ended.
void rank_cache_settle(struct rank_cache *c);
