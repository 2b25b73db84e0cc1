// A score that follows from what became of records, and says why.
#include "core/base/mem.h"
#include "federation/reputation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int score_of_facts(struct reputation_facts f) {
    struct reputation r;
    reputation_of(&f, &r);
    assert_true(r.score >= 0 && r.score <= 100);
    assert_true(r.count >= 1 && r.count <= REPUTATION_REASONS_MAX);
    for (size_t i = 0; i < r.count; i++)
        assert_true(r.reasons[i][0] != '\0');
    return r.score;
}

static void verdicts_move_it(void **state) {
    (void)state;
    assert_int_equal(score_of_facts((struct reputation_facts){0}), REPUTATION_UNKNOWN);
    assert_int_equal(score_of_facts((struct reputation_facts){.arrived = 7}), REPUTATION_UNKNOWN);
    assert_int_equal(score_of_facts((struct reputation_facts){.arrived = 1, .accepted = 1}), 60);
    assert_int_equal(score_of_facts((struct reputation_facts){.arrived = 1, .rejected = 1}), 40);
    assert_true(score_of_facts((struct reputation_facts){.arrived = 100, .accepted = 100}) > 95);
    assert_int_equal(
        score_of_facts((struct reputation_facts){.arrived = 1, .accepted = 1, .forged = 1}), 30);
    assert_int_equal(score_of_facts((struct reputation_facts){.improper = 1}), 45);
}

// More of what is good never lowers it, more of what is bad never raises it; whatever the counts.
static void it_is_monotonic(void **state) {
    static const int64_t counts[] = {-5, 0, 1, 2, 3, 5, 9, 10, 100, 1000000, INT64_MAX};
    (void)state;
    for (size_t a = 0; a < COUNT_OF(counts); a++)
        for (size_t r = 0; r < COUNT_OF(counts); r++)
            for (size_t f = 0; f < COUNT_OF(counts); f++)
                for (size_t i = 0; i < COUNT_OF(counts); i++) {
                    struct reputation_facts x = {1000, counts[a], counts[r], counts[i], counts[f]};
                    int here = score_of_facts(x);
                    struct reputation_facts better = x, worse = x, forged = x, improper = x;
                    better.accepted = a + 1 < COUNT_OF(counts) ? counts[a + 1] : counts[a];
                    worse.rejected = r + 1 < COUNT_OF(counts) ? counts[r + 1] : counts[r];
                    forged.forged = f + 1 < COUNT_OF(counts) ? counts[f + 1] : counts[f];
                    improper.improper = i + 1 < COUNT_OF(counts) ? counts[i + 1] : counts[i];
                    assert_true(score_of_facts(better) >= here);
                    assert_true(score_of_facts(worse) <= here);
                    assert_true(score_of_facts(forged) <= here);
                    assert_true(score_of_facts(improper) <= here);
                }
}

static void reasons_name_the_counts(void **state) {
    struct reputation r;
    (void)state;
    reputation_of(&(struct reputation_facts){5, 2, 1, 1, 1}, &r);
    assert_int_equal(r.count, 5);
    assert_string_equal(r.reasons[0], "you accepted 2 records of it");
    assert_string_equal(r.reasons[1], "you rejected 1");
    assert_string_equal(r.reasons[3], "1 was not signed by who they name");
    assert_string_equal(r.reasons[4], "2 wait for you");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_move_it),
        cmocka_unit_test(it_is_monotonic),
        cmocka_unit_test(reasons_name_the_counts),
    };
    return cmocka_run_group_tests_name("federation/reputation", tests, NULL, NULL);
}
