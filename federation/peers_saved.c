#include "federation/peers_saved.h"

#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

static int each(void *self, peers_fn *fn, void *ctx, struct err *err) {
    struct peersdb *p = self;
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db,
                         "SELECT p.device, p.address, p.seen_ms FROM peer p JOIN device d "
                         "ON d.key = p.device WHERE d.revoked_ms IS NULL ORDER BY p.device",
                         NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        struct peers_entry e = {.seen_ms = db_col_int(rows, 2)};
        size_t n = 0;
        const void *key = db_col_blob(rows, 0, &n);
        if (!key || n != sizeof e.key)
            continue;
        memcpy(e.key, key, sizeof e.key);
        const char *address = db_col_text(rows, 1, &n);
        if (address && net_addr_parse(address, n, &e.addrs[0], NULL) == 0)
            e.addrs_n = 1;
        fn(ctx, &e);
    }
    db_rows_close(rows);
    return r;
}

static void seen(void *self, const uint8_t *key, const struct net_addr *a, int64_t wall_ms) {
    struct peersdb *p = self;
    char text[NET_ADDR_TEXT_MAX];
    net_addr_format(a, text);
    const struct db_value values[] = {db_blob(key, CHANNEL_KEY_BYTES),
                                      db_text_n(text, strlen(text)), db_int(wall_ms),
                                      db_int(PEERS_SAVED_SEEN_MS)};
    // abs: a clock that was a day ahead must not silence it for a day.
    (void)db_run(p->db,
                 "UPDATE peer SET address = ?2, seen_ms = ?3 WHERE device = ?1 AND "
                 "(address IS NOT ?2 OR abs(seen_ms - ?3) >= ?4)",
                 values, COUNT_OF(values), NULL);
}

struct peers peers_saved(struct peersdb *p) {
    return (struct peers){each, seen, p};
}
