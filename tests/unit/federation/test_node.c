// The node on real sockets and TLS; its behaviour in trouble is in tests/sim.
#include "federation/node.h"

#include "core/base/mem.h"
#include "federation/net_loop.h"
#include "federation/tls.h"
#include "tests/unit/loop/loop_fixture.h"

#include <string.h>

struct side {
    struct fixture *f;
    struct tls *tls;
    struct channel_maker channels;
    struct net_loop *net;
    struct peers_memory *peers;
    struct node_service service;
    struct node *node;
    const struct side *other;
    unsigned ups, downs, asked;
    int answer; // what a call brought: 1 result, else an error's code
};

static void on_up(void *ctx, struct node_session *s) {
    struct side *a = ctx;
    assert_memory_equal(node_session_key(s), tls_key(a->other->tls), CHANNEL_KEY_BYTES);
    a->ups++;
    if (a->ups == 1 && a->other->ups == 1)
        loop_stop(a->f->loop);
}
static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct side *a = ctx;
    (void)s;
    assert_true(why->code < 0);
    a->downs++;
    loop_stop(a->f->loop);
}
static void serve(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct side *a = ctx;
    a->asked++;
    assert_true(node_session_friend(s));
    rpc_reply(req, json_incref(params));
}
static const struct node_method methods[] = {{"test.ask", serve, false}, {0}};

static void start(struct side *a, struct fixture *f, uint8_t seed, const struct side *other) {
    const uint8_t key[TLS_SEED_BYTES] = {seed};
    *a = (struct side){.f = f, .other = other};
    assert_int_equal(tls_new(key, &a->tls, NULL), 0);
    a->channels = tls_maker(a->tls);
    assert_int_equal(net_loop_new(f->loop, NULL, &a->net, NULL), 0);
    a->peers = peers_memory_new();
    assert_non_null(a->peers);
    a->service = (struct node_service){.methods = methods, .up = on_up, .down = on_down, .ctx = a};
    struct node_config c = {.env = loop_env(f->loop),
                            .net = net_loop_net(a->net),
                            .channels = &a->channels,
                            .peers = peers_memory_face(a->peers),
                            .services = &a->service,
                            .services_n = 1};
    memcpy(c.key, tls_key(a->tls), sizeof c.key);
    assert_int_equal(node_start(&c, &a->node, NULL), 0);
}

static void end(struct side *a) {
    node_stop(a->node);
    net_loop_free(a->net);
    peers_memory_free(a->peers);
    tls_free(a->tls);
}

static struct net_addr where(const struct side *a) {
    struct net_addr to = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    to.port = node_port(a->node);
    return to;
}

static void pair(struct side *a, const struct side *b, bool told) {
    struct peers_entry e = {0};
    memcpy(e.key, tls_key(b->tls), sizeof e.key);
    if (told)
        e.addrs[e.addrs_n++] = where(b);
    assert_int_equal(peers_memory_put(a->peers, &e), 0);
    assert_int_equal(node_peer_add(a->node, &e, NULL), 0);
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct side *a = ctx;
    (void)err;
    a->answer = result ? 1 : error ? (int)json_integer_value(json_object_get(error, "code")) : -1;
    loop_stop(a->f->loop);
}

static void two_nodes_on_sockets_have_one_session_and_serve_on_it(void **state) {
    struct side a = {0}, b = {0};
    start(&a, *state, 1, &b);
    start(&b, *state, 2, &a);
    pair(&a, &b, true); // both know where the other is, and dial at once
    pair(&b, &a, true);
    fixture_run(a.f);
    assert_int_equal(a.ups, 1);
    assert_int_equal(b.ups, 1);
    struct node_session *s = node_session_find(a.node, tls_key(b.tls));
    assert_non_null(s);
    assert_true(link_call(node_session_link(s), "test.ask", json_pack("{s:i}", "n", 1), 15000,
                          on_answer, &a, NULL) > 0);
    fixture_run(a.f);
    assert_int_equal(a.answer, 1);
    assert_int_equal(b.asked, 1);
    node_check(a.node);
    node_check(b.node);
    // The address that worked is remembered, with the port where the other side listens.
    const struct peers_entry *e = peers_memory_find(a.peers, tls_key(b.tls));
    assert_true(e && e->seen_ms > 0 && e->addrs_n > 0);
    assert_int_equal(e->addrs[0].port, node_port(b.node));
    // Revoked: gone at once here, and there as soon as it arrives.
    node_peer_remove(a.node, tls_key(b.tls));
    assert_int_equal(a.downs, 1);
    assert_null(node_session_find(a.node, tls_key(b.tls)));
    while (b.downs == 0) // the stop of our own `down` may come first
        fixture_run(b.f);
    end(&a);
    end(&b);
}

static struct node_session *guest;
static void visited(void *ctx, struct node_session *s, const struct err *why) {
    struct side *a = ctx;
    guest = s;
    assert_null(why);
    loop_stop(a->f->loop);
}

static void a_stranger_on_sockets_is_asked_to_pair(void **state) {
    struct side a = {0}, b = {0};
    start(&a, *state, 3, &b);
    start(&b, *state, 4, &a);
    struct net_addr to = where(&b);
    assert_int_equal(node_visit(a.node, &to, visited, &a, NULL), 0);
    fixture_run(a.f);
    assert_non_null(guest);
    assert_memory_equal(node_session_key(guest), tls_key(b.tls), CHANNEL_KEY_BYTES);
    assert_true(link_call(node_session_link(guest), "test.ask", json_object(), 15000, on_answer, &a,
                          NULL) > 0);
    fixture_run(a.f);
    assert_int_equal(a.answer, NODE_ERROR_NOT_PAIRED);
    assert_int_equal(b.asked, 0);
    end(&a);
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_nodes_on_sockets_have_one_session_and_serve_on_it,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_stranger_on_sockets_is_asked_to_pair, fixture_setup,
                                        fixture_teardown),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("federation/node", tests, NULL, NULL);
}
