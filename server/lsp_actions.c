// textDocument/codeAction: what can be done about the findings at a place. A certain repair (tried
// before it is given: the text still parses and says less), silence by a comment or in the
// workspace, a question to the agent. Sources: LSP 3.17 "Code Action Request", "Code Action Resolve
// Request", "WorkspaceEdit".
#include "core/agents/document.h"
#include "core/base/mem.h"
#include "server/lsp_apply.h"
#include "server/lsp_findings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    WAITING_MAX = 8, // requests of one document that wait for its findings
    FINDINGS_SHOWN_MAX = 50,
    TITLE_BYTES_MAX = 120,
    SELECTION_BYTES_MAX = 16 * 1024
};
static const char fix_all[] = "source.fixAll.paired", looks[] = "refactor.paired";

struct actions { // of one document
    struct rpc_request *waiting[WAITING_MAX];
    unsigned count;
};

// --- edits ---------------------------------------------------------------------------------------

// A WorkspaceEdit with one change. `text` of n bytes.
static json_t *edit_json(const struct lsp_face *f, const struct lsp_document *d,
                         struct lsp_range range, const char *text) {
    json_t *change = json_pack("{s:o, s:s}", "range", lsp_range_json(range), "newText", text);
    if (!lsp_client_can(f, "workspace.workspaceEdit.documentChanges"))
        return json_pack("{s:{s:[o]}}", "changes", d->uri, change);
    return json_pack("{s:[{s:{s:s, s:I}, s:[o]}]}", "documentChanges", "textDocument", "uri",
                     d->uri, "version", (json_int_t)d->version, "edits", change);
}

static const char *comment_before(enum lang lang) {
    switch (lang) {
    case LANG_PYTHON:
    case LANG_RUBY:
    case LANG_BASH:
    case LANG_PERL:
    case LANG_MAKE:
    case LANG_CMAKE:
    case LANG_TOML:
    case LANG_YAML:
        return "# ";
    case LANG_LUA:
    case LANG_SQL:
        return "-- ";
    case LANG_HTML:
    case LANG_MARKDOWN:
        return "<!-- ";
    case LANG_CSS:
        return "/* ";
    default:
        return "// ";
    }
}

static const char *comment_behind(const char *before) {
    return strcmp(before, "<!-- ") == 0 ? " -->" : strcmp(before, "/* ") == 0 ? " */" : "";
}

// A comment on a line of its own above, indented as the line is. NULL: no memory.
static json_t *silence_json(const struct lsp_face *f, const struct lsp_document *d,
                            const struct lsp_finding *x) {
    enum { INDENT_MAX = 200 };
    const char *before = comment_before(d->lang);
    AUTO_BUF line = BUF_INIT(0), text = BUF_INIT(0);
    size_t start = lsp_text_line_start(d->text, x->line), indent = 0;
    if (lsp_text_copy(d->text, start, start + INDENT_MAX, &line) < 0)
        return NULL;
    while (indent < line.len && (line.data[indent] == ' ' || line.data[indent] == '\t'))
        indent++;
    (void)buf_append(&text, line.data, indent);
    (void)buf_printf(&text, "%spaired:ignore %s%s\n", before, x->rule->id, comment_behind(before));
    struct lsp_range at = {{x->line, 0}, {x->line, 0}};
    return text.failed ? NULL : edit_json(f, d, at, text.data);
}

// --- titles --------------------------------------------------------------------------------------

static void fix_title(const struct lsp_finding *x, char ret[TITLE_BYTES_MAX]) {
    enum { SHOWN_MAX = 48 };
    size_t n = strcspn(x->fix, "\n");
    bool whole = x->fix[n] == '\0';
    if (!*x->fix)
        (void)snprintf(ret, TITLE_BYTES_MAX, "Remove this (%s)", x->rule->id);
    else if (whole && n <= SHOWN_MAX)
        (void)snprintf(ret, TITLE_BYTES_MAX, "Change to %s (%s)", x->fix, x->rule->id);
    else
        (void)snprintf(ret, TITLE_BYTES_MAX, "Repair: %s (%s)", x->rule->title, x->rule->id);
}

static const char *agent_name(const struct rule *rule, char ret[16]) {
    (void)snprintf(ret, 16, "%c%s", toupper((unsigned char)rule->agent[0]), rule->agent + 1);
    return ret;
}

// --- which actions -------------------------------------------------------------------------------

// context.only: kinds, each of which stands for those below it.
static bool is_wanted(const json_t *params, const char *kind) {
    const json_t *only = json_object_get(json_object_get(params, "context"), "only"), *one;
    size_t i;
    if (!json_is_array(only) || json_array_size(only) == 0)
        return strcmp(kind, fix_all) != 0; // never unasked
    json_array_foreach(only, i, one) {
        const char *name = json_string_value(one);
        size_t n = name ? strlen(name) : 1;
        if (name && strncmp(kind, name, n) == 0 && (!n || kind[n] == '\0' || kind[n] == '.'))
            return true;
    }
    return false;
}

static bool touches(const struct lsp_finding *x, struct lsp_range r) {
    return x->range.start.line <= r.end.line && x->range.end.line >= r.start.line;
}

static json_t *print_json(uint64_t print) {
    char hex[17];
    (void)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)print);
    return json_string(hex);
}

static json_t *diagnostics_json(const struct lsp_finding *x) {
    json_t *one = json_loads(x->json, 0, NULL);
    return one ? json_pack("[o]", one) : NULL;
}

static bool resolves_edits(const struct lsp_face *f) {
    return lsp_client_lists(f, "textDocument.codeAction.resolveSupport.properties", "edit") &&
           lsp_client_can(f, "textDocument.codeAction.dataSupport");
}

static void add(json_t *list, json_t *action) {
    if (action)
        (void)json_array_append_new(list, action);
}

// The repair: whole, or to be resolved, which is when it is tried.
static json_t *fix_json(const struct lsp_face *f, const struct lsp_document *d,
                        const struct lsp_finding *x) {
    char title[TITLE_BYTES_MAX];
    fix_title(x, title);
    json_t *action = json_pack("{s:s, s:s, s:o*}", "title", title, "kind", "quickfix",
                               "diagnostics", diagnostics_json(x));
    if (resolves_edits(f))
        (void)json_object_set_new(action, "data",
                                  json_pack("{s:s, s:o, s:I}", "uri", d->uri, "print",
                                            print_json(x->print), "edits", (json_int_t)d->edits));
    else
        (void)json_object_set_new(action, "edit", edit_json(f, d, x->fix_range, x->fix));
    return action;
}

static json_t *command_json(const char *title, const char *command, json_t *argument) {
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:[o]}}", "title", title, "kind", "quickfix",
                     "command", "title", title, "command", command, "arguments", argument);
}

static json_t *mute_json(const struct lsp_document *d, const struct lsp_finding *x) {
    char title[TITLE_BYTES_MAX];
    (void)snprintf(title, sizeof title, "Mute %s in this workspace", x->rule->id);
    return command_json(title, "paired.sherlock.mute",
                        json_pack("{s:s, s:s, s:{s:s}}", "rule", x->rule->id, "reason",
                                  "muted in the editor", "textDocument", "uri", d->uri));
}

static json_t *ask_json(const struct lsp_document *d, const struct lsp_finding *x) {
    char title[TITLE_BYTES_MAX], name[16];
    (void)snprintf(title, sizeof title, "Ask %s about this", agent_name(x->rule, name));
    return command_json(title, "paired.about",
                        json_pack("{s:s, s:s, s:s, s:{s:s}, s:i}", "rule", x->rule->id, "message",
                                  x->message, "agent", x->rule->agent, "textDocument", "uri",
                                  d->uri, "line", (int)x->line + 1));
}

static void add_of(const struct lsp_face *f, const struct lsp_document *d,
                   const struct lsp_finding *x, json_t *list) {
    char title[TITLE_BYTES_MAX];
    if (x->has_fix)
        add(list, fix_json(f, d, x));
    if (d->lang != LANG_NONE && d->lang != LANG_JSON) {
        json_t *edit = silence_json(f, d, x);
        (void)snprintf(title, sizeof title, "Silence %s here", x->rule->id);
        add(list, edit ? json_pack("{s:s, s:s, s:o*, s:o}", "title", title, "kind", "quickfix",
                                   "diagnostics", diagnostics_json(x), "edit", edit)
                       : NULL);
    }
    if (d->root)
        add(list, mute_json(d, x));
    add(list, ask_json(d, x));
}

// All certain repairs that do not touch each other.
static json_t *fix_all_json(const struct lsp_face *f, const struct lsp_document *d,
                            const struct lsp_findings *now) {
    json_t *edits = json_array();
    struct lsp_position end = {0, 0};
    for (uint32_t i = 0; i < now->count; i++) {
        const struct lsp_finding *x = &now->list[i];
        struct lsp_position at = x->fix_range.start;
        if (!x->has_fix || at.line < end.line ||
            (at.line == end.line && at.character < end.character))
            continue;
        end = x->fix_range.end;
        (void)json_array_append_new(
            edits,
            json_pack("{s:o, s:s}", "range", lsp_range_json(x->fix_range), "newText", x->fix));
    }
    if (json_array_size(edits) == 0) {
        json_decref(edits);
        return NULL;
    }
    json_t *edit = lsp_client_can(f, "workspace.workspaceEdit.documentChanges")
                       ? json_pack("{s:[{s:{s:s, s:I}, s:o}]}", "documentChanges", "textDocument",
                                   "uri", d->uri, "version", (json_int_t)d->version, "edits", edits)
                       : json_pack("{s:{s:o}}", "changes", d->uri, edits);
    return json_pack("{s:s, s:s, s:o}", "title", "Apply every certain repair of paired", "kind",
                     fix_all, "edit", edit);
}

// What can be asked about a selection. An idiom is shown, not applied: what it says of other code
// is that it is usual, which is no proof that this code may be changed to it. Edits are
// (lsp_apply.c).
static void add_questions(const struct lsp_document *d, struct lsp_range range, json_t *list) {
    char title[TITLE_BYTES_MAX];
    json_t *argument, *action;
    unsigned last = range.end.line + (range.end.character || range.end.line == range.start.line);
    (void)snprintf(title, sizeof title, "Show the idioms of this repository that stand here");
    argument = json_pack("{s:s, s:I, s:I, s:b, s:{s:s}}", "path", d->relative, "line",
                         (json_int_t)range.start.line + 1, "end_line", (json_int_t)last, "show", 1,
                         "textDocument", "uri", d->uri);
    action = command_json(title, "paired.edison.patterns", argument);
    if (action)
        (void)json_object_set_new(action, "kind", json_string(looks));
    add(list, action);
    AUTO_BUF text = BUF_INIT(SELECTION_BYTES_MAX);
    size_t from = lsp_text_line_start(d->text, range.start.line);
    if (lsp_text_copy(d->text, from, lsp_text_line_start(d->text, last), &text) < 0 || !text.len)
        return;
    argument = json_pack("{s:s%, s:s, s:b, s:{s:s}}", "code", text.data, text.len, "language",
                         language_name(d->lang), "show", 1, "textDocument", "uri", d->uri);
    action = command_json("Find code like this", "paired.edison.similar", argument);
    if (action)
        (void)json_object_set_new(action, "kind", json_string(looks));
    add(list, action);
}

// Asked for by kind, or by hand with something selected: never with each move of the caret.
static bool wants_questions(const struct lsp_document *d, const json_t *params,
                            struct lsp_range range) {
    enum { INVOKED = 1 };
    const json_t *context = json_object_get(params, "context");
    bool selected =
        range.start.line != range.end.line || range.start.character != range.end.character;
    bool by_kind = json_array_size(json_object_get(context, "only")) > 0;
    bool by_hand = json_integer_value(json_object_get(context, "triggerKind")) == INVOKED;
    return selected && d->relative && language_has_tree(d->lang) && (by_kind || by_hand) &&
           is_wanted(params, looks);
}

// Without literals a client takes commands only: the ones that are commands anyway.
static json_t *as_commands(json_t *actions) {
    json_t *list = json_array(), *one;
    size_t i;
    json_array_foreach(actions, i, one) {
        json_t *command = json_object_get(one, "command");
        if (command)
            (void)json_array_append(list, command);
    }
    json_decref(actions);
    return list;
}

static void answer(struct lsp_face *f, struct lsp_document *d, struct rpc_request *req) {
    const struct lsp_findings *now = lsp_findings_of(f, d);
    const json_t *params = rpc_request_params(req);
    struct lsp_range range;
    unsigned shown = 0;
    (void)lsp_read_range(json_object_get(params, "range"), &range); // was looked at before
    json_t *list = json_array();
    for (uint32_t i = 0; now && i < now->count && shown < FINDINGS_SHOWN_MAX; i++)
        if (is_wanted(params, "quickfix") && touches(&now->list[i], range)) {
            add_of(f, d, &now->list[i], list);
            shown++;
        }
    if (now && is_wanted(params, fix_all))
        add(list, fix_all_json(f, d, now));
    bool questions = wants_questions(d, params, range);
    if (questions)
        add_questions(d, range, list);
    if (!lsp_client_can(f, "textDocument.codeAction.codeActionLiteralSupport")) {
        list = as_commands(list);
    } else if (questions && d->root) {
        lsp_apply_answer(f, d, req, range, list);
        return;
    }
    rpc_reply(req, list);
}

// --- the requests --------------------------------------------------------------------------------

static struct actions *actions_of(struct lsp_document *d) {
    return *lsp_document_state(d, &lsp_feature_actions);
}

static void on_cancelled(void *data) {
    struct actions *a = data;
    unsigned kept = 0;
    for (unsigned i = 0; i < a->count; i++) {
        if (rpc_request_cancelled(a->waiting[i]))
            rpc_fail(a->waiting[i], LSP_REQUEST_CANCELLED, "Cancelled", NULL);
        else
            a->waiting[kept++] = a->waiting[i];
    }
    a->count = kept;
}

static void on_actions(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_range range;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    if (!lsp_read_range(json_object_get(params, "range"), &range)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "range: expected a Range", NULL);
        return;
    }
    struct actions *a = actions_of(d);
    const struct lsp_findings *now = lsp_findings_of(f, d);
    if ((now && now->edits == d->edits) || !a || a->count == WAITING_MAX) {
        answer(f, d, req);
        return;
    }
    a->waiting[a->count++] = req;
    rpc_request_set_data(req, a, on_cancelled);
}

void lsp_actions_found(struct lsp_face *f, struct lsp_document *d) {
    struct actions *a = actions_of(d);
    unsigned n = a ? a->count : 0;
    if (a)
        a->count = 0;
    for (unsigned i = 0; i < n; i++)
        answer(f, d, a->waiting[i]);
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    struct actions *a = actions_of(d);
    (void)f;
    if (event == LSP_OPENED) {
        *lsp_document_state(d, &lsp_feature_actions) = mem_zalloc(sizeof *a);
    } else if (event == LSP_CLOSED && a) {
        for (unsigned i = 0; i < a->count; i++)
            lsp_reply_null(a->waiting[i]);
        mem_free(a);
        *lsp_document_state(d, &lsp_feature_actions) = NULL;
    }
}

// --- resolving: the repair is tried --------------------------------------------------------------

struct trial {
    struct lsp_range range;
    char *text;
    json_t *action, *edit;
};

static void trial_free(void *data) {
    struct trial *t = data;
    json_decref(t->action);
    json_decref(t->edit);
    mem_free(t->text);
    mem_free(t);
}

static int try_fix(struct lsp_job *job, struct err *err) {
    struct trial *t = job->data;
    const struct lsp_copy *c = job->copy;
    struct document_text d = {.path = c->relative ? c->relative : c->path,
                              .lang = c->lang,
                              .text = c->text,
                              .bytes = c->bytes,
                              .cancelled = lsp_job_cancelled,
                              .ctx = job};
    int r = document_try(&d, lsp_text_offset(c->lines, c->encoding, t->range.start),
                         lsp_text_offset(c->lines, c->encoding, t->range.end), t->text, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the repair was tried and does not hold here: the text would not parse, or "
                       "the finding would stay");
    return buf_put_json(&job->result, t->action, JSON_COMPACT);
}

static const struct lsp_finding *by_print(const struct lsp_findings *now, const char *print) {
    char hex[17];
    for (uint32_t i = 0; now && print && i < now->count; i++) {
        (void)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)now->list[i].print);
        if (now->list[i].has_fix && strcmp(hex, print) == 0)
            return &now->list[i];
    }
    return NULL;
}

static void on_resolve(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    const json_t *data = json_object_get(params, "data");
    const char *uri = json_string_value(json_object_get(data, "uri"));
    struct lsp_document *d = uri ? lsp_document_find(f, uri, strlen(uri)) : NULL;
    if (!uri) { // nothing is left to be resolved: the action is whole
        rpc_reply(req, json_incref(params));
        return;
    }
    const struct lsp_findings *now = d ? lsp_findings_of(f, d) : NULL;
    const struct lsp_finding *x = by_print(now, json_string_value(json_object_get(data, "print")));
    if (!x || now->edits != d->edits ||
        (json_int_t)d->edits != json_integer_value(json_object_get(data, "edits"))) {
        rpc_fail(req, LSP_CONTENT_MODIFIED, "The text has changed since", NULL);
        return;
    }
    struct trial *t = mem_zalloc(sizeof *t);
    if (t)
        *t = (struct trial){
            .range = x->fix_range, .text = mem_strdup(x->fix), .action = json_copy(params)};
    if (!t || !t->text || !t->action) {
        if (t)
            trial_free(t);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    (void)json_object_set_new(t->action, "edit", edit_json(f, d, x->fix_range, x->fix));
    lsp_work_start(f, req, d, LSP_FRESH, try_fix, t, trial_free);
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    json_t *provider = lsp_client_can(f, "textDocument.codeAction.codeActionLiteralSupport")
                           ? json_pack("{s:[s, s, s], s:b}", "codeActionKinds", "quickfix", fix_all,
                                       looks, "resolveProvider", resolves_edits(f))
                           : json_true();
    return json_object_set_new(capabilities, "codeActionProvider", provider) < 0 ? ERR_NOMEM : 0;
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/codeAction", .request = on_actions, .advertise = advertise},
    {.name = "codeAction/resolve", .request = on_resolve, .wanted = resolves_edits},
    {0},
};
const struct lsp_feature lsp_feature_actions = {
    .name = "actions", .methods = methods, .document = document};
