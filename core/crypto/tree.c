#include "core/crypto/tree.h"

#include <sodium.h>
#include <string.h>

#define LEAVES_MAX (UINT64_C(1) << 62)

// --- the tree

static void hash_two(uint8_t prefix, const void *a, size_t n_a, const void *b, size_t n_b,
                     uint8_t out[TREE_HASH_BYTES]) {
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    (void)crypto_hash_sha256_update(&h, &prefix, 1);
    (void)crypto_hash_sha256_update(&h, a, n_a);
    (void)crypto_hash_sha256_update(&h, b, n_b);
    (void)crypto_hash_sha256_final(&h, out);
}

void tree_leaf(const void *bytes, size_t n, uint8_t out[TREE_HASH_BYTES]) {
    hash_two(0, bytes, n, "", 0, out);
}

void tree_node(const uint8_t left[TREE_HASH_BYTES], const uint8_t right[TREE_HASH_BYTES],
               uint8_t out[TREE_HASH_BYTES]) {
    hash_two(1, left, TREE_HASH_BYTES, right, TREE_HASH_BYTES, out);
}

// A whole subtree for each 1 bit of the number of leaves: two of one size become one.
void tree_frontier_add(struct tree_frontier *f, const uint8_t leaf_hash[TREE_HASH_BYTES]) {
    uint8_t node[TREE_HASH_BYTES];
    memcpy(node, leaf_hash, sizeof node);
    for (uint64_t n = f->leaves; n & 1; n >>= 1) {
        f->count--;
        tree_node(f->hash[f->count], node, node);
    }
    memcpy(f->hash[f->count++], node, sizeof node);
    f->leaves++;
}

void tree_frontier_root(const struct tree_frontier *f, uint8_t out[TREE_HASH_BYTES]) {
    if (!f->count) {
        (void)crypto_hash_sha256(out, (const unsigned char *)"", 0);
        return;
    }
    memcpy(out, f->hash[f->count - 1], TREE_HASH_BYTES);
    for (unsigned i = f->count - 1; i-- > 0;)
        tree_node(f->hash[i], out, out);
}

// --- making

struct making {
    tree_leaf_fn *leaf;
    void *ctx;
    struct tree_proof *proof;
    struct err *err;
};

// The hash of leaves [from, to) as one tree, as the next of the proof.
static int put_range(struct making *m, uint64_t from, uint64_t to) {
    struct tree_frontier f = {.leaves = 0};
    for (uint64_t i = from; i < to; i++) {
        uint8_t hash[TREE_HASH_BYTES];
        int r = m->leaf(m->ctx, i, hash, m->err);
        if (r < 0)
            return r;
        tree_frontier_add(&f, hash);
    }
    tree_frontier_root(&f, m->proof->hash[m->proof->count++]);
    return 0;
}

// Where a tree of n > 1 leaves divides: the largest power of two below n.
static uint64_t left_of(uint64_t n) {
    return UINT64_C(1) << (63 - (unsigned)__builtin_clzll(n - 1));
}

// It was made from the root downwards.
static void turn_round(struct tree_proof *p) {
    for (unsigned i = 0; i < p->count / 2; i++) {
        uint8_t held[TREE_HASH_BYTES];
        memcpy(held, p->hash[i], sizeof held);
        memcpy(p->hash[i], p->hash[p->count - 1 - i], sizeof held);
        memcpy(p->hash[p->count - 1 - i], held, sizeof held);
    }
}

int tree_inclusion(uint64_t index, uint64_t leaves, tree_leaf_fn *leaf, void *ctx,
                   struct tree_proof *ret, struct err *err) {
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

int tree_consistency(uint64_t before, uint64_t leaves, tree_leaf_fn *leaf, void *ctx,
                     struct tree_proof *ret, struct err *err) {
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

bool tree_inclusion_holds(const uint8_t leaf_hash[TREE_HASH_BYTES], uint64_t index, uint64_t leaves,
                          const struct tree_proof *proof, const uint8_t root[TREE_HASH_BYTES]) {
    uint8_t hash[TREE_HASH_BYTES];
    if (index >= leaves || leaves > LEAVES_MAX || proof->count > TREE_PROOF_MAX)
        return false;
    memcpy(hash, leaf_hash, sizeof hash);
    uint64_t at = index, last = leaves - 1;
    for (unsigned i = 0; i < proof->count; i++) {
        if (last == 0)
            return false;
        if ((at & 1) || at == last) {
            tree_node(proof->hash[i], hash, hash);
            for (; !(at & 1) && at; at >>= 1)
                last >>= 1;
        } else {
            tree_node(hash, proof->hash[i], hash);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, sizeof hash) == 0;
}

bool tree_consistency_holds(uint64_t before, uint64_t leaves, const struct tree_proof *proof,
                            const uint8_t root_before[TREE_HASH_BYTES],
                            const uint8_t root[TREE_HASH_BYTES]) {
    if (before == 0 || before > leaves || leaves > LEAVES_MAX || proof->count > TREE_PROOF_MAX)
        return false;
    if (before == leaves)
        return proof->count == 0 && memcmp(root_before, root, TREE_HASH_BYTES) == 0;
    uint8_t old[TREE_HASH_BYTES], fresh[TREE_HASH_BYTES];
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
            tree_node(proof->hash[next], old, old);
            tree_node(proof->hash[next], fresh, fresh);
            for (; !(at & 1) && at; at >>= 1)
                last >>= 1;
        } else {
            tree_node(fresh, proof->hash[next], fresh);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(old, root_before, sizeof old) == 0 &&
           memcmp(fresh, root, sizeof fresh) == 0;
}
