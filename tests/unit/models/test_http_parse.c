#include "core/base/mem.h"
#include "core/models/http_parse.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static struct http_head head;
static char *bytes; // what `head` points into

static ssize_t parse(const char *text) {
    struct err err;
    mem_free(bytes);
    size_t n = strlen(text);
    bytes = mem_alloc(n); // no terminator: a read behind the end is seen
    memcpy(bytes, text, n);
    return http_parse_head(bytes, n, &head, &err);
}

static int teardown(void **state) {
    (void)state;
    mem_free(bytes);
    bytes = NULL;
    return 0;
}

static void a_whole_head_is_cut(void **state) {
    (void)state;
    const char *text = "POST /v1/messages?beta=true HTTP/1.1\r\nHost: localhost:1\r\n"
                       "Content-Length: 12\r\nX-Empty:\r\nX-Spaces: \t a b \t\r\n\r\n";
    assert_int_equal(parse(text), strlen(text));
    assert_string_equal(head.method, "POST");
    assert_string_equal(head.path, "/v1/messages");
    assert_string_equal(head.query, "beta=true");
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.count, 4);
    assert_true(head.keep_alive);
    assert_string_equal(http_head_value(&head, "host"), "localhost:1");
    assert_string_equal(http_head_value(&head, "x-empty"), "");
    assert_string_equal(http_head_value(&head, "x-spaces"), "a b");
    assert_null(http_head_value(&head, "x"));
}

static void an_unfinished_head_is_left_alone(void **state) {
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char part[sizeof text];
        memcpy(part, text, n);
        assert_int_equal(http_parse_head(part, n, &head, NULL), 0);
        assert_memory_equal(part, text, n);
    }
}

static void keep_alive_follows_version_and_header(void **state) {
    (void)state;
    assert_true(parse("GET / HTTP/1.0\n\n") > 0);
    assert_false(head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\nConnection: Keep-Alive\n\n") > 0);
    assert_true(head.keep_alive);
    assert_true(parse("GET / HTTP/1.1\nConnection: close\n\n") > 0);
    assert_false(head.keep_alive);
    assert_true(parse("PUT / HTTP/1.1\nExpect: 100-continue\nTransfer-Encoding: Chunked\n\n") > 0);
    assert_true(head.expects_continue && head.chunked);
    assert_int_equal(head.content_length, -1);
}

static void what_two_readers_could_understand_differently_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "GET /\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/2\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET /a\x01 HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nname : v\r\n\r\n",
        "GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\na: b\rc: d\r\n\r\n",
        "GET / HTTP/1.1\r\n: v\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(bad[i]) != ERR_PARSE)
            fail_msg("accepted: %s", bad[i]);
    char nul[] = "GET / HTTP/1.1\r\na: b\0c\r\n\r\n";
    assert_int_equal(http_parse_head(nul, sizeof nul - 1, &head, NULL), ERR_PARSE);
}

static void heads_have_a_maximum(void **state) {
    (void)state;
    AUTO_BUF text = {0};
    (void)buf_puts(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        (void)buf_puts(&text, "a: b\r\n");
    assert_int_equal(http_parse_head(text.data, text.len, &head, NULL), 0); // not whole yet
    (void)buf_puts(&text, "\r\n");
    assert_int_equal(http_parse_head(text.data, text.len, &head, NULL), ERR_LIMIT);
    buf_clear(&text);
    while (text.len < HTTP_HEAD_BYTES_MAX)
        (void)buf_puts(&text, "0123456789abcdef");
    assert_int_equal(http_parse_head(text.data, text.len, &head, NULL), ERR_LIMIT);
}

// --- chunks

static int chunks(const char *text, size_t step, struct buf *body, size_t *ret_used) {
    struct http_chunks c = {0};
    size_t n = strlen(text), all = 0;
    int r = 0;
    buf_clear(body);
    for (size_t at = 0; r == 0 && at < n; at += step) {
        size_t used = 0;
        r = http_chunks_read(&c, text + at, n - at < step ? n - at : step, &used, body);
        all += used;
    }
    *ret_used = all;
    return r;
}

static void chunks_are_joined_however_they_are_split(void **state) {
    (void)state;
    static const char text[] =
        "5\r\nhello\r\nA ;x=\"y\"\r\n, world 12\r\n0\r\nTrailer: x\r\n\r\nGET";
    AUTO_BUF body = {0};
    for (size_t step = 1; step < sizeof text; step++) {
        size_t used;
        assert_int_equal(chunks(text, step, &body, &used), 1);
        assert_string_equal(body.data, "hello, world 12");
        assert_int_equal(used, sizeof text - 1 - 3);
    }
}

static void bad_chunks_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"\r\n",          "x\r\n",   "-1\r\n", "5\r\nhello5\r\n",
                                      "1\r\na\rb\r\n", "0\r\n\rx"};
    AUTO_BUF body = {0};
    size_t used;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chunks(bad[i], 1, &body, &used) != ERR_PARSE)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(chunks("fffffffffffff\r\n", 99, &body, &used), ERR_LIMIT);
    struct buf small = BUF_INIT(3);
    assert_int_equal(chunks("5\r\nhello", 99, &small, &used), ERR_LIMIT);
    buf_done(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_head_is_cut),
        cmocka_unit_test(an_unfinished_head_is_left_alone),
        cmocka_unit_test(keep_alive_follows_version_and_header),
        cmocka_unit_test(what_two_readers_could_understand_differently_is_refused),
        cmocka_unit_test(heads_have_a_maximum),
        cmocka_unit_test(chunks_are_joined_however_they_are_split),
        cmocka_unit_test(bad_chunks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
