// complexity_cases.txt: functions in nine languages with cognitive complexity (derived in a comment
// from the definition) and cyclomatic complexity (lizard 1.24's figure; "-": it sees no such
// function).
#include "core/base/mem.h"
#include "core/code/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct complexity_case {
    char id[40], lang[20], function[40], cognitive[8], cyclomatic[8];
    char code[2000];
};

// Reads the next case; false at the end.
static bool next_case(FILE *file, struct complexity_case *c) {
    char line[400];
    bool any = false;
    c->code[0] = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "== ", 3) == 0) {
            if (any) {
                assert_int_equal(fseek(file, -(long)strlen(line), SEEK_CUR), 0);
                return true;
            }
            any = true;
            assert_int_equal(sscanf(line, "== %39s %19s %39s %7s %7s", c->id, c->lang, c->function,
                                    c->cognitive, c->cyclomatic),
                             5);
            assert_non_null(fgets(line, sizeof line, file)); // the derivation
            assert_int_equal(line[0], '#');
            continue;
        }
        assert_true(strlen(c->code) + strlen(line) < sizeof c->code);
        memcpy(c->code + strlen(c->code), line, strlen(line) + 1);
    }
    return any;
}

static const struct metrics *find(const struct syntax *s, const struct metrics *all, uint32_t n,
                                  const char *name) {
    for (uint32_t i = 0; i < n; i++)
        if (s->nodes[all[i].node].role == ROLE_FUNCTION) {
            uint32_t leaf = syntax_name(s, all[i].node);
            if (leaf && syntax_text_is(s, leaf, name))
                return &all[i];
        }
    return NULL;
}

static void figures_are_those_of_the_definitions(void **state) {
    FILE *file = fopen("tests/unit/code/complexity_cases.txt", "r");
    struct complexity_case *c = mem_zalloc(sizeof *c);
    struct syntax *s = syntax_new();
    unsigned cases = 0, compared = 0;
    (void)state;
    assert_true(file && c && s);
    while (next_case(file, c)) {
        enum lang lang = language_by_name(c->lang, strlen(c->lang));
        struct metrics *all = NULL;
        uint32_t count = 0;
        assert_true(lang != LANG_NONE);
        cases++;
        if (!language_has_tree(lang))
            continue;
        assert_int_equal(syntax_parse(s, lang, c->code, strlen(c->code), NULL, NULL), 0);
        assert_int_equal(s->errors, 0);
        assert_int_equal(metrics_of(s, &all, &count, NULL), 0);
        const struct metrics *m = find(s, all, count, c->function);
        if (!m || m->cognitive != atoi(c->cognitive) ||
            (c->cyclomatic[0] != '-' && m->cyclomatic != atoi(c->cyclomatic)))
            print_message("%s\n", c->id);
        assert_non_null(m);
        assert_int_equal(m->cognitive, atoi(c->cognitive));
        if (c->cyclomatic[0] != '-') {
            compared++;
            assert_int_equal(m->cyclomatic, atoi(c->cyclomatic));
        }
        mem_free(all);
    }
    assert_true(cases >= 120);
    assert_true(compared >= 100 || !language_has_tree(LANG_C));
    syntax_free(s);
    mem_free(c);
    assert_int_equal(fclose(file), 0);
}

static void sizes_are_counted_in_the_same_pass(void **state) {
    static const char text[] = "int f(int a, int b) {\n    // says nothing\n\n    if (a) {\n"
                               "        while (b)\n            b--;\n    }\n    return b;\n}\n"
                               "int g(void) { return 1; }\n";
    struct syntax *s = syntax_new();
    struct metrics *all = NULL;
    uint32_t count = 0;
    (void)state;
    if (language_has_tree(LANG_C)) {
        assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
        assert_int_equal(metrics_of(s, &all, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_int_equal(all[0].nesting, 2);
        assert_int_equal(all[0].parameters, 2);
        assert_int_equal(all[0].code_lines, 7);
        assert_int_equal(all[1].nesting, 0);
        assert_int_equal(all[1].parameters, 0);
        assert_int_equal(all[1].code_lines, 1);
        assert_ptr_equal(metrics_find(all, count, all[1].node), &all[1]);
        assert_null(metrics_find(all, count, 1000000));
        mem_free(all);
    }
    syntax_free(s);
}

// Functions in functions in functions: one pass, no recursion, figures that do not overflow.
static void deep_nesting_costs_no_more(void **state) {
    enum { DEPTH = 5000 };
    static const char open[] = "f(()=>{if(a){\n", close[] = "}});";
    struct syntax *s = syntax_new();
    struct metrics *all = NULL;
    uint32_t count = 0;
    size_t n = strlen(open), m = strlen(close);
    AUTO_FREE char *text = mem_alloc(DEPTH * (n + m));
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < DEPTH; i++) {
        memcpy(text + i * n, open, n);
        memcpy(text + DEPTH * n + i * m, close, m);
    }
    if (language_has_tree(LANG_JAVASCRIPT)) {
        struct syntax_limits limits = {.ms = 60000};
        assert_int_equal(
            syntax_parse(s, LANG_JAVASCRIPT, text, DEPTH * (n + m) - m * 20, &limits, NULL), 0);
        assert_int_equal(metrics_of(s, &all, &count, NULL), 0);
        assert_true(count > 0);
        mem_free(all);
    }
    syntax_free(s);
}

static void failed_allocations_are_reported(void **state) {
    static const char text[] = "int f(int a) { if (a && (a || b)) return 1; return 0; }\n";
    struct syntax *s = syntax_new();
    bool done = !language_has_tree(LANG_C);
    (void)state;
    if (!done)
        assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
    for (uint64_t nth = 1; !done; nth++) {
        struct metrics *all = NULL;
        uint32_t count = 0;
        mem_fail_at(nth);
        int r = metrics_of(s, &all, &count, NULL);
        done = mem_count() < nth;
        mem_fail_at(0);
        assert_true(done ? r == 0 : r == ERR_NOMEM && !all);
        mem_free(all);
    }
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_definitions),
        cmocka_unit_test(sizes_are_counted_in_the_same_pass),
        cmocka_unit_test(deep_nesting_costs_no_more),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests_name("code/metrics", tests, NULL, NULL);
}
