// How attempts ended goes into the store behind the answer's back: the audit's second entry, tokens
// and money. One job at a time writes all that has gathered.
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/usage.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

struct batch {
    struct models *m;
    struct model_end *ends;
    size_t count;
    bool failed;
};

static int write_end(struct db *db, const struct models *m, struct model_end *e, struct err *err) {
    const struct audit_entry entry = {.time_ms = e->at_ms,
                                      .event = e->sends ? AUDIT_SEND : AUDIT_END,
                                      .outcome = e->sends       ? AUDIT_OPEN
                                                 : e->ok        ? AUDIT_OK
                                                 : e->cancelled ? AUDIT_CANCELLED
                                                                : AUDIT_FAILED,
                                      .ref = e->sends ? 0 : e->audit_seq,
                                      .bytes_out = e->bytes_out,
                                      .bytes_in = e->bytes_in,
                                      .kind = CONSENT_BACKEND,
                                      .audience = e->backend,
                                      .purpose = e->purpose,
                                      .model = e->model,
                                      .workspace = e->workspace};
    const struct usage usage = {.at_ms = e->at_ms,
                                .agent = e->agent,
                                .backend = e->backend,
                                .model = e->model,
                                .session = e->session,
                                .workspace = e->workspace,
                                .sum = {.requests = e->requests,
                                        .failed = e->failed,
                                        .input = e->usage.input,
                                        .cached = e->usage.cached,
                                        .cache_write = e->usage.cache_write,
                                        .output = e->usage.output,
                                        .cost = e->cost,
                                        .saved = e->saved,
                                        .hits = e->hits,
                                        .hit_tokens = e->hit_tokens}};
    int r = e->sends       ? audit_append(db, &entry, &e->audit_seq, err)
            : e->audit_seq ? audit_append(db, &entry, NULL, err)
                           : 0;
    if (r < 0 || (e->requests == 0 && e->hits == 0))
        return r;
    r = usage_add(db, &usage, err);
    return r < 0 ? r
                 : model_budget_note(db, m->services->conf, e->workspace, e->at_ms, e->cost, err);
}

// What the entry of a further try is called, for its end among the `n` that follow.
static void tell_end(const struct model_end *sent, struct model_end *ends, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ends[i].late == sent->late && !ends[i].sends)
            ends[i].audit_seq = sent->audit_seq;
}

static int write_all(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct batch *b = ctx;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && i < b->count; i++) {
        r = write_end(db, b->m, &b->ends[i], err);
        if (b->ends[i].sends)
            tell_end(&b->ends[i], b->ends + i + 1, b->count - i - 1);
    }
    return r;
}

static void settle_run(void *ctx, struct job *job) {
    struct batch *b = ctx;
    struct err err = {0};
    struct store *s = b->m->services->store(b->m->services, &err);
    (void)job;
    b->failed = !s || store_write(s, NULL, write_all, b, NULL, NULL, &err) < 0;
    if (b->failed)
        log_line(LOG_WARN, "models", "the ends of %zu requests were not written: %s", b->count,
                 err_text(&err));
}

static void settle_soon(struct models *m);

// A further try is in the audit: its run, or its end that waits already, learns its number.
static void tell_run(struct models *m, const struct model_end *sent) {
    tell_end(sent, m->ends, m->end_count);
    for (struct model_run *run = m->runs; run; run = run->next)
        if (run->late == sent->late) {
            run->audit_seq = sent->audit_seq;
            run->late = 0;
        }
}

static void settle_done(void *ctx, bool cancelled) {
    struct batch *b = ctx;
    struct models *m = b->m;
    for (size_t i = 0; i < b->count; i++) {
        if (b->ends[i].sends && !b->failed && !cancelled)
            tell_run(m, &b->ends[i]);
        if (!b->failed && !cancelled)
            model_budget_written(m, b->ends[i].workspace, b->ends[i].cost);
        mem_free(b->ends[i].workspace);
    }
    mem_free(b->ends);
    mem_free(b);
    m->settling = false;
    settle_soon(m);
}

static void start_settling(struct models *m) {
    struct batch *b = mem_zalloc(sizeof *b);
    struct model_end *ends = b ? mem_alloc(m->end_count * sizeof *ends) : NULL;
    if (!ends) {
        mem_free(b);
        return; // with the next one
    }
    memcpy(ends, m->ends, m->end_count * sizeof *ends);
    *b = (struct batch){.m = m, .ends = ends, .count = m->end_count};
    if (pool_submit(m->pool, POOL_NORMAL, settle_run, settle_done, b, NULL) < 0) {
        mem_free(ends);
        mem_free(b);
        return;
    }
    m->end_count = 0;
    m->settling = true;
}

int64_t model_cost(const struct model_run *run) {
    return model_cost_of(&run->priced, &run->usage);
}

static void on_settle_time(void *ctx) {
    struct models *m = ctx;
    m->settle_timer = NULL;
    model_leases_tick(m, false);
    if (m->end_count && !m->settling)
        start_settling(m);
    settle_soon(m);
}

// Also while a lease is open: its end has to be noticed.
static void settle_soon(struct models *m) {
    bool leased = false;
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++)
        leased = leased || m->leases[i].seq;
    if (!m->settle_timer && !m->stopped && (m->end_count || leased))
        m->settle_timer = env_timer_start(loop_env(m->loop), MODEL_SETTLE_MS, on_settle_time, m);
}

static struct model_end *new_end(struct models *m) {
    if (m->end_count == MODEL_SETTLE_MAX) {
        log_line(LOG_WARN, "models", "the end of a request was not written: too many wait");
        return NULL;
    }
    struct model_end *e = &m->ends[m->end_count++];
    *e = (struct model_end){.at_ms = model_now_ms()};
    return e;
}

// The last one's, if it counts the same things: requests under a lease are added up.
static struct model_end *joined_end(struct model_run *run, const struct backend *b) {
    struct models *m = run->m;
    struct model_end *e = m->end_count ? &m->ends[m->end_count - 1] : NULL;
    bool same = e && run->lease && e->leased && strcmp(e->backend, b->name) == 0 &&
                strcmp(e->model, run->model) == 0 && strcmp(e->agent, run->agent) == 0 &&
                strcmp(e->session, run->session) == 0 &&
                (e->workspace && run->workspace ? strcmp(e->workspace, run->workspace) == 0
                                                : e->workspace == run->workspace);
    return same ? e : NULL;
}

void model_settle(struct model_run *run, bool ok, bool cancelled) {
    struct models *m = run->m;
    const struct model_offer *offer = &run->plan->offers[run->offer];
    int64_t cost = model_cost(run);
    model_budget_spend(run, cost);
    struct model_end *e = joined_end(run, offer->backend);
    if (!e) {
        if (!(e = new_end(m)))
            return;
        e->leased = run->lease != NULL;
        e->audit_seq = run->lease ? 0 : run->audit_seq;
        e->late = run->late;
        e->bytes_out = (int64_t)run->out_bytes;
        e->bytes_in = run->bytes_in;
        e->ok = ok;
        e->cancelled = cancelled;
        (void)snprintf(e->backend, sizeof e->backend, "%s", offer->backend->name);
        (void)snprintf(e->model, sizeof e->model, "%s", run->model);
        (void)snprintf(e->purpose, sizeof e->purpose, "%s", run->purpose);
        (void)snprintf(e->agent, sizeof e->agent, "%s", run->agent);
        (void)snprintf(e->session, sizeof e->session, "%s", run->session);
        e->workspace = run->workspace ? mem_strdup(run->workspace) : NULL;
    }
    e->requests++;
    e->failed += ok ? 0 : 1;
    e->cost += cost;
    wire_usage_add(&e->usage, &run->usage);
    if (run->lease)
        model_lease_end(run, model_now_ms());
    e->saved += model_saved(model_listed(m, run->read.name), &run->usage, cost);
    settle_soon(m);
    model_keep_soon(m);
}

bool model_settle_late(struct model_run *run) {
    struct models *m = run->m;
    char *workspace = run->workspace ? mem_strdup(run->workspace) : NULL;
    struct model_end *e = workspace || !run->workspace ? new_end(m) : NULL;
    if (!e) {
        mem_free(workspace);
        return false;
    }
    e->sends = true;
    e->late = run->late = ++m->late;
    e->bytes_out = (int64_t)run->out.len;
    (void)snprintf(e->backend, sizeof e->backend, "%s",
                   run->plan->offers[run->offer].backend->name);
    (void)snprintf(e->model, sizeof e->model, "%s", run->model);
    (void)snprintf(e->purpose, sizeof e->purpose, "%s", run->purpose);
    e->workspace = workspace;
    run->audit_seq = 0;
    settle_soon(m);
    return true;
}

// Nothing left and nothing was paid; what it would have been is what is saved.
void model_settle_hit(struct model_run *run, const struct kept_answer *a) {
    struct models *m = run->m;
    struct model_end *e = m->end_count ? &m->ends[m->end_count - 1] : NULL;
    bool same = e && e->hits && strcmp(e->backend, a->backend) == 0 &&
                strcmp(e->model, a->model) == 0 && strcmp(e->agent, run->agent) == 0 &&
                strcmp(e->session, run->session) == 0 &&
                (e->workspace && run->workspace ? strcmp(e->workspace, run->workspace) == 0
                                                : e->workspace == run->workspace);
    if (!same) {
        if (!(e = new_end(m)))
            return;
        (void)snprintf(e->backend, sizeof e->backend, "%.*s", BACKEND_NAME_BYTES_MAX, a->backend);
        (void)snprintf(e->model, sizeof e->model, "%.*s", MODEL_NAME_BYTES_MAX, a->model);
        (void)snprintf(e->agent, sizeof e->agent, "%s", run->agent);
        (void)snprintf(e->session, sizeof e->session, "%s", run->session);
        e->workspace = run->workspace ? mem_strdup(run->workspace) : NULL;
    }
    e->hits++;
    e->hit_tokens += a->input + a->cached + a->cache_write + a->output;
    e->saved += a->cost + a->saved;
    settle_soon(m);
}

void model_settle_lease(struct models *m, const struct model_lease *l) {
    struct model_end *e = new_end(m);
    if (!e)
        return;
    e->audit_seq = l->seq;
    e->ok = true;
    e->bytes_out = l->out;
    e->bytes_in = l->in;
    (void)snprintf(e->backend, sizeof e->backend, "%s", l->backend);
    (void)snprintf(e->purpose, sizeof e->purpose, "%.12s: %lld requests", l->purpose,
                   (long long)l->requests);
    e->workspace = l->workspace ? mem_strdup(l->workspace) : NULL;
}

void model_settle_rest(struct models *m) {
    model_leases_tick(m, true);
    struct batch rest = {.m = m, .ends = m->ends, .count = m->end_count};
    struct store *s = rest.count ? m->services->store(m->services, NULL) : NULL;
    if (s)
        (void)store_write(s, NULL, write_all, &rest, NULL, NULL, NULL);
    for (size_t i = 0; i < m->end_count; i++)
        mem_free(m->ends[i].workspace);
    m->end_count = 0;
}
