// The outside world of engine code: clock, randomness, timers. Real code gets env_uv (core/loop),
// tests and the simulator their own, so that the same code runs the same under both. Calls only
// from the thread that owns it.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct env;
struct env_timer;
typedef void env_timer_fn(void *ctx);

struct env_ops {
    uint64_t (*mono_ns)(void *self); // monotonic clock
    int64_t (*wall_ms)(void *self);  // ms since 1970-01-01 UTC
    void (*random_bytes)(void *self, void *out, size_t n);
    // One-shot; NULL when out of memory. The timer is freed after it fires or is cancelled.
    struct env_timer *(*timer_start)(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx);
    void (*timer_cancel)(void *self, struct env_timer *t); // accepts NULL
};

struct env {
    const struct env_ops *ops;
    void *self;
};

static inline uint64_t env_mono_ns(struct env *e) {
    return e->ops->mono_ns(e->self);
}
static inline int64_t env_wall_ms(struct env *e) {
    return e->ops->wall_ms(e->self);
}
static inline void env_random(struct env *e, void *out, size_t n) {
    e->ops->random_bytes(e->self, out, n);
}
static inline struct env_timer *env_timer_start(struct env *e, uint64_t delay_ms, env_timer_fn *fn,
                                                void *ctx) {
    return e->ops->timer_start(e->self, delay_ms, fn, ctx);
}
static inline void env_timer_cancel(struct env *e, struct env_timer *t) {
    e->ops->timer_cancel(e->self, t);
}

// Clock and randomness without a loop (CLI, pool workers).
uint64_t env_now_mono_ns(void);
int64_t env_now_wall_ms(void);
void env_os_random(void *out, size_t n); // getrandom(2); never fails short
