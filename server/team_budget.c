#include "server/team_budget.h"

#include <stddef.h>
#include <stdio.h>

const char *team_budget_against(const struct team_budget *b, int64_t coming, uint64_t now_ns,
                                char why[TEAM_WHY_BYTES]) {
    int64_t mean = b->turns ? b->cost / b->turns : 0;
    if (b->turns >= b->turns_max)
        (void)snprintf(why, TEAM_WHY_BYTES, "the budget of %lld request%s (ask.turns) is used up",
                       (long long)b->turns_max, b->turns_max == 1 ? "" : "s");
    else if (b->tokens + coming > b->tokens_max)
        (void)snprintf(why, TEAM_WHY_BYTES, "the budget of %lld tokens (ask.tokens) is used up",
                       (long long)b->tokens_max);
    else if (b->cost + mean > b->cost_max)
        (void)snprintf(why, TEAM_WHY_BYTES, "the budget of %lld cents (ask.cents) is used up",
                       (long long)(b->cost_max / 10000));
    else if (now_ns >= b->until_ns)
        (void)snprintf(why, TEAM_WHY_BYTES, "the time of a question (ask.seconds) is over");
    else
        return NULL;
    return why;
}
