// Requests to model backends, whoever asks (gateway, agents, ghost text): a backend that the user
// lets this workspace's text go to is chosen, the secret gate looks at the body, an audit entry is
// committed, then bytes leave; when a backend fails before the first byte of content has been
// handed on, another takes over. Main loop only. docs/decisions/0006.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/loop/loop.h"
#include "core/loop/pool.h"
#include "core/models/http_client.h"
#include "core/models/wire.h"
#include "core/route/route_limits.h"
#include "server/dispatch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_RUNS_MAX = 128,               // at once
    MODEL_BODIES_BYTES_MAX = 256 << 20, // of all that run
    MODEL_ANSWER_BYTES_MAX = 32 << 20,  // of an answer that is no stream
    MODEL_MARK_BYTES_MAX = 24,
    MODEL_FORWARD_MAX = 8 // headers of the client's that go along
};

// The id of an answer that came by a fill-in-the-middle API: its text is what belongs there, to the
// letter.
#define MODEL_FILLED_ID "fim_paired"

struct models;
int models_new(struct loop *l, struct pool *pool, struct services *services, struct models **ret,
               struct err *err);
// Cancels what runs without telling. Before the pool; what the pool still does for it is waited for
// there, so the memory goes with models_done().
void models_stop(struct models *m);
void models_done(struct models *m); // after the pool; accepts NULL
size_t models_running(const struct models *m);
bool models_keep_answers(const struct models *m); // models.cache is on

// Values of variables that backends' keys are named by, as the one who asks has them.
struct model_key {
    char name[65];
    char *value; // secret_alloc
};
struct model_keys {
    struct model_key items[16];
    size_t count;
};
void model_keys_done(struct model_keys *k);

enum model_cache {     // of answers (models.cache), where it is on
    MODEL_CACHE_USUAL, // for requests that ask for temperature 0
    MODEL_CACHE_NO,    // not for this one
    MODEL_CACHE_USE    // for this one, whatever its temperature
};
// A task whose answers are checked, and go to another model when they fail (server/team_patch.c).
enum { MODEL_STAGES_MAX = 4 };
struct model_cascade {
    unsigned stage;          // from 1; 0: it is none
    double accepts, rejects; // of the checks together
    uint32_t arm;            // that has answered in this stage already, 0 none: it goes on
    uint32_t failed[MODEL_STAGES_MAX];
    size_t failed_count;
};
struct model_ask {
    enum model_cache cache;
    enum wire_family family; // of the body, and of the answer
    // A place in code (core/models/wire_fim.h) stands in the last message, marked by this: a
    // backend that has an API for such is asked by it. NULL: no such; at most MODEL_MARK_BYTES_MAX
    // bytes.
    const char *mark;
    struct buf body;                               // taken when models_ask succeeds
    const char *query;                             // of the client's URL, NULL none
    const char *workspace;                         // absolute path; NULL: none is known
    const char *purpose;                           // "gateway", "ask" …: for the audit
    const char *agent;                             // who asks, for the figures
    const char *session;                           // one conversation, "" unknown
    const struct model_keys *keys;                 // lives until `done`; NULL none
    bool copy_keys;                                // … or is copied
    struct http_header forward[MODEL_FORWARD_MAX]; // copied
    size_t forward_count;
    struct model_cascade cascade;
};

struct model_result {
    bool whole;
    bool begun;             // the answer had begun: its end is cut
    enum route_fault fault; // why not whole
    int status;             // for a client: what a backend would have said
    char message[400];      // what went wrong and what to do
    int64_t retry_after_ms; // -1 not known
    const char *body;       // the backend's own error, when it is of the client's family; or NULL
    size_t body_bytes;
    const char *backend, *model; // who answered, "" nobody
    struct wire_usage usage;
    int64_t cost; // of it, in millionths of a dollar; 0 also when no price is known
    unsigned attempts;
    char route[32]; // id of the router's choice (server/models_why.h), "" none
};
struct model_events {
    // The answer begins: stream or one document; headers that may go to the client.
    void (*begin)(void *ctx, bool stream, const struct http_header *headers, size_t n);
    int (*bytes)(void *ctx, const char *bytes, size_t n);       // 1: pause until model_resume
    void (*done)(void *ctx, const struct model_result *result); // the last call
};

struct model_run;
// No callback within the call. ERR_INVAL: not a request; ERR_BUSY; ERR_NOMEM.
int models_ask(struct models *m, struct model_ask *ask, const struct model_events *events,
               void *ctx, struct model_run **ret, struct err *err);
void model_cancel(struct model_run *run); // no more callbacks; the pointer is gone
void model_resume(struct model_run *run);
