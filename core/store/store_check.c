// Integrity: what SQLite checks (structure), what the VFS checks (every page's tag, freshness), and
// the check that runs by itself in the background after an unclean end.
#include "core/base/mem.h"
#include "core/store/store_impl.h"

#include <stdatomic.h>

// --- one check ----------------------------------------------------------------------------------

static int report_line(struct buf *report, const char *line) {
    if (!report)
        return 0;
    (void)buf_puts(report, line);
    return buf_putc(report, '\n');
}

// Up to 100 findings; the single row "ok" is none.
static int check_structure(struct db *db, const char *sql, struct buf *report, bool *ret_bad,
                           struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, sql, NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) == 1) {
        const char *line = db_col_text(rows, 0, NULL);
        if (line && __builtin_strcmp(line, "ok") == 0)
            continue;
        *ret_bad = true;
        if (report_line(report, line ? line : "structure: unreadable") < 0)
            r = err_set(err, ERR_NOMEM, "out of memory for the report");
    }
    db_rows_close(rows);
    return r;
}

struct watch {
    struct store *store;
    bool (*cancelled)(void *ctx); // the caller's, or NULL
    void *ctx;
};

// A check takes long; a store that is being closed or locked does not wait for its end.
static bool watch_cancelled(void *arg) {
    struct watch *w = arg;
    return store_state(w->store) != STORE_OPEN || (w->cancelled && w->cancelled(w->ctx));
}

// A damaged store fails in the middle of its check: that too is a finding, not a failure to check.
static int check(struct store *s, const char *structure_sql, bool (*cancelled)(void *), void *ctx,
                 struct buf *report, struct err *err) {
    struct watch watch = {s, cancelled, ctx};
    struct db *db = NULL;
    struct err why = {0};
    bool bad = false;
    int r = store_reader_open(s, &db, &why);
    if (r == 0) {
        db_set_cancel(db, watch_cancelled, &watch);
        r = check_structure(db, structure_sql, report, &bad, &why);
    }
    if (r == ERR_CORRUPT || r == ERR_KEY) {
        bad = true;
        r = report_line(report, err_text(&why));
    }
    if (r >= 0) {
        r = vfs_check(s->vfs, watch_cancelled, &watch, report, &why);
        bad = bad || r == ERR_CORRUPT;
    }
    if (db)
        store_reader_close(s, db);
    if (bad)
        return err_set(err, ERR_CORRUPT,
                       "the store is damaged; its backups are in %s, and: paired export saves what "
                       "can still be read",
                       s->backups_dir);
    return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

// --- in the background --------------------------------------------------------------------------

struct store_checker {
    struct store *store;
    pthread_t thread;
    atomic_bool cancel;
    atomic_int result; // CHECK_RUNNING, 0 or ERR_*
};
enum { CHECK_RUNNING = 1 };

// It also makes room for whoever needs the readers back: an erase, a lock.
static bool checker_cancelled(void *ctx) {
    struct store_checker *c = ctx;
    if (atomic_load(&c->cancel))
        return true;
    (void)pthread_mutex_lock(&c->store->lock);
    bool held = c->store->readers_held;
    (void)pthread_mutex_unlock(&c->store->lock);
    return held;
}

static void *checker_main(void *arg) {
    struct store_checker *c = arg;
    int r;
    do
        r = check(c->store, "PRAGMA quick_check(100)", checker_cancelled, c, NULL, NULL);
    while ((r == ERR_CANCELLED || r == ERR_BUSY) && !atomic_load(&c->cancel));
    (void)pthread_mutex_lock(&c->store->lock);
    if (r == 0)
        c->store->unclean = false;
    atomic_store(&c->result, r);
    (void)pthread_cond_broadcast(&c->store->changed);
    (void)pthread_mutex_unlock(&c->store->lock);
    return NULL;
}

void store_checker_start(struct store *s) {
    struct store_checker *c = mem_zalloc(sizeof *c);
    if (!c)
        return; // store_check still does it on request
    c->store = s;
    atomic_init(&c->cancel, false);
    atomic_init(&c->result, CHECK_RUNNING);
    if (pthread_create(&c->thread, NULL, checker_main, c) != 0) {
        mem_free(c);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->checker = c;
    (void)pthread_mutex_unlock(&s->lock);
}

void store_checker_cancel(struct store *s) {
    if (s->checker)
        atomic_store(&s->checker->cancel, true);
}

void store_checker_stop(struct store *s) {
    struct store_checker *c = s->checker;
    if (!c)
        return;
    atomic_store(&c->cancel, true);
    (void)pthread_join(c->thread, NULL);
    s->checker = NULL;
    mem_free(c);
}

int store_checker_result(struct store *s, bool *ret_running) {
    (void)pthread_mutex_lock(&s->lock);
    int r = s->checker ? atomic_load(&s->checker->result) : 0;
    (void)pthread_mutex_unlock(&s->lock);
    *ret_running = r == CHECK_RUNNING;
    return r == CHECK_RUNNING || r == ERR_CANCELLED ? 0 : r;
}

// --- on request ---------------------------------------------------------------------------------

// The VFS makes one check at a time, and this one is the more thorough.
static void replace_background(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    store_checker_cancel(s);
    while (s->checker && atomic_load(&s->checker->result) == CHECK_RUNNING)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
}

static void passed(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->unclean = false;
    if (s->checker)
        atomic_store(&s->checker->result, 0);
    (void)pthread_mutex_unlock(&s->lock);
}

int store_check(struct store *s, bool (*cancelled)(void *), void *ctx, struct buf *report,
                struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    replace_background(s);
    r = check(s, "PRAGMA integrity_check(100)", cancelled, ctx, report, err);
    if (r == 0)
        passed(s);
    store_leave(s);
    return r;
}

int store_accept(struct store *s, struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    r = vfs_accept(s->vfs, err);
    store_leave(s);
    return r;
}
