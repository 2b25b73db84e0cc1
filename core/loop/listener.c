// The socket half of core/loop/stream.h: listening, connecting, who is at the other end.
#include "core/base/mem.h"
#include "core/loop/loop_uv.h"
#include "core/loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTENER_ACCEPTS_PER_EVENT = 64, UNIX_CONNECT_SECONDS_MAX = 5 };

struct listener {
    struct loop_node node;
    uv_poll_t handle;
    int fd;
    int spare; // given up to be able to accept, and refuse, when there are no descriptors left
    listener_accept_fn *fn;
    void *ctx;
    bool closing;
};

static void free_listener(uv_handle_t *handle) {
    mem_free(handle->data);
}

void listener_close(struct listener *s) {
    if (!s || s->closing)
        return;
    s->closing = true;
    loop_node_remove(&s->node);
    uv_close((uv_handle_t *)&s->handle, free_listener);
    (void)close(s->fd);
    if (s->spare >= 0)
        (void)close(s->spare);
}

static void listener_abandon(struct loop_node *node) {
    listener_close((struct listener *)(void *)((char *)node - offsetof(struct listener, node)));
}

// Out of descriptors: a connection left in the backlog would keep the socket readable and the loop
// spinning, and its client waiting. It is closed instead, which the client sees at once.
static void refuse_one(struct listener *s) {
    if (s->spare < 0)
        return;
    (void)close(s->spare);
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_poll_t *handle, int status, int events) {
    struct listener *s = handle->data;
    (void)status;
    (void)events;
    for (int i = 0; i < LISTENER_ACCEPTS_PER_EVENT && !s->closing; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            s->fn(s->ctx, fd);
        else if (errno == EMFILE || errno == ENFILE)
            refuse_one(s);
        else if (errno != EINTR && errno != ECONNABORTED)
            return; // EAGAIN: that was all
    }
}

int listener_open_fd(struct loop *l, int fd, listener_accept_fn *fn, void *ctx,
                     struct listener **ret, struct err *err) {
    struct listener *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = uv_poll_init(&l->uv, &s->handle, fd);
    if (r < 0) {
        mem_free(s);
        return loop_uv_error(err, r, "cannot listen");
    }
    s->handle.data = s;
    s->fd = fd;
    s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->fn = fn;
    s->ctx = ctx;
    loop_node_add(l, &s->node, listener_abandon);
    (void)uv_poll_start(&s->handle, UV_READABLE, on_connection);
    *ret = s;
    return 0;
}

// --- blocking helpers

static int unix_socket(const char *path, struct sockaddr_un *ret, struct err *err) {
    size_t n = strlen(path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof ret->sun_path)
        return err_set(err, ERR_INVAL, "a socket path has 1 to %zu bytes, this one %zu: %s",
                       sizeof ret->sun_path - 1, n, path);
    memcpy(ret->sun_path, path, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : err_errno(err, errno, "cannot make a socket");
}

int unix_connect(const char *path, struct err *err) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address, err);
    if (fd < 0)
        return fd;
    // A listener that hangs with a full backlog must not hang us for ever.
    struct timeval limit = {.tv_sec = UNIX_CONNECT_SECONDS_MAX};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int r;
    do
        r = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        r = err_errno(err, errno, "cannot connect to %s", path);
        (void)close(fd);
        return r;
    }
    limit = (struct timeval){0};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

int unix_listen(const char *path, int backlog, struct err *err) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address, err);
    if (fd < 0)
        return fd;
    // bind(2) creates the file with the mode of the socket itself: private from its first moment,
    // without a change of the process-wide umask.
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, backlog) < 0) {
        int saved = errno;
        int r = err_errno(err, saved, "cannot listen on %s", path);
        (void)close(fd);
        return saved == EADDRINUSE ? ERR_EXISTS : r;
    }
    return fd;
}

int unix_peer(int fd, uid_t *ret_uid, pid_t *ret_pid, struct err *err) {
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return err_errno(err, errno, "cannot tell who is connected");
    *ret_uid = peer.uid;
    *ret_pid = peer.pid;
    return 0;
}
