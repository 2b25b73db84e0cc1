// A git repository in a temporary folder, made by the git program with fixed people and times: for
// tests. Every failure ends the test.
#pragma once

#include "core/workspace/git.h"

#include <stdint.h>

enum { GIT_BOX_PATH_BYTES = 128 };

struct git_box {
    char path[GIT_BOX_PATH_BYTES]; // the work tree
    char home[GIT_BOX_PATH_BYTES]; // what is around it; removed at the end
    const char *author;            // "Ann <ann@example.org>" of the commits to come
    int64_t clock;                 // of the next commit; each one adds an hour
};

void git_box_new(struct git_box *b); // with an empty repository, branch main
void git_box_done(struct git_box *b);
void git_box_git(struct git_box *b, ...); // arguments of git, then NULL; in the work tree
int git_box_try(struct git_box *b, const char *folder, const char *const *arguments); // its status
void git_box_write(struct git_box *b, const char *path, const char *text); // makes folders too
void git_box_lines(struct git_box *b, const char *path, unsigned first, unsigned last);
void git_box_remove(struct git_box *b, const char *path);
void git_box_move(struct git_box *b, const char *from, const char *to);
// Everything in the work tree becomes a commit.
void git_box_commit(struct git_box *b, const char *message);
struct git *git_box_open(struct git_box *b); // the work tree, by the code that is tested
void git_box_path(const struct git_box *b, const char *name, char *ret, size_t max);
// One number for all that lies below a folder: names, sizes, times, modes.
uint64_t git_box_print_of(const char *folder);
