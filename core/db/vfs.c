// Life of an encrypted database file, and SQLite's VFS methods.
#include "core/db/vfs.h"

#include "core/base/mem.h"
#include "core/db/db_internal.h"
#include "core/db/vfs_impl.h"
#include "core/db/vfs_turn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------- SQLite's methods

static struct vfs *of(sqlite3_vfs *base) {
    return base->pAppData;
}

static int open_file(struct vfs *v, struct vfs_file *f, bool is_log, int flags) {
    const char *path = is_log ? v->wal_path : v->path;
    bool create = is_log && (flags & SQLITE_OPEN_CREATE);
    bool there = is_log && access(path, F_OK) == 0;
    int e = os_open(path, O_RDWR | (create ? O_CREAT : 0), &f->fd);
    if (e)
        return vfs_sqlite_errno(e, SQLITE_CANTOPEN);
    f->v = v;
    f->is_log = is_log;
    f->new_file = is_log && !there;
    f->coder = secret_alloc(sizeof *f->coder); // holds text of the user
    f->batch = is_log ? mem_zalloc(sizeof *f->batch) : NULL;
    if (!f->coder || (is_log && !f->batch) || coder_init(f->coder, v) < 0) {
        secret_free(f->coder);
        mem_free(f->batch);
        (void)close(f->fd);
        return SQLITE_IOERR_NOMEM;
    }
    return SQLITE_OK;
}

// Only the database and its log. A journal or a temporary file would hold plain text: refused.
static int vopen(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags,
                 int *ret_flags) {
    struct vfs *v = of(base);
    struct vfs_file *f = (struct vfs_file *)file;
    memset(f, 0, sizeof *f);
    (void)vfs_sqlite_errno(0, 0); // what is refused here is not the system's doing
    bool is_db = (flags & SQLITE_OPEN_MAIN_DB) && name && strcmp(name, v->path) == 0;
    bool is_log = (flags & SQLITE_OPEN_WAL) && name && strcmp(name, v->wal_path) == 0;
    if (!is_db && !(is_log && !v->building))
        return SQLITE_CANTOPEN;
    if (atomic_fetch_add(&v->open_files, 1) >= VFS_CONNECTIONS_MAX) {
        (void)atomic_fetch_sub(&v->open_files, 1);
        return SQLITE_CANTOPEN;
    }
    int rc = open_file(v, f, is_log, flags);
    if (rc != SQLITE_OK) {
        (void)atomic_fetch_sub(&v->open_files, 1);
        return rc;
    }
    f->base.pMethods = is_log ? &vfs_log_methods : &vfs_db_methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vdelete(sqlite3_vfs *base, const char *name, int sync_dir) {
    struct vfs *v = of(base);
    if (strcmp(name, v->wal_path) != 0)
        return SQLITE_OK; // journals are never made
    if (access(name, F_OK) != 0)
        return SQLITE_IOERR_DELETE_NOENT;
    int rc = log_remove(v);
    if (rc != SQLITE_OK)
        return rc;
    int e = os_unlink(name);
    if (!e && sync_dir)
        e = os_sync_dir_of(name);
    return e ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

static int vaccess(sqlite3_vfs *base, const char *name, int flags, int *ret) {
    struct vfs *v = of(base);
    struct stat st;
    (void)flags;
    bool ours = strcmp(name, v->path) == 0 || (strcmp(name, v->wal_path) == 0 && !v->building);
    *ret = ours && stat(name, &st) == 0 && (st.st_size > 0 || name == v->path);
    return SQLITE_OK;
}

static int vfull(sqlite3_vfs *base, const char *name, int n, char *out) {
    (void)base;
    size_t len = strlen(name);
    if (len >= (size_t)n)
        return SQLITE_CANTOPEN;
    memcpy(out, name, len + 1);
    return SQLITE_OK;
}

static int vrandom(sqlite3_vfs *base, int n, char *out) {
    (void)base;
    secret_random(out, (size_t)n);
    return n;
}

static int vsleep(sqlite3_vfs *base, int us) {
    sqlite3_vfs *s = of(base)->system;
    return s->xSleep(s, us);
}

static int vtime(sqlite3_vfs *base, double *ret) {
    sqlite3_vfs *s = of(base)->system;
    return s->xCurrentTime(s, ret);
}

static int vtime64(sqlite3_vfs *base, sqlite3_int64 *ret) {
    sqlite3_vfs *s = of(base)->system;
    return s->xCurrentTimeInt64(s, ret);
}

static int vlast_error(sqlite3_vfs *base, int n, char *out) {
    (void)base;
    (void)n;
    (void)out;
    return 0;
}

static int vfs_register(struct vfs *v, struct err *err) {
    static atomic_uint number;
    (void)snprintf(v->name, sizeof v->name, "paired-%u", atomic_fetch_add(&number, 1));
    db_library_start();
    v->system = sqlite3_vfs_find(NULL);
    if (!v->system)
        return err_set(err, ERR_UNSUPPORTED, "SQLite has no default VFS");
    v->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct vfs_file),
        .mxPathname = VFS_PATH_BYTES_MAX,
        .zName = v->name,
        .pAppData = v,
        .xOpen = vopen,
        .xDelete = vdelete,
        .xAccess = vaccess,
        .xFullPathname = vfull,
        .xRandomness = vrandom,
        .xSleep = vsleep,
        .xCurrentTime = vtime,
        .xGetLastError = vlast_error,
        .xCurrentTimeInt64 = vtime64,
    };
    int rc = sqlite3_vfs_register(&v->base, 0);
    if (rc != SQLITE_OK)
        return db_error(NULL, rc, err);
    v->registered = true;
    return 0;
}

// --------------------------------------------------------------------------------------- opening

static int set_paths(struct vfs *v, const char *path, struct err *err) {
    size_t n = strlen(path);
    if (n == 0 || n >= VFS_PATH_BYTES_MAX - 16)
        return err_set(err, ERR_LIMIT, "the path of the database is too long");
    size_t stem = n > 3 && strcmp(path + n - 3, ".db") == 0 ? n - 3 : n;
    memcpy(v->path, path, n + 1);
    (void)snprintf(v->wal_path, sizeof v->wal_path, "%s-wal", path);
    (void)snprintf(v->head_path, sizeof v->head_path, "%.*s.head", (int)stem, path);
    (void)snprintf(v->lock_path, sizeof v->lock_path, "%.*s.lock", (int)stem, path);
    (void)snprintf(v->turn_path, sizeof v->turn_path, "%.*s.turn", (int)stem, path);
    return 0;
}

static int take_lock(struct vfs *v, struct err *err) {
    int e = os_open(v->lock_path, O_RDWR | O_CREAT, &v->lock_fd);
    if (e)
        return err_errno(err, e, "%s cannot be opened", v->lock_path);
    // Of the open file, not of the process: a second vfs of this process is refused as well.
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32] = "";
    if (fcntl(v->lock_fd, F_OFD_SETLK, &lock) < 0) {
        if (errno != EAGAIN && errno != EACCES)
            return err_errno(err, errno, "%s cannot be locked", v->lock_path);
        ssize_t n = pread(v->lock_fd, text, sizeof text - 1, 0);
        long pid = n > 0 ? strtol(text, NULL, 10) : 0;
        return err_set(err, ERR_BUSY, "%s is in use by process %ld", v->path, pid);
    }
    // Always the same length: a full disk must not keep anybody from reading. Only a hint.
    int n = snprintf(text, sizeof text, "%-12ld\n", (long)getpid());
    (void)!pwrite(v->lock_fd, text, (size_t)n, 0);
    return 0;
}

// The empty database: header and the root of an empty schema (SQLite's file format, 1.3 and 1.6).
static void empty_page1(uint8_t page[PAGE_BYTES]) {
    static const uint8_t fixed[] = {PAGE_BYTES >> 8, 0, 2, 2, VFS_RESERVED_BYTES, 64, 32, 32};
    memset(page, 0, PAGE_BYTES);
    memcpy(page, "SQLite format 3", 16);
    memcpy(page + 16, fixed, sizeof fixed); // page size, log format twice, reserved, fractions
    page[31] = 1;                           // size in pages
    page[100] = 0x0d;                       // a leaf of a table
    page[105] = PAGE_TEXT_BYTES >> 8;       // cells begin at the end
    page[106] = PAGE_TEXT_BYTES & 0xff;
}

// Under another name until it is whole: a crash leaves no half database.
static int create_database(struct vfs *v, struct page_coder *c, struct err *err) {
    char temporary[VFS_PATH_BYTES_MAX + 8];
    uint8_t page[PAGE_BYTES], raw[PAGE_BYTES];
    (void)snprintf(temporary, sizeof temporary, "%s.new", v->path);
    int r = file_id_make(v, v->file_id, err);
    if (r == 0)
        r = page_keys_prepare(v, err);
    empty_page1(page);
    if (r == 0 && page_encrypt(c, 1, page, raw) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0)
        return r;
    int e = os_unlink(temporary);
    if (!e)
        e = os_open(temporary, O_RDWR | O_CREAT | O_EXCL, &v->db_fd);
    if (!e)
        e = os_write(v->db_fd, raw, PAGE_BYTES, 0);
    if (!e)
        e = os_sync(v->db_fd);
    v->fresh.pages = 1;
    memcpy(v->fresh.head.file_id, v->file_id, FILE_ID_BYTES);
    if (!e)
        e = head_open(v, true);
    if (!e)
        e = fresh_rebuild(v);
    if (!e && rename(temporary, v->path) < 0)
        e = errno;
    if (!e)
        e = os_sync_dir_of(v->path);
    if (e) {
        (void)os_unlink(temporary);
        return err_errno(err, e, "%s cannot be made", v->path);
    }
    return 0;
}

// There is no database. What lies beside it tells a first start from a lost file.
static int begin_database(struct vfs *v, struct page_coder *c, struct err *err) {
    struct head h;
    if (!(v->flags & VFS_CREATE))
        return err_set(err, ERR_NOT_FOUND, "%s does not exist", v->path);
    if (access(v->wal_path, F_OK) == 0 && !(v->flags & VFS_ACCEPT_DAMAGE))
        return err_set(err, ERR_CORRUPT,
                       "%s is missing, but its log is there; put the file back or restore a backup",
                       v->path);
    int r = page_keys_prepare(v, err); // for the head
    if (r < 0)
        return r;
    if (head_open(v, false) == 0) {
        // Generation 1 is what a start leaves that was interrupted.
        bool lost = head_read(v, &h, NULL) == 0 && h.generation > 1;
        (void)close(v->head_fd);
        v->head_fd = -1;
        if (lost && !(v->flags & VFS_ACCEPT_DAMAGE))
            return err_set(err, ERR_CORRUPT,
                           "%s is missing, but it was there before; put the file back or restore "
                           "a backup",
                           v->path);
    }
    int e = os_unlink(v->head_path);
    if (!e)
        e = os_unlink(v->wal_path);
    if (!e)
        e = os_unlink(v->turn_path);
    return e ? err_errno(err, e, "%s cannot be made", v->path) : create_database(v, c, err);
}

static int first_page(struct vfs *v, struct page_coder *c, bool *ret_torn, struct err *err) {
    size_t n = 0;
    int e = os_read(v->db_fd, c->raw, PAGE_BYTES, 0, &n);
    if (e)
        return err_errno(err, e, "%s cannot be read", v->path);
    if (n < PAGE_BYTES)
        return err_set(err, ERR_CORRUPT, "%s was cut off; restore a backup", v->path);
    int r = file_id_check(v, c->raw, err);
    if (r < 0)
        return r;
    memcpy(v->file_id, c->raw, FILE_ID_BYTES);
    r = page_keys_prepare(v, err);
    if (r < 0)
        return r;
    r = turn_recover(v, err); // a rotation was interrupted: page 1 may be half written
    if (r < 0)
        return r;
    e = os_read(v->db_fd, c->raw, PAGE_BYTES, 0, &n);
    if (e)
        return err_errno(err, e, "%s cannot be read", v->path);
    r = page_decrypt(c, 1, c->raw, c->plain);
    *ret_torn = r == ERR_CORRUPT; // a checkpoint that was cut short, if the log has the page
    return r < 0 && r != ERR_CORRUPT ? err_set(err, r, "%s cannot be decrypted", v->path) : 0;
}

static int open_database(struct vfs *v, struct page_coder *c, struct err *err) {
    atomic_store(&v->epoch,
                 v->flags & VFS_BACKUP ? (uint32_t)KEYRING_EPOCH_BACKUP : keyring_epoch(v->keys));
    int e = os_open(v->path, O_RDWR, &v->db_fd);
    if (e == ENOENT)
        return begin_database(v, c, err);
    if (e)
        return err_errno(err, e, "%s cannot be opened", v->path);
    bool torn = false;
    int r = first_page(v, c, &torn, err);
    if (r == 0)
        r = fresh_open(v, c, err);
    return r == 0 && torn ? first_page_restore(v, c, err) : r;
}

// A checkpoint was interrupted: the log is written into the database before anybody reads, so that
// the head can cover all pages again.
static int finish_checkpoint(struct vfs *v, struct err *err) {
    if (v->fresh.head.except_n == 0)
        return 0;
    struct db *db = NULL;
    int r = db_open(v, 0, &db, err);
    if (r == 0)
        r = db_checkpoint(db, true, err);
    db_close(db);
    return r;
}

static struct vfs *vfs_new(struct keyring *keys, unsigned flags) {
    struct vfs *v = mem_zalloc(sizeof *v);
    if (!v)
        return NULL;
    v->keys = keys;
    v->flags = flags;
    v->lock_fd = v->head_fd = v->db_fd = -1;
    v->turn_left = -1;
    (void)pthread_mutex_init(&v->keys_lock, NULL);
    (void)pthread_mutex_init(&v->lock, NULL);
    (void)pthread_mutex_init(&v->fresh_lock, NULL);
    v->head_seal = seal_new();
    v->fresh.known = mem_zalloc(KNOWN_PAGES * sizeof *v->fresh.known);
    int r = cache_init(&v->cache);
    if (v->head_seal && v->fresh.known && r == 0)
        return v;
    vfs_close(v);
    return NULL;
}

int vfs_open(const char *path, struct keyring *keys, unsigned flags, struct vfs **ret,
             struct err *err) {
    struct vfs *v = vfs_new(keys, flags);
    struct page_coder *c = secret_alloc(sizeof *c);
    int r = v && c && coder_init(c, v) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && keyring_locked(keys))
        r = err_set(err, ERR_LOCKED, "the store is locked; run: paired key unlock");
    if (r == 0)
        r = set_paths(v, path, err);
    if (r == 0)
        r = take_lock(v, err);
    if (r == 0)
        r = open_database(v, c, err);
    if (r == 0)
        r = vfs_register(v, err);
    if (r == 0)
        r = finish_checkpoint(v, err);
    if (c)
        coder_done(c);
    secret_free(c);
    if (r < 0) {
        vfs_close(v);
        return r;
    }
    *ret = v;
    return 0;
}

// An empty file at `path` to be filled through SQLite without a log, under the backup key.
static int build(struct vfs *v, const char *path, struct err *err) {
    int r = set_paths(v, path, err);
    if (r == 0)
        r = take_lock(v, err);
    if (r == 0)
        r = file_id_make(v, v->file_id, err);
    if (r == 0)
        r = page_keys_prepare(v, err);
    if (r < 0)
        return r;
    memcpy(v->fresh.head.file_id, v->file_id, FILE_ID_BYTES);
    int e = os_unlink(v->path); // what a crash left
    if (!e)
        e = os_unlink(v->head_path);
    if (!e)
        e = os_open(v->path, O_RDWR | O_CREAT | O_EXCL, &v->db_fd);
    return e ? err_errno(err, e, "%s cannot be made", v->path) : vfs_register(v, err);
}

int vfs_build(const char *path, struct keyring *keys, struct vfs **ret, struct err *err) {
    struct vfs *v = vfs_new(keys, VFS_BACKUP);
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory");
    v->building = true;
    atomic_store(&v->epoch, KEYRING_EPOCH_BACKUP);
    int r = build(v, path, err);
    if (r < 0) {
        vfs_close(v);
        return r;
    }
    *ret = v;
    return 0;
}

void vfs_close(struct vfs *v) {
    if (!v)
        return;
    assert(atomic_load(&v->open_files) == 0);
    if (v->registered)
        (void)sqlite3_vfs_unregister(&v->base);
    page_keys_done(v);
    seal_free(v->head_seal);
    mem_free(v->turn_pending);
    mem_free(v->fresh.ex);
    mem_free(v->fresh.known);
    mem_free(v->fresh.frame_pgno);
    cache_done(&v->cache);
    for (size_t i = 0; i < SHM_REGIONS_MAX; i++)
        mem_free(v->locks.regions[i]);
    if (v->head_fd >= 0)
        (void)close(v->head_fd);
    if (v->db_fd >= 0)
        (void)close(v->db_fd);
    if (v->lock_fd >= 0)
        (void)close(v->lock_fd); // gives the lock back
    (void)pthread_mutex_destroy(&v->keys_lock);
    (void)pthread_mutex_destroy(&v->lock);
    (void)pthread_mutex_destroy(&v->fresh_lock);
    mem_free(v);
}

void vfs_trim(struct vfs *v) {
    cache_clear(&v->cache);
}

const char *vfs_path(const struct vfs *v) {
    return v->path;
}

void vfs_info(struct vfs *v, struct vfs_info *ret) {
    struct stat st;
    uint32_t epochs[KEYRING_EPOCHS_MAX];
    memset(ret, 0, sizeof *ret);
    ret->epoch = atomic_load(&v->epoch);
    ret->rotating = keyring_epochs(v->keys, epochs, KEYRING_EPOCHS_MAX) > 1;
    ret->wal_bytes = stat(v->wal_path, &st) == 0 ? st.st_size : 0;
    (void)pthread_mutex_lock(&v->fresh_lock);
    ret->generation = v->fresh.head.generation;
    fresh_expected(v, ret->head_hash);
    ret->pages = v->fresh.pages;
    ret->rotate_left = v->turn_left;
    ret->head_ok = !v->fresh.head.damaged && !v->fresh.head.unknown && !v->problem[0];
    (void)pthread_mutex_unlock(&v->fresh_lock);
}

int db_open(struct vfs *v, unsigned flags, struct db **ret, struct err *err) {
    return db_open_named(v->path, v->name, v, flags & ~(unsigned)DB_CREATE, ret, err);
}
