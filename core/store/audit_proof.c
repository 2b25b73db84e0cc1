#include "core/store/audit_proof.h"

#include <string.h>

#define LEAVES_MAX (UINT64_C(1) << 62)

// --- making

struct making {
    audit_leaf_fn *leaf;
    void *ctx;
    struct audit_proof *proof;
    struct err *err;
};

// The hash of leaves [from, to) as one tree, as the next of the proof.
static int put_range(struct making *m, uint64_t from, uint64_t to) {
    struct audit_frontier f = {.leaves = 0};
    for (uint64_t i = from; i < to; i++) {
        uint8_t hash[AUDIT_HASH_BYTES];
        int r = m->leaf(m->ctx, i, hash, m->err);
        if (r < 0)
            return r;
        audit_frontier_add(&f, hash);
    }
    audit_frontier_root(&f, m->proof->hash[m->proof->count++]);
    return 0;
}

// Where a tree of n > 1 leaves divides: the largest power of two below n.
static uint64_t left_of(uint64_t n) {
    return UINT64_C(1) << (63 - (unsigned)__builtin_clzll(n - 1));
}

// It was made from the root downwards.
static void turn_round(struct audit_proof *p) {
    for (unsigned i = 0; i < p->count / 2; i++) {
        uint8_t held[AUDIT_HASH_BYTES];
        memcpy(held, p->hash[i], sizeof held);
        memcpy(p->hash[i], p->hash[p->count - 1 - i], sizeof held);
        memcpy(p->hash[p->count - 1 - i], held, sizeof held);
    }
}

int audit_inclusion(uint64_t index, uint64_t leaves, audit_leaf_fn *leaf, void *ctx,
                    struct audit_proof *ret, struct err *err) {
    struct making m = {leaf, ctx, ret, err};
    ret->count = 0;
    if (index >= leaves || leaves > LEAVES_MAX)
        return err_set(err, ERR_INVAL, "there is no such entry in that tree");
    for (uint64_t from = 0, to = leaves; to - from > 1;) {
        uint64_t middle = from + left_of(to - from);
        int r = index < middle ? put_range(&m, middle, to) : put_range(&m, from, middle);
        if (r < 0)
            return r;
        if (index < middle)
            to = middle;
        else
            from = middle;
    }
    turn_round(ret);
    return 0;
}

int audit_consistency(uint64_t before, uint64_t leaves, audit_leaf_fn *leaf, void *ctx,
                      struct audit_proof *ret, struct err *err) {
    struct making m = {leaf, ctx, ret, err};
    ret->count = 0;
    if (before == 0 || before > leaves || leaves > LEAVES_MAX)
        return err_set(err, ERR_INVAL, "a tree of so many entries is no beginning of that one");
    uint64_t from = 0, to = leaves;
    bool whole = true; // what is left is the earlier tree itself, whose root the other side has
    while (to > before) {
        uint64_t middle = from + left_of(to - from);
        int r = before <= middle ? put_range(&m, middle, to) : put_range(&m, from, middle);
        if (r < 0)
            return r;
        if (before <= middle) {
            to = middle;
        } else {
            from = middle;
            whole = false;
        }
    }
    int r = whole ? 0 : put_range(&m, from, to);
    turn_round(ret);
    return r;
}

// --- checking

bool audit_inclusion_holds(const uint8_t leaf_hash[AUDIT_HASH_BYTES], uint64_t index,
                           uint64_t leaves, const struct audit_proof *proof,
                           const uint8_t root[AUDIT_HASH_BYTES]) {
    uint8_t hash[AUDIT_HASH_BYTES];
    if (index >= leaves || leaves > LEAVES_MAX || proof->count > AUDIT_PROOF_MAX)
        return false;
    memcpy(hash, leaf_hash, sizeof hash);
    uint64_t at = index, last = leaves - 1;
    for (unsigned i = 0; i < proof->count; i++) {
        if (last == 0)
            return false;
        if ((at & 1) || at == last) {
            audit_node(proof->hash[i], hash, hash);
            for (; !(at & 1) && at; at >>= 1)
                last >>= 1;
        } else {
            audit_node(hash, proof->hash[i], hash);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, sizeof hash) == 0;
}

bool audit_consistency_holds(uint64_t before, uint64_t leaves, const struct audit_proof *proof,
                             const uint8_t root_before[AUDIT_HASH_BYTES],
                             const uint8_t root[AUDIT_HASH_BYTES]) {
    if (before == 0 || before > leaves || leaves > LEAVES_MAX || proof->count > AUDIT_PROOF_MAX)
        return false;
    if (before == leaves)
        return proof->count == 0 && memcmp(root_before, root, AUDIT_HASH_BYTES) == 0;
    uint8_t old[AUDIT_HASH_BYTES], fresh[AUDIT_HASH_BYTES];
    unsigned next = 0;
    bool whole = (before & (before - 1)) == 0; // a power of two: its root is a node of the tree
    if (!whole && proof->count == 0)
        return false;
    memcpy(old, whole ? root_before : proof->hash[next++], sizeof old);
    memcpy(fresh, old, sizeof fresh);
    uint64_t at = before - 1, last = leaves - 1;
    for (; at & 1; at >>= 1)
        last >>= 1;
    for (; next < proof->count; next++) {
        if (last == 0)
            return false;
        if ((at & 1) || at == last) {
            audit_node(proof->hash[next], old, old);
            audit_node(proof->hash[next], fresh, fresh);
            for (; !(at & 1) && at; at >>= 1)
                last >>= 1;
        } else {
            audit_node(fresh, proof->hash[next], fresh);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(old, root_before, sizeof old) == 0 &&
           memcmp(fresh, root, sizeof fresh) == 0;
}
