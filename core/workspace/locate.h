// "Where is it?": a text (the text of a bug report, a commit message, a stack trace, a symbol, part
// of a path) to the files and symbols it is about, ranked, each with its score and why.
//
// How: BM25F (Robertson, Zaragoza 2009) over path, names of definitions, body words and, with a
// history, earlier commit messages; exact mentions of identifiers, dotted names, paths and stack
// frames; neighbours by calls and files that change together come in behind what they are
// neighbours of; vendored, generated and test files count little unless the text asks for them.
// Weights and how they were fitted: search_rank.c.
//
// Pure over a search (search.h); any thread; deterministic. <= 20 ms on 10 MB of source.
#pragma once

#include "core/workspace/search.h"

enum { LOCATE_FILES_MAX = 100, LOCATE_SYMBOLS_MAX = 200 };

enum locate_tests {
    LOCATE_TESTS_AUTO, // behind other code, unless the text is about tests
    LOCATE_TESTS_YES,  // like other code
    LOCATE_TESTS_NO    // left out
};

struct locate_want {
    const char *text; // bytes, not terminated, need not be UTF-8; borrowed
    size_t bytes;
    uint32_t files, symbols; // how many at most; 0 = 10 and 20
    const char *under;       // only paths that begin with this; NULL = all
    enum locate_tests tests;
    bool no_documents; // leave prose and data files out
};
struct located_file {
    uint32_t file; // of the snapshot
    uint32_t line; // of its best symbol, 1 when none stands out
    double score;  // > 0, best first; comparable within one answer only
    struct search_reasons reasons;
};
struct located_symbol {
    struct place place;
    double score;
    struct search_reasons reasons;
};
struct locate_result {
    uint32_t file_count, symbol_count;
    struct located_file *files;
    struct located_symbol *symbols;
    bool tests;          // tests were counted fully
    uint32_t terms;      // words of the text that the workspace knows
    uint32_t candidates; // files with any of them
    char unknown[256];   // names in the text that the workspace does not define: "frobnicate, a.b"
};
// Nothing found: file_count 0, not an error. ERR_NOMEM. Free with locate_free.
int locate(const struct search *s, const struct locate_want *want, struct locate_result **ret,
           struct err *err);
void locate_free(struct locate_result *r); // accepts NULL
