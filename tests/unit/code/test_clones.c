// Copied code is found where it is, and what only looks alike is not.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/code/clones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FILES_MAX = 80 };

struct tree { // files in memory
    enum lang lang;
    const char *text[FILES_MAX];
    struct fact_clone *clones[FILES_MAX];
    struct clone_source sources[FILES_MAX];
    uint32_t count;
    struct clone_pair *pairs;
    uint32_t pair_count;
};

static int text_of(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                   size_t *ret_bytes) {
    const struct tree *t = ctx;
    *ret_lang = t->lang;
    *ret_text = t->text[file];
    *ret_bytes = strlen(t->text[file]);
    return 0;
}

static void add(struct tree *t, const char *text) {
    uint32_t n, tokens, file = t->count;
    assert_int_equal(
        clones_fingerprint(t->lang, text, strlen(text), &t->clones[file], &n, &tokens, NULL), 0);
    t->text[file] = text;
    t->sources[file] = (struct clone_source){.clones = t->clones[file], .count = n, .file = file};
    t->count++;
}

static void match(struct tree *t, int64_t only_file, bool with_text) {
    struct clone_options o = {.only_file = only_file, .text = with_text ? text_of : NULL, .ctx = t};
    mem_free(t->pairs);
    assert_int_equal(clones_match(t->sources, t->count, &o, &t->pairs, &t->pair_count, NULL), 0);
}

static void done(struct tree *t) {
    for (uint32_t k = 0; k < t->count; k++)
        mem_free(t->clones[k]);
    mem_free(t->pairs);
    *t = (struct tree){.count = 0};
}

#define LICENCE                                                                                    \
    "/* Copyright somebody. All rights reserved. Redistribution and use in source and binary\n"    \
    " * forms, with or without modification, are permitted provided that the following\n"          \
    " * conditions are met: none of it is code, however long and however often it is said. */\n"
#define INCLUDES                                                                                   \
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <errno.h>\n"           \
    "#include <fcntl.h>\n#include <unistd.h>\n#include <sys/types.h>\n#include <sys/stat.h>\n"     \
    "#include \"a.h\"\n#include \"b.h\"\n#include \"c.h\"\n#include \"d.h\"\n"
// 85 tokens on 11 lines
#define COPIED                                                                                     \
    "int read_all(int fd, char *data, size_t n) {\n"                                               \
    "    size_t done = 0;\n"                                                                       \
    "    while (done < n) {\n"                                                                     \
    "        ssize_t got = read(fd, data + done, n - done);\n"                                     \
    "        if (got < 0 && errno == EINTR)\n"                                                     \
    "            continue;\n"                                                                      \
    "        if (got <= 0)\n"                                                                      \
    "            return -1;\n"                                                                     \
    "        done += (size_t)got;\n"                                                               \
    "    }\n"                                                                                      \
    "    return 0; }\n"

static void copy_is_found_with_its_exact_lines(void **state) {
    struct tree t = {.lang = LANG_C};
    (void)state;
    add(&t, "static int before;\nint twice(int x) { return 2 * x; }\n" COPIED "int a;\n");
    add(&t, "enum { ONE, TWO };\n\n\n" COPIED "char *b(void);\n");
    match(&t, -1, true);
    assert_int_equal(t.pair_count, 1);
    assert_int_equal(t.pairs[0].file_a, 0);
    assert_int_equal(t.pairs[0].file_b, 1);
    assert_int_equal(t.pairs[0].line_a, 3);
    assert_int_equal(t.pairs[0].end_line_a, 13);
    assert_int_equal(t.pairs[0].line_b, 4);
    assert_int_equal(t.pairs[0].end_line_b, 14);
    done(&t);
}

static void copy_is_found_without_the_texts_to_a_window(void **state) {
    struct tree t = {.lang = LANG_C};
    (void)state;
    add(&t, "static long before[7];\n" COPIED "int a;\n");
    add(&t, "enum { ONE, TWO }\n\n\n" COPIED "char *b(void);\n");
    match(&t, -1, false);
    assert_int_equal(t.pair_count, 1);
    assert_in_range(t.pairs[0].line_a, 2, 5);
    assert_in_range(t.pairs[0].end_line_a, 9, 14);
    assert_in_range(t.pairs[0].line_b - t.pairs[0].line_a, 2, 2);
    done(&t);
}

static void layout_and_comments_do_not_hide_a_copy(void **state) {
    struct tree t = {.lang = LANG_C};
    struct buf flat = BUF_INIT(0);
    (void)state;
    for (const char *c = COPIED; *c; c++)
        (void)(*c == '\n' ? buf_puts(&flat, " /* x */ ") : buf_putc(&flat, *c));
    add(&t, COPIED);
    add(&t, flat.data);
    match(&t, -1, true);
    assert_int_equal(t.pair_count, 1);
    assert_int_equal(t.pairs[0].end_line_a, 11);
    assert_int_equal(t.pairs[0].end_line_b, 1);
    done(&t);
    buf_done(&flat);
}

static void literals_may_differ_and_names_may_not(void **state) {
    struct tree t = {.lang = LANG_C};
    struct buf other = BUF_INIT(0);
    (void)state;
    add(&t, COPIED);
    for (const char *c = COPIED; *c; c++)
        (void)buf_putc(&other, *c == '0' ? '7' : *c);
    add(&t, other.data);
    match(&t, -1, true);
    assert_int_equal(t.pair_count, 1);
    buf_clear(&other);
    for (const char *c = COPIED; *c; c++)
        (void)buf_putc(&other, *c == 'n' ? 'm' : *c); // n, int, done …
    add(&t, other.data);
    match(&t, 2, true);
    assert_int_equal(t.pair_count, 0);
    done(&t);
    buf_done(&other);
}

static void licences_includes_and_tables_are_no_copies(void **state) {
    struct tree t = {.lang = LANG_C};
    struct buf table = BUF_INIT(0);
    (void)state;
    add(&t, LICENCE INCLUDES "int one(int a) { return a; }\n");
    add(&t, LICENCE INCLUDES "char *two(long b) { return 0; }\n");
    (void)buf_puts(&table, "static const int table[] = {");
    for (int k = 0; k < 200; k++)
        (void)buf_printf(&table, "{%d, %d, NULL},\n", k, k * k);
    (void)buf_puts(&table, "};\n");
    add(&t, table.data);
    add(&t, table.data);
    match(&t, -1, true);
    assert_int_equal(t.pair_count, 0);
    done(&t);
    buf_done(&table);
}

static void copies_in_one_file_do_not_overlap(void **state) {
    struct tree t = {.lang = LANG_C};
    (void)state;
    add(&t, COPIED COPIED COPIED COPIED);
    for (int with_text = 0; with_text < 2; with_text++) {
        match(&t, -1, with_text);
        assert_true(t.pair_count > 0);
        for (uint32_t k = 0; k < t.pair_count; k++)
            assert_true(t.pairs[k].end_line_a <= t.pairs[k].line_b);
    }
    assert_int_equal(t.pair_count, 1); // the longest stands for all
    assert_int_equal(t.pairs[0].line_a, 1);
    assert_int_equal(t.pairs[0].end_line_b, 44);
    done(&t);
}

static void what_is_everywhere_is_boilerplate(void **state) {
    struct tree t = {.lang = LANG_C};
    (void)state;
    for (int k = 0; k < 64; k++)
        add(&t, COPIED);
    match(&t, 0, true);
    assert_int_equal(t.pair_count, 63);
    add(&t, COPIED);
    match(&t, 0, true);
    assert_int_equal(t.pair_count, 0);
    done(&t);
}

static void shorter_than_asked_is_not_reported(void **state) {
    struct tree t = {.lang = LANG_C};
    (void)state;
    add(&t, COPIED);
    add(&t, COPIED);
    struct clone_options o = {.only_file = -1, .text = text_of, .ctx = &t};
    match(&t, -1, true);
    o.tokens_min = t.pairs[0].tokens;
    mem_free(t.pairs);
    assert_int_equal(clones_match(t.sources, 2, &o, &t.pairs, &t.pair_count, NULL), 0);
    assert_int_equal(t.pair_count, 1);
    o.tokens_min++;
    mem_free(t.pairs);
    assert_int_equal(clones_match(t.sources, 2, &o, &t.pairs, &t.pair_count, NULL), 0);
    assert_int_equal(t.pair_count, 0);
    done(&t);
}

// Each text has to have as many tokens as its second form, without comments and with other
// literals.
static void every_language_knows_its_comments_and_literals(void **state) {
    static const struct {
        enum lang lang;
        const char *text;
        uint32_t tokens;
    } cases[] = {
        {LANG_C, "a = \"x // y\"; // z\nb = 'c';", 8},
        {LANG_C, "/* a\n b */ c \\\n d", 3},
        {LANG_C, "#include <a.h>\n#define A 1", 4},
        {LANG_CPP, "a = R\"x(\" )\" )x\";", 4},
        {LANG_PYTHON, "import os\nfrom a import (b,\n  c)\nx = '''a # '\n'''  # b\n", 3},
        {LANG_PYTHON, "x = rb'a' + f\"{b}\"", 5},
        {LANG_JAVASCRIPT, "const a = require('b');\nimport {x} from 'y';\nz = `a ${b}\n c`;", 4},
        {LANG_JAVASCRIPT, "a = /[\"/]'/; b = c / d / e;", 12},
        {LANG_GO, "package p\nimport (\n\t\"a\"\n\tb \"c\"\n)\nvar x = `a\"\n`", 4},
        {LANG_RUST, "use a::b;\nfn f<'a>(x: &'a str) { '\"'; r#\"a\"b\"#; /* /* */ */ }", 20},
        {LANG_JAVA, "package a;\nimport b.C;\nString s = \"\"\"\n  a \" b\n\"\"\";", 5},
        {LANG_BASH, "echo \"a\n# b\" ${#x} # c", 7},
        {LANG_RUBY, "require 'a'\n=begin\nx y\n=end\nz = \"#{a}\" # b", 3},
        {LANG_LUA, "--[[ a\n b ]] c = 1 -- d", 3},
        {LANG_SQL, "SELECT 'a' -- b\n/* c */", 2},
        {LANG_PHP, "$a = 1; # b", 4},
        {LANG_C, "\"never closed\nx", 2},
        {LANG_MARKDOWN, "one two three", 0},
        {LANG_NONE, "one two three", 0},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct fact_clone *clones;
        uint32_t n, tokens;
        assert_int_equal(clones_fingerprint(cases[k].lang, cases[k].text, strlen(cases[k].text),
                                            &clones, &n, &tokens, NULL),
                         0);
        if (tokens != cases[k].tokens)
            print_error("%s\n", cases[k].text);
        assert_int_equal(tokens, cases[k].tokens);
        mem_free(clones);
    }
}

static void lines_are_counted_through_everything(void **state) {
    struct tree t = {.lang = LANG_CPP};
    (void)state;
    add(&t,
        "/* a\n b */ char *s = \"x\\\ny\"; // c \\\n d\n char *r = R\"(\n)\"; #include \\\n <x>\n"
        "\n" COPIED);
    add(&t, COPIED);
    match(&t, -1, true);
    assert_int_equal(t.pair_count, 1);
    assert_int_equal(t.pairs[0].line_a, 9);
    assert_int_equal(t.pairs[0].end_line_a, 19);
    done(&t);
}

static void every_failed_allocation_is_survived(void **state) {
    struct tree t = {.lang = LANG_C};
    uint64_t n = 0;
    int r;
    (void)state;
    add(&t, COPIED COPIED);
    add(&t, COPIED);
    do {
        struct clone_options o = {.only_file = -1, .text = text_of, .ctx = &t};
        struct fact_clone *clones = NULL;
        struct clone_pair *pairs = NULL;
        uint32_t count, tokens;
        mem_fail_at(++n);
        r = clones_fingerprint(LANG_C, t.text[0], strlen(t.text[0]), &clones, &count, &tokens,
                               NULL);
        if (r == 0)
            r = clones_match(t.sources, 2, &o, &pairs, &count, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        mem_free(clones);
        mem_free(pairs);
    } while (r < 0);
    assert_in_range(n, 6, 100);
    done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_is_found_with_its_exact_lines),
        cmocka_unit_test(copy_is_found_without_the_texts_to_a_window),
        cmocka_unit_test(layout_and_comments_do_not_hide_a_copy),
        cmocka_unit_test(literals_may_differ_and_names_may_not),
        cmocka_unit_test(licences_includes_and_tables_are_no_copies),
        cmocka_unit_test(copies_in_one_file_do_not_overlap),
        cmocka_unit_test(what_is_everywhere_is_boilerplate),
        cmocka_unit_test(shorter_than_asked_is_not_reported),
        cmocka_unit_test(every_language_knows_its_comments_and_literals),
        cmocka_unit_test(lines_are_counted_through_everything),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/clones", tests, NULL, NULL);
}
