// Event loop: thin, typed cover of libuv (the only place that includes uv.h is core/loop). One loop
// per thread; unless said otherwise every function is called on the thread that runs the loop.
#pragma once

#include "core/base/env.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;

// Also ignores SIGPIPE, for the whole process.
int loop_new(struct loop **ret, struct err *err);
// Runs what was deferred, then closes what is still open without telling its owners (only streams
// that were being closed get their `closed`). Pools and mailboxes go before. Accepts NULL; not
// inside a callback.
void loop_free(struct loop *l);
// Runs until loop_stop() or nothing is left to wait for: every open object here is waited for, a
// paused stream and an idle pool are not.
int loop_run(struct loop *l, struct err *err);
void loop_stop(struct loop *l); // from the loop's own thread
struct env *
loop_env(struct loop *l); // clock, random, timers on this loop; lives as long as the loop

// Runs fn once, on the loop, in the next iteration (not from within the caller's frames). 0 or
// ERR_NOMEM.
int loop_defer(struct loop *l, void (*fn)(void *ctx), void *ctx);

// --- timers
// -----------------------------------------------------------------------------------------------------
struct loop_timer;
typedef void loop_timer_fn(void *ctx);
int loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx, struct loop_timer **ret);
void loop_timer_start(struct loop_timer *t, uint64_t delay_ms,
                      uint64_t repeat_ms); // restarts when running
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); // accepts NULL; safe inside its own callback

// --- signals
// ----------------------------------------------------------------------------------------------------
struct loop_signal;
typedef void loop_signal_fn(void *ctx, int signum);
int loop_signal_new(struct loop *l, int signum, loop_signal_fn *fn, void *ctx,
                    struct loop_signal **ret);
void loop_signal_free(struct loop_signal *s);

// --- a descriptor becomes ready (pidfd, a library's socket …); the descriptor is borrowed
enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };
struct loop_watch;
typedef void loop_watch_fn(void *ctx, int fd, int events); // an error makes it ready for both
// Waits for LOOP_READABLE at first.
int loop_watch_new(struct loop *l, int fd, loop_watch_fn *fn, void *ctx, struct loop_watch **ret,
                   struct err *err);
void loop_watch_set(struct loop_watch *w, int events); // 0: waits for nothing
void loop_watch_free(struct loop_watch *w);            // before the descriptor is closed

// --- wake-up from another thread
// ----------------------------------------------------------------------------------
struct loop_wake;
typedef void loop_wake_fn(void *ctx);
int loop_wake_new(struct loop *l, loop_wake_fn *fn, void *ctx, struct loop_wake **ret);
void loop_wake_send(struct loop_wake *w); // ANY thread; wake-ups coalesce
void loop_wake_free(struct loop_wake *w); // on the loop; no other thread may still send
