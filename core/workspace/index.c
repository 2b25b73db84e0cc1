#include "core/workspace/index.h"

#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "core/workspace/cache.h"
#include "core/workspace/excludes.h"
#include "core/workspace/ignore.h"
#include "core/workspace/index_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t index_now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// --- opening and closing ------------------------------------------------------------------------

static int open_root(const char *path, struct root **ret, struct err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR)
        return err_set(err, ERR_NOT_FOUND, "%s is no folder", path);
    if (fd < 0)
        return err_errno(err, errno, "the workspace %s cannot be opened", path);
    struct root *r = mem_zalloc(sizeof *r + strlen(path) + 1);
    if (!r) {
        (void)close(fd);
        return err_set(err, ERR_NOMEM, "out of memory for the index");
    }
    atomic_init(&r->refs, 1);
    r->fd = fd;
    memcpy(r->path, path, strlen(path));
    *ret = r;
    return 0;
}

static unsigned choose_threads(unsigned wanted) {
    long processors = wanted ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1                   ? 1
           : processors > INDEX_THREADS_MAX ? INDEX_THREADS_MAX
                                            : (unsigned)processors;
}

static void init_locks(struct index *ix) {
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&ix->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&ix->lock, NULL);
    (void)pthread_mutex_init(&ix->refresh, NULL);
}

static int fill(struct index *ix, const struct index_config *c) {
    if (c->store && !(ix->cache = cache_new(c->store, c->root)))
        return ERR_NOMEM;
    return excludes_read(c->excludes, &ix->excludes);
}

int index_open(const struct index_config *c, struct index **ret, struct err *err) {
    struct index *ix = mem_zalloc(sizeof *ix);
    if (!ix)
        return err_set(err, ERR_NOMEM, "out of memory for the index");
    init_locks(ix);
    ix->threads = choose_threads(c->threads);
    ix->buffer = BUF_INIT(INDEX_FILE_BYTES_MAX + 1);
    ix->excludes = BUF_INIT(IGNORE_FILE_BYTES_MAX + 1);
    int r = open_root(c->root, &ix->root, err);
    if (r == 0 && fill(ix, c) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory for the index");
    if (r < 0)
        index_close(ix);
    else
        *ret = ix;
    return r;
}

static void put_entries(struct entry **entries, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        entry_put(entries[i]);
    mem_free(entries);
}

void index_close(struct index *ix) {
    if (!ix)
        return;
    index_stop_threads(ix);
    index_save(ix); // what was changed since the last pass
    cache_free(ix->cache);
    snapshot_put(ix->current);
    put_entries(ix->entries, ix->count);
    put_entries(ix->overlays, ix->overlay_count);
    for (int s = 0; s < STAGES; s++) {
        struct queue *q = &ix->queue[s];
        for (uint32_t i = q->next; i < q->count; i++)
            entry_put(q->items[i]);
        mem_free(q->items);
    }
    walk_free(ix->walk);
    syntax_free(ix->syntax);
    buf_done(&ix->buffer);
    buf_done(&ix->excludes);
    root_put(ix->root);
    (void)pthread_mutex_destroy(&ix->lock);
    (void)pthread_mutex_destroy(&ix->refresh);
    (void)pthread_cond_destroy(&ix->changed);
    mem_free(ix);
}

// --- getting ------------------------------------------------------------------------------------

static bool gave_up(const struct index_want *want) {
    return want->cancelled && want->cancelled(want->ctx);
}

static enum facts_tier tier_now(const struct index *ix) { // under the lock
    return ix->queue[STAGE_LEXICAL].pending ? TIER_NAME
           : ix->queue[STAGE_TREE].pending  ? TIER_LEXICAL
                                            : TIER_TREE;
}

// Under the lock. Waits until the tier is reached or the time is up.
static int wait_for_tier(struct index *ix, const struct index_want *want, int64_t end_ns,
                         struct err *err) {
    while (tier_now(ix) < want->tier && ix->running) {
        int64_t now = index_now_ns(), until = now + INDEX_WAIT_STEP_MS * 1000000LL;
        if (end_ns && now >= end_ns)
            return 0;
        if (!want->cancelled)
            until = end_ns ? end_ns : now + 1000000000;
        struct timespec t = {until / 1000000000, until % 1000000000};
        (void)pthread_cond_timedwait(&ix->changed, &ix->lock, &t);
        if (gave_up(want))
            return err_set(err, ERR_CANCELLED, "cancelled");
    }
    return 0;
}

static int take_snapshot(struct index *ix, struct snapshot **ret, struct err *err) {
    if (!ix->current || snapshot_generation(ix->current) != ix->generation) {
        const struct snapshot_parts parts = {.root = ix->root,
                                             .entries = ix->entries,
                                             .count = ix->count,
                                             .generation = ix->generation,
                                             .tier = tier_now(ix),
                                             .big = ix->big,
                                             .counts = &ix->counts,
                                             .previous = ix->current};
        struct snapshot *s = snapshot_new(&parts);
        if (!s)
            return err_set(err, ERR_NOMEM, "out of memory for the index");
        snapshot_put(ix->current);
        ix->current = s;
    }
    *ret = snapshot_ref(ix->current);
    return 0;
}

// Small changes are read here and at once, large ones by threads.
static int refresh(struct index *ix, const struct index_want *want, struct err *err) {
    int64_t start_ns = index_now_ns();
    uint64_t bytes = 0;
    bool small;
    (void)pthread_mutex_lock(&ix->refresh);
    if (ix->ready && ix->refresh_start_ns > start_ns) { // somebody else has just looked
        (void)pthread_mutex_unlock(&ix->refresh);
        return 0;
    }
    if (!ix->start_ns)
        ix->start_ns = start_ns;
    int r = index_refresh(ix, want, &bytes, err);
    if (r == 0) {
        small = ix->ready && bytes <= INDEX_INLINE_BYTES;
        ix->refresh_start_ns = start_ns;
        if (small)
            index_work_here(ix);
        (void)pthread_mutex_lock(&ix->lock);
        if (small)
            ix->figures.refresh_us = (unsigned)((index_now_ns() - start_ns) / 1000);
        else
            index_start_threads(ix);
        bool alone = !ix->running; // no thread could be had
        ix->ready = true;
        (void)pthread_mutex_unlock(&ix->lock);
        if (alone)
            index_work_here(ix);
    }
    (void)pthread_mutex_unlock(&ix->refresh);
    return r;
}

// A thread of an earlier pass may run out of memory after this call has looked what to read again:
// then a second look takes what was left.
static bool was_left(const struct index *ix) { // under the lock
    return ix->retry && !ix->queue[STAGE_LEXICAL].pending && !ix->queue[STAGE_TREE].pending;
}

int index_get(struct index *ix, const struct index_want *want, struct snapshot **ret,
              struct err *err) {
    int64_t end_ns = want->ms ? index_now_ns() + (int64_t)want->ms * 1000000 : 0;
    int r = 0;
    if (gave_up(want))
        return err_set(err, ERR_CANCELLED, "cancelled");
    for (int look = 0, left = 1; r == 0 && left && look < 2; look++) {
        r = refresh(ix, want, err);
        if (r < 0)
            return r;
        (void)pthread_mutex_lock(&ix->lock);
        r = wait_for_tier(ix, want, end_ns, err);
        left = was_left(ix);
        (void)pthread_mutex_unlock(&ix->lock);
    }
    (void)pthread_mutex_lock(&ix->lock);
    if (r == 0)
        r = take_snapshot(ix, ret, err);
    (void)pthread_mutex_unlock(&ix->lock);
    return r;
}

struct snapshot *index_newest(struct index *ix) {
    (void)pthread_mutex_lock(&ix->lock);
    struct snapshot *s = NULL;
    if (ix->ready)
        (void)take_snapshot(ix, &s, NULL);
    (void)pthread_mutex_unlock(&ix->lock);
    return s;
}

// --- figures ------------------------------------------------------------------------------------

static void count_entry(const struct entry *e, struct index_figures *f) {
    f->files++;
    f->bytes += e->bytes;
    f->code_files += language_is_code((enum lang)e->lang) && e->unit;
    if (e->unit) {
        f->symbols += e->unit->facts->symbol_count;
        f->facts_bytes += e->unit->facts->bytes;
    }
}

void index_figures(struct index *ix, struct index_figures *ret) {
    (void)pthread_mutex_lock(&ix->lock);
    struct index_figures f = ix->figures;
    f.files = f.code_files = f.symbols = 0;
    f.bytes = f.facts_bytes = 0;
    for (uint32_t i = 0; i < ix->count; i++)
        count_entry(ix->entries[i], &f);
    f.background = ix->running > 0 || ix->saving;
    (void)pthread_mutex_unlock(&ix->lock);
    *ret = f;
}
