// Answers that are given again (models.cache): looked for on a worker when the plan is there and
// before a backend is chosen; what was answered is written down behind the answer's back.
//
// Who may have one again: a request of the same workspace with the same bytes, under the same
// policy, as long as the text of this workspace may go to the backend that gave it (granted,
// enabled, unchanged, on this machine where the policy says so). What the budget would not pay for
// is given: it costs nothing.
#include "server/models_answers.h"

#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/answers.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024, WRITING_MAX = 8 };

static enum model_form form_of(const struct model_run *run) {
    return !run->read.stream     ? MODEL_FORM_WHOLE
           : run->read.own_usage ? MODEL_FORM_STREAM_USAGE
                                 : MODEL_FORM_STREAM;
}

void model_exact_done(struct model_exact *e) {
    kept_answer_done(&e->found);
    buf_done(&e->bytes);
}

// --- looking for it, on a worker

static int put_key(const struct model_run *run, struct buf *out) {
    const struct model_plan *p = run->plan;
    (void)buf_printf(out, "1 %d %d %d %.3f\n", (int)run->family, (int)p->substitute,
                     (int)p->policy.mode, p->policy.floor);
    (void)buf_printf(out, "%zu:%s\n%zu:%s\n", run->workspace ? strlen(run->workspace) + 1 : 0,
                     run->workspace ? run->workspace : "", run->query ? strlen(run->query) : 0,
                     run->query ? run->query : "");
    for (size_t i = 0; i < run->forward_count; i++)
        (void)buf_printf(out, "%s:%zu:%s\n", run->forward[i].name, strlen(run->forward[i].value),
                         run->forward[i].value);
    return out->failed ? ERR_NOMEM : 0;
}

static int make_key(struct model_run *run, struct store *s, struct err *err) {
    AUTO_BUF all = BUF_INIT(2 * HTTP_BODY_BYTES_MAX);
    const char *why = NULL;
    int r = put_key(run, &all);
    if (r == 0)
        r = model_answer_canonical(run->family, run->body.data, run->body.len, run->exact.forced,
                                   form_of(run), &all, &why);
    return r <= 0 ? r : (r = answers_key(s, all.data, all.len, run->exact.key, err)) < 0 ? r : 1;
}

static int to_form(struct model_run *run) {
    struct model_exact *e = &run->exact;
    const struct kept_answer *a = &e->found;
    const struct wire_usage usage = {.input = a->input,
                                     .cached = a->cached,
                                     .cache_write = a->cache_write,
                                     .output = a->output,
                                     .known =
                                         a->input + a->cached + a->cache_write + a->output > 0};
    if (a->form == (int)form_of(run)) {
        e->bytes = e->found.bytes;
        e->found.bytes = (struct buf){0};
        return 0;
    }
    e->bytes = BUF_INIT(4 * KEPT_ANSWER_BYTES_MAX);
    return model_answer_convert(run->family, (enum model_form)a->form, form_of(run), a->bytes.data,
                                a->bytes.len, &usage, &e->bytes);
}

static void exact_run(void *ctx, struct job *job) {
    struct model_run *run = ctx;
    struct model_exact *e = &run->exact;
    struct err err = {0};
    struct store *s = run->m->services->store(run->m->services, &err);
    int64_t now_ms = model_now_ms();
    (void)job;
    e->state = MODEL_EXACT_NOT;
    int r = s ? make_key(run, s, &err) : ERR_IO;
    if (r == 1) {
        e->generation = answers_generation(s);
        r = answers_get(s, e->key, now_ms - run->m->exact_age_ms, now_ms, &e->found, &err);
        if (r >= 0)
            e->state = MODEL_EXACT_MISSED;
        if (r == 1 && to_form(run) == 0)
            e->state = MODEL_EXACT_FOUND;
        else
            buf_done(&e->bytes); // half of it may be there; the new answer is gathered in it
    }
    if (r < 0)
        log_line(LOG_DEBUG, "models", "kept answers could not be looked at: %s", err_text(&err));
}

// --- giving it again

// Whether this workspace's text may (still) go to who answered it.
static bool still_stands(const struct model_run *run) {
    const struct kept_answer *a = &run->exact.found;
    struct store *s = run->m->services->store(run->m->services, NULL);
    const struct model_plan *p = run->plan;
    for (size_t i = 0; s && i < p->count + p->unpaid_count; i++) {
        const struct backend *b =
            i < p->count ? p->offers[i].backend : p->unpaid[i - p->count].backend;
        const struct consent_pass *pass =
            i < p->count ? &p->offers[i].pass : &p->unpaid[i - p->count].pass;
        if (strcmp(b->name, a->backend) == 0)
            return b->changed_ms == a->changed_ms && consent_stands(s, pass, model_now_ms());
    }
    return false;
}

static void note(struct model_run *run) {
    const struct kept_answer *a = &run->exact.found;
    struct model_why w = {.at_ms = model_now_ms(),
                          .stage = MODEL_WHY_KEPT,
                          .kept_ms = a->kept_ms,
                          .kept = true,
                          .workspace = run->workspace,
                          .chosen = MODEL_WHY_SHOWN_MAX,
                          .tries = 1};
    (void)snprintf(w.purpose, sizeof w.purpose, "%s", run->purpose);
    (void)snprintf(w.agent, sizeof w.agent, "%s", run->agent);
    (void)snprintf(w.asked, sizeof w.asked, "%.95s", run->read.name);
    (void)snprintf(w.tried[0].backend, sizeof w.tried[0].backend, "%.95s", a->backend);
    (void)snprintf(w.tried[0].model, sizeof w.tried[0].model, "%.95s", a->model);
    w.tried[0].over = true;
    memcpy(w.kept_key, run->exact.key, sizeof w.kept_key);
    run->why = model_whys_add(run->m->services->whys, &w);
}

static void route_of(const struct model_run *run, char ret[MODEL_WHY_ID_BYTES]) {
    ret[0] = '\0';
    if (!run->why)
        return;
    model_whys_id(run->m->services->whys, run->why, ret);
    size_t n = strlen(ret);
    (void)snprintf(ret + n, MODEL_WHY_ID_BYTES - n, "-cache");
}

static void end(struct model_run *run) {
    const struct kept_answer *a = &run->exact.found;
    struct model_result result = {.whole = true,
                                  .begun = true,
                                  .status = 200,
                                  .retry_after_ms = -1,
                                  .backend = a->backend,
                                  .model = a->model,
                                  .usage = {.known = true}}; // nothing was used
    route_of(run, result.route);
    model_settle_hit(run, a);
    run->over = true;
    model_note_end(run, ROUTE_FAULT_NONE, false);
    run->events.done(run->ctx, &result);
    model_bury(run);
}

static void give_on(void *ctx) {
    struct model_run *run = ctx;
    struct model_exact *e = &run->exact;
    run->timer = NULL;
    run->busy++;
    while (!run->cancelled && !run->paused && e->at < e->bytes.len) {
        size_t n = e->bytes.len - e->at < PIECE_BYTES ? e->bytes.len - e->at : PIECE_BYTES;
        e->at += n;
        if (run->events.bytes(run->ctx, e->bytes.data + e->at - n, n) == 1 && e->at < e->bytes.len)
            run->paused = true;
    }
    run->busy--;
    if (run->cancelled)
        model_bury(run);
    else if (!run->paused)
        end(run);
}

// Not at once: who resumes may be in the midst of something.
void model_exact_resume(struct model_run *run) {
    if (run->exact.state == MODEL_EXACT_FOUND && !run->timer)
        run->timer = env_timer_start(loop_env(run->m->loop), 0, give_on, run);
}

static void give(struct model_run *run) {
    char route[MODEL_WHY_ID_BYTES];
    note(run);
    route_of(run, route);
    const struct http_header headers[] = {{"x-paired-cache", "hit"}, {"x-paired-route", route}};
    run->begun = true;
    run->busy++;
    run->events.begin(run->ctx, run->read.stream, headers, *route ? 2 : 1);
    run->busy--;
    if (run->cancelled)
        model_bury(run);
    else
        give_on(run);
}

static void exact_done(void *ctx, bool cancelled) {
    struct model_run *run = ctx;
    if (!model_back(run, cancelled))
        return;
    if (run->exact.state == MODEL_EXACT_FOUND && still_stands(run)) {
        give(run);
        return;
    }
    if (run->exact.state == MODEL_EXACT_FOUND) {
        model_exact_done(&run->exact);
        run->exact.bytes = (struct buf){0};
        run->exact.state = MODEL_EXACT_MISSED;
    }
    model_choose_first(run);
}

bool model_exact_look(struct model_run *run) {
    if (run->exact.state != MODEL_EXACT_WANTED)
        return false;
    run->exact.state = MODEL_EXACT_NOT;
    if (!run->plan->exact || run->m->exact_bytes == 0)
        return false;
    model_submit(run, exact_run, exact_done);
    return true;
}

void model_exact_want(struct model_run *run, enum model_cache cache) {
    bool forced = cache == MODEL_CACHE_USE;
    if (!run->m->exact_bytes || cache == MODEL_CACHE_NO || (!forced && !run->read.greedy))
        return;
    run->exact.forced = forced;
    run->exact.state = MODEL_EXACT_WANTED;
}

// --- keeping one

void model_exact_part(struct model_run *run, const char *bytes, size_t n) {
    struct buf *kept = &run->exact.bytes;
    kept->max = KEPT_ANSWER_BYTES_MAX;
    if (buf_append(kept, bytes, n) == 0)
        return;
    buf_done(kept); // too large, or no memory: it is not kept
    run->exact.state = MODEL_EXACT_NOT;
}

struct keeping {
    struct models *m;
    uint8_t key[ANSWER_KEY_BYTES];
    uint64_t generation;
    struct kept_answer answer;
};

static void keep_run(void *ctx, struct job *job) {
    struct keeping *k = ctx;
    struct err err = {0};
    struct store *s = k->m->services->store(k->m->services, &err);
    const struct answers_limits limits = {.bytes = k->m->exact_bytes, .now_ms = model_now_ms()};
    (void)job;
    int r = s ? answers_put(s, k->key, k->generation, &k->answer, &limits, &err) : ERR_IO;
    if (r < 0 && r != ERR_LIMIT)
        log_line(LOG_DEBUG, "models", "an answer was not kept: %s", err_text(&err));
}

static void keep_done(void *ctx, bool cancelled) {
    struct keeping *k = ctx;
    (void)cancelled;
    k->m->exact_writing--;
    kept_answer_done(&k->answer);
    mem_free(k);
}

// What the same request would be answered by again, on a day on which nothing is wrong: not by a
// stand-in, not in pieces of several, not while the budget shuts others out. A call of a tool is
// kept: it is text, and its client runs it or not, as it did the first time.
static bool worth_keeping(const struct model_run *run) {
    bool ended = run->stop == WIRE_STOP_END || run->stop == WIRE_STOP_LENGTH ||
                 run->stop == WIRE_STOP_SEQUENCE || run->stop == WIRE_STOP_TOOLS;
    bool usual = run->stage == MODEL_WHY_ASKED ||
                 (run->stage == MODEL_WHY_FREE && run->attempts == 1 && !run->plan->spent[0]);
    return run->exact.state == MODEL_EXACT_MISSED && run->ended && ended && usual &&
           run->legs == 0 && !run->masked && !run->stripped && run->exact.bytes.len > 0 &&
           run->m->exact_writing < WRITING_MAX;
}

static int fill(struct model_run *run, struct kept_answer *a) {
    const struct backend *b = run->plan->offers[run->offer].backend;
    const struct wire_usage usage = model_usage_of(run);
    int64_t now_ms = model_now_ms();
    *a = (struct kept_answer){.kept_ms = now_ms,
                              .expires_ms = now_ms + run->m->exact_age_ms,
                              .changed_ms = b->changed_ms,
                              .form = (int)form_of(run),
                              .input = usage.input,
                              .cached = usage.cached,
                              .cache_write = usage.cache_write,
                              .output = usage.output,
                              .cost = model_cost(run),
                              .bytes = run->exact.bytes};
    a->saved = model_saved(model_listed(run->m, run->read.name), &usage, a->cost);
    run->exact.bytes = (struct buf){0};
    int n = snprintf(a->backend, sizeof a->backend, "%s", b->name);
    int k = snprintf(a->model, sizeof a->model, "%s", run->model);
    return n < (int)sizeof a->backend && k < (int)sizeof a->model ? 0 : ERR_LIMIT;
}

// Whoever says later that it is bad has it dropped.
static void note_kept(struct model_run *run) {
    struct model_why *why = model_whys_enter(run->m->services->whys, run->why);
    if (!why)
        return;
    why->kept = true;
    memcpy(why->kept_key, run->exact.key, sizeof why->kept_key);
    model_whys_leave(run->m->services->whys);
}

void model_exact_keep(struct model_run *run) {
    struct keeping *k = worth_keeping(run) ? mem_zalloc(sizeof *k) : NULL;
    if (!k)
        return;
    k->m = run->m;
    k->generation = run->exact.generation;
    memcpy(k->key, run->exact.key, sizeof k->key);
    note_kept(run);
    run->m->exact_writing++;
    if (fill(run, &k->answer) < 0 ||
        pool_submit(run->m->pool, POOL_NORMAL, keep_run, keep_done, k, NULL) < 0)
        keep_done(k, true);
}
