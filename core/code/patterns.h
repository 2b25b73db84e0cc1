// Finds where patterns stand in a file: the hash of each statement, of the windows that begin with
// it and of its depth cut is looked up in tables, so the time does not depend on how many patterns
// there are. A set is constant once built and may be used by several threads; each brings its own
// matcher.
#pragma once

#include "core/code/pattern.h"

enum { PATTERNS_MAX = 100 * 1000 };

struct pattern_set;
// The patterns stay the caller's and have to outlive the set. Those of other languages than the
// file's are passed over. ERR_NOMEM, ERR_LIMIT.
int pattern_set_new(struct pattern *const *patterns, uint32_t count, struct pattern_set **ret,
                    struct err *err);
void pattern_set_free(struct pattern_set *set); // accepts NULL

struct pattern_match {
    uint32_t pattern; // index in the array the set was made of
    uint32_t start, end;
    uint32_t line, end_line;
};
// Called in order of the file. A negative return ends the search and becomes its result.
typedef int pattern_match_fn(void *ctx, const struct pattern_match *match);

struct pattern_matcher;
struct pattern_matcher *pattern_matcher_new(void); // NULL when out of memory
void pattern_matcher_free(struct pattern_matcher *m);

// Holes of a pattern that came from a cut (`$...` four levels down and deeper, but in lists) stand
// for compound expressions: a bare name there is another cut. 0, ERR_NOMEM, ERR_LIMIT, or what
// `emit` returned.
int patterns_match(const struct pattern_set *set, struct pattern_matcher *m, const struct syntax *s,
                   pattern_match_fn *emit, void *ctx, struct err *err);
// Only what touches bytes [start, end): the statements there and those around them, up to some
// thousand nodes. For a keystroke.
int patterns_match_range(const struct pattern_set *set, struct pattern_matcher *m,
                         const struct syntax *s, uint32_t start, uint32_t end,
                         pattern_match_fn *emit, void *ctx, struct err *err);
