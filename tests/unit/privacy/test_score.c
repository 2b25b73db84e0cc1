// The privacy score: points add up, and what protects more never scores less.
#include "core/base/mem.h"
#include "core/privacy/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 2000000 };

static int total(const struct score_facts *f) {
    struct score s;
    int got = 0, of = 0;
    score_of(f, &s);
    for (size_t i = 0; i < SCORE_POINTS; i++) {
        const struct score_point *p = &s.points[i];
        assert_true(p->name && p->reason && p->got >= 0 && p->got <= p->of);
        assert_true(p->got < p->of || !p->advice);
        got += p->got;
        of += p->of;
    }
    assert_int_equal(got, s.score);
    assert_int_equal(of, 100);
    return s.score;
}

static void best_and_worst(void **state) {
    (void)state;
    assert_int_equal(
        total(&(struct score_facts){
            .locked_by_more = true, .recovery = true, .secrets_refused = true, .epsilon_max = MAX}),
        100);
    assert_true(total(&(struct score_facts){.out_friend = 1,
                                            .out_group = 1,
                                            .out_everyone = 1,
                                            .without_end = 3,
                                            .backends = 1,
                                            .waiting = 9,
                                            .epsilon = MAX,
                                            .epsilon_max = MAX}) < 45);
}

// Every combination of facts, and each of them made better alone.
static void a_protection_never_lowers_it(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 1U << 10; bits++) {
        struct score_facts f = {.locked_by_more = bits & 1,
                                .recovery = bits & 2,
                                .out_friend = bits & 4 ? 2 : 0,
                                .out_group = bits & 8 ? 1 : 0,
                                .out_everyone = bits & 16 ? 1 : 0,
                                .without_end = bits & 32 ? 2 : 0,
                                .backends = bits & 64 ? 1 : 0,
                                .waiting = bits & 128 ? 3 : 0,
                                .epsilon = bits & 256 ? MAX / 2 : 0,
                                .epsilon_max = MAX,
                                .secrets_refused = bits & 512};
        int here = total(&f);
        struct score_facts g;
#define BETTER(change)                                                                             \
    do {                                                                                           \
        g = f;                                                                                     \
        g.change;                                                                                  \
        assert_true(total(&g) >= here);                                                            \
    } while (0)
        BETTER(locked_by_more = true);
        BETTER(recovery = true);
        BETTER(out_friend = 0);
        BETTER(out_group = 0);
        BETTER(out_everyone = 0);
        BETTER(without_end = 0);
        BETTER(backends = 0);
        BETTER(waiting = 0);
        BETTER(epsilon = 0);
        BETTER(secrets_refused = true);
        g = f;
        g.epsilon = MAX;
        assert_true(total(&g) <= here);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_and_worst),
        cmocka_unit_test(a_protection_never_lowers_it),
    };
    return cmocka_run_group_tests_name("privacy/score", tests, NULL, NULL);
}
