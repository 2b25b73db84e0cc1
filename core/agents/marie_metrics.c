// metrics: functions by size and complexity, of a place or of a change with what they were before.
#include "core/agents/marie.h"

#include "core/agents/sherlock.h"
#include "core/agents/symbols.h"
#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/workspace/outline.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS_MAX = 400000, PATH_BYTES_MAX = 4096, NAME_BYTES_MAX = 256 };

struct row {
    struct place place;
    const struct fact_symbol *y;
    uint32_t value;
};

static uint32_t value_of(const struct fact_symbol *y, int order) {
    switch (order) {
    case BY_CYCLOMATIC:
        return y->cyclomatic;
    case BY_LENGTH:
        return y->code_lines;
    case BY_NESTING:
        return y->nesting;
    case BY_PARAMETERS:
        return y->parameters;
    default:
        return y->cognitive;
    }
}

static int by_value(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    if (x->place.file != y->place.file)
        return x->place.file < y->place.file ? -1 : 1;
    return x->place.symbol < y->place.symbol ? -1 : x->place.symbol > y->place.symbol;
}

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

struct totals {
    uint32_t files, code_lines, comment_lines, count;
};

static struct row *collect(const struct snapshot *s, const char *under, int order,
                           struct totals *t) {
    uint32_t capacity = 4096;
    struct row *rows = mem_alloc(capacity * sizeof *rows);
    *t = (struct totals){0};
    for (uint32_t i = 0; rows && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (!f->facts || !language_is_code(f->lang) || !below(f->path, under) ||
            (f->flags & (FILE_VENDORED | FILE_GENERATED)))
            continue;
        t->files++;
        t->code_lines += f->facts->code_lines;
        t->comment_lines += f->facts->comment_lines;
        for (uint32_t k = 0; k < f->facts->symbol_count && t->count < FUNCTIONS_MAX; k++) {
            const struct fact_symbol *y = facts_symbol(f->facts, k);
            if (!outline_measured(y))
                continue;
            if (t->count == capacity) {
                struct row *more = mem_realloc(rows, (size_t)capacity * 2 * sizeof *rows);
                if (!more) {
                    mem_free(rows);
                    return NULL;
                }
                rows = more;
                capacity *= 2;
            }
            rows[t->count++] = (struct row){{i, k}, y, value_of(y, order)};
        }
    }
    if (rows && t->count)
        qsort(rows, t->count, sizeof *rows, by_value);
    return rows;
}

static void put_function(struct report *r, const struct snapshot *s, const struct row *x) {
    char name[NAME_BYTES_MAX];
    symbol_full_name(s, x->place, name, sizeof name);
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:I}", "symbol", name, "path",
                          symbol_path_at(s, x->place), "line", (json_int_t)x->y->line, "end_line",
                          (json_int_t)x->y->end_line, "cognitive", (int)x->y->cognitive,
                          "cyclomatic", (int)x->y->cyclomatic, "nesting", (int)x->y->nesting,
                          "parameters", (int)x->y->parameters, "code_lines",
                          (json_int_t)x->y->code_lines),
                "%s:%u %s: cognitive %u, cyclomatic %u, nesting %u, %u parameter%s, %u line%s",
                symbol_path_at(s, x->place), x->y->line, name, x->y->cognitive, x->y->cyclomatic,
                x->y->nesting, x->y->parameters, x->y->parameters == 1 ? "" : "s", x->y->code_lines,
                x->y->code_lines == 1 ? "" : "s");
}

static int of_place(struct agent_call *call, const struct metrics_input *in, struct report *report,
                    struct err *err) {
    static const char *const names[] = {"cognitive complexity", "cyclomatic complexity",
                                        "lines of code", "nesting", "parameters"};
    char path[PATH_BYTES_MAX];
    struct snapshot *s = NULL;
    struct totals t;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r < 0)
        return r;
    struct row *rows = collect(s, agent_path(in->path, path, sizeof path), in->sort, &t);
    uint32_t limit = in->limit ? (uint32_t)in->limit : 20;
    for (uint32_t i = 0; rows && i < t.count && i < limit; i++)
        put_function(report, s, &rows[i]);
    if (rows && t.count) {
        report_title(
            report,
            "%u functions in %u files, %u lines of code, %u of comments; by %s: median %u, "
            "90%% up to %u, largest %u",
            t.count, t.files, t.code_lines, t.comment_lines, names[in->sort],
            rows[t.count / 2].value, rows[t.count / 10].value, rows[0].value);
        report_set(report, "summary",
                   json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "functions",
                             (json_int_t)t.count, "files", (json_int_t)t.files, "code_lines",
                             (json_int_t)t.code_lines, "comment_lines", (json_int_t)t.comment_lines,
                             "median", (json_int_t)rows[t.count / 2].value, "p90",
                             (json_int_t)rows[t.count / 10].value, "max",
                             (json_int_t)rows[0].value));
    }
    report_nothing(report, "No functions there.");
    if (rows)
        agent_note_limits(report, s);
    snapshot_put(s);
    mem_free(rows);
    return rows ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- of a change -------------------------------------------------------------------------------

// Some neighbouring files, their two sides looked at by several threads.
struct window {
    struct change *c;
    struct derived *derived;
    struct change_texts texts;
    struct syntax *syntax[CREW_MAX];
    struct outline now[CHANGE_TEXTS_MAX], was[CHANGE_TEXTS_MAX];
    bool has_now[CHANGE_TEXTS_MAX], has_was[CHANGE_TEXTS_MAX]; // or need not have it
    struct err failed[CHANGE_TEXTS_MAX];
};

static bool any_touched(const struct change *c, const struct diff_file *f,
                        const struct outline *o) {
    for (uint32_t i = 0; i < o->function_count; i++)
        if (diff_touches(c->diff, f, o->functions[i].line, o->functions[i].end_line))
            return true;
    return false;
}

static int side(struct window *w, unsigned worker, uint32_t i, bool old, struct outline *ret) {
    const struct change_text *t = &w->texts.list[i];
    const struct buf *text = old ? &t->old : &t->now;
    const char *path = w->c->diff->files[w->texts.first + i].new_path;
    enum lang lang;
    bool by_name = language_by_name_alone(path, &lang);
    const struct outline_want want = {
        .path = path,
        .lang = by_name ? lang : language_of(path, t->now.len ? t->now.data : "", t->now.len),
        .id = !by_name ? NULL
              : old    ? t->old_id
                       : t->now_id,
        .text = text->len ? text->data : "",
        .bytes = text->len};
    if (!w->syntax[worker] && !(w->syntax[worker] = syntax_new()))
        return err_set(&w->failed[i], ERR_NOMEM, "out of memory");
    return outline_of(w->derived, w->syntax[worker], &want, ret, &w->failed[i]);
}

static bool is_known(struct window *w, const struct diff_file *f, const char *id,
                     struct outline *ret) {
    struct outline_want want = {.path = f->new_path, .id = id};
    return id && language_by_name_alone(f->new_path, &want.lang) &&
           outline_of(w->derived, NULL, &want, ret, NULL) == 0;
}

// What is known by its name is not read. Before only matters where something is to be compared; its
// language is that of the new text.
static unsigned need(void *ctx, uint32_t i, const struct change_text *t) {
    struct window *w = ctx;
    const struct diff_file *f = &w->c->diff->files[w->texts.first + i];
    if (!f->new_path || f->binary)
        return 0;
    w->has_now[i] = is_known(w, f, t->now_id, &w->now[i]);
    w->has_was[i] = w->has_now[i] && (!f->old_path || !any_touched(w->c, f, &w->now[i]) ||
                                      is_known(w, f, t->old_id, &w->was[i]));
    return w->has_now[i] && w->has_was[i] ? 0 : CHANGE_NOW | CHANGE_OLD;
}

static int look_at(void *ctx, unsigned worker, uint32_t i) {
    struct window *w = ctx;
    const struct diff_file *f = &w->c->diff->files[w->texts.first + i];
    const struct change_text *t = &w->texts.list[i];
    int r = 0;
    if (!f->new_path || f->binary || t->result < 0)
        return 0;
    if (!w->has_now[i])
        r = side(w, worker, i, false, &w->now[i]);
    if (r == 0 && !w->has_was[i] && t->old.len && any_touched(w->c, f, &w->now[i]))
        r = side(w, worker, i, true, &w->was[i]);
    return r;
}

static const struct outline_function *twin(const struct outline *old, const struct outline *now,
                                           uint32_t function) {
    const char *name = now->functions[function].name;
    uint32_t nth = 0;
    for (uint32_t i = 0; i < function; i++)
        nth += strcmp(now->functions[i].name, name) == 0;
    for (uint32_t i = 0; i < old->function_count; i++)
        if (strcmp(old->functions[i].name, name) == 0 && nth-- == 0)
            return &old->functions[i];
    return NULL;
}

static void put_changed(struct report *r, const char *path, const struct outline_function *y,
                        const struct outline_function *was) {
    json_t *item =
        json_pack("{s:s, s:s, s:I, s:i, s:i, s:I}", "symbol", y->name, "path", path, "line",
                  (json_int_t)y->line, "cognitive", (int)y->cognitive, "cyclomatic",
                  (int)y->cyclomatic, "code_lines", (json_int_t)y->code_lines);
    if (was)
        (void)json_object_set_new(item, "before",
                                  json_pack("{s:i, s:i, s:I}", "cognitive", (int)was->cognitive,
                                            "cyclomatic", (int)was->cyclomatic, "code_lines",
                                            (json_int_t)was->code_lines));
    if (was)
        report_item(r, item, "%s:%u %s: cognitive %u → %u, cyclomatic %u → %u, lines %u → %u", path,
                    y->line, y->name, was->cognitive, y->cognitive, was->cyclomatic, y->cyclomatic,
                    was->code_lines, y->code_lines);
    else
        report_item(r, item, "%s:%u %s: new; cognitive %u, cyclomatic %u, %u lines", path, y->line,
                    y->name, y->cognitive, y->cyclomatic, y->code_lines);
}

struct change_sum {
    int32_t delta;
    uint32_t count;
};

static void put_file(struct window *w, uint32_t i, struct report *report, struct change_sum *sum) {
    const struct diff_file *f = &w->c->diff->files[w->texts.first + i];
    const struct outline *now = &w->now[i];
    for (uint32_t k = 0; k < now->function_count; k++) {
        const struct outline_function *y = &now->functions[k];
        if (!diff_touches(w->c->diff, f, y->line, y->end_line))
            continue;
        const struct outline_function *before = twin(&w->was[i], now, k);
        sum->delta += (int32_t)y->cognitive - (before ? (int32_t)before->cognitive : 0);
        sum->count++;
        put_changed(report, f->new_path, y, before);
    }
}

static void window_clear(struct window *w) {
    for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++) {
        outline_done(&w->now[i]);
        outline_done(&w->was[i]);
        w->failed[i] = (struct err){0};
    }
}

static int compare_all(struct agent_call *call, struct window *w, struct report *report,
                       struct change_sum *sum, struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < w->c->diff->file_count; i += w->texts.count) {
        if (agent_cancelled(call))
            return err_set(err, ERR_CANCELLED, "cancelled");
        w->texts.first = i;
        r = change_read(w->c, i, need, w, &w->texts, err);
        if (r < 0)
            return r;
        r = crew_run(w->texts.count, look_at, w);
        for (uint32_t k = 0; r < 0 && k < w->texts.count; k++)
            if (w->failed[k].message[0])
                return err_set(err, r, "%s", err_text(&w->failed[k]));
        for (uint32_t k = 0; r == 0 && k < w->texts.count; k++)
            put_file(w, k, report, sum);
        window_clear(w);
    }
    return r;
}

static int of_change(struct agent_call *call, const struct metrics_input *in, struct report *report,
                     struct err *err) {
    struct change c = {0};
    struct change_sum sum = {0};
    int r = change_open(call, in->range, NULL, &c, err);
    if (r < 0)
        return r;
    struct window *w = mem_zalloc(sizeof *w);
    if (w) {
        w->c = &c;
        w->derived = workspace_derived(call->ws);
        r = compare_all(call, w, report, &sum, err);
        window_clear(w);
        for (unsigned i = 0; i < CREW_MAX; i++)
            syntax_free(w->syntax[i]);
        change_texts_done(&w->texts);
    } else {
        r = err_set(err, ERR_NOMEM, "out of memory");
    }
    mem_free(w);
    if (r == 0) {
        report_title(report, "%s: %u functions changed, cognitive complexity %+d", c.what,
                     sum.count, (int)sum.delta);
        report_nothing(report, "No function has changed.");
    }
    change_close(&c);
    return r;
}

int marie_metrics(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct metrics_input *in = input;
    return in->range.len ? of_change(call, in, report, err) : of_place(call, in, report, err);
}
