// risk: how much a change may break, term by term. missing: files that usually change along.
#include "core/agents/sherlock.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"
#include "core/workspace/workspace.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COCHANGES_MAX = 40, SUPPORT_MIN = 4, SHARE_MIN_PERCENT = 40, TESTS_SHOWN = 5 };

struct term {
    const char *name;
    double value; // 0..1 of its weight
    double weight;
    char text[400];
};

// --- missing -----------------------------------------------------------------------------------

// Paths of the change as the history knows them, without those of vendored files.
static const char **changed_paths(const struct change *c, uint32_t *ret_count) {
    const char **paths = mem_alloc((c->diff->file_count + 1) * sizeof *paths);
    *ret_count = 0;
    for (uint32_t i = 0; paths && i < c->diff->file_count; i++)
        paths[(*ret_count)++] =
            c->diff->files[i].old_path ? c->diff->files[i].old_path : c->diff->files[i].new_path;
    return paths;
}

// Files that the history says belong to this change and that it does not touch.
static int find_missing(const struct change *c, const struct history *h,
                        struct history_cochange *ret, uint32_t *ret_count, struct err *err) {
    uint32_t paths_count = 0, n = 0, kept = 0;
    const char **paths = changed_paths(c, &paths_count);
    struct history_cochange_want want = {.paths = paths, .path_count = paths_count};
    int r = paths ? history_cochanges(h, &want, ret, COCHANGES_MAX, &n, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        struct history_file f;
        history_file(h, ret[i].file, &f);
        if (ret[i].support >= SUPPORT_MIN && !diff_find(c->diff, f.path) &&
            ret[i].support * 100 >= ret[i].of * SHARE_MIN_PERCENT)
            ret[kept++] = ret[i];
    }
    *ret_count = kept;
    mem_free(paths);
    return r;
}

static void put_missing(struct report *r, const struct change *c, const struct history *h,
                        const struct history_cochange *x) {
    struct history_file f;
    history_file(h, x->file, &f);
    const struct diff_file *with = &c->diff->files[x->with];
    const char *because = with->new_path ? with->new_path : with->old_path;
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:I, s:f}", "path", f.path, "changes_with", because,
                          "together", (json_int_t)x->support, "of", (json_int_t)x->of, "share",
                          x->of ? (double)x->support / x->of : 0.0),
                "%s changes with %s in %u of %u commits (%.0f%%), not here", f.path, because,
                x->support, x->of, x->of ? 100.0 * x->support / x->of : 0.0);
}

static void note_past(struct report *r, const struct workspace_past *past) {
    const char *note;
    if (past->why[0])
        report_note(r, "no history: %s", past->why);
    for (unsigned i = 0; (note = history_note(past->history, i)); i++)
        report_note(r, "%s", note);
}

int sherlock_missing(struct agent_call *call, const void *input, struct report *report,
                     struct err *err) {
    const struct change_input *in = input;
    struct change c = {0};
    struct workspace_past past = {0};
    struct history_cochange found[COCHANGES_MAX];
    uint32_t count = 0;
    int r = change_open(call, in->range, NULL, &c, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = find_missing(&c, past.history, found, &count, err);
    if (r == 0) {
        for (uint32_t i = 0; i < count; i++)
            put_missing(report, &c, past.history, &found[i]);
        report_title(report, "%s: %u file%s changed, %u usually change along and do not", c.what,
                     c.diff->file_count, c.diff->file_count == 1 ? "" : "s", count);
        report_nothing(report, c.diff->file_count ? "Nothing that usually changes along is missing."
                                                  : "Nothing has changed.");
        note_past(report, &past);
    }
    workspace_past_done(&past);
    change_close(&c);
    return r;
}

// --- risk --------------------------------------------------------------------------------------

static double saturate(double x, double half) {
    return x <= 0 ? 0 : x / (x + half);
}

static void term_size(const struct change *c, struct term *t) {
    uint32_t lines = 0, files = 0;
    for (uint32_t i = 0; i < c->diff->file_count; i++) {
        lines += c->diff->files[i].added + c->diff->files[i].removed;
        files += !c->diff->files[i].binary;
    }
    *t = (struct term){.name = "size", .weight = 20, .value = saturate(lines, 200)};
    (void)snprintf(t->text, sizeof t->text, "%u line%s in %u file%s", lines, lines == 1 ? "" : "s",
                   files, files == 1 ? "" : "s");
}

static void term_fixes(const struct change *c, const struct history *h, struct term *t) {
    uint32_t commits = 0, fixes = 0;
    const char *worst = NULL;
    double worst_share = 0;
    for (uint32_t i = 0; i < c->diff->file_count; i++) {
        struct history_file f;
        const char *path = c->diff->files[i].old_path;
        int64_t at = path ? history_find(h, path) : -1;
        if (at < 0)
            continue;
        history_file(h, (uint32_t)at, &f);
        commits += f.commits;
        fixes += f.fixes;
        double share = f.commits >= 5 ? (double)f.fixes / f.commits : 0;
        if (share > worst_share) {
            worst_share = share;
            worst = f.path;
        }
    }
    *t = (struct term){.name = "fixes",
                       .weight = 20,
                       .value = commits ? saturate(100.0 * fixes / commits, 30) : 0};
    (void)snprintf(t->text, sizeof t->text,
                   "%u of %u earlier commits to these files were fixes%s%.200s", fixes, commits,
                   worst ? "; most: " : "", worst ? worst : "");
}

static int term_hotspots(struct agent_call *call, const struct change *c, struct term *t) {
    json_t *answer = NULL, *arguments = json_pack("{s:i}", "limit", 50);
    unsigned hot = 0;
    size_t k;
    const json_t *item;
    char first[200] = "";
    int r = agent_ask(call, "hotspots", arguments, &answer, NULL);
    if (r == 0)
        json_array_foreach(json_object_get(answer, "items"), k, item) {
            const char *path = json_string_value(json_object_get(item, "path"));
            if (!path || !diff_find(c->diff, path))
                continue;
            if (!hot++)
                (void)snprintf(first, sizeof first, "%s", path);
        }
    json_decref(answer);
    json_decref(arguments);
    *t = (struct term){.name = "hotspots", .weight = 20, .value = saturate(hot, 1.5)};
    (void)snprintf(t->text, sizeof t->text, "%u of the 50 hottest files%s%s", hot,
                   first[0] ? ", first " : "", first);
    return r == ERR_CANCELLED ? r : 0;
}

static bool tested(const struct snapshot *s, const char *name) {
    struct mention m[256];
    uint32_t n = snapshot_mentions(s, name, strlen(name), m, COUNT_OF(m));
    for (uint32_t i = 0; i < n && i < COUNT_OF(m); i++)
        if (snapshot_file(s, m[i].file)->flags & FILE_TEST)
            return true;
    return false;
}

static bool is_function(const struct fact_symbol *y) {
    return (y->kind == SYMBOL_FUNCTION || y->kind == SYMBOL_METHOD) &&
           !(y->flags & SYMBOL_DECLARATION);
}

static void term_tests(const struct change *c, struct term *t) {
    uint32_t functions = 0, untested = 0;
    bool tests_changed = false;
    size_t used = 0;
    char names[256] = "";
    for (uint32_t i = 0; i < c->diff->file_count; i++) {
        const struct diff_file *d = &c->diff->files[i];
        int64_t at =
            d->new_path ? snapshot_find(c->snapshot, d->new_path, strlen(d->new_path)) : -1;
        const struct snapshot_file *f = at < 0 ? NULL : snapshot_file(c->snapshot, (uint32_t)at);
        if (!f || !f->facts)
            continue;
        tests_changed |= (f->flags & FILE_TEST) != 0;
        for (uint32_t k = 0; !(f->flags & FILE_TEST) && k < f->facts->symbol_count; k++) {
            const struct fact_symbol *y = facts_symbol(f->facts, k);
            if (!is_function(y) || !diff_touches(c->diff, d, y->line, y->end_line))
                continue;
            functions++;
            const char *name = facts_text(f->facts, y->name);
            if (tested(c->snapshot, name))
                continue;
            if (untested++ < TESTS_SHOWN && used < sizeof names)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s",
                                         used ? ", " : "", name);
        }
    }
    double gap = functions ? (double)untested / functions : 0;
    *t = (struct term){.name = "tests", .weight = 25, .value = gap * (tests_changed ? 0.6 : 1)};
    (void)snprintf(t->text, sizeof t->text,
                   "%u of %u changed functions are mentioned by no test%s%s; %s", untested,
                   functions, used ? ": " : "", names,
                   tests_changed ? "tests changed too" : "no test changed");
}

static int term_missing(const struct change *c, const struct history *h, struct term *t,
                        struct err *err) {
    struct history_cochange found[COCHANGES_MAX];
    uint32_t n = 0;
    int r = find_missing(c, h, found, &n, err);
    struct history_file f = {0};
    if (r == 0 && n)
        history_file(h, found[0].file, &f);
    *t = (struct term){.name = "missing", .weight = 15, .value = saturate(n, 2)};
    (void)snprintf(t->text, sizeof t->text, "%u files usually change along%s%.200s", n,
                   n ? ", first " : "", n ? f.path : "");
    return r;
}

static int put_terms(struct agent_call *call, const struct change *c, const struct history *h,
                     struct report *report, struct err *err) {
    struct term terms[5];
    double score = 0;
    term_size(c, &terms[0]);
    term_fixes(c, h, &terms[1]);
    term_tests(c, &terms[3]);
    int r = term_hotspots(call, c, &terms[2]);
    if (r == 0)
        r = term_missing(c, h, &terms[4], err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < COUNT_OF(terms); i++) {
        const struct term *t = &terms[i];
        double points = t->value * t->weight;
        score += points;
        report_item(report,
                    json_pack("{s:s, s:f, s:f, s:s}", "term", t->name, "points", points, "of",
                              t->weight, "because", t->text),
                    "%-8s %4.1f of %2.0f  %s", t->name, points, t->weight, t->text);
    }
    report_set(report, "score", json_real(round(score)));
    report_title(report, "%s: risk %.0f of 100 (%s)", c->what, score,
                 score < 25   ? "low"
                 : score < 50 ? "moderate"
                              : "high");
    return 0;
}

int sherlock_risk(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct change_input *in = input;
    struct change c = {0};
    struct workspace_past past = {0};
    int r = change_open(call, in->range, NULL, &c, err);
    if (r == 0)
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0 && c.diff->file_count)
        r = put_terms(call, &c, past.history, report, err);
    if (r == 0) {
        report_nothing(report, "Nothing has changed.");
        report_note(report, "a sum of the terms shown, not a probability; what the change does is "
                            "not understood");
        note_past(report, &past);
    }
    workspace_past_done(&past);
    change_close(&c);
    return r;
}
