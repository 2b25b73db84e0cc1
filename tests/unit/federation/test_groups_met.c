// Two friends in one group: what is in common is told when it ends, not only when it begins.
#include "federation/groups.h"

#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct side {
    uint8_t pk[32];
    struct channel_plain_self plain;
    struct channel_maker channels;
    struct net *net;
    struct peers_memory *peers;
    struct db *db;
    struct peersdb *p;
    struct groups *g;
    struct node_service service;
    struct node *node;
    int met;
};
static struct world {
    struct fake_env clock;
    struct env_ops ops;
    struct env env;
    struct net_memory *m;
    struct side side[2];
    uint8_t drawn;
} w;

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = ++w.drawn;
}

static void on_met(void *ctx, const uint8_t device[RECORD_KEY_BYTES]) {
    struct side *s = ctx;
    (void)device;
    s->met++;
}

static void start(struct side *s, uint8_t n) {
    uint8_t seed[32] = {n}, sk[64];
    struct peersdb_config saved = {.epoch = 1};
    (void)crypto_sign_seed_keypair(s->pk, sk, seed);
    memcpy(s->plain.key, s->pk, 32);
    s->plain.env = &w.env;
    s->channels = channel_plain_maker(&s->plain);
    s->net = net_memory_host(w.m, n);
    s->peers = peers_memory_new();
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &s->db, NULL), 0);
    assert_int_equal(peersdb_open(s->db, &saved, &s->p, NULL), 0);
    struct groups_config config = {.env = &w.env, .peers = s->p, .met = on_met, .ctx = s};
    assert_int_equal(groups_new(&config, &s->g, NULL), 0);
    groups_service(s->g, &s->service);
    struct node_config c = {.env = &w.env,
                            .net = s->net,
                            .channels = &s->channels,
                            .peers = peers_memory_face(s->peers),
                            .port = 7000,
                            .services = &s->service,
                            .services_n = 1};
    memcpy(c.key, s->pk, 32);
    assert_int_equal(node_start(&c, &s->node, NULL), 0);
}

static void meet(struct side *a, const struct side *b, uint8_t last) {
    struct peers_entry e = {.addrs = {net_memory_addr(last, 7000)}, .addrs_n = 1};
    memcpy(e.key, b->pk, 32);
    assert_int_equal(peers_memory_put(a->peers, &e), 0);
    assert_int_equal(node_peer_add(a->node, &e, NULL), 0);
}

static void run(uint64_t ms) {
    (void)net_memory_run(w.m);
    for (uint64_t i = 0; i < ms; i += 50) {
        fake_env_advance(&w.clock, 50);
        (void)net_memory_run(w.m);
    }
}

static int setup(void **state) {
    (void)state;
    memset(&w, 0, sizeof w);
    fake_env_init(&w.clock);
    w.clock.now_ms = 1700000000000;
    w.ops = *w.clock.env.ops;
    w.ops.random_bytes = random_bytes;
    w.env = (struct env){&w.ops, &w.clock};
    w.m = net_memory_new();
    start(&w.side[0], 1);
    start(&w.side[1], 2);
    meet(&w.side[0], &w.side[1], 2);
    meet(&w.side[1], &w.side[0], 1);
    run(2000);
    return node_session_find(w.side[0].node, w.side[1].pk) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        node_stop(w.side[i].node);
        groups_free(w.side[i].g);
        peersdb_close(w.side[i].p);
        db_close(w.side[i].db);
        peers_memory_free(w.side[i].peers);
    }
    (void)net_memory_run(w.m);
    net_memory_free(w.m);
    return 0;
}

static void count(void *ctx, const struct group *g) {
    (void)g;
    ++*(int *)ctx;
}

static void leaving_a_group_is_told_as_joining_it_is(void **state) {
    static const uint8_t secret[GROUPS_SECRET_BYTES] = {7};
    int n = 0;
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(groups_join(w.side[i].g, "team", secret, NULL), 0);
    run(2000);
    groups_common(w.side[0].g, w.side[1].pk, count, &n);
    assert_int_equal(n, 1);
    assert_true(w.side[0].met > 0);
    int before = w.side[0].met;
    assert_int_equal(groups_leave(w.side[0].g, "team", NULL), 0);
    assert_int_equal(w.side[0].met, before + 1); // else what is queued for the group still leaves
    groups_common(w.side[0].g, w.side[1].pk, count, &n);
    assert_int_equal(n, 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaving_a_group_is_told_as_joining_it_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
