// Places in code: a backend that has an API for what belongs between two pieces of a text is asked
// by it, and not in words. Which backends have one is the user's to say, or follows from the kind
// he named (server/presets.c); no path is tried. A model that was not made for it refuses; then the
// same backend is asked in words, and that model for a while not again.
#include "core/base/mem.h"
#include "server/models_impl.h"

static bool refused_before(const struct models *m, uint32_t arm) {
    int64_t now_ms = model_now_ms();
    for (size_t i = 0; i < MODEL_UNFILLED_MAX; i++)
        if (m->unfilled[i].arm == arm && now_ms < m->unfilled[i].until_ms &&
            m->unfilled[i].until_ms - now_ms <= MODEL_UNFILLED_MS)
            return true;
    return false;
}

void model_fill_choose(struct model_run *run) {
    const struct backend *b = run->plan->offers[run->offer].backend;
    bool may = run->mark[0] && b->family == BACKEND_CHAT && !run->legs;
    run->fim = may && !refused_before(run->m, run->arm) ? (enum wire_fim)b->fim : WIRE_FIM_NONE;
}

bool model_fill_refused(struct model_run *run) {
    static const int words[] = {400, 404, 405, 422, 501};
    struct models *m = run->m;
    bool refused = false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        refused = refused || run->status == words[i];
    if (run->fim == WIRE_FIM_NONE || !refused)
        return false;
    m->unfilled[m->next_unfilled++ % MODEL_UNFILLED_MAX] =
        (struct model_unfilled){run->arm, model_now_ms() + MODEL_UNFILLED_MS};
    run->fim = WIRE_FIM_NONE;
    return true;
}

// From the body as the gate has left it: what was masked is masked here, too.
int model_fill_body(struct model_run *run, struct err *err) {
    json_t *request = json_loadb(run->body.data, run->body.len, JSON_REJECT_DUPLICATES, NULL);
    struct wire_gap gap;
    int r = request ? wire_fim_split(request, run->mark, &gap, err)
                    : err_set(err, ERR_INVAL, "the request names something twice, or is too deep");
    if (r < 0)
        run->error_fault = ROUTE_FAULT_REQUEST;
    else if (wire_fim_write(run->fim, &gap, run->model, run->read.stream, &run->out) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(request);
    return r;
}
