#include "core/agents/document.h"

#include "core/agents/maya.h"
#include "core/agents/sherlock.h"
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/workspace/classify.h"
#include "core/workspace/index.h"

#include <stdlib.h>
#include <string.h>

struct a11y {
    const struct document_text *d;
    struct findings *out;
    int r;
    struct err *err;
};

static void on_a11y(void *ctx, const struct maya_found *x) {
    struct a11y *a = ctx;
    const struct document_text *d = a->d;
    struct finding f = {.rule = maya_rule_find(x->rule, strlen(x->rule)),
                        .start = x->start,
                        .end = x->end,
                        .line = x->line,
                        .end_line = x->line};
    if (!f.rule || a->r < 0)
        return;
    (void)snprintf(f.message, sizeof f.message, "%s", x->what);
    if (finding_ignored(d->text, d->bytes, f.line, f.rule))
        a->out->ignored++;
    else
        a->r = findings_add(a->out, &f, d->path,
                            finding_print(f.rule, d->path, d->text, d->bytes, f.line), a->err);
}

static int check_a11y(const struct document_text *d, const struct syntax *tree,
                      struct findings *out, struct err *err) {
    bool jsx = d->lang == LANG_JAVASCRIPT || d->lang == LANG_TSX;
    struct a11y a = {.d = d, .out = out, .err = err};
    struct maya_file f = {.path = d->path, .lang = d->lang, .text = d->text, .bytes = d->bytes};
    if (!jsx && d->lang != LANG_HTML && d->lang != LANG_CSS)
        return 0;
    f.tree = jsx && language_has_tree(d->lang) ? tree : NULL;
    int r = maya_check(&f, on_a11y, &a, err);
    return r < 0 ? r : a.r;
}

static void silence(const struct document_text *d, struct findings *f) {
    struct agent_call call = {.root = d->root, .store = d->store};
    json_t *mutes = NULL, *baseline = NULL;
    if (!f->count || !d->root || !d->store)
        return;
    if (agent_memory_get(&call, "sherlock", "mutes", &mutes, NULL) == 0)
        findings_mute(f, mutes);
    if (agent_memory_get(&call, "sherlock", "baseline", &baseline, NULL) == 0)
        findings_baseline(f, baseline);
    json_decref(mutes);
    json_decref(baseline);
}

static int by_place(const void *a, const void *b) {
    const struct reported *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    int order = strcmp(x->rule->id, y->rule->id);
    return order ? order : strcmp(x->message, y->message);
}

static int check(const struct document_text *d, uint16_t flags, struct findings *ret,
                 struct err *err) {
    struct reviewer rv = {.syntax = syntax_new(), .findings = ret, .whole = true, .kept = d->kept};
    struct review_text x = {.path = d->path,
                            .lang = d->lang,
                            .text = d->text,
                            .bytes = d->bytes,
                            .test = (flags & FILE_TEST) != 0};
    int r = rv.syntax ? review_text(&rv, &x, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && d->cancelled && d->cancelled(d->ctx))
        r = err_set(err, ERR_CANCELLED, "cancelled");
    if (d->ret_errors)
        *d->ret_errors = rv.syntax && !rv.unparsed && rv.syntax->errors;
    // The tree is still that of the text.
    if (r == 0 && !(flags & (FILE_TEST | FILE_EXAMPLE)))
        r = check_a11y(d, rv.unparsed ? NULL : rv.syntax, ret, err);
    syntax_free(rv.syntax);
    return r;
}

const struct rule *document_rule(const char *id, size_t n) {
    const struct rule *rule = review_rule_find(id, n);
    return rule ? rule : maya_rule_find(id, n);
}

static int count_finding(void *ctx, const struct finding *f) {
    (void)f;
    ++*(uint32_t *)ctx;
    return 0;
}

// false: there is no tree to look at.
static bool look(struct syntax *s, const struct document_text *d, const char *text, size_t bytes,
                 uint32_t *ret_findings) {
    enum { PARSE_MS = 2000 };
    const struct syntax_limits limits = {.ms = PARSE_MS, .cancelled = d->cancelled, .ctx = d->ctx};
    *ret_findings = 0;
    return syntax_parse(s, d->lang, text, bytes, &limits, NULL) == 0 &&
           checks_run(s, d->path ? d->path : "untitled", count_finding, ret_findings, NULL) == 0;
}

int document_holds(struct syntax *s, const struct document_text *d, uint32_t errors,
                   uint32_t findings, size_t from, size_t to, const char *text) {
    AUTO_BUF tried = BUF_INIT(DOCUMENT_CHECK_BYTES_MAX + FINDING_FIX_BYTES_MAX);
    uint32_t left = 0;
    if (from > to || to > d->bytes)
        return 0;
    (void)buf_append(&tried, d->text, from);
    (void)buf_puts(&tried, text);
    (void)buf_append(&tried, d->text + to, d->bytes - to);
    if (tried.failed)
        return ERR_NOMEM;
    return look(s, d, tried.data, tried.len, &left) && s->errors <= errors && left < findings;
}

int document_try(const struct document_text *d, size_t from, size_t to, const char *text,
                 struct err *err) {
    struct syntax *s = syntax_new();
    uint32_t findings = 0;
    int r = !s ? ERR_NOMEM
            : !look(s, d, d->text, d->bytes, &findings)
                ? 0
                : document_holds(s, d, s->errors, findings, from, to, text);
    syntax_free(s);
    return r < 0 ? err_set(err, r, "out of memory") : r;
}

int document_findings(const struct document_text *given, struct findings *ret, struct err *err) {
    struct document_text d = *given;
    *ret = (struct findings){0};
    uint16_t flags = 0;
    if (d.path)
        flags = classify_path(d.path, strlen(d.path));
    else
        d.path = "untitled";
    flags |= classify_content(d.lang, d.text, d.bytes);
    if (d.bytes > DOCUMENT_CHECK_BYTES_MAX ||
        (flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY)))
        return 0;
    int r = check(&d, flags, ret, err);
    if (r < 0)
        return r;
    silence(&d, ret);
    findings_sort(ret); // equal ones once
    if (ret->count)
        qsort(ret->list, ret->count, sizeof *ret->list, by_place);
    return 0;
}
