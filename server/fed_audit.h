// The audit log and the friends that witness it: makes a checkpoint, has the device sign it, and
// asks friends that are there to cosign it (federation/cosign). Asked is who is paired and to whom
// something is granted, either way: whom nothing was granted learns nothing of the log, not even
// how many entries it has. At most once an hour a friend, unless the log grew by
// FED_AUDIT_ENTRIES; each request is in the log itself. Any worker; takes as long as the slowest
// friend, at most some seconds.
#pragma once

#include "server/fed.h"

#include <jansson.h>

enum {
    FED_AUDIT_FIRST_MS = 60 * 1000, // after federation has started
    FED_AUDIT_EVERY_MS = 10 * 60 * 1000,
    FED_AUDIT_HOUR_S = 3600,
    FED_AUDIT_ENTRIES = 100,
    FED_AUDIT_PEERS_MAX = 64, // in one round
    FED_AUDIT_WAIT_MS = 30 * 1000
};

struct cosigned_last;
// Whether a friend who cosigned `last` is to be asked about a log of so many entries.
bool fed_audit_due(const struct cosigned_last *last, int64_t entries, int64_t now_ms);
// `now`: also whom it is not time for. *ret (may be NULL): {"entries", "peers":[{"device", "who",
// "entries", "problem"}]}; 0 also when a friend did not cosign. ERR_UNSUPPORTED: federation is off;
// ERR_NOT_FOUND: the log is empty.
int fed_audit_round(struct services *s, bool now, json_t **ret, struct err *err);
