#include "server/lsp_findings.h"

#include "core/agents/document.h"
#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TREES_MAX = 4 }; // syntax trees kept for the next keystroke

// What is kept for one document.
struct checked {
    struct lsp_face *face;
    struct lsp_document *document; // NULL: closed; freed when the job is done
    struct lsp_findings *now;
    bool running, again;
    struct syntax_kept *kept; // of the last text; NULL while the job has it
    uint64_t used;            // when that was: the one unused for longest gives its memory back
};

struct check {
    struct checked *for_whom;
    struct services *services;
    struct lsp_copy *copy;
    struct lsp_style style;
    struct syntax_kept *kept;
    bool partly, errors; // parsed from a kept tree; the text has errors
    struct lsp_findings *result;
    int r;
};

static void findings_free(struct lsp_findings *list) {
    for (uint32_t i = 0; list && i < list->count; i++) {
        mem_free(list->list[i].message);
        mem_free(list->list[i].fix);
        mem_free(list->list[i].json);
    }
    if (list)
        mem_free(list->list);
    mem_free(list);
}

// --- on the worker -------------------------------------------------------------------------------

// Where it is to be seen: not the whole of a construct over many lines, and no blanks.
static void place(const struct lsp_copy *c, const struct reported *x, struct lsp_finding *ret,
                  bool whole) {
    size_t from = x->start, to = x->end;
    if (!to || to > c->bytes || from >= to) {
        from = lsp_text_line_start(c->lines, x->line ? x->line - 1 : 0);
        to = lsp_text_line_start(c->lines, x->line);
    }
    if (!whole) {
        const char *eol = memchr(c->text + from, '\n', to - from);
        to = eol && eol > c->text + from ? (size_t)(eol - c->text) : to;
    }
    while (from < to && isspace((unsigned char)c->text[from]))
        from++;
    while (to > from && isspace((unsigned char)c->text[to - 1]))
        to--;
    ret->from = from;
    ret->to = to;
    ret->range = (struct lsp_range){lsp_text_position(c->lines, c->encoding, from),
                                    lsp_text_position(c->lines, c->encoding, to)};
    ret->line = ret->range.start.line;
}

static bool is_unnecessary(const struct rule *rule) {
    static const char *const ids[] = {"unreachable-code", "dead-export", "self-assignment"};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (strcmp(rule->id, ids[i]) == 0)
            return true;
    return false;
}

// Messages that speak of another place of the file say "line N", and of one only.
static uint32_t other_line(const struct lsp_copy *c, const struct lsp_finding *x) {
    static const char word[] = "line ";
    const char *at = strstr(x->message, word);
    unsigned long line = at ? strtoul(at + sizeof word - 1, NULL, 10) : 0;
    return line && line <= lsp_text_lines(c->lines) && line != x->line + 1UL ? (uint32_t)line : 0;
}

static void put_related(struct buf *out, const struct lsp_copy *c, const struct lsp_finding *x) {
    uint32_t line = other_line(c, x);
    if (!line)
        return;
    size_t from = lsp_text_line_start(c->lines, line - 1), to = lsp_text_line_start(c->lines, line);
    while (from < to && isspace((unsigned char)c->text[from]))
        from++;
    while (to > from && isspace((unsigned char)c->text[to - 1]))
        to--;
    (void)buf_puts(out, ",\"relatedInformation\":[{\"location\":{\"uri\":");
    (void)buf_put_json_string(out, c->uri, strlen(c->uri));
    (void)buf_puts(out, ",\"range\":");
    lsp_put_range(out, (struct lsp_range){lsp_text_position(c->lines, c->encoding, from),
                                          lsp_text_position(c->lines, c->encoding, to)});
    (void)buf_puts(out, "},\"message\":\"the other place of this finding\"}]");
}

// LSP 3.17 "Diagnostic".
static char *diagnostic(const struct lsp_copy *c, const struct lsp_style *k,
                        const struct lsp_finding *x) {
    static const int severities[] = {
        [SEVERITY_ERROR] = 1, [SEVERITY_WARNING] = 2, [SEVERITY_NOTE] = 3};
    struct buf out = BUF_INIT(0);
    (void)buf_puts(&out, "{\"range\":");
    lsp_put_range(&out, x->range);
    (void)buf_printf(&out, ",\"severity\":%d,\"code\":\"%s\"", severities[x->rule->severity],
                     x->rule->id);
    if (k->documentation) {
        (void)buf_puts(&out, ",\"codeDescription\":{\"href\":");
        AUTO_BUF href = BUF_INIT(0);
        (void)buf_printf(&href, "%s#%s", k->documentation, x->rule->id);
        (void)buf_put_json_string(&out, href.data, href.len);
        (void)buf_puts(&out, "}");
        out.failed |= href.failed;
    } else if (k->pages) {
        (void)buf_printf(&out, ",\"codeDescription\":{\"href\":\"paired:/rule/%s.md\"}",
                         x->rule->id);
    }
    (void)buf_printf(&out, ",\"source\":\"%c%s\",\"message\":", toupper(x->rule->agent[0]),
                     x->rule->agent + 1);
    (void)buf_put_json_string(&out, x->message, strlen(x->message));
    if (k->tags && is_unnecessary(x->rule))
        (void)buf_puts(&out, ",\"tags\":[1]");
    if (k->related)
        put_related(&out, c, x);
    (void)buf_printf(&out, ",\"data\":{\"print\":\"%016llx\",\"fix\":%s}}",
                     (unsigned long long)x->print, x->has_fix ? "true" : "false");
    return buf_take(&out);
}

static int take(const struct lsp_copy *c, const struct lsp_style *k, const struct reported *x,
                struct lsp_finding *ret) {
    *ret =
        (struct lsp_finding){.rule = x->rule, .message = mem_strdup(x->message), .print = x->print};
    if (!ret->message)
        return ERR_NOMEM;
    place(c, x, ret, k->tags && is_unnecessary(x->rule));
    if (x->fix && x->fix_end <= c->bytes && x->fix_start <= x->fix_end &&
        (x->fix_end || x->fix[0])) {
        ret->has_fix = true;
        ret->fix = mem_strdup(x->fix);
        ret->fix_range = (struct lsp_range){lsp_text_position(c->lines, c->encoding, x->fix_start),
                                            lsp_text_position(c->lines, c->encoding, x->fix_end)};
    }
    ret->json = diagnostic(c, k, ret);
    return ret->json && (ret->fix || !ret->has_fix) ? 0 : ERR_NOMEM;
}

// In no folder of the editor's: what stands above it says nothing about it.
static const char *last_part(const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

static void check_run(void *ctx, struct job *job) {
    struct check *k = ctx;
    struct lsp_copy *c = k->copy;
    struct lsp_job as_job = {.job = job};
    struct findings found = {0};
    struct store *store = k->services->store ? k->services->store(k->services, NULL) : NULL;
    struct document_text d = {.root = c->root,
                              .path = c->relative ? c->relative : last_part(c->path),
                              .lang = c->lang,
                              .text = c->text,
                              .bytes = c->bytes,
                              .store = store && store_state(store) == STORE_OPEN ? store : NULL,
                              .cancelled = lsp_job_cancelled,
                              .ctx = &as_job,
                              .kept = &k->kept,
                              .ret_errors = &k->errors};
    k->partly = k->kept != NULL;
    k->r = document_findings(&d, &found, NULL);
    k->result = k->r == 0 ? mem_zalloc(sizeof *k->result) : NULL;
    if (k->result)
        k->result->list = mem_zalloc((found.count + 1) * sizeof *k->result->list);
    if (k->r == 0 && (!k->result || !k->result->list))
        k->r = ERR_NOMEM;
    for (uint32_t i = 0; k->r == 0 && i < found.count; i++) {
        k->result->count = i + 1;
        k->r = take(c, &k->style, &found.list[i], &k->result->list[i]);
    }
    if (k->r == 0) {
        k->result->edits = c->edits;
        k->result->version = c->version;
    }
    findings_done(&found);
}

static void finding_done(struct lsp_finding *x) {
    mem_free(x->message);
    mem_free(x->fix);
    mem_free(x->json);
}

int lsp_findings_of_text(const struct lsp_copy *c, const struct lsp_style *style,
                         struct store *store, struct lsp_job *job, struct buf *out,
                         struct err *err) {
    struct findings found = {0};
    struct document_text d = {.root = c->root,
                              .path = c->relative,
                              .lang = c->lang,
                              .text = c->text,
                              .bytes = c->bytes,
                              .store = store,
                              .cancelled = lsp_job_cancelled,
                              .ctx = job};
    int r = document_findings(&d, &found, err);
    for (uint32_t i = 0; r == 0 && i < found.count; i++) {
        struct lsp_finding x;
        r = take(c, style, &found.list[i], &x);
        if (r < 0)
            (void)err_set(err, r, "out of memory");
        else
            (void)buf_printf(out, "%s%s", i ? "," : "", x.json);
        finding_done(&x);
    }
    findings_done(&found);
    return r;
}

// --- on the loop ---------------------------------------------------------------------------------

// LSP 3.18: what a client can show is said for pulled and for pushed ones.
static bool can_show(const struct lsp_face *f, const char *what) {
    char path[80];
    (void)snprintf(path, sizeof path, "textDocument.publishDiagnostics.%s", what);
    if (lsp_client_can(f, path))
        return true;
    (void)snprintf(path, sizeof path, "textDocument.diagnostic.%s", what);
    return lsp_client_can(f, path);
}

int lsp_style_init(const struct lsp_face *f, struct lsp_style *ret) {
    const char *address = json_string_value(lsp_setting(f, "documentation"));
    *ret = (struct lsp_style){.documentation = address ? mem_strdup(address) : NULL,
                              .tags = can_show(f, "tagSupport"),
                              .pages = can_show(f, "codeDescriptionSupport") && lsp_pages_can(f),
                              .related = can_show(f, "relatedInformation")};
    return address && !ret->documentation ? ERR_NOMEM : 0;
}

void lsp_style_done(struct lsp_style *s) {
    mem_free(s->documentation);
}

static void check_start(struct checked *c);

static void check_free(struct check *k) {
    findings_free(k->result);
    syntax_kept_free(k->kept);
    lsp_copy_put(k->copy);
    lsp_style_done(&k->style);
    mem_free(k);
}

static struct checked *checked_of(struct lsp_document *d) {
    return *lsp_document_state(d, &lsp_feature_findings);
}

// Trees cost memory: only those of the documents that are being worked on stay.
static void keep_tree(struct checked *c, struct syntax_kept *kept) {
    struct checked *oldest = c;
    unsigned count = 0;
    syntax_kept_free(c->kept);
    c->kept = kept;
    c->used = env_mono_ns(session_env(c->face->session));
    for (struct lsp_document *d = c->face->documents; d; d = d->next) {
        struct checked *other = checked_of(d);
        if (!other || !other->kept)
            continue;
        count++;
        if (other->used < oldest->used)
            oldest = other;
    }
    if (count > TREES_MAX) {
        syntax_kept_free(oldest->kept);
        oldest->kept = NULL;
    }
}

// A tree that was mended around errors may be another one than a fresh parse makes, and what the
// user is left with is to be what review says.
static void look_afresh(void *ctx, uint64_t key) {
    struct checked *c = ctx;
    (void)key;
    if (c->running)
        return; // an edit came first
    syntax_kept_free(c->kept);
    c->kept = NULL;
    check_start(c);
}

static void checked_free(struct checked *c) {
    syntax_kept_free(c->kept);
    findings_free(c->now);
    mem_free(c);
}

static void check_done(void *ctx, bool cancelled) {
    struct check *k = ctx;
    struct checked *c = k->for_whom;
    c->running = false;
    if (!c->document) {
        checked_free(c);
        check_free(k);
        return;
    }
    bool stale = k->copy->edits != c->document->edits;
    // Of an older text: worth showing only if nothing was there at all.
    if (!cancelled && k->r == 0 && (!stale || !c->now)) {
        findings_free(c->now);
        c->now = TAKE(k->result);
    }
    bool afresh = k->partly && k->errors;
    keep_tree(c, TAKE(k->kept));
    check_free(k);
    if (!cancelled && (stale || c->again)) {
        check_start(c);
        return;
    }
    struct lsp_face *f = c->face;
    lsp_diagnostics_found(f, c->document);
    lsp_actions_found(f, c->document);
    if (afresh)
        lsp_when_calm(f, look_afresh, c, c->document->id);
}

// Nothing is looked for in it: no need to copy it for a worker.
static bool too_large(struct checked *c) {
    struct lsp_document *d = c->document;
    if (lsp_text_bytes(d->text) <= DOCUMENT_CHECK_BYTES_MAX)
        return false;
    struct lsp_findings *none = mem_zalloc(sizeof *none);
    if (none) {
        *none = (struct lsp_findings){.edits = d->edits, .version = d->version};
        findings_free(c->now);
        c->now = none;
    }
    lsp_diagnostics_found(c->face, d);
    return true;
}

static void check_start(struct checked *c) {
    struct lsp_face *f = c->face;
    if (c->running) {
        c->again = true;
        return;
    }
    c->again = false;
    if (too_large(c))
        return;
    struct check *k = mem_zalloc(sizeof *k);
    if (!k)
        return; // the next edit tries again
    k->for_whom = c;
    k->services = session_services(f->session);
    k->copy = lsp_document_copy(f, c->document);
    k->kept = TAKE(c->kept);
    c->running =
        k->copy && lsp_style_init(f, &k->style) == 0 &&
        pool_submit(session_pool(f->session), POOL_NORMAL, check_run, check_done, k, NULL) == 0;
    if (!c->running)
        check_free(k);
}

const struct lsp_findings *lsp_findings_of(const struct lsp_face *f, struct lsp_document *d) {
    struct checked *c = checked_of(d);
    (void)f;
    return c ? c->now : NULL;
}

void lsp_findings_again(struct lsp_face *f, struct lsp_document *d) {
    (void)f;
    if (checked_of(d))
        check_start(checked_of(d));
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    struct checked *c = checked_of(d);
    if (event == LSP_CLOSED && c) {
        lsp_forget_calm(f, c, d->id);
        c->document = NULL;
        *lsp_document_state(d, &lsp_feature_findings) = NULL;
        if (!c->running)
            checked_free(c);
        return;
    }
    if (event == LSP_OPENED) {
        c = mem_zalloc(sizeof *c);
        if (c)
            *c = (struct checked){.face = f, .document = d};
        *lsp_document_state(d, &lsp_feature_findings) = c;
    }
    if (c && (event == LSP_OPENED || event == LSP_CHANGED))
        check_start(c);
}

// Its folder, and with it what is muted, may be another.
static void all_again(struct lsp_face *f) {
    for (struct lsp_document *d = f->documents; d; d = d->next)
        lsp_findings_again(f, d);
}

static void changed(struct lsp_face *f, json_t *uris, bool list_changed) {
    size_t i;
    const json_t *uri;
    (void)list_changed;
    json_array_foreach(uris, i, uri) {
        if (strcmp(json_string_value(uri), LSP_FINDINGS_URI) == 0) {
            all_again(f);
            return;
        }
    }
}

const struct lsp_feature lsp_feature_findings = {.name = "findings",
                                                 .document = document,
                                                 .folders = all_again,
                                                 .configured = all_again,
                                                 .changed = changed};
