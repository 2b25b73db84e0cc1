// Our own calls, and the engine without memory.
#include "core/base/mem.h"
#include "tests/unit/protocol/rpc_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
    bench_expect(
        &b, "0:{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-1\",\"method\":\"ask\",\"params\":{\"a\":1}}"
            "\n");
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 2);
    bench_expect(&b, "0:{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"method\":\"ask\"}\n");
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 3);
    static const char *const others[] = {"\"s\\\"-4\"", "\"s\\\"-02\"",
                                         "\"s\\\"-\"",  "\"x2\"",
                                         "2",           "\"s\\\"-99999999999999999999\"",
                                         "\"2\"",       "\"s\\\"-2 \""};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":1}",
                       others[i]);
        bench_tell(&b, text);
    }
    assert_int_equal(b.answers, 0);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0073\\\"-2\",\"result\":[9]}");
    assert_string_equal(b.answer, "result [9]");
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"result\":[9]}"); // twice: ignored
    assert_int_equal(b.answers, 1);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-1\",\"error\":{\"code\":5}}");
    assert_string_equal(b.answer, "error {\"code\":5}");
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-3\",\"error\":5}");
    assert_string_equal(b.answer, "err parse");
    assert_int_equal(b.answers, 3);
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 4);
    assert_int_equal(rpc_call(b.rpc, "ask", NULL, 0, on_answer, &b, NULL), 5);
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-5\",\"result\":\"\\ud800\"}");
    assert_string_equal(b.answer, "err parse");
    static const char head[] = "{\"id\":\"s\\\"-4\",\"result\":\"";
    buf_clear(&b.sent);
    rpc_receive_oversize(b.rpc, head, sizeof head - 1, 5000, 4000, 7);
    assert_string_equal(b.answer, "err limit");
    bench_expect(&b, "");
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
    bench_tell(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"s\\\"-2\",\"result\":[9]}"); // too late: ignored
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
        bench_tell(&b, ask);
        mem_fail_at(0);
        assert_int_equal(strncmp(b.sent.data, "7:{\"jsonrpc\":\"2.0\",\"id\":1,", 26), 0);
        assert_ptr_equal(strchr(b.sent.data, '\n'), b.sent.data + b.sent.len - 1);
        failures += strstr(b.sent.data, "-32603") != NULL;
        buf_clear(&b.sent);
        mem_fail_at(nth);
        bench_tell(&b, batch);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_calls_are_answered_by_number),
        cmocka_unit_test(our_calls_end_at_their_deadline_when_given_up_and_when_closed),
        cmocka_unit_test(at_most_256_calls_of_ours_are_open),
        cmocka_unit_test(every_request_is_answered_also_without_memory),
    };
    return cmocka_run_group_tests_name("protocol/rpc_calls", tests, NULL, NULL);
}
