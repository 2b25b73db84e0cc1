#include "tests/unit/protocol/fake_env.h"

#include "core/base/mem.h"

#include <string.h>

struct env_timer {
    struct env_timer *next;
    uint64_t due_ms;
    env_timer_fn *fn;
    void *ctx;
};

static uint64_t mono_ns(void *self) {
    return ((struct fake_env *)self)->now_ms * 1000000;
}

static int64_t wall_ms(void *self) {
    return (int64_t)((struct fake_env *)self)->now_ms;
}

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    memset(out, 7, n);
}

static struct env_timer *timer_start(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx) {
    struct fake_env *f = self;
    struct env_timer *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    *t = (struct env_timer){f->timers, f->now_ms + delay_ms, fn, ctx};
    f->timers = t;
    f->live++;
    return t;
}

static void unlink_timer(struct fake_env *f, struct env_timer *t) {
    struct env_timer **at = &f->timers;
    while (*at && *at != t)
        at = &(*at)->next;
    if (*at) {
        *at = t->next;
        f->live--;
    }
}

static void timer_cancel(void *self, struct env_timer *t) {
    if (!t)
        return;
    unlink_timer(self, t);
    mem_free(t);
}

static const struct env_ops ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};

void fake_env_init(struct fake_env *f) {
    *f = (struct fake_env){.env = {.ops = &ops, .self = f}};
}

void fake_env_advance(struct fake_env *f, uint64_t ms) {
    f->now_ms += ms;
    for (;;) {
        struct env_timer *due = NULL;
        for (struct env_timer *t = f->timers; t; t = t->next)
            if (t->due_ms <= f->now_ms && (!due || t->due_ms < due->due_ms))
                due = t;
        if (!due)
            return;
        unlink_timer(f, due);
        due->fn(due->ctx);
        mem_free(due);
    }
}
