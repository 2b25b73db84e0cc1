#include "server/fed_groups.h"

#include "server/fed_exchange.h"

static void on_met(void *ctx, const uint8_t device[RECORD_KEY_BYTES]) {
    struct fed_core *core = ctx;
    (void)device;
    if (core->ready)
        exchange_grants_changed(fed_exchange_of(core)); // the group's scopes are in common now
}

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    struct groups_config config = {
        .env = core->env, .peers = core->peersdb, .met = on_met, .ctx = core};
    struct groups *g = NULL;
    int r = groups_new(&config, &g, err);
    if (r < 0)
        return r;
    groups_service(g, service);
    *ret = g;
    return 0;
}

static void done(void *part) {
    groups_free(part);
}

const struct fed_part fed_part_groups = {.make = make, .done = done};

struct groups *fed_groups_of(struct fed_core *core) {
    return core->part[FED_GROUPS];
}
