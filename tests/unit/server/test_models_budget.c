// server/models_budget: what a workspace spent since its plan was read counts, whoever spends
// beside it.
#include "core/base/mem.h"
#include "server/models_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct asker {
    struct model_plan plan;
    struct model_run run;
};

// A request of a workspace that may spend 10 dollars a day, with a plan that is read now.
static void begin(struct asker *a, struct models *m, const char *workspace) {
    *a = (struct asker){
        .plan = {.refs = 1, .limit_count = 1, .limits = {{.limit = 10000000, .own = true}}},
        .run = {.m = m}};
    a->run.workspace = (char *)(uintptr_t)workspace;
    a->run.plan = &a->plan;
    model_budget_mark(&a->run);
    memcpy(a->plan.written, a->run.written, sizeof a->run.written);
}

static void spend(struct asker *a, int64_t cost) {
    a->run.expected.usd = 1;
    model_budget_reserve(&a->run);
    model_budget_spend(&a->run, cost);
    model_budget_written(a->run.m, a->run.workspace, cost);
}

static double spent(struct asker *a) {
    struct route_policy policy = {0};
    model_budget_policy(&a->run, &policy);
    return policy.spent_usd[0];
}

static void workspaces_that_take_turns_keep_their_purses(void **state) {
    struct models *m = mem_zalloc(sizeof *m);
    struct asker *a = mem_zalloc(2 * sizeof *a);
    (void)state;
    assert_true(m && a);
    begin(&a[0], m, "/a");
    spend(&a[0], 4000000);
    begin(&a[1], m, "/b");
    begin(&a[0], m, "/a"); // its plan knows of the four dollars
    for (int i = 0; i < 3; i++) {
        spend(&a[1], 500000);
        spend(&a[0], 1000000);
    }
    assert_true(spent(&a[0]) > 2.99 && spent(&a[0]) < 3.01);
    assert_true(spent(&a[1]) > 1.49 && spent(&a[1]) < 1.51);
    model_purses_done(m);
    mem_free(a);
    mem_free(m);
}

// More workspaces than there are purses: one that comes again begins anew, and counts from there.
static void a_purse_that_was_given_away_counts_from_where_it_begins(void **state) {
    struct models *m = mem_zalloc(sizeof *m);
    struct asker *a = mem_zalloc(2 * sizeof *a);
    char other[32];
    (void)state;
    assert_true(m && a);
    begin(&a[0], m, "/a");
    spend(&a[0], 4000000);
    begin(&a[0], m, "/a");
    for (int i = 0; i < MODEL_PURSES_MAX; i++) {
        (void)snprintf(other, sizeof other, "/b%d", i);
        begin(&a[1], m, other);
        spend(&a[1], 500000);
    }
    spend(&a[0], 1000000);
    assert_true(spent(&a[0]) > .99 && spent(&a[0]) < 1.01);
    model_purses_done(m);
    mem_free(a);
    mem_free(m);
}

// What could not be set aside for want of memory is not given back either.
static void what_was_not_set_aside_is_not_given_back(void **state) {
    struct models *m = mem_zalloc(sizeof *m);
    struct asker *a = mem_zalloc(sizeof *a);
    (void)state;
    assert_true(m && a);
    mem_fail_at(1);
    begin(a, m, "/a");
    mem_fail_at(1);
    a->run.expected.usd = 1;
    model_budget_reserve(&a->run);
    mem_fail_at(0);
    begin(a, m, "/a");
    a->run.reserved = 1000000;
    model_budget_release(&a->run);
    assert_int_equal(m->purses[0].reserved, 0);
    assert_int_equal(m->purse.reserved, 0);
    model_budget_written(m, "/a", 3000000); // of a request that was never in the purse
    spend(a, 1000000);
    assert_true(spent(a) > .99 && spent(a) < 1.01);
    model_purses_done(m);
    mem_free(a);
    mem_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workspaces_that_take_turns_keep_their_purses),
        cmocka_unit_test(a_purse_that_was_given_away_counts_from_where_it_begins),
        cmocka_unit_test(what_was_not_set_aside_is_not_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
