// Which revision a request belongs to, decided request by request on one connection.
#include "tests/unit/server/mcp_client.h"

#include "core/base/mem.h"
#include "protocol/mcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t code(const json_t *answer) {
    return json_integer_value(mcp_at(answer, "error.code"));
}

#define EXPECT_CODE(answer, expected)                                                              \
    do {                                                                                           \
        json_t *a_ = (answer);                                                                     \
        assert_int_equal(code(a_), expected);                                                      \
        json_decref(a_);                                                                           \
    } while (0)

static int setup(void **state) {
    *state = mcp_client_start(NULL, false);
    return 0;
}

static int teardown(void **state) {
    mcp_client_stop(*state, false);
    return 0;
}

static void initialize_agrees_on_every_legacy_revision(void **state) {
    for (const struct mcp_version *v = mcp_versions; v->name; v++) {
        if (v->era != MCP_LEGACY)
            continue;
        struct mcp_client *c = mcp_client_join(*state, NULL, false);
        mcp_client_initialize(c, v->name, "{}");
        json_t *list = mcp_client_call(c, "tools/list", NULL);
        assert_true(json_array_size(mcp_at(list, "result.tools")) > 0);
        assert_null(mcp_at(list, "result.resultType"));
        json_decref(list);
        mcp_client_stop(c, false);
    }
}

static void an_unknown_or_modern_revision_is_answered_with_the_latest_legacy_one(void **state) {
    static const char *const asked[] = {"2026-07-28", "1999-01-01", ""};
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        char params[200];
        snprintf(params, sizeof params, "{\"protocolVersion\":\"%s\",\"capabilities\":{}}",
                 asked[i]);
        json_t *a = mcp_client_call(*state, "initialize", params);
        assert_string_equal(mcp_text(a, "result.protocolVersion"), "2025-11-25");
        json_decref(a);
    }
    EXPECT_CODE(mcp_client_call(*state, "initialize", "{}"), -32602);
}

static void before_initialize_only_ping_and_discover_are_served(void **state) {
    json_t *pong = mcp_client_call(*state, "ping", NULL);
    assert_int_equal(json_object_size(mcp_at(pong, "result")), 0);
    assert_non_null(mcp_at(pong, "result"));
    json_decref(pong);
    EXPECT_CODE(mcp_client_call(*state, "tools/list", NULL), -32602);
    EXPECT_CODE(mcp_client_call(*state, "server/discover", "{}"), -32602);
    EXPECT_CODE(mcp_client_call(*state, "no/such", NULL), -32601);
    json_t *d = mcp_client_modern(*state, "server/discover", NULL, "{}");
    assert_string_equal(mcp_text(d, "result.supportedVersions.0"), "2026-07-28");
    assert_string_equal(mcp_text(d, "result.resultType"), "complete");
    assert_true(json_is_integer(mcp_at(d, "result.ttlMs")));
    assert_string_equal(mcp_text(d, "result.cacheScope"), "public");
    json_decref(d);
}

static void both_eras_work_side_by_side_on_one_connection(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-06-18", "{}");
    for (int i = 0; i < 3; i++) {
        json_t *modern = mcp_client_modern(c, "tools/list", NULL, "{}");
        json_t *legacy = mcp_client_call(c, "tools/list", NULL);
        assert_string_equal(mcp_text(modern, "result.resultType"), "complete");
        assert_null(mcp_at(legacy, "result.resultType"));
        assert_true(json_equal(mcp_at(modern, "result.tools"), mcp_at(legacy, "result.tools")));
        json_decref(modern);
        json_decref(legacy);
    }
}

static void a_wrong_version_is_refused_at_any_time(void **state) {
    static const char *const wrong[] = {"1900-01-01", "2025-11-25", "", "2026-07-29"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char params[256];
        snprintf(params, sizeof params,
                 "{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"%s\","
                 "\"io.modelcontextprotocol/clientCapabilities\":{}}}",
                 wrong[i]);
        json_t *a = mcp_client_call(*state, i % 2 ? "tools/list" : "server/discover", params);
        assert_int_equal(code(a), -32022);
        assert_string_equal(mcp_text(a, "error.data.requested"), wrong[i]);
        assert_string_equal(mcp_text(a, "error.data.supported.0"), "2026-07-28");
        json_decref(a);
        json_decref(mcp_client_modern(*state, "tools/list", NULL, "{}"));
    }
}

static void what_a_revision_does_not_have_is_not_found(void **state) {
    static const char *const gone[] = {"initialize",
                                       "ping",
                                       "logging/setLevel",
                                       "resources/subscribe",
                                       "resources/unsubscribe",
                                       "tasks/list",
                                       "tasks/result"};
    static const char *const not_yet[] = {"subscriptions/listen", "tasks/get", "tasks/update",
                                          "tasks/cancel"};
    for (size_t i = 0; i < COUNT_OF(gone); i++)
        EXPECT_CODE(mcp_client_modern(*state, gone[i], "{\"uri\":\"memory://recent\"}", "{}"),
                    -32601);
    mcp_client_initialize(*state, "2025-11-25", "{}");
    for (size_t i = 0; i < COUNT_OF(not_yet); i++)
        EXPECT_CODE(mcp_client_call(*state, not_yet[i], "{\"taskId\":\"x\"}"), -32601);
}

static void only_2025_03_26_takes_batches(void **state) {
    static const char batch[] = "[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"},"
                                "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"ping\"}]";
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-06-18", "{}");
    mcp_client_send(c, batch, 0, 0);
    json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_int_equal(code(a), -32600);
    json_decref(a);
    mcp_client_initialize(c, "2025-03-26", "{}");
    mcp_client_send(c, batch, 0, 0);
    a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_true(json_is_array(a));
    assert_int_equal(json_array_size(a), 2);
    json_decref(a);
}

static void every_modern_result_says_what_it_is_and_from_whom(void **state) {
    static const struct {
        const char *method, *params;
        bool cacheable;
    } cases[] = {
        {"server/discover", NULL, true},
        {"tools/list", NULL, true},
        {"prompts/list", NULL, true},
        {"resources/list", NULL, true},
        {"resources/templates/list", NULL, true},
        {"resources/read", "{\"uri\":\"paired://status\"}", true},
        {"resources/read", "{\"uri\":\"memory://recent\"}", true},
        {"resources/read", "{\"uri\":\"skill://paired/paired-memory/SKILL.md\"}", true},
        {"skills/list", NULL, true},
        {"skills/get", "{\"uri\":\"skill://paired/paired-memory/SKILL.md\"}", true},
        {"prompts/get", "{\"name\":\"handoff\"}", false},
        {"tools/call", "{\"name\":\"recall\"}", false},
        {"tools/call", "{\"name\":\"remember\"}", false}, // an error result
        {"completion/complete",
         "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"recall\"},"
         "\"argument\":{\"name\":\"topic\",\"value\":\"\"}}",
         false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *a = mcp_client_modern(*state, cases[i].method, cases[i].params, "{}");
        const json_t *result = mcp_at(a, "result");
        if (!result)
            fail_msg("%s: %s", cases[i].method, mcp_text(a, "error.message"));
        const json_t *meta = json_object_get(result, "_meta");
        assert_string_equal(mcp_text(result, "resultType"), "complete");
        assert_string_equal(
            mcp_text(json_object_get(meta, "io.modelcontextprotocol/serverInfo"), "name"),
            "paired");
        assert_int_equal(json_is_integer(mcp_at(result, "ttlMs")), cases[i].cacheable);
        assert_int_equal(json_is_string(mcp_at(result, "cacheScope")), cases[i].cacheable);
        json_decref(a);
    }
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(initialize_agrees_on_every_legacy_revision),
        FRESH(an_unknown_or_modern_revision_is_answered_with_the_latest_legacy_one),
        FRESH(before_initialize_only_ping_and_discover_are_served),
        FRESH(both_eras_work_side_by_side_on_one_connection),
        FRESH(a_wrong_version_is_refused_at_any_time),
        FRESH(what_a_revision_does_not_have_is_not_found),
        FRESH(only_2025_03_26_takes_batches),
        FRESH(every_modern_result_says_what_it_is_and_from_whom),
    };
    return cmocka_run_group_tests_name("server/mcp_eras", tests, NULL, NULL);
}
