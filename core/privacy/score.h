// How well the user's privacy is kept, as points with their reasons: published weights over facts
// that can be looked up, nothing guessed. What protects more never scores less (a test holds it to
// that). Facts in, reasons out; no I/O. Any thread. docs/FEDERATION.md, "Privacy score".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct score_facts {
    bool locked_by_more; // the store opens with a passphrase, not with a file beside it alone
    bool recovery;       // a recovery code exists
    int64_t out_friend, out_group, out_everyone; // standing grants to let something out
    int64_t without_end;                         // of them, those that never expire
    int64_t backends;                            // grants to model backends
    int64_t waiting;                             // arrivals that nobody has looked at
    int64_t epsilon;                             // spent this and last month, in millionths
    int64_t epsilon_max;                         // … of
    bool secrets_refused;                        // models.secrets: refuse, not mask
};
enum { SCORE_POINTS = 9 };
struct score_point {
    const char *name;   // "store-lock" …: stable
    int got, of;        // points
    const char *reason; // whole sentence
    const char *advice; // a command, or NULL when there is nothing to gain
};
struct score {
    int score; // 0 … 100
    struct score_point points[SCORE_POINTS];
};
void score_of(const struct score_facts *f, struct score *ret);
