// The flat tree: structure, roles, limits; the same for every grammar of the build.
#include "core/base/mem.h"
#include "core/code/syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct sample {
    enum lang lang;
    const char *text;
    const char *function; // name of the function in it
} samples[] = {
    {LANG_C, "int add(int a, int b) {\n    if (a && b)\n        return a + b;\n    return 0;\n}\n",
     "add"},
    {LANG_CPP,
     "int A::add(int a, int b) {\n    if (a && b)\n        return a + b;\n    return 0;\n}\n",
     "add"},
    {LANG_PYTHON, "def add(a, b):\n    if a and b:\n        return a + b\n    return 0\n", "add"},
    {LANG_JAVASCRIPT, "function add(a, b) {\n  if (a && b)\n    return a + b;\n  return 0;\n}\n",
     "add"},
    {LANG_TYPESCRIPT,
     "function add(a: number, b: number) {\n  if (a && b)\n    return a + b;\n  return 0;\n}\n",
     "add"},
    {LANG_TSX,
     "function add(a: number, b: number) {\n  if (a && b)\n    return <b>{a}</b>;\n  return "
     "0;\n}\n",
     "add"},
    {LANG_GO,
     "package p\nfunc add(a, b bool) int {\n\tif a && b {\n\t\treturn 1\n\t}\n\treturn 0\n}\n",
     "add"},
    {LANG_RUST,
     "fn add(a: bool, b: bool) -> i32 {\n    if a && b {\n        return 1;\n    }\n    return "
     "0;\n}\n",
     "add"},
    {LANG_JAVA,
     "class A {\n int add(int a, int b) {\n  if (a > 0 && b > 0)\n   return a + b;\n  return 0;\n "
     "}\n}\n",
     "add"},
    {LANG_BASH, "add() {\n  if [ \"$1\" ] && [ \"$2\" ]; then\n    return 1\n  fi\n}\n", "add"},
    {LANG_RUBY, "def add(a, b)\n  if a && b\n    return a + b\n  end\n  return 0\nend\n", "add"},
};

static uint32_t find_role(const struct syntax *s, enum role role) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].role == role)
            return i;
    return 0;
}

static void check_structure(const struct syntax *s) {
    assert_true(s->count > 0);
    assert_int_equal(s->nodes[0].next, s->count);
    for (uint32_t i = 1; i < s->count; i++) {
        const struct node *n = &s->nodes[i], *p = &s->nodes[n->parent];
        assert_true(n->parent < i && n->next > i && n->next <= p->next);
        assert_true(n->start <= n->end && n->end <= s->bytes);
        assert_true(n->start >= p->start && n->end <= p->end);
        assert_true(n->line >= 1 && n->line <= s->lines);
    }
}

static void every_grammar_gives_the_same_roles(void **state) {
    (void)state;
    struct syntax *s = syntax_new();
    for (size_t k = 0; k < COUNT_OF(samples); k++) {
        const struct sample *x = &samples[k];
        if (!language_has_tree(x->lang))
            continue;
        struct err err = {0};
        assert_int_equal(syntax_parse(s, x->lang, x->text, strlen(x->text), NULL, &err), 0);
        assert_int_equal(s->errors, 0);
        check_structure(s);
        uint32_t function = find_role(s, ROLE_FUNCTION);
        assert_true(function);
        uint32_t name = syntax_name(s, function);
        if (!name || !syntax_text_is(s, name, x->function))
            fail_msg("%s: name of the function", language_name(x->lang));
        assert_true(find_role(s, ROLE_IF) && find_role(s, ROLE_OP_AND));
        if (x->lang != LANG_BASH)
            assert_true(find_role(s, ROLE_RETURN) && find_role(s, ROLE_PARAMETERS));
        assert_int_equal(syntax_end_line(s, function),
                         s->nodes[function].line +
                             (x->lang == LANG_PYTHON ? 3
                              : x->lang == LANG_GO || x->lang == LANG_RUST || x->lang == LANG_RUBY
                                  ? 5
                                  : 4));
    }
    syntax_free(s);
}

static void broken_text_still_gives_a_tree(void **state) {
    (void)state;
    static const char text[] = "int f( {{{ \xff\xfe ]] \x01 if (";
    struct syntax *s = syntax_new();
    for (int l = LANG_TREE_FIRST; l <= (int)LANG_TREE_LAST; l++) {
        if (!language_has_tree((enum lang)l))
            continue;
        for (size_t n = 0; n <= sizeof text; n++) {
            assert_int_equal(syntax_parse(s, (enum lang)l, text, n, NULL, NULL), 0);
            check_structure(s);
        }
    }
    syntax_free(s);
}

static void deep_nesting_is_only_deep(void **state) {
    (void)state;
    enum { DEPTH = 50000 };
    if (!language_has_tree(LANG_C))
        skip();
    char *text = mem_alloc(2 * DEPTH + 32);
    size_t n = (size_t)sprintf(text, "int x = ");
    memset(text + n, '(', DEPTH);
    text[n + DEPTH] = '1';
    memset(text + n + DEPTH + 1, ')', DEPTH / 4);
    struct syntax *s = syntax_new();
    struct err err = {0};
    text[16000] = text[32000] = text[48000] = '\n'; // no line is too long
    int r = syntax_parse(s, LANG_C, text, n + DEPTH + 1 + DEPTH / 4,
                         &(struct syntax_limits){.ms = 20000}, &err);
    assert_int_equal(r, 0);
    check_structure(s);
    syntax_free(s);
    mem_free(text);
}

static bool always(void *ctx) {
    (void)ctx;
    return true;
}

static void limits_are_kept(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        skip();
    struct syntax *s = syntax_new();
    size_t n = SYNTAX_BYTES_MAX + 1;
    char *text = mem_alloc(n);
    memset(text, '\n', n);
    assert_int_equal(syntax_parse(s, LANG_C, text, n, NULL, NULL), ERR_LIMIT);
    memset(text, ' ', SYNTAX_LINE_BYTES_MAX + 1);
    assert_int_equal(syntax_parse(s, LANG_C, text, SYNTAX_LINE_BYTES_MAX + 2, NULL, NULL),
                     ERR_LIMIT);
    for (size_t i = 0; i + 6 < n; i += 6)
        memcpy(text + i, "x(1);\n", 6);
    assert_int_equal(syntax_parse(s, LANG_C, text, SYNTAX_BYTES_MAX,
                                  &(struct syntax_limits){.cancelled = always}, NULL),
                     ERR_CANCELLED);
    assert_int_equal(
        syntax_parse(s, LANG_C, text, SYNTAX_BYTES_MAX, &(struct syntax_limits){.ms = 1}, NULL),
        ERR_TIMEOUT);
    assert_int_equal(s->count, 0);
    assert_int_equal(syntax_parse(s, LANG_C, text, 6, NULL, NULL), 0); // usable afterwards
    assert_int_equal(syntax_parse(s, LANG_SQL, text, 6, NULL, NULL), ERR_UNSUPPORTED);
    mem_free(text);
    syntax_free(s);
}

static void languages_are_recognised(void **state) {
    (void)state;
    static const struct {
        const char *path, *head;
        enum lang lang;
    } cases[] = {
        {"src/a.c", NULL, LANG_C},
        {"a.h", "#ifdef __cplusplus\nextern \"C\" {\n", LANG_C},
        {"a.h", "#pragma once\nnamespace x {\n", LANG_CPP},
        {"x/Makefile", NULL, LANG_MAKE},
        {"bin/tool", "#!/usr/bin/env -S python3 -u\n", LANG_PYTHON},
        {"run", "#!/bin/sh\n", LANG_BASH},
        {"run", "#!/usr/bin/shifty\n", LANG_NONE},
        {"a.TSX", NULL, LANG_TSX},
        {".gitignore", NULL, LANG_NONE},
        {"noext", NULL, LANG_NONE},
        {"a.min.js", NULL, LANG_JAVASCRIPT},
        {"run", "#!", LANG_NONE},
    };
    for (size_t k = 0; k < COUNT_OF(cases); k++)
        assert_int_equal(
            language_of(cases[k].path, cases[k].head, cases[k].head ? strlen(cases[k].head) : 0),
            cases[k].lang);
    assert_int_equal(language_by_name("rust", 4), LANG_RUST);
    assert_int_equal(language_by_name("", 0), LANG_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_grammar_gives_the_same_roles),
        cmocka_unit_test(broken_text_still_gives_a_tree),
        cmocka_unit_test(deep_nesting_is_only_deep),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(languages_are_recognised),
    };
    return cmocka_run_group_tests_name("code/syntax", tests, NULL, NULL);
}
