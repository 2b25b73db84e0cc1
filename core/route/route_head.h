// Logistic regression over the features of a prompt, learned one outcome at a time by AdaGrad
// (Duchi, Hazan, Singer 2011). Between the files of core/route and the program that fits the prior.
#pragma once

#include "core/route/route_features.h"

#include <stdbool.h>

// How much a pair of words counts beside a word.
#define ROUTE_PAIR_WEIGHT .7F

struct route_rates {
    float hashed, dense; // steps of AdaGrad
};

struct route_weight {
    float w, g; // weight, sum of squared gradients
};

struct route_dense_head {
    struct route_weight bias, shape[ROUTE_DENSE];
};

struct route_head {
    struct route_dense_head dense;
    uint32_t mask; // buckets - 1; a power of two, at most 65,536
    bool pairs;    // of words count too, beside the words
    struct route_weight *hashed;
};

// The head's part of the log-odds.
float route_head_score(const struct route_head *h, const struct route_features *f);
// One step: `error` is the predicted probability minus what happened.
void route_head_learn(struct route_head *h, const struct route_features *f, float error,
                      const struct route_rates *rates);

float route_sigmoid(float x);
