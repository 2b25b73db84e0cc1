// What one question may take, and has taken. Pure.
#pragma once

#include <stdint.h>

enum { TEAM_WHY_BYTES = 160 };

struct team_budget {
    int64_t tokens_max, turns_max;
    int64_t cost_max;  // millionths of a dollar, as cost
    uint64_t until_ns; // monotonic clock
    int64_t tokens, cost, turns;
};
// What it has against one more request of `coming` tokens, in `why` and returned; NULL: nothing.
// The next one is taken to cost what those before did in the mean.
const char *team_budget_against(const struct team_budget *b, int64_t coming, uint64_t now_ns,
                                char why[TEAM_WHY_BYTES]);
