// Notes back out of their rows: get, list, completion.
#include "core/store/memory.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"

#include <string.h>

// --- arena ---------------------------------------------------------------------------------------
// Strings of one result; freed at once.
struct note_chunk {
    struct note_chunk *next;
    size_t used, cap;
    char bytes[];
};
struct note_arena {
    struct note_chunk *chunks;
};
enum { CHUNK_BYTES = 16 * 1024 };

struct note_arena *note_arena_new(void) {
    return mem_zalloc(sizeof(struct note_arena));
}

void note_arena_free(struct note_arena *a) {
    if (!a)
        return;
    while (a->chunks) {
        struct note_chunk *next = a->chunks->next;
        mem_free(a->chunks);
        a->chunks = next;
    }
    mem_free(a);
}

// A terminated copy; NULL when out of memory.
static char *arena_copy(struct note_arena *a, const char *s, size_t n) {
    struct note_chunk *c = a->chunks;
    if (!c || c->cap - c->used < n + 1) {
        size_t cap = n + 1 > CHUNK_BYTES ? n + 1 : CHUNK_BYTES;
        c = mem_alloc(sizeof *c + cap);
        if (!c)
            return NULL;
        c->cap = cap;
        c->used = 0;
        c->next = a->chunks;
        a->chunks = c;
    }
    char *copy = c->bytes + c->used;
    memcpy(copy, s, n);
    copy[n] = '\0';
    c->used += n + 1;
    return copy;
}

static bool column_text(struct db_rows *rows, int col, struct note_arena *a, const char **ret,
                        size_t *ret_bytes) {
    size_t n = 0;
    const char *s = db_col_text(rows, col, &n);
    *ret = s ? arena_copy(a, s, n) : NULL;
    if (ret_bytes)
        *ret_bytes = n;
    return !s || *ret;
}

static void column_uid(struct db_rows *rows, int col, char ret[NOTE_UID_BYTES]) {
    size_t n = 0;
    const char *s = db_col_text(rows, col, &n);
    memset(ret, 0, NOTE_UID_BYTES);
    if (s)
        memcpy(ret, s, n < NOTE_UID_BYTES ? n : NOTE_UID_BYTES - 1);
}

int note_from_row(struct db_rows *rows, struct note_arena *a, struct note *ret, struct err *err) {
    struct note n = {.kind = (enum note_kind)db_col_int(rows, 1),
                     .created_ms = db_col_int(rows, 8),
                     .expires_ms = db_col_int(rows, 9),
                     .tokens = (uint32_t)db_col_int(rows, 11)};
    column_uid(rows, 0, n.uid);
    column_uid(rows, 10, n.superseded_by);
    if (!column_text(rows, 2, a, &n.text, &n.text_bytes) ||
        !column_text(rows, 3, a, &n.subject, NULL) ||
        !column_text(rows, 4, a, &n.workspace, NULL) || !column_text(rows, 5, a, &n.source, NULL) ||
        !column_text(rows, 6, a, &n.thread, NULL) || !column_text(rows, 7, a, &n.tags, NULL))
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = n;
    return 0;
}

// --- results -------------------------------------------------------------------------------------
void recall_result_done(struct recall_result *r) {
    note_arena_free(r->arena);
    mem_free(r->hits);
    *r = (struct recall_result){0};
}

static int result_open(struct recall_result *r, size_t max, struct err *err) {
    *r = (struct recall_result){0};
    r->arena = note_arena_new();
    r->hits = mem_zalloc((max ? max : 1) * sizeof *r->hits);
    if (r->arena && r->hits)
        return 0;
    recall_result_done(r);
    return err_set(err, ERR_NOMEM, "out of memory");
}

// Rows of NOTE_COLUMNS; at most `max` become hits, one more row sets `more`.
static int result_fill(struct db_rows *rows, size_t max, struct recall_result *out,
                       struct err *err) {
    int r;
    while ((r = db_rows_next(rows, err)) == 1) {
        if (out->count == max) {
            out->more = true;
            return 0;
        }
        struct recall_hit *hit = &out->hits[out->count];
        r = note_from_row(rows, out->arena, &hit->note, err);
        if (r < 0)
            return r;
        hit->shown_bytes = hit->note.text_bytes;
        out->count++;
    }
    return r;
}

static int result_query(struct db *db, const char *sql, const struct db_value *values, size_t n,
                        size_t max, struct recall_result *ret, struct err *err) {
    struct recall_result out;
    struct db_rows *rows = NULL;
    int r = result_open(&out, max, err);
    if (r < 0)
        return r;
    r = db_rows_open(db, sql, values, n, &rows, err);
    if (r == 0)
        r = result_fill(rows, max, &out, err);
    db_rows_close(rows);
    if (r < 0) {
        recall_result_done(&out);
        return r;
    }
    *ret = out;
    return 0;
}

int memory_get(struct db *db, const char *uid, struct recall_result *ret, struct err *err) {
    struct recall_result out;
    int r = result_query(
        db, "SELECT " NOTE_COLUMNS " FROM " NOTE_TABLES " WHERE n.uid = ?1 AND n.forgotten = 0",
        (struct db_value[]){db_text(uid)}, 1, 1, &out, err);
    if (r < 0)
        return r;
    if (!out.count) {
        recall_result_done(&out);
        return err_set(err, ERR_NOT_FOUND, "there is no note with this id");
    }
    *ret = out;
    return 0;
}

int memory_known(struct db *db, const char *uid, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT 1 FROM note WHERE uid = ?1", (struct db_value[]){db_text(uid)},
                         1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    db_rows_close(rows);
    return r;
}

// --- list ----------------------------------------------------------------------------------------
struct cursor {
    int64_t created_ms, id;
};

static int cursor_find(struct db *db, const char *uid, struct cursor *ret, struct err *err) {
    *ret = (struct cursor){.created_ms = INT64_MAX, .id = INT64_MAX};
    if (!uid || !*uid)
        return 0;
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT created_ms, id FROM note WHERE uid = ?1",
                         (struct db_value[]){db_text(uid)}, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 1)
        *ret = (struct cursor){.created_ms = db_col_int(rows, 0), .id = db_col_int(rows, 1)};
    db_rows_close(rows);
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "the list cannot be continued: that note is gone");
    return r < 0 ? r : 0;
}

int memory_list(struct db *db, const char *workspace, bool all, const char *cursor, size_t limit,
                struct recall_result *ret, struct err *err) {
    // Of one workspace and the global one: two walks of the index, merged by the sort of at most
    // 2 * (limit + 1) rows. Of all: the index by time alone.
    static const char of_all[] = "SELECT " NOTE_COLUMNS " FROM " NOTE_TABLES
                                 " WHERE (n.created_ms, n.id) < (?1, ?2) AND n.forgotten = 0 "
                                 "ORDER BY n.created_ms DESC, n.id DESC LIMIT ?3";
    static const char of_one[] =
        "SELECT " NOTE_COLUMNS " FROM " NOTE_TABLES " WHERE n.id IN ("
        "SELECT id FROM (SELECT id FROM note WHERE workspace = ?4 AND (created_ms, id) < (?1, ?2) "
        "AND forgotten = 0 ORDER BY created_ms DESC, id DESC LIMIT ?3) UNION ALL "
        "SELECT id FROM (SELECT id FROM note WHERE workspace = 0 AND (created_ms, id) < (?1, ?2) "
        "AND forgotten = 0 AND ?4 <> 0 ORDER BY created_ms DESC, id DESC LIMIT ?3)) "
        "ORDER BY n.created_ms DESC, n.id DESC LIMIT ?3";
    struct cursor after;
    int r = cursor_find(db, cursor, &after, err);
    int64_t id = 0;
    if (r == 0 && !all)
        r = workspace_find(db, workspace, &id, err); // an unknown one has the global notes
    if (r < 0)
        return r;
    const struct db_value values[] = {db_int(after.created_ms), db_int(after.id),
                                      db_int((int64_t)limit + 1), db_int(id)};
    return result_query(db, all ? of_all : of_one, values, all ? 3 : 4, limit, ret, err);
}

// --- completion ----------------------------------------------------------------------------------
// Lines of the first column. A prefix is compared as bytes: `?1 <= x < ?2`.
static int lines_query(struct db *db, const char *sql, const char *prefix, size_t limit,
                       struct buf *out, struct err *err) {
    AUTO_BUF above = BUF_INIT(2 * NOTE_NAME_BYTES_MAX);
    (void)buf_puts(&above, prefix ? prefix : "");
    (void)buf_puts(&above, "\xF4\x8F\xBF\xBF"); // the last code point
    if (above.failed)
        return err_set(err, ERR_LIMIT, "the beginning to complete is too long");
    struct db_rows *rows = NULL;
    int r =
        db_rows_open(db, sql,
                     (struct db_value[]){db_text(prefix ? prefix : ""),
                                         db_text_n(above.data, above.len), db_int((int64_t)limit)},
                     3, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) == 1) {
        size_t n = 0;
        const char *line = db_col_text(rows, 0, &n);
        if (out->len)
            (void)buf_putc(out, '\n');
        (void)buf_append(out, line, n);
    }
    db_rows_close(rows);
    if (r == 0 && out->failed)
        r = err_set(err, ERR_NOMEM, "out of memory");
    return r;
}

int memory_tags(struct db *db, const char *prefix, size_t limit, struct buf *out, struct err *err) {
    return lines_query(db,
                       "SELECT name FROM tag WHERE name >= ?1 AND name < ?2 AND id >= 16 "
                       "ORDER BY uses DESC, name LIMIT ?3",
                       prefix, limit, out, err);
}

int memory_uids(struct db *db, const char *prefix, size_t limit, struct buf *out, struct err *err) {
    return lines_query(db,
                       "SELECT uid FROM note WHERE uid >= ?1 AND uid < ?2 AND forgotten = 0 "
                       "ORDER BY uid LIMIT ?3",
                       prefix, limit, out, err);
}
