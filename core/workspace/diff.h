// What a unified diff says, by file and line: git's (with renames, modes, quoted names) or plain
// `diff -u`. Bytes in, values out; no I/O; any thread. The text is untrusted: a caller's, a peer's.
//
// Hunks are exact: runs of changed lines without context, whatever context the text has.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DIFF_BYTES_MAX = 64 * 1024 * 1024,
    DIFF_FILES_MAX = 50000,
    DIFF_HUNKS_MAX = 1000000,
    DIFF_LINE_MAX = 0x3FFFFFFF // line numbers
};

struct diff_hunk {
    // From 1. With a count of 0 nothing stands on that side, and start is the line before.
    uint32_t old_start, old_count;
    uint32_t new_start, new_count;
    const char *text; // the lines with their '-' and '+', as they stand; borrowed from the diff
    uint32_t text_bytes;
};

enum diff_status {
    DIFF_MODIFIED = 'M',
    DIFF_ADDED = 'A',
    DIFF_DELETED = 'D',
    DIFF_RENAMED = 'R', // perhaps with changes
    DIFF_COPIED = 'C',
    DIFF_TYPE = 'T',    // a file became a link or the reverse
    DIFF_UNMERGED = 'U' // in conflict; no hunks
};

struct diff_file {
    const char *old_path;        // NULL: added
    const char *new_path;        // NULL: deleted
    uint8_t status;              // enum diff_status
    bool binary;                 // changed, but by no lines
    bool untracked;              // new and not in the index (git_diff only)
    uint32_t old_mode, new_mode; // 0: the text does not say
    const char *old_id, *new_id; // of the contents, as the text says them: hexadecimal; or NULL
    uint32_t first_hunk, hunk_count;
    uint32_t added, removed; // lines
};

struct diff {
    struct diff_file *files; // in the order of the text
    uint32_t file_count;
    struct diff_hunk *hunks;
    uint32_t hunk_count;
    bool partial; // git_diff: new files beyond its limits were left out
};

// Empty text is an empty diff. ERR_PARSE: no unified diff (with the line), a combined one ("@@@"),
// a hunk that does not hold what its head says; ERR_LIMIT, ERR_NOMEM. Copies.
int diff_parse(const char *text, size_t n, struct diff **ret, struct err *err);
void diff_free(struct diff *d); // accepts NULL

// The file whose new path (or, if it is gone, old path) this is; NULL.
const struct diff_file *diff_find(const struct diff *d, const char *path);
// Does [first, last] of the new file, lines from 1, touch a change? A deletion touches the lines
// on both of its sides.
bool diff_touches(const struct diff *d, const struct diff_file *f, uint32_t first, uint32_t last);
