#include "core/store/recall_pool.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"
#include "core/store/recall_expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_PULL = 32,           // postings of every concept, before they are compared
    PROBE = 16,                // postings looked at in the older half, of what seems frequent
    RUN_MIN = 8,               // postings that tell how dense a concept is
    FREQUENT = 1000,           // notes: a concept in more is frequent
    POSTINGS_MAX = 6000,       // of all concepts that are not
    WINDOW_EACH = 300,         // of each of several concepts, when every one is frequent
    ENOUGH = 192,              // candidates: with so many, frequent concepts are not followed
    TOGETHER_CONCEPTS = 6,     // looked for all together, if there are no more
    TOGETHER_NOTES = 64,       // newest notes with all of several concepts
    TOGETHER_COST_MAX = 24000, // postings that may be passed over to find them
    LEAP_COST = 300,           // of finding one concept's note among another's, in postings
    FEW = 96                   // notes: so few candidates are all looked at anyway
};

// --- scope ---------------------------------------------------------------------------------------
static int range_add(struct db *db, int64_t workspace, struct scope *s, struct err *err) {
    int64_t notes = 0;
    int r = db_one_int(db, "SELECT notes FROM workspace WHERE id = ?1",
                       (struct db_value[]){db_int(workspace)}, 1, &notes, err);
    if (r <= 0 || !notes)
        return r < 0 ? r : 0;
    s->ranges[s->count++] = (struct id_range){
        .first = note_id_first(workspace), .last = note_id_last(workspace), .notes = notes};
    s->notes += notes;
    return 0;
}

static int scope_places(struct db *db, const struct recall_query *query, struct scope *s,
                        struct err *err) {
    if (query->all) {
        int64_t notes = 0;
        int r =
            db_one_int(db, "SELECT coalesce(sum(notes), 0) FROM workspace", NULL, 0, &notes, err);
        s->ranges[0] = (struct id_range){.first = 0, .last = INT64_MAX, .notes = notes};
        s->count = notes ? 1 : 0;
        s->notes = notes;
        return r < 0 ? r : 0;
    }
    int64_t id = 0;
    int r =
        query->workspace && *query->workspace ? workspace_find(db, query->workspace, &id, err) : 0;
    if (r > 0)
        r = range_add(db, id, s, err);
    return r < 0 ? r : range_add(db, 0, s, err);
}

// The rarer label leads, so that the other one is only checked.
static int scope_labels(struct db *db, const struct recall_query *query, struct scope *s,
                        struct err *err) {
    int64_t tag_uses = 0, kind_uses = 0, kind = query->kind > NOTE_NOTE ? query->kind : 0;
    int r = 0;
    if (query->tag && *query->tag) {
        r = db_one_int(db, "SELECT id FROM tag WHERE name = ?1",
                       (struct db_value[]){db_text(query->tag)}, 1, &s->labels[0], err);
        s->nothing = r == 0 || s->labels[0] < TAG_ID_FIRST;
        if (r > 0)
            r = db_one_int(db, "SELECT uses FROM tag WHERE id = ?1",
                           (struct db_value[]){db_int(s->labels[0])}, 1, &tag_uses, err);
    }
    if (r >= 0 && kind)
        r = db_one_int(db, "SELECT uses FROM tag WHERE id = ?1", (struct db_value[]){db_int(kind)},
                       1, &kind_uses, err);
    if (kind && s->labels[0] && tag_uses <= kind_uses) {
        s->labels[1] = kind;
    } else if (kind) {
        s->labels[1] = s->labels[0];
        s->labels[0] = kind;
    }
    return r < 0 ? r : 0;
}

int scope_resolve(struct db *db, const struct recall_query *query, struct scope *ret,
                  struct err *err) {
    struct scope s = {.query = query};
    int r = scope_places(db, query, &s, err);
    if (r == 0)
        r = scope_labels(db, query, &s, err);
    if (r < 0)
        return r;
    if (s.nothing)
        s.count = 0;
    *ret = s;
    return 0;
}

// --- the pool as a set ---------------------------------------------------------------------------
void pool_done(struct pool *p) {
    mem_free(p->items);
    mem_free(p->slots);
    *p = (struct pool){0};
}

static size_t id_slot(int64_t id, size_t slots) {
    uint64_t h = (uint64_t)id * 0x9E3779B97F4A7C15U;
    return (size_t)(h >> 40) & (slots - 1);
}

static bool pool_grow(struct pool *p) {
    size_t cap = p->cap ? p->cap * 2 : 512;
    struct candidate *items = mem_realloc(p->items, cap * sizeof *items);
    if (!items)
        return false;
    p->items = items;
    uint32_t *slots = mem_zalloc(cap * 2 * sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < p->count; i++) {
        size_t k = id_slot(items[i].id, cap * 2);
        while (slots[k])
            k = (k + 1) & (cap * 2 - 1);
        slots[k] = (uint32_t)i + 1;
    }
    mem_free(p->slots);
    p->slots = slots;
    p->slot_count = cap * 2;
    p->cap = cap;
    return true;
}

static int pool_add(struct pool *p, int64_t id, uint32_t bit, struct err *err) {
    if (p->count == p->cap && !pool_grow(p))
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t k = id_slot(id, p->slot_count);
    while (p->slots[k]) {
        struct candidate *c = &p->items[p->slots[k] - 1];
        if (c->id == id) {
            c->mask |= bit;
            return 0;
        }
        k = (k + 1) & (p->slot_count - 1);
    }
    if (p->count == POOL_CANDIDATES_MAX)
        return 0;
    p->slots[k] = (uint32_t)p->count + 1;
    p->items[p->count++] = (struct candidate){.id = id, .mask = bit};
    return 0;
}

static const char postings_sql[] =
    "SELECT 1 FROM note_fts WHERE note_fts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 AND "
    "visit(?4, rowid) ORDER BY rowid DESC";

// --- streams of postings -------------------------------------------------------------------------
struct stream {
    struct db_rows *rows;
    char *match; // borrowed by rows
    size_t range;
    struct db_visitor visitor; // of rows
    struct pool *pool;
    uint32_t bit;   // of the concept
    int64_t wanted; // postings to follow before it pauses
    int64_t pulled, last;
    int64_t run, run_first; // of them, those of the workspace that `last` is in; the first id
    double older;           // how dense it is in the older half; 0: not looked at
    bool done;
};

struct gather {
    struct db *db;
    const struct scope *scope;
    struct question *q;
    struct pool *pool;
    struct stream streams[CONCEPTS_MAX];
    int64_t postings;
};

// "a" OR "b": terms have no character with a meaning inside quotes (recall_words.h).
static char *match_make(const struct concept *c) {
    AUTO_BUF b = BUF_INIT(ALTERNATIVES_MAX * (WORD_BYTES_MAX + 16));
    for (size_t i = 0; i < c->count; i++) {
        (void)buf_puts(&b, i ? " OR \"" : "\"");
        (void)buf_append(&b, c->alternatives[i].term, c->alternatives[i].len);
        (void)buf_putc(&b, '"');
    }
    return buf_take(&b);
}

static int postings_open(struct db *db, const char *match, struct id_range range,
                         struct db_visitor *visitor, struct db_rows **ret, struct err *err) {
    return db_rows_open(db, postings_sql,
                        (struct db_value[]){db_text(match), db_int(range.first), db_int(range.last),
                                            db_visit(visitor)},
                        4, ret, err);
}

static int on_posting(void *ctx, const struct db_cells *row, struct err *err) {
    struct stream *s = ctx;
    int64_t id = db_cell_int(row, 0);
    if (!s->run || note_workspace(id) != note_workspace(s->last)) {
        s->run = 0;
        s->run_first = id;
    }
    s->last = id;
    s->run++;
    s->pulled++;
    s->wanted--;
    int r = pool_add(s->pool, id, s->bit, err);
    return r < 0 ? r : s->wanted == 0;
}

// Ready to be followed from its newest posting.
static int stream_set(struct gather *g, size_t i, struct err *err) {
    struct stream *s = &g->streams[i];
    *s = (struct stream){.match = match_make(&g->q->concepts[i]),
                         .visitor = {.fn = on_posting, .ctx = s},
                         .pool = g->pool,
                         .bit = (uint32_t)1 << i};
    return s->match ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// Follows the postings of concept i by at most n notes.
static int stream_pull(struct gather *g, size_t i, int64_t n, struct err *err) {
    struct stream *s = &g->streams[i];
    int64_t before = s->pulled;
    int r = 0;
    s->wanted = n;
    while (r == 0 && s->wanted > 0 && !s->done) {
        if (!s->rows)
            r = postings_open(g->db, s->match, g->scope->ranges[s->range], &s->visitor, &s->rows,
                              err);
        if (r == 0)
            r = db_rows_visit(s->rows, &s->visitor, err);
        if (r != 0)
            break; // as many as were wanted, or an error
        db_rows_close(s->rows);
        s->rows = NULL;
        s->done = ++s->range == g->scope->count;
    }
    g->postings += s->pulled - before;
    return r < 0 ? r : 0;
}

struct probe {
    int64_t found, last;
};

static int on_probe(void *ctx, const struct db_cells *row, struct err *err) {
    struct probe *p = ctx;
    (void)err;
    p->last = db_cell_int(row, 0);
    return ++p->found == PROBE;
}

// How dense the concept is in the older half of the workspace that the stream has come to: words
// come in bursts, and the newest notes alone would make a word of last week a frequent one.
static int probe_older(struct gather *g, struct stream *s, struct err *err) {
    int64_t first = note_id_first(note_workspace(s->last));
    int64_t middle = first + (s->last - first) / 2;
    struct probe probe = {.last = middle};
    struct db_visitor visitor = {.fn = on_probe, .ctx = &probe};
    struct db_rows *rows = NULL;
    int r = postings_open(g->db, s->match, (struct id_range){.first = first, .last = middle},
                          &visitor, &rows, err);
    if (r == 0)
        r = db_rows_visit(rows, &visitor, err);
    db_rows_close(rows);
    double seen = (double)(probe.found == PROBE ? middle - probe.last + 1 : middle - first + 1);
    s->older = probe.found ? (double)probe.found / seen : 0.5 / seen;
    return r < 0 ? r : 0;
}

// Notes with the concept: counted, or as dense in the rest as in the part that was seen. Ids run
// without gaps within a workspace, but for what was erased; so the part is the newest run of ids.
static int64_t stream_df(const struct gather *g, const struct stream *s) {
    if (s->done || !s->pulled)
        return s->pulled;
    int64_t from = s->run < RUN_MIN ? note_id_first(note_workspace(s->last)) : s->last;
    double dense = (double)s->run / (double)(s->run_first - from + 1);
    if (s->older > 0)
        dense = sqrt(dense * s->older);
    double df = dense * (double)g->scope->notes;
    if (!g->scope->query->all && s->run < s->pulled) // the first range was counted to its end
        df = (double)(s->pulled - s->run) + dense * (double)g->scope->ranges[s->range].notes;
    return df < (double)s->pulled ? s->pulled : (int64_t)df;
}

static int set_df(struct gather *g, size_t i, struct err *err) {
    struct stream *s = &g->streams[i];
    int64_t df = stream_df(g, s);
    if (df > FREQUENT && !s->done && s->older == 0) {
        int r = probe_older(g, s, err);
        if (r < 0)
            return r;
        df = stream_df(g, s);
    }
    concept_set_df(&g->q->concepts[i], df, g->scope->notes);
    return 0;
}

static bool rarer(const struct concept *a, const struct concept *b) {
    return a->df != b->df ? a->df < b->df : a->place < b->place;
}

// Insertion sort: at most CONCEPTS_MAX of them.
static void order_by_rarity(const struct question *q, size_t order[CONCEPTS_MAX]) {
    for (size_t i = 0; i < q->count; i++) {
        size_t k = i;
        for (; k && rarer(&q->concepts[i], &q->concepts[order[k - 1]]); k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

// Rare concepts to their end. A frequent one only until there are enough candidates: a note that
// has nothing but it does not come out on top of those that have a rarer one.
static int pull_by_rarity(struct gather *g, const size_t *order, struct err *err) {
    for (size_t k = 0; k < g->q->count; k++) {
        size_t i = order[k];
        bool frequent = g->q->concepts[i].df > FREQUENT;
        int64_t share = POSTINGS_MAX - g->postings;
        if (frequent)
            share = (int64_t)ENOUGH - (int64_t)g->pool->count;
        int r = stream_pull(g, i, share, err);
        if (r == 0 && (!frequent || share > 0))
            r = set_df(g, i, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// Only frequent concepts: all of them over the same newest notes, so that those that have many of
// them are seen.
static int pull_window(struct gather *g, struct err *err) {
    double density = 0, all = WINDOW_EACH * (double)g->q->count;
    for (size_t i = 0; i < g->q->count; i++)
        density += (double)g->q->concepts[i].df / (double)g->scope->notes;
    for (size_t i = 0; i < g->q->count; i++) {
        double share = (double)g->q->concepts[i].df / (double)g->scope->notes / density;
        int64_t n = (int64_t)(share * all) - g->streams[i].pulled;
        int r = stream_pull(g, i, n, err);
        if (r == 0)
            r = set_df(g, i, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// Then the pool has every note of theirs already, and knows which of them it has.
static bool all_followed(const struct gather *g, const size_t *set, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!g->streams[set[i]].done)
            return false;
    return true;
}

struct together {
    struct pool *pool;
    uint32_t mask;
    int64_t left;
};

static int on_together(void *ctx, const struct db_cells *row, struct err *err) {
    struct together *t = ctx;
    int r = pool_add(t->pool, db_cell_int(row, 0), t->mask, err);
    return r < 0 ? r : --t->left == 0;
}

// The newest notes that have all of the given concepts, however far back: the index leaps from one
// to the other. Between two hits it cannot be stopped, not even by a range of ids: what would cost
// too much is left out beforehand. `set` are the concepts' numbers; *budget is in postings.
static int pull_all_of(struct gather *g, const size_t *set, size_t n, double *budget,
                       struct err *err) {
    AUTO_BUF match = BUF_INIT(CONCEPTS_MAX * ALTERNATIVES_MAX * (WORD_BYTES_MAX + 16));
    double rarest = INFINITY, sum = 0;
    uint32_t mask = 0;
    if (all_followed(g, set, n))
        return 0;
    for (size_t i = 0; i < n; i++) {
        double df = (double)g->q->concepts[set[i]].df;
        rarest = fmin(rarest, df);
        sum += df;
        mask |= (uint32_t)1 << set[i];
        (void)buf_printf(&match, "%s(%s)", i ? " AND " : "", g->streams[set[i]].match);
    }
    if (match.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    double cost = fmin(rarest * LEAP_COST * (double)(n - 1), sum);
    if (cost > *budget)
        return 0;
    *budget -= cost;
    struct together together = {.pool = g->pool, .mask = mask, .left = TOGETHER_NOTES};
    struct db_visitor visitor = {.fn = on_together, .ctx = &together};
    int r = 0;
    for (size_t i = 0; r == 0 && i < g->scope->count; i++) {
        struct db_rows *rows = NULL;
        r = postings_open(g->db, match.data, g->scope->ranges[i], &visitor, &rows, err);
        if (r == 0)
            r = db_rows_visit(rows, &visitor, err);
        db_rows_close(rows);
    }
    return r < 0 ? r : 0;
}

// What stands together: all concepts, and the rarest of them in pairs and three at a time. Only
// when there are more candidates than can be looked at; with fewer, every one is.
static int pull_together(struct gather *g, const size_t *order, struct err *err) {
    size_t n = g->q->count;
    if (n < 2 || g->pool->count <= FEW || g->q->concepts[order[0]].df <= FEW)
        return 0;
    double budget = TOGETHER_COST_MAX;
    int r = n <= TOGETHER_CONCEPTS ? pull_all_of(g, order, n, &budget, err) : 0;
    if (r == 0 && n > 3)
        r = pull_all_of(g, order, 3, &budget, err);
    if (r == 0 && n > 2)
        r = pull_all_of(g, order, 2, &budget, err);
    if (r == 0 && n > 2)
        r = pull_all_of(g, (size_t[]){order[0], order[2]}, 2, &budget, err);
    if (r == 0 && n > 2)
        r = pull_all_of(g, order + 1, 2, &budget, err);
    return r;
}

// --- order ---------------------------------------------------------------------------------------
static bool better(const struct candidate *x, const struct candidate *y) {
    return x->rough != y->rough ? x->rough > y->rough : x->id > y->id;
}

static int candidate_compare(const void *a, const void *b) {
    return better(a, b) ? -1 : better(b, a);
}

// Moves the best `n` to the front, in any order (Hoare's selection).
static void select_best(struct candidate *items, size_t count, size_t n) {
    size_t low = 0, high = count;
    while (high - low > 1) {
        struct candidate pivot = items[low + (high - low) / 2];
        size_t i = low, k = high - 1;
        for (;;) {
            while (better(&items[i], &pivot))
                i++;
            while (better(&pivot, &items[k]))
                k--;
            if (i >= k)
                break;
            struct candidate swap = items[i];
            items[i++] = items[k];
            items[k--] = swap;
        }
        if (n <= k + 1 && k + 1 < high)
            high = k + 1;
        else if (n > k + 1)
            low = k + 1;
        else
            return;
    }
}

static void pool_order(struct pool *p, const struct question *q) {
    for (size_t i = 0; i < p->count; i++) {
        float rough = 0;
        for (uint32_t m = p->items[i].mask; m; m &= m - 1)
            rough += (float)q->concepts[__builtin_ctz(m)].idf;
        p->items[i].rough = rough;
    }
    p->ordered = p->count;
    if (p->count > POOL_ORDERED) {
        select_best(p->items, p->count, POOL_ORDERED);
        p->ordered = POOL_ORDERED;
    }
    qsort(p->items, p->ordered, sizeof p->items[0], candidate_compare);
    mem_free(p->slots); // its order is gone
    p->slots = NULL;
    p->slot_count = 0;
}

void pool_order_rest(struct pool *p) {
    qsort(p->items + p->ordered, p->count - p->ordered, sizeof p->items[0], candidate_compare);
    p->ordered = p->count;
}

// --- gathering -----------------------------------------------------------------------------------
// A word that no note has may be the beginning of one.
static int pull_expanded(struct gather *g, size_t i, struct err *err) {
    int r = question_expand(g->db, g->q, i, err);
    if (r <= 0)
        return r;
    mem_free(g->streams[i].match);
    r = stream_set(g, i, err);
    return r < 0 ? r : stream_pull(g, i, FIRST_PULL, err);
}

static int first_pull(struct gather *g, struct err *err) {
    for (size_t i = 0; i < g->q->count; i++) {
        int r = stream_set(g, i, err);
        if (r == 0)
            r = stream_pull(g, i, FIRST_PULL, err);
        if (r == 0 && !g->streams[i].pulled)
            r = pull_expanded(g, i, err);
        if (r == 0)
            r = set_df(g, i, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int pool_gather(struct db *db, const struct scope *scope, struct question *q, struct pool *pool,
                struct err *err) {
    struct gather g = {.db = db, .scope = scope, .q = q, .pool = pool};
    size_t order[CONCEPTS_MAX];
    if (!scope->count || !q->count)
        return 0;
    int r = first_pull(&g, err);
    if (r == 0) {
        order_by_rarity(q, order);
        r = q->concepts[order[0]].df > FREQUENT ? pull_window(&g, err)
                                                : pull_by_rarity(&g, order, err);
    }
    if (r == 0)
        r = pull_together(&g, order, err);
    for (size_t i = 0; i < q->count; i++) {
        db_rows_close(g.streams[i].rows);
        mem_free(g.streams[i].match);
    }
    if (r == 0)
        pool_order(pool, q);
    return r;
}
