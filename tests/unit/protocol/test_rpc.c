#include "core/base/mem.h"
#include "tests/unit/protocol/rpc_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
        bench_tell(&b, ask);
        bench_expect(&b, want);
    }
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"raw\"}");
    bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"r\":1}}\n");
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}");
    bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,\"message\":\"no "
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
        bench_tell(&b, rows[i].text);
        bench_expect_error(&b, rows[i].code, rows[i].id);
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
    bench_tell(&b,
               "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42, 23], \"id\": 1}");
    bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":19}\n");
    bench_tell(&b,
               "{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": {\"subtrahend\": 23, "
               "\"minuend\": 42}, \"id\": 3}");
    bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":19}\n");
    bench_tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"update\", \"params\": [1,2,3,4,5]}");
    bench_tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\"}");
    bench_expect(&b, "");
    bench_tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\", \"id\": \"1\"}");
    bench_expect_error(&b, JSONRPC_METHOD_NOT_FOUND, "\"1\"");
    bench_tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]");
    bench_expect_error(&b, JSONRPC_PARSE_ERROR, "null");
    bench_tell(&b, "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}");
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
    bench_tell(&b,
               "[{\"jsonrpc\": \"2.0\", \"method\": \"sum\", \"params\": [1,2,4], \"id\": \"1\"},"
               "{\"jsonrpc\": \"2.0\", \"method\"]");
    bench_expect_error(&b, JSONRPC_PARSE_ERROR, "null");
    bench_tell(&b, "[]");
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
    bench_tell(&b, "[1]");
    (void)snprintf(want, sizeof want, "7:[%s]\n", invalid);
    bench_expect(&b, want);
    bench_tell(&b, "[1,2,3]");
    (void)snprintf(want, sizeof want, "7:[%s,%s,%s]\n", invalid, invalid, invalid);
    bench_expect(&b, want);
    bench_tell(&b, "[{\"jsonrpc\": \"2.0\", \"method\": \"update\", \"params\": [1,2,4]},"
                   "{\"jsonrpc\": \"2.0\", \"method\": \"note\", \"params\": [7]}]");
    bench_expect(&b, "");
    bench_tell(
        &b, "[{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42,23], \"id\": \"2\"},"
            "{\"foo\": \"boo\"},"
            "{\"jsonrpc\": \"2.0\", \"method\": \"foo.get\", \"params\": {\"name\": \"myself\"}, "
            "\"id\": \"5\"},"
            "{\"jsonrpc\": \"2.0\", \"method\": \"get_data\", \"id\": \"9\"}]");
    bench_expect(&b, "7:[{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":19},"
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
    bench_tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
                   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"},"
                   "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"hold\"},[]]");
    bench_expect(&b, "");
    rpc_reply(b.held[1], json_integer(3));
    bench_expect(&b, "");
    rpc_reply(b.held[0], json_integer(1));
    bench_expect(&b, "7:[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null},"
                     "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
                     "\"Invalid request: an empty batch\"}},"
                     "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3},"
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}]\n");
    b.held_count = 0;
    // Dropped requests leave nothing; a batch of them sends nothing.
    bench_tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}]");
    rpc_drop(b.held[0]);
    bench_expect(&b, "");
    b.held_count = 0;
    // The engine goes while a batch is open.
    bench_tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
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
    bench_tell(&b, ask);
    bench_tell(&b, ask);
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "5");
    assert_int_equal(b.held_count, 1);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"5\",\"method\":\"hold\"}"); // another id
    assert_int_equal(b.held_count, 2);
    rpc_reply(b.held[0], json_true());
    buf_clear(&b.sent);
    bench_tell(&b, ask);
    bench_expect(&b, "");
    b.held[0] = b.held[2];
    b.held_count = 2;
    bench_close(&b);
}

static void a_request_knows_its_place_in_a_batch(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, true), 0);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}");
    // What is refused, notified or faulty has a place too.
    bench_tell(&b, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
                   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"hold\"},"
                   "{\"jsonrpc\":\"2.0\",\"method\":\"note\"},[],"
                   "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"hold\"}]");
    assert_int_equal(b.held_count, 3);
    assert_int_equal(rpc_request_place(b.held[0]), 1);
    assert_int_equal(rpc_request_place(b.held[1]), 2);
    assert_int_equal(rpc_request_place(b.held[2]), 5);
    bench_close(&b);
}

static void requests_may_be_answered_in_any_order(void **state) {
    enum { COUNT = 1000 };
    struct bench b;
    char text[128];
    uint64_t x = 88172645463325252U;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hold\"}", i);
        bench_tell(&b, text);
    }
    while (b.held_count) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t at = (size_t)(x % b.held_count);
        struct rpc_request *q = b.held[at];
        struct span id = rpc_request_id(q);
        (void)snprintf(text, sizeof text, "7:{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":true}\n",
                       (int)id.len, id.data);
        b.held[at] = b.held[--b.held_count];
        rpc_reply(q, json_true());
        bench_expect(&b, text);
        assert_int_equal(rpc_open_requests(b.rpc), b.held_count);
    }
    bench_close(&b);
}

static void each_of_many_methods_is_found(void **state) {
    enum { COUNT = 300 };
    static char names[COUNT][16];
    static struct rpc_method many[COUNT + 1];
    struct bench b = {0};
    char text[96];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "m/%d", i);
        many[i] = (struct rpc_method){.name = names[i], .request = bench_do_echo};
    }
    fake_env_init(&b.env);
    struct rpc_config config = {
        .methods = many, .send = bench_send_text, .ctx = &b, .env = &b.env.env};
    assert_int_equal(rpc_new(&config, &b.rpc, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m/%d\"}", i);
        bench_tell(&b, text);
        bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
    }
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m/300\"}");
    bench_expect_error(&b, JSONRPC_METHOD_NOT_FOUND, "1");
    bench_close(&b);
}

static void a_batch_within_a_batch_is_refused(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, true), 0);
    bench_tell(&b, "[[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]]");
    bench_expect(&b, "7:[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
                     "\"Invalid request: a batch within a batch\"}}]\n");
    bench_close(&b);
}

static void a_large_answer_arrives_whole_and_its_memory_is_given_back(void **state) {
    enum { BYTES = 1024 * 1024 };
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}");
    char *text = mem_alloc(BYTES);
    memset(text, 'x', BYTES);
    rpc_reply(b.held[--b.held_count], json_stringn(text, BYTES));
    assert_int_equal(b.sent.len,
                     BYTES + strlen("7:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\"}\n"));
    assert_null(strchr(strchr(b.sent.data, 'x'), '\\'));
    mem_free(text);
    bench_close(&b);
}

static void more_than_1024_open_requests_are_refused_as_busy(void **state) {
    struct bench b;
    char ask[80];
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    for (int i = 0; i < RPC_REQUESTS_MAX; i++) {
        (void)snprintf(ask, sizeof ask, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hold\"}", i);
        bench_tell(&b, ask);
    }
    bench_expect(&b, "");
    assert_int_equal(rpc_open_requests(b.rpc), RPC_REQUESTS_MAX);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}");
    assert_non_null(strstr(b.sent.data, "busy"));
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "\"x\"");
    rpc_reply(b.held[--b.held_count], json_true());
    buf_clear(&b.sent);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}");
    bench_expect(&b, "7:{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":null}\n");
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
        bench_tell(&b, quiet[i]);
    bench_expect(&b, "");
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
    bench_expect(&b, "");
    bench_close(&b);
}

static void a_message_over_the_limit_is_refused_with_its_id(void **state) {
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":\"big\",\"method\":\"echo\",\"par";
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    rpc_receive_oversize(b.rpc, head, sizeof head - 1, 5000, 4000, 7);
    assert_non_null(strstr(b.sent.data, "5000"));
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "\"big\"");
    rpc_receive_oversize(b.rpc, "xxx", 3, 5000, 4000, 7);
    bench_expect_error(&b, JSONRPC_INVALID_REQUEST, "null");
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
        bench_tell(&b, ask);
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
        bench_tell(&b, ask);
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
        bench_tell(&b, ask);
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
    bench_expect(&b, "");
    bench_close(&b);
}

static void the_engine_may_be_freed_from_within_its_callbacks(void **state) {
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"free\"}");
    assert_null(b.rpc);
    bench_expect(&b, "");
    bench_close(&b);
    static const char *const texts[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}", "x",
                                        "[1,2,{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(bench_open(&b, true), 0);
        b.free_on_send = true;
        bench_tell(&b, texts[i]);
        assert_null(b.rpc);
        bench_close(&b);
    }
}

static void an_ordinary_call_costs_few_allocations(void **state) {
    static const char ask[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"raw\"}";
    struct bench b;
    (void)state;
    assert_int_equal(bench_open(&b, false), 0);
    assert_int_equal(buf_reserve(&b.sent, 8192), 0);
    bench_tell(&b, ask); // the scratch buffer grows to what it will keep
    mem_fail_at(UINT64_MAX);
    bench_tell(&b, ask);
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
        cmocka_unit_test(requests_may_be_answered_in_any_order),
        cmocka_unit_test(each_of_many_methods_is_found),
        cmocka_unit_test(a_batch_within_a_batch_is_refused),
        cmocka_unit_test(a_request_knows_its_place_in_a_batch),
        cmocka_unit_test(a_large_answer_arrives_whole_and_its_memory_is_given_back),
        cmocka_unit_test(more_than_1024_open_requests_are_refused_as_busy),
        cmocka_unit_test(notifications_and_odd_responses_are_never_answered),
        cmocka_unit_test(silent_messages_act_but_are_not_answered),
        cmocka_unit_test(a_message_over_the_limit_is_refused_with_its_id),
        cmocka_unit_test(requests_are_found_by_the_value_of_their_id),
        cmocka_unit_test(cancelling_tells_the_holder_once),
        cmocka_unit_test(requests_outlive_the_engine_and_may_then_be_answered_into_nothing),
        cmocka_unit_test(the_engine_may_be_freed_from_within_its_callbacks),
        cmocka_unit_test(an_ordinary_call_costs_few_allocations),
    };
    return cmocka_run_group_tests_name("protocol/rpc", tests, NULL, NULL);
}
