// Renamed copies have one shape, short bodies none.
#include "core/base/mem.h"
#include "core/code/shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint64_t shape_of(enum lang lang, const char *text) {
    struct syntax *s = syntax_new();
    uint64_t h = 0;
    assert_non_null(s);
    assert_int_equal(syntax_parse(s, lang, text, strlen(text), NULL, NULL), 0);
    for (uint32_t i = 0; i < s->count && !h; i++)
        if (s->nodes[i].role == ROLE_FUNCTION)
            h = canon_shape(s, i);
    syntax_free(s);
    return h;
}

static void renamed_copies_share_a_shape(void **state) {
    (void)state;
    uint64_t a = shape_of(LANG_C, "int f(int a) { int b = a + 1; while (b < 9) { b += g(a); } "
                                  "return b - a - 1; }");
    uint64_t b = shape_of(LANG_C, "long q(long x) { /* copy */ int y = x + 2; while (y < 7) "
                                  "{ y += h(x); } return y - x - 2; }");
    uint64_t other = shape_of(LANG_C, "int f(int a) { int b = a + 1; while (b < 9) { b -= g(a); } "
                                      "return b - a - 1; }");
    assert_true(a != 0);
    assert_true(a == b);
    assert_true(a != other);
    assert_true(shape_of(LANG_C, "int f(int a) { return a + 1; }") == 0);
    assert_true(shape_of(LANG_PYTHON, "def f(a):\n    b = a + 1\n    while b < 9:\n        b += "
                                      "g(a)\n        c = [b, b, b]\n        d = {a: b}\n    "
                                      "return b - a\n") != 0);
}

static void copies_are_grouped_in_a_fixed_order(void **state) {
    (void)state;
    struct shape shapes[] = {{7, 2, 1}, {0, 1, 1}, {9, 1, 1}, {7, 1, 4}, {0, 2, 2}, {7, 1, 3}};
    assert_int_equal(shapes_group(shapes, COUNT_OF(shapes)), 3);
    static const struct shape expected[] = {{7, 1, 3}, {7, 1, 4}, {7, 2, 1}};
    assert_memory_equal(shapes, expected, sizeof expected);
    assert_int_equal(shapes_group(shapes, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renamed_copies_share_a_shape),
        cmocka_unit_test(copies_are_grouped_in_a_fixed_order),
    };
    return cmocka_run_group_tests_name("code/shapes", tests, NULL, NULL);
}
