// Peer-bound tags: k others or nothing, and only for who holds the pattern.
#include "core/base/mem.h"
#include "core/privacy/tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCH = 2026 * 12 + 10 };

static uint64_t seed = 88172645463325252U;
static uint32_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20);
}

static void key_of(uint32_t who, uint8_t ret[TAGS_KEY_BYTES]) {
    memset(ret, 0xa5, TAGS_KEY_BYTES);
    memcpy(ret, &who, sizeof who);
}
static void id_of(uint32_t what, uint8_t ret[TAGS_ID_BYTES]) {
    memset(ret, 0x3c, TAGS_ID_BYTES);
    memcpy(ret, &what, sizeof what);
}

// What `who` tells `reader` of these patterns.
static void tell(struct buf *body, uint32_t who, uint32_t reader, int64_t epoch,
                 const uint32_t *patterns, uint32_t count, struct payload *ret) {
    uint8_t author[TAGS_KEY_BYTES], to[TAGS_KEY_BYTES], ids[64][TAGS_ID_BYTES];
    key_of(who, author);
    key_of(reader, to);
    assert_true(count <= COUNT_OF(ids));
    for (uint32_t i = 0; i < count; i++)
        id_of(patterns[i], ids[i]);
    buf_clear(body);
    assert_int_equal(
        tags_body(author, to, epoch, (const uint8_t(*)[TAGS_ID_BYTES])ids, count, body, NULL), 0);
    assert_int_equal(payload_parse(body->data, body->len, ret, NULL), 0);
}

static int hear(struct tags_heard *t, uint32_t who, uint32_t reader, int64_t epoch,
                uint32_t pattern) {
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    struct payload p;
    uint8_t author[TAGS_KEY_BYTES];
    key_of(who, author);
    tell(&body, who, reader, epoch, &pattern, 1, &p);
    return tags_hear(t, author, &p, NULL);
}

static struct tags_heard *ears_of(uint32_t who) {
    uint8_t reader[TAGS_KEY_BYTES];
    key_of(who, reader);
    struct tags_heard *t = tags_heard_new(reader, EPOCH);
    assert_non_null(t);
    return t;
}

static void a_pattern_is_shown_when_two_others_hold_it(void **state) {
    uint8_t id[TAGS_ID_BYTES], other[TAGS_ID_BYTES];
    struct tags_heard *t = ears_of(1);
    (void)state;
    id_of(7, id);
    id_of(8, other);
    assert_false(tags_reveal(t, id));
    assert_int_equal(hear(t, 2, 1, EPOCH, 7), 0);
    assert_int_equal(tags_holders(t, id), 1);
    assert_false(tags_reveal(t, id));
    assert_int_equal(hear(t, 2, 1, EPOCH, 7), 0); // said twice, counted once
    assert_false(tags_reveal(t, id));
    assert_int_equal(hear(t, 3, 1, EPOCH - 1, 7), 0); // last month's count
    assert_true(tags_reveal(t, id));
    assert_false(tags_reveal(t, other));
    assert_int_equal(hear(t, 3, 1, EPOCH, 9), 0); // 3 does not hold it any more
    assert_false(tags_reveal(t, id));
    assert_int_equal(hear(t, 3, 1, EPOCH - 1, 7), 0); // an older one that comes later
    assert_false(tags_reveal(t, id));
    tags_heard_free(t);
}

static void what_is_not_for_us_counts_nothing(void **state) {
    uint8_t id[TAGS_ID_BYTES], author[TAGS_KEY_BYTES];
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    struct payload p;
    uint32_t pattern = 7;
    struct tags_heard *t = ears_of(1);
    (void)state;
    id_of(7, id);
    assert_int_equal(hear(t, 1, 1, EPOCH, 7), ERR_INVAL); // our own voice
    assert_int_equal(hear(t, 2, 1, EPOCH - 2, 7), ERR_TIMEOUT);
    assert_int_equal(hear(t, 2, 1, EPOCH + 1, 7), ERR_TIMEOUT);
    assert_int_equal(hear(t, 2, 9, EPOCH, 7), 0); // told to another reader: bound to him
    assert_int_equal(tags_holders(t, id), 0);
    tell(&body, 3, 1, EPOCH, &pattern, 1, &p); // 3's tags, repeated by 4 as its own
    key_of(4, author);
    assert_int_equal(tags_hear(t, author, &p, NULL), 0);
    assert_int_equal(tags_holders(t, id), 0);
    tags_heard_free(t);
}

static void what_everybody_reads_counts_too(void **state) {
    static const uint8_t everyone[TAGS_KEY_BYTES];
    uint8_t id[TAGS_ID_BYTES], author[TAGS_KEY_BYTES], ids[1][TAGS_ID_BYTES];
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    struct payload p;
    struct tags_heard *t = ears_of(1);
    (void)state;
    id_of(7, id);
    id_of(7, ids[0]);
    key_of(2, author);
    assert_int_equal(
        tags_body(author, everyone, EPOCH, (const uint8_t(*)[TAGS_ID_BYTES])ids, 1, &body, NULL),
        0);
    assert_int_equal(payload_parse(body.data, body.len, &p, NULL), 0);
    assert_int_equal(tags_hear(t, author, &p, NULL), 0);
    assert_int_equal(tags_holders(t, id), 1);
    tags_heard_free(t);
}

// 30 % Sybils among friends, who hold nothing and try what they can: repeating other's tags as
// their own, tags of last month, random ones, tags told to others. What fewer than k - 1 honest
// friends hold is never shown; what as many hold always is.
static void sybils_reveal_nothing(void **state) {
    enum { WORLDS = 40, FRIENDS = 30, SYBILS = 9, PATTERNS = 40 };
    uint32_t shown = 0, hidden = 0;
    (void)state;
    for (uint32_t world = 0; world < WORLDS; world++) {
        bool holds[FRIENDS][PATTERNS] = {{false}};
        struct tags_heard *t = ears_of(1000);
        struct buf bodies[FRIENDS] = {{0}};
        struct payload said[FRIENDS];
        for (uint32_t f = SYBILS; f < FRIENDS; f++) {
            uint32_t list[PATTERNS], n = 0;
            for (uint32_t p = 0; p < PATTERNS; p++)
                if (next() % 16 == 0) {
                    holds[f][p] = true;
                    list[n++] = p;
                }
            uint8_t author[TAGS_KEY_BYTES];
            key_of(f, author);
            bodies[f] = BUF_INIT(PAYLOAD_BYTES_MAX);
            tell(&bodies[f], f, 1000, EPOCH, list, n, &said[f]);
            assert_int_equal(tags_hear(t, author, &said[f], NULL), 0);
        }
        for (uint32_t f = 0; f < SYBILS; f++) {
            uint8_t author[TAGS_KEY_BYTES];
            key_of(f, author);
            struct payload p = said[SYBILS + next() % (FRIENDS - SYBILS)];
            if (f % 3 == 1)
                p.epoch--; // as if of last month
            AUTO_BUF own = BUF_INIT(PAYLOAD_BYTES_MAX);
            uint32_t guess[8];
            for (uint32_t i = 0; i < COUNT_OF(guess); i++)
                guess[i] = PATTERNS + next();
            if (f % 3 == 2) // does not hold what it says it holds
                tell(&own, f, 1000, EPOCH, guess, COUNT_OF(guess), &p);
            assert_int_equal(tags_hear(t, author, &p, NULL), 0);
        }
        for (uint32_t p = 0; p < PATTERNS; p++) {
            uint32_t honest = 0;
            uint8_t id[TAGS_ID_BYTES];
            id_of(p, id);
            for (uint32_t f = SYBILS; f < FRIENDS; f++)
                honest += holds[f][p];
            assert_int_equal(tags_reveal(t, id), honest + 1 >= TAGS_K);
            shown += honest + 1 >= TAGS_K;
            hidden += honest + 1 < TAGS_K;
        }
        for (uint32_t f = 0; f < FRIENDS; f++)
            buf_done(&bodies[f]);
        tags_heard_free(t);
    }
    assert_true(shown > 100 && hidden > 100); // the test has both
}

// Neither two readers nor two months, nor a reader without the pattern, have anything to compare.
static void tags_differ_by_author_reader_month_and_pattern(void **state) {
    uint8_t a[TAGS_KEY_BYTES], b[TAGS_KEY_BYTES], id[TAGS_ID_BYTES], id2[TAGS_ID_BYTES];
    uint8_t tags[6][PAYLOAD_TAG_BYTES];
    (void)state;
    key_of(1, a);
    key_of(2, b);
    id_of(7, id);
    id_of(8, id2);
    tags_make(a, b, EPOCH, id, tags[0]);
    tags_make(b, a, EPOCH, id, tags[1]);
    tags_make(a, a, EPOCH, id, tags[2]);
    tags_make(a, b, EPOCH + 1, id, tags[3]);
    tags_make(a, b, EPOCH, id2, tags[4]);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(tags[i], tags[k], PAYLOAD_TAG_BYTES);
    // Written in docs/FEDERATION.md: no change of it goes unnoticed.
    static const uint8_t known[PAYLOAD_TAG_BYTES] = {0x51, 0xfe, 0xe2, 0xcc, 0xbe, 0x74,
                                                     0x65, 0xd2, 0x93, 0x2c, 0xc6, 0x50,
                                                     0xe7, 0x7c, 0xf2, 0xf8};
    memset(a, 0, sizeof a);
    memset(b, 1, sizeof b);
    memset(id, 2, sizeof id);
    tags_make(a, b, 24322, id, tags[5]);
    assert_memory_equal(tags[5], known, sizeof known);
}

static void months_are_counted_in_utc(void **state) {
    (void)state;
    assert_int_equal(tags_epoch(0), 1970 * 12);
    assert_int_equal(tags_epoch(INT64_C(1795910400000) - 1), 2026 * 12 + 10); // 2026-11-28
    assert_int_equal(tags_epoch(INT64_C(1767225600000) - 1), 2025 * 12 + 11);
    assert_int_equal(tags_epoch(INT64_C(1767225600000)), 2026 * 12);
}

static void memory_may_run_out(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
        struct payload p;
        uint8_t author[TAGS_KEY_BYTES], id[TAGS_ID_BYTES], reader[TAGS_KEY_BYTES];
        uint32_t pattern = 7;
        tell(&body, 2, 1, EPOCH, &pattern, 1, &p);
        key_of(2, author);
        key_of(1, reader);
        id_of(7, id);
        mem_fail_at(nth);
        struct tags_heard *t = tags_heard_new(reader, EPOCH);
        int r = t ? tags_hear(t, author, &p, NULL) : ERR_NOMEM;
        bool done = mem_count() < nth;
        mem_fail_at(0);
        if (t)
            assert_int_equal(tags_holders(t, id), r == 0);
        tags_heard_free(t);
        if (done) {
            assert_int_equal(r, 0);
            break;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_shown_when_two_others_hold_it),
        cmocka_unit_test(what_is_not_for_us_counts_nothing),
        cmocka_unit_test(what_everybody_reads_counts_too),
        cmocka_unit_test(sybils_reveal_nothing),
        cmocka_unit_test(tags_differ_by_author_reader_month_and_pattern),
        cmocka_unit_test(months_are_counted_in_utc),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests_name("privacy/tags", tests, NULL, NULL);
}
