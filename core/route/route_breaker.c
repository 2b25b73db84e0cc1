#include "core/route/route_breaker.h"

int64_t route_backoff_next_ms(int64_t before) {
    if (before < ROUTE_BACKOFF_MS_MIN)
        return before <= 0 ? ROUTE_BACKOFF_MS_MIN : ROUTE_BACKOFF_MS_MIN * INT64_C(2);
    return before < ROUTE_BACKOFF_MS_MAX / 2 ? before * 2 : ROUTE_BACKOFF_MS_MAX;
}

enum route_breaker_state route_breaker_state(const struct route_breaker *b, int64_t now_ms) {
    if (b->until_ms == 0)
        return ROUTE_BREAKER_CLOSED;
    return now_ms < b->until_ms ? ROUTE_BREAKER_OPEN : ROUTE_BREAKER_HALF_OPEN;
}

bool route_breaker_allows(const struct route_breaker *b, int64_t now_ms) {
    switch (route_breaker_state(b, now_ms)) {
    case ROUTE_BREAKER_CLOSED:
        return true;
    case ROUTE_BREAKER_OPEN:
        return false;
    default:
        return b->probe_ms == 0 || now_ms - b->probe_ms >= ROUTE_PROBE_LOST_MS;
    }
}

void route_breaker_begin(struct route_breaker *b, int64_t now_ms) {
    if (route_breaker_state(b, now_ms) == ROUTE_BREAKER_HALF_OPEN)
        b->probe_ms = now_ms;
}

static void open_for(struct route_breaker *b, int64_t ms, int64_t now_ms) {
    b->backoff_ms = ms;
    b->until_ms = now_ms + ms;
    b->probe_ms = 0;
}

void route_breaker_end(struct route_breaker *b, enum route_fault fault, int64_t now_ms) {
    switch (fault) {
    case ROUTE_FAULT_MODEL:
        b->failures = ROUTE_BREAKER_FAILURES;
        open_for(b, ROUTE_BACKOFF_MS_MAX, now_ms);
        return;
    case ROUTE_FAULT_OVERLOADED:
    case ROUTE_FAULT_SERVER:
    case ROUTE_FAULT_TIMEOUT:
        break;
    default:
        *b = (struct route_breaker){0};
        return;
    }
    enum route_breaker_state state = route_breaker_state(b, now_ms);
    if (b->failures < ROUTE_BREAKER_FAILURES)
        b->failures++;
    if (state == ROUTE_BREAKER_OPEN) // requests that were under way when it opened
        return;
    if (state == ROUTE_BREAKER_HALF_OPEN || b->failures >= ROUTE_BREAKER_FAILURES)
        open_for(b, route_backoff_next_ms(b->backoff_ms), now_ms);
}

void route_breaker_cancel(struct route_breaker *b) {
    b->probe_ms = 0;
}
