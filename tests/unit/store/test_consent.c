// Grants: nothing goes without one, and none outlives what the user says.
#include "core/store/consent.h"

#include "core/base/mem.h"
#include "core/store/backends.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct scratch scratch;
enum { T0 = 1000 * 1000 };

static int setup(void **state) {
    scratch_init(&scratch);
    test_clock_set(T0);
    *state = open_store(scratch.dir);
    return 0;
}

static int teardown(void **state) {
    store_close(*state);
    scratch_done(&scratch);
    return 0;
}

static struct consent_what to(const char *backend, const char *workspace) {
    return (struct consent_what){CONSENT_BACKEND, backend, CONSENT_OUT, workspace};
}

static int grant(struct store *s, const char *backend, const char *workspace, int64_t expires_ms) {
    const struct consent_what what = to(backend, workspace);
    return consent_grant(s, NULL, &what, expires_ms, "cli", NULL);
}

static int check(struct store *s, const char *backend, const char *workspace,
                 struct consent_pass *pass) {
    const struct consent_what what = to(backend, workspace);
    return consent_check(s, &what, pass, NULL);
}

static int64_t revoke(struct store *s, const char *backend, const char *workspace, bool everywhere,
                      bool *still) {
    const struct consent_what what = to(backend, workspace);
    int64_t ended = -1;
    assert_int_equal(consent_revoke(s, NULL, &what, everywhere, &ended, still, NULL), 0);
    return ended;
}

static void nothing_goes_without_a_grant(void **state) {
    struct consent_pass pass;
    struct err err;
    const struct consent_what what = to("anthropic", "/w");
    assert_int_equal(consent_check(*state, &what, &pass, &err), ERR_PERM);
    assert_non_null(strstr(err.message, "paired consent grant anthropic"));
    assert_int_equal(grant(*state, "anthropic", "/w", 0), 0);
    assert_int_equal(check(*state, "anthropic", "/w", &pass), 0);
    assert_true(consent_stands(*state, &pass, T0));
    assert_int_equal(check(*state, "anthropic", "/w2", &pass), ERR_PERM);
    assert_int_equal(check(*state, "anthropic", NULL, &pass), ERR_PERM);
    assert_int_equal(check(*state, "openai", "/w", &pass), ERR_PERM);
    const struct consent_what in = {CONSENT_BACKEND, "anthropic", CONSENT_IN, "/w"};
    assert_int_equal(consent_check(*state, &in, &pass, NULL), ERR_PERM);
}

static void a_grant_for_any_workspace_covers_each(void **state) {
    struct consent_pass pass;
    assert_int_equal(grant(*state, "a", NULL, 0), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_int_equal(check(*state, "a", NULL, &pass), 0);
}

static void revoking_acts_before_it_returns(void **state) {
    struct consent_pass pass;
    bool still = true;
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_int_equal(revoke(*state, "a", "/w", false, &still), 1);
    assert_false(still);
    assert_false(consent_stands(*state, &pass, T0));
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
    assert_int_equal(revoke(*state, "a", "/w", false, &still), 0);
}

static void a_repeated_revocation_answers_the_same(void **state) {
    const struct consent_what what = to("a", "/w");
    const struct origin origin = {.session = "5e55", .seq = 3};
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    for (int i = 0; i < 2; i++) {
        int64_t ended = 0;
        bool still = true;
        assert_int_equal(consent_revoke(*state, &origin, &what, false, &ended, &still, NULL), 0);
        assert_int_equal(ended, 1);
        assert_false(still);
    }
}

static void revoking_one_workspace_says_that_another_grant_goes_on(void **state) {
    bool still = false;
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(grant(*state, "a", NULL, 0), 0);
    assert_int_equal(revoke(*state, "a", "/w", false, &still), 1);
    assert_true(still);
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(revoke(*state, "a", NULL, true, &still), 2);
    assert_false(still);
}

static void a_grant_expires_by_the_clock(void **state) {
    struct consent_pass pass;
    assert_int_equal(grant(*state, "a", "/w", T0), ERR_INVAL);
    assert_int_equal(grant(*state, "a", "/w", T0 + 100), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_true(consent_stands(*state, &pass, T0 + 99));
    assert_false(consent_stands(*state, &pass, T0 + 100));
    test_clock_set(T0 + 100);
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
}

static int put(struct store *s, const char *url, bool replace) {
    struct backend b = {.family = BACKEND_CHAT, .enabled = true};
    memcpy(b.name, "a", 2);
    memcpy(b.url, url, strlen(url) + 1);
    return backend_put(s, NULL, &b, NULL, 0, replace, NULL);
}

static void a_backend_that_moves_loses_its_grants(void **state) {
    struct consent_pass pass;
    assert_int_equal(put(*state, "https://one.example/v1", false), 0);
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_int_equal(put(*state, "https://one.example/v1/", true), 0); // the same place
    assert_false(consent_stands(*state, &pass, T0));
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_int_equal(put(*state, "https://two.example/v1", true), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(backend_remove(*state, NULL, "a", NULL), 0);
    assert_int_equal(put(*state, "https://two.example/v1", false), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
}

static int note(void *ctx, const struct consent_row *row, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s:%s:%s:%s ", row->audience, row->workspace ? row->workspace : "any",
                      consent_direction_name(row->direction), row->ended_by);
}

static void expect_rows(struct store *s, bool history, const char *wanted) {
    AUTO_BUF out = BUF_INIT(4096);
    struct db *db = NULL;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(consent_each(db, history, NULL, 100, note, &out, NULL), 0);
    store_reader_put(s, db);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void ended_grants_are_history_and_housekeeping_ends_what_expired(void **state) {
    bool still;
    assert_int_equal(grant(*state, "b", "/w", T0 + 50), 0);
    test_clock_set(T0 + 1);
    assert_int_equal(grant(*state, "a", NULL, 0), 0);
    test_clock_set(T0 + 2);
    assert_int_equal(grant(*state, "a", NULL, 0), 0);
    test_clock_set(T0 + 3);
    (void)revoke(*state, "a", NULL, true, &still);
    expect_rows(*state, false, "b:/w:out: ");
    expect_rows(*state, true, "a:any:out:revoked a:any:out:replaced ");
    test_clock_set(T0 + 60);
    assert_int_equal(store_housekeep(*state, NULL), 0);
    expect_rows(*state, false, "");
    expect_rows(*state, true, "b:/w:out:expired a:any:out:revoked a:any:out:replaced ");
}

static void what_is_granted_and_revoked_is_audited(void **state) {
    struct audit_state found = {0};
    struct db *db = NULL;
    bool still;
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    (void)revoke(*state, "a", "/w", false, &still);
    assert_int_equal(store_reader_get(*state, &db, NULL), 0);
    assert_int_equal(audit_verify(db, NULL, NULL, NULL, &found, NULL), 0);
    store_reader_put(*state, db);
    assert_int_equal(found.entries, 2);
}

static void erasing_a_workspace_ends_its_grants(void **state) {
    struct consent_pass pass, other;
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    assert_int_equal(grant(*state, "a", "/kept", 0), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    assert_true(store_erase(*state, NULL, 0, "/w", NULL) > 0);
    assert_false(consent_stands(*state, &pass, T0));
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
    assert_int_equal(check(*state, "a", "/kept", &other), 0);
    expect_rows(*state, true, "");
    assert_true(store_erase(*state, NULL, 0, NULL, NULL) > 0);
    assert_int_equal(check(*state, "a", "/kept", &other), ERR_PERM);
}

static int import_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    bool added = false;
    int r = consent_import(db, ctx, T0 + 10, &added, err);
    return r < 0 ? r : buf_putc(result, added ? 'y' : 'n');
}

static void an_import_does_not_bring_back_what_was_revoked_since(void **state) {
    struct consent_pass pass;
    bool still;
    struct consent_row row = {.kind = CONSENT_BACKEND,
                              .audience = "a",
                              .workspace = "/w",
                              .given_by = "cli",
                              .given_ms = T0,
                              .url = "https://one.example",
                              .text_version = 1};
    AUTO_BUF out = BUF_INIT(10);
    assert_int_equal(put(*state, "https://one.example", false), 0);
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    test_clock_set(T0 + 5);
    (void)revoke(*state, "a", "/w", false, &still);
    assert_int_equal(store_write(*state, NULL, import_in, &row, &out, NULL, NULL), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), ERR_PERM);
    row.given_ms = T0 + 6; // given later, elsewhere
    assert_int_equal(store_write(*state, NULL, import_in, &row, &out, NULL, NULL), 0);
    assert_int_equal(check(*state, "a", "/w", &pass), 0);
    row.workspace = "/other";
    row.url = "https://two.example"; // given for another place than "a" is now
    assert_int_equal(store_write(*state, NULL, import_in, &row, &out, NULL, NULL), 0);
    row.workspace = "relative";
    assert_int_equal(store_write(*state, NULL, import_in, &row, &out, NULL, NULL), ERR_INVAL);
    assert_string_equal(out.data, "nyn");
}

static void what_is_no_name_or_path_is_refused(void **state) {
    static const struct consent_what bad[] = {
        {CONSENT_BACKEND, "", CONSENT_OUT, NULL},    {CONSENT_BACKEND, "a\n", CONSENT_OUT, NULL},
        {CONSENT_BACKEND, "a", CONSENT_OUT, "w"},    {"Backend", "a", CONSENT_OUT, NULL},
        {"nothing-known", "a", CONSENT_OUT, NULL},   {CONSENT_BACKEND, "a", 2, NULL},
        {CONSENT_BACKEND, "\xff", CONSENT_OUT, NULL}};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(consent_grant(*state, NULL, &bad[i], 0, "cli", NULL), ERR_INVAL);
}

// Who sends asks right before: nothing may pass once the revocation has returned.
struct race {
    struct store *store;
    _Atomic bool revoked, end;
    _Atomic int wrong, passed;
};

static void *send_on(void *arg) {
    struct race *race = arg;
    while (!atomic_load(&race->end)) {
        struct consent_pass pass;
        bool before = atomic_load(&race->revoked);
        if (check(race->store, "a", "/w", &pass) < 0 || !consent_stands(race->store, &pass, T0))
            continue;
        atomic_fetch_add(&race->passed, 1);
        if (before)
            atomic_fetch_add(&race->wrong, 1);
    }
    return NULL;
}

static void nothing_passes_once_a_revocation_has_returned(void **state) {
    struct race race = {.store = *state};
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_on, &race), 0);
    for (int i = 0; i < 30; i++) {
        bool still;
        int passed = atomic_load(&race.passed);
        atomic_store(&race.revoked, false);
        assert_int_equal(grant(*state, "a", "/w", 0), 0);
        while (atomic_load(&race.passed) == passed)
            continue;
        assert_int_equal(revoke(*state, "a", "/w", false, &still), 1);
        atomic_store(&race.revoked, true);
    }
    atomic_store(&race.end, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&race.wrong), 0);
}

static void every_failed_allocation_leaves_grants_as_they_were(void **state) {
    struct consent_pass pass;
    assert_int_equal(grant(*state, "a", "/w", 0), 0);
    for (uint64_t nth = 1; nth < 300; nth++) {
        mem_fail_at(nth);
        int r = grant(*state, "a", "/w", 0);
        int asked = r == 0 ? check(*state, "a", "/w", &pass) : 0;
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true((r == 0 || r == ERR_NOMEM) && (asked == 0 || asked == ERR_NOMEM));
        assert_int_equal(check(*state, "a", "/w", &pass), 0);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_goes_without_a_grant),
        TEST(a_grant_for_any_workspace_covers_each),
        TEST(revoking_acts_before_it_returns),
        TEST(a_repeated_revocation_answers_the_same),
        TEST(revoking_one_workspace_says_that_another_grant_goes_on),
        TEST(a_grant_expires_by_the_clock),
        TEST(a_backend_that_moves_loses_its_grants),
        TEST(ended_grants_are_history_and_housekeeping_ends_what_expired),
        TEST(what_is_granted_and_revoked_is_audited),
        TEST(erasing_a_workspace_ends_its_grants),
        TEST(an_import_does_not_bring_back_what_was_revoked_since),
        TEST(what_is_no_name_or_path_is_refused),
        TEST(nothing_passes_once_a_revocation_has_returned),
        TEST(every_failed_allocation_leaves_grants_as_they_were),
    };
    return cmocka_run_group_tests_name("store/consent", tests, NULL, NULL);
}
