// What the parent and the child of store_kill share: the script's operations and its dice.
#pragma once

#include "core/base/buf.h"
#include "core/store/memory.h"
#include "core/store/store.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = 3,
    ROUNDS_PER_STORE = 40, // then a new one: first use is killed as well, and checks stay short
    EXTRA_STEPS_MAX = 8,
    NOTES_MAX = 40000,
    LINE_BYTES_MAX = 128
};

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "store_kill: %s:%d: ", __FILE__, __LINE__);                      \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fprintf(stderr, "\n");                                                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct rng {
    uint64_t state;
};
uint64_t mix(uint64_t x);
uint64_t rng_next(struct rng *r, uint64_t below);

// The real schema and `extra` steps more: that of a later build.
struct store *open_or_die(const char *dir, int extra);

enum op_kind { OP_REMEMBER, OP_SUPERSEDE, OP_FORGET, OP_ERASE, OP_REPEAT, OP_ROTATE, OP_KINDS };
extern const char *const op_names[OP_KINDS];

struct write {
    enum op_kind kind;
    char uid[NOTE_UID_BYTES], other[NOTE_UID_BYTES];
    size_t text_bytes;
};
// A store_write_fn; ctx is a struct write.
int write_op(struct db *db, void *ctx, struct buf *result, struct err *err);

// Uid of the note that operation `k` of `thread` makes: "n", the thread, a number.
void uid_of(int thread, int64_t k, char ret[NOTE_UID_BYTES]);
struct origin origin_of(int thread, int64_t k);
size_t text_bytes_of(int thread, int64_t k);

// Uses the store until it is killed, and says on `out` what it does.
int store_kill_child(const char *dir, int out, uint64_t seed, int extra, int64_t first);
