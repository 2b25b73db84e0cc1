// What a predictor has learned, as bytes. Little-endian: "PRL2", outcomes (u64), number of heads
// (u32; the shared one, then the models' in order of their slots), for each: name length (u8),
// name, outcomes and last use (u64), 15 dense pairs (w, g as float32), buckets (u32), entries
// (u32), each a bucket (u16) and its pair; FNV-1a 64 of all before.
#include "core/route/route_predict_impl.h"

#include "core/base/mem.h"

#include <math.h>
#include <string.h>

static const float WEIGHT_MAX = 1000, SQUARES_MAX = 1e12F;

static void put(struct buf *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        (void)buf_putc(out, (char)(value >> (8 * i) & 0xFF));
}

static void put_pair(struct buf *out, const struct route_weight *w) {
    uint32_t bits;
    memcpy(&bits, &w->w, 4);
    put(out, bits, 4);
    memcpy(&bits, &w->g, 4);
    put(out, bits, 4);
}

static void put_head(struct buf *out, const struct route_head *h, const char *name,
                     uint64_t outcomes, uint64_t used) {
    size_t n = strlen(name), entries = 0;
    put(out, n, 1);
    (void)buf_append(out, name, n);
    put(out, outcomes, 8);
    put(out, used, 8);
    put_pair(out, &h->dense.bias);
    for (int i = 0; i < ROUTE_DENSE; i++)
        put_pair(out, &h->dense.shape[i]);
    for (uint32_t b = 0; b <= h->mask; b++)
        entries += h->hashed[b].g > 0;
    put(out, h->mask + 1, 4);
    put(out, entries, 4);
    for (uint32_t b = 0; b <= h->mask; b++)
        if (h->hashed[b].g > 0) {
            put(out, b, 2);
            put_pair(out, &h->hashed[b]);
        }
}

int route_predictor_write(const struct route_predictor *p, struct buf *out, struct err *err) {
    size_t begin = out->len;
    (void)buf_append(out, "PRL2", 4);
    put(out, p->outcomes, 8);
    put(out, p->shared.hashed ? p->count + 1 : 0, 4);
    if (p->shared.hashed) {
        put_head(out, &p->shared, "", p->outcomes, p->outcomes);
        for (size_t i = 0; i < p->count; i++)
            put_head(out, &p->models[i].head, p->models[i].name, p->models[i].outcomes,
                     p->models[i].used);
    }
    if (!out->failed)
        put(out, route_fnv(out->data + begin, out->len - begin), 8);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory for the router's experience") : 0;
}

struct input {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t get(struct input *in, size_t bytes) {
    uint64_t value = 0;
    if ((size_t)(in->end - in->at) < bytes) {
        in->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)in->at[i] << (8 * i);
    in->at += bytes;
    return value;
}

static struct route_weight get_pair(struct input *in) {
    struct route_weight w;
    uint32_t bits = (uint32_t)get(in, 4);
    memcpy(&w.w, &bits, 4);
    bits = (uint32_t)get(in, 4);
    memcpy(&w.g, &bits, 4);
    if (!(fabsf(w.w) <= WEIGHT_MAX) || !(w.g >= 0 && w.g <= SQUARES_MAX))
        in->bad = true;
    return w;
}

static int get_head(struct input *in, uint32_t buckets, char *name, uint64_t *outcomes,
                    uint64_t *used, struct route_head *h, struct err *err) {
    size_t n = get(in, 1);
    if (n >= ROUTE_LEARNED_NAME_BYTES_MAX || (size_t)(in->end - in->at) < n ||
        (n && memchr(in->at, 0, n))) {
        in->bad = true;
        return 0;
    }
    memcpy(name, in->at, n);
    name[n] = '\0';
    in->at += n;
    *outcomes = get(in, 8);
    *used = get(in, 8);
    int r = predictor_head_new(h, buckets, err);
    if (r < 0)
        return r;
    h->dense.bias = get_pair(in);
    for (int i = 0; i < ROUTE_DENSE; i++)
        h->dense.shape[i] = get_pair(in);
    if (get(in, 4) != buckets)
        in->bad = true;
    uint64_t entries = get(in, 4);
    if (entries > buckets)
        in->bad = true;
    for (uint64_t i = 0; i < entries && !in->bad; i++) {
        uint32_t b = (uint32_t)get(in, 2);
        h->hashed[b & h->mask] = get_pair(in);
    }
    return 0;
}

static int get_all(struct route_predictor *p, struct input *in, struct err *err) {
    char none[ROUTE_LEARNED_NAME_BYTES_MAX];
    uint64_t outcomes, used;
    p->outcomes = get(in, 8);
    uint64_t heads = get(in, 4);
    if (heads > ROUTE_LEARNED_MODELS_MAX + 1)
        in->bad = true;
    if (in->bad || heads == 0)
        return 0;
    int r = get_head(in, ROUTE_SHARED_BUCKETS, none, &outcomes, &used, &p->shared, err);
    for (uint64_t i = 1; i < heads && r == 0 && !in->bad; i++) {
        struct learned *l = &p->models[p->count];
        r = get_head(in, ROUTE_OWN_BUCKETS, l->name, &l->outcomes, &l->used, &l->head, err);
        if (l->head.hashed)
            p->count++;
        if (l->name[0] == '\0')
            in->bad = true;
    }
    return r;
}

int route_predictor_read(struct route_predictor *p, const void *bytes, size_t n, struct err *err) {
    struct input in = {bytes, (const uint8_t *)bytes + n, false}, tail;
    if (n < 24 || n > ROUTE_PREDICTOR_BYTES_MAX || memcmp(bytes, "PRL", 3) != 0)
        return err_set(err, ERR_CORRUPT, "the router's experience is damaged");
    if (((const char *)bytes)[3] != '2')
        return err_set(err, ERR_VERSION, "the router's experience was written by another version");
    in.end -= 8;
    tail = (struct input){in.end, in.end + 8, false};
    if (get(&tail, 8) != route_fnv(bytes, n - 8))
        return err_set(err, ERR_CORRUPT, "the router's experience is damaged");
    in.at += 4;
    struct route_predictor *fresh = mem_zalloc(sizeof *fresh);
    if (!fresh)
        return err_set(err, ERR_NOMEM, "out of memory for the router's experience");
    int r = get_all(fresh, &in, err);
    if (r == 0 && (in.bad || in.at != in.end))
        r = err_set(err, ERR_CORRUPT, "the router's experience is damaged");
    if (r == 0) {
        fresh->prior = p->prior;
        predictor_forget(p);
        *p = *fresh;
    } else {
        predictor_forget(fresh);
    }
    mem_free(fresh);
    return r;
}
