#include "federation/peers_saved.h"

#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

static bool read_key(struct db_rows *rows, uint8_t ret[CHANNEL_KEY_BYTES]) {
    size_t n = 0;
    const void *key = db_col_blob(rows, 0, &n);
    if (!key || n != CHANNEL_KEY_BYTES)
        return false;
    memcpy(ret, key, n);
    return true;
}

// One row an address, those of a peer behind each other.
static int each(void *self, peers_fn *fn, void *ctx, struct err *err) {
    struct peersdb *p = self;
    struct db_rows *rows = NULL;
    struct peers_entry e = {0};
    uint8_t key[CHANNEL_KEY_BYTES];
    bool begun = false;
    int r = db_rows_open(p->db,
                         "SELECT p.device, p.seen_ms, p.in_s, p.out_s, a.place FROM peer p JOIN "
                         "device d ON d.key = p.device LEFT JOIN address a ON a.peer = p.id WHERE "
                         "d.revoked_ms IS NULL ORDER BY p.device, a.place IS p.address DESC, "
                         "a.seen_ms DESC, a.place",
                         NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        if (!read_key(rows, key))
            continue;
        if (!begun || memcmp(key, e.key, sizeof key) != 0) {
            if (begun)
                fn(ctx, &e);
            e = (struct peers_entry){.seen_ms = db_col_int(rows, 1),
                                     .in_s = (uint64_t)db_col_int(rows, 2),
                                     .out_s = (uint64_t)db_col_int(rows, 3)};
            memcpy(e.key, key, sizeof key);
            begun = true;
        }
        size_t n = 0;
        const char *place = db_col_text(rows, 4, &n);
        if (place && e.addrs_n < PEERS_ADDRS_MAX &&
            net_addr_parse(place, n, &e.addrs[e.addrs_n], NULL) == 0)
            e.addrs_n++;
    }
    db_rows_close(rows);
    if (r >= 0 && begun)
        fn(ctx, &e);
    return r;
}

static void seen(void *self, const uint8_t *key, const struct net_addr *a, int64_t wall_ms) {
    struct peersdb *p = self;
    char text[NET_ADDR_TEXT_MAX];
    net_addr_format(a, text);
    const struct db_value place = db_text_n(text, strlen(text));
    const struct db_value values[] = {db_blob(key, CHANNEL_KEY_BYTES), place, db_int(wall_ms),
                                      db_int(PEERS_SAVED_SEEN_MS)};
    if (db_begin(p->db, true, NULL) < 0)
        return; // best effort
    // abs: a clock that was a day ahead must not silence it for a day.
    int r = db_run(p->db,
                   "UPDATE peer SET address = ?2, seen_ms = ?3 WHERE device = ?1 AND "
                   "(address IS NOT ?2 OR abs(seen_ms - ?3) >= ?4)",
                   values, COUNT_OF(values), NULL);
    if (r == 0 && db_changes(p->db))
        r = peersdb_address_note(p, key, place, wall_ms, NULL);
    if (r < 0 || db_commit(p->db, NULL) < 0)
        db_rollback(p->db);
}

struct peers peers_saved(struct peersdb *p) {
    return (struct peers){each, seen, p};
}
