#include "core/base/utf.h"

#include "tests/unit/base/tests.h"

static void put(uint32_t point, char out[4], size_t *n) {
    if (point < 0x80) {
        out[0] = (char)point;
        *n = 1;
    } else if (point < 0x800) {
        out[0] = (char)(0xC0U | point >> 6);
        out[1] = (char)(0x80U | (point & 0x3FU));
        *n = 2;
    } else if (point < 0x10000) {
        out[0] = (char)(0xE0U | point >> 12);
        out[1] = (char)(0x80U | ((point >> 6) & 0x3FU));
        out[2] = (char)(0x80U | (point & 0x3FU));
        *n = 3;
    } else {
        out[0] = (char)(0xF0U | point >> 18);
        out[1] = (char)(0x80U | ((point >> 12) & 0x3FU));
        out[2] = (char)(0x80U | ((point >> 6) & 0x3FU));
        out[3] = (char)(0x80U | (point & 0x3FU));
        *n = 4;
    }
}

static void every_code_point_is_read_back_and_surrogates_are_not(void **state) {
    (void)state;
    for (uint32_t point = 0; point < 0x120000; point++) {
        char s[4];
        size_t n, got;
        put(point, s, &n);
        bool valid = point < 0x110000 && !(point >= 0xD800 && point < 0xE000);
        assert_int_equal(utf_sequence_bytes(s, n), valid ? n : 0);
        assert_int_equal(utf_decode(s, n, &got), valid ? point : 0xFFFD);
        assert_int_equal(got, valid ? n : 1);
        if (n > 1)
            assert_int_equal(utf_sequence_bytes(s, n - 1), 0); // cut short
    }
}

static void overlong_forms_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\xC0\x80",         "\xC1\xBF",         "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80", "\x80",         "\xFE",         "\xED\xA0\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(utf_valid(bad[i], strlen(bad[i])));
}

static void validity_does_not_depend_on_alignment(void **state) {
    (void)state;
    char s[64];
    for (size_t at = 0; at + 2 < sizeof s; at++) {
        memset(s, 'a', sizeof s);
        s[at] = '\xC3';
        assert_false(utf_valid(s, sizeof s));
        s[at + 1] = '\xA9';
        assert_true(utf_valid(s, sizeof s));
        assert_false(utf_valid(s, at + 1));
    }
}

static void a_cut_keeps_characters_whole(void **state) {
    (void)state;
    static const char s[] = "a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t max = 0; max < sizeof expected / sizeof expected[0]; max++)
        assert_int_equal(utf_cut(s, sizeof s - 1, max), expected[max]);
    assert_int_equal(utf_cut(s, 3, 100), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_read_back_and_surrogates_are_not),
        cmocka_unit_test(overlong_forms_are_refused),
        cmocka_unit_test(validity_does_not_depend_on_alignment),
        cmocka_unit_test(a_cut_keeps_characters_whole),
    };
    return cmocka_run_group_tests_name("base/utf", tests, NULL, NULL);
}
