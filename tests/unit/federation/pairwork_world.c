#include "tests/unit/federation/pairwork_world.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// --- env -----------------------------------------------------------------------------------------

static struct engine_world *drawing; // random bytes are counted, so that a test repeats

static void random_bytes(void *self, void *out, size_t n) {
    uint8_t *at = out;
    (void)self;
    for (uint8_t hash[32]; n > 0;) {
        size_t part = n < sizeof hash ? n : sizeof hash;
        drawing->drawn++;
        secret_hash(NULL, &drawing->drawn, sizeof drawing->drawn, NULL, 0, hash);
        memcpy(at, hash, part);
        at += part;
        n -= part;
    }
}

// --- owner ---------------------------------------------------------------------------------------

static int on_paired(void *ctx, const struct pairing_result *r, const struct net_addr *address,
                     struct peers_entry *entry, struct err *err) {
    struct paired_engine *e = ctx;
    void (*then)(struct paired_engine *) = e->at_paired;
    e->at_paired = NULL;
    if (e->fail)
        return err_set(err, e->fail, "the disk is full");
    int verified = chain_verify(r->peer->chain_bytes, r->peer->chain_n,
                                &(struct chain_expect){.device = r->peer->chain.device},
                                &(struct chain){0}, NULL);
    assert_true(verified == 0 || verified == ERR_NOMEM);
    if (verified < 0 || peers_memory_put(e->peers, entry) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct stored *s = e->stored;
    while (s < e->stored + e->stored_n && memcmp(s->device, r->peer->chain.device, 32) != 0)
        s++;
    assert_true(s < e->stored + STORED_MAX);
    if (s == e->stored + e->stored_n) {
        e->stored_n++;
        memset(s, 0, sizeof *s);
    }
    memcpy(s->device, r->peer->chain.device, 32);
    memcpy(s->identity, r->peer->chain.current, 32);
    memcpy(s->secret, r->secret, sizeof s->secret);
    memcpy(s->name, r->peer->name, sizeof s->name);
    s->chain_n = r->peer->chain_n;
    s->granted = r->granted;
    s->received = r->received;
    s->address = *address;
    s->own = r->peer->own_identity;
    s->times++;
    assert_memory_equal(entry->key, s->device, 32);
    assert_int_equal(entry->addrs_n, address->port != 0);
    if (then)
        then(e);
    return 0;
}

static void on_unpaired(void *ctx, const uint8_t *device) {
    struct paired_engine *e = ctx;
    e->unpaired++;
    for (size_t i = 0; i < e->stored_n; i++)
        if (memcmp(e->stored[i].device, device, 32) == 0) {
            peers_memory_remove(e->peers, device);
            e->stored[i] = e->stored[--e->stored_n];
            return;
        }
    fail();
}

static void on_alarm(void *ctx, enum pairing_alarm what, const uint8_t *device) {
    struct paired_engine *e = ctx;
    assert_non_null(device);
    e->alarms++;
    e->alarm = what;
}

static void on_confirmed(void *ctx, const struct pairwork_state *s) {
    struct paired_engine *e = ctx;
    assert_int_equal(s->phase, PAIRWORK_PAIRED);
    assert_true(e->stored_n > 0);
    e->confirmed++;
}

const struct pairwork_owner engine_owner = {on_paired, on_unpaired, on_confirmed, on_alarm};

// --- engines -------------------------------------------------------------------------------------

void engine_make(struct paired_engine *e, uint8_t device, uint8_t person, const char *name) {
    uint8_t seed[32] = {person, 1}, identity_sk[64], device_sk[64], bytes[STATEMENT_BYTES_MAX];
    (void)crypto_sign_seed_keypair(e->identity, identity_sk, seed);
    e->seed[0] = device;
    (void)crypto_sign_seed_keypair(e->device, device_sk, e->seed);
    struct statement s = {.kind = STATEMENT_DEVICE, .counter = 1};
    memcpy(s.identity, e->identity, 32);
    memcpy(s.subject, e->device, 32);
    statement_sign(&s, identity_sk, device_sk, bytes);
    e->chain = BUF_INIT(CHAIN_BYTES_MAX);
    assert_int_equal(chain_format(NULL, 0, NULL, 0, bytes, &e->chain), 0);
    e->terms =
        (struct pairing_terms){.name = name, .chain = e->chain.data, .chain_n = e->chain.len};
    (void)pair_scopes_add(&e->terms.give, "pattern", 7, NULL);
    (void)pair_scopes_add(&e->terms.want, "metric", 6, NULL);
    e->peers = peers_memory_new();
    assert_non_null(e->peers);
}

void engine_start(struct paired_engine *e) {
    struct pairwork_config config = {.env = e->env, .owner = &engine_owner, .ctx = e};
    memcpy(config.key, e->device, sizeof config.key);
    e->work = pairwork_new(&config);
    assert_non_null(e->work);
    e->service = pairwork_service(e->work);
    struct node_config c = {.env = e->env,
                            .net = e->net,
                            .channels = &e->channels,
                            .peers = peers_memory_face(e->peers),
                            .port = e->w ? 7000 : 0,
                            .services = &e->service,
                            .services_n = 1};
    memcpy(c.key, e->device, sizeof c.key);
    assert_int_equal(node_start(&c, &e->node, NULL), 0);
    pairwork_start(e->work, e->node);
}

void engine_stop(struct paired_engine *e) {
    node_stop(e->node);
    pairwork_free(e->work);
    e->node = NULL;
    e->work = NULL;
}

void engine_world_init(struct engine_world *w, size_t n, const uint8_t *people) {
    static const char *const names[ENGINES] = {"Ada", "Grace", "Barbara", "Mallory"};
    memset(w, 0, sizeof *w);
    drawing = w;
    assert_int_equal(secret_init(NULL), 0);
    fake_env_init(&w->clock);
    w->clock.now_ms = 1000000;
    w->ops = *w->clock.env.ops;
    w->ops.random_bytes = random_bytes;
    w->env = (struct env){&w->ops, &w->clock};
    w->m = net_memory_new();
    assert_non_null(w->m);
    w->n = n;
    for (size_t i = 0; i < n; i++) {
        struct paired_engine *e = &w->e[i];
        e->w = w;
        e->env = &w->env;
        e->last = (uint8_t)(i + 1);
        engine_make(e, (uint8_t)(i + 1), people ? people[i] : (uint8_t)(i + 1), names[i]);
        e->net = net_memory_host(w->m, e->last);
        assert_non_null(e->net);
        memcpy(e->plain.key, e->device, sizeof e->plain.key);
        e->plain.env = e->env;
        e->channels = channel_plain_maker(&e->plain);
        engine_start(e);
    }
}

void engine_world_done(struct engine_world *w) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->e[i].node)
            node_check(w->e[i].node);
        if (w->e[i].node)
            engine_stop(&w->e[i]);
        peers_memory_free(w->e[i].peers);
        buf_done(&w->e[i].chain);
    }
    (void)net_memory_run(w->m);
    net_memory_free(w->m);
    assert_int_equal(w->clock.live, 0);
}

void engine_world_run(struct engine_world *w, uint64_t ms) {
    (void)net_memory_run(w->m);
    for (uint64_t i = 0; i < ms; i += 50) {
        fake_env_advance(&w->clock, 50);
        (void)net_memory_run(w->m);
    }
    for (size_t i = 0; i < w->n; i++)
        if (w->e[i].node)
            node_check(w->e[i].node);
}

const struct stored *engine_stored(const struct paired_engine *e, const struct paired_engine *of) {
    for (size_t i = 0; i < e->stored_n; i++)
        if (memcmp(e->stored[i].device, of->device, 32) == 0)
            return &e->stored[i];
    return NULL;
}

struct net_addr engine_addr(const struct paired_engine *e) {
    return net_memory_addr(e->last, 7000);
}

void engine_open(struct paired_engine *host) {
    assert_int_equal(pairwork_open(host->work, &host->terms, host->code, &host->act, NULL), 0);
}

int engine_guess(struct paired_engine *guest, const char *code, const struct paired_engine *at) {
    struct net_addr a = engine_addr(at);
    return pairwork_guess(guest->work, code, strlen(code), &guest->terms, &a, 1, &guest->act, NULL);
}

void engine_yes(struct paired_engine *e, const char *granted) {
    struct pair_scopes s = {0};
    if (granted)
        (void)pair_scopes_add(&s, granted, strlen(granted), NULL);
    assert_int_equal(pairwork_answer(e->work, e->act, true, &s, NULL), 0);
}

struct pairwork_state engine_state(struct paired_engine *e) {
    struct pairwork_state s;
    pairwork_state(e->work, &s);
    return s;
}

void engines_meet(struct paired_engine *host, struct paired_engine *guest) {
    engine_open(host);
    assert_int_equal(engine_guess(guest, host->code, host), 0);
    engine_world_run(host->w, 0);
    assert_int_equal(engine_state(host).phase, PAIRWORK_ASKING);
    assert_int_equal(engine_state(guest).phase, PAIRWORK_ASKING);
}

void engines_pair(struct paired_engine *host, struct paired_engine *guest) {
    engines_meet(host, guest);
    engine_yes(host, "pattern");
    engine_yes(guest, "metric");
    engine_world_run(host->w, 1000);
}

bool engines_connected(struct paired_engine *a, struct paired_engine *b) {
    return node_session_find(a->node, b->device) && node_session_find(b->node, a->device);
}
