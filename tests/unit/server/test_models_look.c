// server/models_look: what a request is about, in each API's form.
#include "core/base/mem.h"
#include "server/models_look.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static struct model_look look; // used again and again, as the router does
static struct model_body body;

static enum route_origin origin_of(enum wire_family family, const char *text) {
    struct route_hints hints;
    assert_int_equal(model_body_read(family, text, strlen(text), &body, NULL), 0);
    assert_int_equal(model_look_read(family, &body, text, strlen(text), &look), 0);
    model_look_hints(&look, &body, &hints);
    return route_origin_of(&hints, NULL);
}

static void the_users_last_words_are_found(void **state) {
    (void)state;
    (void)origin_of(
        WIRE_ANTHROPIC,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"old\"},{\"role\":\"assistant\","
        "\"content\":\"x\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"<system-reminder>not this\"},{\"type\":\"text\",\"text\":\"say\\n\\\"hi\\\"\"},"
        "{\"type\":\"text\",\"text\":\"<system-reminder>nor this\"}]}]}");
    assert_string_equal(look.task.data, "say\n\"hi\"");
    assert_false(look.tool_result);
    (void)origin_of(WIRE_RESPONSES, "{\"input\":\"a text alone\"}");
    assert_string_equal(look.task.data, "a text alone");
    (void)origin_of(WIRE_RESPONSES, "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
                                    "\"input_text\",\"text\":\"blocks\"}]}]}");
    assert_string_equal(look.task.data, "blocks");
    (void)origin_of(WIRE_GEMINI,
                    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"g\"}]}]}");
    assert_string_equal(look.task.data, "g");
}

static enum model_edit edit_of(const char *tool, const char *id, const char *rest) {
    char text[2048];
    (void)snprintf(
        text, sizeof text,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"task\"},{\"role\":\"assistant\","
        "\"content\":[{\"type\":\"text\",\"text\":\"String to replace not found\"},"
        "{\"type\":\"tool_use\",\"id\":\"t0\",\"name\":\"Bash\"},{\"type\":\"tool_use\","
        "\"id\":\"t1\",\"name\":\"%s\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{"
        "\"type\":\"tool_result\",\"tool_use_id\":\"%s\"%s}]}]}",
        tool, id, rest);
    (void)origin_of(WIRE_ANTHROPIC, text);
    return look.edit;
}

static void edits_that_did_not_apply_are_told_from_others(void **state) {
    static const char no_match[] =
        ",\"is_error\":true,\"content\":\"<tool_use_error>String to replace not found in file.\"";
    static const char blocks[] = ",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
                                 "\"Found 2 matches of the string to replace\"}]";
    (void)state;
    assert_int_equal(edit_of("Edit", "t1", no_match), MODEL_EDIT_FAILED);
    assert_int_equal(edit_of("Edit", "t1", blocks), MODEL_EDIT_FAILED);
    assert_int_equal(edit_of("Edit", "t1", ",\"content\":\"done\""), MODEL_EDIT_APPLIED);
    // Without is_error, what looks like an error is what the file contains.
    assert_int_equal(edit_of("Edit", "t1", ",\"content\":\"String to replace not found\""),
                     MODEL_EDIT_APPLIED);
    // Of another tool, of a call that the answer did not make, for another reason.
    assert_int_equal(edit_of("Read", "t1", no_match), MODEL_EDIT_NONE);
    assert_int_equal(edit_of("Edit", "t0", no_match), MODEL_EDIT_NONE);
    assert_int_equal(edit_of("Edit", "t2", no_match), MODEL_EDIT_NONE);
    assert_int_equal(
        edit_of("Edit", "t1", ",\"is_error\":true,\"content\":\"The user does not want this\""),
        MODEL_EDIT_NONE);
    assert_int_equal(edit_of("Edit", "t1", ",\"is_error\":true"), MODEL_EDIT_NONE);
    (void)origin_of(WIRE_ANTHROPIC, "{\"messages\":[{\"role\":\"user\",\"content\":\"next\"}]}");
    assert_int_equal(look.edit, MODEL_EDIT_NONE);
}

static void what_tools_answer_is_not_the_users(void **state) {
    (void)state;
    (void)origin_of(
        WIRE_ANTHROPIC,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"task\"},{\"role\":\"assistant\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"r\"},"
        "{\"type\":\"text\",\"text\":\"aside\"}]}]}");
    assert_true(look.tool_result);
    assert_string_equal(look.task.data, "task");
    (void)origin_of(WIRE_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"task\"},{\"role\":"
                               "\"assistant\"},{\"role\":\"tool\",\"content\":\"r\"}]}");
    assert_true(look.tool_result);
    assert_string_equal(look.task.data, "task");
    (void)origin_of(
        WIRE_RESPONSES,
        "{\"input\":[{\"role\":\"user\",\"content\":\"task\"},{\"type\":\"function_call\"},"
        "{\"type\":\"function_call_output\",\"output\":\"r\"}]}");
    assert_true(look.tool_result);
    assert_string_equal(look.task.data, "task");
}

static void tools_and_pictures_are_seen(void **state) {
    (void)state;
    assert_int_equal(origin_of(WIRE_ANTHROPIC,
                               "{\"tools\":[{\"name\":\"Read\"},{\"name\":\"Edit\"}],"
                               "\"messages\":[{\"role\":\"user\",\"content\":\"?\"}]}"),
                     ROUTE_ORIGIN_EDIT);
    assert_int_equal(
        origin_of(WIRE_CHAT,
                  "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
                  "\"apply_patch\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"?\"}]}"),
        ROUTE_ORIGIN_EDIT);
    assert_int_equal(origin_of(WIRE_ANTHROPIC,
                               "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"x\"}],"
                               "\"messages\":[{\"role\":\"user\",\"content\":\"?\"}]}"),
                     ROUTE_ORIGIN_SEARCH);
    static const struct {
        const char *block;
        bool images;
    } blocks[] = {{"{\"type\":\"image\",\"source\":{}}", true},
                  {"{ \"type\" : \"image_url\" }", true},
                  {"{\"type\":\"input_image\"}", true},
                  {"{\"type\":\"text\",\"text\":\"\\\"type\\\":\\\"image\\\"\"}", false},
                  {"{\"type\":\"text\",\"text\":\"an image\"}", false}};
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        AUTO_BUF text = {0};
        (void)buf_printf(&text, "{\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}",
                         blocks[i].block);
        (void)origin_of(WIRE_ANTHROPIC, text.data);
        if (look.images != blocks[i].images)
            fail_msg("%s", blocks[i].block);
    }
}

static void instructions_count_in_each_form(void **state) {
    static const char user[] = "{\"role\":\"user\",\"content\":\"go\"}";
    AUTO_BUF text = {0};
    (void)state;
    (void)buf_printf(&text,
                     "{\"system\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":"
                     "\"You are a code reviewer\"}],\"messages\":[%s]}",
                     user);
    assert_int_equal(origin_of(WIRE_ANTHROPIC, text.data), ROUTE_ORIGIN_REVIEW);
    buf_clear(&text);
    (void)buf_printf(
        &text, "{\"messages\":[{\"role\":\"system\",\"content\":\"You are a code reviewer\"},%s]}",
        user);
    assert_int_equal(origin_of(WIRE_CHAT, text.data), ROUTE_ORIGIN_REVIEW);
    buf_clear(&text);
    (void)buf_printf(&text, "{\"instructions\":\"You are a code reviewer\",\"input\":[%s]}", user);
    assert_int_equal(origin_of(WIRE_RESPONSES, text.data), ROUTE_ORIGIN_REVIEW);
}

static void long_texts_count_by_their_ends(void **state) {
    AUTO_BUF text = {0};
    (void)state;
    (void)buf_puts(&text, "{\"messages\":[{\"role\":\"user\",\"content\":\"Review this\\n");
    for (int i = 0; i < 40000; i++)
        (void)buf_puts(&text, "word ");
    (void)buf_puts(&text, "the\\nend\"}]}");
    assert_int_equal(origin_of(WIRE_ANTHROPIC, text.data), ROUTE_ORIGIN_REVIEW);
    assert_true(look.task.len < MODEL_LOOK_BYTES_MAX);
    assert_string_equal(look.task.data + look.task.len - 8, " the\nend");
}

static void running_out_of_memory_is_said(void **state) {
    static const char text[] =
        "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    (void)state;
    assert_int_equal(model_body_read(WIRE_ANTHROPIC, text, strlen(text), &body, NULL), 0);
    for (uint64_t at = 1;; at++) {
        struct model_look fresh = {.images = false};
        mem_fail_at(at);
        int r = model_look_read(WIRE_ANTHROPIC, &body, text, strlen(text), &fresh);
        mem_fail_at(0);
        model_look_done(&fresh);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_true(at < 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_users_last_words_are_found),
        cmocka_unit_test(edits_that_did_not_apply_are_told_from_others),
        cmocka_unit_test(what_tools_answer_is_not_the_users),
        cmocka_unit_test(tools_and_pictures_are_seen),
        cmocka_unit_test(instructions_count_in_each_form),
        cmocka_unit_test(long_texts_count_by_their_ends),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    model_look_done(&look);
    return r;
}
