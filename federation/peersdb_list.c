// What peers.db shows to people: records by filter, receipts; and what it owes.
#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

static bool take(struct db_rows *rows, int col, uint8_t *ret, size_t n) {
    size_t have = 0;
    const void *bytes = db_col_blob(rows, col, &have);
    bool right = bytes && have == n;
    if (right)
        memcpy(ret, bytes, n);
    return right;
}

static bool any_or(unsigned bits, unsigned one) {
    return !bits || bits & 1U << one;
}

static bool read_row(struct db_rows *rows, const struct peersdb_filter *f,
                     struct peersdb_row *ret) {
    *ret = (struct peersdb_row){.seq = db_col_int(rows, 0),
                                .state = (enum peersdb_state)db_col_int(rows, 2),
                                .kind = (enum record_kind)db_col_int(rows, 3),
                                .arrived_ms = db_col_int(rows, 4),
                                .expires_ms = db_col_int(rows, 5)};
    bool whole = take(rows, 1, ret->id, sizeof ret->id) &&
                 take(rows, 6, ret->author, sizeof ret->author) &&
                 take(rows, 7, ret->scope, sizeof ret->scope);
    (void)take(rows, 8, ret->origin, sizeof ret->origin);
    ret->bytes = db_col_blob(rows, 9, &ret->n);
    if (!whole || !any_or(f->states, ret->state) || !any_or(f->kinds, ret->kind))
        return false;
    return (!f->author || memcmp(f->author, ret->author, sizeof ret->author) == 0) &&
           (!f->origin || memcmp(f->origin, ret->origin, sizeof ret->origin) == 0);
}

#define LIST_COLUMNS                                                                               \
    "SELECT r.id, r.hash, r.state, r.kind, r.arrived_ms, r.expires_ms, r.author, s.name, "         \
    "p.device, r.bytes FROM "
#define LIST_JOINS "JOIN scope s ON s.id = r.scope LEFT JOIN peer p ON p.id = r.origin WHERE "

const char peersdb_waiting_sql[] = LIST_COLUMNS "record r INDEXED BY record_open " LIST_JOINS
                                                "r.state < 3 AND r.id > ?1 ORDER BY r.id";

// By what narrows it most: the scope's index, that of what waits, or all in their order.
static const char *list_sql(const struct peersdb_filter *f) {
    const unsigned open = 1U << PEERSDB_QUARANTINED | 1U << PEERSDB_OFFERED;
    if (f->scope)
        return LIST_COLUMNS "record r " LIST_JOINS "r.scope = (SELECT id FROM scope WHERE name = "
                            "?2) AND r.id > ?1 ORDER BY r.id";
    if (f->states && !(f->states & ~open))
        return peersdb_waiting_sql;
    return LIST_COLUMNS "record r " LIST_JOINS "r.id > ?1 ORDER BY r.id";
}

int peersdb_list(struct peersdb *p, const struct peersdb_filter *f, peersdb_row_fn *fn, void *ctx,
                 struct err *err) {
    const struct db_value values[] = {db_int(f->after),
                                      f->scope ? db_blob(f->scope, RECORD_SCOPE_BYTES) : db_null()};
    int left = f->max > 0 && f->max < PEERSDB_LIST_MAX ? f->max : PEERSDB_LIST_MAX;
    struct db_rows *rows = NULL;
    struct peersdb_row row;
    int e = db_rows_open(p->db, list_sql(f), values, f->scope ? 2 : 1, &rows, err);
    while (e >= 0 && left > 0 && (e = db_rows_next(rows, err)) > 0)
        if (read_row(rows, f, &row)) {
            left--;
            if (fn(ctx, &row) > 0)
                break;
        }
    db_rows_close(rows);
    return e < 0 ? e : 0;
}

int peersdb_offer(struct peersdb *p, const uint8_t (*ids)[RECORD_ID_BYTES], size_t n,
                  struct err *err) {
    if (n > PEERSDB_BATCH_MAX)
        return err_set(err, ERR_LIMIT, "over %d records at once", PEERSDB_BATCH_MAX);
    int64_t changed = 0;
    int e = db_begin(p->db, true, err);
    if (e < 0)
        return e;
    for (size_t i = 0; e == 0 && i < n; i++) {
        const struct db_value values[] = {db_blob(ids[i], RECORD_ID_BYTES),
                                          db_int(PEERSDB_QUARANTINED), db_int(PEERSDB_OFFERED)};
        e = db_run(p->db, "UPDATE record SET state = ?3 WHERE hash = ?1 AND state = ?2", values,
                   COUNT_OF(values), err);
        changed += e == 0 ? db_changes(p->db) : 0;
    }
    if (e == 0)
        e = db_commit(p->db, err);
    if (e < 0)
        db_rollback(p->db);
    return e < 0 ? e : (int)changed;
}

int peersdb_receipts(struct peersdb *p, const uint8_t deleted[RECORD_ID_BYTES],
                     void (*fn)(void *ctx, const struct peersdb_receipt *r), void *ctx,
                     struct err *err) {
    struct db_value v = db_blob(deleted, RECORD_ID_BYTES);
    struct db_rows *rows = NULL;
    struct peersdb_receipt one;
    int e = db_rows_open(p->db,
                         "SELECT device, author, revocation, created_ms FROM receipt WHERE deleted "
                         "= ?1 ORDER BY device",
                         &v, 1, &rows, err);
    while (e >= 0 && (e = db_rows_next(rows, err)) > 0) {
        one.created_ms = db_col_int(rows, 3);
        if (take(rows, 0, one.device, sizeof one.device) &&
            take(rows, 1, one.author, sizeof one.author) &&
            take(rows, 2, one.revocation, sizeof one.revocation))
            fn(ctx, &one);
    }
    db_rows_close(rows);
    return e;
}

int peersdb_owed(struct peersdb *p, struct peersdb_owed *ret, struct err *err) {
    struct db_rows *rows = NULL;
    int e = db_rows_open(p->db,
                         "SELECT o.deleted, o.revocation, s.name FROM owed o JOIN scope s ON s.id "
                         "= o.scope ORDER BY o.deleted LIMIT 1",
                         NULL, 0, &rows, err);
    if (e == 0)
        e = db_rows_next(rows, err);
    if (e > 0 && !(take(rows, 0, ret->deleted, sizeof ret->deleted) &&
                   take(rows, 1, ret->revocation, sizeof ret->revocation) &&
                   take(rows, 2, ret->scope, sizeof ret->scope)))
        e = err_set(err, ERR_CORRUPT, "a receipt that is owed is none");
    db_rows_close(rows);
    return e;
}
