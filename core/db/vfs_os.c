#include "core/db/vfs_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---------------------------------------------------------------------------------------- faults

static struct vfs_fault fault;
static atomic_bool fault_on;
static atomic_uint_fast64_t fault_count;

void vfs_test_fault(const struct vfs_fault *f) {
    atomic_store(&fault_on, false);
    atomic_store(&fault_count, 0);
    if (!f)
        return;
    fault = *f;
    atomic_store(&fault_on, true);
}

uint64_t vfs_test_operations(void) {
    return atomic_load(&fault_count);
}

static bool strikes(enum vfs_fault_op op) {
    if (!atomic_load_explicit(&fault_on, memory_order_acquire) || !(fault.ops & op))
        return false;
    uint64_t n = atomic_fetch_add(&fault_count, 1) + 1;
    return fault.nth && (n == fault.nth || (fault.sticky && n > fault.nth));
}

static int strike(void) {
    if (fault.action == VFS_FAULT_EXIT)
        _exit(99);
    return fault.errnum;
}

// --------------------------------------------------------------------------------------- calls

int os_open(const char *path, int flags, int *ret_fd) {
    if (strikes(VFS_FAULT_OPEN))
        return strike();
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    *ret_fd = fd;
    return 0;
}

int os_read(int fd, void *out, size_t n, int64_t offset, size_t *ret_n) {
    if (strikes(VFS_FAULT_READ))
        return strike();
    size_t at = 0;
    while (at < n) {
        ssize_t got = pread(fd, (char *)out + at, n - at, offset + (int64_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    *ret_n = at;
    return 0;
}

static int write_all(int fd, const void *bytes, size_t n, int64_t offset) {
    size_t at = 0;
    while (at < n) {
        ssize_t put = pwrite(fd, (const char *)bytes + at, n - at, offset + (int64_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : ENOSPC;
        at += (size_t)put;
    }
    return 0;
}

int os_write(int fd, const void *bytes, size_t n, int64_t offset) {
    if (strikes(VFS_FAULT_WRITE)) {
        if (fault.action != VFS_FAULT_FAIL)
            (void)write_all(fd, bytes, n / 2, offset);
        return strike();
    }
    return write_all(fd, bytes, n, offset);
}

int os_sync(int fd) {
    if (strikes(VFS_FAULT_SYNC))
        return strike();
    while (fdatasync(fd) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

int os_truncate(int fd, int64_t size) {
    if (strikes(VFS_FAULT_TRUNCATE))
        return strike();
    while (ftruncate(fd, size) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

int os_size(int fd, int64_t *ret) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return errno;
    *ret = st.st_size;
    return 0;
}

int os_sync_dir_of(const char *path) {
    char dir[VFS_PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    if (n >= sizeof dir)
        return ENAMETOOLONG;
    memcpy(dir, slash ? path : ".", n);
    dir[n] = '\0';
    int fd = open(n ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int e = fsync(fd) < 0 && errno != EINVAL ? errno : 0; // EINVAL: no need on this file system
    (void)close(fd);
    return e;
}

int os_unlink(const char *path) {
    return unlink(path) < 0 && errno != ENOENT ? errno : 0;
}
