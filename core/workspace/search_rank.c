// The ranking behind locate and pack. For files and for functions alike: a linear model over the
// features of search_impl.h, whose softmax is the probability of being what the text is about. The
// features are counted by search_score.c and search_near.c.
//
// Weights: fitted by maximum likelihood with a small L2 penalty, none below 0 where more of a
// feature is more of a reason. Files: on 1,409 commit messages of aider, docker-py, huginn, lego,
// nats-server and redis (150 of each) and on the 105 issue texts of tests/bench/README.md.
// Functions: on those issue texts. Stack frames are rare there: their weights, and those of exact
// names and of plain definitions, were set by hand.
#include "core/workspace/search_score.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float file_weights[FF_COUNT] = {
    [FF_BODY] = 1.26F, [FF_PATH] = 1.22F,   [FF_NAMED] = .83F,  [FF_FRAME] = 1.0F,
    [FF_BEST] = 1.12F, [FF_NAME] = .88F,    [FF_TITLE] = 1.25F, [FF_PAIRS] = 1.29F,
    [FF_NEAR] = .52F,  [FF_MESSAGE] = 1.8F, [FF_CHURN] = .98F,  [FF_COUPLED] = .33F,
    [FF_WEIGHT] = 1.0F};

const float *search_file_weights(void) {
    return file_weights;
}

static const float unit_weights[UF_COUNT] = {
    [UF_BODY] = 1.1F,      [UF_BODY2] = .77F,   [UF_NAME] = 1.32F,  [UF_EXACT] = .3F,
    [UF_FRAME] = 1.2F,     [UF_PARENT] = 1.33F, [UF_CALLED] = .72F, [UF_CALLS] = .5F,
    [UF_TITLE] = 1.28F,    [UF_COVER] = .61F,   [UF_LENGTH] = .18F, [UF_PAIRS] = 1.12F,
    [UF_BRANCHES] = 1.48F, [UF_FILE] = 1.01F,   [UF_CLASS] = -.85F, [UF_PLAIN] = -1.5F};

// A text of a few names asks for their definitions; a report mentions names by the dozen.
static float exact_boost(const struct query *q) {
    return q->name_count ? 8 / (float)q->name_count : 0;
}

static double file_logit(const struct ranked_file *f) {
    double v = 0;
    for (int i = 0; i < FF_COUNT; i++)
        v += (double)file_weights[i] * (double)f->x[i];
    return v;
}

static double unit_logit(const struct ranking *r, const struct ranked_unit *u) {
    double v = (double)exact_boost(&r->query) * (double)u->x[UF_EXACT];
    for (int i = 0; i < UF_COUNT; i++)
        v += (double)unit_weights[i] * (double)u->x[i];
    return v;
}

static int files_by_logit(const void *a, const void *b) {
    const struct ranked_file *x = a, *y = b;
    if (x->logit > y->logit || x->logit < y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

static int units_by_logit(const void *a, const void *b) {
    const struct ranked_unit *x = a, *y = b;
    if (x->logit > y->logit || x->logit < y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static float part(float value, float most) {
    if (!(most > 0))
        return 0;
    return value >= most * 1.5F ? 1.5F : value / most;
}

static void file_features(const struct work *w, uint32_t file, struct ranked_file *ret) {
    const struct search *s = w->s;
    const struct file_work *f = &w->files[file];
    float *x = ret->x;
    *ret = (struct ranked_file){.file = file, .best = f->best_unit};
    x[FF_BODY] = part(f->body, w->most.file_body);
    x[FF_PATH] = part(f->path, w->most.path);
    x[FF_NAMED] = f->named;
    x[FF_FRAME] = f->frame;
    x[FF_BEST] = part(f->best, w->most.body);
    x[FF_NAME] = part(f->name, w->most.name);
    x[FF_TITLE] = part(f->title, w->most.title);
    x[FF_PAIRS] = f->pairs;
    x[FF_NEAR] = f->near;
    x[FF_MESSAGE] = part(f->message, w->most.message);
    x[FF_CHURN] = s->files[file].churn;
    x[FF_COUPLED] = f->coupled;
    x[FF_WEIGHT] = logf(f->weight);
}

static void unit_features(const struct work *w, uint32_t unit, struct ranked_unit *ret) {
    const struct search *s = w->s;
    const struct fact_symbol *y = search_symbol(s, unit);
    uint32_t file = s->file_of[unit];
    float *x = ret->x;
    *ret = (struct ranked_unit){.unit = unit};
    x[UF_BODY] = part(w->body[unit], w->most.body);
    x[UF_BODY2] = x[UF_BODY] * x[UF_BODY];
    x[UF_NAME] = part(unit_name_match(w, unit), w->most.name);
    x[UF_EXACT] = w->exact[unit];
    x[UF_FRAME] = w->frame[unit];
    if (y->scope)
        x[UF_PARENT] = part(unit_name_match(w, s->files[file].first + y->scope), w->most.name);
    x[UF_CALLED] = w->called[unit];
    x[UF_CALLS] = w->calls[unit];
    x[UF_TITLE] = part(w->title[unit], w->most.title);
    x[UF_COVER] = part(w->cover[unit], w->most.cover);
    x[UF_LENGTH] = logf(1 + (float)(y->end - y->start) / 4) / 8;
    x[UF_PAIRS] = w->pairs[unit];
    x[UF_BRANCHES] = logf(1 + (float)y->cyclomatic) / 4;
    x[UF_CLASS] = y->kind == SYMBOL_CLASS || y->kind == SYMBOL_NAMESPACE;
    x[UF_PLAIN] = !symbol_is_scope(y);
}

// Files with anything at all in common with the text, the best RANK_FILES_MAX of them.
static int rank_files(struct work *w, struct ranking *r, struct err *err) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->s->file_count; i++)
        n += w->files[i].weight > 0 && file_has_any(w, i);
    r->candidates = n;
    struct ranked_file *all = mem_alloc((n ? n : 1) * sizeof *all);
    if (!all)
        return err_set(err, ERR_NOMEM, "out of memory");
    n = 0;
    for (uint32_t i = 0; i < w->s->file_count; i++) {
        if (!(w->files[i].weight > 0) || !file_has_any(w, i))
            continue;
        file_features(w, i, &all[n]);
        all[n].logit = file_logit(&all[n]);
        n++;
    }
    qsort(all, n, sizeof *all, files_by_logit);
    r->files = all;
    r->file_count = n < RANK_FILES_MAX ? n : RANK_FILES_MAX;
    return 0;
}

// Files that change together with the best ones come along behind them.
static void add_coupled(struct work *w, struct ranking *r) {
    enum { LEADERS = 5 };
    const struct search_history *h = &w->s->history;
    uint32_t leaders = r->file_count < LEADERS ? r->file_count : LEADERS;
    if (!h->coupled)
        return;
    for (uint32_t i = 0; i < leaders; i++) {
        const char *paths[SEARCH_COUPLED_MAX];
        double shares[SEARCH_COUPLED_MAX];
        const char *path = snapshot_file(w->s->snapshot, r->files[i].file)->path;
        float strength = (float)exp(r->files[i].logit - r->files[0].logit);
        unsigned n = h->coupled(h->ctx, path, paths, shares, SEARCH_COUPLED_MAX);
        for (unsigned k = 0; k < n && k < SEARCH_COUPLED_MAX; k++) {
            int64_t other = snapshot_find(w->s->snapshot, paths[k], strlen(paths[k]));
            if (other < 0)
                continue;
            struct file_work *f = &w->files[other];
            float v = (float)shares[k] * strength;
            if (v > f->coupled && f->weight > 0) {
                f->coupled = v > 1 ? 1 : v;
                f->coupled_with = r->files[i].file;
            }
        }
    }
    for (uint32_t i = 0; i < r->file_count; i++) {
        r->files[i].x[FF_COUPLED] = w->files[r->files[i].file].coupled;
        r->files[i].coupled_with = w->files[r->files[i].file].coupled_with;
        r->files[i].logit = file_logit(&r->files[i]);
    }
    qsort(r->files, r->file_count, sizeof *r->files, files_by_logit);
}

static void score_files(struct ranking *r) {
    double sum = 0;
    for (uint32_t i = 0; i < r->file_count; i++)
        sum += exp(r->files[i].logit - r->files[0].logit);
    for (uint32_t i = 0; i < r->file_count; i++)
        r->files[i].score = exp(r->files[i].logit - r->files[0].logit) / sum;
}

// The files' logits are known now: they are part of the functions' features.
static void rank_units(struct work *w, struct ranking *r) {
    double top = r->file_count ? r->files[0].logit : 0, sum = 0;
    for (uint32_t i = 0; i < w->s->file_count; i++)
        w->files[i].logit = -3;
    for (uint32_t i = 0; i < r->file_count; i++) {
        float v = (float)((r->files[i].logit - top) / 2);
        w->files[r->files[i].file].logit = v > -3 ? v : -3;
    }
    for (uint32_t i = 0; i < r->unit_count; i++) {
        struct ranked_unit *u = &r->units[i];
        unit_features(w, u->unit, u);
        u->x[UF_FILE] = w->files[w->s->file_of[u->unit]].logit;
        u->logit = unit_logit(r, u);
    }
    qsort(r->units, r->unit_count, sizeof *r->units, units_by_logit);
    for (uint32_t i = 0; i < r->unit_count; i++)
        sum += exp(r->units[i].logit - r->units[0].logit);
    for (uint32_t i = 0; i < r->unit_count; i++)
        r->units[i].score = exp(r->units[i].logit - r->units[0].logit) / sum;
}

double unit_first_logit(const struct work *w, uint32_t unit) {
    struct ranked_unit u;
    unit_features(w, unit, &u);
    uint32_t file = w->s->file_of[unit];
    // Before the files are ranked: what is known of this one, in about the same measure.
    u.x[UF_FILE] = .5F * (part(w->files[file].body, w->most.file_body) +
                          part(w->files[file].path, w->most.path) + w->files[file].named +
                          w->files[file].frame + logf(w->files[file].weight));
    return unit_logit(w->r, &u);
}

int search_rank(const struct search *s, const struct rank_want *want, struct ranking *ret,
                struct err *err) {
    struct work w;
    *ret = (struct ranking){0};
    int r = query_read(want->text, want->bytes, &ret->query, err);
    if (r < 0)
        return r;
    ret->tests = want->tests || (ret->query.tests && !want->no_tests);
    r = work_init(&w, s, want, ret, err);
    if (r == 0)
        r = work_score(&w, err);
    if (r == 0)
        r = work_near(&w, err);
    if (r == 0)
        r = work_pairs(&w, err);
    if (r == 0)
        r = rank_files(&w, ret, err);
    if (r == 0 && ret->file_count) {
        add_coupled(&w, ret);
        score_files(ret);
        rank_units(&w, ret);
    }
    work_done(&w);
    return r;
}

void ranking_done(struct ranking *r) {
    query_done(&r->query);
    mem_free(r->files);
    mem_free(r->units);
    *r = (struct ranking){0};
}
