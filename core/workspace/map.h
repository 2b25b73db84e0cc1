// The repository at a glance under a token budget: the definitions that matter most, one line each
// with its signature, grouped by file.
//
// How: a graph of files, an edge from a file that mentions a name to those that define it, weighted
// by how often and by information: ln(files / files that define it); names that everybody defines
// (init, len, run) say nothing. Personalised PageRank on it (Page, Brin 1998; damping .85); a
// file's rank is shared among its definitions by how they are used. Vendored, generated and test
// files are at 0.05. Focus and query move the restart of the walk.
//
// Pure over a search; reads the texts of the files it shows; any thread; deterministic.
#pragma once

#include "core/workspace/search.h"

enum { MAP_TOKENS_DEFAULT = 1024, MAP_TOKENS_MAX = 100000, MAP_LINES_MAX = 10000 };
enum { MAP_LINE_BYTES_MAX = 160 }; // longer signatures are cut

struct map_want {
    uint32_t tokens;   // 0 = MAP_TOKENS_DEFAULT
    const char *query; // what it is for: locate.h's text; NULL = none
    size_t query_bytes;
    const uint32_t *files; // in focus: what they use comes first; they themselves too
    uint32_t file_count;
    const struct place *symbols;
    uint32_t symbol_count;
    const char *under; // only paths that begin with this; NULL = all
    bool tests;        // tests count like other code
};
struct map_line {
    struct place place;
    double score; // sums to 1 over all symbols of the workspace
};
struct code_map {
    uint32_t line_count;
    struct map_line *lines; // in the order of the text: files by rank, then by position
    uint32_t file_count;
    char *text; // "path:" then "  line: signature" for each; terminated
    size_t text_bytes;
    uint32_t tokens;
    uint32_t symbols_left; // with a score, not shown
};
// ERR_INVAL (budget), ERR_NOMEM. A workspace without definitions gives an empty map.
int map_make(const struct search *s, const struct map_want *want, struct code_map **ret,
             struct err *err);
void map_free(struct code_map *m); // accepts NULL
