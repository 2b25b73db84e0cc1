// What the tests of the index share: a tree of files below /tmp, and git when it is installed.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct tree {
    char dir[64]; // absolute
};
void tree_init(struct tree *t);
void tree_done(struct tree *t);
void tree_path(const struct tree *t, const char *name, char *ret, size_t max);
void tree_folder(const struct tree *t, const char *name);                  // with those above
void tree_write(const struct tree *t, const char *name, const char *text); // likewise
void tree_write_bytes(const struct tree *t, const char *name, const void *bytes, size_t n);
void tree_remove(const struct tree *t, const char *name);
void tree_link(const struct tree *t, const char *target, const char *name);

// git with these words in the tree, its input and output; false when git is not there.
bool tree_has_git(void);
// Appends what git writes to a fresh string (free it); fails the test when git fails with a status
// above `status_max`.
char *tree_git(const struct tree *t, const char *input, size_t input_bytes, size_t *ret_bytes,
               int status_max, const char *const *words);
void tree_git_do(const struct tree *t, const char *words); // split at blanks

// Deterministic.
uint32_t tree_random(uint64_t *state);
