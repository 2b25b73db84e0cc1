// Tokens and money: counted by day, asked for by any of their names, joined with age.
#include "core/store/usage.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS (24LL * 60 * 60 * 1000)
static const int64_t today_ms = 20785 * DAY_MS; // 2026-11-28

static int setup(void **state) {
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static int add(struct db *db, int64_t at_ms, const char *agent, const char *backend,
               const char *session, int64_t tokens, int64_t cost) {
    const struct usage u = {.at_ms = at_ms,
                            .agent = agent,
                            .backend = backend,
                            .model = "m",
                            .session = session,
                            .workspace = "/w",
                            .sum = {.requests = 1,
                                    .failed = tokens == 0,
                                    .input = tokens,
                                    .cached = 2 * tokens,
                                    .cache_write = 1,
                                    .output = 3,
                                    .cost = cost,
                                    .saved = -cost}};
    return usage_add(db, &u, NULL);
}

static int note(void *ctx, const char *key, const struct usage_sum *sum, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s=%lld/%lld/%lld/%lld/%lld ", key, (long long)sum->requests,
                      (long long)sum->failed, (long long)sum->input, (long long)sum->cost,
                      (long long)sum->saved);
}

static void expect(struct db *db, enum usage_by by, int64_t since_ms, const char *wanted) {
    AUTO_BUF out = BUF_INIT(64 * 1024);
    assert_int_equal(usage_report(db, by, since_ms, today_ms, 100, note, &out, NULL), 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static int64_t rows(struct db *db) {
    int64_t n = 0;
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM usage", NULL, 0, &n, NULL), 1);
    return n;
}

static void it_is_asked_for_by_any_name(void **state) {
    assert_int_equal(add(*state, today_ms + 5, "sherlock", "a", "s1", 10, 100), 0);
    assert_int_equal(add(*state, today_ms + 6, "sherlock", "a", "s1", 5, 50), 0);
    assert_int_equal(add(*state, today_ms - 1, "alex", "b", "s2", 0, 400), 0);
    assert_int_equal(rows(*state), 2);
    expect(*state, USAGE_BY_DAY, 0, "2026-11-28=2/0/15/150/-150 2026-11-27=1/1/0/400/-400 ");
    expect(*state, USAGE_BY_AGENT, 0, "alex=1/1/0/400/-400 sherlock=2/0/15/150/-150 ");
    expect(*state, USAGE_BY_BACKEND, today_ms, "a=2/0/15/150/-150 ");
    expect(*state, USAGE_BY_MODEL, 0, "m=3/1/15/550/-550 ");
    expect(*state, USAGE_BY_SESSION, 0, "s2=1/1/0/400/-400 s1=2/0/15/150/-150 ");
    expect(*state, USAGE_BY_WORKSPACE, 0, "/w=3/1/15/550/-550 ");
    struct usage_sum sum;
    assert_int_equal(usage_total(*state, usage_month_start(today_ms), today_ms, &sum, NULL), 0);
    assert_int_equal(sum.cost, 550);
    assert_int_equal(sum.cached, 30);
    assert_int_equal(usage_total(*state, 0, 1, &sum, NULL), 0);
    assert_int_equal(sum.requests, 0);
}

static void a_month_begins_on_its_first_day(void **state) {
    (void)state;
    assert_int_equal(usage_month_start(today_ms + 7) / DAY_MS, 20785 - 27);
    assert_int_equal(usage_month_start(today_ms - 27 * DAY_MS) / DAY_MS, 20785 - 27);
    assert_int_equal(usage_month_start(today_ms - 28 * DAY_MS) / DAY_MS, 20785 - 27 - 31);
}

static void age_joins_sessions_then_days_and_loses_nothing(void **state) {
    for (int64_t day = 0; day < 500; day++)
        for (int s = 0; s < 3; s++) {
            char session[8];
            (void)snprintf(session, sizeof session, "s%d", s);
            assert_int_equal(add(*state, today_ms - day * DAY_MS, "alex", "a", session, 1, 7), 0);
        }
    assert_int_equal(rows(*state), 1500);
    assert_int_equal(usage_tidy(*state, today_ms, NULL), 0);
    int64_t once = rows(*state);
    // 36 days with sessions apart, 365 days up to the 400th, and the months before that.
    assert_int_equal(once, 36 * 3 + 365 + 4);
    assert_int_equal(usage_tidy(*state, today_ms, NULL), 0);
    assert_int_equal(rows(*state), once);
    expect(*state, USAGE_BY_MODEL, 0, "m=1500/0/1500/10500/-10500 ");
    assert_int_equal(add(*state, today_ms - 490 * DAY_MS, "alex", "a", "late", 1, 7), 0);
    assert_int_equal(usage_tidy(*state, today_ms, NULL), 0);
    assert_int_equal(rows(*state), once);
    expect(*state, USAGE_BY_MODEL, 0, "m=1501/0/1501/10507/-10507 ");
}

static void a_flood_of_sessions_is_counted_in_one_row(void **state) {
    assert_int_equal(db_begin(*state, true, NULL), 0);
    for (int i = 0; i < USAGE_ROWS_DAY_MAX + 50; i++) {
        char session[16];
        (void)snprintf(session, sizeof session, "s%d", i);
        assert_int_equal(add(*state, today_ms, "alex", "a", session, 1, 1), 0);
    }
    assert_int_equal(db_commit(*state, NULL), 0);
    assert_int_equal(rows(*state), USAGE_ROWS_DAY_MAX + 1);
    struct usage_sum sum;
    assert_int_equal(usage_total(*state, 0, today_ms, &sum, NULL), 0);
    assert_int_equal(sum.requests, USAGE_ROWS_DAY_MAX + 50);
}

static void what_cannot_be_is_refused(void **state) {
    struct usage u = {.at_ms = 1,
                      .agent = "a",
                      .backend = "b",
                      .model = "m",
                      .session = "",
                      .sum = {.input = -1}};
    assert_int_equal(usage_add(*state, &u, NULL), ERR_INVAL);
    u.sum.input = USAGE_COUNT_MAX + 1;
    assert_int_equal(usage_add(*state, &u, NULL), ERR_INVAL);
    u.sum.input = USAGE_COUNT_MAX;
    assert_int_equal(usage_add(*state, &u, NULL), 0);
    char name[USAGE_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    u.model = name;
    assert_int_equal(usage_add(*state, &u, NULL), ERR_LIMIT);
}

static void a_workspace_is_erased_with_its_usage(void **state) {
    struct usage u = {.at_ms = today_ms,
                      .agent = "a",
                      .backend = "b",
                      .model = "m",
                      .session = "s",
                      .workspace = "/other",
                      .sum = {.requests = 1}};
    assert_int_equal(usage_add(*state, &u, NULL), 0);
    assert_int_equal(add(*state, today_ms, "alex", "a", "s1", 1, 7), 0);
    int64_t erased = 0;
    assert_int_equal(models_erase(*state, "/w", &erased, NULL), 0);
    assert_int_equal(erased, 1);
    expect(*state, USAGE_BY_WORKSPACE, 0, "/other=1/0/0/0/0 ");
}

static void every_failed_allocation_is_told(void **state) {
    for (uint64_t nth = 1; nth < 100; nth++) {
        AUTO_BUF out = BUF_INIT(4096);
        assert_int_equal(db_savepoint(*state, NULL), 0);
        mem_fail_at(nth);
        int r = add(*state, today_ms, "alex", "a", "s1", 1, 7);
        if (r == 0)
            r = usage_report(*state, USAGE_BY_AGENT, 0, today_ms, 10, note, &out, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        db_savepoint_rollback(*state);
        assert_true(r == 0 || r == ERR_NOMEM);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_asked_for_by_any_name, setup, teardown),
        cmocka_unit_test(a_month_begins_on_its_first_day),
        cmocka_unit_test_setup_teardown(age_joins_sessions_then_days_and_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_sessions_is_counted_in_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_workspace_is_erased_with_its_usage, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_told, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/usage", tests, NULL, NULL);
}
