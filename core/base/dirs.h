// Where paired keeps things, by the XDG Base Directory specification 0.8.
//   runtime  $XDG_RUNTIME_DIR/paired        else <state>/run      sockets and locks, 0700, ours, no
//   symbolic link state    $XDG_STATE_HOME/paired         else ~/.local/state   store, keys, logs,
//   0700 config   $XDG_CONFIG_HOME/paired        else ~/.config        config.json cache
//   $XDG_CACHE_HOME/paired         else ~/.cache
// $PAIRED_PROFILE=DIR (or --profile DIR) puts all four below DIR (tests, demo, second identity).
// A runtime path too long for a socket (107 bytes) falls back to /tmp/paired-<uid>/<hash of state
// dir>.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>

enum { DIRS_PATH_BYTES_MAX = 1024 };

struct dirs {
    char runtime[DIRS_PATH_BYTES_MAX];
    char state[DIRS_PATH_BYTES_MAX];
    char config[DIRS_PATH_BYTES_MAX];
    char cache[DIRS_PATH_BYTES_MAX];
    const char *home_source; // "HOME", "passwd": for doctor
};

// Computes only; creates nothing. `profile` may be NULL. ERR_NOT_FOUND: no home directory is known.
int dirs_resolve(const char *profile, struct dirs *ret, struct err *err);
// Creates `path` and missing parents (0700), then checks: a directory, not a link, owned by us, not
// writable by others. ERR_PERM with what to do.
// "cannot WHAT PATH: reason", and what to do where the place may not be written. Returns ERR_*.
int dirs_refused(struct err *err, int e, const char *what, const char *path);
int dirs_ensure_private(const char *path, struct err *err);
// statfs(2): true for nfs, cifs, smb, afs, 9p, fuse.sshfs …; *ret_name its name.
// `PAIRED_TEST_FSTYPE=nfs` injects one (tests). A network file system cannot hold the store: WAL
// needs one host.
int dirs_is_network(const char *path, bool *ret, const char **ret_name, struct err *err);
