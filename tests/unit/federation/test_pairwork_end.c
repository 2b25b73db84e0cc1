// That both sides agree in the end whether they are paired, whatever happens between the two
// users' yes and the session of two friends; and pairing with who is paired already.
#include "federation/pairwork.h"

#include "core/base/mem.h"
#include "federation/net_loop.h"
#include "tests/unit/federation/pairwork_world.h"
#include "tests/unit/loop/loop_fixture.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HOST  (&w->e[0])
#define GUEST (&w->e[1])

static int setup_of(void **state, const uint8_t *people) {
    struct engine_world *w = mem_zalloc(sizeof *w);
    assert_non_null(w);
    engine_world_init(w, 2, people);
    *state = w;
    return 0;
}

static int setup(void **state) {
    return setup_of(state, NULL);
}

static int setup_one_person(void **state) {
    return setup_of(state, (const uint8_t[]){7, 7});
}

static int teardown(void **state) {
    engine_world_done(*state);
    mem_free(*state);
    return 0;
}

static void begin(struct engine_world *w) {
    engines_meet(HOST, GUEST);
    engine_yes(HOST, "pattern");
    engine_yes(GUEST, "metric");
}

// --- who disappears ------------------------------------------------------------------------------

static void reset(struct paired_engine *e) {
    net_memory_reset(e->w->m);
}

static void the_link_breaks_when_the_guest_has_stored_it(void **state) {
    struct engine_world *w = *state;
    begin(w);
    GUEST->at_paired = reset; // its word never arrives
    engine_world_run(w, 50);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(HOST->stored_n, 0);
    engine_world_run(w, 5000);
    // The guest asks as a friend, is told that it is none, and takes it back.
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(GUEST->unpaired, 1);
    assert_int_equal(GUEST->stored_n, 0);
    struct node_diagnosis d;
    assert_int_equal(node_diagnose(GUEST->node, HOST->device, &d), ERR_NOT_FOUND);
    engines_pair(HOST, GUEST); // and again, from the start
    assert_true(engines_connected(HOST, GUEST));
}

struct asked {
    int code;
};
static void on_asked(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct asked *a = ctx;
    (void)result, (void)err;
    a->code = error ? (int)json_integer_value(json_object_get(error, "code")) : 0;
}
static void ask_kept(void *ctx, struct node_session *s, const struct err *why) {
    (void)why;
    assert_non_null(s);
    assert_true(link_call(node_session_link(s), "pair.kept",
                          json_pack("{s:s, s:i}", "id", "another", "port", 1), 5000, on_asked, ctx,
                          NULL) > 0);
}

static void what_was_under_way_is_ended_when_the_guest_asks(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    engine_yes(HOST, "pattern"); // and Grace has not answered: nothing can be stored yet
    engine_world_run(w, 0);
    struct asked a = {0};
    struct net_addr to = engine_addr(HOST);
    assert_int_equal(node_visit(GUEST->node, &to, ask_kept, &a, NULL), 0);
    engine_world_run(w, 100);
    assert_int_equal(a.code, -32020);
    assert_int_equal(engine_state(HOST).phase,
                     PAIRWORK_FAILED); // its yes is worth nothing any more
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
}

static void the_link_breaks_when_the_host_has_stored_it(void **state) {
    struct engine_world *w = *state;
    begin(w);
    HOST->at_paired = reset; // its answer never arrives
    engine_world_run(w, 0);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_UNCONFIRMED);
    assert_true(engine_state(GUEST).text[0] != '\0');
    assert_true(HOST->confirmed == 1 && GUEST->confirmed == 0);
    engine_world_run(w, 5000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
    assert_int_equal(engine_state(GUEST).text[0], '\0');
    assert_int_equal(GUEST->confirmed, 1);
    assert_true(engines_connected(HOST, GUEST));
    assert_true(engine_stored(HOST, GUEST) && engine_stored(GUEST, HOST));
    assert_int_equal(GUEST->unpaired, 0);
}

static void the_host_dies_before_it_has_stored_it(void **state) {
    struct engine_world *w = *state;
    begin(w);
    GUEST->at_paired = reset;
    (void)net_memory_run(w->m);
    engine_stop(HOST);
    engine_world_run(w, 20 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_UNCONFIRMED); // nobody can know yet
    engine_start(HOST);
    engine_world_run(w, 90 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(GUEST->stored_n + HOST->stored_n, 0);
}

static void the_host_dies_when_it_has_stored_it(void **state) {
    struct engine_world *w = *state;
    begin(w);
    HOST->at_paired = reset;
    (void)net_memory_run(w->m);
    engine_stop(HOST);
    engine_world_run(w, 20 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_UNCONFIRMED);
    engine_start(HOST);
    engine_world_run(w, 90 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
    assert_true(engines_connected(HOST, GUEST));
}

static void the_guest_dies_when_it_has_stored_it(void **state) {
    struct engine_world *w = *state;
    begin(w);
    GUEST->at_paired = reset;
    (void)net_memory_run(w->m);
    engine_stop(GUEST);
    engine_world_run(w, 1000);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(HOST->stored_n, 0);
    engine_start(GUEST); // of what is left it knows the peer, and that it was never reached
    engine_world_run(w, 5000);
    struct node_diagnosis d;
    assert_int_equal(node_diagnose(GUEST->node, HOST->device, &d), 0);
    assert_true(d.refused); // both say so
    assert_int_equal(peers_memory_find(GUEST->peers, HOST->device)->seen_ms, 0);
}

static void the_guest_cannot_store_it(void **state) {
    struct engine_world *w = *state;
    GUEST->fail = ERR_FULL;
    begin(w);
    engine_world_run(w, 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(engine_state(GUEST).code, ERR_FULL);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
}

static void the_host_cannot_store_it(void **state) {
    struct engine_world *w = *state;
    HOST->fail = ERR_FULL;
    begin(w);
    engine_world_run(w, 1000);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(engine_state(HOST).code, ERR_FULL);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(GUEST->unpaired, 1);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
}

static void stall(struct paired_engine *e) {
    net_memory_stall(e->w->m, true);
}

static void the_guest_says_nothing_after_its_yes(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    engine_yes(GUEST, "metric");
    engine_world_run(w, 0);
    engine_yes(HOST, "pattern");
    GUEST->at_paired = stall;
    (void)net_memory_run(w->m);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_KEEPING);
    assert_int_equal(pairwork_cancel(HOST->work, 0, NULL), ERR_BUSY);
    engine_world_run(w, PAIRWORK_KEEP_MS + 100);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(engine_state(HOST).code, ERR_TIMEOUT);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_UNCONFIRMED);
    net_memory_stall(w->m, false);
    engine_world_run(w, 90 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
}

// Whatever bit of all that is said is turned over: in the end both have it, or neither.
static void a_bit_is_turned_over_anywhere(void **state) {
    (void)state;
    unsigned paired = 0, not_paired = 0;
    for (size_t flip = 0; flip < 6000; flip += flip < 1 ? 1 : 41) {
        struct engine_world *w = mem_zalloc(sizeof *w);
        assert_non_null(w);
        engine_world_init(w, 2, NULL);
        net_memory_flip(w->m, flip);
        engine_open(HOST);
        assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
        engine_world_run(w, 0);
        for (size_t i = 0; i < 2; i++)
            if (engine_state(&w->e[i]).phase == PAIRWORK_ASKING)
                engine_yes(&w->e[i], i ? "metric" : "pattern");
        engine_world_run(w, 2000);
        for (size_t i = 0; i < 2; i++) // whoever came to be asked later
            if (engine_state(&w->e[i]).phase == PAIRWORK_ASKING)
                engine_yes(&w->e[i], NULL);
        engine_world_run(w, 120 * 1000);
        bool at_host = engine_stored(HOST, GUEST), at_guest = engine_stored(GUEST, HOST);
        assert_int_equal(at_host, at_guest);
        assert_int_equal(engines_connected(HOST, GUEST), at_host);
        if (at_host) {
            assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
            assert_int_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
            assert_memory_equal(HOST->stored[0].secret, GUEST->stored[0].secret,
                                PAIRING_SECRET_BYTES);
        } else {
            assert_int_not_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
            assert_int_not_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
        }
        *(at_host ? &paired : &not_paired) += 1;
        engine_world_done(w);
        mem_free(w);
    }
    assert_true(paired > 20 && not_paired > 20);
}

// --- paired already ------------------------------------------------------------------------------

static void pairing_again_renews_what_is_granted(void **state) {
    struct engine_world *w = *state;
    engines_pair(HOST, GUEST);
    const struct node_session *before = node_session_find(HOST->node, GUEST->device);
    assert_non_null(before);
    uint8_t secret[PAIRING_SECRET_BYTES];
    memcpy(secret, engine_stored(HOST, GUEST)->secret, sizeof secret);
    GUEST->terms.name = "Grace H.";
    for (int turn = 0; turn < 2; turn++) { // each in each role
        struct paired_engine *host = &w->e[turn], *guest = &w->e[1 - turn];
        engines_meet(host, guest);
        assert_true(engine_state(host).known && engine_state(guest).known);
        engine_yes(host, NULL);
        engine_yes(guest, "metric");
        engine_world_run(w, 1000);
        assert_int_equal(engine_state(host).phase, PAIRWORK_PAIRED);
        assert_int_equal(engine_state(guest).phase, PAIRWORK_PAIRED);
        assert_int_equal(engine_stored(host, guest)->granted.n, 0);
        assert_int_equal(engine_stored(guest, host)->granted.n, 1);
    }
    assert_int_equal(engine_stored(HOST, GUEST)->times, 3);
    assert_string_equal(engine_stored(HOST, GUEST)->name, "Grace H.");
    assert_memory_not_equal(secret, engine_stored(HOST, GUEST)->secret, sizeof secret);
    assert_memory_equal(engine_stored(HOST, GUEST)->secret, engine_stored(GUEST, HOST)->secret,
                        sizeof secret);
    // The session of the friends went on beside it.
    assert_ptr_equal(node_session_find(HOST->node, GUEST->device), before);
    assert_int_equal(HOST->stored_n, 1);
}

static void a_pairing_that_one_side_has_lost_is_mended(void **state) {
    struct engine_world *w = *state;
    for (int loser = 0; loser < 2; loser++)
        for (int host = 0; host < 2; host++) {
            struct paired_engine *lost = &w->e[loser], *other = &w->e[1 - loser];
            engines_pair(HOST, GUEST);
            assert_true(engines_connected(HOST, GUEST));
            node_peer_remove(lost->node, other->device);
            peers_memory_remove(lost->peers, other->device);
            lost->stored_n = 0;
            engine_world_run(w, 2000);
            struct node_diagnosis d;
            assert_int_equal(node_diagnose(other->node, lost->device, &d), 0);
            assert_true(d.refused);
            engines_pair(&w->e[host], &w->e[1 - host]);
            assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
            assert_true(engines_connected(HOST, GUEST));
        }
}

static void a_renewal_that_breaks_leaves_them_paired(void **state) {
    struct engine_world *w = *state;
    engines_pair(HOST, GUEST);
    begin(w);
    GUEST->at_paired = reset;
    engine_world_run(w, 20 * 1000);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    // It is as before for certain, and whether the host has what is new the guest cannot know.
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_UNCONFIRMED);
    assert_non_null(strstr(engine_state(GUEST).text, "as before"));
    assert_true(engines_connected(HOST, GUEST));
    assert_int_equal(GUEST->unpaired, 0);
    engines_pair(HOST, GUEST);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
}

static void another_device_of_ones_own_is_told_apart(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    assert_true(engine_state(HOST).own_identity && engine_state(GUEST).own_identity);
    engine_yes(HOST, NULL);
    engine_yes(GUEST, NULL);
    engine_world_run(w, 100);
    assert_true(engine_stored(HOST, GUEST)->own && engine_stored(GUEST, HOST)->own);
    assert_true(engines_connected(HOST, GUEST));
}

static void on_refused(void *ctx, const json_t *result, const json_t *error, const struct err *e) {
    (void)result, (void)e;
    *(int *)ctx = (int)json_integer_value(json_object_get(error, "code"));
}

static void a_session_of_friends_does_not_pair(void **state) {
    struct engine_world *w = *state;
    engines_pair(HOST, GUEST);
    engine_open(HOST);
    struct node_session *s = node_session_find(GUEST->node, HOST->device);
    int code = 0;
    assert_true(link_call(node_session_link(s), "pair.say", json_pack("{s:s}", "m", "AQYB"), 1000,
                          on_refused, &code, NULL) > 0);
    engine_world_run(w, 100);
    assert_int_equal(code, JSONRPC_INVALID_PARAMS);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_OPEN);
    assert_true(engines_connected(HOST, GUEST));
}

// --- the limits ---------------------------------------------------------------------------------

static void key_pair(uint8_t number, uint8_t pk[32], uint8_t sk[64]) {
    const uint8_t seed[32] = {number, 9};
    (void)crypto_sign_seed_keypair(pk, sk, seed);
}

// An identity that was rotated, and has revoked, as often as may be.
static void longest_chain(struct paired_engine *e) {
    uint8_t rotations[CHAIN_ROTATIONS_MAX * STATEMENT_BYTES_MAX], pk[2][32], sk[2][64];
    uint8_t revoked[CHAIN_REVOKED_MAX * STATEMENT_REVOKE_BYTES], bytes[STATEMENT_BYTES_MAX];
    uint8_t device_sk[64], device[32], unused[64];
    size_t now = 0;
    (void)crypto_sign_seed_keypair(device, device_sk, e->seed);
    key_pair(100, pk[0], sk[0]);
    for (uint8_t i = 0; i < CHAIN_ROTATIONS_MAX; i++, now = 1 - now) {
        struct statement s = {.kind = STATEMENT_ROTATE, .counter = i + 1U};
        key_pair((uint8_t)(101 + i), pk[1 - now], sk[1 - now]);
        memcpy(s.identity, pk[now], 32);
        memcpy(s.subject, pk[1 - now], 32);
        statement_sign(&s, sk[now], sk[1 - now], rotations + i * (size_t)STATEMENT_BYTES_MAX);
    }
    for (uint8_t i = 0; i < CHAIN_REVOKED_MAX; i++) {
        struct statement s = {.kind = STATEMENT_REVOKE, .counter = 100U + i};
        memcpy(s.identity, pk[now], 32);
        key_pair((uint8_t)(150 + i), s.subject, unused);
        statement_sign(&s, sk[now], NULL, bytes);
        memcpy(revoked + i * (size_t)STATEMENT_REVOKE_BYTES, bytes, STATEMENT_REVOKE_BYTES);
    }
    struct statement s = {.kind = STATEMENT_DEVICE, .counter = 200};
    memcpy(s.identity, pk[now], 32);
    memcpy(s.subject, device, 32);
    statement_sign(&s, sk[now], device_sk, bytes);
    e->chain.len = 0;
    assert_int_equal(
        chain_format(rotations, CHAIN_ROTATIONS_MAX, revoked, CHAIN_REVOKED_MAX, bytes, &e->chain),
        0);
    assert_int_equal(e->chain.len, CHAIN_BYTES_MAX);
    e->terms.chain = e->chain.data;
    e->terms.chain_n = e->chain.len;
}

static void the_longest_introductions_fit_a_strangers_frames(void **state) {
    struct engine_world *w = *state;
    static const char name[] = "a name that takes all the sixty-four bytes that there are for it";
    assert_int_equal(strlen(name), PAIR_NAME_BYTES_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct pairing_terms *terms = &w->e[i].terms;
        longest_chain(&w->e[i]);
        terms->name = name;
        terms->give = terms->want = (struct pair_scopes){0};
        for (size_t k = 0; k < PAIR_SCOPES_MAX; k++) {
            char scope[64];
            int n = snprintf(scope, sizeof scope, "a-scope-of-the-length-%02zu", k);
            assert_int_equal(n, PAIR_SCOPE_BYTES_MAX);
            assert_int_equal(pair_scopes_add(&terms->give, scope, (size_t)n, NULL), 0);
            assert_int_equal(pair_scopes_add(&terms->want, scope, (size_t)n, NULL), 0);
        }
    }
    engine_open(HOST);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 5000); // a stranger says no more in a second
    for (size_t i = 0; i < 2; i++) {
        struct paired_engine *e = &w->e[i];
        assert_int_equal(engine_state(e).phase, PAIRWORK_ASKING);
        assert_int_equal(pairwork_answer(e->work, e->act, true, &e->terms.give, NULL), 0);
    }
    engine_world_run(w, 5000);
    assert_true(engines_connected(HOST, GUEST));
    assert_int_equal(engine_stored(HOST, GUEST)->chain_n, CHAIN_BYTES_MAX);
    assert_int_equal(engine_stored(GUEST, HOST)->received.n, PAIR_SCOPES_MAX);
}

// --- out of memory -------------------------------------------------------------------------------

static void any_allocation_may_fail(void **state) {
    (void)state;
    unsigned paired = 0, runs = 0;
    for (uint64_t nth = 1;; nth += nth < 40 ? 1 : 7, runs++) {
        struct engine_world *w = mem_zalloc(sizeof *w);
        assert_non_null(w);
        engine_world_init(w, 2, NULL);
        struct net_addr a = engine_addr(HOST);
        mem_fail_at(nth);
        if (pairwork_open(HOST->work, &HOST->terms, HOST->code, &HOST->act, NULL) == 0 &&
            pairwork_guess(GUEST->work, HOST->code, strlen(HOST->code), &GUEST->terms, &a, 1,
                           &GUEST->act, NULL) == 0)
            engine_world_run(w, 0);
        for (size_t i = 0; i < 2; i++)
            if (engine_state(&w->e[i]).phase == PAIRWORK_ASKING)
                (void)pairwork_answer(w->e[i].work, w->e[i].act, true, NULL, NULL);
        engine_world_run(w, 0);
        bool done = mem_count() < nth;
        mem_fail_at(0);
        for (size_t i = 0; i < 2; i++)
            if (engine_state(&w->e[i]).phase == PAIRWORK_ASKING)
                (void)pairwork_answer(w->e[i].work, w->e[i].act, true, NULL, NULL);
        engine_world_run(w, 120 * 1000);
        assert_int_equal(HOST->stored_n, GUEST->stored_n);
        paired += HOST->stored_n == 1;
        engine_world_done(w);
        mem_free(w);
        if (done)
            break;
    }
    assert_true(paired > 0 && paired < runs);
}

// --- sockets and TLS -----------------------------------------------------------------------------

struct real {
    struct paired_engine host, guest;
    struct fixture *f;
    struct tls *tls[2];
    struct net_loop *net[2];
    struct loop_timer *poll;
};

static void poll(void *ctx) {
    struct real *r = ctx;
    struct paired_engine *both[] = {&r->host, &r->guest};
    bool done = true;
    for (size_t i = 0; i < 2; i++) {
        struct pairwork_state s = engine_state(both[i]);
        if (s.phase == PAIRWORK_ASKING)
            engine_yes(both[i], i ? "metric" : "pattern");
        assert_int_not_equal(s.phase, PAIRWORK_FAILED);
        done &= s.phase == PAIRWORK_PAIRED;
    }
    if (done && engines_connected(&r->host, &r->guest))
        loop_stop(r->f->loop);
}

static void real_start(struct real *r, size_t i, uint8_t number, const char *name) {
    struct paired_engine *e = i ? &r->guest : &r->host;
    e->env = loop_env(r->f->loop);
    engine_make(e, number, number, name);
    assert_int_equal(tls_new(e->seed, &r->tls[i], NULL), 0);
    assert_memory_equal(tls_key(r->tls[i]), e->device, 32);
    e->channels = tls_maker(r->tls[i]);
    assert_int_equal(net_loop_new(r->f->loop, NULL, &r->net[i], NULL), 0);
    e->net = net_loop_net(r->net[i]);
    engine_start(e);
}

static void two_engines_pair_over_sockets_and_tls(void **state) {
    struct real r = {.f = *state};
    real_start(&r, 0, 1, "Ada");
    real_start(&r, 1, 2, "Grace");
    engine_open(&r.host);
    struct net_addr to = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    to.port = node_port(r.host.node);
    assert_int_equal(pairwork_guess(r.guest.work, r.host.code, strlen(r.host.code), &r.guest.terms,
                                    &to, 1, &r.guest.act, NULL),
                     0);
    assert_int_equal(loop_timer_new(r.f->loop, poll, &r, &r.poll), 0);
    loop_timer_start(r.poll, 5, 5);
    fixture_run(r.f);
    const struct stored *h = engine_stored(&r.host, &r.guest),
                        *g = engine_stored(&r.guest, &r.host);
    assert_true(h && g);
    assert_memory_equal(h->secret, g->secret, sizeof h->secret);
    assert_int_equal(h->address.port, node_port(r.guest.node));
    loop_timer_free(r.poll);
    for (size_t i = 0; i < 2; i++) {
        struct paired_engine *e = i ? &r.guest : &r.host;
        node_check(e->node);
        engine_stop(e);
        net_loop_free(r.net[i]);
        tls_free(r.tls[i]);
        peers_memory_free(e->peers);
        buf_done(&e->chain);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_link_breaks_when_the_guest_has_stored_it),
        TEST(what_was_under_way_is_ended_when_the_guest_asks),
        TEST(the_link_breaks_when_the_host_has_stored_it),
        TEST(the_host_dies_before_it_has_stored_it),
        TEST(the_host_dies_when_it_has_stored_it),
        TEST(the_guest_dies_when_it_has_stored_it),
        TEST(the_guest_cannot_store_it),
        TEST(the_host_cannot_store_it),
        TEST(the_guest_says_nothing_after_its_yes),
        TEST(pairing_again_renews_what_is_granted),
        TEST(a_pairing_that_one_side_has_lost_is_mended),
        TEST(a_renewal_that_breaks_leaves_them_paired),
        TEST(a_session_of_friends_does_not_pair),
        cmocka_unit_test_setup_teardown(another_device_of_ones_own_is_told_apart, setup_one_person,
                                        teardown),
        cmocka_unit_test(a_bit_is_turned_over_anywhere),
        TEST(the_longest_introductions_fit_a_strangers_frames),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test_setup_teardown(two_engines_pair_over_sockets_and_tls, fixture_setup,
                                        fixture_teardown),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("federation/pairwork_end", tests, NULL, NULL);
}
