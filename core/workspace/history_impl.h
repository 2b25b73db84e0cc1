// Inside of history: the list of commits as it is kept, and what is derived from it. Only for
// history*.c, its fuzz target and its tests.
#pragma once

#include "core/base/mem.h"
#include "core/workspace/history.h"

enum {
    HISTORY_ID_BYTES_MAX = 32,
    HISTORY_NAME_BYTES_MAX = 255,       // of a person's name or address
    HISTORY_TEXT_BYTES_MAX = 64 << 20,  // all subjects
    HISTORY_PATH_BYTES_ALL = 128 << 20, // all paths
    HISTORY_PARENTS_MAX = 64,           // of one commit; an octopus has fewer
    HISTORY_LINKS_MAX = 4 * HISTORY_COMMITS_MAX
};

// Another commit by id; where it is in the list is worked out when the list is complete.
struct log_link {
    uint8_t id[HISTORY_ID_BYTES_MAX];
    uint32_t commit;
};
struct log_change {
    uint32_t path;
    uint32_t from; // 'R': its path before; else HISTORY_NONE
    char status;
};
struct log_commit {
    uint8_t id[HISTORY_ID_BYTES_MAX];
    int64_t time, author_time;
    uint32_t author;
    uint32_t subject, subject_bytes; // in text
    uint32_t first_change, change_count;
    uint32_t file_total; // those over HISTORY_COMMIT_FILES_MAX too
    uint32_t first_link, parent_count;
    bool has_revert; // one more link, after the parents
    uint8_t flags;
};

// Interned strings: numbered in the order they came.
struct log_names {
    char *text; // terminated, one after another
    size_t used, size, max;
    uint32_t *at; // offset of each
    uint32_t count, cap, count_max;
    uint32_t *slots; // open addressing; number + 1
    uint32_t mask;
};

struct log {
    unsigned id_bytes; // 20 or 32
    struct log_commit *commits;
    uint32_t commit_count, commit_cap;
    struct log_change *changes;
    uint32_t change_count, change_cap;
    struct log_link *links;
    uint32_t link_count, link_cap;
    bool linked; // links' numbers are right already
    char *text;
    uint32_t text_used, text_size;
    struct log_names paths, people; // people by address (by name where there is none)
    uint32_t *person_names;         // of each, in text
    uint32_t person_cap;
};

void log_init(struct log *l, unsigned id_bytes);
void log_done(struct log *l);
const char *log_name(const struct log_names *n, uint32_t i);
int64_t log_find_name(const struct log_names *n, const char *s); // < 0: not there
// ERR_LIMIT, ERR_NOMEM.
int log_intern(struct log_names *n, const char *s, size_t bytes, uint32_t *ret, struct err *err);
// Makes room and counts up: the last of each list is to be filled.
int log_add_commit(struct log *l, struct log_commit **ret, struct err *err);
int log_add_change(struct log *l, struct log_change **ret, struct err *err);
int log_add_link(struct log *l, struct log_link **ret, struct err *err);
// The address tells people apart; of several names the first that comes (the newest) stays.
int log_add_person(struct log *l, const char *address, size_t n, const char *name, uint32_t *ret,
                   struct err *err);
int log_set_subject(struct log *l, struct log_commit *c, const char *s, size_t n, struct err *err);
// Copies a commit of another list to the end of this one.
int log_copy(struct log *l, const struct log *from, uint32_t i, struct err *err);
// Newest first, those of one second as they stand; cuts to the newest `max`.
int log_sort(struct log *l, uint32_t max, struct err *err);
size_t log_cut_text(const char *s, size_t n, size_t max); // at a character of UTF-8
bool log_id_parse(const char *hex, unsigned id_bytes, uint8_t ret[HISTORY_ID_BYTES_MAX]);
void log_id_format(const uint8_t *id, unsigned id_bytes, char ret[GIT_ID_CHARS_MAX + 1]);

// --- the stream of git log (history_parse.c)

#define HISTORY_LOG_FORMAT "--format=tformat:%x02%H %ct %at %P%x00%aN%x00%aE%x00%s%x00%b"

struct log_pending { // a file of the commit that is coming
    uint32_t path, from;
    uint64_t old_hash, new_hash; // of the blobs' ids
    char status;
};
struct log_parser {
    struct log *log;
    enum {
        LOG_BEFORE, // a commit's head or a change
        LOG_NAME,
        LOG_ADDRESS,
        LOG_SUBJECT,
        LOG_BODY,
        LOG_PATH,
        LOG_PATH_TO
    } state;
    struct buf token;
    bool token_cut;
    struct log_commit *commit; // NULL before the first
    char name[HISTORY_NAME_BYTES_MAX + 1];
    struct log_pending *pending, change; // change: whose path is coming
    uint32_t pending_count, pending_cap;
    uint32_t file_total;
    bool full; // the list is; the rest is not looked at
};
void log_parser_init(struct log_parser *p, struct log *l);
int log_parser_feed(void *parser, const char *bytes, size_t n, struct err *err);
int log_parser_end(struct log_parser *p, struct err *err);
void log_parser_done(struct log_parser *p);
unsigned log_flags_of(const char *subject, size_t n); // HISTORY_FIX, HISTORY_REVERT
// Pairs what one commit deleted and added into renames (history_rename.c).
int log_pair_renames(const struct log *l, struct log_pending *files, uint32_t *count,
                     struct err *err);

// --- what is derived (history_derive.c)

struct derived_file {
    uint32_t path;
    uint32_t first, count; // in file_commits
    uint32_t fixes, authors;
    int64_t first_time, last_time;
    bool gone;
};
struct history {
    struct log log;
    char head[GIT_ID_CHARS_MAX + 1];
    uint32_t commits_max;  // as asked when it was read
    uint64_t shallow_hash; // of the list of commits at which a shallow clone ends; 0: none
    bool cut;              // a commit has a parent that was not read

    struct derived_file *files; // by path
    uint32_t file_count;
    uint32_t *file_commits; // for each file its commits, newest first
    uint32_t *change_file;  // for each change its file
    uint32_t *path_file;    // for each path the file that had it; HISTORY_NONE
    uint32_t *by_id;        // open addressing; number of a commit + 1
    uint32_t by_id_mask;
    uint8_t *flags; // of each commit, with HISTORY_REVERTED
};
int history_derive(struct history *h, struct err *err);
void history_derived_done(struct history *h);
int64_t log_find(const struct history *h, const uint8_t *id);

// Weight of a commit: 2^-(age / half life); a commit of the future counts as now.
double history_weight(int64_t time, int64_t now);
