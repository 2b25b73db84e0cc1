// What was worked out of contents is found again, in this life and the next, and only under all of
// what it was worked out of; a cache that fails is only slow, and never grows past its maximum.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/store/store.h"
#include "core/store/store_cache.h"
#include "core/workspace/derived.h"

#include <pthread.h>

struct site {
    struct tree state;
    struct store *store;
};

static void site_init(struct site *p) {
    const struct store_config c = {.dir = p->state.dir, .readers = 2};
    keyring_test_argon_bytes(64 * 1024);
    tree_init(&p->state);
    assert_int_equal(store_open(&c, &p->store, NULL), 0);
}

static void site_done(struct site *p) {
    store_close(p->store);
    tree_done(&p->state);
}

static struct store *store_of(void *ctx) {
    const struct site *p = ctx;
    return p ? p->store : NULL;
}

static struct derived *open_derived(struct site *p, const char *build) {
    struct derived *d = derived_new(store_of, p, build);
    assert_non_null(d);
    return d;
}

static struct derived_key key_of(const struct derived *d, const char *text) {
    const struct derived_part part = DERIVED_TEXT(text);
    return derived_key(d, DERIVED_READING, 1, &part, 1);
}

static void put(struct derived *d, const char *text, const char *value) {
    struct derived_key key = key_of(d, text);
    derived_put(d, &key, value, strlen(value));
}

static void expect(struct derived *d, const char *text, const char *wanted) {
    struct derived_key key = key_of(d, text);
    AUTO_BUF b = BUF_INIT(0);
    assert_int_equal(buf_puts(&b, "<"), 0); // it is appended to what is there
    assert_int_equal(derived_get(d, &key, &b), wanted != NULL);
    if (wanted)
        assert_string_equal(b.data + 1, wanted);
    assert_int_equal(b.data[0], '<');
}

static void each_part_of_a_key_counts(void **state) {
    (void)state;
    struct derived *d = open_derived(NULL, "build"), *other = open_derived(NULL, "built");
    const struct derived_part two[] = {DERIVED_TEXT("ab"), DERIVED_TEXT("c")};
    const struct derived_part moved[] = {DERIVED_TEXT("a"), DERIVED_TEXT("bc")};
    const struct derived_part more[] = {DERIVED_TEXT("ab"), DERIVED_TEXT("c"), DERIVED_TEXT("")};
    const struct derived_key keys[] = {
        derived_key(d, DERIVED_SIDE, 1, two, 2),    derived_key(d, DERIVED_SIDE, 1, moved, 2),
        derived_key(d, DERIVED_SIDE, 1, more, 3),   derived_key(d, DERIVED_SIDE, 2, two, 2),
        derived_key(d, DERIVED_OUTLINE, 1, two, 2), derived_key(other, DERIVED_SIDE, 1, two, 2),
        derived_key(NULL, DERIVED_SIDE, 1, two, 2),
    };
    struct derived_key again = derived_key(d, DERIVED_SIDE, 1, two, 2);
    assert_memory_equal(&again, &keys[0], sizeof again);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        for (size_t k = i + 1; k < COUNT_OF(keys); k++)
            assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
    derived_free(d);
    derived_free(other);
}

static void the_last_value_of_a_key_is_found(void **state) {
    struct derived *d = open_derived(NULL, "build");
    (void)state;
    expect(d, "a", NULL);
    put(d, "a", "one");
    put(d, "b", "");
    expect(d, "a", "one");
    expect(d, "b", "");
    put(d, "a", "two");
    expect(d, "a", "two");
    derived_flush(d); // into no store: they stay in memory
    expect(d, "a", "two");
    derived_free(d);
}

static void another_life_finds_it_and_another_build_does_not(void **state) {
    struct site p;
    struct derived_figures f;
    (void)state;
    site_init(&p);
    struct derived *d = open_derived(&p, "build");
    put(d, "a", "one");
    put(d, "a", "two");
    put(d, "b", "three");
    derived_flush(d);
    put(d, "c", "never written");
    derived_free(d);
    d = open_derived(&p, "build");
    expect(d, "a", "two");
    expect(d, "b", "three");
    expect(d, "c", NULL);
    derived_figures(d, &f);
    assert_int_equal(f.from_store, 2);
    assert_int_equal(f.misses, 1);
    expect(d, "a", "two");
    derived_figures(d, &f);
    assert_int_equal(f.hits, 1);
    derived_free(d);
    d = open_derived(&p, "another");
    expect(d, "a", NULL);
    derived_free(d);
    site_done(&p);
}

static void memory_is_bounded_and_the_least_used_go_first(void **state) {
    enum { EACH = 512 * 1024, MANY = 3 * DERIVED_MEMORY_BYTES_MAX / EACH };
    struct site p;
    struct derived_figures f;
    char name[32];
    AUTO_FREE char *value = mem_alloc(EACH + 1);
    (void)state;
    assert_non_null(value);
    memset(value, 'x', EACH);
    value[EACH] = '\0';
    site_init(&p);
    struct derived *d = open_derived(&p, "build");
    put(d, "used", "often");
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        put(d, name, value);
        expect(d, "used", "often");
        derived_figures(d, &f);
        // What waits to be written stays, and that has a maximum of its own.
        assert_true(f.bytes <= DERIVED_MEMORY_BYTES_MAX + DERIVED_WAITING_BYTES_MAX + EACH);
    }
    derived_flush(d);
    derived_figures(d, &f);
    assert_true(f.bytes <= DERIVED_MEMORY_BYTES_MAX);
    assert_true(f.values < MANY && f.values >= MANY / 4);
    assert_int_equal(f.from_store, 0); // "used" never left
    expect(d, "0", value);             // this one did
    derived_figures(d, &f);
    assert_int_equal(f.from_store, 1);
    derived_free(d);
    site_done(&p);
}

static void what_is_too_large_is_not_kept(void **state) {
    struct site p;
    struct derived_figures f;
    AUTO_FREE char *value = mem_zalloc(DERIVED_VALUE_BYTES_MAX + 1);
    AUTO_BUF b = BUF_INIT(0);
    (void)state;
    assert_non_null(value);
    site_init(&p);
    struct derived *d = open_derived(&p, "build");
    struct derived_key key = key_of(d, "a");
    derived_put(d, &key, value, DERIVED_VALUE_BYTES_MAX + 1);
    assert_false(derived_get(d, &key, &b));
    derived_put(d, &key, value, DERIVED_VALUE_BYTES_MAX);
    derived_flush(d);
    derived_figures(d, &f);
    assert_int_equal(f.values, 0); // a single one so large lies in the store only
    assert_true(derived_get(d, &key, &b));
    assert_int_equal(b.len, DERIVED_VALUE_BYTES_MAX);
    derived_free(d);
    site_done(&p);
}

static void the_store_is_bounded(void **state) {
    enum { EACH = 3 * 1024 * 1024, MANY = (int)(DERIVED_STORE_BYTES_MAX / EACH) + 8 };
    struct site p;
    char name[32];
    int64_t bytes = 0;
    struct db *db = NULL;
    AUTO_FREE char *value = mem_zalloc(EACH);
    (void)state;
    assert_non_null(value);
    site_init(&p);
    struct derived *d = open_derived(&p, "build");
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        struct derived_key key = key_of(d, name);
        derived_put(d, &key, value, EACH);
        derived_flush(d);
    }
    assert_int_equal(store_cache_get(p.store, &db, NULL), 0);
    assert_true(db_one_int(db, "SELECT sum(bytes) FROM code_derived", NULL, 0, &bytes, NULL) >= 0);
    store_cache_put(p.store, db, 0);
    assert_true(bytes <= DERIVED_STORE_BYTES_MAX + 2 * EACH);
    assert_true(bytes >= DERIVED_STORE_BYTES_MAX / 2);
    AUTO_BUF first = BUF_INIT(0);
    struct derived_key key = key_of(d, "0");
    assert_false(derived_get(d, &key, &first));
    (void)snprintf(name, sizeof name, "%d", MANY - 1);
    key = key_of(d, name);
    assert_true(derived_get(d, &key, &first));
    derived_free(d);
    site_done(&p);
}

static void *put_and_get(void *ctx) {
    struct derived *d = ctx;
    char name[32];
    for (int i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "n%d", i % 50);
        put(d, name, name);
        expect(d, name, name);
        if (i % 100 == 0)
            derived_flush(d);
    }
    return NULL;
}

static void several_threads_may_use_it(void **state) {
    struct site p;
    pthread_t threads[3];
    (void)state;
    site_init(&p);
    struct derived *d = open_derived(&p, "build");
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_get, d), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        (void)pthread_join(threads[i], NULL);
    derived_free(d);
    site_done(&p);
}

static void without_memory_it_is_only_slow(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    for (uint64_t nth = 1;; nth++) {
        char value[16];
        AUTO_BUF b = BUF_INIT(0);
        (void)snprintf(value, sizeof value, "%u", (unsigned)nth);
        mem_fail_at(nth);
        struct derived *d = derived_new(store_of, &p, "build");
        bool found = false;
        if (d) {
            struct derived_key key = key_of(d, "a");
            derived_put(d, &key, value, strlen(value));
            derived_flush(d);
            found = derived_get(d, &key, &b);
        }
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (!reached) {
            assert_true(found);
            assert_string_equal(b.data, value);
        }
        derived_free(d);
        if (!reached)
            break;
    }
    site_done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_of_a_key_counts),
        cmocka_unit_test(the_last_value_of_a_key_is_found),
        cmocka_unit_test(another_life_finds_it_and_another_build_does_not),
        cmocka_unit_test(memory_is_bounded_and_the_least_used_go_first),
        cmocka_unit_test(what_is_too_large_is_not_kept),
        cmocka_unit_test(the_store_is_bounded),
        cmocka_unit_test(several_threads_may_use_it),
        cmocka_unit_test(without_memory_it_is_only_slow),
    };
    return cmocka_run_group_tests_name("workspace/derived", tests, NULL, NULL);
}
