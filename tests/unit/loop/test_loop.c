#include "core/loop/loop.h"
#include "tests/unit/loop/loop_fixture.h"

#include "core/base/mem.h"
#include "core/loop/loop_uv.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_returns_when_nothing_is_left_to_wait_for(void **state) {
    struct fixture *f = *state;
    loop_timer_free(f->guard); // open, even if stopped: must not count
    f->guard = NULL;
    assert_int_equal(loop_run(f->loop, NULL), 0);
}

static void task_never(void *ctx) {
    (void)ctx;
    fail();
}

// A stream that is closed takes back what it had posted; a loop that did not sleep after that kept
// a processor busy.
static void a_task_taken_back_lets_the_loop_sleep(void **state) {
    struct fixture *f = *state;
    struct loop_task task = {.fn = task_never};
    loop_timer_free(f->guard);
    f->guard = NULL;
    loop_task_post(f->loop, &task);
    loop_task_cancel(&task);
    (void)alarm(20);
    assert_int_equal(loop_run(f->loop, NULL), 0); // returns when nothing is left to wait for
    (void)alarm(0);
}

// --- deferring

struct order {
    struct loop *loop;
    char seen[16];
    size_t count;
};

static void note_b(void *ctx) {
    struct order *o = ctx;
    o->seen[o->count++] = 'b';
    loop_stop(o->loop);
}

static void note_a(void *ctx) {
    struct order *o = ctx;
    assert_int_equal(loop_defer(o->loop, note_b, o), 0);
    o->seen[o->count++] = 'a';
}

static void deferred_calls_run_later_and_once_in_order(void **state) {
    struct fixture *f = *state;
    struct order o = {.loop = f->loop};
    assert_int_equal(loop_defer(f->loop, note_a, &o), 0);
    assert_int_equal(o.count, 0);
    fixture_run(f);
    assert_string_equal(o.seen, "ab");
    fixture_settle(f);
    assert_int_equal(o.count, 2);
}

static void count_up(void *ctx) {
    ++*(int *)ctx;
}

static void loop_free_runs_what_was_deferred(void **state) {
    (void)state;
    struct loop *l;
    int count = 0;
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(loop_defer(l, count_up, &count), 0);
    loop_free(l);
    assert_int_equal(count, 1);
}

static void defer_again(void *ctx) {
    (void)loop_defer(ctx, defer_again, ctx);
}

static void loop_free_ends_even_if_somebody_always_defers_again(void **state) {
    (void)state;
    struct loop *l;
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(loop_defer(l, defer_again, l), 0);
    loop_free(l);
}

static void defer_reports_out_of_memory(void **state) {
    struct fixture *f = *state;
    int count = 0;
    mem_fail_at(1);
    assert_int_equal(loop_defer(f->loop, count_up, &count), ERR_NOMEM);
    mem_fail_at(0);
    fixture_settle(f);
    assert_int_equal(count, 0);
}

// --- timers

struct ticks {
    struct fixture *f;
    struct loop_timer *timer;
    int count;
    uint64_t began, ended;
};

static void tick(void *ctx) {
    struct ticks *t = ctx;
    t->ended = env_mono_ns(loop_env(t->f->loop));
    if (++t->count == 3) {
        loop_timer_free(t->timer); // inside its own callback
        loop_stop(t->f->loop);
    }
}

static void timer_repeats_and_may_be_freed_in_its_callback(void **state) {
    struct ticks t = {.f = *state};
    assert_int_equal(loop_timer_new(t.f->loop, tick, &t, &t.timer), 0);
    loop_timer_start(t.timer, 1, 1);
    fixture_run(t.f);
    fixture_settle(t.f);
    assert_int_equal(t.count, 3);
}

static void tick_once(void *ctx) {
    struct ticks *t = ctx;
    t->count++;
    t->ended = env_mono_ns(loop_env(t->f->loop));
    loop_stop(t->f->loop);
}

// libuv counts from the start of its iteration; ours count from the call.
static void start_after_slow_work(void *ctx) {
    struct ticks *t = ctx;
    (void)usleep(30 * 1000);
    t->began = env_mono_ns(loop_env(t->f->loop));
    loop_timer_start(t->timer, 20, 0);
}

static void timer_does_not_fire_early_after_a_slow_callback(void **state) {
    struct ticks t = {.f = *state};
    assert_int_equal(loop_timer_new(t.f->loop, tick_once, &t, &t.timer), 0);
    assert_int_equal(loop_defer(t.f->loop, start_after_slow_work, &t), 0);
    fixture_run(t.f);
    assert_true(t.ended - t.began >= 19 * 1000 * 1000); // libuv's clock has milliseconds
    loop_timer_free(t.timer);
}

static void a_stopped_timer_stays_silent(void **state) {
    struct ticks t = {.f = *state};
    assert_int_equal(loop_timer_new(t.f->loop, tick_once, &t, &t.timer), 0);
    loop_timer_start(t.timer, 1, 0);
    loop_timer_stop(t.timer);
    fixture_settle(t.f);
    assert_int_equal(t.count, 0);
    loop_timer_free(t.timer);
    loop_timer_free(NULL);
}

static void env_timer_fires_once_or_is_cancelled(void **state) {
    struct fixture *f = *state;
    struct env *env = loop_env(f->loop);
    int fired = 0, cancelled = 0;
    assert_non_null(env_timer_start(env, 1, count_up, &fired));
    struct env_timer *t = env_timer_start(env, 1, count_up, &cancelled);
    assert_non_null(t);
    env_timer_cancel(env, t);
    env_timer_cancel(env, NULL);
    assert_non_null(env_timer_start(env, 60000, count_up, &cancelled)); // loop_free takes it
    fixture_settle(f);
    assert_int_equal(fired, 1);
    assert_int_equal(cancelled, 0);
}

struct self_cancel {
    struct env *env;
    struct env_timer *timer;
    int count;
};

static void cancel_self(void *ctx) {
    struct self_cancel *s = ctx;
    s->count++;
    env_timer_cancel(s->env, s->timer);
}

static void env_timer_may_cancel_itself_while_it_fires(void **state) {
    struct fixture *f = *state;
    struct self_cancel s = {.env = loop_env(f->loop)};
    s.timer = env_timer_start(s.env, 1, cancel_self, &s);
    assert_non_null(s.timer);
    fixture_settle(f);
    assert_int_equal(s.count, 1);
}

static void env_has_clocks_and_random_bytes(void **state) {
    struct fixture *f = *state;
    struct env *env = loop_env(f->loop);
    uint64_t a = env_mono_ns(env);
    assert_true(env_mono_ns(env) >= a);
    assert_true(env_wall_ms(env) > INT64_C(1700000000000));
    unsigned char x[32] = {0}, y[32] = {0};
    env_random(env, x, sizeof x);
    env_random(env, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
}

// --- signals, descriptors, wake-ups

struct caught {
    struct fixture *f;
    struct loop_signal *signal;
    int signum;
};

static void on_signal(void *ctx, int signum) {
    struct caught *c = ctx;
    c->signum = signum;
    loop_signal_free(c->signal);
    loop_stop(c->f->loop);
}

static void signal_reaches_the_loop_and_may_be_freed_there(void **state) {
    struct caught c = {.f = *state};
    assert_int_equal(loop_signal_new(c.f->loop, SIGUSR1, on_signal, &c, &c.signal), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    fixture_run(c.f);
    assert_int_equal(c.signum, SIGUSR1);
}

static void a_signal_that_cannot_be_caught_is_refused(void **state) {
    struct fixture *f = *state;
    struct loop_signal *s = NULL;
    assert_int_equal(loop_signal_new(f->loop, SIGKILL, on_signal, NULL, &s), ERR_INVAL);
    assert_null(s);
}

static void sigpipe_is_ignored_once_there_is_a_loop(void **state) {
    (void)state;
    struct sigaction now;
    assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
}

struct watched {
    struct fixture *f;
    struct loop_watch *watch;
    int calls;
};

static void on_readable(void *ctx, int fd, int events) {
    struct watched *w = ctx;
    char byte;
    w->calls++;
    assert_int_equal(events, LOOP_READABLE);
    assert_int_equal(read(fd, &byte, 1), 1);
    loop_watch_free(w->watch);
    loop_stop(w->f->loop);
}

static void watch_tells_when_a_descriptor_is_readable(void **state) {
    struct watched w = {.f = *state};
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(loop_watch_new(w.f->loop, fds[0], on_readable, &w, &w.watch, NULL), 0);
    fixture_settle(w.f);
    assert_int_equal(w.calls, 0);
    assert_int_equal(write(fds[1], "xy", 2), 2);
    fixture_run(w.f);
    fixture_settle(w.f); // freed: the second byte is not told
    assert_int_equal(w.calls, 1);
    assert_int_equal(close(fds[0]) | close(fds[1]), 0); // borrowed: still ours
}

static void on_writable(void *ctx, int fd, int events) {
    struct watched *w = ctx;
    (void)fd;
    w->calls++;
    assert_int_equal(events, LOOP_WRITABLE);
    loop_watch_set(w->watch, 0);
    loop_stop(w->f->loop);
}

static void watch_waits_for_what_it_is_set_to(void **state) {
    struct watched w = {.f = *state};
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(loop_watch_new(w.f->loop, fds[1], on_writable, &w, &w.watch, NULL), 0);
    fixture_settle(w.f); // for reading at first: the writing end of a pipe never is
    assert_int_equal(w.calls, 0);
    loop_watch_set(w.watch, LOOP_WRITABLE);
    fixture_run(w.f);
    fixture_settle(w.f);
    assert_int_equal(w.calls, 1);
    loop_watch_free(w.watch);
    assert_int_equal(close(fds[0]) | close(fds[1]), 0);
}

static void watch_refuses_a_descriptor_that_is_not_open(void **state) {
    struct fixture *f = *state;
    struct loop_watch *w;
    struct err err;
    assert_true(loop_watch_new(f->loop, 9999, on_readable, NULL, &w, &err) < 0);
    assert_true(err.message[0]);
}

enum { WAKE_THREADS = 4, WAKES_EACH = 1000 };

struct wakes {
    struct fixture *f;
    struct loop_wake *wake;
    atomic_int sent;
    int heard; // value of `sent` at the last wake-up
};

static void *send_wakes(void *arg) {
    struct wakes *w = arg;
    for (int i = 0; i < WAKES_EACH; i++) {
        atomic_fetch_add(&w->sent, 1);
        loop_wake_send(w->wake);
    }
    return NULL;
}

static void on_wake(void *ctx) {
    struct wakes *w = ctx;
    w->heard = atomic_load(&w->sent);
    if (w->heard == WAKE_THREADS * WAKES_EACH)
        loop_stop(w->f->loop);
}

static void wakes_coalesce_but_the_last_one_is_never_lost(void **state) {
    struct wakes w = {.f = *state};
    pthread_t threads[WAKE_THREADS];
    assert_int_equal(loop_wake_new(w.f->loop, on_wake, &w, &w.wake), 0);
    for (int i = 0; i < WAKE_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_wakes, &w), 0);
    fixture_run(w.f);
    for (int i = 0; i < WAKE_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(w.heard, WAKE_THREADS * WAKES_EACH);
    loop_wake_free(w.wake);
}

static void loop_free_closes_what_is_open_of_every_kind(void **state) {
    (void)state;
    struct loop *l;
    struct loop_timer *timer;
    struct loop_signal *sig;
    struct loop_watch *watch;
    struct loop_wake *wake;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(loop_timer_new(l, count_up, NULL, &timer), 0);
    loop_timer_start(timer, 1, 1);
    assert_int_equal(loop_signal_new(l, SIGUSR2, on_signal, NULL, &sig), 0);
    assert_int_equal(loop_watch_new(l, fds[0], on_readable, NULL, &watch, NULL), 0);
    assert_int_equal(loop_wake_new(l, on_wake, NULL, &wake), 0);
    loop_wake_send(wake); // pending, must not be delivered any more
    loop_free(l);
    loop_free(NULL);
    assert_int_equal(close(fds[0]) | close(fds[1]), 0);
}

static void making_anything_fails_cleanly_without_memory(void **state) {
    struct fixture *f = *state;
    struct loop *l;
    struct loop_timer *timer;
    struct loop_signal *sig;
    struct loop_wake *wake;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        assert_int_equal(loop_new(&l, NULL), ERR_NOMEM);
    }
    mem_fail_at(1);
    assert_int_equal(loop_timer_new(f->loop, count_up, NULL, &timer), ERR_NOMEM);
    mem_fail_at(1);
    assert_int_equal(loop_signal_new(f->loop, SIGUSR1, on_signal, NULL, &sig), ERR_NOMEM);
    mem_fail_at(1);
    assert_int_equal(loop_wake_new(f->loop, on_wake, NULL, &wake), ERR_NOMEM);
    mem_fail_at(1);
    assert_null(env_timer_start(loop_env(f->loop), 1, count_up, NULL));
    mem_fail_at(0);
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_LOOP(run_returns_when_nothing_is_left_to_wait_for),
        IN_LOOP(a_task_taken_back_lets_the_loop_sleep),
        IN_LOOP(deferred_calls_run_later_and_once_in_order),
        cmocka_unit_test(loop_free_runs_what_was_deferred),
        cmocka_unit_test(loop_free_ends_even_if_somebody_always_defers_again),
        IN_LOOP(defer_reports_out_of_memory),
        IN_LOOP(timer_repeats_and_may_be_freed_in_its_callback),
        IN_LOOP(timer_does_not_fire_early_after_a_slow_callback),
        IN_LOOP(a_stopped_timer_stays_silent),
        IN_LOOP(env_timer_fires_once_or_is_cancelled),
        IN_LOOP(env_timer_may_cancel_itself_while_it_fires),
        IN_LOOP(env_has_clocks_and_random_bytes),
        IN_LOOP(signal_reaches_the_loop_and_may_be_freed_there),
        IN_LOOP(a_signal_that_cannot_be_caught_is_refused),
        IN_LOOP(sigpipe_is_ignored_once_there_is_a_loop),
        IN_LOOP(watch_tells_when_a_descriptor_is_readable),
        IN_LOOP(watch_waits_for_what_it_is_set_to),
        IN_LOOP(watch_refuses_a_descriptor_that_is_not_open),
        IN_LOOP(wakes_coalesce_but_the_last_one_is_never_lost),
        cmocka_unit_test(loop_free_closes_what_is_open_of_every_kind),
        IN_LOOP(making_anything_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests_name("loop/loop", tests, NULL, NULL);
}
