#include "core/base/tokens.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "tests/unit/base/tests.h"

static size_t estimate(const char *s) {
    return tokens_estimate(s, strlen(s));
}

static size_t count(const char *s) {
    return tokens_count(s, strlen(s));
}

static void an_estimate_is_about_what_models_charge(void **state) {
    (void)state;
    assert_int_equal(estimate(""), 0);
    assert_int_equal(estimate("word"), 1);
    // 9 words and a full stop: byte-pair vocabularies say 10.
    size_t n = estimate("The quick brown fox jumps over the lazy dog.");
    assert_in_range(n, 9, 12);
    // A line of code, about 20 tokens.
    n = estimate("    for (size_t i = 0; i < n; i++) total += values[i];");
    assert_in_range(n, 15, 28);
    assert_in_range(estimate("1234567890"), 4, 4);
    assert_in_range(estimate("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"), 3, 3);
}

static void an_estimate_of_a_longer_text_is_never_less(void **state) {
    (void)state;
    unsigned char bytes[400];
    for (int round = 0; round < 200; round++) {
        env_os_random(bytes, sizeof bytes);
        for (size_t i = 0; round % 2 && i < sizeof bytes; i++)
            bytes[i] = (unsigned char)" \nab(9"[bytes[i] % 6];
        size_t last = 0;
        for (size_t n = 0; n <= sizeof bytes; n++) {
            size_t now = tokens_estimate((const char *)bytes, n);
            // Half a character at the end may count as several broken bytes, no more than that.
            assert_true(now + 3 >= last);
            last = now;
        }
    }
}

// What js-tiktoken 1.0.21 (o200k_base, no special tokens) answered for these texts, once.
static const struct {
    const char *text;
    size_t tokens;
} counts[] = {
#include "tests/unit/base/token_counts.inc"
};

static void counts_are_those_of_the_o200k_vocabulary(void **state) {
    (void)state;
    if (!tokens_exact())
        skip();
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t n = count(counts[i].text);
        if (n != counts[i].tokens)
            fail_msg("%zu tokens for %zu: %s", n, counts[i].tokens, counts[i].text);
    }
}

static void bytes_that_are_not_utf8_count_as_replacement_characters(void **state) {
    static const struct {
        const char *broken, *replaced;
    } pairs[] = {
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"\xE6\x97 x", "\xEF\xBF\xBD x"}, // one for the part of a sequence
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, // a surrogate: three bad bytes
        {"\xC0\xAF//\n", "\xEF\xBF\xBD\xEF\xBF\xBD//\n"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs) && tokens_exact(); i++)
        assert_int_equal(count(pairs[i].broken), count(pairs[i].replaced));
}

static void a_megabyte_without_a_border_is_counted(void **state) {
    enum { BYTES = 1000 * 1000 };
    (void)state;
    if (!tokens_exact())
        skip();
    char *text = mem_alloc(BYTES);
    assert_non_null(text);
    memset(text, 'a', BYTES);
    assert_int_equal(tokens_count(text, BYTES), BYTES / 8); // "aaaaaaaa" is a token
    memset(text, '\xFF', BYTES / 10);
    size_t odd = tokens_count(text, BYTES / 10);
    assert_in_range(odd, 1, BYTES / 10);
    // Without memory in parts of 64 bytes: never less, and not much more.
    memset(text, 'a', BYTES);
    for (size_t n = 65; n < 5000; n += 977) {
        mem_fail_at(1);
        size_t poor = tokens_count(text, n);
        mem_fail_at(0);
        assert_in_range(poor, tokens_count(text, n), tokens_count(text, n) + n / 64 + 1);
    }
    mem_free(text);
}

static const char mixed[] =
    "Alpha beta gamma d\xC3\xA9lta \xE6\x97\xA5\xE6\x9C\xAC epsilon, zeta-eta theta;\n    "
    "iota(kappa) \xF0\x9F\x98\x80 lambda mu nu";

static void counting_stops_where_the_budget_ends(void **state) {
    (void)state;
    size_t all = tokens_count(mixed, sizeof mixed - 1), last = 0;
    for (size_t budget = 0; budget <= all; budget++) {
        size_t tokens, end = tokens_count_until(mixed, sizeof mixed - 1, budget, &tokens);
        assert_true(tokens <= budget);
        assert_int_equal(tokens_count(mixed, end), tokens);
        assert_true(end >= last);
        last = end;
    }
    assert_int_equal(last, sizeof mixed - 1);
    assert_int_equal(tokens_count_until("", 0, 5, NULL), 0);
}

static void a_prefix_keeps_the_budget_and_whole_characters(void **state) {
    (void)state;
    for (size_t budget = 0; budget < 60; budget++) {
        size_t n = tokens_prefix(mixed, sizeof mixed - 1, budget);
        assert_true(tokens_count(mixed, n) <= budget);
        assert_true(utf_valid(mixed, n));
        if (budget >= tokens_count(mixed, sizeof mixed - 1))
            assert_int_equal(n, sizeof mixed - 1);
    }
}

static void a_prefix_of_any_bytes_keeps_the_budget(void **state) {
    static const char alphabet[] = " \n\taB(9.;/'s\xE6\x97\xA5\xCC\x81";
    unsigned char bytes[600], picks[600];
    (void)state;
    for (int round = 0; round < 300; round++) {
        env_os_random(picks, sizeof picks);
        size_t few = 2 + (size_t)round % (sizeof alphabet - 2);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = round % 5 ? (unsigned char)alphabet[picks[i] % few] : picks[i];
        const char *text = (const char *)bytes;
        size_t all = tokens_count(text, sizeof bytes);
        for (size_t budget = 0; budget <= all; budget += 1 + all / 20) {
            size_t n = tokens_prefix(text, sizeof bytes, budget);
            assert_true(tokens_count(text, n) <= budget);
        }
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
    n = tokens_estimate_prefix(solid, sizeof solid, 10);
    assert_int_equal(tokens_estimate(solid, n), 10);
}

static void other_families_are_a_factor_away(void **state) {
    (void)state;
    assert_int_equal(tokens_family_of("anthropic/Claude-sonnet"), TOKENS_CLAUDE);
    assert_int_equal(tokens_family_of("gemini-2.5-pro"), TOKENS_GEMINI);
    assert_int_equal(tokens_family_of("meta-llama/Llama-3.3-70B"), TOKENS_LLAMA);
    assert_int_equal(tokens_family_of("qwen2.5-coder"), TOKENS_QWEN);
    assert_int_equal(tokens_family_of("ollama/gpt-oss"), TOKENS_OPENAI);
    assert_int_equal(tokens_family_of(""), TOKENS_OPENAI);
    assert_int_equal(tokens_for_model(TOKENS_OPENAI, 12345), 12345);
    assert_int_equal(tokens_for_model(TOKENS_CLAUDE, 1), 2); // rounded up
    assert_int_equal(tokens_for_model(TOKENS_CLAUDE, 1000), 1110);
    assert_int_equal(tokens_for_model(TOKENS_GEMINI, 0), 0);
    assert_true(tokens_for_model(TOKENS_GEMINI, SIZE_MAX / 2000) > SIZE_MAX / 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_estimate_is_about_what_models_charge),
        cmocka_unit_test(an_estimate_of_a_longer_text_is_never_less),
        cmocka_unit_test(counts_are_those_of_the_o200k_vocabulary),
        cmocka_unit_test(bytes_that_are_not_utf8_count_as_replacement_characters),
        cmocka_unit_test(a_megabyte_without_a_border_is_counted),
        cmocka_unit_test(counting_stops_where_the_budget_ends),
        cmocka_unit_test(a_prefix_keeps_the_budget_and_whole_characters),
        cmocka_unit_test(a_prefix_of_any_bytes_keeps_the_budget),
        cmocka_unit_test(a_prefix_ends_at_a_word_where_one_is_near),
        cmocka_unit_test(other_families_are_a_factor_away),
    };
    return cmocka_run_group_tests_name("base/tokens", tests, NULL, NULL);
}
