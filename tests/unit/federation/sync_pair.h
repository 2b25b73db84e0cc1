// Two ends of sync with their own peers.db in memory, and a wire between them that a test can look
// at, fill up, or change.
#pragma once

#include "core/base/env.h"
#include "federation/sync.h"
#include "tests/unit/federation/records_maker.h"

enum { PAIR_FRAME_BYTES = 10 }; // what a link adds to a blob: length, kind, flags, stream

struct message {
    struct message *next;
    size_t n;
    uint8_t bytes[];
};
struct end {
    struct db *db;
    struct peersdb *p;
    struct sync *sync;
    struct sync_session *session;
    struct maker author;
    struct env env;
    unsigned allow;
    struct message *first, **last; // sent, not delivered
    size_t queued, capacity;       // messages; capacity 0: no limit
    uint64_t sent_bytes;           // frames included
    uint64_t turns;                // deliveries of a whole queue
    int64_t now_ms;
    int result; // of the last feed that failed
    struct err err;
};
struct pair {
    struct end a, b; // a dialled
};
extern const uint8_t ends_scope[RECORD_SCOPE_BYTES];

// `db_a`, `db_b` NULL: in memory.
void ends_open(struct pair *p, struct db *db_a, struct db *db_b);
void ends_connect(struct pair *p); // a new session, as after a lost link
void ends_disconnect(struct pair *p);
void ends_close(struct pair *p);
// Delivers until the wire is empty, or `rounds` times; how many round trips it took.
uint64_t ends_run(struct pair *p, uint64_t rounds);
// Own records of `e`, `n` of them with bodies of `body_n`; pumps. Their ids follow from `seed`.
void ends_add(struct end *e, uint64_t n, size_t body_n);
// The same records in both stores, without a wire; they are of `author`.
void ends_add_both(struct pair *p, uint64_t n, size_t body_n);
uint64_t ends_count(struct end *e); // of the set
bool ends_same(struct pair *p);     // the sets
