#include "core/models/wire.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const families[] = {"anthropic", "chat", "responses", "gemini"};
static const char *const cases[] = {"tools", "settings", "chat", "responses", "gemini"};

static enum wire_family family_of(const json_t *name) {
    for (unsigned i = 0; i < WIRE_FAMILIES; i++)
        if (!strcmp(json_string_value(name), families[i]))
            return (enum wire_family)i;
    fail();
    return WIRE_FAMILIES;
}

static json_t *load(const char *name) {
    AUTO_FREE char *path = mem_format("tests/unit/models/requests/%s.json", name);
    json_error_t error;
    json_t *tree = json_load_file(path, 0, &error);
    if (!tree)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return tree;
}

static void expect_loss(const char *where, const json_t *want, const struct wire_loss *loss) {
    if (json_array_size(want) != loss->count)
        fail_msg("%s: %u losses, %zu expected", where, loss->count, json_array_size(want));
    for (unsigned i = 0; i < loss->count; i++)
        assert_string_equal(loss->what[i], json_string_value(json_array_get(want, i)));
}

// Each file holds a request of one family and what it is in the others.
static void requests_cross_between_families(void **state) {
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        json_t *file = load(cases[c]), *before = json_deep_copy(json_object_get(file, "request"));
        enum wire_family from = family_of(json_object_get(file, "from"));
        unsigned crossed = 0;
        for (unsigned to = 0; to < WIRE_FAMILIES; to++) {
            json_t *want = json_object_get(file, families[to]), *got = NULL;
            struct wire_loss loss;
            struct err err = {0};
            if (!want)
                continue;
            if (wire_convert(from, (enum wire_family)to, before, "m-1", true, &got, &loss, &err) <
                0)
                fail_msg("%s to %s: %s", cases[c], families[to], err.message);
            if (!json_equal(json_object_get(want, "request"), got)) {
                AUTO_BUF text = BUF_INIT(0);
                (void)buf_put_json(&text, got, JSON_INDENT(1));
                fail_msg("%s to %s: %s", cases[c], families[to], text.data);
            }
            expect_loss(cases[c], json_object_get(want, "loss"), &loss);
            assert_true(json_equal(before, json_object_get(file, "request"))); // untouched
            json_decref(got);
            crossed++;
        }
        assert_int_equal(crossed, WIRE_FAMILIES - 1);
        json_decref(file);
        json_decref(before);
    }
}

static json_t *convert(enum wire_family from, enum wire_family to, const json_t *request,
                       struct wire_loss *loss) {
    json_t *got = NULL;
    struct err err = {0};
    if (wire_convert(from, to, request, "m-1", true, &got, loss, &err) < 0)
        fail_msg("%s", err.message);
    return got;
}

// There and back, and again: what has crossed once stays as it is from then on.
static void what_crossed_once_is_stable(void **state) {
    static const char *const history[] = {"messages", "messages", "input", "contents"};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        json_t *file = load(cases[c]);
        enum wire_family from = family_of(json_object_get(file, "from"));
        for (unsigned i = 0; i < WIRE_FAMILIES; i++) {
            enum wire_family to = (enum wire_family)i;
            if (to == from)
                continue;
            json_t *there = convert(from, to, json_object_get(file, "request"), NULL);
            json_t *back = convert(to, from, there, NULL), *there2 = convert(from, to, back, NULL);
            json_t *back2 = convert(to, from, there2, NULL);
            const char *const parts[] = {history[from], "tools", "tool_choice"};
            for (size_t k = 0; k < COUNT_OF(parts); k++) {
                json_t *one = json_object_get(back, parts[k]),
                       *two = json_object_get(back2, parts[k]);
                if (one != two && !json_equal(one, two))
                    fail_msg("%s to %s: %s", cases[c], families[to], parts[k]);
            }
            json_decref(there);
            json_decref(back);
            json_decref(there2);
            json_decref(back2);
        }
        json_decref(file);
    }
}

static void the_same_family_is_a_copy(void **state) {
    struct wire_loss loss;
    (void)state;
    json_t *request = json_loads("{\"model\":\"a\",\"x\":[{\"y\":1}],\"stream\":true}", 0, NULL),
           *copy;
    assert_int_equal(wire_convert(WIRE_CHAT, WIRE_CHAT, request, "b", false, &copy, &loss, NULL),
                     0);
    assert_int_equal(loss.count, 0);
    json_t *want = json_loads("{\"model\":\"b\",\"x\":[{\"y\":1}],\"stream\":false}", 0, NULL);
    assert_true(json_equal(copy, want));
    assert_ptr_not_equal(json_object_get(copy, "x"), json_object_get(request, "x"));
    json_decref(copy);
    json_decref(want);
    json_decref(request);
}

static void what_cannot_cross_is_named(void **state) {
    static const struct {
        enum wire_family from;
        const char *request, *member;
    } rows[] = {
        {WIRE_ANTHROPIC, "{}", "messages"},
        {WIRE_ANTHROPIC, "{\"messages\":[]}", "messages"},
        {WIRE_ANTHROPIC, "{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}",
         "messages[].role"},
        {WIRE_ANTHROPIC, "{\"messages\":[{\"role\":\"user\",\"content\":3}]}",
         "messages[].content"},
        {WIRE_ANTHROPIC,
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}]}",
         "tool_use_id"},
        {WIRE_ANTHROPIC, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{}]}",
         "tools[].name"},
        {WIRE_CHAT, "{\"messages\":{}}", "messages"},
        {WIRE_CHAT, "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "tool_call_id"},
        {WIRE_CHAT, "{\"messages\":[{\"role\":\"function\",\"content\":\"x\"}]}",
         "messages[].role"},
        {WIRE_CHAT, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\"}]}]}",
         "tool_calls"},
        {WIRE_RESPONSES, "{\"input\":3}", "input"},
        {WIRE_RESPONSES, "{\"input\":\"x\",\"previous_response_id\":\"resp_1\"}",
         "previous_response_id"},
        {WIRE_RESPONSES, "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
         "item_reference"},
        {WIRE_GEMINI, "{\"contents\":[]}", "contents"},
        {WIRE_GEMINI, "{\"contents\":[{\"role\":\"system\",\"parts\":[]}]}", "contents[].role"},
        {WIRE_GEMINI,
         "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]}",
         "functionResponse"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *request = json_loads(rows[i].request, 0, NULL), *got = NULL;
        struct err err = {0};
        assert_non_null(request);
        for (unsigned to = 0; to < WIRE_FAMILIES; to++) {
            if (to == rows[i].from)
                continue;
            assert_int_equal(wire_convert(rows[i].from, (enum wire_family)to, request, "m", false,
                                          &got, NULL, &err),
                             ERR_INVAL);
            if (!strstr(err.message, rows[i].member))
                fail_msg("%s: %s", rows[i].request, err.message);
            assert_null(got);
        }
        json_decref(request);
    }
}

static json_t *thinking_of(const char *request, struct wire_loss *loss) {
    json_t *tree = json_loads(request, 0, NULL);
    assert_non_null(tree);
    json_t *got = convert(WIRE_CHAT, WIRE_ANTHROPIC, tree, loss);
    json_decref(tree);
    return got;
}

#define ASK(more) "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"

// Anthropic refuses these together; what the client would be told makes no sense to it.
static void thinking_is_left_out_where_it_would_be_refused(void **state) {
    struct wire_loss loss;
    (void)state;
    json_t *r = thinking_of(ASK(",\"reasoning_effort\":\"high\",\"temperature\":0.5"), &loss);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(r, "thinking"), "budget_tokens")),
        24576);
    assert_int_equal(json_integer_value(json_object_get(r, "max_tokens")), 24576 + 8192);
    assert_null(json_object_get(r, "temperature"));
    assert_int_equal(loss.count, 1);
    json_decref(r);
    r = thinking_of(ASK(",\"reasoning_effort\":\"high\",\"max_tokens\":500"), &loss);
    assert_null(json_object_get(r, "thinking"));
    assert_int_equal(loss.count, 1);
    json_decref(r);
    r = thinking_of(ASK(",\"reasoning_effort\":\"low\",\"tool_choice\":\"required\""), &loss);
    assert_null(json_object_get(r, "thinking"));
    assert_string_equal(loss.what[0], "thinking with a forced tool");
    json_decref(r);
    r = thinking_of(
        "{\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"functions.f:0\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"functions.f:0\",\"content\":\"\"}]}",
        &loss);
    assert_null(json_object_get(r, "thinking"));
    assert_string_equal(loss.what[0], "thinking within a tool's turn");
    // An id that Anthropic would refuse, changed in both places; arguments that are no JSON.
    AUTO_BUF text = BUF_INIT(0);
    assert_int_equal(buf_put_json(&text, json_object_get(r, "messages"), JSON_COMPACT), 0);
    assert_non_null(strstr(text.data, "\"id\":\"functions_f_0\""));
    assert_non_null(strstr(text.data, "\"tool_use_id\":\"functions_f_0\""));
    assert_non_null(strstr(text.data, "\"input\":{\"invalid_json\":\"{\"}"));
    json_decref(r);
}

static void paths_are_the_apis(void **state) {
    AUTO_BUF path = BUF_INIT(0);
    (void)state;
    assert_int_equal(wire_path(WIRE_ANTHROPIC, "m", true, &path), 0);
    assert_int_equal(wire_path(WIRE_CHAT, "m", true, &path), 0);
    assert_int_equal(wire_path(WIRE_RESPONSES, "m", true, &path), 0);
    assert_int_equal(wire_path(WIRE_GEMINI, "models/g?a b", true, &path), 0);
    assert_int_equal(wire_path(WIRE_GEMINI, "g-2.5", false, &path), 0);
    assert_string_equal(path.data, "/v1/messages/v1/chat/completions/v1/responses"
                                   "/v1beta/models/g%3Fa%20b:streamGenerateContent?alt=sse"
                                   "/v1beta/models/g-2.5:generateContent");
}

static void each_failed_allocation_is_reported(void **state) {
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        json_t *file = load(cases[c]), *request = json_object_get(file, "request");
        enum wire_family from = family_of(json_object_get(file, "from"));
        for (unsigned to = 0; to < WIRE_FAMILIES; to++) {
            json_t *whole = convert(from, (enum wire_family)to, request, NULL);
            for (uint64_t nth = 1;; nth++) {
                json_t *got = NULL;
                mem_fail_at(nth);
                int code = wire_convert(from, (enum wire_family)to, request, "m-1", true, &got,
                                        NULL, NULL);
                bool reached = mem_count() >= nth;
                mem_fail_at(0);
                if (code == 0)
                    assert_true(!reached && json_equal(got, whole));
                else
                    assert_int_equal(code, ERR_NOMEM);
                json_decref(got);
                if (!reached)
                    break;
                assert_true(nth < 5000);
            }
            json_decref(whole);
        }
        json_decref(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_cross_between_families),
        cmocka_unit_test(what_crossed_once_is_stable),
        cmocka_unit_test(the_same_family_is_a_copy),
        cmocka_unit_test(what_cannot_cross_is_named),
        cmocka_unit_test(thinking_is_left_out_where_it_would_be_refused),
        cmocka_unit_test(paths_are_the_apis),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("models/wire_request", tests, NULL, NULL);
}
