// patterns at a place: which of this repository's idioms stand at some lines of a file, or which of
// its edits would still have something to do there.
#include "core/agents/edison.h"

#include "core/agents/edison_mined.h"
#include "core/base/mem.h"
#include "core/code/patterns.h"
#include "core/workspace/index.h"

#include <string.h>

struct here {
    struct report *report;
    const char *path;
    const struct idiom **of; // by the set's numbers
    struct pattern **list;
    uint32_t count;
    uint32_t first, last; // lines
    uint32_t found;
};

static int on_match(void *ctx, const struct pattern_match *m) {
    struct here *x = ctx;
    if (m->line > x->last || m->end_line < x->first || x->found++ >= MATCHES_MAX)
        return 0;
    const struct idiom *p = x->of[m->pattern];
    report_item(x->report,
                json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:I}", "path", x->path, "line",
                          (json_int_t)m->line, "end_line", (json_int_t)m->end_line, "id", p->id,
                          "text", p->text, "count", (json_int_t)p->count, "files",
                          (json_int_t)p->files),
                "%s:%u [%.8s] %u times in %u files\n%s", x->path, m->line, p->id, p->count,
                p->files, p->text);
    return 0;
}

static uint32_t line_start(const struct syntax *s, uint32_t line) {
    const char *at = s->text, *end = s->text + s->bytes;
    for (; line > 1 && at; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    return at ? (uint32_t)(at - s->text) : s->bytes;
}

// Texts become patterns again: only whoever matches them needs that.
static int read_patterns(struct here *x, const struct idioms *all, enum lang lang,
                         struct err *err) {
    struct pattern_reader *reader = pattern_reader_new();
    int r = reader ? 0 : ERR_NOMEM;
    x->of = mem_alloc((all->count + 1) * sizeof *x->of);
    x->list = mem_alloc((all->count + 1) * sizeof(struct pattern *));
    if (!x->of || !x->list)
        r = ERR_NOMEM;
    for (uint32_t i = 0; r == 0 && i < all->count; i++) {
        const struct idiom *p = &all->list[i];
        if (p->lang != lang)
            continue;
        r = pattern_parse(reader, lang, p->text, strlen(p->text), &x->list[x->count], NULL);
        if (r == 0)
            x->of[x->count++] = p;
        else if (r != ERR_NOMEM)
            r = 0; // of a grammar that has changed since it was kept
    }
    pattern_reader_free(reader);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int match(struct here *x, const struct syntax *syntax, struct err *err) {
    struct pattern_matcher *m = pattern_matcher_new();
    struct pattern_set *set = NULL;
    int r = m ? pattern_set_new(x->list, x->count, &set, err)
              : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = patterns_match_range(set, m, syntax, line_start(syntax, x->first),
                                 line_start(syntax, x->last + 1), on_match, x, err);
    pattern_set_free(set);
    pattern_matcher_free(m);
    return r;
}

static int idioms_wanted(struct agent_call *call, const struct patterns_input *in,
                         const struct snapshot *s, struct idioms *ret, struct err *err) {
    struct workspace_past past = {0};
    uint32_t commits;
    if (!in->edits)
        return idioms_of(call, s, ret, err);
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = edits_of(call, &past, ret, &commits, err);
    workspace_past_done(&past);
    return r;
}

static int find(struct here *x, struct agent_call *call, const struct patterns_input *in,
                const struct snapshot *s, uint32_t file, struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, file);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct idioms all = {0};
    struct syntax *syntax = syntax_new();
    int r = syntax ? snapshot_text(s, file, &text, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = syntax_parse(syntax, f->lang, text.data ? text.data : "", text.len, NULL, err);
    if (r == 0)
        r = idioms_wanted(call, in, s, &all, err);
    if (r == 0)
        r = read_patterns(x, &all, f->lang, err);
    if (r == 0)
        r = match(x, syntax, err);
    for (uint32_t i = 0; i < x->count; i++)
        pattern_free(x->list[i]);
    mem_free(x->list);
    mem_free(x->of);
    idioms_done(&all);
    syntax_free(syntax);
    return r;
}

int edison_patterns_here(struct agent_call *call, const struct patterns_input *in,
                         const struct snapshot *s, struct report *report, struct err *err) {
    int64_t file = snapshot_find(s, in->path.data, in->path.len);
    if (file < 0)
        return err_set(err, ERR_NOT_FOUND, "path: no such file in this workspace");
    struct here x = {.report = report,
                     .path = snapshot_file(s, (uint32_t)file)->path,
                     .first = in->line ? (uint32_t)in->line : 1,
                     .last = in->end_line ? (uint32_t)in->end_line : (uint32_t)in->line};
    if (x.last < x.first)
        x.last = in->line ? x.first : UINT32_MAX - 1;
    int r = find(&x, call, in, s, (uint32_t)file, err);
    if (r < 0)
        return r;
    if (in->edits)
        report_title(report, "Places there with the form from before an edit: %u", x.found);
    else
        report_title(report, "Idioms of this repository that stand there: %u", x.found);
    report_nothing(report, in->edits
                               ? "No edit of this repository's history has anything to do there."
                               : "None of this repository's idioms stands there.");
    return 0;
}
