// Where an import leads: the paths of a workspace by their last part, the packages its build files
// name, and the rules of each language (C include paths by their end, Python packages, JavaScript's
// relative modules and index files, Go's module path, Rust's crates and modules, Java packages,
// Ruby's load path).
//
// Made when first asked for; shared by all snapshots with the same files; any thread.
#pragma once

#include "core/workspace/entry.h"

struct paths;
struct paths *paths_new(void); // NULL when out of memory
struct paths *paths_ref(struct paths *p);
void paths_put(struct paths *p); // accepts NULL

// The file that `import` of `file` means; -1: none; ERR_BUSY: it cannot be known now.
int64_t paths_resolve(struct paths *p, const struct snapshot *s, uint32_t file,
                      const struct fact_import *import);
