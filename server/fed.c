// The thread of the engine's federation, and how workers reach it.
#include "server/fed.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/loop/mailbox.h"
#include "server/fed_discovery.h"
#include "server/fed_impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { STACK_BYTES = 512 * 1024, MS_PER_S = 1000 };

// Waiting for a turn, running, run; or nobody waits for it any more.
enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_ABANDONED };
struct fed_job {
    fed_fn *fn;
    void *arg;
    bool closing; // also runs while the core is not ready
    enum job_state state;
    int result;
    struct err err;
};

struct fed {
    struct services *services;
    atomic_int connected;
    pthread_mutex_t apply; // one start or stop at a time; taken before `lock`
    pthread_t thread;
    bool joinable, anyway, ended; // under `apply`

    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    enum fed_state state;
    struct err why;
    struct mailbox *box;    // NULL while the thread is not there
    struct loop_wake *quit; // likewise
    unsigned waiting;
};

const char *fed_state_name(enum fed_state state) {
    static const char *const names[] = {[FED_OFF] = "off",
                                        [FED_STARTING] = "starting",
                                        [FED_RUNNING] = "running",
                                        [FED_LOCKED] = "locked",
                                        [FED_FAILED] = "failed"};
    return names[state];
}

static void set_state(struct fed *f, enum fed_state state, const struct err *why) {
    (void)pthread_mutex_lock(&f->lock);
    f->state = state;
    f->why = why ? *why : (struct err){0};
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

// --- the thread ----------------------------------------------------------------------------------

struct thread {
    struct fed *fed;
    struct fed_core core;
};

static void finish(struct fed *f, struct fed_job *job, int result, const struct err *err) {
    (void)pthread_mutex_lock(&f->lock);
    bool abandoned = job->state == JOB_ABANDONED;
    job->state = JOB_DONE;
    job->result = result;
    if (err)
        job->err = *err;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    if (abandoned)
        mem_free(job);
}

static bool take(struct fed *f, struct fed_job *job) {
    (void)pthread_mutex_lock(&f->lock);
    bool wanted = job->state == JOB_WAITING;
    // Closing before a lock is not given up because its caller has: the keys must go.
    if (job->closing && job->state == JOB_ABANDONED)
        wanted = true;
    else if (wanted)
        job->state = JOB_RUNNING;
    (void)pthread_mutex_unlock(&f->lock);
    return wanted;
}

static void on_job(void *ctx, void *message) {
    struct thread *t = ctx;
    struct fed_job *job = message;
    struct err err = {0};
    if (!take(t->fed, job)) {
        mem_free(job);
        return;
    }
    int r;
    if (t->core.ready || job->closing) {
        r = job->fn(&t->core, job->arg, &err);
        fed_discovery_look(&t->core); // a code or a friend may have come or gone by it
    } else {
        (void)fed_state(t->fed, &err);
        r = err.code ? err.code : err_set(&err, ERR_CLOSED, "federation is not running");
    }
    finish(t->fed, job, r, &err);
}

// What waits in the mailbox of a thread that ends.
static _Thread_local struct fed *dropping;

static void drop_job(void *message) {
    struct err err = {0};
    int r = err_set(&err, ERR_CLOSED, "federation is ending");
    if (take(dropping, message))
        finish(dropping, message, r, &err);
    else
        mem_free(message);
}

static void try_open(struct thread *t) {
    struct err err = {0};
    if (t->core.ready)
        return;
    int r = fed_core_open(&t->core, &err);
    if (r == 0) {
        log_line(LOG_INFO, "federation", "running port=%u", (unsigned)node_port(t->core.node));
        set_state(t->fed, FED_RUNNING, NULL);
        return;
    }
    struct err before = {0};
    if (fed_state(t->fed, &before) == FED_STARTING || before.code != r)
        log_line(r == ERR_LOCKED ? LOG_INFO : LOG_WARN, "federation", "not running code=%s",
                 err_name(r));
    set_state(t->fed, r == ERR_LOCKED ? FED_LOCKED : FED_FAILED, &err);
    loop_timer_start(t->core.retry, FED_RETRY_MS, 0);
}

static void on_retry(void *ctx) {
    try_open(ctx);
}

static void on_quit(void *ctx) {
    struct thread *t = ctx;
    loop_stop(t->core.loop);
}

static int prepare(struct thread *t, struct err *err) {
    struct fed *f = t->fed;
    struct loop_wake *quit = NULL;
    struct mailbox *box = NULL;
    int r = loop_new(&t->core.loop, err);
    if (r < 0)
        return r;
    t->core.env = loop_env(t->core.loop);
    if (loop_timer_new(t->core.loop, on_retry, t, &t->core.retry) < 0 ||
        loop_wake_new(t->core.loop, on_quit, t, &quit) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    r = mailbox_new(t->core.loop, FED_WAITING_MAX, on_job, t, &box, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&f->lock);
    f->box = box;
    f->quit = quit;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    return 0;
}

static void *run(void *arg) {
    struct thread *t = arg;
    struct fed *f = t->fed;
    struct err err = {0};
    (void)pthread_setname_np(pthread_self(), "federation");
    int r = prepare(t, &err);
    if (r == 0) {
        try_open(t);
        r = loop_run(t->core.loop, &err);
    }
    fed_core_close(&t->core);
    (void)pthread_mutex_lock(&f->lock);
    struct mailbox *box = f->box;
    f->box = NULL;
    f->quit = NULL;
    f->state = r < 0 ? FED_FAILED : FED_OFF;
    f->why = err;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    dropping = f;
    if (box)
        mailbox_close(box, drop_job);
    loop_free(t->core.loop);
    log_line(LOG_INFO, "federation", "ended");
    mem_free(t);
    return NULL;
}

// --- starting and stopping -----------------------------------------------------------------------

int fed_new(struct services *services, bool expected, struct fed **ret, struct err *err) {
    struct fed *f = mem_zalloc(sizeof *f);
    pthread_condattr_t attributes;
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->services = services;
    f->state = expected ? FED_STARTING : FED_OFF;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_mutex_init(&f->apply, NULL);
    *ret = f;
    return 0;
}

static void start_thread(struct fed *f) {
    struct err err = {0};
    struct thread *t = mem_zalloc(sizeof *t);
    pthread_attr_t attributes;
    sigset_t all, before;
    if (!t) {
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        set_state(f, FED_FAILED, &err);
        return;
    }
    t->fed = f;
    t->core.services = f->services;
    set_state(f, FED_STARTING, NULL);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all); // signals are the main loop's
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&f->thread, &attributes, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    f->joinable = e == 0;
    if (e) {
        mem_free(t);
        (void)err_errno(&err, e, "cannot start the federation's thread");
        set_state(f, FED_FAILED, &err);
    }
}

static void stop_thread(struct fed *f) {
    if (!f->joinable)
        return;
    (void)pthread_mutex_lock(&f->lock);
    while (!f->quit && f->state == FED_STARTING) // it has only just begun
        (void)pthread_cond_wait(&f->changed, &f->lock);
    if (f->quit)
        loop_wake_send(f->quit);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    f->joinable = false;
}

static int close_core(struct fed_core *core, void *arg, struct err *err) {
    struct fed *f = arg;
    struct err locked = {0};
    fed_core_close(core);
    (void)err;
    (void)err_set(&locked, ERR_LOCKED, "the store is locked: paired key unlock");
    set_state(f, FED_LOCKED, &locked);
    loop_timer_start(core->retry, FED_RETRY_MS, 0);
    return 0;
}

static int run_job(struct fed *f, fed_fn *fn, void *arg, bool closing, struct err *err);

void fed_before_lock(struct fed *f) {
    struct err err = {0};
    if (run_job(f, close_core, f, true, &err) < 0 && err.code != ERR_UNSUPPORTED)
        log_line(LOG_WARN, "federation", "not closed before the lock code=%s", err_name(err.code));
}

void fed_apply(struct fed *f, bool anyway) {
    const struct conf *conf = __atomic_load_n(&f->services->conf, __ATOMIC_ACQUIRE);
    (void)pthread_mutex_lock(&f->apply);
    f->anyway |= anyway;
    bool wanted = !f->ended && (f->anyway || conf_bool(conf, "federation.enabled"));
    if (!wanted) {
        stop_thread(f);
        set_state(f, FED_OFF, NULL);
    } else if (!f->joinable)
        start_thread(f);
    (void)pthread_mutex_unlock(&f->apply);
}

void fed_stop(struct fed *f) {
    if (!f)
        return;
    (void)pthread_mutex_lock(&f->apply);
    f->ended = true;
    stop_thread(f);
    set_state(f, FED_OFF, NULL);
    (void)pthread_mutex_unlock(&f->apply);
}

int fed_while_stopped(struct fed *f, int (*fn)(void *ctx, struct err *err), void *ctx,
                      struct err *err) {
    (void)pthread_mutex_lock(&f->apply);
    stop_thread(f);
    set_state(f, FED_OFF, NULL);
    int r = fn(ctx, err);
    (void)pthread_mutex_unlock(&f->apply);
    return r;
}

void fed_free(struct fed *f) {
    if (!f)
        return;
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    (void)pthread_mutex_destroy(&f->apply);
    mem_free(f);
}

// --- from other threads --------------------------------------------------------------------------

static struct timespec at_ms(uint64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / MS_PER_S);
    t.tv_nsec += (long)(ms % MS_PER_S) * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

enum fed_state fed_state(struct fed *f, struct err *ret_why) {
    (void)pthread_mutex_lock(&f->lock);
    enum fed_state state = f->state;
    if (ret_why)
        *ret_why = f->why;
    (void)pthread_mutex_unlock(&f->lock);
    return state;
}

unsigned fed_connected(const struct fed *f) {
    int n = atomic_load(&f->connected);
    return n > 0 ? (unsigned)n : 0;
}

void fed_count(struct fed *f, int change) {
    (void)atomic_fetch_add(&f->connected, change);
}

enum fed_state fed_settled(struct fed *f, uint64_t ms, struct err *ret_why) {
    struct timespec until = at_ms(ms);
    (void)pthread_mutex_lock(&f->lock);
    while (f->state == FED_STARTING)
        if (pthread_cond_timedwait(&f->changed, &f->lock, &until) != 0)
            break;
    (void)pthread_mutex_unlock(&f->lock);
    return fed_state(f, ret_why);
}

// Lock held. Waits for the thread's mailbox, when there is to be one.
static int post(struct fed *f, struct fed_job *job, const struct timespec *until, struct err *err) {
    while (!f->box && f->state == FED_STARTING)
        if (pthread_cond_timedwait(&f->changed, &f->lock, until) != 0)
            return err_set(err, ERR_TIMEOUT, "federation is still starting; try again in a moment");
    if (!f->box && f->why.code)
        return err_set(err, f->why.code, "%s", err_text(&f->why));
    if (!f->box)
        return err_set(err, ERR_UNSUPPORTED, "federation is off: paired federation on");
    if (f->waiting >= FED_WAITING_MAX || mailbox_post(f->box, job) < 0)
        return err_set(err, ERR_BUSY, "federation is busy; try again in a moment");
    return 0;
}

// Lock held. The job's result; it is gone afterwards.
static int wait_for(struct fed *f, struct fed_job *job, const struct timespec *until,
                    struct err *err) {
    f->waiting++;
    while (job->state != JOB_DONE) {
        bool late = pthread_cond_timedwait(&f->changed, &f->lock, until) != 0;
        if (late && job->state == JOB_WAITING)
            break;
        if (late) // it runs: what it works on must not go away
            while (job->state != JOB_DONE)
                (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    f->waiting--;
    if (job->state == JOB_WAITING) {
        job->state = JOB_ABANDONED; // the thread frees it
        return err_set(err, ERR_TIMEOUT, "federation did not get to it; try again in a moment");
    }
    int r = job->result;
    if (r < 0 && err)
        *err = job->err;
    mem_free(job);
    return r;
}

static int run_job(struct fed *f, fed_fn *fn, void *arg, bool closing, struct err *err) {
    struct fed_job *job = mem_zalloc(sizeof *job);
    struct timespec until = at_ms(FED_RUN_MS);
    if (!job)
        return err_set(err, ERR_NOMEM, "out of memory");
    *job = (struct fed_job){.fn = fn, .arg = arg, .closing = closing};
    (void)pthread_mutex_lock(&f->lock);
    int r = post(f, job, &until, err);
    if (r < 0)
        mem_free(job);
    else
        r = wait_for(f, job, &until, err);
    (void)pthread_mutex_unlock(&f->lock);
    return r;
}

int fed_run(struct services *s, fed_fn *fn, void *arg, struct err *err) {
    return run_job(s->fed, fn, arg, false, err);
}

static int reopen(struct fed_core *core, void *arg, struct err *err) {
    struct fed *f = arg;
    fed_core_close(core);
    int r = fed_core_open(core, err);
    set_state(f,
              r == 0            ? FED_RUNNING
              : r == ERR_LOCKED ? FED_LOCKED
                                : FED_FAILED,
              r < 0 ? err : NULL);
    if (r < 0)
        loop_timer_start(core->retry, FED_RETRY_MS, 0);
    return r;
}

int fed_restart(struct services *s, struct err *err) {
    return run_job(s->fed, reopen, s->fed, true, err);
}

// Under `apply`, so that the thread does not start meanwhile.
static int visit_closed(struct fed *f, fed_fn *fn, void *arg, struct err *err) {
    struct fed_core *core = mem_zalloc(sizeof *core);
    if (!core)
        return err_set(err, ERR_NOMEM, "out of memory");
    core->services = f->services;
    int r = fed_core_open_files(core, false, err);
    if (r == 0)
        r = fn(core, arg, err);
    fed_core_close(core);
    mem_free(core);
    return r;
}

int fed_visit(struct services *s, fed_fn *fn, void *arg, struct err *err) {
    struct fed *f = s->fed;
    (void)pthread_mutex_lock(&f->apply);
    bool closed = !f->joinable;
    int r = closed ? visit_closed(f, fn, arg, err) : 0;
    (void)pthread_mutex_unlock(&f->apply);
    return closed ? r : fed_run(s, fn, arg, err);
}
