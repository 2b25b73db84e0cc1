// The history of a workspace's repository, kept in the store's cache (core/store/store_cache.h)
// between two lives of the engine: then a start reads the new commits only. What is locked, full,
// damaged or not there is slow, never an error. Blocks: for pool workers; any thread, another
// history each.
#pragma once

#include "core/workspace/history.h"

struct store;

enum {
    HISTORY_CACHE_BYTES_MAX = 32 * 1024 * 1024, // larger ones are read again
    HISTORY_CACHE_DAYS = 90                     // unused for longer: it goes
};

// `store` may be NULL. *h stays as it is when nothing (usable) is there.
void history_cache_load(struct store *store, const char *workspace, struct history *h);
void history_cache_save(struct store *store, const char *workspace, const struct history *h);
