// store.keys and typed recovery words: what a file or a user may hand us.
#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct keys_file a, b;
    uint8_t secret[RECOVERY_SECRET_BYTES], again[RECOVERY_SECRET_BYTES];
    char words[KEYRING_RECOVERY_BYTES_MAX];
    const char *text = (const char *)data;
    keyring_test_argon_bytes(64 * 1024);
    if (keys_file_parse(text, size, &a, NULL) == 0) {
        // What was accepted is written in one way only, and read back as the same.
        char *first = keys_file_format(&a);
        assert(first && keys_file_parse(first, strlen(first), &b, NULL) == 0);
        char *second = keys_file_format(&b);
        assert(second && strcmp(first, second) == 0);
        mem_free(first);
        mem_free(second);
    }
    if (recovery_parse(RECOVERY_STORE, text, size, secret)) {
        assert(recovery_format(RECOVERY_STORE, secret, words, sizeof words) == 0);
        assert(recovery_parse(RECOVERY_STORE, words, strlen(words), again));
        assert(memcmp(secret, again, sizeof secret) == 0);
    }
    return 0;
}
