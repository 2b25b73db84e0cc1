// An answer that was cut after its begin had been handed on: another backend, or the same, is asked
// to go on with what was said, and the client's stream continues. Not when a tool was called (its
// effect would come twice), nor within thoughts, which belong to the model that had them.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

// --- what has been told

void model_told(struct model_run *run, const struct wire_event *e) {
    if (!run->read.stream) // then nothing is handed on before all of it is there
        return;
    switch (e->kind) {
    case WIRE_TEXT:
        if (run->open_kind != WIRE_TEXT)
            run->said_block = run->said.len;
        if (!run->joint) // it appends what is new
            (void)buf_append(&run->said, e->text, e->n);
        break;
    case WIRE_TOOL:
        run->called = true;
        break;
    case WIRE_SIGNATURE:
    case WIRE_REDACTED:
        run->signed_ = true;
        break;
    case WIRE_BLOCK_END:
        run->open_kind = WIRE_STOP;
        return;
    default:
        break;
    }
    if (e->kind == WIRE_TEXT || e->kind == WIRE_THINKING || e->kind == WIRE_REDACTED ||
        e->kind == WIRE_TOOL)
        run->open_kind = e->kind;
}

struct wire_usage model_usage_of(const struct model_run *run) {
    struct wire_usage sum = run->before;
    wire_usage_add(&sum, &run->usage);
    return sum;
}

// A client that was sent the bytes as they came gets the rest from a writer.
static int follow(struct model_run *run) {
    AUTO_BUF rest = BUF_INIT(0);
    const char *block = run->said.len ? run->said.data + run->said_block : "";
    int r = wire_writer_new(run->family, true, &run->writer);
    if (r == 0 && run->read.own_usage)
        wire_writer_own_usage(run->writer);
    if (r == 0)
        r = wire_writer_follow(run->writer, run->reader, block, run->said.len - run->said_block,
                               &rest);
    model_hand_on(run, rest.data, r == 0 ? rest.len : 0);
    return r;
}

// Before what the attempt used is freed. Backends count at the end; a cut one did not come to it.
void model_cut(struct model_run *run) {
    int64_t guessed = (int64_t)tokens_estimate(run->said.len ? run->said.data : "", run->said.len);
    guessed -= run->before.output;
    if (run->usage.output < guessed)
        run->usage.output = guessed;
    if (!run->writer)
        run->stuck = follow(run) < 0;
    if (run->fim != WIRE_FIM_NONE) // its next word may be anything
        run->stuck = true;
    if (run->restarted) // it does not take beginnings, whatever it may say
        model_refused(run);
}

// --- who may go on

static bool refused_before(const struct models *m, uint32_t arm) {
    for (size_t i = 0; i < MODEL_REFUSALS_MAX; i++)
        if (m->refusals[i] == arm)
            return true;
    return false;
}

void model_refused(struct model_run *run) {
    struct models *m = run->m;
    if (!refused_before(m, run->arm))
        m->refusals[m->next_refusal++ % MODEL_REFUSALS_MAX] = run->arm;
}

// Who takes an answer's beginning as its own. Anthropic's and Google's APIs do, or say that this
// model does not; servers of open models do; OpenAI's begin another answer and say nothing.
static bool takes_beginnings(const struct model_offer *offer) {
    const struct backend *b = offer->backend;
    if (b->family == BACKEND_ANTHROPIC || b->family == BACKEND_GEMINI)
        return true;
    return offer->local || strncmp(b->url, "https://openrouter.ai/", 22) == 0;
}

bool model_goes_on(const struct model_run *run, const struct model_pick *p) {
    if (!run->legs || !run->said.len)
        return true;
    return takes_beginnings(&run->plan->offers[p->offer]) && !refused_before(run->m, p->arm);
}

// --- going on

// Why not; NULL: it may.
static const char *why_not(const struct model_run *run, enum route_fault fault) {
    if (run->called)
        return "it had called a tool, so paired did not ask again: that could have done it twice";
    if (run->legs >= MODEL_LEGS_MAX)
        return "it had been gone on with so often already that paired gave up";
    if (run->said.failed)
        return "it was too long to be gone on with";
    bool thinks = run->open_kind == WIRE_THINKING || run->open_kind == WIRE_REDACTED;
    if ((thinks || !run->said.len) && run->signed_)
        return "it was within thoughts that only its own model can go on with";
    if (thinks && (run->said.len || run->signs))
        return "it was within thoughts that only its own model can go on with";
    if (fault == ROUTE_FAULT_REQUEST || run->stuck)
        return "it could not be gone on with";
    return NULL;
}

static void give_up(struct model_run *run, enum route_fault fault, const char *message,
                    const char *why) {
    char text[400];
    (void)snprintf(text, sizeof text, "%.250s; the answer is cut: %s", message, why);
    model_finish(run, fault, text);
}

void model_continue(struct model_run *run, enum route_fault fault, const char *message) {
    const char *why = why_not(run, fault);
    if (why) {
        give_up(run, fault, message, why);
        return;
    }
    (void)snprintf(run->cut_message, sizeof run->cut_message, "%s", message);
    run->cut_fault = fault;
    run->legs++;
    run->cost_before += model_cost(run);
    wire_usage_add(&run->before, &run->usage);
    run->usage = (struct wire_usage){0};
    log_line(LOG_INFO, "models", "an answer was cut after %zu bytes: it is gone on with",
             run->said.len);
    model_next(run, fault, message);
}

// Nobody goes on with it.
void model_stranded(struct model_run *run, const char *message) {
    char why[300];
    bool same = strcmp(message, run->cut_message) == 0;
    (void)snprintf(why, sizeof why, "no other backend goes on with it%s%.200s", same ? "" : ": ",
                   same ? "" : message);
    give_up(run, run->cut_fault, run->cut_message, why);
}

// The last thing of a stream that had begun.
void model_put_error(struct model_run *run, enum route_fault fault, const char *message) {
    const struct wire_event e = {.kind = WIRE_ERROR,
                                 .fault = fault,
                                 .text = message,
                                 .n = strlen(message),
                                 .retry_after_ms = run->limits.retry_after_ms};
    AUTO_BUF event = BUF_INIT(0);
    if (run->writer && wire_write(run->writer, &e, &event) == 0) {
        model_hand_on(run, event.data, event.len);
        return;
    }
    wire_writer_free(run->writer); // one that is broken
    run->writer = NULL;
    if (wire_writer_new(run->family, true, &run->writer) == 0 &&
        wire_write(run->writer, &e, &event) == 0)
        model_hand_on(run, event.data, event.len);
}
