// SQLite's locks and its wal-index, both in this process's memory: one process owns the store.
// There is no -shm file, which would show checksums of the text.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <assert.h>
#include <string.h>

// ------------------------------------------------------------------------------------ file locks

static int lock_inside(struct shared_locks *l, struct vfs_file *f, int level) {
    if (level == SQLITE_LOCK_SHARED) {
        if (l->pending || l->exclusive)
            return SQLITE_BUSY;
        l->shared++;
    } else if (level == SQLITE_LOCK_RESERVED) {
        if (l->reserved && l->reserved != f)
            return SQLITE_BUSY;
        l->reserved = f;
    } else {
        if (l->pending && l->pending != f)
            return SQLITE_BUSY;
        l->pending = f; // new readers wait, so that this one gets its turn
        if (level == SQLITE_LOCK_EXCLUSIVE) {
            if (l->shared > 1)
                return SQLITE_BUSY;
            l->exclusive = f;
        }
    }
    f->lock = level;
    return SQLITE_OK;
}

int file_lock(sqlite3_file *file, int level) {
    struct vfs_file *f = (struct vfs_file *)file;
    if (f->lock >= level)
        return SQLITE_OK;
    (void)pthread_mutex_lock(&f->v->lock);
    int rc = lock_inside(&f->v->locks, f, level);
    (void)pthread_mutex_unlock(&f->v->lock);
    return rc;
}

int file_unlock(sqlite3_file *file, int level) {
    struct vfs_file *f = (struct vfs_file *)file;
    struct shared_locks *l = &f->v->locks;
    (void)pthread_mutex_lock(&f->v->lock);
    if (l->exclusive == f)
        l->exclusive = NULL;
    if (l->pending == f)
        l->pending = NULL;
    if (l->reserved == f)
        l->reserved = NULL;
    if (level == SQLITE_LOCK_NONE && f->lock >= SQLITE_LOCK_SHARED) {
        assert(l->shared > 0);
        l->shared--;
    }
    if (f->lock > level)
        f->lock = level;
    (void)pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}

int file_check_reserved(sqlite3_file *file, int *ret) {
    struct vfs_file *f = (struct vfs_file *)file;
    (void)pthread_mutex_lock(&f->v->lock);
    *ret = f->v->locks.reserved != NULL;
    (void)pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}

// ------------------------------------------------------------------------------------- wal-index

int shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **ret) {
    struct vfs_file *f = (struct vfs_file *)file;
    struct shared_locks *l = &f->v->locks;
    int rc = SQLITE_OK;
    *ret = NULL;
    if (region < 0 || region >= SHM_REGIONS_MAX || bytes != SHM_REGION_BYTES)
        return SQLITE_IOERR_SHMMAP;
    (void)pthread_mutex_lock(&f->v->lock);
    if (!f->shm_used) {
        f->shm_used = true;
        l->shm_users++;
    }
    if (!l->regions[region] && extend) {
        l->regions[region] = mem_zalloc(SHM_REGION_BYTES);
        if (!l->regions[region])
            rc = SQLITE_IOERR_NOMEM;
    }
    *ret = l->regions[region];
    (void)pthread_mutex_unlock(&f->v->lock);
    return rc;
}

static int shm_take(struct shared_locks *l, struct vfs_file *f, int first, int n, int flags) {
    for (int i = first; i < first + n; i++) {
        struct vfs_file *x = l->shm_exclusive[i];
        unsigned mine = f->shm_shared >> i & 1;
        if (x && x != f)
            return SQLITE_BUSY;
        if ((flags & SQLITE_SHM_EXCLUSIVE) && l->shm_shared[i] > mine)
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + n; i++) {
        if (flags & SQLITE_SHM_EXCLUSIVE) {
            l->shm_exclusive[i] = f;
            if (i == SHM_RECOVER_LOCK)
                l->recoverer = pthread_self();
            f->shm_exclusive |= 1u << i;
        } else if (!(f->shm_shared >> i & 1)) {
            l->shm_shared[i]++;
            f->shm_shared |= 1u << i;
        }
    }
    return SQLITE_OK;
}

static void shm_give(struct shared_locks *l, struct vfs_file *f, int first, int n) {
    for (int i = first; i < first + n; i++) {
        if (l->shm_exclusive[i] == f)
            l->shm_exclusive[i] = NULL;
        if (f->shm_shared >> i & 1) {
            assert(l->shm_shared[i] > 0);
            l->shm_shared[i]--;
        }
        f->shm_exclusive &= ~(1u << i);
        f->shm_shared &= ~(1u << i);
    }
}

int shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    struct vfs_file *f = (struct vfs_file *)file;
    int rc = SQLITE_OK;
    if (offset < 0 || n < 1 || offset + n > SQLITE_SHM_NLOCK)
        return SQLITE_IOERR_SHMLOCK;
    (void)pthread_mutex_lock(&f->v->lock);
    if (flags & SQLITE_SHM_UNLOCK)
        shm_give(&f->v->locks, f, offset, n);
    else
        rc = shm_take(&f->v->locks, f, offset, n, flags);
    (void)pthread_mutex_unlock(&f->v->lock);
    return rc;
}

// SQLite takes its locks on the database's handle and reads the log through another.
bool shm_recovering(struct vfs *v) {
    (void)pthread_mutex_lock(&v->lock);
    bool yes = v->locks.shm_exclusive[SHM_RECOVER_LOCK] &&
               pthread_equal(v->locks.recoverer, pthread_self());
    (void)pthread_mutex_unlock(&v->lock);
    return yes;
}

void shm_barrier(sqlite3_file *file) {
    struct vfs_file *f = (struct vfs_file *)file;
    atomic_thread_fence(memory_order_seq_cst);
    // Like SQLite's own VFS: the mutex tells thread checkers, too, what is ordered.
    (void)pthread_mutex_lock(&f->v->lock);
    (void)pthread_mutex_unlock(&f->v->lock);
}

int shm_unmap(sqlite3_file *file, int remove) {
    struct vfs_file *f = (struct vfs_file *)file;
    struct shared_locks *l = &f->v->locks;
    (void)remove;
    (void)pthread_mutex_lock(&f->v->lock);
    if (f->shm_used) {
        shm_give(l, f, 0, SQLITE_SHM_NLOCK);
        f->shm_used = false;
        // The last one takes the index with it; the next to come recovers it from the log.
        if (--l->shm_users == 0)
            for (size_t i = 0; i < SHM_REGIONS_MAX; i++) {
                mem_free(l->regions[i]);
                l->regions[i] = NULL;
            }
    }
    (void)pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}
