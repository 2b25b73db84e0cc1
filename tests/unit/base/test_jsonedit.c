#include "core/base/jsonedit.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

#include <stdlib.h>

static const char *const servers[] = {"servers", "p", NULL};
static const char *const agents[] = {"agents", "=p", NULL};

static json_t *value_of(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    return v;
}

// What a text becomes; *ret_result that of the function.
static char *set_text(const char *text, const char *const *path, const char *value, int *ret_result,
                      size_t *ret_made) {
    struct buf out = BUF_INIT(0);
    struct err err = {0};
    json_t *v = value_of(value);
    *ret_result = jsonedit_set(text, strlen(text), path, v, &out, ret_made, &err);
    json_decref(v);
    if (*ret_result < 0) {
        buf_done(&out);
        return mem_strdup(err_text(&err));
    }
    return buf_take(&out);
}

static char *remove_text(const char *text, const char *const *path, size_t made, int *ret_result) {
    struct buf out = BUF_INIT(0);
    struct err err = {0};
    *ret_result = jsonedit_remove(text, strlen(text), path, made, &out, &err);
    if (*ret_result < 0) {
        buf_done(&out);
        return mem_strdup(err_text(&err));
    }
    return buf_take(&out);
}

// Set gives `after`, setting again changes nothing, removing gives `before` back.
static void there_and_back(const char *before, const char *const *path, const char *value,
                           const char *after) {
    int r;
    size_t made = 0;
    char *set = set_text(before, path, value, &r, &made);
    assert_string_equal(set, after);
    assert_int_equal(r, 1);
    char *again = set_text(set, path, value, &r, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(again, after);
    char *back = remove_text(set, path, made, &r);
    assert_int_equal(r, 1);
    assert_string_equal(back, before);
    mem_free(set);
    mem_free(again);
    mem_free(back);
}

#define ENTRY "{\"c\":\"x\",\"a\":[\"m\",\"n\"]}"

static void a_member_is_added_in_the_text_s_own_style(void **state) {
    (void)state;
    there_and_back("{\n  \"servers\": {\n    \"q\": 1\n  }\n}\n", servers, ENTRY,
                   "{\n  \"servers\": {\n    \"q\": 1,\n    \"p\": {\n      \"c\": \"x\",\n"
                   "      \"a\": [\"m\", \"n\"]\n    }\n  }\n}\n");
    there_and_back("{\n\t\"servers\": {\n\t\t\"q\": 1\n\t}\n}", servers, ENTRY,
                   "{\n\t\"servers\": {\n\t\t\"q\": 1,\n\t\t\"p\": {\n\t\t\t\"c\": \"x\",\n"
                   "\t\t\t\"a\": [\"m\", \"n\"]\n\t\t}\n\t}\n}");
    there_and_back("{\r\n    \"servers\": {}\r\n}\r\n", servers, "1",
                   "{\r\n    \"servers\": {\r\n        \"p\": 1\r\n    }\r\n}\r\n");
    there_and_back("{\"servers\":{\"q\":1}}", servers, ENTRY,
                   "{\"servers\":{\"q\":1,\"p\":{\"c\":\"x\",\"a\":[\"m\",\"n\"]}}}");
    there_and_back("{\"servers\": {\"q\": 1}, \"z\": 2}", servers, ENTRY,
                   "{\"servers\": {\"q\": 1, \"p\": {\"c\": \"x\", \"a\": [\"m\", \"n\"]}}, "
                   "\"z\": 2}");
    // One line inside of a text of many.
    there_and_back("{\n  \"servers\": { \"q\": 1 }\n}\n", servers, "{\"c\":2}",
                   "{\n  \"servers\": { \"q\": 1, \"p\": {\"c\": 2} }\n}\n");
}

static void missing_objects_are_made_and_go_again(void **state) {
    (void)state;
    there_and_back("{\n  \"z\": 1\n}\n", servers, "1",
                   "{\n  \"z\": 1,\n  \"servers\": {\n    \"p\": 1\n  }\n}\n");
    there_and_back("{}", servers, "1", "{\n  \"servers\": {\n    \"p\": 1\n  }\n}");
    there_and_back("\xef\xbb\xbf{\n \"z\": 1\n}", servers, "1",
                   "\xef\xbb\xbf{\n \"z\": 1,\n \"servers\": {\n  \"p\": 1\n }\n}");
    there_and_back("{\"z\": 1}", servers, "1", "{\"z\": 1, \"servers\": {\"p\": 1}}");
    there_and_back("{\"a\": {\n  \"q\": 1}}", servers, "1",
                   "{\"a\": {\n  \"q\": 1},\n  \"servers\": {\n    \"p\": 1\n  }}");
}

static void comments_and_trailing_commas_stay(void **state) {
    (void)state;
    there_and_back(
        "// head\n{\n  // q\n  \"servers\": {\n    \"q\": 1 // last, {\n    // end\n  }\n}\n",
        servers, "2",
        "// head\n{\n  // q\n  \"servers\": {\n    \"q\": 1, // last, {\n    \"p\": 2\n"
        "    // end\n  }\n}\n");
    there_and_back("{\n  \"servers\": {\n    \"q\": 1, /* a */ // b\n  },\n}\n", servers, "2",
                   "{\n  \"servers\": {\n    \"q\": 1, /* a */ // b\n    \"p\": 2,\n  },\n}\n");
    there_and_back("{\n  \"servers\": {\n    // none yet\n  }\n}\n", servers, "2",
                   "{\n  \"servers\": {\n    // none yet\n    \"p\": 2\n  }\n}\n");
    there_and_back("{\n  \"servers\": { /* none */ }\n}\n", servers, "2",
                   "{\n  \"servers\": { /* none */ \"p\": 2 }\n}\n");
}

static void a_text_without_a_root_gets_one(void **state) {
    int r;
    size_t made;
    (void)state;
    char *set = set_text("", servers, "1", &r, &made);
    assert_string_equal(set, "{\n  \"servers\": {\n    \"p\": 1\n  }\n}\n");
    assert_int_equal(made, 1);
    mem_free(set);
    set = set_text("// mine\r\n", servers, "1", &r, &made);
    assert_string_equal(set, "// mine\r\n{\r\n  \"servers\": {\r\n    \"p\": 1\r\n  }\r\n}\r\n");
    mem_free(set);
}

static void a_value_that_differs_is_replaced_alone(void **state) {
    int r;
    (void)state;
    char *set =
        set_text("{\n  \"servers\": {\n    \"p\": {\"c\": \"old\"}, // ours\n    \"q\": 1\n  }\n}",
                 servers, "{\"c\":\"new\"}", &r, NULL);
    assert_int_equal(r, 1);
    assert_string_equal(set, "{\n  \"servers\": {\n    \"p\": {\n      \"c\": \"new\"\n    }, // "
                             "ours\n    \"q\": 1\n  }\n}");
    mem_free(set);
    set = set_text("{ \"servers\": { \"p\": [1, 2,], } }", servers, "[1,2]", &r, NULL);
    assert_int_equal(r, 0); // equal but for how it is written
    mem_free(set);
    set = set_text("{\"ser\\u0076ers\":{\"\\u0070\":1}}", servers, "2", &r, NULL);
    assert_string_equal(set, "{\"ser\\u0076ers\":{\"\\u0070\":2}}");
    mem_free(set);
}

static void removing_leaves_what_stands_around(void **state) {
    static const struct {
        const char *before, *after;
        size_t made;
    } cases[] = {
        {"{\"servers\":{\"p\":1,\"q\":2}}", "{\"servers\":{\"q\":2}}", 0},
        {"{\"servers\":{\"q\":2,\"p\":1,\"r\":3}}", "{\"servers\":{\"q\":2,\"r\":3}}", 0},
        {"{\"servers\":{ \"p\": 1, \"q\": 2 }}", "{\"servers\":{ \"q\": 2 }}", 0},
        {"{\"servers\":{\n  \"p\": 1, // c\n  \"q\": 2\n}}", "{\"servers\":{ // c\n  \"q\": 2\n}}",
         0},
        {"{\"servers\": { \"p\": 1, }}", "{\"servers\": {}}", 0},
        {"{\"z\":0,\"servers\":{\"p\":1}}", "{\"z\":0}", 1},
        {"{\"z\":0,\"servers\":{\"p\":1}}", "{\"z\":0}", 5},
        {"{\"servers\":{\"p\":1 /* keep */}}", "{\"servers\":{ /* keep */}}", 1},
        {"{\"servers\":{\"q\":1,\n// why\n\"p\":1}}", "{\"servers\":{\"q\":1\n// why\n}}", 0},
        {"{\"servers\":{\"q\":1 // why\n,\"p\":1}}", "{\"servers\":{\"q\":1 // why\n}}", 0},
        {"{\"z\":{\"servers\":{\"p\":1}}}", "{\"z\":{\"servers\":{\"p\":1}}}", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *back = remove_text(cases[i].before, servers, cases[i].made, &r);
        assert_string_equal(back, cases[i].after);
        assert_int_equal(r, strcmp(cases[i].before, cases[i].after) != 0);
        mem_free(back);
    }
}

static void an_element_is_found_by_its_id(void **state) {
    (void)state;
    there_and_back(
        "{\n  \"agents\": [\n    {\n      \"id\": \"q\"\n    }\n  ]\n}\n", agents,
        "{\"id\":\"p\",\"c\":1}",
        "{\n  \"agents\": [\n    {\n      \"id\": \"q\"\n    },\n    {\n      \"id\": \"p\",\n"
        "      \"c\": 1\n    }\n  ]\n}\n");
    there_and_back("{\n  \"v\": 1\n}\n", agents, "{\"id\":\"p\"}",
                   "{\n  \"v\": 1,\n  \"agents\": [\n    {\n      \"id\": \"p\"\n    }\n  ]\n}\n");
    int r;
    char *back = remove_text("{\"agents\":[{\"id\":1},{\"x\":{\"id\":\"p\"}},{\"id\":\"p\"},3]}",
                             agents, 0, &r);
    assert_string_equal(back, "{\"agents\":[{\"id\":1},{\"x\":{\"id\":\"p\"}},3]}");
    mem_free(back);
}

static void what_is_no_json_is_refused_with_its_place(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 3: expected ',' or the closing bracket"},
        {"{\"a\": 1", "line 1, column 8: expected ',' or the closing bracket"},
        {"{\"a\": 1}}", "line 1, column 9: something behind the end"},
        {"{\"a\": 01}", "line 1, column 7: expected a value"},
        {"{\"a\": }", "line 1, column 7: expected a value"},
        {"{\"a\" 1}", "line 1, column 6: expected ':'"},
        {"{,}", "line 1, column 2: expected a name in quotes"},
        {"{\"a\": [,]}", "line 1, column 8: expected a value"},
        {"{\"a\": \"x\n\"}", "line 1, column 9: a text that does not end on its line"},
        {"{\"a\": \"\\x\"}", "line 1, column 9: an escape that JSON does not know"},
        {"{} /* x", "line 1, column 4: a comment without its end"},
        {"[]", "line 1, column 1: expected an object, {…}"},
        {"\xff\xfe{", "line 1, column 1: expected a value"},
        {"{\"servers\": []}", "\"servers\" is not an object, {…}"},
        {"{\"servers\": {}, \"servers\": {}}", "\"servers\" stands there more than once"},
        {"{\"servers\": {\"p\": 1, \"p\": 1}}", "\"p\" stands there more than once"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *why = set_text(cases[i].text, servers, "1", &r, NULL);
        assert_string_equal(why, cases[i].message);
        assert_int_equal(r, ERR_PARSE);
        mem_free(why);
    }
}

static void depth_is_bounded_and_costs_no_stack(void **state) {
    enum { DEEP = 200000 };
    char *text = malloc(DEEP * 2 + 64);
    struct buf out = BUF_INIT(0);
    struct err err = {0};
    json_t *one = json_integer(1);
    (void)state;
    for (int allowed = 0; allowed < 2; allowed++) {
        size_t deep = allowed ? JSONEDIT_DEPTH_MAX - 1 : DEEP, n = 0;
        n += (size_t)sprintf(text, "{\"x\":");
        memset(text + n, '[', deep);
        memset(text + n + deep, ']', deep);
        n += deep * 2;
        text[n++] = '}';
        assert_int_equal(jsonedit_set(text, n, servers, one, &out, NULL, &err),
                         allowed ? 1 : ERR_LIMIT);
    }
    json_decref(one);
    buf_done(&out);
    free(text);
}

static void a_failed_allocation_is_an_error(void **state) {
    static const char text[] = "{\n  \"servers\": {\n    \"p\": {\"c\": 1}\n  }\n}\n";
    (void)state;
    mem_init_json();
    json_t *v = value_of("{\"c\":[2],\"d\":{}}");
    for (uint64_t nth = 1;; nth++) {
        struct buf out = BUF_INIT(0);
        mem_fail_at(nth);
        int r = jsonedit_set(text, strlen(text), servers, v, &out, NULL, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        buf_done(&out);
        // jansson takes some failures for a fault in the text.
        assert_true(reached ? r == ERR_NOMEM || r == ERR_PARSE : r == 1);
        if (!reached)
            break;
    }
    json_decref(v);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_added_in_the_text_s_own_style),
        cmocka_unit_test(missing_objects_are_made_and_go_again),
        cmocka_unit_test(comments_and_trailing_commas_stay),
        cmocka_unit_test(a_text_without_a_root_gets_one),
        cmocka_unit_test(a_value_that_differs_is_replaced_alone),
        cmocka_unit_test(removing_leaves_what_stands_around),
        cmocka_unit_test(an_element_is_found_by_its_id),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(depth_is_bounded_and_costs_no_stack),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests_name("base/jsonedit", tests, NULL, NULL);
}
