// An edit is applied where its form from before stands, and only where what comes out is sure.
#include "core/base/mem.h"
#include "core/code/pattern_apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct tried {
    const struct pattern *p;
    const struct syntax *s;
    struct buf text; // the whole text after the last application
    unsigned matches, applied;
    int failed;
};

static int on_match(void *ctx, const struct pattern_match *m) {
    struct tried *t = ctx;
    struct pattern_application a;
    t->matches++;
    int r = pattern_apply(t->p, t->s, m, &a, NULL);
    if (r < 0)
        t->failed = r;
    if (r <= 0)
        return 0;
    t->applied++;
    buf_clear(&t->text);
    (void)buf_append(&t->text, t->s->text, a.start);
    (void)buf_append(&t->text, a.text.data, a.text.len);
    (void)buf_append(&t->text, t->s->text + a.end, t->s->bytes - a.end);
    buf_done(&a.text);
    return 0;
}

static void try_all(enum lang lang, const char *edit, const char *text, struct tried *ret) {
    struct pattern_reader *reader = pattern_reader_new();
    struct pattern *p = NULL;
    struct pattern_set *set = NULL;
    struct pattern_matcher *m = pattern_matcher_new();
    struct syntax *s = syntax_new();
    struct err err = {0};
    if (pattern_parse(reader, lang, edit, strlen(edit), &p, &err) < 0)
        fail_msg("%s: %s", edit, err.message);
    assert_int_equal(syntax_parse(s, lang, text, strlen(text), NULL, NULL), 0);
    assert_int_equal(pattern_set_new(&p, 1, &set, NULL), 0);
    *ret = (struct tried){.p = p, .s = s};
    assert_int_equal(patterns_match(set, m, s, on_match, ret, NULL), 0);
    ret->p = NULL;
    ret->s = NULL;
    pattern_set_free(set);
    pattern_matcher_free(m);
    pattern_reader_free(reader);
    pattern_free(p);
    syntax_free(s);
}

static void expect(enum lang lang, const char *edit, const char *text, const char *want) {
    struct tried t;
    try_all(lang, edit, text, &t);
    if (!t.matches)
        fail_msg("does not match: %s", edit);
    if (!want && t.applied)
        fail_msg("applied: %s", t.text.data);
    assert_int_equal(t.applied, want ? 1 : 0);
    if (want)
        assert_string_equal(t.text.data, want);
    buf_done(&t.text);
}

#define COPY  "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $B)\n"
#define ALLOC "$A = malloc($B * sizeof(*$A))\n=>\n$A = calloc($B, sizeof(*$A))\n"

static void names_and_literals_of_the_place_go_into_the_new_text(void **state) {
    (void)state;
    expect(LANG_C, ALLOC,
           "void f(int n) {\n    int *list;\n    list = malloc(n * sizeof(*list));\n}\n",
           "void f(int n) {\n    int *list;\n    list = calloc(n, sizeof(*list));\n}\n");
    expect(LANG_C, "if (strcmp($A, $S1) == 0) return $N2;\n=>\nif (!strcmp($A, $S1)) return $N2;\n",
           "int f(char *ä) {\n    if (strcmp(ä, \"x, (y\") == 0)\n        return 12;\n    return "
           "0;\n}\n",
           "int f(char *ä) {\n    if (!strcmp(ä, \"x, (y\")) return 12;\n    return 0;\n}\n");
    expect(LANG_PYTHON, "open($A, $S1).read($B)\n=>\nopen($A, $S1).readlines($B)\n",
           "def f(p, n):\n    return open(p, 'rb').read(n)\n",
           "def f(p, n):\n    return open(p, 'rb').readlines(n)\n");
}

static void statements_go_with_their_semicolons_and_keep_the_indentation(void **state) {
    static const char edit[] =
        "free($A);\n$A = NULL;\n=>\nif ($A != NULL) {\n    free($A);\n    $A = NULL;\n}\n";
    (void)state;
    expect(LANG_C, edit, "void f(void) {\n\tfree(x);\n\tx = NULL;\n\tg();\n}\n",
           "void f(void) {\n\tif (x != NULL) {\n\t\tfree(x);\n\t\tx = NULL;\n\t}\n\tg();\n}\n");
    expect(LANG_C,
           "if ($A != NULL) {\n    free($A);\n    $A = NULL;\n}\n=>\nfree($A);\n$A = NULL;\n",
           "void f(void) {\n  if (x != NULL) {\n    free(x);\n    x = NULL;\n  }\n  g();\n}\n",
           "void f(void) {\n  free(x);\n  x = NULL;\n  g();\n}\n");
}

static void what_the_place_does_not_say_is_not_made_up(void **state) {
    static const char *const edits[] = {
        // A literal, a name, any expression that the text from before does not have.
        "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S1, $B)\n",
        "strcpy($A, $B)\n=>\nstrncpy($A, $B, $D)\n"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edits); i++)
        expect(LANG_C, edits[i], "void f(char *a, char *b) { strcpy(a, b); }", NULL);
}

static void a_comment_is_not_thrown_away(void **state) {
    (void)state;
    expect(LANG_C, ALLOC, "void f(int n) { int *x; x = malloc(n /* rows */ * sizeof(*x)); }", NULL);
}

static void what_would_be_read_in_another_way_is_left_alone(void **state) {
    // An assignment in the place of a call: within an expression it would take in what is before.
    static const char edit[] = "memcpy($A, $B, sizeof(*$A))\n=>\n*$A = *$B + sizeof(*$A)\n";
    (void)state;
    expect(LANG_C, edit, "void f(T *a, T *b) { memcpy(a, b, sizeof(*a)); }",
           "void f(T *a, T *b) { *a = *b + sizeof(*a); }");
    expect(LANG_C, edit, "int f(T *a, T *b) { return 2 - memcpy(a, b, sizeof(*a)); }", NULL);
    expect(LANG_C, edit, "int f(T *a, T *b) { return memcpy(a, b, sizeof(*a)) - g; }", NULL);
}

static void a_dollar_of_the_language_is_no_metavariable(void **state) {
    struct pattern_reader *reader = pattern_reader_new();
    struct pattern *p = NULL;
    static const char text[] = "cat $A | grep $B\n=>\ngrep $B $A | cat\n";
    (void)state;
    if (pattern_parse(reader, LANG_BASH, text, strlen(text), &p, NULL) == 0)
        assert_false(pattern_can_apply(p));
    pattern_free(p);
    pattern_reader_free(reader);
}

static void every_failed_allocation_is_survived(void **state) {
    static const char text[] = "void f(int n) { int *x; x = malloc(n * sizeof(*x)); }";
    struct pattern_reader *reader = pattern_reader_new();
    struct pattern *p = NULL;
    struct syntax *s = syntax_new();
    (void)state;
    assert_int_equal(pattern_parse(reader, LANG_C, ALLOC, strlen(ALLOC), &p, NULL), 0);
    assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
    const char *at = strstr(text, "x = malloc");
    struct pattern_match m = {.start = (uint32_t)(at - text), .end = (uint32_t)strlen(text) - 3};
    struct pattern_application a;
    assert_int_equal(pattern_apply(p, s, &m, &a, NULL), 1);
    buf_done(&a.text);
    for (uint64_t nth = 1;; nth++) {
        mem_fail_at(nth);
        int r = pattern_apply(p, s, &m, &a, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (r == 1)
            buf_done(&a.text);
        if (!reached)
            break;
        assert_true(r == ERR_NOMEM || r == 0 || r == 1);
    }
    pattern_free(p);
    pattern_reader_free(reader);
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_literals_of_the_place_go_into_the_new_text),
        cmocka_unit_test(statements_go_with_their_semicolons_and_keep_the_indentation),
        cmocka_unit_test(what_the_place_does_not_say_is_not_made_up),
        cmocka_unit_test(a_comment_is_not_thrown_away),
        cmocka_unit_test(what_would_be_read_in_another_way_is_left_alone),
        cmocka_unit_test(a_dollar_of_the_language_is_no_metavariable),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
