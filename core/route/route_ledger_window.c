// One window: readings, our own counts, rates.
#include "core/route/route_ledger_impl.h"

#include <math.h>
#include <string.h>

// How fast rates forget, for windows that last minutes and for those that last hours.
enum { TAU_SHORT_MS = 20 * 1000, TAU_LONG_MS = 20 * 60 * 1000, MINUTE_MS = 60 * 1000 };
// A share per dollar is believed once it rests on so much of the window, and forgets beyond.
static const double SHARE_LEARNED = .02, SHARE_KEPT = .25;
static const double MEAN_WEIGHT = .15; // of the newest request in the mean size
static const double DEVIATIONS = 6;    // mean ones, beyond the mean, that one request may need:
                                       // sizes of requests have a long tail
static const double SHARE_STEP = .01;  // of a share, until finer ones were seen

enum route_unit ledger_unit_of(const char *window, bool counted) {
    if (!counted)
        return ROUTE_UNIT_SHARE;
    if (strncmp(window, "input", 5) == 0)
        return ROUTE_UNIT_TOKENS_IN;
    if (strncmp(window, "output", 6) == 0)
        return ROUTE_UNIT_TOKENS_OUT;
    return strstr(window, "token") ? ROUTE_UNIT_TOKENS : ROUTE_UNIT_REQUESTS;
}

bool ledger_window_concerns(const struct window *w, const char *model) {
    const char *of = strchr(w->name, '_');
    return !of || !model || strstr(model, of + 1) != NULL;
}

double ledger_units(const struct window *w, const struct route_spend *s) {
    switch (w->unit) {
    case ROUTE_UNIT_REQUESTS:
        return s->requests;
    case ROUTE_UNIT_TOKENS:
        return s->tokens_in + s->tokens_out;
    case ROUTE_UNIT_TOKENS_IN:
        return s->tokens_in;
    case ROUTE_UNIT_TOKENS_OUT:
        return s->tokens_out;
    default:
        return s->usd * w->per_usd;
    }
}

bool ledger_window_short(const struct window *w, int64_t now_ms) {
    if (w->length_ms >= 0)
        return w->length_ms <= ROUTE_SHORT_WINDOW_MS;
    // Nothing but the reset is known: one that was never far away is a short one.
    return w->reset_ms < 0 ? w->unit != ROUTE_UNIT_SHARE
                           : w->reset_ms - now_ms <= ROUTE_SHORT_WINDOW_MS;
}

int64_t ledger_window_end(const struct window *w) {
    if (w->reset_ms >= 0)
        return w->reset_ms;
    if (w->read_ms < 0)
        return -1;
    return w->read_ms + (w->length_ms >= 0             ? w->length_ms
                         : w->unit == ROUTE_UNIT_SHARE ? ROUTE_BACKOFF_MS_MAX
                                                       : MINUTE_MS);
}

static double tau_of(const struct window *w, int64_t now_ms) {
    return ledger_window_short(w, now_ms) ? TAU_SHORT_MS : TAU_LONG_MS;
}

static double faded(const struct window *w, int64_t now_ms, double tau) {
    return w->rate_ms >= 0 && now_ms > w->rate_ms ? exp((double)(w->rate_ms - now_ms) / tau) : 1;
}

// Adds units to the rates: exponential kernel, so that bursts and pauses need no sampling interval.
static void burn(struct window *w, double units, bool others, int64_t now_ms) {
    double tau = tau_of(w, now_ms), keep = faded(w, now_ms, tau);
    w->rate = w->rate * keep + units / tau;
    w->other = w->other * keep + (others ? units / tau : 0);
    if (w->since_ms < 0)
        w->since_ms = now_ms;
    w->rate_ms = now_ms;
}

// The kernel has not seen its whole width in the beginning.
static double unbiased(const struct window *w, double rate, int64_t now_ms) {
    double tau = tau_of(w, now_ms);
    if (w->since_ms < 0 || rate <= 0)
        return 0;
    double seen = 1 - exp(-(double)(now_ms - w->since_ms) / tau);
    return rate * faded(w, now_ms, tau) / fmax(seen, .05);
}

double ledger_window_rate(const struct window *w, int64_t now_ms) {
    return unbiased(w, w->rate, now_ms);
}

double ledger_window_now(const struct window *w, int64_t now_ms) {
    double since = w->read_ms >= 0 && now_ms > w->read_ms ? (double)(now_ms - w->read_ms) : 0;
    return w->used + unbiased(w, w->other, now_ms) * since;
}

double ledger_window_need(const struct window *w, const struct route_spend *expected) {
    if (w->unit == ROUTE_UNIT_REQUESTS)
        return expected->requests;
    double usual = w->mean + DEVIATIONS * w->deviation;
    return fmax(ledger_units(w, expected), usual) + (w->unit == ROUTE_UNIT_SHARE ? w->step : 0);
}

void ledger_window_roll(struct account *a, struct window *w, int64_t now_ms) {
    int64_t end = ledger_window_end(w);
    if (end < 0 || now_ms < end)
        return;
    if (w->rejected || (w->reset_ms < 0 && !w->declared && w->used >= w->limit))
        a->probing = true;
    w->rejected = false;
    w->used = w->own = w->own_usd = 0;
    w->reset_ms = w->read_ms = -1;
}

static void learn_share(struct window *w, double more) {
    w->sum_share += more;
    w->sum_usd += w->own_usd;
    if (w->sum_share >= SHARE_LEARNED && w->sum_usd > 0)
        w->per_usd = w->sum_share / w->sum_usd;
    if (w->sum_share > SHARE_KEPT) {
        w->sum_share /= 2;
        w->sum_usd /= 2;
    }
}

void ledger_window_read(struct window *w, const struct route_limit *said, int64_t now_ms) {
    bool counted = !isnan(said->remaining) && (!isnan(said->limit) || w->limit > 0);
    bool share = !isnan(said->used_share);
    if (!counted && !share && !said->rejected)
        return;
    enum route_unit unit = ledger_unit_of(w->name, counted);
    if (counted || share) {
        if (unit != w->unit)
            w->used = w->own = w->rate = w->other = 0;
        w->unit = unit;
    }
    double limit = counted ? (isnan(said->limit) ? w->limit : said->limit) : 1;
    double used = counted ? fmax(limit - said->remaining, 0) : share ? said->used_share : w->limit;
    if (said->rejected && used < limit)
        used = limit;
    double more = used - (w->used - w->own);
    bool same = w->read_ms >= 0 && more >= 0 && w->limit == limit;
    if (same && w->unit == ROUTE_UNIT_SHARE) {
        if (more > 0 && more < w->step)
            w->step = fmax(more, 1e-6);
        bool ours = w->own_usd > 0; // then all of it is laid to us: rather too careful
        if (ours)
            learn_share(w, more);
        if (more > 0)
            burn(w, fmax(more - w->own, 0), !ours, now_ms);
    } else if (same && more > w->own) {
        burn(w, more - w->own, true, now_ms);
    }
    w->limit = limit;
    w->used = used;
    w->own = 0;
    w->own_usd = 0;
    w->read_ms = now_ms;
    w->rejected = said->rejected;
    if (said->reset_ms >= 0)
        w->reset_ms = said->reset_ms;
    if (said->length_ms >= 0)
        w->length_ms = said->length_ms;
}

void ledger_window_spend(struct window *w, const struct route_spend *used, int64_t now_ms) {
    double units = ledger_units(w, used);
    w->own_usd += used->usd;
    if (w->declared && w->read_ms < 0) {
        w->read_ms = now_ms;
        w->reset_ms = now_ms + w->length_ms;
    }
    if (units <= 0)
        return;
    w->used += units;
    w->own += units;
    burn(w, units, false, now_ms);
    double off = fabs(units - w->mean);
    if (w->mean <= 0) {
        w->mean = units;
        w->deviation = units / 2;
    } else {
        w->mean += MEAN_WEIGHT * (units - w->mean);
        w->deviation += MEAN_WEIGHT * (off - w->deviation);
    }
}

struct window *ledger_window(struct account *a, const char *name, bool make) {
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->windows[i].name, name) == 0)
            return &a->windows[i];
    if (!make || a->count == ROUTE_WINDOWS_MAX)
        return NULL;
    struct window *w = &a->windows[a->count++];
    *w = (struct window){.unit = ROUTE_UNIT_SHARE,
                         .limit = 1,
                         .step = SHARE_STEP,
                         .since_ms = -1,
                         .rate_ms = -1,
                         .reset_ms = -1,
                         .length_ms = -1,
                         .read_ms = -1};
    memcpy(w->name, name, strlen(name) + 1);
    return w;
}
