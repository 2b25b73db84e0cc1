#include "core/crypto/identity.h"

#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1000000 };
static const char *const files[] = {"store.keys", "key", "identity"};

struct place {
    char dir[64];
    struct keyring *k;
    struct identity *id;
};

static void place_init(struct place *p) {
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/paired_identity_XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(keyring_open(p->dir, KEYRING_CREATE, &p->k, NULL), 0);
    p->id = NULL;
}

static const char *path_in(const struct place *p, const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return path;
}

static void place_done(struct place *p) {
    identity_free(p->id);
    keyring_free(p->k);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        (void)unlink(path_in(p, files[i]));
    assert_int_equal(rmdir(p->dir), 0); // and nothing else was left there
}

static int setup(void **state) {
    struct place *p = mem_zalloc(sizeof *p);
    assert_non_null(p);
    place_init(p);
    assert_int_equal(identity_open(p->k, p->dir, IDENTITY_CREATE, NOW, &p->id, NULL), 0);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    place_done(*state);
    mem_free(*state);
    return 0;
}

static void reopen(struct place *p) {
    identity_free(p->id);
    p->id = NULL;
    assert_int_equal(identity_open(p->k, p->dir, 0, NOW, &p->id, NULL), 0);
}

static int shows(const struct identity *id, const uint8_t *expected, struct chain *ret) {
    AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
    struct chain_expect e = {.identity = expected, .device = identity_device(id), .now_ms = NOW};
    assert_int_equal(identity_chain(id, &b), 0);
    return chain_verify(b.data, b.len, &e, ret, NULL);
}

static void an_identity_is_made_once_and_proves_its_device(void **state) {
    struct place *p = *state;
    uint8_t key[32], device[32], signature[64];
    struct chain c;
    memcpy(key, identity_key(p->id), 32);
    memcpy(device, identity_device(p->id), 32);
    reopen(p);
    assert_memory_equal(identity_key(p->id), key, 32);
    assert_memory_equal(identity_device(p->id), device, 32);
    assert_int_equal(shows(p->id, key, &c), 0);
    identity_sign(p->id, "label", 5, signature);
    assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)"label", 5, device),
                     0);
    struct stat st;
    assert_int_equal(stat(path_in(p, "identity"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void without_an_identity_nothing_is_made_unasked(void **state) {
    struct place p;
    (void)state;
    place_init(&p);
    assert_int_equal(identity_open(p.k, p.dir, 0, NOW, &p.id, NULL), ERR_NOT_FOUND);
    assert_int_equal(access(path_in(&p, "identity"), F_OK), -1);
    place_done(&p);
}

static void the_words_bring_the_identity_back_on_another_machine(void **state) {
    struct place *p = *state, other;
    char words[IDENTITY_WORDS_BYTES_MAX];
    struct chain c;
    assert_int_equal(identity_words(p->id, words, sizeof words, NULL), 0);
    place_init(&other);
    assert_int_equal(
        identity_restore(other.k, other.dir, words, strlen(words), NOW, &other.id, NULL), 0);
    assert_memory_equal(identity_key(other.id), identity_key(p->id), 32);
    assert_memory_not_equal(identity_device(other.id), identity_device(p->id), 32);
    assert_int_equal(shows(other.id, identity_key(p->id), &c), 0);
    struct identity *again = NULL;
    assert_int_equal(identity_restore(other.k, other.dir, words, strlen(words), NOW, &again, NULL),
                     ERR_EXISTS);
    place_done(&other);
}

static void words_of_a_store_or_with_a_mistake_are_no_identity(void **state) {
    struct place p;
    char words[IDENTITY_WORDS_BYTES_MAX];
    uint8_t root[RECOVERY_SECRET_BYTES] = {9, 8, 7};
    struct err err = {0};
    (void)state;
    place_init(&p);
    assert_int_equal(recovery_format(RECOVERY_STORE, root, words, sizeof words), 0);
    assert_int_equal(identity_restore(p.k, p.dir, words, strlen(words), NOW, &p.id, &err), ERR_KEY);
    assert_int_equal(identity_restore(p.k, p.dir, "acorn", 5, NOW, &p.id, &err), ERR_KEY);
    assert_int_equal(identity_restore(p.k, p.dir, "", 0, NOW, &p.id, &err), ERR_KEY);
    assert_null(p.id);
    assert_int_equal(access(path_in(&p, "identity"), F_OK), -1);
    place_done(&p);
}

static void rotating_the_data_keys_leaves_the_identity_alone(void **state) {
    struct place *p = *state;
    uint8_t key[32];
    uint32_t epoch;
    memcpy(key, identity_key(p->id), 32);
    assert_int_equal(keyring_epoch_add(p->k, &epoch, NULL), 0);
    assert_int_equal(keyring_epoch_remove(p->k, epoch - 1, NULL), 0);
    reopen(p);
    assert_memory_equal(identity_key(p->id), key, 32);
}

static void the_file_is_of_its_keyring_and_every_damage_is_noticed(void **state) {
    struct place *p = *state, other;
    char file[IDENTITY_FILE_BYTES_MAX];
    int fd = open(path_in(p, "identity"), O_RDONLY);
    ssize_t n = read(fd, file, sizeof file);
    struct identity *id = NULL;
    assert_true(n > 100);
    (void)close(fd);
    const uint8_t *seed = identity_device_seed(p->id);
    for (ssize_t i = 0; i + 32 <= n; i++) // no secret in the clear
        assert_memory_not_equal(file + i, seed, 32);
    place_init(&other);
    assert_int_equal(keys_write_private(other.dir, "identity", file, (size_t)n, NULL), 0);
    assert_int_equal(identity_open(other.k, other.dir, IDENTITY_CREATE, NOW, &id, NULL),
                     ERR_CORRUPT);
    place_done(&other);
    for (ssize_t i = 0; i < n; i += i < 40 ? 1 : 23) {
        file[i] ^= 1;
        assert_int_equal(keys_write_private(p->dir, "identity", file, (size_t)n, NULL), 0);
        int r = identity_open(p->k, p->dir, IDENTITY_CREATE, NOW, &id, NULL);
        assert_int_equal(r, i == 4 ? ERR_VERSION : ERR_CORRUPT);
        file[i] ^= 1;
    }
    for (size_t i = 0; i < (size_t)n; i += 37) {
        assert_int_equal(keys_write_private(p->dir, "identity", file, i, NULL), 0);
        assert_int_equal(identity_open(p->k, p->dir, IDENTITY_CREATE, NOW, &id, NULL), ERR_CORRUPT);
    }
}

static void an_identity_on_paper_alone_keeps_its_device_and_asks_for_the_words(void **state) {
    struct place *p = *state;
    char words[IDENTITY_WORDS_BYTES_MAX], other[IDENTITY_WORDS_BYTES_MAX];
    uint8_t device[32] = {5}, root[RECOVERY_SECRET_BYTES] = {1};
    struct chain c;
    assert_int_equal(identity_words(p->id, words, sizeof words, NULL), 0);
    assert_int_equal(identity_stow(p->id, NULL), 0);
    reopen(p);
    assert_true(identity_stowed(p->id));
    assert_int_equal(shows(p->id, identity_key(p->id), &c), 0);
    assert_int_equal(identity_words(p->id, other, sizeof other, NULL), ERR_KEY);
    assert_int_equal(identity_rotate(p->id, NOW, NULL), ERR_KEY);
    assert_int_equal(identity_revoke(p->id, device, NOW, NULL), ERR_KEY);
    assert_int_equal(identity_certify(p->id, NOW, 0, NULL), ERR_KEY);
    assert_int_equal(identity_stow(p->id, NULL), ERR_KEY);
    assert_int_equal(recovery_format(RECOVERY_IDENTITY, root, other, sizeof other), 0);
    assert_int_equal(identity_unstow(p->id, other, strlen(other), NULL), ERR_KEY);
    assert_int_equal(identity_unstow(p->id, "acorn", 5, NULL), ERR_KEY);
    assert_true(identity_stowed(p->id));
    assert_int_equal(identity_unstow(p->id, words, strlen(words), NULL), 0);
    reopen(p);
    assert_false(identity_stowed(p->id));
    assert_int_equal(identity_words(p->id, other, sizeof other, NULL), 0);
    assert_string_equal(words, other);
}

static void rotation_is_signed_by_the_old_key_up_to_its_maximum(void **state) {
    struct place *p = *state;
    uint8_t first[32], device[32];
    char before[IDENTITY_WORDS_BYTES_MAX], after[IDENTITY_WORDS_BYTES_MAX];
    struct chain c;
    memcpy(first, identity_key(p->id), 32);
    memcpy(device, identity_device(p->id), 32);
    for (int i = 0; i < CHAIN_ROTATIONS_MAX; i++) {
        assert_int_equal(identity_words(p->id, before, sizeof before, NULL), 0);
        assert_int_equal(identity_rotate(p->id, NOW, NULL), 0);
        reopen(p);
        assert_int_equal(identity_words(p->id, after, sizeof after, NULL), 0);
        assert_string_not_equal(before, after);
        assert_int_equal(shows(p->id, first, &c), 0);
        assert_true(c.rotated);
        assert_memory_equal(c.current, identity_key(p->id), 32);
        assert_memory_equal(c.device, device, 32);
    }
    assert_int_equal(identity_rotate(p->id, NOW, NULL), ERR_LIMIT);
}

static void revocations_are_shown_up_to_their_maximum_and_left_behind_by_a_rotation(void **state) {
    struct place *p = *state;
    struct chain c;
    uint8_t device[32] = {0};
    for (uint8_t i = 0; i < CHAIN_REVOKED_MAX; i++) {
        device[0] = (uint8_t)(i + 1);
        // The same moment, and a clock that goes back: still in order.
        assert_int_equal(identity_revoke(p->id, device, NOW - i, NULL), 0);
        assert_int_equal(identity_revoke(p->id, device, NOW, NULL), ERR_EXISTS);
    }
    reopen(p);
    assert_int_equal(shows(p->id, NULL, &c), 0);
    assert_int_equal(c.revoked_n, CHAIN_REVOKED_MAX);
    assert_memory_equal(c.revoked[CHAIN_REVOKED_MAX - 1], device, 32);
    device[1] = 1;
    assert_int_equal(identity_revoke(p->id, device, NOW, NULL), ERR_LIMIT);
    assert_int_equal(identity_revoke(p->id, identity_device(p->id), NOW, NULL), ERR_INVAL);
    assert_int_equal(identity_revoke(p->id, identity_key(p->id), NOW, NULL), ERR_INVAL);
    assert_int_equal(identity_rotate(p->id, NOW, NULL), 0);
    assert_int_equal(shows(p->id, NULL, &c), 0);
    assert_int_equal(c.revoked_n, 0);
}

static void a_revocation_made_on_another_device_is_learnt(void **state) {
    struct place *p = *state, other;
    char words[IDENTITY_WORDS_BYTES_MAX];
    uint8_t device[32] = {7};
    struct chain c;
    AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
    assert_int_equal(identity_words(p->id, words, sizeof words, NULL), 0);
    place_init(&other);
    assert_int_equal(
        identity_restore(other.k, other.dir, words, strlen(words), NOW, &other.id, NULL), 0);
    assert_int_equal(identity_revoke(other.id, device, NOW + 50, NULL), 0);
    assert_int_equal(identity_revoke(other.id, identity_device(p->id), NOW + 60, NULL), 0);
    assert_int_equal(identity_chain(other.id, &b), 0);
    device[0] = 8;
    assert_int_equal(identity_revoke(p->id, device, NOW + 55, NULL), 0); // comes between them
    assert_false(identity_revoked(p->id));
    for (int twice = 0; twice < 2; twice++)
        for (int i = 1; i >= 0; i--)
            assert_int_equal(identity_learn(p->id, b.data + 3 + i * STATEMENT_REVOKE_BYTES,
                                            STATEMENT_REVOKE_BYTES, NULL),
                             0);
    reopen(p);
    assert_true(identity_revoked(p->id));
    assert_int_equal(shows(p->id, NULL, &c), ERR_PERM);
    // Another identity's says nothing about ours.
    struct place stranger;
    place_init(&stranger);
    assert_int_equal(
        identity_open(stranger.k, stranger.dir, IDENTITY_CREATE, NOW, &stranger.id, NULL), 0);
    assert_int_equal(identity_learn(stranger.id, b.data + 3, STATEMENT_REVOKE_BYTES, NULL),
                     ERR_KEY);
    place_done(&stranger);
    place_done(&other);
}

// The new words alone give the new key; who kept the proof that it follows the old one hands it
// back.
static void a_rotation_lost_with_the_machine_is_learnt_again(void **state) {
    struct place *p = *state, other;
    char words[IDENTITY_WORDS_BYTES_MAX];
    uint8_t first[32];
    struct chain c;
    AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
    memcpy(first, identity_key(p->id), 32);
    assert_int_equal(identity_rotate(p->id, NOW, NULL), 0);
    assert_int_equal(identity_rotate(p->id, NOW, NULL), 0);
    assert_int_equal(identity_words(p->id, words, sizeof words, NULL), 0);
    assert_int_equal(identity_chain(p->id, &b), 0);
    place_init(&other);
    assert_int_equal(
        identity_restore(other.k, other.dir, words, strlen(words), NOW, &other.id, NULL), 0);
    assert_int_equal(shows(other.id, first, &c), ERR_KEY);
    // From the last to the first; the first alone leads nowhere yet.
    const char *rotation = b.data + 3;
    assert_int_equal(identity_learn(other.id, rotation, STATEMENT_BYTES_MAX, NULL), ERR_KEY);
    for (int twice = 0; twice < 2; twice++)
        for (int i = 1; i >= 0; i--)
            assert_int_equal(identity_learn(other.id, rotation + i * STATEMENT_BYTES_MAX,
                                            STATEMENT_BYTES_MAX, NULL),
                             0);
    reopen(&other);
    assert_int_equal(shows(other.id, first, &c), 0);
    assert_int_equal(c.rotations_n, 2);
    place_done(&other);
}

static void a_certificate_may_end(void **state) {
    struct place *p = *state;
    struct chain c;
    assert_int_equal(identity_certify(p->id, NOW, NOW, NULL), ERR_INVAL);
    assert_int_equal(identity_certify(p->id, NOW, NOW + 1, NULL), 0);
    assert_int_equal(shows(p->id, NULL, &c), 0);
    assert_int_equal(c.certificate.until_ms, NOW + 1);
}

static void a_change_that_cannot_be_written_has_not_happened(void **state) {
    struct place *p = *state;
    uint8_t key[32], device[32] = {3};
    struct chain c;
    memcpy(key, identity_key(p->id), 32);
    assert_int_equal(chmod(p->dir, 0500), 0);
    bool root_writes_anyway = access(p->dir, W_OK) == 0;
    if (!root_writes_anyway) {
        assert_true(identity_rotate(p->id, NOW, NULL) < 0);
        assert_true(identity_stow(p->id, NULL) < 0);
    }
    assert_int_equal(chmod(p->dir, 0700), 0);
    for (uint64_t i = 1;; i++) { // and at each allocation that fails
        mem_fail_at(i);
        int r = identity_revoke(p->id, device, NOW, NULL);
        mem_fail_at(0);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_int_equal(shows(p->id, key, &c), 0);
        assert_int_equal(c.revoked_n, 0);
        assert_true(i < 200);
    }
    reopen(p);
    assert_memory_equal(identity_key(p->id), key, 32);
    assert_int_equal(shows(p->id, key, &c), 0);
    assert_int_equal(c.revoked_n, 1);
}

static void opening_survives_each_failed_allocation(void **state) {
    struct place *p = *state;
    for (uint64_t i = 1;; i++) {
        struct identity *id = NULL;
        mem_fail_at(i);
        int r = identity_open(p->k, p->dir, 0, NOW, &id, NULL);
        mem_fail_at(0);
        identity_free(id);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_true(i < 200);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_identity_is_made_once_and_proves_its_device, setup,
                                        teardown),
        cmocka_unit_test(without_an_identity_nothing_is_made_unasked),
        cmocka_unit_test_setup_teardown(the_words_bring_the_identity_back_on_another_machine, setup,
                                        teardown),
        cmocka_unit_test(words_of_a_store_or_with_a_mistake_are_no_identity),
        cmocka_unit_test_setup_teardown(rotating_the_data_keys_leaves_the_identity_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_file_is_of_its_keyring_and_every_damage_is_noticed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_identity_on_paper_alone_keeps_its_device_and_asks_for_the_words, setup, teardown),
        cmocka_unit_test_setup_teardown(rotation_is_signed_by_the_old_key_up_to_its_maximum, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            revocations_are_shown_up_to_their_maximum_and_left_behind_by_a_rotation, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_revocation_made_on_another_device_is_learnt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rotation_lost_with_the_machine_is_learnt_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_certificate_may_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_cannot_be_written_has_not_happened, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(opening_survives_each_failed_allocation, setup, teardown),
    };
    if (secret_init(NULL) < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/identity", tests, NULL, NULL);
}
