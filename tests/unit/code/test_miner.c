// What comes again is found, small and general; what is one project's own stays there.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/code/miner.h"
#include "core/code/patterns.h"
#include "core/code/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int add(struct miner *m, enum lang lang, const char *text, uint64_t author) {
    struct syntax *s = syntax_new();
    struct miner_source source = {.author = author, .project = author};
    if (!s)
        return ERR_NOMEM;
    int r = syntax_parse(s, lang, text, strlen(text), NULL, NULL);
    if (r == 0)
        r = miner_add(m, s, &source, NULL);
    syntax_free(s);
    return r;
}

// A file of its own names and numbers around one idiom.
static int add_variant(struct miner *m, int k, uint64_t author) {
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "int work%d(int own%d) {\n    char *own_buffer%d = malloc(%d);\n"
                   "    if (own_buffer%d == NULL) {\n        fprintf(stderr, \"own text %d\");\n"
                   "        return -1;\n    }\n    own_call%d(own%d * %d);\n    return own%d;\n}\n",
                   k, k, k, k + 100, k, k, k, k, k + 7, k);
    return add(m, LANG_C, text, author);
}

static const struct mined *find(const struct mined *list, uint32_t n, const char *text) {
    for (uint32_t k = 0; k < n; k++)
        if (strcmp(list[k].pattern->text, text) == 0)
            return &list[k];
    return NULL;
}

static void idiom_is_found_whatever_its_names(void **state) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    (void)state;
    for (int k = 0; k < 5; k++)
        assert_int_equal(add_variant(m, k, (uint64_t)k + 1), 0);
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    assert_true(n >= 1);
    const struct mined *idiom = find(list, n,
                                     "char *$A = malloc($N);\nif ($A == NULL) {\n    "
                                     "fprintf(stderr, $S);\n    return -1;\n}");
    assert_non_null(idiom);
    assert_int_equal(idiom->files, 5);
    assert_int_equal(idiom->count, 5);
    assert_true(idiom->authors >= 2);
    for (uint32_t k = 0; k < n; k++)
        assert_null(strstr(list[k].pattern->text, "own"));
    mined_free(list, n);
    miner_free(m);
}

static void few_files_or_one_author_are_not_enough(void **state) {
    (void)state;
    for (int gate = 0; gate < 3; gate++) {
        struct miner *m = miner_new(NULL);
        struct mined *list = NULL;
        uint32_t n = 0;
        for (int k = 0; k < (gate == 0 ? 2 : 4); k++)
            assert_int_equal(add_variant(m, k, gate == 0 ? (uint64_t)k + 1 : gate == 1 ? 7 : 0), 0);
        assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
        if (gate == 2) // authors are not known: files decide
            assert_true(n > 0);
        else
            assert_int_equal(n, 0);
        mined_free(list, n);
        miner_free(m);
    }
}

static void marked_files_give_nothing(void **state) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    struct syntax *s = syntax_new();
    const char *text = "void f(int a) { if (a < 0) { perror(\"x\"); exit(1); } }";
    struct miner_source source = {.secret = true};
    (void)state;
    assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
    for (int k = 0; k < 5; k++)
        assert_int_equal(miner_add(m, s, &source, NULL), 0);
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    assert_int_equal(n, 0);
    mined_free(list, n);
    syntax_free(s);
    miner_free(m);
}

// Equal at the top, different deep inside: neither is frequent, what they share is.
static void differences_become_holes(void **state) {
    static const char *const inner[] = {"strlen(a->name) + 1", "strlen(a->name) * 2",
                                        "strlen(a->name) - sizeof(b)"};
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    bool general = false;
    (void)state;
    for (int k = 0; k < 12; k++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "int f%d(struct a *a, int b) { if (a && a->name != NULL) { for (b = 0; b < "
                       "10; b++) { memcpy(a->name, a->name + b, malloc(%s)); } } return %d; }",
                       k, inner[k % 3], k);
        assert_int_equal(add(m, LANG_C, text, (uint64_t)k + 1), 0);
    }
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    for (uint32_t k = 0; k < n; k++)
        general = general || (strstr(list[k].pattern->text, "$...") && list[k].count >= 12);
    assert_true(general);
    mined_free(list, n);
    miner_free(m);
}

static int add_edit(struct miner *m, int k, uint64_t author) {
    char before[256], after[256];
    struct miner_source source = {.author = author};
    (void)snprintf(before, sizeof before,
                   "void f%d(char *mine%d, char *yours%d) {\n    start%d();\n    strcpy(mine%d, "
                   "yours%d);\n    stop%d();\n}\n",
                   k, k, k, k, k, k, k);
    (void)snprintf(after, sizeof after,
                   "void f%d(char *mine%d, char *yours%d) {\n    start%d();\n    snprintf(mine%d, "
                   "sizeof(mine%d), \"%%s\", yours%d);\n    stop%d();\n}\n",
                   k, k, k, k, k, k, k, k);
    return miner_add_edit(m, LANG_C, before, strlen(before), after, strlen(after), &source, NULL);
}

static void edits_are_found_with_names_shared(void **state) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    (void)state;
    for (int k = 0; k < 4; k++)
        assert_int_equal(add_edit(m, k, (uint64_t)k + 1), 0);
    // Nothing changed, or no code: nothing learnt, no error.
    assert_int_equal(miner_add_edit(m, LANG_C, "int a;", 6, "int a;", 6, NULL, NULL), 0);
    assert_int_equal(miner_add_edit(m, LANG_C, "int a;", 6, "int (", 5, NULL, NULL), 0);
    assert_int_equal(miner_add_edit(m, LANG_C, "", 0, "", 0, NULL, NULL), 0);
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    const struct mined *edit =
        find(list, n, "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)");
    assert_non_null(edit);
    assert_int_equal(edit->level, MINED_EDIT);
    assert_int_equal(edit->files, 4);
    mined_free(list, n);
    miner_free(m);
}

static void an_added_statement_is_seen_beside_its_neighbour(void **state) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    (void)state;
    for (int k = 0; k < 4; k++) {
        char before[256], after[256];
        struct miner_source source = {.author = (uint64_t)k + 1};
        (void)snprintf(before, sizeof before, "void f(void) { g%d(); free(p%d->x); }", k, k);
        (void)snprintf(after, sizeof after, "void f(void) { g%d(); free(p%d->x); p%d->x = NULL; }",
                       k, k, k);
        assert_int_equal(
            miner_add_edit(m, LANG_C, before, strlen(before), after, strlen(after), &source, NULL),
            0);
    }
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    assert_non_null(find(list, n, "free($A->$B)\n=>\nfree($A->$B);\n$A->$B = NULL;"));
    mined_free(list, n);
    miner_free(m);
}

// What is kept of a change is its text, and that teaches the same as the change did.
static void an_edit_goes_through_its_text(void **state) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0;
    (void)state;
    for (int k = 0; k < 4; k++) {
        char before[256], after[256];
        AUTO_BUF text = BUF_INIT(0);
        (void)snprintf(before, sizeof before,
                       "void f%d(char *a%d, char *b%d) { strcpy(a%d, b%d); }", k, k, k, k, k);
        (void)snprintf(after, sizeof after,
                       "void f%d(char *a%d, char *b%d) { strlcpy(a%d, b%d, 9); }", k, k, k, k, k);
        assert_int_equal(
            miner_edit_text(m, LANG_C, before, strlen(before), after, strlen(after), &text, NULL),
            0);
        assert_string_equal(text.data, "strcpy($A, $B)\n=>\nstrlcpy($A, $B, $N2)");
        // Twice in the first file: one file.
        for (int i = 0; i < (k ? 1 : 2); i++)
            assert_int_equal(miner_add_edit_text(m, LANG_C, text.data, text.len, NULL, i > 0, NULL),
                             0);
    }
    assert_int_equal(miner_add_edit_text(m, LANG_C, "f($A)", 5, NULL, false, NULL), 0);
    assert_int_equal(miner_add_edit_text(m, LANG_C, "=>", 2, NULL, false, NULL), 0);
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(list[0].count, 5);
    assert_int_equal(list[0].files, 4);
    assert_int_equal(list[0].level, MINED_EDIT);
    mined_free(list, n);
    miner_free(m);
}

static void a_new_name_is_no_edit(void **state) {
    static const char before[] = "void f(void) { if (old) free(old->list); }";
    static const char after[] = "void f(void) { if (fresh) free(fresh->list); }";
    struct miner *m = miner_new(NULL);
    AUTO_BUF text = BUF_INIT(0);
    (void)state;
    assert_int_equal(
        miner_edit_text(m, LANG_C, before, sizeof before - 1, after, sizeof after - 1, &text, NULL),
        0);
    assert_int_equal(text.len, 0);
    miner_free(m);
}

static void full_table_keeps_what_is_frequent(void **state) {
    struct miner_options o = {.entries_max = 300};
    struct miner *m = miner_new(&o);
    struct mined *list = NULL;
    uint32_t n = 0;
    (void)state;
    for (int k = 0; k < 200; k++) {
        struct buf text = BUF_INIT(0);
        (void)buf_printf(&text,
                         "void f%d(int a) {\n    if (a < 0) {\n        perror(\"a\");\n     "
                         "   exit(1);\n    }\n    apart();\n",
                         k);
        for (int i = 0; i < 6; i++) // forms that never come again
            (void)buf_printf(&text, "    while (a %s %s%d%s a) { a %s a; a %s a; }\n",
                             i % 2 ? "<" : ">", i % 3 ? "-a + " : "a * ", k, i % 2 ? "%" : "|",
                             k % 7 ? "+=" : "^=", (k + i) % 5 ? "-=" : "*=");
        for (int i = 0; i <= k % 20; i++)
            (void)buf_puts(&text, "    a = -a;\n    strlen(\"\"); a++;\n");
        (void)buf_puts(&text, "}\n");
        assert_int_equal(add(m, LANG_C, text.data, (uint64_t)k + 1), 0);
        buf_done(&text);
    }
    assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
    const struct mined *idiom = find(list, n, "if ($A < 0) {\n    perror($S);\n    exit(1);\n}");
    assert_non_null(idiom);
    assert_int_equal(idiom->files, 200);
    mined_free(list, n);
    miner_free(m);
}

static void equal_input_gives_equal_output(void **state) {
    struct buf out[2] = {BUF_INIT(0), BUF_INIT(0)};
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct miner *m = miner_new(NULL);
        struct mined *list = NULL;
        uint32_t n = 0;
        for (int k = 0; k < 6; k++)
            assert_int_equal(add_variant(m, k, 1 + (uint64_t)k), 0);
        assert_int_equal(miner_finish(m, NULL, &list, &n, NULL), 0);
        for (uint32_t k = 0; k < n; k++)
            (void)buf_printf(&out[run], "%s %u %.6f\n", list[k].pattern->text, list[k].count,
                             list[k].bits);
        mined_free(list, n);
        miner_free(m);
    }
    assert_string_equal(out[0].data, out[1].data);
    buf_done(&out[0]);
    buf_done(&out[1]);
}

static void every_failed_allocation_is_survived(void **state) {
    uint64_t n = 0;
    int r;
    (void)state;
    do {
        struct mined *list = NULL;
        uint32_t count = 0;
        mem_fail_at(++n);
        struct miner *m = miner_new(NULL);
        r = m ? 0 : ERR_NOMEM;
        for (int k = 0; r == 0 && k < 4; k++)
            r = add_variant(m, k, (uint64_t)k + 1);
        for (int k = 0; r == 0 && k < 4; k++)
            r = add_edit(m, k, (uint64_t)k + 1);
        if (r == 0)
            r = miner_finish(m, NULL, &list, &count, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        mined_free(list, count);
        miner_free(m);
    } while (r < 0);
    assert_in_range(n, 30, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idiom_is_found_whatever_its_names),
        cmocka_unit_test(few_files_or_one_author_are_not_enough),
        cmocka_unit_test(marked_files_give_nothing),
        cmocka_unit_test(differences_become_holes),
        cmocka_unit_test(edits_are_found_with_names_shared),
        cmocka_unit_test(an_edit_goes_through_its_text),
        cmocka_unit_test(a_new_name_is_no_edit),
        cmocka_unit_test(an_added_statement_is_seen_beside_its_neighbour),
        cmocka_unit_test(full_table_keeps_what_is_frequent),
        cmocka_unit_test(equal_input_gives_equal_output),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/miner", tests, NULL, NULL);
}
