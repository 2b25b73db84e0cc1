// Inside of Maya: what her files share.
#pragma once

#include "core/agents/agents.h"
#include "core/code/markup.h"

struct maya_input {
    struct agent_page page;
    struct text path;
};

int maya_a11y(struct agent_call *call, const void *input, struct report *r, struct err *err);

// Calls on_file for every file of the workspace's own below the path, with its text and, where the
// language has one, its tree. Negative return stops.
struct maya_file {
    const struct snapshot *s;
    uint32_t file;
    const char *path;
    enum lang lang;
    const char *text;
    size_t bytes;
    const struct syntax *tree; // NULL: none
};
typedef int maya_file_fn(void *ctx, const struct maya_file *f, struct err *err);
struct maya_walk {
    bool (*wanted)(enum lang lang); // of languages
    bool tests, trees;
    maya_file_fn *on_file;
    void *ctx;
};
int maya_each(struct agent_call *call, struct text path, const struct maya_walk *w,
              struct report *r, uint32_t *ret_files, struct err *err);
