// Conversations of earlier: listed, taken up again with or without being told again, forgotten.
// Sources: ACP v1 "Session List", "Session Setup" (load, resume), "Session Delete".
#include "core/base/mem.h"
#include "server/acp_face.h"
#include "server/folder.h"

#include <stdio.h>
#include <string.h>

enum { RUNNING_MAX = 64 };

struct acp_job { // a request that a worker answers
    struct acp_job *next, **link;
    struct acp_face *face; // NULL: the connection is gone
    struct rpc_request *req;
    int64_t handle;
    bool replays; // session/load: the conversation is told before the answer
};

static void leave(struct acp_job *j) {
    if (!j->face)
        return;
    *j->link = j->next;
    if (j->next)
        j->next->link = j->link;
    j->face->job_count--;
    j->face = NULL;
}

void acp_jobs_free(struct acp_face *f) {
    while (f->jobs) {
        struct acp_job *j = f->jobs;
        rpc_drop(j->req);
        leave(j);
        dispatch_cancel(session_dispatch(f->session), j->handle); // its done frees it
    }
}

static void on_cancelled(void *data) {
    struct acp_job *j = data;
    if (j->face)
        dispatch_cancel(session_dispatch(j->face->session), j->handle);
}

static void fail(struct rpc_request *req, int r, const struct err *err) {
    if (rpc_request_cancelled(req))
        rpc_fail(req, ACP_REQUEST_CANCELLED, "Cancelled", NULL);
    else if (r == ERR_CANCELLED) // the engine goes, the next one is asked again
        rpc_drop(req);
    else
        acp_fail(req,
                 r == ERR_INVAL       ? JSONRPC_INVALID_PARAMS
                 : r == ERR_NOT_FOUND ? ACP_RESOURCE_NOT_FOUND
                                      : JSONRPC_INTERNAL_ERROR,
                 err);
}

// `arguments` is stolen; `done` is called as dispatch calls it, with the job.
static void start(struct acp_face *f, struct rpc_request *req, const char *capability,
                  json_t *arguments, const char *workspace, bool replays,
                  void (*done)(void *, int, struct answer *, const struct err *)) {
    struct err err = {0};
    struct acp_job *j = f->job_count < RUNNING_MAX ? mem_zalloc(sizeof *j) : NULL;
    struct dispatch_request d = {
        .capability = capability,
        .arguments = arguments,
        .caller = {.face = "acp", .client = session_client(f->session), .workspace = workspace},
        .done = done,
        .ctx = j};
    int64_t handle = !j || !arguments ? err_set(&err, ERR_BUSY, "too much is asked at once")
                                      : dispatch_call(session_dispatch(f->session), &d, &err);
    json_decref(arguments);
    if (handle < 0) {
        mem_free(j);
        fail(req, (int)handle, &err);
        return;
    }
    *j = (struct acp_job){.next = f->jobs,
                          .link = &f->jobs,
                          .face = f,
                          .req = req,
                          .handle = handle,
                          .replays = replays};
    if (j->next)
        j->next->link = &j->next;
    f->jobs = j;
    f->job_count++;
    rpc_request_set_data(req, j, on_cancelled);
}

// --- session/list --------------------------------------------------------------------------------

static void listed(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct acp_job *j = ctx;
    struct acp_face *f = j->face;
    leave(j);
    if (f && r == 0)
        acp_reply(j->req, json_incref(answer->structured));
    else if (f)
        fail(j->req, r, err);
    mem_free(j);
}

void acp_chat_list(void *face, struct rpc_request *req, json_t *params) {
    const json_t *cwd = json_object_get(params, "cwd");
    const json_t *cursor = json_object_get(params, "cursor");
    const char *path = json_string_value(cwd);
    char real[DIRS_PATH_BYTES_MAX];
    size_t root = 0;
    if (cwd && !json_is_null(cwd) && (!path || *path != '/')) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "cwd: expected an absolute path", NULL);
        return;
    }
    if (cursor && !json_is_null(cursor) && !json_is_string(cursor)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "cursor: expected string", NULL);
        return;
    }
    if (path && !folder_root(path, real, &root)) { // no folder, no sessions
        acp_reply(req, json_pack("{s:[]}", "sessions"));
        return;
    }
    real[root] = '\0';
    start(face, req, "acp.list",
          json_pack("{s:O*, s:O*}", "cwd", path ? cwd : NULL, "cursor",
                    json_is_string(cursor) ? cursor : NULL),
          path ? real : NULL, false, listed);
}

// --- session/load, session/resume ----------------------------------------------------------------

static void tell_calls(struct acp_chat *chat, const json_t *calls, size_t turn) {
    size_t i;
    const json_t *call;
    char id[48];
    json_array_foreach(calls, i, call) {
        (void)snprintf(id, sizeof id, "earlier-%zu-%zu", turn, i);
        acp_update(chat, json_pack("{s:s, s:s, s:O*, s:O*, s:O*}", "sessionUpdate", "tool_call",
                                   "toolCallId", id, "title", json_object_get(call, "title"),
                                   "kind", json_object_get(call, "kind"), "status",
                                   json_object_get(call, "status")));
    }
}

static void tell_turns(struct acp_chat *chat, const json_t *turns) {
    size_t i;
    const json_t *turn;
    char message[48];
    json_array_foreach(turns, i, turn) {
        const json_t *question = json_object_get(turn, "question");
        const json_t *said = json_object_get(turn, "said");
        (void)snprintf(message, sizeof message, "earlier-question-%zu", i);
        acp_say(chat, "user_message_chunk", message, json_string_value(question),
                json_string_length(question));
        tell_calls(chat, json_object_get(turn, "calls"), i);
        (void)snprintf(message, sizeof message, "earlier-answer-%zu", i);
        acp_say(chat, "agent_message_chunk", message, json_string_value(said),
                json_string_length(said));
    }
}

static struct acp_chat *take_up(struct acp_face *f, const json_t *params, const json_t *kept,
                                struct err *err) {
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    struct acp_chat *chat = acp_chat_find(f, id);
    if (chat)
        return chat;
    chat = acp_chat_open(f, params, id, err);
    if (!chat)
        return NULL;
    const char *agent = json_string_value(json_object_get(kept, "agent"));
    const char *title = json_string_value(json_object_get(kept, "title"));
    const struct agent *a = agent ? agent_find(agent, strlen(agent)) : NULL;
    chat->agent = a ? a : &agent_team;
    acp_one_line(title ? title : "", title ? strlen(title) : 0, chat->title, ACP_TITLE_BYTES_MAX);
    return chat;
}

static void loaded(void *ctx, int r, struct answer *answer, const struct err *why) {
    struct acp_job *j = ctx;
    struct acp_face *f = j->face;
    struct err err = {0};
    leave(j);
    struct acp_chat *chat =
        f && r == 0 ? take_up(f, rpc_request_params(j->req), answer->structured, &err) : NULL;
    if (f && r < 0) {
        fail(j->req, r, why);
    } else if (f && !chat) {
        fail(j->req, err.code, &err);
    } else if (f) {
        acp_state_tell(chat);
        if (j->replays)
            tell_turns(chat, json_object_get(answer->structured, "turns"));
        acp_chat_welcome(chat, j->req, false);
    }
    mem_free(j);
}

static void find_kept(struct acp_face *f, struct rpc_request *req, const json_t *params,
                      bool replays) {
    const json_t *id = json_object_get(params, "sessionId");
    const char *cwd = json_string_value(json_object_get(params, "cwd"));
    char real[DIRS_PATH_BYTES_MAX];
    size_t root = 0;
    if (!json_is_string(id)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "sessionId: expected string", NULL);
        return;
    }
    if (!cwd || *cwd != '/' || !folder_root(cwd, real, &root)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "cwd: expected the absolute path of a folder", NULL);
        return;
    }
    real[root] = '\0';
    start(f, req, "acp.load", json_pack("{s:O}", "id", id), real, replays, loaded);
}

void acp_chat_load(void *face, struct rpc_request *req, json_t *params) {
    find_kept(face, req, params, true);
}

// "MUST NOT replay the conversation history"
void acp_chat_resume(void *face, struct rpc_request *req, json_t *params) {
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    struct acp_chat *chat = id ? acp_chat_find(face, id) : NULL;
    if (chat)
        acp_chat_welcome(chat, req, false);
    else
        find_kept(face, req, params, false);
}

// --- session/delete ------------------------------------------------------------------------------

static void deleted(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct acp_job *j = ctx;
    struct acp_face *f = j->face;
    (void)answer;
    leave(j);
    if (f && r == 0)
        rpc_reply_raw(j->req, "{}", 2);
    else if (f)
        fail(j->req, r, err);
    mem_free(j);
}

void acp_chat_delete(void *face, struct rpc_request *req, json_t *params) {
    const json_t *id = json_object_get(params, "sessionId");
    if (!json_is_string(id)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "sessionId: expected string", NULL);
        return;
    }
    struct acp_chat *chat = acp_chat_find(face, json_string_value(id));
    if (chat)
        acp_chat_end(chat);
    start(face, req, "acp.delete", json_pack("{s:O}", "id", id), NULL, false, deleted);
}
