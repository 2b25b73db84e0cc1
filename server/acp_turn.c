// A turn: the question becomes steps, each step runs on a worker, what it found is said, the prompt
// is answered. Sources: ACP v1 "Prompt Turn", "Cancellation".
#include "core/base/mem.h"
#include "server/acp_face.h"

#include <stdio.h>
#include <string.h>

enum { SAID_BYTES_MAX = 1024 * 1024, MESSAGE_BYTES = 32, CALL_BYTES = 40 };

struct acp_turn {
    struct acp_chat *chat; // NULL: it is over
    struct dispatch *dispatch;
    struct rpc_request *req;
    uint64_t seq; // of the prompt: the same at each replay
    struct acp_prompt prompt;
    struct acp_step steps[ACP_STEPS_MAX];
    size_t count, at;
    int64_t handle; // of dispatch; 0: nothing runs
};

// --- the end -------------------------------------------------------------------------------------

static void maybe_free(struct acp_turn *t) {
    if (t->chat || t->handle)
        return;
    for (size_t i = 0; i < t->count; i++)
        json_decref(t->steps[i].arguments);
    acp_prompt_done(&t->prompt);
    mem_free(t);
}

static struct rpc_request *leave(struct acp_turn *t) {
    struct rpc_request *req = t->req;
    if (t->handle)
        dispatch_cancel(t->dispatch, t->handle);
    t->chat->turn = NULL;
    t->chat = NULL;
    t->req = NULL;
    return req;
}

static void finish(struct acp_turn *t, const char *reason) {
    acp_reply(leave(t), json_pack("{s:s}", "stopReason", reason));
    maybe_free(t);
}

void acp_turn_cancel(struct acp_turn *t) {
    finish(t, "cancelled");
}

void acp_turn_drop(struct acp_turn *t) {
    rpc_drop(leave(t));
    maybe_free(t);
}

static void on_cancelled(void *data) {
    acp_turn_cancel(data);
}

// --- saying --------------------------------------------------------------------------------------

static void message_id(const struct acp_turn *t, char ret[MESSAGE_BYTES]) {
    (void)snprintf(ret, MESSAGE_BYTES, "message-%llu", (unsigned long long)t->seq);
}

static void call_id(const struct acp_turn *t, char ret[CALL_BYTES]) {
    (void)snprintf(ret, CALL_BYTES, "call-%llu-%zu", (unsigned long long)t->seq, t->at);
}

static void say(struct acp_turn *t, const char *text, size_t n) {
    char message[MESSAGE_BYTES];
    message_id(t, message);
    acp_say(t->chat, message, text, n);
}

// An answer as markdown. What is laid out in lines stays so.
static void say_answer(struct acp_turn *t, const struct acp_step *s, const char *text, size_t n) {
    AUTO_BUF said = BUF_INIT(SAID_BYTES_MAX);
    if (t->count > 1)
        (void)buf_printf(&said, "### %s\n\n", s->title);
    (void)buf_puts(&said, "```text\n");
    (void)buf_append(&said, text, n);
    (void)buf_printf(&said, "%s```\n\n", n && text[n - 1] == '\n' ? "" : "\n");
    if (!said.failed)
        say(t, said.data, said.len);
}

// --- steps ---------------------------------------------------------------------------------------

static void next_step(struct acp_turn *t);

// The first line: what an answer comes to.
static size_t headline(const struct buf *text) {
    const char *eol = text->len ? memchr(text->data, '\n', text->len) : NULL;
    return eol ? (size_t)(eol - text->data) : text->len;
}

static void step_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct acp_turn *t = ctx;
    struct acp_step *s = &t->steps[t->at];
    char call[CALL_BYTES];
    t->handle = 0;
    if (!t->chat) {
        maybe_free(t);
        return;
    }
    if (r == ERR_CANCELLED) { // not by us: the engine goes, the next one is asked again
        acp_turn_drop(t);
        return;
    }
    call_id(t, call);
    s->status = r < 0 ? ACP_FAILED : ACP_COMPLETED;
    if (r < 0) {
        const char *why = err_text(err);
        acp_say_call_update(t->chat, call, s, NULL, why, strlen(why));
        say_answer(t, s, why, strlen(why));
    } else {
        acp_say_call_update(t->chat, call, s, answer->structured,
                            answer->text.data ? answer->text.data : "", headline(&answer->text));
        say_answer(t, s, answer->text.data ? answer->text.data : "", answer->text.len);
    }
    t->at++;
    t->chat->said.steps = t->at;
    acp_state_tell(t->chat);
    next_step(t);
}

static int dispatch(struct acp_turn *t, const char *capability, json_t *arguments,
                    void (*done)(void *, int, struct answer *, const struct err *),
                    struct err *err) {
    enum { PER_PROMPT = 1 << 16 };
    struct session *session = t->chat->face->session;
    struct dispatch_request d = {.capability = capability,
                                 .arguments = arguments,
                                 .caller = {.face = "acp",
                                            .seq = t->seq * PER_PROMPT + t->at + 1,
                                            .client = session_client(session),
                                            .workspace = t->chat->root},
                                 .done = done,
                                 .ctx = t};
    (void)snprintf(d.caller.session, sizeof d.caller.session, "%s", session_id(session));
    int64_t handle = dispatch_call(t->dispatch, &d, err);
    if (handle < 0)
        return (int)handle;
    t->handle = handle;
    return 0;
}

static void next_step(struct acp_turn *t) {
    if (t->at > 0 && t->at <= t->count)
        acp_say_plan(t->chat, t->steps, t->count);
    if (t->at == t->count) {
        finish(t, "end_turn");
        return;
    }
    struct acp_step *s = &t->steps[t->at];
    struct err err = {0};
    char call[CALL_BYTES];
    call_id(t, call);
    s->status = ACP_RUNNING;
    acp_say_plan(t->chat, t->steps, t->count);
    acp_say_call(t->chat, call, s);
    int r = dispatch(t, s->row, s->arguments, step_done, &err);
    if (r < 0) {
        struct answer none = {0};
        step_done(t, r, &none, &err);
    }
}

// --- what is to be done --------------------------------------------------------------------------

static int add_step(struct acp_turn *t, const struct agent *agent, const struct agent_capability *c,
                    json_t *arguments) {
    if (!arguments || t->count == ACP_STEPS_MAX)
        return ERR_NOMEM;
    struct acp_step *s = &t->steps[t->count++];
    *s = (struct acp_step){.agent = agent, .capability = c, .arguments = json_incref(arguments)};
    (void)snprintf(s->row, sizeof s->row, "%s.%s", agent->name, c->name);
    acp_step_title(s);
    return 0;
}

// What an engine that died has said already is not said again.
static void begin(struct acp_turn *t) {
    size_t said = t->chat->said.seq == t->seq ? t->chat->said.steps : 0;
    t->chat->said.seq = t->seq;
    for (; t->at < said && t->at < t->count; t->at++)
        t->steps[t->at].status = ACP_COMPLETED;
    next_step(t);
}

static void plan_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct acp_turn *t = ctx;
    size_t i;
    const json_t *step;
    t->handle = 0;
    if (!t->chat) {
        maybe_free(t);
        return;
    }
    if (r == ERR_CANCELLED) {
        acp_turn_drop(t);
        return;
    }
    json_array_foreach(json_object_get(answer->structured, "steps"), i, step) {
        const char *name = json_string_value(json_object_get(step, "capability"));
        const struct agent *agent = NULL;
        const struct agent_capability *c =
            name ? agent_capability_find(name, strlen(name), &agent) : NULL;
        if (c)
            (void)add_step(t, agent, c, json_object_get(step, "arguments"));
    }
    if (r < 0 || !t->count) {
        const char *why = r < 0 ? err_text(err) : "No agent knows what to do with this question.";
        say(t, why, strlen(why));
        finish(t, "end_turn");
        return;
    }
    begin(t);
}

static int plan_question(struct acp_turn *t, struct err *err) {
    const struct agent *agent = t->chat->agent;
    json_t *paths = json_array();
    for (size_t i = 0; i < t->prompt.path_count; i++)
        (void)json_array_append_new(paths,
                                    acp_string(t->prompt.paths[i], strlen(t->prompt.paths[i])));
    json_t *arguments =
        json_pack("{s:o, s:s*, s:o}", "question",
                  acp_string(t->prompt.text.data ? t->prompt.text.data : "", t->prompt.text.len),
                  "agent", agent == &agent_team ? NULL : agent->name, "paths", paths);
    int r = arguments ? dispatch(t, "acp.plan", arguments, plan_done, err)
                      : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(arguments);
    return r;
}

// "/review src": what is wrong with it is said in the chat, where it was typed.
static void run_command(struct acp_turn *t) {
    const struct agent *agent = NULL;
    const struct agent_capability *c = acp_command_find(t->prompt.command, t->chat->agent, &agent);
    json_t *arguments = NULL;
    struct err err = {0};
    AUTO_BUF text = BUF_INIT(4096);
    int r = c ? acp_arguments(c, t->prompt.text.data + t->prompt.rest,
                              t->prompt.text.len - t->prompt.rest, &arguments, &err)
              : ERR_NOT_FOUND;
    if (r == 0)
        r = add_step(t, agent, c, arguments);
    json_decref(arguments);
    if (r == 0) {
        begin(t);
        return;
    }
    if (!c)
        (void)buf_printf(&text, "There is no /%s: choose one of the commands, or ask in words.",
                         t->prompt.command);
    else
        (void)buf_printf(&text, "/%s: %s. Its arguments, for example: %s", t->prompt.command,
                         err_text(&err), c->example ? c->example : "none");
    if (!text.failed)
        say(t, text.data, text.len);
    finish(t, "end_turn");
}

// --- session/prompt ------------------------------------------------------------------------------

void acp_prompt(void *face, struct rpc_request *req, json_t *params) {
    struct acp_chat *chat = acp_chat_of(face, req, params);
    struct err err = {0};
    if (!chat)
        return;
    if (chat->turn) {
        rpc_fail(req, JSONRPC_INVALID_REQUEST,
                 "Invalid request: this session is still answering; cancel that first", NULL);
        return;
    }
    struct acp_turn *t = mem_zalloc(sizeof *t);
    int r = t ? acp_prompt_read(json_object_get(params, "prompt"), chat->root, &t->prompt, &err)
              : err_set(&err, ERR_NOMEM, "out of memory");
    if (r == 0 && !t->prompt.text.len && !t->prompt.path_count)
        r = err_set(&err, ERR_INVAL, "prompt: nothing is asked");
    if (r < 0) {
        acp_fail(req, r == ERR_NOMEM ? JSONRPC_INTERNAL_ERROR : JSONRPC_INVALID_PARAMS, &err);
        if (t)
            maybe_free(t);
        return;
    }
    t->chat = chat;
    t->dispatch = session_dispatch(chat->face->session);
    t->req = req;
    t->seq = rpc_request_seq(req);
    chat->turn = t;
    rpc_request_set_data(req, t, on_cancelled);
    if (t->prompt.command[0]) {
        run_command(t);
        return;
    }
    if (plan_question(t, &err) < 0) {
        say(t, err_text(&err), strlen(err_text(&err)));
        finish(t, "end_turn");
    }
}
