// What the agents remember of a workspace between sessions: small JSON values under (workspace,
// agent, key). Reading functions take a reader's connection, writing ones the writer's inside
// store_write. Erased with the workspace's notes. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/db/db.h"

#include <stdbool.h>

enum {
    AGENT_VALUE_BYTES_MAX = 256 * 1024,
    AGENT_KEY_BYTES_MAX = 256,
    AGENT_KEYS_MAX = 1000, // of one agent in one workspace
    AGENT_LIST_MAX = 2000  // members of a list that two are joined to
};

// Appends the value to `ret`: 1 found, 0 none.
int agent_store_get(struct db *db, const char *workspace, const char *agent, const char *key,
                    struct buf *ret, struct err *err);
// `value` NULL removes it. ERR_LIMIT: too long, or too many keys.
int agent_store_put(struct db *db, const char *workspace, const char *agent, const char *key,
                    const char *value, size_t bytes, int64_t now_ms, struct err *err);

// What an agent keeps under keys with this prefix, newest first; of one workspace, or of all
// (NULL).
struct agent_store_row {
    const char *workspace, *key, *value; // borrowed during the call
    size_t value_bytes;
    int64_t changed_ms;
};
// A negative return stops it.
typedef int agent_store_fn(void *ctx, const struct agent_store_row *row, struct err *err);
// `after`: the last row of the page before (changed_ms, key); NULL begins with the newest.
int agent_store_newest(struct db *db, const char *workspace, const char *agent, const char *prefix,
                       const struct agent_store_row *after, int64_t limit, agent_store_fn *fn,
                       void *ctx, struct err *err);
// What the user told an agent, and an export holds: what is muted, what a review takes for known.
bool agent_store_exported(const char *agent, const char *key);
// Of an export. Where there is nothing under the key it is put there (*ret_added); of a list what
// is not in the one that is here is added to it, up to AGENT_LIST_MAX; else what is here stays.
int agent_store_import(struct db *db, const char *agent, const struct agent_store_row *row,
                       bool *ret_added, struct err *err);
// Removes a key from every workspace.
int agent_store_drop(struct db *db, const char *agent, const char *key, struct err *err);
