// Finding, electing, starting and greeting the user's engine. Blocking, with one deadline over all;
// used by the front end and by the command line. Election: two locks in the runtime directory.
// start.lock is held by whoever starts (or replaces) an engine, engine.lock by the engine until it
// drains (its store has a lock of its own, which the next engine waits for);
// only the holder of engine.lock unlinks and binds the socket. Any thread, one call at a time.
#pragma once

#include "core/base/dirs.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATTACH_DEADLINE_MS = 10000, ATTACH_SESSION_BYTES = 33, ATTACH_STARTS_MAX = 3 };
#define ATTACH_SOCKET_NAME "s1" // carries HOP_MAJOR
#define ATTACH_START_LOCK  "start.lock"
#define ATTACH_ENGINE_LOCK "engine.lock"

struct attach_config {
    const char *role;      // "mcp", "cli"; the engine picks the session's face by it
    const char *profile;   // NULL: the user's own directories
    const char *session;   // 32 hex digits: attach_new_session()
    bool resume;           // this session was served before, by this or another engine
    bool start;            // start an engine when there is none; else ERR_NOT_FOUND
    bool replace;          // an older engine is drained and replaced by this build's
    const char *workspace; // absolute path, or NULL
    const char *client;    // name of the client where it is known, or NULL
    const char *options;   // a JSON object, or NULL
    const int *stop_fds;   // attaching ends with ERR_CANCELLED when one becomes readable
    size_t stop_count;     // <= 8
    uint64_t deadline_ms;  // 0 = ATTACH_DEADLINE_MS
};

struct attach_result {
    int fd;      // greeted (WELCOME was read, nothing behind it), non-blocking, close-on-exec; the
                 // caller's
    int64_t pid; // of the engine
    int64_t number;   // its build number
    char version[32]; // its version
    char build[33];   // its build id
    char engine[33];  // random per engine start
    bool started;     // this call started it
};

// 0 and *ret, or ERR_NOT_FOUND (no engine, `start` not set), ERR_TIMEOUT, ERR_CANCELLED, ERR_PERM
// (runtime directory or socket not ours), ERR_VERSION (wire not understood), ERR_BUSY (engine
// full), ERR_FULL, ERR_IO … with a sentence that says what to do.
int attach_connect(const struct attach_config *config, struct attach_result *ret, struct err *err);

// The same for a connection that exists already (--standalone). Takes fd.
int attach_adopt(const struct attach_config *config, int fd, struct attach_result *ret,
                 struct err *err);

void attach_new_session(char out[ATTACH_SESSION_BYTES]);

// The folder that a client works in: the repository around `option`, else around
// $PAIRED_WORKSPACE, $CLAUDE_PROJECT_DIR or the current directory; outside of repositories the
// folder itself, the current directory only unless it is / or the home.
// false: none. Resolved (realpath).
bool attach_workspace(const char *option, char out[DIRS_PATH_BYTES_MAX]);

// Directories of `profile`, with the runtime directory made and checked. One that cannot be created
// (XDG_RUNTIME_DIR missing or read-only) gives way to <state>/run, for every process alike; one
// that is there but not safe is an error (ERR_PERM).
int attach_dirs(const char *profile, struct dirs *ret, struct err *err);

// Takes engine.lock: the descriptor (close-on-exec), or ERR_BUSY when an engine still holds it
// after `wait_ms`. Used by the engine role and by --standalone.
int attach_lock_engine(const struct dirs *dirs, uint64_t wait_ms, struct err *err);
