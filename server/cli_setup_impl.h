// What the files of `paired setup` share: a plan is what would be written, file by file; nothing is
// written before it was shown. One thread.
#pragma once

#include "server/cli_setup.h"

#include <jansson.h>
#include <sys/stat.h>

enum { SETUP_PATH_BYTES = 1024, SETUP_FILE_BYTES_MAX = 16 * 1024 * 1024 };

struct setup_file {
    char path[SETUP_PATH_BYTES];   // as the client knows it
    char target[SETUP_PATH_BYTES]; // links followed: what is read and replaced
    const struct setup_part *parts[SETUP_PARTS_MAX];
    size_t part_count;
    size_t first_part; // index of parts[0] in its client: names the backup
    bool exists, keep; // before; after
    struct stat st;    // where it exists
    struct buf before, after;
    size_t same, different; // parts that are there; that are, but otherwise
};

struct setup_plan {
    const struct cli_client_kind *kind;
    bool remove;
    bool instead; // it is registered in another way: nothing to do
    struct setup_file files[SETUP_PARTS_MAX];
    size_t count;
};

// --- cli_setup_place.c
// The file a part belongs into, of the candidates. ERR_NOT_FOUND: no home directory; ERR_LIMIT.
int setup_choose(const struct setup_part *part, char out[SETUP_PATH_BYTES], struct err *err);
int setup_expand(const char *place, char out[SETUP_PATH_BYTES], struct err *err);
// Follows links, refuses what is not this user's plain file or leads out of the home directory, and
// reads. Fills target, exists, st, before.
int setup_read(struct setup_file *file, struct err *err);
// "~/…" for what lies below the home directory. Borrows either.
const char *setup_shown(const char *path, char out[SETUP_PATH_BYTES]);

// --- cli_setup_part.c
// The part's text with the program's path in it.
int setup_text(const struct setup_part *part, const char *program, struct buf *out,
               struct err *err);
// `text` with the part in it, or without it. 1 changed, 0 not. *ret_there: something of it was
// there. `made`: how many objects around it go with it when they are empty.
int setup_put(const struct setup_part *part, const char *program, const struct buf *text,
              struct buf *out, bool *ret_there, struct err *err);
int setup_take(const struct setup_part *part, size_t made, const struct buf *text, struct buf *out,
               struct err *err);
// Is the value there already, in the file that it belongs into?
bool setup_is_set(const struct setup_part *part);
// Objects around the part that are not in `text`.
size_t setup_missing(const struct setup_part *part, const struct buf *text);

// --- cli_setup_plan.c
int setup_plan(const struct cli_client_kind *kind, bool remove, const char *program,
               const char *profile, struct setup_plan *ret, struct err *err);
void setup_plan_done(struct setup_plan *plan); // accepts one that failed, or zeroes
bool setup_changes(const struct setup_file *file);

// --- cli_setup_backup.c: what files were before, below the state directory, for --remove
struct setup_backup {
    bool known, existed;
    struct buf text;
};
int setup_backup_load(const struct cli_client_kind *kind, const struct setup_file *file,
                      const char *profile, struct setup_backup *ret, struct err *err);
int setup_backup_save(const struct cli_client_kind *kind, const struct setup_file *file,
                      const char *profile, struct err *err);
void setup_backup_drop(const struct cli_client_kind *kind, const struct setup_file *file,
                       const char *profile);
void setup_backup_done(struct setup_backup *b);
// Folders that were made on the way to files, of all clients: remembered, and removed once empty.
int setup_folders_add(const char *profile, const json_t *made, struct err *err);
void setup_folders_prune(const char *profile);

// --- cli_setup_write.c
// Writes what differs, each file at once: a copy beside it takes its place. Refuses where a file
// has changed since it was planned.
int setup_write(struct setup_plan *plan, const char *profile, struct err *err);
// Replaces `target` by these bytes; `mode` of a new file, owner and mode of `like` where not NULL.
int setup_replace(const char *target, const struct buf *text, mode_t mode, const struct stat *like,
                  struct err *err);

// --- cli_setup_diff.c
// Unified, three lines around; nothing for equal texts. NULL: there is no such file.
int setup_diff(const char *path, const struct buf *before, const struct buf *after, struct buf *out,
               struct err *err);
