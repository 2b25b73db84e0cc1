// Runs another program to its end and takes what it prints: for pool workers and the command line,
// never on a loop (it blocks). Any thread; calls share nothing.
//
// The program is an absolute path with its arguments as they are (no shell), in an environment that
// is exactly what the caller lists, in a process group of its own, with no descriptors but 0, 1, 2
// and with every signal at its default. When the call returns the whole group is gone: on success,
// on a deadline, on cancellation and on errors alike. (A descendant that leaves the group by
// setsid() is out of reach; the programs run here do not.)
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHILD_ARGUMENTS_MAX = 128,
    CHILD_INPUT_BYTES_MAX = 64 * 1024 * 1024,
    CHILD_ERRORS_BYTES_MAX = 2048, // of stderr the first bytes are kept, the rest is dropped
    CHILD_POLL_MS = 5              // how often `cancelled` is asked
};

// A piece of stdout, in order. Borrowed during the call. Negative: kill the program, and this is
// the result of child_run.
typedef int child_output_fn(void *ctx, const char *bytes, size_t n, struct err *err);

struct child_spec {
    const char *program;            // absolute path
    const char *const *arguments;   // NULL-terminated; the first is the program's name
    const char *const *environment; // NULL-terminated "NAME=value"; nothing else is passed on
    const char *folder;             // working directory; NULL: "/"
    const void *input;              // stdin; NULL: /dev/null
    size_t input_bytes;
    child_output_fn *output; // NULL: dropped
    void *output_ctx;
    uint64_t output_bytes_max; // of stdout; more is ERR_LIMIT. 0: no limit but the caller's
    uint64_t data_bytes_max;   // RLIMIT_DATA; 0: as ours
    unsigned ms;               // deadline from now; 0: none
    // A program that has to put things in order first (one that supervises others) is told to end
    // (SIGTERM) so long before it is killed; 0: killed at once.
    unsigned grace_ms;
    bool (*cancelled)(void *ctx); // may be NULL
    void *cancelled_ctx;
};

struct child_end {
    int status;                              // exit status, or 128 + signal
    char errors[CHILD_ERRORS_BYTES_MAX + 1]; // what it wrote to stderr, terminated
    size_t errors_bytes;
};

// 0 when the program ran to an end of its own, whatever its status (see *ret_end). ERR_NOT_FOUND
// (no such program), ERR_PERM, ERR_INVAL (too many arguments, a path that is not absolute),
// ERR_TIMEOUT, ERR_CANCELLED, ERR_LIMIT, ERR_NOMEM, ERR_IO, or what `output` returned. *ret_end is
// written in every case and may be NULL.
int child_run(const struct child_spec *spec, struct child_end *ret_end, struct err *err);
