// What unified diffs of every dialect say.
#include "core/base/mem.h"
#include "core/workspace/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct diff *parsed(const char *text) {
    struct diff *d = NULL;
    struct err err = {0};
    if (diff_parse(text, strlen(text), &d, &err) < 0)
        fail_msg("%s", err.message);
    return d;
}

static void hunks_are_exact_whatever_the_context(void **state) {
    (void)state;
    struct diff *d = parsed("From 1234 a mail around it\n---\n x | 2 +-\n\n"
                            "diff --git a/x b/x\nindex 123..456 100644\n--- a/x\n+++ b/x\n"
                            "@@ -1,7 +1,7 @@ int f(void) {\n a\n-b\n+B\n c\n\n d\n+e\n f\n-g\n"
                            "@@ -100,1 +100,2 @@\n-h\n+h\n+i\n\\ No newline at end of file\n");
    assert_int_equal(d->file_count, 1);
    assert_int_equal(d->hunk_count, 4);
    static const struct diff_hunk expected[] = {{2, 1, 2, 1, NULL, 6},
                                                {5, 0, 6, 1, NULL, 3},
                                                {7, 1, 7, 0, NULL, 3},
                                                {100, 1, 100, 2, NULL, 9}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const struct diff_hunk *h = &d->hunks[i], *e = &expected[i];
        if (h->old_start != e->old_start || h->old_count != e->old_count ||
            h->new_start != e->new_start || h->new_count != e->new_count ||
            h->text_bytes != e->text_bytes)
            fail_msg("hunk %zu: -%u,%u +%u,%u %u bytes", i, h->old_start, h->old_count,
                     h->new_start, h->new_count, h->text_bytes);
    }
    assert_memory_equal(d->hunks[0].text, "-b\n+B\n", 6);
    assert_int_equal(d->files[0].added, 4);
    assert_int_equal(d->files[0].removed, 3);
    assert_true(diff_touches(d, &d->files[0], 7, 7) && diff_touches(d, &d->files[0], 8, 9));
    assert_false(diff_touches(d, &d->files[0], 3, 5));
    diff_free(d);
}

static void names_and_kinds_are_read(void **state) {
    (void)state;
    struct diff *d = parsed(
        "diff --git \"a/quo\\\"te\\n\\303\\274\" \"b/quo\\\"te\\n\\303\\274\"\n"
        "--- \"a/quo\\\"te\\n\\303\\274\"\n+++ \"b/quo\\\"te\\n\\303\\274\"\n@@ -1 +1 @@\n-a\n+b\n"
        "diff --git a/with space b/with space\nold mode 100644\nnew mode 100755\n"
        "diff --git a/empty b/empty\nnew file mode 100644\nindex 000..e69\n"
        "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 "
        "@@\n-x\n"
        "diff --git a/dir/old b/new\nsimilarity index 90%\nrename from dir/old\nrename to new\n"
        "--- a/dir/old\n+++ b/new\n@@ -3 +3 @@\n-a\n+b\n"
        "diff --git a/from b/copy\nsimilarity index 100%\ncopy from from\ncopy to copy\n"
        "diff --git a/pic b/pic\nindex 1..2 100644\nBinary files a/pic and b/pic differ\n"
        "diff --git a/kind b/kind\ndeleted file mode 100644\n--- a/kind\n+++ /dev/null\n@@ -1 +0,0 "
        "@@\n-x\n"
        "diff --git a/kind b/kind\nnew file mode 120000\n--- /dev/null\n+++ b/kind\n@@ -0,0 +1 "
        "@@\n+y\n"
        "* Unmerged path both\n");
    static const struct {
        const char *path;
        enum diff_status status;
    } expected[] = {{"quo\"te\n\xc3\xbc", DIFF_MODIFIED},
                    {"with space", DIFF_MODIFIED},
                    {"empty", DIFF_ADDED},
                    {"gone", DIFF_DELETED},
                    {"new", DIFF_RENAMED},
                    {"copy", DIFF_COPIED},
                    {"pic", DIFF_MODIFIED},
                    {"kind", DIFF_TYPE},
                    {"both", DIFF_UNMERGED}};
    assert_int_equal(d->file_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const struct diff_file *f = diff_find(d, expected[i].path);
        if (!f || f != &d->files[i] || f->status != (int)expected[i].status)
            fail_msg("%s: %c", expected[i].path, f ? f->status : '?');
    }
    assert_string_equal(diff_find(d, "new")->old_path, "dir/old");
    assert_true(diff_find(d, "pic")->binary);
    assert_int_equal(diff_find(d, "with space")->new_mode, 0100755);
    assert_int_equal(diff_find(d, "kind")->hunk_count, 2);
    assert_null(diff_find(d, "dir/old"));
    assert_null(diff_find(d, "gone")->new_path);
    diff_free(d);
}

static void plain_diffs_and_foreign_prefixes_are_read(void **state) {
    (void)state;
    struct diff *d =
        parsed("Only in x: y\ndiff -ru old/a.c new/a.c\n"
               "--- old/a.c\t2024-01-01 10:00:00 +0000\n+++ new/a.c\t2024-01-01\n"
               "@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/fresh.c\n@@ -0,0 +1 @@\n+a\n");
    assert_non_null(diff_find(d, "new/a.c"));
    assert_int_equal(diff_find(d, "fresh.c")->status, DIFF_ADDED);
    diff_free(d);
    d = parsed("diff --git i/x.c w/x.c\r\n--- i/x.c\r\n+++ w/x.c\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n");
    assert_non_null(diff_find(d, "x.c"));
    diff_free(d);
    // Removed and added lines that look like heads.
    d = parsed(
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- y\n+++ z\n-@@ -1 +1 @@\n+diff --git a/q b/q\n");
    assert_int_equal(d->file_count, 1);
    assert_int_equal(d->files[0].removed, 2);
    diff_free(d);
    d = parsed("");
    assert_int_equal(d->file_count, 0);
    diff_free(d);
}

static void what_is_no_diff_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *word;
    } refused[] = {
        {"hello\n", "no unified diff"},
        {"--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-a\n", "line 5"},
        {"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n-b\n", "line 5"},
        {"--- a/x\n+++ b/x\n@@ -1 +1 @@\n*a\n", "begins with none"},
        {"--- a/x\n+++ b/x\n@@ x @@\n", "head of a hunk"},
        {"--- a/x\n+++ b/x\n@@ -99999999999 +1 @@\n", "head of a hunk"},
        {"@@ -1 +1 @@\n-a\n+b\n", "hunk of no file"},
        {"diff --cc x\n@@@ -1 -1 +1 @@@\n", "combined"},
        {"--- \"a/x\n+++ b/x\n", "does not end"},
        {"--- \"a/x\\000\"\n+++ b/x\n", "does not end"},
        {"diff --git a/x b/y\nindex 1..2\n", "without a name"},
        {"--- /dev/null\n+++ /dev/null\n", "without a name"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct diff *d = NULL;
        struct err err = {0};
        int r = diff_parse(refused[i].text, strlen(refused[i].text), &d, &err);
        if (r != ERR_PARSE || (!strstr(err.message, refused[i].word) &&
                               strcmp(refused[i].word, "without a name") != 0))
            fail_msg("%s: %d %s", refused[i].text, r, err.message);
    }
}

static void no_failed_allocation_leaks_or_breaks(void **state) {
    static const char text[] = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct diff *d = NULL;
        mem_fail_at(n);
        int r = diff_parse(text, sizeof text - 1, &d, NULL);
        mem_fail_at(0);
        diff_free(r == 0 ? d : NULL);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_true(n < 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hunks_are_exact_whatever_the_context),
        cmocka_unit_test(names_and_kinds_are_read),
        cmocka_unit_test(plain_diffs_and_foreign_prefixes_are_read),
        cmocka_unit_test(what_is_no_diff_is_refused_with_its_line),
        cmocka_unit_test(no_failed_allocation_leaks_or_breaks),
    };
    return cmocka_run_group_tests_name("workspace/diff", tests, NULL, NULL);
}
