// core/models/wire_fim: places in code as the five APIs are asked about them, and what they answer.
#include "core/base/mem.h"
#include "core/models/wire_fim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct wire_gap gap_of(const char *before, const char *behind) {
    return (struct wire_gap){.before = before,
                             .before_n = strlen(before),
                             .behind = behind,
                             .behind_n = strlen(behind),
                             .max_tokens = 96};
}

static void expect_request(enum wire_fim fim, const struct wire_gap *gap, bool stream,
                           const char *path, const char *body) {
    AUTO_BUF out = {0};
    AUTO_BUF where = {0};
    assert_int_equal(wire_fim_path(fim, &where), 0);
    assert_string_equal(where.data, path);
    assert_int_equal(wire_fim_write(fim, gap, "m\"", stream, &out), 0);
    assert_string_equal(out.data, body);
}

static void each_api_is_asked_in_its_way(void **state) {
    struct wire_gap gap = gap_of("int f(\n", ") {\n\t}\n");
    (void)state;
    expect_request(WIRE_FIM_INFILL, &gap, true, "/infill",
                   "{\"model\":\"m\\\"\",\"input_prefix\":\"int f(\\n\",\"input_suffix\":\") "
                   "{\\n\\t}\\n\",\"n_predict\":96,\"cache_prompt\":true,\"stream\":true,"
                   "\"temperature\":0,\"stop\":[\"\\n\\n\"]}");
    expect_request(WIRE_FIM_COMPLETIONS, &gap, true, "/v1/completions",
                   "{\"model\":\"m\\\"\",\"prompt\":\"int f(\\n\",\"suffix\":\") "
                   "{\\n\\t}\\n\",\"max_tokens\":96,\"stream\":true,\"stream_options\":{\"include_"
                   "usage\":true},\"temperature\":0,\"stop\":[\"\\n\\n\"]}");
    expect_request(WIRE_FIM_DEEPSEEK, &gap, false, "/beta/completions",
                   "{\"model\":\"m\\\"\",\"prompt\":\"int f(\\n\",\"suffix\":\") "
                   "{\\n\\t}\\n\",\"max_tokens\":96,\"stream\":false,\"temperature\":0,\"stop\":["
                   "\"\\n\\n\"]}");
    expect_request(WIRE_FIM_MISTRAL, &gap, true, "/v1/fim/completions",
                   "{\"model\":\"m\\\"\",\"prompt\":\"int f(\\n\",\"suffix\":\") "
                   "{\\n\\t}\\n\",\"max_tokens\":96,\"stream\":true,\"temperature\":0,\"stop\":["
                   "\"\\n\\n\"]}");
    expect_request(WIRE_FIM_OLLAMA, &gap, true, "/api/generate",
                   "{\"model\":\"m\\\"\",\"prompt\":\"int f(\\n\",\"suffix\":\") "
                   "{\\n\\t}\\n\",\"stream\":true,\"options\":{\"num_predict\":96,\"temperature\":"
                   "0,\"stop\":[\"\\n\\n\"]}}");
}

static void no_api_but_the_five_is_written(void **state) {
    struct wire_gap gap = gap_of("a", "b");
    struct wire_reader *r;
    (void)state;
    for (int fim = -1; fim <= WIRE_FIMS; fim += fim == WIRE_FIM_NONE ? WIRE_FIMS : 1) {
        AUTO_BUF out = {0};
        assert_int_equal(wire_fim_path((enum wire_fim)fim, &out), ERR_INVAL);
        assert_int_equal(wire_fim_write((enum wire_fim)fim, &gap, "m", true, &out), ERR_INVAL);
        assert_int_equal(wire_fim_reader_new((enum wire_fim)fim, true, &r), ERR_INVAL);
        assert_int_equal(out.len, 0);
    }
}

static void nothing_on_a_side_is_not_said_empty(void **state) {
    struct wire_gap gap = gap_of("", "");
    AUTO_BUF out = {0};
    (void)state;
    assert_int_equal(wire_fim_write(WIRE_FIM_OLLAMA, &gap, "m", true, &out), 0);
    assert_non_null(strstr(out.data, "\"prompt\":\"\\n\",\"suffix\":\"\\n\""));
    buf_clear(&out);
    assert_int_equal(wire_fim_write(WIRE_FIM_INFILL, &gap, "m", true, &out), 0);
    assert_non_null(strstr(out.data, "\"input_prefix\":\"\",\"input_suffix\":\"\""));
}

static void within_a_line_it_ends_with_the_line(void **state) {
    static const struct {
        const char *behind;
        bool line;
    } cases[] = {{" + rest;\n", true}, {"é\n", true},     {"_\n", true}, {"7", true},
                 {");\nnext", false},  {"\nword", false}, {"", false},   {" });", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_gap gap = gap_of("x = ", cases[i].behind);
        AUTO_BUF out = {0};
        assert_int_equal(wire_fim_write(WIRE_FIM_MISTRAL, &gap, "m", true, &out), 0);
        assert_int_equal(strstr(out.data, "\"stop\":[\"\\n\"]") != NULL, cases[i].line);
    }
}

// --- the place

static int split(const char *content, const char *mark, struct wire_gap *ret, json_t **hold) {
    struct err err = {0};
    *hold = json_pack("{s[{ss ss}] si}", "messages", "role", "user", "content", content,
                      "max_tokens", 7);
    int r = wire_fim_split(*hold, mark, ret, &err);
    assert_true(r == 0 || (r == ERR_INVAL && err.message[0]));
    return r;
}

static void the_place_is_where_the_mark_is(void **state) {
    struct wire_gap gap;
    json_t *held;
    (void)state;
    assert_int_equal(split("a/b.c\none\ntwo<CARET>three\n", "<CARET>", &gap, &held), 0);
    assert_int_equal(gap.before_n, 7);
    assert_memory_equal(gap.before, "one\ntwo", 7);
    assert_int_equal(gap.behind_n, 6);
    assert_memory_equal(gap.behind, "three\n", 6);
    assert_int_equal(gap.max_tokens, 7);
    json_decref(held);
    assert_int_equal(split("a\n<CARET>", "<CARET>", &gap, &held), 0);
    assert_int_equal(gap.before_n + gap.behind_n, 0);
    json_decref(held);
    static const char *const not [] = {"a\nno mark", "<CARET>", "<CARET>\nfile", "",
                                       "a\n<CARET> <CARET>"};
    for (size_t i = 0; i < COUNT_OF(not ); i++) {
        assert_int_equal(split(not [i], "<CARET>", &gap, &held), ERR_INVAL);
        json_decref(held);
    }
    assert_int_equal(split("a\nb", "", &gap, &held), ERR_INVAL);
    json_decref(held);
    held = json_pack("{s[]}", "messages");
    assert_int_equal(wire_fim_split(held, "<CARET>", &gap, NULL), ERR_INVAL);
    json_decref(held);
}

// --- answers

struct seen {
    char text[256];
    enum wire_stop stop;
    enum route_fault fault;
    struct wire_usage usage;
    char model[32];
    unsigned starts, stops;
};

static int note(void *ctx, const struct wire_event *e) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    if (e->kind == WIRE_TEXT || e->kind == WIRE_ERROR)
        (void)snprintf(s->text + n, sizeof s->text - n, "%.*s", (int)e->n, e->text);
    if (e->kind == WIRE_START) {
        s->starts++;
        (void)snprintf(s->model, sizeof s->model, "%s", e->name ? e->name : "");
    }
    if (e->kind == WIRE_STOP) {
        s->stops++;
        s->stop = e->stop;
    }
    if (e->kind == WIRE_ERROR)
        s->fault = e->fault;
    if (e->usage.known)
        s->usage = e->usage;
    return 0;
}

static int read_in(enum wire_fim fim, bool stream, const char *bytes, size_t step,
                   struct seen *ret) {
    struct wire_reader *r;
    size_t n = strlen(bytes);
    *ret = (struct seen){.text = ""};
    assert_int_equal(wire_fim_reader_new(fim, stream, &r), 0);
    int code = 0;
    for (size_t at = 0; at < n && code == 0; at += step)
        code = wire_read(r, bytes + at, step < n - at ? step : n - at, note, ret, NULL);
    if (code == 0)
        code = wire_read_end(r, note, ret, NULL);
    wire_reader_free(r);
    return code;
}

static void expect_answer(enum wire_fim fim, bool stream, const char *bytes, const char *text,
                          enum wire_stop stop, int64_t input, int64_t output) {
    struct seen s;
    for (size_t step = 1; step < 80; step += 13) {
        assert_int_equal(read_in(fim, stream, bytes, step, &s), 0);
        assert_string_equal(s.text, text);
        assert_int_equal(s.stop, stop);
        assert_int_equal(s.starts, 1);
        assert_int_equal(s.stops, 1);
        assert_int_equal(s.usage.input, input);
        assert_int_equal(s.usage.output, output);
        assert_string_equal(s.model, "q");
    }
}

static void answers_are_read(void **state) {
    (void)state;
    expect_answer(WIRE_FIM_INFILL, true,
                  "data: {\"content\":\"a\\n\",\"stop\":false,\"model\":\"q\"}\n\n"
                  "data: {\"content\":\"\\u00e4\",\"stop\":false}\n\n"
                  "data: {\"content\":\"\",\"stop\":true,\"tokens_predicted\":7,"
                  "\"tokens_evaluated\":90,\"stop_type\":\"limit\"}\n\n",
                  "a\nä", WIRE_STOP_LENGTH, 90, 7);
    expect_answer(WIRE_FIM_INFILL, false,
                  "{\"content\":\"b\",\"stop\":true,\"model\":\"q\",\"tokens_predicted\":1,"
                  "\"tokens_evaluated\":2,\"stop_type\":\"eos\"}",
                  "b", WIRE_STOP_END, 2, 1);
    expect_answer(WIRE_FIM_OLLAMA, true,
                  "{\"model\":\"q\",\"response\":\"re\",\"done\":false}\n"
                  "{\"model\":\"q\",\"response\":\"turn\",\"done\":false}\r\n\n"
                  "{\"model\":\"q\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\","
                  "\"prompt_eval_count\":30,\"eval_count\":4}",
                  "return", WIRE_STOP_END, 30, 4);
    expect_answer(WIRE_FIM_OLLAMA, false,
                  "{\"model\":\"q\",\"response\":\"x\",\"done\":true,\"done_reason\":\"length\","
                  "\"prompt_eval_count\":3,\"eval_count\":2}",
                  "x", WIRE_STOP_LENGTH, 3, 2);
    static const enum wire_fim likewise[] = {WIRE_FIM_COMPLETIONS, WIRE_FIM_DEEPSEEK};
    for (size_t i = 0; i < COUNT_OF(likewise); i++) {
        expect_answer(likewise[i], true,
                      "data: {\"id\":\"c\",\"model\":\"q\",\"choices\":[{\"text\":\"re\",\"index\":"
                      "0,\"finish_reason\":null}]}\n\n"
                      "data: {\"id\":\"c\",\"choices\":[{\"text\":\"no\",\"index\":1},{\"text\":"
                      "\"t\",\"index\":0,\"finish_reason\":\"length\"}]}\n\n"
                      "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
                      "\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
                      "ret", WIRE_STOP_LENGTH, 9, 2);
        expect_answer(likewise[i], false,
                      "{\"id\":\"c\",\"model\":\"q\",\"choices\":[{\"text\":\"x\",\"index\":0,"
                      "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,"
                      "\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":0}}}",
                      "x", WIRE_STOP_END, 9, 2);
    }
    expect_answer(WIRE_FIM_MISTRAL, true,
                  "data: {\"id\":\"c\",\"model\":\"q\",\"choices\":[{\"index\":0,\"delta\":{"
                  "\"role\":\"assistant\",\"content\":\"x\"},\"finish_reason\":null}]}\n\n"
                  "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},"
                  "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,"
                  "\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
                  "x", WIRE_STOP_END, 9, 2);
}

// A server that does not stream answers with one document.
static void one_document_instead_of_a_stream_is_read(void **state) {
    (void)state;
    expect_answer(WIRE_FIM_INFILL, true,
                  "{\"content\":\"b\",\"stop\":true,\"model\":\"q\",\"tokens_predicted\":1,"
                  "\"tokens_evaluated\":2}",
                  "b", WIRE_STOP_END, 2, 1);
    expect_answer(WIRE_FIM_COMPLETIONS, true,
                  "{\"model\":\"q\",\"choices\":[{\"text\":\"x\",\"finish_reason\":\"stop\"}],"
                  "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}",
                  "x", WIRE_STOP_END, 9, 2);
    expect_answer(WIRE_FIM_OLLAMA, true,
                  "{\"model\":\"q\",\"response\":\"x\",\"done\":true,\"prompt_eval_count\":3,"
                  "\"eval_count\":2}\n",
                  "x", WIRE_STOP_END, 3, 2);
}

static void a_cut_answer_is_told(void **state) {
    static const struct {
        enum wire_fim fim;
        const char *bytes;
    } cases[] = {
        {WIRE_FIM_INFILL, "data: {\"content\":\"a\",\"stop\":false}\n\n"},
        {WIRE_FIM_INFILL, "data: {\"content\":\"a\",\"stop\":false}\n\ndata: {\"cont"},
        {WIRE_FIM_OLLAMA, "{\"response\":\"a\",\"done\":false}\n"},
        {WIRE_FIM_OLLAMA, "{\"response\":\"a\",\"done\":false}\n{\"respon"},
        {WIRE_FIM_COMPLETIONS, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"},
        {WIRE_FIM_MISTRAL, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"},
        {WIRE_FIM_COMPLETIONS, ""},
    };
    struct seen s;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_in(cases[i].fim, true, cases[i].bytes, 7, &s), ERR_CLOSED);
        assert_int_equal(s.stops, 0);
    }
}

static void what_is_no_answer_is_refused(void **state) {
    static const struct {
        enum wire_fim fim;
        bool stream;
        const char *bytes;
    } cases[] = {
        {WIRE_FIM_INFILL, false, "{}"},
        {WIRE_FIM_INFILL, true, "data: {\"content\":7}\n\n"},
        {WIRE_FIM_INFILL, true, "data: [DONE]\n\ndata: nonsense\n\n"},
        {WIRE_FIM_OLLAMA, true, "{\"response\":\"a\"}\n{broken}\n{\"done\":true}\n"},
        {WIRE_FIM_OLLAMA, true, "{\"done\":false}\n"},
        {WIRE_FIM_OLLAMA, false, "{\"message\":{\"content\":\"a\"},\"done\":false}"},
        {WIRE_FIM_COMPLETIONS, false, "{\"content\":\"a\"}"},
        {WIRE_FIM_COMPLETIONS, true, "data: [DONE]\n\n"},
    };
    struct seen s;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_in(cases[i].fim, cases[i].stream, cases[i].bytes, 9, &s), ERR_PARSE);
        assert_int_equal(s.stops, 0);
    }
}

static void errors_within_are_told(void **state) {
    static const struct {
        enum wire_fim fim;
        const char *bytes, *text;
    } cases[] = {
        {WIRE_FIM_OLLAMA, "{\"response\":\"a\",\"done\":false}\n{\"error\":\"ran out\"}\n",
         "aran out"},
        {WIRE_FIM_INFILL, "data: {\"error\":{\"code\":500,\"message\":\"ran out\"}}\n\n",
         "ran out"},
        {WIRE_FIM_COMPLETIONS, "data: {\"error\":{\"message\":\"ran out\"}}\n\n", "ran out"},
    };
    struct seen s;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_in(cases[i].fim, true, cases[i].bytes, 5, &s), 0);
        assert_int_not_equal(s.fault, ROUTE_FAULT_NONE);
        assert_string_equal(s.text, cases[i].text);
        assert_int_equal(s.stops, 0);
    }
}

static void memory_may_be_out_anywhere(void **state) {
    static const char bytes[] = "{\"model\":\"q\",\"response\":\"re\",\"done\":false}\n"
                                "{\"response\":\"turn\",\"done\":true,\"eval_count\":4}";
    struct wire_gap gap = gap_of("a", "b");
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct wire_reader *r = NULL;
        struct seen s = {.text = ""};
        AUTO_BUF out = {0};
        mem_fail_at(n);
        int code = wire_fim_reader_new(WIRE_FIM_OLLAMA, true, &r);
        bool made = code == 0;
        if (code == 0)
            code = wire_read(r, bytes, sizeof bytes - 1, note, &s, NULL);
        if (code == 0)
            code = wire_read_end(r, note, &s, NULL);
        if (made)
            wire_reader_free(r);
        if (code == 0)
            code = wire_fim_write(WIRE_FIM_OLLAMA, &gap, "m", true, &out);
        bool reached = mem_count() >= n;
        mem_fail_at(0);
        assert_true(code == ERR_NOMEM || (code == 0 && !reached));
        if (!reached) {
            assert_string_equal(s.text, "return");
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_api_is_asked_in_its_way),
        cmocka_unit_test(no_api_but_the_five_is_written),
        cmocka_unit_test(nothing_on_a_side_is_not_said_empty),
        cmocka_unit_test(within_a_line_it_ends_with_the_line),
        cmocka_unit_test(the_place_is_where_the_mark_is),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(one_document_instead_of_a_stream_is_read),
        cmocka_unit_test(a_cut_answer_is_told),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(errors_within_are_told),
        cmocka_unit_test(memory_may_be_out_anywhere),
    };
    mem_init_json();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
