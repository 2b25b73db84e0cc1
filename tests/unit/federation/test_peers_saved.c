#include "federation/peers_saved.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000 };

struct list {
    struct peers_entry e[4];
    uint32_t n;
};
static void remember(void *ctx, const struct peers_entry *e) {
    struct list *l = ctx;
    assert_true(l->n < COUNT_OF(l->e));
    l->e[l->n++] = *e;
}

static struct list read_all(struct peersdb *p) {
    struct peers face = peers_saved(p);
    struct list l = {0};
    assert_int_equal(face.each(face.self, remember, &l, NULL), 0);
    return l;
}

static void put(struct peersdb *p, uint8_t first, const char *address) {
    struct peersdb_peer peer = {.device = {first}, .identity = {first, 1}, .paired_ms = 1};
    memcpy(peer.name, "peer", 5);
    memcpy(peer.address, address, strlen(address) + 1);
    assert_int_equal(peersdb_peer_put(p, &peer, NULL), 0);
}

static void
the_address_that_worked_is_there_after_a_restart_and_a_revoked_device_is_not(void **state) {
    struct db *db = NULL;
    struct peersdb *p = NULL;
    struct peersdb_config config = {.epoch = 7, .now_ms = NOW_MS};
    struct net_addr a;
    (void)state;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(peersdb_open(db, &config, &p, NULL), 0);
    put(p, 2, "");
    put(p, 1, "10.0.0.1:7443");
    put(p, 3, "no address");
    struct list l = read_all(p);
    assert_int_equal(l.n, 3); // by key
    assert_int_equal(l.e[0].addrs_n, 1);
    assert_int_equal(l.e[0].addrs[0].port, 7443);
    assert_int_equal(l.e[1].addrs_n, 0);
    assert_int_equal(l.e[2].addrs_n, 0);
    struct peers face = peers_saved(p);
    static const char text[] = "[fe80::1%2]:7000";
    assert_int_equal(net_addr_parse(text, strlen(text), &a, NULL), 0);
    face.seen(face.self, l.e[1].key, &a, NOW_MS);
    a.port = 7001; // another address is written at once
    face.seen(face.self, l.e[1].key, &a, NOW_MS + 1);
    face.seen(face.self, l.e[1].key, &a, NOW_MS + 2); // the same one later
    peersdb_close(p);
    assert_int_equal(peersdb_open(db, &config, &p, NULL), 0);
    assert_int_equal(peersdb_device_revoke(p, l.e[0].key, NOW_MS, NULL), 0);
    l = read_all(p);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.e[0].key[0], 2);
    assert_true(net_addr_equal(&l.e[0].addrs[0], &a));
    assert_int_equal(l.e[0].seen_ms, NOW_MS + 1);
    peersdb_close(p);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_address_that_worked_is_there_after_a_restart_and_a_revoked_device_is_not),
    };
    return cmocka_run_group_tests_name("federation/peers_saved", tests, NULL, NULL);
}
