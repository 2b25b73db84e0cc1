// Removing what commands have made of a copy. A build may leave folders without rights, far deeper
// than a path can name, or links: nothing is gone through by path, nothing recurses, and no link is
// followed. Folders in a folder are first moved up to the top, so two descriptors are enough.
#include "server/proof.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct removing {
    int top;
    dev_t device; // what is mounted in it stays
    uint64_t moved;
};

static int open_folder(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd;
}

// NULL: another file system, or none that can be read. Takes fd.
static DIR *list(const struct removing *r, int fd) {
    struct stat st;
    DIR *d = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == r->device) {
        (void)fchmod(fd, 0700);
        d = fdopendir(fd);
    }
    if (!d && fd >= 0)
        (void)close(fd);
    return d;
}

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// Of a folder in the top: its files go, its folders move up beside it.
static void flatten(struct removing *r, DIR *d) {
    char name[64];
    for (struct dirent *e; (e = readdir(d));) {
        if (is_dots(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        (void)snprintf(name, sizeof name, ".paired-%llu", (unsigned long long)r->moved++);
        // It must be writable to be moved: its ".." changes.
        int fd = open_folder(dirfd(d), e->d_name);
        if (fd >= 0) {
            (void)fchmod(fd, 0700);
            (void)close(fd);
        }
        (void)renameat(dirfd(d), e->d_name, r->top, name);
    }
}

static bool remove_one(struct removing *r, const char *name) {
    if (unlinkat(r->top, name, 0) == 0 || unlinkat(r->top, name, AT_REMOVEDIR) == 0)
        return true;
    DIR *d = list(r, open_folder(r->top, name));
    if (!d)
        return false;
    flatten(r, d);
    (void)closedir(d);
    return unlinkat(r->top, name, AT_REMOVEDIR) == 0;
}

void proof_remove_tree(const char *path) {
    struct stat st;
    struct removing r = {.top = open_folder(AT_FDCWD, path)};
    if (r.top < 0)
        return;
    r.device = fstat(r.top, &st) == 0 ? st.st_dev : 0;
    for (bool more = true; more;) {
        DIR *d = list(&r, openat(r.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        more = false;
        for (struct dirent *e; d && (e = readdir(d));)
            if (!is_dots(e->d_name) && remove_one(&r, e->d_name))
                more = true;
        if (d)
            (void)closedir(d);
    }
    (void)close(r.top);
    (void)rmdir(path);
}
