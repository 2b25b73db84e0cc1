// Whether a patch that a model made holds: it applies to the files as they are (in memory), what it
// makes of them still parses, and the user's own commands (models.checks) say yes on a copy of the
// workspace that has it. The user's tree is read, never written.
//
// The copy holds the files that the index knows (what git would not ignore), below the user's cache
// folder (0700), and goes with the checks. A command runs there as it is, without a shell, with a
// short list of variables and no key of paired's, isolated where the kernel lets an ordinary user
// do that (server/cli_isolate.h), under a supervisor that kills all that comes of it
// (server/cli_supervise.h). One patch at a time, of all engines of the user's; a second one waits
// for its turn, a third is told so. Blocks: for pool workers.
#pragma once

#include "core/base/buf.h"
#include "core/base/conf_checks.h"
#include "core/base/dirs.h"
#include "core/route/route_check.h"
#include "core/workspace/patch.h"
#include "core/workspace/workspace.h"

enum {
    PROOF_CHECKS_MAX = CONF_CHECKS_MAX + 2,
    PROOF_OUTPUT_BYTES = 8 * 1024,              // of a command: its beginning and its end
    PROOF_PRINTED_BYTES_MAX = 64 * 1024 * 1024, // a command that prints more is stopped
    PROOF_COPY_FILES_MAX = 100000,
    PROOF_COPY_MS_MAX = 120 * 1000,
    PROOF_TURN_MS_MAX = 600 * 1000, // to wait for the checks of another patch
    PROOF_HIDDEN_MAX = 4
};
#define PROOF_COPY_BYTES_MAX (INT64_C(2) << 30)

enum proof_result { PROOF_PASSED, PROOF_FAILED, PROOF_NOT_RUN };
const char *proof_result_name(enum proof_result r); // "passed" …

struct proof_outcome {
    char name[CONF_CHECK_NAME_BYTES_MAX + 1];
    enum route_check_kind kind;
    enum proof_result result;
    int64_t ms;
    char note[400];    // what happened, for people; "" nothing to say
    struct buf output; // of a command
    bool isolated;     // … that was (server/cli_isolate.h)
    char open[120];    // … that was not, though it was wanted: why; "" else
};
struct proof {
    struct proof_outcome of[PROOF_CHECKS_MAX];
    size_t count;
    struct buf patch, prose; // as git takes it; what was said beside it
    unsigned files, added, removed;
};
void proof_done(struct proof *p);
bool proof_passed(const struct proof *p); // all that could be run, and the patch itself

struct proof_want {
    struct workspace *workspace;
    const struct snapshot *snapshot;      // of its files
    const struct conf_checks *checks;     // NULL none
    const char *cache;                    // folder of the user's caches
    const char *isolation;                // models.checks_isolation
    const char *hidden[PROOF_HIDDEN_MAX]; // folders that an isolated command sees empty; to a NULL
    const char *const *secrets;           // names of variables that hold keys; NULL-terminated
    bool (*cancelled)(void *ctx);
    void *ctx;
    void (*progress)(void *ctx, const char *what);
};
// ERR_CANCELLED, ERR_NOMEM; all else is an outcome.
int proof_make(const struct proof_want *want, const char *said, size_t n, struct proof *ret,
               struct err *err);

// proof_remove.c
void proof_remove_tree(const char *path); // as far as it goes; no link is followed

// proof_copy.c
// The turn to run commands: a descriptor to close when they have ended. ERR_BUSY, ERR_CANCELLED, …
int proof_turn(const struct proof_want *want, struct err *err);
// A file of the tree as the patch leaves it.
struct proof_file {
    const struct patch_file *what;
    struct buf old, fresh;
};
// Makes `<cache>/checks/<random>/tree` with the snapshot's files; its path (mem_free) in *ret. A
// message for people in `err`; ERR_LIMIT: too large.
int proof_copy_make(const struct proof_want *want, const struct proof_file *files, size_t n,
                    char **ret, struct err *err);
void proof_copy_remove(char *tree); // and what stands beside it; accepts NULL

// proof_run.c
// Runs one in the copy, into `ret`; `files`: what the patch made of it.
int proof_run(const struct proof_want *want, const struct conf_check *check, const char *tree,
              const struct proof_file *files, size_t n, struct proof_outcome *ret, struct err *err);
