// Our own ways through tree-sitter (third_party/tree_sitter, syntax_flatten.c) give what its public
// interface gives: for whole files, for damaged ones, for any text in any language.
#include "core/base/mem.h"
#include "core/code/syntax.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef PAIRED_TREE_UNIT
#include <tree_sitter/memory.h>
#endif

enum { TEXT_BYTES_MAX = 64 * 1024, PATH_BYTES = 512, FILES_MAX = 48 };

static const struct syntax_limits unhurried = {.ms = 60000};

struct both {
    struct syntax *ours, *plain;
    unsigned compared, broken;
};

static struct both both_new(void) {
    struct both b = {.ours = syntax_new(), .plain = syntax_new()};
    assert_true(b.ours && b.plain);
    b.plain->plain = true;
    return b;
}

static void both_free(struct both *b) {
    syntax_free(b->ours);
    syntax_free(b->plain);
}

static uint64_t next(uint64_t *x) { // xorshift64
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

static void compare(struct both *b, enum lang lang, const char *text, size_t n, const char *what) {
    int r = syntax_parse(b->ours, lang, text, n, &unhurried, NULL);
    assert_int_equal(syntax_parse(b->plain, lang, text, n, &unhurried, NULL), r);
    const struct syntax *o = b->ours, *p = b->plain;
    if (r < 0)
        return;
    if (o->count != p->count || o->errors != p->errors || o->lines != p->lines ||
        memcmp(o->nodes, p->nodes, o->count * sizeof *o->nodes) != 0)
        fail_msg("%s as %s: another tree of %.*s", what, language_name(lang), (int)n, text);
    b->compared++;
    b->broken += o->errors > 0;
}

static void damage(char *text, size_t n, uint64_t *seed) {
    static const char odd[] = "(){}[];\"'`#/*\\\n\t :,=<x\xc3\xf0\0";
    for (size_t changes = 1 + next(seed) % 4; changes && n; changes--)
        text[next(seed) % n] = odd[next(seed) % sizeof odd];
}

static size_t read_file(const char *path, char *text) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(text, 1, TEXT_BYTES_MAX, file);
    (void)fclose(file);
    return n;
}

typedef void file_fn(struct both *b, const char *path, char *text, size_t n);

static void for_each_file(struct both *b, const char *folder, file_fn *fn) {
    struct dirent *e;
    DIR *dir = opendir(folder);
    char path[PATH_BYTES], *text = mem_alloc(TEXT_BYTES_MAX);
    assert_true(dir && text);
    for (unsigned files = 0; (e = readdir(dir)) != NULL && files < FILES_MAX; files++) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        fn(b, path, text, read_file(path, text));
    }
    mem_free(text);
    (void)closedir(dir);
}

static void as_it_is_and_damaged(struct both *b, const char *path, char *text, size_t n) {
    enum lang lang = language_of(path, text, n < 4096 ? n : 4096);
    uint64_t seed = n * 7919 + 1;
    if (!language_has_tree(lang))
        return;
    compare(b, lang, text, n, path);
    for (int i = 0; i < 2; i++) {
        damage(text, n, &seed);
        compare(b, lang, text, n, path);
    }
}

static void files_of_this_repository(void **state) {
    static const char *const folders[] = {"core/code", "tests/e2e", "tests/clients"};
    struct both b = both_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        for_each_file(&b, folders[i], as_it_is_and_damaged);
    if (language_has_tree(LANG_C))
        assert_true(b.compared > 150 && b.broken > 50 && b.broken < b.compared);
    both_free(&b);
}

// The first byte of a seed is its target's.
static void in_each_language(struct both *b, const char *path, char *text, size_t n) {
    uint64_t seed = n * 104729 + 1;
    for (int round = 0; round < 3; round++) {
        for (int l = LANG_TREE_FIRST; l <= (int)LANG_TREE_LAST; l++)
            if (n && language_has_tree((enum lang)l))
                compare(b, (enum lang)l, text + 1, n - 1, path);
        damage(text, n, &seed);
    }
}

static void any_text_in_any_language(void **state) {
    struct both b = both_new();
    (void)state;
    for_each_file(&b, "tests/fuzz/seeds/facts", in_each_language);
    for_each_file(&b, "tests/fuzz/seeds/checks", in_each_language);
    for_each_file(&b, "tests/fuzz/seeds/literals", in_each_language);
    both_free(&b);
}

// Lists of ten thousand elements, which the public way balances and ours does not; depth.
static void long_and_deep_texts(void **state) {
    struct both b = both_new();
    char *text = mem_alloc(TEXT_BYTES_MAX);
    size_t n = 0;
    (void)state;
    n += (size_t)sprintf(text, "int a[] = {");
    while (n < TEXT_BYTES_MAX - 64)
        n += (size_t)sprintf(text + n, "%zu, /* \xc3\xa4 */\n", n);
    n += (size_t)sprintf(text + n, "};\n");
    compare(&b, LANG_C, text, n, "list");
    compare(&b, LANG_JAVASCRIPT, text, n, "list");
    for (n = 0; n < 5000; n++)
        text[n] = "([{"[n % 3];
    for (int l = LANG_TREE_FIRST; l <= (int)LANG_TREE_LAST; l++)
        if (language_has_tree((enum lang)l))
            compare(&b, (enum lang)l, text, n, "deep");
    compare(&b, LANG_PYTHON,
            "\xef\xbb\xbf"
            "a = 1\n",
            9, "byte order mark");
    compare(&b, LANG_PYTHON, "", 0, "nothing");
    compare(&b, LANG_C, "\n\n", 2, "lines");
    mem_free(text);
    both_free(&b);
}

static void a_parse_without_memory_ends_and_the_next_is_right(void **state) {
    static const char text[] = "def f(a):\n  if a:\n    return 'x'\n  return [1, 2]\n";
    (void)state;
    if (!language_has_tree(LANG_PYTHON))
        skip();
    for (uint64_t n = 1;; n++) {
        struct syntax *s = syntax_new();
        struct err err = {0};
        assert_non_null(s);
        mem_fail_at(n);
        int r = syntax_parse(s, LANG_PYTHON, text, sizeof text - 1, &unhurried, &err);
        uint64_t made = mem_count();
        mem_fail_at(0);
        if (made >= n)
            assert_int_equal(r, ERR_NOMEM);
        assert_int_equal(syntax_parse(s, LANG_PYTHON, text, sizeof text - 1, &unhurried, NULL), 0);
        assert_true(s->count > 10 && !s->errors);
        syntax_free(s);
        if (made < n)
            break;
    }
}

#ifdef PAIRED_TREE_UNIT
static size_t taken;

static void *take(size_t bytes) {
    taken += bytes;
    return mem_alloc(bytes);
}

static void a_parse_that_would_take_too_much_ends(void **state) {
    const struct tree_chunks chunks = {256 * 1024, take, mem_free};
    struct tree_memory *m = tree_memory_new(&chunks);
    char *text = mem_alloc(TEXT_BYTES_MAX);
    const TSTree *tree = NULL;
    size_t n = 0, own = taken;
    (void)state;
    if (!language_has_tree(LANG_BASH))
        skip();
    while (n < TEXT_BYTES_MAX - 64)
        n += (size_t)sprintf(text + n, "cat <<E | f \"$(a b)\"\n$x\nE\n");
    const TSLanguage *bash = language_grammar(LANG_BASH)->ts;
    TSParseOptions options = {0};
    assert_int_equal(tree_memory_parse(m, bash, text, (uint32_t)n, options, &tree), TREE_TOO_LARGE);
    assert_true(taken - own <= chunks.bytes_max + 4096);
    assert_int_equal(tree_memory_parse(m, bash, text, 32, options, &tree), TREE_PARSED);
    assert_non_null(tree);
    mem_free(text);
    tree_memory_free(m);
}
#endif

static bool stop(void *ctx) {
    return ++*(int *)ctx == 3;
}

static void a_parse_that_was_stopped_leaves_nothing_behind(void **state) {
    char *text = mem_alloc(TEXT_BYTES_MAX);
    size_t n = 0;
    (void)state;
    if (!language_has_tree(LANG_RUBY))
        skip();
    while (n < TEXT_BYTES_MAX - 64)
        n += (size_t)sprintf(text + n, "x = <<A + \"#{y}\"\nb\nA\n");
    struct both b = both_new();
    int asked = 0;
    const struct syntax_limits limits = {.cancelled = stop, .ctx = &asked};
    assert_int_equal(syntax_parse(b.ours, LANG_RUBY, text, n, &limits, NULL), ERR_CANCELLED);
    assert_int_equal(b.ours->count, 0);
    compare(&b, LANG_RUBY, text, n, "ruby");
    mem_free(text);
    both_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_this_repository),
        cmocka_unit_test(any_text_in_any_language),
        cmocka_unit_test(long_and_deep_texts),
        cmocka_unit_test(a_parse_without_memory_ends_and_the_next_is_right),
#ifdef PAIRED_TREE_UNIT
        cmocka_unit_test(a_parse_that_would_take_too_much_ends),
#endif
        cmocka_unit_test(a_parse_that_was_stopped_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("code/syntax_same", tests, NULL, NULL);
}
