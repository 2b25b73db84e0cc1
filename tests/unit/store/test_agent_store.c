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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_agent_keeps_comes_back_in_its_workspace_only),
        cmocka_unit_test(maxima_are_kept),
        cmocka_unit_test(erasing_a_workspace_erases_what_agents_kept_of_it),
    };
    return cmocka_run_group_tests_name("store/agent_store", tests, NULL, NULL);
}
