// Removing notes with everything made from them.
#include "core/store/memory.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"

#include <sqlite3.h>

struct place { // where a note hangs
    int64_t id, workspace, thread, prev, next;
    bool forgotten;
};

// 1 found, 0 none, ERR_*.
static int place_find(struct db *db, const char *uid, struct place *ret, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT n.id, n.workspace, n.forgotten, k.thread, k.prev_id, k.next_id "
                         "FROM note AS n JOIN note_rank AS k ON k.id = n.id WHERE n.uid = ?1",
                         (struct db_value[]){db_text(uid)}, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 1)
        *ret = (struct place){.id = db_col_int(rows, 0),
                              .workspace = db_col_int(rows, 1),
                              .forgotten = db_col_int(rows, 2) != 0,
                              .thread = db_col_int(rows, 3),
                              .prev = db_col_int(rows, 4),
                              .next = db_col_int(rows, 5)};
    db_rows_close(rows);
    return r;
}

// The neighbours become each other's; a thread without notes goes, and its name with it.
static int thread_leave(struct db *db, const struct place *p, struct err *err) {
    if (!p->thread)
        return 0;
    int r = db_run(db, "UPDATE note_rank SET next_id = ?2 WHERE id = ?1",
                   (struct db_value[]){db_int(p->prev), db_int(p->next)}, 2, err);
    if (r == 0)
        r = db_run(db, "UPDATE note_rank SET prev_id = ?2 WHERE id = ?1",
                   (struct db_value[]){db_int(p->next), db_int(p->prev)}, 2, err);
    if (r < 0 || p->next)
        return r;
    if (p->prev)
        return db_run(db, "UPDATE thread SET last_id = ?2 WHERE id = ?1",
                      (struct db_value[]){db_int(p->thread), db_int(p->prev)}, 2, err);
    return db_run(db, "DELETE FROM thread WHERE id = ?1", (struct db_value[]){db_int(p->thread)}, 1,
                  err);
}

static int workspace_leave(struct db *db, int64_t workspace, struct err *err) {
    int r = db_run(db, "UPDATE workspace SET notes = notes - 1 WHERE id = ?1",
                   (struct db_value[]){db_int(workspace)}, 1, err);
    if (r < 0)
        return r;
    return db_run(db, "DELETE FROM workspace WHERE id = ?1 AND id <> 0 AND notes <= 0",
                  (struct db_value[]){db_int(workspace)}, 1, err);
}

static int erase_one(struct db *db, const struct place *p, struct err *err) {
    int r = p->forgotten ? 0 : note_withdraw(db, p->id, err);
    if (r == 0)
        r = thread_leave(db, p, err);
    if (r == 0)
        r = db_run(db, "DELETE FROM note_rank WHERE id = ?1", (struct db_value[]){db_int(p->id)}, 1,
                   err);
    if (r == 0)
        r = db_run(db, "DELETE FROM note WHERE id = ?1", (struct db_value[]){db_int(p->id)}, 1,
                   err);
    return r < 0 ? r : workspace_leave(db, p->workspace, err);
}

int memory_erase_hard(struct db *db, const char *const *uids, size_t n, int64_t *ret_erased,
                      struct err *err) {
    int64_t erased = 0;
    for (size_t i = 0; i < n; i++) {
        struct place p;
        int r = place_find(db, uids[i], &p, err);
        if (r == 1) {
            r = erase_one(db, &p, err);
            erased++;
        }
        if (r < 0)
            return r;
    }
    *ret_erased = erased;
    return 0;
}

int memory_tidy(struct db *db, struct err *err) {
    enum { PAGES = 64, SEGMENTS_MIN = 2, NOTHING_DONE = 2 };
    int64_t segments = 0;
    // Kept in the index itself; its default joins four or more.
    int r = db_one_int(db, "SELECT v FROM note_fts_config WHERE k = 'usermerge'", NULL, 0,
                       &segments, err);
    if (r >= 0 && segments != SEGMENTS_MIN)
        r = db_run(db, "INSERT INTO note_fts (note_fts, rank) VALUES ('usermerge', ?1)",
                   (struct db_value[]){db_int(SEGMENTS_MIN)}, 1, err);
    if (r < 0)
        return r;
    int before = sqlite3_total_changes(db_handle(db));
    r = db_run(db, "INSERT INTO note_fts (note_fts, rank) VALUES ('merge', ?1)",
               (struct db_value[]){db_int(PAGES)}, 1, err);
    // SQLite's documentation of FTS5, "The merge Command": fewer changes than two, nothing was
    // done.
    return r < 0 ? r : sqlite3_total_changes(db_handle(db)) - before >= NOTHING_DONE;
}

int memory_erase_finish(struct db *db, struct err *err) {
    return db_run(db, "INSERT INTO note_fts (note_fts) VALUES ('optimize')", NULL, 0, err);
}
