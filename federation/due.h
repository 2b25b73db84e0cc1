// What is due when: a heap of moments, for an owner that has one timer and many things to wait for.
// Room for each thing is made when it joins, so that setting a moment cannot fail. One owner.
#pragma once

#include "core/base/err.h"

#include <stdint.h>

#define DUE_NEVER UINT64_MAX

struct due {
    uint64_t at; // DUE_NEVER: not waiting
    uint32_t place;
    uint32_t kind; // the owner's
};
struct due_heap {
    struct due **list;
    uint32_t count, capacity, members;
};

// {0} is an empty heap. ERR_LIMIT (over `max` members), ERR_NOMEM.
int due_join(struct due_heap *h, struct due *d, uint32_t kind, uint32_t max);
void due_leave(struct due_heap *h, struct due *d);
void due_set(struct due_heap *h, struct due *d, uint64_t at); // DUE_NEVER takes it out
struct due *due_first(const struct due_heap *h);              // NULL: nothing waits
void due_done(struct due_heap *h);
