#include "core/store/recall_pool.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_PULL = 48,      // of every concept, before they are compared
    RARE_PULL = 4000,     // a rarer concept is followed to its end
    POSTINGS_MAX = 16000, // of all concepts together
    ENOUGH = 192          // candidates after which more frequent concepts need not be followed
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

// --- streams of postings -------------------------------------------------------------------------
struct stream {
    struct db_rows *rows;
    char *match; // borrowed by rows
    size_t range;
    int64_t pulled, last, passed; // passed: ids of earlier ranges, and of this one down to `last`
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

static int stream_open(struct gather *g, struct stream *s, struct err *err) {
    const struct id_range *range = &g->scope->ranges[s->range];
    return db_rows_open(
        g->db,
        "SELECT rowid FROM note_fts WHERE note_fts MATCH ?1 AND "
        "rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC",
        (struct db_value[]){db_text(s->match), db_int(range->first), db_int(range->last)}, 3,
        &s->rows, err);
}

// Follows the postings of concept i by at most n notes.
static int stream_pull(struct gather *g, size_t i, int64_t n, struct err *err) {
    struct stream *s = &g->streams[i];
    while (n > 0 && !s->done) {
        int r = s->rows ? 0 : stream_open(g, s, err);
        if (r == 0)
            r = db_rows_next(s->rows, err);
        if (r < 0)
            return r;
        if (r == 0) {
            db_rows_close(s->rows);
            s->rows = NULL;
            s->done = ++s->range == g->scope->count;
            continue;
        }
        s->last = db_col_int(s->rows, 0);
        s->pulled++;
        g->postings++;
        n--;
        r = pool_add(g->pool, s->last, (uint32_t)1 << i, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// Notes with the concept: counted, or as dense in the rest as in the part that was seen.
static int64_t stream_df(const struct gather *g, const struct stream *s) {
    if (s->done || !s->pulled)
        return s->pulled;
    const struct id_range *range = &g->scope->ranges[s->range];
    int64_t newest = range->first + range->notes; // about: erased ones have left gaps
    if (g->scope->query->all || newest < s->last)
        return s->pulled * 4;
    double seen = (double)(newest - s->last + 1);
    for (size_t i = 0; i < s->range; i++)
        seen += (double)g->scope->ranges[i].notes;
    double df = (double)s->pulled * (double)g->scope->notes / seen;
    return df < (double)s->pulled ? s->pulled : (int64_t)df;
}

static void set_idf(struct gather *g, size_t i) {
    struct concept *c = &g->q->concepts[i];
    c->df = stream_df(g, &g->streams[i]);
    double n = (double)(g->scope->notes > c->df ? g->scope->notes : c->df);
    c->idf = log(1 + (n - (double)c->df + 0.5) / ((double)c->df + 0.5));
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

static int pull_by_rarity(struct gather *g, struct err *err) {
    size_t order[CONCEPTS_MAX];
    order_by_rarity(g->q, order);
    for (size_t k = 0; k < g->q->count; k++) {
        size_t i = order[k];
        int64_t left = POSTINGS_MAX - g->postings;
        int64_t share = left / (int64_t)(g->q->count - k);
        if (g->pool->count >= ENOUGH && g->q->concepts[i].df > RARE_PULL)
            share = share < ENOUGH ? share : ENOUGH;
        int r = stream_pull(g, i, share, err);
        if (r < 0)
            return r;
        set_idf(g, i);
    }
    return 0;
}

static int candidate_compare(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->rough != y->rough)
        return x->rough > y->rough ? -1 : 1;
    return x->id > y->id ? -1 : x->id < y->id;
}

static void pool_order(struct pool *p, const struct question *q) {
    for (size_t i = 0; i < p->count; i++) {
        float rough = 0;
        for (uint32_t m = p->items[i].mask; m; m &= m - 1)
            rough += (float)q->concepts[__builtin_ctz(m)].idf;
        p->items[i].rough = rough;
    }
    qsort(p->items, p->count, sizeof p->items[0], candidate_compare);
    mem_free(p->slots); // its order is gone
    p->slots = NULL;
    p->slot_count = 0;
}

int pool_gather(struct db *db, const struct scope *scope, struct question *q, struct pool *pool,
                struct err *err) {
    struct gather g = {.db = db, .scope = scope, .q = q, .pool = pool};
    int r = 0;
    for (size_t i = 0; r == 0 && i < q->count && scope->count; i++) {
        g.streams[i].match = match_make(&q->concepts[i]);
        if (!g.streams[i].match)
            r = err_set(err, ERR_NOMEM, "out of memory");
        else
            r = stream_pull(&g, i, FIRST_PULL, err);
        if (r == 0)
            set_idf(&g, i);
    }
    if (r == 0 && scope->count)
        r = pull_by_rarity(&g, err);
    for (size_t i = 0; i < q->count; i++) {
        db_rows_close(g.streams[i].rows);
        mem_free(g.streams[i].match);
    }
    if (r == 0)
        pool_order(pool, q);
    return r;
}
