#include "core/loop/pool.h"

#include "core/base/mem.h"
#include "core/loop/loop_uv.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    POOL_THREADS_MAX = 64,
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    POOL_STACK_BYTES = 4 * 1024 * 1024, // instrumented frames are several times larger
#else
    POOL_STACK_BYTES = 512 * 1024,
#endif
    POOL_PRIORITIES = 3
};

struct job {
    struct pool *pool;
    struct job *prev, *next; // in a queue, or (next only) in the finished list
    job_run_fn *run;
    job_done_fn *done;
    void *ctx;
    enum pool_priority prio;
    bool queued;
    unsigned worker;
    atomic_bool cancelled;
};

struct jobs { // first in, first out
    struct job *first, *last;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    bool idle;
    struct job *given;   // handed over while idle: it starts without a race for the queue
    struct job *running; // for pool_free, which cancels it
    unsigned index;
};

struct pool {
    struct loop_wake *wake;
    unsigned threads;
    size_t outstanding;   // accepted, completion not yet called; loop only
    bool completing;      // loop only
    pthread_mutex_t lock; // guards what follows, and the workers' `idle` and `given`
    struct jobs queues[POOL_PRIORITIES];
    size_t queued;
    struct jobs finished;
    bool stopping;
    struct worker workers[];
};

static void push(struct jobs *q, struct job *job) {
    job->prev = q->last;
    job->next = NULL;
    if (q->last)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
}

static void take_out(struct jobs *q, struct job *job) {
    if (job->prev)
        job->prev->next = job->next;
    else
        q->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        q->last = job->prev;
}

// --- workers

// The most urgent job this worker may do; lock held.
static struct job *next_job(struct pool *p, unsigned worker) {
    int last = worker == 0 ? POOL_INTERACTIVE : POOL_BACKGROUND;
    for (int prio = POOL_INTERACTIVE; prio <= last; prio++) {
        struct job *job = p->queues[prio].first;
        if (job) {
            take_out(&p->queues[prio], job);
            job->queued = false;
            p->queued--;
            return job;
        }
    }
    return NULL;
}

// Lock held. True when the loop has to be woken (nobody else has done so).
static bool finish(struct pool *p, struct job *job) {
    bool first = !p->finished.first;
    push(&p->finished, job);
    return first;
}

static void run_job(struct worker *w, struct job *job) {
    job->worker = w->index;
    if (!atomic_load_explicit(&job->cancelled, memory_order_relaxed))
        job->run(job->ctx, job);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct pool *p = w->pool;
    char name[16];
    (void)snprintf(name, sizeof name, "paired-work%u", w->index);
    (void)pthread_setname_np(pthread_self(), name);
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        struct job *job = w->given ? w->given : next_job(p, w->index);
        w->given = NULL;
        if (job) {
            w->running = job;
            (void)pthread_mutex_unlock(&p->lock);
            run_job(w, job);
            (void)pthread_mutex_lock(&p->lock);
            w->running = NULL;
            if (finish(p, job)) {
                (void)pthread_mutex_unlock(&p->lock);
                loop_wake_send(p->wake); // outside, or the loop would wake up to a held lock
                (void)pthread_mutex_lock(&p->lock);
            }
        } else if (p->stopping) {
            break;
        } else {
            w->idle = true;
            while (w->idle && !p->stopping)
                (void)pthread_cond_wait(&w->wake, &p->lock);
            w->idle = false;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

// --- the loop's side

static void deliver(struct pool *p) {
    (void)pthread_mutex_lock(&p->lock);
    struct job *job = p->finished.first;
    p->finished = (struct jobs){0};
    (void)pthread_mutex_unlock(&p->lock);
    p->completing = true;
    while (job) {
        struct job *next = job->next;
        p->outstanding--;
        job->done(job->ctx, atomic_load_explicit(&job->cancelled, memory_order_relaxed));
        mem_free(job);
        job = next;
    }
    p->completing = false;
    if (!p->outstanding)
        loop_wake_hold(p->wake, false);
}

static void on_wake(void *ctx) {
    deliver(ctx);
}

static void stop_workers(struct pool *p, unsigned started) {
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    for (unsigned i = 0; i < started; i++)
        (void)pthread_cond_signal(&p->workers[i].wake);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(p->workers[i].thread, NULL);
}

static void free_memory(struct pool *p) {
    for (unsigned i = 0; i < p->threads; i++)
        (void)pthread_cond_destroy(&p->workers[i].wake);
    (void)pthread_mutex_destroy(&p->lock);
    loop_wake_free(p->wake);
    mem_free(p);
}

static int start_workers(struct pool *p, struct err *err) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int e = pthread_attr_init(&attributes);
    if (e)
        return err_errno(err, e, "cannot start a worker");
    (void)pthread_attr_setstacksize(&attributes, POOL_STACK_BYTES);
    // Signals are the loop's business: workers are born with all of them blocked.
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    unsigned started = 0;
    while (!e && started < p->threads) {
        struct worker *w = &p->workers[started];
        e = pthread_create(&w->thread, &attributes, worker_main, w);
        started += !e;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (!e)
        return 0;
    stop_workers(p, started);
    return err_errno(err, e, "cannot start a worker thread");
}

int pool_new(struct loop *l, unsigned threads, struct pool **ret, struct err *err) {
    if (threads < 2 || threads > POOL_THREADS_MAX)
        return err_set(err, ERR_INVAL, "a pool has 2 to %d threads", POOL_THREADS_MAX);
    struct pool *p = mem_zalloc(sizeof *p + threads * sizeof p->workers[0]);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = loop_wake_new(l, on_wake, p, &p->wake);
    if (r < 0) {
        mem_free(p);
        return err_set(err, r, "out of memory or descriptors");
    }
    loop_wake_hold(p->wake, false); // an idle pool is nothing to wait for
    p->threads = threads;
    (void)pthread_mutex_init(&p->lock, NULL); // these cannot fail without attributes
    for (unsigned i = 0; i < threads; i++) {
        p->workers[i].pool = p;
        p->workers[i].index = i;
        (void)pthread_cond_init(&p->workers[i].wake, NULL);
    }
    r = start_workers(p, err);
    if (r < 0) {
        free_memory(p);
        return r;
    }
    *ret = p;
    return 0;
}

static void mark_cancelled(struct job *job) {
    if (job)
        atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
}

void pool_free(struct pool *p) {
    if (!p)
        return;
    assert(!p->completing);
    (void)pthread_mutex_lock(&p->lock);
    for (int prio = 0; prio < POOL_PRIORITIES; prio++)
        for (struct job *job = p->queues[prio].first; job; job = job->next)
            mark_cancelled(job);
    for (unsigned i = 0; i < p->threads; i++) {
        mark_cancelled(p->workers[i].given);
        mark_cancelled(p->workers[i].running);
    }
    (void)pthread_mutex_unlock(&p->lock);
    stop_workers(p, p->threads);
    while (p->outstanding)
        deliver(p);
    free_memory(p);
}

// An idle worker for this priority; lock held. Interactive work prefers the worker kept for it, so
// that the others stay free for the rest.
static struct worker *idle_worker(struct pool *p, enum pool_priority prio) {
    for (unsigned i = prio == POOL_INTERACTIVE ? 0 : 1; i < p->threads; i++)
        if (p->workers[i].idle)
            return &p->workers[i];
    return NULL;
}

int pool_submit(struct pool *p, enum pool_priority prio, job_run_fn *run, job_done_fn *done,
                void *ctx, struct job **ret_job) {
    struct job *job = mem_zalloc(sizeof *job);
    if (!job)
        return ERR_NOMEM;
    job->pool = p;
    job->prio = prio;
    job->run = run;
    job->done = done;
    job->ctx = ctx;
    (void)pthread_mutex_lock(&p->lock);
    struct worker *w = idle_worker(p, prio);
    if (w) {
        w->idle = false;
        w->given = job;
    } else if (p->queued == POOL_QUEUE_MAX) {
        (void)pthread_mutex_unlock(&p->lock);
        mem_free(job);
        return ERR_BUSY;
    } else {
        push(&p->queues[prio], job);
        job->queued = true;
        p->queued++;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (w)
        (void)pthread_cond_signal(&w->wake); // that one only, and after the lock is free
    if (p->outstanding++ == 0)
        loop_wake_hold(p->wake, true);
    if (ret_job)
        *ret_job = job;
    return 0;
}

void job_cancel(struct job *job) {
    struct pool *p = job->pool;
    bool wake = false;
    mark_cancelled(job);
    (void)pthread_mutex_lock(&p->lock);
    if (job->queued) {
        take_out(&p->queues[job->prio], job);
        job->queued = false;
        p->queued--;
        wake = finish(p, job);
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (wake)
        loop_wake_send(p->wake);
}

bool job_cancelled(const struct job *job) {
    return atomic_load_explicit(&job->cancelled, memory_order_relaxed);
}

unsigned pool_worker_index(const struct job *job) {
    return job->worker;
}

size_t pool_busy(const struct pool *p) {
    return p->outstanding;
}

size_t pool_queued(const struct pool *p) {
    // The lock is not part of what the caller sees as const.
    struct pool *changing = (struct pool *)(uintptr_t)p;
    (void)pthread_mutex_lock(&changing->lock);
    size_t n = p->queued;
    (void)pthread_mutex_unlock(&changing->lock);
    return n;
}

unsigned pool_idle(const struct pool *p) {
    struct pool *changing = (struct pool *)(uintptr_t)p;
    unsigned idle = 0;
    (void)pthread_mutex_lock(&changing->lock);
    for (unsigned i = 0; i < p->threads; i++)
        idle += p->workers[i].idle;
    (void)pthread_mutex_unlock(&changing->lock);
    return idle;
}
