// Backups of the whole database, taken before a migration: backups/<name>/store.db. Their pages are
// encrypted under a key that rotation leaves alone. What is erased from the store is erased from
// them as well.
#include "core/base/dirs.h"
#include "core/base/mem.h"
#include "core/store/store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 64, NAME_BYTES_MAX = 96 };
static const char part_suffix[] = ".part"; // of a backup that is being written

struct names {
    char name[NAMES_MAX][NAME_BYTES_MAX];
    size_t count;
};

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

// Folders of ours, sorted: the time is in front, so the oldest come first.
static int list(const char *dir, struct names *ret, struct err *err) {
    ret->count = 0;
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_errno(err, errno, "the folder %s cannot be read", dir);
    for (struct dirent *e; ret->count < NAMES_MAX && (e = readdir(d));) {
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || strlen(e->d_name) >= NAME_BYTES_MAX)
            continue; // "." and what is not ours
        memcpy(ret->name[ret->count++], e->d_name, strlen(e->d_name) + 1);
    }
    (void)closedir(d);
    qsort(ret->name, ret->count, NAME_BYTES_MAX, compare_names);
    return 0;
}

// A backup's folder holds files only. ERR_* when something of it is still there.
static int remove_folder(const char *parent, const char *name, struct err *err) {
    AUTO_FREE char *path = store_path(parent, name);
    DIR *d = path ? opendir(path) : NULL;
    if (!path)
        return err_set(err, ERR_NOMEM, "out of memory for a path");
    if (!d)
        return errno == ENOENT ? 0 : err_errno(err, errno, "the backup %s cannot be read", path);
    int r = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(d), e->d_name, 0) < 0)
            r = err_errno(err, errno, "the backup's file %s/%s cannot be removed", path, e->d_name);
    (void)closedir(d);
    if (r == 0 && rmdir(path) < 0)
        r = err_errno(err, errno, "the backup %s cannot be removed", path);
    return r;
}

static bool is_part(const char *name) {
    size_t n = strlen(name), suffix = sizeof part_suffix - 1;
    return n > suffix && strcmp(name + n - suffix, part_suffix) == 0;
}

void store_backup_tidy(struct store *s) {
    struct names names;
    if (list(s->backups_dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.count; i++)
        if (is_part(names.name[i]))
            (void)remove_folder(s->backups_dir, names.name[i], NULL);
}

static void prune(struct store *s) {
    struct names names;
    if (list(s->backups_dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i + STORE_BACKUPS_MAX < names.count; i++)
        (void)remove_folder(s->backups_dir, names.name[i], NULL);
}

// Into a folder with another name first: a backup is there whole or not at all.
static int write_backup(struct store *s, struct db *db, const char *part, const char *whole,
                        struct err *err) {
    AUTO_FREE char *file = store_path(part, "store.db");
    if (!file)
        return err_set(err, ERR_NOMEM, "out of memory for a path");
    int r = dirs_ensure_private(part, err);
    if (r == 0)
        r = vfs_backup(db, file, NULL, NULL, err);
    if (r == 0)
        r = store_fsync_dir(part, err);
    if (r == 0 && rename(part, whole) < 0)
        r = err_errno(err, errno, "the backup %s cannot be put in place", whole);
    return r == 0 ? store_fsync_dir(s->backups_dir, err) : r;
}

int store_backup_make(struct store *s, struct db *db, int64_t schema, struct err *err) {
    char name[NAME_BYTES_MAX], part_name[NAME_BYTES_MAX + sizeof part_suffix];
    (void)snprintf(name, sizeof name, "%013lld-schema-%lld", (long long)s->wall_ms(),
                   (long long)schema);
    (void)snprintf(part_name, sizeof part_name, "%s%s", name, part_suffix);
    AUTO_FREE char *part = store_path(s->backups_dir, part_name);
    AUTO_FREE char *whole = store_path(s->backups_dir, name);
    if (!part || !whole)
        return err_set(err, ERR_NOMEM, "out of memory for a path");
    int r = dirs_ensure_private(s->backups_dir, err);
    if (r == 0)
        r = write_backup(s, db, part, whole, err);
    if (r < 0) {
        (void)remove_folder(s->backups_dir, part_name, NULL);
        return err_context(err, r, "no backup could be made");
    }
    prune(s);
    return 0;
}

static int with_backup(struct store *s, const char *name, store_backup_fn *fn, void *ctx,
                       struct err *err) {
    AUTO_FREE char *dir = store_path(s->backups_dir, name);
    AUTO_FREE char *file = dir ? store_path(dir, "store.db") : NULL;
    if (!file)
        return err_set(err, ERR_NOMEM, "out of memory for a path");
    struct vfs *vfs = NULL;
    struct db *db = NULL;
    int r = vfs_open(file, s->keys, VFS_BACKUP, &vfs, err);
    if (r == 0)
        r = db_open(vfs, 0, &db, err);
    if (r == 0)
        r = fn(db, ctx, err);
    if (r == 0)
        r = db_checkpoint(db, true, err);
    db_close(db);
    vfs_close(vfs);
    return r;
}

int store_backup_each(struct store *s, store_backup_fn *fn, void *ctx, struct err *err) {
    struct names names;
    int r = list(s->backups_dir, &names, err);
    for (size_t i = 0; r == 0 && i < names.count; i++)
        if (with_backup(s, names.name[i], fn, ctx, NULL) < 0)
            r = remove_folder(s->backups_dir, names.name[i], err);
    return r;
}
