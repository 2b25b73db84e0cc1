// The paired devices, as the node needs them: who they are, and where they were reached last. What
// keeps them is behind a table of functions: peers.db for an engine, memory for tests and the
// simulator. One owner thread.
#pragma once

#include "core/base/err.h"
#include "federation/channel.h"
#include "federation/net.h"

enum { PEERS_MAX = 16384, PEERS_ADDRS_MAX = 4 };

struct peers_entry {
    uint8_t key[CHANNEL_KEY_BYTES]; // of the device
    struct net_addr addrs[PEERS_ADDRS_MAX];
    uint32_t addrs_n;     // the one that worked last first
    int64_t seen_ms;      // wall; 0: never
    uint64_t in_s, out_s; // bytes a second the user allows; 0: no cap
};
typedef void peers_fn(void *ctx, const struct peers_entry *e); // borrowed

struct peers {
    // Each paired device that is not revoked.
    int (*each)(void *self, peers_fn *fn, void *ctx, struct err *err);
    // A session with it stood at this address. Best effort; unknown keys are ignored.
    void (*seen)(void *self, const uint8_t *key, const struct net_addr *a, int64_t wall_ms);
    void *self;
};

// The one in memory. Gives NULL when out of memory.
struct peers_memory;
struct peers_memory *peers_memory_new(void);
void peers_memory_free(struct peers_memory *m); // accepts NULL
struct peers peers_memory_face(struct peers_memory *m);
// Adds or replaces. ERR_LIMIT, ERR_NOMEM.
int peers_memory_put(struct peers_memory *m, const struct peers_entry *e);
void peers_memory_remove(struct peers_memory *m, const uint8_t *key);
const struct peers_entry *peers_memory_find(const struct peers_memory *m, const uint8_t *key);
