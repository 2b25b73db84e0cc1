// What is known of the checks that judge models' patches, for each workspace, check and model:
// runs, passes, and verdicts of the user as counts of right and wrong answers that passed or
// failed. Reading functions take a reader's connection, writing ones the writer's inside
// store_write. Any thread.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <stdbool.h>

enum {
    CHECK_RATES_MAX = 2048,         // rows; the one that changed first goes
    CHECK_RATES_VERDICTS_MAX = 1000 // of one check of a workspace; then all of them count half
};

struct check_rate {
    const char *workspace, *name, *model, *kind; // none is NULL
    int64_t runs, passes;
    double right_passed, right_failed, wrong_passed, wrong_failed;
};

// It ran once more: `workspace`, `name`, `model` and `kind` of `r` count.
int check_rates_ran(struct db *db, const struct check_rate *r, bool passed, int64_t now_ms,
                    struct err *err);
// An answer that it had passed or failed is right or wrong; `back`: that is no more so. A row that
// is not there is made (not: taken back from).
int check_rates_learn(struct db *db, const struct check_rate *r, bool passed, bool right, bool back,
                      int64_t now_ms, struct err *err);
// By workspace, check and model; `workspace` NULL: of all. Borrowed during the call; a negative
// return stops it.
typedef int check_rate_fn(void *ctx, const struct check_rate *r, struct err *err);
int check_rates_each(struct db *db, const char *workspace, check_rate_fn *fn, void *ctx,
                     struct err *err);
int check_rates_forget(struct db *db, struct err *err); // and what judgements say was counted
