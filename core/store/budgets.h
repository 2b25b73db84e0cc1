// What may be spent on models for one workspace, in millionths of a US dollar. The limits for all
// workspaces together are settings (models.budget_day_usd, …). Reading functions take a reader's
// connection, writing ones the writer's inside store_write. Erased with the workspace; in no
// export, as settings are not. Any thread.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <stdint.h>

enum { BUDGETS_MAX = 1000 };     // workspaces that have one
#define BUDGET_MAX 1000000000000 // a million dollars

struct budget {
    int64_t day, month; // 0 no limit
};
// {0, 0} when there is none.
int budget_get(struct db *db, const char *workspace, struct budget *ret, struct err *err);
// {0, 0} removes it. ERR_INVAL: below 0 or above BUDGET_MAX; ERR_LIMIT: too many workspaces.
int budget_set(struct db *db, const char *workspace, const struct budget *b, int64_t now_ms,
               struct err *err);
// `workspace` is borrowed during the call. By path. A negative return stops it.
typedef int budget_fn(void *ctx, const char *workspace, const struct budget *b, struct err *err);
int budget_each(struct db *db, budget_fn *fn, void *ctx, struct err *err);
