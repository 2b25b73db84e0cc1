// The TCP half of core/loop/socket.h.
#include "core/loop/socket.h"

#include "core/base/mem.h"
#include "core/loop/loop_uv.h"
#include "core/loop/socket_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP_IDLE_S = 60, KEEP_INTERVAL_S = 15, KEEP_PROBES = 4 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool socket_is_four(const struct socket_addr *a) {
    return memcmp(a->ip, mapped, sizeof mapped) == 0;
}

socklen_t socket_to_system(const struct socket_addr *a, struct sockaddr_storage *ret) {
    memset(ret, 0, sizeof *ret);
    if (socket_is_four(a)) {
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&four.sin_addr, a->ip + sizeof mapped, sizeof four.sin_addr);
        memcpy(ret, &four, sizeof four);
        return sizeof four;
    }
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};
    memcpy(&six.sin6_addr, a->ip, sizeof six.sin6_addr);
    memcpy(ret, &six, sizeof six);
    return sizeof six;
}

bool socket_from_system(const struct sockaddr_storage *from, struct socket_addr *ret) {
    *ret = (struct socket_addr){0};
    if (from->ss_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, from, sizeof four);
        memcpy(ret->ip, mapped, sizeof mapped);
        memcpy(ret->ip + sizeof mapped, &four.sin_addr, sizeof four.sin_addr);
        ret->port = ntohs(four.sin_port);
        return true;
    }
    if (from->ss_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, from, sizeof six);
    memcpy(ret->ip, &six.sin6_addr, sizeof ret->ip);
    ret->scope = IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) ? six.sin6_scope_id : 0;
    ret->port = ntohs(six.sin6_port);
    return true;
}

static void set_int(int fd, int level, int name, int value) {
    (void)setsockopt(fd, level, name, &value, sizeof value); // a comfort, not a condition
}

// Small requests must not wait for an acknowledgement, and a peer whose power went must be noticed
// also by links that have nothing to say.
static void prepare(int fd) {
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
}

int socket_accepted(int fd, struct socket_addr *ret, struct err *err) {
    struct sockaddr_storage from = {0};
    socklen_t n = sizeof from;
    if (getpeername(fd, (struct sockaddr *)&from, &n) < 0)
        return err_errno(err, errno, "cannot tell who is connected");
    if (!socket_from_system(&from, ret))
        return err_set(err, ERR_INVAL, "a connection of an unknown kind");
    prepare(fd);
    return 0;
}

// --- listening

static int bind_listen(int family, uint16_t port, uint16_t *ret_port) {
    struct socket_addr any = {.port = port};
    struct sockaddr_storage at = {0};
    if (family == AF_INET)
        memcpy(any.ip, mapped, sizeof mapped);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1); // not to wait a minute after a restart
    if (family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    socklen_t n = socket_to_system(&any, &at);
    socklen_t got = sizeof at;
    struct socket_addr bound;
    if (bind(fd, (struct sockaddr *)&at, n) < 0 || listen(fd, SOCKET_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &got) < 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    (void)socket_from_system(&at, &bound);
    *ret_port = bound.port;
    return fd;
}

int socket_listen(uint16_t port, uint16_t *ret_port, struct err *err) {
    int fd = bind_listen(AF_INET6, port, ret_port);
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        fd = bind_listen(AF_INET, port, ret_port);
    if (fd >= 0)
        return fd;
    int saved = errno;
    int code = err_errno(err, saved, "cannot listen on port %u", port);
    if (saved != EADDRINUSE)
        return code;
    return err_set(err, ERR_EXISTS, "port %u is in use: choose another one", port);
}

// --- dialling

struct socket_dial {
    struct loop_node node;
    uv_poll_t handle;
    struct loop_task task; // tells of a failure that was there at once
    int fd;
    int errnum;
    socket_dial_fn *fn;
    void *ctx;
    bool closing;
};

static void free_dial(uv_handle_t *handle) {
    mem_free(handle->data);
}

// Its handle leaves the loop; the descriptor is given back for whoever wants it.
static int leave(struct socket_dial *d) {
    d->closing = true;
    loop_node_remove(&d->node);
    loop_task_cancel(&d->task);
    uv_close((uv_handle_t *)&d->handle, free_dial);
    return d->fd;
}

void socket_dial_cancel(struct socket_dial *d) {
    if (d && !d->closing)
        (void)close(leave(d));
}

static void dial_abandon(struct loop_node *node) {
    socket_dial_cancel(
        (struct socket_dial *)(void *)((char *)node - offsetof(struct socket_dial, node)));
}

static void finish(struct socket_dial *d, int errnum) {
    int fd = leave(d);
    struct err err = {0};
    if (errnum) {
        (void)close(fd);
        (void)err_errno(&err, errnum, "cannot connect");
        fd = -1;
    } else {
        prepare(fd);
    }
    d->fn(d->ctx, fd, errnum ? &err : NULL);
}

static void on_failed(void *ctx) {
    struct socket_dial *d = ctx;
    finish(d, d->errnum);
}

static void on_writable(uv_poll_t *handle, int status, int events) {
    struct socket_dial *d = handle->data;
    int errnum = 0;
    socklen_t n = sizeof errnum;
    (void)status, (void)events;
    if (d->closing)
        return;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &errnum, &n) < 0)
        errnum = errno;
    finish(d, errnum);
}

int socket_dial(struct loop *l, const struct socket_addr *to, socket_dial_fn *fn, void *ctx,
                struct socket_dial **ret, struct err *err) {
    struct sockaddr_storage at;
    socklen_t n = socket_to_system(to, &at);
    struct socket_dial *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->fd < 0) {
        int code = err_errno(err, errno, "cannot make a socket");
        mem_free(d);
        return code;
    }
    int r = uv_poll_init(&l->uv, &d->handle, d->fd);
    if (r < 0) {
        (void)close(d->fd);
        mem_free(d);
        return loop_uv_error(err, r, "cannot watch a descriptor");
    }
    d->handle.data = d;
    d->fn = fn;
    d->ctx = ctx;
    d->task = (struct loop_task){.fn = on_failed, .ctx = d};
    loop_node_add(l, &d->node, dial_abandon);
    do
        r = connect(d->fd, (struct sockaddr *)&at, n);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno != EINPROGRESS) {
        d->errnum = errno;
        loop_task_post(l, &d->task);
    } else {
        (void)uv_poll_start(&d->handle, UV_WRITABLE, on_writable);
    }
    *ret = d;
    return 0;
}
