// Byte streams on a loop: pipes, Unix sockets, files and terminals behind one face (stdin and
// stdout may be any of these; libuv 1.44 aborts when a file is opened as a pipe, so the kind is
// asked first). Loop thread only.
#pragma once

#include "core/base/err.h"
#include "core/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream;

struct stream_events {
    // Bytes arrived; borrowed, valid during the call. May call stream_close, stream_pause.
    void (*data)(void *ctx, const char *bytes, size_t n);
    // End of input, or a read error (err->code; ERR_CLOSED for plain end). Writing may still be
    // possible.
    void (*end)(void *ctx, const struct err *err);
    // All queued bytes have been written. May be NULL.
    void (*drained)(void *ctx);
    // A write failed (peer gone, disk full). No more callbacks but `closed` follow. May be NULL.
    void (*broken)(void *ctx, const struct err *err);
    // After stream_close: nothing of the stream is used any more. May be NULL.
    void (*closed)(void *ctx);
};

enum { STREAM_READ = 1, STREAM_WRITE = 2 };

// Takes `fd` (closes it with the stream; 0, 1 and 2 become /dev/null instead, so that nothing else
// ever gets their numbers); on failure the caller keeps it. `mode` is STREAM_READ | STREAM_WRITE;
// `ev` is copied. An inherited pipe or terminal is not made non-blocking for others.
int stream_open_fd(struct loop *l, int fd, unsigned mode, const struct stream_events *ev, void *ctx,
                   struct stream **ret, struct err *err);

// Tries the kernel first, queues the rest (copied). 0; ERR_LIMIT when the queue would pass `max` of
// stream_set_write_max (nothing written or queued); ERR_CLOSED after a failure, which `broken`
// tells of later; ERR_NOMEM. Two parts are written as one. No callback runs within the call.
int stream_write2(struct stream *s, const void *head, size_t head_bytes, const void *body,
                  size_t body_bytes);
int stream_write(struct stream *s, const void *bytes, size_t n);
void stream_set_write_max(struct stream *s, size_t max_bytes); // default 8 MiB
size_t stream_queued(const struct stream *s);                  // bytes waiting for the kernel
// From now on bytes are overwritten once they have been handed to `data` or to the kernel.
void stream_set_secret(struct stream *s);

// Looks for input without sleeping, for so long at most, and hands it over as the loop would: for a
// peer that answers sooner than this process could be put to sleep and woken again. False: nothing
// has come. May be called within another stream's callback once its bytes are done with: streams of
// a loop read into one buffer.
bool stream_await(struct stream *s, unsigned microseconds);

void stream_pause(struct stream *s); // stop reading (back-pressure)
void stream_resume(struct stream *s);
void stream_close(
    struct stream *s); // accepts NULL; drops what is queued; `closed` comes later, once

// --- listening Unix socket
// -----------------------------------------------------------------------------------------
struct listener;
typedef void listener_accept_fn(void *ctx, int fd); // gives fd (close-on-exec, non-blocking)
// Takes `fd`, a bound and listening socket.
int listener_open_fd(struct loop *l, int fd, listener_accept_fn *fn, void *ctx,
                     struct listener **ret, struct err *err);
void listener_close(struct listener *s); // accepts NULL

// Blocking helpers, any thread. Paths over 107 bytes: ERR_INVAL.
int unix_connect(const char *path,
                 struct err *err); // fd (CLOEXEC) or ERR_*: ERR_NOT_FOUND, ERR_CLOSED (refused)
int unix_listen(const char *path, int backlog,
                struct err *err); // binds with mode 0600, listens; fd or ERR_*
int unix_peer(int fd, uid_t *ret_uid, pid_t *ret_pid, struct err *err); // SO_PEERCRED
