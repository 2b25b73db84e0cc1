#include "protocol/json_pull.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

static void expect_span(struct span s, const char *text) {
    assert_non_null(s.data);
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.data, text, s.len);
}

static void members_are_found_in_one_pass(void **state) {
    static const char object[] =
        "{\"text\" : \"a \\\" } \\\\\",\n\"n\":-12 , \"x\":{\"uri\":1,\"y\":[\"]\",{}]},"
        "\"list\":[1,[2],\"}\"] ,\"uri\":\"u\" }";
    static const char *const names[] = {"uri", "text", "n", "none", "list"};
    struct span v[5] = {{0}};
    (void)state;
    assert_true(json_pull_members(span_of(object), names, v, 5));
    expect_span(v[0], "\"u\"");
    expect_span(v[1], "\"a \\\" } \\\\\"");
    expect_span(v[2], "-12");
    assert_null(v[3].data);
    expect_span(v[4], "[1,[2],\"}\"]");
}

static void a_known_string_is_passed_over_and_a_cut_object_gives_what_is_whole(void **state) {
    static const char object[] = "{\"a\":[\"long, \\\"\"],\"uri\":\"u\",\"b\":{\"c\":\"d\"}}";
    static const char *const names[] = {"uri", "b"};
    struct span known = {strstr(object, "\"long"), strlen("\"long, \\\"\"")};
    (void)state;
    struct span v[2] = {{0}};
    assert_true(json_pull_members_past(span_of(object), known, names, v, 2));
    expect_span(v[0], "\"u\"");
    expect_span(v[1], "{\"c\":\"d\"}");
    for (size_t cut = 1; cut < sizeof object - 1; cut++) {
        char *copy = mem_alloc(cut); // so that a byte too many is seen
        memcpy(copy, object, cut);
        memset(v, 0, sizeof v);
        assert_true(
            json_pull_members_past((struct span){copy, cut}, (struct span){0}, names, v, 2));
        if (v[0].data && v[0].data + v[0].len < copy + cut)
            expect_span(v[0], "\"u\"");
        assert_true(!v[1].data || v[1].data + v[1].len == copy + cut || cut == sizeof object - 2);
        mem_free(copy);
    }
}

static void what_is_no_object_has_no_members(void **state) {
    static const char *const names[] = {"a"};
    static const char *const others[] = {"[]", "3", "\"{\\\"a\\\":1}\"", "null", "true"};
    struct span v[1] = {{0}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(json_pull_members(span_of(others[i]), names, v, 1));
    assert_false(json_pull_members((struct span){0}, names, v, 1));
    assert_true(json_pull_members(span_of("{}"), names, v, 1));
    assert_null(v[0].data);
    assert_true(json_pull_members(span_of("{ \"aa\":1,\"\":2,\"a\":3,\"a\":4 }"), names, v, 1));
    expect_span(v[0], "4"); // of two the last one
}

static void elements_come_one_after_the_other(void **state) {
    struct span list = span_of("[ 1 , {\"a\":[ ]} ,\"x,]\", [2,3],null]"), v;
    static const char *const want[] = {"1", "{\"a\":[ ]}", "\"x,]\"", "[2,3]", "null"};
    size_t at = 0, n = 0;
    (void)state;
    while (json_pull_each(list, &at, &v))
        expect_span(v, want[n++]);
    assert_int_equal(n, COUNT_OF(want));
    at = 0;
    assert_false(json_pull_each(span_of("[]"), &at, &v));
    assert_false(json_pull_each(span_of("[  ]"), &at, &v));
    assert_false(json_pull_each(span_of("{}"), &at, &v));
    assert_false(json_pull_each((struct span){0}, &at, &v));
}

static void expect_text(const char *json, const char *want, size_t n) {
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(json_pull_string(span_of(json), &out), 0);
    assert_int_equal(out.len, n);
    if (n)
        assert_memory_equal(out.data, want, n);
}

static void strings_are_decoded(void **state) {
    AUTO_BUF out = BUF_INIT(0);
    (void)state;
    expect_text("\"\"", "", 0);
    expect_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    expect_text("\"a\\u00e4\\u20AC\\ud834\\udd1ez\"", "aä€𝄞z", 11);
    expect_text("\"\\u0000x\"", "\0x", 2);
    // Halves of a pair, in each place they can stand.
    expect_text("\"\\ud800\"", "\xEF\xBF\xBD", 3);
    expect_text("\"\\udc00\\ud800\"", "\xEF\xBF\xBD\xEF\xBF\xBD", 6);
    expect_text("\"\\ud800\\ud834\\udd1e\\ud800x\"", "\xEF\xBF\xBD𝄞\xEF\xBF\xBDx", 11);
    expect_text("\"\\ud800\\n\"", "\xEF\xBF\xBD\n", 4);
    assert_int_equal(json_pull_string(span_of("3"), &out), ERR_INVAL);
    assert_int_equal(json_pull_string(span_of("null"), &out), ERR_INVAL);
    assert_int_equal(json_pull_string((struct span){0}, &out), ERR_INVAL);
    struct buf small = BUF_INIT(3);
    assert_int_equal(json_pull_string(span_of("\"abcd\""), &small), ERR_LIMIT);
    buf_done(&small);
}

static void whole_numbers_only(void **state) {
    int64_t n = 7;
    static const char *const wrong[] = {"1.0", "1e3",  "\"1\"", "null",
                                        "-",   "true", "{}",    "9223372036854775808"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(json_pull_int(span_of(wrong[i]), &n));
    assert_false(json_pull_int((struct span){0}, &n));
    assert_int_equal(n, 7);
    assert_true(json_pull_int(span_of("-12"), &n) && n == -12);
    assert_true(json_pull_int(span_of("9223372036854775807"), &n) && n == INT64_MAX);
    assert_true(json_pull_is(span_of("\"abc\""), "abc"));
    assert_false(json_pull_is(span_of("\"abcd\""), "abc"));
    assert_false(json_pull_is((struct span){0}, "abc"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_in_one_pass),
        cmocka_unit_test(a_known_string_is_passed_over_and_a_cut_object_gives_what_is_whole),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(elements_come_one_after_the_other),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(whole_numbers_only),
    };
    return cmocka_run_group_tests_name("protocol/json_pull", tests, NULL, NULL);
}
