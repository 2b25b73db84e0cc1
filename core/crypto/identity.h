// Who this engine is: the identity (an Ed25519 key of a person, 160 bits that fit on paper as 21
// words) and the device (an Ed25519 key of this engine alone, certified by the identity; what TLS
// shows). Statements and chains: core/crypto/statement.h.
//
// Kept in <dir>/identity, sealed by XAES-256-GCM under keyring_derive("paired/identity/v1"): a key
// of the master key, so that rotating data keys leaves it alone, and no other factor opens it than
// those of the store. The identity does not depend on the keyring: the words bring it back
// anywhere. The identity key may be put away (identity_stow): the engine goes on with its device
// key, and only certifying, rotating and revoking ask for the words.
//
// Secrets are in secret_alloc memory until identity_free, also when the keyring is locked
// meanwhile: who locks frees it. One owner thread. Every change is durable before it returns; on
// failure nothing has changed.
#pragma once

#include "core/base/buf.h"
#include "core/crypto/keyring.h"
#include "core/crypto/statement.h"

enum {
    IDENTITY_SEED_BYTES = 32,
    IDENTITY_WORDS_BYTES_MAX = KEYRING_RECOVERY_BYTES_MAX,
    IDENTITY_FILE_BYTES_MAX = 16 * 1024
};

struct identity;

enum identity_flags { IDENTITY_CREATE = 1 };
// The keyring and its directory are borrowed and outlive it. IDENTITY_CREATE: makes a new identity
// when there is none. ERR_NOT_FOUND, ERR_LOCKED, ERR_CORRUPT (damaged, or of another keyring),
// ERR_VERSION, ERR_PERM, ERR_NOMEM …
int identity_open(struct keyring *k, const char *dir, unsigned flags, int64_t now_ms,
                  struct identity **ret, struct err *err);
// The identity of these words with a new device. ERR_EXISTS: there is one already; ERR_KEY: these
// are no words of an identity. The caller wipes them.
int identity_restore(struct keyring *k, const char *dir, const char *words, size_t n,
                     int64_t now_ms, struct identity **ret, struct err *err);
void identity_free(struct identity *id); // wipes; accepts NULL

const uint8_t *identity_key(const struct identity *id);    // IDENTITY_KEY_BYTES
const uint8_t *identity_device(const struct identity *id); // IDENTITY_KEY_BYTES
// Of the device, for TLS; secret, borrowed.
const uint8_t *identity_device_seed(const struct identity *id);
// By the device. What is signed begins with a label of its purpose.
void identity_sign(const struct identity *id, const void *bytes, size_t n,
                   uint8_t ret[IDENTITY_SIGNATURE_BYTES]);
// Appends the chain that proves this device. ERR_LIMIT, ERR_NOMEM.
int identity_chain(const struct identity *id, struct buf *out);
// One of our own identity has said that this device is revoked: nothing is to be signed any more.
bool identity_revoked(const struct identity *id);

// Whether the identity key is here, or on paper alone.
bool identity_stowed(const struct identity *id);
// 21 words, terminated. ERR_KEY: stowed. ERR_LIMIT.
int identity_words(const struct identity *id, char *words, size_t max, struct err *err);
int identity_stow(struct identity *id,
                  struct err *err); // who has not written the words down loses it
// ERR_KEY: not the words of this identity.
int identity_unstow(struct identity *id, const char *words, size_t n, struct err *err);

// All three need the identity key (ERR_KEY when it is stowed).
// A new identity key, signed by the old one and certifying this device; the old one is wiped. The
// person's other devices need the new words; devices that were revoked before stay behind with the
// old key. ERR_LIMIT: CHAIN_ROTATIONS_MAX.
int identity_rotate(struct identity *id, int64_t now_ms, struct err *err);
// ERR_INVAL: this device itself; ERR_EXISTS: is revoked; ERR_LIMIT: CHAIN_REVOKED_MAX, rotate.
int identity_revoke(struct identity *id, const uint8_t device[IDENTITY_KEY_BYTES], int64_t now_ms,
                    struct err *err);
// Certifies this device anew, until `until_ms` (0: without end). ERR_INVAL: ends in the past.
int identity_certify(struct identity *id, int64_t now_ms, int64_t until_ms, struct err *err);

// A statement of our own identity that came from elsewhere: a revocation made on another device,
// or the rotation that led to the first key of our chain (lost when words are restored). 0 also
// when it is known. ERR_KEY: of another identity, and what statement_verify says.
int identity_learn(struct identity *id, const void *statement, size_t n, struct err *err);
