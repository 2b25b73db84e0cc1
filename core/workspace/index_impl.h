// What the files of the index share; nobody else includes it.
//
// Two locks. `refresh` is held by the one caller that looks at the tree; `lock` guards the state
// that everybody shares and is never held during I/O or a parse. Whoever needs both takes `refresh`
// first.
#pragma once

#include "core/base/buf.h"
#include "core/workspace/cache.h"
#include "core/workspace/entry.h"
#include "core/workspace/index.h"
#include "core/workspace/tables.h"

#include <pthread.h>

struct syntax;

enum {
    INDEX_THREADS_MAX = 4,
    INDEX_INLINE_BYTES = 40 * 1024, // of changed files that the caller reads and parses itself
    INDEX_OVERLAYS_MAX = 1000,
    INDEX_WAIT_STEP_MS = 5 // between two questions whether the caller gave up
};

enum stage { STAGE_LEXICAL, STAGE_TREE, STAGES };
struct queue { // entries that wait for a stage
    struct entry **items;
    uint32_t count, next, max;
    uint32_t pending; // not finished: waiting or being worked on
};

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_SAVES, THREAD_ENDED };
struct index_thread {
    struct index *index;
    pthread_t id;
    enum thread_state state;
};

struct index {
    struct root *root;
    struct cache *cache; // or NULL
    unsigned threads;

    pthread_mutex_t refresh;
    struct walk *walk;        // inside refresh, like the next three
    struct syntax *syntax;    // for what the caller does itself
    struct buf buffer;        // likewise
    struct buf excludes;      // text of the user's own rules
    int64_t refresh_start_ns; // of the last one that ended

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready, stop;
    atomic_bool big;      // lexical only
    bool retry;           // memory ran out: some entries were not read
    bool unsaved, saving; // something is worth writing to the cache; a thread does
    atomic_bool stop_saving;
    struct entry **entries; // sorted by path
    uint32_t count;
    uint64_t generation;      // counts changes of entries
    struct snapshot *current; // the newest; may be older than `generation`
    struct entry **overlays;  // paths with an editor's text, sorted
    uint32_t overlay_count;
    bool overlays_changed;  // in a way that needs the whole list anew
    uint64_t overlay_bytes; // queued since the last refresh
    struct queue queue[STAGES];
    struct index_thread thread[INDEX_THREADS_MAX];
    unsigned running;
    struct walk_counts {
        uint32_t special, too_deep, too_long, unreadable, packages, repositories;
        bool cut;
    } counts;
    struct index_figures figures;
    int64_t start_ns; // of the first scan
};

int64_t index_now_ns(void);

// --- index_refresh.c, inside `refresh`. Looks at the tree and queues what has to be read.
// *ret_bytes: of the files queued.
int index_refresh(struct index *ix, const struct index_want *want, uint64_t *ret_bytes,
                  struct err *err);

// --- index_work.c
// Under the lock. References the entry. ERR_NOMEM.
int index_queue(struct index *ix, enum stage stage, struct entry *e);
void index_start_threads(struct index *ix); // under the lock; as many as pay
void index_work_here(struct index *ix);     // inside `refresh`, until no job is waiting
void index_stop_threads(struct index *ix);
void index_save(struct index *ix); // to the cache, if there is anything to save
// Under the lock: puts `e` in the place of `old` if that is still there.
bool index_replace(struct index *ix, const struct entry *old, struct entry *e);
int64_t index_find_entry(const struct index *ix, const char *path); // under the lock

// --- index_read.c
struct reader { // of one thread
    struct index *index;
    struct cache_reader cache;
    struct syntax *syntax; // made when first needed
    struct buf *text;
};
// Reads the entry's content and makes its facts, up to the stage; *ret_tree: a tree would be better
// still. ERR_NOMEM, ERR_CANCELLED; a file that cannot be read is no error.
int index_read(struct reader *r, const struct entry *e, enum stage stage, struct entry **ret);
// Makes it one that is known by name only, because of this flag.
void index_by_name(struct entry *e, enum file_flags flag);

// --- snapshot.c
struct snapshot_parts { // what a new one is made of
    struct root *root;
    struct entry *const *entries;
    uint32_t count;
    uint64_t generation;
    enum facts_tier tier;
    bool big;
    const struct walk_counts *counts;
    const struct snapshot *previous; // shares its tables where that is right; may be NULL
};
struct snapshot *snapshot_new(const struct snapshot_parts *parts); // NULL when out of memory
struct snapshot *snapshot_ref(struct snapshot *s);
