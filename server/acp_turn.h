// Inside of a turn: what server/acp_{turn,steps,ask,texts,fix,wait,keep}.c share. A turn waits for
// one thing at a time, a capability on a worker or an answer of the client; while it waits it may
// be cancelled, and then lives on, mute, until the worker has let go of it. Main loop only.
#pragma once

#include "server/acp_face.h"

enum {
    ACP_PARTS_PER_PROMPT = 1 << 16, // origins of writes that one prompt can have
    ACP_PARTS_PER_STEP = 16,
    ACP_READ_MS = 5 * 1000,        // for the client to give a text
    ACP_PEOPLE_MS = 10 * 60 * 1000 // for a person's answer
};

struct acp_turn;
struct acp_asked;

typedef void acp_done_fn(struct acp_turn *t, int r, struct answer *answer, const struct err *err);
// result NULL: `why` says why there is none.
typedef void acp_answered_fn(struct acp_turn *t, const json_t *result, const char *why);
typedef void acp_then_fn(struct acp_turn *t);

struct acp_turn {
    struct acp_chat *chat; // NULL: it is over
    struct dispatch *dispatch;
    struct rpc_request *req;
    uint64_t seq; // of the prompt: the same at each replay
    struct acp_prompt prompt;
    struct acp_step steps[ACP_STEPS_MAX];
    size_t count, at;

    int64_t handle; // of dispatch; 0: nothing runs
    acp_done_fn *done;
    struct acp_asked *asked; // NULL: the client is asked nothing
    acp_answered_fn *answered;

    struct buf unkept; // what was said since the conversation was last kept
    size_t kept_steps; // whose calls have been kept
    acp_then_fn *then; // after it has been

    struct acp_texts {
        char *paths[ACP_PATHS_MAX]; // below the root; owned
        size_t count, at;
        bool held[ACP_PATHS_MAX]; // the editor's text stands for the one on disk
        json_t *got;              // [{"path", "text"}]
    } texts;
    struct {
        json_t *made; // answer of acp.repair
        bool again;   // looking whether the text is still what it was
    } fix;
    struct {
        struct env_timer *timer;
        uint64_t look_ns, end_ns;
        int64_t state;       // of the workspace when it was looked at
        bool known, changed; // since the first look
    } wait;
    unsigned part; // of origins
    size_t from;   // of the prompt's text: where a question begins
    bool by_model; // the step is a question that a model may answer: it is said as it comes
};

// --- waiting (acp_turn.c)
// Runs a capability; done gets its answer unless the turn is over by then. Negative: not started.
int acp_turn_run(struct acp_turn *t, const char *capability, json_t *arguments, acp_done_fn *done,
                 struct err *err);
// Asks the client; params are stolen.
void acp_turn_ask(struct acp_turn *t, const char *method, json_t *params, uint64_t deadline_ms,
                  acp_answered_fn *answered);
void acp_turn_finish(struct acp_turn *t, const char *reason); // answers the prompt; t may be gone
// Says it in the chat, and remembers it for the conversation.
void acp_turn_say(struct acp_turn *t, const char *text, size_t n);

// --- steps (acp_steps.c)
enum { ACP_CALL_BYTES = 48 };
void acp_steps_plan(struct acp_turn *t);  // from what the prompt asks
void acp_steps_begin(struct acp_turn *t); // the first one that has not been answered
void acp_step_end(struct acp_turn *t);    // the present one is answered: keep it, go on
void acp_call_id(const struct acp_turn *t, char ret[ACP_CALL_BYTES]);
// The present step could not be: said, and the turn goes on.
void acp_step_failed(struct acp_turn *t, const char *why);
// What an answer says, as markdown.
void acp_step_say(struct acp_turn *t, const struct answer *answer);

// --- permission (acp_ask.c)
// Does this step keep something?
bool acp_step_writes(const struct acp_step *s);
// `then` if the user agrees, or has for always; else the step fails, saying so.
void acp_permit(struct acp_turn *t, acp_then_fn *then);

// --- texts of the editor (acp_texts.c)
// Reads the files that the turn is about as the editor has them; `then` in any case.
void acp_texts_read(struct acp_turn *t, acp_then_fn *then);
void acp_texts_release(struct acp_turn *t); // the files on disk stand for themselves again

// --- repairs (acp_fix.c)
bool acp_is_fix(const struct acp_step *s);
void acp_fix_run(struct acp_turn *t);

// --- waiting for a change (acp_wait.c)
bool acp_is_wait(const struct acp_step *s);
void acp_wait_run(struct acp_turn *t);
void acp_wait_stop(struct acp_turn *t);

// --- the conversation in the store (acp_keep.c)
void acp_keep(struct acp_turn *t, acp_then_fn *then); // what is unkept; then in any case
void acp_keep_unheard(struct acp_turn *t);            // the same; nobody waits for it
