// The messages of pairing as bytes, both ways; docs/FEDERATION.md, "Pairing", has them byte by
// byte. One message is written in one way only. Pure functions on foreign bytes; any thread.
#pragma once

#include "core/base/buf.h"
#include "core/crypto/cpace.h"
#include "core/crypto/statement.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PAIR_VERSION = 1,
    PAIR_SID_BYTES = 16,
    PAIR_MAC_BYTES = 32,
    PAIR_NAME_BYTES_MAX = 64, // UTF-8 without its NUL
    PAIR_SCOPES_MAX = 16,
    PAIR_SCOPE_BYTES_MAX = 24, // without its NUL
    PAIR_MESSAGE_BYTES_MAX = 2 + 1 + PAIR_NAME_BYTES_MAX + 2 + CHAIN_BYTES_MAX +
                             2 * (1 + PAIR_SCOPES_MAX * (1 + PAIR_SCOPE_BYTES_MAX)) + PAIR_MAC_BYTES
};

// Names of scopes, "a…z 0…9 . : -", strictly ascending.
struct pair_scopes {
    size_t n;
    char names[PAIR_SCOPES_MAX][PAIR_SCOPE_BYTES_MAX + 1];
};
// Keeps the order; what is there already stays once. ERR_INVAL, ERR_LIMIT.
int pair_scopes_add(struct pair_scopes *s, const char *name, size_t n, struct err *err);
bool pair_scopes_has(const struct pair_scopes *s, const char *name);

enum pair_type {
    PAIR_HELLO = 1,     // guest: a number and half a key exchange
    PAIR_REPLY = 2,     // host: the other half
    PAIR_PROOF = 3,     // guest, then host: knows the key
    PAIR_INTRODUCE = 4, // each: who it is and what it proposes
    PAIR_VERDICT = 5,   // each: what its user said
    PAIR_REFUSE = 6     // either: it is over, why
};
enum pair_reason {
    PAIR_NO_CODE = 1,   // no code with this number is open here
    PAIR_WRONG = 2,     // the words were not right; the code is dead
    PAIR_BUSY = 3,      // too many try at once
    PAIR_CLOSED = 4,    // withdrawn, used or run out of time
    PAIR_MALFORMED = 5, // a message that cannot be, or not now
    PAIR_IDENTITY = 6   // its identity does not prove what it must
};

struct pair_message {
    enum pair_type type;
    uint16_t number;                    // HELLO
    uint8_t sid[PAIR_SID_BYTES];        // HELLO
    uint8_t share[CPACE_MESSAGE_BYTES]; // HELLO, REPLY
    uint8_t tag[CPACE_TAG_BYTES];       // PROOF
    char name[PAIR_NAME_BYTES_MAX + 1]; // INTRODUCE
    const uint8_t *chain;               // INTRODUCE; borrows from the message
    size_t chain_n;
    struct pair_scopes give, want; // INTRODUCE; VERDICT: `give` is what was granted
    bool yes;                      // VERDICT
    enum pair_reason reason;       // REFUSE
    const uint8_t *mac;            // INTRODUCE, VERDICT: over everything before it; borrows
};
// ERR_PARSE, ERR_VERSION, ERR_LIMIT. Nothing is verified: mac, tag and chain are the caller's.
int pair_message_parse(const uint8_t *bytes, size_t n, struct pair_message *ret, struct err *err);
// Appends; PAIR_INTRODUCE and PAIR_VERDICT without their mac. ERR_NOMEM, ERR_LIMIT.
int pair_message_format(const struct pair_message *m, struct buf *out);
// Whether a name may be shown: 1 to PAIR_NAME_BYTES_MAX bytes of UTF-8, nothing that moves the
// cursor, hides, or turns the direction of text.
bool pair_name_good(const char *name, size_t n);
