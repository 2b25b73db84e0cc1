// Exact noise for counts that leave the machine: the discrete Laplace distribution, drawn with
// integers alone, since a double's low bits tell the value under the noise (Mironov 2012).
//   P(y) = (1 - q) / (1 + q) * q^|y|,  q = exp(-epsilon / sensitivity)
// Added to an integer that one contributor can change by `sensitivity` at most, it makes the
// release epsilon-differentially private. The time of a draw depends on the drawn value: draw
// before the value is looked at. Any thread; keeps no state. Source: Canonne, Kamath, Steinke, The
// Discrete Gaussian for Differential Privacy (2020), alg. 2.
#pragma once

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

// Epsilon is counted in millionths, so that a budget is an integer and sums are exact.
enum { LAPLACE_EPSILON_ONE = 1000 * 1000, LAPLACE_EPSILON_MAX = 100 * LAPLACE_EPSILON_ONE };
enum { LAPLACE_SENSITIVITY_MAX = 1000 * 1000 };

// Uniform bytes: env_os_random's, or a test's.
typedef void laplace_random_fn(void *ctx, void *out, size_t n);

// ERR_INVAL: epsilon below 1 or over LAPLACE_EPSILON_MAX millionths, sensitivity below 1 or over
// its maximum. |*ret| stays below 2^62.
int laplace_draw(int64_t epsilon_millionths, int64_t sensitivity, laplace_random_fn *random,
                 void *ctx, int64_t *ret, struct err *err);
