// Sixteen bytes at once: what the readers of texts in core/route share. Not for others.
#pragma once

#include <stdint.h>
#include <string.h>

// Vectors of GCC and clang: what the machine lacks they make of what it has.
typedef uint8_t route_lanes __attribute__((vector_size(16)));

static inline route_lanes route_between(route_lanes c, uint8_t first, uint8_t count) {
    return (route_lanes)((route_lanes)(c - first) < count);
}

// One bit for each lane that is set.
static inline uint64_t route_bits_of(route_lanes set) {
#ifdef __SSE2__
    typedef char signed_lanes __attribute__((vector_size(16)));
    return (uint16_t)__builtin_ia32_pmovmskb128((signed_lanes)set);
#else
    uint64_t halves[2], bits = 0;
    memcpy(halves, &set, sizeof halves);
    for (int i = 0; i < 2; i++) // the highest bit of each byte, gathered by one multiplication
        bits |=
            (((halves[i] & UINT64_C(0x8080808080808080)) >> 7) * UINT64_C(0x0102040810204080) >> 56)
            << (8 * i);
    return bits;
#endif
}
