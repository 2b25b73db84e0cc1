#include "tests/unit/federation/records_maker.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void maker_init(struct maker *m, uint8_t seed) {
    uint8_t key[32], bytes[32];
    memset(bytes, seed, sizeof bytes);
    assert(sodium_init() >= 0);
    *m = (struct maker){0};
    assert(crypto_sign_seed_keypair(key, m->secret, bytes) == 0);
    m->signer = records_signer_of(m->secret);
}

struct record maker_record(struct maker *m, uint8_t *body, size_t n) {
    struct record r = {.kind = RECORD_PATTERN,
                       .counter = ++m->counter,
                       .created_ms = MAKER_NOW_MS,
                       .body = body,
                       .body_bytes = n};
    uint8_t seed[32] = {0};
    memcpy(seed, &m->counter, sizeof m->counter);
    seed[8] = m->secret[0];
    randombytes_buf_deterministic(body, n, seed);
    memset(r.scope, 0x53, sizeof r.scope);
    return r;
}

void maker_sign(struct maker *m, struct record *r, struct buf *out, uint8_t id[RECORD_ID_BYTES]) {
    m->signer.ctx = m->secret; // the maker may have been moved
    assert(records_sign(r, &m->signer, out, id, NULL) == 0);
}
