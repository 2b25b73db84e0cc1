#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/crypto/statement.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct key {
    uint8_t pk[32], sk[64];
};

static struct key key_of(uint8_t number) {
    struct key k;
    uint8_t seed[32] = {number, 7};
    (void)crypto_sign_seed_keypair(k.pk, k.sk, seed);
    return k;
}

enum { A, B, C, DEVICE, OTHER, KEYS };
static struct key keys[KEYS];

static int setup(void **state) {
    (void)state;
    for (uint8_t i = 0; i < KEYS; i++)
        keys[i] = key_of(i);
    return 0;
}

static void say(enum statement_kind kind, int who, int subject, uint64_t counter, int64_t until,
                uint8_t ret[STATEMENT_BYTES_MAX]) {
    struct statement s = {.kind = kind, .counter = counter, .made_ms = 1000, .until_ms = until};
    memcpy(s.identity, keys[who].pk, 32);
    memcpy(s.subject, keys[subject].pk, 32);
    statement_sign(&s, keys[who].sk, kind == STATEMENT_REVOKE ? NULL : keys[subject].sk, ret);
}

// The documentation's fields at the documentation's places, signatures over the documented bytes.
static void a_statement_has_the_documented_bytes(void **state) {
    uint8_t b[STATEMENT_BYTES_MAX], message[20 + 1 + 90] = "paired/statement/v1";
    (void)state;
    say(STATEMENT_DEVICE, A, DEVICE, 0x0102030405060708, 0x1122334455667788, b);
    static const uint8_t numbers[24] = {1,    2,    3,    4,    5,    6,    7,    8,
                                        0,    0,    0,    0,    0,    0,    0x03, 0xe8,
                                        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    assert_int_equal(b[0], 1);
    assert_int_equal(b[1], 1);
    assert_memory_equal(b + 2, keys[A].pk, 32);
    assert_memory_equal(b + 34, keys[DEVICE].pk, 32);
    assert_memory_equal(b + 66, numbers, sizeof numbers);
    memcpy(message + 21, b, 90);
    message[20] = 'I';
    assert_int_equal(crypto_sign_verify_detached(b + 90, message, sizeof message, keys[A].pk), 0);
    message[20] = 'S';
    assert_int_equal(crypto_sign_verify_detached(b + 154, message, sizeof message, keys[DEVICE].pk),
                     0);
    assert_int_equal(statement_bytes(STATEMENT_DEVICE), 218);
    assert_int_equal(statement_bytes(STATEMENT_ROTATE), 218);
    assert_int_equal(statement_bytes(STATEMENT_REVOKE), 154);
}

static void every_changed_bit_of_a_statement_is_noticed(void **state) {
    static const enum statement_kind kinds[] = {STATEMENT_DEVICE, STATEMENT_ROTATE,
                                                STATEMENT_REVOKE};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        uint8_t b[STATEMENT_BYTES_MAX];
        struct statement s;
        size_t n = statement_bytes(kinds[k]);
        say(kinds[k], A, B, 5, 0, b);
        assert_int_equal(statement_verify(b, n, &s, NULL), 0);
        assert_int_equal(s.kind, kinds[k]);
        assert_int_equal(s.counter, 5);
        assert_memory_equal(s.subject, keys[B].pk, 32);
        for (size_t i = 0; i < n * 8; i++) {
            b[i / 8] ^= (uint8_t)(1 << i % 8);
            assert_true(statement_verify(b, n, &s, NULL) < 0);
            b[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        for (size_t i = 0; i < n; i++)
            assert_int_equal(statement_verify(b, i, &s, NULL), ERR_PARSE);
    }
}

static void a_statement_with_impossible_fields_is_refused(void **state) {
    uint8_t b[STATEMENT_BYTES_MAX];
    struct statement s;
    (void)state;
    say(STATEMENT_DEVICE, A, DEVICE, 0, 0, b); // counter 0
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_PARSE);
    say(STATEMENT_DEVICE, A, DEVICE, 1, -1, b);
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_PARSE);
    say(STATEMENT_ROTATE, A, B, 1, 9, b); // a rotation has no end
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_PARSE);
    say(STATEMENT_ROTATE, A, A, 1, 0, b);
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_PARSE);
    say(STATEMENT_DEVICE, A, DEVICE, 1, 0, b);
    b[0] = 2;
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_VERSION);
    b[0] = 1;
    b[1] = 4;
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_PARSE);
}

// A certificate cannot be made about a key whose owner does not want it.
static void a_certificate_needs_the_device_to_agree(void **state) {
    uint8_t b[STATEMENT_BYTES_MAX], other[STATEMENT_BYTES_MAX];
    struct statement s;
    (void)state;
    say(STATEMENT_DEVICE, A, DEVICE, 1, 0, b);
    say(STATEMENT_DEVICE, B, DEVICE, 1, 0, other);
    memcpy(b + 154, other + 154, 64); // its signature to somebody else
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_CORRUPT);
    memcpy(b + 154, b + 90, 64);
    assert_int_equal(statement_verify(b, sizeof b, &s, NULL), ERR_CORRUPT);
}

struct plan { // of a chain
    size_t rotations_n, revoked_n;
    int line[3]; // identities, from the first
    int revoked[2];
    uint64_t revoked_counter[2];
    int64_t until;
};

static void chain_of(const struct plan *p, struct buf *out) {
    uint8_t rotations[3 * STATEMENT_BYTES_MAX], revocations[3 * STATEMENT_BYTES_MAX],
        certificate[STATEMENT_BYTES_MAX];
    int current = p->line[p->rotations_n];
    for (size_t i = 0; i < p->rotations_n; i++)
        say(STATEMENT_ROTATE, p->line[i], p->line[i + 1], 10 + i, 0,
            rotations + i * STATEMENT_BYTES_MAX);
    for (size_t i = 0; i < p->revoked_n; i++)
        say(STATEMENT_REVOKE, current, p->revoked[i], p->revoked_counter[i], 0,
            revocations + i * STATEMENT_REVOKE_BYTES);
    say(STATEMENT_DEVICE, current, DEVICE, 20, p->until, certificate);
    assert_int_equal(
        chain_format(rotations, p->rotations_n, revocations, p->revoked_n, certificate, out), 0);
}

static int judge(const struct plan *p, int expected, int device, int64_t now, struct chain *ret,
                 struct err *err) {
    AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
    struct chain_expect e = {.identity = expected < 0 ? NULL : keys[expected].pk,
                             .device = device < 0 ? NULL : keys[device].pk,
                             .now_ms = now};
    chain_of(p, &b);
    return chain_verify(b.data, b.len, &e, ret, err);
}

static void a_chain_proves_a_device_of_the_expected_identity(void **state) {
    struct chain c;
    struct err err = {0};
    (void)state;
    struct plan p = {.line = {A}};
    assert_int_equal(judge(&p, -1, -1, 0, &c, NULL), 0);
    assert_int_equal(judge(&p, A, DEVICE, 0, &c, NULL), 0);
    assert_memory_equal(c.current, keys[A].pk, 32);
    assert_memory_equal(c.first, keys[A].pk, 32);
    assert_memory_equal(c.device, keys[DEVICE].pk, 32);
    assert_false(c.rotated);
    assert_int_equal(judge(&p, B, DEVICE, 0, &c, &err), ERR_KEY);
    assert_true(strstr(err.message, "identity") != NULL);
    assert_int_equal(judge(&p, A, OTHER, 0, &c, &err), ERR_KEY);
    assert_true(strstr(err.message, "device") != NULL);
}

static void a_rotated_identity_is_believed_by_who_knew_any_key_before_it(void **state) {
    struct chain c;
    struct plan p = {.line = {A, B, C}, .rotations_n = 2};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(judge(&p, p.line[i], DEVICE, 0, &c, NULL), 0);
        assert_memory_equal(c.current, keys[C].pk, 32);
        assert_memory_equal(c.first, keys[A].pk, 32);
        assert_int_equal(c.rotated, i < 2);
    }
    // Who knows the new key is not brought back to the old one, nor to another successor.
    struct plan old = {.line = {A}}, thief = {.line = {A, OTHER}, .rotations_n = 1};
    assert_int_equal(judge(&old, B, DEVICE, 0, &c, NULL), ERR_KEY);
    assert_int_equal(judge(&thief, B, DEVICE, 0, &c, NULL), ERR_KEY);
    struct plan circle = {.line = {A, B, A}, .rotations_n = 2};
    assert_int_equal(judge(&circle, A, DEVICE, 0, &c, NULL), ERR_PARSE);
}

static void a_revoked_device_is_refused_and_an_ended_certificate_after_a_day(void **state) {
    struct chain c;
    struct err err = {0};
    (void)state;
    struct plan p = {.line = {A}, .revoked_n = 2, .revoked = {B, OTHER}, .revoked_counter = {1, 2}};
    assert_int_equal(judge(&p, A, DEVICE, 0, &c, NULL), 0);
    assert_int_equal(c.revoked_n, 2);
    assert_memory_equal(c.revoked[1], keys[OTHER].pk, 32);
    p.revoked[0] = DEVICE; // although the certificate has the later number
    assert_int_equal(judge(&p, A, DEVICE, 0, &c, &err), ERR_PERM);
    assert_true(strstr(err.message, "revoked") != NULL);
    p.revoked_counter[1] = 1;
    p.revoked[0] = p.revoked[1];
    assert_int_equal(judge(&p, A, DEVICE, 0, &c, NULL), ERR_PARSE); // one of them twice
    p.revoked_counter[0] = 3;
    p.revoked[0] = B;
    assert_int_equal(judge(&p, A, DEVICE, 0, &c, NULL), ERR_PARSE); // not in order
    struct plan e = {.line = {A}, .until = 5000};
    assert_int_equal(judge(&e, A, DEVICE, 5000 + CHAIN_GRACE_MS, &c, NULL), 0);
    assert_int_equal(judge(&e, A, DEVICE, 5001 + CHAIN_GRACE_MS, &c, &err), ERR_PERM);
    assert_true(strstr(err.message, "ended") != NULL);
}

static void a_chain_over_its_limits_or_out_of_joint_is_refused(void **state) {
    struct plan p = {.line = {A, B, C},
                     .rotations_n = 2,
                     .revoked_n = 1,
                     .revoked = {OTHER},
                     .revoked_counter = {1}};
    struct chain_expect e = {0};
    struct chain c;
    AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
    (void)state;
    chain_of(&p, &b);
    assert_int_equal(chain_verify(b.data, b.len, &e, &c, NULL), 0);
    for (size_t i = 0; i < b.len; i++) // cut off anywhere
        assert_int_equal(chain_verify(b.data, i, &e, &c, NULL), ERR_PARSE);
    for (size_t i = 0; i < b.len; i++) { // damaged anywhere
        b.data[i] ^= 0x40;
        assert_true(chain_verify(b.data, b.len, &e, &c, NULL) < 0);
        b.data[i] ^= 0x40;
    }
    char *swapped = mem_alloc(b.len); // the two rotations the other way round
    assert_non_null(swapped);
    memcpy(swapped, b.data, b.len);
    memcpy(swapped + 3, b.data + 3 + 218, 218);
    memcpy(swapped + 3 + 218, b.data + 3, 218);
    assert_int_equal(chain_verify(swapped, b.len, &e, &c, NULL), ERR_PARSE);
    mem_free(swapped);
    b.data[1] = CHAIN_ROTATIONS_MAX + 1;
    assert_int_equal(chain_verify(b.data, b.len, &e, &c, NULL), ERR_LIMIT);
    b.data[1] = 2;
    b.data[2] = CHAIN_REVOKED_MAX + 1;
    assert_int_equal(chain_verify(b.data, b.len, &e, &c, NULL), ERR_LIMIT);
    b.data[2] = 2;
    assert_int_equal(chain_verify(b.data, b.len, &e, &c, NULL), ERR_PARSE);
}

static void a_short_name_is_stable_and_tells_keys_apart(void **state) {
    char a[IDENTITY_SHORT_BYTES], b[IDENTITY_SHORT_BYTES];
    (void)state;
    identity_short(keys[A].pk, a);
    identity_short(keys[B].pk, b);
    assert_int_equal(strlen(a), IDENTITY_SHORT_BYTES - 1);
    assert_string_not_equal(a, b);
    identity_short(keys[A].pk, b);
    assert_string_equal(a, b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_has_the_documented_bytes),
        cmocka_unit_test(every_changed_bit_of_a_statement_is_noticed),
        cmocka_unit_test(a_statement_with_impossible_fields_is_refused),
        cmocka_unit_test(a_certificate_needs_the_device_to_agree),
        cmocka_unit_test(a_chain_proves_a_device_of_the_expected_identity),
        cmocka_unit_test(a_rotated_identity_is_believed_by_who_knew_any_key_before_it),
        cmocka_unit_test(a_revoked_device_is_refused_and_an_ended_certificate_after_a_day),
        cmocka_unit_test(a_chain_over_its_limits_or_out_of_joint_is_refused),
        cmocka_unit_test(a_short_name_is_stable_and_tells_keys_apart),
    };
    if (secret_init(NULL) < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/statement", tests, setup, NULL);
}
