#include "tests/unit/route/tests.h"

#include <math.h>

uint32_t dice_next(struct dice *d) {
    d->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = d->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

double dice_unit(struct dice *d) {
    return dice_next(d) / 4294967296.0;
}

double dice_normal(struct dice *d) {
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += dice_unit(d);
    return sum - 6;
}

double dice_lognormal(struct dice *d, double median, double sigma) {
    return median * exp(sigma * dice_normal(d));
}
