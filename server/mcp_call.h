// One MCP request that takes time: it runs a capability, waits for the user or for a clock, may
// become a task, and ends exactly once. Main loop only.
#pragma once

#include "server/mcp_face.h"

typedef void mcp_call_finish_fn(struct mcp_call *c, int r, struct answer *answer,
                                const struct err *err);
typedef void mcp_call_reply_fn(struct mcp_call *c, const json_t *result, const char *error);
typedef void mcp_call_input_fn(struct mcp_call *c, const json_t *responses);
typedef void mcp_call_tick_fn(struct mcp_call *c);

struct mcp_call {
    struct mcp_face *face; // NULL: the client is gone (only a task lives on)
    struct mcp_shared *shared;
    struct mcp_call *next, **link;
    struct rpc_request *req; // NULL once answered, cancelled or turned into a task
    struct mcp_task *task;
    struct mcp_view view;
    json_t *params;    // kept
    json_t *arguments; // borrowed from params, or NULL
    const char *name;  // of the tool or prompt; borrowed from params
    const struct capability *capability;
    struct session *session; // valid while face is
    struct dispatch *dispatch;
    char *client, *workspace; // outlive the session, like the job that reads them
    char session_id[33];
    uint64_t origin;
    int64_t handle; // of dispatch, 0 none
    struct env *env;
    struct env_timer *timer;
    bool asking; // a request of ours to the client is open
    bool dead;   // has ended; freed as soon as nothing refers to it
    bool confirmed;
    double progress;                       // last one sent
    void (*render)(struct answer *answer); // dispatch_request.render, or NULL
    mcp_call_finish_fn *finish;
    mcp_call_reply_fn *reply;
    mcp_call_input_fn *input;
    mcp_call_tick_fn *tick;
    int step;
    json_t *owned; // arguments made for a capability
    json_t *notes; // what a method keeps between its steps
};

// Takes over `req`. NULL: out of memory, answered.
struct mcp_call *mcp_call_new(struct mcp_face *f, struct rpc_request *req, json_t *params);

// Runs a capability; `finish` gets its answer. `arguments` must live as long as the call.
// Negative: nothing was started.
int mcp_call_dispatch(struct mcp_call *c, const char *capability, json_t *arguments, bool confirmed,
                      mcp_call_finish_fn *finish, struct err *err);
// Legacy only: asks the client (elicitation/create, sampling/createMessage). params stolen.
void mcp_call_ask(struct mcp_call *c, const char *method, json_t *params, mcp_call_reply_fn *reply);
void mcp_call_after(struct mcp_call *c, uint64_t ms, mcp_call_tick_fn *tick);
void mcp_call_progress(struct mcp_call *c, double done, double total, const char *message);
void mcp_call_log(struct mcp_call *c, int level, const char *text);

// Each of these ends the call, which must not be used afterwards.
void mcp_call_result(struct mcp_call *c, json_t *result); // stolen
void mcp_call_raw(struct mcp_call *c, struct buf *text);  // a complete result; a task parses it
void mcp_call_fail(struct mcp_call *c, int code, const char *message, json_t *data);
void mcp_call_cancel(struct mcp_call *c); // no answer
// The client is gone, the task goes on.
void mcp_call_detach(struct mcp_call *c);
// The engine is gone, and with it everything the call waited for.
void mcp_call_abandon(struct mcp_call *c);

// {"content":[{"type":"text","text":…}],"isError":…}; NULL when out of memory.
json_t *mcp_text_result(const char *text, bool is_error);

// --- tasks (mcp_tasks.c)
// ----------------------------------------------------------------------------- The request is
// answered with a task; what ends the call ends the task. ERR_LIMIT, ERR_NOMEM: the call goes on as
// it was.
int mcp_task_start(struct mcp_call *c, struct err *err);
void mcp_task_status(struct mcp_task *t, const char *message);
void mcp_task_end(struct mcp_task *t, json_t *result, json_t *error, bool cancelled); // stolen
// The task waits for the client; `requests` is stolen. c->input is called when all are answered.
void mcp_task_wait(struct mcp_task *t, json_t *requests);
struct mcp_tasks *mcp_tasks_new(void);
void mcp_tasks_free(struct mcp_tasks *t);

// --- fixtures (mcp_fixtures*.c): the official conformance suite's, only with HELLO option
// "fixtures" ---
bool mcp_fixture_tool(struct mcp_call *c);      // true: it is one, and has taken the call
bool mcp_fixture_task_tool(struct mcp_call *c); // same, those of the tasks scenarios
bool mcp_fixture_input_tool(struct mcp_call *c);
bool mcp_fixture_prompt(struct mcp_call *c);
bool mcp_fixture_input_prompt(struct mcp_call *c);
bool mcp_fixture_read(struct mcp_face *f, struct rpc_request *req, enum mcp_era era,
                      const char *uri);
bool mcp_fixture_complete(const struct mcp_complete *m, json_t *values);
int mcp_fixture_put_tools(struct buf *out, bool first, bool extra);
int mcp_fixture_put_input_tools(struct buf *out);
int mcp_fixture_put_task_tools(struct buf *out);
int mcp_fixture_put_tool(struct buf *out, bool first, const char *name, const char *description,
                         const char *schema);
int mcp_fixture_put_prompts(struct buf *out, bool first, bool extra);
int mcp_fixture_put_templates(struct buf *out, bool first);
json_t *mcp_fixture_resources(void);
