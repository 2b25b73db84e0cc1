#include "federation/pairing.h"

#include "tests/unit/federation/pair_fixture.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    struct pair_world *w = mem_zalloc(sizeof *w);
    assert_non_null(w);
    pair_world_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    pair_world_done(*state);
    mem_free(*state);
    return 0;
}

// The code is open, both sides of the first link have their session, nothing has been delivered.
static void begin(struct pair_world *w, const char *code) {
    assert_int_equal(pair_guess(&w->g, code), 0);
    assert_int_equal(pair_accept(&w->h), 0);
}

static void both_get_to_know_each_other_and_grant_what_was_named(void **state) {
    struct pair_world *w = *state;
    w->h.answer_at_once = w->g.answer_at_once = true;
    pair_offer(w);
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_true(w->h.ok && w->g.ok);
    assert_string_equal(w->h.peer.name, "Grace");
    assert_string_equal(w->g.peer.name, "Ada");
    assert_memory_equal(w->g.peer.chain.current, w->host.identity, 32);
    assert_memory_equal(w->g.peer.chain.device, w->host.device, 32);
    assert_memory_equal(w->h.peer.chain.current, w->guest.identity, 32);
    assert_memory_equal(w->h.peer.chain.device, w->guest.device, 32);
    assert_int_equal(w->h.result.granted.n, 1);
    assert_string_equal(w->h.result.granted.names[0], "pattern");
    assert_string_equal(w->g.result.received.names[0], "pattern");
    assert_string_equal(w->g.result.granted.names[0], "metric");
    assert_string_equal(w->h.result.received.names[0], "metric");
    assert_true(w->h.result.host && !w->g.result.host);
    assert_memory_equal(w->h.result.secret, w->g.result.secret, PAIRING_SECRET_BYTES);
    assert_false(sodium_is_zero(w->h.result.secret, PAIRING_SECRET_BYTES));
    assert_int_equal(w->host.ended, PAIRING_USED);
    assert_int_equal(w->host.offers_ended, 1);
    assert_int_equal(w->host.alarms + w->guest.alarms, 0);
    assert_int_equal(pairing_number(w->host.p), 0);
}

static void nothing_is_told_before_the_other_side_has_proved_the_code(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0); // hello
    for (int i = 0; i < 2; i++) {
        struct end *e = i ? &w->h : &w->g;
        for (size_t q = 0; q < e->queued; q++)
            assert_true(e->queue_n[q] <= 2 + CPACE_TAG_BYTES); // no room for a name or a key
    }
    assert_int_equal(pair_deliver(&w->h, &w->g), 0); // reply
    assert_int_equal(w->g.queued, 1);
    assert_int_equal(w->g.queue_n[0], 2 + CPACE_TAG_BYTES); // its proof, alone
    pair_run(&w->g, &w->h);
    assert_true(w->h.asked && w->g.asked && !w->h.over);
}

static void a_wrong_guess_kills_the_code_and_raises_an_alarm(void **state) {
    struct pair_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    pair_offer(w);
    pair_wrong_code(w->host.code, wrong);
    begin(w, wrong);
    pair_run(&w->g, &w->h);
    assert_int_equal(w->h.why, ERR_KEY);
    assert_int_equal(w->g.why, ERR_KEY);
    assert_int_equal(w->host.alarms, 1);
    assert_int_equal(w->host.alarm, PAIRING_ALARM_GUESS);
    assert_int_equal(w->host.ended, PAIRING_GUESSED);
    assert_int_equal(pairing_number(w->host.p), 0);
    assert_false(w->h.asked || w->g.asked);
}

static void a_second_guess_is_refused_even_with_the_right_words(void **state) {
    struct pair_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    struct end h, g;
    pair_offer(w);
    pair_wrong_code(w->host.code, wrong);
    begin(w, wrong);
    pair_run(&w->g, &w->h);
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    assert_int_equal(pair_accept(&h), 0);
    pair_run(&g, &h);
    assert_int_equal(h.why, ERR_NOT_FOUND);
    assert_int_equal(g.why, ERR_NOT_FOUND);
    assert_false(h.asked || g.asked);
}

// Two links at once, both answered before either has proved anything: still one guess.
static void of_two_guesses_at_once_the_first_decides(void **state) {
    struct pair_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    struct end h, g;
    pair_offer(w);
    pair_wrong_code(w->host.code, wrong);
    begin(w, wrong);
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    assert_int_equal(pair_accept(&h), 0);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pair_deliver(&g, &h), 0);
    assert_int_equal(pair_deliver(&h, &g), 0); // the right one has its proof ready
    assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    assert_int_equal(pair_deliver(&w->g, &w->h), ERR_KEY);
    assert_true(h.over);
    assert_int_equal(h.why, ERR_CLOSED);
    pair_run(&g, &h);
    assert_int_equal(g.why, ERR_CLOSED);
    pair_drop(&w->h);
}

static void the_right_guess_ends_the_others(void **state) {
    struct pair_world *w = *state;
    struct end h, g;
    pair_offer(w);
    begin(w, w->host.code);
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    assert_int_equal(pair_accept(&h), 0);
    assert_int_equal(pair_deliver(&g, &h), 0);
    pair_run(&w->g, &w->h);
    assert_true(w->h.asked && w->g.asked);
    assert_int_equal(h.why, ERR_CLOSED);
    pair_run(&g, &h);
    assert_true(g.over && !g.asked);
}

// Who hangs up before its proof has learnt nothing: the code lives on.
static void a_link_lost_before_the_proof_costs_no_guess(void **state) {
    struct pair_world *w = *state;
    struct end h, g;
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    pair_close(&w->g);
    pair_close(&w->h);
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    assert_int_equal(pair_accept(&h), 0);
    pair_run(&g, &h);
    assert_true(h.asked && g.asked);
    pair_close(&h);
    pair_close(&g);
    pair_drop(&h);
    pair_drop(&g);
}

// After its proof the guest must take the code for tried: whoever answered may be somebody else.
static void a_guest_does_not_try_a_code_twice(void **state) {
    struct pair_world *w = *state;
    struct end h, g;
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    pair_close(&w->g); // the proof is on its way, or in somebody's hands
    pair_drop(&w->g);
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_guess(&g, w->host.code), ERR_PERM);
    assert_null(g.session);
    pair_env_pass(&w->env, PAIRING_OFFER_MS); // by now it is dead anyway
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    pair_close(&g);
    pair_drop(&g);
}

static void a_guest_may_not_try_many_codes(void **state) {
    struct pair_world *w = *state;
    struct end h, g;
    char code[PAIR_CODE_BYTES_MAX];
    pair_offer(w);
    strncpy(code, w->host.code, sizeof code);
    for (int i = 0; i <= PAIRING_SPENT_MAX; i++) {
        pair_link(w, &h, &g, 9, 9);
        pair_wrong_code(code, code);
        assert_int_equal(pair_guess(&g, code), 0);
        assert_int_equal(pair_accept(&h), 0);
        assert_int_equal(pair_deliver(&g, &h), 0);
        assert_int_equal(pair_deliver(&h, &g), i < PAIRING_SPENT_MAX ? 0 : ERR_LIMIT);
        pair_close(&g);
        pair_close(&h);
        pair_drop(&g);
        pair_drop(&h);
    }
}

static void a_man_in_the_middle_of_two_links_fails_like_a_wrong_code(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    // He has a link to each and hands on every byte; the code is right on both sides.
    pair_link(w, &w->h, &w->g, 7, 8);
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_int_equal(w->h.why, ERR_KEY);
    assert_int_equal(w->g.why, ERR_KEY);
    assert_int_equal(w->host.alarms, 1);
    assert_int_equal(w->host.ended, PAIRING_GUESSED);
}

static void a_man_in_the_middle_with_a_key_of_his_own_fails_too(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    w->h.link.peer_device[5] ^= 1; // the same exporter, were it possible
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_int_equal(w->h.why, ERR_KEY);
    assert_false(w->h.asked || w->g.asked);
}

// Somebody answers in the host's place without the code, and lets the guest come as far as it will.
static void an_impostor_of_the_host_is_noticed_by_the_guest(void **state) {
    struct pair_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    uint8_t proof[2 + CPACE_TAG_BYTES] = {PAIR_VERSION, PAIR_PROOF, 1, 2, 3};
    pair_offer(w);
    pair_wrong_code(w->host.code, wrong);
    begin(w, wrong);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    struct err err = {0};
    assert_int_equal(pairing_feed(w->g.session, proof, sizeof proof, &err), ERR_KEY);
    assert_int_equal(w->guest.alarms, 1);
    assert_int_equal(w->guest.alarm, PAIRING_ALARM_IMPOSTOR);
    assert_int_equal(w->g.why, ERR_KEY);
    assert_false(w->g.asked);
    // Nothing went out that a host would not have had.
    assert_int_equal(w->g.queue_n[w->g.queued - 1], 3); // the refusal
}

static void a_reflected_message_is_refused_in_every_step(void **state) {
    struct pair_world *w = *state;
    struct end h, g;
    pair_offer(w);
    for (int step = 0; step < 3; step++) {
        pair_link(w, &h, &g, 9, 9);
        if (step < 2)
            assert_int_equal(pair_guess(&g, w->host.code), 0);
        if (step == 0) { // its own share as the reply
            uint8_t reply[2 + CPACE_MESSAGE_BYTES] = {PAIR_VERSION, PAIR_REPLY};
            memcpy(reply + 2, g.queue[0] + 4 + PAIR_SID_BYTES, CPACE_MESSAGE_BYTES);
            assert_int_equal(pairing_feed(g.session, reply, sizeof reply, NULL), ERR_INVAL);
            assert_int_equal(g.why, ERR_INVAL);
        } else if (step == 1) { // its own proof
            pairing_close(g.session);
            pair_drop(&g);
            assert_int_equal(pair_guess(&g, w->host.code), 0);
            assert_int_equal(pair_accept(&h), 0);
            assert_int_equal(pair_deliver(&g, &h), 0);
            assert_int_equal(pair_deliver(&h, &g), 0);
            assert_int_equal(pair_deliver(&g, &g), ERR_KEY);
        } else { // a link to ourselves
            memcpy(g.link.peer_device, g.link.own_device, 32);
            assert_int_equal(pair_guess(&g, w->host.code), ERR_INVAL);
            memcpy(h.link.peer_device, h.link.own_device, 32);
            assert_int_equal(pair_accept(&h), ERR_INVAL);
        }
        pair_close(&h);
        pair_close(&g);
        pair_drop(&h);
        pair_drop(&g);
    }
    assert_int_equal(pairing_number(w->host.p) != 0, 1); // none of it was a guess at the host
}

static void an_introduction_and_a_verdict_sent_back_are_refused(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pair_deliver(&w->g, &w->h), 0);
        assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    }
    assert_int_equal(w->g.queued, 1); // the guest's introduction, to the guest
    assert_int_equal(pair_deliver(&w->g, &w->g), ERR_INVAL);
    assert_int_equal(w->g.why, ERR_INVAL);
    assert_false(w->g.asked);
}

// A whole exchange recorded, and played to the host again on another link and on the same.
static void a_replayed_exchange_is_a_wrong_guess(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    for (uint8_t again = 0; again < 2; again++) {
        struct end h, g;
        uint8_t hello[64], proof[80];
        pair_link(w, &h, &g, 9, 9);
        assert_int_equal(pair_guess(&g, w->host.code), 0);
        assert_int_equal(pair_accept(&h), 0);
        size_t hello_n = g.queue_n[0];
        memcpy(hello, g.queue[0], hello_n);
        assert_int_equal(pair_deliver(&g, &h), 0);
        assert_int_equal(pair_deliver(&h, &g), 0);
        size_t proof_n = g.queue_n[0];
        memcpy(proof, g.queue[0], proof_n);
        pair_close(&g);
        pair_close(&h);
        memset(h.link.binding, 9 + again, 32);
        assert_int_equal(pair_accept(&h), 0);
        assert_int_equal(pairing_feed(h.session, hello, hello_n, NULL), 0);
        assert_int_equal(pairing_feed(h.session, proof, proof_n, NULL), ERR_KEY);
        assert_int_equal(w->host.alarms, again + 1);
        pair_drop(&g);
        pair_drop(&h);
        pair_offer(w);
    }
}

static void a_message_twice_or_out_of_turn_ends_the_session(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    uint8_t hello[64];
    size_t n = w->g.queue_n[0];
    memcpy(hello, w->g.queue[0], n);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pairing_feed(w->h.session, hello, n, NULL), ERR_INVAL);
    assert_int_equal(w->h.why, ERR_INVAL);
    assert_true(pairing_number(w->host.p) != 0); // and the code is as it was
    struct end h, g;
    static const uint8_t others[][2 + CPACE_TAG_BYTES] = {{PAIR_VERSION, PAIR_REPLY},
                                                          {PAIR_VERSION, PAIR_PROOF}};
    static const size_t others_n[] = {2 + CPACE_MESSAGE_BYTES, 2 + CPACE_TAG_BYTES};
    for (size_t i = 0; i < 2; i++) {
        pair_link(w, &h, &g, 9, 9);
        assert_int_equal(pair_accept(&h), 0);
        assert_int_equal(pairing_feed(h.session, others[i], others_n[i], NULL), ERR_INVAL);
        pair_drop(&h);
    }
    assert_int_equal(w->host.alarms, 0);
}

static void oversized_and_malformed_messages_end_the_session_and_no_code(void **state) {
    struct pair_world *w = *state;
    static uint8_t large[PAIR_MESSAGE_BYTES_MAX + 1] = {PAIR_VERSION, PAIR_INTRODUCE};
    static const struct {
        uint8_t bytes[4];
        size_t n;
        int wanted;
    } cases[] = {{{0}, 0, ERR_PARSE},
                 {{PAIR_VERSION}, 1, ERR_PARSE},
                 {{PAIR_VERSION + 1, PAIR_HELLO}, 2, ERR_VERSION},
                 {{PAIR_VERSION, 0}, 2, ERR_PARSE},
                 {{PAIR_VERSION, 7}, 2, ERR_PARSE},
                 {{PAIR_VERSION, 255}, 2, ERR_PARSE},
                 {{PAIR_VERSION, PAIR_HELLO, 0, 7}, 4, ERR_PARSE},
                 {{PAIR_VERSION, PAIR_REFUSE, 0}, 3, ERR_PARSE},
                 {{PAIR_VERSION, PAIR_REFUSE, 7}, 3, ERR_PARSE},
                 {{PAIR_VERSION, PAIR_REFUSE, 1, 1}, 4, ERR_PARSE}};
    pair_offer(w);
    for (size_t i = 0; i <= COUNT_OF(cases); i++) {
        struct end h, g;
        pair_link(w, &h, &g, 9, 9);
        assert_int_equal(pair_accept(&h), 0);
        bool last = i == COUNT_OF(cases);
        int r = pairing_feed(h.session, last ? large : cases[i].bytes,
                             last ? sizeof large : cases[i].n, NULL);
        assert_int_equal(r, last ? ERR_LIMIT : cases[i].wanted);
        assert_int_equal(h.why, r);
        assert_int_equal(h.queued, 1); // told so, once
        assert_int_equal(h.queue[0][2], PAIR_MALFORMED);
        pair_drop(&h);
    }
    assert_true(pairing_number(w->host.p) != 0);
    assert_int_equal(w->host.alarms, 0);
}

static void every_changed_bit_of_an_introduction_is_noticed(void **state) {
    struct pair_world *w = *state;
    for (size_t bit = 0;; bit += 61) {
        struct end h, g;
        pair_link(w, &h, &g, 9, 9);
        pair_offer(w);
        assert_int_equal(pair_guess(&g, w->host.code), 0);
        assert_int_equal(pair_accept(&h), 0);
        assert_int_equal(pair_deliver(&g, &h), 0);
        assert_int_equal(pair_deliver(&h, &g), 0);
        assert_int_equal(pair_deliver(&g, &h), 0);
        assert_int_equal(pair_deliver(&h, &g), 0); // the host's proof; its introduction is next
        bool past = bit / 8 >= h.queue_n[0];
        if (!past) {
            h.queue[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(pair_deliver(&h, &g) < 0);
            assert_true(g.over && !g.asked);
        }
        pair_close(&h);
        pair_close(&g);
        pair_drop(&h);
        pair_drop(&g);
        pair_env_pass(&w->env, PAIRING_OFFER_MS);
        if (past)
            return;
    }
}

static void a_code_dies_after_ten_minutes(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    pair_env_pass(&w->env, PAIRING_OFFER_MS - 1);
    assert_true(pairing_number(w->host.p) != 0);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    pair_env_pass(&w->env, 1); // between the reply and the proof
    assert_int_equal(w->host.ended, PAIRING_EXPIRED);
    assert_int_equal(w->h.why, ERR_TIMEOUT);
    pair_run(&w->g, &w->h);
    assert_int_equal(w->g.why, ERR_CLOSED);
    struct end h, g;
    pair_link(w, &h, &g, 9, 9);
    assert_int_equal(pair_accept(&h), 0);
    assert_int_equal(pair_guess(&w->g, w->host.code), ERR_PERM);
    assert_int_equal(w->host.alarms, 0);
    pair_close(&h);
    pair_drop(&h);
}

// The timer does not run while the machine sleeps; the wall does. And it is asked at the proof,
// too.
static void a_code_dies_while_the_machine_sleeps(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    assert_int_equal(pair_deliver(&w->h, &w->g), 0);
    w->env.wall_ms += PAIRING_OFFER_MS;
    assert_int_equal(pair_deliver(&w->g, &w->h), ERR_TIMEOUT);
    assert_int_equal(w->host.ended, PAIRING_EXPIRED);
    assert_int_equal(pairing_number(w->host.p), 0);
    assert_false(w->h.asked);
}

static void who_stops_in_the_middle_is_given_up(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pair_deliver(&w->g, &w->h), 0);
    pair_env_pass(&w->env, PAIRING_EXCHANGE_MS);
    assert_int_equal(w->h.why, ERR_TIMEOUT);
    assert_int_equal(w->g.why, ERR_TIMEOUT);
    assert_true(pairing_number(w->host.p) != 0); // it was no guess
}

static void users_who_do_not_answer_end_it(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_int_equal(pairing_answer(w->h.session, true, NULL, NULL), 0);
    pair_run(&w->h, &w->g);
    assert_false(w->h.over || w->g.over);
    pair_env_pass(&w->env, PAIRING_ANSWER_MS);
    assert_int_equal(w->h.why, ERR_TIMEOUT);
    assert_int_equal(w->g.why, ERR_TIMEOUT);
}

static void each_side_may_decline(void **state) {
    struct pair_world *w = *state;
    pair_offer(w);
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_int_equal(pairing_answer(w->h.session, true, &w->h.peer.want, NULL), 0);
    assert_int_equal(pairing_answer(w->h.session, true, NULL, NULL), ERR_INVAL); // once
    assert_int_equal(pairing_answer(w->g.session, false, NULL, NULL), 0);
    assert_int_equal(w->g.why, ERR_PERM);
    pair_run(&w->g, &w->h);
    assert_int_equal(w->h.why, ERR_PERM);
    assert_non_null(strstr(w->h.message, "Grace"));
    assert_false(w->h.ok || w->g.ok);
}

static void only_what_was_named_can_be_granted(void **state) {
    struct pair_world *w = *state;
    struct pair_scopes other = {0};
    (void)pair_scopes_add(&other, "everything", 10, NULL);
    pair_offer(w);
    begin(w, w->host.code);
    assert_int_equal(pairing_answer(w->g.session, true, NULL, NULL), ERR_INVAL); // too early
    pair_run(&w->g, &w->h);
    assert_int_equal(pairing_answer(w->h.session, true, &other, NULL), ERR_INVAL);
    // More than was wanted may be given, when it was proposed; less, too.
    assert_int_equal(pairing_answer(w->g.session, true, &w->guest.terms.give, NULL), 0);
    assert_int_equal(pairing_answer(w->h.session, true, NULL, NULL), 0);
    pair_run(&w->g, &w->h);
    assert_true(w->h.ok && w->g.ok);
    assert_string_equal(w->h.result.received.names[0], "task");
    assert_int_equal(w->g.result.received.n, 0);
}

static void an_identity_that_is_not_of_the_link_is_refused(void **state) {
    struct pair_world *w = *state;
    struct pairing_terms others = w->guest.terms;
    others.chain = w->host.chain.data;
    others.chain_n = w->host.chain.len;
    struct pairing_session *s = NULL;
    pair_offer(w);
    assert_int_equal(pairing_guess(w->guest.p, w->host.code, strlen(w->host.code), &w->g.link,
                                   &others, &w->g, &s, NULL),
                     ERR_INVAL);
    others.chain_n--;
    assert_int_equal(pairing_guess(w->guest.p, w->host.code, strlen(w->host.code), &w->g.link,
                                   &others, &w->g, &s, NULL),
                     ERR_INVAL);
    others = w->guest.terms;
    others.name = "a\nb";
    assert_int_equal(pairing_guess(w->guest.p, w->host.code, strlen(w->host.code), &w->g.link,
                                   &others, &w->g, &s, NULL),
                     ERR_INVAL);
    // A dishonest engine with the code says it is a device that it is not.
    memcpy(w->h.link.peer_device, w->host.device, 32);
    w->h.link.peer_device[0] ^= 1;
    memcpy(w->g.link.own_device, w->h.link.peer_device, 32);
    assert_int_equal(pair_guess(&w->g, w->host.code), ERR_INVAL); // ours does not even begin
}

static void an_ended_certificate_is_told_to_its_owner(void **state) {
    struct pair_world *w = *state;
    w->env.wall_ms = 5000000001 + CHAIN_GRACE_MS;
    pair_offer(w);
    begin(w, w->host.code);
    pair_run(&w->g, &w->h);
    assert_true(w->h.over && w->g.over);
    assert_int_equal(w->h.why == ERR_PERM || w->g.why == ERR_PERM, 1);
    assert_false(w->h.asked && w->g.asked);
}

static void no_more_sessions_than_allowed(void **state) {
    struct pair_world *w = *state;
    struct end h[PAIRING_SESSIONS_MAX + 1], g;
    pair_offer(w);
    for (int i = 0; i <= PAIRING_SESSIONS_MAX; i++) {
        pair_link(w, &h[i], &g, 9, 9);
        assert_int_equal(pair_accept(&h[i]), i < PAIRING_SESSIONS_MAX ? 0 : ERR_LIMIT);
    }
    assert_int_equal(pair_guess(&g, w->host.code), 0);
    assert_int_equal(pair_deliver(&h[PAIRING_SESSIONS_MAX], &g), ERR_BUSY);
    pair_drop(&g);
    for (int i = 0; i < PAIRING_SESSIONS_MAX; i++) {
        pair_close(&h[i]);
        pair_drop(&h[i]);
    }
    struct err err = {0};
    char code[PAIR_CODE_BYTES_MAX];
    assert_int_equal(pairing_offer(w->host.p, &w->host.terms, code, &err), ERR_EXISTS);
    pairing_withdraw(w->host.p);
    assert_int_equal(w->host.ended, PAIRING_WITHDRAWN);
    assert_int_equal(pairing_offer(w->host.p, &w->host.terms, code, &err), 0);
}

// Every failed allocation gives a clean end on both sides or none at all.
static void pairing_survives_each_failed_allocation(void **state) {
    (void)state;
    for (uint64_t i = 1; i < 500; i++) {
        struct pair_world *w = mem_zalloc(sizeof *w);
        assert_non_null(w);
        pair_world_init(w);
        mem_fail_at(i);
        w->h.answer_at_once = w->g.answer_at_once = false;
        bool made = pairing_offer(w->host.p, &w->host.terms, w->host.code, NULL) == 0 &&
                    pair_guess(&w->g, w->host.code) == 0 && pair_accept(&w->h) == 0;
        while (made && (w->g.queued || w->h.queued)) {
            struct end *from = w->g.queued ? &w->g : &w->h, *to = from == &w->g ? &w->h : &w->g;
            (void)pair_deliver(from, to);
        }
        bool through = w->h.asked && w->g.asked;
        bool hit = mem_count() >= i;
        mem_fail_at(0);
        assert_true(through || hit);
        pair_world_done(w);
        mem_free(w);
        if (!hit)
            return;
    }
    fail();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(both_get_to_know_each_other_and_grant_what_was_named),
        T(nothing_is_told_before_the_other_side_has_proved_the_code),
        T(a_wrong_guess_kills_the_code_and_raises_an_alarm),
        T(a_second_guess_is_refused_even_with_the_right_words),
        T(of_two_guesses_at_once_the_first_decides),
        T(the_right_guess_ends_the_others),
        T(a_link_lost_before_the_proof_costs_no_guess),
        T(a_guest_does_not_try_a_code_twice),
        T(a_guest_may_not_try_many_codes),
        T(a_man_in_the_middle_of_two_links_fails_like_a_wrong_code),
        T(a_man_in_the_middle_with_a_key_of_his_own_fails_too),
        T(an_impostor_of_the_host_is_noticed_by_the_guest),
        T(a_reflected_message_is_refused_in_every_step),
        T(an_introduction_and_a_verdict_sent_back_are_refused),
        T(a_replayed_exchange_is_a_wrong_guess),
        T(a_message_twice_or_out_of_turn_ends_the_session),
        T(oversized_and_malformed_messages_end_the_session_and_no_code),
        T(every_changed_bit_of_an_introduction_is_noticed),
        T(a_code_dies_after_ten_minutes),
        T(a_code_dies_while_the_machine_sleeps),
        T(who_stops_in_the_middle_is_given_up),
        T(users_who_do_not_answer_end_it),
        T(each_side_may_decline),
        T(only_what_was_named_can_be_granted),
        T(an_identity_that_is_not_of_the_link_is_refused),
        T(an_ended_certificate_is_told_to_its_owner),
        T(no_more_sessions_than_allowed),
        cmocka_unit_test(pairing_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("federation/pairing", tests, NULL, NULL);
}
