// What may be spent for one workspace, and what was.
#include "core/base/mem.h"
#include "core/store/budgets.h"
#include "core/store/usage.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"

#include <string.h>

enum { SHOWN_MAX = 100 };

const struct field budget_fields[] = {
    {.name = "workspace",
     .type = FIELD_STRING,
     .offset = offsetof(struct budget_input, workspace),
     .min = 1,
     .max = USAGE_PATH_BYTES_MAX},
    {.name = "set_day", .type = FIELD_BOOL, .offset = offsetof(struct budget_input, set_day)},
    {.name = "set_month", .type = FIELD_BOOL, .offset = offsetof(struct budget_input, set_month)},
    {.name = "day",
     .type = FIELD_INT,
     .offset = offsetof(struct budget_input, day),
     .min = 0,
     .max = BUDGET_MAX},
    {.name = "month",
     .type = FIELD_INT,
     .offset = offsetof(struct budget_input, month),
     .min = 0,
     .max = BUDGET_MAX},
    {0},
};

static json_t *period_json(int64_t spent, int64_t limit) {
    return json_pack("{sI sI sI}", "spent_microusd", (json_int_t)spent, "limit_microusd",
                     (json_int_t)limit, "percent",
                     (json_int_t)(limit ? (double)spent * 100 / (double)limit : 0));
}

static int describe(struct db *db, const char *workspace, const struct budget *b, int64_t now_ms,
                    json_t **ret, struct err *err) {
    struct usage_sum day = {0}, month = {0};
    int r = usage_total_of(db, workspace, now_ms, now_ms, &day, err);
    if (r == 0)
        r = usage_total_of(db, workspace, usage_month_start(now_ms), now_ms, &month, err);
    if (r < 0)
        return r;
    bool over = (b->day && day.cost >= b->day) || (b->month && month.cost >= b->month);
    *ret = json_pack("{ss so so sb}", "workspace", workspace, "day", period_json(day.cost, b->day),
                     "month", period_json(month.cost, b->month), "over", over);
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- setting

struct change {
    const struct budget_input *in;
    const char *workspace;
    int64_t now_ms;
};

static int set_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct change *c = ctx;
    struct budget b;
    (void)result;
    int r = budget_get(db, c->workspace, &b, err);
    if (r < 0)
        return r;
    if (c->in->set_day)
        b.day = c->in->day;
    if (c->in->set_month)
        b.month = c->in->month;
    return budget_set(db, c->workspace, &b, c->now_ms, err);
}

static int set(struct call *call, struct store *s, const struct budget_input *in,
               const char *workspace, struct err *err) {
    struct change c = {.in = in, .workspace = workspace, .now_ms = call->now_ms};
    struct origin origin = models_origin(call);
    int r = store_write(s, &origin, set_in, &c, NULL, NULL, err);
    if (r >= 0)
        consent_changed(s); // plans that were made with the old one are made anew
    return r;
}

// --- showing

struct listing {
    struct db *db;
    int64_t now_ms;
    json_t *list;
};

static int note(void *ctx, const char *workspace, const struct budget *b, struct err *err) {
    struct listing *l = ctx;
    json_t *one = NULL;
    if (json_array_size(l->list) >= SHOWN_MAX)
        return 0;
    int r = describe(l->db, workspace, b, l->now_ms, &one, err);
    if (r == 0 && json_array_append_new(l->list, one) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    return r;
}

static int show(struct db *db, const char *workspace, int64_t now_ms, json_t **ret,
                struct err *err) {
    struct budget b;
    if (workspace) {
        int r = budget_get(db, workspace, &b, err);
        return r < 0 ? r : describe(db, workspace, &b, now_ms, ret, err);
    }
    struct listing l = {.db = db, .now_ms = now_ms, .list = json_array()};
    int r = l.list ? budget_each(db, note, &l, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(l.list);
        return r;
    }
    *ret = json_pack("{so}", "workspaces", l.list);
    return 0;
}

int models_budget(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct budget_input *in = input;
    AUTO_FREE char *workspace =
        in->workspace.data ? mem_strndup(in->workspace.data, in->workspace.len) : NULL;
    struct store *s;
    struct db *db;
    json_t *found = NULL;
    if (in->workspace.data && !workspace)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r;
    if (in->set_day || in->set_month) {
        s = admin_store(call, &r, err);
        if (s && !workspace)
            r = err_set(err, ERR_INVAL, "workspace: missing");
        else if (s)
            r = set(call, s, in, workspace, err);
        if (r < 0)
            return r;
    }
    r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    r = show(db, workspace, call->now_ms, &found, err);
    store_reader_put(s, db);
    return r < 0 ? r : admin_answer(answer, found, err);
}
