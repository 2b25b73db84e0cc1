// What the tests of core/loop share: a loop that cannot hang a test.
#pragma once

#include "core/loop/loop.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

enum { FIXTURE_GUARD_MS = 20000 };

struct fixture {
    struct loop *loop;
    struct loop_timer *guard;
    bool timed_out;
};

int fixture_setup(void **state); // cmocka setup and teardown
int fixture_teardown(void **state);
// Runs the loop until somebody calls loop_stop; fails the test after FIXTURE_GUARD_MS.
void fixture_run(struct fixture *f);
// Lets the loop work off what is ready: returns when it has been idle for a moment (5 ms).
void fixture_settle(struct fixture *f);

// A connected pair of Unix stream sockets; with small > 0 send buffers as small as the kernel
// allows.
void fixture_socketpair(int fds[2], bool small);
