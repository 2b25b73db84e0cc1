#include "tests/sim/world.h"

#include "tests/sim/world_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_MS INT64_C(1790000000000) // the worlds begin in September 2026

static uint64_t mix(uint64_t z) { // finalizer of splitmix64
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw(uint64_t *rng) {
    *rng += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*rng);
}

uint64_t world_draw(uint64_t *rng, uint64_t below) {
    return below == 0 ? 0 : draw(rng) % below;
}

bool world_draw_ppm(uint64_t *rng, uint32_t ppm) {
    return ppm != 0 && draw(rng) % WORLD_PPM < ppm;
}

void world_note(struct world *w, uint64_t what) {
    w->trace = (w->trace ^ what) * UINT64_C(0x9fb21c651e98df25);
    w->trace ^= w->trace >> 32;
}

void world_note_bytes(struct world *w, const uint8_t *bytes, size_t n) {
    world_note(w, n);
    while (n > 0) {
        uint64_t v = 0;
        size_t take = n < sizeof v ? n : sizeof v;
        memcpy(&v, bytes, take);
        world_note(w, v);
        bytes += take;
        n -= take;
    }
}

// --- the heap of events: by time, then by the order in which they were asked for ----------------

static bool before(const struct event *a, const struct event *b) {
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void put(struct world *w, uint32_t place, struct event *e) {
    w->heap[place] = e;
    e->place = place;
}

static void rise(struct world *w, uint32_t place, struct event *e) {
    while (place > 0 && before(e, w->heap[(place - 1) / 2])) {
        put(w, place, w->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(w, place, e);
}

static void sink(struct world *w, uint32_t place, struct event *e) {
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= w->heap_n)
            break;
        if (child + 1 < w->heap_n && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], e))
            break;
        put(w, place, w->heap[child]);
        place = child;
    }
    put(w, place, e);
}

static void take_out(struct world *w, struct event *e) {
    uint32_t place = e->place;
    struct event *last = w->heap[--w->heap_n];
    e->place = NOT_QUEUED;
    if (last == e)
        return;
    if (place > 0 && before(last, w->heap[(place - 1) / 2]))
        rise(w, place, last);
    else
        sink(w, place, last);
}

static void *must(void *p) {
    assert(p);
    return p;
}

struct event *world_push(struct world *w, uint64_t at, enum event_kind kind, uint32_t host) {
    struct event *e = w->free_events;
    if (e)
        w->free_events = e->next_free;
    else
        e = must(malloc(sizeof *e));
    *e = (struct event){
        .at = at < w->now ? w->now : at, .order = w->order++, .kind = kind, .host = host};
    if (w->heap_n == w->heap_capacity) {
        w->heap_capacity = w->heap_capacity ? 2 * w->heap_capacity : 1024;
        w->heap = must(realloc(w->heap, w->heap_capacity * sizeof(struct event *)));
    }
    rise(w, w->heap_n++, e);
    return e;
}

static void event_free(struct world *w, struct event *e) {
    e->next_free = w->free_events;
    w->free_events = e;
}

void world_cancel(struct world *w, struct event *e) {
    if (!e)
        return;
    take_out(w, e);
    event_free(w, e);
}

// --- a host's env -------------------------------------------------------------------------------

static uint64_t env_mono(void *self) {
    struct host *h = self;
    return h->world->now + WORLD_S * (1 + h->number % 1000); // no two hosts agree on it
}

static int64_t env_wall(void *self) {
    struct host *h = self;
    return EPOCH_MS + (int64_t)(h->world->now / WORLD_MS) + h->skew_ms;
}

static void env_fill(void *self, void *out, size_t n) {
    struct host *h = self;
    uint8_t *p = out;
    while (n > 0) {
        uint64_t v = draw(&h->rng);
        size_t take = n < sizeof v ? n : sizeof v;
        memcpy(p, &v, take);
        p += take;
        n -= take;
    }
}

static struct env_timer *env_start(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx) {
    struct host *h = self;
    struct event *e =
        world_push(h->world, h->world->now + delay_ms * WORLD_MS, EVENT_TIMER, h->number);
    e->fn = fn;
    e->ctx = ctx;
    h->timers++;
    return (struct env_timer *)(void *)e;
}

static void env_cancel(void *self, struct env_timer *t) {
    struct host *h = self;
    if (!t)
        return;
    assert(h->timers > 0);
    h->timers--;
    world_cancel(h->world, (struct event *)(void *)t);
}

static const struct env_ops env_ops = {env_mono, env_wall, env_fill, env_start, env_cancel};

// --- hosts --------------------------------------------------------------------------------------

struct world *world_new(uint64_t seed) {
    struct world *w = must(calloc(1, sizeof *w));
    w->seed = seed;
    w->rng_net = mix(seed ^ 1);
    w->rng_scenario = mix(seed ^ 2);
    w->trace = mix(seed);
    return w;
}

void world_free(struct world *w) {
    world_net_free(w);
    for (uint32_t i = 0; i < w->heap_n; i++)
        free(w->heap[i]);
    while (w->free_events) {
        struct event *e = w->free_events;
        w->free_events = e->next_free;
        free(e);
    }
    for (uint32_t i = 0; i < w->hosts_n; i++) {
        free(w->hosts[i]->disk);
        free(w->hosts[i]);
    }
    free(w->hosts);
    free(w->heap);
    free(w);
}

void world_set_faults(struct world *w, const struct world_faults *f) {
    assert(f->latency_min_us <= f->latency_max_us);
    w->faults = *f;
}

void world_set_after(struct world *w, void (*fn)(void *ctx, uint32_t host), void *ctx) {
    w->after = fn;
    w->after_ctx = ctx;
}

void world_set_tap(struct world *w,
                   void (*fn)(void *ctx, uint32_t from, const uint8_t *bytes, size_t n),
                   void *ctx) {
    w->tap = fn;
    w->tap_ctx = ctx;
}

// 10.turn.high.low: the number of the host and how often it has moved.
static void set_addr(struct host *h, uint8_t turn) {
    const uint8_t ip[16] = {[10] = 0xff,
                            [11] = 0xff,
                            [12] = 10,
                            [13] = turn,
                            [14] = (uint8_t)(h->number >> 8),
                            [15] = (uint8_t)h->number};
    memcpy(h->addr.ip, ip, sizeof ip);
}

uint32_t world_host_add(struct world *w, uint32_t lan) {
    assert(w->hosts_n < WORLD_HOSTS_MAX);
    w->hosts = must(realloc(w->hosts, (w->hosts_n + 1) * sizeof(struct host *)));
    struct host *h = must(calloc(1, sizeof *h));
    *h = (struct host){.world = w, .number = w->hosts_n, .lan = lan, .up = true};
    h->rng = mix(w->seed ^ mix(h->number + 3));
    h->env = (struct env){&env_ops, h};
    set_addr(h, 0);
    world_net_init(h);
    w->hosts[w->hosts_n] = h;
    return w->hosts_n++;
}

static struct host *host_of(const struct world *w, uint32_t host) {
    assert(host < w->hosts_n);
    return w->hosts[host];
}

struct env *world_env(struct world *w, uint32_t host) {
    return &host_of(w, host)->env;
}

struct net *world_net(struct world *w, uint32_t host) {
    return &host_of(w, host)->net;
}

struct net_addr world_addr(const struct world *w, uint32_t host, uint16_t port) {
    struct net_addr a = host_of(w, host)->addr;
    a.port = port;
    return a;
}

void world_move(struct world *w, uint32_t host) {
    struct host *h = host_of(w, host);
    world_break(w, host, true);
    set_addr(h, (uint8_t)(h->addr.ip[13] + 1));
}

void world_host_down(struct world *w, uint32_t host, bool silent) {
    struct host *h = host_of(w, host);
    assert(h->up);
    h->up = false;
    h->port = 0;
    h->datagram = NULL;
    world_net_down(w, host, silent);
    // The cache: a prefix of it got to the disk, and the last sector may be half written.
    size_t kept = world_draw(&w->rng_scenario, h->disk_n - h->disk_synced + 1);
    bool torn = kept > 0 && world_draw(&w->rng_scenario, 2) == 0;
    h->disk_n = h->disk_synced + kept;
    for (size_t i = 0; torn && i < WORLD_SECTOR_BYTES / 4 && i < kept; i++)
        h->disk[h->disk_n - 1 - i] = (uint8_t)draw(&w->rng_scenario);
    h->disk_synced = h->disk_n;
}

void world_host_up(struct world *w, uint32_t host) {
    struct host *h = host_of(w, host);
    assert(!h->up);
    assert(h->timers == 0); // whoever ran there has left a timer behind
    assert(h->conns == 0);  // or a connection
    h->up = true;
    h->life++;
    h->rng = mix(h->rng ^ h->life);
}

bool world_is_up(const struct world *w, uint32_t host) {
    return host_of(w, host)->up;
}

void world_set_part(struct world *w, uint32_t host, uint32_t part) {
    host_of(w, host)->part = part;
}

void world_set_deaf(struct world *w, uint32_t host, bool in, bool out) {
    host_of(w, host)->deaf_in = in;
    host_of(w, host)->deaf_out = out;
}

bool world_reaches(const struct world *w, uint32_t from, uint32_t to) {
    const struct host *a = host_of(w, from), *b = host_of(w, to);
    return a->up && b->up && a->part == b->part && !a->deaf_out && !b->deaf_in;
}

void world_set_skew(struct world *w, uint32_t host, int64_t ms) {
    host_of(w, host)->skew_ms = ms;
}

// --- time ---------------------------------------------------------------------------------------

uint64_t world_now(const struct world *w) {
    return w->now;
}

uint64_t world_random(struct world *w, uint64_t below) {
    return world_draw(&w->rng_scenario, below);
}

bool world_chance(struct world *w, uint32_t ppm) {
    return world_draw_ppm(&w->rng_scenario, ppm);
}

void world_at(struct world *w, uint64_t ns, world_fn *fn, void *ctx) {
    struct event *e = world_push(w, ns, EVENT_ACTION, 0);
    e->fn = fn;
    e->ctx = ctx;
}

bool world_step(struct world *w) {
    if (w->heap_n == 0)
        return false;
    struct event *e = w->heap[0];
    take_out(w, e);
    assert(e->at >= w->now);
    w->now = e->at;
    w->events++;
    world_note(w, e->at ^ ((uint64_t)e->kind << 60));
    world_note(w, e->host);
    uint32_t host = e->host;
    if (e->kind == EVENT_TIMER || e->kind == EVENT_ACTION) {
        void (*fn)(void *ctx) = e->fn;
        void *ctx = e->ctx;
        if (e->kind == EVENT_TIMER)
            w->hosts[host]->timers--;
        event_free(w, e);
        fn(ctx);
    } else {
        world_net_event(w, e);
        event_free(w, e);
    }
    if (w->after && w->hosts_n > 0)
        w->after(w->after_ctx, host);
    return true;
}

void world_run(struct world *w, uint64_t until_ns) {
    while (w->heap_n > 0 && w->heap[0]->at <= until_ns)
        (void)world_step(w);
    w->now = until_ns;
}

uint64_t world_trace(const struct world *w) {
    return w->trace;
}

uint64_t world_events(const struct world *w) {
    return w->events;
}

size_t world_timers(const struct world *w, uint32_t host) {
    return host_of(w, host)->timers;
}

size_t world_conns(const struct world *w, uint32_t host) {
    return host_of(w, host)->conns;
}

void world_traffic(const struct world *w, struct world_traffic *ret) {
    *ret = w->traffic;
}

// --- disks --------------------------------------------------------------------------------------

void world_disk_write(struct world *w, uint32_t host, const void *bytes, size_t n) {
    struct host *h = host_of(w, host);
    if (!h->up)
        return;
    assert(n <= WORLD_DISK_BYTES_MAX - h->disk_n);
    h->disk = must(realloc(h->disk, h->disk_n + n + 1));
    memcpy(h->disk + h->disk_n, bytes, n);
    h->disk_n += n;
}

void world_disk_sync(struct world *w, uint32_t host) {
    struct host *h = host_of(w, host);
    if (h->up)
        h->disk_synced = h->disk_n;
}

void world_disk_clear(struct world *w, uint32_t host) {
    struct host *h = host_of(w, host);
    if (h->up)
        h->disk_n = h->disk_synced = 0;
}

const uint8_t *world_disk(const struct world *w, uint32_t host, size_t *ret_n) {
    struct host *h = host_of(w, host);
    *ret_n = h->disk_n;
    return h->disk;
}
