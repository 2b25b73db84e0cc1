#include "core/store/audit.h"

#include "core/crypto/secret.h"

#include <string.h>

enum { TIDY_AT_ONCE = 500 };

// --- head ---------------------------------------------------------------------------------------

struct head {
    int64_t entries, base;
    uint8_t link[AUDIT_HASH_BYTES], base_link[AUDIT_HASH_BYTES];
    struct tree_frontier frontier; // over the first `base`
};

static int copy_hash(struct db_rows *rows, int col, uint8_t out[AUDIT_HASH_BYTES]) {
    size_t n = 0;
    const void *bytes = db_col_blob(rows, col, &n);
    if (!bytes || n != AUDIT_HASH_BYTES)
        return ERR_CORRUPT;
    memcpy(out, bytes, n);
    return 0;
}

static int head_from(struct db_rows *rows, struct head *ret) {
    size_t n = 0;
    ret->entries = db_col_int(rows, 0);
    ret->base = db_col_int(rows, 2);
    if (copy_hash(rows, 1, ret->link) < 0 || copy_hash(rows, 3, ret->base_link) < 0 ||
        ret->base < 0 || ret->entries < ret->base)
        return ERR_CORRUPT;
    const void *frontier = db_col_blob(rows, 4, &n);
    unsigned count = (unsigned)__builtin_popcountll((uint64_t)ret->base);
    if (n != (size_t)count * AUDIT_HASH_BYTES)
        return ERR_CORRUPT;
    ret->frontier.leaves = (uint64_t)ret->base;
    ret->frontier.count = count;
    if (n)
        memcpy(ret->frontier.hash, frontier, n);
    return 0;
}

static int head_read(struct db *db, struct head *ret, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT entries, link, base, base_link, frontier FROM audit_head",
                         NULL, 0, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 0 || (r > 0 && head_from(rows, ret) < 0))
        r = err_set(err, ERR_CORRUPT, "the head of the audit log is damaged");
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int audit_head(struct db *db, struct audit_state *ret, struct err *err) {
    struct head head;
    int r = head_read(db, &head, err);
    if (r < 0)
        return r;
    *ret = (struct audit_state){.entries = head.entries, .base = head.base};
    memcpy(ret->link, head.link, sizeof ret->link);
    return 0;
}

// --- adding -------------------------------------------------------------------------------------

static int put_private(struct db *db, int64_t seq, const char *path,
                       const uint8_t salt[AUDIT_SALT_BYTES], struct err *err) {
    const struct db_value of = db_text(path);
    int r = db_run(db, "INSERT INTO audit_place (path) VALUES (?1) ON CONFLICT DO NOTHING", &of, 1,
                   err);
    const struct db_value row[] = {db_int(seq), of, db_blob(salt, AUDIT_SALT_BYTES)};
    return r < 0 ? r
                 : db_run(db,
                          "INSERT INTO audit_private (seq, place, salt) SELECT ?1, id, ?3 FROM "
                          "audit_place WHERE path = ?2",
                          row, 3, err);
}

static int put_entry(struct db *db, int64_t seq, const struct buf *leaf,
                     const uint8_t link[AUDIT_HASH_BYTES], struct err *err) {
    const struct db_value row[] = {db_int(seq), db_blob(leaf->data, leaf->len),
                                   db_blob(link, AUDIT_HASH_BYTES)};
    int r = db_run(db, "INSERT INTO audit (seq, leaf, link) VALUES (?1, ?2, ?3)", row, 3, err);
    const struct db_value head[] = {row[0], row[2]};
    return r < 0 ? r : db_run(db, "UPDATE audit_head SET entries = ?1, link = ?2", head, 2, err);
}

int audit_append(struct db *db, const struct audit_entry *entry, int64_t *ret_seq,
                 struct err *err) {
    AUTO_BUF leaf = BUF_INIT(AUDIT_LEAF_BYTES_MAX);
    struct audit_entry e = *entry;
    struct audit_state head;
    uint8_t salt[AUDIT_SALT_BYTES], subject[AUDIT_HASH_BYTES] = {0}, hash[AUDIT_HASH_BYTES],
                                    link[AUDIT_HASH_BYTES];
    if (e.workspace && strlen(e.workspace) > AUDIT_PATH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "audit: the workspace's path is too long");
    int r = audit_head(db, &head, err);
    if (r < 0)
        return r;
    e.seq = head.entries + 1;
    if (e.workspace) {
        secret_random(salt, sizeof salt);
        audit_subject(salt, e.workspace, subject);
    }
    r = audit_leaf_encode(&e, subject, &leaf, err);
    if (r < 0)
        return r;
    audit_leaf_hash(leaf.data, leaf.len, hash);
    audit_link(head.link, hash, link);
    r = put_entry(db, e.seq, &leaf, link, err);
    if (r == 0 && e.workspace)
        r = put_private(db, e.seq, e.workspace, salt, err);
    if (r == 0 && ret_seq)
        *ret_seq = e.seq;
    return r;
}

// --- reading ------------------------------------------------------------------------------------

#define ROWS                                                                                       \
    "SELECT a.seq, a.leaf, a.link, p.salt, w.path FROM audit AS a LEFT JOIN audit_private AS p "   \
    "ON p.seq = a.seq LEFT JOIN audit_place AS w ON w.id = p.place "

// Checks what an entry says against itself: number, bytes, and the workspace it is tied to.
static int row_from(struct db_rows *rows, struct audit_row *ret, struct audit_texts *texts,
                    struct err *err) {
    int64_t seq = db_col_int(rows, 0);
    size_t link_bytes = 0, salt_bytes = 0;
    uint8_t subject[AUDIT_HASH_BYTES], of_path[AUDIT_HASH_BYTES];
    ret->leaf = db_col_blob(rows, 1, &ret->leaf_bytes);
    ret->link = db_col_blob(rows, 2, &link_bytes);
    ret->salt = db_col_blob(rows, 3, &salt_bytes);
    const char *path = db_col_text(rows, 4, NULL);
    if (audit_leaf_decode(ret->leaf, ret->leaf_bytes, &ret->entry, subject, texts) < 0 ||
        ret->entry.seq != seq || link_bytes != AUDIT_HASH_BYTES)
        return err_set(err, ERR_CORRUPT, "entry %lld of the audit log is damaged", (long long)seq);
    if (!ret->salt || !path) {
        ret->salt = NULL;
        return 0;
    }
    if (salt_bytes == AUDIT_SALT_BYTES)
        audit_subject(ret->salt, path, of_path);
    if (salt_bytes != AUDIT_SALT_BYTES || memcmp(of_path, subject, sizeof subject) != 0)
        return err_set(err, ERR_CORRUPT,
                       "entry %lld of the audit log is tied to another workspace than it speaks of",
                       (long long)seq);
    ret->entry.workspace = path;
    return 0;
}

static int each(struct db *db, const char *sql, int64_t bound, int64_t limit, audit_fn *fn,
                void *ctx, struct err *err) {
    const struct db_value of[] = {db_int(bound), db_int(limit)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, sql, of, 2, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct audit_row row = {0};
        struct audit_texts texts;
        r = row_from(rows, &row, &texts, err);
        if (r == 0)
            r = fn(ctx, &row, err);
    }
    db_rows_close(rows);
    return r;
}

int audit_newest(struct db *db, int64_t before, int64_t limit, audit_fn *fn, void *ctx,
                 struct err *err) {
    return each(db, ROWS "WHERE a.seq < ?1 ORDER BY a.seq DESC LIMIT ?2",
                before ? before : INT64_MAX, limit, fn, ctx, err);
}

int audit_oldest(struct db *db, int64_t after, int64_t limit, audit_fn *fn, void *ctx,
                 struct err *err) {
    return each(db, ROWS "WHERE a.seq > ?1 ORDER BY a.seq LIMIT ?2", after, limit, fn, ctx, err);
}

// --- verifying ----------------------------------------------------------------------------------

enum { LOOK_EVERY = 1024 };

struct check {
    int64_t seq;
    uint8_t link[AUDIT_HASH_BYTES];
    struct tree_frontier frontier;
    const struct audit_mark *mark;
    const struct audit_watch *watch; // NULL: none
    bool (*cancelled)(void *);
    void *cancel_ctx;
};

static int check_mark(const struct check *c, struct err *err) {
    if (!c->mark || c->mark->entries != c->seq ||
        memcmp(c->mark->link, c->link, sizeof c->link) == 0)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "entry %lld is not the one that was noted then: the audit log was rewritten",
                   (long long)c->seq);
}

static int check_row(void *ctx, const struct audit_row *row, struct err *err) {
    struct check *c = ctx;
    uint8_t hash[AUDIT_HASH_BYTES];
    if (c->cancelled && c->seq % LOOK_EVERY == 0 && c->cancelled(c->cancel_ctx))
        return err_set(err, ERR_CANCELLED, "cancelled");
    if (row->entry.seq != c->seq + 1)
        return err_set(err, ERR_CORRUPT, "entry %lld of the audit log is missing",
                       (long long)c->seq + 1);
    audit_leaf_hash(row->leaf, row->leaf_bytes, hash);
    audit_link(c->link, hash, c->link);
    if (memcmp(c->link, row->link, sizeof c->link) != 0)
        return err_set(err, ERR_CORRUPT, "entry %lld of the audit log was changed",
                       (long long)row->entry.seq);
    tree_frontier_add(&c->frontier, hash);
    c->seq++;
    int r = c->watch ? c->watch->fn(c->watch->ctx, &c->frontier, err) : 0;
    return r < 0 ? r : check_mark(c, err);
}

static int check_all(struct db *db, const struct head *head, struct check *c, struct err *err) {
    if (c->mark && c->mark->entries < head->base)
        return err_set(err, ERR_NOT_FOUND, "entries up to %lld are no longer kept",
                       (long long)head->base);
    if (c->mark && c->mark->entries > head->entries)
        return err_set(err, ERR_CORRUPT,
                       "the audit log ends at entry %lld, but %lld were noted: it was cut",
                       (long long)head->entries, (long long)c->mark->entries);
    int r = check_mark(c, err);
    if (r == 0 && c->watch)
        r = c->watch->fn(c->watch->ctx, &c->frontier, err);
    if (r == 0)
        r = audit_oldest(db, head->base, INT64_MAX, check_row, c, err);
    if (r == 0 && (c->seq != head->entries || memcmp(c->link, head->link, sizeof c->link) != 0))
        r = err_set(err, ERR_CORRUPT, "the audit log ends at entry %lld, its head says %lld",
                    (long long)c->seq, (long long)head->entries);
    return r;
}

int audit_base(struct db *db, struct tree_frontier *ret, struct err *err) {
    struct head head;
    int r = head_read(db, &head, err);
    if (r == 0)
        *ret = head.frontier;
    return r;
}

int audit_verify(struct db *db, const struct audit_mark *mark, bool (*cancelled)(void *),
                 void *cancel_ctx, struct audit_state *ret, struct err *err) {
    return audit_verify_watched(db, mark, NULL, cancelled, cancel_ctx, ret, err);
}

int audit_verify_watched(struct db *db, const struct audit_mark *mark,
                         const struct audit_watch *watch, bool (*cancelled)(void *),
                         void *cancel_ctx, struct audit_state *ret, struct err *err) {
    struct head head;
    int r = db_begin(db, false, err); // head and entries of one moment
    if (r < 0)
        return r;
    r = head_read(db, &head, err);
    if (r == 0) {
        struct check c = {.seq = head.base,
                          .frontier = head.frontier,
                          .mark = mark,
                          .watch = watch,
                          .cancelled = cancelled,
                          .cancel_ctx = cancel_ctx};
        memcpy(c.link, head.base_link, sizeof c.link);
        r = check_all(db, &head, &c, err);
        if (r == 0) {
            *ret = (struct audit_state){.entries = head.entries, .base = head.base};
            memcpy(ret->link, head.link, sizeof ret->link);
            tree_frontier_root(&c.frontier, ret->root);
        }
    }
    db_rollback(db);
    return r;
}

// --- dropping -----------------------------------------------------------------------------------

static int fold_row(void *ctx, const struct audit_row *row, struct err *err) {
    struct head *head = ctx;
    uint8_t hash[AUDIT_HASH_BYTES];
    if (row->entry.seq != head->base + 1)
        return err_set(err, ERR_CORRUPT, "entry %lld of the audit log is missing",
                       (long long)head->base + 1);
    audit_leaf_hash(row->leaf, row->leaf_bytes, hash);
    audit_link(head->base_link, hash, head->base_link);
    tree_frontier_add(&head->frontier, hash);
    head->base++;
    return 0;
}

static int drop_upto(struct db *db, const struct head *head, struct err *err) {
    const struct db_value row[] = {
        db_int(head->base), db_blob(head->base_link, AUDIT_HASH_BYTES),
        db_blob(head->frontier.hash, (size_t)head->frontier.count * AUDIT_HASH_BYTES)};
    int r =
        db_run(db, "UPDATE audit_head SET base = ?1, base_link = ?2, frontier = ?3", row, 3, err);
    if (r == 0)
        r = db_run(db, "DELETE FROM audit WHERE seq <= ?1", row, 1, err);
    if (r == 0)
        r = db_run(db, "DELETE FROM audit_private WHERE seq <= ?1", row, 1, err);
    return r < 0 ? r
                 : db_run(db,
                          "DELETE FROM audit_place WHERE NOT EXISTS (SELECT 1 FROM audit_private "
                          "WHERE place = audit_place.id)",
                          NULL, 0, err);
}

int audit_tidy(struct db *db, int64_t keep, struct err *err) {
    struct head head;
    int r = head_read(db, &head, err);
    if (r < 0)
        return r;
    int64_t over = head.entries - head.base - keep;
    if (over <= 0)
        return 0;
    r = audit_oldest(db, head.base, over < TIDY_AT_ONCE ? over : TIDY_AT_ONCE, fold_row, &head,
                     err);
    if (r == 0)
        r = drop_upto(db, &head, err);
    return r < 0 ? r : over > TIDY_AT_ONCE;
}
