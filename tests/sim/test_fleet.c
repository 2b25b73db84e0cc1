// Worlds of twenty nodes for a virtual hour each, with every kind of fault. A seed is a world:
//   sim_fleet                      the default seeds, the first twice
//   sim_fleet --seeds 1000         so many, from --from (1)
//   sim_fleet --seed 7             one, twice, with what happened
//   sim_fleet --days 30 --nodes 1000 --seed 1   churn of 10 %/h over days: availability
#include "core/base/mem.h"
#include "tests/sim/sim_byzantine.h"
#include "tests/sim/sim_fleet.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    NODES = 20,
    FRIENDS = 6,
    HOUR_S = 3600,
    PHASE_S = 600, // of trouble, then quiet
    QUIET_S = 240, // within which all that can reach each other must be connected
    DEFAULT_SEEDS = 3
};

static const struct world_faults trouble = {.latency_min_us = 200,
                                            .latency_max_us = 160000,
                                            .jitter_us = 30000,
                                            .loss_ppm = 20000,
                                            .duplicate_ppm = 20000,
                                            .reorder_ppm = 50000,
                                            .chop_ppm = 100000,
                                            .reset_per_kh = 2000,
                                            .stall_per_kh = 2000};

struct seed_result {
    uint64_t trace, events, ups, downs, answers, refusals, both, linked;
    struct world_traffic traffic;
};

// For the handler of SIGABRT: what has to be replayed.
static volatile uint64_t current_seed;

static void on_abort(int sig) {
    char line[96];
    int n = snprintf(line, sizeof line,
                     "\nseed %llu: an invariant does not hold; replay: sim_fleet --seed %llu\n",
                     (unsigned long long)current_seed, (unsigned long long)current_seed);
    (void)sig;
    if (n > 0)
        (void)!write(2, line, (size_t)n);
}

static bool in_trouble(const struct fleet *f) {
    return world_now(f->world) % (PHASE_S * WORLD_S) < (PHASE_S - QUIET_S) * WORLD_S;
}

static void mischief(void *ctx);

static void next_mischief(struct fleet *f) {
    world_at(f->world, world_now(f->world) + world_random(f->world, 12 * WORLD_S), mischief, f);
}

static uint32_t running(struct fleet *f) {
    uint32_t i = (uint32_t)world_random(f->world, f->nodes_n);
    return f->nodes[i].node ? i : UINT32_MAX;
}

// One fault. All of them end with the trouble, but for what each leaves behind.
static void mischief(void *ctx) {
    struct fleet *f = ctx;
    struct world *w = f->world;
    uint32_t i = running(f);
    if (!in_trouble(f) || i == UINT32_MAX) {
        next_mischief(f);
        return;
    }
    uint64_t left = (PHASE_S - QUIET_S) * WORLD_S - world_now(w) % (PHASE_S * WORLD_S);
    switch (world_random(w, 10)) {
    case 0:
        world_break(w, i, false);
        break;
    case 1:
        world_break(w, i, true);
        break;
    case 2: // a part of the network for itself
        for (uint32_t k = 0; k < f->nodes_n; k++)
            world_set_part(w, k, (uint32_t)world_random(w, 2));
        break;
    case 3:
        for (uint32_t k = 0; k < f->nodes_n; k++)
            world_set_part(w, k, 0);
        break;
    case 4:
        world_set_deaf(w, i, world_random(w, 2), world_random(w, 2));
        break;
    case 5: // up to a day off, and it may jump while it runs
        world_set_skew(w, i, (int64_t)world_random(w, 2 * 86400000) - 86400000);
        break;
    case 6:
        world_move(w, i);
        node_network_changed(f->nodes[i].node);
        break;
    case 7:
        if (world_chance(w, 100000))
            fleet_revoke(f, (uint32_t)world_random(w, f->bonds_n));
        break;
    default:
        fleet_restart(f, i, (enum fleet_end)world_random(w, 3),
                      world_random(w, left < 120 * WORLD_S ? left + 1 : 120 * WORLD_S));
    }
    next_mischief(f);
}

static void calm(struct fleet *f) {
    struct world_faults quiet = trouble;
    quiet.reset_per_kh = quiet.stall_per_kh = 0; // but loss stays
    world_set_faults(f->world, &quiet);
    for (uint32_t i = 0; i < f->nodes_n; i++) {
        world_set_part(f->world, i, 0);
        world_set_deaf(f->world, i, false, false);
    }
}

static void show_apart(const struct fleet *f) {
    for (uint32_t i = 0; i < f->bonds_n; i++) {
        const struct fleet_bond *d = &f->bonds[i];
        if (d->revoked || !f->nodes[d->a].node || !f->nodes[d->b].node || fleet_linked(f, i))
            continue;
        for (int k = 0; k < 2; k++) {
            uint32_t me = k ? d->b : d->a, it = k ? d->a : d->b;
            struct node_diagnosis x;
            if (node_diagnose(f->nodes[me].node, f->nodes[it].key, &x) < 0)
                continue;
            (void)fprintf(stderr,
                          "  %u to %u: state %d, %u hints, %u failures, next in %lld ms: %s\n", me,
                          it, (int)x.state, x.hints, x.failures, (long long)x.next_ms,
                          x.attempts_n ? x.attempts[0].text : "not tried");
        }
    }
}

static struct seed_result run_seed(uint64_t seed) {
    struct seed_result r = {0};
    current_seed = seed;
    struct fleet *f = fleet_new(seed, NODES, FRIENDS);
    struct byzantine *b = byzantine_new(f, 3);
    f->beacon_ms = 20000;
    f->talk_ms = 10000;
    f->door = true;
    for (uint32_t i = 0; i < NODES; i++)
        fleet_start(f, i, world_chance(f->world, 500000));
    next_mischief(f);
    for (uint64_t s = PHASE_S; s <= HOUR_S; s += PHASE_S) {
        world_set_faults(f->world, &trouble);
        world_run(f->world, (s - QUIET_S) * WORLD_S);
        calm(f);
        world_run(f->world, s * WORLD_S);
        if (fleet_apart(f) > 0) {
            (void)fprintf(stderr, "seed %llu: %u pairs are not connected %d s after the trouble\n",
                          (unsigned long long)seed, fleet_apart(f), QUIET_S);
            show_apart(f);
            abort();
        }
    }
    fleet_account(f);
    for (uint32_t i = 0; i < f->bonds_n; i++) {
        r.both += f->bonds[i].both;
        r.linked += f->bonds[i].linked;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        r.ups += f->nodes[i].ups;
        r.downs += f->nodes[i].downs;
        r.answers += f->nodes[i].answers;
        r.refusals += f->nodes[i].refusals;
    }
    r.trace = world_trace(f->world);
    r.events = world_events(f->world);
    world_traffic(f->world, &r.traffic);
    byzantine_free(b);
    fleet_free(f);
    return r;
}

static double cpu_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int one(uint64_t seed) {
    struct seed_result r = run_seed(seed), again = run_seed(seed);
    (void)printf("seed %llu: trace %016llx, %llu events, sessions %llu up %llu down, %llu answers, "
                 "connected %.3f %% of the time that both were up\n"
                 "  %llu connections, %llu segments, %llu bytes, %llu resets, %llu datagrams, %llu "
                 "lost, %llu doubled\n",
                 (unsigned long long)seed, (unsigned long long)r.trace,
                 (unsigned long long)r.events, (unsigned long long)r.ups,
                 (unsigned long long)r.downs, (unsigned long long)r.answers,
                 100.0 * (double)r.linked / (double)r.both, (unsigned long long)r.traffic.conns,
                 (unsigned long long)r.traffic.segments, (unsigned long long)r.traffic.bytes,
                 (unsigned long long)r.traffic.resets, (unsigned long long)r.traffic.datagrams,
                 (unsigned long long)r.traffic.lost, (unsigned long long)r.traffic.duplicated);
    if (again.trace != r.trace || again.events != r.events) {
        (void)fprintf(stderr, "seed %llu: the second run was another: %016llx, %llu events\n",
                      (unsigned long long)seed, (unsigned long long)again.trace,
                      (unsigned long long)again.events);
        return 1;
    }
    // A world in which nothing happens proves nothing.
    return r.ups > NODES && r.downs > NODES && r.answers > 100 && r.traffic.lost > 0 &&
                   r.traffic.resets > 0
               ? 0
               : 1;
}

static int many(uint64_t from, uint64_t count) {
    uint64_t events = 0;
    double begin = cpu_s();
    for (uint64_t seed = from; seed < from + count; seed++) {
        events += run_seed(seed).events;
        if ((seed - from + 1) % 100 == 0)
            (void)fprintf(stderr, "%llu seeds, %.1f s\n", (unsigned long long)(seed - from + 1),
                          cpu_s() - begin);
    }
    (void)printf("%llu seeds from %llu: %llu events, %.1f s of CPU, no invariant violated\n",
                 (unsigned long long)count, (unsigned long long)from, (unsigned long long)events,
                 cpu_s() - begin);
    return 0;
}

// --- days of churn ------------------------------------------------------------------------------

struct churn {
    struct fleet *f;
    uint32_t i;
};

static void churn(void *ctx);

static void next_churn(struct churn *c, uint64_t after) {
    // Ten hours up on average, so that a tenth of the nodes goes every hour.
    world_at(c->f->world,
             world_now(c->f->world) + after + world_random(c->f->world, 20 * WORLD_HOUR), churn, c);
}

static void churn(void *ctx) {
    struct churn *c = ctx;
    uint64_t away = WORLD_S + world_random(c->f->world, 20 * 60 * WORLD_S);
    fleet_restart(c->f, c->i, (enum fleet_end)world_random(c->f->world, 3), away);
    next_churn(c, away);
}

static int days(uint64_t seed, uint64_t days_n, uint32_t nodes) {
    current_seed = seed;
    double begin = cpu_s();
    struct fleet *f = fleet_new(seed, nodes, FRIENDS);
    struct churn *all = calloc(nodes, sizeof *all);
    const struct world_faults wide = {
        .latency_min_us = 5000, .latency_max_us = 160000, .jitter_us = 20000, .loss_ppm = 10000};
    assert(all);
    f->check_every = 997;
    f->told = true; // who comes back finds its friends by a beacon, a server or its table
    world_set_faults(f->world, &wide);
    for (uint32_t i = 0; i < nodes; i++) {
        fleet_start(f, i, true);
        all[i] = (struct churn){f, i};
        next_churn(&all[i], 0);
    }
    for (uint64_t d = 1; d <= days_n; d++) {
        world_run(f->world, d * 24 * WORLD_HOUR);
        (void)fprintf(stderr, "day %llu: %llu events, %.1f s of CPU\n", (unsigned long long)d,
                      (unsigned long long)world_events(f->world), cpu_s() - begin);
    }
    uint64_t both = 0, linked = 0, starts = 0;
    fleet_account(f);
    for (uint32_t i = 0; i < f->bonds_n; i++) {
        both += f->bonds[i].both / WORLD_MS;
        linked += f->bonds[i].linked / WORLD_MS;
    }
    for (uint32_t i = 0; i < nodes; i++)
        starts += f->nodes[i].starts;
    double share = 100.0 * (double)linked / (double)both;
    (void)printf("seed %llu: %u nodes, %llu days, %u pairs of friends, %llu starts: connected %.4f "
                 "%% of the time "
                 "that both were up (asked 99.95), %llu events, %.1f s of CPU, trace %016llx\n",
                 (unsigned long long)seed, nodes, (unsigned long long)days_n, f->bonds_n,
                 (unsigned long long)starts, share, (unsigned long long)world_events(f->world),
                 cpu_s() - begin, (unsigned long long)world_trace(f->world));
    fleet_free(f);
    free(all);
    return share >= 99.95 ? 0 : 1;
}

int main(int argc, char **argv) {
    uint64_t seeds = 0, from = 1, seed = 0, days_n = 0, nodes = 1000;
    struct {
        const char *name;
        uint64_t *value;
    } options[] = {{"--seeds", &seeds},
                   {"--from", &from},
                   {"--seed", &seed},
                   {"--days", &days_n},
                   {"--nodes", &nodes}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < COUNT_OF(options) && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k == COUNT_OF(options) || i + 1 == argc) {
            (void)fprintf(stderr,
                          "sim_fleet: [--seeds N [--from N] | --seed N | --days N --nodes N]\n");
            return 2;
        }
        *options[k].value = strtoull(argv[++i], NULL, 10);
    }
    (void)signal(SIGABRT, on_abort);
    mem_init_json();
    if (days_n)
        return days(seed ? seed : 1, days_n, (uint32_t)nodes);
    if (seed)
        return one(seed);
    if (seeds)
        return many(from, seeds);
    int r = one(1);
    return r ? r : many(2, DEFAULT_SEEDS - 1);
}
