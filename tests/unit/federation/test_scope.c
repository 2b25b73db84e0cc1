#include "federation/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void id_of(struct scope s, uint8_t ret[RECORD_SCOPE_BYTES]) {
    scope_id(&s, ret);
}

static void direction_kind_and_audience_make_other_scopes(void **state) {
    (void)state;
    struct scope base = {.kind = RECORD_PATTERN, .audience = SCOPE_FRIEND}, s;
    uint8_t a[RECORD_SCOPE_BYTES], b[RECORD_SCOPE_BYTES];
    memset(base.author, 1, sizeof base.author);
    memset(base.reader, 2, sizeof base.reader);
    id_of(base, a);
    id_of(base, b);
    assert_memory_equal(a, b, sizeof a);
    s = base;
    memset(s.author, 2, sizeof s.author);
    memset(s.reader, 1, sizeof s.reader);
    id_of(s, b);
    assert_memory_not_equal(a, b, sizeof a);
    s = base;
    s.kind = RECORD_DECISION;
    id_of(s, b);
    assert_memory_not_equal(a, b, sizeof a);
    s = base;
    s.audience = SCOPE_EVERYONE;
    id_of(s, b);
    assert_memory_not_equal(a, b, sizeof a);
}

// What an audience does not have cannot change its scope: both sides must come to the same.
static void what_the_audience_does_not_have_is_left_out(void **state) {
    (void)state;
    struct scope s = {.kind = RECORD_PATTERN, .audience = SCOPE_EVERYONE}, t = s;
    uint8_t a[RECORD_SCOPE_BYTES], b[RECORD_SCOPE_BYTES];
    memset(t.author, 7, sizeof t.author);
    memset(t.reader, 7, sizeof t.reader);
    memset(t.secret, 7, sizeof t.secret);
    strcpy(t.group, "team");
    id_of(s, a);
    id_of(t, b);
    assert_memory_equal(a, b, sizeof a);
    s.audience = t.audience = SCOPE_GROUP;
    id_of(s, a);
    id_of(t, b);
    assert_memory_not_equal(a, b, sizeof a);
    strcpy(s.group, "team");
    id_of(s, a);
    assert_memory_not_equal(a, b, sizeof a); // the secret
    memset(s.secret, 7, sizeof s.secret);
    id_of(s, a);
    assert_memory_equal(a, b, sizeof a);
}

// Stored records are found by it in later versions, too.
static void the_bytes_stay(void **state) {
    (void)state;
    struct scope s = {.kind = RECORD_PATTERN, .audience = SCOPE_EVERYONE};
    uint8_t id[RECORD_SCOPE_BYTES];
    char hex[2 * RECORD_SCOPE_BYTES + 1];
    id_of(s, id);
    for (size_t i = 0; i < sizeof id; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
    assert_string_equal(hex, "9710e3f93e5fe14af9b15a57aa8a982c");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(direction_kind_and_audience_make_other_scopes),
        cmocka_unit_test(what_the_audience_does_not_have_is_left_out),
        cmocka_unit_test(the_bytes_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
