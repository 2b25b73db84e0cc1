// What the tests of search, locate, pack, map and similar share: a small shop in Python and C whose
// every file has a reason, indexed with trees.
#pragma once

#include "tests/unit/workspace/tree_support.h"

#include "core/workspace/index.h"
#include "core/workspace/search.h"

struct shop {
    struct tree tree;
    struct index *index;
    struct snapshot *snapshot;
    struct search *search;
};
void shop_open(struct shop *s, const struct search_history *history);
void shop_empty(struct shop *s);                                       // a workspace without files
void shop_index(struct shop *s, const struct search_history *history); // what is in its tree
void shop_close(struct shop *s);
const char *shop_path(const struct shop *s, uint32_t file);
const char *shop_name(const struct shop *s, struct place at);
struct place shop_find(const struct shop *s, const char *name); // the only definition of it
