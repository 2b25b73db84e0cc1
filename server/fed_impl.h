// Inside of the engine's federation: what server/fed_*.c share. Everything here is used on the
// federation's thread alone, while it is running.
#pragma once

#include "core/db/vfs.h"
#include "core/loop/loop.h"
#include "federation/net_loop.h"
#include "federation/tls.h"
#include "server/fed.h"

enum {
    FED_PORT = 4711, // tried first when the setting is 0; then any
    FED_RETRY_MS = 2000,
    FED_UPKEEP_MS = 10 * 60 * 1000,
    FED_SWEEP_RECORDS = 500
};

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
    struct loop_timer *retry, *upkeep;
    int64_t since_ms; // wall, when it came to run
};

// Opens everything, or leaves nothing open. ERR_LOCKED: the store is.
int fed_core_open(struct fed_core *core, struct err *err);
void fed_core_close(struct fed_core *core); // idempotent

// What peers.db tells of: after the commit that did it.
peersdb_change_fn fed_core_changed;
// Signs a record of ours, stores it, and lets it go to whom its scope is for.
int fed_core_put(struct fed_core *core, struct record *r, uint8_t ret_id[RECORD_ID_BYTES],
                 struct err *err);
