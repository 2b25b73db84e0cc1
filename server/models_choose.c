// Which backend, and which of its models, is asked next: the candidates of a request, what is known
// of each (quota, cache, price, likelihood to do it well), and core/route/route_choose.h's
// judgement of them. A model that a program asks for by its name is what it gets where a backend
// has it, as far as models.substitute says so.
#include "core/base/mem.h"
#include "core/route/route_cascade.h"
#include "server/models_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *model_account_of(const struct backend *b) {
    return b->account[0] ? b->account : b->name;
}

static bool is_free(const char *asked) { // the router is to choose
    return !asked[0] || strcasecmp(asked, "auto") == 0 || strcasecmp(asked, "paired/auto") == 0;
}

// --- candidates

// By its very name, or both are forms of one listed model ("claude-opus-4-5-20251101").
static bool names(const char *asked, const struct route_model *listed, const struct model_pick *p) {
    return strcasecmp(p->name, asked) == 0 || (listed && p->listed == listed);
}

static bool is_asked(const struct model_ballot *f, const struct model_pick *p) {
    return names(f->run->read.name, f->asked, p);
}

static bool was_tried(const struct model_run *run, const struct model_pick *p) {
    if (p->offer >= 64 || (run->tried >> p->offer) & 1 || !model_goes_on(run, p))
        return true;
    for (size_t i = 0; i < run->tried_arm_count; i++)
        if (run->tried_arms[i] == p->arm)
            return true;
    return false;
}

void model_tried(struct model_run *run, enum route_fault fault) {
    bool alone = fault == ROUTE_FAULT_MODEL || fault == ROUTE_FAULT_CONTEXT ||
                 fault == ROUTE_FAULT_QUOTA || fault == ROUTE_FAULT_RATE;
    if (alone && run->tried_arm_count < MODEL_TRIED_MAX)
        run->tried_arms[run->tried_arm_count++] = run->arm;
    else
        run->tried |= (uint64_t)1 << run->offer;
}

static void add(struct model_ballot *f, const struct model_pick *p) {
    if (f->count < ROUTE_CANDIDATES_MAX)
        f->picks[f->count++] = p;
}

// Those of the request's own family first: of equals the first one is taken, and its bytes pass
// unparsed.
static void gather(struct model_ballot *f, bool exact) {
    const struct model_run *run = f->run;
    const struct model_plan *plan = run->plan;
    f->count = 0;
    for (int other = 0; other < 2; other++) {
        for (size_t i = 0; i < plan->pick_count; i++) {
            const struct model_pick *p = &plan->picks[i];
            bool same = (int)plan->offers[p->offer].backend->family == (int)run->family;
            if (same == (other == 0) && !was_tried(run, p) && (!exact || is_asked(f, p)))
                add(f, p);
        }
        for (size_t i = 0; i < plan->count; i++) { // one that lists none is asked for anything
            const struct backend *b = plan->offers[i].backend;
            bool same = (int)b->family == (int)run->family;
            if (b->model_count || same != (other == 0) || is_free(run->read.name) ||
                f->unnamed.name)
                continue;
            struct model_pick p;
            if (model_pick_new(run->m->catalogue, plan, i, run->read.name, "", &p) < 0)
                continue;
            if (was_tried(run, &p)) {
                mem_free(p.own);
                continue;
            }
            f->unnamed = p; // one of them at a time: the next one when this one has failed
            add(f, &f->unnamed);
        }
    }
}

static bool any_asked(const struct model_ballot *f) {
    const struct model_plan *plan = f->run->plan;
    if (is_free(f->run->read.name))
        return false;
    for (size_t i = 0; i < plan->pick_count; i++)
        if (is_asked(f, &plan->picks[i]))
            return true;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->offers[i].backend->model_count == 0)
            return true;
    return false;
}

// --- who else may be asked

static bool may_follow(struct model_run *run, size_t offer) {
    const struct model_plan *plan = run->plan;
    if (plan->substitute != MODEL_SUBSTITUTE_NEVER || is_free(run->read.name) ||
        plan->offers[offer].backend->model_count == 0)
        return true;
    const struct route_model *listed = model_listed(run->m, run->read.name);
    for (size_t i = 0; i < plan->pick_count; i++)
        if (plan->picks[i].offer == offer && names(run->read.name, listed, &plan->picks[i]))
            return true;
    return false;
}

void model_list_others(struct model_run *run) {
    struct buf names = BUF_INIT(MODEL_OTHERS_BYTES - 1);
    (void)buf_puts(&names, run->plan->offers[run->offer].backend->name);
    for (size_t i = 0; i < run->plan->count; i++) {
        const char *name = run->plan->offers[i].backend->name;
        if (i != run->offer && names.len + strlen(name) + 2 < MODEL_OTHERS_BYTES &&
            may_follow(run, i))
            (void)buf_printf(&names, ", %s", name);
    }
    (void)snprintf(run->others, sizeof run->others, "%s", names.data ? names.data : "");
    buf_done(&names);
}

// --- what is known of them

static int make_ready(struct models *m) {
    if (!m->features)
        m->features = mem_alloc(sizeof *m->features);
    if (m->features && !m->predictor)
        (void)route_predictor_new(&m->predictor, NULL);
    return m->features && m->predictor ? 0 : ERR_NOMEM;
}

static bool one_model(const struct model_ballot *f) {
    for (size_t i = 1; i < f->count; i++)
        if (f->picks[i]->model != f->picks[0]->model &&
            strcmp(f->picks[i]->model->name, f->picks[0]->model->name) != 0)
            return false;
    return true;
}

// The text is read only where models differ: that is what their likelihoods are for.
static void look(struct model_ballot *f) {
    struct model_run *run = f->run;
    struct models *m = run->m;
    struct route_hints hints;
    f->need.origin = ROUTE_ORIGIN_CHAT;
    f->looked =
        !one_model(f) && make_ready(m) == 0 &&
        model_look_read(run->family, &run->read, run->body.data, run->body.len, &m->look) == 0;
    if (!f->looked)
        return;
    model_lesson_edit(f, m->look.edit); // before the features of this one take its place
    model_look_hints(&m->look, &run->read, &hints);
    f->need.origin = route_origin_of(&hints, &run->origin_why);
    f->need.tools = run->read.tools > 0;
    f->need.images = m->look.images;
    route_features_read(m->features, m->look.task.data ? m->look.task.data : "", m->look.task.len);
}

static void expect_sizes(struct model_ballot *f) {
    struct model_run *run = f->run;
    const struct model_session *s = f->session;
    int64_t likely = (int64_t)run->m->output[f->need.origin];
    if (likely <= 0)
        likely = route_origin_demand(f->need.origin).output_tokens;
    if (run->read.max_tokens > 0 && likely > run->read.max_tokens)
        likely = run->read.max_tokens;
    run->stable = s ? model_stable_bytes(s, &run->read, run->body.data) : 0;
    f->need.output_tokens = likely;
    f->need.prompt_tokens =
        (int64_t)((double)run->body.len * model_tokens_per_byte(run->m, s ? s->arm : 0));
    if (!s)
        return;
    f->need.sticky = s->arm;
    f->need.turns = s->turns;
    f->need.turn = (struct route_turn){
        .prefix = (int64_t)s->prompt, .added = (int64_t)s->added, .output = (int64_t)s->output};
    // Its history was cut or rewritten: what was cached of it is of no use any more.
    f->need.border =
        s->prompt > 0 && run->stable * 4 < (int64_t)run->body.len && run->read.messages > 1;
}

// Nothing is written into a cache that has a price unless the request says so.
static void only_reads(struct model_ballot *f, const struct route_model *m, struct route_usage *u) {
    static const char mark[] = "\"cache_control\"";
    const struct buf *body = &f->run->body;
    if (!m->writes_cost || u->written == 0)
        return;
    if (f->marks == 0)
        f->marks = memmem(body->data, body->len, mark, sizeof mark - 1) ? 1 : -1;
    if (f->marks > 0)
        return;
    u->uncached += u->written;
    u->written = 0;
}

static void describe(struct model_ballot *f) {
    static const struct route_caches nothing;
    const struct model_run *run = f->run;
    struct models *m = run->m;
    int64_t now_ms = model_now_ms();
    struct route_look seen;
    if (f->looked)
        route_predict_look(m->predictor, m->features, &seen);
    for (size_t i = 0; i < f->count; i++) {
        const struct model_pick *p = f->picks[i];
        const struct model_offer *offer = &run->plan->offers[p->offer];
        struct route_candidate *c = &f->of[i];
        double per_byte = model_tokens_per_byte(m, p->arm);
        int64_t prompt = (int64_t)((double)run->body.len * per_byte);
        *c = (struct route_candidate){.backend = p->arm,
                                      .account = model_account_of(offer->backend),
                                      .name = p->name,
                                      .model = p->model,
                                      .local = offer->local,
                                      .granted = true,
                                      .p_ok = 1};
        if (f->looked)
            c->p_ok = route_predict(m->predictor, &seen, p->model->name, p->model->skill);
        c->expected = route_cache_expect(
            f->session ? &f->session->caches : &nothing, p->arm, p->model, prompt,
            (int64_t)((double)run->stable * per_byte), f->need.output_tokens, now_ms);
        only_reads(f, p->model, &c->expected);
        const struct route_spend expected = {.requests = 1,
                                             .tokens_in = (double)prompt,
                                             .tokens_out = (double)f->need.output_tokens,
                                             .usd = route_cost_usd(p->model, &c->expected)};
        route_ledger_standing(m->ledger, c->account, c->name, &expected, now_ms, &c->standing);
    }
}

static uint32_t roll(struct models *m) {
    m->dice ^= m->dice << 13; // xorshift64, Marsaglia 2003
    m->dice ^= m->dice >> 7;
    m->dice ^= m->dice << 17;
    return (uint32_t)(m->dice >> 32);
}

// --- a task whose answers are checked

// Whose answers to it failed is not asked again, nor who is less likely to be right; unless nobody
// else is left.
static void refute(struct model_ballot *f) {
    const struct model_cascade *k = &f->run->cascade;
    double best = -1;
    size_t left = 0;
    for (size_t i = 0; i < f->count; i++)
        for (size_t n = 0; n < k->failed_count; n++)
            if (f->of[i].backend == k->failed[n]) {
                f->of[i].refuted = true;
                best = f->of[i].p_ok > best ? f->of[i].p_ok : best;
            }
    for (size_t i = 0; i < f->count; i++) {
        f->of[i].refuted |= f->of[i].p_ok < best;
        left += !f->of[i].refuted;
    }
    for (size_t i = 0; i < f->count && !left; i++)
        f->of[i].refuted = false;
}

static void put_first(struct route_choice *c, size_t at, enum route_reason reason) {
    for (size_t i = 0; i < c->fallbacks; i++)
        if (c->fallback[i] == (int)at) {
            c->fallback[i] = c->chosen;
            c->reason[c->chosen] = ROUTE_REASON_DEARER;
            c->chosen = (int)at;
            c->reason[at] = reason;
        }
}

// Within a stage who has begun goes on; a new one begins with the first of the order that costs
// least to a solved task.
static void in_order(struct model_ballot *f, struct route_choice *c) {
    const struct model_cascade *k = &f->run->cascade;
    struct route_step steps[ROUTE_FIRST_MAX];
    size_t at[ROUTE_FIRST_MAX], n = 0;
    if (!k->stage || c->chosen < 0)
        return;
    for (size_t i = 0; k->arm && i < f->count; i++)
        if (f->of[i].backend == k->arm) {
            put_first(c, i, ROUTE_REASON_STICKY);
            return;
        }
    if (f->policy.mode != ROUTE_MODE_BALANCED || !f->looked)
        return;
    for (size_t i = 0; i <= c->fallbacks && n < ROUTE_FIRST_MAX; i++, n++) {
        at[n] = (size_t)(i ? c->fallback[i - 1] : c->chosen);
        steps[n] = (struct route_step){c->usd[at[n]], f->of[at[n]].p_ok};
    }
    int first = route_cascade_first(steps, n, MODEL_STAGES_MAX + 1 - k->stage, k->accepts,
                                    k->rejects, f->policy.value_usd);
    if (first > 0)
        put_first(c, at[first], ROUTE_REASON_CHOSEN);
}

static void decide(struct model_ballot *f, bool exact, struct route_choice *ret) {
    struct models *m = f->run->m;
    f->need = (struct route_need){.origin = ROUTE_ORIGIN_CHAT};
    look(f);
    expect_sizes(f);
    describe(f);
    refute(f);
    f->need.accepts = f->run->cascade.accepts;
    f->need.rejects = f->run->cascade.rejects;
    f->policy = f->run->plan->policy;
    model_budget_policy(f->run, &f->policy);
    if (!f->looked)
        f->policy.floor = 0; // one model: nobody is likelier to be right
    if (!f->looked || exact || f->session)
        f->policy.explore = 0;
    f->need.dice[0] = roll(m);
    f->need.dice[1] = roll(m);
    if (route_choose(&f->policy, &f->need, f->of, f->count, ret, NULL) < 0)
        *ret = (struct route_choice){.chosen = -1, .ready = -1};
    in_order(f, ret);
}

// --- when none of them can be used

// What only we think, or think is likely, is no reason to refuse: the backend will say so itself.
static bool may_be_tried(const struct route_candidate *c, enum route_reason why) {
    const struct route_standing *s = &c->standing;
    bool full = s->window[0] ? s->headroom <= 0 : !s->guessed;
    return why == ROUTE_REASON_BROKEN || why == ROUTE_REASON_PROBED ||
           ((why == ROUTE_REASON_SPENT || why == ROUTE_REASON_WAITING) && !full);
}

static enum route_fault fault_of(enum route_reason why) {
    switch (why) {
    case ROUTE_REASON_SPENT:
        return ROUTE_FAULT_QUOTA;
    case ROUTE_REASON_WAITING:
        return ROUTE_FAULT_RATE;
    case ROUTE_REASON_OVER_BUDGET:
        return ROUTE_FAULT_BILLING;
    case ROUTE_REASON_TOO_SMALL:
        return ROUTE_FAULT_CONTEXT;
    case ROUTE_REASON_NOT_LOCAL:
    case ROUTE_REASON_NOT_GRANTED:
        return ROUTE_FAULT_AUTH;
    default:
        return ROUTE_FAULT_MODEL;
    }
}

static enum model_chosen refuse(const struct model_ballot *f, const struct route_choice *c) {
    struct model_run *run = f->run;
    size_t at = c->ready >= 0 ? (size_t)c->ready : 0;
    if (f->count == 0) {
        run->error_fault = ROUTE_FAULT_MODEL;
        if (run->plan->substitute == MODEL_SUBSTITUTE_NEVER && !is_free(run->read.name))
            (void)err_set(&run->error, ERR_NOT_FOUND,
                          "no backend of this folder has %s, and models.substitute is never",
                          run->read.name);
        else
            (void)err_set(&run->error, ERR_NOT_FOUND,
                          "the request names no model, and no backend says which ones it has");
        return MODEL_NOBODY;
    }
    int64_t wait = c->ready >= 0 ? c->ready_ms - model_now_ms() : -1;
    run->error_fault = fault_of(c->reason[at]);
    run->limits.retry_after_ms = wait > 0 ? wait : -1;
    char budget[400] = "";
    if (c->reason[at] == ROUTE_REASON_OVER_BUDGET)
        model_budget_refuse(run, budget, sizeof budget);
    int r = err_set(&run->error, ERR_PERM, "%s of %s: %s", f->of[at].name, f->of[at].account,
                    budget[0] ? budget : route_reason_text(c->reason[at]));
    size_t n = strlen(run->error.message);
    if (r < 0 && wait > 0)
        (void)snprintf(run->error.message + n, sizeof run->error.message - n,
                       "; it is expected back in %lld min", (long long)(wait / 60000 + 1));
    return MODEL_NOBODY;
}

static enum model_chosen take(const struct model_ballot *f, struct route_choice *choice,
                              size_t at) {
    struct model_run *run = f->run;
    const struct model_pick *p = f->picks[at];
    const struct route_candidate *c = &f->of[at];
    run->offer = p->offer;
    run->arm = p->arm;
    run->priced = *p->model;
    run->origin = f->need.origin;
    run->looked = f->looked;
    run->stage = f->stage;
    run->expected = (struct route_spend){
        .requests = 1,
        .tokens_in = (double)(c->expected.uncached + c->expected.cached + c->expected.written),
        .tokens_out = (double)c->expected.output,
        .usd = route_cost_usd(p->model, &c->expected)};
    (void)snprintf(run->model, sizeof run->model, "%s", p->name);
    choice->chosen = (int)at;
    model_note_choice(f, choice);
    model_lesson_keep(f, p);
    return MODEL_CHOSEN;
}

static enum model_chosen choose_among(struct model_ballot *f, bool exact,
                                      struct route_choice *choice, int64_t *ret_wait_ms) {
    *choice = (struct route_choice){.chosen = -1, .ready = -1};
    gather(f, exact);
    if (f->count)
        decide(f, exact, choice);
    f->stage = is_free(f->run->read.name) || !f->offered ? MODEL_WHY_FREE
               : exact                                   ? MODEL_WHY_ASKED
                                                         : MODEL_WHY_INSTEAD;
    if (choice->chosen >= 0)
        return take(f, choice, (size_t)choice->chosen);
    bool comes_back = choice->ready >= 0 && choice->reason[choice->ready] != ROUTE_REASON_BROKEN;
    int64_t wait = comes_back ? choice->ready_ms - model_now_ms() : -1;
    if (wait >= 0 && wait <= MODEL_WAIT_MS_MAX && f->run->waits < MODEL_WAITS_MAX) {
        *ret_wait_ms = wait;
        return MODEL_LATER;
    }
    for (size_t i = 0; i < f->count; i++)
        if (may_be_tried(&f->of[i], choice->reason[i])) {
            choice->reason[i] = ROUTE_REASON_LAST;
            return take(f, choice, i);
        }
    return refuse(f, choice);
}

enum model_chosen model_choose(struct model_run *run, int64_t *ret_wait_ms) {
    struct model_ballot f = {.run = run,
                             .session = model_session_of(run->m, run->read.conversation, false)};
    struct route_choice choice = {.chosen = -1};
    enum model_chosen r = MODEL_NOBODY;
    run->error = (struct err){0};
    model_budget_release(run);
    if (!is_free(run->read.name))
        f.asked = model_listed(run->m, run->read.name);
    enum model_substitute substitute = run->plan->substitute;
    f.offered = any_asked(&f);
    bool asked = substitute != MODEL_SUBSTITUTE_ALWAYS && f.offered;
    if (asked || (substitute == MODEL_SUBSTITUTE_NEVER && !is_free(run->read.name)))
        r = choose_among(&f, true, &choice, ret_wait_ms);
    bool others = !asked || (substitute == MODEL_SUBSTITUTE_FAILING && !run->same_model);
    if (substitute == MODEL_SUBSTITUTE_NEVER && !is_free(run->read.name))
        others = false;
    if (r == MODEL_NOBODY && others) {
        struct err why = run->error;
        enum route_fault fault = run->error_fault;
        mem_free(f.unnamed.own);
        f.unnamed = (struct model_pick){.name = NULL};
        run->error = (struct err){0};
        r = choose_among(&f, false, &choice, ret_wait_ms);
        if (r == MODEL_NOBODY && asked && f.count == 0) { // what was said of the asked one
            run->error = why;
            run->error_fault = fault;
        }
    }
    if (r == MODEL_NOBODY && !run->attempts)
        model_note_choice(&f, &choice);
    mem_free(f.unnamed.own);
    if (r == MODEL_CHOSEN)
        model_budget_reserve(run);
    return r;
}
