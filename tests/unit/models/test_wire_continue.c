#include "core/models/wire_continue.h"

#include "core/base/mem.h"
#include "tests/unit/models/wire_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard { // by the one who passes a stream on
    struct buf said;
    enum wire_kind open;
    struct wire_usage usage;
};
static int hear(void *ctx, const struct wire_event *e) {
    struct heard *h = ctx;
    if (e->kind == WIRE_TEXT)
        (void)buf_append(&h->said, e->text, e->n);
    if (e->usage.known)
        h->usage = e->usage;
    if (e->kind != WIRE_SIGNATURE)
        h->open = e->kind;
    return 0;
}

// --- where a second answer begins

struct seam {
    const char *said, *second, *whole; // whole NULL: it cannot be joined
};
#define LONG                                                                                       \
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "   \
    "age of foolishness."
#define ROW "| --- | --- | --- |\n"

static const struct seam seams[] = {
    {"One two", " three.", "One two three."},
    {"One two ", "three.", "One two three."},
    {"One two ", " three.", "One two three."},                   // the blank that was not sent
    {"a:\n\n", "\n\n\nb", "a:\n\n\nb"},                          // two of the three
    {"a:\n    ", "\n    b()", "a:\n    b()"},                    // all of it
    {"One two thr", "One two three four", "One two three four"}, // from the beginning again
    {LONG, LONG " And so on.", LONG " And so on."},
    {LONG, LONG, LONG},
    {LONG, "it was the age of foolishness. And so on.", LONG " And so on."}, // the last clause
    {LONG, " it was the age of wonder.", LONG " it was the age of wonder."},
    {"x = 1", "1", "x = 11"}, // digits may come twice
    {"1", "10", "110"},
    {"H", "Hello", "Hello"},
    {ROW ROW, ROW "end", ROW ROW ROW "end"}, // a row is no repetition of the answer
    {"ha ha ", "ha!", "ha ha ha!"},
    {LONG, "It was the best of times, it was the worst of times, it was the end of all.", NULL},
    {"   \n", "Hello", "   \nHello"},
    {"", "Hello", "Hello"},
};

static int put(struct wire_joint *j, enum wire_kind kind, const char *text, size_t n,
               struct buf *out) {
    const struct wire_event e = {.kind = kind,
                                 .text = text,
                                 .n = n,
                                 .usage = {.input = 3, .output = 4, .known = true},
                                 .stop = kind == WIRE_STOP ? WIRE_STOP_END : WIRE_STOP_NONE};
    return wire_joint_write(j, &e, out);
}

// The second answer in pieces of `step` bytes behind what the first one said.
static int join(const struct seam *s, size_t step, struct buf *out) {
    const struct wire_usage before = {.input = 10, .output = 20, .known = true};
    const struct wire_event start = {.kind = WIRE_START, .id = "i", .name = "m"};
    const struct wire_event text = {.kind = WIRE_TEXT, .text = s->said, .n = strlen(s->said)};
    AUTO_BUF said = BUF_INIT(WIRE_SAID_BYTES_MAX);
    struct wire_writer *w;
    struct wire_joint *j;
    size_t n = strlen(s->second);
    (void)buf_puts(&said, s->said);
    assert_int_equal(wire_writer_new(WIRE_ANTHROPIC, true, &w), 0);
    assert_int_equal(wire_write(w, &start, out), 0);
    if (text.n)
        assert_int_equal(wire_write(w, &text, out), 0);
    assert_int_equal(wire_joint_new(w, &said, &before, &j), 0);
    int code = put(j, WIRE_START, NULL, 0, out);
    for (size_t at = 0; code == 0 && at < n; at += step)
        code = put(j, WIRE_TEXT, s->second + at, n - at < step ? n - at : step, out);
    if (code == 0)
        code = put(j, WIRE_BLOCK_END, NULL, 0, out);
    if (code == 0)
        code = put(j, WIRE_STOP, NULL, 0, out);
    if (code == 0)
        assert_string_equal(said.data, s->whole); // what the next one would be asked to go on with
    wire_joint_free(j);
    wire_writer_free(w);
    return code;
}

static void nothing_is_said_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(seams); i++)
        for (size_t step = 1; step < 64; step = step * 2 + 1) {
            AUTO_BUF out = BUF_INIT(0);
            struct heard heard = {.open = WIRE_STOP};
            struct wire_reader *r;
            int code = join(&seams[i], step, &out);
            if (!seams[i].whole) {
                assert_int_equal(code, ERR_PARSE);
                continue;
            }
            assert_int_equal(code, 0);
            assert_int_equal(wire_reader_new(WIRE_ANTHROPIC, true, &r), 0);
            assert_int_equal(wire_read(r, out.data, out.len, hear, &heard, NULL), 0);
            assert_string_equal(heard.said.data, seams[i].whole);
            assert_int_equal(heard.usage.input, 13);
            assert_int_equal(heard.usage.output, 24);
            wire_reader_free(r);
            buf_done(&heard.said);
        }
}

// --- a stream that was passed on and cut

static const struct wire_event answer[] = {
    {.kind = WIRE_START, .id = "i", .name = "m", .usage = {.input = 5, .known = true}},
    {.kind = WIRE_THINKING, .index = 0, .text = "hm", .n = 2},
    {.kind = WIRE_SIGNATURE, .index = 0, .text = "c2ln", .n = 4},
    {.kind = WIRE_BLOCK_END, .index = 0},
    {.kind = WIRE_TEXT, .index = 1, .text = "One \"two\"", .n = 9},
    {.kind = WIRE_TEXT, .index = 1, .text = " three", .n = 6},
    {.kind = WIRE_TEXT, .index = 1, .text = " four.", .n = 6},
    {.kind = WIRE_BLOCK_END, .index = 1},
    {.kind = WIRE_STOP, .stop = WIRE_STOP_END, .usage = {.input = 5, .output = 6, .known = true}},
};

// The first `cut` bytes came; the rest is said by another answer. 1: not within the text.
static int go_on(enum wire_family family, const struct buf *stream, size_t cut, struct buf *out) {
    static const char whole[] = "One \"two\" three four.";
    const struct wire_usage none = {0};
    struct heard heard = {.said = BUF_INIT(0), .open = WIRE_STOP};
    struct wire_reader *r;
    struct wire_writer *w;
    struct wire_joint *j = NULL;
    assert_int_equal(wire_reader_new(family, true, &r), 0);
    wire_reader_keep(r);
    assert_int_equal(wire_read(r, stream->data, cut, hear, &heard, NULL), 0);
    assert_int_equal(wire_writer_new(family, true, &w), 0);
    bool within = heard.said.len && !wire_reader_told(r) && heard.open != WIRE_STOP;
    int code = within ? 0 : 1;
    if (within) {
        (void)buf_append(out, stream->data, cut);
        code = wire_writer_follow(w, r, heard.said.data, heard.said.len, out);
    }
    size_t said = heard.said.len;
    if (code == 0)
        code = wire_joint_new(w, &heard.said, &none, &j);
    if (code == 0 && said < sizeof whole - 1)
        code = put(j, WIRE_TEXT, whole + said, sizeof whole - 1 - said, out);
    if (code == 0 && said < sizeof whole - 1)
        code = put(j, WIRE_BLOCK_END, NULL, 0, out);
    if (code == 0)
        code = put(j, WIRE_STOP, NULL, 0, out);
    wire_joint_free(j);
    wire_writer_free(w);
    wire_reader_free(r);
    buf_done(&heard.said);
    return code;
}

static void write_answer(enum wire_family family, struct buf *out) {
    struct wire_writer *w;
    assert_int_equal(wire_writer_new(family, true, &w), 0);
    for (size_t i = 0; i < COUNT_OF(answer); i++)
        assert_int_equal(wire_write(w, &answer[i], out), 0);
    wire_writer_free(w);
}

// All but the figures, which are those of both answers.
static void without_usage(struct buf *log) {
    char *stop = strstr(log->data, "stop ");
    assert_non_null(stop);
    stop[8] = '\0';
}

static void a_stream_goes_on_behind_every_event(void **state) {
    static const enum wire_family families[] = {WIRE_ANTHROPIC, WIRE_CHAT, WIRE_RESPONSES};
    (void)state;
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        AUTO_BUF stream = BUF_INIT(0);
        struct wire_log whole = {.joined = true};
        unsigned joined = 0;
        write_answer(families[f], &stream);
        assert_int_equal(wire_log_read(families[f], true, stream.data, stream.len, &whole), 0);
        without_usage(&whole.text);
        for (size_t cut = 0, n; (n = wire_event_end(stream.data + cut, stream.len - cut, 0)) > 0;) {
            AUTO_BUF out = BUF_INIT(0);
            struct wire_log log = {.joined = true};
            cut += n;
            int code = go_on(families[f], &stream, cut, &out);
            if (code == 1)
                continue;
            assert_int_equal(code, 0);
            assert_int_equal(wire_log_read(families[f], true, out.data, out.len, &log), 0);
            without_usage(&log.text);
            if (strcmp(log.text.data, whole.text.data) != 0)
                fail_msg("family %d at %zu: %s", (int)families[f], cut, out.data);
            joined++;
            buf_done(&log.text);
        }
        assert_true(joined >= 3);
        buf_done(&whole.text);
    }
}

static void only_whole_events_are_found(void **state) {
    static const char text[] = "data: a\n\ndata: b\r\n\r\n: c\n\r\n\ndata: d\n";
    static const size_t ends[] = {9, 20, 26, 27};
    size_t at = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        size_t n = ends[i] - at;
        for (size_t less = 0; less < n; less++) // in pieces, looking on where it ended
            assert_int_equal(wire_event_end(text + at, less, less / 2), 0);
        assert_int_equal(wire_event_end(text + at, sizeof text - 1 - at, n > 2 ? n - 2 : 0), n);
        at = ends[i];
    }
    assert_int_equal(wire_event_end(text + at, sizeof text - 1 - at, 0), 0);
}

static void what_is_not_text_is_not_gone_on_with(void **state) {
    static const char tool[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\"}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"%s\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n";
    static const char *const kinds[] = {"tool_use", "server_tool_use", "thinking"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        AUTO_BUF bytes = BUF_INIT(0), out = BUF_INIT(0);
        struct heard heard = {0};
        struct wire_reader *r;
        struct wire_writer *w;
        const char *kind = strstr(tool, "%s");
        (void)buf_append(&bytes, tool, (size_t)(kind - tool));
        (void)buf_puts(&bytes, kinds[i]);
        (void)buf_puts(&bytes, kind + 2);
        assert_int_equal(wire_reader_new(WIRE_ANTHROPIC, true, &r), 0);
        assert_int_equal(wire_writer_new(WIRE_ANTHROPIC, true, &w), 0);
        assert_int_equal(wire_read(r, bytes.data, bytes.len, hear, &heard, NULL), 0);
        assert_int_equal(wire_writer_follow(w, r, "", 0, &out), ERR_INVAL);
        buf_done(&heard.said);
        wire_writer_free(w);
        wire_reader_free(r);
    }
}

// --- requests

struct begun {
    enum wire_family family;
    bool template;
    const char *request, *wanted;
};
static const struct begun requests[] = {
    {WIRE_ANTHROPIC, false,
     "{\"max_tokens\":100,\"thinking\":{\"type\":\"enabled\"},\"messages\":[{\"role\":\"user\","
     "\"content\":\"q\"}]}",
     "{\"max_tokens\":93,\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
     "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"One \\u00e9\"}]}]}"},
    {WIRE_ANTHROPIC, false,
     "{\"max_tokens\":5,\"messages\":[{\"role\":\"assistant\",\"content\":\"Zero. \"}]}",
     "{\"max_tokens\":1,\"messages\":[{\"role\":\"assistant\",\"content\":\"Zero. One "
     "\\u00e9\"}]}"},
    {WIRE_ANTHROPIC, false,
     "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Zero. "
     "\"}]}]}",
     "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Zero. One "
     "\\u00e9\"}]}]}"},
    {WIRE_CHAT, true, "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}",
     "{\"max_tokens\":2,\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
     "\"assistant\",\"content\":\"One \\u00e9\"}],\"continue_final_message\":true,"
     "\"add_generation_prompt\":false}"},
    {WIRE_CHAT, false,
     "{\"max_completion_tokens\":9,\"messages\":[{\"role\":\"assistant\",\"content\":null,"
     "\"tool_calls\":[{}]},{\"role\":\"tool\",\"content\":\"r\"}]}",
     "{\"max_completion_tokens\":2,\"messages\":[{\"role\":\"assistant\",\"content\":null,"
     "\"tool_calls\":[{}]},{\"role\":\"tool\",\"content\":\"r\"},{\"role\":\"assistant\","
     "\"content\":\"One \\u00e9\"}]}"},
    {WIRE_RESPONSES, false, "{\"input\":\"q\",\"max_output_tokens\":50}",
     "{\"input\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{"
     "\"type\":\"output_text\",\"text\":\"One \\u00e9\"}]}],\"max_output_tokens\":43}"},
    {WIRE_GEMINI, false,
     "{\"generationConfig\":{\"maxOutputTokens\":50},\"contents\":[{\"role\":\"user\",\"parts\":[{"
     "\"text\":\"q\"}]}]}",
     "{\"generationConfig\":{\"maxOutputTokens\":43},\"contents\":[{\"role\":\"user\",\"parts\":[{"
     "\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"One \\u00e9\"}]}]}"},
};

static void what_was_said_begins_the_answer(void **state) {
    static const char said[] = "One \xC3\xA9 \n";
    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        const struct begun *b = &requests[i];
        json_t *request = json_loads(b->request, 0, NULL), *wanted = json_loads(b->wanted, 0, NULL);
        assert_non_null(request);
        assert_non_null(wanted);
        assert_int_equal(wire_prefill(b->family, request, said, sizeof said - 1, 7, b->template),
                         0);
        if (!json_equal(request, wanted)) {
            char *text = json_dumps(request, JSON_COMPACT);
            fail_msg("%zu: %s", i, text);
        }
        json_decref(request);
        json_decref(wanted);
    }
    json_t *request = json_loads(requests[0].request, 0, NULL), *same = json_deep_copy(request);
    assert_int_equal(wire_prefill(WIRE_ANTHROPIC, request, " \n", 2, 0, false), 0);
    assert_true(json_equal(request, same)); // blanks are no beginning
    json_decref(request);
    json_decref(same);
}

static void answers_of_a_form_begin_anew(void **state) {
    static const struct {
        enum wire_family family;
        const char *request;
        int code;
    } cases[] = {
        {WIRE_ANTHROPIC, "{\"messages\":[]}", 0},
        {WIRE_ANTHROPIC, "{\"output_format\":{}}", ERR_INVAL},
        {WIRE_ANTHROPIC, "{\"output_config\":{\"effort\":\"low\"}}", 0},
        {WIRE_ANTHROPIC, "{\"output_config\":{\"format\":{}}}", ERR_INVAL},
        {WIRE_CHAT, "{\"response_format\":{\"type\":\"text\"},\"n\":1}", 0},
        {WIRE_CHAT, "{\"response_format\":{\"type\":\"json_object\"}}", ERR_INVAL},
        {WIRE_CHAT, "{\"n\":2}", ERR_INVAL},
        {WIRE_RESPONSES, "{\"text\":{\"format\":{\"type\":\"text\"}}}", 0},
        {WIRE_RESPONSES, "{\"text\":{\"format\":{\"type\":\"json_schema\"}}}", ERR_INVAL},
        {WIRE_GEMINI, "{\"generationConfig\":{\"responseMimeType\":\"text/plain\"}}", 0},
        {WIRE_GEMINI, "{\"generationConfig\":{\"responseMimeType\":\"application/json\"}}",
         ERR_INVAL},
        {WIRE_GEMINI, "{\"generationConfig\":{\"responseSchema\":{}}}", ERR_INVAL},
        {WIRE_GEMINI, "{\"generationConfig\":{\"candidateCount\":2}}", ERR_INVAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *request = json_loads(cases[i].request, 0, NULL);
        struct err err = {0};
        assert_int_equal(wire_continuable(cases[i].family, request, &err), cases[i].code);
        assert_true(!cases[i].code || *err.message);
        json_decref(request);
    }
}

static void failed_allocations_leave_a_request_that_can_be_thrown_away(void **state) {
    (void)state;
    mem_init_json();
    for (size_t i = 0; i < COUNT_OF(requests); i++)
        for (uint64_t n = 1;; n++) {
            json_t *request = json_loads(requests[i].request, 0, NULL);
            mem_fail_at(n);
            int code = wire_prefill(requests[i].family, request, "One", 3, 7, true);
            bool ran_through = mem_count() < n;
            mem_fail_at(0);
            json_decref(request);
            assert_true(code == (ran_through ? 0 : ERR_NOMEM) || code == 0);
            if (ran_through) {
                assert_true(n > 3);
                break;
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_twice),
        cmocka_unit_test(a_stream_goes_on_behind_every_event),
        cmocka_unit_test(only_whole_events_are_found),
        cmocka_unit_test(what_is_not_text_is_not_gone_on_with),
        cmocka_unit_test(what_was_said_begins_the_answer),
        cmocka_unit_test(answers_of_a_form_begin_anew),
        cmocka_unit_test(failed_allocations_leave_a_request_that_can_be_thrown_away),
    };
    return cmocka_run_group_tests_name("models/wire_continue", tests, NULL, NULL);
}
