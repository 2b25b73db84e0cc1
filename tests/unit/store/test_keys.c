#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "tests/unit/store/store_support.h"

#include <string.h>

static struct scratch scratch;
static const char first[] = "correct horse battery", second[] = "staple and nothing else";

static int setup(void **state) {
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_done(&scratch);
    return 0;
}

static int set_passphrase(struct store *s, const char *pass, bool only, bool both) {
    return store_key_passphrase(s, pass, strlen(pass), only, both, NULL);
}

// How many slots there are of a type; the id of the last one.
static int slots(struct store *s, const char *type, int64_t *ret_id) {
    json_t *list = NULL, *slot;
    size_t i;
    int n = 0;
    assert_int_equal(store_key_list(s, &list, NULL), 0);
    json_array_foreach(
        list, i, slot) if (strcmp(json_string_value(json_object_get(slot, "type")), type) == 0) {
        n++;
        if (ret_id)
            *ret_id = json_integer_value(json_object_get(slot, "id"));
    }
    json_decref(list);
    return n;
}

static struct store *reopen(struct store *s) {
    store_close(s);
    return open_store(scratch.dir);
}

static void a_new_store_has_a_key_file_and_asks_nothing(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(slots(s, "key-file", NULL), 1);
    assert_int_equal(slots(s, "passphrase", NULL), 0);
    store_close(s);
}

static void a_passphrase_beside_the_key_file_is_not_needed(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, first, false, false), 0);
    assert_int_equal(slots(s, "key-file", NULL), 1);
    assert_int_equal(slots(s, "passphrase", NULL), 1);
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_OPEN);
    store_close(s);
}

static void a_new_passphrase_replaces_the_old_one_and_asks_for_new_data_keys(void **state) {
    (void)state;
    struct store_info info;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, first, true, false), 0);
    assert_int_equal(set_passphrase(s, second, true, false), 0);
    assert_int_equal(slots(s, "passphrase", NULL), 1);
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_true(info.rotation_running);
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_unlock(s, first, strlen(first), NULL), ERR_KEY);
    assert_int_equal(store_unlock(s, second, strlen(second), NULL), 0);
    store_close(s);
}

static void both_factors_are_needed_together(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, first, false, true), 0);
    assert_int_equal(slots(s, "key-file", NULL), 0);
    assert_int_equal(slots(s, "passphrase+key-file", NULL), 1);
    assert_true(file_exists(scratch.dir, "key"));
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_unlock(s, first, strlen(first), NULL), 0);
    store_close(s);
}

static void the_recovery_words_open_the_store(void **state) {
    (void)state;
    char words[KEYRING_RECOVERY_BYTES_MAX];
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_key_recovery(s, words, sizeof words, NULL), 0);
    assert_int_equal(set_passphrase(s, first, true, false), 0);
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_unlock(s, words, strlen(words), NULL), 0);
    assert_int_equal(store_state(s), STORE_OPEN);
    store_close(s);
}

static void the_key_file_can_come_back(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, first, true, false), 0);
    assert_int_equal(slots(s, "key-file", NULL), 0);
    assert_int_equal(store_key_file(s, NULL), 0);
    assert_int_equal(store_key_file(s, NULL), 0); // it is there already
    assert_int_equal(slots(s, "key-file", NULL), 1);
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_OPEN);
    store_close(s);
}

static void the_last_way_in_cannot_be_removed(void **state) {
    (void)state;
    int64_t id = 0;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(slots(s, "key-file", &id), 1);
    assert_int_equal(store_key_remove(s, id, NULL), ERR_INVAL);
    assert_int_equal(set_passphrase(s, first, false, false), 0);
    assert_int_equal(store_key_remove(s, id, NULL), 0);
    assert_int_equal(store_key_remove(s, 999, NULL), ERR_NOT_FOUND);
    s = reopen(s);
    assert_int_equal(store_state(s), STORE_LOCKED);
    store_close(s);
}

static void a_locked_store_lists_its_slots_and_changes_none(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, first, true, false), 0);
    s = reopen(s);
    assert_int_equal(slots(s, "passphrase", NULL), 1);
    assert_int_equal(set_passphrase(s, second, true, false), ERR_LOCKED);
    assert_int_equal(store_key_file(s, NULL), ERR_LOCKED);
    assert_int_equal(store_key_rotate(s, NULL), ERR_LOCKED);
    store_close(s);
}

static void a_short_passphrase_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(set_passphrase(s, "short", true, false), ERR_INVAL);
    assert_int_equal(slots(s, "key-file", NULL), 1);
    assert_int_equal(slots(s, "passphrase", NULL), 0);
    store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_has_a_key_file_and_asks_nothing),
        TEST(a_passphrase_beside_the_key_file_is_not_needed),
        TEST(a_new_passphrase_replaces_the_old_one_and_asks_for_new_data_keys),
        TEST(both_factors_are_needed_together),
        TEST(the_recovery_words_open_the_store),
        TEST(the_key_file_can_come_back),
        TEST(the_last_way_in_cannot_be_removed),
        TEST(a_locked_store_lists_its_slots_and_changes_none),
        TEST(a_short_passphrase_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("store/keys", tests, NULL, NULL);
}
