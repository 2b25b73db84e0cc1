#include "federation/groups.h"

#include "tests/unit/protocol/fake_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct {
    struct fake_env clock;
    struct db *db;
    struct peersdb *p;
    struct groups *g;
} box;

static void open_groups(void) {
    struct groups_config config = {.env = &box.clock.env, .peers = box.p};
    assert_int_equal(groups_new(&config, &box.g, NULL), 0);
}

static int setup(void **state) {
    struct peersdb_config config = {.epoch = 1};
    (void)state;
    memset(&box, 0, sizeof box);
    fake_env_init(&box.clock);
    if (db_open_plain(":memory:", DB_CREATE, &box.db, NULL) < 0 ||
        peersdb_open(box.db, &config, &box.p, NULL) < 0)
        return -1;
    open_groups();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    groups_free(box.g);
    peersdb_close(box.p);
    db_close(box.db);
    return 0;
}

static void keep(void *ctx, const struct group *g) {
    *(struct group *)ctx = *g;
}

static void a_tag_is_of_one_group_session_and_side(void **state) {
    (void)state;
    uint8_t secret[GROUPS_SECRET_BYTES] = {1}, other[GROUPS_SECRET_BYTES] = {2};
    uint8_t session[CHANNEL_BINDING_BYTES] = {3}, later[CHANNEL_BINDING_BYTES] = {4};
    uint8_t tag[5][GROUPS_TAG_BYTES];
    groups_tag(secret, session, true, tag[0]);
    groups_tag(secret, session, false, tag[1]); // else showing it back would prove membership
    groups_tag(secret, later, true, tag[2]);
    groups_tag(other, session, true, tag[3]);
    groups_tag(secret, session, true, tag[4]);
    for (int i = 1; i < 4; i++)
        assert_memory_not_equal(tag[0], tag[i], sizeof tag[0]);
    assert_memory_equal(tag[0], tag[4], sizeof tag[0]);
}

static void membership_lasts_and_its_scope_is_the_secrets(void **state) {
    (void)state;
    uint8_t secret[GROUPS_SECRET_BYTES];
    struct group g = {0};
    struct scope s = {.kind = RECORD_PATTERN};
    memset(secret, 7, sizeof secret);
    assert_int_equal(groups_join(box.g, "team", secret, NULL), 0);
    assert_int_equal(groups_join(box.g, "team", secret, NULL), 0);
    secret[0]++;
    assert_int_equal(groups_join(box.g, "team", secret, NULL), ERR_EXISTS);
    secret[0]--;
    groups_free(box.g);
    open_groups();
    groups_each(box.g, keep, &g);
    assert_string_equal(g.name, "team");
    assert_int_equal(groups_scope(box.g, "team", &s, NULL), 0);
    assert_int_equal(s.audience, SCOPE_GROUP);
    assert_memory_equal(s.secret, secret, sizeof secret);
    assert_int_equal(groups_leave(box.g, "team", NULL), 0);
    assert_int_equal(groups_leave(box.g, "team", NULL), ERR_NOT_FOUND);
    assert_int_equal(groups_scope(box.g, "team", &s, NULL), ERR_NOT_FOUND);
}

static void there_are_so_many_groups_and_names(void **state) {
    (void)state;
    char name[16];
    for (int i = 0; i < GROUPS_MAX; i++) {
        (void)snprintf(name, sizeof name, "g%d", i);
        assert_int_equal(groups_join(box.g, name, NULL, NULL), 0);
    }
    assert_int_equal(groups_join(box.g, "more", NULL, NULL), ERR_LIMIT);
    assert_int_equal(groups_leave(box.g, "g3", NULL), 0);
    assert_int_equal(groups_join(box.g, "a b", NULL, NULL), ERR_INVAL);
    assert_int_equal(groups_join(box.g, "", NULL, NULL), ERR_INVAL);
    assert_int_equal(groups_join(box.g, "\xff", NULL, NULL), ERR_INVAL);
    assert_int_equal(groups_join(box.g, "\xc3\xa9quipe", NULL, NULL), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tag_is_of_one_group_session_and_side, setup, teardown),
        cmocka_unit_test_setup_teardown(membership_lasts_and_its_scope_is_the_secrets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(there_are_so_many_groups_and_names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
