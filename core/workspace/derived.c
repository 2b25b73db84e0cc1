#include "core/workspace/derived.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "core/store/store_cache.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

enum {
    BUCKETS = 1 << 15,
    TOUCHED_MAX = 1024,                // values whose day of use is written at the next flush
    ROOM_EACH_BYTES = 4 * 1024 * 1024, // written between two looks at how much there is
    BATCH_BYTES = 2 * 1024 * 1024      // of one transaction: others wait for the file meanwhile
};
#define DAY_MS (24LL * 60 * 60 * 1000)

struct value {
    struct derived_key key;
    struct value *next;          // in its bucket
    struct value *newer, *older; // by use
    struct value *waits;         // the next one to be written
    uint32_t n;
    bool waiting, dead; // dead: another took its place while it waits
    char bytes[];
};

struct derived {
    struct store *(*store)(void *ctx);
    void *ctx;
    pthread_mutex_t lock, flushing; // whoever needs both takes `flushing` first
    struct value **buckets;         // made with the first value
    struct value *newest, *oldest;
    struct value *first_waiting, *last_waiting;
    size_t bytes, waiting;
    uint32_t count;
    struct derived_key touched[TOUCHED_MAX];
    uint32_t touched_count;
    size_t unmeasured; // bytes written since the last look; inside `flushing`
    bool measured;
    struct derived_figures figures;
    char build[];
};

static int64_t today(void) {
    return env_now_wall_ms() / DAY_MS;
}

struct derived *derived_new(struct store *(*store)(void *ctx), void *ctx, const char *build) {
    size_t n = strlen(build);
    struct derived *d = mem_zalloc(sizeof *d + n + 1);
    if (!d)
        return NULL;
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_mutex_init(&d->flushing, NULL);
    d->store = store;
    d->ctx = ctx;
    memcpy(d->build, build, n);
    return d;
}

static void free_waiting(struct derived *d) {
    for (struct value *v = d->first_waiting, *next; v; v = next) {
        next = v->waits;
        if (v->dead)
            mem_free(v);
    }
}

void derived_free(struct derived *d) {
    if (!d)
        return;
    free_waiting(d);
    for (struct value *v = d->newest, *next; v; v = next) {
        next = v->older;
        mem_free(v);
    }
    mem_free(d->buckets);
    (void)pthread_mutex_destroy(&d->lock);
    (void)pthread_mutex_destroy(&d->flushing);
    mem_free(d);
}

// --- keys ---------------------------------------------------------------------------------------

// The digest of the parts' digests: where one ends cannot be mistaken, and no part is copied.
struct derived_key derived_key(const struct derived *d, enum derived_kind kind, uint32_t version,
                               const struct derived_part *parts, size_t count) {
    uint8_t all[(DERIVED_PARTS_MAX + 2) * DERIVED_KEY_BYTES] = {0};
    const char *build = d ? d->build : "";
    struct derived_key key;
    assert(count <= DERIVED_PARTS_MAX);
    memcpy(all, (uint32_t[]){(uint32_t)kind, version, (uint32_t)count}, 3 * sizeof(uint32_t));
    digest_bytes(build, strlen(build), all + DERIVED_KEY_BYTES, DERIVED_KEY_BYTES);
    for (size_t i = 0; i < count; i++)
        digest_bytes(parts[i].n ? parts[i].bytes : "", parts[i].n,
                     all + (i + 2) * DERIVED_KEY_BYTES, DERIVED_KEY_BYTES);
    digest_bytes(all, (count + 2) * DERIVED_KEY_BYTES, key.bytes, sizeof key.bytes);
    return key;
}

static uint32_t bucket_of(const struct derived_key *key) {
    uint32_t h;
    memcpy(&h, key->bytes, sizeof h);
    return h & (BUCKETS - 1);
}

// --- in memory, under the lock ------------------------------------------------------------------

static size_t cost(const struct value *v) {
    return sizeof *v + v->n;
}

static struct value *find(const struct derived *d, const struct derived_key *key) {
    struct value *v = d->buckets ? d->buckets[bucket_of(key)] : NULL;
    while (v && memcmp(&v->key, key, sizeof *key) != 0)
        v = v->next;
    return v;
}

static void leave_order(struct derived *d, struct value *v) {
    *(v->newer ? &v->newer->older : &d->newest) = v->older;
    *(v->older ? &v->older->newer : &d->oldest) = v->newer;
}

static void become_newest(struct derived *d, struct value *v) {
    v->newer = NULL;
    v->older = d->newest;
    *(d->newest ? &d->newest->newer : &d->oldest) = v;
    d->newest = v;
}

// It can no more be found; what waits to be written still will be.
static void take_out(struct derived *d, struct value *v) {
    struct value **slot = &d->buckets[bucket_of(&v->key)];
    while (*slot != v)
        slot = &(*slot)->next;
    *slot = v->next;
    leave_order(d, v);
    d->bytes -= cost(v);
    d->count--;
    if (v->waiting)
        v->dead = true;
    else
        mem_free(v);
}

static void make_room(struct derived *d) {
    for (struct value *v = d->oldest, *newer; v && d->bytes > DERIVED_MEMORY_BYTES_MAX; v = newer) {
        newer = v->newer;
        if (!v->waiting)
            take_out(d, v);
    }
}

static struct value *add(struct derived *d, const struct derived_key *key, const void *bytes,
                         size_t n) {
    if (!d->buckets && !(d->buckets = mem_zalloc(BUCKETS * sizeof(struct value *))))
        return NULL;
    struct value *old = find(d, key);
    struct value *v = mem_alloc(sizeof *v + n);
    if (!v)
        return NULL;
    *v = (struct value){.key = *key, .n = (uint32_t)n};
    if (n)
        memcpy(v->bytes, bytes, n);
    if (old)
        take_out(d, old);
    struct value **slot = &d->buckets[bucket_of(key)];
    v->next = *slot;
    *slot = v;
    become_newest(d, v);
    d->bytes += cost(v);
    d->count++;
    return v;
}

// --- in the store -------------------------------------------------------------------------------

static void touch(struct derived *d, const struct derived_key *key) {
    (void)pthread_mutex_lock(&d->lock);
    if (d->touched_count < TOUCHED_MAX)
        d->touched[d->touched_count++] = *key;
    (void)pthread_mutex_unlock(&d->lock);
}

static bool read_stored(struct derived *d, const struct derived_key *key, struct buf *ret) {
    struct store *store = d->store ? d->store(d->ctx) : NULL;
    const struct db_value value = db_blob(key->bytes, sizeof key->bytes);
    struct db *db = NULL;
    struct db_rows *rows = NULL;
    bool found = false, old = false;
    if (!store || store_cache_get(store, &db, NULL) < 0)
        return false;
    int r = db_rows_open(db, "SELECT used, data FROM code_derived WHERE key = ?1", &value, 1, &rows,
                         NULL);
    if (r == 0)
        r = db_rows_next(rows, NULL);
    if (r == 1) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 1, &n);
        found = bytes ? buf_append(ret, bytes, n) == 0 : n == 0;
        old = db_col_int(rows, 0) < today();
    }
    db_rows_close(rows);
    store_cache_put(store, db, r < 0 ? r : 0);
    if (found && old)
        touch(d, key);
    return found;
}

bool derived_get(struct derived *d, const struct derived_key *key, struct buf *ret) {
    if (!d)
        return false;
    (void)pthread_mutex_lock(&d->lock);
    struct value *v = find(d, key);
    bool found = v && buf_append(ret, v->bytes, v->n) == 0;
    if (v) {
        leave_order(d, v);
        become_newest(d, v);
        d->figures.hits++;
    }
    (void)pthread_mutex_unlock(&d->lock);
    if (v)
        return found;
    size_t before = ret->len;
    found = read_stored(d, key, ret);
    (void)pthread_mutex_lock(&d->lock);
    d->figures.from_store += found;
    d->figures.misses += !found;
    if (found && ret->len - before <= DERIVED_SINGLE_BYTES_MAX && !find(d, key)) {
        (void)add(d, key, ret->data ? ret->data + before : "", ret->len - before);
        make_room(d);
    }
    (void)pthread_mutex_unlock(&d->lock);
    return found;
}

void derived_put(struct derived *d, const struct derived_key *key, const void *bytes, size_t n) {
    if (!d || n > DERIVED_VALUE_BYTES_MAX)
        return;
    (void)pthread_mutex_lock(&d->lock);
    struct value *v = add(d, key, bytes, n);
    if (v) {
        v->waiting = true;
        *(d->last_waiting ? &d->last_waiting->waits : &d->first_waiting) = v;
        d->last_waiting = v;
        d->waiting += cost(v);
    }
    bool full = d->waiting > DERIVED_WAITING_BYTES_MAX;
    make_room(d);
    (void)pthread_mutex_unlock(&d->lock);
    if (full)
        derived_flush(d);
}

// --- writing ------------------------------------------------------------------------------------

static int write_value(struct db *db, const struct value *v) {
    const struct db_value row[] = {db_blob(v->key.bytes, sizeof v->key.bytes), db_int(today()),
                                   db_int(v->n), db_blob(v->bytes, v->n)};
    return db_run(db,
                  "INSERT INTO code_derived (key, used, bytes, data) VALUES (?1, ?2, ?3, ?4) ON "
                  "CONFLICT (key) DO UPDATE SET used = excluded.used, bytes = excluded.bytes, "
                  "data = excluded.data",
                  row, 4, NULL);
}

static int write_touched(struct db *db, const struct derived_key *keys, uint32_t count) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        const struct db_value row[] = {db_blob(keys[i].bytes, sizeof keys[i].bytes),
                                       db_int(today())};
        r = db_run(db, "UPDATE code_derived SET used = ?2 WHERE key = ?1 AND used < ?2", row, 2,
                   NULL);
    }
    return r;
}

// The longest unused go first, down to three quarters.
static int make_room_stored(struct derived *d, struct db *db) {
    int64_t bytes = 0, day = 0;
    if (d->measured && d->unmeasured < ROOM_EACH_BYTES)
        return 0;
    d->measured = true;
    d->unmeasured = 0;
    int r =
        db_one_int(db, "SELECT coalesce(sum(bytes), 0) FROM code_derived", NULL, 0, &bytes, NULL);
    if (r < 0 || bytes <= DERIVED_STORE_BYTES_MAX)
        return r < 0 ? r : 0;
    const struct db_value over[] = {db_int(bytes - DERIVED_STORE_BYTES_MAX * 3 / 4)};
    r = db_one_int(db,
                   "SELECT rowid FROM (SELECT rowid, used, sum(bytes) OVER (ORDER BY used, rowid) "
                   "AS upto FROM code_derived) WHERE upto >= ?1 ORDER BY used, rowid LIMIT 1",
                   over, 1, &day, NULL);
    const struct db_value last[] = {db_int(day)};
    return r <= 0 ? r
                  : db_run(db,
                           "DELETE FROM code_derived WHERE (used, rowid) <= (SELECT used, rowid "
                           "FROM code_derived WHERE rowid = ?1)",
                           last, 1, NULL);
}

struct load { // what one flush writes
    struct value *first;
    struct derived_key touched[TOUCHED_MAX];
    uint32_t touched_count;
};

static int write_batch(struct derived *d, struct db *db, struct value **at) {
    size_t bytes = 0;
    int r = db_begin(db, true, NULL);
    for (; r == 0 && *at && bytes < BATCH_BYTES; *at = (*at)->waits) {
        r = write_value(db, *at);
        bytes += (*at)->n;
    }
    d->unmeasured += bytes;
    if (r == 0)
        r = make_room_stored(d, db);
    if (r == 0)
        r = db_commit(db, NULL);
    if (r < 0)
        db_rollback(db);
    return r;
}

static void write_load(struct derived *d, const struct load *l) {
    struct store *store = d->store ? d->store(d->ctx) : NULL;
    struct db *db = NULL;
    struct value *at = l->first;
    if (!store || store_cache_get(store, &db, NULL) < 0)
        return; // they stay in memory as long as there is room
    int r = 0;
    while (r == 0 && at)
        r = write_batch(d, db, &at);
    if (r == 0 && l->touched_count && (r = db_begin(db, true, NULL)) == 0) {
        r = write_touched(db, l->touched, l->touched_count);
        if (r == 0)
            r = db_commit(db, NULL);
        if (r < 0)
            db_rollback(db);
    }
    store_cache_put(store, db, r);
}

// Under `flushing`. They keep their bytes until the load is written: see take_out.
static bool take_load(struct derived *d, struct load *l) {
    (void)pthread_mutex_lock(&d->lock);
    l->first = d->first_waiting;
    d->first_waiting = d->last_waiting = NULL;
    d->waiting = 0;
    l->touched_count = d->touched_count;
    memcpy(l->touched, d->touched, d->touched_count * sizeof *d->touched);
    d->touched_count = 0;
    (void)pthread_mutex_unlock(&d->lock);
    return l->first || l->touched_count;
}

static void drop_load(struct derived *d, struct load *l) {
    (void)pthread_mutex_lock(&d->lock);
    for (struct value *v = l->first, *next; v; v = next) {
        next = v->waits;
        v->waits = NULL;
        v->waiting = false;
        if (v->dead)
            mem_free(v);
        else if (v->n > DERIVED_SINGLE_BYTES_MAX)
            take_out(d, v);
    }
    make_room(d);
    (void)pthread_mutex_unlock(&d->lock);
}

void derived_flush(struct derived *d) {
    struct load *l = d ? mem_alloc(sizeof *l) : NULL;
    if (!l)
        return; // they wait on
    (void)pthread_mutex_lock(&d->flushing);
    if (take_load(d, l)) {
        write_load(d, l);
        drop_load(d, l);
    }
    (void)pthread_mutex_unlock(&d->flushing);
    mem_free(l);
}

void derived_figures(struct derived *d, struct derived_figures *ret) {
    (void)pthread_mutex_lock(&d->lock);
    *ret = d->figures;
    ret->values = d->count;
    ret->bytes = d->bytes;
    ret->waiting = d->waiting;
    (void)pthread_mutex_unlock(&d->lock);
}
