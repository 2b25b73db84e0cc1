#include "core/store/budgets.h"

int budget_get(struct db *db, const char *workspace, struct budget *ret, struct err *err) {
    const struct db_value of = db_text(workspace);
    struct db_rows *rows = NULL;
    *ret = (struct budget){0};
    int r =
        db_rows_open(db, "SELECT day, month FROM budget WHERE workspace = ?1", &of, 1, &rows, err);
    if (r == 0 && (r = db_rows_next(rows, err)) > 0)
        *ret = (struct budget){.day = db_col_int(rows, 0), .month = db_col_int(rows, 1)};
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int budget_set(struct db *db, const char *workspace, const struct budget *b, int64_t now_ms,
               struct err *err) {
    const struct db_value row[] = {db_text(workspace), db_int(b->day), db_int(b->month),
                                   db_int(now_ms)};
    int64_t others = 0;
    if (b->day < 0 || b->month < 0 || b->day > BUDGET_MAX || b->month > BUDGET_MAX)
        return err_set(err, ERR_INVAL, "a budget is 0 to 1000000 dollars");
    if (b->day == 0 && b->month == 0)
        return db_run(db, "DELETE FROM budget WHERE workspace = ?1", row, 1, err);
    int r =
        db_one_int(db, "SELECT count(*) FROM budget WHERE workspace <> ?1", row, 1, &others, err);
    if (r < 0)
        return r;
    if (others >= BUDGETS_MAX)
        return err_set(err, ERR_LIMIT, "%d workspaces have a budget already", BUDGETS_MAX);
    return db_run(db,
                  "INSERT INTO budget (workspace, day, month, changed_ms) VALUES (?1, ?2, ?3, ?4) "
                  "ON CONFLICT (workspace) DO UPDATE SET day = excluded.day, month = "
                  "excluded.month, changed_ms = excluded.changed_ms",
                  row, 4, err);
}

int budget_each(struct db *db, budget_fn *fn, void *ctx, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT workspace, day, month FROM budget ORDER BY workspace", NULL, 0,
                         &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        const struct budget b = {.day = db_col_int(rows, 1), .month = db_col_int(rows, 2)};
        const char *workspace = db_col_text(rows, 0, NULL);
        r = fn(ctx, workspace ? workspace : "", &b, err);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}
