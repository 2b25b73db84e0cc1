// Circuit breaker of one (account, model): after a few failures in a row nothing is sent for a
// while, then one request tries (half open); its success closes, its failure doubles the time. A
// plain value, no allocation; the clock is the caller's. One owner. Source: M. Nygard, "Release
// It!", circuit breaker; times as in the design of the router.
#pragma once

#include "core/route/route_limits.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ROUTE_BREAKER_FAILURES = 3,            // in a row, until it opens
    ROUTE_BACKOFF_MS_MIN = 5 * 60 * 1000,  // first time closed out
    ROUTE_BACKOFF_MS_MAX = 60 * 60 * 1000, // last
    ROUTE_PROBE_LOST_MS = 10 * 60 * 1000   // a try that never reported back is forgotten
};

enum route_breaker_state { ROUTE_BREAKER_CLOSED, ROUTE_BREAKER_OPEN, ROUTE_BREAKER_HALF_OPEN };

struct route_breaker {
    int failures;       // in a row
    int64_t until_ms;   // open until then; 0 when closed
    int64_t backoff_ms; // of the present opening; 0 when closed
    int64_t probe_ms;   // since when a try is under way; 0 when none is
};

enum route_breaker_state route_breaker_state(const struct route_breaker *b, int64_t now_ms);
// Whether a request may go: closed, or half open with no other try under way.
bool route_breaker_allows(const struct route_breaker *b, int64_t now_ms);
// Tell it before sending and after the answer. Faults that are not the backend's (a request that is
// wrong or too long, a quota) count as a sign of life. An unknown model opens it at once for the
// longest time.
void route_breaker_begin(struct route_breaker *b, int64_t now_ms);
void route_breaker_end(struct route_breaker *b, enum route_fault fault, int64_t now_ms);
// The try was given up by us (cancelled): neither success nor failure.
void route_breaker_cancel(struct route_breaker *b);

// Twice `before`, kept between the two bounds.
int64_t route_backoff_next_ms(int64_t before);
