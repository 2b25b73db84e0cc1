#include "tests/unit/federation/tasks_pair.h"

#include "core/base/mem.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

// --- what tasks need of an engine --------------------------------------------------------------

static bool friend_of(void *ctx, const uint8_t *device, uint8_t *ret_identity) {
    struct task_side *s = ctx;
    if (memcmp(device, s->other->self.key, 32) != 0)
        return false;
    memcpy(ret_identity, s->other->identity, 32);
    return true;
}
static int granted(void *ctx, const uint8_t *identity, bool out, struct err *err) {
    struct task_side *s = ctx;
    assert(memcmp(identity, s->other->identity, 32) == 0);
    if (s->reading)
        return err_set(err, ERR_BUSY, "the grants are being read");
    return (out ? s->grant_out : s->grant_in) ? 0 : err_set(err, ERR_PERM, "no grant for task");
}
static void policy(void *ctx, const uint8_t *identity, const char *agent,
                   struct tasks_policy *ret) {
    struct task_side *s = ctx;
    (void)identity;
    assert(strcmp(agent, "sherlock") == 0);
    *ret = s->policy;
}
static int sign(void *ctx, const void *bytes, size_t n, uint8_t *ret, struct err *err) {
    struct task_side *s = ctx;
    (void)err;
    (void)crypto_sign_detached(ret, NULL, bytes, n, s->secret);
    ret[10] ^= s->forge;
    return 0;
}
static json_t *cards(void *ctx) {
    struct task_side *s = ctx;
    char key[65];
    json_t *card = json_pack(
        "{s:s, s:s, s:[{s:s, s:s, s:s}], s:s, s:{s:b}, s:[s], s:[s], s:[{s:s, s:s, s:s, s:[s]}]}",
        "name", "sherlock", "description", "finds", "supportedInterfaces", "url", "paired:x",
        "protocolBinding", "paired", "protocolVersion", "1.0", "version", "1", "capabilities",
        "streaming", 0, "defaultInputModes", "text/x-diff", "defaultOutputModes", "text/plain",
        "skills", "id", "review", "name", "Review", "description", "d", "tags", "review");
    (void)sodium_bin2hex(key, sizeof key, s->self.key, 32);
    assert(card && a2a_card_sign(card, key, sign, s, NULL) == 0);
    return json_pack("[o]", card);
}
static bool serves(void *ctx, const char *agent, const char *skill) {
    (void)ctx;
    return strcmp(agent, "sherlock") == 0 && strcmp(skill, "review") == 0;
}
static int start(void *ctx, const struct tasks_job *job, struct err *err) {
    struct task_side *s = ctx;
    (void)err;
    assert(s->jobs_n < SIDE_JOBS_MAX && job->deadline_ms > 0);
    s->jobs[s->jobs_n++] = job->number;
    s->started++;
    if (s->cut)
        net_memory_reset(s->pair->m);
    s->cut = false;
    char *text = json_dumps(json_object_get(job->message, "parts"), JSON_COMPACT);
    if (text && strlen(text) < sizeof s->parts)
        memcpy(s->parts, text, strlen(text) + 1);
    mem_free(text);
    return 0;
}
static void stop(void *ctx, uint64_t number) {
    struct task_side *s = ctx;
    assert(number);
    s->stopped++;
}
static int leaving(void *ctx, const struct tasks_view *v, struct err *err) {
    (void)err;
    assert(v->ours && v->bytes && v->message);
    ((struct task_side *)ctx)->leavings++;
    return 0;
}
static void changed(void *ctx, const struct tasks_view *v) {
    static const char letters[A2A_STATES + 1] = "swcfxira";
    struct task_side *s = ctx;
    size_t n = strlen(s->log);
    if (n + 1 < sizeof s->log) {
        s->log[n] = letters[v->state];
        s->log[n + 1] = '\0';
    }
    memcpy(s->text, v->text, strlen(v->text) + 1);
    if (v->result) {
        json_decref(s->result);
        s->result = json_incref((json_t *)v->result);
    }
}

static struct tasks_row *row_of(struct task_side *s, bool ours, const char *id) {
    for (unsigned i = 0; i < s->rows_n; i++)
        if (s->rows[i].ours == ours && strcmp(s->rows[i].id, id) == 0)
            return &s->rows[i];
    return NULL;
}
static void keep(void *ctx, const struct tasks_row *row) {
    struct task_side *s = ctx;
    struct tasks_row *r = row_of(s, row->ours, row->id);
    assert(r || s->rows_n < SIDE_ROWS_MAX);
    *(r ? r : &s->rows[s->rows_n++]) = *row;
}
static void forget(void *ctx, bool ours, const char *id, const uint8_t *device) {
    struct task_side *s = ctx;
    struct tasks_row *r = row_of(s, ours, id);
    (void)device;
    if (r)
        *r = s->rows[--s->rows_n];
}
static void keep_usage(void *ctx, const struct tasks_usage *usage) {
    ((struct task_side *)ctx)->usage = *usage;
}
static int restore(void *ctx, int (*row)(void *, const struct tasks_row *),
                   int (*usage)(void *, const struct tasks_usage *), void *arg) {
    struct task_side *s = ctx;
    struct tasks_row rows[8];
    unsigned n = s->rows_n < 8 ? s->rows_n : 8;
    int r = 0;
    memcpy(rows, s->rows, n * sizeof *rows);
    for (unsigned i = 0; r == 0 && i < n; i++)
        r = row(arg, &rows[i]);
    return r < 0 || !s->usage.day ? r : usage(arg, &s->usage);
}
static const struct tasks_ops ops = {.friend_of = friend_of,
                                     .granted = granted,
                                     .policy = policy,
                                     .cards = cards,
                                     .serves = serves,
                                     .start = start,
                                     .stop = stop,
                                     .leaving = leaving,
                                     .changed = changed,
                                     .keep = keep,
                                     .forget = forget,
                                     .keep_usage = keep_usage,
                                     .restore = restore};

// --- life --------------------------------------------------------------------------------------

static void make(struct task_pair *p, struct task_side *s, struct task_side *other, uint8_t host) {
    uint8_t seed[32] = {host};
    *s = (struct task_side){.pair = p, .other = other, .host = host};
    s->grant_in = s->grant_out = true;
    s->policy.mode = TASKS_ALWAYS;
    (void)crypto_sign_seed_keypair(s->self.key, s->secret, seed);
    memset(s->identity, 0xA0 + host, sizeof s->identity);
    s->self.env = &p->env.env;
    s->maker = channel_plain_maker(&s->self);
    s->port = (uint16_t)(7000 + host);
}

int side_start(struct task_side *s) {
    struct tasks_config config = {
        .env = &s->pair->env.env, .sign = sign, .sign_ctx = s, .ops = &ops, .ctx = s};
    memcpy(config.device, s->self.key, 32);
    s->peers = peers_memory_new();
    if (!s->peers || tasks_new(&config, &s->tasks, NULL) < 0)
        return ERR_NOMEM;
    s->service = tasks_service(s->tasks);
    struct peers_entry e = {.addrs_n = 1};
    memcpy(e.key, s->other->self.key, 32);
    e.addrs[0] = net_memory_addr(s->other->host, s->other->port);
    struct node_config node = {.env = &s->pair->env.env,
                               .net = net_memory_host(s->pair->m, s->host),
                               .channels = &s->maker,
                               .peers = peers_memory_face(s->peers),
                               .port = s->port,
                               .services = &s->service,
                               .services_n = 1};
    memcpy(node.key, s->self.key, 32);
    if (peers_memory_put(s->peers, &e) < 0 || node_start(&node, &s->node, NULL) < 0)
        return ERR_NOMEM;
    tasks_attach(s->tasks, s->node);
    return 0;
}

void side_stop(struct task_side *s) {
    if (s->tasks)
        tasks_attach(s->tasks, NULL);
    node_stop(s->node);
    tasks_free(s->tasks);
    peers_memory_free(s->peers);
    s->node = NULL;
    s->tasks = NULL;
    s->peers = NULL;
    s->jobs_n = 0;
}

int task_pair_init(struct task_pair *p) {
    assert(sodium_init() >= 0);
    fake_env_init(&p->env);
    p->env.now_ms = 1764000000000; // a day of 2025: quotas count days
    p->m = net_memory_new();
    if (!p->m)
        return ERR_NOMEM;
    make(p, &p->a, &p->b, 1);
    make(p, &p->b, &p->a, 2);
    int r = side_start(&p->a);
    return r < 0 ? r : side_start(&p->b);
}

void task_pair_done(struct task_pair *p) {
    side_stop(&p->a);
    side_stop(&p->b);
    json_decref(p->a.result);
    json_decref(p->b.result);
    net_memory_free(p->m);
}

void task_pair_run(struct task_pair *p) {
    while (net_memory_run(p->m))
        ;
    if (p->a.tasks)
        tasks_check(p->a.tasks);
    if (p->b.tasks)
        tasks_check(p->b.tasks);
}

void task_pair_pass(struct task_pair *p, uint64_t ms) {
    task_pair_run(p);
    while (ms) {
        uint64_t step = ms < 500 ? ms : 500;
        fake_env_advance(&p->env, step);
        task_pair_run(p);
        ms -= step;
    }
}

bool task_pair_connect(struct task_pair *p) {
    for (int i = 0; i < 200; i++) {
        if (node_session_find(p->a.node, p->b.self.key) &&
            node_session_find(p->b.node, p->a.self.key))
            return true;
        task_pair_pass(p, 500);
    }
    return false;
}

// --- acts --------------------------------------------------------------------------------------

int side_ask(struct task_side *s, const char *text, char id[TASKS_ID_BYTES + 1], struct err *err) {
    struct tasks_ask ask = {.device = s->other->self.key,
                            .agent = "sherlock",
                            .skill = "review",
                            .parts = json_pack("[{s:s}]", "text", text)};
    return tasks_ask(s->tasks, &ask, id, err);
}

void side_finish(struct task_side *s, enum a2a_state state, const char *text, const char *answer) {
    assert(s->jobs_n > 0);
    uint64_t number = s->jobs[0];
    memmove(s->jobs, s->jobs + 1, --s->jobs_n * sizeof *s->jobs);
    struct tasks_outcome o = {.state = state, .text = text, .cpu_ms = 1000};
    if (answer)
        o.artifacts =
            json_pack("[{s:s, s:[{s:s}]}]", "artifactId", "answer", "parts", "text", answer);
    tasks_done(s->tasks, number, &o);
}

static void on_raw(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct task_side *s = ctx;
    const char *state = json_string_value(
        json_object_get(json_object_get(json_object_get(result, "task"), "status"), "state"));
    s->raw += result != NULL;
    s->raw_code = error ? (int)json_integer_value(json_object_get(error, "code")) : 0;
    if (err)
        s->raw_code = err->code;
    if (state)
        memcpy(s->raw_state, state, strlen(state) + 1);
}

int side_raw(struct task_side *s, const char *method, json_t *params) {
    struct node_session *session = node_session_find(s->node, s->other->self.key);
    assert(session);
    return link_call(node_session_link(session), method, params, 60000, on_raw, s, NULL) > 0 ? 0
                                                                                             : -1;
}

struct seek {
    bool ours;
    const char *id;
    enum a2a_state state;
};
static int seek(void *ctx, const struct tasks_view *v) {
    struct seek *k = ctx;
    if (v->ours == k->ours && strcmp(v->id, k->id) == 0)
        k->state = v->state;
    return 0;
}
enum a2a_state side_state(struct task_side *s, bool ours, const char *id) {
    struct seek k = {ours, id, A2A_STATES};
    (void)tasks_each(s->tasks, seek, &k);
    return k.state;
}
