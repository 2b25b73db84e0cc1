// Erasing for good. Rows go first, in one transaction that also notes that a scrub is owed; then
// the scrub overwrites what they left behind: the full-text index is optimized, the file rebuilt,
// the log cut, and every backup treated in the same way. A scrub that was interrupted stays owed
// and is done by the next erase or by housekeeping.
//
// Why the file is rebuilt although secure_delete is on: SQLite zeroes the cells it frees, but not
// the copies that moving cells between pages leaves in a page's unused middle. VACUUM writes every
// page anew from what is alive.
#include "core/base/mem.h"
#include "core/store/consent.h"
#include "core/store/memory.h"
#include "core/store/store_impl.h"

#include <sqlite3.h>
#include <string.h>

// --- rows ---------------------------------------------------------------------------------------

enum { UIDS_AT_ONCE = 256 };

struct batch {
    char uids[UIDS_AT_ONCE][NOTE_UID_BYTES];
    const char *pointers[UIDS_AT_ONCE];
    size_t count;
};

static void batch_add(struct batch *b, const char *uid, size_t n) {
    if (!uid || n >= NOTE_UID_BYTES)
        return;
    memcpy(b->uids[b->count], uid, n);
    b->uids[b->count][n] = '\0';
    b->pointers[b->count] = b->uids[b->count];
    b->count++;
}

static int batch_fill(struct db *db, const char *sql, const struct db_value *value, struct batch *b,
                      struct err *err) {
    struct db_rows *rows = NULL;
    b->count = 0;
    int r = db_rows_open(db, sql, value, 1, &rows, err);
    while (r >= 0 && b->count < UIDS_AT_ONCE && (r = db_rows_next(rows, err)) == 1) {
        size_t n = 0;
        const char *uid = db_col_text(rows, 0, &n);
        batch_add(b, uid, n);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

// Erases what `sql` (one value, gives uids of notes) finds until it finds nothing.
static int erase_found(struct db *db, const char *sql, const struct db_value *value,
                       int64_t *erased, struct err *err) {
    struct batch b;
    for (;;) {
        int r = batch_fill(db, sql, value, &b, err);
        if (r < 0 || !b.count)
            return r;
        int64_t n = 0;
        r = memory_erase_hard(db, b.pointers, b.count, &n, err);
        if (r < 0)
            return r;
        if (n != (int64_t)b.count) // else it would find them again for ever
            return err_set(err, ERR_CORRUPT, "%zu notes were to be erased, but %lld were", b.count,
                           (long long)n);
        *erased += n;
    }
}

static int erase_rows(struct db *db, const char *sql, const struct db_value *value, size_t n,
                      int64_t *erased, struct err *err) {
    int r = db_run(db, sql, value, n, err);
    if (r == 0)
        *erased += db_changes(db);
    return r;
}

static int erase_uids(struct db *db, const char *const *uids, size_t n, int64_t *erased,
                      struct err *err) {
    int64_t notes = 0;
    int r = memory_erase_hard(db, uids, n, &notes, err);
    *erased += notes;
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct db_value uid = db_text(uids[i]);
        r = erase_rows(db, "DELETE FROM handoffs WHERE uid = ?1", &uid, 1, erased, err);
    }
    return r;
}

static int erase_selected(struct db *db, const struct erase_what *what, int64_t *erased,
                          struct err *err) {
    if (what->uids)
        return erase_uids(db, what->uids, what->n, erased, err);
    const struct db_value where = db_text(what->workspace);
    int r;
    if (what->workspace) {
        r = erase_found(db,
                        "SELECT uid FROM note WHERE workspace = (SELECT id FROM workspace WHERE "
                        "path = ?1) LIMIT 256",
                        &where, erased, err);
        if (r == 0)
            r = erase_rows(db, "DELETE FROM agent_memory WHERE workspace = ?1", &where, 1, erased,
                           err);
        if (r == 0)
            r = erase_rows(db, "DELETE FROM handoffs WHERE workspace = ?1", &where, 1, erased, err);
        return r < 0 ? r : models_erase(db, what->workspace, erased, err);
    }
    r = erase_found(db, "SELECT uid FROM note WHERE ?1 IS NULL LIMIT 256", &where, erased, err);
    if (r == 0)
        r = erase_rows(db, "DELETE FROM agent_memory", NULL, 0, erased, err);
    if (r == 0)
        r = erase_rows(db, "DELETE FROM handoffs", NULL, 0, erased, err);
    return r < 0 ? r : models_erase(db, NULL, erased, err);
}

// What recorded answers said of the notes goes with them. Which did is not known (they are whatever
// a capability returned), so all go; that they were applied stays known.
static int erase_answers(struct db *db, struct err *err) {
    return db_run(db, "UPDATE applied SET result = NULL WHERE result IS NOT NULL", NULL, 0, err);
}

static int set_owed(struct db *db, int64_t owed, struct err *err) {
    const struct db_value value = db_int(owed);
    return db_run(db,
                  "INSERT INTO meta (key, value) VALUES ('scrub_owed', ?1) "
                  "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                  &value, 1, err);
}

int store_scrub_owe(struct db *db, struct err *err) {
    return set_owed(db, 1, err);
}

struct erase_call {
    const struct erase_what *what;
    int64_t erased;
};

static int erase_in_transaction(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct erase_call *call = ctx;
    (void)result;
    call->erased = 0; // it may be run again
    int r = erase_selected(db, call->what, &call->erased, err);
    if (r < 0 || !call->erased)
        return r;
    r = erase_answers(db, err);
    return r < 0 ? r : set_owed(db, 1, err);
}

int64_t store_erase_rows(struct store *s, const struct erase_what *what, struct err *err) {
    struct erase_call call = {.what = what};
    int r = writer_write(s->writer, NULL, erase_in_transaction, &call, NULL, NULL, err);
    consent_changed(s);
    return r < 0 ? r : call.erased;
}

// --- traces -------------------------------------------------------------------------------------

// The connection admits no attached database, except the one VACUUM builds in memory.
static int rebuild_file(struct db *db, struct err *err) {
    int before = sqlite3_limit(db_handle(db), SQLITE_LIMIT_ATTACHED, 1);
    int r = db_script(db, "VACUUM", err);
    (void)sqlite3_limit(db_handle(db), SQLITE_LIMIT_ATTACHED, before);
    return r;
}

static int scrub_database(struct db *db, void *ctx, struct err *err) {
    (void)ctx;
    int r = db_begin(db, true, err);
    if (r < 0)
        return r;
    r = memory_erase_finish(db, err);
    if (r == 0)
        r = db_commit(db, err);
    if (r < 0) {
        db_rollback(db);
        return r;
    }
    r = rebuild_file(db, err);
    return r < 0 ? r : db_checkpoint(db, true, err);
}

// --- backups ------------------------------------------------------------------------------------

struct backup_call {
    struct store *store;
    struct db *now; // reader of the store as it is
};

// Uids of `backup` that the store no longer has; all when `known_sql` finds none.
static int collect_gone(struct db *backup, struct db *now, const char *list_sql,
                        const char *known_sql, const char *after, struct batch *gone,
                        char ret_last[NOTE_UID_BYTES], struct err *err) {
    struct batch some;
    const struct db_value start = db_text(after);
    int r = batch_fill(backup, list_sql, &start, &some, err);
    gone->count = 0;
    ret_last[0] = '\0';
    for (size_t i = 0; r == 0 && i < some.count; i++) {
        const struct db_value uid = db_text(some.uids[i]);
        int64_t one;
        r = db_one_int(now, known_sql, &uid, 1, &one, err);
        if (r == 0)
            batch_add(gone, some.uids[i], strlen(some.uids[i]));
        r = r < 0 ? r : 0;
        memcpy(ret_last, some.uids[i], NOTE_UID_BYTES);
    }
    return r;
}

static int erase_gone(struct db *backup, struct db *now, const char *list_sql,
                      const char *known_sql, struct err *err) {
    char after[NOTE_UID_BYTES] = "", last[NOTE_UID_BYTES];
    struct batch gone;
    for (;;) {
        int r = collect_gone(backup, now, list_sql, known_sql, after, &gone, last, err);
        if (r < 0 || !last[0])
            return r;
        int64_t erased = 0;
        r = gone.count ? erase_uids(backup, gone.pointers, gone.count, &erased, err) : 0;
        if (r < 0)
            return r;
        memcpy(after, last, sizeof after);
    }
}

static int erase_backup_rows(struct db *backup, struct db *now, struct err *err) {
    int r = db_begin(backup, true, err);
    if (r < 0)
        return r;
    r = erase_gone(backup, now, "SELECT uid FROM note WHERE uid > ?1 ORDER BY uid LIMIT 256",
                   "SELECT 1 FROM note WHERE uid = ?1", err);
    if (r == 0)
        r = erase_gone(backup, now,
                       "SELECT uid FROM handoffs WHERE uid > ?1 ORDER BY uid LIMIT 256",
                       "SELECT 1 FROM handoffs WHERE uid = ?1", err);
    // Mutes and baselines are small and made anew: a backup keeps none where something was erased.
    if (r == 0)
        r = db_run(backup, "DELETE FROM agent_memory", NULL, 0, err);
    if (r == 0)
        r = models_erase_backup(backup, err);
    if (r == 0)
        r = erase_answers(backup, err);
    if (r == 0)
        r = db_commit(backup, err);
    if (r < 0)
        db_rollback(backup);
    return r;
}

// A backup keeps nothing that the store has no more. It is of an older schema: it is brought to
// this one first, because only this one's tables are known to be erased completely.
static int erase_backup(struct db *backup, void *ctx, struct err *err) {
    struct backup_call *call = ctx;
    int r = schema_migrate(backup, call->store->steps, call->store->wall_ms(), err);
    if (r == 0)
        r = erase_backup_rows(backup, call->now, err);
    return r < 0 ? r : scrub_database(backup, NULL, err);
}

static int scrub_backups(struct store *s, struct err *err) {
    struct backup_call call = {.store = s};
    int r = store_reader_get(s, &call.now, err);
    if (r < 0)
        return r;
    r = store_backup_each(s, erase_backup, &call, err);
    store_reader_put(s, call.now);
    return r;
}

// --- both ---------------------------------------------------------------------------------------

int store_scrub_owed(struct store *s, bool *ret, struct err *err) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    int64_t owed = 0;
    r = db_one_int(db, "SELECT value FROM meta WHERE key = 'scrub_owed'", NULL, 0, &owed, err);
    store_reader_put(s, db);
    if (r < 0)
        return r;
    *ret = r > 0 && owed;
    return 0;
}

static int settle(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    return set_owed(db, 0, err);
}

int store_scrub(struct store *s, struct err *err) {
    bool owed = false;
    int r = store_scrub_owed(s, &owed, err);
    if (r < 0 || !owed)
        return r;
    r = answers_drop(s, err); // they may quote it
    if (r == 0)
        r = store_readers_hold(s, err); // their snapshots would keep the log
    if (r < 0)
        return r;
    r = writer_exclusive(s->writer, scrub_database, NULL, err);
    store_readers_resume(s);
    vfs_trim(s->vfs); // what was erased is in memory no longer either
    if (r == 0)
        r = scrub_backups(s, err);
    return r < 0 ? r : writer_write(s->writer, NULL, settle, NULL, NULL, NULL, err);
}

int64_t store_erase(struct store *s, const char *const *uids, size_t n, const char *workspace,
                    struct err *err) {
    const struct erase_what what = {uids, n, workspace};
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    int64_t erased = store_erase_rows(s, &what, err);
    if (erased >= 0) {
        r = answers_drop(s, err);
        if (r == 0 && !uids)
            r = store_cache_drop(s, err);
        if (r == 0)
            r = store_scrub(s, err);
        if (r < 0)
            erased = err_context(err, r,
                                 "the notes are erased, but their traces are not overwritten yet; "
                                 "that is tried again when the store is idle");
    }
    store_upkeep_end(s);
    return erased;
}
