// Findings as diagnostics: pulled by clients that can, pushed to the others. What is new waits
// until the user looks up (lsp_quiet.h), in both: a client pulls by itself with every edit, which
// is no question of the user's. What is gone is gone at once. Sources: LSP 3.17 "Publish
// Diagnostics", "Pull Diagnostics".
#include "core/base/mem.h"
#include "server/lsp_findings.h"
#include "server/lsp_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    WAITING_MAX = 8, // pulls of one document that wait for the same findings
    BUSY_CHECK_MS = 400
};

struct shown {
    struct lsp_face *face;
    struct lsp_document *document;
    uint64_t *prints; // of what the user sees
    uint32_t count;
    uint64_t published; // hash of what was pushed last
    bool ever;          // … if anything was
    bool releasing;     // inside of lsp_when_calm: whoever called it publishes
    struct env_timer *busy;
    struct rpc_request *waiting[WAITING_MAX];
    unsigned waiting_count;
};

static bool pulls(const struct lsp_face *f) {
    return lsp_client_can(f, "textDocument.diagnostic");
}

static struct shown *shown_of(struct lsp_document *d) {
    return *lsp_document_state(d, &lsp_feature_diagnostics);
}

static bool is_shown(const struct shown *s, uint64_t print) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->prints[i] == print)
            return true;
    return false;
}

// --- what is seen --------------------------------------------------------------------------------

static int put_items(const struct shown *s, struct buf *out) {
    const struct lsp_findings *now = lsp_findings_of(s->face, s->document);
    bool first = true, on = lsp_setting_bool(s->face, "diagnostics.enable", true);
    (void)buf_putc(out, '[');
    for (uint32_t i = 0; on && now && i < now->count; i++) {
        if (!is_shown(s, now->list[i].print))
            continue;
        if (!first)
            (void)buf_putc(out, ',');
        first = false;
        (void)buf_puts(out, now->list[i].json);
    }
    return buf_putc(out, ']');
}

static uint64_t hash(const struct buf *text) { // FNV-1a
    uint64_t h = 14695981039346656037U;
    for (size_t i = 0; i < text->len; i++)
        h = (h ^ (unsigned char)text->data[i]) * 1099511628211U;
    return h;
}

// --- pushing -------------------------------------------------------------------------------------

static void push(struct shown *s) {
    const struct lsp_findings *now = lsp_findings_of(s->face, s->document);
    AUTO_BUF items = BUF_INIT(0);
    if (put_items(s, &items) < 0 || !now)
        return;
    uint64_t h = hash(&items);
    if (s->ever && h == s->published)
        return;
    AUTO_BUF m = BUF_INIT(0);
    (void)buf_puts(&m, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/publishDiagnostics\","
                       "\"params\":{\"uri\":");
    (void)buf_put_json_string(&m, s->document->uri, strlen(s->document->uri));
    if (lsp_client_can(s->face, "textDocument.publishDiagnostics.versionSupport"))
        (void)buf_printf(&m, ",\"version\":%lld", (long long)now->version);
    (void)buf_puts(&m, ",\"diagnostics\":");
    (void)buf_append(&m, items.data, items.len);
    (void)buf_puts(&m, "}}");
    if (m.failed || s->face->phase != LSP_RUNNING)
        return;
    session_send(s->face->session, m.data, m.len, 0);
    s->ever = true;
    s->published = h;
}

static void push_nothing(struct lsp_face *f, const struct lsp_document *d) {
    lsp_notify(f, "textDocument/publishDiagnostics",
               json_pack("{s:s, s:[]}", "uri", d->uri, "diagnostics"));
}

// --- pulling -------------------------------------------------------------------------------------

static void answer(struct shown *s, struct rpc_request *req) {
    const char *previous =
        json_string_value(json_object_get(rpc_request_params(req), "previousResultId"));
    AUTO_BUF items = BUF_INIT(0), out = BUF_INIT(0);
    char id[17];
    (void)put_items(s, &items);
    (void)snprintf(id, sizeof id, "%016llx", (unsigned long long)hash(&items));
    if (previous && strcmp(previous, id) == 0) {
        (void)buf_printf(&out, "{\"kind\":\"unchanged\",\"resultId\":\"%s\"}", id);
    } else {
        (void)buf_printf(&out, "{\"kind\":\"full\",\"resultId\":\"%s\",\"items\":", id);
        (void)buf_append(&out, items.data, items.len);
        (void)buf_putc(&out, '}');
    }
    out.failed |= items.failed;
    lsp_reply_buf(req, &out);
}

static void answer_waiting(struct shown *s) {
    unsigned n = s->waiting_count;
    s->waiting_count = 0;
    for (unsigned i = 0; i < n; i++)
        answer(s, s->waiting[i]);
}

static void on_cancelled(void *data) {
    struct shown *s = data;
    unsigned kept = 0;
    for (unsigned i = 0; i < s->waiting_count; i++) {
        if (rpc_request_cancelled(s->waiting[i]))
            rpc_fail(s->waiting[i], LSP_REQUEST_CANCELLED, "Cancelled", NULL);
        else
            s->waiting[kept++] = s->waiting[i];
    }
    s->waiting_count = kept;
}

static void on_pull(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    const json_t *uri = json_object_get(json_object_get(params, "textDocument"), "uri");
    if (!json_is_string(uri)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "textDocument.uri: expected string", NULL);
        return;
    }
    struct lsp_document *d = lsp_document_find(f, json_string_value(uri), json_string_length(uri));
    struct shown *s = d ? shown_of(d) : NULL;
    const struct lsp_findings *now = s ? lsp_findings_of(f, d) : NULL;
    if (!s) {
        static const char none[] = "{\"kind\":\"full\",\"items\":[]}";
        rpc_reply_raw(req, none, sizeof none - 1);
    } else if (now && now->edits == d->edits) {
        answer(s, req);
    } else if (s->waiting_count == WAITING_MAX) {
        rpc_fail(req, LSP_SERVER_CANCELLED, "Too many pulls of one document",
                 json_pack("{s:b}", "retriggerRequest", 1));
    } else {
        s->waiting[s->waiting_count++] = req;
        rpc_request_set_data(req, s, on_cancelled);
    }
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    return json_object_set_new(capabilities, "diagnosticProvider",
                               json_pack("{s:s, s:b, s:b}", "identifier", "paired",
                                         "interFileDependencies", 0, "workspaceDiagnostics", 1)) < 0
               ? ERR_NOMEM
               : 0;
}

// --- when ----------------------------------------------------------------------------------------

static void tell(struct shown *s) {
    if (pulls(s->face))
        lsp_refresh(s->face, "workspace.diagnostics.refreshSupport",
                    "workspace/diagnostic/refresh");
    else
        push(s);
}

static void release(void *ctx, uint64_t key);

static void on_busy_timer(void *ctx) {
    struct shown *s = ctx;
    s->busy = NULL;
    lsp_when_calm(s->face, release, s, s->document->id);
}

// All but what stands on the line that is being written: that comes when it is left.
static void release(void *ctx, uint64_t key) {
    struct shown *s = ctx;
    const struct lsp_findings *now = lsp_findings_of(s->face, s->document);
    uint32_t added = 0;
    bool busy = false;
    (void)key;
    uint64_t *more =
        now ? mem_realloc(s->prints, (s->count + now->count + 1) * sizeof *more) : NULL;
    if (!more)
        return;
    s->prints = more;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct lsp_finding *x = &now->list[i];
        if (is_shown(s, x->print))
            continue;
        if (lsp_line_busy(s->face, s->document, x->line)) {
            busy = true;
            continue;
        }
        s->prints[s->count++] = x->print;
        added++;
    }
    struct env *env = session_env(s->face->session);
    if (busy && !s->busy)
        s->busy = env_timer_start(env, BUSY_CHECK_MS, on_busy_timer, s);
    if (added && !s->releasing)
        tell(s);
}

// What was seen and is gone is forgotten: if it comes back, it is new.
static bool forget_gone(struct shown *s, const struct lsp_findings *now) {
    uint32_t kept = 0, fresh = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        bool there = false;
        for (uint32_t k = 0; k < now->count && !there; k++)
            there = now->list[k].print == s->prints[i];
        if (there)
            s->prints[kept++] = s->prints[i];
    }
    s->count = kept;
    for (uint32_t k = 0; k < now->count; k++)
        fresh += !is_shown(s, now->list[k].print);
    return fresh > 0;
}

void lsp_diagnostics_found(struct lsp_face *f, struct lsp_document *d) {
    struct shown *s = shown_of(d);
    const struct lsp_findings *now = s ? lsp_findings_of(f, d) : NULL;
    if (!now) {
        if (s)
            answer_waiting(s);
        return;
    }
    if (forget_gone(s, now)) {
        s->releasing = true;
        lsp_when_calm(f, release, s, d->id);
        s->releasing = false;
    } else {
        lsp_forget_calm(f, s, d->id);
    }
    answer_waiting(s);
    if (!pulls(f))
        push(s);
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    struct shown *s = shown_of(d);
    if (event == LSP_OPENED) {
        s = mem_zalloc(sizeof *s);
        if (s)
            *s = (struct shown){.face = f, .document = d};
        *lsp_document_state(d, &lsp_feature_diagnostics) = s;
    } else if (event == LSP_CLOSED && s) {
        lsp_forget_calm(f, s, d->id);
        env_timer_cancel(session_env(f->session), s->busy);
        for (unsigned i = 0; i < s->waiting_count; i++)
            rpc_fail(s->waiting[i], LSP_CONTENT_MODIFIED, "The document was closed", NULL);
        if (!pulls(f) && s->ever)
            push_nothing(f, d);
        mem_free(s->prints);
        mem_free(s);
        *lsp_document_state(d, &lsp_feature_diagnostics) = NULL;
    }
}

static void configured(struct lsp_face *f) {
    for (struct lsp_document *d = f->documents; d; d = d->next)
        if (shown_of(d) && lsp_findings_of(f, d))
            tell(shown_of(d));
}

static const struct lsp_method methods[] = {
    {.name = "textDocument/diagnostic",
     .request = on_pull,
     .advertise = advertise,
     .wanted = pulls},
    {0},
};
const struct lsp_feature lsp_feature_diagnostics = {
    .name = "diagnostics", .methods = methods, .document = document, .configured = configured};
