// A list of models of any bytes: refused with a message, or a table whose figures are within
// bounds.
#include "core/route/route_price.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct route_catalogue *c;
    struct err err = {0};
    if (route_catalogue_new((const char *)data, n, &c, &err) < 0) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    if (route_catalogue_count(c) > ROUTE_CATALOGUE_MODELS_MAX)
        abort();
    for (size_t i = 0; i < route_catalogue_count(c); i++) {
        const struct route_model *m = route_catalogue_at(c, i);
        struct route_usage u = {1000, 1000, 1000, 1000, 1000};
        if (strnlen(m->name, sizeof m->name) == sizeof m->name ||
            route_catalogue_find(c, m->name) != m || !(route_cost_usd(m, &u) >= 0))
            abort();
    }
    route_catalogue_free(c);
    return 0;
}
