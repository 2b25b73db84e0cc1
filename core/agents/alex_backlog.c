// backlog and digest: what is open, collected from the tree, the branches and the other agents.
#include "core/agents/alex.h"

#include "core/agents/marie.h"
#include "core/agents/reading.h"
#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, MARKS_MAX = 5000, FINDINGS_SHOWN = 10 };

// --- marked places -----------------------------------------------------------------------------

struct mark {
    uint32_t file, line;
    int64_t changed; // when its file was last changed, seconds; 0 = not known
    char text[READING_MARK_BYTES_MAX];
    unsigned same; // further ones that say the same
};

struct marks {
    struct mark *list;
    uint32_t count;
    bool cut;
};

static int by_age(const void *a, const void *b) {
    const struct mark *x = a, *y = b;
    if (x->changed != y->changed)
        return x->changed < y->changed ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static void merge_same(struct marks *m) {
    for (uint32_t i = 0; i < m->count; i++)
        for (uint32_t k = 0; k < i && m->list[i].text[0]; k++)
            if (strcmp(m->list[k].text, m->list[i].text) == 0 && strlen(m->list[k].text) > 8) {
                m->list[k].same++;
                m->list[i].text[0] = '\0';
            }
}

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

struct collecting {
    const struct snapshot *s;
    const struct workspace_past *past;
    const char *under;
    struct marks *marks;
};

static bool wanted(void *ctx, const struct snapshot_file *f) {
    const struct collecting *c = ctx;
    return f->facts && language_is_code(f->lang) && below(f->path, c->under) &&
           !(f->flags & (FILE_VENDORED | FILE_GENERATED));
}

static int take_marks(void *ctx, uint32_t file, const struct reading *reading, struct err *err) {
    struct collecting *c = ctx;
    struct marks *m = c->marks;
    struct wire w = reading_marks(reading);
    struct history_file known = {.last = 0};
    char full[2 * PATH_BYTES_MAX];
    (void)err;
    if (!reading->mark_count)
        return 0;
    (void)snprintf(full, sizeof full, "%s%s", c->past->prefix, snapshot_file(c->s, file)->path);
    int64_t at = history_find(c->past->history, full);
    if (at >= 0)
        history_file(c->past->history, (uint32_t)at, &known);
    for (uint32_t i = 0; i < reading->mark_count; i++) {
        struct reading_mark one;
        reading_next_mark(&w, &one);
        if (m->count == MARKS_MAX) {
            m->cut = true;
            break;
        }
        struct mark *x = &m->list[m->count++];
        *x = (struct mark){.file = file, .line = one.line, .changed = known.last};
        (void)snprintf(x->text, sizeof x->text, "%s", one.text);
    }
    return 0;
}

static int collect(struct agent_call *call, struct collecting *c, struct err *err) {
    struct marks *m = c->marks;
    m->list = mem_alloc(MARKS_MAX * sizeof *m->list);
    if (!m->list)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = reading_each(call, c->s, wanted, take_marks, c, err);
    if (r < 0)
        return r;
    if (m->count)
        qsort(m->list, m->count, sizeof *m->list, by_age);
    merge_same(m);
    return 0;
}

static void put_marks(struct report *r, const struct snapshot *s, const struct marks *m,
                      int64_t now) {
    bool any = false;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct mark *x = &m->list[i];
        char age[64] = "", more[48] = "";
        if (!x->text[0])
            continue;
        if (!any)
            report_group(r, "## Marked in the source, those longest untouched first");
        any = true;
        if (x->changed)
            (void)snprintf(age, sizeof age, ", file untouched for %lld days",
                           (long long)((now - x->changed) / 86400));
        if (x->same)
            (void)snprintf(more, sizeof more, " (and %u times more)", x->same);
        report_item(r,
                    json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "kind", "mark", "path",
                              snapshot_file(s, x->file)->path, "line", (json_int_t)x->line, "text",
                              x->text, "untouched_since", (json_int_t)x->changed, "same",
                              (json_int_t)x->same),
                    "%s:%u %s%s%s", snapshot_file(s, x->file)->path, x->line, x->text, more, age);
    }
}

// --- what the others know ----------------------------------------------------------------------

static void put_findings(struct agent_call *call, const char *under, struct report *r) {
    json_t *answer = NULL;
    json_t *arguments = under ? json_pack("{s:s}", "path", under) : json_object();
    size_t i;
    const json_t *item;
    struct err why = {0};
    if (agent_ask(call, "review_tree", arguments, &answer, &why) < 0)
        report_note(r, "open findings are not known: %s", err_text(&why));
    const json_t *items = json_object_get(answer, "items");
    if (json_array_size(items))
        report_group(r, "## Findings, %zu open", json_array_size(items));
    json_array_foreach(items, i, item) {
        if (i == FINDINGS_SHOWN)
            break;
        report_item(r, json_pack("{s:s, s:O}", "kind", "finding", "finding", item),
                    "%s:%lld %s: %s", json_string_value(json_object_get(item, "path")),
                    (long long)json_integer_value(json_object_get(item, "line")),
                    json_string_value(json_object_get(item, "rule")),
                    json_string_value(json_object_get(item, "message")));
    }
    if (json_array_size(items) > FINDINGS_SHOWN)
        report_note(r, "the first %d of %zu findings are shown: see review_tree", FINDINGS_SHOWN,
                    json_array_size(items));
    json_decref(answer);
    json_decref(arguments);
}

static void put_branches(struct agent_call *call, const struct workspace_past *past,
                         struct report *r) {
    struct branches_want want = {.now = call->now_ms / 1000, .known = workspace_derived(call->ws)};
    struct branches *b = NULL;
    bool any = false;
    if (!past->git || branches_read(past->git, &want, &b, NULL) < 0)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct branch *x = &b->list[i];
        long long idle = (long long)((want.now - x->time) / 86400);
        if (x->merged || x->head || idle < BRANCHES_STALE_DAYS)
            continue;
        if (!any)
            report_group(r, "## Branches nobody has touched for %d days", BRANCHES_STALE_DAYS);
        any = true;
        report_item(r,
                    json_pack("{s:s, s:s, s:I}", "kind", "branch", "branch", x->name, "idle_days",
                              (json_int_t)idle),
                    "%s, last commit %lld days ago", x->name, idle);
    }
    branches_free(b);
}

// How long things take here, as a range: from commits that landed.
static void put_effort(struct agent_call *call, const struct workspace_past *past,
                       struct report *r) {
    struct history_flow *f = mem_zalloc(sizeof *f);
    uint32_t count = 0;
    int64_t now = call->now_ms / 1000;
    if (f &&
        history_flow(past->history, now - 26 * 7 * 86400, now, f, NULL, 0, &count, NULL) == 0 &&
        f->landings >= 10)
        report_set(r, "effort",
                   json_pack("{s:f, s:f, s:I}", "median_days", (double)f->lead_median / 86400,
                             "p85_days", (double)f->lead_p85 / 86400, "landings",
                             (json_int_t)f->landings));
    if (f && f->landings >= 10)
        report_note(r,
                    "effort: what landed here in the last half year took %.1f to %.1f days from "
                    "first commit (median to 85%%); single items are not estimated",
                    (double)f->lead_median / 86400, (double)f->lead_p85 / 86400);
    mem_free(f);
}

int alex_backlog(struct agent_call *call, const void *input, struct report *report,
                 struct err *err) {
    const struct backlog_input *in = input;
    char path[PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    struct workspace_past past = {0};
    struct snapshot *s = NULL;
    struct marks m = {0};
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = collect(call, &(struct collecting){s, &past, under, &m}, err);
    if (r == 0) {
        put_findings(call, under, report);
        put_branches(call, &past, report);
        put_marks(report, s, &m, call->now_ms / 1000);
        put_effort(call, &past, report);
        report_title(report, "%u open items", report_count(report));
        report_nothing(report, "Nothing is marked, found or left behind.");
        if (m.cut)
            report_note(report, "more than %d marks: the rest is left out", MARKS_MAX);
        note_history(report, &past);
        agent_note_limits(report, s);
    }
    mem_free(m.list);
    workspace_past_done(&past);
    snapshot_put(s);
    return r;
}

// --- digest ------------------------------------------------------------------------------------

// One line from another agent's answer: its title.
static void put_title_of(struct agent_call *call, struct report *r, const char *capability,
                         json_t *arguments) {
    json_t *answer = NULL;
    struct err why = {0};
    int code = agent_ask(call, capability, arguments, &answer, &why);
    const char *title = json_string_value(json_object_get(answer, "title"));
    if (code < 0)
        report_note(r, "%s: %s", capability, err_text(&why));
    else
        report_item(r,
                    json_pack("{s:s, s:s, s:O}", "of", capability, "title", title ? title : "",
                              "total", json_object_get(answer, "total")),
                    "%s: %s", capability, title ? title : "");
    json_decref(answer);
    json_decref(arguments);
}

int alex_digest(struct agent_call *call, const void *input, struct report *report,
                struct err *err) {
    struct workspace_past past = {0};
    (void)input;
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r < 0)
        return r;
    const char *branch = past.git ? git_branch(past.git) : NULL;
    report_title(report, "How things stand%s%s", branch ? " on " : "", branch ? branch : "");
    put_title_of(call, report, "review", json_object());
    put_title_of(call, report, "review_tree", json_object());
    put_title_of(call, report, "graph", json_object());
    put_title_of(call, report, "metrics", json_object());
    put_title_of(call, report, "flow", json_pack("{s:i}", "weeks", 4));
    put_title_of(call, report, "blockers", json_object());
    put_title_of(call, report, "backlog", json_object());
    note_history(report, &past);
    workspace_past_done(&past);
    return agent_cancelled(call) ? err_set(err, ERR_CANCELLED, "cancelled") : 0;
}
