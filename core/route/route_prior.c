#include "core/route/route_prior.h"

#include <math.h>
#include <string.h>

enum {
    MAP_BYTES = ROUTE_BUCKETS / 8,
    DENSE_FLOATS = 4 * (1 + ROUTE_DENSE),
    LEVEL_BITS = 3,
    LEVEL_FLOATS = 3, // squared size, step of weak, step of gain
    HEAD_BYTES = 4 + 4 * (DENSE_FLOATS + LEVEL_FLOATS * ROUTE_PRIOR_LEVELS),
    TAIL_BYTES = 8
};
// Weights beyond so many deviations are cut to it: more steps are left for all the others.
static const float WEAK_DEVIATIONS = 2.5F, GAIN_DEVIATIONS = 4;
static const float FIGURE_MAX = 1e6F;
// Nothing is certain: probabilities stay so far from 0 and 1.
static const float DOUBT = .01F;

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

static bool get_floats(const uint8_t **at, float *ret, size_t n) {
    bool good = true;
    for (size_t i = 0; i < n; i++, *at += 4) {
        ret[i] = get_float(*at);
        good &= fabsf(ret[i]) <= FIGURE_MAX; // false for what is no number
    }
    return good;
}

static void value_of_codes(struct route_prior *p, float levels[][LEVEL_FLOATS]) {
    for (size_t c = 0; c < ROUTE_PRIOR_CODES; c++) {
        const float *l = levels[c >> 8];
        p->values[c] =
            (route_four){(float)((int)(c & 7) - ROUTE_PRIOR_WEAK_MOST) * l[1],
                         (float)((int)(c >> 3 & 31) - ROUTE_PRIOR_GAIN_MOST) * l[2], l[0], 0};
    }
    p->values[0] = (route_four){0};
}

int route_prior_unpack(struct route_prior *p, const void *bytes, size_t n, struct err *err) {
    const uint8_t *at = bytes, *end = at + n - TAIL_BYTES;
    float levels[ROUTE_PRIOR_LEVELS][LEVEL_FLOATS];
    uint64_t sum = 0;
    size_t known = 0;
    if (n < HEAD_BYTES + MAP_BYTES + TAIL_BYTES || memcmp(at, "PRP2", 4) != 0)
        return err_set(err, ERR_CORRUPT, "the router's prior is damaged");
    for (int i = 0; i < TAIL_BYTES; i++)
        sum |= (uint64_t)end[i] << (8 * i);
    if (sum != route_fnv(bytes, n - TAIL_BYTES))
        return err_set(err, ERR_CORRUPT, "the router's prior is damaged");
    at += 4;
    if (!get_floats(&at, &p->dense[0][0][0], DENSE_FLOATS) ||
        !get_floats(&at, &levels[0][0], LEVEL_FLOATS * ROUTE_PRIOR_LEVELS))
        return err_set(err, ERR_CORRUPT, "the router's prior has impossible weights");
    value_of_codes(p, levels);
    const uint8_t *map = at, *code = at + MAP_BYTES;
    for (size_t b = 0; b < ROUTE_BUCKETS; b++)
        known += map[b >> 3] >> (b & 7) & 1;
    if ((size_t)(end - code) != known + (known * LEVEL_BITS + 7) / 8)
        return err_set(err, ERR_CORRUPT, "the router's prior has another length");
    const uint8_t *level = code + known;
    for (size_t b = 0, i = 0; b < ROUTE_BUCKETS; b++) {
        p->codes[b] = 0;
        if (!(map[b >> 3] >> (b & 7) & 1))
            continue;
        unsigned of = 0;
        for (size_t k = 0, bit = LEVEL_BITS * i; k < LEVEL_BITS; k++, bit++)
            of |= (unsigned)(level[bit >> 3] >> (bit & 7) & 1) << k;
        p->codes[b] = (uint16_t)(code[i++] | of << 8);
    }
    return 0;
}

static int quantise(float w, float step, int most) {
    float q = step > 0 ? roundf(w / step) : 0;
    return (int)(q > (float)most ? (float)most : q < -(float)most ? -(float)most : q);
}

// The step of a head's weights on one level.
static float step_of(const struct route_fit *fit, int head, size_t level) {
    double squares = 0;
    size_t used = 0;
    for (size_t b = 0; b < ROUTE_BUCKETS; b++)
        if (fit->level[b] == level + 1) {
            double w = (double)fit->hashed[head][b] * (double)fit->size[level];
            squares += w * w;
            used++;
        }
    float deviation = used ? (float)sqrt(squares / (double)used) : 0;
    return head ? GAIN_DEVIATIONS * deviation / ROUTE_PRIOR_GAIN_MOST
                : WEAK_DEVIATIONS * deviation / ROUTE_PRIOR_WEAK_MOST;
}

// One byte for each known bucket, then their levels; a code of 0 on the first level would be no
// code, and becomes its neighbour.
static void put_codes(const struct route_fit *fit, float steps[ROUTE_PRIOR_LEVELS][2],
                      struct buf *out) {
    for (size_t b = 0; b < ROUTE_BUCKETS; b++) {
        if (fit->level[b] == 0)
            continue;
        size_t l = fit->level[b] - 1U;
        int weak = quantise(fit->hashed[0][b] * fit->size[l], steps[l][0], ROUTE_PRIOR_WEAK_MOST);
        int gain = quantise(fit->hashed[1][b] * fit->size[l], steps[l][1], ROUTE_PRIOR_GAIN_MOST);
        int code = (weak + ROUTE_PRIOR_WEAK_MOST) | (gain + ROUTE_PRIOR_GAIN_MOST) << 3;
        (void)buf_putc(out, (char)(code == 0 && l == 0 ? 1 : code));
    }
    unsigned held = 0, bits = 0;
    for (size_t b = 0; b < ROUTE_BUCKETS; b++) {
        if (fit->level[b] == 0)
            continue;
        held |= (fit->level[b] - 1U) << bits;
        for (bits += LEVEL_BITS; bits >= 8; bits -= 8, held >>= 8)
            (void)buf_putc(out, (char)(held & 0xFF));
    }
    if (bits)
        (void)buf_putc(out, (char)held);
}

int route_prior_pack(const struct route_fit *fit, struct buf *out) {
    size_t begin = out->len;
    float steps[ROUTE_PRIOR_LEVELS][2];
    (void)buf_append(out, "PRP2", 4);
    for (size_t i = 0; i < DENSE_FLOATS; i++)
        put_float(out, (&fit->dense[0][0][0])[i]);
    for (size_t l = 0; l < ROUTE_PRIOR_LEVELS; l++) {
        put_float(out, fit->size[l] * fit->size[l]);
        for (int h = 0; h < 2; h++)
            put_float(out, steps[l][h] = step_of(fit, h, l));
    }
    for (size_t b = 0; b < ROUTE_BUCKETS; b += 8) {
        uint8_t bits = 0;
        for (size_t i = 0; i < 8; i++)
            bits = (uint8_t)(bits | (fit->level[b + i] != 0) << i);
        (void)buf_putc(out, (char)bits);
    }
    put_codes(fit, steps, out);
    if (out->failed)
        return ERR_NOMEM;
    uint64_t sum = route_fnv(out->data + begin, out->len - begin);
    for (int i = 0; i < TAIL_BYTES; i++)
        (void)buf_putc(out, (char)(sum >> (8 * i) & 0xFF));
    return out->failed ? ERR_NOMEM : 0;
}

static float log_odds(float p) {
    p = fminf(fmaxf(p, DOUBT), 1 - DOUBT);
    return logf(p / (1 - p));
}

void route_prior_score(const struct route_prior *p, const struct route_features *f, float ret[2]) {
    route_four sum = {0}, odd = {0};
    uint32_t i = 0;
    // Always in the same order, for the sum of floats depends on it.
    for (; i + 1 < f->words; i += 2) {
        sum += p->values[p->codes[f->buckets[i]]];
        odd += p->values[p->codes[f->buckets[i + 1]]];
    }
    if (i < f->words)
        sum += p->values[p->codes[f->buckets[i]]];
    for (i = ROUTE_PLACES - f->pairs; i + 1 < ROUTE_PLACES; i += 2) {
        sum += p->values[p->codes[f->buckets[i]]];
        odd += p->values[p->codes[f->buckets[i + 1]]];
    }
    if (i < ROUTE_PLACES)
        sum += p->values[p->codes[f->buckets[i]]];
    sum += odd;
    float scale = sum[2] > 0 ? 1 / sqrtf(sum[2]) : 0, chance[2];
    for (int h = 0; h < 2; h++) {
        const float *dense = p->dense[h][f->choices];
        chance[h] = dense[0] + scale * sum[h];
        for (int k = 0; k < ROUTE_DENSE; k++)
            chance[h] += dense[1 + k] * f->dense[k];
    }
    // A line leaves the range of probabilities; both are moved, for their difference is what
    // counts.
    float weak = chance[0], strong = chance[0] + chance[1];
    float over = fmaxf(weak, strong) - (1 - DOUBT), under = DOUBT - fminf(weak, strong);
    float move = over > 0 ? -over : under > 0 ? under : 0;
    ret[0] = log_odds(weak + move);
    ret[1] = log_odds(strong + move);
}
