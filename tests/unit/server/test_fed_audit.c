// When a friend is asked to cosign again.
#include "server/fed_audit.h"

#include "core/store/checkpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW_S = 1700000000 };

static bool due(int64_t had, int64_t ago_s, int64_t entries) {
    const struct cosigned_last last = {had, NOW_S - ago_s};
    return fed_audit_due(&last, entries, NOW_S * INT64_C(1000));
}

static void a_friend_is_asked_hourly_or_when_much_was_added(void **state) {
    const struct cosigned_last never = {.entries = 0};
    (void)state;
    assert_true(fed_audit_due(&never, 1, NOW_S * INT64_C(1000)));
    assert_false(due(10, FED_AUDIT_HOUR_S - 1, 11));
    assert_true(due(10, FED_AUDIT_HOUR_S, 11));
    assert_false(due(10, 10 * FED_AUDIT_HOUR_S, 10)); // nothing new
    assert_false(due(10, 0, 10 + FED_AUDIT_ENTRIES - 1));
    assert_true(due(10, 0, 10 + FED_AUDIT_ENTRIES));
    assert_false(due(10, -FED_AUDIT_HOUR_S + 1, 11)); // our clock went back a little
    assert_true(due(10, -FED_AUDIT_HOUR_S, 11));      // and by more than that
    assert_false(due(10, FED_AUDIT_HOUR_S, 9));       // shorter than what it has: shown when asked
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_friend_is_asked_hourly_or_when_much_was_added),
    };
    return cmocka_run_group_tests_name("server/fed_audit", tests, NULL, NULL);
}
