// fix: the certain repairs of findings in a file, as a unified diff that was tried: applied in
// memory, parsed again, the finding gone and nothing new in its place. Nothing is written.
#include "core/agents/edison.h"

#include "core/agents/document.h"
#include "core/base/linediff.h"
#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, FIXES_MAX = 200, PARSE_MS = 2000, CONTEXT = 2 };

struct found {
    struct finding list[FIXES_MAX];
    uint32_t count, all; // all: with and without a repair
    const struct fix_input *in;
};

static int on_finding(void *ctx, const struct finding *f) {
    struct found *x = ctx;
    x->all++;
    if (!f->has_fix || x->count == FIXES_MAX ||
        (x->in->line && (f->line > (uint64_t)x->in->line || f->end_line < (uint64_t)x->in->line)) ||
        (x->in->rule.len && !text_is(x->in->rule, f->rule->id)))
        return 0;
    // Edits must not touch each other: the first one counts.
    for (uint32_t i = 0; i < x->count; i++)
        if (f->fix_start < x->list[i].fix_end + 1 && x->list[i].fix_start < f->fix_end + 1)
            return 0;
    x->list[x->count++] = *f;
    return 0;
}

static int apply(const struct buf *text, const struct finding *f, struct buf *ret) {
    (void)buf_append(ret, text->data, f->fix_start);
    (void)buf_puts(ret, f->fix_text);
    return buf_append(ret, text->data + f->fix_end, text->len - f->fix_end);
}

static void put_line(struct buf *out, char mark, const char **lines, const size_t *bytes,
                     uint32_t i) {
    (void)buf_putc(out, mark);
    (void)buf_append(out, lines[i], bytes[i]);
    (void)buf_putc(out, '\n');
}

struct lines {
    const char **at;
    size_t *bytes;
    uint32_t count;
};

static bool split(const char *text, size_t n, struct lines *ret) {
    uint32_t count = 1;
    for (size_t i = 0; i < n; i++)
        count += text[i] == '\n';
    ret->at = mem_alloc(count * sizeof *ret->at);
    ret->bytes = mem_alloc(count * sizeof *ret->bytes);
    ret->count = 0;
    if (!ret->at || !ret->bytes)
        return false;
    for (const char *at = text, *end = text + n; at < end;) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        ret->at[ret->count] = at;
        ret->bytes[ret->count++] = (size_t)((eol ? eol : end) - at);
        at = eol ? eol + 1 : end;
    }
    return true;
}

static void put_hunk(struct buf *out, const struct lines *a, const struct lines *b,
                     const struct line_change *c) {
    uint32_t from = c->old_start > CONTEXT ? c->old_start - CONTEXT : 0;
    uint32_t lead = c->old_start - from;
    uint32_t tail = a->count - c->old_start - c->old_count;
    tail = tail < CONTEXT ? tail : CONTEXT;
    (void)buf_printf(out, "@@ -%u,%u +%u,%u @@\n", from + 1, lead + c->old_count + tail,
                     c->new_start - lead + 1, lead + c->new_count + tail);
    for (uint32_t i = from; i < c->old_start; i++)
        put_line(out, ' ', a->at, a->bytes, i);
    for (uint32_t i = 0; i < c->old_count; i++)
        put_line(out, '-', a->at, a->bytes, c->old_start + i);
    for (uint32_t i = 0; i < c->new_count; i++)
        put_line(out, '+', b->at, b->bytes, c->new_start + i);
    for (uint32_t i = 0; i < tail; i++)
        put_line(out, ' ', a->at, a->bytes, c->old_start + c->old_count + i);
}

static int put_fix(struct report *r, const char *path, const struct buf *text,
                   const struct finding *f, struct err *err) {
    AUTO_BUF after = BUF_INIT(INDEX_FILE_BYTES_MAX + FINDING_FIX_BYTES_MAX);
    AUTO_BUF diff = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    struct linediff d = {0};
    struct lines a = {0}, b = {0};
    int code = apply(text, f, &after);
    if (code == 0)
        code = linediff(text->data, text->len, after.data, after.len, &d, err);
    bool ok = code == 0 && split(text->data, text->len, &a) && split(after.data, after.len, &b);
    if (ok) {
        (void)buf_printf(&diff, "--- a/%s\n+++ b/%s\n", path, path);
        for (uint32_t i = 0; i < d.count; i++)
            put_hunk(&diff, &a, &b, &d.changes[i]);
        while (diff.len && diff.data[diff.len - 1] == '\n')
            diff.len--;
        report_item(r,
                    json_pack("{s:s, s:s, s:I, s:s, s:s%}", "rule", f->rule->id, "path", path,
                              "line", (json_int_t)f->line, "message", f->message, "diff", diff.data,
                              diff.len),
                    "%s:%u [%s] %s\n%.*s", path, f->line, f->rule->id, f->message, (int)diff.len,
                    diff.data);
    }
    linediff_done(&d);
    mem_free(a.at);
    mem_free(a.bytes);
    mem_free(b.at);
    mem_free(b.bytes);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int fix_text(const struct fix_input *in, const char *path, enum lang lang,
                    const struct buf *text, struct report *report, struct err *err) {
    struct syntax *syntax = syntax_new();
    struct found *found = mem_zalloc(sizeof *found);
    struct syntax_limits limits = {.ms = PARSE_MS};
    uint32_t tried = 0;
    int r = syntax && found ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        found->in = in;
        r = syntax_parse(syntax, lang, text->data, text->len, &limits, err);
    }
    uint32_t errors = r == 0 ? syntax->errors : 0;
    if (r == 0)
        r = checks_run(syntax, path, on_finding, found, err);
    const struct document_text d = {
        .path = path, .lang = lang, .text = text->data, .bytes = text->len};
    for (uint32_t i = 0; r == 0 && i < found->count; i++) {
        const struct finding *f = &found->list[i];
        if (document_holds(syntax, &d, errors, found->all, f->fix_start, f->fix_end, f->fix_text) <=
            0)
            continue;
        tried++;
        r = put_fix(report, path, text, f, err);
    }
    if (r == 0) {
        report_title(report, "%s: %u certain repair%s for %u finding%s; nothing was written", path,
                     tried, tried == 1 ? "" : "s", found->all, found->all == 1 ? "" : "s");
        report_nothing(report, "No finding there has a repair that is certain.");
        report_note(report,
                    "each was applied and parsed in memory: run the tests before you commit");
    }
    mem_free(found);
    syntax_free(syntax);
    return r;
}

int edison_fix(struct agent_call *call, const void *input, struct report *report, struct err *err) {
    const struct fix_input *in = input;
    char path[PATH_BYTES_MAX];
    const char *clean = agent_path(in->path, path, sizeof path);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct snapshot *s = NULL;
    int r = agent_snapshot(call, TIER_LEXICAL, &s, err);
    int64_t file = r == 0 && clean ? snapshot_find(s, clean, strlen(clean)) : -1;
    if (r == 0 && file < 0)
        r = err_set(err, ERR_NOT_FOUND, "path: %.*s is not a file of this workspace",
                    (int)in->path.len, in->path.data);
    if (r == 0)
        r = snapshot_text(s, (uint32_t)file, &text, err);
    if (r == 0 && (!language_has_tree(snapshot_file(s, (uint32_t)file)->lang) || !text.len))
        report_nothing(report, "There are no checks for this kind of file.");
    else if (r == 0)
        r = fix_text(in, clean, snapshot_file(s, (uint32_t)file)->lang, &text, report, err);
    snapshot_put(s);
    return r;
}
