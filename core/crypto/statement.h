// What an identity says about keys, signed: "this device is mine", "this key follows me", "this
// device is mine no longer". And the chain of such statements that a device shows to be believed.
// Bytes: docs/FEDERATION.md, "Identity". Pure functions on foreign bytes; any thread, no clock.
// Signatures are Ed25519 (RFC 8032; encodings that are not canonical are refused).
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IDENTITY_KEY_BYTES = 32, // a public key
    IDENTITY_SIGNATURE_BYTES = 64,
    STATEMENT_VERSION = 1,
    STATEMENT_BODY_BYTES = 90,
    STATEMENT_BYTES_MAX = STATEMENT_BODY_BYTES + 2 * IDENTITY_SIGNATURE_BYTES,
    STATEMENT_REVOKE_BYTES = STATEMENT_BODY_BYTES + IDENTITY_SIGNATURE_BYTES,
    CHAIN_VERSION = 1,
    CHAIN_ROTATIONS_MAX = 8,
    CHAIN_REVOKED_MAX = 32,
    CHAIN_BYTES_MAX = 3 + (CHAIN_ROTATIONS_MAX + 1) * STATEMENT_BYTES_MAX +
                      CHAIN_REVOKED_MAX * STATEMENT_REVOKE_BYTES
};
// A clock may be this wrong before an end that has passed counts.
#define CHAIN_GRACE_MS (24 * 60 * 60 * (int64_t)1000)

enum statement_kind {
    STATEMENT_DEVICE = 1, // the subject is a device of the identity
    STATEMENT_ROTATE = 2, // the subject is the identity from now on
    STATEMENT_REVOKE = 3  // the subject is not to be believed as a device any more, for good
};
struct statement {
    enum statement_kind kind;
    uint8_t identity[IDENTITY_KEY_BYTES]; // who says it
    uint8_t subject[IDENTITY_KEY_BYTES];
    uint64_t counter; // from 1, rising with each statement of an engine; orders, proves nothing
    int64_t made_ms;  // for people; nothing is decided by it
    int64_t until_ms; // STATEMENT_DEVICE: its end, 0: none. Else 0
};

// The bytes that the statement has when signed; 0 for an unknown kind.
size_t statement_bytes(enum statement_kind kind);
// `identity_sk` and `subject_sk` are libsodium's 64 bytes (seed and public key); subject_sk is NULL
// for STATEMENT_REVOKE. identity and subject of *s must be their public keys (asserted).
void statement_sign(const struct statement *s, const uint8_t *identity_sk,
                    const uint8_t *subject_sk, uint8_t ret[STATEMENT_BYTES_MAX]);
// `n` is the statement's length exactly. ERR_PARSE (length, kind, a field that cannot be),
// ERR_VERSION, ERR_CORRUPT (a signature).
int statement_verify(const void *bytes, size_t n, struct statement *ret, struct err *err);

struct chain {
    uint8_t first[IDENTITY_KEY_BYTES];   // the identity before all rotations
    uint8_t current[IDENTITY_KEY_BYTES]; // and after them: the one to remember
    uint8_t device[IDENTITY_KEY_BYTES];
    struct statement certificate;
    bool rotated; // `current` is not the key that was expected, but follows it
    size_t rotations_n, revoked_n;
    uint8_t identities[CHAIN_ROTATIONS_MAX + 1][IDENTITY_KEY_BYTES]; // first … current
    uint8_t revoked[CHAIN_REVOKED_MAX][IDENTITY_KEY_BYTES];          // devices of `current`
};
struct chain_expect {
    const uint8_t *identity; // the one remembered of this peer; NULL: none yet
    const uint8_t *device;   // the key that the link has; NULL: any
    int64_t now_ms;
};
// Of a device: everything in it is checked, at most 50 signatures (2 ms).
// ERR_PARSE, ERR_VERSION, ERR_LIMIT (more statements than allowed), ERR_CORRUPT (a signature), all
// for foreign bytes; ERR_KEY: it is good, and of another identity or device than expected;
// ERR_PERM: the device is revoked, or its certificate has ended.
int chain_verify(const void *bytes, size_t n, const struct chain_expect *expect, struct chain *ret,
                 struct err *err);
// Puts a chain together: `certificate` in its signed form, the others one after the other.
int chain_format(const uint8_t *rotations, size_t rotations_n, const uint8_t *revocations,
                 size_t revocations_n, const uint8_t *certificate, struct buf *out);

// A key for people to compare: "k7md-2qxa-9f3c-hr5t", 80 bits of its hash.
enum { IDENTITY_SHORT_BYTES = 20 };
void identity_short(const uint8_t key[IDENTITY_KEY_BYTES], char ret[IDENTITY_SHORT_BYTES]);
