// Records (federation/sync, federation/peersdb) over nodes in a world of trouble: all that may have
// a record get it, and nobody else sees a byte of it.
#include "core/base/mem.h"
#include "federation/sync.h"
#include "tests/sim/sim_fleet.h"
#include "tests/unit/federation/records_maker.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    NODES = 5,
    BODY_BYTES = 200,
    TROUBLE_S = 600,
    QUIET_S = 240,
    MADE_MAX = 512,
    CANARY_AT = 64,
    CANARY_BYTES = 24
};

static const uint8_t shared[RECORD_SCOPE_BYTES] = {0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
                                                   0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53};

struct holder {
    struct scene *scene;
    uint32_t i;
    struct db *db; // outlives the process: what was committed is durable
    struct peersdb *p;
    struct sync *sync;
    struct maker author;
    unsigned trusts; // bits of the nodes that this one shares with
    uint64_t made, failed;
    bool done; // makes no more
    uint8_t ids[MADE_MAX][RECORD_ID_BYTES];
};
struct scene {
    struct fleet *f;
    struct holder h[NODES];
    uint8_t canary[CANARY_BYTES]; // in the bodies of node 0
    bool watched;
    uint64_t sightings; // of the canary on the wire
};

static int on_send(void *ctx, const void *bytes, size_t n);
static unsigned on_allow(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]);

struct talk { // of one session
    struct holder *h;
    struct node_session *s;
    struct sync_session *sync;
    uint32_t other;
    bool ending;
};

static int on_send(void *ctx, const void *bytes, size_t n) {
    const struct talk *t = ctx;
    return link_blob(node_session_link(t->s), UINT32_C(1) << 24, bytes, n);
}
static unsigned on_allow(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]) {
    const struct talk *t = ctx;
    if (memcmp(scope, shared, sizeof shared) != 0 || !(t->h->trusts & 1U << t->other))
        return 0;
    return SYNC_SEND | SYNC_RECEIVE;
}

static const struct node_service *service_of(const struct holder *h) {
    return &h->scene->f->nodes[h->i].services[1];
}

static void on_up(void *ctx, struct node_session *s) {
    struct holder *h = ctx;
    struct talk *t = calloc(1, sizeof *t);
    struct link *l = node_session_link(s);
    assert_non_null(t);
    *t = (struct talk){.h = h, .s = s};
    t->other = (uint32_t)fleet_find(h->scene->f, node_session_key(s));
    struct sync_session_config c = {
        .outgoing = link_outgoing(l), .send = on_send, .allow = on_allow, .ctx = t};
    memcpy(c.peer, h->scene->h[t->other].author.signer.device, sizeof c.peer);
    memcpy(c.key, link_binding(l), sizeof c.key);
    assert_int_equal(sync_session_new(h->sync, &c, &t->sync, NULL), 0);
    node_session_set_data(s, service_of(h), t);
    if (h->trusts & 1U << t->other)
        assert_int_equal(sync_open(t->sync, shared, NULL), 0);
}
static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct holder *h = ctx;
    struct talk *t = node_session_data(s, service_of(h));
    (void)why;
    sync_session_free(t->sync);
    free(t);
}
static int on_blob(void *ctx, struct node_session *s, uint32_t stream, const uint8_t *bytes,
                   size_t n) {
    struct holder *h = ctx;
    struct talk *t = node_session_data(s, service_of(h));
    struct err e = {0};
    (void)stream;
    int r = sync_feed(t->sync, bytes, n, &e);
    h->failed += r < 0 && r != ERR_CLOSED;
    return r;
}
static void on_drained(void *ctx, struct node_session *s) {
    struct holder *h = ctx;
    const struct talk *t = node_session_data(s, service_of(h));
    (void)sync_drained(t->sync, NULL);
}

static void changed(void *ctx, enum peersdb_change what, const uint8_t *scope, const uint8_t *id,
                    const uint8_t *by) {
    struct holder *h = ctx;
    (void)by;
    if (h->sync)
        sync_changed(h->sync, what, scope, id);
}

static void holder_open(struct holder *h) {
    struct peersdb_config c = {
        .epoch = h->i + 1, .now_ms = MAKER_NOW_MS, .change = changed, .ctx = h};
    maker_init(&h->author, (uint8_t)(h->i + 1));
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &h->db, NULL), 0);
    assert_int_equal(peersdb_open(h->db, &c, &h->p, NULL), 0);
    h->sync = sync_new(world_env(h->scene->f->world, h->i), sync_store_peersdb(h->p));
    assert_non_null(h->sync);
    h->scene->f->nodes[h->i].services[1] = (struct node_service){
        .up = on_up, .down = on_down, .blobs = 1, .blob = on_blob, .drained = on_drained, .ctx = h};
    h->scene->f->nodes[h->i].services_n = 2;
}

static void put(struct holder *h, struct record *r, uint8_t id[RECORD_ID_BYTES]) {
    struct buf bytes = {0};
    struct peersdb_item item = {0};
    int64_t now = env_wall_ms(world_env(h->scene->f->world, h->i));
    maker_sign(&h->author, r, &bytes, id);
    item.bytes = (const uint8_t *)bytes.data;
    item.n = bytes.len;
    assert_int_equal(peersdb_put(h->p, NULL, shared, &item, 1, NULL, now, NULL), 0);
    assert_int_equal(item.result, 1);
    buf_done(&bytes);
    sync_pump(h->sync);
}

static void make(struct holder *h) {
    uint8_t body[BODY_BYTES];
    if (h->done)
        return;
    assert_true(h->made < MADE_MAX);
    struct record r = maker_record(&h->author, body, sizeof body);
    if (h->i == 0)
        memcpy(body + CANARY_AT, h->scene->canary, CANARY_BYTES);
    put(h, &r, h->ids[h->made++]);
}

static void revoke(struct holder *h, uint64_t which) {
    uint8_t body[1], id[RECORD_ID_BYTES];
    struct record r = maker_record(&h->author, body, sizeof body);
    r.kind = RECORD_REVOCATION;
    r.refers = true;
    r.body_bytes = 0;
    memcpy(r.refers_to, h->ids[which], RECORD_ID_BYTES);
    put(h, &r, id);
}

static void on_tap(void *ctx, uint32_t from, const uint8_t *bytes, size_t n) {
    struct scene *s = ctx;
    if (memmem(bytes, n, s->canary, CANARY_BYTES)) {
        s->sightings++;
        assert_true(s->watched); // it leaves only when somebody may have it
        assert_true(from == 0 || s->h[from].trusts != 0);
    }
}

static void scene_open(struct scene *s, uint64_t seed) {
    *s = (struct scene){.f = fleet_new(seed, NODES, 0)};
    for (uint32_t a = 0; a < NODES; a++)
        for (uint32_t b = a + 1; b < NODES; b++)
            fleet_befriend(s->f, a, b);
    for (size_t i = 0; i < CANARY_BYTES; i++)
        s->canary[i] = (uint8_t)world_random(s->f->world, 256);
    for (uint32_t i = 0; i < NODES; i++) {
        s->h[i].scene = s;
        s->h[i].i = i;
        holder_open(&s->h[i]);
    }
    for (uint32_t i = 0; i < NODES; i++)
        for (uint32_t k = 0; k < NODES; k++) {
            struct peersdb_peer p = {.name = "peer"};
            const struct maker *m = &s->h[k].author;
            memcpy(p.device, m->signer.device, sizeof p.device);
            memcpy(p.identity, m->signer.author, sizeof p.identity);
            if (k != i)
                assert_int_equal(peersdb_peer_put(s->h[i].p, &p, NULL), 0);
            else
                assert_int_equal(peersdb_device_put(s->h[i].p, p.device, p.identity, NULL), 0);
        }
    world_set_tap(s->f->world, on_tap, s);
}

static void scene_close(struct scene *s) {
    fleet_free(s->f); // the sessions end, and sync's with them
    for (uint32_t i = 0; i < NODES; i++) {
        sync_free(s->h[i].sync);
        peersdb_close(s->h[i].p);
        db_close(s->h[i].db);
    }
}

static int count_id(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    uint64_t *sum = ctx;
    (void)seq, (void)bytes, (void)n;
    sum[0]++;
    for (size_t i = 0; i < RECORD_ID_BYTES; i++)
        sum[1 + i % 4] += (uint64_t)id[i] * (i + 1) * sum[5];
    return 0;
}

static void count(const struct holder *h, uint64_t sum[6]) {
    memset(sum, 0, 6 * sizeof *sum);
    sum[5] = 1;
    assert_int_equal(peersdb_ids(h->p, shared, count_id, sum, NULL), 0);
}

static void trouble(struct scene *s) {
    static const struct world_faults rough = {.latency_min_us = 200,
                                              .latency_max_us = 80000,
                                              .jitter_us = 20000,
                                              .loss_ppm = 20000,
                                              .chop_ppm = 200000,
                                              .reset_per_kh = 20000,
                                              .stall_per_kh = 5000,
                                              .bytes_per_s = 200000};
    struct fleet *f = s->f;
    struct world_faults calm = rough;
    calm.reset_per_kh = calm.stall_per_kh = 0;
    world_set_faults(f->world, &rough);
    for (uint32_t t = 0; t < TROUBLE_S; t += 5) {
        uint32_t i = (uint32_t)world_random(f->world, NODES);
        if (f->nodes[i].node)
            make(&s->h[i]);
        i = (uint32_t)world_random(f->world, NODES);
        if (f->nodes[i].node && world_chance(f->world, 100000))
            fleet_restart(f, i, (enum fleet_end)world_random(f->world, 3),
                          world_random(f->world, 60 * WORLD_S));
        if (world_chance(f->world, 100000))
            world_set_part(f->world, i, (uint32_t)world_random(f->world, 2));
        if (world_chance(f->world, 200000))
            world_break(f->world, i, world_random(f->world, 2));
        world_run(f->world, world_now(f->world) + 5 * WORLD_S);
    }
    world_set_faults(f->world, &calm);
    for (uint32_t i = 0; i < NODES; i++)
        world_set_part(f->world, i, 0);
    world_run(f->world, world_now(f->world) + QUIET_S * WORLD_S);
}

static void start(struct scene *s) {
    s->f->told = true;
    for (uint32_t i = 0; i < NODES; i++)
        fleet_start(s->f, i, true);
}

static uint64_t all_have_all(uint64_t seed) {
    struct scene *s = calloc(1, sizeof *s);
    uint64_t first[6], sum[6], made = 0, trace;
    assert_non_null(s);
    scene_open(s, seed);
    s->watched = true;
    for (uint32_t i = 0; i < NODES; i++)
        s->h[i].trusts = ~0U;
    start(s);
    trouble(s);
    assert_int_equal(fleet_apart(s->f), 0);
    for (uint32_t i = 0; i < NODES; i++) {
        made += s->h[i].made;
        assert_int_equal(s->h[i].failed, 0); // nobody broke the protocol
    }
    count(&s->h[0], first);
    assert_true(made > 60);
    assert_true(s->sightings >= s->h[0].made); // or the other test would see nothing, too
    assert_int_equal(first[0], made);          // none is lost, none is twice
    for (uint32_t i = 1; i < NODES; i++) {
        count(&s->h[i], sum);
        assert_memory_equal(sum, first, sizeof sum);
    }
    trace = world_trace(s->f->world);
    scene_close(s);
    free(s);
    return trace;
}

static void records_reach_everybody_through_trouble(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        (void)all_have_all(seed);
}

static void a_seed_of_records_is_replayed_bit_for_bit(void **state) {
    (void)state;
    assert_int_equal(all_have_all(11), all_have_all(11));
}

static void nothing_leaves_for_whom_it_was_not_meant(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    uint64_t sum[6];
    (void)state;
    assert_non_null(s);
    scene_open(s, 5);
    for (uint32_t i = 1; i < NODES; i++)
        s->h[i].trusts = ~0U & ~1U; // all but node 0 share, and node 0 with nobody
    start(s);
    trouble(s);
    assert_true(s->h[0].made > 5);
    uint64_t others = 0;
    for (uint32_t i = 1; i < NODES; i++)
        others += s->h[i].made;
    for (uint32_t i = 0; i < NODES; i++) {
        count(&s->h[i], sum);
        assert_int_equal(sum[0], i == 0 ? s->h[0].made : others);
    }
    scene_close(s);
    free(s);
}

static void what_was_revoked_is_nowhere_and_travels_no_more(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    struct buf got = {0};
    (void)state;
    assert_non_null(s);
    scene_open(s, 6);
    s->watched = true;
    for (uint32_t i = 0; i < NODES; i++)
        s->h[i].trusts = ~0U;
    start(s);
    trouble(s);
    assert_true(s->h[0].made > 5);
    assert_true(s->sightings > 0);
    for (uint64_t k = 0; k < s->h[0].made; k++) {
        for (uint32_t i = 0; i < NODES; i++) { // everybody has it
            buf_clear(&got);
            assert_int_equal(peersdb_get(s->h[i].p, s->h[0].ids[k], &got, NULL, NULL), 0);
        }
        revoke(&s->h[0], k);
    }
    s->h[0].done = true;
    world_run(s->f->world, world_now(s->f->world) + 10 * WORLD_S);
    s->watched = false; // from here on not a byte of it
    trouble(s);
    for (uint64_t k = 0; k < s->h[0].made; k++)
        for (uint32_t i = 0; i < NODES; i++)
            assert_int_equal(peersdb_get(s->h[i].p, s->h[0].ids[k], &got, NULL, NULL),
                             ERR_NOT_FOUND);
    buf_done(&got);
    scene_close(s);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_reach_everybody_through_trouble),
        cmocka_unit_test(a_seed_of_records_is_replayed_bit_for_bit),
        cmocka_unit_test(nothing_leaves_for_whom_it_was_not_meant),
        cmocka_unit_test(what_was_revoked_is_nowhere_and_travels_no_more),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("sim/records", tests, NULL, NULL);
}
