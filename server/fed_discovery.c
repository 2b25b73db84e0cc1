// Friends come and go in three ways: the user's work on this thread (fed_discovery_look after it),
// a pairing that ends (a session with somebody new, or the timer that runs while a code is open),
// and the start.
#include "server/fed_discovery.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/loop/netwatch.h"
#include "federation/beacon.h"
#include "federation/mdns.h"
#include "server/fed_pair.h"

#include <assert.h>
#include <string.h>

enum { PAIRING_LOOK_MS = 250 }; // codes end by themselves

struct discovery {
    struct fed_core *core;
    struct tag_table *tags;
    struct beacon *beacon; // NULL: not by it
    struct mdns *mdns;     // likewise
    struct netwatch *watch;
    struct loop_timer *timer; // while a code is open
    uint32_t peers;           // of the node, when friends were last read
    uint16_t shown, sought;   // codes; 0: none
    uint64_t version;         // of the tags, as announced
};

static struct discovery *of(const struct fed_core *core) {
    return core->part[FED_DISCOVERY];
}

// --- what is found

static void on_hint(void *ctx, const struct net_hint *h) {
    struct discovery *d = ctx;
    struct pairwork *work = fed_pair_work(fed_pair_of(d->core));
    switch (h->about) {
    case HINT_FRIEND:
        node_hint(d->core->node, h->device, &h->at,
                  h->source == HINT_BEACON ? NODE_BEACON : NODE_MDNS);
        break;
    case HINT_CODE_HERE:
        pairwork_found(work, pairwork_sought(work), &h->at);
        break;
    case HINT_CODE_SOUGHT: // it comes to us
        break;
    }
}

static void announce(struct discovery *d) {
    d->version = tag_table_version(d->tags);
    if (d->beacon)
        beacon_announce(d->beacon);
    if (d->mdns)
        mdns_announce(d->mdns);
}

static void on_network(void *ctx) {
    struct discovery *d = ctx;
    node_network_changed(d->core->node);
    announce(d);
}

// --- who is looked for

static int read_friend(struct discovery *d, const uint8_t *device) {
    uint8_t secret[PEERSDB_SECRET_BYTES];
    struct err err = {0};
    int r = peersdb_secret(d->core->peersdb, device, secret, &err);
    if (r == 0)
        r = tag_table_put(d->tags, device, secret, &err);
    secret_wipe(secret, sizeof secret);
    if (r < 0 && r != ERR_NOT_FOUND)
        log_line(LOG_WARN, "federation", "a friend cannot be discovered code=%s", err_name(r));
    return r;
}

static bool still_paired(void *ctx, const uint8_t device[HINT_DEVICE_BYTES]) {
    struct discovery *d = ctx;
    return read_friend(d, device) != ERR_NOT_FOUND;
}

static void on_peer(void *ctx, const struct peersdb_peer *peer) {
    (void)read_friend(ctx, peer->device);
}

static void read_friends(struct discovery *d) {
    struct err err = {0};
    struct node_stats stats;
    node_stats(d->core->node, &stats);
    d->peers = stats.peers;
    tag_table_retain(d->tags, still_paired, d);
    int r = peersdb_peers(d->core->peersdb, on_peer, d, &err);
    if (r < 0)
        log_line(LOG_WARN, "federation", "friends cannot be read code=%s", err_name(r));
}

static void look(struct discovery *d) {
    struct pairwork *work = fed_pair_work(fed_pair_of(d->core));
    uint16_t shown = pairwork_number(work), sought = pairwork_sought(work);
    struct node_stats stats;
    node_stats(d->core->node, &stats);
    if (stats.peers != d->peers)
        read_friends(d);
    if (shown != d->shown)
        tag_table_show_code(d->tags, shown ? shown : -1);
    if (sought != d->sought)
        tag_table_seek_code(d->tags, sought ? sought : -1);
    d->shown = shown;
    d->sought = sought;
    loop_timer_stop(d->timer);
    if (shown || sought)
        loop_timer_start(d->timer, PAIRING_LOOK_MS, 0);
    if (tag_table_version(d->tags) != d->version)
        announce(d);
}

static void on_timer(void *ctx) {
    look(ctx);
}

// A device that was paired a moment ago, or is paired anew with another secret.
static void on_up(void *ctx, struct node_session *s) {
    (void)read_friend(ctx, node_session_key(s));
    look(ctx);
}

void fed_discovery_look(struct fed_core *core) {
    struct discovery *d = of(core);
    if (core->ready && d)
        look(d);
}

// --- life

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    uint8_t local[KEYRING_KEY_BYTES];
    struct discovery *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->core = core;
    *ret = d; // `done` frees it
    static_assert((int)TAG_SECRET_BYTES == (int)KEYRING_KEY_BYTES, "a key is a secret");
    static_assert((int)TAG_SECRET_BYTES == (int)PEERSDB_SECRET_BYTES, "and so is this");
    int r = keyring_derive(store_keyring(core->store), "paired/discovery/v1", local, err);
    if (r == 0)
        r = tag_table_new(identity_device(core->id), local, env_wall_ms(core->env), &d->tags, err);
    secret_wipe(local, sizeof local);
    *service = (struct node_service){.up = on_up, .ctx = d};
    return r;
}

// What a system lacks is no failure: addresses can be typed, and the other way may work.
static int start_ways(struct discovery *d, const char *ways, struct err *err) {
    bool on = strcmp(ways, "on") == 0;
    struct fed_core *core = d->core;
    struct err why = {0};
    const struct beacon_config by_beacon = {.env = core->env,
                                            .net = core->net,
                                            .tags = d->tags,
                                            .port = node_port(core->node),
                                            .hint = on_hint,
                                            .ctx = d};
    const struct mdns_config by_mdns = {.loop = core->loop,
                                        .tags = d->tags,
                                        .port = node_port(core->node),
                                        .hint = on_hint,
                                        .ctx = d};
    int r = netwatch_open(core->loop, on_network, d, &d->watch, &why);
    if (r < 0)
        log_line(LOG_WARN, "federation", "changes of the network are not noticed code=%s",
                 err_name(r));
    if (on || strcmp(ways, "beacon") == 0)
        r = beacon_start(&by_beacon, &d->beacon, err);
    if (!d->beacon && r == ERR_NOMEM)
        return r;
    if (on || strcmp(ways, "mdns") == 0)
        r = mdns_start(&by_mdns, &d->mdns, &why);
    if (r < 0)
        log_line(LOG_WARN, "federation", "no discovery by mDNS code=%s", err_name(r));
    return 0;
}

static int start(struct fed_core *core, void *part, struct err *err) {
    struct discovery *d = part;
    const struct conf *conf = __atomic_load_n(&core->services->conf, __ATOMIC_ACQUIRE);
    if (loop_timer_new(core->loop, on_timer, d, &d->timer) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    read_friends(d);
    d->version = tag_table_version(d->tags); // starting announces
    return start_ways(d, conf_string(conf, "federation.discovery"), err);
}

static void stop(struct fed_core *core, void *part) {
    struct discovery *d = part;
    (void)core;
    netwatch_close(d->watch);
    mdns_stop(d->mdns);
    beacon_stop(d->beacon);
    loop_timer_free(d->timer);
    d->watch = NULL;
    d->mdns = NULL;
    d->beacon = NULL;
    d->timer = NULL;
}

static void done(void *part) {
    struct discovery *d = part;
    tag_table_free(d->tags);
    mem_free(d);
}

const struct fed_part fed_part_discovery = {
    .make = make, .start = start, .stop = stop, .done = done};

// --- for the user

static json_t *report_beacon(const struct beacon *b) {
    struct beacon_info i;
    beacon_info(b, &i);
    return json_pack("{ss ss sI sI sI}", "state", i.joined ? "ready" : "no-multicast", "trouble",
                     i.trouble, "sent", (json_int_t)(i.sent + i.answered), "heard",
                     (json_int_t)i.heard, "hints", (json_int_t)i.hints);
}

static json_t *report_mdns(const struct mdns *m) {
    struct mdns_info i;
    mdns_info(m, &i);
    return json_pack("{ss ss sI sI sI}", "state", mdns_state_name(i.state), "trouble", i.trouble,
                     "sent", (json_int_t)i.published, "heard", (json_int_t)i.found, "hints",
                     (json_int_t)i.hints);
}

json_t *fed_discovery_report(const struct fed_core *core) {
    const struct discovery *d = of(core);
    json_t *out = json_object();
    if (d && d->beacon)
        (void)json_object_set_new(out, "beacon", report_beacon(d->beacon));
    if (d && d->mdns)
        (void)json_object_set_new(out, "mdns", report_mdns(d->mdns));
    return out;
}
