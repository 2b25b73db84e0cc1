// How likely each model is to do a request well: log-odds from the prior (two heads, mixed by the
// model's skill), plus a head that all models share, plus one of the model's own; the last two
// learn online from the outcome of the model that was chosen. No I/O; one owner, one thread.
// Source: hashed logistic regression with AdaGrad (Duchi, Hazan, Singer 2011); a weak and a strong
// model to tell apart as in RouteLLM (arXiv 2406.18665).
#pragma once

#include "core/base/buf.h"
#include "core/route/route_features.h"

#include <stdbool.h>

enum {
    ROUTE_LEARNED_MODELS_MAX = 16, // with a head of their own; the one unused longest makes room
    ROUTE_SHARED_BUCKETS = 65536,  // of the head that all share
    ROUTE_OWN_BUCKETS = 16384,     // of a model's own
    ROUTE_PREDICTOR_BYTES_MAX = 8 * 1024 * 1024 // written
};

struct route_predictor;

// With the prior that ships, or (blank) knowing nothing. ERR_NOMEM.
int route_predictor_new(struct route_predictor **ret, struct err *err);
int route_predictor_new_blank(struct route_predictor **ret, struct err *err);
void route_predictor_free(struct route_predictor *p); // accepts NULL

// What is the same for all models of one request; compute once, then ask for each.
struct route_look {
    const struct route_features *features; // borrows
    float weak, strong;                    // log-odds of the prior's heads
    float shared;                          // what the shared head adds
};
void route_predict_look(const struct route_predictor *p, const struct route_features *f,
                        struct route_look *ret);
// Probability that `model` does it well, 0..1. `skill`: of the catalogue; 0 the prior's weak head,
// 1 its strong one, beyond that better than it by as much again.
float route_predict(const struct route_predictor *p, const struct route_look *look,
                    const char *model, double skill);

// An outcome: 1 it was done well, 0 it was not; between, what a check's error rates leave open.
// `weight` from 0 to 1: how far the step goes. ERR_NOMEM (nothing is learned), ERR_INVAL for a name
// or figure that cannot be.
int route_learn(struct route_predictor *p, const struct route_features *f, const char *model,
                double skill, double outcome, double weight, struct err *err);
uint64_t route_outcomes(const struct route_predictor *p,
                        const char *model); // learned from; NULL: all

// What was learned (not the prior), as bytes with version and checksum; the same bytes for the same
// state.
int route_predictor_write(const struct route_predictor *p, struct buf *out, struct err *err);
// Takes it back in place of what `p` has learned. ERR_CORRUPT, ERR_VERSION, ERR_NOMEM: then `p` is
// as it was.
int route_predictor_read(struct route_predictor *p, const void *bytes, size_t n, struct err *err);
