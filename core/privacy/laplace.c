#include "core/privacy/laplace.h"

#include <stdbool.h>

struct source {
    laplace_random_fn *random;
    void *ctx;
};

// Uniform over 0 … below-1, below > 0. What lies beyond the largest multiple is drawn again, so
// that no value is likelier than another.
static uint64_t uniform(const struct source *s, uint64_t below) {
    uint64_t rest = (UINT64_MAX % below + 1) % below; // 2^64 mod below
    uint64_t x = 0;
    do
        s->random(s->ctx, &x, sizeof x);
    while (x > UINT64_MAX - rest);
    return x % below;
}

// True with probability exp(-n/d), 0 <= n <= d: the series of exp, as a run of ever less likely
// successes (algorithm 1). A run of k has probability below 1/k!, so d * k stays far below 2^64.
static bool exp_minus(const struct source *s, uint64_t n, uint64_t d) {
    uint64_t k = 1;
    while (uniform(s, d * k) < n)
        k++;
    return k & 1;
}

int laplace_draw(int64_t epsilon_millionths, int64_t sensitivity, laplace_random_fn *random,
                 void *ctx, int64_t *ret, struct err *err) {
    if (epsilon_millionths < 1 || epsilon_millionths > LAPLACE_EPSILON_MAX)
        return err_set(err, ERR_INVAL, "epsilon has to be between 0.000001 and 100");
    if (sensitivity < 1 || sensitivity > LAPLACE_SENSITIVITY_MAX)
        return err_set(err, ERR_INVAL, "one contributor's part has to be between 1 and %d",
                       LAPLACE_SENSITIVITY_MAX);
    const struct source s = {random, ctx};
    const uint64_t divisor = (uint64_t)epsilon_millionths;
    const uint64_t scale = (uint64_t)sensitivity * LAPLACE_EPSILON_ONE; // at most 10^12
    for (;;) {
        uint64_t u = uniform(&s, scale);
        if (!exp_minus(&s, u, scale))
            continue;
        uint64_t v = 0;
        while (exp_minus(&s, 1, 1))
            v++;
        uint64_t y = (u + scale * v) / divisor;
        bool negative = uniform(&s, 2);
        if (negative && y == 0)
            continue; // zero would count twice
        *ret = negative ? -(int64_t)y : (int64_t)y;
        return 0;
    }
}
