#include "federation/exchange.h"

#include "core/base/mem.h"
#include "tests/unit/federation/party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BOTH = SYNC_SEND | SYNC_RECEIVE, WHILE_MS = 60 * 1000 };
static struct web web;
static struct party *const a = &web.party[0], *const b = &web.party[1], *const c = &web.party[2];

static int setup(void **state) {
    (void)state;
    web_open(&web);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    web_close(&web);
    return 0;
}

static void share(struct party *x, struct party *y, int scope, unsigned x_may, unsigned y_may) {
    x->allow[y->number][scope] = x_may;
    y->allow[x->number][scope] = y_may;
}
static void friends(struct party *x, struct party *y) {
    party_pair(x, y);
    party_pair(y, x);
}
static void start_all(int n) {
    for (int i = 0; i < n; i++)
        party_start(&web.party[i]);
}

struct wanted {
    struct party *who;
    int scope;
    uint64_t n;
};
static bool has_count(void *ctx) {
    const struct wanted *w = ctx;
    return party_count(w->who, w->scope) == w->n;
}
static bool becomes(struct party *who, int scope, uint64_t n) {
    return web_until(&web, WHILE_MS, has_count, &(struct wanted){who, scope, n});
}

static void two_engines_agree_and_what_is_new_follows(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    party_put(a, 0, "from a", NULL); // before anybody is there
    party_put(b, 0, "from b", NULL);
    assert_true(becomes(a, 0, 2));
    assert_true(becomes(b, 0, 2));
    assert_true(party_info(a, b).proved && party_info(b, a).proved);
    uint64_t before = web.clock.now_ms;
    party_put(b, 0, "later", NULL);
    assert_true(becomes(a, 0, 3));
    assert_true(web.clock.now_ms == before); // at once, not by a timer
    // What somebody else stores in the set goes, too, without a word to the exchange.
    party_fill(a, 0, 3, 100);
    assert_true(becomes(b, 0, 6));
    assert_true(party_info(a, b).sync.idle);
}

static void a_friends_scope_goes_one_way_and_receipts_the_other(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES];
    friends(a, b);
    share(a, b, 0, SYNC_SEND | SYNC_RECEIVE_ORDERS, SYNC_RECEIVE | SYNC_SEND_ORDERS);
    start_all(2);
    party_put(a, 0, "for b", id);
    assert_true(becomes(b, 0, 1));
    party_put(b, 0, "b has no say here", NULL);
    web_run(&web, 1000);
    assert_int_equal(party_count(a, 0), 1);
    assert_int_equal(party_count(b, 0), 2);
}

static void consent_withdrawn_between_queueing_and_sending_lets_nothing_leave(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    share(a, b, 1, BOTH, BOTH);
    start_all(2);
    assert_true(becomes(a, 0, 0));
    web_run(&web, 1000);
    net_memory_stall(web.m, true); // the network takes no more
    party_fill(a, 0, 4000, 1000);  // over what a link takes: some waits in sync, some in the link
    exchange_pump(a->x);
    uint64_t had = party_count(b, 0);
    a->allow[b->number][0] = 0;
    exchange_grants_changed(a->x);
    net_memory_stall(web.m, false);
    web_run(&web, 10 * 1000);
    assert_int_equal(party_count(b, 0), had);
    party_put(a, 1, "of the other scope", NULL); // which goes on, on another session
    assert_true(becomes(b, 1, 1));
    assert_int_equal(party_count(b, 0), had);
    // Given again, nothing is missing.
    a->allow[b->number][0] = BOTH;
    exchange_grants_changed(a->x);
    assert_true(becomes(b, 0, 4000));
}

static void a_grant_that_ends_by_its_time_stops_what_waits(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    web_run(&web, 1000);
    net_memory_stall(web.m, true);
    party_fill(a, 0, 8000, 1000);
    exchange_pump(a->x);
    a->allow[b->number][0] = 0; // and nobody says so
    net_memory_stall(web.m, false);
    web_run(&web, 10 * 1000);
    uint64_t left = party_count(b, 0); // what the network had taken, a link's queue at most
    assert_true(left < 2000);
    struct node_session *s = node_session_find(a->node, party_device(b));
    assert_non_null(s); // all in good order
    assert_true(party_info(a, b).sync.idle);
    a->allow[b->number][0] = BOTH;
    exchange_grants_changed(a->x);
    assert_true(becomes(b, 0, 8000));
}

static void after_the_grant_only_revocations_and_receipts_go(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES], kept[RECORD_ID_BYTES];
    friends(a, b);
    share(a, b, 0, SYNC_SEND | SYNC_RECEIVE_ORDERS, SYNC_RECEIVE | SYNC_SEND_ORDERS);
    start_all(2);
    party_put(a, 0, "taken back later", id);
    party_put(a, 0, "stays", kept);
    assert_true(becomes(b, 0, 2));
    a->allow[b->number][0] = SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS;
    exchange_grants_changed(a->x);
    party_put(a, 0, "not for b any more", NULL);
    assert_int_equal(exchange_take_back(a->x, id, "wrong", revocation, NULL), 0);
    assert_true(becomes(b, 0, 3)); // what stays, the revocation, our receipt
    assert_false(party_has(b, id));
    assert_true(party_has(b, kept) && party_has(b, revocation));
    assert_true(becomes(a, 0, 4)); // what stays, what b has not, revocation, receipt
    // The same over a new session, and whole again when the grant is back.
    net_memory_reset(web.m);
    web_run(&web, 20 * 1000);
    assert_int_equal(party_count(b, 0), 3);
    a->allow[b->number][0] = SYNC_SEND | SYNC_RECEIVE_ORDERS;
    exchange_grants_changed(a->x);
    assert_true(becomes(b, 0, 4));
    struct peersdb_peer seen;
    assert_int_equal(peersdb_peer_get(b->p, party_device(a), &seen, NULL), 0);
    assert_true(seen.improper == 0 && seen.forged == 0);
}

static void many_records_arrive_through_lost_connections(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    party_fill(a, 0, 3000, 300);
    party_fill(b, 0, 1000, 300);
    net_memory_chunk(web.m, 60000);
    for (int i = 0; i < 8; i++) {
        struct wanted part = {b, 0, 1000 + 400U * (unsigned)i};
        (void)web_until(&web, 50, has_count, &part);
        net_memory_reset(web.m);
    }
    assert_true(becomes(b, 0, 4000));
    assert_true(becomes(a, 0, 4000));
}

static bool some_arrived(void *ctx) {
    uint64_t n = party_count(b, 0);
    (void)ctx;
    return n > 0 && n < 2000;
}

static void a_crash_after_the_put_loses_nothing_and_brings_nothing_twice(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    web_run(&web, 500);
    net_memory_chunk(web.m, 1000);
    party_fill(a, 0, 2000, 500);
    for (int i = 0; i < 3; i++) {
        exchange_pump(a->x);
        (void)net_memory_run; // the put of one batch, and the process is gone before its word
        assert_true(i > 0 || !some_arrived(NULL));
        (void)web_until(&web, 200, some_arrived, NULL);
        party_stop(b);
        web_run(&web, 50);
        party_start(b);
    }
    assert_true(becomes(b, 0, 2000));
    struct peersdb_peer from;
    assert_int_equal(peersdb_peer_get(b->p, party_device(a), &from, NULL), 0);
    assert_int_equal(from.arrived, 2000);
}

static void ten_thousand_records_pass_while_the_network_is_slow(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    assert_int_equal(peersdb_peer_caps(a->p, party_device(b), 0, 2000 * 1000, NULL), 0);
    start_all(2);
    party_fill(a, 0, 10000, 200); // 4.6 MB, above every queue
    assert_true(becomes(b, 0, 10000));
    assert_true(party_info(a, b).proved);
}

// ---------------------------------------------------------------------------------- certificates

static int64_t improper(struct party *who, struct party *of) {
    struct peersdb_peer p;
    assert_int_equal(peersdb_peer_get(who->p, party_device(of), &p, NULL), 0);
    return p.improper;
}

static void a_forged_chain_gets_nothing_and_counts(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    party_put(a, 0, "secret", NULL);
    b->chain.data[100] ^= 1; // what it shows is not what was signed
    web_run(&web, 5000);
    assert_int_equal(party_count(b, 0), 0);
    assert_true(improper(a, b) > 0);
    assert_false(party_info(a, b).proved);
    b->chain.data[100] ^= 1;
    assert_true(becomes(b, 0, 1));
}

static void another_identity_than_the_one_paired_with_gets_nothing(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    party_is(b, &web.people[3]); // the same device, and a good chain
    start_all(2);
    party_put(a, 0, "secret", NULL);
    web_run(&web, 5000);
    assert_int_equal(party_count(b, 0), 0);
    assert_true(improper(a, b) > 0);
    assert_int_equal(improper(b, a), 0);
}

static void a_certificate_that_ends_is_renewed_and_nobodys_fault(void **state) {
    (void)state;
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    b->who->until_ms = (int64_t)web.clock.now_ms + 3600 * 1000;
    party_certify(b);
    start_all(2);
    party_put(b, 0, "in time", NULL);
    assert_true(becomes(a, 0, 1));
    party_stop(a);
    web.clock.now_ms += UINT64_C(2) * 24 * 3600 * 1000; // and the day of grace
    party_start(a);
    web_run(&web, 5000);
    party_put(b, 0, "too late", NULL);
    web_run(&web, 5000);
    assert_int_equal(party_count(a, 0), 1);
    assert_int_equal(improper(a, b), 0);
    b->who->until_ms = 0;
    party_certify(b);
    assert_true(becomes(a, 0, 2));
}

static void records_of_a_third_author_bring_their_certificate(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES];
    friends(a, b);
    friends(b, c); // a and c do not know each other
    share(a, b, 0, BOTH, BOTH);
    share(b, c, 0, BOTH, BOTH);
    start_all(3);
    party_put(a, 0, "handed on", id);
    assert_true(becomes(c, 0, 1));
    assert_true(party_has(c, id));
    uint8_t whose[RECORD_KEY_BYTES];
    assert_int_equal(peersdb_identity(c->p, party_device(a), whose, NULL), 0);
    assert_memory_equal(whose, person_key(a->who), sizeof whose);
    assert_int_equal(improper(c, b), 0);
    // Many authors' many records at once, behind a certificate that is still on its way.
    party_fill(a, 0, 2000, 100);
    exchange_pump(a->x);
    assert_true(becomes(c, 0, 2001));
}

static void a_friends_other_device_is_proved_by_the_friend(void **state) {
    (void)state;
    party_is(c, a->who); // a and c are one person's, paired with each other; b knows a
    friends(a, b);
    friends(a, c);
    share(a, b, 0, BOTH, BOTH);
    share(a, c, 0, BOTH, BOTH);
    start_all(3);
    party_put(c, 0, "from the laptop", NULL);
    assert_true(becomes(b, 0, 1));
    assert_int_equal(improper(b, a), 0);
}

// A record of a device that b cannot prove to c.
static void what_nobody_proves_is_refused_and_the_rest_arrives(void **state) {
    (void)state;
    friends(b, c);
    share(b, c, 0, BOTH, BOTH);
    party_start(b);
    party_start(c);
    assert_int_equal(peersdb_device_put(b->p, party_device(a), person_key(a->who), NULL), 0);
    a->p = b->p; // as if b had them from before it asked for certificates
    party_fill(a, 0, 10, 100);
    a->p = NULL;
    party_put(b, 0, "proved", NULL);
    assert_true(becomes(c, 0, 1));
    web_run(&web, 2000);
    assert_int_equal(party_count(c, 0), 1);
    assert_true(party_info(c, b).proved);
    assert_true(party_info(c, b).sync.idle);
    assert_true(party_info(c, b).asked == 0);
    struct peersdb_peer p;
    assert_int_equal(peersdb_peer_get(c->p, party_device(b), &p, NULL), 0);
    assert_true(p.forged == 0 && p.improper == 0);
    // Once they are proved they come, when the scope is looked through again.
    party_stop(c);
    party_stop(b);
    friends(a, b);
    party_start(a);
    party_start(b);
    web_run(&web, 2000); // a has shown b its chain
    party_start(c);
    assert_true(becomes(c, 0, 11));
}

static void a_revoked_devices_records_stay_and_no_new_ones_come(void **state) {
    (void)state;
    uint8_t old[RECORD_ID_BYTES], late[RECORD_ID_BYTES];
    party_is(c, a->who); // c is a's stolen device
    friends(a, b);
    friends(c, b);
    share(a, b, 0, BOTH, BOTH);
    share(c, b, 0, BOTH, BOTH);
    start_all(3);
    party_put(c, 0, "before", old);
    assert_true(becomes(b, 0, 1));
    assert_true(becomes(a, 0, 1));
    person_revoke(a->who, c);
    party_certify(a);
    party_put(c, 0, "by the thief", late);
    web_run(&web, 2000);
    assert_true(party_has(b, old) && party_has(a, old));
    assert_int_equal(b->gone_n, 1); // the node is told, once
    assert_memory_equal(b->gone[0], party_device(c), RECORD_KEY_BYTES);
    assert_null(node_session_find(b->node, party_device(c)));
    party_put(c, 0, "later", late);
    web_run(&web, 5000);
    assert_false(party_has(b, late));
    assert_false(party_has(a, late));
    assert_int_equal(improper(b, a), 0);
    // It is written down: also after a restart nobody dials it.
    party_stop(b);
    party_start(b);
    web_run(&web, 5000);
    assert_null(node_session_find(b->node, party_device(c)));
    assert_false(party_has(b, late));
}

static void a_revocation_of_a_device_reaches_whoever_has_its_records(void **state) {
    (void)state;
    uint8_t late[RECORD_ID_BYTES];
    struct party *d = &web.party[3];
    party_is(d, a->who); // a's other device, which only b sees
    friends(a, b);
    friends(d, b);
    friends(b, c);
    share(a, b, 0, BOTH, BOTH);
    share(d, b, 0, BOTH, BOTH);
    share(b, c, 0, BOTH, BOTH);
    start_all(4);
    party_put(d, 0, "before", NULL);
    assert_true(becomes(c, 0, 1));
    person_revoke(a->who, d);
    party_certify(a);
    web_run(&web, 2000);
    assert_int_equal(peersdb_trust(b->p, person_key(a->who), party_device(d), NULL), PEERSDB_GONE);
    assert_int_equal(peersdb_trust(c->p, person_key(a->who), party_device(d), NULL), PEERSDB_GONE);
    party_put(d, 0, "late", late);
    web_run(&web, 2000);
    assert_false(party_has(c, late));
    assert_int_equal(party_count(c, 0), 1);
}

static int count_statement(void *ctx, const uint8_t identity[RECORD_KEY_BYTES],
                           const uint8_t *bytes) {
    (void)identity, (void)bytes;
    ++*(unsigned *)ctx;
    return 0;
}

static void whom_else_we_know_is_nobodys_business(void **state) {
    (void)state;
    unsigned n = 0;
    struct party *d = &web.party[3];
    party_is(d, a->who);
    friends(a, b);
    friends(b, c);
    share(a, b, 0, BOTH, BOTH); // c has nothing of a's, and does not know a
    share(b, c, 1, BOTH, BOTH);
    start_all(3);
    party_put(a, 0, "for b alone", NULL);
    assert_true(becomes(b, 0, 1));
    person_revoke(a->who, d);
    party_certify(a);
    web_run(&web, 2000);
    assert_int_equal(peersdb_statements(b->p, count_statement, &n, NULL), 0);
    assert_int_equal(n, 1);
    n = 0;
    assert_int_equal(peersdb_statements(c->p, count_statement, &n, NULL), 0);
    assert_int_equal(n, 0);
}

static void nobody_revokes_the_device_of_another(void **state) {
    (void)state;
    friends(a, b);
    friends(b, c);
    share(a, b, 0, BOTH, BOTH);
    share(b, c, 0, BOTH, BOTH);
    start_all(3);
    web_run(&web, 1000);
    person_revoke(c->who, a); // c says that a's device was his, and is revoked
    party_certify(c);
    party_put(a, 0, "still here", NULL);
    assert_true(becomes(c, 0, 1));
    assert_int_equal(b->gone_n, 0);
    assert_non_null(node_session_find(b->node, party_device(a)));
    assert_int_equal(peersdb_trust(b->p, person_key(a->who), party_device(a), NULL),
                     PEERSDB_TRUSTED);
}

static void an_identity_that_was_rotated_is_followed_and_may_take_back_what_it_said(void **state) {
    (void)state;
    uint8_t old[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES], fresh[RECORD_ID_BYTES];
    struct party *d = &web.party[3];
    party_is(d, a->who); // the other device has not heard of it
    friends(a, b);
    friends(d, b);
    friends(b, c);
    share(a, b, 0, BOTH, BOTH);
    share(d, b, 0, BOTH, BOTH);
    share(b, c, 0, BOTH, BOTH);
    start_all(4);
    party_put(a, 0, "old", old);
    assert_true(becomes(c, 0, 1));
    uint8_t before[RECORD_KEY_BYTES];
    memcpy(before, person_key(a->who), sizeof before);
    struct person stays = *a->who; // d's view
    person_rotate(a->who, 77);
    party_certify(a);
    d->who = &stays;
    web_run(&web, 2000);
    assert_int_equal(b->rotated, 1);
    assert_true(party_info(b, a).proved);
    assert_false(party_info(b, d).proved); // certified by a key that has gone
    party_put(d, 0, "by the old key", NULL);
    party_put(a, 0, "by the new key", fresh);
    assert_int_equal(exchange_take_back(a->x, old, NULL, revocation, NULL), 0);
    web_run(&web, 5000);
    assert_true(party_has(b, fresh) && party_has(c, fresh));
    assert_int_equal(improper(b, d), 0); // d need not have heard of it
    assert_false(party_has(b, old));
    assert_false(party_has(c, old));
    struct peersdb_peer p;
    assert_int_equal(peersdb_peer_get(b->p, party_device(a), &p, NULL), 0);
    assert_memory_equal(p.identity, person_key(a->who), sizeof p.identity);
    uint8_t former[CHAIN_ROTATIONS_MAX][RECORD_KEY_BYTES];
    assert_int_equal(peersdb_former(b->p, p.identity, former, NULL), 1);
    assert_memory_equal(former[0], before, sizeof before);
}

// -------------------------------------------------------------------------------------- receipts

struct confirmed {
    uint8_t device[PARTIES][RECORD_KEY_BYTES];
    unsigned n;
};
static void on_receipt(void *ctx, const struct peersdb_receipt *r) {
    struct confirmed *all = ctx;
    assert_true(all->n < PARTIES);
    memcpy(all->device[all->n++], r->device, RECORD_KEY_BYTES);
}
static unsigned confirmations(struct party *who, const uint8_t *id) {
    struct confirmed all = {0};
    assert_int_equal(peersdb_receipts(who->p, id, on_receipt, &all, NULL), 0);
    return all.n;
}

static void who_deleted_confirms_also_after_a_week_away(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES];
    friends(a, b);
    friends(b, c); // c's word comes by b
    share(a, b, 0, BOTH, BOTH);
    share(b, c, 0, BOTH, BOTH);
    start_all(3);
    party_put(a, 0, "too much said", id);
    assert_true(becomes(c, 0, 1));
    party_stop(c);
    assert_int_equal(exchange_take_back(a->x, id, "a name in it", revocation, NULL), 0);
    web_run(&web, 2000);
    assert_false(party_has(b, id));
    assert_int_equal(confirmations(a, id), 1);
    web.clock.now_ms += UINT64_C(7) * 24 * 3600 * 1000;
    web_run(&web, 60 * 1000);
    party_start(c);
    assert_true(party_has(c, id));
    web_run(&web, 60 * 1000);
    assert_false(party_has(c, id));
    assert_int_equal(confirmations(a, id), 2);
    struct peersdb_owed owed;
    assert_int_equal(peersdb_owed(c->p, &owed, NULL), 0);
}

static void a_receipt_is_written_once_also_when_a_crash_came_between(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES];
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    party_put(a, 0, "too much said", id);
    assert_true(becomes(b, 0, 1));
    assert_int_equal(exchange_take_back(a->x, id, NULL, revocation, NULL), 0);
    (void)net_memory_run(web.m); // it arrives; the receipt is a timer later
    assert_false(party_has(b, id));
    struct peersdb_owed owed;
    assert_int_equal(peersdb_owed(b->p, &owed, NULL), 1);
    party_stop(b);
    party_start(b);
    web_run(&web, 10 * 1000);
    assert_int_equal(confirmations(a, id), 1);
    party_stop(b);
    party_start(b);
    web_run(&web, 10 * 1000);
    assert_int_equal(party_count(a, 0), 2); // revocation and one receipt
    assert_int_equal(peersdb_owed(b->p, &owed, NULL), 0);
}

static void only_an_author_takes_back(void **state) {
    (void)state;
    uint8_t id[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES];
    friends(a, b);
    share(a, b, 0, BOTH, BOTH);
    start_all(2);
    party_put(a, 0, "mine", id);
    assert_true(becomes(b, 0, 1));
    assert_int_equal(exchange_take_back(b->x, id, NULL, revocation, NULL), ERR_PERM);
    revocation[0] = 1;
    assert_int_equal(exchange_take_back(b->x, revocation, NULL, revocation, NULL), ERR_NOT_FOUND);
    assert_true(party_has(a, id) && party_has(b, id));
}

// Both records and the revocation, and a receipt of each who had what was taken back.
static bool settled(void *ctx) {
    const uint8_t *taken = ctx;
    uint64_t n = party_count(a, 0);
    return n == 3 + confirmations(b, taken) && party_count(b, 0) == n && party_count(c, 0) == n &&
           !party_has(a, taken) && !party_has(b, taken) && !party_has(c, taken);
}

// Whatever allocation fails while they meet, in the end they agree.
// Right after pairing each side gives its grants when its user has said so, while sessions stand
// and messages are under way; the scope is open for revocations and receipts all the time.
static bool both_have_both(void *ctx) {
    const uint64_t *n = ctx;
    return party_count(a, 0) == *n && party_count(b, 0) == *n;
}
static bool never(void *ctx) {
    (void)ctx;
    return false;
}
static void grants_that_come_in_any_order_blame_nobody(void **state) {
    (void)state;
    enum { ROUNDS = 120, ORDERS = SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS };
    uint64_t n = 0;
    friends(a, b);
    start_all(2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct party *first = round & 1 ? a : b, *second = round & 1 ? b : a;
        share(a, b, 0, ORDERS, ORDERS);
        exchange_grants_changed(a->x);
        exchange_grants_changed(b->x);
        (void)web_until(&web, round % 7, never, NULL);
        n++;
        party_put(round & 2 ? a : b, 0, "one more", NULL);
        first->allow[second->number][0] = BOTH | ORDERS;
        exchange_grants_changed(first->x);
        (void)web_until(&web, round % 5, never, NULL);
        second->allow[first->number][0] = BOTH | ORDERS;
        exchange_grants_changed(second->x);
        if (round & 4) {
            n++;
            party_put(first, 0, "and another", NULL);
        }
        assert_true(web_until(&web, WHILE_MS, both_have_both, &n));
        assert_int_equal(improper(a, b), 0);
        assert_int_equal(improper(b, a), 0);
    }
}

static void every_failed_allocation_is_made_up_for(void **state) {
    (void)state;
    bool whole = false;
    for (uint64_t nth = 1; !whole && nth < 3000; nth += 11) {
        uint8_t id[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES];
        web_close(&web);
        web_open(&web);
        friends(a, b);
        friends(b, c);
        share(a, b, 0, BOTH, BOTH);
        share(b, c, 0, BOTH, BOTH);
        start_all(3);
        party_put(a, 0, "goes on to c", NULL);
        party_put(b, 0, "taken back", id);
        mem_fail_at(nth);
        web_run(&web, 400);
        uint64_t used = mem_count();
        mem_fail_at(0);
        party_put(c, 0, "from c", NULL);
        assert_int_equal(exchange_take_back(b->x, id, NULL, revocation, NULL), 0);
        exchange_grants_changed(a->x); // as an engine does every now and then
        exchange_grants_changed(b->x);
        exchange_grants_changed(c->x);
        web_run(&web, 2000);
        net_memory_reset(web.m); // and connections end
        assert_true(web_until(&web, WHILE_MS, settled, id));
        whole = used < nth;
    }
    assert_true(whole);
}

int main(void) {
#define WITH_WEB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_WEB(two_engines_agree_and_what_is_new_follows),
        WITH_WEB(a_friends_scope_goes_one_way_and_receipts_the_other),
        WITH_WEB(consent_withdrawn_between_queueing_and_sending_lets_nothing_leave),
        WITH_WEB(a_grant_that_ends_by_its_time_stops_what_waits),
        WITH_WEB(after_the_grant_only_revocations_and_receipts_go),
        WITH_WEB(many_records_arrive_through_lost_connections),
        WITH_WEB(a_crash_after_the_put_loses_nothing_and_brings_nothing_twice),
        WITH_WEB(ten_thousand_records_pass_while_the_network_is_slow),
        WITH_WEB(a_forged_chain_gets_nothing_and_counts),
        WITH_WEB(another_identity_than_the_one_paired_with_gets_nothing),
        WITH_WEB(a_certificate_that_ends_is_renewed_and_nobodys_fault),
        WITH_WEB(records_of_a_third_author_bring_their_certificate),
        WITH_WEB(a_friends_other_device_is_proved_by_the_friend),
        WITH_WEB(what_nobody_proves_is_refused_and_the_rest_arrives),
        WITH_WEB(a_revoked_devices_records_stay_and_no_new_ones_come),
        WITH_WEB(a_revocation_of_a_device_reaches_whoever_has_its_records),
        WITH_WEB(whom_else_we_know_is_nobodys_business),
        WITH_WEB(nobody_revokes_the_device_of_another),
        WITH_WEB(an_identity_that_was_rotated_is_followed_and_may_take_back_what_it_said),
        WITH_WEB(who_deleted_confirms_also_after_a_week_away),
        WITH_WEB(a_receipt_is_written_once_also_when_a_crash_came_between),
        WITH_WEB(only_an_author_takes_back),
        WITH_WEB(grants_that_come_in_any_order_blame_nobody),
        WITH_WEB(every_failed_allocation_is_made_up_for),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("federation/exchange", tests, NULL, NULL);
}
