// Between consent*.c.
#pragma once

#include "core/store/consent.h"

// SHA-256 of the words that are shown today; false: no such kind.
bool consent_hash(const char *kind, enum consent_direction d, uint8_t out[CONSENT_HASH_BYTES]);
