// A record: what is accepted is written again byte for byte, and the body lies within the input.
#include "core/base/mem.h"
#include "protocol/record.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct record r;
    struct err err = {0};
    int e = record_parse(data, size, &r, &err);
    if (e < 0) {
        assert(err.code == e && err.message[0]);
        return 0;
    }
    assert(r.body >= data && r.body + r.body_bytes + RECORD_SIGNATURE_BYTES == data + size);
    AUTO_BUF again = BUF_INIT(RECORD_BYTES_MAX);
    assert(record_format(&r, &again, NULL) == 0);
    assert(again.len == size && memcmp(again.data, data, size) == 0);
    return 0;
}
