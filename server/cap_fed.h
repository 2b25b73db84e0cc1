// What the capabilities about federation share.
#pragma once

#include "core/base/fields.h"
#include "server/dispatch.h"
#include "server/fed_impl.h"

enum { FED_HEX_BYTES = 2 * RECORD_KEY_BYTES + 1 };
void fed_hex(const uint8_t *bytes, size_t n, char *ret); // 2 n + 1 bytes

// A peer by its whole name, or by at least 4 hexadecimal digits that its device or identity begins
// with. On the federation's thread. ERR_NOT_FOUND; ERR_EXISTS: several, the message names them.
int fed_peer_find(struct fed_core *core, struct text who, struct peersdb_peer *ret,
                  struct err *err);

// cap_fed_identity.c
struct identity_words_input {
    struct text words;
};
struct identity_device_input {
    struct text device;
};
extern const struct field identity_words_fields[], identity_device_fields[];
capability_fn fed_identity_show, fed_identity_words, fed_identity_stow, fed_identity_unstow,
    fed_identity_rotate, fed_identity_revoke, fed_identity_restore;
