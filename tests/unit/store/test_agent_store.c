#include "core/base/mem.h"
#include "core/store/agent_store.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

struct put {
    const char *workspace, *key, *value;
};

static int put_one(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct put *p = ctx;
    (void)result;
    return agent_store_put(db, p->workspace, "sherlock", p->key, p->value,
                           p->value ? strlen(p->value) : 0, 1, err);
}

static int put(struct store *s, const char *workspace, const char *key, const char *value) {
    struct put p = {workspace, key, value};
    return store_write(s, NULL, put_one, &p, NULL, NULL, NULL);
}

static int get(struct store *s, const char *workspace, const char *key, char *ret, size_t max) {
    AUTO_BUF value = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    struct db *db = NULL;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    int r = agent_store_get(db, workspace, "sherlock", key, &value, NULL);
    store_reader_put(s, db);
    (void)snprintf(ret, max, "%s", value.data ? value.data : "");
    return r;
}

static void what_an_agent_keeps_comes_back_in_its_workspace_only(void **state) {
    (void)state;
    struct scratch x;
    char text[64];
    scratch_init(&x);
    struct store *s = open_store(x.dir);
    assert_int_equal(get(s, "/w", "mutes", text, sizeof text), 0);
    assert_int_equal(put(s, "/w", "mutes", "[1]"), 0);
    assert_int_equal(put(s, "/w", "mutes", "[1,2]"), 0);
    assert_int_equal(get(s, "/w", "mutes", text, sizeof text), 1);
    assert_string_equal(text, "[1,2]");
    assert_int_equal(get(s, "/other", "mutes", text, sizeof text), 0);
    assert_int_equal(put(s, "/w", "mutes", NULL), 0);
    assert_int_equal(get(s, "/w", "mutes", text, sizeof text), 0);
    store_close(s);
    scratch_done(&x);
}

static void maxima_are_kept(void **state) {
    (void)state;
    struct scratch x;
    char key[AGENT_KEY_BYTES_MAX + 2];
    scratch_init(&x);
    struct store *s = open_store(x.dir);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal(put(s, "/w", key, "1"), ERR_LIMIT);
    char *large = mem_zalloc(AGENT_VALUE_BYTES_MAX + 2);
    memset(large, '1', AGENT_VALUE_BYTES_MAX + 1);
    assert_int_equal(put(s, "/w", "large", large), ERR_LIMIT);
    mem_free(large);
    store_close(s);
    scratch_done(&x);
}

static void erasing_a_workspace_erases_what_agents_kept_of_it(void **state) {
    (void)state;
    struct scratch x;
    char text[64];
    scratch_init(&x);
    struct store *s = open_store(x.dir);
    assert_int_equal(put(s, "/w", "seen", "\"zanzibar\""), 0);
    assert_int_equal(put(s, "/kept", "seen", "\"other\""), 0);
    assert_int_equal(store_erase(s, NULL, 0, "/w", NULL), 1);
    assert_int_equal(get(s, "/w", "seen", text, sizeof text), 0);
    assert_int_equal(get(s, "/kept", "seen", text, sizeof text), 1);
    assert_int_equal(store_erase(s, NULL, 0, NULL, NULL), 1);
    assert_int_equal(get(s, "/kept", "seen", text, sizeof text), 0);
    store_close(s);
    scratch_done(&x);
}

static int put_at(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct agent_store_row *row = ctx;
    (void)result;
    return agent_store_put(db, row->workspace, "acp", row->key, row->value, row->value_bytes,
                           row->changed_ms, err);
}

static int note_key(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct buf *out = ctx;
    (void)err;
    return buf_printf(out, "%s%s=%.*s@%d ", row->workspace, row->key, (int)row->value_bytes,
                      row->value, (int)row->changed_ms);
}

static void expect_newest(struct store *s, const char *workspace,
                          const struct agent_store_row *after, int64_t limit, const char *wanted) {
    AUTO_BUF out = BUF_INIT(1000);
    struct db *db = NULL;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(
        agent_store_newest(db, workspace, "acp", "head/", after, limit, note_key, &out, NULL), 0);
    store_reader_put(s, db);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static int drop_one(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return agent_store_drop(db, "acp", ctx, err);
}

static void the_newest_of_a_prefix_come_first(void **state) {
    (void)state;
    struct scratch x;
    static const struct agent_store_row rows[] = {
        {"/w", "head/a", "1", 1, 10}, {"/w", "head/b", "2", 1, 30}, {"/v", "head/c", "3", 1, 20},
        {"/w", "head/d", "4", 1, 20}, {"/w", "heae", "5", 1, 40},   {"/w", "head.", "6", 1, 40}};
    scratch_init(&x);
    struct store *s = open_store(x.dir);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(store_write(s, NULL, put_at, (void *)&rows[i], NULL, NULL, NULL), 0);
    assert_int_equal(put(s, "/w", "head/e", "7"), 0); // of another agent
    expect_newest(s, NULL, NULL, 100, "/whead/b=2@30 /vhead/c=3@20 /whead/d=4@20 /whead/a=1@10 ");
    expect_newest(s, "/w", NULL, 100, "/whead/b=2@30 /whead/d=4@20 /whead/a=1@10 ");
    expect_newest(s, NULL, NULL, 2, "/whead/b=2@30 /vhead/c=3@20 ");
    expect_newest(s, NULL, &rows[2], 100, "/whead/d=4@20 /whead/a=1@10 ");
    assert_int_equal(store_write(s, NULL, drop_one, (void *)"head/c", NULL, NULL, NULL), 0);
    assert_int_equal(store_write(s, NULL, drop_one, (void *)"head/c", NULL, NULL, NULL), 0);
    expect_newest(s, "/v", NULL, 100, "");
    store_close(s);
    scratch_done(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_agent_keeps_comes_back_in_its_workspace_only),
        cmocka_unit_test(maxima_are_kept),
        cmocka_unit_test(the_newest_of_a_prefix_come_first),
        cmocka_unit_test(erasing_a_workspace_erases_what_agents_kept_of_it),
    };
    return cmocka_run_group_tests_name("store/agent_store", tests, NULL, NULL);
}
