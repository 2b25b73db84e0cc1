// RFC 8785: its examples (sections 3.2.2 and 3.2.3) and the numbers of its appendix B.
#include "protocol/jcs.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int canonical(const char *text, struct buf *out, struct err *err) {
    json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(v);
    int r = jcs_write(v, out, err);
    json_decref(v);
    return r;
}
static void expect(const char *text, const char *wanted) {
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(canonical(text, &out, NULL), 0);
    assert_string_equal(out.data, wanted);
}

static void the_example_of_the_rfc_comes_out_as_it_says(void **state) {
    (void)state;
    expect("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],"
           "\"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
           "\"literals\": [null, true, false]}",
           "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
           "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

static void members_are_ordered_by_utf16_and_not_by_bytes(void **state) {
    (void)state;
    expect("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
           "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
           "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
           "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
           "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
           "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
           "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
           "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
    // U+D7FF stays below what needs two units, U+E000 above; a prefix comes first.
    expect("{\"\\ue000\":1,\"\\udbff\\udfff\":2,\"\\ud7ff\":3,\"\\ud800\\udc00\":4,\"\":5,"
           "\"\\ud7ffa\":6}",
           "{\"\":5,\"\xed\x9f\xbf\":3,\"\xed\x9f\xbf"
           "a\":6,\"\xf0\x90\x80\x80\":4,\"\xf4\x8f\xbf\xbf\":2,\"\xee\x80\x80\":1}");
}

static void texts_escape_only_what_they_must(void **state) {
    (void)state;
    expect("\"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001f\\u007f\\u2028/\"",
           "\"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\xe2\x80\xa8/\"");
    expect("[56.0,{\"d\":true,\"10\":null,\"1\":[]},{}]",
           "[56,{\"1\":[],\"10\":null,\"d\":true},{}]");
}

static void numbers_are_those_of_appendix_b(void **state) {
    static const struct {
        uint64_t bits;
        const char *text; // NULL: has none
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x7fffffffffffffff, NULL},
        {0x7ff0000000000000, NULL},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[JCS_NUMBER_BYTES];
        double d;
        memcpy(&d, &cases[i].bits, sizeof d);
        assert_int_equal(jcs_number(d, text), cases[i].text ? 0 : ERR_INVAL);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
    }
}

static void integers_beyond_the_double_are_what_others_read(void **state) {
    (void)state;
    expect("[9007199254740992,9007199254740993,-9007199254740993,9223372036854775807]",
           "[9007199254740992,9007199254740992,-9007199254740992,9223372036854776000]");
}

static void depth_and_size_have_their_end(void **state) {
    char text[2 * (JCS_DEPTH_MAX + 1) + 1];
    struct err err = {0};
    AUTO_BUF out = BUF_INIT(0);
    (void)state;
    memset(text, '[', sizeof text - 1);
    memset(text + JCS_DEPTH_MAX, ']', JCS_DEPTH_MAX);
    text[2 * JCS_DEPTH_MAX] = 0;
    expect(text, text);
    memset(text, '[', JCS_DEPTH_MAX + 1);
    memset(text + JCS_DEPTH_MAX + 1, ']', JCS_DEPTH_MAX + 1);
    text[2 * JCS_DEPTH_MAX + 2] = 0;
    assert_int_equal(canonical(text, &out, &err), ERR_LIMIT);
    AUTO_BUF small = BUF_INIT(8);
    assert_int_equal(canonical("{\"a\":\"0123456789\"}", &small, &err), ERR_LIMIT);
    assert_non_null(strstr(err.message, "8 bytes"));
}

static void no_memory_is_said_and_nothing_leaks(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 100; n++) {
        json_t *v = json_loads("{\"b\":[{\"a\":1},{\"c\":[true]}],\"a\":2.5}", 0, NULL);
        AUTO_BUF out = BUF_INIT(0);
        mem_fail_at(n);
        int r = jcs_write(v, &out, NULL);
        mem_fail_at(0);
        json_decref(v);
        if (r == 0) {
            assert_string_equal(out.data, "{\"a\":2.5,\"b\":[{\"a\":1},{\"c\":[true]}]}");
            assert_true(n > 3);
            return;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc_comes_out_as_it_says),
        cmocka_unit_test(members_are_ordered_by_utf16_and_not_by_bytes),
        cmocka_unit_test(texts_escape_only_what_they_must),
        cmocka_unit_test(numbers_are_those_of_appendix_b),
        cmocka_unit_test(integers_beyond_the_double_are_what_others_read),
        cmocka_unit_test(depth_and_size_have_their_end),
        cmocka_unit_test(no_memory_is_said_and_nothing_leaks),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("protocol/jcs", tests, NULL, NULL);
}
