// The Tasks extension: calls that outlive their request, and the connection it came by. Kept in
// memory, bounded; an engine that ends forgets them, and tasks/get then answers "unknown". Source:
// MCP extension io.modelcontextprotocol/tasks (SEP-2663), revision 2026-07-28.
#include "server/mcp_call.h"

#include "core/base/mem.h"

#include <string.h>
#include <time.h>

enum {
    TASKS_MAX = 256,
    TASK_TTL_MS = 10 * 60 * 1000,
    TASK_POLL_MS = 200,
    TASK_ID_BYTES = 34, // "t", 32 hex digits
    STATUS_BYTES_MAX = 200
};

enum status { WORKING, INPUT_REQUIRED, COMPLETED, FAILED, CANCELLED };
static const char *const status_names[] = {"working", "input_required", "completed", "failed",
                                           "cancelled"};

struct mcp_task {
    struct mcp_task *next;
    struct mcp_shared *shared;
    struct mcp_call *call; // NULL once it has ended
    struct env *env;
    char id[TASK_ID_BYTES];
    enum status status;
    char message[STATUS_BYTES_MAX];
    int64_t created_ms, updated_ms;
    json_t *result, *error;
    json_t *requests, *responses; // INPUT_REQUIRED: still open, answered so far
};

struct mcp_tasks {
    struct mcp_task *first;
    size_t count;
};

struct mcp_tasks *mcp_tasks_new(void) {
    return mem_zalloc(sizeof(struct mcp_tasks));
}

static void task_free(struct mcp_task *t) {
    json_decref(t->result);
    json_decref(t->error);
    json_decref(t->requests);
    json_decref(t->responses);
    mem_free(t);
}

void mcp_tasks_free(struct mcp_tasks *tasks) {
    if (!tasks)
        return;
    while (tasks->first) {
        struct mcp_task *t = tasks->first;
        tasks->first = t->next;
        if (t->call)
            mcp_call_abandon(t->call);
        task_free(t);
    }
    mem_free(tasks);
}

static bool ended(const struct mcp_task *t) {
    return t->status >= COMPLETED;
}

// Forgets what has passed its time; what still runs then is cancelled.
static void purge(struct mcp_tasks *tasks, int64_t now) {
    for (struct mcp_task **at = &tasks->first; *at;) {
        struct mcp_task *t = *at;
        if (now - t->created_ms <= TASK_TTL_MS) {
            at = &t->next;
            continue;
        }
        if (t->call)
            mcp_call_cancel(t->call); // clears t->call
        *at = t->next;
        tasks->count--;
        task_free(t);
    }
}

// --- what the client sees
static json_t *timestamp(int64_t ms) {
    char text[40];
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    gmtime_r(&s, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03dZ", (int)(ms % 1000));
    return json_string(text);
}

static json_t *task_head(const struct mcp_task *t) {
    json_t *out =
        json_pack("{s:s, s:s, s:o, s:o, s:i, s:i}", "taskId", t->id, "status",
                  status_names[t->status], "createdAt", timestamp(t->created_ms), "lastUpdatedAt",
                  timestamp(t->updated_ms), "ttlMs", TASK_TTL_MS, "pollIntervalMs", TASK_POLL_MS);
    if (out && t->message[0])
        (void)json_object_set_new(out, "statusMessage", json_string(t->message));
    return out;
}

static json_t *task_detail(const struct mcp_task *t) {
    json_t *out = task_head(t);
    if (out && t->result)
        (void)json_object_set(out, "result", t->result);
    if (out && t->error)
        (void)json_object_set(out, "error", t->error);
    if (out && t->status == INPUT_REQUIRED)
        (void)json_object_set(out, "inputRequests", t->requests);
    return out;
}

static void task_set(struct mcp_task *t, enum status status) {
    int64_t now = env_wall_ms(t->env);
    t->status = status;
    t->updated_ms = now > t->updated_ms ? now : t->updated_ms;
    json_t *state = task_detail(t);
    if (state)
        mcp_task_changed(t->shared, t->id, state);
    json_decref(state);
}

// --- life
int mcp_task_start(struct mcp_call *c, struct err *err) {
    struct mcp_tasks *tasks = c->shared->tasks;
    int64_t now = env_wall_ms(c->env);
    purge(tasks, now);
    if (tasks->count >= TASKS_MAX)
        return err_set(err, ERR_LIMIT, "too many tasks: %d at most", TASKS_MAX);
    struct mcp_task *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint8_t random[16];
    env_random(c->env, random, sizeof random); // the id is all it takes to see the result
    t->id[0] = 't';
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(t->id + 1 + 2 * i, 3, "%02x", random[i]);
    t->shared = c->shared;
    t->env = c->env;
    t->created_ms = t->updated_ms = now;
    t->call = c;
    t->next = tasks->first;
    tasks->first = t;
    tasks->count++;
    c->task = t;

    json_t *result = task_head(t);
    if (result)
        (void)json_object_set_new(result, "resultType", json_string("task"));
    struct rpc_request *req = c->req;
    c->req = NULL;
    mcp_reply(req, MCP_MODERN, result);
    return 0;
}

void mcp_task_status(struct mcp_task *t, const char *message) {
    if (!message)
        return;
    snprintf(t->message, sizeof t->message, "%s", message);
    task_set(t, t->status);
}

void mcp_task_end(struct mcp_task *t, json_t *result, json_t *error, bool cancelled) {
    if (!result && !error && !cancelled)
        error = json_pack("{s:i, s:s}", "code", JSONRPC_INTERNAL_ERROR, "message", "out of memory");
    t->result = result;
    t->error = error;
    json_decref(t->requests);
    json_decref(t->responses);
    t->requests = t->responses = NULL;
    t->call->task = NULL;
    t->call = NULL;
    task_set(t, cancelled ? CANCELLED : result ? COMPLETED : FAILED);
}

void mcp_task_wait(struct mcp_task *t, json_t *requests) {
    json_decref(t->requests);
    json_decref(t->responses);
    t->requests = requests;
    t->responses = json_object();
    task_set(t, INPUT_REQUIRED);
}

// --- methods
// ----------------------------------------------------------------------------------------- NULL:
// answered.
static struct mcp_task *find(struct mcp_face *f, struct rpc_request *req, json_t *params,
                             struct mcp_task_ref *in) {
    struct err err = {0};
    if (!(f->now.can & MCP_CAN_TASKS)) {
        mcp_fail_missing(req, MCP_EXT_TASKS, "the client has not declared the tasks extension");
        return NULL;
    }
    if (fields_decode(mcp_task_fields, params, in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return NULL;
    }
    purge(f->shared->tasks, env_wall_ms(session_env(f->session)));
    for (struct mcp_task *t = f->shared->tasks->first; t; t = t->next)
        if (text_is(in->id, t->id))
            return t;
    rpc_fail(req, JSONRPC_INVALID_PARAMS, "Unknown task: it has expired, or never was",
             json_pack("{s:s%}", "taskId", in->id.data, in->id.len));
    return NULL;
}

void mcp_tasks_get(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_task_ref in = {0};
    const struct mcp_task *t = find(face, req, params, &in);
    if (t)
        mcp_reply(req, MCP_MODERN, task_detail(t));
}

// Takes the answers it waits for; others are ignored.
static void task_answer(struct mcp_task *t, const json_t *responses) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)responses, key, value) {
        if (!json_is_object(value) || !json_object_get(t->requests, key))
            continue;
        (void)json_object_set(t->responses, key, value);
        (void)json_object_del(t->requests, key);
    }
    if (json_object_size(t->requests) > 0) {
        task_set(t, INPUT_REQUIRED);
        return;
    }
    json_t *all = t->responses;
    struct mcp_call *c = t->call;
    t->responses = NULL;
    task_set(t, WORKING);
    c->input(c, all); // may end the task
    json_decref(all);
}

void mcp_tasks_update(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_task_ref in = {0};
    struct mcp_task *t = find(face, req, params, &in);
    if (!t)
        return;
    if (!json_is_object(in.input_responses)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "inputResponses: expected object", NULL);
        return;
    }
    in.input_responses = json_incref(in.input_responses); // params end with the request
    mcp_reply(req, MCP_MODERN, json_object());
    if (t->status == INPUT_REQUIRED)
        task_answer(t, in.input_responses);
    json_decref(in.input_responses);
}

void mcp_tasks_cancel(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_task_ref in = {0};
    struct mcp_task *t = find(face, req, params, &in);
    if (!t)
        return;
    mcp_reply(req, MCP_MODERN, json_object());
    if (!ended(t) && t->call)
        mcp_call_cancel(t->call);
}
