// Proofs over the log as it is kept, and the log against its checkpoints.
#include "core/base/mem.h"
#include "core/store/checkpoints.h"

#include <stdio.h>
#include <string.h>

// --- proofs -------------------------------------------------------------------------------------

// Leaves in runs, which one statement reads.
struct leaves {
    struct db *db;
    struct db_rows *rows;
    uint64_t next;
};

static int leaf_at(void *ctx, uint64_t index, uint8_t out[AUDIT_HASH_BYTES], struct err *err) {
    struct leaves *l = ctx;
    size_t n = 0;
    int r = 0;
    if (!l->rows || index != l->next) {
        const struct db_value from = db_int((int64_t)index + 1);
        db_rows_close(l->rows);
        l->rows = NULL;
        r = db_rows_open(l->db, "SELECT seq, leaf FROM audit WHERE seq >= ?1 ORDER BY seq", &from,
                         1, &l->rows, err);
    }
    if (r == 0)
        r = db_rows_next(l->rows, err);
    if (r < 0)
        return r;
    const void *leaf = r > 0 ? db_col_blob(l->rows, 1, &n) : NULL;
    if (!leaf || db_col_int(l->rows, 0) != (int64_t)index + 1)
        return err_set(err, ERR_NOT_FOUND, "entry %lld of the audit log is no longer kept",
                       (long long)index + 1);
    audit_leaf_hash(leaf, n, out);
    l->next = index + 1;
    return 0;
}

int checkpoints_consistency(struct db *db, int64_t before, int64_t entries, struct tree_proof *ret,
                            struct err *err) {
    struct leaves l = {.db = db};
    if (before < 1 || entries < before)
        return err_set(err, ERR_INVAL, "a log of so many entries is no beginning of that one");
    int r = tree_consistency((uint64_t)before, (uint64_t)entries, leaf_at, &l, ret, err);
    db_rows_close(l.rows);
    return r;
}

static int keep_leaf(void *ctx, const struct audit_row *row, struct err *err) {
    (void)err;
    return buf_append(ctx, row->leaf, row->leaf_bytes);
}

int checkpoints_inclusion(struct db *db, int64_t seq, int64_t entries, struct tree_proof *ret,
                          struct buf *leaf, struct err *err) {
    struct leaves l = {.db = db};
    if (seq < 1 || entries < seq)
        return err_set(err, ERR_NOT_FOUND, "there is no entry %lld among the first %lld",
                       (long long)seq, (long long)entries);
    int r = audit_oldest(db, seq - 1, 1, keep_leaf, leaf, err);
    if (r == 0 && !leaf->len)
        r = err_set(err, ERR_NOT_FOUND, "entry %lld of the audit log is no longer kept",
                    (long long)seq);
    if (r == 0)
        r = tree_inclusion((uint64_t)seq - 1, (uint64_t)entries, leaf_at, &l, ret, err);
    db_rows_close(l.rows);
    return r;
}

// --- the log against its checkpoints -------------------------------------------------------------

struct seen {
    struct checkpoint_row *rows; // in order
    size_t count, capacity;
    size_t next; // that the log comes to
    struct checkpoints_state state;
};

static int keep_row(void *ctx, const struct checkpoint_row *row, struct err *err) {
    struct seen *s = ctx;
    if (s->count == s->capacity) {
        size_t more = s->capacity ? 2 * s->capacity : 16;
        struct checkpoint_row *grown = mem_realloc(s->rows, more * sizeof *grown);
        if (!grown)
            return err_set(err, ERR_NOMEM, "out of memory");
        s->rows = grown;
        s->capacity = more;
    }
    s->rows[s->count++] = *row;
    return 0;
}

static int look(void *ctx, const struct tree_frontier *f, struct err *err) {
    struct seen *s = ctx;
    uint8_t root[AUDIT_HASH_BYTES];
    for (; s->next < s->count && s->rows[s->next].checkpoint.entries < (int64_t)f->leaves;
         s->next++)
        s->state.older++; // only at the beginning: of entries that were dropped
    if (s->next == s->count || s->rows[s->next].checkpoint.entries != (int64_t)f->leaves)
        return 0;
    const struct checkpoint *c = &s->rows[s->next].checkpoint;
    tree_frontier_root(f, root);
    if (memcmp(root, c->root, sizeof root) != 0)
        return err_set(err, ERR_CORRUPT,
                       "the checkpoint of %lld entries no longer fits: the audit log was rewritten",
                       (long long)c->entries);
    s->next++;
    s->state.checkpoints++;
    return 0;
}

static const struct checkpoint_row *find(const struct seen *s, int64_t entries) {
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].checkpoint.entries == entries)
            return &s->rows[i];
    return NULL;
}

static int look_at_cosignature(void *ctx, const struct cosignature *c, struct err *err) {
    struct seen *s = ctx;
    const struct checkpoint_row *row = find(s, c->entries);
    if (!row || !checkpoint_cosigned(row->text, row->text_bytes, c->key, c->time_s, c->signature))
        return err_set(err, ERR_CORRUPT, "a cosignature of the checkpoint of %lld entries is wrong",
                       (long long)c->entries);
    s->state.cosigned++;
    return 0;
}

static int look_at_signatures(struct db *db, struct seen *s, struct err *err) {
    for (size_t i = 0; i < s->count; i++) {
        const struct checkpoint_row *row = &s->rows[i];
        if (!checkpoint_signed(row->text, row->text_bytes, row->device, row->signature))
            return err_set(err, ERR_CORRUPT, "the checkpoint of %lld entries was changed",
                           (long long)row->checkpoint.entries);
    }
    return checkpoints_cosigners(db, 0, look_at_cosignature, s, err);
}

int checkpoints_verify(struct db *db, const struct audit_mark *mark, bool (*cancelled)(void *),
                       void *cancel_ctx, struct checkpoints_state *ret, struct err *err) {
    struct seen s = {.count = 0};
    // Of one moment, and before the log: what comes meanwhile is not looked for in what was there.
    int r = db_begin(db, false, err);
    if (r < 0)
        return r;
    r = checkpoints_each(db, 0, keep_row, &s, err);
    if (r == 0)
        r = look_at_signatures(db, &s, err);
    db_rollback(db);
    const struct audit_watch watch = {look, &s};
    if (r == 0)
        r = audit_verify_watched(db, mark, &watch, cancelled, cancel_ctx, &s.state.log, err);
    if (r == 0 && s.next < s.count)
        r = err_set(err, ERR_CORRUPT,
                    "the audit log ends at entry %lld, but there is a checkpoint of %lld entries: "
                    "it was cut",
                    (long long)s.state.log.entries,
                    (long long)s.rows[s.count - 1].checkpoint.entries);
    if (r == 0)
        *ret = s.state;
    mem_free(s.rows);
    return r;
}
