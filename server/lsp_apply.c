// "Apply an edit of this repository's history": code actions for the places of a selection where
// the form from before such an edit stands (core/agents/edit_places.h). Each was tried; it is
// written only after the user has seen it, where the client can show it (needsConfirmation).
// Sources: LSP 3.17 "WorkspaceEdit", "ChangeAnnotation".
#include "server/lsp_apply.h"

#include "core/agents/edit_places.h"
#include "core/base/mem.h"
#include "core/workspace/workspace.h"

#include <stdio.h>
#include <string.h>

enum { TITLE_BYTES_MAX = 160, SIDE_SHOWN_MAX = 44 };
static const char annotation[] = "paired.history", kind[] = "refactor.paired";

struct apply {
    json_t *list; // the other actions
    struct lsp_range range;
    char *uri;
    int64_t version;
    bool document_changes, annotations;
    struct lsp_job *job; // while it runs
};

static void apply_free(void *data) {
    struct apply *a = data;
    json_decref(a->list);
    mem_free(a->uri);
    mem_free(a);
}

// --- on the worker -------------------------------------------------------------------------------

// The first line of one side of the edit, cut.
static void put_side(struct buf *out, const char *text, const char *end) {
    size_t n = strcspn(text, "\n"), whole = (size_t)(end - text);
    bool cut = n < whole || n > SIDE_SHOWN_MAX;
    n = n > SIDE_SHOWN_MAX ? SIDE_SHOWN_MAX : n; // a pattern is ASCII
    (void)buf_append(out, text, n);
    (void)buf_puts(out, cut ? "…" : "");
}

static void put_title(struct buf *out, const struct edit_place *p) {
    static const char arrow[] = "\n=>\n";
    const char *middle = strstr(p->text, arrow), *end = p->text + strlen(p->text);
    (void)buf_puts(out, "Apply from the history: ");
    put_side(out, p->text, middle);
    (void)buf_puts(out, " → ");
    end -= end[-1] == '\n';
    put_side(out, middle + sizeof arrow - 1, end);
    (void)buf_printf(out, " (made %u times)", p->count);
}

static json_t *annotations_json(const struct edit_place *p, const char *title) {
    char why[TITLE_BYTES_MAX];
    (void)snprintf(why, sizeof why, "made %u times in %u files%s%.10s; look whether it holds here",
                   p->count, p->files, *p->commit ? ", last in " : "", p->commit);
    return json_pack("{s:{s:s, s:b, s:s}}", annotation, "label", title, "needsConfirmation", 1,
                     "description", why);
}

static json_t *edit_json(const struct apply *a, const struct edit_place *p, const char *title) {
    json_t *range = lsp_copy_range_json(a->job->copy, p->what.start, p->what.end);
    json_t *change =
        json_pack("{s:o, s:s%}", "range", range, "newText", p->what.text.data, p->what.text.len);
    if (!a->document_changes)
        return json_pack("{s:{s:[o]}}", "changes", a->uri, change);
    if (a->annotations)
        (void)json_object_set_new(change, "annotationId", json_string(annotation));
    json_t *edit = json_pack("{s:[{s:{s:s, s:I}, s:[o]}]}", "documentChanges", "textDocument",
                             "uri", a->uri, "version", (json_int_t)a->version, "edits", change);
    if (a->annotations)
        (void)json_object_set_new(edit, "changeAnnotations", annotations_json(p, title));
    return edit;
}

static int add_place(void *ctx, const struct edit_place *p, struct err *err) {
    struct apply *a = ctx;
    AUTO_BUF title = BUF_INIT(0);
    put_title(&title, p);
    if (title.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    json_t *action = json_pack("{s:s, s:s, s:o}", "title", title.data, "kind", kind, "edit",
                               edit_json(a, p, title.data));
    return !action || json_array_append_new(a->list, action) < 0
               ? err_set(err, ERR_NOMEM, "out of memory")
               : 0;
}

// To mine a history takes seconds: once, when somebody asks.
static void add_question(struct apply *a) {
    static const char title[] = "Look for edits of this repository's history that apply here";
    const struct lsp_copy *c = a->job->copy;
    json_t *argument = json_pack("{s:s, s:I, s:I, s:b, s:b, s:{s:s}}", "path", c->relative, "line",
                                 (json_int_t)a->range.start.line + 1, "end_line",
                                 (json_int_t)a->range.end.line + 1, "edits", 1, "show", 1,
                                 "textDocument", "uri", a->uri);
    json_t *action =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:[o]}}", "title", title, "kind", kind, "command",
                  "title", title, "command", "paired.edison.patterns", "arguments", argument);
    if (action)
        (void)json_array_append_new(a->list, action);
}

static int look(struct apply *a, struct err *err) {
    struct lsp_job *job = a->job;
    const struct lsp_copy *c = job->copy;
    struct agent_call call = {.workspaces = job->services->workspaces,
                              .root = c->root,
                              .client = job->client,
                              .seq = job->seq,
                              .cancelled = lsp_job_cancelled,
                              .ctx = job};
    int r = workspaces_get(call.workspaces, call.root, &call.ws, err);
    if (r == 0)
        r = edit_places(&call, c->lang, c->text, c->bytes,
                        (uint32_t)lsp_text_offset(c->lines, c->encoding, a->range.start),
                        (uint32_t)lsp_text_offset(c->lines, c->encoding, a->range.end), add_place,
                        a, err);
    workspace_put(call.ws);
    return r;
}

static int run(struct lsp_job *job, struct err *err) {
    struct apply *a = job->data;
    struct err why = {0};
    a->job = job;
    int r = look(a, &why);
    if (r == ERR_NOMEM || r == ERR_CANCELLED)
        return err_set(err, r, "%s", err_text(&why));
    if (r == 0)
        add_question(a);
    // What cannot be read has no history: the other actions are there all the same.
    return buf_put_json(&job->result, a->list, JSON_COMPACT);
}

// --- on the loop ---------------------------------------------------------------------------------

void lsp_apply_answer(struct lsp_face *f, struct lsp_document *d, struct rpc_request *req,
                      struct lsp_range range, json_t *list) {
    struct apply *a = mem_zalloc(sizeof *a);
    if (a)
        *a = (struct apply){
            .list = list,
            .range = range,
            .uri = mem_strdup(d->uri),
            .version = d->version,
            .document_changes = lsp_client_can(f, "workspace.workspaceEdit.documentChanges"),
            .annotations = lsp_client_can(f, "workspace.workspaceEdit.changeAnnotationSupport")};
    if (!a || !a->uri) { // without these, then
        if (a)
            apply_free(a);
        else
            json_decref(list);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    lsp_work_start(f, req, d, LSP_FRESH, run, a, apply_free);
}
