// The LSP face of a session: its life to the letter, messages in, features told. Sources: LSP 3.17
// "Server lifecycle", "$ Notifications and Requests", "Cancellation Support".
#include "core/base/log.h"
#include "core/base/mem.h"
#include "protocol/hop.h"
#include "server/lsp_impl.h"

#include <string.h>

enum { LARGE_BYTES = 64 * 1024 }; // of a message whose text is decoded while it is checked

// --- features ------------------------------------------------------------------------------------

size_t lsp_feature_index(const struct lsp_feature *feature) {
    size_t i = 0;
    while (lsp_features[i] != feature)
        i++;
    return i;
}

void *lsp_state(const struct lsp_face *f, const struct lsp_feature *feature) {
    return f->states[lsp_feature_index(feature)];
}

void lsp_tell_document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    for (size_t i = 0; lsp_features[i]; i++)
        if (lsp_features[i]->document)
            lsp_features[i]->document(f, d, event);
}

// The rows of all features as rpc wants them. Made once.
static struct rpc_method methods[LSP_METHODS_MAX + 1];
static const struct lsp_method *rows[LSP_METHODS_MAX];

static int collect_methods(struct err *err) {
    size_t n = 0;
    if (methods[0].name)
        return 0;
    for (size_t i = 0; lsp_features[i]; i++) {
        if (i == LSP_FEATURES_MAX)
            return err_set(err, ERR_LIMIT, "too many features");
        for (const struct lsp_method *m = lsp_features[i]->methods; m && m->name; m++) {
            if (n == LSP_METHODS_MAX)
                return err_set(err, ERR_LIMIT, "too many methods");
            rows[n] = m;
            methods[n++] = (struct rpc_method){m->name, m->request, m->notification};
        }
    }
    return 0;
}

static const struct lsp_method *find_row(const char *name, size_t n) {
    for (size_t i = 0; i < COUNT_OF(rows) && rows[i]; i++)
        if (strncmp(rows[i]->name, name, n) == 0 && rows[i]->name[n] == '\0')
            return rows[i];
    return NULL;
}

// --- lifecycle -----------------------------------------------------------------------------------

// "If the server receives a request or notification before the initialize request": an error to the
// first, the second is dropped; after shutdown likewise.
static bool before(void *face, struct rpc_request *req, const char *method, json_t *params) {
    struct lsp_face *f = face;
    bool initialize = strcmp(method, "initialize") == 0;
    (void)params;
    if (f->phase == LSP_BEFORE && !initialize) {
        rpc_fail(req, LSP_NOT_INITIALIZED, "Server not initialized: initialize comes first", NULL);
        return true;
    }
    if (f->phase == LSP_SHUT || (initialize && f->phase != LSP_BEFORE)) {
        rpc_fail(req, JSONRPC_INVALID_REQUEST,
                 f->phase == LSP_SHUT ? "Invalid request: the server is shut down"
                                      : "Invalid request: initialize was sent already",
                 NULL);
        return true;
    }
    const struct lsp_method *row = find_row(method, strlen(method));
    if (row && row->wanted && !row->wanted(f)) {
        rpc_fail(req, JSONRPC_METHOD_NOT_FOUND, "Method not found: not advertised to this client",
                 NULL);
        return true;
    }
    return false;
}

static bool welcome_notification(const struct lsp_face *f, struct span method) {
    static const char exit[] = "exit";
    return f->phase == LSP_RUNNING ||
           (method.len == sizeof exit - 1 && memcmp(method.data, exit, method.len) == 0);
}

static int trace_level(const char *value) {
    return !value ? 0 : strcmp(value, "verbose") == 0 ? 2 : strcmp(value, "messages") == 0;
}

static void on_initialize(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct err err = {0};
    if (lsp_client_read(f, params, &err) < 0) {
        lsp_client_done(f);
        rpc_fail(req, JSONRPC_INVALID_PARAMS, err_text(&err), NULL);
        return;
    }
    json_t *result = lsp_client_welcome(f);
    if (!result) {
        lsp_client_done(f);
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    lsp_workspace_read(f);
    f->phase = LSP_RUNNING;
    f->trace = trace_level(json_string_value(json_object_get(params, "trace")));
    rpc_reply(req, result);
}

static void on_initialized(void *face, json_t *params) {
    struct lsp_face *f = face;
    (void)params;
    if (f->live)
        return;
    f->live = true;
    for (size_t i = 0; lsp_features[i]; i++)
        if (lsp_features[i]->initialized)
            lsp_features[i]->initialized(f);
}

static void on_shutdown(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    (void)params;
    f->phase = LSP_SHUT;
    f->live = false;
    rpc_reply_raw(req, "null", 4);
}

static void on_leave(void *face, json_t *params) {
    struct lsp_face *f = face;
    (void)params;
    f->phase = LSP_SHUT; // the front end ends the process, and with it this session
    f->live = false;
}

static void on_cancel(void *face, json_t *params) {
    struct lsp_face *f = face;
    struct rpc_request *req = rpc_find(f->rpc, json_object_get(params, "id"));
    if (req)
        rpc_cancel(req);
}

static void on_set_trace(void *face, json_t *params) {
    struct lsp_face *f = face;
    f->trace = trace_level(json_string_value(json_object_get(params, "value")));
}

static const struct lsp_method life_methods[] = {
    {.name = "initialize", .request = on_initialize},
    {.name = "initialized", .notification = on_initialized},
    {.name = "shutdown", .request = on_shutdown},
    {.name = "exit", .notification = on_leave},
    {.name = "$/cancelRequest", .notification = on_cancel},
    {.name = "$/setTrace", .notification = on_set_trace},
    {.name = "window/workDoneProgress/cancel", .notification = lsp_progress_cancel},
    {0},
};
const struct lsp_feature lsp_feature_life = {.name = "life", .methods = life_methods};

// --- the face ------------------------------------------------------------------------------------

static void send(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct lsp_face *f = ctx;
    session_send(f->session, json, n, seq);
}

static void face_close(void *face) {
    struct lsp_face *f = face;
    f->live = false;
    f->phase = LSP_SHUT;
    lsp_work_close(f);
    while (f->documents)
        lsp_document_close(f, f->documents);
    rpc_free(f->rpc); // our own calls end here, while what they are for is still there
    for (size_t i = 0; lsp_features[i]; i++)
        if (f->states[i] && lsp_features[i]->close)
            lsp_features[i]->close(f, f->states[i]);
    lsp_talk_close(f);
    lsp_workspace_done(f);
    lsp_client_done(f);
    mem_free(f);
}

static int open_features(struct lsp_face *f, struct err *err) {
    int r = 0;
    for (size_t i = 0; r == 0 && lsp_features[i]; i++)
        if (lsp_features[i]->open)
            r = lsp_features[i]->open(f, &f->states[i], err);
    return r;
}

static int face_open(struct session *s, void **ret, struct err *err) {
    char prefix[48]; // our own requests: an answer meant for an earlier engine must not match
    struct lsp_face *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->session = s;
    (void)snprintf(prefix, sizeof prefix, "paired-%.16s-", session_engine_id(s));
    int r = collect_methods(err);
    if (r == 0)
        r = rpc_new(&(struct rpc_config){.methods = methods,
                                         .before = before,
                                         .send = send,
                                         .ctx = f,
                                         .env = session_env(s),
                                         .members_max = LSP_MEMBERS_MAX,
                                         .mend = true,
                                         .id_prefix = prefix},
                    &f->rpc, err);
    if (r == 0)
        r = open_features(f, err);
    if (r < 0) {
        face_close(f);
        return r;
    }
    *ret = f;
    return 0;
}

static bool too_many_members(const struct jsonrpc_message *m, size_t n) {
    if (m->members <= LSP_MEMBERS_MAX)
        return false;
    log_line(LOG_WARN, "lsp", "message left out members=%zu bytes=%zu", m->members, n);
    return true;
}

static void face_message(void *face, const char *body, size_t n, uint64_t seq, unsigned flags) {
    struct lsp_face *f = face;
    struct jsonrpc_message m;
    AUTO_BUF text = BUF_INIT(LSP_TEXT_BYTES_MAX); // of a document that is opened
    f->seq = seq;
    f->arrival_ns = session_arrival_ns(f->session);
    f->silent = (flags & HOP_SILENT) != 0;
    bool readable = jsonrpc_read_text(body, n, JSONRPC_MEMBERS_PULL_MAX, &m,
                                      n >= LARGE_BYTES ? &text : NULL, NULL) == 0;
    bool notification = readable && m.kind == JSONRPC_NOTIFICATION;
    if (!readable || (m.kind == JSONRPC_REQUEST && m.members > LSP_MEMBERS_MAX))
        rpc_receive(f->rpc, body, n, seq, f->silent); // says what is wrong
    else if ((!notification || welcome_notification(f, m.method)) &&
             !(notification && lsp_sync_take(f, &m, &text, n)) && !too_many_members(&m, n))
        rpc_receive_read(f->rpc, body, n, &m, seq, f->silent);
    f->silent = false;
}

// Too large to be read: an error to a request, and a word in the log if it was none.
static void face_oversize(void *face, const char *head, size_t n, size_t total, uint64_t seq) {
    struct lsp_face *f = face;
    if (jsonrpc_find_id(head, n).data)
        rpc_receive_oversize(f->rpc, head, n, total, HOP_BODY_BYTES_MAX - HOP_TIME_BYTES, seq);
    else
        lsp_log(f, LSP_ERROR, "a message of %zu MB was left out: it is over the maximum of %d MB",
                total / (1024 * 1024), HOP_BODY_BYTES_MAX / (1024 * 1024));
}

static size_t face_open_requests(void *face) {
    const struct lsp_face *f = face;
    return rpc_open_requests(f->rpc) - f->resting;
}

// The client will say no more: what is still being worked on, nobody waits for.
static void face_finish(void *face) {
    struct lsp_face *f = face;
    f->phase = LSP_SHUT;
    f->live = false;
    rpc_cancel_all(f->rpc);
}

static void face_changed(void *face, json_t *uris, bool list_changed) {
    struct lsp_face *f = face;
    for (size_t i = 0; f->live && lsp_features[i]; i++)
        if (lsp_features[i]->changed)
            lsp_features[i]->changed(f, uris, list_changed);
}

const struct session_face session_face_lsp = {
    .role = "lsp",
    .open = face_open,
    .message = face_message,
    .oversize = face_oversize,
    .changed = face_changed,
    .open_requests = face_open_requests,
    .finish = face_finish,
    .close = face_close,
};
