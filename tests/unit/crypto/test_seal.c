#include "core/base/mem.h"
#include "core/crypto/seal.h"
#include "core/crypto/secret.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void from_hex(const char *hex, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

static void one_vector(uint8_t key_byte, const char *aad, const char *k1_hex, const char *out_hex) {
    static const char nonce[] = "ABCDEFGHIJKLMNOPQRSTUVWX", text[] = "XAES-256-GCM";
    uint8_t key[SEAL_KEY_BYTES], out[12 + SEAL_TAG_BYTES], wanted[sizeof out], k1[16], back[12];
    struct seal *s = seal_new();
    struct seal_key k;
    memset(key, key_byte, sizeof key);
    assert_non_null(s);
    assert_int_equal(seal_key_init(s, &k, key), 0);
    from_hex(k1_hex, k1, sizeof k1);
    assert_memory_equal(k.k1, k1, sizeof k1);
    struct seal_aad a = {aad, strlen(aad)};
    assert_int_equal(seal_encrypt(s, &k, (const uint8_t *)nonce, a, text, 12, out, out + 12), 0);
    from_hex(out_hex, wanted, sizeof wanted);
    assert_memory_equal(out, wanted, sizeof wanted);
    assert_int_equal(seal_decrypt(s, &k, (const uint8_t *)nonce, a, out, 12, out + 12, back), 0);
    assert_memory_equal(back, text, 12);
    seal_free(s);
}

// C2SP, XAES-256-GCM, test vectors.
static void seal_gives_the_published_vectors(void **state) {
    (void)state;
    one_vector(1, "", "e531954aca063d5b8d9c47a47d4cc6f0",
               "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    one_vector(3, "c2sp.org/XAES-256-GCM", "23810ec50edb99f374409466ed1f4b7b",
               "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

// SHAKE-128 of the empty input as a stream. OpenSSL 3.0 squeezes once only, so all of it is taken
// ahead; `n` is more than the iterations can use.
static uint8_t *stream(size_t n) {
    uint8_t *out = malloc(n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_true(out && ctx && EVP_DigestInit_ex(ctx, EVP_shake128(), NULL) == 1 &&
                EVP_DigestFinalXOF(ctx, out, n) == 1);
    EVP_MD_CTX_free(ctx);
    return out;
}

// C2SP, "accumulated randomized tests".
static void accumulate(unsigned iterations, const char *wanted_hex) {
    size_t max = (size_t)iterations * (32 + 24 + 2 + 2 * 255);
    uint8_t *random = stream(max), *at = random;
    uint8_t out[255 + SEAL_TAG_BYTES], back[255], got[32], wanted[32];
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    struct seal *s = seal_new();
    assert_true(s && sum && EVP_DigestInit_ex(sum, EVP_shake128(), NULL) == 1);
    for (unsigned i = 0; i < iterations; i++) {
        struct seal_key k;
        assert_int_equal(seal_key_init(s, &k, at), 0);
        const uint8_t *nonce = at + 32;
        size_t n = at[56];
        const uint8_t *text = at + 57, *aad = text + n + 1;
        size_t aad_n = text[n];
        at += 58 + n + aad_n;
        struct seal_aad a = {aad, aad_n};
        assert_int_equal(seal_encrypt(s, &k, nonce, a, text, n, out, out + n), 0);
        assert_int_equal(EVP_DigestUpdate(sum, out, n + SEAL_TAG_BYTES), 1);
        assert_int_equal(seal_decrypt(s, &k, nonce, a, out, n, out + n, back), 0);
        assert_memory_equal(back, text, n);
    }
    assert_true((size_t)(at - random) <= max);
    assert_int_equal(EVP_DigestFinalXOF(sum, got, sizeof got), 1);
    from_hex(wanted_hex, wanted, sizeof wanted);
    assert_memory_equal(got, wanted, sizeof got);
    EVP_MD_CTX_free(sum);
    seal_free(s);
    free(random);
}

// PAIRED_TEST_LONG=1 runs the million, too (half a gigabyte, some seconds).
static void seal_gives_the_published_accumulated_hash(void **state) {
    (void)state;
    accumulate(10000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    if (getenv("PAIRED_TEST_LONG"))
        accumulate(1000000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15");
}

static void seal_refuses_every_changed_bit(void **state) {
    (void)state;
    uint8_t key[SEAL_KEY_BYTES] = {7}, nonce[SEAL_NONCE_BYTES] = {9}, aad[8] = "context";
    uint8_t out[40 + SEAL_TAG_BYTES], back[40], text[40] = "something worth keeping";
    static const uint8_t zero[40];
    struct seal *s = seal_new();
    struct seal_key k;
    assert_int_equal(seal_key_init(s, &k, key), 0);
    struct seal_aad a = {aad, sizeof aad};
    assert_int_equal(seal_encrypt(s, &k, nonce, a, text, 40, out, out + 40), 0);
    for (size_t bit = 0; bit < 8 * (sizeof out + sizeof nonce + sizeof aad); bit++) {
        uint8_t *p = bit < 8 * sizeof out ? out : bit < 8 * (sizeof out + 24) ? nonce : aad;
        size_t b = p == out ? bit : p == nonce ? bit - 8 * sizeof out : bit - 8 * (sizeof out + 24);
        p[b / 8] ^= (uint8_t)(1u << b % 8);
        memcpy(back, text, sizeof back);
        assert_int_equal(seal_decrypt(s, &k, nonce, a, out, 40, out + 40, back), ERR_CORRUPT);
        assert_memory_equal(back, zero, sizeof zero); // nothing unauthenticated comes out
        p[b / 8] ^= (uint8_t)(1u << b % 8);
    }
    assert_int_equal(seal_decrypt(s, &k, nonce, a, out, 40, out + 40, back), 0);
    seal_free(s);
}

// More keys and nonce prefixes than the context keeps, in turns: no entry is taken for another.
static void seal_keeps_keys_and_prefixes_apart(void **state) {
    (void)state;
    enum { KEYS = 6, PREFIXES = 5 };
    struct seal *s = seal_new();
    struct seal_key keys[KEYS];
    uint8_t out[KEYS][PREFIXES][16 + SEAL_TAG_BYTES], text[16] = "fifteen letters", back[16];
    uint8_t nonce[SEAL_NONCE_BYTES] = {0}, raw[SEAL_KEY_BYTES] = {0};
    for (uint8_t i = 0; i < KEYS; i++) {
        raw[0] = i;
        assert_int_equal(seal_key_init(s, &keys[i], raw), 0);
    }
    for (int round = 0; round < 3; round++)
        for (uint8_t i = 0; i < KEYS; i++)
            for (uint8_t p = 0; p < PREFIXES; p++) {
                struct seal *alone = seal_new();
                uint8_t expected[16 + SEAL_TAG_BYTES];
                nonce[0] = p;
                nonce[20] = (uint8_t)round;
                struct seal_aad none = {NULL, 0};
                assert_int_equal(
                    seal_encrypt(s, &keys[i], nonce, none, text, 16, out[i][p], out[i][p] + 16), 0);
                assert_int_equal(
                    seal_encrypt(alone, &keys[i], nonce, none, text, 16, expected, expected + 16),
                    0);
                assert_memory_equal(out[i][p], expected, sizeof expected);
                assert_int_equal(
                    seal_decrypt(s, &keys[i], nonce, none, out[i][p], 16, expected + 16, back), 0);
                assert_memory_equal(back, text, 16);
                seal_free(alone);
            }
    seal_free(s);
}

static void blocks_depend_on_key_and_place(void **state) {
    (void)state;
    struct seal *s = seal_new();
    struct seal_key k;
    uint8_t key[SEAL_KEY_BYTES] = {1}, a[16] = "sixteen bytes!!", b[16], c[16];
    memcpy(b, a, sizeof b);
    memcpy(c, a, sizeof c);
    assert_int_equal(seal_key_init(s, &k, key), 0);
    assert_int_equal(seal_block_encrypt(s, &k, 0, a), 0);
    assert_int_equal(seal_block_encrypt(s, &k, 1, b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    assert_int_equal(seal_block_decrypt(s, &k, 0, a), 0);
    assert_int_equal(seal_block_decrypt(s, &k, 1, b), 0);
    assert_memory_equal(a, c, sizeof a);
    assert_memory_equal(b, c, sizeof b);
    seal_free(s);
}

static void seal_refuses_a_length_beyond_its_limit(void **state) {
    (void)state;
    struct seal *s = seal_new();
    struct seal_key k;
    uint8_t key[SEAL_KEY_BYTES] = {1}, nonce[SEAL_NONCE_BYTES] = {0}, tag[SEAL_TAG_BYTES], x = 0;
    assert_int_equal(seal_key_init(s, &k, key), 0);
    struct seal_aad none = {NULL, 0};
    assert_int_equal(seal_encrypt(s, &k, nonce, none, &x, (size_t)1 << 31, &x, tag), ERR_LIMIT);
    seal_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal_gives_the_published_vectors),
        cmocka_unit_test(seal_gives_the_published_accumulated_hash),
        cmocka_unit_test(seal_refuses_every_changed_bit),
        cmocka_unit_test(seal_keeps_keys_and_prefixes_apart),
        cmocka_unit_test(blocks_depend_on_key_and_place),
        cmocka_unit_test(seal_refuses_a_length_beyond_its_limit),
    };
    if (secret_init(NULL) < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/seal", tests, NULL, NULL);
}
