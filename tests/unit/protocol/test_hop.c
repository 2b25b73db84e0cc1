#include "protocol/hop.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    struct buf text; // "type.flags.seq:body|" for each frame
    int count;
    int refuse_at;
};

static int on_frame(void *ctx, const struct hop_frame *f, struct err *err) {
    struct seen *s = ctx;
    if (++s->count == s->refuse_at)
        return err_set(err, ERR_BUSY, "not now");
    assert_int_equal(
        buf_printf(&s->text, "%d.%u.%llu:", (int)f->type, f->flags, (unsigned long long)f->seq), 0);
    assert_int_equal(buf_append(&s->text, f->body, f->bytes), 0);
    assert_int_equal(buf_putc(&s->text, '|'), 0);
    return 0;
}

static void put(struct buf *wire, enum hop_type type, unsigned flags, uint64_t seq,
                const char *body) {
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, type, flags, seq, strlen(body));
    assert_int_equal(buf_append(wire, head, sizeof head), 0);
    assert_int_equal(buf_puts(wire, body), 0);
}

static void the_header_is_sixteen_little_endian_bytes(void **state) {
    (void)state;
    static const uint8_t expected[HOP_HEADER_BYTES] = {
        0x03, 0x02, 0x01, 0x00, HOP_MESSAGE, HOP_REPLAY | HOP_SILENT, 0, 0, 0x08, 0x07, 0x06,
        0x05, 0x04, 0x03, 0x02, 0x01};
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, HOP_MESSAGE, HOP_REPLAY | HOP_SILENT, UINT64_C(0x0102030405060708), 0x010203);
    assert_memory_equal(head, expected, sizeof head);
}

static void frames_come_out_the_same_for_every_split(void **state) {
    (void)state;
    struct buf wire = BUF_INIT(0);
    put(&wire, HOP_HELLO, 0, 0, "{\"major\":1}");
    put(&wire, HOP_MESSAGE, HOP_REPLAY, UINT64_MAX, "{}");
    put(&wire, HOP_EOF, 0, 0, "");
    put(&wire, HOP_NOTE, HOP_SILENT, 7, "note");
    for (size_t cut = 0; cut <= wire.len; cut++) {
        for (size_t step = 1; step <= wire.len + 1; step += wire.len) {
            struct seen s = {0};
            struct hop_reader *r = hop_reader_new(on_frame, &s);
            assert_int_equal(hop_feed(r, wire.data, cut, NULL), 0);
            for (size_t at = cut; at < wire.len; at += step)
                assert_int_equal(
                    hop_feed(r, wire.data + at, wire.len - at < step ? wire.len - at : step, NULL),
                    0);
            assert_string_equal(s.text.data, "1.0.0:{\"major\":1}|4.1.18446744073709551615:{}|"
                                             "6.0.0:|10.2.7:note|");
            hop_reader_free(r);
            buf_done(&s.text);
        }
    }
    buf_done(&wire);
}

struct timed {
    uint64_t arrival_ns;
    char body[8];
};

static int on_timed(void *ctx, const struct hop_frame *f, struct err *err) {
    struct timed *t = ctx;
    (void)err;
    t->arrival_ns = f->arrival_ns;
    (void)snprintf(t->body, sizeof t->body, "%.*s", (int)f->bytes, f->body);
    return 0;
}

static void the_time_of_a_message_stands_before_its_body(void **state) {
    (void)state;
    struct buf wire = BUF_INIT(0);
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, HOP_MESSAGE, HOP_TIMED, 1, 10);
    (void)buf_append(&wire, head, sizeof head);
    (void)buf_append(&wire, "\x08\x07\x06\x05\x04\x03\x02\x01{}", 10);
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct timed t = {0};
        struct hop_reader *r = hop_reader_new(on_timed, &t);
        assert_int_equal(hop_feed(r, wire.data, cut, NULL), 0);
        assert_int_equal(hop_feed(r, wire.data + cut, wire.len - cut, NULL), 0);
        assert_true(t.arrival_ns == UINT64_C(0x0102030405060708));
        assert_string_equal(t.body, "{}");
        hop_reader_free(r);
    }
    buf_done(&wire);
}

static int remember_body(void *ctx, const struct hop_frame *f, struct err *err) {
    (void)err;
    assert_memory_equal(f->body, "passphrase", 10);
    *(const char **)ctx = f->body;
    return 0;
}

static void a_secret_reader_keeps_no_frame_that_it_has_handed_on(void **state) {
    (void)state;
    static const char zeros[10];
    struct buf wire = BUF_INIT(0);
    put(&wire, HOP_MESSAGE, 0, 1, "passphrase");
    for (size_t cut = 1; cut < wire.len; cut++) {
        const char *body = NULL;
        struct hop_reader *r = hop_reader_new(remember_body, &body);
        hop_reader_set_secret(r);
        assert_int_equal(hop_feed(r, wire.data, cut, NULL), 0);
        assert_int_equal(hop_feed(r, wire.data + cut, wire.len - cut, NULL), 0);
        assert_non_null(body); // in the reader's own buffer, which it keeps for the next frame
        assert_memory_equal(body, zeros, sizeof zeros);
        hop_reader_free(r);
    }
    buf_done(&wire);
}

static void expect_refused(const uint8_t head[HOP_HEADER_BYTES], int code) {
    for (size_t cut = 0; cut < HOP_HEADER_BYTES; cut++) {
        struct seen s = {0};
        struct hop_reader *r = hop_reader_new(on_frame, &s);
        assert_int_equal(hop_feed(r, head, cut, NULL), 0);
        assert_int_equal(hop_feed(r, head + cut, HOP_HEADER_BYTES - cut, NULL), code);
        uint8_t good[HOP_HEADER_BYTES];
        hop_header(good, HOP_EOF, 0, 0, 0);
        assert_int_equal(hop_feed(r, good, sizeof good, NULL), ERR_PARSE);
        assert_int_equal(s.count, 0);
        hop_reader_free(r);
    }
}

static void wrong_frames_end_the_connection(void **state) {
    (void)state;
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, HOP_MESSAGE, 0, 1, HOP_BODY_BYTES_MAX + (size_t)1);
    expect_refused(head, ERR_LIMIT);
    hop_header(head, HOP_MESSAGE, 0, 1, UINT32_MAX);
    expect_refused(head, ERR_LIMIT);
    hop_header(head, (enum hop_type)0, 0, 1, 0);
    expect_refused(head, ERR_PARSE);
    hop_header(head, (enum hop_type)(HOP_STATE + 1), 0, 1, 0);
    expect_refused(head, ERR_PARSE);
    hop_header(head, HOP_MESSAGE, 8, 1, 0);
    expect_refused(head, ERR_PARSE);
    hop_header(head, HOP_MESSAGE, HOP_TIMED, 1, HOP_TIME_BYTES - 1);
    expect_refused(head, ERR_PARSE);
    hop_header(head, HOP_NOTE, HOP_TIMED, 1, HOP_TIME_BYTES);
    expect_refused(head, ERR_PARSE);
    hop_header(head, HOP_MESSAGE, 0, 1, 0);
    head[7] = 1;
    expect_refused(head, ERR_PARSE);
}

static void the_largest_frame_arrives_and_its_memory_is_given_back(void **state) {
    (void)state;
    enum { STEP = 1 << 20 };
    char *chunk = mem_alloc(STEP);
    memset(chunk, 'y', STEP);
    struct seen s = {0};
    struct hop_reader *r = hop_reader_new(on_frame, &s);
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, HOP_MESSAGE, 0, 1, HOP_BODY_BYTES_MAX);
    assert_int_equal(hop_feed(r, head, sizeof head, NULL), 0);
    for (int i = 0; i < HOP_BODY_BYTES_MAX / STEP; i++)
        assert_int_equal(hop_feed(r, chunk, STEP, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.text.len, strlen("4.0.1:|") + HOP_BODY_BYTES_MAX);
    hop_reader_free(r);
    buf_done(&s.text);
    mem_free(chunk);
}

static void what_the_owner_returns_stops_the_feed(void **state) {
    (void)state;
    struct buf wire = BUF_INIT(0);
    put(&wire, HOP_MESSAGE, 0, 1, "a");
    put(&wire, HOP_MESSAGE, 0, 2, "b");
    struct seen s = {.refuse_at = 2};
    struct hop_reader *r = hop_reader_new(on_frame, &s);
    assert_int_equal(hop_feed(r, wire.data, wire.len, NULL), ERR_BUSY);
    assert_string_equal(s.text.data, "4.0.1:a|");
    hop_reader_free(r);
    buf_done(&s.text);
    buf_done(&wire);
}

static void every_failed_allocation_is_an_error_and_no_leak(void **state) {
    (void)state;
    struct buf wire = BUF_INIT(0);
    char body[301] = {0};
    memset(body, 'z', sizeof body - 1);
    put(&wire, HOP_MESSAGE, 0, 1, body);
    struct seen s = {0};
    assert_int_equal(buf_reserve(&s.text, 4096), 0);
    int failures = 0;
    for (uint64_t nth = 1; nth <= 6; nth++) {
        mem_fail_at(nth);
        struct hop_reader *r = hop_reader_new(on_frame, &s);
        int code = r ? hop_feed(r, wire.data, 5, NULL) : ERR_NOMEM;
        code = code == 0 ? hop_feed(r, wire.data + 5, wire.len - 5, NULL) : code;
        mem_fail_at(0);
        assert_true(code == 0 || code == ERR_NOMEM);
        failures += code == ERR_NOMEM;
        hop_reader_free(r);
    }
    assert_int_equal(failures, 3); // the reader, the header, the body
    assert_int_equal(s.count, 3);
    buf_done(&s.text);
    buf_done(&wire);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_sixteen_little_endian_bytes),
        cmocka_unit_test(frames_come_out_the_same_for_every_split),
        cmocka_unit_test(the_time_of_a_message_stands_before_its_body),
        cmocka_unit_test(a_secret_reader_keeps_no_frame_that_it_has_handed_on),
        cmocka_unit_test(wrong_frames_end_the_connection),
        cmocka_unit_test(the_largest_frame_arrives_and_its_memory_is_given_back),
        cmocka_unit_test(what_the_owner_returns_stops_the_feed),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests_name("protocol/hop", tests, NULL, NULL);
}
