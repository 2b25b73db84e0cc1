#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/crypto/keyring_impl.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_BYTES = 256 };
static const char pass[] = "correct horse";

struct place {
    char dir[64];
    struct keyring *k;
    struct err err;
};

static const char *in(const struct place *p, const char *name) {
    static char paths[4][PATH_BYTES];
    static unsigned turn;
    char *out = paths[turn++ % 4];
    (void)snprintf(out, PATH_BYTES, "%s/%s", p->dir, name);
    return out;
}

static int setup(void **state) {
    struct place *p = calloc(1, sizeof *p);
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/paired_keyring_XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    keyring_test_argon_bytes(64 * 1024);
    assert_int_equal(keyring_open(p->dir, KEYRING_CREATE, &p->k, &p->err), 0);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct place *p = *state;
    keyring_free(p->k);
    (void)unlink(in(p, "store.keys"));
    (void)unlink(in(p, "store.db"));
    (void)unlink(in(p, "key"));
    assert_int_equal(rmdir(p->dir), 0); // nothing else was left behind
    free(p);
    return 0;
}

static int again(struct place *p) {
    keyring_free(p->k);
    p->k = NULL;
    return keyring_open(p->dir, 0, &p->k, &p->err);
}

static char *slurp(const char *path, size_t *ret_n) {
    static char bytes[KEYRING_FILE_BYTES_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, bytes, sizeof bytes);
    assert_true(n >= 0);
    (void)close(fd);
    *ret_n = (size_t)n;
    return bytes;
}

static void spill(const char *path, const char *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)close(fd);
}

static int64_t slot_of(struct place *p, const char *type) {
    int64_t id = 0;
    assert_int_equal(keyring_find(p->k, type, &id, &p->err), 0);
    return id;
}

static void page_key(struct place *p, uint8_t out[32]) {
    assert_int_equal(keyring_page_key(p->k, keyring_epoch(p->k), "x", 1, out, &p->err), 0);
}

static void a_new_keyring_asks_nothing_and_is_private(void **state) {
    struct place *p = *state;
    struct stat st;
    uint8_t before[32], after[32];
    assert_false(keyring_locked(p->k));
    page_key(p, before);
    assert_int_equal(stat(in(p, "key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(stat(in(p, "store.keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(again(p), 0);
    assert_false(keyring_locked(p->k));
    page_key(p, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(keyring_lock(p->k, &p->err), ERR_UNSUPPORTED);
}

static void a_passphrase_alone_locks_and_unlocks(void **state) {
    struct place *p = *state;
    uint8_t before[32], after[32];
    page_key(p, before);
    assert_int_equal(keyring_add_passphrase(p->k, "short", 5, false, NULL, &p->err), ERR_INVAL);
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), 0);
    assert_int_not_equal(access(in(p, "key"), F_OK), 0); // nobody needs it any more
    assert_int_equal(again(p), 0);
    assert_true(keyring_locked(p->k));
    assert_int_equal(keyring_epoch(p->k), 0);
    assert_int_equal(keyring_page_key(p->k, 1, "x", 1, after, &p->err), ERR_LOCKED);
    assert_int_equal(keyring_add_key_file(p->k, NULL, &p->err), ERR_LOCKED);
    assert_int_equal(keyring_unlock(p->k, "wrong horse", 11, &p->err), ERR_KEY);
    assert_true(keyring_locked(p->k));
    assert_int_equal(keyring_unlock(p->k, pass, sizeof pass - 1, &p->err), 0);
    page_key(p, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(keyring_lock(p->k, &p->err), 0);
    assert_true(keyring_locked(p->k));
    assert_int_equal(keyring_unlock(p->k, pass, sizeof pass - 1, &p->err), 0);
}

static void both_factors_are_needed_together(void **state) {
    struct place *p = *state;
    size_t n = 0;
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, true, NULL, &p->err), 0);
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), 0);
    assert_int_equal(access(in(p, "key"), F_OK), 0); // this slot needs it
    assert_int_equal(again(p), 0);
    assert_true(keyring_locked(p->k));
    assert_int_equal(keyring_unlock(p->k, "wrong horse", 11, &p->err), ERR_KEY);
    char key[32];
    memcpy(key, slurp(in(p, "key"), &n), sizeof key);
    key[5] ^= 1;
    spill(in(p, "key"), key, sizeof key);
    assert_int_equal(keyring_unlock(p->k, pass, sizeof pass - 1, &p->err), ERR_KEY);
    (void)unlink(in(p, "key"));
    assert_int_equal(keyring_unlock(p->k, pass, sizeof pass - 1, &p->err), ERR_KEY);
    assert_non_null(strstr(p->err.message, "key file"));
    key[5] ^= 1;
    spill(in(p, "key"), key, sizeof key);
    assert_int_equal(keyring_unlock(p->k, pass, sizeof pass - 1, &p->err), 0);
}

static void mistyped_recovery_words_do_not_unlock(void **state) {
    struct place *p = *state;
    char words[KEYRING_RECOVERY_BYTES_MAX];
    int64_t id = 0;
    assert_int_equal(keyring_add_recovery(p->k, words, sizeof words, &id, &p->err), 0);
    (void)unlink(in(p, "key"));
    assert_int_equal(again(p), 0);
    assert_true(keyring_locked(p->k));
    words[0] = words[0] == 'a' ? 'b' : 'a';
    assert_int_equal(keyring_unlock(p->k, words, strlen(words), &p->err), ERR_KEY);
    keyring_free(p->k);
    p->k = NULL;
    assert_int_equal(keyring_open(p->dir, 0, &p->k, &p->err), 0);
    words[0] = '?';
    assert_int_equal(keyring_unlock(p->k, words, strlen(words), &p->err), ERR_KEY);
}

static void recovery_words_unlock(void **state) {
    struct place *p = *state;
    char words[KEYRING_RECOVERY_BYTES_MAX];
    assert_int_equal(keyring_add_recovery(p->k, words, sizeof words, NULL, &p->err), 0);
    (void)unlink(in(p, "key"));
    assert_int_equal(again(p), 0);
    assert_int_equal(keyring_unlock(p->k, words, strlen(words), &p->err), 0);
    // And a new key file can be made in place of the lost one.
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), ERR_INVAL);
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), 0);
    assert_int_equal(keyring_add_key_file(p->k, NULL, &p->err), 0);
    assert_int_equal(again(p), 0);
    assert_false(keyring_locked(p->k));
}

static void the_last_usable_slot_stays(void **state) {
    struct place *p = *state;
    char words[KEYRING_RECOVERY_BYTES_MAX];
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), ERR_INVAL);
    assert_int_equal(keyring_add_recovery(p->k, words, sizeof words, NULL, &p->err), 0);
    assert_int_equal(keyring_remove(p->k, slot_of(p, "key-file"), &p->err), ERR_INVAL);
    assert_int_equal(keyring_remove(p->k, slot_of(p, "recovery"), &p->err), 0);
    assert_int_equal(keyring_remove(p->k, 4711, &p->err), ERR_NOT_FOUND);
    assert_int_equal(keyring_add_key_file(p->k, NULL, &p->err), ERR_EXISTS);
    assert_int_equal(again(p), 0);
    assert_false(keyring_locked(p->k));
}

static void the_list_shows_no_secret(void **state) {
    struct place *p = *state;
    char words[KEYRING_RECOVERY_BYTES_MAX];
    json_t *list = NULL;
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    assert_int_equal(keyring_add_recovery(p->k, words, sizeof words, NULL, &p->err), 0);
    assert_int_equal(keyring_list(p->k, &list, &p->err), 0);
    assert_int_equal(json_array_size(list), 3);
    const json_t *slot = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(slot, "type")), "passphrase");
    assert_true(json_is_null(json_object_get(slot, "last_used")));
    assert_int_equal(json_object_size(slot), 5);
    const json_t *parameters = json_object_get(slot, "parameters");
    assert_int_equal(json_integer_value(json_object_get(parameters, "passes")), 3);
    json_decref(list);
}

static void data_keys_come_and_go(void **state) {
    struct place *p = *state;
    uint32_t epochs[KEYRING_EPOCHS_MAX], second = 0;
    uint8_t first_key[32], second_key[32], key[32];
    page_key(p, first_key);
    assert_int_equal(keyring_epoch_add(p->k, &second, &p->err), 0);
    assert_int_equal(second, 2);
    page_key(p, second_key);
    assert_memory_not_equal(first_key, second_key, 32);
    assert_int_equal(again(p), 0);
    assert_int_equal(keyring_epochs(p->k, epochs, KEYRING_EPOCHS_MAX), 2);
    assert_int_equal(keyring_page_key(p->k, 1, "x", 1, key, &p->err), 0);
    assert_memory_equal(key, first_key, 32);
    assert_int_equal(keyring_epoch_remove(p->k, 2, &p->err), ERR_INVAL);
    assert_int_equal(keyring_epoch_remove(p->k, 1, &p->err), 0);
    assert_int_equal(keyring_page_key(p->k, 1, "x", 1, key, &p->err), ERR_KEY);
    page_key(p, key);
    assert_memory_equal(key, second_key, 32);
    assert_int_equal(again(p), 0);
    page_key(p, key);
    assert_memory_equal(key, second_key, 32);
    assert_false(keyring_epoch_known(p->k, 1));
    assert_true(keyring_epoch_known(p->k, KEYRING_EPOCH_BACKUP));
}

// Every byte of store.keys replaced by another: an error, or the same keys as before.
static void a_changed_byte_is_noticed_or_harmless(void **state) {
    struct place *p = *state;
    uint8_t truth[32], got[32];
    size_t n = 0;
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    page_key(p, truth);
    char *copy = malloc(KEYRING_FILE_BYTES_MAX);
    memcpy(copy, slurp(in(p, "store.keys"), &n), KEYRING_FILE_BYTES_MAX);
    size_t noticed = 0;
    for (size_t i = 0; i < 3 * n; i++) {
        static const char others[] = "0 x";
        char old = copy[i / 3], other = i % 3 == 0 ? (char)(old ^ 1) : others[i % 3];
        copy[i / 3] = other;
        spill(in(p, "store.keys"), copy, n);
        int r = again(p);
        if (r == 0 && keyring_locked(p->k))
            r = ERR_KEY;
        noticed += r < 0;
        if (r == 0) {
            page_key(p, got);
            assert_memory_equal(got, truth, 32);
        }
        copy[i / 3] = old;
    }
    assert_true(noticed > 2 * n);
    spill(in(p, "store.keys"), copy, n);
    assert_int_equal(again(p), 0);
    free(copy);
}

static void a_slot_cut_out_of_the_file_is_noticed(void **state) {
    struct place *p = *state;
    struct keys_file *f = malloc(sizeof *f);
    size_t n = 0;
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    char *text = slurp(in(p, "store.keys"), &n);
    assert_int_equal(keys_file_parse(text, n, f, &p->err), 0);
    f->slots_n = 1;
    char *cut = keys_file_format(f);
    spill(in(p, "store.keys"), cut, strlen(cut));
    assert_int_equal(again(p), ERR_CORRUPT);
    mem_free(cut);
    free(f);
}

static void weak_parameters_and_newer_formats_are_refused(void **state) {
    struct place *p = *state;
    struct keys_file f;
    static const char newer[] = "{\"version\":2}", none[] = "{}", text[] = "[1,2";
    assert_int_equal(keys_file_parse(newer, sizeof newer - 1, &f, &p->err), ERR_VERSION);
    assert_int_equal(keys_file_parse(none, sizeof none - 1, &f, &p->err), ERR_CORRUPT);
    assert_int_equal(keys_file_parse(text, sizeof text - 1, &f, &p->err), ERR_CORRUPT);
    assert_int_equal(keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err), 0);
    keyring_test_argon_bytes(0); // the real floor
    assert_int_equal(again(p), ERR_CORRUPT);
    keyring_test_argon_bytes(64 * 1024);
    assert_int_equal(again(p), 0);
}

static void files_that_others_can_read_are_refused(void **state) {
    struct place *p = *state;
    assert_int_equal(chmod(in(p, "key"), 0644), 0);
    assert_int_equal(again(p), ERR_PERM);
    assert_non_null(strstr(p->err.message, "chmod 600"));
    assert_int_equal(chmod(in(p, "key"), 0600), 0);
    assert_int_equal(chmod(in(p, "store.keys"), 0640), 0);
    assert_int_equal(again(p), ERR_PERM);
    assert_int_equal(chmod(in(p, "store.keys"), 0600), 0);
    assert_int_equal(again(p), 0);
}

static void missing_keys_of_a_store_are_not_made_anew(void **state) {
    struct place *p = *state;
    spill(in(p, "store.db"), "x", 1);
    (void)unlink(in(p, "store.keys"));
    keyring_free(p->k);
    p->k = NULL;
    assert_int_equal(keyring_open(p->dir, KEYRING_CREATE, &p->k, &p->err), ERR_KEY);
    (void)unlink(in(p, "store.db"));
    assert_int_equal(keyring_open(p->dir, 0, &p->k, &p->err), ERR_NOT_FOUND);
    (void)unlink(in(p, "key"));
    assert_int_equal(keyring_open(p->dir, KEYRING_CREATE, &p->k, &p->err), 0);
    // The only factor is lost: that is said, not asked for a passphrase.
    (void)unlink(in(p, "key"));
    assert_int_equal(again(p), ERR_KEY);
}

static void every_failing_allocation_is_an_error(void **state) {
    struct place *p = *state;
    keyring_free(p->k);
    p->k = NULL;
    bool done = false;
    for (uint64_t n = 1; !done && n < 500; n++) {
        mem_fail_at(n);
        int r = keyring_open(p->dir, 0, &p->k, &p->err);
        if (r == 0)
            r = keyring_add_passphrase(p->k, pass, sizeof pass - 1, false, NULL, &p->err);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(done ? r == 0 : r == ERR_NOMEM || r == 0);
        keyring_free(p->k);
        p->k = NULL;
        assert_int_equal(keyring_open(p->dir, 0, &p->k, &p->err), 0);
        int64_t id = 0;
        while (keyring_find(p->k, "passphrase", &id, NULL) == 0)
            assert_int_equal(keyring_remove(p->k, id, &p->err), 0);
        keyring_free(p->k);
        p->k = NULL;
    }
    assert_true(done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_new_keyring_asks_nothing_and_is_private),
        TEST(a_passphrase_alone_locks_and_unlocks),
        TEST(both_factors_are_needed_together),
        TEST(mistyped_recovery_words_do_not_unlock),
        TEST(recovery_words_unlock),
        TEST(the_last_usable_slot_stays),
        TEST(the_list_shows_no_secret),
        TEST(data_keys_come_and_go),
        TEST(a_changed_byte_is_noticed_or_harmless),
        TEST(a_slot_cut_out_of_the_file_is_noticed),
        TEST(weak_parameters_and_newer_formats_are_refused),
        TEST(files_that_others_can_read_are_refused),
        TEST(missing_keys_of_a_store_are_not_made_anew),
        TEST(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests_name("crypto/keyring", tests, NULL, NULL);
}
