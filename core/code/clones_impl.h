// Inside of clones*.c.
#pragma once

enum {
    CLONES_RUN = 24,                       // tokens of a fingerprint
    CLONES_WINDOW = 12,                    // of so many runs one is kept
    CLONES_PLACES_MAX = 64,                // a fingerprint in more places is boilerplate
    CLONES_WORDS_SHARE = 5,                // at least every fifth token is a name
    CLONES_DISTINCT_MIN = 10,              // different tokens that a copy has
    CLONES_TOKENS_KEPT = 32 * 1024 * 1024, // of texts read again
};
