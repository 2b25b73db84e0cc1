// Which ids of two sets are not in both, for bytes in proportion to the difference: a rateless
// invertible Bloom lookup table. One side sends cells of its table, one after the other, until the
// other, having subtracted its own, can solve them; nobody guesses the difference beforehand.
// Source: Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation" (SIGCOMM 2024).
//
// A table is kept with its set and answers any session: each cell holds, beside the XOR of the ids,
// the XOR of a 128-bit hash of each (SipHash-x-2-4, keyed by the scope). On the wire a cell has 8
// bytes of check: that hash sum under a linear map drawn from the session's key, which differs from
// session to session and is never sent. Whoever crafts ids cannot know which sums will pass for
// one; with ids chosen to land in the same cells a difference takes more cells or is not solved at
// all, and sync falls back to lists. One owner thread; no I/O, no clock.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RIBLT_ID_BYTES = 16,      // the first of a record's id
    RIBLT_KEY_BYTES = 32,     // of a session
    RIBLT_CELLS_MAX = 4096,   // of a table; solves about 2,900 differences
    RIBLT_FIRST_CELLS = 32,   // sent unasked: solves about 15
    RIBLT_CELL_BYTES_MAX = 34 // on the wire; 25 or 26 as a rule
};

struct riblt;                                     // the table of one set, 160 KB
struct riblt *riblt_new(const uint8_t scope[16]); // NULL when out of memory
void riblt_free(struct riblt *t);                 // accepts NULL
void riblt_add(struct riblt *t, const uint8_t id[RIBLT_ID_BYTES]);
void riblt_remove(struct riblt *t, const uint8_t id[RIBLT_ID_BYTES]); // one that was added
uint64_t riblt_count(const struct riblt *t);

// The map of one session; about 33 KB.
struct riblt_check {
    uint64_t map[RIBLT_ID_BYTES][256];
};
void riblt_check_init(struct riblt_check *c, const uint8_t key[RIBLT_KEY_BYTES]);
// 8 bytes that are equal for equal sets (and else with 2^-64), for the question "are we in sync".
uint64_t riblt_digest(const struct riblt *t, const struct riblt_check *c);

// Appends cells [from, from + n) as they go over the wire: id sum, check, and the count less what
// is expected of a set of riblt_count, zigzag, in a varint. ERR_NOMEM, ERR_LIMIT (behind the last
// cell).
int riblt_write(const struct riblt *t, const struct riblt_check *c, uint32_t from, uint32_t n,
                struct buf *out);

// A difference being solved: the other's cells less ours.
struct riblt_diff;
// `mine` and `c` are borrowed until riblt_diff_free; `mine` must not change meanwhile (copy it with
// riblt_copy). NULL when out of memory.
struct riblt_diff *riblt_diff_new(const struct riblt *mine, const struct riblt_check *c,
                                  uint64_t their_count);
void riblt_diff_free(struct riblt_diff *d); // accepts NULL
struct riblt *riblt_copy(const struct riblt *t);
// The next `n` cells of the other side; all of `bytes`. ERR_PARSE (not `n` canonical cells),
// ERR_LIMIT (over RIBLT_CELLS_MAX), ERR_NOMEM; the difference is unusable then.
int riblt_diff_feed(struct riblt_diff *d, const uint8_t *bytes, size_t bytes_n, uint32_t n,
                    struct err *err);
// 1 solved; 0 more cells are needed; ERR_CORRUPT: no number of cells will solve it (an id was
// crafted, or the other side's cells are of no set), ERR_NOMEM.
int riblt_diff_solve(struct riblt_diff *d, struct err *err);
uint32_t riblt_diff_cells(const struct riblt_diff *d);
// About how many ids differ, from the cells so far, within a quarter as a rule.
uint64_t riblt_diff_estimate(const struct riblt_diff *d);
// What was solved so far, in ascending order once solved; borrowed, RIBLT_ID_BYTES each.
const uint8_t *riblt_diff_theirs(const struct riblt_diff *d, size_t *ret_n); // we lack them
const uint8_t *riblt_diff_ours(const struct riblt_diff *d, size_t *ret_n);   // they lack them
