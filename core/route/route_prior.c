#include "core/route/route_prior.h"

#include <math.h>
#include <string.h>

enum { MAP_BYTES = ROUTE_BUCKETS / 8, FLOATS = 2 * (2 + ROUTE_DENSE), HALF = 8, MOST = 7 };
enum { HEAD_BYTES = 4 + 4 * FLOATS, TAIL_BYTES = 8 };
// Weights beyond so many deviations are cut to it: more steps are left for all the others.
static const float DEVIATIONS = 4;

uint64_t route_fnv(const void *bytes, size_t n) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001B3);
    return h;
}

static float get_float(const uint8_t *at) {
    uint32_t bits = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static void put_float(struct buf *out, float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    for (int i = 0; i < 4; i++)
        (void)buf_putc(out, (char)(bits >> (8 * i) & 0xFF));
}

int route_prior_unpack(struct route_prior *p, const void *bytes, size_t n, struct err *err) {
    const uint8_t *at = bytes, *end = at + n - TAIL_BYTES;
    uint64_t sum = 0;
    if (n < HEAD_BYTES + MAP_BYTES + TAIL_BYTES || memcmp(at, "PRP1", 4) != 0)
        return err_set(err, ERR_CORRUPT, "the router's prior is damaged");
    for (int i = 0; i < TAIL_BYTES; i++)
        sum |= (uint64_t)end[i] << (8 * i);
    if (sum != route_fnv(bytes, n - TAIL_BYTES))
        return err_set(err, ERR_CORRUPT, "the router's prior is damaged");
    at += 4;
    for (int h = 0; h < 2; h++) {
        p->scale[h] = get_float(at);
        at += 4;
        for (int i = 0; i <= ROUTE_DENSE; i++, at += 4)
            p->dense[h][i] = get_float(at);
    }
    const uint8_t *map = at;
    at += MAP_BYTES;
    memset(p->hashed, 0, sizeof p->hashed);
    for (size_t b = 0; b < ROUTE_BUCKETS; b++) {
        if (!(map[b >> 3] >> (b & 7) & 1))
            continue;
        if (at == end)
            return err_set(err, ERR_CORRUPT, "the router's prior is cut");
        p->hashed[b][0] = (int8_t)((*at & 15) - HALF);
        p->hashed[b][1] = (int8_t)((*at >> 4) - HALF);
        at++;
    }
    return at == end ? 0 : err_set(err, ERR_CORRUPT, "the router's prior is too long");
}

static float scale_of(const struct route_head *h) {
    double squares = 0;
    size_t used = 0;
    for (size_t b = 0; b < ROUTE_BUCKETS; b++)
        if (h->hashed[b].w != 0) {
            squares += (double)h->hashed[b].w * h->hashed[b].w;
            used++;
        }
    return used ? DEVIATIONS * (float)sqrt(squares / (double)used) / MOST : 1;
}

static int quantise(float w, float scale) {
    float q = roundf(w / scale);
    return (int)(q > MOST ? MOST : q < -MOST ? -MOST : q);
}

int route_prior_pack(const struct route_head *weak, const struct route_head *strong,
                     struct buf *out) {
    const struct route_head *heads[2] = {weak, strong};
    uint8_t map[MAP_BYTES] = {0};
    float scale[2];
    size_t begin = out->len;
    (void)buf_append(out, "PRP1", 4);
    for (int h = 0; h < 2; h++) {
        scale[h] = scale_of(heads[h]);
        put_float(out, scale[h]);
        put_float(out, heads[h]->dense.bias.w);
        for (int i = 0; i < ROUTE_DENSE; i++)
            put_float(out, heads[h]->dense.shape[i].w);
    }
    for (size_t b = 0; b < ROUTE_BUCKETS; b++)
        if (quantise(weak->hashed[b].w, scale[0]) || quantise(strong->hashed[b].w, scale[1]))
            map[b >> 3] = (uint8_t)(map[b >> 3] | 1 << (b & 7));
    (void)buf_append(out, map, sizeof map);
    for (size_t b = 0; b < ROUTE_BUCKETS; b++)
        if (map[b >> 3] >> (b & 7) & 1)
            (void)buf_putc(out, (char)((quantise(weak->hashed[b].w, scale[0]) + HALF) |
                                       (quantise(strong->hashed[b].w, scale[1]) + HALF) << 4));
    if (out->failed)
        return ERR_NOMEM;
    uint64_t sum = route_fnv(out->data + begin, out->len - begin);
    for (int i = 0; i < TAIL_BYTES; i++)
        (void)buf_putc(out, (char)(sum >> (8 * i) & 0xFF));
    return out->failed ? ERR_NOMEM : 0;
}

void route_prior_score(const struct route_prior *p, const struct route_features *f, float ret[2]) {
    int32_t words[2] = {0}, pairs[2] = {0}; // integers: the order of the buckets does not matter
    for (uint32_t i = 0; i < f->words; i++) {
        words[0] += p->hashed[f->buckets[i]][0];
        words[1] += p->hashed[f->buckets[i]][1];
    }
    for (uint32_t i = ROUTE_PLACES - f->pairs; i < ROUTE_PLACES; i++) {
        pairs[0] += p->hashed[f->buckets[i]][0];
        pairs[1] += p->hashed[f->buckets[i]][1];
    }
    for (int h = 0; h < 2; h++) {
        float sum = p->dense[h][0];
        for (int i = 0; i < ROUTE_DENSE; i++)
            sum += p->dense[h][1 + i] * f->dense[i];
        ret[h] =
            sum + f->scale * p->scale[h] * ((float)words[h] + ROUTE_PAIR_WEIGHT * (float)pairs[h]);
    }
}
