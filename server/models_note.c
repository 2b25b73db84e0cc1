// What the router's choice looked like and how it went, noted for "why this backend?".
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

#define COPY(member, text) ((void)snprintf(member, sizeof(member), "%s", text))

static void note_candidate(const struct model_ballot *b, const struct route_choice *c, size_t at,
                           struct model_why_candidate *to) {
    const struct route_candidate *from = &b->of[at];
    *to = (struct model_why_candidate){.likely = from->p_ok,
                                       .usd = c->usd[at],
                                       .solved = c->solved[at],
                                       .cached = from->expected.cached,
                                       .state = from->standing.state,
                                       .reason = c->reason[at]};
    if (b->looked)
        to->learned = route_outcomes(b->run->m->predictor, b->picks[at]->model->name);
    COPY(to->backend, b->run->plan->offers[b->picks[at]->offer].backend->name);
    COPY(to->model, from->name);
}

static void note_try(struct model_why *w, const struct model_run *run) {
    size_t at = w->tries < MODEL_WHY_TRIES_MAX ? w->tries : MODEL_WHY_TRIES_MAX - 1;
    w->tried[at] = (struct model_why_try){.over = false};
    COPY(w->tried[at].backend, run->plan->offers[run->offer].backend->name);
    COPY(w->tried[at].model, run->model);
    w->tries = at + 1;
}

static void note_new(const struct model_ballot *b, const struct route_choice *c) {
    struct model_run *run = b->run;
    struct model_why w = {.at_ms = model_now_ms(),
                          .stage = b->stage,
                          .looked = b->looked,
                          .origin = b->need.origin,
                          .origin_why = run->origin_why,
                          .floor = c->floor,
                          .budget_left = c->budget_left,
                          .stay_turns = c->stay_turns,
                          .prompt = b->need.prompt_tokens,
                          .stable = run->stable,
                          .candidates = b->count,
                          .workspace = run->workspace,
                          .cascade = run->cascade.stage,
                          .chosen = MODEL_WHY_SHOWN_MAX};
    size_t order[ROUTE_CANDIDATES_MAX];
    (void)route_choice_order(c, order);
    COPY(w.purpose, run->purpose);
    COPY(w.agent, run->agent);
    COPY(w.asked, run->read.name);
    for (; w.shown < b->count && w.shown < MODEL_WHY_SHOWN_MAX; w.shown++) {
        note_candidate(b, c, order[w.shown], &w.of[w.shown]);
        if ((int)order[w.shown] == c->chosen)
            w.chosen = w.shown;
    }
    if (c->chosen >= 0)
        note_try(&w, run);
    run->why = model_whys_add(run->m->services->whys, &w);
}

void model_note_choice(const struct model_ballot *b, const struct route_choice *c) {
    struct model_run *run = b->run;
    struct model_why *w = run->why ? model_whys_enter(run->m->services->whys, run->why) : NULL;
    if (!w) {
        note_new(b, c);
        return;
    }
    if (c->chosen >= 0) { // another try of the same request
        note_try(w, run);
        w->stage = b->stage;
    }
    model_whys_leave(run->m->services->whys);
}

void model_note_attempt(struct model_run *run, enum route_fault fault) {
    struct model_why *w = model_whys_enter(run->m->services->whys, run->why);
    if (!w)
        return;
    if (w->tries) {
        w->tried[w->tries - 1].fault = fault;
        w->tried[w->tries - 1].over = true;
    }
    w->input += run->usage.input;
    w->cached += run->usage.cached;
    w->written += run->usage.cache_write;
    w->output += run->usage.output;
    w->cost += model_cost(run);
    model_whys_leave(run->m->services->whys);
}

void model_note_end(struct model_run *run, enum route_fault fault, bool cancelled) {
    struct model_why *w = model_whys_enter(run->m->services->whys, run->why);
    if (!w)
        return;
    w->status = cancelled                   ? MODEL_WHY_CANCELLED
                : fault == ROUTE_FAULT_NONE ? MODEL_WHY_OK
                                            : MODEL_WHY_FAILED;
    w->fault = fault;
    w->took_ms = model_now_ms() - w->at_ms;
    model_whys_leave(run->m->services->whys);
    model_whys_soon(run->m);
}
