// What a front end does before its loop runs. Internal to frontend*.c.
#pragma once

#include "core/base/buf.h"
#include "server/attach.h"
#include "server/frontend.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

// Descriptors 0-2 exist; stdout is moved away, so that nothing but the relay can write to the
// client: what libraries print goes to stderr. Its new descriptor, or ERR_*.
int frontend_take_stdout(struct err *err);

// SIGINT, SIGTERM and SIGHUP become readable on the descriptor returned.
int frontend_take_signals(struct err *err);

// Readable when the process that started us has ended; -1: the kernel has no such thing, ask
// getppid(). *ret_parent: who that is.
int frontend_watch_parent(pid_t *ret_parent);
// Readable when that process has ended. -1: there is none of that number here (it may live in
// another namespace of processes), or the kernel cannot tell.
int frontend_watch_process(pid_t pid);

// Reads stdin until its protocol is known. What was read is in `head`. ERR_CANCELLED: a stop
// descriptor became readable.
int frontend_read_head(const int *stop_fds, size_t stop_count, struct buf *head,
                       enum frontend_protocol *ret, struct err *err);

// The engine is newer than we are: runs the installed program instead of this one, once, when it is
// another and newer file. Returns when there is none.
void frontend_run_newer(char **argv, int stdout_fd);

// --standalone: the engine on a thread of this process.
struct frontend_engine {
    pthread_t thread;
    bool running;
    struct dirs dirs;
    int lock_fd, client_fd;
};
// The connected descriptor; ERR_BUSY: another process's engine serves this user already.
int frontend_engine_start(struct frontend_engine *e, const char *profile, struct err *err);
// The client's descriptor is closed: waits until the engine has ended too. false: it has not.
bool frontend_engine_join(struct frontend_engine *e, unsigned wait_ms);
