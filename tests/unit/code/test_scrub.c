// The gate lets patterns through and nothing else.
#include "core/base/mem.h"
#include "core/code/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int check(enum lang lang, const char *text) {
    struct syntax *s = syntax_new();
    struct err err = {0};
    assert_non_null(s);
    int r = scrub_check(s, lang, text, strlen(text), &err);
    if (r < 0) // the refusal does not repeat what it refuses
        assert_null(strstr(err.message, "canary"));
    syntax_free(s);
    return r;
}

static void patterns_pass(void **state) {
    static const struct {
        enum lang lang;
        const char *text;
    } cases[] = {
        {LANG_C, "if ($A == NULL) {\n    $...;\n    return $N;\n}"},
        {LANG_C, "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)"},
        {LANG_GO, "if $A != nil {\n    return nil, fmt.Errorf($S, $A)\n}"},
        {LANG_GO, "$A.Lock()\ndefer $A.Unlock()"},
        {LANG_PYTHON,
         "with open($A, $S) as $B:\n    $D = $B.read()\n    if not $D:\n        return None"},
        {LANG_PYTHON, "if $A is not None and $A not in $B:\n    $B.append($A)"},
        {LANG_JAVASCRIPT, "$A.on($S, function($B) {\n    if ($B) return $D($B);\n    $...;\n})"},
        {LANG_RUST, "match $A {\n    Ok($B) => $B,\n    Err($D) => return Err($D.into()),\n}"},
        {LANG_JAVA, "if ($A == null) {\n    throw new NullPointerException($S);\n}"},
        {LANG_BASH, "if [ -n $S ]; then\necho $S >&$N\nexit 1\nfi"},
        {LANG_RUBY, "raise ArgumentError, $S unless $A.is_a?(Hash)"},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        int r = check(cases[k].lang, cases[k].text);
        if (r < 0)
            print_error("%s\n", cases[k].text);
        assert_int_equal(r, 0);
    }
}

static void everything_else_is_refused(void **state) {
    static const struct {
        enum lang lang;
        const char *text;
    } cases[] = {
        {LANG_C, "if ($A == NULL) {\n    return canary;\n}"},
        {LANG_C, "if ($A == NULL) {\n    return canary();\n}"},
        {LANG_C, "if ($A->canary == NULL) {\n    return $N;\n}"},
        {LANG_C, "canary_t *$A = malloc(sizeof(*$A));"},
        {LANG_C, "goto canary;\nif ($A == NULL) return $N;"},
        {LANG_C, "puts(\"canary\");\nputs($S);"},
        {LANG_C, "puts(\"\" \"canary\");\nputs($S);"},
        {LANG_C, "putchar('c');\nputchar($C);"},
        {LANG_C, "$A = 1234567890 + $A * $A;"},
        {LANG_C, "$A = 0x1 + $A * $A;"},
        {LANG_C, "if ($A == NULL) { // canary\n    return $N;\n}"},
        {LANG_C, "if ($A == NULL) {\n    return $N; /* canary */\n}"},
        {LANG_C, "#define canary\nif ($A == NULL) return $N;"},
        {LANG_C, "#include <canary.h>\nif ($A == NULL) return $N;"},
        {LANG_C, "#pragma canary\nif ($A == NULL) return $N;"},
        {LANG_C, "if ($A == NULL)  return $N;"},    // a space too many
        {LANG_C, "if ($A == NULL) return $N; "},    // at the end
        {LANG_C, "if ($A == NULL)\n   return $N;"}, // indented by three
        {LANG_C, "if ($A == NULL)\n\n    return $N;"},
        {LANG_C, "if ($A == NULL)\treturn $N;"},
        {LANG_C, "if ($A == NULL) return $N\\\n;"},
        {LANG_C, "if ($A == N\xD0\xA3LL) return $N;"}, // looks like a U
        {LANG_C, "if ($A == NULL) return $N;\x01"},
        {LANG_C, "}\nvoid canary(void) {\nif ($A == NULL) return $N;"},
        {LANG_C, "} int $A = $B + $B * $B; {"},
        {LANG_C, "$A"},
        {LANG_C, "$A($B, $D, $E, $F, $G)"}, // nothing but holes
        {LANG_C, "if ($A == NULL return $N;"},
        {LANG_PYTHON, "$A = 'canary' if $B is None else $B"},
        {LANG_PYTHON, "$A = f'{$B}canary' if $B is None else $B"},
        {LANG_PYTHON, "$A = f'' if $B is None else $B"},
        {LANG_PYTHON, "import canary\n$A.get($B, None)"},
        {LANG_PYTHON, "@canary\ndef $A():\n    return None"},
        {LANG_PYTHON, "class canary:\n    $A = None\n    $B = None"},
        {LANG_PYTHON, "$A(canary=None, $B=None)"},
        {LANG_JAVASCRIPT, "$A = `canary` + String($A) + $B"},
        {LANG_JAVASCRIPT, "$A = /canary/.test($A) + $B"},
        {LANG_JAVASCRIPT, "$A = {canary: $B, name: $A, length: 1}"},
        {LANG_JAVASCRIPT, "$A = <canary>$B</canary>"},
        {LANG_JAVASCRIPT, "canary: for (;;) break canary;"},
        {LANG_GO, "$A := `canary` + fmt.Sprint($A)"},
        {LANG_GO, "$A := 'x' + len($A) + len($B)"},
        {LANG_RUST, "println!($S, canary = $A);"},
        {LANG_RUST, "let $A: &'canary str = $B.as_str();"},
        {LANG_RUST, "println!($S, r#\"canary\"#, $A);"},
        {LANG_JAVA, "@canary\nString $A = $B.toString();"},
        {LANG_BASH, "grep -q canary $S\nexit 1\necho $S"},
        {LANG_BASH, "cat <<canary\necho\ncanary\nexit 1"},
        {LANG_BASH, "echo $CANARY\nexit 1\necho $S"},
        {LANG_BASH, "echo ${canary:-1}\nexit 1\necho $S"},
        {LANG_RUBY, "raise ArgumentError, :canary unless $A.is_a?(Hash)"},
        {LANG_RUBY, "$A.merge(canary: $B).each { |$D| puts $D }"},
        {LANG_RUBY, "$A = %w[canary] + $B.map(&:to_s)"},
        {LANG_RUBY, "@canary = $A.map { |$B| $B.to_s }"},
        {LANG_RUBY, "__END__\ncanary"},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        if (!language_has_tree(cases[k].lang))
            continue;
        int r = check(cases[k].lang, cases[k].text);
        if (r != ERR_PERM)
            print_error("let through: %s\n", cases[k].text);
        assert_int_equal(r, ERR_PERM);
    }
}

static void sizes_are_limited(void **state) {
    char text[SCRUB_BYTES_MAX + 16] = "";
    (void)state;
    size_t n = 0;
    for (int k = 0; k < 40; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "free(NULL);%s", k < 39 ? "\n" : "");
    assert_int_equal(check(LANG_C, text), ERR_PERM); // nodes
    n = (size_t)snprintf(text, sizeof text, "printf($S");
    for (int k = 0; k < 25; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", NULL + $%c%d", 'A' + k % 2, k);
    (void)snprintf(text + n, sizeof text - n, ")");
    assert_int_equal(check(LANG_C, text), ERR_PERM); // metavariables, nodes
    memset(text, 'a', SCRUB_BYTES_MAX + 1);
    text[SCRUB_BYTES_MAX + 1] = '\0';
    assert_int_equal(check(LANG_C, text), ERR_PERM); // bytes
    assert_int_equal(check(LANG_TEXT, "a"), ERR_UNSUPPORTED);
    assert_int_equal(check(LANG_C, ""), ERR_PERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_pass),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(sizes_are_limited),
    };
    return cmocka_run_group_tests_name("code/scrub", tests, NULL, NULL);
}
