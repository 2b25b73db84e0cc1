#include "core/code/shapes.h"

#include "core/code/canon.h"

#include <stdlib.h>

static bool has_tokens(const struct syntax *s, uint32_t node, uint32_t min) {
    uint32_t tokens = 0, end = s->nodes[node].next;
    for (uint32_t i = node; i < end && tokens < min;) {
        if (s->nodes[i].role == ROLE_COMMENT) {
            i = s->nodes[i].next;
            continue;
        }
        tokens += s->nodes[i].next == i + 1;
        i++;
    }
    return tokens >= min;
}

uint64_t canon_shape(const struct syntax *s, uint32_t node) {
    uint32_t body = node < s->count ? syntax_child(s, node, FIELD_ROLE_BODY) : 0;
    if (!body)
        body = node < s->count && s->nodes[node].role == ROLE_BLOCK ? node : 0;
    if (!body || !has_tokens(s, body, SHAPE_TOKENS_MIN))
        return 0;
    return canon_hash(s, body, CANON_RENAMED);
}

static int by_hash(const void *x, const void *y) {
    const struct shape *a = x, *b = y;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return (a->symbol > b->symbol) - (a->symbol < b->symbol);
}

uint32_t shapes_group(struct shape *shapes, uint32_t count) {
    uint32_t kept = 0;
    if (count)
        qsort(shapes, count, sizeof *shapes, by_hash);
    for (uint32_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && shapes[to].hash == shapes[from].hash;)
            to++;
        if (to - from < 2 || !shapes[from].hash)
            continue;
        for (uint32_t k = from; k < to; k++)
            shapes[kept++] = shapes[k];
    }
    return kept;
}
