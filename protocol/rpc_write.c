// Answers as text: into one message each, or collected for a batch.
#include "core/base/mem.h"
#include "protocol/rpc_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    KEEP_BYTES = 64 * 1024, // a larger scratch buffer is given back
    SECRET_BYTES = 4096     // room from the beginning, so that growing leaves no copy of a secret
};

struct buf rpc_take_out(struct rpc *r) {
    struct buf out = r->out;
    r->out = BUF_INIT(RPC_ANSWER_BYTES_MAX);
    if (r->config.secret)
        (void)buf_reserve(&out, SECRET_BYTES);
    return out;
}

void rpc_give_out(struct rpc *r, struct buf *out) {
    if (r->config.secret && out->data)
        explicit_bzero(out->data, out->cap);
    if (out->cap > KEEP_BYTES || r->out.data) {
        buf_done(out);
        return;
    }
    buf_clear(out);
    r->out = *out;
}

void rpc_batch_release(struct rpc_batch *b) {
    if (--b->pending)
        return;
    struct rpc *r = b->rpc;
    if (r && !b->silent && (b->answers.len || b->answers.failed)) {
        static const char lost[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
                                   "\"message\":\"The answers of the batch do not fit\"}}";
        if (!b->answers.failed)
            (void)buf_putc(&b->answers, ']');
        bool ok = !b->answers.failed;
        r->config.send(r->config.ctx, ok ? b->answers.data : lost,
                       ok ? b->answers.len : sizeof lost - 1, b->seq);
    }
    buf_done(&b->answers);
    mem_free(b);
}

void rpc_send_answer(const struct rpc_place *at, const char *json, size_t n) {
    if (!at->rpc || at->rpc->closed || at->silent)
        return;
    if (!at->batch) {
        at->rpc->config.send(at->rpc->config.ctx, json, n, at->seq);
        return;
    }
    struct buf *answers = &at->batch->answers;
    if (answers->failed)
        return;
    (void)buf_putc(answers, answers->len ? ',' : '[');
    if (!answers->failed)
        (void)buf_append(answers, json, n);
}

void rpc_put_head(struct buf *out, struct span id) {
    (void)buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id.data)
        (void)buf_append(out, id.data, id.len);
    else
        (void)buf_puts(out, "null");
}

void rpc_send_internal_error(const struct rpc_place *at, struct span id, const char *message) {
    char text[JSONRPC_ID_BYTES_MAX + 256];
    int n = snprintf(text, sizeof text,
                     "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":%d,\"message\":\"%s\"}}",
                     id.data ? (int)id.len : 4, id.data ? id.data : "null", JSONRPC_INTERNAL_ERROR,
                     message);
    assert(n > 0 && (size_t)n < sizeof text);
    rpc_send_answer(at, text, (size_t)n);
}

void rpc_send_error(const struct rpc_place *at, struct span id, int code, const char *message,
                    const json_t *data) {
    if (!at->rpc || at->silent)
        return;
    struct buf out = rpc_take_out(at->rpc);
    rpc_put_head(&out, id);
    (void)buf_printf(&out, ",\"error\":{\"code\":%d,\"message\":", code);
    (void)buf_put_json_string(&out, message, strlen(message));
    if (data) {
        (void)buf_puts(&out, ",\"data\":");
        (void)buf_put_json(&out, data, JSON_COMPACT);
    }
    (void)buf_puts(&out, "}}");
    if (out.failed)
        rpc_send_internal_error(at, id, "The error could not be written");
    else
        rpc_send_answer(at, out.data, out.len);
    rpc_give_out(at->rpc, &out);
}
