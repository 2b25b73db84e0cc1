// Our own calls: numbered, each with its deadline, until they are answered.
#include "core/base/mem.h"
#include "protocol/rpc_internal.h"

#include <stdio.h>
#include <string.h>

struct rpc_call {
    struct rpc *rpc;
    struct rpc_call *next;
    int64_t number;
    struct env_timer *timer; // NULL: no deadline, or it has fired
    rpc_answer_fn *fn;
    void *ctx;
};

static struct rpc_call **find_slot(struct rpc *r, int64_t number) {
    struct rpc_call **slot = &r->calls;
    while (*slot && (*slot)->number != number)
        slot = &(*slot)->next;
    return slot;
}

// Takes the call out, runs its callback, frees it.
static void finish(struct rpc_call **slot, const json_t *result, const json_t *error,
                   const struct err *err) {
    struct rpc_call *c = *slot;
    struct rpc *r = c->rpc;
    *slot = c->next;
    r->call_count--;
    env_timer_cancel(r->config.env, c->timer);
    rpc_enter(r);
    c->fn(c->ctx, result, error, err);
    mem_free(c);
    rpc_leave(r);
}

static void fail(struct rpc_call **slot, int code, const char *message) {
    struct err e = {0};
    (void)err_set(&e, code, "%s", message);
    finish(slot, NULL, NULL, &e);
}

static void deadline(void *ctx) {
    struct rpc_call *c = ctx;
    c->timer = NULL; // it frees itself after firing
    fail(find_slot(c->rpc, c->number), ERR_TIMEOUT, "no answer came before the deadline");
}

static void put_call(struct rpc *r, struct buf *out, int64_t number, const char *method,
                     const json_t *params) {
    (void)buf_puts(out, "{\"jsonrpc\":\"2.0\"");
    if (number) {
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%lld", (long long)number);
        struct buf id = BUF_INIT(0);
        (void)buf_puts(&id, r->id_prefix);
        (void)buf_append(&id, digits, (size_t)n);
        (void)buf_puts(out, ",\"id\":");
        (void)buf_put_json_string(out, id.data, id.len);
        out->failed |= id.failed;
        buf_done(&id);
    }
    (void)buf_puts(out, ",\"method\":");
    (void)buf_put_json_string(out, method, strlen(method));
    if (params) {
        (void)buf_puts(out, ",\"params\":");
        (void)buf_put_json(out, params, JSON_COMPACT);
    }
    (void)buf_putc(out, '}');
}

int64_t rpc_call(struct rpc *r, const char *method, json_t *params, uint64_t deadline_ms,
                 rpc_answer_fn *fn, void *ctx, struct err *err) {
    struct buf out = BUF_INIT(0);
    struct rpc_call *c = NULL;
    int64_t code = 0;
    if (r->closed)
        code = err_set(err, ERR_CLOSED, "the connection is closed");
    else if (r->call_count >= RPC_CALLS_MAX)
        code = err_set(err, ERR_BUSY, "%d calls wait for their answers already", RPC_CALLS_MAX);
    else if (!(c = mem_zalloc(sizeof *c)))
        code = err_set(err, ERR_NOMEM, "out of memory");
    if (code < 0)
        goto out;
    *c = (struct rpc_call){.rpc = r, .number = r->last_call + 1, .fn = fn, .ctx = ctx};
    out = rpc_take_out(r);
    put_call(r, &out, c->number, method, params);
    if (!out.failed && deadline_ms) {
        c->timer = env_timer_start(r->config.env, deadline_ms, deadline, c);
        out.failed = !c->timer;
    }
    if (out.failed) {
        code = err_set(err, ERR_NOMEM, "the call could not be written");
        mem_free(c);
        rpc_give_out(r, &out);
        goto out;
    }
    code = r->last_call = c->number;
    c->next = r->calls;
    r->calls = c;
    r->call_count++;
    rpc_enter(r);
    r->config.send(r->config.ctx, out.data, out.len, 0);
    rpc_give_out(r, &out);
    rpc_leave(r);
out:
    json_decref(params);
    return code;
}

int rpc_notify(struct rpc *r, const char *method, json_t *params) {
    int code = r->closed ? ERR_CLOSED : 0;
    if (code == 0) {
        struct buf out = rpc_take_out(r);
        put_call(r, &out, 0, method, params);
        code = out.failed ? ERR_NOMEM : 0;
        rpc_enter(r);
        if (code == 0)
            r->config.send(r->config.ctx, out.data, out.len, 0);
        rpc_give_out(r, &out);
        rpc_leave(r);
    }
    json_decref(params);
    return code;
}

void rpc_call_cancel(struct rpc *r, int64_t call) {
    struct rpc_call **slot = find_slot(r, call);
    if (*slot)
        fail(slot, ERR_CANCELLED, "the call was given up");
}

void rpc_calls_close(struct rpc *r) {
    while (r->calls)
        fail(&r->calls, ERR_CLOSED, "the connection was closed");
}

// The number in one of our ids, or 0.
static int64_t call_number(const struct rpc *r, struct span id) {
    json_t *text = id.data[0] == '"' ? json_loadb(id.data, id.len, JSON_DECODE_ANY, NULL) : NULL;
    size_t prefix = strlen(r->id_prefix);
    const char *s = text ? json_string_value(text) : "";
    int64_t number = 0;
    if (strncmp(s, r->id_prefix, prefix) == 0) {
        s += prefix;
        size_t digits = strspn(s, "0123456789");
        if (digits && digits <= 18 && s[digits] == '\0' && s[0] != '0')
            for (size_t i = 0; i < digits; i++)
                number = number * 10 + (s[i] - '0');
    }
    json_decref(text);
    return number;
}

static struct rpc_call **find_answered(struct rpc *r, struct span id) {
    int64_t number = r->calls ? call_number(r, id) : 0;
    struct rpc_call **slot = number ? find_slot(r, number) : NULL;
    return slot && *slot ? slot : NULL;
}

void rpc_calls_answer(struct rpc *r, const struct jsonrpc_message *m) {
    struct rpc_call **slot = find_answered(r, m->id);
    if (!slot)
        return; // not ours, answered twice, or too late
    struct span text = m->result.data ? m->result : m->error;
    const char *why;
    json_t *value = rpc_tree(r, text.data, text.len, &why);
    if (!value)
        fail(slot, ERR_PARSE, "the answer could not be read");
    else if (m->result.data)
        finish(slot, value, NULL, NULL);
    else if (json_is_object(value))
        finish(slot, NULL, value, NULL);
    else
        fail(slot, ERR_PARSE, "the answer's error is not an object");
    json_decref(value);
}

bool rpc_calls_oversize(struct rpc *r, struct span id, size_t total, size_t max) {
    struct rpc_call **slot = find_answered(r, id);
    if (!slot)
        return false;
    struct err e = {0};
    (void)err_set(&e, ERR_LIMIT, "an answer of %zu bytes is over the maximum of %zu", total, max);
    finish(slot, NULL, NULL, &e);
    return true;
}
