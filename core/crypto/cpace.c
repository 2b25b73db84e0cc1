#include "core/crypto/cpace.h"

#include "core/crypto/cpace_impl.h"
#include "core/crypto/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char dsi[] = "CPaceRistretto255", dsi_isk[] = "CPaceRistretto255_ISK";
static const char dsi_sid[] = "CPaceSidOutput", dsi_mac[] = "CPaceMac";
enum { HASH_BLOCK_BYTES = 128 };

// -------------------------------------------------------------------- strings of the draft, hashed

// prepend_len: LEB128. What goes in is below 2^14, so two bytes are enough.
static size_t length_bytes(size_t n, uint8_t ret[2]) {
    assert(n < 1u << 14);
    if (n < 128) {
        ret[0] = (uint8_t)n;
        return 1;
    }
    ret[0] = (uint8_t)(0x80 | (n & 0x7f));
    ret[1] = (uint8_t)(n >> 7);
    return 2;
}

static void hash_lv(crypto_hash_sha512_state *h, const void *bytes, size_t n) {
    uint8_t length[2];
    (void)crypto_hash_sha512_update(h, length, length_bytes(n, length));
    if (n)
        (void)crypto_hash_sha512_update(h, bytes, n);
}

static void hash_end(crypto_hash_sha512_state *h, uint8_t ret[64]) {
    (void)crypto_hash_sha512_final(h, ret);
    sodium_memzero(h, sizeof *h);
}

// generator_string: the zeros fill the hash's first block, so that the secret alone is in it.
void cpace_generator(const struct cpace_bytes *prs, const struct cpace_bytes *ci,
                     const struct cpace_bytes *sid, uint8_t ret[CPACE_POINT_BYTES]) {
    static const uint8_t zeros[HASH_BLOCK_BYTES];
    uint8_t length[2], hash[64];
    size_t used = 1 + length_bytes(prs->n, length) + prs->n + 1 + sizeof dsi - 1;
    crypto_hash_sha512_state h;
    (void)crypto_hash_sha512_init(&h);
    hash_lv(&h, dsi, sizeof dsi - 1);
    hash_lv(&h, prs->bytes, prs->n);
    hash_lv(&h, zeros, used < sizeof zeros ? sizeof zeros - used : 0);
    hash_lv(&h, ci->bytes, ci->n);
    hash_lv(&h, sid->bytes, sid->n);
    hash_end(&h, hash);
    (void)crypto_core_ristretto255_from_hash(ret, hash);
    sodium_memzero(hash, sizeof hash);
}

bool cpace_scalar_mult_vfy(const uint8_t scalar[CPACE_SCALAR_BYTES],
                           const uint8_t point[CPACE_POINT_BYTES], uint8_t ret[CPACE_POINT_BYTES]) {
    // libsodium refuses encodings that are not canonical and the neutral element as a result.
    return crypto_core_ristretto255_is_valid_point(point) == 1 &&
           crypto_scalarmult_ristretto255(ret, scalar, point) == 0 &&
           !sodium_is_zero(ret, CPACE_POINT_BYTES);
}

// The draft's o_cat orders two strings by their bytes as written with their lengths in front.
static bool own_is_larger(const struct cpace *c) {
    uint8_t own[CPACE_POINT_BYTES + CPACE_AD_BYTES_MAX + 3];
    uint8_t peer[sizeof own];
    uint8_t *const to[2] = {own, peer};
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        size_t ad_n = i ? c->peer_ad_n : c->own_ad_n;
        uint8_t *at = to[i];
        at += length_bytes(CPACE_POINT_BYTES, at);
        memcpy(at, i ? c->peer : c->own, CPACE_POINT_BYTES);
        at += CPACE_POINT_BYTES;
        at += length_bytes(ad_n, at);
        memcpy(at, i ? c->peer_ad : c->own_ad, ad_n);
        n[i] = (size_t)(at - to[i]) + ad_n;
    }
    int order = memcmp(own, peer, n[0] < n[1] ? n[0] : n[1]);
    return order > 0 || (order == 0 && n[0] > n[1]);
}

static void hash_transcript(crypto_hash_sha512_state *h, const struct cpace *c) {
    bool own_first = c->role == CPACE_INITIATOR;
    if (c->role == CPACE_SYMMETRIC) {
        (void)crypto_hash_sha512_update(h, (const uint8_t *)"oc", 2);
        own_first = own_is_larger(c);
    }
    for (int i = 0; i < 2; i++) {
        bool own = (i == 0) == own_first;
        hash_lv(h, own ? c->own : c->peer, CPACE_POINT_BYTES);
        hash_lv(h, own ? c->own_ad : c->peer_ad, own ? c->own_ad_n : c->peer_ad_n);
    }
}

// ------------------------------------------------------------------------------------ the exchange

static int check_lengths(const struct cpace_config *config, struct err *err) {
    if (config->prs.n > CPACE_PRS_BYTES_MAX || config->ci.n > CPACE_CI_BYTES_MAX ||
        config->sid.n > CPACE_SID_BYTES_MAX || config->ad.n > CPACE_AD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "an input of the key exchange is too long");
    return 0;
}

int cpace_new(const struct cpace_config *config, const uint8_t random[CPACE_RANDOM_BYTES],
              struct cpace **ret, struct err *err) {
    int r = check_lengths(config, err);
    if (r < 0)
        return r;
    struct cpace *c = secret_alloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->role = config->role;
    c->sid_n = config->sid.n;
    c->own_ad_n = config->ad.n;
    if (c->sid_n)
        memcpy(c->sid, config->sid.bytes, c->sid_n);
    if (c->own_ad_n)
        memcpy(c->own_ad, config->ad.bytes, c->own_ad_n);
    uint8_t generator[CPACE_POINT_BYTES];
    cpace_generator(&config->prs, &config->ci, &config->sid, generator);
    crypto_core_ristretto255_scalar_reduce(c->scalar, random);
    bool good = cpace_scalar_mult_vfy(c->scalar, generator, c->own);
    // The generator tells the secret to who tries all of them.
    sodium_memzero(generator, sizeof generator);
    if (!good) {
        cpace_free(c);
        return err_set(err, ERR_INVAL, "the random numbers of the key exchange are not usable");
    }
    *ret = c;
    return 0;
}

void cpace_free(struct cpace *c) {
    secret_free(c);
}

const uint8_t *cpace_message(const struct cpace *c) {
    return c->own;
}

static void derive_isk(struct cpace *c, const uint8_t k[CPACE_POINT_BYTES]) {
    crypto_hash_sha512_state h;
    (void)crypto_hash_sha512_init(&h);
    hash_lv(&h, dsi_isk, sizeof dsi_isk - 1);
    hash_lv(&h, c->sid, c->sid_n);
    hash_lv(&h, k, CPACE_POINT_BYTES);
    hash_transcript(&h, c);
    hash_end(&h, c->isk);
    (void)crypto_hash_sha512_init(&h);
    (void)crypto_hash_sha512_update(&h, (const uint8_t *)dsi_mac, sizeof dsi_mac - 1);
    (void)crypto_hash_sha512_update(&h, c->sid, c->sid_n);
    (void)crypto_hash_sha512_update(&h, c->isk, sizeof c->isk);
    hash_end(&h, c->mac_key);
}

int cpace_finish(struct cpace *c, const uint8_t message[CPACE_MESSAGE_BYTES], const void *ad,
                 size_t n, struct err *err) {
    assert(c->state == CPACE_STARTED);
    c->state = CPACE_FAILED;
    if (n > CPACE_AD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "an input of the key exchange is too long");
    if (memcmp(message, c->own, CPACE_MESSAGE_BYTES) == 0)
        return err_set(err, ERR_INVAL, "our own message of the key exchange came back");
    uint8_t k[CPACE_POINT_BYTES];
    bool good = cpace_scalar_mult_vfy(c->scalar, message, k);
    sodium_memzero(c->scalar, sizeof c->scalar);
    if (good) {
        memcpy(c->peer, message, CPACE_MESSAGE_BYTES);
        c->peer_ad_n = n;
        if (n)
            memcpy(c->peer_ad, ad, n);
        derive_isk(c, k);
        c->state = CPACE_FINISHED;
    }
    sodium_memzero(k, sizeof k);
    return good ? 0 : err_set(err, ERR_INVAL, "the message of the key exchange is not valid");
}

static void tag_of(const struct cpace *c, bool own, uint8_t ret[CPACE_TAG_BYTES]) {
    uint8_t length[2];
    size_t n = own ? c->own_ad_n : c->peer_ad_n;
    crypto_auth_hmacsha512_state h;
    (void)crypto_auth_hmacsha512_init(&h, c->mac_key, sizeof c->mac_key);
    (void)crypto_auth_hmacsha512_update(&h, length, length_bytes(CPACE_POINT_BYTES, length));
    (void)crypto_auth_hmacsha512_update(&h, own ? c->own : c->peer, CPACE_POINT_BYTES);
    (void)crypto_auth_hmacsha512_update(&h, length, length_bytes(n, length));
    (void)crypto_auth_hmacsha512_update(&h, own ? c->own_ad : c->peer_ad, n);
    (void)crypto_auth_hmacsha512_final(&h, ret);
    sodium_memzero(&h, sizeof h);
}

void cpace_tag(const struct cpace *c, uint8_t ret[CPACE_TAG_BYTES]) {
    assert(c->state == CPACE_FINISHED || c->state == CPACE_CONFIRMED);
    tag_of(c, true, ret);
}

int cpace_check(struct cpace *c, const uint8_t tag[CPACE_TAG_BYTES], struct err *err) {
    uint8_t wanted[CPACE_TAG_BYTES];
    bool good = false;
    if (c->state == CPACE_FINISHED) {
        tag_of(c, false, wanted);
        good = sodium_memcmp(wanted, tag, sizeof wanted) == 0;
        sodium_memzero(wanted, sizeof wanted);
    }
    c->state = good ? CPACE_CONFIRMED : CPACE_FAILED;
    if (!good) {
        sodium_memzero(c->isk, sizeof c->isk);
        sodium_memzero(c->mac_key, sizeof c->mac_key);
        return err_set(err, ERR_KEY, "the other side does not know the same secret");
    }
    return 0;
}

int cpace_derive(const struct cpace *c, const char *label, void *ret, size_t n) {
    assert(c->state == CPACE_CONFIRMED);
    return secret_hkdf(c->isk, sizeof c->isk, NULL, 0, label, strlen(label), ret, n);
}

void cpace_sid_output(const struct cpace *c, uint8_t ret[CPACE_SID_OUTPUT_BYTES]) {
    assert(c->state == CPACE_FINISHED || c->state == CPACE_CONFIRMED);
    crypto_hash_sha512_state h;
    (void)crypto_hash_sha512_init(&h);
    (void)crypto_hash_sha512_update(&h, (const uint8_t *)dsi_sid, sizeof dsi_sid - 1);
    hash_transcript(&h, c);
    hash_end(&h, ret);
}
