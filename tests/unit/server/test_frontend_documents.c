// The executable's half of server/ is not part of the library that these tests link: its source is
// taken in directly.
#include "server/frontend_documents.c"

#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
// cmocka wants those three before it.
#include <cmocka.h>

#define DOC(method, uri, rest)                                                                     \
    "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/" method                                       \
    "\",\"params\":{\"textDocument\":{\"uri\":\"" uri "\"" rest "}}}"

static int note(struct documents *d, uint64_t seq, const char *text) {
    struct jsonrpc_message m;
    assert_int_equal(jsonrpc_read(text, strlen(text), &m, NULL), 0);
    return documents_note(d, &m, seq, text, strlen(text));
}

static int put(void *ctx, uint64_t seq, const char *body, size_t n) {
    (void)body;
    return buf_printf(ctx, "%llu/%zu ", (unsigned long long)seq, n);
}

static void expect(const struct documents *d, const char *want) {
    AUTO_BUF got = BUF_INIT(0);
    assert_int_equal(documents_each(d, put, &got), 0);
    assert_string_equal(got.data ? got.data : "", want);
}

static int state(struct documents *d, uint64_t seq, const char *uri, const char *text) {
    AUTO_BUF body = BUF_INIT(0);
    uint32_t n = (uint32_t)strlen(uri);
    uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), 0, 0};
    (void)buf_append(&body, head, sizeof head);
    (void)buf_puts(&body, uri);
    (void)buf_puts(&body, text);
    return documents_state(d, seq, body.data, body.len, NULL);
}

static void a_document_is_its_opening_and_what_came_after(void **unused) {
    struct documents *d = documents_new();
    (void)unused;
    assert_int_equal(note(d, 1, DOC("didChange", "a", "")), 0); // never opened
    expect(d, "");
    assert_int_equal(note(d, 2, DOC("didOpen", "a", "")), 0);
    assert_int_equal(note(d, 3, DOC("didChange", "a", "")), 0);
    assert_int_equal(note(d, 4, DOC("didSave", "a", "")), 0);
    assert_int_equal(note(d, 5, DOC("didChange", "b", "")), 0);
    assert_int_equal(note(d, 6, DOC("didChange", "a", "")), 0);
    expect(d, "2/87 3/89 6/89 ");
    assert_int_equal(documents_messages(d), 3);
    assert_int_equal(note(d, 7, DOC("didOpen", "a", "")), 0); // anew
    expect(d, "7/87 ");
    assert_int_equal(note(d, 8, DOC("didClose", "a", "")), 0);
    expect(d, "");
    assert_int_equal(documents_bytes(d), 0);
    assert_int_equal(documents_messages(d), 0);
    documents_free(d);
}

static void the_same_uri_however_it_is_escaped(void **unused) {
    struct documents *d = documents_new();
    (void)unused;
    assert_int_equal(note(d, 1, DOC("didOpen", "file:\\/\\/\\/\\u00e4", "")), 0);
    assert_int_equal(note(d, 2, DOC("didChange", "file:///ä", "")), 0);
    assert_int_equal(documents_messages(d), 2);
    assert_int_equal(state(d, 2, "file:///ä", "new"), 0);
    expect(d, "2/3 ");
    documents_free(d);
}

static void what_the_engine_says_takes_the_place_of_what_it_has_seen(void **unused) {
    struct documents *d = documents_new();
    (void)unused;
    assert_int_equal(note(d, 10, DOC("didOpen", "a", "")), 0);
    for (uint64_t seq = 11; seq < 20; seq++)
        assert_int_equal(note(d, seq, DOC("didChange", "a", "")), 0);
    assert_int_equal(state(d, 15, "a", "12345"), 0);
    expect(d, "15/5 16/89 17/89 18/89 19/89 ");
    assert_int_equal(state(d, 15, "b", "12345"), 0); // closed meanwhile
    assert_int_equal(state(d, 9, "a", "12345"), 0);  // of an opening before
    expect(d, "15/5 16/89 17/89 18/89 19/89 ");
    assert_int_equal(state(d, 19, "a", "123"), 0);
    expect(d, "19/3 ");
    assert_int_equal(note(d, 20, DOC("didChange", "a", "")), 0); // the list has its end
    expect(d, "19/3 20/89 ");
    assert_int_equal(documents_bytes(d), 92);
    assert_int_equal(documents_state(d, 21, "abc", 3, NULL), ERR_PARSE);
    assert_int_equal(documents_state(d, 21, "\xff\xff\xff\xff", 4, NULL), ERR_PARSE);
    documents_free(d);
}

static int told(struct documents *d, uint64_t seq, const char *uri, const char *body) {
    char frame[200];
    size_t n = strlen(uri), m = strlen(body);
    memcpy(frame, (char[]){(char)n, 0, 0, 0}, 4);
    memcpy(frame + 4, uri, n);
    memcpy(frame + 4 + n, body, m);
    return documents_told(d, seq, frame, 4 + n + m, NULL);
}

static void where_only_the_engine_speaks_its_word_is_all_there_is(void **unused) {
    struct documents *d = documents_new();
    (void)unused;
    assert_int_equal(told(d, 3, "a", "12345"), 0); // new
    expect(d, "3/5 ");
    assert_int_equal(told(d, 2, "a", "123"), 0); // whatever was told before
    expect(d, "2/3 ");
    assert_int_equal(told(d, 4, "b", "1"), 0);
    assert_int_equal(told(d, 5, "a", ""), 0); // gone
    expect(d, "4/1 ");
    assert_int_equal(told(d, 6, "a", ""), 0);
    assert_int_equal(documents_bytes(d), 1);
    assert_int_equal(documents_told(d, 7, "abc", 3, NULL), ERR_PARSE);
    assert_int_equal(documents_told(d, 7, "\x05\0\0\0abcd", 8, NULL), ERR_PARSE);
    documents_free(d);
}

// A message of about 100 KB: `head`, letters, `tail`.
static int note_large(struct documents *d, uint64_t seq, const char *head, const char *tail,
                      bool *ret_taken) {
    AUTO_BUF body = BUF_INIT(0);
    (void)buf_puts(&body, head);
    for (size_t i = 0; i < 100000; i++)
        (void)buf_putc(&body, 'x');
    (void)buf_puts(&body, tail);
    int r = documents_note_large(d, seq, &body);
    *ret_taken = body.data == NULL;
    return r;
}

#define LARGE(method, rest) "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\",\"params\":{" rest

static void of_a_large_message_the_head_and_the_end_are_read(void **unused) {
    static const struct {
        const char *head, *tail;
    } others[] = {
        {LARGE("textDocument/didSave", "\"textDocument\":{\"uri\":\"a\",\"text\":\""), "\"}}}"},
        {LARGE("textDocument/didOpen", "\"textDocument\":{\"text\":\""), "\",\"uri\":\"a\"}}}"},
        {LARGE("textDocument/didOpen", "\"textDocument\":{\"uri\":\""), "\"}}}"},
        {LARGE("textDocument/didOpen", "\"textDocument\":{\"uri\":7,\"text\":\""), "\"}}}"},
        {LARGE("textDocument/didOpen", "\"textDocument\":{\"uri\":\"a\",\"text\":\""),
         "\"}},\"id\":7}"},
        {"{\"id\":7,\"jsonrpc\":\"2.0\",\"method\":\"textDocument/didOpen\",\"params\":{"
         "\"textDocument\":{\"uri\":\"a\",\"text\":\"",
         "\"}}}"},
        {"{\"params\":{\"textDocument\":{\"uri\":\"a\",\"text\":\"",
         "\"}},\"method\":\"textDocument/didOpen\",\"jsonrpc\":\"2.0\"}"}};
    bool taken;
    struct documents *d = documents_new();
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(note_large(d, 1, others[i].head, others[i].tail, &taken), 0);
        assert_false(taken);
    }
    expect(d, "");
    assert_int_equal(
        note_large(d, 2,
                   LARGE("textDocument/didOpen", "\"textDocument\":{\"uri\":\"a\",\"text\":\""),
                   "\"} }\n}\n", &taken),
        1);
    assert_true(taken);
    assert_int_equal(
        note_large(d, 3,
                   LARGE("textDocument/didChange",
                         "\"textDocument\":{\"uri\":\"a\"},\"contentChanges\":[{\"text\":\""),
                   "\"}]}}", &taken),
        1);
    assert_true(taken);
    assert_int_equal(documents_messages(d), 2);
    assert_int_equal(documents_bytes(d), 200220);
    expect(d, "2/100100 3/100120 ");
    assert_int_equal(state(d, 3, "a", "12345"), 0);
    expect(d, "3/5 ");
    documents_free(d);
}

static void thousands_of_letters_go_as_they_came(void **unused) {
    struct documents *d = documents_new();
    (void)unused;
    assert_int_equal(note(d, 1, DOC("didOpen", "a", "")), 0);
    for (uint64_t seq = 2; seq < 20000; seq++) {
        assert_int_equal(note(d, seq, DOC("didChange", "a", "")), 0);
        if (seq % 1000 == 0) { // what has come meanwhile stays
            assert_int_equal(state(d, seq - 3, "a", "12345"), 0);
            assert_int_equal(documents_messages(d), 4);
        }
    }
    assert_int_equal(state(d, 19997, "a", "12345"), 0);
    expect(d, "19997/5 19998/89 19999/89 ");
    assert_int_equal(documents_bytes(d), 5 + 2 * 89);
    documents_free(d);
}

static void there_are_limits(void **unused) {
    char text[200];
    struct documents *d = documents_new();
    (void)unused;
    for (unsigned i = 0; i < DOCUMENTS_MAX; i++) {
        (void)snprintf(text, sizeof text, DOC("didOpen", "a%u", ""), i);
        assert_int_equal(note(d, i + 1, text), 0);
    }
    assert_int_equal(note(d, 5000, DOC("didOpen", "one more", "")), ERR_LIMIT);
    assert_int_equal(note(d, 5001, DOC("didChange", "one more", "")), 0);
    assert_int_equal(documents_messages(d), DOCUMENTS_MAX);
    documents_free(d);
    // Half of a document's edits is worse than none of it.
    d = documents_new();
    assert_int_equal(note(d, 1, DOC("didOpen", "a", "")), 0);
    d->bytes = DOCUMENTS_BYTES_MAX - 10;
    assert_int_equal(note(d, 2, DOC("didChange", "a", "")), ERR_LIMIT);
    expect(d, "");
    d->bytes = 0;
    documents_free(d);
}

static void every_failed_allocation_is_survived(void **unused) {
    (void)unused;
    for (uint64_t nth = 1;; nth++) {
        mem_fail_at(nth);
        struct documents *d = documents_new();
        if (d) {
            (void)note(d, 1, DOC("didOpen", "a", ""));
            (void)note(d, 2, DOC("didChange", "a", ""));
            (void)state(d, 2, "a", "x");
            if (note(d, 3, DOC("didClose", "a", "")) == 0)
                assert_int_equal(documents_bytes(d), 0);
        }
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        documents_free(d);
        if (!reached)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_its_opening_and_what_came_after),
        cmocka_unit_test(the_same_uri_however_it_is_escaped),
        cmocka_unit_test(of_a_large_message_the_head_and_the_end_are_read),
        cmocka_unit_test(thousands_of_letters_go_as_they_came),
        cmocka_unit_test(what_the_engine_says_takes_the_place_of_what_it_has_seen),
        cmocka_unit_test(where_only_the_engine_speaks_its_word_is_all_there_is),
        cmocka_unit_test(there_are_limits),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("server/frontend_documents", tests, NULL, NULL);
}
