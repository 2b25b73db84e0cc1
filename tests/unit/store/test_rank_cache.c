// The rows that recall keeps: never another snapshot's, never one that a transaction has changed.
#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"
#include "core/store/rank_cache.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct db *db;
    struct rank_cache *cache;
};

static int setup(void **state) {
    static struct fixture f;
    f.db = memory_open();
    f.cache = rank_cache_new();
    assert_non_null(f.cache);
    rank_cache_follow(f.cache, f.db);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    db_close(f->db);
    rank_cache_free(f->cache);
    return 0;
}

static void run(struct fixture *f, const char *sql) {
    struct err err = {0};
    if (db_script(f->db, sql, &err) < 0)
        fail_msg("%s", err_text(&err));
}

static void put_row(struct fixture *f, int64_t id) { // state 0
    char sql[128];
    (void)snprintf(sql, sizeof sql, "INSERT INTO note_rank VALUES (%ld, 0, 1, 0, 0, 0, 0, x'')",
                   (long)id);
    run(f, sql);
    rank_cache_settle(f->cache);
}

static void keep(struct fixture *f, uint64_t epoch, int64_t id, unsigned row_state, size_t words) {
    static const uint8_t bytes[4 * RANK_CACHE_WORDS_MAX + 4];
    rank_cache_put(f->cache, epoch,
                   &(struct rank_row){
                       .id = id, .state = row_state, .words = {.bytes = bytes, .total = words}});
}

static void take_state(void *ctx, const struct rank_row *row) {
    *(int *)ctx = (int)row->state;
}

static int kept(struct fixture *f, uint64_t epoch, int64_t id) { // its state, or -1
    int found = -1;
    bool there = rank_cache_get(f->cache, epoch, id, take_state, &found);
    assert_int_equal(there, found >= 0);
    return found;
}

static void a_row_is_found_until_it_changes(void **state) {
    struct fixture *f = *state;
    put_row(f, 7);
    put_row(f, 8);
    uint64_t epoch = rank_cache_epoch(f->cache);
    assert_int_equal(kept(f, epoch, 7), -1);
    keep(f, epoch, 7, 3, 5);
    keep(f, epoch, 8, 4, 0);
    assert_int_equal(kept(f, epoch, 7), 3);
    run(f, "UPDATE note_rank SET state = 9 WHERE id = 7");
    rank_cache_settle(f->cache);
    uint64_t now = rank_cache_epoch(f->cache);
    assert_true(now > epoch && now % 2 == 0);
    assert_int_equal(kept(f, now, 7), -1);
    assert_int_equal(kept(f, epoch, 7), -1);
    assert_int_equal(kept(f, now, 8), 4); // nobody touched it
    run(f, "DELETE FROM note_rank WHERE id = 8");
    rank_cache_settle(f->cache);
    assert_int_equal(kept(f, rank_cache_epoch(f->cache), 8), -1);
    assert_int_equal(rank_cache_rows(f->cache), 0);
}

static void nothing_is_used_while_a_change_may_be_half_visible(void **state) {
    struct fixture *f = *state;
    put_row(f, 7);
    uint64_t epoch = rank_cache_epoch(f->cache);
    keep(f, epoch, 7, 3, 5);
    run(f, "BEGIN; UPDATE note_rank SET state = 9 WHERE id = 7");
    assert_int_equal(rank_cache_epoch(f->cache), epoch); // nobody can see it yet
    run(f, "COMMIT");
    assert_int_equal(rank_cache_epoch(f->cache) % 2, 1);
    assert_int_equal(kept(f, rank_cache_epoch(f->cache), 7), -1);
    assert_int_equal(kept(f, epoch, 7), 3); // a snapshot of before is as it was
    rank_cache_settle(f->cache);
    assert_int_equal(rank_cache_epoch(f->cache), epoch + 2);
}

static void a_row_of_an_older_or_newer_snapshot_is_not_taken_for_this_one(void **state) {
    struct fixture *f = *state;
    put_row(f, 7);
    uint64_t before = rank_cache_epoch(f->cache);
    run(f, "UPDATE note_rank SET state = 9 WHERE id = 7");
    rank_cache_settle(f->cache);
    uint64_t now = rank_cache_epoch(f->cache);
    keep(f, before, 7, 0, 5); // read before the change, and late
    assert_int_equal(kept(f, now, 7), -1);
    keep(f, now, 7, 9, 5);
    assert_int_equal(kept(f, now, 7), 9);
    assert_int_equal(kept(f, before, 7), -1);
}

static void other_tables_leave_the_rows_alone(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = rank_cache_epoch(f->cache);
    keep(f, epoch, 7, 3, 5);
    run(f, "INSERT INTO tag VALUES (99, 'x', 0); UPDATE tag SET uses = 1");
    rank_cache_settle(f->cache);
    assert_int_equal(rank_cache_epoch(f->cache), epoch);
    assert_int_equal(kept(f, epoch, 7), 3);
}

static void what_is_rolled_back_only_costs_a_row(void **state) {
    struct fixture *f = *state;
    put_row(f, 7);
    uint64_t epoch = rank_cache_epoch(f->cache);
    keep(f, epoch, 7, 0, 5);
    run(f, "BEGIN; UPDATE note_rank SET state = 9 WHERE id = 7; ROLLBACK");
    rank_cache_settle(f->cache);
    assert_int_equal(rank_cache_epoch(f->cache), epoch);
    assert_int_equal(kept(f, epoch, 7), -1);
}

static void a_transaction_with_too_many_changes_throws_all_away(void **state) {
    struct fixture *f = *state;
    keep(f, rank_cache_epoch(f->cache), INT64_C(1) << 50, 3, 5);
    run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) "
           "INSERT INTO note_rank SELECT i, 0, 1, 0, 0, 0, 0, x'' FROM n");
    rank_cache_settle(f->cache);
    assert_int_equal(rank_cache_rows(f->cache), 0);
}

static void memory_is_bounded(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = rank_cache_epoch(f->cache);
    for (int64_t i = 1; i <= 100000; i++)
        keep(f, epoch, i, 1, i % 10 ? 20 : RANK_CACHE_WORDS_MAX);
    size_t rows = rank_cache_rows(f->cache);
    assert_true(rows > 1000 && rows <= RANK_CACHE_SETS * RANK_CACHE_WAYS);
    assert_true(rows * 20 * 4 < RANK_CACHE_BYTES_MAX);
    assert_int_equal(kept(f, epoch, 100000), 1); // the latest stays
    keep(f, epoch, 200000, 1, RANK_CACHE_WORDS_MAX + 1);
    assert_int_equal(kept(f, epoch, 200000), -1);
    rank_cache_clear(f->cache);
    assert_int_equal(rank_cache_rows(f->cache), 0);
}

static void failing_allocations_keep_nothing(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = rank_cache_epoch(f->cache);
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        keep(f, epoch, 7, 3, 5);
        mem_fail_at(0);
        assert_int_equal(kept(f, epoch, 7), -1);
    }
    keep(f, epoch, 7, 3, 5);
    assert_int_equal(kept(f, epoch, 7), 3);
}

static void a_connection_without_a_cache_has_no_rows(void **state) {
    (void)state;
    assert_int_equal(rank_cache_epoch(NULL) % 2, 1);
    rank_cache_put(NULL, 0, &(struct rank_row){0});
    assert_false(rank_cache_get(NULL, 0, 1, take_state, NULL));
    rank_cache_settle(NULL);
    rank_cache_clear(NULL);
    rank_cache_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_found_until_it_changes),
        TEST(nothing_is_used_while_a_change_may_be_half_visible),
        TEST(a_row_of_an_older_or_newer_snapshot_is_not_taken_for_this_one),
        TEST(other_tables_leave_the_rows_alone),
        TEST(what_is_rolled_back_only_costs_a_row),
        TEST(a_transaction_with_too_many_changes_throws_all_away),
        TEST(memory_is_bounded),
        TEST(failing_allocations_keep_nothing),
        cmocka_unit_test(a_connection_without_a_cache_has_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
