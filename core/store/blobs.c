#include "core/store/blobs.h"

#include <string.h>

int blob_get(struct db *db, const char *key, struct buf *ret, struct err *err) {
    const struct db_value of = db_text(key);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT value FROM blob WHERE key = ?1", &of, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        size_t n = 0;
        const void *value = db_col_blob(rows, 0, &n);
        int added = n ? buf_append(ret, value, n) : 0;
        if (added < 0)
            r = err_set(err, added, "what is kept under %s is too large", key);
    }
    db_rows_close(rows);
    return r;
}

static int check_room(struct db *db, const struct db_value *key, struct err *err) {
    int64_t known = 0, count = 0;
    int r = db_one_int(db, "SELECT 1 FROM blob WHERE key = ?1", key, 1, &known, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = db_one_int(db, "SELECT count(*) FROM blob", NULL, 0, &count, err);
    if (r < 0)
        return r;
    return count < BLOBS_MAX ? 0 : err_set(err, ERR_LIMIT, "at most %d keys are kept", BLOBS_MAX);
}

int blob_put(struct db *db, const char *key, const void *bytes, size_t n, int64_t now_ms,
             struct err *err) {
    const struct db_value row[] = {db_text(key), db_blob(bytes, n), db_int(now_ms)};
    if (!key[0])
        return err_set(err, ERR_INVAL, "a key is missing");
    if (strlen(key) > BLOB_KEY_BYTES_MAX || n > BLOB_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%d bytes at most are kept under a key of %d",
                       BLOB_BYTES_MAX, BLOB_KEY_BYTES_MAX);
    if (!bytes)
        return db_run(db, "DELETE FROM blob WHERE key = ?1", row, 1, err);
    int r = check_room(db, row, err);
    return r < 0 ? r
                 : db_run(db,
                          "INSERT INTO blob (key, value, changed_ms) VALUES (?1, ?2, ?3) ON "
                          "CONFLICT (key) DO UPDATE SET value = excluded.value, changed_ms = "
                          "excluded.changed_ms",
                          row, 3, err);
}

int blob_each(struct db *db, const char *prefix, blob_fn *fn, void *ctx, struct err *err) {
    const struct db_value of[] = {db_text(prefix), db_int((int64_t)strlen(prefix))};
    struct db_rows *rows = NULL;
    // Byte by byte: a key is a text, and substr() counts characters.
    int r = db_rows_open(db,
                         "SELECT key, value, changed_ms FROM blob WHERE key >= ?1 AND "
                         "substr(CAST(key AS BLOB), 1, ?2) = CAST(?1 AS BLOB) ORDER BY key",
                         of, 2, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct blob b = {.key = db_col_text(rows, 0, NULL), .changed_ms = db_col_int(rows, 2)};
        b.bytes = db_col_blob(rows, 1, &b.n);
        r = fn(ctx, &b, err);
    }
    db_rows_close(rows);
    return r;
}
