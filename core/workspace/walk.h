// Every file of a tree that counts: what git would not ignore, plus what it tracks anyway.
//
// Nothing outside of the root is opened and no symbolic link is followed (beneath.h). Devices,
// sockets and pipes are left out. Folders wait in a list, nothing recurses. The result is sorted,
// whatever the order of the threads.
//
// Rules: .gitignore and .pairedignore (same syntax, asked first, so that it can also call back what
// git ignores) of each folder, .git/info/exclude, the user's own excludes file. Folders that no
// project keeps sources in (node_modules, __pycache__, virtual environments, those with a
// CACHEDIR.TAG) are ignored without a rule. In a repository, linked worktrees and unrelated clones
// inside are known by name only; submodules are walked with rules of their own.
//
// A `struct walk` is immutable once made; any thread.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { WALK_PATH_BYTES_MAX = 4096, WALK_FOLDERS_MAX = 200000, WALK_THREADS_MAX = 4 };

enum walk_flags {
    WALK_LINK = 1,       // a symbolic link, not followed
    WALK_REPOSITORY = 2, // the folder of another repository, not looked into
    WALK_SUBMODULE = 4,  // inside of one
    WALK_RACY = 8        // changed so lately that an equal time proves nothing
};
struct walk_stat {
    int64_t mtime_ns, ctime_ns;
    uint64_t bytes, inode;
};
struct walk_file {
    const char *path; // from the root
    uint16_t bytes, flags;
    uint32_t folder;
    struct walk_stat stat;
};
struct walk_folder {
    const char *path; // "" = the root
    uint16_t flags;
    uint32_t first, count; // its files
    struct walk_stat stat;
};
struct walk_chunk; // of path bytes
struct walk {
    uint32_t file_count, folder_count;
    struct walk_file *files; // sorted by path
    struct walk_folder *folders;
    struct walk_chunk *chunks;
    uint32_t *by_folder; // files, grouped: folders[i].first … + count
    // What was not looked at.
    uint32_t special;                        // devices, sockets, pipes
    uint32_t too_deep, too_long, unreadable; // folders; paths; folders
    uint32_t packages;                       // folders ignored without a rule
    uint32_t repositories;
    bool cut;           // WALK's maximum of files or folders was reached
    bool is_repository; // the root has a .git
};

struct walk_want {
    int root_fd;          // borrowed
    const char *excludes; // text of the user's own rules; may be NULL
    size_t excludes_bytes;
    uint32_t files_max, depth_max;
    unsigned threads;
    bool (*cancelled)(void *ctx); // may be NULL
    void *ctx;
};
// ERR_CANCELLED, ERR_NOMEM, ERR_NOT_FOUND (the root is gone).
int walk_run(const struct walk_want *want, struct walk **ret, struct err *err);
void walk_free(struct walk *w); // accepts NULL

// Looks at everything again by stat, reading no folder. Calls on_change for each file whose stat
// differs or was racy. *ret_stale: folders have changed, or rules: walk_run is needed.
typedef void walk_change_fn(void *ctx, uint32_t file, const struct walk_stat *now, bool racy);
int walk_check(const struct walk *w, int root_fd, unsigned threads, walk_change_fn *on_change,
               void *ctx, bool *ret_stale, struct err *err);
