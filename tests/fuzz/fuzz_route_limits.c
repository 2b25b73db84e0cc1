// An answer of any bytes: lines "name: value" up to an empty one, then what its body says about
// waiting; the first byte chooses the fault. Nothing crashes, no figure leaves its bounds, and what
// is read once is read the same twice; a ledger that takes it stays within its own bounds and can
// be written and taken back.
#include "core/route/route_ledger.h"
#include "core/route/route_limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOW = 1000000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t read_headers(struct route_limits *l, const char *s, size_t n) {
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(s + at, '\n', n - at);
        size_t len = end ? (size_t)(end - (s + at)) : n - at;
        const char *colon = memchr(s + at, ':', len);
        if (len == 0)
            return at + 1;
        if (colon)
            route_limits_header(l, s + at, (size_t)(colon - (s + at)), colon + 1,
                                len - (size_t)(colon - (s + at)) - 1, NOW);
        at += len + (end != NULL);
    }
    return n;
}

static void check(const struct route_limits *l) {
    int64_t far = NOW + INT64_C(401) * 86400 * 1000;
    if (l->count > ROUTE_LIMITS_MAX || l->retry_after_ms < -1 || l->retry_after_ms > far)
        abort();
    for (size_t i = 0; i < l->count; i++) {
        const struct route_limit *w = &l->items[i];
        if (strnlen(w->window, sizeof w->window) == sizeof w->window || w->window[0] == '\0' ||
            w->reset_ms > far || w->limit < 0 || w->remaining < 0)
            abort();
    }
}

static void feed_ledger(const struct route_limits *limits, enum route_fault fault) {
    static const struct route_spend spend = {1, 1000, 100, .01};
    struct route_ledger *l, *copy;
    struct route_standing s;
    struct route_row row;
    if (route_ledger_new(&l, NULL) < 0 || route_ledger_new(&copy, NULL) < 0)
        abort();
    for (int64_t at = NOW; at < NOW + 3 * 60000; at += 60000) {
        uint64_t ticket;
        if (route_ledger_begin(l, "a", "m", &spend, at, &ticket, NULL) < 0)
            abort();
        route_ledger_end(l, ticket, &spend, limits, fault, at + 10);
        route_ledger_standing(l, "a", "m", &spend, at + 20, &s);
        if (!(s.headroom >= 0 && s.headroom <= 1) || (s.usable && s.state > ROUTE_STATE_PROBING))
            abort();
    }
    for (size_t cursor = 0; route_ledger_row(l, &cursor, &row);)
        if (route_ledger_restore(copy, &row, NULL) < 0)
            abort();
    route_ledger_free(l);
    route_ledger_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct route_limits l, again;
    if (n == 0)
        return 0;
    const char *s = (const char *)data + 1;
    route_limits_init(&l);
    size_t body = read_headers(&l, s, n - 1);
    route_limits_finish(&l, NOW);
    check(&l);
    again = l;
    enum route_fault told = (enum route_fault)(data[0] % ROUTE_FAULTS);
    int64_t wait = -1, end = 0;
    if (n - 1 - body >= 16) { // what a body may say
        memcpy(&wait, s + body, 8);
        memcpy(&end, s + body + 8, 8);
    }
    enum route_fault fault = route_limits_judge(&l, told, wait, end, NOW);
    if ((unsigned)fault >= ROUTE_FAULTS ||
        fault != route_limits_judge(&again, told, wait, end, NOW))
        abort();
    check(&l);
    feed_ledger(&l, fault);
    return 0;
}
