// Capabilities about tasks between friends: asking, what goes on, deciding, policies, cards.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/audit.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/fed_tasks.h"
#include "server/grants_ask.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    AGAIN_MS = 50,
    AGAIN_MAX = 100, // until the grants have been read
    CARDS_MS = TASKS_CALL_MS + 1000,
    PREFIX_MIN = 4,
    PURPOSE_BYTES_MAX = 1024
};

// --- asking a friend ---------------------------------------------------------------------------

struct ask_input {
    struct text friend, skill;
    json_t *arguments;
    bool show;
    int64_t seconds;
};
static const struct field ask_fields[] = {
    {.name = "friend",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct ask_input, friend),
     .min = 1,
     .max = PEERSDB_NAME_BYTES_MAX},
    {.name = "skill",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct ask_input, skill),
     .min = 3,
     .max = 2 * TASKS_AGENT_BYTES_MAX},
    {.name = "arguments", .type = FIELD_JSON, .offset = offsetof(struct ask_input, arguments)},
    {.name = "show", .type = FIELD_BOOL, .offset = offsetof(struct ask_input, show)},
    {.name = "seconds",
     .type = FIELD_INT,
     .offset = offsetof(struct ask_input, seconds),
     .min = 1,
     .max = TASKS_DEADLINE_MS_MAX / 1000},
    {0},
};

struct asking {
    struct text who;
    struct peersdb_peer peer;
    char agent[TASKS_AGENT_BYTES_MAX + 1], skill[TASKS_AGENT_BYTES_MAX + 1];
    const char *workspace;
    struct fed_leaving leaving;
    uint64_t deadline_ms;
    char id[TASKS_ID_BYTES + 1];
    bool connected;
};

static int find_peer(struct fed_core *core, void *arg, struct err *err) {
    struct asking *a = arg;
    int r = fed_peer_find(core, a->who, &a->peer, err);
    a->connected = r == 0 && node_session_find(core->node, a->peer.device);
    return r;
}

static int put_task(struct fed_core *core, void *arg, struct err *err) {
    struct asking *a = arg;
    struct tasks_ask ask = {.device = a->peer.device,
                            .agent = a->agent,
                            .skill = a->skill,
                            .parts = json_incref(a->leaving.parts),
                            .arguments = json_incref(a->leaving.arguments),
                            .deadline_ms = a->deadline_ms};
    return fed_tasks_ask(core, &ask, a->workspace, a->id, err);
}

static int split_skill(struct text given, struct asking *a, const struct agent_capability **ret,
                       enum fed_tasks_material *material, struct err *err) {
    const char *dot = memchr(given.data, '.', given.len);
    size_t n = dot ? (size_t)(dot - given.data) : 0;
    if (!dot || n >= sizeof a->agent || given.len - n - 1 >= sizeof a->skill)
        return err_set(err, ERR_INVAL, "skill: expected agent.skill, for example sherlock.review");
    memcpy(a->agent, given.data, n);
    memcpy(a->skill, dot + 1, given.len - n - 1);
    *ret = fed_tasks_skill(a->agent, a->skill, material);
    return *ret ? 0
                : err_set(err, ERR_UNSUPPORTED,
                          "%s.%s cannot be asked of a friend: it works on a history or a memory "
                          "that does not leave",
                          a->agent, a->skill);
}

// The entry is there before anything can leave.
static int audit_leaving(struct call *call, const struct asking *a, const char *audience,
                         struct err *err) {
    char purpose[2 * (TASKS_AGENT_BYTES_MAX + 1)];
    (void)snprintf(purpose, sizeof purpose, "%s.%s", a->agent, a->skill);
    struct audit_entry entry = {.time_ms = call->now_ms,
                                .event = AUDIT_SEND,
                                .outcome = AUDIT_OK,
                                .bytes_out = (int64_t)a->leaving.bytes,
                                .kind = CONSENT_TASK,
                                .audience = audience,
                                .purpose = purpose,
                                .model = "",
                                .workspace = call->caller->workspace};
    return fed_audit_entry(call->services, &entry, err);
}

static json_t *leaving_json(const struct asking *a) {
    return json_pack("{sI sI sI sI}", "bytes", (json_int_t)a->leaving.bytes, "files",
                     (json_int_t)a->leaving.files, "left_out", (json_int_t)a->leaving.left_out,
                     "secrets", (json_int_t)a->leaving.secrets);
}

static int show(const struct asking *a, struct answer *answer, struct err *err) {
    json_t *out = leaving_json(a);
    if (out && (json_object_set(out, "parts", a->leaving.parts) < 0 ||
                json_object_set(out, "arguments", a->leaving.arguments) < 0)) {
        json_decref(out);
        out = NULL;
    }
    return admin_answer(answer, out, err);
}

static int consent(struct call *call, const struct asking *a, const char *audience,
                   struct answer *answer, struct err *err) {
    char purpose[PURPOSE_BYTES_MAX];
    struct consent_pass pass;
    (void)snprintf(purpose, sizeof purpose,
                   "%s's %s is asked for \"%s\". %u files, %zu bytes, leave for that; paired shows "
                   "them with --show-what-leaves.",
                   a->peer.name, a->agent, a->skill, a->leaving.files, a->leaving.bytes);
    const struct grants_first first = {
        .what = {CONSENT_TASK, audience, CONSENT_OUT, call->caller->workspace},
        .who = a->peer.name,
        .purpose = purpose};
    return grants_ask_first(call, &first, &pass, answer, err);
}

static int send(struct call *call, struct asking *a, struct answer *answer, struct err *err) {
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    a->workspace = call->caller->workspace;
    consent_friend(a->peer.identity, audience);
    int r = consent(call, a, audience, answer, err);
    if (r <= 0)
        return r;
    r = audit_leaving(call, a, audience, err);
    if (r == 0)
        r = fed_run(call->services, put_task, a, err);
    for (int i = 0; i < AGAIN_MAX && (r == ERR_BUSY || r == ERR_PERM); i++) {
        (void)usleep(AGAIN_MS * 1000); // a grant given just now is read in a moment
        r = fed_run(call->services, put_task, a, err);
    }
    if (r < 0)
        return r;
    json_t *out = leaving_json(a);
    if (out)
        (void)json_object_update_new(out, json_pack("{ss ss sb}", "id", a->id, "friend",
                                                    a->peer.name, "connected", a->connected));
    return admin_answer(answer, out, err);
}

static int run_ask(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct ask_input *in = input;
    const struct agent_capability *c = NULL;
    enum fed_tasks_material material = FED_TASKS_WORDS;
    struct asking a = {.who = in->friend, .deadline_ms = (uint64_t)in->seconds * 1000};
    json_t *none = in->arguments ? NULL : json_object();
    const json_t *arguments = in->arguments ? in->arguments : none;
    int r = json_is_object(arguments) ? split_skill(in->skill, &a, &c, &material, err)
                                      : err_set(err, ERR_INVAL, "arguments: expected object");
    if (r == 0 && !in->show)
        r = fed_run(call->services, find_peer, &a, err);
    if (r == 0)
        r = fed_tasks_pack(call, c, material, arguments, &a.leaving, err);
    if (r == 0)
        r = in->show ? show(&a, answer, err) : send(call, &a, answer, err);
    fed_leaving_done(&a.leaving);
    json_decref(none);
    return r;
}

// --- what goes on ------------------------------------------------------------------------------

struct listing {
    struct fed_core *core;
    json_t *out;
    const char *id; // beginning of the one that is looked for; NULL: all
    size_t id_n;
    unsigned found;
};

static json_t *task_json(struct fed_core *core, const struct tasks_view *v) {
    struct peersdb_peer peer = {.name = ""};
    char identity[FED_HEX_BYTES];
    (void)peersdb_peer_get(core->peersdb, v->device, &peer, NULL);
    fed_hex(v->identity, 32, identity);
    return json_pack("{ss sb ss ss ss ss ss ss sb sf sf sI sI sI sb}", "id", v->id, "ours", v->ours,
                     "friend", peer.name[0] ? peer.name : identity, "identity", identity, "agent",
                     v->agent, "skill", v->skill, "state", a2a_state_word(v->state), "text",
                     v->text, "ended", a2a_state_terminal(v->state), "done", v->done, "total",
                     v->total, "made_ms", (json_int_t)v->made_ms, "changed_ms",
                     (json_int_t)v->changed_ms, "bytes", (json_int_t)v->bytes, "sent", v->sent);
}

static int list_one(void *ctx, const struct tasks_view *v) {
    struct listing *l = ctx;
    if (l->id && strncmp(v->id, l->id, l->id_n) != 0)
        return 0;
    json_t *one = task_json(l->core, v);
    if (one && l->id && v->result)
        (void)json_object_set_new(one, "result", json_deep_copy(v->result));
    if (one && l->id && !v->ours && v->message) // what the friend sent: its user decides on it
        (void)json_object_set_new(one, "message", json_deep_copy(v->message));
    l->found++;
    return json_array_append_new(l->out, one) < 0 ? ERR_NOMEM : 0;
}

static int list_tasks(struct fed_core *core, void *arg, struct err *err) {
    struct listing *l = arg;
    l->core = core;
    int r = tasks_each(fed_tasks_of(core), list_one, l);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int run_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct listing l = {.out = json_array()};
    (void)input;
    int r = l.out ? fed_run(call->services, list_tasks, &l, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(l.out);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "tasks", l.out), err);
}

struct id_input {
    struct text id;
    bool allow;
};
static const struct field id_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct id_input, id),
     .min = PREFIX_MIN,
     .max = A2A_ID_BYTES_MAX},
    {.name = "allow", .type = FIELD_BOOL, .offset = offsetof(struct id_input, allow)},
    {0},
};

// The one whose id begins so.
static int find_task(struct fed_core *core, struct text id, struct listing *l, struct err *err) {
    l->id = id.data;
    l->id_n = id.len;
    int r = l->out ? list_tasks(core, l, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && l->found == 0)
        r = err_set(err, ERR_NOT_FOUND, "no such task: paired tasks");
    if (r == 0 && l->found > 1)
        r = err_set(err, ERR_EXISTS, "several tasks begin so: say more of it");
    return r;
}

struct deciding {
    struct id_input in;
    json_t *out;
    bool cancel;
};
static const char *whole_id(const struct listing *l) {
    return json_string_value(json_object_get(json_array_get(l->out, 0), "id"));
}

static int show_task(struct fed_core *core, void *arg, struct err *err) {
    struct deciding *d = arg;
    struct listing l = {.out = json_array()};
    int r = find_task(core, d->in.id, &l, err);
    if (r == 0)
        d->out = json_incref(json_array_get(l.out, 0));
    json_decref(l.out);
    return r;
}

static int run_show(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct deciding d = {.in = *(const struct id_input *)input};
    int r = fed_run(call->services, show_task, &d, err);
    return r < 0 ? r : admin_answer(answer, d.out, err);
}

static int decide(struct fed_core *core, void *arg, struct err *err) {
    struct deciding *d = arg;
    struct listing l = {.out = json_array()};
    int r = find_task(core, d->in.id, &l, err);
    if (r == 0)
        r = d->cancel ? tasks_cancel(fed_tasks_of(core), whole_id(&l), err)
                      : tasks_decide(fed_tasks_of(core), whole_id(&l), d->in.allow, err);
    json_decref(l.out);
    return r;
}

static int run_decide(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct deciding d = {.in = *(const struct id_input *)input};
    int r = fed_run(call->services, decide, &d, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

static int run_cancel(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct deciding d = {.in = *(const struct id_input *)input, .cancel = true};
    int r = fed_run(call->services, decide, &d, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

// --- policies ----------------------------------------------------------------------------------

struct policy_input {
    struct text friend, agent;
    int mode;
    int64_t requests, seconds;
};
static const char *const modes[] = {"ask", "always", "never", "quota", NULL};
static const struct field policy_fields[] = {
    {.name = "friend",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct policy_input, friend),
     .min = 1,
     .max = PEERSDB_NAME_BYTES_MAX},
    {.name = "agent",
     .type = FIELD_STRING,
     .offset = offsetof(struct policy_input, agent),
     .max = TASKS_AGENT_BYTES_MAX},
    {.name = "mode",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct policy_input, mode),
     .values = modes},
    {.name = "requests",
     .type = FIELD_INT,
     .offset = offsetof(struct policy_input, requests),
     .min = 1,
     .max = 100000},
    {.name = "seconds",
     .type = FIELD_INT,
     .offset = offsetof(struct policy_input, seconds),
     .min = 1,
     .max = 86400},
    {0},
};

static int put_policy(struct fed_core *core, void *arg, struct err *err) {
    const struct policy_input *in = arg;
    struct peersdb_peer peer = {.name = ""}; // "everyone": an identity of zeros
    char agent[TASKS_AGENT_BYTES_MAX + 1] = "";
    int r = text_is(in->friend, "everyone") ? 0 : fed_peer_find(core, in->friend, &peer, err);
    if (r < 0)
        return r;
    if (in->agent.len) {
        const struct agent *a = agent_find(in->agent.data, in->agent.len);
        if (!a || a == &agent_team)
            return err_set(err, ERR_NOT_FOUND,
                           "no such agent: sherlock, leonardo, edison, marie, "
                           "alex, vince, maya");
        memcpy(agent, a->name, strlen(a->name) + 1);
    }
    const struct tasks_policy p = {.mode = (enum tasks_mode)in->mode,
                                   .requests_day = (uint32_t)in->requests,
                                   .cpu_s_day = (uint32_t)in->seconds};
    r = fed_tasks_db_policy_put(core->db, peer.identity, agent, &p, err);
    if (r == 0)
        tasks_rules_changed(fed_tasks_of(core));
    return r;
}

static int run_policy(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct policy_input in = *(const struct policy_input *)input;
    int r = fed_run(call->services, put_policy, &in, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

struct naming {
    const uint8_t *identity;
    char name[PEERSDB_NAME_BYTES_MAX];
};
static void name_peer(void *ctx, const struct peersdb_peer *p) {
    struct naming *n = ctx;
    if (memcmp(p->identity, n->identity, 32) == 0)
        memcpy(n->name, p->name, sizeof n->name);
}
static int list_policy(void *ctx, const uint8_t identity[32], const char *agent,
                       const struct tasks_policy *p) {
    static const uint8_t everybody[32];
    struct listing *l = ctx;
    struct naming n = {.identity = identity};
    (void)snprintf(n.name, sizeof n.name, "everyone");
    if (memcmp(identity, everybody, 32) != 0) {
        fed_hex(identity, 4, n.name); // of one that is gone
        (void)peersdb_peers(l->core->peersdb, name_peer, &n, NULL);
    }
    return json_array_append_new(
        l->out, json_pack("{ss ss ss sI sI}", "friend", n.name, "agent", agent, "mode",
                          tasks_mode_name(p->mode), "requests",
                          (json_int_t)(p->requests_day ? p->requests_day : TASKS_REQUESTS_DAY),
                          "seconds", (json_int_t)(p->cpu_s_day ? p->cpu_s_day : TASKS_CPU_S_DAY)));
}
static int list_policies(struct fed_core *core, void *arg, struct err *err) {
    struct listing *l = arg;
    l->core = core;
    return fed_tasks_db_policies(core->db, list_policy, l, err);
}
static int run_policies(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    struct listing l = {.out = json_array()};
    (void)input;
    int r = l.out ? fed_run(call->services, list_policies, &l, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(l.out);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "policies", l.out), err);
}

// --- cards -------------------------------------------------------------------------------------

// Held by who waits and by the answer that comes.
struct cards {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct text who;
    bool done;
    unsigned holders;
    json_t *list; // a copy: it changes threads
    struct err why;
};

static void cards_put(struct cards *c) {
    (void)pthread_mutex_lock(&c->lock);
    bool last = --c->holders == 0;
    (void)pthread_mutex_unlock(&c->lock);
    if (!last)
        return;
    (void)pthread_cond_destroy(&c->came);
    (void)pthread_mutex_destroy(&c->lock);
    json_decref(c->list);
    mem_free(c);
}

static void on_cards(void *ctx, const json_t *list, const struct err *why) {
    struct cards *c = ctx;
    (void)pthread_mutex_lock(&c->lock);
    c->list = list ? json_deep_copy(list) : NULL;
    if (why)
        c->why = *why;
    else if (!c->list)
        (void)err_set(&c->why, ERR_NOMEM, "out of memory");
    c->done = true;
    (void)pthread_cond_broadcast(&c->came);
    (void)pthread_mutex_unlock(&c->lock);
    cards_put(c);
}

static int ask_cards(struct fed_core *core, void *arg, struct err *err) {
    struct cards *c = arg;
    struct peersdb_peer peer;
    int r = fed_peer_find(core, c->who, &peer, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&c->lock);
    c->holders++;
    (void)pthread_mutex_unlock(&c->lock);
    r = tasks_cards(fed_tasks_of(core), peer.device, on_cards, c, err);
    if (r < 0)
        cards_put(c);
    return r;
}

static int wait_cards(struct cards *c, struct err *err) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CARDS_MS / 1000;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->done && pthread_cond_timedwait(&c->came, &c->lock, &until) == 0)
        ;
    int r = !c->done  ? err_set(err, ERR_TIMEOUT, "no answer came in time")
            : c->list ? 0
                      : err_set(err, c->why.code, "%s", err_text(&c->why));
    (void)pthread_mutex_unlock(&c->lock);
    return r;
}

static int run_cards(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct cards *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->came, NULL);
    c->holders = 1;
    c->who = ((const struct policy_input *)input)->friend;
    int r = fed_run(call->services, ask_cards, c, err);
    if (r == 0)
        r = wait_cards(c, err);
    if (r == 0)
        r = admin_answer(answer, json_pack("{sO}", "cards", c->list), err);
    cards_put(c);
    return r;
}

static const struct field friend_fields[] = {
    {.name = "friend",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct policy_input, friend),
     .min = 1,
     .max = PEERSDB_NAME_BYTES_MAX},
    {0},
};

#define OF_ID .input = id_fields, .input_size = sizeof(struct id_input)
const struct capability capabilities_tasks[] = {
    {.name = "tasks ask",
     .flags = CAP_CLI_ONLY,
     .input = ask_fields,
     .input_size = sizeof(struct ask_input),
     .run = run_ask},
    {.name = "tasks list", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = run_list},
    {.name = "tasks show", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, OF_ID, .run = run_show},
    {.name = "tasks decide", .flags = CAP_CLI_ONLY, OF_ID, .run = run_decide},
    {.name = "tasks cancel", .flags = CAP_CLI_ONLY, OF_ID, .run = run_cancel},
    {.name = "tasks policy",
     .flags = CAP_CLI_ONLY,
     .input = policy_fields,
     .input_size = sizeof(struct policy_input),
     .run = run_policy},
    {.name = "tasks policies", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = run_policies},
    {.name = "tasks agents",
     .flags = CAP_CLI_ONLY | CAP_READ_ONLY,
     .input = friend_fields,
     .input_size = sizeof(struct policy_input),
     .run = run_cards},
    {0},
};
