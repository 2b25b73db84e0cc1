// What an answer's headers and error body say about quotas: which windows there are, how much of
// each is used, when it begins anew, how long to wait, and what kind of failure this was. Header by
// header in, a plain struct out; no I/O, nothing allocated except while a body is parsed. Any
// thread.
//
// Families read (names in any case):
//   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
//   anthropic-ratelimit-unified-{5h,7d,7d_<model>}-{utilization,reset,status}
//   x-ratelimit-{limit,remaining,reset}[-{requests,tokens,…}], "6m0s", seconds or a time
//   x-codex-{primary,secondary}-{used-percent,window-minutes,reset-at,reset-after-seconds}
//   retry-after (seconds or a date), retry-after-ms, x-should-retry, date (for the server's clock)
// Bodies: {"error":{"type","code","status","message","resets_at","resets_in_seconds","details"}} as
// Anthropic, OpenAI, Codex and Google write it.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_WINDOW_NAME_BYTES_MAX = 24, // with its end; longer names are ignored
    ROUTE_LIMITS_MAX = 12,            // windows of one answer; further ones are ignored
    ROUTE_BODY_BYTES_MAX = 64 * 1024  // of an error body; the rest is not read
};

// One window as one answer described it. NAN and -1 where it said nothing.
struct route_limit {
    char window[ROUTE_WINDOW_NAME_BYTES_MAX]; // "requests", "input-tokens", "5h", "7d", "primary" …
    double limit;                             // units (requests or tokens)
    double remaining;                         // units
    double used_share;                        // 0..1 and above when in overdraft
    int64_t reset_ms;                         // wall clock of this machine, ms since 1970
    bool reset_theirs;                        // until route_limits_finish: by the server's clock
    int64_t length_ms;                        // of the window
    bool rejected;                            // the provider says that this one is used up
};

struct route_limits {
    struct route_limit items[ROUTE_LIMITS_MAX];
    size_t count;
    int64_t retry_after_ms; // to wait, from now; -1 when not said
    int should_retry;       // x-should-retry: 1, 0, or -1 when not said
    int64_t skew_ms;        // the server's clock minus ours, as far as `date` tells
    bool finished;
};

// What a failure means for routing.
enum route_fault {
    ROUTE_FAULT_NONE,
    ROUTE_FAULT_RATE,       // too fast: wait, the same backend will do
    ROUTE_FAULT_QUOTA,      // a long window or the credit is used up: take another
    ROUTE_FAULT_OVERLOADED, // the provider is: take another, come back soon
    ROUTE_FAULT_SERVER,     // 5xx, reset, cut, garbage
    ROUTE_FAULT_TIMEOUT,    // 408, a stall
    ROUTE_FAULT_AUTH,       // 401, 403: another account
    ROUTE_FAULT_BILLING,    // 402, no credit: another account, the user has to act
    ROUTE_FAULT_MODEL,      // this account has no such model
    ROUTE_FAULT_CONTEXT,    // too long for this model: a larger one
    ROUTE_FAULT_SIGNATURE,  // thinking of another model in the history: strip it, once
    ROUTE_FAULT_REQUEST,    // the request itself is wrong: nobody else will take it either
    ROUTE_FAULTS
};
const char *route_fault_name(enum route_fault fault); // "rate", "quota" …; never NULL

void route_limits_init(struct route_limits *l);
// One header; unknown ones and unreadable values are ignored. `now_ms` is our wall clock.
void route_limits_header(struct route_limits *l, const char *name, size_t name_len,
                         const char *value, size_t value_len, int64_t now_ms);
// After the last header: resets become times of our clock, windows without any figure go.
// Idempotent.
void route_limits_finish(struct route_limits *l, int64_t now_ms);

// What kind of failure an answer with this status, these headers (finished) and this body is,
// adding what the body says about waiting and windows to `l`. The body may be anything, also empty
// or NULL. A body that cannot be parsed, for whatever reason, leaves status and headers to decide.
enum route_fault route_limits_fault(struct route_limits *l, int status, const char *body, size_t n,
                                    int64_t now_ms);
// Error objects that arrive inside a stream, after a 200 (SSE `error` events): as above by the body
// alone; ROUTE_FAULT_SERVER when it says nothing known.
enum route_fault route_limits_stream_fault(struct route_limits *l, const char *body, size_t n,
                                           int64_t now_ms);

// Whether a reset belongs to a window that is worth waiting for (true) or to switch away from.
// Providers' per-minute windows reset within ROUTE_WAIT_MS_MAX.
enum { ROUTE_WAIT_MS_MAX = 90 * 1000 };

// Delay before attempt `attempt` (0 = the first retry) on the same backend: what the answer asked
// for (retry-after, at most ROUTE_WAIT_MS_MAX), else 0.5 s doubled to 8 s; up to a quarter is taken
// away by `random` (any 32 bits), never below what was asked for. The rule of the providers' own
// SDKs.
int64_t route_retry_delay_ms(const struct route_limits *l, unsigned attempt, uint32_t random);
