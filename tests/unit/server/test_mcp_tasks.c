// The Tasks extension, with the fixtures' slow tools.
#include "tests/unit/server/mcp_client.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TASKS "{\"elicitation\":{},\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}"

static int64_t code(const json_t *answer) {
    return json_integer_value(mcp_at(answer, "error.code"));
}

static int setup(void **state) {
    *state = mcp_client_start(NULL, true);
    return 0;
}

static int teardown(void **state) {
    mcp_client_stop(*state, false);
    return 0;
}

static json_t *with_task(struct mcp_client *c, const char *method, const char *id,
                         const char *more) {
    AUTO_FREE char *params = mem_format("{\"taskId\":\"%s\"%s}", id, more);
    return mcp_client_modern(c, method, params, TASKS);
}

static void start(struct mcp_client *c, const char *params, char id[64]) {
    json_t *a = mcp_client_modern(c, "tools/call", params, TASKS);
    assert_string_equal(mcp_text(a, "result.resultType"), "task");
    snprintf(id, 64, "%s", mcp_text(a, "result.taskId"));
    assert_true(strlen(id) >= 33);
    json_decref(a);
}

static json_t *wait_status(struct mcp_client *c, const char *id, const char *status) {
    for (int tries = 0; tries < 500; tries++) {
        json_t *a = with_task(c, "tasks/get", id, "");
        if (strcmp(mcp_text(a, "result.status"), status) == 0)
            return a;
        json_decref(a);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("the task does not become %s", status);
    return NULL;
}

static void a_task_outlives_the_connection_it_came_by(void **state) {
    struct mcp_client *c = *state, *other = mcp_client_join(c, NULL, true);
    char id[64];
    start(other, "{\"name\":\"failing_job\"}", id);
    mcp_client_stop(other, false);
    json_t *a = wait_status(c, id, "completed");
    assert_true(json_is_true(mcp_at(a, "result.result.isError")));
    json_decref(a);
}

static void a_client_without_the_extension_gets_no_task(void **state) {
    struct mcp_client *c = *state;
    static const char *const methods[] = {"tasks/get", "tasks/update", "tasks/cancel"};
    json_t *a = mcp_client_modern(
        c, "tools/call", "{\"name\":\"slow_compute\",\"arguments\":{\"seconds\":0}}", "{}");
    assert_string_equal(mcp_text(a, "result.resultType"), "complete");
    json_decref(a);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        a = mcp_client_modern(c, methods[i], "{\"taskId\":\"x\",\"inputResponses\":{}}", "{}");
        assert_int_equal(code(a), -32021);
        assert_non_null(json_object_get(mcp_at(a, "error.data.requiredCapabilities.extensions"),
                                        "io.modelcontextprotocol/tasks"));
        json_decref(a);
    }
}

static void a_cancelled_task_stays_cancelled(void **state) {
    struct mcp_client *c = *state;
    char id[64];
    start(c, "{\"name\":\"slow_compute\",\"arguments\":{\"seconds\":60}}", id);
    for (int i = 0; i < 2; i++) { // the second time there is nothing left to do
        json_t *a = with_task(c, "tasks/cancel", id, "");
        assert_string_equal(mcp_text(a, "result.resultType"), "complete");
        assert_null(mcp_at(a, "result.taskId"));
        json_decref(a);
    }
    json_t *a = with_task(c, "tasks/get", id, "");
    assert_string_equal(mcp_text(a, "result.status"), "cancelled");
    assert_null(mcp_at(a, "result.result"));
    json_decref(a);
}

static void answers_are_taken_one_by_one_and_strangers_ignored(void **state) {
    struct mcp_client *c = *state;
    char id[64];
    start(c, "{\"name\":\"multi_input\"}", id);
    static const char *const updates[] = {
        ",\"inputResponses\":{}", ",\"inputResponses\":{\"stranger\":{}}",
        ",\"inputResponses\":{\"first\":7}",
        ",\"inputResponses\":{\"first\":{\"action\":\"accept\"},\"stranger\":{}}"};
    for (size_t i = 0; i < COUNT_OF(updates); i++) {
        json_t *a = with_task(c, "tasks/update", id, updates[i]);
        assert_string_equal(mcp_text(a, "result.resultType"), "complete");
        json_decref(a);
        a = with_task(c, "tasks/get", id, "");
        assert_string_equal(mcp_text(a, "result.status"), "input_required");
        assert_int_equal(json_object_size(mcp_at(a, "result.inputRequests")), i < 3 ? 2 : 1);
        json_decref(a);
    }
    json_decref(with_task(c, "tasks/update", id,
                          ",\"inputResponses\":{\"second\":{\"action\":\"decline\"}}"));
    json_t *a = wait_status(c, id, "completed");
    assert_string_equal(mcp_text(a, "result.result.content.0.text"), "2 answers");
    assert_null(mcp_at(a, "result.inputRequests"));
    json_decref(a);
    json_decref(with_task(c, "tasks/update", id, ",\"inputResponses\":{\"first\":{}}")); // too late
    static const char *const wrong[] = {"", ",\"inputResponses\":[]"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        a = with_task(c, "tasks/update", id, wrong[i]);
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
}

static void unknown_tasks_are_refused(void **state) {
    static const char *const methods[] = {"tasks/get", "tasks/update", "tasks/cancel"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        json_t *a = with_task(*state, methods[i], "t00000000000000000000000000000000",
                              ",\"inputResponses\":{}");
        assert_int_equal(code(a), -32602);
        json_decref(a);
        a = mcp_client_modern(*state, methods[i], "{}", TASKS);
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
}

static void listeners_hear_of_their_task(void **state) {
    struct mcp_client *c = *state;
    char id[64];
    start(c, "{\"name\":\"confirm_delete\",\"arguments\":{\"filename\":\"f\"}}", id);
    AUTO_FREE char *listen = mem_format(
        "{\"jsonrpc\":\"2.0\",\"id\":\"l\",\"method\":\"subscriptions/listen\",\"params\":{"
        "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
        "\"io.modelcontextprotocol/clientCapabilities\":" TASKS
        "},\"notifications\":{\"taskIds\":[\"%s\"]}}}",
        id);
    mcp_client_send(c, listen, 0, 0);
    json_t *ack = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_string_equal(mcp_text(ack, "params.notifications.taskIds.0"), id);
    json_decref(ack);
    json_decref(with_task(c, "tasks/update", id,
                          ",\"inputResponses\":{\"confirm\":{\"action\":\"accept\",\"content\":{"
                          "\"confirm\":true}}}"));
    const char *last = "";
    json_t *n = NULL;
    while (strcmp(last, "completed") != 0) {
        json_decref(n);
        n = mcp_client_kept(c, "notifications/tasks", MCP_CLIENT_WAIT_MS);
        assert_non_null(n);
        assert_string_equal(mcp_text(n, "params.taskId"), id);
        assert_string_equal(
            json_string_value(json_object_get(mcp_at(n, "params._meta"),
                                              "io.modelcontextprotocol/subscriptionId")),
            "l");
        last = mcp_text(n, "params.status");
    }
    assert_string_equal(mcp_text(n, "params.result.content.0.text"), "Deleted f");
    json_decref(n);
}

static void too_many_tasks_are_refused(void **state) {
    struct mcp_client *c = *state;
    char id[64];
    for (int i = 0; i < 256; i++)
        start(c, "{\"name\":\"slow_compute\",\"arguments\":{\"seconds\":0}}", id);
    json_t *a = mcp_client_modern(c, "tools/call", "{\"name\":\"failing_job\"}", TASKS);
    assert_int_equal(code(a), -32603);
    json_decref(a);
    a = mcp_client_modern(c, "tools/call", "{\"name\":\"greet\"}", TASKS);
    assert_string_equal(mcp_text(a, "result.resultType"), "complete");
    json_decref(a);
}

static void no_fixture_is_seen_without_the_option(void **state) {
    struct mcp_client *plain = mcp_client_join(*state, NULL, false);
    static const struct {
        const char *method, *params;
    } cases[] = {
        {"tools/call", "{\"name\":\"test_simple_text\"}"},
        {"tools/call", "{\"name\":\"greet\"}"},
        {"tools/call", "{\"name\":\"test_input_required_result_elicitation\"}"},
        {"prompts/get", "{\"name\":\"test_simple_prompt\"}"},
        {"prompts/get", "{\"name\":\"test_input_required_result_prompt\"}"},
        {"resources/read", "{\"uri\":\"test://static-text\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *a = mcp_client_modern(plain, cases[i].method, cases[i].params, TASKS);
        assert_int_equal(code(a), -32602);
        json_decref(a);
        a = mcp_client_modern(*state, cases[i].method, cases[i].params, TASKS);
        assert_non_null(mcp_at(a, "result"));
        json_decref(a);
    }
    static const char *const lists[] = {"tools/list", "prompts/list", "resources/list",
                                        "resources/templates/list", "server/discover"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        json_t *a = mcp_client_modern(plain, lists[i], NULL, "{}");
        char *text = json_dumps(a, 0);
        assert_null(strstr(text, "test_"));
        assert_null(strstr(text, "test://"));
        mem_free(text);
        json_decref(a);
    }
    json_t *d = mcp_client_modern(plain, "server/discover", NULL, "{}");
    assert_null(mcp_at(d, "result.capabilities.tools.listChanged"));
    json_decref(d);
    mcp_client_stop(plain, false);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(a_task_outlives_the_connection_it_came_by),
        FRESH(a_client_without_the_extension_gets_no_task),
        FRESH(a_cancelled_task_stays_cancelled),
        FRESH(answers_are_taken_one_by_one_and_strangers_ignored),
        FRESH(unknown_tasks_are_refused),
        FRESH(listeners_hear_of_their_task),
        FRESH(too_many_tasks_are_refused),
        FRESH(no_fixture_is_seen_without_the_option),
    };
    return cmocka_run_group_tests_name("server/mcp_tasks", tests, NULL, NULL);
}
