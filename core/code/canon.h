// Canonical hashes of subtrees: equal for code that differs only in the names of its variables,
// its literals, its comments and its layout. Node types enter as text, so hashes survive grammar
// versions. Used for identical branches, renamed copies and the pattern miner. Any thread.
#pragma once

#include "core/code/syntax.h"

enum canon_level {
    CANON_EXACT,  // names and literals as they are; layout and comments do not count
    CANON_RENAMED // names by first use, literals by class
};
// Of one subtree; 0 stands for "no hash" and is never returned for one that has tokens.
uint64_t canon_hash(const struct syntax *s, uint32_t node, enum canon_level level);
// Do two subtrees say the same, to the letter (layout and comments aside)? Compares, no hashes.
bool canon_same(const struct syntax *s, uint32_t a, uint32_t b);
// EXACT hashes of all nodes in one pass, the same values as canon_hash gives: hashes[s->count], the
// caller's memory. 0 for comments and for what lies inside of comments and plain string literals.
void canon_hash_all(const struct syntax *s, uint64_t *hashes);
