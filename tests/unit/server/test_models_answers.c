// Which requests may be answered again, and what they are known by.
#include "server/models_answers.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static int canonical(enum wire_family family, const char *body, bool forced, enum model_form form,
                     struct buf *out) {
    const char *why = NULL;
    buf_clear(out);
    int r = model_answer_canonical(family, body, strlen(body), forced, form, out, &why);
    assert_true((r == 0) == (why != NULL));
    return r;
}

static bool may(enum wire_family family, const char *body) {
    AUTO_BUF out = BUF_INIT(1 << 20);
    return canonical(family, body, false, MODEL_FORM_WHOLE, &out) == 1;
}

static bool alike(enum wire_family family, const char *a, const char *b) {
    AUTO_BUF one = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20);
    assert_int_equal(canonical(family, a, true, MODEL_FORM_WHOLE, &one), 1);
    assert_int_equal(canonical(family, b, true, MODEL_FORM_STREAM, &two), 1);
    return one.len == two.len && memcmp(one.data, two.data, one.len) == 0;
}

static bool zero(const char *text) {
    return model_answer_zero((struct span){text, strlen(text)});
}

static void only_zero_is_zero(void **state) {
    static const char *const yes[] = {"0", "0.0", "-0", "0e5", "0.000E+3"};
    static const char *const no[] = {"1", "0.1", "null", "", "-", "\"0\"", "false", "1e-400", "."};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_true(zero(yes[i]));
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_false(zero(no[i]));
}

#define A "{\"model\":\"m\",\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define R "{\"model\":\"m\",\"temperature\":0,\"store\":false,\"input\":\"hi\""

static void what_depends_on_more_than_the_request_is_refused(void **state) {
    static const char *const anthropic[] = {
        ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]}",
        ",\"tools\":[{\"name\":\"r\"},{\"type\":\"bash_20250124\",\"name\":\"b\"}]}",
        ",\"tools\":[1]}",
        ",\"mcp_servers\":[]}",
        ",\"container\":\"c\"}",
        ",\"system\":[{\"url\" : \"HTTPS://a\"}]}",
        ",\"x\":{\"file_id\":\"f\"}}",
        ",\"stream\":true,\"stream\":false}"};
    static const char *const responses[] = {",\"previous_response_id\":\"resp_1\"}",
                                            ",\"conversation\":{\"id\":\"c\"}}",
                                            ",\"background\":true}",
                                            ",\"prompt\":{\"id\":\"p\"}}",
                                            ",\"store\":true}",
                                            ",\"store\":null}",
                                            ",\"tools\":[{\"type\":\"mcp\"}]}",
                                            ",\"x\":[{\"type\":\"item_reference\"}]}",
                                            ",\"x\":{\"image_url\":\"https://a\"}}"};
    AUTO_BUF body = BUF_INIT(4096);
    (void)state;
    assert_true(may(WIRE_ANTHROPIC, A "}"));
    assert_true(may(WIRE_CHAT, " \n" A "}"));
    assert_true(may(WIRE_RESPONSES, R "}"));
    assert_false(may(WIRE_RESPONSES, "{\"temperature\":0,\"input\":\"hi\"}"));
    assert_false(may(WIRE_CHAT, "[]"));
    assert_true(may(WIRE_CHAT, A ",\"tools\":[{\"type\":\"function\"},{\"type\":\"custom\"}]}"));
    assert_true(may(WIRE_ANTHROPIC, A ",\"tools\":null,\"container\":null}"));
    assert_true(may(WIRE_ANTHROPIC, A ",\"system\":\"{\\\"url\\\": \\\"http://a\\\"}\"}"));
    assert_true(may(WIRE_CHAT, A ",\"x\":{\"url\":\"data:image/png;base64,AA\"}}"));
    for (size_t i = 0; i < COUNT_OF(anthropic); i++) {
        buf_clear(&body);
        (void)buf_printf(&body, "%s%s", A, anthropic[i]);
        assert_false(may(WIRE_ANTHROPIC, body.data));
    }
    for (size_t i = 0; i < COUNT_OF(responses); i++) {
        buf_clear(&body);
        (void)buf_printf(&body, "%s%s", R, responses[i]);
        assert_false(may(WIRE_RESPONSES, body.data));
    }
}

static void how_it_is_sent_makes_no_difference_and_anything_else_does(void **state) {
    (void)state;
    assert_true(alike(WIRE_ANTHROPIC, A "}", A ",\"stream\":true}"));
    assert_true(alike(WIRE_ANTHROPIC, A "}", A ",\"metadata\":{\"user_id\":\"u\"}}"));
    assert_false(alike(WIRE_CHAT, A "}", A ",\"metadata\":{\"user_id\":\"u\"}}"));
    assert_true(alike(WIRE_CHAT, A ",\"stream\":false}",
                      A ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"));
    assert_false(alike(WIRE_CHAT, A "}", A ",\"seed\":1}"));
    assert_false(alike(WIRE_CHAT, A ",\"a\":\"b\",\"c\":1}", A ",\"a\":\"b\\u0063\",\"c\":1}"));
    // What only one form can say is kept for that form alone.
    assert_false(
        alike(WIRE_CHAT, A ",\"logprobs\":true}", A ",\"stream\":true,\"logprobs\":true}"));
    assert_false(alike(WIRE_CHAT, A ",\"n\":2}", A ",\"stream\":true,\"n\":2}"));
    // Members cannot be shifted into one another.
    assert_false(alike(WIRE_CHAT, A ",\"ab\":\"c\"}", A ",\"a\":\"bc\"}"));
}

static void temperature_counts_unless_it_is_forced(void **state) {
    AUTO_BUF out = BUF_INIT(4096);
    static const char warm[] = "{\"messages\":[],\"temperature\":0.2}";
    (void)state;
    assert_int_equal(canonical(WIRE_CHAT, warm, false, MODEL_FORM_WHOLE, &out), 0);
    assert_int_equal(canonical(WIRE_CHAT, warm, true, MODEL_FORM_WHOLE, &out), 1);
    assert_int_equal(canonical(WIRE_CHAT, "{\"messages\":[]}", false, MODEL_FORM_WHOLE, &out), 0);
}

static void damaged_answers_are_not_converted(void **state) {
    static const struct wire_usage nothing;
    static const char cut[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
        "\"id\":\"m\",\"model\":\"m\",\"usage\":{}}}\n\n";
    AUTO_BUF out = BUF_INIT(1 << 20);
    (void)state;
    assert_true(model_answer_convert(WIRE_ANTHROPIC, MODEL_FORM_STREAM, MODEL_FORM_WHOLE, cut,
                                     sizeof cut - 1, &nothing, &out) < 0);
    assert_true(model_answer_convert(WIRE_ANTHROPIC, MODEL_FORM_WHOLE, MODEL_FORM_STREAM, "{", 1,
                                     &nothing, &out) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_zero_is_zero),
        cmocka_unit_test(what_depends_on_more_than_the_request_is_refused),
        cmocka_unit_test(how_it_is_sent_makes_no_difference_and_anything_else_does),
        cmocka_unit_test(temperature_counts_unless_it_is_forced),
        cmocka_unit_test(damaged_answers_are_not_converted),
    };
    return cmocka_run_group_tests_name("server/models_answers", tests, NULL, NULL);
}
