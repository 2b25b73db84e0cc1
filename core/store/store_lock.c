#include "core/store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PID_TEXT_BYTES = 24 };

static long read_pid(int fd) {
    char text[PID_TEXT_BYTES] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

// Always the same length, so that after the first time no space is needed: a full disk must not
// keep anybody from reading. A failure costs only the hint.
static void write_pid(int fd, long pid) {
    char text[PID_TEXT_BYTES];
    int n = snprintf(text, sizeof text, "%-*ld\n", PID_TEXT_BYTES - 2, pid);
    (void)!pwrite(fd, text, (size_t)n, 0);
}

static int refused(int fd, const char *path, struct err *err) {
    long pid = read_pid(fd);
    if (pid > 0)
        return err_set(err, ERR_BUSY,
                       "the store is in use by process %ld (it holds %s); end that paired, or use "
                       "another profile",
                       pid, path);
    return err_set(err, ERR_BUSY, "the store is in use by another process (it holds %s)", path);
}

static int take(int fd, const char *path, bool *ret_unclean, struct err *err) {
    // Of the open file, not of the process: a second open in this process is refused as well.
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return refused(fd, path, err);
        return err_errno(err, errno, "the store's lock file %s cannot be locked", path);
    }
    *ret_unclean = read_pid(fd) > 0;
    write_pid(fd, (long)getpid());
    return 0;
}

int store_lock_take(const char *path, int *ret_fd, bool *ret_unclean, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "the store's lock file %s cannot be opened", path);
    int r = take(fd, path, ret_unclean, err);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

void store_lock_release(int fd, bool clean) {
    if (fd < 0)
        return;
    if (clean)
        write_pid(fd, 0);
    (void)close(fd);
}
