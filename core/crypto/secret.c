#include "core/crypto/secret.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium.h>
#include <string.h>

int secret_init(struct err *err) {
    if (sodium_init() < 0)
        return err_set(err, ERR_UNSUPPORTED, "libsodium cannot be initialised");
    return 0;
}

void *secret_alloc(size_t n) {
    // sodium_malloc locks the pages and goes on without the lock where the limit is too small:
    // refusing to work would not keep the keys any safer.
    void *p = sodium_malloc(n);
    if (p)
        sodium_memzero(p, n);
    return p;
}

void secret_free(void *p) {
    sodium_free(p);
}

bool secret_lockable(void) {
    _Alignas(64) static uint8_t probe[64];
    if (sodium_mlock(probe, sizeof probe) != 0)
        return false;
    (void)sodium_munlock(probe, sizeof probe);
    return true;
}

void secret_wipe(void *p, size_t n) {
    if (n)
        sodium_memzero(p, n);
}

bool secret_equal(const void *a, const void *b, size_t n) {
    return sodium_memcmp(a, b, n) == 0;
}

void secret_random(void *out, size_t n) {
    randombytes_buf(out, n);
}

int secret_hkdf(const void *key, size_t n_key, const void *salt, size_t n_salt, const void *info,
                size_t n_info, void *out, size_t out_n) {
    // The parameter array wants pointers to non-const, and writes through none of them.
    union {
        const void *in;
        void *out;
    } k = {.in = key}, s = {.in = salt ? salt : ""}, i = {.in = info};
    char digest[] = "SHA512";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, k.out, n_key),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, i.out, n_info),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, s.out, salt ? n_salt : 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int r = ctx && EVP_KDF_derive(ctx, out, out_n, params) == 1 ? 0 : ERR_NOMEM;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return r;
}

int secret_argon(const char *pass, size_t n, const uint8_t *salt, uint32_t passes, size_t bytes,
                 void *out, size_t out_n) {
    static_assert(SECRET_ARGON_SALT_BYTES == crypto_pwhash_SALTBYTES, "the salt of libsodium");
    return crypto_pwhash(out, out_n, pass, n, salt, passes, bytes, crypto_pwhash_ALG_ARGON2ID13) ==
                   0
               ? 0
               : ERR_NOMEM;
}

void secret_hash(const uint8_t *key, const void *a, size_t n_a, const void *b, size_t n_b,
                 uint8_t out[32]) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, key ? 32 : 0, 32);
    (void)crypto_generichash_update(&state, a, n_a);
    if (b)
        (void)crypto_generichash_update(&state, b, n_b);
    (void)crypto_generichash_final(&state, out, 32);
    sodium_memzero(&state, sizeof state);
}
