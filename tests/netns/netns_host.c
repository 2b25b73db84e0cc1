// One host of a test's network: a node on real sockets and TLS, found by beacon, by mDNS or by
// both; everybody is everybody's friend and nobody knows an address. Says what happens as lines
// "MICROSECONDS WORD …" (CLOCK_MONOTONIC, which all network namespaces of a machine share), ends
// when its input does; "info" on a line of its own is answered.
//
//   netns_host NUMBER OF_HOSTS [beacon] [mdns]
#include "core/base/mem.h"
#include "federation/beacon.h"
#include "federation/mdns.h"
#include "federation/net_loop.h"
#include "federation/node.h"
#include "federation/tls.h"

#include "core/loop/netwatch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOSTS_MAX = 250 };

struct host {
    unsigned number, of;
    struct loop *loop;
    struct net_loop *net;
    struct tls *tls;
    struct channel_maker channels;
    struct peers_memory *peers;
    struct node_service service;
    struct node *node;
    struct tag_table *tags;
    struct beacon *beacon;
    struct mdns *mdns;
    struct netwatch *watch;
    struct loop_watch *input;
    uint8_t keys[HOSTS_MAX + 1][CHANNEL_KEY_BYTES];
    bool up[HOSTS_MAX + 1];
};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    (void)printf("%llu ", (unsigned long long)(env_now_mono_ns() / 1000));
    (void)vprintf(format, ap);
    (void)printf("\n");
    (void)fflush(stdout);
    va_end(ap);
}

static void must(int code, const char *what, const struct err *err) {
    if (code >= 0)
        return;
    say("FAILED %s: %s", what, err_text(err));
    exit(1);
}

static unsigned number_of(const struct host *h, const uint8_t *key) {
    unsigned i = 1;
    while (i <= h->of && memcmp(h->keys[i], key, CHANNEL_KEY_BYTES) != 0)
        i++;
    return i <= h->of ? i : 0;
}

// --- what happens

static void on_up(void *ctx, struct node_session *s) {
    struct host *h = ctx;
    unsigned i = number_of(h, node_session_key(s));
    say("%s %u", i == 0 || h->up[i] ? "WRONG" : "up", i);
    h->up[i] = true;
    node_check(h->node);
}

static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct host *h = ctx;
    unsigned i = number_of(h, node_session_key(s));
    say("%s %u %s", i == 0 || !h->up[i] ? "WRONG" : "down", i, err_text(why));
    h->up[i] = false;
}

static void on_hint(void *ctx, const struct net_hint *hint) {
    struct host *h = ctx;
    char at[NET_ADDR_TEXT_MAX];
    if (hint->about != HINT_FRIEND)
        return;
    net_addr_format(&hint->at, at);
    say("hint %s %u %s", hint_source_name(hint->source), number_of(h, hint->device), at);
    node_hint(h->node, hint->device, &hint->at,
              hint->source == HINT_BEACON ? NODE_BEACON : NODE_MDNS);
}

static void on_network(void *ctx) {
    struct host *h = ctx;
    say("network");
    node_network_changed(h->node);
    if (h->beacon)
        beacon_announce(h->beacon);
    if (h->mdns)
        mdns_announce(h->mdns);
}

static void say_info(struct host *h) {
    struct node_stats n;
    node_stats(h->node, &n);
    say("sessions %u of %u, dials %u", n.in_use, n.sessions, n.dials);
    if (h->beacon) {
        struct beacon_info b;
        beacon_info(h->beacon, &b);
        say("beacon sent %llu answered %llu heard %llu hints %llu %s", (unsigned long long)b.sent,
            (unsigned long long)b.answered, (unsigned long long)b.heard,
            (unsigned long long)b.hints, b.trouble);
    }
    if (h->mdns) {
        struct mdns_info m;
        mdns_info(h->mdns, &m);
        say("mdns %s found %llu hints %llu %s", mdns_state_name(m.state),
            (unsigned long long)m.found, (unsigned long long)m.hints, m.trouble);
    }
}

static void on_input(void *ctx, int fd, int events) {
    struct host *h = ctx;
    char bytes[256];
    (void)events;
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n <= 0) {
        loop_stop(h->loop);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] == '\n')
            say_info(h);
}

// --- who everybody is

static void know(struct host *h, unsigned i) {
    const uint8_t seed[TLS_SEED_BYTES] = {(uint8_t)i};
    struct tls *tls;
    struct err err;
    must(tls_new(seed, &tls, &err), "tls", &err);
    memcpy(h->keys[i], tls_key(tls), CHANNEL_KEY_BYTES);
    if (i == h->number)
        h->tls = tls;
    else
        tls_free(tls);
}

static void befriend(struct host *h, unsigned i) {
    unsigned low = i < h->number ? i : h->number, high = i < h->number ? h->number : i;
    const uint8_t secret[TAG_SECRET_BYTES] = {(uint8_t)low, (uint8_t)high, 1};
    struct peers_entry e = {0};
    struct err err = {0};
    memcpy(e.key, h->keys[i], sizeof e.key);
    must(peers_memory_put(h->peers, &e), "peer", &err);
    must(tag_table_put(h->tags, h->keys[i], secret, &err), "tag", &err);
}

static void start_node(struct host *h) {
    struct err err;
    h->channels = tls_maker(h->tls);
    h->service = (struct node_service){.up = on_up, .down = on_down, .ctx = h};
    struct node_config c = {.env = loop_env(h->loop),
                            .net = net_loop_net(h->net),
                            .channels = &h->channels,
                            .peers = peers_memory_face(h->peers),
                            .services = &h->service,
                            .services_n = 1};
    memcpy(c.key, h->keys[h->number], sizeof c.key);
    must(node_start(&c, &h->node, &err), "node", &err);
}

static void start_discovery(struct host *h, bool beacon, bool mdns) {
    struct err err;
    struct beacon_config b = {.env = loop_env(h->loop),
                              .net = net_loop_net(h->net),
                              .tags = h->tags,
                              .port = node_port(h->node),
                              .hint = on_hint,
                              .ctx = h};
    struct mdns_config m = {
        .loop = h->loop, .tags = h->tags, .port = node_port(h->node), .hint = on_hint, .ctx = h};
    if (beacon)
        must(beacon_start(&b, &h->beacon, &err), "beacon", &err);
    if (mdns)
        must(mdns_start(&m, &h->mdns, &err), "mdns", &err);
    must(netwatch_open(h->loop, on_network, h, &h->watch, &err), "netwatch", &err);
}

static void end(struct host *h) {
    netwatch_close(h->watch);
    uint64_t before = env_now_mono_ns();
    mdns_stop(h->mdns);
    say("stopped in %llu us", (unsigned long long)((env_now_mono_ns() - before) / 1000));
    beacon_stop(h->beacon);
    node_stop(h->node);
    net_loop_free(h->net);
    peers_memory_free(h->peers);
    tag_table_free(h->tags);
    tls_free(h->tls);
    loop_watch_free(h->input);
    loop_free(h->loop);
}

int main(int argc, char **argv) {
    static struct host h;
    struct err err;
    bool beacon = false, mdns = false;
    h.number = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    h.of = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (h.number < 1 || h.number > h.of || h.of > HOSTS_MAX)
        return 2;
    for (int i = 3; i < argc; i++) {
        beacon |= strcmp(argv[i], "beacon") == 0;
        mdns |= strcmp(argv[i], "mdns") == 0;
    }
    for (unsigned i = 1; i <= h.of; i++)
        know(&h, i);
    say("start");
    must(loop_new(&h.loop, &err), "loop", &err);
    must(net_loop_new(h.loop, NULL, &h.net, &err), "net", &err);
    const uint8_t local[TAG_SECRET_BYTES] = {(uint8_t)h.number};
    must(tag_table_new(h.keys[h.number], local, env_now_wall_ms(), &h.tags, &err), "tags", &err);
    if (!(h.peers = peers_memory_new()))
        return 1;
    for (unsigned i = 1; i <= h.of; i++)
        if (i != h.number)
            befriend(&h, i);
    start_node(&h);
    start_discovery(&h, beacon, mdns);
    must(loop_watch_new(h.loop, STDIN_FILENO, on_input, &h, &h.input, &err), "input", &err);
    say("ready");
    (void)loop_run(h.loop, NULL);
    end(&h);
    say("end");
    return 0;
}
