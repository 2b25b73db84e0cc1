// The tree checks: golden cases of each rule and language, near misses among them; repairs that
// stand; what is found of nothing; failing allocations.
#include "core/base/mem.h"
#include "core/code/checks.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CASES_BYTES_MAX = 256 * 1024, FOUND_MAX = 64 };

static size_t fixes, failures; // of all cases

#define FAILED(...) (failures++, print_error(__VA_ARGS__), print_error("\n"))

struct found {
    struct finding at[FOUND_MAX];
    size_t count;
};

static int keep(void *ctx, const struct finding *f) {
    struct found *found = ctx;
    assert_true(found->count < FOUND_MAX);
    found->at[found->count++] = *f;
    return 0;
}

static void run(struct syntax *s, enum lang lang, const char *path, const char *text,
                struct found *found) {
    struct err err = {0};
    struct syntax_limits patient = {.ms = 60000}; // the machine may be busy
    found->count = 0;
    assert_int_equal(syntax_parse(s, lang, text, strlen(text), &patient, &err), 0);
    assert_int_equal(checks_run(s, path, keep, found, &err), 0);
}

// As a case states it: "3:swallowed-error 7:bare-except".
static void describe(const struct found *found, char *text, size_t n) {
    size_t at = 0;
    text[0] = '\0';
    for (size_t k = 0; k < found->count; k++) {
        const struct finding *f = &found->at[k];
        at += (size_t)snprintf(text + at, n - at, "%s%u:%s", k ? " " : "", f->line, f->rule->id);
        assert_true(at < n);
    }
}

static size_t count_rule(const struct found *found, const struct rule *rule) {
    size_t n = 0;
    for (size_t k = 0; k < found->count; k++)
        n += found->at[k].rule == rule;
    return n;
}

static void check_one_fix(struct syntax *s, enum lang lang, const char *path, const char *text,
                          const struct found *found, const struct finding *f) {
    static struct found after;
    char fixed[8192];
    assert_true(f->fix_start <= f->fix_end && f->fix_end <= strlen(text));
    int n = snprintf(fixed, sizeof fixed, "%.*s%s%s", (int)f->fix_start, text, f->fix_text,
                     text + f->fix_end);
    assert_true(n > 0 && (size_t)n < sizeof fixed);
    run(s, lang, path, fixed, &after);
    if (s->errors || count_rule(&after, f->rule) != count_rule(found, f->rule) - 1)
        FAILED("repair of %s: %u errors, still found %zu times in\n%s", f->rule->id, s->errors,
               count_rule(&after, f->rule), fixed);
}

static void check_findings(struct syntax *s, const char *text, const struct found *found) {
    for (size_t k = 0; k < found->count; k++) {
        const struct finding *f = &found->at[k];
        assert_true(f->rule && f->start <= f->end && f->end <= strlen(text));
        assert_true(f->line >= 1 && f->line <= f->end_line && f->end_line <= s->lines);
        assert_true(f->message[0] && strlen(f->message) < sizeof f->message);
        assert_true(k == 0 || found->at[k - 1].start <= f->start);
    }
}

static void check_case(struct syntax *s, const char *file, const char *head, const char *text) {
    static struct found found;
    char lang_name[32] = "", path[64] = "src/code", seen[1024];
    int at = 0, more = 0;
    assert_int_equal(sscanf(head, "%31s %n", lang_name, &at), 1);
    if (sscanf(head + at, "path=%63s %n", path, &more) == 1)
        at += more;
    enum lang lang = language_by_name(lang_name, strlen(lang_name));
    assert_true(lang != LANG_NONE);
    if (!language_has_tree(lang))
        return;
    run(s, lang, path, text, &found);
    describe(&found, seen, sizeof seen);
    if (s->errors)
        FAILED("%s: %s: does not parse:\n%s", file, head, text);
    if (strcmp(seen, head + at) != 0)
        FAILED("%s: %s\n%sfound: %s", file, head, text, seen);
    check_findings(s, text, &found);
    for (size_t k = 0; k < found.count; k++)
        if (found.at[k].has_fix) {
            fixes++;
            check_one_fix(s, lang, path, text, &found, &found.at[k]);
        }
}

// "### lang [path=…] findings" in front of each text.
static size_t check_file(struct syntax *s, const char *path) {
    static char text[CASES_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file), cases = 0;
    assert_true(n > 0 && n < sizeof text - 1);
    (void)fclose(file);
    text[n] = '\0';
    char *at = text;
    while (at && *at) {
        assert_int_equal(strncmp(at, "### ", 4), 0);
        char *head = at + 4, *body = strchr(head, '\n');
        assert_non_null(body);
        *body++ = '\0';
        at = strncmp(body, "### ", 4) == 0 ? body : strstr(body, "\n### ");
        if (at && at != body)
            at++;
        char saved = at ? *at : '\0';
        if (at)
            *at = '\0';
        check_case(s, path, head, body);
        if (at)
            *at = saved;
        cases++;
    }
    return cases;
}

static void findings_are_those_of_the_cases(void **state) {
    static const char dir[] = "tests/unit/code/checks";
    (void)state;
    DIR *d = opendir(dir);
    assert_non_null(d);
    struct syntax *s = syntax_new();
    size_t cases = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[512];
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        cases += check_file(s, path);
    }
    (void)closedir(d);
    syntax_free(s);
    assert_int_equal(failures, 0);
    assert_true(cases > 200);
    if (language_has_tree(LANG_GO))
        assert_true(fixes > 2);
}

static void rules_are_sorted_and_complete(void **state) {
    (void)state;
    size_t i = 0;
    for (const struct rule *r; (r = rules_at(i)) != NULL; i++) {
        assert_true(r->id && r->title && r->why && r->fix && r->agent);
        assert_true(r->confidence >= 50 && r->confidence <= 100);
        assert_ptr_equal(rules_find(r->id, strlen(r->id)), r);
        if (i)
            assert_true(strcmp(rules_at(i - 1)->id, r->id) < 0);
    }
    assert_true(i > 20 && i <= RULES_MAX);
    assert_null(rules_find("", 0));
    assert_null(rules_find("self", 4));
    assert_null(rules_find("self-assignment-x", 17));
}

static void nothing_is_found_in_nothing(void **state) {
    static struct found found;
    (void)state;
    struct syntax *s = syntax_new();
    for (int l = LANG_TREE_FIRST; l <= LANG_TREE_LAST; l++)
        if (language_has_tree((enum lang)l)) {
            run(s, (enum lang)l, "a", "", &found);
            assert_int_equal(found.count, 0);
            run(s, (enum lang)l, "a", "\n\n", &found);
            assert_int_equal(found.count, 0);
        }
    syntax_free(s);
}

static const char SWEEP[] = "int f(int a) {\n    if (a = 1);\n    a = a;\n    if (a == a)\n"
                            "        return 1;\n    else\n        return 1;\n    return a;\n"
                            "    g(a);\n}\n";

static void a_failed_allocation_is_an_error(void **state) {
    static struct found found;
    struct err err = {0};
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    struct syntax *s = syntax_new();
    run(s, LANG_C, "a.c", SWEEP, &found);
    size_t all = found.count;
    assert_true(all >= 5);
    int r = ERR_NOMEM;
    for (uint64_t n = 1; r == ERR_NOMEM; n++) {
        found.count = 0;
        mem_fail_at(n);
        r = checks_run(s, "a.c", keep, &found, &err);
        mem_fail_at(0);
        assert_true(r == ERR_NOMEM || (r == 0 && found.count == all && n > 1));
    }
    syntax_free(s);
}

// The words stand apart, so that this file holds none of them.
static void unfinished_business_is_found_in_comments(void **state) {
    static const struct {
        const char *text;
        unsigned line; // 0 = nothing
    } cases[] = {
        {"int a; // TO"
         "DO: free it\n",
         1},
        {"/* one\n * FIX"
         "ME(me) two\n */\nint a;\n",
         2},
        {"// XX"
         "X: why is this here\nint a;\n",
         1},
        {"// context.TO"
         "DO(), \"abc\"\nint a;\n",
         0},
        {"// TO"
         "DO\nint a;\n",
         0},
        {"// mkstemp wants XX"
         "XXXX at the end\nint a;\n",
         0},
        {"// ME"
         "THO"
         "DOLOGY of it\nint a;\n",
         0},
        {"char *a = \"TO"
         "DO: later\";\n",
         0},
        // What names its ticket is planned already.
        {"// TO"
         "DO: after https://example.org/issues/7\nint a;\n",
         0},
        {"/* TO"
         "DO: drop this\n * when #4711 is merged\n */\nint a;\n",
         0},
        {"// FIX"
         "ME(ABC-12): drop this\nint a;\n",
         0},
        {"// TO"
         "DO: utf-8 and x86-64 too\nint a;\n",
         1},
        // A type that nobody has written yet.
        {"/**\n * @param {TO"
         "DO | Promise<TO"
         "DO>} obj object\n */\nint a;\n",
         0},
        {"/**\n * @returns {TO"
         "DO} definition\n */\nint a;\n",
         0},
        {"/**\n * TO"
         "DO: say what it @returns\n */\nint a;\n",
         2},
        // Remarks that call for nothing.
        {"// XX"
         "X we cannot know this\nint a;\n",
         0},
        {"// HA"
         "CK: until the parser can\nint a;\n",
         1},
    };
    static struct found found;
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    struct syntax *s = syntax_new();
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        run(s, LANG_C, "a.c", cases[k].text, &found);
        assert_int_equal(found.count, cases[k].line ? 1 : 0);
        if (cases[k].line) {
            assert_string_equal(found.at[0].rule->id, "todo-comment");
            assert_int_equal(found.at[0].line, cases[k].line);
            check_findings(s, cases[k].text, &found);
        }
    }
    syntax_free(s);
}

// docs/CHECKS.md has a row of each rule, with its severity and confidence.
static void the_documented_rules_are_those_of_the_table(void **state) {
    static char text[CASES_BYTES_MAX];
    static const char *const severities[] = {"note", "warning", "error"};
    (void)state;
    FILE *file = fopen("docs/CHECKS.md", "rb");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file), rows = 0, rules = 0;
    (void)fclose(file);
    text[n] = '\0';
    for (const struct rule *r; (r = rules_at(rules)) != NULL; rules++) {
        char row[160];
        (void)snprintf(row, sizeof row, "\n| `%s` | %s | %d |", r->id, severities[r->severity],
                       r->confidence);
        if (!strstr(text, row))
            fail_msg("docs/CHECKS.md has no row \"| `%s` | %s | %d |\"", r->id,
                     severities[r->severity], r->confidence);
    }
    for (const char *at = text; (at = strstr(at, "\n| `")) != NULL; at++)
        rows++;
    assert_int_equal(rows, rules);
}

static int count(void *ctx, const struct finding *f) {
    (void)f;
    ++*(size_t *)ctx;
    return 0;
}

// Each line repeated until the file is large: what looks at neighbours or at the whole function
// for each of them would take minutes. The test's own limit of time is the measure.
static void many_findings_take_little_time(void **state) {
    enum { BYTES = 400 * 1024 };
    static const struct {
        enum lang lang;
        const char *head, *line;
    } cases[] = {
        {LANG_C, "int f(int a) {\n", "return a;\n"},
        {LANG_C, "int f(int a) {\n", "a = a;\n"},
        {LANG_C, "int f(int a) {\n", "p = malloc(a); if (a) return 1; free(p);\n"},
        {LANG_C, "int f(int a) { if (a == 1) g();\n", "else if (a == 1) g();\n"},
        {LANG_GO, "package p\nfunc f() {\n", "for {\n x, err := os.Open(p)\n defer x.Close()\n"},
        {LANG_JAVASCRIPT, "async function f() { await g(); }\nasync function g() {\n", "f();\n"},
        {LANG_PYTHON, "", "def f(x=[]):\n  x.append(1)\n"},
        {LANG_BASH, "", "rm -rf $x\ncd $y\n"},
    };
    (void)state;
    struct syntax *s = syntax_new();
    struct syntax_limits patient = {.ms = 60000};
    char *text = mem_alloc(BYTES + 256);
    assert_non_null(text);
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        size_t n = strlen(cases[k].head), m = strlen(cases[k].line), found = 0;
        struct err err = {0};
        if (!language_has_tree(cases[k].lang))
            continue;
        memcpy(text, cases[k].head, n);
        for (; n + m < BYTES; n += m)
            memcpy(text + n, cases[k].line, m);
        assert_int_equal(syntax_parse(s, cases[k].lang, text, n, &patient, &err), 0);
        assert_int_equal(checks_run(s, "a/code", count, &found, &err), 0);
        assert_true(found <= 2000);
    }
    mem_free(text);
    syntax_free(s);
}

static int stop(void *ctx, const struct finding *f) {
    (void)f;
    ++*(int *)ctx;
    return ERR_CANCELLED;
}

static void the_caller_can_stop(void **state) {
    struct err err = {0};
    int calls = 0;
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    struct syntax *s = syntax_new();
    assert_int_equal(syntax_parse(s, LANG_C, SWEEP, strlen(SWEEP), NULL, &err), 0);
    assert_int_equal(checks_run(s, "a.c", stop, &calls, &err), ERR_CANCELLED);
    assert_int_equal(calls, 1);
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_sorted_and_complete),
        cmocka_unit_test(findings_are_those_of_the_cases),
        cmocka_unit_test(unfinished_business_is_found_in_comments),
        cmocka_unit_test(the_documented_rules_are_those_of_the_table),
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(many_findings_take_little_time),
        cmocka_unit_test(a_failed_allocation_is_an_error),
        cmocka_unit_test(the_caller_can_stop),
    };
    return cmocka_run_group_tests_name("code/checks", tests, NULL, NULL);
}
