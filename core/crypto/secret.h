// Memory for keys: guard pages around it, locked against swapping where RLIMIT_MEMLOCK allows, left
// out of core dumps, wiped when freed. And the key derivations. Any thread.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libsodium must be ready before anything of core/crypto: idempotent. ERR_UNSUPPORTED.
int secret_init(struct err *err);

// Zeroed; NULL when out of memory. Costs four pages; for keys, not for messages.
void *secret_alloc(size_t n);
void secret_free(void *p); // accepts NULL
// Whether the system let us lock a page: false means that keys may reach the swap (for `doctor`).
bool secret_lockable(void);
void secret_wipe(void *p, size_t n);
bool secret_equal(const void *a, const void *b, size_t n); // in constant time
void secret_random(void *out, size_t n);

// RFC 5869 with SHA-512. salt may be NULL (n_salt 0). out_n at most 255 * 64.
int secret_hkdf(const void *key, size_t n_key, const void *salt, size_t n_salt, const void *info,
                size_t n_info, void *out, size_t out_n);
// RFC 9106 Argon2id, one lane. salt has 16 bytes. ERR_NOMEM.
enum { SECRET_ARGON_SALT_BYTES = 16 };
int secret_argon(const char *pass, size_t n, const uint8_t *salt, uint32_t passes, size_t bytes,
                 void *out, size_t out_n);
// BLAKE2b-256 keyed with 32 bytes (key NULL: unkeyed) over two parts; `b` may be NULL.
void secret_hash(const uint8_t *key, const void *a, size_t n_a, const void *b, size_t n_b,
                 uint8_t out[32]);
