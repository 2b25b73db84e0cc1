#include "core/base/mem.h"
#include "core/db/db.h"

#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct err err;

static int setup(void **state) {
    struct db *db = NULL;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, &err), 0);
    assert_int_equal(db_script(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, UNIQUE(a))", &err),
                     0);
    *state = db;
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static int64_t count(struct db *db) {
    int64_t n = -1;
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM t", NULL, 0, &n, &err), 1);
    return n;
}

static void values_come_back_as_they_went_in(void **state) {
    struct db *db = *state;
    const struct db_value v[] = {db_null(),
                                 db_int(INT64_MIN),
                                 db_real(0.5),
                                 db_text("h\xc3\xa4"),
                                 db_text_n("a\0b", 3),
                                 db_blob("\x00\xff", 2),
                                 db_blob("", 0),
                                 db_text(NULL)};
    struct db_rows *r = NULL;
    size_t n = 0;
    assert_int_equal(db_rows_open(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8", v, 8, &r, &err), 0);
    assert_int_equal(db_rows_next(r, &err), 1);
    assert_true(db_col_is_null(r, 0));
    assert_true(db_col_int(r, 1) == INT64_MIN);
    assert_true(db_col_real(r, 2) == 0.5);
    assert_string_equal(db_col_text(r, 3, &n), "h\xc3\xa4");
    assert_int_equal(n, 3);
    assert_memory_equal(db_col_text(r, 4, &n), "a\0b", 3);
    assert_int_equal(n, 3);
    assert_memory_equal(db_col_blob(r, 5, &n), "\x00\xff", 2);
    assert_int_equal(n, 2);
    assert_non_null(db_col_blob(r, 6, &n)); // empty, not NULL
    assert_int_equal(n, 0);
    assert_false(db_col_is_null(r, 6));
    assert_true(db_col_is_null(r, 7));
    assert_null(db_col_text(r, 7, &n));
    assert_null(db_col_blob(r, 0, &n));
    assert_int_equal(db_rows_next(r, &err), 0);
    db_rows_close(r);
}

static const char of_list[] = "SELECT t.id, i.place FROM ids(?1) AS i "
                              "CROSS JOIN t ON t.id = i.rowid";

static void a_list_gives_its_rows_in_its_order(void **state) {
    struct db *db = *state;
    static const int64_t items[] = {7, 3, 99, 7, INT64_MIN, 1}, there[] = {7, 3, 7, 1},
                         places[] = {0, 1, 3, 5};
    const struct db_ids ids = {.items = items, .count = 6}, none = {0};
    assert_int_equal(db_script(db, "INSERT INTO t (id) VALUES (1), (3), (5), (7)", &err), 0);
    for (int again = 0; again < 2; again++) { // the second time with the kept statement
        struct db_rows *r = NULL;
        assert_int_equal(db_rows_open(db, of_list, (struct db_value[]){db_list(&ids)}, 1, &r, &err),
                         0);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(db_rows_next(r, &err), 1);
            assert_int_equal(db_col_int(r, 0), there[i]);
            assert_int_equal(db_col_int(r, 1), places[i]);
        }
        assert_int_equal(db_rows_next(r, &err), 0);
        db_rows_close(r);
    }
    int64_t n = 42;
    assert_int_equal(db_one_int(db, of_list, (struct db_value[]){db_list(&none)}, 1, &n, &err), 0);
}

static void only_a_list_is_a_list(void **state) {
    struct db *db = *state;
    int64_t n = 42;
    assert_int_equal(db_script(db, "INSERT INTO t (id) VALUES (1)", &err), 0);
    assert_int_equal(db_one_int(db, of_list, (struct db_value[]){db_int(1)}, 1, &n, &err), 0);
    assert_int_equal(db_one_int(db, of_list, (struct db_value[]){db_text("1")}, 1, &n, &err), 0);
    assert_true(db_one_int(db, "SELECT place FROM ids", NULL, 0, &n, &err) < 0);
    // A schema must not reach it.
    assert_true(db_script(db, "CREATE VIEW v AS SELECT place FROM ids(1); SELECT * FROM v", &err) <
                0);
}

struct visited {
    struct db *db;
    int64_t ids[8], sum;
    size_t count, pause_at; // pauses behind so many rows
    int fail;
};

static int on_visit(void *ctx, const struct db_cells *row, struct err *e) {
    struct visited *v = ctx;
    size_t n = 0;
    const char *blob = db_cell_blob(row, 1, &n);
    v->ids[v->count++] = db_cell_int(row, 0);
    assert_int_equal(n, blob ? 3 : 0);
    assert_true(!blob || memcmp(blob, "abc", 3) == 0);
    if (v->db) // other statements of the connection run meanwhile
        assert_int_equal(db_one_int(v->db, "SELECT sum(id) FROM t", NULL, 0, &v->sum, e), 1);
    if (v->fail)
        return err_set(e, v->fail, "enough");
    return v->count == v->pause_at;
}

static bool odd_ids(void *ctx, int64_t *ret_id) {
    int64_t *id = ctx;
    *ret_id = *id += 2;
    return *id < 100;
}

static const char visited_sql[] = "SELECT 1 FROM ids(?1) AS i CROSS JOIN t ON t.id = i.rowid "
                                  "WHERE visit(?2, t.id, t.a)";

static void a_visitor_sees_each_row_and_may_pause(void **state) {
    struct db *db = *state;
    int64_t last = -1;
    const struct db_ids ids = {.next = odd_ids, .ctx = &last};
    struct visited seen = {.db = db, .pause_at = 2};
    struct db_visitor visitor = {.fn = on_visit, .ctx = &seen};
    struct db_rows *r = NULL;
    assert_int_equal(
        db_script(db, "INSERT INTO t (id, a) VALUES (1, x'616263'), (4, NULL), (5, NULL), (9, x'')",
                  &err),
        0);
    assert_int_equal(db_rows_open(db, visited_sql,
                                  (struct db_value[]){db_list(&ids), db_visit(&visitor)}, 2, &r,
                                  &err),
                     0);
    assert_int_equal(db_rows_visit(r, &visitor, &err), 1);
    assert_int_equal(seen.count, 2);
    assert_int_equal(db_rows_visit(r, &visitor, &err), 0);
    db_rows_close(r);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.ids[0], 1);
    assert_int_equal(seen.ids[1], 5);
    assert_int_equal(seen.ids[2], 9);
    assert_int_equal(seen.sum, 19);
}

static void a_visitors_error_is_the_statements(void **state) {
    struct db *db = *state;
    static const int64_t items[] = {1, 2};
    const struct db_ids ids = {.items = items, .count = 2};
    struct visited seen = {.fail = ERR_LIMIT};
    struct db_visitor visitor = {.fn = on_visit, .ctx = &seen};
    struct db_rows *r = NULL;
    assert_int_equal(db_script(db, "INSERT INTO t (id) VALUES (1), (2)", &err), 0);
    assert_int_equal(db_rows_open(db, visited_sql,
                                  (struct db_value[]){db_list(&ids), db_visit(&visitor)}, 2, &r,
                                  &err),
                     0);
    assert_int_equal(db_rows_visit(r, &visitor, &err), ERR_LIMIT);
    assert_string_equal(err_text(&err), "enough");
    assert_int_equal(seen.count, 1);
    db_rows_close(r);
    err = (struct err){0};
    // What is no visitor sees nothing, and a schema must not reach it.
    int64_t n = 42;
    assert_int_equal(db_one_int(db, "SELECT id FROM t WHERE visit(1, id)", NULL, 0, &n, &err), 0);
    assert_true(
        db_script(db, "CREATE VIEW w AS SELECT visit(1, id) FROM t; SELECT * FROM w", &err) < 0);
}

static void one_int_tells_none_from_zero(void **state) {
    struct db *db = *state;
    int64_t n = 42;
    assert_int_equal(db_one_int(db, "SELECT id FROM t", NULL, 0, &n, &err), 0);
    assert_int_equal(n, 42);
    assert_int_equal(db_one_int(db, "SELECT 0", NULL, 0, &n, &err), 1);
    assert_int_equal(n, 0);
}

static void a_statement_in_use_does_not_disturb_itself(void **state) {
    struct db *db = *state;
    static const char sql[] = "SELECT id FROM t ORDER BY id";
    struct db_rows *a = NULL, *b = NULL;
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(1), (2)", NULL, 0, &err), 0);
    assert_int_equal(db_rows_open(db, sql, NULL, 0, &a, &err), 0);
    assert_int_equal(db_rows_next(a, &err), 1);
    assert_int_equal(db_rows_open(db, sql, NULL, 0, &b, &err), 0);
    assert_int_equal(db_rows_next(b, &err), 1);
    assert_int_equal(db_col_int(b, 0), 1);
    assert_int_equal(db_rows_next(a, &err), 1);
    assert_int_equal(db_col_int(a, 0), 2);
    db_rows_close(a);
    db_rows_close(b);
}

// The same buffer with another text must not run the old statement.
static void the_cache_compares_the_text_too(void **state) {
    struct db *db = *state;
    char sql[32] = "SELECT 1";
    int64_t n = 0;
    assert_int_equal(db_one_int(db, sql, NULL, 0, &n, &err), 1);
    assert_int_equal(n, 1);
    memcpy(sql, "SELECT 2", 8);
    assert_int_equal(db_one_int(db, sql, NULL, 0, &n, &err), 1);
    assert_int_equal(n, 2);
}

static void more_statements_than_the_cache_holds_work(void **state) {
    struct db *db = *state;
    static char sql[200][32];
    struct db_rows *open[200] = {NULL};
    for (int i = 0; i < 200; i++) {
        (void)snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
        assert_int_equal(db_rows_open(db, sql[i], NULL, 0, &open[i], &err), 0);
    }
    for (int i = 0; i < 200; i++) {
        assert_int_equal(db_rows_next(open[i], &err), 1);
        assert_int_equal(db_col_int(open[i], 0), i);
        db_rows_close(open[i]);
    }
    for (int i = 0; i < 200; i++) {
        int64_t n = -1;
        assert_int_equal(db_one_int(db, sql[i], NULL, 0, &n, &err), 1);
        assert_int_equal(n, i);
    }
}

static void errors_have_a_code_and_a_sentence(void **state) {
    struct db *db = *state;
    struct db_value v = db_int(1);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(?1)", &v, 1, &err), 0);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(?1)", &v, 1, &err), ERR_EXISTS);
    assert_int_equal(db_run(db, "SELECT nonsense FROM nowhere", NULL, 0, &err), ERR_INVAL);
    assert_non_null(strstr(err.message, "nowhere"));
    assert_int_equal(db_run(db, "SELECT ?1", (struct db_value[]){v, v}, 2, &err), ERR_INVAL);
    assert_int_equal(db_run(db, "", NULL, 0, &err), ERR_IO);
    assert_int_equal(db_run(db, "SELECT zeroblob(1000000000)", NULL, 0, &err), ERR_LIMIT);
    assert_int_equal(db_script(db,
                               "PRAGMA journal_mode=DELETE; ATTACH '/tmp/x.db' AS x; ATTACH "
                               "'/tmp/y.db' AS y",
                               &err),
                     ERR_INVAL);
}

static void savepoints_nest_and_roll_back(void **state) {
    struct db *db = *state;
    assert_int_equal(db_begin(db, true, &err), 0);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(1)", NULL, 0, &err), 0);
    assert_int_equal(db_savepoint(db, &err), 0);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(2)", NULL, 0, &err), 0);
    assert_int_equal(db_savepoint(db, &err), 0);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(3)", NULL, 0, &err), 0);
    db_savepoint_rollback(db);
    assert_int_equal(count(db), 2);
    assert_int_equal(db_savepoint_release(db, &err), 0);
    db_savepoint_rollback(db); // none open: nothing happens
    assert_int_equal(db_commit(db, &err), 0);
    assert_int_equal(count(db), 2);
    db_rollback(db); // outside a transaction: nothing happens
    assert_int_equal(db_begin(db, true, &err), 0);
    assert_int_equal(db_run(db, "DELETE FROM t", NULL, 0, &err), 0);
    assert_int_equal(db_changes(db), 2);
    db_rollback(db);
    assert_int_equal(count(db), 2);
    int depth = 0;
    assert_int_equal(db_begin(db, true, &err), 0);
    while (db_savepoint(db, &err) == 0)
        depth++;
    assert_int_equal(depth, 16);
    assert_int_equal(err.code, ERR_LIMIT);
    db_rollback(db);
}

static const char endless[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";

static bool after_some(void *ctx) {
    return ++*(int *)ctx > 5;
}

static void a_cancel_function_stops_a_statement(void **state) {
    struct db *db = *state;
    int polls = 0;
    db_set_cancel(db, after_some, &polls);
    assert_int_equal(db_run(db, endless, NULL, 0, &err), ERR_CANCELLED);
    assert_int_equal(polls, 6);
    db_set_cancel(db, NULL, NULL);
    assert_int_equal(db_run(db, "INSERT INTO t(a) VALUES(1)", NULL, 0, &err), 0);
}

struct interrupt {
    struct db *db;
    atomic_bool stop;
};

static void *interrupter(void *ctx) {
    struct interrupt *i = ctx;
    // It may come before the statement runs, and is then without effect: so again.
    while (!atomic_load(&i->stop)) {
        db_interrupt(i->db);
        (void)usleep(1000);
    }
    return NULL;
}

static void another_thread_interrupts(void **state) {
    struct interrupt i = {.db = *state};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, interrupter, &i), 0);
    assert_int_equal(db_run(*state, endless, NULL, 0, &err), ERR_CANCELLED);
    atomic_store(&i.stop, true);
    (void)pthread_join(t, NULL);
}

static void a_reader_may_not_write(void **state) {
    (void)state;
    char path[] = "/tmp/paired_db_XXXXXX";
    struct db *w = NULL, *r = NULL;
    int fd = mkstemp(path);
    (void)close(fd);
    assert_int_equal(db_open_plain(path, DB_CREATE, &w, &err), 0);
    assert_int_equal(db_script(w, "CREATE TABLE t(a)", &err), 0);
    assert_int_equal(db_open_plain(path, DB_READ_ONLY, &r, &err), 0);
    assert_int_equal(count(r), 0);
    assert_int_equal(db_run(r, "INSERT INTO t VALUES(1)", NULL, 0, &err), ERR_PERM);
    db_close(r);
    db_close(w);
    (void)unlink(path);
    assert_int_equal(db_open_plain("/nonexistent/x.db", DB_CREATE, &w, &err), ERR_IO);
}

static void failing_allocations_are_errors(void **state) {
    struct db *db = *state;
    static char sql[8][40];
    for (uint64_t n = 1; n < 8; n++) {
        int64_t v = 0;
        (void)snprintf(sql[n], sizeof sql[n], "SELECT %llu + 1", (unsigned long long)n);
        mem_fail_at(n);
        int r = db_one_int(db, sql[n], NULL, 0, &v, &err);
        mem_fail_at(0);
        assert_true(r == 1 || r == ERR_NOMEM);
        assert_int_equal(db_one_int(db, sql[n], NULL, 0, &v, &err), 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_as_they_went_in),
        TEST(a_list_gives_its_rows_in_its_order),
        TEST(only_a_list_is_a_list),
        TEST(a_visitor_sees_each_row_and_may_pause),
        TEST(a_visitors_error_is_the_statements),
        TEST(one_int_tells_none_from_zero),
        TEST(a_statement_in_use_does_not_disturb_itself),
        TEST(the_cache_compares_the_text_too),
        TEST(more_statements_than_the_cache_holds_work),
        TEST(errors_have_a_code_and_a_sentence),
        TEST(savepoints_nest_and_roll_back),
        TEST(a_cancel_function_stops_a_statement),
        TEST(another_thread_interrupts),
        TEST(a_reader_may_not_write),
        TEST(failing_allocations_are_errors),
    };
    return cmocka_run_group_tests_name("db/db", tests, NULL, NULL);
}
