// The model's turn, on the loop: the request goes out, its answer is read as it comes, and who
// cannot wait any longer takes it back, which closes the connection to the backend.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/gateway.h"
#include "server/models_impl.h"
#include "server/team_impl.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 256 * 1024, INPUT_BYTES_MAX = 64 * 1024, SHOWN_BYTES = 100 };

void team_reply_done(struct team_reply *r) {
    wire_reader_free(r->reader);
    buf_done(&r->text);
    for (size_t i = 0; i < r->call_count; i++)
        buf_done(&r->calls[i].input);
    *r = (struct team_reply){0};
}

static void go_on(struct team *t) {
    env_timer_cancel(t->env, t->timer);
    t->timer = NULL;
    t->run = NULL;
    wire_reader_free(t->reply.reader);
    t->reply.reader = NULL;
    call_resume(t->call);
}

static void fail(struct team *t, const char *why) {
    t->reply.whole = false;
    if (!t->reply.message[0])
        (void)snprintf(t->reply.message, sizeof t->reply.message, "%s", why);
}

// --- what comes back -----------------------------------------------------------------------------

static void hear_text(struct team *t, const char *text, size_t n) {
    struct buf *all = &t->reply.text;
    if (!all->len && t->said)
        call_say(t->call, "\n\n", 2);
    if (buf_append(all, text, n) < 0)
        return; // longer than anybody reads; the rest is left out
    t->said = true;
    call_say(t->call, text, n);
    const char *line = memrchr(all->data, '\n', all->len);
    const char *from = line ? line + 1 : all->data;
    size_t shown = (size_t)(all->data + all->len - from);
    if (shown > SHOWN_BYTES) {
        from += shown - SHOWN_BYTES;
        while (((unsigned char)*from & 0xC0) == 0x80)
            from++;
    }
    if (*from)
        call_progress(t->call, ++t->ticks, -1, from);
}

static void hear_call(struct team *t, const struct wire_event *e) {
    struct team_reply *r = &t->reply;
    r->in_call = r->call_count < TEAM_CALLS_MAX;
    r->left_out += !r->in_call;
    if (!r->in_call)
        return;
    struct team_tool_call *c = &r->calls[r->call_count++];
    *c = (struct team_tool_call){.input = BUF_INIT(INPUT_BYTES_MAX)};
    (void)snprintf(c->name, sizeof c->name, "%s", e->name ? e->name : "");
}

static int on_event(void *ctx, const struct wire_event *e) {
    struct team *t = ctx;
    struct team_reply *r = &t->reply;
    if (e->kind == WIRE_TEXT)
        hear_text(t, e->text, e->n);
    else if (e->kind == WIRE_TOOL)
        hear_call(t, e);
    else if (e->kind == WIRE_TOOL_INPUT && r->in_call)
        (void)buf_append(&r->calls[r->call_count - 1].input, e->text, e->n);
    else if (e->kind == WIRE_BLOCK_END)
        r->in_call = false;
    else if (e->kind == WIRE_STOP)
        r->stop = e->stop;
    return 0;
}

static void on_begin(void *ctx, bool stream, const struct http_header *headers, size_t n) {
    struct team *t = ctx;
    (void)headers;
    (void)n;
    if (wire_reader_new(WIRE_ANTHROPIC, stream, &t->reply.reader) < 0)
        fail(t, "out of memory");
}

static int on_bytes(void *ctx, const char *bytes, size_t n) {
    struct team *t = ctx;
    struct err err = {0};
    if (t->reply.reader && wire_read(t->reply.reader, bytes, n, on_event, t, &err) < 0)
        fail(t, err_text(&err));
    return 0;
}

static void on_done(void *ctx, const struct model_result *result) {
    struct team *t = ctx;
    struct err err = {0};
    if (result->whole && t->reply.reader && !t->reply.message[0]) {
        t->reply.whole = true;
        if (wire_read_end(t->reply.reader, on_event, t, &err) < 0)
            fail(t, err_text(&err));
    } else {
        fail(t, result->message[0] ? result->message : "the answer was cut");
    }
    t->usage.input += result->usage.input;
    t->usage.cached += result->usage.cached;
    t->usage.cache_write += result->usage.cache_write;
    t->usage.output += result->usage.output;
    t->usage.known = result->usage.known;
    t->budget.cost += result->cost;
    if (result->backend[0]) {
        (void)snprintf(t->backend, sizeof t->backend, "%s", result->backend);
        (void)snprintf(t->model, sizeof t->model, "%s", result->model);
        (void)snprintf(t->route, sizeof t->route, "%s", result->route);
        if (t->cascade.stage)
            t->cascade.arm = model_arm_id(result->backend, result->model);
    }
    go_on(t);
}

static void on_late(void *ctx) {
    struct team *t = ctx;
    t->timer = NULL;
    model_cancel(t->run);
    t->reply.timed_out = true;
    fail(t, "no answer in time");
    go_on(t);
}

// --- the request ---------------------------------------------------------------------------------

static int ask(struct team *t, struct err *err) {
    static const struct model_events events = {on_begin, on_bytes, on_done};
    struct models *m = gateway_models_of(t->call->services->gateway, err);
    struct model_ask ask = {.family = WIRE_ANTHROPIC,
                            .body = t->body,
                            .workspace = t->call->caller->workspace,
                            .purpose = t->purpose,
                            .agent = t->asker ? t->asker : t->agent->name,
                            .session = t->id,
                            .keys = t->keys.count ? &t->keys : NULL,
                            .copy_keys = true,
                            .cascade = t->cascade};
    int r = m ? models_ask(m, &ask, &events, t, &t->run, err) : err->code;
    t->body = ask.body; // what was not taken
    return r;
}

void team_wait_begin(void *state, struct call *call) {
    struct team *t = state;
    struct err err = {0};
    t->env = call_env(call);
    uint64_t now = env_mono_ns(t->env);
    team_reply_done(&t->reply);
    t->reply.text = BUF_INIT(TEXT_BYTES_MAX);
    if (ask(t, &err) < 0) {
        fail(t, err_text(&err));
        go_on(t);
        return;
    }
    uint64_t ms = now < t->budget.until_ns ? (t->budget.until_ns - now) / 1000000 : 0;
    t->timer = env_timer_start(t->env, ms, on_late, t);
    if (!t->timer)
        on_late(t);
}

void team_wait_stop(void *state) {
    struct team *t = state;
    env_timer_cancel(t->env, t->timer);
    t->timer = NULL;
    if (t->run)
        model_cancel(t->run);
    t->run = NULL;
}
