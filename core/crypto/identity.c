#include "core/crypto/identity.h"

#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

// The file: "PDid", version u8, nonce[24], sealed(plain), tag[16]. Plain: u8 1 when the root is
// here, root[20] (else zeros), seed of the device[32], last counter u64 big-endian, the chain.
enum {
    FILE_VERSION = 1,
    MAGIC_BYTES = 4,
    HEAD_BYTES = MAGIC_BYTES + 1,
    BEFORE_CHAIN_BYTES = 1 + RECOVERY_SECRET_BYTES + IDENTITY_SEED_BYTES + 8,
    CHAIN_HEAD_BYTES = 3,
    PLAIN_BYTES_MAX = BEFORE_CHAIN_BYTES + CHAIN_BYTES_MAX,
    AROUND_BYTES = HEAD_BYTES + SEAL_NONCE_BYTES + SEAL_TAG_BYTES
};
static_assert(AROUND_BYTES + PLAIN_BYTES_MAX <= IDENTITY_FILE_BYTES_MAX, "the file's maximum");
static const char file_name[] = "identity", magic[] = "PDid";
static const char seal_label[] = "paired/identity/v1", key_label[] = "paired/identity-key/v1";

struct state { // in secret_alloc memory
    uint64_t counter;
    size_t rotations_n, revocations_n;
    bool has_root;
    uint8_t root[RECOVERY_SECRET_BYTES];
    uint8_t identity_sk[crypto_sign_SECRETKEYBYTES]; // zeros when there is no root
    uint8_t device_seed[IDENTITY_SEED_BYTES];
    uint8_t device_sk[crypto_sign_SECRETKEYBYTES];
    uint8_t identity[IDENTITY_KEY_BYTES], device[IDENTITY_KEY_BYTES];
    uint8_t rotations[CHAIN_ROTATIONS_MAX * STATEMENT_BYTES_MAX];
    uint8_t revocations[CHAIN_REVOKED_MAX * STATEMENT_REVOKE_BYTES];
    uint8_t certificate[STATEMENT_BYTES_MAX];
};

struct identity {
    struct keyring *keyring;
    const char *dir;
    struct state *state;
};

static int no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

// ---------------------------------------------------------------------------------- keys and state

static int derive_identity(struct state *s, struct err *err) {
    uint8_t seed[crypto_sign_SEEDBYTES];
    int r = secret_hkdf(s->root, sizeof s->root, NULL, 0, key_label, sizeof key_label - 1, seed,
                        sizeof seed);
    if (r == 0)
        (void)crypto_sign_seed_keypair(s->identity, s->identity_sk, seed);
    secret_wipe(seed, sizeof seed);
    return r < 0 ? no_memory(err) : 0;
}

static void derive_device(struct state *s) {
    (void)crypto_sign_seed_keypair(s->device, s->device_sk, s->device_seed);
}

static void sign(struct state *s, enum statement_kind kind, const uint8_t *subject,
                 const uint8_t *subject_sk, int64_t now_ms, int64_t until_ms, uint8_t *ret) {
    // From the clock, so that an identity restored from words goes on above what it has said
    // before.
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0;
    s->counter = now > s->counter ? now : s->counter + 1;
    struct statement st = {
        .kind = kind, .counter = s->counter, .made_ms = (int64_t)now, .until_ms = until_ms};
    memcpy(st.identity, s->identity, sizeof st.identity);
    memcpy(st.subject, subject, sizeof st.subject);
    statement_sign(&st, s->identity_sk, subject_sk, ret);
}

static void certify(struct state *s, int64_t now_ms, int64_t until_ms) {
    sign(s, STATEMENT_DEVICE, s->device, s->device_sk, now_ms, until_ms, s->certificate);
}

static int need_root(const struct state *s, struct err *err) {
    return s->has_root ? 0
                       : err_set(err, ERR_KEY,
                                 "the identity key is not on this machine; its words are needed");
}

// -------------------------------------------------------------------------------------------- file

static int plain_chain(const struct state *s, struct buf *out) {
    return chain_format(s->rotations, s->rotations_n, s->revocations, s->revocations_n,
                        s->certificate, out);
}

static size_t plain_write(const struct state *s, uint8_t *to, struct err *err) {
    AUTO_BUF chain = BUF_INIT(CHAIN_BYTES_MAX);
    if (plain_chain(s, &chain) < 0) {
        (void)no_memory(err);
        return 0;
    }
    uint8_t *at = to;
    *at++ = s->has_root;
    memcpy(at, s->root, sizeof s->root);
    at += sizeof s->root;
    memcpy(at, s->device_seed, sizeof s->device_seed);
    at += sizeof s->device_seed;
    for (int i = 0; i < 8; i++)
        *at++ = (uint8_t)(s->counter >> (56 - 8 * i));
    memcpy(at, chain.data, chain.len);
    return (size_t)(at - to) + chain.len;
}

static int damaged(struct err *err) {
    return err_set(err, ERR_CORRUPT,
                   "the identity file is damaged or of another store; restore it from a copy, or "
                   "from the identity's words");
}

// What was sealed is ours; what it says is checked all the same, as far as it must fit together.
static int plain_read(const uint8_t *at, size_t n, struct state *s, struct err *err) {
    if (n < BEFORE_CHAIN_BYTES + CHAIN_HEAD_BYTES || at[0] > 1)
        return damaged(err);
    s->has_root = at[0];
    memcpy(s->root, at + 1, sizeof s->root);
    memcpy(s->device_seed, at + 1 + sizeof s->root, sizeof s->device_seed);
    for (int i = 0; i < 8; i++)
        s->counter = s->counter << 8 | at[BEFORE_CHAIN_BYTES - 8 + i];
    derive_device(s);
    const uint8_t *chain = at + BEFORE_CHAIN_BYTES;
    size_t left = n - BEFORE_CHAIN_BYTES - CHAIN_HEAD_BYTES;
    s->rotations_n = chain[1];
    s->revocations_n = chain[2];
    size_t rotations = s->rotations_n * STATEMENT_BYTES_MAX;
    size_t revocations = s->revocations_n * STATEMENT_REVOKE_BYTES;
    if (rotations > sizeof s->rotations || revocations > sizeof s->revocations ||
        left != rotations + revocations + STATEMENT_BYTES_MAX)
        return damaged(err);
    chain += CHAIN_HEAD_BYTES;
    memcpy(s->rotations, chain, rotations);
    memcpy(s->revocations, chain + rotations, revocations);
    memcpy(s->certificate, chain + rotations + revocations, STATEMENT_BYTES_MAX);
    struct statement st;
    if (statement_verify(s->certificate, sizeof s->certificate, &st, NULL) < 0 ||
        memcmp(st.subject, s->device, IDENTITY_KEY_BYTES) != 0)
        return damaged(err);
    if (s->has_root) {
        int r = derive_identity(s, err);
        if (r < 0)
            return r;
        if (memcmp(st.identity, s->identity, IDENTITY_KEY_BYTES) != 0)
            return damaged(err);
    }
    memcpy(s->identity, st.identity, sizeof s->identity);
    return 0;
}

struct cipher {
    struct seal *seal;
    struct seal_key *key; // in secret_alloc memory
};

static void cipher_done(struct cipher *c) {
    seal_free(c->seal);
    secret_free(c->key);
}

static int cipher_init(struct cipher *c, struct keyring *k, struct err *err) {
    uint8_t *raw = secret_alloc(KEYRING_KEY_BYTES);
    c->seal = seal_new();
    c->key = secret_alloc(sizeof *c->key);
    int r = raw && c->seal && c->key ? 0 : no_memory(err);
    if (r == 0)
        r = keyring_derive(k, seal_label, raw, err);
    if (r == 0 && seal_key_init(c->seal, c->key, raw) < 0)
        r = no_memory(err);
    secret_free(raw);
    return r;
}

static int write_state(struct keyring *k, const char *dir, const struct state *s, struct err *err) {
    uint8_t *plain = secret_alloc(PLAIN_BYTES_MAX);
    AUTO_FREE uint8_t *file = mem_alloc(AROUND_BYTES + PLAIN_BYTES_MAX);
    struct cipher c = {0};
    int r = plain && file ? cipher_init(&c, k, err) : no_memory(err);
    size_t n = r == 0 ? plain_write(s, plain, err) : 0;
    if (r == 0 && n == 0)
        r = ERR_NOMEM;
    if (r == 0) {
        uint8_t *nonce = file + HEAD_BYTES, *sealed = nonce + SEAL_NONCE_BYTES;
        memcpy(file, magic, MAGIC_BYTES);
        file[MAGIC_BYTES] = FILE_VERSION;
        secret_random(nonce, SEAL_NONCE_BYTES);
        struct seal_aad aad = {file, HEAD_BYTES};
        if (seal_encrypt(c.seal, c.key, nonce, aad, plain, n, sealed, sealed + n) < 0)
            r = no_memory(err);
    }
    if (r == 0)
        r = keys_write_private(dir, file_name, file, AROUND_BYTES + n, err);
    cipher_done(&c);
    secret_free(plain);
    return r;
}

static int open_file(struct keyring *k, const uint8_t *file, size_t n, struct state *s,
                     struct err *err) {
    if (n < AROUND_BYTES || n > AROUND_BYTES + PLAIN_BYTES_MAX ||
        memcmp(file, magic, MAGIC_BYTES) != 0)
        return damaged(err);
    if (file[MAGIC_BYTES] != FILE_VERSION)
        return err_set(err, ERR_VERSION, "the identity file has the version %u; this one reads %d",
                       file[MAGIC_BYTES], FILE_VERSION);
    size_t plain_n = n - AROUND_BYTES;
    const uint8_t *nonce = file + HEAD_BYTES, *sealed = nonce + SEAL_NONCE_BYTES;
    struct seal_aad aad = {file, HEAD_BYTES};
    struct cipher c = {0};
    uint8_t *plain = secret_alloc(PLAIN_BYTES_MAX);
    int r = plain ? cipher_init(&c, k, err) : no_memory(err);
    if (r == 0) {
        r = seal_decrypt(c.seal, c.key, nonce, aad, sealed, plain_n, sealed + plain_n, plain);
        r = r == ERR_CORRUPT ? damaged(err) : r < 0 ? no_memory(err) : 0;
    }
    if (r == 0)
        r = plain_read(plain, plain_n, s, err);
    cipher_done(&c);
    secret_free(plain);
    return r;
}

static int read_state(struct keyring *k, const char *dir, struct state *s, struct err *err) {
    char path[KEYRING_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, file_name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ERR_LIMIT, "the path of the store is too long");
    AUTO_FREE char *text = NULL;
    size_t bytes = 0;
    int r = keys_read_private(path, IDENTITY_FILE_BYTES_MAX, &text, &bytes, err);
    return r < 0 ? r : open_file(k, (const uint8_t *)text, bytes, s, err);
}

// ----------------------------------------------------------------------------- opening and
// restoring

// `root` NULL: a random one.
static int fresh(struct state *s, const uint8_t *root, int64_t now_ms, struct err *err) {
    if (root)
        memcpy(s->root, root, sizeof s->root);
    else
        secret_random(s->root, sizeof s->root);
    s->has_root = true;
    secret_random(s->device_seed, sizeof s->device_seed);
    derive_device(s);
    int r = derive_identity(s, err);
    if (r == 0)
        certify(s, now_ms, 0);
    return r;
}

static int make(struct keyring *k, const char *dir, struct state *s, struct identity **ret,
                struct err *err) {
    struct identity *id = mem_zalloc(sizeof *id);
    char *own = mem_strdup(dir);
    if (!id || !own) {
        mem_free(id);
        mem_free(own);
        return no_memory(err);
    }
    *id = (struct identity){.keyring = k, .dir = own, .state = s};
    *ret = id;
    return 0;
}

int identity_open(struct keyring *k, const char *dir, unsigned flags, int64_t now_ms,
                  struct identity **ret, struct err *err) {
    struct state *s = secret_alloc(sizeof *s);
    int r = s ? read_state(k, dir, s, err) : no_memory(err);
    if (r == ERR_NOT_FOUND) {
        if (!(flags & IDENTITY_CREATE))
            r = err_set(err, r, "there is no identity yet");
        else if ((r = fresh(s, NULL, now_ms, err)) == 0)
            r = write_state(k, dir, s, err);
    }
    if (r == 0)
        r = make(k, dir, s, ret, err);
    if (r < 0)
        secret_free(s);
    return r;
}

static int words_root(const char *words, size_t n, uint8_t *root, struct err *err) {
    return recovery_parse(RECOVERY_IDENTITY, words, n, root)
               ? 0
               : err_set(err, ERR_KEY,
                         "these are not the 21 words of an identity; look for a "
                         "mistyped one");
}

int identity_restore(struct keyring *k, const char *dir, const char *words, size_t n,
                     int64_t now_ms, struct identity **ret, struct err *err) {
    struct state *s = secret_alloc(sizeof *s);
    uint8_t root[RECOVERY_SECRET_BYTES];
    if (!s)
        return no_memory(err);
    int r = read_state(k, dir, s, err);
    // Also one that cannot be opened is kept: only its owner can say that it is lost.
    r = r == ERR_NOT_FOUND ? words_root(words, n, root, err)
        : r == 0           ? err_set(err, ERR_EXISTS, "this store has an identity already")
                           : r;
    if (r == 0) {
        memset(s, 0, sizeof *s);
        r = fresh(s, root, now_ms, err);
    }
    secret_wipe(root, sizeof root);
    if (r == 0)
        r = write_state(k, dir, s, err);
    if (r == 0)
        r = make(k, dir, s, ret, err);
    if (r < 0)
        secret_free(s);
    return r;
}

void identity_free(struct identity *id) {
    if (!id)
        return;
    secret_free(id->state);
    union {
        const char *in;
        void *out;
    } dir = {.in = id->dir};
    mem_free(dir.out);
    mem_free(id);
}

// ------------------------------------------------------------------------------------- asking it

const uint8_t *identity_key(const struct identity *id) {
    return id->state->identity;
}

const uint8_t *identity_device(const struct identity *id) {
    return id->state->device;
}

const uint8_t *identity_device_seed(const struct identity *id) {
    return id->state->device_seed;
}

void identity_sign(const struct identity *id, const void *bytes, size_t n,
                   uint8_t ret[IDENTITY_SIGNATURE_BYTES]) {
    (void)crypto_sign_detached(ret, NULL, bytes, n, id->state->device_sk);
}

int identity_chain(const struct identity *id, struct buf *out) {
    return plain_chain(id->state, out);
}

// The subject stands at the same place in every statement (docs/FEDERATION.md).
static const uint8_t *revoked_device(const struct state *s, size_t i) {
    return s->revocations + i * STATEMENT_REVOKE_BYTES + 2 + IDENTITY_KEY_BYTES;
}

static bool is_revoked(const struct state *s, const uint8_t *device) {
    for (size_t i = 0; i < s->revocations_n; i++)
        if (memcmp(revoked_device(s, i), device, IDENTITY_KEY_BYTES) == 0)
            return true;
    return false;
}

bool identity_revoked(const struct identity *id) {
    return is_revoked(id->state, id->state->device);
}

bool identity_stowed(const struct identity *id) {
    return !id->state->has_root;
}

int identity_words(const struct identity *id, char *words, size_t max, struct err *err) {
    int r = need_root(id->state, err);
    if (r == 0 && recovery_format(RECOVERY_IDENTITY, id->state->root, words, max) < 0)
        r = err_set(err, ERR_LIMIT, "the words of an identity need %d bytes",
                    IDENTITY_WORDS_BYTES_MAX);
    return r;
}

// --------------------------------------------------------------------------------------- changing
// it

// A copy to change; `keep` makes it the state once it is on disk, or throws it away.
static int copy(const struct identity *id, struct state **ret, struct err *err) {
    struct state *next = secret_alloc(sizeof *next);
    if (!next)
        return no_memory(err);
    *next = *id->state;
    *ret = next;
    return 0;
}

static int keep(struct identity *id, struct state *next, int r, struct err *err) {
    if (r == 0)
        r = write_state(id->keyring, id->dir, next, err);
    if (r < 0) {
        secret_free(next);
        return r;
    }
    secret_free(id->state);
    id->state = next;
    return 0;
}

int identity_stow(struct identity *id, struct err *err) {
    struct state *next = NULL;
    int r = need_root(id->state, err);
    if (r == 0)
        r = copy(id, &next, err);
    if (r < 0)
        return r;
    next->has_root = false;
    secret_wipe(next->root, sizeof next->root);
    secret_wipe(next->identity_sk, sizeof next->identity_sk);
    return keep(id, next, 0, err);
}

int identity_unstow(struct identity *id, const char *words, size_t n, struct err *err) {
    struct state *next = NULL;
    int r = copy(id, &next, err);
    if (r < 0)
        return r;
    r = words_root(words, n, next->root, err);
    if (r == 0)
        r = derive_identity(next, err);
    if (r == 0 && memcmp(next->identity, id->state->identity, IDENTITY_KEY_BYTES) != 0)
        r = err_set(err, ERR_KEY, "these are the words of another identity");
    next->has_root = true;
    return keep(id, next, r, err);
}

int identity_rotate(struct identity *id, int64_t now_ms, struct err *err) {
    struct state *next = NULL;
    int r = need_root(id->state, err);
    if (r == 0 && id->state->rotations_n == CHAIN_ROTATIONS_MAX)
        r = err_set(err, ERR_LIMIT, "an identity can be rotated %d times; pair anew with a new one",
                    CHAIN_ROTATIONS_MAX);
    if (r == 0)
        r = copy(id, &next, err);
    if (r < 0)
        return r;
    secret_random(next->root, sizeof next->root);
    r = derive_identity(next, err);
    if (r == 0) {
        struct state *old = id->state;
        uint8_t *to = next->rotations + next->rotations_n++ * STATEMENT_BYTES_MAX;
        uint64_t before = old->counter;
        sign(old, STATEMENT_ROTATE, next->identity, next->identity_sk, now_ms, 0, to);
        next->counter = old->counter;
        old->counter = before;
        next->revocations_n = 0; // they were about devices of the old key
        certify(next, now_ms, 0);
    }
    return keep(id, next, r, err);
}

// Sorted as a chain has them.
static int insert_revocation(struct state *s, const uint8_t *bytes, const struct statement *st,
                             struct err *err) {
    if (s->revocations_n == CHAIN_REVOKED_MAX)
        return err_set(
            err, ERR_LIMIT,
            "%d devices have been revoked; rotate the identity, which leaves them behind",
            CHAIN_REVOKED_MAX);
    size_t i = 0;
    struct statement other;
    for (; i < s->revocations_n; i++) {
        const uint8_t *at = s->revocations + i * STATEMENT_REVOKE_BYTES;
        int r = statement_verify(at, STATEMENT_REVOKE_BYTES, &other, err);
        if (r < 0)
            return r;
        if (other.counter > st->counter ||
            (other.counter == st->counter &&
             memcmp(other.subject, st->subject, IDENTITY_KEY_BYTES) > 0))
            break;
    }
    uint8_t *at = s->revocations + i * STATEMENT_REVOKE_BYTES;
    memmove(at + STATEMENT_REVOKE_BYTES, at, (s->revocations_n - i) * STATEMENT_REVOKE_BYTES);
    memcpy(at, bytes, STATEMENT_REVOKE_BYTES);
    s->revocations_n++;
    return 0;
}

int identity_revoke(struct identity *id, const uint8_t device[IDENTITY_KEY_BYTES], int64_t now_ms,
                    struct err *err) {
    struct state *next = NULL;
    int r = need_root(id->state, err);
    if (r == 0 && memcmp(device, id->state->device, IDENTITY_KEY_BYTES) == 0)
        r = err_set(err, ERR_INVAL, "a device does not revoke itself; do it on another one");
    if (r == 0 && memcmp(device, id->state->identity, IDENTITY_KEY_BYTES) == 0)
        r = err_set(err, ERR_INVAL, "this is the identity, not a device");
    if (r == 0 && is_revoked(id->state, device))
        r = err_set(err, ERR_EXISTS, "this device is revoked already");
    if (r == 0)
        r = copy(id, &next, err);
    if (r < 0)
        return r;
    uint8_t bytes[STATEMENT_BYTES_MAX];
    struct statement st;
    sign(next, STATEMENT_REVOKE, device, NULL, now_ms, 0, bytes);
    r = statement_verify(bytes, STATEMENT_REVOKE_BYTES, &st, err);
    if (r == 0)
        r = insert_revocation(next, bytes, &st, err);
    return keep(id, next, r, err);
}

int identity_certify(struct identity *id, int64_t now_ms, int64_t until_ms, struct err *err) {
    struct state *next = NULL;
    int r = need_root(id->state, err);
    if (r == 0 && until_ms != 0 && until_ms <= now_ms)
        r = err_set(err, ERR_INVAL, "a certificate that ends in the past is of no use");
    if (r == 0)
        r = copy(id, &next, err);
    if (r < 0)
        return r;
    certify(next, now_ms, until_ms);
    return keep(id, next, 0, err);
}

static int learn_rotation(struct state *s, const uint8_t *bytes, struct err *err) {
    if (s->rotations_n == CHAIN_ROTATIONS_MAX)
        return err_set(err, ERR_LIMIT, "the proof of an identity has too many statements");
    memmove(s->rotations + STATEMENT_BYTES_MAX, s->rotations, s->rotations_n * STATEMENT_BYTES_MAX);
    memcpy(s->rotations, bytes, STATEMENT_BYTES_MAX);
    s->rotations_n++;
    return 0;
}

static bool knows_rotation(const struct state *s, const uint8_t *bytes) {
    for (size_t i = 0; i < s->rotations_n; i++)
        if (memcmp(s->rotations + i * STATEMENT_BYTES_MAX, bytes, STATEMENT_BODY_BYTES) == 0)
            return true;
    return false;
}

int identity_learn(struct identity *id, const void *statement, size_t n, struct err *err) {
    const struct state *s = id->state;
    const uint8_t *first = s->rotations_n ? s->rotations + 2 : s->identity;
    struct statement st;
    int r = statement_verify(statement, n, &st, err);
    if (r < 0)
        return r;
    bool revokes =
        st.kind == STATEMENT_REVOKE && memcmp(st.identity, s->identity, IDENTITY_KEY_BYTES) == 0;
    bool rotates =
        st.kind == STATEMENT_ROTATE && memcmp(st.subject, first, IDENTITY_KEY_BYTES) == 0;
    if ((revokes && is_revoked(s, st.subject)) ||
        (st.kind == STATEMENT_ROTATE && knows_rotation(s, statement)))
        return 0;
    if (!revokes && !rotates)
        return err_set(err, ERR_KEY, "the statement is not one of this identity");
    struct state *next = NULL;
    r = copy(id, &next, err);
    if (r < 0)
        return r;
    r = revokes ? insert_revocation(next, statement, &st, err)
                : learn_rotation(next, statement, err);
    return keep(id, next, r, err);
}
