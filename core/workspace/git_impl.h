// Inside of git: what a handle holds. Only for git*.c.
#pragma once

#include "core/base/mem.h"
#include "core/workspace/git.h"

#include <stdarg.h>
#include <sys/types.h>

enum {
    GIT_SMALL_FILE_BYTES_MAX = 256 * 1024, // HEAD, config, .git, commondir
    GIT_SHIM_PATH_BYTES_MAX = 256,
    GIT_VALUE_BYTES_MAX = 16
};

// The few words of the repository's configuration that change how its data is to be read.
struct git_settings {
    bool sha256;
    bool partial;
    bool reftable;
    unsigned version;
    char autocrlf[GIT_VALUE_BYTES_MAX], eol[GIT_VALUE_BYTES_MAX];
    char ignorecase[GIT_VALUE_BYTES_MAX], symlinks[GIT_VALUE_BYTES_MAX];
    char filemode[GIT_VALUE_BYTES_MAX];
};

struct git {
    char *program;
    char *folder; // as opened, links resolved
    char *root;   // top of the work tree; NULL: bare
    char *prefix; // folder below root, "" or with '/' at its end
    char *git_dir, *common_dir;
    char *scratch;
    char shim[GIT_SHIM_PATH_BYTES_MAX];     // "" until made
    char head[GIT_REVISION_BYTES_MAX + 16]; // the repository's HEAD as last read
    char head_written[GIT_REVISION_BYTES_MAX + 16];
    unsigned traits;
    unsigned version; // of git: major * 1000 + minor; 0: not asked yet
    struct git_settings settings;
    unsigned ms;
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
    bool still; // several threads run it by ids: the stand-in is left as it is
    const char *notes[GIT_NOTES_MAX];
    unsigned note_count;
};

// git_find.c: the program and the repository. Fill g; the message of a failure is a note.
int git_find_program(struct git *g, const char *given, struct err *err);
int git_find_repository(struct git *g, struct err *err);
// A small regular file (links are followed), without waiting for pipes. ERR_NOT_FOUND, ERR_LIMIT …
int git_read_small(const char *path, struct buf *ret, struct err *err);
char *git_join(const char *folder, const char *name); // NULL: out of memory, or too long
void git_read_settings(const char *text, size_t n, struct git_settings *ret);

// git_shim.c: the directory that stands in for the repository's.
int git_shim_make(struct git *g, struct err *err);
int git_shim_refresh(struct git *g, struct err *err); // before each call
void git_shim_remove(struct git *g);

// HEAD's commit read from the files themselves, without running git: only what is plainly there.
// false: ask git.
bool git_head_quick(struct git *g, char ret[GIT_ID_CHARS_MAX + 1]);
// For many questions about ancestors: an index of the commits behind these (git's commit-graph), in
// the private directory, if the repository has none. Best effort.
void git_index_commits(struct git *g, const char *const *ids, size_t count);
int git_version(struct git *g, struct err *err); // once: g->version
// The commits whose parents a shallow clone lacks, as git lists them; empty for a full one.
// ERR_LIMIT: more than GIT_SMALL_FILE_BYTES_MAX.
int git_shallow_commits(struct git *g, struct buf *ret);
bool git_is_id(const struct git *g, const char *id);
// Runs and takes one line of at most `max` - 1 bytes. *ret_status as in git_run.
int git_line(struct git *g, const char *const *arguments, char *ret, size_t max, int *ret_status,
             struct err *err);
