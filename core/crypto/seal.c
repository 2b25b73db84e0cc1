#include "core/crypto/seal.h"

#include "core/base/mem.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { GCM_NONCE_BYTES = 12, SEAL_SCHEDULES_MAX = 4, SEAL_SUBKEYS_MAX = 8 };

// Setting an AES key costs as much as enciphering ten blocks, so a few schedules are kept: database
// and log, under the old and the new key while rotating.
struct schedule {
    EVP_CIPHER_CTX *encrypt;
    EVP_CIPHER_CTX *decrypt; // only the block functions need it; made on first use
    uint64_t key_id;         // 0: empty
    uint64_t used;
};

// A GCM context holding the subkey of one key and nonce prefix. Nonces that share their first half
// share the subkey, and then only the second half has to be set: a third of the time of a page.
struct subkey {
    EVP_CIPHER_CTX *gcm; // made on first use
    uint64_t key_id;     // 0: empty
    uint8_t prefix[GCM_NONCE_BYTES];
    uint64_t used;
};

struct seal {
    struct schedule schedules[SEAL_SCHEDULES_MAX];
    struct subkey encrypt[2]; // one prefix at a time, of two keys
    struct subkey decrypt[SEAL_SUBKEYS_MAX];
    uint64_t clock;
};

static EVP_CIPHER_CTX *gcm_new(int encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, NULL, NULL, encrypt) == 1)
        return ctx; // the default IV length is the 12 bytes that are needed
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

struct seal *seal_new(void) {
    struct seal *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->encrypt[0].gcm = gcm_new(1);
    if (s->encrypt[0].gcm)
        return s;
    seal_free(s);
    return NULL;
}

void seal_free(struct seal *s) {
    if (!s)
        return;
    for (size_t i = 0; i < SEAL_SCHEDULES_MAX; i++) {
        EVP_CIPHER_CTX_free(s->schedules[i].encrypt); // wipes the schedule
        EVP_CIPHER_CTX_free(s->schedules[i].decrypt);
    }
    for (size_t i = 0; i < COUNT_OF(s->encrypt); i++)
        EVP_CIPHER_CTX_free(s->encrypt[i].gcm);
    for (size_t i = 0; i < SEAL_SUBKEYS_MAX; i++)
        EVP_CIPHER_CTX_free(s->decrypt[i].gcm);
    mem_free(s);
}

static int ecb_init(EVP_CIPHER_CTX **ctx, const uint8_t *key, int encrypt) {
    if (!*ctx)
        *ctx = EVP_CIPHER_CTX_new();
    if (!*ctx || EVP_CipherInit_ex(*ctx, EVP_aes_256_ecb(), NULL, key, NULL, encrypt) != 1)
        return ERR_NOMEM;
    (void)EVP_CIPHER_CTX_set_padding(*ctx, 0);
    return 0;
}

static int ecb(EVP_CIPHER_CTX *ctx, const uint8_t *in, int n, uint8_t *out) {
    int got = 0;
    return EVP_CipherUpdate(ctx, out, &got, in, n) == 1 && got == n ? 0 : ERR_NOMEM;
}

// The schedule of this key, replacing the least recently used one.
static struct schedule *schedule_of(struct seal *s, const struct seal_key *k, bool decrypt) {
    struct schedule *place = NULL;
    for (size_t i = 0; i < SEAL_SCHEDULES_MAX; i++) {
        struct schedule *c = &s->schedules[i];
        if (c->key_id == k->id) {
            place = c;
            break;
        }
        if (!place || c->used < place->used)
            place = c;
    }
    bool ready = place->key_id == k->id;
    if (!ready) {
        place->key_id = 0;
        if (ecb_init(&place->encrypt, k->key, 1) < 0)
            return NULL;
        EVP_CIPHER_CTX_free(place->decrypt);
        place->decrypt = NULL;
    }
    if (decrypt && !place->decrypt && ecb_init(&place->decrypt, k->key, 0) < 0) {
        EVP_CIPHER_CTX_free(place->decrypt);
        place->decrypt = NULL;
        return NULL;
    }
    place->key_id = k->id;
    place->used = ++s->clock;
    return place;
}

// Multiplication by x in GF(2^128), most significant bit first (NIST SP 800-38B).
static void double_block(uint8_t b[SEAL_BLOCK_BYTES]) {
    uint8_t carry = (uint8_t)(b[0] >> 7);
    for (size_t i = 0; i + 1 < SEAL_BLOCK_BYTES; i++)
        b[i] = (uint8_t)(b[i] << 1 | b[i + 1] >> 7);
    b[SEAL_BLOCK_BYTES - 1] = (uint8_t)(b[SEAL_BLOCK_BYTES - 1] << 1);
    b[SEAL_BLOCK_BYTES - 1] ^= (uint8_t)(0x87 & (0 - carry)); // without a branch on the secret bit
}

int seal_key_init(struct seal *s, struct seal_key *ret, const uint8_t key[SEAL_KEY_BYTES]) {
    static atomic_uint_fast64_t ids;
    static const uint8_t zero[SEAL_BLOCK_BYTES];
    memcpy(ret->key, key, SEAL_KEY_BYTES);
    ret->id = atomic_fetch_add(&ids, 1) + 1;
    struct schedule *c = schedule_of(s, ret, false);
    if (!c || ecb(c->encrypt, zero, SEAL_BLOCK_BYTES, ret->k1) < 0) {
        sodium_memzero(ret, sizeof *ret);
        return ERR_NOMEM;
    }
    double_block(ret->k1);
    return 0;
}

// C2SP: Kx = AES(K, M1 ^ K1) || AES(K, M2 ^ K1), Mi = 0x00 || i || "X" || 0x00 || N[0..12).
static int derive(struct seal *s, const struct seal_key *k, const uint8_t *nonce,
                  uint8_t ret[SEAL_KEY_BYTES]) {
    uint8_t m[2 * SEAL_BLOCK_BYTES];
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t *block = m + (size_t)i * SEAL_BLOCK_BYTES;
        const uint8_t prefix[4] = {0x00, (uint8_t)(i + 1), 'X', 0x00};
        memcpy(block, prefix, sizeof prefix);
        memcpy(block + 4, nonce, GCM_NONCE_BYTES);
        for (size_t j = 0; j < SEAL_BLOCK_BYTES; j++)
            block[j] ^= k->k1[j];
    }
    struct schedule *c = schedule_of(s, k, false);
    int r = c ? ecb(c->encrypt, m, sizeof m, ret) : ERR_NOMEM;
    sodium_memzero(m, sizeof m);
    return r;
}

// The context for this nonce, its IV set: found, or in the place of the least recently used one.
static EVP_CIPHER_CTX *subkey_of(struct seal *s, struct subkey *all, size_t n, int encrypt,
                                 const struct seal_key *k, const uint8_t *nonce) {
    struct subkey *place = NULL;
    for (size_t i = 0; i < n; i++) {
        struct subkey *c = &all[i];
        if (c->key_id == k->id && memcmp(c->prefix, nonce, GCM_NONCE_BYTES) == 0) {
            c->used = ++s->clock;
            return EVP_CipherInit_ex(c->gcm, NULL, NULL, NULL, nonce + GCM_NONCE_BYTES, -1) == 1
                       ? c->gcm
                       : NULL;
        }
        if (!place || c->used < place->used)
            place = c;
    }
    uint8_t kx[SEAL_KEY_BYTES];
    place->key_id = 0;
    if (!place->gcm)
        place->gcm = gcm_new(encrypt);
    bool good = place->gcm && derive(s, k, nonce, kx) == 0 &&
                EVP_CipherInit_ex(place->gcm, NULL, NULL, kx, nonce + GCM_NONCE_BYTES, -1) == 1;
    sodium_memzero(kx, sizeof kx);
    if (!good)
        return NULL;
    place->key_id = k->id;
    memcpy(place->prefix, nonce, GCM_NONCE_BYTES);
    place->used = ++s->clock;
    return place->gcm;
}

// Everything up to the tag, which differs between the directions.
static int gcm_run(EVP_CIPHER_CTX *ctx, struct seal_aad aad, const void *in, size_t n, void *out) {
    int got = 0;
    if (!ctx || (aad.len && EVP_CipherUpdate(ctx, NULL, &got, aad.bytes, (int)aad.len) != 1) ||
        (n && EVP_CipherUpdate(ctx, out, &got, in, (int)n) != 1))
        return ERR_NOMEM;
    return 0;
}

int seal_encrypt(struct seal *s, const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_BYTES],
                 struct seal_aad aad, const void *in, size_t n, void *out,
                 uint8_t ret_tag[SEAL_TAG_BYTES]) {
    uint8_t rest[SEAL_BLOCK_BYTES];
    int got = 0;
    if (n > INT_MAX || aad.len > INT_MAX)
        return ERR_LIMIT;
    EVP_CIPHER_CTX *ctx = subkey_of(s, s->encrypt, COUNT_OF(s->encrypt), 1, k, nonce);
    int r = gcm_run(ctx, aad, in, n, out);
    if (r == 0 && (EVP_EncryptFinal_ex(ctx, rest, &got) != 1 ||
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, ret_tag) != 1))
        r = ERR_NOMEM;
    return r;
}

int seal_decrypt(struct seal *s, const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_BYTES],
                 struct seal_aad aad, const void *in, size_t n, const uint8_t tag[SEAL_TAG_BYTES],
                 void *out) {
    uint8_t rest[SEAL_BLOCK_BYTES];
    uint8_t expected[SEAL_TAG_BYTES];
    int got = 0;
    if (n > INT_MAX || aad.len > INT_MAX)
        return ERR_LIMIT;
    memcpy(expected, tag, sizeof expected); // EVP wants it writable
    EVP_CIPHER_CTX *ctx = subkey_of(s, s->decrypt, SEAL_SUBKEYS_MAX, 0, k, nonce);
    int r = gcm_run(ctx, aad, in, n, out);
    if (r == 0 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, expected) != 1)
        r = ERR_NOMEM;
    if (r == 0 && EVP_DecryptFinal_ex(ctx, rest, &got) != 1)
        r = ERR_CORRUPT;
    if (r < 0 && n)
        sodium_memzero(out, n); // unauthenticated text leaves nobody's hands
    return r;
}

static int xex(struct seal *s, const struct seal_key *k, uint64_t tweak,
               uint8_t block[SEAL_BLOCK_BYTES], bool decrypt) {
    struct schedule *c = schedule_of(s, k, decrypt);
    if (!c)
        return ERR_NOMEM;
    uint8_t mask[SEAL_BLOCK_BYTES] = {0};
    for (size_t i = 0; i < 8; i++)
        mask[i] = (uint8_t)(tweak >> (8 * i));
    if (ecb(c->encrypt, mask, SEAL_BLOCK_BYTES, mask) < 0)
        return ERR_NOMEM;
    double_block(mask); // XEX* needs a power of x above 0, or the mask of number 0 were a plain AES
    for (size_t i = 0; i < SEAL_BLOCK_BYTES; i++)
        block[i] ^= mask[i];
    if (ecb(decrypt ? c->decrypt : c->encrypt, block, SEAL_BLOCK_BYTES, block) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < SEAL_BLOCK_BYTES; i++)
        block[i] ^= mask[i];
    return 0;
}

int seal_block_encrypt(struct seal *s, const struct seal_key *k, uint64_t tweak,
                       uint8_t block[SEAL_BLOCK_BYTES]) {
    return xex(s, k, tweak, block, false);
}

int seal_block_decrypt(struct seal *s, const struct seal_key *k, uint64_t tweak,
                       uint8_t block[SEAL_BLOCK_BYTES]) {
    return xex(s, k, tweak, block, true);
}
