// What people call their friends: the names of peers.db, for lists and command lines. With
// federation off, or not running, there are none, and keys stand for themselves. Any worker.
#pragma once

#include "server/fed.h"

struct fed_name {
    uint8_t device[RECORD_KEY_BYTES], identity[RECORD_KEY_BYTES];
    char name[PEERSDB_NAME_BYTES_MAX];
};
struct fed_names {
    size_t count;
    struct fed_name *items; // by name, then device
    bool off;               // federation does not run: nothing is known
};
// ERR_NOMEM, ERR_IO …
int fed_names_load(struct services *s, struct fed_names *ret, struct err *err);
void fed_names_done(struct fed_names *n);

// "anna 1f1f1f1f"; without a name "1f1f1f1f". Of a device or an identity.
enum { FED_NAMED_BYTES_MAX = PEERSDB_NAME_BYTES_MAX + 16 };
void fed_names_put(const struct fed_names *n, const uint8_t key[RECORD_KEY_BYTES],
                   char out[FED_NAMED_BYTES_MAX]);
// The identity of a friend by its whole name, or at least 4 hexadecimal digits that it or one of
// its devices begins with. ERR_NOT_FOUND, ERR_EXISTS: several.
int fed_names_find(const struct fed_names *n, const char *word, uint8_t ret[RECORD_KEY_BYTES],
                   struct err *err);
