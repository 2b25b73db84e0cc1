// What the predictor is born with: how likely a weak model (of 2023/24) does a request well, and
// how much more likely a strong one, as linear functions of its features. Fitted by
// tests/bench/bench_route on the Apache-2.0 rows of RouteLLM's MMLU and GSM8K responses by ridge
// regression. Immutable, any thread.
//
// A hashed feature that the fit has seen counts by how rare it is (squared idf, in eight levels);
// the features of one prompt have Euclidean length 1. Others count nothing.
//
// Bytes, little-endian: "PRP2"; for {weak, gain} and {no choices, choices} the bias and fourteen
// dense weights (float32); for each of eight levels the squared size and the steps of weak and gain
// (float32); 32,768 bytes with a bit for each known bucket; for each of those one byte (weak + 3 in
// the low three bits, gain + 15 in the others); their levels, three bits each; FNV-1a 64 of all
// before.
#pragma once

#include "core/base/buf.h"
#include "core/route/route_features.h"

enum {
    ROUTE_PRIOR_LEVELS = 8,
    ROUTE_PRIOR_CODES = 256 * ROUTE_PRIOR_LEVELS,
    ROUTE_PRIOR_WEAK_MOST = 3, // steps either way
    ROUTE_PRIOR_GAIN_MOST = 15
};

typedef float route_four __attribute__((vector_size(16)));

// Some 560 KB.
struct route_prior {
    float dense[2][2][1 + ROUTE_DENSE];   // [weak, gain][choices], bias first
    route_four values[ROUTE_PRIOR_CODES]; // of a code: weak, gain, squared size
    uint16_t codes[ROUTE_BUCKETS];        // 0: unknown, and worth nothing
};

// What a fit hands over: of full width, one weight a bucket.
struct route_fit {
    float dense[2][2][1 + ROUTE_DENSE];
    float size[ROUTE_PRIOR_LEVELS]; // of a feature of that level, before the length is made 1
    const uint8_t *level;           // [ROUTE_BUCKETS]: 0 unknown, else 1 .. ROUTE_PRIOR_LEVELS
    const float *hashed[2];         // [weak, gain][ROUTE_BUCKETS], to be multiplied by the size
};

extern const unsigned char route_prior_bytes[];
extern const size_t route_prior_bytes_bytes;

// ERR_CORRUPT: not such bytes. `p` is then undefined.
int route_prior_unpack(struct route_prior *p, const void *bytes, size_t n, struct err *err);
// Quantises a fit and appends its bytes. ERR_NOMEM.
int route_prior_pack(const struct route_fit *fit, struct buf *out);
// Log-odds of the weak and of the strong model.
void route_prior_score(const struct route_prior *p, const struct route_features *f, float ret[2]);

uint64_t route_fnv(const void *bytes, size_t n);
