#include "core/store/usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS (24LL * 60 * 60 * 1000)

static int64_t day_of(int64_t ms) {
    return ms >= 0 ? ms / DAY_MS : (ms - (DAY_MS - 1)) / DAY_MS;
}

int64_t usage_month_start(int64_t at_ms) {
    time_t seconds = (time_t)(day_of(at_ms) * (DAY_MS / 1000));
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return 0;
    return (day_of(at_ms) - (tm.tm_mday - 1)) * DAY_MS;
}

// --- adding -------------------------------------------------------------------------------------

enum { KEY_COLUMNS = 6, SUM_COLUMNS = 10, COLUMNS = KEY_COLUMNS + SUM_COLUMNS };

static int check(const struct usage *u, struct err *err) {
    const char *const names[] = {u->agent, u->backend, u->model, u->session};
    const struct usage_sum *s = &u->sum;
    const int64_t counts[] = {s->requests, s->failed, s->input, s->cached,    s->cache_write,
                              s->output,   s->cost,   s->hits,  s->hit_tokens};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) > USAGE_NAME_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "usage: a name has more than %d bytes",
                           USAGE_NAME_BYTES_MAX);
    if (u->workspace && strlen(u->workspace) > USAGE_PATH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "usage: the workspace's path is too long");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] < 0 || counts[i] > USAGE_COUNT_MAX)
            return err_set(err, ERR_INVAL, "usage: a count is out of range");
    if (s->saved < -USAGE_COUNT_MAX || s->saved > USAGE_COUNT_MAX)
        return err_set(err, ERR_INVAL, "usage: what was saved is out of range");
    return 0;
}

static int update_row(struct db *db, const struct db_value *row, struct err *err) {
    int r = db_run(db,
                   "UPDATE usage SET requests = requests + ?7, failed = failed + ?8, input = input "
                   "+ ?9, cached = cached + ?10, cache_write = cache_write + ?11, output = output "
                   "+ ?12, cost = cost + ?13, saved = saved + ?14, hits = hits + ?15, hit_tokens "
                   "= hit_tokens + ?16 WHERE day = ?1 AND agent = ?2 "
                   "AND backend = ?3 AND model = ?4 AND session = ?5 AND workspace = ?6",
                   row, COLUMNS, err);
    return r < 0 ? r : db_changes(db) > 0;
}

int usage_add(struct db *db, const struct usage *u, struct err *err) {
    int r = check(u, err);
    if (r < 0)
        return r;
    struct db_value row[COLUMNS] = {
        db_int(day_of(u->at_ms)),   db_text(u->agent),
        db_text(u->backend),        db_text(u->model),
        db_text(u->session),        db_text(u->workspace ? u->workspace : ""),
        db_int(u->sum.requests),    db_int(u->sum.failed),
        db_int(u->sum.input),       db_int(u->sum.cached),
        db_int(u->sum.cache_write), db_int(u->sum.output),
        db_int(u->sum.cost),        db_int(u->sum.saved),
        db_int(u->sum.hits),        db_int(u->sum.hit_tokens),
    };
    r = update_row(db, row, err);
    if (r != 0)
        return r < 0 ? r : 0;
    int64_t rows = 0;
    r = db_one_int(db, "SELECT count(*) FROM usage WHERE day = ?1", row, 1, &rows, err);
    if (r >= 0 && rows >= USAGE_ROWS_DAY_MAX && u->session[0]) {
        row[4] = db_text(""); // a flood of sessions is still counted
        r = update_row(db, row, err);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    return r < 0 ? r
                 : db_run(db,
                          "INSERT INTO usage (day, agent, backend, model, session, workspace, "
                          "requests, failed, input, cached, cache_write, output, cost, saved, "
                          "hits, hit_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                          "?11, ?12, ?13, ?14, ?15, ?16)",
                          row, COLUMNS, err);
}

// --- reading ------------------------------------------------------------------------------------

#define SUMS                                                                                       \
    "total(requests), total(failed), total(input), total(cached), total(cache_write), "            \
    "total(output), total(cost), total(saved), total(hits), total(hit_tokens)"
#define WITHIN "FROM usage WHERE day >= ?1 AND day <= ?2 AND (?3 IS NULL OR workspace = ?3) "
// total() gives a REAL, exact up to 2^53 and without an overflow's error.
#define BY(column)                                                                                 \
    "SELECT " column ", " SUMS " " WITHIN "GROUP BY " column                                       \
    " ORDER BY total(cost) DESC, total(input) + total(cached) + total(cache_write) + "             \
    "total(output) DESC, " column " LIMIT ?4"

static const char *const reports[] = {
    [USAGE_BY_DAY] = "SELECT date(day * 86400, 'unixepoch'), " SUMS " " WITHIN
                     "GROUP BY day ORDER BY day DESC LIMIT ?4",
    [USAGE_BY_AGENT] = BY("agent"),
    [USAGE_BY_BACKEND] = BY("backend"),
    [USAGE_BY_MODEL] = BY("model"),
    [USAGE_BY_SESSION] = BY("session"),
    [USAGE_BY_WORKSPACE] = BY("workspace"),
};

static struct usage_sum sum_from(struct db_rows *rows, int first) {
    return (struct usage_sum){
        .requests = (int64_t)db_col_real(rows, first),
        .failed = (int64_t)db_col_real(rows, first + 1),
        .input = (int64_t)db_col_real(rows, first + 2),
        .cached = (int64_t)db_col_real(rows, first + 3),
        .cache_write = (int64_t)db_col_real(rows, first + 4),
        .output = (int64_t)db_col_real(rows, first + 5),
        .cost = (int64_t)db_col_real(rows, first + 6),
        .saved = (int64_t)db_col_real(rows, first + 7),
        .hits = (int64_t)db_col_real(rows, first + 8),
        .hit_tokens = (int64_t)db_col_real(rows, first + 9),
    };
}

int usage_report_of(struct db *db, const char *workspace, enum usage_by by, int64_t since_ms,
                    int64_t until_ms, int64_t limit, usage_fn *fn, void *ctx, struct err *err) {
    const struct db_value of[] = {db_int(day_of(since_ms)), db_int(day_of(until_ms)),
                                  db_text(workspace), db_int(limit)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, reports[by], of, 4, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct usage_sum sum = sum_from(rows, 1);
        const char *key = db_col_text(rows, 0, NULL);
        r = fn(ctx, key ? key : "", &sum, err);
    }
    db_rows_close(rows);
    return r;
}

int usage_report(struct db *db, enum usage_by by, int64_t since_ms, int64_t until_ms, int64_t limit,
                 usage_fn *fn, void *ctx, struct err *err) {
    return usage_report_of(db, NULL, by, since_ms, until_ms, limit, fn, ctx, err);
}

int usage_total_of(struct db *db, const char *workspace, int64_t since_ms, int64_t until_ms,
                   struct usage_sum *ret, struct err *err) {
    const struct db_value of[] = {db_int(day_of(since_ms)), db_int(day_of(until_ms)),
                                  db_text(workspace)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT " SUMS " " WITHIN, of, 3, &rows, err);
    if (r == 0 && (r = db_rows_next(rows, err)) > 0)
        *ret = sum_from(rows, 0);
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int usage_total(struct db *db, int64_t since_ms, int64_t until_ms, struct usage_sum *ret,
                struct err *err) {
    return usage_total_of(db, NULL, since_ms, until_ms, ret, err);
}

// --- joining ------------------------------------------------------------------------------------

#define JOIN_INTO(day, session, where, group)                                                      \
    "INSERT INTO usage (day, agent, backend, model, session, workspace, requests, failed, input, " \
    "cached, cache_write, output, cost, saved, hits, hit_tokens) SELECT " day                      \
    ", agent, backend, model, " session                                                            \
    ", workspace, sum(requests), sum(failed), sum(input), sum(cached), sum(cache_write), "         \
    "sum(output), sum(cost), sum(saved), sum(hits), sum(hit_tokens) FROM usage WHERE " where       \
    " GROUP BY " group                                                                             \
    " ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, failed = failed + "       \
    "excluded.failed, input = input + excluded.input, cached = cached + excluded.cached, "         \
    "cache_write = cache_write + excluded.cache_write, output = output + excluded.output, "        \
    "cost = cost + excluded.cost, saved = saved + excluded.saved, hits = hits + excluded.hits, "   \
    "hit_tokens = hit_tokens + excluded.hit_tokens"
#define MONTH      "CAST(unixepoch(day * 86400, 'unixepoch', 'start of month') / 86400 AS INTEGER)"
#define OLD_DAYS   "day < ?1 AND strftime('%d', day * 86400, 'unixepoch') <> '01'"
#define OLD_NAMED  "day < ?1 AND session <> ''"
#define SAME_DAY   "day, agent, backend, model, workspace"
#define SAME_MONTH MONTH ", agent, backend, model, session, workspace"

static int join(struct db *db, const char *find, const char *insert, const char *drop, int64_t day,
                struct err *err) {
    const struct db_value before = db_int(day);
    int64_t one = 0;
    int r = db_one_int(db, find, &before, 1, &one, err);
    if (r <= 0)
        return r;
    r = db_run(db, insert, &before, 1, err);
    return r < 0 ? r : db_run(db, drop, &before, 1, err);
}

int usage_tidy(struct db *db, int64_t now_ms, struct err *err) {
    int64_t today = day_of(now_ms), rows = 0;
    int r = join(db, "SELECT 1 FROM usage WHERE " OLD_NAMED " LIMIT 1",
                 JOIN_INTO("day", "''", OLD_NAMED, SAME_DAY), "DELETE FROM usage WHERE " OLD_NAMED,
                 today - USAGE_SESSION_DAYS, err);
    if (r == 0)
        r = join(db, "SELECT 1 FROM usage WHERE " OLD_DAYS " LIMIT 1",
                 JOIN_INTO(MONTH, "session", OLD_DAYS, SAME_MONTH),
                 "DELETE FROM usage WHERE " OLD_DAYS, today - USAGE_DAY_DAYS, err);
    if (r == 0)
        r = db_one_int(db, "SELECT count(*) FROM usage", NULL, 0, &rows, err);
    if (r < 0 || rows <= USAGE_ROWS_MAX)
        return r < 0 ? r : 0;
    const struct db_value over = db_int(rows - USAGE_ROWS_MAX);
    return db_run(db,
                  "DELETE FROM usage WHERE (day, agent, backend, model, session, workspace) IN "
                  "(SELECT day, agent, backend, model, session, workspace FROM usage ORDER BY day "
                  "LIMIT ?1)",
                  &over, 1, err);
}
