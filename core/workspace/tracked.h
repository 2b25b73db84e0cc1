// The paths that git tracks, read from .git/index: a tracked file counts although a rule ignores
// it. Immutable; any thread. Pure: bytes in, set out.
//
// Source: gitformat-index(5), versions 2 to 4, object names of 20 and 32 bytes. Split indexes
// (extension "link") are not read.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRACKED_FILE_BYTES_MAX = 128 * 1024 * 1024,
    TRACKED_PATHS_MAX = 1000000,
    TRACKED_PATH_BYTES_MAX = 4096
};

struct tracked;

// ERR_PARSE: not an index, or damaged; ERR_UNSUPPORTED: a split one; ERR_LIMIT, ERR_NOMEM.
int tracked_parse(const void *bytes, size_t n, struct tracked **ret, struct err *err);
void tracked_free(struct tracked *t); // accepts NULL
uint32_t tracked_count(const struct tracked *t);
const char *tracked_path(const struct tracked *t, uint32_t i); // sorted by bytes
bool tracked_has(const struct tracked *t, const char *path, size_t n);
// Something below this folder is tracked.
bool tracked_below(const struct tracked *t, const char *folder, size_t n);
