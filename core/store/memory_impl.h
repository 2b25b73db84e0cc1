// Between the memory_*.c and recall*.c files only: how notes lie in the tables of
// schema/0002_memory.sql.
#pragma once

#include "core/store/memory.h"
#include "core/store/recall_words.h"

enum {
    NOTE_ID_BITS = 40, // of a note's id: the count within its workspace
    WORKSPACES_MAX = 1 << 22,
    TAG_ID_FIRST = 16 // below: kinds
};

enum note_state {
    STATE_KIND = 3,
    STATE_SUPERSEDED = 4,
    STATE_FORGOTTEN = 8,
    STATE_TRAITS_SHIFT = 8 // enum word_traits
};

static inline int64_t note_id_first(int64_t workspace) {
    return workspace << NOTE_ID_BITS;
}
static inline int64_t note_id_last(int64_t workspace) {
    return ((workspace + 1) << NOTE_ID_BITS) - 1;
}
static inline int64_t note_workspace(int64_t id) {
    return id >> NOTE_ID_BITS;
}

// 1 found, 0 none, ERR_*. NULL and "" are the global workspace.
int workspace_find(struct db *db, const char *path, int64_t *ret_id, struct err *err);

// Takes the note out of the index and the labels, and lets what it superseded stand again.
int note_withdraw(struct db *db, int64_t id, struct err *err);

// Fills `note` from a row of NOTE_COLUMNS, its strings copied into `strings`.
#define NOTE_COLUMNS                                                                               \
    "n.uid, n.kind, n.text, n.subject, w.path, n.source, n.thread, n.tags, n.created_ms, "         \
    "n.expires_ms, n.superseded_by, n.tokens"
enum { NOTE_COLUMN_COUNT = 12 };
#define NOTE_TABLES "note AS n JOIN workspace AS w ON w.id = n.workspace"
struct note_arena;
struct note_arena *note_arena_new(void); // NULL: out of memory
void note_arena_free(struct note_arena *a);
int note_from_row(struct db_rows *rows, struct note_arena *a, struct note *ret, struct err *err);
