#include "core/workspace/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool no_openat2; // not in this kernel, or a filter forbids it

// Part by part: slower, for kernels before 5.6.
static int open_by_parts(int root_fd, const char *path, int flags) {
    char part[256];
    int at = root_fd;
    for (;;) {
        const char *slash = strchrnul(path, '/');
        size_t n = (size_t)(slash - path);
        bool odd = n == 0 || n >= sizeof part ||
                   (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.')));
        int fd = -1, failed = EINVAL;
        if (!odd) {
            memcpy(part, path, n);
            part[n] = '\0';
            fd = openat(at, part, O_NOFOLLOW | O_CLOEXEC | (*slash ? O_DIRECTORY | O_PATH : flags));
            failed = fd < 0 ? errno : 0;
        }
        if (at != root_fd)
            (void)close(at);
        if (failed || !*slash)
            return failed ? -failed : fd;
        at = fd;
        path = slash + 1;
    }
}

static int open_beneath(int root_fd, const char *path, int flags) {
    const struct open_how how = {.flags = (uint64_t)(unsigned)flags,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = -1;
    for (int tries = 0; tries < 8 && fd < 0; tries++) {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd < 0 && errno != EAGAIN && errno != EINTR) // else a rename went on meanwhile
            return -errno;
    }
    return fd < 0 ? -errno : (int)fd;
}

int beneath_open(int root_fd, const char *path, int flags) {
    flags |= O_CLOEXEC;
    if (!*path)
        path = ".";
    else if (atomic_load_explicit(&no_openat2, memory_order_relaxed))
        return open_by_parts(root_fd, path, flags);
    int fd = open_beneath(root_fd, path, flags);
    if (fd != -ENOSYS && fd != -EPERM)
        return fd;
    if (path[0] == '.' && !path[1]) {
        fd = openat(root_fd, ".", flags);
        return fd < 0 ? -errno : fd;
    }
    fd = open_by_parts(root_fd, path, flags);
    if (fd >= 0)
        atomic_store_explicit(&no_openat2, true, memory_order_relaxed);
    return fd;
}

static int read_all(int fd, size_t max, struct buf *ret) {
    while (ret->len < max) {
        if (buf_reserve(ret, 16384) < 0)
            return -ENOMEM;
        size_t room = ret->cap - ret->len - 1;
        if (room > max - ret->len)
            room = max - ret->len;
        ssize_t n = read(fd, ret->data + ret->len, room);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        ret->len += n > 0 ? (size_t)n : 0;
    }
    if (ret->data)
        ret->data[ret->len] = '\0';
    return 0;
}

int beneath_read(int root_fd, const char *path, size_t max, struct buf *ret) {
    int fd = beneath_open(root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    struct stat st;
    int e = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    buf_clear(ret);
    if (e == 0)
        e = read_all(fd, max, ret);
    (void)close(fd);
    return e;
}
