// Certificates in peers.db: whose a device is, what followed which identity, who was revoked.
#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

enum { AT_IDENTITY = 2, AT_SUBJECT = 34 }; // of a statement
static const char gone[] = "the device has been revoked by its owner";

// Key that followed `old`: 1 and filled, 0 none.
static int later_of(struct peersdb *p, const uint8_t *old, uint8_t ret[RECORD_KEY_BYTES],
                    struct err *err) {
    struct db_value v = db_blob(old, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db, "SELECT later FROM succession WHERE old = ?1", &v, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        size_t n = 0;
        const void *later = db_col_blob(rows, 0, &n);
        if (later && n == RECORD_KEY_BYTES)
            memcpy(ret, later, n);
        else
            r = err_set(err, ERR_CORRUPT, "a key in peers.db is none");
    }
    db_rows_close(rows);
    return r;
}

int peersdb_follows(struct peersdb *p, const uint8_t *author, const uint8_t *identity,
                    struct err *err) {
    uint8_t at[RECORD_KEY_BYTES], later[RECORD_KEY_BYTES];
    memcpy(at, author, sizeof at);
    for (int i = 0; i <= CHAIN_ROTATIONS_MAX; i++) {
        if (memcmp(at, identity, sizeof at) == 0)
            return 1;
        int r = later_of(p, at, later, err);
        if (r <= 0)
            return r;
        memcpy(at, later, sizeof at);
    }
    return 0;
}

int peersdb_former(struct peersdb *p, const uint8_t identity[RECORD_KEY_BYTES],
                   uint8_t ret[CHAIN_ROTATIONS_MAX][RECORD_KEY_BYTES], struct err *err) {
    int count = 0, r = 1;
    const uint8_t *at = identity;
    while (r > 0 && count < CHAIN_ROTATIONS_MAX) {
        struct db_value v = db_blob(at, RECORD_KEY_BYTES);
        struct db_rows *rows = NULL;
        r = db_rows_open(p->db, "SELECT old FROM succession WHERE later = ?1 ORDER BY old", &v, 1,
                         &rows, err);
        if (r == 0)
            r = db_rows_next(rows, err);
        size_t n = 0;
        const void *old = r > 0 ? db_col_blob(rows, 0, &n) : NULL;
        if (old && n == RECORD_KEY_BYTES) {
            memcpy(ret[count], old, n);
            at = ret[count++];
        }
        db_rows_close(rows);
    }
    return r < 0 ? r : count;
}

// ------------------------------------------------------------------------------------- trust

static int stated(struct peersdb *p, const uint8_t *identity, const uint8_t *device,
                  struct err *err) {
    const struct db_value values[] = {db_blob(identity, RECORD_KEY_BYTES),
                                      db_blob(device, RECORD_KEY_BYTES)};
    int64_t one = 0;
    return db_one_int(p->db, "SELECT 1 FROM statement WHERE identity = ?1 AND subject = ?2", values,
                      2, &one, err);
}

struct device_row {
    uint8_t identity[RECORD_KEY_BYTES];
    bool revoked;
};

static int read_device(struct peersdb *p, const uint8_t *device, struct device_row *ret,
                       struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db, "SELECT identity, revoked_ms FROM device WHERE key = ?1", &v, 1,
                         &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        size_t n = 0;
        const void *identity = db_col_blob(rows, 0, &n);
        ret->revoked = !db_col_is_null(rows, 1);
        if (identity && n == RECORD_KEY_BYTES)
            memcpy(ret->identity, identity, n);
        else
            r = err_set(err, ERR_CORRUPT, "a key in peers.db is none");
    }
    db_rows_close(rows);
    return r;
}

int peersdb_trust(struct peersdb *p, const uint8_t author[RECORD_KEY_BYTES],
                  const uint8_t device[RECORD_KEY_BYTES], struct err *err) {
    struct device_row row;
    uint8_t later[RECORD_KEY_BYTES];
    int r = read_device(p, device, &row, err);
    if (r < 0)
        return r;
    if (r == 0) {
        r = stated(p, author, device, err);
        return r < 0 ? r : r > 0 ? PEERSDB_GONE : PEERSDB_UNPROVED;
    }
    if (row.revoked)
        return PEERSDB_GONE;
    r = peersdb_follows(p, author, row.identity, err);
    if (r <= 0)
        return r < 0 ? r : PEERSDB_OTHERS;
    r = later_of(p, row.identity, later, err);
    return r < 0 ? r : r > 0 ? PEERSDB_STALE : PEERSDB_TRUSTED;
}

int peersdb_identity(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES],
                     uint8_t ret[RECORD_KEY_BYTES], struct err *err) {
    struct device_row row;
    int r = read_device(p, device, &row, err);
    if (r <= 0)
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "the device is not known");
    memcpy(ret, row.identity, sizeof row.identity);
    return 0;
}

// -------------------------------------------------------------------------------- statements

// One of somebody we are not paired with makes room: what it said of a device stays.
static int make_room(struct peersdb *p, struct err *err) {
    int64_t all = 0;
    int r = db_one_int(p->db, "SELECT count(*) FROM statement", NULL, 0, &all, err);
    if (r < 0 || all < PEERSDB_STATEMENTS_MAX)
        return r < 0 ? r : 0;
    r = db_run(p->db,
               "DELETE FROM statement WHERE (identity, subject) IN (SELECT s.identity, s.subject "
               "FROM statement s WHERE NOT EXISTS (SELECT 1 FROM peer p JOIN device d ON d.key = "
               "p.device WHERE d.identity = s.identity) ORDER BY s.heard_ms, s.identity, s.subject "
               "LIMIT 1)",
               NULL, 0, err);
    if (r == 0 && !db_changes(p->db))
        r = err_set(err, ERR_LIMIT, "there are %d revocations of devices already",
                    PEERSDB_STATEMENTS_MAX);
    return r;
}

// Stored, and its device revoked when it is this identity's.
static int state(struct peersdb *p, const uint8_t *bytes, int64_t now_ms, struct err *err) {
    const struct db_value values[] = {db_blob(bytes + AT_IDENTITY, RECORD_KEY_BYTES),
                                      db_blob(bytes + AT_SUBJECT, RECORD_KEY_BYTES), db_int(now_ms),
                                      db_blob(bytes, STATEMENT_REVOKE_BYTES)};
    int64_t of_identity = 0;
    int r = make_room(p, err);
    if (r == 0)
        r = db_one_int(p->db, "SELECT count(*) FROM statement WHERE identity = ?1", values, 1,
                       &of_identity, err);
    if (r >= 0 && of_identity >= CHAIN_REVOKED_MAX)
        r = err_set(err, ERR_LIMIT, "an identity has revoked over %d devices", CHAIN_REVOKED_MAX);
    if (r >= 0)
        r = db_run(p->db, "INSERT INTO statement VALUES (?1, ?2, ?3, ?4)", values, 4, err);
    if (r == 0)
        r = db_run(p->db,
                   "UPDATE device SET revoked_ms = ifnull(revoked_ms, ?3) WHERE key = ?2 AND "
                   "identity = ?1",
                   values, 3, err);
    return r;
}

static int identity_known(struct peersdb *p, const uint8_t *identity, struct err *err) {
    struct db_value v = db_blob(identity, RECORD_KEY_BYTES);
    int64_t one = 0;
    return db_one_int(p->db, "SELECT 1 FROM device WHERE identity = ?1 LIMIT 1", &v, 1, &one, err);
}

int peersdb_statement_put(struct peersdb *p, const void *bytes, size_t n, bool asked,
                          int64_t now_ms, struct statement *ret, struct err *err) {
    const uint8_t *b = bytes;
    if (n != STATEMENT_REVOKE_BYTES)
        return err_set(err, ERR_PARSE, "a revocation of a device has not its length");
    // First whether it matters: a signature costs more than a look.
    int r = stated(p, b + AT_IDENTITY, b + AT_SUBJECT, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = asked ? 1 : identity_known(p, b + AT_IDENTITY, err);
    if (r <= 0)
        return r;
    r = statement_verify(bytes, n, ret, err);
    if (r == 0 && ret->kind != STATEMENT_REVOKE)
        r = err_set(err, ERR_PARSE, "a statement of an identity is no revocation");
    if (r == 0)
        r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = state(p, bytes, now_ms, err);
    if (r == 0)
        r = db_commit(p->db, err);
    if (r < 0)
        db_rollback(p->db);
    return r < 0 ? r : 1;
}

int peersdb_statement(struct peersdb *p, const uint8_t identity[RECORD_KEY_BYTES],
                      const uint8_t device[RECORD_KEY_BYTES], struct buf *out, struct err *err) {
    const struct db_value values[] = {db_blob(identity, RECORD_KEY_BYTES),
                                      db_blob(device, RECORD_KEY_BYTES)};
    struct db_rows *rows = NULL;
    size_t n = 0;
    int r = db_rows_open(p->db, "SELECT bytes FROM statement WHERE identity = ?1 AND subject = ?2",
                         values, COUNT_OF(values), &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    const void *bytes = r > 0 ? db_col_blob(rows, 0, &n) : NULL;
    if (bytes && buf_append(out, bytes, n) < 0)
        r = err_set(err, ERR_NOMEM, "no memory for a statement");
    db_rows_close(rows);
    if (r < 0)
        return r;
    return n ? 0 : err_set(err, ERR_NOT_FOUND, "there is no such statement");
}

int peersdb_statements(struct peersdb *p, peersdb_statement_fn *fn, void *ctx, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db, "SELECT identity, bytes FROM statement ORDER BY identity, subject",
                         NULL, 0, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        size_t identity_n = 0, n = 0;
        const void *identity = db_col_blob(rows, 0, &identity_n);
        const void *bytes = db_col_blob(rows, 1, &n);
        if (identity && bytes && identity_n == RECORD_KEY_BYTES && n == STATEMENT_REVOKE_BYTES &&
            fn(ctx, identity, bytes) > 0)
            break;
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int peersdb_written(struct peersdb *p, const uint8_t key[RECORD_KEY_BYTES], bool identity,
                    peersdb_scope_fn *fn, void *ctx, struct err *err) {
    static const char by_device[] = "SELECT s.name FROM writer w JOIN scope s ON s.id = w.scope "
                                    "WHERE w.device = ?1 ORDER BY s.name";
    static const char by_identity[] =
        "SELECT DISTINCT s.name FROM device d JOIN writer w ON w.device = d.key JOIN scope s ON "
        "s.id = w.scope WHERE d.identity = ?1 ORDER BY s.name";
    struct db_value v = db_blob(key, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    bool stopped = false;
    int r = db_rows_open(p->db, identity ? by_identity : by_device, &v, 1, &rows, err);
    while (r >= 0 && !stopped && (r = db_rows_next(rows, err)) > 0) {
        size_t n = 0;
        const void *scope = db_col_blob(rows, 0, &n);
        stopped = scope && n == RECORD_SCOPE_BYTES && fn(ctx, scope) > 0;
    }
    db_rows_close(rows);
    return r < 0 ? r : stopped;
}

// ------------------------------------------------------------------------------------ chains

static int note_rotations(struct peersdb *p, const struct chain *c, struct err *err) {
    uint8_t later[RECORD_KEY_BYTES];
    int r = later_of(p, c->current, later, err);
    if (r > 0) // whoever shows it may not have heard
        return err_set(err, ERR_PERM,
                       "this identity has been followed by another key, which we know");
    for (size_t i = 0; r >= 0 && i < c->rotations_n; i++) {
        const struct db_value values[] = {db_blob(c->identities[i], RECORD_KEY_BYTES),
                                          db_blob(c->identities[i + 1], RECORD_KEY_BYTES)};
        r = later_of(p, c->identities[i], later, err);
        if (r > 0 && memcmp(later, c->identities[i + 1], sizeof later) != 0)
            return err_set(err, ERR_KEY, "another key has followed this identity, as we know");
        if (r != 0)
            continue;
        r = peersdb_bounded(p, "SELECT count(*) FROM succession", PEERSDB_ROTATIONS_MAX,
                            "rotations of identities", err);
        if (r == 0)
            r = db_run(p->db, "INSERT INTO succession VALUES (?1, ?2)", values, 2, err);
    }
    return r < 0 ? r : 0;
}

static int note_device(struct peersdb *p, const struct chain *c, const void *bytes, size_t n,
                       struct err *err) {
    const struct db_value values[] = {db_blob(c->device, RECORD_KEY_BYTES),
                                      db_blob(c->current, RECORD_KEY_BYTES), db_blob(bytes, n)};
    struct device_row row;
    int r = stated(p, c->current, c->device, err);
    if (r > 0)
        return err_set(err, ERR_PERM, "%s", gone);
    if (r == 0)
        r = read_device(p, c->device, &row, err);
    if (r < 0)
        return r;
    if (r == 0) {
        // The rest is for those who are paired.
        r = peersdb_bounded(p, "SELECT count(*) FROM device",
                            PEERSDB_DEVICES_MAX - PEERSDB_PEERS_MAX, "devices", err);
        return r < 0
                   ? r
                   : db_run(p->db, "INSERT INTO device (key, identity, chain) VALUES (?1, ?2, ?3)",
                            values, COUNT_OF(values), err);
    }
    if (row.revoked)
        return err_set(err, ERR_PERM, "%s", gone);
    r = peersdb_follows(p, row.identity, c->current, err);
    if (r <= 0)
        return r < 0 ? r : err_set(err, ERR_EXISTS, "the device belongs to another identity");
    return db_run(p->db, "UPDATE device SET identity = ?2, chain = ?3 WHERE key = ?1", values,
                  COUNT_OF(values), err);
}

static int note_revocations(struct peersdb *p, const struct chain *c, const uint8_t *bytes,
                            int64_t now_ms, struct err *err) {
    const uint8_t *at = bytes + 3 + c->rotations_n * STATEMENT_BYTES_MAX;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < c->revoked_n; i++, at += STATEMENT_REVOKE_BYTES) {
        r = stated(p, c->current, c->revoked[i], err);
        if (r == 0)
            r = state(p, at, now_ms, err);
    }
    return r < 0 ? r : 0;
}

int peersdb_certify(struct peersdb *p, const struct chain *c, const void *bytes, size_t n,
                    int64_t now_ms, struct err *err) {
    int r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = note_rotations(p, c, err);
    if (r == 0)
        r = note_device(p, c, bytes, n, err);
    if (r == 0)
        r = note_revocations(p, c, bytes, now_ms, err);
    if (r == 0)
        r = db_commit(p->db, err);
    if (r < 0)
        db_rollback(p->db);
    return r;
}

int peersdb_chain(struct peersdb *p, const uint8_t device[RECORD_KEY_BYTES], struct buf *out,
                  struct err *err) {
    struct db_value v = db_blob(device, RECORD_KEY_BYTES);
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db, "SELECT chain FROM device WHERE key = ?1 AND revoked_ms IS NULL",
                         &v, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    size_t n = 0;
    const void *bytes = r > 0 ? db_col_blob(rows, 0, &n) : NULL;
    if (bytes && buf_append(out, bytes, n) < 0)
        r = err_set(err, ERR_NOMEM, "no memory for a certificate");
    db_rows_close(rows);
    if (r < 0)
        return r;
    return n ? 0 : err_set(err, ERR_NOT_FOUND, "the device has not been proved to us");
}
