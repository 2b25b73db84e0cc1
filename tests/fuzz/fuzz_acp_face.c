// The face of the Agent Client Protocol: any messages of an editor, one on each line. A line that
// begins with "~" is said silently, as after the death of an engine; ">" and a letter ends the
// oldest thing that a worker does (o: well, e: badly, n: not found, c: taken back), the rest of the
// line being its answer; "." lets time pass; "!" and a letter lets one of the next allocations fail
// (a: the first). What it sends is JSON-RPC each time, every request is answered at most once, and
// nothing is left at the end.
#include "server/acp_face.h"

#include "core/base/mem.h"
#include "protocol/hop.h"
#include "protocol/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES_MAX = 4096, ROWS_MAX = 96 };

// --- a session without an engine -----------------------------------------------------------------

struct env_timer {
    struct env_timer *next;
    uint64_t due_ns;
    env_timer_fn *fn;
    void *ctx;
};

struct work { // of a worker
    struct work *next;
    int64_t handle;
    json_t *arguments;
    bool cancelled;
    void (*done)(void *ctx, int r, struct answer *answer, const struct err *err);
    void *ctx;
};

struct session {
    struct env env;
    uint64_t now_ns;
    struct env_timer *timers;
    uint64_t seq; // of the message that is being handled
    bool answered[MESSAGES_MAX];
    struct work *work;
    int64_t last_work;
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
struct dispatch *session_dispatch(struct session *s) {
    return (struct dispatch *)s;
}
const char *session_id(const struct session *s) {
    (void)s;
    return "00000000000000000000000000000000";
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

void session_send(struct session *s, const char *json, size_t n, uint64_t seq) {
    struct jsonrpc_message m;
    if (jsonrpc_read(json, n, &m, NULL) < 0 || m.kind == JSONRPC_BATCH ||
        m.kind == JSONRPC_INVALID || seq > s->seq || (seq && s->answered[seq]))
        abort();
    if (seq)
        s->answered[seq] = true;
}

void session_send_state(struct session *s, uint64_t seq, const char *uri, size_t uri_bytes,
                        const char *json, size_t n) {
    struct jsonrpc_message m;
    (void)uri;
    if (!uri_bytes || seq > s->seq)
        abort();
    if (n && (jsonrpc_read(json, n, &m, NULL) < 0 || m.kind != JSONRPC_NOTIFICATION))
        abort();
}

// --- workers that do nothing until they are told to ----------------------------------------------

const struct capability *dispatch_find(const struct dispatch *d, const char *name) {
    static struct capability rows[ROWS_MAX];
    static char names[ROWS_MAX][64];
    static size_t count;
    const struct agent_capability *c = agent_capability_find(name, strlen(name), NULL);
    (void)d;
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return &rows[i];
    if (!c || !strchr(name, '.') || count == ROWS_MAX || strlen(name) >= sizeof names[0])
        return NULL;
    memcpy(names[count], name, strlen(name) + 1);
    rows[count] = (struct capability){.name = names[count],
                                      .title = c->title,
                                      .flags = c->flags & AGENT_WRITES ? 0 : CAP_READ_ONLY,
                                      .input = c->input,
                                      .example = c->example,
                                      .operand = c->operand};
    return &rows[count++];
}

int64_t dispatch_call(struct dispatch *d, const struct dispatch_request *req, struct err *err) {
    struct session *s = (struct session *)d;
    struct work **end = &s->work, *w = mem_alloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    *w = (struct work){.handle = ++s->last_work,
                       .arguments = json_incref(req->arguments),
                       .done = req->done,
                       .ctx = req->ctx};
    while (*end)
        end = &(*end)->next;
    *end = w;
    return w->handle;
}

void dispatch_cancel(struct dispatch *d, int64_t handle) {
    struct session *s = (struct session *)d;
    for (struct work *w = s->work; w; w = w->next)
        w->cancelled |= w->handle == handle;
}

static void end_work(struct session *s, char how, const char *text, size_t n) {
    struct work *w = s->work;
    struct answer answer = {.text = BUF_INIT(0)};
    struct err err = {0};
    int r = 0;
    if (!w)
        return;
    s->work = w->next;
    if (w->cancelled || how == 'c')
        r = err_set(&err, ERR_CANCELLED, "cancelled");
    else if (how != 'o')
        r = err_set(&err, how == 'n' ? ERR_NOT_FOUND : ERR_INVAL, "no: %.*s", (int)n, text);
    if (r == 0) {
        answer.structured = json_loadb(text, n, JSON_ALLOW_NUL, NULL);
        (void)buf_append(&answer.text, text, n);
    }
    w->done(w->ctx, r, &answer, &err);
    answer_done(&answer);
    json_decref(w->arguments);
    mem_free(w);
}

void answer_done(struct answer *a) {
    json_decref(a->structured);
    buf_done(&a->text);
}

// --- the target ----------------------------------------------------------------------------------

static void check(const struct acp_face *f) {
    size_t count = 0;
    for (const struct acp_chat *c = f->chats; c; c = c->next) {
        count++;
        if (acp_chat_find(f, c->id) != c || c->root[0] != '/' || !c->agent)
            abort();
    }
    if (count != f->chat_count || count > ACP_CHATS_MAX)
        abort();
}

static void step(struct acp_face *f, const char *line, size_t n) {
    struct session *s = f->session;
    bool silent = n && *line == '~';
    if (n && *line == '.') {
        pass_time(s, n * 10000);
    } else if (n > 1 && *line == '!') {
        mem_fail_at((uint64_t)(unsigned char)line[1] - 'a' + 1);
    } else if (n > 1 && *line == '>') {
        end_work(s, line[1], line + 2, n - 2);
    } else if (s->seq + 1 < MESSAGES_MAX) {
        s->now_ns += 50 * 1000000;
        session_face_acp.message(f, line + silent, n - silent, ++s->seq, silent ? HOP_SILENT : 0);
    }
    check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct env_ops ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};
    static struct session s;
    void *face = NULL;
    memset(&s, 0, sizeof s);
    s.now_ns = 1000000000;
    s.env = (struct env){&ops, &s};
    mem_init_json();
    if (session_face_acp.open(&s, &face, NULL) < 0)
        return 0;
    const char *p = (const char *)data, *end = p + size;
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        step(face, p, (size_t)((lf ? lf : end) - p));
        p = lf ? lf + 1 : end;
    }
    mem_fail_at(0);
    session_face_acp.finish(face);
    session_face_acp.close(face);
    while (s.work) // as the end of the pool does
        end_work(&s, 'c', "", 0);
    if (s.timers)
        abort();
    return 0;
}
