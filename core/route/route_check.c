#include "core/route/route_check.h"

#include <math.h>

enum { VERDICTS_MAX = 16 };
static const double PRIOR_WORTH = 10, COUNT_MAX = 1000;

const char *route_check_name(enum route_check_kind kind) {
    static const char *const names[ROUTE_CHECK_KINDS] = {"patch", "schema", "build", "lint",
                                                         "test"};
    return (unsigned)kind < ROUTE_CHECK_KINDS ? names[kind] : "unknown";
}

struct route_check route_check_prior(enum route_check_kind kind) {
    // Accepts of right, rejects of wrong answers: a build rejects few wrong ones, tests many.
    static const double rates[ROUTE_CHECK_KINDS][2] = {
        {.99, .15}, {.98, .15}, {.97, .30}, {.85, .25}, {.90, .60}};
    const double *r = rates[(unsigned)kind < ROUTE_CHECK_KINDS ? kind : ROUTE_CHECK_LINT];
    return (struct route_check){.right_passed = PRIOR_WORTH * r[0],
                                .right_failed = PRIOR_WORTH * (1 - r[0]),
                                .wrong_passed = PRIOR_WORTH * (1 - r[1]),
                                .wrong_failed = PRIOR_WORTH * r[1]};
}

static void count(double *hit, double *other) {
    *hit += 1;
    if (*hit + *other > COUNT_MAX) {
        *hit /= 2;
        *other /= 2;
    }
}

void route_check_observe(struct route_check *c, bool passed, bool right) {
    if (right)
        count(passed ? &c->right_passed : &c->right_failed,
              passed ? &c->right_failed : &c->right_passed);
    else
        count(passed ? &c->wrong_passed : &c->wrong_failed,
              passed ? &c->wrong_failed : &c->wrong_passed);
}

static double share(double of, double and_of) {
    double p = of + and_of > 0 ? of / (of + and_of) : .5;
    return fmin(fmax(p, .001), .999); // nothing is certain
}

double route_check_accepts(const struct route_check *c) {
    return share(c->right_passed, c->right_failed);
}
double route_check_rejects(const struct route_check *c) {
    return share(c->wrong_failed, c->wrong_passed);
}

// What at least one of several does, of which the smaller ones mostly repeat the larger.
static double joined(double *shares, size_t n) {
    double none = 1, weight = 1;
    for (size_t i = 1; i < n; i++) // the largest first
        for (size_t k = i; k > 0 && shares[k] > shares[k - 1]; k--) {
            double larger = shares[k];
            shares[k] = shares[k - 1];
            shares[k - 1] = larger;
        }
    for (size_t i = 0; i < n; i++, weight /= 2)
        none *= 1 - weight * shares[i];
    return 1 - none;
}

void route_check_joint(const struct route_check *checks, size_t n, double *ret_accepts,
                       double *ret_rejects) {
    double refuses_right[VERDICTS_MAX], refuses_wrong[VERDICTS_MAX];
    n = n < VERDICTS_MAX ? n : VERDICTS_MAX;
    for (size_t i = 0; i < n; i++) {
        refuses_right[i] = 1 - route_check_accepts(&checks[i]);
        refuses_wrong[i] = route_check_rejects(&checks[i]);
    }
    *ret_accepts = n ? 1 - joined(refuses_right, n) : 0;
    *ret_rejects = n ? joined(refuses_wrong, n) : 0;
}

static double evidence(const struct route_verdict *v) {
    double right = route_check_accepts(v->check), wrong = 1 - route_check_rejects(v->check);
    return v->passed ? log(right / wrong) : log((1 - right) / (1 - wrong));
}

double route_check_posterior(double before, const struct route_verdict *verdicts, size_t n) {
    double found[VERDICTS_MAX], weight = 1;
    double p = fmin(fmax(before, 1e-6), 1 - 1e-6), odds = log(p / (1 - p));
    if (n > VERDICTS_MAX)
        n = VERDICTS_MAX;
    for (size_t i = 0; i < n; i++) { // sorted by strength, strongest first
        double e = evidence(&verdicts[i]);
        size_t at = i;
        for (; at > 0 && fabs(found[at - 1]) < fabs(e); at--)
            found[at] = found[at - 1];
        found[at] = e;
    }
    for (size_t i = 0; i < n; i++, weight /= 2)
        odds += weight * found[i];
    return 1 / (1 + exp(-odds));
}
