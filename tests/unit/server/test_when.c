#include "server/when.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

// Friday 2026-11-20 14:30:00 UTC
static const int64_t now = INT64_C(1795185000000);

static void put_iso(int64_t ms, char out[32]) {
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&s, &tm);
    (void)strftime(out, 20, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + 19, 8, ".%03d", (int)(ms % 1000));
}

static void words_and_dates_name_a_span(void **state) {
    static const struct {
        const char *text, *first, *last;
    } cases[] = {
        {"now", "2026-11-20T14:30:00.000", "2026-11-20T14:30:00.000"},
        {"today", "2026-11-20T00:00:00.000", "2026-11-20T23:59:59.999"},
        {"Yesterday", "2026-11-19T00:00:00.000", "2026-11-19T23:59:59.999"},
        {"3 days ago", "2026-11-17T00:00:00.000", "2026-11-17T23:59:59.999"},
        {"1 week ago", "2026-11-13T00:00:00.000", "2026-11-13T23:59:59.999"},
        {"2 hours ago", "2026-11-20T12:30:00.000", "2026-11-20T12:30:00.000"},
        {"90 minutes ago", "2026-11-20T13:00:00.000", "2026-11-20T13:00:00.000"},
        {"11 months ago", "2025-12-20T00:00:00.000", "2025-12-20T23:59:59.999"},
        {"last week", "2026-11-09T00:00:00.000", "2026-11-15T23:59:59.999"},
        {"this week", "2026-11-16T00:00:00.000", "2026-11-22T23:59:59.999"},
        {"last month", "2026-10-01T00:00:00.000", "2026-10-31T23:59:59.999"},
        {"this month", "2026-11-01T00:00:00.000", "2026-11-30T23:59:59.999"},
        {"last year", "2025-01-01T00:00:00.000", "2025-12-31T23:59:59.999"},
        {"monday", "2026-11-16T00:00:00.000", "2026-11-16T23:59:59.999"},
        {"friday", "2026-11-20T00:00:00.000", "2026-11-20T23:59:59.999"},
        {"last friday", "2026-11-13T00:00:00.000", "2026-11-13T23:59:59.999"},
        {"Saturday", "2026-11-14T00:00:00.000", "2026-11-14T23:59:59.999"},
        {"2026", "2026-01-01T00:00:00.000", "2026-12-31T23:59:59.999"},
        {"2024-02", "2024-02-01T00:00:00.000", "2024-02-29T23:59:59.999"},
        {"2026-11-20", "2026-11-20T00:00:00.000", "2026-11-20T23:59:59.999"},
        {"2026-11-20 ", "2026-11-20T00:00:00.000", "2026-11-20T23:59:59.999"},
        {"2026-11-20T09:05", "2026-11-20T09:05:00.000", "2026-11-20T09:05:59.999"},
        {"2026-11-20T09:05:07Z", "2026-11-20T09:05:07.000", "2026-11-20T09:05:07.999"},
        {"2026-11-20T09:05:07.25Z", "2026-11-20T09:05:07.000", "2026-11-20T09:05:07.999"},
        {"2026-11-20T00:30+01:00", "2026-11-19T23:30:00.000", "2026-11-19T23:30:59.999"},
        {"2026-11-20T00:30-02:30", "2026-11-20T03:00:00.000", "2026-11-20T03:00:59.999"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t first, last;
        char text[32];
        size_t n = strlen(cases[i].text);
        assert_int_equal(when_parse(cases[i].text, n, now, false, &first, NULL), 0);
        assert_int_equal(when_parse(cases[i].text, n, now, true, &last, NULL), 0);
        put_iso(first, text);
        assert_string_equal(text, cases[i].first);
        put_iso(last, text);
        assert_string_equal(text, cases[i].last);
    }
}

static void what_is_no_date_is_refused_with_what_would_be_one(void **state) {
    static const char *const bad[] = {
        "",
        "soon",
        "2026-13",
        "2026-02-30",
        "2026-1-1x",
        "20261120",
        "-3 days ago",
        "3 dogs ago",
        "last",
        "next week",
        "2026-11-20T25:00",
        "2026-11-20T10:61",
        "2026-11-20T10:00+99:00",
        "last week ago",
        "1969-12-31",
        "99999-01-01",
        "2026-11-20T10:00Zx",
        "a text that is much longer than any date that a sane person would ever write down",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t ms = 7;
        struct err err = {0};
        assert_int_equal(when_parse(bad[i], strlen(bad[i]), now, false, &ms, &err), ERR_INVAL);
        assert_int_equal(ms, 7);
        assert_non_null(strstr(err.message, "last week"));
    }
    int64_t ms;
    assert_int_equal(when_parse("today\0x", 7, now, false, &ms, NULL), ERR_INVAL);
}

static void a_time_is_shown_as_day_and_distance(void **state) {
    static const struct {
        int64_t seconds;
        const char *shown;
    } cases[] = {
        {0, "2026-11-20 (just now)"},
        {59, "2026-11-20 (just now)"},
        {60, "2026-11-20 (1 minute ago)"},
        {7200, "2026-11-20 (2 hours ago)"},
        {86400, "2026-11-19 (1 day ago)"},
        {3 * 86400, "2026-11-17 (3 days ago)"},
        {13 * 86400, "2026-11-07 (13 days ago)"},
        {21 * 86400, "2026-10-30 (3 weeks ago)"},
        {100 * 86400, "2026-08-12 (3 months ago)"},
        {800 * 86400, "2024-09-11 (2 years ago)"},
        {-3 * 86400, "2026-11-23 (in 3 days)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF out = BUF_INIT(64);
        assert_int_equal(when_put(&out, now - cases[i].seconds * 1000, now), 0);
        assert_string_equal(out.data, cases[i].shown);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_dates_name_a_span),
        cmocka_unit_test(what_is_no_date_is_refused_with_what_would_be_one),
        cmocka_unit_test(a_time_is_shown_as_day_and_distance),
    };
    return cmocka_run_group_tests_name("server/when", tests, NULL, NULL);
}
