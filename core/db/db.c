#include "core/db/db.h"

#include "core/base/mem.h"
#include "core/db/db_internal.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

enum {
    DB_STATEMENTS_MAX = 64, // prepared statements kept per connection
    DB_CANCEL_STEPS = 1000, // virtual-machine steps between two polls of the cancel function
    DB_BUSY_MS = 5000,      // wait for another connection's lock
    DB_SAVEPOINT_DEPTH_MAX = 16,
    DB_VALUE_BYTES_MAX = 64 * 1024 * 1024 // one value bound to a statement
};

struct db_rows {
    struct db *db;
    sqlite3_stmt *stmt;
    const char *sql; // the caller's constant: same address and same text means same statement
    uint64_t used;   // clock of the cache, for the least recently used
    bool busy;       // an open cursor
    bool cached;     // false: finalized when closed
};

struct db {
    sqlite3 *handle;
    struct vfs *vfs; // NULL: plain
    struct db_rows *statements[DB_STATEMENTS_MAX];
    size_t count;
    uint64_t clock;
    int savepoints;
    bool (*cancel)(void *ctx);
    void *cancel_ctx;
    void *companion;
};

// ---------------------------------------------------------------------------------------- errors

struct code_text {
    int sqlite;
    int code;
    const char *text;
};

// First match of the extended code, then of the primary one. The sentence tells what to do; what
// SQLite says follows it only where it helps a developer.
static const struct code_text code_texts[] = {
    {SQLITE_IOERR_NOMEM, ERR_NOMEM, "out of memory"},
    {SQLITE_IOERR_DATA, ERR_CORRUPT,
     "stored data is damaged or was changed; run `paired doctor`, or restore a backup"},
    {SQLITE_IOERR_CORRUPTFS, ERR_CORRUPT, "the file system reports damaged data"},
    {SQLITE_NOMEM, ERR_NOMEM, "out of memory"},
    {SQLITE_FULL, ERR_FULL, "no space left on the device; free some space and try again"},
    {SQLITE_NOTADB, ERR_KEY, "the database cannot be decrypted with these keys"},
    {SQLITE_CORRUPT, ERR_CORRUPT, "the database is damaged; restore a backup"},
    {SQLITE_BUSY, ERR_BUSY, "the database is busy; try again"},
    {SQLITE_LOCKED, ERR_BUSY, "the database is busy; try again"},
    {SQLITE_PERM, ERR_PERM, "the database may not be opened"},
    {SQLITE_READONLY, ERR_PERM, "the database is open for reading only"},
    {SQLITE_AUTH, ERR_PERM, "the statement is not permitted"},
    {SQLITE_INTERRUPT, ERR_CANCELLED, "the query was cancelled"},
    {SQLITE_TOOBIG, ERR_LIMIT, "a value is too large for the database"},
    {SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS, "it exists already"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS, "it exists already"},
    {SQLITE_CONSTRAINT_ROWID, ERR_EXISTS, "it exists already"},
    {SQLITE_CONSTRAINT, ERR_INVAL, "the value breaks a rule of the database"},
    {SQLITE_MISMATCH, ERR_INVAL, "the value has the wrong type"},
    {SQLITE_RANGE, ERR_INVAL, "a bound value has no place in the statement"},
    {SQLITE_CANTOPEN, ERR_IO, "the database file cannot be opened"},
    {SQLITE_IOERR, ERR_IO, "reading or writing the database failed"},
};

int db_code(int rc) {
    for (size_t i = 0; i < COUNT_OF(code_texts); i++)
        if (code_texts[i].sqlite == rc)
            return code_texts[i].code;
    for (size_t i = 0; i < COUNT_OF(code_texts); i++)
        if (code_texts[i].sqlite == (rc & 0xff))
            return code_texts[i].code;
    return ERR_IO;
}

static const char *code_sentence(int rc) {
    for (size_t i = 0; i < COUNT_OF(code_texts); i++)
        if (code_texts[i].sqlite == rc)
            return code_texts[i].text;
    for (size_t i = 0; i < COUNT_OF(code_texts); i++)
        if (code_texts[i].sqlite == (rc & 0xff))
            return code_texts[i].text;
    return NULL;
}

int db_error(struct sqlite3 *handle, int rc, struct err *err) {
    int code = db_code(rc);
    const char *sentence = code_sentence(rc);
    // Not sqlite3_system_errno: it is not set where a commit fails.
    int e = vfs_take_errno();
    if (code != ERR_IO)
        e = 0;
    if (sentence && e)
        return err_set(err, code, "%s: %s (SQLite %d)", sentence, strerror(e), rc);
    if (sentence && code != ERR_INVAL)
        return err_set(err, code, "%s (SQLite %d)", sentence, rc);
    // Mistakes of our own SQL: what SQLite says is what a developer needs.
    return err_set(err, (rc & 0xff) == SQLITE_ERROR ? ERR_INVAL : code, "database: %s (SQLite %d)",
                   handle ? sqlite3_errmsg(handle) : sqlite3_errstr(rc), rc);
}

static int fail(struct db *db, int rc, struct err *err) {
    return db_error(db->handle, rc, err);
}

// ---------------------------------------------------------------------------------------- opening

static int on_progress(void *arg) {
    struct db *db = arg;
    return db->cancel && db->cancel(db->cancel_ctx);
}

// Every setting that makes SQLite trust its file or the schema less.
static int harden(sqlite3 *h) {
    static const struct {
        int option;
        int value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1}, {SQLITE_DBCONFIG_ENABLE_VIEW, 1},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(options) && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(h, options[i].option, options[i].value, NULL);
    (void)sqlite3_limit(h, SQLITE_LIMIT_LENGTH, DB_VALUE_BYTES_MAX);
    (void)sqlite3_limit(h, SQLITE_LIMIT_ATTACHED, 1); // VACUUM needs one
    (void)sqlite3_limit(h, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
    return rc;
}

// temp_store comes first: nothing may reach a temporary file.
static int configure(struct db *db, unsigned flags, struct err *err) {
    int r = db_script(db,
                      "PRAGMA temp_store=MEMORY;"
                      "PRAGMA cell_size_check=ON;"
                      "PRAGMA secure_delete=ON;"
                      "PRAGMA foreign_keys=ON;"
                      "PRAGMA synchronous=FULL;"
                      "PRAGMA journal_size_limit=-1",
                      err);
    // A writer's misses cost most: it reads, decrypts and later spills. Filled only by what is
    // touched.
    if (r == 0)
        r = flags & DB_READ_ONLY ? db_script(db, "PRAGMA cache_size=-8192", err)
                                 : db_script(db,
                                             "PRAGMA cache_size=-16384; "
                                             "PRAGMA wal_autocheckpoint=4000",
                                             err);
    if (r < 0 || (flags & DB_READ_ONLY))
        return r;
    return db_script(db, "PRAGMA journal_mode=WAL", err);
}

static int open_handle(const char *path, const char *vfs_name, unsigned flags, sqlite3 **ret,
                       struct err *err) {
    // Recovering a log writes the wal-index, so a reader too opens the file for writing; what it
    // may do is limited by query_only.
    int mode = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
               SQLITE_OPEN_READWRITE;
    if ((flags & DB_CREATE) && !(flags & DB_READ_ONLY))
        mode |= SQLITE_OPEN_CREATE;
    sqlite3 *h = NULL;
    int rc = sqlite3_open_v2(path, &h, mode, vfs_name);
    if (rc == SQLITE_OK)
        rc = harden(h);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(h, DB_BUSY_MS);
    if (rc == SQLITE_OK)
        rc = db_ids_register(h);
    if (rc == SQLITE_OK)
        rc = db_visit_register(h);
    if (rc == SQLITE_OK && (flags & DB_READ_ONLY))
        rc = sqlite3_exec(h, "PRAGMA query_only=ON", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        int r =
            rc == SQLITE_NOMEM ? err_set(err, ERR_NOMEM, "out of memory") : db_error(h, rc, err);
        (void)sqlite3_close(h);
        return r;
    }
    *ret = h;
    return 0;
}

static void start_library(void) {
    // Statistics that nobody asks for cost a process-wide lock at each of its allocations: a tenth
    // of a recall's time. Refused, and harmless, once SQLite runs.
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

void db_library_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_library);
}

int db_open_named(const char *path, const char *vfs_name, struct vfs *v, unsigned flags,
                  struct db **ret, struct err *err) {
    db_library_start();
    struct db *db = mem_zalloc(sizeof *db);
    if (!db)
        return err_set(err, ERR_NOMEM, "out of memory");
    db->vfs = v;
    int r = open_handle(path, vfs_name, flags, &db->handle, err);
    if (r == 0)
        r = configure(db, flags, err);
    if (r < 0) {
        db_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

int db_open_plain(const char *path, unsigned flags, struct db **ret, struct err *err) {
    return db_open_named(path, NULL, NULL, flags, ret, err);
}

void db_close(struct db *db) {
    if (!db)
        return;
    for (size_t i = 0; i < db->count; i++) {
        assert(!db->statements[i]->busy);
        (void)sqlite3_finalize(db->statements[i]->stmt);
        mem_free(db->statements[i]);
    }
    int rc = sqlite3_close(db->handle);
    assert(rc != SQLITE_BUSY); // a cursor or backup of ours was left open
    (void)rc;
    mem_free(db);
}

struct vfs *db_vfs(struct db *db) {
    return db->vfs;
}

void db_set_companion(struct db *db, void *companion) {
    db->companion = companion;
}

void *db_companion(struct db *db) {
    return db->companion;
}

struct sqlite3 *db_handle(struct db *db) {
    return db->handle;
}

// ------------------------------------------------------------------------------------- statements

static void forget(struct db *db, size_t i) {
    (void)sqlite3_finalize(db->statements[i]->stmt);
    mem_free(db->statements[i]);
    db->statements[i] = db->statements[--db->count];
}

// The least recently used idle statement makes room; false when all are in use.
static bool make_room(struct db *db) {
    if (db->count < DB_STATEMENTS_MAX)
        return true;
    size_t oldest = db->count;
    for (size_t i = 0; i < db->count; i++)
        if (!db->statements[i]->busy &&
            (oldest == db->count || db->statements[i]->used < db->statements[oldest]->used))
            oldest = i;
    if (oldest == db->count)
        return false;
    forget(db, oldest);
    return true;
}

static struct db_rows *find(struct db *db, const char *sql) {
    for (size_t i = 0; i < db->count; i++) {
        struct db_rows *s = db->statements[i];
        // The text is compared too: the address may meanwhile hold another statement.
        if (s->sql == sql && !s->busy && strcmp(sqlite3_sql(s->stmt), sql) == 0)
            return s;
    }
    return NULL;
}

static int statement_get(struct db *db, const char *sql, struct db_rows **ret, struct err *err) {
    struct db_rows *s = find(db, sql);
    if (!s) {
        bool room = make_room(db);
        s = mem_zalloc(sizeof *s);
        if (!s)
            return err_set(err, ERR_NOMEM, "out of memory");
        int rc = sqlite3_prepare_v3(db->handle, sql, -1, room ? SQLITE_PREPARE_PERSISTENT : 0,
                                    &s->stmt, NULL);
        if (rc == SQLITE_OK && !s->stmt)
            rc = SQLITE_MISUSE; // empty text
        if (rc != SQLITE_OK) {
            mem_free(s);
            return fail(db, rc, err);
        }
        s->db = db;
        s->sql = sql;
        s->cached = room;
        if (room)
            db->statements[db->count++] = s;
    }
    s->used = ++db->clock;
    s->busy = true;
    *ret = s;
    return 0;
}

static int bind_one(sqlite3_stmt *stmt, int i, const struct db_value *v) {
    switch (v->type) {
    case DB_NULL:
        return sqlite3_bind_null(stmt, i);
    case DB_INT:
        return sqlite3_bind_int64(stmt, i, v->integer);
    case DB_REAL:
        return sqlite3_bind_double(stmt, i, v->real);
    case DB_TEXT:
        return sqlite3_bind_text64(stmt, i, v->bytes, v->len, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BLOB:
        if (!v->bytes || v->len == 0)
            return sqlite3_bind_zeroblob(stmt, i, 0);
        return sqlite3_bind_blob64(stmt, i, v->bytes, v->len, SQLITE_STATIC);
    case DB_IDS:
        return db_ids_bind(stmt, i, v->bytes);
    case DB_VISITOR:
        return db_visit_bind(stmt, i, v->bytes);
    }
    return SQLITE_MISUSE;
}

int db_rows_open(struct db *db, const char *sql, const struct db_value *values, size_t n,
                 struct db_rows **ret, struct err *err) {
    struct db_rows *s = NULL;
    int r = statement_get(db, sql, &s, err);
    if (r < 0)
        return r;
    int rc = n > INT32_MAX ? SQLITE_RANGE : SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
        rc = bind_one(s->stmt, (int)i + 1, &values[i]);
    if (rc != SQLITE_OK) {
        r = fail(db, rc, err);
        db_rows_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

int db_rows_next(struct db_rows *rows, struct err *err) {
    int rc = sqlite3_step(rows->stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return fail(rows->db, rc, err);
}

int db_rows_visit(struct db_rows *rows, struct db_visitor *v, struct err *err) {
    v->err = err;
    v->result = 0;
    int r = db_rows_next(rows, err);
    return r == 1 && v->result < 0 ? v->result : r;
}

void db_rows_close(struct db_rows *rows) {
    if (!rows)
        return;
    (void)sqlite3_reset(rows->stmt);
    (void)sqlite3_clear_bindings(rows->stmt); // borrowed values end here
    rows->busy = false;
    if (rows->cached)
        return;
    (void)sqlite3_finalize(rows->stmt);
    mem_free(rows);
}

int64_t db_col_int(struct db_rows *rows, int col) {
    return sqlite3_column_int64(rows->stmt, col);
}

double db_col_real(struct db_rows *rows, int col) {
    return sqlite3_column_double(rows->stmt, col);
}

const char *db_col_text(struct db_rows *rows, int col, size_t *ret_len) {
    const char *text = (const char *)sqlite3_column_text(rows->stmt, col);
    if (ret_len)
        *ret_len = text ? (size_t)sqlite3_column_bytes(rows->stmt, col) : 0;
    return text;
}

const void *db_col_blob(struct db_rows *rows, int col, size_t *ret_len) {
    const void *bytes = sqlite3_column_blob(rows->stmt, col);
    if (ret_len)
        *ret_len = bytes ? (size_t)sqlite3_column_bytes(rows->stmt, col) : 0;
    if (bytes || db_col_is_null(rows, col))
        return bytes;
    return ""; // SQLite gives NULL for an empty blob; here NULL means SQL NULL
}

bool db_col_is_null(struct db_rows *rows, int col) {
    return sqlite3_column_type(rows->stmt, col) == SQLITE_NULL;
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n,
           struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, sql, values, n, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) == 1)
        continue;
    db_rows_close(rows);
    return r;
}

int db_one_int(struct db *db, const char *sql, const struct db_value *values, size_t n,
               int64_t *ret, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, sql, values, n, &rows, err);
    if (r >= 0)
        r = db_rows_next(rows, err);
    if (r == 1)
        *ret = db_col_int(rows, 0);
    db_rows_close(rows);
    return r;
}

int db_script(struct db *db, const char *sql, struct err *err) {
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(db, rc, err);
}

int64_t db_last_id(struct db *db) {
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(struct db *db) {
    return sqlite3_changes64(db->handle);
}

// ----------------------------------------------------------------------------------- transactions

int db_begin(struct db *db, bool immediate, struct err *err) {
    int r =
        immediate ? db_run(db, "BEGIN IMMEDIATE", NULL, 0, err) : db_run(db, "BEGIN", NULL, 0, err);
    if (r == 0)
        db->savepoints = 0;
    return r;
}

int db_commit(struct db *db, struct err *err) {
    return db_run(db, "COMMIT", NULL, 0, err);
}

void db_rollback(struct db *db) {
    db->savepoints = 0;
    // After a full disk or an I/O error SQLite may have rolled back already.
    if (sqlite3_get_autocommit(db->handle))
        return;
    // Kept prepared, as every recall ends with one; without memory for that, the plain way.
    if (db_run(db, "ROLLBACK", NULL, 0, NULL) < 0 && !sqlite3_get_autocommit(db->handle))
        (void)db_script(db, "ROLLBACK", NULL);
}

int db_savepoint(struct db *db, struct err *err) {
    if (db->savepoints >= DB_SAVEPOINT_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "savepoints are nested too deep");
    int r = db_run(db, "SAVEPOINT paired", NULL, 0, err);
    if (r == 0)
        db->savepoints++;
    return r;
}

int db_savepoint_release(struct db *db, struct err *err) {
    int r = db_run(db, "RELEASE paired", NULL, 0, err);
    if (r == 0 && db->savepoints > 0)
        db->savepoints--;
    return r;
}

void db_savepoint_rollback(struct db *db) {
    if (db->savepoints == 0 || sqlite3_get_autocommit(db->handle))
        return;
    db->savepoints--;
    // ROLLBACK TO leaves the savepoint open; RELEASE ends it.
    if (db_script(db, "ROLLBACK TO paired", NULL) == 0)
        (void)db_script(db, "RELEASE paired", NULL);
}

void db_interrupt(struct db *db) {
    sqlite3_interrupt(db->handle);
}

void db_set_cancel(struct db *db, bool (*fn)(void *ctx), void *ctx) {
    db->cancel = fn;
    db->cancel_ctx = ctx;
    sqlite3_progress_handler(db->handle, fn ? DB_CANCEL_STEPS : 0, fn ? on_progress : NULL, db);
}

void db_keep_log(struct db *db) {
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

int db_checkpoint(struct db *db, bool truncate, struct err *err) {
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(db, rc, err);
}
