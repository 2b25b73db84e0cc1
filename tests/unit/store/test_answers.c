// Answers that are kept to be given again: found by their key alone, for their time, within their
// size; gone with whatever is erased and with the key that they are encrypted under.
#include "core/store/answers.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

enum { NOW = 1000000 };

struct fixture {
    struct scratch scratch;
    struct store *store;
};

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    assert_non_null(f);
    scratch_init(&f->scratch);
    f->store = open_store(f->scratch.dir);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    store_close(f->store);
    scratch_done(&f->scratch);
    mem_free(f);
    return 0;
}

static struct store *store_of(void **state) {
    return ((struct fixture *)*state)->store;
}

struct put {
    const char *name;
    size_t bytes;
    int64_t at_ms, limit;
};

static void key_of(struct store *s, const char *name, uint8_t key[ANSWER_KEY_BYTES]) {
    assert_int_equal(answers_key(s, name, strlen(name), key, NULL), 0);
}

static int put(struct store *s, const struct put *p) {
    struct kept_answer a = {.kept_ms = p->at_ms,
                            .expires_ms = p->at_ms + 1000,
                            .backend = "b0",
                            .model = "m",
                            .changed_ms = 7,
                            .form = 1,
                            .input = 10,
                            .cached = 1,
                            .cache_write = 2,
                            .output = 5,
                            .cost = 42,
                            .saved = -3};
    const struct answers_limits limits = {.bytes = p->limit, .now_ms = p->at_ms};
    uint8_t key[ANSWER_KEY_BYTES];
    key_of(s, p->name, key);
    for (size_t i = 0; i < p->bytes; i++)
        (void)buf_putc(&a.bytes, (char)('a' + i % 26));
    int r = answers_put(s, key, answers_generation(s), &a, &limits, NULL);
    kept_answer_done(&a);
    return r;
}

static bool found(struct store *s, const char *name, int64_t since_ms, int64_t now_ms) {
    struct kept_answer a = {0};
    uint8_t key[ANSWER_KEY_BYTES];
    key_of(s, name, key);
    int r = answers_get(s, key, since_ms, now_ms, &a, NULL);
    assert_true(r >= 0);
    if (r == 1) {
        assert_string_equal(a.backend, "b0");
        assert_string_equal(a.model, "m");
        assert_int_equal(a.changed_ms, 7);
        assert_int_equal(a.form, 1);
        assert_int_equal(a.input + a.cached + a.cache_write + a.output, 18);
        assert_int_equal(a.cost, 42);
        assert_int_equal(a.saved, -3);
        for (size_t i = 0; i < a.bytes.len; i++)
            assert_int_equal(a.bytes.data[i], 'a' + i % 26);
    }
    kept_answer_done(&a);
    return r == 1;
}

static struct answers_info info(struct store *s) {
    struct answers_info i;
    assert_int_equal(answers_info(s, &i, NULL), 0);
    return i;
}

static const struct put one = {"one", 100, NOW, 1 << 20};

static void one_is_found_by_its_key_for_its_time(void **state) {
    struct store *s = store_of(state);
    assert_false(found(s, "one", 0, NOW));
    assert_int_equal(info(s).file_bytes, 0); // nobody made a file for a question
    assert_int_equal(put(s, &one), 1);
    assert_true(found(s, "one", 0, NOW));
    assert_false(found(s, "two", 0, NOW));
    assert_false(found(s, "one", NOW + 1, NOW + 1)); // older than is wanted
    assert_false(found(s, "one", 0, NOW + 1000));    // past its day
    assert_false(found(s, "one", 0, NOW - 1));       // of the future: the clock went back
    assert_int_equal(info(s).entries, 1);
    assert_int_equal(info(s).oldest_ms, NOW);
}

static void a_second_one_of_the_same_key_takes_its_place(void **state) {
    struct store *s = store_of(state);
    const struct put again = {"one", 300, NOW + 5, 1 << 20};
    assert_int_equal(put(s, &one), 1);
    assert_int_equal(put(s, &again), 1);
    assert_int_equal(info(s).entries, 1);
    assert_int_equal(info(s).bytes, 300 + ANSWER_ROW_BYTES);
    assert_int_equal(info(s).oldest_ms, NOW + 5);
}

static void one_is_forgotten_and_the_others_stay(void **state) {
    struct store *s = store_of(state);
    const struct put other = {"other", 100, NOW, 1 << 20};
    uint8_t key[ANSWER_KEY_BYTES];
    key_of(s, "one", key);
    assert_int_equal(answers_forget(s, key, NULL), 0);
    assert_int_equal(info(s).file_bytes, 0); // nothing was ever kept
    assert_int_equal(put(s, &one), 1);
    assert_int_equal(put(s, &other), 1);
    assert_int_equal(answers_forget(s, key, NULL), 0);
    assert_false(found(s, "one", 0, NOW));
    assert_true(found(s, "other", 0, NOW));
    assert_int_equal(info(s).bytes, 100 + ANSWER_ROW_BYTES);
    assert_int_equal(answers_forget(s, key, NULL), 0); // said twice
}

static void the_oldest_make_room_and_the_sum_is_never_above_the_limit(void **state) {
    struct store *s = store_of(state);
    char name[16];
    for (int i = 0; i < 40; i++) {
        const struct put p = {name, (size_t)(400 + 37 * i % 900), NOW + i, 8192};
        (void)snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(put(s, &p), 1);
        assert_true(info(s).bytes <= 8192);
        assert_true(found(s, name, 0, NOW + i));
    }
    assert_false(found(s, "n0", 0, NOW + 40));
    // A limit that was lowered by much is come to in steps, of which none keeps anything new.
    for (int i = 0; i < 400; i++) {
        const struct put p = {name, 100, NOW + 50 + i, 1 << 20};
        (void)snprintf(name, sizeof name, "s%d", i);
        assert_int_equal(put(s, &p), 1);
    }
    const struct put low = {"low", 100, NOW + 500, 4096};
    int64_t before = info(s).entries;
    assert_int_equal(put(s, &low), 0);
    assert_int_equal(info(s).entries, before - ANSWERS_DROPPED_MAX);
    int tries = 0;
    while (put(s, &low) == 0 && tries++ < 20)
        continue;
    assert_true(found(s, "low", 0, NOW + 500));
    assert_true(info(s).bytes <= 4096);
}

static void what_is_too_large_or_empty_is_refused(void **state) {
    struct store *s = store_of(state);
    const struct put big = {"big", 1025, NOW, 4096}, none = {"none", 0, NOW, 4096};
    const struct put huge = {"huge", KEPT_ANSWER_BYTES_MAX + 1, NOW, 1 << 30};
    assert_int_equal(put(s, &big), ERR_LIMIT);
    assert_int_equal(put(s, &huge), ERR_LIMIT);
    assert_int_equal(put(s, &none), ERR_INVAL);
    assert_int_equal(info(s).entries, 0);
}

static void expired_ones_go_with_housekeeping_and_the_last_one_takes_the_file(void **state) {
    struct store *s = store_of(state);
    assert_int_equal(put(s, &one), 1);
    assert_int_equal(answers_tidy(s, NOW + 999, NULL), 0);
    assert_int_equal(info(s).entries, 1);
    assert_int_equal(answers_tidy(s, NOW + 1000, NULL), 0);
    assert_int_equal(info(s).entries, 0);
    assert_int_equal(info(s).file_bytes, 0);
    assert_int_equal(put(s, &one), 1);
    assert_int_equal(store_housekeep(s, NULL), 0); // by the real clock its day is long over
    assert_int_equal(info(s).file_bytes, 0);
}

static void all_go_when_anything_is_erased(void **state) {
    struct store *s = store_of(state);
    const char *uid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (int how = 0; how < 3; how++) {
        uint64_t generation = answers_generation(s);
        assert_int_equal(put(s, &one), 1);
        assert_true(store_erase(s, how == 0 ? &uid : NULL, 1, how == 1 ? "/w" : NULL, NULL) >= 0);
        assert_false(found(s, "one", 0, NOW));
        assert_int_equal(info(s).file_bytes, 0);
        assert_true(answers_generation(s) != generation);
    }
}

static void what_was_asked_before_a_clearing_is_not_kept_after_it(void **state) {
    struct store *s = store_of(state);
    struct kept_answer a = {.kept_ms = NOW, .expires_ms = NOW + 1000};
    const struct answers_limits limits = {.bytes = 1 << 20, .now_ms = NOW};
    uint8_t key[ANSWER_KEY_BYTES];
    uint64_t generation = answers_generation(s);
    key_of(s, "one", key);
    (void)buf_puts(&a.bytes, "text");
    assert_int_equal(answers_clear(s, NULL), 0);
    assert_int_equal(answers_put(s, key, generation, &a, &limits, NULL), 0);
    assert_false(found(s, "one", 0, NOW));
    assert_int_equal(answers_put(s, key, answers_generation(s), &a, &limits, NULL), 1);
    kept_answer_done(&a);
}

static void a_replaced_data_key_takes_them_along(void **state) {
    struct store *s = store_of(state);
    assert_int_equal(put(s, &one), 1);
    assert_int_equal(store_key_rotate(s, NULL), 0);
    struct store_info i;
    for (int k = 0; k < 100; k++) {
        assert_int_equal(store_housekeep(s, NULL), 0);
        assert_int_equal(store_info(s, &i, NULL), 0);
        if (!i.rotation_running)
            break;
    }
    assert_false(i.rotation_running);
    assert_int_equal(info(s).file_bytes, 0);
    assert_int_equal(put(s, &one), 1);
    assert_true(found(s, "one", 0, NOW));
}

static void keys_depend_on_the_store_and_on_each_byte(void **state) {
    struct store *s = store_of(state);
    uint8_t a[ANSWER_KEY_BYTES], b[ANSWER_KEY_BYTES], plain[ANSWER_KEY_BYTES];
    key_of(s, "one", a);
    key_of(s, "one", b);
    assert_memory_equal(a, b, sizeof a);
    key_of(s, "onf", b);
    assert_memory_not_equal(a, b, sizeof a);
    secret_hash(NULL, "one", 3, NULL, 0, plain);
    assert_memory_not_equal(a, plain, sizeof a);
}

static void no_allocation_that_fails_leaves_half_of_one(void **state) {
    struct store *s = store_of(state);
    uint8_t key[ANSWER_KEY_BYTES];
    assert_int_equal(put(s, &one), 1);
    key_of(s, "one", key);
    for (uint64_t n = 1;; n++) {
        struct kept_answer a = {0};
        mem_fail_at(n);
        int r = answers_get(s, key, 0, NOW, &a, NULL);
        bool failed = mem_count() >= n;
        mem_fail_at(0);
        kept_answer_done(&a);
        if (!failed) {
            assert_int_equal(r, 1);
            break;
        }
        assert_true(r <= 1);
    }
    assert_true(found(s, "one", 0, NOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_is_found_by_its_key_for_its_time),
        TEST(a_second_one_of_the_same_key_takes_its_place),
        TEST(one_is_forgotten_and_the_others_stay),
        TEST(the_oldest_make_room_and_the_sum_is_never_above_the_limit),
        TEST(what_is_too_large_or_empty_is_refused),
        TEST(expired_ones_go_with_housekeeping_and_the_last_one_takes_the_file),
        TEST(all_go_when_anything_is_erased),
        TEST(what_was_asked_before_a_clearing_is_not_kept_after_it),
        TEST(a_replaced_data_key_takes_them_along),
        TEST(keys_depend_on_the_store_and_on_each_byte),
        TEST(no_allocation_that_fails_leaves_half_of_one),
    };
    return cmocka_run_group_tests_name("store/answers", tests, NULL, NULL);
}
