// The language server's face: any messages of an editor, one on each line; a line that begins with
// "~" is said silently, as after the death of an engine, one with "." lets time pass, "!" and a
// letter lets one of the next allocations fail (a: the first). What it sends
// is JSON-RPC each time, every request is answered at most once, and what it counts of the open
// documents is what they hold.
#include "server/lsp_impl.h"

#include "core/base/mem.h"
#include "core/loop/pool.h"
#include "protocol/hop.h"
#include "protocol/jsonrpc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// --- a session without an engine -----------------------------------------------------------------

struct env_timer {
    struct env_timer *next;
    uint64_t due_ns;
    env_timer_fn *fn;
    void *ctx;
};

struct session {
    struct env env;
    uint64_t now_ns;
    struct env_timer *timers;
    uint64_t seq; // of the message that is being handled
};

static uint64_t mono_ns(void *self) {
    return ((struct session *)self)->now_ns;
}

static int64_t wall_ms(void *self) {
    (void)self;
    return 0;
}

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    memset(out, 7, n);
}

static struct env_timer *timer_start(void *self, uint64_t delay_ms, env_timer_fn *fn, void *ctx) {
    struct session *s = self;
    struct env_timer *t = mem_alloc(sizeof *t);
    if (!t)
        return NULL;
    *t = (struct env_timer){s->timers, s->now_ns + delay_ms * 1000000, fn, ctx};
    s->timers = t;
    return t;
}

static void timer_cancel(void *self, struct env_timer *timer) {
    struct session *s = self;
    for (struct env_timer **at = &s->timers; timer && *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            mem_free(timer);
            return;
        }
    }
}

static void pass_time(struct session *s, uint64_t ms) {
    s->now_ns += ms * 1000000;
    for (unsigned fired = 0; fired < 100; fired++) {
        struct env_timer *t = s->timers;
        while (t && t->due_ns > s->now_ns)
            t = t->next;
        if (!t)
            return;
        env_timer_fn *fn = t->fn;
        void *ctx = t->ctx;
        timer_cancel(s, t);
        fn(ctx);
    }
}

struct env *session_env(struct session *s) {
    return &s->env;
}
struct pool *session_pool(struct session *s) {
    (void)s;
    return NULL;
}
struct services *session_services(struct session *s) {
    (void)s;
    return NULL;
}
const char *session_id(const struct session *s) {
    (void)s;
    return "00000000000000000000000000000000";
}
const char *session_workspace(const struct session *s) {
    (void)s;
    return NULL;
}
void session_set_client(struct session *s, const char *name) {
    (void)s;
    (void)name;
}
const char *session_client(const struct session *s) {
    (void)s;
    return "";
}
const char *session_engine_id(const struct session *s) {
    (void)s;
    return "0123456789abcdef0123456789abcdef";
}
uint64_t session_arrival_ns(const struct session *s) {
    return s->now_ns;
}

void session_send(struct session *s, const char *json, size_t n, uint64_t seq) {
    struct jsonrpc_message m;
    if (jsonrpc_read(json, n, &m, NULL) < 0 || m.kind == JSONRPC_BATCH || seq > s->seq)
        abort();
    // An error without an id is all that may be no message of ours.
    if (m.kind == JSONRPC_INVALID)
        abort();
}

void session_send_state(struct session *s, uint64_t seq, const char *uri, size_t uri_bytes,
                        const char *json, size_t n) {
    struct jsonrpc_message m;
    (void)uri;
    if (!uri_bytes || seq != s->seq || jsonrpc_read(json, n, &m, NULL) < 0 ||
        m.kind != JSONRPC_NOTIFICATION)
        abort();
}

int pool_submit(struct pool *p, enum pool_priority priority, job_run_fn *run, job_done_fn *done,
                void *ctx, struct job **ret_job) {
    (void)p;
    (void)priority;
    (void)run;
    (void)done;
    (void)ctx;
    (void)ret_job;
    return ERR_BUSY;
}
void job_cancel(struct job *job) {
    (void)job;
}
bool job_cancelled(const struct job *job) {
    (void)job;
    return false;
}

// --- a feature that asks for everything ----------------------------------------------------------

static int nothing(struct lsp_job *job, struct err *err) {
    (void)job;
    (void)err;
    return 0;
}

static void on_hover(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_position p;
    struct lsp_document *d = lsp_document_of(f, req, params);
    if (!d)
        return;
    if (lsp_read_position(json_object_get(params, "position"), &p) &&
        lsp_text_offset(d->text, f->encoding, p) > lsp_text_bytes(d->text))
        abort();
    struct lsp_copy *c = lsp_document_copy(f, d);
    if (c && c->bytes != lsp_text_bytes(d->text))
        abort();
    lsp_copy_put(c);
    lsp_work_start(f, req, d, LSP_FRESH, nothing, NULL, NULL);
}

static void on_chosen(void *ctx, int chosen) {
    (void)ctx;
    if (chosen > 1)
        abort();
}

static void on_calm(void *ctx, uint64_t key) {
    struct lsp_face *f = ctx;
    static const char *const actions[] = {"Yes", "No", NULL};
    (void)key;
    lsp_ask(f, LSP_INFO, "?", actions, on_chosen, NULL);
    lsp_refresh(f, "workspace.codeLens.refreshSupport", "workspace/codeLens/refresh");
    lsp_progress_end(lsp_progress_begin(f, NULL, "p", NULL, NULL), "done");
}

static void on_document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    if (event == LSP_CHANGED)
        lsp_when_calm(f, on_calm, f, d->id);
}

static const struct lsp_method methods[] = {{.name = "textDocument/hover", .request = on_hover},
                                            {0}};
static const struct lsp_feature all = {.name = "all", .methods = methods, .document = on_document};
const struct lsp_feature *const lsp_features[] = {
    &lsp_feature_life, &lsp_feature_workspace, &lsp_feature_sync, &lsp_feature_calm, &all, NULL};

// --- the target ----------------------------------------------------------------------------------

static void check(const struct lsp_face *f) {
    size_t count = 0, bytes = 0;
    for (const struct lsp_document *d = f->documents; d; d = d->next) {
        count++;
        bytes += lsp_text_bytes(d->text);
    }
    if (count != f->document_count || bytes != f->document_bytes ||
        f->folder_count > LSP_FOLDERS_MAX)
        abort();
}

static void step(struct lsp_face *f, const char *line, size_t n) {
    const struct session_face *face = &session_face_lsp;
    bool silent = n && *line == '~';
    if (n && *line == '.') {
        pass_time(f->session, n * 100);
        return;
    }
    if (n > 1 && *line == '!') {
        mem_fail_at((uint64_t)(unsigned char)line[1] - 'a' + 1);
        return;
    }
    f->session->now_ns += 50 * 1000000;
    line += silent;
    n -= silent;
    face->message(f, line, n, ++f->session->seq, silent ? HOP_SILENT : 0);
    check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct env_ops ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};
    struct session s = {.now_ns = 1000000000};
    void *face = NULL;
    s.env = (struct env){&ops, &s};
    mem_init_json();
    if (session_face_lsp.open(&s, &face, NULL) < 0)
        return 0;
    const char *p = (const char *)data, *end = p + size;
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        step(face, p, (size_t)((lf ? lf : end) - p));
        p = lf ? lf + 1 : end;
    }
    mem_fail_at(0);
    session_face_lsp.finish(face);
    session_face_lsp.close(face);
    if (s.timers)
        abort();
    return 0;
}
