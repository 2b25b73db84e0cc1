// Scaffolds: what a file is made of, without what it says.
#include "core/base/mem.h"
#include "core/privacy/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int make(enum lang lang, const char *text, bool bodies, struct buf *out, struct err *err) {
    struct syntax *s = syntax_new();
    assert_non_null(s);
    int r = template_make(s, lang, text, strlen(text), bodies, out, err);
    syntax_free(s);
    return r;
}

static void files_become_scaffolds(void **state) {
    static const struct {
        enum lang lang;
        bool bodies;
        const char *text, *want;
    } cases[] = {
        {LANG_C, false,
         "// Mine.\n#include \"mine.h\"\n#define X 1\n\n\nstatic int twice(const char *name,\n   "
         "size_t n) {\n"
         "  return n + 42;\n}\n",
         "static int $A1(const char *$A2,\n    size_t $A3) { $... }\n"},
        {LANG_C, true,
         "int f(char *p) {\n\tif (!p || strlen(p) > 42)\n\t\treturn -1; /* why */\n\treturn "
         "0;\n}\n",
         "int $A1(char *$A2) {\n    if (!$A2 || strlen($A2) > $N1)\n    return -1;\n    return "
         "0;\n}\n"},
        {LANG_PYTHON, false,
         "\"\"\"Mine.\"\"\"\nimport mine\n\nclass Thing(Base):\n  '''Doc.'''\n  def get(self, "
         "key=7):\n      return self.x[key]\n  y = 'a'\n\nz = Thing()\n",
         "class $A1($A2):\n    def get(self, $A3=$N1):\n        $...\n    $A4 = $S1\n\n$A5 = "
         "$A1()\n"},
        {LANG_PYTHON, true,
         "def f(a):\n        x = [\n  1,\n    ]\n        if a:\n            return x\n        "
         "return None\n",
         "def $A1($A2):\n    $A3 = [\n        1,\n    ]\n    if $A2:\n        return $A3\n    "
         "return None\n"},
        {LANG_GO, false,
         "package mine\n\nimport \"fmt\"\n\n// Doc.\nfunc (t *Thing) Do(n int) error {\n\treturn "
         "nil\n}\n",
         "package $A1\n\nfunc ($A2 *$A3) Do($A4 int) error { $... }\n"},
        {LANG_RUST, false, "use mine::x;\n#[derive(Debug)]\nstruct S<'a> { a: &'a str, b: u32 }\n",
         "#[$A1(Debug)]\nstruct $A2<$A3> { $A4: &$A3 str, $A5: u32 }\n"},
        {LANG_JAVASCRIPT, true, "const a = require('x');\na(`t ${b}`, /re/g, \"\");\n", NULL},
        {LANG_JAVA, false, "class A {\n  @Override public int f() { return 7; }\n}\n",
         "class $A1 {\n    @Override public int $A2() { $... }\n}\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF out = BUF_INIT(TEMPLATE_BYTES_MAX);
        struct err err = {0};
        if (make(cases[i].lang, cases[i].text, cases[i].bodies, &out, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        if (cases[i].want)
            assert_string_equal(out.data, cases[i].want);
        assert_int_equal(template_check(cases[i].lang, out.data, out.len, NULL), 0);
    }
}

static void layout_of_the_file_is_lost(void **state) {
    AUTO_BUF a = BUF_INIT(TEMPLATE_BYTES_MAX);
    AUTO_BUF b = BUF_INIT(TEMPLATE_BYTES_MAX);
    (void)state;
    assert_int_equal(
        make(LANG_PYTHON, "def f(a):\n\tif a:\n\t\tg(a)\n\n\n\n\nh = 5\n", true, &a, NULL), 0);
    assert_int_equal(make(LANG_PYTHON,
                          "def x(y):\n   # why\n   if  y:\n      z(y)\n\n#\n\nw =  99\n", true, &b,
                          NULL),
                     0);
    assert_string_equal(a.data, b.data);
}

static void other_files_are_refused(void **state) {
    AUTO_BUF out = BUF_INIT(TEMPLATE_BYTES_MAX);
    (void)state;
    assert_int_equal(make(LANG_BASH, "echo $x\n", true, &out, NULL), ERR_UNSUPPORTED);
    assert_int_equal(make(LANG_NONE, "x\n", true, &out, NULL), ERR_UNSUPPORTED);
    assert_int_equal(make(LANG_C, "// only words\n", true, &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(make(LANG_C,
                          "if the of ) ( while\n? ? )) if ((\n{ ) 8 9 ] } }\n struct struct", true,
                          &out, NULL),
                     ERR_PARSE);
    AUTO_BUF big = BUF_INIT(4 * 1024 * 1024);
    for (int i = 0; i < 1200; i++)
        (void)buf_printf(&big, "int name%d;\n", i);
    assert_int_equal(make(LANG_C, big.data, true, &out, NULL), ERR_LIMIT); // holes
    buf_clear(&big);
    for (int i = 0; i < 40000; i++)
        (void)buf_puts(&big, "int a;\n");
    assert_int_equal(make(LANG_C, big.data, true, &out, NULL), ERR_LIMIT); // bytes
    assert_int_equal(out.len, 0);
}

static void the_gate_refuses_everything_else(void **state) {
    static const struct {
        enum lang lang;
        const char *text;
    } cases[] = {
        {LANG_C, ""},
        {LANG_C, "int knry;\n"},
        {LANG_C, "int $A2;\n"}, // numbered as they come
        {LANG_C, "int $A1, $A3;\n"},
        {LANG_C, "int $A01;\n"},
        {LANG_C, "int $Aknry;\n"},
        {LANG_C, "int $A1knry;\n"},
        {LANG_C, "int $B1;\n"},
        {LANG_C, "int $;\n"},
        {LANG_C, "return 42;\n"},
        {LANG_C, "return 0x1;\n"},
        {LANG_C, "return \"x\";\n"},
        {LANG_C, "return 'x';\n"},
        {LANG_C, "return `x`;\n"},
        {LANG_C, "int $A1; // int\n"},
        {LANG_C, "int $A1; /* int */\n"},
        {LANG_C, "#include <stdio.h>\n"},
        {LANG_C, "int  $A1;\n"},
        {LANG_C, "  int $A1;\n"},
        {LANG_C, "int\t$A1;\n"},
        {LANG_C, "int \xD0\xBA;\n"},
        {LANG_C, "int \\\n$A1;\n"},
        {LANG_PYTHON, "pass # if\n"},
        {LANG_GO, "return $S1 // nil\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (template_check(cases[i].lang, cases[i].text, strlen(cases[i].text), NULL) != ERR_PERM)
            fail_msg("came through: %s", cases[i].text);
    assert_int_equal(template_check(LANG_PYTHON, "$A1 = $A2 // 1\n", 15, NULL), 0);
    assert_int_equal(template_check(LANG_RUST, "#[$A1(Debug)]\nstruct $A2;\n", 26, NULL), 0);
}

static void memory_may_run_out(void **state) {
    static const char text[] = "int f(char *p) { return strlen(p) + 42; }\n";
    struct syntax *s = syntax_new();
    (void)state;
    assert_non_null(s);
    for (uint64_t nth = 1;; nth++) {
        AUTO_BUF out = BUF_INIT(TEMPLATE_BYTES_MAX);
        mem_fail_at(nth);
        int r = template_make(s, LANG_C, text, sizeof text - 1, true, &out, NULL);
        bool done = mem_count() < nth;
        mem_fail_at(0);
        if (done) {
            assert_int_equal(r, 0);
            break;
        }
        assert_true(r == ERR_NOMEM || r == ERR_LIMIT);
        assert_int_equal(out.len, 0);
    }
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_become_scaffolds),
        cmocka_unit_test(layout_of_the_file_is_lost),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(the_gate_refuses_everything_else),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests_name("privacy/template", tests, NULL, NULL);
}
