#include "core/store/recall_words.h"

#include "core/base/mem.h"
#include "core/store/recall_stem.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct joined {
    char text[4096];
    size_t len;
};

static void join(void *ctx, const struct word *w) {
    struct joined *j = ctx;
    assert_true(w->len > 0 && w->len <= WORD_BYTES_MAX + 2);
    assert_int_equal(w->hash & WORD_FLAGS, 0);
    for (size_t i = 0; i < w->len; i++) {
        unsigned char c = (unsigned char)w->term[i];
        assert_true((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80);
    }
    if (j->len + w->len + 3 > sizeof j->text)
        return;
    if (j->len)
        j->text[j->len++] = ' ';
    if (w->flags & WORD_EXTRA)
        j->text[j->len++] = '+';
    memcpy(j->text + j->len, w->term, w->len);
    j->len += w->len;
}

static void assert_words(const char *text, const char *expected) {
    struct joined j = {0};
    words_each(text, strlen(text), join, &j);
    assert_string_equal(j.text, expected);
}

static void identifiers_are_cut_at_case_and_underscore_and_kept_whole(void **state) {
    (void)state;
    assert_words("getUserById", "get user by id +getuserbyid");
    assert_words("HTTPServer", "http server +httpserver");
    assert_words("SQLITE_OPEN_CREATE", "sqlite open creat +sqliteopencreate");
    assert_words("_private", "privat");
    assert_words("utf8Decode", "utf8 decod +utf8decode");
    assert_words("core/db/vfs.c", "core db vf c");
    assert_words("v1.2.3", "v1 2 3");
}

static void apostrophes_end_genitives_and_contractions(void **state) {
    (void)state;
    assert_words("Caroline's dog", "carolin dog");
    assert_words("we'll they're I'd isn't", "we thei i isn");
    assert_words("O'Brien", "o brien +obrien");
    assert_words("rock'n'roll", "rocknrol");
    assert_words("the dogs' bowl'", "the dog bowl");
}

static void letters_lose_case_and_accents(void **state) {
    (void)state;
    assert_words("\xC3\x89\x63ole ÅNGSTRÖM", "ecol angstrom");
    assert_words("e\xCC\x81t\xC3\xA9", "et"); // combining and precomposed
    assert_words("ΆΘΗΝΑ", "αθηνα");
    assert_words("Ёлка", "елка");
    assert_words("ＦＵＬＬ１", "full1");
}

static void scripts_without_blanks_come_in_pairs_and_single_characters(void **state) {
    (void)state;
    assert_words("日本語", "日本 +日 本語 +本 +語");
    assert_words("猫", "猫");
    assert_words("日 本", "日 本");
    assert_words("x日本y", "x 日本 +日 +本 y");
}

static void damage_separates(void **state) {
    (void)state;
    assert_words("ab\xFF"
                 "cd\xC3",
                 "ab cd");
    assert_words("", "");
    assert_words("\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"); // an emoji is a word
    assert_words("a\xE2\x80\x8B"
                 "b",
                 "ab"); // zero width space
}

static void longest_words_are_cut(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct joined j = {0};
    words_each(text, strlen(text), join, &j);
    assert_int_equal(j.len, WORD_BYTES_MAX);
}

static void names_are_capitals_inside_a_sentence(void **state) {
    (void)state;
    struct words_of_note w;
    const char *text = "Then Ana came. Ben slept.";
    struct words_source from = {.text = text, .text_bytes = strlen(text)};
    assert_int_equal(words_of_note(&from, &w, NULL), 0);
    struct words_packed p;
    assert_true(words_unpack(w.packed.data, w.packed.len, &p));
    assert_int_equal(p.total, 5);
    static const unsigned names[] = {0, WORD_NAME, 0, 0, 0};
    for (size_t i = 0; i < p.total; i++)
        assert_int_equal(words_at(&p, i) & WORD_NAME, names[i]);
    words_of_note_done(&w);
}

static void damaged_words_are_refused(void **state) {
    (void)state;
    struct words_packed p;
    static const uint8_t bad_head[] = {9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    assert_false(words_unpack(NULL, 0, &p));
    assert_false(words_unpack("1234", 4, &p));
    assert_false(words_unpack("123456789", 9, &p));
    assert_false(words_unpack(bad_head, sizeof bad_head, &p));
    assert_true(words_unpack(bad_head + 1, 8, &p) == false || p.total == 0);
}

static void stems_are_those_of_the_algorithm(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        // from the examples of Porter's paper
        {"caresses", "caress"},
        {"ponies", "poni"},
        {"cats", "cat"},
        {"agreed", "agre"},
        {"plastered", "plaster"},
        {"motoring", "motor"},
        {"conflated", "conflat"},
        {"troubling", "troubl"},
        {"hopping", "hop"},
        {"falling", "fall"},
        {"filing", "file"},
        {"happy", "happi"},
        {"relational", "relat"},
        {"conditional", "condit"},
        {"digitizer", "digit"},
        {"operator", "oper"},
        {"hopefulness", "hope"},
        {"formality", "formal"},
        {"triplicate", "triplic"},
        {"electrical", "electr"},
        {"goodness", "good"},
        {"revival", "reviv"},
        {"adjustable", "adjust"},
        {"replacement", "replac"},
        {"adoption", "adopt"},
        {"effective", "effect"},
        {"controlling", "control"},
        // irregular forms
        {"went", "go"},
        {"children", "child"},
        {"bought", "bui"},
        {"is", "is"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char word[32];
        size_t n = strlen(cases[i][0]);
        memcpy(word, cases[i][0], n);
        n = recall_stem(word, n);
        word[n] = '\0';
        assert_string_equal(word, cases[i][1]);
    }
}

static void any_letters_have_a_stem(void **state) {
    (void)state;
    unsigned seed = 7;
    static const char letters[] = "aeiouysstdenlgibz";
    for (int i = 0; i < 200000; i++) {
        char word[24];
        size_t n = 1 + (size_t)rand_r(&seed) % 16;
        for (size_t k = 0; k < n; k++)
            word[k] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        size_t m = recall_stem(word, n);
        assert_true(m > 0 && m <= n + 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_cut_at_case_and_underscore_and_kept_whole),
        cmocka_unit_test(apostrophes_end_genitives_and_contractions),
        cmocka_unit_test(letters_lose_case_and_accents),
        cmocka_unit_test(scripts_without_blanks_come_in_pairs_and_single_characters),
        cmocka_unit_test(damage_separates),
        cmocka_unit_test(longest_words_are_cut),
        cmocka_unit_test(names_are_capitals_inside_a_sentence),
        cmocka_unit_test(damaged_words_are_refused),
        cmocka_unit_test(stems_are_those_of_the_algorithm),
        cmocka_unit_test(any_letters_have_a_stem),
    };
    return cmocka_run_group_tests_name("store/recall_words", tests, NULL, NULL);
}
