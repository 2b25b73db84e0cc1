#include "federation/pairwork.h"

#include "core/base/mem.h"
#include "tests/unit/federation/pair_fixture.h"
#include "tests/unit/federation/pairwork_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOST   (&w->e[0])
#define GUEST  (&w->e[1])
#define THIRD  (&w->e[2])
#define A_CODE "7-orbit-canoe-canyon" // nobody's

static int setup(void **state) {
    struct engine_world *w = mem_zalloc(sizeof *w);
    assert_non_null(w);
    engine_world_init(w, 3, NULL);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    engine_world_done(*state);
    mem_free(*state);
    return 0;
}

// Whether a stranger meets an open door: its request is looked at, whatever becomes of it.
struct knock {
    int code;
    bool answered;
};
static void on_knock(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct knock *k = ctx;
    (void)result;
    k->answered = true;
    k->code = error ? (int)json_integer_value(json_object_get(error, "code")) : err ? -1 : 0;
}
static void on_stand(void *ctx, struct node_session *s, const struct err *why) {
    (void)why;
    assert_non_null(s);
    assert_true(
        link_call(node_session_link(s), "pair.say", json_object(), 5000, on_knock, ctx, NULL) > 0);
}
static bool door_is_open(struct engine_world *w, const struct paired_engine *of) {
    struct knock k = {0};
    struct net_addr a = engine_addr(of);
    assert_int_equal(node_visit(THIRD->node, &a, on_stand, &k, NULL), 0);
    engine_world_run(w, 100);
    assert_true(k.answered);
    assert_true(k.code == NODE_ERROR_NOT_PAIRED || k.code == JSONRPC_INVALID_PARAMS);
    engine_world_run(w, 31000); // its link is gone
    return k.code != NODE_ERROR_NOT_PAIRED;
}

static void check_failed(struct paired_engine *e, int code) {
    struct pairwork_state s = engine_state(e);
    assert_int_equal(s.phase, PAIRWORK_FAILED);
    assert_int_equal(s.code, code);
    assert_true(s.text[0] != '\0');
}

static void check_nothing_kept(struct engine_world *w) {
    assert_null(engine_stored(HOST, GUEST));
    assert_null(engine_stored(GUEST, HOST));
    assert_false(engines_connected(HOST, GUEST));
}

// --- both say yes --------------------------------------------------------------------------------

static void two_engines_pair_and_their_link_becomes_the_session(void **state) {
    struct engine_world *w = *state;
    engine_open(HOST);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_OPEN);
    assert_int_equal(engine_state(HOST).left_ms, PAIRING_OFFER_MS);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 0);
    struct pairwork_state h = engine_state(HOST), g = engine_state(GUEST);
    assert_int_equal(h.phase, PAIRWORK_ASKING);
    assert_int_equal(g.phase, PAIRWORK_ASKING);
    assert_true(h.met && g.met && !h.known && !g.known && h.host && !g.host);
    assert_string_equal(h.name, "Grace");
    assert_string_equal(g.name, "Ada");
    assert_memory_equal(h.identity, GUEST->identity, 32);
    assert_memory_equal(g.identity, HOST->identity, 32);
    assert_true(pair_scopes_has(&h.gives, "pattern") && pair_scopes_has(&h.wants, "metric"));
    engine_yes(HOST, "pattern");
    engine_world_run(w, 0);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_ANSWERED);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
    engine_yes(GUEST, "metric");
    engine_world_run(w, 0);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_PAIRED);
    assert_true(engines_connected(HOST, GUEST)); // at once: no dial, no time has passed
    const struct stored *at_host = engine_stored(HOST, GUEST),
                        *at_guest = engine_stored(GUEST, HOST);
    assert_true(at_host && at_guest);
    assert_memory_equal(at_host->secret, at_guest->secret, PAIRING_SECRET_BYTES);
    assert_true(pair_scopes_has(&at_host->granted, "pattern"));
    assert_true(pair_scopes_has(&at_guest->received, "pattern"));
    assert_true(pair_scopes_has(&at_guest->granted, "metric"));
    assert_true(pair_scopes_has(&at_host->received, "metric"));
    assert_int_equal(at_host->granted.n + at_guest->granted.n, 2);
    // Each knows where the other listens, not where it came from.
    struct net_addr host = engine_addr(HOST), guest = engine_addr(GUEST);
    assert_true(net_addr_equal(&at_guest->address, &host));
    assert_true(net_addr_equal(&at_host->address, &guest));
    assert_int_equal(HOST->alarms + GUEST->alarms, 0);
    assert_true(HOST->confirmed == 1 && GUEST->confirmed == 1);
    engine_world_run(w, 11 * 60 * 1000);
    assert_true(engines_connected(HOST, GUEST)); // no longer a stranger's: its time does not end
}

static void the_door_is_open_as_long_as_a_code_or_an_exchange_is(void **state) {
    struct engine_world *w = *state;
    assert_false(door_is_open(w, HOST));
    engine_open(HOST);
    assert_true(door_is_open(w, HOST));
    assert_int_equal(pairwork_cancel(HOST->work, HOST->act, NULL), 0);
    assert_false(door_is_open(w, HOST));
    engines_meet(HOST, GUEST);
    assert_true(door_is_open(w, HOST));
    assert_true(door_is_open(w, GUEST)); // the host's messages come in there
    engine_yes(HOST, NULL);
    engine_yes(GUEST, NULL);
    engine_world_run(w, 0);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
    assert_false(door_is_open(w, HOST));
    assert_false(door_is_open(w, GUEST));
}

static void users_may_take_minutes(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    engine_world_run(w, 5 * 60 * 1000);
    engine_yes(HOST, NULL);
    engine_world_run(w, 4 * 60 * 1000);
    engine_yes(GUEST, NULL);
    engine_world_run(w, 100);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_PAIRED);
    assert_true(engines_connected(HOST, GUEST));
}

// --- attacks -------------------------------------------------------------------------------------

static void a_wrong_code_ends_the_code(void **state) {
    struct engine_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    engine_open(HOST);
    pair_wrong_code(HOST->code, wrong);
    assert_int_equal(engine_guess(GUEST, wrong, HOST), 0);
    engine_world_run(w, 100);
    check_failed(HOST, ERR_KEY);
    check_failed(GUEST, ERR_KEY);
    assert_int_equal(HOST->alarms, 1);
    assert_int_equal(HOST->alarm, PAIRING_ALARM_GUESS);
    // The right one comes too late.
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 100);
    check_failed(GUEST, ERR_NOT_FOUND);
    check_nothing_kept(w);
}

static void a_code_is_guessed_once(void **state) {
    struct engine_world *w = *state;
    char wrong[PAIR_CODE_BYTES_MAX];
    engine_open(HOST);
    pair_wrong_code(HOST->code, wrong);
    assert_int_equal(engine_guess(GUEST, wrong, HOST), 0);
    engine_world_run(w, 100);
    check_failed(GUEST, ERR_KEY);
    assert_int_equal(engine_guess(GUEST, wrong, HOST), 0);
    engine_world_run(w, 100);
    check_failed(GUEST, ERR_PERM);
}

static void a_mistyped_word_costs_nothing(void **state) {
    struct engine_world *w = *state;
    engine_open(HOST);
    assert_int_equal(engine_guess(GUEST, "7-orbit-canoe-qqqq", HOST), ERR_INVAL);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_IDLE);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_OPEN);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 0);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_ASKING);
}

// Mallory answers the guest, visits the host, and hands on what each says.
static struct node_session *relay[2];
static void relay_said(void *ctx, const json_t *result, const json_t *error, const struct err *e) {
    (void)ctx, (void)result, (void)error, (void)e;
}
static void relay_stands(void *ctx, struct node_session *s, const struct err *why) {
    (void)why;
    relay[1] = s;
    assert_true(link_call(node_session_link(s), "pair.say", ctx, 5000, relay_said, NULL, NULL) > 0);
}
static void relay_say(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct engine_world *w = ctx;
    struct net_addr a = engine_addr(HOST);
    if (!relay[0]) {
        relay[0] = s;
        assert_int_equal(
            node_visit(node_session_node(s), &a, relay_stands, json_deep_copy(params), NULL), 0);
    } else {
        struct node_session *to = s == relay[0] ? relay[1] : relay[0];
        (void)link_call(node_session_link(to), "pair.say", json_deep_copy(params), 5000, relay_said,
                        NULL, NULL);
    }
    rpc_reply(req, json_object());
}

static void a_man_in_the_middle_is_a_wrong_code(void **state) {
    struct engine_world *w = *state;
    static const struct node_method methods[] = {{"pair.say", relay_say, true}, {0}};
    engine_stop(THIRD);
    relay[0] = relay[1] = NULL;
    struct node_service service = {.methods = methods, .ctx = w};
    struct node_config c = {.env = THIRD->env,
                            .net = THIRD->net,
                            .channels = &THIRD->channels,
                            .peers = peers_memory_face(THIRD->peers),
                            .port = 7000,
                            .services = &service,
                            .services_n = 1};
    struct node *mallory;
    memcpy(c.key, THIRD->device, sizeof c.key);
    assert_int_equal(node_start(&c, &mallory, NULL), 0);
    node_open_door(mallory, true);
    engine_open(HOST);
    assert_int_equal(engine_guess(GUEST, HOST->code, THIRD), 0);
    engine_world_run(w, 2000);
    assert_non_null(relay[1]);
    check_failed(HOST, ERR_KEY);
    check_failed(GUEST, ERR_KEY);
    assert_int_equal(HOST->alarms, 1);
    check_nothing_kept(w);
    assert_int_equal(HOST->stored_n + GUEST->stored_n, 0);
    node_stop(mallory);
}

static void an_engine_does_not_pair_with_itself(void **state) {
    struct engine_world *w = *state;
    engine_open(HOST);
    assert_int_equal(engine_guess(HOST, HOST->code, HOST), ERR_EXISTS); // its code is still open
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_OPEN);
    assert_int_equal(pairwork_cancel(HOST->work, HOST->act, NULL), 0);
    assert_int_equal(engine_guess(HOST, HOST->code, HOST), 0);
    engine_world_run(w, 100);
    check_failed(HOST, ERR_INVAL);
    assert_int_equal(HOST->stored_n, 0);
}

static void both_sides_guess(void **state) {
    struct engine_world *w = *state;
    // Nobody has a code open.
    assert_int_equal(engine_guess(GUEST, A_CODE, HOST), 0);
    assert_int_equal(engine_guess(HOST, A_CODE, GUEST), 0);
    engine_world_run(w, 1000);
    check_failed(GUEST, ERR_NOT_FOUND);
    check_failed(HOST, ERR_NOT_FOUND);
    // Both have: each is told to decide who types; when one withdraws, it works.
    engine_open(HOST);
    engine_open(GUEST);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), ERR_EXISTS);
    assert_int_equal(engine_guess(HOST, GUEST->code, GUEST), ERR_EXISTS);
    assert_int_equal(pairwork_cancel(GUEST->work, 0, NULL), 0);
    check_failed(GUEST, ERR_CANCELLED);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 0);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_ASKING);
    // While it runs there is no second one.
    assert_int_equal(engine_guess(HOST, A_CODE, GUEST), ERR_BUSY);
    char code[PAIR_CODE_BYTES_MAX];
    uint64_t act;
    assert_int_equal(pairwork_open(GUEST->work, &GUEST->terms, code, &act, NULL), ERR_BUSY);
}

static void two_guests_and_one_code(void **state) {
    struct engine_world *w = *state;
    engine_open(HOST);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    assert_int_equal(engine_guess(THIRD, HOST->code, HOST), 0);
    engine_world_run(w, 100);
    struct pairwork_state g = engine_state(GUEST), t = engine_state(THIRD);
    assert_int_equal((g.phase == PAIRWORK_ASKING) + (t.phase == PAIRWORK_ASKING), 1);
    assert_int_equal((g.phase == PAIRWORK_FAILED) + (t.phase == PAIRWORK_FAILED), 1);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_ASKING);
    assert_int_equal(HOST->alarms, 0);
}

// --- ends without a yes --------------------------------------------------------------------------

static void one_declines(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    engine_yes(HOST, "pattern");
    assert_int_equal(pairwork_answer(GUEST->work, GUEST->act, false, NULL, NULL), 0);
    engine_world_run(w, 100);
    check_failed(HOST, ERR_PERM);
    check_failed(GUEST, ERR_PERM);
    check_nothing_kept(w);
}

static void only_what_was_named_is_granted(void **state) {
    struct engine_world *w = *state;
    struct pair_scopes s = {0};
    (void)pair_scopes_add(&s, "task", 4, NULL);
    engines_meet(HOST, GUEST);
    assert_int_equal(pairwork_answer(HOST->work, HOST->act, true, &s, NULL), ERR_INVAL);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_ASKING);
    assert_int_equal(pairwork_answer(HOST->work, HOST->act + 1, true, NULL, NULL), ERR_NOT_FOUND);
}

static void the_code_runs_out_of_time(void **state) {
    struct engine_world *w = *state;
    engine_open(HOST);
    engine_world_run(w, PAIRING_OFFER_MS + 100);
    check_failed(HOST, ERR_TIMEOUT);
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    engine_world_run(w, 1000);
    check_failed(GUEST, ERR_NOT_FOUND);
}

static void a_user_who_does_not_answer_ends_it_on_both_sides(void **state) {
    struct engine_world *w = *state;
    engines_meet(HOST, GUEST);
    engine_yes(HOST, "pattern");
    engine_world_run(w, PAIRING_ANSWER_MS + 1000);
    assert_int_equal(engine_state(HOST).phase, PAIRWORK_FAILED);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    check_nothing_kept(w);
    assert_int_equal(pairwork_answer(GUEST->work, GUEST->act, true, NULL, NULL), ERR_CLOSED);
}

static void each_may_end_it_at_any_time(void **state) {
    struct engine_world *w = *state;
    for (int who = 0; who < 2; who++) {
        struct paired_engine *quits = &w->e[who], *other = &w->e[1 - who];
        engines_meet(HOST, GUEST);
        assert_int_equal(pairwork_cancel(quits->work, quits->act, NULL), 0);
        engine_world_run(w, 100);
        check_failed(quits, ERR_CANCELLED);
        check_failed(other, ERR_CLOSED);
        assert_int_equal(pairwork_cancel(quits->work, quits->act, NULL), 0); // nothing to do
        assert_int_equal(pairwork_cancel(quits->work, quits->act + 1, NULL), ERR_NOT_FOUND);
    }
    engine_open(HOST); // withdrawn while a guess is on its way
    assert_int_equal(engine_guess(GUEST, HOST->code, HOST), 0);
    assert_int_equal(pairwork_cancel(HOST->work, 0, NULL), 0);
    engine_world_run(w, 100);
    check_failed(GUEST, ERR_NOT_FOUND);
    check_nothing_kept(w);
    assert_int_equal(pairwork_guess(GUEST->work, HOST->code, strlen(HOST->code), &GUEST->terms,
                                    NULL, 0, &GUEST->act, NULL),
                     0);
    assert_int_equal(pairwork_cancel(GUEST->work, 0, NULL), 0); // while it seeks
    check_failed(GUEST, ERR_CANCELLED);
}

// --- the search ----------------------------------------------------------------------------------

static void the_first_address_is_somebody_elses(void **state) {
    struct engine_world *w = *state;
    const struct net_addr addrs[] = {net_memory_addr(99, 1), engine_addr(THIRD), engine_addr(HOST)};
    engine_open(HOST);
    assert_int_equal(pairwork_guess(GUEST->work, HOST->code, strlen(HOST->code), &GUEST->terms,
                                    addrs, 3, &GUEST->act, NULL),
                     0);
    engine_world_run(w, 3000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_ASKING);
    assert_string_equal(engine_state(GUEST).name, "Ada");
}

static void somebody_else_nearby_shows_another_code(void **state) {
    struct engine_world *w = *state;
    const struct net_addr addrs[] = {engine_addr(THIRD), engine_addr(HOST)};
    engine_open(HOST);
    do { // of another number
        (void)pairwork_cancel(THIRD->work, 0, NULL);
        engine_open(THIRD);
    } while (pairwork_number(THIRD->work) == pairwork_number(HOST->work));
    assert_int_equal(pairwork_guess(GUEST->work, HOST->code, strlen(HOST->code), &GUEST->terms,
                                    addrs, 2, &GUEST->act, NULL),
                     0);
    engine_world_run(w, 3000);
    assert_string_equal(engine_state(GUEST).name, "Ada");
    assert_int_equal(engine_state(THIRD).phase, PAIRWORK_OPEN); // it has not cost that one
    assert_int_equal(THIRD->alarms, 0);
}

static void nobody_answers(void **state) {
    struct engine_world *w = *state;
    const struct net_addr a = net_memory_addr(99, 1);
    assert_int_equal(pairwork_guess(GUEST->work, A_CODE, strlen(A_CODE), &GUEST->terms, &a, 1,
                                    &GUEST->act, NULL),
                     0);
    engine_world_run(w, 10 * 1000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_FAILED);
    char text[NET_ADDR_TEXT_MAX];
    net_addr_format(&a, text);
    assert_non_null(strstr(engine_state(GUEST).text, text));
}

static void discovery_finds_the_host_by_the_codes_number(void **state) {
    struct engine_world *w = *state;
    struct net_addr host = engine_addr(HOST), third = engine_addr(THIRD);
    engine_open(HOST);
    uint16_t number = pairwork_number(HOST->work);
    assert_int_equal(pairwork_guess(GUEST->work, HOST->code, strlen(HOST->code), &GUEST->terms,
                                    NULL, 0, &GUEST->act, NULL),
                     0);
    assert_int_equal(pairwork_sought(GUEST->work), number);
    engine_world_run(w, 5000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_SEEKING);
    pairwork_found(GUEST->work, (uint16_t)(number + 1), &third);
    pairwork_found(GUEST->work, number, &third); // lies
    engine_world_run(w, 2000);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_SEEKING);
    pairwork_found(GUEST->work, number, &host);
    pairwork_found(GUEST->work, number, &host);
    engine_world_run(w, 0);
    assert_int_equal(engine_state(GUEST).phase, PAIRWORK_ASKING);
    assert_int_equal(pairwork_sought(GUEST->work), 0);
    assert_int_equal(pairwork_number(HOST->work), 0);
}

static void a_search_ends(void **state) {
    struct engine_world *w = *state;
    assert_int_equal(pairwork_guess(GUEST->work, A_CODE, strlen(A_CODE), &GUEST->terms, NULL, 0,
                                    &GUEST->act, NULL),
                     0);
    engine_world_run(w, PAIRWORK_SEEK_MS + 100);
    check_failed(GUEST, ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(two_engines_pair_and_their_link_becomes_the_session),
        TEST(the_door_is_open_as_long_as_a_code_or_an_exchange_is),
        TEST(users_may_take_minutes),
        TEST(a_wrong_code_ends_the_code),
        TEST(a_code_is_guessed_once),
        TEST(a_mistyped_word_costs_nothing),
        TEST(a_man_in_the_middle_is_a_wrong_code),
        TEST(an_engine_does_not_pair_with_itself),
        TEST(both_sides_guess),
        TEST(two_guests_and_one_code),
        TEST(one_declines),
        TEST(only_what_was_named_is_granted),
        TEST(the_code_runs_out_of_time),
        TEST(a_user_who_does_not_answer_ends_it_on_both_sides),
        TEST(each_may_end_it_at_any_time),
        TEST(the_first_address_is_somebody_elses),
        TEST(somebody_else_nearby_shows_another_code),
        TEST(nobody_answers),
        TEST(discovery_finds_the_host_by_the_codes_number),
        TEST(a_search_ends),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("federation/pairwork", tests, NULL, NULL);
}
