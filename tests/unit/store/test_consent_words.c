// Who may be meant by a grant of federation, and which words belong to it.
#include "core/store/audit.h"
#include "core/store/consent.h"

#include "core/base/mem.h"
#include "tests/unit/store/store_support.h"

#include <string.h>

#define KEY    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FRIEND "friend:" KEY

static struct scratch scratch;

static int setup(void **state) {
    scratch_init(&scratch);
    *state = open_store(scratch.dir);
    return 0;
}

static int teardown(void **state) {
    store_close(*state);
    scratch_done(&scratch);
    return 0;
}

static void each_kind_has_words_of_its_own_for_both_directions(void **state) {
    static const char *const wanted[] = {"pattern",  "template",  "resource", "metric",
                                         "decision", "milestone", "task"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(consent_kind_at(i), wanted[i]);
        assert_true(consent_kind_federated(wanted[i]));
        const char *out = consent_words(wanted[i], CONSENT_OUT);
        const char *in = consent_words(wanted[i], CONSENT_IN);
        assert_true(out && in && strcmp(out, in) != 0);
        assert_non_null(strstr(out, "ever leave")); // what never leaves
        assert_true(strlen(out) < 600 && strlen(in) < 600);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(out, consent_words(wanted[k], CONSENT_OUT));
    }
    assert_null(consent_kind_at(COUNT_OF(wanted)));
    assert_false(consent_kind_federated(CONSENT_BACKEND));
    assert_null(consent_words("nothing", CONSENT_OUT));
}

static void an_audience_is_a_friend_a_group_or_everyone(void **state) {
    static const char *const good[] = {FRIEND, "group:team", "group:\xc3\xa9quipe", "everyone"};
    static const char *const bad[] = {
        "",
        "friend:",
        "friend:"
        "0123",
        FRIEND "0",
        "friend:0123456789ABCDEF0123456789abcdef"
        "0123456789abcdef0123456789abcdef",
        "group:",
        "group:two words",
        "group:\x01",
        "group:\xff",
        "group:12345678901234567890123456789012345678901234567890123456789012345",
        "Everyone",
        "everyone ",
        "anthropic"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(consent_audience_check("pattern", good[i], NULL), 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(consent_audience_check("pattern", bad[i], NULL), ERR_INVAL);
    assert_int_equal(consent_audience_check(CONSENT_TASK, FRIEND, NULL), 0);
    assert_int_equal(consent_audience_check(CONSENT_TASK, "everyone", NULL), ERR_INVAL);
    assert_int_equal(consent_audience_check(CONSENT_TASK, "group:team", NULL), ERR_INVAL);
}

static void a_friends_audience_is_the_key_and_back(void **state) {
    uint8_t key[CONSENT_IDENTITY_BYTES], back[CONSENT_IDENTITY_BYTES];
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    (void)state;
    assert_true(consent_friend_key(FRIEND, key));
    consent_friend(key, audience);
    assert_string_equal(audience, FRIEND);
    assert_true(consent_friend_key(audience, back));
    assert_memory_equal(key, back, sizeof key);
    assert_false(consent_friend_key("group:team", back));
}

static void what_arrives_belongs_to_no_workspace(void **state) {
    const struct consent_what record = {"pattern", FRIEND, CONSENT_IN, "/w"};
    const struct consent_what task = {CONSENT_TASK, FRIEND, CONSENT_IN, "/w"};
    const struct consent_what bad = {"pattern", "anthropic", CONSENT_OUT, NULL};
    assert_int_equal(consent_grant(*state, NULL, &record, 0, "cli", NULL), ERR_INVAL);
    assert_int_equal(consent_grant(*state, NULL, &task, 0, "cli", NULL), 0);
    assert_int_equal(consent_grant(*state, NULL, &bad, 0, "cli", NULL), ERR_INVAL);
}

struct seen {
    char purpose[2][80], model[2][120], audience[2][80];
    size_t n;
};

static int note(void *ctx, const struct audit_row *row, struct err *err) {
    struct seen *s = ctx;
    (void)err;
    assert_true(s->n < 2);
    (void)snprintf(s->purpose[s->n], sizeof s->purpose[0], "%s", row->entry.purpose);
    (void)snprintf(s->model[s->n], sizeof s->model[0], "%s", row->entry.model);
    (void)snprintf(s->audience[s->n], sizeof s->audience[0], "%s", row->entry.audience);
    s->n++;
    return 0;
}

static void the_hash_of_the_words_is_audited(void **state) {
    const struct consent_what what = {"pattern", FRIEND, CONSENT_IN, NULL};
    struct seen seen = {.n = 0};
    struct db *db = NULL;
    int64_t ended;
    bool still;
    assert_int_equal(consent_grant(*state, NULL, &what, 0, "cli", NULL), 0);
    assert_int_equal(consent_revoke(*state, NULL, &what, false, &ended, &still, NULL), 0);
    assert_int_equal(store_reader_get(*state, &db, NULL), 0);
    assert_int_equal(audit_oldest(db, 0, 2, note, &seen, NULL), 0);
    store_reader_put(*state, db);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.purpose[0], "granted in");
    assert_string_equal(seen.purpose[1], "revoked in");
    assert_string_equal(seen.audience[0], FRIEND);
    assert_memory_equal(seen.model[0], "words 1 ", 8);
    assert_int_equal(strspn(seen.model[0] + 8, "0123456789abcdef"), 64);
    assert_string_equal(seen.model[1], "");
}

static int import_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    bool added = true;
    int r = consent_import(db, ctx, 10, &added, err);
    return r < 0 ? r : buf_putc(result, added ? 'y' : 'n');
}

static void a_file_gives_no_grant_of_federation(void **state) {
    struct consent_row row = {.kind = "pattern",
                              .audience = "everyone",
                              .given_by = "cli",
                              .given_ms = 1,
                              .text_version = 1};
    AUTO_BUF out = BUF_INIT(10);
    assert_int_equal(store_write(*state, NULL, import_in, &row, &out, NULL, NULL), 0);
    assert_string_equal(out.data, "n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_kind_has_words_of_its_own_for_both_directions),
        TEST(an_audience_is_a_friend_a_group_or_everyone),
        TEST(a_friends_audience_is_the_key_and_back),
        TEST(what_arrives_belongs_to_no_workspace),
        TEST(the_hash_of_the_words_is_audited),
        TEST(a_file_gives_no_grant_of_federation),
    };
    return cmocka_run_group_tests_name("store/consent_words", tests, NULL, NULL);
}
