// What is done when the store is idle, in slices short enough that nobody who writes meanwhile
// notices: expiry, records of origins, the log, the data keys.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "core/store/store_impl.h"

#include <sqlite3.h>
#include <string.h>

enum {
    EXPIRE_AT_ONCE = 64,
    PRUNE_AT_ONCE = 500,
    ROTATE_PAGES_MIN = 16, // of one step; the number follows the disk, so that a step takes
    ROTATE_PAGES_MAX = 1024,
    ROTATE_STEP_MS = 8,                  // about this long
    SLICE_TOTAL_MS = 2000,               // one call rotates for this long at most
    SCRUB_EVERY_MS = 60 * 60 * 1000,     // a large file is rebuilt at most this often by itself
    SCRUB_SMALL_BYTES = 32 * 1024 * 1024 // a file below is rebuilt at once
};
#define DAY_MS (24LL * 60 * 60 * 1000)

// --- expiry -------------------------------------------------------------------------------------

struct due {
    char uids[EXPIRE_AT_ONCE][NOTE_UID_BYTES];
    const char *pointers[EXPIRE_AT_ONCE];
    size_t count;
};

static int find_due(struct db *db, int64_t now_ms, struct due *ret, struct err *err) {
    struct db_rows *rows = NULL;
    const struct db_value now = db_int(now_ms);
    ret->count = 0;
    int r = db_rows_open(db,
                         "SELECT uid FROM note WHERE expires_ms > 0 AND expires_ms <= ?1 "
                         "UNION ALL SELECT uid FROM note WHERE forgotten <> 0 LIMIT 64",
                         &now, 1, &rows, err);
    while (r >= 0 && ret->count < EXPIRE_AT_ONCE && (r = db_rows_next(rows, err)) == 1) {
        size_t n = 0;
        const char *uid = db_col_text(rows, 0, &n);
        if (!uid || n >= NOTE_UID_BYTES)
            continue;
        memcpy(ret->uids[ret->count], uid, n);
        ret->uids[ret->count][n] = '\0';
        ret->pointers[ret->count] = ret->uids[ret->count];
        ret->count++;
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

static int expire(struct store *s, int64_t *erased, struct err *err) {
    for (;;) {
        struct db *db = NULL;
        struct due due;
        int r = store_reader_get(s, &db, err);
        if (r < 0)
            return r;
        r = find_due(db, s->wall_ms(), &due, err);
        store_reader_put(s, db);
        if (r < 0 || !due.count)
            return r;
        const struct erase_what what = {.uids = due.pointers, .n = due.count};
        int64_t n = store_erase_rows(s, &what, err);
        if (n < 0)
            return (int)n;
        if (!n)
            return 0; // nothing more can be done about them here
        *erased += n;
    }
}

// --- records of origins -------------------------------------------------------------------------

struct prune_call {
    int64_t before_ms;
    int64_t gone;
};

static int prune_some(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct prune_call *call = ctx;
    (void)result;
    const struct db_value values[] = {db_int(call->before_ms), db_int(PRUNE_AT_ONCE)};
    int r = db_run(db,
                   "DELETE FROM applied WHERE (session, seq) IN (SELECT session, seq FROM applied "
                   "WHERE at_ms < ?1 LIMIT ?2)",
                   values, COUNT_OF(values), err);
    call->gone = r == 0 ? db_changes(db) : 0;
    return r;
}

static int prune_origins(struct store *s, struct err *err) {
    struct prune_call call = {.before_ms = s->wall_ms() - STORE_ORIGIN_KEEP_MS};
    int r;
    do
        r = writer_write(s->writer, NULL, prune_some, &call, NULL, NULL, err);
    while (r == 0 && call.gone == PRUNE_AT_ONCE);
    return r;
}

// --- traces and log -----------------------------------------------------------------------------

static bool scrub_now(struct store *s) {
    struct vfs_info info;
    vfs_info(s->vfs, &info);
    if (info.pages * VFS_PAGE_BYTES <= SCRUB_SMALL_BYTES)
        return true;
    int64_t now_ms = s->wall_ms();
    return now_ms - s->scrubbed_ms >= SCRUB_EVERY_MS || now_ms < s->scrubbed_ms;
}

static int scrub_if_due(struct store *s, struct err *err) {
    if (!scrub_now(s))
        return 0;
    int r = store_scrub(s, err);
    if (r == 0)
        s->scrubbed_ms = s->wall_ms();
    return r;
}

// An idle store needs no page cache either: it holds text in the clear, and up to 8 MiB a
// connection.
static int checkpoint(struct db *db, void *ctx, struct err *err) {
    (void)ctx;
    int r = db_checkpoint(db, false, err);
    (void)sqlite3_db_release_memory(db_handle(db));
    return r;
}

// --- data keys ----------------------------------------------------------------------------------

static bool rotation_due(struct store *s) {
    struct vfs_info info;
    vfs_info(s->vfs, &info);
    if (info.rotating)
        return true;
    int64_t created_ms = keyring_epoch_created(s->keys);
    return s->rotate_days > 0 && created_ms > 0 &&
           s->wall_ms() - created_ms >= s->rotate_days * DAY_MS;
}

struct step {
    int64_t pages, left;
};

static int rotate_step(struct db *db, void *ctx, struct err *err) {
    struct step *step = ctx;
    return vfs_rotate_step(db, step->pages, &step->left, err);
}

// One step on the writer thread, and how large the next one may be.
static int rotate_once(struct store *s, struct step *step, struct err *err) {
    uint64_t start_ns = env_now_mono_ns();
    int r = writer_exclusive(s->writer, rotate_step, step, err);
    uint64_t took_ms = (env_now_mono_ns() - start_ns) / 1000000;
    if (took_ms < ROTATE_STEP_MS / 2 && step->pages < ROTATE_PAGES_MAX)
        step->pages *= 2;
    else if (took_ms > ROTATE_STEP_MS && step->pages > ROTATE_PAGES_MIN)
        step->pages /= 2;
    return r;
}

static int rotate_finish(struct db *db, void *ctx, struct err *err) {
    (void)ctx;
    return vfs_rotate_finish(db, err);
}

static int rotate_end(struct store *s, struct err *err) {
    int r = store_readers_hold(s, err);
    if (r < 0)
        return r;
    r = writer_exclusive(s->writer, rotate_finish, NULL, err);
    store_readers_resume(s);
    if (r == 0)
        r = store_cache_drop(s, err); // its pages are under keys that are no more
    if (r == 0)
        r = answers_drop(s, err);
    return r;
}

// Between two steps the queue's other requests have their turn. Goes on at the next call when the
// time is up, somebody needs the store, or a reader still needs the log.
static int rotate(struct store *s, struct err *err) {
    uint64_t end_ns = env_now_mono_ns() + (uint64_t)SLICE_TOTAL_MS * 1000000;
    int r = vfs_rotate_begin(s->vfs, err);
    struct step step = {.pages = 4 * ROTATE_PAGES_MIN, .left = 1};
    while (r == 0 && step.left > 0 && store_state(s) == STORE_OPEN && env_now_mono_ns() < end_ns)
        r = rotate_once(s, &step, err);
    if (r < 0 || step.left > 0)
        return r;
    r = rotate_end(s, err);
    return r == ERR_BUSY ? 0 : r;
}

// ------------------------------------------------------------------------------------------------

int store_housekeep(struct store *s, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    int64_t erased = 0;
    r = expire(s, &erased, err);
    if (r == 0)
        r = prune_origins(s, err);
    if (r == 0)
        r = models_tidy(s, err);
    if (r == 0)
        r = answers_tidy(s, s->wall_ms(), err);
    if (r == 0)
        r = scrub_if_due(s, err);
    if (r == 0 && rotation_due(s))
        r = rotate(s, err);
    if (r == 0)
        r = writer_exclusive(s->writer, checkpoint, NULL, err);
    store_readers_trim(s);
    vfs_trim(s->vfs);
    store_upkeep_end(s);
    return r;
}
