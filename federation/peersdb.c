#include "federation/peersdb.h"

#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "federation/peersdb_impl.h"

#include <stdio.h>
#include <string.h>

enum { CHECKSUM_BYTES = 32, COUNTERS_AHEAD = 64 };

// --------------------------------------------------------------------------------------- schema

static int step_apply(struct db *db, const struct peersdb_step *step, int64_t now_ms,
                      struct err *err) {
    uint8_t sum[CHECKSUM_BYTES];
    char pragma[48];
    digest_bytes(step->sql, strlen(step->sql), sum, sizeof sum);
    int r = db_script(db, step->sql, err);
    const struct db_value values[] = {db_int(step->version), db_text(step->name),
                                      db_blob(sum, sizeof sum), db_int(now_ms)};
    if (r == 0)
        r = db_run(db, "INSERT INTO migrations VALUES (?1, ?2, ?3, ?4)", values, COUNT_OF(values),
                   err);
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", step->version);
    return r == 0 ? db_script(db, pragma, err) : r;
}

static int step_same(struct db *db, const struct peersdb_step *step, struct err *err) {
    uint8_t sum[CHECKSUM_BYTES];
    int64_t same = 0;
    digest_bytes(step->sql, strlen(step->sql), sum, sizeof sum);
    const struct db_value values[] = {db_int(step->version), db_blob(sum, sizeof sum)};
    int r = db_one_int(db, "SELECT count(*) FROM migrations WHERE version = ?1 AND checksum = ?2",
                       values, 2, &same, err);
    if (r < 0)
        return r;
    return same ? 0
                : err_set(err, ERR_VERSION, "peers.db was made by a build whose step %s differs",
                          step->name);
}

int peersdb_migrate(struct db *db, int64_t now_ms, struct err *err) {
    int64_t version = 0;
    int r = db_one_int(db, "PRAGMA user_version", NULL, 0, &version, err);
    int newest = 0;
    for (const struct peersdb_step *s = peersdb_steps; r >= 0 && s->version; s++) {
        newest = s->version;
        if (s->version <= version) {
            r = step_same(db, s, err);
            continue;
        }
        r = db_begin(db, true, err);
        if (r == 0)
            r = step_apply(db, s, now_ms, err);
        if (r == 0)
            r = db_commit(db, err);
        if (r < 0)
            db_rollback(db);
    }
    if (r >= 0 && version > newest)
        return err_set(err, ERR_VERSION, "peers.db is of a newer build; update paired");
    return r < 0 ? r : 0;
}

int peersdb_open(struct db *db, const struct peersdb_config *config, struct peersdb **ret,
                 struct err *err) {
    AUTO_FREE struct peersdb *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "no memory for peers.db");
    p->db = db;
    p->config = *config;
    int64_t epoch = 0;
    int r = peersdb_migrate(db, config->now_ms, err);
    // Never 0, which in a cursor means none; four bytes as a varint.
    uint32_t drawn = config->epoch & PEERSDB_EPOCH_MAX;
    struct db_value fresh = db_int(drawn ? drawn : 1);
    if (r == 0)
        r = db_run(db, "INSERT OR IGNORE INTO own VALUES (1, ?1, 0)", &fresh, 1, err);
    if (r == 0)
        r = db_one_int(db, "SELECT epoch FROM own", NULL, 0, &epoch, err);
    if (r < 0)
        return r;
    p->epoch = (uint32_t)epoch;
    *ret = TAKE(p);
    return 0;
}

void peersdb_close(struct peersdb *p) {
    mem_free(p);
}

uint32_t peersdb_epoch(const struct peersdb *p) {
    return p->epoch;
}

// ---------------------------------------------------------------------------- peers and devices

int peersdb_bounded(struct peersdb *p, const char *count_sql, int64_t max, const char *what,
                    struct err *err) {
    int64_t n = 0;
    int r = db_one_int(p->db, count_sql, NULL, 0, &n, err);
    if (r >= 0 && n >= max)
        return err_set(err, ERR_LIMIT, "there are %lld %s already", (long long)max, what);
    return r < 0 ? r : 0;
}

int peersdb_peer_id(struct peersdb *p, const uint8_t *device, int64_t *ret, struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    return db_one_int(p->db, "SELECT id FROM peer WHERE device = ?1", &v, 1, ret, err);
}

int peersdb_scope_id(struct peersdb *p, const uint8_t *scope, bool make, int64_t *ret,
                     struct err *err) {
    struct db_value v = db_blob(scope, RECORD_SCOPE_BYTES);
    int r = db_one_int(p->db, "SELECT id FROM scope WHERE name = ?1", &v, 1, ret, err);
    if (r != 0 || !make)
        return r;
    r = peersdb_bounded(p, "SELECT count(*) FROM scope", PEERSDB_SCOPES_MAX, "scopes", err);
    if (r == 0)
        r = db_run(p->db, "INSERT INTO scope (name) VALUES (?1)", &v, 1, err);
    if (r < 0)
        return r;
    *ret = db_last_id(p->db);
    return 1;
}

int peersdb_device_put(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES],
                       const uint8_t identity[RECORD_KEY_BYTES], struct err *err) {
    const struct db_value values[] = {db_blob(key, RECORD_KEY_BYTES),
                                      db_blob(identity, RECORD_KEY_BYTES)};
    int64_t known = 0;
    int r = db_one_int(p->db, "SELECT identity = ?2 FROM device WHERE key = ?1", values, 2, &known,
                       err);
    if (r > 0 && !known)
        return err_set(err, ERR_EXISTS, "the device belongs to another identity");
    if (r == 0)
        r = peersdb_bounded(p, "SELECT count(*) FROM device", PEERSDB_DEVICES_MAX, "devices", err);
    if (r == 0 && !known)
        r = db_run(p->db, "INSERT INTO device (key, identity) VALUES (?1, ?2)", values, 2, err);
    return r < 0 ? r : 0;
}

int peersdb_device_revoke(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES], int64_t now_ms,
                          struct err *err) {
    const struct db_value values[] = {db_blob(key, RECORD_KEY_BYTES), db_int(now_ms)};
    int r = db_run(p->db, "UPDATE device SET revoked_ms = ifnull(revoked_ms, ?2) WHERE key = ?1",
                   values, 2, err);
    if (r < 0)
        return r;
    return db_changes(p->db) ? 0 : err_set(err, ERR_NOT_FOUND, "the device is not known");
}

int peersdb_peer_put(struct peersdb *p, const struct peersdb_peer *peer, struct err *err) {
    const struct db_value values[] = {
        db_blob(peer->device, sizeof peer->device),
        db_text_n(peer->name, strnlen(peer->name, sizeof peer->name)),
        db_text_n(peer->address, strnlen(peer->address, sizeof peer->address)),
        db_int(peer->paired_ms), db_int(peer->seen_ms)};
    int64_t id = 0;
    int r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = peersdb_peer_id(p, peer->device, &id, err);
    if (r == 0)
        r = peersdb_bounded(p, "SELECT count(*) FROM peer", PEERSDB_PEERS_MAX, "peers", err);
    if (r >= 0)
        r = peersdb_device_put(p, peer->device, peer->identity, err);
    if (r == 0)
        r = db_run(p->db,
                   "INSERT INTO peer (device, name, address, paired_ms, seen_ms) VALUES (?1, ?2, "
                   "?3, ?4, ?5) ON CONFLICT (device) DO UPDATE SET name = ?2, address = ?3, "
                   "paired_ms = ?4, seen_ms = ?5",
                   values, COUNT_OF(values), err);
    if (r == 0 && peer->address[0])
        r = peersdb_address_note(p, peer->device, values[2], peer->seen_ms, err);
    if (r == 0)
        r = db_commit(p->db, err);
    if (r < 0)
        db_rollback(p->db);
    return r;
}

#define PEER_COLUMNS                                                                               \
    "SELECT p.device, d.identity, p.name, p.address, p.paired_ms, p.seen_ms, p.arrived, "          \
    "p.accepted, p.rejected, p.forged, p.improper, p.in_s, p.out_s FROM peer p JOIN device d ON "  \
    "d.key = p.device "

static void read_blob(struct db_rows *rows, int col, uint8_t *ret, size_t n) {
    size_t have = 0;
    const void *bytes = db_col_blob(rows, col, &have);
    if (bytes && have == n)
        memcpy(ret, bytes, n);
}

static void read_name(struct db_rows *rows, int col, char ret[PEERSDB_NAME_BYTES_MAX]) {
    const char *text = db_col_text(rows, col, NULL);
    (void)snprintf(ret, PEERSDB_NAME_BYTES_MAX, "%s", text ? text : "");
}

static void read_peer(struct db_rows *rows, struct peersdb_peer *ret) {
    *ret = (struct peersdb_peer){.paired_ms = db_col_int(rows, 4),
                                 .seen_ms = db_col_int(rows, 5),
                                 .arrived = db_col_int(rows, 6),
                                 .accepted = db_col_int(rows, 7),
                                 .rejected = db_col_int(rows, 8),
                                 .forged = db_col_int(rows, 9),
                                 .improper = db_col_int(rows, 10),
                                 .in_s = (uint64_t)db_col_int(rows, 11),
                                 .out_s = (uint64_t)db_col_int(rows, 12)};
    read_blob(rows, 0, ret->device, sizeof ret->device);
    read_blob(rows, 1, ret->identity, sizeof ret->identity);
    read_name(rows, 2, ret->name);
    read_name(rows, 3, ret->address);
}

int peersdb_peer_get(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                     struct peersdb_peer *ret, struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db, PEER_COLUMNS "WHERE p.device = ?1", &v, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0)
        read_peer(rows, ret);
    db_rows_close(rows);
    return r > 0 ? 0 : r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no such peer");
}

int peersdb_peers(struct peersdb *p, void (*fn)(void *ctx, const struct peersdb_peer *peer),
                  void *ctx, struct err *err) {
    struct db_rows *rows = NULL;
    struct peersdb_peer peer;
    int r = db_rows_open(p->db, PEER_COLUMNS "ORDER BY p.name, p.device", NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        read_peer(rows, &peer);
        fn(ctx, &peer);
    }
    db_rows_close(rows);
    return r;
}

int peersdb_peer_remove(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                        struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    int r = db_run(p->db, "DELETE FROM peer WHERE device = ?1", &v, 1, err);
    if (r < 0)
        return r;
    return db_changes(p->db) ? 0 : err_set(err, ERR_NOT_FOUND, "there is no such peer");
}

int peersdb_improper(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], int64_t count,
                     struct err *err) {
    const struct db_value values[] = {db_blob(device, RECORD_KEY_BYTES), db_int(count)};
    return db_run(p->db, "UPDATE peer SET improper = improper + ?2 WHERE device = ?1", values, 2,
                  err);
}

// Taken from the file a few at a time: those that a crash leaves unused are skipped for good, which
// costs nothing, while a commit for each would cost as much as the record itself.
static int reserve_counters(struct peersdb *p, struct err *err) {
    const struct db_value some = db_int(COUNTERS_AHEAD);
    int64_t last = 0;
    int r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = db_run(p->db, "UPDATE own SET counter = counter + ?1", &some, 1, err);
    if (r == 0)
        r = db_one_int(p->db, "SELECT counter FROM own", NULL, 0, &last, err);
    if (r > 0)
        r = db_commit(p->db, err);
    if (r < 0) {
        db_rollback(p->db);
        return r;
    }
    p->counter = last - COUNTERS_AHEAD;
    p->counters = COUNTERS_AHEAD;
    return 0;
}

int peersdb_counter(struct peersdb *p, int64_t *ret, struct err *err) {
    int r = p->counters ? 0 : reserve_counters(p, err);
    if (r < 0)
        return r;
    p->counters--;
    *ret = ++p->counter;
    return 0;
}

int peersdb_cursor_get(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                       const uint8_t scope[RECORD_SCOPE_BYTES], struct peersdb_cursor *ret,
                       struct err *err) {
    const struct db_value values[] = {db_blob(device, RECORD_KEY_BYTES),
                                      db_blob(scope, RECORD_SCOPE_BYTES)};
    struct db_rows *rows = NULL;
    struct peersdb_cursor c = {0};
    int r = db_rows_open(p->db,
                         "SELECT c.epoch, c.seq FROM cursor c JOIN peer p ON p.id = c.peer JOIN "
                         "scope s ON s.id = c.scope WHERE p.device = ?1 AND s.name = ?2",
                         values, 2, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0)
        c = (struct peersdb_cursor){(uint32_t)db_col_int(rows, 0), db_col_int(rows, 1)};
    db_rows_close(rows);
    if (r < 0)
        return r;
    *ret = c;
    return 0;
}
