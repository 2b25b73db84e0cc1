// Statements of an identity and the chains that devices show: the first thing a stranger hands us.
// The first byte chooses.
#include "core/base/buf.h"
#include "core/crypto/statement.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct chain c;
    if (size == 0)
        return 0;
    if (data[0] == 's') {
        struct statement s;
        if (statement_verify(data + 1, size - 1, &s, NULL) == 0)
            assert(statement_bytes(s.kind) == size - 1 && s.counter > 0);
        return 0;
    }
    struct chain_expect e = {.now_ms = 1000};
    struct err err = {0};
    int r = chain_verify(data + 1, size - 1, &e, &c, &err);
    assert(r == 0 || err.message[0] != '\0');
    if (r == 0) { // what is accepted is written in one way only
        AUTO_BUF b = BUF_INIT(CHAIN_BYTES_MAX);
        const uint8_t *at = data + 1 + 3, *revoked = at + c.rotations_n * STATEMENT_BYTES_MAX;
        assert(chain_format(at, c.rotations_n, revoked, c.revoked_n,
                            revoked + c.revoked_n * STATEMENT_REVOKE_BYTES, &b) == 0);
        assert(b.len == size - 1 && memcmp(b.data, data + 1, b.len) == 0);
    }
    return 0;
}
