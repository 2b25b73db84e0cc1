// core/route/route_prefix: where the beginnings of requests are kept.
#include "core/route/route_prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T ROUTE_PART_TOOLS
#define S ROUTE_PART_SYSTEM
#define P ROUTE_PART_PROJECT
#define H ROUTE_PART_HISTORY
#define V ROUTE_PART_VOLATILE

static void marks_stand_where_something_reads_them(void **state) {
    static const struct {
        struct route_part parts[8];
        size_t n;
        int64_t least;
        bool goes_on;
        size_t count, after[ROUTE_PREFIX_MARKS_MAX];
        int64_t tokens;
    } cases[] = {
        {.n = 0, .goes_on = true},
        // All four: behind system, project, the request before, and now.
        {{{T, 2000, 0}, {S, 500, 0}, {P, 900, 0}, {H, 100, 0}, {H, 50, 1}, {H, 70, 0}, {V, 9, 0}},
         7,
         1024,
         true,
         4,
         {1, 2, 3, 5},
         3620},
        // Nothing follows: what only a next request would read is not written.
        {{{T, 2000, 0}, {S, 500, 0}, {P, 900, 0}, {H, 100, 0}}, 4, 1024, false, 2, {1, 2}, 3400},
        // The first request of a conversation.
        {{{T, 2000, 0}, {S, 500, 0}, {H, 100, 0}}, 3, 1024, true, 2, {1, 2}, 2600},
        // Too short to be kept at first.
        {{{S, 500, 0}, {P, 600, 0}, {H, 10, 0}}, 3, 1024, true, 2, {1, 2}, 1110},
        {{{S, 500, 0}, {H, 10, 0}}, 2, 1024, true, 0, {0}, 0},
        // Without tools and system.
        {{{H, 3000, 0}, {H, 10, 1}, {H, 20, 0}}, 3, 1024, true, 2, {0, 2}, 3030},
        // An answer at the very beginning has nothing before it.
        {{{H, 3000, 1}, {H, 20, 0}}, 2, 1024, true, 1, {1}, 3020},
        // Only what changes each time.
        {{{V, 5000, 0}}, 1, 1024, true, 0, {0}, 0},
        // Parts without tokens add no mark.
        {{{S, 2000, 0}, {P, 0, 0}, {H, 0, 0}}, 3, 1024, true, 1, {0}, 2000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_prefix got;
        assert_true(
            route_prefix_plan(cases[i].parts, cases[i].n, cases[i].least, cases[i].goes_on, &got));
        if (got.count != cases[i].count || got.tokens != cases[i].tokens)
            fail_msg("case %zu: %zu marks, %lld tokens", i, got.count, (long long)got.tokens);
        for (size_t k = 0; k < got.count; k++)
            assert_int_equal(got.after[k], cases[i].after[k]);
    }
}

static void parts_out_of_order_get_no_mark(void **state) {
    static const struct route_part parts[] = {{S, 9000, 0}, {V, 10, 0}, {H, 10, 0}};
    struct route_prefix got;
    (void)state;
    assert_false(route_prefix_plan(parts, 3, 1024, true, &got));
    assert_int_equal(got.count, 0);
}

// Whatever the parts: at most four marks, in order, none behind what changes, none too short; and
// the end of one request has a mark in the next one.
static void conversations_find_what_they_wrote(void **state) {
    struct route_part parts[64] = {{T, 3000, 0}, {S, 400, 0}, {P, 700, 0}};
    size_t n = 3, end = 0;
    (void)state;
    for (int turn = 0; turn < 20; turn++) {
        struct route_prefix got;
        parts[n++] = (struct route_part){H, 30 + turn, 0};
        assert_true(route_prefix_plan(parts, n, 1024, true, &got));
        assert_in_range(got.count, 1, ROUTE_PREFIX_MARKS_MAX);
        for (size_t k = 1; k < got.count; k++)
            assert_true(got.after[k] > got.after[k - 1]);
        bool found = turn == 0;
        for (size_t k = 0; k < got.count; k++)
            found = found || got.after[k] == end;
        assert_true(found);
        end = got.after[got.count - 1];
        assert_int_equal(end, n - 1);
        parts[n++] = (struct route_part){H, 200, 1};
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_stand_where_something_reads_them),
        cmocka_unit_test(parts_out_of_order_get_no_mark),
        cmocka_unit_test(conversations_find_what_they_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
