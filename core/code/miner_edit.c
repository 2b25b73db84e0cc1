// What changed in a function: the smallest rows of statements, before and after, that hold all of
// the difference. Names have the same letters on both sides.
#include "core/base/mem.h"
#include "core/code/miner_impl.h"

#include <string.h>

struct row { // neighbours in a form
    uint32_t from, to;
};

static const char *token_text(const struct syntax *s, const struct form_node *n, size_t *ret_n) {
    return syntax_text(s, n->node, ret_n);
}

// Equal to the letter.
static bool same_tree(const struct syntax *s, const struct form *f, uint32_t i,
                      const struct syntax *t, const struct form *g, uint32_t k) {
    uint32_t n = f->nodes[i].next - i;
    if (n != g->nodes[k].next - k)
        return false;
    for (uint32_t c = 0; c < n; c++) {
        const struct form_node *x = &f->nodes[i + c], *y = &g->nodes[k + c];
        if (x->kind != y->kind || x->code != y->code || x->next - i != y->next - k)
            return false;
        if (x->kind != FORM_NAME && x->kind != FORM_LITERAL)
            continue;
        size_t a, b;
        const char *p = token_text(s, x, &a), *q = token_text(t, y, &b);
        if (a != b || memcmp(p, q, a) != 0)
            return false;
    }
    return true;
}

static uint32_t count_row(const struct form *f, struct row r) {
    uint32_t n = 0;
    for (uint32_t i = r.from; i < r.to; i = f->nodes[i].next)
        n++;
    return n;
}

static uint32_t last_of(const struct form *f, struct row r) {
    uint32_t last = r.from;
    for (uint32_t i = r.from; i < r.to; i = f->nodes[i].next)
        last = i;
    return last;
}

struct change {
    const struct syntax *s, *t;
    const struct form *f, *g;
    struct row before, after;
    struct row around_before, around_after; // the rows they were cut from
};

static void strip(struct change *c) {
    const struct form *f = c->f, *g = c->g;
    while (c->before.from < c->before.to && c->after.from < c->after.to &&
           same_tree(c->s, f, c->before.from, c->t, g, c->after.from)) {
        c->before.from = f->nodes[c->before.from].next;
        c->after.from = g->nodes[c->after.from].next;
    }
    while (c->before.from < c->before.to && c->after.from < c->after.to) {
        uint32_t i = last_of(f, c->before), k = last_of(g, c->after);
        if (!same_tree(c->s, f, i, c->t, g, k))
            return;
        c->before.to = i;
        c->after.to = k;
    }
}

static bool has_statements(const struct form *f, struct row r) {
    for (uint32_t i = r.from; i < r.to; i = f->nodes[i].next)
        if (!(f->nodes[i].flags & FORM_STATEMENT) || f->nodes[i].flags & FORM_UNFIT)
            return false;
    return true;
}

// Goes down while one node of the same type stands for the difference; remembers the last rows of
// statements on the way.
static bool find_change(struct change *c) {
    struct change best = *c;
    bool found = false;
    for (;;) {
        c->around_before = c->before;
        c->around_after = c->after;
        strip(c);
        bool rows = has_statements(c->f, c->before) && has_statements(c->g, c->after) &&
                    (c->before.from < c->before.to || c->after.from < c->after.to);
        if (rows) {
            best = *c;
            found = true;
        }
        if (count_row(c->f, c->before) != 1 || count_row(c->g, c->after) != 1)
            break;
        const struct form_node *x = &c->f->nodes[c->before.from], *y = &c->g->nodes[c->after.from];
        if (x->kind != FORM_INNER || y->kind != FORM_INNER || x->code != y->code)
            break;
        c->before = (struct row){c->before.from + 1, x->next};
        c->after = (struct row){c->after.from + 1, y->next};
    }
    *c = best;
    return found;
}

// A side without a statement takes its neighbour in, on both sides, so that the place is known.
static bool add_context(struct change *c) {
    const struct form *f = c->f, *g = c->g;
    if (c->before.from < c->before.to && c->after.from < c->after.to)
        return true;
    if (c->before.to < c->around_before.to && c->after.to < c->around_after.to) {
        c->before.to = f->nodes[c->before.to].next;
        c->after.to = g->nodes[c->after.to].next;
        return true;
    }
    if (c->before.from == c->around_before.from || c->after.from == c->around_after.from)
        return false;
    uint32_t i = last_of(f, (struct row){c->around_before.from, c->before.from});
    uint32_t k = last_of(g, (struct row){c->around_after.from, c->after.from});
    c->before.from = i;
    c->after.from = k;
    return true;
}

// Gives the names of the second form the numbers that they have in the first one.
static void share_names(const struct change *c, struct form *g) {
    const struct form *f = c->f;
    uint32_t fresh = f->names;
    for (uint32_t k = c->after.from; k < c->after.to; k++) {
        struct form_node *y = &g->nodes[k];
        if (y->kind != FORM_NAME && y->kind != FORM_LITERAL)
            continue;
        size_t n, b;
        const char *text = token_text(c->t, y, &n);
        uint32_t name = UINT32_MAX;
        for (uint32_t i = c->before.from; i < c->before.to && name == UINT32_MAX; i++) {
            const struct form_node *x = &f->nodes[i];
            if (x->kind != FORM_NAME && x->kind != FORM_LITERAL)
                continue;
            const char *other = token_text(c->s, x, &b);
            if (b == n && memcmp(text, other, n) == 0)
                name = x->name;
        }
        y->name = name != UINT32_MAX ? name : fresh + y->name;
    }
}

// Hash of one side by itself, its names numbered by first use there.
static int side_hash(struct miner *m, const struct form *f, uint32_t names, struct row row,
                     uint64_t *ret) {
    struct form alone = *f;
    alone.names = names;
    int r = form_walk_start(&m->walk, &alone);
    if (r < 0)
        return r;
    for (uint32_t i = row.from; i < row.to; i = f->nodes[i].next)
        form_walk_add(&m->walk, f, i, false);
    *ret = form_walk_hash(&m->walk);
    return 0;
}

// The same with other names: that something was renamed is nobody else's concern.
static int is_renaming(struct miner *m, const struct change *c) {
    uint64_t before, after;
    uint32_t names = c->f->names + c->g->names;
    int r = side_hash(m, c->f, names, c->before, &before);
    if (r == 0)
        r = side_hash(m, c->g, names, c->after, &after);
    return r < 0 ? r : before == after;
}

static int walk_rows(struct miner *m, const struct change *c, struct sighting *ret) {
    struct form_walk *w = &m->walk;
    struct form wide = *c->f; // names of both
    int r = is_renaming(m, c);
    if (r != 0)
        return r < 0 ? r : 0;
    wide.names += c->g->names;
    r = form_walk_start(w, &wide);
    if (r < 0)
        return r;
    w->literals = true;
    for (uint32_t i = c->before.from; i < c->before.to; i = c->f->nodes[i].next)
        form_walk_add(w, c->f, i, false);
    uint64_t hash = form_walk_hash(w);
    uint16_t weight = w->weight;
    for (uint32_t k = c->after.from; k < c->after.to; k = c->g->nodes[k].next)
        form_walk_add(w, c->g, k, false);
    *ret = (struct sighting){.hash = miner_mix(hash ^ form_walk_hash(w) * 3),
                             .weight = w->weight,
                             .holes = w->holes,
                             .level = MINED_EDIT,
                             .lang = c->s->lang};
    // `f(x)` to `f(x, 0)` fits everywhere and says nothing: a library name or a decision has to
    // take part.
    bool small = (w->kept || w->controls) && weight <= PATTERN_NODES_MAX &&
                 w->weight - weight <= PATTERN_NODES_MAX && w->weight >= PATTERN_NODES_MIN &&
                 w->metavariables <= PATTERN_METAVARIABLES_MAX &&
                 count_row(c->f, c->before) <= PATTERN_STATEMENTS_MAX &&
                 count_row(c->g, c->after) <= PATTERN_STATEMENTS_MAX &&
                 w->holes * 100 <= w->weight * PATTERN_HOLES_PERCENT_MAX;
    return small ? 1 : 0;
}

static int print_change(struct miner *m, const struct change *c) {
    struct pattern_names names = {.literals = true};
    buf_clear(&m->scratch);
    int r = pattern_print(&m->scratch, c->s, c->f, c->before.from, count_row(c->f, c->before), NULL,
                          false, &names);
    if (r == 0)
        r = buf_puts(&m->scratch, "\n=>\n");
    return r < 0 ? r
                 : pattern_print(&m->scratch, c->t, c->g, c->after.from, count_row(c->g, c->after),
                                 NULL, false, &names);
}

static int record_change(struct miner *m, const struct change *c) {
    struct sighting seen;
    struct entry *e;
    int r = walk_rows(m, c, &seen);
    if (r <= 0)
        return r;
    r = miner_record(m, &seen, &e);
    return r < 0 || !e ? r : miner_keep_text(m, e, print_change(m, c));
}

// 1: *ret is a change that something can be learnt from, with names shared.
static int read_change(struct miner *m, enum lang lang, const char *before, size_t before_bytes,
                       const char *after, size_t after_bytes, struct change *ret, struct err *err) {
    struct syntax *s = m->old_tree, *t = m->new_tree;
    int r = syntax_parse(s, lang, before, before_bytes, NULL, err);
    if (r == 0)
        r = syntax_parse(t, lang, after, after_bytes, NULL, err);
    if (r == ERR_UNSUPPORTED || r == ERR_NOMEM)
        return r;
    if (r < 0 || s->errors || t->errors)
        return 0;
    r = form_build(&m->form, s, 0, NULL, 0, err);
    if (r == 0)
        r = form_build(&m->other, t, 0, NULL, 0, err);
    if (r < 0)
        return r;
    *ret = (struct change){.s = s,
                           .t = t,
                           .f = &m->form,
                           .g = &m->other,
                           .before = {0, m->form.count},
                           .after = {0, m->other.count}};
    if (!find_change(ret) || !add_context(ret) ||
        form_weight(ret->f, ret->before.from, ret->before.to) > PATTERN_NODES_MAX ||
        form_weight(ret->g, ret->after.from, ret->after.to) > PATTERN_NODES_MAX)
        return 0;
    share_names(ret, &m->other);
    return 1;
}

int miner_add_edit(struct miner *m, enum lang lang, const char *before, size_t before_bytes,
                   const char *after, size_t after_bytes, const struct miner_source *source,
                   struct err *err) {
    struct change c;
    m->source = source ? *source : (struct miner_source){.author = 0};
    if (m->source.secret)
        return 0;
    int r = read_change(m, lang, before, before_bytes, after, after_bytes, &c, err);
    if (r <= 0)
        return r;
    m->file++;
    r = record_change(m, &c);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

int miner_edit_text(struct miner *m, enum lang lang, const char *before, size_t before_bytes,
                    const char *after, size_t after_bytes, struct buf *ret, struct err *err) {
    struct change c;
    struct sighting seen;
    int r = read_change(m, lang, before, before_bytes, after, after_bytes, &c, err);
    if (r > 0)
        r = walk_rows(m, &c, &seen);
    if (r <= 0)
        return r < 0 ? err_set(err, r, "out of memory") : 0;
    r = print_change(m, &c);
    if (r == 0 && m->scratch.len <= PATTERN_TEXT_BYTES_MAX)
        r = buf_append(ret, m->scratch.data, m->scratch.len);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : 0;
}

int miner_add_edit_text(struct miner *m, enum lang lang, const char *text, size_t bytes,
                        const struct miner_source *source, bool same_file, struct err *err) {
    struct pattern *p = NULL;
    struct entry *e;
    m->source = source ? *source : (struct miner_source){.author = 0};
    if (m->source.secret)
        return 0;
    int r = pattern_parse(m->reader, lang, text, bytes, &p, NULL);
    if (r == 0 && p->edit) {
        const struct pattern_side *x = &p->before, *y = &p->after;
        const struct sighting seen = {.hash = miner_mix(x->hash ^ y->hash * 3),
                                      .weight = (uint16_t)(x->weight + y->weight),
                                      .holes = (uint16_t)(x->holes + y->holes),
                                      .level = MINED_EDIT,
                                      .lang = lang};
        m->file += !same_file;
        r = miner_record(m, &seen, &e);
        buf_clear(&m->scratch);
        if (r == 0 && e)
            r = miner_keep_text(m, e, buf_puts(&m->scratch, p->text));
    }
    pattern_free(p);
    return r == ERR_NOMEM || r == ERR_LIMIT ? err_set(err, r, "out of memory") : 0;
}
