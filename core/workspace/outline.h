// The functions of a text with their measures, and what it imports: of texts that are in no index,
// the two sides of a change. Worked out once for each content (derived.h). Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/code/facts.h"

struct derived;
struct syntax;

struct outline_function {
    const char *name;
    uint32_t line, end_line, code_lines;
    uint16_t cognitive, cyclomatic;
};
struct outline {
    struct outline_function *functions; // in order of the text
    uint32_t function_count;
    const char **imports; // modules as written
    uint32_t import_count;
    struct buf bytes; // what the names lie in
};
struct outline_want {
    const char *path;
    enum lang lang;
    const char *id;   // git's name of the content; NULL: not known
    const char *text; // NULL: only if it is known already
    size_t bytes;
};
// 0; 1: not known, and there is no text; ERR_NOMEM … *ret is zeroed or done with. `known` may be
// NULL. `syntax`: the caller's thread's.
int outline_of(struct derived *known, struct syntax *syntax, const struct outline_want *w,
               struct outline *ret, struct err *err);
void outline_done(struct outline *o); // accepts a zeroed one
// Is it a function that has measures?
bool outline_measured(const struct fact_symbol *y);
