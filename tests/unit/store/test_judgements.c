// Choices of the router in the store: replaced, listed newest first, few, aged, erased.
#include "core/store/judgements.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static int put(struct db *db, const char *id, int64_t at_ms, const char *workspace,
               const char *value) {
    const struct judgement j = {id, at_ms, workspace, value, strlen(value)};
    return judgement_put(db, &j, NULL);
}

static int note(void *ctx, const struct judgement *j, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s@%lld %s %.*s|", j->id, (long long)j->at_ms, j->workspace,
                      (int)j->bytes, j->value);
}

static void expect(struct db *db, const char *without, const char *wanted) {
    AUTO_BUF out = BUF_INIT(64 * 1024);
    assert_int_equal(judgements_each(db, without, note, &out, NULL), 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void one_is_found_by_its_id_and_the_newest_without(void **state) {
    AUTO_BUF value = BUF_INIT(1024);
    AUTO_BUF workspace = BUF_INIT(1024);
    assert_int_equal(judgement_get(*state, "", &value, &workspace, NULL), 0);
    assert_int_equal(put(*state, "aa-2", 20, "/w", "{2}"), 0);
    assert_int_equal(put(*state, "bb-1", 30, "", "{1}"), 0);
    assert_int_equal(put(*state, "aa-1", 10, "/w", "{0}"), 0);
    assert_int_equal(put(*state, "aa-1", 10, "/w", "{0, changed}"), 0);
    expect(*state, "", "bb-1@30  {1}|aa-2@20 /w {2}|aa-1@10 /w {0, changed}|");
    expect(*state, "aa-", "bb-1@30  {1}|");
    assert_int_equal(judgement_get(*state, "aa-2", &value, &workspace, NULL), 1);
    assert_string_equal(value.data, "{2}");
    assert_string_equal(workspace.data, "/w");
    buf_clear(&value);
    assert_int_equal(judgement_get(*state, "", &value, NULL, NULL), 1);
    assert_string_equal(value.data, "{1}");
    assert_int_equal(judgement_get(*state, "aa-", &value, NULL, NULL), 0);
}

static void maxima_are_kept(void **state) {
    static char large[JUDGEMENT_BYTES_MAX + 2];
    char id[32];
    int64_t count = 0;
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(put(*state, "aa-1", 1, "", large), ERR_LIMIT);
    for (int i = 0; i < JUDGEMENTS_MAX + 30; i++) {
        (void)snprintf(id, sizeof id, "aa-%d", i);
        assert_int_equal(put(*state, id, 1000 + i, "", "{}"), 0);
    }
    assert_int_equal(judgements_trim(*state, NULL), 0);
    assert_int_equal(db_one_int(*state, "SELECT count(*) FROM judgement", NULL, 0, &count, NULL),
                     1);
    assert_int_equal(count, JUDGEMENTS_MAX);
    assert_int_equal(db_one_int(*state, "SELECT min(at_ms) FROM judgement", NULL, 0, &count, NULL),
                     1);
    assert_int_equal(count, 1030);
    const int64_t day = INT64_C(24) * 3600 * 1000;
    assert_int_equal(judgements_tidy(*state, 1100 + JUDGEMENT_DAYS_MAX * day, NULL), 0);
    assert_int_equal(db_one_int(*state, "SELECT min(at_ms) FROM judgement", NULL, 0, &count, NULL),
                     1);
    assert_int_equal(count, 1100);
}

static void erasing_a_workspace_takes_its_own(void **state) {
    int64_t erased = 0;
    assert_int_equal(put(*state, "a-1", 1, "/w", "{}"), 0);
    assert_int_equal(put(*state, "a-2", 2, "/w/below", "{}"), 0);
    assert_int_equal(put(*state, "a-3", 3, "", "{}"), 0);
    assert_int_equal(models_erase(*state, "/w", &erased, NULL), 0);
    expect(*state, "", "a-3@3  {}|a-2@2 /w/below {}|");
    assert_int_equal(models_erase(*state, NULL, &erased, NULL), 0);
    expect(*state, "", "");
}

static void memory_that_is_refused_is_an_error(void **state) {
    assert_int_equal(put(*state, "a-1", 1, "/w", "{}"), 0);
    for (size_t n = 1; n < 4; n++) {
        AUTO_BUF value = BUF_INIT(1024);
        mem_fail_at(n);
        int r = judgement_get(*state, "a-1", &value, NULL, NULL);
        mem_fail_at(0);
        assert_true(r == 1 || r < 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_found_by_its_id_and_the_newest_without, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(maxima_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(erasing_a_workspace_takes_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_refused_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/judgements", tests, NULL, NULL);
}
