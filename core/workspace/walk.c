#include "core/workspace/walk.h"

#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/tracked.h"
#include "core/workspace/walk_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JOBS_PER_HELPER = 32, JOBS_BEFORE_HELPERS = 64, CONFIG_BYTES_MAX = 64 * 1024 };

// --- memory of paths ----------------------------------------------------------------------------

const char *walk_path(struct walk_worker *w, const char *folder, size_t folder_bytes,
                      const char *name, size_t name_bytes) {
    size_t need = folder_bytes + (folder_bytes > 0) + name_bytes + 1;
    struct walk_chunk *chunk = w->chunks;
    if (!chunk || WALK_CHUNK_BYTES - chunk->used < need) {
        chunk = mem_alloc(sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->used = 0;
        chunk->next = w->chunks;
        w->chunks = chunk;
    }
    char *path = chunk->bytes + chunk->used, *at = path;
    chunk->used += need;
    memcpy(at, folder, folder_bytes);
    at += folder_bytes;
    if (folder_bytes)
        *at++ = '/';
    memcpy(at, name, name_bytes + 1);
    return path;
}

static void free_chunks(struct walk_chunk *chunk) {
    while (chunk) {
        struct walk_chunk *next = chunk->next;
        mem_free(chunk);
        chunk = next;
    }
}

// --- the list of folders ------------------------------------------------------------------------

int walk_push(struct walk_shared *s, const struct walk_job *job) {
    int r = 0;
    (void)pthread_mutex_lock(&s->lock);
    if (s->folders >= WALK_FOLDERS_MAX) {
        atomic_store(&s->cut, true);
    } else if (s->job_count == s->job_max) {
        uint32_t max = s->job_max ? s->job_max * 2 : 64;
        struct walk_job *jobs = mem_realloc(s->jobs, max * sizeof *jobs);
        r = jobs ? 0 : ERR_NOMEM;
        if (jobs) {
            s->jobs = jobs;
            s->job_max = max;
        }
    }
    if (r == 0 && s->folders < WALK_FOLDERS_MAX) {
        s->folders++;
        s->jobs[s->job_count] = *job;
        s->jobs[s->job_count++].rules = ignore_ref(job->rules);
        (void)pthread_cond_signal(&s->more);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

// The next folder; false when there will be none any more.
static bool take(struct walk_shared *s, bool was_working, struct walk_job *ret) {
    (void)pthread_mutex_lock(&s->lock);
    s->working -= was_working;
    while (!s->job_count && s->working && !s->failed)
        (void)pthread_cond_wait(&s->more, &s->lock);
    bool got = s->job_count && !s->failed;
    if (got) {
        *ret = s->jobs[--s->job_count];
        s->working++;
    } else {
        (void)pthread_cond_broadcast(&s->more);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return got;
}

static void fail(struct walk_shared *s, int r) {
    (void)pthread_mutex_lock(&s->lock);
    if (!s->failed)
        s->failed = r;
    (void)pthread_cond_broadcast(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
}

static void one_job(struct walk_worker *w, const struct walk_job *job) {
    struct walk_shared *s = w->shared;
    int r = walk_folder_read(w, job);
    ignore_put(job->rules);
    if (r == 0 && s->want->cancelled && s->want->cancelled(s->want->ctx))
        r = ERR_CANCELLED;
    if (r < 0)
        fail(s, r);
}

static void *work(void *arg) {
    struct walk_worker *w = arg;
    struct walk_job job;
    for (bool working = false; take(w->shared, working, &job); working = true)
        one_job(w, &job);
    return NULL;
}

// --- what git says of itself --------------------------------------------------------------------

static bool config_folds_case(const char *text) {
    for (const char *at = text; (at = strcasestr(at, "ignorecase")); at++) {
        const char *value = strchrnul(at, '=');
        size_t line = strcspn(at, "\n");
        if (value < at + line) {
            value += 1 + strspn(value + 1, " \t");
            return strncasecmp(value, "true", 4) == 0;
        }
    }
    return false;
}

static int add_base_rules(struct walk_shared *s, const char *text, size_t n) {
    struct ignore *ig;
    int r = ignore_new(text, n, "", s->fold_case, s->base, &ig, NULL);
    if (r < 0)
        return r;
    ignore_put(s->base);
    s->base = ig;
    return 0;
}

// Only of a real folder .git: a file of that name speaks of a place outside.
static int read_git(struct walk_shared *s, struct buf *b) {
    int root = s->want->root_fd;
    struct stat st;
    s->is_repository = fstatat(root, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (s->is_repository && beneath_read(root, ".git/config", CONFIG_BYTES_MAX, b) == 0 && b->data)
        s->fold_case = config_folds_case(b->data);
    if (s->want->excludes_bytes) {
        int r = add_base_rules(s, s->want->excludes, s->want->excludes_bytes);
        if (r < 0)
            return r;
    }
    if (!s->is_repository || !S_ISDIR(st.st_mode))
        return 0;
    if (beneath_read(root, ".git/info/exclude", IGNORE_FILE_BYTES_MAX, b) == 0 && b->len) {
        int r = add_base_rules(s, b->data, b->len);
        if (r < 0)
            return r;
    }
    if (beneath_read(root, ".git/index", TRACKED_FILE_BYTES_MAX, b) == 0 && b->len &&
        tracked_parse(b->data, b->len, &s->tracked, NULL) == ERR_NOMEM)
        return ERR_NOMEM;
    return 0;
}

// --- putting the parts together -----------------------------------------------------------------

static int by_path(const void *a, const void *b) {
    const struct walk_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void take_counts(struct walk *to, const struct walk_worker *w) {
    to->special += w->special;
    to->too_deep += w->too_deep;
    to->too_long += w->too_long;
    to->unreadable += w->unreadable;
    to->packages += w->packages;
    to->repositories += w->repositories;
}

static void take_chunks(struct walk *to, struct walk_worker *w) {
    struct walk_chunk **end = &w->chunks;
    while (*end)
        end = &(*end)->next;
    *end = to->chunks;
    to->chunks = w->chunks;
    w->chunks = NULL;
}

static void group(struct walk *w) {
    for (uint32_t i = 0; i < w->file_count; i++)
        w->folders[w->files[i].folder].count++;
    uint32_t at = 0;
    for (uint32_t i = 0; i < w->folder_count; i++) {
        w->folders[i].first = at;
        at += w->folders[i].count;
        w->folders[i].count = 0;
    }
    for (uint32_t i = 0; i < w->file_count; i++) {
        struct walk_folder *folder = &w->folders[w->files[i].folder];
        w->by_folder[folder->first + folder->count++] = i;
    }
}

static int merge(struct walk_shared *s, struct walk_worker *workers, unsigned count,
                 struct walk *to) {
    uint32_t files = 0, folders = 0;
    for (unsigned i = 0; i < count; i++) {
        files += workers[i].file_count;
        folders += workers[i].folder_count;
    }
    to->files = mem_alloc(files * sizeof *to->files);
    to->by_folder = mem_alloc(files * sizeof *to->by_folder);
    to->folders = mem_alloc(folders * sizeof *to->folders);
    if (!to->files || !to->by_folder || !to->folders)
        return ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        struct walk_worker *w = &workers[i];
        for (uint32_t k = 0; k < w->file_count; k++) {
            to->files[to->file_count] = w->files[k];
            to->files[to->file_count++].folder += to->folder_count;
        }
        if (w->folder_count)
            memcpy(to->folders + to->folder_count, w->folders,
                   w->folder_count * sizeof *to->folders);
        to->folder_count += w->folder_count;
        take_counts(to, w);
        take_chunks(to, w);
    }
    if (to->file_count)
        qsort(to->files, to->file_count, sizeof *to->files, by_path);
    group(to);
    to->cut = atomic_load(&s->cut);
    to->is_repository = s->is_repository;
    return 0;
}

// --- running ------------------------------------------------------------------------------------

static uint32_t waiting(struct walk_shared *s) {
    (void)pthread_mutex_lock(&s->lock);
    uint32_t n = s->job_count;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

// Helpers come when there is enough to do; a small tree is faster without.
static unsigned run_workers(struct walk_shared *s, struct walk_worker *workers, unsigned max) {
    pthread_t threads[WALK_THREADS_MAX];
    unsigned count = 1;
    struct walk_job job;
    for (bool working = false; take(s, working, &job); working = true) {
        one_job(&workers[0], &job);
        while (count < max && waiting(s) > JOBS_BEFORE_HELPERS + count * JOBS_PER_HELPER) {
            if (pthread_create(&threads[count], NULL, work, &workers[count]) != 0)
                max = count; // as many as there are
            else
                count++;
        }
    }
    for (unsigned i = 1; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    return count;
}

static int run(struct walk_shared *s, struct walk_worker *workers, struct walk *to) {
    unsigned max = s->want->threads < 1 ? 1 : s->want->threads;
    if (max > WALK_THREADS_MAX)
        max = WALK_THREADS_MAX;
    int r = read_git(s, &workers[0].text);
    const struct walk_job root = {.path = "", .rules = s->base};
    if (r == 0)
        r = walk_push(s, &root);
    if (r < 0)
        return r;
    unsigned count = run_workers(s, workers, max);
    return s->failed ? s->failed : merge(s, workers, count, to);
}

static void clean_up(struct walk_shared *s, struct walk_worker *workers) {
    for (uint32_t i = 0; i < s->job_count; i++)
        ignore_put(s->jobs[i].rules);
    for (unsigned i = 0; i < WALK_THREADS_MAX; i++) {
        mem_free(workers[i].files);
        mem_free(workers[i].folders);
        free_chunks(workers[i].chunks);
        buf_done(&workers[i].listing);
        buf_done(&workers[i].text);
    }
    mem_free(s->jobs);
    ignore_put(s->base);
    tracked_free(s->tracked);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->more);
}

int walk_run(const struct walk_want *want, struct walk **ret, struct err *err) {
    struct walk_shared s = {.want = want};
    struct walk_worker workers[WALK_THREADS_MAX] = {0};
    struct walk *w = mem_zalloc(sizeof *w);
    (void)pthread_mutex_init(&s.lock, NULL);
    (void)pthread_cond_init(&s.more, NULL);
    for (unsigned i = 0; i < WALK_THREADS_MAX; i++)
        workers[i].shared = &s;
    int r = w ? run(&s, workers, w) : ERR_NOMEM;
    clean_up(&s, workers);
    if (r == 0) {
        *ret = w;
        return 0;
    }
    walk_free(w);
    return err_set(err, r, "%s",
                   r == ERR_NOMEM       ? "out of memory for the list of files"
                   : r == ERR_CANCELLED ? "cancelled"
                                        : "the workspace's folder cannot be read");
}

void walk_free(struct walk *w) {
    if (!w)
        return;
    mem_free(w->files);
    mem_free(w->by_folder);
    mem_free(w->folders);
    free_chunks(w->chunks);
    mem_free(w);
}
