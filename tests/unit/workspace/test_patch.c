// Patches as models write them: found, applied in memory, printed as git takes them.
#include "core/workspace/patch.h"

#include "core/base/mem.h"
#include "core/workspace/diff.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char TILL[] = "int a;\nint b;\nint c;\n\nint main(void) {\n    return a;\n}\n";

// Applies the only file of `text` to `old`; what it becomes, or the error's code and words.
static int try(const char *text, const char *old, char out[4096], char diff[4096]) {
    struct patch *p = NULL;
    struct err err = {0};
    AUTO_BUF fresh = {0};
    AUTO_BUF printed = BUF_INIT(64 * 1024);
    out[0] = '\0';
    int r = patch_parse(text, strlen(text), &p, &err);
    if (r == 0)
        r = patch_apply(p, 0, old, strlen(old), &fresh, &err);
    if (r == 0)
        r = patch_print(patch_file(p, 0), old, strlen(old), fresh.data, fresh.len, &printed, &err);
    (void)snprintf(out, 4096, "%s", r < 0 ? err.message : fresh.len ? fresh.data : "");
    if (diff)
        (void)snprintf(diff, 4096, "%s", printed.len ? printed.data : "");
    patch_free(p);
    return r;
}

static void becomes(const char *text, const char *old, const char *wanted) {
    char out[4096];
    int r = try(text, old, out, NULL);
    if (r < 0)
        print_error("%s\n", out);
    assert_int_equal(r, 0);
    assert_string_equal(out, wanted);
}

static void fails(const char *text, const char *old, int code, const char *words) {
    char out[4096];
    assert_int_equal(try(text, old, out, NULL), code);
    if (!strstr(out, words))
        print_error("%s\n", out);
    assert_non_null(strstr(out, words));
}

#define HEAD "--- a/till.c\n+++ b/till.c\n"

static void numbers_of_lines_may_be_wrong(void **state) {
    (void)state;
    static const char *const heads[] = {"@@ -2,2 +2,2 @@\n", "@@ -40,9 +41 @@ int x\n", "@@ @@\n",
                                        "@@ ... @@\n"};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        char text[256], diff[4096], out[4096];
        (void)snprintf(text, sizeof text, HEAD "%s int b;\n-int c;\n+int d;\n", heads[i]);
        becomes(text, TILL, "int a;\nint b;\nint d;\n\nint main(void) {\n    return a;\n}\n");
        assert_int_equal(try(text, TILL, out, diff), 0);
        assert_string_equal(diff, "diff --git a/till.c b/till.c\n" HEAD
                                  "@@ -1,6 +1,6 @@\n int a;\n int b;\n-int c;\n+int d;\n \n int "
                                  "main(void) {\n     return a;\n");
    }
}

static void a_place_must_be_the_only_one(void **state) {
    (void)state;
    static const char twice[] = "x\ny\n-\nx\ny\n";
    becomes(HEAD "@@ -4,1 +4,1 @@\n-x\n+z\n", twice, "x\ny\n-\nz\ny\n"); // the number says which
    fails(HEAD "@@ -9,1 +9,1 @@\n-x\n+z\n", twice, ERR_INVAL, "stand at 1 and at 4");
    fails(HEAD "@@ @@\n-w\n+z\n", twice, ERR_INVAL, "are not in the file");
    fails(HEAD "@@ @@\n--\n+=\n@@ @@\n-y\n+z\n@@ @@\n-x\n+q\n", twice, ERR_INVAL,
          "behind the hunk before");
    fails(HEAD "@@ -1 +1 @@\n-X\n+z\n", twice, ERR_INVAL, "hunk 1 (line 3 of the patch)");
    becomes(HEAD "@@ @@\n--\n+=\n@@ @@\n x\n-y\n+2\n", twice, "x\ny\n=\nx\n2\n");
}

static void lines_that_only_come_in_need_a_place(void **state) {
    (void)state;
    becomes(HEAD "@@ -2,0 +3 @@\n+new\n", "a\nb\nc\n", "a\nb\nnew\nc\n");
    becomes(HEAD "@@ @@\n b\n+new\n", "a\nb\nc\n", "a\nb\nnew\nc\n");
    fails(HEAD "@@ @@\n+new\n", "a\nb\nc\n", ERR_INVAL, "only adds");
    fails(HEAD "@@ -9,0 +9 @@\n+new\n", "a\nb\nc\n", ERR_INVAL, "only adds");
    becomes("--- /dev/null\n+++ b/n.c\n@@ -0,0 +1,2 @@\n+one\n+two\n", "", "one\ntwo\n");
    fails("--- /dev/null\n+++ b/n.c\n@@ -0,0 +1 @@\n-one\n+two\n", "", ERR_PARSE, "has old lines");
}

static void ends_of_files_are_kept(void **state) {
    (void)state;
    char out[4096], diff[4096];
    becomes(HEAD "@@ -1 +1 @@\n-a\n+b\n", "a\nlast", "b\nlast");
    becomes(HEAD "@@ -2 +2 @@\n-last\n\\ No newline at end of file\n+end\n", "a\nlast", "a\nend\n");
    becomes(HEAD "@@ -2 +2 @@\n-last\n+end\n\\ No newline at end of file\n", "a\nlast\n", "a\nend");
    becomes(HEAD "@@ -2 +2,2 @@\n last\n+more\n", "a\nlast", "a\nlast\nmore\n");
    assert_int_equal(try(HEAD "@@ -2 +2 @@\n-last\n+end\n\\ No newline at end of file\n",
                         "a\nlast\n", out, diff),
                     0);
    assert_non_null(strstr(diff, "+end\n\\ No newline at end of file\n"));
    becomes(HEAD "@@ -1 +1 @@\n-a\n+b\n", "a\r\nc\r\n", "b\r\nc\r\n"); // models write no \r
    becomes(HEAD "@@ -1 +1 @@\n-a\r\n+b\r\n", "a\r\nc\r\n", "b\r\nc\r\n");
}

static void a_file_is_deleted_whole_or_not(void **state) {
    (void)state;
    char out[4096], diff[4096];
    static const char gone[] = "--- a/till.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n";
    assert_int_equal(try(gone, "a\nb\n", out, diff), 0);
    assert_string_equal(out, "");
    assert_string_equal(diff, "diff --git a/till.c b/till.c\ndeleted file mode 100644\n--- "
                              "a/till.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n");
    fails(gone, "a\nb\nc\n", ERR_INVAL, "leaves lines of it");
}

static void what_looks_like_a_head_is_a_line(void **state) {
    (void)state;
    becomes(HEAD "@@ -1,3 +1,2 @@\n a\n--- b\n c\n", "a\n-- b\nc\n", "a\nc\n");
    becomes(HEAD "@@ -1,3 +1,3 @@\n a\n\n-c\n+d\n", "a\n\nc\n", "a\n\nd\n"); // a blank that is lost
    becomes(HEAD "@@ -1 +1 @@\n-a\n+b\n\n\n", "a\nc\n", "b\nc\n");
    fails(HEAD "@@ -1 +1 @@\n-a\nint x;\n+b\n", "a\n", ERR_PARSE, "outside of a hunk");
}

static void paths_stay_below(void **state) {
    (void)state;
    static const char *const bad[] = {
        "/etc/passwd", "../x",  "a/../../x", ".git/config", "sub/.GIT/hooks/x",
        "a//b",        "./",    "",          "a\\b",        "x/.",
        "a\001b",      "\"a\"", "a\xff"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "--- a/%s\n+++ b/%s\n@@ -1 +1 @@\n-a\n+b\n", bad[i],
                       bad[i]);
        fails(text, "a\n", ERR_PERM, "line 2 of the patch");
        (void)snprintf(text, sizeof text, "--- /dev/null\n+++ %s\n@@ -0,0 +1 @@\n+b\n", bad[i]);
        fails(text, "", ERR_PERM, "path");
    }
    becomes("--- ./x.c\n+++ ./x.c\n@@ -1 +1 @@\n-a\n+b\n", "a\n", "b\n");
    becomes("--- a/a b.c\t2020-01-01\n+++ b/a b.c\t2020-01-01\n@@ -1 +1 @@\n-a\n+b\n", "a\n",
            "b\n");
}

static void what_it_cannot_do_is_said(void **state) {
    (void)state;
    fails("diff --git a/x b/y\nrename from x\nrename to y\n", "", ERR_UNSUPPORTED, "renames");
    fails("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "a\n", ERR_UNSUPPORTED, "renames");
    fails(
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n",
        "", ERR_UNSUPPORTED, "plain files");
    fails("GIT binary patch\n", "", ERR_UNSUPPORTED, "binary");
    fails("old mode 100644\n", "", ERR_UNSUPPORTED, "modes");
    fails("nothing\n", "", ERR_PARSE, "no file is named");
    fails(HEAD "@@ -1 +1 @@\n a\n", "a\n", ERR_PARSE, "not changed");
    fails("@@ -1 +1 @@\n-a\n+b\n", "a\n", ERR_PARSE, "without the names");
    fails(HEAD "@@ -1 +1 @@\n-a\n+b\n--- a/o\n+++ b/o\n@@ @@\n-a\n+b\n" HEAD "@@ @@\n-b\n+c\n",
          "a\n", ERR_PARSE, "already");
    becomes(HEAD "@@ -1 +1 @@\n-a\n+b\n" HEAD "@@ @@\n-c\n+d\n", "a\nc\n", "b\nd\n");
}

static void many_files_are_read_in_order(void **state) {
    (void)state;
    static const char text[] = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 "
                               "@@\n-a\n+b\ndiff --git a/n.sh b/n.sh\nnew file mode 100755\n--- "
                               "/dev/null\n+++ b/n.sh\n@@ -0,0 +1 @@\n+go\n--- a/o\n+++ /dev/null\n"
                               "@@ -1 +0,0 @@\n-old\n";
    struct patch *p;
    assert_int_equal(patch_parse(text, strlen(text), &p, NULL), 0);
    assert_int_equal(patch_count(p), 3);
    assert_int_equal(patch_file(p, 0)->kind, PATCH_CHANGE);
    assert_false(patch_file(p, 0)->executable);
    assert_int_equal(patch_file(p, 1)->kind, PATCH_ADD);
    assert_true(patch_file(p, 1)->executable);
    assert_string_equal(patch_file(p, 1)->path, "n.sh");
    assert_int_equal(patch_file(p, 2)->kind, PATCH_DELETE);
    patch_free(p);
}

// A package's __init__.py, mostly.
static void files_without_a_line_come_and_go(void **state) {
    (void)state;
    static const char text[] = "diff --git a/p/__init__.py b/p/__init__.py\nnew file mode "
                               "100644\nindex 0000000..e69de29\ndiff --git a/o b/o\r\ndeleted file "
                               "mode 100644\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 "
                               "@@\n-a\n+b\ndiff --git a/run b b/run b\nnew file mode 100755\n";
    struct patch *p;
    char out[4096], diff[4096];
    assert_int_equal(patch_parse(text, strlen(text), &p, NULL), 0);
    assert_int_equal(patch_count(p), 4);
    assert_string_equal(patch_file(p, 0)->path, "p/__init__.py");
    assert_int_equal(patch_file(p, 0)->kind, PATCH_ADD);
    assert_string_equal(patch_file(p, 1)->path, "o");
    assert_int_equal(patch_file(p, 1)->kind, PATCH_DELETE);
    assert_int_equal(patch_file(p, 2)->kind, PATCH_CHANGE);
    assert_string_equal(patch_file(p, 3)->path, "run b");
    assert_true(patch_file(p, 3)->executable);
    patch_free(p);
    assert_int_equal(try("diff --git a/e b/e\nnew file mode 100644\n", "", out, diff), 0);
    assert_string_equal(diff, "diff --git a/e b/e\nnew file mode 100644\n");
    fails("diff --git a/x b/y\nnew file mode 100644\n", "", ERR_PARSE, "cannot be read");
    fails("diff --git \nnew file mode 100644\n", "", ERR_PARSE, "cannot be read");
    fails("diff --git a/../x b/../x\nnew file mode 100644\n", "", ERR_PERM, "odd characters");
    fails("diff --git a/x b/x\n", "", ERR_PARSE, "no file is named");
    fails("diff --git a/x b/x\nnew file mode 100644\ndiff --git a/x b/x\ndeleted file mode "
          "100644\n",
          "", ERR_PARSE, "already");
}

// Lines that are all alike make the search for a hunk's place quadratic: it ends.
static void a_search_for_a_place_ends(void **state) {
    (void)state;
    enum { LINES = 900000, WANTED = 50000 };
    AUTO_BUF old = BUF_INIT(4 * LINES), text = BUF_INIT(PATCH_BYTES_MAX), fresh = {0};
    struct patch *p = NULL;
    struct err err = {0};
    for (int i = 0; i < LINES; i++)
        (void)buf_puts(&old, "a\n");
    (void)buf_puts(&text, HEAD "@@ -800000 +800000 @@\n");
    for (int i = 0; i < WANTED; i++)
        (void)buf_puts(&text, " a\n");
    (void)buf_puts(&text, "-b\n");
    assert_int_equal(patch_parse(text.data, text.len, &p, &err), 0);
    assert_int_equal(patch_apply(p, 0, old.data, old.len, &fresh, &err), ERR_LIMIT);
    assert_non_null(strstr(err.message, "right line numbers"));
    patch_free(p);
}

static void extracted(const char *said, int wanted, const char *patch, const char *prose) {
    AUTO_BUF out = BUF_INIT(4096);
    AUTO_BUF rest = BUF_INIT(4096);
    assert_int_equal(patch_extract(said, strlen(said), &out, &rest, NULL), wanted);
    assert_string_equal(out.len ? out.data : "", patch);
    if (wanted) {
        (void)buf_putc(&rest, '|');
        assert_string_equal(rest.data, prose);
    }
}

static void a_patch_is_found_in_what_was_said(void **state) {
    (void)state;
    extracted("Here:\n```diff\n" HEAD "@@ @@\n-a\n+b\n```\nDone.\n", 1, HEAD "@@ @@\n-a\n+b\n",
              "Here:\nDone.\n|");
    extracted("```c\nint x;\n```\n~~~~patch\nA\n```\n~~~~\n", 1, "A\n```\n",
              "```c\nint x;\n```\n|");
    extracted("```diff\n+a\n ```\n```\nx", 1, "+a\n ```\n", "x|"); // a line of a Markdown file
    extracted("Words\n" HEAD "@@ @@\n-a\n", 1, HEAD "@@ @@\n-a\n", "Words\n|");
    extracted("Words\ndiff --git a/x b/x\n" HEAD "@@ @@\n", 1,
              "diff --git a/x b/x\n" HEAD "@@ @@\n", "Words\n|");
    extracted("No patch.\n--- a rule\nmore\n", 0, "", "");
    extracted("", 0, "", "");
    extracted("```diff\n+a", 1, "+a", "|"); // cut
}

static void maxima_are_kept(void **state) {
    (void)state;
    AUTO_BUF text = {0};
    struct patch *p = NULL;
    for (int i = 0; i <= PATCH_FILES_MAX; i++)
        (void)buf_printf(&text, "--- a/f%d\n+++ b/f%d\n@@ -1 +1 @@\n-a\n+b\n", i, i);
    assert_int_equal(patch_parse(text.data, text.len, &p, NULL), ERR_LIMIT);
    buf_clear(&text);
    (void)buf_puts(&text, HEAD);
    for (int i = 0; i <= PATCH_HUNKS_MAX; i++)
        (void)buf_puts(&text, "@@ -1 +1 @@\n-a\n+b\n");
    assert_int_equal(patch_parse(text.data, text.len, &p, NULL), ERR_LIMIT);
    buf_clear(&text);
    (void)buf_puts(&text, HEAD "@@ -1 +1 @@\n");
    for (int i = 0; i <= PATCH_LINES_MAX; i++)
        (void)buf_puts(&text, "-a\n");
    assert_int_equal(patch_parse(text.data, text.len, &p, NULL), ERR_LIMIT);
    buf_clear(&text);
    while (text.len <= PATCH_BYTES_MAX)
        (void)buf_puts(&text, "some text that is no patch, again and again and again\n");
    assert_int_equal(patch_parse(text.data, text.len, &p, NULL), ERR_LIMIT);
    assert_int_equal(patch_parse("a\0b", 3, &p, NULL), ERR_PARSE);
}

static void memory_that_is_refused_is_an_error(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        char out[4096];
        mem_fail_at(n);
        int r = try(HEAD "@@ -2,2 +2,2 @@\n int b;\n-int c;\n+int d;\n", TILL, out, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM || r == ERR_LIMIT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_lines_may_be_wrong),
        cmocka_unit_test(a_place_must_be_the_only_one),
        cmocka_unit_test(lines_that_only_come_in_need_a_place),
        cmocka_unit_test(ends_of_files_are_kept),
        cmocka_unit_test(a_file_is_deleted_whole_or_not),
        cmocka_unit_test(what_looks_like_a_head_is_a_line),
        cmocka_unit_test(paths_stay_below),
        cmocka_unit_test(what_it_cannot_do_is_said),
        cmocka_unit_test(many_files_are_read_in_order),
        cmocka_unit_test(files_without_a_line_come_and_go),
        cmocka_unit_test(a_search_for_a_place_ends),
        cmocka_unit_test(a_patch_is_found_in_what_was_said),
        cmocka_unit_test(maxima_are_kept),
        cmocka_unit_test(memory_that_is_refused_is_an_error),
    };
    return cmocka_run_group_tests_name("workspace/patch", tests, NULL, NULL);
}
