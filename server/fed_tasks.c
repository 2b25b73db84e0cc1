// Tasks on the federation's thread: what federation/tasks needs of the engine, and the runs that
// workers have taken from it.
#include "server/fed_tasks.h"

#include "core/base/dirs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/audit.h"
#include "server/cap_fed.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POST_TRIES = 30, POST_PAUSE_MS = 200, WORD = 2 * (TASKS_AGENT_BYTES_MAX + 1) };

struct note { // of a task of ours
    char id[TASKS_ID_BYTES + 1];
    char workspace[CONSENT_PATH_BYTES_MAX + 1];
};
struct fed_tasks {
    struct fed_core *core;
    struct tasks *tasks;
    char folder[DIRS_PATH_BYTES_MAX];
    struct run *runs; // that have not come back
    struct note *notes[TASKS_ASKED_MAX];
    unsigned note_next;
    const char *asking; // workspace of the task that is being made just now
};
// One job on a worker. Two hold it: the list, and the worker.
struct run {
    struct run *next;
    atomic_int holders;
    atomic_bool stop;
    struct services *services;
    uint64_t number, deadline_ms, ends_ms;
    char agent[TASKS_AGENT_BYTES_MAX + 1], skill[TASKS_AGENT_BYTES_MAX + 1];
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    char folder[DIRS_PATH_BYTES_MAX];
    char *message; // JSON
    size_t bytes;
    struct tasks_outcome outcome;
    struct err err;
};

static struct fed_tasks *part_of(struct fed_core *core) {
    return core->part[FED_TASKS];
}
struct tasks *fed_tasks_of(struct fed_core *core) {
    struct fed_tasks *f = part_of(core);
    return f ? f->tasks : NULL;
}

// --- audit: on a worker ------------------------------------------------------------------------

static int audit(struct services *s, enum audit_event event, const char *audience,
                 const char *purpose, size_t bytes, struct err *err) {
    struct audit_entry entry = {.time_ms = env_now_wall_ms(),
                                .event = event,
                                .outcome = AUDIT_OK,
                                .bytes_out = event == AUDIT_SEND ? (int64_t)bytes : 0,
                                .bytes_in = event == AUDIT_SEND ? 0 : (int64_t)bytes,
                                .kind = CONSENT_TASK,
                                .audience = audience,
                                .purpose = purpose,
                                .model = ""};
    return fed_audit_entry(s, &entry, err);
}

// --- a run -------------------------------------------------------------------------------------

static void run_put(struct run *r) {
    if (atomic_fetch_sub(&r->holders, 1) > 1)
        return;
    json_decref(r->outcome.artifacts);
    mem_free(r->message);
    mem_free(r);
}

static uint64_t mono_ms(void) {
    return env_now_mono_ns() / 1000000;
}
static bool run_gone(void *ctx) {
    struct run *r = ctx;
    return atomic_load(&r->stop) || mono_ms() > r->ends_ms;
}

static uint64_t cpu_ms(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int post_run(struct fed_core *core, void *arg, struct err *err) {
    struct run *r = arg;
    struct fed_tasks *f = part_of(core);
    (void)err;
    for (struct run **at = f ? &f->runs : NULL; at && *at; at = &(*at)->next)
        if (*at == r) {
            struct tasks_outcome o = r->outcome;
            *at = r->next;
            r->outcome.artifacts = NULL;
            tasks_done(f->tasks, r->number, &o);
            run_put(r);
            break;
        } // else federation was restarted meanwhile, and has said that the task has failed
    return 0;
}

static void work(struct run *r) {
    char purpose[WORD];
    json_t *message = json_loads(r->message, 0, NULL);
    const struct fed_tasks_work w = {.folder = r->folder,
                                     .agent = r->agent,
                                     .skill = r->skill,
                                     .message = message,
                                     .now_ms = env_now_wall_ms(),
                                     .cancelled = run_gone,
                                     .ctx = r};
    (void)snprintf(purpose, sizeof purpose, "%s.%s", r->agent, r->skill);
    r->ends_ms = mono_ms() +
                 (r->deadline_ms < FED_TASKS_RUN_MS ? r->deadline_ms : (uint64_t)FED_TASKS_RUN_MS);
    uint64_t before = cpu_ms();
    int code = audit(r->services, AUDIT_ARRIVE, r->audience, purpose, r->bytes, &r->err);
    if (code == 0)
        code = message ? fed_tasks_run(&w, &r->outcome.artifacts, &r->err)
                       : err_set(&r->err, ERR_NOMEM, "out of memory");
    json_decref(message);
    if (code == ERR_CANCELLED && mono_ms() > r->ends_ms)
        (void)err_set(&r->err, code, "it took longer than %d s, and was stopped",
                      FED_TASKS_RUN_MS / 1000);
    if (code == 0) { // what answers leaves, too
        AUTO_BUF size = BUF_INIT(0);
        (void)buf_put_json(&size, r->outcome.artifacts, JSON_COMPACT);
        code = audit(r->services, AUDIT_SEND, r->audience, purpose, size.len, &r->err);
    }
    r->outcome.state = code == 0 ? A2A_COMPLETED : A2A_FAILED;
    r->outcome.text = code == 0 ? "" : err_text(&r->err);
    r->outcome.cpu_ms = cpu_ms() - before;
}

static void run_on_worker(void *ctx, bool ended) {
    struct run *r = ctx;
    struct err err = {0};
    if (!ended) {
        work(r);
        int code = fed_run(r->services, post_run, r, &err);
        for (int i = 0; i < POST_TRIES && (code == ERR_TIMEOUT || code == ERR_BUSY); i++) {
            (void)usleep(POST_PAUSE_MS * 1000);
            code = fed_run(r->services, post_run, r, &err);
        }
    }
    run_put(r);
}

// --- what tasks ask for ------------------------------------------------------------------------

static bool friend_of(void *ctx, const uint8_t device[32], uint8_t ret_identity[32]) {
    struct fed_tasks *f = ctx;
    struct peersdb_peer peer;
    if (peersdb_peer_get(f->core->peersdb, device, &peer, NULL) < 0)
        return false;
    memcpy(ret_identity, peer.identity, 32);
    return true;
}

static int granted(void *ctx, const uint8_t identity[32], bool out, struct err *err) {
    struct fed_core *core = ((struct fed_tasks *)ctx)->core;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    struct consent_pass pass;
    if (!fed_grants_current(core->grants))
        return err_set(err, ERR_BUSY, "the grants are being read: try again");
    consent_friend(identity, audience);
    return fed_grants_open(core->grants, CONSENT_TASK, audience, out ? CONSENT_OUT : CONSENT_IN,
                           env_wall_ms(core->env), &pass, err);
}

static void policy(void *ctx, const uint8_t identity[32], const char *agent,
                   struct tasks_policy *ret) {
    fed_tasks_db_policy(((struct fed_tasks *)ctx)->core->db, identity, agent, ret);
}

static json_t *cards(void *ctx) {
    return fed_tasks_cards(((struct fed_tasks *)ctx)->core);
}

static bool serves(void *ctx, const char *agent, const char *skill) {
    (void)ctx;
    return fed_tasks_skill(agent, skill, NULL) != NULL;
}

static int start(void *ctx, const struct tasks_job *job, struct err *err) {
    struct fed_tasks *f = ctx;
    struct services *s = f->core->services;
    struct run *r = mem_zalloc(sizeof *r);
    AUTO_BUF text = BUF_INIT(2 * TASKS_INPUT_BYTES_MAX);
    if (r && buf_put_json(&text, job->message, JSON_COMPACT) == 0) {
        r->bytes = text.len;
        r->message = buf_take(&text);
    }
    if (!r || !r->message) {
        mem_free(r);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    atomic_init(&r->holders, 2);
    r->services = s;
    r->number = job->number;
    r->deadline_ms = job->deadline_ms;
    memcpy(r->agent, job->agent, strlen(job->agent) + 1);
    memcpy(r->skill, job->skill, strlen(job->skill) + 1);
    memcpy(r->folder, f->folder, sizeof r->folder);
    consent_friend(job->identity, r->audience);
    r->next = f->runs;
    f->runs = r;
    int code = s->work_behind(s, run_on_worker, r);
    if (code < 0) {
        f->runs = r->next;
        run_put(r);
        run_put(r);
        return err_set(err, code, "the engine has too much to do");
    }
    return 0;
}

static void stop(void *ctx, uint64_t number) {
    for (struct run *r = ((struct fed_tasks *)ctx)->runs; r; r = r->next)
        if (r->number == number)
            atomic_store(&r->stop, true);
}

// The grant may be for one workspace alone: what leaves is asked for with its own.
static int leaving(void *ctx, const struct tasks_view *v, struct err *err) {
    struct fed_tasks *f = ctx;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    struct consent_pass pass;
    struct consent_what what = {CONSENT_TASK, audience, CONSENT_OUT, f->asking};
    consent_friend(v->identity, audience);
    for (size_t i = 0; i < COUNT_OF(f->notes); i++)
        if (f->notes[i] && strcmp(f->notes[i]->id, v->id) == 0 && f->notes[i]->workspace[0])
            what.workspace = f->notes[i]->workspace;
    return fed_grants_allow(f->core->grants, &what, env_wall_ms(f->core->env), &pass, err);
}

struct arrived {
    struct services *services;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    char purpose[WORD];
    size_t bytes;
};
static void note_arrival(void *ctx, bool ended) {
    struct arrived *a = ctx;
    struct err err = {0};
    if (!ended && audit(a->services, AUDIT_ARRIVE, a->audience, a->purpose, a->bytes, &err) < 0)
        log_line(LOG_WARN, "federation", "an answer is not in the log of what came code=%s",
                 err_name(err.code));
    mem_free(a);
}

static void changed(void *ctx, const struct tasks_view *v) {
    struct fed_tasks *f = ctx;
    struct services *s = f->core->services;
    log_line(LOG_INFO, "federation", "task %.8s %s %s.%s %s", v->id, v->ours ? "asked" : "served",
             v->agent, v->skill, a2a_state_word(v->state));
    struct arrived *a = v->ours && v->result ? mem_zalloc(sizeof *a) : NULL;
    AUTO_BUF size = BUF_INIT(0);
    if (!a)
        return;
    a->services = s;
    consent_friend(v->identity, a->audience);
    (void)snprintf(a->purpose, sizeof a->purpose, "%s.%s", v->agent, v->skill);
    (void)buf_put_json(&size, v->result, JSON_COMPACT);
    a->bytes = size.len;
    if (s->work(s, note_arrival, a) < 0)
        note_arrival(a, true);
}

static void keep(void *ctx, const struct tasks_row *row) {
    fed_tasks_db_keep(((struct fed_tasks *)ctx)->core->db, row);
}
static void forget(void *ctx, bool ours, const char *id, const uint8_t device[32]) {
    fed_tasks_db_forget(((struct fed_tasks *)ctx)->core->db, ours, id, device);
}
static void keep_usage(void *ctx, const struct tasks_usage *usage) {
    fed_tasks_db_usage(((struct fed_tasks *)ctx)->core->db, usage);
}
static int restore(void *ctx, int (*row)(void *, const struct tasks_row *),
                   int (*usage)(void *, const struct tasks_usage *), void *arg) {
    return fed_tasks_db_restore(((struct fed_tasks *)ctx)->core->db, row, usage, arg);
}

static int sign(void *ctx, const void *bytes, size_t n, uint8_t ret[JWS_SIGNATURE_BYTES],
                struct err *err) {
    (void)err;
    identity_sign(((struct fed_tasks *)ctx)->core->id, bytes, n, ret);
    return 0;
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

int fed_tasks_ask(struct fed_core *core, const struct tasks_ask *ask, const char *workspace,
                  char ret_id[TASKS_ID_BYTES + 1], struct err *err) {
    struct fed_tasks *f = part_of(core);
    struct note *n = mem_zalloc(sizeof *n);
    if (!n) {
        json_decref(ask->parts);
        json_decref(ask->arguments);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    f->asking = workspace; // it may leave within the call
    int r = tasks_ask(f->tasks, ask, n->id, err);
    f->asking = NULL;
    if (r < 0) {
        mem_free(n);
        return r;
    }
    memcpy(ret_id, n->id, sizeof n->id);
    (void)snprintf(n->workspace, sizeof n->workspace, "%s", workspace ? workspace : "");
    mem_free(f->notes[f->note_next]);
    f->notes[f->note_next] = n;
    f->note_next = (f->note_next + 1) % COUNT_OF(f->notes);
    return 0;
}

// --- life --------------------------------------------------------------------------------------

static void part_done(void *part) {
    struct fed_tasks *f = part;
    tasks_free(f->tasks);
    for (struct run *r = f->runs, *next; r; r = next) { // their workers find nobody any more
        next = r->next;
        atomic_store(&r->stop, true);
        run_put(r);
    }
    for (size_t i = 0; i < COUNT_OF(f->notes); i++)
        mem_free(f->notes[i]);
    mem_free(f);
}

static int part_make(struct fed_core *core, void **ret, struct node_service *service,
                     struct err *err) {
    char dir[DIRS_PATH_BYTES_MAX];
    struct fed_tasks *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->core = core;
    struct tasks_config config = {
        .env = core->env, .sign = sign, .sign_ctx = f, .ops = &ops, .ctx = f};
    memcpy(config.device, identity_device(core->id), sizeof config.device);
    (void)snprintf(dir, sizeof dir, "%s/federation", core->services->dirs->state);
    int r = fed_tasks_folder(dir, f->folder, sizeof f->folder, err);
    if (r == 0)
        r = fed_tasks_db_open(core->db, env_wall_ms(core->env), err);
    if (r == 0)
        r = tasks_new(&config, &f->tasks, err);
    if (r < 0) {
        part_done(f);
        return r;
    }
    *service = tasks_service(f->tasks);
    *ret = f;
    return 0;
}

static int part_start(struct fed_core *core, void *part, struct err *err) {
    (void)err;
    tasks_attach(((struct fed_tasks *)part)->tasks, core->node);
    return 0;
}
static void part_stop(struct fed_core *core, void *part) {
    (void)core;
    tasks_attach(((struct fed_tasks *)part)->tasks, NULL);
}
static void part_grants(struct fed_core *core, void *part) {
    if (fed_grants_current(core->grants))
        tasks_rules_changed(((struct fed_tasks *)part)->tasks);
}

const struct fed_part fed_part_tasks = {.make = part_make,
                                        .start = part_start,
                                        .stop = part_stop,
                                        .done = part_done,
                                        .grants = part_grants};
