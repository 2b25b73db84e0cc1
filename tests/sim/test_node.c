// The node's behaviour, one thing at a time, in small worlds.
#include "core/base/mem.h"
#include "tests/sim/sim_fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct world_faults lan = {
    .latency_min_us = 200, .latency_max_us = 400, .jitter_us = 100};
static const struct world_faults ten_ms = {.latency_min_us = 10000, .latency_max_us = 10000};

static struct fleet *friends(uint64_t seed, uint32_t n, const struct world_faults *faults) {
    struct fleet *f = fleet_new(seed, n, 0);
    world_set_faults(f->world, faults);
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = a + 1; b < n; b++)
            fleet_befriend(f, a, b);
    return f;
}

static void run_s(struct fleet *f, uint64_t s) {
    world_run(f->world, world_now(f->world) + s * WORLD_S);
}

// Runs until bond 0 stands on both sides; how long that took.
static uint64_t until_linked(struct fleet *f, uint64_t within_s) {
    uint64_t begin = world_now(f->world), end = begin + within_s * WORLD_S;
    while (!f->nodes[0].node || !f->nodes[1].node || !fleet_linked(f, 0)) {
        assert_true(world_step(f->world));
        assert_true(world_now(f->world) < end);
    }
    return world_now(f->world) - begin;
}

static void friends_that_dial_at_once_have_one_session(void **state) {
    static const struct world_faults uneven = {.latency_max_us = 5000, .jitter_us = 100000};
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bool near = seed <= 50;
        struct fleet *f = friends(seed, 2, near ? &lan : &uneven);
        fleet_start(f, 0, true);
        world_run(f->world, near ? 0 : world_random(f->world, 300 * WORLD_MS));
        fleet_start(f, 1, true);
        assert_true(until_linked(f, 2) < (near ? 20 : 1000) * WORLD_MS);
        run_s(f, 1); // before any deadline clears up
        assert_int_equal(fleet_apart(f), 0);
        struct node_stats s;
        for (uint32_t i = 0; i < 2; i++) {
            node_stats(f->nodes[i].node, &s);
            assert_int_equal(s.in_use, 1);
            assert_int_equal(s.sessions, 1);
            assert_int_equal(f->nodes[i].ups, 1); // and it was never another
        }
        fleet_free(f);
    }
}

static void one_side_that_knows_the_address_is_enough(void **state) {
    (void)state;
    for (uint32_t dialler = 0; dialler < 2; dialler++) {
        struct fleet *f = friends(3, 2, &ten_ms);
        fleet_start(f, 1 - dialler, false);
        fleet_start(f, dialler, true);
        // TCP, the channel, offer if the other side decides, hello, answer: one way 10 ms each.
        assert_true(until_linked(f, 5) <= 90 * WORLD_MS);
        fleet_free(f);
    }
}

static void a_restarted_peer_takes_the_place_of_its_dead_session(void **state) {
    (void)state;
    for (uint32_t who = 0; who < 2; who++) {
        struct fleet *f = friends(4, 2, &ten_ms);
        f->told = true;
        fleet_start(f, 0, true);
        fleet_start(f, 1, true);
        (void)until_linked(f, 5);
        run_s(f, 60);
        // The power fails and comes back: the other side still believes in its session.
        fleet_restart(f, who, FLEET_POWER, 2 * WORLD_S);
        world_run(f->world, world_now(f->world) + 2 * WORLD_S);
        assert_true(until_linked(f, 5) < WORLD_S);
        assert_int_equal(f->nodes[1 - who].downs, 1);
        fleet_free(f);
    }
}

static void a_silent_link_is_noticed_and_replaced(void **state) {
    (void)state;
    struct fleet *f = friends(5, 2, &ten_ms);
    fleet_start(f, 0, true);
    fleet_start(f, 1, true);
    (void)until_linked(f, 5);
    world_break(f->world, 0, true);
    run_s(f, 2);
    run_s(f, 2 * LINK_PING_MS / 1000 + 5);
    assert_int_equal(fleet_apart(f), 0);
    assert_int_equal(f->nodes[0].downs, 1);
    // Told that the network has changed it does not wait for silence to last.
    world_break(f->world, 0, true);
    node_network_changed(f->nodes[0].node);
    run_s(f, 3);
    assert_int_equal(fleet_apart(f), 0);
    assert_int_equal(f->nodes[0].downs, 2);
    fleet_free(f);
}

static void a_partition_heals_within_the_longest_back_off(void **state) {
    (void)state;
    struct fleet *f = friends(6, 2, &ten_ms);
    fleet_start(f, 0, true);
    fleet_start(f, 1, true);
    (void)until_linked(f, 5);
    world_set_part(f->world, 1, 1);
    run_s(f, 1800);
    assert_null(node_session_find(f->nodes[0].node, f->nodes[1].key));
    struct node_diagnosis d;
    assert_int_equal(node_diagnose(f->nodes[0].node, f->nodes[1].key, &d), 0);
    assert_true(d.state == NODE_WAITING || d.state == NODE_DIALLING);
    assert_true(d.failures > 10 && d.attempts_n == NODE_ATTEMPTS_MAX);
    assert_int_equal(d.attempts[0].code, ERR_TIMEOUT);
    assert_non_null(strstr(d.next_step, "firewall"));
    world_set_part(f->world, 1, 0);
    // A sixteenth of the half hour.
    assert_true(until_linked(f, 200) <=
                (1800000 / NODE_BACK_OFF_SHARE + 2 * LINK_HANDSHAKE_MS) * WORLD_MS);
    assert_int_equal(node_diagnose(f->nodes[0].node, f->nodes[1].key, &d), 0);
    assert_int_equal(d.state, NODE_CONNECTED);
    // A hint is tried at once, whatever the back-off.
    world_set_part(f->world, 1, 1);
    run_s(f, 1800);
    world_set_part(f->world, 1, 0);
    struct net_addr a = world_addr(f->world, 1, WORLD_PORT_FIRST);
    node_hint(f->nodes[0].node, f->nodes[1].key, &a, NODE_BEACON);
    assert_true(until_linked(f, 10) <= (LINK_HANDSHAKE_MS + 2 * NODE_HINT_GAP_MS) * WORLD_MS);
    fleet_free(f);
}

static void a_wrong_address_does_not_hold_up_the_right_one(void **state) {
    (void)state;
    struct fleet *f = friends(7, 3, &ten_ms);
    fleet_start(f, 1, false);
    fleet_start(f, 2, false);
    fleet_start(f, 0, false);
    struct net_addr nowhere = world_addr(f->world, 1, WORLD_PORT_FIRST), other, right;
    nowhere.ip[13] = 99;
    other = world_addr(f->world, 2, WORLD_PORT_FIRST); // somebody else's, who is up
    right = world_addr(f->world, 1, WORLD_PORT_FIRST);
    node_hint(f->nodes[0].node, f->nodes[1].key, &nowhere, NODE_TYPED);
    node_hint(f->nodes[0].node, f->nodes[1].key, &other, NODE_BEACON);
    node_hint(f->nodes[0].node, f->nodes[1].key, &right, NODE_MDNS);
    run_s(f, 1);
    assert_true(fleet_linked(f, 0));
    assert_null(node_session_find(f->nodes[0].node, f->nodes[2].key)); // not by mistake
    fleet_free(f);
}

static void hints_of_strangers_do_not_push_out_what_works(void **state) {
    (void)state;
    struct fleet *f = friends(8, 2, &ten_ms);
    fleet_start(f, 1, false);
    fleet_start(f, 0, true);
    (void)until_linked(f, 5);
    for (uint32_t i = 0; i < 1000; i++) {
        struct net_addr a = world_addr(f->world, 1, (uint16_t)(1 + i));
        a.ip[13] = 77;
        node_hint(f->nodes[0].node, f->nodes[1].key, &a, NODE_BEACON);
    }
    struct node_diagnosis d;
    assert_int_equal(node_diagnose(f->nodes[0].node, f->nodes[1].key, &d), 0);
    assert_int_equal(d.hints, NODE_HINTS_MAX);
    world_break(f->world, 0, false);
    assert_true(until_linked(f, 30) < 5 * WORLD_S);
    fleet_free(f);
}

static void a_revoked_peer_is_cut_off_and_told_so(void **state) {
    (void)state;
    struct fleet *f = friends(9, 2, &ten_ms);
    fleet_start(f, 0, true);
    fleet_start(f, 1, true);
    (void)until_linked(f, 5);
    node_peer_remove(f->nodes[0].node, f->nodes[1].key); // the other side does not know yet
    f->bonds[0].here[0] = false;
    assert_null(node_session_find(f->nodes[0].node, f->nodes[1].key));
    run_s(f, 120);
    struct node_diagnosis d;
    assert_int_equal(node_diagnose(f->nodes[1].node, f->nodes[0].key, &d), 0);
    assert_true(d.refused);
    assert_non_null(strstr(d.next_step, "pair again"));
    assert_int_equal(node_diagnose(f->nodes[0].node, f->nodes[1].key, &d), ERR_NOT_FOUND);
    assert_int_equal(f->nodes[0].ups, 1);
    // Paired again it is back, without a restart.
    struct peers_entry e = {.addrs_n = 1};
    memcpy(e.key, f->nodes[1].key, sizeof e.key);
    e.addrs[0] = world_addr(f->world, 1, WORLD_PORT_FIRST);
    assert_int_equal(node_peer_add(f->nodes[0].node, &e, NULL), 0);
    assert_true(until_linked(f, 5) < WORLD_S);
    fleet_free(f);
}

// --- strangers ----------------------------------------------------------------------------------

struct visitor {
    struct node_session *s;
    int why, error, answers;
};
static void visited(void *ctx, struct node_session *s, const struct err *why) {
    struct visitor *v = ctx;
    v->s = s;
    v->why = why ? why->code : 0;
}
static void heard(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct visitor *v = ctx;
    v->answers++;
    v->error = error ? (int)json_integer_value(json_object_get(error, "code"))
                     : (err && err->code ? err->code : 0);
    (void)result;
}

static void a_stranger_gets_nothing_but_the_door(void **state) {
    (void)state;
    struct fleet *f = fleet_new(10, 2, 0); // no friends
    struct visitor v = {0};
    world_set_faults(f->world, &ten_ms);
    fleet_start(f, 0, false);
    fleet_start(f, 1, false);
    struct net_addr a = world_addr(f->world, 0, WORLD_PORT_FIRST);
    assert_int_equal(node_visit(f->nodes[1].node, &a, visited, &v, NULL), 0);
    run_s(f, 1);
    assert_non_null(v.s);
    assert_false(node_session_friend(v.s));
    assert_memory_equal(node_session_key(v.s), f->nodes[0].key, CHANNEL_KEY_BYTES);
    const char *methods[] = {"test.ask", "hello", "offer"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        assert_true(link_call(node_session_link(v.s), methods[i], json_object(), 5000, heard, &v,
                              NULL) > 0);
        world_run(f->world, world_now(f->world) + 100 * WORLD_MS);
        assert_int_equal(v.error, NODE_ERROR_NOT_PAIRED);
    }
    assert_int_equal(v.answers, 3);
    run_s(f, 2 + NODE_STRANGER_SHUT_MS / 1000); // the door is shut: shown out
    struct node_stats s;
    node_stats(f->nodes[0].node, &s);
    assert_int_equal(s.sessions, 0);
    node_stats(f->nodes[1].node, &s);
    assert_int_equal(s.sessions, 0);
    fleet_free(f);
}

static void strangers_from_one_address_are_few(void **state) {
    (void)state;
    struct fleet *f = fleet_new(11, 3, 0);
    static struct visitor v[32];
    memset(v, 0, sizeof v);
    f->door = true;
    world_set_faults(f->world, &ten_ms);
    for (uint32_t i = 0; i < 3; i++)
        fleet_start(f, i, false);
    struct net_addr a = world_addr(f->world, 0, WORLD_PORT_FIRST);
    for (size_t i = 0; i < COUNT_OF(v); i++)
        assert_int_equal(node_visit(f->nodes[1].node, &a, visited, &v[i], NULL), 0);
    run_s(f, 2);
    struct node_stats s;
    node_stats(f->nodes[0].node, &s);
    assert_int_equal(s.strangers, NODE_STRANGERS_PER_ADDRESS);
    assert_true(s.refused >= COUNT_OF(v) - NODE_STRANGERS_PER_ADDRESS);
    struct visitor w = {0}; // somebody else still gets in
    assert_int_equal(node_visit(f->nodes[2].node, &a, visited, &w, NULL), 0);
    run_s(f, 1);
    node_stats(f->nodes[0].node, &s);
    assert_int_equal(s.strangers, NODE_STRANGERS_PER_ADDRESS + 1);
    run_s(f, NODE_STRANGER_MS / 1000 + 2);
    node_stats(f->nodes[0].node, &s);
    assert_int_equal(s.sessions, 0);
    fleet_free(f);
}

static void a_stranger_that_was_paired_becomes_a_friend(void **state) {
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        struct fleet *f = fleet_new(12, 2, 0);
        struct visitor v = {0};
        f->door = true;
        world_set_faults(f->world, &ten_ms);
        fleet_start(f, 0, false);
        fleet_start(f, 1, false);
        struct net_addr a = world_addr(f->world, 0, WORLD_PORT_FIRST);
        assert_int_equal(node_visit(f->nodes[1].node, &a, visited, &v, NULL), 0);
        run_s(f, 1);
        assert_non_null(v.s);
        fleet_befriend(f, 0, 1);
        for (uint32_t i = 0; i < 2; i++) {
            struct peers_entry e = {0};
            uint32_t at = (first + i) % 2;
            memcpy(e.key, f->nodes[1 - at].key, sizeof e.key);
            assert_int_equal(node_peer_add(f->nodes[at].node, &e, NULL), 0);
            world_run(f->world, world_now(f->world) + 2 * WORLD_MS);
        }
        assert_true(until_linked(f, 10) < WORLD_S);
        fleet_free(f);
    }
}

static void a_friend_that_floods_is_told_that_we_are_busy(void **state) {
    (void)state;
    struct fleet *f = friends(13, 2, &ten_ms);
    struct visitor v = {0};
    fleet_start(f, 0, true);
    fleet_start(f, 1, true);
    (void)until_linked(f, 5);
    struct node_session *s = node_session_find(f->nodes[0].node, f->nodes[1].key);
    unsigned busy = 0, sent = 0;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 100; i++)
            sent += link_call(node_session_link(s), "test.ask", NULL, 5000, heard, &v, NULL) > 0;
        world_run(f->world, world_now(f->world) + 50 * WORLD_MS);
        busy += v.error == NODE_ERROR_BUSY;
    }
    assert_int_equal(v.answers, sent); // every one is answered
    assert_true(busy >= 5);
    run_s(f, 10);
    assert_true(link_call(node_session_link(s), "test.ask", NULL, 5000, heard, &v, NULL) > 0);
    run_s(f, 1);
    assert_int_equal(v.error, 0);
    assert_int_equal(f->nodes[1].downs, 0);
    fleet_free(f);
}

static void stale_peers_cost_little_and_hold_nobody_up(void **state) {
    (void)state;
    enum { STALE = 2000 };
    struct fleet *f = friends(14, 2, &ten_ms);
    f->check_every = 1000;
    fleet_start(f, 0, false);
    for (uint32_t i = 0; i < STALE; i++) {
        struct peers_entry e = {.addrs_n = 1};
        memset(e.key, 0xee, sizeof e.key);
        memcpy(e.key, &i, sizeof i);
        e.seen_ms = env_wall_ms(world_env(f->world, 0)) - INT64_C(7) * 24 * 3600 * 1000;
        e.addrs[0] = world_addr(f->world, 1, 1);
        e.addrs[0].ip[13] = 50; // where nobody answers
        assert_int_equal(node_peer_add(f->nodes[0].node, &e, NULL), 0);
    }
    run_s(f, 60);
    struct node_stats s;
    node_stats(f->nodes[0].node, &s);
    assert_int_equal(s.peers, STALE + 1);
    assert_true(s.dials <= NODE_DIALS_MAX / 4);
    fleet_start(f, 1, false);
    struct net_addr a = world_addr(f->world, 1, WORLD_PORT_FIRST);
    node_hint(f->nodes[0].node, f->nodes[1].key, &a, NODE_BEACON);
    assert_true(until_linked(f, 5) < WORLD_S);
    run_s(f, 3600);
    uint64_t before = world_events(f->world);
    run_s(f, 3600);
    // 16 dials of 5 s at a time, some five events each, and 50 a second that find no room: no more,
    // however many wait.
    assert_true(world_events(f->world) - before < 3600 * 100);
    assert_int_equal(f->nodes[0].downs, 0); // the friend has never noticed
    fleet_free(f);
}

static void a_failed_allocation_costs_a_session_at_most(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth <= 400; nth += nth < 100 ? 1 : 7) {
        struct fleet *f = friends(15, 2, &ten_ms);
        fleet_start(f, 0, true);
        fleet_start(f, 1, true);
        mem_fail_at(nth);
        run_s(f, 300);
        mem_fail_at(0);
        assert_int_equal(fleet_apart(f), 0);
        fleet_free(f);
    }
}

static void a_start_without_memory_leaves_nothing(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct world *w = world_new(1);
        uint32_t h = world_host_add(w, 0);
        struct peers_memory *m = peers_memory_new();
        for (uint8_t i = 1; i < 6; i++) {
            struct peers_entry e = {.key = {i}, .addrs_n = 1};
            e.addrs[0] = world_addr(w, h, i);
            assert_int_equal(peers_memory_put(m, &e), 0);
        }
        struct channel_plain_self self = {.env = world_env(w, h)};
        struct channel_maker channels = channel_plain_maker(&self);
        struct node_config c = {.env = world_env(w, h),
                                .net = world_net(w, h),
                                .channels = &channels,
                                .peers = peers_memory_face(m)};
        struct node *n = NULL;
        struct err e = {0};
        mem_fail_at(nth);
        int r = node_start(&c, &n, &e);
        bool all = mem_count() < nth;
        mem_fail_at(0);
        if (r == 0)
            node_stop(n);
        else
            assert_int_equal(r, ERR_NOMEM);
        assert_int_equal(world_timers(w, h), 0);
        assert_int_equal(world_conns(w, h), 0);
        world_free(w);
        peers_memory_free(m);
        if (all)
            return;
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(friends_that_dial_at_once_have_one_session),
        cmocka_unit_test(one_side_that_knows_the_address_is_enough),
        cmocka_unit_test(a_restarted_peer_takes_the_place_of_its_dead_session),
        cmocka_unit_test(a_silent_link_is_noticed_and_replaced),
        cmocka_unit_test(a_partition_heals_within_the_longest_back_off),
        cmocka_unit_test(a_wrong_address_does_not_hold_up_the_right_one),
        cmocka_unit_test(hints_of_strangers_do_not_push_out_what_works),
        cmocka_unit_test(a_revoked_peer_is_cut_off_and_told_so),
        cmocka_unit_test(a_stranger_gets_nothing_but_the_door),
        cmocka_unit_test(strangers_from_one_address_are_few),
        cmocka_unit_test(a_stranger_that_was_paired_becomes_a_friend),
        cmocka_unit_test(a_friend_that_floods_is_told_that_we_are_busy),
        cmocka_unit_test(stale_peers_cost_little_and_hold_nobody_up),
        cmocka_unit_test(a_failed_allocation_costs_a_session_at_most),
        cmocka_unit_test(a_start_without_memory_leaves_nothing),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("sim/node", tests, NULL, NULL);
}
