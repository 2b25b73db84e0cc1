// What a change brought, and what it only touched, moved or copied along: by whole texts before and
// after.
#include "core/agents/sherlock.h"
#include "core/base/linediff.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IFS_15 "if (a) { if (b) { if (c) { if (d) { if (e) { x(); } } } } }\n"
#define IFS_21 "if (a) { if (b) { if (c) { if (d) { if (e) { if (f) { x(); } } } } } }\n"
#define IFS_28 "if (a) { if (b) { if (c) { if (d) { if (e) { if (f) { if (g) { x(); } } } } } } }\n"
#define MUCH   IFS_28 IFS_28 IFS_28 IFS_28

struct side {
    const char *path, *before, *after;
};

static void put_lines(struct buf *out, char sign, const char *text, uint32_t start,
                      uint32_t count) {
    for (uint32_t k = 0; k < start; k++)
        text = strchr(text, '\n') + 1;
    for (uint32_t k = 0; k < count; k++) {
        const char *eol = strchr(text, '\n');
        assert_int_equal(buf_printf(out, "%c%.*s\n", sign, (int)(eol - text), text), 0);
        text = eol + 1;
    }
}

// As `git diff -U0` writes it.
static void put_diff(struct buf *out, const struct side *x) {
    struct linediff d;
    assert_int_equal(linediff(x->before, strlen(x->before), x->after, strlen(x->after), &d, NULL),
                     0);
    assert_int_equal(buf_printf(out, "diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n", x->path, x->path,
                                x->path, x->path),
                     0);
    for (uint32_t i = 0; i < d.count; i++) {
        const struct line_change *c = &d.changes[i];
        assert_int_equal(buf_printf(out, "@@ -%u,%u +%u,%u @@\n", c->old_start + (c->old_count > 0),
                                    c->old_count, c->new_start + (c->new_count > 0), c->new_count),
                         0);
        put_lines(out, '-', x->before, c->old_start, c->old_count);
        put_lines(out, '+', x->after, c->new_start, c->new_count);
    }
    linediff_done(&d);
}

// What is said of the files together, a line each: "rule: message\n".
static int review(const struct side *sides, size_t n, struct buf *ret) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct findings found = {0};
    struct diff *d = NULL;
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        put_diff(&text, &sides[i]);
    assert_int_equal(diff_parse(text.data, text.len, &d, NULL), 0);
    assert_int_equal(d->file_count, n);
    struct reviewer rv = {.syntax = syntax_new(), .findings = &found};
    int r = rv.syntax ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct side *s = &sides[i];
        const struct review_text x = {.path = s->path,
                                      .lang = language_of(s->path, s->after, strlen(s->after)),
                                      .text = s->after,
                                      .bytes = strlen(s->after),
                                      .old = s->before,
                                      .old_bytes = strlen(s->before),
                                      .diff = d,
                                      .file = &d->files[i]};
        r = review_text(&rv, &x, &err);
    }
    for (uint32_t i = 0; i < found.count; i++)
        (void)buf_printf(ret, "%s: %s\n", found.list[i].rule->id, found.list[i].message);
    syntax_free(rv.syntax);
    news_removed_done(&rv.removed);
    findings_done(&found);
    diff_free(d);
    return r;
}

static void expect(const struct side *sides, size_t n, const char *wanted) {
    AUTO_BUF said = BUF_INIT(1 << 20);
    assert_int_equal(review(sides, n, &said), 0);
    assert_string_equal(said.len ? said.data : "", wanted);
}

static void expect_one(const char *path, const char *before, const char *after,
                       const char *wanted) {
    const struct side side = {path, before, after};
    expect(&side, 1, wanted);
}

static void functions_are_known_by_what_they_are_assigned_to(void **state) {
    (void)state;
    if (!language_has_tree(LANG_JAVASCRIPT))
        return;
    expect_one("a.js", "A.prototype.b = function (a) {\n" IFS_21 "y();\n};\n",
               "A.prototype.b = function (a) {\n" IFS_21 "z();\n};\n", "");
    expect_one("a.js", "module.exports = function (a) {\n" IFS_21 "};\n",
               "module.exports = function (a, b) {\n" IFS_21 "};\n", "");
    expect_one("a.js", "A.prototype.b = function (a) {\n" IFS_15 "};\n",
               "A.prototype.b = function (a) {\n" IFS_15 IFS_15 "};\n",
               "complexity-worse: A.prototype.b: cognitive complexity 15 → 30\n");
    expect_one("a.js", "x();\n", "x();\nexports.b = (a) => {\n" IFS_21 "};\n",
               "complexity-worse: new function exports.b has cognitive complexity 21\n");
    // A callback is known by its place.
    expect_one("a.js", "f(a => {\n" IFS_21 "y();\n});\n", "f(a => {\n" IFS_21 "z();\n});\n", "");
    expect_one("a.js", "f(a => {\n" IFS_21 "y();\n});\n", "f((a, b) => {\n" IFS_21 "y();\n});\n",
               "");
}

static void a_function_is_compared_with_the_one_it_was(void **state) {
    (void)state;
    if (!language_has_tree(LANG_CPP))
        return;
    // Not with one of its name that was put in front of it.
    expect_one("a.cpp", "int f(int a) {\n" IFS_28 "return 1;\n}\n",
               "int f(long a) {\n" IFS_21 "return 1;\n}\nint f(int a) {\n" IFS_28 "return 2;\n}\n",
               "complexity-worse: new function f has cognitive complexity 21\n");
    expect_one("a.cpp", "int f(int a) {\n" IFS_21 "return 1;\n}\n",
               "int g(int a) {\n" IFS_21 "return 1;\n}\n", "");
    expect_one("a.cpp", "int f(int a) {\n" IFS_21 "return 1;\n}\nint last;\n",
               "int last;\nint f(int a) {\n" IFS_21 "return 1;\n}\n", "");
}

static void small_growth_is_no_news(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    expect_one("a.c", "int f(int a) {\n" IFS_15 "return 1;\n}\n",
               "int f(int a) {\n" IFS_15 "if (b) { x(); }\nreturn 1;\n}\n", "");
    expect_one("a.c", "int f(int a) {\n" MUCH "return 1;\n}\n",
               "int f(int a) {\n" MUCH IFS_15 "return 1;\n}\n", "");
    expect_one("a.c", "int f(int a) {\n" IFS_28 "return 1;\n}\n",
               "int f(int a) {\n" IFS_28 IFS_15 "return 1;\n}\n",
               "complexity-worse: f: cognitive complexity 28 → 43\n");
    expect_one("a.c", "int f(int a) {\n" IFS_28 "return 1;\n}\n",
               "int f(int a) {\n" IFS_21 "return 1;\n}\n", "");
}

static void growth_is_told_of_once(void **state) {
    (void)state;
    if (!language_has_tree(LANG_JAVASCRIPT))
        return;
    // Of the function that has a name, not of its callbacks too.
    expect_one("a.js", "function f(l) {\nl.map(a => {\nl.map(b => {\nx();\n});\n});\n}\n",
               "function f(l) {\nl.map(a => {\nl.map(b => {\n" IFS_21 "});\n});\n}\n",
               "complexity-worse: f: cognitive complexity 0 → 33\n");
    // Of the one inside where those around only hold it.
    expect_one("a.js", "(function () {\nvar y = c ? 1 : 2;\nfunction f(a) {\nx();\n}\n})();\n",
               "(function () {\nvar y = c ? 1 : 2;\nfunction f(a) {\n" IFS_21 "}\n})();\n",
               "complexity-worse: f: cognitive complexity 0 → 21\n");
    expect_one("a.js", "function g(a) {\n" IFS_15 "function f(a) {\nx();\n}\n}\n",
               "function g(a) {\n" IFS_15 "function f(a) {\n" IFS_21 "}\n}\n",
               "complexity-worse: f: cognitive complexity 0 → 21\n");
}

// Renamed while others were put in front of it.
static void a_renamed_function_is_known_by_its_name(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    expect_one("a.c", "int ssl_context_new(int a) {\n" IFS_21 "}\n",
               "int first(int a) {\n    return a;\n}\nint ssl_context_new0(int a, int b) {\n" IFS_21
               "}\n",
               "");
}

static void a_function_with_another_head_is_known_by_its_end(void **state) {
    (void)state;
    if (!language_has_tree(LANG_JAVA) || !language_has_tree(LANG_CPP))
        return;
    // A constructor gets one more parameter, and the old form calls it.
    expect_one("A.java", "class A {\n  A(int a) {\n    int z = a;\n" IFS_21 "  }\n}\n",
               "class A {\n  A(int a) {\n    this(a, 1);\n  }\n  A(int a, int b) {\n    int z = "
               "a;\n" IFS_21 "  }\n}\n",
               "");
    expect_one(
        "a.cpp",
        "int write(int a) {\n  return a;\n}\nint write_float(int a) {\n" IFS_21 "  return a;\n}\n",
        "int write(int a) {\n  return a;\n}\nint write(int a, int b) {\n" IFS_21 "  return a;\n}\n",
        "");
}

static void an_end_that_a_diff_finds_elsewhere_says_nothing(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    expect_one("a.c",
               "int draw(int a) {\n" IFS_21 "return a;\n}\n"
               "int other(int b) {\n  return give_back(1);\n}\n",
               "int draw(int c) {\n" IFS_28 "  return give_back(1);\n}\n",
               "complexity-worse: draw: cognitive complexity 21 → 28\n");
    // Of two with its name, and none of them in its place, the harder one.
    expect_one("a.cpp",
               "int at;\nint put(int a) {\n  return a;\n}\nint put(char *a) {\n" IFS_21
               "  return 2;\n}\nint end;\n",
               "int at;\nint end;\nint put(long a, long b, int c) {\n" IFS_21 "}\n", "");
}

static void what_is_wrapped_is_not_new(void **state) {
    (void)state;
    if (!language_has_tree(LANG_JAVASCRIPT))
        return;
    expect_one("a.js", "function get(a, resolve) {\n" IFS_21 "}\n",
               "function get(a) {\n  return new Promise(function send(resolve) {\n" IFS_21
               "  });\n}\n",
               "");
}

static void what_is_taken_in_is_no_growth(void **state) {
    (void)state;
    if (!language_has_tree(LANG_JAVASCRIPT))
        return;
    static const char before[] =
        "function f(a) {\n  return a;\n}\nfunction g(a) {\n" MUCH MUCH "}\n";
    expect_one("a.js", before, "function f(a) {\n" MUCH MUCH "}\n", "");
    expect_one("a.js", before,
               "function f(a) {\n" MUCH "  return a;\n}\nfunction g(a) {\n" MUCH MUCH "}\n",
               "complexity-worse: f: cognitive complexity 0 → 112\n");
}

static void what_moved_is_not_new(void **state) {
    static const char function[] =
        "int much_too_long(int a, int b) {\n    " IFS_21 "return a;\n}\n";
    char before[600], after[600];
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    (void)snprintf(before, sizeof before, "int a;\n%sint c;\n", function);
    (void)snprintf(after, sizeof after, "#include \"b.h\"\n\n%s", function);
    const struct side files[] = {{"a.c", before, "int a;\nint c;\n"},
                                 {"b.c", "#include \"b.h\"\n", after}};
    expect(files, 2, "");
    expect(files + 1, 1,
           "complexity-worse: new function much_too_long has cognitive complexity 21\n");
    // Nor with another head, and a line more: most of its lines are known.
    static const char body[] = IFS_21 IFS_15 "return give_back(a);\n}\n";
    (void)snprintf(before, sizeof before, "int a;\nstatic int much_too_long(int a) {\n%s", body);
    (void)snprintf(after, sizeof after, "#include \"b.h\"\nint\nmuch(int a)\n{\n%s", body);
    const struct side edited[] = {{"a.c", before, "int a;\n"},
                                  {"b.c", "#include \"b.h\"\n", after}};
    expect(edited, 2, "");
    expect(edited + 1, 1, "complexity-worse: new function much has cognitive complexity 36\n");
    // Also into a block, a level deeper.
    expect_one("a.c", "int f(int a) {\n    fetch(a);\n    a = a;\n    return give_back(a);\n}\n",
               "int f(int a) {\n    if (a) {\n        fetch(a);\n        a = a;\n        return "
               "give_back(a);\n    }\n    return 0;\n}\n",
               "");
}

// Eight lines, in each of which something was edited.
#define STEPS(list)                                                                                \
    "if (find(" list ", a)) { if (a > 1) { if (b) { add_to(" list ", a, 1); } } }\n"               \
    "if (size_of(" list ") > MANY) { if (a) { if (b) { cut(" list ", a); } } }\n"                  \
    "while (first_of(" list ") < a) { if (b) { drop_first(" list "); } }\n"                        \
    "if (changed) { if (a) { tell_all(" list ", a, changed); } }\n"

#define WALK                                                                                       \
    "for (node = first; node; node = node->next) { if (node->open) { while (node->left) { "        \
    "if (shrink(node, limit)) { break; } } } }\n"

static void what_was_edited_on_the_way_is_not_new(void **state) {
    char before[1200], after[1200];
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    (void)snprintf(before, sizeof before, "int a;\nstatic int add_host(int a) {\n%sreturn 0;\n}\n",
                   STEPS("self->inventory.hosts"));
    (void)snprintf(after, sizeof after, "int b;\nint add_dynamic_host(int a) {\n%sreturn 0;\n}\n",
                   STEPS("hosts"));
    const struct side moved[] = {{"a.c", before, "int a;\n"}, {"b.c", "int b;\n", after}};
    expect(moved, 2, "");
    expect(moved + 1, 1,
           "complexity-worse: new function add_dynamic_host has cognitive complexity 18\n");
    // Renamed where it stands, and half of its lines are still the same.
    (void)snprintf(before, sizeof before, "bool is_defined(int a) {\n%s%sreturn true;\n}\n",
                   STEPS("hosts"), IFS_15);
    (void)snprintf(after, sizeof after, "int node_of(int a, int b) {\n%s%sreturn a;\n}\n",
                   STEPS("hosts"), IFS_28);
    expect_one("a.c", before, after, "");
    // Another one in its place is another one.
    (void)snprintf(after, sizeof after, "int node_of(int a, int b) {\n%sreturn a;\n}\n",
                   WALK WALK WALK WALK WALK);
    expect_one("a.c", before, after,
               "complexity-worse: new function node_of has cognitive complexity 50\n");
}

static void small_parts_with_a_name_are_read_by_themselves(void **state) {
    static const char *const frame = "function f(a) {\n" IFS_15 "%sreturn a;\n}\n";
    char before[800], after[800];
    (void)state;
    if (!language_has_tree(LANG_JAVASCRIPT))
        return;
    (void)snprintf(before, sizeof before, frame, "");
    (void)snprintf(after, sizeof after, frame, "const g = (a) => {\n" IFS_15 "};\n");
    expect_one("a.js", before, after, "");
    (void)snprintf(after, sizeof after, frame, "a.map((a) => {\n" IFS_15 "});\n");
    expect_one("a.js", before, after, "complexity-worse: f: cognitive complexity 15 → 35\n");
}

static void an_edited_line_keeps_its_old_faults(void **state) {
    (void)state;
    if (!language_has_tree(LANG_GO))
        return;
    static const char frame[] = "package a\nfunc f() (int, error) {\n\terr := g()\n\tif err != nil "
                                "{\n\t\treturn %s\n\t}\n\treturn 1, nil\n}\n";
    char before[400], after[400];
    (void)snprintf(before, sizeof before, frame, "fmt.Errorf(\"no g: %v\", err)");
    (void)snprintf(after, sizeof after, frame, "0, fmt.Errorf(\"no g: %v\", err)");
    expect_one("a.go", before, after, "");
    (void)snprintf(before, sizeof before, frame, "0, errNoG");
    expect_one("a.go", before, after, "errorf-without-wrap: err is formatted with %v\n");
    // Each old one excuses one.
    expect_one("a.c", "void f(int a) {\n    a = a;\n}\n",
               "void f(int a) {\n    b = b;\n    c = c;\n}\n",
               "self-assignment: c is assigned to itself\n");
}

static void a_comment_that_moved_is_not_new(void **state) {
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    // The function below was written anew: only the words are the same.
    const struct side files[] = {
        {"a.c",
         "int a;\n// TO"
         "DO(jr): do we want to keep all of it?\nint f(void);\nint b;\n",
         "int a;\nint b;\n"},
        {"b.c", "int c;\n",
         "int c;\n/* TO"
         "DO(jr): do we want to keep all of it? */\nstatic const int g = 1;\n"}};
    expect(files, 2, "");
    expect(files + 1, 1,
           "todo-comment: TO"
           "DO(jr): do we want to keep all of it?\n");
    // Nor when it is spelled another way.
    const struct side again[] = {
        {"a.c", "/**\n * @todo do we want to keep all of it?\n */\nint f(void);\n",
         "// TO"
         "DO: Do we want to keep all of it?\nint f(void);\n"}};
    expect(again, 1, "");
    // Few words are written twice by chance.
    const struct side few[] = {{"a.c",
                                "int a;\n// TO"
                                "DO: count\nint f(void);\n",
                                "int a;\n"},
                               {"b.c", "int c;\n",
                                "int c;\n// TO"
                                "DO: count\nint g;\n"}};
    expect(few, 2,
           "todo-comment: TO"
           "DO: count\n");
}

static void places_of_a_copy_are_counted(void **state) {
    static const struct {
        const char *path;
        uint32_t line, end_line;
    } places[] = {
        {"b.c", 1, 9}, {"a.c", 30, 40}, {"a.c", 10, 20}, {"a.c", 12, 31}, {"a.c", 50, 60}};
    struct findings f = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct finding x = {
            .rule = &review_copied, .line = places[i].line, .end_line = places[i].end_line};
        (void)snprintf(x.message, sizeof x.message, "at %u", places[i].line);
        assert_int_equal(findings_add(&f, &x, places[i].path, i, NULL), 0);
    }
    struct finding other = {
        .rule = &review_dead_export, .line = 15, .end_line = 15, .message = "other"};
    assert_int_equal(findings_add(&f, &other, "a.c", 9, NULL), 0);
    findings_join(&f, &review_copied);
    findings_sort(&f);
    assert_int_equal(f.count, 4);
    assert_string_equal(f.list[0].message, "at 12, and at 2 more places");
    assert_int_equal(f.list[0].line, 12);
    assert_string_equal(f.list[1].message, "at 50");
    assert_string_equal(f.list[2].path, "b.c");
    assert_string_equal(f.list[3].message, "other");
    findings_done(&f);
}

static void failed_allocations_are_reported(void **state) {
    static const struct side side = {
        "a.c", "int f(int a) {\n" IFS_15 "a = a;\nreturn 1;\n}\nint g(int b) { b = b; }\n",
        "int f(int a) {\n" IFS_28 "b = b;\nc = c;\nreturn 1;\n}\nint h(int a) {\n" IFS_21 "}\n"};
    (void)state;
    if (!language_has_tree(LANG_C))
        return;
    AUTO_BUF all = BUF_INIT(1 << 20);
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct diff *d = NULL;
    assert_int_equal(review(&side, 1, &all), 0);
    assert_true(all.len > 0);
    put_diff(&text, &side);
    assert_int_equal(diff_parse(text.data, text.len, &d, NULL), 0);
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct findings found = {0};
        struct reviewer rv = {.syntax = syntax_new(), .findings = &found};
        const struct review_text x = {.path = side.path,
                                      .lang = LANG_C,
                                      .text = side.after,
                                      .bytes = strlen(side.after),
                                      .old = side.before,
                                      .old_bytes = strlen(side.before),
                                      .diff = d,
                                      .file = &d->files[0]};
        assert_non_null(rv.syntax);
        mem_fail_at(nth);
        int r = review_text(&rv, &x, NULL);
        done = mem_count() < nth;
        mem_fail_at(0);
        assert_true(r == 0 || (!done && r == ERR_NOMEM));
        syntax_free(rv.syntax);
        news_removed_done(&rv.removed);
        findings_done(&found);
    }
    diff_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_known_by_what_they_are_assigned_to),
        cmocka_unit_test(a_function_is_compared_with_the_one_it_was),
        cmocka_unit_test(small_growth_is_no_news),
        cmocka_unit_test(growth_is_told_of_once),
        cmocka_unit_test(a_renamed_function_is_known_by_its_name),
        cmocka_unit_test(a_function_with_another_head_is_known_by_its_end),
        cmocka_unit_test(an_end_that_a_diff_finds_elsewhere_says_nothing),
        cmocka_unit_test(what_is_wrapped_is_not_new),
        cmocka_unit_test(what_is_taken_in_is_no_growth),
        cmocka_unit_test(what_moved_is_not_new),
        cmocka_unit_test(a_comment_that_moved_is_not_new),
        cmocka_unit_test(what_was_edited_on_the_way_is_not_new),
        cmocka_unit_test(small_parts_with_a_name_are_read_by_themselves),
        cmocka_unit_test(an_edited_line_keeps_its_old_faults),
        cmocka_unit_test(places_of_a_copy_are_counted),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests_name("agents/news", tests, NULL, NULL);
}
