#include "core/crypto/statement.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    AT_VERSION = 0,
    AT_KIND = 1,
    AT_IDENTITY = 2,
    AT_SUBJECT = 34,
    AT_COUNTER = 66,
    AT_MADE = 74,
    AT_UNTIL = 82,
    CHAIN_HEAD_BYTES = 3
};
static_assert(AT_UNTIL + 8 == STATEMENT_BODY_BYTES, "the fields of a statement");
static_assert(crypto_sign_BYTES == IDENTITY_SIGNATURE_BYTES, "Ed25519");

// What is signed is label, NUL, role and body: never the bytes of anything else, and neither
// signature can stand for the other.
static const char label[] = "paired/statement/v1";
enum {
    ROLE_IDENTITY = 'I',
    ROLE_SUBJECT = 'S',
    SIGNED_BYTES = sizeof label + 1 + STATEMENT_BODY_BYTES
};

static void put_u64(uint8_t *at, uint64_t v) {
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *at) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

size_t statement_bytes(enum statement_kind kind) {
    switch (kind) {
    case STATEMENT_DEVICE:
    case STATEMENT_ROTATE:
        return STATEMENT_BYTES_MAX;
    case STATEMENT_REVOKE:
        return STATEMENT_REVOKE_BYTES;
    }
    return 0;
}

static void to_sign(const uint8_t *body, char role, uint8_t ret[SIGNED_BYTES]) {
    memcpy(ret, label, sizeof label);
    ret[sizeof label] = (uint8_t)role;
    memcpy(ret + sizeof label + 1, body, STATEMENT_BODY_BYTES);
}

void statement_sign(const struct statement *s, const uint8_t *identity_sk,
                    const uint8_t *subject_sk, uint8_t ret[STATEMENT_BYTES_MAX]) {
    uint8_t message[SIGNED_BYTES];
    assert(memcmp(identity_sk + 32, s->identity, IDENTITY_KEY_BYTES) == 0);
    assert((s->kind == STATEMENT_REVOKE) == (subject_sk == NULL));
    memset(ret, 0, STATEMENT_BYTES_MAX);
    ret[AT_VERSION] = STATEMENT_VERSION;
    ret[AT_KIND] = (uint8_t)s->kind;
    memcpy(ret + AT_IDENTITY, s->identity, IDENTITY_KEY_BYTES);
    memcpy(ret + AT_SUBJECT, s->subject, IDENTITY_KEY_BYTES);
    put_u64(ret + AT_COUNTER, s->counter);
    put_u64(ret + AT_MADE, (uint64_t)s->made_ms);
    put_u64(ret + AT_UNTIL, (uint64_t)s->until_ms);
    to_sign(ret, ROLE_IDENTITY, message);
    (void)crypto_sign_detached(ret + STATEMENT_BODY_BYTES, NULL, message, sizeof message,
                               identity_sk);
    if (!subject_sk)
        return;
    assert(memcmp(subject_sk + 32, s->subject, IDENTITY_KEY_BYTES) == 0);
    to_sign(ret, ROLE_SUBJECT, message);
    (void)crypto_sign_detached(ret + STATEMENT_REVOKE_BYTES, NULL, message, sizeof message,
                               subject_sk);
}

static int parse(const uint8_t *b, size_t n, struct statement *ret, struct err *err) {
    if (n < STATEMENT_BODY_BYTES)
        return err_set(err, ERR_PARSE, "a statement of an identity is cut off");
    if (b[AT_VERSION] != STATEMENT_VERSION)
        return err_set(err, ERR_VERSION,
                       "a statement of an identity has the version %u; this one reads %d",
                       b[AT_VERSION], STATEMENT_VERSION);
    struct statement s = {.kind = b[AT_KIND],
                          .counter = get_u64(b + AT_COUNTER),
                          .made_ms = (int64_t)get_u64(b + AT_MADE),
                          .until_ms = (int64_t)get_u64(b + AT_UNTIL)};
    memcpy(s.identity, b + AT_IDENTITY, sizeof s.identity);
    memcpy(s.subject, b + AT_SUBJECT, sizeof s.subject);
    if (statement_bytes(s.kind) == 0)
        return err_set(err, ERR_PARSE, "a statement of an identity has the unknown kind %u",
                       b[AT_KIND]);
    if (n != statement_bytes(s.kind))
        return err_set(err, ERR_PARSE, "a statement of an identity has not its length");
    if (s.counter == 0 || s.made_ms < 0 || s.until_ms < 0 ||
        (s.kind != STATEMENT_DEVICE && s.until_ms != 0))
        return err_set(err, ERR_PARSE, "a statement of an identity has a number that cannot be");
    if (memcmp(s.identity, s.subject, sizeof s.identity) == 0)
        return err_set(err, ERR_PARSE, "a statement of an identity is about its own key");
    *ret = s;
    return 0;
}

int statement_verify(const void *bytes, size_t n, struct statement *ret, struct err *err) {
    const uint8_t *b = bytes;
    uint8_t message[SIGNED_BYTES];
    struct statement s;
    int r = parse(b, n, &s, err);
    if (r < 0)
        return r;
    to_sign(b, ROLE_IDENTITY, message);
    bool good = crypto_sign_verify_detached(b + STATEMENT_BODY_BYTES, message, sizeof message,
                                            s.identity) == 0;
    if (good && s.kind != STATEMENT_REVOKE) {
        to_sign(b, ROLE_SUBJECT, message);
        good = crypto_sign_verify_detached(b + STATEMENT_REVOKE_BYTES, message, sizeof message,
                                           s.subject) == 0;
    }
    if (!good)
        return err_set(err, ERR_CORRUPT, "a statement of an identity has a wrong signature");
    *ret = s;
    return 0;
}

// ------------------------------------------------------------------------------------------- chain

static bool was_before(const struct chain *c, size_t n, const uint8_t *key) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(c->identities[i], key, IDENTITY_KEY_BYTES) == 0)
            return true;
    return false;
}

// Rotations lead from `first` to `current`, through no key twice.
static int verify_rotations(const uint8_t *at, struct chain *c, struct err *err) {
    for (size_t i = 0; i < c->rotations_n; i++, at += STATEMENT_BYTES_MAX) {
        struct statement s;
        int r = statement_verify(at, STATEMENT_BYTES_MAX, &s, err);
        if (r < 0)
            return r;
        if (i == 0) {
            memcpy(c->first, s.identity, IDENTITY_KEY_BYTES);
            memcpy(c->identities[0], s.identity, IDENTITY_KEY_BYTES);
        }
        if (s.kind != STATEMENT_ROTATE || was_before(c, i + 1, s.subject) ||
            memcmp(s.identity, c->identities[i], IDENTITY_KEY_BYTES) != 0)
            return err_set(err, ERR_PARSE, "the rotations of an identity do not follow each other");
        memcpy(c->identities[i + 1], s.subject, IDENTITY_KEY_BYTES);
    }
    return 0;
}

static int verify_certificate(const uint8_t *at, struct chain *c, struct err *err) {
    struct statement *s = &c->certificate;
    int r = statement_verify(at, STATEMENT_BYTES_MAX, s, err);
    if (r < 0)
        return r;
    if (c->rotations_n == 0) {
        memcpy(c->first, s->identity, IDENTITY_KEY_BYTES);
        memcpy(c->identities[0], s->identity, IDENTITY_KEY_BYTES);
    }
    memcpy(c->current, c->identities[c->rotations_n], IDENTITY_KEY_BYTES);
    memcpy(c->device, s->subject, IDENTITY_KEY_BYTES);
    if (s->kind != STATEMENT_DEVICE || memcmp(s->identity, c->current, IDENTITY_KEY_BYTES) != 0)
        return err_set(err, ERR_PARSE, "the certificate of a device is not of its identity");
    return 0;
}

// Ascending by counter, then by device: one chain is written in one way.
static int verify_revocations(const uint8_t *at, struct chain *c, struct err *err) {
    uint64_t last = 0;
    for (size_t i = 0; i < c->revoked_n; i++, at += STATEMENT_REVOKE_BYTES) {
        struct statement s;
        int r = statement_verify(at, STATEMENT_REVOKE_BYTES, &s, err);
        if (r < 0)
            return r;
        bool after =
            s.counter > last || (s.counter == last && i &&
                                 memcmp(s.subject, c->revoked[i - 1], IDENTITY_KEY_BYTES) > 0);
        if (s.kind != STATEMENT_REVOKE || !after ||
            memcmp(s.identity, c->current, IDENTITY_KEY_BYTES) != 0)
            return err_set(err, ERR_PARSE, "the revocations of an identity are not in order");
        last = s.counter;
        memcpy(c->revoked[i], s.subject, IDENTITY_KEY_BYTES);
    }
    return 0;
}

static int judge(struct chain *c, const struct chain_expect *expect, struct err *err) {
    if (expect->device && memcmp(expect->device, c->device, IDENTITY_KEY_BYTES) != 0)
        return err_set(err, ERR_KEY, "the certificate is of another device than this one");
    bool known = !expect->identity;
    for (size_t i = 0; i <= c->rotations_n && !known; i++)
        known = memcmp(expect->identity, c->identities[i], IDENTITY_KEY_BYTES) == 0;
    if (!known)
        return err_set(err, ERR_KEY,
                       "this is not the identity that was paired with, and does not follow it");
    c->rotated = expect->identity && memcmp(expect->identity, c->current, IDENTITY_KEY_BYTES) != 0;
    for (size_t i = 0; i < c->revoked_n; i++)
        if (memcmp(c->revoked[i], c->device, IDENTITY_KEY_BYTES) == 0)
            return err_set(err, ERR_PERM, "this device has been revoked by its owner");
    int64_t until = c->certificate.until_ms;
    if (until != 0 && expect->now_ms > until && expect->now_ms - until > CHAIN_GRACE_MS)
        return err_set(err, ERR_PERM,
                       "the certificate of this device has ended; its owner renews "
                       "it");
    return 0;
}

int chain_verify(const void *bytes, size_t n, const struct chain_expect *expect, struct chain *ret,
                 struct err *err) {
    const uint8_t *b = bytes;
    if (n < CHAIN_HEAD_BYTES)
        return err_set(err, ERR_PARSE, "the proof of an identity is cut off");
    if (b[0] != CHAIN_VERSION)
        return err_set(err, ERR_VERSION,
                       "the proof of an identity has the version %u; this one reads %d", b[0],
                       CHAIN_VERSION);
    if (b[1] > CHAIN_ROTATIONS_MAX || b[2] > CHAIN_REVOKED_MAX)
        return err_set(err, ERR_LIMIT, "the proof of an identity has too many statements");
    size_t rotations = b[1] * (size_t)STATEMENT_BYTES_MAX;
    size_t revocations = b[2] * (size_t)STATEMENT_REVOKE_BYTES;
    if (n != CHAIN_HEAD_BYTES + rotations + revocations + STATEMENT_BYTES_MAX)
        return err_set(err, ERR_PARSE, "the proof of an identity has not its length");
    AUTO_FREE struct chain *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->rotations_n = b[1];
    c->revoked_n = b[2];
    const uint8_t *at = b + CHAIN_HEAD_BYTES;
    int r = verify_rotations(at, c, err);
    if (r == 0)
        r = verify_certificate(at + rotations + revocations, c, err);
    if (r == 0)
        r = verify_revocations(at + rotations, c, err);
    if (r == 0)
        r = judge(c, expect, err);
    if (r == 0)
        *ret = *c;
    return r;
}

int chain_format(const uint8_t *rotations, size_t rotations_n, const uint8_t *revocations,
                 size_t revocations_n, const uint8_t *certificate, struct buf *out) {
    assert(rotations_n <= CHAIN_ROTATIONS_MAX && revocations_n <= CHAIN_REVOKED_MAX);
    size_t before = out->len;
    const uint8_t head[CHAIN_HEAD_BYTES] = {CHAIN_VERSION, (uint8_t)rotations_n,
                                            (uint8_t)revocations_n};
    int r = buf_append(out, head, sizeof head);
    if (r == 0 && rotations_n)
        r = buf_append(out, rotations, rotations_n * STATEMENT_BYTES_MAX);
    if (r == 0 && revocations_n)
        r = buf_append(out, revocations, revocations_n * STATEMENT_REVOKE_BYTES);
    if (r == 0)
        r = buf_append(out, certificate, STATEMENT_BYTES_MAX);
    if (r < 0)
        out->len = before;
    return r;
}

void identity_short(const uint8_t key[IDENTITY_KEY_BYTES], char ret[IDENTITY_SHORT_BYTES]) {
    // Base 32 without the letters that look like figures.
    static const char digits[] = "23456789abcdefghjkmnpqrstuvwxyz0";
    static const char context[] = "paired/identity-short/v1";
    uint8_t hash[32];
    secret_hash(NULL, context, sizeof context - 1, key, IDENTITY_KEY_BYTES, hash);
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        size_t bit = i * 5;
        unsigned two = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
        if (i && i % 4 == 0)
            ret[at++] = '-';
        ret[at++] = digits[two >> (11 - bit % 8) & 31];
    }
    ret[at] = '\0';
}
