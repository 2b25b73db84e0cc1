// A copy of the workspace with a patch in it, for commands that judge it.
#include "core/base/env.h"
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "server/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_FDS = 16, CHUNK_BYTES = 1 << 20, LINK_BYTES_MAX = 4096 };

// --- removing

static int open_up(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)at;
    if (type == FTW_D || type == FTW_DNR)
        (void)chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
}

static void remove_tree(const char *path) {
    (void)nftw(path, open_up, REMOVE_FDS, FTW_PHYS | FTW_MOUNT);
    (void)nftw(path, remove_one, REMOVE_FDS, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

void proof_copy_remove(char *tree) {
    char *slash = tree ? strrchr(tree, '/') : NULL;
    if (slash) {
        *slash = '\0';
        remove_tree(tree);
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
    struct err *err;
};

static int make_parents(int to, const char *path) {
    char part[PATCH_PATH_BYTES_MAX * 4];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        if ((size_t)(slash - path) >= sizeof part)
            return -ENAMETOOLONG;
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(to, part, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
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
    if (target[0] == '/' || strstr(target, "..")) // may lead outside
        return 0;
    int r = make_parents(c->to, path);
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
    r = make_parents(c->to, path);
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
    int r = make_parents(c->to, f->what->path);
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

static int make_places(const char *cache, char **ret, struct err *err) {
    AUTO_FREE char *all = mem_format("%s/checks", cache);
    AUTO_FREE char *one = mem_format("%s/checks/XXXXXX", cache);
    AUTO_FREE char *tree = NULL, *scratch = NULL;
    if (!all || !one)
        return err_set(err, ERR_NOMEM, "out of memory");
    remove_tree(all); // of an engine that was killed: one patch is judged at a time
    int r = dirs_ensure_private(all, err);
    if (r < 0)
        return r;
    if (!mkdtemp(one))
        return err_errno(err, errno, "cannot make a folder in %s", all);
    tree = mem_format("%s/tree", one);
    scratch = mem_format("%s/tmp", one);
    if (!tree || !scratch || mkdir(tree, 0700) < 0 || mkdir(scratch, 0700) < 0) {
        r = tree && scratch ? err_errno(err, errno, "cannot make a folder in %s", one)
                            : err_set(err, ERR_NOMEM, "out of memory");
        remove_tree(one);
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
