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
#include "core/store/audit.h"
#include "core/store/consent.h"
#include "federation/node.h"
#include "federation/peersdb.h"
#include "federation/scope.h"
#include "server/dispatch.h"

enum { FED_RUN_MS = 10 * 1000, FED_WAITING_MAX = 256 };

struct fed;
struct fed_core; // the state of the running thread (server/fed_impl.h)

enum fed_state {
    FED_OFF,
    FED_STARTING,
    FED_RUNNING,
    FED_LOCKED, // the store is: it starts by itself when that is unlocked
    FED_FAILED  // tried again every few seconds
};
const char *fed_state_name(enum fed_state state); // "off" …

// --- the engine's own (main loop, except fed_apply and fed_before_lock)
// Starts nothing. `services` is borrowed. `expected`: fed_apply will follow and start it, so that
// who asks before waits.
int fed_new(struct services *services, bool expected, struct fed **ret, struct err *err);
// Starts or stops the thread as the setting says; waits for an end. On a worker.
// `anyway`: whatever the setting says, from now on (`paired --federate`).
void fed_apply(struct fed *f, bool anyway);
// Stops the thread, runs fn, and leaves it stopped until fed_apply. On a worker.
int fed_while_stopped(struct fed *f, int (*fn)(void *ctx, struct err *err), void *ctx,
                      struct err *err);
// Closes what uses the keys of the store, which is about to be locked. On a worker.
void fed_before_lock(struct fed *f);
// Ends the thread; fed_run answers ERR_CLOSED from now on. Before the store is closed.
void fed_stop(struct fed *f); // accepts NULL
void fed_free(struct fed *f); // after the pool; accepts NULL

// --- any thread
enum fed_state fed_state(struct fed *f, struct err *ret_why);
// Friends' sessions that stand just now.
unsigned fed_connected(const struct fed *f);
void fed_count(struct fed *f, int change); // by the thread
// Waits until it has started or cannot, at most ms. The state.
enum fed_state fed_settled(struct fed *f, uint64_t ms, struct err *ret_why);

// Work for the federation's thread; does not block. What it returns fed_run returns.
typedef int fed_fn(struct fed_core *core, void *arg, struct err *err);
// Any worker; waits until fn has run. ERR_UNSUPPORTED: federation is off, the message says how it
// is switched on; ERR_BUSY (FED_WAITING_MAX), ERR_CLOSED (it is ending), what kept it from starting
// (ERR_LOCKED …). When it returns ERR_TIMEOUT fn has not run, and will not.
int fed_run(struct services *s, fed_fn *fn, void *arg, struct err *err);

// The same also while federation is off, as far as its database goes (core->peersdb, core->id):
// then fn runs on this worker. ERR_NOT_FOUND: federation was never on.
int fed_visit(struct services *s, fed_fn *fn, void *arg, struct err *err);

// Appends friends and records, with who has confirmed what was taken back, to `friends.jsonl` in an
// export's folder; *ret_lines 0: there are none, and no file.
int fed_export(struct services *s, const char *folder, int64_t *ret_lines, struct err *err);
// Takes back everything that friends have of ours, waits a moment for those that are there to
// confirm, then removes friends, records and identity. Where federation is still wanted it begins
// anew, as somebody nobody knows.
struct fed_erased {
    int64_t friends, records, taken_back, confirmed;
};
int fed_erase(struct services *s, struct fed_erased *ret, struct err *err);

// Closes everything on the thread and opens it anew: the keys have changed. As fed_run.
int fed_restart(struct services *s, struct err *err);

// One entry of the audit log, durable when this returns. Any worker. As store_write.
int fed_audit_entry(struct services *s, const struct audit_entry *entry, struct err *err);

// What is to be shared: a finished body, already scrubbed, under a grant that stands (checked again
// on the thread right before it is signed). Any worker. Audited before. `ret_id` is filled when it
// is durable. ERR_PERM: no grant; ERR_NOT_FOUND: no such friend.
struct fed_record {
    struct scope scope;       // a friend's author is filled in
    struct consent_pass pass; // of the grant that lets it go
    const char *audience;     // as the grant names it, for the audit
    const char *workspace;    // that it comes from, for the audit; NULL: none
    const void *body;
    size_t body_bytes;           // RECORD_BODY_BYTES_MAX
    int64_t expires_ms;          // 0: never
    const uint8_t *supersedes;   // RECORD_ID_BYTES, or NULL
    const struct origin *origin; // of the call
};
int fed_publish(struct services *s, const struct fed_record *r, uint8_t ret_id[RECORD_ID_BYTES],
                struct err *err);
// Takes one of our own records back everywhere: a revocation, with a reason (may be NULL).
int fed_take_back(struct services *s, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                  uint8_t ret_id[RECORD_ID_BYTES], struct err *err);
