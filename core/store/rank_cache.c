#include "core/store/rank_cache.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

struct entry {
    struct rank_row row; // its words lie behind
    uint64_t epoch;      // of the snapshot it was read from
    size_t bytes;
};

struct rank_set {
    int64_t ids[RANK_CACHE_WAYS];
    struct entry *entries[RANK_CACHE_WAYS];
};

struct rank_cache {
    pthread_mutex_t lock;
    _Atomic uint64_t epoch;
    struct rank_set *sets; // NULL until the first row
    size_t bytes, rows;
    size_t hand; // the set that gives way next when there are too many bytes
    // The writer's.
    int64_t changed[RANK_CACHE_CHANGES_MAX];
    size_t changed_count;
    bool changed_all;
};

struct rank_cache *rank_cache_new(void) {
    struct rank_cache *c = mem_zalloc(sizeof *c);
    if (c)
        (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

// --- rows; under the lock ------------------------------------------------------------------------
static struct rank_set *set_of(struct rank_cache *c, int64_t id) {
    uint64_t h = (uint64_t)id * 0x9E3779B97F4A7C15U;
    return &c->sets[(size_t)(h >> 40) & (RANK_CACHE_SETS - 1)];
}

// What was erased must not stay behind in freed memory.
static void drop(struct rank_cache *c, struct rank_set *set, size_t way) {
    struct entry *e = set->entries[way];
    if (!e)
        return;
    c->bytes -= e->bytes;
    c->rows--;
    secret_wipe(e, e->bytes);
    mem_free(e);
    set->entries[way] = NULL;
    set->ids[way] = 0;
}

static void drop_id(struct rank_cache *c, int64_t id) {
    struct rank_set *set = set_of(c, id);
    for (size_t way = 0; way < RANK_CACHE_WAYS; way++)
        if (set->entries[way] && set->ids[way] == id)
            drop(c, set, way);
}

static void drop_all(struct rank_cache *c) {
    if (!c->sets)
        return;
    for (size_t i = 0; i < RANK_CACHE_SETS; i++)
        for (size_t way = 0; way < RANK_CACHE_WAYS; way++)
            drop(c, &c->sets[i], way);
    mem_free(c->sets);
    c->sets = NULL;
}

static struct entry *entry_new(const struct rank_row *row, uint64_t epoch) {
    size_t words = row->words.total * sizeof(uint32_t);
    struct entry *e = mem_alloc(sizeof *e + words);
    if (!e)
        return NULL;
    *e = (struct entry){.row = *row, .epoch = epoch, .bytes = sizeof *e + words};
    uint8_t *copy = (uint8_t *)(e + 1);
    memcpy(copy, row->words.bytes, words);
    e->row.words.bytes = copy;
    return e;
}

// --- readers -------------------------------------------------------------------------------------
uint64_t rank_cache_epoch(struct rank_cache *c) {
    return c ? atomic_load(&c->epoch) : 1;
}

bool rank_cache_get(struct rank_cache *c, uint64_t epoch, int64_t id,
                    void (*fn)(void *ctx, const struct rank_row *row), void *ctx) {
    bool found = false;
    if (!c || epoch & 1)
        return false;
    (void)pthread_mutex_lock(&c->lock);
    const struct rank_set *set = c->sets ? set_of(c, id) : NULL;
    for (size_t way = 0; set && !found && way < RANK_CACHE_WAYS; way++) {
        const struct entry *e = set->ids[way] == id ? set->entries[way] : NULL;
        // It has not changed since it was read, or it would be gone; so it holds for this snapshot,
        // unless that is an older one.
        found = e && e->epoch <= epoch;
        if (found)
            fn(ctx, &e->row);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

// A free place, or the one that was filled first: they are filled in turn.
static void put(struct rank_cache *c, struct entry *e) {
    struct rank_set *set = set_of(c, e->row.id);
    size_t way = RANK_CACHE_WAYS - 1;
    drop_id(c, e->row.id);
    while (way && set->entries[way])
        way--;
    if (set->entries[way]) {
        way = RANK_CACHE_WAYS - 1;
        drop(c, set, way);
        memmove(set->ids + 1, set->ids, way * sizeof set->ids[0]);
        memmove(set->entries + 1, set->entries, way * sizeof(struct entry *));
        way = 0;
    }
    set->ids[way] = e->row.id;
    set->entries[way] = e;
    c->bytes += e->bytes;
    c->rows++;
    while (c->bytes > RANK_CACHE_BYTES_MAX) {
        struct rank_set *other = &c->sets[c->hand++ % RANK_CACHE_SETS];
        for (size_t k = 0; k < RANK_CACHE_WAYS; k++)
            if (other->entries[k] != e)
                drop(c, other, k);
    }
}

void rank_cache_put(struct rank_cache *c, uint64_t epoch, const struct rank_row *row) {
    if (!c || epoch & 1 || row->words.total > RANK_CACHE_WORDS_MAX)
        return;
    struct entry *e = entry_new(row, epoch);
    if (!e)
        return;
    (void)pthread_mutex_lock(&c->lock);
    bool now = atomic_load(&c->epoch) == epoch; // else it may have changed since
    if (now && !c->sets)
        c->sets = mem_zalloc(RANK_CACHE_SETS * sizeof *c->sets);
    if (now && c->sets)
        put(c, e);
    else
        mem_free(e);
    (void)pthread_mutex_unlock(&c->lock);
}

void rank_cache_clear(struct rank_cache *c) {
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    drop_all(c);
    (void)pthread_mutex_unlock(&c->lock);
}

size_t rank_cache_rows(struct rank_cache *c) {
    if (!c)
        return 0;
    (void)pthread_mutex_lock(&c->lock);
    size_t n = c->rows;
    (void)pthread_mutex_unlock(&c->lock);
    return n;
}

void rank_cache_free(struct rank_cache *c) {
    if (!c)
        return;
    drop_all(c);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

// --- the writer ----------------------------------------------------------------------------------
static void on_change(void *ctx, int op, const char *database, const char *table,
                      sqlite3_int64 id) {
    struct rank_cache *c = ctx;
    (void)op, (void)database;
    if (strcmp(table, "note_rank") != 0)
        return;
    if (c->changed_count < RANK_CACHE_CHANGES_MAX)
        c->changed[c->changed_count++] = id;
    else
        c->changed_all = true;
}

// From here on a new snapshot may or may not see the changes.
static int on_commit(void *ctx) {
    struct rank_cache *c = ctx;
    uint64_t epoch = atomic_load(&c->epoch);
    if ((c->changed_count || c->changed_all) && !(epoch & 1))
        atomic_store(&c->epoch, epoch + 1);
    return 0;
}

void rank_cache_follow(struct rank_cache *c, struct db *writer) {
    if (!c)
        return;
    (void)sqlite3_update_hook(db_handle(writer), on_change, c);
    (void)sqlite3_commit_hook(db_handle(writer), on_commit, c);
    db_set_companion(writer, c);
}

// What was rolled back after all is thrown away in vain.
void rank_cache_settle(struct rank_cache *c) {
    if (!c || (!c->changed_count && !c->changed_all))
        return;
    (void)pthread_mutex_lock(&c->lock);
    if (c->changed_all)
        drop_all(c);
    for (size_t i = 0; c->sets && i < c->changed_count; i++)
        drop_id(c, c->changed[i]);
    uint64_t epoch = atomic_load(&c->epoch);
    if (epoch & 1)
        atomic_store(&c->epoch, epoch + 1);
    (void)pthread_mutex_unlock(&c->lock);
    c->changed_count = 0;
    c->changed_all = false;
}
