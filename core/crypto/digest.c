#include "core/crypto/digest.h"

#include <assert.h>
#include <sodium.h>

void digest_bytes(const void *bytes, size_t n, uint8_t *ret, size_t ret_bytes) {
    assert(ret_bytes >= DIGEST_BYTES_MIN && ret_bytes <= DIGEST_BYTES_MAX);
    int ready = sodium_init(); // picks the fast code; again is cheap and harmless
    assert(ready >= 0);
    (void)crypto_generichash(ret, ret_bytes, bytes, n, NULL, 0);
}
