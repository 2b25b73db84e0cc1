// A copy of the workspace with a patch in it, for commands that judge it.
#include "core/base/env.h"
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "server/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TURN_POLL_MS = 50, CHUNK_BYTES = 1 << 20, LINK_BYTES_MAX = 4096, PATH_BYTES_MAX = 4096 };

// --- removing

void proof_copy_remove(char *tree) {
    char *slash = tree ? strrchr(tree, '/') : NULL;
    if (slash) {
        *slash = '\0';
        proof_remove_tree(tree);
    }
    mem_free(tree);
}

// --- copying

struct copying {
    const struct proof_want *want;
    int from, to; // the workspace, the copy
    int64_t bytes;
    uint32_t files;
    uint64_t until_ns;
    char made[PATH_BYTES_MAX]; // the folder that was made last
    struct err *err;
};

static int make_parents(struct copying *c, const char *path) {
    char part[PATH_BYTES_MAX];
    struct stat st;
    const char *last = strrchr(path, '/');
    size_t n = last ? (size_t)(last - path) : 0;
    if (n >= sizeof part)
        return -ENAMETOOLONG;
    if (n == 0 || (strncmp(c->made, path, n) == 0 && !c->made[n]))
        return 0;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(c->to, part, 0700) == 0)
            continue;
        // What is there must be a folder: a link may be there, which the folder was before.
        if (errno != EEXIST || fstatat(c->to, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        if (!S_ISDIR(st.st_mode))
            return -ENOTDIR;
    }
    (void)snprintf(c->made, sizeof c->made, "%.*s", (int)n, path);
    return 0;
}

// Whether a link leads to no place outside of the copy: by steps up at its beginning alone, no more
// than there are folders above it. A step up behind a name could lead out where the name is a link.
static bool stays_inside(const char *path, const char *target) {
    size_t above = 0;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        above++;
    if (target[0] == '/')
        return false;
    bool leading = true;
    for (const char *part = target; *part;) {
        size_t n = strcspn(part, "/");
        bool up = n == 2 && part[0] == '.' && part[1] == '.';
        if (up && (!leading || above-- == 0))
            return false;
        leading = leading && (up || n == 0 || (n == 1 && part[0] == '.'));
        part += n + (part[n] ? 1 : 0);
    }
    return true;
}

// Of a link that stays inside; others are left out. 1 copied, 0 left out, -errno.
static int copy_link(struct copying *c, const char *path) {
    char target[LINK_BYTES_MAX], parent[LINK_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 0, path);
    int fd = beneath_open(c->from, parent, O_PATH | O_DIRECTORY);
    ssize_t n = fd < 0 ? -1 : readlinkat(fd, slash ? slash + 1 : path, target, sizeof target - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return 0;
    target[n] = '\0';
    if (!stays_inside(path, target))
        return 0;
    int r = make_parents(c, path);
    return r < 0 ? r : symlinkat(target, c->to, path) < 0 && errno != EEXIST ? -errno : 1;
}

static int copy_bytes(struct copying *c, int in, int out) {
    AUTO_FREE char *chunk = mem_alloc(CHUNK_BYTES);
    if (!chunk)
        return -ENOMEM;
    for (ssize_t n; (n = read(in, chunk, CHUNK_BYTES)) != 0;) {
        if (n < 0)
            return -errno;
        c->bytes += n;
        if (c->bytes > PROOF_COPY_BYTES_MAX)
            return -EFBIG;
        int r = io_write_all(out, chunk, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

static int copy_file(struct copying *c, const char *path) {
    struct stat st;
    int in = beneath_open(c->from, path, O_RDONLY | O_NONBLOCK), r = 0, out = -1;
    if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (in >= 0)
            (void)close(in);
        return 0; // gone since, or not to be read: the commands will say what they miss
    }
    r = make_parents(c, path);
    if (r == 0) {
        out = openat(c->to, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     st.st_mode & 0100 ? 0700 : 0600);
        r = out < 0 ? -errno : copy_bytes(c, in, out);
    }
    if (out >= 0 && r == 0) {
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        (void)futimens(out, times);
    }
    if (out >= 0)
        (void)close(out);
    (void)close(in);
    return r;
}

static int copy_tree(struct copying *c) {
    const struct snapshot *s = c->want->snapshot;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (c->want->cancelled && c->want->cancelled(c->want->ctx))
            return err_set(c->err, ERR_CANCELLED, "cancelled");
        if (++c->files > PROOF_COPY_FILES_MAX || env_now_mono_ns() > c->until_ns)
            return err_set(c->err, ERR_LIMIT, "the folder is too large to be copied");
        int r = f->flags & FILE_SYMLINK ? copy_link(c, f->path) : copy_file(c, f->path);
        if (r == -EFBIG)
            return err_set(c->err, ERR_LIMIT, "the folder is too large to be copied");
        if (r < 0)
            return err_errno(c->err, -r, "the folder cannot be copied");
    }
    return 0;
}

static int put_file(struct copying *c, const struct proof_file *f) {
    struct stat st;
    bool known = fstatat(c->to, f->what->path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    bool executable = known ? (st.st_mode & 0100) != 0 : f->what->executable;
    if (known && unlinkat(c->to, f->what->path, 0) < 0)
        return -errno;
    if (f->what->kind == PATCH_DELETE)
        return 0;
    int r = make_parents(c, f->what->path);
    int fd =
        r < 0 ? -1
              : openat(c->to, f->what->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       executable ? 0700 : 0600);
    if (fd < 0)
        return r < 0 ? r : -errno;
    r = io_write_all(fd, f->fresh.len ? f->fresh.data : "", f->fresh.len);
    (void)close(fd);
    return r;
}

// --- whose turn it is

int proof_turn(const struct proof_want *want, struct err *err) {
    static atomic_flag waiting = ATOMIC_FLAG_INIT;
    const struct timespec pause = {0, TURN_POLL_MS * INT64_C(1000000)};
    uint64_t until = env_now_mono_ns() + UINT64_C(1000000) * PROOF_TURN_MS_MAX;
    AUTO_FREE char *path = mem_format("%s/checks.lock", want->cache);
    int r = path ? dirs_ensure_private(want->cache, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0)
        return r;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    bool held = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (held || atomic_flag_test_and_set(&waiting)) // a second one would take another worker
        r = held ? 0 : err_set(err, ERR_BUSY, "the checks of other patches are running");
    else {
        if (want->progress)
            want->progress(want->ctx, "waiting for the checks of another patch");
        while (r == 0 && !(held = flock(fd, LOCK_EX | LOCK_NB) == 0)) {
            if (want->cancelled && want->cancelled(want->ctx))
                r = err_set(err, ERR_CANCELLED, "cancelled");
            else if (env_now_mono_ns() > until)
                r = err_set(err, ERR_BUSY, "the checks of another patch are running");
            else
                (void)nanosleep(&pause, NULL);
        }
        atomic_flag_clear(&waiting);
    }
    if (r < 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

// --- making it

static int make_places(const char *cache, char **ret, struct err *err) {
    AUTO_FREE char *all = mem_format("%s/checks", cache);
    AUTO_FREE char *one = mem_format("%s/checks/XXXXXX", cache);
    AUTO_FREE char *tree = NULL, *scratch = NULL, *caches = NULL;
    if (!all || !one)
        return err_set(err, ERR_NOMEM, "out of memory");
    proof_remove_tree(all); // of an engine that was killed: it is our turn
    int r = dirs_ensure_private(all, err);
    if (r < 0)
        return r;
    if (!mkdtemp(one))
        return err_errno(err, errno, "cannot make a folder in %s", all);
    tree = mem_format("%s/tree", one);
    scratch = mem_format("%s/tmp", one);
    caches = mem_format("%s/cache", one);
    if (!tree || !scratch || !caches || mkdir(tree, 0700) < 0 || mkdir(scratch, 0700) < 0 ||
        mkdir(caches, 0700) < 0) {
        r = tree && scratch && caches ? err_errno(err, errno, "cannot make a folder in %s", one)
                                      : err_set(err, ERR_NOMEM, "out of memory");
        proof_remove_tree(one);
        return r;
    }
    *ret = TAKE(tree);
    return 0;
}

int proof_copy_make(const struct proof_want *want, const struct proof_file *files, size_t n,
                    char **ret, struct err *err) {
    char *tree = NULL;
    int r = make_places(want->cache, &tree, err);
    if (r < 0)
        return r;
    struct copying c = {.want = want,
                        .from =
                            open(workspace_root(want->workspace), O_PATH | O_DIRECTORY | O_CLOEXEC),
                        .to = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .until_ns = env_now_mono_ns() + UINT64_C(1000000) * PROOF_COPY_MS_MAX,
                        .err = err};
    r = c.from < 0 || c.to < 0 ? err_errno(err, errno, "the folder cannot be copied")
                               : copy_tree(&c);
    for (size_t i = 0; r == 0 && i < n; i++) {
        int failed = put_file(&c, &files[i]);
        if (failed < 0)
            r = err_errno(err, -failed, "%s cannot be written", files[i].what->path);
    }
    if (c.from >= 0)
        (void)close(c.from);
    if (c.to >= 0)
        (void)close(c.to);
    if (r < 0) {
        proof_copy_remove(tree);
        return r;
    }
    *ret = tree;
    return 0;
}
