// SQLite's file methods: the database page by page, the log through vfs_wal.c.
#include "core/base/mem.h"
#include "core/db/db_internal.h"
#include "core/db/vfs_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static _Thread_local int last_errno;

int vfs_take_errno(void) {
    int e = last_errno;
    last_errno = 0;
    return e;
}

int vfs_sqlite_errno(int e, int other) {
    last_errno = e;
    if (e == ENOSPC || e == EDQUOT)
        return SQLITE_FULL;
    return e == ENOMEM ? SQLITE_IOERR_NOMEM : other;
}

int vfs_sqlite_code(int code) {
    last_errno = 0;
    switch (code) {
    case 0:
        return SQLITE_OK;
    case ERR_NOMEM:
        return SQLITE_IOERR_NOMEM;
    case ERR_KEY:
        return SQLITE_NOTADB;
    case ERR_CORRUPT:
        return SQLITE_IOERR_DATA;
    default:
        return SQLITE_IOERR;
    }
}

static int xclose(sqlite3_file *file) {
    struct vfs_file *f = (struct vfs_file *)file;
    // SQLite commits before it closes; what is left in the batch is of a rolled-back transaction.
    (void)shm_unmap(file, 0);
    (void)file_unlock(file, SQLITE_LOCK_NONE);
    coder_done(f->coder);
    secret_free(f->coder);
    mem_free(f->batch);
    (void)close(f->fd);
    (void)atomic_fetch_sub(&f->v->open_files, 1);
    return SQLITE_OK;
}

// ---------------------------------------------------------------------------------- the database

// Whether memory has the page that the file has now: only what seals it is read.
static bool page_from_cache(struct vfs_file *f, uint32_t pgno, uint8_t *out) {
    const struct cache_place at = {.number = pgno};
    uint8_t *raw = f->coder->raw, *reserved = raw + PAGE_TEXT_BYTES;
    size_t n = 0;
    return cache_may_have(&f->v->cache, at) &&
           os_read(f->fd, reserved, VFS_RESERVED_BYTES,
                   (int64_t)pgno * PAGE_BYTES - VFS_RESERVED_BYTES, &n) == 0 &&
           n == VFS_RESERVED_BYTES && fresh_is_known(&f->v->fresh, pgno, raw) &&
           cache_get(&f->v->cache, at, reserved, out);
}

static int page_load(struct vfs_file *f, uint32_t pgno, uint8_t *out, size_t *ret_n) {
    if (page_from_cache(f, pgno, out)) {
        *ret_n = PAGE_BYTES;
        return SQLITE_OK;
    }
    int e = os_read(f->fd, f->coder->raw, PAGE_BYTES, (int64_t)(pgno - 1) * PAGE_BYTES, ret_n);
    if (e)
        return vfs_sqlite_errno(e, SQLITE_IOERR_READ);
    if (*ret_n == 0)
        return SQLITE_IOERR_SHORT_READ;
    if (*ret_n < PAGE_BYTES)
        return SQLITE_IOERR_DATA; // the file was cut within a page
    if (!fresh_is_known(&f->v->fresh, pgno, f->coder->raw))
        return SQLITE_IOERR_DATA; // whole, perhaps, but not what was written last
    int r = page_decrypt(f->coder, pgno, f->coder->raw, out);
    if (r == 0)
        cache_put(&f->v->cache, (struct cache_place){.number = pgno},
                  f->coder->raw + PAGE_TEXT_BYTES, out);
    return vfs_sqlite_code(r);
}

// Rotation rewrites a page in place while readers are about, so a reader may meet it half written:
// it looks again with the writers kept out before it calls the page damaged.
static int page_read(struct vfs_file *f, uint32_t pgno, uint8_t *out) {
    size_t n = 0;
    int rc = page_load(f, pgno, out, &n);
    if (rc != SQLITE_IOERR_DATA)
        return rc;
    (void)pthread_mutex_lock(&f->v->fresh_lock);
    rc = page_load(f, pgno, out, &n);
    (void)pthread_mutex_unlock(&f->v->fresh_lock);
    return rc;
}

static int db_read(struct vfs_file *f, uint8_t *out, int n, int64_t offset) {
    uint32_t pgno = (uint32_t)(offset / PAGE_BYTES + 1);
    int64_t in = offset % PAGE_BYTES;
    if (n < 0 || in + n > PAGE_BYTES || offset / PAGE_BYTES >= PAGES_MAX)
        return SQLITE_IOERR_READ;
    bool whole = n == PAGE_BYTES;
    int rc = page_read(f, pgno, whole ? out : f->coder->plain);
    if (rc == SQLITE_IOERR_SHORT_READ)
        memset(out, 0, (size_t)n);
    if (rc == SQLITE_OK && !whole)
        memcpy(out, f->coder->plain + in, (size_t)n);
    return rc;
}

// One page, known to freshness. Under fresh_lock.
static int page_store(struct vfs *v, struct page_coder *c, int fd, uint32_t pgno,
                      const uint8_t *plain) {
    int r = page_encrypt(c, pgno, plain, c->raw);
    if (r < 0)
        return vfs_sqlite_code(r);
    int e = fresh_before_write(v, pgno);
    if (!e)
        e = os_write(fd, c->raw, PAGE_BYTES, (int64_t)(pgno - 1) * PAGE_BYTES);
    if (e)
        return vfs_sqlite_errno(e, SQLITE_IOERR_WRITE);
    fresh_after_write(v, pgno, c->raw);
    return SQLITE_OK;
}

// A page behind the end leaves no hole of bytes that verify as nothing.
static int fill_to(struct vfs *v, struct page_coder *c, int fd, uint32_t pages) {
    static const uint8_t zero[PAGE_BYTES];
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && v->fresh.pages < pages)
        rc = page_store(v, c, fd, v->fresh.pages + 1, zero);
    return rc;
}

int db_page_write(struct vfs *v, struct page_coder *c, int fd, uint32_t pgno, const void *plain) {
    (void)pthread_mutex_lock(&v->fresh_lock);
    int rc = fill_to(v, c, fd, pgno - 1);
    if (rc == SQLITE_OK)
        rc = page_store(v, c, fd, pgno, plain);
    (void)pthread_mutex_unlock(&v->fresh_lock);
    return rc;
}

static int db_write(struct vfs_file *f, const uint8_t *bytes, int n, int64_t offset) {
    if (n != PAGE_BYTES || offset % PAGE_BYTES || offset / PAGE_BYTES >= PAGES_MAX)
        return SQLITE_IOERR_WRITE;
    return db_page_write(f->v, f->coder, f->fd, (uint32_t)(offset / PAGE_BYTES + 1), bytes);
}

static int db_truncate(struct vfs_file *f, int64_t size) {
    struct vfs *v = f->v;
    if (size % PAGE_BYTES || size / PAGE_BYTES > PAGES_MAX)
        return SQLITE_IOERR_TRUNCATE;
    uint32_t pages = (uint32_t)(size / PAGE_BYTES);
    int rc = SQLITE_OK;
    (void)pthread_mutex_lock(&v->fresh_lock);
    if (pages > v->fresh.pages) {
        rc = fill_to(v, f->coder, f->fd, pages);
    } else if (pages < v->fresh.pages) {
        int e = fresh_truncate(v, pages);
        if (!e)
            e = os_truncate(f->fd, size);
        if (!e)
            v->fresh.pages = pages;
        rc = e ? vfs_sqlite_errno(e, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
    }
    (void)pthread_mutex_unlock(&v->fresh_lock);
    return rc;
}

// --------------------------------------------------------------------------------------- methods

static int xread(sqlite3_file *file, void *out, int n, sqlite3_int64 offset) {
    struct vfs_file *f = (struct vfs_file *)file;
    return f->is_log ? log_read(f, out, n, offset) : db_read(f, out, n, offset);
}

static int xwrite(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset) {
    struct vfs_file *f = (struct vfs_file *)file;
    return f->is_log ? log_write(f, bytes, n, offset) : db_write(f, bytes, n, offset);
}

static int xtruncate(sqlite3_file *file, sqlite3_int64 size) {
    struct vfs_file *f = (struct vfs_file *)file;
    if (!f->is_log)
        return db_truncate(f, size);
    if (size != 0)
        return SQLITE_OK; // only a hint: SQLite would save space
    int rc = log_flush(f);
    if (rc == SQLITE_OK)
        rc = log_remove(f->v);
    if (rc != SQLITE_OK)
        return rc;
    int e = os_truncate(f->fd, 0);
    return e ? vfs_sqlite_errno(e, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

static int xsync(sqlite3_file *file, int flags) {
    struct vfs_file *f = (struct vfs_file *)file;
    (void)flags;
    int rc = f->is_log ? log_flush(f) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return rc;
    int e = os_sync(f->fd);
    if (!e && f->new_file) {
        e = os_sync_dir_of(f->v->wal_path);
        f->new_file = e != 0;
    }
    if (e)
        return vfs_sqlite_errno(e, SQLITE_IOERR_FSYNC);
    if (f->is_log && !f->commit)
        return SQLITE_OK;
    (void)pthread_mutex_lock(&f->v->fresh_lock);
    if (f->is_log)
        fresh_committed(f->v, f->commit);
    else
        fresh_synced(f->v);
    (void)pthread_mutex_unlock(&f->v->fresh_lock);
    f->commit = 0;
    return SQLITE_OK;
}

static int xsize(sqlite3_file *file, sqlite3_int64 *ret) {
    struct vfs_file *f = (struct vfs_file *)file;
    int64_t size = 0;
    int rc = f->is_log ? log_flush(f) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return rc;
    int e = os_size(f->fd, &size);
    if (e)
        return SQLITE_IOERR_FSTAT;
    *ret = size;
    return SQLITE_OK;
}

static int xcontrol(sqlite3_file *file, int op, void *arg) {
    (void)file;
    switch (op) {
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE:
        return SQLITE_OK; // growing ahead would leave pages that verify as nothing
    case SQLITE_FCNTL_PERSIST_WAL:
        *(int *)arg = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE:
        *(int *)arg = 1;
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;
    }
}

static int xsector(sqlite3_file *file) {
    (void)file;
    return PAGE_BYTES;
}

static int xcharacteristics(sqlite3_file *file) {
    (void)file;
    // Without it SQLite splits writes of the log at sectors. Nothing else is promised.
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// Version 2: no memory mapping, which would show the disk's bytes.
#define COMMON_METHODS                                                                             \
    .xClose = xclose, .xRead = xread, .xWrite = xwrite, .xTruncate = xtruncate, .xSync = xsync,    \
    .xFileSize = xsize, .xFileControl = xcontrol, .xSectorSize = xsector,                          \
    .xDeviceCharacteristics = xcharacteristics, .xLock = file_lock, .xUnlock = file_unlock,        \
    .xCheckReservedLock = file_check_reserved

const sqlite3_io_methods vfs_db_methods = {
    .iVersion = 2,
    COMMON_METHODS,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};
const sqlite3_io_methods vfs_log_methods = {.iVersion = 1, COMMON_METHODS};
