#include "tests/unit/protocol/rpc_bench.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void bench_send_text(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct bench *b = ctx;
    (void)buf_printf(&b->sent, "%llu:", (unsigned long long)seq);
    (void)buf_append(&b->sent, json, n);
    (void)buf_putc(&b->sent, '\n');
    if (b->free_on_send) {
        b->free_on_send = false;
        rpc_free(b->rpc);
        b->rpc = NULL;
    }
}

void bench_do_echo(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx;
    rpc_reply(req, params ? json_incref(params) : json_null());
}

static void do_hold(void *ctx, struct rpc_request *req, json_t *params) {
    struct bench *b = ctx;
    (void)params;
    b->held[b->held_count++] = req;
}

static void do_raw(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    rpc_reply_raw(req, "{\"r\":1}", 7);
}

static void do_fail(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    rpc_fail(req, -32001, "no \"luck\"", json_pack("{s:i}", "n", 3));
}

static void do_nothing_to_say(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    rpc_reply(req, NULL);
}

static void do_subtract(void *ctx, struct rpc_request *req, json_t *params) {
    json_int_t a, b;
    (void)ctx;
    if (json_unpack(params, "[I,I]", &a, &b) != 0 &&
        json_unpack(params, "{s:I,s:I}", "minuend", &a, "subtrahend", &b) != 0)
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "Invalid params", NULL);
    else
        rpc_reply(req, json_integer(a - b));
}

static void do_free(void *ctx, struct rpc_request *req, json_t *params) {
    struct bench *b = ctx;
    (void)params;
    rpc_free(b->rpc);
    b->rpc = NULL;
    rpc_reply(req, json_true());
}

static void on_note(void *ctx, json_t *params) {
    struct bench *b = ctx;
    (void)params;
    b->notified++;
}

static const struct rpc_method methods[] = {
    {.name = "echo", .request = bench_do_echo},
    {.name = "get_data", .request = bench_do_echo},
    {.name = "hold", .request = do_hold},
    {.name = "raw", .request = do_raw},
    {.name = "fail", .request = do_fail},
    {.name = "nothing", .request = do_nothing_to_say},
    {.name = "subtract", .request = do_subtract},
    {.name = "free", .request = do_free},
    {.name = "note", .notification = on_note},
    {.name = "update", .notification = on_note},
    {0},
};

static bool before(void *ctx, struct rpc_request *req, const char *method, json_t *params) {
    (void)ctx, (void)params;
    if (strcmp(method, "taken") != 0)
        return false;
    rpc_fail(req, -32022, "taken", NULL);
    return true;
}

int bench_open(struct bench *b, bool batches) {
    memset(b, 0, sizeof *b);
    fake_env_init(&b->env);
    return rpc_new(&(struct rpc_config){.methods = methods,
                                        .before = before,
                                        .send = bench_send_text,
                                        .ctx = b,
                                        .env = &b->env.env,
                                        .batches = batches,
                                        .id_prefix = "s\"-"},
                   &b->rpc, NULL);
}

void bench_close(struct bench *b) {
    rpc_free(b->rpc);
    for (size_t i = 0; i < b->held_count; i++)
        rpc_drop(b->held[i]);
    assert_int_equal(b->env.live, 0);
    buf_done(&b->sent);
}

void bench_tell(struct bench *b, const char *text) {
    rpc_receive(b->rpc, text, strlen(text), 7, false);
}

void bench_expect(struct bench *b, const char *text) {
    assert_string_equal(b->sent.data ? b->sent.data : "", text);
    buf_clear(&b->sent);
}

// The code and the id of the one answer that was sent.
void bench_expect_error(struct bench *b, int code, const char *id) {
    char head[2100];
    (void)snprintf(head, sizeof head, "7:{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,",
                   id, code);
    if (!b->sent.data || strncmp(b->sent.data, head, strlen(head)) != 0)
        fail_msg("expected %s\ngot %s", head, b->sent.data ? b->sent.data : "nothing");
    assert_ptr_equal(strchr(b->sent.data, '\n'), b->sent.data + b->sent.len - 1);
    json_t *answer = json_loads(b->sent.data + 2, 0, NULL);
    assert_non_null(answer);
    const char *message =
        json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    assert_true(message && message[0]);
    json_decref(answer);
    buf_clear(&b->sent);
}
