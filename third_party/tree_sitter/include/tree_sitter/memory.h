// Memory and caches of one parsing thread: a syntax tree is read once and then all of it is given
// back at once, so blocks come from chunks that stay for the next parse.
//
// One user at a time; what a parse gave is valid until the next one or tree_memory_free.
#pragma once

#include <stddef.h>
#include <tree_sitter/api.h>

struct tree_memory;

// Where chunks come from; `take` may answer NULL.
struct tree_chunks {
    size_t bytes_max; // that one parse may hold; at most 1 GB
    void *(*take)(size_t bytes);
    void (*give)(void *chunk);
};

struct tree_memory *tree_memory_new(const struct tree_chunks *chunks); // NULL: out of memory
void tree_memory_free(struct tree_memory *m);                          // accepts NULL

enum tree_result {
    TREE_PARSED,
    TREE_STOPPED,   // by the progress callback
    TREE_NO_MEMORY, // `take` said so
    TREE_TOO_LARGE  // bytes_max
};

// Parses a whole text that stands in memory as UTF-8. *ret must not be deleted, copied or edited.
enum tree_result tree_memory_parse(struct tree_memory *m, const TSLanguage *language,
                                   const char *text, uint32_t bytes, TSParseOptions options,
                                   const TSTree **ret);
