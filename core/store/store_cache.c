#include "core/store/store_cache.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char tables[] =
    "CREATE TABLE code_block (id INTEGER PRIMARY KEY, key BLOB NOT NULL, data BLOB NOT NULL)"
    " STRICT;"
    "CREATE TABLE code_entry (key BLOB PRIMARY KEY, block INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " used INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX code_entry_used ON code_entry (used, bytes, block);"
    "CREATE TABLE code_workspace (path TEXT PRIMARY KEY, used INTEGER NOT NULL,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE TABLE code_history (path TEXT PRIMARY KEY, used INTEGER NOT NULL,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE TABLE code_derived (key BLOB PRIMARY KEY, used INTEGER NOT NULL, bytes INTEGER NOT "
    "NULL,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE INDEX code_derived_used ON code_derived (used, bytes);";

const struct store_side store_side_code = {
    .names = {"cache.db", "cache.db-wal", "cache.head", "cache.turn", "cache.lock"},
    .tables = tables,
    .version = STORE_CACHE_VERSION,
    .set_version = "PRAGMA user_version = 3",
};
static_assert(STORE_CACHE_VERSION == 3, "the number is written out above");

// --- the files, under the cache's lock ----------------------------------------------------------

static void close_all(struct store_cache *c) {
    for (unsigned i = 0; i < STORE_CACHE_CONNECTIONS; i++) {
        db_close(c->connection[i].db);
        c->connection[i] = (struct store_reader){0};
    }
    vfs_close(c->vfs);
    c->vfs = NULL;
    c->broken = false;
}

static int remove_files(struct store *s, const struct store_cache *c, struct err *err) {
    for (size_t i = 0; i < COUNT_OF(c->what->names); i++) {
        AUTO_FREE char *path = store_path(s->dir, c->what->names[i]);
        if (!path)
            return err_set(err, ERR_NOMEM, "out of memory for a path");
        if (unlink(path) < 0 && errno != ENOENT)
            return err_errno(err, errno, "%s cannot be removed", path);
    }
    return 0;
}

static int open_connection(struct store_cache *c, struct db **ret, struct err *err) {
    struct db *db = NULL;
    int r = db_open(c->vfs, DB_CREATE, &db, err);
    if (r == 0) // what is read once need not stay in memory
        r = db_script(db, "PRAGMA cache_size=-1024", err);
    if (r == 0)
        *ret = db;
    else
        db_close(db);
    return r;
}

static int check_version(const struct store_side *what, struct db *db, struct err *err) {
    int64_t version = 0;
    int r = db_one_int(db, "PRAGMA user_version", NULL, 0, &version, err);
    if (r < 0)
        return r;
    if (version == what->version)
        return 0;
    if (version != 0)
        return err_set(err, ERR_CORRUPT, "the cache is of another version");
    r = db_begin(db, true, err);
    if (r == 0)
        r = db_script(db, what->tables, err);
    if (r == 0)
        r = db_script(db, what->set_version, err);
    if (r == 0)
        return db_commit(db, err);
    db_rollback(db);
    return r;
}

static int open_once(struct store *s, struct store_cache *c, struct err *err) {
    AUTO_FREE char *path = store_path(s->dir, c->what->names[0]);
    if (!path)
        return err_set(err, ERR_NOMEM, "out of memory for a path");
    int r = vfs_open(path, s->keys, VFS_CREATE, &c->vfs, err);
    if (r == 0)
        r = open_connection(c, &c->connection[0].db, err);
    if (r == 0)
        r = check_version(c->what, c->connection[0].db, err);
    if (r < 0)
        close_all(c);
    return r;
}

static bool is_damage(int r) {
    return r == ERR_CORRUPT || r == ERR_KEY || r == ERR_VERSION || r == ERR_INVAL;
}

static int open_cache(struct store *s, struct store_cache *c, struct err *err) {
    int r = open_once(s, c, err);
    if (!is_damage(r))
        return r;
    r = remove_files(s, c, err);
    return r < 0 ? r : open_once(s, c, err);
}

// --- connections --------------------------------------------------------------------------------

static struct store_reader *find_free(struct store_cache *c) {
    struct store_reader *unused = NULL;
    for (unsigned i = 0; i < STORE_CACHE_CONNECTIONS; i++) {
        struct store_reader *reader = &c->connection[i];
        if (!reader->busy && reader->db)
            return reader;
        if (!reader->busy && !unused)
            unused = reader;
    }
    return unused;
}

static int take(struct store *s, struct store_cache *c, struct db **ret, struct err *err) {
    if (c->broken || c->dropping)
        return err_set(err, ERR_BUSY, "the cache is being thrown away");
    int r = c->vfs ? 0 : open_cache(s, c, err);
    if (r < 0)
        return r;
    struct store_reader *reader = find_free(c);
    if (!reader)
        return err_set(err, ERR_BUSY, "all connections of the cache are in use");
    if (!reader->db)
        r = open_connection(c, &reader->db, err);
    if (r < 0)
        return r;
    reader->busy = true;
    c->out++;
    *ret = reader->db;
    return 0;
}

int store_side_get(struct store *s, struct store_cache *c, struct db **ret, struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&c->lock);
    r = take(s, c, ret, err);
    (void)pthread_mutex_unlock(&c->lock);
    if (r < 0)
        store_leave(s);
    return r;
}

void store_side_put(struct store *s, struct store_cache *c, struct db *db, int result) {
    if (!db)
        return;
    db_rollback(db);
    (void)pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < STORE_CACHE_CONNECTIONS; i++)
        if (c->connection[i].db == db)
            c->connection[i].busy = false;
    c->out--;
    c->broken |= is_damage(result);
    if (c->broken && !c->out) {
        close_all(c);
        c->generation++;
        (void)remove_files(s, c, NULL);
    }
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    store_leave(s);
}

int store_side_drop(struct store *s, struct store_cache *c, struct err *err) {
    (void)pthread_mutex_lock(&c->lock);
    c->dropping = true;
    while (c->out)
        (void)pthread_cond_wait(&c->changed, &c->lock);
    close_all(c);
    c->generation++;
    int r = remove_files(s, c, err);
    c->dropping = false;
    (void)pthread_mutex_unlock(&c->lock);
    return r;
}

uint64_t store_side_generation(struct store_cache *c) {
    (void)pthread_mutex_lock(&c->lock);
    uint64_t generation = c->generation;
    (void)pthread_mutex_unlock(&c->lock);
    return generation;
}

int64_t store_side_bytes(struct store *s, const struct store_cache *c) {
    AUTO_FREE char *path = store_path(s->dir, c->what->names[0]);
    struct stat st;
    return path && stat(path, &st) == 0 ? st.st_size : 0;
}

bool store_side_there(struct store *s, const struct store_cache *c) {
    AUTO_FREE char *path = store_path(s->dir, c->what->names[0]);
    return path && access(path, F_OK) == 0;
}

// --- both of them -------------------------------------------------------------------------------

void store_sides_close(struct store *s) {
    struct store_cache *const all[] = {&s->cache, &s->answers};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        (void)pthread_mutex_lock(&all[i]->lock);
        close_all(all[i]);
        (void)pthread_mutex_unlock(&all[i]->lock);
    }
}

void store_sides_init(struct store *s) {
    s->cache.what = &store_side_code;
    s->answers.what = &store_side_answers;
    (void)pthread_mutex_init(&s->cache.lock, NULL);
    (void)pthread_cond_init(&s->cache.changed, NULL);
    (void)pthread_mutex_init(&s->answers.lock, NULL);
    (void)pthread_cond_init(&s->answers.changed, NULL);
}

void store_sides_done(struct store *s) {
    (void)pthread_mutex_destroy(&s->cache.lock);
    (void)pthread_cond_destroy(&s->cache.changed);
    (void)pthread_mutex_destroy(&s->answers.lock);
    (void)pthread_cond_destroy(&s->answers.changed);
}

// --- the code's ---------------------------------------------------------------------------------

int store_cache_get(struct store *s, struct db **ret, struct err *err) {
    return store_side_get(s, &s->cache, ret, err);
}

void store_cache_put(struct store *s, struct db *db, int result) {
    store_side_put(s, &s->cache, db, result);
}

int store_cache_drop(struct store *s, struct err *err) {
    return store_side_drop(s, &s->cache, err);
}

int64_t store_cache_bytes(struct store *s) {
    return store_side_bytes(s, &s->cache);
}
