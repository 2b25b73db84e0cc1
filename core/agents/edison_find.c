// locate and similar: where something is, and whether it is there already.
#include "core/agents/edison.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"
#include "core/workspace/locate.h"
#include "core/workspace/similar.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 256, SIGNATURE_BYTES_MAX = 160, PATH_BYTES_MAX = 4096 };

static void put_reasons(struct buf *out, const struct search_reasons *reasons) {
    for (uint32_t i = 0; i < reasons->count; i++)
        (void)buf_printf(out, "%s%s", i ? "; " : "", reasons->at[i].text);
}

static json_t *json_reasons(const struct search_reasons *reasons) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < reasons->count; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "kind",
                                                    search_why_name(reasons->at[i].why), "text",
                                                    reasons->at[i].text));
    return list;
}

static void put_file(struct report *r, const struct snapshot *s, const struct located_file *x) {
    AUTO_BUF why = BUF_INIT(4096);
    put_reasons(&why, &x->reasons);
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:f, s:o}", "kind", "file", "path",
                          snapshot_file(s, x->file)->path, "line", (json_int_t)x->line, "score",
                          x->score, "reasons", json_reasons(&x->reasons)),
                "%s:%u  %s", snapshot_file(s, x->file)->path, x->line, why.len ? why.data : "");
}

static void put_symbol(struct report *r, const struct snapshot *s, const struct located_symbol *x) {
    char name[NAME_BYTES_MAX];
    AUTO_BUF why = BUF_INIT(4096);
    const struct fact_symbol *y = symbol_at(s, x->place);
    symbol_full_name(s, x->place, name, sizeof name);
    put_reasons(&why, &x->reasons);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:f, s:o}", "kind", "symbol", "symbol",
                          name, "symbol_kind", symbol_kind_name(y->kind), "path",
                          symbol_path_at(s, x->place), "line", (json_int_t)y->line, "end_line",
                          (json_int_t)y->end_line, "score", x->score, "reasons",
                          json_reasons(&x->reasons)),
                "%s:%u-%u %s %s  %s", symbol_path_at(s, x->place), y->line, y->end_line,
                symbol_kind_name(y->kind), name, why.len ? why.data : "");
}

// What changes often, and what was said when it did, tells where things are.
static int find_with_history(struct agent_call *call, struct workspace_view *view,
                             const struct locate_want *want, struct locate_result **ret,
                             struct err *err) {
    struct workspace_past past = {0};
    const struct search *search = NULL;
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = workspace_view_search_past(view, &past, call->cancelled, call->ctx, &search, err);
    if (r == 0)
        r = locate(search, want, ret, err);
    workspace_past_done(&past);
    return r;
}

int edison_locate(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct locate_input *in = input;
    char under[PATH_BYTES_MAX];
    struct workspace_view *view = NULL;
    struct locate_result *found = NULL;
    int r = agent_view(call, &view, err);
    if (r < 0)
        return r;
    const struct snapshot *s = workspace_view_snapshot(view);
    struct locate_want want = {.text = in->text.data,
                               .bytes = in->text.len,
                               .files = (uint32_t)in->limit,
                               .symbols = (uint32_t)in->limit,
                               .under = agent_path(in->path, under, sizeof under),
                               .tests = in->tests ? LOCATE_TESTS_YES : LOCATE_TESTS_AUTO};
    r = find_with_history(call, view, &want, &found, err);
    if (r == 0) {
        if (found->file_count)
            report_group(report, "## Files");
        for (uint32_t i = 0; i < found->file_count; i++)
            put_file(report, s, &found->files[i]);
        if (found->symbol_count)
            report_group(report, "## Symbols");
        for (uint32_t i = 0; i < found->symbol_count; i++)
            put_symbol(report, s, &found->symbols[i]);
        report_nothing(report, "Nothing in this workspace has these words or names.");
        if (found->unknown[0])
            report_note(report, "not defined in this workspace: %s", found->unknown);
        agent_note_limits(report, s);
    }
    locate_free(found);
    workspace_view_put(view);
    return r;
}

static void put_hit(struct report *r, const struct snapshot *s, const struct similar_hit *x) {
    static const struct {
        unsigned how;
        const char *text;
    } hows[] = {{SIMILAR_COPY, "the same but for names and literals"},
                {SIMILAR_CALLS, "calls the same"},
                {SIMILAR_WORDS, "says the same"},
                {SIMILAR_NAME, "is called alike"},
                {SIMILAR_CALLED, "called by it already"}};
    char name[NAME_BYTES_MAX];
    AUTO_BUF how = BUF_INIT(1024);
    const struct fact_symbol *y = symbol_at(s, x->place);
    json_t *list = json_array();
    symbol_full_name(s, x->place, name, sizeof name);
    for (size_t i = 0; i < COUNT_OF(hows); i++)
        if (x->how & hows[i].how) {
            (void)buf_printf(&how, "%s%s", how.len ? ", " : "", hows[i].text);
            (void)json_array_append_new(list, json_string(hows[i].text));
        }
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:f, s:o, s:s}", "symbol", name, "path",
                          symbol_path_at(s, x->place), "line", (json_int_t)y->line, "score",
                          x->score, "how", list, "shared", x->shared),
                "%s:%u %s  %.2f: %s%s%s%s", symbol_path_at(s, x->place), y->line, name, x->score,
                how.len ? how.data : "", x->shared[0] ? " (" : "", x->shared,
                x->shared[0] ? ")" : "");
}

static int similar_to(struct agent_call *call, const struct similar_input *in,
                      const struct workspace_view *view, struct similar_result **ret,
                      struct err *err) {
    const struct snapshot *s = workspace_view_snapshot(view);
    struct symbol_list symbols;
    struct similar_want want = {
        .text = in->code.data,
        .bytes = in->code.len,
        .lang = language_by_name(in->language.data ? in->language.data : "", in->language.len),
        .max = (uint32_t)in->limit};
    (void)call;
    if (in->symbol.len) {
        int r = symbols_find(s, in->symbol, &symbols, err);
        if (r < 0)
            return r;
        if (!symbols.count)
            return err_set(err, ERR_NOT_FOUND, "symbol: no definition of %.*s in this workspace",
                           (int)in->symbol.len, in->symbol.data);
        want.text = NULL;
        want.symbol = &symbols.places[0];
    } else if (!in->code.len)
        return err_set(err, ERR_INVAL,
                       "code: what should it be like? Give a fragment, or a symbol");
    return similar_find(workspace_view_search(view), &want, ret, err);
}

int edison_similar(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    struct workspace_view *view = NULL;
    struct similar_result *found = NULL;
    int r = agent_view(call, &view, err);
    if (r == 0)
        r = similar_to(call, input, view, &found, err);
    if (r == 0) {
        const struct snapshot *s = workspace_view_snapshot(view);
        for (uint32_t i = 0; i < found->count; i++)
            put_hit(report, s, &found->hits[i]);
        report_nothing(report, "Nothing like it in this workspace%s%s.", found->note[0] ? ": " : "",
                       found->note);
        agent_note_limits(report, s);
    }
    similar_free(found);
    workspace_view_put(view);
    return r;
}
