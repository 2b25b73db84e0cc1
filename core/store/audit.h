// What left the machine, arrived, was let go or refused: entries that are added and never changed,
// each bound to all before it. An entry that says that bytes leave is committed before they do;
// how it ended is an entry of its own. Never content. Reading functions take a reader's connection,
// writing ones the writer's inside store_write. Any thread.
//
// The leaf of an entry, all numbers big-endian:
//   1  version, 1
//   8  seq: 1 for the first entry, without a gap
//   8  time, milliseconds since 1970-01-01 UTC
//   1  event (enum audit_event)
//   1  outcome (enum audit_outcome)
//   8  ref: seq of the entry whose end this is; 0
//   8  bytes out
//   8  bytes in
//  32  subject: SHA-256(salt || path) of the workspace, salt 32 random bytes of this entry alone;
//      zeros when there is none
//   4 x (2 length, bytes)  kind, audience, purpose, model: UTF-8
// leaf hash = SHA-256(0x00 || leaf), RFC 6962 section 2.1, over which the tree is built
// link(0)   = 32 zeros;  link(n) = SHA-256(0x02 || link(n-1) || leaf hash(n))
//
// Salt and path are kept apart from the leaf. Erasing a workspace erases them: what remains says
// that something of some workspace left, and cannot be tied to a path, nor to another entry.
// What a chain in the user's own store cannot show by itself: that it was cut or made anew as a
// whole. Who keeps a mark (number and link) elsewhere can tell: audit_verify().
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/tree.h"
#include "core/db/db.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    AUDIT_HASH_BYTES = TREE_HASH_BYTES,
    AUDIT_SALT_BYTES = 32,
    AUDIT_KIND_BYTES_MAX = 32,
    AUDIT_NAME_BYTES_MAX = 256, // audience, purpose, model: each
    AUDIT_PATH_BYTES_MAX = 4096,
    AUDIT_LEAF_BYTES_MAX = 75 + 4 * 2 + AUDIT_KIND_BYTES_MAX + 3 * AUDIT_NAME_BYTES_MAX,
    AUDIT_ENTRIES_MAX = 1000 * 1000 // kept in full; of older ones only their hashes' sum remains
};

enum audit_event { // never renumbered
    AUDIT_SEND = 1,
    AUDIT_END = 2, // of what `ref` names
    AUDIT_GRANT = 3,
    AUDIT_REVOKE = 4,
    AUDIT_REFUSE = 5, // it would have left: no grant, a secret, a limit
    AUDIT_ARRIVE = 6,
    AUDIT_EVENTS
};
enum audit_outcome {
    AUDIT_OPEN = 0, // not known yet
    AUDIT_OK = 1,
    AUDIT_FAILED = 2,
    AUDIT_CANCELLED = 3,
    AUDIT_DENIED = 4,
    AUDIT_OUTCOMES
};
const char *audit_event_name(enum audit_event e);     // "send" …
const char *audit_outcome_name(enum audit_outcome o); // "open" …

struct audit_entry {
    int64_t seq; // written by audit_append
    int64_t time_ms;
    enum audit_event event;
    enum audit_outcome outcome;
    int64_t ref, bytes_out, bytes_in;
    const char *kind;     // "backend"
    const char *audience; // name of the backend
    const char *purpose;  // "ask", "gateway", "ghost text" …, why it was refused
    const char *model;
    const char *workspace; // absolute path; NULL: none, or erased
    bool about_workspace;  // reading: the entry has a subject
};

// ERR_INVAL, ERR_LIMIT: a text too long or not UTF-8. *ret_seq (may be NULL): its number.
int audit_append(struct db *db, const struct audit_entry *entry, int64_t *ret_seq, struct err *err);

struct audit_row { // strings and bytes borrowed during the call
    struct audit_entry entry;
    const uint8_t *leaf;
    size_t leaf_bytes;
    const uint8_t *link; // AUDIT_HASH_BYTES
    const uint8_t *salt; // NULL: no workspace, or erased
};
typedef int audit_fn(void *ctx, const struct audit_row *row, struct err *err);
// Newest first from below `before` (0: from the newest), or oldest first from above `after`.
int audit_newest(struct db *db, int64_t before, int64_t limit, audit_fn *fn, void *ctx,
                 struct err *err);
int audit_oldest(struct db *db, int64_t after, int64_t limit, audit_fn *fn, void *ctx,
                 struct err *err);

struct audit_state {
    int64_t entries; // number of the newest
    int64_t base;    // up to here only hashes are kept
    uint8_t link[AUDIT_HASH_BYTES];
    uint8_t root[AUDIT_HASH_BYTES]; // RFC 6962 tree over all leaves (written by audit_verify)
};
int audit_head(struct db *db, struct audit_state *ret, struct err *err);
// Recomputes everything. `mark` (may be NULL): number and link that somebody kept; it must be on
// the chain. ERR_CORRUPT names the first entry that does not fit; ERR_NOT_FOUND: the mark is older
// than what is kept; ERR_CANCELLED.
struct audit_mark {
    int64_t entries;
    uint8_t link[AUDIT_HASH_BYTES];
};
int audit_verify(struct db *db, const struct audit_mark *mark, bool (*cancelled)(void *),
                 void *cancel_ctx, struct audit_state *ret, struct err *err);
// The same, and tells of the tree after each entry that is kept (and before the first of them).
struct audit_watch {
    int (*fn)(void *ctx, const struct tree_frontier *f, struct err *err); // negative ends it
    void *ctx;
};
int audit_verify_watched(struct db *db, const struct audit_mark *mark,
                         const struct audit_watch *watch, bool (*cancelled)(void *),
                         void *cancel_ctx, struct audit_state *ret, struct err *err);
// The tree over the entries of which only hashes are kept.
int audit_base(struct db *db, struct tree_frontier *ret, struct err *err);
// Drops what is above `keep` entries (AUDIT_ENTRIES_MAX), some at a time: 1 there is more.
int audit_tidy(struct db *db, int64_t keep, struct err *err);

// --- the bytes (audit_leaf.c); pure
int audit_leaf_encode(const struct audit_entry *e, const uint8_t subject[AUDIT_HASH_BYTES],
                      struct buf *out, struct err *err);
// Terminates the texts in `texts`, which they borrow. ERR_PARSE.
struct audit_texts {
    char kind[AUDIT_KIND_BYTES_MAX + 1], audience[AUDIT_NAME_BYTES_MAX + 1],
        purpose[AUDIT_NAME_BYTES_MAX + 1], model[AUDIT_NAME_BYTES_MAX + 1];
};
int audit_leaf_decode(const uint8_t *leaf, size_t n, struct audit_entry *ret,
                      uint8_t ret_subject[AUDIT_HASH_BYTES], struct audit_texts *texts);
void audit_leaf_hash(const void *leaf, size_t n, uint8_t out[AUDIT_HASH_BYTES]);
void audit_link(const uint8_t before[AUDIT_HASH_BYTES], const uint8_t leaf_hash[AUDIT_HASH_BYTES],
                uint8_t out[AUDIT_HASH_BYTES]);
void audit_subject(const uint8_t salt[AUDIT_SALT_BYTES], const char *path,
                   uint8_t out[AUDIT_HASH_BYTES]);
