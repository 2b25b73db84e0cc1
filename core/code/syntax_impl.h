// Inside of core/code/syntax*.c.
#pragma once

#include "core/code/syntax.h"

#ifdef PAIRED_TREES
#include <tree_sitter/api.h>

// Writes the tree's visible nodes into s->nodes. 0, ERR_LIMIT (SYNTAX_NODES_MAX), ERR_NOMEM.
int syntax_flatten(struct syntax *s, const TSTree *tree);
// The same by the public interface alone, at eight times the cost.
int syntax_flatten_cursor(struct syntax *s, const TSTree *tree);

int syntax_grow(struct syntax *s); // room for one more node
#endif
