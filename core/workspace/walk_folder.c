// One folder of the walk.
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/tracked.h"
#include "core/workspace/walk_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LISTING_AT_ONCE = 32 * 1024,
    LISTING_BYTES_MAX = 64 * 1024 * 1024,
    RACY_NS = 20 * 1000 * 1000 // clocks of file systems step by up to a jiffy of 10 ms
};
#define RACY_COARSE_NS (2LL * 1000000000) // where they count whole seconds

int64_t walk_wall_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool walk_is_racy(const struct walk_stat *s) {
    int64_t newest = s->mtime_ns > s->ctime_ns ? s->mtime_ns : s->ctime_ns;
    int64_t window = newest % 1000000000 ? RACY_NS : RACY_COARSE_NS;
    return newest >= walk_wall_ns() - window;
}

struct walk_stat walk_stat_of(const struct stat *st) {
    return (struct walk_stat){
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
        .bytes = (uint64_t)st->st_size,
        .inode = st->st_ino,
    };
}

// --- the folder at hand -------------------------------------------------------------------------

struct folder {
    struct walk_worker *w;
    const struct walk_job *job;
    int fd;
    struct ignore *rules; // its own included; a reference
    uint32_t index;       // among the worker's folders
    uint16_t flags;
    bool submodule; // of a repository of its own, whose index is not read
    bool has_git, git_is_file, is_package, has_rules, has_paired_rules;
};

// The kernel's record.
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short record_bytes;
    unsigned char type;
    char name[];
};

static int list(struct folder *f) {
    struct buf *b = &f->w->listing;
    buf_clear(b);
    for (;;) {
        if (buf_reserve(b, LISTING_AT_ONCE) < 0)
            return b->len > LISTING_BYTES_MAX / 2 ? 0 : ERR_NOMEM; // what there is
        long n = syscall(SYS_getdents64, f->fd, b->data + b->len, b->cap - b->len - 1);
        if (n <= 0)
            return 0; // an error in the middle: what there is
        b->len += (size_t)n;
    }
}

static const struct entry *entry_at(const struct folder *f, size_t at) {
    const void *p = f->w->listing.data + at; // the kernel aligns its records to 8
    return p;
}

static void notice(struct folder *f) {
    for (size_t at = 0; at < f->w->listing.len;) {
        const struct entry *e = entry_at(f, at);
        if (strcmp(e->name, ".git") == 0) {
            f->has_git = true;
            f->git_is_file = e->type == DT_REG;
        }
        f->has_rules |= strcmp(e->name, ".gitignore") == 0;
        f->has_paired_rules |= strcmp(e->name, ".pairedignore") == 0;
        f->is_package |= strcmp(e->name, "CACHEDIR.TAG") == 0 || strcmp(e->name, "pyvenv.cfg") == 0;
        at += e->record_bytes;
    }
}

static bool tracked_file(const struct folder *f, const char *path, size_t n) {
    const struct tracked *t = f->w->shared->tracked;
    return t && !(f->flags & WALK_SUBMODULE) && tracked_has(t, path, n);
}

static bool tracked_folder(const struct folder *f, const char *path, size_t n) {
    const struct tracked *t = f->w->shared->tracked;
    return t && !(f->flags & WALK_SUBMODULE) && tracked_below(t, path, n);
}

// --- rules --------------------------------------------------------------------------------------

static int add_rules(struct folder *f, const char *name) {
    struct walk_shared *s = f->w->shared;
    struct buf *b = &f->w->text;
    if (beneath_read(f->fd, name, IGNORE_FILE_BYTES_MAX, b) < 0)
        return 0;
    struct ignore *ig;
    int r =
        ignore_new(b->data ? b->data : "", b->len, f->job->path, s->fold_case, f->rules, &ig, NULL);
    if (r < 0)
        return r;
    ignore_put(f->rules); // the new ones hold a reference
    f->rules = ig;
    return 0;
}

static int take_rules(struct folder *f) {
    int r = f->has_rules ? add_rules(f, ".gitignore") : 0;
    return r == 0 && f->has_paired_rules ? add_rules(f, ".pairedignore") : r;
}

// --- results ------------------------------------------------------------------------------------

static int add_file(struct folder *f, const char *path, size_t n, unsigned flags,
                    const struct walk_stat *stat) {
    struct walk_worker *w = f->w;
    if (atomic_fetch_add_explicit(&w->shared->files, 1, memory_order_relaxed) >=
        w->shared->want->files_max) {
        atomic_store(&w->shared->cut, true);
        return 0;
    }
    if (w->file_count == w->file_max) {
        uint32_t max = w->file_max ? w->file_max * 2 : 256;
        struct walk_file *files = mem_realloc(w->files, max * sizeof *files);
        if (!files)
            return ERR_NOMEM;
        w->files = files;
        w->file_max = max;
    }
    bool racy = walk_is_racy(stat);
    w->files[w->file_count++] = (struct walk_file){
        .path = path,
        .bytes = (uint16_t)n,
        .flags = (uint16_t)(flags | (f->flags & WALK_SUBMODULE) | (racy ? WALK_RACY : 0)),
        .folder = f->index,
        .stat = *stat};
    return 0;
}

static int add_folder(struct folder *f, const struct walk_stat *stat) {
    struct walk_worker *w = f->w;
    if (w->folder_count == w->folder_max) {
        uint32_t max = w->folder_max ? w->folder_max * 2 : 64;
        struct walk_folder *folders = mem_realloc(w->folders, max * sizeof *folders);
        if (!folders)
            return ERR_NOMEM;
        w->folders = folders;
        w->folder_max = max;
    }
    f->index = w->folder_count++;
    w->folders[f->index] =
        (struct walk_folder){.path = f->job->path,
                             .flags = (uint16_t)(f->flags | (walk_is_racy(stat) ? WALK_RACY : 0)),
                             .stat = *stat};
    return 0;
}

// --- entries ------------------------------------------------------------------------------------

static bool is_package_name(const char *name) {
    static const char *const names[] = {
        "node_modules", "bower_components",
        "__pycache__",  ".venv",
        ".tox",         ".nox",
        ".mypy_cache",  ".pytest_cache",
        ".ruff_cache",  ".gradle",
        ".terraform",   ".hg",
        ".svn",         ".bzr",
        ".jj",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int on_subfolder(struct folder *f, const char *path, size_t n, const char *name) {
    bool ignored = f->job->ignored || ignore_match(f->rules, path, n, true) == IGNORE_YES;
    bool package =
        !ignored && is_package_name(name) && ignore_match(f->rules, path, n, true) != IGNORE_NO;
    if ((ignored || package) && !tracked_folder(f, path, n) && !tracked_file(f, path, n)) {
        f->w->packages += package;
        return 0;
    }
    if (f->job->depth >= f->w->shared->want->depth_max) {
        f->w->too_deep++;
        return 0;
    }
    const struct walk_job job = {.path = path,
                                 .bytes = (uint16_t)n,
                                 .flags = f->flags,
                                 .depth = (uint16_t)(f->job->depth + 1),
                                 .ignored = ignored,
                                 .rules = f->rules};
    return walk_push(f->w->shared, &job);
}

static int on_file(struct folder *f, const char *path, size_t n, const struct stat *st) {
    if ((f->job->ignored || ignore_match(f->rules, path, n, false) == IGNORE_YES) &&
        !tracked_file(f, path, n))
        return 0;
    const struct walk_stat stat = walk_stat_of(st);
    return add_file(f, path, n, S_ISLNK(st->st_mode) ? WALK_LINK : 0, &stat);
}

static int on_entry(struct folder *f, const struct entry *e) {
    const char *name = e->name;
    size_t name_bytes = strlen(name);
    size_t n = f->job->bytes ? (size_t)f->job->bytes + 1 + name_bytes : name_bytes;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0)
        return 0;
    if (n > WALK_PATH_BYTES_MAX) {
        f->w->too_long++;
        return 0;
    }
    struct stat st = {.st_mode = (mode_t)DTTOIF(e->type)};
    if (e->type != DT_DIR && e->type != DT_FIFO && e->type != DT_SOCK && e->type != DT_CHR &&
        e->type != DT_BLK && fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; // gone meanwhile
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
        f->w->special++;
        return 0;
    }
    const char *path = walk_path(f->w, f->job->path, f->job->bytes, name, name_bytes);
    if (!path)
        return ERR_NOMEM;
    return S_ISDIR(st.st_mode) ? on_subfolder(f, path, n, name) : on_file(f, path, n, &st);
}

// --- repositories inside ------------------------------------------------------------------------

// .git of a submodule is a file that says "gitdir: …/modules/…".
static bool says_submodule(struct folder *f) {
    struct buf *b = &f->w->text;
    return f->git_is_file && beneath_read(f->fd, ".git", 4096, b) == 0 && b->data &&
           strstr(b->data, "/modules/") != NULL;
}

// True: not to be looked into.
static bool is_foreign(struct folder *f) {
    struct walk_shared *s = f->w->shared;
    if (!f->has_git || !f->job->bytes)
        return false;
    bool submodule = s->tracked ? tracked_file(f, f->job->path, f->job->bytes) : says_submodule(f);
    if (s->is_repository && !submodule && !(f->flags & WALK_SUBMODULE))
        return true;
    // Its rules begin anew.
    ignore_put(f->rules);
    f->rules = ignore_ref(s->base);
    if (s->is_repository)
        f->flags |= WALK_SUBMODULE;
    return false;
}

static bool drop_whole(struct folder *f, const struct walk_stat *stat, int *ret) {
    *ret = 0;
    if (is_foreign(f)) {
        f->w->repositories++;
        *ret = add_file(f, f->job->path, f->job->bytes, WALK_REPOSITORY, stat);
        return true;
    }
    if (f->is_package && f->job->bytes && !tracked_folder(f, f->job->path, f->job->bytes)) {
        f->w->packages++;
        return true;
    }
    return false;
}

static int read_open(struct folder *f) {
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return 0;
    // Before the listing: what comes in between makes the folder look changed.
    const struct walk_stat stat = walk_stat_of(&st);
    int r = add_folder(f, &stat);
    if (r == 0)
        r = list(f);
    if (r < 0)
        return r;
    notice(f);
    if (drop_whole(f, &stat, &r))
        return r;
    f->w->folders[f->index].flags |= f->flags;
    r = take_rules(f);
    for (size_t at = 0; r == 0 && at < f->w->listing.len; at += entry_at(f, at)->record_bytes)
        r = on_entry(f, entry_at(f, at));
    return r;
}

int walk_folder_read(struct walk_worker *w, const struct walk_job *job) {
    struct folder f = {.w = w, .job = job, .flags = job->flags, .rules = ignore_ref(job->rules)};
    f.fd = beneath_open(w->shared->want->root_fd, job->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    int r = 0;
    if (f.fd >= 0) {
        r = read_open(&f);
        (void)close(f.fd);
    } else if (!job->bytes) {
        r = ERR_NOT_FOUND;
    } else if (f.fd != -ENOENT) {
        w->unreadable++;
    }
    ignore_put(f.rules);
    return r;
}
