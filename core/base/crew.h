// Independent pieces of one question's work, done by a few threads beside the caller's own. The
// threads are made for the call and end with it, so that nothing waits in the background; where
// none can be had the caller does all of it. Blocks: for pool workers.
#pragma once

#include <stdint.h>

enum {
    CREW_MAX = 4,           // workers, the caller's thread included
    CREW_WORTH_PER_HAND = 2 // fewer items than this for each are not worth a thread
};

// One item. `worker`: 0 … CREW_MAX - 1, of things that may not be shared (a parser). Any order.
// Negative: no further item is begun.
typedef int crew_fn(void *ctx, unsigned worker, uint32_t item);

unsigned crew_workers(void); // processors, at most CREW_MAX
// 0, or what fn returned for the lowest item that failed.
int crew_run(uint32_t count, crew_fn *fn, void *ctx);
