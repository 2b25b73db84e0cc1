// The text of a pattern, its form and its id say the same, and nothing foreign gets in.
#include "core/base/mem.h"
#include "core/code/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(enum lang lang, const char *text, struct pattern **ret) {
    struct pattern_reader *r = pattern_reader_new();
    struct err err = {0};
    assert_non_null(r);
    int e = pattern_parse(r, lang, text, strlen(text), ret, &err);
    if (e < 0)
        assert_true(err.message[0] != '\0');
    pattern_reader_free(r);
    return e;
}

static const struct {
    enum lang lang;
    const char *text; // in the layout that patterns have
} texts[] = {
    {LANG_C, "if ($A == NULL) {\n    return $N;\n}"},
    {LANG_C, "if ($A == NULL) {\n    $...;\n    return $N;\n}"},
    {LANG_C, "$A = malloc(sizeof(*$A));\nif (!$A) return NULL;"},
    {LANG_C, "for (size_t $A = 0; $A < $B; $A++) memcpy(&$D->$E[$A], $F, sizeof($G));"},
    {LANG_C, "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)"},
    {LANG_CPP, "auto $A = std::make_unique<$B>(std::move($D));"},
    {LANG_GO, "if $A != nil {\n    return nil, fmt.Errorf($S, $A)\n}"},
    {LANG_GO, "$A.Lock()\ndefer $A.Unlock()"},
    {LANG_PYTHON,
     "with open($A, $S) as $B:\n    $D = $B.read()\n    if not $D:\n        return None"},
    {LANG_PYTHON, "try:\n    $...\nexcept (KeyError, ValueError) as $A:\n    raise $B($S) from $A"},
    {LANG_JAVASCRIPT, "$A.on($S, function($B) {\n    if ($B) return $D($B);\n    $...;\n})"},
    {LANG_JAVASCRIPT, "const $A = require($S);\nconst $B = require($S);"},
    {LANG_TYPESCRIPT, "const $A: Map<string, $B> = new Map();"},
    {LANG_RUST, "match $A {\n    Ok($B) => $B,\n    Err($D) => return Err($D.into()),\n}"},
    {LANG_JAVA, "for (Map.Entry<$A, $B> $D: $E.entrySet()) {\n    $F.put($D.getKey(), "
                "$D.getValue());\n}"},
    {LANG_BASH, "if [ -n $S ]; then\necho $S >&$N\nexit 1\nfi"},
    {LANG_RUBY, "raise ArgumentError, $S unless $A.is_a?(Hash)"},
    {LANG_RUBY, "$A.each do |$B|\n    puts $B if $B.nil?\nend"},
};

static void text_comes_back_as_it_was(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT_OF(texts); k++) {
        struct pattern *p = NULL, *q = NULL;
        if (!language_has_tree(texts[k].lang))
            continue;
        if (parse(texts[k].lang, texts[k].text, &p) < 0)
            fail_msg("%s", texts[k].text);
        assert_string_equal(p->text, texts[k].text);
        assert_int_equal(parse(p->lang, p->text, &q), 0);
        assert_true(pattern_equal(p, q));
        assert_true(p->before.hash == q->before.hash);
        pattern_free(p);
        pattern_free(q);
    }
}

static void layout_and_letters_do_not_matter(void **state) {
    struct pattern *p = NULL, *q = NULL;
    (void)state;
    assert_int_equal(parse(LANG_C, "if($X==NULL)\n\n{return   $N;}", &p), 0);
    assert_int_equal(parse(LANG_C, texts[0].text, &q), 0);
    assert_string_equal(p->text, texts[0].text);
    assert_true(pattern_equal(p, q));
    pattern_free(q);
    // What does matter: which letters are equal, operators, kept names, literals, the language.
    static const char *const others[] = {
        "if ($X == $Y) { return $N; }", "if ($X != NULL) { return $N; }",
        "if ($X == NULL) { return $X; }", "if ($X == NULL) { return 0; }",
        "if ($X == NULL) { $...; }"};
    for (size_t k = 0; k < COUNT_OF(others); k++) {
        assert_int_equal(parse(LANG_C, others[k], &q), 0);
        assert_false(pattern_equal(p, q));
        pattern_free(q);
    }
    assert_int_equal(parse(LANG_CPP, texts[0].text, &q), 0);
    assert_false(pattern_equal(p, q));
    pattern_free(q);
    pattern_free(p);
}

// An id is a promise to other machines: it must not change.
static void ids_are_stable(void **state) {
    char id[2 * PATTERN_ID_BYTES + 1];
    struct pattern *p = NULL;
    (void)state;
    assert_int_equal(parse(LANG_C, texts[0].text, &p), 0);
    pattern_id_text(p, id);
    assert_string_equal(id, "361a9aa7d974918f24a8254283472c03");
    pattern_free(p);
}

static void edits_share_their_names(void **state) {
    struct pattern *p = NULL, *q = NULL;
    (void)state;
    assert_int_equal(parse(LANG_C, "strcpy($X, $Y)\n=>\nsnprintf($X, sizeof($X), $S7, $Y)", &p), 0);
    assert_true(p->edit);
    assert_int_equal(p->metavariables, 3);
    assert_int_equal(parse(LANG_C, "strcpy($X, $Y)\n=>\nsnprintf($Y, sizeof($Y), $S7, $X)", &q), 0);
    assert_false(pattern_equal(p, q));
    pattern_free(p);
    pattern_free(q);
    assert_int_equal(parse(LANG_C, "strcpy($X, $Y)\n=>\nputs($S)", &p), ERR_INVAL);
    assert_int_equal(parse(LANG_C, "puts($S1)", &p), ERR_INVAL);
}

static void foreign_text_is_refused(void **state) {
    static const struct {
        enum lang lang;
        const char *text;
        int code;
    } cases[] = {
        {LANG_C, "if ($A == NULL) { return secret_name; }", ERR_INVAL},
        {LANG_C, "if ($A == NULL) { puts(\"x\"); }", ERR_INVAL},
        {LANG_C, "if ($A == NULL) { return 42; }", ERR_INVAL},
        {LANG_C, "if ($A == NULL) { return 'x'; }", ERR_INVAL},
        {LANG_C, "if ($A ==", ERR_PARSE},
        {LANG_C, "} void $A(void) {", ERR_PARSE},
        {LANG_C, "#include <stdio.h>\nputs($S);", ERR_INVAL},
        {LANG_C, "puts($S); puts($S); puts($S); puts($S); puts($S);", ERR_LIMIT},
        {LANG_C, "$ABC = 1;", ERR_INVAL},
        {LANG_PYTHON, "import os", ERR_INVAL},
        {LANG_PYTHON, "def $A():\n    return 1", ERR_INVAL},
        {LANG_JAVASCRIPT, "$A = `x`", ERR_INVAL},
        {LANG_JAVASCRIPT, "$A = /x/", ERR_INVAL},
        {LANG_MARKDOWN, "$A", ERR_UNSUPPORTED},
        {LANG_C, "", ERR_LIMIT},
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct pattern *p = NULL;
        int r = parse(cases[k].lang, cases[k].text, &p);
        if (r != cases[k].code)
            print_error("%s: %d\n", cases[k].text, r);
        assert_true(r < 0);
        assert_null(p);
        assert_true(r == cases[k].code || (r == ERR_PARSE && cases[k].code == ERR_INVAL));
    }
}

static void too_many_metavariables_are_refused(void **state) {
    char text[4096];
    struct pattern *p = NULL;
    (void)state;
    for (int count = 20; count < 250; count += 10) {
        size_t n = (size_t)snprintf(text, sizeof text, "printf($S");
        for (int k = 0; k < count; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, ", $%c%d", 'T' + k % 7, k % 97);
        (void)snprintf(text + n, sizeof text - n, ")");
        int r = parse(LANG_C, text, &p);
        assert_int_equal(r, count <= 20 ? 0 : ERR_LIMIT);
        pattern_free(p);
        p = NULL;
    }
}

static void comments_do_not_survive(void **state) {
    struct pattern *p = NULL;
    (void)state;
    assert_int_equal(parse(LANG_C, "if ($A == NULL) { /* who */ return $N; // why\n}", &p), 0);
    assert_string_equal(p->text, texts[0].text);
    pattern_free(p);
}

static void every_failed_allocation_is_survived(void **state) {
    uint64_t n = 0;
    int r;
    (void)state;
    struct pattern *warm = NULL; // tables of the language are made once and stay
    assert_int_equal(parse(LANG_C, texts[4].text, &warm), 0);
    pattern_free(warm);
    do {
        struct pattern *p = NULL;
        mem_fail_at(++n);
        struct pattern_reader *reader = pattern_reader_new();
        r = reader ? pattern_parse(reader, LANG_C, texts[4].text, strlen(texts[4].text), &p, NULL)
                   : ERR_NOMEM;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        pattern_free(p);
        pattern_reader_free(reader);
    } while (r < 0);
    assert_in_range(n, 10, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_as_it_was),
        cmocka_unit_test(layout_and_letters_do_not_matter),
        cmocka_unit_test(ids_are_stable),
        cmocka_unit_test(edits_share_their_names),
        cmocka_unit_test(foreign_text_is_refused),
        cmocka_unit_test(too_many_metavariables_are_refused),
        cmocka_unit_test(comments_do_not_survive),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("code/pattern", tests, NULL, NULL);
}
