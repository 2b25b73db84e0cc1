// Shared by world.c (time, hosts) and world_net.c (the network); not for others.
#pragma once

#include "tests/sim/world.h"

#define NOT_QUEUED UINT32_MAX

enum event_kind {
    EVENT_ACTION = 1,
    EVENT_TIMER,
    EVENT_SYN,
    EVENT_PUMP,
    EVENT_NOTE,
    EVENT_DATAGRAM,
    EVENT_DOOM
};

struct datagram {
    struct net_addr from;
    size_t n;
    uint8_t bytes[];
};

struct event {
    uint64_t at, order;
    uint32_t place; // in the heap
    uint32_t host;
    enum event_kind kind;
    union {
        struct {
            void (*fn)(void *ctx);
            void *ctx;
        };
        struct net_conn *conn;
        struct datagram *datagram;
        struct event *next_free;
    };
};

struct host {
    struct world *world;
    struct env env;
    struct net net;
    struct net_addr addr;
    uint32_t number, lan, part, life;
    bool up, deaf_in, deaf_out;
    int64_t skew_ms;
    uint64_t rng;
    size_t timers, conns;
    uint16_t port; // 0: not listening
    net_accept_fn *accept;
    void *accept_ctx;
    net_datagram_fn *datagram;
    void *datagram_ctx;
    uint8_t *disk;
    size_t disk_n, disk_synced;
};

struct pair;
struct world {
    uint64_t now, order, seed, trace, events;
    uint64_t rng_net, rng_scenario;
    struct event **heap;
    uint32_t heap_n, heap_capacity;
    struct event *free_events;
    struct host **hosts;
    uint32_t hosts_n;
    struct world_faults faults;
    void (*after)(void *ctx, uint32_t host);
    void *after_ctx;
    void (*tap)(void *ctx, uint32_t from, const uint8_t *bytes, size_t n);
    void *tap_ctx;
    struct pair *pairs; // all of them, doubly linked
    uint64_t conn_number;
    struct world_traffic traffic;
};

uint64_t world_draw(uint64_t *rng, uint64_t below);
bool world_draw_ppm(uint64_t *rng, uint32_t ppm);
struct event *world_push(struct world *w, uint64_t at, enum event_kind kind, uint32_t host);
void world_cancel(struct world *w, struct event *e); // accepts NULL
void world_note(struct world *w, uint64_t what);     // into the trace
void world_note_bytes(struct world *w, const uint8_t *bytes, size_t n);

void world_net_init(struct host *h);
void world_net_event(struct world *w, struct event *e); // SYN, PUMP, NOTE, DOOM, DATAGRAM
void world_net_down(struct world *w, uint32_t host, bool silent);
void world_net_free(struct world *w);
