// The features a prompt is judged by: its words, the pairs of neighbouring words and of words with
// one between them, hashed into 262,144 buckets, and fourteen figures of its shape (length, lines,
// distinct words …). Two passes over the bytes; no I/O, nothing allocated, any bytes will do. Any
// thread, one owner of the struct.
//
// A word is a run of ASCII letters, digits and bytes above 127; its first eight bytes count, in
// lower case. In a pair all numbers are one word. A feature counts once, however often it occurs;
// one in some hundred of a long prompt is taken for another that was seen, and left out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_BUCKET_BITS = 18,
    ROUTE_BUCKETS = 1 << ROUTE_BUCKET_BITS,
    ROUTE_DENSE = 14,
    // Of a longer prompt so much of its beginning (what it is about) and of its end (what is asked)
    // is read; the rest of it counts by its length …
    ROUTE_HEAD_BYTES = 512,
    ROUTE_TAIL_BYTES = 1024,
    // … and so much of its beginning and end is searched for choices.
    ROUTE_SHAPE_HEAD_BYTES = 12 * 1024,
    ROUTE_SHAPE_TAIL_BYTES = 20 * 1024,
    ROUTE_WORDS_MAX = (ROUTE_HEAD_BYTES + ROUTE_TAIL_BYTES) / 2 + 2,
    ROUTE_PLACES = 3 * ROUTE_WORDS_MAX,
    ROUTE_SEEN_PLACES = 32768
};

// Words and pairs share one array: words from the front, pairs from the back; there is always a
// free place between them. Some 13 KB: keep one and use it again.
struct route_features {
    float dense[ROUTE_DENSE];
    float scale;    // of every hashed feature for a head that learns: falls with their number
    bool choices;   // at least two lines begin "A. ", "B) " …: an answer is to be picked
    uint32_t words; // buckets[0 .. words)
    uint32_t pairs; // buckets[ROUTE_PLACES - pairs .. ROUTE_PLACES)
    uint32_t buckets[ROUTE_PLACES];
    uint64_t seen[ROUTE_SEEN_PLACES / 64]; // a bit for so many neighbouring buckets
};

void route_features_read(struct route_features *f, const char *text, size_t n);
