#include "core/route/route_head.h"

#include <math.h>

static const float G_FLOOR = 1e-3F; // keeps the first steps finite

float route_sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

float route_head_score(const struct route_head *h, const struct route_features *f) {
    float words = 0, pairs = 0, sum = h->dense.bias.w;
    for (int i = 0; i < ROUTE_DENSE; i++)
        sum += h->dense.shape[i].w * f->dense[i];
    for (uint32_t i = 0; i < f->words; i++)
        words += h->hashed[f->buckets[i] & h->mask].w;
    for (uint32_t i = ROUTE_PLACES - f->pairs; h->pairs && i < ROUTE_PLACES; i++)
        pairs += h->hashed[f->buckets[i] & h->mask].w;
    return sum + f->scale * (words + ROUTE_PAIR_WEIGHT * pairs);
}

static void step(struct route_weight *w, float gradient, float rate) {
    w->g += gradient * gradient;
    w->w -= rate * gradient / sqrtf(w->g + G_FLOOR);
}

void route_head_learn(struct route_head *h, const struct route_features *f, float error,
                      const struct route_rates *rates) {
    step(&h->dense.bias, error, rates->dense);
    for (int i = 0; i < ROUTE_DENSE; i++)
        step(&h->dense.shape[i], error * f->dense[i], rates->dense);
    float word = error * f->scale, pair = word * ROUTE_PAIR_WEIGHT;
    for (uint32_t i = 0; i < f->words; i++)
        step(&h->hashed[f->buckets[i] & h->mask], word, rates->hashed);
    for (uint32_t i = ROUTE_PLACES - f->pairs; h->pairs && i < ROUTE_PLACES; i++)
        step(&h->hashed[f->buckets[i] & h->mask], pair, rates->hashed);
}
