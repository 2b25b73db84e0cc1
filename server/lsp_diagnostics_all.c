// workspace/diagnostic: findings of all files, for clients that pull. Worked out in the background;
// a file whose content, mutes and baseline are those that the client has is "unchanged" without a
// look at it. When nothing has happened since the last answer the request stays open until
// something does: clients ask again and again. Source: LSP 3.17 "Workspace Diagnostics".
#include "core/agents/agents.h"
#include "core/base/mem.h"
#include "core/code/secrets.h"
#include "core/workspace/workspace.h"
#include "server/lsp_findings.h"
#include "server/lsp_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    HELD_MAX = 4,
    SETTLE_MS = 500, // several files are often saved at once
    SNAPSHOT_WAIT_MS = 20000,
    ANSWER_BYTES_MAX = 16 * 1024 * 1024,
    PREVIOUS_MAX = 100000
};

struct pulled { // of a session
    struct lsp_face *face;
    bool news; // since the last answer
    struct env_timer *settle;
    struct rpc_request *held[HELD_MAX];
    unsigned held_count;
};

// --- on the worker -------------------------------------------------------------------------------

struct site { // one folder; strings are its own
    char *path, *root, *below;
};
struct walk {
    struct site *sites;
    size_t count;
    json_t *previous; // {uri: resultId}
    enum lsp_encoding encoding;
    struct lsp_style style;
    struct lsp_job *job;
    struct store *store;
    uint64_t salt; // of mutes and baseline
    bool first;    // nothing has been written yet
};

static uint64_t hash(uint64_t h, const void *bytes, size_t n) { // FNV-1a
    for (const unsigned char *p = bytes, *end = p + n; p < end; p++)
        h = (h ^ *p) * 1099511628211U;
    return h;
}

static uint64_t hash_memory(struct walk *w, const char *root, const char *key, uint64_t h) {
    struct agent_call call = {.root = root, .store = w->store};
    json_t *value = NULL;
    AUTO_BUF text = BUF_INIT(0);
    if (w->store && agent_memory_get(&call, "sherlock", key, &value, NULL) == 0 && value)
        (void)buf_put_json(&text, value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_decref(value);
    return hash(h, text.data ? text.data : "", text.len);
}

static int on_secret(void *ctx, const struct secret_finding *x) {
    (void)ctx;
    (void)x;
    return 1; // one is enough to look closely
}

static bool worth_a_look(const struct snapshot_file *f, const struct buf *text) {
    bool markup = f->lang == LANG_HTML || f->lang == LANG_CSS || f->lang == LANG_JAVASCRIPT ||
                  f->lang == LANG_TSX;
    return markup || f->facts->finding_count ||
           secrets_scan(text->data, text->len, f->path, on_secret, NULL) != 0;
}

static void put_report(struct walk *w, const char *uri, const char *id, const struct buf *items) {
    struct buf *out = &w->job->result;
    (void)buf_puts(out, w->first ? "" : ",");
    w->first = false;
    (void)buf_puts(out, "{\"uri\":");
    (void)buf_put_json_string(out, uri, strlen(uri));
    (void)buf_printf(out, ",\"version\":null,\"resultId\":\"%s\",\"kind\":\"%s\"", id,
                     items ? "full" : "unchanged");
    if (items) {
        (void)buf_puts(out, ",\"items\":[");
        (void)buf_append(out, items->data ? items->data : "", items->len);
        (void)buf_putc(out, ']');
    }
    (void)buf_putc(out, '}');
}

static int look(struct walk *w, const struct site *p, const struct snapshot *s, uint32_t i,
                const char *uri, const char *id, bool known, struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, i);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    AUTO_BUF items = BUF_INIT(0);
    struct lsp_text *lines = NULL;
    if (snapshot_text(s, i, &text, NULL) < 0)
        return 0; // changed meanwhile: the next answer has it
    if (text.len && worth_a_look(f, &text)) {
        int r = lsp_text_new(text.data, text.len, &lines, err);
        if (r < 0)
            return r;
        struct lsp_copy c = {.root = p->root,
                             .relative = (char *)f->path,
                             .lang = f->lang,
                             .encoding = w->encoding,
                             .text = text.data,
                             .bytes = text.len,
                             .lines = lines};
        r = lsp_findings_of_text(&c, &w->style, w->store, w->job, &items, err);
        lsp_text_free(lines);
        if (r < 0)
            return r;
    }
    if (items.len || known) // nothing before and nothing now: not worth a word
        put_report(w, uri, id, &items);
    return 0;
}

static int one_file(struct walk *w, const struct site *p, const struct snapshot *s, uint32_t i,
                    struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, i);
    size_t below = strlen(p->below);
    const char *rest = f->path + below + (below && f->path[below] == '/');
    char path[2 * LSP_URI_BYTES_MAX], id[17];
    if (!f->facts || (f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY)) ||
        (below && (strncmp(f->path, p->below, below) != 0 || f->path[below] != '/')) ||
        snprintf(path, sizeof path, "%s/%s", p->path, rest) >= (int)sizeof path)
        return 0;
    AUTO_FREE char *uri = lsp_uri_of_path(path);
    if (!uri)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(id, sizeof id, "%016llx",
                   (unsigned long long)hash(w->salt, f->hash, sizeof f->hash));
    const char *previous = json_string_value(json_object_get(w->previous, uri));
    if (previous && strcmp(previous, id) == 0) {
        put_report(w, uri, id, NULL);
        return 0;
    }
    return look(w, p, s, i, uri, id, previous != NULL, err);
}

static int one_site(struct walk *w, const struct site *p, struct err *err) {
    struct index_want want = {
        .tier = TIER_TREE, .ms = SNAPSHOT_WAIT_MS, .cancelled = lsp_job_cancelled, .ctx = w->job};
    struct workspace *ws = NULL;
    struct snapshot *s = NULL;
    int r = workspaces_get(w->job->services->workspaces, p->root, &ws, err);
    if (r == 0)
        r = index_get(workspace_index(ws), &want, &s, err);
    w->salt = hash(14695981039346656037U, w->style.documentation ? "d" : "", 1);
    w->salt = hash_memory(w, p->root, "mutes", w->salt);
    w->salt = hash_memory(w, p->root, "baseline", w->salt);
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        if (lsp_job_cancelled(w->job))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        else if (w->job->result.len > ANSWER_BYTES_MAX)
            break; // the Problems view has more than anybody reads
        else
            r = one_file(w, p, s, i, err);
    }
    snapshot_put(s);
    workspace_put(ws);
    return r;
}

static int look_at_all(struct lsp_job *job, struct err *err) {
    struct walk *w = job->data;
    struct store *store = job->services->store ? job->services->store(job->services, NULL) : NULL;
    w->store = store && store_state(store) == STORE_OPEN ? store : NULL;
    w->job = job;
    w->first = true;
    int r = 0;
    (void)buf_puts(&job->result, "{\"items\":[");
    for (size_t i = 0; r == 0 && i < w->count; i++)
        r = one_site(w, &w->sites[i], err);
    (void)buf_puts(&job->result, "]}");
    return r;
}

// --- on the loop ---------------------------------------------------------------------------------

static void walk_free(void *data) {
    struct walk *w = data;
    for (size_t i = 0; i < w->count; i++) {
        mem_free(w->sites[i].path);
        mem_free(w->sites[i].root);
        mem_free(w->sites[i].below);
    }
    mem_free(w->sites);
    lsp_style_done(&w->style);
    json_decref(w->previous);
    mem_free(w);
}

static bool add_site(struct walk *w, const struct lsp_folder *folder) {
    struct site *p = &w->sites[w->count];
    *p = (struct site){mem_strdup(folder->path), mem_strdup(folder->root),
                       mem_strdup(folder->below)};
    w->count++;
    return p->path && p->root && p->below;
}

static struct walk *walk_new(struct lsp_face *f, const json_t *params) {
    struct walk *w = mem_zalloc(sizeof *w);
    const json_t *one;
    size_t i;
    if (!w)
        return NULL;
    w->encoding = f->encoding;
    w->previous = json_object();
    w->sites = mem_zalloc((f->folder_count + 1) * sizeof *w->sites);
    bool ok = w->previous && w->sites && lsp_style_init(f, &w->style) == 0;
    json_array_foreach(json_object_get(params, "previousResultIds"), i, one) {
        const char *uri = json_string_value(json_object_get(one, "uri"));
        json_t *id = json_object_get(one, "value");
        if (uri && json_is_string(id) && i < PREVIOUS_MAX)
            ok = ok && json_object_set(w->previous, uri, id) == 0;
    }
    for (i = 0; ok && i < f->folder_count; i++)
        ok = !f->folders[i].root || add_site(w, &f->folders[i]);
    if (!ok) {
        walk_free(w);
        return NULL;
    }
    return w;
}

static void start(struct lsp_face *f, struct rpc_request *req) {
    struct walk *w = walk_new(f, rpc_request_params(req));
    rpc_request_set_data(req, NULL, NULL);
    if (!w)
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
    else
        lsp_work_start(f, req, NULL, LSP_BACKGROUND, look_at_all, w, walk_free);
}

static void start_held(struct pulled *p) {
    unsigned n = p->held_count;
    p->held_count = 0;
    p->face->resting -= n;
    p->news = n == 0;
    for (unsigned i = 0; i < n; i++)
        start(p->face, p->held[i]);
}

static void on_settled(void *ctx) {
    struct pulled *p = ctx;
    p->settle = NULL;
    start_held(p);
}

static struct pulled *pulled_of(const struct lsp_face *f) {
    return lsp_state(f, &lsp_feature_diagnostics_all);
}

static void note_news(struct lsp_face *f) {
    struct pulled *p = pulled_of(f);
    p->news = true;
    if (p->held_count && !p->settle)
        p->settle = env_timer_start(session_env(f->session), SETTLE_MS, on_settled, p);
}

static void on_cancelled(void *data) {
    struct pulled *p = data;
    unsigned kept = 0;
    p->face->resting -= p->held_count;
    for (unsigned i = 0; i < p->held_count; i++) {
        if (rpc_request_cancelled(p->held[i]))
            rpc_fail(p->held[i], LSP_REQUEST_CANCELLED, "Cancelled", NULL);
        else
            p->held[kept++] = p->held[i];
    }
    p->held_count = kept;
    p->face->resting += kept;
}

static void on_pull(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct pulled *p = pulled_of(f);
    const json_t *previous = json_object_get(params, "previousResultIds");
    if (!json_is_array(previous)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "previousResultIds: expected array", NULL);
    } else if (!lsp_setting_bool(f, "diagnostics.enable", true) ||
               !lsp_setting_bool(f, "diagnostics.workspace", true)) {
        rpc_reply_raw(req, "{\"items\":[]}", 12);
    } else if (p->news || !json_array_size(previous)) {
        p->news = false;
        start(f, req);
    } else if (p->held_count == HELD_MAX) {
        rpc_fail(req, LSP_SERVER_CANCELLED, "Too many pulls of the workspace",
                 json_pack("{s:b}", "retriggerRequest", 0));
    } else {
        p->held[p->held_count++] = req;
        f->resting++;
        rpc_request_set_data(req, p, on_cancelled);
    }
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    struct pulled *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->face = f;
    p->news = true;
    *ret = p;
    return 0;
}

static void close_state(struct lsp_face *f, void *state) {
    struct pulled *p = state;
    env_timer_cancel(session_env(f->session), p->settle);
    for (unsigned i = 0; i < p->held_count; i++)
        rpc_drop(p->held[i]);
    mem_free(p);
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    (void)d;
    if (event == LSP_SAVED || event == LSP_CLOSED)
        note_news(f);
}

static void changed(struct lsp_face *f, json_t *uris, bool list_changed) {
    size_t i;
    const json_t *uri;
    (void)list_changed;
    json_array_foreach(uris, i, uri) if (strcmp(json_string_value(uri), LSP_FINDINGS_URI) == 0)
        note_news(f);
}

static bool wanted(const struct lsp_face *f) {
    return lsp_client_can(f, "textDocument.diagnostic");
}

static const struct lsp_method methods[] = {
    {.name = "workspace/diagnostic", .request = on_pull, .wanted = wanted}, // see lsp_diagnostics.c
    {0},
};
const struct lsp_feature lsp_feature_diagnostics_all = {.name = "diagnostics of all",
                                                        .methods = methods,
                                                        .open = open_state,
                                                        .close = close_state,
                                                        .document = document,
                                                        .configured = note_news,
                                                        .folders = note_news,
                                                        .watched = note_news,
                                                        .changed = changed};
