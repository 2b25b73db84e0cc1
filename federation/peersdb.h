// peers.db: who we are paired with, and the records that came and went, in an encrypted database of
// federation's own. Every arrival is verified, scrubbed again and put in quarantine in one
// transaction with the cursor it moves; what returned 0 is durable. One owner thread, which it may
// hold for the time of a commit. Its clock is its caller's.
#pragma once

#include "core/crypto/statement.h"
#include "core/db/db.h"
#include "federation/records.h"

enum {
    PEERSDB_PEERS_MAX = 10000,
    PEERSDB_DEVICES_MAX = 40000,
    PEERSDB_SCOPES_MAX = 4096,
    PEERSDB_RECORDS_MAX = 4 * 1000 * 1000, // deleted ones, too, until their expiry is past
    PEERSDB_QUARANTINE_MAX = 50000,        // of one peer's records, not looked at yet
    PEERSDB_BATCH_MAX = 1024,              // records in one transaction
    PEERSDB_NAME_BYTES_MAX = 128,
    PEERSDB_ADDRESSES_MAX = 4, // of a peer; the one that was seen longest ago goes
    PEERSDB_SECRET_BYTES = 32, // PAIRING_SECRET_BYTES
    PEERSDB_STATEMENTS_MAX = 4096,
    PEERSDB_ROTATIONS_MAX = 4096,
    PEERSDB_LIST_MAX = 1000, // rows of one peersdb_list
    PEERSDB_EPOCH_MAX = 0xfffffff
};

struct peersdb;
enum peersdb_state {
    PEERSDB_QUARANTINED = 1,
    PEERSDB_OFFERED, // shown to the user
    PEERSDB_ACCEPTED,
    PEERSDB_REJECTED,
    PEERSDB_DELETED // revoked, superseded or expired: bytes gone, id remembered
};
enum peersdb_change { PEERSDB_ADDED, PEERSDB_SUPERSEDED, PEERSDB_REVOKED, PEERSDB_EXPIRED };
// After the commit, once per record that joined or left the set of a scope. `by`: the record that
// took it away, NULL: time did. Borrowed.
typedef void peersdb_change_fn(void *ctx, enum peersdb_change what,
                               const uint8_t scope[RECORD_SCOPE_BYTES],
                               const uint8_t id[RECORD_ID_BYTES], const uint8_t *by);
// The product's own look at an arrival, before it is stored: 0, or a negative ERR_* to reject it.
typedef int peersdb_scrub_fn(void *ctx, const struct record *r);
struct peersdb_config {
    uint32_t epoch; // random; of a file that is made now
    int64_t now_ms;
    peersdb_change_fn *change; // may be NULL
    peersdb_scrub_fn *scrub;   // may be NULL
    void *ctx;
};
// `db` is borrowed until peersdb_close. Makes or migrates the schema. ERR_VERSION (of a newer or a
// different build), ERR_CORRUPT, …
int peersdb_open(struct db *db, const struct peersdb_config *config, struct peersdb **ret,
                 struct err *err);
void peersdb_close(struct peersdb *p); // accepts NULL
uint32_t peersdb_epoch(const struct peersdb *p);

// --- peers and devices
struct peersdb_peer {
    uint8_t device[RECORD_KEY_BYTES], identity[RECORD_KEY_BYTES];
    char name[PEERSDB_NAME_BYTES_MAX], address[PEERSDB_NAME_BYTES_MAX];
    int64_t paired_ms, seen_ms;
    uint64_t in_s, out_s; // filled; peersdb_peer_caps sets them
    // Filled on reading: its records stored, and of these accepted or rejected by the user; what it
    // sent that was no record of its author's; what it should not have sent.
    int64_t arrived, accepted, rejected, forged, improper;
};
// New, or another name, address and time for a known one. Certifies the device, too. ERR_LIMIT.
int peersdb_peer_put(struct peersdb *p, const struct peersdb_peer *peer, struct err *err);
int peersdb_peer_get(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                     struct peersdb_peer *ret, struct err *err); // ERR_NOT_FOUND
int peersdb_peer_remove(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                        struct err *err); // and its cursors; its records stay
int peersdb_peers(struct peersdb *p, void (*fn)(void *ctx, const struct peersdb_peer *peer),
                  void *ctx, struct err *err); // by name, then key
// Bytes a second, 0: no cap. ERR_NOT_FOUND; ERR_LIMIT (over 2^40).
int peersdb_peer_caps(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], uint64_t in_s,
                      uint64_t out_s, struct err *err);
// What pairing brought, for tags of discovery; the caller wipes. ERR_NOT_FOUND: no such peer, or it
// has none.
int peersdb_secret_put(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                       const uint8_t secret[PEERSDB_SECRET_BYTES], struct err *err);
int peersdb_secret(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                   uint8_t ret[PEERSDB_SECRET_BYTES], struct err *err);
// Another place where it may be (net_addr_format's text). ERR_NOT_FOUND.
int peersdb_address_put(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                        const char *address, int64_t now_ms, struct err *err);
// A device without its proof (tests, ourselves): as certified. ERR_EXISTS: another identity's.
int peersdb_device_put(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES],
                       const uint8_t identity[RECORD_KEY_BYTES], struct err *err);
int peersdb_device_revoke(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES], int64_t now_ms,
                          struct err *err); // ERR_NOT_FOUND

// --- certificates. Identities are followed forward only: who has been told of a key's successor
// does not believe the old key, nor another successor, any more.
// Keeps what chain_verify took from these bytes: the device is its identity's, which other identity
// it followed, whom it has revoked. ERR_KEY (another successor than the one we know), ERR_PERM (it
// goes back, or the device is revoked), ERR_EXISTS (the device is another identity's), ERR_LIMIT.
int peersdb_certify(struct peersdb *p, const struct chain *c, const void *bytes, size_t n,
                    int64_t now_ms, struct err *err);
// Appends the proof of a device that is not revoked. ERR_NOT_FOUND.
int peersdb_chain(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], struct buf *out,
                  struct err *err);
// The identity that certified a device. ERR_NOT_FOUND.
int peersdb_identity(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                     uint8_t ret[RECORD_KEY_BYTES], struct err *err);
// The keys that led to `identity`, the latest first, at most CHAIN_ROTATIONS_MAX; how many.
int peersdb_former(struct peersdb *p, const uint8_t identity[RECORD_KEY_BYTES],
                   uint8_t ret[CHAIN_ROTATIONS_MAX][RECORD_KEY_BYTES], struct err *err);
// Whether a record of this author, signed by this device, would be believed. What is not is
// PEERSDB_UNPROVED when a certificate could change that.
enum peersdb_trust {
    PEERSDB_TRUSTED = 1,
    PEERSDB_UNPROVED, // nothing is known of the device
    PEERSDB_STALE,    // it is certified by a key that has been followed by another
    PEERSDB_OTHERS,   // another identity's
    PEERSDB_GONE      // revoked
};
int peersdb_trust(struct peersdb *p, const uint8_t author[RECORD_KEY_BYTES],
                  const uint8_t device[RECORD_KEY_BYTES], struct err *err); // or ERR_*
// A signed revocation of a device. 1: it is new, and the device, if known, is revoked now; 0: it is
// known, or of an identity that nobody here knows (and `asked` is false). ERR_PARSE, ERR_VERSION,
// ERR_CORRUPT (forged), ERR_LIMIT.
int peersdb_statement_put(struct peersdb *p, const void *bytes, size_t n, bool asked,
                          int64_t now_ms, struct statement *ret, struct err *err);
// Appends the one of this identity about this device. ERR_NOT_FOUND.
int peersdb_statement(struct peersdb *p, const uint8_t identity[RECORD_KEY_BYTES],
                      const uint8_t device[RECORD_KEY_BYTES], struct buf *out, struct err *err);
typedef int peersdb_statement_fn(void *ctx, const uint8_t identity[RECORD_KEY_BYTES],
                                 const uint8_t *bytes); // STATEMENT_REVOKE_BYTES; 0, 1 stops
int peersdb_statements(struct peersdb *p, peersdb_statement_fn *fn, void *ctx, struct err *err);
// Scopes with records of a device, or of any device of an identity. `fn`: 0, 1 stops. 1: stopped.
typedef int peersdb_scope_fn(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]);
int peersdb_written(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES], bool identity,
                    peersdb_scope_fn *fn, void *ctx, struct err *err);

// Counts conduct of a peer that sync noticed: it asked for, or sent, what it should not have.
int peersdb_improper(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], int64_t count,
                     struct err *err);

// --- records
int peersdb_counter(struct peersdb *p, int64_t *ret, struct err *err); // never the same again
struct peersdb_item {
    const uint8_t *bytes; // canonical, borrowed
    size_t n;
    // Filled: 1 stored, 0 known already (or deleted before), or why not: ERR_PARSE, ERR_VERSION,
    // ERR_LIMIT, ERR_KEY (forged, or its device is another's than its author's), ERR_NOT_FOUND (its
    // device has not been proved), ERR_TIMEOUT, ERR_PERM (device revoked, scope, foreign
    // supersession, a receipt for nothing, the scrub).
    int result;
    uint8_t id[RECORD_ID_BYTES]; // filled when it parses
};
struct peersdb_cursor {
    uint32_t epoch; // 0: none
    int64_t seq;
};
// Judges and stores a batch that `from` (NULL: ourselves; at once accepted) brought for `scope`,
// and with it the cursor (may be NULL), all or nothing. Revocations are applied before all others.
// 0 when durable; single items may be refused nonetheless. ERR_LIMIT (over PEERSDB_BATCH_MAX, or
// full), ERR_NOT_FOUND (`from` is no peer), ERR_FULL, ERR_IO …: nothing was stored.
int peersdb_put(struct peersdb *p, const uint8_t *from, const uint8_t scope[RECORD_SCOPE_BYTES],
                struct peersdb_item *items, size_t n, const struct peersdb_cursor *cursor,
                int64_t now_ms, struct err *err);
// Appends the bytes when there is a record, verified again: ERR_NOT_FOUND, ERR_CORRUPT.
int peersdb_get(struct peersdb *p, const uint8_t id[RECORD_ID_BYTES], struct buf *out,
                enum peersdb_state *ret_state, struct err *err);
// The first RIBLT_ID_BYTES suffice, and the scope must be right; for serving: not verified again.
int peersdb_find(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], const uint8_t *prefix,
                 size_t prefix_bytes, struct buf *out, struct err *err);
// ERR_NOT_FOUND; ERR_INVAL (to or from DELETED). Accepting and rejecting count for its peer.
int peersdb_set_state(struct peersdb *p, const uint8_t id[RECORD_ID_BYTES],
                      enum peersdb_state state, struct err *err);
// Quarantined ones of these become offered, in one transaction; how many. At most
// PEERSDB_BATCH_MAX.
int peersdb_offer(struct peersdb *p, const uint8_t (*ids)[RECORD_ID_BYTES], size_t n,
                  struct err *err);
// For people: what is here, as it came, behind `after`. Deleted ones have no bytes. Not verified.
struct peersdb_filter {
    const uint8_t *scope, *author, *origin; // NULL: any; origin: device that brought it
    unsigned states, kinds;                 // bits 1 << state, 1 << kind; 0: any
    int64_t after;                          // seq of the last row seen, 0: from the beginning
    int max;                                // 0: PEERSDB_LIST_MAX
};
struct peersdb_row { // borrowed
    int64_t seq, arrived_ms, expires_ms;
    enum peersdb_state state;
    enum record_kind kind;
    uint8_t id[RECORD_ID_BYTES], scope[RECORD_SCOPE_BYTES], author[RECORD_KEY_BYTES];
    uint8_t origin[RECORD_KEY_BYTES]; // zeros: ourselves, or a peer that was forgotten
    const uint8_t *bytes;
    size_t n;
};
typedef int peersdb_row_fn(void *ctx, const struct peersdb_row *row); // 0, 1 stops
int peersdb_list(struct peersdb *p, const struct peersdb_filter *f, peersdb_row_fn *fn, void *ctx,
                 struct err *err);
// Who has confirmed that it deleted this record after its author took it back, by device.
struct peersdb_receipt {
    uint8_t device[RECORD_KEY_BYTES], author[RECORD_KEY_BYTES], revocation[RECORD_ID_BYTES];
    int64_t created_ms; // the receiver's clock
};
int peersdb_receipts(struct peersdb *p, const uint8_t deleted[RECORD_ID_BYTES],
                     void (*fn)(void *ctx, const struct peersdb_receipt *r), void *ctx,
                     struct err *err);
// A receipt that we owe: a peer's revocation took the record away. 1 filled, 0 none. It is paid by
// the put of our own receipt.
struct peersdb_owed {
    uint8_t deleted[RECORD_ID_BYTES], revocation[RECORD_ID_BYTES], scope[RECORD_SCOPE_BYTES];
};
int peersdb_owed(struct peersdb *p, struct peersdb_owed *ret, struct err *err);

// Records of a scope behind `seq`, ascending, that `skip` (a device, or NULL) did not bring;
// `orders`: the revocations among them. `fn` returns 0 to go on, 1 to stop. Not verified again.
typedef int peersdb_record_fn(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES],
                              const uint8_t *bytes, size_t n);
int peersdb_after(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], int64_t seq,
                  const uint8_t *skip, bool orders, peersdb_record_fn *fn, void *ctx,
                  struct err *err);
// Every id of the set as it came; bytes NULL.
int peersdb_ids(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], peersdb_record_fn *fn,
                void *ctx, struct err *err);
// … in ascending order, those whose first `after_bytes` bytes are greater than `after`'s (NULL:
// all).
int peersdb_ids_after(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES],
                      const uint8_t *after, size_t after_bytes, peersdb_record_fn *fn, void *ctx,
                      struct err *err);
int peersdb_newest(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], int64_t *ret_seq,
                   struct err *err); // 0: none
int peersdb_cursor_get(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                       const uint8_t scope[RECORD_SCOPE_BYTES], struct peersdb_cursor *ret,
                       struct err *err);
// Deletes what has expired, at most `max` records; how many. Forgets ids that nothing could bring
// back.
int peersdb_sweep(struct peersdb *p, int64_t now_ms, int max, struct err *err);
