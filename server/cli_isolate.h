// What a check may reach (server/cli_supervise.h): the calling process gets user, mount, pid,
// network and ipc namespaces of its own, as far as an ordinary user may (user_namespaces(7)). In
// them:
//
//   network      the loopback device alone, up
//   files        everything can be read and nothing written but the copy of the workspace, /tmp,
//   /var/tmp
//                and /dev/shm (its own ones, which go with it) and what `writable` names
//   hidden       /run (sockets of the session and of services), `hidden`, and in the home folder
//                what programs keep keys in
//   processes    its own alone; when its first one ends, the kernel ends all
//
// A fence against what a model wrote, not a virtual machine: the kernel's own faults are not fenced
// off, nor is what devices take from their user. Linux 5.12. All or nothing: what fails is an
// error. Called in a process without threads. Source: unshare(2), mount_setattr(2), open_tree(2).
#pragma once

#include <stddef.h>

enum { ISOLATE_PATHS_MAX = 16, ISOLATE_WHY_BYTES = 120 };

struct isolate_paths {
    const char *items[ISOLATE_PATHS_MAX];
    size_t count;
};
struct isolation {
    const char *copy;   // the folder that holds `tree` and `tmp`; writable
    const char *caches; // $XDG_CACHE_HOME, where that is not set; NULL
    struct isolate_paths writable, hidden,
        kept; // kept: to be seen also where it is below /tmp or /run
};

// 0, or -1 with what failed in `why`. Afterwards only a child of the caller is in the new namespace
// of processes, and has to call isolate_first before anything else.
int isolate_begin(const struct isolation *i, char why[ISOLATE_WHY_BYTES]);
int isolate_first(char why[ISOLATE_WHY_BYTES]);
// Gives up for good what the namespaces gave; right before exec.
void isolate_drop(void);
