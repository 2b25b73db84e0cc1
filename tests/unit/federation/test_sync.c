#include "federation/sync.h"

#include "core/base/mem.h"
#include "tests/unit/federation/sync_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct pair p;

static int open_pair(void **state) {
    (void)state;
    ends_open(&p, NULL, NULL);
    return 0;
}

static int close_pair(void **state) {
    (void)state;
    ends_close(&p);
    return 0;
}

static void open_scope(void) {
    assert_int_equal(sync_open(p.a.session, ends_scope, NULL), 0);
}

// Runs to the end, without complaint, and everybody has nothing left to do.
static uint64_t settle(void) {
    uint64_t trips = ends_run(&p, 10000);
    struct sync_info a, b;
    if (p.a.result || p.b.result)
        print_error("a: %d %s, b: %d %s\n", p.a.result, err_text(&p.a.err), p.b.result,
                    err_text(&p.b.err));
    assert_int_equal(p.a.result, 0);
    assert_int_equal(p.b.result, 0);
    sync_session_info(p.a.session, &a);
    sync_session_info(p.b.session, &b);
    assert_true(a.idle && b.idle);
    assert_int_equal(a.refused + b.refused, 0);
    return trips;
}

static void again(void) {
    ends_disconnect(&p);
    ends_connect(&p);
    p.a.sent_bytes = p.b.sent_bytes = 0;
    open_scope();
}

static void two_that_have_nothing_are_in_sync(void **state) {
    (void)state;
    open_scope();
    (void)settle(); // the first time they also tell where they are
    assert_true(p.a.sent_bytes + p.b.sent_bytes <= 84);
    again();
    assert_int_equal(settle(), 1);
    assert_true(p.a.sent_bytes + p.b.sent_bytes <= 64);
}

static void both_sides_get_what_they_lack(void **state) {
    (void)state;
    ends_add_both(&p, 100, 50);
    ends_add(&p.a, 7, 100);
    ends_add(&p.b, 5, 100);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
    assert_int_equal(ends_count(&p.a), 112);
    struct sync_info info;
    sync_session_info(p.a.session, &info);
    assert_true(info.by_cells == 1 && info.by_list == 0 && info.stored == 5);
    again();
    assert_int_equal(settle(), 1);
    assert_true(p.a.sent_bytes + p.b.sent_bytes <= 64);
}

static void what_is_new_follows_by_itself_in_both_directions(void **state) {
    (void)state;
    ends_add_both(&p, 10, 50);
    open_scope();
    (void)settle();
    for (int i = 0; i < 5; i++) {
        ends_add(&p.a, 1, 50);
        ends_add(&p.b, 2, 50);
        (void)settle();
        assert_true(ends_same(&p));
    }
    struct sync_info info;
    sync_session_info(p.a.session, &info);
    assert_true(info.by_cells == 0 && info.by_list == 0 && info.known == 0);
}

static void a_cursor_brings_what_was_missed_without_ids(void **state) {
    (void)state;
    ends_add(&p.a, 20, 50);
    ends_add(&p.b, 20, 50);
    open_scope();
    (void)settle();
    ends_disconnect(&p);
    ends_add(&p.a, 300, 50);
    ends_add(&p.b, 600, 50);
    ends_connect(&p);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
    struct sync_info a, b;
    sync_session_info(p.a.session, &a);
    sync_session_info(p.b.session, &b);
    assert_int_equal(a.by_cells + a.by_list + b.by_cells + b.by_list, 0);
    assert_true(a.stored == 600 && b.stored == 300 && a.known + b.known == 0);
}

static void who_met_in_sync_needs_no_ids_later(void **state) {
    (void)state;
    open_scope();
    (void)settle();
    ends_disconnect(&p);
    ends_add(&p.a, 30, 50);
    ends_add(&p.b, 40, 50);
    ends_connect(&p);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
    struct sync_info a, b;
    sync_session_info(p.a.session, &a);
    sync_session_info(p.b.session, &b);
    assert_int_equal(a.by_cells + a.by_list + b.by_cells + b.by_list, 0);
}

static void a_difference_too_large_for_cells_is_settled_by_lists(void **state) {
    (void)state;
    ends_add_both(&p, 3000, 8);
    ends_add(&p.a, 2200, 8);
    ends_add(&p.b, 2100, 8);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
    struct sync_info info;
    sync_session_info(p.a.session, &info);
    assert_true(info.by_list == 1 && info.by_cells == 0);
    assert_int_equal(ends_count(&p.a), 7300);
}

static void a_record_lost_behind_the_cursor_is_found_again(void **state) {
    (void)state;
    ends_add(&p.b, 20, 50);
    open_scope();
    (void)settle();
    ends_disconnect(&p);
    assert_int_equal(db_run(p.a.db, "DELETE FROM record WHERE id = 5", NULL, 0, NULL), 0);
    sync_free(p.a.sync); // as after a start
    p.a.sync = sync_new(&p.a.env, sync_store_peersdb(p.a.p));
    ends_connect(&p);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
    assert_int_equal(ends_count(&p.a), 20);
}

static void the_accepting_side_may_begin_and_either_may_do_so_twice(void **state) {
    (void)state;
    ends_add(&p.a, 3, 50);
    ends_add(&p.b, 4, 50);
    assert_int_equal(sync_open(p.b.session, ends_scope, NULL), 0);
    open_scope();
    assert_int_equal(sync_open(p.b.session, ends_scope, NULL), 0);
    (void)settle();
    assert_true(ends_same(&p));
}

static void nothing_leaves_without_consent(void **state) {
    (void)state;
    ends_add(&p.a, 3, 50);
    ends_add(&p.b, 4, 50);
    p.a.allow = SYNC_RECEIVE;
    open_scope();
    (void)settle();
    assert_int_equal(ends_count(&p.a), 7);
    assert_int_equal(ends_count(&p.b), 4);
    p.b.allow = 0;
    again();
    ends_add(&p.b, 1, 50);
    (void)settle();
    assert_int_equal(ends_count(&p.a), 7);
    p.a.allow = SYNC_SEND; // and the other way
    p.b.allow = SYNC_RECEIVE;
    again();
    (void)settle();
    assert_int_equal(ends_count(&p.a), 7);
    assert_int_equal(ends_count(&p.b), 8);
}

static void consent_withdrawn_between_queueing_and_sending_stops_the_sending(void **state) {
    (void)state;
    ends_add(&p.a, 3000, 50);
    p.a.capacity = 1;
    open_scope();
    (void)ends_run(&p, 4);
    p.a.allow = SYNC_RECEIVE;
    uint64_t had = ends_count(&p.b);
    (void)ends_run(&p, 1000);
    assert_int_equal(p.a.result, 0);
    assert_int_equal(p.b.result, 0);
    assert_true(had < 3000 && ends_count(&p.b) <= had + (SYNC_WINDOW + 1) * SYNC_BATCH_RECORDS);
    assert_true(ends_count(&p.b) < 3000);
}

static void a_link_that_takes_little_at_a_time_gets_all(void **state) {
    (void)state;
    p.a.capacity = p.b.capacity = 1;
    ends_add(&p.a, 1500, 50);
    ends_add(&p.b, 1500, 50);
    open_scope();
    (void)settle();
    assert_true(ends_same(&p));
}

static void a_revocation_arrives_before_what_is_left_of_the_rest(void **state) {
    (void)state;
    static uint8_t body[50];
    uint8_t first[32], id[32];
    AUTO_BUF bytes = BUF_INIT(0);
    struct record r = maker_record(&p.a.author, body, sizeof body);
    maker_sign(&p.a.author, &r, &bytes, first);
    struct peersdb_item item = {.bytes = (const uint8_t *)bytes.data, .n = bytes.len};
    assert_int_equal(peersdb_put(p.a.p, NULL, ends_scope, &item, 1, NULL, p.a.now_ms, NULL), 0);
    open_scope();
    (void)settle();
    assert_int_equal(ends_count(&p.b), 1);
    ends_disconnect(&p);
    ends_add(&p.a, 1000, 50);
    buf_clear(&bytes);
    r = maker_record(&p.a.author, body, sizeof body);
    r.kind = RECORD_REVOCATION;
    r.refers = true;
    r.body_bytes = 0;
    memcpy(r.refers_to, first, 32);
    maker_sign(&p.a.author, &r, &bytes, id);
    item = (struct peersdb_item){.bytes = (const uint8_t *)bytes.data, .n = bytes.len};
    assert_int_equal(peersdb_put(p.a.p, NULL, ends_scope, &item, 1, NULL, p.a.now_ms, NULL), 0);
    ends_connect(&p);
    p.a.capacity = 1; // the first message of records only
    open_scope();
    AUTO_BUF got = BUF_INIT(0);
    for (int i = 0;
         i < 20 && ends_count(&p.b) == 1 && peersdb_get(p.b.p, first, &got, NULL, NULL) == 0; i++)
        (void)ends_run(&p, 1);
    assert_int_equal(peersdb_get(p.b.p, first, &got, NULL, NULL), ERR_NOT_FOUND);
    assert_true(ends_count(&p.b) < 1000);
    (void)settle();
    assert_true(ends_same(&p));
}

// ------------------------------------------------------------------- a peer that means no good

static int feed_b(const void *bytes, size_t n) {
    return sync_feed(p.b.session, bytes, n, NULL);
}

static int64_t improper_of_a(void) {
    struct peersdb_peer peer;
    assert_int_equal(peersdb_peer_get(p.b.p, p.a.author.signer.device, &peer, NULL), 0);
    return peer.improper + peer.forged;
}

static void cells_that_nobody_asked_for_end_the_link(void **state) {
    (void)state;
    static const uint8_t cells[] = {3, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0};
    open_scope();
    (void)settle();
    assert_int_equal(feed_b(cells, sizeof cells), ERR_PERM);
    assert_int_equal(improper_of_a(), 1);
}

static void cells_asked_for_without_end_end_the_link(void **state) {
    (void)state;
    static const uint8_t more[] = {4, 0, 1, 0x80, 0x08}; // 1,024 from the second
    ends_add(&p.b, 3, 50);
    open_scope();
    (void)settle();
    int e = 0, i = 0;
    for (; e == 0 && i < 1000; i++)
        e = feed_b(more, sizeof more);
    assert_int_equal(e, ERR_PERM);
    assert_true(i < 50);
}

static void ids_that_there_are_not_may_not_be_asked_for_for_long(void **state) {
    (void)state;
    uint8_t want[2 + 8 * 512] = {5, 0};
    ends_add(&p.b, 3, 50);
    open_scope();
    (void)settle();
    int e = 0, i = 0;
    for (; e == 0 && i < 100; i++) {
        memset(want + 2, i + 1, sizeof want - 2);
        e = feed_b(want, sizeof want);
    }
    assert_int_equal(e, ERR_PERM);
    assert_true(i <= 3);
}

static void nothing_is_served_before_it_was_offered(void **state) {
    (void)state;
    // A scope that was refused: neither its ids nor its records.
    uint8_t hello[30] = {1, 0}, want[10] = {5, 0}, list[3] = {8, 0, 0}, more[4] = {4, 0, 1, 1};
    memset(hello + 2, 0x77, 16);
    assert_int_equal(feed_b(hello, sizeof hello), 0);
    const uint8_t *all[] = {want, list, more};
    const size_t sizes[] = {sizeof want, sizeof list, sizeof more};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_int_equal(feed_b(all[i], sizes[i]), ERR_PERM);
        ends_disconnect(&p);
        ends_connect(&p);
        assert_int_equal(feed_b(hello, sizeof hello), 0);
    }
}

static void make_records(struct buf *m, struct maker *author, unsigned flags, uint8_t epoch,
                         size_t count) {
    static uint8_t body[50];
    AUTO_BUF raw = BUF_INIT(0);
    for (size_t i = 0; i < count; i++) {
        AUTO_BUF one = BUF_INIT(0);
        uint8_t id[32];
        struct record r = maker_record(author, body, sizeof body);
        maker_sign(author, &r, &one, id);
        (void)buf_putc(&raw, (char)((one.len & 0x7f) | 0x80));
        (void)buf_putc(&raw, (char)(one.len >> 7));
        (void)buf_append(&raw, one.data, one.len);
    }
    const uint8_t head[] = {6, 0, (uint8_t)flags, epoch, epoch};
    (void)buf_append(m, head, sizeof head);
    size_t n = raw.len;
    for (; n > 0x7f; n >>= 7)
        (void)buf_putc(m, (char)(n | 0x80));
    (void)buf_putc(m, (char)n);
    (void)buf_append(m, raw.data, raw.len);
}

static void records_that_nobody_asked_for_are_not_stored(void **state) {
    (void)state;
    open_scope();
    (void)settle();
    AUTO_BUF m = BUF_INIT(0);
    make_records(&m, &p.a.author, 0, 0, 1); // as if wanted
    assert_int_equal(feed_b(m.data, m.len), ERR_PERM);
    assert_int_equal(ends_count(&p.b), 0);
    assert_int_equal(improper_of_a(), 1);
}

static void forged_records_are_counted_and_end_the_link(void **state) {
    (void)state;
    open_scope();
    (void)settle();
    struct maker stranger;
    maker_init(&stranger, 9);
    stranger.signer = p.a.author.signer; // in the name of somebody whose key he has not
    AUTO_BUF m = BUF_INIT(0);
    make_records(&m, &stranger, 2, 0, 30);
    assert_int_equal(feed_b(m.data, m.len), 0);
    assert_int_equal(improper_of_a(), 30);
    buf_clear(&m);
    make_records(&m, &stranger, 2, 0, 60);
    assert_int_equal(feed_b(m.data, m.len), ERR_PERM);
    assert_int_equal(ends_count(&p.b), 0);
}

static void oversized_and_malformed_batches_are_refused_before_memory(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t n;
        int e;
    } cases[] = {
        {{6, 0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f}, 10, ERR_LIMIT}, // 34 GB raw
        {{6, 0, 3, 0, 0, 100, 1, 2, 3}, 9, ERR_PARSE},                  // not zstd
        {{6, 0, 2, 0, 0, 4, 3, 1, 2, 3}, 10, ERR_PARSE},                // shorter than a record
        {{6, 0, 2, 0, 0, 0}, 6, ERR_PARSE},
        {{6, 0, 8, 0, 0, 1, 0}, 7, ERR_PARSE},
        {{6, 7, 2, 0, 0, 1, 0}, 7, ERR_PARSE}, // a scope that there is not
        {{0, 0}, 2, ERR_PARSE},
        {{13, 0}, 2, ERR_PARSE},
        {{7, 0}, 2, ERR_PERM}, // acknowledged what was not sent
        {{7}, 1, ERR_PARSE},
        {{9, 0, 1}, 3, ERR_PERM},
        {{11, 0}, 2, ERR_PERM},
        {{2, 0, 0}, 3, ERR_PERM},
        {{1, 5, 0}, 3, ERR_PARSE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ends_disconnect(&p);
        ends_connect(&p);
        open_scope();
        (void)settle();
        assert_int_equal(feed_b(cases[i].bytes, cases[i].n), cases[i].e);
        assert_int_equal(feed_b(cases[i].bytes, cases[i].n), cases[i].e); // and it stays so
    }
    AUTO_BUF huge = BUF_INIT(0);
    assert_int_equal(buf_reserve(&huge, SYNC_MESSAGE_BYTES_MAX + 1), 0);
    ends_disconnect(&p);
    ends_connect(&p);
    assert_int_equal(feed_b(huge.data, SYNC_MESSAGE_BYTES_MAX + 1), ERR_LIMIT);
}

static void an_acknowledged_record_is_in_the_store(void **state) {
    (void)state;
    ends_add(&p.a, 40, 50);
    open_scope();
    // Message by message: whenever an acknowledgement is on the wire, its batch is durable.
    for (int i = 0; i < 100; i++) {
        (void)ends_run(&p, 1);
        for (struct message *m = p.b.first; m; m = m->next)
            if (m->bytes[0] == 7)
                assert_int_equal(ends_count(&p.b), 40);
    }
    (void)settle();
}

static void every_failed_allocation_ends_cleanly(void **state) {
    (void)state;
    bool whole = false;
    ends_add_both(&p, 30, 50);
    ends_add(&p.a, 5, 50);
    for (uint64_t nth = 1; !whole && nth < 5000; nth += 1 + nth / 8) {
        ends_add(&p.b, 2, 50);
        ends_disconnect(&p);
        ends_connect(&p);
        mem_fail_at(nth);
        int e = sync_open(p.a.session, ends_scope, NULL);
        if (e == 0)
            (void)ends_run(&p, 100);
        whole = mem_count() < nth;
        mem_fail_at(0);
        assert_true(e == 0 || e == ERR_NOMEM);
        assert_true(p.a.result == 0 || p.a.result == ERR_NOMEM);
        assert_true(p.b.result == 0 || p.b.result == ERR_NOMEM);
    }
    assert_true(whole);
    again();
    (void)settle();
    again();
    (void)settle();
    assert_true(ends_same(&p));
}

int main(void) {
#define PAIRED(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        PAIRED(two_that_have_nothing_are_in_sync),
        PAIRED(both_sides_get_what_they_lack),
        PAIRED(what_is_new_follows_by_itself_in_both_directions),
        PAIRED(a_cursor_brings_what_was_missed_without_ids),
        PAIRED(who_met_in_sync_needs_no_ids_later),
        PAIRED(a_difference_too_large_for_cells_is_settled_by_lists),
        PAIRED(a_record_lost_behind_the_cursor_is_found_again),
        PAIRED(the_accepting_side_may_begin_and_either_may_do_so_twice),
        PAIRED(nothing_leaves_without_consent),
        PAIRED(consent_withdrawn_between_queueing_and_sending_stops_the_sending),
        PAIRED(a_link_that_takes_little_at_a_time_gets_all),
        PAIRED(a_revocation_arrives_before_what_is_left_of_the_rest),
        PAIRED(cells_that_nobody_asked_for_end_the_link),
        PAIRED(cells_asked_for_without_end_end_the_link),
        PAIRED(ids_that_there_are_not_may_not_be_asked_for_for_long),
        PAIRED(nothing_is_served_before_it_was_offered),
        PAIRED(records_that_nobody_asked_for_are_not_stored),
        PAIRED(forged_records_are_counted_and_end_the_link),
        PAIRED(oversized_and_malformed_batches_are_refused_before_memory),
        PAIRED(an_acknowledged_record_is_in_the_store),
        PAIRED(every_failed_allocation_ends_cleanly),
    };
    return cmocka_run_group_tests_name("federation/sync", tests, NULL, NULL);
}
