#include "protocol/mcp.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int read_meta(const char *params, struct mcp_meta *m, struct err *err) {
    static json_t *kept; // what the result borrows from
    json_decref(kept);
    kept = params ? json_loads(params, 0, NULL) : NULL;
    return mcp_meta_read(kept, m, err);
}

#define MODERN "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\""
#define CAN    "\"io.modelcontextprotocol/clientCapabilities\":{}"

static void versions_are_newest_first_and_only_one_takes_batches(void **state) {
    (void)state;
    size_t batches = 0;
    for (const struct mcp_version *v = mcp_versions; v->name; v++) {
        assert_ptr_equal(mcp_version_find(v->name), v);
        if (v[1].name)
            assert_true(strcmp(v->name, v[1].name) > 0);
        batches += v->batches;
    }
    assert_int_equal(batches, 1);
    assert_true(mcp_version_find("2025-03-26")->batches);
    assert_string_equal(mcp_version_latest(MCP_LEGACY)->name, "2025-11-25");
    assert_string_equal(mcp_version_latest(MCP_MODERN)->name, "2026-07-28");
    assert_null(mcp_version_find("2025-11-2"));
}

static void elicitation_without_modes_means_forms(void **state) {
    (void)state;
    static const struct {
        const char *json;
        unsigned can;
    } cases[] = {
        {"{}", 0},
        {"{\"elicitation\":{}}", MCP_CAN_ELICIT},
        {"{\"elicitation\":{\"form\":{}}}", MCP_CAN_ELICIT},
        {"{\"elicitation\":{\"url\":{}}}", MCP_CAN_ELICIT_URL},
        {"{\"elicitation\":{\"form\":{},\"url\":{}}}", MCP_CAN_ELICIT | MCP_CAN_ELICIT_URL},
        {"{\"elicitation\":true}", 0},
        {"{\"sampling\":{},\"roots\":{}}", MCP_CAN_SAMPLE | MCP_CAN_ROOTS},
        {"{\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}", MCP_CAN_TASKS},
        {"{\"tasks\":{}}", 0},
        {"[]", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *caps = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(mcp_capabilities_read(caps), cases[i].can);
        json_decref(caps);
    }
    assert_int_equal(mcp_capabilities_read(NULL), 0);
}

static void meta_tells_the_eras_apart(void **state) {
    (void)state;
    struct mcp_meta m;
    struct err err = {0};
    assert_int_equal(read_meta(NULL, &m, &err), 0);
    assert_false(m.modern);
    assert_int_equal(read_meta("{\"_meta\":{\"progressToken\":7}}", &m, &err), 0);
    assert_false(m.modern);
    assert_int_equal(json_integer_value(m.progress_token), 7);
    assert_int_equal(read_meta("{\"_meta\":{" MODERN "," CAN "}}", &m, &err), 0);
    assert_true(m.modern);
    assert_string_equal(m.version, "2026-07-28");
    assert_int_equal(m.log_level, -1);
    assert_int_equal(read_meta("{\"_meta\":{" MODERN "," CAN
                               ",\"io.modelcontextprotocol/logLevel\":\"error\","
                               "\"progressToken\":\"t\"}}",
                               &m, &err),
                     0);
    assert_int_equal(m.log_level, MCP_LOG_ERROR);
    assert_string_equal(json_string_value(m.progress_token), "t");
}

static void a_malformed_meta_is_refused_and_named(void **state) {
    (void)state;
    static const struct {
        const char *params, *named;
    } cases[] = {
        {"[]", "params"},
        {"{\"_meta\":3}", "_meta"},
        {"{\"_meta\":{\"progressToken\":1.5}}", "progressToken"},
        {"{\"_meta\":{\"progressToken\":{}}}", "progressToken"},
        {"{\"_meta\":{" MODERN "}}", "clientCapabilities"},
        {"{\"_meta\":{" CAN "}}", "protocolVersion"},
        {"{\"_meta\":{" CAN ",\"io.modelcontextprotocol/protocolVersion\":1}}", "protocolVersion"},
        {"{\"_meta\":{" MODERN "," CAN ",\"io.modelcontextprotocol/clientInfo\":\"x\"}}",
         "clientInfo"},
        {"{\"_meta\":{" MODERN "," CAN ",\"io.modelcontextprotocol/logLevel\":\"loud\"}}",
         "logLevel"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mcp_meta m;
        struct err err = {0};
        assert_int_equal(read_meta(cases[i].params, &m, &err), ERR_INVAL);
        assert_non_null(strstr(err_text(&err), cases[i].named));
    }
}

static void log_levels_have_the_order_of_syslog(void **state) {
    (void)state;
    static const char *const names[] = {"debug", "info",     "notice", "warning",
                                        "error", "critical", "alert",  "emergency"};
    for (int i = 0; i < 8; i++) {
        json_t *name = json_string(names[i]);
        assert_int_equal(mcp_log_level_read(name), i);
        assert_string_equal(mcp_log_level_name(i), names[i]);
        json_decref(name);
    }
    assert_true(mcp_log_level_read(NULL) < 0);
}

static int complete(const char *text, struct mcp_complete *ret, struct err *err) {
    static json_t *kept;
    json_decref(kept);
    kept = json_loads(text, 0, NULL);
    return mcp_complete_read(kept, ret, err);
}

static void completion_names_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *params, *named;
    } cases[] = {
        {"{}", "ref"},
        {"{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"}}", "argument"},
        {"{\"ref\":{\"type\":\"ref/other\"},\"argument\":{}}", "ref.type"},
        {"{\"ref\":{\"type\":\"ref/prompt\"},\"argument\":{}}", "ref.name"},
        {"{\"ref\":{\"type\":\"ref/resource\"},\"argument\":{}}", "ref.uri"},
        {"{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"},\"argument\":{\"name\":\"a\"}}",
         "argument.value"},
    };
    struct mcp_complete m;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        assert_int_equal(complete(cases[i].params, &m, &err), ERR_INVAL);
        assert_non_null(strstr(err_text(&err), cases[i].named));
    }
    assert_int_equal(complete("{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"u\"},\"argument\":{"
                              "\"name\":\"a\",\"value\":\"v\"},\"context\":{\"arguments\":{}}}",
                              &m, NULL),
                     0);
    assert_true(text_is(m.ref_uri, "u") && text_is(m.argument, "a") && text_is(m.value, "v"));
    assert_non_null(m.context);
}

static void a_listen_filter_is_checked_and_bounded(void **state) {
    (void)state;
    struct mcp_listen l;
    json_t *params = json_loads("{\"notifications\":{\"toolsListChanged\":true,"
                                "\"promptsListChanged\":false,\"resourceSubscriptions\":[\"a\"]}}",
                                0, NULL);
    assert_int_equal(mcp_listen_read(params, &l, NULL), 0);
    assert_int_equal(l.lists, MCP_LISTEN_TOOLS);
    assert_int_equal(json_array_size(l.uris), 1);
    json_t *uris =
        json_object_get(json_object_get(params, "notifications"), "resourceSubscriptions");
    while (json_array_size(uris) <= MCP_SUBSCRIPTIONS_MAX)
        assert_int_equal(json_array_append_new(uris, json_string("b")), 0);
    assert_int_equal(mcp_listen_read(params, &l, NULL), ERR_INVAL);
    json_decref(params);
    static const char *const wrong[] = {"{}", "{\"notifications\":[]}",
                                        "{\"notifications\":{\"toolsListChanged\":1}}",
                                        "{\"notifications\":{\"resourceSubscriptions\":[1]}}",
                                        "{\"notifications\":{\"taskIds\":{}}}"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        params = json_loads(wrong[i], 0, NULL);
        assert_int_equal(mcp_listen_read(params, &l, NULL), ERR_INVAL);
        json_decref(params);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_newest_first_and_only_one_takes_batches),
        cmocka_unit_test(elicitation_without_modes_means_forms),
        cmocka_unit_test(meta_tells_the_eras_apart),
        cmocka_unit_test(a_malformed_meta_is_refused_and_named),
        cmocka_unit_test(log_levels_have_the_order_of_syslog),
        cmocka_unit_test(completion_names_what_is_wrong),
        cmocka_unit_test(a_listen_filter_is_checked_and_bounded),
    };
    return cmocka_run_group_tests_name("protocol/mcp", tests, NULL, NULL);
}
