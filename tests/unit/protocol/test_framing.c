#include "protocol/framing.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// What came out, written down as one text: "message|message|" and "<total:head bytes>|" for a body
// over the maximum.
struct seen {
    struct buf text;
    int count;
    int refuse_at; // the nth message is refused with ERR_BUSY
};

static int on_message(void *ctx, const char *body, size_t n, struct err *err) {
    struct seen *s = ctx;
    if (++s->count == s->refuse_at)
        return err_set(err, ERR_BUSY, "not now");
    assert_int_equal(buf_append(&s->text, body, n), 0);
    assert_int_equal(buf_putc(&s->text, '|'), 0);
    return 0;
}

static int on_oversize(void *ctx, const char *head, size_t head_bytes, size_t total,
                       struct err *err) {
    struct seen *s = ctx;
    (void)err;
    assert_non_null(head);
    assert_int_equal(buf_printf(&s->text, "<%zu:%zu>|", total, head_bytes), 0);
    return 0;
}

static const struct framing_events events = {.message = on_message, .oversize = on_oversize};

static const char *text_of(const struct seen *s) {
    return s->text.data ? s->text.data : "";
}

// Feeds `wire` in pieces of `step` bytes after a first one of `cut`; 0 or the first error.
static int run(enum framing_kind kind, size_t max, const char *wire, size_t n, size_t cut,
               size_t step, struct seen *s) {
    struct framing *f = framing_new(kind, max, &events, s);
    assert_non_null(f);
    int r = framing_feed(f, wire, cut, NULL);
    for (size_t at = cut; r == 0 && at < n; at += step)
        r = framing_feed(f, wire + at, n - at < step ? n - at : step, NULL);
    if (r == 0)
        r = framing_end(f, NULL);
    framing_free(f);
    return r;
}

static void expect(enum framing_kind kind, size_t max, const char *wire, int result,
                   const char *text) {
    size_t n = strlen(wire);
    for (size_t cut = 0; cut <= n; cut++) {
        for (size_t step = 1; step <= n + 1; step += n) { // byte by byte, and all the rest at once
            struct seen s = {0};
            assert_int_equal(run(kind, max, wire, n, cut, step, &s), result);
            assert_string_equal(text_of(&s), text);
            buf_done(&s.text);
        }
    }
}

static void lines_come_out_the_same_for_every_split(void **state) {
    (void)state;
    expect(FRAMING_LINES, 100, "{}\n[1]\r\n\n\r\n  \n{\"a\":1}\nlast", 0, "{}|[1]|{\"a\":1}|last|");
}

static void a_line_of_exactly_the_maximum_passes_and_one_more_byte_does_not(void **state) {
    (void)state;
    expect(FRAMING_LINES, 4, "1234\n1234\r\n12345\n12345\r\n123456\r\n12\n", 0,
           "1234|1234|<5:4>|<5:4>|<6:4>|12|");
}

static void an_oversized_line_is_reported_once_and_the_stream_goes_on(void **state) {
    (void)state;
    expect(FRAMING_LINES, 4, "1234567890\n{}\n", 0, "<10:4>|{}|");
    expect(FRAMING_LINES, 4, "{}\n123456", 0, "{}|<6:4>|");
}

static void an_oversized_line_keeps_64_kilobytes_whatever_its_length(void **state) {
    (void)state;
    enum { CHUNK = 1 << 20 };
    char *chunk = mem_alloc(CHUNK);
    memset(chunk, 'x', CHUNK);
    struct seen s = {0};
    struct framing *f = framing_new(FRAMING_LINES, 2 * CHUNK, &events, &s);
    for (int i = 0; i < 40; i++)
        assert_int_equal(framing_feed(f, chunk, CHUNK, NULL), 0);
    assert_int_equal(framing_feed(f, "\n{}\n", 4, NULL), 0);
    assert_string_equal(text_of(&s), "<41943040:65536>|{}|");
    framing_free(f);
    buf_done(&s.text);
    mem_free(chunk);
}

static void a_ten_megabyte_line_arrives_whole(void **state) {
    (void)state;
    enum { BYTES = 10 * 1024 * 1024 };
    char *line = mem_alloc(BYTES + 1);
    memset(line, 'x', BYTES);
    line[BYTES] = '\n';
    struct seen s = {0};
    assert_int_equal(run(FRAMING_LINES, FRAMING_BODY_BYTES_MAX, line, BYTES + 1, 0, 65536, &s), 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.text.len, BYTES + 1);
    assert_memory_equal(s.text.data, line, BYTES);
    buf_done(&s.text);
    mem_free(line);
}

static void zero_bytes_inside_a_line_are_handed_on(void **state) {
    (void)state;
    struct seen s = {0};
    assert_int_equal(run(FRAMING_LINES, 100, "a\0b\n", 4, 1, 1, &s), 0);
    assert_int_equal(s.text.len, 4);
    assert_memory_equal(s.text.data, "a\0b|", 4);
    buf_done(&s.text);
}

static void bodies_with_a_length_come_out_the_same_for_every_split(void **state) {
    (void)state;
    expect(FRAMING_CONTENT_LENGTH, 100,
           "Content-Length: 2\r\n\r\n{}"
           "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:4  \r\n\r\n"
           "[42]Content-Length: 0\r\n\r\nCONTENT-LENGTH: 1\n\n7",
           0, "{}|[42]||7|");
}

static void bodies_may_hold_what_looks_like_a_header(void **state) {
    (void)state;
    expect(FRAMING_CONTENT_LENGTH, 100, "Content-Length: 21\r\n\r\nContent-Length: 1\r\n\r\n", 0,
           "Content-Length: 1\r\n\r\n|");
}

static void a_wrong_header_ends_the_stream(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "Content-Length: \r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: +1\r\n\r\n",
        "Content-Length: 1 1\r\n\r\n",
        "Content-Length: 0x1\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "Content-Type: x\r\n\r\n",
        "\r\n",
        ": 1\r\n\r\n",
        "{\"jsonrpc\":\"2.0\"}\r\n\r\n",
        "garbage\r\n\r\n",
        "Content-Length: 1\r\n", // ends within the header
        "Content-Length: 3\r\n\r\n{}",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect(FRAMING_CONTENT_LENGTH, 100, wrong[i], ERR_PARSE, "");
}

static void nothing_is_read_behind_a_wrong_header(void **state) {
    (void)state;
    struct seen s = {0};
    struct framing *f = framing_new(FRAMING_CONTENT_LENGTH, 100, &events, &s);
    assert_int_equal(framing_feed(f, "nonsense\r\n\r\n", 12, NULL), ERR_PARSE);
    assert_int_equal(framing_feed(f, "Content-Length: 2\r\n\r\n{}", 23, NULL), ERR_PARSE);
    assert_int_equal(framing_end(f, NULL), 0);
    assert_int_equal(s.count, 0);
    framing_free(f);
}

static void a_body_over_the_maximum_is_skipped_and_the_stream_goes_on(void **state) {
    char wire[400];
    (void)state;
    (void)snprintf(wire, sizeof wire,
                   "Content-Length: 2\r\n\r\n{}Content-Length: 101\r\n\r\n%0101d"
                   "Content-Length: 4\r\n\r\n[42]",
                   7);
    expect(FRAMING_CONTENT_LENGTH, 100, wire, 0, "{}|<101:100>|[42]|");
    expect(FRAMING_CONTENT_LENGTH, 100, "Content-Length: 101\r\n\r\n{}", ERR_PARSE, "");
}

static void a_length_that_cannot_be_is_refused(void **state) {
    (void)state;
    expect(FRAMING_CONTENT_LENGTH, 100, "Content-Length: 1073741825\r\n\r\n", ERR_LIMIT, "");
    expect(FRAMING_CONTENT_LENGTH, 100, "Content-Length: 99999999999999999999999\r\n\r\n",
           ERR_LIMIT, "");
    expect(FRAMING_CONTENT_LENGTH, 100, "Content-Length: 18446744073709551617\r\n\r\n", ERR_LIMIT,
           "");
}

static void an_endless_header_is_cut_off(void **state) {
    (void)state;
    struct seen s = {0};
    struct framing *f = framing_new(FRAMING_CONTENT_LENGTH, 100, &events, &s);
    int r = 0;
    size_t fed = 0;
    while (r == 0 && fed < 100000) {
        r = framing_feed(f, "X-A: b\r\n", 8, NULL);
        fed += 8;
    }
    assert_int_equal(r, ERR_PARSE);
    assert_int_equal(fed, FRAMING_HEADER_BYTES_MAX);
    framing_free(f);
}

static void what_the_owner_returns_stops_the_feed(void **state) {
    (void)state;
    struct seen s = {.refuse_at = 2};
    struct err e = {0};
    struct framing *f = framing_new(FRAMING_LINES, 100, &events, &s);
    assert_int_equal(framing_feed(f, "1\n2\n3\n", 6, &e), ERR_BUSY);
    assert_string_equal(err_text(&e), "not now");
    assert_string_equal(text_of(&s), "1|");
    framing_free(f);
    buf_done(&s.text);
}

static void every_failed_allocation_is_an_error_and_no_leak(void **state) {
    (void)state;
    static const char lines[] = "{\"half\":";
    static const char rest[] = "1}\n";
    static const char *const body[] = {"Content-Length: 10\r\n", "\r\n12345", "67890"};
    static const char over[] = "123456789012345678901234567890";
    struct seen s = {0};
    assert_int_equal(buf_reserve(&s.text, 4096), 0); // so that only the framing allocates
    int failures = 0;
    for (uint64_t nth = 1; nth < 20; nth++) {
        mem_fail_at(nth);
        struct framing *f = framing_new(FRAMING_LINES, 20, &events, &s);
        int r = f ? framing_feed(f, lines, sizeof lines - 1, NULL) : ERR_NOMEM;
        r = r == 0 ? framing_feed(f, rest, sizeof rest - 1, NULL) : r;
        r = r == 0 ? framing_feed(f, over, 18, NULL) : r;
        r = r == 0 ? framing_feed(f, over, 20, NULL) : r;
        struct framing *g = framing_new(FRAMING_CONTENT_LENGTH, 100, &events, &s);
        int q = g ? 0 : ERR_NOMEM;
        for (size_t i = 0; q == 0 && i < COUNT_OF(body); i++)
            q = framing_feed(g, body[i], strlen(body[i]), NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        assert_true(q == 0 || q == ERR_NOMEM);
        failures += r == ERR_NOMEM || q == ERR_NOMEM;
        framing_free(f);
        framing_free(g);
    }
    assert_in_range(failures, 4, 18); // some fail, and the last runs go through
    buf_done(&s.text);
}

struct parts {
    struct framing *framing;
    size_t last, calls;
    struct buf taken;
    bool take, had;
};

static int on_part(void *ctx, const char *body, size_t n, size_t total, struct err *err) {
    struct parts *p = ctx;
    (void)err;
    assert_true(n >= FRAMING_PART_BYTES && n > p->last && n < total);
    for (size_t i = p->last; i < n; i++) // and what stood before is still there
        assert_int_equal(body[i], 'a' + (char)(i % 23));
    assert_int_equal(body[0], 'a');
    p->last = n;
    p->calls++;
    return 0;
}

static int on_whole(void *ctx, const char *body, size_t n, struct err *err) {
    struct parts *p = ctx;
    (void)err;
    if (n < FRAMING_PART_BYTES)
        return 0;
    assert_true(n > p->last);
    p->last = 0;
    if (p->take)
        p->had = framing_take(p->framing, &p->taken);
    if (p->had) {
        assert_ptr_equal(p->taken.data, body);
        assert_int_equal(p->taken.len, n);
    }
    return 0;
}

static void a_large_body_is_shown_while_it_comes_and_can_be_taken(void **state) {
    static const struct framing_events with_parts = {.message = on_whole, .part = on_part};
    enum { BODY = FRAMING_PART_BYTES * 3 + 17 };
    static const size_t steps[] = {1000, FRAMING_PART_BYTES, FRAMING_PART_BYTES * 2, 10 * BODY};
    (void)state;
    AUTO_BUF wire = BUF_INIT(0);
    (void)buf_printf(&wire, "Content-Length: %d\r\n\r\n", BODY);
    for (size_t i = 0; i < BODY; i++)
        (void)buf_putc(&wire, 'a' + (char)(i % 23));
    (void)buf_puts(&wire, "Content-Length: 2\r\n\r\n{}");
    for (size_t i = 0; i < 2 * COUNT_OF(steps); i++) {
        size_t step = steps[i / 2];
        struct parts p = {.take = i % 2};
        struct framing *f = framing_new(FRAMING_CONTENT_LENGTH, BODY, &with_parts, &p);
        p.framing = f;
        for (size_t at = 0; at < wire.len; at += step)
            assert_int_equal(
                framing_feed(f, wire.data + at, wire.len - at < step ? wire.len - at : step, NULL),
                0);
        assert_int_equal(framing_end(f, NULL), 0);
        assert_int_equal(p.calls > 0, step < BODY);
        assert_int_equal(p.had, p.take && step < BODY); // else it lay in the input
        buf_done(&p.taken);
        framing_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_the_same_for_every_split),
        cmocka_unit_test(a_line_of_exactly_the_maximum_passes_and_one_more_byte_does_not),
        cmocka_unit_test(an_oversized_line_is_reported_once_and_the_stream_goes_on),
        cmocka_unit_test(an_oversized_line_keeps_64_kilobytes_whatever_its_length),
        cmocka_unit_test(a_ten_megabyte_line_arrives_whole),
        cmocka_unit_test(zero_bytes_inside_a_line_are_handed_on),
        cmocka_unit_test(bodies_with_a_length_come_out_the_same_for_every_split),
        cmocka_unit_test(bodies_may_hold_what_looks_like_a_header),
        cmocka_unit_test(a_wrong_header_ends_the_stream),
        cmocka_unit_test(nothing_is_read_behind_a_wrong_header),
        cmocka_unit_test(a_body_over_the_maximum_is_skipped_and_the_stream_goes_on),
        cmocka_unit_test(a_length_that_cannot_be_is_refused),
        cmocka_unit_test(an_endless_header_is_cut_off),
        cmocka_unit_test(what_the_owner_returns_stops_the_feed),
        cmocka_unit_test(a_large_body_is_shown_while_it_comes_and_can_be_taken),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests_name("protocol/framing", tests, NULL, NULL);
}
