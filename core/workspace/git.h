// Reads a git repository through the git program such that nothing of the repository is executed,
// whatever its configuration, attributes, hooks and names say.
//
// How: git is never pointed at the repository's own git directory. A private directory (0700,
// removed at git_close) stands in for it: our own config file, no hooks, no attributes; its refs,
// packed-refs, shallow and index are the repository's by link, its objects by an alternates file,
// and HEAD is copied before each call. So a filter, textconv, merge or diff driver, fsmonitor,
// pager, alias, ssh or gpg program, include, promisor remote or core.worktree of the repository's
// configuration does not exist for the git that runs; a name in .gitattributes finds no driver.
// What git may write (merge-tree) lands in the private directory: the repository is never written
// to. The environment is ours entirely, the user's and the system's configuration are not read
// either, so answers do not depend on them.
//
// Of the repository's config file we read a few words ourselves: object format, partial clone, and
// core.autocrlf, eol, ignorecase, symlinks, filemode when their value is one of git's own.
//
// Blocks: for pool workers. A handle has one owner at a time; several handles of a repository are
// fine. Everything read is untrusted bytes: paths may hold anything but NUL.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/workspace/diff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct git;

enum {
    GIT_ID_CHARS_MAX = 64, // hexadecimal: 40 (SHA-1) or 64 (SHA-256)
    GIT_REVISION_BYTES_MAX = 255,
    GIT_PATH_BYTES_MAX = 4096,
    GIT_NOTES_MAX = 8,
    GIT_DIFF_BYTES_MAX = 64 * 1024 * 1024,
    GIT_UNTRACKED_FILES_MAX = 1000,
    GIT_UNTRACKED_BYTES_MAX = 8 * 1024 * 1024,
    GIT_DEFAULT_MS = 30000
};

struct git_config {
    const char *folder;  // somewhere in the work tree, or a bare repository; absolute; copied
    const char *program; // git's path; NULL: looked for in PATH, outside of `folder`
    const char *scratch; // where private directories are made; NULL: $XDG_RUNTIME_DIR, else /tmp
    unsigned ms;         // deadline of each call; 0 = GIT_DEFAULT_MS
    bool (*cancelled)(void *ctx); // may be NULL; asked every few milliseconds
    void *ctx;
};
// ERR_NOT_FOUND: no repository here; ERR_UNSUPPORTED: no git program, or a format it cannot read;
// ERR_PERM: the repository lies above the folder and belongs to another user; ERR_CORRUPT: a .git
// that leads nowhere; ERR_IO, ERR_NOMEM. The message is a note a user can read.
int git_open(const struct git_config *c, struct git **ret, struct err *err);
void git_close(struct git *g); // removes the private directory; accepts NULL
void git_cancel_by(struct git *g, bool (*cancelled)(void *ctx), void *ctx);

enum git_traits {
    GIT_BARE = 1,
    GIT_SHALLOW = 2,      // history ends at a depth
    GIT_DETACHED = 4,     // HEAD is a commit, no branch
    GIT_UNBORN = 8,       // no commit yet
    GIT_SUBMODULE = 16,   // or another .git file that is no linked work tree
    GIT_WORKTREE = 32,    // a linked work tree
    GIT_OTHER_OWNER = 64, // git itself would refuse it (safe.directory)
    GIT_PARTIAL = 128     // a partial clone: missing objects are not fetched
};
unsigned git_traits(struct git *g);          // HEAD is looked at again
const char *git_root(const struct git *g);   // top of the work tree; NULL: bare
const char *git_prefix(const struct git *g); // the folder below the root: "" or "a/b/"
const char *git_branch(struct git *g);       // "main"; NULL: detached. Valid until the next call
unsigned git_id_chars(const struct git *g);  // 40 or 64
// What is not known and why, one sentence each; NULL past the end.
const char *git_note(const struct git *g, unsigned i);

// A revision as people write it (a branch, a tag, "HEAD~3", an abbreviated id) becomes the id of a
// commit, terminated. Searches (":/text", "^{/text}"), paths and ranges are refused: ERR_INVAL.
// ERR_NOT_FOUND: no such revision (or no commit yet).
int git_resolve(struct git *g, const char *revision, size_t n, char ret[GIT_ID_CHARS_MAX + 1],
                struct err *err);
int git_head(struct git *g, char ret[GIT_ID_CHARS_MAX + 1], struct err *err);
// ERR_NOT_FOUND: no common ancestor.
int git_merge_base(struct git *g, const char *id_a, const char *id_b,
                   char ret[GIT_ID_CHARS_MAX + 1], struct err *err);

// A file's bytes at a commit (by id), appended; `max` bytes, more is ERR_LIMIT. ERR_NOT_FOUND.
int git_blob(struct git *g, const char *id, const char *path, size_t max, struct buf *ret,
             struct err *err);
// Many blobs, by their object ids, in one run. Called in order, once each; bytes NULL: no such
// blob, or larger than `max`. Borrowed during the call.
typedef int git_blob_fn(void *ctx, size_t i, const char *bytes, size_t n, struct err *err);
int git_blobs(struct git *g, const char *const *ids, size_t count, size_t max, git_blob_fn *fn,
              void *ctx, struct err *err);

// Tracked files of the index (or of a commit, by id), in git's order. Negative return stops.
struct git_entry {
    const char *path; // from the root of the work tree; terminated
    const char *id;   // of the blob; terminated
    uint32_t mode;    // 0100644, 0100755, 0120000 (symbolic link), 0160000 (submodule)
};
typedef int git_entry_fn(void *ctx, const struct git_entry *e, struct err *err);
int git_entries(struct git *g, const char *id, git_entry_fn *fn, void *ctx, struct err *err);

struct git_ref {
    const char *name; // "main", "origin/topic"
    const char *id;
    int64_t time; // of its commit, seconds
    bool remote;
};
typedef int git_ref_fn(void *ctx, const struct git_ref *ref, struct err *err);
// Branches, local ones first, each kind by name.
int git_branches(struct git *g, git_ref_fn *fn, void *ctx, struct err *err);

enum git_side { GIT_COMMIT, GIT_INDEX, GIT_WORK_TREE };
struct git_diff_want {
    const char *from_id; // a commit; NULL: the empty tree
    enum git_side side;  // what it is compared with
    const char *to_id;   // GIT_COMMIT only
    bool untracked;      // GIT_WORK_TREE: new files that are not ignored count as added
    bool renames;        // a moved file is one file
    unsigned context;    // unchanged lines around each hunk in the text; hunks are exact anyway
};
// What changed, by file and line. Files are compared as git would, conversions of line ends
// included, but no filter runs: a file that a filter changes (LFS) shows its stored form on one
// side.
int git_diff(struct git *g, const struct git_diff_want *w, struct diff **ret, struct err *err);
// The text that git_diff parses, appended; of two commits (GIT_COMMIT) only.
int git_diff_text(struct git *g, const struct git_diff_want *w, struct buf *ret, struct err *err);
// What each of these commits (by id, no merges) changed beside its parent, in one run: the text
// that diff_parse reads, in git's order; a commit without changes is not called. NULL: larger than
// `max`.
typedef int git_change_fn(void *ctx, const char *id, const char *text, size_t n, struct err *err);
int git_changes(struct git *g, const char *const *ids, size_t count, size_t max, git_change_fn *fn,
                void *ctx, struct err *err);
// "A..B", "A...B" (from the merge base), "A" (to the work tree), "" (HEAD to the work tree),
// "--cached"/"staged" (HEAD to the index) as a want with resolved ids, kept in `keep`.
struct git_range {
    char from[GIT_ID_CHARS_MAX + 1], to[GIT_ID_CHARS_MAX + 1];
};
int git_range(struct git *g, const char *range, size_t n, struct git_range *keep,
              struct git_diff_want *ret, struct err *err);

// Would a merge of the two commits conflict? Files that do, sorted; an empty list: it merges.
// ERR_UNSUPPORTED: git before 2.38. ERR_NOT_FOUND: git has no answer for these two (no common
// ancestor, a missing object).
typedef int git_path_fn(void *ctx, const char *path, struct err *err);
int git_merge_conflicts(struct git *g, const char *id_a, const char *id_b, git_path_fn *fn,
                        void *ctx, struct err *err);

// One run of git with these arguments (after "git"), output as it comes: for the modules of this
// folder. Arguments are trusted words, ids from git_resolve, or follow "--". *ret_status may be
// NULL: then a status other than 0 is ERR_IO with what git said.
struct git_run {
    const char *const *arguments; // NULL-terminated
    const void *input;
    size_t input_bytes;
    bool work_tree; // git may look at it
    uint64_t output_bytes_max;
    int (*output)(void *ctx, const char *bytes, size_t n, struct err *err);
    void *output_ctx;
};
int git_run(struct git *g, const struct git_run *run, int *ret_status, struct err *err);
