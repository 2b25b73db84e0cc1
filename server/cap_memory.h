// What the files of the memory capabilities share (server/cap_memory*.c only).
#pragma once

#include "core/store/memory.h"
#include "server/dispatch.h"

enum {
    MEMORY_SUBJECT_BYTES_MAX = 200,
    MEMORY_WHEN_BYTES = 48,
    RECALL_LIMIT_DEFAULT = 10,
    RECALL_BUDGET_DEFAULT = 1500, // tokens of the whole answer
    RECALL_BUDGET_MIN = 200,
    RECALL_BUDGET_MAX = 20000,
    RESUME_LIMIT_MAX = 10
};

extern const char *const memory_kinds[]; // by enum note_kind

// One note as answers show it. Follows memory_note_fields.
struct memory_note {
    uint64_t present;
    struct text uid, text, subject, when, source, scope, superseded_by;
    struct text_array tags;
    int kind;
    bool cut, beside;
};
enum { MEMORY_NOTE_CUT = 1, MEMORY_NOTE_BESIDE = 2 }; // presence bits
extern const struct field memory_note_fields[];
extern const struct field memory_note_brief_fields[]; // same values, a shorter schema

// Notes on their way into an answer, within a budget of tokens.
struct memory_page {
    struct memory_note notes[RECALL_LIMIT_MAX];
    char when[RECALL_LIMIT_MAX][MEMORY_WHEN_BYTES];
    size_t count;
    size_t tokens; // used so far
};
// Adds hits until `budget` is used up (the first is cut to fit instead). Returns how many of them
// are on the page now. Strings borrow from `result`.
size_t memory_page_fill(struct memory_page *page, const struct recall_result *result,
                        const char *workspace, size_t budget, int64_t now_ms);
void memory_page_done(struct memory_page *page);
void memory_page_text(const struct memory_page *page, struct buf *out);

// A copy that ends with NUL, for the store; ERR_INVAL when `t` has a NUL or a control character of
// its own (a newline too, unless `lines`). `name` is the argument's. NULL for an absent one.
int memory_string(const char *name, struct text t, bool lines, char **ret, struct err *err);
// ERR_INVAL unless `t` is an id that begins with `letter`; copies it.
int memory_uid(const char *name, struct text t, char letter, char ret[NOTE_UID_BYTES],
               struct err *err);
struct text memory_text(const char *s); // of a terminated string; absent when NULL or empty

int memory_store(struct call *call, struct store **ret, struct err *err);
struct origin memory_origin(const struct call *call);
// Encodes into answer->structured, or into answer->json where text is wanted.
int memory_structured(const struct call *call, const struct field *table, const void *value,
                      struct answer *answer, struct err *err);
int memory_changed(struct answer *answer, const char *uri, struct err *err); // adds one URI
int memory_no_memory(struct err *err);
// A number among the settings; `fallback` where there are none (tests).
int64_t memory_setting(const struct call *call, const char *key, int64_t fallback);
// How the one who asks would write it: an argument of a tool, or a word of the command line.
const char *memory_word(const struct call *call, const char *argument, const char *option);

// Stops a long query when the caller no longer waits.
void memory_reader_watch(struct db *db, struct call *call);
void memory_reader_put(struct store *store, struct db *db);

// Arguments of the tools whose code is in a file of its own.
struct recall_input {
    uint64_t present; // which of the next three were given
    int kind;
    int64_t limit, budget;
    struct text query, tag, since, until, cursor;
    bool all, superseded;
};
enum { RECALL_KIND = 1, RECALL_LIMIT, RECALL_BUDGET };
struct handoff_input {
    struct text title, summary, question, next;
    struct text_array files;
};
struct resume_input {
    struct text uid;
    int64_t limit;
};
extern const struct field memory_recall_input[], memory_recall_output[];
extern const struct field memory_handoff_input[], memory_handoff_output[];
extern const struct field memory_resume_input[], memory_resume_output[];
capability_fn memory_run_recall, memory_run_handoff, memory_run_resume;

// --- pages of recall: where the next one begins, bound to the query it continues

struct recall_cursor {
    int64_t now_ms; // of the first page: "last week" and ages mean the same on all of them
    size_t offset;
};
enum { RECALL_CURSOR_CHARS = 20 };
void recall_cursor_put(const struct recall_cursor *cursor, const struct recall_input *in,
                       const char *workspace, char ret[RECALL_CURSOR_CHARS + 1]);
// ERR_INVAL: not ours, changed, or of another query.
int recall_cursor_read(const struct recall_input *in, const char *workspace,
                       struct recall_cursor *ret, struct err *err);
