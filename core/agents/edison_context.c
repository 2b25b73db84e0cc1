// map and pack: the repository at a glance, and the source a task needs, each within a budget of
// tokens. Both choose by the budget themselves, so their answer is one page.
#include "core/agents/edison.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"
#include "core/workspace/map.h"
#include "core/workspace/pack.h"
#include "core/workspace/workspace.h"

#include <string.h>

enum { PATH_BYTES_MAX = 4096, FOCUS_MAX = 64, PACK_TOKENS_USUAL = 4000, MAP_TOKENS_USUAL = 1024 };

struct focus {
    struct place symbols[FOCUS_MAX];
    uint32_t files[FOCUS_MAX];
    uint32_t symbol_count, file_count;
};

// Each is a path, or a symbol; what is not known is said.
static int read_focus(const struct snapshot *s, const struct text_array *list, struct focus *ret,
                      struct report *report, struct err *err) {
    for (size_t i = 0; i < list->count; i++) {
        const struct text t = list->items[i];
        char path[PATH_BYTES_MAX];
        struct symbol_list found;
        const char *clean = agent_path(t, path, sizeof path);
        int64_t file = clean ? snapshot_find(s, clean, strlen(clean)) : -1;
        if (file >= 0 && ret->file_count < FOCUS_MAX) {
            ret->files[ret->file_count++] = (uint32_t)file;
            continue;
        }
        int r = symbols_find(s, t, &found, err);
        if (r < 0)
            return r;
        if (found.count && ret->symbol_count < FOCUS_MAX)
            ret->symbols[ret->symbol_count++] = found.places[0];
        else
            report_note(report, "focus %.*s: neither a file nor a symbol of this workspace",
                        (int)t.len, t.data);
    }
    return 0;
}

static json_t *map_lines(const struct snapshot *s, const struct code_map *m) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->line_count; i++) {
        const struct place p = m->lines[i].place;
        char name[256];
        symbol_full_name(s, p, name, sizeof name);
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:I, s:s, s:f}", "path", symbol_path_at(s, p),
                                              "line", (json_int_t)symbol_at(s, p)->line, "symbol",
                                              name, "score", m->lines[i].score));
    }
    return list;
}

int edison_map(struct agent_call *call, const void *input, struct report *report, struct err *err) {
    const struct map_input *in = input;
    char under[PATH_BYTES_MAX];
    struct workspace_view *view = NULL;
    struct code_map *m = NULL;
    struct focus focus = {.file_count = 0};
    int r = agent_view(call, &view, err);
    if (r == 0)
        r = read_focus(workspace_view_snapshot(view), &in->focus, &focus, report, err);
    if (r == 0) {
        struct map_want want = {.tokens =
                                    in->page.budget ? (uint32_t)in->page.budget : MAP_TOKENS_USUAL,
                                .query = in->text.data,
                                .query_bytes = in->text.len,
                                .files = focus.files,
                                .file_count = focus.file_count,
                                .symbols = focus.symbols,
                                .symbol_count = focus.symbol_count,
                                .under = agent_path(in->path, under, sizeof under),
                                .tests = in->tests};
        r = map_make(workspace_view_search(view), &want, &m, err);
    }
    if (r == 0) {
        const struct snapshot *s = workspace_view_snapshot(view);
        size_t n = m->text_bytes;
        while (n && m->text[n - 1] == '\n')
            n--;
        if (m->line_count)
            report_item_text(report,
                             json_pack("{s:s%, s:o, s:I}", "text", m->text, m->text_bytes, "lines",
                                       map_lines(s, m), "left_out", (json_int_t)m->symbols_left),
                             m->text, n);
        report_nothing(report, "No definitions there.");
        if (m->symbols_left)
            report_note(report, "%u more symbols: raise the budget, or give a path or focus",
                        m->symbols_left);
        agent_note_limits(report, s);
    }
    map_free(m);
    workspace_view_put(view);
    return r;
}

static json_t *pack_parts(const struct snapshot *s, const struct pack *p) {
    static const char *const kinds[] = {"body", "signature", "head"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->part_count; i++) {
        const struct pack_part *x = &p->parts[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:s, s:f}", "path", snapshot_file(s, x->file)->path,
                            "line", (json_int_t)x->line, "end_line", (json_int_t)x->end_line,
                            "kind", kinds[x->kind], "score", x->score));
    }
    return list;
}

int edison_pack(struct agent_call *call, const void *input, struct report *report,
                struct err *err) {
    const struct pack_input *in = input;
    char under[PATH_BYTES_MAX];
    struct workspace_view *view = NULL;
    struct pack *p = NULL;
    struct focus focus = {.file_count = 0};
    int r = agent_view(call, &view, err);
    if (r == 0)
        r = read_focus(workspace_view_snapshot(view), &in->focus, &focus, report, err);
    if (r == 0) {
        struct pack_want want = {.text = in->text.data,
                                 .bytes = in->text.len,
                                 .tokens = in->page.budget ? (uint32_t)in->page.budget
                                                           : PACK_TOKENS_USUAL,
                                 .focus = focus.symbols,
                                 .focus_count = focus.symbol_count,
                                 .under = agent_path(in->path, under, sizeof under),
                                 .tests = in->tests};
        r = pack_make(workspace_view_search(view), &want, &p, err);
    }
    if (r == 0) {
        const struct snapshot *s = workspace_view_snapshot(view);
        size_t n = p->text_bytes;
        while (n && p->text[n - 1] == '\n')
            n--;
        if (p->part_count)
            report_item_text(report,
                             json_pack("{s:s%, s:I, s:o, s:I}", "text", p->text, p->text_bytes,
                                       "tokens", (json_int_t)p->tokens, "parts", pack_parts(s, p),
                                       "left_out", (json_int_t)p->left_out),
                             p->text, n);
        report_nothing(report, "Nothing in this workspace has the words or names of this text.");
        if (p->unread)
            report_note(report, "%u files changed meanwhile and are left out", p->unread);
        agent_note_limits(report, s);
    }
    pack_free(p);
    workspace_view_put(view);
    return r;
}
