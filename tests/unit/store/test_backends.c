// Backends: where they may be, and that a key goes nowhere but where it was given for.
#include "core/store/backends.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>

#define KEY "sk-zqxjkvbw-0123456789"

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

static void a_url_is_https_or_this_machine(void **state) {
    (void)state;
    static const struct {
        const char *url, *uniform;
        bool local;
    } good[] = {
        {"https://api.anthropic.com", "https://api.anthropic.com", false},
        {"HTTPS://API.Example.COM/V1//", "https://api.example.com/V1", false},
        {"https://proxy.example:8443/a%20b/", "https://proxy.example:8443/a%20b", false},
        {"https://[2001:db8::1]:443/", "https://[2001:db8::1]:443", false},
        {"http://localhost:11434/v1", "http://localhost:11434/v1", true},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
        {"http://127.8.9.1:80", "http://127.8.9.1:80", true},
        {"http://[::1]:1234/", "http://[::1]:1234", true},
        {"https://127.0.0.1", "https://127.0.0.1", true},
    };
    static const char *const bad[] = {
        "",
        "api.example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://api.example.com",
        "http://192.168.0.2:11434",
        "http://0.0.0.0:1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://127.1",
        "http://[::2]",
        "http://[::ffff:10.0.0.1]:80",
        "https://user:pass@example.com",
        "https://sk-key@example.com",
        "https://example.com/?key=1",
        "https://example.com/#a",
        "https://example.com?x",
        "https://",
        "https:///v1",
        "https://-a.example",
        "https://a b",
        "https://a/b c",
        "https://a/\nHost: evil",
        "https://a:0",
        "https://a:65536",
        "https://a:",
        "https://a:80x",
        "https://a/%zz",
        "https://a/%2",
        "https://ex\xc3\xa4mple.com",
        "https://[::1",
        "https://[zz]",
    };
    char text[BACKEND_URL_BYTES_MAX + 1];
    bool local;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct err err = {0};
        if (backend_url_check(good[i].url, text, &local, &err) < 0)
            fail_msg("%s: %s", good[i].url, err_text(&err));
        assert_string_equal(text, good[i].uniform);
        assert_int_equal(local, good[i].local);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (backend_url_check(bad[i], text, &local, NULL) != ERR_INVAL)
            fail_msg("%s was taken", bad[i]);
    char large[BACKEND_URL_BYTES_MAX + 32] = "https://a/";
    memset(large + 10, 'x', BACKEND_URL_BYTES_MAX);
    assert_int_equal(backend_url_check(large, text, &local, NULL), ERR_LIMIT);
}

static struct backend named(const char *name, const char *url, enum backend_key key) {
    struct backend b = {.family = BACKEND_ANTHROPIC, .key = key, .enabled = true};
    (void)snprintf(b.name, sizeof b.name, "%s", name);
    (void)snprintf(b.url, sizeof b.url, "%s", url);
    return b;
}

static int put(struct store *s, const struct backend *b, const char *key, bool replace) {
    return backend_put(s, NULL, b, key, key ? strlen(key) : 0, replace, NULL);
}

static int find(struct store *s, const char *name, struct backend_list *ret) {
    struct db *db = NULL;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    int r = backend_find(db, name, ret, NULL);
    store_reader_put(s, db);
    return r;
}

static void what_is_put_comes_back(void **state) {
    struct backend_model models[] = {{.name = "claude-b"}, {.name = "claude-a", .price = "p"}};
    struct backend b = named("anthropic", "https://API.anthropic.com/", BACKEND_KEY_ENV);
    struct backend_list found = {0};
    memcpy(b.key_env, "ANTHROPIC_API_KEY", 18);
    memcpy(b.account, "work", 5);
    b.models = models;
    b.model_count = 2;
    assert_int_equal(put(*state, &b, NULL, false), 0);
    assert_int_equal(put(*state, &b, NULL, false), ERR_EXISTS);
    assert_int_equal(find(*state, "anthropic", &found), 0);
    assert_string_equal(found.items[0].url, "https://api.anthropic.com");
    assert_string_equal(found.items[0].key_env, "ANTHROPIC_API_KEY");
    assert_string_equal(found.items[0].account, "work");
    assert_int_equal(found.items[0].model_count, 2);
    assert_string_equal(found.items[0].models[0].name, "claude-b");
    assert_string_equal(found.items[0].models[1].price, "p");
    assert_true(found.items[0].enabled);
    backend_list_done(&found);
    assert_int_equal(backend_enable(*state, NULL, "anthropic", false, NULL), 0);
    assert_int_equal(find(*state, "anthropic", &found), 0);
    assert_false(found.items[0].enabled);
    backend_list_done(&found);
    assert_int_equal(backend_remove(*state, NULL, "anthropic", NULL), 0);
    assert_int_equal(find(*state, "anthropic", &found), ERR_NOT_FOUND);
    assert_int_equal(backend_remove(*state, NULL, "anthropic", NULL), ERR_NOT_FOUND);
    assert_int_equal(backend_enable(*state, NULL, "anthropic", true, NULL), ERR_NOT_FOUND);
}

static void only_a_chat_backend_fills_in(void **state) {
    struct backend b = named("a", "https://a.example", BACKEND_KEY_NONE);
    struct backend_list found = {0};
    b.fim = BACKEND_FIM_INFILL;
    assert_int_equal(put(*state, &b, NULL, false), ERR_INVAL);
    b.family = BACKEND_CHAT;
    assert_int_equal(put(*state, &b, NULL, false), 0);
    assert_int_equal(find(*state, "a", &found), 0);
    assert_int_equal(found.items[0].fim, BACKEND_FIM_INFILL);
    backend_list_done(&found);
    b.fim = BACKEND_FIM_NONE;
    assert_int_equal(put(*state, &b, NULL, true), 0);
    assert_int_equal(find(*state, "a", &found), 0);
    assert_int_equal(found.items[0].fim, BACKEND_FIM_NONE);
    backend_list_done(&found);
    b.fim = BACKEND_FIMS;
    assert_int_equal(put(*state, &b, NULL, true), ERR_INVAL);
}

static void a_key_comes_back_for_its_name_and_url_alone(void **state) {
    char key[BACKEND_KEY_BYTES_MAX + 1];
    struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
    assert_int_equal(put(*state, &b, NULL, false), ERR_INVAL); // the key is missing
    assert_int_equal(put(*state, &b, KEY, false), 0);
    assert_int_equal(backend_secret(*state, "a", key, NULL), (int)strlen(KEY));
    assert_string_equal(key, KEY);
    memcpy(b.account, "x", 2);
    assert_int_equal(put(*state, &b, NULL, true), 0); // kept, for it is the same place
    assert_int_equal(backend_secret(*state, "a", key, NULL), (int)strlen(KEY));
    struct backend moved = named("a", "https://evil.example", BACKEND_KEY_STORE);
    assert_int_equal(put(*state, &moved, NULL, true), ERR_INVAL);
    struct backend env = named("a", "https://one.example", BACKEND_KEY_ENV);
    memcpy(env.key_env, "K", 2);
    assert_int_equal(put(*state, &env, NULL, true), 0);
    assert_int_equal(backend_secret(*state, "a", key, NULL), ERR_NOT_FOUND);
    assert_int_equal(backend_secret(*state, "b", key, NULL), ERR_NOT_FOUND);
}

static int steal(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    return db_script(db, "UPDATE backend SET url = 'https://evil.example' WHERE name = 'a'", err);
}

static void a_row_that_was_pointed_elsewhere_gives_no_key(void **state) {
    char key[BACKEND_KEY_BYTES_MAX + 1];
    struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
    assert_int_equal(put(*state, &b, KEY, false), 0);
    assert_int_equal(store_write(*state, NULL, steal, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(backend_secret(*state, "a", key, NULL), ERR_KEY);
}

static int files_found;
static int search_file(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_F || !st->st_size)
        return 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *bytes = mem_alloc((size_t)st->st_size);
    size_t n = fread(bytes, 1, (size_t)st->st_size, f);
    files_found += memmem(bytes, n, "zqxjkvbw", 8) != NULL;
    mem_free(bytes);
    (void)fclose(f);
    return 0;
}

static void a_key_is_in_no_row_file_or_export(void **state) {
    char path[256];
    struct db *db = NULL;
    int64_t found = -1;
    struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
    assert_int_equal(put(*state, &b, KEY, false), 0);
    assert_int_equal(store_reader_get(*state, &db, NULL), 0);
    assert_int_equal(db_one_int(db,
                                "SELECT instr(key_sealed, CAST('zqxjkvbw' AS BLOB)) FROM backend",
                                NULL, 0, &found, NULL),
                     1);
    assert_int_equal(found, 0);
    store_reader_put(*state, db);
    (void)snprintf(path, sizeof path, "%s/export", scratch.dir);
    assert_int_equal(store_export(*state, path, NULL, NULL), 0);
    files_found = 0;
    assert_int_equal(nftw(scratch.dir, search_file, 16, FTW_PHYS), 0);
    assert_int_equal(files_found, 0);
}

static void a_key_outlives_the_process_and_a_new_data_key(void **state) {
    char key[BACKEND_KEY_BYTES_MAX + 1];
    struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
    assert_int_equal(put(*state, &b, KEY, false), 0);
    assert_int_equal(store_key_rotate(*state, NULL), 0);
    assert_int_equal(store_housekeep(*state, NULL), 0);
    store_close(*state);
    *state = open_store(scratch.dir);
    assert_int_equal(backend_secret(*state, "a", key, NULL), (int)strlen(KEY));
}

static void what_is_no_name_key_or_variable_is_refused(void **state) {
    static const char *const names[] = {"", "A", "-a", "a b", "a/b", "\xc3\xa4", "a\n"};
    static const char *const variables[] = {"", "1A", "A-B", "sk-ant-api03-abc", "A B"};
    static const char *const keys[] = {"a b", "a\r\nx-evil: 1", "\xc3\xa4", ""};
    struct backend b;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        b = named(names[i], "https://a.example", BACKEND_KEY_NONE);
        assert_int_equal(put(*state, &b, NULL, false), ERR_INVAL);
    }
    b = named("a", "https://a.example", BACKEND_KEY_ENV);
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        memcpy(b.key_env, variables[i], strlen(variables[i]) + 1);
        assert_int_equal(put(*state, &b, NULL, false), ERR_INVAL);
    }
    b = named("a", "https://a.example", BACKEND_KEY_STORE);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_int_equal(put(*state, &b, keys[i], false), ERR_INVAL);
    b = named("a", "https://a.example", BACKEND_KEY_NONE);
    assert_int_equal(put(*state, &b, KEY, false), ERR_INVAL);
    struct backend_model twice[] = {{.name = "m"}, {.name = "m"}};
    b.models = twice;
    b.model_count = 2;
    assert_int_equal(put(*state, &b, NULL, false), ERR_INVAL);
    b.model_count = BACKEND_MODELS_MAX + 1;
    assert_int_equal(put(*state, &b, NULL, false), ERR_LIMIT);
}

static void there_is_a_most(void **state) {
    for (int i = 0; i <= BACKENDS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "b%d", i);
        struct backend b = named(name, "https://a.example", BACKEND_KEY_NONE);
        assert_int_equal(put(*state, &b, NULL, false), i < BACKENDS_MAX ? 0 : ERR_LIMIT);
    }
}

static int import_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    bool added = false;
    int r = backend_import(db, ctx, 1, &added, err);
    return r < 0 ? r : buf_putc(result, added ? 'y' : 'n');
}

static void an_imported_one_is_off_until_the_user_says_so(void **state) {
    struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
    struct backend_list found = {0};
    AUTO_BUF out = BUF_INIT(10);
    assert_int_equal(store_write(*state, NULL, import_in, &b, &out, NULL, NULL), 0);
    assert_int_equal(store_write(*state, NULL, import_in, &b, &out, NULL, NULL), 0);
    assert_string_equal(out.data, "yn");
    assert_int_equal(find(*state, "a", &found), 0);
    assert_false(found.items[0].enabled);
    assert_false(found.items[0].key_kept);
    backend_list_done(&found);
}

static void every_failed_allocation_leaves_backends_whole(void **state) {
    struct backend_model models[] = {{.name = "m"}};
    for (uint64_t nth = 1; nth < 400; nth++) {
        char key[BACKEND_KEY_BYTES_MAX + 1];
        struct backend b = named("a", "https://one.example", BACKEND_KEY_STORE);
        b.models = models;
        b.model_count = 1;
        mem_fail_at(nth);
        int r = put(*state, &b, KEY, true);
        if (r == 0)
            r = backend_secret(*state, "a", key, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r > 0 || r == ERR_NOMEM);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_https_or_this_machine),
        TEST(what_is_put_comes_back),
        TEST(only_a_chat_backend_fills_in),
        TEST(a_key_comes_back_for_its_name_and_url_alone),
        TEST(a_row_that_was_pointed_elsewhere_gives_no_key),
        TEST(a_key_is_in_no_row_file_or_export),
        TEST(a_key_outlives_the_process_and_a_new_data_key),
        TEST(what_is_no_name_key_or_variable_is_refused),
        TEST(there_is_a_most),
        TEST(an_imported_one_is_off_until_the_user_says_so),
        TEST(every_failed_allocation_leaves_backends_whole),
    };
    return cmocka_run_group_tests_name("store/backends", tests, NULL, NULL);
}
