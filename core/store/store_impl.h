// What the store's own files share; nobody else includes it.
//
// Every call from outside is counted between store_enter and store_leave (a reader connection
// counts until it is given back), so that locking and closing can wait until nobody is inside.
#pragma once

#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "core/store/rank_cache.h"
#include "core/store/schema.h"
#include "core/store/store.h"
#include "core/store/store_cache.h"
#include "core/store/writer.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STORE_READERS_MAX = 24,      // each has two files open, and VFS_CONNECTIONS_MAX counts files
    STORE_READER_WAIT_MS = 5000, // for a connection, and for readers to come back before an erase
    STORE_CLOSE_WAIT_MS = 5000,  // for calls inside to end by themselves
    STORE_ORIGIN_KEEP_MS = 24 * 60 * 60 * 1000,
    STORE_BACKUPS_MAX = 3
};

struct store_reader {
    struct db *db; // NULL until first used
    bool busy;
};

// A file beside the store, in nothing precious: its names, its tables.
struct store_side {
    const char *names[5]; // of the database first, then log, head, turn, lock
    const char *tables;
    int64_t version;
    const char *set_version; // statement
};
extern const struct store_side store_side_code, store_side_answers;

struct store_cache { // store_cache.c
    const struct store_side *what;
    uint64_t generation; // raised when it is thrown away
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vfs *vfs;       // NULL until first used
    unsigned out;          // connections given out
    bool broken, dropping; // to be thrown away: by the last who uses it; by who waits for that
    struct store_reader connection[STORE_CACHE_CONNECTIONS];
};

struct store_checker; // store_check.c: the background check after an unclean end

struct store {
    // Set once by store_open.
    char *dir, *db_path, *backups_dir;
    int64_t (*wall_ms)(void);
    int64_t rotate_days;
    bool accept_damage; // for the next opening
    bool leave_log;     // set by who closes: see store_close_soon
    unsigned readers_max;
    const struct schema_step *steps;
    void (*on_lock)(void *ctx);
    void *on_lock_ctx;
    struct keyring *keys;
    int lock_fd;
    _Atomic uint64_t consent_generation; // raised after every change of grants or backends
    pthread_mutex_t consent_lock;        // guards who is told of such a change, while it is told
    void (*consent_watch)(void *ctx);
    void *consent_watch_ctx;

    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    bool unclean; // the last process that had it open did not close it, and no check was made since
    enum store_state state;
    unsigned users; // calls inside, readers given out included
    unsigned readers_out;
    bool readers_held; // no reader is given out: an erase or a lock waits for quiet
    bool upkeep;       // taken, see store_upkeep_begin
    unsigned upkeep_waiting;
    struct store_reader readers[STORE_READERS_MAX];

    // Valid while somebody is inside.
    struct vfs *vfs;
    struct db *write_db;
    struct writer *writer;    // NULL when read_only
    struct rank_cache *ranks; // or NULL
    bool read_only;
    int64_t schema_version;
    int64_t scrubbed_ms;           // when housekeeping last rebuilt the file; inside upkeep
    struct store_checker *checker; // or NULL
    struct store_cache cache;      // of what is worked out of code (store_cache.h)
    struct store_cache answers;    // of models (answers.h)
};

// As store_open, with the schema of the caller (tests of migration).
int store_open_steps(const struct store_config *config, const struct schema_step *steps,
                     struct store **ret, struct err *err);

// 0, or ERR_LOCKED, ERR_CLOSED …: the call may use what an open store has until store_leave.
int store_enter(struct store *s, struct err *err);
// Same, also while locked: only the keyring may be used.
int store_enter_locked(struct store *s, struct err *err);
// Same, for a call that changes something: ERR_VERSION when the store is read-only.
int store_enter_write(struct store *s, struct err *err);
void store_leave(struct store *s);
bool store_wait_users(struct store *s, int64_t ms); // under the lock: true when nobody is inside

// For what concerns the whole store (unlock, lock, erase, import, housekeep, keys): one at a time,
// and counted apart from the calls inside, so that it can wait for those.
int store_upkeep_begin(struct store *s, bool locked_too, struct err *err);
int store_upkeep_begin_write(struct store *s, struct err *err); // and not read-only
void store_upkeep_end(struct store *s);

// A reader connection beside the pool, for what takes long; held back and waited for like the
// others.
int store_reader_open(struct store *s, struct db **ret, struct err *err);
void store_reader_close(struct store *s, struct db *db);

// Stops giving out readers and waits until all are back. ERR_BUSY after STORE_READER_WAIT_MS.
int store_readers_hold(struct store *s, struct err *err);
void store_readers_resume(struct store *s);
void store_readers_close(struct store *s);     // nobody is inside
void store_readers_trim(struct store *s);      // frees the page caches of those that are idle
void store_readers_interrupt(struct store *s); // under the lock: ends what they run

// Brings the store of an open keyring up, and down again. The caller changes the state.
int store_start(struct store *s, struct err *err);
void store_stop(struct store *s);

// --- the files beside it (store_cache.c)
void store_sides_init(struct store *s);
void store_sides_done(struct store *s);
void store_sides_close(struct store *s); // nobody is inside
int store_side_get(struct store *s, struct store_cache *c, struct db **ret, struct err *err);
void store_side_put(struct store *s, struct store_cache *c, struct db *db, int result);
int store_side_drop(struct store *s, struct store_cache *c, struct err *err);
uint64_t store_side_generation(struct store_cache *c);
int64_t store_side_bytes(struct store *s, const struct store_cache *c);
bool store_side_there(struct store *s, const struct store_cache *c); // its file

int answers_drop(struct store *s, struct err *err); // answers.c; somebody is inside, or upkeep is
int answers_tidy(struct store *s, int64_t now_ms, struct err *err); // housekeeping

char *store_path(const char *dir, const char *name); // NULL when out of memory
int store_fsync_dir(const char *path, struct err *err);

// --- backups (store_backup.c): backups/<name>/store.db, encrypted under keys that rotation leaves
// A new one of `db`, named by its schema and the time; the oldest above STORE_BACKUPS_MAX go.
int store_backup_make(struct store *s, struct db *db, int64_t schema, struct err *err);
// Calls fn for every backup with its database open for writing. One that cannot be opened, or for
// which fn fails, is removed: it must not keep what fn was to remove.
typedef int store_backup_fn(struct db *db, void *ctx, struct err *err);
int store_backup_each(struct store *s, store_backup_fn *fn, void *ctx, struct err *err);
void store_backup_tidy(struct store *s); // removes what an interrupted backup left

// --- erasing (erase.c), inside upkeep
struct erase_what {
    const char *const *uids; // NULL: by workspace
    size_t n;
    const char *workspace; // NULL: everything
};
int64_t store_erase_rows(struct store *s, const struct erase_what *what, struct err *err);
// Overwrites what erased rows left behind, if an erase owes it: rebuilt index and file, empty log.
int store_scrub(struct store *s, struct err *err);
int store_scrub_owed(struct store *s, bool *ret, struct err *err);
int store_scrub_owe(struct db *db, struct err *err); // in the transaction that removes something
// What belongs to a workspace (NULL: all) of backends, grants, usage and the audit's private part
// (models_erase.c); *erased grows by what was there. And all of it, from a backup.
int models_erase(struct db *db, const char *workspace, int64_t *erased, struct err *err);
int models_erase_backup(struct db *db, struct err *err);
int models_tidy(struct store *s, struct err *err); // housekeeping

// --- background check (store_check.c); the store is open
void store_checker_start(struct store *s);
void store_checker_cancel(struct store *s); // it ends soon
void store_checker_stop(struct store *s);   // it has ended
// 0 or what it found (ERR_CORRUPT); *ret_running: it has not come to its end.
int store_checker_result(struct store *s, bool *ret_running);
