// A copy of the database under the backup key. It is built under another name, without a log, and
// gets its own head at the end.
#include "core/base/mem.h"
#include "core/db/db_internal.h"
#include "core/db/vfs_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BACKUP_PAGES_AT_ONCE = 512 };

static int copy_pages(struct db *db, sqlite3 *to, bool (*cancelled)(void *), void *ctx,
                      struct err *err) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", db_handle(db), "main");
    if (!b)
        return db_error(to, sqlite3_errcode(to), err);
    int rc = SQLITE_OK;
    bool stop = false;
    while ((rc = sqlite3_backup_step(b, BACKUP_PAGES_AT_ONCE)) == SQLITE_OK && !stop)
        stop = cancelled && cancelled(ctx);
    int end = sqlite3_backup_finish(b);
    if (stop)
        return err_set(err, ERR_CANCELLED, "the backup was cancelled");
    if (rc != SQLITE_DONE)
        return db_error(to, rc, err);
    return end == SQLITE_OK ? 0 : db_error(to, end, err);
}

// One snapshot for all steps, so that writers do not make it start again.
static int copy_snapshot(struct db *db, sqlite3 *to, bool (*cancelled)(void *), void *ctx,
                         struct err *err) {
    int64_t any = 0;
    bool own = sqlite3_get_autocommit(db_handle(db)) != 0;
    int r = own ? db_begin(db, false, err) : 0;
    if (r == 0)
        r = db_one_int(db, "SELECT count(*) FROM sqlite_schema", NULL, 0, &any, err);
    if (r >= 0)
        r = copy_pages(db, to, cancelled, ctx, err);
    if (own)
        db_rollback(db);
    return r;
}

static int fill(struct vfs *to, struct db *db, bool (*cancelled)(void *), void *ctx,
                struct err *err) {
    sqlite3 *h = NULL;
    int rc = sqlite3_open_v2(to->path, &h,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             to->name);
    // The file is empty still, so that no journal file is wanted; later the header says WAL.
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(h,
                          "PRAGMA page_size=4096; PRAGMA temp_store=MEMORY;"
                          "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL",
                          NULL, NULL, NULL);
    int r = rc == SQLITE_OK ? copy_snapshot(db, h, cancelled, ctx, err) : db_error(h, rc, err);
    rc = sqlite3_close(h);
    return r == 0 && rc != SQLITE_OK ? db_error(NULL, rc, err) : r;
}

static int seal_and_rename(struct vfs *to, const char *path, const char *head, struct err *err) {
    int e = os_sync(to->db_fd);
    if (!e)
        e = head_open(to, true);
    if (!e)
        e = fresh_rebuild(to);
    if (!e && rename(to->head_path, head) < 0)
        e = errno;
    if (!e && rename(to->path, path) < 0)
        e = errno;
    if (!e)
        e = os_sync_dir_of(path);
    return e ? err_errno(err, e, "%s cannot be made", path) : 0;
}

int vfs_backup(struct db *db, const char *path, bool (*cancelled)(void *ctx), void *ctx,
               struct err *err) {
    struct vfs *from = db_vfs(db), *to = NULL;
    char part[VFS_PATH_BYTES_MAX], head[VFS_PATH_BYTES_MAX + 8];
    size_t n = strlen(path);
    if (!from)
        return err_set(err, ERR_UNSUPPORTED, "this database is not encrypted");
    if (n + 8 >= sizeof part)
        return err_set(err, ERR_LIMIT, "the path of the backup is too long");
    if (access(path, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "%s exists already", path);
    size_t stem = n > 3 && strcmp(path + n - 3, ".db") == 0 ? n - 3 : n;
    (void)snprintf(part, sizeof part, "%s.part", path);
    (void)snprintf(head, sizeof head, "%.*s.head", (int)stem, path);
    int r = vfs_build(part, from->keys, &to, err);
    if (r == 0)
        r = fill(to, db, cancelled, ctx, err);
    if (r == 0)
        r = seal_and_rename(to, path, head, err);
    if (to && r < 0) {
        (void)os_unlink(to->path);
        (void)os_unlink(to->head_path);
    }
    if (to)
        (void)os_unlink(to->lock_path);
    vfs_close(to);
    return r;
}
