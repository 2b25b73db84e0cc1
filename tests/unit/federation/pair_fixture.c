#include "tests/unit/federation/pair_fixture.h"

#include "core/crypto/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// --------------------------------------------------------------------------------------------- env

static uint64_t mono_ns(void *self) {
    return ((struct pair_env *)self)->mono_ms * 1000000;
}

static int64_t wall_ms(void *self) {
    return ((struct pair_env *)self)->wall_ms;
}

static void random_bytes(void *self, void *out, size_t n) {
    struct pair_env *e = self;
    uint8_t *at = out;
    for (uint8_t hash[32]; n > 0;) {
        size_t part = n < sizeof hash ? n : sizeof hash;
        e->drawn++;
        secret_hash(NULL, &e->drawn, sizeof e->drawn, NULL, 0, hash);
        memcpy(at, hash, part);
        at += part;
        n -= part;
    }
}

static struct env_timer *timer_start(void *self, uint64_t ms, env_timer_fn *fn, void *ctx) {
    struct pair_env *e = self;
    if (e->no_timers)
        return NULL;
    for (size_t i = 0; i < PAIR_TIMERS; i++)
        if (!e->timers[i].used) {
            e->timers[i] = (struct pair_timer){true, e->mono_ms + ms, fn, ctx};
            return (struct env_timer *)&e->timers[i];
        }
    fail();
    return NULL;
}

static void timer_cancel(void *self, struct env_timer *t) {
    (void)self;
    if (t)
        ((struct pair_timer *)t)->used = false;
}

void pair_env_init(struct pair_env *e) {
    static const struct env_ops ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};
    memset(e, 0, sizeof *e);
    e->env = (struct env){&ops, e};
    e->wall_ms = 1000000;
}

void pair_env_pass(struct pair_env *e, uint64_t ms) {
    e->mono_ms += ms;
    e->wall_ms += (int64_t)ms;
    for (size_t i = 0; i < PAIR_TIMERS; i++)
        if (e->timers[i].used && e->timers[i].at_ms <= e->mono_ms) {
            e->timers[i].used = false;
            e->timers[i].fn(e->timers[i].ctx);
        }
}

size_t pair_env_timers(const struct pair_env *e) {
    size_t n = 0;
    for (size_t i = 0; i < PAIR_TIMERS; i++)
        n += e->timers[i].used;
    return n;
}

// ------------------------------------------------------------------------------------------ events

static void on_send(void *ctx, const uint8_t *bytes, size_t n) {
    struct end *e = ctx;
    assert_true(e->queued < PAIR_QUEUE && n <= PAIR_MESSAGE_BYTES_MAX);
    uint8_t *copy = malloc(n); // not ours, which a test makes fail
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    e->queue[e->queued] = copy;
    e->queue_n[e->queued++] = n;
    e->sent++;
}

static void on_ask(void *ctx, struct pairing_session *s, const struct pairing_peer *peer) {
    struct end *e = ctx;
    assert_false(e->asked);
    e->asked = true;
    e->peer = *peer;
    if (e->answer_at_once)
        assert_int_equal(pairing_answer(s, true, &peer->want, NULL), 0);
}

static void on_over(void *ctx, struct pairing_session *s, const struct pairing_result *result,
                    const struct err *why) {
    struct end *e = ctx;
    assert_false(e->over);
    e->over = true;
    e->ok = result != NULL;
    if (result)
        e->result = *result;
    else {
        assert_true(why->code < 0 && why->message[0] != '\0');
        e->why = why->code;
        (void)snprintf(e->message, sizeof e->message, "%s", why->message);
    }
    e->session = NULL;
    pairing_close(s); // allowed in here, and the hardest case
}

static void on_alarm(void *ctx, enum pairing_alarm what, const struct pairing_link *link) {
    struct engine *e = ctx;
    (void)link;
    e->alarms++;
    e->alarm = what;
}

static void on_ended(void *ctx, enum pairing_end why) {
    struct engine *e = ctx;
    e->offers_ended++;
    e->ended = why;
}

static const struct pairing_events events = {on_send, on_ask, on_over, on_alarm, on_ended};

// ------------------------------------------------------------------------------------------- world

static void engine_init(struct pair_world *w, struct engine *e, uint8_t number, const char *name) {
    uint8_t seed[32] = {number}, identity_sk[64], device_sk[64], bytes[STATEMENT_BYTES_MAX];
    memset(e, 0, sizeof *e);
    (void)crypto_sign_seed_keypair(e->identity, identity_sk, seed);
    seed[1] = 1;
    (void)crypto_sign_seed_keypair(e->device, device_sk, seed);
    struct statement s = {.kind = STATEMENT_DEVICE, .counter = 1, .until_ms = 5000000000};
    memcpy(s.identity, e->identity, 32);
    memcpy(s.subject, e->device, 32);
    statement_sign(&s, identity_sk, device_sk, bytes);
    e->chain = BUF_INIT(CHAIN_BYTES_MAX);
    assert_int_equal(chain_format(NULL, 0, NULL, 0, bytes, &e->chain), 0);
    e->terms =
        (struct pairing_terms){.name = name, .chain = e->chain.data, .chain_n = e->chain.len};
    e->p = pairing_new(&w->env.env, &events, e);
    assert_non_null(e->p);
}

void pair_world_init(struct pair_world *w) {
    memset(w, 0, sizeof *w);
    assert_int_equal(secret_init(NULL), 0);
    pair_env_init(&w->env);
    engine_init(w, &w->host, 1, "Ada");
    engine_init(w, &w->guest, 2, "Grace");
    (void)pair_scopes_add(&w->host.terms.give, "pattern", 7, NULL);
    (void)pair_scopes_add(&w->guest.terms.want, "pattern", 7, NULL);
    (void)pair_scopes_add(&w->guest.terms.give, "task", 4, NULL);
    (void)pair_scopes_add(&w->host.terms.want, "metric", 6, NULL);
    pair_link(w, &w->h, &w->g, 7, 7);
}

static void engine_done(struct engine *e) {
    pairing_free(e->p);
    buf_done(&e->chain);
}

void pair_world_done(struct pair_world *w) {
    pair_close(&w->h);
    pair_close(&w->g);
    pair_drop(&w->h);
    pair_drop(&w->g);
    engine_done(&w->host);
    engine_done(&w->guest);
    assert_int_equal(pair_env_timers(&w->env), 0);
}

void pair_link(struct pair_world *w, struct end *h, struct end *g, uint8_t at_host,
               uint8_t at_guest) {
    memset(h, 0, sizeof *h);
    memset(g, 0, sizeof *g);
    h->engine = &w->host;
    g->engine = &w->guest;
    memcpy(h->link.own_device, w->host.device, 32);
    memcpy(h->link.peer_device, w->guest.device, 32);
    memcpy(g->link.own_device, w->guest.device, 32);
    memcpy(g->link.peer_device, w->host.device, 32);
    memset(h->link.binding, at_host, 32);
    memset(g->link.binding, at_guest, 32);
}

void pair_offer(struct pair_world *w) {
    assert_int_equal(pairing_offer(w->host.p, &w->host.terms, w->host.code, NULL), 0);
}

int pair_guess(struct end *g, const char *code) {
    return pairing_guess(g->engine->p, code, strlen(code), &g->link, &g->engine->terms, g,
                         &g->session, NULL);
}

int pair_accept(struct end *h) {
    return pairing_accept(h->engine->p, &h->link, h, &h->session, NULL);
}

int pair_deliver(struct end *from, struct end *to) {
    assert_true(from->queued > 0);
    uint8_t *bytes = from->queue[0];
    size_t n = from->queue_n[0];
    from->queued--;
    memmove(from->queue, from->queue + 1, from->queued * sizeof from->queue[0]);
    memmove(from->queue_n, from->queue_n + 1, from->queued * sizeof from->queue_n[0]);
    int r = to->session ? pairing_feed(to->session, bytes, n, NULL) : ERR_CLOSED;
    free(bytes);
    return r;
}

void pair_run(struct end *a, struct end *b) {
    while (a->queued || b->queued)
        (void)(a->queued ? pair_deliver(a, b) : pair_deliver(b, a));
}

void pair_drop(struct end *e) {
    for (size_t i = 0; i < e->queued; i++)
        free(e->queue[i]);
    e->queued = 0;
}

void pair_close(struct end *e) {
    pairing_close(e->session);
    e->session = NULL;
}

void pair_wrong_code(const char *code, char ret[PAIR_CODE_BYTES_MAX]) {
    struct pair_code c;
    assert_int_equal(pair_code_parse(code, strlen(code), &c, NULL), 0);
    c.words[2] = (uint16_t)((c.words[2] + 1) % PAIR_WORDS);
    pair_code_format(&c, ret);
}
