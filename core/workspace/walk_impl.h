// What the files of the walk share; nobody else includes it.
#pragma once

#include "core/base/buf.h"
#include "core/workspace/ignore.h"
#include "core/workspace/walk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct tracked;

enum { WALK_CHUNK_BYTES = 64 * 1024 };
struct walk_chunk {
    struct walk_chunk *next;
    size_t used;
    char bytes[WALK_CHUNK_BYTES];
};

struct walk_job { // a folder that waits
    const char *path;
    uint16_t bytes, flags;
    uint16_t depth;
    bool ignored;         // by a rule: only what is tracked counts
    struct ignore *rules; // of the folders above; a reference
};

struct walk_shared {
    const struct walk_want *want;
    struct ignore *base; // excludes file, .git/info/exclude
    struct tracked *tracked;
    bool is_repository, fold_case;

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct walk_job *jobs;
    uint32_t job_count, job_max, folders;
    unsigned working; // workers that may add jobs
    int failed;       // ERR_*
    atomic_uint files;
    atomic_bool cut, stop;
};

struct walk_worker {
    struct walk_shared *shared;
    struct walk_file *files;
    uint32_t file_count, file_max;
    struct walk_folder *folders;
    uint32_t folder_count, folder_max;
    struct walk_chunk *chunks;
    struct buf listing, text;
    uint32_t special, too_deep, too_long, unreadable, packages, repositories;
};

// Reads one folder: its files into the worker, its folders into the shared list. ERR_NOMEM or 0.
int walk_folder_read(struct walk_worker *w, const struct walk_job *job);
// ERR_NOMEM or 0; a full list sets `cut`.
int walk_push(struct walk_shared *s, const struct walk_job *job);
// "folder/name" in the worker's memory; NULL when out of memory.
const char *walk_path(struct walk_worker *w, const char *folder, size_t folder_bytes,
                      const char *name, size_t name_bytes);
struct walk_stat walk_stat_of(const struct stat *st);
bool walk_is_racy(const struct walk_stat *s);
int64_t walk_wall_ns(void);
