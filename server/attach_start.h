// The pieces of attach.c: locks, starting the engine's process, the greeting. Internal to
// attach*.c.
#pragma once

#include "server/attach.h"

#include <sys/types.h>

struct attach {
    const struct attach_config *config;
    struct dirs dirs;
    char socket[DIRS_PATH_BYTES_MAX + 8];
    uint64_t deadline_ns;
    int start_lock; // -1, or held by us
    pid_t child;    // started last; leaves at once, the engine is its child
    unsigned starts;
    bool started;
    bool absent;   // at the last look nobody listened
    bool watched;  // `watch` was tried
    int watch;     // inotify of the runtime directory, or -1
    unsigned soon; // the socket has just appeared: so many looks in short steps
};

// Waits until fd has `events`, a stop descriptor is readable, or `until_ns`. fd -1: only waits.
// 1 ready, 0 the time is over, ERR_CANCELLED, ERR_IO.
int attach_wait(const struct attach *a, int fd, short events, uint64_t until_ns, struct err *err);

// A lock file's descriptor with the lock on it; ERR_BUSY when another process has it.
int attach_try_lock(const char *runtime, const char *name, struct err *err);

// Starts `paired engine` of this build. *ret_fd: where it reports that it is ready.
int attach_spawn(struct attach *a, int *ret_fd, struct err *err);

// Sends HELLO on the fresh connection `fd` and reads the answer. 0 and *ret filled (fd set);
// ERR_CLOSED (the engine ended meanwhile: try again), ERR_BUSY, ERR_VERSION, ERR_TIMEOUT …
int attach_greet(const struct attach *a, int fd, struct attach_result *ret, struct err *err);
// Asks the greeted engine behind `fd` to finish and leave, and waits until it has.
int attach_drain(const struct attach *a, int fd, struct err *err);
