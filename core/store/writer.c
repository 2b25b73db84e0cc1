#include "core/store/writer.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/rank_cache.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

// Lives on the stack of the thread that waits for it; the queue holds only pointers.
struct request {
    const struct origin *origin;
    store_write_fn *write; // exactly one of write and job is set
    writer_job_fn *job;
    void *ctx;
    struct buf *result;
    size_t result_start; // what the caller's buffer held before
    bool repeated;
    int r;
    struct err err;
    bool done;
    pthread_cond_t wake;
};

struct writer {
    struct db *db;
    int64_t (*wall_ms)(void);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct request *queue[WRITER_QUEUE_MAX]; // ring
    size_t head, count;
    bool stopping;
    writer_idle_fn *idle;
    bool untidy; // there were writes since `idle` had nothing left to do
};

// --- one request inside the shared transaction --------------------------------------------------

static void result_reset(struct request *q) {
    struct buf *b = q->result;
    b->len = q->result_start;
    b->failed = false;
    if (b->data)
        b->data[b->len] = '\0';
}

static bool has_origin(const struct request *q) {
    return q->origin && q->origin->session[0] != '\0';
}

// 1: applied before, its result is in q->result; 0: new.
static int origin_find(struct db *db, struct request *q) {
    struct db_rows *rows = NULL;
    const struct db_value key[] = {db_text(q->origin->session), db_int((int64_t)q->origin->seq)};
    int r = db_rows_open(db, "SELECT result FROM applied WHERE session = ?1 AND seq = ?2", key,
                         COUNT_OF(key), &rows, &q->err);
    if (r < 0)
        return r;
    r = db_rows_next(rows, &q->err);
    if (r > 0) {
        size_t n = 0;
        if (db_col_is_null(rows, 0)) {
            r = err_set(
                &q->err, ERR_EXISTS,
                "this request was carried out before, and its answer has been erased since");
        } else {
            const void *bytes = db_col_blob(rows, 0, &n);
            if (n && buf_append(q->result, bytes, n) < 0)
                r = err_set(&q->err, ERR_NOMEM, "out of memory for a recorded answer of %zu bytes",
                            n);
        }
    }
    db_rows_close(rows);
    return r;
}

static int origin_record(struct db *db, struct request *q, int64_t now_ms) {
    size_t n = q->result->len - q->result_start;
    if (n > WRITER_RESULT_BYTES_MAX)
        return err_set(&q->err, ERR_LIMIT, "the answer of a write has %zu bytes, %d are allowed", n,
                       WRITER_RESULT_BYTES_MAX);
    const struct db_value row[] = {db_text(q->origin->session), db_int((int64_t)q->origin->seq),
                                   db_int(now_ms),
                                   db_blob(n ? q->result->data + q->result_start : "", n)};
    return db_run(db, "INSERT INTO applied (session, seq, at_ms, result) VALUES (?1, ?2, ?3, ?4)",
                  row, COUNT_OF(row), &q->err);
}

static int write_new(struct writer *w, struct request *q) {
    int r = q->write(w->db, q->ctx, q->result, &q->err);
    if (r < 0)
        return r;
    if (q->result->failed)
        return err_set(&q->err, ERR_NOMEM, "out of memory for the answer of a write");
    return has_origin(q) ? origin_record(w->db, q, w->wall_ms()) : 0;
}

// A request's own failure undoes only its savepoint.
static void write_one(struct writer *w, struct request *q) {
    q->r = 0;
    q->repeated = false;
    q->err = (struct err){0};
    result_reset(q);
    if (has_origin(q)) {
        q->r = origin_find(w->db, q);
        q->repeated = q->r > 0;
        if (q->r != 0) {
            q->r = q->r > 0 ? 0 : q->r;
            return;
        }
    }
    q->r = db_savepoint(w->db, &q->err);
    if (q->r < 0)
        return;
    q->r = write_new(w, q);
    if (q->r >= 0)
        q->r = db_savepoint_release(w->db, &q->err);
    else if (!sqlite3_get_autocommit(db_handle(w->db)))
        db_savepoint_rollback(w->db);
    if (q->r > 0)
        q->r = 0;
    if (q->r < 0)
        result_reset(q); // an answer is given whole or not at all
}

// --- a group ------------------------------------------------------------------------------------

static void group_fail(struct request **group, size_t n, int r, const struct err *err) {
    for (size_t i = 0; i < n; i++) {
        if (group[i]->r < 0)
            continue; // it has a reason of its own
        result_reset(group[i]);
        group[i]->r = r;
        group[i]->err = *err;
    }
}

// Runs and commits as many of the group as fit into WRITER_GROUP_MS_MAX, at least one; *ret_tried
// says how many. 0 when committed. After a failure nothing of them is in the database.
static int group_commit(struct writer *w, struct request **group, size_t n, size_t *ret_tried,
                        struct err *err) {
    uint64_t start_ns = env_now_mono_ns();
    *ret_tried = 0;
    while (*ret_tried < n) {
        struct request *q = group[(*ret_tried)++];
        write_one(w, q);
        // SQLite answers some failures (disk full, out of memory) by rolling everything back.
        if (sqlite3_get_autocommit(db_handle(w->db))) {
            if (q->r >= 0) // it ended the transaction itself, which no write may
                return err_set(err, ERR_INVAL, "a write ended the store's transaction");
            *err = q->err;
            return q->r;
        }
        if (env_now_mono_ns() - start_ns > (uint64_t)WRITER_GROUP_MS_MAX * 1000000)
            break;
    }
    int r = db_commit(w->db, err);
    if (r < 0)
        db_rollback(w->db);
    return r;
}

// Carries out the first requests of the group; returns how many are settled.
static size_t group_run(struct writer *w, struct request **group, size_t n) {
    struct err err = {0};
    int r = db_begin(w->db, true, &err);
    if (r < 0) {
        group_fail(group, n, r, &err);
        return n;
    }
    size_t tried = 0;
    r = group_commit(w, group, n, &tried, &err);
    if (r == 0)
        return tried;
    if (tried == 1) {
        group_fail(group, 1, r, &err);
        return 1;
    }
    // One of them may be at fault (too large for the space left): each gets a transaction of its
    // own, so that the others go through.
    for (size_t i = 0; i < tried; i++) {
        size_t one = 0;
        group[i]->r = 0;
        err = (struct err){0};
        r = db_begin(w->db, true, &err);
        if (r == 0)
            r = group_commit(w, &group[i], 1, &one, &err);
        if (r < 0)
            group_fail(&group[i], 1, r, &err);
    }
    return tried;
}

static void job_run(struct writer *w, struct request *q) {
    q->r = q->job(w->db, q->ctx, &q->err);
    if (!sqlite3_get_autocommit(db_handle(w->db)))
        db_rollback(w->db);
}

// --- the thread ---------------------------------------------------------------------------------

static struct request *queue_peek(struct writer *w) {
    return w->count ? w->queue[w->head] : NULL;
}

static void queue_pop(struct writer *w) {
    w->head = (w->head + 1) % WRITER_QUEUE_MAX;
    w->count--;
}

// Under the lock: the next job alone, or all writes that wait (up to the maximum) in order.
static size_t take_group(struct writer *w, struct request *group[WRITER_GROUP_MAX]) {
    size_t n = 0;
    struct request *q;
    while (n < WRITER_GROUP_MAX && (q = queue_peek(w))) {
        if (q->job && n)
            break;
        queue_pop(w);
        group[n++] = q;
        if (q->job)
            break;
    }
    return n;
}

// Under the lock, which it leaves while it works. The requests' own threads wake when theirs is
// done.
static void work_off(struct writer *w, struct request **group, size_t n) {
    for (size_t done = 0; done < n;) {
        size_t settled = 1;
        (void)pthread_mutex_unlock(&w->lock);
        if (group[done]->job)
            job_run(w, group[done]);
        else
            settled = group_run(w, group + done, n - done);
        rank_cache_settle(db_companion(w->db));
        (void)pthread_mutex_lock(&w->lock);
        for (; settled; settled--, done++) {
            group[done]->done = true;
            (void)pthread_cond_signal(&group[done]->wake);
        }
    }
}

static void await_ms(struct writer *w, unsigned ms) { // under the lock
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // the condition's clock
    t.tv_nsec += (long)ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&w->work, &w->lock, &t);
}

// Under the lock, which it leaves while it works. Nobody writes: what was put off is done in small
// steps, until somebody does.
static void tidy_up(struct writer *w) {
    await_ms(w, WRITER_IDLE_MS);
    while (w->untidy && !w->count && !w->stopping) {
        (void)pthread_mutex_unlock(&w->lock);
        int more = w->idle(w->db, NULL);
        if (!sqlite3_get_autocommit(db_handle(w->db)))
            db_rollback(w->db);
        rank_cache_settle(db_companion(w->db));
        (void)pthread_mutex_lock(&w->lock);
        w->untidy = more > 0;
    }
}

static void *writer_main(void *arg) {
    struct writer *w = arg;
    struct request *group[WRITER_GROUP_MAX];
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->count && !w->stopping)
            if (w->untidy)
                tidy_up(w);
            else
                (void)pthread_cond_wait(&w->work, &w->lock);
        if (!w->count)
            break; // stopping, and everything that waited is done
        size_t n = take_group(w, group);
        w->untidy |= w->idle && group[0]->write;
        work_off(w, group, n);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

// --- callers ------------------------------------------------------------------------------------

static int submit(struct writer *w, struct request *q, struct err *err) {
    if (pthread_cond_init(&q->wake, NULL) != 0)
        return err_set(err, ERR_NOMEM, "out of memory for a write");
    (void)pthread_mutex_lock(&w->lock);
    int r = 0;
    if (w->stopping)
        r = err_set(err, ERR_CLOSED, "the store is closing");
    else if (w->count == WRITER_QUEUE_MAX)
        r = err_set(err, ERR_BUSY, "%d writes are waiting already; try again in a moment",
                    WRITER_QUEUE_MAX);
    if (r == 0) {
        w->queue[(w->head + w->count) % WRITER_QUEUE_MAX] = q;
        w->count++;
        (void)pthread_cond_signal(&w->work);
        while (!q->done)
            (void)pthread_cond_wait(&q->wake, &w->lock);
        r = q->r;
        if (r < 0 && err)
            *err = q->err;
    }
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_destroy(&q->wake);
    return r;
}

int writer_write(struct writer *w, const struct origin *origin, store_write_fn *fn, void *ctx,
                 struct buf *result, bool *ret_repeated, struct err *err) {
    struct buf unseen = BUF_INIT(WRITER_RESULT_BYTES_MAX);
    struct request q = {
        .origin = origin, .write = fn, .ctx = ctx, .result = result ? result : &unseen};
    q.result_start = q.result->len;
    int r = submit(w, &q, err);
    buf_done(&unseen);
    if (r == 0 && ret_repeated)
        *ret_repeated = q.repeated;
    return r;
}

int writer_exclusive(struct writer *w, writer_job_fn *fn, void *ctx, struct err *err) {
    struct request q = {.job = fn, .ctx = ctx};
    return submit(w, &q, err);
}

void writer_set_idle(struct writer *w, writer_idle_fn *fn) {
    (void)pthread_mutex_lock(&w->lock);
    w->idle = fn;
    (void)pthread_mutex_unlock(&w->lock);
}

size_t writer_queued(struct writer *w) {
    (void)pthread_mutex_lock(&w->lock);
    size_t n = w->count;
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

int writer_start(struct db *db, int64_t (*wall_ms)(void), struct writer **ret, struct err *err) {
    struct writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory for the store's writer");
    w->db = db;
    w->wall_ms = wall_ms;
    (void)pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t clock;
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->work, &clock);
    (void)pthread_condattr_destroy(&clock);
    int e = pthread_create(&w->thread, NULL, writer_main, w);
    if (e) {
        (void)pthread_mutex_destroy(&w->lock);
        (void)pthread_cond_destroy(&w->work);
        mem_free(w);
        // Not busy, which would be waited for: it is a limit, and nobody is about to raise it.
        return err_set(err, ERR_LIMIT,
                       "the store's writer thread could not be started: %s; raise the limits of "
                       "processes and memory (ulimit -u, ulimit -v)",
                       strerror(e));
    }
    *ret = w;
    return 0;
}

void writer_stop(struct writer *w) {
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_signal(&w->work);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    assert(w->count == 0);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}
