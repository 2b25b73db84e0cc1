// Modules of a workspace (folders, or files) and the imports between them; cycles and layers.
// Deterministic; any thread.
#pragma once

#include "core/base/err.h"
#include "core/workspace/index.h"

enum { MODULES_MAX = 4096, MODULE_EDGES_MAX = 65536, MODULE_NAME_BYTES_MAX = 256 };

struct module {
    const char *name; // folder, or path of the file; "." is the root
    uint32_t files, code_lines, symbols;
    uint32_t in, out; // edges
    uint32_t cycle;   // number from 1 of the cycle it is part of; 0 = none
    uint32_t layer;   // 0 uses no other module; members of a cycle share one
};
struct module_edge {
    uint32_t from, to;
    uint32_t imports;    // how many
    uint32_t file, line; // one of them: file of the snapshot
    uint32_t target;     // and the file that it names
};
struct modules {
    struct module *list; // by name
    uint32_t count, cycles;
    struct module_edge *edges; // by from, to
    uint32_t edge_count;
    uint32_t *of_file; // [snapshot_count]: index of its module, UINT32_MAX for none
    char *names;
    bool cut;
};
struct modules_options {
    bool files;        // a module is a file
    uint32_t depth;    // folders of a name; 0 = chosen so that there are 5 to 40 modules
    const char *below; // only files below this folder; NULL: all
    size_t below_bytes;
    bool tests; // test files count too
};
// Code files of the project itself: vendored and generated ones are left out. ERR_NOMEM.
int modules_of(const struct snapshot *s, const struct modules_options *o, struct modules *ret,
               struct err *err);
void modules_done(struct modules *m); // accepts a zeroed one
