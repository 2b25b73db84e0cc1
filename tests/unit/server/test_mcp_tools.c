// tools/list and tools/call: what a model gets to see, errors it can act on, and asking the user.
#include "tests/unit/server/mcp_client.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t code(const json_t *answer) {
    return json_integer_value(mcp_at(answer, "error.code"));
}

static int setup(void **state) {
    *state = mcp_client_start(NULL, false);
    return 0;
}

static int teardown(void **state) {
    mcp_client_stop(*state, false);
    return 0;
}

static char *dump(const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    return text;
}

static void the_list_is_short_annotated_and_the_same_every_time(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-11-25", "{}");
    json_t *first = mcp_client_call(c, "tools/list", NULL);
    AUTO_FREE char *text = dump(mcp_at(first, "result"));
    const json_t *tools = mcp_at(first, "result.tools");
    assert_true(strlen(text) > 1000);
    assert_in_range(json_array_size(tools), 5, 12);
    assert_true(tokens_count(text, strlen(text)) <= 3000);
    size_t always = 0;
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const char *name = mcp_text(tool, "name");
        assert_true(strlen(name) <= 46); // with mcp__paired__ in front below Cursor's 60
        assert_true(*mcp_text(tool, "title") && *mcp_text(tool, "description"));
        assert_true(json_is_boolean(mcp_at(tool, "annotations.readOnlyHint")));
        assert_true(json_is_false(mcp_at(tool, "annotations.openWorldHint")));
        assert_string_equal(mcp_text(tool, "inputSchema.type"), "object");
        // What the agents answer is text: the structure would cost a model several times as much.
        if (mcp_at(tool, "outputSchema"))
            assert_string_equal(mcp_text(tool, "outputSchema.type"), "object");
        const json_t *meta = json_object_get(tool, "_meta");
        assert_non_null(json_object_get(meta, "anthropic/searchHint"));
        always += json_is_true(json_object_get(meta, "anthropic/alwaysLoad"));
        assert_null(strchr(name, '.')); // what stands behind resources is no tool
    }
    assert_in_range(always, 1, 2);
    struct mcp_client *other = mcp_client_join(c, NULL, false);
    mcp_client_initialize(other, "2024-11-05", "{}");
    json_t *second = mcp_client_call(other, "tools/list", "{}");
    AUTO_FREE char *again = dump(mcp_at(second, "result"));
    assert_string_equal(text, again);
    json_decref(first);
    json_decref(second);
    mcp_client_stop(other, false);
}

static void instructions_fit_and_name_the_tools(void **state) {
    json_t *d = mcp_client_modern(*state, "server/discover", NULL, "{}");
    const char *text = mcp_text(d, "result.instructions");
    assert_in_range(strlen(text), 400, 1500);
    json_t *list = mcp_client_modern(*state, "tools/list", NULL, "{}");
    const json_t *tools = mcp_at(list, "result.tools");
    for (size_t i = 0; i < json_array_size(tools); i++)
        assert_non_null(strstr(text, mcp_text(json_array_get(tools, i), "name")));
    json_decref(list);
    json_decref(d);
}

static void an_unknown_tool_is_a_protocol_error(void **state) {
    static const char *const wrong[] = {"{\"name\":\"no_such_tool\"}",
                                        "{\"name\":\"mcp.read\",\"arguments\":{\"uri\":\"x\"}}",
                                        "{}",
                                        "{\"name\":7}",
                                        "{\"name\":\"recall\",\"arguments\":[]}",
                                        "{\"name\":\"recall\",\"arguments\":\"x\"}"};
    mcp_client_initialize(*state, "2025-11-25", "{}");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        json_t *a = mcp_client_call(*state, "tools/call", wrong[i]);
        assert_int_equal(code(a), -32602);
        json_decref(a);
        a = mcp_client_modern(*state, "tools/call", wrong[i], "{}");
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
}

static void a_cli_capability_is_no_tool(void **state) {
    json_t *a = mcp_client_modern(*state, "tools/call", "{\"name\":\"export\"}", "{}");
    assert_int_equal(code(a), -32602);
    json_decref(a);
}

// MCP 2025-11-25 "Error Handling": a model can correct its arguments only if it sees what is wrong.
static void wrong_arguments_are_results_that_say_how_to_do_better(void **state) {
    static const struct {
        const char *params, *named;
    } cases[] = {
        {"{\"name\":\"remember\"}", "text"},
        {"{\"name\":\"remember\",\"arguments\":{\"text\":7}}", "text"},
        {"{\"name\":\"remember\",\"arguments\":{\"text\":\"x\",\"kind\":\"poem\"}}", "kind"},
        {"{\"name\":\"recall\",\"arguments\":{\"query\":[]}}", "query"},
        {"{\"name\":\"forget\",\"arguments\":{\"uid\":\"???\"}}", "uid"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *a = mcp_client_modern(*state, "tools/call", cases[i].params, "{}");
        const char *text = mcp_text(a, "result.content.0.text");
        assert_true(json_is_true(mcp_at(a, "result.isError")));
        if (!strstr(text, cases[i].named) || !strstr(text, "Valid: {"))
            fail_msg("%s: %s", cases[i].params, text);
        assert_null(mcp_at(a, "result.structuredContent"));
        json_decref(a);
    }
}

static void a_result_has_the_same_facts_as_text_and_as_structure(void **state) {
    json_t *a = mcp_client_modern(
        *state, "tools/call",
        "{\"name\":\"remember\",\"arguments\":{\"text\":\"The build needs ninja 1.11\"}}", "{}");
    const char *uid = mcp_text(a, "result.structuredContent.uid");
    assert_true(json_is_false(mcp_at(a, "result.isError")));
    assert_true(*uid);
    assert_non_null(strstr(mcp_text(a, "result.content.0.text"), uid));
    json_decref(a);
    a = mcp_client_modern(*state, "tools/call",
                          "{\"name\":\"recall\",\"arguments\":{\"query\":\"ninja\"}}", "{}");
    assert_non_null(strstr(mcp_text(a, "result.content.0.text"), "The build needs ninja 1.11"));
    assert_non_null(mcp_at(a, "result.structuredContent"));
    json_decref(a);
}

// --- forget with erase asks the user

static void remember(struct mcp_client *c, const char *text, char uid[32]) {
    AUTO_FREE char *params =
        mem_format("{\"name\":\"remember\",\"arguments\":{\"text\":\"%s\"}}", text);
    json_t *a = mcp_client_modern(c, "tools/call", params, "{}");
    snprintf(uid, 32, "%s", mcp_text(a, "result.structuredContent.uid"));
    assert_true(*uid);
    json_decref(a);
}

static bool recalled(struct mcp_client *c, const char *word) {
    AUTO_FREE char *params =
        mem_format("{\"name\":\"recall\",\"arguments\":{\"query\":\"%s\"}}", word);
    json_t *a = mcp_client_modern(c, "tools/call", params, "{}");
    bool found = json_array_size(mcp_at(a, "result.structuredContent.notes")) > 0;
    json_decref(a);
    return found;
}

#define ELICIT "{\"elicitation\":{}}"

static json_t *erase(struct mcp_client *c, const char *uid, const char *more,
                     const char *capabilities) {
    AUTO_FREE char *params = mem_format(
        "{\"name\":\"forget\",\"arguments\":{\"uid\":\"%s\",\"erase\":true}%s}", uid, more);
    return mcp_client_modern(c, "tools/call", params, capabilities);
}

static char *round_two(const char *state, const char *action, bool yes) {
    return mem_format(",\"requestState\":\"%s\",\"inputResponses\":{\"confirm\":{\"action\":\"%s\","
                      "\"content\":{\"confirm\":%s}}}",
                      state, action, yes ? "true" : "false");
}

static void modern_erase_waits_for_the_user(void **state) {
    struct mcp_client *c = *state;
    char uid[32];
    remember(c, "platypus one", uid);
    json_t *asked = erase(c, uid, "", ELICIT);
    assert_string_equal(mcp_text(asked, "result.resultType"), "input_required");
    assert_string_equal(mcp_text(asked, "result.inputRequests.confirm.method"),
                        "elicitation/create");
    assert_null(mcp_at(asked, "result.content"));
    assert_true(recalled(c, "platypus"));
    const char *token = mcp_text(asked, "result.requestState");

    // No, a closed form, and yes without the tick leave everything as it is.
    static const char *const answers[] = {"decline", "cancel", "accept"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        AUTO_FREE char *more = round_two(token, answers[i], false);
        json_t *a = erase(c, uid, more, ELICIT);
        assert_true(json_is_true(mcp_at(a, "result.isError")));
        assert_true(recalled(c, "platypus"));
        json_decref(a);
    }
    AUTO_FREE char *more = round_two(token, "accept", true);
    json_t *a = erase(c, uid, more, ELICIT);
    assert_string_equal(mcp_text(a, "result.structuredContent.state"), "erased");
    assert_false(recalled(c, "platypus"));
    json_decref(a);
    json_decref(asked);
}

static void a_forged_moved_or_missing_state_confirms_nothing(void **state) {
    struct mcp_client *c = *state;
    char uid[32], other[32];
    remember(c, "wombat one", uid);
    remember(c, "wombat two", other);
    json_t *asked = erase(c, uid, "", ELICIT);
    const char *token = mcp_text(asked, "result.requestState");

    AUTO_FREE char *good = round_two(token, "accept", true);
    json_t *a = erase(c, other, good, ELICIT); // of another request
    assert_int_equal(code(a), -32602);
    json_decref(a);

    for (size_t i = 0; i < 3; i++) { // forged
        AUTO_FREE char *bent = mem_strdup(token);
        size_t at = i == 0 ? 3 : i == 1 ? strlen(bent) - 2 : strlen(bent) / 2;
        bent[at] = bent[at] == 'A' ? 'B' : 'A';
        AUTO_FREE char *more = round_two(bent, "accept", true);
        a = erase(c, uid, more, ELICIT);
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
    struct mcp_client *stranger = mcp_client_join(c, NULL, false); // of another session
    a = erase(stranger, uid, good, ELICIT);
    assert_int_equal(code(a), -32602);
    json_decref(a);
    mcp_client_stop(stranger, false);

    a = erase(c, uid,
              ",\"inputResponses\":{\"confirm\":{\"action\":\"accept\",\"content\":{\"confirm\":"
              "true}}}",
              ELICIT); // none: asked again
    assert_string_equal(mcp_text(a, "result.resultType"), "input_required");
    json_decref(a);
    assert_true(recalled(c, "wombat"));
    json_decref(asked);
}

static void a_state_is_good_after_an_engine_restart(void **state) {
    struct mcp_client *c = *state;
    char uid[32];
    remember(c, "quokka", uid);
    struct mcp_client *front = mcp_client_join(c, NULL, false);
    json_t *asked = erase(front, uid, "", ELICIT);
    AUTO_FREE char *more = round_two(mcp_text(asked, "result.requestState"), "accept", true);
    AUTO_FREE char *session = mem_strdup(mcp_client_session(front));
    AUTO_FREE char *profile = mem_strdup(mcp_client_profile(c));
    mcp_client_stop(front, false);
    mcp_client_stop(c, true);

    *state = c = mcp_client_start(profile, false);
    front = mcp_client_join(c, session, false);
    json_t *a = erase(front, uid, more, ELICIT);
    assert_string_equal(mcp_text(a, "result.structuredContent.state"), "erased");
    json_decref(a);
    json_decref(asked);
    mcp_client_stop(front, false);
}

static void a_client_that_cannot_ask_is_told_what_to_do(void **state) {
    struct mcp_client *c = *state;
    char uid[32];
    remember(c, "numbat", uid);
    json_t *a = erase(c, uid, "", "{}");
    assert_true(json_is_true(mcp_at(a, "result.isError")));
    assert_non_null(strstr(mcp_text(a, "result.content.0.text"), "\"confirm\": true"));
    json_decref(a);
    assert_true(recalled(c, "numbat"));
    AUTO_FREE char *params =
        mem_format("{\"name\":\"forget\",\"arguments\":{\"uid\":\"%s\",\"erase\":true,"
                   "\"confirm\":true}}",
                   uid);
    // A client that can ask has to: its model cannot answer for the user.
    a = mcp_client_modern(c, "tools/call", params, ELICIT);
    assert_string_equal(mcp_text(a, "result.resultType"), "input_required");
    json_decref(a);
    a = mcp_client_modern(c, "tools/call", params, "{}");
    assert_string_equal(mcp_text(a, "result.structuredContent.state"), "erased");
    json_decref(a);
    assert_false(recalled(c, "numbat"));
}

static void legacy_answer(struct mcp_client *c, const char *uid, const char *answer,
                          const char *word, bool expect_left) {
    AUTO_FREE char *call = mem_format("{\"jsonrpc\":\"2.0\",\"id\":\"e\",\"method\":\"tools/call\","
                                      "\"params\":{\"name\":\"forget\",\"arguments\":{\"uid\":"
                                      "\"%s\",\"erase\":true}}}",
                                      uid);
    mcp_client_send(c, call, 0, 0);
    json_t *question = mcp_client_kept(c, "elicitation/create", MCP_CLIENT_WAIT_MS);
    assert_non_null(question);
    assert_non_null(strstr(mcp_text(question, "params.message"), uid));
    AUTO_FREE char *id = dump(json_object_get(question, "id"));
    AUTO_FREE char *reply = mem_format("{\"jsonrpc\":\"2.0\",\"id\":%s,%s}", id, answer);
    json_decref(question);
    mcp_client_send(c, reply, 0, 0);
    json_t *a = NULL;
    while ((a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL)) && !json_object_get(a, "result"))
        json_decref(a);
    assert_non_null(a);
    assert_string_equal(mcp_text(a, "id"), "e");
    assert_int_equal(json_is_true(mcp_at(a, "result.isError")), expect_left);
    json_decref(a);
    assert_int_equal(recalled(c, word), expect_left);
}

static void legacy_erase_asks_by_elicitation(void **state) {
    struct mcp_client *c = *state;
    char uid[32];
    mcp_client_initialize(c, "2025-06-18", ELICIT);
    remember(c, "bandicoot", uid);
    legacy_answer(c, uid, "\"result\":{\"action\":\"decline\"}", "bandicoot", true);
    legacy_answer(c, uid, "\"error\":{\"code\":-1,\"message\":\"no window\"}", "bandicoot", true);
    legacy_answer(c, uid, "\"result\":{\"action\":\"accept\",\"content\":{\"confirm\":true}}",
                  "bandicoot", false);
}

static void end_of_input_does_not_wait_for_the_user(void **state) {
    struct mcp_client *c = mcp_client_join(*state, NULL, false);
    char uid[32];
    mcp_client_initialize(c, "2025-11-25", ELICIT);
    remember(c, "dunnart", uid);
    AUTO_FREE char *call = mem_format("{\"jsonrpc\":\"2.0\",\"id\":\"e\",\"method\":\"tools/call\","
                                      "\"params\":{\"name\":\"forget\",\"arguments\":{\"uid\":"
                                      "\"%s\",\"erase\":true}}}",
                                      uid);
    mcp_client_send(c, call, 0, 0);
    json_decref(mcp_client_kept(c, "elicitation/create", MCP_CLIENT_WAIT_MS));
    mcp_client_frame(c, HOP_EOF);
    assert_true(mcp_client_bye(c));
    mcp_client_stop(c, false);
    assert_true(recalled(*state, "dunnart"));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(the_list_is_short_annotated_and_the_same_every_time),
        FRESH(instructions_fit_and_name_the_tools),
        FRESH(an_unknown_tool_is_a_protocol_error),
        FRESH(a_cli_capability_is_no_tool),
        FRESH(wrong_arguments_are_results_that_say_how_to_do_better),
        FRESH(a_result_has_the_same_facts_as_text_and_as_structure),
        FRESH(modern_erase_waits_for_the_user),
        FRESH(a_forged_moved_or_missing_state_confirms_nothing),
        FRESH(a_state_is_good_after_an_engine_restart),
        FRESH(a_client_that_cannot_ask_is_told_what_to_do),
        FRESH(legacy_erase_asks_by_elicitation),
        FRESH(end_of_input_does_not_wait_for_the_user),
    };
    return cmocka_run_group_tests_name("server/mcp_tools", tests, NULL, NULL);
}
