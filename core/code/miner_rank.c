// From counted forms to patterns: gates, bits saved, closed ones only.
#include "core/code/miner.h"

#include "core/base/mem.h"
#include "core/code/miner_impl.h"
#include "core/code/scrub.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FINALISTS_MAX = 3000, PATTERNS_DEFAULT = 200, SHARED_MAX = 3 };

static uint32_t bits_in(uint64_t set) {
    return (uint32_t)__builtin_popcountll(set);
}

// Many files count, many times in one file little. Two files are what a copy takes, so the first
// one does not count.
static double support_of(const struct entry *e) {
    double files = e->files > 1 ? e->files - 1 : 1;
    return files * (1 + 0.25 * log2((double)e->count / e->files));
}

static bool passes(const struct entry *e, const struct miner_gates *g) {
    if (!e->hash || e->text == TEXT_NONE || e->text == TEXT_UNFIT || e->files < g->files_min)
        return false;
    if (e->authors && bits_in(e->authors) < g->authors_min)
        return false;
    return g->projects_min <= 1 || bits_in(e->projects) >= g->projects_min;
}

struct rough { // before anything is parsed
    uint32_t slot;
    double score;
    uint32_t first;
    uint8_t lang;
};

static int by_lang_and_score(const void *x, const void *y) {
    const struct rough *a = x, *b = y;
    if (a->lang != b->lang)
        return a->lang < b->lang ? -1 : 1;
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static double rough_score(const struct entry *e) {
    double fixed = e->weight - e->holes;
    return support_of(e) * (fixed - 1) - (fixed + 2.0 * e->holes);
}

int miner_add_finalist(struct finalists *f, struct pattern *p, const struct entry *e) {
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity ? f->capacity * 2 : 256;
        struct finalist *list = mem_realloc(f->list, capacity * sizeof *list);
        if (!list)
            return ERR_NOMEM;
        f->list = list;
        f->capacity = capacity;
    }
    f->list[f->count++] = (struct finalist){.pattern = p, .e = *e};
    return 0;
}

// Reads the text again. What does not come back as the same form is not a pattern.
static int read_finalist(struct miner *m, struct finalists *f, const struct entry *e) {
    const char *text = m->texts.data + e->text - 1;
    struct pattern *p = NULL;
    int r = pattern_parse(m->reader, (enum lang)e->lang, text, strlen(text), &p, NULL);
    if (r == ERR_NOMEM)
        return r;
    if (r < 0)
        return 0;
    uint64_t hash = p->edit ? miner_mix(p->before.hash ^ p->after.hash * 3) : p->before.hash;
    r = hash == e->hash ? scrub_check(m->old_tree, p->lang, p->text, strlen(p->text), NULL)
                        : ERR_PERM;
    if (r == 0)
        r = miner_add_finalist(f, p, e);
    if (r < 0)
        pattern_free(p);
    return r == ERR_NOMEM ? r : 0;
}

static int gather(struct miner *m, const struct miner_gates *g, struct finalists *f) {
    uint32_t n = 0, of_lang = 0;
    AUTO_FREE struct rough *rough = mem_alloc((m->used + 1) * sizeof *rough);
    if (!rough)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < m->slots; k++)
        if (passes(&m->table[k], g))
            rough[n++] = (struct rough){.slot = k,
                                        .score = rough_score(&m->table[k]),
                                        .first = m->table[k].first,
                                        .lang = m->table[k].lang};
    qsort(rough, n, sizeof *rough, by_lang_and_score);
    for (uint32_t k = 0; k < n; k++) {
        of_lang = k && rough[k].lang == rough[k - 1].lang ? of_lang + 1 : 0;
        int r = of_lang < FINALISTS_MAX ? read_finalist(m, f, &m->table[rough[k].slot]) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

// Names of the library say more than the shape around them, which follows from the grammar.
static double side_bits(const struct miner *m, const struct pattern_side *side) {
    double bits = 0;
    for (uint32_t k = 0; k < side->count; k++) {
        const struct form_node *n = &side->nodes[k];
        if (n->kind == FORM_KEPT && !(n->flags & FORM_PLAIN))
            bits += miner_code_bits(m, n);
        else if (n->kind == FORM_INNER || n->kind == FORM_TOKEN || n->kind == FORM_KEPT)
            bits += 0.35 * miner_code_bits(m, n);
    }
    return bits + 3.0 * side->repeats;
}

// One expression that decides nothing, without a name of the library or without a name that comes
// twice, is a use of the language: right, and often dull.
static double interest(const struct pattern *p) {
    bool control = false;
    for (uint32_t k = 0; k < p->before.count; k++)
        control = control || p->before.nodes[k].flags & FORM_CONTROL;
    bool dull = !p->before.repeats || !p->before.kept;
    return p->before.statements == 1 && dull && !control && !p->edit ? 0.3 : 1;
}

static void score(const struct miner *m, struct finalist *f) {
    const struct pattern *p = f->pattern;
    double fixed = side_bits(m, &p->before) + side_bits(m, &p->after);
    double holes = 2.5 * (p->before.holes + p->after.holes);
    f->bits = support_of(&f->e) * interest(p) * (fixed - holes - 4) - (fixed + holes);
}

static int by_bits(const void *x, const void *y) {
    const struct finalist *a = x, *b = y;
    if (a->bits > b->bits || a->bits < b->bits)
        return a->bits > b->bits ? -1 : 1;
    return memcmp(a->pattern->id, b->pattern->id, sizeof a->pattern->id);
}

// Finalists by hash of the form: list[slot] is 1 + number.
struct index {
    uint32_t *slot;
    uint32_t slots;
};

static uint32_t *look_up(const struct index *x, const struct finalists *f, uint64_t hash) {
    uint32_t at = (uint32_t)(hash >> 20) & (x->slots - 1);
    while (x->slot[at] && f->list[x->slot[at] - 1].e.hash != hash)
        at = (at + 1) & (x->slots - 1);
    return &x->slot[at];
}

static int make_index(struct index *x, const struct finalists *f) {
    for (x->slots = 64; x->slots < f->count * 2; x->slots *= 2)
        ;
    x->slot = mem_zalloc(x->slots * sizeof *x->slot);
    if (!x->slot)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < f->count; k++)
        if (!f->list[k].pattern->edit)
            *look_up(x, f, f->list[k].e.hash) = k + 1;
    return 0;
}

typedef void inner_fn(void *ctx, struct finalist *inner, const struct finalist *outer);

// Calls for each finalist that is a proper part of `outer`.
static int each_inner(struct miner *m, const struct index *x, struct finalists *f,
                      struct finalist *outer, inner_fn *fn, void *ctx) {
    const struct pattern_side *side = &outer->pattern->before;
    struct form form = {.nodes = side->nodes,
                        .count = side->count,
                        .names = FORM_SLOT_NAMES,
                        .lang = outer->pattern->lang};
    for (uint32_t i = 0; i < form.count; i++) {
        uint32_t last = i;
        if (!(form.nodes[i].flags & FORM_STATEMENT))
            continue;
        int r = form_walk_start(&m->walk, &form);
        if (r < 0)
            return r;
        for (uint32_t n = 0; n < PATTERN_STATEMENTS_MAX; n++) {
            form_walk_add(&m->walk, &form, last, false);
            uint32_t found = *look_up(x, f, form_walk_hash(&m->walk));
            if (found && &f->list[found - 1] != outer)
                fn(ctx, &f->list[found - 1], outer);
            last = form.nodes[last].next;
            if (last >= form.count || form.nodes[last].depth != form.nodes[i].depth ||
                !(form.nodes[last].flags & FORM_STATEMENT))
                break;
        }
    }
    return 0;
}

static void drop_open(void *ctx, struct finalist *inner, const struct finalist *outer) {
    (void)ctx;
    if (inner->e.count <= outer->e.count + outer->e.count / 4 &&
        inner->e.files <= outer->e.files + outer->e.files / 4)
        inner->dropped = true;
}

static void drop_taken(void *ctx, struct finalist *inner, const struct finalist *outer) {
    (void)ctx;
    (void)outer;
    inner->dropped = true;
    inner->shared++;
}

static void note_crowded(void *ctx, struct finalist *inner, const struct finalist *outer) {
    bool *crowded = ctx;
    (void)outer;
    *crowded = *crowded || (!inner->pattern && inner->shared >= SHARED_MAX);
}

// Best first. A pattern is left out when a better one holds it or is of the same cut, or when what
// it holds was taken and so were several variations around it. A taken one has left the list.
static int choose(struct miner *m, struct finalists *f, const struct miner_gates *g,
                  struct finalists *out) {
    struct index x = {.slot = NULL};
    uint32_t taken[LANG_COUNT] = {0};
    int r = make_index(&x, f);
    for (uint32_t k = 0; r == 0 && k < f->count; k++)
        if (!f->list[k].pattern->edit)
            r = each_inner(m, &x, f, &f->list[k], drop_open, NULL);
    for (uint32_t k = 0; r == 0 && k < f->count; k++) {
        struct finalist *a = &f->list[k];
        bool crowded = false;
        bool dull = a->bits <= 0 && !a->pattern->edit;
        bool same = a->dropped || dull || taken[a->pattern->lang] == g->patterns_max;
        for (uint32_t i = 0; i < out->count && !same; i++)
            same = !a->pattern->edit && out->list[i].pattern->lang == a->pattern->lang &&
                   out->list[i].pattern->before.cut_hash == a->pattern->before.cut_hash &&
                   out->list[i].pattern->before.statements == a->pattern->before.statements;
        if (same)
            continue;
        if (!a->pattern->edit) {
            r = each_inner(m, &x, f, a, note_crowded, &crowded);
            if (r < 0)
                break;
            if (crowded)
                continue;
            r = each_inner(m, &x, f, a, drop_taken, NULL);
        }
        if (r == 0)
            r = miner_add_finalist(out, a->pattern, &a->e);
        if (r < 0)
            break;
        out->list[out->count - 1].bits = a->bits;
        a->pattern = NULL;
        taken[out->list[out->count - 1].pattern->lang]++;
    }
    mem_free(x.slot);
    return r;
}

static void finalists_done(struct finalists *f) {
    for (uint32_t k = 0; k < f->count; k++)
        pattern_free(f->list[k].pattern);
    mem_free(f->list);
}

static int hand_over(struct finalists *out, struct mined **ret, uint32_t *ret_count) {
    struct mined *list = mem_alloc(out->count * sizeof *list);
    if (!list)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < out->count; k++) {
        struct finalist *f = &out->list[k];
        list[k] = (struct mined){.pattern = f->pattern,
                                 .count = f->e.count,
                                 .files = f->e.files,
                                 .authors = bits_in(f->e.authors),
                                 .projects = bits_in(f->e.projects),
                                 .bits = f->bits,
                                 .level = (enum mined_level)f->e.level};
        f->pattern = NULL;
    }
    *ret = list;
    *ret_count = out->count;
    return 0;
}

int miner_finish(struct miner *m, const struct miner_gates *gates, struct mined **ret,
                 uint32_t *ret_count, struct err *err) {
    struct miner_gates g = gates ? *gates : (struct miner_gates){.files_min = 0};
    struct finalists f = {.count = 0}, out = {.count = 0};
    g.files_min = g.files_min ? g.files_min : 3;
    g.authors_min = g.authors_min ? g.authors_min : 2;
    g.patterns_max = g.patterns_max ? g.patterns_max : PATTERNS_DEFAULT;
    int r = gather(m, &g, &f);
    if (r == 0)
        r = miner_generalise(m, &f);
    for (uint32_t k = 0; r == 0 && k < f.count; k++)
        score(m, &f.list[k]);
    if (r == 0 && f.count)
        qsort(f.list, f.count, sizeof *f.list, by_bits);
    if (r == 0)
        r = choose(m, &f, &g, &out);
    if (r == 0)
        r = hand_over(&out, ret, ret_count);
    finalists_done(&f);
    finalists_done(&out);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

void mined_free(struct mined *list, uint32_t count) {
    for (uint32_t k = 0; list && k < count; k++)
        pattern_free(list[k].pattern);
    mem_free(list);
}
