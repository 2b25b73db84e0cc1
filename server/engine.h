// The engine's library as the executable sees it: lib/paired/engine.so exports these two functions
// and nothing else. The executable refuses a library whose build id is not its own.
#pragma once

#include "core/base/dirs.h"

struct capability;
struct engine_start {
    const struct dirs *dirs; // runtime directory made and checked; borrowed
    int ready_fd;  // -1, or: gets "R" once clients can connect, or "E" and a sentence; taken
    int lock_fd;   // engine.lock, held; taken, and given away as soon as the engine drains
    int client_fd; // -1, or one end of a socket pair: the client for whom --standalone runs. The
                   // engine ends with it and leaves signals to its process; taken
    const struct capability *more; // capabilities besides its own, for tests; NULL: none
    bool federate; // federation is on whatever the settings say, and keeps the engine up
};

// Serves until it is told to stop or has been idle for long. The exit code.
__attribute__((visibility("default"))) int paired_engine_main(const struct engine_start *start);
__attribute__((visibility("default"))) const char *paired_engine_build(void);

typedef int engine_main_fn(const struct engine_start *start);
typedef const char *engine_build_fn(void);
