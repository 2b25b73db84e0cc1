// Figures of a month: days are cut, the noise is that of the whole of a day.
#include "core/base/mem.h"
#include "core/privacy/metric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void numbers(void *ctx, void *out, size_t n) { // xorshift64*
    uint64_t *x = ctx;
    for (size_t i = 0; i < n; i++) {
        *x ^= *x >> 12;
        *x ^= *x << 25;
        *x ^= *x >> 27;
        ((uint8_t *)out)[i] = (uint8_t)((*x * 0x2545F4914F6CDD1DU) >> 56);
    }
}

static void one_day_counts_no_more_than_its_maximum(void **state) {
    const struct metric_kind *kind = &metric_kinds[0];
    (void)state;
    for (uint64_t seed = 1; seed < 200; seed++) { // the same noise for two histories
        int64_t quiet[3] = {1, 2, 3}, busy[3] = {1, 1000000, 3}, odd[3] = {1, 2, -7};
        int64_t a, b, c;
        uint64_t one = seed, two = seed, three = seed;
        assert_int_equal(metric_release(kind, quiet, 3, METRIC_EPSILON, numbers, &one, &a, NULL),
                         0);
        assert_int_equal(metric_release(kind, busy, 3, METRIC_EPSILON, numbers, &two, &b, NULL), 0);
        assert_int_equal(metric_release(kind, odd, 3, METRIC_EPSILON, numbers, &three, &c, NULL),
                         0);
        assert_int_equal(b - a, kind->per_day - 2);
        assert_int_equal(a - c, 3);
    }
}

// Mean 0, variance 2 q / (1 - q)^2 with q = exp(-epsilon / what one day can add).
static void noise_is_that_of_a_whole_day(void **state) {
    enum { N = 20000 };
    (void)state;
    for (const struct metric_kind *kind = metric_kinds; kind->name; kind++) {
        double sum = 0, squares = 0;
        uint64_t seed = 88172645463325252U;
        for (int i = 0; i < N; i++) {
            int64_t v;
            assert_int_equal(
                metric_release(kind, NULL, 0, METRIC_EPSILON, numbers, &seed, &v, NULL), 0);
            sum += (double)v;
            squares += (double)v * (double)v;
        }
        double q = exp(-0.5 / (double)kind->per_day), variance = 2 * q / ((1 - q) * (1 - q));
        assert_true(fabs(sum / N) < 5 * sqrt(variance / N));
        assert_true(fabs(squares / N / variance - 1) < 0.1); // 5 sigma: sqrt(5 / N) * 5 = 0.08
    }
}

static void figures_are_on_the_list(void **state) {
    int64_t days[32] = {0}, v;
    uint64_t seed = 1;
    (void)state;
    int64_t together = 0;
    for (const struct metric_kind *k = metric_kinds; k->name; k++) {
        assert_ptr_equal(metric_find(k->name, strlen(k->name)), k);
        together += METRIC_EPSILON;
    }
    assert_true(together <= METRIC_EPSILON_MONTH);
    assert_null(metric_find("models.request", 14));
    assert_int_equal(
        metric_release(metric_kinds, days, 32, METRIC_EPSILON, numbers, &seed, &v, NULL),
        ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_day_counts_no_more_than_its_maximum),
        cmocka_unit_test(noise_is_that_of_a_whole_day),
        cmocka_unit_test(figures_are_on_the_list),
    };
    return cmocka_run_group_tests_name("privacy/metric", tests, NULL, NULL);
}
