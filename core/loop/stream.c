// One kind of handle for all: readiness of a descriptor (uv_poll), with reading and writing of our
// own. libuv's streams would abort on a file opened as a pipe, change flags that other processes
// share with us, and take two callbacks where one system call does.
#include "core/loop/stream.h"

#include "core/base/buf.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/loop_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    STREAM_WRITE_MAX_DEFAULT = 8 * 1024 * 1024,
    STREAM_READS_PER_EVENT = 16,    // then it is somebody else's turn
    STREAM_KEEP_BYTES = 64 * 1024,  // a queue that grew beyond this is freed when it is empty
    STREAM_LAST_READS_MAX = 64 * 16 // what a peer may still say after our write to it failed
};

struct stream {
    struct loop_node node;
    uv_poll_t handle;      // not used by a file, which is always ready
    struct loop_task task; // reading a file, telling of a failure
    struct loop *loop;
    int fd;
    struct stream_events ev;
    void *ctx;
    bool socket, file, readable;
    bool restore_flags; // O_NONBLOCK was set on a description that others may share
    bool paused;
    bool ended;  // end of input has been told
    bool failed; // a write failed: `why`
    bool broke;  // … and that has been told
    bool closing;
    bool secret;     // passphrases pass through: nothing of them stays in our buffers
    int poll_events; // what the handle waits for at present
    struct err why;
    struct buf queue; // bytes from queue_at on wait for the kernel
    size_t queue_at, max;
};

// --- life and death

// What was queued is written or given up.
static void release_queue(struct stream *s, bool keep) {
    if (s->secret && s->queue.data)
        explicit_bzero(s->queue.data, s->queue.cap);
    if (keep && s->queue.cap <= STREAM_KEEP_BYTES)
        buf_clear(&s->queue);
    else
        buf_done(&s->queue);
    s->queue_at = 0;
}

static void finish_close(struct stream *s) {
    if (s->ev.closed)
        s->ev.closed(s->ctx);
    mem_free(s);
}

static void on_handle_closed(uv_handle_t *handle) {
    finish_close(handle->data);
}

// A standard descriptor is replaced, not freed: whatever is opened next must not become stdout.
static void give_back(int fd, bool restore_flags) {
    if (restore_flags) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0)
            (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    }
    if (fd > STDERR_FILENO) {
        (void)close(fd);
        return;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, fd);
        (void)close(null);
    }
}

void stream_close(struct stream *s) {
    if (!s || s->closing)
        return;
    s->closing = true;
    loop_node_remove(&s->node);
    release_queue(s, false);
    if (s->file) {
        loop_task_post(s->loop, &s->task);
    } else {
        loop_task_cancel(&s->task);
        uv_close((uv_handle_t *)&s->handle, on_handle_closed); // leaves epoll at once …
    }
    give_back(s->fd, s->restore_flags); // … so that this is safe
}

static void stream_abandon(struct loop_node *node) {
    struct stream *s = (struct stream *)(void *)((char *)node - offsetof(struct stream, node));
    s->ev = (struct stream_events){0};
    stream_close(s);
}

// --- what to wait for

static bool wants_read(const struct stream *s) {
    return s->readable && !s->paused && !s->ended && !s->broke && !s->closing;
}

static void on_ready(uv_poll_t *handle, int status, int events);
static void on_task(void *ctx);

static void rearm(struct stream *s) {
    if (s->closing)
        return;
    if (s->file) {
        if (wants_read(s))
            loop_task_post(s->loop, &s->task);
        return;
    }
    int events = (wants_read(s) ? UV_READABLE : 0) | (stream_queued(s) ? UV_WRITABLE : 0);
    if (events == s->poll_events)
        return;
    s->poll_events = events;
    if (events)
        (void)uv_poll_start(&s->handle, events, on_ready);
    else
        (void)uv_poll_stop(&s->handle);
}

// --- opening

// A pipe or terminal that we inherited is shared with whoever started us: O_NONBLOCK set on it
// would hit them (and their stderr). Opening it again gives a description of our own. Sockets are
// asked not to block call by call instead.
static int own_description(int fd, unsigned mode, bool *ret_restore, struct err *err) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return err_errno(err, errno, "cannot use descriptor %d", fd);
    if (flags & O_NONBLOCK)
        return 0;
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int access_mode = mode == STREAM_READ ? O_RDONLY : mode == STREAM_WRITE ? O_WRONLY : O_RDWR;
    int again = open(path, access_mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) {
        int r = dup3(again, fd, O_CLOEXEC);
        int e = errno;
        (void)close(again);
        return r < 0 ? err_errno(err, e, "cannot use descriptor %d", fd) : 0;
    }
    // No /proc, or the pipe is another user's.
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_errno(err, errno, "cannot use descriptor %d", fd);
    *ret_restore = true;
    return 0;
}

int stream_open_fd(struct loop *l, int fd, unsigned mode, const struct stream_events *ev, void *ctx,
                   struct stream **ret, struct err *err) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot use descriptor %d", fd);
    struct stream *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->loop = l;
    s->fd = fd;
    s->ev = *ev;
    s->ctx = ctx;
    s->readable = mode & STREAM_READ;
    s->task = (struct loop_task){.fn = on_task, .ctx = s};
    s->max = STREAM_WRITE_MAX_DEFAULT;
    s->socket = S_ISSOCK(st.st_mode);
    s->file = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
    if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))) {
        int r = own_description(fd, mode, &s->restore_flags, err);
        if (r < 0) {
            mem_free(s);
            return r;
        }
    }
    if (!s->file) {
        int flags = fcntl(fd, F_GETFL);
        int r = uv_poll_init(&l->uv, &s->handle, fd);
        if (r == UV_EPERM) { // /dev/null and others that epoll does not know are always ready
            s->file = true;
        } else if (r < 0) {
            mem_free(s);
            return loop_uv_error(err, r, "cannot watch a descriptor");
        }
        s->handle.data = s;
        // libuv has set O_NONBLOCK, which a socket inherited from others should not get from us.
        if (s->socket && flags >= 0)
            (void)fcntl(fd, F_SETFL, flags);
    }
    loop_node_add(l, &s->node, stream_abandon);
    rearm(s);
    *ret = s;
    return 0;
}

// --- reading

static void finish_read(struct stream *s, int errnum) {
    struct err err = {0};
    if (errnum)
        (void)err_errno(&err, errnum, "cannot read");
    else
        (void)err_set(&err, ERR_CLOSED, "end of input");
    s->ended = true;
    s->ev.end(s->ctx, &err);
}

enum read_result { READ_FULL, READ_SHORT, READ_NOTHING };

static enum read_result read_once(struct stream *s) {
    char *buffer = s->loop->read_buffer;
    ssize_t n;
    do
        n = s->socket ? recv(s->fd, buffer, LOOP_READ_BYTES, MSG_DONTWAIT)
                      : read(s->fd, buffer, LOOP_READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        s->ev.data(s->ctx, buffer, (size_t)n); // closing leaves s itself alive
        if (s->secret)
            explicit_bzero(buffer, (size_t)n);
        return n == LOOP_READ_BYTES ? READ_FULL : READ_SHORT;
    }
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        finish_read(s, n < 0 ? errno : 0);
    return READ_NOTHING;
}

static void read_some(struct stream *s) {
    // A short read has emptied it, and epoll tells if not: one call per message, not two.
    for (int i = 0; i < STREAM_READS_PER_EVENT && wants_read(s); i++)
        if (read_once(s) != READ_FULL)
            break;
}

bool stream_await(struct stream *s, unsigned microseconds) {
    uint64_t until = env_now_mono_ns() + (uint64_t)microseconds * 1000;
    if (s->file || !wants_read(s))
        return false;
    // READ_NOTHING is also the end of input, after which nothing is wanted any more.
    while (read_once(s) == READ_NOTHING && wants_read(s)) {
        if (env_now_mono_ns() >= until)
            return false;
        (void)sched_yield(); // the peer may need this very processor
    }
    rearm(s);
    return true;
}

void stream_pause(struct stream *s) {
    s->paused = true;
    rearm(s);
}

void stream_resume(struct stream *s) {
    s->paused = false;
    rearm(s);
}

// --- writing

size_t stream_queued(const struct stream *s) {
    return s->queue.len - s->queue_at;
}

void stream_set_secret(struct stream *s) {
    s->secret = true;
}

void stream_set_write_max(struct stream *s, size_t max_bytes) {
    s->max = max_bytes;
}

// The owner is told from the loop, never from within its own call.
static void fail_writing(struct stream *s, int errnum) {
    s->failed = true;
    (void)err_errno(&s->why, errnum, "cannot write");
    release_queue(s, false);
    loop_task_post(s->loop, &s->task);
}

static void tell_broken(struct stream *s) {
    // What the peer said before it went is still to be read, and comes first.
    for (int i = 0; i < STREAM_LAST_READS_MAX && s->socket && wants_read(s); i++)
        if (read_once(s) == READ_NOTHING)
            break;
    s->broke = true;
    if (!s->closing && s->ev.broken)
        s->ev.broken(s->ctx, &s->why);
}

static void on_task(void *ctx) {
    struct stream *s = ctx;
    if (s->closing) {
        finish_close(s); // a file; others end with their handle
        return;
    }
    if (s->failed && !s->broke)
        tell_broken(s);
    else if (s->file && wants_read(s))
        (void)read_once(s);
    rearm(s);
}

// Bytes the kernel took, or 0 with s->failed set when it refuses for good.
static size_t write_now(struct stream *s, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n;
    do
        n = s->socket ? sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : writev(s->fd, parts, (int)count);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
        fail_writing(s, errno);
    return 0;
}

static void flush_queue(struct stream *s) {
    while (stream_queued(s) && !s->failed) {
        struct iovec part = {s->queue.data + s->queue_at, stream_queued(s)};
        size_t n = write_now(s, &part, 1);
        s->queue_at += n;
        if (n < part.iov_len)
            break;
    }
    if (s->failed)
        return;
    if (stream_queued(s) == 0) {
        release_queue(s, true);
    } else if (s->queue_at > s->queue.len / 2) { // seldom enough to cost nothing per byte
        buf_consume(&s->queue, s->queue_at);
        s->queue_at = 0;
    }
}

// What of `n` bytes lies beyond the first `*skip`; *skip is reduced by what was skipped.
static struct iovec beyond(const void *bytes, size_t n, size_t *skip) {
    size_t s = *skip < n ? *skip : n;
    *skip -= s;
    return (struct iovec){(char *)(uintptr_t)bytes + s, n - s};
}

int stream_write2(struct stream *s, const void *head, size_t head_bytes, const void *body,
                  size_t body_bytes) {
    if (s->failed || s->closing)
        return ERR_CLOSED;
    if (head_bytes > s->max || body_bytes > s->max - head_bytes ||
        stream_queued(s) > s->max - head_bytes - body_bytes)
        return ERR_LIMIT;
    size_t done = 0, total = head_bytes + body_bytes;
    while (done < total && (stream_queued(s) == 0)) {
        size_t skip = done;
        struct iovec parts[2];
        parts[0] = beyond(head, head_bytes, &skip);
        parts[1] = beyond(body, body_bytes, &skip);
        size_t n = parts[0].iov_len ? write_now(s, parts, 2) : write_now(s, parts + 1, 1);
        if (s->failed)
            return ERR_CLOSED;
        done += n;
        if (n == 0 || !s->file)
            break; // a file takes all or fails; others call back when there is room
    }
    if (done == total)
        return 0;
    struct iovec rest_head = beyond(head, head_bytes, &done);
    struct iovec rest_body = beyond(body, body_bytes, &done);
    // Room for both first: half a message must never be queued.
    if (buf_reserve(&s->queue, rest_head.iov_len + rest_body.iov_len) < 0) {
        if (rest_head.iov_len + rest_body.iov_len == total)
            return ERR_NOMEM;
        fail_writing(s, ENOMEM); // the kernel has half a message already: the stream is of no use
        return ERR_CLOSED;
    }
    (void)buf_append(&s->queue, rest_head.iov_base, rest_head.iov_len);
    (void)buf_append(&s->queue, rest_body.iov_base, rest_body.iov_len);
    rearm(s);
    return 0;
}

int stream_write(struct stream *s, const void *bytes, size_t n) {
    return stream_write2(s, bytes, n, NULL, 0);
}

// --- the loop calls

static void on_ready(uv_poll_t *handle, int status, int events) {
    struct stream *s = handle->data;
    if (status < 0) { // libuv has stopped the handle; the calls below find out why
        s->poll_events = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if ((events & UV_WRITABLE) && stream_queued(s)) {
        flush_queue(s);
        if (stream_queued(s) == 0 && !s->failed && s->ev.drained)
            s->ev.drained(s->ctx);
    }
    if (events & (UV_READABLE | UV_DISCONNECT))
        read_some(s);
    rearm(s);
}
