// The Merkle tree of a log that only grows: roots as entries are added, and proofs that an entry is
// in a tree whose root somebody keeps, and that a later tree holds an earlier one unchanged. A peer
// that cosigned a root can be shown both, without the other entries. Pure; any thread. Source: RFC
// 6962 sections 2.1 to 2.1.2, checked as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_HASH_BYTES = 32 };

// The hash of an entry: SHA-256(0x00, bytes).
void tree_leaf(const void *bytes, size_t n, uint8_t out[TREE_HASH_BYTES]);
// The node over two: SHA-256(0x01, left, right). `out` may be either.
void tree_node(const uint8_t left[TREE_HASH_BYTES], const uint8_t right[TREE_HASH_BYTES],
               uint8_t out[TREE_HASH_BYTES]);

// The tree as the roots of its whole subtrees, the largest first: what an append needs.
enum { TREE_FRONTIER_MAX = 63 };
struct tree_frontier {
    uint64_t leaves;
    unsigned count;
    uint8_t hash[TREE_FRONTIER_MAX][TREE_HASH_BYTES];
};
void tree_frontier_add(struct tree_frontier *f, const uint8_t leaf_hash[TREE_HASH_BYTES]);
void tree_frontier_root(const struct tree_frontier *f, uint8_t out[TREE_HASH_BYTES]);

enum { TREE_PROOF_MAX = 64 }; // hashes: one a level

struct tree_proof {
    unsigned count;
    uint8_t hash[TREE_PROOF_MAX][TREE_HASH_BYTES]; // from the leaf upwards
};

// The hash of leaf `index` (0 is the first). A negative return ends the making and becomes its
// result.
typedef int tree_leaf_fn(void *ctx, uint64_t index, uint8_t out[TREE_HASH_BYTES], struct err *err);

// Of leaf `index` in the tree of the first `leaves`. Asks for each other leaf once. ERR_INVAL:
// index is not below leaves, or leaves over 2^62.
int tree_inclusion(uint64_t index, uint64_t leaves, tree_leaf_fn *leaf, void *ctx,
                   struct tree_proof *ret, struct err *err);
// That the tree of the first `before` leaves is the beginning of that of the first `leaves`.
// ERR_INVAL: before is 0 or over leaves.
int tree_consistency(uint64_t before, uint64_t leaves, tree_leaf_fn *leaf, void *ctx,
                     struct tree_proof *ret, struct err *err);

// False: it does not hold, whatever the proof's bytes are.
bool tree_inclusion_holds(const uint8_t leaf_hash[TREE_HASH_BYTES], uint64_t index, uint64_t leaves,
                          const struct tree_proof *proof, const uint8_t root[TREE_HASH_BYTES]);
bool tree_consistency_holds(uint64_t before, uint64_t leaves, const struct tree_proof *proof,
                            const uint8_t root_before[TREE_HASH_BYTES],
                            const uint8_t root[TREE_HASH_BYTES]);
