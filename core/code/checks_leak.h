// The walk that finds resources which are not released on some way out (checks_leak.c), and what
// each language tells it (checks_leak_langs.c). Inside of the tree checks only.
#pragma once

#include "core/code/checks_impl.h"

enum { LEAK_MENTIONS_MAX = 256 };

enum mention {
    MENTION_NONE,    // another variable, a declaration
    MENTION_BORROW,  // used by somebody who does not keep it
    MENTION_TEST,    // asked whether it is there
    MENTION_RELEASE, // given back
    MENTION_ESCAPE,  // given to somebody who may keep it
    MENTION_GIVE_UP  // nothing can be said: its address is taken, a closure uses it
};

struct leak;
struct leak_language {
    enum mention (*classify)(struct checks *c, const struct leak *leak, uint32_t name);
    const char *released; // the word for it
    bool needs_release;   // only a function that releases it somewhere is known to own it
};

struct leak {
    const struct leak_language *language;
    const struct leak_row *row;
    uint32_t open;  // the assignment or the declarator
    uint32_t name;  // of the variable
    uint32_t error; // variable of the error that came with it (Go), or 0
    // found by leak_check
    uint32_t function, statement, list, error_test;
    uint32_t at[LEAK_MENTIONS_MAX];
    uint8_t kind[LEAK_MENTIONS_MAX];
    uint32_t count;
};

// `open`, `name` and `language` are set; reports what it finds.
void leak_check(struct checks *c, struct leak *leak);
