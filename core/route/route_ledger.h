// The quota ledger: what is left of each window of each account, fed by headers, error bodies and
// our own counts, and a forecast by the rate at which it burns, so that a backend is left before it
// answers 429 and taken up again when its window begins anew. Holds the circuit breakers too.
//
// Windows are kept as (used, limit) in their own unit. A window known only as a share (subscription
// plans) is tied to what we spend by a learned share per dollar. Between two readings the ledger
// adds what our own requests used, what is under way, and what others on the same account are
// likely to have used.
//
// No I/O, no clock: every call takes `now_ms` (wall clock, ms since 1970; going back is tolerated:
// it then only waits longer). One owner, one thread (the main loop). A ledger is one block of fixed
// size; nothing is allocated after route_ledger_new.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/route/route_breaker.h"
#include "core/route/route_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_NAME_BYTES_MAX = 96,                // of an account or a model, with its end
    ROUTE_ACCOUNTS_MAX = 32,                  // accounts in one ledger
    ROUTE_WINDOWS_MAX = 12,                   // windows of one account
    ROUTE_BREAKERS_MAX = 128,                 // (account, model) that failed lately
    ROUTE_TICKETS_MAX = 512,                  // requests under way
    ROUTE_TICKET_AGE_MS_MAX = 30 * 60 * 1000, // a request that never ended is forgotten
    ROUTE_SHORT_WINDOW_MS = 10 * 60 * 1000    // windows up to this length are waited for
};

// What a request is expected to use, or has used. Dollars are what the tokens would cost by the
// price list, also on a plan that bills nothing: plans count by price.
struct route_spend {
    double requests, tokens_in, tokens_out, usd;
};

enum route_state {
    ROUTE_STATE_OK,
    ROUTE_STATE_CONSERVE, // will not last until its reset at this rate: cheap work only
    ROUTE_STATE_PROBING,  // may be back; one request at a time until one succeeds
    ROUTE_STATE_WAITING,  // a short window is full or a retry-after runs: back at ready_ms
    ROUTE_STATE_SPENT     // a long window is, or soon would be, full: take another until ready_ms
};
const char *route_state_name(enum route_state state);

struct route_standing {
    enum route_state state;
    bool usable;      // a request may be sent now
    bool guessed;     // nobody said how long it will be: ready_ms is our own backing off
    int64_t ready_ms; // when it may be again; 0 while usable, -1 when not known
    double headroom;  // share left in the tightest window, 0..1; 1 when nothing is known
    int64_t
        exhausts_ms; // forecast for the window that goes first; -1 when none goes before its reset
    char window[ROUTE_WINDOW_NAME_BYTES_MAX]; // the one that decides; "" when none does
    enum route_breaker_state breaker;
};

struct route_ledger;

int route_ledger_new(struct route_ledger **ret, struct err *err); // ERR_NOMEM
void route_ledger_free(struct route_ledger *l);                   // accepts NULL

enum route_unit {
    ROUTE_UNIT_REQUESTS,
    ROUTE_UNIT_TOKENS, // in and out
    ROUTE_UNIT_TOKENS_IN,
    ROUTE_UNIT_TOKENS_OUT,
    ROUTE_UNIT_SHARE // limit is 1
};
// A window that no header tells of: `limit` units in `length_ms` from the first request on, counted
// by ourselves. 0; ERR_INVAL for a name, limit or length that cannot be; ERR_LIMIT: no room.
int route_ledger_declare(struct route_ledger *l, const char *account, const char *window,
                         enum route_unit unit, double limit, int64_t length_ms, struct err *err);

// How an account stands for one more request of `expected` size on `model`. Never fails: an unknown
// account is OK.
void route_ledger_standing(struct route_ledger *l, const char *account, const char *model,
                           const struct route_spend *expected, int64_t now_ms,
                           struct route_standing *ret);

// Before a request is sent. Gives a ticket (not 0) to end it with. ERR_INVAL: names; ERR_BUSY: too
// many under way or too many accounts.
int route_ledger_begin(struct route_ledger *l, const char *account, const char *model,
                       const struct route_spend *expected, int64_t now_ms, uint64_t *ret_ticket,
                       struct err *err);
// After its end: what it used, what the answer said (finished limits; may be NULL when there was no
// answer) and how it failed. An unknown ticket is ignored.
void route_ledger_end(struct route_ledger *l, uint64_t ticket, const struct route_spend *used,
                      const struct route_limits *limits, enum route_fault fault, int64_t now_ms);
// Cancelled by us before anything was answered: what it may have used is not known and not counted.
void route_ledger_cancel(struct route_ledger *l, uint64_t ticket, int64_t now_ms);

// The user changed something about an account (its key, its place): what failures said of it is
// forgotten; its windows stay.
void route_ledger_forgive(struct route_ledger *l, const char *account);

// --- keeping it over restarts --------------------------------------------------------------------
enum route_row_kind { ROUTE_ROW_WINDOW, ROUTE_ROW_ACCOUNT, ROUTE_ROW_BREAKER };
// One row of the table it is kept in; (kind, account, name) is its key.
struct route_row {
    enum route_row_kind kind;
    char account[ROUTE_NAME_BYTES_MAX];
    char name[ROUTE_NAME_BYTES_MAX]; // window or model; "" for an account
    enum route_unit unit;
    bool declared, rejected;
    double limit, used, rate, other_rate, per_usd, step, mean, deviation;
    int64_t reset_ms, length_ms, read_ms, until_ms, backoff_ms;
    int64_t failures;
};
// The rows in a fixed order: start with *cursor = 0; false when there are no more.
bool route_ledger_row(const struct route_ledger *l, size_t *cursor, struct route_row *ret);
// Takes a row back. ERR_INVAL: figures or names that no ledger wrote (the row is left out, nothing
// else changes); ERR_LIMIT: no room.
int route_ledger_restore(struct route_ledger *l, const struct route_row *row, struct err *err);
// Counts changes; equal numbers mean that nothing has to be written.
uint64_t route_ledger_changes(const struct route_ledger *l);
// All rows as bytes, with version and checksum. ERR_NOMEM.
int route_ledger_write(const struct route_ledger *l, struct buf *out, struct err *err);
// Takes them back, rows that cannot be left out. ERR_CORRUPT, ERR_VERSION.
int route_ledger_read(struct route_ledger *l, const void *bytes, size_t n, struct err *err);
