// XAES-256-GCM: AES-256-GCM with a 192-bit nonce, so that a random nonce per message is safe for as
// many messages as are ever written. Source: C2SP, XAES-256-GCM. AES comes from OpenSSL.
//
// Nonces must not repeat under a key. Drawn at random one by one they do not; where speed matters
// the first 12 bytes may stay the same for up to 2^20 messages with the last 12 drawn anew (the
// subkey is derived from the first half): such messages cost a third less.
//
// A `struct seal` holds the cipher contexts and belongs to one thread at a time; keep one per
// thread or connection. A `struct seal_key` is read-only once made and may be shared.
#pragma once

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SEAL_KEY_BYTES = 32, SEAL_NONCE_BYTES = 24, SEAL_TAG_BYTES = 16, SEAL_BLOCK_BYTES = 16 };

struct seal;
struct seal *seal_new(void);    // NULL when out of memory, or when libcrypto has no AES-256-GCM
void seal_free(struct seal *s); // accepts NULL

// A key with the part of its nonce derivation that depends on the key alone. Secret: keep it in
// secret_alloc memory, wipe it.
struct seal_key {
    uint8_t key[SEAL_KEY_BYTES];
    uint8_t k1[SEAL_BLOCK_BYTES]; // CMAC subkey K1
    uint64_t id;                  // unique in the process; a context recognises the key by it
};
int seal_key_init(struct seal *s, struct seal_key *ret, const uint8_t key[SEAL_KEY_BYTES]);

struct seal_aad {
    const void *bytes;
    size_t len;
};

// out has n bytes and may be `in`. 0 or ERR_LIMIT (n or aad over 2^31-1 bytes), ERR_NOMEM.
int seal_encrypt(struct seal *s, const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_BYTES],
                 struct seal_aad aad, const void *in, size_t n, void *out,
                 uint8_t ret_tag[SEAL_TAG_BYTES]);
// ERR_CORRUPT when the tag does not fit; `out` is zeroed then.
int seal_decrypt(struct seal *s, const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_BYTES],
                 struct seal_aad aad, const void *in, size_t n, const uint8_t tag[SEAL_TAG_BYTES],
                 void *out);

// One AES block under XEX (Rogaway 2004) with `tweak` as its number: a permutation that depends on
// the place. Not authenticated. In place.
int seal_block_encrypt(struct seal *s, const struct seal_key *k, uint64_t tweak,
                       uint8_t block[SEAL_BLOCK_BYTES]);
int seal_block_decrypt(struct seal *s, const struct seal_key *k, uint64_t tweak,
                       uint8_t block[SEAL_BLOCK_BYTES]);
