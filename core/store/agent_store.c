#include "core/store/agent_store.h"

#include "core/base/mem.h"

#include <jansson.h>
#include <string.h>

int agent_store_get(struct db *db, const char *workspace, const char *agent, const char *key,
                    struct buf *ret, struct err *err) {
    const struct db_value of[] = {db_text(workspace), db_text(agent), db_text(key)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(
        db, "SELECT value FROM agent_memory WHERE workspace = ?1 AND agent = ?2 AND key = ?3", of,
        3, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        size_t n = 0;
        const char *value = db_col_text(rows, 0, &n);
        int added = value ? buf_append(ret, value, n) : 0;
        if (added < 0)
            r = err_set(err, added, "an agent's memory is too large");
    }
    db_rows_close(rows);
    return r;
}

static int check_room(struct db *db, const struct db_value *of, struct err *err) {
    int64_t count = 0, known = 0;
    int r = db_one_int(db, "SELECT count(*) FROM agent_memory WHERE workspace = ?1 AND agent = ?2",
                       of, 2, &count, err);
    if (r < 0 || count < AGENT_KEYS_MAX)
        return r < 0 ? r : 0;
    r = db_one_int(db,
                   "SELECT 1 FROM agent_memory WHERE workspace = ?1 AND agent = ?2 AND key = ?3",
                   of, 3, &known, err);
    return r != 0 ? (r < 0 ? r : 0)
                  : err_set(err, ERR_LIMIT, "an agent keeps at most %d things of a workspace",
                            AGENT_KEYS_MAX);
}

int agent_store_put(struct db *db, const char *workspace, const char *agent, const char *key,
                    const char *value, size_t bytes, int64_t now_ms, struct err *err) {
    const struct db_value row[] = {db_text(workspace), db_text(agent), db_text(key),
                                   db_text_n(value, bytes), db_int(now_ms)};
    if (strlen(key) > AGENT_KEY_BYTES_MAX || bytes > AGENT_VALUE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "an agent's memory holds at most %d bytes under one key",
                       AGENT_VALUE_BYTES_MAX);
    if (!value)
        return db_run(db,
                      "DELETE FROM agent_memory WHERE workspace = ?1 AND agent = ?2 AND key = ?3",
                      row, 3, err);
    int r = check_room(db, row, err);
    return r < 0 ? r
                 : db_run(db,
                          "INSERT INTO agent_memory (workspace, agent, key, value, changed_ms) "
                          "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (workspace, agent, key) DO "
                          "UPDATE SET value = excluded.value, changed_ms = excluded.changed_ms",
                          row, 5, err);
}

int agent_store_drop(struct db *db, const char *agent, const char *key, struct err *err) {
    const struct db_value of[] = {db_text(agent), db_text(key)};
    return db_run(db, "DELETE FROM agent_memory WHERE agent = ?1 AND key = ?2", of, 2, err);
}

int agent_store_newest(struct db *db, const char *workspace, const char *agent, const char *prefix,
                       const struct agent_store_row *after, int64_t limit, agent_store_fn *fn,
                       void *ctx, struct err *err) {
    char end[AGENT_KEY_BYTES_MAX + 1]; // the first key behind those with the prefix
    size_t n = strlen(prefix);
    if (n == 0 || n >= sizeof end)
        return err_set(err, ERR_INVAL, "a prefix has 1 to %d bytes", AGENT_KEY_BYTES_MAX);
    memcpy(end, prefix, n + 1);
    end[n - 1]++;
    const struct db_value of[] = {db_text(agent),
                                  db_text(prefix),
                                  db_text(end),
                                  db_text(workspace),
                                  db_int(after ? after->changed_ms : INT64_MAX),
                                  db_text(after ? after->key : ""),
                                  db_int(limit)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT workspace, key, value, changed_ms FROM agent_memory "
                         "WHERE agent = ?1 AND key >= ?2 AND key < ?3 "
                         "AND (?4 IS NULL OR workspace = ?4) "
                         "AND (changed_ms < ?5 OR (changed_ms = ?5 AND key > ?6)) "
                         "ORDER BY changed_ms DESC, key, workspace LIMIT ?7",
                         of, 7, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct agent_store_row row = {.workspace = db_col_text(rows, 0, NULL),
                                      .key = db_col_text(rows, 1, NULL),
                                      .changed_ms = db_col_int(rows, 3)};
        row.value = db_col_text(rows, 2, &row.value_bytes);
        r = fn(ctx, &row, err);
    }
    db_rows_close(rows);
    return r;
}

// --- export ------------------------------------------------------------------------------------

bool agent_store_exported(const char *agent, const char *key) {
    return strcmp(agent, "sherlock") == 0 &&
           (strcmp(key, "mutes") == 0 || strcmp(key, "baseline") == 0);
}

static bool holds(const json_t *list, const json_t *value) {
    size_t i;
    const json_t *x;
    json_array_foreach(list, i, x) if (json_equal(x, value)) return true;
    return false;
}

// 1: something was added.
static int join(json_t *here, const json_t *come) {
    bool any = false;
    for (size_t i = 0; i < json_array_size(come) && json_array_size(here) < AGENT_LIST_MAX; i++) {
        json_t *value = json_array_get(come, i);
        if (holds(here, value))
            continue;
        if (json_array_append(here, value) < 0)
            return ERR_NOMEM;
        any = true;
    }
    return any;
}

static int join_texts(const struct buf *here, const struct agent_store_row *row, struct buf *ret) {
    json_t *a = json_loadb(here->data, here->len, 0, NULL);
    json_t *b = json_loadb(row->value, row->value_bytes, 0, NULL);
    int r = json_is_array(a) && json_is_array(b) ? join(a, b) : 0;
    if (r > 0 && buf_put_json(ret, a, JSON_COMPACT | JSON_SORT_KEYS) < 0)
        r = 0; // as large as it may be
    json_decref(a);
    json_decref(b);
    return r;
}

int agent_store_import(struct db *db, const char *agent, const struct agent_store_row *row,
                       bool *ret_added, struct err *err) {
    AUTO_BUF here = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    AUTO_BUF both = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    *ret_added = false;
    int r = agent_store_get(db, row->workspace, agent, row->key, &here, err);
    if (r < 0)
        return r;
    const char *value = row->value;
    size_t bytes = row->value_bytes;
    if (r > 0) {
        r = join_texts(&here, row, &both);
        if (r <= 0)
            return r < 0 ? err_set(err, r, "out of memory") : 0;
        value = both.data;
        bytes = both.len;
    }
    r = agent_store_put(db, row->workspace, agent, row->key, value, bytes, row->changed_ms, err);
    *ret_added = r == 0;
    return r;
}
