// Engines' federation (node, exchange, peers.db) in worlds of trouble, with grants that come and
// go. A seed is a world:
//   sim_exchange               the default seeds, the first twice
//   sim_exchange --seeds 100   so many, from --from (1)
// What must hold: no record leaves a node that has no grant for it with anybody at that moment;
// whoever may see a scope agrees on it once the trouble is over; what was taken back is nowhere, is
// on no wire any more, and whoever had it has confirmed; a revoked device's old records stay, its
// new ones go nowhere.
#include "core/base/mem.h"
#include "federation/exchange.h"
#include "tests/sim/sim_fleet.h"
#include "tests/unit/federation/records_maker.h"

#include <assert.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    NODES = 6,
    SCOPES = 3,
    THIEF = NODES - 1, // a device of node 0's person, revoked in the end
    TROUBLE_S = 600,
    QUIET_S = 300,
    MADE_MAX = 400,
    BODY_BYTES = 200,
    CANARY_BYTES = 24,
    BOTH = SYNC_SEND | SYNC_RECEIVE,
    DEFAULT_SEEDS = 3
};

struct scene;
struct engine {
    struct scene *scene;
    uint32_t i;
    struct db *db; // outlives the process
    struct peersdb *p;
    struct exchange *x;
    uint8_t device[64];
    const uint8_t *identity; // secret
    struct buf chain;
    unsigned allow[NODES][SCOPES]; // its user's grants, with whom
    uint32_t gone;
};
struct made {
    uint8_t id[RECORD_ID_BYTES], canary[CANARY_BYTES];
    uint32_t by;
    int scope;
    bool taken_back;
    bool had[NODES]; // when it was taken back
};
struct scene {
    struct fleet *f;
    struct engine e[NODES];
    uint8_t identity[NODES][64];
    uint8_t canary[SCOPES][CANARY_BYTES]; // in each record of a scope
    struct made made[MADE_MAX];
    uint32_t made_n;
    bool withdrawn[SCOPES]; // for good: taken back, and confirmed
    bool over;              // nothing that was taken back may be on a wire any more
    bool done;
    uint64_t sightings;
};

static volatile uint64_t current_seed;
static void on_abort(int sig) {
    char line[112];
    int n =
        snprintf(line, sizeof line,
                 "\nseed %llu: an invariant does not hold; replay: sim_exchange --seeds 1 --from "
                 "%llu\n",
                 (unsigned long long)current_seed, (unsigned long long)current_seed);
    (void)sig;
    if (n > 0)
        (void)!write(2, line, (size_t)n);
}

static void scope_of(int scope, uint8_t ret[RECORD_SCOPE_BYTES]) {
    memset(ret, 0xa0 + scope, RECORD_SCOPE_BYTES);
}

// ------------------------------------------------------------------------ what an engine's owner
// does

static struct engine *engine_at(struct scene *s, const uint8_t *device) {
    for (uint32_t i = 0; i < NODES; i++)
        if (memcmp(s->e[i].device + 32, device, RECORD_KEY_BYTES) == 0)
            return &s->e[i];
    return NULL;
}
static void scopes(void *ctx, const struct exchange_peer *peer, exchange_scope_fn *fn,
                   void *fn_ctx) {
    (void)ctx, (void)peer;
    for (int k = 0; k < SCOPES; k++) {
        uint8_t scope[RECORD_SCOPE_BYTES];
        scope_of(k, scope);
        fn(fn_ctx, scope);
    }
}
static unsigned allow(void *ctx, const struct exchange_peer *peer,
                      const uint8_t scope[RECORD_SCOPE_BYTES]) {
    const struct engine *e = ctx, *other = engine_at(e->scene, peer->device);
    int k = scope[0] - 0xa0;
    return other && k >= 0 && k < SCOPES ? e->allow[other->i][k] : 0;
}
static int chain(void *ctx, struct buf *out, struct err *err) {
    const struct engine *e = ctx;
    (void)err;
    return buf_append(out, e->chain.data, e->chain.len);
}
static void revoked(void *ctx, const uint8_t device[RECORD_KEY_BYTES]) {
    struct engine *e = ctx;
    assert(memcmp(device, e->scene->e[THIEF].device + 32, RECORD_KEY_BYTES) == 0);
    e->gone++;
    if (e->scene->f->nodes[e->i].node)
        node_peer_remove(e->scene->f->nodes[e->i].node, device);
}
static const struct exchange_owner owner = {
    .scopes = scopes, .allow = allow, .chain = chain, .revoked = revoked};

static void changed(void *ctx, enum peersdb_change what, const uint8_t *scope, const uint8_t *id,
                    const uint8_t *by) {
    exchange_changed(((struct engine *)ctx)->x, what, scope, id, by);
}

static void starting(void *ctx, uint32_t i) {
    struct scene *s = ctx;
    struct engine *e = &s->e[i];
    struct exchange_config c = {.env = world_env(s->f->world, i),
                                .peers = e->p,
                                .signer = records_signer_of(e->device),
                                .owner = &owner,
                                .ctx = e};
    int r = exchange_new(&c, &e->x, NULL);
    assert(r == 0);
    exchange_service(e->x, &s->f->nodes[i].services[1]);
    s->f->nodes[i].services_n = 2;
}
static void stopped(void *ctx, uint32_t i) {
    struct engine *e = &((struct scene *)ctx)->e[i];
    exchange_free(e->x);
    e->x = NULL;
}

static void say(const uint8_t *by, enum statement_kind kind, const uint8_t *subject,
                uint64_t counter, uint8_t ret[STATEMENT_BYTES_MAX]) {
    struct statement st = {.kind = kind, .counter = counter, .made_ms = MAKER_NOW_MS};
    memcpy(st.identity, by + 32, sizeof st.identity);
    memcpy(st.subject, subject + 32, sizeof st.subject);
    statement_sign(&st, by, kind == STATEMENT_REVOKE ? NULL : subject, ret);
}
static void certify(struct engine *e, bool revoke_thief) {
    uint8_t certificate[STATEMENT_BYTES_MAX], revocation[STATEMENT_BYTES_MAX];
    say(e->identity, STATEMENT_DEVICE, e->device, 1 + e->i, certificate);
    if (revoke_thief)
        say(e->identity, STATEMENT_REVOKE, e->scene->e[THIEF].device, 100, revocation);
    buf_clear(&e->chain);
    int r = chain_format(NULL, 0, revocation, revoke_thief, certificate, &e->chain);
    assert(r == 0);
}

// --------------------------------------------------------------------------------- invariants

static void on_tap(void *ctx, uint32_t from, const uint8_t *bytes, size_t n) {
    struct scene *s = ctx;
    for (int k = 0; k < SCOPES; k++) {
        if (!memmem(bytes, n, s->canary[k], CANARY_BYTES))
            continue;
        bool may = false;
        for (uint32_t i = 0; i < NODES; i++)
            may |= i != from && s->e[from].allow[i][k] & SYNC_SEND;
        assert(may);
        s->sightings++;
    }
    for (uint32_t i = 0; s->over && i < s->made_n; i++)
        assert(!s->made[i].taken_back || !memmem(bytes, n, s->made[i].canary, CANARY_BYTES));
}

static bool has(const struct engine *e, const uint8_t *id) {
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    return peersdb_get(e->p, id, &bytes, NULL, NULL) == 0;
}

static int sum_id(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    uint8_t *sum = ctx;
    (void)seq, (void)bytes, (void)n;
    for (size_t i = 0; i < RECORD_ID_BYTES; i++)
        sum[i] ^= id[i];
    sum[RECORD_ID_BYTES]++;
    return 0;
}

static void all_agree(struct scene *s, uint32_t nodes) {
    for (int k = 0; k < SCOPES; k++) {
        uint8_t scope[RECORD_SCOPE_BYTES], first[RECORD_ID_BYTES + 1] = {0};
        scope_of(k, scope);
        for (uint32_t i = 0; i < nodes; i++) {
            uint8_t sum[RECORD_ID_BYTES + 1] = {0};
            int r = peersdb_ids(s->e[i].p, scope, sum_id, i ? sum : first, NULL);
            assert(r == 0);
            assert(i == 0 || memcmp(sum, first, sizeof sum) == 0);
        }
    }
}

static void on_receipt(void *ctx, const struct peersdb_receipt *r) {
    struct scene *s = ((void **)ctx)[0];
    const struct engine *e = engine_at(s, r->device);
    assert(e);
    ((bool *)((void **)ctx)[1])[e->i] = true;
}

static void all_confirmed(struct scene *s) {
    for (uint32_t m = 0; m < s->made_n; m++) {
        struct made *one = &s->made[m];
        bool confirmed[NODES] = {0};
        if (!one->taken_back)
            continue;
        int r =
            peersdb_receipts(s->e[one->by].p, one->id, on_receipt, (void *[]){s, confirmed}, NULL);
        assert(r == 0);
        for (uint32_t i = 0; i < NODES; i++) {
            assert(!has(&s->e[i], one->id));
            assert(i == one->by || !one->had[i] || confirmed[i]);
        }
    }
}

static void nobody_misbehaved(void *ctx, const struct peersdb_peer *peer) {
    (void)ctx;
    assert(peer->forged == 0 && peer->improper == 0);
}

// ------------------------------------------------------------------------------------ the story

static void make(struct scene *s, uint32_t i) {
    uint8_t body[BODY_BYTES], scope[RECORD_SCOPE_BYTES];
    if (s->done || s->made_n == MADE_MAX)
        return;
    struct made *m = &s->made[s->made_n++];
    *m = (struct made){.by = i, .scope = (int)world_random(s->f->world, SCOPES)};
    for (size_t k = 0; k < sizeof body; k++)
        body[k] = (uint8_t)world_random(s->f->world, 256);
    memcpy(m->canary, body, sizeof m->canary);
    memcpy(body + 64, s->canary[m->scope], CANARY_BYTES);
    scope_of(m->scope, scope);
    struct record r = {.kind = RECORD_PATTERN, .body = body, .body_bytes = sizeof body};
    memcpy(r.scope, scope, sizeof scope);
    int e = exchange_put(s->e[i].x, &r, m->id, NULL);
    assert(e == 0);
}

static void take_back(struct scene *s) {
    uint8_t id[RECORD_ID_BYTES];
    struct made *m = &s->made[world_random(s->f->world, s->made_n)];
    if (m->taken_back || !s->e[m->by].x)
        return;
    for (uint32_t i = 0; i < NODES; i++)
        m->had[i] = has(&s->e[i], m->id);
    int e = exchange_take_back(s->e[m->by].x, m->id, "", id, NULL);
    assert(e == 0);
    m->taken_back = true;
}

static void regrant(struct scene *s, uint32_t i, uint32_t with, int scope, unsigned allow_now) {
    s->e[i].allow[with][scope] = allow_now;
    if (s->e[i].x)
        exchange_grants_changed(s->e[i].x);
}

static void all_granted(struct scene *s, uint32_t nodes) {
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t k = 0; k < nodes; k++)
            for (int c = 0; c < SCOPES; c++)
                s->e[i].allow[k][c] = BOTH;
        if (s->e[i].x)
            exchange_grants_changed(s->e[i].x);
    }
}

static void trouble(struct scene *s) {
    static const struct world_faults rough = {.latency_min_us = 200,
                                              .latency_max_us = 80000,
                                              .jitter_us = 20000,
                                              .loss_ppm = 20000,
                                              .chop_ppm = 200000,
                                              .reset_per_kh = 20000,
                                              .stall_per_kh = 5000,
                                              .bytes_per_s = 100000};
    static const unsigned grants[] = {0, BOTH, SYNC_SEND, SYNC_RECEIVE,
                                      SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS};
    struct world *w = s->f->world;
    struct world_faults calm = rough;
    calm.reset_per_kh = calm.stall_per_kh = 0;
    world_set_faults(w, &rough);
    for (uint32_t t = 0; t < TROUBLE_S; t += 5) {
        uint32_t i = (uint32_t)world_random(w, NODES), k = (uint32_t)world_random(w, NODES);
        if (s->e[i].x && world_chance(w, 700000))
            make(s, i);
        if (s->made_n > 10 && !s->done && world_chance(w, 80000))
            take_back(s);
        if (i != k && !s->done)
            regrant(s, i, k, (int)world_random(w, SCOPES),
                    grants[world_random(w, sizeof grants / sizeof *grants)]);
        if (s->f->nodes[i].node && world_chance(w, 80000))
            fleet_restart(s->f, i, (enum fleet_end)world_random(w, 3),
                          world_random(w, 60 * WORLD_S));
        if (world_chance(w, 80000))
            world_set_part(w, i, (uint32_t)world_random(w, 2));
        if (world_chance(w, 150000))
            world_break(w, i, world_random(w, 2));
        if (world_chance(w, 50000))
            world_set_skew(w, i, (int64_t)world_random(w, 40000000) - 20000000);
        world_run(w, world_now(w) + 5 * WORLD_S);
    }
    world_set_faults(w, &calm);
    for (uint32_t i = 0; i < NODES; i++)
        world_set_part(w, i, 0);
}

static void open_engine(struct scene *s, uint32_t i) {
    struct engine *e = &s->e[i];
    struct fleet_node *n = &s->f->nodes[i];
    struct peersdb_config c = {.epoch = i + 1, .now_ms = MAKER_NOW_MS, .change = changed, .ctx = e};
    uint8_t seed[32] = {(uint8_t)(i + 1)}, public[32];
    e->scene = s;
    e->i = i;
    int r = crypto_sign_seed_keypair(public, e->device, seed);
    seed[1] = 1;
    r |= crypto_sign_seed_keypair(public, s->identity[i], seed);
    assert(r == 0);
    e->identity = s->identity[i == THIEF ? 0 : i];
    memcpy(n->key, e->device + 32, sizeof n->key);
    memcpy(n->self.key, n->key, sizeof n->key);
    r = db_open_plain(":memory:", DB_CREATE, &e->db, NULL);
    assert(r == 0);
    r = peersdb_open(e->db, &c, &e->p, NULL);
    assert(r == 0);
}

static void scene_open(struct scene *s, uint64_t seed) {
    *s = (struct scene){.f = fleet_new(seed, NODES, 0)};
    s->f->any_keys = true;
    s->f->starting = starting;
    s->f->stopped = stopped;
    s->f->hook_ctx = s;
    s->f->told = true;
    for (int k = 0; k < SCOPES; k++)
        for (int i = 0; i < CANARY_BYTES; i++)
            s->canary[k][i] = (uint8_t)world_random(s->f->world, 256);
    for (uint32_t i = 0; i < NODES; i++)
        open_engine(s, i);
    for (uint32_t i = 0; i < NODES; i++)
        for (uint32_t k = i + 1; k < NODES; k++)
            if ((i + k) % 3 != 0 || k == i + 1) // not everybody with everybody
                fleet_befriend(s->f, i, k);
    for (uint32_t i = 0; i < s->f->bonds_n; i++)
        for (int k = 0; k < 2; k++) {
            struct fleet_bond *b = &s->f->bonds[i];
            struct engine *me = &s->e[k ? b->b : b->a], *it = &s->e[k ? b->a : b->b];
            struct peersdb_peer p = {.name = "peer", .paired_ms = MAKER_NOW_MS};
            memcpy(p.device, it->device + 32, sizeof p.device);
            memcpy(p.identity, it->identity + 32, sizeof p.identity);
            int r = peersdb_peer_put(me->p, &p, NULL);
            assert(r == 0);
        }
    world_set_tap(s->f->world, on_tap, s);
    for (uint32_t i = 0; i < NODES; i++) {
        certify(&s->e[i], false);
        fleet_start(s->f, i, true);
    }
}

static void scene_close(struct scene *s) {
    fleet_free(s->f);
    for (uint32_t i = 0; i < NODES; i++) {
        peersdb_close(s->e[i].p);
        db_close(s->e[i].db);
        buf_done(&s->e[i].chain);
    }
}

static void quiet(struct scene *s) {
    world_run(s->f->world, world_now(s->f->world) + QUIET_S * WORLD_S);
}

// Node 0's person says that the last device is his no more.
static void revoke_the_thief(struct scene *s) {
    uint8_t late[RECORD_ID_BYTES];
    certify(&s->e[0], true);
    int r = exchange_identity_changed(s->e[0].x, NULL);
    assert(r == 0);
    quiet(s);
    s->done = false;
    make(s, THIEF);
    s->done = true;
    memcpy(late, s->made[s->made_n - 1].id, sizeof late);
    quiet(s);
    for (uint32_t i = 0; i < THIEF; i++) {
        assert(!has(&s->e[i], late));
        assert(!node_session_find(s->f->nodes[i].node, s->e[THIEF].device + 32));
        for (uint32_t m = 0; m + 1 < s->made_n; m++) // what it gave before is still there
            assert(s->made[m].by != THIEF || s->made[m].taken_back || has(&s->e[i], s->made[m].id));
    }
    all_agree(s, THIEF);
}

struct seed_result {
    uint64_t trace, events, sightings, made;
};

static struct seed_result run_seed(uint64_t seed) {
    struct scene *s = calloc(1, sizeof *s);
    assert(s);
    current_seed = seed;
    scene_open(s, seed);
    all_granted(s, NODES);
    trouble(s);
    all_granted(s, NODES); // the same for all again: whatever stopped goes on
    quiet(s);
    s->done = true;
    assert(fleet_apart(s->f) == 0);
    all_agree(s, NODES);
    all_confirmed(s);
    s->over = true;
    trouble(s);
    quiet(s);
    all_agree(s, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        int r = peersdb_peers(s->e[i].p, nobody_misbehaved, NULL, NULL);
        assert(r == 0);
    }
    revoke_the_thief(s);
    struct seed_result r = {world_trace(s->f->world), world_events(s->f->world), s->sightings,
                            s->made_n};
    scene_close(s);
    free(s);
    return r;
}

static double cpu_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    uint64_t from = 1, seeds = DEFAULT_SEEDS, events = 0, made = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t v = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = v;
        else if (strcmp(argv[i], "--from") == 0)
            from = v;
    }
    (void)signal(SIGABRT, on_abort);
    mem_init_json();
    if (sodium_init() < 0)
        return 1;
    double begin = cpu_s();
    for (uint64_t seed = from; seed < from + seeds; seed++) {
        struct seed_result r = run_seed(seed);
        events += r.events;
        made += r.made;
        if (r.sightings < r.made) { // or the invariant of the wire would see nothing
            (void)fprintf(stderr, "seed %llu: too few records on the wire\n",
                          (unsigned long long)seed);
            return 1;
        }
        if (seed == from && run_seed(seed).trace != r.trace) {
            (void)fprintf(stderr, "seed %llu: the second run was another\n",
                          (unsigned long long)seed);
            return 1;
        }
    }
    (void)printf("%llu seeds from %llu: %llu events, %llu records, %.1f s of CPU, no invariant "
                 "violated\n",
                 (unsigned long long)seeds, (unsigned long long)from, (unsigned long long)events,
                 (unsigned long long)made, cpu_s() - begin);
    return 0;
}
