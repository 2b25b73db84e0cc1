// Cheap models first, a dearer one when the check says no: in which order, learned from past
// outcomes; and after each answer whether another is worth its price. No I/O; any thread. Nothing
// is allocated. Source: FrugalGPT (arXiv 2305.05176); figures by replay, tests/bench/bench_cascade.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_STAGES_MAX = 4,
    ROUTE_CASCADE_MODELS_MAX = 16 // that a plan may be made of
};

// Expected result of trying `n` models in turn, each answer kept if the check accepts it; the last
// one in any case. `accepts` and `rejects` are the check's rates.
struct route_step {
    double usd, p_ok;
};
struct route_expected {
    double usd;    // per task
    double solved; // share
};
struct route_expected route_cascade_expect(const struct route_step *steps, size_t n, double accepts,
                                           double rejects);

// --- after an answer
// ------------------------------------------------------------------------------- Whether to go on:
// the index of the step that gains most (value of a solved task times the gain in probability,
// minus its price), or -1 when keeping the answer is best. `posterior`: that the present answer is
// right (core/route/route_check.h). A step's answer will be judged by a check with these rates, and
// the better of the two is kept.
int route_cascade_next(double posterior, const struct route_step *steps, size_t n, double accepts,
                       double rejects, double value_usd);

// Which one to ask first of a task whose answers are checked: the beginning of the order of at most
// `stages` different steps that costs least to a solved task, what an unsolved one is worth
// counted as `value_usd`. Exact over all orders of the ROUTE_FIRST_MAX first steps; ties go to the
// earlier one. -1: there is none.
enum { ROUTE_FIRST_MAX = 8 };
int route_cascade_first(const struct route_step *steps, size_t n, size_t stages, double accepts,
                        double rejects, double value_usd);

// --- learning the order
// ---------------------------------------------------------------------------- Past outcomes: for
// each task and model whether it was solved and what it cost. Borrows.
struct route_trial {
    bool ok;
    double usd;
};
struct route_trials {
    const struct route_trial *cells; // [task * models + model]
    size_t tasks, models;
};
struct route_plan {
    size_t stages;
    uint8_t model[ROUTE_STAGES_MAX];
};
// Exact expectation over the check's errors, which are taken as independent; tasks are given by
// their indices.
struct route_expected route_plan_replay(const struct route_plan *plan, const struct route_trials *t,
                                        const size_t *tasks, size_t n, double accepts,
                                        double rejects);
// Two orders, and the share of the tasks for which the dearer one is taken: what solves most under
// a mean price is such a mixture (a corner of the convex hull, or a point between two).
struct route_mix {
    struct route_plan cheap, dear; // the same where one order alone is best
    double dear_share;
};
// The mixture of orders of at most ROUTE_STAGES_MAX models that solves most at no more than
// `usd_max` a task in the mean. false: no order is that cheap, or there are more models than
// ROUTE_CASCADE_MODELS_MAX.
bool route_mix_learn(const struct route_trials *t, const size_t *tasks, size_t n, double accepts,
                     double rejects, double usd_max, struct route_mix *ret);
struct route_expected route_mix_replay(const struct route_mix *mix, const struct route_trials *t,
                                       const size_t *tasks, size_t n, double accepts,
                                       double rejects);
