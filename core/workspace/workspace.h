// One folder that clients work in: its index, its git repository and its history, opened once and
// shared by all who ask. A registry keeps the ones in use, and closes those unused for a while.
// All calls may block; any thread.
#pragma once

#include "core/base/err.h"
#include "core/workspace/history.h"
#include "core/workspace/index.h"
#include "core/workspace/search.h"

enum {
    WORKSPACES_MAX = 16,           // open at once; the least recently used one goes
    WORKSPACE_IDLE_MS = 600 * 1000 // unused so long: workspaces_sweep closes it
};

struct derived;
struct workspaces;
struct workspace;
struct store;

// `store` is asked for each time: it may be locked, or not open yet. NULL is a valid answer.
// `build` names the build for what is kept between two lives (derived.h).
int workspaces_new(struct store *(*store)(void *ctx), void *ctx, const char *build,
                   struct workspaces **ret, struct err *err);
void workspaces_free(struct workspaces *w); // nobody may hold one. Accepts NULL
void workspaces_sweep(struct workspaces *w, int64_t now_mono_ms); // closes what is idle
// Opens, or gives the one that is open. Put it back. ERR_NOT_FOUND: no such folder. ERR_PERM.
int workspaces_get(struct workspaces *w, const char *root, struct workspace **ret, struct err *err);
void workspace_put(struct workspace *ws); // accepts NULL

const char *workspace_root(const struct workspace *ws);
struct index *workspace_index(struct workspace *ws);
struct derived *workspace_derived(struct workspace *ws); // shared by all of the registry

// A snapshot with what questions need of it, made once for its generation and shared.
struct workspace_view;
int workspace_view_get(struct workspace *ws, const struct index_want *want,
                       struct workspace_view **ret, struct err *err);
void workspace_view_put(struct workspace_view *v); // accepts NULL
const struct snapshot *workspace_view_snapshot(const struct workspace_view *v);
const struct search *workspace_view_search(const struct workspace_view *v);

// The history of the repository that the workspace is in, read up to its HEAD of now, and a git
// handle of the asker's own. Where there is no git or no repository, `history` is empty, `git` NULL
// and `why` says what is missing: agents go on without. Paths of a history are from the top of the
// repository; workspace_below cuts the part above the workspace off.
struct workspace_past {
    const struct history *history; // never NULL on success
    struct git *git;               // may be NULL
    const char *prefix;            // "" or "sub/folder/"
    char why[ERR_MESSAGE_BYTES_MAX];
    struct workspace_history *held;
};
// ERR_CANCELLED, ERR_NOMEM. Give back with workspace_past_done.
int workspace_past(struct workspace *ws, bool (*cancelled)(void *ctx), void *ctx,
                   struct workspace_past *ret, struct err *err);
void workspace_past_done(struct workspace_past *p); // accepts a zeroed one
// The view's search with that history: what changes often, what was said about it, what changes
// together (search_past.h). Made once for each view and head; valid as long as the view is held.
// Without commits it is workspace_view_search(v). ERR_CANCELLED, ERR_NOMEM.
int workspace_view_search_past(struct workspace_view *v, const struct workspace_past *past,
                               bool (*cancelled)(void *ctx), void *ctx, const struct search **ret,
                               struct err *err);
// The path below the workspace; NULL: outside of it.
const char *workspace_below(const struct workspace_past *p, const char *path);

// Its branches with their conflicts (branches.h), `base` as there. What cannot be tried in a moment
// is tried by a thread behind it (at most two minutes; one for each workspace) and counted as
// `pairs_open` until it is done: asked again then, the answer is whole.
struct branches;
int workspace_branches(struct workspace *ws, struct git *g, const char *base, int64_t now,
                       struct branches **ret, struct err *err);
// Begins with that alone, unless it is under way. ERR_NOMEM: no thread can be had, no repository.
int workspace_branches_behind(struct workspace *ws, const char *base, int64_t now);

// What follows what in the project's own code (core/code/follow.h), read once and kept.
struct follow;
struct workspace_lines;
// Reads it, unless what is kept is of the newest snapshot's files, or another thread is reading
// just now. Nearest to `path` first, should there be more than FOLLOW_BYTES_MAX. May take a second
// for 20 MB. ERR_CANCELLED, ERR_NOMEM, what index_get returns.
int workspace_lines_read(struct workspace *ws, const char *path, bool (*cancelled)(void *ctx),
                         void *ctx, struct err *err);
// Waits for nothing. NULL: nothing was read yet. Put it back.
struct workspace_lines *workspace_lines_get(struct workspace *ws);
void workspace_lines_put(struct workspace_lines *l); // accepts NULL
const struct follow *workspace_lines_follow(const struct workspace_lines *l);
int64_t workspace_lines_file(const struct workspace_lines *l, const char *path); // < 0: not in it
