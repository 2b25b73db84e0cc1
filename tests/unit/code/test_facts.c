// Facts of trees: symbols, uses and imports of each language, from small sources.
#include "core/base/mem.h"
#include "core/code/facts.h"
#include "core/code/syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct facts *build(enum lang lang, const char *path, const char *text) {
    struct facts_options o = {.path = path};
    struct syntax *s = syntax_new();
    struct facts *f = NULL;
    struct err err = {0};
    assert_int_equal(facts_build(s, lang, text, strlen(text), &o, &f, &err), 0);
    assert_true(facts_valid(f, f->bytes));
    syntax_free(s);
    return f;
}

static int64_t find(const struct facts *f, enum symbol_kind kind, const char *name) {
    for (uint32_t i = 0; i < f->symbol_count; i++)
        if (facts_symbol(f, i)->kind == kind &&
            strcmp(facts_text(f, facts_symbol(f, i)->name), name) == 0)
            return i;
    return -1;
}

// "function f @3 X <A": kind, name, line, flags (X exported, D declaration, E entry, d documented),
// scope.
static void expect_symbols(const struct facts *f, const char *const *lines, size_t count) {
    char have[200];
    for (uint32_t i = 0; i < f->symbol_count || i < count; i++) {
        assert_true(i < f->symbol_count);
        const struct fact_symbol *s = facts_symbol(f, i);
        (void)snprintf(have, sizeof have, "%s %s @%u %s%s%s%s%s%s",
                       symbol_kind_name((enum symbol_kind)s->kind), facts_text(f, s->name), s->line,
                       s->flags & SYMBOL_EXPORTED ? "X" : "",
                       s->flags & SYMBOL_DECLARATION ? "D" : "", s->flags & SYMBOL_ENTRY ? "E" : "",
                       s->flags & SYMBOL_DOCUMENTED ? "d" : "", s->scope ? "<" : "",
                       s->scope ? facts_text(f, facts_symbol(f, s->scope - 1)->name) : "");
        if (i >= count)
            print_message("more: %s\n", have);
        assert_true(i < count);
        assert_string_equal(have, lines[i]);
    }
}

static const char *const kinds[] = {"use", "call", "type", "member", "write"};

static uint32_t uses(const struct facts *f, const char *kind, const char *name, const char *scope) {
    for (uint32_t i = 0; i < f->ref_count; i++) {
        const struct fact_ref *r = facts_ref(f, i);
        const char *around = r->scope ? facts_text(f, facts_symbol(f, r->scope - 1)->name) : "";
        if (strcmp(kinds[r->kind], kind) == 0 && strcmp(facts_text(f, r->name), name) == 0 &&
            strcmp(around, scope) == 0)
            return r->count;
    }
    return 0;
}

static bool mentioned(const struct facts *f, const char *name) {
    for (uint32_t i = 0; i < f->ref_count; i++)
        if (strcmp(facts_text(f, facts_ref(f, i)->name), name) == 0)
            return true;
    return false;
}

static void expect_import(const struct facts *f, uint32_t i, const char *module, const char *name,
                          const char *alias, bool local) {
    assert_true(i < f->import_count);
    const struct fact_import *m = facts_import(f, i);
    assert_string_equal(facts_text(f, m->module), module);
    assert_string_equal(facts_text(f, m->name), name);
    assert_string_equal(facts_text(f, m->alias), alias);
    assert_int_equal(m->local, local);
}

static void c_has_functions_types_macros_and_tables(void **state) {
    static const char text[] = "#ifndef A_H\n#define A_H\n#include <stdio.h>\n#include \"x/b.h\"\n"
                               "#define TWICE(v) (helper(v) * 2)\n"
                               "typedef struct node { int x, *y; int (*cb)(int); } node_t;\n"
                               "enum color { RED, GREEN };\n"
                               "extern int limit;\n"
                               "int proto(int limit);\n"
                               "// says hello\n"
                               "static int\nhello(struct node *n, int k) {\n"
                               "    int i = k;\n    n->x = i + LIMIT;\n    return n->cb(i);\n}\n"
                               "static const struct cmd table[] = {{\"get\", get_command}};\n"
                               "int main(void) { return limit; }\n#endif\n";
    static const char *const symbols[] = {
        "macro TWICE @5 ",      "type node_t @6 ",          "class node @6 ",
        "field x @6 X<node",    "field y @6 X<node",        "field cb @6 X<node",
        "class color @7 ",      "enumerator RED @7 <color", "enumerator GREEN @7 <color",
        "variable limit @8 XD", "function proto @9 XD",     "function hello @12 d",
        "constant table @17 ",  "function main @18 XE"};
    (void)state;
    struct facts *f = build(LANG_C, "a.c", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "stdio.h", "", "", false);
    expect_import(f, 1, "x/b.h", "", "", true);
    assert_int_equal(uses(f, "call", "helper", "TWICE"), 1);
    assert_int_equal(uses(f, "use", "get_command", ""), 1);
    assert_int_equal(uses(f, "write", "x", "hello"), 1);
    assert_int_equal(uses(f, "call", "cb", "hello"), 1);
    assert_int_equal(uses(f, "use", "limit", "main"), 1);
    assert_int_equal(uses(f, "use", "LIMIT", "hello"), 1);
    assert_false(mentioned(f, "i")); // a local variable
    assert_false(mentioned(f, "v")); // a macro's parameter
    const struct fact_symbol *hello = facts_symbol(f, (uint32_t)find(f, SYMBOL_FUNCTION, "hello"));
    assert_memory_equal(text + hello->start, "static int\nhello", 16);
    assert_int_equal(text[hello->body], '{');
    assert_int_equal(hello->end_line, 16);
    mem_free(f);
}

static void c_tests_are_recognised(void **state) {
    static const char text[] = "static void adds_up(void **state) { (void)state; }\n"
                               "TEST(Suite, Works) { run(); }\n";
    (void)state;
    struct facts *f = build(LANG_C, "tests/a.c", text);
    assert_true(find(f, SYMBOL_TEST, "adds_up") >= 0);
    assert_true(find(f, SYMBOL_TEST, "Suite, Works") >= 0);
    mem_free(f);
}

static void cpp_has_classes_and_methods_outside_of_them(void **state) {
    static const char text[] =
        "namespace a::b {\nclass Foo : public Base {\npublic:\n    Foo(int x) : x_(x) {}\n"
        "    virtual ~Foo();\nprivate:\n    int x_;\n};\n"
        "template <class T> T Foo::bar(T t) { return std::max<int>(t, 1); }\n}\n"
        "namespace {\nint hidden() { return 1; }\n}\nTEST_CASE(\"a thing\") { check(); }\n"
        "class API Shown : public Base {\npublic:\n    int f();\n};\n";
    static const char *const symbols[] = {
        "namespace a::b @1 X",    "class Foo @2 X<a::b", "method Foo @4 X<Foo",
        "method ~Foo @5 XDE<Foo", "field x_ @7 <Foo",    "method bar @9 X<a::b",
        "function hidden @12 ",   "test a thing @14 X",  "class Shown @15 X"};
    (void)state;
    struct facts *f = build(LANG_CPP, "a.hpp", text);
    assert_true(find(f, SYMBOL_CLASS, "Shown") >= 0);
    for (uint32_t i = 0; i < f->symbol_count; i++)
        if (facts_symbol(f, i)->line > 15) {
            f->symbol_count = i; // what is inside of the disguised class is a matter of luck
            break;
        }
    expect_symbols(f, symbols, COUNT_OF(symbols));
    assert_int_equal(uses(f, "call", "max", "bar"), 1);
    assert_int_equal(uses(f, "type", "Base", "Foo"), 1);
    mem_free(f);
}

static void python_has_methods_fields_and_decorated_functions(void **state) {
    static const char text[] =
        "import os, sys as s\nfrom ..a.b import c as d, e\nfrom m import *\nLIMIT = 3\n"
        "class Foo(Base):\n    \"\"\"doc\"\"\"\n    size: int = 3\n"
        "    def __init__(self, q=LIMIT):\n        self.val = make(q)\n        self.val = 2\n"
        "    @property\n    def p(self): return self.val\n"
        "@app.route('/x')\nasync def _h(a):\n    def inner(): pass\n    x = a\n"
        "    global LIMIT\n    LIMIT = x\n    return inner\n"
        "def test_it():\n    assert Foo().p\n";
    static const char *const symbols[] = {
        "constant LIMIT @4 X",       "class Foo @5 Xd",        "field size @7 X<Foo",
        "method __init__ @8 XE<Foo", "field val @9 X<Foo",     "method p @12 X<Foo",
        "function _h @14 E",         "function inner @15 <_h", "test test_it @20 X"};
    (void)state;
    struct facts *f = build(LANG_PYTHON, "test_a.py", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "os", "", "", false);
    expect_import(f, 1, "sys", "", "s", false);
    expect_import(f, 2, "..a.b", "c", "d", true);
    expect_import(f, 3, "..a.b", "e", "", true);
    expect_import(f, 4, "m", "", "", false);
    assert_int_equal(uses(f, "call", "make", "__init__"), 1);
    assert_int_equal(uses(f, "use", "LIMIT", "__init__"), 1);
    assert_int_equal(uses(f, "write", "LIMIT", "_h"), 1);
    assert_int_equal(uses(f, "use", "inner", "_h"), 1);
    assert_false(mentioned(f, "q"));
    assert_false(mentioned(f, "x"));
    const struct fact_symbol *h = facts_symbol(f, (uint32_t)find(f, SYMBOL_FUNCTION, "_h"));
    assert_int_equal(text[h->start], '@'); // decorators belong to the definition
    mem_free(f);
}

static void javascript_has_arrows_prototypes_and_tests(void **state) {
    static const char text[] =
        "const { readFile } = require('fs');\nconst util = require('./util');\n"
        "const add = (a, b) => a + b;\nlet count = 0;\n"
        "function Old() { this.x = 1; }\nOld.prototype.run = function (n) { return add(n, LIMIT); "
        "};\n"
        "const api = { start() {}, stop: function () {}, other: 3 };\n"
        "exports.direct = function () { const local = 1; return local; };\n"
        "module.exports = { add, api };\n"
        "describe('suite', () => { it('works', async () => { expect(add(1, 2)).toBe(3); }); });\n"
        "const View = () => <Panel title={count}><div/></Panel>;\n";
    static const char *const symbols[] = {
        "function add @3 X", "variable count @4 ",    "function Old @5 ",  "method run @6 X",
        "constant api @7 X", "method start @7 X",     "method stop @7 X",  "function direct @8 X",
        "test suite @10 ",   "test works @10 <suite", "function View @11 "};
    (void)state;
    struct facts *f = build(LANG_JAVASCRIPT, "a.jsx", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "fs", "", "", false);
    expect_import(f, 1, "./util", "", "util", true);
    assert_int_equal(uses(f, "call", "add", "run"), 1);
    assert_int_equal(uses(f, "use", "LIMIT", "run"), 1);
    assert_int_equal(uses(f, "call", "add", "works"), 1);
    assert_int_equal(uses(f, "call", "Panel", "View"), 1);
    assert_false(mentioned(f, "div"));
    assert_false(mentioned(f, "local"));
    mem_free(f);
}

static void typescript_has_interfaces_enums_and_namespaces(void **state) {
    static const char text[] =
        "import def, { a as b } from \"./mod\";\nimport * as ns from 'pkg';\n"
        "export { q as r } from './re';\nexport * from './all';\n"
        "export default class Foo<T> extends Bar implements I {\n  private x = 3;\n"
        "  constructor(private p: string) { super(); }\n  get v(): number { return this.x; }\n}\n"
        "/** doc */\nexport interface I extends J { f(): void; g: string; }\n"
        "export type A = { k: number } | B;\nenum E { P, Q = 2 }\n"
        "export const arrow = async (a: number) => a;\n"
        "namespace N { export function inside() {} }\ndeclare function decl(x: number): string;\n";
    static const char *const symbols[] = {"class Foo @5 X",
                                          "field x @6 <Foo",
                                          "method constructor @7 XE<Foo",
                                          "method v @8 X<Foo",
                                          "class I @11 Xd",
                                          "method f @11 XD<I",
                                          "field g @11 X<I",
                                          "type A @12 X",
                                          "class E @13 ",
                                          "enumerator P @13 <E",
                                          "enumerator Q @13 <E",
                                          "function arrow @14 X",
                                          "namespace N @15 ",
                                          "function inside @15 X<N",
                                          "function decl @16 D"};
    (void)state;
    struct facts *f = build(LANG_TYPESCRIPT, "a.ts", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "./mod", "default", "def", true);
    expect_import(f, 1, "./mod", "a", "b", true);
    expect_import(f, 2, "pkg", "", "ns", false);
    expect_import(f, 3, "./re", "q", "r", true);
    expect_import(f, 4, "./all", "", "", true);
    assert_int_equal(uses(f, "use", "Bar", "Foo"), 1);
    assert_int_equal(uses(f, "type", "I", "Foo"), 1);
    mem_free(f);
}

static void go_has_types_methods_and_groups(void **state) {
    static const char text[] =
        "package p\nimport (\n\t\"fmt\"\n\tex \"os/exec\"\n)\n"
        "const (\n\tA = iota\n\tb\n)\nvar x, y = 1, f()\n"
        "type T struct {\n\ta, B int\n}\ntype I interface {\n\tM(x int) error\n}\ntype F "
        "func(int)\n"
        "// Run runs.\nfunc (t *T) Run(n int) (r int) {\n\tq := n\n\tt.a = q + x\n"
        "\treturn fmt.Sprint(T{a: 1}, ex.Name)\n}\nfunc main() {}\nfunc TestX(t *testing.T) { f() "
        "}\n";
    static const char *const symbols[] = {
        "constant A @7 X",   "constant b @8 ", "variable x @10 ",   "variable y @10 ",
        "class T @11 X",     "field a @12 <T", "field B @12 X<T",   "class I @14 X",
        "method M @15 XD<I", "type F @17 X",   "method Run @19 Xd", "function main @24 E",
        "test TestX @25 X"};
    (void)state;
    struct facts *f = build(LANG_GO, "a_test.go", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "fmt", "", "", false);
    expect_import(f, 1, "os/exec", "", "ex", false);
    assert_int_equal(uses(f, "call", "f", ""), 1);
    assert_int_equal(uses(f, "call", "Sprint", "Run"), 1);
    assert_int_equal(uses(f, "use", "x", "Run"), 1);
    assert_int_equal(uses(f, "write", "a", "Run"), 1);
    assert_false(mentioned(f, "q"));
    mem_free(f);
}

static void rust_has_impls_traits_and_use_trees(void **state) {
    static const char text[] =
        "use std::{io::{self, Read}, fmt as f};\nuse crate::a::*;\nmod ext;\n"
        "/// doc\n#[derive(Debug)]\npub struct S { pub a: i32, b: T }\nenum E { A, B(i32) }\n"
        "const K: u32 = 1;\npub trait Tr { fn m(&self) -> i32; }\n"
        "impl Tr for S { fn m(&self) -> i32 { self.a } }\n"
        "impl S {\n    pub fn new(x: i32) -> Self {\n        let (p, q) = (1, x);\n"
        "        println!(\"{}\", make(p + K));\n        S { a: x, b: q }\n    }\n}\n"
        "#[test]\nfn works() { assert_eq!(S::new(1).a, 1); }\nmacro_rules! mm { ($x:expr) => { "
        "bar($x) }; }\n";
    static const char *const symbols[] = {
        "class S @6 Xd",      "field a @6 X<S",     "field b @6 <S",     "class E @7 ",
        "enumerator A @7 <E", "enumerator B @7 <E", "constant K @8 ",    "class Tr @9 X",
        "method m @9 XD<Tr",  "namespace S @10 ",   "method m @10 XE<S", "namespace S @11 ",
        "method new @12 X<S", "test works @19 ",    "macro mm @20 "};
    (void)state;
    struct facts *f = build(LANG_RUST, "a.rs", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "std::io", "", "", false);
    expect_import(f, 1, "std::io", "Read", "", false);
    expect_import(f, 2, "std", "fmt", "f", false);
    expect_import(f, 3, "crate::a", "", "", true);
    expect_import(f, 4, "ext", "", "", true);
    assert_int_equal(uses(f, "call", "make", "new"), 1);
    assert_int_equal(uses(f, "use", "K", "new"), 1);
    assert_int_equal(uses(f, "call", "bar", "mm"), 1);
    assert_false(mentioned(f, "p"));
    mem_free(f);
}

static void java_has_members_and_annotations(void **state) {
    static const char text[] =
        "package a.b;\nimport java.util.List;\nimport static java.lang.Math.max;\nimport "
        "java.io.*;\n"
        "/** doc */\npublic class A<T> extends B {\n  private static final int K = 1, L = 2;\n  "
        "int f;\n"
        "  A(int x) { this.f = x; }\n  @Override public int m(String s, int... r) {\n"
        "    for (T t : r) { foo(t); }\n    Runnable q = () -> bar();\n    return K;\n  }\n"
        "  @Test void works() { new C().d(A::stat); }\n  enum E { P, Q }\n"
        "  interface I { void im(); }\n}\n";
    static const char *const symbols[] = {
        "class A @6 Xd",        "constant K @7 <A", "constant L @7 <A",
        "field f @8 X<A",       "method A @9 X<A",  "method m @10 XE<A",
        "test works @15 XE<A",  "class E @16 X<A",  "enumerator P @16 X<E",
        "enumerator Q @16 X<E", "class I @17 X<A",  "method im @17 XD<I"};
    (void)state;
    struct facts *f = build(LANG_JAVA, "A.java", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "java.util", "List", "", false);
    expect_import(f, 1, "java.lang.Math", "max", "", false);
    expect_import(f, 2, "java.io", "", "", false);
    assert_int_equal(uses(f, "write", "f", "A"), 1);
    assert_int_equal(uses(f, "call", "bar", "m"), 1);
    assert_int_equal(uses(f, "call", "C", "works"), 1);
    assert_int_equal(uses(f, "call", "stat", "works"), 1);
    assert_false(mentioned(f, "t"));
    mem_free(f);
}

static void shells_have_functions_and_sources(void **state) {
    static const char text[] = "#!/bin/bash\nsource ./lib.sh\nFOO=1\nFOO=2\nexport BAR=2\n"
                               "# does\nrun_all() { local a=1; x=$a; helper \"$FOO\"; }\n"
                               "trap cleanup EXIT\n@test \"adds\" {\n  run_all\n}\n";
    static const char *const symbols[] = {"variable FOO @3 ", "variable BAR @5 X",
                                          "function run_all @7 Xd", "test adds @9 "};
    (void)state;
    struct facts *f = build(LANG_BASH, "a.sh", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "./lib.sh", "", "", true);
    assert_int_equal(uses(f, "call", "helper", "run_all"), 1);
    assert_int_equal(uses(f, "use", "FOO", "run_all"), 1);
    assert_int_equal(uses(f, "use", "cleanup", ""), 1);
    assert_false(mentioned(f, "a"));
    mem_free(f);
}

static void ruby_has_modules_fields_and_specs(void **state) {
    static const char text[] =
        "require 'json'\nrequire_relative \"../lib/x\"\nmodule M\n  class Foo < Bar\n    CONST = "
        "1\n"
        "    attr_accessor :name, :age\n    def initialize(a)\n      @a = make(a)\n      x = "
        "CONST\n"
        "      x + @a\n    end\n    def self.cm; end\n    private\n    def priv; end\n"
        "    define_method(:dm) { }\n  end\nend\n"
        "describe Foo do\n  it \"works\" do\n    expect(1).to eq 2\n  end\nend\n";
    static const char *const symbols[] = {
        "namespace M @3 X",    "class Foo @4 X<M",    "constant CONST @5 X<Foo",
        "field name @6 X<Foo", "field age @6 X<Foo",  "method initialize @7 XE<Foo",
        "field @a @8 <Foo",    "method cm @12 X<Foo", "method priv @14 <Foo",
        "method dm @15 <Foo",  "test Foo @18 ",       "test works @19 <Foo"};
    (void)state;
    struct facts *f = build(LANG_RUBY, "a.rb", text);
    expect_symbols(f, symbols, COUNT_OF(symbols));
    expect_import(f, 0, "json", "", "", false);
    expect_import(f, 1, "../lib/x", "", "", true);
    assert_int_equal(uses(f, "call", "make", "initialize"), 1);
    assert_int_equal(uses(f, "call", "expect", "works"), 1);
    assert_false(mentioned(f, "x"));
    mem_free(f);
}

static void words_are_sorted_and_counted_by_scope(void **state) {
    static const char text[] =
        "// Parse the header.\nint parse_header(void) { return parseLine(); }\n";
    uint32_t outside = 0, inside = 0;
    (void)state;
    struct facts *f = build(LANG_C, "a.c", text);
    for (uint32_t i = 0; i < f->word_count; i++) {
        const struct fact_word *w = facts_word(f, i);
        if (i) {
            const struct fact_word *before = facts_word(f, i - 1);
            int order = strcmp(facts_text(f, before->word), facts_text(f, w->word));
            assert_true(order < 0 || (order == 0 && before->scope < w->scope));
        }
        if (strcmp(facts_text(f, w->word), "pars") == 0)
            *(w->scope ? &inside : &outside) += w->count;
        assert_string_not_equal(facts_text(f, w->word), "return");
    }
    assert_int_equal(outside, 1);
    assert_int_equal(inside, 2);
    mem_free(f);
}

static void damaged_blocks_are_refused(void **state) {
    (void)state;
    struct facts *f = build(LANG_C, "a.c", "#include \"a.h\"\nint f(int a) { return g(a); }\n");
    size_t n = f->bytes;
    AUTO_FREE unsigned char *copy = mem_alloc(n);
    assert_non_null(copy);
    for (size_t cut = 0; cut < n; cut++)
        assert_false(facts_valid(f, cut));
    // Whatever one changed byte does, the block is refused or everything in it can be read.
    for (size_t at = 0; at < n; at++) {
        memcpy(copy, f, n);
        copy[at] ^= 0xFF;
        if (!facts_valid(copy, n))
            continue;
        const struct facts *g = (const struct facts *)(const void *)copy;
        size_t sum = 0;
        for (uint32_t i = 0; i < g->symbol_count; i++)
            sum += strlen(facts_text(g, facts_symbol(g, i)->name));
        for (uint32_t i = 0; i < g->word_count; i++)
            sum += strlen(facts_text(g, facts_word(g, i)->word));
        assert_true(sum < n * n);
    }
    mem_free(f);
}

static void failed_allocations_leave_nothing_behind(void **state) {
    static const char text[] = "#include \"a.h\"\nint f(int a) { return g(a); }\n";
    (void)state;
    struct syntax *s = syntax_new();
    assert_non_null(s);
    assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct facts *f = NULL;
        mem_fail_at(nth);
        int r = facts_from_tree(s, NULL, &f, NULL);
        done = mem_count() < nth;
        mem_fail_at(0);
        assert_true(done ? r == 0 : r == ERR_NOMEM && !f);
        mem_free(f);
    }
    syntax_free(s);
}

static int setup(void **state) {
    (void)state;
    return 0;
}

int main(void) {
    const struct CMUnitTest with_trees[] = {
        cmocka_unit_test(c_has_functions_types_macros_and_tables),
        cmocka_unit_test(c_tests_are_recognised),
        cmocka_unit_test(cpp_has_classes_and_methods_outside_of_them),
        cmocka_unit_test(python_has_methods_fields_and_decorated_functions),
        cmocka_unit_test(javascript_has_arrows_prototypes_and_tests),
        cmocka_unit_test(typescript_has_interfaces_enums_and_namespaces),
        cmocka_unit_test(go_has_types_methods_and_groups),
        cmocka_unit_test(rust_has_impls_traits_and_use_trees),
        cmocka_unit_test(java_has_members_and_annotations),
        cmocka_unit_test(shells_have_functions_and_sources),
        cmocka_unit_test(ruby_has_modules_fields_and_specs),
        cmocka_unit_test(words_are_sorted_and_counted_by_scope),
        cmocka_unit_test(damaged_blocks_are_refused),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
    };
    for (int l = LANG_TREE_FIRST; l <= LANG_TREE_LAST; l++)
        if (!language_has_tree((enum lang)l))
            return 0; // a build without all grammars: the lexical tier has tests of its own
    return cmocka_run_group_tests_name("code/facts", with_trees, setup, NULL);
}
