// The one call through which every face (MCP, CLI, later LSP, ACP, A2A, peers) reaches
// capabilities. A capability is a row: name, fields in, fields out, run. run() works on a pool
// worker and may block on the store; its answer is delivered on the main loop. Main loop only,
// except where said.
#pragma once

#include "core/base/buf.h"
#include "core/base/conf.h"
#include "core/base/err.h"
#include "core/base/fields.h"
#include "core/loop/pool.h"
#include "core/store/store.h"

#include <jansson.h>

struct call;
struct fed;
struct gateway;
struct model_whys;
struct workspaces;

enum capability_flags {
    CAP_READ_ONLY = 1,
    CAP_DESTRUCTIVE = 2,
    CAP_IDEMPOTENT = 4,
    CAP_TOOL = 8,      // published as an MCP tool
    CAP_CLI_ONLY = 16, // refused to every face but the CLI (keys, export, erase everything)
    CAP_LOCAL = 32,    // needs no store
    CAP_LONG =
        64 // may take seconds: background priority, progress expected, may become an MCP task
};

struct caller {            // who asks; strings live until the answer
    const char *face;      // "mcp", "cli"
    char session[33];      // hex
    uint64_t seq;          // of the request; 0 = not repeatable
    const char *client;    // name the client gave itself, "" unknown
    const char *workspace; // absolute path or NULL
};

struct answer {
    json_t *structured;  // object following the capability's output fields; owned
    struct buf json;     // … or the same as text, when call->as_text
    struct buf rendered; // what dispatch_request.render made of it
    struct buf text;     // the same facts for people and models
    json_t *ask; // not NULL: run again with `confirmed` after the user agrees: {"message": "..."},
                 // and maybe "about": what is to know about agreeing (else: it cannot be undone),
                 // "instead": what to run in a terminal where nobody can be asked, when a client's
                 // word is not enough; owned
    json_t *changed;   // array of resource URIs that changed; owned, may be NULL
    bool list_changed; // resources were added or removed
};
void answer_done(struct answer *a);

struct services { // what a capability may use; filled by the engine, read-only after start
    struct store *(*store)(
        struct services *s,
        struct err *err); // any thread; waits for the opening; NULL + err when failed
    struct conf *conf;
    const struct dirs *dirs;
    json_t *(*status)(struct services *s); // any thread: engine's figures as a new object
    int (*repair)(struct services *s,
                  struct err *err); // any thread: opens what is left of the store
    struct workspaces *workspaces;  // open folders with their indexes; any thread
    struct gateway *gateway;        // server/gateway.h; what it says about threads
    struct model_whys *whys;        // server/models_why.h; any thread
    struct fed *fed;                // server/fed.h; any thread
    // Any thread: runs once on a worker, soon; `ended`: the engine ends, only free what it has.
    // ERR_BUSY, ERR_CLOSED: it will not run.
    int (*work)(struct services *s, void (*run)(void *ctx, bool ended), void *ctx);
    // The same at background priority: behind all that a user waits for.
    int (*work_behind)(struct services *s, void (*run)(void *ctx, bool ended), void *ctx);
    void (*reload)(struct services *s); // any thread: reads the settings again, soon
    void *engine;
};

// How a run() goes on that has to wait for what only the loop can do (a model's answer): it sets
// `pause` and returns CALL_WAIT, and its worker is free. begin() starts it on the loop; after
// call_resume() run() is called again, on a worker, with the same call.
enum { CALL_WAIT = 1 };
struct call_pause {
    void *state;                                   // the capability's own
    void (*begin)(void *state, struct call *call); // may resume within
    void (*stop)(void *state);                     // nobody waits any more: resume no more
    void (*drop)(void *state);                     // frees it, at the end, on the loop
};

struct call { // handed to run(); lives until run returns, or as long as it waits
    struct services *services;
    const struct caller *caller;
    const struct capability *capability; // the row that runs
    json_t *arguments;                   // as they came; borrowed
    struct job *job;                     // job_cancelled(call->job)
    bool confirmed;                      // the user has agreed to what `ask` said
    bool as_text;       // the structure is wanted as text: answer->json may hold it
    int64_t now_ms;     // wall clock at dispatch
    void *progress_ctx; // for call_progress
    struct call_pause pause;
};
// From run(): at most ten a second reach the client. total < 0: unknown.
void call_progress(struct call *c, double done, double total, const char *message);

// On the loop, while the call waits: a piece of the answer as it comes, none is left out.
void call_say(struct call *c, const char *text, size_t n);
void call_resume(struct call *c);           // on the loop, once for each CALL_WAIT
struct env *call_env(const struct call *c); // the loop's

typedef int capability_fn(struct call *call, const void *input, struct answer *answer,
                          struct err *err);

struct capability {
    const char *name; // MCP tool name, CLI verb
    const char *title;
    const char *description; // for a model: what, when to use, what comes back
    const char *search_hint; // words a client's tool search should match
    unsigned flags;
    const struct field *input;
    size_t input_size;
    const struct field *output;
    capability_fn *run;
    const char *example;  // valid arguments, for faces to show with a refusal; may be NULL
    const char *operand;  // field that bare words of a command line fill; NULL: none
    uint64_t deadline_ms; // when the caller names none; 0 = DISPATCH_DEADLINE_MS
};
extern const struct capability capabilities_memory[]; // server/cap_memory.c; ends with name == NULL
extern const struct capability capabilities_admin[];  // server/cap_admin.c
extern const struct capability capabilities_models[]; // server/cap_models.c
extern const struct capability capabilities_gateway[];    // server/cap_gateway.c
extern const struct capability capabilities_chat[];       // server/cap_models_chat.c
extern const struct capability capabilities_federation[]; // server/cap_fed.c
extern const struct capability capabilities_pair[];       // server/cap_pair.c
extern const struct capability capabilities_tasks[];      // server/cap_fed_tasks.c
extern const struct capability capabilities_share[];      // server/cap_share.c
extern const struct capability capabilities_mcp[];        // server/mcp_caps.c: behind MCP resources
extern const struct capability capabilities_acp[];        // server/acp_caps.c: behind ACP turns
// What the agents can do, and the MCP tools over it, from their tables (server/cap_agents.c). Made
// at the first call, constant afterwards.
const struct capability *capabilities_agents(void);

struct dispatch;
struct dispatch_config {
    struct loop *loop;
    struct pool *pool;
    struct services *services;
    const struct capability *const *tables; // NULL-terminated list of tables
    void (*changed)(void *ctx, json_t *uris,
                    bool list_changed); // after a successful write; borrowed
    void *ctx;
};
enum { DISPATCH_DEADLINE_MS = 60 * 1000, DISPATCH_GRACE_MS = 250 };

int dispatch_new(const struct dispatch_config *config, struct dispatch **ret, struct err *err);
// Cancels what is open; its `done` still comes, at the latest from pool_free. Before or after that.
void dispatch_free(struct dispatch *d);
const struct capability *dispatch_find(const struct dispatch *d, const char *name); // NULL unknown
const struct capability *dispatch_at(const struct dispatch *d,
                                     size_t i); // in table order; NULL past the end

struct dispatch_request {
    const char *capability;
    json_t *arguments;    // object or NULL (= {}); kept by reference, not to be changed meanwhile
    struct caller caller; // copied
    uint64_t deadline_ms; // 0 = the capability's, or 60 s. Then the job is cancelled; one that does
                          // not stop within DISPATCH_GRACE_MS is answered for (ERR_TIMEOUT), and
                          // left to itself
    bool confirmed;
    // On the WORKER, after run() succeeded and asked nothing: makes answer->rendered, so that the
    // loop has only to send it. May be NULL; then the structure comes as a tree.
    void (*render)(struct answer *answer);
    void (*progress)(void *ctx, double done, double total,
                     const char *message);               // on the loop; may be NULL
    void (*said)(void *ctx, const char *text, size_t n); // likewise: the answer as it is made
    // Exactly once, on the loop. r < 0: err says why (ERR_INVAL: arguments; ERR_NOT_FOUND: no such
    // capability only when dispatch_call itself returned it). The answer is borrowed.
    void (*done)(void *ctx, int r, struct answer *answer, const struct err *err);
    void *ctx;
};
// Handle > 0, or at once: ERR_NOT_FOUND (unknown), ERR_INVAL (arguments, with path), ERR_PERM (CLI
// only), ERR_BUSY, ERR_NOMEM.
int64_t dispatch_call(struct dispatch *d, const struct dispatch_request *req, struct err *err);
// done is called with ERR_CANCELLED, later, unless the call is over by then. Unknown handles are
// ignored.
void dispatch_cancel(struct dispatch *d, int64_t handle);
