// What the federation's thread knows of grants: never more than stands, and nothing once a change
// has been told.
#include "server/fed_grants.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/server/cap_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define FRIEND "friend:1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER  "friend:2222222222222222222222222222222222222222222222222222222222222222"

static struct store *store_of(void **state) {
    struct bench *b = *state;
    return b->store;
}

static int64_t now(struct store *s) {
    return s->wall_ms();
}

static void grant(struct store *s, const char *kind, const char *audience,
                  enum consent_direction way, const char *workspace, int64_t expires_ms) {
    const struct consent_what what = {kind, audience, way, workspace};
    assert_int_equal(consent_grant(s, NULL, &what, expires_ms, "cli", NULL), 0);
}

static void revoke(struct store *s, const char *kind, const char *audience,
                   enum consent_direction way, const char *workspace) {
    const struct consent_what what = {kind, audience, way, workspace};
    int64_t ended = 0;
    bool still = false;
    assert_int_equal(consent_revoke(s, NULL, &what, false, &ended, &still, NULL), 0);
    assert_int_equal(ended, 1);
}

static struct fed_grants *load(struct store *s) {
    struct fed_grants *g = NULL;
    assert_int_equal(fed_grants_load(s, &g, NULL), 0);
    return g;
}

static int is_open(const struct fed_grants *g, const char *kind, const char *audience,
                   enum consent_direction way, int64_t at) {
    struct consent_pass pass;
    return fed_grants_open(g, kind, audience, way, at, &pass, NULL);
}

static void nothing_is_allowed_without_a_grant_or_a_snapshot(void **state) {
    struct store *s = store_of(state);
    struct fed_grants *g = load(s);
    struct consent_pass pass;
    struct err err = {0};
    const struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, "/w"};
    const char *kind;
    for (size_t i = 0; (kind = consent_kind_at(i)) != NULL; i++)
        for (int d = 0; d < CONSENT_DIRECTIONS; d++)
            assert_int_equal(is_open(g, kind, FRIEND, (enum consent_direction)d, now(s)), ERR_PERM);
    assert_int_equal(fed_grants_allow(g, &what, now(s), &pass, &err), ERR_PERM);
    assert_non_null(strstr(err.message, "paired consent grant pattern " FRIEND " --out"));
    assert_int_equal(fed_grants_allow(NULL, &what, now(s), &pass, NULL), ERR_PERM);
    assert_false(fed_grants_current(NULL));
    assert_true(fed_grants_current(g));
    fed_grants_free(g);
    fed_grants_free(NULL);
}

static void a_grant_opens_its_kind_audience_and_direction_alone(void **state) {
    struct store *s = store_of(state);
    grant(s, "pattern", FRIEND, CONSENT_OUT, NULL, 0);
    grant(s, "decision", "group:team", CONSENT_IN, NULL, 0);
    grant(s, "metric", CONSENT_EVERYONE, CONSENT_OUT, NULL, 0);
    grant(s, CONSENT_TASK, OTHER, CONSENT_IN, NULL, 0);
    struct fed_grants *g = load(s);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), 0);
    assert_int_equal(is_open(g, "decision", "group:team", CONSENT_IN, now(s)), 0);
    assert_int_equal(is_open(g, "metric", CONSENT_EVERYONE, CONSENT_OUT, now(s)), 0);
    assert_int_equal(is_open(g, CONSENT_TASK, OTHER, CONSENT_IN, now(s)), 0);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_IN, now(s)), ERR_PERM);
    assert_int_equal(is_open(g, "pattern", OTHER, CONSENT_OUT, now(s)), ERR_PERM);
    assert_int_equal(is_open(g, "template", FRIEND, CONSENT_OUT, now(s)), ERR_PERM);
    assert_int_equal(is_open(g, "metric", FRIEND, CONSENT_OUT, now(s)), ERR_PERM); // not everyone's
    assert_int_equal(is_open(g, "decision", "group:tea", CONSENT_IN, now(s)), ERR_PERM);
    fed_grants_free(g);
}

static void a_workspace_grant_publishes_its_own_and_opens_the_scope(void **state) {
    struct store *s = store_of(state);
    struct consent_pass pass = {0};
    struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, "/w"};
    grant(s, "pattern", FRIEND, CONSENT_OUT, "/w", 0);
    struct fed_grants *g = load(s);
    assert_int_equal(fed_grants_allow(g, &what, now(s), &pass, NULL), 0);
    assert_true(consent_stands(s, &pass, now(s)));
    what.workspace = "/other";
    assert_int_equal(fed_grants_allow(g, &what, now(s), &pass, NULL), ERR_PERM);
    what.workspace = NULL;
    assert_int_equal(fed_grants_allow(g, &what, now(s), &pass, NULL), ERR_PERM);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), 0);
    fed_grants_free(g);
}

static void a_grant_ends_by_the_clock_and_the_longest_opens(void **state) {
    struct store *s = store_of(state);
    int64_t at = now(s);
    struct consent_pass pass = {0};
    grant(s, "pattern", FRIEND, CONSENT_OUT, "/a", at + 100000);
    grant(s, "pattern", FRIEND, CONSENT_OUT, "/b", at + 200000);
    struct fed_grants *g = load(s);
    assert_int_equal(fed_grants_open(g, "pattern", FRIEND, CONSENT_OUT, at, &pass, NULL), 0);
    assert_int_equal(pass.expires_ms, at + 200000);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, at + 199999), 0);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, at + 200000), ERR_PERM);
    const struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, "/a"};
    assert_int_equal(fed_grants_allow(g, &what, at + 99999, &pass, NULL), 0);
    assert_int_equal(fed_grants_allow(g, &what, at + 100000, &pass, NULL), ERR_PERM);
    assert_true(fed_grants_current(g));
    fed_grants_free(g);
}

static int change_words(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    return db_run(db, "UPDATE consent SET text_hash = zeroblob(32)", NULL, 0, err);
}

static void changed_words_ask_again(void **state) {
    struct store *s = store_of(state);
    struct consent_pass pass;
    struct err err = {0};
    const struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, NULL};
    grant(s, "pattern", FRIEND, CONSENT_OUT, NULL, 0);
    assert_int_equal(store_write(s, NULL, change_words, NULL, NULL, NULL, NULL), 0);
    struct fed_grants *g = load(s);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), ERR_PERM);
    assert_int_equal(consent_check(s, &what, &pass, &err), ERR_PERM);
    assert_non_null(strstr(err.message, "have changed since"));
    fed_grants_free(g);
    grant(s, "pattern", FRIEND, CONSENT_OUT, NULL, 0); // to today's words
    g = load(s);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), 0);
    fed_grants_free(g);
}

static void count_call(void *ctx) {
    ++*(int *)ctx;
}

static void a_change_makes_the_snapshot_void_and_is_told(void **state) {
    struct store *s = store_of(state);
    int told = 0;
    grant(s, "pattern", FRIEND, CONSENT_OUT, NULL, 0);
    grant(s, "metric", FRIEND, CONSENT_OUT, NULL, 0);
    struct fed_grants *g = load(s);
    consent_watch(s, count_call, &told);
    revoke(s, "metric", FRIEND, CONSENT_OUT, NULL);
    assert_int_equal(told, 1);
    assert_false(fed_grants_current(g));
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)),
                     ERR_PERM); // until reloaded
    fed_grants_free(g);
    g = load(s);
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), 0);
    assert_int_equal(is_open(g, "metric", FRIEND, CONSENT_OUT, now(s)), ERR_PERM);
    fed_grants_free(g);
    int64_t ended = 0;
    assert_int_equal(consent_forget(s, NULL, FRIEND, "unpaired", &ended, NULL), 0);
    assert_int_equal(ended, 1);
    assert_int_equal(told, 2);
    consent_watch(s, NULL, NULL);
    grant(s, "metric", FRIEND, CONSENT_OUT, NULL, 0);
    assert_int_equal(told, 2);
}

static void a_rotated_identity_keeps_its_grants(void **state) {
    struct store *s = store_of(state);
    int64_t n = 0;
    grant(s, "pattern", FRIEND, CONSENT_OUT, "/w", now(s) + 100000);
    grant(s, "metric", FRIEND, CONSENT_IN, NULL, 0);
    grant(s, "metric", OTHER, CONSENT_IN, NULL, 0);
    assert_int_equal(consent_rename(s, FRIEND, OTHER, NULL), 0);
    struct fed_grants *g = load(s);
    struct consent_pass pass;
    assert_int_equal(is_open(g, "pattern", FRIEND, CONSENT_OUT, now(s)), ERR_PERM);
    assert_int_equal(is_open(g, "metric", FRIEND, CONSENT_IN, now(s)), ERR_PERM);
    assert_int_equal(is_open(g, "metric", OTHER, CONSENT_IN, now(s)), 0);
    const struct consent_what what = {"pattern", OTHER, CONSENT_OUT, "/w"};
    assert_int_equal(fed_grants_allow(g, &what, now(s), &pass, NULL), 0);
    assert_int_equal(is_open(g, "pattern", OTHER, CONSENT_OUT, now(s) + 200000), ERR_PERM);
    fed_grants_free(g);
    assert_int_equal(consent_forget(s, NULL, OTHER, "unpaired", &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(consent_rename(s, FRIEND, "everyone", NULL), ERR_INVAL);
}

static int collect(void *ctx, const char *kind, const char *audience, enum consent_direction way) {
    return buf_printf(ctx, "%s %.9s %s\n", kind, audience, consent_direction_name(way));
}

static void what_is_open_is_told_once_in_order(void **state) {
    struct store *s = store_of(state);
    AUTO_BUF out = BUF_INIT(1000);
    grant(s, "template", FRIEND, CONSENT_OUT, "/b", 0);
    grant(s, "template", FRIEND, CONSENT_OUT, "/a", now(s) + 100000);
    grant(s, "template", FRIEND, CONSENT_IN, NULL, 0);
    grant(s, "pattern", OTHER, CONSENT_OUT, NULL, now(s) + 100000);
    struct fed_grants *g = load(s);
    assert_int_equal(fed_grants_each(g, now(s) + 200000, collect, &out), 0);
    assert_string_equal(out.data, "template friend:11 out\ntemplate friend:11 in\n");
    fed_grants_free(g);
}

static void a_scope_is_sent_or_received_as_its_reader_and_author_say(void **state) {
    struct store *s = store_of(state);
    struct scope scope = {.kind = RECORD_PATTERN, .audience = SCOPE_FRIEND};
    uint8_t own[RECORD_KEY_BYTES], third[RECORD_KEY_BYTES];
    memset(own, 0x33, sizeof own);
    memset(third, 0x44, sizeof third);
    memcpy(scope.author, own, sizeof own);
    memset(scope.reader, 0x11, sizeof scope.reader);
    grant(s, "pattern", FRIEND, CONSENT_OUT, NULL, 0);
    grant(s, "pattern", "group:team", CONSENT_OUT, NULL, 0);
    grant(s, "pattern", "group:team", CONSENT_IN, NULL, 0);
    grant(s, "pattern", CONSENT_EVERYONE, CONSENT_IN, NULL, 0);
    grant(s, "metric", FRIEND, CONSENT_IN, NULL, 0);
    struct fed_grants *g = load(s);
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)), SYNC_SEND | SYNC_RECEIVE_ORDERS);
    assert_int_equal(fed_grants_scope(g, &scope, third, now(s)), 0);
    memcpy(scope.reader, own, sizeof own);
    memset(scope.author, 0x11, sizeof scope.author);
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)), 0); // no grant inwards
    scope.kind = RECORD_METRIC;
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)), SYNC_RECEIVE | SYNC_SEND_ORDERS);
    scope = (struct scope){.kind = RECORD_PATTERN, .audience = SCOPE_GROUP, .group = "team"};
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)),
                     SYNC_SEND | SYNC_RECEIVE | SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS);
    scope.audience = SCOPE_EVERYONE;
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)),
                     SYNC_RECEIVE | SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS);
    scope.kind = RECORD_RECEIPT;
    assert_int_equal(fed_grants_scope(g, &scope, own, now(s)), 0);
    fed_grants_free(g);
}

// The thread asks, and asks again right before the bytes leave; meanwhile it is revoked elsewhere.
struct race {
    struct store *store;
    _Atomic(struct fed_grants *) next; // made by a worker, taken by the thread
    _Atomic bool revoked, end;
    _Atomic int wrong, passed;
};

static void *serve(void *arg) {
    struct race *race = arg;
    struct fed_grants *g = NULL;
    while (!atomic_load(&race->end)) {
        struct fed_grants *next = atomic_exchange(&race->next, NULL);
        struct consent_pass pass;
        if (next) {
            fed_grants_free(g);
            g = next;
        }
        bool before = atomic_load(&race->revoked);
        int64_t at = now(race->store);
        if (fed_grants_open(g, "pattern", FRIEND, CONSENT_OUT, at, &pass, NULL) < 0)
            continue;
        if (!consent_stands(race->store, &pass, at)) // withdrawn between check and use
            continue;
        atomic_fetch_add(&race->passed, 1);
        if (before)
            atomic_fetch_add(&race->wrong, 1);
    }
    fed_grants_free(g);
    return NULL;
}

static void withdrawn_between_check_and_use_nothing_leaves(void **state) {
    struct race race = {.store = store_of(state)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, &race), 0);
    for (int i = 0; i < 30; i++) {
        int passed = atomic_load(&race.passed);
        atomic_store(&race.revoked, false);
        grant(race.store, "pattern", FRIEND, CONSENT_OUT, NULL, 0);
        fed_grants_free(atomic_exchange(&race.next, load(race.store)));
        while (atomic_load(&race.passed) == passed)
            continue;
        revoke(race.store, "pattern", FRIEND, CONSENT_OUT, NULL);
        atomic_store(&race.revoked, true);
        fed_grants_free(atomic_exchange(&race.next, load(race.store)));
    }
    atomic_store(&race.end, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fed_grants_free(atomic_load(&race.next));
    assert_int_equal(atomic_load(&race.wrong), 0);
}

static void every_failed_allocation_gives_no_snapshot(void **state) {
    struct store *s = store_of(state);
    for (int i = 0; i < 40; i++) {
        char audience[80];
        (void)snprintf(audience, sizeof audience, "group:g%d", i);
        grant(s, "pattern", audience, CONSENT_OUT, "/some/workspace", 0);
    }
    for (uint64_t nth = 1; nth < 1000; nth++) {
        struct fed_grants *g = NULL;
        mem_fail_at(nth);
        int r = fed_grants_load(s, &g, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == ERR_NOMEM || (r == 0 && g));
        fed_grants_free(g);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, cap_setup, cap_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_allowed_without_a_grant_or_a_snapshot),
        TEST(a_grant_opens_its_kind_audience_and_direction_alone),
        TEST(a_workspace_grant_publishes_its_own_and_opens_the_scope),
        TEST(a_grant_ends_by_the_clock_and_the_longest_opens),
        TEST(changed_words_ask_again),
        TEST(a_change_makes_the_snapshot_void_and_is_told),
        TEST(a_rotated_identity_keeps_its_grants),
        TEST(what_is_open_is_told_once_in_order),
        TEST(a_scope_is_sent_or_received_as_its_reader_and_author_say),
        TEST(withdrawn_between_check_and_use_nothing_leaves),
        TEST(every_failed_allocation_gives_no_snapshot),
    };
    return cmocka_run_group_tests_name("server/fed_grants", tests, NULL, NULL);
}
