// Checkpoints of the audit log (core/crypto/checkpoint.h) and who cosigned them. A chain in the
// user's own store cannot show by itself that it was cut or made anew; a checkpoint that a peer has
// cosigned can: the entries that it speaks of are no longer those that are there. The device's
// signature comes from the caller, so that this layer knows no identity.
//
// Reading functions take a reader's connection, writing ones the writer's inside store_write. Any
// thread. Everything here is hashes, keys and times: erasing a workspace leaves it.
#pragma once

#include "core/crypto/checkpoint.h"
#include "core/crypto/tree.h"
#include "core/store/audit.h"

enum {
    CHECKPOINTS_MAX = 1000, // the oldest go, but not the newest of a cosigner
    COSIGNERS_MAX = 1000    // the one that was heard of longest ago goes
};

struct checkpoint_row { // borrowed during the call
    struct checkpoint checkpoint;
    char text[CHECKPOINT_TEXT_BYTES_MAX]; // that was signed
    size_t text_bytes;
    uint8_t device[CHECKPOINT_KEY_BYTES], signature[CHECKPOINT_SIGNATURE_BYTES];
};
struct cosignature {
    int64_t entries; // of the checkpoint
    uint8_t key[CHECKPOINT_KEY_BYTES];
    int64_t time_s;
    uint8_t signature[CHECKPOINT_SIGNATURE_BYTES];
};

// What is next to be signed: the log as it is, its time not before that of the last checkpoint.
// 0; 1: nothing has been written since but what checkpoints themselves cause; ERR_NOT_FOUND: the
// log is empty. Reads what the log got since the last checkpoint, or all.
struct checkpoint_next {
    struct checkpoint checkpoint;
    struct tree_frontier frontier; // from which the one after it goes on
};
int checkpoints_next(struct db *db, int64_t now_ms, struct checkpoint_next *ret, struct err *err);
// `frontier` may be NULL: of a checkpoint that came back from a peer. ERR_KEY: signature;
// ERR_INVAL: of another log. One that is known is kept as it is.
int checkpoints_add(struct db *db, const char *text, size_t n,
                    const uint8_t device[CHECKPOINT_KEY_BYTES],
                    const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES],
                    const struct tree_frontier *frontier, struct err *err);
// ERR_NOT_FOUND: no such checkpoint; ERR_KEY: it does not verify.
int checkpoints_cosign(struct db *db, const struct cosignature *c, struct err *err);

// Oldest first; those that end at `entries` alone (0: all). A nonzero return ends it.
typedef int checkpoint_fn(void *ctx, const struct checkpoint_row *row, struct err *err);
int checkpoints_each(struct db *db, int64_t entries, checkpoint_fn *fn, void *ctx, struct err *err);
// By checkpoint, then key.
typedef int cosignature_fn(void *ctx, const struct cosignature *c, struct err *err);
int checkpoints_cosigners(struct db *db, int64_t entries, cosignature_fn *fn, void *ctx,
                          struct err *err);
// What `key` has cosigned last; 0 entries: nothing.
struct cosigned_last {
    int64_t entries, time_s;
};
int checkpoints_last(struct db *db, const uint8_t key[CHECKPOINT_KEY_BYTES],
                     struct cosigned_last *ret, struct err *err);

// That the log of `before` entries is the beginning of that of `entries`. ERR_NOT_FOUND: entries
// that it needs are no longer kept.
int checkpoints_consistency(struct db *db, int64_t before, int64_t entries, struct tree_proof *ret,
                            struct err *err);
// Of entry `seq` in the log of `entries`, and its bytes.
int checkpoints_inclusion(struct db *db, int64_t seq, int64_t entries, struct tree_proof *ret,
                          struct buf *leaf, struct err *err);

struct checkpoints_state {
    struct audit_state log;
    int64_t checkpoints, cosigned; // how many fit
    int64_t older;                 // speak of entries that are no longer kept: not looked at
};
// audit_verify, and each checkpoint and cosignature against the tree as it is. ERR_CORRUPT names
// the first that does not fit: the log was cut or rewritten.
int checkpoints_verify(struct db *db, const struct audit_mark *mark, bool (*cancelled)(void *),
                       void *cancel_ctx, struct checkpoints_state *ret, struct err *err);
