// Brings two engines' sets of records to agree, scope by scope, over a link of which it only knows
// how to send bytes. First by cursor (what is behind the sequence that you had of me), else by
// rateless cells of ids (federation/riblt), else by sorted lists of ids; then the records
// themselves in batches, which the receiver acknowledges when they are durable, revocations first.
// Later records follow by themselves.
//
// The engine has the tables of its sets, one session per link. No I/O, no clock but its env's, no
// timer. One owner thread; what is given to send runs inside sync_feed, sync_open and sync_pump.
// Messages byte by byte: docs/FEDERATION.md, "Sync".
#pragma once

#include "core/base/env.h"
#include "federation/peersdb.h"
#include "federation/riblt.h"

enum {
    SYNC_SETS_MAX = 1024,     // tables in memory, 160 KB each; more scopes go by lists
    SYNC_LANES_MAX = 240,     // scopes of one session
    SYNC_DIFFS_MAX = 32,      // differences being solved at a time, 400 KB each; more go by lists
    SYNC_BATCH_RECORDS = 256, // of one message
    SYNC_BATCH_BYTES = 256 * 1024, // after which a batch is closed; one record may be longer
    SYNC_WINDOW = 4,               // batches not acknowledged
    SYNC_WANT_MAX = 4096,          // ids asked for at a time
    SYNC_PAGE_IDS = 2048,          // of a list
    SYNC_CELLS_TRIES = 3,          // a set that changes while its cells are sent
    SYNC_UNKNOWN_MAX = 1024,       // ids asked for in a session that there are not
    SYNC_MESSAGE_BYTES_MAX = 512 * 1024,
    SYNC_LATE_BYTES_MAX = 512 * 1024,     // what the link did not take yet
    SYNC_HELD_BYTES_MAX = 4 * 1024 * 1024 // messages that wait for a certificate
};

// What the records lie in; as peersdb_* say. The simulator has one in memory.
typedef int sync_id_fn(void *ctx, const uint8_t id[RECORD_ID_BYTES]); // 0, 1 stops
struct sync_store_ops {
    uint32_t (*epoch)(void *self);
    int (*newest)(void *self, const uint8_t *scope, int64_t *ret, struct err *err);
    int (*ids)(void *self, const uint8_t *scope, sync_id_fn *fn, void *ctx, struct err *err);
    // Ascending, those whose first 8 bytes are greater than `after`'s (NULL: all).
    int (*ids_after)(void *self, const uint8_t *scope, const uint8_t *after, sync_id_fn *fn,
                     void *ctx, struct err *err);
    // `orders`: revocations only.
    int (*after)(void *self, const uint8_t *scope, int64_t seq, const uint8_t *skip, bool orders,
                 peersdb_record_fn *fn, void *ctx, struct err *err);
    int (*find)(void *self, const uint8_t *scope, const uint8_t *prefix, size_t n, struct buf *out,
                struct err *err);
    int (*put)(void *self, const uint8_t *from, const uint8_t *scope, struct peersdb_item *items,
               size_t n, const struct peersdb_cursor *cursor, int64_t now_ms, struct err *err);
    int (*cursor)(void *self, const uint8_t *from, const uint8_t *scope, struct peersdb_cursor *ret,
                  struct err *err);
    int (*improper)(void *self, const uint8_t *from, int64_t count, struct err *err);
};
struct sync_store {
    const struct sync_store_ops *ops;
    void *self;
};
struct sync_store sync_store_peersdb(struct peersdb *p);

struct sync;
// `env` is borrowed. NULL when out of memory.
struct sync *sync_new(struct env *env, struct sync_store store);
void sync_free(struct sync *s); // after its sessions; accepts NULL
// The store's set changed: from its peersdb_change_fn. Sends nothing; call sync_pump when the put
// has returned (puts of sync itself are followed by one).
void sync_changed(struct sync *s, enum peersdb_change what, const uint8_t *scope,
                  const uint8_t *id);
void sync_pump(struct sync *s);

// Orders are revocations and receipts: they go on when the records themselves may not, and a reader
// sends nothing but its receipts. SYNC_SEND and SYNC_RECEIVE include them. With orders alone
// neither side is told how many records there are.
enum sync_allow { SYNC_SEND = 1, SYNC_RECEIVE = 2, SYNC_SEND_ORDERS = 4, SYNC_RECEIVE_ORDERS = 8 };
struct sync_session;
struct sync_session_config {
    uint8_t peer[RECORD_KEY_BYTES]; // device
    uint8_t key[RIBLT_KEY_BYTES];   // the same on both sides, of this session alone: link_binding
    bool outgoing;                  // exactly one side is
    // 0; ERR_BUSY (sync_drained will be called), ERR_CLOSED. Copies.
    int (*send)(void *ctx, const void *bytes, size_t n);
    // What the grants allow with this peer, bits of sync_allow; asked before each message.
    unsigned (*allow)(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]);
    // Before a batch is stored, for each author and device in it: 0 goes on, 1: a certificate has
    // been asked for; the batch, and all behind it, waits for sync_resume. May be NULL.
    int (*author)(void *ctx, const uint8_t author[RECORD_KEY_BYTES],
                  const uint8_t device[RECORD_KEY_BYTES]);
    void *ctx;
};
int sync_session_new(struct sync *s, const struct sync_session_config *config,
                     struct sync_session **ret, struct err *err);
void sync_session_free(struct sync_session *s); // accepts NULL
// Begins, or begins again, with one scope; either side. ERR_LIMIT (SYNC_LANES_MAX).
int sync_open(struct sync_session *s, const uint8_t scope[RECORD_SCOPE_BYTES], struct err *err);
// As sync_open, of a scope that was opened before and of which more is allowed now: what is under
// way, which was begun with less, is followed by another look.
int sync_reopen(struct sync_session *s, const uint8_t scope[RECORD_SCOPE_BYTES], struct err *err);
// One message of the other side. Negative: the link is to be closed: ERR_PARSE (no message),
// ERR_PERM (sent what nobody asked for, asked for what was not offered), ERR_LIMIT, or what the
// store said.
int sync_feed(struct sync_session *s, const uint8_t *bytes, size_t n, struct err *err);
int sync_drained(struct sync_session *s, struct err *err);
// The certificates are there, or never will be: takes up what waits. As sync_feed.
int sync_resume(struct sync_session *s, struct err *err);
// The grants have changed: what is not allowed any more stops at once, also what waits for the
// link; new scopes are for sync_open. As sync_feed.
int sync_regrant(struct sync_session *s, struct err *err);

struct sync_info {
    uint64_t bytes_in, bytes_out, messages_in, messages_out;
    uint64_t stored, known, refused; // records that came
    uint64_t by_cells, by_list;      // reconciliations
    bool idle;                       // nothing asked for, nothing to send, all acknowledged
};
int sync_session_failed(const struct sync_session *s); // 0, or why it is over
void sync_session_info(const struct sync_session *s, struct sync_info *ret);
