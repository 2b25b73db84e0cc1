#include "core/loop/loop.h"

#include "core/base/mem.h"
#include "core/loop/loop_uv.h"

#include <assert.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

enum { LOOP_FREE_ROUNDS_MAX = 64 };

#define NODE_OWNER(node, type) ((type *)(void *)((char *)(node)-offsetof(type, node)))

// A handle lives inside its owner, and the owner's memory goes in the close callback.
static void free_data(uv_handle_t *handle) {
    mem_free(handle->data);
}

int loop_uv_error(struct err *err, int code, const char *what) {
    return err_errno(err, -code, "%s", what); // on Unix libuv's codes are negated errno values
}

void loop_node_add(struct loop *l, struct loop_node *node, void (*abandon)(struct loop_node *)) {
    node->abandon = abandon;
    node->next = l->nodes.next;
    node->prev = &l->nodes;
    node->next->prev = node;
    l->nodes.next = node;
}

void loop_node_remove(struct loop_node *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = node;
}

// --- the loop

int loop_new(struct loop **ret, struct err *err) {
    struct loop *l = mem_zalloc(sizeof *l);
    char *buffer = mem_alloc(LOOP_READ_BYTES);
    if (!l || !buffer) {
        mem_free(l);
        mem_free(buffer);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    // A write to a peer that is gone must be an error of that write, not the end of the process.
    (void)signal(SIGPIPE, SIG_IGN);
    int r = uv_loop_init(&l->uv);
    if (r < 0) {
        mem_free(l);
        mem_free(buffer);
        return loop_uv_error(err, r, "cannot start an event loop");
    }
    l->read_buffer = buffer;
    l->nodes.prev = l->nodes.next = &l->nodes;
    l->tasks.prev = l->tasks.next = &l->tasks;
    l->env = (struct env){.ops = &env_uv_ops, .self = l};
    (void)uv_idle_init(&l->uv, &l->idle); // cannot fail
    l->idle.data = l;
    *ret = l;
    return 0;
}

static void run_tasks(struct loop *l) {
    // Also when nothing is left: with the last task cancelled, the loop would never sleep again.
    (void)uv_idle_stop(&l->idle);
    if (l->tasks.next == &l->tasks)
        return;
    // What is posted meanwhile waits for the next round, after polling: move the ring aside.
    struct loop_task now = l->tasks;
    now.next->prev = now.prev->next = &now;
    l->tasks.prev = l->tasks.next = &l->tasks;
    while (now.next != &now) {
        struct loop_task *task = now.next;
        loop_task_cancel(task);
        task->fn(task->ctx);
    }
}

static void on_idle(uv_idle_t *idle) {
    run_tasks(idle->data);
}

void loop_task_post(struct loop *l, struct loop_task *task) {
    if (task->next)
        return;
    task->next = &l->tasks;
    task->prev = l->tasks.prev;
    task->prev->next = task;
    l->tasks.prev = task;
    (void)uv_idle_start(&l->idle, on_idle); // fails only without a callback
}

void loop_task_cancel(struct loop_task *task) {
    if (!task->next)
        return;
    task->prev->next = task->next;
    task->next->prev = task->prev;
    task->prev = task->next = NULL;
}

struct deferred { // loop_defer's own
    struct loop_task task;
    void (*fn)(void *ctx);
    void *ctx;
};

static void run_deferred(void *ctx) {
    struct deferred *d = ctx;
    void (*fn)(void *) = d->fn;
    void *fn_ctx = d->ctx;
    mem_free(d);
    fn(fn_ctx);
}

int loop_defer(struct loop *l, void (*fn)(void *ctx), void *ctx) {
    struct deferred *d = mem_zalloc(sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->task.fn = run_deferred;
    d->task.ctx = d;
    d->fn = fn;
    d->ctx = ctx;
    loop_task_post(l, &d->task);
    return 0;
}

void loop_free(struct loop *l) {
    if (!l)
        return;
    // Closing may tell owners (stream `closed`), who may defer or open more: until it is quiet, but
    // not for ever with somebody who always defers again.
    int rounds = LOOP_FREE_ROUNDS_MAX;
    bool busy;
    do {
        run_tasks(l);
        while (l->nodes.next != &l->nodes) {
            struct loop_node *node = l->nodes.next;
            loop_node_remove(node);
            node->abandon(node);
        }
        (void)uv_run(&l->uv, UV_RUN_NOWAIT);
        busy = l->tasks.next != &l->tasks && --rounds;
    } while (busy || l->nodes.next != &l->nodes);
    while (l->tasks.next != &l->tasks) { // only loop_defer's can be left
        struct loop_task *task = l->tasks.next;
        loop_task_cancel(task);
        mem_free(task->ctx);
    }
    uv_close((uv_handle_t *)&l->idle, NULL);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    int r = uv_loop_close(&l->uv);
    assert(r == 0);
    (void)r;
    mem_free(l->read_buffer);
    mem_free(l);
}

int loop_run(struct loop *l, struct err *err) {
    (void)err; // kept in the interface for loops that can fail
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    return 0;
}

void loop_stop(struct loop *l) {
    uv_stop(&l->uv);
}

struct env *loop_env(struct loop *l) {
    return &l->env;
}

// --- timers

struct loop_timer {
    struct loop_node node;
    uv_timer_t handle;
    loop_timer_fn *fn;
    void *ctx;
};

static void on_timer(uv_timer_t *handle) {
    struct loop_timer *t = handle->data;
    t->fn(t->ctx);
}

static void timer_abandon(struct loop_node *node) {
    loop_timer_free(NODE_OWNER(node, struct loop_timer));
}

int loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx, struct loop_timer **ret) {
    struct loop_timer *t = mem_zalloc(sizeof *t);
    if (!t)
        return ERR_NOMEM;
    (void)uv_timer_init(&l->uv, &t->handle); // cannot fail
    t->handle.data = t;
    t->fn = fn;
    t->ctx = ctx;
    loop_node_add(l, &t->node, timer_abandon);
    *ret = t;
    return 0;
}

void loop_timer_start(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms) {
    // libuv counts from when the iteration began; after a slow callback that would be too early.
    uv_update_time(t->handle.loop);
    (void)uv_timer_start(&t->handle, on_timer, delay_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *t) {
    (void)uv_timer_stop(&t->handle);
}

void loop_timer_free(struct loop_timer *t) {
    if (!t)
        return;
    loop_node_remove(&t->node);
    uv_close((uv_handle_t *)&t->handle, free_data);
}

// --- signals

struct loop_signal {
    struct loop_node node;
    uv_signal_t handle;
    loop_signal_fn *fn;
    void *ctx;
};

static void on_signal(uv_signal_t *handle, int signum) {
    struct loop_signal *s = handle->data;
    s->fn(s->ctx, signum);
}

static void signal_abandon(struct loop_node *node) {
    loop_signal_free(NODE_OWNER(node, struct loop_signal));
}

int loop_signal_new(struct loop *l, int signum, loop_signal_fn *fn, void *ctx,
                    struct loop_signal **ret) {
    struct loop_signal *s = mem_zalloc(sizeof *s);
    if (!s)
        return ERR_NOMEM;
    if (uv_signal_init(&l->uv, &s->handle) < 0) {
        mem_free(s);
        return ERR_NOMEM; // no descriptors left for libuv's own pipe
    }
    s->handle.data = s;
    s->fn = fn;
    s->ctx = ctx;
    if (uv_signal_start(&s->handle, on_signal, signum) < 0) {
        uv_close((uv_handle_t *)&s->handle, free_data);
        return ERR_INVAL;
    }
    loop_node_add(l, &s->node, signal_abandon);
    *ret = s;
    return 0;
}

void loop_signal_free(struct loop_signal *s) {
    if (!s)
        return;
    loop_node_remove(&s->node);
    uv_close((uv_handle_t *)&s->handle, free_data);
}

// --- a descriptor becomes readable

struct loop_watch {
    struct loop_node node;
    uv_poll_t handle;
    int fd;
    loop_watch_fn *fn;
    void *ctx;
};

static void on_watch(uv_poll_t *handle, int status, int events) {
    struct loop_watch *w = handle->data;
    int ready =
        ((events & UV_READABLE) ? LOOP_READABLE : 0) | ((events & UV_WRITABLE) ? LOOP_WRITABLE : 0);
    // Whoever reads or writes gets the error.
    w->fn(w->ctx, w->fd, status < 0 ? LOOP_READABLE | LOOP_WRITABLE : ready);
}

static void watch_abandon(struct loop_node *node) {
    loop_watch_free(NODE_OWNER(node, struct loop_watch));
}

int loop_watch_new(struct loop *l, int fd, loop_watch_fn *fn, void *ctx, struct loop_watch **ret,
                   struct err *err) {
    struct loop_watch *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = uv_poll_init(&l->uv, &w->handle, fd);
    if (r < 0) {
        mem_free(w);
        return loop_uv_error(err, r, "cannot watch a descriptor");
    }
    w->handle.data = w;
    w->fd = fd;
    w->fn = fn;
    w->ctx = ctx;
    loop_node_add(l, &w->node, watch_abandon);
    loop_watch_set(w, LOOP_READABLE);
    *ret = w;
    return 0;
}

void loop_watch_set(struct loop_watch *w, int events) {
    int wanted =
        ((events & LOOP_READABLE) ? UV_READABLE : 0) | ((events & LOOP_WRITABLE) ? UV_WRITABLE : 0);
    if (wanted) // cannot fail for one that was polled
        (void)uv_poll_start(&w->handle, wanted, on_watch);
    else
        (void)uv_poll_stop(&w->handle);
}

void loop_watch_free(struct loop_watch *w) {
    if (!w)
        return;
    loop_node_remove(&w->node);
    uv_close((uv_handle_t *)&w->handle, free_data);
}

// --- wake-up from another thread

struct loop_wake {
    struct loop_node node;
    uv_async_t handle;
    loop_wake_fn *fn;
    void *ctx;
};

static void on_wake(uv_async_t *handle) {
    struct loop_wake *w = handle->data;
    w->fn(w->ctx);
}

static void wake_abandon(struct loop_node *node) {
    loop_wake_free(NODE_OWNER(node, struct loop_wake));
}

int loop_wake_new(struct loop *l, loop_wake_fn *fn, void *ctx, struct loop_wake **ret) {
    struct loop_wake *w = mem_zalloc(sizeof *w);
    if (!w)
        return ERR_NOMEM;
    if (uv_async_init(&l->uv, &w->handle, on_wake) < 0) {
        mem_free(w);
        return ERR_NOMEM; // no descriptor left for libuv's eventfd
    }
    w->handle.data = w;
    w->fn = fn;
    w->ctx = ctx;
    loop_node_add(l, &w->node, wake_abandon);
    *ret = w;
    return 0;
}

void loop_wake_send(struct loop_wake *w) {
    (void)uv_async_send(&w->handle); // fails only for another type of handle
}

void loop_wake_hold(struct loop_wake *w, bool on) {
    if (on)
        uv_ref((uv_handle_t *)&w->handle);
    else
        uv_unref((uv_handle_t *)&w->handle);
}

void loop_wake_free(struct loop_wake *w) {
    if (!w)
        return;
    loop_node_remove(&w->node);
    uv_close((uv_handle_t *)&w->handle, free_data);
}
