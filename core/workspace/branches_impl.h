// What the files of branches share; nobody else includes it.
#pragma once

#include "core/workspace/branches.h"
#include "core/workspace/git_impl.h"

// Names live as long as the list; each is a block of its own, in one list of blocks.
struct branches_box {
    struct branches pub;
    char **strings;
    uint32_t string_count, string_cap;
    uint32_t branch_cap, conflict_cap;
};
const char *branches_keep(struct branches_box *b, const char *s); // NULL when out of memory

struct meeting { // where a branch left the main line; "": at no single place
    char id[GIT_ID_CHARS_MAX + 1];
};
// Which live branches conflict, with the main line and with each other.
int branches_conflicts(struct git *g, const struct branches_want *want, struct branches_box *box,
                       const struct meeting *meetings, struct err *err);
