// The executable's half of server/ is not part of the library that these tests link: its source is
// taken in directly.
#include "server/frontend_documents.c"
#include "server/frontend_journal.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
// cmocka wants those three before it.
#include <cmocka.h>

struct told {
    size_t count;
    unsigned flags[64];
    uint64_t seq[64];
    enum hop_type type[64];
    size_t total[64];
    char first[64][80];
};

static int remember(void *ctx, enum hop_type type, unsigned flags, uint64_t seq, const char *body,
                    size_t n, size_t total) {
    struct told *t = ctx;
    assert_true(t->count < COUNT_OF(t->seq));
    t->flags[t->count] = flags;
    t->seq[t->count] = seq;
    t->type[t->count] = type;
    t->total[t->count] = total;
    (void)snprintf(t->first[t->count], sizeof t->first[0], "%.*s", (int)n, body);
    t->count++;
    return 0;
}

static void collect(void *ctx, const char *json, size_t n) {
    (void)buf_append(ctx, json, n);
    (void)buf_putc(ctx, '\n');
}

static uint64_t add(struct journal *j, uint64_t seq, const char *text) {
    AUTO_BUF refusal = BUF_INIT(0);
    assert_int_equal(journal_add(j, seq, text, strlen(text), &refusal), 0);
    assert_int_equal(refusal.len, 0);
    journal_mark_sent(j);
    return seq;
}

static struct told replay(struct journal *j) {
    struct told t = {0};
    assert_int_equal(journal_replay(j, remember, &t), 0);
    return t;
}

static void lose(struct journal *j, bool crashed, struct buf *answers) {
    journal_engine_left(j, crashed, collect, answers);
}

static void open_requests_are_replayed_in_order_with_their_numbers(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF answers = BUF_INIT(0);
    add(j, 1, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}");
    add(j, 2, "{\"jsonrpc\":\"2.0\",\"method\":\"n\"}");
    add(j, 3, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"b\"}");
    add(j, 4, "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}");
    add(j, 5, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"c\"}");
    journal_answered(j, 3);
    assert_int_equal(journal_open(j), 2);
    lose(j, false, &answers);
    struct told t = replay(j);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.seq[0], 1);
    assert_int_equal(t.seq[1], 5);
    assert_int_equal(t.flags[0], HOP_REPLAY);
    // Told once: not again without another loss.
    assert_int_equal(replay(j).count, 0);
    assert_int_equal(answers.len, 0);
    journal_free(j);
}

static void what_was_never_sent_is_no_replay(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF refusal = BUF_INIT(0);
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}";
    assert_int_equal(journal_add(j, 1, text, sizeof text - 1, &refusal), 0);
    struct told t = replay(j);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.flags[0], 0);
    journal_free(j);
}

static void session_state_is_rebuilt_silently(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF answers = BUF_INIT(0);
    static const char subscribe[] =
        "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"resources/%ssubscribe\","
        "\"params\":{\"uri\":\"%s\"}}";
    char text[200];
    add(j, 1, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}");
    add(j, 2, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    for (int i = 3; i <= 5; i++) {
        static const char *const uris[] = {"memory://a", "memory://b", "memory://a"};
        (void)snprintf(text, sizeof text, subscribe, i, i == 5 ? "un" : "", uris[i - 3]);
        add(j, (uint64_t)i, text);
    }
    for (uint64_t i = 1; i <= 5; i++)
        journal_answered(j, i);
    assert_int_equal(journal_open(j), 0);
    lose(j, true, &answers);
    struct told t = replay(j);
    assert_int_equal(t.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(t.flags[i], HOP_REPLAY | HOP_SILENT);
    assert_int_equal(t.seq[2], 4);
    // Both still open: in their order, or the resource would end up without its subscription.
    (void)snprintf(text, sizeof text, subscribe, 10, "un", "memory://b");
    add(j, 10, text);
    (void)snprintf(text, sizeof text, subscribe, 11, "", "memory://b");
    add(j, 11, text);
    lose(j, true, &answers);
    t = replay(j);
    assert_int_equal(t.count, 4);
    assert_int_equal(t.seq[2], 10);
    assert_int_equal(t.seq[3], 11);
    journal_answered(j, 10);
    journal_answered(j, 11);
    // A second initialize is a new session.
    add(j, 6, "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"initialize\",\"params\":{}}");
    lose(j, false, &answers);
    t = replay(j);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.flags[0], HOP_REPLAY); // not answered yet: not silent
    journal_free(j);
}

static void cancelled_requests_are_forgotten(void **state) {
    (void)state;
    struct journal *j = journal_new();
    static const char cancel[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                                 "\"params\":{\"requestId\":%s}}";
    static const char *const ids[][2] = {
        {"1", "1"}, {"\"a\\u0062\"", "\"ab\""}, {"-7", "-7"}, {"\"1\"", "\"1\""}};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"a\"}",
                       ids[i][0]);
        add(j, 2 * i + 1, text);
        assert_int_equal(journal_open(j), 1);
        (void)snprintf(text, sizeof text, cancel, ids[i][1]);
        add(j, 2 * i + 2, text);
        assert_int_equal(journal_open(j), 0);
    }
    journal_free(j);
}

static void third_crash_gives_a_request_up_but_not_a_subscription(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF answers = BUF_INIT(0);
    add(j, 1, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\"}");
    add(j, 2,
        "[{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"a\"},{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":"
        "\"b\"},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"n\"}]");
    assert_int_equal(journal_open(j), 1);
    for (int i = 0; i < 2; i++) {
        lose(j, true, &answers);
        lose(j, false, &answers); // leaving in order does not count
        assert_int_equal(replay(j).count, 2);
    }
    assert_int_equal(answers.len, 0);
    lose(j, true, &answers);
    json_t *errors = json_loads(answers.data, 0, NULL);
    assert_int_equal(json_array_size(errors), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, 1), "id")), 3);
    json_decref(errors);
    struct told t = replay(j);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.seq[0], 1);
    journal_free(j);
}

static void faulty_messages_are_done_with_when_a_later_one_is_answered(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF answers = BUF_INIT(0);
    add(j, 1, "{oops");
    add(j, 2, "{\"jsonrpc\":\"2.0\",\"result\":1}"); // a response without id: nobody answers it
    add(j, 3, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"a\"}");
    assert_int_equal(journal_open(j), 3);
    journal_answered(j, 3);
    assert_int_equal(journal_open(j), 0);
    // Without an engine the unreadable one gets an error, the useless response none.
    add(j, 4, "{oops");
    add(j, 5, "{\"jsonrpc\":\"2.0\",\"result\":1}");
    journal_fail_all(j, "no \"engine\"", collect, &answers);
    assert_string_equal(answers.data, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
                                      "\"message\":\"no \\\"engine\\\"\"}}\n");
    journal_free(j);
}

static void numbers_of_requests_and_bytes_are_bounded(void **state) {
    (void)state;
    struct journal *j = journal_new();
    AUTO_BUF refusal = BUF_INIT(0);
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}";
    for (uint64_t i = 1; i <= JOURNAL_REQUESTS_MAX; i++) {
        assert_false(journal_full(j));
        assert_int_equal(journal_add(j, i, text, sizeof text - 1, &refusal), 0);
    }
    assert_true(journal_full(j));
    journal_answered(j, 500);
    assert_false(journal_full(j));
    journal_free(j);

    // Subscriptions, which nobody ever answers away.
    j = journal_new();
    char line[200];
    uint64_t seq = 0;
    int r = 0;
    while (r == 0 && seq < 2 * JOURNAL_STATE_MAX) {
        seq++;
        int n = snprintf(line, sizeof line,
                         "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"resources/subscribe\","
                         "\"params\":{\"uri\":\"memory://%d\"}}",
                         (int)seq, (int)seq);
        r = journal_add(j, seq, line, (size_t)n, &refusal);
        journal_answered(j, seq);
    }
    assert_int_equal(r, ERR_LIMIT);
    assert_int_equal(seq, JOURNAL_STATE_MAX + 1);
    assert_non_null(strstr(refusal.data, "too many subscriptions"));
    journal_free(j);
}

static void an_editors_session_is_told_before_its_open_requests(void **state) {
    static const char *const lines[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"initialized\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/"
        "didOpen\",\"params\":{\"textDocument\":{\"uri\":"
        "\"a\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"textDocument/hover\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"$/cancelRequest\",\"params\":{\"id\":2}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/"
        "didChange\",\"params\":{\"textDocument\":{\"uri\":"
        "\"a\"}}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"workspace/didChangeConfiguration\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"workspace/didChangeConfiguration\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"workspace/didChangeWorkspaceFolders\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"workspace/didChangeWorkspaceFolders\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/"
        "didSave\",\"params\":{\"textDocument\":{\"uri\":"
        "\"a\"}}}"};
    // Each kind at its place: settings once, folders each time; then documents; then what is open,
    // which LSP answers although it was cancelled.
    static const uint64_t want[] = {1, 2, 8, 9, 10, 3, 6, 4};
    struct journal *j = journal_new_lsp();
    AUTO_BUF answers = BUF_INIT(0);
    struct err err;
    (void)state;
    for (uint64_t i = 0; i < COUNT_OF(lines); i++)
        (void)add(j, i + 1, lines[i]);
    journal_answered(j, 1);
    assert_int_equal(journal_open(j), 1);
    lose(j, true, &answers);
    struct told t = replay(j);
    assert_int_equal(t.count, COUNT_OF(want));
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_int_equal(t.seq[i], want[i]);
        assert_int_equal(t.flags[i], want[i] == 4 ? HOP_REPLAY : HOP_REPLAY | HOP_SILENT);
    }
    // What the engine says of the document takes the place of both of its messages.
    assert_int_equal(journal_document_state(j, 6, "\1\0\0\0a{}", 7, &err), 0);
    lose(j, false, &answers);
    t = replay(j);
    assert_int_equal(t.count, COUNT_OF(want) - 1);
    assert_int_equal(t.seq[5], 6);
    assert_string_equal(t.first[5], "{}");
    assert_int_equal(journal_document_state(j, 6, "\1", 1, &err), ERR_PARSE);
    journal_free(j);
    // Others have no documents.
    j = journal_new();
    assert_int_equal(journal_document_state(j, 6, "\1\0\0\0a{}", 7, &err), ERR_PARSE);
    journal_free(j);
}

// The chats of the agent protocol: only the engine knows what they are.
static void what_the_engine_says_of_chats_is_told_to_the_next(void **state) {
    struct journal *j = journal_new_acp();
    AUTO_BUF answers = BUF_INIT(0);
    (void)state;
    (void)add(j, 1, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}");
    journal_answered(j, 1);
    (void)add(j, 2, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/new\",\"params\":{}}");
    assert_int_equal(journal_document_state(j, 2, "\1\0\0\0a{1}", 8, NULL), 0);
    journal_answered(j, 2);
    (void)add(j, 3, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"session/prompt\",\"params\":{}}");
    assert_int_equal(journal_document_state(j, 3, "\1\0\0\0a{2}", 8, NULL), 0);
    assert_int_equal(journal_document_state(j, 3, "\1\0\0\0b{3}", 8, NULL), 0);
    assert_int_equal(journal_document_state(j, 3, "\1\0\0\0b", 5, NULL), 0); // closed
    lose(j, true, &answers);
    struct told t = replay(j);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.seq[0], 1);
    assert_int_equal(t.flags[0], HOP_REPLAY | HOP_SILENT);
    assert_string_equal(t.first[1], "{2}");
    assert_int_equal(t.flags[1], HOP_REPLAY | HOP_SILENT);
    assert_int_equal(t.seq[2], 3);
    assert_int_equal(t.flags[2], HOP_REPLAY);
    journal_free(j);
}

static void every_failed_allocation_is_answered_or_survived(void **state) {
    (void)state;
    static const char subscribe[] =
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/subscribe\","
        "\"params\":{\"uri\":\"a\"}}";
    static const char *const lines[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}",
        subscribe,
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":3}}",
        "[{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"x\"}]",
        "{oops"};
    mem_init_json();
    for (uint64_t nth = 1;; nth++) {
        AUTO_BUF refusal = BUF_INIT(0);
        AUTO_BUF answers = BUF_INIT(0);
        struct told t = {0};
        mem_fail_at(nth);
        struct journal *j = journal_new();
        for (uint64_t i = 0; j && i < COUNT_OF(lines); i++)
            (void)journal_add(j, i + 1, lines[i], strlen(lines[i]), &refusal);
        if (j) {
            (void)journal_replay(j, remember, &t);
            journal_engine_left(j, true, collect, &answers);
            journal_fail_all(j, "gone", collect, &answers);
            assert_int_equal(journal_open(j), 0);
        }
        journal_free(j);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (!reached)
            break;
        assert_true(nth < 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_requests_are_replayed_in_order_with_their_numbers),
        cmocka_unit_test(what_was_never_sent_is_no_replay),
        cmocka_unit_test(session_state_is_rebuilt_silently),
        cmocka_unit_test(cancelled_requests_are_forgotten),
        cmocka_unit_test(third_crash_gives_a_request_up_but_not_a_subscription),
        cmocka_unit_test(faulty_messages_are_done_with_when_a_later_one_is_answered),
        cmocka_unit_test(numbers_of_requests_and_bytes_are_bounded),
        cmocka_unit_test(an_editors_session_is_told_before_its_open_requests),
        cmocka_unit_test(what_the_engine_says_of_chats_is_told_to_the_next),
        cmocka_unit_test(every_failed_allocation_is_answered_or_survived),
    };
    return cmocka_run_group_tests_name("server/frontend_journal", tests, NULL, NULL);
}
