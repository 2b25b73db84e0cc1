// What a friend's records have earned: from what became of them here, and from nothing that anybody
// says about anybody. Counts in, a score with its reasons out. No clock: what is long ago counts as
// what is new, since a record that proved wrong stays so. Pure; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct reputation_facts {
    int64_t arrived, accepted, rejected; // records that came, and what the user said to them
    int64_t improper;                    // failed our look, or were not asked for
    int64_t forged;                      // not their author's
};
enum { REPUTATION_REASONS_MAX = 5, REPUTATION_REASON_BYTES_MAX = 120, REPUTATION_UNKNOWN = 50 };
struct reputation {
    int score; // 0 … 100; REPUTATION_UNKNOWN: nothing is known
    char reasons[REPUTATION_REASONS_MAX][REPUTATION_REASON_BYTES_MAX];
    size_t count;
};
// Score = 50 + 50 · (accepted - rejected) / (accepted + rejected + 4), so that few verdicts move it
// little; then half is left for every forged record, up to three, and a tenth goes for every
// improper one, up to nine. More of what is good never lowers it, more of what is bad never raises
// it.
void reputation_of(const struct reputation_facts *f, struct reputation *ret);
