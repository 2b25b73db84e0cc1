#include "core/store/recall_dates.h"

#include "core/base/mem.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define NOW_MS INT64_C(1750000000000) // 2025-06-15, a Sunday

static int64_t at(const char *iso) {
    struct tm tm = {0};
    assert_non_null(strptime(iso, "%Y-%m-%d", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

static struct date_hints parse(const char *text) {
    struct date_hints h;
    dates_parse(text, strlen(text), NOW_MS, &h);
    return h;
}

static void expressions_become_ranges(void **state) {
    (void)state;
    static const struct {
        const char *text, *from, *to; // [from, to)
    } cases[] = {
        {"on 14 May 2023", "2023-05-14", "2023-05-15"},
        {"on May 14, 2023", "2023-05-14", "2023-05-15"},
        {"the 14th of May, 2023", "2023-05-14", "2023-05-15"},
        {"May 14th 2023?", "2023-05-14", "2023-05-15"},
        {"in may 2023", "2023-05-01", "2023-06-01"},
        {"Dec 2023", "2023-12-01", "2024-01-01"},
        {"in 2023", "2023-01-01", "2024-01-01"},
        {"2024-02-29", "2024-02-29", "2024-03-01"},
        {"2024-02", "2024-02-01", "2024-03-01"},
        {"yesterday", "2025-06-14", "2025-06-15"},
        {"today", "2025-06-15", "2025-06-16"},
        {"last week", "2025-06-02", "2025-06-09"},
        {"this week", "2025-06-09", "2025-06-16"},
        {"last weekend", "2025-06-07", "2025-06-09"},
        {"last month", "2025-05-01", "2025-06-01"},
        {"last year", "2024-01-01", "2025-01-01"},
        {"last Friday", "2025-06-13", "2025-06-14"},
        {"last Sunday", "2025-06-08", "2025-06-09"},
        {"two weeks ago", "2025-05-26", "2025-06-02"},
        {"18 months ago", "2023-12-01", "2024-01-01"},
        {"3 days ago", "2025-06-12", "2025-06-13"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct date_hints h = parse(cases[i].text);
        if (h.count != 1 || h.items[0].from_ms != at(cases[i].from) ||
            h.items[0].to_ms != at(cases[i].to))
            fail_msg("%s: %zu hints, from %+lld days, to %+lld days", cases[i].text, h.count,
                     (long long)((h.items[0].from_ms - at(cases[i].from)) / DAY_MS),
                     (long long)((h.items[0].to_ms - at(cases[i].to)) / DAY_MS));
    }
}

static void words_that_only_look_like_dates_are_none(void **state) {
    (void)state;
    static const char *const texts[] = {
        "may I march on",
        "the second version",
        "port 8080",
        "1234 things",
        "error 404",
        "a week",
        "two apples ago",
        "mar the finish",
        "",
        "99999999999999999999999 days ago",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (parse(texts[i]).count)
            fail_msg("%s", texts[i]);
}

static void month_without_a_year_fits_every_year(void **state) {
    (void)state;
    struct date_hints h = parse("what broke in August?");
    assert_int_equal(h.count, 1);
    assert_true(dates_fit(&h, at("2021-08-15")) == 1);
    assert_true(dates_fit(&h, at("2024-08-01")) == 1);
    assert_true(dates_fit(&h, at("2024-05-15")) == 0);
    assert_true(dates_fit(&h, at("2024-09-03")) > 0); // told shortly after
}

static void fit_falls_with_the_days_after(void **state) {
    (void)state;
    struct date_hints h = parse("2024-02-29");
    double before = 1;
    assert_true(dates_fit(&h, at("2024-02-29")) == 1);
    for (int day = 1; day < 40; day++) {
        double fit = dates_fit(&h, at("2024-02-29") + day * DAY_MS);
        assert_true(fit <= before && fit >= 0);
        before = fit;
    }
    assert_true(before == 0);
    assert_true(dates_fit(&h, at("2024-02-20")) == 0);
    assert_true(dates_fit(&(struct date_hints){0}, NOW_MS) == 0);
}

static void times_before_1970_and_far_ahead_are_dates_too(void **state) {
    (void)state;
    struct date_hints h = parse("in January 1950");
    assert_true(dates_fit(&h, at("1950-01-31")) == 1);
    h = parse("in August");
    (void)dates_fit(&h, INT64_MIN / 2);
    (void)dates_fit(&h, INT64_MAX / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_become_ranges),
        cmocka_unit_test(words_that_only_look_like_dates_are_none),
        cmocka_unit_test(month_without_a_year_fits_every_year),
        cmocka_unit_test(fit_falls_with_the_days_after),
        cmocka_unit_test(times_before_1970_and_far_ahead_are_dates_too),
    };
    return cmocka_run_group_tests_name("store/recall_dates", tests, NULL, NULL);
}
