// Looking at the tree again, and bringing the list of entries up to what was found.
#include "core/base/mem.h"
#include "core/workspace/index_impl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// --- entries ------------------------------------------------------------------------------------

static uint16_t found_flags(const struct walk_file *f) {
    return (uint16_t)((f->flags & WALK_LINK ? FILE_SYMLINK : 0) |
                      (f->flags & (WALK_SUBMODULE | WALK_REPOSITORY) ? FILE_SUBMODULE : 0));
}

static struct entry *from_file(const struct walk_file *f) {
    struct entry *e = entry_new(f->path, f->bytes);
    if (!e)
        return NULL;
    e->stat = f->stat;
    e->racy = (f->flags & WALK_RACY) != 0;
    e->flags = found_flags(f);
    if (f->flags & (WALK_LINK | WALK_REPOSITORY))
        index_by_name(e, 0);
    return e;
}

// What is known of the older content stands until the new one has been read.
static struct entry *from_older(const struct entry *old, const struct walk_stat *stat, bool racy) {
    struct entry *e = entry_copy(old);
    if (!e)
        return NULL;
    e->stat = *stat;
    e->racy = racy;
    e->block = 0; // that is of the older content
    if (!(e->flags & FILE_SYMLINK))
        e->state = ENTRY_NEW;
    return e;
}

static bool same_stat(const struct walk_stat *a, const struct walk_stat *b) {
    return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->bytes == b->bytes &&
           a->inode == b->inode;
}

// --- the new list -------------------------------------------------------------------------------

struct list {
    struct index *ix;
    struct entry **entries;
    uint32_t count;
    uint64_t queued_bytes, code_bytes;
    uint32_t old; // next of the index's own entries
    uint32_t overlay;
    bool changed;
};

static int keep(struct list *l, struct entry *e) { // takes
    if (!e)
        return ERR_NOMEM;
    l->entries[l->count++] = e;
    return 0;
}

static int keep_new(struct list *l, struct entry *e) { // takes
    int r = keep(l, e);
    if (r < 0)
        return r;
    l->changed = true;
    if (e->state != ENTRY_NEW)
        return 0;
    l->queued_bytes += e->text ? e->text->bytes : e->stat.bytes;
    l->queued_bytes += 1; // an empty file is a file
    return index_queue(l->ix, STAGE_LEXICAL, e);
}

// Of an earlier run's list: its facts are to be fetched.
static int keep_known(struct list *l, struct entry *e) { // takes
    int r = keep(l, e);
    if (r < 0 || l->ix->walk || e->state != ENTRY_NEW)
        return r;
    l->queued_bytes += 1;
    return index_queue(l->ix, STAGE_LEXICAL, e);
}

static const struct entry *old_of(struct list *l, const char *path) {
    const struct index *ix = l->ix;
    while (l->old < ix->count && strcmp(ix->entries[l->old]->path, path) < 0) {
        l->old++;
        l->changed = true; // it is gone
    }
    if (l->old < ix->count && strcmp(ix->entries[l->old]->path, path) == 0)
        return ix->entries[l->old++];
    return NULL;
}

// The overlay of this path, if it has one; those before it stand for files that are not there.
static struct entry *overlay_of(struct list *l, const char *path, int *ret) {
    struct index *ix = l->ix;
    while (l->overlay < ix->overlay_count) {
        struct entry *o = ix->overlays[l->overlay];
        int order = path ? strcmp(o->path, path) : -1;
        if (order > 0)
            return NULL;
        l->overlay++;
        if (order == 0)
            return o;
        const struct entry *old = old_of(l, o->path);
        if (old && old->text == o->text)
            *ret = keep(l, entry_ref((struct entry *)(uintptr_t)old));
        else
            *ret = keep_new(l, entry_copy(o));
        if (*ret < 0)
            return NULL;
    }
    return NULL;
}

static int add_overlaid(struct list *l, const struct walk_file *f, const struct entry *old,
                        const struct entry *overlay) {
    if (old && old->text == overlay->text)
        return keep(l, entry_ref((struct entry *)(uintptr_t)old));
    struct entry *e = old ? from_older(old, &f->stat, false) : from_file(f);
    if (e) {
        text_put(e->text);
        e->text = text_ref(overlay->text);
        e->state = ENTRY_NEW;
    }
    return keep_new(l, e);
}

static int add(struct list *l, const struct walk_file *f) {
    int r = 0;
    const struct entry *overlay = overlay_of(l, f->path, &r);
    if (r < 0)
        return r;
    const struct entry *old = old_of(l, f->path);
    if (overlay)
        return add_overlaid(l, f, old, overlay);
    bool kind = old && ((old->flags ^ found_flags(f)) & (FILE_SYMLINK | FILE_SUBMODULE)) == 0;
    if (!old || !kind || (f->flags & (WALK_LINK | WALK_REPOSITORY)))
        return keep_new(l, from_file(f));
    bool racy = (f->flags & WALK_RACY) != 0;
    if (same_stat(&old->stat, &f->stat) && !old->racy && !old->text)
        return keep_known(l, entry_ref((struct entry *)(uintptr_t)old));
    struct entry *e = from_older(old, &f->stat, racy);
    if (e && e->text) { // the editor has given it back
        text_put(e->text);
        e->text = NULL;
    }
    return keep_new(l, e);
}

// --- putting the list in place ------------------------------------------------------------------

static void take_counts(struct index *ix, const struct walk *w) {
    ix->counts = (struct walk_counts){w->special,  w->too_deep,     w->too_long, w->unreadable,
                                      w->packages, w->repositories, w->cut};
}

static void install(struct index *ix, struct list *l) {
    struct entry **gone = ix->entries;
    uint32_t gone_count = ix->count;
    if (l->old < ix->count)
        l->changed = true; // what follows is gone
    ix->entries = l->entries;
    ix->count = l->count;
    ix->generation += l->changed || !gone;
    for (uint32_t i = 0; i < gone_count; i++)
        entry_put(gone[i]);
    mem_free(gone);
}

// Under the lock.
static int merge(struct index *ix, const struct walk *w, uint64_t *ret_bytes) {
    struct list l = {.ix = ix};
    size_t max = (size_t)w->file_count + ix->overlay_count + 1;
    l.entries = mem_alloc(max * sizeof(struct entry *));
    int r = l.entries ? 0 : ERR_NOMEM;
    for (uint32_t i = 0; r == 0 && i < w->file_count; i++)
        r = add(&l, &w->files[i]);
    if (r == 0)
        (void)overlay_of(&l, NULL, &r);
    if (r == 0) {
        install(ix, &l);
        ix->overlays_changed = false;
        take_counts(ix, w);
        *ret_bytes = l.queued_bytes;
        return 0;
    }
    for (uint32_t i = 0; i < l.count; i++)
        entry_put(l.entries[i]);
    mem_free(l.entries);
    return r;
}

static bool is_big(const struct walk *w) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < w->file_count; i++) {
        const struct walk_file *f = &w->files[i];
        if (f->stat.bytes <= INDEX_FILE_BYTES_MAX &&
            language_is_code(language_of(f->path, NULL, 0)))
            bytes += f->stat.bytes;
    }
    return bytes > INDEX_LEXICAL_ONLY_BYTES;
}

static int walk_anew(struct index *ix, const struct index_want *want, uint64_t *ret_bytes,
                     struct err *err) {
    const struct walk_want how = {.root_fd = ix->root->fd,
                                  .excludes = ix->excludes.data,
                                  .excludes_bytes = ix->excludes.len,
                                  .files_max = INDEX_FILES_MAX,
                                  .depth_max = INDEX_DEPTH_MAX,
                                  .threads = ix->threads,
                                  .cancelled = want->cancelled,
                                  .ctx = want->ctx};
    struct walk *w = NULL;
    int r = walk_run(&how, &w, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&ix->lock);
    atomic_store(&ix->big, is_big(w));
    if (ix->cache)
        cache_set_small(ix->cache, ix->big);
    r = merge(ix, w, ret_bytes);
    (void)pthread_mutex_unlock(&ix->lock);
    if (r < 0) { // the older walk and list stand; what was queued is read in vain
        walk_free(w);
        return err_set(err, r, "out of memory for the index");
    }
    walk_free(ix->walk);
    ix->walk = w;
    return 0;
}

// --- looking again ------------------------------------------------------------------------------

struct again {
    struct index *ix;
    uint64_t bytes;
    int failed;
};

// The walk is this thread's own: its stat follows what was found. Under the lock.
static void take_change(struct again *a, struct walk_file *f, const struct walk_stat *now,
                        bool racy) {
    struct index *ix = a->ix;
    int64_t i = index_find_entry(ix, f->path);
    if (a->failed || i < 0)
        return;
    if (!ix->entries[i]->text) {
        struct entry *e = from_older(ix->entries[i], now, racy);
        if (!e || (e->state == ENTRY_NEW && index_queue(ix, STAGE_LEXICAL, e) < 0)) {
            entry_put(e);
            a->failed = ERR_NOMEM;
            return;
        }
        a->bytes += now->bytes + 1;
        (void)index_replace(ix, ix->entries[i], e);
    }
    f->stat = *now;
    f->flags = (uint16_t)((f->flags & ~WALK_RACY) | (racy ? WALK_RACY : 0));
}

static void on_change(void *ctx, uint32_t file, const struct walk_stat *now, bool racy) {
    struct again *a = ctx;
    (void)pthread_mutex_lock(&a->ix->lock);
    take_change(a, &a->ix->walk->files[file], now, racy);
    (void)pthread_mutex_unlock(&a->ix->lock);
}

// What memory did not suffice for the last time. Under the lock.
static int requeue_unread(struct index *ix, uint64_t *bytes) {
    if (!ix->retry || ix->queue[STAGE_LEXICAL].pending || ix->queue[STAGE_TREE].pending)
        return 0;
    ix->retry = false;
    for (uint32_t i = 0; i < ix->count; i++) {
        struct entry *e = ix->entries[i];
        if (e->state == ENTRY_DONE)
            continue;
        if (index_queue(ix, e->state == ENTRY_NEW ? STAGE_LEXICAL : STAGE_TREE, e) < 0) {
            ix->retry = true;
            return ERR_NOMEM;
        }
        *bytes += e->stat.bytes + 1;
    }
    return 0;
}

static int merge_again(struct index *ix, uint64_t *bytes) { // under the lock
    if (!ix->overlays_changed)
        return 0;
    uint64_t more = 0;
    int r = merge(ix, ix->walk, &more);
    *bytes += more;
    return r;
}

// The list of an earlier run, before the first look: what has not changed since is not read.
static int load_list(struct index *ix, struct err *err) {
    struct entry **entries = NULL;
    uint32_t count = 0;
    if (!ix->cache || ix->walk || ix->count)
        return 0;
    int r = cache_load(ix->cache, &entries, &count);
    if (r < 0)
        return err_set(err, r, "out of memory for the index");
    (void)pthread_mutex_lock(&ix->lock);
    mem_free(ix->entries);
    ix->entries = entries;
    ix->count = count;
    (void)pthread_mutex_unlock(&ix->lock);
    return 0;
}

int index_refresh(struct index *ix, const struct index_want *want, uint64_t *ret_bytes,
                  struct err *err) {
    bool stale = true;
    struct again a = {.ix = ix};
    int r = load_list(ix, err);
    if (r < 0)
        return r;
    // First: what the tree's changes put into the queue would say that all is being read.
    (void)pthread_mutex_lock(&ix->lock);
    r = requeue_unread(ix, &a.bytes);
    (void)pthread_mutex_unlock(&ix->lock);
    if (r < 0)
        return err_set(err, r, "out of memory for the index");
    if (ix->walk)
        r = walk_check(ix->walk, ix->root->fd, ix->threads, on_change, &a, &stale, err);
    if (r < 0)
        return r;
    if (stale)
        r = walk_anew(ix, want, &a.bytes, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&ix->lock);
    r = a.failed ? a.failed : merge_again(ix, &a.bytes);
    *ret_bytes = a.bytes + ix->overlay_bytes;
    ix->overlay_bytes = 0;
    (void)pthread_mutex_unlock(&ix->lock);
    return r < 0 ? err_set(err, r, "out of memory for the index") : 0;
}
