// The features a prompt is judged by: its words and pairs of neighbouring words, hashed into 65,536
// buckets, and twelve figures of its shape (length, lines, digits …). One pass over the bytes; no
// I/O, nothing allocated, any bytes will do. Any thread, one owner of the struct.
//
// A word is a run of ASCII letters, digits and bytes above 127; its first six bytes count, in lower
// case, so that forms of a word fall together. A feature counts once, however often it occurs.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_BUCKETS = 65536,
    ROUTE_PLACES = ROUTE_BUCKETS + 2,
    ROUTE_DENSE = 12,
    // Of a longer prompt so much of its beginning (what it is about) and of its end (what is asked)
    // is read; of what lies between only the length counts.
    ROUTE_HEAD_BYTES = 12 * 1024,
    ROUTE_TAIL_BYTES = 20 * 1024
};

// Words and pairs share one array: words from the front, pairs from the back, two free places
// between them. Some 140 KB: keep one and use it again.
struct route_features {
    float dense[ROUTE_DENSE];
    float scale;    // of every hashed feature: falls with their number
    uint32_t words; // buckets[0 .. words)
    uint32_t pairs; // buckets[ROUTE_PLACES - pairs .. ROUTE_PLACES)
    uint16_t buckets[ROUTE_PLACES];
    uint64_t seen[ROUTE_BUCKETS / 64];
};

void route_features_read(struct route_features *f, const char *text, size_t n);
