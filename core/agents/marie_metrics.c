// metrics: functions by size and complexity, of a place or of a change with what they were before.
#include "core/agents/marie.h"

#include "core/agents/sherlock.h"
#include "core/agents/symbols.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS_MAX = 400000, PATH_BYTES_MAX = 4096, NAME_BYTES_MAX = 256 };

struct row {
    struct place place;
    const struct fact_symbol *y;
    uint32_t value;
};

static bool measured(const struct fact_symbol *y) {
    return (y->kind == SYMBOL_FUNCTION || y->kind == SYMBOL_METHOD || y->kind == SYMBOL_TEST) &&
           !(y->flags & SYMBOL_DECLARATION) && y->cyclomatic > 0;
}

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
            if (!measured(y))
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
                "%s:%u %s: cognitive %u, cyclomatic %u, nesting %u, %u parameters, %u lines",
                symbol_path_at(s, x->place), x->y->line, name, x->y->cognitive, x->y->cyclomatic,
                x->y->nesting, x->y->parameters, x->y->code_lines);
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

static const struct fact_symbol *twin(const struct facts *old, const struct facts *now,
                                      uint32_t symbol) {
    const struct fact_symbol *y = facts_symbol(now, symbol);
    const char *name = facts_text(now, y->name);
    uint32_t nth = 0;
    for (uint32_t i = 0; i < symbol; i++)
        nth += measured(facts_symbol(now, i)) &&
               strcmp(facts_text(now, facts_symbol(now, i)->name), name) == 0;
    for (uint32_t i = 0; old && i < old->symbol_count; i++)
        if (measured(facts_symbol(old, i)) &&
            strcmp(facts_text(old, facts_symbol(old, i)->name), name) == 0 && nth-- == 0)
            return facts_symbol(old, i);
    return NULL;
}

static void put_changed(struct report *r, const char *path, const struct facts *f, uint32_t symbol,
                        const struct fact_symbol *was) {
    const struct fact_symbol *y = facts_symbol(f, symbol);
    const char *name = facts_text(f, y->name);
    json_t *item = json_pack("{s:s, s:s, s:I, s:i, s:i, s:I}", "symbol", name, "path", path, "line",
                             (json_int_t)y->line, "cognitive", (int)y->cognitive, "cyclomatic",
                             (int)y->cyclomatic, "code_lines", (json_int_t)y->code_lines);
    if (was)
        (void)json_object_set_new(item, "before",
                                  json_pack("{s:i, s:i, s:I}", "cognitive", (int)was->cognitive,
                                            "cyclomatic", (int)was->cyclomatic, "code_lines",
                                            (json_int_t)was->code_lines));
    if (was)
        report_item(r, item, "%s:%u %s: cognitive %u → %u, cyclomatic %u → %u, lines %u → %u", path,
                    y->line, name, was->cognitive, y->cognitive, was->cyclomatic, y->cyclomatic,
                    was->code_lines, y->code_lines);
    else
        report_item(r, item, "%s:%u %s: new; cognitive %u, cyclomatic %u, %u lines", path, y->line,
                    name, y->cognitive, y->cyclomatic, y->code_lines);
}

static int compare_file(struct change *c, const struct diff_file *f, struct syntax *syntax,
                        struct report *report, int32_t *ret_delta, uint32_t *ret_count,
                        struct err *err) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    AUTO_BUF old = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct facts *now = NULL, *was = NULL;
    const struct facts_options o = {
        .path = f->new_path, .no_findings = true, .no_words = true, .no_clones = true};
    if (!f->new_path || f->binary || change_new_text(c, f, &text, NULL) < 0 ||
        change_old_text(c, f, &old, NULL) < 0)
        return 0;
    enum lang lang = language_of(f->new_path, text.len ? text.data : "", text.len);
    if (!language_has_tree(lang))
        return 0;
    int r = facts_build(syntax, lang, text.len ? text.data : "", text.len, &o, &now, err);
    if (r == 0 && old.len)
        r = facts_build(syntax, lang, old.data, old.len, &o, &was, err);
    for (uint32_t i = 0; r == 0 && i < now->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(now, i);
        if (!measured(y) || !diff_touches(c->diff, f, y->line, y->end_line))
            continue;
        const struct fact_symbol *before = twin(was, now, i);
        *ret_delta += (int32_t)y->cognitive - (before ? (int32_t)before->cognitive : 0);
        (*ret_count)++;
        put_changed(report, f->new_path, now, i, before);
    }
    mem_free(now);
    mem_free(was);
    return r;
}

static int of_change(struct agent_call *call, const struct metrics_input *in, struct report *report,
                     struct err *err) {
    struct change c = {0};
    int32_t delta = 0;
    uint32_t count = 0;
    int r = change_open(call, in->range, NULL, &c, err);
    if (r < 0)
        return r;
    struct syntax *syntax = syntax_new();
    if (!syntax)
        r = err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < c.diff->file_count; i++)
        r = compare_file(&c, &c.diff->files[i], syntax, report, &delta, &count, err);
    if (r == 0) {
        report_title(report, "%s: %u functions changed, cognitive complexity %+d", c.what, count,
                     (int)delta);
        report_nothing(report, "No function has changed.");
    }
    syntax_free(syntax);
    change_close(&c);
    return r;
}

int marie_metrics(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct metrics_input *in = input;
    return in->range.len ? of_change(call, in, report, err) : of_place(call, in, report, err);
}
