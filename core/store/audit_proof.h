// Proofs over the tree of the audit log: that an entry is in a tree whose root somebody keeps, and
// that a later tree holds an earlier one unchanged. A peer that cosigned a root can be shown both,
// without the other entries. Pure; any thread. Source: RFC 6962 sections 2.1.1 and 2.1.2, checked
// as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
#pragma once

#include "core/store/audit.h"

enum { AUDIT_PROOF_MAX = 64 }; // hashes: one a level

struct audit_proof {
    unsigned count;
    uint8_t hash[AUDIT_PROOF_MAX][AUDIT_HASH_BYTES]; // from the leaf upwards
};

// The hash of leaf `index` (0 is the first). A negative return ends the making and becomes its
// result.
typedef int audit_leaf_fn(void *ctx, uint64_t index, uint8_t out[AUDIT_HASH_BYTES],
                          struct err *err);

// Of leaf `index` in the tree of the first `leaves`. Asks for each other leaf once. ERR_INVAL:
// index is not below leaves, or leaves over 2^62.
int audit_inclusion(uint64_t index, uint64_t leaves, audit_leaf_fn *leaf, void *ctx,
                    struct audit_proof *ret, struct err *err);
// That the tree of the first `before` leaves is the beginning of that of the first `leaves`.
// ERR_INVAL: before is 0 or over leaves.
int audit_consistency(uint64_t before, uint64_t leaves, audit_leaf_fn *leaf, void *ctx,
                      struct audit_proof *ret, struct err *err);

// False: it does not hold, whatever the proof's bytes are.
bool audit_inclusion_holds(const uint8_t leaf_hash[AUDIT_HASH_BYTES], uint64_t index,
                           uint64_t leaves, const struct audit_proof *proof,
                           const uint8_t root[AUDIT_HASH_BYTES]);
bool audit_consistency_holds(uint64_t before, uint64_t leaves, const struct audit_proof *proof,
                             const uint8_t root_before[AUDIT_HASH_BYTES],
                             const uint8_t root[AUDIT_HASH_BYTES]);
