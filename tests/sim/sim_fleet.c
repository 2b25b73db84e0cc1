#include "tests/sim/sim_fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p) {
    assert(p);
    return p;
}

int fleet_find(const struct fleet *f, const uint8_t *key) {
    uint32_t i; // the key's first bytes say whose it is, for speed
    memcpy(&i, key, sizeof i);
    for (uint32_t k = 0; f->any_keys && k < f->nodes_n; k++)
        i = memcmp(f->nodes[k].key, key, CHANNEL_KEY_BYTES) == 0 ? k : i;
    return i < f->nodes_n && memcmp(f->nodes[i].key, key, CHANNEL_KEY_BYTES) == 0 ? (int)i : -1;
}

static struct fleet_bond *bond_of(const struct fleet *f, uint32_t a, uint32_t b) {
    const struct fleet_node *x = &f->nodes[a];
    for (uint32_t i = 0; i < x->bonds_n; i++) {
        struct fleet_bond *d = &f->bonds[x->bonds[i]];
        if (d->a == b || d->b == b)
            return d;
    }
    return NULL;
}

// --- accounts -----------------------------------------------------------------------------------

static void account(struct fleet *f, struct fleet_bond *d) {
    uint64_t now = world_now(f->world), passed = now - d->since;
    d->since = now;
    if (d->revoked || !f->nodes[d->a].node || !f->nodes[d->b].node)
        return;
    d->both += passed;
    if (d->here[0] && d->here[1])
        d->linked += passed;
}

void fleet_account(struct fleet *f) {
    for (uint32_t i = 0; i < f->bonds_n; i++)
        account(f, &f->bonds[i]);
}

static void account_node(struct fleet *f, uint32_t i) {
    for (uint32_t k = 0; k < f->nodes[i].bonds_n; k++)
        account(f, &f->bonds[f->nodes[i].bonds[k]]);
}

// --- the service: asks and answers --------------------------------------------------------------

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct fleet_node *x = ctx;
    (void)err;
    x->asked--;
    if (result)
        x->answers++;
    if (error)
        x->refusals++;
}

static bool is_false(const struct fleet *f, const uint8_t *key) {
    for (uint32_t i = 0; i < f->false_n; i++)
        if (memcmp(f->false_keys[i], key, CHANNEL_KEY_BYTES) == 0)
            return true;
    return false;
}

static void serve_ask(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct fleet_node *x = ctx;
    int from = fleet_find(x->fleet, node_session_key(s));
    // Nobody but a friend gets here, and only over the session that is in use.
    assert(node_session_friend(s));
    if (!is_false(x->fleet, node_session_key(s))) {
        assert(from >= 0);
        const struct fleet_bond *d = bond_of(x->fleet, x->host, (uint32_t)from);
        assert(d && !d->revoked);
    }
    assert(node_session_find(x->node, node_session_key(s)) == s);
    rpc_reply(req, params ? json_incref(params) : json_null());
}

static const struct node_method fleet_methods[] = {{"test.ask", serve_ask, false}, {0}};

static void set_here(struct fleet_node *x, const struct node_session *s, bool here) {
    int other = fleet_find(x->fleet, node_session_key(s));
    if (is_false(x->fleet, node_session_key(s)))
        return;
    assert(other >= 0);
    struct fleet_bond *d = bond_of(x->fleet, x->host, (uint32_t)other);
    assert(d);
    account(x->fleet, d);
    bool *side = &d->here[d->b == x->host];
    assert(*side != here); // up and down take turns
    assert(!here || !d->revoked);
    *side = here;
}

static void on_up(void *ctx, struct node_session *s) {
    struct fleet_node *x = ctx;
    x->ups++;
    set_here(x, s, true);
}

static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct fleet_node *x = ctx;
    assert(why && why->code < 0);
    x->downs++;
    set_here(x, s, false);
}

// --- the peers' table, its addresses on the torn disk -------------------------------------------

static uint32_t sum(const uint8_t *p, size_t n) {
    uint32_t h = 2166136261U;
    while (n-- > 0)
        h = (h ^ *p++) * 16777619U;
    return h;
}

static void peers_seen(void *self, const uint8_t *key, const struct net_addr *a, int64_t wall_ms) {
    struct fleet_node *x = self;
    uint8_t r[FLEET_RECORD_BYTES] = {0};
    size_t n;
    memcpy(r, key, CHANNEL_KEY_BYTES);
    memcpy(r + 32, a->ip, 16);
    memcpy(r + 48, &a->port, 2);
    memcpy(r + 52, &wall_ms, 8);
    uint32_t check = sum(r, 68);
    memcpy(r + 68, &check, 4);
    (void)world_disk(x->fleet->world, x->host, &n);
    if (n > WORLD_DISK_BYTES_MAX / 4)
        world_disk_clear(x->fleet->world, x->host);
    world_disk_write(x->fleet->world, x->host, r, sizeof r);
    if (wall_ms % 3 == 0)
        world_disk_sync(x->fleet->world, x->host);
}

// What a crash left: records up to the first that does not add up.
static void read_addr(struct fleet_node *x, struct peers_entry *e) {
    size_t n;
    const uint8_t *p = world_disk(x->fleet->world, x->host, &n);
    for (; n >= FLEET_RECORD_BYTES; p += FLEET_RECORD_BYTES, n -= FLEET_RECORD_BYTES) {
        uint32_t check;
        memcpy(&check, p + 68, 4);
        if (check != sum(p, 68))
            return;
        if (memcmp(p, e->key, CHANNEL_KEY_BYTES) != 0)
            continue;
        memcpy(e->addrs[0].ip, p + 32, 16);
        memcpy(&e->addrs[0].port, p + 48, 2);
        e->addrs_n = 1;
    }
}

static int peers_each(void *self, peers_fn *fn, void *ctx, struct err *err) {
    struct fleet_node *x = self;
    (void)err;
    for (uint32_t k = 0; k < x->bonds_n; k++) {
        const struct fleet_bond *d = &x->fleet->bonds[x->bonds[k]];
        struct peers_entry e = {0};
        if (d->revoked)
            continue;
        memcpy(e.key, x->fleet->nodes[d->a == x->host ? d->b : d->a].key, CHANNEL_KEY_BYTES);
        read_addr(x, &e);
        fn(ctx, &e);
    }
    for (uint32_t k = 0; k < x->fleet->false_n; k++) {
        struct peers_entry e = {0};
        memcpy(e.key, x->fleet->false_keys[k], CHANNEL_KEY_BYTES);
        fn(ctx, &e);
    }
    return 0;
}

// --- beacons and talk ---------------------------------------------------------------------------

// "peer", the key, the port: only its form is like a real one, which hides who is there.
static void on_beacon(void *ctx, const uint8_t *bytes, size_t n, const struct net_addr *from) {
    struct fleet_node *x = ctx;
    struct net_addr a = *from;
    if (!x->node || n != 38 || memcmp(bytes, "peer", 4) != 0)
        return;
    memcpy(&a.port, bytes + 36, 2);
    node_hint(x->node, bytes + 4, &a, NODE_BEACON);
}

static void shout(struct fleet_node *x) {
    struct net *net = world_net(x->fleet->world, x->host);
    uint8_t b[38] = "peer";
    uint16_t port = node_port(x->node);
    memcpy(b + 4, x->key, CHANNEL_KEY_BYTES);
    memcpy(b + 36, &port, 2);
    (void)net->ops->shout(net->self, b, sizeof b);
}

static void beat(void *ctx);

static void next_beat(struct fleet_node *x) {
    uint64_t ms = x->fleet->beacon_ms;
    if (ms)
        world_at(x->fleet->world,
                 world_now(x->fleet->world) +
                     (ms / 2 + world_random(x->fleet->world, ms)) * WORLD_MS,
                 beat, x);
}

static void beat(void *ctx) {
    struct fleet_node *x = ctx;
    if (x->node)
        shout(x);
    next_beat(x);
}

static void talk(void *ctx) {
    struct fleet_node *x = ctx;
    struct fleet *f = x->fleet;
    if (x->node && x->bonds_n > 0) {
        const struct fleet_bond *d = &f->bonds[x->bonds[world_random(f->world, x->bonds_n)]];
        const uint8_t *key = f->nodes[d->a == x->host ? d->b : d->a].key;
        struct node_session *s = node_session_find(x->node, key);
        x->asked++;
        if (!s || link_call(node_session_link(s), "test.ask", json_pack("{s:i}", "n", 1), 20000,
                            on_answer, x, NULL) < 0)
            x->asked--;
    }
    world_at(f->world,
             world_now(f->world) + (f->talk_ms / 2 + world_random(f->world, f->talk_ms)) * WORLD_MS,
             talk, x);
}

// --- the fleet ----------------------------------------------------------------------------------

static void check_node(const struct fleet_node *x) {
    node_check(x->node);
    for (uint32_t k = 0; k < x->bonds_n; k++) {
        const struct fleet_bond *d = &x->fleet->bonds[x->bonds[k]];
        const uint8_t *key = x->fleet->nodes[d->a == x->host ? d->b : d->a].key;
        struct node_session *s = node_session_find(x->node, key);
        assert(!s || !d->revoked);
        assert((s != NULL) == d->here[d->b == x->host]);
    }
    // No session but with friends: none is in use that the bonds do not know.
    struct node_stats stats;
    node_stats(x->node, &stats);
    uint32_t here = 0;
    for (uint32_t k = 0; k < x->bonds_n; k++)
        here += x->fleet->bonds[x->bonds[k]].here[x->fleet->bonds[x->bonds[k]].b == x->host];
    for (uint32_t k = 0; k < x->fleet->false_n; k++)
        here += node_session_find(x->node, x->fleet->false_keys[k]) != NULL;
    assert(here == stats.in_use);
    assert(world_conns(x->fleet->world, x->host) == stats.sessions);
    assert(world_timers(x->fleet->world, x->host) <= 3U * stats.sessions + RPC_CALLS_MAX);
}

static void after_event(void *ctx, uint32_t host) {
    struct fleet *f = ctx;
    if (++f->events % f->check_every == 0 && host < f->nodes_n && f->nodes[host].node)
        check_node(&f->nodes[host]);
}

void fleet_befriend(struct fleet *f, uint32_t a, uint32_t b) {
    struct fleet_node *x = &f->nodes[a], *y = &f->nodes[b];
    if (a == b || bond_of(f, a, b) || x->bonds_n == FLEET_FRIENDS_MAX ||
        y->bonds_n == FLEET_FRIENDS_MAX)
        return;
    f->bonds[f->bonds_n] = (struct fleet_bond){.a = a < b ? a : b, .b = a < b ? b : a};
    x->bonds[x->bonds_n++] = f->bonds_n;
    y->bonds[y->bonds_n++] = f->bonds_n++;
}

struct fleet *fleet_new(uint64_t seed, uint32_t n, uint32_t friends) {
    assert(n <= FLEET_NODES_MAX);
    struct fleet *f = must(calloc(1, sizeof *f));
    f->world = world_new(seed);
    f->nodes = must(calloc(n, sizeof *f->nodes));
    f->bonds = must(calloc((size_t)n * FLEET_FRIENDS_MAX, sizeof *f->bonds));
    f->nodes_n = n;
    f->check_every = 1;
    for (uint32_t i = 0; i < n; i++) {
        struct fleet_node *x = &f->nodes[i];
        x->fleet = f;
        x->host = world_host_add(f->world, 0);
        for (size_t k = 0; k < sizeof x->key; k++)
            x->key[k] = (uint8_t)world_random(f->world, 256);
        memcpy(x->key, &i, sizeof i);
        memcpy(x->self.key, x->key, sizeof x->key);
        x->self.env = world_env(f->world, i);
        x->channels = channel_plain_maker(&x->self);
        x->services_n = 1;
        x->services[0] =
            (struct node_service){.methods = fleet_methods, .up = on_up, .down = on_down, .ctx = x};
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < friends / 2; k++)
            fleet_befriend(f, i, (uint32_t)world_random(f->world, n));
    world_set_after(f->world, after_event, f);
    return f;
}

static void stop_node(struct fleet_node *x) {
    bool ran = x->node != NULL;
    node_stop(x->node);
    x->node = NULL;
    if (ran && x->fleet->stopped)
        x->fleet->stopped(x->fleet->hook_ctx, x->host);
}

void fleet_free(struct fleet *f) {
    for (uint32_t i = 0; i < f->nodes_n; i++)
        stop_node(&f->nodes[i]);
    for (uint32_t i = 0; i < f->nodes_n; i++) {
        assert(world_timers(f->world, i) == 0);
        assert(world_conns(f->world, i) == 0);
    }
    world_free(f->world);
    free(f->bonds);
    free(f->nodes);
    free(f);
}

void fleet_start(struct fleet *f, uint32_t i, bool told) {
    struct fleet_node *x = &f->nodes[i];
    if (f->starting)
        f->starting(f->hook_ctx, i);
    struct net *net = world_net(f->world, i);
    struct node_config c = {.env = world_env(f->world, i),
                            .net = net,
                            .channels = &x->channels,
                            .peers = {peers_each, peers_seen, x},
                            .services = x->services,
                            .services_n = x->services_n};
    struct err e = {0};
    memcpy(c.key, x->key, sizeof c.key);
    account_node(f, i);
    int r = node_start(&c, &x->node, &e);
    assert(r == 0);
    node_open_door(x->node, f->door);
    for (uint32_t k = 0; told && k < x->bonds_n; k++) {
        const struct fleet_bond *d = &f->bonds[x->bonds[k]];
        uint32_t other = d->a == i ? d->b : d->a;
        struct net_addr a = world_addr(f->world, other, WORLD_PORT_FIRST);
        node_hint(x->node, f->nodes[other].key, &a, NODE_TYPED);
    }
    r = net->ops->neighbours(net->self, on_beacon, x, NULL);
    assert(r == 0);
    if (f->beacon_ms)
        shout(x);
    if (x->starts++ == 0) {
        next_beat(x);
        if (f->talk_ms)
            world_at(f->world, world_now(f->world) + world_random(f->world, WORLD_S), talk, x);
    }
}

void fleet_stop(struct fleet *f, uint32_t i, enum fleet_end how) {
    struct fleet_node *x = &f->nodes[i];
    account_node(f, i);
    if (how != FLEET_STOP)
        world_host_down(f->world, i, how == FLEET_POWER);
    stop_node(x);
    if (how == FLEET_STOP)
        world_host_down(f->world, i, true);
}

static void up_again(void *ctx) {
    struct fleet_node *x = ctx;
    world_host_up(x->fleet->world, x->host);
    fleet_start(x->fleet, x->host, x->fleet->told);
}

void fleet_restart(struct fleet *f, uint32_t i, enum fleet_end how, uint64_t after_ns) {
    fleet_stop(f, i, how);
    world_at(f->world, world_now(f->world) + after_ns, up_again, &f->nodes[i]);
}

void fleet_revoke(struct fleet *f, uint32_t bond) {
    struct fleet_bond *d = &f->bonds[bond];
    account(f, d);
    if (f->nodes[d->a].node)
        node_peer_remove(f->nodes[d->a].node, f->nodes[d->b].key);
    if (f->nodes[d->b].node)
        node_peer_remove(f->nodes[d->b].node, f->nodes[d->a].key);
    d->revoked = true;
}

bool fleet_linked(const struct fleet *f, uint32_t bond) {
    const struct fleet_bond *d = &f->bonds[bond];
    const struct fleet_node *x = &f->nodes[d->a], *y = &f->nodes[d->b];
    struct node_session *s = node_session_find(x->node, y->key),
                        *t = node_session_find(y->node, x->key);
    return s && t &&
           memcmp(link_binding(node_session_link(s)), link_binding(node_session_link(t)),
                  CHANNEL_BINDING_BYTES) == 0;
}

uint32_t fleet_apart(const struct fleet *f) {
    uint32_t apart = 0;
    for (uint32_t i = 0; i < f->bonds_n; i++) {
        const struct fleet_bond *d = &f->bonds[i];
        if (!d->revoked && f->nodes[d->a].node && f->nodes[d->b].node &&
            world_reaches(f->world, d->a, d->b) && world_reaches(f->world, d->b, d->a))
            apart += !fleet_linked(f, i);
    }
    return apart;
}
