// What requests to model backends used: tokens and money, by day, agent, backend, model, session
// and workspace. Days are UTC. Reading functions take a reader's connection, writing ones the
// writer's inside store_write. Erased with the workspace. Any thread.
//
// It stays small by joining: after USAGE_SESSION_DAYS a session's rows become one of the day, after
// USAGE_DAY_DAYS days become the first of their month, and above USAGE_ROWS_MAX the oldest go.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <stdint.h>

enum {
    USAGE_SESSION_DAYS = 35,
    USAGE_DAY_DAYS = 400,
    USAGE_ROWS_DAY_MAX = 5000, // of one day with sessions apart; further ones count for ''
    USAGE_ROWS_MAX = 200 * 1000,
    USAGE_NAME_BYTES_MAX = 256,
    USAGE_PATH_BYTES_MAX = 4096
};
#define USAGE_COUNT_MAX 1000000000000 // of one addition: tokens, micro-dollars

struct usage_sum {
    int64_t requests, failed;                   // failed: of the requests
    int64_t input, cached, cache_write, output; // tokens; input: neither read from nor written to a
                                                // cache
    int64_t cost, saved; // micro-dollars; saved: less than what was asked for would have cost, may
                         // be negative
    int64_t hits, hit_tokens; // answers from the exact cache, which are no requests; tokens of all
                              // kinds that they would have taken
};

struct usage {
    int64_t at_ms;
    const char *agent; // who asked: "sherlock", "gateway" …
    const char *backend, *model;
    const char *session;   // "" none
    const char *workspace; // absolute path; NULL none
    struct usage_sum sum;
};
// Adds to the row of its day. ERR_INVAL: a count below zero or above the maximum; ERR_LIMIT: a name
// too long.
int usage_add(struct db *db, const struct usage *u, struct err *err);

enum usage_by {
    USAGE_BY_DAY,
    USAGE_BY_AGENT,
    USAGE_BY_BACKEND,
    USAGE_BY_MODEL,
    USAGE_BY_SESSION,
    USAGE_BY_WORKSPACE
};
// `key`: "2026-11-28", or the name; borrowed during the call. A negative return stops it.
typedef int usage_fn(void *ctx, const char *key, const struct usage_sum *sum, struct err *err);
// From the day of since_ms to that of until_ms, both included. Days: the newest first; others: the
// dearest first, then the most tokens, then by name.
int usage_report(struct db *db, enum usage_by by, int64_t since_ms, int64_t until_ms, int64_t limit,
                 usage_fn *fn, void *ctx, struct err *err);
int usage_total(struct db *db, int64_t since_ms, int64_t until_ms, struct usage_sum *ret,
                struct err *err);
// The same of one workspace alone; NULL: of all.
int usage_total_of(struct db *db, const char *workspace, int64_t since_ms, int64_t until_ms,
                   struct usage_sum *ret, struct err *err);
int usage_report_of(struct db *db, const char *workspace, enum usage_by by, int64_t since_ms,
                    int64_t until_ms, int64_t limit, usage_fn *fn, void *ctx, struct err *err);
int64_t usage_month_start(int64_t at_ms); // first millisecond of its month

// Joins and drops what is old (housekeeping does it). Small when there is nothing to do.
int usage_tidy(struct db *db, int64_t now_ms, struct err *err);
