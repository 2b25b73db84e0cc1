// Subscriptions of both eras, cancellation, logging, and what a front end replays after an engine
// restart.
#include "tests/unit/server/mcp_client.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { QUIET_MS = 150 }; // long enough for what must not come

static int64_t code(const json_t *answer) {
    return json_integer_value(mcp_at(answer, "error.code"));
}

static int setup(void **state) {
    *state = mcp_client_start(NULL, false);
    return 0;
}

static int setup_fixtures(void **state) {
    *state = mcp_client_start(NULL, true);
    return 0;
}

static int teardown(void **state) {
    mcp_client_stop(*state, false);
    return 0;
}

static void remember(struct mcp_client *c, const char *text, char uid[32]) {
    AUTO_FREE char *params =
        mem_format("{\"name\":\"remember\",\"arguments\":{\"text\":\"%s\"}}", text);
    json_t *a = mcp_client_modern(c, "tools/call", params, "{}");
    if (uid)
        snprintf(uid, 32, "%s", mcp_text(a, "result.structuredContent.uid"));
    json_decref(a);
}

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"

static void listen_on(struct mcp_client *c, const char *id, const char *filter) {
    AUTO_FREE char *text =
        mem_format("{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":"
                   "\"subscriptions/listen\",\"params\":{" META ",\"notifications\":%s}}",
                   id, filter);
    mcp_client_send(c, text, 0, 0);
}

static const char *subscription(const json_t *message) {
    return json_string_value(
        json_object_get(mcp_at(message, "params._meta"), "io.modelcontextprotocol/subscriptionId"));
}

static void a_legacy_subscriber_hears_of_its_resource_only(void **state) {
    struct mcp_client *c = *state, *writer = mcp_client_join(c, NULL, false);
    char uid[32];
    remember(writer, "first", uid);
    mcp_client_initialize(c, "2025-11-25", "{}");
    AUTO_FREE char *params = mem_format("{\"uri\":\"memory://note/%s\"}", uid);
    json_t *a = mcp_client_call(c, "resources/subscribe", params);
    assert_int_equal(json_object_size(mcp_at(a, "result")), 0);
    json_decref(a);
    remember(writer, "second", NULL); // another note
    AUTO_FREE char *forget =
        mem_format("{\"name\":\"forget\",\"arguments\":{\"uid\":\"%s\"}}", uid);
    json_decref(mcp_client_modern(writer, "tools/call", forget, "{}"));
    json_t *n = mcp_client_kept(c, "notifications/resources/updated", MCP_CLIENT_WAIT_MS);
    assert_non_null(n);
    assert_true(strstr(mcp_text(n, "params.uri"), uid) != NULL);
    json_decref(n);
    assert_null(mcp_client_kept(c, "notifications/resources/updated", QUIET_MS));
    json_decref(mcp_client_call(c, "resources/unsubscribe", params));
    json_decref(mcp_client_modern(writer, "tools/call", forget, "{}"));
    assert_null(mcp_client_kept(c, "notifications/resources/updated", QUIET_MS));
    mcp_client_stop(writer, false);
}

static void recent_changes_with_every_note_and_the_list_too(void **state) {
    struct mcp_client *c = *state, *writer = mcp_client_join(c, NULL, false);
    mcp_client_initialize(c, "2025-11-25", "{}");
    json_decref(mcp_client_call(c, "resources/subscribe", "{\"uri\":\"memory://recent\"}"));
    remember(writer, "news", NULL);
    json_t *n = mcp_client_kept(c, "notifications/resources/updated", MCP_CLIENT_WAIT_MS);
    assert_string_equal(mcp_text(n, "params.uri"), "memory://recent");
    json_decref(n);
    json_decref(mcp_client_kept(c, "notifications/resources/list_changed", MCP_CLIENT_WAIT_MS));
    assert_null(mcp_client_kept(c, "notifications/resources/updated", QUIET_MS)); // once
    mcp_client_stop(writer, false);
}

static void listen_acknowledges_first_and_tags_what_it_sends(void **state) {
    struct mcp_client *c = *state;
    listen_on(c, "\"sub\"",
              "{\"toolsListChanged\":true,\"resourcesListChanged\":true,"
              "\"resourceSubscriptions\":[\"memory://recent\"]}");
    json_t *ack = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_string_equal(mcp_text(ack, "method"), "notifications/subscriptions/acknowledged");
    assert_string_equal(subscription(ack), "sub");
    assert_true(json_is_true(mcp_at(ack, "params.notifications.resourcesListChanged")));
    assert_null(mcp_at(ack, "params.notifications.toolsListChanged")); // it never changes
    json_decref(ack);
    remember(c, "news", NULL);
    static const char *const expected[] = {"notifications/resources/updated",
                                           "notifications/resources/list_changed"};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        json_t *n = mcp_client_kept(c, expected[i], MCP_CLIENT_WAIT_MS);
        assert_non_null(n);
        assert_string_equal(subscription(n), "sub");
        json_decref(n);
    }
}

static void a_filter_that_asks_for_nothing_gets_nothing(void **state) {
    struct mcp_client *c = *state;
    listen_on(c, "5", "{}");
    json_decref(mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL));
    remember(c, "news", NULL);
    assert_null(mcp_client_next(c, QUIET_MS, NULL));
}

static void cancelled_subscriptions_are_silent_for_ever(void **state) {
    struct mcp_client *c = *state;
    listen_on(c, "\"one\"", "{\"resourcesListChanged\":true}");
    listen_on(c, "\"two\"", "{\"resourcesListChanged\":true}");
    json_decref(mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL));
    json_decref(mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL));
    mcp_client_send(c,
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                    "\"requestId\":\"one\"}}",
                    0, 0);
    remember(c, "news", NULL);
    json_t *n = mcp_client_kept(c, "notifications/resources/list_changed", MCP_CLIENT_WAIT_MS);
    assert_string_equal(subscription(n), "two");
    json_decref(n);
    assert_null(mcp_client_kept(c, "notifications/resources/list_changed", QUIET_MS));
}

static void subscriptions_end_in_order_with_the_input(void **state) {
    struct mcp_client *c = mcp_client_join(*state, NULL, false);
    listen_on(c, "77", "{\"resourcesListChanged\":true}");
    json_decref(mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL));
    mcp_client_frame(c, HOP_EOF);
    json_t *end = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_int_equal(json_integer_value(json_object_get(end, "id")), 77);
    assert_string_equal(mcp_text(end, "result.resultType"), "complete");
    assert_int_equal(json_integer_value(json_object_get(mcp_at(end, "result._meta"),
                                                        "io.modelcontextprotocol/subscriptionId")),
                     77);
    json_decref(end);
    assert_true(mcp_client_bye(c));
    mcp_client_stop(c, false);
}

static void subscriptions_are_bounded(void **state) {
    struct mcp_client *c = *state;
    char id[16];
    for (int i = 0; i < 64; i++) {
        snprintf(id, sizeof id, "%d", 1000 + i);
        listen_on(c, id, "{}");
        json_decref(mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL));
    }
    listen_on(c, "2000", "{}");
    json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_int_equal(code(a), -32602);
    json_decref(a);
    mcp_client_initialize(c, "2025-11-25", "{}");
    for (int i = 0; i < 256; i++) {
        AUTO_FREE char *uri = mem_format("{\"uri\":\"memory://note/n%d\"}", i);
        a = mcp_client_call(c, "resources/subscribe", uri);
        assert_non_null(mcp_at(a, "result"));
        json_decref(a);
    }
    a = mcp_client_call(c, "resources/subscribe", "{\"uri\":\"memory://note/more\"}");
    assert_int_equal(code(a), -32602);
    json_decref(a);
}

// --- cancellation, progress, logging (with the fixtures' slow tools)

static void send_call(struct mcp_client *c, const char *id, const char *params) {
    AUTO_FREE char *text = mem_format(
        "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"tools/call\",\"params\":{%s}}", id, params);
    mcp_client_send(c, text, 0, 0);
}

static void a_cancelled_request_is_dropped_at_once_and_never_answered(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-11-25", "{}");
    static const char *const calls[] = {
        "\"name\":\"slow_compute\",\"arguments\":{\"seconds\":1}",
        "\"name\":\"slow_compute\",\"arguments\":{\"seconds\":1}," META};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        send_call(c, "\"slow\"", calls[i]);
        json_decref(mcp_client_modern(c, "tools/call", "{\"name\":\"greet\"}", "{}"));
        uint64_t start = env_now_mono_ns();
        mcp_client_send(c,
                        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                        "\"requestId\":\"slow\",\"reason\":\"test\"}}",
                        0, 0);
        // Its id is free again: the request is gone. With one in progress this would be -32600.
        send_call(c, "\"slow\"", "\"name\":\"greet\"," META);
        json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
        assert_string_equal(mcp_text(a, "result.content.0.text"), "Hello, you!");
        assert_true(env_now_mono_ns() - start < 50 * 1000000ULL * 4); // sanitizers are slow
        json_decref(a);
    }
    assert_null(mcp_client_next(c, 1200, NULL));
}

static void cancelling_what_is_not_there_changes_nothing(void **state) {
    struct mcp_client *c = *state;
    static const char *const wrong[] = {"{}", "{\"requestId\":\"x\"}", "{\"requestId\":null}",
                                        "{\"requestId\":{}}", "{\"requestId\":99999}"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO_FREE char *text = mem_format(
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":%s}", wrong[i]);
        mcp_client_send(c, text, 0, 0);
    }
    json_decref(mcp_client_modern(c, "tools/list", NULL, "{}"));
    assert_null(mcp_client_next(c, 20, NULL));
}

static void progress_carries_the_token_as_it_was_and_grows(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-11-25", "{}");
    static const char *const tokens[] = {"7", "\"seven\"", "0", "-9007199254740991", "\"\""};
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        AUTO_FREE char *params = mem_format(
            "{\"name\":\"test_tool_with_progress\",\"_meta\":{\"progressToken\":%s}}", tokens[i]);
        json_decref(mcp_client_call(c, "tools/call", params));
        double last = -1;
        json_t *token = json_loads(tokens[i], JSON_DECODE_ANY, NULL);
        for (int k = 0; k < 3; k++) {
            json_t *n = mcp_client_kept(c, "notifications/progress", 0);
            assert_non_null(n);
            assert_true(json_equal(mcp_at(n, "params.progressToken"), token));
            assert_true(json_number_value(mcp_at(n, "params.progress")) > last);
            last = json_number_value(mcp_at(n, "params.progress"));
            json_decref(n);
        }
        json_decref(token);
        assert_null(mcp_client_kept(c, "notifications/progress", 0));
    }
    json_decref(mcp_client_call(c, "tools/call", "{\"name\":\"test_tool_with_progress\"}"));
    assert_null(mcp_client_kept(c, "notifications/progress", 0)); // nobody asked
}

static void log_messages_follow_the_level_of_session_or_request(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-11-25", "{}");
    json_decref(mcp_client_call(c, "logging/setLevel", "{\"level\":\"warning\"}"));
    json_decref(mcp_client_call(c, "tools/call", "{\"name\":\"test_tool_with_logging\"}"));
    assert_null(mcp_client_kept(c, "notifications/message", 0));
    json_decref(mcp_client_call(c, "logging/setLevel", "{\"level\":\"debug\"}"));
    json_decref(mcp_client_call(c, "tools/call", "{\"name\":\"test_tool_with_logging\"}"));
    for (int i = 0; i < 3; i++) {
        json_t *n = mcp_client_kept(c, "notifications/message", 0);
        assert_string_equal(mcp_text(n, "params.level"), "info");
        json_decref(n);
    }
    json_t *a = mcp_client_call(c, "logging/setLevel", "{\"level\":\"loud\"}");
    assert_int_equal(code(a), -32602);
    json_decref(a);
    // Modern: only what the request itself asks for, whatever the session said.
    json_decref(mcp_client_modern(c, "tools/call", "{\"name\":\"test_logging_tool\"}", "{}"));
    assert_null(mcp_client_kept(c, "notifications/message", 0));
    json_decref(mcp_client_modern(c, "tools/call",
                                  "{\"name\":\"test_logging_tool\",\"_meta\":{"
                                  "\"io.modelcontextprotocol/logLevel\":\"info\"}}",
                                  "{}"));
    json_decref(mcp_client_kept(c, "notifications/message", MCP_CLIENT_WAIT_MS));
}

// --- replay by the front end

static void silent_messages_rebuild_the_session_without_a_word(void **state) {
    struct mcp_client *c = *state, *writer = mcp_client_join(c, NULL, false);
    mcp_client_send(c,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                    "\"protocolVersion\":\"2025-03-26\",\"capabilities\":{\"elicitation\":{}}}}",
                    HOP_REPLAY | HOP_SILENT, 1);
    mcp_client_send(c, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
                    HOP_REPLAY | HOP_SILENT, 2);
    mcp_client_send(c,
                    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/subscribe\",\"params\":{"
                    "\"uri\":\"memory://recent\"}}",
                    HOP_REPLAY | HOP_SILENT, 3);
    mcp_client_send(c,
                    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"logging/setLevel\",\"params\":{"
                    "\"level\":\"emergency\"}}",
                    HOP_REPLAY | HOP_SILENT, 4);
    assert_null(mcp_client_next(c, QUIET_MS, NULL));
    // It is the session it was: initialized, with batches, subscribed.
    mcp_client_send(c, "[{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/list\"}]", 0, 5);
    json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    assert_true(json_array_size(mcp_at(a, "0.result.tools")) > 0);
    json_decref(a);
    remember(writer, "news", NULL);
    json_decref(mcp_client_kept(c, "notifications/resources/updated", MCP_CLIENT_WAIT_MS));
    mcp_client_stop(writer, false);
}

static int notes_with(struct mcp_client *c, const char *word) {
    AUTO_FREE char *params =
        mem_format("{\"name\":\"recall\",\"arguments\":{\"query\":\"%s\",\"limit\":20}}", word);
    json_t *a = mcp_client_modern(c, "tools/call", params, "{}");
    int n = (int)json_array_size(mcp_at(a, "result.structuredContent.notes"));
    json_decref(a);
    return n;
}

static void a_replayed_write_returns_its_first_result_and_happens_once(void **state) {
    struct mcp_client *c = *state;
    static const char call[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"w\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"remember\",\"arguments\":{\"text\":\"thylacine seen\"}," META "}}";
    AUTO_FREE char *session = mem_strdup(mcp_client_session(c));
    AUTO_FREE char *profile = mem_strdup(mcp_client_profile(c));
    mcp_client_send(c, call, 0, 41);
    json_t *first = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    mcp_client_stop(c, true);
    *state = c = mcp_client_start(profile, false);
    struct mcp_client *front = mcp_client_join(c, session, false);
    mcp_client_send(front, call, HOP_REPLAY, 41);
    uint64_t seq = 0;
    json_t *again = mcp_client_next(front, MCP_CLIENT_WAIT_MS, &seq);
    assert_int_equal(seq, 41);
    assert_true(*mcp_text(first, "result.structuredContent.uid"));
    assert_string_equal(mcp_text(first, "result.structuredContent.uid"),
                        mcp_text(again, "result.structuredContent.uid"));
    assert_int_equal(notes_with(c, "thylacine"), 1);
    json_decref(first);
    json_decref(again);
    mcp_client_stop(front, false);
}

static void two_writes_of_one_batch_are_two_writes(void **state) {
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-03-26", "{}");
    static const char batch[] =
        "[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"remember\",\"arguments\":{\"text\":\"potoroo number one\"}}},"
        "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"remember\",\"arguments\":{\"text\":\"potoroo number two\"}}}]";
    for (unsigned replay = 0; replay < 2; replay++) {
        mcp_client_send(c, batch, replay ? HOP_REPLAY : 0, 500);
        json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
        while (a && !json_is_array(a)) { // list_changed may come first
            json_decref(a);
            a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
        }
        assert_string_not_equal(mcp_text(a, "0.result.structuredContent.uid"),
                                mcp_text(a, "1.result.structuredContent.uid"));
        json_decref(a);
        assert_int_equal(notes_with(c, "potoroo"), 2);
    }
}

// Until it is an answer: list_changed may come first.
static json_t *next_answer(struct mcp_client *c) {
    json_t *a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    while (a && json_object_get(a, "method")) {
        json_decref(a);
        a = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
    }
    return a;
}

static void what_was_refused_in_a_batch_does_not_move_the_writes_behind_it(void **state) {
    struct mcp_client *c = *state;
    struct mcp_client *front = mcp_client_join(c, NULL, true);
    AUTO_FREE char *session = mem_strdup(mcp_client_session(front));
    mcp_client_initialize(front, "2025-03-26", "{\"sampling\":{}}");
    // Open as long as its question is: the first element of the batch has its id, and is refused.
    mcp_client_send(front,
                    "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\",\"params\":{"
                    "\"name\":\"test_sampling\",\"arguments\":{\"prompt\":\"?\"}}}",
                    0, 499);
    json_decref(mcp_client_kept(front, "sampling/createMessage", MCP_CLIENT_WAIT_MS));
    static const char batch[] =
        "[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"remember\",\"arguments\":{\"text\":\"bettong number one\"}}},"
        "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"remember\",\"arguments\":{\"text\":\"bettong number two\"}}}]";
    mcp_client_send(front, batch, 0, 500);
    json_t *first = next_answer(front);
    assert_int_equal(code(json_array_get(first, 0)), -32600);
    assert_true(*mcp_text(first, "1.result.structuredContent.uid"));
    // The answer was lost on its way, and the batch comes again. Now the id is free.
    struct mcp_client *again = mcp_client_join(c, session, true);
    mcp_client_initialize(again, "2025-03-26", "{\"sampling\":{}}");
    mcp_client_send(again, batch, HOP_REPLAY, 500);
    json_t *second = next_answer(again);
    assert_int_equal(json_array_size(second), 2);
    const json_t *a = json_array_get(second, 0), *b = json_array_get(second, 1);
    if (strcmp(mcp_text(a, "id"), "a") != 0) { // in the order in which they were done
        const json_t *other = a;
        a = b;
        b = other;
    }
    assert_string_equal(mcp_text(b, "result.structuredContent.uid"),
                        mcp_text(first, "1.result.structuredContent.uid"));
    assert_true(*mcp_text(a, "result.structuredContent.uid"));
    assert_string_not_equal(mcp_text(a, "result.structuredContent.uid"),
                            mcp_text(b, "result.structuredContent.uid"));
    assert_int_equal(notes_with(c, "bettong"), 2);
    json_decref(first);
    json_decref(second);
    mcp_client_stop(again, false);
    mcp_client_stop(front, false);
}

#define FRESH(test)    cmocka_unit_test_setup_teardown(test, setup, teardown)
#define FIXTURES(test) cmocka_unit_test_setup_teardown(test, setup_fixtures, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(a_legacy_subscriber_hears_of_its_resource_only),
        FRESH(recent_changes_with_every_note_and_the_list_too),
        FRESH(listen_acknowledges_first_and_tags_what_it_sends),
        FRESH(a_filter_that_asks_for_nothing_gets_nothing),
        FRESH(cancelled_subscriptions_are_silent_for_ever),
        FRESH(subscriptions_end_in_order_with_the_input),
        FRESH(subscriptions_are_bounded),
        FIXTURES(a_cancelled_request_is_dropped_at_once_and_never_answered),
        FIXTURES(cancelling_what_is_not_there_changes_nothing),
        FIXTURES(progress_carries_the_token_as_it_was_and_grows),
        FIXTURES(log_messages_follow_the_level_of_session_or_request),
        FRESH(silent_messages_rebuild_the_session_without_a_word),
        FRESH(a_replayed_write_returns_its_first_result_and_happens_once),
        FRESH(two_writes_of_one_batch_are_two_writes),
        FIXTURES(what_was_refused_in_a_batch_does_not_move_the_writes_behind_it),
    };
    return cmocka_run_group_tests_name("server/mcp_changes", tests, NULL, NULL);
}
