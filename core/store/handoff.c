// Handoffs: what a session was doing, saved in one tool and resumed in another.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/memory.h"

#include <string.h>

enum {
    HANDOFF_TITLE_BYTES_MAX = 512,
    HANDOFF_TEXT_BYTES_MAX = NOTE_TEXT_BYTES_MAX, // question, next, files, summary: each
    HANDOFF_LOAD_MAX = 100
};

// 15 characters of 5 random bits; none of 0, 1, l, o, which are easily misread.
static void uid_make(char ret[NOTE_UID_BYTES]) {
    static const char alphabet[33] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char random[NOTE_UID_BYTES - 2];
    env_os_random(random, sizeof random);
    ret[0] = 'h';
    for (size_t i = 0; i < sizeof random; i++)
        ret[i + 1] = alphabet[random[i] & 31];
    ret[NOTE_UID_BYTES - 1] = '\0';
}

static int check_text(const char *field, const char *text, size_t max, bool required,
                      struct err *err) {
    if (!text || !text[0])
        return required ? err_set(err, ERR_INVAL, "handoff: %s is missing", field) : 0;
    size_t n = strlen(text);
    if (n > max)
        return err_set(err, ERR_LIMIT, "handoff: %s has %zu bytes, %zu are allowed", field, n, max);
    if (!utf_valid(text, n))
        return err_set(err, ERR_INVAL, "handoff: %s is not valid UTF-8", field);
    return 0;
}

static int check(const struct handoff *h, struct err *err) {
    const struct {
        const char *name, *text;
        size_t max;
        bool required;
    } fields[] = {
        {"title", h->title, HANDOFF_TITLE_BYTES_MAX, true},
        {"next", h->next, HANDOFF_TEXT_BYTES_MAX, true},
        {"question", h->question, HANDOFF_TEXT_BYTES_MAX, false},
        {"files", h->files, HANDOFF_TEXT_BYTES_MAX, false},
        {"summary", h->summary, HANDOFF_TEXT_BYTES_MAX, false},
        {"workspace", h->workspace, HANDOFF_TEXT_BYTES_MAX, false},
        {"source", h->source, HANDOFF_TITLE_BYTES_MAX, false},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        int r = check_text(fields[i].name, fields[i].text, fields[i].max, fields[i].required, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int handoff_save(struct db *db, struct handoff *h, struct err *err) {
    int r = check(h, err);
    if (r < 0)
        return r;
    char uid[NOTE_UID_BYTES];
    if (h->uid[0])
        memcpy(uid, h->uid, sizeof uid);
    else
        uid_make(uid);
    int64_t created_ms = h->created_ms ? h->created_ms : env_now_wall_ms();
    const struct db_value row[] = {
        db_text(uid),         db_text(h->workspace ? h->workspace : ""),
        db_text(h->source),   db_text(h->title),
        db_text(h->question), db_text(h->next),
        db_text(h->files),    db_text(h->summary),
        db_int(created_ms),
    };
    r = db_run(db,
               "INSERT INTO handoffs (uid, workspace, source, title, question, next, files, "
               "summary, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
               row, COUNT_OF(row), err);
    if (r < 0)
        return r;
    memcpy(h->uid, uid, sizeof uid);
    h->created_ms = created_ms;
    return 0;
}

// --- loading ------------------------------------------------------------------------------------

enum { TEXT_COLUMNS = 7 }; // workspace, source, title, question, next, files, summary

// All strings of one result live in one block: a chain of blocks, freed together.
struct arena_block {
    struct arena_block *next;
    char bytes[];
};

static int copy_row(struct db_rows *rows, struct handoff *h, struct handoff_result *out) {
    const char *text[TEXT_COLUMNS];
    size_t len[TEXT_COLUMNS], total = 0;
    for (int i = 0; i < TEXT_COLUMNS; i++) {
        text[i] = db_col_text(rows, i + 1, &len[i]);
        total += text[i] ? len[i] + 1 : 0;
    }
    struct arena_block *block = mem_alloc(sizeof *block + total);
    if (!block)
        return ERR_NOMEM;
    block->next = out->arena;
    out->arena = block;

    const char **const slots[TEXT_COLUMNS] = {&h->workspace, &h->source, &h->title,  &h->question,
                                              &h->next,      &h->files,  &h->summary};
    char *at = block->bytes;
    for (int i = 0; i < TEXT_COLUMNS; i++) {
        *slots[i] = NULL;
        if (!text[i])
            continue;
        memcpy(at, text[i], len[i]);
        at[len[i]] = '\0';
        *slots[i] = at;
        at += len[i] + 1;
    }
    if (h->workspace && !h->workspace[0])
        h->workspace = NULL; // stored as '': belongs to none
    size_t n = 0;
    const char *uid = db_col_text(rows, 0, &n);
    if (!uid || n >= sizeof h->uid)
        return ERR_CORRUPT;
    memcpy(h->uid, uid, n);
    h->uid[n] = '\0';
    h->created_ms = db_col_int(rows, 8);
    return 0;
}

#define COLUMNS "uid, workspace, source, title, question, next, files, summary, created_ms"

static int open_cursor(struct db *db, const char *workspace, const char *uid, size_t limit,
                       struct db_rows **ret, struct err *err) {
    const struct db_value values[] = {db_text(uid ? uid : workspace), db_int((int64_t)limit)};
    if (uid)
        return db_rows_open(db, "SELECT " COLUMNS " FROM handoffs WHERE uid = ?1 LIMIT ?2", values,
                            2, ret, err);
    if (workspace)
        return db_rows_open(db,
                            "SELECT " COLUMNS " FROM handoffs WHERE workspace = ?1 "
                            "ORDER BY created_ms DESC, id DESC LIMIT ?2",
                            values, 2, ret, err);
    return db_rows_open(db,
                        "SELECT " COLUMNS " FROM handoffs "
                        "ORDER BY created_ms DESC, id DESC LIMIT ?1",
                        values + 1, 1, ret, err);
}

int handoff_load(struct db *db, const char *workspace, const char *uid, size_t limit,
                 struct handoff_result *ret, struct err *err) {
    if (limit > HANDOFF_LOAD_MAX)
        limit = HANDOFF_LOAD_MAX;
    if (uid || !limit)
        limit = 1;
    struct handoff_result out = {0};
    out.items = mem_zalloc(limit * sizeof *out.items);
    if (!out.items)
        return err_set(err, ERR_NOMEM, "out of memory for %zu handoffs", limit);
    struct db_rows *rows = NULL;
    int r = open_cursor(db, workspace, uid, limit, &rows, err);
    if (r < 0)
        goto out;
    while ((r = db_rows_next(rows, err)) > 0 && out.count < limit) {
        r = copy_row(rows, &out.items[out.count], &out);
        if (r < 0) {
            r = err_set(err, r,
                        r == ERR_NOMEM ? "out of memory for a handoff"
                                       : "a stored handoff is damaged");
            break;
        }
        out.count++;
    }
    if (r >= 0 && uid && !out.count)
        r = err_set(err, ERR_NOT_FOUND, "there is no handoff %s", uid);
out:
    db_rows_close(rows);
    if (r < 0) {
        handoff_result_done(&out);
        return r;
    }
    *ret = out;
    return 0;
}

void handoff_result_done(struct handoff_result *r) {
    struct arena_block *block = r->arena;
    while (block) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
    mem_free(r->items);
    *r = (struct handoff_result){0};
}
