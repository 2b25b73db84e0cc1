#include "core/workspace/history_cache.h"

#include "core/base/env.h"
#include "core/store/store_cache.h"

#define DAY_MS (24LL * 60 * 60 * 1000)

static int64_t today(void) {
    return env_now_wall_ms() / DAY_MS;
}

void history_cache_load(struct store *store, const char *workspace, struct history *h) {
    const struct db_value path = db_text(workspace);
    struct db *db = NULL;
    struct db_rows *rows = NULL;
    if (!store || store_cache_get(store, &db, NULL) < 0)
        return;
    int r =
        db_rows_open(db, "SELECT data FROM code_history WHERE path = ?1", &path, 1, &rows, NULL);
    if (r == 0)
        r = db_rows_next(rows, NULL);
    if (r == 1) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        // Of another version, or damaged: read again, and written over then.
        if (bytes)
            (void)history_load(h, bytes, n, NULL);
    }
    db_rows_close(rows);
    store_cache_put(store, db, r < 0 ? r : 0);
}

void history_cache_save(struct store *store, const char *workspace, const struct history *h) {
    AUTO_BUF bytes = BUF_INIT(HISTORY_CACHE_BYTES_MAX);
    struct db *db = NULL;
    if (!store || history_save(h, &bytes, NULL) < 0 || store_cache_get(store, &db, NULL) < 0)
        return;
    const struct db_value old[] = {db_int(today() - HISTORY_CACHE_DAYS)};
    const struct db_value row[] = {db_text(workspace), db_int(today()),
                                   db_blob(bytes.data, bytes.len)};
    int r = db_run(db, "DELETE FROM code_history WHERE used < ?1", old, 1, NULL);
    if (r == 0)
        r = db_run(db,
                   "INSERT INTO code_history (path, used, data) VALUES (?1, ?2, ?3) ON CONFLICT "
                   "(path) DO UPDATE SET used = excluded.used, data = excluded.data",
                   row, 3, NULL);
    store_cache_put(store, db, r);
}
