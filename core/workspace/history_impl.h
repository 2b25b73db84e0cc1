// Inside of history*.c: the list of commits and what is derived from it at once.
#pragma once

#include "core/base/buf.h"
#include "core/workspace/history.h"

struct commit {
    char id[GIT_ID_CHARS_MAX + 1];
    int64_t time, author_time;
    uint32_t author, flags, subject; // subject: offset in texts
    uint32_t first_change, change_count, file_total;
    uint32_t first_parent, parent_count;
    uint32_t reverts;
};
struct change {
    uint32_t file; // index of files
    uint32_t path; // offset in texts: its name in that commit
    char status;
};
struct file {
    uint32_t path;                       // offset in texts: newest name
    uint32_t first_commit, commit_count; // in file_commits, newest first
    uint32_t commits, fixes, authors;
    int64_t first, last;
    bool gone;
};
struct author {
    uint32_t name, email; // offsets in texts
};
struct slot {            // of the table from paths to files, by any name it had
    uint32_t path, file; // file HISTORY_NONE: empty
};

struct history {
    char head[GIT_ID_CHARS_MAX + 1];
    struct commit *commits;
    uint32_t commit_count, commit_capacity;
    struct change *changes;
    uint32_t change_count, change_capacity;
    char (*parents)[GIT_ID_CHARS_MAX + 1]; // as read
    uint32_t *parent_index;                // of commits, or HISTORY_NONE
    uint32_t parent_count, parent_capacity;
    struct file *files; // by path
    uint32_t file_count, file_capacity;
    uint32_t *file_commits;
    struct author *authors;
    uint32_t author_count, author_capacity;
    struct slot *slots;
    uint32_t slot_mask;
    uint32_t *by_id; // commits sorted by id
    struct buf texts;
    const char *notes[4];
    unsigned note_count;
};

static inline const char *history_text(const struct history *h, uint32_t offset) {
    return h->texts.data + offset;
}
int history_read(struct history *h, struct git *g, const char *head, unsigned commits_max,
                 struct err *err);                      // history_read.c
int history_derive(struct history *h, struct err *err); // history_read.c: files, ids, reverts
struct slot *history_slot(const struct history *h, const char *path, size_t n);
double history_weight(int64_t time, int64_t now); // of a commit: 2^-(age / half life)
