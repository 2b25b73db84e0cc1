// What friends ask of our agents: grant, policy, quota, queue, then the runner.
#include "federation/tasks_impl.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000 };

// --- quotas ------------------------------------------------------------------------------------

static int64_t today(const struct tasks *t) {
    return env_wall_ms(t->c.env) / DAY_MS;
}

static struct account *account_find(struct tasks *t, const uint8_t *identity) {
    for (uint32_t i = 0; i < t->accounts_n; i++)
        if (memcmp(t->accounts[i].use.identity, identity, 32) == 0) {
            if (t->accounts[i].use.day != today(t)) {
                t->accounts[i].use.day = today(t);
                t->accounts[i].use.requests = 0;
                t->accounts[i].use.cpu_ms = 0;
            }
            return &t->accounts[i];
        }
    return NULL;
}

// One of a day that has passed gives its place. NULL: there are too many, or no memory.
static struct account *account_of(struct tasks *t, const uint8_t *identity) {
    struct account *a = account_find(t, identity);
    if (a)
        return a;
    for (uint32_t i = 0; !a && i < t->accounts_n; i++)
        if (t->accounts[i].use.day != today(t))
            a = &t->accounts[i];
    if (!a && mem_grow((void **)&t->accounts, t->accounts_n, &t->accounts_max, sizeof *t->accounts,
                       TASKS_ACCOUNTS_MAX) == 0)
        a = &t->accounts[t->accounts_n++];
    if (a) {
        *a = (struct account){.use.day = today(t)};
        memcpy(a->use.identity, identity, 32);
    }
    return a;
}

static void account_put(struct tasks *t, const struct account *a) {
    if (t->c.ops->keep_usage)
        t->c.ops->keep_usage(t->c.ctx, &a->use);
}

static const char *over_quota(const struct account *a, const struct tasks_policy *p) {
    uint32_t requests = p->requests_day ? p->requests_day : TASKS_REQUESTS_DAY;
    uint32_t cpu_s = p->cpu_s_day ? p->cpu_s_day : TASKS_CPU_S_DAY;
    if (a->use.requests >= requests)
        return "the requests that this friend has a day are used up";
    if (a->use.cpu_ms >= (uint64_t)cpu_s * 1000)
        return "the computing time that this friend has a day is used up";
    return NULL;
}

// --- telling -----------------------------------------------------------------------------------

static void told(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    (void)ctx, (void)result, (void)error, (void)err; // who did not hear it asks when it is back
}

static void tell(struct tasks *t, const struct task *k) {
    struct node_session *s = t->node ? node_session_find(t->node, k->device) : NULL;
    json_t *status = s ? task_status(k) : NULL;
    if (!status)
        return;
    json_t *params = json_pack("{s:{s:s, s:s, s:o}}", "statusUpdate", "taskId", k->id, "contextId",
                               k->id, "status", status);
    if (params)
        (void)link_call(node_session_link(s), "task.update", params, TASKS_CALL_MS, told, NULL,
                        NULL);
}

// --- ending ------------------------------------------------------------------------------------

// Before a new one is taken: the ended ones that ended first go, where too many are kept. Those
// whose runner has not come back stay.
static void trim(struct tasks *t, const uint8_t *identity, size_t bytes) {
    for (;;) {
        struct tasks_stats s;
        struct task *oldest = NULL, *oldest_of = NULL;
        unsigned of = 0;
        tasks_stats(t, &s);
        for (struct task *k = t->first; k; k = k->next) {
            if (k->ours || task_open(k) || k->job)
                continue;
            bool same = memcmp(k->identity, identity, 32) == 0;
            of += same;
            oldest = !oldest || k->order < oldest->order ? k : oldest;
            if (same)
                oldest_of = !oldest_of || k->order < oldest_of->order ? k : oldest_of;
        }
        if (of >= TASKS_KEPT_FRIEND_MAX)
            tasks_remove(t, oldest_of);
        else if (oldest && (s.kept >= TASKS_KEPT_MAX || s.bytes + bytes > TASKS_BYTES_MAX))
            tasks_remove(t, oldest);
        else
            return;
    }
}

static void finish(struct tasks *t, struct task *k, enum a2a_state to, const char *text,
                   json_t *artifacts) {
    struct err err = {0};
    if (!tasks_move(t, k, to, text))
        return;
    int r = task_seal(t, k, artifacts, &err);
    if (r < 0 && artifacts) { // said instead of the answer
        k->state = A2A_FAILED;
        (void)snprintf(k->text, sizeof k->text, "%s",
                       r == ERR_LIMIT ? "the answer is too large to be sent" : err_text(&err));
        r = task_seal(t, k, NULL, &err);
    }
    if (r < 0) { // not even that: it is forgotten, and the friend told so when it asks
        json_decref(k->result);
        k->result = NULL;
    }
    k->order = ++t->order;
    tasks_say(t, k);
    tell(t, k);
}

void serve_end(struct tasks *t, struct task *k, enum a2a_state to, const char *text) {
    if (k->job)
        t->c.ops->stop(t->c.ctx, k->job);
    finish(t, k, to, text, NULL);
}

int serve_restored(struct tasks *t, struct task *k) {
    return k->state == A2A_FAILED ? task_seal(t, k, NULL, NULL) : 0;
}

void serve_tick(struct tasks *t, struct task *k) {
    if (task_open(k) && tasks_now(t) >= k->ends_ms)
        serve_end(t, k, A2A_FAILED, "its time ran out");
}

// --- rules -------------------------------------------------------------------------------------

enum { UNKNOWN = A2A_STATES }; // the grants are being read again just now

// What the rules say of a task now: the state that it should have, and why.
static enum a2a_state judge(struct tasks *t, const struct task *k, bool count, const char **why) {
    struct tasks_policy p = {0};
    *why = "";
    int r = t->c.ops->granted(t->c.ctx, k->identity, false, NULL);
    if (r == ERR_BUSY)
        return (enum a2a_state)UNKNOWN;
    if (r < 0) {
        *why = "its user has not permitted you to ask its agents";
        return A2A_REJECTED;
    }
    t->c.ops->policy(t->c.ctx, k->identity, k->agent, &p);
    if (p.mode == TASKS_NEVER) {
        *why = "its user lets nobody ask this agent, or not you";
        return A2A_REJECTED;
    }
    struct account *a = count ? account_of(t, k->identity) : NULL;
    if (count && !a) {
        *why = "too many friends have asked today";
        return A2A_REJECTED;
    }
    if (a && (*why = over_quota(a, &p)))
        return A2A_REJECTED;
    *why = p.mode == TASKS_ASK ? "waits until its user allows it" : "";
    return p.mode == TASKS_ASK ? A2A_AUTH_REQUIRED : A2A_SUBMITTED;
}

void serve_rules(struct tasks *t, struct task *k) {
    const char *why;
    enum a2a_state wanted = judge(t, k, false, &why);
    if (wanted == A2A_REJECTED) {
        bool begun = !a2a_state_may((int)k->state, A2A_REJECTED);
        serve_end(t, k, begun ? A2A_FAILED : A2A_REJECTED, why);
    } else if (wanted == A2A_SUBMITTED && k->state == A2A_AUTH_REQUIRED) {
        (void)tasks_move(t, k, A2A_SUBMITTED, "");
        tasks_say(t, k);
        tell(t, k);
    } else if (wanted == A2A_AUTH_REQUIRED && k->state == A2A_SUBMITTED && !k->input) {
        (void)tasks_move(t, k, A2A_AUTH_REQUIRED, why);
        tasks_say(t, k);
        tell(t, k);
    }
}

int tasks_decide(struct tasks *t, const char *id, bool allow, struct err *err) {
    struct task *k = tasks_find(t, false, id, NULL);
    if (!k)
        return err_set(err, ERR_NOT_FOUND, "no such task of a friend: paired tasks");
    if (k->state != A2A_AUTH_REQUIRED)
        return err_set(err, ERR_INVAL, "the task does not wait for you: it is %s",
                       a2a_state_word(k->state));
    if (!allow) {
        finish(t, k, A2A_REJECTED, "its user said no", NULL);
        return 0;
    }
    int r = t->c.ops->granted(t->c.ctx, k->identity, false, err);
    if (r < 0)
        return r;
    k->input = true; // asked once is enough
    (void)tasks_move(t, k, A2A_SUBMITTED, "");
    tasks_say(t, k);
    tell(t, k);
    serve_pump(t);
    return 0;
}

// --- running -----------------------------------------------------------------------------------

static unsigned running_of(const struct tasks *t, const uint8_t *identity) {
    unsigned n = 0;
    for (const struct task *k = t->first; k; k = k->next)
        n += k->job && memcmp(k->identity, identity, 32) == 0;
    return n;
}

// The friend for whom least runs comes first, then who has waited longest.
static struct task *next_one(const struct tasks *t) {
    struct task *best = NULL;
    unsigned best_runs = 0;
    for (struct task *k = t->first; k; k = k->next) {
        if (k->ours || k->state != A2A_SUBMITTED || k->job)
            continue;
        unsigned runs = running_of(t, k->identity);
        if (!best || runs < best_runs || (runs == best_runs && k->order < best->order)) {
            best = k;
            best_runs = runs;
        }
    }
    return best;
}

static void start(struct tasks *t, struct task *k) {
    struct err err = {0};
    uint64_t now = tasks_now(t);
    struct tasks_job job = {.number = ++t->jobs,
                            .id = k->id,
                            .agent = k->agent,
                            .skill = k->skill,
                            .device = k->device,
                            .identity = k->identity,
                            .message = k->message,
                            .deadline_ms = k->ends_ms > now ? k->ends_ms - now : 1};
    k->job = job.number;
    t->running++;
    (void)tasks_move(t, k, A2A_WORKING, "");
    tasks_say(t, k);
    tell(t, k);
    int r = t->c.ops->start(t->c.ctx, &job, &err);
    if (r < 0 && k->job == job.number) {
        k->job = 0;
        t->running--;
        finish(t, k, A2A_FAILED, err_text(&err), NULL);
    }
}

void serve_pump(struct tasks *t) {
    struct task *k;
    const char *why;
    while (t->running < TASKS_RUNNING_MAX && (k = next_one(t))) {
        enum a2a_state now = judge(t, k, false, &why);
        if (now == (enum a2a_state)UNKNOWN)
            break;               // it is told when they are there
        if (now == A2A_REJECTED) // what changed and nobody told us
            finish(t, k, A2A_REJECTED, why, NULL);
        else
            start(t, k);
    }
    tasks_arm(t);
}

static struct task *by_job(const struct tasks *t, uint64_t number) {
    struct task *k = t->first;
    while (k && k->job != number)
        k = k->next;
    return number ? k : NULL;
}

int tasks_progress(struct tasks *t, uint64_t number, double done, double total, const char *text) {
    struct task *k = by_job(t, number);
    if (!k || k->state != A2A_WORKING)
        return ERR_NOT_FOUND;
    k->done = done;
    k->total = total;
    (void)tasks_move(t, k, A2A_WORKING, text);
    if (tasks_now(t) - k->reported_ms < TASKS_PROGRESS_MS)
        return 0;
    k->reported_ms = tasks_now(t);
    tell(t, k);
    return 0;
}

void tasks_done(struct tasks *t, uint64_t number, const struct tasks_outcome *o) {
    struct task *k = by_job(t, number);
    struct account *a = k ? account_of(t, k->identity) : NULL;
    if (a) {
        a->use.cpu_ms += o->cpu_ms;
        account_put(t, a);
    }
    if (k) {
        k->job = 0;
        t->running--;
        k->done = k->total = 0;
        if (o->state == A2A_INPUT_REQUIRED && tasks_move(t, k, A2A_INPUT_REQUIRED, o->text)) {
            tasks_say(t, k);
            tell(t, k);
        } else if (task_open(k)) {
            finish(t, k, o->state == A2A_COMPLETED ? A2A_COMPLETED : A2A_FAILED, o->text,
                   o->artifacts);
        }
    }
    json_decref(o->artifacts);
    serve_pump(t);
}

// --- methods -----------------------------------------------------------------------------------

static void refuse(struct tasks *t, struct rpc_request *req, int code, const char *why) {
    t->refused++;
    rpc_fail(req, code, why, NULL);
}

static void answer(struct tasks *t, struct rpc_request *req, const struct task *k) {
    json_t *task = k->result ? json_incref(k->result) : NULL;
    struct err err = {0};
    if (!task && task_format(t, k, NULL, &task, &err) < 0)
        rpc_fail(req, -32603, err_text(&err), NULL);
    else
        rpc_reply(req, json_pack("{s:o}", "task", task));
}

struct incoming {
    struct a2a_message m;
    json_t *object; // borrowed
    uint8_t hash[TASKS_HASH_BYTES];
    size_t bytes;
    const char *agent, *skill;
    uint64_t deadline_ms;
};

static bool word(const json_t *v) {
    struct text s = {json_string_value(v), json_string_length(v)};
    return a2a_id_valid(s) && s.len <= TASKS_AGENT_BYTES_MAX;
}

static int read_message(json_t *params, struct incoming *in, struct err *err) {
    in->object = json_object_get(params, "message");
    int r = a2a_message_read(in->object, &in->m, err);
    if (r < 0)
        return r;
    const json_t *ours = json_object_get(in->m.metadata, "paired");
    const json_t *agent = json_object_get(ours, "agent"), *skill = json_object_get(ours, "skill");
    const json_t *deadline = json_object_get(ours, "deadlineMs");
    json_int_t ms = deadline ? json_integer_value(deadline) : TASKS_DEADLINE_MS;
    if (in->m.role != A2A_USER)
        r = err_set(err, ERR_INVAL, "message.role: expected ROLE_USER");
    else if (!word(agent) || !word(skill))
        r = err_set(err, ERR_INVAL, "message.metadata.paired: expected agent and skill");
    else if (ms < 1 || ms > TASKS_DEADLINE_MS_MAX)
        r = err_set(err, ERR_INVAL, "message.metadata.paired.deadlineMs: expected 1 to %d",
                    TASKS_DEADLINE_MS_MAX);
    if (r == 0)
        r = task_hash(in->object, TASKS_INPUT_BYTES_MAX, in->hash, &in->bytes, err);
    in->agent = json_string_value(agent);
    in->skill = json_string_value(skill);
    in->deadline_ms = (uint64_t)ms;
    if (r < 0)
        fields_release(a2a_message_fields, &in->m);
    return r;
}

// A limit of the queue that a new task would pass; NULL: there is room.
static const char *no_room(const struct tasks *t, const uint8_t *identity, size_t bytes) {
    struct tasks_stats s;
    unsigned of = 0, stopped = 0;
    tasks_stats(t, &s);
    for (const struct task *k = t->first; k; k = k->next) {
        bool same = !k->ours && memcmp(k->identity, identity, 32) == 0;
        of += same && task_open(k);
        stopped += same && !task_open(k) && k->job;
    }
    if (of + stopped >= TASKS_FRIEND_MAX)
        return "too many of your tasks are under way: wait for one of them";
    if (s.served >= TASKS_SERVED_MAX || s.bytes + bytes > TASKS_BYTES_MAX)
        return "too many tasks are under way: try later";
    return NULL;
}

static void fill(struct task *k, const struct incoming *in, const uint8_t *identity) {
    memcpy(k->identity, identity, sizeof k->identity);
    memcpy(k->request, in->hash, sizeof k->request);
    memcpy(k->last, in->hash, sizeof k->last);
    (void)tasks_copy(k->agent, sizeof k->agent, in->agent, strlen(in->agent));
    (void)tasks_copy(k->skill, sizeof k->skill, in->skill, strlen(in->skill));
    k->bytes = in->bytes;
}

// What is refused at once is answered, signed, and forgotten: a flood of it costs no memory.
static void turn_away(struct tasks *t, struct rpc_request *req, struct task *k, const char *why) {
    t->refused++;
    k->state = A2A_REJECTED;
    (void)tasks_copy(k->text, sizeof k->text, why, strlen(why));
    answer(t, req, k);
}

static void take(struct tasks *t, struct rpc_request *req, struct node_session *s,
                 const struct incoming *in, const uint8_t *identity) {
    struct task probe = {.changed_ms = env_wall_ms(t->c.env)};
    const char *why;
    (void)tasks_copy(probe.id, sizeof probe.id, in->m.message_id.data, in->m.message_id.len);
    memcpy(probe.device, node_session_key(s), sizeof probe.device);
    fill(&probe, in, identity);
    if (!t->c.ops->serves(t->c.ctx, probe.agent, probe.skill)) {
        turn_away(t, req, &probe, "there is no such agent or skill here");
        return;
    }
    enum a2a_state state = judge(t, &probe, true, &why);
    if (state == A2A_REJECTED) {
        turn_away(t, req, &probe, why);
        return;
    }
    trim(t, identity, in->bytes);
    const char *full = state == (enum a2a_state)UNKNOWN ? "the grants are being read: try again"
                                                        : no_room(t, identity, in->bytes);
    if (full) {
        refuse(t, req, NODE_ERROR_BUSY, full);
        return;
    }
    struct task *k = tasks_make(t, false, probe.id, probe.device, NULL);
    if (!k) {
        refuse(t, req, NODE_ERROR_BUSY, "out of memory");
        return;
    }
    fill(k, in, identity);
    k->state = state;
    (void)tasks_copy(k->text, sizeof k->text, why, strlen(why));
    k->message = json_incref(in->object);
    k->ends_ms = tasks_now(t) + in->deadline_ms;
    struct account *a = account_of(t, identity);
    if (a) {
        a->use.requests++;
        account_put(t, a);
    }
    tasks_say(t, k);
    answer(t, req, k);
    serve_pump(t);
}

// What was missing has come: the parts are added, and it is worked on again.
static int add_input(struct task *k, const struct incoming *in, struct err *err) {
    json_t *all = json_copy(k->message), *parts = NULL;
    if (all && (parts = json_copy(json_object_get(all, "parts"))) &&
        json_array_extend(parts, json_object_get(in->object, "parts")) == 0 &&
        json_array_size(parts) <= A2A_PARTS_MAX && k->bytes + in->bytes <= TASKS_INPUT_BYTES_MAX &&
        json_object_set(all, "parts", parts) == 0) {
        json_decref(parts);
        json_decref(k->message);
        k->message = all;
        k->bytes += in->bytes;
        return task_hash(in->object, TASKS_INPUT_BYTES_MAX, k->request, NULL, err);
    }
    json_decref(parts);
    json_decref(all);
    return err_set(err, ERR_LIMIT, "the task would become too large");
}

static void go_on(struct tasks *t, struct rpc_request *req, struct task *k,
                  const struct incoming *in) {
    struct err err = {0};
    if (k->state != A2A_INPUT_REQUIRED) {
        rpc_fail(req, A2A_ERROR_UNSUPPORTED, "the task does not wait for a message", NULL);
        return;
    }
    if (add_input(k, in, &err) < 0) {
        refuse(t, req, -32602, err_text(&err));
        return;
    }
    memcpy(k->last, in->hash, sizeof k->last);
    k->input = true;
    (void)tasks_move(t, k, A2A_SUBMITTED, "");
    tasks_say(t, k);
    answer(t, req, k);
    serve_pump(t);
}

static bool session_friend(struct tasks *t, struct node_session *s, struct rpc_request *req,
                           uint8_t identity[32]) {
    t->node = node_session_node(s);
    if (node_session_friend(s) && t->c.ops->friend_of(t->c.ctx, node_session_key(s), identity))
        return true;
    rpc_fail(req, NODE_ERROR_NOT_PAIRED, "tasks are for friends", NULL);
    return false;
}

void serve_send(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct tasks *t = ctx;
    struct incoming in = {0};
    struct err err = {0};
    uint8_t identity[32];
    if (!session_friend(t, s, req, identity))
        return;
    if (read_message(params, &in, &err) < 0) {
        refuse(t, req, -32602, err_text(&err));
        return;
    }
    char id[A2A_ID_BYTES_MAX + 1];
    struct text of = in.m.task_id.data ? in.m.task_id : in.m.message_id;
    (void)tasks_copy(id, sizeof id, of.data, of.len);
    struct task *k = tasks_find(t, false, id, node_session_key(s));
    if (k && memcmp(k->last, in.hash, sizeof in.hash) == 0) // said again after a lost answer
        answer(t, req, k);
    else if (k && in.m.task_id.data)
        go_on(t, req, k, &in);
    else if (k)
        refuse(t, req, -32602, "this id is in use for another request");
    else if (in.m.task_id.data)
        rpc_fail(req, A2A_ERROR_NOT_FOUND, "no such task", NULL);
    else
        take(t, req, s, &in, identity);
    fields_release(a2a_message_fields, &in.m);
}

static struct task *named(struct tasks *t, struct node_session *s, struct rpc_request *req,
                          json_t *params) {
    struct text id = {json_string_value(json_object_get(params, "id")),
                      json_string_length(json_object_get(params, "id"))};
    uint8_t identity[32];
    if (!session_friend(t, s, req, identity))
        return NULL;
    struct task *k = a2a_id_valid(id) ? tasks_find(t, false, id.data, node_session_key(s)) : NULL;
    if (k && (task_open(k) || k->result))
        return k;
    rpc_fail(req, A2A_ERROR_NOT_FOUND, "no such task", NULL);
    return NULL;
}

void serve_get(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct task *k = named(ctx, s, req, params);
    if (k)
        answer(ctx, req, k);
}

void serve_cancel(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct tasks *t = ctx;
    struct task *k = named(t, s, req, params);
    if (!k)
        return;
    if (!task_open(k)) {
        rpc_fail(req, A2A_ERROR_NOT_CANCELABLE, "the task has ended", NULL);
        return;
    }
    serve_end(t, k, A2A_CANCELED, "");
    answer(t, req, k);
    serve_pump(t);
}

void serve_cards(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct tasks *t = ctx;
    uint8_t identity[32];
    (void)params;
    if (!session_friend(t, s, req, identity))
        return;
    json_t *cards = t->c.ops->cards(t->c.ctx);
    if (cards)
        rpc_reply(req, json_pack("{s:o}", "cards", cards));
    else
        rpc_fail(req, -32603, "out of memory", NULL);
}
