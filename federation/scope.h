// A scope is one set of records that two engines bring to agree: a kind, who may write in it, who
// may read it. Each grant lets one scope through. Both sides compute the same 16 bytes from what
// they know anyway; whoever does not know both identities cannot tell whose scope it is.
// Pure; any thread. Source: docs/FEDERATION.md, "Scopes".
#pragma once

#include "protocol/record.h"

enum scope_audience {
    SCOPE_FRIEND = 1, // written by one identity for one other: two scopes a pair and kind
    SCOPE_GROUP,      // written and read by all its members
    SCOPE_EVERYONE    // written by anyone, read by whoever is paired
};
enum { SCOPE_GROUP_BYTES_MAX = 64 };

struct scope {
    enum record_kind kind; // PATTERN … MILESTONE: revocations and receipts are in what they concern
    enum scope_audience audience;
    uint8_t author[RECORD_KEY_BYTES]; // FRIEND: identity that writes
    uint8_t reader[RECORD_KEY_BYTES]; // FRIEND: identity that reads
    // GROUP: its name and a secret of 32 bytes that its members share (zeros: an open group).
    char group[SCOPE_GROUP_BYTES_MAX + 1];
    uint8_t secret[32];
};

// The first 16 bytes of BLAKE2b-256 keyed with `secret` over
//   "paired scope 1" NUL, u8 kind, u8 audience, author, reader, u8 length of group, group
// where what the audience does not have is zeros.
void scope_id(const struct scope *s, uint8_t ret[RECORD_SCOPE_BYTES]);
