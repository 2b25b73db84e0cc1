// The notes of a scope, newest first, straight from the indexes by time and by label. For queries
// without text, and for scopes that filters make small.
#pragma once

#include "core/store/recall_pool.h"

struct walk;
// Gives up after passing over `steps` notes that filters keep out (0 = never).
int walk_open(struct db *db, const struct scope *scope, size_t steps, struct walk **ret,
              struct err *err);
// 1 a note that passes every filter, 0 the end, ERR_*.
int walk_next(struct walk *w, int64_t *ret_id, struct err *err);
bool walk_at_end(const struct walk *w); // false: gave up, or there is more
void walk_close(struct walk *w);        // accepts NULL

struct rank_state { // what filters look at
    int64_t id, created_ms, expires_ms;
    unsigned state;
};
bool rank_passes(const struct rank_state *s, const struct recall_query *q);
// Whether the note has both labels of the scope: 1, 0, ERR_*.
int scope_has_labels(struct db *db, const struct scope *scope, const struct rank_state *s,
                     struct err *err);
// Whether the query may see this note, by all its filters: 1, 0, ERR_*.
int scope_sees(struct db *db, const struct scope *scope, int64_t id, struct err *err);
