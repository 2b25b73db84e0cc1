// The parts of CPace, for cpace.c and for the published vectors.
#pragma once

#include "core/crypto/cpace.h"

enum { CPACE_POINT_BYTES = 32, CPACE_SCALAR_BYTES = 32, CPACE_ISK_BYTES = 64 };

enum cpace_state { CPACE_STARTED, CPACE_FINISHED, CPACE_CONFIRMED, CPACE_FAILED };

struct cpace {
    enum cpace_role role;
    enum cpace_state state;
    size_t sid_n, own_ad_n, peer_ad_n;
    uint8_t sid[CPACE_SID_BYTES_MAX];
    uint8_t own_ad[CPACE_AD_BYTES_MAX], peer_ad[CPACE_AD_BYTES_MAX];
    uint8_t scalar[CPACE_SCALAR_BYTES];
    uint8_t own[CPACE_POINT_BYTES], peer[CPACE_POINT_BYTES];
    uint8_t isk[CPACE_ISK_BYTES];
    uint8_t mac_key[64];
};

// calculate_generator. Everything is within its maximum.
void cpace_generator(const struct cpace_bytes *prs, const struct cpace_bytes *ci,
                     const struct cpace_bytes *sid, uint8_t ret[CPACE_POINT_BYTES]);
// scalar_mult_vfy: false when `point` is none, or the product the neutral element.
bool cpace_scalar_mult_vfy(const uint8_t scalar[CPACE_SCALAR_BYTES],
                           const uint8_t point[CPACE_POINT_BYTES], uint8_t ret[CPACE_POINT_BYTES]);
