#include "core/store/judgements.h"

#include <string.h>

int judgement_put(struct db *db, const struct judgement *j, struct err *err) {
    const struct db_value row[] = {db_text(j->id), db_int(j->at_ms), db_text(j->workspace),
                                   db_text_n(j->value, j->bytes)};
    if (j->bytes > JUDGEMENT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a judgement has %d bytes at most", JUDGEMENT_BYTES_MAX);
    return db_run(db,
                  "INSERT INTO judgement (id, at_ms, workspace, value) VALUES (?1, ?2, ?3, ?4) ON "
                  "CONFLICT (id) DO UPDATE SET value = excluded.value",
                  row, 4, err);
}

int judgements_trim(struct db *db, struct err *err) {
    const struct db_value max = db_int(JUDGEMENTS_MAX);
    return db_run(db,
                  "DELETE FROM judgement WHERE id IN (SELECT id FROM judgement ORDER BY at_ms "
                  "DESC, id DESC LIMIT -1 OFFSET ?1)",
                  &max, 1, err);
}

int judgements_tidy(struct db *db, int64_t now_ms, struct err *err) {
    const struct db_value before = db_int(now_ms - (int64_t)JUDGEMENT_DAYS_MAX * 24 * 3600 * 1000);
    int r = db_run(db, "DELETE FROM judgement WHERE at_ms < ?1", &before, 1, err);
    return r < 0 ? r : judgements_trim(db, err);
}

int judgement_get(struct db *db, const char *id, struct buf *ret, struct buf *ret_workspace,
                  struct err *err) {
    const struct db_value of = db_text(id);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT value, workspace FROM judgement WHERE ?1 IN ('', id) ORDER BY "
                         "at_ms DESC, id DESC LIMIT 1",
                         &of, 1, &rows, err);
    if (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        size_t n = 0;
        const char *value = db_col_text(rows, 0, &n);
        int added = buf_append(ret, value ? value : "", n);
        const char *workspace = db_col_text(rows, 1, &n);
        if (added == 0 && ret_workspace)
            added = buf_append(ret_workspace, workspace ? workspace : "", n);
        if (added < 0)
            r = err_set(err, added, "out of memory");
    }
    db_rows_close(rows);
    return r;
}

int judgements_each(struct db *db, const char *without, judgement_fn *fn, void *ctx,
                    struct err *err) {
    const struct db_value of[] = {db_text(without), db_int((int64_t)strlen(without)),
                                  db_int(JUDGEMENTS_MAX)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT id, at_ms, workspace, value FROM judgement WHERE ?2 = 0 OR "
                         "substr(id, 1, ?2) <> ?1 ORDER BY at_ms DESC, id DESC LIMIT ?3",
                         of, 3, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct judgement j = {.id = db_col_text(rows, 0, NULL),
                              .at_ms = db_col_int(rows, 1),
                              .workspace = db_col_text(rows, 2, NULL)};
        j.value = db_col_text(rows, 3, &j.bytes);
        r = j.id && j.workspace && j.value ? fn(ctx, &j, err) : ERR_NOMEM;
        if (r > 0) {
            r = 0;
            break;
        }
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int judgement_counted(struct db *db, const char *id, struct buf *ret, struct err *err) {
    const struct db_value of = db_text(id);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT counted FROM judgement WHERE id = ?1", &of, 1, &rows, err);
    if (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        const char *word = db_col_text(rows, 0, NULL);
        if (buf_puts(ret, word ? word : "") < 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_close(rows);
    return r;
}

int judgement_count(struct db *db, const char *id, const char *verdict, struct err *err) {
    const struct db_value row[] = {db_text(id), db_text(verdict)};
    return db_run(db, "UPDATE judgement SET counted = ?2 WHERE id = ?1", row, 2, err);
}
