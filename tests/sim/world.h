// A world of virtual hosts in one process and one thread: a clock, an `env` and a `net` for each
// host, a network between them with faults, disks that tear. What happens depends on the seed
// alone: the same seed gives the same events in the same order, which world_trace proves by a hash
// over all of them. Test code; whatever it is asked must succeed, so it asserts.
// Source: the simulators of FoundationDB and TigerBeetle, for the idea.
#pragma once

#include "core/base/env.h"
#include "federation/net.h"

enum {
    WORLD_HOSTS_MAX = 16384,
    WORLD_PORT_FIRST = 40000, // what listen gives for port 0
    WORLD_DISK_BYTES_MAX = 1024 * 1024,
    WORLD_SECTOR_BYTES = 512
};
#define WORLD_US   UINT64_C(1000) // in ns, the unit of the world's clock
#define WORLD_MS   (1000 * WORLD_US)
#define WORLD_S    (1000 * WORLD_MS)
#define WORLD_HOUR (3600 * WORLD_S)
#define WORLD_PPM  1000000

// Of the network. All zero: bytes arrive at once and always.
struct world_faults {
    uint32_t latency_min_us, latency_max_us; // one way; a pair of hosts has its own between them
    uint32_t jitter_us;                      // on top, drawn for each segment and datagram
    uint32_t loss_ppm;      // datagrams are gone, segments come 200 ms (400, 800 …) later
    uint32_t duplicate_ppm; // of datagrams
    uint32_t reorder_ppm;   // of datagrams: up to ten times the latency on top
    uint32_t chop_ppm;      // segments that arrive in two pieces
    uint32_t reset_per_kh, stall_per_kh; // of a connection, per 1,000 hours of its life
    uint32_t bytes_per_s;                // of one direction of a connection; 0: no limit
};

struct world;
typedef void world_fn(void *ctx);

struct world *world_new(uint64_t seed);
void world_free(struct world *w);
void world_set_faults(struct world *w, const struct world_faults *f); // from now on
// After every event, with the host in whose code it was (invariants are checked here).
void world_set_after(struct world *w, void (*fn)(void *ctx, uint32_t host), void *ctx);

// Hosts are numbered from 0; they start up, in network part 0. Those of one `lan` hear each other's
// shouts.
uint32_t world_host_add(struct world *w, uint32_t lan);
struct env *world_env(struct world *w, uint32_t host);
struct net *world_net(struct world *w, uint32_t host);
struct net_addr world_addr(const struct world *w, uint32_t host, uint16_t port);
// Another address (DHCP, another Wi-Fi): connections to the old one go silent.
void world_move(struct world *w, uint32_t host);
// Silent: power lost, nobody is told. Else the process is killed and its system resets the
// connections. The disk loses or tears what was not synced. What runs on the host is then freed by
// its owner (its calls have no effect any more) before world_host_up, which asserts that nothing is
// left of it.
void world_host_down(struct world *w, uint32_t host, bool silent);
void world_host_up(struct world *w, uint32_t host);
bool world_is_up(const struct world *w, uint32_t host);
// Only hosts of the same part reach each other.
void world_set_part(struct world *w, uint32_t host, uint32_t part);
void world_set_deaf(struct world *w, uint32_t host, bool in, bool out); // one-way cuts
bool world_reaches(const struct world *w, uint32_t from, uint32_t to);
void world_set_skew(struct world *w, uint32_t host, int64_t ms); // of the wall clock alone

// Every connection of the host: the network resets it, or swallows what comes from now on.
void world_break(struct world *w, uint32_t host, bool silent);

// --- time
uint64_t world_now(const struct world *w);
// Deterministic draws of the scenario, apart from those of the network and of the hosts.
uint64_t world_random(struct world *w, uint64_t below);
bool world_chance(struct world *w, uint32_t ppm);
void world_at(struct world *w, uint64_t ns, world_fn *fn, void *ctx);
void world_run(struct world *w, uint64_t until_ns);
bool world_step(struct world *w); // one event; false: none is left
uint64_t world_trace(const struct world *w);
uint64_t world_events(const struct world *w);
size_t world_timers(const struct world *w, uint32_t host);
size_t world_conns(const struct world *w, uint32_t host); // ends that the host owns

struct world_traffic {
    uint64_t conns, segments, bytes, datagrams, lost, duplicated, resets;
};
void world_traffic(const struct world *w, struct world_traffic *ret);
// What every host puts on the wire, before the network has its way (canaries). Borrowed.
void world_set_tap(struct world *w,
                   void (*fn)(void *ctx, uint32_t from, const uint8_t *bytes, size_t n), void *ctx);

// --- one file per host, append only, with a cache that a crash tears
void world_disk_write(struct world *w, uint32_t host, const void *bytes, size_t n);
void world_disk_sync(struct world *w, uint32_t host);
void world_disk_clear(struct world *w, uint32_t host);
const uint8_t *world_disk(const struct world *w, uint32_t host, size_t *ret_n); // borrowed
