// review: a change. review_tree: everything. Tree checks, secrets, copies, functions that became
// harder, exports that nobody uses.
#include "core/agents/sherlock.h"

#include "core/agents/reading.h"
#include "core/agents/symbols.h"
#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = 4096,
    ISLAND_NAMES_MAX = 500, // of a file
    HABIT_PLACES = 3        // a copy that stands at so many others is how the project writes it
};

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

static bool looked_at(const struct snapshot_file *f) {
    return !(f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_TOO_LARGE |
                         FILE_UNREADABLE | FILE_SYMLINK | FILE_SUBMODULE));
}

// --- exports that nobody uses ------------------------------------------------------------------

// Only where a name is private unless said otherwise, or a header says it: elsewhere everything is
// visible, and a library's users are not in its repository.
static bool may_be_dead(const struct snapshot_file *f, const struct fact_symbol *y) {
    // A struct of C is mentioned by the name of its typedef.
    bool kind = y->kind == SYMBOL_FUNCTION || (y->kind == SYMBOL_CLASS && f->lang != LANG_C);
    bool lang = f->lang == LANG_C || f->lang == LANG_TYPESCRIPT || f->lang == LANG_TSX ||
                f->lang == LANG_JAVASCRIPT;
    return kind && lang && (y->flags & SYMBOL_EXPORTED) &&
           !(y->flags & (SYMBOL_ENTRY | SYMBOL_DECLARATION)) && !(f->flags & FILE_TEST);
}

// A header of C says it to others on purpose: for a caller that is to come, or for the users of a
// library.
static bool is_declared_elsewhere(const struct snapshot *s, uint32_t file, const char *name) {
    struct place p[8];
    uint32_t n = snapshot_definitions(s, name, strlen(name), p, 8);
    for (uint32_t i = 0; i < n && i < 8; i++) {
        const struct snapshot_file *f = snapshot_file(s, p[i].file);
        if (p[i].file != file && facts_symbol(f->facts, p[i].symbol)->flags & SYMBOL_DECLARATION)
            return true;
    }
    return false;
}

// module.exports = function f() {}, export default function f() {}: others call it what they like.
static bool has_no_name_outside(const struct buf *text, uint32_t line) {
    const char *at = text->len ? text->data : "", *end = at + text->len;
    for (; line > 1 && at < end; line--) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        at = eol ? eol + 1 : end;
    }
    const char *eol = memchr(at, '\n', (size_t)(end - at));
    size_t n = (size_t)((eol ? eol : end) - at);
    return memmem(at, n, "exports", 7) || memmem(at, n, "export default", 14);
}

// GEN_CLEAR(list) at the left edge: a macro that makes functions, taken for one.
static bool is_macro(const struct snapshot *s, enum lang lang, const char *name) {
    struct place p[8];
    uint32_t n = snapshot_definitions(s, name, strlen(name), p, 8);
    bool shouted = lang == LANG_C;
    for (uint32_t i = 0; i < n && i < 8; i++)
        if (facts_symbol(snapshot_file(s, p[i].file)->facts, p[i].symbol)->kind == SYMBOL_MACRO)
            return true;
    for (const char *c = name; *c && shouted; c++)
        shouted = *c < 'a' || *c > 'z';
    return shouted;
}

static bool mentioned_outside(const struct snapshot *s, uint32_t file, const char *name) {
    struct mention m[64];
    uint32_t n = snapshot_mentions(s, name, strlen(name), m, 64);
    for (uint32_t i = 0; i < n && i < 64; i++)
        if (m[i].file != file)
            return true;
    return n > 64;
}

// REGISTER(Yield) may make RM_Yield: a macro of C pastes names together, and only their ends are
// mentioned.
static bool may_be_pasted(const struct snapshot *s, const char *name) {
    struct mention m;
    for (const char *at = strchr(name, '_'); at; at = strchr(at + 1, '_'))
        if (at[1] && snapshot_mentions(s, at + 1, strlen(at + 1), &m, 1))
            return true;
    return false;
}

// Nothing of the file is mentioned by any other: it is not reached by names (an entry of its own, a
// plug-in, an exercise), so that one of its names is not says nothing.
static bool is_island(const struct snapshot *s, uint32_t file) {
    const struct facts *facts = snapshot_file(s, file)->facts;
    uint32_t looks = 0;
    for (uint32_t i = 0; i < facts->symbol_count && looks < ISLAND_NAMES_MAX; i++) {
        const struct fact_symbol *y = facts_symbol(facts, i);
        if (!(y->flags & SYMBOL_EXPORTED))
            continue;
        looks++;
        if (mentioned_outside(s, file, facts_text(facts, y->name)))
            return false;
    }
    return true;
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
    if (n > 4 || !diff_touches(x->diff, x->file, y->line, y->line) ||
        is_declared_elsewhere(s, file, name) || is_macro(s, x->lang, name) ||
        (x->lang == LANG_C && may_be_pasted(s, name)) || is_island(s, file))
        return 0;
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    if (snapshot_text(s, file, &text, NULL) < 0 || // it changed meanwhile
        (x->lang != LANG_C && has_no_name_outside(&text, y->line)))
        return 0;
    const char *bytes = text.len ? text.data : "";
    struct finding f = {.rule = &review_dead_export, .line = y->line, .end_line = y->line};
    (void)snprintf(f.message, sizeof f.message,
                   "%s %s is visible to other files, and nothing in "
                   "this workspace mentions it",
                   symbol_kind_name(y->kind), name);
    if (finding_ignored(bytes, text.len, y->line, f.rule)) {
        out->ignored++;
        return 0;
    }
    return findings_add(out, &f, x->path, finding_print(f.rule, x->path, bytes, text.len, y->line),
                        err);
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

// Some neighbouring files of the change: looked at by several threads, judged one after the other.
struct window {
    struct change *c;
    const char *under;
    struct change_texts texts;
    struct review_text x[CHANGE_TEXTS_MAX];
    struct review_read *read[CHANGE_TEXTS_MAX]; // NULL: nothing to be said
    struct err failed[CHANGE_TEXTS_MAX];
    struct reviewer worker[CREW_MAX];
};

static const struct snapshot_file *known_file(const struct change *c, const char *path) {
    int64_t known = snapshot_find(c->snapshot, path, strlen(path));
    return known < 0 ? NULL : snapshot_file(c->snapshot, (uint32_t)known);
}

static bool has_new_text(const struct diff_file *f) {
    return f->new_path && !f->binary && f->status != DIFF_UNMERGED;
}

static bool is_foreign(const struct change *c, const struct diff_file *f) {
    const struct snapshot_file *file = known_file(c, f->new_path);
    return file && ((file->flags & (FILE_VENDORED | FILE_GENERATED)) ||
                    taken_from_grammar(c->snapshot, f->new_path));
}

// By the names of the contents alone, before any is read.
static unsigned need(void *ctx, uint32_t i, const struct change_text *t) {
    struct window *w = ctx;
    struct change *c = w->c;
    const struct diff_file *f = &c->diff->files[w->texts.first + i];
    w->x[i] = (struct review_text){0};
    w->failed[i] = (struct err){0};
    if (!change_below(f, w->under) || !has_new_text(f))
        return 0;
    if (is_foreign(c, f)) // whether it can be read is said none the less
        return CHANGE_NOW | CHANGE_OLD;
    const struct snapshot_file *file = known_file(c, f->new_path);
    enum lang lang = file ? file->lang : LANG_NONE;
    bool by_text = !file && !language_by_name_alone(f->new_path, &lang);
    w->x[i] = (struct review_text){.path = f->new_path,
                                   .lang = lang,
                                   .lang_of_text = by_text,
                                   .id = by_text ? NULL : t->now_id,
                                   .old_id = by_text ? NULL : t->old_id,
                                   .diff = c->diff,
                                   .file = f,
                                   .test = (file && (file->flags & FILE_TEST)) ||
                                           checks_is_material(f->new_path)};
    int r = review_known(&w->worker[0], &w->x[i], &w->read[i], &w->failed[i]);
    return r < 0 ? CHANGE_NOW | CHANGE_OLD : (unsigned)r;
}

static int look_at(void *ctx, unsigned worker, uint32_t i) {
    struct window *w = ctx;
    struct change_text *t = &w->texts.list[i];
    struct review_text *x = &w->x[i];
    if (!x->path || t->result < 0)
        return 0;
    x->text = t->now.len ? t->now.data : "";
    x->bytes = t->now.len;
    x->old = t->old.len ? t->old.data : NULL;
    x->old_bytes = t->old.len;
    if (x->lang_of_text)
        x->lang = language_of(x->path, x->text, x->bytes);
    return review_read(&w->worker[worker], x, &w->read[i], &w->failed[i]);
}

static int judge(struct window *w, uint32_t i, struct reviewer *rv, struct report *report,
                 struct err *err) {
    struct change *c = w->c;
    const struct diff_file *f = &c->diff->files[w->texts.first + i];
    if (!has_new_text(f))
        return 0;
    if (w->texts.list[i].result < 0) {
        report_note(report, "%s: %s", f->new_path, err_text(&w->texts.list[i].why));
        return 0;
    }
    if (is_foreign(c, f)) {
        report_note(report, "%s: vendored or generated, not reviewed", f->new_path);
        return 0;
    }
    struct review_text *x = &w->x[i];
    x->taken = x->text && taken_over(&rv->taken, c->snapshot, c->diff, f, x->text, x->bytes);
    int r = review_judge(rv, x, w->read[i], err);
    if (r == 0 && c->side == GIT_WORK_TREE && c->git)
        r = dead_exports(c->snapshot, x, rv->findings, err);
    return r;
}

// *ret_next: the first file behind those that were reviewed.
static int review_window(struct agent_call *call, struct window *w, uint32_t first,
                         const char *under, struct reviewer *rv, struct report *report,
                         uint32_t *ret_next, struct err *err) {
    struct change *c = w->c;
    w->under = under;
    for (unsigned i = 0; i < CREW_MAX; i++) {
        w->worker[i].confidence = rv->confidence;
        w->worker[i].derived = rv->derived;
    }
    w->texts.first = first;
    int r = change_read(c, first, need, w, &w->texts, err);
    if (r < 0)
        return r;
    r = crew_run(w->texts.count, look_at, w);
    for (uint32_t i = 0; r < 0 && i < w->texts.count; i++)
        if (w->failed[i].message[0])
            return err_set(err, r, "%s", err_text(&w->failed[i]));
    for (uint32_t i = 0; r == 0 && i < w->texts.count; i++) {
        if (agent_cancelled(call))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        else if (change_below(&c->diff->files[first + i], under))
            r = judge(w, i, rv, report, err);
    }
    for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++) {
        review_read_free(w->read[i]);
        w->read[i] = NULL;
    }
    *ret_next = first + w->texts.count;
    return r;
}

static int review_files_of(struct agent_call *call, struct change *c, const char *under,
                           struct reviewer *rv, struct report *report, struct err *err) {
    struct window *w = mem_zalloc(sizeof *w);
    int r = w ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (w)
        w->c = c;
    for (uint32_t i = 0; r == 0 && i < c->diff->file_count;)
        r = agent_cancelled(call) ? err_set(err, ERR_CANCELLED, "cancelled")
                                  : review_window(call, w, i, under, rv, report, &i, err);
    if (w) {
        for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++)
            review_read_free(w->read[i]);
        for (unsigned i = 0; i < CREW_MAX; i++)
            syntax_free(w->worker[i].syntax);
        change_texts_done(&w->texts);
    }
    mem_free(w);
    return r;
}

static int review_all(struct agent_call *call, struct change *c, const struct review_input *in,
                      struct reviewer *rv, struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    uint32_t files = 0, added = 0, removed = 0;
    int r = 0;
    for (uint32_t i = 0; i < c->diff->file_count; i++) {
        const struct diff_file *f = &c->diff->files[i];
        if (!change_below(f, under))
            continue;
        files++;
        added += f->added;
        removed += f->removed;
    }
    r = review_files_of(call, c, under, rv, report, err);
    if (r == 0 && files && c->side == GIT_WORK_TREE)
        r = copies_find(c->snapshot, rv->derived, c->diff, &rv->removed, NULL, rv->findings, err);
    findings_doubt_copied(rv->findings, &review_copied);
    findings_leave_habits(rv->findings, &review_copied, HABIT_PLACES);
    if (r == 0)
        r = sherlock_put(call, rv->findings, in, PUT_CHANGE, report, err);
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
    struct reviewer rv = {.findings = &found,
                          .confidence = (int)in->confidence,
                          .derived = workspace_derived(call->ws)};
    int r = change_open(call, in->range, &in->diff, &c, err);
    if (r < 0)
        return r;
    r = review_all(call, &c, in, &rv, report, err);
    news_removed_done(&rv.removed);
    findings_done(&found);
    change_close(&c);
    return r;
}

// --- the whole tree ----------------------------------------------------------------------------

struct tree {
    const struct snapshot *s;
    const char *under;
    int confidence;
    struct findings *out;
    uint32_t files;
};

static bool wanted(void *ctx, const struct snapshot_file *f) {
    struct tree *t = ctx;
    bool is = f->facts && looked_at(f) && below(f->path, t->under);
    t->files += is;
    return is;
}

static int add_known(struct tree *t, const struct snapshot_file *f,
                     const struct reading_known *known, struct err *err) {
    const struct fact_finding *x = facts_finding(f->facts, known->finding);
    struct finding one = {.rule = rules_at(x->rule),
                          .line = x->line,
                          .end_line = x->end_line,
                          .confidence = x->confidence,
                          .has_fix = x->has_fix};
    if (!one.rule || (x->confidence ? x->confidence : one.rule->confidence) < t->confidence)
        return 0;
    if (known->ignored) {
        t->out->ignored++;
        return 0;
    }
    (void)snprintf(one.message, sizeof one.message, "%s", facts_text(f->facts, x->message));
    (void)snprintf(one.fix_text, sizeof one.fix_text, "%s", facts_text(f->facts, x->fix_text));
    return findings_add(t->out, &one, f->path, known->print, err);
}

static int add_secret(struct tree *t, const char *path, const struct reading_secret *x,
                      struct err *err) {
    struct finding f = {.rule = &review_secret, .line = x->line, .confidence = x->confidence};
    if (x->confidence < t->confidence)
        return 0;
    if (x->ignored) {
        t->out->ignored++;
        return 0;
    }
    (void)snprintf(f.message, sizeof f.message, "%s: %s", x->what, x->shown);
    return findings_add(t->out, &f, path, x->print, err);
}

static int review_read_file(void *ctx, uint32_t file, const struct reading *reading,
                            struct err *err) {
    struct tree *t = ctx;
    const struct snapshot_file *f = snapshot_file(t->s, file);
    struct wire w = reading_knowns(reading);
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < reading->known_count; i++) {
        struct reading_known known;
        reading_next_known(&w, &known);
        if (known.finding < f->facts->finding_count)
            r = add_known(t, f, &known, err);
    }
    w = reading_secrets(reading);
    for (uint32_t i = 0; r == 0 && i < reading->secret_count; i++) {
        struct reading_secret secret;
        reading_next_secret(&w, &secret);
        r = add_secret(t, f->path, &secret, err);
    }
    return r;
}

static int whole_tree(struct agent_call *call, const struct review_input *in, bool keep,
                      struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    const char *under = agent_path(in->path, path, sizeof path);
    struct snapshot *s = NULL;
    struct findings found = {0};
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    struct tree t = {.s = s, .under = under, .confidence = (int)in->confidence, .out = &found};
    if (r == 0)
        r = reading_each(call, s, wanted, review_read_file, &t, err);
    if (r == 0)
        r = copies_find(s, workspace_derived(call->ws), NULL, NULL, under, &found, err);
    if (r == 0)
        r = sherlock_put(call, &found, in, keep ? PUT_BASELINE : PUT_TREE, report, err);
    if (r == 0 && in->format != REVIEW_SARIF) {
        report_title(report, "%u files: %u finding%s", t.files, found.count,
                     found.count == 1 ? "" : "s");
        report_nothing(report, t.files ? "Nothing found." : "No files there.");
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
