// Does a pattern stand here? Compares two forms, with the pattern's names bound to what they meet.
// Recursion goes with the pattern's depth, which its 64 nodes limit.
#include "core/code/miner_impl.h"

#include <string.h>

enum { BINDINGS = FORM_SLOT_NAMES };

struct fit {
    const struct form_node *p, *f; // pattern, form
    uint32_t bound[BINDINGS];      // 1 + name of the form; 0 = free
    uint8_t used[BINDINGS];        // slots of `bound` in order of use
    uint32_t count;
};

// The same letter the same name, different letters different names, as the hash has it.
static bool bind(struct fit *x, uint32_t slot, uint32_t name) {
    if (slot >= BINDINGS)
        return false;
    if (x->bound[slot])
        return x->bound[slot] == name + 1;
    for (uint32_t k = 0; k < x->count; k++)
        if (x->bound[x->used[k]] == name + 1)
            return false;
    if (x->count == BINDINGS)
        return false;
    x->bound[slot] = name + 1;
    x->used[x->count++] = (uint8_t)slot;
    return true;
}

static void unbind(struct fit *x, uint32_t count) {
    while (x->count > count)
        x->bound[x->used[--x->count]] = 0;
}

static bool fits(struct fit *x, uint32_t p, uint32_t i);

// Neighbours from p to p_end against those from i to i_end; a hole takes any number of them.
static bool fits_row(struct fit *x, uint32_t p, uint32_t p_end, uint32_t i, uint32_t i_end) {
    uint32_t star = UINT32_MAX, star_i = 0, star_count = 0;
    while (i < i_end || p < p_end) {
        if (p < p_end && x->p[p].kind == FORM_HOLE) {
            star = p++;
            star_i = i;
            star_count = x->count;
            continue;
        }
        uint32_t count = x->count;
        if (p < p_end && i < i_end && fits(x, p, i)) {
            p = x->p[p].next;
            i = x->f[i].next;
            continue;
        }
        unbind(x, count);
        if (star == UINT32_MAX || star_i >= i_end)
            return false;
        unbind(x, star_count); // the hole takes one more
        star_i = x->f[star_i].next;
        i = star_i;
        p = star + 1;
    }
    return true;
}

static bool fits(struct fit *x, uint32_t p, uint32_t i) {
    const struct form_node *a = &x->p[p], *b = &x->f[i];
    if (a->kind == FORM_HOLE)
        return b->kind != FORM_TOKEN && !(b->flags & FORM_UNFIT);
    if (a->kind != b->kind)
        return false;
    if (a->kind == FORM_NAME)
        return bind(x, a->name, b->name);
    if (a->code != b->code)
        return false;
    if (a->kind != FORM_INNER)
        return true;
    if (a->flags & FORM_LIST)
        return fits_row(x, p + 1, a->next, i + 1, b->next);
    uint32_t c = p + 1, d = i + 1;
    while (c < a->next && d < b->next) {
        if (!fits(x, c, d))
            return false;
        c = x->p[c].next;
        d = x->f[d].next;
    }
    return c == a->next && d == b->next;
}

// Of an edit the literals are numbered: equal numbers are equal literals.
static bool literals_agree(const struct pattern_side *side, const struct form *f, uint32_t i) {
    uint32_t bound[BINDINGS] = {0};
    for (uint32_t k = 0; k < side->count; k++) {
        const struct form_node *a = &side->nodes[k], *b = &f->nodes[i + k];
        if (a->kind != FORM_LITERAL || a->code > FORM_CHARACTER || a->name >= BINDINGS)
            continue;
        if (bound[a->name] && bound[a->name] != b->name + 1)
            return false;
        bound[a->name] = b->name + 1;
    }
    return true;
}

bool pattern_fits(const struct pattern_side *side, const struct form *f, uint32_t i) {
    struct fit x = {.p = side->nodes, .f = f->nodes};
    uint32_t p = 0, start = i;
    uint16_t depth = f->nodes[i].depth;
    for (uint32_t n = 0; p < side->count; n++) {
        if (i >= f->count || f->nodes[i].depth != depth || !fits(&x, p, i))
            return false;
        p = side->nodes[p].next;
        i = f->nodes[i].next;
    }
    return side->cut || i - start != side->count || literals_agree(side, f, start);
}
