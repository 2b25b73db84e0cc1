// What server/models*.c share. Main loop, except what is said to run on a worker.
#pragma once

#include "core/route/route_catalogue.h"
#include "core/route/route_ledger.h"
#include "core/store/backends.h"
#include "core/store/consent.h"
#include "server/models.h"
#include "server/models_body.h"

enum {
    MODEL_PLANS_MAX = 16,
    MODEL_PLAN_MS = 5000, // then settings and budgets are looked at again
    MODEL_SESSIONS_MAX = 256,
    MODEL_SETTLE_MAX = 1024, // ends that wait to be written
    MODEL_SETTLE_MS = 200,   // … so long, to be written together
    MODEL_LEASES_MAX = 32,
    MODEL_INLINE_BYTES_MAX = 512 * 1024, // bodies up to here are looked at on the loop
    MODEL_RETRIES_MAX = 2,               // of one backend, when there is no other
    MODEL_WAIT_MS_MAX = 20 * 1000        // a retry-after that is waited for
};

// --- models_plan.c: where a workspace's text may go
struct model_offer {
    const struct backend *backend;
    struct consent_pass pass;
    bool local;
    char *key; // secret_alloc; NULL none
};
struct model_plan { // built on a worker, then constant
    unsigned refs;  // main loop
    char *workspace;
    int64_t made_ms;
    const char *spent; // "day" or "month" whose budget is; NULL none
    struct backend_list backends;
    struct model_offer *offers;
    size_t count;
    char why[400]; // when count is 0
};
// On a worker. `keys` as model_ask has them.
int model_plan_new(struct services *services, const char *workspace, const struct model_keys *keys,
                   struct model_plan **ret, struct err *err);
// secret_alloc memory, or NULL when the backend takes no key. ERR_NOT_FOUND: there should be one
// and is none. On a worker.
int model_find_key(struct store *s, const struct backend *b, const struct model_keys *keys,
                   char **ret, struct err *err);
void model_plan_unref(struct model_plan *p); // accepts NULL
bool model_plan_stands(struct store *s, const struct model_plan *p, int64_t now_ms);

// --- what the conversations were answered by
struct model_session {
    uint64_t conversation;
    char backend[BACKEND_NAME_BYTES_MAX + 1];
    int64_t used_ms;
};

// Traffic of one workspace to one backend for one purpose (models_lease.c).
struct model_lease {
    char backend[BACKEND_NAME_BYTES_MAX + 1], purpose[32];
    char *workspace;             // NULL none
    int64_t used_ms, second_ms;  // the last request; when in_second began to count
    unsigned in_second, open;    // open: requests on their way
    int64_t seq, left, until_ms; // of the entry on disk (0: there is none); bytes left of it
    int64_t requests, out, in;   // under it
};

struct model_end {     // of attempts, on its way into the store
    int64_t audit_seq; // 0: the audit has it otherwise
    int64_t at_ms, bytes_out, bytes_in, cost;
    int64_t requests, failed; // 0 requests: nothing to count
    bool ok, cancelled, leased;
    char backend[BACKEND_NAME_BYTES_MAX + 1], model[MODEL_NAME_BYTES_MAX + 1];
    char purpose[32], agent[32], session[64];
    char *workspace; // NULL none
    struct wire_usage usage;
};

struct models {
    struct loop *loop;
    struct pool *pool;
    struct services *services;
    struct http_client *http; // made when first needed
    struct route_ledger *ledger;
    struct route_catalogue *catalogue;
    struct model_plan *plans[MODEL_PLANS_MAX];
    size_t next_plan;
    struct model_session sessions[MODEL_SESSIONS_MAX];
    struct model_run *runs;
    size_t run_count, body_bytes;
    struct model_end *ends; // MODEL_SETTLE_MAX
    size_t end_count;
    struct model_lease leases[MODEL_LEASES_MAX];
    struct env_timer *settle_timer;
    bool settling, stopped;
};

struct model_run {
    struct model_run *prev, *next;
    struct models *m;
    struct model_events events;
    void *ctx;
    bool in_job;     // a worker has it: freed when that is done
    bool body_ready; // run->out is made
    bool cancelled;  // by the one who asked
    bool over;       // done is being told
    struct job *job;
    struct env_timer *timer;

    // what was asked
    enum wire_family family;
    struct buf body;
    struct model_body read;
    bool gated;
    char *workspace, *query; // NULL none
    char purpose[32], agent[32], session[64];
    const struct model_keys *keys;
    struct model_keys own_keys;
    struct http_header forward[MODEL_FORWARD_MAX]; // owned
    size_t forward_count;

    // how it goes
    struct model_plan *plan;
    bool replanned, stripped;
    uint64_t tried; // offers, by their place
    size_t offer;   // the present one
    unsigned attempts, retries;
    char model[MODEL_NAME_BYTES_MAX + 1]; // as the present one is asked for
    struct err error;                     // of a job
    enum route_fault error_fault;         // … and what it means
    struct buf out;                       // the body that leaves
    size_t out_bytes;
    int64_t audit_seq;
    struct model_lease *lease; // it left under; NULL: its own entry
    int64_t lease_bytes;       // wanted from the preparing worker
    uint64_t ticket;           // of the ledger, 0 none
    struct http_call *call;
    struct wire_reader *reader;
    struct wire_writer *writer; // between families only
    struct route_limits limits;
    struct buf headers; // for the client: name NUL value NUL …
    int status;
    struct buf held; // before the first content, or an error's body
    int64_t bytes_in;
    bool stream, content; // the answer is one; it has content
    bool begun, ended;    // content was handed on; WIRE_STOP has come
    bool paused;
    unsigned busy; // inside of a callback: buried afterwards
    struct wire_usage usage;
    char fault_text[300]; // of an error within the stream
    enum route_fault fault;
};

// models_choose.c
const char *model_account_of(const struct backend *b); // whose quota it uses
struct route_spend model_spend_of(size_t body_bytes);  // a guess, before it is sent
// The next offer to try, in run->offer and run->model. false: none is left.
bool model_choose(struct model_run *run);
void model_remember(struct model_run *run); // it answered
struct model_session *model_session_of(struct models *m, uint64_t conversation, bool make);

// models_prepare.c
// Gate and body; any thread. run->error tells how it went.
void model_prepare_body(struct model_run *run);
// On a worker: audit, for many when run->lease_bytes says so; refused ones, too.
void model_prepare_audit(struct model_run *run);

// models_lease.c
struct model_lease *model_lease_of(struct model_run *run, const struct backend *b);
bool model_lease_take(struct model_run *run, struct model_lease *l, int64_t now_ms);
int64_t model_lease_wanted(const struct model_lease *l);
void model_lease_begin(struct model_run *run, struct model_lease *l, int64_t now_ms);
void model_lease_end(struct model_run *run, int64_t now_ms);
void model_leases_tick(struct models *m, bool all); // ends what is over
void model_leases_done(struct models *m);

// models_attempt.c
void model_send(struct model_run *run);                                  // what was prepared
void model_attempt_over(struct model_run *run, bool ok, bool cancelled); // frees what it used
// Calls events.done and frees.
void model_finish(struct model_run *run, enum route_fault fault, const char *message);

// models_price.c
// Millionths of a dollar that a request cost, by the price of the backend's model.
int64_t model_cost(const struct route_catalogue *c, const struct backend *b, const char *name,
                   bool local, const struct wire_usage *u);

// models_settle.c
void model_settle(struct model_run *run, bool ok, bool cancelled);
void model_settle_lease(struct models *m, const struct model_lease *l);
void model_settle_rest(struct models *m); // without the pool, which is gone

// models.c
void model_next(struct model_run *run, enum route_fault fault, const char *message); // or finishes
void model_bury(struct model_run *run);                                              // frees
int64_t model_now_ms(void);
