// How far a check can be trusted: of what is right it accepts a share, of what is wrong it refuses
// one. Both are learned as Beta counts from answers of which the truth became known later (a
// human's verdict, a revert). Plain values, no I/O; one owner.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum route_check_kind {
    ROUTE_CHECK_PATCH,  // it applies
    ROUTE_CHECK_SCHEMA, // the answer has the form asked for
    ROUTE_CHECK_BUILD,
    ROUTE_CHECK_LINT,
    ROUTE_CHECK_TEST,
    ROUTE_CHECK_KINDS
};
const char *route_check_name(enum route_check_kind kind); // "patch" …; never NULL

// Counts; the four figures are all there is to keep.
struct route_check {
    double right_passed, right_failed, wrong_passed, wrong_failed;
};

// What is thought of a kind before anything is known of it, worth ten answers of each sort.
struct route_check route_check_prior(enum route_check_kind kind);
// An answer whose truth became known. Old counts fade beyond a thousand, so that a check that was
// mended is noticed.
void route_check_observe(struct route_check *c, bool passed, bool right);
double route_check_accepts(const struct route_check *c); // share of right answers that pass
double route_check_rejects(const struct route_check *c); // share of wrong answers that fail

// All of them as one check that passes when each does, as to what is right and what is wrong: of
// wrong answers the strongest one refuses its share in full, each further one half of what the one
// before it adds (they repeat each other in part), and so of right ones. 0 checks: 0 and 0.
void route_check_joint(const struct route_check *checks, size_t n, double *ret_accepts,
                       double *ret_rejects);

struct route_verdict {
    const struct route_check *check; // borrows
    bool passed;
};
// Probability that an answer is right, from what was thought before (0..1) and the verdicts. Checks
// of the same answer repeat each other in part: the strongest counts in full, every further one
// half of the one before. At most 16 are looked at.
double route_check_posterior(double before, const struct route_verdict *verdicts, size_t n);
