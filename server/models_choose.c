// Which backend is asked next. One conversation stays with the backend that answered it, whose
// cache has its beginning; a backend that the ledger calls spent or broken comes last or not at
// all.
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct model_session *model_session_of(struct models *m, uint64_t conversation, bool make) {
    struct model_session *oldest = &m->sessions[0];
    for (size_t i = 0; i < MODEL_SESSIONS_MAX; i++) {
        struct model_session *s = &m->sessions[i];
        if (s->used_ms && s->conversation == conversation)
            return s;
        if (s->used_ms < oldest->used_ms)
            oldest = s;
    }
    if (!make)
        return NULL;
    *oldest = (struct model_session){.conversation = conversation};
    return oldest;
}

void model_remember(struct model_run *run) {
    struct model_session *s = model_session_of(run->m, run->read.conversation, true);
    (void)snprintf(s->backend, sizeof s->backend, "%s",
                   run->plan->offers[run->offer].backend->name);
    s->used_ms = model_now_ms();
}

const char *model_account_of(const struct backend *b) {
    return b->account[0] ? b->account : b->name;
}

struct route_spend model_spend_of(size_t body_bytes) {
    return (struct route_spend){
        .requests = 1, .tokens_in = (double)body_bytes / 4, .tokens_out = 500};
}

// The name under which this backend has what was asked for; *ret_exact: by that very name.
static const char *model_at(const struct backend *b, const char *asked, bool *ret_exact) {
    *ret_exact = false;
    for (size_t i = 0; i < b->model_count; i++)
        if (strcasecmp(b->models[i].name, asked) == 0) {
            *ret_exact = true;
            return b->models[i].name;
        }
    return b->model_count ? b->models[0].name : asked;
}

// Larger is better; negative: not now.
static int rank_of(struct model_run *run, const struct model_offer *offer, const char *model,
                   bool exact, const struct model_session *session) {
    const struct backend *b = offer->backend;
    struct route_standing standing;
    const struct route_spend expected = {
        .requests = 1, .tokens_in = (double)run->body.len / 4, .tokens_out = 500};
    route_ledger_standing(run->m->ledger, model_account_of(b), model, &expected, model_now_ms(),
                          &standing);
    int rank = 0;
    if (standing.usable)
        rank += 1000; // one that may be full is still better than no answer
    if (standing.state == ROUTE_STATE_OK)
        rank += 200;
    if (session && strcmp(session->backend, b->name) == 0)
        rank += 100;
    if (exact)
        rank += 50;
    if ((int)b->family == (int)run->family)
        rank += 10; // passes unparsed
    return rank;
}

bool model_choose(struct model_run *run) {
    const struct model_plan *plan = run->plan;
    const struct model_session *session = model_session_of(run->m, run->read.conversation, false);
    int best = -1;
    for (size_t i = 0; i < plan->count && i < 64; i++) {
        bool exact;
        const char *model = model_at(plan->offers[i].backend, run->read.name, &exact);
        if (((run->tried >> i) & 1) || !*model)
            continue;
        int rank = rank_of(run, &plan->offers[i], model, exact, session);
        if (rank <= best)
            continue;
        best = rank;
        run->offer = i;
        (void)snprintf(run->model, sizeof run->model, "%s", model);
    }
    return best >= 0;
}
