// A text that is parsed again after each edit has the tree that a fresh parse makes, as long as it
// has no errors; with errors it has one all the same.
#include "core/code/syntax.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES_MAX = 64 * 1024, EDITS = 400 };

static uint64_t next(uint64_t *x) { // xorshift64
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

static void replace(char *text, size_t from, size_t to, const char *with) {
    size_t n = strlen(with), tail = strlen(text + to) + 1;
    assert_true(from + n + tail < TEXT_BYTES_MAX);
    memmove(text + from + n, text + to, tail);
    memcpy(text + from, with, n);
}

static bool same_trees(const struct syntax *a, const struct syntax *b) {
    if (a->count != b->count || a->lines != b->lines || a->errors != b->errors)
        return false;
    return memcmp(a->nodes, b->nodes, a->count * sizeof *a->nodes) == 0;
}

static unsigned compare(enum lang lang, char *text, const char *const *pieces, size_t piece_count,
                        uint64_t seed) {
    struct syntax *again = syntax_new(), *fresh = syntax_new();
    struct syntax_kept *kept = NULL;
    unsigned compared = 0;
    char *right = mem_zalloc(TEXT_BYTES_MAX);
    for (unsigned i = 0; i < EDITS; i++) {
        size_t n = strlen(text);
        assert_int_equal(syntax_parse_kept(again, lang, text, n, NULL, &kept, NULL), 0);
        assert_int_equal(syntax_parse(fresh, lang, text, n, NULL, NULL), 0);
        assert_int_equal(again->nodes[0].end, fresh->nodes[0].end);
        if (!again->errors && !fresh->errors) {
            assert_true(same_trees(again, fresh));
            compared++;
        }
        size_t at = (size_t)(next(&seed) % (n + 1)), to = at;
        while (at && text[at - 1] != '\n') // pieces are whole lines: the text often stays valid
            at--;
        to = at;
        if (next(&seed) % 2 && n > 200) {
            const char *eol = strchr(text + to, '\n');
            to = eol ? (size_t)(eol - text) + 1 : n;
        }
        replace(text, at, to, pieces[next(&seed) % piece_count]);
        if (i % 7 == 5) { // a key that makes it wrong for a while
            memcpy(right, text, strlen(text) + 1);
            replace(text, (size_t)(next(&seed) % strlen(text)), strlen(text), "(");
        } else if (i % 7 == 6) {
            memcpy(text, right, strlen(right) + 1);
        }
    }
    mem_free(right);
    syntax_kept_free(kept);
    syntax_free(again);
    syntax_free(fresh);
    return compared;
}

static void c_after_any_edits(void **state) {
    static const char *const pieces[] = {"int a;\n",
                                         "int f(int x) { return x ? f(x - 1) : 0; }\n",
                                         "/* ä𝄞 */ char *s = \"€\\n\";\n",
                                         "\n",
                                         "#define A(x) (x)\n",
                                         "struct s { int a, b; };\n"};
    char *text = mem_zalloc(TEXT_BYTES_MAX);
    (void)state;
    if (!language_has_tree(LANG_C))
        skip();
    for (uint64_t seed = 1; seed <= 5; seed++) {
        (void)snprintf(text, TEXT_BYTES_MAX, "int first;\n");
        assert_true(compare(LANG_C, text, pieces, COUNT_OF(pieces), seed * 7919) > 50);
    }
    mem_free(text);
}

static void python_after_any_edits(void **state) {
    static const char *const pieces[] = {"a = 1\n",
                                         "def f(x): return f(x - 1) if x else ''\n",
                                         "s = '''ä𝄞'''\n",
                                         "\n",
                                         "class C: y = f\"{a}€\"\n",
                                         "# €\n"};
    char *text = mem_zalloc(TEXT_BYTES_MAX);
    (void)state;
    if (!language_has_tree(LANG_PYTHON))
        skip();
    for (uint64_t seed = 1; seed <= 5; seed++) {
        (void)snprintf(text, TEXT_BYTES_MAX, "first = 1\n");
        assert_true(compare(LANG_PYTHON, text, pieces, COUNT_OF(pieces), seed * 104729) > 50);
    }
    mem_free(text);
}

static void a_kept_tree_of_another_language_is_not_used(void **state) {
    struct syntax *s = syntax_new();
    struct syntax_kept *kept = NULL;
    (void)state;
    if (!language_has_tree(LANG_C) || !language_has_tree(LANG_PYTHON))
        skip();
    assert_int_equal(syntax_parse_kept(s, LANG_C, "int a;\n", 7, NULL, &kept, NULL), 0);
    assert_non_null(kept);
    assert_int_equal(syntax_parse_kept(s, LANG_PYTHON, "a = 1\n", 6, NULL, &kept, NULL), 0);
    assert_int_equal(s->errors, 0);
    assert_int_equal(syntax_parse_kept(s, LANG_PYTHON, "", 0, NULL, &kept, NULL), 0);
    assert_int_equal(syntax_parse_kept(s, LANG_PYTHON, "b\n", 2, NULL, &kept, NULL), 0);
    // A failure leaves nothing behind.
    assert_int_equal(syntax_parse_kept(s, LANG_NONE, "x", 1, NULL, &kept, NULL), ERR_UNSUPPORTED);
    assert_null(kept);
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c_after_any_edits),
        cmocka_unit_test(python_after_any_edits),
        cmocka_unit_test(a_kept_tree_of_another_language_is_not_used),
    };
    return cmocka_run_group_tests_name("code/syntax_kept", tests, NULL, NULL);
}
