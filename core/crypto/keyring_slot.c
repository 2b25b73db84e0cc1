#include "core/crypto/keyring_impl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const char *const slot_type_names[SLOT_TYPES] = {"key-file", "passphrase", "passphrase+key-file",
                                                 "recovery"};

static atomic_size_t argon_override;

void keyring_test_argon_bytes(size_t bytes) {
    atomic_store(&argon_override, bytes);
}

size_t slot_argon_bytes(void) {
    size_t o = atomic_load(&argon_override);
    return o ? o : KEYRING_ARGON_BYTES;
}

size_t slot_argon_bytes_floor(void) {
    size_t o = atomic_load(&argon_override);
    return o ? 64 * 1024 : KEYRING_ARGON_BYTES_FLOOR;
}

bool slot_needs_pass(enum slot_type type) {
    return type == SLOT_PASSPHRASE || type == SLOT_BOTH;
}

bool slot_needs_key_file(enum slot_type type) {
    return type == SLOT_KEY_FILE || type == SLOT_BOTH;
}

enum { HEADER_BYTES_MAX = 256 };

// What the wrapping is bound to: everything of the slot that cannot change. last_used can, and is
// covered by the file's authenticator only.
static size_t slot_header(const struct slot *s, const uint8_t store_id[16],
                          char out[HEADER_BYTES_MAX]) {
    memcpy(out, store_id, 16);
    int n = snprintf(out + 16, HEADER_BYTES_MAX - 16, "paired/slot/v1|%lld|%s|%lld|%u|%llu|",
                     (long long)s->id, slot_type_names[s->type], (long long)s->created, s->passes,
                     (unsigned long long)s->argon_bytes);
    size_t at = 16 + (size_t)n;
    memcpy(out + at, s->salt, sizeof s->salt);
    return at + sizeof s->salt;
}

struct kek_work { // all of it secret
    uint8_t argon[KEYRING_KEY_BYTES];
    uint8_t factors[2 * (4 + KEYRING_KEY_BYTES)];
    uint8_t kek[KEYRING_KEY_BYTES];
};

static size_t put_factor(uint8_t *out, const uint8_t *bytes, uint32_t n) {
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (8 * i));
    memcpy(out + 4, bytes, n);
    return 4 + n;
}

// KEK = HKDF over the factors, each with its length in front.
static int derive_kek(const struct slot *s, const struct factors *with, struct kek_work *w,
                      struct err *err) {
    size_t n = 0;
    bool complete = (!slot_needs_pass(s->type) || with->pass) &&
                    (!slot_needs_key_file(s->type) || with->key_file) &&
                    (s->type != SLOT_RECOVERY || with->recovery);
    if (!complete)
        return err_set(err, ERR_INVAL, "a factor of this slot is missing");
    if (slot_needs_pass(s->type)) {
        if (secret_argon(with->pass, with->pass_n, s->salt, s->passes, (size_t)s->argon_bytes,
                         w->argon, sizeof w->argon) < 0)
            return err_set(err, ERR_NOMEM, "checking the passphrase needs %llu MiB of memory",
                           (unsigned long long)(s->argon_bytes >> 20));
        n += put_factor(w->factors + n, w->argon, sizeof w->argon);
    }
    if (slot_needs_key_file(s->type))
        n += put_factor(w->factors + n, with->key_file, KEYRING_KEY_BYTES);
    if (s->type == SLOT_RECOVERY)
        n += put_factor(w->factors + n, with->recovery, RECOVERY_SECRET_BYTES);
    char info[64];
    int info_n = snprintf(info, sizeof info, "paired/kek/v1/%s", slot_type_names[s->type]);
    if (secret_hkdf(w->factors, n, s->salt, sizeof s->salt, info, (size_t)info_n, w->kek,
                    sizeof w->kek) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

// GCM does not commit to its key: somebody who may write the file could make one slot that two
// passphrases open. The commitment, compared first, does commit.
static void commit(const struct kek_work *w, const char *header, size_t n,
                   uint8_t out[KEYRING_COMMITMENT_BYTES]) {
    static const char label[] = "paired/commit/v1";
    secret_hash(w->kek, label, sizeof label - 1, header, n, out);
}

int slot_wrap(struct seal *seal, struct slot *s, const uint8_t store_id[16],
              const struct factors *with, const uint8_t mk[KEYRING_KEY_BYTES], struct err *err) {
    struct kek_work *w = secret_alloc(sizeof *w);
    struct seal_key *key = secret_alloc(sizeof *key);
    char header[HEADER_BYTES_MAX];
    int r = ERR_NOMEM;
    secret_random(s->salt, sizeof s->salt);
    secret_random(s->nonce, sizeof s->nonce);
    size_t n = slot_header(s, store_id, header);
    if (!w || !key)
        (void)err_set(err, r, "out of memory");
    else
        r = derive_kek(s, with, w, err);
    if (r == 0) {
        commit(w, header, n, s->commitment);
        r = seal_key_init(seal, key, w->kek);
        if (r == 0)
            r = seal_encrypt(seal, key, s->nonce, (struct seal_aad){header, n}, mk,
                             KEYRING_KEY_BYTES, s->wrapped, s->wrapped + KEYRING_KEY_BYTES);
        if (r < 0)
            (void)err_set(err, r, "out of memory");
    }
    secret_free(key);
    secret_free(w);
    return r;
}

int slot_unwrap(struct seal *seal, const struct slot *s, const uint8_t store_id[16],
                const struct factors *with, uint8_t mk[KEYRING_KEY_BYTES], struct err *err) {
    struct kek_work *w = secret_alloc(sizeof *w);
    struct seal_key *key = secret_alloc(sizeof *key);
    char header[HEADER_BYTES_MAX];
    uint8_t commitment[KEYRING_COMMITMENT_BYTES];
    size_t n = slot_header(s, store_id, header);
    int r = ERR_NOMEM;
    if (!w || !key)
        (void)err_set(err, r, "out of memory");
    else
        r = derive_kek(s, with, w, err);
    if (r == 0) {
        commit(w, header, n, commitment);
        if (!secret_equal(commitment, s->commitment, sizeof commitment))
            r = ERR_KEY;
        if (r == 0)
            r = seal_key_init(seal, key, w->kek);
        if (r == 0)
            r = seal_decrypt(seal, key, s->nonce, (struct seal_aad){header, n}, s->wrapped,
                             KEYRING_KEY_BYTES, s->wrapped + KEYRING_KEY_BYTES, mk);
        if (r < 0)
            r = r == ERR_NOMEM ? err_set(err, r, "out of memory")
                               : err_set(err, ERR_KEY, "wrong key or passphrase");
    }
    secret_free(key);
    secret_free(w);
    return r;
}

// --------------------------------------------------------------------------------- data keys

static size_t epoch_header(const struct epoch *e, const uint8_t store_id[16],
                           char out[HEADER_BYTES_MAX]) {
    memcpy(out, store_id, 16);
    int n = snprintf(out + 16, HEADER_BYTES_MAX - 16, "paired/dek/v1|%u|%lld|", e->number,
                     (long long)e->created);
    return 16 + (size_t)n;
}

static int mk_seal_key(struct seal *s, const uint8_t *mk, struct seal_key **ret) {
    static const char info[] = "paired/wrap-dek/v1";
    struct seal_key *key = secret_alloc(sizeof *key);
    uint8_t *raw = secret_alloc(KEYRING_KEY_BYTES);
    int r = key && raw ? secret_hkdf(mk, KEYRING_KEY_BYTES, NULL, 0, info, sizeof info - 1, raw,
                                     KEYRING_KEY_BYTES)
                       : ERR_NOMEM;
    if (r == 0)
        r = seal_key_init(s, key, raw);
    secret_free(raw);
    if (r == 0)
        *ret = key;
    else
        secret_free(key);
    return r;
}

int epoch_wrap(struct seal *s, struct epoch *e, const uint8_t store_id[16],
               const uint8_t mk[KEYRING_KEY_BYTES], const uint8_t dek[KEYRING_KEY_BYTES]) {
    char header[HEADER_BYTES_MAX];
    size_t n = epoch_header(e, store_id, header);
    struct seal_key *key = NULL;
    secret_random(e->nonce, sizeof e->nonce);
    int r = mk_seal_key(s, mk, &key);
    if (r == 0)
        r = seal_encrypt(s, key, e->nonce, (struct seal_aad){header, n}, dek, KEYRING_KEY_BYTES,
                         e->wrapped, e->wrapped + KEYRING_KEY_BYTES);
    secret_free(key);
    return r;
}

int epoch_unwrap(struct seal *s, const struct epoch *e, const uint8_t store_id[16],
                 const uint8_t mk[KEYRING_KEY_BYTES], uint8_t dek[KEYRING_KEY_BYTES]) {
    char header[HEADER_BYTES_MAX];
    size_t n = epoch_header(e, store_id, header);
    struct seal_key *key = NULL;
    int r = mk_seal_key(s, mk, &key);
    if (r == 0)
        r = seal_decrypt(s, key, e->nonce, (struct seal_aad){header, n}, e->wrapped,
                         KEYRING_KEY_BYTES, e->wrapped + KEYRING_KEY_BYTES, dek);
    secret_free(key);
    return r;
}
