// What is kept of a paired device beside its name: caps, the secret of discovery, addresses.
#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

static const uint64_t cap_max = UINT64_C(1) << 40;

static int changed_one(struct peersdb *p, int r, struct err *err) {
    if (r < 0)
        return r;
    return db_changes(p->db) ? 0 : err_set(err, ERR_NOT_FOUND, "there is no such peer");
}

int peersdb_peer_caps(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], uint64_t in_s,
                      uint64_t out_s, struct err *err) {
    if (in_s > cap_max || out_s > cap_max)
        return err_set(err, ERR_LIMIT, "a cap is over 2^40 bytes a second");
    const struct db_value values[] = {db_blob(device, RECORD_KEY_BYTES), db_int((int64_t)in_s),
                                      db_int((int64_t)out_s)};
    return changed_one(p,
                       db_run(p->db, "UPDATE peer SET in_s = ?2, out_s = ?3 WHERE device = ?1",
                              values, COUNT_OF(values), err),
                       err);
}

int peersdb_secret_put(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                       const uint8_t secret[PEERSDB_SECRET_BYTES], struct err *err) {
    const struct db_value values[] = {db_blob(device, RECORD_KEY_BYTES),
                                      db_blob(secret, PEERSDB_SECRET_BYTES)};
    return changed_one(p,
                       db_run(p->db, "UPDATE peer SET secret = ?2 WHERE device = ?1", values,
                              COUNT_OF(values), err),
                       err);
}

int peersdb_secret(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                   uint8_t ret[PEERSDB_SECRET_BYTES], struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    size_t n = 0;
    int r = db_rows_open(p->db, "SELECT secret FROM peer WHERE device = ?1", &v, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    const void *secret = r > 0 ? db_col_blob(rows, 0, &n) : NULL;
    if (secret && n == PEERSDB_SECRET_BYTES)
        memcpy(ret, secret, n);
    db_rows_close(rows);
    if (r < 0)
        return r;
    return n == PEERSDB_SECRET_BYTES
               ? 0
               : err_set(err, ERR_NOT_FOUND, "nothing secret is shared with this peer");
}

int peersdb_address_note(struct peersdb *p, const uint8_t *device, struct db_value place,
                         int64_t now_ms, struct err *err) {
    const struct db_value values[] = {db_blob(device, RECORD_KEY_BYTES), place, db_int(now_ms),
                                      db_int(PEERSDB_ADDRESSES_MAX)};
    int r = db_run(p->db,
                   "INSERT INTO address SELECT id, ?2, ?3 FROM peer WHERE device = ?1 ON CONFLICT "
                   "DO UPDATE SET seen_ms = ?3",
                   values, 3, err);
    if (r == 0)
        r = db_run(p->db,
                   "DELETE FROM address WHERE peer = (SELECT id FROM peer WHERE device = ?1) AND "
                   "place IN (SELECT place FROM address WHERE peer = (SELECT id FROM peer WHERE "
                   "device = ?1) ORDER BY place = ?2 DESC, seen_ms DESC, place LIMIT -1 OFFSET ?4)",
                   values, COUNT_OF(values), err);
    return r;
}

int peersdb_address_put(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                        const char *address, int64_t now_ms, struct err *err) {
    int64_t id = 0;
    int r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = peersdb_peer_id(p, device, &id, err);
    if (r == 0)
        r = err_set(err, ERR_NOT_FOUND, "there is no such peer");
    if (r > 0)
        r = peersdb_address_note(p, device, db_text(address), now_ms, err);
    if (r == 0)
        r = db_commit(p->db, err);
    if (r < 0)
        db_rollback(p->db);
    return r;
}
