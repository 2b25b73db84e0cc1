// What a request costs, and what is kept warm: tokens times prices, the prefix caches of one
// session, and when a change of the model pays. Plain values, no allocation, no clock but what is
// passed in. Source: the providers' price lists and caching guides; the figures are in the
// catalogue.
#pragma once

#include "core/route/route_catalogue.h"

#include <stdbool.h>
#include <stdint.h>

// Tokens of one request, as billed: the four do not overlap.
struct route_usage {
    int64_t uncached; // input at its price
    int64_t cached;   // read from a cache
    int64_t written;  // written into one, for five minutes
    int64_t written_1h;
    int64_t output; // with what was thought
};

// The price list that holds for a prompt of so many tokens. Borrows.
const struct route_prices *route_prices_for(const struct route_model *m, int64_t prompt_tokens);
// In thousand-millionths of a dollar, rounded; never negative, at most INT64_MAX / 2.
int64_t route_cost_nusd(const struct route_model *m, const struct route_usage *u);
double route_cost_usd(const struct route_model *m, const struct route_usage *u);
// What the same tokens would have cost without any cache.
int64_t route_cost_uncached_nusd(const struct route_model *m, const struct route_usage *u);

// --- prefix caches of a session ------------------------------------------------------------------
enum { ROUTE_CACHES_MAX = 4 }; // backends whose cache of one session is remembered

struct route_cache {
    uint32_t backend; // the caller's number for (account, model); 0: none
    int64_t tokens;   // length of the prefix that is there
    int64_t until_ms;
};
struct route_caches {
    struct route_cache items[ROUTE_CACHES_MAX];
};

// What a request of `prompt_tokens`, of which the first `stable_tokens` are byte for byte those of
// the session's last request, will be billed on a backend; output is the caller's forecast.
struct route_usage route_cache_expect(const struct route_caches *c, uint32_t backend,
                                      const struct route_model *m, int64_t prompt_tokens,
                                      int64_t stable_tokens, int64_t output_tokens, int64_t now_ms);
// After an answer: what it was billed tells what is warm now. The coldest entry makes room.
void route_cache_note(struct route_caches *c, uint32_t backend, const struct route_model *m,
                      const struct route_usage *billed, int64_t now_ms);
// The history was changed before token `from` (a compaction): what is behind it is lost everywhere.
void route_cache_cut(struct route_caches *c, int64_t from);

// --- staying or changing -------------------------------------------------------------------------
// What one more turn looks like in the mean.
struct route_turn {
    int64_t prefix; // tokens that were there before
    int64_t added;  // new input
    int64_t output;
};
// What such a turn costs with the prefix in the cache, or with a cache that has to be filled.
double route_turn_usd(const struct route_model *m, const struct route_turn *turn, bool warm);
// Turns, this one included, after which a session that changes from a warm `from` to a cold `to`
// has got back what filling the new cache costs; fractional, INFINITY if never, 0 if it costs
// nothing. With reads at 0.1 and writes at 1.25 of the input, and nothing but the prefix: 11.5 b /
// (a - b).
double route_switch_turns(const struct route_model *from, const struct route_model *to,
                          const struct route_turn *turn);
// How many turns a session that has had `turns` is likely to have still: as many again (what lasts
// long goes on long), kept between the bounds.
enum { ROUTE_TURNS_LEFT_MIN = 2, ROUTE_TURNS_LEFT_MAX = 100 };
int64_t route_turns_left(int64_t turns);
