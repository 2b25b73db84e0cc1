// hotspots, coupling, owners: what the history says of files. Of the system, never of people.
#include "core/agents/marie.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 500, PATH_BYTES_MAX = 4096, FOLDERS_MAX = 400 };

uint32_t file_complexity(const struct facts *f) {
    uint32_t sum = 0;
    for (uint32_t i = 0; f && i < f->symbol_count; i++)
        sum += facts_symbol(f, i)->cognitive;
    return sum;
}

void note_history(struct report *r, const struct workspace_past *past) {
    const char *note;
    if (past->why[0])
        report_note(r, "no history: %s", past->why);
    for (unsigned i = 0; (note = history_note(past->history, i)); i++)
        report_note(r, "%s", note);
    for (unsigned i = 0; past->git && (note = git_note(past->git, i)); i++)
        report_note(r, "%s", note);
}

static bool is_below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

struct looking {
    const struct snapshot *s;
    const struct workspace_past *past;
    const char *under;
};

static double complexity_of(void *ctx, const char *path) {
    const struct looking *l = ctx;
    const char *below = workspace_below(l->past, path);
    int64_t at =
        below && is_below(below, l->under) ? snapshot_find(l->s, below, strlen(below)) : -1;
    const struct snapshot_file *f = at < 0 ? NULL : snapshot_file(l->s, (uint32_t)at);
    if (!f || !f->facts || !language_is_code(f->lang) ||
        (f->flags & (FILE_VENDORED | FILE_GENERATED)))
        return 0;
    return file_complexity(f->facts);
}

static void put_hotspot(struct report *r, const struct workspace_past *past,
                        const struct history_hotspot *x) {
    struct history_file f;
    history_file(past->history, x->file, &f);
    const char *path = workspace_below(past, f.path);
    report_item(r,
                json_pack("{s:s, s:f, s:I, s:I, s:f, s:f}", "path", path, "score", (double)x->score,
                          "commits", (json_int_t)x->commits, "fixes", (json_int_t)f.fixes, "churn",
                          (double)x->churn, "complexity", x->complexity),
                "%s: %.2f; %u commit%s (%u fix%s), recent churn %.1f, cognitive complexity %.0f",
                path, (double)x->score, x->commits, x->commits == 1 ? "" : "s", f.fixes,
                f.fixes == 1 ? "" : "es", (double)x->churn, x->complexity);
}

int marie_hotspots(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct hotspots_input *in = input;
    char path[PATH_BYTES_MAX];
    struct workspace_past past = {0};
    struct snapshot *s = NULL;
    uint32_t count = 0, limit = in->limit ? (uint32_t)in->limit : 10;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    struct history_hotspot *list = mem_alloc(LIST_MAX * sizeof *list);
    if (r == 0 && !list)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        struct looking l = {s, &past, agent_path(in->path, path, sizeof path)};
        r = history_hotspots(past.history, call->now_ms / 1000, complexity_of, &l, list,
                             limit < LIST_MAX ? limit : LIST_MAX, &count, err);
    }
    for (uint32_t i = 0; r == 0 && i < count; i++)
        put_hotspot(report, &past, &list[i]);
    if (r == 0) {
        report_title(report, "Hotspots: churn of the last months × complexity, over %u commits",
                     history_commit_count(past.history));
        report_nothing(report, "No file is both complex and changed.");
        note_history(report, &past);
        agent_note_limits(report, s);
    }
    mem_free(list);
    workspace_past_done(&past);
    snapshot_put(s);
    return r;
}

// --- coupling ----------------------------------------------------------------------------------

static void put_pair(struct report *r, const struct workspace_past *past,
                     const struct history_pair *x) {
    struct history_file a, b;
    history_file(past->history, x->a, &a);
    history_file(past->history, x->b, &b);
    const char *pa = workspace_below(past, a.path), *pb = workspace_below(past, b.path);
    pa = pa ? pa : a.path;
    pb = pb ? pb : b.path;
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:f, s:f}", "a", pa, "b", pb, "together",
                          (json_int_t)x->support, "a_to_b", (double)x->a_to_b, "b_to_a",
                          (double)x->b_to_a),
                "%s ↔ %s: %u commits together; %.0f%% of %u, %.0f%% of %u", pa, pb, x->support,
                100.0 * (double)x->a_to_b, x->a_commits, 100.0 * (double)x->b_to_a, x->b_commits);
}

int marie_coupling(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct coupling_input *in = input;
    char path[PATH_BYTES_MAX], full[2 * PATH_BYTES_MAX];
    struct workspace_past past = {0};
    uint32_t count = 0, total = 0, limit = in->limit ? (uint32_t)in->limit : 20;
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    struct history_pair *list = mem_alloc(LIST_MAX * sizeof *list);
    if (r == 0 && !list)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        const char *under = agent_path(in->path, path, sizeof path);
        struct history_coupling_want want = {.path = NULL};
        (void)snprintf(full, sizeof full, "%s%s", past.prefix, under ? under : "");
        if (full[0] && history_find(past.history, full) < 0 && full[strlen(full) - 1] != '/')
            (void)snprintf(full, sizeof full, "%s%s/", past.prefix, under ? under : ""); // a folder
        want.path = full[0] ? full : NULL;
        r = history_coupling(past.history, &want, list, limit < LIST_MAX ? limit : LIST_MAX, &count,
                             &total, err);
    }
    for (uint32_t i = 0; r == 0 && i < count; i++)
        put_pair(report, &past, &list[i]);
    if (r == 0) {
        report_title(report, "%u pairs change together in half or more of the commits of one",
                     total);
        report_nothing(report, "No two files change together often enough to say so.");
        note_history(report, &past);
    }
    mem_free(list);
    workspace_past_done(&past);
    return r;
}

// --- owners ------------------------------------------------------------------------------------

static void put_owner(struct report *r, const struct workspace_past *past, const char *path,
                      const struct history_owners *o, bool names, int64_t now) {
    const char *main_name =
        names && o->share_count ? history_author(past->history, o->shares[0].author, NULL) : NULL;
    long long days = (long long)((now - o->main_last) / 86400);
    json_t *item =
        json_pack("{s:s, s:I, s:I, s:I, s:f, s:I}", "path", path, "commits", (json_int_t)o->commits,
                  "authors", (json_int_t)o->authors, "bus_factor", (json_int_t)o->bus_factor,
                  "main_share", (double)o->main_share, "main_idle_days", (json_int_t)days);
    if (main_name)
        (void)json_object_set_new(item, "main", json_string(main_name));
    report_item(
        r, item,
        "%s: bus factor %u of %u authors; the main one%s%s%s has %.0f%% of the recent work, "
        "last %lld days ago",
        path, o->bus_factor, o->authors, main_name ? " (" : "", main_name ? main_name : "",
        main_name ? ")" : "", 100.0 * (double)o->main_share, days < 0 ? 0 : days);
}

// The folders right below `under`, of files that are there.
static uint32_t folders_below(const struct snapshot *s, const char *under,
                              char (*ret)[PATH_BYTES_MAX], uint32_t max) {
    uint32_t count = 0;
    size_t n = under ? strlen(under) + 1 : 0;
    for (uint32_t i = 0; i < snapshot_count(s) && count < max; i++) {
        const char *path = snapshot_file(s, i)->path;
        if (!is_below(path, under) || (n && path[n - 1] != '/'))
            continue;
        const char *slash = strchr(path + n, '/');
        size_t bytes = slash ? (size_t)(slash - path) : 0;
        if (!slash || bytes >= PATH_BYTES_MAX)
            continue;
        bool known = false;
        for (uint32_t k = 0; k < count && !known; k++)
            known = strncmp(ret[k], path, bytes) == 0 && ret[k][bytes] == '\0';
        if (known)
            continue;
        memcpy(ret[count], path, bytes);
        ret[count++][bytes] = '\0';
    }
    return count;
}

static int put_owners(struct agent_call *call, const struct owners_input *in,
                      const struct workspace_past *past, const struct snapshot *s,
                      struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX], full[2 * PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    int64_t now = call->now_ms / 1000;
    struct history_owners o;
    char(*folders)[PATH_BYTES_MAX] = mem_alloc(FOLDERS_MAX * sizeof *folders);
    if (!folders)
        return err_set(err, ERR_NOMEM, "out of memory");
    bool file = under && snapshot_find(s, under, strlen(under)) >= 0;
    (void)snprintf(full, sizeof full, "%s%s%s", past->prefix, under ? under : "",
                   under && !file ? "/" : "");
    if (history_owners(past->history, full, now, &o, NULL) == 0)
        put_owner(report, past, under ? under : ".", &o, in->names, now);
    uint32_t count = file ? 0 : folders_below(s, under, folders, FOLDERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(full, sizeof full, "%s%s/", past->prefix, folders[i]);
        if (history_owners(past->history, full, now, &o, NULL) == 0)
            put_owner(report, past, folders[i], &o, in->names, now);
    }
    mem_free(folders);
    return 0;
}

int marie_owners(struct agent_call *call, const void *input, struct report *report,
                 struct err *err) {
    const struct owners_input *in = input;
    struct workspace_past past = {0};
    struct snapshot *s = NULL;
    int r = agent_snapshot(call, TIER_LEXICAL, &s, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = put_owners(call, in, &past, s, report, err);
    if (r == 0) {
        report_title(report, "Who would be missed, by folder; bus factor: the fewest authors with "
                             "half of the recent work");
        report_nothing(report, "No commit changed it.");
        if (!in->names)
            report_note(report, "names are left out unless asked for (names=true)");
        note_history(report, &past);
    }
    workspace_past_done(&past);
    snapshot_put(s);
    return r;
}
