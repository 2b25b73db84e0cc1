// core/models/http_client against a server that is as wrong as the test wants it.
#include "core/base/mem.h"
#include "core/models/http_client.h"
#include "core/models/http_impl.h"
#include "tests/unit/loop/loop_fixture.h"
#include "tests/unit/models/http_peer.h"

#include <stdio.h>
#include <string.h>

struct exchange {
    struct fixture *f;
    struct http_client *client;
    struct http_call *call;
    struct buf body;
    char type[64];
    int status, heads, dones;
    enum http_failure failure;
    char message[400];
    bool whole, connected, cancel_at_head, cancel_in_data;
    size_t pieces;
};

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n) {
    struct exchange *x = ctx;
    x->heads++;
    x->status = status;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(headers[i].name, "content-type") == 0)
            (void)snprintf(x->type, sizeof x->type, "%s", headers[i].value);
    if (x->cancel_at_head) {
        http_cancel(x->call);
        loop_stop(x->f->loop);
    }
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct exchange *x = ctx;
    x->pieces++;
    assert_int_equal(buf_append(&x->body, bytes, n), 0);
    if (x->cancel_in_data) {
        http_cancel(x->call);
        loop_stop(x->f->loop);
    }
}

static void on_done(void *ctx, const struct http_answer *answer) {
    struct exchange *x = ctx;
    x->dones++;
    x->failure = answer->failure;
    x->whole = answer->whole;
    x->connected = answer->connected;
    (void)snprintf(x->message, sizeof x->message, "%s", answer->message);
    loop_stop(x->f->loop);
}

static const struct http_events events = {on_head, on_data, on_done};

static void begin(struct exchange *x, struct fixture *f) {
    *x = (struct exchange){.f = f};
    assert_int_equal(http_client_new(f->loop, &x->client, NULL), 0);
}

static void end(struct exchange *x) {
    fixture_settle(x->f);
    http_client_free(x->client);
    buf_done(&x->body);
}

static void ask(struct exchange *x, const char *url, unsigned limit_ms) {
    const struct http_header headers[] = {{"x-api-key", "k"}, {"content-type", "application/json"}};
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .header_count = 2,
                                   .first_byte_ms = limit_ms,
                                   .stall_ms = limit_ms};
    struct err err = {0};
    assert_int_equal(buf_puts(&request.body, "{\"a\":1}"), 0);
    if (http_start(x->client, &request, &events, x, &x->call, &err) < 0)
        fail_msg("%s", err.message);
    fixture_run(x->f);
}

static void ask_peer(struct exchange *x, struct fixture *f, const struct peer_step *steps,
                     enum peer_end how, unsigned limit_ms, struct peer *p) {
    char url[64];
    begin(x, f);
    peer_start(p, steps, how);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/x", (unsigned)p->port);
    ask(x, url, limit_ms);
    peer_stop(p);
    end(x);
}

static void an_answer_comes_with_head_and_body(void **state) {
    static const struct peer_step steps[] = {
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n", 0},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 5},
        {"7\r\n, world\r\n0\r\nX-Trailer: 1\r\n\r\n", 20},
        {0}};
    struct exchange x;
    struct peer p;
    ask_peer(&x, *state, steps, PEER_CLOSE, 0, &p);
    assert_int_equal(x.heads, 1);
    assert_int_equal(x.status, 200);
    assert_string_equal(x.type, "text/event-stream");
    assert_true(x.whole && x.dones == 1 && x.failure == HTTP_OK);
    assert_string_equal(x.message, "");
    assert_non_null(strstr(p.request, "POST /v1/x HTTP/1.1\r\n"));
    assert_non_null(strstr(p.request, "x-api-key: k\r\n"));
    assert_null(strstr(p.request, "Expect"));
}

static void what_goes_wrong_has_a_name(void **state) {
    static const struct peer_step none[] = {{0}},
                                  head_only[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                                                  0},
                                                 {0}},
                                  garbage[] = {{"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0}, {0}};
    const struct {
        const struct peer_step *steps;
        enum peer_end end;
        unsigned limit_ms;
        enum http_failure failure;
        int status;
    } cases[] = {
        {none, PEER_CLOSE, 0, HTTP_RESET, 0},         {none, PEER_HANG, 100, HTTP_TIMEOUT, 0},
        {head_only, PEER_CLOSE, 0, HTTP_RESET, 200},  {head_only, PEER_RESET, 0, HTTP_RESET, 200},
        {head_only, PEER_HANG, 100, HTTP_STALL, 200}, {garbage, PEER_CLOSE, 0, HTTP_PROTOCOL, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange x;
        struct peer p;
        ask_peer(&x, *state, cases[i].steps, cases[i].end, cases[i].limit_ms, &p);
        if (x.failure != cases[i].failure || x.whole || x.dones != 1 || x.status != cases[i].status)
            fail_msg("case %zu: failure %d, status %d: %s", i, x.failure, x.status, x.message);
        assert_true(x.message[0] && x.connected);
    }
}

static void a_slow_stream_is_not_a_stall(void **state) {
    static const struct peer_step steps[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 60},
                                             {"a", 60},
                                             {"b", 60},
                                             {"c", 60},
                                             {"d", 60},
                                             {0}};
    struct exchange x;
    struct peer p;
    ask_peer(&x, *state, steps, PEER_CLOSE, 2000, &p);
    assert_true(x.whole && x.pieces >= 2);
}

static void nobody_there_is_told_at_once(void **state) {
    struct exchange x;
    begin(&x, *state);
    ask(&x, "http://127.0.0.1:1/", 0);
    assert_int_equal(x.failure, HTTP_CONNECT);
    assert_false(x.connected);
    // A label of more than 63 letters: refused by the resolver itself, nothing is sent for it.
    ask(&x, "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/",
        0);
    assert_int_equal(x.failure, HTTP_DNS);
    assert_null(x.client->watched); // libcurl closes what it waited at, and does not say so
    ask(&x, "ftp://127.0.0.1/", 0);
    assert_int_equal(x.failure, HTTP_PROTOCOL);
    end(&x);
}

static void a_server_without_tls_is_not_taken_for_one(void **state) {
    static const struct peer_step steps[] = {{"HTTP/1.1 400 Bad Request\r\n\r\n", 0}, {0}};
    struct exchange x;
    struct peer p;
    char url[64];
    begin(&x, *state);
    peer_start(&p, steps, PEER_CLOSE);
    (void)memcpy(p.request, "\r\n\r\n", 5); // answers without having read a line
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", (unsigned)p.port);
    ask(&x, url, 0);
    assert_int_equal(x.failure, HTTP_TLS);
    peer_stop(&p);
    end(&x);
}

static void a_cancelled_call_says_nothing_more(void **state) {
    static const struct peer_step steps[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0}, {"defghi", 20}, {0}};
    for (int i = 0; i < 2; i++) {
        struct exchange x;
        struct peer p;
        char url[64];
        begin(&x, *state);
        x.cancel_at_head = i == 0;
        x.cancel_in_data = i == 1;
        peer_start(&p, steps, PEER_CLOSE);
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)p.port);
        ask(&x, url, 0);
        fixture_settle(x.f);
        assert_int_equal(x.dones, 0);
        assert_int_equal(x.pieces, i);
        peer_stop(&p);
        end(&x);
    }
}

static void a_client_may_go_while_calls_run(void **state) {
    static const struct peer_step steps[] = {{0}};
    struct fixture *f = *state;
    struct exchange x;
    struct peer p;
    char url[64];
    begin(&x, f);
    peer_start(&p, steps, PEER_HANG);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)p.port);
    struct http_request request = {.method = "GET", .url = url};
    assert_int_equal(http_start(x.client, &request, &events, &x, &x.call, NULL), 0);
    fixture_settle(f);
    http_client_free(x.client);
    peer_stop(&p);
    assert_int_equal(x.dones, 0);
}

static void keys_with_line_breaks_are_refused(void **state) {
    struct exchange x;
    begin(&x, *state);
    const struct http_header bad = {"authorization", "Bearer a\r\nx: y"};
    struct http_request request = {
        .method = "GET", .url = "http://127.0.0.1:1/", .headers = &bad, .header_count = 1};
    struct err err;
    assert_int_equal(http_start(x.client, &request, &events, &x, &x.call, &err), ERR_INVAL);
    assert_null(strstr(err.message, "Bearer"));
    end(&x);
}

static void heads_have_a_maximum(void **state) {
    char *much = mem_alloc(80001);
    memset(much, 'a', 80000);
    much[80000] = '\0';
    const struct peer_step steps[] = {
        {"HTTP/1.1 200 OK\r\nx: ", 0}, {much, 0}, {"\r\ncontent-length: 0\r\n\r\n", 0}, {0}};
    struct exchange x;
    struct peer p;
    ask_peer(&x, *state, steps, PEER_CLOSE, 0, &p);
    assert_int_equal(x.failure, HTTP_PROTOCOL);
    mem_free(much);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_head_and_body),
        TEST(what_goes_wrong_has_a_name),
        TEST(a_slow_stream_is_not_a_stall),
        TEST(nobody_there_is_told_at_once),
        TEST(a_server_without_tls_is_not_taken_for_one),
        TEST(a_cancelled_call_says_nothing_more),
        TEST(a_client_may_go_while_calls_run),
        TEST(keys_with_line_breaks_are_refused),
        TEST(heads_have_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
