// Canonical hashes: what does not count, what does, and that the three ways to ask agree.
#include "core/base/mem.h"
#include "core/code/canon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct syntax *parsed(enum lang lang, const char *text) {
    struct syntax *s = syntax_new();
    struct syntax_limits patient = {.ms = 60000}; // the machine may be busy
    struct err err = {0};
    assert_non_null(s);
    assert_int_equal(syntax_parse(s, lang, text, strlen(text), &patient, &err), 0);
    return s;
}

static uint64_t hash_of(enum lang lang, const char *text, enum canon_level level) {
    struct syntax *s = parsed(lang, text);
    uint64_t h = canon_hash(s, 0, level);
    syntax_free(s);
    return h;
}

static const struct pair {
    enum lang lang;
    const char *a, *b;
    bool exact, renamed; // are they equal?
} pairs[] = {
    {LANG_C, "int f(int a) { return a + 1; }", "int f(int a)\n{\n  return a /* one */ + 1; // x\n}",
     true, true},
    {LANG_C, "int f(int a) { return a + 1; }", "int g(int b) { return b + 20; }", false, true},
    {LANG_C, "int f(int a, int b) { return a + b; }", "int f(int a, int b) { return a + a; }",
     false, false},
    {LANG_C, "int f(int a, int b) { return a + b; }", "int f(int a, int b) { return b + a; }",
     false, false},
    {LANG_C, "int f(int a) { return a + 1; }", "int f(int a) { return a - 1; }", false, false},
    {LANG_C, "int f(int a) { return a; }", "long f(long a) { return a; }", false, false},
    {LANG_C, "char *s = \"a\\nb\";", "char *s = \"c\\nb\";", false, true},
    {LANG_C, "char *s = \"a\";", "char *s = 'a';", false, false},
    // Only the indentation tells these apart.
    {LANG_PYTHON, "def f(a):\n  if a:\n    b()\n    c()\n", "def f(a):\n  if a:\n    b()\n  c()\n",
     false, false},
    {LANG_PYTHON, "x = 'one\\n'\n", "x = 'two\\n'\n", false, true},
    {LANG_PYTHON, "x = 'one'\n", "x = \"one\"\n", false, true},
    {LANG_PYTHON, "x = f'{a} one'\n", "x = f'{b} two'\n", false, true},
    {LANG_PYTHON, "x = f'{a} one'\n", "x = f'{a + 1} one'\n", false, false},
    {LANG_JAVASCRIPT, "f(`a ${b} c`);", "f(`d ${b} c`);", false, true},
    {LANG_GO, "package p\nfunc f() error { return g(1) }\n",
     "package p\n\nfunc f() error {\n\t// why\n\treturn g(1)\n}\n", true, true},
    {LANG_RUST, "fn f() { g(1) }", "fn f() { h(2) }", false, true},
    {LANG_JAVA, "class A { int f() { return 1; } }", "class A { int f() { return 1L; } }", false,
     true},
    {LANG_RUBY, "def f\n  g 'a'\nend\n", "def f\n  g 'b' # b\nend\n", false, true},
    {LANG_BASH, "a=\"x $b\"\n", "a=\"y $b\"\n", false, true},
};

static void names_literals_and_layout_count_as_the_level_says(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT_OF(pairs); k++) {
        const struct pair *p = &pairs[k];
        if (!language_has_tree(p->lang))
            continue;
        bool exact = hash_of(p->lang, p->a, CANON_EXACT) == hash_of(p->lang, p->b, CANON_EXACT);
        bool renamed =
            hash_of(p->lang, p->a, CANON_RENAMED) == hash_of(p->lang, p->b, CANON_RENAMED);
        if (exact != p->exact || renamed != p->renamed)
            fail_msg("%s\n%s\nexact %d, renamed %d", p->a, p->b, exact, renamed);
    }
}

// All pairs of nodes of a text that says several things twice.
static void hashes_agree_with_comparing(void **state) {
    static const char text[] = "int f(int a) { /* x */ if (a) { g(\"q\\n\", a + 1); } else {\n"
                               " g(\"q\\n\", /* y */ a + 1); } return h(a + 1) + h(a + 1); }\n"
                               "int g(int a) { return h(a + 1, \"q\"); // end\n }\n";
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    struct syntax *s = parsed(LANG_C, text);
    uint64_t *all = mem_alloc(s->count * sizeof *all);
    size_t same = 0;
    assert_non_null(all);
    canon_hash_all(s, all);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!all[i])
            continue;
        assert_true(all[i] == canon_hash(s, i, CANON_EXACT));
        for (uint32_t j = 0; j < s->count; j++)
            if (all[j]) {
                assert_int_equal(all[i] == all[j], canon_same(s, i, j));
                same += i < j && all[i] == all[j];
            }
    }
    assert_true(same > 40);
    mem_free(all);
    syntax_free(s);
}

static void comments_have_no_hash(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    struct syntax *s = parsed(LANG_C, "/* one */ int a; // two\n");
    uint64_t all[64];
    assert_true(s->count <= COUNT_OF(all));
    canon_hash_all(s, all);
    for (uint32_t i = 0; i < s->count; i++) {
        bool comment = s->nodes[i].role == ROLE_COMMENT;
        assert_int_equal(all[i] == 0, comment);
        assert_int_equal(canon_hash(s, i, CANON_EXACT) == 0, comment);
        assert_int_equal(canon_hash(s, i, CANON_RENAMED) == 0, comment);
    }
    assert_true(canon_hash(s, s->count, CANON_EXACT) == 0);
    syntax_free(s);
}

static void depth_and_many_names_are_no_trouble(void **state) {
    enum { DEPTH = 15000, NAMES = 2000 };
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    static char text[64 + DEPTH * 2 + NAMES * 8];
    size_t n = (size_t)snprintf(text, sizeof text, "int f(void) { return ");
    memset(text + n, '(', DEPTH);
    n += DEPTH;
    text[n++] = 'x';
    memset(text + n, ')', DEPTH);
    n += DEPTH;
    for (int i = 0; i < NAMES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "+n%d\n", i);
    (void)snprintf(text + n, sizeof text - n, ";}");
    struct syntax *s = parsed(LANG_C, text);
    uint64_t *all = mem_alloc(s->count * sizeof *all);
    assert_non_null(all);
    canon_hash_all(s, all);
    assert_true(all[0] == canon_hash(s, 0, CANON_EXACT));
    assert_true(canon_hash(s, 0, CANON_RENAMED) != 0);
    assert_true(canon_same(s, 0, 0));
    mem_free(all);
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_literals_and_layout_count_as_the_level_says),
        cmocka_unit_test(hashes_agree_with_comparing),
        cmocka_unit_test(comments_have_no_hash),
        cmocka_unit_test(depth_and_many_names_are_no_trouble),
    };
    return cmocka_run_group_tests_name("code/canon", tests, NULL, NULL);
}
