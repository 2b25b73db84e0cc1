#include "federation/beacon.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { HEAD_BYTES = 32, SLOT_BYTES = 12, SEAL_BYTES = 16 };
static_assert(HEAD_BYTES + TAG_GROUP * SLOT_BYTES == BEACON_BYTES,
              "the size is part of the format");
static_assert((int)BEACON_BYTES <= (int)NET_DATAGRAM_BYTES_MAX, "one datagram");

static const uint8_t magic[4] = {'P', 'R', 'D', 1};

int beacon_parse(const uint8_t *bytes, size_t n, struct beacon_datagram *ret) {
    if (n != BEACON_BYTES || memcmp(bytes, magic, sizeof magic) != 0 || bytes[4] < BEACON_NEW ||
        bytes[4] > BEACON_ANSWER || bytes[5] || bytes[6] || bytes[7])
        return ERR_PARSE;
    const uint8_t *at = bytes + HEAD_BYTES;
    for (int i = 1; i < TAG_GROUP; i++)
        if (memcmp(at + (i - 1) * SLOT_BYTES, at + i * SLOT_BYTES, TAG_BYTES) >= 0)
            return ERR_PARSE;
    ret->kind = (enum beacon_kind)bytes[4];
    memcpy(ret->nonce, bytes + 8, sizeof ret->nonce);
    for (int i = 0; i < TAG_GROUP; i++, at += SLOT_BYTES) {
        memcpy(ret->slots[i].tag, at, TAG_BYTES);
        memcpy(ret->slots[i].port, at + TAG_BYTES, 2);
        memcpy(ret->slots[i].check, at + TAG_BYTES + 2, 2);
    }
    return 0;
}

void beacon_write(const struct beacon_datagram *d, uint8_t ret[BEACON_BYTES]) {
    memset(ret, 0, HEAD_BYTES);
    memcpy(ret, magic, sizeof magic);
    ret[4] = (uint8_t)d->kind;
    memcpy(ret + 8, d->nonce, sizeof d->nonce);
    uint8_t *at = ret + HEAD_BYTES;
    for (int i = 0; i < TAG_GROUP; i++, at += SLOT_BYTES) {
        memcpy(at, d->slots[i].tag, TAG_BYTES);
        memcpy(at + TAG_BYTES, d->slots[i].port, 2);
        memcpy(at + TAG_BYTES + 2, d->slots[i].check, 2);
    }
}

// What hides the port (without it) or proves it (with it).
static void seal(const struct beacon_datagram *d, const uint8_t key[TAG_KEY_BYTES],
                 const uint8_t port[2], uint8_t ret[2]) {
    uint8_t said[1 + BEACON_NONCE_BYTES + 2], out[SEAL_BYTES];
    said[0] = (uint8_t)d->kind;
    memcpy(said + 1, d->nonce, BEACON_NONCE_BYTES);
    if (port)
        memcpy(said + 1 + BEACON_NONCE_BYTES, port, 2);
    (void)crypto_generichash(out, sizeof out, said, sizeof said - (port ? 0 : 2), key,
                             TAG_KEY_BYTES);
    memcpy(ret, out, 2);
}

void beacon_make(enum beacon_kind kind, const uint8_t nonce[BEACON_NONCE_BYTES],
                 const struct tag tags[TAG_GROUP], uint16_t port, struct beacon_datagram *ret) {
    const uint8_t plain[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    ret->kind = kind;
    memcpy(ret->nonce, nonce, sizeof ret->nonce);
    for (int i = 0; i < TAG_GROUP; i++) {
        struct beacon_slot *s = &ret->slots[i];
        memcpy(s->tag, tags[i].tag, sizeof s->tag);
        seal(ret, tags[i].key, NULL, s->port);
        s->port[0] ^= plain[0];
        s->port[1] ^= plain[1];
        seal(ret, tags[i].key, plain, s->check);
    }
}

bool beacon_open(const struct beacon_datagram *d, const struct beacon_slot *slot,
                 const uint8_t key[TAG_KEY_BYTES], uint16_t *ret_port) {
    uint8_t plain[2], check[2];
    seal(d, key, NULL, plain);
    plain[0] ^= slot->port[0];
    plain[1] ^= slot->port[1];
    seal(d, key, plain, check);
    if (memcmp(check, slot->check, sizeof check) != 0)
        return false;
    *ret_port = (uint16_t)(plain[0] << 8 | plain[1]);
    return true;
}
