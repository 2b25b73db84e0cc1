// Small things that the router keeps in a form of its own (weights, quota windows): bytes under a
// key. Nothing of a workspace belongs here: only an erase of everything takes them. Reading
// functions take a reader's connection, writing ones the writer's inside store_write. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/db/db.h"

enum {
    BLOB_KEY_BYTES_MAX = 128,
    BLOB_BYTES_MAX = 4 * 1024 * 1024, // of one value
    BLOBS_MAX = 256                   // keys
};

// Appends the value to `ret`: 1 found, 0 none.
int blob_get(struct db *db, const char *key, struct buf *ret, struct err *err);
// `bytes` NULL removes it. ERR_LIMIT: key, value or number of keys; ERR_INVAL: an empty key.
int blob_put(struct db *db, const char *key, const void *bytes, size_t n, int64_t now_ms,
             struct err *err);

struct blob {
    const char *key; // borrowed during the call, as `bytes`
    const void *bytes;
    size_t n;
    int64_t changed_ms;
};
// A negative return stops it.
typedef int blob_fn(void *ctx, const struct blob *blob, struct err *err);
// Those whose key begins with `prefix`, by key. "" gives all.
int blob_each(struct db *db, const char *prefix, blob_fn *fn, void *ctx, struct err *err);
