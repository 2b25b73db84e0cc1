#include "tests/unit/loop/loop_fixture.h"

#include "core/base/mem.h"

#include <fcntl.h>
#include <sys/socket.h>

static void on_guard(void *ctx) {
    struct fixture *f = ctx;
    f->timed_out = true;
    loop_stop(f->loop);
}

int fixture_setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    if (!f || loop_new(&f->loop, NULL) < 0 || loop_timer_new(f->loop, on_guard, f, &f->guard) < 0)
        return -1;
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    loop_timer_free(f->guard);
    loop_free(f->loop);
    mem_free(f);
    return 0;
}

void fixture_run(struct fixture *f) {
    loop_timer_start(f->guard, FIXTURE_GUARD_MS, 0);
    assert_int_equal(loop_run(f->loop, NULL), 0);
    loop_timer_stop(f->guard);
    if (f->timed_out)
        fail_msg("the loop was not stopped within %d ms", FIXTURE_GUARD_MS);
}

static void stop(void *ctx) {
    loop_stop(ctx);
}

void fixture_settle(struct fixture *f) {
    struct loop_timer *t;
    assert_int_equal(loop_timer_new(f->loop, stop, f->loop, &t), 0);
    loop_timer_start(t, 5, 0);
    fixture_run(f);
    loop_timer_free(t);
}

void fixture_socketpair(int fds[2], bool small) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; small && i < 2; i++) {
        int bytes = 1;
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    }
}
