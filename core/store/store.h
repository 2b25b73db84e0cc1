// The user's store: keys, encrypted database, one writer thread, reader connections. Only the
// engine opens it. All calls block; they belong on pool workers (never on a loop), from any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_state { STORE_CLOSED, STORE_LOCKED, STORE_OPEN, STORE_FAILED };

struct store_config {
    const char *dir;  // state directory: store.db, store.keys, store.head, key (key file), backups/
    unsigned readers; // reader connections kept, e.g. worker threads
    int64_t (*wall_ms)(void); // clock; NULL = the real one (tests shift it)
    int64_t rotate_days;      // store.rotate_days: age at which data keys are replaced; 0 = never
    bool accept_damage;       // open what is left of a damaged store, after the user was asked
    // Runs before the store is locked, on the locking thread: what uses the keyring besides the
    // store ends within it. May be NULL.
    void (*on_lock)(void *ctx);
    void *on_lock_ctx;
};

// Creates the directory, key file and database on first use; migrates (with a backup before) an
// older schema; opens a newer one read-only (writes answer ERR_VERSION). State after it: OPEN, or
// LOCKED (returns 0; slots need a passphrase). ERR_BUSY: another process holds the store (it says
// which pid). ERR_UNSUPPORTED: network file system. ERR_CORRUPT, ERR_FULL, ERR_PERM …: message says
// what to do. Nothing is changed on failure.
int store_open(const struct store_config *config, struct store **ret, struct err *err);
// Takes an open store's files as they are for the truth: damage that a check found is not reported
// again. Pages that cannot be read stay so. ERR_LOCKED.
int store_accept(struct store *s, struct err *err);
void store_close(struct store *s); // drains the writer, checkpoints, wipes keys; accepts NULL
// The same for a process that is waited for: a log of up to STORE_LOG_LEFT_BYTES stays as it is, so
// that closing needs no sync of the disk.
enum { STORE_LOG_LEFT_BYTES = 1024 * 1024 };
void store_close_soon(struct store *s);
enum store_state store_state(struct store *s);
const char *store_state_name(enum store_state state); // "closed", "locked", "open", "failed"

// Opens a LOCKED store. ERR_KEY: wrong. `secret` is wiped by the caller.
int store_unlock(struct store *s, const char *secret, size_t n, struct err *err);
int store_lock(
    struct store *s,
    struct err *err); // closes connections, wipes keys; ERR_UNSUPPORTED with a key-file-only slot

// What is kept beside the store under its keys (federation's database and identity).
struct keyring;
// Borrowed until store_close; any thread. Locked while the store is.
struct keyring *store_keyring(struct store *s);
// --- writing
// --------------------------------------------------------------------------------------------------------
struct origin { // who asks: makes a repeated request apply once. session "" = not repeatable
    char session[33];
    uint64_t seq;
};
// Runs on the writer thread inside BEGIN IMMEDIATE … COMMIT (several waiting writes share one
// commit, each in its own savepoint). What it puts into `result` is recorded under `origin` in the
// same transaction. It may be run a second time when the shared transaction had to be rolled back
// because of another write, so it keeps no count outside the database.
typedef int store_write_fn(struct db *db, void *ctx, struct buf *result, struct err *err);
// Blocks until committed and synced. A repeated origin returns the recorded result without running
// fn
// (*ret_repeated = true; may be NULL); ERR_EXISTS when that result was erased since. `result` may
// be NULL. ERR_LOCKED, ERR_VERSION, ERR_BUSY (queue full), ERR_FULL, what fn returned …
int store_write(struct store *s, const struct origin *origin, store_write_fn *fn, void *ctx,
                struct buf *result, bool *ret_repeated, struct err *err);

// --- reading
// --------------------------------------------------------------------------------------------------------
// A reader connection of one's own until given back. ERR_LOCKED, ERR_BUSY after 5 s.
int store_reader_get(struct store *s, struct db **ret, struct err *err);
void store_reader_put(struct store *s, struct db *db);

// --- whole store
// ----------------------------------------------------------------------------------------------------
struct store_info {
    enum store_state state;
    int64_t notes, handoffs, db_bytes, wal_bytes, schema_version, dek_epoch, dek_created_ms,
        generation;
    bool rotation_running, read_only, head_ok;
    int rotation_percent; // 100 when none is running
    bool check_running;   // the check in the background after an unclean end
    int check_result;     // what it found: 0, or ERR_CORRUPT …
};
int store_info(struct store *s, struct store_info *ret, struct err *err);
// integrity_check + every page's tag + freshness head. Problems as lines in `report`; ERR_CORRUPT
// if there are any.
int store_check(struct store *s, bool (*cancelled)(void *), void *ctx, struct buf *report,
                struct err *err);
int store_housekeep(
    struct store *s,
    struct err *err); // expiry, old origins, checkpoint, due DEK rotation; call when idle

// JSON Lines + manifest (counts, BLAKE2b of each file, schema version) into a new directory `path`
// (0700, files 0600).
int store_export(struct store *s, const char *path, json_t **ret_manifest, struct err *err);
// Verifies the manifest first; merges by note uid; nothing is imported if anything is wrong.
// *ret_counts {added, known}.
int store_import(struct store *s, const char *path, json_t **ret_counts, struct err *err);

// Erases for good what matches: rows, FTS, WAL, backups (rewritten without them). ids NULL =
// everything of `workspace`; workspace NULL too = everything. Uids of handoffs count too. Returns
// how many notes and handoffs were erased. A failure that speaks of traces: they are gone from
// every answer, but not overwritten yet (ERR_BUSY: a reader; ERR_FULL); housekeeping finishes that.
int64_t store_erase(struct store *s, const char *const *uids, size_t n, const char *workspace,
                    struct err *err);

// --- keys (research: slots wrap the master key)
// ------------------------------------------------------------------------- JSON report of the
// slots: [{id, type, created, last_used, parameters}] without secrets.
int store_key_list(struct store *s, json_t **ret, struct err *err);
// Adds a passphrase slot. `only`: removes the plain key-file slot, so that the passphrase is needed
// from now on; `both`: passphrase AND key file are needed together.
int store_key_passphrase(struct store *s, const char *pass, size_t n, bool only, bool both,
                         struct err *err);
int store_key_file(struct store *s, struct err *err); // back to the default: asks nothing
int store_key_recovery(struct store *s, char *words, size_t max,
                       struct err *err); // 160 bits as words, shown once
int store_key_remove(struct store *s, int64_t slot,
                     struct err *err);                  // ERR_INVAL for the last usable one
int store_key_rotate(struct store *s, struct err *err); // new DEK epoch, sweep in the background
