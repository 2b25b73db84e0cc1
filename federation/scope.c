#include "federation/scope.h"

#include <sodium.h>
#include <string.h>

static const char label[] = "paired scope 1"; // with its NUL

void scope_id(const struct scope *s, uint8_t ret[RECORD_SCOPE_BYTES]) {
    uint8_t full[32];
    static const uint8_t none[RECORD_KEY_BYTES];
    bool friend = s->audience == SCOPE_FRIEND, group = s->audience == SCOPE_GROUP;
    uint8_t head[2] = {(uint8_t)s->kind, (uint8_t)s->audience};
    uint8_t length = group ? (uint8_t)strnlen(s->group, SCOPE_GROUP_BYTES_MAX) : 0;
    crypto_generichash_state h;
    (void)crypto_generichash_init(&h, group ? s->secret : none, sizeof none, sizeof full);
    (void)crypto_generichash_update(&h, (const uint8_t *)label, sizeof label);
    (void)crypto_generichash_update(&h, head, sizeof head);
    (void)crypto_generichash_update(&h, friend ? s->author : none, sizeof none);
    (void)crypto_generichash_update(&h, friend ? s->reader : none, sizeof none);
    (void)crypto_generichash_update(&h, &length, 1);
    (void)crypto_generichash_update(&h, (const uint8_t *)s->group, length);
    (void)crypto_generichash_final(&h, full, sizeof full);
    memcpy(ret, full, RECORD_SCOPE_BYTES);
}
