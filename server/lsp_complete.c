// textDocument/inlineCompletion: grey text behind the caret. It is asked for with each letter, so
// it has to be quick, and silent when it is not sure. Source: LSP 3.18 "Inline Completion Request".
#include "server/lsp_complete.h"

#include "core/base/mem.h"
#include "core/code/follow.h"
#include "core/workspace/workspace.h"
#include "server/lsp_impl.h"

#include <string.h>

// --- what the repository's own code shows --------------------------------------------------------

static int complete_by_lines(const struct completion_place *p, struct completion *ret,
                             struct err *err) {
    const struct lsp_copy *c = p->copy;
    struct workspace *ws = NULL;
    struct workspace_lines *lines = NULL;
    struct follow_answer a;
    if (p->root && workspaces_get(p->services->workspaces, p->root, &ws, NULL) == 0)
        lines = workspace_lines_get(ws);
    struct follow_question q = {
        .lang = c->lang,
        .text = c->text,
        .bytes = c->bytes,
        .at = p->at,
        .file = lines && c->relative ? workspace_lines_file(lines, c->relative) : -1};
    int r = follow_ask(lines ? workspace_lines_follow(lines) : NULL, &q, &a, err);
    workspace_lines_put(lines);
    workspace_put(ws);
    if (r < 0)
        return r;
    ret->text = a.text;
    ret->replaced = a.replaced;
    ret->percent = a.places ? a.agree * 100 / a.places : 0;
    return 0;
}

static const struct completer by_lines = {
    .name = "lines", .percent_min = FOLLOW_PERCENT, .complete = complete_by_lines};
const struct completer *const completers[] = {&by_lines, &completer_model, NULL};

int completers_ask(const struct completion_place *place, struct completion *ret, struct err *err) {
    int r = 0;
    *ret = (struct completion){.text = BUF_INIT(0)};
    for (size_t i = 0; r == 0 && completers[i]; i++) {
        if (place->cancelled && place->cancelled(place->ctx))
            return err_set(err, ERR_CANCELLED, "cancelled");
        r = completers[i]->complete(place, ret, err);
        if (r == 0 && ret->text.len && ret->text.len <= COMPLETION_BYTES_MAX &&
            ret->percent >= completers[i]->percent_min)
            return 0;
        buf_done(&ret->text);
        *ret = (struct completion){.text = BUF_INIT(0)};
    }
    return r;
}

// --- the request ---------------------------------------------------------------------------------

struct complete_data {
    struct lsp_position at;
    bool asked;
};

static int make_completion(struct lsp_job *job, struct err *err) {
    const struct complete_data *data = job->data;
    const struct lsp_copy *c = job->copy;
    struct completion found;
    struct completion_place place = {.copy = c,
                                     .at = lsp_text_offset(c->lines, c->encoding, data->at),
                                     .asked = data->asked,
                                     .root = c->root,
                                     .services = job->services,
                                     .cancelled = lsp_job_cancelled,
                                     .ctx = job};
    int r = completers_ask(&place, &found, err);
    struct buf *out = &job->result;
    if (r == 0 && found.text.len) {
        struct lsp_range range = {
            lsp_text_position(c->lines, c->encoding, place.at),
            lsp_text_position(c->lines, c->encoding, place.at + found.replaced)};
        (void)buf_puts(out, "{\"items\":[{\"insertText\":");
        (void)buf_put_json_string(out, found.text.data, found.text.len);
        (void)buf_puts(out, ",\"range\":");
        lsp_put_range(out, range);
        (void)buf_puts(out, "}]}");
    }
    buf_done(&found.text);
    return r < 0 ? r : out->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static bool is_on(const struct lsp_face *f) {
    return lsp_setting_bool(f, "inlineCompletion.enable", true);
}

static void on_complete(void *face, struct rpc_request *req, json_t *params) {
    enum { INVOKED = 1 };
    struct lsp_face *f = face;
    struct lsp_position at;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    if (!lsp_read_position(json_object_get(params, "position"), &at)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "position: expected a Position", NULL);
        return;
    }
    bool known =
        is_on(f) && follow_knows(d->lang) && lsp_text_bytes(d->text) <= FOLLOW_ASK_BYTES_MAX;
    struct complete_data *data = known ? mem_alloc(sizeof *data) : NULL;
    if (!data) {
        lsp_reply_null(req);
        return;
    }
    const json_t *kind = json_object_get(json_object_get(params, "context"), "triggerKind");
    *data = (struct complete_data){at, json_integer_value(kind) == INVOKED};
    lsp_work_start(f, req, d, LSP_FRESH, make_completion, data, mem_free);
}

// --- reading the repository's lines in the background --------------------------------------------

enum { READ_EVERY_MS = 60 * 1000 };

struct complete {          // of one session
    struct lsp_face *face; // NULL: the session is over; freed when the job is done
    bool running;
    uint64_t last_ms; // when a reading was begun
    char *last_root;
};
struct reading {
    struct complete *for_whom;
    struct workspaces *workspaces;
    char *root, *path;
};

static bool job_gone(void *job) {
    return job_cancelled(job);
}

static void reading_run(void *ctx, struct job *job) {
    struct reading *l = ctx;
    struct workspace *ws = NULL;
    if (workspaces_get(l->workspaces, l->root, &ws, NULL) == 0)
        (void)workspace_lines_read(ws, l->path, job_gone, job, NULL);
    workspace_put(ws);
}

static void complete_free(struct complete *c) {
    mem_free(c->last_root);
    mem_free(c);
}

static void reading_free(struct reading *l) {
    mem_free(l->root);
    mem_free(l->path);
    mem_free(l);
}

static void reading_done(void *ctx, bool cancelled) {
    struct reading *l = ctx;
    struct complete *c = l->for_whom;
    (void)cancelled;
    c->running = false;
    if (!c->face)
        complete_free(c);
    reading_free(l);
}

// A folder's first document is read for at once; after that not more often than is of use.
static void start_reading(struct complete *c, const struct lsp_document *d) {
    struct lsp_face *f = c->face;
    uint64_t now = env_mono_ns(session_env(f->session)) / 1000000;
    bool again = c->last_root && strcmp(c->last_root, d->root) == 0;
    if (c->running || (again && now < c->last_ms + READ_EVERY_MS))
        return;
    struct reading *l = mem_zalloc(sizeof *l);
    if (!l)
        return;
    *l = (struct reading){.for_whom = c,
                          .workspaces = session_services(f->session)->workspaces,
                          .root = mem_strdup(d->root),
                          .path = mem_strdup(d->relative)};
    c->running = l->root && l->path &&
                 pool_submit(session_pool(f->session), POOL_BACKGROUND, reading_run, reading_done,
                             l, NULL) == 0;
    if (!c->running) {
        reading_free(l);
        return;
    }
    mem_free(c->last_root);
    c->last_root = mem_strdup(d->root);
    c->last_ms = now;
}

static bool can_show(const struct lsp_face *f) {
    return lsp_client_can(f, "textDocument.inlineCompletion");
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    if ((event == LSP_OPENED || event == LSP_SAVED) && can_show(f) && is_on(f) && d->root &&
        d->relative && follow_knows(d->lang))
        start_reading(lsp_state(f, &lsp_feature_complete), d);
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    struct complete *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->face = f;
    *ret = c;
    return 0;
}

static void close_state(struct lsp_face *f, void *state) {
    struct complete *c = state;
    (void)f;
    c->face = NULL;
    if (!c->running)
        complete_free(c);
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    return json_object_set_new(capabilities, "inlineCompletionProvider", json_object()) < 0
               ? ERR_NOMEM
               : 0;
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/inlineCompletion",
     .request = on_complete,
     .advertise = advertise,
     .wanted = can_show},
    {0},
};
const struct lsp_feature lsp_feature_complete = {.name = "complete",
                                                 .methods = methods,
                                                 .open = open_state,
                                                 .close = close_state,
                                                 .document = document};
