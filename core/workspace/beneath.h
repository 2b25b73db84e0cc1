// Opening files and folders below a root, never through a symbolic link and never outside of it,
// whatever somebody turns the tree into meanwhile: openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS, or part by part with O_NOFOLLOW where the kernel has no openat2. Any thread.
#pragma once

#include "core/base/buf.h"

// `path` is relative to the root; "" is the root itself. A descriptor (close-on-exec), or -errno.
int beneath_open(int root_fd, const char *path, int flags);
// The first `max` bytes of a regular file instead of what `ret` holds. 0 or -errno.
int beneath_read(int root_fd, const char *path, size_t max, struct buf *ret);
