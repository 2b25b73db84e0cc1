// Inside of the tree checks: what the files checks_*.c share. A check is a function that is called
// for every node of its role, in its languages, and reports at most a few findings.
#pragma once

#include "core/code/canon.h"
#include "core/code/checks.h"

#define LANG(name) (1U << LANG_##name)
enum { CHECK_CALLS_PER_ROLE_MAX = 16, CHECK_ERRORS_MAX = 1024 };

#define CHECK_C      (LANG(C) | LANG(CPP))
#define CHECK_JS     (LANG(JAVASCRIPT) | LANG(TYPESCRIPT) | LANG(TSX))
#define CHECK_BRACES (CHECK_C | CHECK_JS | LANG(JAVA))
#define CHECK_ALL    (CHECK_BRACES | LANG(PYTHON) | LANG(GO) | LANG(RUST) | LANG(BASH) | LANG(RUBY))

struct checks {
    const struct syntax *s;
    const char *path;
    bool test; // the path is that of a test
    struct finding *found;
    uint32_t count, capacity;
    int error;
    // Nodes that may still be looked at beside the one loop: a bound on time for files that nest
    // what we look into. When it is used up, the search ends with what it has.
    int64_t budget;
    uint32_t errors[CHECK_ERRORS_MAX]; // ERROR and MISSING nodes, in order
    uint32_t error_count;
};

typedef void check_fn(struct checks *c, uint32_t node);
struct check_row {
    uint32_t langs; // CHECK_… or LANG()
    uint8_t role;
    check_fn *fn; // NULL ends a table
};
extern const struct check_row checks_errors[], checks_flow[], checks_branches[], checks_logic[],
    checks_c[], checks_python[], checks_script[], checks_go_java[], checks_shell[], checks_format[],
    checks_leak[], checks_text[];
// Looks at the whole file, after all nodes.
void checks_async(struct checks *c);

// Reports at `node`. NULL when it is not kept: the text around could not be parsed, or there are
// too many. Else the finding, until the next report.
struct finding *check_report(struct checks *c, const char *rule, uint32_t node, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));
// Gives it a repair; without effect when `f` is NULL or the text is too long.
void check_fix(struct finding *f, uint32_t start, uint32_t end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// --- reading
// Announces a look at a subtree's nodes: false when the budget does not allow it.
bool check_spend(struct checks *c, uint32_t subtree);
static inline bool check_is(const struct checks *c, enum lang l) {
    return c->s->lang == l;
}
static inline bool check_in(const struct checks *c, uint32_t langs) {
    return (langs >> c->s->lang) & 1;
}
static inline enum role check_role(const struct checks *c, uint32_t i) {
    return (enum role)c->s->nodes[i].role;
}
static inline const char *check_text(const struct checks *c, uint32_t i) {
    return c->s->text + c->s->nodes[i].start; // not terminated
}
static inline int check_length(const struct checks *c, uint32_t i) { // for %.*s
    uint32_t n = c->s->nodes[i].end - c->s->nodes[i].start;
    return n < 80 ? (int)n : 80;
}
// Without parentheses around it.
uint32_t check_unwrap(const struct checks *c, uint32_t i);
// The operator of a binary, unary or assignment node, or 0.
uint32_t check_operator(const struct checks *c, uint32_t i);
uint32_t check_left(const struct checks *c, uint32_t i);
uint32_t check_right(const struct checks *c, uint32_t i);
// The function or lambda around it, or 0.
uint32_t check_function(const struct checks *c, uint32_t i);
// Number of named children that are no comments, and the nth of them (from 0), or 0.
uint32_t check_named_count(const struct checks *c, uint32_t i);
uint32_t check_named(const struct checks *c, uint32_t i, uint32_t nth);
uint32_t check_previous_named(const struct checks *c, uint32_t i);
uint32_t check_tokens(struct checks *c, uint32_t i); // leaves that are no comments
// Is a node of this role in the subtree (its root counts)?
bool check_has_role(struct checks *c, uint32_t i, enum role role);
bool check_has_text(struct checks *c, uint32_t i, const char *word); // a leaf with this text
bool check_has_name(struct checks *c, uint32_t i, uint32_t name);    // a leaf that says the same
// Evaluating it twice gives the same: no call, assignment, await … in it.
bool check_pure(struct checks *c, uint32_t i);
// A comment stands in it, behind it on its last line, or ends on the line before.
bool check_commented(struct checks *c, uint32_t i);
bool check_starts_with(const struct checks *c, uint32_t i, const char *prefix);
bool check_is_constant_name(const struct checks *c, uint32_t i); // ALL_CAPS
// Is the text one of the words of a list, "one two three"?
bool check_one_of(const struct checks *c, uint32_t i, const char *list);
bool check_words_have(const char *list, const char *text, size_t n);
// What a call calls: the whole callee ("fs.readFile"); its last name ("readFile"). 0 if unclear.
uint32_t check_callee(const struct checks *c, uint32_t call);
uint32_t check_callee_name(const struct checks *c, uint32_t call);
uint32_t check_arguments(const struct checks *c, uint32_t call);
// Is this direct child of a block a statement that leaves it: return, throw, break …?
bool check_leaves(const struct checks *c, uint32_t statement);
