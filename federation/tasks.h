// Tasks between friends: an agent of ours asked by a friend, an agent of a friend's asked by us.
// Values are those of A2A 1.0 (protocol/a2a.h); methods `task.*` on the node. Both sides of it:
// what was asked of others goes on over lost links and is fetched when the friend is there again;
// what others ask passes grant, policy, quota and a bounded queue before anything runs.
//
// What arrives is foreign: it is handed to the runner as JSON and never executed or written here.
// Results are signed by the device that served them and verified before anybody sees them.
// One owner thread (the node's); time and chance are its env's. docs/FEDERATION.md, Tasks.
#pragma once

#include "core/base/env.h"
#include "federation/node.h"
#include "protocol/a2a.h"

enum {
    TASKS_ID_BYTES = 32,                 // ours: hexadecimal; others': A2A_ID_BYTES_MAX
    TASKS_AGENT_BYTES_MAX = 32,          // also of a skill
    TASKS_TEXT_BYTES_MAX = 400,          // what a state says
    TASKS_INPUT_BYTES_MAX = 900 * 1024,  // a request, as canonical JSON
    TASKS_RESULT_BYTES_MAX = 512 * 1024, // an answer, likewise
    TASKS_SERVED_MAX = 256,              // under way, of all friends
    TASKS_BYTES_MAX = 64 * 1024 * 1024,  // of all requests and answers
    TASKS_FRIEND_MAX = 16,               // under way, of one friend
    TASKS_RUNNING_MAX = 2,               // at a time; the others wait
    TASKS_KEPT_MAX = 128,                // ended, to be fetched
    TASKS_KEPT_FRIEND_MAX = 16,
    TASKS_KEPT_MS = 24 * 3600 * 1000,
    TASKS_ASKED_MAX = 128, // of ours, ended ones too: the oldest go
    TASKS_ACCOUNTS_MAX = 1024,
    TASKS_REQUESTS_DAY = 200, // of a friend, when its policy names none
    TASKS_CPU_S_DAY = 600,
    TASKS_CALL_MS = 15 * 1000,
    TASKS_RETRY_MS = 5 * 1000, // when the friend's queue is full, or a call got no answer
    TASKS_TICK_MS = 1000,
    TASKS_PROGRESS_MS = 500, // between two reports of progress
    TASKS_DEADLINE_MS = 3600 * 1000,
    TASKS_DEADLINE_MS_MAX = 24 * 3600 * 1000,
    TASKS_CARDS_BYTES_MAX = 256 * 1024
};

enum tasks_mode { TASKS_ASK, TASKS_ALWAYS, TASKS_NEVER, TASKS_QUOTA, TASKS_MODES };
const char *tasks_mode_name(enum tasks_mode m); // "ask" …
struct tasks_policy {
    enum tasks_mode mode;
    uint32_t requests_day, cpu_s_day; // 0: the defaults above. They bound every mode
};

// A task as it is now; borrowed during the call.
struct tasks_view {
    bool ours; // asked by us; else served here
    const char *id, *agent, *skill;
    const uint8_t *device, *identity; // the friend's
    enum a2a_state state;
    const char *text;            // what the state says: why, what is missing, how far
    double done, total;          // of WORKING; total 0: unknown
    int64_t made_ms, changed_ms; // wall
    size_t bytes;                // of the request
    bool sent;                   // ours: the friend has it
    const json_t *message;       // the request; NULL once it has ended
    const json_t *result;        // ours: the whole task, verified; NULL before the end
};
struct tasks_job { // what the runner gets; borrowed during start()
    uint64_t number;
    const char *id, *agent, *skill;
    const uint8_t *device, *identity;
    const json_t *message; // a2a message
    uint64_t deadline_ms;  // from now
};
struct tasks_outcome {
    enum a2a_state state; // COMPLETED, FAILED, INPUT_REQUIRED
    const char *text;     // may be NULL
    json_t *artifacts;    // array of A2A artifacts; stolen; may be NULL
    uint64_t cpu_ms;
};
// A line of what is kept over a restart; nothing of what was sent or answered.
struct tasks_row {
    bool ours;
    char id[A2A_ID_BYTES_MAX + 1];
    uint8_t device[32], identity[32], request[32];
    char agent[TASKS_AGENT_BYTES_MAX + 1], skill[TASKS_AGENT_BYTES_MAX + 1];
    enum a2a_state state;
    char text[TASKS_TEXT_BYTES_MAX + 1];
    int64_t made_ms, changed_ms;
    bool cancel; // ours: the friend is to be told that nobody waits for it
};
struct tasks_usage {
    uint8_t identity[32];
    int64_t day; // since 1970, UTC
    uint32_t requests;
    uint64_t cpu_ms;
};

// What tasks need of the engine. On the owner's thread; none may call back into tasks, but for
// `start`, which may end its job within.
struct tasks_ops {
    bool (*friend_of)(void *ctx, const uint8_t device[32], uint8_t ret_identity[32]);
    // Does a grant "task" stand? 0, ERR_PERM; ERR_BUSY: not known now, tasks_rules_changed follows.
    int (*granted)(void *ctx, const uint8_t identity[32], bool out, struct err *err);
    void (*policy)(void *ctx, const uint8_t identity[32], const char *agent,
                   struct tasks_policy *ret);
    json_t *(*cards)(void *ctx); // signed; a new array; NULL: no memory
    bool (*serves)(void *ctx, const char *agent, const char *skill);       // is there such a one
    int (*start)(void *ctx, const struct tasks_job *job, struct err *err); // then tasks_done
    void (*stop)(void *ctx, uint64_t number); // a wish; tasks_done still comes
    // Right before the bytes leave: the last look at the grant, and the audit's entry. 0 or why
    // not.
    int (*leaving)(void *ctx, const struct tasks_view *v, struct err *err);
    void (*changed)(void *ctx, const struct tasks_view *v);
    // What survives a restart. All four may be NULL: nothing does. Failures are theirs to report.
    void (*keep)(void *ctx, const struct tasks_row *row);
    void (*forget)(void *ctx, bool ours, const char *id, const uint8_t device[32]);
    void (*keep_usage)(void *ctx, const struct tasks_usage *usage);
    int (*restore)(void *ctx, int (*row)(void *arg, const struct tasks_row *r),
                   int (*usage)(void *arg, const struct tasks_usage *u), void *arg);
};
struct tasks;
struct tasks_config {
    struct env *env;
    uint8_t device[32]; // ours
    jws_sign_fn *sign;  // with its key
    void *sign_ctx;
    const struct tasks_ops *ops;
    void *ctx;
};
// What was under way when the engine ended has failed, on both sides, and says so.
int tasks_new(const struct tasks_config *config, struct tasks **ret, struct err *err);
void tasks_free(struct tasks *t); // after node_stop. Accepts NULL
struct node_service tasks_service(struct tasks *t);
void tasks_attach(struct tasks *t, struct node *node); // when the node has started; NULL: it ends

// --- asking
struct tasks_ask {
    const uint8_t *device; // the friend's
    const char *agent, *skill;
    json_t *parts;        // of the message: array; stolen, also on failure
    json_t *arguments;    // of the skill: object; stolen, also on failure; may be NULL
    uint64_t deadline_ms; // 0: TASKS_DEADLINE_MS
};
// Sent at once, or when the friend is there. ERR_PERM: no grant; ERR_NOT_FOUND: no such friend;
// ERR_LIMIT: too large; ERR_BUSY: too many under way; ERR_NOMEM.
int tasks_ask(struct tasks *t, const struct tasks_ask *ask, char ret_id[TASKS_ID_BYTES + 1],
              struct err *err);
// To a task that is INPUT_REQUIRED: what was missing. ERR_NOT_FOUND, ERR_INVAL (another state).
int tasks_reply(struct tasks *t, const char *id, json_t *parts, struct err *err);
// The friend's cards, verified: `fn` runs once, borrowed; NULL: why says. ERR_CLOSED: not there.
typedef void tasks_cards_fn(void *ctx, const json_t *cards, const struct err *why);
int tasks_cards(struct tasks *t, const uint8_t device[32], tasks_cards_fn *fn, void *ctx,
                struct err *err);

// --- serving
int tasks_progress(struct tasks *t, uint64_t number, double done, double total, const char *text);
// Once for each job that `start` took. A number that is over is ignored but for its CPU time.
void tasks_done(struct tasks *t, uint64_t number, const struct tasks_outcome *outcome);
// The user's answer to one that waits for a permission. ERR_NOT_FOUND, ERR_INVAL.
int tasks_decide(struct tasks *t, const char *id, bool allow, struct err *err);

// --- both
// Ours: the friend is told; what it says is the end. Served: it fails. ERR_NOT_FOUND; ERR_INVAL: it
// has ended.
int tasks_cancel(struct tasks *t, const char *id, struct err *err);
// Grants or policies have changed: what they let through no more, ends.
void tasks_rules_changed(struct tasks *t);
typedef int tasks_fn(void *ctx, const struct tasks_view *v); // nonzero stops and is returned
int tasks_each(struct tasks *t, tasks_fn *fn, void *ctx);    // the newest first
struct tasks_stats {
    uint32_t served, waiting, running, kept, asked, accounts;
    uint64_t refused; // by a limit, since the start
    size_t bytes;     // held of requests and answers
};
void tasks_stats(const struct tasks *t, struct tasks_stats *ret);
void tasks_check(const struct tasks *t); // asserts what must hold between two events
