// core/models/http_server, asked by core/models/http_client and by raw bytes.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/models/http_client.h"
#include "core/models/http_server.h"
#include "tests/unit/loop/loop_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 3 << 20 };

struct world {
    struct fixture *f;
    struct http_server *server;
    struct http_client *client;
    struct http_exchange *held; // not answered yet
    struct http_call *call;
    struct buf body; // of the answer
    size_t sent;     // of an answer in pieces
    int status, dones, gone, requests;
    bool whole;
    struct loop_timer *later;
};

// /echo, /held: the body. /stream: 3 MB in pieces as they are taken. /hold: nothing. /late: after
// 20 ms.
static void send_pieces(struct world *w) {
    static const char piece[50000];
    int r = 0;
    while (r == 0 && w->sent < MUCH) {
        size_t n = MUCH - w->sent < sizeof piece ? MUCH - w->sent : sizeof piece;
        r = http_body(w->held, piece, n);
        w->sent += n;
    }
    if (r < 0 || w->sent >= MUCH) {
        http_set_owner(w->held, NULL);
        assert_int_equal(r < 0 ? r : http_end(w->held), 0);
        w->held = NULL;
    }
}

static void on_later(void *ctx) {
    struct world *w = ctx;
    struct http_exchange *x = w->held;
    w->held = NULL;
    assert_int_equal(http_respond(x, 200, NULL, 0, "late", 4), 0);
}

static void on_request(void *ctx, struct http_exchange *x, const struct http_head *head,
                       struct buf *body) {
    static const struct http_header type = {"content-type", "text/plain"};
    struct world *w = ctx;
    w->requests++;
    if (strcmp(head->path, "/echo") == 0) {
        assert_int_equal(http_respond(x, 200, &type, 1, body->data, body->len), 0);
        return;
    }
    if (strcmp(head->path, "/none") == 0) {
        assert_int_equal(http_respond(x, 404, NULL, 0, "", 0), 0);
        return;
    }
    if (strncmp(head->path, "/lost-", 6) == 0) { // a piece for which there is no memory
        bool held = strcmp(head->path, "/lost-held") == 0;
        static const char piece[50000];
        assert_true(http_begin(x, 200, &type, 1, held ? HTTP_LENGTH_HELD : -1) >= 0);
        mem_fail_at(1);
        assert_int_equal(http_body(x, piece, sizeof piece), ERR_NOMEM);
        mem_fail_at(0);
        assert_true(http_body(x, "rest", 4) >= 0);
        assert_int_equal(http_end(x), ERR_NOMEM);
        return;
    }
    w->held = x;
    http_set_owner(x, w);
    if (strcmp(head->path, "/stream") == 0) {
        assert_true(http_begin(x, 200, &type, 1, -1) >= 0);
        send_pieces(w);
    } else if (strcmp(head->path, "/held") == 0) { // as a document, each half by itself
        http_set_owner(x, NULL);
        w->held = NULL;
        assert_int_equal(http_begin(x, 200, &type, 1, HTTP_LENGTH_HELD), 0);
        assert_true(http_body(x, body->data, body->len / 2) >= 0);
        assert_true(http_body(x, body->data + body->len / 2, body->len - body->len / 2) >= 0);
        assert_int_equal(http_end(x), 0);
    } else if (strcmp(head->path, "/bits") == 0) { // a stream whose pieces come in one turn
        http_set_owner(x, NULL);
        w->held = NULL;
        assert_int_equal(http_begin(x, 200, &type, 1, -1), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(http_body(x, "bit", 3), 0);
        assert_int_equal(http_end(x), 0);
    } else if (strcmp(head->path, "/late") == 0) {
        loop_timer_start(w->later, 20, 0);
    }
}

static int on_server_head(void *ctx, const struct http_head *head, const char **ret_why) {
    (void)ctx;
    *ret_why = "not here";
    return strcmp(head->path, "/refused") == 0 ? 403 : 0;
}

static void on_gone(void *owner) {
    struct world *w = owner;
    w->gone++;
    w->held = NULL;
    loop_stop(w->f->loop);
}

static void on_drained(void *owner) {
    send_pieces(owner);
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n) {
    (void)headers;
    (void)n;
    ((struct world *)ctx)->status = status;
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    assert_int_equal(buf_append(&((struct world *)ctx)->body, bytes, n), 0);
}

static void on_done(void *ctx, const struct http_answer *answer) {
    struct world *w = ctx;
    w->dones++;
    w->whole = answer->whole;
    loop_stop(w->f->loop);
}

static int setup(void **state) {
    static const struct http_server_events events = {on_server_head, on_request, on_gone,
                                                     on_drained};
    struct world *w = mem_zalloc(sizeof *w);
    void *fixture = NULL;
    if (!w || fixture_setup(&fixture) < 0)
        return -1;
    w->f = fixture;
    *state = w;
    return loop_timer_new(w->f->loop, on_later, w, &w->later) |
           http_server_new(w->f->loop, 0, &events, w, &w->server, NULL) |
           http_client_new(w->f->loop, &w->client, NULL);
}

static int teardown(void **state) {
    struct world *w = *state;
    void *fixture = w->f;
    http_client_free(w->client);
    http_server_free(w->server);
    loop_timer_free(w->later);
    buf_done(&w->body);
    mem_free(w);
    return fixture_teardown(&fixture);
}

static void start(struct world *w, const char *path, const char *body, size_t n) {
    static const struct http_events events = {on_head, on_data, on_done};
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)http_server_port(w->server),
                   path);
    struct http_request request = {.method = n ? "POST" : "GET", .url = url};
    buf_clear(&w->body);
    w->whole = false;
    assert_int_equal(buf_append(&request.body, body, n), 0);
    assert_int_equal(http_start(w->client, &request, &events, w, &w->call, NULL), 0);
}

static void ask(struct world *w, const char *path, const char *body, size_t n) {
    start(w, path, body, n);
    fixture_run(w->f);
    assert_true(w->whole);
}

static void requests_follow_each_other_on_one_connection(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 5; i++) {
        ask(w, "/echo", "hello", 5);
        assert_int_equal(w->status, 200);
        assert_int_equal(w->body.len, 5);
        ask(w, "/none", NULL, 0);
        assert_int_equal(w->status, 404);
        ask(w, "/late", NULL, 0);
        assert_string_equal(w->body.data, "late");
    }
    assert_int_equal(http_server_connections(w->server), 1);
    assert_int_equal(w->requests, 15);
    assert_int_equal(w->gone, 0);
}

// The client watches a connection between its requests, too.
static void a_connection_that_ended_in_between_is_replaced(void **state) {
    static const struct http_server_events events = {NULL, on_request, on_gone, on_drained};
    struct world *w = *state;
    for (int i = 0; i < 3; i++) {
        ask(w, "/late", NULL, 0);
        ask(w, "/late", NULL, 0);
        assert_int_equal(http_server_connections(w->server), 1);
        uint16_t port = http_server_port(w->server);
        http_server_free(w->server);
        for (int k = 0; k < i * 3; k++) // seen by the loop, or only by the next request
            fixture_settle(w->f);
        assert_int_equal(http_server_new(w->f->loop, port, &events, w, &w->server, NULL), 0);
    }
    ask(w, "/late", NULL, 0);
    assert_string_equal(w->body.data, "late");
}

static void large_bodies_come_whole(void **state) {
    struct world *w = *state;
    char *much = mem_alloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 >> 5);
    ask(w, "/echo", much, MUCH);
    assert_int_equal(w->body.len, MUCH);
    assert_memory_equal(w->body.data, much, MUCH);
    mem_free(much);
}

static void an_answer_waits_for_its_reader(void **state) {
    struct world *w = *state;
    start(w, "/stream", NULL, 0);
    fixture_run(w->f);
    assert_true(w->whole);
    assert_int_equal(w->body.len, MUCH);
}

static void an_answer_that_lacks_a_piece_is_no_whole_one(void **state) {
    static const char *const paths[] = {"/lost-chunk", "/lost-held"};
    struct world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        start(w, paths[i], "", 0);
        fixture_run(w->f);
        assert_int_equal(w->dones, i + 1);
        assert_false(w->whole);
    }
    ask(w, "/echo", "on", 2);
    assert_true(w->whole);
}

static void a_client_that_goes_is_noticed(void **state) {
    struct world *w = *state;
    start(w, "/hold", NULL, 0);
    while (!w->held)
        fixture_settle(w->f);
    http_cancel(w->call);
    fixture_run(w->f); // until on_gone
    assert_int_equal(w->gone, 1);
    assert_int_equal(http_server_connections(w->server), 0);
}

static void an_aborted_answer_is_seen_as_cut(void **state) {
    struct world *w = *state;
    start(w, "/hold", NULL, 0);
    while (!w->held)
        fixture_settle(w->f);
    assert_true(http_begin(w->held, 200, NULL, 0, -1) >= 0);
    assert_true(http_body(w->held, "abc", 3) >= 0);
    http_abort(w->held);
    fixture_run(w->f);
    assert_false(w->whole);
    assert_int_equal(w->gone, 0); // who aborts knows
}

// --- raw bytes

static const uint64_t QUIET_NS = 1000 * 1000 * 1000;

static void say(struct world *w, const char *bytes, size_t n, struct buf *answer) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char some[4096];
    buf_clear(answer);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    for (size_t at = 0; at < n; at += 3) { // in small pieces
        assert_true(send(fd, bytes + at, n - at < 3 ? n - at : 3, MSG_NOSIGNAL) > 0);
        if (at % 30 == 0)
            fixture_settle(w->f);
    }
    // Until the server ends it, or has said nothing for so long that nothing can be on its way.
    for (uint64_t quiet = env_now_mono_ns(); env_now_mono_ns() - quiet < QUIET_NS;) {
        ssize_t got = recv(fd, some, sizeof some, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0) {
            assert_int_equal(buf_append(answer, some, (size_t)got), 0);
            quiet = env_now_mono_ns();
        }
        fixture_settle(w->f);
    }
    (void)close(fd);
    fixture_settle(w->f);
}

static size_t count(const struct buf *text, const char *what) {
    size_t n = 0;
    for (const char *at = text->data; at && (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void what_is_held_to_its_end_has_a_length_unless_it_is_large(void **state) {
    static const char bytes[] = "POST /held HTTP/1.1\r\nContent-Length: 6\r\n\r\nabcdef";
    struct world *w = *state;
    char *much = mem_alloc(MUCH);
    AUTO_BUF answer = {0};
    say(w, bytes, sizeof bytes - 1, &answer);
    assert_int_equal(count(&answer, "content-length: 6\r\n\r\nabcdef"), 1);
    assert_int_equal(count(&answer, "chunked"), 0);
    memset(much, 'x', MUCH);
    ask(w, "/held", much, MUCH);
    assert_int_equal(w->body.len, MUCH);
    assert_memory_equal(w->body.data, much, MUCH);
    ask(w, "/echo", "on", 2); // the connection goes on
    assert_int_equal(w->body.len, 2);
    mem_free(much);
}

// What the kernel is given, a client reads: all of it at the first look.
static void pieces_of_one_turn_leave_as_one(void **state) {
    static const char bytes[] = "GET /bits HTTP/1.1\r\n\r\n";
    struct world *w = *state;
    AUTO_BUF answer = {0};
    say(w, bytes, sizeof bytes - 1, &answer);
    assert_int_equal(count(&answer, "\r\n\r\n3\r\nbit\r\n3\r\nbit\r\n3\r\nbit\r\n0\r\n\r\n"), 1);
}

static void an_open_stream_does_not_keep_its_pieces(void **state) {
    struct world *w = *state;
    start(w, "/hold", NULL, 0);
    while (!w->held)
        fixture_settle(w->f);
    assert_true(http_begin(w->held, 200, NULL, 0, -1) >= 0);
    assert_true(http_body(w->held, "abc", 3) >= 0);
    while (w->body.len < 3)
        fixture_settle(w->f);
    assert_memory_equal(w->body.data, "abc", 3);
    struct http_exchange *x = w->held;
    http_set_owner(x, NULL);
    assert_int_equal(http_end(x), 0);
    fixture_run(w->f);
    assert_true(w->whole);
}

static void what_is_sent_ahead_waits_its_turn(void **state) {
    static const char bytes[] = "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                                "GET /late HTTP/1.1\r\n\r\n"
                                "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nxyz\r\n0\r\n\r\n"
                                "GET /none HTTP/1.0\r\n\r\n";
    struct world *w = *state;
    AUTO_BUF answer = {0};
    say(w, bytes, sizeof bytes - 1, &answer);
    assert_int_equal(count(&answer, "HTTP/1.1 200 OK\r\n"), 3);
    assert_int_equal(count(&answer, "HTTP/1.1 404 Not Found\r\n"), 1);
    assert_true(strstr(answer.data, "abc") < strstr(answer.data, "late"));
    assert_true(strstr(answer.data, "late") < strstr(answer.data, "xyz"));
    assert_non_null(strstr(answer.data, "connection: close")); // HTTP/1.0
    assert_int_equal(http_server_connections(w->server), 0);
}

static void nonsense_is_refused_and_ends_the_connection(void **state) {
    static const char *const bad[] = {
        "hello\r\n\r\n",
        "400",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        "413",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "400"};
    struct world *w = *state;
    AUTO_BUF answer = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i += 2) {
        say(w, bad[i], strlen(bad[i]), &answer);
        if (answer.len < 13 || memcmp(answer.data + 9, bad[i + 1], 3) != 0)
            fail_msg("%s -> %s", bad[i], answer.data ? answer.data : "nothing");
        assert_non_null(strstr(answer.data, "connection: close"));
        assert_non_null(strstr(answer.data, "\"message\":"));
    }
    assert_int_equal(w->requests, 0);
    assert_int_equal(http_server_connections(w->server), 0);
}

static void what_is_refused_by_its_head_is_not_read(void **state) {
    static const char bytes[] = "POST /refused HTTP/1.1\r\nContent-Length: 30000000\r\n\r\nabc";
    struct world *w = *state;
    AUTO_BUF answer = {0};
    say(w, bytes, sizeof bytes - 1, &answer);
    assert_int_equal(count(&answer, "HTTP/1.1 403 Forbidden\r\n"), 1);
    assert_int_equal(count(&answer, "not here"), 1);
    assert_int_equal(w->requests, 0);
    assert_int_equal(http_server_connections(w->server), 0);
}

static void a_client_is_told_to_go_on(void **state) {
    static const char bytes[] =
        "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    struct world *w = *state;
    AUTO_BUF answer = {0};
    say(w, bytes, sizeof bytes - 1, &answer);
    assert_int_equal(count(&answer, "HTTP/1.1 100 Continue\r\n\r\n"), 1);
    assert_int_equal(count(&answer, "HTTP/1.1 200 OK"), 1);
}

static void a_port_that_is_taken_is_named(void **state) {
    static const struct http_server_events events = {NULL, on_request, NULL, NULL};
    struct world *w = *state;
    struct http_server *second = NULL;
    struct err err;
    assert_int_equal(
        http_server_new(w->f->loop, http_server_port(w->server), &events, w, &second, &err),
        ERR_EXISTS);
    assert_non_null(strstr(err.message, "taken"));
}

static void a_server_may_go_with_requests_open(void **state) {
    struct world *w = *state;
    start(w, "/hold", NULL, 0);
    while (!w->held)
        fixture_settle(w->f);
    http_server_free(w->server);
    w->server = NULL;
    fixture_run(w->f); // the client sees the end
    assert_int_equal(w->dones, 1);
    assert_int_equal(w->gone, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(requests_follow_each_other_on_one_connection),
        TEST(a_connection_that_ended_in_between_is_replaced),
        TEST(large_bodies_come_whole),
        TEST(what_is_held_to_its_end_has_a_length_unless_it_is_large),
        TEST(pieces_of_one_turn_leave_as_one),
        TEST(an_open_stream_does_not_keep_its_pieces),
        TEST(an_answer_waits_for_its_reader),
        TEST(an_answer_that_lacks_a_piece_is_no_whole_one),
        TEST(a_client_that_goes_is_noticed),
        TEST(an_aborted_answer_is_seen_as_cut),
        TEST(what_is_sent_ahead_waits_its_turn),
        TEST(nonsense_is_refused_and_ends_the_connection),
        TEST(what_is_refused_by_its_head_is_not_read),
        TEST(a_client_is_told_to_go_on),
        TEST(a_port_that_is_taken_is_named),
        TEST(a_server_may_go_with_requests_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
