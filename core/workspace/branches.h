// Live branches: how far from the main line, how old, which of them will conflict when they meet.
// Blocks: for pool workers. Nothing is written to the repository. See core/workspace/git.h.
#pragma once

#include "core/base/err.h"
#include "core/workspace/git.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BRANCHES_MAX = 1000,           // looked at
    BRANCHES_COMPARED_MAX = 500,   // compared with the main line, newest first
    BRANCHES_COMMITS_MAX = 300000, // looked at; of a longer history only the last days:
    BRANCHES_LONG_DAYS = 400,
    BRANCHES_LIVE_MAX = 32,           // tried for conflicts, newest first
    BRANCHES_PAIRS_MAX = 200,         // merges tried
    BRANCHES_CONFLICT_FILES_MAX = 20, // named per pair
    BRANCHES_STALE_DAYS = 90
};

struct derived;
struct branch {
    const char *name; // "topic", "origin/topic"
    const char *id;
    int64_t time;  // last commit, seconds
    int64_t first; // first commit that the main line lacks; 0: none, or not looked at
    bool remote, head, merged;
    bool live;              // compared, unmerged and younger than BRANCHES_STALE_DAYS
    uint32_t ahead, behind; // of the main line; only where `compared`
    bool compared;
};
struct branch_conflict {
    uint32_t a, b; // indexes of branches, a < b; b = BRANCHES_BASE: the main line
    const char *files[BRANCHES_CONFLICT_FILES_MAX];
    uint32_t file_count; // named
    uint32_t file_total;
};
#define BRANCHES_BASE UINT32_MAX

struct branches {
    struct branch *list; // newest first, then by name
    uint32_t count;
    struct branch_conflict *conflicts; // by a, then b
    uint32_t conflict_count;
    uint32_t pairs_tried;
    uint32_t pairs_left; // not tried: beyond BRANCHES_PAIRS_MAX
    uint32_t pairs_open; // not tried yet: the time was over; asked again they will be
    char base_name[256], base_id[GIT_ID_CHARS_MAX + 1];
    bool conflicts_known; // false: not asked for, or git is too old (before 2.38)
};
struct branches_want {
    const char *base; // name of the main line; NULL: main, master, trunk, develop, else HEAD
    int64_t now;      // seconds
    bool conflicts;
    unsigned ms;           // for the conflicts that are not known yet, all together; 0 = 5000
    bool known_only;       // no time at all for them
    struct derived *known; // what commits come to is kept there; NULL: nowhere
};
// Branches at the same commit stand once, the local one. ERR_NOT_FOUND: no commit yet.
int branches_read(struct git *g, const struct branches_want *w, struct branches **ret,
                  struct err *err);
void branches_free(struct branches *b); // accepts NULL
