// Who uses whom: edges from files to the symbols that they mention. Made once per search, when
// first asked for. Inside of search only.
#pragma once

#include "core/workspace/search_impl.h"

enum {
    GRAPH_DEFINERS_MAX = 20,           // names that more files define lead nowhere
    GRAPH_EDGES_MAX = 16 * 1024 * 1024 // 12 bytes each
};

struct graph_edge {
    uint32_t unit; // the definition
    float weight;  // sqrt of how often, by information and number of definitions
};
struct graph {
    uint32_t *first; // [files + 1] of each file's edges
    struct graph_edge *edges;
    uint32_t edge_count;
    bool cut; // GRAPH_EDGES_MAX reached
};

// Any thread; the first one makes it. NULL: out of memory.
const struct graph *search_graph(const struct search *s);
void graph_free(struct graph *g); // accepts NULL

// Ranks of files by a walk that restarts at `restart` (sums to 1; by file) and follows edges, those
// to and from files of little weight less often. rank[file_count] is the caller's memory; `shares`
// [unit_count] gets what each unit earns of the ranks of the files that mention it.
int graph_rank(const struct search *s, const struct graph *g, const float *weight,
               const double *restart, double *rank, double *shares, struct err *err);
