// Between the files of core/route/route_predict*.c and the bench: the predictor's tables.
#pragma once

#include "core/route/route_head.h"
#include "core/route/route_predict.h"
#include "core/route/route_prior.h"

enum { ROUTE_LEARNED_NAME_BYTES_MAX = 96 };

struct learned {
    char name[ROUTE_LEARNED_NAME_BYTES_MAX];
    uint64_t outcomes, used; // `used`: number of the last outcome
    struct route_head head;
};

struct route_predictor {
    struct route_prior *prior; // NULL: blank
    struct route_head shared;  // hashed is NULL until something was learned
    uint64_t outcomes;
    struct learned models[ROUTE_LEARNED_MODELS_MAX];
    size_t count;
};

int predictor_head_new(struct route_head *h, uint32_t buckets, struct err *err);
void predictor_forget(struct route_predictor *p); // all but the prior
// Takes a prior of the caller's, which stays its owner's until the predictor is gone.
int predictor_new_with(struct route_prior *prior, struct route_predictor **ret, struct err *err);
