// Checkpoints: one encoding each, signatures of the device and of cosigners, notes that others
// read.
#include "core/crypto/checkpoint.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char wanted[] = "paired-audit/000102030405060708090a0b0c0d0e0f\n"
                             "1234\n"
                             "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n"
                             "time 1700000000123\n";

static struct checkpoint example(void) {
    struct checkpoint c = {.entries = 1234, .time_ms = 1700000000123};
    for (uint8_t i = 0; i < CHECKPOINT_LOG_BYTES; i++)
        c.log[i] = i;
    memset(c.root, 0xaa, sizeof c.root);
    return c;
}

static void a_checkpoint_has_the_text_that_is_documented(void **state) {
    (void)state;
    const struct checkpoint c = example();
    struct checkpoint back = {.entries = 0};
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    assert_int_equal(checkpoint_format(&c, text), sizeof wanted - 1);
    assert_string_equal(text, wanted);
    assert_int_equal(checkpoint_parse(text, strlen(text), &back, NULL), 0);
    assert_memory_equal(back.log, c.log, sizeof c.log);
    assert_memory_equal(back.root, c.root, sizeof c.root);
    assert_int_equal(back.entries, c.entries);
    assert_int_equal(back.time_ms, c.time_ms);
}

static void any_other_text_is_none(void **state) {
    struct checkpoint c;
    (void)state;
    for (size_t n = 0; n < sizeof wanted - 1; n++)
        assert_int_equal(checkpoint_parse(wanted, n, &c, NULL), ERR_PARSE);
    for (size_t i = 0; i < sizeof wanted - 1; i++) { // what still parses, parses to something else
        char bent[sizeof wanted], again[CHECKPOINT_TEXT_BYTES_MAX];
        memcpy(bent, wanted, sizeof bent);
        bent[i] ^= 1;
        if (checkpoint_parse(bent, sizeof bent - 1, &c, NULL) == 0) {
            assert_int_equal(checkpoint_format(&c, again), sizeof bent - 1);
            assert_memory_equal(again, bent, sizeof bent - 1);
        }
    }
    static const char *const bad[] = {
        "paired-audit/000102030405060708090A0B0C0D0E0F\n1\n" // capitals
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 1\n",
        "paired-audit/000102030405060708090a0b0c0d0e0f\n01\n" // a zero in front
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 1\n",
        "paired-audit/000102030405060708090a0b0c0d0e0f\n0\n" // no entry
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 1\n",
        "paired-audit/000102030405060708090a0b0c0d0e0f\n1\n" // bits beyond the root
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq=\ntime 1\n",
        "paired-audit/000102030405060708090a0b0c0d0e0f\n1\n"
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 999999999999999999\n",
        "paired-audit/000102030405060708090a0b0c0d0e0f\n1\n"
        "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 1\nmore\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(checkpoint_parse(bad[i], strlen(bad[i]), &c, NULL), ERR_PARSE);
}

static void a_signature_is_of_one_text_key_and_time(void **state) {
    uint8_t pk[32], sk[64], other[32], seed[32] = {1}, by_device[64], by_cosigner[64];
    char text[CHECKPOINT_COSIGN_BYTES_MAX];
    (void)state;
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    memset(other, 7, sizeof other);
    (void)crypto_sign_detached(by_device, NULL, (const unsigned char *)wanted, sizeof wanted - 1,
                               sk);
    size_t n = checkpoint_cosign_text(wanted, sizeof wanted - 1, 17, text);
    assert_int_equal(strncmp(text, "cosignature/v1\ntime 17\npaired-audit/", 36), 0);
    (void)crypto_sign_detached(by_cosigner, NULL, (const unsigned char *)text, n, sk);
    assert_true(checkpoint_signed(wanted, sizeof wanted - 1, pk, by_device));
    assert_false(checkpoint_signed(wanted, sizeof wanted - 2, pk, by_device));
    assert_false(checkpoint_signed(wanted, sizeof wanted - 1, other, by_device));
    assert_true(checkpoint_cosigned(wanted, sizeof wanted - 1, pk, 17, by_cosigner));
    assert_false(checkpoint_cosigned(wanted, sizeof wanted - 1, pk, 18, by_cosigner));
    assert_false(checkpoint_cosigned(wanted, sizeof wanted - 1, other, 17, by_cosigner));
    // One is never taken for the other.
    assert_false(checkpoint_signed(wanted, sizeof wanted - 1, pk, by_cosigner));
    assert_false(checkpoint_cosigned(wanted, sizeof wanted - 1, pk, 17, by_device));
    by_device[3] ^= 1;
    assert_false(checkpoint_signed(wanted, sizeof wanted - 1, pk, by_device));
    assert_int_equal(checkpoint_cosign_text(text, CHECKPOINT_TEXT_BYTES_MAX, 17, text), 0);
}

static void a_note_has_a_line_for_each_signature(void **state) {
    uint8_t pk[32], sk[64], seed[32] = {1}, signature[64];
    AUTO_BUF note = BUF_INIT(4096);
    AUTO_BUF key = BUF_INIT(4096);
    (void)state;
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    memset(signature, 0x55, sizeof signature);
    assert_int_equal(checkpoint_note_begin(&note, wanted, sizeof wanted - 1), 0);
    assert_int_equal(checkpoint_note_sign(&note, pk, -1, signature), 0);
    assert_int_equal(checkpoint_note_sign(&note, pk, 17, signature), 0);
    assert_memory_equal(note.data, wanted, sizeof wanted - 1);
    const char *signatures = note.data + sizeof wanted - 1;
    assert_memory_equal(signatures, "\n\xe2\x80\x94 paired-device/", 18);
    assert_int_equal(checkpoint_note_key(&key, pk, false), 0);
    char name[64];
    (void)snprintf(name, sizeof name, "%.30s", key.data);
    assert_non_null(strstr(signatures, name));
    const char *hash = strchr(key.data, '+') + 1;
    uint8_t blob[100], wanted_hash[4];
    size_t n = 0;
    assert_int_equal(sodium_hex2bin(wanted_hash, 4, hash, 8, NULL, NULL, NULL), 0);
    const char *first = strchr(strchr(signatures, ' ') + 1, ' ') + 1;
    assert_int_equal(sodium_base642bin(blob, sizeof blob, first, strcspn(first, "\n"), NULL, &n,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, 68);
    assert_memory_equal(blob, wanted_hash, 4);
    const char *second = strrchr(signatures, ' ') + 1;
    assert_int_equal(sodium_base642bin(blob, sizeof blob, second, strcspn(second, "\n"), NULL, &n,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, 76);
    assert_int_equal(blob[11], 17);
    assert_memory_not_equal(blob, wanted_hash, 4); // another kind of key
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_has_the_text_that_is_documented),
        cmocka_unit_test(any_other_text_is_none),
        cmocka_unit_test(a_signature_is_of_one_text_key_and_time),
        cmocka_unit_test(a_note_has_a_line_for_each_signature),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/checkpoint", tests, NULL, NULL);
}
