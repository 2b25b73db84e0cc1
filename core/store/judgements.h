// The router's latest choices, kept for "why this backend?" after the engine that made them has
// ended. Names and figures as JSON, no content; few, aged, erased with their workspace. Reading
// functions take a reader's connection, writing ones the writer's inside store_write. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/db/db.h"

enum {
    JUDGEMENTS_MAX = 128, // the newest ones
    JUDGEMENT_BYTES_MAX = 64 * 1024,
    JUDGEMENT_DAYS_MAX = 90
};

struct judgement {
    const char *id;
    int64_t at_ms;
    const char *workspace; // absolute path, "" none
    const char *value;     // JSON
    size_t bytes;
};

// One of the same id is replaced. ERR_LIMIT: longer than JUDGEMENT_BYTES_MAX.
int judgement_put(struct db *db, const struct judgement *j, struct err *err);
// Removes what is beyond JUDGEMENTS_MAX.
int judgements_trim(struct db *db, struct err *err);
int judgements_tidy(struct db *db, int64_t now_ms, struct err *err); // … and what is too old

// Appends the value of one ("": the newest) to `ret`, its workspace to `ret_workspace` (may be
// NULL): 1 found, 0 none.
int judgement_get(struct db *db, const char *id, struct buf *ret, struct buf *ret_workspace,
                  struct err *err);
// Which verdict on it the rates of checks have counted ("" none): appended; 1 found, 0 none.
int judgement_counted(struct db *db, const char *id, struct buf *ret, struct err *err);
int judgement_count(struct db *db, const char *id, const char *verdict, struct err *err);
// The newest first, without those whose id begins with `without` ("": all). Borrowed during the
// call; a return other than 0 stops it, a negative one is the result.
typedef int judgement_fn(void *ctx, const struct judgement *j, struct err *err);
int judgements_each(struct db *db, const char *without, judgement_fn *fn, void *ctx,
                    struct err *err);
