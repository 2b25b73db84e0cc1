// The ledger as rows of a table, and back.
#include "core/route/route_ledger_impl.h"

#include <math.h>
#include <string.h>

static void window_row(const struct account *a, const struct window *w, struct route_row *r) {
    *r = (struct route_row){.kind = ROUTE_ROW_WINDOW,
                            .unit = w->unit,
                            .declared = w->declared,
                            .rejected = w->rejected,
                            .limit = w->limit,
                            .used = w->used,
                            .rate = w->rate,
                            .other_rate = w->other,
                            .per_usd = w->per_usd,
                            .step = w->step,
                            .mean = w->mean,
                            .deviation = w->deviation,
                            .reset_ms = w->reset_ms,
                            .length_ms = w->length_ms,
                            .read_ms = w->read_ms};
    memcpy(r->account, a->name, sizeof r->account);
    memcpy(r->name, w->name, sizeof w->name);
}

static void account_row(const struct account *a, struct route_row *r) {
    *r = (struct route_row){.kind = ROUTE_ROW_ACCOUNT,
                            .rejected = a->blocked,
                            .declared = a->probing,
                            .reset_ms = a->wait_ms,
                            .until_ms = a->until_ms,
                            .backoff_ms = a->backoff_ms};
    memcpy(r->account, a->name, sizeof r->account);
}

static void breaker_row(const struct breaker_slot *b, struct route_row *r) {
    *r = (struct route_row){.kind = ROUTE_ROW_BREAKER,
                            .failures = b->breaker.failures,
                            .until_ms = b->breaker.until_ms,
                            .backoff_ms = b->breaker.backoff_ms};
    memcpy(r->account, b->account, sizeof r->account);
    memcpy(r->name, b->model, sizeof r->name);
}

bool route_ledger_row(const struct route_ledger *l, size_t *cursor, struct route_row *ret) {
    size_t at = (*cursor)++;
    for (size_t i = 0; i < l->account_count; i++) {
        const struct account *a = &l->accounts[i];
        if (at == 0) {
            account_row(a, ret);
            return true;
        }
        at--;
        if (at < a->count) {
            window_row(a, &a->windows[at], ret);
            return true;
        }
        at -= a->count;
    }
    if (at < l->breaker_count) {
        breaker_row(&l->breakers[at], ret);
        return true;
    }
    return false;
}

static bool time_fits(int64_t ms) {
    return ms >= -1 && ms < INT64_C(1) << 53;
}
static bool figure_fits(double x) {
    return isfinite(x) && x >= 0 && x < 1e18;
}

static bool row_fits(const struct route_row *r) {
    if (!ledger_name_fits(r->account, ROUTE_NAME_BYTES_MAX) || !time_fits(r->reset_ms) ||
        !time_fits(r->length_ms) || !time_fits(r->read_ms) || !time_fits(r->until_ms) ||
        !time_fits(r->backoff_ms) || r->backoff_ms > ROUTE_BACKOFF_MS_MAX)
        return false;
    switch (r->kind) {
    case ROUTE_ROW_WINDOW:
        return ledger_name_fits(r->name, ROUTE_WINDOW_NAME_BYTES_MAX) &&
               (unsigned)r->unit <= ROUTE_UNIT_SHARE && figure_fits(r->limit) &&
               figure_fits(r->used) && figure_fits(r->rate) && figure_fits(r->other_rate) &&
               figure_fits(r->per_usd) && figure_fits(r->step) && figure_fits(r->mean) &&
               figure_fits(r->deviation) && (!r->declared || (r->limit > 0 && r->length_ms > 0));
    case ROUTE_ROW_ACCOUNT:
        return true;
    case ROUTE_ROW_BREAKER:
        return ledger_name_fits(r->name, ROUTE_NAME_BYTES_MAX) && r->failures >= 0 &&
               r->failures <= ROUTE_BREAKER_FAILURES && r->until_ms >= 0;
    default:
        return false;
    }
}

static void take_window(struct window *w, const struct route_row *r) {
    w->unit = r->unit;
    w->declared = r->declared;
    w->rejected = r->rejected;
    w->limit = r->limit;
    w->used = r->used;
    w->rate = r->rate;
    w->other = r->other_rate;
    w->per_usd = r->per_usd;
    w->step = r->step;
    w->mean = r->mean;
    w->deviation = r->deviation;
    w->reset_ms = r->reset_ms;
    w->length_ms = r->length_ms;
    w->read_ms = w->rate_ms = r->read_ms;
    w->since_ms = r->read_ms < 0 ? -1 : 0; // the rates were in their stride
}

int route_ledger_restore(struct route_ledger *l, const struct route_row *r, struct err *err) {
    if (!row_fits(r))
        return err_set(err, ERR_INVAL, "a row of the quota ledger cannot be: it is left out");
    if (r->kind == ROUTE_ROW_BREAKER) {
        struct breaker_slot *b = ledger_breaker(l, r->account, r->name, true);
        b->breaker = (struct route_breaker){
            .failures = (int)r->failures, .until_ms = r->until_ms, .backoff_ms = r->backoff_ms};
        return 0;
    }
    struct account *a = ledger_account(l, r->account, true);
    struct window *w = a && r->kind == ROUTE_ROW_WINDOW ? ledger_window(a, r->name, true) : NULL;
    if (!a || (!w && r->kind == ROUTE_ROW_WINDOW))
        return err_set(err, ERR_LIMIT, "no room for another account or quota");
    if (w) {
        take_window(w, r);
        return 0;
    }
    a->blocked = r->rejected;
    a->probing = r->declared;
    a->wait_ms = r->reset_ms > 0 ? r->reset_ms : 0;
    a->until_ms = r->until_ms;
    a->backoff_ms = r->backoff_ms;
    return 0;
}
