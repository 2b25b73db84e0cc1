// What the predictor is born with: two heads (a weak and a strong model of 2023/24), fitted by
// tests/bench/bench_route on the Apache-2.0 rows of RouteLLM's MMLU and GSM8K responses and packed
// to four bits a weight. Immutable, any thread.
//
// Bytes, little-endian: "PRP1"; for each head the scale of a hashed weight, the bias and twelve
// dense weights (float32); 8,192 bytes with a bit for each bucket that is not zero in both heads;
// for each of those one byte, weak in the low half, strong in the high one (value + 8); FNV-1a 64
// of all before.
#pragma once

#include "core/base/buf.h"
#include "core/route/route_head.h"

struct route_prior {
    float scale[2];
    float dense[2][1 + ROUTE_DENSE]; // bias first
    int8_t hashed[ROUTE_BUCKETS][2];
};

extern const unsigned char route_prior_bytes[];
extern const size_t route_prior_bytes_bytes;

// ERR_CORRUPT: not such bytes. `p` is then undefined.
int route_prior_unpack(struct route_prior *p, const void *bytes, size_t n, struct err *err);
// Quantises two heads of full width and appends their bytes.
int route_prior_pack(const struct route_head *weak, const struct route_head *strong,
                     struct buf *out);
// Log-odds of both heads.
void route_prior_score(const struct route_prior *p, const struct route_features *f, float ret[2]);

uint64_t route_fnv(const void *bytes, size_t n);
