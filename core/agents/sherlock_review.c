// review: a change. review_tree: everything. Tree checks, secrets, copies, functions that became
// harder, exports that nobody uses.
#include "core/agents/sherlock.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"
#include "core/code/clones.h"
#include "core/code/secrets.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, COPY_TOKENS_MIN = 70, COPIES_SHOWN = 200, PAIRS_MAX = 2000 };

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

static bool looked_at(const struct snapshot_file *f) {
    return !(f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_TOO_LARGE |
                         FILE_UNREADABLE | FILE_SYMLINK | FILE_SUBMODULE));
}

// --- copies ------------------------------------------------------------------------------------

struct copies {
    const struct snapshot *s;
    struct clone_source *sources;
    uint32_t count;
    struct buf text; // of the file that clones_match looks at
};

static int copy_text(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                     size_t *ret_bytes) {
    struct copies *c = ctx;
    buf_clear(&c->text);
    int r = snapshot_text(c->s, file, &c->text, NULL);
    *ret_lang = snapshot_file(c->s, file)->lang;
    *ret_text = c->text.len ? c->text.data : "";
    *ret_bytes = c->text.len;
    return r;
}

static int collect_sources(struct copies *c, struct err *err) {
    uint32_t n = snapshot_count(c->s);
    c->sources = mem_alloc((n + 1) * sizeof *c->sources);
    if (!c->sources)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        const struct snapshot_file *f = snapshot_file(c->s, i);
        // A test may repeat itself: what it says plainly twice is easier to read than what it
        // shares.
        if (f->facts && f->facts->clone_count && looked_at(f) && language_is_code(f->lang) &&
            !(f->flags & FILE_TEST))
            c->sources[c->count++] =
                (struct clone_source){facts_clone(f->facts, 0), f->facts->clone_count, i};
    }
    return 0;
}

static int add_copy(struct findings *out, const struct snapshot *s, const struct clone_pair *p,
                    bool second, struct err *err) {
    uint32_t file = second ? p->file_b : p->file_a, other = second ? p->file_a : p->file_b;
    uint32_t line = second ? p->line_b : p->line_a, end = second ? p->end_line_b : p->end_line_a;
    struct finding f = {.rule = &review_copied, .line = line, .end_line = end};
    (void)snprintf(f.message, sizeof f.message, "lines %u-%u stand at %s:%u-%u too (%u tokens)",
                   line, end, snapshot_file(s, other)->path, second ? p->line_a : p->line_b,
                   second ? p->end_line_a : p->end_line_b, p->tokens);
    const char *path = snapshot_file(s, file)->path;
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    if (snapshot_text(s, file, &text, NULL) < 0)
        return 0;
    const char *bytes = text.len ? text.data : "";
    if (finding_ignored(bytes, text.len, line, f.rule)) {
        out->ignored++;
        return 0;
    }
    return findings_add(out, &f, path, finding_print(f.rule, path, bytes, text.len, line), err);
}

// Of a change: the copy is new when most of its lines were added.
static bool mostly_added(const struct diff *d, const char *path, uint32_t line, uint32_t end_line) {
    const struct diff_file *f = diff_find(d, path);
    uint32_t added = 0, lines = end_line - line + 1;
    for (uint32_t h = 0; f && h < f->hunk_count; h++) {
        const struct diff_hunk *k = &d->hunks[f->first_hunk + h];
        uint32_t from = k->new_start > line ? k->new_start : line;
        uint32_t to =
            k->new_start + k->new_count < end_line + 1 ? k->new_start + k->new_count : end_line + 1;
        added += to > from ? to - from : 0;
    }
    return added * 10 >= lines * 7;
}

static int find_copies(const struct snapshot *s, const struct diff *d, const char *under,
                       struct findings *out, struct err *err) {
    struct copies c = {.s = s, .text = BUF_INIT(INDEX_FILE_BYTES_MAX)};
    struct clone_pair *pairs = NULL;
    uint32_t count = 0, shown = 0;
    int r = collect_sources(&c, err);
    struct clone_options o = {.tokens_min = COPY_TOKENS_MIN,
                              .pairs_max = PAIRS_MAX,
                              .only_file = -1,
                              .text = copy_text,
                              .ctx = &c};
    if (r == 0)
        r = clones_match(c.sources, c.count, &o, &pairs, &count, err);
    for (uint32_t i = 0; r == 0 && i < count && shown < COPIES_SHOWN; i++) {
        const struct clone_pair *p = &pairs[i];
        const char *a = snapshot_file(s, p->file_a)->path, *b = snapshot_file(s, p->file_b)->path;
        bool new_b = d ? mostly_added(d, b, p->line_b, p->end_line_b) : below(b, under);
        bool new_a = d ? mostly_added(d, a, p->line_a, p->end_line_a) : below(a, under);
        if (!new_a && !new_b)
            continue;
        shown++;
        r = add_copy(out, s, p, new_b, err);
    }
    mem_free(pairs);
    mem_free(c.sources);
    buf_done(&c.text);
    return r;
}

// --- exports that nobody uses ------------------------------------------------------------------

// Only where a name is private unless said otherwise, or a header says it: elsewhere everything is
// visible, and a library's users are not in its repository.
static bool may_be_dead(const struct snapshot_file *f, const struct fact_symbol *y) {
    bool kind = y->kind == SYMBOL_FUNCTION || y->kind == SYMBOL_CLASS;
    bool lang = f->lang == LANG_C || f->lang == LANG_TYPESCRIPT || f->lang == LANG_TSX ||
                f->lang == LANG_JAVASCRIPT;
    return kind && lang && (y->flags & SYMBOL_EXPORTED) &&
           !(y->flags & (SYMBOL_ENTRY | SYMBOL_DECLARATION)) && !(f->flags & FILE_TEST);
}

static int dead_export(const struct snapshot *s, uint32_t file, uint32_t symbol,
                       const struct review_text *x, struct findings *out, struct err *err) {
    const struct facts *facts = snapshot_file(s, file)->facts;
    const struct fact_symbol *y = facts_symbol(facts, symbol);
    const char *name = facts_text(facts, y->name);
    struct mention m[4];
    // Its own definition mentions it at most as a recursive call.
    uint32_t n = snapshot_mentions(s, name, strlen(name), m, 4);
    for (uint32_t i = 0; i < n && i < 4; i++)
        if (m[i].file != file || facts_ref(facts, m[i].ref)->scope != symbol + 1)
            return 0;
    if (n > 4 || !diff_touches(x->diff, x->file, y->line, y->line))
        return 0;
    struct finding f = {.rule = &review_dead_export, .line = y->line, .end_line = y->line};
    (void)snprintf(f.message, sizeof f.message,
                   "%s %s is visible to other files, and nothing in "
                   "this workspace mentions it",
                   symbol_kind_name(y->kind), name);
    if (finding_ignored(x->text, x->bytes, y->line, f.rule)) {
        out->ignored++;
        return 0;
    }
    return findings_add(out, &f, x->path,
                        finding_print(f.rule, x->path, x->text, x->bytes, y->line), err);
}

static int dead_exports(const struct snapshot *s, const struct review_text *x, struct findings *out,
                        struct err *err) {
    int64_t file = snapshot_find(s, x->path, strlen(x->path));
    const struct snapshot_file *f = file < 0 ? NULL : snapshot_file(s, (uint32_t)file);
    int r = 0;
    for (uint32_t i = 0; r == 0 && f && f->facts && i < f->facts->symbol_count; i++)
        if (may_be_dead(f, facts_symbol(f->facts, i)))
            r = dead_export(s, (uint32_t)file, i, x, out, err);
    return r;
}

// --- a change ----------------------------------------------------------------------------------

static int review_changed(struct change *c, const struct diff_file *f, struct reviewer *rv,
                          struct report *report, struct err *err) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    AUTO_BUF old = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct err why = {0};
    if (!f->new_path || f->binary || f->status == DIFF_UNMERGED)
        return 0;
    int r = change_new_text(c, f, &text, &why);
    if (r == 0)
        r = change_old_text(c, f, &old, &why);
    if (r == ERR_CANCELLED || r == ERR_NOMEM)
        return err_set(err, r, "%s", err_text(&why));
    if (r < 0) {
        report_note(report, "%s: %s", f->new_path, err_text(&why));
        return 0;
    }
    int64_t known = snapshot_find(c->snapshot, f->new_path, strlen(f->new_path));
    const struct snapshot_file *file =
        known < 0 ? NULL : snapshot_file(c->snapshot, (uint32_t)known);
    if (file && (file->flags & (FILE_VENDORED | FILE_GENERATED))) {
        report_note(report, "%s: vendored or generated, not reviewed", f->new_path);
        return 0;
    }
    struct review_text x = {
        .path = f->new_path,
        .lang = file ? file->lang : language_of(f->new_path, text.len ? text.data : "", text.len),
        .text = text.len ? text.data : "",
        .bytes = text.len,
        .old = old.len ? old.data : NULL,
        .old_bytes = old.len,
        .diff = c->diff,
        .file = f,
        .test = file && (file->flags & FILE_TEST)};
    r = review_text(rv, &x, err);
    if (r == 0 && c->side == GIT_WORK_TREE && c->git)
        r = dead_exports(c->snapshot, &x, rv->findings, err);
    return r;
}

static int review_all(struct agent_call *call, struct change *c, const struct review_input *in,
                      struct reviewer *rv, struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    uint32_t files = 0, added = 0, removed = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < c->diff->file_count; i++) {
        const struct diff_file *f = &c->diff->files[i];
        if (agent_cancelled(call))
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (!below(f->new_path ? f->new_path : f->old_path, under))
            continue;
        files++;
        added += f->added;
        removed += f->removed;
        r = review_changed(c, f, rv, report, err);
    }
    if (r == 0 && files && c->side == GIT_WORK_TREE)
        r = find_copies(c->snapshot, c->diff, NULL, rv->findings, err);
    if (r == 0)
        r = sherlock_put(call, rv->findings, in, false, report, err);
    if (r < 0 || in->format == REVIEW_SARIF) // that stands alone
        return r;
    report_title(report, "%s: %u file%s, +%u -%u lines, %u function%s looked at: %u finding%s",
                 c->what, files, files == 1 ? "" : "s", added, removed, rv->functions,
                 rv->functions == 1 ? "" : "s", rv->findings->count,
                 rv->findings->count == 1 ? "" : "s");
    report_nothing(report, files ? "Nothing found on the changed lines." : "Nothing has changed.");
    if (c->diff->partial)
        report_note(report, "too many new files: some are left out");
    if (rv->unparsed)
        report_note(report, "%u file%s could not be parsed in time", rv->unparsed,
                    rv->unparsed == 1 ? "" : "s");
    return 0;
}

int sherlock_review(struct agent_call *call, const void *input, struct report *report,
                    struct err *err) {
    const struct review_input *in = input;
    struct change c = {0};
    struct findings found = {0};
    struct reviewer rv = {.findings = &found, .confidence = (int)in->confidence};
    int r = change_open(call, in->range, &in->diff, &c, err);
    if (r < 0)
        return r;
    rv.syntax = syntax_new();
    r = rv.syntax ? review_all(call, &c, in, &rv, report, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    syntax_free(rv.syntax);
    findings_done(&found);
    change_close(&c);
    return r;
}

// --- the whole tree ----------------------------------------------------------------------------

static int add_known(struct findings *out, const struct snapshot *s, uint32_t file, int confidence,
                     const char *text, size_t bytes, struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, file);
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < f->facts->finding_count; i++) {
        const struct fact_finding *x = facts_finding(f->facts, i);
        struct finding one = {.rule = rules_at(x->rule),
                              .line = x->line,
                              .end_line = x->end_line,
                              .confidence = x->confidence,
                              .has_fix = x->has_fix};
        if (!one.rule || one.rule->review_only ||
            (x->confidence ? x->confidence : one.rule->confidence) < confidence)
            continue;
        (void)snprintf(one.message, sizeof one.message, "%s", facts_text(f->facts, x->message));
        (void)snprintf(one.fix_text, sizeof one.fix_text, "%s", facts_text(f->facts, x->fix_text));
        if (finding_ignored(text, bytes, one.line, one.rule))
            out->ignored++;
        else
            r = findings_add(out, &one, f->path,
                             finding_print(one.rule, f->path, text, bytes, one.line), err);
    }
    return r;
}

struct secrets_in_tree {
    struct findings *out;
    const char *path;
    const struct buf *text;
    int confidence;
    struct err *err;
};

static int on_secret(void *ctx, const struct secret_finding *x) {
    struct secrets_in_tree *t = ctx;
    struct finding f = {.rule = &review_secret, .line = x->line, .confidence = x->confidence};
    (void)snprintf(f.message, sizeof f.message, "%s: %s", x->what, x->shown);
    if (x->confidence < t->confidence)
        return 0;
    if (finding_ignored(t->text->data, t->text->len, x->line, f.rule)) {
        t->out->ignored++;
        return 0;
    }
    return findings_add(t->out, &f, t->path,
                        finding_print(f.rule, t->path, t->text->data, t->text->len, x->line),
                        t->err);
}

static int add_secrets(struct findings *out, const char *path, int confidence,
                       const struct buf *text, struct err *err) {
    struct secrets_in_tree t = {out, path, text, confidence, err};
    return text->len ? secrets_scan(text->data, text->len, path, on_secret, &t) : 0;
}

static int review_files(struct agent_call *call, const struct snapshot *s, const char *under,
                        int confidence, struct findings *out, uint32_t *ret_files,
                        struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        if (agent_cancelled(call))
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (!f->facts || !looked_at(f) || !below(f->path, under))
            continue;
        (*ret_files)++;
        if (snapshot_text(s, i, &text, NULL) < 0)
            continue; // changed meanwhile: the next review sees it
        r = add_known(out, s, i, confidence, text.len ? text.data : "", text.len, err);
        if (r == 0)
            r = add_secrets(out, f->path, confidence, &text, err);
    }
    return r;
}

static int whole_tree(struct agent_call *call, const struct review_input *in, bool keep,
                      struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    struct snapshot *s = NULL;
    struct findings found = {0};
    uint32_t files = 0;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0)
        r = review_files(call, s, under, (int)in->confidence, &found, &files, err);
    if (r == 0)
        r = find_copies(s, NULL, under, &found, err);
    if (r == 0)
        r = sherlock_put(call, &found, in, keep, report, err);
    if (r == 0 && in->format != REVIEW_SARIF) {
        report_title(report, "%u files: %u finding%s", files, found.count,
                     found.count == 1 ? "" : "s");
        report_nothing(report, files ? "Nothing found." : "No files there.");
        agent_note_limits(report, s);
    }
    findings_done(&found);
    snapshot_put(s);
    return r;
}

int sherlock_review_tree(struct agent_call *call, const void *input, struct report *report,
                         struct err *err) {
    return whole_tree(call, input, false, report, err);
}

int sherlock_baseline(struct agent_call *call, const void *input, struct report *report,
                      struct err *err) {
    return whole_tree(call, input, true, report, err);
}
