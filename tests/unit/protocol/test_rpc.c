#include "protocol/rpc.h"

#include "core/base/mem.h"
#include "tests/unit/protocol/fake_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// One engine under test, and everything it has sent: "seq:json\n" each.
struct bench {
    struct fake_env env;
    struct rpc *rpc;
    struct buf sent;
    struct rpc_request *held[RPC_REQUESTS_MAX + 8];
    size_t held_count;
    int notified;
    int cancelled;
    bool free_on_send;
    int answers;
    char answer[256]; // of our last call
};

static void send_text(void *ctx, const char *json, size_t n, uint64_t seq) {
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

static void do_echo(void *ctx, struct rpc_request *req, json_t *params) {
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
    {.name = "echo", .request = do_echo},
    {.name = "get_data", .request = do_echo},
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

static int bench_open(struct bench *b, bool batches) {
    memset(b, 0, sizeof *b);
    fake_env_init(&b->env);
    return rpc_new(&(struct rpc_config){.methods = methods,
                                        .before = before,
                                        .send = send_text,
                                        .ctx = b,
                                        .env = &b->env.env,
                                        .batches = batches,
                                        .id_prefix = "s\"-"},
                   &b->rpc, NULL);
}

static void bench_close(struct bench *b) {
    rpc_free(b->rpc);
    for (size_t i = 0; i < b->held_count; i++)
        rpc_drop(b->held[i]);
    assert_int_equal(b->env.live, 0);
    buf_done(&b->sent);
}

static void tell(struct bench *b, const char *text) {
    rpc_receive(b->rpc, text, strlen(text), 7, false);
}

static void expect_sent(struct bench *b, const char *text) {
    assert_string_equal(b->sent.data ? b->sent.data : "", text);
    buf_clear(&b->sent);
}

// The code and the id of the one answer that was sent.
static void expect_error(struct bench *b, int code, const char *id) {
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

static void answers_carry_the_ids_own_bytes_and_the_sequence_number(void **state) {
    static const char *const ids[] = {"1",
                                      "\"1\"",
                                      "1.0",
                                      "1e3",
                                      "\"a\\u0062\"",
                                      "-0",
                                      "\"\\/\"",
                                      "123456789012345678901234567890"};
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char ask[128], want[128];
        (void)snprintf(ask, sizeof ask,
                       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"echo\",\"params\":[1]}",
                       ids[i]);
        (void)snprintf(want, sizeof want, "7:{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":[1]}\n",
                       ids[i]);
        tell(&b, ask);
        expect_sent(&b, want);
    }
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"raw\"}");
    expect_sent(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"r\":1}}\n");
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}");
    expect_sent(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,\"message\":\"no "
                    "\\\"luck\\\"\",\"data\":{\"n\":3}}}\n");
    assert_int_equal(rpc_open_requests(b.rpc), 0);
    bench_close(&b);
}

static void each_row_of_section_5_1_is_answered(void **state) {
    static const struct {
        const char *text;
        int code;
        const char *id;
    } rows[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,", JSONRPC_PARSE_ERROR, "1"},
        {"nonsense", JSONRPC_PARSE_ERROR, "null"},
        {"\"\xFF\"", JSONRPC_PARSE_ERROR, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", JSONRPC_INVALID_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"echo\"}", JSONRPC_INVALID_REQUEST, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"echo\"}", JSONRPC_INVALID_REQUEST,
         "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":3}", JSONRPC_INVALID_REQUEST,
         "1"},
        {"[]", JSONRPC_INVALID_REQUEST, "null"},
        {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]", JSONRPC_INVALID_REQUEST, "null"},
        {"7", JSONRPC_INVALID_REQUEST, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"unknown\"}", JSONRPC_METHOD_NOT_FOUND, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ech\"}", JSONRPC_METHOD_NOT_FOUND, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"note\"}", JSONRPC_METHOD_NOT_FOUND, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", JSONRPC_METHOD_NOT_FOUND, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[9223372036854775808]}",
         JSONRPC_INVALID_PARAMS, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[1e999]}",
         JSONRPC_INVALID_PARAMS, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[\"\\ud800\"]}",
         JSONRPC_INVALID_PARAMS, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"\\u0000\":1}}",
         JSONRPC_INVALID_PARAMS, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}", JSONRPC_INTERNAL_ERROR, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"taken\"}", -32022, "1"},
    };
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tell(&b, rows[i].text);
        expect_error(&b, rows[i].code, rows[i].id);
        assert_int_equal(rpc_open_requests(b.rpc), 0);
    }
    bench_close(&b);
}

static void the_examples_of_section_7_are_answered_as_printed(void **state) {
    static const char invalid[] =
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid "
        "request: a message must be an object\"}}";
    struct bench b;
    char want[1024];
    (void)state;
    assert_int_equal(bench_open(&b, true), 0);
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42, 23], \"id\": 1}");
    expect_sent(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":19}\n");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": {\"subtrahend\": 23, "
             "\"minuend\": 42}, \"id\": 3}");
    expect_sent(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":19}\n");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"update\", \"params\": [1,2,3,4,5]}");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\"}");
    expect_sent(&b, "");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\", \"id\": \"1\"}");
    expect_error(&b, JSONRPC_METHOD_NOT_FOUND, "\"1\"");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]");
    expect_error(&b, JSONRPC_PARSE_ERROR, "null");
    tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}");
    expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
    tell(&b, "[{\"jsonrpc\": \"2.0\", \"method\": \"sum\", \"params\": [1,2,4], \"id\": \"1\"},"
             "{\"jsonrpc\": \"2.0\", \"method\"]");
    expect_error(&b, JSONRPC_PARSE_ERROR, "null");
    tell(&b, "[]");
    expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
    tell(&b, "[1]");
    (void)snprintf(want, sizeof want, "7:[%s]\n", invalid);
    expect_sent(&b, want);
    tell(&b, "[1,2,3]");
    (void)snprintf(want, sizeof want, "7:[%s,%s,%s]\n", invalid, invalid, invalid);
    expect_sent(&b, want);
    tell(&b, "[{\"jsonrpc\": \"2.0\", \"method\": \"update\", \"params\": [1,2,4]},"
             "{\"jsonrpc\": \"2.0\", \"method\": \"note\", \"params\": [7]}]");
    expect_sent(&b, "");
    tell(&b,
         "[{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42,23], \"id\": \"2\"},"
         "{\"foo\": \"boo\"},"
         "{\"jsonrpc\": \"2.0\", \"method\": \"foo.get\", \"params\": {\"name\": \"myself\"}, "
         "\"id\": \"5\"},"
         "{\"jsonrpc\": \"2.0\", \"method\": \"get_data\", \"id\": \"9\"}]");
    expect_sent(&b, "7:[{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":19},"
                    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
                    "\"Invalid request: \\\"jsonrpc\\\" must be \\\"2.0\\\"\"}},"
                    "{\"jsonrpc\":\"2.0\",\"id\":\"5\",\"error\":{\"code\":-32601,\"message\":"
                    "\"Method not found: foo.get\"}},"
                    "{\"jsonrpc\":\"2.0\",\"id\":\"9\",\"result\":null}]\n");
    assert_int_equal(b.notified, 3);
    bench_close(&b);
}

static void a_batch_is_answered_when_its_last_request_is(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    rpc_set_batches(b.rpc, true);
    tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
             "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"},"
             "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"hold\"},[]]");
    expect_sent(&b, "");
    rpc_reply(b.held[1], json_integer(3));
    expect_sent(&b, "");
    rpc_reply(b.held[0], json_integer(1));
    expect_sent(&b, "7:[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null},"
                    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
                    "\"Invalid request: an empty batch\"}},"
                    "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3},"
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}]\n");
    b.held_count = 0;
    // Dropped requests leave nothing; a batch of them sends nothing.
    tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}]");
    rpc_drop(b.held[0]);
    expect_sent(&b, "");
    b.held_count = 0;
    // The engine goes while a batch is open.
    tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
             "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"free\"},"
             "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"hold\"}]");
    assert_int_equal(b.held_count, 1);
    assert_null(b.rpc);
    bench_close(&b);
}

static void an_id_in_use_is_refused_and_free_again_after_the_answer(void **state) {
    static const char ask[] = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"hold\"}";
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    tell(&b, ask);
    tell(&b, ask);
    expect_error(&b, JSONRPC_INVALID_REQUEST, "5");
    assert_int_equal(b.held_count, 1);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"5\",\"method\":\"hold\"}"); // another id
    assert_int_equal(b.held_count, 2);
    rpc_reply(b.held[0], json_true());
    buf_clear(&b.sent);
    tell(&b, ask);
    expect_sent(&b, "");
    b.held[0] = b.held[2];
    b.held_count = 2;
    bench_close(&b);
}

static void more_than_1024_open_requests_are_refused_as_busy(void **state) {
    struct bench b;
    char ask[80];
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (int i = 0; i < RPC_REQUESTS_MAX; i++) {
        (void)snprintf(ask, sizeof ask, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hold\"}", i);
        tell(&b, ask);
    }
    expect_sent(&b, "");
    assert_int_equal(rpc_open_requests(b.rpc), RPC_REQUESTS_MAX);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}");
    assert_non_null(strstr(b.sent.data, "busy"));
    expect_error(&b, JSONRPC_INVALID_REQUEST, "\"x\"");
    rpc_reply(b.held[--b.held_count], json_true());
    buf_clear(&b.sent);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}");
    expect_sent(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":null}\n");
    bench_close(&b);
}

static void notifications_and_odd_responses_are_never_answered(void **state) {
    static const char *const quiet[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"note\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"note\",\"params\":{\"a\":1}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"note\",\"params\":[99999999999999999999]}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"unknown\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-1\",\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"x\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"error\":{}}",
        "{\"jsonrpc\":\"2.0\",\"result\":1}",
    };
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (size_t i = 0; i < COUNT_OF(quiet); i++)
        tell(&b, quiet[i]);
    expect_sent(&b, "");
    assert_int_equal(b.notified, 2);
    bench_close(&b);
}

static void silent_messages_act_but_are_not_answered(void **state) {
    static const char *const texts[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}",
                                        "nonsense",
                                        "[1]",
                                        "{}",
                                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}",
                                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"unknown\"}",
                                        "{\"jsonrpc\":\"2.0\",\"method\":\"note\"}",
                                        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"hold\"}"};
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, true), 0);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        rpc_receive(b.rpc, texts[i], strlen(texts[i]), 1, true);
    assert_int_equal(b.notified, 1);
    assert_int_equal(b.held_count, 1);
    rpc_reply(b.held[--b.held_count], json_true());
    expect_sent(&b, "");
    bench_close(&b);
}

static void a_message_over_the_limit_is_refused_with_its_id(void **state) {
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":\"big\",\"method\":\"echo\",\"par";
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    rpc_receive_oversize(b.rpc, head, sizeof head - 1, 5000, 4000, 7);
    assert_non_null(strstr(b.sent.data, "5000"));
    expect_error(&b, JSONRPC_INVALID_REQUEST, "\"big\"");
    rpc_receive_oversize(b.rpc, "xxx", 3, 5000, 4000, 7);
    expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
    bench_close(&b);
}

static void on_cancel(void *data) {
    struct bench *b = data;
    b->cancelled++;
}

static void requests_are_found_by_the_value_of_their_id(void **state) {
    static const struct {
        const char *raw, *asked; // the id of the request, and as the cancel notification has it
        bool found;
    } rows[] = {
        {"1", "1", true},
        {"1", "\"1\"", false},
        {"\"1\"", "\"1\"", true},
        {"\"1\"", "1", false},
        {"1e3", "1000", true},
        {"1.0", "1", true},
        {"1", "1.0", true},
        {"-0", "0", true},
        {"\"a\\u0062\"", "\"ab\"", true},
        {"\"ab\"", "\"\\u0061b\"", true},
        {"\"\\/\"", "\"/\"", true},
        {"1", "2", false},
        {"\"\xC3\xA9\"", "\"\\u00e9\"", true},
        {"1", "null", false},
        {"1", "[1]", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bench b;
        char ask[128];
        assert_int_equal(bench_open(&b, false), 0);
        (void)snprintf(ask, sizeof ask, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"hold\"}",
                       rows[i].raw);
        tell(&b, ask);
        json_t *id = json_loads(rows[i].asked, JSON_DECODE_ANY, NULL);
        struct rpc_request *q = rpc_find(b.rpc, id);
        if ((q == b.held[0]) != rows[i].found)
            fail_msg("%s sought as %s", rows[i].raw, rows[i].asked);
        json_decref(id);
        bench_close(&b);
    }
}

static void cancelling_tells_the_holder_once(void **state) {
    struct bench b;
    char ask[80];
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(ask, sizeof ask, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hold\"}", i);
        tell(&b, ask);
        rpc_request_set_data(b.held[i], &b, on_cancel);
    }
    assert_ptr_equal(rpc_request_data(b.held[0]), &b);
    assert_string_equal(rpc_request_method(b.held[0]), "hold");
    assert_int_equal(rpc_request_seq(b.held[0]), 7);
    assert_null(rpc_request_params(b.held[0]));
    rpc_cancel(b.held[0]);
    rpc_cancel(b.held[0]);
    assert_true(rpc_request_cancelled(b.held[0]));
    assert_false(rpc_request_cancelled(b.held[1]));
    assert_int_equal(b.cancelled, 1);
    rpc_cancel_all(b.rpc);
    assert_int_equal(b.cancelled, 300);
    assert_int_equal(rpc_open_requests(b.rpc), 300);
    bench_close(&b);
}

static void requests_outlive_the_engine_and_may_then_be_answered_into_nothing(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (const char *id = "1234"; *id; id++) {
        char ask[80];
        (void)snprintf(ask, sizeof ask,
                       "{\"jsonrpc\":\"2.0\",\"id\":%c,\"method\":\"hold\",\"params\":[%c]}", *id,
                       *id);
        tell(&b, ask);
    }
    rpc_free(b.rpc);
    b.rpc = NULL;
    assert_int_equal(json_array_size(rpc_request_params(b.held[0])), 1);
    rpc_reply(b.held[0], json_true());
    rpc_reply_raw(b.held[1], "1", 1);
    rpc_fail(b.held[2], 1, "x", json_true());
    rpc_cancel(b.held[3]);
    rpc_drop(b.held[3]);
    b.held_count = 0;
    expect_sent(&b, "");
    bench_close(&b);
}

static void the_engine_may_be_freed_from_within_its_callbacks(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"free\"}");
    assert_null(b.rpc);
    expect_sent(&b, "");
    bench_close(&b);
    static const char *const texts[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}", "x",
                                        "[1,2,{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(bench_open(&b, true), 0);
        b.free_on_send = true;
        tell(&b, texts[i]);
        assert_null(b.rpc);
        bench_close(&b);
    }
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct bench *b = ctx;
    char *text = json_dumps(result ? result : error, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)snprintf(b->answer, sizeof b->answer, "%s %s",
                   result  ? "result"
                   : error ? "error"
                           : "err",
                   text ? text : err_name(err->code));
    mem_free(text);
    b->answers++;
    assert_int_equal(!!result + !!error + !!err, 1);
}

static void our_calls_are_answered_by_number(void **state) {
    struct bench b;
    (void)state;
    mem_init_json();
    assert_int_equal(bench_open(&b, false), 0);
    assert_int_equal(rpc_call(b.rpc, "ask", json_pack("{s:i}", "a", 1), 0, on_answer, &b, NULL), 1);
    expect_sent(&b,
                "0:{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-1\",\"method\":\"ask\",\"params\":{\"a\":1}}"
                "\n");
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 2);
    expect_sent(&b, "0:{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"method\":\"ask\"}\n");
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 3);
    static const char *const others[] = {"\"s\\\"-4\"", "\"s\\\"-02\"",
                                         "\"s\\\"-\"",  "\"x2\"",
                                         "2",           "\"s\\\"-99999999999999999999\"",
                                         "\"2\"",       "\"s\\\"-2 \""};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":1}",
                       others[i]);
        tell(&b, text);
    }
    assert_int_equal(b.answers, 0);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0073\\\"-2\",\"result\":[9]}");
    assert_string_equal(b.answer, "result [9]");
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"result\":[9]}"); // twice: ignored
    assert_int_equal(b.answers, 1);
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-1\",\"error\":{\"code\":5}}");
    assert_string_equal(b.answer, "error {\"code\":5}");
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-3\",\"error\":5}");
    assert_string_equal(b.answer, "err parse");
    assert_int_equal(b.answers, 3);
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 4);
    static const char head[] = "{\"id\":\"s\\\"-4\",\"result\":\"";
    buf_clear(&b.sent);
    rpc_receive_oversize(b.rpc, head, sizeof head - 1, 5000, 4000, 7);
    assert_string_equal(b.answer, "err limit");
    expect_sent(&b, "");
    bench_close(&b);
}

static void our_calls_end_at_their_deadline_when_given_up_and_when_closed(void **state) {
    struct bench b;
    (void)state;
    mem_init_json();
    assert_int_equal(bench_open(&b, false), 0);
    assert_int_equal(rpc_call(b.rpc, "a", NULL, 100, on_answer, &b, NULL), 1);
    assert_int_equal(rpc_call(b.rpc, "b", NULL, 50, on_answer, &b, NULL), 2);
    assert_int_equal(rpc_call(b.rpc, "c", NULL, 1000, on_answer, &b, NULL), 3);
    fake_env_advance(&b.env, 60);
    assert_int_equal(b.answers, 1);
    assert_string_equal(b.answer, "err timeout");
    tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"result\":[9]}"); // too late: ignored
    assert_int_equal(b.answers, 1);
    rpc_call_cancel(b.rpc, 1);
    assert_string_equal(b.answer, "err cancelled");
    rpc_call_cancel(b.rpc, 1);
    assert_int_equal(b.answers, 2);
    rpc_free(b.rpc);
    b.rpc = NULL;
    assert_int_equal(b.answers, 3);
    assert_string_equal(b.answer, "err closed");
    bench_close(&b);
}

static void at_most_256_calls_of_ours_are_open(void **state) {
    struct bench b;
    struct err e = {0};
    (void)state;
    mem_init_json();
    assert_int_equal(bench_open(&b, false), 0);
    for (int i = 0; i < RPC_CALLS_MAX; i++)
        assert_true(rpc_call(b.rpc, "a", NULL, 0, on_answer, &b, NULL) > 0);
    assert_int_equal(rpc_call(b.rpc, "a", json_true(), 0, on_answer, &b, &e), ERR_BUSY);
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(rpc_notify(b.rpc, "n", json_pack("[i]", 1)), 0);
    rpc_call_cancel(b.rpc, 77);
    assert_true(rpc_call(b.rpc, "a", NULL, 0, on_answer, &b, NULL) > 0);
    bench_close(&b);
    assert_int_equal(b.answers, RPC_CALLS_MAX + 1);
}

// Every allocation fails once: each request is still answered exactly once, and nothing leaks.
static void every_request_is_answered_also_without_memory(void **state) {
    static const char ask[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"a\":["
        "\"text\",1,2.5,{\"b\":null}],\"c\":\"\\u00e9\"}}";
    static const char batch[] = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"},"
                                "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"unknown\"}]";
    (void)state;
    mem_init_json();
    int failures = 0;
    for (uint64_t nth = 1; nth < 120; nth++) {
        struct bench b;
        mem_fail_at(nth);
        int r = bench_open(&b, true);
        mem_fail_at(0);
        if (r < 0) {
            assert_int_equal(r, ERR_NOMEM);
            failures++;
            continue;
        }
        assert_int_equal(buf_reserve(&b.sent, 8192), 0);
        mem_fail_at(nth);
        tell(&b, ask);
        mem_fail_at(0);
        assert_int_equal(strncmp(b.sent.data, "7:{\"jsonrpc\":\"2.0\",\"id\":1,", 26), 0);
        assert_ptr_equal(strchr(b.sent.data, '\n'), b.sent.data + b.sent.len - 1);
        failures += strstr(b.sent.data, "-32603") != NULL;
        buf_clear(&b.sent);
        mem_fail_at(nth);
        tell(&b, batch);
        mem_fail_at(0);
        assert_ptr_equal(strchr(b.sent.data, '\n'), b.sent.data + b.sent.len - 1);
        failures += strstr(b.sent.data, "-32603") != NULL;
        buf_clear(&b.sent);
        mem_fail_at(nth);
        json_t *params = json_pack("{s:s}", "a", "b");
        int64_t call = rpc_call(b.rpc, "ask", params, 10, on_answer, &b, NULL);
        int note = rpc_notify(b.rpc, "note", NULL);
        mem_fail_at(0);
        assert_true(call > 0 || call == ERR_NOMEM);
        assert_true(note == 0 || note == ERR_NOMEM);
        failures += call < 0;
        bench_close(&b);
        assert_int_equal(b.answers, call > 0);
    }
    assert_in_range(failures, 15, 60); // they were met, and the last runs go through
}

static void an_ordinary_call_costs_few_allocations(void **state) {
    static const char ask[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"raw\"}";
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    assert_int_equal(buf_reserve(&b.sent, 8192), 0);
    tell(&b, ask); // the scratch buffer grows to what it will keep
    mem_fail_at(UINT64_MAX);
    tell(&b, ask);
    assert_int_equal(mem_count(), 1);
    mem_fail_at(0);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_carry_the_ids_own_bytes_and_the_sequence_number),
        cmocka_unit_test(each_row_of_section_5_1_is_answered),
        cmocka_unit_test(the_examples_of_section_7_are_answered_as_printed),
        cmocka_unit_test(a_batch_is_answered_when_its_last_request_is),
        cmocka_unit_test(an_id_in_use_is_refused_and_free_again_after_the_answer),
        cmocka_unit_test(more_than_1024_open_requests_are_refused_as_busy),
        cmocka_unit_test(notifications_and_odd_responses_are_never_answered),
        cmocka_unit_test(silent_messages_act_but_are_not_answered),
        cmocka_unit_test(a_message_over_the_limit_is_refused_with_its_id),
        cmocka_unit_test(requests_are_found_by_the_value_of_their_id),
        cmocka_unit_test(cancelling_tells_the_holder_once),
        cmocka_unit_test(requests_outlive_the_engine_and_may_then_be_answered_into_nothing),
        cmocka_unit_test(the_engine_may_be_freed_from_within_its_callbacks),
        cmocka_unit_test(our_calls_are_answered_by_number),
        cmocka_unit_test(our_calls_end_at_their_deadline_when_given_up_and_when_closed),
        cmocka_unit_test(at_most_256_calls_of_ours_are_open),
        cmocka_unit_test(every_request_is_answered_also_without_memory),
        cmocka_unit_test(an_ordinary_call_costs_few_allocations),
    };
    return cmocka_run_group_tests_name("protocol/rpc", tests, NULL, NULL);
}
