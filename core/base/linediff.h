// Which lines of a text became which lines of another: for texts git does not know (an editor's
// unsaved one). Any thread; no I/O.
// Source: Myers, "An O(ND) difference algorithm and its variations" (1986), after common ends are
// cut off; where that would need too many differences, lines that stand once on both sides cut the
// texts into parts first (Cohen's patience diff), and a part still too different is one
// replacement.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINEDIFF_BYTES_MAX = 64 * 1024 * 1024, // per side
    LINEDIFF_LINES_MAX = 2000000,          // per side
    LINEDIFF_COST_MAX = 1024               // differences of one part
};

struct line_change {
    uint32_t old_start, old_count; // lines from 0
    uint32_t new_start, new_count;
};

struct linediff {
    struct line_change *changes; // in order, apart by at least one equal line
    uint32_t count;
    uint32_t old_lines, new_lines;
    bool exact; // false: right, but perhaps not the shortest
};

// A line ends after '\n'; a last one without it is another line than the same with it. ERR_LIMIT,
// ERR_NOMEM.
int linediff(const char *a, size_t a_bytes, const char *b, size_t b_bytes, struct linediff *ret,
             struct err *err);
void linediff_done(struct linediff *d);
