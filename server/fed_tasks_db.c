// Tables of tasks in peers.db: what is listed after a restart, what a friend has used up today, and
// policies. Made where they are missing; nothing of what was sent or answered is kept.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/db/db.h"
#include "server/fed_tasks.h"

#include <string.h>

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS task (ours INTEGER NOT NULL, id TEXT NOT NULL, device BLOB NOT "
    "NULL, identity BLOB NOT NULL, request BLOB NOT NULL, agent TEXT NOT NULL, skill TEXT NOT "
    "NULL, state INTEGER NOT NULL, text TEXT NOT NULL, made_ms INTEGER NOT NULL, changed_ms "
    "INTEGER NOT NULL, cancel INTEGER NOT NULL, PRIMARY KEY (ours, id, device)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TABLE IF NOT EXISTS task_usage (identity BLOB PRIMARY KEY, day INTEGER NOT NULL, "
    "requests INTEGER NOT NULL, cpu_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS task_policy (identity BLOB NOT NULL, agent TEXT NOT NULL, mode "
    "INTEGER NOT NULL, requests INTEGER NOT NULL, cpu_s INTEGER NOT NULL, PRIMARY KEY (identity, "
    "agent)) STRICT, WITHOUT ROWID;";

enum { DAY_MS = 24 * 3600 * 1000, RESTORED_MAX = TASKS_ASKED_MAX + TASKS_KEPT_MAX };

static void lost(const char *what, const struct err *err) {
    log_line(LOG_WARN, "federation", "%s not kept code=%s", what, err_name(err->code));
}

int fed_tasks_db_open(struct db *db, int64_t now_ms, struct err *err) {
    const struct db_value old[] = {db_int(now_ms - DAY_MS)};
    const struct db_value day[] = {db_int(now_ms / DAY_MS)};
    int r = db_script(db, tables, err);
    if (r == 0)
        r = db_run(db, "DELETE FROM task WHERE changed_ms < ?1 AND state IN (2, 3, 4, 6)", old, 1,
                   err);
    return r < 0 ? r : db_run(db, "DELETE FROM task_usage WHERE day < ?1", day, 1, err);
}

void fed_tasks_db_keep(struct db *db, const struct tasks_row *w) {
    const struct db_value v[] = {db_int(w->ours),
                                 db_text(w->id),
                                 db_blob(w->device, sizeof w->device),
                                 db_blob(w->identity, sizeof w->identity),
                                 db_blob(w->request, sizeof w->request),
                                 db_text(w->agent),
                                 db_text(w->skill),
                                 db_int(w->state),
                                 db_text(w->text),
                                 db_int(w->made_ms),
                                 db_int(w->changed_ms),
                                 db_int(w->cancel)};
    struct err err = {0};
    if (db_run(db,
               "INSERT INTO task VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
               "ON CONFLICT DO UPDATE SET request = ?5, state = ?8, text = ?9, changed_ms = ?11, "
               "cancel = ?12",
               v, COUNT_OF(v), &err) < 0)
        lost("a task", &err);
}

void fed_tasks_db_forget(struct db *db, bool ours, const char *id, const uint8_t device[32]) {
    const struct db_value v[] = {db_int(ours), db_text(id), db_blob(device, 32)};
    struct err err = {0};
    if (db_run(db, "DELETE FROM task WHERE ours = ?1 AND id = ?2 AND device = ?3", v, COUNT_OF(v),
               &err) < 0)
        lost("that a task is over", &err);
}

void fed_tasks_db_usage(struct db *db, const struct tasks_usage *u) {
    const struct db_value v[] = {db_blob(u->identity, sizeof u->identity), db_int(u->day),
                                 db_int(u->requests), db_int((int64_t)u->cpu_ms)};
    struct err err = {0};
    if (db_run(db,
               "INSERT INTO task_usage VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET day = "
               "?2, requests = ?3, cpu_ms = ?4",
               v, COUNT_OF(v), &err) < 0)
        lost("what a friend has used", &err);
}

static bool blob(struct db_rows *rows, int col, uint8_t ret[32]) {
    size_t n = 0;
    const void *b = db_col_blob(rows, col, &n);
    if (!b || n != 32)
        return false;
    memcpy(ret, b, 32);
    return true;
}
static bool word(struct db_rows *rows, int col, char *ret, size_t room) {
    size_t n = 0;
    const char *s = db_col_text(rows, col, &n);
    if (!s || n >= room || memchr(s, '\0', n))
        return false;
    memcpy(ret, s, n);
    ret[n] = '\0';
    return true;
}

static bool read_row(struct db_rows *rows, struct tasks_row *w) {
    int64_t state = db_col_int(rows, 7);
    *w = (struct tasks_row){.ours = db_col_int(rows, 0) != 0,
                            .made_ms = db_col_int(rows, 9),
                            .changed_ms = db_col_int(rows, 10),
                            .cancel = db_col_int(rows, 11) != 0};
    if (state < 0 || state >= A2A_STATES)
        return false;
    w->state = (enum a2a_state)state;
    return word(rows, 1, w->id, sizeof w->id) && blob(rows, 2, w->device) &&
           blob(rows, 3, w->identity) && blob(rows, 4, w->request) &&
           word(rows, 5, w->agent, sizeof w->agent) && word(rows, 6, w->skill, sizeof w->skill) &&
           word(rows, 8, w->text, sizeof w->text);
}

// Read whole before it is handed on: what takes it writes into the same table.
static int restore_rows(struct db *db, int (*row)(void *, const struct tasks_row *), void *arg) {
    AUTO_FREE struct tasks_row *all = mem_alloc(RESTORED_MAX * sizeof *all);
    struct db_rows *rows = NULL;
    const struct db_value most[] = {db_int(RESTORED_MAX)};
    size_t n = 0;
    int r = all ? db_rows_open(db, "SELECT * FROM task ORDER BY made_ms DESC, id LIMIT ?1", most, 1,
                               &rows, NULL)
                : ERR_NOMEM;
    while (r >= 0 && n < RESTORED_MAX && (r = db_rows_next(rows, NULL)) > 0)
        n += read_row(rows, &all[n]);
    db_rows_close(rows);
    while (r >= 0 && n > 0) // the newest last, as they came
        r = row(arg, &all[--n]);
    return r < 0 ? r : 0;
}

int fed_tasks_db_restore(struct db *db, int (*row)(void *arg, const struct tasks_row *r),
                         int (*usage)(void *arg, const struct tasks_usage *u), void *arg) {
    struct db_rows *rows = NULL;
    int r = restore_rows(db, row, arg);
    if (r == 0)
        r = db_rows_open(db, "SELECT identity, day, requests, cpu_ms FROM task_usage", NULL, 0,
                         &rows, NULL);
    while (r >= 0 && rows && (r = db_rows_next(rows, NULL)) > 0) {
        struct tasks_usage u = {.day = db_col_int(rows, 1),
                                .requests = (uint32_t)db_col_int(rows, 2),
                                .cpu_ms = (uint64_t)db_col_int(rows, 3)};
        if (blob(rows, 0, u.identity))
            r = usage(arg, &u);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

// --- policies ----------------------------------------------------------------------------------

static void read_policy(struct db_rows *rows, int from, struct tasks_policy *ret) {
    int64_t mode = db_col_int(rows, from);
    *ret = (struct tasks_policy){.mode = mode >= 0 && mode < TASKS_MODES ? (enum tasks_mode)mode
                                                                         : TASKS_NEVER,
                                 .requests_day = (uint32_t)db_col_int(rows, from + 1),
                                 .cpu_s_day = (uint32_t)db_col_int(rows, from + 2)};
}

void fed_tasks_db_policy(struct db *db, const uint8_t identity[32], const char *agent,
                         struct tasks_policy *ret) {
    static const uint8_t everybody[32];
    const struct db_value v[] = {db_blob(identity, 32), db_text(agent), db_blob(everybody, 32)};
    struct db_rows *rows = NULL;
    *ret = (struct tasks_policy){.mode = TASKS_ASK};
    int r = db_rows_open(db,
                         "SELECT mode, requests, cpu_s FROM task_policy WHERE identity IN (?1, ?3) "
                         "AND agent IN (?2, '') ORDER BY identity = ?1 DESC, agent = ?2 DESC LIMIT "
                         "1",
                         v, COUNT_OF(v), &rows, NULL);
    if (r >= 0 && (r = db_rows_next(rows, NULL)) > 0)
        read_policy(rows, 0, ret);
    if (r < 0) // what cannot be read lets nobody in
        ret->mode = TASKS_NEVER;
    db_rows_close(rows);
}

int fed_tasks_db_policy_put(struct db *db, const uint8_t identity[32], const char *agent,
                            const struct tasks_policy *p, struct err *err) {
    const struct db_value v[] = {db_blob(identity, 32), db_text(agent), db_int(p->mode),
                                 db_int(p->requests_day), db_int(p->cpu_s_day)};
    int64_t n = 0;
    int r = db_one_int(db, "SELECT count(*) FROM task_policy", NULL, 0, &n, err);
    if (r >= 0 && n >= FED_TASKS_POLICIES_MAX)
        return err_set(err, ERR_LIMIT, "there are %d policies already", FED_TASKS_POLICIES_MAX);
    return r < 0 ? r
                 : db_run(db,
                          "INSERT INTO task_policy VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO "
                          "UPDATE SET mode = ?3, requests = ?4, cpu_s = ?5",
                          v, COUNT_OF(v), err);
}

int fed_tasks_db_policies(struct db *db, fed_tasks_policy_fn *fn, void *ctx, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT identity, agent, mode, requests, cpu_s FROM task_policy ORDER BY "
                         "identity, agent",
                         NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        uint8_t identity[32];
        char agent[TASKS_AGENT_BYTES_MAX + 1];
        struct tasks_policy p;
        read_policy(rows, 2, &p);
        if (blob(rows, 0, identity) && word(rows, 1, agent, sizeof agent))
            r = fn(ctx, identity, agent, &p);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}
