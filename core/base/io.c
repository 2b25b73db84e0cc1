#include "core/base/io.h"

#include <errno.h>
#include <unistd.h>

int io_read_all(int fd, struct buf *out) {
    char chunk[16 * 1024];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        int r = buf_append(out, chunk, (size_t)n);
        if (r < 0)
            return r == ERR_LIMIT ? -EFBIG : -ENOMEM;
    }
}

int io_write_all(int fd, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        at += put;
        n -= (size_t)put;
    }
    return 0;
}
