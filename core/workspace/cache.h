// What the index worked out once, kept in the store's cache (core/store/store_cache.h): facts under
// a key made of content, language, path and version; and for each workspace the list of its files,
// so that a restart needs a look at the files, not their contents.
//
// A cache that is locked, full, damaged or not there is a slow one, never an error. Texts of
// editors are not kept. Used by the threads of one index; each with a `struct cache_reader` of its
// own, which holds a connection from its first use to cache_reader_done.
#pragma once

#include "core/workspace/entry.h"

enum {
    CACHE_BATCH_BYTES = 2 * 1024 * 1024, // of one transaction
    CACHE_BATCH_BLOCKS = 400,
    CACHE_WORKSPACE_BYTES_MAX = 96 * 1024 * 1024, // of blocks written for one workspace at once
    CACHE_TABLE_BYTES_MAX = 60 * 1024 * 1024,
    CACHE_KEY_BYTES = 16
};

struct store;
struct cache;
struct cache *cache_new(struct store *store, const char *workspace); // NULL when out of memory
void cache_free(struct cache *c);                                    // accepts NULL
// Facts without trees, references and words are asked for and kept: others than the full ones.
void cache_set_small(struct cache *c, bool small);

struct cache_reader {
    struct cache *cache; // NULL: none
    struct db *db;
    bool failed; // not asked any more
    int result;
};
void cache_reader_done(struct cache_reader *r);

// The list as it was saved: entries with stat and hash, those with facts in state ENTRY_NEW and a
// `block`. Sorted by path. Nothing there: 0 entries. ERR_NOMEM.
int cache_load(struct cache *c, struct entry ***ret, uint32_t *ret_count);
// The facts that e->block says; else those of e's content (hash, language, path). NULL: not there.
struct unit *cache_block(struct cache_reader *r, const struct entry *e);
struct unit *cache_find(struct cache_reader *r, const struct entry *e);

// Writes the facts that are not there yet, then the list. Stops between two transactions when
// *stop. Counts what was written.
void cache_save(struct cache *c, struct entry *const *entries, uint32_t count,
                const atomic_bool *stop, uint32_t *ret_written);
