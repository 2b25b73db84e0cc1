// Between the backends*.c files only.
#pragma once

#include "core/store/backends.h"

// Makes it uniform. ERR_INVAL, ERR_LIMIT.
int backend_check(struct backend *b, struct err *err);

// Sealed under a key derived from the store's master key, bound to name and URL: nonce, tag,
// ciphertext. `out` has n + BACKEND_SEALED_EXTRA bytes.
int backend_seal(struct store *s, const struct backend *b, const char *key, size_t n, uint8_t *out,
                 struct err *err);
int backend_unseal(struct store *s, const struct backend *b, const void *sealed, size_t n,
                   char out[BACKEND_KEY_BYTES_MAX + 1], struct err *err);
