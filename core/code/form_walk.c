// Hashes over a form. The order of nodes with their depths is the tree, so no closing marks.
#include "core/code/form.h"

#include "core/base/mem.h"

#include <string.h>

static uint64_t mix(uint64_t x) { // finaliser of splitmix64 (Steele, Lea, Flood 2014)
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9U;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

void form_walk_done(struct form_walk *w) {
    mem_free(w->seen);
    mem_free(w->number);
    *w = (struct form_walk){.epoch = 0};
}

int form_walk_start(struct form_walk *w, const struct form *f) {
    if (f->names > w->capacity) {
        uint32_t capacity = f->names * 2;
        uint32_t *seen = mem_zalloc(capacity * sizeof *seen);
        uint16_t *number = mem_alloc(capacity * sizeof *number);
        if (!seen || !number) {
            mem_free(seen);
            mem_free(number);
            return ERR_NOMEM;
        }
        mem_free(w->seen);
        mem_free(w->number);
        w->seen = seen;
        w->number = number;
        w->capacity = capacity;
        w->epoch = 0;
    }
    if (w->epoch == UINT32_MAX) {
        memset(w->seen, 0, w->capacity * sizeof *w->seen);
        w->epoch = 0;
    }
    w->epoch++;
    w->hash = 0x9E3779B97F4A7C15U ^ (uint64_t)f->lang << 56;
    w->literals = false;
    w->metavariables = w->holes = w->repeats = w->kept = w->cut = w->weight = 0;
    w->actions = w->controls = w->linked = w->mark = 0;
    return 0;
}

static uint16_t number_of(struct form_walk *w, uint32_t name) {
    if (w->seen[name] == w->epoch) {
        w->repeats++;
        w->linked = (uint16_t)(w->linked + (w->number[name] < w->mark));
        return w->number[name];
    }
    w->seen[name] = w->epoch;
    return w->number[name] = w->metavariables++;
}

static void add(struct form_walk *w, uint32_t depth, uint32_t kind, uint32_t code) {
    w->hash =
        mix(w->hash ^ ((uint64_t)code << 16 | kind << 12 | (depth & 0xFFF))) + 0x9E3779B97F4A7C15U;
}

// Names differ from all codes by their kind. Small literals are fixed, other classes are holes.
static void add_node(struct form_walk *w, const struct form_node *n, uint32_t depth) {
    uint32_t code = n->code;
    if (n->kind == FORM_NAME) {
        code = number_of(w, n->name);
        w->holes++;
    } else if (n->kind == FORM_LITERAL) {
        if (code <= FORM_CHARACTER) {
            w->holes++;
            if (w->literals)
                code |= (uint32_t)number_of(w, n->name) << 8;
        }
    } else if (n->kind == FORM_KEPT) {
        w->kept = (uint16_t)(w->kept + !(n->flags & FORM_PLAIN));
    } else if (n->kind == FORM_HOLE) {
        w->holes++;
        w->cut++;
    } else {
        w->actions = (uint16_t)(w->actions + !!(n->flags & FORM_ACTION));
        w->controls = (uint16_t)(w->controls + !!(n->flags & FORM_CONTROL));
    }
    add(w, depth, n->kind, code);
}

static void add_hole(struct form_walk *w, uint32_t depth) {
    add(w, depth, FORM_HOLE, 0);
    w->holes++;
    w->cut++;
    w->weight++;
}

static void add_cut(struct form_walk *w, const struct form *f, uint32_t i) {
    uint32_t base = f->nodes[i].depth, end = f->nodes[i].next;
    for (uint32_t k = i, next; k < end; k = next) {
        const struct form_node *n = &f->nodes[k];
        uint32_t depth = n->depth - base;
        bool inner = n->kind == FORM_INNER;
        next = k + 1;
        if (inner && depth >= FORM_DEPTH_CUT && n->flags & FORM_EXPRESSION) {
            add_hole(w, depth);
            next = n->next;
            continue;
        }
        add_node(w, n, depth);
        w->weight = (uint16_t)(w->weight + (f->nodes[k + 1].before - n->before));
        if (inner && depth >= FORM_DEPTH_CUT - 1 && n->flags & FORM_LIST) {
            add_hole(w, depth + 1);
            next = n->next;
        }
    }
}

void form_walk_add(struct form_walk *w, const struct form *f, uint32_t i, bool cut) {
    if (cut) {
        add_cut(w, f, i);
        return;
    }
    uint32_t base = f->nodes[i].depth, end = f->nodes[i].next;
    for (uint32_t k = i; k < end; k++)
        add_node(w, &f->nodes[k], f->nodes[k].depth - base);
    w->weight = (uint16_t)(w->weight + form_weight(f, i, end));
}

uint64_t form_walk_hash(const struct form_walk *w) {
    uint64_t h = mix(w->hash);
    return h ? h : 1;
}
