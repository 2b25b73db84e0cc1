// How a request goes: plan (worker), choice, preparation (worker), attempt, and again with another
// backend, until an answer has begun or nothing is left to try.
#include "server/models.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

int64_t model_now_ms(void) {
    return env_now_wall_ms();
}

// --- the end of a run

static void unlink_run(struct model_run *run) {
    struct models *m = run->m;
    if (run->prev)
        run->prev->next = run->next;
    else
        m->runs = run->next;
    if (run->next)
        run->next->prev = run->prev;
    m->run_count--;
}

void model_bury(struct model_run *run) {
    unlink_run(run);
    model_budget_release(run);
    model_plan_unref(run->plan);
    wire_reader_free(run->reader);
    wire_writer_free(run->writer);
    wire_joint_free(run->joint);
    for (size_t i = 0; i < run->forward_count; i++) {
        mem_free((char *)(uintptr_t)run->forward[i].name);
        mem_free((char *)(uintptr_t)run->forward[i].value);
    }
    run->m->body_bytes -= run->body.len;
    model_kept_done(run->kept);
    model_exact_done(&run->exact);
    buf_done(&run->body);
    buf_done(&run->out);
    buf_done(&run->held);
    buf_done(&run->tail);
    buf_done(&run->said);
    buf_done(&run->headers);
    mem_free(run->workspace);
    mem_free(run->query);
    model_keys_done(&run->own_keys);
    mem_free(run);
}

void model_finish(struct model_run *run, enum route_fault fault, const char *message) {
    const struct backend *b =
        run->plan && run->attempts ? run->plan->offers[run->offer].backend : NULL;
    bool about = fault == ROUTE_FAULT_REQUEST || fault == ROUTE_FAULT_CONTEXT ||
                 fault == ROUTE_FAULT_SIGNATURE; // the request: in the backend's own words
    bool theirs = b && about && !run->begun && run->status / 100 == 4 &&
                  (int)b->family == (int)run->family && run->held.len;
    struct model_result result = {.whole = fault == ROUTE_FAULT_NONE,
                                  .begun = run->begun,
                                  .fault = fault,
                                  .status =
                                      theirs ? run->status : wire_fault_status(run->family, fault),
                                  .retry_after_ms = run->limits.retry_after_ms,
                                  .body = theirs ? run->held.data : NULL,
                                  .body_bytes = theirs ? run->held.len : 0,
                                  .backend = b ? b->name : "",
                                  .model = run->model,
                                  .usage = model_usage_of(run),
                                  .attempts = run->attempts};
    if (b)
        result.cost = run->cost_before + model_cost(run);
    (void)snprintf(result.message, sizeof result.message, "%s", message);
    if (run->why)
        model_whys_id(run->m->services->whys, run->why, result.route);
    run->over = true;
    model_note_end(run, fault, false);
    if (fault == ROUTE_FAULT_NONE)
        model_exact_keep(run);
    if (run->begun && fault != ROUTE_FAULT_NONE && run->read.stream)
        model_put_error(run, fault, message);
    run->events.done(run->ctx, &result);
    model_bury(run);
}

// --- jobs

bool model_back(struct model_run *run, bool cancelled) {
    run->in_job = false;
    run->job = NULL;
    if (run->cancelled || run->m->stopped) {
        model_bury(run);
        return false;
    }
    if (cancelled && run->error.code == 0)
        (void)err_set(&run->error, ERR_CANCELLED, "the engine is ending");
    return true;
}

void model_submit(struct model_run *run, job_run_fn *work, job_done_fn *done) {
    run->in_job = true;
    if (pool_submit(run->m->pool, POOL_INTERACTIVE, work, done, run, &run->job) == 0)
        return;
    run->in_job = false;
    model_finish(run, ROUTE_FAULT_OVERLOADED, "paired has too much to do just now; try again");
}

static void prepare_run(void *ctx, struct job *job) {
    struct model_run *run = ctx;
    (void)job;
    if (!run->body_ready)
        model_prepare_body(run);
    model_prepare_audit(run);
}

static void to_plan(struct model_run *run);

// The pass is looked at here, with nothing between it and the bytes.
static void leave(struct model_run *run) {
    struct store *s = run->m->services->store(run->m->services, NULL);
    if (s && consent_stands(s, &run->plan->offers[run->offer].pass, model_now_ms())) {
        model_send(run);
        return;
    }
    run->usage = (struct wire_usage){.known = false};
    model_settle(run, false, true); // audited, and not sent
    if (run->replanned) {
        model_finish(run, ROUTE_FAULT_AUTH, "the grant for this backend was revoked meanwhile");
        return;
    }
    run->replanned = true;
    model_plan_unref(run->plan);
    run->plan = NULL;
    to_plan(run);
}

static bool prepared(struct model_run *run) {
    if (run->error.code == 0)
        return true;
    if (run->legs) {
        model_stranded(run, run->error.message);
        return false;
    }
    model_finish(run, run->error_fault != ROUTE_FAULT_NONE ? run->error_fault : ROUTE_FAULT_SERVER,
                 run->error.message);
    return false;
}

static void prepare_done(void *ctx, bool cancelled) {
    struct model_run *run = ctx;
    if (!model_back(run, cancelled) || !prepared(run))
        return;
    run->audited = true;
    struct model_lease *l =
        run->lease_bytes ? model_lease_of(run, run->plan->offers[run->offer].backend) : NULL;
    if (l)
        model_lease_begin(run, l, model_now_ms());
    leave(run);
}

// The entry that is on disk names this backend.
static bool is_covered(const struct model_run *run, const char *name) {
    size_t n = strlen(name);
    for (const char *at = run->audited ? run->others : ""; *at;) {
        size_t len = strcspn(at, ",");
        if (len == n && memcmp(at, name, n) == 0)
            return true;
        at += len + strspn(at + len, ", ");
    }
    return false;
}

// A body of ordinary size that needs no conversion is made ready here; with an entry that covers it
// on disk already, it leaves at once. So does a further try, which the first one's entry covers:
// the disk may take longer than anybody wants to wait who has just seen a failure.
static void to_prepare(struct model_run *run) {
    const struct backend *b = run->plan->offers[run->offer].backend;
    bool covered = is_covered(run, b->name);
    model_fill_choose(run);
    bool same = (int)b->family == (int)run->family && !run->stripped && !run->legs;
    run->lease_bytes = 0;
    run->body_ready = false;
    run->late = 0;
    if (run->body.len <= MODEL_INLINE_BYTES_MAX &&
        (same || (covered && run->body.len <= MODEL_CONVERT_BYTES_MAX))) {
        struct model_lease *l = model_lease_of(run, b);
        model_prepare_body(run);
        run->body_ready = true;
        if (run->error.code == 0 && l && model_lease_take(run, l, model_now_ms())) {
            leave(run);
            return;
        }
        run->lease_bytes = model_lease_wanted(l);
        if (run->error.code == 0 && covered && model_settle_late(run)) {
            leave(run);
            return;
        }
    }
    run->audited = false;
    model_list_others(run);
    model_submit(run, prepare_run, prepare_done);
}

static void try_again(void *ctx) {
    struct model_run *run = ctx;
    run->timer = NULL;
    model_choose_first(run);
}

static bool later(struct model_run *run, int64_t wait_ms) {
    run->timer = env_timer_start(loop_env(run->m->loop), (uint64_t)wait_ms, try_again, run);
    return run->timer != NULL;
}

void model_choose_first(struct model_run *run) {
    int64_t wait_ms = 0;
    if (model_exact_look(run))
        return;
    run->tried = run->tried_arm_count = 0;
    if (run->plan->count == 0) {
        model_finish(run, run->plan->spent[0] ? ROUTE_FAULT_BILLING : ROUTE_FAULT_AUTH,
                     run->plan->why);
        return;
    }
    switch (model_choose(run, &wait_ms)) {
    case MODEL_CHOSEN:
        to_prepare(run);
        return;
    case MODEL_LATER:
        run->waits++;
        if (later(run, wait_ms))
            return;
        (void)err_set(&run->error, ERR_NOMEM, "out of memory");
        run->error_fault = ROUTE_FAULT_OVERLOADED;
        break;
    case MODEL_NOBODY:
        break;
    }
    if (run->legs)
        model_stranded(run, run->error.message);
    else
        model_finish(run, run->error_fault, run->error.message);
}

// --- plans

static bool same_workspace(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct model_plan *known_plan(struct model_run *run) {
    struct models *m = run->m;
    struct store *s = run->keys ? NULL : m->services->store(m->services, NULL);
    for (size_t i = 0; s && i < MODEL_PLANS_MAX; i++)
        if (m->plans[i] && same_workspace(m->plans[i]->workspace, run->workspace) &&
            model_plan_stands(s, m->plans[i], model_now_ms()))
            return m->plans[i];
    return NULL;
}

static void keep_plan(struct models *m, struct model_plan *p) {
    size_t at = m->next_plan++ % MODEL_PLANS_MAX;
    for (size_t i = 0; i < MODEL_PLANS_MAX; i++)
        if (m->plans[i] && same_workspace(m->plans[i]->workspace, p->workspace))
            at = i;
    model_plan_unref(m->plans[at]);
    m->plans[at] = p;
    p->refs++;
}

static void plan_run(void *ctx, struct job *job) {
    struct model_run *run = ctx;
    (void)job;
    int r = model_plan_new(run->m->services, run->m->catalogue, run->workspace, run->keys,
                           &run->plan, &run->error);
    if (r < 0 && run->error.code == 0)
        (void)err_set(&run->error, r, "the store did not answer");
    if (run->wants_kept && r == 0)
        run->kept = model_keep_read(run->m->services);
}

static void plan_done(void *ctx, bool cancelled) {
    struct model_run *run = ctx;
    if (!model_back(run, cancelled))
        return;
    if (run->error.code) {
        model_finish(run, ROUTE_FAULT_SERVER, run->error.message);
        return;
    }
    memcpy(run->plan->written, run->written, sizeof run->written);
    model_keep_take(run->m, run->kept);
    model_notice_changes(run->m, run->plan);
    if (!run->keys && run->plan->count)
        keep_plan(run->m, run->plan);
    model_choose_first(run);
}

static void to_plan(struct model_run *run) {
    run->error = (struct err){0};
    run->wants_kept = !run->m->kept;
    model_budget_mark(run);
    model_submit(run, plan_run, plan_done);
}

static void start(void *ctx) {
    struct model_run *run = ctx;
    run->timer = NULL;
    struct model_plan *plan = known_plan(run);
    if (!plan) {
        to_plan(run);
        return;
    }
    run->plan = plan;
    plan->refs++;
    model_choose_first(run);
}

// --- another try

static bool may_pass(enum route_fault fault) {
    return fault == ROUTE_FAULT_RATE || fault == ROUTE_FAULT_OVERLOADED ||
           fault == ROUTE_FAULT_SERVER || fault == ROUTE_FAULT_TIMEOUT;
}

void model_next(struct model_run *run, enum route_fault fault, const char *message) {
    if (fault == ROUTE_FAULT_SIGNATURE && !run->stripped && run->family == WIRE_ANTHROPIC) {
        run->stripped = true;
        to_prepare(run);
        return;
    }
    if (model_fill_refused(run)) {
        to_prepare(run);
        return;
    }
    if (run->legs && fault == ROUTE_FAULT_REQUEST) { // the begin of an answer is what it refuses
        model_refused(run);
        fault = run->cut_fault;
    }
    int64_t wait = run->limits.retry_after_ms, other_wait = 0;
    if (wait < 0)
        wait = (int64_t)500 << run->retries;
    bool again = may_pass(fault) && run->retries < MODEL_RETRIES_MAX && wait <= MODEL_WAIT_MS_MAX;
    model_tried(run, fault);
    run->same_model = again && fault == ROUTE_FAULT_RATE; // it is only too fast
    enum model_chosen chosen =
        fault != ROUTE_FAULT_REQUEST ? model_choose(run, &other_wait) : MODEL_NOBODY;
    if (chosen == MODEL_CHOSEN) {
        to_prepare(run);
        return;
    }
    run->same_model = false;
    run->error = (struct err){0};
    if (chosen == MODEL_LATER && (!again || other_wait < wait)) { // another one is back sooner
        run->waits++;
        run->failed_ns = 0;
        if (later(run, other_wait))
            return;
    }
    if (again) {
        run->retries++;
        run->failed_ns = 0;
        if (later(run, wait))
            return;
    }
    if (run->legs)
        model_stranded(run, message);
    else
        model_finish(run, fault, message);
}

// --- asking

static char *copy(const char *s) {
    return s ? mem_strdup(s) : NULL;
}

static int copy_headers(struct model_run *run, const struct model_ask *ask) {
    for (size_t i = 0; i < ask->forward_count && i < MODEL_FORWARD_MAX; i++) {
        char *name = mem_strdup(ask->forward[i].name), *value = mem_strdup(ask->forward[i].value);
        run->forward[run->forward_count++] = (struct http_header){name, value};
        if (!name || !value)
            return ERR_NOMEM;
    }
    return 0;
}

static int copy_keys(struct model_run *run, const struct model_keys *keys) {
    struct model_keys *own = &run->own_keys;
    for (size_t i = 0; i < keys->count; i++) {
        size_t n = strlen(keys->items[i].value) + 1;
        struct model_key *key = &own->items[own->count];
        if (!(key->value = secret_alloc(n)))
            return ERR_NOMEM;
        memcpy(key->name, keys->items[i].name, sizeof key->name);
        memcpy(key->value, keys->items[i].value, n);
        own->count++;
    }
    run->keys = own;
    return 0;
}

static int copy_ask(struct model_run *run, const struct model_ask *ask) {
    run->family = ask->family;
    run->keys = ask->keys;
    run->cascade = ask->cascade;
    if (ask->keys && ask->copy_keys && copy_keys(run, ask->keys) < 0)
        return ERR_NOMEM;
    (void)snprintf(run->purpose, sizeof run->purpose, "%s", ask->purpose);
    (void)snprintf(run->agent, sizeof run->agent, "%s", ask->agent);
    (void)snprintf(run->session, sizeof run->session, "%s", ask->session);
    (void)snprintf(run->mark, sizeof run->mark, "%s", ask->mark ? ask->mark : "");
    run->workspace = copy(ask->workspace);
    run->query = copy(ask->query);
    bool copied = (run->workspace || !ask->workspace) && (run->query || !ask->query);
    return copied ? copy_headers(run, ask) : ERR_NOMEM;
}

int models_ask(struct models *m, struct model_ask *ask, const struct model_events *events,
               void *ctx, struct model_run **ret, struct err *err) {
    if (m->run_count >= MODEL_RUNS_MAX)
        return err_set(err, ERR_BUSY, "%d requests to models run already", MODEL_RUNS_MAX);
    if (m->body_bytes + ask->body.len > MODEL_BODIES_BYTES_MAX)
        return err_set(err, ERR_BUSY, "the requests that run have %d MB already",
                       MODEL_BODIES_BYTES_MAX >> 20);
    struct model_run *run = mem_zalloc(sizeof *run);
    if (!run)
        return err_set(err, ERR_NOMEM, "out of memory");
    run->m = m;
    run->events = *events;
    run->ctx = ctx;
    run->limits.retry_after_ms = -1;
    run->next = m->runs;
    if (m->runs)
        m->runs->prev = run;
    m->runs = run;
    m->run_count++;
    int r = model_body_read(ask->family, ask->body.data, ask->body.len, &run->read, err);
    if (r == 0 && copy_ask(run, ask) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        run->timer = env_timer_start(loop_env(m->loop), 0, start, run);
        r = run->timer ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    if (r < 0) {
        model_bury(run);
        return r;
    }
    m->body_bytes += ask->body.len;
    run->body = ask->body; // spans of run->read point into it
    ask->body = (struct buf){0};
    model_exact_want(run, ask->cache);
    *ret = run;
    return 0;
}

void model_resume(struct model_run *run) {
    if (!run->paused)
        return;
    run->paused = false;
    if (run->call)
        http_pause(run->call, false);
    else
        model_exact_resume(run);
}

void model_cancel(struct model_run *run) {
    if (run->cancelled || run->over)
        return;
    run->cancelled = true;
    model_note_end(run, ROUTE_FAULT_NONE, true);
    env_timer_cancel(loop_env(run->m->loop), run->timer);
    run->timer = NULL;
    if (run->call) {
        http_cancel(run->call);
        model_attempt_over(run, false, true);
    }
    if (run->in_job) // its completion buries it
        job_cancel(run->job);
    else if (!run->busy)
        model_bury(run);
}

// --- life and death

int models_new(struct loop *l, struct pool *pool, struct services *services, struct models **ret,
               struct err *err) {
    struct models *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->loop = l;
    m->pool = pool;
    m->services = services;
    m->ends = mem_alloc(MODEL_SETTLE_MAX * sizeof *m->ends);
    int r = m->ends ? route_ledger_new(&m->ledger, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = model_prices(services->dirs, &m->catalogue, err);
    env_random(loop_env(l), &m->dice, sizeof m->dice);
    m->dice |= 1;
    if (strcmp(conf_string(services->conf, "models.cache"), "exact") == 0)
        m->exact_bytes = conf_int(services->conf, "models.cache_mb") << 20;
    m->exact_age_ms = conf_int(services->conf, "models.cache_hours") * 3600 * 1000;
    if (r == 0)
        r = model_learning_begin(m, err);
    if (r < 0) {
        models_done(m);
        return r;
    }
    *ret = m;
    return 0;
}

bool models_keep_answers(const struct models *m) {
    return m->exact_bytes > 0;
}

size_t models_running(const struct models *m) {
    return m ? m->run_count + m->end_count + (m->settling || m->whys_saving ? 1 : 0) : 0;
}

void models_stop(struct models *m) {
    if (!m)
        return;
    m->stopped = true;
    model_learning_end(m);
    env_timer_cancel(loop_env(m->loop), m->settle_timer);
    env_timer_cancel(loop_env(m->loop), m->keep_timer);
    env_timer_cancel(loop_env(m->loop), m->whys_timer);
    m->settle_timer = m->keep_timer = m->whys_timer = NULL;
    for (struct model_run *run = m->runs, *next; run; run = next) {
        next = run->next;
        model_cancel(run);
    }
    http_client_free(m->http);
    m->http = NULL;
}

void models_done(struct models *m) {
    if (!m)
        return;
    model_learning_end(m); // it has not begun to run, otherwise models_stop() did
    model_settle_rest(m);
    model_keep_rest(m);
    model_whys_rest(m);
    model_lessons_done(m);
    for (size_t i = 0; i < MODEL_PLANS_MAX; i++)
        model_plan_unref(m->plans[i]);
    model_leases_done(m);
    model_purses_done(m);
    route_ledger_free(m->ledger);
    route_catalogue_free(m->catalogue);
    route_predictor_free(m->predictor);
    mem_free(m->features);
    model_look_done(&m->look);
    mem_free(m->ends);
    mem_free(m);
}
