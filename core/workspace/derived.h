// What was worked out of contents alone, under a key made of those contents: findings of a text,
// the measures of a function, what a merge of two commits comes to. The same question about the
// same bytes is answered from here, in this life of the engine and in the next.
//
// Two levels: a few megabytes in memory, the least used go first; and a table in the store's cache
// (core/store/store_cache.h), written at derived_flush. A key holds the kind, the kind's version
// and the build, so that what another build worked out is never found. A cache that is locked,
// full, damaged or not there is a slow one, never an error. Any thread.
//
// Never kept: what a time limit cut, what depends on the clock.
#pragma once

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct derived;

enum {
    DERIVED_KEY_BYTES = 16,
    DERIVED_PARTS_MAX = 16,
    DERIVED_VALUE_BYTES_MAX = 4 * 1024 * 1024,   // larger ones are not kept
    DERIVED_MEMORY_BYTES_MAX = 12 * 1024 * 1024, // of values and what they are found by
    DERIVED_SINGLE_BYTES_MAX = 1024 * 1024,      // in memory: larger ones lie in the store only
    DERIVED_WAITING_BYTES_MAX = 4 * 1024 * 1024, // to be written; then they are, at once
    DERIVED_FILES_MAX = 20000 // a tree with more files is not kept file by file: it would only
                              // push itself out
};
#define DERIVED_STORE_BYTES_MAX (64LL * 1024 * 1024) // of values; the longest unused go first

// Numbers stand in keys: they are not given anew. A kind whose meaning changes within one build
// number (work on it) gets another version.
enum derived_kind {
    DERIVED_SIDE = 1, // sherlock_side.c: findings and functions of a text
    DERIVED_OUTLINE,  // outline.c
    DERIVED_READING,  // reading.c
    DERIVED_COPIES,   // sherlock_copies.c
    DERIVED_DIFF,     // git_diff.c by change_open
    DERIVED_GRAPH,    // branches.c, the next two as well
    DERIVED_TOUCHED,
    DERIVED_MERGE,
    DERIVED_IDIOMS, // edison_mined.c
    DERIVED_EDITS,
    DERIVED_MATCHES,
    DERIVED_MAYA // maya_walk.c
};

// `store` is asked each time: it may be locked, opened, exchanged. `build` (core/base/build.h) is
// copied. NULL when out of memory.
struct derived *derived_new(struct store *(*store)(void *ctx), void *ctx, const char *build);
void derived_free(struct derived *d); // accepts NULL; what waits is not written

struct derived_key {
    uint8_t bytes[DERIVED_KEY_BYTES];
};
struct derived_part {
    const void *bytes;
    size_t n;
};
// `d` may be NULL in all of these.
struct derived_key derived_key(const struct derived *d, enum derived_kind kind, uint32_t version,
                               const struct derived_part *parts, size_t count);
#define DERIVED_TEXT(s)  ((struct derived_part){(s), strlen(s)})
#define DERIVED_VALUE(v) ((struct derived_part){&(v), sizeof(v)})

// Appends the value. false: not there (or out of memory).
bool derived_get(struct derived *d, const struct derived_key *key, struct buf *ret);
void derived_put(struct derived *d, const struct derived_key *key, const void *bytes, size_t n);
// Writes what waits, as one transaction. At the end of a question; cheap when nothing waits.
void derived_flush(struct derived *d);

struct derived_figures {
    uint64_t hits, from_store, misses;
    uint32_t values;
    size_t bytes, waiting;
};
void derived_figures(struct derived *d, struct derived_figures *ret);
