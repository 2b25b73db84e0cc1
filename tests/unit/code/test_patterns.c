// Patterns are found where they stand, and only there.
#include "core/base/mem.h"
#include "core/code/patterns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MATCHES_MAX = 32 };

struct seen {
    struct pattern_match match[MATCHES_MAX];
    uint32_t count;
};

static int remember(void *ctx, const struct pattern_match *match) {
    struct seen *seen = ctx;
    assert_true(seen->count < MATCHES_MAX);
    seen->match[seen->count++] = *match;
    return 0;
}

static struct pattern *parsed(enum lang lang, const char *text) {
    struct pattern_reader *r = pattern_reader_new();
    struct pattern *p = NULL;
    struct err err = {0};
    if (pattern_parse(r, lang, text, strlen(text), &p, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    pattern_reader_free(r);
    return p;
}

static uint32_t count_matches(enum lang lang, const char *pattern, const char *text) {
    struct pattern *p = parsed(lang, pattern);
    struct pattern_set *set = NULL;
    struct pattern_matcher *m = pattern_matcher_new();
    struct syntax *s = syntax_new();
    struct seen seen = {.count = 0};
    assert_int_equal(syntax_parse(s, lang, text, strlen(text), NULL, NULL), 0);
    assert_int_equal(pattern_set_new(&p, 1, &set, NULL), 0);
    assert_int_equal(patterns_match(set, m, s, remember, &seen, NULL), 0);
    syntax_free(s);
    pattern_matcher_free(m);
    pattern_set_free(set);
    pattern_free(p);
    return seen.count;
}

static void a_pattern_matches_its_code(void **state) {
    static const struct {
        enum lang lang;
        const char *pattern, *text;
        uint32_t count;
    } cases[] = {
        {LANG_C, "if ($A == NULL) return $N;", "int f(int *p) { if (p == NULL) return 7; }", 1},
        {LANG_C, "if ($A == NULL) return $N;", "int f(int *p) { if (p != NULL) return 7; }", 0},
        {LANG_C, "if ($A == NULL) return $N;", "int f(int *p) { if (p == NULL) return 1; }", 0},
        {LANG_C, "if ($A == NULL) return $N;", "int f(int *p) { if (p->q == NULL) return 7; }", 0},
        {LANG_C, "free($A);\n$A = NULL;", "void f(int *p) { free(p); p = NULL; }", 1},
        {LANG_C, "free($A);\n$A = NULL;", "void f(int *p, int *q) { free(p); q = NULL; }", 0},
        {LANG_C, "free($A);\n$A = NULL;", "void f(int *p) { free(p); g(); p = NULL; }", 0},
        // Different letters are different names.
        {LANG_C, "memcpy($A, $B, sizeof($A))", "void f(int *p) { memcpy(p, p, sizeof(p)); }", 0},
        // `$...` among statements and arguments: any number, also none.
        {LANG_C, "if ($A == NULL) { $...; return $N; }",
         "int f(int *p) { if (p == NULL) { a(); b(); return 7; } }", 1},
        {LANG_C, "if ($A == NULL) { $...; return $N; }",
         "int f(int *p) { if (p == NULL) { return 7; } }", 1},
        {LANG_C, "if ($A == NULL) { $...; return $N; }",
         "int f(int *p) { if (p == NULL) { return 7; a(); } }", 0},
        {LANG_C, "while (fgets($A, $...)) $B($A, $...);",
         "int f(char *p) { while (fgets(p, 10, in)) use(p); }", 1},
        {LANG_C, "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)",
         "void f(char *p, char *q) { strcpy(p, q); strcpy(q, p); }", 2},
        {LANG_PYTHON, "with open($A, $S) as $B:\n    $D = $B.read()",
         "def f(p):\n    with open(p, 'r') as q:\n        x = q.read()\n", 1},
        {LANG_GO, "$A.Lock()\ndefer $A.Unlock()",
         "package p\nfunc f() {\n\tx()\n\tm.Lock()\n\tdefer m.Unlock()\n\ty()\n}\n", 1},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        uint32_t n = count_matches(cases[k].lang, cases[k].pattern, cases[k].text);
        if (n != cases[k].count)
            fail_msg("%u matches of %s in %s", n, cases[k].pattern, cases[k].text);
    }
}

static const char file[] = "int f(int *p) {\n"
                           "    if (p == NULL)\n"
                           "        return 7;\n"
                           "    free(p);\n"
                           "    p = NULL;\n"
                           "    return 0;\n"
                           "}\n"
                           "int g(int *q) {\n"
                           "    if (q == NULL)\n"
                           "        return 8;\n"
                           "    return 0;\n"
                           "}\n";

static void matches_name_pattern_and_place(void **state) {
    struct pattern *p[] = {parsed(LANG_C, "free($A);\n$A = NULL;"),
                           parsed(LANG_C, "if ($A == NULL) return $N;"),
                           parsed(LANG_GO, "$A.Lock()\ndefer $A.Unlock()")};
    struct pattern_set *set = NULL;
    struct pattern_matcher *m = pattern_matcher_new();
    struct syntax *s = syntax_new();
    struct seen all = {.count = 0}, some = {.count = 0};
    (void)state;
    assert_int_equal(syntax_parse(s, LANG_C, file, sizeof file - 1, NULL, NULL), 0);
    assert_int_equal(pattern_set_new(p, 3, &set, NULL), 0);
    assert_int_equal(patterns_match(set, m, s, remember, &all, NULL), 0);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.match[0].pattern, 1);
    assert_int_equal(all.match[0].line, 2);
    assert_int_equal(all.match[0].end_line, 3);
    assert_int_equal(all.match[1].pattern, 0);
    assert_int_equal(all.match[1].line, 4);
    assert_int_equal(all.match[1].end_line, 5);
    assert_int_equal(all.match[2].line, 9);
    // Of one place only.
    uint32_t at = (uint32_t)(strstr(file, "return 8") - file);
    assert_int_equal(patterns_match_range(set, m, s, at, at + 1, remember, &some, NULL), 0);
    assert_int_equal(some.count, 1);
    assert_int_equal(some.match[0].line, 9);
    syntax_free(s);
    pattern_matcher_free(m);
    pattern_set_free(set);
    for (size_t k = 0; k < COUNT_OF(p); k++)
        pattern_free(p[k]);
}

static int stop(void *ctx, const struct pattern_match *match) {
    (void)ctx;
    (void)match;
    return ERR_CANCELLED;
}

static void every_failed_allocation_is_survived(void **state) {
    struct pattern *p = parsed(LANG_C, "if ($A == NULL) return $N;");
    struct syntax *s = syntax_new();
    uint64_t n = 0;
    int r;
    (void)state;
    assert_int_equal(syntax_parse(s, LANG_C, file, sizeof file - 1, NULL, NULL), 0);
    do {
        struct pattern_set *set = NULL;
        struct pattern_matcher *m;
        mem_fail_at(++n);
        m = pattern_matcher_new();
        r = m ? pattern_set_new(&p, 1, &set, NULL) : ERR_NOMEM;
        if (r == 0)
            r = patterns_match(set, m, s, stop, NULL, NULL);
        mem_fail_at(0);
        assert_true(r == ERR_CANCELLED || r == ERR_NOMEM);
        pattern_set_free(set);
        pattern_matcher_free(m);
    } while (r != ERR_CANCELLED);
    assert_in_range(n, 5, 100);
    syntax_free(s);
    pattern_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_its_code),
        cmocka_unit_test(matches_name_pattern_and_place),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/patterns", tests, NULL, NULL);
}
