#include "core/store/schema.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    struct db *db = NULL;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    *state = db;
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static enum schema_fit fit_of(struct db *db, const struct schema_step *steps,
                              int64_t *ret_version) {
    enum schema_fit fit = SCHEMA_EMPTY;
    struct err err = {0};
    if (schema_inspect(db, steps, &fit, ret_version, &err) < 0)
        fail_msg("schema_inspect: %s", err_text(&err));
    return fit;
}

// The first `n` steps as a table of their own: an older build.
struct older {
    struct schema_step steps[16];
};
static struct older older_build(int n) {
    struct older o = {0};
    assert_true(n < 16);
    memcpy(o.steps, schema_steps, (size_t)n * sizeof o.steps[0]);
    return o;
}

// Every table, index and trigger with its text: what a database of a schema looks like.
static char *shape(struct db *db) {
    struct db_rows *rows = NULL;
    struct buf out = BUF_INIT(0);
    assert_int_equal(db_rows_open(db,
                                  "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name",
                                  NULL, 0, &rows, NULL),
                     0);
    while (db_rows_next(rows, NULL) == 1)
        (void)buf_printf(&out, "%s %s %s\n", db_col_text(rows, 0, NULL), db_col_text(rows, 1, NULL),
                         db_col_is_null(rows, 2) ? "" : db_col_text(rows, 2, NULL));
    db_rows_close(rows);
    return buf_take(&out);
}

static void the_steps_are_numbered_from_one_without_a_gap(void **state) {
    (void)state;
    int expected = 1;
    for (const struct schema_step *s = schema_steps; s->version; s++)
        assert_int_equal(s->version, expected++);
    assert_int_equal(schema_newest(schema_steps), expected - 1);
}

static void every_older_version_comes_to_the_same_newest_one(void **state) {
    int newest = schema_newest(schema_steps);
    assert_int_equal(schema_migrate(*state, schema_steps, 1, NULL), 0);
    AUTO_FREE char *expected = shape(*state);
    for (int from = 1; from <= newest; from++) {
        struct db *db = NULL;
        int64_t version = 0;
        struct older old = older_build(from);
        assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
        assert_int_equal(schema_migrate(db, old.steps, 1, NULL), 0);
        assert_int_equal(fit_of(db, schema_steps, &version),
                         from < newest ? SCHEMA_OLDER : SCHEMA_CURRENT);
        assert_int_equal(version, from);
        assert_int_equal(schema_migrate(db, schema_steps, 2, NULL), 0);
        assert_int_equal(fit_of(db, schema_steps, &version), SCHEMA_CURRENT);
        AUTO_FREE char *actual = shape(db);
        assert_string_equal(actual, expected);
        db_close(db);
    }
}

static void a_new_file_is_told_from_a_foreign_one(void **state) {
    enum schema_fit fit;
    int64_t version;
    assert_int_equal(fit_of(*state, schema_steps, &version), SCHEMA_EMPTY);
    assert_int_equal(db_script(*state, "CREATE TABLE theirs (x)", NULL), 0);
    assert_int_equal(schema_inspect(*state, schema_steps, &fit, &version, NULL), ERR_CORRUPT);
}

static void a_newer_version_is_recognised(void **state) {
    int64_t version = 0;
    struct older older = older_build(schema_newest(schema_steps) - 1);
    assert_int_equal(schema_migrate(*state, schema_steps, 1, NULL), 0);
    assert_int_equal(fit_of(*state, older.steps, &version), SCHEMA_NEWER);
    assert_int_equal(version, schema_newest(schema_steps));
}

static void a_step_with_another_text_under_its_number_is_refused(void **state) {
    enum schema_fit fit;
    int64_t version;
    struct err err;
    struct older edited = older_build(schema_newest(schema_steps));
    edited.steps[0].sql = "CREATE TABLE other (x);";
    assert_int_equal(schema_migrate(*state, schema_steps, 1, NULL), 0);
    assert_int_equal(schema_inspect(*state, edited.steps, &fit, &version, &err), ERR_VERSION);
    assert_non_null(strstr(err.message, "step 1"));
}

static void a_number_without_its_record_is_refused(void **state) {
    enum schema_fit fit;
    int64_t version;
    assert_int_equal(schema_migrate(*state, schema_steps, 1, NULL), 0);
    assert_int_equal(db_script(*state, "DELETE FROM migrations WHERE version > 1", NULL), 0);
    assert_int_equal(schema_inspect(*state, schema_steps, &fit, &version, NULL), ERR_CORRUPT);
}

static void a_step_that_fails_leaves_nothing_of_itself(void **state) {
    int64_t version = 0;
    struct err err;
    int newest = schema_newest(schema_steps);
    struct older broken = older_build(newest);
    broken.steps[newest] = (struct schema_step){
        newest + 1, "9999_broken", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);"};
    assert_true(schema_migrate(*state, broken.steps, 1, &err) < 0);
    assert_non_null(strstr(err.message, "9999_broken"));
    assert_int_equal(fit_of(*state, schema_steps, &version), SCHEMA_CURRENT);
    int64_t one;
    assert_int_equal(
        db_one_int(*state, "SELECT 1 FROM sqlite_schema WHERE name = 'half'", NULL, 0, &one, NULL),
        0);
    // The repaired step goes through.
    broken.steps[newest].sql = "CREATE TABLE half (x);";
    assert_int_equal(schema_migrate(*state, broken.steps, 1, NULL), 0);
    assert_int_equal(fit_of(*state, broken.steps, &version), SCHEMA_CURRENT);
}

static void migrating_twice_changes_nothing(void **state) {
    assert_int_equal(schema_migrate(*state, schema_steps, 1, NULL), 0);
    AUTO_FREE char *before = shape(*state);
    assert_int_equal(schema_migrate(*state, schema_steps, 2, NULL), 0);
    AUTO_FREE char *after = shape(*state);
    assert_string_equal(before, after);
    int64_t late = -1;
    assert_int_equal(db_one_int(*state, "SELECT count(*) FROM migrations WHERE applied_ms = 2",
                                NULL, 0, &late, NULL),
                     1);
    assert_int_equal(late, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_steps_are_numbered_from_one_without_a_gap, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_older_version_comes_to_the_same_newest_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_new_file_is_told_from_a_foreign_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_version_is_recognised, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_with_another_text_under_its_number_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_number_without_its_record_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_fails_leaves_nothing_of_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(migrating_twice_changes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/schema", tests, NULL, NULL);
}
