// What the commits of a repository say about its files: how often and when they change, with which
// others, by how many people, how changes land. From one pass of `git log --raw`, kept as a compact
// list of commits (history_save gives its bytes, history_load takes them back), so that a new HEAD
// reads the new commits only. Everything else is derived from that list in memory.
//
// Owner: one thread while it is loaded or refreshed (that blocks: for pool workers); between, any
// number of threads may ask. No clock: `now` is the caller's, in seconds; commits from its future
// count as now. Ties are broken by path. Nothing is written to the repository, nothing of it is run
// (core/workspace/git.h).
//
// What is known: the newest commits_max commits in git's order, without changes made by merges
// themselves. Renames are followed where content or file name stayed the same. Mailmap is followed.
// About people: counts by number; names only by history_author(); there is no ranking of people
// across the repository and none should be made of this.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/workspace/git.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_COMMITS_DEFAULT = 10000,
    HISTORY_COMMITS_MAX = 200000,
    HISTORY_CHANGES_MAX = 4000000,   // file changes of all commits; then older commits are left out
    HISTORY_COMMIT_FILES_MAX = 5000, // of one commit; the rest is counted only
    HISTORY_PATHS_MAX = 1000000,
    HISTORY_AUTHORS_MAX = 65535,
    HISTORY_SUBJECT_BYTES_MAX = 200, // of the first line; cut at a character
    HISTORY_COUPLED_FILES_MAX = 30,  // larger commits say less about coupling: weight falls by n²
    HISTORY_HALF_LIFE_DAYS = 180,    // of the weight of a commit
    HISTORY_BLOB_BYTES_MAX = 256 * 1024 * 1024,
    HISTORY_WEEKS_MAX = 520
};
#define HISTORY_NONE UINT32_MAX

struct history;
int history_new(struct history **ret,
                struct err *err);     // empty: no git, or no commit yet. ERR_NOMEM
void history_free(struct history *h); // accepts NULL

struct history_config {
    unsigned commits_max; // 0 = HISTORY_COMMITS_DEFAULT
    const char *head;     // id of a commit; NULL: HEAD
};
// Reads what is new since the last refresh or load. *ret_changed (may be NULL): save it again.
// After a branch switch or a rebase only the difference is read. A repository without a commit
// gives an empty history. On failure the history is as before.
int history_refresh(struct history *h, struct git *g, const struct history_config *c,
                    bool *ret_changed, struct err *err);

// Versioned bytes, appended. history_load replaces what h holds; on failure h is as before:
// ERR_VERSION, ERR_CORRUPT (any bytes may be given), ERR_LIMIT, ERR_NOMEM.
int history_save(const struct history *h, struct buf *ret, struct err *err);
int history_load(struct history *h, const void *bytes, size_t n, struct err *err);

const char *history_head(const struct history *h); // id; "" when empty
// What is not known, one sentence each ("only the newest 10,000 commits were read"); NULL past the
// end. See also git_note().
const char *history_note(const struct history *h, unsigned i);

// --- commits, newest first ----------------------------------------------------------------------

enum history_flags {
    HISTORY_MERGE = 1,
    HISTORY_FIX = 2,    // the subject says that something was wrong and is mended
    HISTORY_REVERT = 4, // undoes another commit
    HISTORY_REVERTED = 8,
    HISTORY_CUT = 16 // more files than are listed
};
struct history_commit {
    char id[GIT_ID_CHARS_MAX + 1];
    int64_t time;        // when it got its place (committer), seconds
    int64_t author_time; // when it was written
    uint32_t author;     // number of the author
    unsigned flags;
    const char *subject; // terminated; any bytes
    uint32_t file_count; // those that history_change() gives
    uint32_t parent_count;
    uint32_t reverts; // the commit it undoes; HISTORY_NONE: none, or not known
};
uint32_t history_commit_count(const struct history *h);
void history_commit(const struct history *h, uint32_t i, struct history_commit *ret);
uint32_t history_parent(const struct history *h, uint32_t i, uint32_t k); // HISTORY_NONE: not read
int64_t history_find_commit(const struct history *h, const char *id);     // full id; < 0: not read

struct history_change {
    uint32_t file;    // the file under its newest name
    const char *path; // its name in that commit
    char status;      // 'A' 'M' 'D' 'R'
};
void history_change(const struct history *h, uint32_t i, uint32_t k, struct history_change *ret);

// --- files, by path -----------------------------------------------------------------------------

struct history_file {
    const char *path; // newest name, from the root of the repository
    uint32_t commits, fixes;
    uint32_t authors;
    int64_t first, last; // seconds; of the commits read
    bool gone;           // its newest change deleted it
};
uint32_t history_file_count(const struct history *h);
void history_file(const struct history *h, uint32_t i, struct history_file *ret);
int64_t history_find(const struct history *h, const char *path); // older names are found too; < 0
// The k-th commit (newest first) that changed file i; HISTORY_NONE past the end.
uint32_t history_file_commit(const struct history *h, uint32_t i, uint32_t k);
// Recent churn of each file: sum of 2^-(age/half life) over its commits; ret[history_file_count].
void history_churn(const struct history *h, int64_t now, float *ret);

// --- coupling -----------------------------------------------------------------------------------

struct history_pair {
    uint32_t a, b;                 // files, a < b by path
    uint32_t support;              // commits that changed both
    uint32_t a_commits, b_commits; // of those that count for coupling
    float a_to_b, b_to_a;          // confidence: support / commits of the first
};
struct history_coupling_want {
    uint32_t support_min; // 0 = 4
    float confidence_min; // of the stronger direction; 0 = 0.5
    const char *path;     // only pairs with this file, or below this folder ("src/"); NULL: all
    bool gone;            // files that were deleted too
};
// Best pairs first (support × confidence). Writes at most `max`; *ret_count how many it wrote,
// *ret_total (may be NULL) how many there are. ERR_NOMEM.
int history_coupling(const struct history *h, const struct history_coupling_want *w,
                     struct history_pair *ret, uint32_t max, uint32_t *ret_count,
                     uint32_t *ret_total, struct err *err);

struct history_cochange {
    uint32_t file;
    uint32_t with;    // the given file (index into the query) that says so most strongly
    uint32_t support; // commits that changed both, but for those of very many files
    uint32_t of;      // commits that changed `with`, the same
    float score;      // for the order; not a probability
};
struct history_cochange_want {
    const char *const *paths; // changed files
    uint32_t path_count;
    uint32_t skip; // ignore this many of the newest commits (measurement)
    bool gone;
};
// Which other files usually change with these. Best first. Files never seen are ignored.
int history_cochanges(const struct history *h, const struct history_cochange_want *w,
                      struct history_cochange *ret, uint32_t max, uint32_t *ret_count,
                      struct err *err);

// --- ownership ----------------------------------------------------------------------------------

struct history_share {
    uint32_t author;
    uint32_t commits;
    float share; // of the recent-weighted commits, 0..1
};
struct history_owners {
    uint32_t commits, authors;
    uint32_t bus_factor; // fewest authors that together have more than half of the recent weight
    float main_share;
    int64_t main_last; // last commit of the main author here, seconds
    uint32_t share_count;
    struct history_share shares[8]; // largest first
};
// Of a file, or of a folder ("src/"; "" for all). ERR_NOT_FOUND: no commit changed it. ERR_NOMEM.
int history_owners(const struct history *h, const char *path, int64_t now,
                   struct history_owners *ret, struct err *err);
uint32_t history_author_count(const struct history *h);
// Only for answers in which the user asked for names. *ret_email may be NULL.
const char *history_author(const struct history *h, uint32_t author, const char **ret_email);

// --- hotspots -----------------------------------------------------------------------------------

// Complexity of a file as it is now; 0: it does not count (prose, generated, gone).
typedef double history_complexity_fn(void *ctx, const char *path);
struct history_hotspot {
    uint32_t file;
    uint32_t commits;
    float churn;       // recent-weighted
    double complexity; // what the function said
    float score;       // share of the churn × share of the complexity, both of the largest: 0..1
};
int history_hotspots(const struct history *h, int64_t now, history_complexity_fn *fn, void *ctx,
                     struct history_hotspot *ret, uint32_t max, uint32_t *ret_count,
                     struct err *err);

// --- flow ---------------------------------------------------------------------------------------

// One thing that landed on the main line: a merge with what it brought, or a direct commit.
struct history_landing {
    uint32_t commit;
    uint32_t commits; // brought; 1 for a direct commit
    uint32_t files;   // different ones
    int64_t lead;     // seconds from the first of them written to landing; 0: at once
    bool merge;
};
struct history_flow {
    uint32_t landings, merges;
    int64_t lead_median, lead_p85; // seconds
    uint32_t files_median, files_p85;
    uint32_t week_count;
    uint32_t weeks[HISTORY_WEEKS_MAX]; // landings of each week before `now`, the newest first
    uint32_t fixes, reverts;           // of the landings' commits
};
// Of the landings from `since` (0: all that were read) to `now`, along the first parents of the
// head. Weeks begin with the oldest commit that was read if that is after `since`. `ret_list` (may
// be NULL) takes at most `max` landings, newest first. ERR_NOMEM.
int history_flow(const struct history *h, int64_t since, int64_t now, struct history_flow *ret,
                 struct history_landing *ret_list, uint32_t max, uint32_t *ret_count,
                 struct err *err);

// Lines added and removed, for a few files (git compares contents for it: about a millisecond a
// commit). At most HISTORY_LINES_FILES_MAX paths and `commits_max` commits each pass.
enum { HISTORY_LINES_FILES_MAX = 64 };
struct history_lines {
    uint64_t added, removed;
    uint32_t commits;
};
int history_lines(struct git *g, const char *head, const char *const *paths, uint32_t path_count,
                  unsigned commits_max, struct history_lines *ret, struct err *err);
