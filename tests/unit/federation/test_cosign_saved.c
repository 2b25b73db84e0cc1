// What was cosigned stays so after a restart, and is bounded.
#include "federation/cosign_saved.h"

#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000 };

static struct cosign_kept kept(uint8_t n, int64_t time_s) {
    struct cosign_kept k = {.time_s = time_s};
    k.text_bytes = (size_t)snprintf(k.text, sizeof k.text, "checkpoint %d\n", n);
    memset(k.signature, n, sizeof k.signature);
    memset(k.cosignature, n + 1, sizeof k.cosignature);
    return k;
}

static void what_was_cosigned_is_there_after_a_restart(void **state) {
    struct peersdb_config config = {.epoch = 7, .now_ms = NOW_MS};
    const uint8_t one[32] = {1}, two[32] = {2};
    struct cosign_kept first = kept(1, 5), later = kept(3, 9), got;
    struct db *db = NULL;
    struct peersdb *p = NULL;
    (void)state;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(peersdb_open(db, &config, &p, NULL), 0);
    struct cosign_memory m = cosign_saved(p);
    assert_int_equal(m.get(m.self, one, &got, NULL), 0);
    assert_int_equal(m.put(m.self, one, &first, NULL), 0);
    assert_int_equal(m.put(m.self, two, &first, NULL), 0);
    assert_int_equal(m.put(m.self, one, &later, NULL), 0);
    peersdb_close(p);
    assert_int_equal(peersdb_open(db, &config, &p, NULL), 0);
    m = cosign_saved(p);
    assert_int_equal(m.get(m.self, one, &got, NULL), 1);
    assert_int_equal(got.text_bytes, later.text_bytes);
    assert_memory_equal(got.text, later.text, later.text_bytes);
    assert_memory_equal(got.signature, later.signature, sizeof got.signature);
    assert_memory_equal(got.cosignature, later.cosignature, sizeof got.cosignature);
    assert_int_equal(got.time_s, 9);
    assert_int_equal(m.get(m.self, two, &got, NULL), 1);
    assert_int_equal(got.time_s, 5);
    assert_int_equal(db_script(db, "UPDATE cosigned SET cosignature = x'00'", NULL), 0);
    assert_int_equal(m.get(m.self, two, &got, NULL), ERR_CORRUPT);
    peersdb_close(p);
    db_close(db);
}

static void the_one_of_longest_ago_goes_when_there_are_too_many(void **state) {
    struct peersdb_config config = {.epoch = 7, .now_ms = NOW_MS};
    struct cosign_kept k = kept(1, 0), got;
    struct db *db = NULL;
    struct peersdb *p = NULL;
    int64_t n = 0;
    (void)state;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(peersdb_open(db, &config, &p, NULL), 0);
    struct cosign_memory m = cosign_saved(p);
    // Filled at once, by a statement: each put of its own would sort them all.
    assert_int_equal(
        db_script(
            db,
            "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 10000) "
            "INSERT INTO cosigned SELECT CAST(printf('%032d', n) AS BLOB), 't', zeroblob(64), "
            "n, zeroblob(64) FROM i",
            NULL),
        0);
    k.time_s = 20000;
    const uint8_t mine[32] = {0xee};
    assert_int_equal(m.put(m.self, mine, &k, NULL), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM cosigned", NULL, 0, &n, NULL), 1);
    assert_int_equal(n, COSIGN_MEMORY_MAX);
    assert_int_equal(m.get(m.self, (const uint8_t *)"00000000000000000000000000000001", &got, NULL),
                     0);
    assert_int_equal(m.get(m.self, (const uint8_t *)"00000000000000000000000000000002", &got, NULL),
                     1);
    assert_int_equal(m.get(m.self, mine, &got, NULL), 1);
    peersdb_close(p);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_cosigned_is_there_after_a_restart),
        cmocka_unit_test(the_one_of_longest_ago_goes_when_there_are_too_many),
    };
    return cmocka_run_group_tests_name("federation/cosign_saved", tests, NULL, NULL);
}
