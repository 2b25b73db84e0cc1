// The queue of files to read, and the threads that work on it. They are started for a pass and end
// with it.
#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "core/workspace/index_impl.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BACKGROUND_NICE = 5, JOBS_PER_THREAD = 4, CLOSE_SAVES_S = 3 };

// --- places -------------------------------------------------------------------------------------

int64_t index_find_entry(const struct index *ix, const char *path) {
    uint32_t low = 0, high = ix->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(ix->entries[middle]->path, path);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

bool index_replace(struct index *ix, const struct entry *old, struct entry *e) {
    int64_t i = index_find_entry(ix, old->path);
    if (i < 0 || ix->entries[i] != old)
        return false;
    entry_put(ix->entries[i]);
    ix->entries[i] = e;
    ix->generation++;
    return true;
}

// --- queue --------------------------------------------------------------------------------------

int index_queue(struct index *ix, enum stage stage, struct entry *e) {
    struct queue *q = &ix->queue[stage];
    if (q->count == q->max && q->next > 0) { // the front is done with
        q->count -= q->next;
        memmove(q->items, q->items + q->next, q->count * sizeof *q->items);
        q->next = 0;
    }
    if (q->count == q->max) {
        uint32_t max = q->max ? q->max * 2 : 64;
        struct entry **items = mem_realloc(q->items, max * sizeof(struct entry *));
        if (!items)
            return ERR_NOMEM;
        q->items = items;
        q->max = max;
    }
    q->items[q->count++] = entry_ref(e);
    q->pending++;
    return 0;
}

static bool waits(const struct queue *q) {
    return q->next < q->count;
}

// Under the lock: the next job, lexical ones first.
static struct entry *take(struct index *ix, enum stage *ret_stage) {
    for (enum stage s = STAGE_LEXICAL; s < STAGES && !ix->stop; s++)
        if (waits(&ix->queue[s])) {
            *ret_stage = s;
            return ix->queue[s].items[ix->queue[s].next++];
        }
    return NULL;
}

// --- working ------------------------------------------------------------------------------------

static void note_progress(struct index *ix) { // under the lock
    unsigned ms = (unsigned)((index_now_ns() - ix->start_ns) / 1000000);
    if (!ix->queue[STAGE_LEXICAL].pending && !ix->figures.first_symbols_ms)
        ix->figures.first_symbols_ms = ms ? ms : 1;
    if (!ix->queue[STAGE_LEXICAL].pending && !ix->queue[STAGE_TREE].pending && !ix->figures.full_ms)
        ix->figures.full_ms = ms ? ms : 1;
}

static void count_work(struct index *ix, const struct entry *e, enum stage stage) {
    bool cached = e->unit && atomic_load(&e->unit->block);
    ix->figures.cached += cached;
    ix->figures.parsed_lexical += !cached && e->unit && stage == STAGE_LEXICAL;
    ix->figures.parsed_tree += !cached && e->unit && stage == STAGE_TREE;
    ix->unsaved |= !cached;
}

// Under the lock. The result stands if the file has not been found changed meanwhile.
static void settle(struct index *ix, const struct entry *old, struct entry *e, enum stage stage) {
    bool tree_to_come = e && e->state == ENTRY_LEXICAL;
    if (e && index_replace(ix, old, e)) {
        if (tree_to_come && index_queue(ix, STAGE_TREE, e) < 0)
            ix->retry = true;
        count_work(ix, e, stage);
    } else {
        entry_put(e);
    }
    ix->queue[stage].pending--;
    if (!ix->queue[stage].pending) {
        ix->generation++; // the tier has changed
        note_progress(ix);
        (void)pthread_cond_broadcast(&ix->changed);
    }
}

static void work_on(struct index *ix, struct reader *r, struct entry *old, enum stage stage) {
    struct entry *e = NULL;
    (void)index_read(r, old, stage, &e); // out of memory: what was known stays
    (void)pthread_mutex_lock(&ix->lock);
    ix->retry |= !e;
    settle(ix, old, e, stage);
    (void)pthread_mutex_unlock(&ix->lock);
    entry_put(old);
}

void index_work_here(struct index *ix) {
    struct reader r = {
        .index = ix, .cache.cache = ix->cache, .syntax = ix->syntax, .text = &ix->buffer};
    for (;;) {
        enum stage stage;
        (void)pthread_mutex_lock(&ix->lock);
        struct entry *old = take(ix, &stage);
        (void)pthread_mutex_unlock(&ix->lock);
        if (!old)
            break;
        work_on(ix, &r, old, stage);
    }
    cache_reader_done(&r.cache);
    ix->syntax = r.syntax;
}

// The next job, or NULL; then the thread counts no more, so that whoever adds a job starts another.
static struct entry *take_or_end(struct index_thread *t, enum stage *ret_stage, bool *ret_last) {
    struct index *ix = t->index;
    (void)pthread_mutex_lock(&ix->lock);
    struct entry *e = take(ix, ret_stage);
    if (!e) {
        ix->running--;
        bool last = !ix->running && ix->cache && ix->unsaved && !ix->saving && !ix->stop;
        ix->saving |= last;
        *ret_last = last;
        t->state = last ? THREAD_SAVES : THREAD_ENDED;
        (void)pthread_cond_broadcast(&ix->changed);
    }
    (void)pthread_mutex_unlock(&ix->lock);
    return e;
}

// --- saving -------------------------------------------------------------------------------------

static struct entry **list_entries(struct index *ix, uint32_t *ret_count) { // under the lock
    struct entry **entries = mem_alloc((size_t)ix->count * sizeof(struct entry *));
    for (uint32_t i = 0; entries && i < ix->count; i++)
        entries[i] = entry_ref(ix->entries[i]);
    *ret_count = entries ? ix->count : 0;
    return entries;
}

void index_save(struct index *ix) {
    uint32_t count = 0, written = 0;
    (void)pthread_mutex_lock(&ix->lock);
    struct entry **entries = ix->cache && ix->unsaved ? list_entries(ix, &count) : NULL;
    ix->unsaved = false;
    (void)pthread_mutex_unlock(&ix->lock);
    if (!entries)
        return;
    cache_save(ix->cache, entries, count, &ix->stop_saving, &written);
    for (uint32_t i = 0; i < count; i++)
        entry_put(entries[i]);
    mem_free(entries);
}

// The last of a pass writes what the pass has found. Nobody waits for it but index_close.
static void save_as_last(struct index_thread *t, bool is_last) {
    struct index *ix = t->index;
    if (!is_last)
        return;
    index_save(ix);
    (void)pthread_mutex_lock(&ix->lock);
    ix->saving = false;
    t->state = THREAD_ENDED;
    (void)pthread_cond_broadcast(&ix->changed);
    (void)pthread_mutex_unlock(&ix->lock);
}

static void *work(void *arg) {
    struct index_thread *t = arg;
    struct buf text = BUF_INIT(INDEX_FILE_BYTES_MAX + 1);
    struct reader r = {.index = t->index, .cache.cache = t->index->cache, .text = &text};
    bool nice = false, last = false;
    enum stage stage;
    for (struct entry *e; (e = take_or_end(t, &stage, &last));) {
        if (stage == STAGE_TREE && !nice) { // nobody's hurry: editor and build come first
            (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), BACKGROUND_NICE);
            nice = true;
        }
        work_on(t->index, &r, e, stage);
    }
    cache_reader_done(&r.cache);
    syntax_free(r.syntax);
    buf_done(&text);
    save_as_last(t, last);
    return NULL;
}

// --- threads ------------------------------------------------------------------------------------

static void reap(struct index_thread *t) {
    if (t->state == THREAD_ENDED) { // it only has to return
        (void)pthread_join(t->id, NULL);
        t->state = THREAD_NONE;
    }
}

void index_start_threads(struct index *ix) {
    uint32_t jobs = ix->queue[STAGE_LEXICAL].count - ix->queue[STAGE_LEXICAL].next +
                    ix->queue[STAGE_TREE].count - ix->queue[STAGE_TREE].next;
    unsigned want = (jobs + JOBS_PER_THREAD - 1) / JOBS_PER_THREAD;
    if (want > ix->threads)
        want = ix->threads;
    for (unsigned i = 0; i < INDEX_THREADS_MAX && ix->running < want && !ix->stop; i++) {
        struct index_thread *t = &ix->thread[i];
        reap(t);
        if (t->state != THREAD_NONE)
            continue;
        t->index = ix;
        if (pthread_create(&t->id, NULL, work, t) != 0)
            return;
        t->state = THREAD_RUNS;
        ix->running++;
    }
}

void index_stop_threads(struct index *ix) {
    (void)pthread_mutex_lock(&ix->lock);
    ix->stop = true;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); // the condition's clock
    until.tv_sec += CLOSE_SAVES_S;
    while (ix->running || ix->saving)
        if (pthread_cond_timedwait(&ix->changed, &ix->lock, &until) != 0) {
            atomic_store(&ix->stop_saving, true);
            (void)pthread_cond_wait(&ix->changed, &ix->lock);
        }
    for (unsigned i = 0; i < INDEX_THREADS_MAX; i++)
        reap(&ix->thread[i]);
    (void)pthread_mutex_unlock(&ix->lock);
}
