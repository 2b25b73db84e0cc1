#include "core/store/recall_docs.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"
#include "core/store/rank_cache.h"
#include "core/store/recall_walk.h"

#include <string.h>

enum {
    WALK_STEPS_MAX = 800, // notes that filters may pass over in search of those they let through
    SURE = 48             // candidates that are read whatever they are known to have
};
static const float hopeless = 0.4F; // of what a good candidate is known to have

// --- the documents as a set ----------------------------------------------------------------------
void docs_done(struct docs *d) {
    mem_free(d->items);
    mem_free(d->slots);
    *d = (struct docs){0};
}

static size_t id_slot(int64_t id, size_t slots) {
    uint64_t h = (uint64_t)id * 0x9E3779B97F4A7C15U;
    return (size_t)(h >> 40) & (slots - 1);
}

static struct doc *find_any(const struct docs *d, int64_t id) {
    if (!d->slot_count || !id)
        return NULL;
    size_t k = id_slot(id, d->slot_count);
    while (d->slots[k]) {
        struct doc *doc = &d->items[d->slots[k] - 1];
        if (doc->id == id)
            return doc;
        k = (k + 1) & (d->slot_count - 1);
    }
    return NULL;
}

struct doc *docs_find(const struct docs *d, int64_t id) {
    struct doc *doc = find_any(d, id);
    return doc && !doc->spare ? doc : NULL;
}

static bool docs_grow(struct docs *d) {
    size_t cap = d->cap ? d->cap * 2 : 256;
    struct doc *items = mem_realloc(d->items, cap * sizeof *items);
    if (!items)
        return false;
    d->items = items;
    uint32_t *slots = mem_zalloc(cap * 2 * sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < d->count; i++) {
        size_t k = id_slot(items[i].id, cap * 2);
        while (slots[k])
            k = (k + 1) & (cap * 2 - 1);
        slots[k] = (uint32_t)i + 1;
    }
    mem_free(d->slots);
    d->slots = slots;
    d->slot_count = cap * 2;
    d->cap = cap;
    return true;
}

// NULL: out of memory.
static struct doc *docs_add(struct docs *d, int64_t id) {
    if (d->count == d->cap && !docs_grow(d))
        return NULL;
    size_t k = id_slot(id, d->slot_count);
    while (d->slots[k])
        k = (k + 1) & (d->slot_count - 1);
    d->slots[k] = (uint32_t)d->count + 1;
    struct doc *doc = &d->items[d->count++];
    memset(doc, 0, sizeof *doc);
    doc->id = id;
    return doc;
}

static void docs_lead(struct docs *d, int64_t id) {
    if (d->leading_count < DOCS_LEADING_MAX)
        d->leading[d->leading_count++] = id;
}

// --- reading -------------------------------------------------------------------------------------
enum cell {
    CELL_ID,
    CELL_STATE,
    CELL_CREATED,
    CELL_EXPIRES,
    CELL_THREAD,
    CELL_PREV,
    CELL_NEXT,
    CELL_WORDS
};
// The visitor is ?1; what follows is the statement's own.
#define VISIT_RANK                                                                                 \
    "visit(?1, k.id, k.state, k.created_ms, k.expires_ms, k.thread, k.prev_id, k.next_id, "        \
    "k.words)"
static const char rows_of_ids[] =
    "SELECT 1 FROM ids(?2) AS i CROSS JOIN note_rank AS k ON k.id = i.rowid WHERE " VISIT_RANK;

struct reader {
    struct docs *docs;
    const struct question *question;
    const struct scope *scope;
    bool keep; // what is read is likely to be read again one by one
};

// One pass over the note's words: how often each concept occurs, and how often two stand as far
// from each other as in the question.
static void read_words(struct doc *doc, const struct words_packed *words,
                       const struct question *q) {
    size_t place = 0, last_place = 0, last_at = 0;
    uint32_t last = CONCEPTS_MAX;
    for (size_t i = 0; i < words->total; i++) {
        uint32_t value = words_at(words, i);
        place += !(value & WORD_EXTRA);
        if (!question_may_have(q, value))
            continue;
        const struct lookup_slot *slot = question_find(q, value & ~(uint32_t)WORD_FLAGS);
        if (!slot)
            continue;
        bool goes_on = last_at >= words->head || i < words->head; // not where the tags end
        doc->tf[slot->concept] += slot->weight;
        if (last != CONCEPTS_MAX && last != slot->concept && goes_on &&
            place - last_place == q->concepts[slot->concept].place - q->concepts[last].place)
            doc->near++;
        last = slot->concept;
        last_place = place;
        last_at = i;
    }
    doc->words = (float)(place + 1);
    doc->source = words->source;
}

static void fill(const struct reader *r, struct doc *doc, const struct rank_row *row) {
    doc->state = row->state;
    doc->created_ms = row->created_ms;
    doc->thread = row->thread;
    doc->prev_id = row->prev_id;
    doc->next_id = row->next_id;
    const struct rank_state state = {.id = doc->id,
                                     .created_ms = doc->created_ms,
                                     .expires_ms = row->expires_ms,
                                     .state = doc->state};
    doc->shown = rank_passes(&state, r->scope->query);
    read_words(doc, &row->words, r->question);
}

static int read_row(const struct reader *r, const struct db_cells *cells, struct doc **ret,
                    struct err *err) {
    struct rank_row row = {.id = db_cell_int(cells, CELL_ID),
                           .state = (unsigned)db_cell_int(cells, CELL_STATE),
                           .created_ms = db_cell_int(cells, CELL_CREATED),
                           .expires_ms = db_cell_int(cells, CELL_EXPIRES),
                           .thread = db_cell_int(cells, CELL_THREAD),
                           .prev_id = db_cell_int(cells, CELL_PREV),
                           .next_id = db_cell_int(cells, CELL_NEXT)};
    size_t n = 0;
    const void *blob = db_cell_blob(cells, CELL_WORDS, &n);
    if (!words_unpack(blob, n, &row.words))
        return err_set(err, ERR_CORRUPT, "a note's words are damaged; restore a backup");
    struct doc *doc = docs_add(r->docs, row.id);
    if (!doc)
        return err_set(err, ERR_NOMEM, "out of memory");
    fill(r, doc, &row);
    if (r->keep)
        rank_cache_put(r->scope->ranks, r->scope->epoch, &row);
    *ret = doc;
    return 0;
}

struct kept {
    const struct reader *reader;
    struct doc *doc; // NULL: out of memory
};

static void on_kept(void *ctx, const struct rank_row *row) {
    struct kept *k = ctx;
    k->doc = docs_add(k->reader->docs, row->id);
    if (k->doc)
        fill(k->reader, k->doc, row);
}

// 1 it was kept in memory, 0 it has to be read, ERR_NOMEM.
static int read_kept(const struct reader *r, int64_t id, struct doc **ret, struct err *err) {
    struct kept kept = {.reader = r};
    if (!rank_cache_get(r->scope->ranks, r->scope->epoch, id, on_kept, &kept))
        return 0;
    *ret = kept.doc;
    return kept.doc ? 1 : err_set(err, ERR_NOMEM, "out of memory");
}

static int visit_all(void *ctx, const struct db_cells *row, struct err *err) {
    struct doc *doc;
    return read_row(ctx, row, &doc, err);
}

// All rows of a statement that begins with VISIT_RANK's visitor.
static int visit_rows(struct db *db, const char *sql, struct db_visitor *visitor,
                      const struct db_value *values, size_t n, struct err *err) {
    struct db_value all[4] = {db_visit(visitor)};
    struct db_rows *rows = NULL;
    for (size_t i = 0; i < n; i++)
        all[i + 1] = values[i];
    int r = db_rows_open(db, sql, all, n + 1, &rows, err);
    if (r == 0)
        r = db_rows_visit(rows, visitor, err);
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int docs_scan(struct db *db, const struct scope *scope, const struct question *q, struct docs *d,
              struct err *err) {
    struct reader reader = {.docs = d, .question = q, .scope = scope};
    struct db_visitor visitor = {.fn = visit_all, .ctx = &reader};
    int r = 0;
    for (size_t i = 0; r == 0 && i < scope->count; i++)
        r = visit_rows(
            db, "SELECT 1 FROM note_rank AS k WHERE k.id BETWEEN ?2 AND ?3 AND " VISIT_RANK,
            &visitor,
            (struct db_value[]){db_int(scope->ranges[i].first), db_int(scope->ranges[i].last)}, 2,
            err);
    for (size_t i = 0; i < d->count && i < DOCS_LEADING_MAX; i++)
        docs_lead(d, d->items[i].id);
    return r;
}

void docs_idf(const struct docs *d, struct question *q) {
    for (size_t c = 0; c < q->count; c++) {
        int64_t df = 0;
        for (size_t i = 0; i < d->count; i++)
            df += d->items[i].tf[c] > 0;
        concept_set_df(&q->concepts[c], df, (int64_t)d->count);
    }
}

// Its labels are looked up only for a note that passes everything else.
static int check_labels(struct db *db, const struct scope *scope, struct doc *doc,
                        struct err *err) {
    if (!doc->shown || !scope->labels[0])
        return 0;
    const struct rank_state state = {.id = doc->id, .created_ms = doc->created_ms};
    int r = scope_has_labels(db, scope, &state, err);
    doc->shown = r == 1;
    return r < 0 ? r : 0;
}

// --- the best of the pool ------------------------------------------------------------------------
// Neighbours mostly lie beside their note, and what lies beside the row that was read last costs a
// fraction of any other: so they are read on the way. The note behind is one once the note says so;
// the note before comes first, and is guessed to be one if that was so the last time.
struct gathering {
    struct reader reader;
    struct db *db;
    const struct pool *pool;
    size_t at, end; // of the pool's items: next, and those worth reading
    size_t shown, max;
    int64_t first;       // id that was asked for before there was a statement, 0: given out
    int64_t behind;      // id to read next, 0: none
    bool spare;          // what is read now is no candidate
    bool guess, guessed; // the note before the next candidate, read already
    struct err *err;
    int enough; // 1 or ERR_*: no more are needed
};

// A candidate is there. 1: these are enough.
static int take(struct gathering *g, struct doc *doc, struct err *err) {
    int r = check_labels(g->db, g->reader.scope, doc, err);
    if (r < 0)
        return r;
    g->shown += doc->shown;
    return g->shown >= g->max;
}

static void lead(struct gathering *g, struct doc *doc) {
    struct docs *d = g->reader.docs;
    doc->spare = false;
    if (d->leading_count == DOCS_LEADING_MAX)
        return;
    docs_lead(d, doc->id);
    g->guess = doc->prev_id && doc->prev_id == doc->id - 1;
    g->behind = doc->next_id == doc->id + 1 && !find_any(d, doc->next_id) ? doc->next_id : 0;
}

static bool guess_before(const struct gathering *g, int64_t id) {
    const struct docs *d = g->reader.docs;
    return g->guess && !g->guessed && d->leading_count < DOCS_LEADING_MAX && id > 1 &&
           !find_any(d, id) && !find_any(d, id - 1);
}

// What lies beside a candidate: 1 it has to be read, 0 it was kept, ERR_NOMEM.
static int spare_needed(struct gathering *g, int64_t id) {
    struct doc *doc;
    int r = read_kept(&g->reader, id, &doc, g->err);
    if (r <= 0)
        return r < 0 ? r : 1;
    doc->spare = true;
    return 0;
}

// The same of the next candidate; nothing is left of those known or kept.
static int candidate_needed(struct gathering *g, int64_t id) {
    struct doc *doc = find_any(g->reader.docs, id);
    bool leads = !doc || doc->spare; // else the walk has met it
    int r = doc ? 1 : read_kept(&g->reader, id, &doc, g->err);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (leads)
        lead(g, doc);
    g->enough = take(g, doc, g->err);
    return g->enough < 0 ? g->enough : 0;
}

static bool next_id(void *ctx, int64_t *ret_id) {
    struct gathering *g = ctx;
    int needed = 0;
    while (needed == 0 && !g->enough && (g->behind || g->at < g->end)) {
        int64_t id = g->behind ? g->behind : g->pool->items[g->at].id;
        g->spare = true;
        if (g->behind) {
            g->behind = 0;
            needed = spare_needed(g, id);
        } else if (guess_before(g, id)) {
            g->guessed = true;
            needed = spare_needed(g, --id);
        } else {
            g->at++;
            g->guessed = g->spare = false;
            needed = candidate_needed(g, id);
        }
        *ret_id = id;
    }
    if (needed < 0)
        g->enough = needed;
    return needed > 0;
}

static bool first_id(void *ctx, int64_t *ret_id) {
    struct gathering *g = ctx;
    if (!g->first)
        return next_id(ctx, ret_id);
    *ret_id = g->first;
    g->first = 0;
    return true;
}

static int visit_gathered(void *ctx, const struct db_cells *row, struct err *err) {
    struct gathering *g = ctx;
    struct doc *doc;
    int r = read_row(&g->reader, row, &doc, err);
    if (r < 0)
        return r;
    doc->spare = g->spare;
    if (g->spare)
        return 0;
    lead(g, doc);
    return g->enough = take(g, doc, err);
}

int docs_load(struct db *db, const struct scope *scope, const struct question *q,
              const struct pool *pool, size_t max, struct docs *d, struct err *err) {
    struct gathering g = {.reader = {.docs = d, .question = q, .scope = scope, .keep = true},
                          .db = db,
                          .pool = pool,
                          .max = max,
                          .err = err};
    for (; g.end < pool->ordered && g.end < POOL_ORDERED; g.end++)
        if (g.end >= SURE && pool->items[g.end].rough < hopeless * pool->items[SURE / 2].rough)
            break;
    if (!g.end || !max)
        return 0;
    if (!next_id(&g, &g.first))
        return g.enough < 0 ? g.enough : 0;
    const struct db_ids ids = {.next = first_id, .ctx = &g};
    struct db_visitor visitor = {.fn = visit_gathered, .ctx = &g};
    int r = visit_rows(db, rows_of_ids, &visitor, (struct db_value[]){db_list(&ids)}, 1, err);
    return r < 0 ? r : g.enough < 0 ? g.enough : 0;
}

struct beside {
    struct reader reader;
    struct db *db;
};

static int visit_beside(void *ctx, const struct db_cells *row, struct err *err) {
    const struct beside *b = ctx;
    struct doc *doc;
    if (find_any(b->reader.docs, db_cell_int(row, CELL_ID)))
        return 0; // a neighbour on both sides
    int r = read_row(&b->reader, row, &doc, err);
    return r < 0 ? r : check_labels(b->db, b->reader.scope, doc, err);
}

// 1 if the neighbour has to be read.
static int beside_known(const struct beside *b, int64_t id, struct err *err) {
    struct doc *doc = find_any(b->reader.docs, id);
    if (!id || (doc && !doc->spare))
        return 0;
    int r = doc ? 1 : read_kept(&b->reader, id, &doc, err);
    if (r <= 0)
        return r < 0 ? r : 1;
    doc->spare = false;
    return check_labels(b->db, b->reader.scope, doc, err);
}

int docs_load_neighbours(struct db *db, const struct scope *scope, const struct question *q,
                         struct docs *d, struct err *err) {
    int64_t around[2 * DOCS_LEADING_MAX];
    struct db_ids ids = {.items = around};
    struct beside beside = {.reader = {.docs = d, .question = q, .scope = scope, .keep = true},
                            .db = db};
    for (size_t i = 0; i < d->leading_count; i++) {
        const struct doc *doc = docs_find(d, d->leading[i]);
        const int64_t both[] = {doc->prev_id, doc->next_id};
        for (size_t k = 0; k < COUNT_OF(both); k++) {
            int r = beside_known(&beside, both[k], err);
            if (r < 0)
                return r;
            if (r == 1)
                around[ids.count++] = both[k];
        }
    }
    if (!ids.count)
        return 0;
    struct db_visitor visitor = {.fn = visit_beside, .ctx = &beside};
    return visit_rows(db, rows_of_ids, &visitor, (struct db_value[]){db_list(&ids)}, 1, err);
}

// --- the newest of a scope -----------------------------------------------------------------------
// Of the newest notes of the scope that pass its filters at most `max`; *ret_end: there are no
// others.
static int walk_ids(struct db *db, const struct scope *scope, size_t max, int64_t *ids,
                    size_t *ret_count, bool *ret_end, struct err *err) {
    struct walk *walk = NULL;
    int r = walk_open(db, scope, WALK_STEPS_MAX, &walk, err);
    size_t n = 0;
    while (r >= 0 && n < max && (r = walk_next(walk, &ids[n], err)) == 1)
        n++;
    *ret_end = r == 0 && n < max && walk_at_end(walk);
    *ret_count = n;
    walk_close(walk);
    return r < 0 ? r : 0;
}

int docs_walk(struct db *db, const struct scope *scope, const struct question *q, size_t max,
              struct docs *d, bool *ret_whole, struct err *err) {
    struct db_ids ids = {0};
    bool whole = false;
    size_t count = 0;
    AUTO_FREE int64_t *found = mem_alloc(2 * max * sizeof *found);
    if (!found)
        return err_set(err, ERR_NOMEM, "out of memory");
    int64_t *unread = found + max;
    struct reader reader = {.docs = d, .question = q, .scope = scope, .keep = true};
    int r = walk_ids(db, scope, max, found, &count, &whole, err);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        struct doc *doc;
        r = read_kept(&reader, found[i], &doc, err);
        if (r == 0)
            unread[ids.count++] = found[i];
    }
    ids.items = unread;
    struct db_visitor visitor = {.fn = visit_all, .ctx = &reader};
    if (r >= 0 && ids.count)
        r = visit_rows(db, rows_of_ids, &visitor, (struct db_value[]){db_list(&ids)}, 1, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (docs_find(d, found[i]))
            docs_lead(d, found[i]);
    *ret_whole = whole;
    return 0;
}
