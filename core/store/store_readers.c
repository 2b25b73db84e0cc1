// Who is inside the store, and the reader connections they may borrow.
#include "core/base/mem.h"
#include "core/store/store_impl.h"

#include <sqlite3.h>
#include <time.h>

static struct timespec after_ms(int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // the condition's clock
    t.tv_sec += ms / 1000;
    t.tv_nsec += (ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static int refusal(const struct store *s, struct err *err) {
    switch (s->state) {
    case STORE_LOCKED:
        return err_set(err, ERR_LOCKED, "the store is locked; unlock it with: paired key unlock");
    case STORE_FAILED:
        return err_set(err, ERR_CORRUPT,
                       "the store failed earlier and needs a restart; ask: "
                       "paired doctor");
    case STORE_CLOSED:
    case STORE_OPEN:
        break;
    }
    return err_set(err, ERR_CLOSED, "the store is closed");
}

static bool admits(const struct store *s, bool locked_too) {
    return s->state == STORE_OPEN || (locked_too && s->state == STORE_LOCKED);
}

static int enter(struct store *s, bool locked_too, struct err *err) {
    (void)pthread_mutex_lock(&s->lock);
    int r = 0;
    if (admits(s, locked_too))
        s->users++;
    else
        r = refusal(s, err);
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

int store_enter(struct store *s, struct err *err) {
    return enter(s, false, err);
}

int store_enter_locked(struct store *s, struct err *err) {
    return enter(s, true, err);
}

void store_leave(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    if (--s->users == 0)
        (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static int refuse_newer(const struct store *s, struct err *err) {
    return err_set(err, ERR_VERSION,
                   "the store was made by a newer paired (schema %lld, this one knows %d): it can "
                   "be read, not changed; update paired",
                   (long long)s->schema_version, schema_newest(s->steps));
}

int store_enter_write(struct store *s, struct err *err) {
    int r = store_enter(s, err);
    if (r == 0 && s->read_only) {
        r = refuse_newer(s, err);
        store_leave(s);
    }
    return r;
}

bool store_wait_users(struct store *s, int64_t ms) {
    struct timespec until = after_ms(ms);
    while (s->users)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
            return s->users == 0;
    return true;
}

int store_upkeep_begin(struct store *s, bool locked_too, struct err *err) {
    int r = 0;
    (void)pthread_mutex_lock(&s->lock);
    s->upkeep_waiting++;
    while (s->upkeep && s->state != STORE_CLOSED)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    s->upkeep_waiting--;
    if (admits(s, locked_too))
        s->upkeep = true;
    else
        r = refusal(s, err);
    (void)pthread_cond_broadcast(&s->changed); // store_close waits for the waiting as well
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

int store_upkeep_begin_write(struct store *s, struct err *err) {
    int r = store_upkeep_begin(s, false, err);
    if (r == 0 && s->read_only) {
        r = refuse_newer(s, err);
        store_upkeep_end(s);
    }
    return r;
}

void store_upkeep_end(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->upkeep = false;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void store_readers_interrupt(struct store *s) {
    for (unsigned i = 0; i < s->readers_max; i++)
        if (s->readers[i].busy && s->readers[i].db)
            db_interrupt(s->readers[i].db);
}

// Under the lock.
static struct store_reader *find_free(struct store *s) {
    struct store_reader *unused = NULL;
    if (s->readers_held)
        return NULL;
    for (unsigned i = 0; i < s->readers_max; i++) {
        struct store_reader *reader = &s->readers[i];
        if (!reader->busy && reader->db)
            return reader; // an open one first: its statements are prepared
        if (!reader->busy && !unused)
            unused = reader;
    }
    return unused;
}

static struct store_reader *claim(struct store *s) {
    struct timespec until = after_ms(STORE_READER_WAIT_MS);
    struct store_reader *reader;
    (void)pthread_mutex_lock(&s->lock);
    while (!(reader = find_free(s)))
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0) {
            reader = find_free(s);
            break;
        }
    if (reader) {
        reader->busy = true;
        s->readers_out++;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return reader;
}

// Under the lock.
static void forget_reader(struct store *s) {
    s->readers_out--;
    s->users--;
    (void)pthread_cond_broadcast(&s->changed);
}

// Under the lock.
static void give_back(struct store *s, struct store_reader *reader) {
    reader->busy = false;
    forget_reader(s);
}

int store_reader_get(struct store *s, struct db **ret, struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    struct store_reader *reader = claim(s);
    if (!reader) {
        store_leave(s);
        return err_set(err, ERR_BUSY, "all %u reader connections are in use; try again in a moment",
                       s->readers_max);
    }
    struct db *db = reader->db; // only its borrower changes it
    if (!db)
        r = db_open(s->vfs, DB_READ_ONLY, &db, err);
    if (r == 0)
        db_set_companion(db, s->ranks);
    (void)pthread_mutex_lock(&s->lock);
    if (r < 0)
        give_back(s, reader);
    else
        reader->db = db;
    (void)pthread_mutex_unlock(&s->lock);
    if (r == 0)
        *ret = db;
    return r;
}

void store_reader_put(struct store *s, struct db *db) {
    if (!db)
        return;
    db_set_cancel(db, NULL, NULL);
    if (!sqlite3_get_autocommit(db_handle(db)))
        db_rollback(db); // a snapshot left open would keep the WAL from being truncated
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->readers_max; i++)
        if (s->readers[i].busy && s->readers[i].db == db)
            give_back(s, &s->readers[i]);
    (void)pthread_mutex_unlock(&s->lock);
}

int store_reader_open(struct store *s, struct db **ret, struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    struct timespec until = after_ms(STORE_READER_WAIT_MS);
    (void)pthread_mutex_lock(&s->lock);
    while (s->readers_held && r == 0)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
            r = err_set(err, ERR_BUSY, "the store is being rewritten; try again in a moment");
    s->readers_out++;
    (void)pthread_mutex_unlock(&s->lock);
    if (r == 0)
        r = db_open(s->vfs, DB_READ_ONLY, ret, err);
    if (r == 0)
        return 0;
    (void)pthread_mutex_lock(&s->lock);
    forget_reader(s);
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

void store_reader_close(struct store *s, struct db *db) {
    db_close(db);
    (void)pthread_mutex_lock(&s->lock);
    forget_reader(s);
    (void)pthread_mutex_unlock(&s->lock);
}

int store_readers_hold(struct store *s, struct err *err) {
    struct timespec until = after_ms(STORE_READER_WAIT_MS);
    (void)pthread_mutex_lock(&s->lock);
    s->readers_held = true;
    while (s->readers_out)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
            break;
    bool quiet = s->readers_out == 0;
    (void)pthread_mutex_unlock(&s->lock);
    if (quiet)
        return 0;
    store_readers_resume(s);
    return err_set(err, ERR_BUSY, "readers did not finish within %d s; try again in a moment",
                   STORE_READER_WAIT_MS / 1000);
}

void store_readers_resume(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->readers_held = false;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void store_readers_trim(struct store *s) {
    rank_cache_clear(s->ranks);
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->readers_max; i++)
        if (!s->readers[i].busy && s->readers[i].db)
            (void)sqlite3_db_release_memory(db_handle(s->readers[i].db));
    (void)pthread_mutex_unlock(&s->lock);
}

void store_readers_close(struct store *s) {
    for (unsigned i = 0; i < s->readers_max; i++) {
        db_close(s->readers[i].db);
        s->readers[i] = (struct store_reader){0};
    }
}
