// The choice itself: among the backends at hand the one that is expected to have the task solved
// for the least money, within the user's policy, what was granted, what the quotas leave and what
// the request needs; and the reasons, candidate by candidate, for "why this backend?". A function
// of its arguments: no I/O, no clock, no memory, and dice only as a number that is passed in. Any
// thread.
#pragma once

#include "core/base/buf.h"
#include "core/route/route_ledger.h"
#include "core/route/route_origin.h"
#include "core/route/route_price.h"

enum { ROUTE_CANDIDATES_MAX = 32 };

enum route_mode {
    ROUTE_MODE_BALANCED, // least expected cost to a solved task
    ROUTE_MODE_CHEAPEST, // least price of the request, above the floor
    ROUTE_MODE_BEST,     // most likely to be right
    ROUTE_MODE_LOCAL     // nothing leaves the machine; else as balanced
};
bool route_mode_parse(const char *name,
                      enum route_mode *ret); // "balanced" "cheapest" "best" "local"

// Of the workspace, or of the user where it says nothing.
struct route_policy {
    enum route_mode mode;
    double floor;         // least probability of doing it well, 0..1; 0: the origin's demand alone
    double value_usd;     // what a solved task is worth: how dear a failure is; 0: 1 dollar
    double budget_usd[2]; // of the day, of the month; 0: none
    double spent_usd[2];  // so far
    double explore;       // share of the requests that try another backend; 0.02 is usual
};

struct route_need {
    enum route_origin origin;
    int64_t prompt_tokens;   // o200k or the model's own
    int64_t output_tokens;   // likely; 0: the origin's usual
    bool tools, images;      // must be able to
    int64_t turns;           // of the session so far
    struct route_turn turn;  // what one more looks like
    uint32_t sticky;         // backend of the session's last request; 0: none
    bool border;             // a new task begins: the cache is no reason to stay
    double accepts, rejects; // of the check that will judge the answer; 0, 0: none
    uint32_t dice[2];        // any bits, of a seeded source
};

struct route_candidate {
    uint32_t backend;                // the caller's number, not 0
    const char *account;             // borrows
    const char *name;                // of the model, as the backend calls it; borrows
    const struct route_model *model; // borrows
    bool local, granted;             // does not leave the machine; may be used for this workspace
    bool refuted; // an answer to this task, of it or of a likelier one, failed the checks
    struct route_standing standing;
    double p_ok;                 // from core/route/route_predict.h
    struct route_usage expected; // from route_cache_expect
};

enum route_reason {
    ROUTE_REASON_CHOSEN,
    ROUTE_REASON_STICKY,      // chosen: the session stays where its cache is
    ROUTE_REASON_EXPLORED,    // chosen: to learn about it
    ROUTE_REASON_ONLY,        // chosen: below the floor, but nothing better is at hand
    ROUTE_REASON_LAST,        // chosen: it is failing or waiting, and so are all others
    ROUTE_REASON_DEARER,      // possible
    ROUTE_REASON_WEAKER,      // possible
    ROUTE_REASON_BELOW_FLOOR, // possible when all else fails
    ROUTE_REASON_SPARED,      // its quota is kept for cheap work
    ROUTE_REASON_NOT_LOCAL,
    ROUTE_REASON_NOT_GRANTED,
    ROUTE_REASON_TOO_SMALL, // its context
    ROUTE_REASON_NO_TOOLS,
    ROUTE_REASON_NO_IMAGES,
    ROUTE_REASON_OVER_BUDGET,
    ROUTE_REASON_WAITING,
    ROUTE_REASON_SPENT,
    ROUTE_REASON_PROBED, // another request is finding out whether it is back
    ROUTE_REASON_BROKEN, // its breaker is open
    ROUTE_REASON_REFUTED,
    ROUTE_REASONS
};
const char *route_reason_text(enum route_reason r); // for a user; never NULL

struct route_choice {
    int chosen; // index of the candidate, -1: none can be used
    int ready;  // if none: the one that is back first, -1 when none will be
    int64_t ready_ms;
    size_t count; // of candidates
    enum route_reason reason[ROUTE_CANDIDATES_MAX];
    double usd[ROUTE_CANDIDATES_MAX];    // of the request
    double solved[ROUTE_CANDIDATES_MAX]; // expected cost to a solved task, failures at their worth
    int fallback[ROUTE_CANDIDATES_MAX];  // further ones, best first
    size_t fallbacks;
    double floor;       // that held
    double budget_left; // share of the tighter budget; 1 without one
    double stay_turns;  // sticky: turns until the change would have paid; 0 when that was not the
                        // question
};

// ERR_INVAL: more than ROUTE_CANDIDATES_MAX, or a figure that cannot be.
int route_choose(const struct route_policy *policy, const struct route_need *need,
                 const struct route_candidate *candidates, size_t n, struct route_choice *ret,
                 struct err *err);

// Their indices as they are told of: chosen, fallbacks, then the rest as given. Gives their number.
size_t route_choice_order(const struct route_choice *c, size_t ret[ROUTE_CANDIDATES_MAX]);
// One line for each candidate, the chosen first: name, account, probability, price, reason. The
// same bytes for the same choice.
int route_choice_explain(const struct route_choice *c, const struct route_need *need,
                         const struct route_candidate *candidates, struct buf *out);
// The same as JSON: {"origin", "floor", "chosen": {…} or null, "candidates": [{…}]}.
int route_choice_json(const struct route_choice *c, const struct route_need *need,
                      const struct route_candidate *candidates, struct buf *out);
