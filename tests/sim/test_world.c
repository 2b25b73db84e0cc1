#include "core/base/mem.h"
#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEN_MAX = 4096 };

// One side of a connection, or a listener, and what it saw.
struct side {
    struct world *w;
    uint32_t host;
    struct net_conn *conn;
    uint8_t seen[SEEN_MAX];
    size_t n;
    unsigned opened, accepted, drained, datagrams;
    int why; // of the end; 0: it stands
    uint64_t at;
};

static void on_open(void *ctx) {
    struct side *s = ctx;
    s->opened++;
    s->at = world_now(s->w);
}
static void on_data(void *ctx, const uint8_t *bytes, size_t n) {
    struct side *s = ctx;
    assert_true(n <= SEEN_MAX - s->n);
    memcpy(s->seen + s->n, bytes, n);
    s->n += n;
    s->at = world_now(s->w);
}
static void on_drained(void *ctx) {
    struct side *s = ctx;
    s->drained++;
}
static void on_closed(void *ctx, const struct err *err) {
    struct side *s = ctx;
    s->why = err->code;
    s->conn = NULL;
    s->at = world_now(s->w);
}
static const struct net_conn_events side_events = {on_open, on_data, on_drained, on_closed};

static void on_accept(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct side *s = ctx;
    struct net *net = world_net(s->w, s->host);
    s->accepted++;
    assert_int_equal(from->ip[12], 10);
    s->conn = c;
    net->ops->own(net->self, c, &side_events, s);
}
static void on_datagram(void *ctx, const uint8_t *bytes, size_t n, const struct net_addr *from) {
    struct side *s = ctx;
    (void)from;
    assert_int_equal(n, 1);
    s->datagrams++;
    if (s->n < SEEN_MAX)
        s->seen[s->n++] = bytes[0];
}

static void listen_on(struct side *s) {
    struct net *net = world_net(s->w, s->host);
    uint16_t port = 0;
    assert_int_equal(net->ops->listen(net->self, 0, on_accept, s, &port, NULL), 0);
    assert_int_equal(port, WORLD_PORT_FIRST);
}
static void dial(struct side *s, const struct side *to) {
    struct net *net = world_net(s->w, s->host);
    struct net_addr a = world_addr(s->w, to->host, WORLD_PORT_FIRST);
    assert_int_equal(net->ops->connect(net->self, &a, &side_events, s, &s->conn, NULL), 0);
}
static int put(struct side *s, const void *bytes, size_t n) {
    struct net *net = world_net(s->w, s->host);
    return net->ops->send(net->self, s->conn, bytes, n);
}
static void shut(struct side *s) {
    struct net *net = world_net(s->w, s->host);
    if (s->conn)
        net->ops->close(net->self, s->conn);
    s->conn = NULL;
}

// Two hosts 10 ms apart, a listening on one and a connection to it, if `connected`.
static struct world *two(struct side *a, struct side *b, const struct world_faults *f,
                         bool connected) {
    struct world *w = world_new(7);
    world_set_faults(w, f);
    *a = (struct side){.w = w, .host = world_host_add(w, 0)};
    *b = (struct side){.w = w, .host = world_host_add(w, 0)};
    listen_on(b);
    if (connected) {
        dial(a, b);
        world_run(w, WORLD_S);
        assert_int_equal(a->opened, 1);
        assert_int_equal(b->accepted, 1);
    }
    return w;
}
static void end(struct world *w, struct side *a, struct side *b) {
    shut(a);
    shut(b);
    world_run(w, world_now(w) + WORLD_HOUR);
    world_free(w);
}

static const struct world_faults ten_ms = {.latency_min_us = 10000, .latency_max_us = 10000};
static const struct world_faults rough = {.latency_min_us = 1000,
                                          .latency_max_us = 80000,
                                          .jitter_us = 20000,
                                          .loss_ppm = 100000,
                                          .duplicate_ppm = 100000,
                                          .reorder_ppm = 100000,
                                          .chop_ppm = 300000};

static void a_connection_takes_a_round_trip_and_bytes_half_of_one(void **state) {
    struct side a, b;
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, false);
    dial(&a, &b);
    world_run(w, WORLD_S);
    assert_int_equal(a.at, 20 * WORLD_MS);
    assert_int_equal(put(&a, "hello", 5), 0);
    assert_int_equal(b.n, 0); // never inside the call
    world_run(w, 2 * WORLD_S);
    assert_int_equal(b.at, WORLD_S + 10 * WORLD_MS);
    assert_memory_equal(b.seen, "hello", 5);
    assert_int_equal(a.drained, 1);
    end(w, &a, &b);
}

static void bytes_arrive_in_order_through_loss_and_chopping(void **state) {
    struct side a, b;
    uint8_t sent[SEEN_MAX];
    (void)state;
    struct world *w = two(&a, &b, &rough, true);
    for (size_t i = 0; i < SEEN_MAX; i++)
        sent[i] = (uint8_t)world_random(w, 256);
    for (size_t i = 0; i < SEEN_MAX; i += 64)
        assert_int_equal(put(&a, sent + i, 64), 0);
    shut(&a);
    world_run(w, 60 * WORLD_S);
    assert_int_equal(b.n, SEEN_MAX);
    assert_memory_equal(b.seen, sent, SEEN_MAX);
    assert_int_equal(b.why, ERR_CLOSED); // behind the last byte
    end(w, &a, &b);
}

static void nobody_listening_refuses_and_a_cut_path_times_out(void **state) {
    struct side a, b;
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, false);
    dial(&b, &a); // a does not listen
    world_run(w, WORLD_S);
    assert_int_equal(b.why, ERR_CLOSED);
    world_set_part(w, 1, 1);
    dial(&a, &b);
    world_run(w, 30 * WORLD_S);
    assert_int_equal(a.why, 0);
    world_run(w, 200 * WORLD_S);
    assert_int_equal(a.why, ERR_TIMEOUT);
    end(w, &a, &b);
}

static void bytes_wait_for_a_partition_to_heal(void **state) {
    struct side a, b;
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, true);
    world_set_part(w, 1, 1);
    assert_int_equal(put(&a, "x", 1), 0);
    world_run(w, 20 * WORLD_S);
    assert_int_equal(b.n, 0);
    world_set_part(w, 1, 0);
    world_run(w, 60 * WORLD_S);
    assert_int_equal(b.n, 1);
    world_set_deaf(w, 1, true, false); // one way only
    assert_int_equal(put(&a, "y", 1), 0);
    assert_int_equal(put(&b, "z", 1), 0);
    world_run(w, 61 * WORLD_S);
    assert_int_equal(b.n, 1);
    assert_int_equal(a.n, 1);
    end(w, &a, &b);
}

static void a_killed_process_resets_and_a_dead_host_is_silent(void **state) {
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        struct side a, b;
        struct world *w = two(&a, &b, &ten_ms, true);
        world_host_down(w, 1, silent);
        shut(&b);
        world_run(w, 5 * WORLD_S);
        assert_int_equal(a.why, silent ? 0 : ERR_CLOSED);
        world_host_up(w, 1);
        if (silent) { // the new process knows nothing of the connection
            assert_int_equal(put(&a, "x", 1), 0);
            world_run(w, 10 * WORLD_S);
            assert_int_equal(a.why, ERR_CLOSED);
        }
        assert_int_equal(b.n, 0);
        end(w, &a, &b);
    }
}

static void a_moved_host_is_found_at_its_new_address_only(void **state) {
    struct side a, b, c = {0};
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, true);
    struct net_addr before = world_addr(w, 1, 1), after;
    world_move(w, 1);
    after = world_addr(w, 1, 1);
    assert_false(net_addr_same_host(&before, &after));
    assert_int_equal(put(&a, "x", 1), 0);
    world_run(w, world_now(w) + 1000 * WORLD_S);
    assert_int_equal(b.n, 0);
    assert_int_equal(a.why, ERR_TIMEOUT);
    c.w = w;
    dial(&c, &b);
    shut(&b);
    world_run(w, world_now(w) + WORLD_S);
    assert_int_equal(c.opened, 1);
    shut(&c);
    end(w, &a, &b);
}

static void a_full_queue_refuses_and_a_paused_reader_holds_bytes_back(void **state) {
    struct side a, b;
    static uint8_t block[NET_QUEUE_BYTES_MAX];
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, true);
    struct net *net = world_net(w, 1);
    net->ops->pause(net->self, b.conn, true);
    assert_int_equal(put(&a, block, 100), 0);
    assert_int_equal(put(&a, block, NET_QUEUE_BYTES_MAX - 99), ERR_LIMIT);
    world_run(w, 5 * WORLD_S);
    assert_int_equal(b.n, 0);
    net->ops->pause(net->self, b.conn, false);
    world_run(w, 6 * WORLD_S);
    assert_int_equal(b.n, 100);
    end(w, &a, &b);
}

static void datagrams_are_lost_doubled_and_overtaken(void **state) {
    struct side a, b;
    (void)state;
    struct world *w = two(&a, &b, &rough, false);
    struct net *net = world_net(w, 0), *other = world_net(w, 1);
    assert_int_equal(other->ops->neighbours(other->self, on_datagram, &b, NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t byte = (uint8_t)i;
        assert_int_equal(net->ops->shout(net->self, &byte, 1), 0);
        world_run(w, world_now(w) + 10 * WORLD_MS);
    }
    world_run(w, world_now(w) + 10 * WORLD_S);
    unsigned overtaken = 0, doubled = 0;
    for (size_t i = 1; i < b.n; i++) {
        overtaken += b.seen[i] < b.seen[i - 1];
        for (size_t k = 0; k < i; k++)
            doubled += b.seen[i] == b.seen[k];
    }
    struct world_traffic t;
    world_traffic(w, &t);
    assert_true(overtaken > 0);
    assert_int_equal(b.datagrams + t.lost, 200 + t.duplicated);
    assert_true(t.lost > 0 && doubled > 0);
    end(w, &a, &b);
}

static void a_crash_keeps_what_was_synced_and_tears_the_rest(void **state) {
    unsigned torn = 0, short_ones = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world *w = world_new(seed);
        uint8_t block[300];
        size_t n;
        uint32_t h = world_host_add(w, 0);
        memset(block, 'd', sizeof block);
        world_disk_write(w, h, block, sizeof block);
        world_disk_sync(w, h);
        memset(block, 'c', sizeof block);
        world_disk_write(w, h, block, sizeof block);
        world_host_down(w, h, true);
        const uint8_t *disk = world_disk(w, h, &n);
        assert_true(n >= 300 && n <= 600);
        short_ones += n < 600;
        for (size_t i = 0; i < n; i++) {
            if (i < 300)
                assert_int_equal(disk[i], 'd');
            else if (disk[i] != 'c') {
                torn++;
                break;
            }
        }
        world_free(w);
    }
    assert_true(torn > 5 && short_ones > 25);
}

static void clocks_differ_and_one_may_be_a_day_off(void **state) {
    struct side a, b;
    (void)state;
    struct world *w = two(&a, &b, &ten_ms, false);
    struct env *e = world_env(w, 0), *f = world_env(w, 1);
    assert_int_equal(env_wall_ms(e), env_wall_ms(f));
    assert_int_not_equal(env_mono_ns(e), env_mono_ns(f));
    world_set_skew(w, 1, -INT64_C(86400000));
    assert_int_equal(env_wall_ms(e) - env_wall_ms(f), 86400000);
    end(w, &a, &b);
}

// Connections and datagrams with every fault, over an hour.
static uint64_t an_hour(uint64_t seed, uint64_t *ret_events) {
    struct world *w = world_new(seed);
    struct world_faults f = rough;
    f.reset_per_kh = 20000;
    f.stall_per_kh = 20000;
    world_set_faults(w, &f);
    static struct side sides[6];
    for (uint32_t i = 0; i < 6; i++) {
        struct net *net;
        sides[i] = (struct side){.w = w, .host = world_host_add(w, i / 3)};
        net = world_net(w, i);
        assert_int_equal(net->ops->neighbours(net->self, on_datagram, &sides[i], NULL), 0);
    }
    for (uint32_t i = 0; i < 3; i++)
        listen_on(&sides[i]);
    for (unsigned round = 0; round < 600; round++) {
        struct side *s = &sides[3 + round % 3];
        struct net *net = world_net(w, s->host);
        uint8_t byte = (uint8_t)world_random(w, 256);
        for (unsigned i = 0; i < 6; i++)
            sides[i].n = 0;
        if (!s->conn && !sides[round % 3].conn)
            dial(s, &sides[round % 3]);
        else if (s->conn)
            (void)put(s, &byte, 1);
        (void)net->ops->shout(net->self, &byte, 1);
        world_run(w, world_now(w) + 6 * WORLD_S);
    }
    for (unsigned i = 0; i < 6; i++)
        shut(&sides[i]);
    uint64_t trace = world_trace(w);
    *ret_events = world_events(w);
    world_free(w);
    return trace;
}

static void a_seed_gives_the_same_world_and_another_another(void **state) {
    uint64_t events, again;
    (void)state;
    uint64_t first = an_hour(1, &events);
    assert_int_equal(an_hour(1, &again), first);
    assert_int_equal(again, events);
    assert_true(events > 1000);
    assert_int_not_equal(an_hour(2, &again), first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_takes_a_round_trip_and_bytes_half_of_one),
        cmocka_unit_test(bytes_arrive_in_order_through_loss_and_chopping),
        cmocka_unit_test(nobody_listening_refuses_and_a_cut_path_times_out),
        cmocka_unit_test(bytes_wait_for_a_partition_to_heal),
        cmocka_unit_test(a_killed_process_resets_and_a_dead_host_is_silent),
        cmocka_unit_test(a_moved_host_is_found_at_its_new_address_only),
        cmocka_unit_test(a_full_queue_refuses_and_a_paused_reader_holds_bytes_back),
        cmocka_unit_test(datagrams_are_lost_doubled_and_overtaken),
        cmocka_unit_test(a_crash_keeps_what_was_synced_and_tears_the_rest),
        cmocka_unit_test(clocks_differ_and_one_may_be_a_day_off),
        cmocka_unit_test(a_seed_gives_the_same_world_and_another_another),
    };
    return cmocka_run_group_tests_name("sim/world", tests, NULL, NULL);
}
