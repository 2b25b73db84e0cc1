// The table of methods: one row for each, and what initialize answers follows from the rows.
#include "server/lsp_impl.h"

#include "core/base/mem.h"
#include "tests/unit/server/mcp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_method_stands_once_and_does_one_thing(void **state) {
    static const char *names[LSP_METHODS_MAX];
    size_t n = 0;
    (void)state;
    for (size_t i = 0; lsp_features[i]; i++) {
        assert_true(i < LSP_FEATURES_MAX);
        assert_non_null(lsp_features[i]->name);
        assert_int_equal(lsp_feature_index(lsp_features[i]), i);
        for (const struct lsp_method *m = lsp_features[i]->methods; m && m->name; m++) {
            if (!m->request == !m->notification)
                fail_msg("%s: a request or a notification", m->name);
            for (size_t k = 0; k < n; k++)
                if (strcmp(names[k], m->name) == 0)
                    fail_msg("%s stands twice", m->name);
            assert_true(n < LSP_METHODS_MAX);
            names[n++] = m->name;
        }
    }
    assert_true(n > 10);
}

// Which of a client's capabilities makes us offer a method; without it nothing of it is said.
static json_t *welcome(const char *params) {
    struct lsp_face f = {.params = json_loads(params, 0, NULL)};
    assert_non_null(f.params);
    json_t *result = lsp_client_welcome(&f);
    json_decref(f.params);
    assert_non_null(result);
    return result;
}

static void what_a_client_cannot_use_is_not_advertised(void **state) {
    (void)state;
    json_t *poor = welcome("{\"capabilities\":{}}");
    json_t *rich = welcome("{\"capabilities\":{\"textDocument\":{\"diagnostic\":{}},"
                           "\"general\":{\"positionEncodings\":[\"utf-8\"]}}}");
    assert_null(mcp_at(poor, "capabilities.diagnosticProvider"));
    assert_null(mcp_at(poor, "capabilities.positionEncoding"));
    assert_non_null(mcp_at(rich, "capabilities.diagnosticProvider"));
    assert_non_null(mcp_at(rich, "capabilities.positionEncoding"));
    assert_int_equal(json_integer_value(mcp_at(poor, "capabilities.textDocumentSync.change")), 2);
    assert_string_equal(mcp_text(poor, "serverInfo.name"), "paired");
    json_decref(poor);
    json_decref(rich);
}

static void capabilities_are_read_by_their_path(void **state) {
    struct lsp_face f = {
        .params = json_loads("{\"clientInfo\":{\"name\":\"x\"},\"initializationOptions\":{\"a\":{"
                             "\"b\":true,\"n\":7}},\"capabilities\":{\"workspace\":{"
                             "\"configuration\":true,\"applyEdit\":false,\"none\":null,"
                             "\"list\":[\"one\",2]}}}",
                             0, NULL)};
    (void)state;
    assert_true(lsp_client_can(&f, "workspace"));
    assert_true(lsp_client_can(&f, "workspace.configuration"));
    assert_false(lsp_client_can(&f, "workspace.applyEdit"));
    assert_false(lsp_client_can(&f, "workspace.none"));
    assert_false(lsp_client_can(&f, "workspace.configuration.x"));
    assert_false(lsp_client_can(&f, "textDocument.hover"));
    assert_true(lsp_client_lists(&f, "workspace.list", "one"));
    assert_false(lsp_client_lists(&f, "workspace.list", "two"));
    assert_string_equal(lsp_client_name(&f), "x");
    assert_true(lsp_setting_bool(&f, "a.b", false));
    assert_true(lsp_setting_bool(&f, "a.c", true));
    assert_int_equal(lsp_setting_int(&f, "a.n", 1), 7);
    assert_int_equal(lsp_setting_int(&f, "a.b", 1), 1);
    // What the client pushes or answers counts before what it said first.
    f.settings = json_loads("{\"a\":{\"b\":false}}", 0, NULL);
    assert_false(lsp_setting_bool(&f, "a.b", true));
    assert_int_equal(lsp_setting_int(&f, "a.n", 1), 7);
    json_decref(f.settings);
    json_decref(f.params);
}

static void every_failed_allocation_of_the_welcome_is_survived(void **state) {
    struct lsp_face f = {.params = json_loads("{\"capabilities\":{\"textDocument\":{"
                                              "\"diagnostic\":{}},\"general\":{"
                                              "\"positionEncodings\":[\"utf-8\"]}}}",
                                              0, NULL)};
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        mem_fail_at(nth);
        json_t *result = lsp_client_welcome(&f);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        json_decref(result);
        if (!reached) {
            assert_non_null(result);
            break;
        }
    }
    json_decref(f.params);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_stands_once_and_does_one_thing),
        cmocka_unit_test(what_a_client_cannot_use_is_not_advertised),
        cmocka_unit_test(capabilities_are_read_by_their_path),
        cmocka_unit_test(every_failed_allocation_of_the_welcome_is_survived),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("server/lsp_table", tests, NULL, NULL);
}
