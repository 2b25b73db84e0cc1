// Every allocation that answering a request takes is made to fail, one after the other: the client
// gets an answer or a closed connection, the engine lives, nothing leaks.
#include "tests/unit/server/mcp_client.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { NTH_MAX = 3000 };

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{},\"extensions\":{"          \
    "\"io.modelcontextprotocol/tasks\":{}}}}"
#define REQUEST(method, more)                                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" more META "}}"

static void sweep(const char *request) {
    struct mcp_client *c = mcp_client_start(NULL, true);
    struct mcp_client *front = mcp_client_join(c, NULL, true);
    // A store that could not be opened is not tried again at once: that is another test's matter.
    json_decref(mcp_client_modern(c, "tools/call", "{\"name\":\"recall\"}", "{}"));
    uint64_t nth = 1;
    int in_a_row = 0; // answers with a result: the failure lies behind all that the request needs
    for (; nth < NTH_MAX && in_a_row < 12; nth++) {
        json_t *a = mcp_client_starved(front, request, nth);
        in_a_row = mcp_at(a, "result") ? in_a_row + 1 : 0;
        if (!a) {
            mcp_client_stop(front, false);
            front = mcp_client_join(c, NULL, true);
        }
        json_decref(a);
    }
    assert_in_range(nth, 14, NTH_MAX - 1);
    mcp_client_stop(front, false);
    json_t *alive = mcp_client_modern(c, "tools/list", NULL, "{}");
    assert_true(json_array_size(mcp_at(alive, "result.tools")) > 0);
    json_decref(alive);
    mcp_client_stop(c, false);
}

static void lists(void **state) {
    (void)state;
    sweep(REQUEST("server/discover", ""));
    sweep(REQUEST("tools/list", ""));
    sweep(REQUEST("prompts/list", ""));
    sweep(REQUEST("skills/list", ""));
    sweep(REQUEST("resources/templates/list", ""));
    sweep(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
        "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"x\"}}}");
}

static void calls(void **state) {
    (void)state;
    sweep(REQUEST("tools/call", "\"name\":\"greet\","));
    sweep(REQUEST("tools/call", "\"name\":\"test_input_required_result_request_state\","));
    sweep(REQUEST("prompts/get", "\"name\":\"handoff\","));
    sweep(REQUEST("resources/read", "\"uri\":\"paired://status\","));
    sweep(REQUEST("skills/get", "\"uri\":\"skill://paired/paired-memory/SKILL.md\","));
    sweep(REQUEST("resources/directory/read", "\"uri\":\"skill://paired/paired-memory\","));
}

static void through_the_store(void **state) {
    (void)state;
    sweep(REQUEST("resources/list", ""));
    sweep(REQUEST("resources/read", "\"uri\":\"memory://recent\","));
    sweep(REQUEST("tools/call", "\"name\":\"recall\","));
    sweep(REQUEST("tools/call",
                  "\"name\":\"remember\",\"arguments\":{\"text\":\"a\",\"tags\":[\"b\"]},"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(calls),
        cmocka_unit_test(through_the_store),
    };
    return cmocka_run_group_tests_name("server/mcp_memory", tests, NULL, NULL);
}
