#include "server/dispatch.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PROGRESS_INTERVAL_MS = 100, SLOT_BITS = 16, SLOTS_MAX = (1 << SLOT_BITS) - 1 };

enum ending { RUNNING, CANCELLED, TIMED_OUT };

struct progress {
    bool waiting;
    double done, total;
    char message[128];
};

struct active { // one accepted call
    struct active *prev, *next;
    struct dispatch *dispatch;
    const struct capability *capability;
    int64_t handle;
    void *input;
    json_t *arguments;
    char *client, *workspace; // of `caller`
    struct caller caller;
    struct call call;
    struct job *job;
    struct env_timer *timer; // deadline, then grace
    enum ending ending;
    bool told;    // `done` has been called
    bool waiting; // run() returned CALL_WAIT and was not resumed: no job has it
    bool started; // run() was entered (written by the worker, read after its completion)
    int result;
    struct err err;
    struct answer answer;
    struct progress progress; // guarded by dispatch->lock
    uint64_t progress_at_ns;  // worker only
    void (*render)(struct answer *answer);
    void (*on_progress)(void *ctx, double done, double total, const char *message);
    void (*on_said)(void *ctx, const char *text, size_t n);
    void (*done)(void *ctx, int r, struct answer *answer, const struct err *err);
    void *ctx;
};

struct slot {
    struct active *active;
    uint32_t generation;
};

struct dispatch {
    struct dispatch_config config;
    struct env *env;
    const struct capability **rows; // of all tables, in order
    size_t row_count;
    struct slot *slots;
    size_t slot_count;
    struct active *first;
    struct loop_wake *wake; // progress has come in
    pthread_mutex_t lock;
    bool closing;
};

void answer_done(struct answer *a) {
    json_decref(a->structured);
    json_decref(a->ask);
    json_decref(a->changed);
    buf_done(&a->text);
    buf_done(&a->json);
    buf_done(&a->rendered);
    *a = (struct answer){0};
}

// --- life

static void on_progress_wake(void *ctx);

static int collect_rows(struct dispatch *d) {
    size_t n = 0;
    for (const struct capability *const *t = d->config.tables; *t; t++)
        for (const struct capability *c = *t; c->name; c++)
            n++;
    d->rows = mem_alloc(n * sizeof *d->rows);
    if (!d->rows)
        return ERR_NOMEM;
    for (const struct capability *const *t = d->config.tables; *t; t++)
        for (const struct capability *c = *t; c->name; c++)
            d->rows[d->row_count++] = c;
    return 0;
}

int dispatch_new(const struct dispatch_config *config, struct dispatch **ret, struct err *err) {
    struct dispatch *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->config = *config;
    d->env = loop_env(config->loop);
    int r = collect_rows(d);
    if (r == 0)
        r = loop_wake_new(config->loop, on_progress_wake, d, &d->wake);
    if (r < 0) {
        mem_free(d->rows);
        mem_free(d);
        return err_set(err, r, "out of memory or descriptors");
    }
    (void)pthread_mutex_init(&d->lock, NULL); // cannot fail without attributes
    *ret = d;
    return 0;
}

static void maybe_free(struct dispatch *d) {
    if (!d->closing || d->first)
        return;
    loop_wake_free(d->wake);
    (void)pthread_mutex_destroy(&d->lock);
    mem_free(d->slots);
    mem_free(d->rows);
    mem_free(d);
}

static void finish(struct active *a);
static void on_stopped(void *ctx);

static void stop(struct active *a, enum ending ending) {
    if (a->ending == RUNNING)
        a->ending = ending;
    if (a->job)
        job_cancel(a->job);
    if (!a->waiting)
        return;
    a->waiting = false;
    a->call.pause.stop(a->call.pause.state);
    env_timer_cancel(a->dispatch->env, a->timer);
    a->timer = a->dispatch->closing ? NULL : env_timer_start(a->dispatch->env, 0, on_stopped, a);
    if (!a->timer) // there is no later
        finish(a);
}

void dispatch_free(struct dispatch *d) {
    if (!d)
        return;
    d->closing = true;
    for (struct active *a = d->first, *next; a; a = next) {
        next = a->next;
        stop(a, CANCELLED);
    }
    maybe_free(d);
}

const struct capability *dispatch_at(const struct dispatch *d, size_t i) {
    return i < d->row_count ? d->rows[i] : NULL;
}

const struct capability *dispatch_find(const struct dispatch *d, const char *name) {
    for (size_t i = 0; i < d->row_count; i++)
        if (strcmp(d->rows[i]->name, name) == 0)
            return d->rows[i];
    return NULL;
}

// --- handles: slot and generation, so that an old one never meets a newer call

static int take_slot(struct dispatch *d, struct active *a) {
    size_t i = 0;
    while (i < d->slot_count && d->slots[i].active)
        i++;
    if (i == d->slot_count) {
        size_t more = d->slot_count ? d->slot_count * 2 : 16;
        struct slot *slots = more <= SLOTS_MAX ? mem_realloc(d->slots, more * sizeof *slots) : NULL;
        if (!slots)
            return more <= SLOTS_MAX ? ERR_NOMEM : ERR_BUSY;
        memset(slots + i, 0, (more - i) * sizeof *slots);
        d->slots = slots;
        d->slot_count = more;
    }
    d->slots[i].active = a;
    d->slots[i].generation++;
    a->handle = (int64_t)d->slots[i].generation << SLOT_BITS | (int64_t)i;
    return 0;
}

static struct active *find_handle(const struct dispatch *d, int64_t handle) {
    size_t i = (size_t)(handle & SLOTS_MAX);
    if (handle <= 0 || i >= d->slot_count)
        return NULL;
    struct active *a = d->slots[i].active;
    return a && a->handle == handle ? a : NULL;
}

// --- one call

static void active_free(struct active *a) {
    struct dispatch *d = a->dispatch;
    if (a->handle) {
        d->slots[a->handle & SLOTS_MAX].active = NULL;
        if (a->prev)
            a->prev->next = a->next;
        else
            d->first = a->next;
        if (a->next)
            a->next->prev = a->prev;
    }
    env_timer_cancel(d->env, a->timer);
    if (a->input && a->capability->input)
        fields_release(a->capability->input, a->input);
    mem_free(a->input);
    if (a->call.pause.drop)
        a->call.pause.drop(a->call.pause.state);
    json_decref(a->arguments);
    mem_free(a->client);
    mem_free(a->workspace);
    answer_done(&a->answer);
    mem_free(a);
}

static void tell(struct active *a, int r, const struct err *err) {
    struct answer none = {0};
    if (a->told)
        return;
    a->told = true;
    a->done(a->ctx, r, r < 0 ? &none : &a->answer, err);
}

static void run(void *ctx, struct job *job) { // on a worker
    struct active *a = ctx;
    a->started = true;
    a->call.job = job;
    a->result = a->capability->run(&a->call, a->input, &a->answer, &a->err);
    if (a->result == 0 && a->render && !a->answer.ask)
        a->render(&a->answer);
}

static int outcome(struct active *a) { // CALL_WAIT: it was stopped meanwhile
    // What was finished before it could be stopped counts as done: a write has happened.
    if (a->started && a->result == 0 && !a->answer.text.failed)
        return 0;
    if (a->ending == CANCELLED)
        return err_set(&a->err, ERR_CANCELLED, "cancelled");
    if (a->ending == TIMED_OUT)
        return err_set(&a->err, ERR_TIMEOUT, "%s took longer than its time limit and was stopped",
                       a->capability->name);
    if (!a->started) // only the pool's end cancels behind our back
        return err_set(&a->err, ERR_CANCELLED, "cancelled");
    if (a->result >= 0)
        return err_set(&a->err, ERR_NOMEM, "out of memory");
    a->err.code = a->result;
    return a->result;
}

static void finish(struct active *a) {
    struct dispatch *d = a->dispatch;
    int r = outcome(a);
    tell(a, r, &a->err);
    if (r == 0 && d->config.changed && !d->closing && (a->answer.changed || a->answer.list_changed))
        d->config.changed(d->config.ctx, a->answer.changed, a->answer.list_changed);
    active_free(a);
}

static void on_stopped(void *ctx) { // while it waited
    struct active *a = ctx;
    struct dispatch *d = a->dispatch;
    a->timer = NULL;
    finish(a);
    maybe_free(d);
}

static void on_finished(void *ctx, bool cancelled) {
    struct active *a = ctx;
    struct dispatch *d = a->dispatch;
    (void)cancelled; // `ending` knows why
    a->job = NULL;
    if (a->started && a->result == CALL_WAIT && a->ending == RUNNING && !d->closing) {
        a->waiting = true;
        a->call.pause.begin(a->call.pause.state, &a->call);
        return;
    }
    finish(a);
    maybe_free(d);
}

static void on_grace_over(void *ctx) {
    struct active *a = ctx;
    struct err err = {0};
    a->timer = NULL;
    // The client is answered; the job ends when it ends.
    int r = err_set(&err, ERR_TIMEOUT,
                    "%s took longer than its time limit; it could not be stopped and may still "
                    "take effect",
                    a->capability->name);
    tell(a, r, &err);
}

static void on_deadline(void *ctx) {
    struct active *a = ctx;
    a->timer = NULL;
    bool waits = a->waiting;
    stop(a, TIMED_OUT);
    if (waits) // nothing runs: it ends by itself, and may have
        return;
    a->timer = env_timer_start(a->dispatch->env, DISPATCH_GRACE_MS, on_grace_over, a);
    if (!a->timer)
        on_grace_over(a);
}

static int decode(struct active *a, struct err *err) {
    const struct capability *c = a->capability;
    if (!c->input)
        return 0;
    a->input = mem_zalloc(c->input_size);
    if (!a->input)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = fields_decode(c->input, a->arguments, a->input, err);
    if (r == 0 || r == ERR_NOMEM)
        return r;
    if (err)
        err->code = ERR_INVAL;
    return ERR_INVAL;
}

static int fill(struct active *a, const struct dispatch_request *req, struct err *err) {
    a->arguments = req->arguments ? json_incref(req->arguments) : json_object();
    a->caller = req->caller;
    a->client = mem_strdup(req->caller.client ? req->caller.client : "");
    a->workspace = req->caller.workspace ? mem_strdup(req->caller.workspace) : NULL;
    if (!a->arguments || !a->client || (req->caller.workspace && !a->workspace))
        return err_set(err, ERR_NOMEM, "out of memory");
    a->caller.client = a->client;
    a->caller.workspace = a->workspace;
    a->render = req->render;
    a->on_progress = req->progress;
    a->on_said = req->said;
    a->done = req->done;
    a->ctx = req->ctx;
    a->call = (struct call){
        .services = a->dispatch->config.services,
        .caller = &a->caller,
        .capability = a->capability,
        .arguments = a->arguments,
        .confirmed = req->confirmed,
        .as_text = req->render != NULL,
        .now_ms = env_wall_ms(a->dispatch->env),
        .progress_ctx = a,
    };
    return decode(a, err);
}

static enum pool_priority priority_of(const struct active *a) {
    return a->capability->flags & CAP_LONG        ? POOL_BACKGROUND
           : a->capability->flags & CAP_READ_ONLY ? POOL_INTERACTIVE
                                                  : POOL_NORMAL;
}

static int start(struct active *a, uint64_t deadline_ms, struct err *err) {
    struct dispatch *d = a->dispatch;
    a->timer = env_timer_start(d->env, deadline_ms, on_deadline, a);
    int r = a->timer ? take_slot(d, a) : ERR_NOMEM;
    if (r == 0) {
        r = pool_submit(d->config.pool, priority_of(a), run, on_finished, a, &a->job);
        if (r < 0) {
            d->slots[a->handle & SLOTS_MAX].active = NULL;
            a->handle = 0;
        }
    }
    if (r == ERR_BUSY)
        return err_set(err, r, "too many requests are waiting; try again in a moment");
    if (r < 0)
        return err_set(err, r, "out of memory");
    a->next = d->first;
    if (a->next)
        a->next->prev = a;
    d->first = a;
    return 0;
}

int64_t dispatch_call(struct dispatch *d, const struct dispatch_request *req, struct err *err) {
    const struct capability *c = dispatch_find(d, req->capability);
    if (!c)
        return err_set(err, ERR_NOT_FOUND, "there is no \"%.64s\"", req->capability);
    if ((c->flags & CAP_CLI_ONLY) && strcmp(req->caller.face, "cli") != 0)
        return err_set(err, ERR_PERM, "\"%s\" is for the command line only: paired %s", c->name,
                       c->name);
    if (d->closing)
        return err_set(err, ERR_CLOSED, "paired is stopping");
    struct active *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->dispatch = d;
    a->capability = c;
    int r = fill(a, req, err);
    if (r == 0)
        r = start(a,
                  req->deadline_ms ? req->deadline_ms
                  : c->deadline_ms ? c->deadline_ms
                                   : DISPATCH_DEADLINE_MS,
                  err);
    if (r < 0) {
        active_free(a);
        return r;
    }
    return a->handle;
}

void dispatch_cancel(struct dispatch *d, int64_t handle) {
    struct active *a = find_handle(d, handle);
    if (a)
        stop(a, CANCELLED);
}

// --- waiting in between

void call_resume(struct call *c) {
    struct active *a = c->progress_ctx;
    struct dispatch *d = a->dispatch;
    if (!a->waiting)
        return;
    a->waiting = false;
    if (pool_submit(d->config.pool, priority_of(a), run, on_finished, a, &a->job) == 0)
        return;
    a->job = NULL;
    a->result = err_set(&a->err, ERR_BUSY, "too many requests are waiting; try again in a moment");
    finish(a);
    maybe_free(d);
}

struct env *call_env(const struct call *c) {
    const struct active *a = c->progress_ctx;
    return a->dispatch->env;
}

void call_say(struct call *c, const char *text, size_t n) {
    struct active *a = c->progress_ctx;
    if (a->on_said && !a->told && a->ending == RUNNING && n)
        a->on_said(a->ctx, text, n);
}

// --- progress

void call_progress(struct call *c, double done, double total, const char *message) {
    struct active *a = c->progress_ctx;
    struct dispatch *d = a->dispatch;
    uint64_t now = env_now_mono_ns();
    if (a->progress_at_ns && now - a->progress_at_ns < (uint64_t)PROGRESS_INTERVAL_MS * 1000 * 1000)
        return;
    a->progress_at_ns = now;
    (void)pthread_mutex_lock(&d->lock);
    a->progress.waiting = true;
    a->progress.done = done;
    a->progress.total = total;
    size_t n = message ? utf_cut(message, strlen(message), sizeof a->progress.message - 1) : 0;
    if (n)
        memcpy(a->progress.message, message, n);
    a->progress.message[n] = '\0';
    (void)pthread_mutex_unlock(&d->lock);
    loop_wake_send(d->wake);
}

static void on_progress_wake(void *ctx) {
    struct dispatch *d = ctx;
    for (struct active *a = d->first, *next; a; a = next) {
        next = a->next;
        (void)pthread_mutex_lock(&d->lock);
        struct progress p = a->progress;
        a->progress.waiting = false;
        (void)pthread_mutex_unlock(&d->lock);
        if (p.waiting && a->on_progress && !a->told && a->ending == RUNNING)
            a->on_progress(a->ctx, p.done, p.total, p.message[0] ? p.message : NULL);
    }
}
