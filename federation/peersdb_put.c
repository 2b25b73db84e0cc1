// How a record gets into peers.db, and what it takes out.
#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

struct change {
    enum peersdb_change what;
    uint8_t id[RECORD_ID_BYTES], by[RECORD_ID_BYTES];
};
struct put { // one batch
    struct peersdb *p;
    const uint8_t *scope_name;
    int64_t scope, from, now_ms; // from 0: ourselves
    int64_t stored, forged, improper;
    int64_t room; // for records of this peer in quarantine
    struct change *changes;
    uint32_t changes_n, changes_cap;
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES]; // looked up last
    int trust;                                                  // of these; 0: of none yet
    bool noted;                                                 // as a writer of the scope
};

static int note(struct put *b, enum peersdb_change what, const uint8_t *id, const uint8_t *by,
                struct err *err) {
    int r = mem_grow((void **)&b->changes, b->changes_n, &b->changes_cap, sizeof *b->changes,
                     8 * PEERSDB_BATCH_MAX);
    if (r < 0)
        return err_set(err, r, "too much changes with one batch of records");
    struct change *c = &b->changes[b->changes_n++];
    c->what = what;
    memcpy(c->id, id, sizeof c->id);
    memcpy(c->by, by, sizeof c->by);
    return 0;
}

// peersdb_trust, remembered while the same device goes on.
static int trust(struct put *b, const struct record *r, struct err *err) {
    if (b->trust && memcmp(r->author, b->author, sizeof b->author) == 0 &&
        memcmp(r->device, b->device, sizeof b->device) == 0)
        return b->trust;
    int e = peersdb_trust(b->p, r->author, r->device, err);
    if (e > 0) {
        b->trust = e;
        b->noted = false;
        memcpy(b->author, r->author, sizeof b->author);
        memcpy(b->device, r->device, sizeof b->device);
    }
    return e;
}

// Why it is refused, counted; 0: it is believed.
static int refusal(struct put *b, int trust) {
    switch (trust) {
    case PEERSDB_OTHERS:
        b->forged++;
        return ERR_KEY;
    case PEERSDB_UNPROVED: // its certificate may be on its way, or not be given to us any more
        return ERR_NOT_FOUND;
    case PEERSDB_STALE: // whoever hands it on need not know yet
    case PEERSDB_GONE:
        return ERR_PERM;
    default:
        return 0;
    }
}

// The device has records in this scope: its certificate may go where the scope goes.
static int note_writer(struct put *b, const struct record *r, struct err *err) {
    const struct db_value values[] = {db_blob(r->device, sizeof r->device), db_int(b->scope)};
    int e = b->noted
                ? 0
                : db_run(b->p->db, "INSERT OR IGNORE INTO writer VALUES (?1, ?2)", values, 2, err);
    b->noted = e == 0;
    return e;
}

// records_may, also when the author's identity was rotated between the two.
static int may(struct put *b, const struct record *r, const struct record *old, struct err *err) {
    if (memcmp(r->author, old->author, sizeof r->author) == 0)
        return records_may(r, old, err);
    struct record same = *r;
    int e = peersdb_follows(b->p, old->author, r->author, err);
    if (e > 0)
        memcpy(same.author, old->author, sizeof same.author);
    return e < 0 ? e : records_may(&same, old, err);
}

static int remove_row(struct put *b, const uint8_t *id, const uint8_t *by, enum peersdb_change what,
                      struct err *err) {
    const struct db_value values[] = {db_blob(id, RECORD_ID_BYTES), db_int(PEERSDB_DELETED)};
    int e = db_run(b->p->db, "UPDATE record SET state = ?2, bytes = NULL WHERE hash = ?1", values,
                   2, err);
    if (e == 0 && what == PEERSDB_REVOKED && b->from) { // its author is told that it is gone
        const struct db_value debt[] = {values[0], db_blob(by, RECORD_ID_BYTES), db_int(b->scope)};
        e = db_run(b->p->db, "INSERT OR IGNORE INTO owed VALUES (?1, ?2, ?3)", debt, COUNT_OF(debt),
                   err);
    }
    return e == 0 ? note(b, what, id, by, err) : e;
}

// What `r` refers to goes, when it is here and `r` may. 0, ERR_PERM (it may not), or of the
// database with *ret_fatal.
static int apply_reference(struct put *b, const struct record *r, const uint8_t *id, bool *fatal,
                           struct err *err) {
    struct db_value v = db_blob(r->refers_to, sizeof r->refers_to);
    struct db_rows *rows = NULL;
    struct record old;
    int e = db_rows_open(b->p->db, "SELECT bytes FROM record WHERE hash = ?1", &v, 1, &rows, err);
    if (e == 0)
        e = db_rows_next(rows, err);
    bool here = false;
    int allowed = 0;
    *fatal = e < 0;
    if (e > 0) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        here = bytes && record_parse(bytes, n, &old, NULL) == 0;
        allowed = here ? may(b, r, &old, err) : 0;
    }
    db_rows_close(rows);
    if (e < 0 || !here)
        return e < 0 ? e : 0;
    *fatal = allowed < 0 && allowed != ERR_PERM;
    if (allowed < 0)
        return allowed;
    e = remove_row(b, r->refers_to, id,
                   r->kind == RECORD_REVOCATION ? PEERSDB_REVOKED : PEERSDB_SUPERSEDED, err);
    *fatal = e < 0;
    return e;
}

// Whether a record that is here already, or was, takes `r` away: 1. Of one that was only its author
// is known.
static int taken_away(struct put *b, const struct record *r, const uint8_t *id, struct err *err) {
    struct db_value v = db_blob(id, RECORD_ID_BYTES);
    struct db_rows *rows = NULL;
    int e = db_rows_open(b->p->db, "SELECT bytes, author, scope FROM record WHERE refers = ?1", &v,
                         1, &rows, err);
    int found = 0;
    while (e >= 0 && !found && (e = db_rows_next(rows, err)) > 0) {
        size_t n = 0;
        const void *bytes = db_col_blob(rows, 0, &n);
        struct record by;
        if (bytes) {
            found = record_parse(bytes, n, &by, NULL) == 0 && may(b, &by, r, NULL) == 0;
            continue;
        }
        const void *author = db_col_blob(rows, 1, &n);
        found = author && n == sizeof r->author && db_col_int(rows, 2) == b->scope &&
                peersdb_follows(b->p, r->author, author, NULL) > 0;
    }
    db_rows_close(rows);
    return e < 0 ? e : found;
}

// 1: the revocation is here, and of the record that the receipt says was deleted.
static int receipt_fits(struct put *b, const struct record *r, struct err *err) {
    const struct db_value values[] = {db_blob(r->refers_to, RECORD_ID_BYTES),
                                      db_blob(r->body, r->body_bytes), db_int(b->scope),
                                      db_int(RECORD_REVOCATION)};
    int64_t one = 0;
    return db_one_int(b->p->db,
                      "SELECT 1 FROM record WHERE hash = ?1 AND refers = ?2 AND +scope = ?3 AND "
                      "kind = ?4",
                      values, COUNT_OF(values), &one, err);
}

static int note_receipt(struct put *b, const struct record *r, struct err *err) {
    const struct db_value values[] = {
        db_blob(r->body, r->body_bytes), db_blob(r->device, sizeof r->device),
        db_blob(r->author, sizeof r->author), db_blob(r->refers_to, RECORD_ID_BYTES),
        db_int(r->created_ms)};
    int e = db_run(b->p->db, "INSERT OR IGNORE INTO receipt VALUES (?1, ?2, ?3, ?4, ?5)", values,
                   COUNT_OF(values), err);
    return e == 0 && !b->from
               ? db_run(b->p->db, "DELETE FROM owed WHERE deleted = ?1", values, 1, err)
               : e;
}

static int insert(struct put *b, const struct record *r, const struct peersdb_item *item,
                  enum peersdb_state state, struct err *err) {
    struct db_value gone = db_null();
    const struct db_value values[] = {
        db_int(b->scope),
        db_blob(item->id, RECORD_ID_BYTES),
        db_int(state),
        db_int(r->kind),
        b->from ? db_int(b->from) : db_null(),
        db_int(b->now_ms),
        db_int(r->expires_ms),
        r->refers && r->kind != RECORD_RECEIPT ? db_blob(r->refers_to, RECORD_ID_BYTES) : gone,
        state == PEERSDB_DELETED ? gone : db_blob(item->bytes, item->n),
        db_blob(r->author, sizeof r->author)};
    int e = db_run(b->p->db,
                   "INSERT INTO record (scope, hash, state, kind, origin, arrived_ms, expires_ms, "
                   "refers, bytes, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                   values, COUNT_OF(values), err);
    if (e < 0 || state == PEERSDB_DELETED)
        return e;
    b->stored++;
    e = note_writer(b, r, err);
    if (e == 0 && r->kind == RECORD_RECEIPT)
        e = note_receipt(b, r, err);
    return e < 0 ? e : note(b, PEERSDB_ADDED, item->id, item->id, err);
}

// What is written in a record, beside the database. 0 or why not.
static int judge(struct put *b, struct record *r, struct peersdb_item *item) {
    int e = records_open(item->bytes, item->n, r, item->id, NULL);
    if (e == ERR_KEY || e == ERR_PARSE || e == ERR_LIMIT)
        b->forged++;
    if (e < 0)
        return e;
    if (memcmp(r->scope, b->scope_name, RECORD_SCOPE_BYTES) != 0) {
        b->improper++;
        return ERR_PERM;
    }
    return records_timely(r, b->now_ms, NULL);
}

static int known(struct put *b, const uint8_t *id, struct err *err) {
    struct db_value v = db_blob(id, RECORD_ID_BYTES);
    int64_t one = 0;
    return db_one_int(b->p->db, "SELECT 1 FROM record WHERE hash = ?1", &v, 1, &one, err);
}

static bool is_order(const struct record *r) { // not offered to anybody, only obeyed
    return r->kind == RECORD_REVOCATION || r->kind == RECORD_RECEIPT;
}

// One item; negative only when the whole batch must fail.
static int put_one(struct put *b, struct peersdb_item *item, const struct record *r,
                   struct err *err) {
    bool fatal = false;
    int e = known(b, item->id, err);
    if (e != 0) {
        item->result = 0;
        return e < 0 ? e : 0;
    }
    e = trust(b, r, err);
    if (e < 0)
        return e;
    item->result = refusal(b, e);
    if (item->result < 0)
        return 0;
    if (r->kind == RECORD_RECEIPT) {
        e = receipt_fits(b, r, err);
        if (e <= 0) {
            b->improper += e == 0;
            item->result = ERR_PERM;
            return e;
        }
    }
    if (b->p->config.scrub && b->from && !is_order(r) &&
        b->p->config.scrub(b->p->config.ctx, r) < 0) {
        b->improper++;
        item->result = ERR_PERM;
        return 0;
    }
    bool waits = b->from && !is_order(r);
    if (waits && b->room <= 0)
        return err_set(err, ERR_LIMIT, "%d records of this peer wait to be looked at",
                       PEERSDB_QUARANTINE_MAX);
    e = taken_away(b, r, item->id, err);
    if (e < 0)
        return e;
    if (e > 0) { // remembered, so that nobody is asked for it again
        item->result = 0;
        return insert(b, r, item, PEERSDB_DELETED, err);
    }
    if (r->refers && r->kind != RECORD_RECEIPT) {
        e = apply_reference(b, r, item->id, &fatal, err);
        if (fatal)
            return e;
        if (e < 0) {
            b->improper++;
            item->result = ERR_PERM;
            return 0;
        }
    }
    b->room -= waits;
    item->result = 1;
    return insert(b, r, item, waits ? PEERSDB_QUARANTINED : PEERSDB_ACCEPTED, err);
}

static int put_all(struct put *b, struct peersdb_item *items, size_t n, struct err *err) {
    AUTO_FREE struct record *records = mem_alloc((n ? n : 1) * sizeof *records);
    if (!records)
        return err_set(err, ERR_NOMEM, "no memory for a batch of records");
    for (size_t i = 0; i < n; i++)
        items[i].result = judge(b, &records[i], &items[i]);
    int e = 0;
    for (int orders = 1; orders >= 0; orders--)
        for (size_t i = 0; e >= 0 && i < n; i++)
            if (items[i].result == 0 && (records[i].kind == RECORD_REVOCATION) == orders) {
                struct peersdb_item *item = &items[i];
                e = put_one(b, item, &records[i], err);
            }
    return e;
}

static int limits(struct put *b, size_t n, struct err *err) {
    int64_t rows = 0, waiting = 0;
    int e = db_one_int(b->p->db, "SELECT max(id) FROM record", NULL, 0, &rows, err);
    if (e >= 0 && rows + (int64_t)n > PEERSDB_RECORDS_MAX) // ids only grow; then the real number
        e = db_one_int(b->p->db, "SELECT count(*) FROM record", NULL, 0, &rows, err);
    if (e >= 0 && rows + (int64_t)n > PEERSDB_RECORDS_MAX)
        return err_set(err, ERR_LIMIT, "peers.db holds %d records already", PEERSDB_RECORDS_MAX);
    struct db_value v = db_int(b->from);
    if (e >= 0 && b->from)
        e = db_one_int(b->p->db, "SELECT count(*) FROM record WHERE origin = ?1 AND state = 1", &v,
                       1, &waiting, err);
    b->room = PEERSDB_QUARANTINE_MAX - waiting;
    return e < 0 ? e : 0;
}

static int count_conduct(struct put *b, const struct peersdb_cursor *cursor, struct err *err) {
    const struct db_value counts[] = {db_int(b->from), db_int(b->stored), db_int(b->forged),
                                      db_int(b->improper)};
    int e = 0;
    if (b->from && (b->stored || b->forged || b->improper))
        e = db_run(b->p->db,
                   "UPDATE peer SET arrived = arrived + ?2, forged = forged + ?3, improper = "
                   "improper + ?4 WHERE id = ?1",
                   counts, COUNT_OF(counts), err);
    if (e < 0 || !b->from || !cursor)
        return e;
    const struct db_value values[] = {db_int(b->from), db_int(b->scope), db_int(cursor->epoch),
                                      db_int(cursor->seq)};
    return db_run(b->p->db,
                  "INSERT INTO cursor VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET epoch = "
                  "?3, seq = ?4",
                  values, COUNT_OF(values), err);
}

static int batch(struct put *b, const uint8_t *from, struct peersdb_item *items, size_t n,
                 const struct peersdb_cursor *cursor, struct err *err) {
    int e = from ? peersdb_peer_id(b->p, from, &b->from, err) : 1;
    if (e == 0)
        return err_set(err, ERR_NOT_FOUND, "records came from nobody we are paired with");
    if (e > 0)
        e = peersdb_scope_id(b->p, b->scope_name, true, &b->scope, err);
    if (e > 0)
        e = limits(b, n, err);
    if (e >= 0)
        e = put_all(b, items, n, err);
    return e >= 0 ? count_conduct(b, cursor, err) : e;
}

static void tell(const struct put *b) {
    const struct peersdb_config *c = &b->p->config;
    for (uint32_t i = 0; c->change && i < b->changes_n; i++) {
        const struct change *one = &b->changes[i];
        c->change(c->ctx, one->what, b->scope_name, one->id,
                  one->what == PEERSDB_ADDED || one->what == PEERSDB_EXPIRED ? NULL : one->by);
    }
}

int peersdb_put(struct peersdb *p, const uint8_t *from, const uint8_t scope[RECORD_SCOPE_BYTES],
                struct peersdb_item *items, size_t n, const struct peersdb_cursor *cursor,
                int64_t now_ms, struct err *err) {
    if (n > PEERSDB_BATCH_MAX)
        return err_set(err, ERR_LIMIT, "a batch has more than %d records", PEERSDB_BATCH_MAX);
    struct put b = {.p = p, .scope_name = scope, .now_ms = now_ms};
    int e = db_begin(p->db, true, err);
    if (e < 0)
        return e;
    e = batch(&b, from, items, n, cursor, err);
    if (e >= 0)
        e = db_commit(p->db, err);
    if (e < 0)
        db_rollback(p->db);
    else
        tell(&b);
    mem_free(b.changes);
    return e < 0 ? e : 0;
}

int peersdb_sweep(struct peersdb *p, int64_t now_ms, int max, struct err *err) {
    const struct db_value values[] = {db_int(now_ms - RECORDS_GRACE_MS), db_int(max),
                                      db_int(PEERSDB_DELETED)};
    int n = 0, e = db_begin(p->db, true, err);
    if (e < 0)
        return e;
    struct db_rows *rows = NULL;
    e = db_rows_open(p->db,
                     "SELECT r.id, r.hash, s.name, r.state FROM record r JOIN scope s ON s.id = "
                     "r.scope WHERE r.expires_ms > 0 AND r.expires_ms < ?1 ORDER BY r.expires_ms, "
                     "r.id LIMIT ?2",
                     values, 2, &rows, err);
    AUTO_BUF gone = BUF_INIT(0); // scope and hash of each, for those who are told
    while (e >= 0 && (e = db_rows_next(rows, err)) > 0) {
        size_t hash_n = 0, scope_n = 0;
        const void *hash = db_col_blob(rows, 1, &hash_n), *scope = db_col_blob(rows, 2, &scope_n);
        n++;
        if (db_col_int(rows, 3) != PEERSDB_DELETED && hash_n == RECORD_ID_BYTES &&
            scope_n == RECORD_SCOPE_BYTES &&
            (buf_append(&gone, scope, scope_n) < 0 || buf_append(&gone, hash, hash_n) < 0))
            e = err_set(err, ERR_NOMEM, "no memory to delete expired records");
    }
    db_rows_close(rows);
    // The same rows again; expired ones are refused by their date from now on.
    if (e >= 0)
        e = db_run(p->db,
                   "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE expires_ms > 0 AND "
                   "expires_ms < ?1 ORDER BY expires_ms, id LIMIT ?2)",
                   values, 2, err);
    if (e >= 0)
        e = db_commit(p->db, err);
    if (e < 0) {
        db_rollback(p->db);
        return e;
    }
    enum { EACH = RECORD_SCOPE_BYTES + RECORD_ID_BYTES };
    for (size_t at = 0; p->config.change && at + EACH <= gone.len; at += EACH) {
        const uint8_t *one = (const uint8_t *)gone.data + at;
        p->config.change(p->config.ctx, PEERSDB_EXPIRED, one, one + RECORD_SCOPE_BYTES, NULL);
    }
    return n;
}
