// Writing side of memory.h: remember, forget.
#include "core/store/memory.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/base/utf.h"
#include "core/store/memory_impl.h"
#include "core/store/recall_fold.h"

#include <string.h>

enum { UID_BYTES = NOTE_UID_BYTES - 1 };

// --- checks and names ----------------------------------------------------------------------------
static void uid_make(char uid[NOTE_UID_BYTES]) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[UID_BYTES - 1];
    env_os_random(random, sizeof random);
    uid[0] = 'n';
    for (size_t i = 0; i < sizeof random; i++)
        uid[i + 1] = alphabet[random[i] & 31];
    uid[UID_BYTES] = '\0';
}

static int check_name(const char *name, const char *what, struct err *err) {
    if (name && strlen(name) > NOTE_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the %s is longer than %d bytes", what, NOTE_NAME_BYTES_MAX);
    return 0;
}

static int check_tags(const char *tags, struct err *err) {
    size_t count = 0;
    while (tags && *tags) {
        size_t n = strcspn(tags, "\n");
        if (n > NOTE_TAG_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "a tag is longer than %d bytes", NOTE_TAG_BYTES_MAX);
        if (n && ++count > NOTE_TAGS_MAX)
            return err_set(err, ERR_LIMIT, "a note has at most %d tags", NOTE_TAGS_MAX);
        tags += n + (tags[n] == '\n');
    }
    return 0;
}

static int check_note(const struct note *n, struct err *err) {
    if (!n->text || !n->text_bytes)
        return err_set(err, ERR_INVAL, "a note needs a text");
    if (n->text_bytes > NOTE_TEXT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a note's text is at most %d bytes; this one has %zu",
                       NOTE_TEXT_BYTES_MAX, n->text_bytes);
    if (n->kind < NOTE_NOTE || n->kind > NOTE_DECISION)
        return err_set(err, ERR_INVAL, "a note is a note, a fact or a decision");
    if (n->uid[0] && (n->uid[0] != 'n' || strnlen(n->uid, NOTE_UID_BYTES) != UID_BYTES))
        return err_set(err, ERR_INVAL, "a note's id is n and %d characters", UID_BYTES - 1);
    int r = check_name(n->subject, "subject", err);
    if (r == 0)
        r = check_name(n->workspace, "workspace", err);
    if (r == 0)
        r = check_name(n->source, "source", err);
    if (r == 0)
        r = check_name(n->thread, "thread", err);
    return r < 0 ? r : check_tags(n->tags, err);
}

// The subject without case, accents and spacing: letters as they are, anything else one blank
// between. "" when there is nothing to go by.
static int subject_key(const char *subject, struct buf *out) {
    size_t n = strlen(subject);
    bool gap = false;
    for (size_t i = 0; i < n;) {
        size_t step, bytes;
        char folded[4];
        unsigned char first = (unsigned char)subject[i];
        enum fold_class class =
            fold_code_point(utf_decode(subject + i, n - i, &step), folded, &bytes);
        if (class == FOLD_SEPARATOR && first < 0x80 && first > ' ') {
            folded[0] = (char)first; // "c++" is not "c"
            bytes = 1;
        } else if (class == FOLD_SEPARATOR) {
            gap = out->len > 0;
            bytes = 0;
        }
        if (bytes) {
            if (gap)
                (void)buf_putc(out, ' ');
            gap = false;
            (void)buf_append(out, folded, bytes);
        }
        i += step;
    }
    return out->failed ? ERR_NOMEM : 0;
}

// --- where a note goes ---------------------------------------------------------------------------
int workspace_find(struct db *db, const char *path, int64_t *ret_id, struct err *err) {
    return db_one_int(db, "SELECT id FROM workspace WHERE path = ?1",
                      (struct db_value[]){db_text(path ? path : "")}, 1, ret_id, err);
}

static int workspace_make(struct db *db, const char *path, int64_t *ret_id, struct err *err) {
    int r = workspace_find(db, path, ret_id, err);
    if (r)
        return r < 0 ? r : 0;
    r = db_run(db, "INSERT INTO workspace (path) VALUES (?1)", (struct db_value[]){db_text(path)},
               1, err);
    if (r < 0)
        return r;
    *ret_id = db_last_id(db);
    return *ret_id < WORKSPACES_MAX ? 0 : err_set(err, ERR_LIMIT, "there are too many workspaces");
}

static int note_id_make(struct db *db, int64_t workspace, int64_t *ret, struct err *err) {
    int64_t newest = 0;
    int r = db_one_int(db, "SELECT newest_id FROM workspace WHERE id = ?1",
                       (struct db_value[]){db_int(workspace)}, 1, &newest, err);
    if (r < 0)
        return r;
    int64_t id = newest ? newest + 1 : note_id_first(workspace) + 1;
    if (id > note_id_last(workspace))
        return err_set(err, ERR_LIMIT, "the workspace has too many notes");
    r = db_run(db, "UPDATE workspace SET newest_id = ?2, notes = notes + 1 WHERE id = ?1",
               (struct db_value[]){db_int(workspace), db_int(id)}, 2, err);
    if (r == 0)
        *ret = id;
    return r;
}

// Puts the note at the end of its thread; *ret_thread and *ret_prev are 0 without one.
static int thread_append(struct db *db, const char *name, int64_t workspace, int64_t id,
                         int64_t *ret_thread, int64_t *ret_prev, struct err *err) {
    *ret_thread = *ret_prev = 0;
    if (!name || !*name)
        return 0;
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT id, last_id FROM thread WHERE workspace = ?1 AND name = ?2",
                         (struct db_value[]){db_int(workspace), db_text(name)}, 2, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 1) {
        *ret_thread = db_col_int(rows, 0);
        *ret_prev = db_col_int(rows, 1);
    }
    db_rows_close(rows);
    if (r < 0)
        return r;
    if (r == 0) {
        r = db_run(db, "INSERT INTO thread (workspace, name, last_id) VALUES (?1, ?2, ?3)",
                   (struct db_value[]){db_int(workspace), db_text(name), db_int(id)}, 3, err);
        *ret_thread = db_last_id(db);
        return r;
    }
    r = db_run(db, "UPDATE thread SET last_id = ?2 WHERE id = ?1",
               (struct db_value[]){db_int(*ret_thread), db_int(id)}, 2, err);
    if (r < 0)
        return r;
    return db_run(db, "UPDATE note_rank SET next_id = ?2 WHERE id = ?1",
                  (struct db_value[]){db_int(*ret_prev), db_int(id)}, 2, err);
}

// --- labels --------------------------------------------------------------------------------------
static int label_add(struct db *db, int64_t label, int64_t id, int64_t created_ms,
                     struct err *err) {
    int r = db_run(db, "INSERT OR IGNORE INTO note_label VALUES (?1, ?2, ?3, ?4)",
                   (struct db_value[]){db_int(label), db_int(note_workspace(id)),
                                       db_int(created_ms), db_int(id)},
                   4, err);
    if (r < 0 || db_changes(db) == 0) // the same tag twice
        return r;
    return db_run(db, "UPDATE tag SET uses = uses + 1 WHERE id = ?1",
                  (struct db_value[]){db_int(label)}, 1, err);
}

static int label_remove(struct db *db, int64_t label, int64_t id, int64_t created_ms,
                        struct err *err) {
    int r = db_run(db,
                   "DELETE FROM note_label WHERE label = ?1 AND workspace = ?2 AND created_ms = ?3 "
                   "AND note = ?4",
                   (struct db_value[]){db_int(label), db_int(note_workspace(id)),
                                       db_int(created_ms), db_int(id)},
                   4, err);
    if (r < 0 || db_changes(db) == 0)
        return r;
    r = db_run(db, "UPDATE tag SET uses = uses - 1 WHERE id = ?1",
               (struct db_value[]){db_int(label)}, 1, err);
    if (r < 0 || label < TAG_ID_FIRST)
        return r;
    return db_run(db, "DELETE FROM tag WHERE id = ?1 AND uses <= 0",
                  (struct db_value[]){db_int(label)}, 1, err);
}

static int tag_make(struct db *db, const char *tag, size_t n, int64_t *ret, struct err *err) {
    int r = db_one_int(db, "SELECT id FROM tag WHERE name = ?1",
                       (struct db_value[]){db_text_n(tag, n)}, 1, ret, err);
    if (r)
        return r < 0 ? r : 0;
    r = db_run(db,
               "INSERT INTO tag (id, name, uses) "
               "VALUES ((SELECT max(coalesce(max(id) + 1, 0), ?2) FROM tag), ?1, 0)",
               (struct db_value[]){db_text_n(tag, n), db_int(TAG_ID_FIRST)}, 2, err);
    *ret = db_last_id(db);
    return r;
}

static int labels_add(struct db *db, const struct note *n, int64_t id, struct err *err) {
    int r = n->kind == NOTE_NOTE ? 0 : label_add(db, (int64_t)n->kind, id, n->created_ms, err);
    for (const char *tag = n->tags; r == 0 && tag && *tag;) {
        size_t len = strcspn(tag, "\n");
        int64_t label = 0;
        if (len)
            r = tag_make(db, tag, len, &label, err);
        if (len && r == 0)
            r = label_add(db, label, id, n->created_ms, err);
        tag += len + (tag[len] == '\n');
    }
    return r;
}

static int labels_remove(struct db *db, const struct note *n, int64_t id, struct err *err) {
    int r = label_remove(db, (int64_t)n->kind, id, n->created_ms, err);
    for (const char *tag = n->tags; r == 0 && tag && *tag;) {
        size_t len = strcspn(tag, "\n");
        int64_t label = 0;
        r = db_one_int(db, "SELECT id FROM tag WHERE name = ?1",
                       (struct db_value[]){db_text_n(tag, len)}, 1, &label, err);
        if (r == 1)
            r = label_remove(db, label, id, n->created_ms, err);
        tag += len + (tag[len] == '\n');
    }
    return r;
}

// --- superseding ---------------------------------------------------------------------------------
static int mark_superseded(struct db *db, int64_t id, const char *by, struct err *err) {
    int r = db_run(db, "UPDATE note SET superseded_by = ?2 WHERE id = ?1",
                   (struct db_value[]){db_int(id), db_text(by)}, 2, err);
    if (r < 0)
        return r;
    return db_run(db, "UPDATE note_rank SET state = state | 4 WHERE id = ?1",
                  (struct db_value[]){db_int(id)}, 1, err);
}

// The current note of the same subject, if it is about one: the older of the two is marked.
static int supersede_subject(struct db *db, struct note *n, int64_t workspace, const char *key,
                             char ret[NOTE_UID_BYTES], struct err *err) {
    struct db_rows *rows = NULL;
    int64_t id = 0, created = 0;
    char uid[NOTE_UID_BYTES] = "";
    int r = db_rows_open(db,
                         "SELECT id, created_ms, uid FROM note WHERE workspace = ?1 AND "
                         "subject_key = ?2 AND kind IN (1, 2) AND superseded_by IS NULL AND "
                         "forgotten = 0 ORDER BY created_ms DESC, id DESC",
                         (struct db_value[]){db_int(workspace), db_text(key)}, 2, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 1) {
        id = db_col_int(rows, 0);
        created = db_col_int(rows, 1);
        (void)strncpy(uid, db_col_text(rows, 2, NULL), UID_BYTES);
    }
    db_rows_close(rows);
    if (r <= 0)
        return r;
    if (created > n->created_ms) { // told late: what is known already is newer
        memcpy(n->superseded_by, uid, sizeof uid);
        return 0;
    }
    memcpy(ret, uid, sizeof uid);
    return mark_superseded(db, id, n->uid, err);
}

static int supersede_named(struct db *db, const struct note *n, const char *replaces,
                           char ret[NOTE_UID_BYTES], struct err *err) {
    int64_t id = 0;
    int r = db_one_int(db, "SELECT id FROM note WHERE uid = ?1 AND forgotten = 0",
                       (struct db_value[]){db_text(replaces)}, 1, &id, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no note with the id to be replaced");
    memset(ret, 0, NOTE_UID_BYTES);
    memcpy(ret, replaces, UID_BYTES); // its length is that of a stored uid
    return mark_superseded(db, id, n->uid, err);
}

struct destiny {
    const char *key; // of the subject, or NULL
    const char *replaces;
    bool supersedes; // false: an import, kept exactly as it is
};

static int supersede(struct db *db, struct note *n, int64_t workspace, const struct destiny *d,
                     char ret[NOTE_UID_BYTES], struct err *err) {
    int r = 0;
    if (!d->supersedes)
        return 0;
    if (d->key && n->kind != NOTE_NOTE)
        r = supersede_subject(db, n, workspace, d->key, ret, err);
    if (r == 0 && d->replaces && *d->replaces)
        r = supersede_named(db, n, d->replaces, ret, err);
    return r;
}

// --- remember ------------------------------------------------------------------------------------
static int insert_note(struct db *db, const struct note *n, int64_t id, const char *key,
                       struct err *err) {
    size_t tokens = tokens_count(n->text, n->text_bytes);
    return db_run(db,
                  "INSERT INTO note (id, uid, workspace, kind, text, subject, subject_key, source, "
                  "thread, tags, created_ms, expires_ms, superseded_by, tokens) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                  (struct db_value[]){db_int(id), db_text(n->uid), db_int(note_workspace(id)),
                                      db_int((int64_t)n->kind), db_text_n(n->text, n->text_bytes),
                                      db_text(n->subject), db_text(key), db_text(n->source),
                                      db_text(n->thread), db_text(n->tags), db_int(n->created_ms),
                                      db_int(n->expires_ms),
                                      db_text(n->superseded_by[0] ? n->superseded_by : NULL),
                                      db_int(tokens_exact() ? (int64_t)tokens : 0)},
                  14, err);
}

static struct words_source words_source_of(const struct note *n) {
    return (struct words_source){.text = n->text,
                                 .text_bytes = n->text_bytes,
                                 .subject = n->subject,
                                 .tags = n->tags,
                                 .source = n->source};
}

static int index_note(struct db *db, const struct note *n, int64_t id, struct err *err) {
    int64_t thread = 0, prev = 0;
    int r = thread_append(db, n->thread, note_workspace(id), id, &thread, &prev, err);
    if (r < 0)
        return r;
    struct words_of_note words;
    struct words_source from = words_source_of(n);
    r = words_of_note(&from, &words, err);
    if (r < 0)
        return r;
    int64_t state = (int64_t)n->kind | (n->superseded_by[0] ? STATE_SUPERSEDED : 0) |
                    (int64_t)words.traits << STATE_TRAITS_SHIFT;
    r = db_run(db, "INSERT INTO note_rank VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)",
               (struct db_value[]){db_int(id), db_int(state), db_int(n->created_ms),
                                   db_int(n->expires_ms), db_int(thread), db_int(prev),
                                   db_blob(words.packed.data, words.packed.len)},
               7, err);
    if (r == 0)
        r = db_run(
            db, "INSERT INTO note_fts (rowid, terms) VALUES (?1, ?2)",
            (struct db_value[]){
                db_int(id), db_text_n(words.terms.data ? words.terms.data : "", words.terms.len)},
            2, err);
    words_of_note_done(&words);
    return r;
}

static int remember(struct db *db, struct note *note, const struct destiny *d,
                    char superseded[NOTE_UID_BYTES], struct err *err) {
    int64_t workspace = 0, id = 0;
    int r = workspace_make(db, note->workspace ? note->workspace : "", &workspace, err);
    if (r == 0)
        r = note_id_make(db, workspace, &id, err);
    if (r == 0)
        r = supersede(db, note, workspace, d, superseded, err);
    if (r == 0)
        r = insert_note(db, note, id, d->key, err);
    if (r == 0)
        r = index_note(db, note, id, err);
    return r < 0 ? r : labels_add(db, note, id, err);
}

static int remember_checked(struct db *db, struct note *note, bool supersedes, const char *replaces,
                            char superseded[NOTE_UID_BYTES], struct err *err) {
    AUTO_BUF key = BUF_INIT(4 * NOTE_NAME_BYTES_MAX);
    if (note->subject && subject_key(note->subject, &key) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    const struct destiny d = {
        .key = key.len ? key.data : NULL, .supersedes = supersedes, .replaces = replaces};
    return remember(db, note, &d, superseded, err);
}

int memory_remember(struct db *db, struct note *note, const char *replaces,
                    char ret_superseded[NOTE_UID_BYTES], struct err *err) {
    int r = check_note(note, err);
    if (r < 0)
        return r;
    struct note filled = *note;
    filled.superseded_by[0] = '\0';
    if (!filled.uid[0])
        uid_make(filled.uid);
    if (!filled.created_ms)
        filled.created_ms = env_now_wall_ms();
    char superseded[NOTE_UID_BYTES] = "";
    r = remember_checked(db, &filled, true, replaces, superseded, err);
    if (r < 0)
        return r;
    *note = filled;
    memcpy(ret_superseded, superseded, sizeof superseded);
    return 0;
}

int memory_import(struct db *db, const struct note *note, bool *ret_added, struct err *err) {
    int r = check_note(note, err);
    if (r < 0)
        return r;
    int64_t known = 0;
    if (!note->uid[0])
        return err_set(err, ERR_INVAL, "a note to be imported needs its id");
    r = db_one_int(db, "SELECT id FROM note WHERE uid = ?1",
                   (struct db_value[]){db_text(note->uid)}, 1, &known, err);
    if (r < 0)
        return r;
    if (r == 0) {
        struct note exact = *note;
        char superseded[NOTE_UID_BYTES];
        int added = remember_checked(db, &exact, false, NULL, superseded, err);
        if (added < 0)
            return added;
    }
    *ret_added = r == 0;
    return 0;
}

// --- forget --------------------------------------------------------------------------------------
static int fts_remove(struct db *db, int64_t id, const struct words_source *from, struct err *err) {
    struct words_of_note words;
    int r = words_of_note(from, &words, err);
    if (r < 0)
        return r;
    r = db_run(db, "INSERT INTO note_fts (note_fts, rowid, terms) VALUES ('delete', ?1, ?2)",
               (struct db_value[]){db_int(id), db_text_n(words.terms.data ? words.terms.data : "",
                                                         words.terms.len)},
               2, err);
    words_of_note_done(&words);
    return r;
}

// What `uid` had superseded is now superseded by whatever superseded `uid`, or current again.
static int supersede_undo(struct db *db, const char *uid, const char *heir, struct err *err) {
    int r = 0;
    if (!heir)
        r = db_run(db,
                   "UPDATE note_rank SET state = state & ~4 WHERE id IN "
                   "(SELECT id FROM note WHERE superseded_by = ?1)",
                   (struct db_value[]){db_text(uid)}, 1, err);
    if (r < 0)
        return r;
    return db_run(db, "UPDATE note SET superseded_by = ?2 WHERE superseded_by = ?1",
                  (struct db_value[]){db_text(uid), db_text(heir)}, 2, err);
}

int note_withdraw(struct db *db, int64_t id, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT " NOTE_COLUMNS " FROM " NOTE_TABLES " WHERE n.id = ?1",
                         (struct db_value[]){db_int(id)}, 1, &rows, err);
    if (r < 0)
        return r;
    struct note_arena *arena = note_arena_new();
    struct note n;
    r = arena ? db_rows_next(rows, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = err_set(err, ERR_NOT_FOUND, "there is no such note");
    if (r == 1)
        r = note_from_row(rows, arena, &n, err);
    db_rows_close(rows);
    if (r == 0) {
        struct words_source from = words_source_of(&n);
        r = fts_remove(db, id, &from, err);
    }
    if (r == 0)
        r = labels_remove(db, &n, id, err);
    if (r == 0)
        r = supersede_undo(db, n.uid, n.superseded_by[0] ? n.superseded_by : NULL, err);
    note_arena_free(arena);
    return r;
}

int memory_forget(struct db *db, const char *uid, struct err *err) {
    int64_t id = 0;
    int r = db_one_int(db, "SELECT id FROM note WHERE uid = ?1 AND forgotten = 0",
                       (struct db_value[]){db_text(uid)}, 1, &id, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no note with this id");
    r = note_withdraw(db, id, err);
    if (r == 0)
        r = db_run(db, "UPDATE note SET forgotten = 1 WHERE id = ?1",
                   (struct db_value[]){db_int(id)}, 1, err);
    if (r == 0)
        r = db_run(db, "UPDATE note_rank SET state = state | 8 WHERE id = ?1",
                   (struct db_value[]){db_int(id)}, 1, err);
    return r;
}
