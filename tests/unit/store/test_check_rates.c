// What is known of checks: counted, taken back, faded, few, erased.
#include "core/store/check_rates.h"

#include "core/base/mem.h"
#include "core/store/judgements.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static const struct check_rate build = {
    .workspace = "/w", .name = "build", .model = "m", .kind = "build"};

static int put(void *ctx, const struct check_rate *r, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s %s %s %s %lld/%lld %g %g %g %g|", r->workspace, r->name, r->model,
                      r->kind, (long long)r->passes, (long long)r->runs, r->right_passed,
                      r->right_failed, r->wrong_passed, r->wrong_failed);
}

static void expect(struct db *db, const char *workspace, const char *wanted) {
    AUTO_BUF out = BUF_INIT(64 * 1024);
    assert_int_equal(check_rates_each(db, workspace, put, &out, NULL), 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void runs_and_verdicts_are_counted(void **state) {
    struct check_rate other = build;
    other.model = "a";
    other.workspace = "/v";
    assert_int_equal(check_rates_ran(*state, &build, true, 1, NULL), 0);
    assert_int_equal(check_rates_ran(*state, &build, false, 2, NULL), 0);
    assert_int_equal(check_rates_ran(*state, &other, false, 2, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &build, true, true, false, 3, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &build, false, true, false, 3, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &build, true, false, false, 3, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &build, false, false, false, 3, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &build, false, false, false, 3, NULL), 0);
    expect(*state, NULL, "/v build a build 0/1 0 0 0 0|/w build m build 1/2 1 1 1 2|");
    expect(*state, "/v", "/v build a build 0/1 0 0 0 0|");
    assert_int_equal(check_rates_learn(*state, &build, false, false, true, 3, NULL), 0);
    assert_int_equal(check_rates_learn(*state, &other, true, true, true, 3, NULL),
                     0); // not below 0
    expect(*state, NULL, "/v build a build 0/1 0 0 0 0|/w build m build 1/2 1 1 1 1|");
}

static void old_verdicts_fade(void **state) {
    for (int i = 0; i < CHECK_RATES_VERDICTS_MAX; i++)
        assert_int_equal(check_rates_learn(*state, &build, true, true, false, 3, NULL), 0);
    expect(*state, NULL, "/w build m build 0/0 1000 0 0 0|");
    assert_int_equal(check_rates_learn(*state, &build, true, false, false, 3, NULL), 0);
    expect(*state, NULL, "/w build m build 0/0 500 0 0.5 0|");
}

static void rows_are_few(void **state) {
    int64_t count = 0;
    assert_int_equal(db_begin(*state, true, NULL), 0);
    for (int i = 0; i < CHECK_RATES_MAX + 3; i++) {
        char model[32];
        struct check_rate r = build;
        (void)snprintf(model, sizeof model, "m%d", i);
        r.model = model;
        assert_int_equal(check_rates_ran(*state, &r, true, i, NULL), 0);
    }
    assert_int_equal(db_commit(*state, NULL), 0);
    assert_int_equal(db_one_int(*state, "SELECT count(*) FROM check_rate", NULL, 0, &count, NULL),
                     1);
    assert_int_equal(count, CHECK_RATES_MAX);
    assert_int_equal(
        db_one_int(*state, "SELECT min(changed_ms) FROM check_rate", NULL, 0, &count, NULL), 1);
    assert_int_equal(count, 3);
}

static void erasing_and_forgetting_take_them(void **state) {
    const struct judgement j = {"a-1", 1, "/v", "{}", 2};
    int64_t erased = 0;
    AUTO_BUF counted = BUF_INIT(16);
    assert_int_equal(judgement_put(*state, &j, NULL), 0);
    assert_int_equal(judgement_count(*state, "a-1", "good", NULL), 0);
    assert_int_equal(judgement_put(*state, &j, NULL), 0); // written anew: it stays counted
    assert_int_equal(judgement_counted(*state, "a-1", &counted, NULL), 1);
    assert_string_equal(counted.data, "good");
    assert_int_equal(check_rates_ran(*state, &build, true, 1, NULL), 0);
    assert_int_equal(models_erase(*state, "/w", &erased, NULL), 0);
    expect(*state, NULL, "");
    assert_int_equal(check_rates_ran(*state, &build, true, 1, NULL), 0);
    assert_int_equal(check_rates_forget(*state, NULL), 0);
    expect(*state, NULL, "");
    buf_clear(&counted);
    assert_int_equal(judgement_counted(*state, "a-1", &counted, NULL), 1);
    assert_string_equal(counted.data ? counted.data : "", "");
    assert_int_equal(check_rates_ran(*state, &build, true, 1, NULL), 0);
    assert_int_equal(models_erase(*state, NULL, &erased, NULL), 0);
    expect(*state, NULL, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(runs_and_verdicts_are_counted), TEST(old_verdicts_fade),
                                       TEST(rows_are_few), TEST(erasing_and_forgetting_take_them)};
    return cmocka_run_group_tests_name("store/check_rates", tests, NULL, NULL);
}
