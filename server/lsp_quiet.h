// When an editor's user is shown what he did not ask for: not while he types. Findings that are
// new, hints and messages are held until a boundary: a pause that is long for this user, a save, a
// run, leaving the block; at most LSP_QUIET_HELD_MS after they came. Then all that is held comes,
// in order. Answers to questions do not pass through here.
//
// The pause is measured against the user's own rhythm as the editor delivers it (some send each
// letter, some what was typed in 150 or 500 ms), so no setting is needed. No clock, no timer: `now`
// is the caller's, in milliseconds of one clock that does not go back. One owner.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LSP_QUIET_PAUSE_MIN_MS = 700,
    LSP_QUIET_PAUSE_MAX_MS = 3000,
    LSP_QUIET_PAUSE_MS = 1200,          // until the rhythm is known
    LSP_QUIET_HELD_MS = 10 * 60 * 1000, // nothing is held for longer
    LSP_QUIET_HELD_MAX = 1024,          // items; one more lets all of them go
    LSP_QUIET_GAPS = 64                 // of the last edits, from which the pause follows
};

enum lsp_boundary {
    LSP_BOUNDARY_SAVE,
    LSP_BOUNDARY_RUN,   // a command, a task, a debugger
    LSP_BOUNDARY_LEAVE, // another document, or an edit far from the last one
    LSP_BOUNDARY_ASKED  // the user asked something: he looks up
};

struct lsp_quiet;
struct lsp_quiet *lsp_quiet_new(void);    // NULL when out of memory
void lsp_quiet_free(struct lsp_quiet *q); // what is held is dropped. Accepts NULL
// Off: nothing is held from now on, and what is held comes at once.
void lsp_quiet_set_off(struct lsp_quiet *q, uint64_t now_ms, bool off);

// An edit of these lines (after it). typed: by the user's hand; what an action of ours, an
// assistant or undo wrote says nothing of his rhythm.
void lsp_quiet_edit(struct lsp_quiet *q, uint64_t now_ms, uint64_t document, uint32_t first_line,
                    uint32_t last_line, bool typed);
void lsp_quiet_boundary(struct lsp_quiet *q, uint64_t now_ms, enum lsp_boundary what);

bool lsp_quiet_typing(const struct lsp_quiet *q, uint64_t now_ms);
// Is this the line being written? Then a finding on it waits even at a short pause: it would come
// and go with each word. Until the line is left, saved, or untouched for three pauses.
bool lsp_quiet_line_busy(const struct lsp_quiet *q, uint64_t now_ms, uint64_t document,
                         uint32_t line);

// Runs fn(ctx, key) at once, or holds it. Of one (fn, ctx, key) one is held, in the place of the
// first: fn takes what is newest then. Never fails: what there is no room for is run.
typedef void lsp_quiet_fn(void *ctx, uint64_t key);
void lsp_quiet_hold(struct lsp_quiet *q, uint64_t now_ms, lsp_quiet_fn *fn, void *ctx,
                    uint64_t key);
void lsp_quiet_drop(struct lsp_quiet *q, const void *ctx, uint64_t key); // is of no use any more

// When lsp_quiet_tick has something to do next; UINT64_MAX: not before something else happens.
uint64_t lsp_quiet_due(const struct lsp_quiet *q);
void lsp_quiet_tick(struct lsp_quiet *q, uint64_t now_ms);

struct lsp_quiet_figures {
    uint64_t held, released; // items since the beginning
    uint32_t waiting;
    uint32_t longest_ms; // that one was held
    uint32_t pause_ms;   // of this user, now
};
void lsp_quiet_figures(const struct lsp_quiet *q, struct lsp_quiet_figures *ret);
