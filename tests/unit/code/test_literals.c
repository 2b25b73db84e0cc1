// Literals with the calls they are given to, in the ways that languages write them.
#include "core/base/mem.h"
#include "core/code/literals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// text(callee argument key before target flags)
static void outline(enum lang lang, const char *code, char *ret, size_t max) {
    struct literals l;
    size_t len = 0;
    ret[0] = '\0';
    assert_int_equal(literals_read(lang, code, strlen(code), &l, NULL), 0);
    for (uint32_t i = 0; i < l.count && len < max; i++) {
        const struct literal *x = &l.list[i];
        const struct literal_group *g = &l.groups[x->group];
        len += (size_t)snprintf(
            ret + len, max - len, "%s%.*s(%.*s%c%u %.*s %.*s %.*s %s%s%s)", len ? " " : "",
            (int)x->text.bytes, code + x->text.at, (int)g->name.bytes, code + g->name.at,
            x->group ? g->bracket : '.', x->argument, (int)x->key.bytes, code + x->key.at,
            (int)x->before.bytes, code + x->before.at, (int)g->target.bytes, code + g->target.at,
            x->flags & LITERAL_JOINED ? "J" : "", x->flags & LITERAL_PARTIAL ? "P" : "",
            x->flags & LITERAL_INTERPOLATED ? "I" : "");
    }
    literals_done(&l);
}

static void calls_arguments_and_keys_are_known(void **state) {
    static const struct {
        enum lang lang;
        const char *code, *want;
    } cases[] = {
        {LANG_PYTHON, "p.add_argument('-v', help='x')",
         "-v(p.add_argument(0    ) x(p.add_argument(1 help   )"},
        {LANG_PYTHON, "a = f('x')\n'y'", "x(f(0   a ) y(.0    )"},
        {LANG_PYTHON, "raise 'a' 'b'", "a(.0  raise  ) b(.0    J)"},
        {LANG_PYTHON, "f(f'a {b}', 'c' + d)", "a {b}(f(0    I) c(f(1    P)"},
        {LANG_PYTHON, "x = \"\"\"it's\n\"quoted\" \"\"\"", "it's\n\"quoted\" (.0 x   )"},
        {LANG_JAVASCRIPT, "app.get('/a', (q, r) => { r.send(`b ${c}`) })",
         "/a(app.get(0    ) b ${c}(r.send(0    I)"},
        {LANG_JAVASCRIPT, "({path: 'a', 'k': \"b\"})", "a({0 path   ) k({1    ) b({1 k   )"},
        {LANG_JAVASCRIPT, "a(/['\"]/, 'x')", "x(a(1    )"},
        {LANG_GO, "return fmt.Errorf(\"a: %w\", err)", "a: %w(fmt.Errorf(0    )"},
        {LANG_GO, "c := T{Use: \"a\", Short: `b`}", "a(T{0 Use  c ) b(T{1 Short  c )"},
        {LANG_RUST, "fn f<'a>() { bail!(r#\"x \"y\" z\"#) }", "x \"y\" z(bail(0    )"},
        {LANG_RUBY, "get '/a', to: 'b#c'", "/a(.0  get  ) b#c(.1 to   )"},
        {LANG_RUBY, "get '/a' => \"b#{c}\"", "/a(.0  get  ) b#{c}(.0 /a   I)"},
        {LANG_C, "printf(\"a\" \"b\", '\"');", "a(printf(0    ) b(printf(0    J) \"(printf(1    )"},
        {LANG_C, "#include \"x.h\"\nchar *s = \"y\"; // \"no\"", "y(.0 s   )"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[500];
        outline(cases[i].lang, cases[i].code, got, sizeof got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s\n%s\n%s", cases[i].code, got, cases[i].want);
    }
}

static void names_are_told_by_their_last_part(void **state) {
    static const char text[] = "a.b::name";
    struct span whole = {0, sizeof text - 1};
    (void)state;
    assert_true(span_ends_with(text, whole, "name"));
    assert_false(span_ends_with(text, whole, "ame"));
    assert_true(span_is(text, whole, text));
}

static void brackets_beyond_the_stack_belong_to_the_deepest(void **state) {
    char code[1000];
    struct literals l;
    size_t n = 0;
    (void)state;
    for (int i = 0; i < 400; i++)
        code[n++] = '(';
    (void)memcpy(code + n, "'x'", 3);
    n += 3;
    for (int i = 0; i < 400; i++)
        code[n++] = ')';
    (void)memcpy(code + n, ";f('y')", 7);
    assert_int_equal(literals_read(LANG_PYTHON, code, n + 7, &l, NULL), 0);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.list[0].group, LITERAL_DEPTH_MAX - 1);
    assert_int_equal(l.groups[l.list[1].group].parent, 0);
    literals_done(&l);
}

static void every_failing_allocation_is_survived(void **state) {
    static const char code[] = "f('a', [g('b'), {'c': 'd'}])";
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct literals l;
        mem_fail_at(n);
        int r = literals_read(LANG_PYTHON, code, sizeof code - 1, &l, NULL);
        bool all = mem_count() < n;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        literals_done(&l);
        if (all)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_arguments_and_keys_are_known),
        cmocka_unit_test(names_are_told_by_their_last_part),
        cmocka_unit_test(brackets_beyond_the_stack_belong_to_the_deepest),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/literals", tests, NULL, NULL);
}
