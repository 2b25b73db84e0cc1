#include "core/route/route_cascade.h"
#include "core/route/route_check.h"
#include "tests/unit/route/tests.h"

#include <math.h>

static void a_checks_rates_are_learned_from_the_truth(void **state) {
    (void)state;
    struct dice dice = {11};
    struct route_check c = route_check_prior(ROUTE_CHECK_TEST);
    double begin = route_check_rejects(&c);
    assert_true(begin > .5 && begin < .7);
    for (int i = 0; i < 600; i++) { // accepts 97 % of right ones, rejects 80 % of wrong ones
        bool right = dice_unit(&dice) < .6;
        route_check_observe(&c, dice_unit(&dice) < (right ? .97 : .2), right);
    }
    assert_true(fabs(route_check_accepts(&c) - .97) < .03);
    assert_true(fabs(route_check_rejects(&c) - .80) < .06);
    // The check is mended: that is noticed after some thousand answers, not after all of them over
    // again.
    for (int i = 0; i < 20000; i++)
        route_check_observe(&c, true, true);
    for (int i = 0; i < 1500; i++)
        route_check_observe(&c, dice_unit(&dice) < .5, true);
    assert_true(route_check_accepts(&c) < .7);
    for (int i = 0; i < ROUTE_CHECK_KINDS; i++) {
        c = route_check_prior((enum route_check_kind)i);
        assert_true(route_check_accepts(&c) >
                    1 - route_check_rejects(&c)); // each kind says something
        assert_string_not_equal(route_check_name((enum route_check_kind)i), "unknown");
    }
}

static void verdicts_move_what_is_believed(void **state) {
    (void)state;
    struct route_check c = {95, 5, 10, 90}; // 95/90
    struct route_verdict pass = {&c, true}, fail = {&c, false};
    // Bayes: .6*.95 / (.6*.95 + .4*.1), .6*.05 / (.6*.05 + .4*.9)
    assert_true(fabs(route_check_posterior(.6, &pass, 1) - .57 / .61) < 1e-6);
    assert_true(fabs(route_check_posterior(.6, &fail, 1) - .03 / .39) < 1e-6);
    assert_true(fabs(route_check_posterior(.6, NULL, 0) - .6) < 1e-6);
    // A second check of the same answer adds less than the first, and its order does not matter.
    struct route_check weak = {80, 20, 60, 40};
    struct route_verdict both[] = {{&weak, true}, {&c, true}},
                         turned[] = {{&c, true}, {&weak, true}};
    double p = route_check_posterior(.6, both, 2);
    assert_true(p == route_check_posterior(.6, turned, 2));
    assert_true(p > route_check_posterior(.6, &pass, 1));
    assert_true(p < 1 / (1 + (.4 / .6) * (.1 / .95) * (.6 / .8)));
    struct route_check certain = {1e6, 0, 0, 1e6};
    struct route_verdict sure = {&certain, false};
    assert_true(route_check_posterior(.99, &sure, 1) > 0); // nothing is certain
}

static void the_next_step_is_taken_only_when_it_pays(void **state) {
    (void)state;
    static const struct route_step steps[] = {{.5, .75}, {.05, .55}};
    // After a refused answer (7 % likely right), with a dollar at stake, the cheap try gains most.
    assert_int_equal(route_cascade_next(.07, steps, 2, .95, .9, 1), 1);
    assert_int_equal(route_cascade_next(.07, steps, 2, .95, .9, 20), 0);
    assert_int_equal(route_cascade_next(.07, steps, 2, .95, .9, .02), -1); // not worth five cents
    assert_int_equal(route_cascade_next(.95, steps, 2, .95, .9, 1), -1);   // good enough
    assert_int_equal(route_cascade_next(.07, steps, 0, .95, .9, 1), -1);
}

static void expectation_and_dice_agree(void **state) {
    (void)state;
    static const struct route_step steps[] = {{.03, .6}, {.04, .5}, {.5, .7}};
    struct dice dice = {5};
    double accepts = .9, rejects = .8, usd = 0, solved = 0;
    int n = 200000;
    struct route_expected e = route_cascade_expect(steps, 3, accepts, rejects);
    for (int i = 0; i < n; i++)
        for (int s = 0; s < 3; s++) {
            bool right = dice_unit(&dice) < steps[s].p_ok;
            usd += steps[s].usd;
            bool kept = s == 2 || dice_unit(&dice) < (right ? accepts : 1 - rejects);
            if (kept) {
                solved += right;
                break;
            }
        }
    assert_true(fabs(usd / n - e.usd) < .005 && fabs(solved / n - e.solved) < .005);
    e = route_cascade_expect(steps, 0, accepts, rejects);
    assert_true(e.usd == 0 && e.solved == 0);
}

enum { TASKS = 120, MODELS = 5 };

// Models of rising price and ability over tasks of different difficulty.
static void make_trials(struct route_trial cells[TASKS][MODELS], uint64_t seed) {
    static const double able[MODELS] = {.3, .55, .5, .7, .78},
                        price[MODELS] = {.01, .03, .2, .4, .8};
    struct dice dice = {seed};
    for (int t = 0; t < TASKS; t++) {
        double hard = dice_unit(&dice);
        for (int m = 0; m < MODELS; m++)
            cells[t][m] = (struct route_trial){.ok = .7 * hard + .3 * dice_unit(&dice) < able[m],
                                               .usd = price[m] * (.5 + dice_unit(&dice))};
    }
}

static void the_learned_order_is_the_best_of_all_orders(void **state) {
    (void)state;
    static struct route_trial cells[TASKS][MODELS];
    size_t tasks[TASKS];
    for (size_t i = 0; i < TASKS; i++)
        tasks[i] = i;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        make_trials(cells, seed);
        struct route_trials t = {&cells[0][0], TASKS, MODELS};
        struct route_plan strong = {1, {MODELS - 1}};
        double limit = .3 * route_plan_replay(&strong, &t, tasks, TASKS, 1, 1).usd;
        struct route_mix mix;
        assert_true(route_mix_learn(&t, tasks, TASKS, .95, .9, limit, &mix));
        struct route_expected got = route_mix_replay(&mix, &t, tasks, TASKS, .95, .9);
        assert_true(got.usd <= limit + 1e-9 && mix.dear_share >= 0 && mix.dear_share <= 1);
        // Every order of one, two or three models by brute force.
        for (int a = 0; a < MODELS; a++)
            for (int b = -1; b < MODELS; b++)
                for (int c = -1; c < MODELS; c++) {
                    if (a == b || a == c || (b == c && b >= 0) || (b < 0 && c >= 0))
                        continue;
                    struct route_plan p = {1U + (b >= 0) + (c >= 0),
                                           {(uint8_t)a, (uint8_t)b, (uint8_t)c, 0}};
                    struct route_expected e = route_plan_replay(&p, &t, tasks, TASKS, .95, .9);
                    if (e.usd <= limit && e.solved > got.solved + 1e-9)
                        fail_msg("seed %d: %d > %d > %d solves %.3f, learned was %.3f", (int)seed,
                                 a, b, c, e.solved, got.solved);
                }
        assert_false(route_mix_learn(&t, tasks, TASKS, .95, .9, 1e-6, &mix));
        assert_false(route_mix_learn(&t, tasks, 0, .95, .9, limit, &mix));
    }
}

static void the_first_of_the_cheapest_order_is_asked(void **state) {
    (void)state;
    const struct route_step steps[] = {{.001, .5}, {.01, .7}, {.1, .9}, {2, .99}};
    // A perfect check: whoever is cheap may try. None to speak of: the one who is right goes first.
    assert_int_equal(route_cascade_first(steps, 4, 4, .999, .999, 1), 0);
    assert_int_equal(route_cascade_first(steps, 4, 4, .999, .001, 1), 2);
    assert_int_equal(route_cascade_first(steps, 4, 1, .999, .999, 1), 2); // nobody comes behind
    assert_int_equal(route_cascade_first(steps, 4, 4, .9, .9, .0001), 0);
    assert_int_equal(route_cascade_first(steps, 4, 4, .9, .9, 10000), 3);
    assert_int_equal(route_cascade_first(steps, 1, 4, .9, .9, 1), 0);
    assert_int_equal(route_cascade_first(steps, 0, 4, .9, .9, 1), -1);
    assert_int_equal(route_cascade_first(steps, 4, 0, .9, .9, 1), -1);
    const struct route_step same[] = {{.01, .5}, {.01, .5}};
    assert_int_equal(route_cascade_first(same, 2, 4, .9, .9, 1), 0);
    // Against every order of three of five by brute force.
    struct route_step any[5];
    uint32_t seed = 12345;
    for (int round = 0; round < 200; round++) {
        double least = 1e9;
        for (size_t i = 0; i < 5; i++) {
            seed = seed * 1664525U + 1013904223U;
            any[i].usd = (double)(seed >> 16) / 65536 * .2;
            seed = seed * 1664525U + 1013904223U;
            any[i].p_ok = (double)(seed >> 16) / 65536;
        }
        int first = route_cascade_first(any, 5, 3, .9, .6, 1);
        double of_first = 1e9;
        for (int a = 0; a < 5; a++)
            for (int b = -1; b < 5; b++)
                for (int c = -1; c < 5; c++) {
                    if (a == b || a == c || (b == c && b >= 0) || (b < 0 && c >= 0))
                        continue;
                    struct route_step in[3] = {any[a]};
                    size_t n = 1;
                    if (b >= 0)
                        in[n++] = any[b];
                    if (c >= 0)
                        in[n++] = any[c];
                    struct route_expected e = route_cascade_expect(in, n, .9, .6);
                    double usd = e.usd + (1 - e.solved);
                    least = usd < least ? usd : least;
                    of_first = a == first && usd < of_first ? usd : of_first;
                }
        assert_float_equal(of_first, least, 1e-9);
    }
}

static void several_checks_are_one(void **state) {
    (void)state;
    double accepts = 1, rejects = 1, one_accepts, one_rejects;
    route_check_joint(NULL, 0, &accepts, &rejects);
    assert_float_equal(accepts, 0, 1e-12);
    assert_float_equal(rejects, 0, 1e-12);
    const struct route_check all[] = {route_check_prior(ROUTE_CHECK_BUILD),
                                      route_check_prior(ROUTE_CHECK_TEST),
                                      route_check_prior(ROUTE_CHECK_LINT)};
    route_check_joint(&all[1], 1, &one_accepts, &one_rejects);
    assert_float_equal(one_accepts, route_check_accepts(&all[1]), 1e-12);
    assert_float_equal(one_rejects, route_check_rejects(&all[1]), 1e-12);
    route_check_joint(all, 3, &accepts, &rejects);
    assert_true(accepts < one_accepts && accepts > one_accepts - .2);
    assert_true(rejects > one_rejects && rejects < 1);
    const struct route_check other[] = {all[2], all[0], all[1]}; // in whatever order
    double a, r;
    route_check_joint(other, 3, &a, &r);
    assert_float_equal(a, accepts, 1e-12);
    assert_float_equal(r, rejects, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checks_rates_are_learned_from_the_truth),
        cmocka_unit_test(verdicts_move_what_is_believed),
        cmocka_unit_test(the_next_step_is_taken_only_when_it_pays),
        cmocka_unit_test(the_first_of_the_cheapest_order_is_asked),
        cmocka_unit_test(several_checks_are_one),
        cmocka_unit_test(expectation_and_dice_agree),
        cmocka_unit_test(the_learned_order_is_the_best_of_all_orders),
    };
    return cmocka_run_group_tests_name("route/cascade", tests, NULL, NULL);
}
