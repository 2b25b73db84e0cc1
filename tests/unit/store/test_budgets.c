// Limits of single workspaces: kept, changed, listed, removed.
#include "core/store/budgets.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "core/store/usage.h"
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

static int set(struct db *db, const char *workspace, int64_t day, int64_t month) {
    const struct budget b = {day, month};
    return budget_set(db, workspace, &b, 1, NULL);
}

static int note(void *ctx, const char *workspace, const struct budget *b, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s=%lld/%lld ", workspace, (long long)b->day, (long long)b->month);
}

static void expect(struct db *db, const char *wanted) {
    AUTO_BUF out = BUF_INIT(4096);
    assert_int_equal(budget_each(db, note, &out, NULL), 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void each_workspace_has_its_own(void **state) {
    struct budget b;
    assert_int_equal(budget_get(*state, "/w", &b, NULL), 0);
    assert_int_equal(b.day + b.month, 0);
    assert_int_equal(set(*state, "/w", 5, 0), 0);
    assert_int_equal(set(*state, "/a", 0, 7), 0);
    assert_int_equal(set(*state, "/w", 6, 9), 0);
    expect(*state, "/a=0/7 /w=6/9 ");
    assert_int_equal(budget_get(*state, "/w", &b, NULL), 0);
    assert_int_equal(b.day, 6);
    assert_int_equal(b.month, 9);
    assert_int_equal(budget_get(*state, "/w/below", &b, NULL), 0);
    assert_int_equal(b.day + b.month, 0);
    assert_int_equal(set(*state, "/a", 0, 0), 0);
    expect(*state, "/w=6/9 ");
}

static void maxima_are_kept(void **state) {
    char path[32];
    assert_int_equal(set(*state, "/w", -1, 0), ERR_INVAL);
    assert_int_equal(set(*state, "/w", 0, BUDGET_MAX + 1), ERR_INVAL);
    for (int i = 0; i < BUDGETS_MAX; i++) {
        (void)snprintf(path, sizeof path, "/w%04d", i);
        assert_int_equal(set(*state, path, BUDGET_MAX, BUDGET_MAX), 0);
    }
    assert_int_equal(set(*state, "/one-more", 1, 0), ERR_LIMIT);
    assert_int_equal(set(*state, "/w0007", 1, 0), 0); // one that is there changes
    assert_int_equal(set(*state, "/w0007", 0, 0), 0);
    assert_int_equal(set(*state, "/one-more", 1, 0), 0);
}

static void one_goes_with_its_workspace(void **state) {
    int64_t erased = 0;
    assert_int_equal(set(*state, "/a", 1, 1), 0);
    assert_int_equal(set(*state, "/w", 1, 1), 0);
    assert_int_equal(models_erase(*state, "/w", &erased, NULL), 0);
    assert_int_equal(erased, 1);
    expect(*state, "/a=1/1 ");
    assert_int_equal(models_erase(*state, NULL, &erased, NULL), 0);
    expect(*state, "");
}

static void what_one_workspace_used_is_told_apart(void **state) {
    const int64_t day_ms = 24LL * 60 * 60 * 1000, at_ms = 20785 * day_ms;
    for (int i = 0; i < 3; i++) {
        const struct usage u = {.at_ms = at_ms,
                                .agent = "a",
                                .backend = "b",
                                .model = "m",
                                .session = "",
                                .workspace = i ? "/w" : "/a",
                                .sum = {.requests = 1, .cost = 10, .hits = 2, .hit_tokens = 7}};
        assert_int_equal(usage_add(*state, &u, NULL), 0);
    }
    struct usage_sum all, own, none;
    assert_int_equal(usage_total(*state, at_ms, at_ms, &all, NULL), 0);
    assert_int_equal(usage_total_of(*state, "/w", at_ms, at_ms, &own, NULL), 0);
    assert_int_equal(usage_total_of(*state, "/x", at_ms, at_ms, &none, NULL), 0);
    assert_int_equal(all.cost, 30);
    assert_int_equal(own.cost, 20);
    assert_int_equal(own.hits, 4);
    assert_int_equal(own.hit_tokens, 14);
    assert_int_equal(none.requests + none.hits + none.cost, 0);
}

static void hits_survive_the_joining_of_old_rows(void **state) {
    const int64_t day_ms = 24LL * 60 * 60 * 1000, now_ms = 20785 * day_ms;
    for (int i = 0; i < 4; i++) {
        const struct usage u = {.at_ms = now_ms - (i < 2 ? 40 : 500) * day_ms,
                                .agent = "a",
                                .backend = "b",
                                .model = "m",
                                .session = i % 2 ? "s1" : "s2",
                                .workspace = "/w",
                                .sum = {.hits = 3, .hit_tokens = 11}};
        assert_int_equal(usage_add(*state, &u, NULL), 0);
    }
    assert_int_equal(usage_tidy(*state, now_ms, NULL), 0);
    struct usage_sum all;
    int64_t rows = 0;
    assert_int_equal(db_one_int(*state, "SELECT count(*) FROM usage", NULL, 0, &rows, NULL), 1);
    assert_int_equal(rows, 2);
    assert_int_equal(usage_total(*state, 0, now_ms, &all, NULL), 0);
    assert_int_equal(all.hits, 12);
    assert_int_equal(all.hit_tokens, 44);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_workspace_has_its_own),           TEST(maxima_are_kept),
        TEST(one_goes_with_its_workspace),          TEST(what_one_workspace_used_is_told_apart),
        TEST(hits_survive_the_joining_of_old_rows),
    };
    return cmocka_run_group_tests_name("store/budgets", tests, NULL, NULL);
}
