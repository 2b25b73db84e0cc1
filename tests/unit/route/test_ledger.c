#include "core/base/mem.h"
#include "core/route/route_ledger.h"
#include "tests/unit/route/tests.h"

#include <math.h>
#include <stdlib.h>

static const struct route_spend usual = {1, 1000, 200, .01};

static struct route_ledger *ledger(void) {
    struct route_ledger *l;
    assert_int_equal(route_ledger_new(&l, NULL), 0);
    return l;
}

// One request from its begin to its end, with an answer of these headers ("name\0value\0…" pairs).
static void ask(struct route_ledger *l, const char *account, enum route_fault fault, int64_t now,
                const char *const *headers) {
    struct route_limits limits;
    uint64_t ticket;
    assert_int_equal(route_ledger_begin(l, account, "m", &usual, now, &ticket, NULL), 0);
    route_limits_init(&limits);
    for (; headers && *headers; headers += 2)
        route_limits_header(&limits, headers[0], strlen(headers[0]), headers[1], strlen(headers[1]),
                            now);
    route_limits_finish(&limits, now);
    route_ledger_end(l, ticket, &usual, &limits, fault, now);
}
#define ASK(l, account, fault, now, ...)                                                           \
    ask(l, account, fault, now, (const char *const[]){__VA_ARGS__, NULL})

static struct route_standing look(struct route_ledger *l, const char *account, int64_t now) {
    struct route_standing s;
    route_ledger_standing(l, account, "m", &usual, now, &s);
    return s;
}

static void an_unknown_account_is_ok(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct route_standing s = look(l, "a", NOON);
    assert_int_equal(s.state, ROUTE_STATE_OK);
    assert_true(s.usable && s.headroom == 1 && s.exhausts_ms == -1);
    ASK(l, "a", ROUTE_FAULT_NONE, NOON, NULL);
    assert_true(look(l, "a", NOON).usable);
    route_ledger_free(l);
    route_ledger_free(NULL);
}

static void a_transient_429_waits_and_a_quota_429_leaves(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    ASK(l, "fast", ROUTE_FAULT_RATE, NOON, "retry-after", "7");
    struct route_standing s = look(l, "fast", NOON);
    assert_int_equal(s.state, ROUTE_STATE_WAITING);
    assert_int_equal(s.ready_ms, NOON + 7 * SECOND);
    assert_true(look(l, "fast", NOON + 7 * SECOND).usable);

    ASK(l, "plan", ROUTE_FAULT_QUOTA, NOON, "anthropic-ratelimit-unified-5h-utilization", "1.0",
        "anthropic-ratelimit-unified-5h-reset", "1795827600");
    s = look(l, "plan", NOON + 59 * MINUTE);
    assert_int_equal(s.state, ROUTE_STATE_SPENT);
    assert_false(s.usable);
    assert_int_equal(s.ready_ms, NOON + HOUR);
    assert_string_equal(s.window, "5h");
    route_ledger_free(l);
}

static void after_the_reset_one_request_probes(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    uint64_t probe;
    ASK(l, "a", ROUTE_FAULT_QUOTA, NOON, "retry-after", "3600");
    int64_t back = NOON + HOUR;
    assert_int_equal(look(l, "a", back - 1).state, ROUTE_STATE_SPENT);
    assert_int_equal(look(l, "a", back).state, ROUTE_STATE_PROBING);
    assert_true(look(l, "a", back).usable);
    assert_int_equal(route_ledger_begin(l, "a", "m", &usual, back, &probe, NULL), 0);
    assert_false(look(l, "a", back + 1).usable); // one at a time
    route_ledger_end(l, probe, &usual, NULL, ROUTE_FAULT_NONE, back + 2);
    assert_int_equal(look(l, "a", back + 3).state, ROUTE_STATE_OK);

    // Without any time named, it is tried again after 5, 10, 20, 40, 60 and 60 minutes.
    static const int minutes[] = {5, 10, 20, 40, 60, 60};
    int64_t now = NOON;
    for (size_t i = 0; i < COUNT_OF(minutes); i++) {
        ASK(l, "b", ROUTE_FAULT_QUOTA, now, NULL);
        assert_int_equal(look(l, "b", now).ready_ms, now + minutes[i] * MINUTE);
        now += minutes[i] * MINUTE;
        assert_int_equal(look(l, "b", now).state, ROUTE_STATE_PROBING);
    }
    // A cancelled probe lets the next one try.
    assert_int_equal(route_ledger_begin(l, "b", "m", &usual, now, &probe, NULL), 0);
    route_ledger_cancel(l, probe, now);
    assert_true(look(l, "b", now).usable);
    route_ledger_free(l);
}

static void an_account_returns_only_when_all_its_windows_have(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    ASK(l, "a", ROUTE_FAULT_QUOTA, NOON, "x-codex-primary-used-percent", "100",
        "x-codex-primary-window-minutes", "300", "x-codex-primary-reset-after-seconds", "3600",
        "x-codex-secondary-used-percent", "100", "x-codex-secondary-window-minutes", "10080",
        "x-codex-secondary-reset-after-seconds", "7200");
    struct route_standing s = look(l, "a", NOON);
    assert_int_equal(s.ready_ms, NOON + 2 * HOUR);
    assert_int_equal(look(l, "a", NOON + HOUR + MINUTE).state, ROUTE_STATE_SPENT);
    assert_int_equal(look(l, "a", NOON + 2 * HOUR).state, ROUTE_STATE_PROBING);
    route_ledger_free(l);
}

static void a_window_of_one_model_leaves_the_others_alone(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct route_standing s;
    ASK(l, "a", ROUTE_FAULT_NONE, NOON, "anthropic-ratelimit-unified-7d_opus-utilization", "1",
        "anthropic-ratelimit-unified-7d_opus-reset", "1795900000");
    route_ledger_standing(l, "a", "claude-opus-4-5", &usual, NOON, &s);
    assert_int_equal(s.state, ROUTE_STATE_SPENT);
    route_ledger_standing(l, "a", "claude-haiku-4-5", &usual, NOON, &s);
    assert_int_equal(s.state, ROUTE_STATE_OK);
    route_ledger_free(l);
}

static void what_is_under_way_counts(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct route_spend big = {1, 30000, 0, 0};
    struct route_standing s;
    uint64_t ticket;
    ASK(l, "a", ROUTE_FAULT_NONE, NOON, "anthropic-ratelimit-input-tokens-limit", "100000",
        "anthropic-ratelimit-input-tokens-remaining", "70000",
        "anthropic-ratelimit-input-tokens-reset", "2026-11-28T00:00:40Z");
    route_ledger_standing(l, "a", "m", &big, NOON, &s);
    assert_true(s.usable);
    assert_int_equal(route_ledger_begin(l, "a", "m", &big, NOON, &ticket, NULL), 0);
    assert_int_equal(route_ledger_begin(l, "a", "m", &big, NOON, &ticket, NULL), 0);
    route_ledger_standing(l, "a", "m", &big, NOON, &s);
    assert_int_equal(s.state, ROUTE_STATE_WAITING); // 30,000 used, twice as much under way
    assert_int_equal(s.ready_ms, NOON + 40 * SECOND);
    route_ledger_free(l);
}

static void a_window_that_will_not_last_is_spared(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    char share[16];
    int64_t now = NOON;
    for (int i = 0; i <= 60; i++, now += MINUTE) { // 1 % a minute, five hours to go
        (void)snprintf(share, sizeof share, "%.2f", i / 100.0);
        ASK(l, "a", ROUTE_FAULT_NONE, now, "anthropic-ratelimit-unified-5h-utilization", share,
            "anthropic-ratelimit-unified-5h-reset", "1795842000");
    }
    struct route_standing s = look(l, "a", now);
    assert_int_equal(s.state, ROUTE_STATE_CONSERVE);
    assert_true(s.usable);
    // 40 % left at 1 % a minute.
    if (llabs(s.exhausts_ms - (now + 40 * MINUTE)) > 8 * MINUTE)
        fail_msg("forecast for %lld minutes", (long long)(s.exhausts_ms - now) / MINUTE);
    // Nothing more is sent: the forecast moves away, and after the reset all is well.
    assert_int_equal(look(l, "a", now + 3 * HOUR).state, ROUTE_STATE_OK);
    assert_int_equal(look(l, "a", NOON + 5 * HOUR).state, ROUTE_STATE_OK);
    assert_true(look(l, "a", NOON + 5 * HOUR).headroom == 1);
    route_ledger_free(l);
}

static void our_own_count_serves_where_no_header_does(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct err err;
    assert_int_equal(route_ledger_declare(l, "a", "plan", ROUTE_UNIT_REQUESTS, 10, 5 * HOUR, NULL),
                     0);
    int sent = 0;
    for (int64_t now = NOON; now < NOON + HOUR; now += MINUTE) {
        if (!look(l, "a", now).usable)
            continue;
        ASK(l, "a", ROUTE_FAULT_NONE, now, NULL);
        sent++;
    }
    assert_int_equal(sent, 10);
    assert_int_equal(look(l, "a", NOON + HOUR).ready_ms, NOON + 5 * HOUR);
    assert_true(look(l, "a", NOON + 5 * HOUR).usable);
    assert_int_equal(route_ledger_declare(l, "", "plan", ROUTE_UNIT_REQUESTS, 10, HOUR, &err),
                     ERR_INVAL);
    assert_int_equal(route_ledger_declare(l, "a", "x", ROUTE_UNIT_REQUESTS, -1, HOUR, &err),
                     ERR_INVAL);
    assert_int_equal(route_ledger_declare(l, "a", "x", ROUTE_UNIT_SHARE, 1, HOUR, &err), ERR_INVAL);
    route_ledger_free(l);
}

static void the_breaker_opens_tries_and_closes(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct route_standing s;
    uint64_t first, second;
    int64_t now = NOON;
    for (int i = 0; i < ROUTE_BREAKER_FAILURES; i++) {
        assert_true(look(l, "a", now).usable);
        ASK(l, "a", ROUTE_FAULT_SERVER, now, NULL);
    }
    static const int minutes[] = {5, 10, 20, 40, 60, 60};
    for (size_t i = 0; i < COUNT_OF(minutes); i++) {
        s = look(l, "a", now);
        assert_int_equal(s.breaker, ROUTE_BREAKER_OPEN);
        assert_false(s.usable);
        assert_int_equal(s.ready_ms, now + minutes[i] * MINUTE);
        now = s.ready_ms;
        assert_int_equal(look(l, "a", now).breaker, ROUTE_BREAKER_HALF_OPEN);
        ASK(l, "a", i % 2 ? ROUTE_FAULT_TIMEOUT : ROUTE_FAULT_OVERLOADED, now, NULL);
    }
    now += HOUR;
    assert_int_equal(route_ledger_begin(l, "a", "m", &usual, now, &first, NULL), 0);
    assert_false(look(l, "a", now).usable); // half open: one at a time
    route_ledger_end(l, first, &usual, NULL, ROUTE_FAULT_NONE, now);
    assert_int_equal(look(l, "a", now).breaker, ROUTE_BREAKER_CLOSED);
    // Another model of the same account was never concerned.
    route_ledger_standing(l, "a", "other", &usual, NOON, &s);
    assert_true(s.usable);
    // A request that is wrong says that the backend lives.
    ASK(l, "a", ROUTE_FAULT_SERVER, now, NULL);
    ASK(l, "a", ROUTE_FAULT_SERVER, now, NULL);
    ASK(l, "a", ROUTE_FAULT_REQUEST, now, NULL);
    ASK(l, "a", ROUTE_FAULT_SERVER, now, NULL);
    assert_true(look(l, "a", now).usable);
    // A probe that never came back is forgotten.
    ASK(l, "a", ROUTE_FAULT_MODEL, now, NULL);
    now += HOUR;
    assert_int_equal(route_ledger_begin(l, "a", "m", &usual, now, &first, NULL), 0);
    assert_false(look(l, "a", now + ROUTE_PROBE_LOST_MS - 1).usable);
    assert_true(look(l, "a", now + ROUTE_PROBE_LOST_MS).usable);
    assert_int_equal(route_ledger_begin(l, "a", "m", &usual, now, &second, NULL), 0);
    route_ledger_free(l);
}

static void a_restart_changes_nothing(void **state) {
    (void)state;
    struct route_ledger *l = ledger(), *next = ledger(), *third = ledger();
    struct route_row row;
    ASK(l, "a", ROUTE_FAULT_QUOTA, NOON, "anthropic-ratelimit-unified-5h-utilization", "1.0",
        "anthropic-ratelimit-unified-5h-reset", "1795827600");
    ASK(l, "b", ROUTE_FAULT_QUOTA, NOON, "retry-after", "3600");
    for (int i = 0; i < 3; i++)
        ASK(l, "c", ROUTE_FAULT_SERVER, NOON, NULL);
    assert_int_equal(route_ledger_declare(l, "d", "plan", ROUTE_UNIT_TOKENS, 5000, HOUR, NULL), 0);
    ASK(l, "d", ROUTE_FAULT_NONE, NOON, NULL);
    size_t rows = 0;
    for (size_t cursor = 0; route_ledger_row(l, &cursor, &row); rows++)
        assert_int_equal(route_ledger_restore(next, &row, NULL), 0);
    assert_int_equal(rows, 4 + 2 + 1);
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int64_t at = NOON; at < NOON + 2 * HOUR; at += 7 * MINUTE)
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            struct route_standing x = look(l, names[i], at), y = look(next, names[i], at);
            assert_memory_equal(&x, &y, sizeof x);
        }
    // The same as bytes; damaged ones are refused.
    struct route_ledger *fourth = ledger(), *fifth = ledger();
    AUTO_BUF bytes = {0};
    AUTO_BUF again = {0};
    assert_int_equal(route_ledger_write(l, &bytes, NULL), 0);
    assert_int_equal(route_ledger_read(fourth, bytes.data, bytes.len, NULL), 0);
    assert_int_equal(route_ledger_write(fourth, &again, NULL), 0);
    assert_int_equal(bytes.len, again.len);
    assert_memory_equal(bytes.data, again.data, bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(route_ledger_read(fifth, bytes.data, i, NULL), ERR_CORRUPT);
        bytes.data[i] ^= 0x20;
        assert_int_equal(route_ledger_read(fifth, bytes.data, bytes.len, NULL), ERR_CORRUPT);
        bytes.data[i] ^= 0x20;
    }
    size_t none = 0;
    assert_false(route_ledger_row(fifth, &none, &row));
    route_ledger_free(fourth);
    route_ledger_free(fifth);
    // Rows that nobody wrote are left out.
    row = (struct route_row){.account = "a"};
    struct route_row good = row;
    for (int i = 0; i < 9; i++) {
        row = good;
        row.kind = ROUTE_ROW_WINDOW;
        memcpy(row.name, "w", 2);
        switch (i) {
        case 0:
            row.limit = NAN;
            break;
        case 1:
            row.used = -1;
            break;
        case 2:
            row.reset_ms = INT64_MAX;
            break;
        case 3:
            memset(row.account, 'x', sizeof row.account);
            break;
        case 4:
            row.name[0] = '\0';
            break;
        case 5:
            row.kind = (enum route_row_kind)7;
            break;
        case 6:
            row.unit = (enum route_unit)9;
            break;
        case 7:
            row.kind = ROUTE_ROW_BREAKER;
            row.failures = 1000;
            break;
        default:
            row.backoff_ms = INT64_C(1) << 40;
            break;
        }
        assert_int_equal(route_ledger_restore(third, &row, NULL), ERR_INVAL);
    }
    size_t cursor = 0;
    assert_false(route_ledger_row(third, &cursor, &row));
    route_ledger_free(l);
    route_ledger_free(next);
    route_ledger_free(third);
}

static void tables_have_their_maximum(void **state) {
    (void)state;
    struct route_ledger *l = ledger();
    struct err err;
    char name[32];
    uint64_t ticket, first = 0;
    for (int i = 0; i < ROUTE_ACCOUNTS_MAX; i++) {
        (void)snprintf(name, sizeof name, "account-%d", i);
        ASK(l, name, ROUTE_FAULT_NONE, NOON, NULL);
    }
    assert_int_equal(route_ledger_begin(l, "one-more", "m", &usual, NOON, &ticket, &err), ERR_BUSY);
    assert_int_equal(route_ledger_begin(l, "bad name", "m", &usual, NOON, &ticket, &err),
                     ERR_INVAL);
    for (int i = 0; i < ROUTE_TICKETS_MAX; i++) {
        assert_int_equal(route_ledger_begin(l, "account-0", "m", &usual, NOON, &ticket, NULL), 0);
        first = first ? first : ticket;
    }
    assert_int_equal(route_ledger_begin(l, "account-0", "m", &usual, NOON, &ticket, &err),
                     ERR_BUSY);
    // Those that never ended are forgotten in time, and ending one of them then is harmless.
    int64_t later = NOON + ROUTE_TICKET_AGE_MS_MAX + 1;
    assert_int_equal(route_ledger_begin(l, "account-0", "m", &usual, later, &ticket, NULL), 0);
    route_ledger_end(l, first, &usual, NULL, ROUTE_FAULT_QUOTA, later);
    assert_true(look(l, "account-0", later).usable);
    for (int i = 0; i < ROUTE_BREAKERS_MAX + 10; i++) { // the oldest make room
        (void)snprintf(name, sizeof name, "model-%d", i);
        assert_int_equal(route_ledger_begin(l, "account-0", name, &usual, later + i, &ticket, NULL),
                         0);
        route_ledger_end(l, ticket, &usual, NULL, ROUTE_FAULT_MODEL, later + i);
    }
    struct route_standing s;
    route_ledger_standing(l, "account-0", name, &usual, later + 1000, &s);
    assert_int_equal(s.breaker, ROUTE_BREAKER_OPEN);
    route_ledger_free(l);
}

static void without_memory_there_is_no_ledger(void **state) {
    (void)state;
    struct route_ledger *l;
    struct err err;
    mem_fail_at(1);
    assert_int_equal(route_ledger_new(&l, &err), ERR_NOMEM);
    mem_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_account_is_ok),
        cmocka_unit_test(a_transient_429_waits_and_a_quota_429_leaves),
        cmocka_unit_test(after_the_reset_one_request_probes),
        cmocka_unit_test(an_account_returns_only_when_all_its_windows_have),
        cmocka_unit_test(a_window_of_one_model_leaves_the_others_alone),
        cmocka_unit_test(what_is_under_way_counts),
        cmocka_unit_test(a_window_that_will_not_last_is_spared),
        cmocka_unit_test(our_own_count_serves_where_no_header_does),
        cmocka_unit_test(the_breaker_opens_tries_and_closes),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(tables_have_their_maximum),
        cmocka_unit_test(without_memory_there_is_no_ledger),
    };
    return cmocka_run_group_tests_name("route/ledger", tests, NULL, NULL);
}
