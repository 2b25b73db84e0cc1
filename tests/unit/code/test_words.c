// Splitting, folding and stemming; the same in index and question.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int join(void *ctx, const char *word, size_t n) {
    char *to = ctx;
    size_t used = strlen(to);
    (void)snprintf(to + used, 400 - used, "%s%.*s", used ? " " : "", (int)n, word);
    return 0;
}

static void identifiers_are_split_folded_and_stemmed(void **state) {
    static const char *const cases[][2] = {
        {"getCommandTable", "getcommandtable get command tabl"},
        {"http_server_Config", "httpserverconfig http server config"},
        {"HTTPServer2", "httpserver2 http server"},
        {"SHA256", "sha256 sha 256"},
        {"parse", "pars"},
        {"parses", "pars"},
        {"parsed", "pars"},
        {"parsing", "pars"},
        {"parser", "parser"},
        {"entries", "entry"},
        {"classes", "class"},
        {"boxes", "box"},
        {"status", "status"},
        {"string", "string"},
        {"stopped", "stop"},
        {"needed", "need"},
        {"is_valid", "isvalid valid"},
        {"is", "is"},
        {"x", "x"},
        {"__init__", "init"},
        {"$scope", "scop"},
        {"größe", "größ"},
        {"___", ""},
        {"", ""},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        char words[400] = "";
        assert_int_equal(words_of_identifier(cases[k][0], strlen(cases[k][0]), join, words), 0);
        assert_string_equal(words, cases[k][1]);
    }
}

static void text_gives_its_words_without_stop_words_and_long_numbers(void **state) {
    static const char text[] = "The server returns a 404, not 0x7f or 123456: see handle_request()";
    char words[400] = "";
    (void)state;
    assert_int_equal(words_of_text(text, strlen(text), join, words), 0);
    assert_string_equal(words, "server return 404 see handlerequest handl request");
}

static int check_cut(void *ctx, const char *word, size_t n) {
    (void)ctx;
    assert_true(n <= WORD_BYTES_MAX);
    assert_true(utf_valid(word, n));
    return 0;
}

static void long_words_are_cut_between_characters(void **state) {
    char text[120];
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'a', lead);
        for (size_t i = lead; i + 3 <= 90 + lead; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 3);
        assert_int_equal(words_of_identifier(text, 90 + lead, check_cut, NULL), 0);
    }
}

static int stop_at_once(void *ctx, const char *word, size_t n) {
    (void)word, (void)n;
    ++*(int *)ctx;
    return -7;
}

static void a_negative_return_stops(void **state) {
    int calls = 0;
    (void)state;
    assert_int_equal(words_of_text("one two three", 13, stop_at_once, &calls), -7);
    assert_int_equal(calls, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_split_folded_and_stemmed),
        cmocka_unit_test(text_gives_its_words_without_stop_words_and_long_numbers),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(a_negative_return_stops),
    };
    return cmocka_run_group_tests_name("code/words", tests, NULL, NULL);
}
