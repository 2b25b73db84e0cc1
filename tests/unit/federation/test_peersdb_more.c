// Of peers.db: its second schema, certificates, lists, what is kept of a peer.
#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "federation/peers_saved.h"
#include "federation/peersdb_impl.h"
#include "tests/unit/federation/records_maker.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct db *db;
static struct peersdb *p;
static const struct peersdb_config config = {.epoch = 5, .now_ms = MAKER_NOW_MS};
static uint8_t scope[RECORD_SCOPE_BYTES];

static int setup(void **state) {
    (void)state;
    memset(scope, 0x53, sizeof scope);
    return db_open_plain(":memory:", DB_CREATE, &db, NULL) < 0 ||
           peersdb_open(db, &config, &p, NULL) < 0;
}
static int teardown(void **state) {
    (void)state;
    peersdb_close(p);
    db_close(db);
    return 0;
}

static struct peersdb_peer peer_of(uint8_t n) {
    struct peersdb_peer peer = {.device = {n}, .identity = {n, 1}, .paired_ms = 1};
    memcpy(peer.name, "peer", 5);
    return peer;
}

// ------------------------------------------------------------------------------------- chains

struct key {
    uint8_t secret[64];
};
static struct key key(uint8_t n) {
    struct key k;
    uint8_t seed[32] = {n}, public[32];
    assert_int_equal(crypto_sign_seed_keypair(public, k.secret, seed), 0);
    return k;
}
static const uint8_t *pub(const struct key *k) {
    return k->secret + 32;
}
static void say(enum statement_kind kind, const struct key *by, const struct key *subject,
                uint64_t counter, uint8_t ret[STATEMENT_BYTES_MAX]) {
    struct statement s = {.kind = kind, .counter = counter, .made_ms = MAKER_NOW_MS};
    memcpy(s.identity, pub(by), 32);
    memcpy(s.subject, pub(subject), 32);
    statement_sign(&s, by->secret, kind == STATEMENT_REVOKE ? NULL : subject->secret, ret);
}

// Of `device`, by the last of `keys` (each followed by the next), which has revoked `gone`.
static int show(const struct key *device, const struct key *keys, size_t n,
                const struct key *gone) {
    uint8_t rotations[4][STATEMENT_BYTES_MAX], revoked[STATEMENT_BYTES_MAX];
    uint8_t certificate[STATEMENT_BYTES_MAX];
    struct chain c;
    struct chain_expect expect = {.now_ms = MAKER_NOW_MS};
    AUTO_BUF bytes = BUF_INIT(0);
    for (size_t i = 0; i + 1 < n; i++)
        say(STATEMENT_ROTATE, &keys[i], &keys[i + 1], i + 1, rotations[i]);
    say(STATEMENT_DEVICE, &keys[n - 1], device, 50, certificate);
    if (gone)
        say(STATEMENT_REVOKE, &keys[n - 1], gone, 51, revoked);
    assert_int_equal(chain_format(rotations[0], n - 1, revoked, gone != NULL, certificate, &bytes),
                     0);
    assert_int_equal(chain_verify(bytes.data, bytes.len, &expect, &c, NULL), 0);
    return peersdb_certify(p, &c, bytes.data, bytes.len, MAKER_NOW_MS, NULL);
}

static int trust(const struct key *author, const struct key *device) {
    return peersdb_trust(p, pub(author), pub(device), NULL);
}

static void an_identity_is_followed_forward_and_never_back(void **state) {
    (void)state;
    const struct key device = key(1), other = key(2);
    const struct key keys[] = {key(10), key(11), key(12)}, thief[] = {key(10), key(20)};
    assert_int_equal(trust(&keys[0], &device), PEERSDB_UNPROVED);
    assert_int_equal(show(&device, keys, 1, NULL), 0);
    assert_int_equal(show(&other, keys, 1, NULL), 0);
    assert_int_equal(trust(&keys[0], &device), PEERSDB_TRUSTED);
    assert_int_equal(trust(&keys[1], &device), PEERSDB_OTHERS);
    assert_int_equal(show(&device, keys, 3, NULL), 0);
    for (size_t i = 0; i < 3; i++) // what it said under former keys is still its own
        assert_int_equal(trust(&keys[i], &device), PEERSDB_TRUSTED);
    assert_int_equal(trust(&keys[0], &other), PEERSDB_STALE);
    assert_int_equal(show(&device, keys, 1, NULL), ERR_PERM);
    assert_int_equal(show(&device, keys, 2, NULL), ERR_PERM);
    assert_int_equal(show(&other, thief, 2, NULL), ERR_KEY);
    assert_int_equal(show(&other, keys, 3, NULL), 0);
    assert_int_equal(trust(&keys[2], &other), PEERSDB_TRUSTED);
    uint8_t former[CHAIN_ROTATIONS_MAX][RECORD_KEY_BYTES];
    assert_int_equal(peersdb_former(p, pub(&keys[2]), former, NULL), 2);
    assert_memory_equal(former[0], pub(&keys[1]), 32);
    assert_memory_equal(former[1], pub(&keys[0]), 32);
}

static void a_revoked_device_stays_so_and_only_its_owner_says_it(void **state) {
    (void)state;
    const struct key own = key(1), stolen = key(2), foreign = key(3);
    const struct key alice[] = {key(10), key(11)}, mallory = key(20);
    uint8_t statement[STATEMENT_BYTES_MAX];
    struct statement got;
    AUTO_BUF chain = BUF_INIT(0);
    assert_int_equal(show(&stolen, alice, 1, NULL), 0);
    assert_int_equal(show(&foreign, &mallory, 1, &stolen), 0); // he says so of hers
    assert_int_equal(trust(&alice[0], &stolen), PEERSDB_TRUSTED);
    assert_int_equal(show(&own, alice, 1, &stolen), 0);
    assert_int_equal(trust(&alice[0], &stolen), PEERSDB_GONE);
    assert_int_equal(show(&stolen, alice, 1, NULL), ERR_PERM);
    assert_int_equal(show(&stolen, alice, 2, NULL), ERR_PERM); // nor by a later key
    assert_int_equal(peersdb_chain(p, pub(&stolen), &chain, NULL), ERR_NOT_FOUND);
    assert_int_equal(peersdb_chain(p, pub(&own), &chain, NULL), 0);
    // A statement alone; of a device that is not here yet, too.
    say(STATEMENT_REVOKE, &alice[0], &foreign, 60, statement);
    assert_int_equal(peersdb_statement_put(p, statement, STATEMENT_REVOKE_BYTES, false,
                                           MAKER_NOW_MS, &got, NULL),
                     1);
    assert_int_equal(peersdb_statement_put(p, statement, STATEMENT_REVOKE_BYTES, false,
                                           MAKER_NOW_MS, &got, NULL),
                     0);
    assert_int_equal(trust(&mallory, &foreign), PEERSDB_TRUSTED); // hers is not his
    const struct key unborn = key(4), nobody = key(30);
    say(STATEMENT_REVOKE, &alice[0], &unborn, 61, statement);
    statement[100] ^= 1;
    assert_int_equal(peersdb_statement_put(p, statement, STATEMENT_REVOKE_BYTES, false,
                                           MAKER_NOW_MS, &got, NULL),
                     ERR_CORRUPT);
    statement[100] ^= 1;
    assert_int_equal(peersdb_statement_put(p, statement, STATEMENT_REVOKE_BYTES, false,
                                           MAKER_NOW_MS, &got, NULL),
                     1);
    assert_int_equal(trust(&alice[0], &unborn), PEERSDB_GONE);
    assert_int_equal(show(&unborn, alice, 1, NULL), ERR_PERM);
    say(STATEMENT_REVOKE, &nobody, &own, 1, statement);
    assert_int_equal(peersdb_statement_put(p, statement, STATEMENT_REVOKE_BYTES, false,
                                           MAKER_NOW_MS, &got, NULL),
                     0); // who is that?
}

// -------------------------------------------------------------------------------------- peers

static void several_addresses_caps_and_a_secret_are_kept(void **state) {
    (void)state;
    struct peersdb_peer one = peer_of(1);
    uint8_t secret[PEERSDB_SECRET_BYTES], got[PEERSDB_SECRET_BYTES];
    memset(secret, 9, sizeof secret);
    memcpy(one.address, "10.0.0.1:1", 11);
    assert_int_equal(peersdb_peer_put(p, &one, NULL), 0);
    assert_int_equal(peersdb_secret(p, one.device, got, NULL), ERR_NOT_FOUND);
    assert_int_equal(peersdb_secret_put(p, one.device, secret, NULL), 0);
    assert_int_equal(peersdb_peer_caps(p, one.device, 1000, 2000, NULL), 0);
    assert_int_equal(peersdb_peer_caps(p, one.device, UINT64_MAX, 0, NULL), ERR_LIMIT);
    for (int i = 2; i < 8; i++) {
        char text[] = "10.0.0.0:1";
        text[7] = (char)('0' + i);
        assert_int_equal(peersdb_address_put(p, one.device, text, i, NULL), 0);
    }
    assert_int_equal(peersdb_peer_put(p, &one, NULL), 0); // again: the rest stays
    assert_int_equal(peersdb_secret(p, one.device, got, NULL), 0);
    assert_memory_equal(got, secret, sizeof got);
    assert_int_equal(peersdb_peer_get(p, one.device, &one, NULL), 0);
    assert_true(one.in_s == 1000 && one.out_s == 2000);
    int64_t rows = 0;
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM address", NULL, 0, &rows, NULL), 1);
    assert_int_equal(rows, PEERSDB_ADDRESSES_MAX);
    const uint8_t nobody[RECORD_KEY_BYTES] = {99};
    assert_int_equal(peersdb_address_put(p, nobody, "10.0.0.1:1", 1, NULL), ERR_NOT_FOUND);
    assert_int_equal(peersdb_secret_put(p, nobody, secret, NULL), ERR_NOT_FOUND);
    assert_int_equal(peersdb_peer_caps(p, nobody, 1, 1, NULL), ERR_NOT_FOUND);
    assert_int_equal(peersdb_peer_remove(p, one.device, NULL), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM address", NULL, 0, &rows, NULL), 1);
    assert_int_equal(rows, 0);
}

static void on_entry(void *ctx, const struct peers_entry *e) {
    struct peers_entry *all = ctx;
    all[e->key[0]] = *e;
}

static void the_node_gets_the_address_that_worked_first_and_the_caps(void **state) {
    (void)state;
    struct peers face = peers_saved(p);
    struct peers_entry got[4] = {0};
    struct net_addr a;
    for (uint8_t i = 1; i < 4; i++) {
        struct peersdb_peer one = peer_of(i);
        assert_int_equal(peersdb_peer_put(p, &one, NULL), 0);
    }
    assert_int_equal(peersdb_peer_caps(p, (const uint8_t[RECORD_KEY_BYTES]){2}, 7, 8, NULL), 0);
    for (uint8_t i = 1; i < 7; i++) {
        char text[] = "10.0.0.0:1";
        text[7] = (char)('0' + i);
        assert_int_equal(net_addr_parse(text, strlen(text), &a, NULL), 0);
        face.seen(face.self, (const uint8_t[RECORD_KEY_BYTES]){2}, &a, 1000 + i);
    }
    assert_int_equal(face.each(face.self, on_entry, got, NULL), 0);
    assert_true(got[1].key[0] && got[3].key[0] && !got[1].addrs_n && !got[3].addrs_n);
    assert_int_equal(got[2].addrs_n, PEERS_ADDRS_MAX);
    assert_true(got[2].in_s == 7 && got[2].out_s == 8 && got[1].in_s == 0);
    for (uint32_t i = 0; i < PEERS_ADDRS_MAX; i++) // the latest first
        assert_int_equal(got[2].addrs[i].ip[15], 6 - i);
}

// ------------------------------------------------------------------------------------- records

struct seen {
    int64_t seq[16];
    struct peersdb_row last;
    size_t n;
};
static int on_row(void *ctx, const struct peersdb_row *row) {
    struct seen *s = ctx;
    s->seq[s->n++] = row->seq;
    s->last = *row;
    return s->n == COUNT_OF(s->seq);
}
static struct seen list(const struct peersdb_filter *f) {
    struct seen s = {0};
    assert_int_equal(peersdb_list(p, f, on_row, &s, NULL), 0);
    return s;
}

static void put_one(struct maker *m, const struct maker *from, enum record_kind kind, uint8_t in,
                    uint8_t id[RECORD_ID_BYTES]) {
    uint8_t body[20], name[RECORD_SCOPE_BYTES];
    AUTO_BUF bytes = BUF_INIT(0);
    struct record r = maker_record(m, body, sizeof body);
    memset(name, in, sizeof name);
    r.kind = kind;
    memcpy(r.scope, name, sizeof name);
    maker_sign(m, &r, &bytes, id);
    struct peersdb_item item = {.bytes = (const uint8_t *)bytes.data, .n = bytes.len};
    assert_int_equal(
        peersdb_put(p, from ? from->signer.device : NULL, name, &item, 1, NULL, MAKER_NOW_MS, NULL),
        0);
    assert_int_equal(item.result, 1);
}

static void records_are_listed_by_what_one_asks_for_page_by_page(void **state) {
    (void)state;
    struct maker alice, bob;
    struct peersdb_peer peer = {.name = "alice"};
    uint8_t ids[6][RECORD_ID_BYTES];
    maker_init(&alice, 1);
    maker_init(&bob, 2);
    memcpy(peer.device, alice.signer.device, 32);
    memcpy(peer.identity, alice.signer.author, 32);
    assert_int_equal(peersdb_peer_put(p, &peer, NULL), 0);
    assert_int_equal(peersdb_device_put(p, bob.signer.device, bob.signer.author, NULL), 0);
    put_one(&alice, &alice, RECORD_PATTERN, 0x53, ids[0]);
    put_one(&alice, &alice, RECORD_RESOURCE, 0x53, ids[1]);
    put_one(&alice, &alice, RECORD_PATTERN, 0x54, ids[2]);
    put_one(&bob, &alice, RECORD_PATTERN, 0x53, ids[3]);
    put_one(&bob, NULL, RECORD_PATTERN, 0x53, ids[4]); // as our own
    const unsigned waiting = 1U << PEERSDB_QUARANTINED;
    assert_int_equal(list(&(struct peersdb_filter){0}).n, 5);
    assert_int_equal(list(&(struct peersdb_filter){.states = waiting}).n, 4);
    assert_int_equal(list(&(struct peersdb_filter){.scope = scope}).n, 4);
    assert_int_equal(list(&(struct peersdb_filter){.kinds = 1U << RECORD_RESOURCE}).n, 1);
    assert_int_equal(list(&(struct peersdb_filter){.author = bob.signer.author}).n, 2);
    assert_int_equal(list(&(struct peersdb_filter){.origin = alice.signer.device}).n, 4);
    assert_int_equal(list(&(struct peersdb_filter){.scope = scope,
                                                   .author = bob.signer.author,
                                                   .states = 1U << PEERSDB_ACCEPTED})
                         .n,
                     1);
    struct peersdb_filter pages = {.max = 2};
    size_t all = 0;
    for (struct seen s; (s = list(&pages)).n > 0; all += s.n) {
        assert_true(s.n <= 2 && s.seq[0] > pages.after);
        pages.after = s.seq[s.n - 1];
    }
    assert_int_equal(all, 5);
    assert_int_equal(peersdb_offer(p, (const uint8_t(*)[RECORD_ID_BYTES])ids, 5, NULL), 4);
    assert_int_equal(peersdb_offer(p, (const uint8_t(*)[RECORD_ID_BYTES])ids, 5, NULL), 0);
    struct seen offered = list(&(struct peersdb_filter){.states = 1U << PEERSDB_OFFERED});
    assert_int_equal(offered.n, 4);
    assert_memory_equal(offered.last.origin, alice.signer.device, 32);
}

static bool plan_has(const char *sql, const struct db_value *values, size_t n, const char *what) {
    struct db_rows *rows = NULL;
    bool found = false;
    assert_int_equal(db_rows_open(db, sql, values, n, &rows, NULL), 0);
    while (db_rows_next(rows, NULL) > 0) {
        const char *text = db_col_text(rows, 3, NULL);
        found |= text && strstr(text, what) != NULL;
        assert_false(text && strstr(text, "SCAN record")); // never all of them
    }
    db_rows_close(rows);
    return found;
}

static void a_record_is_found_by_its_index_whatever_the_scope_has(void **state) {
    (void)state;
    static char plan[1024];
    const uint8_t low[RECORD_ID_BYTES] = {0}, high[RECORD_ID_BYTES] = {1};
    const struct db_value values[] = {db_blob(low, sizeof low), db_blob(high, sizeof high),
                                      db_blob(scope, sizeof scope)};
    (void)snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", peersdb_find_sql);
    assert_true(plan_has(plan, values, 3, "sqlite_autoindex_record_1 (hash>? AND hash<?)"));
    const struct db_value seq = db_int(0);
    (void)snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", peersdb_waiting_sql);
    assert_true(plan_has(plan, &seq, 1, "record_open (id>?)"));
    assert_false(plan_has(plan, &seq, 1, "TEMP B-TREE"));
}

// ----------------------------------------------------------------------------------- migration

static void a_file_of_the_first_schema_is_brought_along(void **state) {
    (void)state;
    struct db *old = NULL;
    struct peersdb *q = NULL;
    struct maker alice;
    uint8_t sum[32], body[20], id[RECORD_ID_BYTES];
    const struct peersdb_step *first = &peersdb_steps[0];
    maker_init(&alice, 1);
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &old, NULL), 0);
    assert_int_equal(db_script(old, first->sql, NULL), 0);
    digest_bytes(first->sql, strlen(first->sql), sum, sizeof sum);
    const struct db_value step[] = {db_text(first->name), db_blob(sum, sizeof sum)};
    assert_int_equal(db_run(old, "INSERT INTO migrations VALUES (1, ?1, ?2, 1)", step, 2, NULL), 0);
    assert_int_equal(
        db_script(old, "PRAGMA user_version = 1; INSERT INTO own VALUES (1, 3, 40)", NULL), 0);
    struct record r = maker_record(&alice, body, sizeof body);
    AUTO_BUF bytes = BUF_INIT(0);
    maker_sign(&alice, &r, &bytes, id);
    const struct db_value values[] = {db_blob(alice.signer.device, 32), db_blob(scope, 16),
                                      db_blob(id, sizeof id), db_blob(bytes.data, bytes.len)};
    assert_int_equal(db_run(old,
                            "INSERT INTO peer (device, name, address, paired_ms) VALUES (?1, "
                            "'alice', '10.0.0.1:7443', 5)",
                            values, 1, NULL),
                     0);
    assert_int_equal(db_run(old, "INSERT INTO device VALUES (?1, ?1, NULL)", values, 1, NULL), 0);
    assert_int_equal(db_run(old, "INSERT INTO scope (name) VALUES (?2)", values, 2, NULL), 0);
    assert_int_equal(db_run(old,
                            "INSERT INTO record (scope, hash, state, kind, arrived_ms, "
                            "expires_ms, author, bytes) VALUES (1, ?3, 1, 1, 1, 0, ?1, ?4)",
                            values, 4, NULL),
                     0);
    assert_int_equal(peersdb_open(old, &config, &q, NULL), 0);
    assert_int_equal(peersdb_epoch(q), 3);
    struct peers face = peers_saved(q);
    struct peers_entry got[256] = {0};
    assert_int_equal(face.each(face.self, on_entry, got, NULL), 0);
    assert_int_equal(got[alice.signer.device[0]].addrs_n, 1);
    int64_t writers = 0;
    assert_int_equal(db_one_int(old, "SELECT count(*) FROM writer WHERE device = ?1 AND scope = 1",
                                values, 1, &writers, NULL),
                     1);
    assert_int_equal(writers, 1);
    peersdb_close(q);
    assert_int_equal(peersdb_open(old, &config, &q, NULL), 0); // and once is enough
    peersdb_close(q);
    db_close(old);
}

int main(void) {
#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DB(an_identity_is_followed_forward_and_never_back),
        WITH_DB(a_revoked_device_stays_so_and_only_its_owner_says_it),
        WITH_DB(several_addresses_caps_and_a_secret_are_kept),
        WITH_DB(the_node_gets_the_address_that_worked_first_and_the_caps),
        WITH_DB(records_are_listed_by_what_one_asks_for_page_by_page),
        WITH_DB(a_record_is_found_by_its_index_whatever_the_scope_has),
        WITH_DB(a_file_of_the_first_schema_is_brought_along),
    };
    return cmocka_run_group_tests_name("federation/peersdb_more", tests, NULL, NULL);
}
