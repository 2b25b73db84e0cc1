// git's index, in each of its forms, and damaged.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/workspace/tracked.h"

#include <stdlib.h>

static void read_index(const struct tree *t, struct buf *ret) {
    char path[256], chunk[4096];
    tree_path(t, ".git/index", path, sizeof path);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    buf_clear(ret);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        assert_int_equal(buf_append(ret, chunk, n), 0);
    (void)fclose(f);
}

static void fill(const struct tree *t) {
    char name[400];
    tree_write(t, "a.c", "1");
    tree_write(t, "dir/b.c", "2");
    tree_write(t, "dir/sub/c", "3");
    tree_write(t, "dir.c", "4");
    tree_write(t, "new\nline", "5");
    tree_write(t, "\xff\xfe", "6");
    memset(name, 'n', sizeof name);
    for (int i = 200; i < 399; i += 100)
        name[i] = '/';
    name[399] = '\0';
    tree_write(t, name, "7");
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "many/%d/file%d.c", i % 7, i);
        tree_write(t, name, "8");
    }
}

static void same_as_git(const struct tree *t) {
    AUTO_BUF bytes = {0};
    struct tracked *set = NULL;
    size_t n, count = 0;
    static const char *const list[] = {"ls-files", "-z", NULL};
    char *names = tree_git(t, NULL, 0, &n, 0, list);
    read_index(t, &bytes);
    assert_int_equal(tracked_parse(bytes.data, bytes.len, &set, NULL), 0);
    for (const char *at = names; at < names + n; at += strlen(at) + 1, count++) {
        assert_string_equal(tracked_path(set, (uint32_t)count), at);
        assert_true(tracked_has(set, at, strlen(at)));
    }
    assert_int_equal(tracked_count(set), count);
    assert_true(count > 300);
    assert_true(tracked_below(set, "dir", 3));
    assert_true(tracked_below(set, "many/3", 6));
    assert_true(tracked_below(set, "", 0));
    assert_false(tracked_below(set, "dir.c", 5));
    assert_false(tracked_below(set, "di", 2));
    assert_false(tracked_has(set, "dir", 3));
    assert_false(tracked_has(set, "a.cc", 4));
    assert_false(tracked_has(set, "a.", 2));
    tracked_free(set);
    free(names);
}

static void every_version_of_the_index_is_read(void **state) {
    struct tree t;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    fill(&t);
    tree_git_do(&t, "add -A");
    same_as_git(&t); // 2
    tree_write(&t, "later", "9");
    tree_git_do(&t, "add -N later");
    same_as_git(&t); // 3: extended flags
    tree_git_do(&t, "update-index --index-version 4");
    same_as_git(&t);
    tree_git_do(&t, "update-index --untracked-cache");
    tree_git_do(&t, "status --porcelain");
    same_as_git(&t); // with extensions
    tree_done(&t);
}

static void longer_object_names_are_understood(void **state) {
    struct tree t;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q --object-format=sha256");
    fill(&t);
    tree_git_do(&t, "add -A");
    same_as_git(&t);
    tree_git_do(&t, "update-index --index-version 4");
    same_as_git(&t);
    tree_done(&t);
}

static void a_split_index_is_refused(void **state) {
    struct tree t;
    AUTO_BUF bytes = {0};
    struct tracked *set = NULL;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    fill(&t);
    tree_git_do(&t, "add -A");
    tree_git_do(&t, "update-index --split-index");
    read_index(&t, &bytes);
    assert_true(tracked_parse(bytes.data, bytes.len, &set, NULL) < 0);
    tree_done(&t);
}

static void damage_is_refused_or_harmless(void **state) {
    struct tree t;
    AUTO_BUF bytes = {0};
    uint64_t seed = 7;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    fill(&t);
    tree_git_do(&t, "add -A");
    read_index(&t, &bytes);
    for (int i = 0; i < 3000; i++) {
        char *copy = malloc(bytes.len); // exactly as long, so that a look beyond is seen
        struct tracked *set = NULL;
        assert_non_null(copy);
        memcpy(copy, bytes.data, bytes.len);
        size_t n = i % 3 ? bytes.len : tree_random(&seed) % bytes.len;
        for (int k = 0; k < 4 && n; k++)
            copy[tree_random(&seed) % n] ^= (char)(1 << tree_random(&seed) % 8);
        char *cut = malloc(n ? n : 1);
        memcpy(cut, copy, n);
        if (tracked_parse(cut, n, &set, NULL) == 0)
            for (uint32_t p = 1; p < tracked_count(set); p++)
                assert_true(strcmp(tracked_path(set, p - 1), tracked_path(set, p)) < 0);
        tracked_free(set);
        free(cut);
        free(copy);
    }
    tree_done(&t);
}

static void running_out_of_memory_leaves_nothing(void **state) {
    static const uint8_t empty[] = "DIRC\0\0\0\2\0\0\0\0"
                                   "12345678901234567890";
    (void)state;
    for (uint64_t nth = 1; nth < 20; nth++) {
        struct tracked *set = NULL;
        mem_fail_at(nth);
        int r = tracked_parse(empty, sizeof empty - 1, &set, NULL);
        mem_fail_at(0);
        if (r == 0) {
            assert_int_equal(tracked_count(set), 0);
            tracked_free(set);
            assert_true(nth > 3);
            return;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_of_the_index_is_read),
        cmocka_unit_test(longer_object_names_are_understood),
        cmocka_unit_test(a_split_index_is_refused),
        cmocka_unit_test(damage_is_refused_or_harmless),
        cmocka_unit_test(running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests_name("workspace/tracked", tests, NULL, NULL);
}
