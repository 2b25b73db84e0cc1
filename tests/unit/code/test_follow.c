// What the project's own code shows is said in the names of the place that asks; where places
// disagree, in comments and in texts nothing is said.
#include "core/base/mem.h"
#include "core/code/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OPEN(type, name)                                                                           \
    "struct " #type " *" #type "_open(const char *path) {\n"                                       \
    "    struct " #type " *" #name " = calloc(1, sizeof *" #name ");\n"                            \
    "    if (!" #name ")\n"                                                                        \
    "        return NULL;\n"                                                                       \
    "    " #name "->path = strdup(path);\n"                                                        \
    "    return " #name ";\n"                                                                      \
    "}\n"

static struct follow *made_of(const char *const *texts, enum lang lang) {
    struct follow *f = follow_new();
    uint32_t file;
    assert_non_null(f);
    for (; *texts; texts++)
        assert_int_equal(follow_add(f, lang, *texts, strlen(*texts), &file, NULL), 0);
    assert_int_equal(follow_finish(f, NULL), 0);
    return f;
}

// `text` has a '|' where it is asked. "" when nothing is said.
static const char *said(const struct follow *f, enum lang lang, const char *text,
                        size_t *replaced) {
    static char answer[2048];
    char copy[4096];
    size_t at = strcspn(text, "|"), n = strlen(text) - 1;
    struct follow_answer a;
    memcpy(copy, text, at);
    memcpy(copy + at, text + at + 1, n - at);
    struct follow_question q = {.lang = lang, .text = copy, .bytes = n, .at = at, .file = -1};
    assert_int_equal(follow_ask(f, &q, &a, NULL), 0);
    (void)snprintf(answer, sizeof answer, "%s", a.text.len ? a.text.data : "");
    if (a.text.len) {
        assert_true(a.agree <= a.places && a.agree * 100 >= a.places * FOLLOW_PERCENT);
        assert_true(a.files >= 1 && a.context >= 1);
    }
    if (replaced)
        *replaced = a.replaced;
    buf_done(&a.text);
    return answer;
}

static const char *const shop[] = {OPEN(till, t), OPEN(shelf, s), OPEN(basket, b), OPEN(door, d),
                                   NULL};

static void the_names_of_the_place_are_used(void **state) {
    struct follow *f = made_of(shop, LANG_C);
    (void)state;
    assert_string_equal(said(f, LANG_C,
                             "struct user *user_open(const char *where) {\n"
                             "    struct user *u = calloc(1, sizeof *u);\n"
                             "    |",
                             NULL),
                        "if (!u)\n        return NULL;\n    u->path = strdup(where);\n"
                        "    return u;");
    assert_string_equal(said(f, LANG_C,
                             "struct user *user_open(const char *where) {\n"
                             "    struct user *u = ca|",
                             NULL),
                        "lloc(1, sizeof *u);\n    if (!u)\n        return NULL;\n"
                        "    u->path = strdup(where);\n    return u;");
    follow_free(f);
}

static void brackets_that_an_editor_has_closed_are_replaced(void **state) {
    struct follow *f = made_of(shop, LANG_C);
    size_t replaced = 0;
    (void)state;
    assert_string_equal(said(f, LANG_C,
                             "struct user *user_open(const char *where) {\n"
                             "    struct user *u = calloc(|);\n}\n",
                             &replaced),
                        "1, sizeof *u);");
    assert_int_equal(replaced, 2);
    // The line does not end that way.
    assert_string_equal(said(f, LANG_C,
                             "struct user *user_open(const char *where) {\n"
                             "    struct user *u = calloc(|];\n}\n",
                             NULL),
                        "");
    // Something is written there already.
    assert_string_equal(said(f, LANG_C,
                             "struct user *user_open(const char *where) {\n"
                             "    struct user *u = calloc(| n);\n}\n",
                             NULL),
                        "");
    follow_free(f);
}

static void nothing_is_said_in_comments_and_texts(void **state) {
    static const char *const places[] = {
        "struct user *user_open(const char *where) {\n    // struct user *u = ca|",
        "struct user *user_open(const char *where) {\n    struct user *u = ca| // x",
        "/* struct user *user_open(const char *where) {\n    struct user *u = ca|",
        "struct user *user_open(const char *where) {\n    f(\"struct user *u = ca|",
        "struct user *user_open(const char *where) {\n    struct user *u = \"ca|",
    };
    struct follow *f = made_of(shop, LANG_C);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        assert_string_equal(said(f, LANG_C, places[i], NULL), "");
    // Behind a comment that is over it is code again.
    assert_string_not_equal(said(f, LANG_C,
                                 "struct user *user_open(const char *where) {\n"
                                 "    struct user *u = calloc(1, sizeof *u);\n"
                                 "    /* none? */\n    // none\n    |",
                                 NULL),
                            "");
    follow_free(f);
}

static void where_places_disagree_nothing_is_said(void **state) {
    static const char *const texts[] = {
        "void f(void) {\n    int n = count_all(x);\n    first_thing(n, 1);\n}\n",
        "void g(void) {\n    int n = count_all(x);\n    other_thing(n, 2);\n}\n",
        "void h(void) {\n    int n = count_all(x);\n    third_thing(n, 3);\n}\n", NULL};
    struct follow *f = made_of(texts, LANG_C);
    (void)state;
    assert_string_equal(said(f, LANG_C, "void k(void) {\n    int n = count_all(x);\n    |", NULL),
                        "");
    follow_free(f);
}

static void a_name_that_only_another_file_has_is_not_said(void **state) {
    static const char *const texts[] = {
        "void f(void) {\n    int n = count_all(x);\n    secret_total = add(n, secret_total);\n}\n"
        "void g(void) {\n    int n = count_all(y);\n    secret_total = add(n, secret_total);\n}\n"
        "void h(void) {\n    int n = count_all(z);\n    secret_total = add(n, secret_total);\n}\n",
        NULL};
    static const char place[] = "void k(void) {\n    int m = count_all(x);\n    |";
    struct follow *f = made_of(texts, LANG_C);
    (void)state;
    assert_string_equal(said(f, LANG_C, place, NULL), "");
    // Where that name is known it is.
    assert_string_equal(said(f, LANG_C,
                             "int secret_total;\nvoid k(void) {\n    int m = count_all(x);\n    |",
                             NULL),
                        "secret_total = add(m, secret_total);");
    follow_free(f);
}

static void indentation_tells_what_may_follow(void **state) {
    static const char *const texts[] = {
        "def a(x):\n    if x is None:\n        raise ValueError(\"x\")\n    return run(x)\n",
        "def b(y):\n    if y is None:\n        raise ValueError(\"y\")\n    return run(y)\n",
        "def c(z):\n    if z is None:\n        raise ValueError(\"z\")\n    return run(z)\n", NULL};
    struct follow *f = made_of(texts, LANG_PYTHON);
    (void)state;
    assert_string_equal(
        said(f, LANG_PYTHON, "def d(value):\n    if value is None:\n        |", NULL),
        "raise ValueError(");
    assert_string_equal(said(f, LANG_PYTHON, "def d(value):\n    if value is None:\n    |", NULL),
                        "");
    follow_free(f);
}

static void without_any_other_text_the_own_one_is_enough(void **state) {
    (void)state;
    assert_string_equal(said(NULL, LANG_C,
                             OPEN(till, t) OPEN(shelf, s)
                                 OPEN(basket, b) "struct user *user_open(const char *path) {\n"
                                                 "    struct user *u = calloc(1, sizeof *u);\n"
                                                 "    i|",
                             NULL),
                        "f (!u)\n        return NULL;\n    u->path = strdup(path);\n    return u;");
}

static void any_place_of_any_text_can_be_asked_about(void **state) {
    struct follow *f = made_of(shop, LANG_C);
    static const char text[] = OPEN(user, u) "\xff\xfe \"\n\\\n'x /* \r\n#include <a>\n\t\t}";
    (void)state;
    for (size_t at = 0; at <= sizeof text; at++) {
        struct follow_answer a;
        struct follow_question q = {
            .lang = LANG_C, .text = text, .bytes = sizeof text - 1, .at = at, .file = 2};
        assert_int_equal(follow_ask(f, &q, &a, NULL), 0);
        buf_done(&a.text);
    }
    follow_free(f);
}

static void every_failing_allocation_is_survived(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        uint32_t file;
        struct follow_answer a = {.text = BUF_INIT(0)};
        static const char text[] = "struct user *user_open(const char *where) {\n"
                                   "    struct user *u = calloc(1, sizeof *u);\n    ";
        struct follow_question q = {.lang = LANG_C,
                                    .text = text,
                                    .bytes = sizeof text - 1,
                                    .at = sizeof text - 1,
                                    .file = -1};
        mem_fail_at(n);
        struct follow *f = follow_new();
        int r = f ? 0 : ERR_NOMEM;
        for (unsigned i = 0; r == 0 && shop[i]; i++)
            r = follow_add(f, LANG_C, shop[i], strlen(shop[i]), &file, NULL);
        if (r == 0)
            r = follow_finish(f, NULL);
        if (r == 0)
            r = follow_ask(f, &q, &a, NULL);
        bool all = mem_count() < n;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        buf_done(&a.text);
        follow_free(f);
        if (all)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_the_place_are_used),
        cmocka_unit_test(brackets_that_an_editor_has_closed_are_replaced),
        cmocka_unit_test(nothing_is_said_in_comments_and_texts),
        cmocka_unit_test(where_places_disagree_nothing_is_said),
        cmocka_unit_test(a_name_that_only_another_file_has_is_not_said),
        cmocka_unit_test(indentation_tells_what_may_follow),
        cmocka_unit_test(without_any_other_text_the_own_one_is_enough),
        cmocka_unit_test(any_place_of_any_text_can_be_asked_about),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/follow", tests, NULL, NULL);
}
