// What server/team_*.c share. A worker and the loop have a `struct team` in turn, never at once: it
// is the loop's from CALL_WAIT to call_resume().
#pragma once

#include "core/agents/agents.h"
#include "server/models.h"
#include "server/team.h"
#include "server/team_budget.h"
#include "server/team_cite.h"

enum { TEAM_ID_BYTES = 32, TEAM_NAME_BYTES = 64, TEAM_TOOLS_MAX = 24 };

struct team_tool_call {
    char name[TEAM_NAME_BYTES];
    struct buf input;
};

struct team_reply { // of the model, filled on the loop
    struct wire_reader *reader;
    struct buf text;
    struct team_tool_call calls[TEAM_CALLS_MAX];
    size_t call_count, left_out;
    bool in_call; // the last one's input is on its way
    enum wire_stop stop;
    bool whole, timed_out;
    char message[400]; // why it is not whole
};

struct team_patch; // server/team_patch.c

struct team { // one question
    struct call *call;
    const char *purpose, *asker; // for the audit, and for the figures
    const struct agent *agent;
    struct model_keys keys;

    // the conversation (team_talk.c)
    char id[TEAM_ID_BYTES];
    json_t *talk;
    struct team_seen seen;
    const char *question; // borrowed from the call's arguments
    size_t question_bytes;

    // what it may take, and has
    struct team_budget budget;
    int64_t calls; // of tools
    struct wire_usage usage;
    char backend[65], model[129], route[32];
    struct team_patch *patch; // NULL: words are asked for
    struct model_cascade cascade;
    json_t *tools; // [{"name", "arguments"}], in order
    double ticks;  // of progress
    bool run_over; // a reply is there to be read
    size_t sent;   // bytes of the last body

    // the request on its way (loop)
    struct buf body;
    struct model_run *run;
    struct env_timer *timer;
    struct env *env;
    bool said; // something was said to the client
    struct team_reply reply;
};

// team.c: a new one, empty, that the call waits with. NULL: out of memory.
struct team *team_state(struct call *call, const char *purpose);

// team_tools.c: on a worker
// What the agent may call, as the API of Anthropic has it: always the same text. New.
json_t *team_tools_json(const struct agent *agent);
// Its result, as data, in *ret; *ret_error: it was refused. ERR_NOMEM, ERR_CANCELLED.
int team_tool_run(struct team *t, const char *name, json_t *input, struct buf *ret, bool *ret_error,
                  struct err *err);
// An answer of a capability of the agents, within so many tokens: its text is appended, its places
// count as shown. `arguments` are stolen.
int team_look(struct team *t, const char *capability, json_t *arguments, int tokens,
              struct buf *ret, struct err *err);
void team_put_data(const char *from, const char *text, size_t n, struct buf *out);

// team_talk.c: on a worker
int team_talk_open(struct team *t, struct text session, struct err *err);
int team_talk_question(struct team *t, struct err *err); // with the context that it begins with
// What the model said (text and calls of tools), and what the tools answered. `results` is stolen.
int team_talk_reply(struct team *t, json_t *results, struct err *err);
int team_talk_body(struct team *t, int64_t max_tokens, struct buf *ret, struct err *err);
// Into the store; what goes wrong is no reason to lose the answer.
void team_talk_keep(struct team *t, const char *said, size_t n);

int team_talk_more(struct team *t, const char *text, size_t n, struct err *err); // the user's turn

// team_patch.c: on a worker
enum { TEAM_PATCH_TOKENS = 8000 }; // of an answer
extern const char team_patch_rules[];
int team_patch_new(struct team *t, struct err *err);
void team_patch_free(struct team_patch *p); // accepts NULL
// The reply's patch is judged. 1: another model is to be asked, and the conversation says what
// failed; 0: that is the answer. ERR_CANCELLED, ERR_NOMEM.
int team_patch_judge(struct team *t, struct err *err);
// What was said beside the patch, for its places to be checked.
size_t team_patch_stages(const struct team *t); // models that were asked
const struct buf *team_patch_prose(const struct team *t);
// What the checks said, stage by stage, and the patch, which comes last in an answer.
void team_patch_put(const struct team *t, struct buf *checks, struct buf *patch);
void team_patch_json(const struct team *t, json_t *answer);

// team_wait.c: on the loop
void team_wait_begin(void *state, struct call *call);
void team_wait_stop(void *state);
void team_reply_done(struct team_reply *r);

// cap_agents.c: on a worker; what every row of an agent does
int agents_call(struct call *call, const struct agent_capability *c, json_t *arguments,
                struct report_answer *ret, struct err *err);
void agents_asked(struct call *call, const char *title, const json_t *arguments);
