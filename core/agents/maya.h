// Inside of Maya: what her files share.
#pragma once

#include "core/agents/agents.h"
#include "core/code/catalogue.h"
#include "core/code/finding.h"
#include "core/code/literals.h"
#include "core/code/markup.h"

struct maya_input {
    struct agent_page page;
    struct text path;
};

enum maya_format { MAYA_TEXT, MAYA_MERMAID };
struct maya_flows_input {
    struct agent_page page;
    struct text path;
    int format; // enum maya_format
};

int maya_a11y(struct agent_call *call, const void *input, struct report *r, struct err *err);
int maya_cli_ux(struct agent_call *call, const void *input, struct report *r, struct err *err);
int maya_flows(struct agent_call *call, const void *input, struct report *r, struct err *err);
int maya_strings(struct agent_call *call, const void *input, struct report *r, struct err *err);

// Calls on_file for every file of the workspace's own below the path, with its text and, where the
// language has one, its tree. Negative return stops.
struct maya_file {
    const struct snapshot *s;
    uint32_t file;
    const char *path;
    enum lang lang;
    const char *text;
    size_t bytes;
    const struct syntax *tree; // NULL: none
};
// What a11y has to say about one place.
struct maya_found {
    const char *rule, *criterion, *what, *instead;
    uint32_t line;
    uint32_t start, end; // bytes; end 0: the line is all that is known
};
typedef void maya_found_fn(void *ctx, const struct maya_found *x);
// A page, a component (with its tree) or a style sheet; others have nothing. ERR_NOMEM, or what
// reading it returned.
int maya_check(const struct maya_file *f, maya_found_fn *fn, void *ctx, struct err *err);
const struct rule *maya_rule_find(const char *id, size_t n); // NULL unknown

typedef int maya_file_fn(void *ctx, const struct maya_file *f, struct err *err);
struct maya_walk {
    bool (*wanted)(const char *path, enum lang lang);
    bool tests, trees, generated; // those too
    maya_file_fn *on_file;
    void *ctx;
};
int maya_each(struct agent_call *call, struct text path, const struct maya_walk *w,
              struct report *r, uint32_t *ret_files, struct err *err);

// The answer of `fn`, kept for the contents it follows from: the second time nothing is read.
enum maya_question { MAYA_A11Y, MAYA_CLI_UX, MAYA_FLOWS, MAYA_STRINGS };
typedef int maya_answer_fn(struct agent_call *call, const void *input, struct report *r,
                           struct err *err);
struct maya_kept {
    enum maya_question question;
    struct text path; // all that the input says
    int format;
    maya_answer_fn *fn;
};
int maya_answer(struct agent_call *call, const struct maya_kept *k, const void *input,
                struct report *r, struct err *err);

// --- findings while they are collected; sorted by rule, path and line when they are told
enum { MAYA_FINDINGS_MAX = 20000, MAYA_PLACES_MAX = 6, MAYA_POOL_BYTES_MAX = 32 * 1024 * 1024 };
struct maya_rule {
    const char *id, *heading; // what it finds
    const char *instead;      // what to do
};
struct maya_place {
    const char *path; // lives as long as the findings
    uint32_t line;
};
struct maya_finding;
struct maya_findings {
    const struct maya_rule *rules;
    struct maya_finding *list;
    uint32_t count, capacity, dropped;
    bool failed; // out of memory
};
// `others`: further places of the same thing, said up to MAYA_PLACES_MAX.
void maya_find(struct maya_findings *fs, unsigned rule, struct maya_place at,
               const struct maya_place *others, size_t other_count, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
// Adds them all to the report.
int maya_tell(struct maya_findings *fs, struct report *r, struct err *err);
void maya_findings_done(struct maya_findings *fs);

// Copies that live until pool_done: paths, texts. NULL: out of memory.
struct maya_pool {
    struct maya_block *blocks;
    size_t bytes;
};
char *maya_keep(struct maya_pool *p, const char *s, size_t n);
void maya_pool_done(struct maya_pool *p);
