// Keeps the scopes of two paired engines in agreement: a service of the node, and all of federation
// that an engine has to construct for records. When a friend's session stands both sides show the
// chain that proves their device, and the revocations of devices that concern the other; then every
// scope that the grants allow with this peer is synchronised (federation/sync), and stays so.
// What a revocation took away is confirmed by a receipt, once, also after a crash.
//
// Which scopes, and what may go in which direction, is the owner's: it is asked before each
// message. For a scope written by us for a friend: SYNC_SEND | SYNC_RECEIVE_ORDERS (his receipts);
// by a friend for us: SYNC_RECEIVE | SYNC_SEND_ORDERS; of a group or everyone: what the grants say,
// both with orders. After a grant has ended, for as long as something may have been sent under it:
// SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS, so that revocations still arrive.
//
//     exchange_new → exchange_service into the node's services → node_start … node_stop →
//     exchange_free → peersdb_close
// The owner's peersdb_config.change calls exchange_changed. Thread of the node.
// Methods and messages: docs/FEDERATION.md, "Certificates".
#pragma once

#include "federation/node.h"
#include "federation/peersdb.h"
#include "federation/sync.h"

enum {
    EXCHANGE_BLOBS = 1, // the first byte of its streams
    EXCHANGE_CALL_MS = 30 * 1000,
    EXCHANGE_STATEMENTS_MAX = 256, // in one message
    EXCHANGE_ASKED_MAX = 32,       // certificates asked for at a time, of a peer
    EXCHANGE_UNKNOWN_MAX = 64,     // devices that it could not prove, remembered for
    EXCHANGE_UNKNOWN_MS = 10 * 60 * 1000,
    EXCHANGE_RECEIPTS_AT_ONCE = 64,
    EXCHANGE_SWEEP_MS = 3600 * 1000,
    EXCHANGE_SWEEP_RECORDS = 1000,
    EXCHANGE_WHY_BYTES_MAX = 160
};
enum exchange_error {                    // of JSON-RPC answers
    EXCHANGE_ERROR_CERTIFICATE = -32020, // it proves nothing to us
    EXCHANGE_ERROR_UNKNOWN = -32021      // no such device, or none that concerns you
};

struct exchange;
struct exchange_peer { // a paired device, and whose it is now
    uint8_t device[RECORD_KEY_BYTES], identity[RECORD_KEY_BYTES];
};
typedef void exchange_scope_fn(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]);
struct exchange_owner { // `learn`, `revoked` and `rotated` may be NULL
    // Every scope that this peer and we might have in common (after a rotation also those of the
    // former identities, peersdb_former). At most SYNC_LANES_MAX are opened.
    void (*scopes)(void *ctx, const struct exchange_peer *peer, exchange_scope_fn *fn,
                   void *fn_ctx);
    unsigned (*allow)(void *ctx, const struct exchange_peer *peer,
                      const uint8_t scope[RECORD_SCOPE_BYTES]); // bits of sync_allow; no I/O
    int (*chain)(void *ctx, struct buf *out, struct err *err);  // identity_chain
    // A revocation by our own identity, made on another device of ours: identity_learn. When that
    // changed the chain: exchange_identity_changed.
    void (*learn)(void *ctx, const uint8_t *statement, size_t n);
    // A device has been revoked by its owner, and is written down so: node_peer_remove. Never
    // called from within the node.
    void (*revoked)(void *ctx, const uint8_t device[RECORD_KEY_BYTES]);
    // A peer has shown that its identity was rotated: grants name it by its new key from now on.
    void (*rotated)(void *ctx, const uint8_t device[RECORD_KEY_BYTES],
                    const uint8_t before[RECORD_KEY_BYTES], const uint8_t now[RECORD_KEY_BYTES]);
};
struct exchange_config {
    struct env *env;
    struct peersdb *peers;
    struct records_signer signer;
    const struct exchange_owner *owner;
    void *ctx;
};

// Everything in the configuration is borrowed until exchange_free. Certifies our own device in
// peers.db. What `chain`, chain_verify and peersdb_certify say.
int exchange_new(const struct exchange_config *config, struct exchange **ret, struct err *err);
void exchange_free(struct exchange *x); // after node_stop; accepts NULL
// Fills in one of node_config.services, which stays where it is until node_stop.
void exchange_service(struct exchange *x, struct node_service *ret);

// From peersdb_change_fn; accepts x NULL. What follows from it happens by itself, soon.
void exchange_changed(struct exchange *x, enum peersdb_change what, const uint8_t *scope,
                      const uint8_t *id, const uint8_t *by);
void exchange_pump(struct exchange *x); // … or now
// Grants were given, ended or expired: what is withdrawn stops before this returns, also what was
// queued (a session that has bytes of it on their way is cut); what is new begins.
void exchange_grants_changed(struct exchange *x);
// Our chain is another one (rotated, certified anew, a device revoked): every peer is told.
int exchange_identity_changed(struct exchange *x, struct err *err);

// Signs a record of ours and stores it; it is on its way when this returns. The caller has filled
// kind, scope, expiry, body and what it supersedes. What records_sign and peersdb_put say.
int exchange_put(struct exchange *x, struct record *r, uint8_t ret_id[RECORD_ID_BYTES],
                 struct err *err);
// Takes a record of ours back, wherever it went; `reason` UTF-8, may be NULL. ERR_NOT_FOUND,
// ERR_PERM (another's), ERR_LIMIT (RECORD_REASON_BYTES_MAX). peersdb_receipts then lists who has
// confirmed.
int exchange_take_back(struct exchange *x, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                       uint8_t ret_id[RECORD_ID_BYTES], struct err *err);

struct exchange_info {
    bool proved;                      // its chain is good; else nothing is exchanged
    bool refused;                     // ours is not good for it
    uint32_t scopes;                  // opened
    uint32_t left_out;                // over SYNC_LANES_MAX
    uint32_t asked;                   // certificates that are waited for
    char why[EXCHANGE_WHY_BYTES_MAX]; // why not, for people; or ""
    struct sync_info sync;
};
// Of a peer with a session; ERR_NOT_FOUND. For doctor, and for services that ask first.
int exchange_info(struct exchange *x, const uint8_t device[RECORD_KEY_BYTES],
                  struct exchange_info *ret);
