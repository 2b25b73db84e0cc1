// Budgets: of a day and of a month, for all workspaces together (settings) and for one alone
// (core/store/budgets.h). Whichever has least left counts.
//
// What was spent is in the store; what was answered since the plan was read, and what requests that
// are under way are expected to cost, is in purses of the loop. So requests at once cannot each
// take the last dollar: beyond a budget goes only what they cost more than was expected of them. A
// cost is in one of the two at least, and for a moment in both: never in neither.
//
// As they fill: a warning when four fifths are gone, another when nothing is left. Each is told
// once, by the request that crosses the line: what was spent before is in the store, so it stays so
// after a restart.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/budgets.h"
#include "core/store/usage.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS  (24LL * 3600 * 1000)
#define MILLION 1000000

// --- what there is, within a transaction

static int read_limits(struct db *db, const struct conf *conf, const char *workspace,
                       struct model_limit ret[MODEL_LIMITS_MAX], size_t *ret_count,
                       struct err *err) {
    struct budget own = {0};
    int r = workspace ? budget_get(db, workspace, &own, err) : 0;
    const struct model_limit all[MODEL_LIMITS_MAX] = {
        {.limit = conf_int(conf, "models.budget_day_usd") * MILLION},
        {.limit = conf_int(conf, "models.budget_month_usd") * MILLION, .month = true},
        {.limit = own.day, .own = true},
        {.limit = own.month, .month = true, .own = true}};
    *ret_count = 0;
    for (size_t i = 0; r == 0 && i < MODEL_LIMITS_MAX; i++)
        if (all[i].limit)
            ret[(*ret_count)++] = all[i];
    return r;
}

static int read_spent(struct db *db, const char *workspace, int64_t at_ms, struct model_limit *l,
                      struct err *err) {
    struct usage_sum sum = {0};
    int64_t since_ms = l->month ? usage_month_start(at_ms) : at_ms - at_ms % DAY_MS;
    int r = usage_total_of(db, l->own ? workspace : NULL, since_ms, at_ms, &sum, err);
    l->spent = sum.cost;
    return r;
}

// "the budget of this day for this folder ($0.50)"
static void put_name(const struct model_limit *l, char *out, size_t n) {
    bool cents = l->limit % 10000 == 0;
    (void)snprintf(out, n, "the budget of this %s for %s ($%lld.%0*lld)",
                   l->month ? "month" : "day", l->own ? "this folder" : "all folders",
                   (long long)(l->limit / MILLION), cents ? 2 : 4,
                   (long long)(l->limit % MILLION / (cents ? 10000 : 100)));
}

// What to do.
static void put_advice(const struct model_limit *l, char *out, size_t n) {
    (void)snprintf(
        out, n,
        "paired budget%s --%s DOLLARS raises it; else it begins anew at 00:00 UTC%s, and "
        "backends on this machine go on",
        l->own ? " --workspace ." : "", l->month ? "month" : "day",
        l->month ? " of the first" : "");
}

int model_budget_read(struct db *db, const struct conf *conf, struct model_plan *p,
                      struct err *err) {
    int64_t now_ms = model_now_ms();
    char name[96], advice[160];
    int r = read_limits(db, conf, p->workspace, p->limits, &p->limit_count, err);
    for (size_t i = 0; r == 0 && i < p->limit_count; i++) {
        struct model_limit *l = &p->limits[i];
        r = read_spent(db, p->workspace, now_ms, l, err);
        if (r < 0 || l->spent < l->limit || p->spent[0])
            continue;
        put_name(l, name, sizeof name);
        put_advice(l, advice, sizeof advice);
        (void)snprintf(p->spent, sizeof p->spent, "%s is spent: %s", name, advice);
    }
    return r;
}

static void warn(const struct model_limit *l, int64_t cost) {
    int64_t before = l->spent - cost, at = l->limit / 100 * MODEL_BUDGET_WARN_PERCENT;
    const char *period = l->month ? "month" : "day", *of = l->own ? " for one folder" : "";
    long long cents = (long long)(l->limit / 10000);
    if (before < l->limit && l->spent >= l->limit)
        log_line(LOG_WARN, "models",
                 "the budget of this %s%s is spent, limit_usd=%lld.%02lld: backends that cost "
                 "something are not asked until the next (paired budget)",
                 period, of, cents / 100, cents % 100);
    else if (before < at && l->spent >= at)
        log_line(LOG_WARN, "models",
                 "%d %% of the budget of this %s%s are spent, limit_usd=%lld.%02lld",
                 MODEL_BUDGET_WARN_PERCENT, period, of, cents / 100, cents % 100);
}

int model_budget_note(struct db *db, const struct conf *conf, const char *workspace, int64_t at_ms,
                      int64_t cost, struct err *err) {
    struct model_limit limits[MODEL_LIMITS_MAX];
    size_t count = 0;
    int r = cost > 0 ? read_limits(db, conf, workspace, limits, &count, err) : 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = read_spent(db, workspace, at_ms, &limits[i], err);
        if (r == 0)
            warn(&limits[i], cost);
    }
    return r;
}

// --- purses, on the loop

static struct model_purse *find_purse(struct models *m, const char *workspace) {
    for (size_t i = 0; workspace && i < MODEL_PURSES_MAX; i++)
        if (m->purses[i].workspace && strcmp(m->purses[i].workspace, workspace) == 0)
            return &m->purses[i];
    return NULL;
}

// One that is free, or else one of which all is in the store: plans that were made before that was
// counted go with it.
static struct model_purse *spare_purse(struct models *m) {
    struct model_purse *spare = NULL;
    for (size_t i = 0; i < MODEL_PURSES_MAX; i++) {
        struct model_purse *p = &m->purses[i];
        if (!p->workspace)
            return p;
        if (!spare && p->reserved == 0 && p->spent == p->written)
            spare = p;
    }
    for (size_t i = 0; spare && i < MODEL_PLANS_MAX; i++)
        if (m->plans[i] && m->plans[i]->workspace &&
            strcmp(m->plans[i]->workspace, spare->workspace) == 0) {
            model_plan_unref(m->plans[i]);
            m->plans[i] = NULL;
        }
    return spare;
}

// The one of this workspace, made when there is room. NULL: it has none. A new one begins with what
// no earlier one can have got beyond.
static struct model_purse *purse_of(struct models *m, const char *workspace) {
    struct model_purse *found = find_purse(m, workspace);
    if (found || !workspace)
        return found;
    char *copy = mem_strdup(workspace);
    struct model_purse *p = copy ? spare_purse(m) : NULL;
    if (!p) {
        mem_free(copy);
        return NULL;
    }
    int64_t begun = m->purse.written;
    mem_free(p->workspace);
    *p = (struct model_purse){.workspace = copy, .spent = begun, .written = begun, .begun = begun};
    return p;
}

void model_purses_done(struct models *m) {
    for (size_t i = 0; i < MODEL_PURSES_MAX; i++)
        mem_free(m->purses[i].workspace);
}

void model_budget_release(struct model_run *run) {
    struct model_purse *own = run->reserved_own ? purse_of(run->m, run->workspace) : NULL;
    run->m->purse.reserved -= run->reserved;
    if (own) // it stays while something is set aside in it
        own->reserved -= run->reserved;
    run->reserved = 0;
    run->reserved_own = false;
}

void model_budget_reserve(struct model_run *run) {
    model_budget_release(run);
    run->reserved = (int64_t)(run->expected.usd * MILLION);
    struct model_purse *own = run->reserved ? purse_of(run->m, run->workspace) : NULL;
    run->m->purse.reserved += run->reserved;
    run->reserved_own = own != NULL;
    if (own)
        own->reserved += run->reserved;
}

void model_budget_spend(struct model_run *run, int64_t cost) {
    model_budget_release(run);
    struct model_purse *own = purse_of(run->m, run->workspace);
    run->m->purse.spent += cost;
    if (own)
        own->spent += cost;
}

void model_budget_written(struct models *m, const char *workspace, int64_t cost) {
    m->purse.written += cost;
    for (size_t i = 0; workspace && i < MODEL_PURSES_MAX; i++) {
        struct model_purse *p = &m->purses[i];
        if (p->workspace && strcmp(p->workspace, workspace) == 0) // what it never had is not taken
            p->written += cost < p->spent - p->written ? cost : p->spent - p->written;
    }
}

// Before a plan is read: what is written up to now will be in it.
void model_budget_mark(struct model_run *run) {
    const struct model_purse *own = purse_of(run->m, run->workspace);
    run->written[0] = run->m->purse.written;
    run->written[1] = own ? own->written : 0;
}

// Spent of a limit of the plan by now, with what is under way.
static int64_t spent_of(struct model_run *run, const struct model_limit *l) {
    const struct model_purse *p = l->own ? purse_of(run->m, run->workspace) : &run->m->purse;
    int64_t known = run->plan->written[l->own];
    int64_t since = p ? p->spent - (known > p->begun ? known : p->begun) : 0;
    return l->spent + (since > 0 ? since : 0) + (p ? p->reserved : 0);
}

static const struct model_limit *tightest(struct model_run *run, bool month) {
    const struct model_limit *found = NULL;
    int64_t least = 0;
    for (size_t i = 0; i < run->plan->limit_count; i++) {
        const struct model_limit *l = &run->plan->limits[i];
        int64_t left = l->limit - spent_of(run, l);
        if (l->month == month && (!found || left < least)) {
            found = l;
            least = left;
        }
    }
    return found;
}

void model_budget_policy(struct model_run *run, struct route_policy *policy) {
    for (int i = 0; i < 2; i++) {
        const struct model_limit *l = tightest(run, i == 1);
        policy->budget_usd[i] = l ? (double)l->limit / MILLION : 0;
        policy->spent_usd[i] = l ? (double)spent_of(run, l) / MILLION : 0;
    }
}

void model_budget_refuse(struct model_run *run, char *out, size_t n) {
    const struct model_limit *day = tightest(run, false), *l = tightest(run, true);
    char name[96], advice[160];
    if (!l || (day && day->limit - spent_of(run, day) < l->limit - spent_of(run, l)))
        l = day;
    if (!l) { // they were changed meanwhile
        (void)snprintf(out, n, "would exceed the budget (paired budget)");
        return;
    }
    int64_t left = l->limit - spent_of(run, l);
    put_name(l, name, sizeof name);
    put_advice(l, advice, sizeof advice);
    if (left < 0)
        left = 0;
    (void)snprintf(out, n, "would exceed %s, of which $%lld.%04lld is left: %s", name,
                   (long long)(left / MILLION), (long long)(left % MILLION / 100), advice);
}
