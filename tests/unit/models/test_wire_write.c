#include "core/models/wire.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "tests/unit/models/wire_log.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *file;
    enum wire_family family;
    bool stream;
} answers[] = {
    {"anthropic_tools.sse", WIRE_ANTHROPIC, true},
    {"anthropic_overloaded.sse", WIRE_ANTHROPIC, true},
    {"anthropic_server_tools.sse", WIRE_ANTHROPIC, true},
    {"anthropic_whole.json", WIRE_ANTHROPIC, false},
    {"chat_tools.sse", WIRE_CHAT, true},
    {"chat_reasoning.sse", WIRE_CHAT, true},
    {"chat_whole.json", WIRE_CHAT, false},
    {"chat_error.sse", WIRE_CHAT, true},
    {"responses_tools.sse", WIRE_RESPONSES, true},
    {"responses_whole.json", WIRE_RESPONSES, false},
    {"responses_incomplete.sse", WIRE_RESPONSES, true},
    {"responses_failed.sse", WIRE_RESPONSES, true},
    {"gemini_tools.sse", WIRE_GEMINI, true},
    {"gemini_whole.json", WIRE_GEMINI, false},
    {"gemini_blocked.json", WIRE_GEMINI, false},
    {"gemini_broken.sse", WIRE_GEMINI, true},
};

// A tool without arguments has an empty object where one must stand.
static bool no_input(const char *line, size_t n) {
    size_t text = 6 + strspn(line + 6, "0123456789");
    return n == text + 4 && !memcmp(line + text, " {}\n", 4);
}

// What of a line's kind does not survive in that family.
static bool lost(enum wire_family family, bool thinking, const char *line) {
    if (!strncmp(line, "redacted", 8))
        return family != WIRE_ANTHROPIC;
    if (!strncmp(line, "signature", 9))
        return family == WIRE_CHAT || (family != WIRE_GEMINI && !thinking);
    return false;
}

// Only Anthropic names the sequence, Gemini does not tell what was written to a cache.
static void put_stop(enum wire_family family, const char *line, struct buf *ret) {
    char word[16];
    long long n[5] = {0};
    assert_true(sscanf(line, "stop %15s %lld+%lld+%lld>%lld(%lld)", word, &n[0], &n[1], &n[2],
                       &n[3], &n[4]) >= 1);
    const char *rest = strchr(line, ')');
    bool named = family == WIRE_ANTHROPIC, made = family != WIRE_GEMINI;
    buf_printf(ret, "stop %s %lld+%lld+%lld>%lld(%lld)%.*s\n",
               named || strcmp(word, "sequence") != 0 ? word : "end", made ? n[0] : n[0] + n[2],
               n[1], made ? n[2] : 0, n[3], n[4], named && rest ? (int)strcspn(rest, "\n") : 0,
               rest ? rest : "");
}

// The log without what the family cannot say: the numbers of blocks and the head are left out,
// arguments compared as JSON.
static void reduce(enum wire_family family, const char *log, struct buf *ret) {
    bool thinking = false, skip_end = false;
    while (*log) {
        const char *end = strchr(log, '\n');
        size_t n = (size_t)(end - log) + 1;
        if (!strncmp(log, "thinking", 8))
            thinking = true;
        else if (!strncmp(log, "tool", 4) || !strncmp(log, "text", 4))
            thinking = false;
        bool drop = lost(family, thinking, log) || (skip_end && !strncmp(log, "end", 3));
        if (!strncmp(log, "redacted", 8))
            skip_end = drop;
        else if (!strncmp(log, "end", 3))
            skip_end = false;
        if (!strncmp(log, "start", 5) || !strncmp(log, "end", 3))
            drop = true;
        if (!strncmp(log, "input ", 6) && no_input(log, n))
            drop = true;
        if (!strncmp(log, "stop ", 5)) {
            put_stop(family, log, ret);
            drop = true;
        }
        if (!drop) {
            const char *space = strchr(log, ' ');
            size_t word = space && space < end ? (size_t)(space - log) : n - 1;
            buf_append(ret, log, word);
            const char *rest = log + word;
            if (*rest == ' ' && strchr("0123456789", rest[1])) // the block's number
                rest = rest + 1 + strspn(rest + 1, "0123456789");
            for (; rest < end; rest++)
                if (strncmp(log, "input", 5) != 0 || !strchr(" |", *rest))
                    buf_append(ret, rest, 1);
            buf_putc(ret, '\n');
        }
        log = end + 1;
    }
}

static void copy_to(enum wire_family family, bool stream, size_t i, struct buf *out,
                    struct wire_log *log) {
    AUTO_BUF bytes = BUF_INIT(0);
    wire_log_seed(answers[i].file, &bytes);
    log->joined = true;
    log->out = out;
    assert_int_equal(wire_writer_new(family, stream, &log->to), 0);
    assert_int_equal(
        wire_log_read(answers[i].family, answers[i].stream, bytes.data, bytes.len, log), 0);
    assert_int_equal(log->wrote, 0);
    wire_writer_free(log->to);
}

// Read from any family, written for any other, read again: the same answer.
static void answers_cross_between_families(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        for (int family = 0; family < WIRE_FAMILIES; family++)
            for (int stream = 0; stream < 2; stream++) {
                AUTO_BUF out = BUF_INIT(0), want = BUF_INIT(0), got = BUF_INIT(0);
                struct wire_log log = {0}, again = {.joined = true};
                copy_to((enum wire_family)family, stream, i, &out, &log);
                assert_true(utf_valid(out.data, out.len));
                int code =
                    wire_log_read((enum wire_family)family, stream, out.data, out.len, &again);
                if (code != 0)
                    fail_msg("%s as %d/%d: %d\n%s", answers[i].file, family, stream, code,
                             out.data);
                if (!strstr(log.text.data, "error ")) {
                    reduce((enum wire_family)family, log.text.data, &want);
                    reduce((enum wire_family)family, again.text.data, &got);
                    if (strcmp(want.data, got.data) != 0)
                        fail_msg("%s as %d/%d:\n%s\nfor\n%s", answers[i].file, family, stream,
                                 got.data, want.data);
                } else {
                    assert_non_null(strstr(again.text.data, "error "));
                }
                buf_done(&log.text);
                buf_done(&again.text);
            }
}

// An error within a stream keeps its meaning.
static void faults_cross_between_families(void **state) {
    (void)state;
    for (int family = 0; family < WIRE_FAMILIES; family++)
        for (unsigned f = ROUTE_FAULT_RATE; f <= ROUTE_FAULT_REQUEST; f++)
            for (int started = 0; started < 2; started++) {
                struct wire_event start = {.kind = WIRE_START, .id = "i", .name = "m"},
                                  e = {.kind = WIRE_ERROR, .fault = (enum route_fault)f};
                struct wire_writer *w;
                struct wire_log log = {0};
                AUTO_BUF out = BUF_INIT(0);
                e.text = f == ROUTE_FAULT_SIGNATURE
                             ? "messages.1.content.0: Invalid `signature` in `thinking` block"
                         : f == ROUTE_FAULT_QUOTA ? "usage limit reached"
                         : f == ROUTE_FAULT_MODEL ? "model not found"
                                                  : "well";
                e.n = strlen(e.text);
                assert_int_equal(wire_writer_new((enum wire_family)family, true, &w), 0);
                if (started)
                    assert_int_equal(wire_write(w, &start, &out), 0);
                assert_int_equal(wire_write(w, &e, &out), 0);
                assert_int_equal(
                    wire_log_read((enum wire_family)family, true, out.data, out.len, &log), 0);
                const char *said = strstr(log.text.data, "error ");
                assert_non_null(said);
                const char *name = route_fault_name((enum route_fault)f);
                if (strncmp(said + 6, name, strlen(name)) != 0)
                    fail_msg("family %d, %s: %s", family, name, said);
                assert_non_null(strstr(said, e.text));
                wire_writer_free(w);
                buf_done(&log.text);
            }
}

static void write_all(struct wire_writer *w, const struct wire_event *events, size_t n,
                      struct buf *out) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(wire_write(w, &events[i], out), 0);
}

static void whole_answers_are_json(void **state) {
    static const struct wire_event events[] = {
        {.kind = WIRE_START, .id = "i\"", .name = "m"},
        {.kind = WIRE_TEXT, .index = 0, .text = "a\x01\n\xFF", .n = 4},
        {.kind = WIRE_BLOCK_END, .index = 0},
        {.kind = WIRE_TOOL, .index = 1, .id = "t", .name = "f"},
        {.kind = WIRE_TOOL_INPUT, .index = 1, .text = "{\"cut", .n = 5},
        {.kind = WIRE_BLOCK_END, .index = 1},
        {.kind = WIRE_STOP, .stop = WIRE_STOP_LENGTH},
    };
    (void)state;
    for (int family = 0; family < WIRE_FAMILIES; family++) {
        struct wire_writer *w;
        AUTO_BUF out = BUF_INIT(0);
        assert_int_equal(wire_writer_new((enum wire_family)family, false, &w), 0);
        write_all(w, events, COUNT_OF(events), &out);
        json_t *tree = json_loadb(out.data, out.len, 0, NULL);
        assert_non_null(tree);
        json_decref(tree);
        // What the model said of its arguments is not lost where only an object has a place.
        assert_non_null(strstr(out.data, "{\\\"cut"));
        if (family == WIRE_ANTHROPIC || family == WIRE_GEMINI)
            assert_non_null(strstr(out.data, "\"invalid_json\":"));
        assert_int_equal(wire_write(w, &events[0], &out), ERR_INVAL);
        wire_writer_free(w);
    }
}

static void events_out_of_order_are_refused(void **state) {
    static const struct wire_event start = {.kind = WIRE_START},
                                   text = {.kind = WIRE_TEXT, .text = "x", .n = 1},
                                   text1 = {.kind = WIRE_TEXT, .index = 1, .text = "x", .n = 1},
                                   thought = {.kind = WIRE_THINKING, .text = "x", .n = 1},
                                   tool = {.kind = WIRE_TOOL, .id = "a", .name = "b"},
                                   nameless = {.kind = WIRE_TOOL, .id = "a"},
                                   input = {.kind = WIRE_TOOL_INPUT, .text = "x", .n = 1},
                                   end = {.kind = WIRE_BLOCK_END},
                                   stop = {.kind = WIRE_STOP, .stop = WIRE_STOP_END},
                                   unknown = {.kind = (enum wire_kind)99};
    static const struct wire_event *const rows[][5] = {
        {&text},
        {&end},
        {&stop},
        {&start, &start},
        {&start, &text1},
        {&start, &input},
        {&start, &end},
        {&start, &text, &thought},
        {&start, &text, &tool},
        {&start, &text, &stop},
        {&start, &text, &end, &text},
        {&start, &stop, &stop},
        {&start, &nameless},
        {&start, &text, &input},
        {&start, &text, &text1},
        {&start, &tool, &tool},
        {&start, &unknown},
    };
    (void)state;
    for (int family = 0; family < WIRE_FAMILIES; family++)
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            struct wire_writer *w;
            AUTO_BUF out = BUF_INIT(0);
            size_t n = 0;
            while (n < 5 && rows[i][n])
                n++;
            assert_int_equal(wire_writer_new((enum wire_family)family, true, &w), 0);
            for (size_t k = 0; k + 1 < n; k++)
                assert_int_equal(wire_write(w, rows[i][k], &out), 0);
            size_t before = out.len;
            assert_int_equal(wire_write(w, rows[i][n - 1], &out), ERR_INVAL);
            assert_int_equal(out.len, before);
            assert_int_equal(wire_write(w, &stop, &out), ERR_INVAL);
            wire_writer_free(w);
        }
}

static void usage_comes_in_a_chunk_of_its_own_when_asked_for(void **state) {
    static const struct wire_event events[] = {
        {.kind = WIRE_START, .id = "i", .name = "m"},
        {.kind = WIRE_STOP, .stop = WIRE_STOP_END, .usage = {1, 2, 3, 4, 1, true}},
    };
    static const char counted[] =
        "\"usage\":{\"prompt_tokens\":6,\"completion_tokens\":4,\"total_tokens\":10,"
        "\"prompt_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":3},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\ndata: [DONE]\n\n";
    (void)state;
    for (int own = 0; own < 2; own++) {
        struct wire_writer *w;
        AUTO_BUF out = BUF_INIT(0);
        assert_int_equal(wire_writer_new(WIRE_CHAT, true, &w), 0);
        if (own)
            wire_writer_own_usage(w);
        write_all(w, events, COUNT_OF(events), &out);
        const char *usage = strstr(out.data, counted);
        assert_non_null(usage);
        const char *before = own ? "\"choices\":[]," : "\"finish_reason\":\"stop\"}],";
        assert_memory_equal(usage - strlen(before), before, strlen(before));
        wire_writer_free(w);
    }
}

static void each_failed_allocation_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        for (int way = 0; way < 2 * WIRE_FAMILIES; way++) {
            AUTO_BUF bytes = BUF_INIT(0), whole = BUF_INIT(0);
            wire_log_seed(answers[i].file, &bytes);
            for (uint64_t nth = 0;; nth++) {
                AUTO_BUF out = BUF_INIT(0);
                struct wire_log log = {.out = &out};
                struct wire_writer *w = NULL;
                assert_int_equal(buf_reserve(&log.text, 1 << 16), 0);
                mem_fail_at(nth);
                int code = wire_writer_new((enum wire_family)(way / 2), way % 2, &w);
                log.to = w;
                if (code == 0)
                    code = wire_log_read(answers[i].family, answers[i].stream, bytes.data,
                                         bytes.len, &log);
                bool reached = nth && mem_count() >= nth;
                mem_fail_at(0);
                wire_writer_free(w);
                buf_done(&log.text);
                assert_true(code == 0 || code == ERR_NOMEM);
                if (!nth)
                    assert_int_equal(buf_append(&whole, out.data, out.len), 0);
                else if (!reached) // nothing failed: nothing is different
                    assert_string_equal(out.data, whole.data);
                else
                    assert_true(code == ERR_NOMEM || log.wrote == ERR_NOMEM);
                if (nth && !reached)
                    break;
                assert_true(nth < 1000);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_cross_between_families),
        cmocka_unit_test(faults_cross_between_families),
        cmocka_unit_test(whole_answers_are_json),
        cmocka_unit_test(events_out_of_order_are_refused),
        cmocka_unit_test(usage_comes_in_a_chunk_of_its_own_when_asked_for),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("models/wire_write", tests, NULL, NULL);
}
