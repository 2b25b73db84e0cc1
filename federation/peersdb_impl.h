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
    int64_t counter; // given out last
    int counters;    // reserved behind it
};

int peersdb_migrate(struct db *db, int64_t now_ms, struct err *err);
// Row of a peer or scope: 1 found, 0 none, ERR_*. peersdb_scope_id makes it when `make`.
int peersdb_peer_id(struct peersdb *p, const uint8_t *device, int64_t *ret, struct err *err);
int peersdb_scope_id(struct peersdb *p, const uint8_t *scope, bool make, int64_t *ret,
                     struct err *err);
// ERR_LIMIT when the count is `max` already.
int peersdb_bounded(struct peersdb *p, const char *count_sql, int64_t max, const char *what,
                    struct err *err);
// 1: `identity` is `author`, or what followed it. 0: no.
int peersdb_follows(struct peersdb *p, const uint8_t *author, const uint8_t *identity,
                    struct err *err);
extern const char peersdb_find_sql[], peersdb_waiting_sql[]; // for the test of their plans
// Within a transaction: the place is among the peer's, as the latest; those over the maximum go.
int peersdb_address_note(struct peersdb *p, const uint8_t *device, struct db_value place,
                         int64_t now_ms, struct err *err);
