// Checkpoints of audit logs, as a friend sends them: what is read is written the same way again.
#include "core/crypto/checkpoint.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    char again[CHECKPOINT_TEXT_BYTES_MAX];
    struct checkpoint c;
    struct err err = {0};
    int r = checkpoint_parse(text, size, &c, &err);
    assert(r == 0 || (r == ERR_PARSE && err.message[0]));
    if (r == 0)
        assert(checkpoint_format(&c, again) == size && memcmp(again, text, size) == 0);
    return 0;
}
