#include "federation/peersdb.h"

#include "core/base/mem.h"
#include "tests/unit/federation/records_maker.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIGNED_MAX = 8 };
static const uint8_t scope[RECORD_SCOPE_BYTES] = {0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
                                                  0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53};
struct box {
    struct db *db;
    struct peersdb *p;
    struct maker alice, bob, mallory; // alice and bob are paired, mallory's device is not known
    int changes[4];
    int scrubbed;
    struct buf bytes[SIGNED_MAX];
    struct peersdb_item items[SIGNED_MAX];
    size_t n;
};
static struct box box;

static void on_change(void *ctx, enum peersdb_change what, const uint8_t *in, const uint8_t *id,
                      const uint8_t *by) {
    struct box *b = ctx;
    assert_memory_equal(in, scope, sizeof scope);
    assert_non_null(id);
    assert_int_equal(by != NULL, what == PEERSDB_REVOKED || what == PEERSDB_SUPERSEDED);
    b->changes[what]++;
}

static int on_scrub(void *ctx, const struct record *r) {
    struct box *b = ctx;
    b->scrubbed++;
    return r->body_bytes == 666 ? ERR_PERM : 0;
}

static int open_box(void **state) {
    (void)state;
    memset(&box, 0, sizeof box);
    struct peersdb_config config = {
        .epoch = 77, .now_ms = MAKER_NOW_MS, .change = on_change, .scrub = on_scrub, .ctx = &box};
    maker_init(&box.alice, 1);
    maker_init(&box.bob, 2);
    maker_init(&box.mallory, 3);
    if (db_open_plain(":memory:", DB_CREATE, &box.db, NULL) < 0 ||
        peersdb_open(box.db, &config, &box.p, NULL) < 0)
        return -1;
    const struct maker *peers[] = {&box.alice, &box.bob};
    for (size_t i = 0; i < 2; i++) {
        struct peersdb_peer peer = {.name = "peer", .paired_ms = MAKER_NOW_MS};
        memcpy(peer.device, peers[i]->signer.device, 32);
        memcpy(peer.identity, peers[i]->signer.author, 32);
        assert_int_equal(peersdb_peer_put(box.p, &peer, NULL), 0);
    }
    return 0;
}

static void forget(void) {
    for (size_t i = 0; i < SIGNED_MAX; i++)
        buf_done(&box.bytes[i]);
    box.n = 0;
}

static int close_box(void **state) {
    (void)state;
    forget();
    peersdb_close(box.p);
    db_close(box.db);
    return 0;
}

// Adds a record to the batch; `refers` may be NULL.
static struct peersdb_item *add(struct maker *m, enum record_kind kind, const uint8_t *refers,
                                size_t body_n) {
    static uint8_t body[2048];
    struct record r = maker_record(m, body, body_n);
    struct peersdb_item *item = &box.items[box.n];
    r.kind = kind;
    r.refers = refers != NULL;
    if (refers)
        memcpy(r.refers_to, refers, 32);
    maker_sign(m, &r, &box.bytes[box.n], item->id);
    item->bytes = (const uint8_t *)box.bytes[box.n].data;
    item->n = box.bytes[box.n].len;
    box.n++;
    return item;
}

static int put(const struct maker *from, int64_t now_ms) {
    return peersdb_put(box.p, from ? from->signer.device : NULL, scope, box.items, box.n, NULL,
                       now_ms, NULL);
}

static int state_of(const uint8_t *id) {
    AUTO_BUF bytes = BUF_INIT(0);
    enum peersdb_state state = 0;
    int e = peersdb_get(box.p, id, &bytes, &state, NULL);
    return e < 0 ? e : (int)state;
}

static struct peersdb_peer conduct(const struct maker *m) {
    struct peersdb_peer peer;
    assert_int_equal(peersdb_peer_get(box.p, m->signer.device, &peer, NULL), 0);
    return peer;
}

static void an_arrival_waits_in_quarantine_until_the_user_decides(void **state) {
    (void)state;
    struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
    struct peersdb_item *b = add(&box.alice, RECORD_RESOURCE, NULL, 666);
    assert_int_equal(put(&box.alice, MAKER_NOW_MS), 0);
    assert_int_equal(a->result, 1);
    assert_int_equal(b->result, ERR_PERM); // scrubbed
    assert_int_equal(box.scrubbed, 2);
    assert_int_equal(state_of(a->id), PEERSDB_QUARANTINED);
    assert_int_equal(state_of(b->id), ERR_NOT_FOUND);
    assert_int_equal(peersdb_set_state(box.p, a->id, PEERSDB_OFFERED, NULL), 0);
    assert_int_equal(peersdb_set_state(box.p, a->id, PEERSDB_ACCEPTED, NULL), 0);
    assert_int_equal(conduct(&box.alice).accepted, 1);
    assert_int_equal(peersdb_set_state(box.p, a->id, PEERSDB_REJECTED, NULL), 0);
    struct peersdb_peer p = conduct(&box.alice);
    assert_true(p.arrived == 1 && p.accepted == 0 && p.rejected == 1 && p.improper == 1);
    assert_int_equal(peersdb_set_state(box.p, a->id, PEERSDB_DELETED, NULL), ERR_INVAL);
    assert_int_equal(put(&box.alice, MAKER_NOW_MS), 0); // again
    assert_int_equal(a->result, 0);
    assert_int_equal(state_of(a->id), PEERSDB_REJECTED);
}

static void a_forged_record_or_one_of_an_uncertified_device_is_not_stored(void **state) {
    (void)state;
    struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
    struct peersdb_item *m = add(&box.mallory, RECORD_PATTERN, NULL, 100);
    box.mallory.signer = box.alice.signer; // her author, his key
    memcpy(box.mallory.signer.device, box.mallory.secret + 32, 32);
    struct peersdb_item *borrowed = add(&box.mallory, RECORD_PATTERN, NULL, 100);
    box.bytes[0].data[150] ^= 1;
    assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
    assert_int_equal(a->result, ERR_KEY);
    assert_int_equal(m->result, ERR_NOT_FOUND);
    assert_int_equal(borrowed->result, ERR_NOT_FOUND); // nobody proved that it is hers
    assert_int_equal(conduct(&box.bob).forged, 1);
    assert_int_equal(conduct(&box.bob).improper, 0);
    assert_int_equal(box.changes[PEERSDB_ADDED], 0);
}

static void a_revoked_device_is_not_believed_any_more(void **state) {
    (void)state;
    struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
    assert_int_equal(peersdb_device_revoke(box.p, box.alice.signer.device, MAKER_NOW_MS, NULL), 0);
    assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
    assert_int_equal(a->result, ERR_PERM);
    struct peersdb_peer p = conduct(&box.bob); // who handed it on need not have known
    assert_true(p.forged == 0 && p.improper == 0);
}

static void an_expired_record_is_refused_and_a_stored_one_swept(void **state) {
    (void)state;
    uint8_t body[50];
    struct record r = maker_record(&box.alice, body, sizeof body);
    r.expires_ms = r.created_ms + 1000;
    maker_sign(&box.alice, &r, &box.bytes[0], box.items[0].id);
    box.items[0].bytes = (const uint8_t *)box.bytes[0].data;
    box.items[0].n = box.bytes[0].len;
    box.n = 1;
    assert_int_equal(put(&box.alice, r.expires_ms + DAY_MS + 1), 0);
    assert_int_equal(box.items[0].result, ERR_TIMEOUT);
    assert_int_equal(put(&box.alice, r.expires_ms + DAY_MS), 0);
    assert_int_equal(box.items[0].result, 1);
    assert_int_equal(peersdb_sweep(box.p, r.expires_ms + DAY_MS, 10, NULL), 0);
    assert_int_equal(peersdb_sweep(box.p, r.expires_ms + DAY_MS + 1, 10, NULL), 1);
    assert_int_equal(box.changes[PEERSDB_EXPIRED], 1);
    assert_int_equal(state_of(box.items[0].id), ERR_NOT_FOUND);
}

static void a_revoked_record_is_gone_and_does_not_come_back(void **state) {
    (void)state;
    for (int revocation_first = 0; revocation_first < 2; revocation_first++) {
        forget();
        struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
        if (!revocation_first)
            assert_int_equal(put(&box.alice, MAKER_NOW_MS), 0);
        struct peersdb_item *r = add(&box.alice, RECORD_REVOCATION, a->id, 0);
        assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
        assert_int_equal(r->result, 1);
        assert_int_equal(state_of(a->id), ERR_NOT_FOUND);
        assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
        assert_int_equal(a->result, 0);
        assert_int_equal(state_of(a->id), ERR_NOT_FOUND);
        assert_int_equal(state_of(r->id), PEERSDB_ACCEPTED);
    }
    assert_int_equal(box.changes[PEERSDB_REVOKED], 1); // the other never was there
    assert_int_equal(box.changes[PEERSDB_ADDED], 3);
}

static void a_foreigner_supersedes_nothing_whatever_comes_first(void **state) {
    (void)state;
    struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
    assert_int_equal(put(&box.alice, MAKER_NOW_MS), 0);
    struct peersdb_item *b = add(&box.bob, RECORD_PATTERN, a->id, 100);
    struct peersdb_item *r = add(&box.bob, RECORD_REVOCATION, a->id, 0);
    assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
    assert_int_equal(b->result, ERR_PERM);
    assert_int_equal(r->result, ERR_PERM);
    assert_int_equal(state_of(a->id), PEERSDB_QUARANTINED);
    assert_int_equal(conduct(&box.bob).improper, 2);
    forget();
    // The foreign one is here before what it means to take: it takes nothing.
    static uint8_t body[100];
    struct record later = maker_record(&box.alice, body, sizeof body);
    AUTO_BUF bytes = BUF_INIT(0);
    uint8_t id[32];
    maker_sign(&box.alice, &later, &bytes, id);
    (void)add(&box.bob, RECORD_REVOCATION, id, 0);
    assert_int_equal(put(&box.bob, MAKER_NOW_MS), 0);
    box.items[0].bytes = (const uint8_t *)bytes.data;
    box.items[0].n = bytes.len;
    assert_int_equal(put(&box.alice, MAKER_NOW_MS), 0);
    assert_int_equal(box.items[0].result, 1);
    assert_int_equal(state_of(id), PEERSDB_QUARANTINED);
}

static void a_chain_of_supersessions_leaves_its_end(void **state) {
    (void)state;
    struct peersdb_item *a = add(&box.alice, RECORD_PATTERN, NULL, 100);
    struct peersdb_item *b = add(&box.alice, RECORD_PATTERN, a->id, 100);
    struct peersdb_item *c = add(&box.alice, RECORD_PATTERN, b->id, 100);
    // The first comes last, when the second is gone already.
    struct peersdb_item items[3] = {*b, *c, *a};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(peersdb_put(box.p, box.alice.signer.device, scope, &items[i], 1, NULL,
                                     MAKER_NOW_MS, NULL),
                         0);
    assert_int_equal(state_of(a->id), ERR_NOT_FOUND);
    assert_int_equal(state_of(b->id), ERR_NOT_FOUND);
    assert_int_equal(state_of(c->id), PEERSDB_QUARANTINED);
    assert_int_equal(box.changes[PEERSDB_SUPERSEDED], 1);
}

static int collect(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    int64_t *last = ctx;
    (void)id, (void)bytes, (void)n;
    assert_true(seq > *last);
    *last = seq;
    return 0;
}

static void cursor_and_records_are_kept_together(void **state) {
    (void)state;
    struct peersdb_cursor cursor = {0}, at = {.epoch = 9, .seq = 123};
    (void)add(&box.alice, RECORD_PATTERN, NULL, 100);
    assert_int_equal(
        peersdb_put(box.p, box.alice.signer.device, scope, box.items, 1, &at, MAKER_NOW_MS, NULL),
        0);
    assert_int_equal(peersdb_cursor_get(box.p, box.alice.signer.device, scope, &cursor, NULL), 0);
    assert_true(cursor.epoch == 9 && cursor.seq == 123);
    at.seq = 124; // too much at once: neither moves
    assert_int_equal(peersdb_put(box.p, box.alice.signer.device, scope, box.items,
                                 PEERSDB_BATCH_MAX + 1, &at, MAKER_NOW_MS, NULL),
                     ERR_LIMIT);
    assert_int_equal(
        peersdb_put(box.p, box.mallory.signer.device, scope, box.items, 1, &at, MAKER_NOW_MS, NULL),
        ERR_NOT_FOUND);
    assert_int_equal(peersdb_cursor_get(box.p, box.alice.signer.device, scope, &cursor, NULL), 0);
    assert_int_equal(cursor.seq, 123);
    int64_t last = 0, newest = 0;
    assert_int_equal(peersdb_after(box.p, scope, 0, NULL, false, collect, &last, NULL), 0);
    assert_int_equal(peersdb_newest(box.p, scope, &newest, NULL), 0);
    assert_true(last > 0 && last == newest);
    last = 0; // what a peer brought does not go back to it
    assert_int_equal(
        peersdb_after(box.p, scope, 0, box.alice.signer.device, false, collect, &last, NULL), 0);
    assert_int_equal(last, 0);
}

static void counters_never_repeat(void **state) {
    (void)state;
    int64_t last = 0, next = 0;
    for (int i = 0; i < 200; i++, last = next) {
        assert_int_equal(peersdb_counter(box.p, &next, NULL), 0);
        assert_true(next > last);
    }
    struct peersdb *again = NULL;
    struct peersdb_config config = {.epoch = 1, .now_ms = MAKER_NOW_MS};
    assert_int_equal(peersdb_open(box.db, &config, &again, NULL), 0);
    assert_int_equal(peersdb_epoch(again), 77); // the file's, not the new one
    assert_int_equal(peersdb_counter(again, &next, NULL), 0);
    assert_true(next > last);
    peersdb_close(again);
}

static void every_failed_allocation_stores_all_or_nothing(void **state) {
    (void)state;
    bool whole = false;
    for (uint64_t nth = 1; !whole && nth < 200; nth++) {
        forget();
        int before = box.changes[PEERSDB_ADDED];
        for (int i = 0; i < 3; i++)
            (void)add(&box.alice, RECORD_PATTERN, NULL, 100);
        mem_fail_at(nth);
        int e = put(&box.alice, MAKER_NOW_MS);
        uint64_t used = mem_count();
        mem_fail_at(0);
        int stored = 0;
        for (int i = 0; i < 3; i++)
            stored += state_of(box.items[i].id) == PEERSDB_QUARANTINED;
        assert_int_equal(stored, e == 0 ? 3 : 0);
        assert_int_equal(box.changes[PEERSDB_ADDED] - before, stored);
        whole = e == 0 && used < nth;
    }
    assert_true(whole);
}

int main(void) {
#define BOXED(test) cmocka_unit_test_setup_teardown(test, open_box, close_box)
    const struct CMUnitTest tests[] = {
        BOXED(an_arrival_waits_in_quarantine_until_the_user_decides),
        BOXED(a_forged_record_or_one_of_an_uncertified_device_is_not_stored),
        BOXED(a_revoked_device_is_not_believed_any_more),
        BOXED(an_expired_record_is_refused_and_a_stored_one_swept),
        BOXED(a_revoked_record_is_gone_and_does_not_come_back),
        BOXED(a_foreigner_supersedes_nothing_whatever_comes_first),
        BOXED(a_chain_of_supersessions_leaves_its_end),
        BOXED(cursor_and_records_are_kept_together),
        BOXED(counters_never_repeat),
        BOXED(every_failed_allocation_stores_all_or_nothing),
    };
    return cmocka_run_group_tests_name("federation/peersdb", tests, NULL, NULL);
}
