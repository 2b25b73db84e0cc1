// For tests of what patterns give away: every pattern that a text could ever give, without asking
// for support in several files, and texts in which everything of one's own is a canary.
#pragma once

#include "core/base/buf.h"
#include "core/code/pattern.h"

// A little of everything in each language.
enum { PAYLOADS_PIECES = 8 };
struct payload_piece {
    enum lang lang;
    const char *text;
};
extern const struct payload_piece payloads_pieces[PAYLOADS_PIECES];

// Text of one candidate as the miner would keep it. A negative return ends the search.
typedef int payload_fn(void *ctx, enum lang lang, const char *text, size_t bytes);
int payloads_each(const struct syntax *s, payload_fn *fn, void *ctx);

// The text of a tree with all names but the library's, all strings, characters, numbers and
// comments replaced by canaries: "knry" in one spelling or another, or a number with 7357 in it.
int payloads_plant(const struct syntax *s, uint64_t *seed, struct buf *out);
bool payloads_has_canary(const char *text, size_t bytes);

struct payload_tally {
    uint32_t payloads; // passed parser and gate
    uint32_t refused;  // candidates that did not
    uint32_t planted;  // payloads with a canary put into them, given to the gate
    uint32_t leaks;    // canaries that came through, either way
};
// Plants one text, lets everything of it through parser and gate, and tries the gate with payloads
// that had a canary put in. Stops at `max` payloads.
int payloads_tally(struct syntax *s, enum lang lang, const char *text, size_t bytes, uint64_t *seed,
                   uint32_t max, struct payload_tally *tally);
