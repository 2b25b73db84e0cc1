// Quotas in time: simulated providers of three header families, with other users on half of the
// accounts, requests of very different sizes and some at the same time. The ledger has to leave
// before the 429, not much too early, and to come back when the window begins anew.
#include "core/route/route_ledger.h"
#include "tests/unit/route/tests.h"

#include <math.h>

enum { WINDOWS = 300, UNDER_WAY_MAX = 3 };
enum family { PLAN, CODEX, KEY };

struct provider {
    enum family family;
    double limit, used;    // dollars, or tokens
    int64_t length, reset; // 0: begins with the next request
};

static void begin_anew(struct provider *p, int64_t now) {
    if (p->reset && now >= p->reset) {
        p->used = 0;
        p->reset = 0;
    }
}

// What a provider does with a request, and what it writes above its answer.
static enum route_fault serve(struct provider *p, double units, int64_t now,
                              struct route_limits *limits) {
    char text[64];
    begin_anew(p, now);
    if (!p->reset)
        p->reset = now + p->length;
    bool refused = p->used + units > p->limit;
    if (!refused)
        p->used += units;
    double share = refused ? 1 : p->used / p->limit;
    route_limits_init(limits);
#define SAY(name, ...)                                                                             \
    (void)snprintf(text, sizeof text, __VA_ARGS__);                                                \
    route_limits_header(limits, name, strlen(name), text, strlen(text), now)
    switch (p->family) {
    case PLAN:
        SAY("anthropic-ratelimit-unified-5h-utilization", "%.2f", floor(share * 100) / 100);
        SAY("anthropic-ratelimit-unified-5h-reset", "%lld", (long long)(p->reset / 1000));
        SAY("anthropic-ratelimit-unified-5h-status", refused ? "rejected" : "allowed");
        break;
    case CODEX:
        SAY("x-codex-primary-used-percent", "%.0f", floor(share * 100));
        SAY("x-codex-primary-window-minutes", "%lld", (long long)(p->length / MINUTE));
        SAY("x-codex-primary-reset-after-seconds", "%lld", (long long)((p->reset - now) / 1000));
        break;
    case KEY:
        SAY("x-ratelimit-limit-tokens", "%.0f", p->limit);
        SAY("x-ratelimit-remaining-tokens", "%.0f", refused ? 0 : p->limit - p->used);
        SAY("x-ratelimit-reset-tokens", "%lldms", (long long)(p->reset - now));
        break;
    }
#undef SAY
    route_limits_finish(limits, now);
    return route_limits_judge(limits, refused ? ROUTE_FAULT_RATE : ROUTE_FAULT_NONE, -1, 0, now);
}

struct under_way {
    uint64_t ticket;
    struct route_spend used;
    int64_t ends;
};

struct result {
    int windows, foreseen, late_returns, failed_returns;
    double left;
};

struct world {
    struct provider provider;
    struct route_ledger *ledger;
    struct dice dice;
    struct under_way running[UNDER_WAY_MAX];
    int64_t left_at;       // when it was left, 0 while it is used
    double others;         // median of what others use at a time; 0: nobody
    bool refused, settled; // in this window
    struct result result;
};

static double units_of(const struct world *w, const struct route_spend *s) {
    return w->provider.family == KEY ? s->tokens_in + s->tokens_out : s->usd;
}

static void finish(struct world *w, struct under_way *u, int64_t now) {
    struct route_limits limits;
    enum route_fault fault = serve(&w->provider, units_of(w, &u->used), now, &limits);
    static const struct route_spend nothing = {0};
    if (fault != ROUTE_FAULT_NONE)
        w->refused = true;
    route_ledger_end(w->ledger, u->ticket, fault == ROUTE_FAULT_NONE ? &u->used : &nothing, &limits,
                     fault, now);
    u->ticket = 0;
}

static struct route_spend some_request(struct world *w, struct route_spend *expected) {
    double in = fmin(dice_lognormal(&w->dice, 20000, .8), 180000);
    double out = fmin(dice_lognormal(&w->dice, 800, 1), 16000);
    *expected = (struct route_spend){1, in, 1200, in * 3e-6 + 1200 * 15e-6};
    return (struct route_spend){1, in, out, in * 3e-6 + out * 15e-6};
}

// A window is over for us when we leave it (foreseen) or are refused (not).
static void settle(struct world *w, bool foreseen) {
    if (w->settled)
        return;
    w->settled = true;
    w->result.windows++;
    w->result.foreseen += foreseen;
    if (foreseen)
        w->result.left += 1 - w->provider.used / w->provider.limit;
}

static void step(struct world *w, int64_t now) {
    struct route_standing s;
    struct route_spend expected, actual;
    for (int i = 0; i < UNDER_WAY_MAX; i++)
        if (w->running[i].ticket && w->running[i].ends <= now)
            finish(w, &w->running[i], now);
    if (w->refused && !w->left_at)
        settle(w, false);
    begin_anew(&w->provider, now);
    if (w->others > 0 && dice_unit(&w->dice) < .01) {
        double more = dice_lognormal(&w->dice, w->others, .5);
        if (w->provider.reset && w->provider.used + more < w->provider.limit)
            w->provider.used += more;
    }
    if (dice_unit(&w->dice) >= .04) // a request every 25 s in the mean
        return;
    actual = some_request(w, &expected);
    route_ledger_standing(w->ledger, "a", "m", &expected, now, &s);
    if (!s.usable) {
        if (s.state == ROUTE_STATE_SPENT && !w->left_at) {
            w->left_at = now;
            settle(w, !w->refused);
        }
        return;
    }
    for (int i = 0; i < UNDER_WAY_MAX; i++)
        if (!w->running[i].ticket) {
            assert_int_equal(route_ledger_begin(w->ledger, "a", "m", &expected, now,
                                                &w->running[i].ticket, NULL),
                             0);
            w->running[i].used = actual;
            w->running[i].ends = now + 5000 + (int64_t)(dice_unit(&w->dice) * 20000);
            return;
        }
}

// When everything is quiet after leaving: is it usable within five seconds of the reset, and not
// before?
static void come_back(struct world *w, int64_t *now) {
    struct route_standing s;
    struct route_limits limits;
    struct route_spend usual = {1, 1000, 100, .0045};
    uint64_t ticket;
    for (int i = 0; i < UNDER_WAY_MAX; i++)
        if (w->running[i].ticket)
            finish(w, &w->running[i], *now);
    int64_t reset = w->provider.reset;
    *now = reset + 5000 > *now ? reset + 5000 : *now;
    route_ledger_standing(w->ledger, "a", "m", &usual, *now, &s);
    w->result.late_returns += !s.usable;
    if (s.usable) {
        assert_int_equal(route_ledger_begin(w->ledger, "a", "m", &usual, *now, &ticket, NULL), 0);
        enum route_fault fault = serve(&w->provider, units_of(w, &usual), *now, &limits);
        route_ledger_end(w->ledger, ticket, &usual, &limits, fault, *now);
        w->result.failed_returns += fault != ROUTE_FAULT_NONE;
    }
    w->left_at = 0;
    w->refused = w->settled = false;
}

static struct result simulate(enum family family, double others, uint64_t seed) {
    static const struct provider providers[] = {
        [PLAN] = {.family = PLAN, .limit = 20, .length = 5 * (int64_t)HOUR},
        [CODEX] = {.family = CODEX, .limit = 15, .length = 5 * (int64_t)HOUR},
        [KEY] = {.family = KEY, .limit = 4e6, .length = 24 * (int64_t)HOUR}};
    struct world w = {.provider = providers[family], .dice = {seed}};
    w.others = others * w.provider.limit;
    assert_int_equal(route_ledger_new(&w.ledger, NULL), 0);
    int64_t now = NOON;
    while (w.result.windows < WINDOWS) {
        now += 1000;
        step(&w, now);
        if (w.left_at || w.settled)
            come_back(&w, &now);
    }
    route_ledger_free(w.ledger);
    return w.result;
}

static void exhaustion_is_foreseen(void **state) {
    (void)state;
    static const char *const names[] = {"plan", "codex", "key"};
    for (int family = PLAN; family <= KEY; family++)
        for (int crowd = 0; crowd < 2; crowd++) {
            struct result r = simulate((enum family)family, crowd ? .002 : 0, 7 + (uint64_t)family);
            double foreseen = (double)r.foreseen / r.windows, left = r.left / fmax(r.foreseen, 1);
            print_message("%s%s: %d windows, foreseen %.3f, left unused %.3f, back late %d, "
                          "refused after the return %d\n",
                          names[family], crowd ? ", shared" : "", r.windows, foreseen, left,
                          r.late_returns, r.failed_returns);
            if (foreseen < .95 || left > .08 || r.late_returns || r.failed_returns)
                fail_msg("%s%s: not good enough", names[family], crowd ? ", shared" : "");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(exhaustion_is_foreseen)};
    return cmocka_run_group_tests_name("route/ledger_sim", tests, NULL, NULL);
}
