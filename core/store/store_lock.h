// One process owns a store: the wal-index lives in its memory. The lock is the kernel's, on an open
// file, so it ends with the process however that ends; the number written into the file only tells
// others whom to look for, and its presence at the next start that the last end was unclean.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>

// *ret_fd: to be given to store_lock_release. ERR_BUSY names the holder's process.
// *ret_unclean: the last holder ended without releasing.
int store_lock_take(const char *path, int *ret_fd, bool *ret_unclean, struct err *err);
void store_lock_release(int fd, bool clean); // false: the next holder is to check; accepts -1
