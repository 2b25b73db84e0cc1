// What the questions about a workspace (locate.h, pack.h, map.h, similar.h) share: one prepared
// view of a snapshot, from which each of them is answered in milliseconds and without allocating
// much.
//
// Owner: the caller, who keeps one per snapshot generation (search_generation) and lets several
// questions use it. Immutable after search_new but for a graph that is made when first asked for,
// under a lock: any thread, any number of them. Borrows the snapshot, which must outlive it. Pure:
// no I/O, no clock; equal snapshots and histories give equal answers.
//
// Cost: one pass over the facts, about 4 ms per MB of source, 10-15 % of the facts' memory.
#pragma once

#include "core/base/err.h"
#include "core/workspace/index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEARCH_TEXT_BYTES_MAX = 256 * 1024, // of a question; the rest is not read
    SEARCH_TERMS_MAX = 400,             // distinct words of a question that are looked up
    SEARCH_MENTIONS_MAX = 256,          // names, paths and stack frames found in a question
    SEARCH_REASONS_MAX = 4,
    SEARCH_REASON_BYTES_MAX = 96,
    SEARCH_COUPLED_MAX = 16 // files asked for per file
};

struct search;

// What git knows, when it is there: all optional, called on the thread that asks. The answers have
// to be the same every time for one search.
struct search_history {
    void *ctx;
    // How often the file changed, newer changes counting more; 0 = never or unknown. Asked once per
    // file, in search_new.
    double (*churn)(void *ctx, const char *path);
    // Files that change together with this one: writes at most `max` paths (borrowed until the next
    // call) with the share of the file's changes in which the other changed too (0..1). Returns
    // their number. Asked for the best few files of a question.
    unsigned (*coupled)(void *ctx, const char *path, const char **ret_path, double *ret_share,
                        unsigned max);
    // What was said when the file was changed: calls on_text with commit messages, newest first,
    // as many as it cares to (search takes SEARCH_MESSAGES_BYTES_MAX per file). Asked once per
    // file, in search_new. The text is borrowed during the call.
    void (*messages)(void *ctx, const char *path,
                     void (*on_text)(void *to, const char *text, size_t bytes), void *to);
};
enum { SEARCH_MESSAGES_BYTES_MAX = 16 * 1024 };

struct search_config {
    const struct snapshot *snapshot;
    const struct search_history *history; // NULL: none; not kept after search_new but for `coupled`
    bool (*cancelled)(void *ctx);         // may be NULL; asked every few thousand symbols
    void *ctx;
};
// ERR_CANCELLED, ERR_NOMEM. An empty snapshot is fine: every question finds nothing.
int search_new(const struct search_config *c, struct search **ret, struct err *err);
void search_free(struct search *s); // accepts NULL
const struct snapshot *search_snapshot(const struct search *s);
uint64_t search_generation(const struct search *s); // of its snapshot
size_t search_memory(const struct search *s);       // bytes held

// Why something was found. `text` is one clause for people and models: "names prepare_url",
// "words quantile, keep_attrs", "frame of a stack trace, line 292", "called by merge_core".
enum search_why {
    WHY_FRAME,   // a stack trace in the text goes through it
    WHY_PATH,    // the text names the file
    WHY_NAME,    // the text names the symbol
    WHY_WORDS,   // its words are the text's words
    WHY_CALLS,   // near by calls to something found
    WHY_CHURN,   // changes often
    WHY_COUPLED, // changes together with something found
    WHY_MESSAGE, // earlier commit messages spoke of it
    WHY_FOCUS,   // asked for by the caller
    WHY_RANK,    // much used (map)
    WHY_COUNT
};
struct search_reason {
    enum search_why why;
    float share; // of the score, 0..1
    char text[SEARCH_REASON_BYTES_MAX];
};
struct search_reasons {
    uint32_t count; // strongest first
    struct search_reason at[SEARCH_REASONS_MAX];
};
const char *search_why_name(enum search_why w); // "frame", "path" …
