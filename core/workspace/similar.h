// "Is there a helper for this?": a fragment of code, or a symbol, to the existing functions most
// like it, so that nobody writes or copies what is there.
//
// How: equal canonical hash of the body (a copy, renamed or not); else what they call and say:
// information-weighted overlap of called names and of words, and likeness of the names' words
// and of the number of parameters. Below a threshold nothing is said.
//
// Pure over a search; any thread; deterministic.
#pragma once

#include "core/workspace/search.h"

enum { SIMILAR_FRAGMENT_BYTES_MAX = 256 * 1024, SIMILAR_MAX = 50, SIMILAR_SHARED_BYTES_MAX = 128 };

struct similar_want {
    // Either a fragment …
    const char *text; // NULL: none; borrowed
    size_t bytes;
    enum lang lang; // of the fragment; LANG_NONE: as its words say
    // … or a symbol of the snapshot, which is itself left out of the answer.
    const struct place *symbol;
    uint32_t max; // 0 = 5
    double floor; // least score; 0 = SIMILAR's own (0.35)
    bool tests;   // tests and vendored code are searched too
};
enum similar_how {
    SIMILAR_COPY = 1,   // equal but for names and literals
    SIMILAR_CALLS = 2,  // calls the same
    SIMILAR_WORDS = 4,  // says the same
    SIMILAR_NAME = 8,   // is called alike
    SIMILAR_CALLED = 16 // the fragment calls it already
};
struct similar_hit {
    struct place place;
    double score;                          // 0..1; 1 = a copy
    unsigned how;                          // enum similar_how
    char shared[SIMILAR_SHARED_BYTES_MAX]; // the strongest of what is shared: "strchr, trim, blank"
};
struct similar_result {
    uint32_t count;
    struct similar_hit *hits; // best first
    uint32_t compared;        // functions looked at closely
    char note[96];            // "the fragment has no calls and no names": why nothing; or empty
};
// ERR_INVAL (neither or both given, symbol not in the snapshot), ERR_LIMIT (fragment), ERR_NOMEM.
int similar_find(const struct search *s, const struct similar_want *want,
                 struct similar_result **ret, struct err *err);
void similar_free(struct similar_result *r); // accepts NULL
