#include "federation/net_loop.h"

#include "core/base/mem.h"
#include "core/loop/stream.h"

#include <string.h>
#include <unistd.h>

struct net_loop {
    struct net net;
    struct loop *loop;
    struct socket_group_config group_config;
    struct listener *listener;
    net_accept_fn *accept;
    void *accept_ctx;
    struct socket_group *group;
    net_datagram_fn *hear;
    void *hear_ctx;
    struct net_conn *conns; // ring of all
    size_t count, lingering;
};
struct net_conn {
    struct net_conn *prev, *next;
    struct net_loop *owner;
    struct socket_dial *dial; // while it is opening
    struct stream *stream;
    const struct net_conn_events *ev; // NULL: nobody is told anything
    void *ctx;
    struct env_timer *linger; // closed by its owner, with something left to send
};

const struct socket_group_config net_loop_neighbourhood = {.four = {239, 255, 76, 67},
                                                           .six = {[0] = 0xff,
                                                                   [1] = 0x02,
                                                                   [10] = 0x70,
                                                                   [11] = 0x61,
                                                                   [12] = 0x69,
                                                                   [13] = 0x72,
                                                                   [14] = 0x65,
                                                                   [15] = 0x64},
                                                           .port = 7667};

static struct socket_addr to_socket(const struct net_addr *a) {
    struct socket_addr s = {.scope = a->scope, .port = a->port};
    memcpy(s.ip, a->ip, sizeof s.ip);
    return s;
}

static struct net_addr from_socket(const struct socket_addr *s) {
    struct net_addr a = {.scope = s->scope, .port = s->port};
    memcpy(a.ip, s->ip, sizeof a.ip);
    return a;
}

// --- connections

static struct net_conn *conn_new(struct net_loop *n) {
    struct net_conn *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->owner = n;
    c->next = n->conns;
    if (c->next)
        c->next->prev = c;
    n->conns = c;
    n->count++;
    return c;
}

static void conn_free(struct net_conn *c) {
    struct net_loop *n = c->owner;
    if (c->prev)
        c->prev->next = c->next;
    else if (n)
        n->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (n)
        n->count--;
    mem_free(c);
}

static void stop_lingering(struct net_conn *c) {
    if (!c->linger)
        return;
    struct env *env = loop_env(c->owner->loop);
    env_timer_cancel(env, c->linger);
    c->linger = NULL;
    c->owner->lingering--;
}

// The stream's memory and ours go when the loop has let go of it.
static void drop(struct net_conn *c) {
    stop_lingering(c);
    c->ev = NULL;
    if (c->stream)
        stream_close(c->stream);
    else
        conn_free(c);
}

static void on_stream_closed(void *ctx) {
    conn_free(ctx);
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct net_conn *c = ctx;
    if (c->ev)
        c->ev->data(c->ctx, (const uint8_t *)bytes, n);
}

static void on_end(void *ctx, const struct err *err) {
    struct net_conn *c = ctx;
    const struct net_conn_events *ev = c->ev;
    if (c->linger)
        return; // what is left may still be sent
    struct err why = {0};
    (void)err_set(&why, ERR_CLOSED, "%s",
                  err->code == ERR_CLOSED ? "the other side has closed the connection"
                                          : err_text(err));
    void *owner = c->ctx;
    drop(c);
    if (ev)
        ev->closed(owner, &why);
}

static void on_broken(void *ctx, const struct err *err) {
    struct net_conn *c = ctx;
    stop_lingering(c);
    on_end(c, err);
}

static void on_drained(void *ctx) {
    struct net_conn *c = ctx;
    if (c->linger)
        drop(c);
    else if (c->ev && c->ev->drained)
        c->ev->drained(c->ctx);
}

static const struct stream_events stream_events = {.data = on_data,
                                                   .end = on_end,
                                                   .drained = on_drained,
                                                   .broken = on_broken,
                                                   .closed = on_stream_closed};

// Takes fd; on failure it is closed.
static int open_stream(struct net_conn *c, int fd, struct err *err) {
    int code = stream_open_fd(c->owner->loop, fd, STREAM_READ | STREAM_WRITE, &stream_events, c,
                              &c->stream, err);
    if (code < 0)
        (void)close(fd);
    else
        stream_set_write_max(c->stream, NET_QUEUE_BYTES_MAX);
    return code;
}

static void on_dialled(void *ctx, int fd, const struct err *err) {
    struct net_conn *c = ctx;
    const struct net_conn_events *ev = c->ev;
    void *owner = c->ctx;
    struct err why = {0};
    c->dial = NULL;
    if (fd < 0)
        why = *err;
    if (fd >= 0 && open_stream(c, fd, &why) == 0) {
        ev->open(owner);
        return;
    }
    conn_free(c);
    ev->closed(owner, &why);
}

static int do_connect(void *self, const struct net_addr *to, const struct net_conn_events *ev,
                      void *ctx, struct net_conn **ret, struct err *err) {
    struct net_loop *n = self;
    struct socket_addr at = to_socket(to);
    struct net_conn *c = conn_new(n);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->ev = ev;
    c->ctx = ctx;
    int code = socket_dial(n->loop, &at, on_dialled, c, &c->dial, err);
    if (code < 0) {
        conn_free(c);
        return code;
    }
    *ret = c;
    return 0;
}

static void do_own(void *self, struct net_conn *c, const struct net_conn_events *ev, void *ctx) {
    (void)self;
    c->ev = ev;
    c->ctx = ctx;
    stream_resume(c->stream);
}

static int do_send(void *self, struct net_conn *c, const void *bytes, size_t n) {
    (void)self;
    return c->stream ? stream_write(c->stream, bytes, n) : ERR_CLOSED;
}

static size_t queued(void *self, const struct net_conn *c) {
    (void)self;
    return c->stream ? stream_queued(c->stream) : 0;
}

static void do_pause(void *self, struct net_conn *c, bool on) {
    (void)self;
    if (c->stream && on)
        stream_pause(c->stream);
    else if (c->stream)
        stream_resume(c->stream);
}

static void on_linger_over(void *ctx) {
    struct net_conn *c = ctx;
    c->linger = NULL; // it frees itself
    c->owner->lingering--;
    drop(c);
}

static void do_close(void *self, struct net_conn *c) {
    struct net_loop *n = self;
    c->ev = NULL;
    socket_dial_cancel(c->dial);
    c->dial = NULL;
    if (c->stream && stream_queued(c->stream) && n->lingering < NET_LOOP_LINGERING_MAX) {
        c->linger = env_timer_start(loop_env(n->loop), NET_LOOP_LINGER_MS, on_linger_over, c);
        n->lingering += c->linger != NULL;
    }
    if (c->linger)
        stream_pause(c->stream);
    else
        drop(c);
}

static void do_drop(void *self, struct net_conn *c) {
    (void)self;
    c->ev = NULL;
    socket_dial_cancel(c->dial);
    c->dial = NULL;
    drop(c);
}

// --- listening

static void on_accept(void *ctx, int fd) {
    struct net_loop *n = ctx;
    struct socket_addr from;
    struct net_conn *c = NULL;
    if (socket_accepted(fd, &from, NULL) < 0 || !(c = conn_new(n))) {
        (void)close(fd);
        return;
    }
    if (open_stream(c, fd, NULL) < 0) {
        conn_free(c);
        return;
    }
    struct net_addr addr = from_socket(&from);
    n->accept(n->accept_ctx, c, &addr);
}

static int do_listen(void *self, uint16_t port, net_accept_fn *fn, void *ctx, uint16_t *ret_port,
                     struct err *err) {
    struct net_loop *n = self;
    if (n->listener)
        return err_set(err, ERR_EXISTS, "it listens already");
    uint16_t got = 0;
    int fd = socket_listen(port, &got, err);
    if (fd < 0)
        return fd;
    n->accept = fn;
    n->accept_ctx = ctx;
    int code = listener_open_fd(n->loop, fd, on_accept, n, &n->listener, err);
    if (code < 0) {
        (void)close(fd);
        return code;
    }
    *ret_port = got;
    return 0;
}

static void listen_stop(void *self) {
    struct net_loop *n = self;
    listener_close(n->listener);
    n->listener = NULL;
}

// --- datagrams

static void on_datagram(void *ctx, const uint8_t *bytes, size_t size,
                        const struct socket_addr *from) {
    struct net_loop *n = ctx;
    struct net_addr addr = from_socket(from);
    if (size <= NET_DATAGRAM_BYTES_MAX && n->hear)
        n->hear(n->hear_ctx, bytes, size, &addr);
}

static int neighbours(void *self, net_datagram_fn *fn, void *ctx, struct err *err) {
    struct net_loop *n = self;
    n->hear = fn;
    n->hear_ctx = ctx;
    if (!fn) {
        socket_group_close(n->group);
        n->group = NULL;
        return 0;
    }
    return n->group ? 0
                    : socket_group_open(n->loop, &n->group_config, on_datagram, n, &n->group, err);
}

static int shout(void *self, const void *bytes, size_t size) {
    struct net_loop *n = self;
    if (size > NET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    return n->group ? socket_group_shout(n->group, bytes, size) : ERR_CLOSED;
}

static int tell(void *self, const void *bytes, size_t size, const struct net_addr *to) {
    struct net_loop *n = self;
    struct socket_addr at = to_socket(to);
    if (size > NET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    return n->group ? socket_group_tell(n->group, bytes, size, &at) : ERR_CLOSED;
}

static const struct net_ops loop_ops = {.listen = do_listen,
                                        .listen_stop = listen_stop,
                                        .connect = do_connect,
                                        .own = do_own,
                                        .send = do_send,
                                        .queued = queued,
                                        .pause = do_pause,
                                        .close = do_close,
                                        .drop = do_drop,
                                        .neighbours = neighbours,
                                        .shout = shout,
                                        .tell = tell};

// --- life

int net_loop_new(struct loop *l, const struct socket_group_config *group, struct net_loop **ret,
                 struct err *err) {
    struct net_loop *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_set(err, ERR_NOMEM, "out of memory");
    n->net = (struct net){.ops = &loop_ops, .self = n};
    n->loop = l;
    n->group_config = group ? *group : net_loop_neighbourhood;
    *ret = n;
    return 0;
}

struct net *net_loop_net(struct net_loop *n) {
    return &n->net;
}

size_t net_loop_connections(const struct net_loop *n) {
    return n->count;
}

void net_loop_free(struct net_loop *n) {
    if (!n)
        return;
    listen_stop(n);
    socket_group_close(n->group);
    struct net_conn *next;
    for (struct net_conn *c = n->conns; c; c = next) {
        next = c->next;
        socket_dial_cancel(c->dial);
        c->dial = NULL;
        stop_lingering(c);
        bool waits = c->stream != NULL;
        drop(c);
        if (waits) { // its memory goes later, without us
            c->owner = NULL;
            c->prev = c->next = NULL;
        }
    }
    mem_free(n);
}
