#include "core/privacy/metric.h"

#include <string.h>

const struct metric_kind metric_kinds[] = {
    {"models.requests", "requests to models", 200},
    {"models.failures", "requests to models that failed", 20},
    {"models.kept-answers", "answers that were known and cost nothing", 100},
    {"models.output-thousands", "thousands of tokens that models wrote", 200},
    {0}};

const struct metric_kind *metric_find(const char *name, size_t n) {
    for (const struct metric_kind *k = metric_kinds; k->name; k++)
        if (strlen(k->name) == n && memcmp(k->name, name, n) == 0)
            return k;
    return NULL;
}

int metric_release(const struct metric_kind *kind, const int64_t *days, size_t count,
                   int64_t epsilon, laplace_random_fn *random, void *ctx, int64_t *ret,
                   struct err *err) {
    int64_t noise = 0, sum = 0;
    if (count > METRIC_DAYS_MAX)
        return err_set(err, ERR_LIMIT, "a month has no more than %d days", METRIC_DAYS_MAX);
    int r = laplace_draw(epsilon, kind->per_day, random, ctx, &noise, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        sum += days[i] < 0 ? 0 : days[i] > kind->per_day ? kind->per_day : days[i];
    *ret = sum + noise;
    return 0;
}

int metric_check(const struct payload *p, struct err *err) {
    const struct metric_kind *kind = metric_find(p->name.data, p->name.len);
    if (!kind)
        return err_set(err, ERR_PERM, "a figure that is not on the list");
    if (p->per_day != kind->per_day || p->epsilon > METRIC_EPSILON)
        return err_set(err, ERR_PERM, "a figure with less noise than it has to have");
    return 0;
}
