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

// What knew the first new key, too (a copy of store.keys made in between), reads nothing that is
// written after the second change.
static void each_change_has_a_data_key_of_its_own(void **state) {
    (void)state;
    const struct note note = {.text = "written between two changes", .text_bytes = 27};
    char uid[NOTE_UID_BYTES];
    int64_t id = 0;
    struct store_info before, between, after;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_info(s, &before, NULL), 0);
    assert_int_equal(set_passphrase(s, first, true, false), 0);
    assert_int_equal(store_key_file(s, NULL), 0);
    assert_int_equal(remember(s, &note, NULL, uid), 0);
    assert_int_equal(store_info(s, &between, NULL), 0);
    assert_true(between.rotation_running);
    assert_int_equal(between.dek_epoch, before.dek_epoch + 1);
    assert_int_equal(slots(s, "passphrase", &id), 1);
    assert_int_equal(store_key_remove(s, id, NULL), 0);
    assert_int_equal(store_info(s, &after, NULL), 0);
    assert_int_equal(after.dek_epoch, between.dek_epoch + 1);
    s = reopen(s);
    for (int i = 0; i < 50 && after.rotation_running; i++) {
        assert_int_equal(store_housekeep(s, NULL), 0);
        assert_int_equal(store_info(s, &after, NULL), 0);
    }
    assert_false(after.rotation_running);
    assert_int_equal(after.dek_epoch, between.dek_epoch + 1);
    assert_true(has_note(s, uid));
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
}

static void without_room_for_a_data_key_nothing_is_changed(void **state) {
    (void)state;
    struct store_info info;
    struct store *s = open_store(scratch.dir);
    int64_t id = 0;
    assert_int_equal(set_passphrase(s, first, false, false), 0);
    assert_int_equal(slots(s, "passphrase", &id), 1);
    for (int i = 1; i < KEYRING_EPOCHS_MAX; i++)
        assert_int_equal(store_key_rotate(s, NULL), 0);
    assert_int_equal(store_key_rotate(s, NULL), ERR_BUSY);
    assert_int_equal(store_key_remove(s, id, NULL), ERR_BUSY);
    assert_int_equal(set_passphrase(s, second, true, false), ERR_BUSY);
    assert_int_equal(slots(s, "passphrase", NULL), 1);
    assert_int_equal(store_info(s, &info, NULL), 0);
    for (int i = 0; i < 50 && info.rotation_running; i++) {
        assert_int_equal(store_housekeep(s, NULL), 0);
        assert_int_equal(store_info(s, &info, NULL), 0);
    }
    assert_false(info.rotation_running);
    assert_int_equal(store_key_remove(s, id, NULL), 0);
    assert_int_equal(slots(s, "passphrase", NULL), 0);
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
        TEST(each_change_has_a_data_key_of_its_own),
        TEST(without_room_for_a_data_key_nothing_is_changed),
        TEST(both_factors_are_needed_together),
        TEST(the_recovery_words_open_the_store),
        TEST(the_key_file_can_come_back),
        TEST(the_last_way_in_cannot_be_removed),
        TEST(a_locked_store_lists_its_slots_and_changes_none),
        TEST(a_short_passphrase_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("store/keys", tests, NULL, NULL);
}
