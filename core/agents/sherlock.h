// Inside of Sherlock: what its files share.
#pragma once

#include "core/agents/agents.h"
#include "core/agents/findings.h"
#include "core/agents/news.h"
#include "core/agents/taken.h"
#include "core/base/wire.h"
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
// The texts of some neighbouring files of the change, read together.
enum {
    CHANGE_TEXTS_MAX = 48,                    // files
    CHANGE_TEXTS_BYTES_MAX = 16 * 1024 * 1024 // and bytes, but for a single file
};
struct change_text {
    struct buf now, old;         // left empty when there is none on that side
    const char *now_id, *old_id; // git's names of these contents; NULL: not known
    int result;                  // of reading them; < 0: `why` says what is wrong
    struct err why;
};
struct change_texts {
    uint32_t first, count; // files of the diff
    struct change_text list[CHANGE_TEXTS_MAX];
};
enum { CHANGE_NOW = 1, CHANGE_OLD = 2 };
// Which sides of file `first + i` have to be read; `t` has their names so far.
typedef unsigned change_need_fn(void *ctx, uint32_t i, const struct change_text *t);
// From file `first` on, as many as fit. Files that are gone or binary have no text. `ret` is zeroed
// at first, and used again; change_texts_done at the end. ERR_NOMEM, ERR_CANCELLED.
int change_read(struct change *c, uint32_t first, change_need_fn *need, void *ctx,
                struct change_texts *ret, struct err *err);
void change_texts_done(struct change_texts *t); // accepts a zeroed one
bool change_below(const struct diff_file *f, const char *under);

// --- one file (sherlock_file.c)
struct review_text {
    const char *path;
    enum lang lang;
    const char *text;
    size_t bytes;
    const char *old; // NULL: new file, or the old side is not known
    size_t old_bytes;
    const char *id, *old_id; // git's names of the two contents; NULL: not known
    bool lang_of_text;       // `lang` is what the text says; then there are no such names
    const struct diff *diff; // NULL: the whole text is looked at
    const struct diff_file *file;
    bool test;
    bool taken; // over whole from another project: errors alone are told of
};
struct reviewer { // one thread's
    struct syntax *syntax;
    struct findings *findings;
    bool whole;                  // review_only rules are left out
    uint32_t functions;          // looked at
    uint32_t unparsed;           // files without a tree
    int confidence;              // percent: what is below is left out
    struct syntax_kept **kept;   // of the text before the last edit; NULL: none is kept
    struct derived *derived;     // what is known of contents; NULL: all is worked out
    struct news_removed removed; // by the change, of who judges; news_removed_done
    struct taken taken;          // of who judges
};
int review_text(struct reviewer *rv, const struct review_text *x, struct err *err);
// The same in two steps: the first by any thread with a reviewer of its own (its findings are not
// touched), the second by one. *ret: review_read_free, also on failure.
struct review_read;
int review_read(struct reviewer *rv, const struct review_text *x, struct review_read **ret,
                struct err *err);
// Before any text is there, by the contents' names: as far as that is known. *ret goes on to
// review_read if texts are needed. Returns which (CHANGE_NOW, CHANGE_OLD), or ERR_NOMEM.
int review_known(struct reviewer *rv, const struct review_text *x, struct review_read **ret,
                 struct err *err);
int review_judge(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                 struct err *err);
void review_read_free(struct review_read *c); // accepts NULL

// --- one text of it (sherlock_side.c)
struct side_want {
    const char *path;
    enum lang lang;
    const char *id;   // git's name of the text; NULL: not known
    const char *text; // NULL: only if it is known already
    size_t bytes;
    bool functions; // those too
    struct syntax_kept **kept;
};
struct side_function {
    const char *name; // borrowed from the side; "" without one
    uint32_t line, end_line;
    unsigned cognitive;
};
// 0; 1: not known, and there is no text. *ret: buf_done, whatever comes. After a parse, rv->syntax
// holds the tree.
int side_read(struct reviewer *rv, const struct side_want *w, struct buf *ret, struct err *err);
bool side_unparsed(const struct buf *side); // its language has trees, and there is none
struct side_cursor {
    struct wire wire;
    const struct rule *last;
    bool is_finding; // else a function
    struct finding finding;
    uint64_t print; // of the finding
    struct side_function function;
};
void side_begin(const struct buf *side, struct side_cursor *ret);
bool side_next(struct side_cursor *c);

// Does the line stand in tests that share a file with what they test: below #ifdef X_TEST of C,
// #[cfg(test)] of Rust?
bool text_in_tests(enum lang lang, const char *text, size_t bytes, uint32_t line);

// Copied code of the tree (sherlock_copies.c): of the change `d` (`removed` is what it took away),
// or (both NULL) below `under`. Left out: tests, declarations of C, and what differs in most lines.
struct derived;
int copies_find(const struct snapshot *s, struct derived *known, const struct diff *d,
                struct news_removed *removed, const char *under, struct findings *out,
                struct err *err);

// Takes out what the user muted and what the baseline knows, and of a change what is quiet (unless
// asked for); orders; writes items (or SARIF). PUT_BASELINE keeps them as the baseline, and takes
// the old one for none.
enum put_what { PUT_CHANGE, PUT_TREE, PUT_BASELINE };
int sherlock_put(struct agent_call *call, struct findings *f, const struct review_input *in,
                 enum put_what what, struct report *r, struct err *err);
