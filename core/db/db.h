// One SQLite connection with cached statements. A connection belongs to one thread at a time. SQL
// text given to db_run/db_rows_open must be a string constant: statements are cached by its address
// and text.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct vfs; // core/db/vfs.h: one encrypted database file and its keys, shared by all its
            // connections

enum db_flags { DB_READ_ONLY = 1, DB_CREATE = 2 };

// Through the encrypting VFS; `v` outlives the connection. Sets WAL, synchronous=FULL,
// secure_delete, temp_store=MEMORY, foreign_keys, busy_timeout 5 s, trusted_schema off,
// cell_size_check. ERR_KEY (cannot be decrypted with these keys), ERR_CORRUPT, ERR_FULL, ERR_PERM,
// ERR_IO.
int db_open(struct vfs *v, unsigned flags, struct db **ret, struct err *err);
// Plain SQLite without encryption: benchmarks' baseline and ":memory:" in tests only.
int db_open_plain(const char *path, unsigned flags, struct db **ret, struct err *err);
void db_close(struct db *db); // accepts NULL

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB, DB_IDS, DB_VISITOR };
struct db_value {
    enum db_type type;
    int64_t integer;
    double real;
    const void *bytes; // borrowed until the call returns (db_run) or db_rows_close
    size_t len;
};
static inline struct db_value db_null(void) {
    return (struct db_value){.type = DB_NULL};
}
static inline struct db_value db_int(int64_t v) {
    return (struct db_value){.type = DB_INT, .integer = v};
}
static inline struct db_value db_real(double v) {
    return (struct db_value){.type = DB_REAL, .real = v};
}
static inline struct db_value db_text_n(const char *s, size_t n) {
    return (struct db_value){.type = s ? DB_TEXT : DB_NULL, .bytes = s, .len = n};
}
static inline struct db_value db_text(const char *s) {
    return db_text_n(s, s ? __builtin_strlen(s) : 0);
}
static inline struct db_value db_blob(const void *p, size_t n) {
    return (struct db_value){.type = DB_BLOB, .bytes = p, .len = n};
}
// For `… FROM ids(?1) AS i CROSS JOIN t ON t.id = i.rowid`: the rows of t with these ids, in their
// order; i.place counts them from 0. The list is borrowed and must not change until db_rows_close;
// with `next` it is asked for each id as it is needed, which may depend on the rows before.
struct db_ids {
    const int64_t *items;
    size_t count;
    bool (*next)(void *ctx, int64_t *ret_id); // false: there are no more
    void *ctx;
};
static inline struct db_value db_list(const struct db_ids *list) {
    return (struct db_value){.type = DB_IDS, .bytes = list};
}
// For `SELECT 1 FROM … WHERE visit(?2, a, b)`: hands the values of each row to `fn` while the
// statement goes on, at less than half the cost of a step and its columns. Borrowed until
// db_rows_close. `fn` may run other statements of the connection.
struct db_cells; // one row's values; borrowed until fn returns
typedef int db_visit_fn(void *ctx, const struct db_cells *row, struct err *err);
struct db_visitor {
    db_visit_fn *fn; // 0 goes on, 1 stops behind this row, ERR_*
    void *ctx;
    struct err *err; // these two are db_rows_visit's
    int result;
};
static inline struct db_value db_visit(struct db_visitor *v) {
    return (struct db_value){.type = DB_VISITOR, .bytes = v};
}

// Runs one statement to its end, ignoring rows. `n` values bind ?1 … ?n.
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n,
           struct err *err);
// Several statements without values (migrations, pragmas); text may be dynamic.
int db_script(struct db *db, const char *sql, struct err *err);

struct db_rows; // an open cursor
int db_rows_open(struct db *db, const char *sql, const struct db_value *values, size_t n,
                 struct db_rows **ret, struct err *err);
int db_rows_next(struct db_rows *rows, struct err *err); // 1 a row, 0 the end, ERR_*
// Instead of db_rows_next: 1 `fn` stopped it (the next call goes on behind that row), 0 the end,
// ERR_*.
int db_rows_visit(struct db_rows *rows, struct db_visitor *v, struct err *err);
int64_t db_cell_int(const struct db_cells *row, int i); // i counts from 0, behind the visitor
const void *db_cell_blob(const struct db_cells *row, int i, size_t *ret_len); // NULL: NULL or empty
void db_rows_close(struct db_rows *rows); // accepts NULL; the statement goes back to the cache
int64_t db_col_int(struct db_rows *rows, int col);
double db_col_real(struct db_rows *rows, int col);
// Borrowed until the next step; NULL for SQL NULL. *ret_len may be NULL.
const char *db_col_text(struct db_rows *rows, int col, size_t *ret_len);
const void *db_col_blob(struct db_rows *rows, int col, size_t *ret_len);
bool db_col_is_null(struct db_rows *rows, int col);

// One value of one row: 1 found, 0 none, ERR_*.
int db_one_int(struct db *db, const char *sql, const struct db_value *values, size_t n,
               int64_t *ret, struct err *err);

int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);

int db_begin(struct db *db, bool immediate,
             struct err *err); // readers: false (snapshot at first read)
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); // no-op outside a transaction
int db_savepoint(struct db *db, struct err *err);
int db_savepoint_release(struct db *db, struct err *err);
void db_savepoint_rollback(struct db *db);

// Stops the running statement of another thread (ERR_CANCELLED there). ANY thread while the
// connection is open.
void db_interrupt(struct db *db);
// Polled every ~1000 virtual-machine steps; true stops the statement with ERR_CANCELLED. fn NULL
// removes it.
void db_set_cancel(struct db *db, bool (*fn)(void *ctx), void *ctx);
int db_checkpoint(struct db *db, bool truncate, struct err *err);
// The last connection to close leaves the log as it is, instead of writing it into the database.
void db_keep_log(struct db *db);
// What the connection's owner keeps with it; borrowed. NULL at first.
void db_set_companion(struct db *db, void *companion);
void *db_companion(struct db *db);
struct sqlite3 *
db_handle(struct db *db); // for tokenizers, functions, backup: core/db and core/store only
