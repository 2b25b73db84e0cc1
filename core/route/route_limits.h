// What an answer's headers say about quotas: which windows there are, how much of
// each is used, when it begins anew, how long to wait. Header by header in, a plain struct out; no
// I/O, nothing allocated. Any thread.
//
// Families read (names in any case):
//   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
//   anthropic-ratelimit-unified-{5h,7d,7d_<model>}-{utilization,reset,status}
//   x-ratelimit-{limit,remaining,reset}[-{requests,tokens,…}], "6m0s", seconds or a time
//   x-codex-{primary,secondary}-{used-percent,window-minutes,reset-at,reset-after-seconds}
//   retry-after (seconds or a date), retry-after-ms, x-should-retry, date (for the server's clock)
#pragma once

#include "core/base/err.h"
#include "core/route/route_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_WINDOW_NAME_BYTES_MAX = 24, // with its end; longer names are ignored
    ROUTE_LIMITS_MAX = 12             // windows of one answer; further ones are ignored
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

void route_limits_init(struct route_limits *l);
// One header; unknown ones and unreadable values are ignored. `now_ms` is our wall clock.
void route_limits_header(struct route_limits *l, const char *name, size_t name_len,
                         const char *value, size_t value_len, int64_t now_ms);
// After the last header: resets become times of our clock, windows without any figure go.
// Idempotent.
void route_limits_finish(struct route_limits *l, int64_t now_ms);

// The failure that an answer's status and body stand for (core/models/wire.h reads them), seen
// beside its headers (finished): too many requests are a quota when a long window is used up or the
// wait is a long one. What the body said about waiting (`retry_after_ms` -1, `resets_at_s` 0:
// nothing) is added to `l` where the headers were silent.
enum route_fault route_limits_judge(struct route_limits *l, enum route_fault fault,
                                    int64_t retry_after_ms, int64_t resets_at_s, int64_t now_ms);

// Whether a reset belongs to a window that is worth waiting for (true) or to switch away from.
// Providers' per-minute windows reset within ROUTE_WAIT_MS_MAX.
enum { ROUTE_WAIT_MS_MAX = 90 * 1000 };

// Delay before attempt `attempt` (0 = the first retry) on the same backend: what the answer asked
// for (retry-after, at most ROUTE_WAIT_MS_MAX), else 0.5 s doubled to 8 s; up to a quarter is taken
// away by `random` (any 32 bits), never below what was asked for. The rule of the providers' own
// SDKs.
int64_t route_retry_delay_ms(const struct route_limits *l, unsigned attempt, uint32_t random);
