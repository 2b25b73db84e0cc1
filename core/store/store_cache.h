// A place beside the store for what can be worked out again: cache.db, encrypted under the store's
// keys, with a lock and connections of its own, so that megabytes written in the background never
// stand in the queue of the notes, nor in their file, its backups, its scrubs and exports.
//
// Nothing in it is precious. Whatever is wrong with it (damage, another version, keys that were
// replaced), it is thrown away and begun anew. Erasing a workspace or everything throws it away
// too. All calls block; any thread.
#pragma once

#include "core/store/store.h"

enum {
    STORE_CACHE_CONNECTIONS = 6,
    STORE_CACHE_VERSION = 3 // of its tables
};
#define STORE_CACHE_BYTES_MAX (256LL * 1024 * 1024) // of blocks; the longest unused go first

// A connection of one's own until given back; soon, because closing and locking the store wait for
// it. ERR_LOCKED, ERR_CLOSED; ERR_BUSY: all are in use, or it is being thrown away; ERR_FULL …
int store_cache_get(struct store *s, struct db **ret, struct err *err);
// `result` is what the work with it came to: damage is found here.
void store_cache_put(struct store *s, struct db *db, int result);
// Throws it away. Waits for those who use it. 0 also when there is none.
int store_cache_drop(struct store *s, struct err *err);
int64_t store_cache_bytes(struct store *s); // of its file; 0 when there is none
