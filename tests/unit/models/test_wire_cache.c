// core/models/wire_cache: marks in requests, and that a conversation that grows keeps its
// beginning byte for byte.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/models/wire_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t marks_in(const json_t *value) {
    AUTO_BUF text = {0};
    size_t n = 0;
    assert_int_equal(buf_put_json(&text, value, JSON_COMPACT), 0);
    for (const char *at = text.data; (at = strstr(at, "\"cache_control\"")); at++)
        n++;
    return n;
}

static void unmark(json_t *value) {
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_object(value)) {
        (void)json_object_del(value, "cache_control");
        json_object_foreach(value, key, one) unmark(one);
    }
    json_array_foreach(value, i, one) unmark(one);
}

static json_t *long_text(size_t n) {
    static char text[20001];
    memset(text, 'x', sizeof text - 1);
    return json_stringn(text, n);
}

// A conversation of 50 turns with tools, as a client of Chat Completions sends it.
static void add_turn(json_t *messages, int turn) {
    char id[16], text[64];
    (void)snprintf(id, sizeof id, "call_%d", turn);
    (void)snprintf(text, sizeof text, "look at file %d", turn);
    (void)json_array_append_new(messages,
                                json_pack("{ss s[{ss ss s{ss ss}}]}", "role", "assistant",
                                          "tool_calls", "id", id, "type", "function", "function",
                                          "name", "read", "arguments", "{\"path\":\"a.c\"}"));
    (void)json_array_append_new(messages, json_pack("{ss ss so}", "role", "tool", "tool_call_id",
                                                    id, "content", long_text(300)));
    if (turn % 5 == 0)
        (void)json_array_append_new(messages,
                                    json_pack("{ss ss}", "role", "user", "content", text));
}

static json_t *converted(const json_t *chat) {
    json_t *out = NULL;
    struct err err = {0};
    assert_int_equal(
        wire_convert(WIRE_CHAT, WIRE_ANTHROPIC, chat, "claude-sonnet-4-5", true, &out, NULL, &err),
        0);
    return out;
}

// The texts up to and with the last marked block, without the marks.
static void prefix_of(const json_t *request, struct buf *out) {
    static const char *const parts[] = {"tools", "system"};
    json_t *messages = json_object_get(request, "messages"), *message;
    size_t i, last = 0;
    for (size_t k = 0; k < 2; k++) {
        json_t *copy = json_deep_copy(json_object_get(request, parts[k]));
        unmark(copy);
        assert_int_equal(buf_put_json(out, copy, JSON_COMPACT), 0);
        json_decref(copy);
    }
    json_array_foreach(messages, i, message) if (marks_in(message)) last = i;
    json_array_foreach(messages, i, message) {
        json_t *copy = json_deep_copy(message);
        unmark(copy);
        if (i <= last)
            assert_int_equal(buf_put_json(out, copy, JSON_COMPACT), 0);
        json_decref(copy);
    }
}

static void fifty_turns_keep_their_beginning(void **state) {
    static const struct wire_cache how = {.cache_min = 1024, .goes_on = true};
    json_t *messages = json_array();
    json_t *chat = json_pack("{ss so s[{ss s{ss ss s{ss}}}]}", "model", "m", "messages", messages,
                             "tools", "type", "function", "function", "name", "read", "description",
                             "reads a file", "parameters", "type", "object");
    struct buf before = {0};
    (void)state;
    (void)json_array_append_new(messages,
                                json_pack("{ss so}", "role", "system", "content", long_text(9000)));
    (void)json_array_append_new(messages, json_pack("{ss ss}", "role", "user", "content", "begin"));
    for (int turn = 0; turn < 50; turn++) {
        struct route_prefix marks;
        struct buf now = {0};
        json_t *request = converted(chat);
        assert_int_equal(wire_cache_place(request, &how, &marks), 0);
        assert_in_range(marks.count, 1, ROUTE_PREFIX_MARKS_MAX);
        assert_int_equal(marks_in(request), marks.count);
        prefix_of(request, &now);
        assert_true(now.len >= before.len);
        if (before.len) // all that the request before had marked stands there again, unchanged
            assert_memory_equal(now.data, before.data, before.len);
        buf_done(&before);
        before = now;
        json_decref(request);
        add_turn(messages, turn);
    }
    buf_done(&before);
    json_decref(chat);
}

static void marks_that_are_there_are_replaced(void **state) {
    static const struct wire_cache how = {.cache_min = 10, .goes_on = true};
    static const char text[] =
        "{\"system\":\"a system of some length, long enough to be kept by the backend\","
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
        "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"c\"},"
        "{\"type\":\"thinking\",\"thinking\":\"d\"}]},"
        "{\"role\":\"user\",\"content\":\"e\"}]}";
    struct route_prefix marks;
    json_t *request = json_loads(text, 0, NULL);
    (void)state;
    assert_int_equal(wire_cache_place(request, &how, &marks), 0);
    assert_int_equal(marks_in(request), 3);
    json_t *messages = json_object_get(request, "messages");
    json_t *first = json_object_get(json_array_get(messages, 0), "content");
    assert_null(json_object_get(json_array_get(first, 0), "cache_control"));
    assert_non_null(json_object_get(json_array_get(first, 1), "cache_control"));
    assert_int_equal(marks_in(json_array_get(messages, 1)), 0);
    assert_int_equal(marks_in(json_array_get(messages, 2)), 1);
    // What changes each time stays outside.
    const struct wire_cache last = {.cache_min = 10, .goes_on = true, .volatile_last = 1};
    assert_int_equal(wire_cache_place(request, &last, &marks), 0);
    assert_int_equal(marks_in(json_array_get(messages, 2)), 0);
    json_decref(request);
}

static void odd_requests_are_left_alone(void **state) {
    static const char *const texts[] = {
        "{}", "{\"messages\":7,\"tools\":{},\"system\":[1,null]}",
        "{\"messages\":[1,null,{},{\"role\":\"user\",\"content\":[]}]}",
        "{\"messages\":[{\"role\":3,\"content\":\"\"}]}"};
    static const struct wire_cache how = {.cache_min = 1, .goes_on = true};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct route_prefix marks;
        json_t *request = json_loads(texts[i], 0, NULL);
        assert_non_null(request);
        assert_int_equal(wire_cache_place(request, &how, &marks), 0);
        json_decref(request);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_turns_keep_their_beginning),
        cmocka_unit_test(marks_that_are_there_are_replaced),
        cmocka_unit_test(odd_requests_are_left_alone),
    };
    mem_init_json();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
