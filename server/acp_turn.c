// A turn: from the prompt to its answer. Sources: ACP v1 "Prompt Turn", "Cancellation".
#include "server/acp_turn.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { SAID_BYTES_MAX = 4 * 1024 * 1024, MESSAGE_BYTES = 32 };

struct acp_asked {
    struct acp_turn *turn; // NULL: nobody waits for it any more
    struct acp_face *face;
    int64_t number;
};

// --- the end -------------------------------------------------------------------------------------

static void maybe_free(struct acp_turn *t) {
    if (t->chat || t->handle)
        return;
    for (size_t i = 0; i < t->count; i++)
        json_decref(t->steps[i].arguments);
    while (t->texts.count)
        mem_free(t->texts.paths[--t->texts.count]);
    json_decref(t->texts.got);
    json_decref(t->fix.made);
    buf_done(&t->unkept);
    acp_prompt_done(&t->prompt);
    mem_free(t);
}

static struct rpc_request *leave(struct acp_turn *t) {
    struct rpc_request *req = t->req;
    struct acp_asked *asked = t->asked;
    struct rpc *rpc = t->chat->face->rpc;
    acp_texts_release(t);
    acp_wait_stop(t);
    if (t->handle)
        dispatch_cancel(t->dispatch, t->handle);
    if (asked) {
        t->chat->question[0] = '\0';
        acp_state_tell(t->chat);
    }
    t->chat->turn = NULL;
    t->chat = NULL;
    t->req = NULL;
    t->asked = NULL;
    if (asked) {
        asked->turn = NULL;
        rpc_call_cancel(rpc, asked->number);
    }
    return req;
}

void acp_turn_finish(struct acp_turn *t, const char *reason) {
    acp_reply(leave(t), json_pack("{s:s}", "stopReason", reason));
    maybe_free(t);
}

// What was said before stays in the conversation; nobody waits for that.
void acp_turn_cancel(struct acp_turn *t) {
    acp_keep_unheard(t);
    acp_turn_finish(t, "cancelled");
}

void acp_turn_drop(struct acp_turn *t) {
    rpc_drop(leave(t));
    maybe_free(t);
}

bool acp_turn_waits(const struct acp_turn *t) {
    return t->asked || t->wait.timer;
}

static void on_cancelled(void *data) {
    acp_turn_cancel(data);
}

// --- waiting for a worker ------------------------------------------------------------------------

static void on_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct acp_turn *t = ctx;
    t->handle = 0;
    if (!t->chat)
        maybe_free(t);
    else if (r == ERR_CANCELLED) // not by us: the engine goes, the next one is asked again
        acp_turn_drop(t);
    else
        t->done(t, r, answer, err);
}

static void on_said(void *ctx, const char *text, size_t n) {
    struct acp_turn *t = ctx;
    if (t->chat && t->by_model)
        acp_turn_say(t, text, n);
}

static void on_progress(void *ctx, double done, double total, const char *message) {
    struct acp_turn *t = ctx;
    char thought[MESSAGE_BYTES];
    (void)done;
    (void)total;
    if (!t->chat || !t->by_model || !message || t->unkept.len)
        return; // what is said already shows that it goes on
    (void)snprintf(thought, sizeof thought, "thought-%llu", (unsigned long long)t->seq);
    acp_say(t->chat, "agent_thought_chunk", thought, message, strlen(message));
    acp_say(t->chat, "agent_thought_chunk", thought, "\n", 1);
}

int acp_turn_run(struct acp_turn *t, const char *capability, json_t *arguments, acp_done_fn *done,
                 struct err *err) {
    struct session *session = t->chat->face->session;
    struct dispatch_request d = {
        .capability = capability,
        .arguments = arguments,
        .caller = {.face = "acp",
                   .seq = t->seq * ACP_PARTS_PER_PROMPT + t->at * ACP_PARTS_PER_STEP + t->part,
                   .client = session_client(session),
                   .workspace = t->chat->root},
        .progress = on_progress,
        .said = on_said,
        .done = on_done,
        .ctx = t};
    (void)snprintf(d.caller.session, sizeof d.caller.session, "%s", session_id(session));
    t->part = (t->part + 1) % ACP_PARTS_PER_STEP;
    t->done = done;
    int64_t handle =
        arguments ? dispatch_call(t->dispatch, &d, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (handle < 0)
        return (int)handle;
    t->handle = handle;
    return 0;
}

// --- waiting for the client ----------------------------------------------------------------------

static void question_id(const struct acp_asked *a, char ret[ACP_QUESTION_ID_BYTES]) {
    (void)snprintf(ret, ACP_QUESTION_ID_BYTES, "paired-%.16s-%lld",
                   session_engine_id(a->face->session), (long long)a->number); // as rpc wrote it
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct acp_asked *a = ctx;
    struct acp_turn *t = a->turn;
    if (err && (err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED)) {
        char id[ACP_QUESTION_ID_BYTES];
        question_id(a, id);
        (void)rpc_notify(a->face->rpc, "$/cancel_request", json_pack("{s:s}", "requestId", id));
    }
    mem_free(a);
    if (!t)
        return;
    const char *why = json_string_value(json_object_get(error, "message"));
    t->asked = NULL;
    t->chat->question[0] = '\0';
    t->answered(t, result, result ? NULL : why ? why : error ? "it was refused" : err_text(err));
}

void acp_turn_ask(struct acp_turn *t, const char *method, json_t *params, uint64_t deadline_ms,
                  acp_answered_fn *answered) {
    struct err err = {0};
    struct acp_asked *a = params ? mem_zalloc(sizeof *a) : NULL;
    t->answered = answered;
    if (!a) {
        json_decref(params);
        answered(t, NULL, "out of memory");
        return;
    }
    // Known to the front end before it is asked: this engine may end the moment after.
    *a = (struct acp_asked){.turn = t, .face = t->chat->face, .number = t->chat->face->asked + 1};
    question_id(a, t->chat->question);
    acp_state_tell(t->chat);
    int64_t number = rpc_call(t->chat->face->rpc, method, params, deadline_ms, on_answer, a, &err);
    if (number < 0) {
        mem_free(a);
        t->chat->question[0] = '\0';
        answered(t, NULL, err_text(&err));
        return;
    }
    a->number = t->chat->face->asked = number;
    t->asked = a;
}

// --- saying --------------------------------------------------------------------------------------

void acp_turn_say(struct acp_turn *t, const char *text, size_t n) {
    char message[MESSAGE_BYTES];
    (void)snprintf(message, sizeof message, "answer-%llu", (unsigned long long)t->seq);
    acp_say(t->chat, "agent_message_chunk", message, text, n);
    (void)buf_append(&t->unkept, text, n);
}

// --- session/prompt ------------------------------------------------------------------------------

// The first words of the first question are what the chat is called.
static void entitle(struct acp_chat *chat, const struct acp_prompt *p) {
    if (chat->title[0])
        return;
    const char *text = p->text.len ? p->text.data : p->paths[0];
    acp_one_line(text, strlen(text), chat->title, ACP_TITLE_BYTES_MAX);
}

// A question that an engine which died had asked of the client is of no use any more.
static void withdraw_question(struct acp_chat *chat) {
    if (chat->question[0])
        (void)rpc_notify(chat->face->rpc, "$/cancel_request",
                         json_pack("{s:s}", "requestId", chat->question));
    chat->question[0] = '\0';
}

static struct acp_turn *turn_new(struct acp_chat *chat, const json_t *params, struct err *err) {
    struct acp_turn *t = mem_zalloc(sizeof *t);
    if (!t) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    t->unkept = BUF_INIT(SAID_BYTES_MAX);
    int r = acp_prompt_read(json_object_get(params, "prompt"), chat, &t->prompt, err);
    if (r == 0 && !t->prompt.text.len && !t->prompt.path_count)
        r = err_set(err, ERR_INVAL, "prompt: nothing is asked");
    if (r == 0)
        return t;
    err->code = r;
    maybe_free(t);
    return NULL;
}

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
    struct acp_turn *t = turn_new(chat, params, &err);
    if (!t) {
        acp_fail(req, err.code == ERR_NOMEM ? JSONRPC_INTERNAL_ERROR : JSONRPC_INVALID_PARAMS,
                 &err);
        return;
    }
    t->chat = chat;
    t->dispatch = session_dispatch(chat->face->session);
    t->req = req;
    t->seq = rpc_request_seq(req);
    chat->turn = t;
    rpc_request_set_data(req, t, on_cancelled);
    withdraw_question(chat);
    entitle(chat, &t->prompt);
    acp_steps_plan(t);
}
