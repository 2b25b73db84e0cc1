// Capabilities of the command line about groups.
#include "core/base/mem.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/fed_groups.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

const struct field group_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct group_input, name),
     .min = 1,
     .max = SCOPE_GROUP_BYTES_MAX},
    {.name = "secret",
     .type = FIELD_STRING,
     .offset = offsetof(struct group_input, secret),
     .min = 2 * GROUPS_SECRET_BYTES,
     .max = 2 * GROUPS_SECRET_BYTES},
    {0},
};

struct group_call {
    char name[SCOPE_GROUP_BYTES_MAX + 1];
    char secret[2 * GROUPS_SECRET_BYTES + 1]; // hexadecimal
    bool leave;
    json_t *list;
};

static void put_group(void *ctx, const struct group *g) {
    (void)json_array_append_new(ctx,
                                json_pack("{ss sI sI}", "name", g->name, "since_ms",
                                          (json_int_t)g->since_ms, "here", (json_int_t)g->common));
}

static int list(struct fed_core *core, void *arg, struct err *err) {
    struct group_call *c = arg;
    (void)err;
    groups_each(fed_groups_of(core), put_group, c->list);
    return 0;
}

int fed_group_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct group_call c = {.list = json_array()};
    (void)input;
    int r = fed_run(call->services, list, &c, err);
    if (r < 0) {
        json_decref(c.list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "groups", c.list), err);
}

static void find_secret(void *ctx, const struct group *g) {
    struct group_call *c = ctx;
    if (strcmp(g->name, c->name) == 0)
        fed_hex(g->secret, sizeof g->secret, c->secret);
}

// A new one's secret is made on the thread and told once.
static int change(struct fed_core *core, void *arg, struct err *err) {
    struct group_call *c = arg;
    struct groups *g = fed_groups_of(core);
    uint8_t secret[GROUPS_SECRET_BYTES];
    bool given = c->secret[0];
    if (c->leave)
        return groups_leave(g, c->name, err);
    if (given &&
        sodium_hex2bin(secret, sizeof secret, c->secret, 2 * sizeof secret, NULL, NULL, NULL) != 0)
        return err_set(err, ERR_INVAL, "the secret is no 64 hexadecimal digits");
    int r = groups_join(g, c->name, given ? secret : NULL, err);
    sodium_memzero(secret, sizeof secret);
    if (r == 0)
        groups_each(g, find_secret, c);
    return r;
}

static int run(struct call *call, const void *input, bool leave, bool join, struct answer *answer,
               struct err *err) {
    const struct group_input *in = input;
    struct group_call c = {.leave = leave};
    memcpy(c.name, in->name.data, in->name.len);
    if (join && !in->secret.data)
        return err_set(err, ERR_INVAL,
                       "secret: expected what a member was shown by paired groups new");
    if (join)
        memcpy(c.secret, in->secret.data, in->secret.len);
    int r = fed_run(call->services, change, &c, err);
    if (r == 0)
        r = admin_answer(answer,
                         leave || join ? json_pack("{ss}", "name", c.name)
                                       : json_pack("{ss ss}", "name", c.name, "secret", c.secret),
                         err);
    sodium_memzero(c.secret, sizeof c.secret);
    return r;
}

int fed_group_new(struct call *call, const void *input, struct answer *answer, struct err *err) {
    return run(call, input, false, false, answer, err);
}

int fed_group_join(struct call *call, const void *input, struct answer *answer, struct err *err) {
    return run(call, input, false, true, answer, err);
}

int fed_group_leave(struct call *call, const void *input, struct answer *answer, struct err *err) {
    return run(call, input, true, false, answer, err);
}
