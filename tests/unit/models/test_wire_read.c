#include "core/models/wire.h"

#include "core/base/mem.h"
#include "tests/unit/models/wire_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct answer {
    const char *file;
    enum wire_family family;
    bool stream;
    const char *events;
};

static const struct answer answers[] = {
    {"anthropic_tools.sse", WIRE_ANTHROPIC, true,
     "start msg_01A claude-x-1 0 12+2048+300>1(0)\n"
     "thinking 0 The user wants \nthinking 0 the weather.\n\n"
     "signature 0 EqQBCkYIARgCKkD+/abc==\nend 0\n"
     "redacted 1 EmwKAhgBEgy3va3\nend 1\n"
     "text 2 Grüße – I'll \"look\"\ntext 2  🌦️ up\n\nend 2\n"
     "tool 3 toolu_01B get_weather\ninput 3 {\"city\": \"Pa\ninput 3 ris\"}\nend 3\n"
     "tool 4 toolu_01C now\nend 4\n"
     "usage 12+2048+300>89(0)\nstop tools 12+2048+300>89(0)\n"},
    {"anthropic_overloaded.sse", WIRE_ANTHROPIC, true,
     "start msg_01D claude-x-1 0 5+0+0>1(0)\ntext 0 Once\nerror overloaded -1 Overloaded\n"},
    {"anthropic_server_tools.sse", WIRE_ANTHROPIC, true, // the backend's own tools are left out
     "start msg_01E claude-x-1 0 5+0+0>1(0)\ntext 0 Found.\nend 0\n"
     "usage 5+0+0>7(0)\nstop sequence 5+0+0>7(0) END\n"},
    {"anthropic_whole.json", WIRE_ANTHROPIC, false,
     "start msg_01F claude-x-1 0 3+0+0>4(0)\nthinking 0 Hm.\nsignature 0 c2ln\nend 0\n"
     "text 1 Hello\xE2\x80\xA8\nend 1\n"
     "tool 2 toolu_9 read\ninput 2 {\n    \"path\": \"a/b\",\n    \"lines\": [\n     1,\n     2\n"
     "    ]\n   }\nend 2\nstop tools 3+0+0>4(0)\n"},
    {"chat_tools.sse", WIRE_CHAT, true,
     "start chatcmpl-7 gpt-x 1764200000\ntext 0 Let me \ntext 0 see.\nend 0\n"
     "tool 1 call_a get_weather\ninput 1 {\"city\":\ninput 1 \"Rome\"}\nend 1\n"
     "tool 2 call_b now\ninput 2 {}\nusage 36+64+0>20(8)\nend 2\nstop tools 36+64+0>20(8)\n"},
    {"chat_reasoning.sse", WIRE_CHAT, true,
     "start chatcmpl-7 gpt-x 1764200000\nthinking 0 Think\nthinking 0 ing.\nend 0\ntext 1 4\n"
     "usage 9+0+0>3(0)\nend 1\nstop length 9+0+0>3(0)\n"},
    {"chat_whole.json", WIRE_CHAT, false,
     "start chatcmpl-9 gpt-x 1764200001\ntext 0 Hi ä\nend 0\ntool 1 call_z f\ninput 1 {\"a\":1}\n"
     "usage 7+0+0>2(0)\nend 1\nstop tools 7+0+0>2(0)\n"},
    {"chat_error.sse", WIRE_CHAT, true,
     "start chatcmpl-7 gpt-x 1764200000\ntext 0 Al\n"
     "error server -1 The server had an error while processing your request\n"},
    {"responses_tools.sse", WIRE_RESPONSES, true,
     "start resp_1 gpt-y 1764200000\nthinking 0 First.\nthinking 0 \n\n\nthinking 0 Second.\n"
     "signature 0 gAAAAABo\nend 0\ntext 1 Hello, \ntext 1 you\nend 1\n"
     "tool 2 call_1 find\ninput 2 {\"q\"\ninput 2 :1}\nend 2\nstop tools 30+16+4>30(12)\n"},
    {"responses_whole.json", WIRE_RESPONSES, false,
     "start resp_1 gpt-y 1764200000\nthinking 0 First.\nthinking 0 \n\n\nthinking 0 Second.\n"
     "signature 0 gAAAAABo\nend 0\ntext 1 Hello, you\nend 1\n"
     "tool 2 call_1 find\ninput 2 {\"q\":1}\nend 2\nstop tools 30+16+4>30(12)\n"},
    {"responses_incomplete.sse", WIRE_RESPONSES, true,
     "start resp_1 gpt-y 1764200000\ntext 0 cut\nend 0\nstop length 30+16+4>30(12)\n"},
    {"responses_failed.sse", WIRE_RESPONSES, true,
     "start resp_1 gpt-y 1764200000\n"
     "error rate 1500 Rate limit reached for gpt-y. Please try again in 1.5s.\n"},
    {"gemini_tools.sse", WIRE_GEMINI, true,
     "start r-1 gemini-x 0 10+0+0>0(0)\nthinking 0 **Plan**\n\nend 0\n"
     "text 1 Checking\nusage 10+0+0>0(0)\ntext 1  now.\nusage 10+0+0>0(0)\nend 1\n"
     "tool 2 call_53df2e360f368f26_2 get_weather\ninput 2 {\"city\": \"Oslo\"}\n"
     "signature 2 CsEBAXLI2n==\nend 2\ntool 3 f2 now\ninput 3 {}\nend 3\nusage 10+0+0>0(0)\n"
     "stop tools 10+30+0>16(5)\n"},
    {"gemini_whole.json", WIRE_GEMINI, false,
     "start r-2 gemini-x 0 2+0+0>1(0)\nthinking 0 Hm\nend 0\ntext 1 Yes\nend 1\n"
     "stop length 2+0+0>1(0)\n"},
    {"gemini_blocked.json", WIRE_GEMINI, false,
     "start - gemini-x 0 2+0+0>0(0)\nstop refusal 2+0+0>0(0)\n"},
    {"gemini_broken.sse", WIRE_GEMINI, true,
     "start r-1 gemini-x 0 10+0+0>0(0)\nerror server -1 MALFORMED_FUNCTION_CALL\n"},
    {"gemini_quota.json", WIRE_GEMINI, false,
     "error quota 34500 You exceeded your current quota, please check your plan and billing "
     "details.\n"},
};

static void expect_events(const struct wire_log *log, const char *events) {
    assert_string_equal(log->text.data ? log->text.data : "", events);
}

static void answers_are_read_as_events(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *a = &answers[i];
        AUTO_BUF bytes = BUF_INIT(0);
        struct wire_log log = {0};
        wire_log_seed(a->file, &bytes);
        assert_int_equal(wire_log_read(a->family, a->stream, bytes.data, bytes.len, &log), 0);
        expect_events(&log, a->events);
        buf_done(&log.text);
    }
}

// In two pieces at every border, and byte by byte.
static void each_split_gives_the_same_events(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *a = &answers[i];
        AUTO_BUF bytes = BUF_INIT(0);
        wire_log_seed(a->file, &bytes);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            struct wire_log log = {0};
            struct wire_reader *r;
            size_t step = cut ? bytes.len : 1;
            assert_int_equal(wire_reader_new(a->family, a->stream, &r), 0);
            assert_int_equal(wire_read(r, bytes.data, cut, wire_log_event, &log, NULL), 0);
            for (size_t at = cut; at < bytes.len; at += step) {
                size_t n = step < bytes.len - at ? step : bytes.len - at;
                assert_int_equal(wire_read(r, bytes.data + at, n, wire_log_event, &log, NULL), 0);
            }
            assert_int_equal(wire_read_end(r, wire_log_event, &log, NULL), 0);
            expect_events(&log, a->events);
            buf_done(&log.text);
            wire_reader_free(r);
        }
    }
}

static void replace_ends(const struct buf *from, const char *end, struct buf *to) {
    for (size_t i = 0; i < from->len; i++) {
        if (from->data[i] == '\r')
            continue;
        if (from->data[i] == '\n')
            buf_puts(to, end);
        else
            buf_putc(to, from->data[i]);
    }
}

static void lines_end_in_any_of_three_ways(void **state) {
    static const char *const ends[] = {"\n", "\r", "\r\n"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (!answers[i].stream)
            continue;
        AUTO_BUF bytes = BUF_INIT(0);
        wire_log_seed(answers[i].file, &bytes);
        for (size_t e = 0; e < COUNT_OF(ends); e++) {
            AUTO_BUF other = BUF_INIT(0);
            struct wire_log log = {0};
            buf_puts(&other, "\xEF\xBB\xBF: a comment\n");
            replace_ends(&bytes, ends[e], &other);
            assert_int_equal(wire_log_read(answers[i].family, true, other.data, other.len, &log),
                             0);
            expect_events(&log, answers[i].events);
            buf_done(&log.text);
        }
    }
}

// Whatever is missing at the end is said to be missing, unless the answer had ended before.
static void a_cut_answer_is_known_as_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *a = &answers[i];
        AUTO_BUF bytes = BUF_INIT(0);
        wire_log_seed(a->file, &bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            struct wire_log log = {0};
            int code = wire_log_read(a->family, a->stream, bytes.data, n, &log);
            const char *events = log.text.data ? log.text.data : "";
            bool over = strstr(events, "\nstop ") || strstr(events, "error ");
            if (code != 0 && code != (a->stream || !n ? ERR_CLOSED : ERR_PARSE))
                fail_msg("%s cut at %zu: %d", a->file, n, code);
            if ((code == 0) != over)
                fail_msg("%s cut at %zu: %d with %s", a->file, n, code, events);
            buf_done(&log.text);
        }
    }
}

static void read_text(enum wire_family family, const char *text, int code, const char *events) {
    struct wire_log log = {0};
    assert_int_equal(wire_log_read(family, true, text, strlen(text), &log), code);
    expect_events(&log, events);
    buf_done(&log.text);
}

#define CHUNK(delta)                                                                               \
    "data: {\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}\n\n"
#define CALL(more) CHUNK("\"tool_calls\":[{" more "}]")
#define FINISH                                                                                     \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: "        \
    "[DONE]\n\n"

static void calls_that_overlap_come_one_after_the_other(void **state) {
    (void)state;
    read_text(WIRE_CHAT,
              CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")
                  CALL("\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}")
                      CALL("\"index\":0,\"function\":{\"arguments\":\"\\\"}\\\":1}\"}")
                          CALL("\"index\":1,\"function\":{\"arguments\":\"}\"}") FINISH,
              0,
              "start x m 0\ntool 0 a f\ninput 0 {\ninput 0 \"}\":1}\nend 0\ntool 1 b g\ninput 1 {\n"
              "input 1 }\nend 1\nstop tools\n");
}

static void calls_without_numbers_or_ids_are_told_apart(void **state) {
    (void)state;
    // No number at all: each id begins one.
    read_text(WIRE_CHAT,
              CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
                  CALL("\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}") FINISH,
              0,
              "start x m 0\ntool 0 a f\ninput 0 {}\nend 0\ntool 1 b f\ninput 1 {}\nend 1\n"
              "stop tools\n");
    // All have number 0.
    read_text(
        WIRE_CHAT,
        CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
            CALL("\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}")
                FINISH,
        0,
        "start x m 0\ntool 0 a f\ninput 0 {}\nend 0\ntool 1 b g\ninput 1 {}\nend 1\n"
        "stop tools\n");
    // No id: one is made, the same for the same answer.
    read_text(WIRE_CHAT,
              CALL("\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1]}}") FINISH, 0,
              "start x m 0\ntool 0 call_08f13207b58db9d3_0 f\ninput 0 {\"a\":[1]}\nend 0\n"
              "stop tools\n");
    // The name comes late; empty pieces and repeated ids are nothing.
    read_text(WIRE_CHAT,
              CALL("\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"{\"}")
                  CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}")
                      CHUNK("\"content\":\"\"")
                          CALL("\"index\":0,\"function\":{\"arguments\":\"\"}") FINISH,
              0, "start x m 0\ntool 0 a f\ninput 0 {\ninput 0 }\nend 0\nstop tools\n");
}

static void text_after_an_open_call_waits_for_it(void **state) {
    (void)state;
    read_text(WIRE_CHAT,
              CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")
                  CHUNK("\"content\":\"t\"") CALL("\"index\":0,\"function\":{\"arguments\":\"}\"}")
                      CHUNK("\"content\":\"u\"") FINISH,
              0,
              "start x m 0\ntool 0 a f\ninput 0 {\ninput 0 }\nend 0\ntext 1 t\ntext 1 u\nend 1\n"
              "stop tools\n");
}

static void a_document_instead_of_a_stream_is_read(void **state) {
    AUTO_BUF bytes = BUF_INIT(0);
    (void)state;
    wire_log_seed("chat_whole.json", &bytes);
    read_text(WIRE_CHAT, bytes.data, 0, answers[6].events);
}

static void what_is_no_answer_is_refused(void **state) {
    static const char *const wrong[] = {"data: {\"a\":\n\n", "data: 3\n\n", "data: {} x\n\n",
                                        "data: {\"a\":1,}\n\n", "data: [DONE]\n\n"};
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        read_text(WIRE_CHAT, wrong[i], ERR_PARSE, "");
    read_text(WIRE_CHAT, "<html>\n<body>\n\n", ERR_CLOSED, "");
    read_text(WIRE_CHAT, "", ERR_CLOSED, "");
    for (int family = 0; family < WIRE_FAMILIES; family++) {
        static const char *const no[] = {"{}",      "[]",  "<html>", "{\"choices\":1}",
                                         "{\"x\":", "null"};
        for (size_t i = 0; i < COUNT_OF(no); i++) {
            struct wire_log log = {0};
            struct wire_reader *r;
            assert_int_equal(wire_reader_new((enum wire_family)family, false, &r), 0);
            assert_int_equal(wire_read(r, no[i], strlen(no[i]), wire_log_event, &log, &err), 0);
            assert_int_equal(wire_read_end(r, wire_log_event, &log, &err), ERR_PARSE);
            assert_non_null(strstr(err.message, "cannot be read"));
            // … and it stays so.
            assert_int_equal(wire_read(r, "x", 1, wire_log_event, &log, &err), ERR_PARSE);
            assert_null(log.text.data);
            wire_reader_free(r);
        }
    }
}

static void the_sink_can_end_the_reading(void **state) {
    AUTO_BUF bytes = BUF_INIT(0);
    (void)state;
    wire_log_seed("anthropic_tools.sse", &bytes);
    struct wire_log log = {.refuse = ERR_CANCELLED};
    assert_int_equal(wire_log_read(WIRE_ANTHROPIC, true, bytes.data, bytes.len, &log),
                     ERR_CANCELLED);
    expect_events(&log, "start msg_01A claude-x-1 0 12+2048+300>1(0)\n");
    buf_done(&log.text);
}

static void what_comes_after_the_end_is_ignored(void **state) {
    AUTO_BUF bytes = BUF_INIT(0);
    (void)state;
    wire_log_seed("anthropic_tools.sse", &bytes);
    buf_puts(&bytes, "data: {garbage\n\nevent: x\ndata: {\"type\":\"message_stop\"}\n\n");
    read_text(WIRE_ANTHROPIC, bytes.data, 0, answers[0].events);
}

static void sizes_are_bounded(void **state) {
    AUTO_BUF bytes = BUF_INIT(0);
    struct wire_log log = {0};
    (void)state;
    buf_puts(&bytes, "data: {\"x\":\"");
    assert_int_equal(buf_reserve(&bytes, WIRE_EVENT_BYTES_MAX), 0);
    memset(bytes.data + bytes.len, 'a', WIRE_EVENT_BYTES_MAX);
    bytes.len += WIRE_EVENT_BYTES_MAX;
    assert_int_equal(wire_log_read(WIRE_CHAT, true, bytes.data, bytes.len, &log), ERR_LIMIT);
    bytes.data[0] = '{';
    assert_int_equal(wire_log_read(WIRE_CHAT, false, bytes.data, bytes.len, &log), ERR_LIMIT);
    // Too many parts.
    buf_clear(&bytes);
    for (int i = 0; i <= WIRE_BLOCKS_MAX; i++)
        buf_printf(&bytes, CALL("\"index\":%d,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"),
                   i);
    assert_int_equal(wire_log_read(WIRE_CHAT, true, bytes.data, bytes.len, &log), ERR_LIMIT);
    // Too deep.
    buf_clear(&bytes);
    buf_puts(&bytes, "data: {\"choices\":");
    for (int i = 0; i < 300; i++)
        buf_putc(&bytes, '[');
    for (int i = 0; i < 300; i++)
        buf_putc(&bytes, ']');
    buf_puts(&bytes, "}\n\n");
    assert_int_equal(wire_log_read(WIRE_CHAT, true, bytes.data, bytes.len, &log), ERR_PARSE);
    buf_done(&log.text);
}

static void text_is_valid_utf8_whatever_came(void **state) {
    (void)state;
    read_text(WIRE_CHAT, CHUNK("\"content\":\"a\\ud83d\\ude00\\ud83d b\xFF\\u0041\xC3\"") FINISH, 0,
              "start x m 0\ntext 0 a😀\xEF\xBF\xBD b\xEF\xBF\xBD"
              "A\xEF\xBF\xBD\nend 0\nstop end\n");
}

static void halves_of_a_character_in_two_pieces_are_joined(void **state) {
    (void)state;
    read_text(WIRE_CHAT,
              CHUNK("\"content\":\"a\\ud83d\"") CHUNK("\"content\":\"\\ude00b\\\\ud83d\"")
                  CHUNK("\"content\":\"\\ud83d\"") CHUNK("\"content\":\"\\ud83d\"")
                      CHUNK("\"content\":\"\\ude00\\ud83d\"") CHUNK("\"content\":\"c\\ud83d\"")
                          FINISH,
              0,
              "start x m 0\ntext 0 a\ntext 0 😀b\\ud83d\ntext 0 \xEF\xBF\xBD\ntext 0 😀\n"
              "text 0 \xEF\xBF\xBD"
              "c\ntext 0 \xEF\xBF\xBD\nend 0\nstop end\n");
}

static void each_failed_allocation_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *a = &answers[i];
        AUTO_BUF bytes = BUF_INIT(0);
        struct buf room = BUF_INIT(0);
        wire_log_seed(a->file, &bytes);
        assert_int_equal(buf_reserve(&room, 1 << 16), 0); // the log itself does not fail
        for (uint64_t nth = 1;; nth++) {
            struct wire_log log = {.text = room};
            struct wire_reader *r;
            mem_fail_at(nth);
            int code = wire_reader_new(a->family, a->stream, &r);
            for (size_t at = 0; code == 0 && at < bytes.len; at += 7) // lines and events are kept
                code = wire_read(r, bytes.data + at, at + 7 < bytes.len ? 7 : bytes.len - at,
                                 wire_log_event, &log, NULL);
            if (code == 0)
                code = wire_read_end(r, wire_log_event, &log, NULL);
            bool reached = mem_count() >= nth;
            mem_fail_at(0);
            if (code != 0)
                assert_int_equal(code, ERR_NOMEM);
            else
                assert_string_equal(log.text.data, a->events);
            assert_true(code == ERR_NOMEM || !reached);
            if (nth > 1 || code == 0)
                wire_reader_free(r);
            room = log.text;
            buf_clear(&room);
            if (!reached)
                break;
            assert_true(nth < 500);
        }
        buf_done(&room);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_as_events),
        cmocka_unit_test(each_split_gives_the_same_events),
        cmocka_unit_test(lines_end_in_any_of_three_ways),
        cmocka_unit_test(a_cut_answer_is_known_as_cut),
        cmocka_unit_test(calls_that_overlap_come_one_after_the_other),
        cmocka_unit_test(calls_without_numbers_or_ids_are_told_apart),
        cmocka_unit_test(text_after_an_open_call_waits_for_it),
        cmocka_unit_test(a_document_instead_of_a_stream_is_read),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(the_sink_can_end_the_reading),
        cmocka_unit_test(what_comes_after_the_end_is_ignored),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(text_is_valid_utf8_whatever_came),
        cmocka_unit_test(halves_of_a_character_in_two_pieces_are_joined),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("models/wire_read", tests, NULL, NULL);
}
