// What the user says of an answer teaches the router (core/route/route_predict.h): for that the
// features of the latest requests between whose models there was a choice are kept in memory, as
// hashes and counts, never their text. Verdicts come from workers through a mailbox.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/loop/mailbox.h"
#include "core/route/route_check.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

enum { LETTERS_MAX = 64 };
// Of a user's verdict. An edit that does not apply is mostly made good by the next one: it says
// less of the task than of the turn.
static const double EDIT_WEIGHT = .25;

struct model_lesson { // a request's features without what only their making needs
    uint64_t why;     // number of the note about its choice; 0: this place is free
    char model[MODEL_WHY_NAME_BYTES];
    double skill;
    enum model_opinion verdict; // learned from; MODEL_OPINION_NONE not yet
    enum model_edit edit;       // the same
    float dense[ROUTE_DENSE], scale;
    bool choices;
    uint32_t words, pairs;
    uint32_t *buckets; // words, then pairs; owned
};

static struct model_lesson *lesson_of(struct models *m, uint64_t why) {
    struct model_lesson *l = m->lessons ? &m->lessons[why % MODEL_LESSONS_MAX] : NULL;
    return l && why && l->why == why ? l : NULL;
}

// The model that answers may be another one than was chosen first.
static void set_model(struct model_lesson *l, const struct model_pick *p) {
    (void)snprintf(l->model, sizeof l->model, "%s", p->model->name);
    l->skill = p->model->skill;
}

void model_lesson_keep(const struct model_ballot *b, const struct model_pick *p) {
    const struct model_run *run = b->run;
    struct models *m = run->m;
    struct model_lesson *l = lesson_of(m, run->why);
    if (l) { // also when no other one was left to choose from
        set_model(l, p);
        return;
    }
    if (!b->looked || !run->why)
        return;
    if (!m->lessons)
        m->lessons = mem_zalloc(MODEL_LESSONS_MAX * sizeof *m->lessons);
    const struct route_features *f = m->features;
    uint32_t n = f->words + f->pairs;
    uint32_t *buckets = m->lessons ? mem_alloc((n + 1) * sizeof *buckets) : NULL;
    if (!buckets)
        return; // then nothing is learned from this one
    memcpy(buckets, f->buckets, f->words * sizeof *buckets);
    memcpy(buckets + f->words, f->buckets + ROUTE_PLACES - f->pairs, f->pairs * sizeof *buckets);
    l = &m->lessons[run->why % MODEL_LESSONS_MAX];
    mem_free(l->buckets);
    *l = (struct model_lesson){.why = run->why,
                               .scale = f->scale,
                               .choices = f->choices,
                               .words = f->words,
                               .pairs = f->pairs,
                               .buckets = buckets};
    memcpy(l->dense, f->dense, sizeof l->dense);
    set_model(l, p);
}

// --- a verdict, on the loop

static void to_features(const struct model_lesson *l, struct route_features *f) {
    memcpy(f->dense, l->dense, sizeof f->dense);
    f->scale = l->scale;
    f->choices = l->choices;
    f->words = l->words;
    f->pairs = l->pairs;
    memcpy(f->buckets, l->buckets, l->words * sizeof *l->buckets);
    memcpy(f->buckets + ROUTE_PLACES - l->pairs, l->buckets + l->words,
           l->pairs * sizeof *l->buckets);
}

static void learn(struct models *m, const struct model_opinion_letter *v) {
    struct model_lesson *l = lesson_of(m, v->why);
    struct err err = {0};
    if (!l || l->verdict == v->verdict || !m->features || !m->predictor)
        return;
    // Taken back: what the first verdict did is undone by one step of the other.
    int steps = l->verdict == MODEL_OPINION_NONE ? 1 : 2, r = 0;
    to_features(l, m->features);
    for (int i = 0; r == 0 && i < steps; i++)
        r = route_learn(m->predictor, m->features, l->model, l->skill,
                        v->verdict == MODEL_OPINION_GOOD, 1, &err);
    if (r < 0) {
        log_line(LOG_WARN, "models", "nothing was learned: %s", err_text(&err));
        return;
    }
    l->verdict = v->verdict;
    model_keep_soon(m);
}

// --- what a tool said of an edit

// Whether the request goes on exactly where the last answer of its conversation left it: by one
// answer and one message more. A repeated request, or one whose history was rewritten, does not.
static bool is_next_turn(const struct model_session *s, const struct model_body *b) {
    uint64_t n = s->marks[0].messages;
    return n && b->messages == n + 2 && b->tail[(n - 1) % MODEL_TAIL_MAX].hash == s->marks[0].hash;
}

void model_lesson_edit(const struct model_ballot *b, enum model_edit edit) {
    struct models *m = b->run->m;
    struct model_lesson *l = edit && b->session && is_next_turn(b->session, &b->run->read)
                                 ? lesson_of(m, b->session->why)
                                 : NULL;
    if (!l || l->edit != MODEL_EDIT_NONE || l->verdict != MODEL_OPINION_NONE)
        return; // once, and the user knows better
    struct route_check patch = route_check_prior(ROUTE_CHECK_PATCH);
    struct route_look look;
    to_features(l, m->features);
    route_predict_look(m->predictor, m->features, &look);
    double before = (double)route_predict(m->predictor, &look, l->model, l->skill);
    // Towards what the check leaves of it: hardly more than before when the edit applied, since
    // most wrong ones do, little when it did not. A model of which as many fail as the check's
    // rates foresee stays where it is.
    const struct route_verdict said = {&patch, edit == MODEL_EDIT_APPLIED};
    if (route_learn(m->predictor, m->features, l->model, l->skill,
                    route_check_posterior(before, &said, 1), EDIT_WEIGHT, NULL) < 0)
        return; // then nothing is learned from this one
    l->edit = edit;
    struct model_why *why = model_whys_enter(m->services->whys, l->why);
    if (why) {
        why->edit = edit;
        model_whys_leave(m->services->whys);
        model_whys_soon(m);
    }
    model_keep_soon(m);
}

static void forget(struct models *m) {
    struct route_predictor *blank = NULL;
    struct err err = {0};
    if (route_predictor_new(&blank, &err) < 0) {
        log_line(LOG_WARN, "models", "what was learned was not forgotten: %s", err_text(&err));
        return;
    }
    route_predictor_free(m->predictor);
    m->predictor = blank;
    m->forgotten = true;
    for (size_t i = 0; m->lessons && i < MODEL_LESSONS_MAX; i++)
        m->lessons[i].verdict = MODEL_OPINION_NONE; // nothing of it is to be taken back
    m->kept_outcomes = UINT64_MAX;                  // to be written
    model_keep_soon(m);
}

static void on_letter(void *ctx, void *message) {
    struct models *m = ctx;
    struct model_opinion_letter *v = message;
    if (v->verdict == MODEL_OPINION_ERASE)
        model_lessons_done(m);
    if (v->verdict >= MODEL_OPINION_FORGET)
        forget(m);
    else
        learn(m, v);
    mem_free(v);
}

int model_learning_begin(struct models *m, struct err *err) {
    int r = mailbox_new(m->loop, LETTERS_MAX, on_letter, m, &m->verdicts, err);
    if (r == 0)
        model_whys_link(m->services->whys, m->verdicts);
    return r;
}

static void drop_letter(void *message) {
    mem_free(message);
}

void model_learning_end(struct models *m) {
    if (!m->verdicts)
        return;
    model_whys_link(m->services->whys, NULL);
    mailbox_close(m->verdicts, drop_letter);
    m->verdicts = NULL;
}

void model_lessons_done(struct models *m) {
    for (size_t i = 0; m->lessons && i < MODEL_LESSONS_MAX; i++)
        mem_free(m->lessons[i].buckets);
    mem_free(m->lessons);
    m->lessons = NULL;
}
