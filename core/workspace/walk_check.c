// Looking again: one stat for each folder and each file.
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/walk_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILES_PER_THREAD = 3000, FOLDERS_AT_ONCE = 16 };

struct change {
    uint32_t file;
    bool racy;
    struct walk_stat now;
};
struct check {
    const struct walk *w;
    int root_fd;
    atomic_uint next; // folder
    atomic_bool stale;
    atomic_int failed;
};
struct checker {
    struct check *check;
    struct change *changes;
    uint32_t count, max;
};

static bool same(const struct walk_stat *a, const struct walk_stat *b) {
    return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->bytes == b->bytes &&
           a->inode == b->inode;
}

static bool is_rules(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strcmp(name, ".gitignore") == 0 || strcmp(name, ".pairedignore") == 0;
}

static int add(struct checker *c, uint32_t file, const struct walk_stat *now) {
    if (c->count == c->max) {
        uint32_t max = c->max ? c->max * 2 : 32;
        struct change *changes = mem_realloc(c->changes, max * sizeof *changes);
        if (!changes)
            return ERR_NOMEM;
        c->changes = changes;
        c->max = max;
    }
    c->changes[c->count++] = (struct change){file, walk_is_racy(now), *now};
    return 0;
}

static int check_file(struct checker *c, int fd, uint32_t i) {
    const struct walk_file *file = &c->check->w->files[i];
    if (file->flags & WALK_REPOSITORY)
        return 0;
    const char *slash = strrchr(file->path, '/');
    struct stat st;
    if (fstatat(fd, slash ? slash + 1 : file->path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        S_ISLNK(st.st_mode) != ((file->flags & WALK_LINK) != 0)) {
        atomic_store(&c->check->stale, true);
        return 0;
    }
    const struct walk_stat now = walk_stat_of(&st);
    bool equal = same(&now, &file->stat);
    if (equal && !(file->flags & WALK_RACY))
        return 0;
    if (is_rules(file->path))
        atomic_store(&c->check->stale, true);
    return add(c, i, &now);
}

static int check_folder(struct checker *c, const struct walk_folder *folder) {
    int fd = beneath_open(c->check->root_fd, folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    struct stat st;
    int r = 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        atomic_store(&c->check->stale, true);
        if (!*folder->path)
            r = ERR_NOT_FOUND;
    } else {
        const struct walk_stat now = walk_stat_of(&st);
        if (!same(&now, &folder->stat) || (folder->flags & WALK_RACY))
            atomic_store(&c->check->stale, true);
    }
    for (uint32_t i = 0; i < folder->count && r == 0 && !atomic_load(&c->check->stale); i++)
        r = check_file(c, fd, c->check->w->by_folder[folder->first + i]);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static void *check_some(void *arg) {
    struct checker *c = arg;
    const struct walk *w = c->check->w;
    for (;;) {
        uint32_t first = atomic_fetch_add(&c->check->next, FOLDERS_AT_ONCE);
        for (uint32_t i = first; i < first + FOLDERS_AT_ONCE; i++) {
            if (i >= w->folder_count || atomic_load(&c->check->stale) ||
                atomic_load(&c->check->failed))
                return NULL;
            int r = check_folder(c, &w->folders[i]);
            if (r < 0)
                atomic_store(&c->check->failed, r);
        }
    }
}

int walk_check(const struct walk *w, int root_fd, unsigned threads, walk_change_fn *on_change,
               void *ctx, bool *ret_stale, struct err *err) {
    struct check check = {.w = w, .root_fd = root_fd};
    struct checker checkers[WALK_THREADS_MAX] = {0};
    pthread_t ids[WALK_THREADS_MAX];
    unsigned max = 1 + w->file_count / FILES_PER_THREAD, count = 1;
    if (max > threads)
        max = threads;
    for (unsigned i = 0; i < WALK_THREADS_MAX; i++)
        checkers[i].check = &check;
    while (count < max && count < WALK_THREADS_MAX &&
           pthread_create(&ids[count], NULL, check_some, &checkers[count]) == 0)
        count++;
    (void)check_some(&checkers[0]);
    for (unsigned i = 1; i < count; i++)
        (void)pthread_join(ids[i], NULL);
    int r = atomic_load(&check.failed);
    *ret_stale = atomic_load(&check.stale);
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t k = 0; r == 0 && !*ret_stale && k < checkers[i].count; k++) {
            const struct change *change = &checkers[i].changes[k];
            on_change(ctx, change->file, &change->now, change->racy);
        }
        mem_free(checkers[i].changes);
    }
    return r == 0 ? 0
                  : err_set(err, r, "%s",
                            r == ERR_NOMEM ? "out of memory to look for changes"
                                           : "the workspace's folder is gone");
}
