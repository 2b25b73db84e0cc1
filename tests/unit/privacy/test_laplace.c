#include "core/privacy/laplace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// SplitMix64 (Steele, Lea, Flood 2014): the same draws in every run.
static void numbers(void *ctx, void *out, size_t n) {
    uint64_t *state = ctx;
    assert_int_equal(n, sizeof *state);
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    memcpy(out, &z, sizeof z);
}

enum { SIDE = 21, DRAWS = 200 * 1000 };
static const struct law {
    int64_t epsilon, sensitivity;
    double p[SIDE];
} laws[] = {
#include "tests/unit/privacy/laplace_law.inc"
};

static int64_t draw(uint64_t *seed, int64_t epsilon, int64_t sensitivity) {
    int64_t y = 0;
    assert_int_equal(laplace_draw(epsilon, sensitivity, numbers, seed, &y, NULL), 0);
    return y;
}

// Each value from -20 to 20 comes as often as the law says, within six standard deviations: a scale
// 3 % off, a doubled zero or a clamped tail is outside.
static void values_come_as_often_as_the_law_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        const struct law *law = &laws[i];
        uint64_t seed = 1 + i;
        int64_t seen[2 * SIDE - 1] = {0}, beyond = 0;
        for (int k = 0; k < DRAWS; k++) {
            int64_t y = draw(&seed, law->epsilon, law->sensitivity);
            if (y > -SIDE && y < SIDE)
                seen[y + SIDE - 1]++;
            else
                beyond++;
        }
        double rest = 1, chi = 0;
        int cells = 0;
        for (int y = -SIDE + 1; y < SIDE; y++) {
            double p = law->p[y < 0 ? -y : y], expected = p * DRAWS;
            double off = (double)seen[y + SIDE - 1] - expected;
            rest -= p;
            assert_true(fabs(off) <= 6 * sqrt(expected * (1 - p)) + 1);
            if (expected < 10)
                continue;
            chi += off * off / expected;
            cells++;
        }
        rest = fmax(rest, 0); // rounding
        assert_true(fabs((double)beyond - rest * DRAWS) <= 6 * sqrt(rest * DRAWS) + 1);
        assert_true(chi <= cells + 5 * sqrt(2.0 * cells)); // mean and deviation of chi squared
    }
}

// E|y| = 2q / (1 - q^2): looked at where hardly a draw lies within the table above.
static void a_wide_law_has_its_spread(void **state) {
    (void)state;
    uint64_t seed = 99;
    double sum = 0, signs = 0;
    enum { N = 100 * 1000 };
    for (int k = 0; k < N; k++) {
        int64_t y = draw(&seed, 1000, 50); // scale 50,000
        sum += fabs((double)y);
        signs += y < 0 ? -1 : y > 0;
    }
    double q = exp(-1e-3 / 50), mean = 2 * q / (1 - q * q);
    assert_true(fabs(sum / N - mean) <= 5 * mean / sqrt(N));
    assert_true(fabs(signs) <= 5 * sqrt(N));
}

static void the_largest_and_the_smallest_scale_work(void **state) {
    (void)state;
    uint64_t seed = 5;
    for (int k = 0; k < 1000; k++) {
        int64_t y = draw(&seed, 1, LAPLACE_SENSITIVITY_MAX);
        assert_true(y > -((int64_t)1 << 62) && y < (int64_t)1 << 62);
        assert_int_equal(draw(&seed, LAPLACE_EPSILON_MAX, 1), 0); // exp(-100)
    }
}

static void what_gives_no_privacy_or_no_number_is_refused(void **state) {
    (void)state;
    uint64_t seed = 1;
    int64_t y = 7;
    const int64_t bad[][2] = {{0, 1},         {-1, 1},       {LAPLACE_EPSILON_MAX + 1, 1},
                              {1, 0},         {1, -5},       {1, LAPLACE_SENSITIVITY_MAX + 1},
                              {INT64_MIN, 1}, {1, INT64_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(laplace_draw(bad[i][0], bad[i][1], numbers, &seed, &y, NULL), ERR_INVAL);
    assert_int_equal(y, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_as_often_as_the_law_says),
        cmocka_unit_test(a_wide_law_has_its_spread),
        cmocka_unit_test(the_largest_and_the_smallest_scale_work),
        cmocka_unit_test(what_gives_no_privacy_or_no_number_is_refused),
    };
    return cmocka_run_group_tests_name("privacy/laplace", tests, NULL, NULL);
}
