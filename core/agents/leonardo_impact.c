// Who is reached by a change of a symbol: callers of callers, to a depth, and the tests among them.
#include "core/agents/leonardo.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { REACHED_MAX = 4096, NAME_BYTES_MAX = 256, TARGETS_SHOWN = 12 };

struct reached {
    struct place place;
    uint32_t line, depth, via; // via: index of the one it mentions
    uint32_t count;
    bool calls, certain, test;
};

struct walk {
    const struct snapshot *s;
    struct reached *list;
    uint32_t count;
    bool cut;
};

static bool is_test(const struct snapshot *s, struct place p) {
    const struct snapshot_file *f = snapshot_file(s, p.file);
    return (f->flags & FILE_TEST) ||
           (p.symbol != UINT32_MAX && facts_symbol(f->facts, p.symbol)->kind == SYMBOL_TEST);
}

static bool known(const struct walk *w, struct place p) {
    for (uint32_t i = 0; i < w->count; i++)
        if (w->list[i].place.file == p.file && w->list[i].place.symbol == p.symbol)
            return true;
    return false;
}

static int expand(struct walk *w, uint32_t from, struct err *err) {
    struct caller_place *callers = NULL;
    uint32_t count = 0;
    struct reached base = w->list[from];
    int r = symbol_callers(w->s, base.place, &callers, &count, err);
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (known(w, callers[i].place))
            continue;
        if (w->count == REACHED_MAX) {
            w->cut = true;
            break;
        }
        w->list[w->count++] = (struct reached){
            .place = callers[i].place,
            .line = callers[i].line,
            .depth = base.depth + 1,
            .via = from,
            .count = callers[i].count,
            .calls = callers[i].calls,
            .certain = callers[i].certain && base.certain,
            .test = is_test(w->s, callers[i].place),
        };
    }
    mem_free(callers);
    return r;
}

// Expanding a class means its users; its methods are symbols of their own.
static bool expandable(const struct walk *w, uint32_t i) {
    return w->list[i].place.symbol != UINT32_MAX && !w->list[i].test;
}

static void place_name(const struct snapshot *s, struct place p, char *ret, size_t max) {
    if (p.symbol == UINT32_MAX)
        (void)snprintf(ret, max, "(file scope)");
    else
        symbol_full_name(s, p, ret, max);
}

static void put_reached(struct report *r, const struct walk *w, const struct reached *x) {
    char name[NAME_BYTES_MAX], via[NAME_BYTES_MAX];
    const char *path = snapshot_file(w->s, x->place.file)->path;
    place_name(w->s, x->place, name, sizeof name);
    place_name(w->s, w->list[x->via].place, via, sizeof via);
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:b, s:b, s:b}", "symbol", name, "path",
                          path, "line", (json_int_t)x->line, "depth", (json_int_t)x->depth, "via",
                          via, "count", (json_int_t)x->count, "call", x->calls, "certain",
                          x->certain, "test", x->test),
                "%s:%u %s%s%s%s%s", path, x->line, name, x->calls ? "" : " (mentions it)",
                x->depth > 1 ? " through " : "", x->depth > 1 ? via : "",
                x->certain ? "" : " (maybe: other definitions have this name)");
}

static void put_group(struct report *r, const struct walk *w, uint32_t depth, bool tests,
                      const char *heading) {
    bool any = false;
    for (uint32_t k = 0; k < 2 * w->count; k++) { // those that are certain first
        const struct reached *x = &w->list[k % w->count];
        if (x->certain != (k < w->count) || x->depth == 0 || x->test != tests ||
            (!tests && x->depth != depth))
            continue;
        if (!any)
            report_group(r, "%s", heading);
        any = true;
        put_reached(r, w, x);
    }
}

static void put_all(struct report *r, const struct walk *w, uint32_t depth) {
    static const char *const headings[] = {
        "", "Direct:", "At depth 2:", "At depth 3:", "At depth 4:", "At depth 5:"};
    for (uint32_t d = 1; d <= depth; d++)
        put_group(r, w, d, false, headings[d]);
    put_group(r, w, 0, true, "Tests that reach it:");
}

static void put_title(struct report *r, const struct walk *w, uint32_t targets, uint32_t total) {
    AUTO_BUF text = BUF_INIT(16 * 1024);
    uint32_t files = 0, tests = 0, others = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct reached *x = &w->list[i];
        bool first = x->depth > 0;
        for (uint32_t k = 0; k < i && first; k++)
            first = w->list[k].depth == 0 || w->list[k].place.file != x->place.file;
        files += first;
        tests += x->depth > 0 && x->test;
        others += x->depth > 0 && !x->test;
    }
    for (uint32_t i = 0; i < targets && i < TARGETS_SHOWN; i++) {
        char name[NAME_BYTES_MAX];
        place_name(w->s, w->list[i].place, name, sizeof name);
        (void)buf_printf(&text, "%s%s (%s:%u)", i ? ", " : "", name,
                         snapshot_file(w->s, w->list[i].place.file)->path,
                         symbol_at(w->s, w->list[i].place)->line);
    }
    if (targets > TARGETS_SHOWN)
        (void)buf_printf(&text, " and %u more", targets - TARGETS_SHOWN);
    report_title(r, "%s: reached from %u place%s and %u test%s in %u file%s",
                 text.data ? text.data : "", others, others == 1 ? "" : "s", tests,
                 tests == 1 ? "" : "s", files, files == 1 ? "" : "s");
    if (total > targets)
        report_note(r, "%u definitions have this name; the first %u are looked at", total, targets);
}

static int walk_all(struct agent_call *call, struct walk *w, uint32_t depth, struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < w->count; i++) {
        if (w->list[i].depth >= depth)
            continue;
        if (agent_cancelled(call))
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (expandable(w, i) || w->list[i].depth == 0)
            r = expand(w, i, err);
    }
    return r;
}

// The symbols meant: one named, those of a file that others can see, or one on a line.
static int find_targets(const struct snapshot *s, const struct impact_input *in, struct walk *w,
                        uint32_t *ret_total, struct err *err) {
    struct symbol_list found;
    if (in->symbol.len) {
        int r = symbols_find(s, in->symbol, &found, err);
        if (r < 0)
            return r;
        for (uint32_t i = 0; i < found.count; i++)
            w->list[w->count++] = (struct reached){.place = found.places[i], .certain = true};
        *ret_total = found.total;
        return 0;
    }
    int64_t file = in->path.len ? snapshot_find(s, in->path.data, in->path.len) : -1;
    if (file < 0)
        return in->path.len ? err_set(err, ERR_NOT_FOUND, "path: %.*s is not in this workspace",
                                      (int)in->path.len, in->path.data)
                            : err_set(err, ERR_INVAL,
                                      "symbol: whose impact? Give a name, "
                                      "Class.method or path:line, or a path");
    const struct facts *f = snapshot_file(s, (uint32_t)file)->facts;
    for (uint32_t i = 0; f && i < f->symbol_count && w->count < SYMBOLS_FOUND_MAX; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if ((y->flags & SYMBOL_EXPORTED) && y->kind != SYMBOL_FIELD && y->kind != SYMBOL_SECTION)
            w->list[w->count++] = (struct reached){.place = {(uint32_t)file, i}, .certain = true};
    }
    *ret_total = w->count;
    return 0;
}

int leonardo_impact(struct agent_call *call, const void *input, struct report *report,
                    struct err *err) {
    const struct impact_input *in = input;
    uint32_t depth = in->depth ? (uint32_t)in->depth : IMPACT_DEPTH_DEFAULT, total = 0;
    struct snapshot *s = NULL;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r < 0)
        return r;
    struct walk w = {.s = s, .list = mem_alloc(REACHED_MAX * sizeof *w.list)};
    r = w.list ? find_targets(s, in, &w, &total, err) : err_set(err, ERR_NOMEM, "out of memory");
    uint32_t targets = w.count;
    if (r == 0)
        r = walk_all(call, &w, depth, err);
    if (r == 0 && targets) {
        put_title(report, &w, targets, total);
        put_all(report, &w, depth);
        report_nothing(report, "Nothing in this workspace mentions it.");
        if (w.cut)
            report_note(report, "more than %d places: the rest is left out", REACHED_MAX);
        report_note(report, "by name and import, not by type: calls through pointers, reflection "
                            "or generated code are not seen");
    } else if (r == 0)
        report_nothing(report, "No definition of %.*s in this workspace.",
                       (int)(in->symbol.len ? in->symbol.len : in->path.len),
                       in->symbol.len ? in->symbol.data : in->path.data);
    if (r == 0)
        agent_note_limits(report, s);
    mem_free(w.list);
    snapshot_put(s);
    return r;
}
