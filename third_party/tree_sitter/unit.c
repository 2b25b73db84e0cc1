// The core of tree-sitter as one unit, its sources as the package has them, with some functions of
// our own in place of theirs: what they answer is the same, what they cost is about half.
//
// - Memory comes from chunks of the parse (include/tree_sitter/memory.h) and not from malloc; a
//   parse that runs out of it ends instead of the process.
// - Counts of references are plain: no tree of ours is used by two threads at a time.
// - Values of the parse tables that were looked up before are remembered.
// - A reduction on a stack with one version takes its nodes off instead of walking all ways down.
// - Trees that are read once are not balanced.
//
// Only for the version that third_party/CMakeLists.txt names; others are built as they come. Names
// of the package are replaced by #define around the file that has the function. tests/trees
// compares the trees with those of an untouched build, tests/unit/code/test_syntax_same.c ours with
// those that the public interface gives. Compiled with -fno-strict-aliasing: the core's arrays need
// it as soon as the compiler sees through its allocator.
//
// Source: tree-sitter 0.25.1, lib/src (MIT, LICENSE in this folder).
#include "third_party/tree_sitter/include/tree_sitter/memory.h"

#include "third_party/tree_sitter/lexer_view.h"

#include <assert.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "third_party/tree_sitter/blocks.h"

// --- replaced names ------------------------------------------------------------------------------
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#endif

#define TREE_SITTER_ATOMIC_H_
static inline size_t atomic_load(const volatile size_t *p) {
    return *p;
}
static inline uint32_t atomic_inc(volatile uint32_t *p) {
    return ++*(uint32_t *)p;
}
static inline uint32_t atomic_dec(volatile uint32_t *p) {
    return --*(uint32_t *)p;
}

#define ts_malloc  blocks_malloc
#define ts_calloc  blocks_calloc
#define ts_realloc blocks_realloc
#define ts_free    blocks_free

#define ts_language_lookup      lookup_in_tables
#define ts_language_has_actions has_actions_in_tables
#include "language.h"
#undef ts_language_lookup
#undef ts_language_has_actions
#include "third_party/tree_sitter/lookup.h"

#include "get_changed_ranges.c"
#include "language.c"
#include "lexer.c"
#include "node.c"
#include "subtree.c"

#define ts_stack_push push_whole_node
#include "stack.c"
#undef ts_stack_push

#include "third_party/tree_sitter/reduce.h"
// The definition begins with the type of its first parameter, calls with its name.
#define ts_parser__reduce(first, ...)  REDUCE_##first, __VA_ARGS__)
#define REDUCE_TSParser                reduce_any(TSParser
#define REDUCE_self                    reduce(self
#define ts_parser__balance_subtree(first) BALANCE_##first)
#define BALANCE_TSParser               balance_subtree(TSParser
#define BALANCE_self                   balance(self
#include "parser.c"
#undef ts_parser__reduce
#undef ts_parser__balance_subtree
#include "third_party/tree_sitter/parse.h"

#include "tree.c"
#include "tree_cursor.c"
#include "wasm_store.c"
#ifdef __clang__
#pragma clang diagnostic pop
#endif
