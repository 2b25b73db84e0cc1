#include "tests/bench/cascade_bound.h"

#include <stdlib.h>

enum { UNKNOWN, FAILED, PASSED, KNOWN_WAYS, STEPS = 24 };

// Over the rows, each as often as it leads to the point.
struct sums {
    double solved, usd;
};
struct bound {
    const struct route_trials *t;
    double accepts, rejects, price; // of a dollar, in solved tasks
    size_t points, weight_of[CASCADE_BOUND_MODELS_MAX];
    struct sums *sums; // [point * models + model]
    double *value;     // of a point, summed over the rows: what comes of it at best
};

static size_t known(const struct bound *b, size_t point, size_t model) {
    return point / b->weight_of[model] % KNOWN_WAYS;
}

static void add_up(struct bound *b, size_t point) {
    size_t models = b->t->models, ways[CASCADE_BOUND_MODELS_MAX];
    struct sums *sums = b->sums + point * models;
    for (size_t m = 0; m < models; m++)
        ways[m] = known(b, point, m);
    for (size_t i = 0; i < b->t->tasks; i++) {
        const struct route_trial *row = b->t->cells + i * models;
        double w = 1;
        for (size_t m = 0; m < models; m++) {
            double passes = row[m].ok ? b->accepts : 1 - b->rejects;
            w *= ways[m] == UNKNOWN ? 1 : ways[m] == PASSED ? passes : 1 - passes;
        }
        for (size_t m = 0; m < models; m++) {
            sums[m].solved += row[m].ok ? w : 0;
            sums[m].usd += w * row[m].usd;
        }
    }
}

// The best of: ending with an answer that is there, or with none; asking another model.
static double best_of(const struct bound *b, size_t point) {
    const struct sums *sums = b->sums + point * b->t->models;
    double best = 0;
    for (size_t m = 0; m < b->t->models; m++) {
        double then = known(b, point, m) != UNKNOWN
                          ? sums[m].solved
                          : b->value[point + FAILED * b->weight_of[m]] +
                                b->value[point + PASSED * b->weight_of[m]] - b->price * sums[m].usd;
        best = then > best ? then : best;
    }
    return best;
}

// At this price of money: an upper bound of what is solved for usd_max.
static double dual(struct bound *b, double price, double usd_max) {
    b->price = price;
    for (size_t p = b->points; p-- > 0;) // what is known more stands behind
        b->value[p] = best_of(b, p);
    return b->value[0] / (double)b->t->tasks + price * usd_max;
}

// Convex in the price: the lowest point by thirds.
static double lowest(struct bound *b, double usd_max) {
    double from = 0, to = 1 / usd_max, least = dual(b, to, usd_max);
    for (int i = 0; i < STEPS; i++) {
        double a = from + (to - from) / 3, c = to - (to - from) / 3;
        double at_a = dual(b, a, usd_max), at_c = dual(b, c, usd_max);
        least = at_a < least ? at_a : least;
        least = at_c < least ? at_c : least;
        if (at_a < at_c)
            to = c;
        else
            from = a;
    }
    return least;
}

double cascade_bound(const struct route_trials *t, double accepts, double rejects, double usd_max) {
    struct bound b = {.t = t, .accepts = accepts, .rejects = rejects, .points = 1};
    if (t->models > CASCADE_BOUND_MODELS_MAX || t->tasks == 0 || usd_max <= 0)
        return -1;
    for (size_t m = 0; m < t->models; m++) {
        b.weight_of[m] = b.points;
        b.points *= KNOWN_WAYS;
    }
    b.sums = calloc(b.points * t->models, sizeof *b.sums);
    b.value = calloc(b.points, sizeof *b.value);
    double most = -1;
    if (b.sums && b.value) {
        for (size_t p = 0; p < b.points; p++)
            add_up(&b, p);
        most = lowest(&b, usd_max);
    }
    free(b.sums);
    free(b.value);
    return most;
}
