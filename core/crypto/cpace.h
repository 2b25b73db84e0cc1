// CPace: two sides that share a short secret get a strong key, and who does not know the secret
// learns nothing but whether one guess was right. Suite CPACE-RISTR255-SHA512 with explicit key
// confirmation. No I/O, no randomness of its own; one owner thread per exchange.
// Source: draft-irtf-cfrg-cpace-13 and later (sections 6, 7, 8, 10.4), RFC 9496, RFC 2104.
//
//     cpace_new → send cpace_message → cpace_finish(theirs) → send cpace_tag → cpace_check(theirs)
//     → cpace_derive. Who sends its tag first gives the other side one guess; nothing before does.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CPACE_MESSAGE_BYTES = 32,
    CPACE_TAG_BYTES = 64,
    CPACE_RANDOM_BYTES = 64,
    CPACE_SID_OUTPUT_BYTES = 64,
    CPACE_PRS_BYTES_MAX = 256, // the shared secret
    CPACE_CI_BYTES_MAX = 1024, // channel identifier
    CPACE_SID_BYTES_MAX = 64,  // session identifier
    CPACE_AD_BYTES_MAX = 256   // associated data of one side
};

// Initiator and responder: the initiator's message comes first. Symmetric: there is no order, and
// the two sides' associated data must differ.
enum cpace_role { CPACE_INITIATOR, CPACE_RESPONDER, CPACE_SYMMETRIC };

struct cpace_bytes {
    const void *bytes;
    size_t n;
};
struct cpace_config {
    enum cpace_role role;
    struct cpace_bytes prs, ci, sid, ad; // ad: of this side. Borrowed during cpace_new
};

struct cpace; // in secret_alloc memory
// `random`: fresh ones for each exchange; the caller wipes them. ERR_LIMIT (something over its
// maximum), ERR_NOMEM.
int cpace_new(const struct cpace_config *config, const uint8_t random[CPACE_RANDOM_BYTES],
              struct cpace **ret, struct err *err);
void cpace_free(struct cpace *c);                    // wipes; accepts NULL
const uint8_t *cpace_message(const struct cpace *c); // CPACE_MESSAGE_BYTES, for the other side

// The other side's message and associated data, once. ERR_INVAL: no point of the group, the neutral
// one, or our own message come back; the exchange is over then. ERR_LIMIT.
int cpace_finish(struct cpace *c, const uint8_t message[CPACE_MESSAGE_BYTES], const void *ad,
                 size_t n, struct err *err);
// After cpace_finish. The tag says that this side knows the key, and is over its own message.
void cpace_tag(const struct cpace *c, uint8_t ret[CPACE_TAG_BYTES]);
// ERR_KEY: another secret, channel, session or associated data there than here. Once: a second try
// is refused (ERR_KEY), whatever it is.
int cpace_check(struct cpace *c, const uint8_t tag[CPACE_TAG_BYTES], struct err *err);

// After cpace_check alone: keys of the exchange, HKDF-SHA512(ISK, label). ERR_NOMEM.
int cpace_derive(const struct cpace *c, const char *label, void *ret, size_t n);
// After cpace_finish: names the exchange, public, the same on both sides.
void cpace_sid_output(const struct cpace *c, uint8_t ret[CPACE_SID_OUTPUT_BYTES]);
