#include "core/base/tokens.h"

#include "core/base/env.h"
#include "core/base/utf.h"
#include "tests/unit/base/tests.h"

static size_t count(const char *s) {
    return tokens_count(s, strlen(s));
}

static void plain_text_costs_about_what_models_charge(void **state) {
    (void)state;
    assert_int_equal(count(""), 0);
    assert_int_equal(count("word"), 1);
    // 9 words and a full stop: byte-pair vocabularies say 10.
    size_t n = count("The quick brown fox jumps over the lazy dog.");
    assert_in_range(n, 9, 12);
    // A line of code, about 20 tokens.
    n = count("    for (size_t i = 0; i < n; i++) total += values[i];");
    assert_in_range(n, 15, 28);
    assert_in_range(count("1234567890"), 4, 4);
    assert_in_range(count("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"), 3, 3);
}

static void a_longer_text_never_costs_less(void **state) {
    (void)state;
    unsigned char bytes[400];
    for (int round = 0; round < 200; round++) {
        env_os_random(bytes, sizeof bytes);
        for (size_t i = 0; round % 2 && i < sizeof bytes; i++)
            bytes[i] = (unsigned char)" \nab(9"[bytes[i] % 6];
        size_t last = 0;
        for (size_t n = 0; n <= sizeof bytes; n++) {
            size_t now = tokens_count((const char *)bytes, n);
            // Half a character at the end may count as several broken bytes, no more than that.
            assert_true(now + 3 >= last);
            last = now;
        }
    }
}

static void a_prefix_keeps_the_budget_and_whole_characters(void **state) {
    (void)state;
    static const char text[] =
        "Alpha beta gamma d\xC3\xA9lta \xE6\x97\xA5\xE6\x9C\xAC epsilon, zeta-eta theta;\n    "
        "iota(kappa) \xF0\x9F\x98\x80 lambda mu nu";
    for (size_t budget = 0; budget < 60; budget++) {
        size_t n = tokens_prefix(text, sizeof text - 1, budget);
        assert_true(tokens_count(text, n) <= budget);
        assert_true(utf_valid(text, n));
        if (budget >= tokens_count(text, sizeof text - 1))
            assert_int_equal(n, sizeof text - 1);
    }
}

static void a_prefix_ends_at_a_word_where_one_is_near(void **state) {
    (void)state;
    static const char text[] = "one two three four five";
    size_t n = tokens_prefix(text, sizeof text - 1, 3);
    assert_int_equal(n, strlen("one two three"));
    // No border near: cut where the budget ends.
    char solid[300];
    memset(solid, 'x', sizeof solid);
    n = tokens_prefix(solid, sizeof solid, 10);
    assert_int_equal(tokens_count(solid, n), 10);
    assert_int_equal(tokens_prefix(solid, sizeof solid, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_costs_about_what_models_charge),
        cmocka_unit_test(a_longer_text_never_costs_less),
        cmocka_unit_test(a_prefix_keeps_the_budget_and_whole_characters),
        cmocka_unit_test(a_prefix_ends_at_a_word_where_one_is_near),
    };
    return cmocka_run_group_tests_name("base/tokens", tests, NULL, NULL);
}
