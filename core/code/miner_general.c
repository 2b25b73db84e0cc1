// Anti-unification (Plotkin 1970; as in Revisar) inside of the buckets of equal depth cuts: what
// two forms have in common stays, where they differ is a hole.
#include "core/base/mem.h"
#include "core/code/miner_impl.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 50, BUCKETS_MAX = 500, KEPT_PERCENT = 60 };

// Marks in `holes` the nodes of `a` where `b` differs. `to` pairs the names. False: they differ
// where no hole can stand.
struct unify {
    const struct form_node *a, *b;
    uint8_t *holes;
    uint32_t to[FORM_SLOT_NAMES], from[FORM_SLOT_NAMES]; // 1 + the other's name
};

static bool pair_names(struct unify *u, uint32_t x, uint32_t y) {
    if (x >= FORM_SLOT_NAMES || y >= FORM_SLOT_NAMES)
        return false;
    if (!u->to[x] && !u->from[y]) {
        u->to[x] = y + 1;
        u->from[y] = x + 1;
    }
    return u->to[x] == y + 1 && u->from[y] == x + 1;
}

static bool same_leaf(struct unify *u, const struct form_node *x, const struct form_node *y) {
    if (x->kind != y->kind || x->kind == FORM_INNER)
        return false;
    return x->kind == FORM_NAME ? pair_names(u, x->name, y->name) : x->code == y->code;
}

// Both are trees of at most 64 nodes.
static bool unify_node(struct unify *u, uint32_t i, uint32_t k) {
    const struct form_node *x = &u->a[i], *y = &u->b[k];
    if (same_leaf(u, x, y))
        return true;
    if (x->kind == FORM_INNER && y->kind == FORM_INNER && x->code == y->code) {
        uint32_t c = i + 1, d = k + 1;
        while (c < x->next && d < y->next && unify_node(u, c, d)) {
            c = u->a[c].next;
            d = u->b[d].next;
        }
        if (c == x->next && d == y->next)
            return true;
    }
    bool can =
        i && (x->flags & (FORM_LIST | FORM_EXPRESSION)) &&
        (x->flags & FORM_LIST ? y->kind == x->kind && y->code == x->code : y->kind != FORM_TOKEN);
    u->holes[i] = can;
    return can;
}

// Nodes that stay, in percent.
static uint32_t kept_percent(const struct pattern_side *side, const uint8_t *holes) {
    uint32_t lost = 0;
    for (uint32_t i = 0; i < side->count; i++) {
        if (!holes[i])
            continue;
        uint32_t end = side->nodes[i].next;
        lost += side->nodes[end].before - side->nodes[i].before;
        i = end - 1;
    }
    return side->weight ? (uint32_t)(side->weight - lost) * 100 / side->weight : 0;
}

// The pattern of `p` with these holes, by way of its text.
static int with_holes(struct miner *m, const struct pattern *p, const uint8_t *holes,
                      struct pattern **ret) {
    struct pattern_reader *r = m->reader;
    struct pattern_names names = {.count = 0};
    struct pattern *again = NULL;
    AUTO_FREE uint8_t *shifted = NULL;
    int e = pattern_parse(r, p->lang, p->text, strlen(p->text), &again, NULL);
    if (e < 0)
        return e;
    uint32_t at = r->body + 1; // the reader still has the tree
    pattern_free(again);
    shifted = mem_zalloc(r->form.count + 1);
    if (!shifted)
        return ERR_NOMEM;
    if (at + p->before.count > r->form.count)
        return ERR_PARSE;
    memcpy(shifted + at, holes, p->before.count);
    buf_clear(&m->scratch);
    e = pattern_print(&m->scratch, r->s, &r->form, at, 1, shifted, false, &names);
    if (e < 0)
        return e;
    return pattern_parse(r, p->lang, m->scratch.data, m->scratch.len, ret, NULL);
}

struct bucket {
    uint64_t cut;
    uint32_t member; // finalist
    uint32_t first;
};

static int by_cut(const void *x, const void *y) {
    const struct bucket *a = x, *b = y;
    if (a->cut != b->cut)
        return a->cut < b->cut ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

// The entry of a generalisation: what its members have together. Files may be the same ones, so the
// largest member's are what is certain.
static uint32_t sum_members(const struct finalists *f, const struct bucket *b, uint32_t n,
                            const struct pattern *p, struct entry *ret) {
    uint32_t members = 0;
    *ret = (struct entry){.hash = p->before.hash,
                          .first = f->list[b[0].member].e.first,
                          .weight = p->before.weight,
                          .holes = p->before.holes,
                          .lang = (uint8_t)p->lang,
                          .level = MINED_GENERAL};
    for (uint32_t k = 0; k < n; k++) {
        const struct finalist *x = &f->list[b[k].member];
        struct form form = {.nodes = x->pattern->before.nodes, .count = x->pattern->before.count};
        if (!pattern_fits(&p->before, &form, 0))
            continue;
        members++;
        ret->count += x->e.count;
        ret->files = x->e.files > ret->files ? x->e.files : ret->files;
        ret->authors |= x->e.authors;
        ret->projects |= x->e.projects;
    }
    return members;
}

static int generalise_pair(struct miner *m, struct finalists *f, const struct bucket *b, uint32_t n,
                           uint32_t k) {
    const struct pattern *x = f->list[b[0].member].pattern, *y = f->list[b[k].member].pattern;
    uint32_t alone = f->list[b[0].member].e.count;
    uint8_t holes[4 * PATTERN_NODES_MAX] = {0};
    struct unify u = {.a = x->before.nodes, .b = y->before.nodes, .holes = holes};
    struct pattern *p = NULL;
    struct entry e;
    if (x->before.count > sizeof holes || !unify_node(&u, 0, 0) ||
        kept_percent(&x->before, holes) < KEPT_PERCENT)
        return 0;
    int r = with_holes(m, x, holes, &p);
    if (r < 0)
        return r == ERR_NOMEM ? r : 0;
    bool keep = sum_members(f, b, n, p, &e) >= 2 && e.count * 2 >= alone * 3;
    for (uint32_t i = 0; i < f->count && keep; i++)
        keep = f->list[i].e.hash != e.hash;
    r = keep ? miner_add_finalist(f, p, &e) : 1;
    if (r != 0)
        pattern_free(p);
    return r < 0 ? r : 0;
}

int miner_generalise(struct miner *m, struct finalists *f) {
    uint32_t n = 0, buckets = 0;
    AUTO_FREE struct bucket *list = mem_alloc((f->count + 1) * sizeof *list);
    if (!list)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < f->count; k++)
        if (f->list[k].e.level == MINED_SUBTREE)
            list[n++] = (struct bucket){.cut = f->list[k].pattern->before.cut_hash,
                                        .member = k,
                                        .first = k}; // finalists are in order of their score
    qsort(list, n, sizeof *list, by_cut);
    for (uint32_t from = 0, to; from < n && buckets < BUCKETS_MAX; from = to) {
        for (to = from + 1; to < n && list[to].cut == list[from].cut;)
            to++;
        uint32_t members = to - from < MEMBERS_MAX ? to - from : MEMBERS_MAX;
        buckets += members > 1;
        for (uint32_t k = 1; k < members && k < 6; k++) {
            int r = generalise_pair(m, f, list + from, members, k);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
