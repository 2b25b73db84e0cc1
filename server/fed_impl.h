// Inside of the engine's federation: what server/fed_*.c share. Everything here is used on the
// federation's thread alone, while it is running.
#pragma once

#include "core/db/vfs.h"
#include "core/loop/loop.h"
#include "federation/net_loop.h"
#include "federation/tls.h"
#include "server/fed.h"
#include "server/fed_grants.h"

enum {
    FED_PORT = 4711, // tried first when the setting is 0; then any
    FED_RETRY_MS = 2000,
    FED_UPKEEP_MS = 10 * 60 * 1000,
    FED_SWEEP_RECORDS = 500
};

// What stands on the node, in the order in which it is made; each in a file of its own, listed in
// fed_core.c. Any function may be NULL.
enum fed_part_id {
    FED_PAIR,
    FED_EXCHANGE,
    FED_DISCOVERY,
    FED_TASKS,
    FED_COSIGN,
    FED_SHARE,
    FED_ARRIVALS,
    FED_GROUPS,
    FED_PARTS
};
struct fed_part {
    // Before the node: *ret, and the service if it has one (its ctx is not NULL then).
    int (*make)(struct fed_core *core, void **ret, struct node_service *service, struct err *err);
    int (*start)(struct fed_core *core, void *part, struct err *err); // the node stands
    void (*stop)(struct fed_core *core, void *part);                  // … for the last time
    void (*done)(void *part);                                         // it is gone
    void (*grants)(struct fed_core *core, void *part);                // core->grants is another one
    // As peersdb_scrub_fn: any part may refuse.
    int (*scrub)(struct fed_core *core, void *part, const struct record *r);
    // As peersdb_change_fn, for each part.
    void (*changed)(struct fed_core *core, void *part, enum peersdb_change what,
                    const uint8_t scope[RECORD_SCOPE_BYTES], const uint8_t id[RECORD_ID_BYTES],
                    const uint8_t *by);
};

extern const struct fed_part fed_part_cosign; // fed_cosign.c

struct fed_core {
    struct services *services;
    struct loop *loop;
    struct env *env;
    bool ready; // all of what follows is there
    struct store *store;
    struct identity *id;
    struct vfs *vfs;
    struct db *db;
    struct peersdb *peersdb;
    struct tls *tls;
    struct channel_maker channels;
    struct net_loop *sockets;
    struct net *net;
    struct node *node;
    struct fed_grants *grants; // NULL: none known yet, nothing is allowed
    bool loading;              // … and being loaded; `stale`: they changed again meanwhile
    bool stale;
    void *part[FED_PARTS];
    struct node_service node_services[NODE_SERVICES_MAX]; // borrowed by the node
    struct loop_timer *retry, *upkeep;
    int64_t since_ms; // wall, when it came to run
};

// Loads the grants on a worker, and takes them when they are there (fed_load.c).
void fed_core_load_grants(struct fed_core *core);
void fed_core_watch_grants(struct fed_core *core, bool on);

// Identity and database alone; fed_core_close closes them. ERR_NOT_FOUND: there are none.
int fed_core_open_files(struct fed_core *core, bool create, struct err *err);
// Opens everything, or leaves nothing open. ERR_LOCKED: the store is.
int fed_core_open(struct fed_core *core, struct err *err);
void fed_core_close(struct fed_core *core); // idempotent

// To all parts.
peersdb_change_fn fed_core_changed; // what peers.db tells of, after the commit that did it
void fed_core_tell_grants(struct fed_core *core);
