// What a request cost.
#include "server/models_impl.h"

#include <math.h>
#include <string.h>

int64_t model_cost_of(const struct route_model *model, const struct wire_usage *u) {
    const struct route_prices *p = &model->prices; // dollars per million: millionths per token
    double cost = (double)u->input * p->input + (double)u->cached * p->cached +
                  (double)u->cache_write * p->write + (double)u->output * p->output;
    return cost > 0 && cost < 1e12 ? (int64_t)llround(cost) : 0;
}

int64_t model_cost_named(const struct route_catalogue *c, const struct backend *b, const char *name,
                         bool local, const struct wire_usage *u) {
    const char *price = name;
    struct route_model unlisted;
    for (size_t i = 0; i < b->model_count; i++)
        if (strcmp(b->models[i].name, name) == 0 && b->models[i].price[0])
            price = b->models[i].price;
    const struct route_model *model = local ? NULL : route_catalogue_find(c, price);
    if (!model) {
        route_catalogue_unlisted(c, price, local, &unlisted);
        model = &unlisted;
    }
    return model_cost_of(model, u);
}
