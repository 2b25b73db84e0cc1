// The engine's federation: one thread with its own loop, on which everything of federation/ runs
// (node, links, sync, pairing, peers.db, discovery), so that neither a slow disk, a peer nor a hung
// daemon is felt by an editor. Off until the user switches it on (federation.enabled): then there
// is no thread, no socket, no file of it.
//
// Capabilities run on workers and reach it by fed_run(); what comes in from peers reaches the
// engine's other parts by services of server/fed_*.c. docs/decisions/0007-federation.md.
#pragma once

#include "core/base/env.h"
#include "core/crypto/identity.h"
#include "core/store/consent.h"
#include "federation/node.h"
#include "federation/peersdb.h"
#include "federation/scope.h"
#include "server/dispatch.h"

enum { FED_RUN_MS = 10 * 1000, FED_WAITING_MAX = 256 };

struct fed;
struct fed_core; // the state of the running thread (server/fed_impl.h)

// Work for the federation's thread; does not block. What it returns fed_run returns.
typedef int fed_fn(struct fed_core *core, void *arg, struct err *err);
// Any worker; waits until fn has run. ERR_UNSUPPORTED: federation is off, the message says how it
// is switched on; ERR_BUSY (FED_WAITING_MAX), ERR_CLOSED (it is ending), what kept it from starting
// (ERR_LOCKED …). When it returns ERR_TIMEOUT fn has not run, and will not.
int fed_run(struct services *s, fed_fn *fn, void *arg, struct err *err);

// What is to be shared: a finished body, already scrubbed, under a grant that stands (checked again
// on the thread right before it is signed). Any worker. `ret_id` is filled when it is durable.
// ERR_PERM: no grant; ERR_NOT_FOUND: no such friend.
struct fed_record {
    struct scope scope;       // author is filled in
    struct consent_pass pass; // of the grant that lets it go
    const void *body;
    size_t body_bytes;         // RECORD_BODY_BYTES_MAX
    int64_t expires_ms;        // 0: never
    const uint8_t *supersedes; // RECORD_ID_BYTES, or NULL
};
int fed_publish(struct services *s, const struct fed_record *r, uint8_t ret_id[RECORD_ID_BYTES],
                struct err *err);
// Takes one of our own records back everywhere: a revocation, with a reason (may be NULL).
int fed_take_back(struct services *s, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                  struct err *err);
