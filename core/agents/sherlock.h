// Inside of Sherlock: what its files share.
#pragma once

#include "core/agents/agents.h"
#include "core/agents/findings.h"
#include "core/code/syntax.h"
#include "core/workspace/diff.h"
#include "core/workspace/git.h"

enum { DIFF_ARGUMENT_BYTES_MAX = 8 * 1024 * 1024 };
enum review_format { REVIEW_TEXT, REVIEW_SARIF };

struct review_input { // review and review_tree
    struct agent_page page;
    struct text range, path, diff;
    struct text_array rules;
    int format;
    int64_t confidence;
};
struct change_input { // risk, missing
    struct agent_page page;
    struct text range;
};
struct secrets_input {
    struct agent_page page;
    struct text range, path, text;
};
struct mute_input {
    struct agent_page page;
    struct text rule, path, print, reason;
    bool remove;
};

int sherlock_review(struct agent_call *call, const void *input, struct report *r, struct err *err);
int sherlock_review_tree(struct agent_call *call, const void *input, struct report *r,
                         struct err *err);
int sherlock_baseline(struct agent_call *call, const void *input, struct report *r,
                      struct err *err);
int sherlock_risk(struct agent_call *call, const void *input, struct report *r, struct err *err);
int sherlock_missing(struct agent_call *call, const void *input, struct report *r, struct err *err);
int sherlock_secrets(struct agent_call *call, const void *input, struct report *r, struct err *err);
int sherlock_mute(struct agent_call *call, const void *input, struct report *r, struct err *err);

// --- a change, with the texts of its files (sherlock_change.c)
struct change {
    struct git *git; // NULL: a diff that the caller gave
    struct diff *diff;
    struct git_range ids;
    enum git_side side; // of the new texts
    struct snapshot *snapshot;
    const char *what; // "working tree against HEAD", …
};
// Opens git in the workspace, resolves the range, takes the diff. `given` not NULL: that text
// instead; it is about the working tree. ERR_INVAL: the range; ERR_NOT_FOUND: no repository.
int change_open(struct agent_call *call, struct text range, const struct text *given,
                struct change *ret, struct err *err);
void change_close(struct change *c); // accepts a zeroed one
// The file's text on the new side, and on the old one; ret is left empty when there is none there.
int change_new_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err);
int change_old_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err);

// --- one file (sherlock_file.c)
struct review_text {
    const char *path;
    enum lang lang;
    const char *text;
    size_t bytes;
    const char *old; // NULL: new file, or the old side is not known
    size_t old_bytes;
    const struct diff *diff; // NULL: the whole text is looked at
    const struct diff_file *file;
    bool test;
};
struct reviewer { // one thread's
    struct syntax *syntax;
    struct findings *findings;
    bool whole;                // review_only rules are left out
    uint32_t functions;        // looked at
    uint32_t unparsed;         // files without a tree
    int confidence;            // percent: what is below is left out
    struct syntax_kept **kept; // of the text before the last edit; NULL: none is kept
};
int review_text(struct reviewer *rv, const struct review_text *x, struct err *err);

// Takes out what the user muted and what the baseline knows; orders; writes items (or SARIF).
// `keep`: keeps them as the baseline, and takes the old one for none.
int sherlock_put(struct agent_call *call, struct findings *f, const struct review_input *in,
                 bool keep, struct report *r, struct err *err);
