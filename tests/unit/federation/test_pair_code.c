#include "federation/pair_code.h"
#include "tests/unit/federation/pair_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

// Distance of Damerau and Levenshtein (optimal string alignment), the plain way.
static unsigned distance(const char *a, const char *b) {
    unsigned d[16][16];
    size_t na = strlen(a), nb = strlen(b);
    for (unsigned i = 0; i <= na; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++)
        for (size_t j = 1; j <= nb; j++) {
            unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(change, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}

static void the_words_are_sorted_short_and_never_one_slip_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < PAIR_WORDS; i++) {
        const char *word = pair_words[i];
        size_t n = strlen(word);
        assert_true(n >= 3 && n <= PAIR_WORD_LETTERS_MAX);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz"), n);
        assert_true(i == 0 || strcmp(pair_words[i - 1], word) < 0);
        for (size_t j = 0; j < i; j++)
            if (distance(word, pair_words[j]) < 2)
                fail_msg("%s and %s", word, pair_words[j]);
    }
}

static int parse(const char *text, struct pair_code *ret, struct err *err) {
    return pair_code_parse(text, strlen(text), ret, err);
}

static void every_code_is_read_as_it_was_written(void **state) {
    struct pair_env e;
    (void)state;
    pair_env_init(&e);
    bool high = false, low = false;
    for (int i = 0; i < 2000; i++) {
        struct pair_code c, back;
        char text[PAIR_CODE_BYTES_MAX];
        pair_code_draw(&e.env, &c);
        assert_true(c.number >= 1 && c.number <= PAIR_NUMBER_MAX);
        high |= c.words[0] >= 1000;
        low |= c.words[2] < 24;
        pair_code_format(&c, text);
        assert_int_equal(parse(text, &back, NULL), 0);
        assert_memory_equal(&c, &back, sizeof c);
    }
    assert_true(high && low);
}

static void a_code_may_be_typed_carelessly(void **state) {
    struct pair_code c, back;
    char text[PAIR_TYPED_BYTES_MAX];
    (void)state;
    c = (struct pair_code){.number = 7, .words = {0, 511, 1023}};
    (void)snprintf(text, sizeof text, " 7 %s  %s\t%s \n", pair_words[0], pair_words[511],
                   pair_words[1023]);
    assert_int_equal(parse(text, &back, NULL), 0);
    assert_memory_equal(&c, &back, sizeof c);
    (void)snprintf(text, sizeof text, "007-%s.%s,%s", pair_words[0], pair_words[511],
                   pair_words[1023]);
    text[4] = (char)(text[4] - 'a' + 'A');
    assert_int_equal(parse(text, &back, NULL), 0);
    assert_memory_equal(&c, &back, sizeof c);
}

static void a_slip_is_named_and_costs_no_guess(void **state) {
    struct pair_code c;
    struct err err = {0};
    char text[PAIR_TYPED_BYTES_MAX], typed[16];
    (void)state;
    for (size_t i = 0; i < PAIR_WORDS; i += 7) {
        const char *word = pair_words[i];
        size_t n = strlen(word);
        (void)snprintf(typed, sizeof typed, "%sq", word); // one more
        (void)snprintf(text, sizeof text, "7-%s-%s-%s", word, typed, word);
        assert_int_equal(parse(text, &c, &err), ERR_INVAL);
        assert_non_null(strstr(err.message, typed));
        assert_non_null(strstr(err.message, "did you mean"));
        (void)snprintf(typed, sizeof typed, "%.*s", (int)n - 1, word); // one less
        (void)snprintf(text, sizeof text, "7-%s-%s-%s", word, word, typed);
        assert_int_equal(parse(text, &c, &err), ERR_INVAL);
        (void)snprintf(typed, sizeof typed, "%s", word); // two swapped
        if (word[0] != word[1]) {
            typed[0] = word[1];
            typed[1] = word[0];
            (void)snprintf(text, sizeof text, "7-%s-%s-%s", typed, word, word);
            assert_int_equal(parse(text, &c, &err), ERR_INVAL);
        }
    }
    assert_int_equal(parse("7-qqqqq-abacus-able", &c, &err), ERR_INVAL);
    assert_non_null(strstr(err.message, "qqqqq"));
}

static void what_is_no_code_is_refused(void **state) {
    static const char *const texts[] = {"",
                                        "7",
                                        "7-",
                                        "abacus-able-acid",
                                        "7-abacus-able",
                                        "7-abacus-able-acid-acorn",
                                        "0-abacus-able-acid",
                                        "1000-abacus-able-acid",
                                        "99999999999999999999-abacus-able-acid",
                                        "-7-abacus",
                                        "7abacus-able-acid",
                                        "7-abacusableacid",
                                        "7-aba_cus-able-acid",
                                        "7-abacusabacusabacus-able-acid",
                                        "7-\xc3\xa4-able-acid",
                                        "7-abacus-able-acid!"};
    struct pair_code c = {.number = 42};
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(parse(texts[i], &c, &err), ERR_INVAL);
    assert_int_equal(pair_code_parse("7-abacus-able-acid\0x", 20, &c, &err), ERR_INVAL);
    char large[PAIR_TYPED_BYTES_MAX + 2];
    memset(large, ' ', sizeof large);
    assert_int_equal(pair_code_parse(large, PAIR_TYPED_BYTES_MAX + 1, &c, &err), ERR_LIMIT);
    assert_int_equal(c.number, 42);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_sorted_short_and_never_one_slip_apart),
        cmocka_unit_test(every_code_is_read_as_it_was_written),
        cmocka_unit_test(a_code_may_be_typed_carelessly),
        cmocka_unit_test(a_slip_is_named_and_costs_no_guess),
        cmocka_unit_test(what_is_no_code_is_refused),
    };
    return cmocka_run_group_tests_name("federation/pair_code", tests, NULL, NULL);
}
