#include "core/route/route_predict.h"

#include "core/base/mem.h"
#include "core/route/route_predict_impl.h"

#include <math.h>
#include <string.h>

// Rates of the two heads that learn: found on simulated choices (tests/bench/bench_route online).
static const struct route_rates SHARED_RATES = {.1F, .01F}, OWN_RATES = {.1F, .01F};
// How much better than the strong head a model of skill 2 would be, in log-odds.
static const float BEYOND = .9F;
static const float LOGIT_MAX = 8;

int predictor_head_new(struct route_head *h, uint32_t buckets, struct err *err) {
    *h = (struct route_head){.mask = buckets - 1, .pairs = buckets == ROUTE_SHARED_BUCKETS};
    h->hashed = mem_zalloc(buckets * sizeof *h->hashed);
    return h->hashed ? 0 : err_set(err, ERR_NOMEM, "out of memory for the router's experience");
}

int predictor_new_with(struct route_prior *prior, struct route_predictor **ret, struct err *err) {
    struct route_predictor *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for the router");
    p->prior = prior;
    *ret = p;
    return 0;
}

int route_predictor_new_blank(struct route_predictor **ret, struct err *err) {
    return predictor_new_with(NULL, ret, err);
}

int route_predictor_new(struct route_predictor **ret, struct err *err) {
    struct route_prior *prior = mem_alloc(sizeof *prior);
    if (!prior)
        return err_set(err, ERR_NOMEM, "out of memory for the router");
    int r = route_prior_unpack(prior, route_prior_bytes, route_prior_bytes_bytes, err);
    if (r == 0)
        r = predictor_new_with(prior, ret, err);
    if (r < 0)
        mem_free(prior);
    return r;
}

void predictor_forget(struct route_predictor *p) {
    mem_free(p->shared.hashed);
    for (size_t i = 0; i < p->count; i++)
        mem_free(p->models[i].head.hashed);
    p->shared = (struct route_head){.hashed = NULL};
    p->count = 0;
    p->outcomes = 0;
}

void route_predictor_free(struct route_predictor *p) {
    if (!p)
        return;
    predictor_forget(p);
    mem_free(p->prior);
    mem_free(p);
}

static struct learned *find(const struct route_predictor *p, const char *model) {
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->models[i].name, model) == 0)
            return (struct learned *)&p->models[i];
    return NULL;
}

void route_predict_look(const struct route_predictor *p, const struct route_features *f,
                        struct route_look *ret) {
    float prior[2] = {0, 0};
    if (p->prior)
        route_prior_score(p->prior, f, prior);
    *ret = (struct route_look){.features = f,
                               .weak = prior[0],
                               .strong = prior[1],
                               .shared = p->shared.hashed ? route_head_score(&p->shared, f) : 0};
}

static float log_odds(const struct route_predictor *p, const struct route_look *look,
                      const char *model, double skill) {
    const struct learned *l = find(p, model);
    float s = (float)skill, z;
    if (!p->prior)
        z = 0;
    else if (s <= 1)
        z = look->weak + (s > 0 ? s : 0) * (look->strong - look->weak);
    else
        z = look->strong + (s < 3 ? s - 1 : 2) * BEYOND;
    z += look->shared + (l ? route_head_score(&l->head, look->features) : 0);
    return z > LOGIT_MAX ? LOGIT_MAX : z < -LOGIT_MAX ? -LOGIT_MAX : z;
}

float route_predict(const struct route_predictor *p, const struct route_look *look,
                    const char *model, double skill) {
    return route_sigmoid(log_odds(p, look, model, skill));
}

// The slot of a model, made when there is none; the one that was unused longest makes room.
static struct learned *slot_for(struct route_predictor *p, const char *model, struct err *err) {
    struct learned *l = find(p, model);
    struct route_head head;
    if (l)
        return l;
    if (p->count < ROUTE_LEARNED_MODELS_MAX) {
        if (predictor_head_new(&head, ROUTE_OWN_BUCKETS, err) < 0)
            return NULL;
        l = &p->models[p->count++];
    } else {
        l = &p->models[0];
        for (size_t i = 1; i < p->count; i++)
            if (p->models[i].used < l->used)
                l = &p->models[i];
        head = l->head;
        memset(head.hashed, 0, ROUTE_OWN_BUCKETS * sizeof *head.hashed);
        head.dense = (struct route_dense_head){.bias = {0, 0}};
    }
    *l = (struct learned){.head = head};
    memcpy(l->name, model, strlen(model) + 1);
    return l;
}

int route_learn(struct route_predictor *p, const struct route_features *f, const char *model,
                double skill, double outcome, double weight, struct err *err) {
    struct route_look look;
    size_t n = strnlen(model, ROUTE_LEARNED_NAME_BYTES_MAX);
    if (n == 0 || n == ROUTE_LEARNED_NAME_BYTES_MAX || !(outcome >= 0 && outcome <= 1) ||
        !(weight >= 0 && weight <= 1))
        return err_set(err, ERR_INVAL, "an outcome needs a model's name, and figures from 0 to 1");
    if (!p->shared.hashed) {
        int r = predictor_head_new(&p->shared, ROUTE_SHARED_BUCKETS, err);
        if (r < 0)
            return r;
    }
    struct learned *l = slot_for(p, model, err);
    if (!l)
        return ERR_NOMEM;
    route_predict_look(p, f, &look);
    // AdaGrad divides by the gradients' own size, so a weight on them would be lost where all
    // outcomes are weak ones: it goes on the step.
    float error = route_predict(p, &look, model, skill) - (float)outcome, w = (float)weight;
    struct route_rates shared = {SHARED_RATES.hashed * w, SHARED_RATES.dense * w};
    struct route_rates own = {OWN_RATES.hashed * w, OWN_RATES.dense * w};
    route_head_learn(&p->shared, f, error, &shared);
    route_head_learn(&l->head, f, error, &own);
    l->outcomes++;
    l->used = ++p->outcomes;
    return 0;
}

uint64_t route_outcomes(const struct route_predictor *p, const char *model) {
    const struct learned *l = model ? find(p, model) : NULL;
    return !model ? p->outcomes : l ? l->outcomes : 0;
}
