// flow, forecast, retro: how work lands on the main line, from its commits. Of the system, never of
// people.
#include "core/agents/vince.h"

#include "core/agents/marie.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEEKS_DEFAULT = 26,
    WEEKS_FEW = 6,     // of throughput: fewer say nothing
    RUNS = 10000,      // of the simulation
    WEEKS_AHEAD = 520, // a forecast beyond is none
    LANDINGS_SHOWN = 5,
    LANDINGS_MAX = 4000
};
static const int64_t WEEK = 7 * 86400;

static void put_span(char *ret, size_t max, int64_t seconds) {
    if (seconds >= 2 * 86400)
        (void)snprintf(ret, max, "%.1f days", (double)seconds / 86400);
    else if (seconds >= 3600)
        (void)snprintf(ret, max, "%.1f hours", (double)seconds / 3600);
    else
        (void)snprintf(ret, max, "%lld minutes", (long long)seconds / 60);
}

struct flowing {
    struct workspace_past past;
    struct history_flow *flow;
    struct history_landing *list;
    uint32_t count;
};

static void flowing_done(struct flowing *f) {
    mem_free(f->flow);
    mem_free(f->list);
    workspace_past_done(&f->past);
}

static int flowing_open(struct agent_call *call, int64_t since, int64_t now, struct flowing *ret,
                        struct err *err) {
    *ret = (struct flowing){.count = 0};
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &ret->past, err);
    if (r < 0)
        return r;
    ret->flow = mem_zalloc(sizeof *ret->flow);
    ret->list = mem_alloc(LANDINGS_MAX * sizeof *ret->list);
    if (!ret->flow || !ret->list)
        return err_set(err, ERR_NOMEM, "out of memory");
    return history_flow(ret->past.history, since, now, ret->flow, ret->list, LANDINGS_MAX,
                        &ret->count, err);
}

static int by_files(const void *a, const void *b) {
    const struct history_landing *x = a, *y = b;
    if (x->files != y->files)
        return x->files > y->files ? -1 : 1;
    return x->commit < y->commit ? -1 : x->commit > y->commit;
}

static void put_figures(struct report *r, const struct history_flow *f, uint32_t weeks) {
    char median[40], late[40];
    put_span(median, sizeof median, f->lead_median);
    put_span(late, sizeof late, f->lead_p85);
    report_item(r,
                json_pack("{s:s, s:I, s:I, s:f}", "figure", "throughput", "landings",
                          (json_int_t)f->landings, "merges", (json_int_t)f->merges, "per_week",
                          weeks ? (double)f->landings / weeks : 0.0),
                "throughput: %u landed in %u weeks (%u by merge), %.1f a week", f->landings, weeks,
                f->merges, weeks ? (double)f->landings / weeks : 0.0);
    report_item(r,
                json_pack("{s:s, s:I, s:I}", "figure", "lead_time", "median_s",
                          (json_int_t)f->lead_median, "p85_s", (json_int_t)f->lead_p85),
                "lead time, first commit written to landing: median %s, 85%% within %s", median,
                late);
    report_item(r,
                json_pack("{s:s, s:I, s:I}", "figure", "batch_size", "median_files",
                          (json_int_t)f->files_median, "p85_files", (json_int_t)f->files_p85),
                "batch size: median %u files, 85%% up to %u", f->files_median, f->files_p85);
    report_item(r,
                json_pack("{s:s, s:I, s:I}", "figure", "rework", "fixes", (json_int_t)f->fixes,
                          "reverts", (json_int_t)f->reverts),
                "rework: %u fixes and %u reverts among them", f->fixes, f->reverts);
}

static void put_largest(struct report *r, struct flowing *f) {
    if (f->count)
        qsort(f->list, f->count, sizeof *f->list, by_files);
    for (uint32_t i = 0; i < f->count && i < LANDINGS_SHOWN; i++) {
        struct history_commit c;
        if (f->list[i].files <= f->flow->files_p85)
            break;
        history_commit(f->past.history, f->list[i].commit, &c);
        report_item(r,
                    json_pack("{s:s, s:s, s:I, s:s}", "figure", "large_batch", "commit", c.id,
                              "files", (json_int_t)f->list[i].files, "subject", c.subject),
                    "large: %.10s touched %u files: %s", c.id, f->list[i].files, c.subject);
    }
}

int vince_flow(struct agent_call *call, const void *input, struct report *report, struct err *err) {
    const struct flow_input *in = input;
    uint32_t weeks = in->weeks ? (uint32_t)in->weeks : WEEKS_DEFAULT;
    int64_t now = call->now_ms / 1000;
    struct flowing f;
    int r = flowing_open(call, now - weeks * WEEK, now, &f, err);
    if (r == 0) {
        report_title(report, "How work landed in the last %u weeks", weeks);
        if (f.flow->landings) {
            put_figures(report, f.flow, weeks);
            put_largest(report, &f);
        }
        report_nothing(report, "Nothing landed in these weeks.");
        report_note(report, "review and waiting times are not in git");
        note_history(report, &f.past);
    }
    flowing_done(&f);
    return r;
}

// --- forecast ----------------------------------------------------------------------------------

// xorshift64* (Marsaglia 2003, Vigna 2016), with a fixed seed: the same history gives the same
// forecast.
static uint64_t draw(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static int by_number(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

// Weeks until `items` have landed, when each week is like one of the past, drawn at random.
static uint32_t one_run(const struct history_flow *f, uint32_t weeks, uint32_t items,
                        uint64_t *state) {
    uint32_t done = 0, week = 0;
    while (done < items && week < WEEKS_AHEAD) {
        done += f->weeks[draw(state) % weeks];
        week++;
    }
    return week;
}

static int simulate(const struct history_flow *f, uint32_t weeks, uint32_t items,
                    struct report *report, struct err *err) {
    static const int percents[] = {50, 85, 95};
    uint32_t *runs = mem_alloc(RUNS * sizeof *runs);
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    if (!runs)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < RUNS; i++)
        runs[i] = one_run(f, weeks, items, &state);
    qsort(runs, RUNS, sizeof *runs, by_number);
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        uint32_t at = runs[(uint32_t)percents[i] * RUNS / 100 - 1];
        report_item(report,
                    json_pack("{s:i, s:I}", "percent", percents[i], "weeks", (json_int_t)at),
                    at >= WEEKS_AHEAD ? "%d%%: not within %u weeks" : "%d%%: within %u week(s)",
                    percents[i], at);
    }
    mem_free(runs);
    return 0;
}

int vince_forecast(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct forecast_input *in = input;
    uint32_t items = in->items ? (uint32_t)in->items : 10;
    uint32_t weeks = in->weeks ? (uint32_t)in->weeks : WEEKS_DEFAULT, active = 0, landed = 0;
    int64_t now = call->now_ms / 1000;
    struct flowing f;
    int r = flowing_open(call, now - weeks * WEEK, now, &f, err);
    if (r == 0) {
        weeks = weeks < f.flow->week_count ? weeks : f.flow->week_count;
        for (uint32_t i = 0; i < weeks; i++) {
            active += f.flow->weeks[i] > 0;
            landed += f.flow->weeks[i];
        }
        if (active >= WEEKS_FEW) {
            r = simulate(f.flow, weeks, items, report, err);
            report_title(report,
                         "%u items, if weeks stay like the last %u (%u landed; %d simulated "
                         "futures)",
                         items, weeks, landed, RUNS);
        } else
            report_nothing(report,
                           "Too little has landed for a forecast: %u of the last %u weeks have "
                           "any, %d are needed.",
                           active, weeks, WEEKS_FEW);
        report_note(report, "items are taken to be as large as what landed before; holidays and "
                            "changes of the team are not known");
        note_history(report, &f.past);
    }
    flowing_done(&f);
    return r;
}

// --- retro -------------------------------------------------------------------------------------

static void put_change(struct report *r, const char *name, double before, double now,
                       const char *unit) {
    report_item(r, json_pack("{s:s, s:f, s:f}", "figure", name, "before", before, "now", now),
                "%s: %.4g → %.4g %s", name, before, now, unit);
}

// Files that were touched in this window and not in the one before, by commits.
static void put_new_places(struct report *r, const struct history *h, int64_t from,
                           int64_t middle) {
    uint32_t best[3] = {HISTORY_NONE, HISTORY_NONE, HISTORY_NONE}, counts[3] = {0};
    for (uint32_t i = 0; i < history_file_count(h); i++) {
        uint32_t commit, now = 0, before = 0;
        for (uint32_t k = 0; (commit = history_file_commit(h, i, k)) != HISTORY_NONE; k++) {
            struct history_commit c;
            history_commit(h, commit, &c);
            if (c.time < from)
                break;
            now += c.time >= middle;
            before += c.time < middle;
        }
        if (before || now < 3)
            continue;
        for (size_t k = 0; k < COUNT_OF(best); k++)
            if (now > counts[k]) {
                memmove(&best[k + 1], &best[k], (COUNT_OF(best) - k - 1) * sizeof *best);
                memmove(&counts[k + 1], &counts[k], (COUNT_OF(best) - k - 1) * sizeof *counts);
                best[k] = i;
                counts[k] = now;
                break;
            }
    }
    for (size_t k = 0; k < COUNT_OF(best) && best[k] != HISTORY_NONE; k++) {
        struct history_file f;
        history_file(h, best[k], &f);
        report_item(r,
                    json_pack("{s:s, s:s, s:I}", "figure", "new_focus", "path", f.path, "commits",
                              (json_int_t)counts[k]),
                    "new focus: %s, %u commits, none in the weeks before", f.path, counts[k]);
    }
}

int vince_retro(struct agent_call *call, const void *input, struct report *report,
                struct err *err) {
    const struct flow_input *in = input;
    uint32_t weeks = in->weeks ? (uint32_t)in->weeks : 2;
    int64_t now = call->now_ms / 1000, middle = now - weeks * WEEK, from = middle - weeks * WEEK;
    struct flowing a, b;
    int r = flowing_open(call, middle, now, &b, err);
    if (r == 0)
        r = flowing_open(call, from, middle - 1, &a, err);
    else
        a = (struct flowing){.count = 0};
    if (r == 0) {
        report_title(report, "The last %u weeks beside the %u before", weeks, weeks);
        if (a.flow->landings || b.flow->landings) {
            put_change(report, "landed", a.flow->landings, b.flow->landings, "");
            put_change(report, "fixes", a.flow->fixes, b.flow->fixes, "");
            put_change(report, "reverts", a.flow->reverts, b.flow->reverts, "");
            put_change(report, "lead time, median", (double)a.flow->lead_median / 86400,
                       (double)b.flow->lead_median / 86400, "days");
            put_change(report, "batch size, median", a.flow->files_median, b.flow->files_median,
                       "files");
            put_new_places(report, b.past.history, from, middle);
        }
        report_nothing(report, "Nothing landed in these weeks.");
        note_history(report, &b.past);
    }
    flowing_done(&a);
    flowing_done(&b);
    return r;
}
