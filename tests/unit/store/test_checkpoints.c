// Checkpoints of the audit log: what they show of a log that was cut or rewritten.
#include "core/store/checkpoints.h"

#include "core/base/mem.h"
#include "tests/unit/store/store_support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { START_MS = 1700000000 };

struct key {
    uint8_t pk[32], sk[64];
};
static struct key device, friend_key;

static void make_key(struct key *k, uint8_t n) {
    uint8_t seed[32] = {n, 9};
    (void)crypto_sign_seed_keypair(k->pk, k->sk, seed);
}

static int setup(void **state) {
    make_key(&device, 1);
    make_key(&friend_key, 2);
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static void add_of(struct db *db, const char *kind) {
    const struct audit_entry e = {.time_ms = START_MS,
                                  .event = AUDIT_SEND,
                                  .kind = kind,
                                  .audience = "anthropic",
                                  .purpose = "ask",
                                  .model = "claude"};
    assert_int_equal(audit_append(db, &e, NULL, NULL), 0);
}

static void add(struct db *db, int n) {
    for (int i = 0; i < n; i++)
        add_of(db, "backend");
}

static int64_t checkpoint(struct db *db, int64_t now_ms) {
    struct checkpoint_next next;
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    uint8_t signature[64];
    int r = checkpoints_next(db, now_ms, &next, NULL);
    assert_true(r == 0 || r == 1);
    size_t n = checkpoint_format(&next.checkpoint, text);
    (void)crypto_sign_detached(signature, NULL, (unsigned char *)text, n, device.sk);
    assert_int_equal(checkpoints_add(db, text, n, device.pk, signature, &next.frontier, NULL), 0);
    return next.checkpoint.entries;
}

static int take(void *ctx, const struct checkpoint_row *row, struct err *err) {
    (void)err;
    *(struct checkpoint_row *)ctx = *row;
    return 0;
}

static struct checkpoint_row row_of(struct db *db, int64_t entries) {
    struct checkpoint_row row = {.text_bytes = 0};
    assert_int_equal(checkpoints_each(db, entries, take, &row, NULL), 0);
    assert_int_equal(row.checkpoint.entries, entries);
    return row;
}

static int cosign_as(struct db *db, const struct key *k, int64_t entries, int64_t time_s) {
    struct checkpoint_row row = row_of(db, entries);
    struct cosignature c = {.entries = entries, .time_s = time_s};
    char text[CHECKPOINT_COSIGN_BYTES_MAX];
    size_t n = checkpoint_cosign_text(row.text, row.text_bytes, time_s, text);
    memcpy(c.key, k->pk, sizeof c.key);
    (void)crypto_sign_detached(c.signature, NULL, (unsigned char *)text, n, k->sk);
    return checkpoints_cosign(db, &c, NULL);
}

static int verify(struct db *db, struct checkpoints_state *ret, struct err *err) {
    return checkpoints_verify(db, NULL, NULL, NULL, ret, err);
}

static void a_checkpoint_goes_on_from_the_last(void **state) {
    struct db *db = *state;
    struct checkpoint_next next;
    struct checkpoints_state found;
    assert_int_equal(checkpoints_next(db, START_MS, &next, NULL), ERR_NOT_FOUND);
    for (int i = 1; i <= 20; i++) {
        add(db, i % 3 + 1);
        (void)checkpoint(db, START_MS + i);
        struct audit_state whole;
        assert_int_equal(checkpoints_next(db, START_MS, &next, NULL), 1); // nothing new
        assert_int_equal(audit_verify(db, NULL, NULL, NULL, &whole, NULL), 0);
        assert_memory_equal(next.checkpoint.root, whole.root, sizeof next.checkpoint.root);
        assert_int_equal(next.checkpoint.entries, whole.entries);
        assert_int_equal(next.checkpoint.time_ms, START_MS + i); // the clock went back: it does not
    }
    add_of(db, "audit"); // of checkpoints themselves
    assert_int_equal(checkpoints_next(db, START_MS + 50, &next, NULL), 1);
    add(db, 1);
    assert_int_equal(checkpoints_next(db, START_MS + 50, &next, NULL), 0);
    assert_int_equal(verify(db, &found, NULL), 0);
    assert_int_equal(found.checkpoints, 20);
    assert_int_equal(found.log.entries, next.checkpoint.entries);
}

static void only_what_verifies_is_kept(void **state) {
    struct db *db = *state;
    struct checkpoint_next next;
    uint8_t signature[64] = {0};
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    add(db, 3);
    assert_int_equal(checkpoints_next(db, START_MS, &next, NULL), 0);
    size_t n = checkpoint_format(&next.checkpoint, text);
    assert_int_equal(checkpoints_add(db, text, n, device.pk, signature, NULL, NULL), ERR_KEY);
    assert_int_equal(checkpoint(db, START_MS), 3);
    next.checkpoint.log[0] ^= 1; // of another log
    n = checkpoint_format(&next.checkpoint, text);
    (void)crypto_sign_detached(signature, NULL, (unsigned char *)text, n, device.sk);
    assert_int_equal(checkpoints_add(db, text, n, device.pk, signature, NULL, NULL), ERR_INVAL);
    struct cosignature wrong = {.entries = 3, .time_s = 5};
    assert_int_equal(checkpoints_cosign(db, &wrong, NULL), ERR_KEY);
    wrong.entries = 4;
    assert_int_equal(checkpoints_cosign(db, &wrong, NULL), ERR_NOT_FOUND);
    assert_int_equal(cosign_as(db, &friend_key, 3, 5), 0);
    struct cosigned_last last = {.entries = 9};
    assert_int_equal(checkpoints_last(db, friend_key.pk, &last, NULL), 0);
    assert_int_equal(last.entries, 3);
    assert_int_equal(checkpoints_last(db, device.pk, &last, NULL), 0);
    assert_int_equal(last.entries, 0);
}

// Makes the log anew, entry by entry, as somebody with the keys of the store could: the chain of
// the new one fits by itself.
static void rewrite(struct db *db, int entries, const char *kind) {
    assert_int_equal(db_script(db,
                               "DELETE FROM audit; UPDATE audit_head SET entries = 0, link = "
                               "zeroblob(32), base = 0, base_link = zeroblob(32), frontier = "
                               "zeroblob(0);",
                               NULL),
                     0);
    for (int i = 0; i < entries; i++)
        add_of(db, kind);
}

static void a_rewritten_log_does_not_fit_its_cosigned_checkpoint(void **state) {
    struct db *db = *state;
    struct checkpoints_state found;
    struct audit_state whole;
    struct err err = {0};
    add(db, 7);
    (void)checkpoint(db, START_MS);
    assert_int_equal(cosign_as(db, &friend_key, 7, 5), 0);
    add(db, 2);
    assert_int_equal(verify(db, &found, NULL), 0);
    assert_int_equal(found.checkpoints, 1);
    assert_int_equal(found.cosigned, 1);
    rewrite(db, 9, "other");
    assert_int_equal(audit_verify(db, NULL, NULL, NULL, &whole, NULL), 0); // by itself it is well
    assert_int_equal(verify(db, &found, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "checkpoint of 7 entries no longer fits"));
    assert_non_null(strstr(err.message, "rewritten"));
}

static void a_truncated_log_does_not_reach_its_cosigned_checkpoint(void **state) {
    struct db *db = *state;
    struct checkpoints_state found;
    struct err err = {0};
    add(db, 7);
    (void)checkpoint(db, START_MS);
    assert_int_equal(cosign_as(db, &friend_key, 7, 5), 0);
    rewrite(db, 6, "backend"); // the same entries, but the last
    assert_int_equal(verify(db, &found, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "ends at entry 6"));
    assert_non_null(strstr(err.message, "checkpoint of 7 entries: it was cut"));
}

static void a_changed_checkpoint_or_cosignature_is_named(void **state) {
    struct db *db = *state;
    struct checkpoints_state found;
    struct err err = {0};
    add(db, 4);
    (void)checkpoint(db, START_MS);
    assert_int_equal(cosign_as(db, &friend_key, 4, 5), 0);
    assert_int_equal(db_script(db, "UPDATE cosignature SET time_s = 6", NULL), 0);
    assert_int_equal(verify(db, &found, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "cosignature of the checkpoint of 4 entries is wrong"));
    assert_int_equal(db_script(db, "UPDATE checkpoint SET signature = zeroblob(64)", NULL), 0);
    assert_int_equal(verify(db, &found, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "checkpoint of 4 entries was changed"));
}

static void proofs_hold_between_any_two_checkpoints(void **state) {
    struct db *db = *state;
    struct tree_proof proof;
    for (int i = 1; i <= 12; i++) {
        add(db, 1);
        (void)checkpoint(db, START_MS + i);
    }
    for (int64_t a = 1; a <= 12; a++)
        for (int64_t b = a; b <= 12; b++) {
            struct checkpoint_row first = row_of(db, a), second = row_of(db, b);
            AUTO_BUF leaf = BUF_INIT(AUDIT_LEAF_BYTES_MAX);
            uint8_t hash[AUDIT_HASH_BYTES];
            assert_int_equal(checkpoints_consistency(db, a, b, &proof, NULL), 0);
            assert_true(tree_consistency_holds((uint64_t)a, (uint64_t)b, &proof,
                                               first.checkpoint.root, second.checkpoint.root));
            assert_int_equal(checkpoints_inclusion(db, a, b, &proof, &leaf, NULL), 0);
            audit_leaf_hash(leaf.data, leaf.len, hash);
            assert_true(tree_inclusion_holds(hash, (uint64_t)a - 1, (uint64_t)b, &proof,
                                             second.checkpoint.root));
        }
    AUTO_BUF leaf = BUF_INIT(AUDIT_LEAF_BYTES_MAX);
    assert_int_equal(checkpoints_inclusion(db, 13, 12, &proof, &leaf, NULL), ERR_NOT_FOUND);
    assert_int_equal(checkpoints_consistency(db, 0, 12, &proof, NULL), ERR_INVAL);
}

static void dropped_entries_leave_younger_checkpoints_checked(void **state) {
    struct db *db = *state;
    struct checkpoints_state found;
    struct tree_proof proof;
    struct checkpoint_next next;
    for (int i = 1; i <= 8; i++) {
        add(db, 5);
        (void)checkpoint(db, START_MS + i);
    }
    while (audit_tidy(db, 20, NULL) > 0)
        continue;
    assert_int_equal(verify(db, &found, NULL), 0);
    assert_int_equal(found.older, 3);       // of 5, 10, 15
    assert_int_equal(found.checkpoints, 5); // 20, where it begins, to 40
    assert_int_equal(checkpoints_consistency(db, 5, 40, &proof, NULL), ERR_NOT_FOUND);
    add(db, 1);
    assert_int_equal(db_script(db, "DELETE FROM checkpoint", NULL), 0); // from what is kept
    assert_int_equal(checkpoints_next(db, START_MS, &next, NULL), 0);
    struct audit_state whole;
    assert_int_equal(audit_verify(db, NULL, NULL, NULL, &whole, NULL), 0);
    assert_memory_equal(next.checkpoint.root, whole.root, sizeof next.checkpoint.root);
}

static void the_oldest_go_but_not_the_newest_of_a_cosigner(void **state) {
    struct db *db = *state;
    struct cosigned_last last = {.entries = 9};
    int64_t n = 0;
    add(db, 1);
    (void)checkpoint(db, START_MS);
    assert_int_equal(cosign_as(db, &friend_key, 1, 5), 0);
    for (int i = 0; i < CHECKPOINTS_MAX + 5; i++) {
        add(db, 1);
        (void)checkpoint(db, START_MS);
    }
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM checkpoint", NULL, 0, &n, NULL), 1);
    assert_int_equal(n, CHECKPOINTS_MAX + 1);
    assert_int_equal(checkpoints_last(db, friend_key.pk, &last, NULL), 0);
    assert_int_equal(last.entries, 1);
    (void)row_of(db, 1);
}

static void every_failed_allocation_leaves_an_answer(void **state) {
    struct db *db = *state;
    struct checkpoints_state found;
    add(db, 40);
    (void)checkpoint(db, START_MS);
    assert_int_equal(cosign_as(db, &friend_key, 40, 5), 0);
    for (uint64_t nth = 1; nth < 1000; nth++) {
        mem_fail_at(nth);
        int r = verify(db, &found, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_goes_on_from_the_last),
        TEST(only_what_verifies_is_kept),
        TEST(a_rewritten_log_does_not_fit_its_cosigned_checkpoint),
        TEST(a_truncated_log_does_not_reach_its_cosigned_checkpoint),
        TEST(a_changed_checkpoint_or_cosignature_is_named),
        TEST(proofs_hold_between_any_two_checkpoints),
        TEST(dropped_entries_leave_younger_checkpoints_checked),
        TEST(the_oldest_go_but_not_the_newest_of_a_cosigner),
        TEST(every_failed_allocation_leaves_an_answer),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("store/checkpoints", tests, NULL, NULL);
}
