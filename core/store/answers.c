#include "core/store/answers.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/store/store_impl.h"

#include <stdio.h>
#include <string.h>

#define LABEL "paired/answer-key/v1"

enum { EXPIRED_AT_ONCE = 64, ANSWERS_VERSION = 1 };

// The sums are kept by triggers, so that no put has to read all rows.
static const char tables[] =
    "CREATE TABLE answer (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
    " kept INTEGER NOT NULL, expires INTEGER NOT NULL, size INTEGER NOT NULL,"
    " backend TEXT NOT NULL, model TEXT NOT NULL, changed INTEGER NOT NULL, form INTEGER NOT NULL,"
    " input INTEGER NOT NULL, cached INTEGER NOT NULL, cache_write INTEGER NOT NULL,"
    " output INTEGER NOT NULL, cost INTEGER NOT NULL, saved INTEGER NOT NULL,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE INDEX answer_kept ON answer (kept, id);"
    "CREATE INDEX answer_expires ON answer (expires);"
    "CREATE TABLE answer_sum (id INTEGER PRIMARY KEY CHECK (id = 0), entries INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL) STRICT;"
    "INSERT INTO answer_sum VALUES (0, 0, 0);"
    "CREATE TRIGGER answer_added AFTER INSERT ON answer BEGIN"
    " UPDATE answer_sum SET entries = entries + 1, bytes = bytes + new.size; END;"
    "CREATE TRIGGER answer_gone AFTER DELETE ON answer BEGIN"
    " UPDATE answer_sum SET entries = entries - 1, bytes = bytes - old.size; END;";

const struct store_side store_side_answers = {
    .names = {"answers.db", "answers.db-wal", "answers.head", "answers.turn", "answers.lock"},
    .tables = tables,
    .version = ANSWERS_VERSION,
    .set_version = "PRAGMA user_version = 1",
};

void kept_answer_done(struct kept_answer *a) {
    if (a->bytes.data)
        explicit_bzero(a->bytes.data, a->bytes.len);
    buf_done(&a->bytes);
}

int answers_key(struct store *s, const void *bytes, size_t n, uint8_t ret[ANSWER_KEY_BYTES],
                struct err *err) {
    uint8_t key[KEYRING_KEY_BYTES];
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    r = keyring_derive(s->keys, LABEL, key, err);
    store_leave(s);
    if (r == 0)
        secret_hash(key, bytes, n, NULL, 0, ret);
    secret_wipe(key, sizeof key);
    return r;
}

uint64_t answers_generation(struct store *s) {
    return store_side_generation(&s->answers);
}

// --- keeping ------------------------------------------------------------------------------------

// 1 there is room, 0 there would be only by dropping more than is dropped at once.
static int make_room(struct db *db, int64_t size, const struct answers_limits *limits,
                     struct err *err) {
    const struct db_value expired[] = {db_int(limits->now_ms), db_int(EXPIRED_AT_ONCE)};
    int64_t bytes = 0;
    int r = db_run(db,
                   "DELETE FROM answer WHERE id IN (SELECT id FROM answer WHERE expires <= ?1 "
                   "ORDER BY expires LIMIT ?2)",
                   expired, 2, err);
    for (int i = 0; r == 0; i++) {
        r = db_one_int(db, "SELECT bytes FROM answer_sum", NULL, 0, &bytes, err);
        if (r < 0 || bytes + size <= limits->bytes)
            return r < 0 ? r : 1;
        if (i == ANSWERS_DROPPED_MAX)
            return 0;
        r = db_run(db,
                   "DELETE FROM answer WHERE id = (SELECT id FROM answer ORDER BY kept, id LIMIT "
                   "1)",
                   NULL, 0, err);
    }
    return r;
}

static int insert(struct db *db, const uint8_t *key, int64_t size, const struct kept_answer *a,
                  struct err *err) {
    const struct db_value row[] = {
        db_blob(key, ANSWER_KEY_BYTES),
        db_int(a->kept_ms),
        db_int(a->expires_ms),
        db_int(size),
        db_text(a->backend),
        db_text(a->model),
        db_int(a->changed_ms),
        db_int(a->form),
        db_int(a->input),
        db_int(a->cached),
        db_int(a->cache_write),
        db_int(a->output),
        db_int(a->cost),
        db_int(a->saved),
        db_blob(a->bytes.data, a->bytes.len),
    };
    return db_run(db,
                  "INSERT INTO answer (key, kept, expires, size, backend, model, changed, form, "
                  "input, cached, cache_write, output, cost, saved, data) VALUES (?1, ?2, ?3, ?4, "
                  "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                  row, COUNT_OF(row), err);
}

static int put(struct db *db, const uint8_t *key, const struct kept_answer *a,
               const struct answers_limits *limits, struct err *err) {
    const struct db_value old = db_blob(key, ANSWER_KEY_BYTES);
    int64_t size = (int64_t)a->bytes.len + ANSWER_ROW_BYTES;
    int r = db_begin(db, true, err);
    if (r < 0)
        return r;
    r = db_run(db, "DELETE FROM answer WHERE key = ?1", &old, 1, err);
    int room = r == 0 ? make_room(db, size, limits, err) : r;
    r = room == 1 ? insert(db, key, size, a, err) : room;
    if (r == 0) // also what was dropped for it in vain
        r = db_commit(db, err);
    if (r < 0)
        db_rollback(db);
    return r < 0 ? r : room;
}

int answers_put(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], uint64_t generation,
                const struct kept_answer *a, const struct answers_limits *limits, struct err *err) {
    struct db *db = NULL;
    if (!a->bytes.len)
        return err_set(err, ERR_INVAL, "an answer without a byte is none");
    if (a->bytes.len > KEPT_ANSWER_BYTES_MAX || (int64_t)a->bytes.len > limits->bytes / 4)
        return err_set(err, ERR_LIMIT, "the answer is too large to be kept");
    int r = store_side_get(s, &s->answers, &db, err);
    if (r < 0)
        return r;
    // From here on nobody can throw it away: whoever wants to waits for this connection.
    if (answers_generation(s) == generation)
        r = put(db, key, a, limits, err);
    store_side_put(s, &s->answers, db, r < 0 ? r : 0);
    return r;
}

// --- finding ------------------------------------------------------------------------------------

static int copy_name(struct db_rows *rows, int col, char out[ANSWER_NAME_BYTES_MAX + 1]) {
    size_t n = 0;
    const char *text = db_col_text(rows, col, &n);
    if (n > ANSWER_NAME_BYTES_MAX)
        return ERR_CORRUPT;
    memcpy(out, text ? text : "", n);
    out[n] = '\0';
    return 0;
}

static int read_row(struct db_rows *rows, struct kept_answer *ret, struct err *err) {
    size_t n = 0;
    const void *data = db_col_blob(rows, 12, &n);
    *ret = (struct kept_answer){.kept_ms = db_col_int(rows, 0),
                                .expires_ms = db_col_int(rows, 1),
                                .changed_ms = db_col_int(rows, 4),
                                .form = (int)db_col_int(rows, 5),
                                .input = db_col_int(rows, 6),
                                .cached = db_col_int(rows, 7),
                                .cache_write = db_col_int(rows, 8),
                                .output = db_col_int(rows, 9),
                                .cost = db_col_int(rows, 10),
                                .saved = db_col_int(rows, 11),
                                .bytes = BUF_INIT(KEPT_ANSWER_BYTES_MAX)};
    if (copy_name(rows, 2, ret->backend) < 0 || copy_name(rows, 3, ret->model) < 0 || !data ||
        n > KEPT_ANSWER_BYTES_MAX)
        return err_set(err, ERR_CORRUPT, "a kept answer is damaged");
    if (buf_append(&ret->bytes, data, n) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 1;
}

int answers_get(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], int64_t since_ms,
                int64_t now_ms, struct kept_answer *ret, struct err *err) {
    const struct db_value of[] = {db_blob(key, ANSWER_KEY_BYTES), db_int(since_ms), db_int(now_ms)};
    struct kept_answer found = {0};
    struct db_rows *rows = NULL;
    struct db *db = NULL;
    if (!store_side_there(s, &s->answers))
        return 0; // nothing was ever kept: no file is made for a question
    int r = store_side_get(s, &s->answers, &db, err);
    if (r < 0)
        return r;
    r = db_rows_open(db,
                     "SELECT kept, expires, backend, model, changed, form, input, cached, "
                     "cache_write, output, cost, saved, data FROM answer WHERE key = ?1 AND kept "
                     ">= ?2 AND expires > ?3 AND kept <= ?3",
                     of, 3, &rows, err);
    if (r == 0 && (r = db_rows_next(rows, err)) > 0)
        r = read_row(rows, &found, err);
    db_rows_close(rows);
    store_side_put(s, &s->answers, db, r < 0 ? r : 0);
    if (r > 0)
        *ret = found;
    else
        kept_answer_done(&found);
    return r;
}

int answers_info(struct store *s, struct answers_info *ret, struct err *err) {
    struct answers_info found = {.file_bytes = store_side_bytes(s, &s->answers)};
    struct db_rows *rows = NULL;
    struct db *db = NULL;
    int r = store_side_there(s, &s->answers) ? store_side_get(s, &s->answers, &db, err) : 0;
    if (r == 0 && db) {
        r = db_rows_open(db,
                         "SELECT entries, bytes, (SELECT min(kept) FROM answer), (SELECT max(kept) "
                         "FROM answer) FROM answer_sum",
                         NULL, 0, &rows, err);
        if (r == 0 && (r = db_rows_next(rows, err)) > 0) {
            found.entries = db_col_int(rows, 0);
            found.bytes = db_col_int(rows, 1);
            found.oldest_ms = db_col_int(rows, 2);
            found.newest_ms = db_col_int(rows, 3);
        }
        db_rows_close(rows);
        store_side_put(s, &s->answers, db, r < 0 ? r : 0);
    }
    if (r >= 0)
        *ret = found;
    return r < 0 ? r : 0;
}

// --- throwing away ------------------------------------------------------------------------------

int answers_drop(struct store *s, struct err *err) {
    return store_side_drop(s, &s->answers, err);
}

int answers_forget(struct store *s, const uint8_t key[ANSWER_KEY_BYTES], struct err *err) {
    const struct db_value of = db_blob(key, ANSWER_KEY_BYTES);
    struct db *db = NULL;
    if (!store_side_there(s, &s->answers))
        return 0;
    int r = store_side_get(s, &s->answers, &db, err);
    if (r < 0)
        return r;
    r = db_run(db, "DELETE FROM answer WHERE key = ?1", &of, 1, err);
    store_side_put(s, &s->answers, db, r);
    return r;
}

int answers_clear(struct store *s, struct err *err) {
    int r = store_enter(s, err);
    if (r < 0)
        return r;
    r = answers_drop(s, err);
    store_leave(s);
    return r;
}

// Housekeeping: those whose day has come; with the last one the file goes.
int answers_tidy(struct store *s, int64_t now_ms, struct err *err) {
    const struct db_value expired[] = {db_int(now_ms), db_int(EXPIRED_AT_ONCE)};
    struct db *db = NULL;
    int64_t left = 0, gone = 1;
    if (!store_side_there(s, &s->answers))
        return 0;
    int r = store_side_get(s, &s->answers, &db, err);
    if (r < 0)
        return r == ERR_BUSY ? 0 : r;
    while (r == 0 && gone) {
        r = db_run(db,
                   "DELETE FROM answer WHERE id IN (SELECT id FROM answer WHERE expires <= ?1 "
                   "ORDER BY expires LIMIT ?2)",
                   expired, 2, err);
        gone = db_changes(db);
    }
    if (r == 0 && (r = db_one_int(db, "SELECT entries FROM answer_sum", NULL, 0, &left, err)) > 0)
        r = 0;
    store_side_put(s, &s->answers, db, r);
    return r < 0 || left ? r : answers_drop(s, err);
}
