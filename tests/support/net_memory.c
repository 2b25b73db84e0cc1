#include "tests/support/net_memory.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <string.h>

enum { EVENTS_MAX = 1000000, HOSTS_MAX = 16, DATAGRAMS_MAX = 256 };

struct host {
    struct net net;
    struct net_memory *m;
    struct net_addr addr;
    net_accept_fn *accept;
    void *accept_ctx;
    uint16_t port;
    net_datagram_fn *hear;
    void *hear_ctx;
};
struct net_conn {
    struct net_conn *next;
    struct net_conn *peer;
    struct host *host;
    const struct net_conn_events *ev;
    void *ctx;
    struct net_addr from;
    struct buf in; // what the peer sent
    bool opening, accepting, paused, gone, reset, want_drained;
};
struct datagram {
    struct host *to;
    struct net_addr from;
    size_t n;
    uint8_t bytes[NET_DATAGRAM_BYTES_MAX];
};
struct net_memory {
    struct host *hosts[HOSTS_MAX];
    size_t host_count, chunk, flip;
    struct net_conn *conns;
    struct datagram *grams[DATAGRAMS_MAX];
    size_t gram_count;
    uint16_t last_port;
    bool stalled;
};

struct net_addr net_memory_addr(uint8_t last, uint16_t port) {
    return (struct net_addr){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last},
                             .port = port};
}

static int do_listen(void *self, uint16_t port, net_accept_fn *fn, void *ctx, uint16_t *ret_port,
                     struct err *err) {
    struct host *h = self;
    if (h->accept)
        return err_set(err, ERR_EXISTS, "it listens already");
    h->accept = fn;
    h->accept_ctx = ctx;
    h->port = port ? port : ++h->m->last_port;
    *ret_port = h->port;
    return 0;
}

static void listen_stop(void *self) {
    ((struct host *)self)->accept = NULL;
}

static struct net_conn *conn_new(struct host *h) {
    struct net_conn *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->host = h;
    struct net_conn **end = &h->m->conns; // oldest first: a fixed order
    while (*end)
        end = &(*end)->next;
    *end = c;
    return c;
}

static struct host *host_at(struct net_memory *m, const struct net_addr *to) {
    for (size_t i = 0; i < m->host_count; i++)
        if (memcmp(m->hosts[i]->addr.ip, to->ip, sizeof to->ip) == 0)
            return m->hosts[i];
    return NULL;
}

static int do_connect(void *self, const struct net_addr *to, const struct net_conn_events *ev,
                      void *ctx, struct net_conn **ret, struct err *err) {
    struct host *h = self, *other = host_at(h->m, to);
    struct net_conn *c = conn_new(h);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->ev = ev;
    c->ctx = ctx;
    if (other && other->accept && other->port == to->port) {
        struct net_conn *there = conn_new(other);
        if (!there) {
            c->gone = true;
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        there->from = h->addr;
        there->from.port = ++h->m->last_port;
        there->peer = c;
        there->accepting = true;
        c->peer = there;
        c->opening = true;
    } else {
        c->reset = true;
    }
    *ret = c;
    return 0;
}

static void own(void *self, struct net_conn *c, const struct net_conn_events *ev, void *ctx) {
    (void)self;
    c->ev = ev;
    c->ctx = ctx;
}

static size_t queued(void *self, const struct net_conn *c) {
    (void)self;
    return c->peer && !c->peer->gone ? c->peer->in.len : 0;
}

static int do_send(void *self, struct net_conn *c, const void *bytes, size_t n) {
    struct net_memory *m = ((struct host *)self)->m;
    if (!c->peer || c->peer->gone)
        return ERR_CLOSED;
    if (n > NET_QUEUE_BYTES_MAX - queued(self, c))
        return ERR_LIMIT;
    if (buf_append(&c->peer->in, bytes, n) < 0) {
        c->peer->in.failed = false;
        return ERR_NOMEM;
    }
    if (m->flip && m->flip <= n) {
        c->peer->in.data[c->peer->in.len - n + m->flip - 1] ^= 1;
        m->flip = 0;
    } else if (m->flip) {
        m->flip -= n;
    }
    c->want_drained = true;
    return 0;
}

static void do_pause(void *self, struct net_conn *c, bool on) {
    (void)self;
    c->paused = on;
}

static void do_close(void *self, struct net_conn *c) {
    (void)self;
    c->gone = true;
    buf_done(&c->in);
}

static void do_drop(void *self, struct net_conn *c) {
    if (c->peer && !c->peer->gone)
        buf_clear(&c->peer->in); // not delivered yet: not sent
    do_close(self, c);
}

static int neighbours(void *self, net_datagram_fn *fn, void *ctx, struct err *err) {
    struct host *h = self;
    (void)err;
    h->hear = fn;
    h->hear_ctx = ctx;
    return 0;
}

static int put_datagram(struct host *from, struct host *to, const void *bytes, size_t n) {
    struct net_memory *m = from->m;
    struct datagram *d;
    if (n > NET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    if (m->gram_count == DATAGRAMS_MAX)
        return 0; // as a network does
    if (!(d = mem_zalloc(sizeof *d)))
        return ERR_NOMEM;
    d->to = to;
    d->from = from->addr;
    d->n = n;
    memcpy(d->bytes, bytes, n);
    m->grams[m->gram_count++] = d;
    return 0;
}

static int shout(void *self, const void *bytes, size_t n) {
    struct host *h = self;
    int code = 0;
    for (size_t i = 0; code == 0 && i < h->m->host_count; i++)
        if (h->m->hosts[i]->hear)
            code = put_datagram(h, h->m->hosts[i], bytes, n);
    return code;
}

static int tell(void *self, const void *bytes, size_t n, const struct net_addr *to) {
    struct host *h = self, *there = host_at(h->m, to);
    return there && there->hear ? put_datagram(h, there, bytes, n) : 0;
}

static const struct net_ops memory_ops = {.listen = do_listen,
                                          .listen_stop = listen_stop,
                                          .connect = do_connect,
                                          .own = own,
                                          .send = do_send,
                                          .queued = queued,
                                          .pause = do_pause,
                                          .close = do_close,
                                          .drop = do_drop,
                                          .neighbours = neighbours,
                                          .shout = shout,
                                          .tell = tell};

static bool hand_over(struct net_memory *m, struct net_conn *c) {
    size_t n = m->chunk && m->chunk < c->in.len ? m->chunk : c->in.len;
    struct buf now = c->in; // the receiver may close, and more may come
    c->in = (struct buf){0};
    if (n < now.len && buf_append(&c->in, now.data + n, now.len - n) < 0)
        c->reset = true; // a test without memory has lost its network
    c->ev->data(c->ctx, (const uint8_t *)now.data, n);
    if (c->gone)
        buf_done(&c->in);
    buf_done(&now);
    return true;
}

static bool finish(struct net_conn *c, int code, const char *why) {
    struct err e = {0};
    (void)err_set(&e, code, "%s", why);
    do_close(NULL, c);
    c->ev->closed(c->ctx, &e);
    return true;
}

// One event of c, if it has one.
static bool step(struct net_memory *m, struct net_conn *c) {
    if (c->gone || m->stalled)
        return false;
    if (c->accepting) {
        c->accepting = false;
        if (c->host->accept)
            c->host->accept(c->host->accept_ctx, c, &c->from);
        else
            do_close(NULL, c);
        return true;
    }
    if (!c->ev)
        return false;
    if (c->reset)
        return finish(c, ERR_CLOSED, "connection reset");
    if (c->opening) {
        if (c->peer->accepting)
            return false;
        c->opening = false;
        c->ev->open(c->ctx);
        return true;
    }
    if (c->in.len && !c->paused)
        return hand_over(m, c);
    if (c->want_drained && queued(NULL, c) == 0) {
        c->want_drained = false;
        if (c->ev->drained)
            c->ev->drained(c->ctx);
        return true;
    }
    return c->peer->gone && c->in.len == 0 ? finish(c, ERR_CLOSED, "the other side closed") : false;
}

size_t net_memory_run(struct net_memory *m) {
    size_t events = 0, before;
    do {
        before = events;
        while (m->gram_count && !m->stalled) {
            struct datagram *d = m->grams[0];
            memmove((void *)m->grams, (void *)(m->grams + 1), --m->gram_count * sizeof *m->grams);
            if (d->to->hear)
                d->to->hear(d->to->hear_ctx, d->bytes, d->n, &d->from);
            mem_free(d);
            events++;
        }
        for (struct net_conn *c = m->conns; c; c = c->next)
            events += step(m, c);
    } while (events != before && events < EVENTS_MAX);
    return events;
}

void net_memory_chunk(struct net_memory *m, size_t bytes) {
    m->chunk = bytes;
}

void net_memory_stall(struct net_memory *m, bool on) {
    m->stalled = on;
}

void net_memory_flip(struct net_memory *m, size_t flip) {
    m->flip = flip;
}

void net_memory_insert(struct net_memory *m, const void *bytes, size_t n) {
    for (struct net_conn *c = m->conns; c; c = c->next)
        if (!c->gone && c->peer && !c->peer->gone) { // the first is a dialler's
            (void)do_send(c->host, c, bytes, n);
            return;
        }
}

void net_memory_reset(struct net_memory *m) {
    for (struct net_conn *c = m->conns; c; c = c->next)
        c->reset = true;
}

struct net_memory *net_memory_new(void) {
    struct net_memory *m = mem_zalloc(sizeof *m);
    if (m)
        m->last_port = 40000;
    return m;
}

struct net *net_memory_host(struct net_memory *m, uint8_t last) {
    struct host *h = m->host_count < HOSTS_MAX ? mem_zalloc(sizeof *h) : NULL;
    if (!h)
        return NULL;
    h->m = m;
    h->addr = net_memory_addr(last, 0);
    h->net = (struct net){.ops = &memory_ops, .self = h};
    m->hosts[m->host_count++] = h;
    return &h->net;
}

void net_memory_free(struct net_memory *m) {
    if (!m)
        return;
    while (m->conns) {
        struct net_conn *c = m->conns;
        m->conns = c->next;
        buf_done(&c->in);
        mem_free(c);
    }
    while (m->gram_count)
        mem_free(m->grams[--m->gram_count]);
    while (m->host_count)
        mem_free(m->hosts[--m->host_count]);
    mem_free(m);
}
