// What peers.db gives out, and what the user said of it.
#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

int peersdb_get(struct peersdb *p, const uint8_t id[RECORD_ID_BYTES], struct buf *out,
                enum peersdb_state *ret_state, struct err *err) {
    struct db_value v = db_blob(id, RECORD_ID_BYTES);
    struct db_rows *rows = NULL;
    struct record r;
    uint8_t found[RECORD_ID_BYTES];
    int e =
        db_rows_open(p->db, "SELECT bytes, state FROM record WHERE hash = ?1", &v, 1, &rows, err);
    if (e == 0)
        e = db_rows_next(rows, err);
    if (e > 0) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        if (!bytes)
            e = 0;
        else if (records_open(bytes, n, &r, found, NULL) < 0 || memcmp(found, id, sizeof found))
            e = err_set(err, ERR_CORRUPT, "a stored record does not verify any more");
        else if (buf_append(out, bytes, n) < 0)
            e = err_set(err, ERR_NOMEM, "no memory for a record");
        if (e > 0 && ret_state)
            *ret_state = (enum peersdb_state)db_col_int(rows, 1);
    }
    db_rows_close(rows);
    return e > 0 ? 0 : e < 0 ? e : err_set(err, ERR_NOT_FOUND, "there is no such record");
}

const char peersdb_find_sql[] =
    "SELECT bytes FROM record WHERE hash BETWEEN ?1 AND ?2 AND +scope = (SELECT id FROM scope "
    "WHERE name = ?3) AND bytes IS NOT NULL LIMIT 1";

int peersdb_find(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], const uint8_t *prefix,
                 size_t prefix_bytes, struct buf *out, struct err *err) {
    uint8_t low[RECORD_ID_BYTES] = {0}, high[RECORD_ID_BYTES];
    if (prefix_bytes > sizeof low)
        return err_set(err, ERR_INVAL, "an id has %d bytes", RECORD_ID_BYTES);
    memset(high, 0xff, sizeof high);
    memcpy(low, prefix, prefix_bytes);
    memcpy(high, prefix, prefix_bytes);
    const struct db_value values[] = {db_blob(low, sizeof low), db_blob(high, sizeof high),
                                      db_blob(scope, RECORD_SCOPE_BYTES)};
    struct db_rows *rows = NULL;
    int e = db_rows_open(p->db, peersdb_find_sql, values, COUNT_OF(values), &rows, err);
    if (e == 0)
        e = db_rows_next(rows, err);
    if (e > 0) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        if (buf_append(out, bytes, n) < 0)
            e = err_set(err, ERR_NOMEM, "no memory for a record");
    }
    db_rows_close(rows);
    return e > 0 ? 0 : e < 0 ? e : err_set(err, ERR_NOT_FOUND, "there is no such record");
}

static int change_state(struct peersdb *p, const uint8_t *id, enum peersdb_state state,
                        struct err *err) {
    const struct db_value values[] = {db_blob(id, RECORD_ID_BYTES), db_int(state)};
    int64_t was = 0;
    int e = db_one_int(p->db, "SELECT state FROM record WHERE hash = ?1", values, 1, &was, err);
    if (e <= 0)
        return e < 0 ? e : err_set(err, ERR_NOT_FOUND, "there is no such record");
    if (was == PEERSDB_DELETED)
        return err_set(err, ERR_INVAL, "the record was deleted");
    e = db_run(p->db, "UPDATE record SET state = ?2 WHERE hash = ?1", values, 2, err);
    const struct db_value counts[] = {
        values[0], db_int((state == PEERSDB_ACCEPTED) - (was == PEERSDB_ACCEPTED)),
        db_int((state == PEERSDB_REJECTED) - (was == PEERSDB_REJECTED))};
    if (e == 0)
        e = db_run(p->db,
                   "UPDATE peer SET accepted = accepted + ?2, rejected = rejected + ?3 WHERE id = "
                   "(SELECT origin FROM record WHERE hash = ?1)",
                   counts, COUNT_OF(counts), err);
    return e;
}

int peersdb_set_state(struct peersdb *p, const uint8_t id[RECORD_ID_BYTES],
                      enum peersdb_state state, struct err *err) {
    if (state < PEERSDB_QUARANTINED || state >= PEERSDB_DELETED)
        return err_set(err, ERR_INVAL, "a record is deleted by its author or by time only");
    int e = db_begin(p->db, true, err);
    if (e < 0)
        return e;
    e = change_state(p, id, state, err);
    if (e == 0)
        e = db_commit(p->db, err);
    if (e < 0)
        db_rollback(p->db);
    return e;
}

static int visit(struct db_rows *rows, bool bodies, peersdb_record_fn *fn, void *ctx,
                 struct err *err) {
    int e = 0;
    while (e == 0 && (e = db_rows_next(rows, err)) > 0) {
        size_t id_n = 0, n = 0;
        const void *id = db_col_blob(rows, 1, &id_n);
        const void *bytes = bodies ? db_col_blob(rows, 2, &n) : NULL;
        if (!id || id_n != RECORD_ID_BYTES)
            return err_set(err, ERR_CORRUPT, "an id in peers.db is none");
        e = fn(ctx, db_col_int(rows, 0), id, bytes, n);
        if (e > 0)
            return 0;
    }
    return e;
}

int peersdb_after(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], int64_t seq,
                  const uint8_t *skip, bool orders, peersdb_record_fn *fn, void *ctx,
                  struct err *err) {
    static const char all[] = "SELECT id, hash, bytes FROM record WHERE scope = ?1 AND id > ?2 AND "
                              "(?3 = 0 OR origin IS NOT ?3) AND bytes IS NOT NULL ORDER BY id";
    static const char revocations[] =
        "SELECT id, hash, bytes FROM record WHERE kind = 7 AND scope = ?1 AND id > ?2 AND "
        "(?3 = 0 OR origin IS NOT ?3) AND bytes IS NOT NULL ORDER BY id";
    int64_t scope_id = 0, skip_id = 0;
    int e = peersdb_scope_id(p, scope, false, &scope_id, err);
    if (e > 0 && skip)
        e = peersdb_peer_id(p, skip, &skip_id, err) < 0 ? ERR_IO : 1;
    if (e <= 0)
        return e;
    const struct db_value values[] = {db_int(scope_id), db_int(seq), db_int(skip_id)};
    struct db_rows *rows = NULL;
    e = db_rows_open(p->db, orders ? revocations : all, values, COUNT_OF(values), &rows, err);
    if (e == 0)
        e = visit(rows, true, fn, ctx, err);
    db_rows_close(rows);
    return e;
}

int peersdb_ids_after(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES],
                      const uint8_t *after, size_t after_bytes, peersdb_record_fn *fn, void *ctx,
                      struct err *err) {
    uint8_t low[RECORD_ID_BYTES + 1] = {0};
    int64_t scope_id = 0;
    int e = peersdb_scope_id(p, scope, false, &scope_id, err);
    if (e <= 0)
        return e;
    if (after) {
        memset(low, 0xff, sizeof low);
        memcpy(low, after, after_bytes < RECORD_ID_BYTES ? after_bytes : RECORD_ID_BYTES);
    }
    // A list is read in the order of ids, which a scope's own index has not: hence the plus.
    const struct db_value values[] = {db_int(scope_id), db_blob(low, after ? sizeof low : 0)};
    struct db_rows *rows = NULL;
    e = db_rows_open(p->db,
                     "SELECT id, hash FROM record WHERE hash > ?2 AND +scope = ?1 AND bytes IS NOT "
                     "NULL ORDER BY hash",
                     values, COUNT_OF(values), &rows, err);
    if (e == 0)
        e = visit(rows, false, fn, ctx, err);
    db_rows_close(rows);
    return e;
}

int peersdb_ids(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], peersdb_record_fn *fn,
                void *ctx, struct err *err) {
    int64_t scope_id = 0;
    int e = peersdb_scope_id(p, scope, false, &scope_id, err);
    if (e <= 0)
        return e;
    struct db_value v = db_int(scope_id);
    struct db_rows *rows = NULL;
    e = db_rows_open(p->db,
                     "SELECT id, hash FROM record WHERE scope = ?1 AND bytes IS NOT NULL ORDER BY "
                     "id",
                     &v, 1, &rows, err);
    if (e == 0)
        e = visit(rows, false, fn, ctx, err);
    db_rows_close(rows);
    return e;
}

int peersdb_newest(struct peersdb *p, const uint8_t scope[RECORD_SCOPE_BYTES], int64_t *ret_seq,
                   struct err *err) {
    int64_t scope_id = 0, seq = 0;
    int e = peersdb_scope_id(p, scope, false, &scope_id, err);
    struct db_value v = db_int(scope_id);
    if (e > 0)
        e = db_one_int(p->db, "SELECT max(id) FROM record WHERE scope = ?1", &v, 1, &seq, err);
    if (e < 0)
        return e;
    *ret_seq = seq;
    return 0;
}
