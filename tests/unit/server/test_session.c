// A session as the engine sees it: what it keeps of its client, and what its end leaves behind.
#include "tests/unit/server/mcp_client.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *ask_cli(struct mcp_client *cli, uint64_t seq, const char *params) {
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"paired/call\",\"params\":%s}",
                   (int)seq, params);
    mcp_client_send(cli, text, 0, seq);
    json_t *answer = mcp_client_next(cli, MCP_CLIENT_WAIT_MS, NULL);
    assert_non_null(answer);
    return answer;
}

// Cut in the middle of a character it was no text that an answer could carry.
static void a_long_name_of_a_client_is_cut_between_characters(void **state) {
    (void)state;
    struct mcp_client *c = mcp_client_start(NULL, false);
    static const char hello[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"hello\",\"method\":\"initialize\",\"params\":{"
        "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"version\":\"1\","
        "\"name\":\"xääääääääääääääääääääääääääääääääääääääää\"}}}";
    mcp_client_send(c, hello, 0, 1000);
    json_t *answer = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_non_null(json_object_get(answer, "result"));
    json_decref(answer);
    answer = mcp_client_call(c, "tools/call",
                             "{\"name\":\"remember\",\"arguments\":{\"text\":\"by a long name\"}}");
    assert_non_null(mcp_at(answer, "result.structuredContent.uid"));
    json_decref(answer);
    struct mcp_client *cli = mcp_client_join_as(c, "cli");
    answer = ask_cli(cli, 1, "{\"capability\":\"memory list\",\"arguments\":{\"all\":true}}");
    const char *source = mcp_text(answer, "result.structured.notes.0.source");
    assert_int_equal(strlen(source), 63); // 1 + 31 * 2
    json_decref(answer);
    mcp_client_stop(cli, false);
    mcp_client_stop(c, false);
}

// LeakSanitizer looks at the end of this program.
static void a_command_line_that_goes_away_leaves_no_request_behind(void **state) {
    (void)state;
    struct mcp_client *c = mcp_client_start(NULL, false);
    struct mcp_client *cli = mcp_client_join_as(c, "cli");
    for (uint64_t i = 1; i <= 50; i++) {
        char text[200];
        (void)snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"paired/call\",\"params\":"
                       "{\"capability\":\"store check\",\"arguments\":{}}}",
                       (int)i);
        mcp_client_send(cli, text, 0, i);
    }
    mcp_client_stop(cli, false);
    cli = mcp_client_join_as(c, "cli");
    json_t *answer = ask_cli(cli, 1, "{\"capability\":\"status\"}");
    assert_non_null(mcp_at(answer, "result.structured.queues.outbound_bytes"));
    json_decref(answer);
    mcp_client_stop(cli, false);
    mcp_client_stop(c, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_name_of_a_client_is_cut_between_characters),
        cmocka_unit_test(a_command_line_that_goes_away_leaves_no_request_behind),
    };
    return cmocka_run_group_tests_name("server/session", tests, NULL, NULL);
}
