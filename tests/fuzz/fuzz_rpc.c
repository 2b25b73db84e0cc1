// protocol/rpc: lines of input are messages; whatever they say, each answer is one JSON text, and
// at the end nothing is left open or leaked. A line's first byte steers: held requests are
// answered, cancelled or dropped.
#include "core/base/mem.h"
#include "protocol/rpc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HELD_MAX = 64 };

struct bench {
    struct rpc *rpc;
    struct rpc_request *held[HELD_MAX];
    size_t held_count;
    size_t calls;
};

struct env_timer {
    char unused;
};

static uint64_t mono_ns(void *self) {
    (void)self;
    return 0;
}

static int64_t wall_ms(void *self) {
    (void)self;
    return 0;
}

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    memset(out, 1, n);
}

static struct env_timer *timer_start(void *self, uint64_t delay, env_timer_fn *fn, void *ctx) {
    (void)self, (void)delay, (void)fn, (void)ctx;
    return mem_alloc(sizeof(struct env_timer));
}

static void timer_cancel(void *self, struct env_timer *t) {
    (void)self;
    mem_free(t);
}

static void on_send(void *ctx, const char *json, size_t n, uint64_t seq) {
    (void)ctx, (void)seq;
    struct jsonrpc_message m;
    // More members than one message may have can only come from a batch.
    int r = jsonrpc_read(json, n, &m, NULL);
    if ((r < 0 && !(r == ERR_LIMIT && json[0] == '[')) || (r == 0 && m.kind == JSONRPC_INVALID))
        abort();
    if (memchr(json, '\n', n)) // would break the framing of MCP
        abort();
}

static void do_echo(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx;
    rpc_reply(req, params ? json_incref(params) : json_object());
}

static void do_hold(void *ctx, struct rpc_request *req, json_t *params) {
    struct bench *b = ctx;
    (void)params;
    if (b->held_count == HELD_MAX)
        rpc_fail(req, -32000, "full", NULL);
    else
        b->held[b->held_count++] = req;
}

static void on_cancel(void *ctx, json_t *params) {
    struct bench *b = ctx;
    struct rpc_request *q = rpc_find(b->rpc, json_object_get(params, "requestId"));
    if (q)
        rpc_cancel(q);
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct bench *b = ctx;
    if (!!result + !!error + !!err != 1)
        abort();
    b->calls--;
}

static const struct rpc_method methods[] = {
    {.name = "echo", .request = do_echo},
    {.name = "hold", .request = do_hold},
    {.name = "notifications/cancelled", .notification = on_cancel},
    {0},
};

static void steer(struct bench *b, uint8_t what) {
    switch (what % 8) {
    case 0:
        if (b->held_count)
            rpc_reply(b->held[--b->held_count], json_true());
        break;
    case 1:
        if (b->held_count)
            rpc_drop(b->held[--b->held_count]);
        break;
    case 2:
        rpc_cancel_all(b->rpc);
        break;
    case 3:
        b->calls += rpc_call(b->rpc, "ask", NULL, 5, on_answer, b, NULL) > 0;
        break;
    case 4:
        rpc_set_batches(b->rpc, what & 8U);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct env_ops ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};
    struct env env = {.ops = &ops};
    struct bench b = {0};
    struct rpc_config config = {
        .methods = methods, .send = on_send, .ctx = &b, .env = &env, .id_prefix = "p"};
    if (rpc_new(&config, &b.rpc, NULL) < 0)
        abort();
    const uint8_t *end = data + size;
    for (uint64_t seq = 1; data < end; seq++) {
        const uint8_t *lf = memchr(data, '\n', (size_t)(end - data));
        size_t n = (size_t)((lf ? lf : end) - data);
        if (n) {
            steer(&b, data[0]);
            if (data[0] == '!')
                rpc_receive_oversize(b.rpc, (const char *)data + 1, n - 1, n + 100, n, seq);
            else
                rpc_receive(b.rpc, (const char *)data + 1, n - 1, seq, data[0] == 's');
        }
        data += n + (lf != NULL);
    }
    if (rpc_open_requests(b.rpc) != b.held_count)
        abort();
    rpc_free(b.rpc);
    if (b.calls)
        abort();
    while (b.held_count)
        rpc_drop(b.held[--b.held_count]);
    return 0;
}
