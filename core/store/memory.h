// Notes a developer's tools keep for each other: notes, facts, decisions. Ranked recall without a
// model. Functions take a connection: reading ones a reader's (store_reader_get), writing ones the
// writer's inside store_write. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum note_kind { NOTE_NOTE, NOTE_FACT, NOTE_DECISION };
enum {
    NOTE_TEXT_BYTES_MAX = 64 * 1024,
    NOTE_TAGS_MAX = 16,
    NOTE_TAG_BYTES_MAX = 64,
    NOTE_NAME_BYTES_MAX = 4096, // subject, workspace, source, thread
    NOTE_UID_BYTES = 17,        // "n" + 15 base32 characters (75 random bits) + NUL
    RECALL_LIMIT_MAX = 100
};

struct note {
    char uid[NOTE_UID_BYTES];
    enum note_kind kind;
    const char *text;
    size_t text_bytes;
    const char *subject;   // what a fact or decision is about; NULL for none. Same subject +
                           // workspace, newer → supersedes
    const char *workspace; // absolute path, or NULL/"" = global
    const char *source;    // client that wrote it ("claude-code"), or NULL
    const char *thread;    // conversation it belongs to: its neighbours help recall; NULL for none
    const char *tags;      // '\n'-separated, or NULL
    int64_t created_ms, expires_ms;     // expires 0 = never
    char superseded_by[NOTE_UID_BYTES]; // "" = current
    uint32_t tokens;                    // of the text, exact; 0: not known. Not for writing
};

// Inserts. note->uid is filled when empty, created_ms when 0. With kind FACT/DECISION and a
// subject, or with `replaces` (a uid; may be NULL), the older note is marked superseded, never
// deleted. *ret_superseded: uid or "". Told late (created_ms before that of the current fact), the
// new one is the superseded one. ERR_INVAL, ERR_LIMIT, ERR_EXISTS (uid), ERR_NOT_FOUND (replaces).
int memory_remember(struct db *db, struct note *note, const char *replaces,
                    char ret_superseded[NOTE_UID_BYTES], struct err *err);

struct recall_query {
    const char *text; // what to look for; "" = the newest
    size_t text_bytes;
    const char *workspace;      // notes of it and global ones; NULL = only global
    bool all;                   // every workspace
    const char *tag;            // or NULL
    int kind;                   // enum note_kind, or -1
    bool superseded;            // include superseded notes
    int64_t since_ms, until_ms; // 0 = open
    int64_t now_ms;
    size_t limit;        // <= RECALL_LIMIT_MAX
    size_t offset;       // of the page
    size_t token_budget; // texts are cut to share it; 0 = none
};
struct recall_hit {
    struct note note;   // strings owned by the result
    double score;       // higher is better; comparable within one result only
    size_t shown_bytes; // of note.text within the budget
    size_t tokens;      // at most so many in them, when > 0; 0: not counted
    bool cut;
    bool beside; // has none of the words asked for: said just before or after a note that has
};
struct recall_result {
    struct recall_hit *hits;
    size_t count;
    bool more; // there are further pages
    void *arena;
};
// Deterministic: same store, same query, same order. db_set_cancel stops it with ERR_CANCELLED.
int memory_recall(struct db *db, const struct recall_query *q, struct recall_result *ret,
                  struct err *err);
void recall_result_done(struct recall_result *r); // accepts a zeroed one

// 1: there is a note with this id, perhaps a hidden one; 0: none.
int memory_known(struct db *db, const char *uid, struct err *err);
int memory_get(struct db *db, const char *uid, struct recall_result *ret,
               struct err *err); // one hit, or ERR_NOT_FOUND
// Newest first, for resources/list. *cursor: uid to start after, or NULL.
int memory_list(struct db *db, const char *workspace, bool all, const char *cursor, size_t limit,
                struct recall_result *ret, struct err *err);
int memory_tags(struct db *db, const char *prefix, size_t limit, struct buf *out,
                struct err *err); // '\n'-separated, by use
int memory_uids(struct db *db, const char *prefix, size_t limit, struct buf *out,
                struct err *err); // for completion
// Marks as gone for readers at once (tombstone); store_erase removes for good. ERR_NOT_FOUND.
int memory_forget(struct db *db, const char *uid, struct err *err);

// --- for the store's own erase, export and import (core/store only), in the caller's transaction
// --------------------------
// Deletes the notes with every row made from them: index, labels, and tag, thread and workspace
// names nothing else uses. Unknown uids are passed over; *ret_erased is the number of notes.
int memory_erase_hard(struct db *db, const char *const *uids, size_t n, int64_t *ret_erased,
                      struct err *err);
// After it, once for many: FTS 'optimize', so that the index holds no word of what was deleted.
int memory_erase_finish(struct db *db, struct err *err);

// One small step of joining the full-text index's segments, of which each write adds one and each
// question reads all; alone on the writer, outside any transaction. 1: there is more to do. 0,
// ERR_*.
int memory_tidy(struct db *db, struct err *err);
// Inserts a note exactly as it is: uid, times and superseded_by are kept, nothing is superseded by
// it. *ret_added is false when the uid is known (nothing is changed then).
int memory_import(struct db *db, const struct note *note, bool *ret_added, struct err *err);

// --- handoff: what a session was doing, saved in one tool and resumed in another
// ---------------------------------------
struct handoff {
    char uid[NOTE_UID_BYTES]; // "h…"
    const char *workspace;
    const char *source;
    const char *title;    // one line
    const char *question; // open question, may be NULL
    const char *next;     // next step
    const char *files;    // '\n'-separated, relative to the workspace, may be NULL
    const char *summary;  // may be NULL
    int64_t created_ms;
};
int handoff_save(struct db *db, struct handoff *h, struct err *err);
struct handoff_result {
    struct handoff *items;
    size_t count;
    void *arena;
};
// Newest first, of this workspace (NULL: any). uid NULL = newest ones, else that one
// (ERR_NOT_FOUND).
int handoff_load(struct db *db, const char *workspace, const char *uid, size_t limit,
                 struct handoff_result *ret, struct err *err);
void handoff_result_done(struct handoff_result *r);
