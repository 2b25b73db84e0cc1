#include "core/workspace/cache.h"

#include "core/base/buf.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "core/store/store_cache.h"

#include <string.h>

enum { WORKSPACE_DAYS = 90 }; // a list of files that was not used for longer goes
#define DAY_MS (24LL * 60 * 60 * 1000)

struct cache {
    struct store *store;
    atomic_bool empty; // as far as known: nothing to ask
    atomic_bool small; // cache_set_small
    char workspace[];
};

struct cache *cache_new(struct store *store, const char *workspace) {
    size_t n = strlen(workspace);
    struct cache *c = mem_zalloc(sizeof *c + n + 1);
    if (!c)
        return NULL;
    c->store = store;
    memcpy(c->workspace, workspace, n);
    return c;
}

void cache_free(struct cache *c) {
    mem_free(c);
}

void cache_set_small(struct cache *c, bool small) {
    atomic_store(&c->small, small);
}

static int64_t today(void) {
    return env_now_wall_ms() / DAY_MS;
}

// --- keys ---------------------------------------------------------------------------------------

// The path is part of it: what a file is called decides what counts as a test or an entry point.
static void key_of(const struct cache *c, const struct entry *e, uint8_t ret[CACHE_KEY_BYTES]) {
    uint8_t bytes[FACTS_HASH_BYTES + 4 + WALK_PATH_BYTES_MAX];
    memcpy(bytes, e->hash, FACTS_HASH_BYTES);
    bytes[FACTS_HASH_BYTES] = e->lang;
    bytes[FACTS_HASH_BYTES + 1] = FACTS_VERSION & 0xff;
    bytes[FACTS_HASH_BYTES + 2] = FACTS_VERSION >> 8;
    bytes[FACTS_HASH_BYTES + 3] =
        (uint8_t)(language_has_tree((enum lang)e->lang) | (unsigned)atomic_load(&c->small) << 1);
    memcpy(bytes + FACTS_HASH_BYTES + 4, e->path, e->path_bytes);
    digest_bytes(bytes, FACTS_HASH_BYTES + 4 + e->path_bytes, ret, CACHE_KEY_BYTES);
}

// --- reading ------------------------------------------------------------------------------------

static struct db *reader_db(struct cache_reader *r) {
    if (!r->cache || r->failed)
        return NULL;
    if (!r->db && store_cache_get(r->cache->store, &r->db, NULL) < 0)
        r->failed = true;
    return r->db;
}

static void reader_failed(struct cache_reader *r, int result) {
    r->failed = true;
    r->result = result;
}

void cache_reader_done(struct cache_reader *r) {
    if (r->db)
        store_cache_put(r->cache->store, r->db, r->result);
    r->db = NULL;
    r->failed = false;
    r->result = 0;
}

static struct unit *unit_of(const void *bytes, size_t n, enum lang lang, int64_t block) {
    const struct facts *f = bytes;
    if (n < sizeof *f || !facts_valid(bytes, n) || f->lang != (uint8_t)lang)
        return NULL;
    struct facts *copy = mem_alloc(n);
    if (!copy)
        return NULL;
    memcpy(copy, bytes, n);
    struct unit *u = unit_new(copy);
    if (u)
        atomic_store(&u->block, block);
    return u;
}

static struct unit *read_block(struct cache_reader *r, struct db_rows *rows, const struct entry *e,
                               const uint8_t *key) {
    struct err err = {0};
    struct unit *u = NULL;
    int found = db_rows_next(rows, &err);
    if (found < 0) {
        reader_failed(r, found);
    } else if (found == 1) {
        size_t key_bytes = 0, bytes = 0;
        const void *its_key = db_col_blob(rows, 1, &key_bytes);
        const void *data = db_col_blob(rows, 2, &bytes);
        if (its_key && data && key_bytes == CACHE_KEY_BYTES && memcmp(its_key, key, key_bytes) == 0)
            u = unit_of(data, bytes, (enum lang)e->lang, db_col_int(rows, 0));
    }
    db_rows_close(rows);
    return u;
}

static struct unit *ask(struct cache_reader *r, const char *sql, const struct db_value *value,
                        const struct entry *e, const uint8_t *key) {
    struct db *db = reader_db(r);
    struct db_rows *rows = NULL;
    if (!db)
        return NULL;
    int opened = db_rows_open(db, sql, value, 1, &rows, NULL);
    if (opened < 0) {
        reader_failed(r, opened);
        return NULL;
    }
    return read_block(r, rows, e, key);
}

struct unit *cache_block(struct cache_reader *r, const struct entry *e) {
    uint8_t key[CACHE_KEY_BYTES];
    const struct db_value id = db_int(e->block);
    key_of(r->cache, e, key);
    return ask(r, "SELECT id, key, data FROM code_block WHERE id = ?1", &id, e, key);
}

struct unit *cache_find(struct cache_reader *r, const struct entry *e) {
    if (!r->cache || atomic_load(&r->cache->empty))
        return NULL;
    uint8_t key[CACHE_KEY_BYTES];
    key_of(r->cache, e, key);
    const struct db_value value = db_blob(key, sizeof key);
    return ask(r,
               "SELECT b.id, b.key, b.data FROM code_entry AS e JOIN code_block AS b "
               "ON b.id = e.block WHERE e.key = ?1",
               &value, e, key);
}

// --- the list of files --------------------------------------------------------------------------

// One file in the list; its path follows.
struct record {
    int64_t mtime_ns, ctime_ns, block;
    uint64_t size, inode, bytes;
    uint8_t hash[FACTS_HASH_BYTES];
    uint16_t flags, path_bytes;
    uint8_t lang, hashed;
    uint8_t unused[2];
};
struct list_head {
    char magic[8];
    uint32_t facts_version, count;
};
static const char list_magic[8] = "pairedf1";

static struct entry *from_record(const struct record *r, const char *path) {
    struct entry *e = entry_new(path, r->path_bytes);
    if (!e)
        return NULL;
    e->stat = (struct walk_stat){
        .mtime_ns = r->mtime_ns, .ctime_ns = r->ctime_ns, .bytes = r->size, .inode = r->inode};
    e->bytes = r->bytes;
    memcpy(e->hash, r->hash, sizeof e->hash);
    e->lang = r->lang;
    e->flags = r->flags;
    e->hashed = r->hashed;
    e->block = r->block;
    e->state = r->block ? ENTRY_NEW : ENTRY_DONE;
    return e;
}

// 0, ERR_NOMEM, or ERR_PARSE: it is not what was written.
static int parse_list(const char *at, size_t n, struct entry **entries, uint32_t *count) {
    struct list_head head;
    const char *end = at + n;
    if (n < sizeof head)
        return ERR_PARSE;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    for (uint32_t i = 0; i < head.count; i++) {
        struct record r;
        if ((size_t)(end - at) < sizeof r)
            return ERR_PARSE;
        memcpy(&r, at, sizeof r);
        at += sizeof r;
        if (r.path_bytes > end - at || r.path_bytes > WALK_PATH_BYTES_MAX || r.lang >= LANG_COUNT ||
            memchr(at, '\0', r.path_bytes))
            return ERR_PARSE;
        struct entry *e = from_record(&r, at);
        if (!e)
            return ERR_NOMEM;
        entries[(*count)++] = e;
        if (*count > 1 && strcmp(entries[*count - 2]->path, e->path) >= 0)
            return ERR_PARSE;
        at += r.path_bytes;
    }
    return at == end ? 0 : ERR_PARSE;
}

static int take_list(const void *bytes, size_t n, struct entry ***ret, uint32_t *ret_count) {
    struct list_head head;
    if (!bytes || n < sizeof head)
        return 0;
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, list_magic, sizeof list_magic) != 0 ||
        head.facts_version != FACTS_VERSION || head.count > n / sizeof(struct record))
        return 0;
    uint32_t count = 0;
    struct entry **entries = mem_alloc((size_t)head.count * sizeof(struct entry *));
    int r = entries ? parse_list(bytes, n, entries, &count) : ERR_NOMEM;
    if (r == 0) {
        *ret = entries;
        *ret_count = count;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        entry_put(entries[i]);
    mem_free(entries);
    return r == ERR_NOMEM ? r : 0;
}

int cache_load(struct cache *c, struct entry ***ret, uint32_t *ret_count) {
    struct cache_reader r = {.cache = c};
    struct db *db = reader_db(&r);
    struct db_rows *rows = NULL;
    const struct db_value path = db_text(c->workspace);
    int64_t one;
    *ret = NULL;
    *ret_count = 0;
    if (!db)
        return 0;
    int result = 0;
    int any = db_one_int(db, "SELECT 1 FROM code_entry LIMIT 1", NULL, 0, &one, NULL);
    atomic_store(&c->empty, any == 0);
    int found =
        db_rows_open(db, "SELECT data FROM code_workspace WHERE path = ?1", &path, 1, &rows, NULL);
    if (found == 0)
        found = db_rows_next(rows, NULL);
    if (found == 1) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        result = take_list(bytes, n, ret, ret_count);
    }
    db_rows_close(rows);
    r.result = found < 0 ? found : any < 0 ? any : 0;
    cache_reader_done(&r);
    return result;
}

// --- writing ------------------------------------------------------------------------------------

static int put_block(const struct cache *c, struct db *db, const struct entry *e, struct err *err) {
    uint8_t key[CACHE_KEY_BYTES];
    const struct facts *f = e->unit->facts;
    int64_t known = 0;
    key_of(c, e, key);
    const struct db_value look[] = {db_blob(key, sizeof key)};
    int r = db_one_int(db, "SELECT block FROM code_entry WHERE key = ?1", look, 1, &known, err);
    if (r != 0) {
        if (r == 1)
            atomic_store(&e->unit->block, known);
        return r < 0 ? r : 0;
    }
    const struct db_value block[] = {db_blob(key, sizeof key), db_blob(f, f->bytes)};
    r = db_run(db, "INSERT INTO code_block (key, data) VALUES (?1, ?2)", block, 2, err);
    if (r < 0)
        return r;
    int64_t id = db_last_id(db);
    const struct db_value entry[] = {db_blob(key, sizeof key), db_int(id), db_int(f->bytes),
                                     db_int(today())};
    r = db_run(db, "INSERT INTO code_entry (key, block, bytes, used) VALUES (?1, ?2, ?3, ?4)",
               entry, 4, err);
    if (r == 0)
        atomic_store(&e->unit->block, id);
    return r;
}

static bool is_to_be_kept(const struct entry *e) {
    return e->unit && e->hashed && !e->text && e->state == ENTRY_DONE;
}

struct saving {
    struct cache *cache;
    struct db *db;
    struct entry *const *entries;
    uint32_t count, next, written;
    size_t bytes;
};

static int put_batch(struct saving *s, struct err *err) {
    size_t bytes = 0;
    unsigned blocks = 0;
    for (; s->next < s->count && bytes < CACHE_BATCH_BYTES && blocks < CACHE_BATCH_BLOCKS;
         s->next++) {
        const struct entry *e = s->entries[s->next];
        if (!is_to_be_kept(e) || atomic_load(&e->unit->block) ||
            s->bytes + bytes > CACHE_WORKSPACE_BYTES_MAX)
            continue;
        int r = put_block(s->cache, s->db, e, err);
        if (r < 0)
            return r;
        bytes += e->unit->facts->bytes;
        blocks++;
    }
    s->bytes += bytes;
    s->written += blocks;
    return 0;
}

static int in_transaction(struct saving *s, int (*fn)(struct saving *s, struct err *err),
                          struct err *err) {
    int r = db_begin(s->db, true, err);
    if (r == 0)
        r = fn(s, err);
    if (r == 0)
        r = db_commit(s->db, err);
    if (r < 0)
        db_rollback(s->db);
    return r;
}

// The longest unused go first.
static int make_room(struct saving *s, struct err *err) {
    int64_t bytes = 0, limit = 0;
    int r =
        db_one_int(s->db, "SELECT coalesce(sum(bytes), 0) FROM code_entry", NULL, 0, &bytes, err);
    if (r < 0 || bytes <= STORE_CACHE_BYTES_MAX)
        return r < 0 ? r : 0;
    const struct db_value over[] = {db_int(bytes - STORE_CACHE_BYTES_MAX * 3 / 4)};
    // The last block that has to go, in the order of use.
    r = db_one_int(s->db,
                   "SELECT n FROM (SELECT row_number() OVER (ORDER BY used, block) AS n, "
                   "sum(bytes) OVER (ORDER BY used, block) AS upto FROM code_entry) "
                   "WHERE upto >= ?1 LIMIT 1",
                   over, 1, &limit, err);
    const struct db_value count[] = {db_int(limit)};
    if (r == 1)
        r = db_run(s->db,
                   "DELETE FROM code_block WHERE id IN (SELECT block FROM code_entry ORDER BY "
                   "used, block LIMIT ?1)",
                   count, 1, err);
    return r < 0 ? r
                 : db_run(s->db,
                          "DELETE FROM code_entry WHERE key IN (SELECT key FROM code_entry ORDER "
                          "BY used, block LIMIT ?1)",
                          count, 1, err);
}

static int add_record(struct buf *b, const struct entry *e) {
    struct record r = {.mtime_ns = e->stat.mtime_ns,
                       .ctime_ns = e->stat.ctime_ns,
                       .size = e->stat.bytes,
                       .inode = e->stat.inode,
                       .bytes = e->bytes,
                       .flags = e->flags,
                       .path_bytes = e->path_bytes,
                       .lang = e->lang,
                       .hashed = e->hashed};
    memcpy(r.hash, e->hash, sizeof r.hash);
    if (e->unit)
        r.block = atomic_load(&e->unit->block);
    int result = buf_append(b, &r, sizeof r);
    return result < 0 ? result : buf_append(b, e->path, e->path_bytes);
}

// Left out: what an editor holds, what has to be read again, and what has facts that are not kept.
static bool is_listed(const struct entry *e) {
    return e->state == ENTRY_DONE && !e->text && !e->racy &&
           (!e->unit || atomic_load(&e->unit->block));
}

static int put_list(struct cache *c, struct db *db, struct entry *const *entries, uint32_t count,
                    struct err *err) {
    AUTO_BUF b = BUF_INIT(CACHE_TABLE_BYTES_MAX);
    struct list_head head = {.facts_version = FACTS_VERSION};
    memcpy(head.magic, list_magic, sizeof head.magic);
    for (uint32_t i = 0; i < count; i++)
        head.count += is_listed(entries[i]);
    int r = buf_append(&b, &head, sizeof head);
    for (uint32_t i = 0; r == 0 && i < count; i++)
        if (is_listed(entries[i]))
            r = add_record(&b, entries[i]);
    if (r < 0)
        return r == ERR_LIMIT ? 0 : err_set(err, r, "out of memory for the list of files");
    const struct db_value old[] = {db_int(today() - WORKSPACE_DAYS)};
    const struct db_value row[] = {db_text(c->workspace), db_int(today()), db_blob(b.data, b.len)};
    r = db_run(db, "DELETE FROM code_workspace WHERE used < ?1", old, 1, err);
    if (r < 0)
        return r;
    return db_run(db,
                  "INSERT INTO code_workspace (path, used, data) VALUES (?1, ?2, ?3) ON CONFLICT "
                  "(path) DO UPDATE SET used = excluded.used, data = excluded.data",
                  row, 3, err);
}

// Once a day: these blocks are in use.
static int mark_used(const struct saving *s, const atomic_bool *stop, struct err *err) {
    struct db *db = s->db;
    int r = db_begin(db, true, err);
    for (uint32_t i = 0; r == 0 && i < s->count && !atomic_load(stop); i++) {
        uint8_t key[CACHE_KEY_BYTES];
        if (!is_to_be_kept(s->entries[i]))
            continue;
        key_of(s->cache, s->entries[i], key);
        const struct db_value values[] = {db_blob(key, sizeof key), db_int(today())};
        r = db_run(db, "UPDATE code_entry SET used = ?2 WHERE key = ?1 AND used < ?2", values, 2,
                   err);
    }
    if (r == 0)
        r = db_commit(db, err);
    if (r < 0)
        db_rollback(db);
    return r;
}

static int save(struct cache *c, struct saving *s, const atomic_bool *stop, struct err *err) {
    const struct db_value path = db_text(c->workspace);
    int64_t used = 0;
    int r =
        db_one_int(s->db, "SELECT used FROM code_workspace WHERE path = ?1", &path, 1, &used, err);
    bool mark = r == 1 && used < today();
    while (r >= 0 && s->next < s->count && !atomic_load(stop))
        r = in_transaction(s, put_batch, err);
    if (r >= 0 && s->written)
        r = in_transaction(s, make_room, err);
    if (r >= 0)
        r = put_list(c, s->db, s->entries, s->count, err);
    if (r >= 0 && mark)
        r = mark_used(s, stop, err);
    return r;
}

void cache_save(struct cache *c, struct entry *const *entries, uint32_t count,
                const atomic_bool *stop, uint32_t *ret_written) {
    struct saving s = {.cache = c, .entries = entries, .count = count};
    struct err err = {0};
    *ret_written = 0;
    if (store_cache_get(c->store, &s.db, &err) < 0)
        return;
    int r = save(c, &s, stop, &err);
    store_cache_put(c->store, s.db, r);
    if (s.written)
        atomic_store(&c->empty, false);
    *ret_written = s.written;
}
