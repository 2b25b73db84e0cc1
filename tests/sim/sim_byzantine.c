#include "tests/sim/sim_byzantine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 8, CONNS_MAX = 8 };

struct villain {
    struct byzantine *all;
    uint32_t host;
    struct channel_plain_self self;
    struct channel_maker channels;
    struct link_config config;
    struct link *links[LINKS_MAX];
    struct net_conn *conns[CONNS_MAX];
};
struct raw { // the context of one raw connection
    struct villain *v;
    uint32_t slot;
};
struct byzantine {
    struct fleet *f;
    struct villain *villains;
    uint32_t n;
    struct raw *raws;
};

static uint64_t draw(const struct villain *v, uint64_t below) {
    return world_random(v->all->f->world, below);
}

// --- raw connections: garbage, or silence -------------------------------------------------------

static void raw_open(void *ctx) {
    const struct raw *r = ctx;
    struct villain *v = r->v;
    struct net *net = world_net(v->all->f->world, v->host);
    uint8_t bytes[512];
    size_t n = draw(v, 3) == 0 ? 0 : draw(v, sizeof bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)draw(v, 256);
    (void)net->ops->send(net->self, v->conns[r->slot], bytes, n);
}
static void raw_data(void *ctx, const uint8_t *bytes, size_t n) {
    (void)ctx, (void)bytes, (void)n;
}
static void raw_closed(void *ctx, const struct err *err) {
    const struct raw *r = ctx;
    (void)err;
    r->v->conns[r->slot] = NULL;
}
static const struct net_conn_events raw_events = {
    .open = raw_open, .data = raw_data, .closed = raw_closed};

static void raw_dial(struct villain *v, const struct net_addr *to) {
    struct net *net = world_net(v->all->f->world, v->host);
    for (uint32_t i = 0; i < CONNS_MAX; i++) {
        if (v->conns[i])
            continue;
        struct raw *r = &v->all->raws[(v - v->all->villains) * CONNS_MAX + i];
        *r = (struct raw){v, i};
        (void)net->ops->connect(net->self, to, &raw_events, r, &v->conns[i], NULL);
        return;
    }
}

// --- links: all that the protocol lets one say --------------------------------------------------

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    (void)ctx, (void)result, (void)error, (void)err;
}

static json_t *words(struct villain *v) {
    static const char *const names[] = {"seq", "dial"};
    if (draw(v, 8) == 0)
        return json_pack("{s:s, s:n}", "boot", "x", "seq");
    return json_pack("{s:I, s:I, s:I}", "boot", (json_int_t)draw(v, 3), names[draw(v, 2)],
                     (json_int_t)draw(v, 1U << 30), "port", (json_int_t)draw(v, 70000));
}

static void say(struct villain *v, struct link *l) {
    static const char *const methods[] = {"hello",      "offer",     "test.ask",
                                          "pair.start", "sync.head", "no.such"};
    for (uint64_t i = draw(v, 20); i > 0; i--)
        (void)link_call(l, methods[draw(v, 6)], words(v), 5000, on_answer, v, NULL);
    if (draw(v, 10) == 0)
        (void)link_blob(l, (uint32_t)draw(v, UINT32_MAX), "blob", 4);
}

static uint32_t slot_of(const struct villain *v, const struct link *l) {
    uint32_t i = 0;
    while (i < LINKS_MAX && v->links[i] != l)
        i++;
    return i;
}

static void link_up(void *ctx, struct link *l) {
    say(ctx, l);
}
static void link_down(void *ctx, struct link *l, const struct err *err) {
    struct villain *v = ctx;
    uint32_t i = slot_of(v, l);
    (void)err;
    if (i < LINKS_MAX)
        v->links[i] = NULL;
}
static const struct link_events villain_events = {.up = link_up, .down = link_down};
static const struct rpc_method no_methods[] = {{0}};

static void link_dial(struct villain *v, const struct net_addr *to, bool known) {
    struct fleet *f = v->all->f;
    uint32_t i = slot_of(v, NULL);
    if (i == LINKS_MAX)
        return;
    for (size_t k = 0; k < sizeof v->self.key; k++)
        v->self.key[k] = (uint8_t)draw(v, 256);
    if (known) // a friend's, whose heart is black
        memcpy(v->self.key, f->false_keys[v - v->all->villains], sizeof v->self.key);
    (void)link_connect(&v->config, to, NULL, &v->links[i], NULL);
}

static void forge_beacon(struct villain *v) {
    struct fleet *f = v->all->f;
    struct net *net = world_net(f->world, v->host);
    uint8_t b[38] = "peer";
    uint16_t port = (uint16_t)draw(v, 65536);
    memcpy(b + 4, f->nodes[draw(v, f->nodes_n)].key, CHANNEL_KEY_BYTES);
    memcpy(b + 36, &port, 2);
    (void)net->ops->shout(net->self, b, draw(v, 4) == 0 ? draw(v, sizeof b) : sizeof b);
}

static void act(void *ctx) {
    struct villain *v = ctx;
    struct fleet *f = v->all->f;
    struct net *net = world_net(f->world, v->host);
    uint32_t target = (uint32_t)draw(v, f->nodes_n), slot = (uint32_t)draw(v, LINKS_MAX);
    struct net_addr to = world_addr(f->world, target, WORLD_PORT_FIRST);
    switch (draw(v, 7)) {
    case 0:
        raw_dial(v, &to);
        break;
    case 1:
        link_dial(v, &to, false);
        break;
    case 2:
        link_dial(v, &to, true);
        break;
    case 3:
        if (v->links[slot])
            say(v, v->links[slot]);
        break;
    case 4:
        link_close(v->links[slot], "villain");
        v->links[slot] = NULL;
        break;
    case 5:
        if (v->conns[slot])
            net->ops->close(net->self, v->conns[slot]);
        v->conns[slot] = NULL;
        break;
    default:
        forge_beacon(v);
    }
    world_at(f->world, world_now(f->world) + draw(v, 10 * WORLD_S), act, v);
}

struct byzantine *byzantine_new(struct fleet *f, uint32_t n) {
    struct byzantine *b = calloc(1, sizeof *b);
    assert(b && n <= FLEET_FALSE_MAX);
    b->f = f;
    b->n = n;
    b->villains = calloc(n, sizeof *b->villains);
    b->raws = calloc((size_t)n * CONNS_MAX, sizeof *b->raws);
    assert(b->villains && b->raws);
    for (uint32_t i = 0; i < n; i++) {
        struct villain *v = &b->villains[i];
        v->all = b;
        for (uint32_t k = 0; k < CHANNEL_KEY_BYTES; k++)
            f->false_keys[i][k] = (uint8_t)draw(v, 256);
        f->false_keys[i][3] = 0xff; // no number of a node
        f->false_n = i + 1;
        v->host = world_host_add(f->world, 0);
        v->self.env = world_env(f->world, v->host);
        v->channels = channel_plain_maker(&v->self);
        v->config = (struct link_config){.env = v->self.env,
                                         .net = world_net(f->world, v->host),
                                         .channels = &v->channels,
                                         .methods = no_methods,
                                         .events = &villain_events,
                                         .ctx = v};
        world_at(f->world, draw(v, 10 * WORLD_S), act, v);
    }
    return b;
}

void byzantine_free(struct byzantine *b) {
    for (uint32_t i = 0; i < b->n; i++) {
        struct villain *v = &b->villains[i];
        struct net *net = world_net(b->f->world, v->host);
        for (uint32_t k = 0; k < LINKS_MAX; k++)
            link_close(v->links[k], NULL);
        for (uint32_t k = 0; k < CONNS_MAX; k++)
            if (v->conns[k])
                net->ops->close(net->self, v->conns[k]);
    }
    free(b->villains);
    free(b->raws);
    free(b);
}
