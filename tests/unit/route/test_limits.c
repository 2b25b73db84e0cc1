#include "core/base/mem.h"
#include "core/route/route_limits.h"
#include "core/route/route_time.h"
#include "tests/unit/route/tests.h"

#include <math.h>

struct header {
    const char *name, *value;
};

static struct route_limits read(const struct header *headers) {
    struct route_limits l;
    route_limits_init(&l);
    for (; headers->name; headers++)
        route_limits_header(&l, headers->name, strlen(headers->name), headers->value,
                            strlen(headers->value), NOON);
    route_limits_finish(&l, NOON);
    return l;
}
#define READ(...) read((const struct header[]){__VA_ARGS__, {NULL, NULL}})

static const struct route_limit *window(const struct route_limits *l, const char *name) {
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].window, name) == 0)
            return &l->items[i];
    fail_msg("no window %s", name);
    return NULL;
}

static void times_are_read_and_everything_else_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; // -1: refused
    } durations[] = {{"1", 1000},
                     {"0.5", 500},
                     {"250ms", 250},
                     {"6m0s", 360000},
                     {"1h2m3.5s", 3723500},
                     {"2d", 172800000},
                     {" 30 s ", 30000},
                     {"100us", 1},
                     {"", -1},
                     {"s", -1},
                     {"-5", -1},
                     {"1e3", -1},
                     {"5 parsecs", -1},
                     {"99999999d", -1},
                     {"1.", -1},
                     {"0x10", -1},
                     {"1234567890123456789", -1}};
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        int64_t ms = -1;
        (void)route_parse_duration(durations[i].text, strlen(durations[i].text), &ms);
        if (ms != durations[i].ms)
            fail_msg("\"%s\" is %lld", durations[i].text, (long long)ms);
    }
    static const struct {
        const char *text;
        int64_t ms;
    } stamps[] = {{"2026-11-28T00:00:00Z", NOON},
                  {"2026-11-28T01:30:00+01:30", NOON},
                  {"2026-11-27T23:59:59.250z", NOON - 750},
                  {"1970-01-01T00:00:00Z", 0},
                  {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
                  {"2100-03-01T00:00:00Z", INT64_C(4107542400000)},
                  {"2026-13-01T00:00:00Z", -1},
                  {"2026-11-28T24:00:00Z", -1},
                  {"2026-11-28T00:00:00", -1},
                  {"2026-11-28T00:00:00.Z", -1},
                  {"26-11-28", -1}};
    for (size_t i = 0; i < COUNT_OF(stamps); i++) {
        int64_t ms = -1;
        (void)route_parse_rfc3339(stamps[i].text, strlen(stamps[i].text), &ms);
        if (ms != stamps[i].ms)
            fail_msg("\"%s\" is %lld", stamps[i].text, (long long)ms);
    }
    int64_t ms;
    static const char good[] = "Sat, 28 Nov 2026 00:00:00 GMT";
    assert_true(route_parse_http_date(good, strlen(good), &ms));
    assert_int_equal(ms, NOON);
    assert_false(route_parse_http_date(good, strlen(good) - 1, &ms));
    assert_false(route_parse_http_date("Sat, 28 Nox 2026 00:00:00 GMT", 29, &ms));
}

static void every_family_of_headers_is_read(void **state) {
    (void)state;
    struct route_limits l = READ({"anthropic-ratelimit-requests-limit", "50"},
                                 {"Anthropic-RateLimit-Requests-Remaining", "20"},
                                 {"anthropic-ratelimit-requests-reset", "2026-11-28T00:00:30Z"},
                                 {"anthropic-ratelimit-input-tokens-limit", "40000"},
                                 {"anthropic-ratelimit-input-tokens-remaining", "0"});
    assert_int_equal(l.count, 2);
    assert_true(fabs(window(&l, "requests")->used_share - .6) < 1e-9);
    assert_int_equal(window(&l, "requests")->reset_ms, NOON + 30 * SECOND);
    assert_true(window(&l, "input-tokens")->used_share == 1);

    l = READ({"anthropic-ratelimit-unified-5h-utilization", "0.42"},
             {"anthropic-ratelimit-unified-5h-reset", "1795827600"},
             {"anthropic-ratelimit-unified-5h-status", "allowed"},
             {"anthropic-ratelimit-unified-7d-utilization", "1.01"},
             {"anthropic-ratelimit-unified-7d-status", "rejected"},
             {"anthropic-ratelimit-unified-7d_opus-utilization", "0.1"},
             {"anthropic-ratelimit-unified-status", "rejected"},
             {"anthropic-ratelimit-unified-representative-claim", "seven_day"},
             {"anthropic-ratelimit-unified-overage-status", "rejected"});
    assert_int_equal(l.count, 3);
    assert_true(window(&l, "5h")->used_share == .42);
    assert_int_equal(window(&l, "5h")->reset_ms, NOON + HOUR);
    assert_int_equal(window(&l, "5h")->length_ms, 5 * HOUR);
    assert_false(window(&l, "5h")->rejected);
    assert_true(window(&l, "7d")->rejected);
    assert_int_equal(window(&l, "7d_opus")->length_ms, 7 * 24 * (int64_t)HOUR);

    l = READ({"x-ratelimit-limit-requests", "10000"}, {"x-ratelimit-remaining-requests", "9999"},
             {"x-ratelimit-reset-requests", "8.64s"}, {"x-ratelimit-limit-tokens", "200000"},
             {"x-ratelimit-remaining-tokens", "150000"}, {"x-ratelimit-reset-tokens", "6m0s"});
    assert_int_equal(window(&l, "requests")->reset_ms, NOON + 8640);
    assert_int_equal(window(&l, "tokens")->reset_ms, NOON + 6 * MINUTE);
    assert_true(window(&l, "tokens")->used_share == .25);

    l = READ({"x-ratelimit-limit", "20"}, {"x-ratelimit-remaining", "0"},
             {"x-ratelimit-reset", "1795824060000"});
    assert_int_equal(window(&l, "requests")->reset_ms, NOON + MINUTE);

    l = READ({"x-codex-primary-used-percent", "37.5"}, {"x-codex-primary-window-minutes", "300"},
             {"x-codex-primary-reset-at", "1795827600"}, {"x-codex-secondary-used-percent", "100"},
             {"x-codex-secondary-window-minutes", "10080"},
             {"x-codex-secondary-reset-after-seconds", "7200"});
    assert_true(window(&l, "primary")->used_share == .375);
    assert_int_equal(window(&l, "primary")->length_ms, 5 * HOUR);
    assert_int_equal(window(&l, "primary")->reset_ms, NOON + HOUR);
    assert_int_equal(window(&l, "secondary")->reset_ms, NOON + 2 * HOUR);
}

static void waiting_is_read_and_the_servers_clock_is_allowed_for(void **state) {
    (void)state;
    struct route_limits l = READ({"retry-after", "7"}, {"x-should-retry", "true"});
    assert_int_equal(l.retry_after_ms, 7000);
    assert_int_equal(l.should_retry, 1);
    l = READ({"retry-after-ms", "120"}, {"retry-after", "7"});
    assert_int_equal(l.retry_after_ms, 120);
    l = READ({"Retry-After", "Sat, 28 Nov 2026 00:00:09 GMT"}, {"x-should-retry", "maybe"});
    assert_int_equal(l.retry_after_ms, 9000);
    assert_int_equal(l.should_retry, -1);
    // A server one hour ahead of us: its times come an hour sooner by our clock, in any order of
    // lines.
    l = READ({"anthropic-ratelimit-tokens-limit", "10"},
             {"anthropic-ratelimit-tokens-remaining", "1"},
             {"anthropic-ratelimit-tokens-reset", "2026-11-28T01:00:30Z"},
             {"date", "Sat, 28 Nov 2026 01:00:00 GMT"});
    assert_int_equal(window(&l, "tokens")->reset_ms, NOON + 30 * SECOND);
}

static void nonsense_leaves_nothing_behind(void **state) {
    (void)state;
    struct route_limits l = READ(
        {"x-ratelimit-limit-requests", "many"}, {"x-ratelimit-remaining-", "1"},
        {"x-ratelimit-remaining-a-name-that-is-longer-than-any-window-has", "1"},
        {"x-ratelimit-remaining-\x01", "3"}, {"anthropic-ratelimit-", "1"},
        {"anthropic-ratelimit-unified--utilization", "1"}, {"x-codex-tertiary-used-percent", "9"},
        {"x-codex-primary-window-minutes", "1e99"}, {"retry-after", "-5"}, {"", ""});
    assert_int_equal(l.count, 0);
    assert_int_equal(l.retry_after_ms, -1);
    route_limits_init(&l);
    for (int i = 0; i < 100; i++) { // more windows than there is room for
        char name[64];
        (void)snprintf(name, sizeof name, "x-ratelimit-remaining-w%d", i);
        route_limits_header(&l, name, strlen(name), "5", 1, NOON);
    }
    assert_int_equal(l.count, ROUTE_LIMITS_MAX);
}

static enum route_fault rate(struct route_limits *l) {
    return route_limits_judge(l, ROUTE_FAULT_RATE, -1, 0, NOON);
}

static void a_429_is_a_quota_when_its_window_is_a_long_one(void **state) {
    (void)state;
    struct route_limits l = READ({"anthropic-ratelimit-unified-5h-utilization", "1.0"},
                                 {"anthropic-ratelimit-unified-5h-reset", "1795827600"});
    assert_int_equal(rate(&l), ROUTE_FAULT_QUOTA);
    assert_int_equal(route_limits_judge(&l, ROUTE_FAULT_OVERLOADED, -1, 0, NOON),
                     ROUTE_FAULT_OVERLOADED); // only a 429 can be the account's
    l = READ({"anthropic-ratelimit-requests-limit", "50"},
             {"anthropic-ratelimit-requests-remaining", "0"},
             {"anthropic-ratelimit-requests-reset", "2026-11-28T00:00:40Z"}, {"retry-after", "40"});
    assert_int_equal(rate(&l), ROUTE_FAULT_RATE);
    l = READ({"retry-after", "7200"});
    assert_int_equal(rate(&l), ROUTE_FAULT_QUOTA);
    l = READ({"x-codex-secondary-used-percent", "100"},
             {"x-codex-secondary-window-minutes", "10080"});
    assert_int_equal(rate(&l), ROUTE_FAULT_QUOTA);
    route_limits_init(&l);
    assert_int_equal(rate(&l), ROUTE_FAULT_RATE);
}

static void what_the_body_says_about_waiting_is_kept(void **state) {
    (void)state;
    struct route_limits l;
    route_limits_init(&l);
    assert_int_equal(route_limits_judge(&l, ROUTE_FAULT_RATE, -1, NOON / SECOND + 3600, NOON),
                     ROUTE_FAULT_QUOTA);
    assert_int_equal(l.retry_after_ms, HOUR);
    route_limits_init(&l);
    assert_int_equal(route_limits_judge(&l, ROUTE_FAULT_RATE, 34 * SECOND, 0, NOON),
                     ROUTE_FAULT_RATE);
    assert_int_equal(l.retry_after_ms, 34 * SECOND);
    l = READ({"retry-after", "12"}); // the header is what is obeyed
    assert_int_equal(route_limits_judge(&l, ROUTE_FAULT_RATE, 34 * SECOND, 0, NOON),
                     ROUTE_FAULT_RATE);
    assert_int_equal(l.retry_after_ms, 12 * SECOND);
    static const int64_t odd[] = {-5, 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        route_limits_init(&l);
        assert_int_equal(route_limits_judge(&l, ROUTE_FAULT_RATE, INT64_MAX, odd[i], NOON),
                         ROUTE_FAULT_RATE);
        assert_int_equal(l.retry_after_ms, -1);
    }
}

static void delays_follow_the_rule_of_the_sdks(void **state) {
    (void)state;
    struct route_limits l;
    route_limits_init(&l);
    assert_int_equal(route_retry_delay_ms(&l, 0, 0), 500);
    assert_int_equal(route_retry_delay_ms(&l, 1, 0), 1000);
    assert_int_equal(route_retry_delay_ms(&l, 1000, 0), 8000);
    assert_int_equal(route_retry_delay_ms(&l, 1, UINT32_MAX), 750);
    l.retry_after_ms = 3000;
    assert_int_equal(route_retry_delay_ms(&l, 0, UINT32_MAX), 3000); // never sooner than asked
    l.retry_after_ms = 24 * HOUR;
    assert_int_equal(route_retry_delay_ms(&l, 0, 0), ROUTE_WAIT_MS_MAX);
    assert_int_equal(route_retry_delay_ms(NULL, 0, 0), 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_and_everything_else_is_refused),
        cmocka_unit_test(every_family_of_headers_is_read),
        cmocka_unit_test(waiting_is_read_and_the_servers_clock_is_allowed_for),
        cmocka_unit_test(nonsense_leaves_nothing_behind),
        cmocka_unit_test(a_429_is_a_quota_when_its_window_is_a_long_one),
        cmocka_unit_test(what_the_body_says_about_waiting_is_kept),
        cmocka_unit_test(delays_follow_the_rule_of_the_sdks),
    };
    return cmocka_run_group_tests_name("route/limits", tests, NULL, NULL);
}
