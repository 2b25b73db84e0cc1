// blockers: branches that will conflict with each other or with the main line, and those that grow
// old.
#include "core/agents/vince.h"

#include "core/agents/marie.h"
#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 256, FILES_SHOWN = 5, OLD_DAYS = 14, BEHIND_MANY = 50 };

static const char *name_of(const struct branches *b, uint32_t i) {
    return i == BRANCHES_BASE ? b->base_name : b->list[i].name;
}

static void put_conflict(struct report *r, const struct branches *b,
                         const struct branch_conflict *x) {
    AUTO_BUF files = BUF_INIT(64 * 1024);
    json_t *list = json_array();
    for (uint32_t i = 0; i < x->file_count; i++) {
        (void)json_array_append_new(list, json_string(x->files[i]));
        if (i < FILES_SHOWN)
            (void)buf_printf(&files, "%s%s", i ? ", " : "", x->files[i]);
    }
    if (x->file_total > FILES_SHOWN)
        (void)buf_printf(&files, " and %u more", x->file_total - FILES_SHOWN);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:o, s:I}", "kind", "conflict", "a", name_of(b, x->a),
                          "b", name_of(b, x->b), "files", list, "file_count",
                          (json_int_t)x->file_total),
                "conflict: %s and %s, in %s", name_of(b, x->a), name_of(b, x->b),
                files.len ? files.data : "");
}

static void put_old(struct report *r, const struct branch *x, int64_t now) {
    long long idle = (long long)((now - x->time) / 86400);
    long long open = x->first ? (long long)((now - x->first) / 86400) : 0;
    bool far = x->compared && x->behind >= BEHIND_MANY;
    if (x->merged || x->head || (idle < OLD_DAYS && open < 2 * OLD_DAYS && !far))
        return;
    char ahead[64] = "";
    if (x->compared)
        (void)snprintf(ahead, sizeof ahead, ", %u ahead and %u behind", x->ahead, x->behind);
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "kind",
                          idle >= BRANCHES_STALE_DAYS ? "stale" : "old", "branch", x->name,
                          "idle_days", (json_int_t)idle, "open_days", (json_int_t)open, "ahead",
                          (json_int_t)x->ahead, "behind", (json_int_t)x->behind),
                "%s: %s, last commit %lld days ago%s",
                idle >= BRANCHES_STALE_DAYS ? "stale" : "old", x->name, idle, ahead);
}

static void put_title(struct report *r, const struct branches *b) {
    char open[64] = "";
    if (b->pairs_open)
        (void)snprintf(open, sizeof open, ", %u more being compared", b->pairs_open);
    uint32_t beside = b->count;
    for (uint32_t i = 0; i < b->count; i++)
        beside -= strcmp(b->list[i].name, b->base_name) == 0;
    report_title(r, "%u branches beside %s: %u pairs conflict of %u tried%s", beside, b->base_name,
                 b->conflict_count, b->pairs_tried, open);
}

int vince_blockers(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct blockers_input *in = input;
    char base[NAME_BYTES_MAX];
    struct workspace_past past = {0};
    struct branches *b = NULL;
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r < 0)
        return r;
    (void)snprintf(base, sizeof base, "%.*s", (int)in->base.len,
                   in->base.data ? in->base.data : "");
    int64_t now = call->now_ms / 1000;
    if (past.git)
        r = workspace_branches(call->ws, past.git, base[0] ? base : NULL, now, &b, err);
    if (r == 0 && b) {
        for (uint32_t i = 0; i < b->conflict_count; i++)
            put_conflict(report, b, &b->conflicts[i]);
        for (uint32_t i = 0; i < b->count; i++)
            put_old(report, &b->list[i], now);
        put_title(report, b);
        if (b->pairs_open)
            report_note(report,
                        "%u pairs of branches are still being compared: ask again in a moment",
                        b->pairs_open);
        if (b->pairs_left)
            report_note(report, "%u pairs of branches were not tried", b->pairs_left);
        if (!b->conflicts_known)
            report_note(report, "git is too old to try merges (2.38 is needed)");
    }
    if (r == 0) {
        report_nothing(report, "No branch is old or in conflict.");
        note_history(report, &past);
    }
    branches_free(b);
    workspace_past_done(&past);
    return r;
}
