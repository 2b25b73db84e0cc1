// The rules of git, by example and against git itself.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/mem.h"
#include "core/workspace/ignore.h"

#include <stdlib.h>

static enum ignore_verdict verdict(const char *rules, const char *path) {
    struct ignore *ig = NULL;
    size_t n = strlen(path);
    bool folder = n && path[n - 1] == '/';
    assert_int_equal(ignore_new(rules, strlen(rules), "", false, NULL, &ig, NULL), 0);
    enum ignore_verdict v = ignore_match(ig, path, n - folder, folder);
    ignore_put(ig);
    return v;
}

static void rules_mean_what_git_says(void **state) {
    static const struct {
        const char *rules, *path;
        enum ignore_verdict verdict;
    } cases[] = {
        {"*.o", "a.o", IGNORE_YES},
        {"*.o", "x/y/a.o", IGNORE_YES},
        {"*.o", "a.c", IGNORE_UNKNOWN},
        {"/a.o", "x/a.o", IGNORE_UNKNOWN},
        {"/a.o", "a.o", IGNORE_YES},
        {"x/a.o", "y/x/a.o", IGNORE_UNKNOWN},
        {"build/", "build", IGNORE_UNKNOWN},
        {"build/", "x/build/", IGNORE_YES},
        {"*.o\n!keep.o", "keep.o", IGNORE_NO},
        {"!keep.o\n*.o", "keep.o", IGNORE_YES},
        {"**/foo", "foo", IGNORE_YES},
        {"**/foo", "a/b/foo", IGNORE_YES},
        {"foo/**", "foo/a/b", IGNORE_YES},
        {"foo/**", "foo/", IGNORE_UNKNOWN},
        {"a/**/b", "a/b", IGNORE_YES},
        {"a/**/b", "a/x/y/b", IGNORE_YES},
        {"a/**/b", "a/xb", IGNORE_UNKNOWN},
        {"a/*/b", "a/x/y/b", IGNORE_UNKNOWN},
        {"# no", "# no", IGNORE_UNKNOWN},
        {"\\#yes", "#yes", IGNORE_YES},
        {"\\!yes", "!yes", IGNORE_YES},
        {"a  ", "a", IGNORE_YES},
        {"a\\  ", "a ", IGNORE_YES},
        {"a\r\nb", "a", IGNORE_YES},
        {"\xef\xbb\xbf"
         "a",
         "a", IGNORE_YES},
        {"[a-c]x", "bx", IGNORE_YES},
        {"[!a-c]x", "bx", IGNORE_UNKNOWN},
        {"[]-]x", "]x", IGNORE_YES},
        {"[[:digit:]]", "7", IGNORE_YES},
        {"[[:nonsense:]]", "7", IGNORE_UNKNOWN},
        {"a[", "a[", IGNORE_UNKNOWN},
        {"a?c", "abc", IGNORE_YES},
        {"a?c", "a/c", IGNORE_UNKNOWN},
        {"a\\", "a\\", IGNORE_UNKNOWN},
        {"/", "a", IGNORE_UNKNOWN},
        {"//", "a", IGNORE_UNKNOWN},
        {"", "a", IGNORE_UNKNOWN},
        {"A.o", "a.o", IGNORE_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (verdict(cases[i].rules, cases[i].path) != cases[i].verdict)
            fail_msg("\"%s\" on %s: %d", cases[i].rules, cases[i].path,
                     verdict(cases[i].rules, cases[i].path));
}

static void rules_of_a_folder_hold_below_it_and_before_those_above(void **state) {
    struct ignore *above = NULL, *ig = NULL;
    (void)state;
    assert_int_equal(ignore_new("*.log\n/top", 10, "", false, NULL, &above, NULL), 0);
    assert_int_equal(ignore_new("!a.log\n/top2", 12, "sub", false, above, &ig, NULL), 0);
    ignore_put(above);
    assert_int_equal(ignore_match(ig, "sub/a.log", 9, false), IGNORE_NO);
    assert_int_equal(ignore_match(ig, "sub/b.log", 9, false), IGNORE_YES);
    assert_int_equal(ignore_match(ig, "sub/top2", 8, false), IGNORE_YES);
    assert_int_equal(ignore_match(ig, "sub/x/top2", 10, false), IGNORE_UNKNOWN);
    assert_int_equal(ignore_match(ig, "subway/a.log", 12, false), IGNORE_YES);
    assert_int_equal(ignore_match(ig, "top", 3, false), IGNORE_YES);
    ignore_put(ig);
}

static void case_is_folded_when_git_folds_it(void **state) {
    struct ignore *ig = NULL;
    (void)state;
    assert_int_equal(ignore_new("Build/\n*.OBJ", 12, "", true, NULL, &ig, NULL), 0);
    assert_int_equal(ignore_match(ig, "bUILD", 5, true), IGNORE_YES);
    assert_int_equal(ignore_match(ig, "x/a.obj", 7, false), IGNORE_YES);
    ignore_put(ig);
}

static void stars_against_long_names_end_soon(void **state) {
    char text[4000], pattern[400];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    assert_false(ignore_glob(pattern, sizeof pattern, text, sizeof text, false));
    for (size_t i = 0; i + 5 <= sizeof pattern; i += 5)
        memcpy(pattern + i, "**/a/", 5);
    for (size_t i = 1; i < sizeof text; i += 2)
        text[i] = '/';
    assert_false(ignore_glob(pattern, sizeof pattern - 1, text, sizeof text, false));
}

static void running_out_of_memory_leaves_nothing(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth < 20; nth++) {
        struct ignore *ig = NULL;
        mem_fail_at(nth);
        int r = ignore_new("a\nb", 3, "f", false, NULL, &ig, NULL);
        mem_fail_at(0);
        if (r == 0) {
            ignore_put(ig);
            assert_true(nth > 3);
            return;
        }
        assert_int_equal(r, -1);
    }
    fail();
}

// --- against git --------------------------------------------------------------------------------

static const char *const parts[] = {"a", "b",  "ab", "c.o", "a.c", "B",  "a b", "x[1]",
                                    "*", "a-", "]",  "\\x", "a.b", ".h", "#",   "!a"};
static const char *const pieces[] = {
    "*",     "**",     "?",    "/",     "a",   "b",           "ab",   ".",
    "[a-b]", "o",      "[!a]", "[^b-]", "\\",  "[[:alpha:]]", "*.o",  "**/",
    "/**",   "c",      " ",    "[]a]",  "[a",  "!",           "#",    "[[:space:][:digit:]]",
    "x",     "[\\]a]", "B",    "/**/",  "\\a", "[--0]",       "[a-]",
};

static size_t random_rules(uint64_t *seed, char *text, size_t max) {
    size_t n = 0;
    unsigned lines = 1 + tree_random(seed) % 6;
    for (unsigned i = 0; i < lines; i++) {
        if (tree_random(seed) % 5 == 0)
            n += (size_t)snprintf(text + n, max - n, "!");
        unsigned count = 1 + tree_random(seed) % 5;
        for (unsigned k = 0; k < count; k++)
            n += (size_t)snprintf(text + n, max - n, "%s",
                                  pieces[tree_random(seed) % COUNT_OF(pieces)]);
        if (tree_random(seed) % 4 == 0)
            n += (size_t)snprintf(text + n, max - n, "/");
        n += (size_t)snprintf(text + n, max - n, "\n");
    }
    return n;
}

static size_t random_path(uint64_t *seed, char *path, size_t max) {
    size_t n = 0;
    unsigned depth = 1 + tree_random(seed) % 4;
    for (unsigned i = 0; i < depth; i++)
        n += (size_t)snprintf(path + n, max - n, "%s%s", i ? "/" : "",
                              parts[tree_random(seed) % COUNT_OF(parts)]);
    return n;
}

// As git decides: a path is ignored when it or a folder above it is.
static bool is_ignored(const struct ignore *ig, const char *path, bool folder) {
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
        if (ignore_match(ig, path, (size_t)(slash - path), true) == IGNORE_YES)
            return true;
    return ignore_match(ig, path, strlen(path), folder) == IGNORE_YES;
}

enum { PATHS = 250, ROUNDS = 120 };
static char paths[PATHS][128];

// Paths that are there, so that git knows which are folders.
static void make_paths(const struct tree *t, uint64_t *seed) {
    for (int i = 0; i < PATHS; i++) {
        char probe[256];
        (void)random_path(seed, paths[i], sizeof paths[i]);
        bool folder = tree_random(seed) % 3 == 0;
        (void)snprintf(probe, sizeof probe, "%s%s", paths[i], folder ? "/d" : "/.d");
        tree_folder(t, probe);
    }
}

static void compare(const struct tree *t, const char *rules, size_t n) {
    static const char *const words[] = {"check-ignore", "--no-index", "--stdin", "-z", NULL};
    static char input[PATHS * 130];
    size_t bytes = 0, got;
    for (int i = 0; i < PATHS; i++) {
        memcpy(input + bytes, paths[i], strlen(paths[i]) + 1);
        bytes += strlen(paths[i]) + 1;
    }
    tree_write_bytes(t, ".gitignore", rules, n);
    char *ignored = tree_git(t, input, bytes, &got, 1, words);
    struct ignore *ig = NULL;
    assert_int_equal(ignore_new(rules, n, "", false, NULL, &ig, NULL), 0);
    const char *at = ignored, *end = ignored + got;
    for (int i = 0; i < PATHS; i++) {
        bool theirs = at < end && strcmp(at, paths[i]) == 0;
        bool ours = is_ignored(ig, paths[i], true);
        if (theirs != ours)
            fail_msg("git says %d, we say %d of \"%s\" under:\n%s", theirs, ours, paths[i], rules);
        at += theirs ? strlen(at) + 1 : 0;
    }
    assert_true(at == end);
    ignore_put(ig);
    free(ignored);
}

static void what_git_ignores_is_ignored(void **state) {
    struct tree t;
    uint64_t seed = 20261127;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    make_paths(&t, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        char rules[1024];
        compare(&t, rules, random_rules(&seed, rules, sizeof rules));
    }
    tree_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_mean_what_git_says),
        cmocka_unit_test(rules_of_a_folder_hold_below_it_and_before_those_above),
        cmocka_unit_test(case_is_folded_when_git_folds_it),
        cmocka_unit_test(stars_against_long_names_end_soon),
        cmocka_unit_test(running_out_of_memory_leaves_nothing),
        cmocka_unit_test(what_git_ignores_is_ignored),
    };
    return cmocka_run_group_tests_name("workspace/ignore", tests, NULL, NULL);
}
