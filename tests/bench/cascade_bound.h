// How good any policy could be that asks models one after another and sees of each answer whether a
// check took it: at each point any model that was not asked yet, or an end with any answer that is
// there, also by lot. Computed on the very rows that it is scored on, so that nothing learned from
// others does better: a bound, not a result.
//
// By dynamic programming over what is known (each model: not asked, passed, failed) for a price of
// money, and Lagrange's dual over that price, which for policies by lot is exact.
#pragma once

#include "core/route/route_cascade.h"

enum { CASCADE_BOUND_MODELS_MAX = 10 }; // 3^10 points times all rows

// The most that is solved for `usd_max` a task in the mean; below 0: too many models, no memory.
double cascade_bound(const struct route_trials *t, double accepts, double rejects, double usd_max);
