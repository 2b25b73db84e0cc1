// The lexical tier: what it finds in each language, and how it bears broken text.
#include "core/base/mem.h"
#include "core/code/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct facts *read_text(enum lang lang, const char *path, const char *text, size_t n) {
    struct facts_options o = {.path = path};
    struct facts *f = NULL;
    assert_int_equal(facts_from_text(lang, text, n, &o, &f, NULL), 0);
    assert_true(facts_valid(f, f->bytes));
    assert_int_equal(f->tier, TIER_LEXICAL);
    return f;
}

struct sample {
    enum lang lang;
    const char *path, *text;
    const char *symbols; // "kind name line-end_line<scope" each, joined by "; "
};

static const struct sample samples[] = {
    {LANG_C, "a.c",
     "#ifndef A_H\n#define A_H\n#define TWICE(v) \\\n  ((v) * 2)\n"
     "typedef struct node { int x, *y; int (*cb)(int); } node_t;\ntypedef int (*fn_t)(int);\n"
     "enum color { RED, GREEN = 3 };\nextern int limit;\nint proto(int a) __attribute__((pure));\n"
     "static const char *const names[] = {\"}\", '{'};\n"
     "static int\nhello(struct node *n) {\n  if (n) { return '}'; } // }\n  return 0;\n}\n"
     "struct node *(*get(void))(int) { return 0; }\nTEST(Suite, Works) { }\n#endif\n",
     "macro TWICE 3-4; class node 5-5; field x 5-5<node; field y 5-5<node; field cb 5-5<node; "
     "type node_t 5-5; type fn_t 6-6; class color 7-7; enumerator RED 7-7<color; "
     "enumerator GREEN 7-7<color; variable limit 8-8; function proto 9-9; constant names 10-10; "
     "function hello 12-15; function get 16-16; test Suite, Works 17-17"},
    {LANG_C, "b.c",
     "#ifdef A\nint f(int a) {\n#else\nint f(void) {\n#endif\n  return 0;\n}\nint g(void) { "
     "BEGIN(\n}\n"
     "int h(void) { return 1; }\n",
     "function f 2-2; function f 4-7; function g 8-9; function h 10-10"},
    {LANG_CPP, "a.hpp",
     "namespace a::b {\ntemplate <class T> class Foo : public Bar<T> {\npublic:\n"
     "  Foo(int x) : x_{x} {}\n  virtual ~Foo();\n  int get() const override { return x_; }\n"
     "  bool operator==(const Foo &o) const;\nprivate:\n  int x_ = 3;\n  int y_ "
     "GUARDED_BY(m_);\n};\n"
     "int Foo::bar(int a) { auto s = R\"x(})x\"; return a; }\n}\nusing X = int;\n",
     "namespace a::b 1-13; class Foo 2-11<a::b; method Foo 4-4<Foo; method ~Foo 5-5<Foo; "
     "method get 6-6<Foo; method operator== 7-7<Foo; field x_ 9-9<Foo; field y_ 10-10<Foo; "
     "method bar 12-12<a::b; type X 14-14"},
    {LANG_JAVA, "A.java",
     "package p;\npublic class A<T> extends B {\n  private static final int K = 1, L = 2;\n"
     "  @Override\n  public int m(String s) {\n    run(new C() { void inner() { } });\n    return "
     "K;\n  }\n"
     "  @Test void works() { }\n  enum E { P, Q(1) { void z() { } }; int f; }\n"
     "  interface I { void im(); }\n}\n",
     "class A 2-12; constant K 3-3<A; constant L 3-3<A; method m 5-8<A; method inner 6-6<m; "
     "test works 9-9<A; class E 10-10<A; enumerator P 10-10<E; enumerator Q 10-10<E; method z "
     "10-10<E; "
     "field f 10-10<E; class I 11-11<A; method im 11-11<I"},
    {LANG_PYTHON, "a.py",
     "LIMIT = 3\nclass Foo(Base):\n    \"\"\"def no(): pass\"\"\"\n    size: int = 3\n\n"
     "    def m(self,\n          q=1):\n        x = 1\n        def inner(): pass\n\n"
     "@deco\nasync def h(): return 7 // 2\ndef test_it(): pass\n",
     "constant LIMIT 1-1; class Foo 2-9; field size 4-4<Foo; method m 6-9<Foo; function inner "
     "9-9<m; "
     "function h 12-12; test test_it 13-13"},
    {LANG_JAVASCRIPT, "a.js",
     "const fs = require('fs');\nconst add = (a, b) => a + b;\nlet count = 0;\n"
     "function Old() { this.x = 1; }\nOld.prototype.run = function (n) { return /[/}]/.test(n); "
     "};\n"
     "const api = { start() {}, stop: function () {} };\nexports.direct = function () {};\n"
     "class Q extends R { f = () => 1; static async m() { if (a) { return `}`; } } }\n"
     "describe('suite', () => { it('works', async () => { }); });\n",
     "function add 2-2; variable count 3-3; function Old 4-4; method run 5-5; constant api 6-6; "
     "method start 6-6; method stop 6-6; function direct 7-7; class Q 8-8; method f 8-8<Q; method "
     "m 8-8<Q; "
     "test suite 9-9; test works 9-9<suite"},
    {LANG_TYPESCRIPT, "a.ts",
     "export default class Foo<T> {\n  private x: number = 3;\n  get v(): number { return 1 }\n}\n"
     "export interface I { f(): void; g: string }\nexport type A = B | { k: number };\nenum E { P, "
     "Q = 2 }\n"
     "export const arrow = async (a: number): Promise<void> => { };\ndeclare function decl(x: "
     "number): string;\n",
     "class Foo 1-4; field x 2-2<Foo; method v 3-3<Foo; class I 5-5; method f 5-5<I; field g "
     "5-5<I; "
     "type A 6-6; class E 7-7; enumerator P 7-7<E; enumerator Q 7-7<E; function arrow 8-8; "
     "function decl 9-9"},
    {LANG_GO, "a_test.go",
     "package p\nconst (\n\tA = iota\n\tb\n)\nvar x, y = 1, f()\ntype T struct {\n\ta, B "
     "int\n\tEmb\n}\n"
     "type I interface {\n\tM(x int) error\n}\ntype F func(int)\n"
     "func (t *T) Run(n int) (r interface{}) {\n\treturn `}`\n}\nfunc TestX(t *testing.T) {}\n",
     "constant A 3-3; constant b 4-4; variable x 6-6; variable y 6-6; class T 7-10; field a 8-8<T; "
     "field B 8-8<T; class I 11-13; method M 12-12<I; type F 14-14; method Run 15-17; test TestX "
     "18-18"},
    {LANG_RUST, "a.rs",
     "pub struct S<'a> { pub a: i32, b: &'static str }\nenum E { A, B(i32), C { x: u8 } }\n"
     "const K: u32 = 1;\npub trait Tr { fn m(&self) -> i32; }\nimpl<T> Tr for S<T> {\n"
     "    fn m(&self) -> i32 { r#\"}\"#; '}' as i32 }\n}\n#[test]\nfn works() { }\nmacro_rules! mm "
     "{ ($x:expr) => { $x }; }\n",
     "class S 1-1; field a 1-1<S; field b 1-1<S; class E 2-2; enumerator A 2-2<E; enumerator B "
     "2-2<E; "
     "enumerator C 2-2<E; field x 2-2<E; constant K 3-3; class Tr 4-4; method m 4-4<Tr; "
     "namespace S 5-7; method m 6-6<S; test works 9-9; macro mm 10-10"},
    {LANG_RUBY, "a.rb",
     "module M\n  class Foo < Bar\n    CONST = 1\n    attr_reader :name, :age\n    def run?(a)\n"
     "      @a = a\n      x = <<~EOS\n        def no\n      EOS\n    end\n    def self.cm; end\n  "
     "end\nend\n"
     "RSpec.describe Foo do\n  it \"works\" do\n  end\nend\n",
     "namespace M 1-13; class Foo 2-12<M; constant CONST 3-3<Foo; field name 4-4<Foo; field age "
     "4-4<Foo; "
     "method run? 5-10<Foo; field @a 6-6<Foo; method cm 11-11<Foo; test Foo 14-17; test works "
     "15-16<Foo"},
    {LANG_BASH, "a.sh",
     "FOO=1\nreadonly BAR=2\nrun_all() {\n  local a=1\n  cat <<EOF\nno() {\nEOF\n}\n"
     "function other { :; }\nX=1 command\n",
     "variable FOO 1-1; constant BAR 2-2; function run_all 3-8; function other 9-9"},
    {LANG_CSHARP, "a.cs",
     "namespace A.B {\n  public class Foo : Bar {\n    public int Size { get; set; }\n"
     "    public Foo(int a) { }\n    int Twice(int a) => a * 2;\n  }\n}\n",
     "namespace A.B 1-7; class Foo 2-6<A.B; field Size 3-3<Foo; method Foo 4-4<Foo; method Twice "
     "5-5<Foo"},
    {LANG_PHP, "a.php",
     "<?php\nclass Foo { const K = 1;\n  public function run($a) { return <<<EOT\n}\nEOT; "
     "}\n}\nfunction top() { }\n",
     "class Foo 2-6; constant K 2-2<Foo; method run 3-5<Foo; function top 7-7"},
    {LANG_LUA, "a.lua",
     "--[[ function no() ]]\nlocal function f(a)\n  return a\nend\nfunction M:h()\nend\n",
     "function f 2-4; method h 5-6"},
    {LANG_KOTLIN, "a.kt",
     "class Foo(val a: Int) {\n  fun run(b: Int): Int = b\n  fun go() { }\n}\n",
     "class Foo 1-4; method run 2-2<Foo; method go 3-3<Foo"},
    {LANG_SWIFT, "a.swift",
     "struct Foo {\n  func run() -> Int { return 1 }\n}\nextension Foo { func more() { } }\n",
     "class Foo 1-3; method run 2-2<Foo; namespace Foo 4-4; method more 4-4<Foo"},
    {LANG_SQL, "a.sql",
     "CREATE TABLE IF NOT EXISTS a.users (id int);\n-- create table no\ncreate or replace function "
     "f() as 1;\n",
     "class users 1-1; function f 3-3"},
    {LANG_MARKDOWN, "a.md", "# One\ntext\n```\n# no\n```\n## Two ##\n\nThree\n=====\n",
     "section One 1-7; section Two 6-7<One; section Three 8-9"},
    {LANG_MAKE, "Makefile", "CC ?= gcc\nall: a.o\n\tcc: no\n", "variable CC 1-1; function all 2-2"},
    {LANG_CMAKE, "CMakeLists.txt", "function(f a)\nendfunction()\nadd_library(core a.c)\n",
     "function f 1-1; class core 3-3"},
    {LANG_CSS, "a.css", ".a, #b { color: red }\n", "class .a 1-1; class #b 1-1"},
    {LANG_HTML, "a.html", "<div id=\"main\"></div>\n", "variable main 1-1"},
    {LANG_TOML, "a.toml", "[a]\nb = 1\n", "section a 1-1"},
};

static void describe(const struct facts *f, char *to, size_t n) {
    size_t used = 0;
    to[0] = 0;
    for (uint32_t i = 0; i < f->symbol_count && used < n; i++) {
        const struct fact_symbol *s = facts_symbol(f, i);
        int k = snprintf(to + used, n - used, "%s%s %s %u-%u%s%s", i ? "; " : "",
                         symbol_kind_name((enum symbol_kind)s->kind), facts_text(f, s->name),
                         s->line, s->end_line, s->scope ? "<" : "",
                         s->scope ? facts_text(f, facts_symbol(f, s->scope - 1)->name) : "");
        used += k > 0 ? (size_t)k : 0;
    }
}

static void definitions_are_found_by_shape(void **state) {
    char have[2000];
    (void)state;
    for (size_t k = 0; k < COUNT_OF(samples); k++) {
        const struct sample *s = &samples[k];
        struct facts *f = read_text(s->lang, s->path, s->text, strlen(s->text));
        describe(f, have, sizeof have);
        if (strcmp(have, s->symbols) != 0)
            print_message("%s\n", s->path);
        assert_string_equal(have, s->symbols);
        mem_free(f);
    }
}

// Cut anywhere, a text gives a valid block; twice the same one.
static void cut_text_gives_valid_blocks(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT_OF(samples); k++)
        for (size_t n = 0; n <= strlen(samples[k].text); n++) {
            struct facts *a = read_text(samples[k].lang, "a", samples[k].text, n);
            struct facts *b = read_text(samples[k].lang, "a", samples[k].text, n);
            assert_int_equal(a->bytes, b->bytes);
            assert_memory_equal(a, b, a->bytes);
            mem_free(a);
            mem_free(b);
        }
}

static void nesting_is_bounded(void **state) {
    static const struct {
        enum lang lang;
        const char *open;
    } deep[] = {{LANG_C, "struct a {"},   {LANG_CPP, "namespace a {"},
                {LANG_JAVA, "class A {"}, {LANG_JAVASCRIPT, "f(()=>{"},
                {LANG_RUST, "mod a {"},   {LANG_RUBY, "class A\n "},
                {LANG_PYTHON, "((((["},   {LANG_GO, "type T struct {"},
                {LANG_C, "#if 1\n"},      {LANG_PHP, "<<<A\n"},
                {LANG_C, "f(((("},        {LANG_CSHARP, "class A {"}};
    enum { TIMES = 3000 };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(deep); k++) {
        size_t n = strlen(deep[k].open);
        AUTO_FREE char *text = mem_alloc(n * TIMES);
        assert_non_null(text);
        for (size_t i = 0; i < TIMES; i++)
            memcpy(text + i * n, deep[k].open, n);
        mem_free(read_text(deep[k].lang, "a", text, n * TIMES));
    }
}

static void failed_allocations_are_reported(void **state) {
    bool done = false;
    (void)state;
    for (uint64_t nth = 1; !done; nth++) {
        struct facts *f = NULL;
        mem_fail_at(nth);
        int r = facts_from_text(LANG_C, samples[0].text, strlen(samples[0].text), NULL, &f, NULL);
        done = mem_count() < nth;
        mem_fail_at(0);
        assert_true(done ? r == 0 : r == ERR_NOMEM && !f);
        mem_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_found_by_shape),
        cmocka_unit_test(cut_text_gives_valid_blocks),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests_name("code/lexical", tests, NULL, NULL);
}
