// Between the files of peersdb.
#pragma once

#include "federation/peersdb.h"

struct peersdb_step {
    int version; // 1, 2, 3 … without a gap; 0 ends the table
    const char *name;
    const char *sql;
};
extern const struct peersdb_step peersdb_steps[]; // federation/schema/*.sql

struct peersdb {
    struct db *db;
    struct peersdb_config config;
    uint32_t epoch;
};

int peersdb_migrate(struct db *db, int64_t now_ms, struct err *err);
// Row of a peer or scope: 1 found, 0 none, ERR_*. peersdb_scope_id makes it when `make`.
int peersdb_peer_id(struct peersdb *p, const uint8_t *device, int64_t *ret, struct err *err);
int peersdb_scope_id(struct peersdb *p, const uint8_t *scope, bool make, int64_t *ret,
                     struct err *err);
