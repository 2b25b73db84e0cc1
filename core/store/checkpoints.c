#include "core/store/checkpoints.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

// Entries of this kind are about checkpoints; alone they are no reason for the next one.
static const char own_kind[] = "audit";

static bool copy_blob(struct db_rows *rows, int col, void *out, size_t size) {
    size_t n = 0;
    const void *bytes = db_col_blob(rows, col, &n);
    if (!bytes || n != size)
        return false;
    memcpy(out, bytes, n);
    return true;
}

// --- the log's name -----------------------------------------------------------------------------

static int log_name(struct db *db, uint8_t log[CHECKPOINT_LOG_BYTES], struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT log FROM audit_log", NULL, 0, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 0 || (r > 0 && !copy_blob(rows, 0, log, CHECKPOINT_LOG_BYTES)))
        r = err_set(err, ERR_CORRUPT, "the name of the audit log is damaged");
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

// --- the next one -------------------------------------------------------------------------------

struct next {
    struct tree_frontier frontier;
    int64_t time_ms; // of the last
    int64_t others;  // entries since that are not about checkpoints
};

static int read_last(struct db *db, struct next *n, struct err *err) {
    struct db_rows *rows = NULL;
    struct checkpoint last;
    int r = db_rows_open(db,
                         "SELECT text, frontier, entries FROM checkpoint ORDER BY entries DESC "
                         "LIMIT 1",
                         NULL, 0, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        size_t bytes = 0, text_bytes = 0;
        const char *text = db_col_text(rows, 0, &text_bytes);
        const void *frontier = db_col_blob(rows, 1, &bytes);
        int64_t entries = db_col_int(rows, 2);
        unsigned count = (unsigned)__builtin_popcountll((uint64_t)entries);
        if (text && checkpoint_parse(text, text_bytes, &last, NULL) == 0)
            n->time_ms = last.time_ms;
        if (bytes == (size_t)count * AUDIT_HASH_BYTES) { // else from the beginning
            n->frontier.leaves = (uint64_t)entries;
            n->frontier.count = count;
            memcpy(n->frontier.hash, frontier, bytes);
        }
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

static int add_entry(void *ctx, const struct audit_row *row, struct err *err) {
    struct next *n = ctx;
    uint8_t hash[AUDIT_HASH_BYTES];
    if ((uint64_t)row->entry.seq != n->frontier.leaves + 1)
        return err_set(err, ERR_CORRUPT, "entry %lld of the audit log is missing",
                       (long long)n->frontier.leaves + 1);
    audit_leaf_hash(row->leaf, row->leaf_bytes, hash);
    tree_frontier_add(&n->frontier, hash);
    n->others += strcmp(row->entry.kind, own_kind) != 0;
    return 0;
}

static int come_up(struct db *db, struct next *n, struct err *err) {
    struct audit_state head;
    int r = read_last(db, n, err);
    if (r == 0)
        r = audit_head(db, &head, err);
    if (r == 0 && n->frontier.leaves < (uint64_t)head.base)
        r = audit_base(db, &n->frontier, err);
    if (r == 0)
        r = audit_oldest(db, (int64_t)n->frontier.leaves, INT64_MAX, add_entry, n, err);
    return r;
}

int checkpoints_next(struct db *db, int64_t now_ms, struct checkpoint_next *ret, struct err *err) {
    struct next n = {.time_ms = 0};
    struct checkpoint c = {.entries = 0};
    int r = db_begin(db, false, err); // the last checkpoint and the log of one moment
    if (r < 0)
        return r;
    r = come_up(db, &n, err);
    if (r == 0 && !n.frontier.leaves)
        r = err_set(err, ERR_NOT_FOUND, "the audit log is empty");
    if (r == 0)
        r = log_name(db, c.log, err);
    db_rollback(db);
    if (r < 0)
        return r;
    c.entries = (int64_t)n.frontier.leaves;
    c.time_ms = now_ms > n.time_ms ? now_ms : n.time_ms; // cosigners want it never to go back
    tree_frontier_root(&n.frontier, c.root);
    *ret = (struct checkpoint_next){c, n.frontier};
    return n.others == 0;
}

// --- adding -------------------------------------------------------------------------------------

static int tidy(struct db *db, struct err *err) {
    static const char *const steps[] = {
        "DELETE FROM cosignature WHERE key NOT IN (SELECT key FROM cosignature GROUP BY key ORDER "
        "BY max(time_s) DESC, key LIMIT ?1)",
        "DELETE FROM checkpoint WHERE entries NOT IN (SELECT entries FROM checkpoint ORDER BY "
        "entries DESC LIMIT ?1) AND entries NOT IN (SELECT max(entries) FROM cosignature GROUP BY "
        "key)",
        "DELETE FROM cosignature WHERE entries NOT IN (SELECT entries FROM checkpoint) AND ?1 > 0"};
    const struct db_value most[] = {db_int(COSIGNERS_MAX), db_int(CHECKPOINTS_MAX), db_int(1)};
    int r = 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(steps); i++)
        r = db_run(db, steps[i], &most[i], 1, err);
    return r;
}

int checkpoints_add(struct db *db, const char *text, size_t n,
                    const uint8_t device[CHECKPOINT_KEY_BYTES],
                    const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES],
                    const struct tree_frontier *frontier, struct err *err) {
    struct checkpoint c;
    uint8_t log[CHECKPOINT_LOG_BYTES];
    int r = checkpoint_parse(text, n, &c, err);
    if (r == 0)
        r = log_name(db, log, err);
    if (r < 0)
        return r;
    if (memcmp(log, c.log, sizeof log) != 0)
        return err_set(err, ERR_INVAL, "the checkpoint is of another audit log");
    if (!checkpoint_signed(text, n, device, signature))
        return err_set(err, ERR_KEY, "the signature of the checkpoint does not verify");
    unsigned known = frontier && frontier->leaves == (uint64_t)c.entries ? frontier->count : 0;
    const struct db_value row[] = {
        db_int(c.entries), db_text_n(text, n), db_blob(device, CHECKPOINT_KEY_BYTES),
        db_blob(signature, CHECKPOINT_SIGNATURE_BYTES),
        db_blob(known ? (const void *)frontier->hash : "", (size_t)known * AUDIT_HASH_BYTES)};
    r = db_run(
        db, "INSERT INTO checkpoint VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (entries) DO NOTHING",
        row, COUNT_OF(row), err);
    return r < 0 ? r : tidy(db, err);
}

struct found {
    struct checkpoint_row row;
    bool any;
};

static int keep_row(void *ctx, const struct checkpoint_row *row, struct err *err) {
    struct found *f = ctx;
    (void)err;
    f->row = *row;
    f->any = true;
    return 0;
}

int checkpoints_cosign(struct db *db, const struct cosignature *c, struct err *err) {
    struct found f = {.any = false};
    int r = checkpoints_each(db, c->entries, keep_row, &f, err);
    if (r < 0)
        return r;
    if (!f.any)
        return err_set(err, ERR_NOT_FOUND, "there is no checkpoint of %lld entries",
                       (long long)c->entries);
    if (!checkpoint_cosigned(f.row.text, f.row.text_bytes, c->key, c->time_s, c->signature))
        return err_set(err, ERR_KEY, "the cosignature does not verify");
    const struct db_value row[] = {db_blob(c->key, sizeof c->key), db_int(c->entries),
                                   db_int(c->time_s), db_blob(c->signature, sizeof c->signature)};
    r = db_run(db, "INSERT INTO cosignature VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", row,
               COUNT_OF(row), err);
    return r < 0 ? r : tidy(db, err);
}

// --- reading ------------------------------------------------------------------------------------

static int row_from(struct db_rows *rows, struct checkpoint_row *ret, struct err *err) {
    size_t n = 0;
    const char *text = db_col_text(rows, 1, &n);
    int64_t entries = db_col_int(rows, 0);
    if (!text || checkpoint_parse(text, n, &ret->checkpoint, NULL) < 0 ||
        ret->checkpoint.entries != entries ||
        !copy_blob(rows, 2, ret->device, sizeof ret->device) ||
        !copy_blob(rows, 3, ret->signature, sizeof ret->signature))
        return err_set(err, ERR_CORRUPT, "the checkpoint of %lld entries is damaged",
                       (long long)entries);
    memcpy(ret->text, text, n); // what was parsed is shorter than the place for it
    ret->text[n] = '\0';
    ret->text_bytes = n;
    return 0;
}

int checkpoints_each(struct db *db, int64_t entries, checkpoint_fn *fn, void *ctx,
                     struct err *err) {
    const struct db_value of = db_int(entries);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT entries, text, device, signature FROM checkpoint WHERE ?1 IN (0, "
                         "entries) ORDER BY entries",
                         &of, 1, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct checkpoint_row row;
        r = row_from(rows, &row, err);
        if (r == 0)
            r = fn(ctx, &row, err);
    }
    db_rows_close(rows);
    return r;
}

int checkpoints_cosigners(struct db *db, int64_t entries, cosignature_fn *fn, void *ctx,
                          struct err *err) {
    const struct db_value of = db_int(entries);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT entries, key, time_s, signature FROM cosignature WHERE ?1 IN (0, "
                         "entries) ORDER BY entries, key",
                         &of, 1, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct cosignature c = {.entries = db_col_int(rows, 0), .time_s = db_col_int(rows, 2)};
        if (!copy_blob(rows, 1, c.key, sizeof c.key) ||
            !copy_blob(rows, 3, c.signature, sizeof c.signature))
            r = err_set(err, ERR_CORRUPT, "a cosignature of %lld entries is damaged",
                        (long long)c.entries);
        else
            r = fn(ctx, &c, err);
    }
    db_rows_close(rows);
    return r;
}

int checkpoints_last(struct db *db, const uint8_t key[CHECKPOINT_KEY_BYTES],
                     struct cosigned_last *ret, struct err *err) {
    const struct db_value of = db_blob(key, CHECKPOINT_KEY_BYTES);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT entries, time_s FROM cosignature WHERE key = ?1 ORDER BY entries "
                         "DESC LIMIT 1",
                         &of, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r >= 0)
        *ret = (struct cosigned_last){.entries = r ? db_col_int(rows, 0) : 0,
                                      .time_s = r ? db_col_int(rows, 1) : 0};
    db_rows_close(rows);
    return r < 0 ? r : 0;
}
