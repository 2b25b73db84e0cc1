// The packed o200k vocabulary: which byte strings are tokens, and the rank of each. Written at
// build time by third_party/tokens/pack.c from the ranks file of an npm package, linked into the
// engine as constant bytes; a page of it is read when it is first looked at. Any thread.
//
// Layout, little-endian: struct vocab_header; u16 shift[buckets]; u64 slot[slots]; bytes. A perfect
// hash (a shift for every bucket, chosen so that no two tokens share a slot): one load of each
// table finds the only token that a string can be, and the bytes decide whether it is. A slot:
// offset 21 bits, bytes - 1 7 bits, rank 18 bits, part of the hash 18 bits.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    VOCAB_BUCKETS = 65536,
    VOCAB_TOKEN_BYTES_MAX = 128,
    VOCAB_BYTES_MAX = (1 << 21) - VOCAB_TOKEN_BYTES_MAX,
    VOCAB_NO_RANK = (1 << 18) - 1 // no token; also the maximum of a rank
};

struct vocab_header {
    char magic[8]; // "o200k-1"
    uint32_t slots;
    uint32_t tokens;
    uint32_t bytes;
    uint32_t unused[11]; // up to a cache line
};

struct vocab_place {
    uint32_t bucket, low, check;
};

static inline uint64_t vocab_mix(uint64_t h) {
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 32);
}

// 0-8 bytes as a number, another for each string of one length; reads only those.
static inline uint64_t vocab_load(const uint8_t *s, size_t n) {
    uint32_t low, high;
    if (n >= 4) {
        memcpy(&low, s, sizeof low);
        memcpy(&high, s + n - sizeof high, sizeof high);
        return (uint64_t)low << 32 | high;
    }
    if (n == 0)
        return 0;
    return (uint64_t)s[0] << 16 | (uint64_t)s[n / 2] << 8 | s[n - 1];
}

static inline struct vocab_place vocab_place_of(const uint8_t *s, size_t n) {
    uint64_t h = vocab_mix(n + 1), w;
    for (; n > 8; s += 8, n -= 8) {
        memcpy(&w, s, sizeof w);
        h = vocab_mix(h ^ w);
    }
    h = vocab_mix(vocab_mix(h ^ vocab_load(s, n)) + 1);
    return (struct vocab_place){
        .bucket = (uint32_t)(h >> 48), .low = (uint32_t)h, .check = (uint32_t)(h >> 30) & 0x3FFFFU};
}

static inline size_t vocab_slot(struct vocab_place p, uint32_t shift, uint32_t slots) {
    uint32_t x = (p.low ^ (shift * 0x9E3779B1U)) * 0x85EBCA6BU;
    return (size_t)(((uint64_t)(x ^ (x >> 15)) * slots) >> 32);
}

static inline uint64_t vocab_pack(uint32_t offset, size_t bytes, uint32_t rank, uint32_t check) {
    return (uint64_t)offset | (uint64_t)(bytes - 1) << 21 | (uint64_t)rank << 28 |
           (uint64_t)check << 46;
}
