// What is mined of a repository and kept: idioms of the tree, edits of the history, and where
// patterns stand. Texts and figures only; whoever matches one reads its text again.
#pragma once

#include "core/agents/agents.h"
#include "core/base/buf.h"
#include "core/code/miner.h"
#include "core/code/pattern.h"
#include "core/workspace/workspace.h"

struct idiom {
    const char *text;   // borrowed from the list
    const char *commit; // that made it, of edits; "": none
    char id[2 * PATTERN_ID_BYTES + 1];
    enum lang lang;
    uint32_t count, files;
    double bits;
    enum mined_level level;
};
struct idioms { // best first
    struct idiom *list;
    uint32_t count;
    struct buf bytes;
};
void idioms_done(struct idioms *x); // accepts a zeroed one
// Between what the miner gives and what is kept.
// `commits` may be NULL.
int idioms_write(const struct mined *list, const char *const *commits, uint32_t count,
                 struct buf *ret, struct err *err);
int idioms_read(struct idioms *x, struct err *err); // of x->bytes

// Of the source files of the project itself (edison_mined.c). *ret: idioms_done.
int idioms_of(struct agent_call *call, const struct snapshot *s, struct idioms *ret,
              struct err *err);

// Of the newest commits that mended or rebuilt something (edison_edits.c): what was changed into
// what, again and again, in three files at least (or six times in two), and
// not back again. `past` may be without git:
// then there is none. *ret_commits: looked at. *ret: idioms_done.
enum { EDITS_COMMITS_MAX = 600 };
int edits_of(struct agent_call *call, const struct workspace_past *past, struct idioms *ret,
             uint32_t *ret_commits, struct err *err);

// The same where they were mined before and no commit has come since: 1; 0: they are not known, and
// to mine them takes seconds.
int edits_known(struct agent_call *call, const struct workspace_past *past, struct idioms *ret,
                struct err *err);

// --- where patterns stand (edison_matches.c)
enum { MATCHES_MAX = 5000 }; // of one file
struct match_place {
    uint32_t pattern; // index in the array
    uint32_t line, end_line;
};
// In order of the files and of their lines. A negative return stops.
typedef int match_fn(void *ctx, uint32_t file, const struct match_place *m, struct err *err);
int matches_each(struct agent_call *call, const struct snapshot *s, struct pattern *const *patterns,
                 uint32_t count, match_fn *fn, void *ctx, struct err *err);
