#include "core/store/check_rates.h"

#include <string.h>

#define KEY "workspace = ?1 AND name = ?2 AND model = ?3"

static int trim(struct db *db, struct err *err) {
    const struct db_value max = db_int(CHECK_RATES_MAX);
    return db_run(db,
                  "DELETE FROM check_rate WHERE (workspace, name, model) IN (SELECT workspace, "
                  "name, model FROM check_rate ORDER BY changed_ms DESC, workspace, name, model "
                  "LIMIT -1 OFFSET ?1)",
                  &max, 1, err);
}

int check_rates_ran(struct db *db, const struct check_rate *r, bool passed, int64_t now_ms,
                    struct err *err) {
    const struct db_value row[] = {db_text(r->workspace), db_text(r->name),       db_text(r->model),
                                   db_text(r->kind),      db_int(passed ? 1 : 0), db_int(now_ms)};
    int n = db_run(db,
                   "INSERT INTO check_rate (workspace, name, model, kind, runs, passes, "
                   "right_passed, right_failed, wrong_passed, wrong_failed, changed_ms) VALUES "
                   "(?1, ?2, ?3, ?4, 1, ?5, 0, 0, 0, 0, ?6) ON CONFLICT (workspace, name, model) "
                   "DO UPDATE SET kind = excluded.kind, runs = runs + 1, passes = passes + ?5, "
                   "changed_ms = ?6",
                   row, 6, err);
    return n < 0 ? n : trim(db, err);
}

// Old verdicts fade, so that a check that was mended is noticed.
static int fade(struct db *db, const struct check_rate *r, struct err *err) {
    const struct db_value of[] = {db_text(r->workspace), db_text(r->name),
                                  db_int(CHECK_RATES_VERDICTS_MAX)};
    return db_run(db,
                  "UPDATE check_rate SET right_passed = right_passed / 2, right_failed = "
                  "right_failed / 2, wrong_passed = wrong_passed / 2, wrong_failed = wrong_failed "
                  "/ 2 WHERE workspace = ?1 AND name = ?2 AND (SELECT sum(right_passed + "
                  "right_failed + wrong_passed + wrong_failed) FROM check_rate WHERE workspace = "
                  "?1 AND name = ?2) > ?3",
                  of, 3, err);
}

int check_rates_learn(struct db *db, const struct check_rate *r, bool passed, bool right, bool back,
                      int64_t now_ms, struct err *err) {
    double by = back ? -1 : 1;
    const struct db_value row[] = {db_text(r->workspace),
                                   db_text(r->name),
                                   db_text(r->model),
                                   db_text(r->kind),
                                   db_int(now_ms),
                                   db_real(right && passed ? by : 0),
                                   db_real(right && !passed ? by : 0),
                                   db_real(!right && passed ? by : 0),
                                   db_real(!right && !passed ? by : 0)};
    int n = 0;
    if (!back)
        n = db_run(db,
                   "INSERT INTO check_rate (workspace, name, model, kind, runs, passes, "
                   "right_passed, right_failed, wrong_passed, wrong_failed, changed_ms) VALUES "
                   "(?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, ?5) ON CONFLICT (workspace, name, model) DO "
                   "UPDATE SET changed_ms = ?5",
                   row, 5, err);
    if (n >= 0)
        n = db_run(
            db,
            "UPDATE check_rate SET right_passed = max(right_passed + ?6, 0), right_failed = "
            "max(right_failed + ?7, 0), wrong_passed = max(wrong_passed + ?8, 0), "
            "wrong_failed = max(wrong_failed + ?9, 0), kind = ?4, changed_ms = ?5 WHERE " KEY,
            row, 9, err);
    if (n >= 0)
        n = fade(db, r, err);
    return n < 0 ? n : trim(db, err);
}

int check_rates_each(struct db *db, const char *workspace, check_rate_fn *fn, void *ctx,
                     struct err *err) {
    const struct db_value of = workspace ? db_text(workspace) : db_null();
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT workspace, name, model, kind, runs, passes, right_passed, "
                         "right_failed, wrong_passed, wrong_failed FROM check_rate WHERE ?1 IS "
                         "NULL OR workspace = ?1 ORDER BY workspace, name, model",
                         &of, 1, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        const char *words[4];
        for (int i = 0; i < 4; i++) {
            words[i] = db_col_text(rows, i, NULL);
            words[i] = words[i] ? words[i] : "";
        }
        const struct check_rate one = {.workspace = words[0],
                                       .name = words[1],
                                       .model = words[2],
                                       .kind = words[3],
                                       .runs = db_col_int(rows, 4),
                                       .passes = db_col_int(rows, 5),
                                       .right_passed = db_col_real(rows, 6),
                                       .right_failed = db_col_real(rows, 7),
                                       .wrong_passed = db_col_real(rows, 8),
                                       .wrong_failed = db_col_real(rows, 9)};
        r = fn(ctx, &one, err);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int check_rates_forget(struct db *db, struct err *err) {
    int r = db_run(db, "DELETE FROM check_rate", NULL, 0, err);
    return r < 0 ? r : db_run(db, "UPDATE judgement SET counted = ''", NULL, 0, err);
}
