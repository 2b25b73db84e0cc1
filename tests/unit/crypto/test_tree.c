#include "core/crypto/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TREE = 70 };

static int leaf(void *ctx, uint64_t index, uint8_t out[TREE_HASH_BYTES], struct err *err) {
    (void)ctx;
    (void)err;
    uint8_t bytes[2] = {(uint8_t)index, 'x'};
    tree_leaf(bytes, sizeof bytes, out);
    return 0;
}

static void root_of(uint64_t leaves, uint8_t out[TREE_HASH_BYTES]) {
    struct tree_frontier f = {.leaves = 0};
    for (uint64_t i = 0; i < leaves; i++) {
        uint8_t hash[TREE_HASH_BYTES];
        (void)leaf(NULL, i, hash, NULL);
        tree_frontier_add(&f, hash);
    }
    tree_frontier_root(&f, out);
}

static void every_entry_of_every_tree_is_proven(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= TREE; n++) {
        uint8_t root[TREE_HASH_BYTES];
        root_of(n, root);
        for (uint64_t i = 0; i < n; i++) {
            struct tree_proof p = {0};
            uint8_t hash[TREE_HASH_BYTES];
            (void)leaf(NULL, i, hash, NULL);
            assert_int_equal(tree_inclusion(i, n, leaf, NULL, &p, NULL), 0);
            assert_true(tree_inclusion_holds(hash, i, n, &p, root));
        }
    }
}

static void every_beginning_of_every_tree_is_proven(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= TREE; n++)
        for (uint64_t m = 1; m <= n; m++) {
            uint8_t root[TREE_HASH_BYTES], before[TREE_HASH_BYTES];
            struct tree_proof p = {0};
            root_of(n, root);
            root_of(m, before);
            assert_int_equal(tree_consistency(m, n, leaf, NULL, &p, NULL), 0);
            assert_true(tree_consistency_holds(m, n, &p, before, root));
        }
}

// Whatever one thing of a proof is changed, it holds no more: place, sizes, each hash, one more,
// one fewer, the order, the roots.
static bool inclusion(const struct tree_proof *p, uint64_t i, uint64_t leaf_at, uint64_t n,
                      uint64_t root_at) {
    uint8_t hash[TREE_HASH_BYTES], root[TREE_HASH_BYTES];
    (void)leaf(NULL, leaf_at, hash, NULL);
    root_of(root_at, root);
    return tree_inclusion_holds(hash, i, n, p, root);
}

static void a_changed_proof_of_an_entry_does_not_hold(void **state) {
    (void)state;
    for (uint64_t n = 2; n <= 20; n++)
        for (uint64_t i = 0; i < n; i++) {
            struct tree_proof p = {0}, q;
            assert_int_equal(tree_inclusion(i, n, leaf, NULL, &p, NULL), 0);
            for (uint64_t j = 0; j < n; j++) {
                assert_int_equal(inclusion(&p, j, i, n, n), j == i);
                assert_int_equal(inclusion(&p, i, j, n, n), j == i);
            }
            assert_false(inclusion(&p, i, i, n, n - 1));
            assert_false(inclusion(&p, n, i, n, n));
            for (unsigned k = 0; k < p.count; k++) {
                q = p;
                q.hash[k][31] ^= 1;
                assert_false(inclusion(&q, i, i, n, n));
            }
            q = p;
            q.count--;
            assert_false(inclusion(&q, i, i, n, n));
            q = p;
            q.count++;
            assert_false(inclusion(&q, i, i, n, n));
            q.count = TREE_PROOF_MAX + 1;
            assert_false(inclusion(&q, i, i, n, n));
        }
}

static bool consistency(const struct tree_proof *p, uint64_t m, uint64_t n, uint64_t root_m,
                        uint64_t root_n) {
    uint8_t before[TREE_HASH_BYTES], root[TREE_HASH_BYTES];
    root_of(root_m, before);
    root_of(root_n, root);
    return tree_consistency_holds(m, n, p, before, root);
}

static void a_changed_proof_of_a_beginning_does_not_hold(void **state) {
    (void)state;
    for (uint64_t n = 2; n <= 20; n++)
        for (uint64_t m = 1; m < n; m++) {
            struct tree_proof p = {0}, q;
            assert_int_equal(tree_consistency(m, n, leaf, NULL, &p, NULL), 0);
            assert_false(consistency(&p, m, n, m == 1 ? 2 : m - 1, n)); // a rewritten past
            assert_false(consistency(&p, m, n, m, n - 1));
            assert_false(consistency(&p, m, n, n, m));
            assert_false(consistency(&p, 0, n, m, n));
            assert_false(consistency(&p, n + 1, n, m, n));
            for (unsigned k = 0; k < p.count; k++) {
                q = p;
                q.hash[k][0] ^= 0x80;
                assert_false(consistency(&q, m, n, m, n));
            }
            q = p;
            q.count--;
            assert_false(consistency(&q, m, n, m, n));
            q = p;
            q.count++;
            assert_false(consistency(&q, m, n, m, n));
        }
}

static void what_is_no_entry_and_no_beginning_is_refused(void **state) {
    (void)state;
    struct tree_proof p = {0};
    assert_int_equal(tree_inclusion(0, 0, leaf, NULL, &p, NULL), ERR_INVAL);
    assert_int_equal(tree_inclusion(5, 5, leaf, NULL, &p, NULL), ERR_INVAL);
    assert_int_equal(tree_inclusion(1, UINT64_MAX, leaf, NULL, &p, NULL), ERR_INVAL);
    assert_int_equal(tree_consistency(0, 5, leaf, NULL, &p, NULL), ERR_INVAL);
    assert_int_equal(tree_consistency(6, 5, leaf, NULL, &p, NULL), ERR_INVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_of_every_tree_is_proven),
        cmocka_unit_test(every_beginning_of_every_tree_is_proven),
        cmocka_unit_test(a_changed_proof_of_an_entry_does_not_hold),
        cmocka_unit_test(a_changed_proof_of_a_beginning_does_not_hold),
        cmocka_unit_test(what_is_no_entry_and_no_beginning_is_refused),
    };
    return cmocka_run_group_tests_name("crypto/tree", tests, NULL, NULL);
}
