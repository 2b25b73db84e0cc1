// Figures of a month that may be shared: sums over days, each day's part cut at a maximum, and
// noise of the exact discrete Laplace distribution on the sum. The unit of privacy is one day of
// one person: two histories that differ in what was done on a single day give the same release with
// probabilities that differ by a factor of exp(epsilon) at most. Not more: who shares each month
// lets a habit of many days be seen, and METRIC_EPSILON_MONTH is the sum over all figures of one
// month. A figure is drawn once a month and then repeated as it is; nobody gets a second sample.
// The budget's ledger is its owner's (server/share_metric.c). Pure; any thread.
#pragma once

#include "core/privacy/laplace.h"
#include "core/privacy/payload.h"

enum {
    METRIC_EPSILON = LAPLACE_EPSILON_ONE / 2,       // of one figure of a month, in millionths
    METRIC_EPSILON_MONTH = LAPLACE_EPSILON_ONE * 2, // of all of them together
    METRIC_DAYS_MAX = 31
};

struct metric_kind {
    const char *name;  // "models.requests"
    const char *title; // for people
    int64_t per_day;   // the most that a day counts
};
// A fixed list: a name cannot tell anything. Ends with name == NULL.
extern const struct metric_kind metric_kinds[];
const struct metric_kind *metric_find(const char *name, size_t n); // NULL: no such

// The noised sum of at most METRIC_DAYS_MAX days. The noise is drawn before a count is looked at.
// ERR_INVAL, ERR_LIMIT, what laplace_draw says.
int metric_release(const struct metric_kind *kind, const int64_t *days, size_t count,
                   int64_t epsilon, laplace_random_fn *random, void *ctx, int64_t *ret,
                   struct err *err);
// Whether a body of that form can be a release of ours. ERR_PERM.
int metric_check(const struct payload *p, struct err *err);
