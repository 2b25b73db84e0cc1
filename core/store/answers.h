// Answers of models that are kept to be given again for exactly the same request (models.cache):
// answers.db beside the store, encrypted under its keys, with connections of its own. Which request
// an answer belongs to is known by a keyed hash alone: neither a request nor a workspace is in it.
//
// Nothing in it is precious. Damage, another version or a replaced data key and it is thrown away;
// whatever is erased from the store takes all of it along, because an answer may quote anything. It
// is in no backup and no export. All calls block; any thread.
#pragma once

#include "core/base/buf.h"
#include "core/store/store.h"

enum {
    ANSWER_KEY_BYTES = 32,
    ANSWER_NAME_BYTES_MAX = 256,
    KEPT_ANSWER_BYTES_MAX = 1024 * 1024, // of one
    ANSWER_ROW_BYTES = 512,              // what each counts for beside its bytes
    ANSWERS_DROPPED_MAX = 64             // that one new answer takes the place of
};

struct kept_answer {
    int64_t kept_ms, expires_ms;
    char backend[ANSWER_NAME_BYTES_MAX + 1], model[ANSWER_NAME_BYTES_MAX + 1]; // that answered
    int64_t changed_ms;                         // of the backend, as it was
    int form;                                   // the caller's own
    int64_t input, cached, cache_write, output; // tokens it took
    int64_t cost, saved;                        // micro-dollars, as usage.h has them
    struct buf bytes;
};
void kept_answer_done(struct kept_answer *a);

// What an answer is known by: BLAKE2b-256 of the bytes, under a key derived from the store's.
// ERR_LOCKED, ERR_NOMEM.
int answers_key(struct store *s, const void *bytes, size_t n, uint8_t ret[ANSWER_KEY_BYTES],
                struct err *err);
// Grows each time all are thrown away: what was asked before that is not kept after it.
uint64_t answers_generation(struct store *s);

struct answers_limits {
    int64_t bytes; // of all: the oldest go first
    int64_t now_ms;
};
// Keeps it, in the place of one with the same key. 1 kept; 0 not: `generation` is another by now,
// or making room would take more than ANSWERS_DROPPED_MAX at once (those are gone then). ERR_LIMIT:
// larger than KEPT_ANSWER_BYTES_MAX or than a quarter of the limit.
int answers_put(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], uint64_t generation,
                const struct kept_answer *a, const struct answers_limits *limits, struct err *err);
// 1 found: the caller frees it; 0 there is none, or it is older than since_ms or past its day.
int answers_get(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], int64_t since_ms,
                int64_t now_ms, struct kept_answer *ret, struct err *err);

// Throws one away, if it is there.
int answers_forget(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], struct err *err);

struct answers_info {
    int64_t entries, bytes, file_bytes;
    int64_t oldest_ms, newest_ms; // 0 without any
};
int answers_info(struct store *s, struct answers_info *ret, struct err *err);
// Throws all away, files and all. Waits for those who read.
int answers_clear(struct store *s, struct err *err);
