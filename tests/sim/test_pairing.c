// Pairing in worlds of trouble: whatever breaks, and whoever is killed, in the end both engines are
// paired, or neither is, or the one that cannot know says that it was refused.
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "tests/sim/world.h"
#include "tests/unit/federation/pairwork_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 400, USER_MS = 100 };

struct story {
    uint64_t seed;
    struct world *world;
    struct paired_engine e[2]; // host, guest
    uint64_t answer_ns[2];     // when its user says yes
    bool killed[2];
    uint64_t back_ns; // of whoever is down
    int down;         // who; -1: nobody
};

static void start(struct story *s, uint32_t i) {
    s->e[i].env = world_env(s->world, i);
    s->e[i].net = world_net(s->world, i);
    s->e[i].plain.env = s->e[i].env;
    engine_start(&s->e[i]);
}

// At every moment: the host stores last, and the guest gives up only what the host has not.
static void check(void *ctx, uint32_t host) {
    struct story *s = ctx;
    (void)host;
    if (engine_stored(&s->e[0], &s->e[1]) && !engine_stored(&s->e[1], &s->e[0])) {
        (void)fprintf(stderr, "seed %llu: the host alone\n", (unsigned long long)s->seed);
        abort();
    }
}

static void users(void *ctx) {
    struct story *s = ctx;
    for (int i = 0; i < 2; i++) {
        struct paired_engine *e = &s->e[i];
        if (e->node && world_now(s->world) >= s->answer_ns[i] &&
            engine_state(e).phase == PAIRWORK_ASKING)
            (void)pairwork_answer(e->work, e->act, true, NULL, NULL);
    }
    world_at(s->world, world_now(s->world) + USER_MS * WORLD_MS, users, s);
}

static void come_back(void *ctx) {
    struct story *s = ctx;
    world_host_up(s->world, (uint32_t)s->down);
    start(s, (uint32_t)s->down);
    s->down = -1;
}

static void kill_one(void *ctx) {
    struct story *s = ctx;
    uint32_t who = (uint32_t)world_random(s->world, 2);
    world_host_down(s->world, who, world_chance(s->world, WORLD_PPM / 2));
    engine_stop(&s->e[who]);
    s->killed[who] = true;
    s->down = (int)who;
    uint64_t away = WORLD_S / 10 + world_random(s->world, 20 * WORLD_S);
    world_at(s->world, world_now(s->world) + away, come_back, s);
}

static void heal(void *ctx) {
    struct story *s = ctx;
    world_set_part(s->world, 1, 0);
}

static void part(void *ctx) {
    struct story *s = ctx;
    world_set_part(s->world, 1, 1);
    world_at(s->world, world_now(s->world) + world_random(s->world, 90 * WORLD_S), heal, s);
}

static void begin(struct story *s, uint64_t seed) {
    static const char *const names[] = {"Ada", "Grace"};
    const struct world_faults trouble = {.latency_max_us = 60000,
                                         .jitter_us = 20000,
                                         .loss_ppm = 20000,
                                         .chop_ppm = 200000,
                                         .reset_per_kh = 100000};
    memset(s, 0, sizeof *s);
    s->seed = seed;
    s->down = -1;
    s->world = world_new(seed);
    world_set_faults(s->world, &trouble);
    for (uint32_t i = 0; i < 2; i++) {
        struct paired_engine *e = &s->e[i];
        assert_int_equal(world_host_add(s->world, 0), i);
        engine_make(e, (uint8_t)(i + 1 + 2 * (seed % 2)), (uint8_t)(i + 1), names[i]);
        memcpy(e->plain.key, e->device, sizeof e->plain.key);
        e->channels = channel_plain_maker(&e->plain);
        start(s, i);
        s->answer_ns[i] = world_random(s->world, 3 * WORLD_S);
    }
    world_set_after(s->world, check, s);
}

static void end(struct story *s) {
    for (uint32_t i = 0; i < 2; i++) {
        node_check(s->e[i].node);
        engine_stop(&s->e[i]);
        peers_memory_free(s->e[i].peers);
        buf_done(&s->e[i].chain);
        assert_int_equal(world_timers(s->world, i), 0);
    }
    world_free(s->world);
}

static void in_the_end_both_are_paired_or_neither(void **state) {
    unsigned paired = 0, unpaired = 0, told = 0, unsure = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct story s;
        struct node_diagnosis d;
        begin(&s, seed);
        struct net_addr to = world_addr(s.world, 0, node_port(s.e[0].node));
        engine_open(&s.e[0]);
        assert_int_equal(pairwork_guess(s.e[1].work, s.e[0].code, strlen(s.e[0].code),
                                        &s.e[1].terms, &to, 1, &s.e[1].act, NULL),
                         0);
        users(&s);
        uint64_t at = world_random(s.world, 4 * WORLD_S), what = world_random(s.world, 10);
        if (world_chance(s.world, WORLD_PPM * 2 / 3)) // when the last yes is on its way, or stored
            at = (s.answer_ns[0] > s.answer_ns[1] ? s.answer_ns[0] : s.answer_ns[1]) +
                 world_random(s.world, WORLD_S / 2);
        if (what < 9)
            world_at(s.world, at, what < 6 ? kill_one : part, &s);
        world_run(s.world, 180 * WORLD_S);
        unsure += s.e[1].confirmed == 0 && s.e[1].stored_n == 1;
        world_set_faults(s.world, &(struct world_faults){0});
        world_run(s.world, 600 * WORLD_S);
        bool host = engine_stored(&s.e[0], &s.e[1]), guest = engine_stored(&s.e[1], &s.e[0]);
        if (host) { // and so has the guest, see check()
            assert_true(engines_connected(&s.e[0], &s.e[1]));
            paired++;
        } else if (guest) { // killed when it had stored it: all that it can do is say so
            assert_true(s.killed[1]);
            assert_int_equal(node_diagnose(s.e[1].node, s.e[0].device, &d), 0);
            assert_true(d.refused);
            told++;
        } else {
            unpaired++;
        }
        end(&s);
    }
    (void)printf("%u paired, %u not, %u told that they are not; %u waited for an answer\n", paired,
                 unpaired, told, unsure);
    assert_true(paired > SEEDS / 5 && unpaired > SEEDS / 20 && told > 0 && unsure > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_the_end_both_are_paired_or_neither)};
    mem_init_json();
    assert_int_equal(secret_init(NULL), 0);
    return cmocka_run_group_tests_name("sim/pairing", tests, NULL, NULL);
}
