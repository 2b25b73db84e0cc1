#include "tests/unit/federation/lan.h"

#include "core/base/mem.h"

#include <string.h>

static struct lan_event *add(struct lan *l, uint64_t delay_us) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        void *more = mem_realloc(l->events, capacity * sizeof(struct lan_event *));
        if (!more)
            return NULL;
        l->events = more;
        l->capacity = capacity;
    }
    struct lan_event *e = mem_zalloc(sizeof *e);
    if (!e)
        return NULL;
    e->at_ns = l->now_ns + delay_us * 1000;
    e->number = l->numbers++;
    l->events[l->count++] = e;
    return e;
}

static void drop(struct lan *l, size_t i) {
    mem_free(l->events[i]->bytes);
    mem_free(l->events[i]);
    l->events[i] = l->events[--l->count];
}

static uint64_t mono_ns(void *self) {
    return ((struct lan_host *)self)->lan->now_ns;
}

static int64_t wall_ms(void *self) {
    const struct lan_host *h = self;
    return (int64_t)20454 * 86400000 + (int64_t)LAN_START_HOUR * 3600000 +
           (int64_t)(h->lan->now_ns / 1000000) + h->clock_off_ms;
}

static void random_bytes(void *self, void *out, size_t n) {
    struct lan_host *h = self;
    for (size_t i = 0; i < n; i++) {
        h->random = h->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(h->random >> 56);
    }
}

static struct env_timer *timer_start(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx) {
    struct lan_event *e = add(((struct lan_host *)self)->lan, delay_ms * 1000);
    if (e) {
        e->fn = fn;
        e->ctx = ctx;
    }
    return (struct env_timer *)e;
}

static void timer_cancel(void *self, struct env_timer *t) {
    struct lan *l = ((struct lan_host *)self)->lan;
    for (size_t i = 0; t && i < l->count; i++)
        if (l->events[i] == (struct lan_event *)t) {
            drop(l, i);
            return;
        }
}

void lan_send(struct lan *l, struct lan_host *to, const struct net_addr *from, const void *bytes,
              size_t n) {
    struct lan_event *e = add(l, LAN_DELAY_US);
    if (!e) // a failure that was asked for is meant for the module, and comes once
        e = add(l, LAN_DELAY_US);
    assert_non_null(e);
    e->bytes = mem_alloc(n);
    if (!e->bytes)
        e->bytes = mem_alloc(n);
    assert_non_null(e->bytes);
    memcpy(e->bytes, bytes, n);
    e->n = n;
    e->to = to;
    e->from = *from;
}

static int neighbours(void *self, net_datagram_fn *fn, void *ctx, struct err *err) {
    struct lan_host *h = self;
    if (fn && h->join_answers < 0)
        return err_set(err, h->join_answers, "no network");
    h->fn = fn;
    h->ctx = ctx;
    return 0;
}

static void sent(struct lan_host *h, const void *bytes, size_t n) {
    h->bytes += n;
    if (h->lan->tap)
        h->lan->tap(h->lan->tap_ctx, bytes, n, h);
}

static int shout(void *self, const void *bytes, size_t n) {
    struct lan_host *h = self;
    if (h->unplugged)
        return ERR_IO;
    h->shouted++;
    sent(h, bytes, n);
    for (size_t i = 0; i < LAN_HOSTS_MAX; i++) // its own, too, as multicast does
        if (h->lan->hosts[i].fn)
            lan_send(h->lan, &h->lan->hosts[i], &h->addr, bytes, n);
    return 0;
}

static int tell(void *self, const void *bytes, size_t n, const struct net_addr *to) {
    struct lan_host *h = self;
    if (h->unplugged)
        return ERR_IO;
    h->told++;
    sent(h, bytes, n);
    for (size_t i = 0; i < LAN_HOSTS_MAX; i++)
        if (net_addr_equal(&h->lan->hosts[i].addr, to))
            lan_send(h->lan, &h->lan->hosts[i], &h->addr, bytes, n);
    return 0;
}

static const struct env_ops env_ops = {
    .mono_ns = mono_ns,
    .wall_ms = wall_ms,
    .random_bytes = random_bytes,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
};
static const struct net_ops net_ops = {.neighbours = neighbours, .shout = shout, .tell = tell};

void lan_init(struct lan *l) {
    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < LAN_HOSTS_MAX; i++) {
        struct lan_host *h = &l->hosts[i];
        h->lan = l;
        h->env = (struct env){.ops = &env_ops, .self = h};
        h->net = (struct net){.ops = &net_ops, .self = h};
        h->random = i + 1;
        h->addr =
            (struct net_addr){.ip = {[10] = 0xff, 0xff, 10, 77, 0, (uint8_t)(i + 1)}, .port = 5000};
    }
}

void lan_done(struct lan *l) {
    while (l->count)
        drop(l, l->count - 1);
    mem_free(l->events);
}

void lan_run(struct lan *l, uint64_t ms) {
    uint64_t until = l->now_ns + ms * 1000000;
    for (;;) {
        size_t next = l->count;
        for (size_t i = 0; i < l->count; i++)
            if (l->events[i]->at_ns <= until &&
                (next == l->count || l->events[i]->at_ns < l->events[next]->at_ns ||
                 (l->events[i]->at_ns == l->events[next]->at_ns &&
                  l->events[i]->number < l->events[next]->number)))
                next = i;
        if (next == l->count)
            break;
        struct lan_event e = *l->events[next];
        l->events[next]->bytes = NULL;
        drop(l, next);
        l->now_ns = e.at_ns;
        if (e.fn)
            e.fn(e.ctx);
        else if (e.to->fn && !e.to->unplugged)
            e.to->fn(e.to->ctx, e.bytes, e.n, &e.from);
        mem_free(e.bytes);
    }
    l->now_ns = until;
}
