#include "federation/records.h"

#include "core/base/mem.h"
#include "tests/unit/federation/records_maker.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct maker alice, bob;
static uint8_t body[RECORD_BODY_BYTES_MAX + 1];

static int prepare(void **state) {
    (void)state;
    maker_init(&alice, 1);
    maker_init(&bob, 2);
    return 0;
}

static int parse(const struct buf *b, struct record *ret, uint8_t id[RECORD_ID_BYTES]) {
    return records_open((const uint8_t *)b->data, b->len, ret, id, NULL);
}

static void a_record_is_read_as_it_was_signed(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 999, RECORD_BODY_BYTES_MAX};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int refers = 0; refers < 2; refers++) {
            AUTO_BUF bytes = BUF_INIT(0);
            uint8_t id[RECORD_ID_BYTES], got_id[RECORD_ID_BYTES];
            struct record r = maker_record(&alice, body, sizes[i]), got;
            r.expires_ms = r.created_ms + 5;
            r.refers = refers;
            memset(r.refers_to, refers ? 7 : 0, sizeof r.refers_to);
            maker_sign(&alice, &r, &bytes, id);
            assert_int_equal(parse(&bytes, &got, got_id), 0);
            assert_memory_equal(id, got_id, sizeof id);
            assert_memory_equal(got.author, alice.signer.author, sizeof got.author);
            assert_memory_equal(got.refers_to, r.refers_to, sizeof got.refers_to);
            assert_int_equal(got.counter, r.counter);
            assert_int_equal(got.created_ms, r.created_ms);
            assert_int_equal(got.expires_ms, r.expires_ms);
            assert_int_equal(got.body_bytes, sizes[i]);
            assert_memory_equal(got.body, body, sizes[i]);
        }
}

// The layout is a promise: these bytes are written by nothing but this list.
static void a_record_has_the_bytes_that_are_documented(void **state) {
    (void)state;
    uint8_t want[RECORD_BYTES_MIN + 32 + 3] = {1, 5, 0, 1, 0, 0, 0, 3};
    struct record r = {.kind = RECORD_DECISION,
                       .counter = 0x0102,
                       .created_ms = 0x0304,
                       .expires_ms = 0x0506,
                       .refers = true,
                       .body = (const uint8_t *)"abc",
                       .body_bytes = 3};
    memset(r.author, 0xa1, 32), memset(want + 8, 0xa1, 32);
    memset(r.device, 0xa2, 32), memset(want + 40, 0xa2, 32);
    for (uint8_t i = 0; i < 6; i++)
        want[72 + 6 + i % 2 + i / 2 * 8] = (uint8_t)(i + 1);
    memset(r.scope, 0xa3, 16), memset(want + 96, 0xa3, 16);
    memset(r.refers_to, 0xa4, 32), memset(want + 112, 0xa4, 32);
    memcpy(want + 144, "abc", 3);
    memset(r.signature, 0xa5, 64), memset(want + 147, 0xa5, 64);
    AUTO_BUF bytes = BUF_INIT(0);
    assert_int_equal(record_format(&r, &bytes, NULL), 0);
    assert_int_equal(bytes.len, sizeof want);
    assert_memory_equal(bytes.data, want, sizeof want);
}

static void a_forged_signature_is_refused(void **state) {
    (void)state;
    AUTO_BUF bytes = BUF_INIT(0);
    uint8_t id[RECORD_ID_BYTES];
    struct record r = maker_record(&alice, body, 100), got;
    maker_sign(&alice, &r, &bytes, id);
    for (size_t i = 0; i < bytes.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[i] = (char)(bytes.data[i] ^ 1 << bit);
            int e = parse(&bytes, &got, id);
            // What is not a record any more, or not the author's; never accepted.
            assert_true(e == ERR_KEY || e == ERR_PARSE || e == ERR_VERSION);
            if (i >= bytes.len - RECORD_SIGNATURE_BYTES)
                assert_int_equal(e, ERR_KEY);
            bytes.data[i] = (char)(bytes.data[i] ^ 1 << bit);
        }
    memcpy(bytes.data + 40, bob.signer.device, 32); // another's name on it
    assert_int_equal(parse(&bytes, &got, id), ERR_KEY);
}

static void a_second_encoding_of_a_signature_is_refused(void **state) {
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    AUTO_BUF bytes = BUF_INIT(0);
    uint8_t id[RECORD_ID_BYTES];
    struct record r = maker_record(&alice, body, 10), got;
    maker_sign(&alice, &r, &bytes, id);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) { // S + L signs the same, were it let through
        uint8_t *s = (uint8_t *)bytes.data + bytes.len - 32 + i;
        carry += (unsigned)*s + order[i];
        *s = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(parse(&bytes, &got, id), ERR_KEY);
}

static void what_is_not_canonical_is_refused(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        int e;
    } changes[] = {
        {0, 2, ERR_VERSION},
        {1, 0, ERR_PARSE},
        {1, RECORD_KINDS, ERR_PARSE},
        {2, 1, ERR_PARSE},
        {3, 2, ERR_PARSE},
        {3, 1, ERR_PARSE}, // refers, without room
        {4, 1, ERR_PARSE},
        {7, 9, ERR_PARSE},
        {72, 0x80, ERR_PARSE},
        {79, 0, ERR_PARSE},
        {80, 0x7f, ERR_PARSE},
        {95, 1, ERR_PARSE}, // ends before it begins
        {1, RECORD_REVOCATION, ERR_PARSE},
        {1, RECORD_RECEIPT, ERR_PARSE},
    };
    maker_init(&alice, 1); // counter 1: one byte changed makes it 0
    struct record r = maker_record(&alice, body, 10), got;
    AUTO_BUF bytes = BUF_INIT(0);
    uint8_t id[RECORD_ID_BYTES];
    maker_sign(&alice, &r, &bytes, id);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char was = bytes.data[changes[i].at];
        bytes.data[changes[i].at] = (char)changes[i].value;
        assert_int_equal(record_parse((uint8_t *)bytes.data, bytes.len, &got, NULL), changes[i].e);
        bytes.data[changes[i].at] = was;
    }
    for (size_t n = 0; n < bytes.len; n++)
        assert_int_equal(record_parse((uint8_t *)bytes.data, n, &got, NULL), ERR_PARSE);
    assert_int_equal(buf_putc(&bytes, 0), 0);
    assert_int_equal(record_parse((uint8_t *)bytes.data, bytes.len, &got, NULL), ERR_PARSE);
    assert_int_equal(record_parse(body, RECORD_BYTES_MAX + 1, &got, NULL), ERR_LIMIT);
}

static void what_cannot_be_a_record_is_not_signed(void **state) {
    (void)state;
    AUTO_BUF bytes = BUF_INIT(0);
    uint8_t id[RECORD_ID_BYTES];
    struct record r = maker_record(&alice, body, RECORD_BODY_BYTES_MAX + 1);
    assert_int_equal(records_sign(&r, &alice.signer, &bytes, id, NULL), ERR_LIMIT);
    r.body_bytes = 0;
    assert_int_equal(records_sign(&r, &alice.signer, &bytes, id, NULL), ERR_INVAL);
    r = maker_record(&alice, body, 9);
    r.expires_ms = r.created_ms;
    assert_int_equal(records_sign(&r, &alice.signer, &bytes, id, NULL), ERR_INVAL);
    r.expires_ms = 0;
    r.refers = true; // to nothing
    assert_int_equal(records_sign(&r, &alice.signer, &bytes, id, NULL), ERR_INVAL);
    assert_int_equal(bytes.len, 0);
}

static void an_expired_record_has_a_day_of_grace(void **state) {
    (void)state;
    struct record r = maker_record(&alice, body, 9);
    r.expires_ms = r.created_ms + 1000;
    assert_int_equal(records_timely(&r, r.expires_ms + DAY_MS, NULL), 0);
    assert_int_equal(records_timely(&r, r.expires_ms + DAY_MS + 1, NULL), ERR_TIMEOUT);
}

static void a_clock_a_day_off_loses_nothing(void **state) {
    (void)state;
    struct record r = maker_record(&alice, body, 9);
    r.expires_ms = r.created_ms + 60 * 1000;
    assert_int_equal(records_timely(&r, r.created_ms - DAY_MS, NULL), 0);
    assert_int_equal(records_timely(&r, r.created_ms + DAY_MS, NULL), 0);
    assert_int_equal(records_timely(&r, r.created_ms - DAY_MS - 1, NULL), ERR_TIMEOUT);
    // Order is the counter's, whatever the clock said.
    struct record later = maker_record(&alice, body, 9);
    later.created_ms = r.created_ms - DAY_MS;
    later.refers = true;
    memcpy(later.author, alice.signer.author, 32), memcpy(later.device, later.author, 32);
    memcpy(r.author, later.author, 32), memcpy(r.device, later.author, 32);
    assert_int_equal(records_may(&later, &r, NULL), 0);
    assert_int_equal(records_may(&r, &later, NULL), ERR_PERM);
    later.kind = RECORD_REVOCATION; // never too late
    assert_int_equal(records_timely(&later, later.created_ms + INT64_C(1000) * DAY_MS, NULL), 0);
}

static struct record owned(struct maker *m) {
    struct record r = maker_record(m, body, 9);
    memcpy(r.author, m->signer.author, 32);
    memcpy(r.device, m->signer.device, 32);
    return r;
}

static void a_foreigner_neither_supersedes_nor_revokes(void **state) {
    (void)state;
    struct record old = owned(&alice), mine = owned(&alice), foreign = owned(&bob);
    foreign.counter = 1000;
    assert_int_equal(records_may(&mine, &old, NULL), 0);
    assert_int_equal(records_may(&foreign, &old, NULL), ERR_PERM);
    foreign.kind = mine.kind = RECORD_REVOCATION;
    assert_int_equal(records_may(&mine, &old, NULL), 0);
    assert_int_equal(records_may(&foreign, &old, NULL), ERR_PERM);
    // A second device of the same author may, whatever its counter.
    memcpy(foreign.author, alice.signer.author, 32);
    foreign.counter = 1;
    assert_int_equal(records_may(&foreign, &old, NULL), 0);
    mine.scope[3] ^= 1;
    assert_int_equal(records_may(&mine, &old, NULL), ERR_PERM);
    old.kind = RECORD_REVOCATION; // what was taken back stays so
    assert_int_equal(records_may(&foreign, &old, NULL), ERR_PERM);
}

static void a_receipt_names_what_was_deleted_and_why(void **state) {
    (void)state;
    uint8_t revocation[32], deleted[32], scope[16] = {0}, id[32];
    memset(revocation, 3, 32), memset(deleted, 4, 32);
    AUTO_BUF bytes = BUF_INIT(0);
    struct record got;
    assert_int_equal(
        records_receipt(revocation, deleted, scope, 1, MAKER_NOW_MS, &bob.signer, &bytes, id, NULL),
        0);
    assert_int_equal(parse(&bytes, &got, id), 0);
    assert_int_equal(got.kind, RECORD_RECEIPT);
    assert_memory_equal(got.refers_to, revocation, 32);
    assert_int_equal(got.body_bytes, 32);
    assert_memory_equal(got.body, deleted, 32);
}

static void every_failed_allocation_leaves_nothing_behind(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth < 5; nth++) {
        AUTO_BUF bytes = BUF_INIT(0);
        uint8_t id[RECORD_ID_BYTES];
        struct record r = maker_record(&alice, body, 2000);
        mem_fail_at(nth);
        int e = records_sign(&r, &alice.signer, &bytes, id, NULL);
        mem_fail_at(0);
        assert_true(e == 0 || (e == ERR_NOMEM && bytes.len == 0));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_as_it_was_signed),
        cmocka_unit_test(a_record_has_the_bytes_that_are_documented),
        cmocka_unit_test(a_forged_signature_is_refused),
        cmocka_unit_test(a_second_encoding_of_a_signature_is_refused),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(what_cannot_be_a_record_is_not_signed),
        cmocka_unit_test(an_expired_record_has_a_day_of_grace),
        cmocka_unit_test(a_clock_a_day_off_loses_nothing),
        cmocka_unit_test(a_foreigner_neither_supersedes_nor_revokes),
        cmocka_unit_test(a_receipt_names_what_was_deleted_and_why),
        cmocka_unit_test(every_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("federation/records", tests, prepare, NULL);
}
