#include "federation/tag.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define NOON ((int64_t)20454 * TAG_DAY_MS + TAG_DAY_MS / 2)

static void fill(uint8_t *bytes, size_t n, uint32_t number) {
    for (size_t i = 0; i < n; i++) {
        number = number * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(number >> 24);
    }
}

struct device {
    uint8_t key[HINT_DEVICE_BYTES], local[TAG_SECRET_BYTES];
    struct tag_table *t;
};

static struct device device(uint32_t number, int64_t wall_ms) {
    struct device d;
    fill(d.key, sizeof d.key, 1000 + number);
    fill(d.local, sizeof d.local, 500000 + number);
    assert_int_equal(tag_table_new(d.key, d.local, wall_ms, &d.t, NULL), 0);
    return d;
}

static void befriend(struct device *a, struct device *b, uint32_t number) {
    uint8_t secret[TAG_SECRET_BYTES];
    fill(secret, sizeof secret, 900000 + number);
    assert_int_equal(tag_table_put(a->t, b->key, secret, NULL), 0);
    assert_int_equal(tag_table_put(b->t, a->key, secret, NULL), 0);
}

// How many of what `from` announces `to` knows; the last of them in *hit, its key checked.
static int known(const struct device *from, const struct device *to, struct tag_hit *hit) {
    int n = 0;
    for (uint32_t g = 0; g < tag_groups(from->t); g++) {
        struct tag tags[TAG_GROUP];
        tag_group(from->t, g, tags);
        for (int i = 0; i < TAG_GROUP; i++)
            if (tag_find(to->t, tags[i].tag, hit)) {
                assert_memory_equal(hit->key, tags[i].key, TAG_KEY_BYTES);
                n++;
            }
    }
    return n;
}

static void a_friend_is_recognised_and_nobody_else_is(void **state) {
    struct device a = device(1, NOON), b = device(2, NOON), c = device(3, NOON);
    struct tag_hit hit;
    (void)state;
    assert_int_equal(tag_groups(a.t), 0); // nobody to announce anything to
    befriend(&a, &b, 1);
    befriend(&b, &c, 2);
    assert_int_equal(tag_groups(a.t), 1);
    assert_int_equal(known(&a, &b, &hit), 1);
    assert_int_equal(hit.about, HINT_FRIEND);
    assert_memory_equal(hit.device, a.key, sizeof a.key);
    assert_int_equal(known(&a, &c, &hit), 0);
    assert_int_equal(known(&a, &a, &hit), 0); // its own come back to it
    tag_table_remove(b.t, a.key);
    assert_int_equal(known(&a, &b, &hit), 0);
    assert_int_equal(known(&c, &b, &hit), 1);
    assert_int_equal(tag_table_put(a.t, a.key, a.local, NULL), ERR_INVAL);
    tag_table_free(a.t);
    tag_table_free(b.t);
    tag_table_free(c.t);
    tag_table_free(NULL);
}

static void a_clock_that_is_a_day_off_is_recognised_and_two_are_not(void **state) {
    (void)state;
    for (int off = -48; off <= 48; off += 6) {
        struct device a = device(1, NOON), b = device(2, NOON + (int64_t)off * 3600000);
        struct tag_hit hit;
        befriend(&a, &b, 1);
        int want = abs(off) <= 24 ? 1 : abs(off) >= 48 ? 0 : known(&a, &b, &hit);
        assert_int_equal(known(&a, &b, &hit), want);
        assert_int_equal(known(&b, &a, &hit), want);
        tag_table_free(a.t);
        tag_table_free(b.t);
    }
}

static void a_table_that_lives_through_the_days_is_as_one_made_today(void **state) {
    static const int64_t days[] = {0, 1, 2, 3, 2, 1, 9, -4, 0};
    struct device a = device(1, NOON), b = device(2, NOON);
    struct tag_hit hit;
    (void)state;
    befriend(&a, &b, 1);
    tag_table_show_code(a.t, 7);
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        int64_t now = NOON + days[i] * TAG_DAY_MS;
        tag_table_turn(b.t, now);
        for (int off = -2; off <= 2; off++) {
            tag_table_turn(a.t, now + (int64_t)off * TAG_DAY_MS);
            tag_table_seek_code(b.t, -1);
            assert_int_equal(known(&a, &b, &hit), abs(off) < 2);
            tag_table_seek_code(b.t, 7);
            assert_int_equal(known(&a, &b, &hit), abs(off) < 2 ? 2 : 0);
        }
    }
    tag_table_free(a.t);
    tag_table_free(b.t);
}

static int by_tag(const void *x, const void *y) {
    return memcmp(x, y, TAG_BYTES);
}

static void nothing_of_one_day_comes_again_on_another(void **state) {
    enum { DAYS = 30 };
    static uint8_t seen[DAYS * TAG_GROUP][TAG_BYTES];
    char names[DAYS][TAG_NAME_CHARS + 1];
    struct device a = device(1, NOON), b = device(2, NOON);
    (void)state;
    befriend(&a, &b, 1);
    for (int day = 0; day < DAYS; day++) {
        struct tag tags[TAG_GROUP];
        tag_table_turn(a.t, NOON + (int64_t)day * TAG_DAY_MS);
        tag_group(a.t, 0, tags);
        for (int i = 0; i < TAG_GROUP; i++)
            memcpy(seen[day * TAG_GROUP + i], tags[i].tag, TAG_BYTES);
        tag_name(a.t, 0, names[day]);
        assert_int_equal(strlen(names[day]), TAG_NAME_CHARS);
        for (int before = 0; before < day; before++)
            assert_string_not_equal(names[before], names[day]);
    }
    qsort(seen, COUNT_OF(seen), TAG_BYTES, by_tag);
    for (size_t i = 1; i < COUNT_OF(seen); i++)
        assert_memory_not_equal(seen[i - 1], seen[i], TAG_BYTES);
    tag_table_free(a.t);
    tag_table_free(b.t);
}

// Within a day the announcement stays as it is, filling and all: who watches for an hour, or over a
// restart, does not learn which of it is filling.
static void within_a_day_it_says_the_same(void **state) {
    struct device a = device(1, NOON), again = device(1, NOON + 3600000), b = device(2, NOON);
    struct tag one[TAG_GROUP], two[TAG_GROUP];
    (void)state;
    befriend(&a, &b, 1);
    befriend(&again, &b, 1);
    tag_group(a.t, 0, one);
    tag_table_turn(again.t, NOON + 2 * 3600000);
    tag_group(again.t, 0, two);
    assert_memory_equal(one, two, sizeof one);
    for (int i = 1; i < TAG_GROUP; i++)
        assert_true(memcmp(one[i - 1].tag, one[i].tag, TAG_BYTES) < 0);
    tag_table_free(a.t);
    tag_table_free(again.t);
    tag_table_free(b.t);
}

static void the_sides_of_a_code_find_each_other(void **state) {
    struct device shows = device(1, NOON), seeks = device(2, NOON), other = device(3, NOON);
    struct tag_hit hit;
    (void)state;
    tag_table_show_code(shows.t, 7);
    tag_table_seek_code(seeks.t, 7);
    tag_table_seek_code(other.t, 8);
    assert_int_equal(tag_groups(shows.t), 1);
    assert_true(tag_table_pairing(shows.t));
    assert_int_equal(known(&shows, &seeks, &hit), 1);
    assert_int_equal(hit.about, HINT_CODE_HERE);
    assert_int_equal(known(&seeks, &shows, &hit), 1);
    assert_int_equal(hit.about, HINT_CODE_SOUGHT);
    assert_int_equal(known(&shows, &other, &hit), 0);
    assert_int_equal(known(&other, &shows, &hit), 0);
    tag_table_show_code(other.t, 7); // two that show the same do not meet
    assert_int_equal(known(&other, &shows, &hit), 0);
    tag_table_show_code(shows.t, -1);
    assert_int_equal(tag_groups(shows.t), 0);
    assert_int_equal(known(&seeks, &shows, &hit), 0);
    tag_table_free(shows.t);
    tag_table_free(seeks.t);
    tag_table_free(other.t);
}

static void ten_thousand_friends_are_found_each(void **state) {
    enum { FRIENDS = 10000 };
    struct device a = device(0, NOON);
    struct tag_hit hit;
    struct tag tag;
    uint8_t key[HINT_DEVICE_BYTES], secret[TAG_SECRET_BYTES];
    (void)state;
    uint64_t start = env_now_mono_ns();
    for (uint32_t i = 0; i < FRIENDS; i++) {
        fill(key, sizeof key, 2000 + i);
        fill(secret, sizeof secret, 600000 + i);
        assert_int_equal(tag_table_put(a.t, key, secret, NULL), 0);
    }
    uint64_t put = env_now_mono_ns();
    tag_table_turn(a.t, NOON + TAG_DAY_MS);
    uint64_t turned = env_now_mono_ns();
    for (uint32_t i = 0; i < FRIENDS; i++) {
        fill(key, sizeof key, 2000 + i);
        fill(secret, sizeof secret, 600000 + i);
        tag_derive(secret, tag_table_day(a.t) - 1 + i % 3, key, &tag);
        assert_true(tag_find(a.t, tag.tag, &hit));
        assert_memory_equal(hit.device, key, sizeof key);
        assert_memory_equal(hit.key, tag.key, sizeof tag.key);
    }
    uint64_t found = env_now_mono_ns();
    for (uint32_t i = 0; i < 1000000; i++) {
        memcpy(tag.tag, &i, sizeof i);
        assert_false(tag_find(a.t, tag.tag, &hit));
    }
    print_message("put %.1f us, new day %.1f ms, hit %.2f us, miss %.0f ns\n",
                  (double)(put - start) / 1e3 / FRIENDS, (double)(turned - put) / 1e6,
                  (double)(found - turned) / 1e3 / FRIENDS,
                  (double)(env_now_mono_ns() - found) / 1e6);
    assert_int_equal(tag_groups(a.t), (FRIENDS + TAG_GROUP_FRIENDS - 1) / TAG_GROUP_FRIENDS);
    for (uint32_t i = 0; i < 100; i++) {
        fill(key, sizeof key, 2000 + 100 * i);
        tag_table_remove(a.t, key);
        tag_table_remove(a.t, key);
    }
    assert_int_equal(tag_table_friends(a.t), FRIENDS - 100);
    fill(secret, sizeof secret, 600000 + FRIENDS - 1); // moved by the removals
    fill(key, sizeof key, 2000 + FRIENDS - 1);
    tag_derive(secret, tag_table_day(a.t), key, &tag);
    assert_true(tag_find(a.t, tag.tag, &hit));
    tag_table_free(a.t);
}

static bool is_odd(void *ctx, const uint8_t device[HINT_DEVICE_BYTES]) {
    size_t *asked = ctx;
    ++*asked;
    return device[1] & 1;
}

static void the_same_again_is_no_change_and_friends_go_at_once(void **state) {
    struct device a = device(0, NOON);
    struct tag_hit hit;
    struct tag tag;
    size_t asked = 0;
    (void)state;
    for (uint8_t i = 0; i < 9; i++) {
        const uint8_t key[HINT_DEVICE_BYTES] = {77, i}, secret[TAG_SECRET_BYTES] = {i};
        assert_int_equal(tag_table_put(a.t, key, secret, NULL), 0);
    }
    uint64_t version = tag_table_version(a.t);
    const uint8_t fifth[HINT_DEVICE_BYTES] = {77, 5}, same[TAG_SECRET_BYTES] = {5}, new[32] = {99};
    assert_int_equal(tag_table_put(a.t, fifth, same, NULL), 0);
    assert_int_equal(tag_table_version(a.t), version);
    assert_int_equal(tag_table_put(a.t, fifth, new, NULL), 0);
    assert_true(tag_table_version(a.t) > version);
    version = tag_table_version(a.t);
    tag_table_retain(a.t, is_odd, &asked);
    assert_int_equal(asked, 9);
    assert_int_equal(tag_table_friends(a.t), 4);
    assert_true(tag_table_version(a.t) > version);
    for (uint8_t i = 0; i < 9; i++) {
        const uint8_t key[HINT_DEVICE_BYTES] = {77, i}, secret[TAG_SECRET_BYTES] = {i};
        tag_derive(i == 5 ? new : secret, tag_table_day(a.t), key, &tag);
        assert_int_equal(tag_find(a.t, tag.tag, &hit), i & 1);
    }
    version = tag_table_version(a.t);
    tag_table_retain(a.t, is_odd, &asked);
    assert_int_equal(tag_table_version(a.t), version);
    tag_table_free(a.t);
}

static void the_table_has_a_maximum_and_survives_want_of_memory(void **state) {
    struct device a = device(0, NOON);
    uint8_t key[HINT_DEVICE_BYTES], secret[TAG_SECRET_BYTES];
    (void)state;
    for (uint32_t i = 0; i < TAG_FRIENDS_MAX; i++) {
        fill(key, sizeof key, 2000 + i);
        fill(secret, sizeof secret, 600000 + i);
        if ((i & (i - 1)) == 0) // where it may grow
            for (uint64_t nth = 1; nth <= 3; nth++) {
                mem_fail_at(nth);
                int r = tag_table_put(a.t, key, secret, NULL);
                mem_fail_at(0);
                assert_true(r == 0 || r == ERR_NOMEM);
            }
        assert_int_equal(tag_table_put(a.t, key, secret, NULL), 0);
        if (i < 64)
            assert_int_equal(tag_table_friends(a.t), i + 1);
    }
    assert_int_equal(tag_table_put(a.t, key, secret, NULL), 0); // known
    fill(key, sizeof key, 1);
    assert_int_equal(tag_table_put(a.t, key, secret, NULL), ERR_LIMIT);
    tag_table_free(a.t);
    mem_fail_at(1);
    assert_int_equal(tag_table_new(a.key, a.local, NOON, &a.t, NULL), ERR_NOMEM);
    mem_fail_at(0);
}

// Also in docs/FEDERATION.md, for who writes another one.
static void the_documented_vector(void **state) {
    uint8_t secret[TAG_SECRET_BYTES], from[HINT_DEVICE_BYTES];
    struct tag it;
    (void)state;
    for (size_t i = 0; i < sizeof secret; i++) {
        secret[i] = (uint8_t)i;
        from[i] = (uint8_t)(0x80 + i);
    }
    tag_derive(secret, 20454, from, &it);
    static const uint8_t want[TAG_BYTES] = {0xef, 0x6e, 0x46, 0xa6, 0xb4, 0x06, 0x30, 0xb7};
    assert_memory_equal(it.tag, want, sizeof want);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_friend_is_recognised_and_nobody_else_is),
        cmocka_unit_test(a_clock_that_is_a_day_off_is_recognised_and_two_are_not),
        cmocka_unit_test(a_table_that_lives_through_the_days_is_as_one_made_today),
        cmocka_unit_test(nothing_of_one_day_comes_again_on_another),
        cmocka_unit_test(within_a_day_it_says_the_same),
        cmocka_unit_test(the_sides_of_a_code_find_each_other),
        cmocka_unit_test(ten_thousand_friends_are_found_each),
        cmocka_unit_test(the_same_again_is_no_change_and_friends_go_at_once),
        cmocka_unit_test(the_table_has_a_maximum_and_survives_want_of_memory),
        cmocka_unit_test(the_documented_vector),
    };
    return cmocka_run_group_tests_name("federation/tag", tests, NULL, NULL);
}
