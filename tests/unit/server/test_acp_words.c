// What goes into a turn and comes out of it, without an engine: blocks of a prompt, words of a
// command, lines of an answer.
#include "server/acp_face.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// --- markdown ------------------------------------------------------------------------------------

static void expect_markdown(enum acp_layout layout, const char *text, const char *wanted) {
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(acp_markdown(text, strlen(text), "/w", layout, &out), 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void lines_become_a_list_with_links(void **state) {
    (void)state;
    expect_markdown(ACP_LINES, "2 findings\nsrc/a.c:20 bad `*p`\n  why: _so_\nb: c\n",
                    "**2 findings**\n\n- [src/a.c:20](file:///w/src/a.c#L20) bad `*p`\\\n"
                    "  why: \\_so\\_\n- b: c\n");
    expect_markdown(ACP_LINES, "## Files\nsrc/a b.c:16-21 x\n## Symbols\n1. x\n",
                    "#### Files\n\n- src/a [b.c:16-21](file:///w/b.c#L16) x\n\n#### Symbols\n\n"
                    "- 1. x\n");
    expect_markdown(
        ACP_LINES, "x\nsrc/a.c: 3\nnote: 4\nDirect:\ny\nNot covered:\n- z\n",
        "**x**\n\n- [src/a.c](file:///w/src/a.c): 3\n- note: 4\n\n**Direct:**\n\n- y\n\n"
        "_Not covered:_\n\n- z\n");
    expect_markdown(ACP_LINES, "only this, in /etc/a:3\n",
                    "only this, in [/etc/a:3](file:///etc/a#L3)");
    expect_markdown(ACP_LINES, "", "");
    expect_markdown(ACP_LINES, "\n\n", "");
    expect_markdown(ACP_LINES, "a\n\n\nb", "**a**\n\n\n\n- b\n");
}

static void what_is_no_place_is_no_link(void **state) {
    static const char *const none[] = {"note:3",  "a.c:",       "a.c:x", "12:30",          "x.y.z",
                                       "a.c:3x.", "http://a:1", ":3",    "a.c:99999999999"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        AUTO_BUF out = BUF_INIT(0);
        assert_int_equal(acp_markdown_line(none[i], strlen(none[i]), "/w", &out), 0);
        if (i < 6 || i == 7)
            assert_null(strchr(out.data, '['));
    }
    AUTO_BUF out = BUF_INIT(0);
    static const char odd[] = "a_b _c_ <b> [x](y) \\ * ` ä.c:3";
    assert_int_equal(acp_markdown_line(odd, sizeof odd - 1, "/w x", &out), 0);
    assert_string_equal(out.data, "a_b \\_c\\_ \\<b> \\[x](y) \\\\ \\* \\` "
                                  "[ä.c:3](file:///w%20x/%C3%A4.c#L3)");
}

static void code_stays_as_it_is(void **state) {
    (void)state;
    expect_markdown(ACP_VERBATIM, "a\n  *b*\n", "```text\na\n  *b*\n```\n");
    expect_markdown(ACP_VERBATIM, "a\n```\nb", "````text\na\n```\nb\n````\n");
    expect_markdown(ACP_JSON, "Rules\n{}\nNot covered:\n- x",
                    "**Rules**\n\n```json\n{}\n```\n\n"
                    "_Not covered:_\n\n- x\n");
    expect_markdown(ACP_JSON, "{\n}", "```json\n{\n}\n```\n");
    expect_markdown(ACP_MERMAID, "1 module\nflowchart BT",
                    "**1 module**\n\n```mermaid\nflowchart BT\n```\n");
}

// --- prompts -------------------------------------------------------------------------------------

static int read_prompt(const char *json, struct acp_prompt *ret) {
    struct acp_chat chat = {.root = (char *)"/real/w", .shown = (char *)"/w"};
    json_t *blocks = json_loads(json, JSON_DECODE_ANY, NULL);
    int r = acp_prompt_read(blocks, &chat, ret, NULL);
    json_decref(blocks);
    return r;
}

static void a_prompt_is_its_words_and_files(void **state) {
    struct acp_prompt p;
    (void)state;
    assert_int_equal(
        read_prompt("[{\"type\":\"text\",\"text\":\"how is\"},"
                    "{\"type\":\"resource_link\",\"uri\":\"file:///w/a%20b.c#L3\"},"
                    "{\"type\":\"resource\",\"resource\":{\"uri\":\"file:///real/w/c\","
                    "\"text\":\"T\"}},"
                    "{\"type\":\"resource\",\"resource\":{\"uri\":\"file:///w/d#L1:2\","
                    "\"text\":\"part\"}},"
                    "{\"type\":\"text\",\"text\":\"made?\"},"
                    "{\"type\":\"resource_link\",\"uri\":\"file:///w/c\"},"
                    "{\"type\":\"resource_link\",\"uri\":\"file:///w/../x\"},"
                    "{\"type\":\"resource_link\",\"uri\":\"file:///wx/y\"}]",
                    &p),
        0);
    assert_string_equal(p.text.data, "how is made?");
    assert_string_equal(p.command, "");
    assert_int_equal(p.path_count, 3);
    assert_string_equal(p.paths[0], "a b.c");
    assert_string_equal(p.paths[1], "c");
    assert_null(p.texts[0]);
    assert_string_equal(json_string_value(p.texts[1]), "T");
    assert_null(p.texts[2]); // a selection is not the file
    acp_prompt_done(&p);
    static const struct {
        const char *text, *command;
    } commands[] = {{"/review src", "review"},
                    {"  /review-tree", "review-tree"},
                    {"/", ""},
                    {"/usr/bin is", ""},
                    {"/a.b", ""},
                    {"x /review", ""}};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char json[100];
        (void)snprintf(json, sizeof json, "[{\"type\":\"text\",\"text\":\"%s\"}]",
                       commands[i].text);
        assert_int_equal(read_prompt(json, &p), 0);
        assert_string_equal(p.command, commands[i].command);
        acp_prompt_done(&p);
    }
}

static void what_is_no_prompt_is_refused(void **state) {
    static const char *const wrong[] = {"{}",
                                        "null",
                                        "[1]",
                                        "[{\"type\":\"text\"}]",
                                        "[{\"type\":\"text\",\"text\":1}]",
                                        "[{\"type\":\"resource_link\"}]",
                                        "[{\"type\":\"resource\",\"resource\":{}}]",
                                        "[{\"type\":\"audio\"}]"};
    struct acp_prompt p;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(read_prompt(wrong[i], &p), ERR_INVAL);
        acp_prompt_done(&p);
    }
    // One byte more than a prompt may have.
    AUTO_FREE char *text = mem_zalloc(ACP_QUESTION_BYTES_MAX + 2);
    for (size_t n = ACP_QUESTION_BYTES_MAX; n <= ACP_QUESTION_BYTES_MAX + 1; n++) {
        struct acp_chat chat = {.root = (char *)"/w", .shown = (char *)"/w"};
        memset(text, 'x', n);
        json_t *blocks = json_pack("[{s:s, s:s%}]", "type", "text", "text", text, n);
        assert_int_equal(acp_prompt_read(blocks, &chat, &p, NULL),
                         n > ACP_QUESTION_BYTES_MAX ? ERR_LIMIT : 0);
        acp_prompt_done(&p);
        json_decref(blocks);
    }
}

// --- commands ------------------------------------------------------------------------------------

static const char *const kinds[] = {"one", "two", NULL};
static const struct field fields[] = {
    {.name = "path", .type = FIELD_STRING, .max = 100},
    {.name = "limit", .type = FIELD_INT},
    {.name = "share", .type = FIELD_REAL},
    {.name = "names", .type = FIELD_BOOL},
    {.name = "focus_on", .type = FIELD_STRING_ARRAY},
    {.name = "kind", .type = FIELD_ENUM, .values = kinds},
    {.name = "rules", .type = FIELD_JSON},
    {0},
};

static void expect_arguments(const char *operand, const char *words, const char *wanted) {
    struct capability c = {.name = "x.y", .input = fields, .operand = operand};
    json_t *arguments = NULL;
    struct err err = {0};
    int r = acp_arguments(&c, words, strlen(words), NULL, 0, &arguments, &err);
    if (!wanted) {
        assert_int_equal(r, ERR_INVAL);
        assert_true(strlen(err.message) > 0);
        return;
    }
    assert_int_equal(r, 0);
    AUTO_BUF text = BUF_INIT(0);
    assert_int_equal(buf_put_json(&text, arguments, JSON_COMPACT), 0);
    assert_string_equal(text.data, wanted);
    json_decref(arguments);
}

static void words_of_a_command_are_arguments(void **state) {
    (void)state;
    expect_arguments("path", "", "{}");
    expect_arguments("path", " src  dir ", "{\"path\":\"src dir\"}");
    expect_arguments("path", "'src  dir' limit=3", "{\"path\":\"src  dir\",\"limit\":3}");
    expect_arguments("path", "--limit 3 --share=0.5 x",
                     "{\"limit\":3,\"share\":0.5,\"path\":\"x\"}");
    expect_arguments("path", "--names x", "{\"names\":true,\"path\":\"x\"}");
    expect_arguments("path", "names=no kind=two", "{\"names\":false,\"kind\":\"two\"}");
    expect_arguments("focus_on", "a b focus-on=c", "{\"focus_on\":[\"a\",\"b\",\"c\"]}");
    expect_arguments("path", "'rules={\"a\": 1}'", "{\"rules\":{\"a\":1}}");
    expect_arguments("path", "unknown=3 -x", "{\"path\":\"unknown=3 -x\"}");
    expect_arguments("path", "\"open", "{\"path\":\"open\"}");
    expect_arguments("path", "limit=", NULL);
    expect_arguments("path", "limit=3x", NULL);
    expect_arguments("path", "limit=99999999999999999999", NULL);
    expect_arguments("path", "--limit", NULL);
    expect_arguments("path", "rules={", NULL);
    expect_arguments(NULL, "word", NULL);
}

static void files_pointed_at_stand_for_a_path(void **state) {
    struct capability c = {.name = "x.y", .input = fields, .operand = "path"};
    char *paths[] = {(char *)"a.c", (char *)"b.c"};
    json_t *arguments = NULL;
    (void)state;
    assert_int_equal(acp_arguments(&c, "limit=1", 7, paths, 2, &arguments, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(arguments, "path")), "a.c");
    json_decref(arguments);
    assert_int_equal(acp_arguments(&c, "x", 1, paths, 2, &arguments, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(arguments, "path")), "x");
    json_decref(arguments);
}

static void each_agent_has_its_commands(void **state) {
    (void)state;
    json_t *team = acp_commands(&agent_team), *maya = acp_commands(&agent_maya), *one;
    size_t i, k, own = 0;
    while (agent_maya.capabilities[own].name)
        own++;
    assert_true(json_array_size(team) > json_array_size(maya) && json_array_size(maya) > own);
    json_array_foreach(team, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        const json_t *other;
        assert_true(strlen(json_string_value(json_object_get(one, "description"))) > 0);
        assert_null(strchr(name, '_'));
        json_array_foreach(team, k, other) if (k != i)
            assert_string_not_equal(name, json_string_value(json_object_get(other, "name")));
    }
    json_decref(team);
    json_decref(maya);
}

// --- memory --------------------------------------------------------------------------------------

static void all_of_it(void) {
    static const char text[] = "2 findings\nsrc/a.c:20 bad\n  why\nNot covered:\n- x\n";
    struct capability c = {.name = "x.y", .input = fields, .operand = "path"};
    struct acp_prompt p;
    json_t *arguments = NULL;
    AUTO_BUF out = BUF_INIT(0);
    (void)acp_markdown(text, sizeof text - 1, "/w", ACP_LINES, &out);
    (void)acp_markdown(text, sizeof text - 1, "/w", ACP_JSON, &out);
    if (acp_arguments(&c, "a b focus-on=c limit=3", 22, NULL, 0, &arguments, NULL) == 0)
        json_decref(arguments);
    (void)read_prompt("[{\"type\":\"text\",\"text\":\"/x y\"},{\"type\":\"resource\",\"resource\":{"
                      "\"uri\":\"file:///w/c\",\"text\":\"T\"}}]",
                      &p);
    acp_prompt_done(&p);
    json_decref(acp_commands(&agent_team));
}

static void every_failed_allocation_is_survived(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        mem_fail_at(nth);
        all_of_it();
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (!reached)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_a_list_with_links),
        cmocka_unit_test(what_is_no_place_is_no_link),
        cmocka_unit_test(code_stays_as_it_is),
        cmocka_unit_test(a_prompt_is_its_words_and_files),
        cmocka_unit_test(what_is_no_prompt_is_refused),
        cmocka_unit_test(words_of_a_command_are_arguments),
        cmocka_unit_test(files_pointed_at_stand_for_a_path),
        cmocka_unit_test(each_agent_has_its_commands),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("server/acp_words", tests, NULL, NULL);
}
