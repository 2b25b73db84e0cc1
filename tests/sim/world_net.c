// The network of the world: connections as TCP gives them (in order, resent when lost, reset when
// the other side has forgotten them, silent when the path is cut) and datagrams as UDP does.
#include "tests/sim/world_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SYN_TRIES = 6,   // after 1, 2, 4 … s
    RESEND_MS = 200, // doubled up to
    RESEND_MAX_MS = 120 * 1000,
    RESEND_TRIES = 15 // then the connection is given up, after 13 minutes
};

struct segment {
    struct segment *next;
    uint64_t arrives;
    bool fin;
    size_t n;
    uint8_t bytes[];
};

// One end, with what it has sent and the other has not got yet.
struct net_conn {
    struct pair *pair;
    uint32_t host, life;
    bool used;    // the end exists
    bool let_go;  // nobody owns it any more: no callback
    bool is_open; // bytes may flow
    bool paused, failing, ended, silent;
    const struct net_conn_events *ev;
    void *ctx;
    struct segment *first, **last;
    size_t queued;
    uint64_t last_arrival, wire_free;
    unsigned tries;
    struct event *pump, *note, *syn;
    int why; // of the note: 0 opened, else ERR_*
};

struct pair {
    struct world *world;
    struct pair *next, *prev;
    struct net_conn end[2];
    struct net_addr to, from;
    struct event *doom;
    uint64_t number;
    bool stalled;
    unsigned busy;
};

static struct net_conn *other(struct net_conn *c) {
    return &c->pair->end[c == &c->pair->end[0]];
}

static uint64_t latency_us(struct world *w, uint32_t a, uint32_t b) {
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t rng = w->seed ^ (low << 32 | high);
    const struct world_faults *f = &w->faults;
    return f->latency_min_us + world_draw(&rng, f->latency_max_us - f->latency_min_us + 1);
}

static uint64_t delay(struct world *w, uint32_t a, uint32_t b) {
    return (latency_us(w, a, b) + world_draw(&w->rng_net, (uint64_t)w->faults.jitter_us + 1)) *
           WORLD_US;
}

static void drop_queue(struct net_conn *c) {
    while (c->first) {
        struct segment *s = c->first;
        c->first = s->next;
        free(s);
    }
    c->last = &c->first;
    c->queued = 0;
    world_cancel(c->pair->world, c->pump);
    c->pump = NULL;
}

// Frees a pair that neither side knows any more and of which nothing is under way.
static void settle(struct pair *p) {
    struct world *w = p->world;
    for (int i = 0; i < 2; i++) {
        const struct net_conn *c = &p->end[i];
        if (c->used && (!c->let_go || c->first || c->note || c->syn))
            return;
    }
    if (p->busy > 0)
        return;
    drop_queue(&p->end[0]);
    drop_queue(&p->end[1]);
    world_cancel(w, p->doom);
    if (p->next)
        p->next->prev = p->prev;
    if (p->prev)
        p->prev->next = p->next;
    else
        w->pairs = p->next;
    free(p);
}

static void let_go(struct net_conn *c) {
    struct host *h = c->pair->world->hosts[c->host];
    assert(!c->let_go && h->conns > 0);
    c->let_go = true;
    h->conns--;
}

static void note_later(struct net_conn *c, uint64_t at, int why) {
    struct world *w = c->pair->world;
    if (c->failing || c->let_go)
        return;
    world_cancel(w, c->note);
    c->failing = why != 0;
    c->why = why;
    c->note = world_push(w, at, EVENT_NOTE, c->host);
    c->note->conn = c;
    if (why)
        drop_queue(c);
}

static void pump_at(struct net_conn *c, uint64_t at) {
    struct world *w = c->pair->world;
    if (c->pump || !c->first || !c->is_open)
        return;
    c->pump = world_push(w, at, EVENT_PUMP, other(c)->host);
    c->pump->conn = c;
}

static void enqueue(struct net_conn *c, const uint8_t *bytes, size_t n, bool fin) {
    struct world *w = c->pair->world;
    struct segment *s = malloc(sizeof *s + n);
    assert(s);
    uint64_t wire = c->wire_free > w->now ? c->wire_free : w->now;
    if (w->faults.bytes_per_s)
        wire += n * WORLD_S / w->faults.bytes_per_s;
    c->wire_free = wire;
    uint64_t at = wire + delay(w, c->host, other(c)->host);
    for (uint64_t again = RESEND_MS; world_draw_ppm(&w->rng_net, w->faults.loss_ppm); again *= 2)
        at += again * WORLD_MS;
    if (at < c->last_arrival)
        at = c->last_arrival;
    c->last_arrival = at;
    *s = (struct segment){.arrives = at, .fin = fin, .n = n};
    if (n > 0)
        memcpy(s->bytes, bytes, n);
    *c->last = s;
    c->last = &s->next;
    c->queued += n;
    w->traffic.segments++;
    w->traffic.bytes += n;
    pump_at(c, c->first->arrives);
}

static void init_end(struct pair *p, int i, uint32_t host) {
    struct net_conn *c = &p->end[i];
    struct host *h = p->world->hosts[host];
    *c = (struct net_conn){.pair = p, .host = host, .life = h->life, .used = true};
    c->last = &c->first;
    h->conns++;
}

// --- what the network does ----------------------------------------------------------------------

// The path between the two ends: cut for a connection when the hosts do not reach each other, when
// one has moved since, or when the network has begun to swallow it.
static bool path(struct net_conn *c) {
    const struct pair *p = c->pair;
    struct world *w = p->world;
    const struct net_conn *o = other(c);
    return !p->stalled && !c->silent && !o->silent && world_reaches(w, c->host, o->host);
}

static void again_later(struct net_conn *c) {
    if (++c->tries > RESEND_TRIES) {
        if (c->let_go)
            drop_queue(c);
        else
            note_later(c, c->pair->world->now, ERR_TIMEOUT);
        return;
    }
    uint64_t ms = RESEND_MS;
    for (unsigned i = 1; i < c->tries && ms < RESEND_MAX_MS; i++)
        ms *= 2;
    pump_at(c, c->pair->world->now + (ms < RESEND_MAX_MS ? ms : RESEND_MAX_MS) * WORLD_MS);
}

static void reset_sender(struct net_conn *c) {
    struct world *w = c->pair->world;
    w->traffic.resets++;
    if (c->let_go)
        drop_queue(c);
    else
        note_later(c, w->now + delay(w, c->host, other(c)->host), ERR_CLOSED);
}

static void end_with(struct net_conn *c, int code, const char *why) {
    struct err e = {0};
    if (c->let_go)
        return;
    drop_queue(c);
    world_cancel(c->pair->world, c->note);
    c->note = NULL;
    c->ended = true;
    let_go(c);
    if (c->ev) {
        (void)err_set(&e, code, "%s", why);
        c->ev->closed(c->ctx, &e);
    }
}

static void deliver(struct net_conn *c, struct segment *s) {
    struct net_conn *o = other(c);
    world_note(c->pair->world, c->pair->number);
    world_note_bytes(c->pair->world, s->bytes, s->n);
    if (s->fin)
        end_with(o, ERR_CLOSED, "the other side has closed the connection");
    else if (o->let_go)
        reset_sender(c);
    else if (o->ev && !o->failing)
        o->ev->data(o->ctx, s->bytes, s->n);
}

static void pump(struct net_conn *c) {
    struct world *w = c->pair->world;
    struct net_conn *o = other(c);
    bool had = c->queued > 0;
    if (!path(c)) {
        again_later(c);
        return;
    }
    if (o->used && o->life != w->hosts[o->host]->life) {
        reset_sender(c);
        return;
    }
    c->tries = 0;
    while (c->first && c->first->arrives <= w->now && (!o->paused || o->let_go)) {
        struct segment *s = c->first;
        c->first = s->next;
        if (!c->first)
            c->last = &c->first;
        c->queued -= s->n;
        deliver(c, s);
        free(s);
    }
    if (c->first && (!o->paused || o->let_go))
        pump_at(c, c->first->arrives);
    if (had && c->queued == 0 && !c->let_go && !c->failing && c->ev && c->ev->drained)
        c->ev->drained(c->ctx);
}

static void doom_later(struct pair *p) {
    struct world *w = p->world;
    uint64_t rate = (uint64_t)w->faults.reset_per_kh + w->faults.stall_per_kh;
    if (rate == 0)
        return;
    uint64_t at = world_draw(&w->rng_net, 2 * 1000 * (WORLD_HOUR / rate));
    p->doom = world_push(w, w->now + at, EVENT_DOOM, p->end[0].host);
    p->doom->conn = &p->end[0];
}

static void doom(struct pair *p) {
    struct world *w = p->world;
    uint64_t rate = (uint64_t)w->faults.reset_per_kh + w->faults.stall_per_kh;
    if (rate == 0)
        return;
    if (world_draw(&w->rng_net, rate) < w->faults.stall_per_kh) {
        p->stalled = true;
        return;
    }
    for (int i = 0; i < 2; i++)
        if (p->end[i].used)
            reset_sender(&p->end[i]);
}

static struct host *host_at(struct world *w, const struct net_addr *a) {
    uint32_t number = (uint32_t)a->ip[14] << 8 | a->ip[15];
    if (number >= w->hosts_n || !net_addr_same_host(&w->hosts[number]->addr, a))
        return NULL;
    return w->hosts[number];
}

static void syn(struct net_conn *c) {
    struct pair *p = c->pair;
    struct world *w = p->world;
    if (c->let_go)
        return;
    struct host *to = host_at(w, &p->to);
    bool lost = world_draw_ppm(&w->rng_net, w->faults.loss_ppm);
    if (!to || lost || !world_reaches(w, c->host, to->number) ||
        !world_reaches(w, to->number, c->host)) {
        if (++c->tries > SYN_TRIES) {
            note_later(c, w->now, ERR_TIMEOUT);
            return;
        }
        c->syn = world_push(w, w->now + (WORLD_S << (c->tries - 1)), EVENT_SYN, c->host);
        c->syn->conn = c;
        return;
    }
    c->tries = 0;
    uint64_t back = w->now + delay(w, c->host, to->number);
    if (to->port == 0 || to->port != p->to.port) {
        note_later(c, back, ERR_CLOSED);
        return;
    }
    init_end(p, 1, to->number);
    struct net_conn *o = &p->end[1];
    o->is_open = true;
    o->last_arrival = back;
    w->traffic.conns++;
    note_later(c, back, 0);
    doom_later(p);
    to->accept(to->accept_ctx, o, &p->from);
}

static void note(struct net_conn *c) {
    struct world *w = c->pair->world;
    if (c->let_go)
        return;
    world_note(w, (uint64_t)(int64_t)c->why);
    if (c->why) {
        c->failing = false;
        end_with(c, c->why, c->why == ERR_TIMEOUT ? "no answer" : "refused or reset");
        return;
    }
    c->is_open = true;
    if (c->first)
        pump_at(c, c->first->arrives);
    c->ev->open(c->ctx);
}

static void datagram_arrives(struct world *w, struct event *e) {
    struct host *h = w->hosts[e->host];
    struct datagram *d = e->datagram;
    const struct host *from = host_at(w, &d->from);
    world_note_bytes(w, d->bytes, d->n);
    if (h->datagram && from && world_reaches(w, from->number, h->number))
        h->datagram(h->datagram_ctx, d->bytes, d->n, &d->from);
    free(d);
}

void world_net_event(struct world *w, struct event *e) {
    if (e->kind == EVENT_DATAGRAM) {
        datagram_arrives(w, e);
        return;
    }
    struct net_conn *c = e->conn;
    struct pair *p = c->pair;
    p->busy++;
    if (e->kind == EVENT_SYN) {
        c->syn = NULL;
        syn(c);
    } else if (e->kind == EVENT_PUMP) {
        c->pump = NULL;
        pump(c);
    } else if (e->kind == EVENT_NOTE) {
        c->note = NULL;
        note(c);
    } else {
        p->doom = NULL;
        doom(p);
    }
    p->busy--;
    settle(p);
}

void world_net_down(struct world *w, uint32_t host, bool silent) {
    for (struct pair *p = w->pairs; p; p = p->next) {
        for (int i = 0; i < 2; i++) {
            struct net_conn *c = &p->end[i];
            if (!c->used || c->host != host || c->life != w->hosts[host]->life)
                continue;
            drop_queue(c);
            world_cancel(w, c->note);
            world_cancel(w, c->syn);
            c->note = c->syn = NULL;
            c->failing = true;
            struct net_conn *o = other(c);
            if (!silent && o->used && !o->let_go && !p->stalled && !c->silent && !o->silent)
                reset_sender(o);
        }
    }
}

void world_break(struct world *w, uint32_t host, bool silent) {
    for (struct pair *p = w->pairs; p; p = p->next)
        for (int i = 0; i < 2; i++) {
            struct net_conn *c = &p->end[i];
            if (!c->used || c->host != host || c->let_go)
                continue;
            if (silent)
                c->silent = true;
            else {
                reset_sender(c);
                if (other(c)->used)
                    reset_sender(other(c));
            }
        }
}

void world_net_free(struct world *w) {
    while (w->pairs) {
        struct pair *p = w->pairs;
        w->pairs = p->next;
        drop_queue(&p->end[0]);
        drop_queue(&p->end[1]);
        free(p);
    }
    for (uint32_t i = 0; i < w->heap_n; i++)
        if (w->heap[i]->kind == EVENT_DATAGRAM)
            free(w->heap[i]->datagram);
}

// --- the table of functions ---------------------------------------------------------------------

static int sim_listen(void *self, uint16_t port, net_accept_fn *fn, void *ctx, uint16_t *ret_port,
                      struct err *err) {
    struct host *h = self;
    if (!h->up)
        return err_set(err, ERR_IO, "the host is down");
    if (h->port)
        return err_set(err, ERR_EXISTS, "the port is in use");
    h->port = port ? port : WORLD_PORT_FIRST;
    h->accept = fn;
    h->accept_ctx = ctx;
    *ret_port = h->port;
    return 0;
}

static void sim_listen_stop(void *self) {
    struct host *h = self;
    h->port = 0;
}

static int sim_connect(void *self, const struct net_addr *to, const struct net_conn_events *ev,
                       void *ctx, struct net_conn **ret, struct err *err) {
    struct host *h = self;
    struct world *w = h->world;
    if (!h->up)
        return err_set(err, ERR_IO, "the host is down");
    struct pair *p = calloc(1, sizeof *p);
    assert(p);
    p->world = w;
    p->number = ++w->conn_number;
    p->to = *to;
    p->from = h->addr;
    p->from.port = (uint16_t)(50000 + p->number % 10000);
    p->next = w->pairs;
    if (p->next)
        p->next->prev = p;
    w->pairs = p;
    init_end(p, 0, h->number);
    p->end[1] = (struct net_conn){.pair = p, .last = &p->end[1].first};
    struct net_conn *c = &p->end[0];
    const struct host *there = host_at(w, to);
    p->end[1].host = there ? there->number : h->number;
    c->ev = ev;
    c->ctx = ctx;
    c->syn = world_push(w, w->now + delay(w, h->number, p->end[1].host), EVENT_SYN, h->number);
    c->syn->conn = c;
    *ret = c;
    return 0;
}

static void sim_own(void *self, struct net_conn *c, const struct net_conn_events *ev, void *ctx) {
    (void)self;
    assert(!c->let_go && !c->ev);
    c->ev = ev;
    c->ctx = ctx;
}

static int sim_send(void *self, struct net_conn *c, const void *bytes, size_t n) {
    struct host *h = self;
    struct world *w = h->world;
    assert(!c->let_go && c->host == h->number);
    if (!h->up || c->failing)
        return ERR_CLOSED;
    if (n > NET_QUEUE_BYTES_MAX - c->queued)
        return ERR_LIMIT;
    if (n == 0)
        return 0;
    if (w->tap)
        w->tap(w->tap_ctx, h->number, bytes, n);
    if (n > 1 && world_draw_ppm(&w->rng_net, w->faults.chop_ppm)) {
        size_t cut = 1 + world_draw(&w->rng_net, n - 1);
        enqueue(c, bytes, cut, false);
        c->last_arrival += world_draw(&w->rng_net, 2 * WORLD_MS);
        bytes = (const uint8_t *)bytes + cut;
        n -= cut;
    }
    enqueue(c, bytes, n, false);
    return 0;
}

static size_t sim_queued(void *self, const struct net_conn *c) {
    (void)self;
    return c->queued;
}

static void sim_pause(void *self, struct net_conn *c, bool on) {
    struct host *h = self;
    assert(!c->let_go);
    c->paused = on;
    struct net_conn *o = other(c);
    if (!on && o->used && o->first)
        pump_at(o, o->first->arrives > h->world->now ? o->first->arrives : h->world->now);
}

static void sim_close(void *self, struct net_conn *c) {
    struct host *h = self;
    struct pair *p = c->pair;
    let_go(c);
    world_cancel(h->world, c->note);
    world_cancel(h->world, c->syn);
    c->note = c->syn = NULL;
    struct net_conn *o = other(c);
    if (!h->up || c->failing || !o->used)
        drop_queue(c);
    else {
        c->is_open = true;
        enqueue(c, NULL, 0, true);
    }
    c->paused = false;
    settle(p);
}

static void sim_drop(void *self, struct net_conn *c) {
    drop_queue(c);
    sim_close(self, c);
}

static int sim_neighbours(void *self, net_datagram_fn *fn, void *ctx, struct err *err) {
    struct host *h = self;
    if (!h->up)
        return err_set(err, ERR_IO, "the host is down");
    h->datagram = fn;
    h->datagram_ctx = ctx;
    return 0;
}

static void post(struct host *h, const struct host *to, const void *bytes, size_t n) {
    struct world *w = h->world;
    const struct world_faults *f = &w->faults;
    unsigned copies = world_draw_ppm(&w->rng_net, f->duplicate_ppm) ? 2 : 1;
    w->traffic.duplicated += copies - 1;
    for (; copies > 0; copies--) {
        w->traffic.datagrams++;
        if (world_draw_ppm(&w->rng_net, f->loss_ppm)) {
            w->traffic.lost++;
            continue;
        }
        uint64_t at = delay(w, h->number, to->number);
        if (world_draw_ppm(&w->rng_net, f->reorder_ppm))
            at += world_draw(&w->rng_net, 10 * at + 1);
        struct datagram *d = malloc(sizeof *d + n);
        assert(d);
        d->from = h->addr;
        d->from.port = WORLD_PORT_FIRST;
        d->n = n;
        memcpy(d->bytes, bytes, n);
        world_push(w, w->now + at, EVENT_DATAGRAM, to->number)->datagram = d;
    }
}

static int sim_shout(void *self, const void *bytes, size_t n) {
    struct host *h = self;
    struct world *w = h->world;
    if (n > NET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    if (w->tap && h->up)
        w->tap(w->tap_ctx, h->number, bytes, n);
    for (uint32_t i = 0; h->up && i < w->hosts_n; i++)
        if (i != h->number && w->hosts[i]->lan == h->lan && w->hosts[i]->datagram)
            post(h, w->hosts[i], bytes, n);
    return 0;
}

static int sim_tell(void *self, const void *bytes, size_t n, const struct net_addr *to) {
    struct host *h = self;
    const struct host *there = host_at(h->world, to);
    if (n > NET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    if (h->world->tap && h->up)
        h->world->tap(h->world->tap_ctx, h->number, bytes, n);
    if (h->up && there)
        post(h, there, bytes, n);
    return 0;
}

void world_net_init(struct host *h) {
    static const struct net_ops ops = {.listen = sim_listen,
                                       .listen_stop = sim_listen_stop,
                                       .connect = sim_connect,
                                       .own = sim_own,
                                       .send = sim_send,
                                       .queued = sim_queued,
                                       .pause = sim_pause,
                                       .close = sim_close,
                                       .drop = sim_drop,
                                       .neighbours = sim_neighbours,
                                       .shout = sim_shout,
                                       .tell = sim_tell};
    h->net = (struct net){&ops, h};
}
