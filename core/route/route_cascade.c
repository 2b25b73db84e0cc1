#include "core/route/route_cascade.h"

#include <math.h>

struct route_expected route_cascade_expect(const struct route_step *steps, size_t n, double accepts,
                                           double rejects) {
    struct route_expected e = {0, 0};
    double reach = 1;
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n;
        double p = steps[i].p_ok;
        e.usd += reach * steps[i].usd;
        e.solved += reach * p * (last ? 1 : accepts);
        reach *= p * (1 - accepts) + (1 - p) * rejects;
    }
    return e;
}

static double to_solve(const struct route_step *steps, const size_t *order, size_t n,
                       double accepts, double rejects, double value_usd) {
    struct route_step in_turn[ROUTE_STAGES_MAX];
    for (size_t i = 0; i < n; i++)
        in_turn[i] = steps[order[i]];
    struct route_expected e = route_cascade_expect(in_turn, n, accepts, rejects);
    return e.usd + (1 - e.solved) * value_usd;
}

// Whether order[n - 1] is new among those before it.
static bool is_new(const size_t *order, size_t n) {
    for (size_t i = 0; i + 1 < n; i++)
        if (order[i] == order[n - 1])
            return false;
    return true;
}

int route_cascade_first(const struct route_step *steps, size_t n, size_t stages, double accepts,
                        double rejects, double value_usd) {
    size_t order[ROUTE_STAGES_MAX] = {0}, depth = 1;
    double least = INFINITY;
    int first = -1;
    n = n < ROUTE_FIRST_MAX ? n : ROUTE_FIRST_MAX;
    stages = stages < ROUTE_STAGES_MAX ? stages : ROUTE_STAGES_MAX;
    if (n == 0 || stages == 0)
        return -1;
    while (depth > 0) { // depth first through all orders
        if (order[depth - 1] >= n) {
            if (--depth)
                order[depth - 1]++;
            continue;
        }
        if (!is_new(order, depth)) {
            order[depth - 1]++;
            continue;
        }
        double usd = to_solve(steps, order, depth, accepts, rejects, value_usd);
        if (usd < least - 1e-12) {
            least = usd;
            first = (int)order[0];
        }
        if (depth < stages)
            order[depth++] = 0;
        else
            order[depth - 1]++;
    }
    return first;
}

int route_cascade_next(double posterior, const struct route_step *steps, size_t n, double accepts,
                       double rejects, double value_usd) {
    int best = -1;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double p = steps[i].p_ok;
        double passes = p * accepts + (1 - p) * (1 - rejects), fails = 1 - passes;
        double right_if_passed = passes > 0 ? p * accepts / passes : 0;
        double right_if_failed = fails > 0 ? p * (1 - accepts) / fails : 0;
        double after =
            passes * fmax(posterior, right_if_passed) + fails * fmax(posterior, right_if_failed);
        double gain = value_usd * (after - posterior) - steps[i].usd;
        if (gain > most + 1e-12) {
            most = gain;
            best = (int)i;
        }
    }
    return best;
}

struct route_expected route_plan_replay(const struct route_plan *plan, const struct route_trials *t,
                                        const size_t *tasks, size_t n, double accepts,
                                        double rejects) {
    struct route_expected e = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const struct route_trial *row = t->cells + tasks[i] * t->models;
        double reach = 1;
        for (size_t s = 0; s < plan->stages; s++) {
            const struct route_trial *c = &row[plan->model[s]];
            bool last = s + 1 == plan->stages;
            e.usd += reach * c->usd;
            if (c->ok)
                e.solved += reach * (last ? 1 : accepts);
            reach *= c->ok ? 1 - accepts : rejects;
        }
    }
    if (n) {
        e.usd /= (double)n;
        e.solved /= (double)n;
    }
    return e;
}

static bool same_model_twice(const struct route_plan *p) {
    uint32_t used = 0;
    bool twice = false;
    for (size_t i = 0; i < p->stages && i < ROUTE_STAGES_MAX; i++) {
        twice |= used >> p->model[i] & 1;
        used |= UINT32_C(1) << p->model[i];
    }
    return twice;
}

// The next order of `stages` different models, counting like a number whose last digit stands
// first; false after the last.
static bool next_order(struct route_plan *p, size_t models) {
    do {
        size_t at = 0;
        for (; at < p->stages && at < ROUTE_STAGES_MAX; at++) {
            if (++p->model[at] < models)
                break;
            p->model[at] = 0;
        }
        if (at == p->stages)
            return false;
    } while (same_model_twice(p));
    return true;
}

struct search {
    const struct route_trials *trials;
    const size_t *tasks;
    size_t n;
    double accepts, rejects, usd_max;
};

struct found {
    struct route_plan plan;
    struct route_expected e;
    bool any;
};

// What a mixture of `a` (not dearer than the limit) and `b` (dearer) solves at exactly the limit.
static double at_limit(struct route_expected a, struct route_expected b, double usd_max) {
    return a.solved + (b.solved - a.solved) * (usd_max - a.usd) / (b.usd - a.usd);
}

// The best order on one side of the limit, given the one on the other (NULL: the best by itself).
static struct found best_order(const struct search *s, bool dearer, const struct found *other) {
    struct found best = {.any = false};
    double most = -1;
    for (size_t stages = 1; stages <= ROUTE_STAGES_MAX && stages <= s->trials->models; stages++) {
        struct route_plan p = {.stages = stages};
        bool more = stages == 1 || next_order(&p, s->trials->models);
        for (; more; more = next_order(&p, s->trials->models)) {
            struct route_expected e =
                route_plan_replay(&p, s->trials, s->tasks, s->n, s->accepts, s->rejects);
            if ((e.usd > s->usd_max) != dearer)
                continue;
            double value = !other   ? e.solved
                           : dearer ? at_limit(other->e, e, s->usd_max)
                                    : at_limit(e, other->e, s->usd_max);
            if (value > most + 1e-12) { // among equals the one with fewer stages, then the first
                most = value;
                best = (struct found){p, e, true};
            }
        }
    }
    return best;
}

bool route_mix_learn(const struct route_trials *t, const size_t *tasks, size_t n, double accepts,
                     double rejects, double usd_max, struct route_mix *ret) {
    struct search s = {t, tasks, n, accepts, rejects, usd_max};
    if (t->models == 0 || t->models > ROUTE_CASCADE_MODELS_MAX || n == 0)
        return false;
    struct found cheap = best_order(&s, false, NULL);
    if (!cheap.any)
        return false;
    *ret = (struct route_mix){cheap.plan, cheap.plan, 0};
    // From side to side until nothing gets better: the edge of the hull over the limit.
    for (int round = 0; round < 4; round++) {
        struct found dear = best_order(&s, true, &cheap);
        if (!dear.any || dear.e.solved <= cheap.e.solved)
            return true;
        struct found next = best_order(&s, false, &dear);
        bool better =
            at_limit(next.e, dear.e, usd_max) > at_limit(cheap.e, dear.e, usd_max) + 1e-12;
        if (better)
            cheap = next;
        *ret = (struct route_mix){cheap.plan, dear.plan,
                                  (usd_max - cheap.e.usd) / (dear.e.usd - cheap.e.usd)};
        if (!better)
            break;
    }
    return true;
}

struct route_expected route_mix_replay(const struct route_mix *mix, const struct route_trials *t,
                                       const size_t *tasks, size_t n, double accepts,
                                       double rejects) {
    struct route_expected a = route_plan_replay(&mix->cheap, t, tasks, n, accepts, rejects);
    struct route_expected b = route_plan_replay(&mix->dear, t, tasks, n, accepts, rejects);
    return (struct route_expected){a.usd + mix->dear_share * (b.usd - a.usd),
                                   a.solved + mix->dear_share * (b.solved - a.solved)};
}
