// Answers in pages: what fits, what a cursor means, what is said of the rest.
#include "core/agents/report.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct report *with_items(unsigned n) {
    struct report *r = report_new();
    report_title(r, "%u things", n);
    for (unsigned i = 0; i < n; i++) {
        if (i % 10 == 0)
            report_group(r, "## group %u", i / 10);
        report_item(r, json_pack("{s:i}", "n", (int)i), "src/file%u.c:%u: this is thing number %u",
                    i, i * 7, i);
    }
    report_note(r, "%d files over 2 MB: known by name only", 3);
    report_note(r, "%d files over 2 MB: known by name only", 3);
    return r;
}

static void every_item_comes_once_over_all_pages(void **state) {
    (void)state;
    char cursor[64] = "";
    unsigned seen = 0, pages = 0;
    for (;;) {
        struct report *r = with_items(95);
        struct report_answer a = {0};
        struct report_page page = {
            .budget = 300, .cursor = cursor, .cursor_bytes = strlen(cursor), .question = 7};
        assert_int_equal(report_finish(r, &page, &a, NULL), 0);
        assert_true(a.tokens <= 330);
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(a.structured, "items"), i, item)
            assert_int_equal(json_integer_value(json_object_get(item, "n")), seen++);
        assert_true(i > 0);
        assert_non_null(strstr(a.text.data, "## group")); // repeated on later pages
        assert_int_equal(json_integer_value(json_object_get(a.structured, "total")), 95);
        assert_int_equal(json_array_size(json_object_get(a.structured, "notes")), 1);
        const char *next = json_string_value(json_object_get(a.structured, "next"));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        bool more = next != NULL;
        assert_int_equal(strstr(a.text.data, " more: cursor \"") != NULL, more);
        report_answer_done(&a);
        report_free(r);
        assert_true(++pages < 95);
        if (!more)
            break;
    }
    assert_int_equal(seen, 95);
    assert_true(pages > 3);
}

static void a_cursor_belongs_to_its_question(void **state) {
    (void)state;
    static const char *const wrong[] = {"p5-00000008",  "x", "p5-", "p5-00000007 ", "p-1-00000007",
                                        "p5-00000007\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct report *r = with_items(20);
        struct report_answer a = {0};
        struct err err = {0};
        struct report_page page = {
            .budget = 300, .cursor = wrong[i], .cursor_bytes = strlen(wrong[i]), .question = 7};
        assert_int_equal(report_finish(r, &page, &a, &err), ERR_INVAL);
        assert_non_null(strstr(err.message, "cursor"));
        report_free(r);
    }
}

static void nothing_is_said_in_words(void **state) {
    (void)state;
    struct report *r = report_new();
    struct report_answer a = {0};
    report_nothing(r, "Nothing found in %d files.", 12);
    assert_int_equal(report_finish(r, &(struct report_page){0}, &a, NULL), 0);
    assert_string_equal(a.text.data, "Nothing found in 12 files.\n");
    assert_int_equal(json_array_size(json_object_get(a.structured, "items")), 0);
    report_answer_done(&a);
    report_free(r);
}

static void one_item_larger_than_the_budget_is_shown_alone(void **state) {
    (void)state;
    struct report *r = report_new();
    struct report_answer a = {0};
    char large[4000];
    memset(large, 'x', sizeof large);
    for (size_t i = 9; i < sizeof large; i += 10)
        large[i] = ' ';
    report_item_text(r, json_object(), large, sizeof large);
    report_item_text(r, json_object(), large, sizeof large);
    assert_int_equal(report_finish(r, &(struct report_page){.budget = 100}, &a, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(a.structured, "items")), 1);
    report_answer_done(&a);
    report_free(r);
}

static void more_items_than_are_kept_are_counted(void **state) {
    (void)state;
    struct report *r = report_new();
    struct report_answer a = {0};
    for (unsigned i = 0; i < REPORT_ITEMS_MAX + 5; i++)
        report_item(r, json_object(), "x");
    assert_int_equal(report_finish(r, &(struct report_page){.budget = 500}, &a, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(a.structured, "total")),
                     REPORT_ITEMS_MAX + 5);
    report_answer_done(&a);
    report_free(r);
}

static void every_failing_allocation_is_an_error_and_no_leak(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        struct report_answer a = {0};
        mem_fail_at(nth);
        struct report *r = report_new();
        if (r) {
            report_title(r, "title %d", 1);
            report_group(r, "group");
            report_note(r, "note");
            report_item(r, json_pack("{s:i}", "n", 1), "item %d", 1);
            report_set(r, "extra", json_integer(1));
        }
        int code = r ? report_finish(r, &(struct report_page){0}, &a, NULL) : ERR_NOMEM;
        bool all = mem_count() < nth;
        mem_fail_at(0);
        assert_true(code == 0 || code == ERR_NOMEM);
        report_answer_done(&a);
        report_free(r);
        if (all) {
            assert_int_equal(code, 0);
            break;
        }
    }
}

static int setup(void **state) {
    (void)state;
    mem_init_json();
    return 0;
}

// --- kept --------------------------------------------------------------------------------------

static void expect_same(struct report *r, struct report *s) {
    struct report_answer a = {0}, b = {0};
    const struct report_page page = {.budget = 300};
    assert_int_equal(report_finish(r, &page, &a, NULL), 0);
    assert_int_equal(report_finish(s, &page, &b, NULL), 0);
    assert_string_equal(a.text.data, b.text.data);
    AUTO_BUF x = BUF_INIT(0);
    AUTO_BUF y = BUF_INIT(0);
    assert_int_equal(buf_put_json(&x, a.structured, 0), 0);
    assert_int_equal(buf_put_json(&y, b.structured, 0), 0);
    assert_string_equal(x.data, y.data);
    report_answer_done(&a);
    report_answer_done(&b);
}

static void a_kept_answer_is_the_same(void **state) {
    static const unsigned counts[] = {0, 1, 95};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct report *r = with_items(counts[i]), *s = report_new();
        AUTO_BUF bytes = BUF_INIT(0);
        report_nothing(r, "nothing");
        report_set(r, "share", json_real(0.1));
        report_item(r, json_pack("{s:s, s:i}", "z", "b before a \xc3\xa9", "a", 1), "last\nline");
        report_note(s, "of what was there before");
        assert_true(report_write(r, &bytes));
        assert_true(report_read(s, bytes.data, bytes.len));
        assert_int_equal(report_count(s), counts[i] + 1);
        expect_same(r, s);
        report_free(r);
        report_free(s);
    }
}

static void what_is_cut_or_passing_is_not_kept(void **state) {
    struct report *r = with_items(3), *s = report_new();
    AUTO_BUF bytes = BUF_INIT(0);
    (void)state;
    assert_true(report_write(r, &bytes));
    for (size_t n = 0; n < bytes.len; n++) {
        AUTO_FREE char *cut = mem_alloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, bytes.data, n);
        assert_false(report_read(s, cut, n));
        assert_int_equal(report_count(s), 0); // as it was
    }
    for (size_t i = 0; i < bytes.len; i++) { // whatever a byte becomes: refused, or an answer
        bytes.data[i] = (char)(bytes.data[i] ^ 0x5a);
        struct report *t = report_new();
        (void)report_read(t, bytes.data, bytes.len);
        struct report_answer a = {0};
        if (report_finish(t, &(struct report_page){.budget = 300}, &a, NULL) == 0)
            report_answer_done(&a);
        report_free(t);
        bytes.data[i] = (char)(bytes.data[i] ^ 0x5a);
    }
    buf_clear(&bytes);
    report_passing(r);
    assert_false(report_write(r, &bytes));
    report_free(r);
    report_free(s);
}

static void keeping_survives_failed_allocations(void **state) {
    struct report *r = with_items(12);
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        AUTO_BUF bytes = BUF_INIT(0);
        struct report *s = report_new();
        mem_fail_at(nth);
        bool kept = report_write(r, &bytes) && report_read(s, bytes.data, bytes.len);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (!reached)
            assert_true(kept);
        if (kept)
            expect_same(r, s);
        report_free(s);
        if (!reached)
            break;
    }
    report_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_answer_is_the_same),
        cmocka_unit_test(what_is_cut_or_passing_is_not_kept),
        cmocka_unit_test(keeping_survives_failed_allocations),
        cmocka_unit_test(every_item_comes_once_over_all_pages),
        cmocka_unit_test(a_cursor_belongs_to_its_question),
        cmocka_unit_test(nothing_is_said_in_words),
        cmocka_unit_test(one_item_larger_than_the_budget_is_shown_alone),
        cmocka_unit_test(more_items_than_are_kept_are_counted),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests_name("agents/report", tests, setup, NULL);
}
