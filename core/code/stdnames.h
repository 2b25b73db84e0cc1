// Names of the standard libraries of the languages, written by hand: the only names that a pattern
// keeps. A list of what is frequent would leak (the name of a vendored function is in many
// projects); this one cannot. Constant after first use; any thread.
#pragma once

#include "core/code/language.h"

bool stdnames_has(enum lang lang, const char *text, size_t n);
// Words of the grammar that some grammars give a named node of their own: `mut`, `pass`, `true` …
bool stdnames_is_keyword(enum lang lang, const char *text, size_t n);

// Names of libraries that are everyday names of variables too: kept like the others, but that two
// of them stand together means nothing.
bool stdnames_is_common(const char *text, size_t n);

// One string of words per list, split by spaces; NULL ends them. Inside of stdnames*.c.
extern const char *const stdnames_c[],
    *const stdnames_cpp[], *const stdnames_python[], *const stdnames_js[],
                                                         *const stdnames_go[],
                                                             *const stdnames_rust[],
                                                                 *const stdnames_java[],
                                                                     *const stdnames_bash[],
                                                                         *const stdnames_ruby[];
