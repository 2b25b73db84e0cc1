#include "core/code/patterns.h"

#include "core/base/mem.h"
#include "core/code/miner_impl.h"

#include <string.h>

// What a statement has to look like so that a lookup is worth its hash.
enum root_flags { ROOT_WHOLE = 1, ROOT_CUT = 2, ROOT_LOOSE = 4 };
struct root {
    uint64_t key; // language, kind and code of the first node; 0 = free
    uint8_t flags;
    uint8_t statements; // longest window that begins so
    uint32_t loose;     // 1 + first pattern to be tried by comparing
};
struct place {     // of a pattern in the hash table
    uint64_t hash; // 0 = free
    uint32_t pattern;
    uint32_t next; // 1 + next with the same hash: index in `next_of`
};
struct pattern_set {
    struct pattern *const *patterns;
    uint32_t count;
    struct root *roots;
    struct place *places;
    uint32_t *next_of; // [count] 1 + next pattern with the same hash or root
    uint32_t root_slots, place_slots;
};

static uint64_t root_key(enum lang lang, const struct form_node *n) {
    uint32_t code = n->kind == FORM_NAME || n->kind == FORM_HOLE ? 0 : n->code;
    return miner_mix((uint64_t)lang << 48 | (uint64_t)n->kind << 40 | code) | 1;
}

static struct root *find_root(const struct pattern_set *set, uint64_t key) {
    uint32_t at = (uint32_t)(key >> 20) & (set->root_slots - 1);
    while (set->roots[at].key && set->roots[at].key != key)
        at = (at + 1) & (set->root_slots - 1);
    return &set->roots[at];
}

static struct place *find_place(const struct pattern_set *set, uint64_t hash) {
    uint32_t at = (uint32_t)(hash >> 20) & (set->place_slots - 1);
    while (set->places[at].hash && set->places[at].hash != hash)
        at = (at + 1) & (set->place_slots - 1);
    return &set->places[at];
}

// A hole that a cut cannot have made: above its depth, so the hash of a cut does not find it.
static bool is_loose(const struct pattern_side *side) {
    if (side->statements > 1 && side->cut)
        return true;
    for (uint32_t k = 0; k < side->count; k++)
        if (side->nodes[k].kind == FORM_HOLE && side->nodes[k].depth < FORM_DEPTH_CUT)
            return true;
    return false;
}

// Of an edit without the numbers of its literals.
static int plain_hash(struct form_walk *w, const struct pattern *p, uint64_t *ret) {
    const struct pattern_side *side = &p->before;
    struct form form = {
        .nodes = side->nodes, .count = side->count, .names = FORM_SLOT_NAMES, .lang = p->lang};
    int r = form_walk_start(w, &form);
    if (r < 0)
        return r;
    for (uint32_t k = 0; k < side->count; k = side->nodes[k].next)
        form_walk_add(w, &form, k, false);
    *ret = form_walk_hash(w);
    return 0;
}

static int add_pattern(struct pattern_set *set, struct form_walk *w, uint32_t k) {
    const struct pattern *p = set->patterns[k];
    const struct pattern_side *side = &p->before;
    struct root *root = find_root(set, root_key(p->lang, &side->nodes[0]));
    uint64_t hash = side->cut ? side->cut_hash : 0;
    root->key = root_key(p->lang, &side->nodes[0]);
    if (is_loose(side)) {
        root->flags |= ROOT_LOOSE;
        set->next_of[k] = root->loose;
        root->loose = k + 1;
        return 0;
    }
    if (!side->cut) {
        int r = plain_hash(w, p, &hash);
        if (r < 0)
            return r;
    }
    root->flags |= side->cut ? ROOT_CUT : ROOT_WHOLE;
    if (side->statements > root->statements)
        root->statements = (uint8_t)side->statements;
    struct place *place = find_place(set, hash);
    set->next_of[k] = place->hash ? place->pattern + 1 : 0;
    *place = (struct place){.hash = hash, .pattern = k};
    return 0;
}

static int fill(struct pattern_set *set) {
    struct form_walk w = {.epoch = 0};
    int r = 0;
    for (set->place_slots = 64; set->place_slots < set->count * 2; set->place_slots *= 2)
        ;
    set->root_slots = set->place_slots;
    set->roots = mem_zalloc(set->root_slots * sizeof *set->roots);
    set->places = mem_zalloc(set->place_slots * sizeof *set->places);
    set->next_of = mem_zalloc((set->count + 1) * sizeof *set->next_of);
    if (!set->roots || !set->places || !set->next_of)
        return ERR_NOMEM;
    for (uint32_t k = set->count; r == 0 && k-- > 0;) // so that chains are in order
        r = add_pattern(set, &w, k);
    form_walk_done(&w);
    return r;
}

int pattern_set_new(struct pattern *const *patterns, uint32_t count, struct pattern_set **ret,
                    struct err *err) {
    if (count > PATTERNS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d patterns", PATTERNS_MAX);
    struct pattern_set *set = mem_zalloc(sizeof *set);
    if (!set)
        return err_set(err, ERR_NOMEM, "out of memory");
    set->patterns = patterns;
    set->count = count;
    int r = fill(set);
    if (r < 0) {
        pattern_set_free(set);
        return err_set(err, r, "out of memory");
    }
    *ret = set;
    return 0;
}

void pattern_set_free(struct pattern_set *set) {
    if (!set)
        return;
    mem_free(set->roots);
    mem_free(set->places);
    mem_free(set->next_of);
    mem_free(set);
}

struct pattern_matcher {
    struct form form;
    struct form_walk walk;
};

struct pattern_matcher *pattern_matcher_new(void) {
    return mem_zalloc(sizeof(struct pattern_matcher));
}

void pattern_matcher_free(struct pattern_matcher *m) {
    if (!m)
        return;
    form_done(&m->form);
    form_walk_done(&m->walk);
    mem_free(m);
}

struct search {
    const struct pattern_set *set;
    struct pattern_matcher *m;
    const struct syntax *s;
    uint32_t start, end; // bytes that a match has to touch
    pattern_match_fn *emit;
    void *ctx;
};

// The form nodes from `i` to before `to` are an occurrence.
static int found(struct search *x, uint32_t pattern, uint32_t i, uint32_t to) {
    const struct form_node *nodes = x->m->form.nodes;
    uint32_t last = i;
    while (nodes[last].next < to)
        last = nodes[last].next;
    const struct node *first = &x->s->nodes[nodes[i].node];
    const struct node *end = &x->s->nodes[nodes[last].node];
    if (end->end <= x->start || first->start >= x->end)
        return 0;
    struct pattern_match match = {.pattern = pattern,
                                  .start = first->start,
                                  .end = end->end,
                                  .line = first->line,
                                  .end_line = syntax_end_line(x->s, nodes[last].node)};
    return x->emit(x->ctx, &match);
}

// Equal hashes are checked: a match is never a coincidence.
static int look_up(struct search *x, uint32_t i, uint32_t to) {
    const struct place *place = find_place(x->set, form_walk_hash(&x->m->walk));
    if (!place->hash)
        return 0;
    for (uint32_t k = place->pattern + 1; k; k = x->set->next_of[k - 1]) {
        const struct pattern *p = x->set->patterns[k - 1];
        if (p->lang != x->s->lang || !pattern_fits(&p->before, &x->m->form, i))
            continue;
        int r = found(x, k - 1, i, to);
        if (r < 0)
            return r;
    }
    return 0;
}

static int try_whole(struct search *x, uint32_t i, unsigned statements) {
    struct form_walk *w = &x->m->walk;
    const struct form *f = &x->m->form;
    uint32_t last = i;
    int r = form_walk_start(w, f);
    for (unsigned n = 0; r == 0 && n < statements; n++) {
        uint32_t next = f->nodes[last].next;
        if (form_weight(f, i, next) > PATTERN_NODES_MAX)
            break;
        form_walk_add(w, f, last, false);
        r = look_up(x, i, next);
        if (next >= f->count || f->nodes[next].depth != f->nodes[i].depth ||
            (f->nodes[next].flags & (FORM_STATEMENT | FORM_UNFIT)) != FORM_STATEMENT)
            break;
        last = next;
    }
    return r;
}

static int try_cut(struct search *x, uint32_t i) {
    struct form_walk *w = &x->m->walk;
    int r = form_walk_start(w, &x->m->form);
    if (r < 0)
        return r;
    form_walk_add(w, &x->m->form, i, true);
    return w->cut ? look_up(x, i, x->m->form.nodes[i].next) : 0;
}

static int try_loose(struct search *x, uint32_t i, const struct root *root) {
    const struct form *f = &x->m->form;
    for (uint32_t k = root->loose; k; k = x->set->next_of[k - 1]) {
        const struct pattern *p = x->set->patterns[k - 1];
        if (p->lang != x->s->lang || !pattern_fits(&p->before, f, i))
            continue;
        uint32_t to = i;
        for (uint32_t n = 0; n < p->before.statements; n++)
            to = f->nodes[to].next;
        int r = found(x, k - 1, i, to);
        if (r < 0)
            return r;
    }
    return 0;
}

static int search_form(struct search *x) {
    const struct form *f = &x->m->form;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct form_node *n = &f->nodes[i];
        if ((n->flags & (FORM_STATEMENT | FORM_UNFIT)) != FORM_STATEMENT)
            continue;
        const struct root *root = find_root(x->set, root_key(x->s->lang, n));
        int r = 0;
        if (root->flags & ROOT_WHOLE)
            r = try_whole(x, i, root->statements);
        if (r == 0 && root->flags & ROOT_CUT && n->kind == FORM_INNER)
            r = try_cut(x, i);
        if (r == 0 && root->flags & ROOT_LOOSE)
            r = try_loose(x, i, root);
        if (r < 0)
            return r;
    }
    return 0;
}

int patterns_match_range(const struct pattern_set *set, struct pattern_matcher *m,
                         const struct syntax *s, uint32_t start, uint32_t end,
                         pattern_match_fn *emit, void *ctx, struct err *err) {
    enum { AROUND_MAX = 4000 };
    struct search x = {
        .set = set, .m = m, .s = s, .start = start, .end = end, .emit = emit, .ctx = ctx};
    uint32_t root = 0;
    // The innermost nodes around the range, out to what is still small. The array is in pre-order,
    // so going down is a matter of skipping siblings.
    for (uint32_t c = syntax_first(s, 0); c && s->nodes[root].next - root > AROUND_MAX;) {
        if (s->nodes[c].start <= start && s->nodes[c].end >= end) {
            root = c;
            c = syntax_first(s, c);
        } else {
            c = s->nodes[c].start > start ? 0 : syntax_sibling(s, c);
        }
    }
    int r = form_build(&m->form, s, root, NULL, 0, err);
    return r < 0 ? r : search_form(&x);
}

int patterns_match(const struct pattern_set *set, struct pattern_matcher *m, const struct syntax *s,
                   pattern_match_fn *emit, void *ctx, struct err *err) {
    struct search x = {.set = set, .m = m, .s = s, .end = UINT32_MAX, .emit = emit, .ctx = ctx};
    int r = form_build(&m->form, s, 0, NULL, 0, err);
    return r < 0 ? r : search_form(&x);
}
