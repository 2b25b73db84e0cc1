#include "core/base/buf.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

#include <jansson.h>

static void appends_and_terminates(void **state) {
    (void)state;
    AUTO_BUF b = BUF_INIT(0);
    assert_int_equal(buf_puts(&b, "ab"), 0);
    assert_int_equal(buf_putc(&b, 'c'), 0);
    assert_int_equal(buf_printf(&b, "-%d", 42), 0);
    assert_string_equal(b.data, "abc-42");
    buf_consume(&b, 4);
    assert_string_equal(b.data, "42");
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
}

static void the_maximum_holds_and_failure_sticks(void **state) {
    (void)state;
    AUTO_BUF b = BUF_INIT(4);
    assert_int_equal(buf_append(&b, "1234", 4), 0);
    assert_int_equal(buf_putc(&b, '5'), ERR_LIMIT);
    assert_true(b.failed);
    assert_string_equal(b.data, "1234");
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
    assert_null(buf_take(&b));
}

static void json_strings_are_escaped_and_made_valid(void **state) {
    (void)state;
    static const char raw[] = "a\"\\\n\r\t\x01\x7F\xC3\xA9\xFF\xE6\x97z";
    AUTO_BUF b = BUF_INIT(0);
    assert_int_equal(buf_put_json_string(&b, raw, sizeof raw - 1), 0);
    assert_string_equal(
        b.data, "\"a\\\"\\\\\\n\\r\\t\\u0001\x7F\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    buf_clear(&b);
    assert_int_equal(buf_put_json_string(&b, "", 0), 0);
    assert_string_equal(b.data, "\"\"");
}

static void json_is_written_whole_or_not_at_all(void **state) {
    (void)state;
    json_t *v = json_pack("{ss s[iiii] s{s{ss}}}", "a", "a text that makes the buffer grow", "k", 1,
                          2, 3, 4, "q", "w", "e", "r");
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        AUTO_BUF b = BUF_INIT(0);
        mem_fail_at(n);
        int r = buf_put_json(&b, v, JSON_INDENT(4));
        done = mem_count() < n;
        mem_fail_at(0);
        assert_int_equal(r, done ? 0 : ERR_NOMEM);
        json_t *again = json_loadb(b.data ? b.data : "", b.len, 0, NULL);
        assert_int_equal(json_equal(v, again), done);
        json_decref(again);
    }
    json_decref(v);
}

static void take_gives_the_bytes_away(void **state) {
    (void)state;
    AUTO_BUF b = BUF_INIT(0);
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    mem_free(empty);
    assert_int_equal(buf_puts(&b, "x"), 0);
    char *text = buf_take(&b);
    assert_string_equal(text, "x");
    assert_null(b.data);
    mem_free(text);
}

// Into the room that is there, or after growing, or over the maximum.
static void formatted_text_is_whole_wherever_the_room_ends(void **state) {
    (void)state;
    for (int before = 0; before < 70; before++) {
        for (int more = 0; more < 70; more++) {
            AUTO_BUF b = BUF_INIT(100);
            assert_int_equal(buf_printf(&b, "%0*d", before, 7), 0);
            size_t len = b.len;
            int r = buf_printf(&b, "%.*s", more,
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789abcdefghijklmnopqrstuvwxyz");
            bool fits = len + (size_t)more <= 100;
            assert_int_equal(r, fits ? 0 : ERR_LIMIT);
            assert_int_equal(b.failed, !fits);
            assert_int_equal(b.len, fits ? len + (size_t)more : len);
            assert_int_equal(strlen(b.data), b.len);
            if (fits && more)
                assert_int_equal(b.data[len], 'a');
        }
    }
    AUTO_BUF b = BUF_INIT(0);
    assert_int_equal(buf_puts(&b, "kept"), 0);
    mem_fail_at(1);
    assert_int_equal(buf_printf(&b, "%100d", 1), ERR_NOMEM);
    mem_fail_at(0);
    assert_string_equal(b.data, "kept");
}

static void every_failing_allocation_shows(void **state) {
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        AUTO_BUF b = BUF_INIT(0);
        mem_fail_at(n);
        for (int i = 0; i < 1000; i++)
            (void)buf_puts(&b, "0123456789");
        done = mem_count() < n;
        mem_fail_at(0);
        assert_int_equal(b.failed, !done);
    }
}

// Eight bytes are looked at together: each byte at each place among harmless ones and among others
// like it must come out as it does alone.
static void json_strings_are_the_same_wherever_a_byte_stands(void **state) {
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        struct buf alone = BUF_INIT(0);
        char one = (char)byte;
        assert_int_equal(buf_put_json_string(&alone, &one, 1), 0);
        alone.data[alone.len - 1] = '\0'; // without the quotes
        for (size_t at = 0; at < 19; at++) {
            for (int fill = ' '; fill < 128; fill += 19) { // none of them needs an escape
                char text[20], expected[256];
                memset(text, fill, sizeof text);
                text[at] = one;
                (void)snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)at, text,
                               alone.data + 1, (int)(sizeof text - at - 1), text + at + 1);
                struct buf b = BUF_INIT(0);
                assert_int_equal(buf_put_json_string(&b, text, sizeof text), 0);
                assert_string_equal(b.data, expected);
                buf_done(&b);
            }
        }
        buf_done(&alone);
    }
}

static void what_has_grown_is_terminated(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(buf_reserve(&b, 5000), 0);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_puts(&b, "abc"), 0);
    assert_int_equal(buf_reserve(&b, 50000), 0);
    assert_string_equal(b.data, "abc");
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_terminates),
        cmocka_unit_test(what_has_grown_is_terminated),
        cmocka_unit_test(the_maximum_holds_and_failure_sticks),
        cmocka_unit_test(json_strings_are_escaped_and_made_valid),
        cmocka_unit_test(json_strings_are_the_same_wherever_a_byte_stands),
        cmocka_unit_test(json_is_written_whole_or_not_at_all),
        cmocka_unit_test(take_gives_the_bytes_away),
        cmocka_unit_test(formatted_text_is_whole_wherever_the_room_ends),
        cmocka_unit_test(every_failing_allocation_shows),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
