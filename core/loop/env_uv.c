// The real world behind struct env: the system's clocks and randomness, timers of a loop.
#include "core/base/mem.h"
#include "core/loop/loop_uv.h"

#include <stddef.h>

struct env_timer {
    struct loop_node node;
    uv_timer_t handle;
    env_timer_fn *fn;
    void *ctx;
    bool over; // closing: fired, or cancelled (a callback may cancel its own timer)
};

static uint64_t mono_ns(void *self) {
    (void)self;
    return env_now_mono_ns();
}

static int64_t wall_ms(void *self) {
    (void)self;
    return env_now_wall_ms();
}

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    env_os_random(out, n);
}

static void free_timer(uv_handle_t *handle) {
    mem_free(handle->data);
}

static void timer_cancel(void *self, struct env_timer *t) {
    (void)self;
    if (!t || t->over)
        return;
    t->over = true;
    loop_node_remove(&t->node);
    uv_close((uv_handle_t *)&t->handle, free_timer);
}

static void on_timer(uv_timer_t *handle) {
    struct env_timer *t = handle->data;
    timer_cancel(NULL, t); // the memory stays until after this callback
    t->fn(t->ctx);
}

static void timer_abandon(struct loop_node *node) {
    timer_cancel(NULL,
                 (struct env_timer *)(void *)((char *)node - offsetof(struct env_timer, node)));
}

static struct env_timer *timer_start(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx) {
    struct loop *l = self;
    struct env_timer *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    (void)uv_timer_init(&l->uv, &t->handle); // cannot fail
    t->handle.data = t;
    t->fn = fn;
    t->ctx = ctx;
    loop_node_add(l, &t->node, timer_abandon);
    uv_update_time(&l->uv); // count from now, not from the beginning of the iteration
    (void)uv_timer_start(&t->handle, on_timer, delay_ms, 0);
    return t;
}

const struct env_ops env_uv_ops = {
    .mono_ns = mono_ns,
    .wall_ms = wall_ms,
    .random_bytes = random_bytes,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
};
