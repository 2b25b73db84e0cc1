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

int main(void) {
#define WITH_WEB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_WEB(two_engines_agree_and_what_is_new_follows),
        WITH_WEB(a_friends_scope_goes_one_way_and_receipts_the_other),
    };
    mem_init_json();
    (void)c;
    return cmocka_run_group_tests_name("federation/exchange", tests, NULL, NULL);
}
