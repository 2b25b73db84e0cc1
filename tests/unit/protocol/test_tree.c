#include "protocol/tree.h"

#include "core/base/mem.h"
#include "protocol/jsonrpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Built from a block of exactly its size, after the reader has accepted it, as rpc does.
static json_t *build(const char *text, size_t n, const char **ret_why) {
    struct jsonrpc_message m;
    char *copy = mem_alloc(n);
    memcpy(copy, text, n);
    assert_int_equal(jsonrpc_read(copy, n, &m, NULL), 0);
    json_t *tree = tree_build(copy, n, ret_why);
    mem_free(copy);
    return tree;
}

static void trees_are_those_of_jansson(void **state) {
    static const char *const texts[] = {
        "{}",
        "[]",
        " { } ",
        " [ ] ",
        "[[],{},[[]]]",
        "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":true}",
        "0",
        "-0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "1e3",
        "-1E-2",
        "0.1",
        "123456789.123456789e-20",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"",
        "\"a\\u0000b\"",
        "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 plain text of more than eight bytes\"",
        "\"long text without escapes, and then one\\n and more text behind it\"",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"\\u0061b\":\"\\u0063d\",\"\":\"\"}",
        " { \"a\" : [ 1 , 2 ] , \"b\" :\n{ \"c\"\t: 3 } } ",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *why = NULL;
        json_t *ours = build(texts[i], strlen(texts[i]), &why);
        json_t *theirs =
            json_loadb(texts[i], strlen(texts[i]), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        char *a = json_dumps(ours, JSON_ENCODE_ANY), *b = json_dumps(theirs, JSON_ENCODE_ANY);
        if (!a || !b || strcmp(a, b) != 0 || !json_equal(ours, theirs))
            fail_msg("%s became %s, not %s", texts[i], a ? a : "nothing", b ? b : "nothing");
        mem_free(a);
        mem_free(b);
        json_decref(ours);
        json_decref(theirs);
    }
}

static void what_a_tree_cannot_hold_is_refused_with_the_reason(void **state) {
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"9223372036854775808", "64 bits"},
        {"-9223372036854775809", "64 bits"},
        {"[18446744073709551616]", "64 bits"},
        {"99999999999999999999999999999999999999", "64 bits"},
        {"1e999", "64 bits"},
        {"[\"\\ud800\"]", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"\\ud800\\ud800\"", "surrogate"},
        {"\"\\ud800x\\udc00\"", "surrogate"},
        {"{\"a\\u0000\":1}", "NUL"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *why = NULL;
        assert_null(build(rows[i].text, strlen(rows[i].text), &why));
        assert_non_null(why);
        assert_non_null(strstr(why, rows[i].why));
    }
}

static void the_deepest_text_that_is_accepted_can_be_built(void **state) {
    char text[2 * JSONRPC_DEPTH_MAX];
    const char *why = NULL;
    (void)state;
    memset(text, '[', JSONRPC_DEPTH_MAX);
    memset(text + JSONRPC_DEPTH_MAX, ']', JSONRPC_DEPTH_MAX);
    json_t *tree = build(text, sizeof text, &why);
    assert_non_null(tree);
    json_decref(tree);
}

static void every_failed_allocation_is_noticed_and_nothing_leaks(void **state) {
    static const char text[] =
        "{\"a\":[1,2.5,\"x\\ny\",{\"b\\u0063\":\"\\u20ac\"}],\"d\":\"plain\"}";
    const char *why;
    int failures = 0;
    (void)state;
    json_t *whole = tree_build(text, sizeof text - 1, &why);
    for (uint64_t nth = 1; nth < 60; nth++) {
        mem_fail_at(nth);
        json_t *tree = tree_build(text, sizeof text - 1, &why);
        mem_fail_at(0);
        assert_null(why);
        assert_true(!tree || json_equal(tree, whole));
        failures += !tree;
        json_decref(tree);
    }
    assert_in_range(failures, 15, 58);
    json_decref(whole);
}

static int setup(void **state) {
    (void)state;
    mem_init_json();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_those_of_jansson),
        cmocka_unit_test(what_a_tree_cannot_hold_is_refused_with_the_reason),
        cmocka_unit_test(the_deepest_text_that_is_accepted_can_be_built),
        cmocka_unit_test(every_failed_allocation_is_noticed_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("protocol/tree", tests, setup, NULL);
}
