// Budgets as they fill: a warning when four fifths are gone, another when nothing is left. Each is
// told once, by the request that crosses the line: what was spent before is in the store, so it
// stays so after a restart. models_plan.c refuses what is beyond.
#include "core/base/log.h"
#include "core/store/usage.h"
#include "server/models_impl.h"

int model_budget_note(struct db *db, const struct conf *conf, int64_t at_ms, int64_t cost,
                      struct err *err) {
    const int64_t day_ms = 24 * 3600 * 1000;
    const struct {
        const char *key, *name;
        int64_t since_ms;
    } budgets[] = {{"models.budget_day_usd", "day", at_ms - at_ms % day_ms},
                   {"models.budget_month_usd", "month", usage_month_start(at_ms)}};
    for (size_t i = 0; cost > 0 && i < sizeof budgets / sizeof *budgets; i++) {
        struct usage_sum sum;
        int64_t limit = conf_int(conf, budgets[i].key) * 1000000;
        int r = limit ? usage_total(db, budgets[i].since_ms, at_ms, &sum, err) : 0;
        if (r < 0)
            return r;
        if (!limit)
            continue;
        int64_t before = sum.cost - cost, warn = limit / 100 * MODEL_BUDGET_WARN_PERCENT;
        if (before < limit && sum.cost >= limit)
            log_line(LOG_WARN, "models",
                     "the budget of this %s is spent, limit_usd=%lld: backends that cost something "
                     "are not asked until the next (paired budget)",
                     budgets[i].name, (long long)(limit / 1000000));
        else if (before < warn && sum.cost >= warn)
            log_line(LOG_WARN, "models", "%d %% of the budget of this %s are spent, limit_usd=%lld",
                     MODEL_BUDGET_WARN_PERCENT, budgets[i].name, (long long)(limit / 1000000));
    }
    return 0;
}
