#include "core/store/recall_docs.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"
#include "core/store/recall_walk.h"

#include <string.h>

enum {
    WALK_STEPS_MAX = 800, // notes that filters may pass over in search of those they let through
    NEIGHBOURS_MAX = 64,  // notes whose neighbours are read, the most promising ones
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

struct doc *docs_find(const struct docs *d, int64_t id) {
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

// --- reading -------------------------------------------------------------------------------------
#define RANK_COLUMNS                                                                               \
    "k.id, k.state, k.created_ms, k.expires_ms, k.thread, k.prev_id, k.next_id, k.words"

// One pass over the note's words: how often each concept occurs, and how often two stand as far
// from each other as in the question.
static void read_words(struct doc *doc, const struct words_packed *words,
                       const struct question *q) {
    size_t place = 0, last_place = 0;
    uint32_t last = CONCEPTS_MAX;
    for (size_t i = 0; i < words->total; i++) {
        uint32_t value = words_at(words, i);
        if (!(value & WORD_EXTRA))
            place++;
        if (i == words->head)
            last = CONCEPTS_MAX; // the text does not go on where the tags end
        const struct lookup_slot *slot = question_find(q, value & ~(uint32_t)WORD_FLAGS);
        if (!slot)
            continue;
        doc->tf[slot->concept] += slot->weight;
        if (last != CONCEPTS_MAX && last != slot->concept &&
            place - last_place == q->concepts[slot->concept].place - q->concepts[last].place)
            doc->near++;
        last = slot->concept;
        last_place = place;
    }
    doc->words = (float)(place + 1);
    doc->source = words->source;
}

static int read_row(struct db_rows *rows, struct docs *d, const struct question *q,
                    const struct recall_query *query, struct err *err) {
    struct doc *doc = docs_add(d, db_col_int(rows, 0));
    if (!doc)
        return err_set(err, ERR_NOMEM, "out of memory");
    doc->state = (unsigned)db_col_int(rows, 1);
    doc->created_ms = db_col_int(rows, 2);
    doc->thread = db_col_int(rows, 4);
    doc->prev_id = db_col_int(rows, 5);
    doc->next_id = db_col_int(rows, 6);
    const struct rank_state state = {.id = doc->id,
                                     .created_ms = doc->created_ms,
                                     .expires_ms = db_col_int(rows, 3),
                                     .state = doc->state};
    doc->shown = rank_passes(&state, query);
    size_t n = 0;
    const void *blob = db_col_blob(rows, 7, &n);
    struct words_packed words;
    if (!words_unpack(blob, n, &words))
        return err_set(err, ERR_CORRUPT, "a note's words are damaged; restore a backup");
    read_words(doc, &words, q);
    d->words += (double)doc->words;
    return 0;
}

int docs_scan(struct db *db, const struct scope *scope, const struct question *q, struct docs *d,
              struct err *err) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < scope->count; i++) {
        struct db_rows *rows = NULL;
        r = db_rows_open(
            db, "SELECT " RANK_COLUMNS " FROM note_rank AS k WHERE k.id BETWEEN ?1 AND ?2",
            (struct db_value[]){db_int(scope->ranges[i].first), db_int(scope->ranges[i].last)}, 2,
            &rows, err);
        while (r >= 0 && (r = db_rows_next(rows, err)) == 1 &&
               (r = read_row(rows, d, q, scope->query, err)) == 0)
            continue;
        db_rows_close(rows);
    }
    if (r < 0)
        return r;
    return 0;
}

void docs_idf(const struct docs *d, struct question *q) {
    for (size_t c = 0; c < q->count; c++) {
        int64_t df = 0;
        for (size_t i = 0; i < d->count; i++)
            df += d->items[i].tf[c] > 0;
        concept_set_df(&q->concepts[c], df, (int64_t)d->count);
    }
}

// The notes of the list that are still there, in its order, by one statement.
static int rows_of(struct db *db, const struct db_ids *ids, struct db_rows **ret, struct err *err) {
    return db_rows_open(db,
                        "SELECT " RANK_COLUMNS " FROM ids(?1) AS i "
                        "CROSS JOIN note_rank AS k ON k.id = i.value",
                        (struct db_value[]){db_list(ids)}, 1, ret, err);
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

int docs_load_neighbours(struct db *db, const struct scope *scope, const struct question *q,
                         struct docs *d, struct err *err) {
    int64_t around[2 * NEIGHBOURS_MAX];
    struct db_ids ids = {.items = around};
    size_t own = d->count < NEIGHBOURS_MAX ? d->count : NEIGHBOURS_MAX;
    for (size_t i = 0; i < own; i++) {
        const int64_t both[] = {d->items[i].prev_id, d->items[i].next_id};
        for (size_t k = 0; k < COUNT_OF(both); k++)
            if (both[k] && !docs_find(d, both[k]))
                around[ids.count++] = both[k];
    }
    struct db_rows *rows = NULL;
    int r = ids.count ? rows_of(db, &ids, &rows, err) : 0;
    while (r >= 0 && rows && (r = db_rows_next(rows, err)) == 1) {
        if (docs_find(d, db_col_int(rows, 0)))
            continue; // a neighbour on both sides
        r = read_row(rows, d, q, scope->query, err);
        if (r == 0)
            r = check_labels(db, scope, &d->items[d->count - 1], err);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int docs_load(struct db *db, const struct scope *scope, const struct question *q,
              const struct pool *pool, size_t max, struct docs *d, struct err *err) {
    int64_t wanted[POOL_ORDERED];
    struct db_ids ids = {.items = wanted};
    size_t shown = 0;
    for (; ids.count < pool->ordered && ids.count < POOL_ORDERED; ids.count++) {
        const struct candidate *c = &pool->items[ids.count];
        if (ids.count >= SURE && c->rough < hopeless * pool->items[SURE / 2].rough)
            break;
        wanted[ids.count] = c->id;
    }
    struct db_rows *rows = NULL;
    int r = ids.count ? rows_of(db, &ids, &rows, err) : 0;
    while (r >= 0 && rows && shown < max && (r = db_rows_next(rows, err)) == 1) {
        int64_t id = db_col_int(rows, 0);
        struct doc *doc = docs_find(d, id); // the walk may have met it already
        if (!doc) {
            r = read_row(rows, d, q, scope->query, err);
            doc = docs_find(d, id);
        }
        if (r >= 0 && doc)
            r = check_labels(db, scope, doc, err);
        shown += doc && doc->shown;
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

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
    AUTO_FREE int64_t *found = mem_alloc(max * sizeof *found);
    if (!found)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = walk_ids(db, scope, max, found, &ids.count, &whole, err);
    ids.items = found;
    struct db_rows *rows = NULL;
    if (r == 0)
        r = rows_of(db, &ids, &rows, err);
    while (r >= 0 && rows && (r = db_rows_next(rows, err)) == 1 &&
           (r = read_row(rows, d, q, scope->query, err)) == 0)
        continue;
    db_rows_close(rows);
    if (r < 0)
        return r;
    *ret_whole = whole;
    return 0;
}
