#include "tests/unit/federation/party.h"

#include "core/base/mem.h"
#include "tests/unit/federation/records_maker.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 5, PORT = 7000 };

static struct web *current; // the random numbers of its env

static void random_bytes(void *self, void *out, size_t n) {
    uint8_t seed[32] = {0};
    (void)self;
    current->seed++;
    memcpy(seed, &current->seed, sizeof current->seed);
    randombytes_buf_deterministic(out, n, seed);
}

static void key_of(uint8_t kind, uint8_t number, uint8_t secret[64]) {
    uint8_t seed[32] = {kind, number}, public[32];
    assert(crypto_sign_seed_keypair(public, secret, seed) == 0);
}

const uint8_t *person_key(const struct person *who) {
    return who->secret + 32;
}
const uint8_t *party_device(const struct party *a) {
    return a->secret + 32;
}
void scope_of(int scope, uint8_t ret[RECORD_SCOPE_BYTES]) {
    memset(ret, 0xa0 + scope, RECORD_SCOPE_BYTES);
}

static struct statement says(struct person *who, enum statement_kind kind, const uint8_t *subject) {
    struct statement s = {.kind = kind, .counter = ++who->counter, .made_ms = MAKER_NOW_MS};
    memcpy(s.identity, person_key(who), sizeof s.identity);
    memcpy(s.subject, subject, sizeof s.subject);
    return s;
}

void party_certify(struct party *a) {
    uint8_t certificate[STATEMENT_BYTES_MAX];
    struct person *who = a->who;
    struct statement s = says(who, STATEMENT_DEVICE, party_device(a));
    s.until_ms = who->until_ms;
    statement_sign(&s, who->secret, a->secret, certificate);
    buf_clear(&a->chain);
    assert(chain_format(who->rotations[0], who->rotations_n, who->revocations[0],
                        who->revocations_n, certificate, &a->chain) == 0);
    if (a->x)
        assert(exchange_identity_changed(a->x, NULL) == 0);
}

void person_revoke(struct person *who, const struct party *device) {
    uint8_t bytes[STATEMENT_BYTES_MAX];
    struct statement s = says(who, STATEMENT_REVOKE, party_device(device));
    statement_sign(&s, who->secret, NULL, bytes);
    memcpy(who->revocations[who->revocations_n++], bytes, STATEMENT_REVOKE_BYTES);
}

void person_rotate(struct person *who, uint8_t seed) {
    uint8_t next[64];
    key_of('R', seed, next);
    struct statement s = says(who, STATEMENT_ROTATE, next + 32);
    statement_sign(&s, who->secret, next, who->rotations[who->rotations_n++]);
    memcpy(who->secret, next, sizeof next);
    who->revocations_n = 0;
}

void party_is(struct party *a, struct person *who) {
    a->who = who;
    party_certify(a);
}

void web_open(struct web *w) {
    *w = (struct web){.seed = 1};
    current = w;
    fake_env_init(&w->clock);
    w->clock.now_ms = (uint64_t)MAKER_NOW_MS;
    w->ops = *w->clock.env.ops;
    w->ops.random_bytes = random_bytes;
    w->env = (struct env){&w->ops, &w->clock};
    w->m = net_memory_new();
    assert(w->m && sodium_init() >= 0);
    for (uint8_t i = 0; i < PARTIES; i++) {
        struct party *a = &w->party[i];
        a->web = w;
        a->number = i;
        key_of('D', i, a->secret);
        key_of('I', i, w->people[i].secret);
        memcpy(a->self.key, party_device(a), sizeof a->self.key);
        a->self.env = &w->env;
        a->channels = channel_plain_maker(&a->self);
        a->net = net_memory_host(w->m, (uint8_t)(i + 1));
        assert(a->net && db_open_plain(":memory:", DB_CREATE, &a->db, NULL) == 0);
        party_is(a, &w->people[i]);
    }
}

void web_close(struct web *w) {
    for (int i = 0; i < PARTIES; i++) {
        party_stop(&w->party[i]);
        db_close(w->party[i].db);
        buf_done(&w->party[i].chain);
    }
    assert(w->clock.live == 0);
    net_memory_free(w->m);
}

// ------------------------------------------------------------------------- the owner's callbacks

static const struct party *party_at(const struct party *a, const struct exchange_peer *peer) {
    for (int i = 0; i < PARTIES; i++)
        if (memcmp(party_device(&a->web->party[i]), peer->device, RECORD_KEY_BYTES) == 0)
            return &a->web->party[i];
    return NULL;
}
static void scopes(void *ctx, const struct exchange_peer *peer, exchange_scope_fn *fn,
                   void *fn_ctx) {
    const struct party *a = ctx, *b = party_at(a, peer);
    for (int i = 0; b && i < PARTY_SCOPES; i++) {
        uint8_t scope[RECORD_SCOPE_BYTES];
        scope_of(i, scope);
        if (a->allow[b->number][i])
            fn(fn_ctx, scope);
    }
}
static unsigned allow(void *ctx, const struct exchange_peer *peer,
                      const uint8_t scope[RECORD_SCOPE_BYTES]) {
    struct party *a = ctx;
    const struct party *b = party_at(a, peer);
    int i = scope[0] - 0xa0;
    a->asked_allow++;
    return b && i >= 0 && i < PARTY_SCOPES ? a->allow[b->number][i] : 0;
}
static int chain(void *ctx, struct buf *out, struct err *err) {
    const struct party *a = ctx;
    (void)err;
    return buf_append(out, a->chain.data, a->chain.len);
}
static void learn(void *ctx, const uint8_t *statement, size_t n) {
    struct party *a = ctx;
    assert(statement && n == STATEMENT_REVOKE_BYTES);
    a->learnt++;
}
static void revoked(void *ctx, const uint8_t device[RECORD_KEY_BYTES]) {
    struct party *a = ctx;
    assert(a->gone_n < PARTY_GONE_MAX);
    memcpy(a->gone[a->gone_n++], device, RECORD_KEY_BYTES);
    if (a->node)
        node_peer_remove(a->node, device);
}
static void rotated(void *ctx, const uint8_t device[RECORD_KEY_BYTES],
                    const uint8_t before[RECORD_KEY_BYTES], const uint8_t now[RECORD_KEY_BYTES]) {
    struct party *a = ctx;
    assert(device && memcmp(before, now, RECORD_KEY_BYTES) != 0);
    a->rotated++;
}
static const struct exchange_owner owner = {scopes, allow, chain, learn, revoked, rotated};

static void changed(void *ctx, enum peersdb_change what, const uint8_t *scope, const uint8_t *id,
                    const uint8_t *by) {
    exchange_changed(((struct party *)ctx)->x, what, scope, id, by);
}

// ------------------------------------------------------------------------------------ the life

static void open_db(struct party *a) {
    struct peersdb_config c = {
        .epoch = 100U + a->number, .now_ms = MAKER_NOW_MS, .change = changed, .ctx = a};
    if (!a->p)
        assert(peersdb_open(a->db, &c, &a->p, NULL) == 0);
}

void party_pair(struct party *a, const struct party *b) {
    struct peersdb_peer peer = {.name = "peer", .paired_ms = MAKER_NOW_MS};
    struct net_addr at = net_memory_addr((uint8_t)(b->number + 1), PORT);
    memcpy(peer.device, party_device(b), sizeof peer.device);
    memcpy(peer.identity, person_key(b->who), sizeof peer.identity);
    net_addr_format(&at, peer.address);
    open_db(a);
    assert(peersdb_peer_put(a->p, &peer, NULL) == 0);
}

void party_start(struct party *a) {
    struct err e = {0};
    open_db(a);
    struct exchange_config x = {.env = &a->web->env,
                                .peers = a->p,
                                .signer = records_signer_of(a->secret),
                                .owner = &owner,
                                .ctx = a};
    int r = exchange_new(&x, &a->x, &e);
    assert(r == 0);
    exchange_service(a->x, &a->service);
    struct node_config c = {.env = &a->web->env,
                            .net = a->net,
                            .channels = &a->channels,
                            .peers = peers_saved(a->p),
                            .port = PORT,
                            .services = &a->service,
                            .services_n = 1};
    memcpy(c.key, party_device(a), sizeof c.key);
    r = node_start(&c, &a->node, &e);
    assert(r == 0);
}

void party_stop(struct party *a) {
    node_stop(a->node);
    exchange_free(a->x);
    peersdb_close(a->p);
    a->node = NULL;
    a->x = NULL;
    a->p = NULL;
}

bool web_until(struct web *w, uint64_t ms, bool (*fn)(void *ctx), void *ctx) {
    for (uint64_t t = 0; t < ms; t += STEP_MS) {
        (void)net_memory_run(w->m);
        for (int i = 0; i < PARTIES; i++)
            if (w->party[i].node)
                node_check(w->party[i].node);
        if (fn && fn(ctx))
            return true;
        fake_env_advance(&w->clock, STEP_MS);
    }
    return fn && fn(ctx);
}

void web_run(struct web *w, uint64_t ms) {
    (void)web_until(w, ms, NULL, NULL);
}

// ---------------------------------------------------------------------------------- the records

void party_put(struct party *a, int scope, const char *text, uint8_t ret_id[RECORD_ID_BYTES]) {
    uint8_t id[RECORD_ID_BYTES];
    struct record r = {
        .kind = RECORD_PATTERN, .body = (const uint8_t *)text, .body_bytes = strlen(text)};
    scope_of(scope, r.scope);
    int e = exchange_put(a->x, &r, id, NULL);
    assert(e == 0);
    if (ret_id)
        memcpy(ret_id, id, sizeof id);
}

void party_fill(struct party *a, int scope, uint64_t n, size_t body_bytes) {
    static struct buf bytes[PEERSDB_BATCH_MAX];
    static uint8_t body[RECORD_BODY_BYTES_MAX];
    struct records_signer by = records_signer_of(a->secret);
    uint8_t name[RECORD_SCOPE_BYTES];
    memcpy(by.author, person_key(a->who), sizeof by.author);
    scope_of(scope, name);
    while (n) {
        struct peersdb_item items[256] = {{0}};
        size_t some = n < COUNT_OF(items) ? (size_t)n : COUNT_OF(items);
        for (size_t i = 0; i < some; i++) {
            struct record r = {.kind = RECORD_PATTERN,
                               .created_ms = MAKER_NOW_MS,
                               .body = body,
                               .body_bytes = body_bytes};
            memcpy(r.scope, name, sizeof name);
            random_bytes(NULL, body, body_bytes);
            assert(peersdb_counter(a->p, &r.counter, NULL) == 0);
            assert(records_sign(&r, &by, &bytes[i], items[i].id, NULL) == 0);
            items[i].bytes = (const uint8_t *)bytes[i].data;
            items[i].n = bytes[i].len;
        }
        int e = peersdb_put(a->p, NULL, name, items, some, NULL, MAKER_NOW_MS, NULL);
        assert(e == 0);
        for (size_t i = 0; i < some; i++) {
            assert(items[i].result == 1);
            buf_done(&bytes[i]);
        }
        n -= some;
    }
}

static int count(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    (void)seq, (void)id, (void)bytes, (void)n;
    ++*(uint64_t *)ctx;
    return 0;
}

uint64_t party_count(struct party *a, int scope) {
    uint8_t name[RECORD_SCOPE_BYTES];
    uint64_t n = 0;
    scope_of(scope, name);
    assert(peersdb_ids(a->p, name, count, &n, NULL) == 0);
    return n;
}

bool party_has(struct party *a, const uint8_t id[RECORD_ID_BYTES]) {
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    return peersdb_get(a->p, id, &bytes, NULL, NULL) == 0;
}

struct exchange_info party_info(struct party *a, const struct party *b) {
    struct exchange_info info = {0};
    (void)exchange_info(a->x, party_device(b), &info);
    return info;
}
