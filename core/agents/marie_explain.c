// explain: where a number comes from, commit by commit or function by function, so that anybody can
// count it again.
#include "core/agents/marie.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATH_BYTES_MAX = 4096, SHORT_ID = 10 };

static void put_commit(struct report *r, const struct history *h, uint32_t i, double weight) {
    struct history_commit c;
    char date[16] = "";
    struct tm tm;
    history_commit(h, i, &c);
    time_t t = (time_t)c.time;
    if (gmtime_r(&t, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%d", &tm);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:f, s:I}", "commit", c.id, "date", date, "subject",
                          c.subject, "weight", weight, "files", (json_int_t)c.file_count),
                "%.*s %s weight %.2f, %u files: %s", SHORT_ID, c.id, date, weight, c.file_count,
                c.subject);
}

static double weight_at(const struct history *h, uint32_t i, int64_t now) {
    struct history_commit c;
    history_commit(h, i, &c);
    double age = now > c.time ? (double)(now - c.time) / 86400.0 : 0;
    return exp2(-age / HISTORY_HALF_LIFE_DAYS);
}

static double put_churn(struct report *r, const struct history *h, uint32_t file, int64_t now) {
    double sum = 0;
    uint32_t commit;
    for (uint32_t k = 0; (commit = history_file_commit(h, file, k)) != HISTORY_NONE; k++) {
        double w = weight_at(h, commit, now);
        sum += w;
        put_commit(r, h, commit, w);
    }
    return sum;
}

static bool changed(const struct history *h, uint32_t file, uint32_t commit) {
    uint32_t at;
    for (uint32_t k = 0; (at = history_file_commit(h, file, k)) != HISTORY_NONE; k++)
        if (at == commit)
            return true;
    return false;
}

static void put_coupling(struct report *r, const struct history *h, uint32_t a, uint32_t b,
                         int64_t now) {
    uint32_t commit, together = 0, of = 0;
    for (uint32_t k = 0; (commit = history_file_commit(h, a, k)) != HISTORY_NONE; k++) {
        of++;
        if (!changed(h, b, commit))
            continue;
        together++;
        put_commit(r, h, commit, weight_at(h, commit, now));
    }
    report_title(r,
                 "%u of the %u commits to the first changed both; larger ones than %d files count "
                 "less in coupling",
                 together, of, HISTORY_COUPLED_FILES_MAX);
}

static void put_functions(struct report *r, const struct snapshot *s, const char *path) {
    int64_t at = snapshot_find(s, path, strlen(path));
    const struct facts *f = at < 0 ? NULL : snapshot_file(s, (uint32_t)at)->facts;
    uint32_t sum = file_complexity(f);
    for (uint32_t i = 0; f && i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if (!y->cyclomatic)
            continue;
        report_item(r,
                    json_pack("{s:s, s:I, s:i, s:i}", "symbol", facts_text(f, y->name), "line",
                              (json_int_t)y->line, "cognitive", (int)y->cognitive, "cyclomatic",
                              (int)y->cyclomatic),
                    "%s:%u %s: cognitive %u, cyclomatic %u", path, y->line, facts_text(f, y->name),
                    y->cognitive, y->cyclomatic);
    }
    report_title(r, "%s: cognitive complexity %u = the sum over its functions", path, sum);
}

static int find_file(const struct workspace_past *past, struct text name, const char *argument,
                     uint32_t *ret, struct err *err) {
    char path[PATH_BYTES_MAX], full[2 * PATH_BYTES_MAX];
    const char *clean = agent_path(name, path, sizeof path);
    (void)snprintf(full, sizeof full, "%s%s", past->prefix, clean ? clean : "");
    int64_t at = clean ? history_find(past->history, full) : -1;
    if (at < 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no commit that was read changed %.*s", argument,
                       (int)name.len, name.data ? name.data : "");
    *ret = (uint32_t)at;
    return 0;
}

static int explain(struct agent_call *call, const struct explain_input *in,
                   const struct workspace_past *past, const struct snapshot *s,
                   struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    const char *clean = agent_path(in->path, path, sizeof path);
    int64_t now = call->now_ms / 1000;
    uint32_t a = 0, b = 0;
    if (in->number == EXPLAIN_COMPLEXITY) {
        put_functions(report, s, clean ? clean : "");
        return 0;
    }
    int r = find_file(past, in->path, "path", &a, err);
    if (r == 0 && in->number == EXPLAIN_COUPLING) {
        r = find_file(past, in->with, "with", &b, err);
        if (r == 0)
            put_coupling(report, past->history, a, b, now);
        return r;
    }
    if (r < 0)
        return r;
    double churn = put_churn(report, past->history, a, now);
    int64_t at = snapshot_find(s, clean, strlen(clean));
    uint32_t complexity = at < 0 ? 0 : file_complexity(snapshot_file(s, (uint32_t)at)->facts);
    if (in->number == EXPLAIN_HOTSPOT)
        report_title(
            report,
            "%s: churn %.1f (the weights below, halved every %d days) × complexity %u, each "
            "as a share of the largest of the workspace",
            clean, churn, HISTORY_HALF_LIFE_DAYS, complexity);
    else
        report_title(report, "%s: churn %.1f = the weights below, halved every %d days", clean,
                     churn, HISTORY_HALF_LIFE_DAYS);
    return 0;
}

int marie_explain(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    struct workspace_past past = {0};
    struct snapshot *s = NULL;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = explain(call, input, &past, s, report, err);
    if (r == 0) {
        report_nothing(report, "Nothing is behind it.");
        note_history(report, &past);
    }
    workspace_past_done(&past);
    snapshot_put(s);
    return r;
}
