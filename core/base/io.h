// Whole reads and writes of descriptors that block (files, pipes, stdin): short counts and
// interrupting signals are dealt with here. Any thread; nothing is opened or closed.
#pragma once

#include "core/base/buf.h"

// Appends everything up to the end. 0; -errno of read(); -EFBIG when it is more than `out` may
// hold; -ENOMEM. What was read before a failure is in `out`.
int io_read_all(int fd, struct buf *out);

// 0, or -errno; -EIO when nothing can be written and the system does not say why.
int io_write_all(int fd, const void *bytes, size_t n);
