// BLAKE2b (RFC 7693) of bytes in memory, unkeyed. Any thread; cannot fail.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES_MIN = 16, DIGEST_BYTES_MAX = 64 };

// DIGEST_BYTES_MIN <= ret_bytes <= DIGEST_BYTES_MAX; digests of two lengths are unrelated.
void digest_bytes(const void *bytes, size_t n, uint8_t *ret, size_t ret_bytes);
